/* Like days: the days of the past that say what a day without readings may have been like.
 *
 * A like day of a local day is one of the same type (Monday to Friday; Saturday; Sunday or holiday of the
 * channel's calendar) before the gap's first local day, within the days that step like_day allows, whose
 * readings are whole, measured and sound (stat.h). The latest BB_LIKE_MAX of each type are chosen, so that
 * the further ones tell how well the nearer ones were foretold.
 */
#ifndef BB_DERIVE_LIKE_H
#define BB_DERIVE_LIKE_H

#include "derive/estimate.h"
#include "derive/stat.h"

enum bb_day_type { BB_DAY_WORKING = 0, BB_DAY_SATURDAY, BB_DAY_SUNDAY, BB_DAY_TYPES };

struct bb_like {
    int32_t day[BB_DAY_TYPES][BB_LIKE_MAX]; /* local days, the latest first */
    uint8_t count[BB_DAY_TYPES];
};

/* The local day (since 1970) of the channel's calendar that holds t (start < t <= end), its bounds and
 * type. */
int32_t bb_like_day_of(const struct bb_channel *channel, int64_t t);
struct bb_period_bounds bb_like_bounds(const struct bb_channel *channel, int32_t local_day);
enum bb_day_type bb_like_type(const struct bb_channel *channel, int32_t local_day);

/* Do the channel's estimators look at like days? Each does: for its values, or for its error on them. */
bool bb_like_used(const struct bb_channel *channel);
/* How far before a gap step like_day looks. */
int64_t bb_like_within(const struct bb_channel *channel);
/* Choose the like days of all types before the gap that begins at from_ms, within `within_ms` of it. */
void bb_like_choose(const struct bb_channel *channel, const struct bb_stat *stat, int64_t from_ms,
                    int64_t within_ms, struct bb_like *out);

/* What stands for a slot of a gap (estimate.h): the same local time on the like days. */
struct bb_like_value {
    int32_t day;
    int64_t start_ms, end_ms; /* of the reading */
    int64_t level;
    bb_wide calm; /* sixths of a level: the mean of it and of the readings beside it on that day */
};
/* Those that are known, the latest first; gap: from_ms and intervals. Returns how many. */
size_t bb_like_of_slot(const struct bb_channel *channel, const struct bb_like *like,
                       const struct bb_window *past, const struct bb_gap *gap, int64_t step_ms,
                       size_t slot, struct bb_like_value out[BB_LIKE_MAX]);

/* Fill the gap's `like`, `calm` and `like_count`, (n + 2) slots of step_ms each from from_ms - step_ms on, from
 * raw points of the past. False when memory is out. */
bool bb_like_fill(const struct bb_channel *channel, const struct bb_like *like,
                  const struct bb_window *past, int64_t step_ms, struct bb_arena *arena,
                  struct bb_gap *gap) BB_MUST_USE;

#endif
