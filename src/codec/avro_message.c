/* Messages one by one: see avro.h. */
#include "codec/avro.h"

#include "codec/avro_decoder_internal.h"

#include <stdlib.h>

struct bb_avro_messages {
    struct bb_avro_decoder decoder;
};

int bb_avro_messages_new(const struct bb_decode_options *options, struct bb_series_table *table,
                         const struct bb_decode_sink *sink, struct bb_avro_messages **out,
                         struct bb_error *error) {
    struct bb_avro_messages *messages = calloc(1, sizeof *messages);

    *out = NULL;
    if (!messages)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a decoder");
    int failure = bb_avro_decoder_init(&messages->decoder, options, table, sink, error);
    if (failure)
        bb_avro_messages_free(messages);
    else
        *out = messages;
    return failure;
}

void bb_avro_messages_free(struct bb_avro_messages *messages) {
    if (messages)
        bb_avro_decoder_release(&messages->decoder);
    free(messages);
}

/* All objects of the file count on the message's line. */
static int put_container(struct bb_avro_decoder *d, struct bb_span value, uint64_t line,
                         struct bb_error *error) {
    struct bb_avro_window window;
    uint64_t object = line - 1;

    bb_avro_window_of(&window, value);
    struct bb_error reason = {0};
    int failure = bb_avro_container_read(d, &window, &object, &reason);
    if (failure == 0)
        return 0;
    switch (reason.code) {
    case BB_E_AVRO_DATA:
    case BB_E_AVRO_SCHEMA:
    case BB_E_AVRO_CODEC:
    case BB_E_AVRO_RESOLUTION:
    case BB_E_UNPACKED_TOO_LARGE: return bb_row_reject(d->writer, line, &reason, error);
    default: *error = reason; return failure;
    }
}

int bb_avro_messages_put(struct bb_avro_messages *messages, struct bb_span value, uint64_t line,
                         struct bb_error *error) {
    struct bb_avro_decoder *d = &messages->decoder;
    const struct bb_avro_program *program;
    struct bb_error reason = {0};
    struct bb_avro_datum datum = {.begin = value.size > 0 ? value.data : ""};

    datum.limit = datum.padding = datum.begin + value.size; /* nothing is known of what is behind */
    enum bb_avro_framing framing = bb_avro_framing_of(d, value);
    if (framing == BB_AVRO_FRAMING_CONTAINER)
        return put_container(d, value, line, error);
    int outcome = bb_avro_open_message(d, framing, &datum.begin, datum.limit, &program, &reason,
                                       error);
    if (outcome == BB_AVRO_READ)
        outcome = bb_avro_read_datum(d, program, &datum, &reason, error);
    if (outcome == BB_AVRO_READ && datum.end != datum.limit) {
        BB_FAIL(&reason, BB_E_AVRO_DATA, "%zu bytes follow the reading: another schema wrote it",
                (size_t)(datum.limit - datum.end));
        outcome = BB_AVRO_REFUSED;
    }
    if (outcome > 0)
        return bb_row_reject(d->writer, line, &reason, error);
    return outcome ? outcome : bb_avro_put_rows(d, program, &datum, line, error);
}

int bb_avro_messages_settle(struct bb_avro_messages *messages, struct bb_error *error) {
    return bb_row_settle(messages->decoder.writer, error);
}

int bb_avro_messages_finish(struct bb_avro_messages *messages, struct bb_error *error) {
    return bb_row_finish(messages->decoder.writer, error);
}
