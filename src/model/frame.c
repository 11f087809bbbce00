/* Frames: see frame.h for the layout. Pure. */
#include "model/frame.h"

#include "model/attribute_pack.h"
#include "model/master.h"
#include "model/pack.h"
#include "model/unit.h"

enum { FRAME_VERSION = 1, SERIES_PACKED_MIN = 3 };

/* Fields of a series that are written only where they differ from the series before. */
enum {
    DIFFERS_CHANNEL = 1,
    DIFFERS_ZONE = 2,
    DIFFERS_OBIS = 4,
    DIFFERS_INTERVAL = 8,
    DIFFERS_KINDS = 16,
    DIFFERS_ALL = 31
};

/* What stands before the first series. */
static const struct bb_series no_series;

/* How many leading bytes two names share. */
static size_t shared_prefix(struct bb_span a, struct bb_span b) {
    size_t limit = a.size < b.size ? a.size : b.size, i = 0;

    for (; i + 8 <= limit; i += 8) {
        uint64_t x, y;
        memcpy(&x, a.data + i, 8);
        memcpy(&y, b.data + i, 8);
        if (x != y)
            return i + (size_t)__builtin_ctzll(x ^ y) / 8; /* the first byte is the lowest */
    }
    while (i < limit && a.data[i] == b.data[i])
        i++;
    return i;
}

/* Neighbours in a dictionary look alike: what the one before has is not written again. Needs room for
 * the text and two varints. */
static uint8_t *pack_text_after(struct bb_span text, struct bb_span before, uint8_t *at) {
    size_t shared = shared_prefix(text, before), rest = text.size - shared;

    at = bb_varint_put(at, shared);
    at = bb_varint_put(at, rest);
    if (rest > 0)
        memcpy(at, text.data + shared, rest);
    return at + rest;
}

static bool unpack_text_after(struct bb_cursor *in, struct bb_span before, struct bb_arena *arena,
                              struct bb_span *text) {
    uint64_t shared = bb_cursor_varint(in);
    struct bb_span rest = bb_cursor_text(in);

    if (in->failed || shared > before.size)
        return false;
    if (rest.size == 0 && shared == before.size) {
        *text = before;
        return true;
    }
    char *joined = bb_arena_take(arena, (size_t)shared + rest.size + 1);
    if (!joined)
        return false;
    if (shared)
        memcpy(joined, before.data, (size_t)shared);
    if (rest.size)
        memcpy(joined + shared, rest.data, rest.size);
    *text = (struct bb_span){joined, (size_t)shared + rest.size};
    return true;
}

static unsigned differing(const struct bb_series *s, const struct bb_series *before) {
    bool kinds = s->kind == before->kind && s->commodity == before->commodity &&
                 s->unit == before->unit;

    return (bb_span_equal(s->channel, before->channel) ? 0 : DIFFERS_CHANNEL) |
           (bb_span_equal(s->zone, before->zone) ? 0 : DIFFERS_ZONE) |
           (bb_span_equal(s->obis, before->obis) ? 0 : DIFFERS_OBIS) |
           (s->interval_s == before->interval_s ? 0 : DIFFERS_INTERVAL) |
           (kinds ? 0 : DIFFERS_KINDS);
}

static bool pack_series(const struct bb_series *s, const struct bb_series *before,
                        struct bb_buffer *out) {
    enum { BESIDE_TEXTS = 1 + 4 * 2 * BB_VARINT_MAX + BB_VARINT_MAX + 3 };
    size_t texts = s->usage_point.size + s->channel.size + s->zone.size + s->obis.size;
    unsigned differs = differing(s, before);

    if (!bb_buffer_reserve(out, texts + BESIDE_TEXTS))
        return false;
    uint8_t *begin = (uint8_t *)out->data + out->size, *at = begin;
    *at++ = (uint8_t)differs;
    at = pack_text_after(s->usage_point, before->usage_point, at);
    if (differs & DIFFERS_CHANNEL)
        at = pack_text_after(s->channel, before->channel, at);
    if (differs & DIFFERS_ZONE)
        at = pack_text_after(s->zone, before->zone, at);
    if (differs & DIFFERS_OBIS)
        at = pack_text_after(s->obis, before->obis, at);
    if (differs & DIFFERS_INTERVAL)
        at = bb_varint_put(at, s->interval_s);
    if (differs & DIFFERS_KINDS) {
        *at++ = s->kind;
        *at++ = s->commodity;
        *at++ = s->unit;
    }
    out->size += (size_t)(at - begin);
    return true;
}

static bool unpack_series(struct bb_cursor *in, const struct bb_series *before,
                          struct bb_arena *arena, struct bb_series *s) {
    unsigned differs = bb_cursor_byte(in);

    *s = *before;
    if (differs > DIFFERS_ALL ||
        !unpack_text_after(in, before->usage_point, arena, &s->usage_point) ||
        (differs & DIFFERS_CHANNEL &&
         !unpack_text_after(in, before->channel, arena, &s->channel)) ||
        (differs & DIFFERS_ZONE && !unpack_text_after(in, before->zone, arena, &s->zone)) ||
        (differs & DIFFERS_OBIS && !unpack_text_after(in, before->obis, arena, &s->obis)))
        return false;
    if (differs & DIFFERS_INTERVAL)
        s->interval_s = (uint32_t)bb_cursor_varint(in);
    if (differs & DIFFERS_KINDS) {
        s->kind = bb_cursor_byte(in);
        s->commodity = bb_cursor_byte(in);
        s->unit = bb_cursor_byte(in);
    }
    return !in->failed && s->kind < BB_KIND_COUNT && s->commodity < BB_COMMODITY_COUNT &&
           s->unit < BB_UNIT_COUNT && s->usage_point.size - 1 < BB_NAME_MAX &&
           s->channel.size - 1 < BB_NAME_MAX;
}

static bool take_columns(struct bb_frame *frame, uint32_t count, struct bb_arena *arena) {
    enum { COLUMNS = 5 };
    int64_t *columns = bb_arena_take(arena, (size_t)count * COLUMNS * sizeof *columns);
    int64_t **targets[COLUMNS] = {&frame->attribute, &frame->end_ms, &frame->mantissa, &frame->line,
                                  &frame->issued_ms};

    frame->count = count;
    frame->series_rows = bb_arena_take_array(arena, frame->series_count,
                                             sizeof *frame->series_rows);
    for (size_t i = 0; columns && i < COLUMNS; i++)
        *targets[i] = columns + i * count;
    return columns && frame->series_rows;
}

bool bb_frame_set_rows(struct bb_frame *frame, const struct bb_frame_row *rows, uint32_t count,
                       struct bb_arena *arena) {
    uint32_t *next = bb_arena_take(arena, frame->series_count * sizeof *next), start = 0;

    if (!next || !take_columns(frame, count, arena))
        return false;
    for (uint32_t i = 0; i < count; i++)
        frame->series_rows[rows[i].series]++;
    for (uint32_t s = 0; s < frame->series_count; s++) {
        next[s] = start;
        start += (uint32_t)frame->series_rows[s];
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = next[rows[i].series]++;
        frame->attribute[at] = rows[i].attribute;
        frame->end_ms[at] = rows[i].end_ms;
        frame->mantissa[at] = rows[i].mantissa;
        frame->line[at] = rows[i].line;
        frame->issued_ms[at] = rows[i].issued_ms;
    }
    return true;
}

static bool pack_issued(const struct bb_frame *frame, struct bb_arena *scratch,
                        struct bb_buffer *out) {
    bb_buffer_append_byte(out, frame->issued_ms != NULL);
    if (!frame->issued_ms)
        return !out->overflow;
    int64_t *relative = bb_arena_take(scratch, frame->count * sizeof *relative);
    for (size_t i = 0; relative && i < frame->count; i++)
        relative[i] = (int64_t)((uint64_t)frame->issued_ms[i] - (uint64_t)frame->received_ms);
    return relative && bb_pack_i64(relative, frame->count, scratch, out);
}

int bb_frame_encode(const struct bb_frame *frame, struct bb_arena *scratch, struct bb_buffer *out,
                    struct bb_error *error) {
    size_t n = frame->count;

    bb_buffer_append_byte(out, FRAME_VERSION);
    bb_put_text(out, frame->tenant);
    bb_put_text(out, frame->source);
    bb_put_zigzag(out, frame->received_ms);
    bb_put_varint(out, n);
    bb_put_varint(out, frame->series_count);
    bool done = !out->overflow;
    const struct bb_series *before = &no_series;
    for (uint32_t i = 0; done && i < frame->series_count; i++) {
        done = pack_series(&frame->series[i], before, out);
        before = &frame->series[i];
    }
    done = done && bb_attributes_pack(frame->attributes, frame->attribute_count, out) &&
           bb_pack_i64(frame->series_rows, frame->series_count, scratch, out) &&
           bb_pack_i64(frame->attribute, n, scratch, out) &&
           bb_pack_i64(frame->end_ms, n, scratch, out) &&
           bb_pack_i64(frame->mantissa, n, scratch, out) &&
           bb_pack_i64(frame->line, n, scratch, out) && pack_issued(frame, scratch, out);
    if (!done || out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack a frame of %zu readings", n);
    return 0;
}

static bool unpack_dictionaries(struct bb_cursor *in, struct bb_arena *arena,
                                struct bb_frame *out) {
    uint64_t series_count = bb_cursor_varint(in);

    if (in->failed || series_count > bb_cursor_left(in) / SERIES_PACKED_MIN)
        return false;
    out->series_count = (uint32_t)series_count;
    out->series = bb_arena_take(arena, (size_t)series_count * sizeof *out->series);
    const struct bb_series *before = &no_series;
    for (uint64_t i = 0; out->series && i < series_count; i++) {
        if (!unpack_series(in, before, arena, &out->series[i]))
            return false;
        before = &out->series[i];
    }
    out->attributes = bb_attributes_unpack(in, arena, &out->attribute_count);
    return out->series && out->attributes;
}

static bool indexes_within(const int64_t *column, size_t count, uint64_t limit) {
    uint64_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong |= (uint64_t)column[i] >= limit;
    return !wrong;
}

/* Every reading has a series. */
static bool rows_add_up(const struct bb_frame *frame) {
    uint64_t left = frame->count;

    for (uint32_t i = 0; i < frame->series_count; i++) {
        uint64_t rows = (uint64_t)frame->series_rows[i];
        if (rows > left)
            return false;
        left -= rows;
    }
    return left == 0;
}

static bool unpack_columns(struct bb_cursor *in, struct bb_arena *arena, struct bb_frame *out) {
    size_t n = out->count;

    if (!take_columns(out, out->count, arena) ||
        !bb_unpack_i64(in, out->series_count, out->series_rows, arena) || !rows_add_up(out))
        return false;
    int64_t *columns[] = {out->attribute, out->end_ms, out->mantissa, out->line};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (!bb_unpack_i64(in, n, columns[i], arena))
            return false;
    bool has_issued = bb_cursor_byte(in) != 0;
    if (has_issued && !bb_unpack_i64(in, n, out->issued_ms, arena))
        return false;
    for (size_t i = 0; i < n; i++)
        out->issued_ms[i] = (int64_t)((uint64_t)out->received_ms +
                                      (has_issued ? (uint64_t)out->issued_ms[i] : 0));
    return indexes_within(out->attribute, n, out->attribute_count);
}

int bb_frame_decode_head(struct bb_span bytes, struct bb_span *tenant, struct bb_span *source,
                         struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);
    uint8_t version = bb_cursor_byte(&in);

    if (version != FRAME_VERSION)
        return version == 0 ? BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's header is damaged")
                            : BB_FAIL_VERSION(error, "a frame of readings", version, FRAME_VERSION);
    *tenant = bb_cursor_text(&in);
    *source = bb_cursor_text(&in);
    return in.failed ? BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's header is damaged") : 0;
}

int bb_frame_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_frame *out,
                    struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);
    uint8_t version = bb_cursor_byte(&in);

    memset(out, 0, sizeof *out);
    if (version != 0 && version != FRAME_VERSION)
        return BB_FAIL_VERSION(error, "a frame of readings", version, FRAME_VERSION);
    out->tenant = bb_cursor_text(&in);
    out->source = bb_cursor_text(&in);
    out->received_ms = bb_cursor_zigzag(&in);
    uint64_t count = bb_cursor_varint(&in);
    if (in.failed || version == 0 || count > BB_FRAME_READINGS_MAX ||
        out->tenant.size - 1 >= BB_MASTER_TENANT_MAX)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's header is damaged");
    out->count = (uint32_t)count;
    if (!unpack_dictionaries(&in, arena, out) || !unpack_columns(&in, arena, out) || in.failed)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's columns are damaged");
    return 0;
}
