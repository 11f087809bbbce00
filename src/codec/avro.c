/* Avro as a format of files and posts: an object container file, or messages one behind the other as the map
 * says. The "line" of a message is the number of the object.
 *
 *   stream ─► window ─┬─► avro_container.c: blocks ─┬─► avro_decoder.c: datum ─► cells ─► rows
 *                     └─► framed or raw messages ───┘
 *
 * Called by whoever decodes, on its thread; memory is bounded by the largest block or datum. */
#include "codec/avro_decoder_internal.h"

enum { HEADER_BYTES = 16, WINDOW_MAX = BB_AVRO_BLOCK_MAX + (1 << 20) };

struct run {
    struct bb_avro_decoder *decoder;
    struct bb_avro_window window;
    uint64_t line; /* of the datum before */
    bool lost;     /* where the next datum begins is not known */
};

/* Nobody knows where the next one would begin. */
static int refuse_rest(struct run *r, const struct bb_error *problem, struct bb_error *error) {
    struct bb_error reason = {0};

    BB_FAIL(&reason, problem->code, "%.480s; what follows it is not read", problem->text);
    r->lost = true;
    return bb_row_reject(r->decoder->writer, r->line + 1, &reason, error);
}

/* Data from the unread bytes, as much as is whole. *wanted: how many bytes to have before the next try. */
static int read_messages(struct run *r, enum bb_avro_framing framing, size_t *wanted,
                         struct bb_error *error) {
    struct bb_avro_window *window = &r->window;

    while (window->start < window->filled) {
        struct bb_span bytes = bb_avro_window_unread(window);
        const struct bb_avro_program *program;
        struct bb_error reason = {0};
        struct bb_avro_datum datum = {.begin = bytes.data,
                                      .limit = bytes.data + bytes.size,
                                      .padding = bytes.data + bytes.size + window->padding};
        int outcome = bb_avro_open_message(r->decoder, framing, &datum.begin, datum.limit, &program,
                                           &reason, error);
        if (outcome == BB_AVRO_READ)
            outcome = bb_avro_read_datum(r->decoder, program, &datum, &reason, error);
        if (outcome == BB_AVRO_READ && datum.end == bytes.data) { /* it would never end */
            BB_FAIL(&reason, BB_E_AVRO_SCHEMA, "a reading of the map's schema takes no bytes");
            outcome = BB_AVRO_REFUSED;
        }
        if (outcome == BB_AVRO_SHORT && !window->ended) {
            *wanted = 2 * bytes.size;
            return 0;
        }
        if (outcome > 0)
            return refuse_rest(r, &reason, error);
        if (outcome == 0)
            outcome = bb_avro_put_rows(r->decoder, program, &datum, ++r->line, error);
        if (outcome)
            return outcome;
        window->start += (size_t)(datum.end - bytes.data);
    }
    *wanted = 1;
    return 0;
}

static int run_messages(struct run *r, enum bb_avro_framing framing, struct bb_error *error) {
    size_t wanted = 1;

    while (!r->lost) {
        int failure = bb_row_settle(r->decoder->writer, error); /* the window moves */
        if (failure == 0)
            failure = bb_avro_window_need(&r->window, wanted, error);
        if (failure == 0 && r->window.start == r->window.filled)
            return 0;
        if (failure == 0)
            failure = read_messages(r, framing, &wanted, error);
        if (failure)
            return failure;
    }
    return 0;
}

static int run(struct run *r, struct bb_error *error) {
    int failure = bb_avro_window_need(&r->window, HEADER_BYTES, error);

    if (failure)
        return failure;
    struct bb_span head = bb_avro_window_unread(&r->window);
    if (head.size == 0)
        return BB_FAIL(error, BB_E_INPUT_EMPTY, "the input is empty");
    enum bb_avro_framing framing = bb_avro_framing_of(r->decoder, head);
    if (framing == BB_AVRO_FRAMING_RAW && !r->decoder->form->writer)
        return BB_FAIL(
            error, BB_E_AVRO_SCHEMA_UNKNOWN,
            "this is no object container file, and its bytes do not say what their schema "
            "is; name it in a map, under `avro: {schema: ...}`");
    failure = framing == BB_AVRO_FRAMING_CONTAINER
                  ? bb_avro_container_read(r->decoder, &r->window, &r->line, error)
                  : run_messages(r, framing, error);
    return failure ? failure : bb_row_finish(r->decoder->writer, error);
}

static int decode(struct bb_input input, const struct bb_decode_options *given,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    struct bb_avro_decoder decoder;
    struct bb_decode_options options = *given;
    struct run r = {.decoder = &decoder};

    options.memory = NULL; /* what it learns may point into the map */
    int failure = bb_avro_decoder_init(&decoder, &options, table, sink, error);
    if (failure == 0)
        failure = bb_avro_window_init(&r.window, input, WINDOW_MAX, error);
    if (failure == 0)
        failure = run(&r, error);
    if (failure)
        bb_error_locate(error, options.source, 0);
    bb_avro_decoder_release(&decoder);
    bb_avro_window_release(&r.window);
    return failure;
}

static int sniff(struct bb_span head, bool whole) {
    (void)whole;
    if (bb_span_starts_with(head, BB_SPAN("Obj\x01")))
        return 100;
    /* The mark of single objects, and no UTF-8. */
    return bb_span_starts_with(head, BB_SPAN("\xc3\x01")) && head.size >= 10 ? 70 : 0;
}

const struct bb_format_row bb_format_avro = {
    .name = "avro",
    .title = "Apache Avro: object container files; with a map also single messages",
    .binary = true,
    .sniff = sniff,
    .decode = decode,
};
