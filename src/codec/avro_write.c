/* Changes to bytes: see avro_write.h. */
#include "codec/avro_write.h"

#include "base/varint.h"

#define TIME_TYPE "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"

/* In the order in which put_datum writes. */
const char bb_avro_change_schema[] =
    "{\"type\":\"record\",\"name\":\"Change\",\"namespace\":\"busbar\",\"fields\":["
    "{\"name\":\"tenant\",\"type\":\"string\"},"
    "{\"name\":\"usage_point\",\"type\":\"string\"},"
    "{\"name\":\"channel\",\"type\":\"string\"},"
    "{\"name\":\"lane\",\"type\":\"string\"},"
    "{\"name\":\"start\",\"type\":" TIME_TYPE "},"
    "{\"name\":\"end\",\"type\":" TIME_TYPE "},"
    "{\"name\":\"old\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"new\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"unit\",\"type\":\"string\"},"
    "{\"name\":\"quality\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"recorded\",\"type\":" TIME_TYPE "},"
    "{\"name\":\"why\",\"type\":\"string\"},"
    "{\"name\":\"sequence\",\"type\":\"long\"}]}";

static void put_long(struct bb_buffer *out, int64_t value) {
    if (bb_buffer_reserve(out, BB_VARINT_MAX)) {
        uint8_t *at = (uint8_t *)out->data + out->size;
        out->size += (size_t)(bb_varint_put(at, bb_zigzag(value)) - at);
    }
}

static void put_text(struct bb_buffer *out, struct bb_span text) {
    put_long(out, (int64_t)text.size);
    bb_buffer_append_span(out, text);
}

/* Null, or the decimal's own digits. */
static void put_value(struct bb_buffer *out, bool has, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    put_long(out, has);
    if (has)
        put_text(out, (struct bb_span){text, bb_decimal_format(value, false, text)});
}

static void put_datum(const struct bb_avro_change *change, struct bb_buffer *out) {
    put_text(out, change->tenant);
    put_text(out, change->usage_point);
    put_text(out, change->channel);
    put_text(out, change->lane);
    put_long(out, change->start_ms);
    put_long(out, change->end_ms);
    put_value(out, change->has_old, change->old_value);
    put_value(out, change->has_new, change->new_value);
    put_text(out, change->unit);
    if (change->quality_count > 0)
        put_long(out, change->quality_count);
    for (uint32_t i = 0; i < change->quality_count; i++)
        put_text(out, change->quality[i]);
    put_long(out, 0);
    put_long(out, change->recorded_ms);
    put_text(out, change->why);
    put_long(out, change->sequence);
}

void bb_avro_write_single(const struct bb_avro_change *change, struct bb_buffer *out) {
    bb_buffer_append_byte(out, 0xc3);
    bb_buffer_append_byte(out, 0x01);
    for (int i = 0; i < 8; i++)
        bb_buffer_append_byte(out, (uint8_t)(BB_AVRO_CHANGE_FINGERPRINT >> (8 * i)));
    put_datum(change, out);
}

void bb_avro_write_confluent(const struct bb_avro_change *change, uint32_t schema_id,
                             struct bb_buffer *out) {
    bb_buffer_append_byte(out, 0);
    for (int i = 3; i >= 0; i--)
        bb_buffer_append_byte(out, (uint8_t)(schema_id >> (8 * i)));
    put_datum(change, out);
}
