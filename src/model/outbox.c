/* Outbox records and channel records: see outbox.h. Pure. */
#include "model/outbox.h"

#include "model/attribute_pack.h"

enum { OUTBOX_VERSION = 1, CHANNEL_VERSION = 2 };

void bb_outbox_encode(const struct bb_outbox_record *r, struct bb_buffer *out) {
    uint8_t head[4] = {OUTBOX_VERSION, r->kind, r->check, (uint8_t)r->exponent};

    bb_buffer_append(out, head, sizeof head);
    bb_put_zigzag(out, r->recorded_ms);
    bb_put_text(out, r->tenant);
    bb_put_text(out, r->usage_point);
    bb_put_text(out, r->channel);
    bb_put_zigzag(out, r->from_ms);
    bb_put_zigzag(out, r->to_ms);
    bb_put_zigzag(out, r->a);
    bb_put_zigzag(out, r->b);
    bb_put_text(out, r->body);
}

int bb_outbox_decode(struct bb_span bytes, struct bb_outbox_record *out, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);

    memset(out, 0, sizeof *out);
    uint8_t version = bb_cursor_byte(&in);
    if (version != OUTBOX_VERSION)
        return version == 0 ? BB_FAIL(error, BB_E_STORE_CORRUPT, "an outbox record is damaged")
                            : BB_FAIL_VERSION(error, "an outbox record", version, OUTBOX_VERSION);
    out->kind = bb_cursor_byte(&in);
    out->check = bb_cursor_byte(&in);
    out->exponent = (int8_t)bb_cursor_byte(&in);
    out->recorded_ms = bb_cursor_zigzag(&in);
    out->tenant = bb_cursor_text(&in);
    out->usage_point = bb_cursor_text(&in);
    out->channel = bb_cursor_text(&in);
    out->from_ms = bb_cursor_zigzag(&in);
    out->to_ms = bb_cursor_zigzag(&in);
    out->a = bb_cursor_zigzag(&in);
    out->b = bb_cursor_zigzag(&in);
    out->body = bb_cursor_text(&in);
    if (in.failed)
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "an outbox record is damaged");
    return 0;
}

void bb_channel_record_encode(const struct bb_channel_record *r, struct bb_buffer *out) {
    uint8_t head[] = {CHANNEL_VERSION,     r->kind,      r->commodity,      r->unit,
                      (uint8_t)r->one_way, r->told_kind, r->told_commodity, r->metered_unit};

    bb_buffer_append(out, head, sizeof head);
    bb_put_varint(out, r->number);
    bb_put_zigzag(out, r->derived_unit);
    bb_put_varint(out, r->interval_s);
    bb_put_zigzag(out, r->day_start_s);
    bb_put_text(out, r->zone);
    bb_put_text(out, r->obis);
    bb_put_zigzag(out, r->first_received_ms);
    bb_put_zigzag(out, r->first_line);
    bb_put_varint(out, r->told_interval_s);
    bb_put_text(out, r->told_zone);
    bb_put_text(out, r->told_obis);
    bb_put_zigzag(out, r->capacity);
    bb_put_text(out, r->installations);
    bb_put_text(out, r->holidays);
    if (r->profile_hash == 0 && r->rules_hash == 0) /* not a byte, as before there were any */
        return;
    bb_put_text(out, r->profile);
    bb_put_varint(out, r->profile_hash);
    if (r->rules_hash != 0)
        bb_put_varint(out, r->rules_hash);
}

int bb_channel_record_decode(struct bb_span bytes, struct bb_channel_record *out,
                             struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);

    memset(out, 0, sizeof *out);
    uint8_t version = bb_cursor_byte(&in);
    if (version != CHANNEL_VERSION)
        return version == 0 ? BB_FAIL(error, BB_E_STORE_CORRUPT, "a channel record is damaged")
                            : BB_FAIL_VERSION(error, "a channel record", version, CHANNEL_VERSION);
    out->kind = bb_cursor_byte(&in);
    out->commodity = bb_cursor_byte(&in);
    out->unit = bb_cursor_byte(&in);
    out->one_way = (int8_t)bb_cursor_byte(&in);
    out->told_kind = bb_cursor_byte(&in);
    out->told_commodity = bb_cursor_byte(&in);
    out->metered_unit = bb_cursor_byte(&in);
    out->number = (uint32_t)bb_cursor_varint(&in);
    out->derived_unit = (int16_t)bb_cursor_zigzag(&in);
    out->interval_s = (uint32_t)bb_cursor_varint(&in);
    out->day_start_s = (int32_t)bb_cursor_zigzag(&in);
    out->zone = bb_cursor_text(&in);
    out->obis = bb_cursor_text(&in);
    out->first_received_ms = bb_cursor_zigzag(&in);
    out->first_line = bb_cursor_zigzag(&in);
    out->told_interval_s = (uint32_t)bb_cursor_varint(&in);
    out->told_zone = bb_cursor_text(&in);
    out->told_obis = bb_cursor_text(&in);
    out->capacity = bb_cursor_zigzag(&in);
    out->installations = bb_cursor_text(&in);
    out->holidays = bb_cursor_text(&in);
    out->profile = (struct bb_span){"", 0};
    if (bb_cursor_left(&in) > 0) {
        out->profile = bb_cursor_text(&in);
        out->profile_hash = bb_cursor_varint(&in);
    }
    if (bb_cursor_left(&in) > 0)
        out->rules_hash = bb_cursor_varint(&in);
    if (in.failed)
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "a channel record is damaged");
    return 0;
}
