/* Records for the log's owner: see owner_records.h. */
#include "service/owner_records.h"

#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/frame.h"

enum { ARENA_CHUNK_BYTES = 64 << 10, FRAME_LIMIT_BYTES = 64 << 20 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

bool bb_owner_records_put(struct bb_buffer *out, uint32_t partition,
                          const struct bb_log_record *record) {
    bb_buffer_append_byte(out, record->kind);
    bb_put_varint(out, partition);
    bb_put_varint(out, record->readings);
    bb_put_zigzag(out, record->received_ms);
    bb_put_varint(out, record->body.size);
    bb_buffer_append_span(out, record->body);
    return !out->overflow;
}

static bool take(struct bb_cursor *in, uint32_t *partition, struct bb_log_record *out) {
    uint8_t kind = bb_cursor_byte(in);
    uint64_t number = bb_cursor_varint(in);
    uint64_t readings = bb_cursor_varint(in);

    *out = (struct bb_log_record){.kind = kind, .received_ms = bb_cursor_zigzag(in)};
    uint64_t size = bb_cursor_varint(in);
    out->body = bb_cursor_bytes(in, (size_t)size);
    *partition = (uint32_t)number;
    out->readings = (uint32_t)readings;
    return !in->failed && number <= UINT32_MAX && readings <= UINT32_MAX &&
           (kind == BB_RECORD_FRAME || kind == BB_RECORD_MASTER || kind == BB_RECORD_TICK ||
            kind == BB_RECORD_ARCHIVE);
}

static int check_all(const struct bb_plant *plant, struct bb_span records, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(records);
    struct bb_log_record record;
    uint32_t partition;

    while (bb_cursor_left(&in) > 0)
        if (!take(&in, &partition, &record) || partition >= plant->log->partitions)
            return BB_FAIL(error, BB_E_PARAMETER, "the body holds no records for the log");
    return 0;
}

/* The frame as if it had come at another moment. */
static int restamp(struct bb_span body, int64_t received_ms, struct bb_buffer *out,
                   struct bb_error *error) {
    struct bb_arena arena;
    struct bb_frame frame;

    bb_buffer_clear(out);
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = bb_frame_decode(body, &arena, &frame, error);
    for (uint32_t i = 0; !result && i < frame.count; i++)
        if (frame.issued_ms[i] == frame.received_ms)
            frame.issued_ms[i] = received_ms;
    frame.received_ms = received_ms;
    if (!result)
        result = bb_frame_encode(&frame, &arena, out, error);
    bb_arena_release(&arena);
    return result;
}

static int append(struct bb_plant *plant, uint32_t partition, struct bb_log_record *record,
                  struct bb_buffer *scratch, struct bb_error *error) {
    int result = 0;

    if (record->kind == BB_RECORD_FRAME) {
        int64_t told_ms = record->received_ms;
        record->received_ms = bb_ledger_receive(&plant->ledger, told_ms);
        if (record->received_ms != told_ms) {
            result = restamp(record->body, record->received_ms, scratch, error);
            record->body = bb_buffer_span(scratch);
        }
    }
    return result ? result : plant->log->ops->append(plant->log, partition, record, error);
}

int bb_owner_records_append(struct bb_plant *plant, struct bb_span records,
                            struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(records);
    struct bb_buffer scratch;
    int result = check_all(plant, records, error);

    bb_buffer_init(&scratch, FRAME_LIMIT_BYTES);
    while (!result && bb_cursor_left(&in) > 0) {
        struct bb_log_record record;
        uint32_t partition;
        (void)!take(&in, &partition, &record);
        result = append(plant, partition, &record, &scratch, error);
    }
    bb_buffer_release(&scratch);
    return result;
}
