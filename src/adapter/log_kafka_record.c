/* Records as messages: the body is the value, all else travels as headers in plain text, so that any Kafka tool shows what a
 * record is; received_ms is the message's timestamp.
 *
 *   kind, readings, before    decimal; `before`: readings made visible by all records before it, which is what lets anyone
 *                             tell a lag in readings from two single records
 *   file_id                   16 hexadecimal digits: the message that brought it, a file or a post or what was taken of foreign
 *                             topics at a time; absent: none
 *   tenant, source, format    of frames; the format is that of the value, "frame/1" (model/frame.h)
 */
#include "adapter/log_kafka_internal.h"
#include "model/frame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_number(rd_kafka_headers_t *to, const char *name, uint64_t value) {
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, value);

    (void)rd_kafka_header_add(to, name, -1, text, size);
}

static void add_text(rd_kafka_headers_t *to, const char *name, struct bb_span text) {
    (void)rd_kafka_header_add(to, name, -1, text.data, (ssize_t)text.size);
}

rd_kafka_headers_t *bb_kafka_headers_of(const struct bb_log_record *record, uint64_t before) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(7);
    struct bb_span tenant, source;
    struct bb_error not_a_frame; /* its reader will say so: here it only has no tenant */

    add_number(headers, "kind", record->kind);
    add_number(headers, "readings", record->readings);
    add_number(headers, "before", before);
    if (record->file_id) {
        char text[24];
        int size = snprintf(text, sizeof text, "%016" PRIx64, record->file_id);
        (void)rd_kafka_header_add(headers, "file_id", -1, text, size);
    }
    if ((record->kind == BB_RECORD_FRAME || record->kind == BB_RECORD_FILE_FRAME) &&
        bb_frame_decode_head(record->body, &tenant, &source, &not_a_frame) == 0) {
        add_text(headers, "tenant", tenant);
        add_text(headers, "source", source);
        add_text(headers, "format", BB_SPAN("frame/1"));
    }
    return headers;
}

/* False: absent, no number, or above `limit`. */
static bool get_number(const rd_kafka_headers_t *headers, const char *name, int base,
                       uint64_t limit, uint64_t *out) {
    const void *value = NULL;
    size_t size = 0;
    char text[24], *end;

    if (rd_kafka_header_get_last(headers, name, &value, &size) || size == 0 || size >= sizeof text)
        return false;
    memcpy(text, value, size);
    text[size] = '\0';
    errno = 0;
    *out = strtoull(text, &end, base);
    return errno == 0 && *end == '\0' && text[0] != '-' && *out <= limit;
}

int bb_kafka_record_of(const rd_kafka_message_t *message, struct bb_kafka_record *out,
                       struct bb_error *error) {
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    uint64_t kind = 0, readings = 0, file_id = 0;

    *out = (struct bb_kafka_record){.offset = (uint64_t)message->offset,
                                    .received_ms = rd_kafka_message_timestamp(message, &type)};
    bool whole = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 get_number(headers, "kind", 10, UINT8_MAX, &kind) &&
                 get_number(headers, "readings", 10, UINT32_MAX, &readings) &&
                 get_number(headers, "before", 10, UINT64_MAX, &out->before) &&
                 message->len <= BB_LOG_BODY_BYTES;
    if (!whole)
        return BB_FAIL(error, BB_E_KAFKA_FOREIGN,
                       "the record at offset %" PRId64 " of topic %s, partition %" PRId32
                       " lacks busbar's headers",
                       message->offset, rd_kafka_topic_name(message->rkt), message->partition);
    (void)get_number(headers, "file_id", 16, UINT64_MAX, &file_id);
    out->kind = (uint8_t)kind;
    out->readings = (uint32_t)readings;
    out->file_id = file_id;
    return 0;
}
