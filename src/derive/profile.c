/* Profiles: see profile.h. Pure; whole numbers.
 *
 * A stretch is walked by local days, and within them by stretches of one offset from UTC (nearly always
 * one): there the clock on the wall runs evenly, and ∫ shape is a difference of running sums.
 */
#include "derive/profile.h"

#include "base/hash.h"
#include "derive/estimate_internal.h"
#include "derive/like.h"

#include <stdlib.h>

enum { MONTHS = 12 };

struct running { /* sums over the slots of a day */
    uint32_t slots;
    int64_t slot_ms;
    const int64_t *weight; /* month × shape, millionths */
    const bb_wide *until;  /* slots + 1: × milliseconds */
};

struct bb_profile {
    const struct bb_master_day_weight *days; /* ascending, no date twice */
    uint32_t day_count;
    int64_t other_day[MONTHS]; /* of dates that are not listed */
    struct running day[MONTHS][BB_DAY_TYPES];
};

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* 0 to 11. */
static int month_of(int32_t day) {
    struct bb_civil civil;

    bb_civil_from_days(day, &civil);
    return civil.month - 1;
}

/* ---- making ---------------------------------------------------------------------------------- */

static int by_day(const void *left, const void *right) {
    const struct bb_master_day_weight *a = left, *b = right;

    if (a->day != b->day)
        return (a->day > b->day) - (a->day < b->day);
    return (a->weight > b->weight) - (a->weight < b->weight);
}

/* A date that stands twice keeps its least weight. */
static bool make_days(const struct bb_master_profile *master, struct bb_arena *arena,
                      struct bb_profile *out) {
    struct bb_master_day_weight *days = bb_arena_take_array(arena, master->day_count, sizeof *days);

    if (!days)
        return false;
    if (master->day_count > 0) {
        memcpy(days, master->days, master->day_count * sizeof *days);
        qsort(days, master->day_count, sizeof *days, by_day);
    }
    for (uint32_t i = 0; i < master->day_count; i++)
        if (out->day_count == 0 || days[i].day != days[out->day_count - 1].day)
            days[out->day_count++] = days[i];
    out->days = days;
    return true;
}

static int64_t mean(bb_wide sum, int64_t count) {
    return (int64_t)bb_wide_divide_round(sum, count);
}

static void make_other_days(struct bb_profile *out) {
    bb_wide sum[MONTHS] = {0}, all = 0;
    int64_t count[MONTHS] = {0};

    for (uint32_t i = 0; i < out->day_count; i++) {
        int month = month_of(out->days[i].day);
        sum[month] += out->days[i].weight;
        all += out->days[i].weight;
        count[month]++;
    }
    for (int month = 0; month < MONTHS; month++)
        out->other_day[month] = count[month] > 0     ? mean(sum[month], count[month])
                                : out->day_count > 0 ? mean(all, out->day_count)
                                                     : BB_MASTER_WEIGHT_ONE;
}

/* The shape of a month; NULL: even. Of a profile without fault there is one, or none of any. */
static const struct bb_master_shape *shape_of(const struct bb_master_profile *master, int month) {
    for (uint32_t i = 0; i < master->shape_count; i++) {
        const struct bb_master_shape *shape = &master->shapes[i];
        int first = shape->season.first - 1, last = shape->season.last - 1;
        if (first <= last ? month >= first && month <= last : month >= first || month <= last)
            return shape;
    }
    return NULL;
}

static bool make_running(const int64_t *weights, uint32_t count, int64_t month,
                         struct bb_arena *arena, struct running *out) {
    int64_t *weight = bb_arena_take_array(arena, count, sizeof *weight);
    bb_wide *until = bb_arena_take_array(arena, (size_t)count + 1, sizeof *until);

    if (!weight || !until)
        return false;
    *out = (struct running){count, BB_DAY_MS / count, weight, until};
    for (uint32_t i = 0; i < count; i++) {
        weight[i] = (int64_t)bb_wide_divide_round((bb_wide)weights[i] * month,
                                                  BB_MASTER_WEIGHT_ONE);
        until[i + 1] = until[i] + (bb_wide)weight[i] * out->slot_ms;
    }
    return true;
}

static bool make_month(const struct bb_master_profile *master, int month, struct bb_arena *arena,
                       struct bb_profile *out) {
    static const int64_t even[] = {BB_MASTER_WEIGHT_ONE};
    const struct bb_master_shape *shape = shape_of(master, month);
    int64_t factor = master->month_count > 0 ? master->months[month] : BB_MASTER_WEIGHT_ONE;
    struct running *day = out->day[month];
    bool room = make_running(shape ? shape->working : even, shape ? shape->working_count : 1,
                             factor, arena, &day[BB_DAY_WORKING]);

    day[BB_DAY_SATURDAY] = day[BB_DAY_WORKING];
    if (room && shape && shape->saturday_count > 0)
        room = make_running(shape->saturday, shape->saturday_count, factor, arena,
                            &day[BB_DAY_SATURDAY]);
    day[BB_DAY_SUNDAY] = day[BB_DAY_SATURDAY];
    if (room && shape && shape->sunday_count > 0)
        room = make_running(shape->sunday, shape->sunday_count, factor, arena, &day[BB_DAY_SUNDAY]);
    return room;
}

int bb_profile_make(const struct bb_master_profile *master, struct bb_arena *arena,
                    const struct bb_profile **out, struct bb_error *error) {
    struct bb_profile *profile = bb_arena_take_array(arena, 1, sizeof *profile);
    bool room = profile && make_days(master, arena, profile);

    if (room)
        make_other_days(profile);
    for (int month = 0; room && month < MONTHS; month++)
        room = make_month(master, month, arena, profile);
    *out = room ? profile : NULL;
    return room ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a profile");
}

static uint64_t hash_weights(uint64_t hash, const int64_t *weights, uint32_t count) {
    struct bb_span bytes = {(const char *)weights, count * sizeof *weights};

    return count > 0 ? bb_hash_seeded(bytes, hash + count) : bb_hash_mix(hash + 1);
}

/* The order of days and shapes says nothing: sums. */
uint64_t bb_profile_hash(const struct bb_master_profile *master) {
    uint64_t days = 0, shapes = 0;

    for (uint32_t i = 0; i < master->day_count; i++)
        days += bb_hash_mix(bb_hash_mix((uint64_t)(uint32_t)master->days[i].day + 1) ^
                            (uint64_t)master->days[i].weight);
    for (uint32_t i = 0; i < master->shape_count; i++) {
        const struct bb_master_shape *shape = &master->shapes[i];
        uint64_t hash = bb_hash_mix((uint64_t)shape->season.first << 8 | shape->season.last);
        hash = hash_weights(hash, shape->working, shape->working_count);
        hash = hash_weights(hash, shape->saturday, shape->saturday_count);
        shapes += hash_weights(hash, shape->sunday, shape->sunday_count);
    }
    uint64_t hash = hash_weights(bb_hash_mix(days) ^ shapes, master->months, master->month_count);
    return hash ? hash : 1;
}

/* ---- weighing -------------------------------------------------------------------------------- */

static int64_t day_weight(const struct bb_profile *profile, int32_t day, int month) {
    struct bb_master_day_weight wanted = {.day = day, .weight = 0};
    uint32_t first = 0, count = profile->day_count;

    /* Nearly all lists have no hole: the date is where it would be then. */
    if (count > 0 && day >= profile->days[0].day) {
        int64_t guess = (int64_t)day - profile->days[0].day;
        if (guess < count && profile->days[guess].day == day)
            return profile->days[guess].weight;
    }
    while (count > 0) {
        uint32_t half = count / 2;
        if (by_day(&profile->days[first + half], &wanted) < 0) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    if (first < profile->day_count && profile->days[first].day == day)
        return profile->days[first].weight;
    return profile->other_day[month];
}

/* ∫ shape from the date's midnight to that much later on the clock, which may show more than 24 hours
 * (a day that begins at 06:00) or less than none. */
static bb_wide running_until(const struct running *r, int64_t clock_ms) {
    int64_t days = floor_div(clock_ms, BB_DAY_MS);

    clock_ms -= days * BB_DAY_MS;
    int64_t slot = clock_ms / r->slot_ms;
    return r->until[r->slots] * days + r->until[slot] +
           (bb_wide)r->weight[slot] * (clock_ms - slot * r->slot_ms);
}

/* The date of the local day that begins there; as bb_like_day_of. */
static int32_t date_of(const struct bb_channel *channel, int64_t start_ms,
                       const struct bb_zone_stretch *stretch) {
    int32_t offset_s = start_ms >= stretch->from_ms && start_ms < stretch->until_ms
                           ? stretch->offset_s
                           : bb_zone_offset_s(channel->calendar.zone, start_ms);

    return (int32_t)floor_div(
        start_ms + ((int64_t)offset_s - channel->calendar.day_start_s) * BB_SECOND_MS, BB_DAY_MS);
}

bb_wide bb_profile_weight(const struct bb_channel *channel, int64_t from_ms, int64_t to_ms) {
    const struct bb_profile *profile = channel->profile;
    struct bb_zone_stretch stretch = bb_zone_stretch_at(channel->calendar.zone, from_ms);
    struct bb_day_cache cache = {.zone = NULL};
    bb_wide sum = 0;

    for (int64_t t = from_ms; t < to_ms;) {
        struct bb_period_bounds day = bb_day_cache_find(&cache, &channel->calendar, t + 1);
        int64_t day_end = day.end_ms < to_ms ? day.end_ms : to_ms;
        int32_t date = date_of(channel, day.start_ms, &stretch);
        int month = month_of(date);
        const struct running *r = &profile->day[month][bb_like_type(channel, date)];
        bb_wide part = 0;
        while (t < day_end) {
            if (t >= stretch.until_ms)
                stretch = bb_zone_stretch_at(channel->calendar.zone, t);
            int64_t end = stretch.until_ms < day_end ? stretch.until_ms : day_end;
            int64_t to_clock = (int64_t)stretch.offset_s * BB_SECOND_MS - date * (int64_t)BB_DAY_MS;
            if (end - t == BB_DAY_MS) /* nearly always: each slot once */
                part += r->until[r->slots];
            else
                part += running_until(r, end + to_clock) - running_until(r, t + to_clock);
            t = end;
        }
        sum += part * day_weight(profile, date, month);
    }
    return sum;
}

bool bb_profile_weigh(const struct bb_channel *channel, int64_t from_ms, int64_t step_ms,
                      size_t count, struct bb_arena *arena, const bb_wide **out) {
    *out = NULL;
    if (!channel->profile)
        return true;
    bb_wide *weight = bb_arena_take_array(arena, count, sizeof *weight);
    for (size_t i = 0; weight && i < count; i++) {
        int64_t start_ms = from_ms + (int64_t)i * step_ms;
        weight[i] = bb_profile_weight(channel, start_ms, start_ms + step_ms);
    }
    *out = weight;
    return weight != NULL;
}

bool bb_profile_share(const struct bb_channel *channel, struct bb_profile_sums *sums,
                      bb_wide amount, int64_t from_ms, int64_t to_ms, int64_t t, bb_wide *out) {
    struct bb_profile_sums none = {0};

    if (!channel->profile || amount < 0 || to_ms <= from_ms ||
        to_ms - from_ms > BB_PROFILE_SPAN_DAYS * (int64_t)BB_DAY_MS)
        return false;
    sums = sums ? sums : &none;
    t = t < from_ms ? from_ms : t > to_ms ? to_ms : t;
    if (sums->from_ms != from_ms || sums->to_ms != to_ms) {
        bb_wide until = bb_profile_weight(channel, from_ms, t);
        bb_wide rest = bb_profile_weight(channel, t, to_ms);
        *sums = (struct bb_profile_sums){from_ms, to_ms, t, until, until + rest};
    } else if (t < sums->at_ms) {
        sums->until = bb_profile_weight(channel, from_ms, t);
    } else {
        sums->until += bb_profile_weight(channel, sums->at_ms, t);
    }
    sums->at_ms = t;
    if (sums->whole > 0)
        *out = bb_estimate_share(amount, sums->until, sums->whole);
    return sums->whole > 0;
}
