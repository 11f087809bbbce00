/* Sayings: see saying.h for the layout. Pure. */
#include "derive/saying.h"

#include "base/hash.h"
#include "base/seal.h"
#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/block.h"

enum { SAYINGS_VERSION = 1, TEXTS = 4, SAYING_PACKED_MIN = 8 };

static const char *const kind_names[BB_SAYING_KINDS] = {
    [BB_SAYING_FLAG] = "flag",           [BB_SAYING_ESTIMATE] = "estimate",
    [BB_SAYING_NO_VALUE] = "no_value",   [BB_SAYING_CORRECT] = "correct",
    [BB_SAYING_EXCEPTION] = "exception", [BB_SAYING_TAG] = "tag",
    [BB_SAYING_FAILURE] = "failure",     [BB_SAYING_MAKE] = "make",
};

const char *bb_saying_kind_name(int kind) {
    return kind > 0 && kind < BB_SAYING_KINDS ? kind_names[kind] : NULL;
}

/* ---- the texts of a block, each once */

struct texts {
    struct bb_span *items;
    uint32_t *index; /* open addressing: item + 1 */
    uint32_t count, mask;
};

static bool texts_init(struct texts *t, size_t most, struct bb_arena *arena) {
    uint32_t size = 8;

    while (size < 2 * most)
        size *= 2;
    *t = (struct texts){.items = bb_arena_take_array(arena, most, sizeof *t->items),
                        .index = bb_arena_take_array(arena, size, sizeof *t->index),
                        .mask = size - 1};
    return t->items && t->index;
}

static uint32_t number_of(struct texts *t, struct bb_span text) {
    uint32_t at = (uint32_t)bb_hash(text) & t->mask;

    for (; t->index[at] != 0; at = (at + 1) & t->mask)
        if (bb_span_equal(t->items[t->index[at] - 1], text))
            return t->index[at] - 1;
    t->items[t->count] = text;
    t->index[at] = ++t->count;
    return t->count - 1;
}

static void texts_of(const struct bb_saying *s, struct bb_span out[TEXTS]) {
    out[0] = s->rule;
    out[1] = s->version;
    out[2] = s->reason;
    out[3] = s->evidence;
}

int bb_sayings_pack(const struct bb_saying *items, size_t count, struct bb_arena *scratch,
                    struct bb_buffer *out, struct bb_error *error) {
    const uint8_t head[] = {SAYINGS_VERSION, BB_LANE_RULES};
    const size_t begin = out->size;
    struct bb_span parts[TEXTS];
    struct texts texts;
    int64_t before = 0;

    BB_ASSERT(count > 0);
    if (!texts_init(&texts, TEXTS * count, scratch))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack what rules said");
    for (size_t i = 0; i < count; i++) {
        texts_of(&items[i], parts);
        for (int k = 0; k < TEXTS; k++)
            number_of(&texts, parts[k]);
    }
    bb_buffer_append(out, head, sizeof head);
    bb_put_varint(out, texts.count);
    for (uint32_t i = 0; i < texts.count; i++)
        bb_put_text(out, texts.items[i]);
    bb_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        const struct bb_saying *s = &items[i];
        bb_buffer_append_byte(out, s->kind);
        bb_put_zigzag(out, s->at_ms - before);
        bb_put_zigzag(out, s->value.mantissa);
        bb_put_zigzag(out, s->value.exponent);
        texts_of(s, parts);
        for (int k = 0; k < TEXTS; k++)
            bb_put_varint(out, number_of(&texts, parts[k]));
        before = s->at_ms;
    }
    bb_seal(out, begin);
    return out->overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack what rules said") : 0;
}

/* ---- and back */

static int damaged(struct bb_error *error, const char *what) {
    return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block of what rules said is damaged: %s", what);
}

static bool read_saying(struct bb_cursor *in, const struct bb_span *texts, uint64_t text_count,
                        int64_t before, struct bb_saying *out) {
    struct bb_span *const parts[TEXTS] = {&out->rule, &out->version, &out->reason, &out->evidence};

    out->kind = bb_cursor_byte(in);
    bool good = !__builtin_add_overflow(before, bb_cursor_zigzag(in), &out->at_ms);
    out->value.mantissa = bb_cursor_zigzag(in);
    int64_t exponent = bb_cursor_zigzag(in);
    good = good && exponent >= BB_DECIMAL_MIN_EXPONENT && exponent <= BB_DECIMAL_MAX_EXPONENT &&
           out->value.mantissa > -bb_power_of_ten[BB_DECIMAL_MAX_DIGITS] &&
           out->value.mantissa < bb_power_of_ten[BB_DECIMAL_MAX_DIGITS];
    out->value.exponent = (int8_t)(good ? exponent : 0);
    for (int k = 0; k < TEXTS; k++) {
        uint64_t number = bb_cursor_varint(in);
        good = good && number < text_count;
        *parts[k] = good ? texts[number] : (struct bb_span){NULL, 0};
    }
    return good && !in->failed && bb_saying_kind_name(out->kind);
}

int bb_sayings_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_sayings *out,
                      struct bb_error *error) {
    *out = (struct bb_sayings){NULL, 0};
    if (packed.size < 4 + BB_SEAL_BYTES)
        return damaged(error, "too short");
    if (!bb_unseal(&packed))
        return damaged(error, "its checksum differs");
    struct bb_cursor in = bb_cursor_over(packed);
    uint8_t version = bb_cursor_byte(&in), lane = bb_cursor_byte(&in);
    if (version != SAYINGS_VERSION)
        return BB_FAIL_VERSION(error, "a block of what rules said", version, SAYINGS_VERSION);
    uint64_t text_count = bb_cursor_varint(&in);
    if (lane != BB_LANE_RULES || in.failed || text_count > bb_cursor_left(&in))
        return damaged(error, "unknown form");
    struct bb_span *texts = bb_arena_take_array(arena, text_count + 1, sizeof *texts);
    for (uint64_t i = 0; texts && i < text_count; i++)
        texts[i] = bb_cursor_text(&in);
    uint64_t count = bb_cursor_varint(&in);
    if (in.failed || count == 0 || count > bb_cursor_left(&in) / SAYING_PACKED_MIN)
        return damaged(error, "its texts do not fit");
    out->items = bb_arena_take_array(arena, count, sizeof *out->items);
    if (!texts || !out->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what rules said");
    for (uint64_t i = 0; i < count; i++)
        if (!read_saying(&in, texts, text_count, i ? out->items[i - 1].at_ms : 0, &out->items[i]))
            return damaged(error, "a saying is none");
    if (bb_cursor_left(&in) > 0)
        return damaged(error, "bytes behind its end");
    out->count = count;
    return 0;
}
