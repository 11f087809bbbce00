/* Frames: see frame.h for the layout. Pure. */
#include "model/frame.h"

#include "model/attribute_pack.h"
#include "model/master.h"
#include "model/pack.h"
#include "model/unit.h"

enum { FRAME_VERSION = 1, SERIES_PACKED_MIN = 12 };

/* What stands before the first series. */
static const struct bb_series no_series;

/* How many leading bytes two names share. */
static size_t shared_prefix(struct bb_span a, struct bb_span b) {
    size_t limit = a.size < b.size ? a.size : b.size, i = 0;

    while (i < limit && a.data[i] == b.data[i])
        i++;
    return i;
}

/* Neighbours in a dictionary look alike: what the one before has is not written again. */
static void pack_text_after(struct bb_span text, struct bb_span before, struct bb_buffer *out) {
    size_t shared = shared_prefix(text, before);

    bb_put_varint(out, shared);
    bb_put_text(out, shared ? (struct bb_span){text.data + shared, text.size - shared} : text);
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

static bool pack_series(const struct bb_series *s, const struct bb_series *before,
                        struct bb_buffer *out) {
    pack_text_after(s->usage_point, before->usage_point, out);
    pack_text_after(s->channel, before->channel, out);
    pack_text_after(s->zone, before->zone, out);
    pack_text_after(s->obis, before->obis, out);
    bb_put_varint(out, s->interval_s);
    uint8_t kinds[3] = {s->kind, s->commodity, s->unit};
    bb_buffer_append(out, kinds, sizeof kinds);
    return !out->overflow;
}

static bool unpack_series(struct bb_cursor *in, const struct bb_series *before,
                          struct bb_arena *arena, struct bb_series *s) {
    bool whole = unpack_text_after(in, before->usage_point, arena, &s->usage_point) &&
                 unpack_text_after(in, before->channel, arena, &s->channel) &&
                 unpack_text_after(in, before->zone, arena, &s->zone) &&
                 unpack_text_after(in, before->obis, arena, &s->obis);

    s->interval_s = (uint32_t)bb_cursor_varint(in);
    s->kind = bb_cursor_byte(in);
    s->commodity = bb_cursor_byte(in);
    s->unit = bb_cursor_byte(in);
    if (!whole || in->failed || s->kind >= BB_KIND_COUNT ||
        s->commodity >= BB_COMMODITY_COUNT || s->unit >= BB_UNIT_COUNT ||
        s->usage_point.size - 1 >= BB_NAME_MAX || s->channel.size - 1 >= BB_NAME_MAX)
        return false;
    s->hash = bb_series_hash(s->usage_point, s->channel);
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
           bb_pack_i64(frame->series_index, n, scratch, out) &&
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

static bool unpack_columns(struct bb_cursor *in, struct bb_arena *arena, struct bb_frame *out) {
    enum { COLUMNS = 6 };
    size_t n = out->count;
    int64_t *columns = bb_arena_take(arena, n * COLUMNS * sizeof *columns);
    int64_t **targets[COLUMNS] = {&out->series_index, &out->attribute, &out->end_ms,
                                  &out->mantissa,     &out->line,      &out->issued_ms};

    if (!columns)
        return false;
    for (int i = 0; i < COLUMNS; i++)
        *targets[i] = columns + (size_t)i * n;
    for (int i = 0; i < COLUMNS - 1; i++)
        if (!bb_unpack_i64(in, n, *targets[i], arena))
            return false;
    bool has_issued = bb_cursor_byte(in) != 0;
    if (has_issued && !bb_unpack_i64(in, n, out->issued_ms, arena))
        return false;
    for (size_t i = 0; i < n; i++)
        out->issued_ms[i] = (int64_t)((uint64_t)out->received_ms +
                                      (has_issued ? (uint64_t)out->issued_ms[i] : 0));
    return indexes_within(out->series_index, n, out->series_count) &&
           indexes_within(out->attribute, n, out->attribute_count);
}

int bb_frame_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_frame *out,
                    struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);
    uint8_t version = bb_cursor_byte(&in);

    memset(out, 0, sizeof *out);
    if (version != FRAME_VERSION)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame has version %u, known is %d", version,
                       FRAME_VERSION);
    out->tenant = bb_cursor_text(&in);
    out->source = bb_cursor_text(&in);
    out->received_ms = bb_cursor_zigzag(&in);
    uint64_t count = bb_cursor_varint(&in);
    if (in.failed || count > BB_BATCH_CAPACITY || out->tenant.size - 1 >= BB_MASTER_TENANT_MAX)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's header is damaged");
    out->count = (uint32_t)count;
    if (!unpack_dictionaries(&in, arena, out) || !unpack_columns(&in, arena, out) || in.failed)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a frame's columns are damaged");
    return 0;
}
