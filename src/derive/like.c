/* Like days: see like.h. Pure. */
#include "derive/like.h"

/* ---- local days */

int32_t bb_like_day_of(const struct bb_channel *channel, int64_t t) {
    struct bb_period_bounds day = bb_calendar_period(&channel->calendar, BB_PERIOD_DAY, t);
    int64_t civil = day.start_ms +
                    (int64_t)bb_zone_offset_s(channel->calendar.zone, day.start_ms) * BB_SECOND_MS -
                    channel->calendar.day_start_s * (int64_t)BB_SECOND_MS;

    /* No day begins before the clock has reached its start; where that was skipped, somewhat behind it. */
    return (int32_t)(civil / BB_DAY_MS - (civil % BB_DAY_MS < 0));
}

/* Milliseconds "as if UTC" at which a local day begins. */
static int64_t civil_of(const struct bb_channel *channel, int32_t local_day) {
    return local_day * (int64_t)BB_DAY_MS + channel->calendar.day_start_s * (int64_t)BB_SECOND_MS;
}

struct bb_period_bounds bb_like_bounds(const struct bb_channel *channel, int32_t local_day) {
    const struct bb_zone *zone = channel->calendar.zone;

    return (struct bb_period_bounds){bb_zone_first_at(zone, civil_of(channel, local_day)),
                                     bb_zone_first_at(zone, civil_of(channel, local_day + 1))};
}

static bool is_holiday(const struct bb_channel *channel, int32_t local_day) {
    uint32_t first = 0, count = channel->holiday_count;

    while (count > 0) { /* the first that is not before */
        uint32_t half = count / 2;
        bool before = channel->holidays[first + half] < local_day;
        first += before ? half + 1 : 0;
        count = before ? count - half - 1 : half;
    }
    return first < channel->holiday_count && channel->holidays[first] == local_day;
}

enum bb_day_type bb_like_type(const struct bb_channel *channel, int32_t local_day) {
    int32_t weekday = ((local_day + 3) % 7 + 7) % 7; /* 0: Monday; 1970-01-01 was a Thursday */

    if (weekday == 6 || is_holiday(channel, local_day))
        return BB_DAY_SUNDAY;
    return weekday == 5 ? BB_DAY_SATURDAY : BB_DAY_WORKING;
}

/* ---- choosing */

bool bb_like_used(const struct bb_channel *channel) {
    bool used = false;

    for (int method = 0; method < BB_METHOD_COUNT; method++)
        used |= channel->pipeline->estimate[method].on;
    return used && channel->kind == BB_KIND_INTERVAL;
}

int64_t bb_like_within(const struct bb_channel *channel) {
    return channel->pipeline->estimate[BB_METHOD_LIKE_DAY].parameter[1];
}

static bool is_good(const struct bb_stat *stat, int32_t utc_day) {
    const uint8_t wanted = BB_STAT_COMPLETE | BB_STAT_MEASURED | BB_STAT_SOUND;
    size_t first;

    return bb_stat_before(stat, utc_day + 1, 1, &first) == 1 &&
           (stat->days[first].flags & wanted) == wanted;
}

/* Every UTC day that the local day overlaps. */
static bool is_whole(const struct bb_channel *channel, const struct bb_stat *stat,
                     int32_t local_day) {
    struct bb_period_bounds bounds = bb_like_bounds(channel, local_day);
    int32_t last = bb_lane_span_of(BB_LANE_RAW, bounds.end_ms);

    for (int32_t day = bb_lane_span_of(BB_LANE_RAW, bounds.start_ms + 1); day <= last; day++)
        if (!is_good(stat, day))
            return false;
    return true;
}

void bb_like_choose(const struct bb_channel *channel, const struct bb_stat *stat, int64_t from_ms,
                    int64_t within_ms, struct bb_like *out) {
    int32_t gap_day = bb_like_day_of(channel, from_ms + 1);
    int32_t within = (int32_t)(within_ms / BB_DAY_MS);

    *out = (struct bb_like){.count = {0}};
    within = within < BB_STAT_DAYS - 2 ? within : BB_STAT_DAYS - 2;
    for (int32_t day = gap_day - 1; day >= gap_day - within; day--) {
        enum bb_day_type type = bb_like_type(channel, day);
        if (out->count[type] < BB_LIKE_MAX && is_whole(channel, stat, day))
            out->day[type][out->count[type]++] = day;
    }
}

/* ---- filling */

/* The level of the interval (start, start + step] of the past, when there is just that one. */
static bool past_level(const struct bb_channel *channel, const struct bb_window *past,
                       int64_t start_ms, int64_t step_ms, int64_t *level) {
    size_t i = bb_window_after(past, start_ms + step_ms - 1);

    if (i >= past->count)
        return false;
    const struct bb_point *p = &past->points[i];
    if (p->end_ms != start_ms + step_ms || p->start_ms != start_ms || !p->usable)
        return false;
    *level = bb_point_level(channel, p);
    return true;
}

/* A reading taken together with those beside it on its day, as far as they are there. */
static bb_wide calm_of(const struct bb_channel *channel, const struct bb_window *past,
                       const struct bb_like_value *value, int64_t step_ms) {
    struct bb_period_bounds day = bb_like_bounds(channel, value->day);
    bb_wide sum = value->level;
    int count = 1;

    for (int64_t start = value->start_ms - step_ms; start <= value->end_ms; start += 2 * step_ms) {
        int64_t level;
        if (start < day.start_ms || start + step_ms > day.end_ms ||
            !past_level(channel, past, start, step_ms, &level) || !bb_level_known(level))
            continue;
        sum += level;
        count++;
    }
    return sum * BB_LIKE_SIXTHS / count;
}

size_t bb_like_of_slot(const struct bb_channel *channel, const struct bb_like *like,
                       const struct bb_window *past, const struct bb_gap *gap, int64_t step_ms,
                       size_t slot, struct bb_like_value out[BB_LIKE_MAX]) {
    /* The ends belong to the local days of the slots beside them. */
    size_t inside = slot == 0 ? 1 : slot == gap->intervals + 1 ? gap->intervals : slot;
    int64_t start = gap->from_ms + ((int64_t)slot - 1) * step_ms;
    int64_t beside = gap->from_ms + ((int64_t)inside - 1) * step_ms;
    const struct bb_zone *zone = channel->calendar.zone;
    int32_t day = bb_like_day_of(channel, beside + 1);
    enum bb_day_type type = bb_like_type(channel, day);
    int64_t civil = beside + (int64_t)bb_zone_offset_s(zone, beside) * BB_SECOND_MS -
                    civil_of(channel, day);
    size_t count = 0;

    for (int j = 0; j < like->count[type]; j++) {
        int64_t then = bb_zone_first_at(zone, civil_of(channel, like->day[type][j]) + civil) +
                       (start - beside);
        out[count] = (struct bb_like_value){like->day[type][j], then, then + step_ms, 0, 0};
        if (!past_level(channel, past, then, step_ms, &out[count].level))
            continue;
        out[count].calm = calm_of(channel, past, &out[count], step_ms);
        count++;
    }
    return count;
}

bool bb_like_fill(const struct bb_channel *channel, const struct bb_like *like,
                  const struct bb_window *past, int64_t step_ms, struct bb_arena *arena,
                  struct bb_gap *gap) {
    struct bb_like_value values[BB_LIKE_MAX];
    size_t slots = gap->intervals + 2;
    int64_t *levels = bb_arena_take_array(arena, slots * BB_LIKE_MAX, sizeof *levels);
    bb_wide *calm = bb_arena_take_array(arena, slots * BB_LIKE_MAX, sizeof *calm);
    uint8_t *counts = bb_arena_take_array(arena, slots, sizeof *counts);

    if (!levels || !calm || !counts)
        return false;
    for (size_t slot = 0; slot < slots; slot++) {
        counts[slot] = (uint8_t)bb_like_of_slot(channel, like, past, gap, step_ms, slot, values);
        for (size_t j = 0; j < counts[slot]; j++) {
            levels[slot * BB_LIKE_MAX + j] = values[j].level;
            calm[slot * BB_LIKE_MAX + j] = values[j].calm;
        }
    }
    gap->like = levels;
    gap->calm = calm;
    gap->like_count = counts;
    return true;
}
