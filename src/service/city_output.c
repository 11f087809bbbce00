/* Text on its way from the city to a sink: chunks, and parts with a header and a trailer. */
#include "service/city_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct city_output *out, const char *text) {
    size_t size = strlen(text);

    memcpy(out->at, text, size);
    out->at += size;
}

static int flush(struct city_output *out, struct bb_error *error) {
    size_t size = (size_t)(out->at - out->buffer);

    out->at = out->buffer;
    out->part_bytes += size;
    return size ? out->sink->write(out->sink->context, out->buffer, size, error) : 0;
}

int bb_city_output_open(struct city_output *out, const struct bb_city_sink *sink,
                        const char *header, const char *trailer, struct bb_error *error) {
    *out = (struct city_output){.sink = sink, .header = header, .trailer = trailer};
    out->buffer = malloc(CITY_CHUNK_BYTES + CITY_LINE_MAX_BYTES);
    if (!out->buffer)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a buffer");
    out->at = out->buffer;
    put(out, header);
    return 0;
}

int bb_city_output_make_room(struct city_output *out, struct bb_error *error) {
    const struct bb_city_sink *sink = out->sink;
    int status = flush(out, error);

    if (status < 0 || !sink->next_part ||
        out->part_bytes + CITY_CHUNK_BYTES + CITY_LINE_MAX_BYTES <= sink->part_bytes)
        return status;
    put(out, out->trailer);
    if ((status = flush(out, error)) < 0 || (status = sink->next_part(sink->context, error)) < 0)
        return status;
    out->part_bytes = 0;
    put(out, out->header);
    return CITY_NEXT_PART;
}

void bb_city_output_format(struct city_output *out, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(out->at, CITY_LINE_MAX_BYTES, format, arguments);
    va_end(arguments);
    BB_ASSERT(size >= 0 && size < CITY_LINE_MAX_BYTES);
    out->at += size;
}

int bb_city_output_close(struct city_output *out, int status, struct bb_error *error) {
    if (status >= 0) {
        put(out, out->trailer);
        status = flush(out, error);
    }
    free(out->buffer);
    return status;
}
