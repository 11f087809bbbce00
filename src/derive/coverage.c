/* Runs of covered days: see coverage.h. Pure. */
#include "derive/coverage.h"

#include "base/varint.h"

/* The first run whose last day is not below `day`. */
static uint32_t run_at(const struct bb_coverage *c, int32_t day) {
    uint32_t low = 0, high = c->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->runs[middle].last >= day)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool bb_coverage_has(const struct bb_coverage *c, int32_t day) {
    uint32_t i = run_at(c, day);
    return i < c->count && c->runs[i].first <= day;
}

int32_t bb_coverage_before(const struct bb_coverage *c, int32_t day) {
    uint32_t i = run_at(c, day);

    if (i < c->count && c->runs[i].first < day)
        return day - 1;
    return i > 0 ? c->runs[i - 1].last : BB_DAY_NONE;
}

int32_t bb_coverage_after(const struct bb_coverage *c, int32_t day) {
    uint32_t i = day == INT32_MAX ? c->count : run_at(c, day + 1);

    if (i == c->count)
        return BB_DAY_NONE;
    return c->runs[i].first > day ? c->runs[i].first : day + 1;
}

static bool insert_run(struct bb_coverage *c, uint32_t i, int32_t day, struct bb_arena *arena) {
    if (c->count == c->capacity) {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 8;
        struct bb_day_run *runs = bb_arena_take(arena, capacity * sizeof *runs);
        if (!runs)
            return false;
        if (c->count)
            memcpy(runs, c->runs, c->count * sizeof *runs);
        c->runs = runs;
        c->capacity = capacity;
    }
    memmove(&c->runs[i + 1], &c->runs[i], (c->count - i) * sizeof c->runs[0]);
    c->runs[i] = (struct bb_day_run){day, day};
    c->count++;
    return true;
}

bool bb_coverage_add(struct bb_coverage *c, int32_t day, struct bb_arena *arena, bool *added) {
    uint32_t i = run_at(c, day);

    *added = !(i < c->count && c->runs[i].first <= day);
    if (!*added)
        return true;
    bool joins_before = i > 0 && c->runs[i - 1].last == day - 1;
    bool joins_after = i < c->count && c->runs[i].first == day + 1;
    if (joins_before && joins_after) {
        c->runs[i - 1].last = c->runs[i].last;
        memmove(&c->runs[i], &c->runs[i + 1], (c->count - i - 1) * sizeof c->runs[0]);
        c->count--;
    } else if (joins_before) {
        c->runs[i - 1].last = day;
    } else if (joins_after) {
        c->runs[i].first = day;
    } else {
        return insert_run(c, i, day, arena);
    }
    return true;
}

static void put(struct bb_buffer *out, uint64_t v) {
    if (!bb_buffer_reserve(out, BB_VARINT_MAX))
        return;
    uint8_t *at = (uint8_t *)out->data + out->size;
    out->size += (size_t)(bb_varint_put(at, v) - at);
}

void bb_coverage_pack(const struct bb_coverage *c, struct bb_buffer *out) {
    int64_t previous = 0;

    put(out, c->longest_s);
    put(out, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        put(out, bb_zigzag(c->runs[i].first - previous));
        put(out, (uint64_t)((int64_t)c->runs[i].last - c->runs[i].first));
        previous = c->runs[i].last;
    }
}

int bb_coverage_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_coverage *out,
                       struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(packed);
    uint64_t longest_s = bb_cursor_varint(&in), count = bb_cursor_varint(&in);
    int64_t previous = 0;

    memset(out, 0, sizeof *out);
    out->longest_s = (uint32_t)longest_s;
    if (in.failed || longest_s > UINT32_MAX || count > bb_cursor_left(&in))
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "a coverage record is damaged");
    out->runs = bb_arena_take(arena, (size_t)(count + 1) * sizeof out->runs[0]);
    if (!out->runs)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a coverage record");
    out->capacity = (uint32_t)count + 1;
    for (; out->count < count; out->count++) {
        int64_t first = (int64_t)((uint64_t)previous + (uint64_t)bb_cursor_zigzag(&in));
        int64_t last = (int64_t)((uint64_t)first + (bb_cursor_varint(&in) & UINT32_MAX));
        if (in.failed || first < INT32_MIN || first > INT32_MAX || last > INT32_MAX ||
            (out->count > 0 && first <= previous + 1))
            return BB_FAIL(error, BB_E_STORE_CORRUPT, "a coverage record is damaged");
        out->runs[out->count] = (struct bb_day_run){(int32_t)first, (int32_t)last};
        previous = last;
    }
    return 0;
}
