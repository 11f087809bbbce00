/* Packing of integer columns: see pack.h for the forms.
 *
 * One pass measures a column (range, differences, runs); the cheapest form by estimated size is
 * written. Differences are taken modulo 2^64, so that any int64 column survives the round trip.
 * Everything here is pure; memory comes from the caller's arena.
 */
#include "model/pack.h"

enum form { FORM_CONSTANT = 0, FORM_LINEAR, FORM_FRAME, FORM_DELTA, FORM_RUNS };

/* How deep a form may nest: DELTA holds RUNS holds FRAME, and no deeper. */
enum { DEPTH_MAX = 2 };

struct shape {
    int64_t min, max;             /* of the values */
    int64_t delta_min, delta_max; /* of the differences */
    size_t runs, delta_runs;      /* stretches of equal values, of equal differences */
};

static unsigned width_of(uint64_t range) {
    return range ? 64 - (unsigned)__builtin_clzll(range) : 0;
}

static int64_t difference(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Columns are measured for every block and frame: let the compiler use wider registers where the
 * processor has them. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* Most columns are constant or linear, and these two loops see it without branches. */
WIDE static bool all_equal(const int64_t *v, size_t count) {
    uint64_t differs = 0;

    for (size_t i = 1; i < count; i++)
        differs |= (uint64_t)v[i] ^ (uint64_t)v[0];
    return !differs;
}

WIDE static bool all_steps_equal(const int64_t *v, size_t count) {
    uint64_t stride = (uint64_t)v[1] - (uint64_t)v[0], differs = 0;

    for (size_t i = 2; i < count; i++)
        differs |= ((uint64_t)v[i] - (uint64_t)v[i - 1]) ^ stride;
    return !differs;
}

/* For columns of at least three values. */
WIDE static struct shape measure(const int64_t *v, size_t count) {
    int64_t first = difference(v[1], v[0]);
    int64_t min = v[0] < v[1] ? v[0] : v[1], max = v[0] < v[1] ? v[1] : v[0];
    int64_t delta_min = first, delta_max = first;
    uint64_t runs = 1 + (first != 0), delta_runs = 1;

    for (size_t i = 2; i < count; i++) {
        int64_t delta = difference(v[i], v[i - 1]), before = difference(v[i - 1], v[i - 2]);
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
        delta_min = delta < delta_min ? delta : delta_min;
        delta_max = delta > delta_max ? delta : delta_max;
        runs += delta != 0;
        delta_runs += delta != before;
    }
    return (struct shape){min, max, delta_min, delta_max, runs, delta_runs};
}

/* Bits, roughly, with the headers of each form. */
static size_t frame_cost(uint64_t range, size_t count) {
    return width_of(range) * count + 64;
}

static size_t runs_cost(uint64_t range, size_t runs, size_t count) {
    return runs * (width_of(range) + width_of(count / runs) + 2) + 160;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static enum form choose(const struct shape *s, size_t count, int depth) {
    uint64_t range = (uint64_t)s->max - (uint64_t)s->min;
    uint64_t delta_range = (uint64_t)s->delta_max - (uint64_t)s->delta_min;
    size_t frame = frame_cost(range, count);
    size_t runs = depth < DEPTH_MAX ? runs_cost(range, s->runs, count) : SIZE_MAX;
    size_t delta = SIZE_MAX;
    if (depth == 0)
        delta = 80 + smaller(frame_cost(delta_range, count - 1),
                             runs_cost(delta_range, s->delta_runs, count));
    if (frame <= runs && frame <= delta)
        return FORM_FRAME;
    return runs <= delta ? FORM_RUNS : FORM_DELTA;
}

static bool put_zigzag(struct bb_buffer *out, int64_t v) {
    if (!bb_buffer_reserve(out, BB_VARINT_MAX))
        return false;
    uint8_t *at = (uint8_t *)out->data + out->size;
    out->size += (size_t)(bb_varint_put(at, bb_zigzag(v)) - at);
    return true;
}

static bool put_frame(const int64_t *v, size_t count, const struct shape *s,
                      struct bb_buffer *out) {
    unsigned width = width_of((uint64_t)s->max - (uint64_t)s->min);

    if (!put_zigzag(out, s->min))
        return false;
    bb_buffer_append_byte(out, (uint8_t)width);
    size_t bytes = (count * width + 7) / 8;
    if (!bb_buffer_reserve(out, bytes + 8))
        return false;
    uint8_t *at = (uint8_t *)out->data + out->size;
    uint64_t word = 0;
    unsigned filled = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = (uint64_t)v[i] - (uint64_t)s->min;
        word |= bits << filled;
        filled += width;
        if (filled >= 64) {
            memcpy(at, &word, 8);
            at += 8;
            filled -= 64;
            word = filled ? bits >> (width - filled) : 0;
        }
    }
    memcpy(at, &word, 8);
    out->size += bytes;
    return true;
}

static bool pack_column(const int64_t *v, size_t count, int depth, struct bb_arena *scratch,
                        struct bb_buffer *out);

static bool put_delta(const int64_t *v, size_t count, int depth, struct bb_arena *scratch,
                      struct bb_buffer *out) {
    int64_t *deltas = bb_arena_take(scratch, (count - 1) * sizeof *deltas);

    if (!deltas || !put_zigzag(out, v[0]))
        return false;
    for (size_t i = 1; i < count; i++)
        deltas[i - 1] = difference(v[i], v[i - 1]);
    return pack_column(deltas, count - 1, depth + 1, scratch, out);
}

static bool put_runs(const int64_t *v, size_t count, size_t runs, int depth,
                     struct bb_arena *scratch, struct bb_buffer *out) {
    int64_t *lengths = bb_arena_take(scratch, runs * sizeof *lengths);
    int64_t *values = bb_arena_take(scratch, runs * sizeof *values);

    if (!lengths || !values || !put_zigzag(out, (int64_t)runs))
        return false;
    size_t run = 0, begin = 0;
    for (size_t i = 1; i <= count; i++) {
        if (i < count && v[i] == v[begin])
            continue;
        lengths[run] = (int64_t)(i - begin);
        values[run++] = v[begin];
        begin = i;
    }
    return pack_column(lengths, runs, DEPTH_MAX, scratch, out) &&
           pack_column(values, runs, depth + 1, scratch, out);
}

static bool pack_column(const int64_t *v, size_t count, int depth, struct bb_arena *scratch,
                        struct bb_buffer *out) {
    if (count == 0)
        return true;
    if (all_equal(v, count)) {
        bb_buffer_append_byte(out, FORM_CONSTANT);
        return put_zigzag(out, v[0]);
    }
    if (all_steps_equal(v, count)) {
        bb_buffer_append_byte(out, FORM_LINEAR);
        return put_zigzag(out, v[0]) && put_zigzag(out, difference(v[1], v[0]));
    }
    struct shape s = measure(v, count);
    enum form form = choose(&s, count, depth);
    bb_buffer_append_byte(out, (uint8_t)form);
    if (form == FORM_FRAME)
        return put_frame(v, count, &s, out);
    if (form == FORM_DELTA)
        return put_delta(v, count, depth, scratch, out);
    return put_runs(v, count, s.runs, depth, scratch, out);
}

bool bb_pack_i64(const int64_t *values, size_t count, struct bb_arena *scratch,
                 struct bb_buffer *out) {
    return pack_column(values, count, 0, scratch, out);
}

/* Bits [bit, bit + width) of `bytes`; loads never pass `size`. */
static uint64_t bits_at(const uint8_t *bytes, size_t size, size_t bit, unsigned width) {
    size_t at = bit >> 3, left = size - at;
    unsigned shift = bit & 7;
    uint64_t low = 0, high = 0;

    memcpy(&low, bytes + at, left < 8 ? left : 8);
    if (shift + width > 64)
        high = (uint64_t)bytes[at + 8] << (64 - shift);
    uint64_t mask = width == 64 ? UINT64_MAX : (1ULL << width) - 1;
    return ((low >> shift) | high) & mask;
}

static bool get_frame(struct bb_cursor *in, size_t count, int64_t *values) {
    uint64_t min = (uint64_t)bb_cursor_zigzag(in);
    unsigned width = bb_cursor_byte(in);

    if (in->failed || width > 64)
        return false;
    struct bb_span packed = bb_cursor_bytes(in, (count * width + 7) / 8);
    if (in->failed)
        return false;
    const uint8_t *bytes = (const uint8_t *)packed.data;
    size_t i = 0;
    if (width <= 56 && packed.size >= 8) { /* one unaligned load a value while 8 bytes are left */
        uint64_t mask = (1ULL << width) - 1;
        size_t last_bit = (packed.size - 8) * 8;
        for (size_t bit = 0; i < count && bit <= last_bit; i++, bit += width) {
            uint64_t word;
            memcpy(&word, bytes + (bit >> 3), 8);
            values[i] = (int64_t)(min + ((word >> (bit & 7)) & mask));
        }
    }
    for (; i < count; i++)
        values[i] = (int64_t)(min + (width ? bits_at(bytes, packed.size, i * width, width) : 0));
    return true;
}

static bool unpack_column(struct bb_cursor *in, size_t count, int64_t *values, int depth,
                          struct bb_arena *scratch);

static bool get_runs(struct bb_cursor *in, size_t count, int64_t *values, int depth,
                     struct bb_arena *scratch) {
    int64_t runs = bb_cursor_zigzag(in);

    if (in->failed || runs < 1 || (uint64_t)runs > count)
        return false;
    int64_t *lengths = bb_arena_take(scratch, (size_t)runs * sizeof *lengths);
    int64_t *run_values = bb_arena_take(scratch, (size_t)runs * sizeof *run_values);
    if (!lengths || !run_values || !unpack_column(in, (size_t)runs, lengths, DEPTH_MAX, scratch) ||
        !unpack_column(in, (size_t)runs, run_values, depth + 1, scratch))
        return false;
    size_t filled = 0;
    for (int64_t run = 0; run < runs; run++) {
        if (lengths[run] < 1 || (uint64_t)lengths[run] > count - filled)
            return false;
        for (int64_t i = 0; i < lengths[run]; i++)
            values[filled++] = run_values[run];
    }
    return filled == count;
}

static bool unpack_column(struct bb_cursor *in, size_t count, int64_t *values, int depth,
                          struct bb_arena *scratch) {
    if (count == 0)
        return true;
    uint8_t form = bb_cursor_byte(in);
    if (in->failed || depth > DEPTH_MAX)
        return false;
    switch (form) {
    case FORM_CONSTANT: {
        int64_t v = bb_cursor_zigzag(in);
        for (size_t i = 0; i < count; i++)
            values[i] = v;
        return !in->failed;
    }
    case FORM_LINEAR: {
        uint64_t v = (uint64_t)bb_cursor_zigzag(in), stride = (uint64_t)bb_cursor_zigzag(in);
        for (size_t i = 0; i < count; i++)
            values[i] = (int64_t)(v + stride * i);
        return !in->failed;
    }
    case FORM_FRAME: return get_frame(in, count, values);
    case FORM_DELTA:
        if (depth != 0)
            return false;
        values[0] = bb_cursor_zigzag(in);
        if (in->failed || !unpack_column(in, count - 1, values + 1, depth + 1, scratch))
            return false;
        for (size_t i = 1; i < count; i++)
            values[i] = (int64_t)((uint64_t)values[i] + (uint64_t)values[i - 1]);
        return true;
    case FORM_RUNS: return depth < DEPTH_MAX && get_runs(in, count, values, depth, scratch);
    default: return false;
    }
}

bool bb_unpack_i64(struct bb_cursor *in, size_t count, int64_t *values, struct bb_arena *scratch) {
    return unpack_column(in, count, values, 0, scratch);
}
