/* Trailing statistics: see trailing.h. Pure.
 *
 * Nothing here takes memory: at most BB_STAT_DAYS rows are looked at, the latest ones.
 */
#include "derive/trailing.h"

#include "derive/median.h"

enum {
    FAR_TIMES = 10,  /* so many times the usual is no use but a mistake */
    WRONG_DAYS = 2,  /* that many days of mistakes are borne with, when five are known */
    TIMES_LEAST = 5, /* a base load keeps within a few times its least level */
    QUIET_DAYS = 28, /* that many days say what is usual even if nothing happened on them */
    DAYS_A_WEEK = 7,
    FEW = 16 /* ranks that are found by keeping the greatest, in one pass */
};

/* The rows of a stretch of days. */
struct rows {
    const struct bb_stat_day *at;
    size_t count;
};

static struct rows rows_before(const struct bb_stat *stat, int32_t day, int32_t back) {
    size_t first, count = bb_stat_before(stat, day, back, &first);

    if (count > BB_STAT_DAYS) {
        first += count - BB_STAT_DAYS;
        count = BB_STAT_DAYS;
    }
    return (struct rows){count ? &stat->days[first] : NULL, count};
}

/* How far from the usual ten times the usual is; as far on its other side, and below zero. */
static bb_wide width_of(int64_t usual) {
    return (FAR_TIMES - 1) * (usual < 0 ? -(bb_wide)usual : usual);
}

static bool beyond(int64_t level, int64_t usual) {
    return level > usual + width_of(usual);
}

static bool beneath(int64_t level, int64_t usual) {
    return level < usual - width_of(usual);
}

/* Keep the `count` greatest, descending; those that are not there yet are INT64_MIN. */
static void keep_greatest(int64_t *greatest, size_t count, int64_t level) {
    if (level <= greatest[count - 1])
        return;
    size_t at = count - 1;
    for (; at > 0 && greatest[at - 1] < level; at--)
        greatest[at] = greatest[at - 1];
    greatest[at] = level;
}

/* Days that speak. */
struct plain {
    const struct bb_stat_day *day[BB_STAT_DAYS];
    size_t count;
};

static void plain_before(const struct bb_stat *stat, int32_t day, int32_t back, struct plain *out) {
    struct rows rows = rows_before(stat, day, back);
    int64_t greatest[WRONG_DAYS + 1];

    out->count = 0;
    for (size_t k = 0; k <= WRONG_DAYS; k++)
        greatest[k] = INT64_MIN;
    for (size_t i = 0; i < rows.count; i++)
        if (rows.at[i].top[0] != INT64_MIN) {
            keep_greatest(greatest, WRONG_DAYS + 1, rows.at[i].top[0]);
            out->day[out->count++] = &rows.at[i];
        }
    if (out->count == 0)
        return;
    /* the third greatest of five or more; of fewer the one in the middle */
    size_t rank = (out->count - 1) / 2 < WRONG_DAYS ? (out->count - 1) / 2 : WRONG_DAYS;
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++)
        if (!beyond(out->day[i]->top[0], greatest[rank]))
            out->day[kept++] = out->day[i];
    out->count = kept;
}

/* The rank-th greatest of the plain days' greatest levels, or the least of them when there are not
 * as many. */
static bool top_of(const struct plain *plain, size_t rank, bool or_least, int64_t *level) {
    int64_t tops[BB_STAT_DAYS * BB_STAT_TOPS], few[FEW];
    size_t count = 0;

    for (size_t k = 0; k < FEW; k++)
        few[k] = INT64_MIN;
    for (size_t i = 0; i < plain->count; i++) {
        const int64_t *top = plain->day[i]->top;
        for (size_t k = 0; k < BB_STAT_TOPS && top[k] != INT64_MIN; k++) {
            if (rank > FEW)
                tops[count] = top[k];
            else if (top[k] > few[rank - 1])
                keep_greatest(few, rank, top[k]);
            count++;
        }
    }
    if (count == 0 || (rank > count && !or_least))
        return false;
    size_t found = rank < count ? rank : count;
    *level = rank > FEW ? bb_select(tops, count, count - found) : few[found - 1];
    return true;
}

/* Did something happen, or is it a base load alone? That is flat, and stays so where panels take some
 * of it away (then the least level is zero and says nothing). */
static bool is_lively(const struct bb_stat_day *day) {
    bb_wide greatest = day->top[0], eighth = day->top[BB_STAT_TOPS - 1];

    return (day->least > 0 && greatest > TIMES_LEAST * (bb_wide)day->least) ||
           (eighth > 0 && greatest > 2 * eighth);
}

static int32_t count_speaking(const struct plain *plain) {
    int32_t lively = 0;

    if (plain->count >= QUIET_DAYS)
        return (int32_t)plain->count;
    for (size_t i = 0; i < plain->count; i++)
        lively += is_lively(plain->day[i]);
    return lively;
}

int32_t bb_trailing_days(const struct bb_stat *stat, int32_t day) {
    struct plain plain;

    plain_before(stat, day, BB_STAT_DAYS, &plain);
    return count_speaking(&plain);
}

bool bb_trailing_high(const struct bb_stat *stat, int32_t day, int32_t back, int32_t min_days,
                      int64_t *level) {
    struct plain plain;
    uint64_t values = 0;

    plain_before(stat, day, back, &plain);
    if (plain.count == 0 || count_speaking(&plain) < min_days)
        return false;
    for (size_t i = 0; i < plain.count; i++)
        values += plain.day[i]->count;
    return top_of(&plain, (size_t)(values / 1000) + 1, true, level);
}

/* Every plain day's greatest level is at least the least of them: where there are as many plain days as
 * the rank of the 99.9 %, that has been reached as often. */
int64_t bb_trailing_floor(const struct bb_stat *stat, int32_t day, int32_t back) {
    struct rows rows = rows_before(stat, day, back);
    int64_t least = INT64_MAX;
    uint64_t values = 0;

    for (size_t i = 0; i < rows.count; i++) {
        if (rows.at[i].top[0] == INT64_MIN)
            return 0;
        least = rows.at[i].top[0] < least ? rows.at[i].top[0] : least;
        values += rows.at[i].count;
    }
    /* at most WRONG_DAYS of five or more are not plain */
    if (rows.count < 5 || rows.count - WRONG_DAYS < values / 1000 + 1 || least < 0)
        return 0;
    return least;
}

bool bb_trailing_top(const struct bb_stat *stat, int32_t day, int32_t back, size_t rank,
                     int64_t *level) {
    struct plain plain;

    plain_before(stat, day, back, &plain);
    return rank > 0 && top_of(&plain, rank, false, level);
}

bool bb_trailing_least(const struct bb_stat *stat, int32_t day, int32_t back, int32_t min_days,
                       int64_t *level) {
    int64_t least[BB_STAT_DAYS];
    struct plain plain;

    plain_before(stat, day, back, &plain);
    if (plain.count == 0 || plain.count < (size_t)min_days)
        return false;
    for (size_t i = 0; i < plain.count; i++)
        least[i] = plain.day[i]->least;
    int64_t median = bb_median(least, plain.count);
    *level = median;
    for (size_t i = 0; i < plain.count; i++)
        if (plain.day[i]->least < *level && !beneath(plain.day[i]->least, median))
            *level = plain.day[i]->least;
    return true;
}

uint64_t bb_trailing_count(const struct bb_stat *stat, int32_t day, int32_t back) {
    struct rows rows = rows_before(stat, day, back);
    uint64_t count = 0;

    for (size_t i = 0; i < rows.count; i++)
        count += rows.at[i].count;
    return count;
}

struct bb_usual bb_trailing_usual(const struct bb_stat *stat, int32_t day, int hour, int32_t back,
                                  uint32_t min_weeks) {
    struct rows rows = rows_before(stat, day, back);
    struct bb_usual weekday = {0, 0}, all = {0, 0};

    for (size_t i = 0; i < rows.count; i++) {
        uint32_t seen = rows.at[i].seen_hours >> hour & 1;
        uint32_t used = seen & rows.at[i].used_hours >> hour;
        all.seen += seen;
        all.used += used;
        if ((day - rows.at[i].day) % DAYS_A_WEEK != 0)
            continue;
        weekday.seen += seen;
        weekday.used += used;
    }
    return weekday.seen >= min_weeks ? weekday : all;
}

/* ---- registers */

struct advance {
    bb_wide level;
    int64_t ms;
};

static int64_t per_day(struct advance a) {
    bb_wide rate = a.level * BB_DAY_MS / a.ms;

    return rate > INT64_MAX ? INT64_MAX : (int64_t)rate;
}

bool bb_trailing_daily(const struct bb_stat *stat, int32_t day, int32_t back, int64_t *level) {
    struct rows rows = rows_before(stat, day, back);
    struct advance advance[BB_STAT_DAYS], sum = {0, 0};
    const struct bb_stat_day *before = NULL;
    int64_t rate[BB_STAT_DAYS];
    size_t count = 0;

    for (size_t i = 0; i < rows.count; i++) {
        const struct bb_stat_day *row = &rows.at[i];
        if (row->count == 0)
            continue;
        if (before && row->last_level >= before->last_level && row->last_ms > before->last_ms) {
            advance[count] = (struct advance){(bb_wide)row->last_level - before->last_level,
                                              row->last_ms - before->last_ms};
            rate[count] = per_day(advance[count]);
            count++;
        }
        before = row;
    }
    if (count < 3) /* one of them may be an exchange */
        return false;
    int64_t median = bb_median(rate, count);
    for (size_t i = 0; i < count; i++)
        if (!beyond(per_day(advance[i]), median)) {
            sum.level += advance[i].level;
            sum.ms += advance[i].ms;
        }
    BB_ASSERT(sum.ms > 0); /* no median lies beyond itself */
    *level = per_day(sum);
    return true;
}
