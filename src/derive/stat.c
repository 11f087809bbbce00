/* Statistics of days: made from a day's readings, packed by the month. See stat.h. Pure.
 *
 * Packed: u8 version = 1, u8 lane, count, power of ten that all levels were divided by, columns (pack.h):
 * day, count, tops (the first as it is, each further one as its distance from the one before), least,
 * hours seen, hours used, flags, last time (from the day's beginning), last level; u32 CRC32C of all
 * bytes before it, little-endian. Of tops there are as many as the count before them says.
 */
#include "derive/stat.h"

#include "base/seal.h"
#include "derive/check.h"
#include "model/pack.h"

enum { STAT_VERSION = 1, SCALE_MAX = 9, COLUMNS = BB_STAT_TOPS + 9, DAYS_MAX = 31 };

/* ---- a day */

static bool is_measured(const struct bb_quality *q) {
    return q->state == BB_STATE_MEASURED || q->state == BB_STATE_EDITED ||
           (q->marks & BB_MARK_FINAL);
}

/* Insert into the tops, which are few: most levels are below the last of them. */
static inline void note_top(struct bb_stat_day *row, int64_t level) {
    int i = BB_STAT_TOPS - 1;

    if (level <= row->top[i])
        return;
    for (; i > 0 && row->top[i - 1] < level; i--)
        row->top[i] = row->top[i - 1];
    row->top[i] = level;
}

/* What rows of one description have in common. */
struct alike {
    const struct bb_attribute *attribute;
    int64_t scale; /* of a mantissa to a level; 0: bb_point_level knows */
    int64_t length_ms, margin;
    bool usable, measured;
};

static void describe(const struct bb_channel *channel, const struct bb_attribute *a, bool factor,
                     struct alike *alike) {
    alike->attribute = a;
    alike->usable = bb_attribute_usable(channel, a);
    alike->measured = is_measured(&a->quality);
    alike->scale = factor ? 0 : bb_level_scale(channel, a);
    alike->length_ms = a->length_s * (int64_t)BB_SECOND_MS;
    alike->margin = channel->kind == BB_KIND_INTERVAL ? bb_zero_margin(channel, alike->length_ms)
                                                      : 0;
}

static int64_t level_of(const struct bb_channel *channel, const struct alike *alike,
                        const struct bb_block *raw, uint32_t i) {
    int64_t level;

    if (alike->scale && !__builtin_mul_overflow(raw->mantissa[i], alike->scale, &level))
        return level;
    struct bb_point p = {.start_ms = raw->end_ms[i] - alike->length_ms,
                         .end_ms = raw->end_ms[i],
                         .value = {raw->mantissa[i], alike->attribute->exponent},
                         .attribute = alike->attribute,
                         .usable = true};
    return bb_point_level(channel, &p);
}

struct tally {       /* what a walk over a day's intervals finds out */
    int64_t next_ms; /* where the next one has to begin */
    int64_t first_ms, longest_ms;
    int64_t still_level;
    int64_t still; /* how many values in a row stand still */
    int64_t stuck; /* so many are odd */
    bool broken, odd, one_way;
};

static inline void note_interval(struct tally *t, int64_t start_ms, int64_t end_ms, int64_t level,
                                 bool rivals) {
    if (t->next_ms == INT64_MIN)
        t->first_ms = start_ms;
    else
        t->broken |= start_ms != t->next_ms;
    t->next_ms = end_ms;
    t->longest_ms = end_ms - start_ms > t->longest_ms ? end_ms - start_ms : t->longest_ms;
    t->still = level == t->still_level && level != 0 ? t->still + 1 : 1;
    t->still_level = level;
    t->odd |= (t->one_way && level < 0) || rivals || t->still >= t->stuck;
}

static uint8_t flags_of(const struct tally *t, const struct bb_stat_day *row, int64_t begin_ms,
                        uint32_t measured) {
    uint8_t flags = 0;
    bool whole = t->next_ms != INT64_MIN && !t->broken && t->first_ms <= begin_ms &&
                 begin_ms + BB_DAY_MS - t->next_ms < (t->longest_ms > 0 ? t->longest_ms : 1);

    flags |= whole ? BB_STAT_COMPLETE : 0;
    flags |= measured == row->count ? BB_STAT_MEASURED : 0;
    flags |= measured > 0 ? BB_STAT_SOME_MEASURED : 0;
    flags |= t->odd ? 0 : BB_STAT_SOUND;
    return flags;
}

void bb_stat_of_day(const struct bb_channel *channel, int32_t day, const struct bb_block *raw,
                    struct bb_stat_day *out) {
    const int64_t begin_ms = day * (int64_t)BB_DAY_MS;
    const int64_t stuck = channel->pipeline->check[BB_CHECK_STUCK].parameter[0];
    const bool factor = bb_channel_has_factor(channel);
    struct tally t = {.next_ms = INT64_MIN,
                      .still_level = INT64_MIN,
                      .stuck = stuck > 0 ? stuck : INT64_MAX,
                      .one_way = channel->one_way};
    struct alike alike = {.attribute = NULL};
    uint32_t measured = 0, hour = 0;
    int64_t hour_until_ms = INT64_MIN;

    struct bb_stat_day row = {.day = day, .least = INT64_MAX}; /* near: the loop is hot */

    for (int i = 0; i < BB_STAT_TOPS; i++)
        row.top[i] = INT64_MIN;
    for (uint32_t i = 0; i < raw->count; i++) {
        const struct bb_attribute *a = &raw->attributes.items[raw->attribute[i]];
        if (a != alike.attribute)
            describe(channel, a, factor, &alike);
        if (!alike.usable)
            continue;
        int64_t end_ms = raw->end_ms[i], level = level_of(channel, &alike, raw, i);
        if (end_ms > hour_until_ms) {
            int64_t at = (end_ms - 1 - begin_ms) / BB_HOUR_MS;
            hour = 1u << at;
            hour_until_ms = begin_ms + (at + 1) * BB_HOUR_MS;
            row.seen_hours |= hour;
        }
        row.count++;
        measured += alike.measured;
        if (channel->kind == BB_KIND_REGISTER) {
            row.last_ms = end_ms;
            row.last_level = level;
            continue;
        }
        note_top(&row, level);
        row.least = level < row.least ? level : row.least;
        if (channel->kind != BB_KIND_INTERVAL)
            continue;
        row.used_hours |= level > alike.margin || level < -alike.margin ? hour : 0;
        note_interval(&t, end_ms - alike.length_ms, end_ms, level, raw->rivals[i] > 0);
    }
    row.flags = flags_of(&t, &row, begin_ms, measured);
    *out = row;
}

bool bb_stat_equal(const struct bb_stat_day *a, const struct bb_stat_day *b) {
    return a->day == b->day && a->count == b->count && memcmp(a->top, b->top, sizeof a->top) == 0 &&
           a->least == b->least && a->seen_hours == b->seen_hours &&
           a->used_hours == b->used_hours && a->flags == b->flags && a->last_ms == b->last_ms &&
           a->last_level == b->last_level;
}

/* ---- a month */

/* The largest power of ten (at most 9) that divides every level. */
static int scale_of(const struct bb_stat_day *days, size_t count) {
    int scale = SCALE_MAX;

    for (size_t i = 0; i < count && scale > 0; i++) {
        for (int k = 0; k < BB_STAT_TOPS && scale > 0; k++)
            while (days[i].top[k] != INT64_MIN && scale > 0 &&
                   days[i].top[k] % bb_power_of_ten[scale] != 0)
                scale--;
        while (days[i].least != INT64_MAX && scale > 0 &&
               days[i].least % bb_power_of_ten[scale] != 0)
            scale--;
        while (scale > 0 && days[i].last_level % bb_power_of_ten[scale] != 0)
            scale--;
    }
    return scale;
}

static int tops_of(const struct bb_stat_day *row) {
    int tops = 0;

    while (tops < BB_STAT_TOPS && row->top[tops] != INT64_MIN)
        tops++;
    return tops;
}

/* Row i of the columns, `stride` apart. Levels that are not there are 0. */
static void spread_row(const struct bb_stat_day *row, int64_t one, size_t i, size_t stride,
                       int64_t *column) {
    int64_t *at = column + i;
    int tops = tops_of(row);
    int64_t before = 0;

#define PUT(v) (*at = (v), at += stride)
    PUT(row->day);
    PUT(row->count);
    PUT(tops);
    for (int k = 0; k < BB_STAT_TOPS; k++) {
        int64_t top = k < tops ? row->top[k] / one : before;
        PUT(k == 0 ? top : before - top);
        before = top;
    }
    PUT(row->least == INT64_MAX ? 0 : row->least / one);
    PUT(row->seen_hours);
    PUT(row->used_hours);
    PUT(row->flags);
    PUT(row->last_ms ? row->last_ms - row->day * (int64_t)BB_DAY_MS : 0);
    PUT(row->last_level / one);
#undef PUT
}

int bb_stat_pack(const struct bb_stat_day *days, size_t count, struct bb_arena *scratch,
                 struct bb_buffer *out, struct bb_error *error) {
    size_t begin = out->size;
    int scale = scale_of(days, count);
    int64_t *column = bb_arena_take_array(scratch, (size_t)COLUMNS * DAYS_MAX, sizeof *column);
    uint8_t head[] = {STAT_VERSION, BB_LANE_STAT, (uint8_t)count, (uint8_t)scale};
    bool good = column != NULL;

    BB_ASSERT(count > 0 && count <= DAYS_MAX);
    for (size_t i = 0; good && i < count; i++)
        spread_row(&days[i], bb_power_of_ten[scale], i, count, column);
    bb_buffer_append(out, head, sizeof head);
    for (size_t c = 0; good && c < COLUMNS; c++)
        good = bb_pack_i64(column + c * count, count, scratch, out);
    if (!good || out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack statistics");
    bb_seal(out, begin);
    return out->overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack statistics") : 0;
}

static int damaged(struct bb_error *error, const char *what) {
    return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block of statistics is damaged: %s", what);
}

static bool in_range(int64_t level, int64_t one) {
    return level <= INT64_MAX / one && level >= -(INT64_MAX / one);
}

static bool gather_row(const int64_t *column, size_t i, size_t stride, int64_t one,
                       struct bb_stat_day *row) {
    const int64_t *at = column + i;
    int64_t tops, level = 0;
    bool good = true;

#define TAKE(v) ((v) = *at, at += stride)
    int64_t day, number, least, seen, used, flags, last_ms, last;
    TAKE(day);
    TAKE(number);
    TAKE(tops);
    good = day > INT32_MIN && day < INT32_MAX && number >= 0 && number <= UINT32_MAX && tops >= 0 &&
           tops <= BB_STAT_TOPS;
    for (int k = 0; k < BB_STAT_TOPS; k++) {
        int64_t step;
        TAKE(step);
        good = good && (k == 0 || !__builtin_sub_overflow(level, step, &level));
        level = k == 0 ? step : level;
        good = good && in_range(level, one);
        row->top[k] = good && k < tops ? level * one : INT64_MIN;
    }
    TAKE(least);
    TAKE(seen);
    TAKE(used);
    TAKE(flags);
    TAKE(last_ms);
    TAKE(last);
#undef TAKE
    good = good && in_range(least, one) && least != INT64_MAX && in_range(last, one) &&
           seen >> BB_STAT_HOURS == 0 && used >> BB_STAT_HOURS == 0 && flags >= 0 &&
           flags <= UINT8_MAX && last_ms >= 0 && last_ms <= BB_DAY_MS;
    if (!good)
        return false;
    row->day = (int32_t)day;
    row->count = (uint32_t)number;
    row->least = tops > 0 ? least * one : INT64_MAX;
    row->seen_hours = (uint32_t)seen;
    row->used_hours = (uint32_t)used;
    row->flags = (uint8_t)flags;
    row->last_ms = last_ms ? row->day * (int64_t)BB_DAY_MS + last_ms : 0; /* 0: no register */
    row->last_level = last * one;
    return true;
}

int bb_stat_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_stat *out,
                   struct bb_error *error) {
    if (packed.size < 4 + BB_SEAL_BYTES)
        return damaged(error, "too short");
    if (!bb_unseal(&packed))
        return damaged(error, "its checksum differs");
    struct bb_cursor in = bb_cursor_over(packed);
    uint8_t version = bb_cursor_byte(&in), lane = bb_cursor_byte(&in);
    size_t count = bb_cursor_byte(&in);
    uint8_t scale = bb_cursor_byte(&in);
    if (version != STAT_VERSION)
        return BB_FAIL_VERSION(error, "a block of statistics", version, STAT_VERSION);
    if (lane != BB_LANE_STAT || count == 0 || count > DAYS_MAX || scale > SCALE_MAX)
        return damaged(error, "unknown form");
    int64_t *column = bb_arena_take_array(arena, (size_t)COLUMNS * DAYS_MAX, sizeof *column);
    struct bb_stat_day *days = bb_arena_take(arena, count * sizeof *days);
    bool good = column && days;
    if (!good)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for statistics");
    for (size_t c = 0; good && c < COLUMNS; c++)
        good = bb_unpack_i64(&in, count, column + c * count, arena);
    for (size_t i = 0; good && i < count; i++)
        good = gather_row(column, i, count, bb_power_of_ten[scale], &days[i]) &&
               (i == 0 || days[i].day > days[i - 1].day);
    if (!good || bb_cursor_left(&in) > 0)
        return damaged(error, "its columns do not fit");
    *out = (struct bb_stat){days, count};
    return 0;
}
