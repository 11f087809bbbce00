/* Packed attribute dictionaries: see attribute_pack.h. */
#include "model/attribute_pack.h"

#include "model/unit.h"

bool bb_put_varint(struct bb_buffer *out, uint64_t v) {
    if (!bb_buffer_reserve(out, BB_VARINT_MAX))
        return false;
    uint8_t *at = (uint8_t *)out->data + out->size;
    out->size += (size_t)(bb_varint_put(at, v) - at);
    return true;
}

bool bb_put_zigzag(struct bb_buffer *out, int64_t v) {
    return bb_put_varint(out, bb_zigzag(v));
}

bool bb_put_text(struct bb_buffer *out, struct bb_span text) {
    bb_put_varint(out, text.size);
    bb_buffer_append_span(out, text);
    return !out->overflow;
}

bool bb_attributes_pack(const struct bb_attribute *items, uint32_t count, struct bb_buffer *out) {
    bb_put_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct bb_attribute *a = &items[i];
        struct bb_span source = {a->quality.source,
                                 strnlen(a->quality.source, BB_QUALITY_SOURCE_MAX)};
        bb_buffer_append_byte(out, a->quality.state);
        bb_buffer_append_byte(out, a->quality.method);
        bb_put_varint(out, a->quality.marks);
        bb_put_varint(out, a->quality.checks);
        bb_put_varint(out, a->length_s);
        bb_buffer_append_byte(out, a->unit);
        bb_buffer_append_byte(out, (uint8_t)a->exponent);
        bb_buffer_append_byte(out, a->statistic);
        bb_put_text(out, source);
    }
    return !out->overflow;
}

/* Ids and exponents index tables further on. */
static bool in_range(const struct bb_attribute *a) {
    return a->quality.state < BB_STATE_COUNT && a->quality.method < BB_METHOD_COUNT &&
           a->unit < BB_UNIT_COUNT && a->statistic <= BB_STATISTIC_MAX &&
           a->exponent >= BB_DECIMAL_MIN_EXPONENT && a->exponent <= BB_DECIMAL_MAX_EXPONENT;
}

static bool unpack_one(struct bb_cursor *in, struct bb_attribute *a) {
    memset(a, 0, sizeof *a);
    a->quality.state = bb_cursor_byte(in);
    a->quality.method = bb_cursor_byte(in);
    a->quality.marks = (uint16_t)bb_cursor_varint(in);
    a->quality.checks = (uint32_t)bb_cursor_varint(in);
    a->length_s = (uint32_t)bb_cursor_varint(in);
    a->unit = bb_cursor_byte(in);
    a->exponent = (int8_t)bb_cursor_byte(in);
    a->statistic = bb_cursor_byte(in);
    struct bb_span source = bb_cursor_text(in);
    if (in->failed || source.size > BB_QUALITY_SOURCE_MAX ||
        (source.size && memchr(source.data, '\0', source.size)))
        return false;
    if (source.size)
        memcpy(a->quality.source, source.data, source.size);
    return in_range(a);
}

struct bb_attribute *bb_attributes_unpack(struct bb_cursor *in, struct bb_arena *arena,
                                          uint32_t *count) {
    enum { PACKED_MIN = 9 }; /* bytes of the smallest entry: bounds a hostile count */
    uint64_t n = bb_cursor_varint(in);

    if (in->failed || n > bb_cursor_left(in) / PACKED_MIN)
        return NULL;
    struct bb_attribute *items = bb_arena_take(arena, (size_t)n * sizeof *items);
    for (uint64_t i = 0; items && i < n; i++)
        if (!unpack_one(in, &items[i]))
            return NULL;
    *count = (uint32_t)n;
    return items;
}
