/* An answer of any length: see flow_internal.h. */
#include "http/flow_internal.h"

static int write_out(struct bb_http_flow *flow, struct bb_error *error) {
    struct bb_buffer *out = bb_http_out(flow->call);

    if (out->overflow)
        return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE, "a piece of the answer is too large");
    int result = bb_http_stream_write(flow->call, bb_buffer_span(out), error);
    bb_buffer_clear(out);
    return result;
}

int bb_http_flow_pass(struct bb_http_flow *flow, struct bb_error *error) {
    struct bb_buffer *out = bb_http_out(flow->call);
    int result = 0;

    if (out->size < BB_HTTP_FLOW_PIECE_BYTES && !out->overflow)
        return 0;
    if (!flow->streams && !out->overflow) {
        result = bb_http_stream_begin(flow->call, 200, flow->type, error);
        flow->streams = result == 0;
    }
    return result ? result : write_out(flow, error);
}

int bb_http_flow_end(struct bb_http_flow *flow, struct bb_error *error) {
    return flow->streams ? write_out(flow, error) : bb_http_answer(flow->call, 200, flow->type);
}
