/* Checks: each is one file with one row in the table bb_checks (check.c).
 *
 * A check looks at raw points in order. It may look back at the point before, at trailing statistics
 * of closed days, and as far to both sides as its reach declares; it speaks about a point by setting
 * its bit in `checks` and, when there is something to show, by a finding. What it says about a point
 * is a function of what lies within its reach alone. Checks never change values.
 *
 * Runs (stuck, zero, leak, prolonged): a point is spoken about when it belongs to a run of at least the
 * least length L. Findings: one at the point where the run reaches L (from: where it begins; to: that
 * point), hard; and one, not hard, at the last point of the run in each UTC day (from: the later of the
 * run's beginning and the day's; to: that point), so that no finding depends on more than L before it and
 * a run of months opens one exception.
 */
#ifndef BB_DERIVE_CHECK_H
#define BB_DERIVE_CHECK_H

#include "base/arena.h"
#include "derive/stat.h"
#include "derive/total.h"

struct bb_finding_list {
    struct bb_finding *items;
    size_t count, capacity;
    struct bb_arena *arena;
    bool overflow; /* memory was out: the caller reports it */
};
void bb_finding_add(struct bb_finding_list *list, const struct bb_finding *finding);

struct bb_check_context {
    const struct bb_channel *channel;
    const int64_t *parameter; /* of this check's step */
    struct bb_window *window;
    size_t first, last; /* judge points [first, last) */
    struct bb_finding_list *findings;
    const int64_t *level;               /* of every point of the window that is usable (point.h) */
    const struct bb_stat *stat;         /* of the days before; never NULL, may be empty */
    const struct bb_total_list *totals; /* of the registers beside the channel; never NULL */
};

/* How far around a point a check looks, besides at the usable point before it. */
struct bb_reach {
    uint32_t back_values, ahead_values; /* usable points before and behind it */
    int64_t back_ms, ahead_ms;          /* usable points whose end lies within so much of its end */
    bool stat;                          /* at trailing statistics */
};

struct bb_check_row {
    const char *name;
    uint32_t kinds;       /* bit per enum bb_kind it applies to */
    bool suspect;         /* a value it speaks about is marked suspect */
    const char *evidence; /* what a and b of its findings mean */
    void (*run)(const struct bb_check_context *context);
    void (*reach)(const int64_t *parameter, struct bb_reach *reach); /* NULL: no further */
    uint32_t commodities; /* bit per enum bb_commodity it applies to; 0: all */
};
extern const struct bb_check_row bb_checks[BB_CHECK_COUNT];

/* How far the checks of the channel's pipeline look altogether. */
struct bb_reach bb_channel_reach(const struct bb_channel *channel);
/* Does the pipeline run this check on the channel? */
bool bb_check_applies(const struct bb_channel *channel, int check);

/* The usable point before index i, or NULL. */
const struct bb_point *bb_previous_usable(const struct bb_window *window, size_t i);

/* A point's own finding, from = to = at. */
void bb_finding_at(const struct bb_check_context *context, enum bb_check check, size_t i, bool hard,
                   int64_t a, int64_t b, int exponent);

/* A level as evidence beside a point's value: the mantissa that has that level at the exponent and in
 * the unit of the point as it was sent; rounded towards zero, saturated. */
int64_t bb_mantissa_of_level(const struct bb_channel *channel, const struct bb_point *raw,
                             int64_t level);

/* The UTC day of a point, by which it is found in stored blocks and statistics. */
static inline int32_t bb_point_day(const struct bb_point *point) {
    return bb_lane_span_of(BB_LANE_RAW, point->end_ms);
}

/* Check `zero`: the greatest level that counts as zero in an interval of this length. The statistic
 * used_hours (stat.h) has the same margin. */
int64_t bb_zero_margin(const struct bb_channel *channel, int64_t length_ms);

/* The limit of check `high`, a level, for a value of a UTC day and of a length, and where it comes from;
 * INT64_MAX: there is none. `stat`: of the days before. */
enum bb_high_source { BB_HIGH_CONNECTION, BB_HIGH_USUAL, BB_HIGH_EARLY };
int64_t bb_high_limit(const struct bb_channel *channel, const int64_t *parameter,
                      const struct bb_stat *stat, int32_t day, int64_t length_ms,
                      enum bb_high_source *source);
enum { BB_HIGH_EARLY_RATIO = 10 }; /* times the limit, while few days say what is usual */

void bb_check_gap(const struct bb_check_context *context);
void bb_check_overlap(const struct bb_check_context *context);
void bb_check_duplicate(const struct bb_check_context *context);
void bb_check_interval_size(const struct bb_check_context *context);
void bb_check_unit(const struct bb_check_context *context);
void bb_check_negative(const struct bb_check_context *context);
void bb_check_time(const struct bb_check_context *context);
void bb_check_sum(const struct bb_check_context *context);
void bb_check_high(const struct bb_check_context *context);
void bb_check_low(const struct bb_check_context *context);
void bb_check_zero(const struct bb_check_context *context);
void bb_check_spike(const struct bb_check_context *context);
void bb_check_stuck(const struct bb_check_context *context);
void bb_check_outlier(const struct bb_check_context *context);
void bb_check_jump(const struct bb_check_context *context);
void bb_check_leak(const struct bb_check_context *context);
void bb_check_inactive(const struct bb_check_context *context);
void bb_check_prolonged(const struct bb_check_context *context);
void bb_check_late(const struct bb_check_context *context);

void bb_reach_high(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_low(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_zero(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_spike(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_stuck(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_outlier(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_leak(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_inactive(const int64_t *parameter, struct bb_reach *reach);
void bb_reach_prolonged(const int64_t *parameter, struct bb_reach *reach);

#endif
