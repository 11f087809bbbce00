/* An answer of any length, made piece by piece in bb_http_out: what fits one piece is answered whole, so that
 * an error on the way is still a problem; what is longer is streamed.
 *
 * Whoever makes it holds no view of the store across bb_http_flow_pass: it waits for the reader.
 */
#ifndef BB_HTTP_FLOW_INTERNAL_H
#define BB_HTTP_FLOW_INTERNAL_H

#include "http/call.h"

enum { BB_HTTP_FLOW_PIECE_BYTES = 256 << 10 };

struct bb_http_flow {
    struct bb_http_call *call;
    const char *type;
    bool streams;
};

/* Pass on what there is, when it is a piece. */
int bb_http_flow_pass(struct bb_http_flow *flow, struct bb_error *error) BB_MUST_USE;
/* The end of the answer. */
int bb_http_flow_end(struct bb_http_flow *flow, struct bb_error *error) BB_MUST_USE;

#endif
