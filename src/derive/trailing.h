/* Trailing statistics: what the closed days before a day say about it. Sums over rows of the lane
 * stat; bears with wrong readings among them (stat.h). Pure; used by checks, the classifier of
 * registers and estimators. */
#ifndef BB_DERIVE_TRAILING_H
#define BB_DERIVE_TRAILING_H

#include "derive/stat.h"

/* Those of the days [day - back, day) speak whose greatest level is at most 10 x the third greatest of
 * the days' greatest levels (of fewer than five days: x the median one): "plain" days. One or two days
 * of wrong readings do not; what comes on three days is use, however rare (a car that is charged). */

/* How many of the BB_STAT_DAYS before say what is usual: plain days on which something happened, whose
 * greatest level is more than 5 x the least (above zero) or 2 x the eighth greatest: a home that is
 * left alone says little about itself. All plain days, once there are 28. */
int32_t bb_trailing_days(const struct bb_stat *stat, int32_t day);

/* The level that 99.9 % of the values of the plain days do not exceed (nearest rank over the days'
 * BB_STAT_TOPS greatest; n = the sum of counts). False when fewer than min_days of
 * the plain days say what is usual. */
bool bb_trailing_high(const struct bb_stat *stat, int32_t day, int32_t back, int32_t min_days,
                      int64_t *level);
/* A level that bb_trailing_high does not fall below, whatever it is: cheap, for those who seldom need to
 * know more. 0 when nothing can be said. */
int64_t bb_trailing_floor(const struct bb_stat *stat, int32_t day, int32_t back);
/* The `rank`-th greatest level of the plain days (1: the greatest); false when there is none. */
bool bb_trailing_top(const struct bb_stat *stat, int32_t day, int32_t back, size_t rank,
                     int64_t *level);
/* The least level of the plain days, those left out that lie as far beneath the median of their least
 * levels. False when fewer than min_days speak. */
bool bb_trailing_least(const struct bb_stat *stat, int32_t day, int32_t back, int32_t min_days,
                       int64_t *level);
/* Values in the rows of [day - back, day). */
uint64_t bb_trailing_count(const struct bb_stat *stat, int32_t day, int32_t back);

/* How often an hour of the UTC day was used, of those times it was seen: on the same weekday in the
 * weeks before, when it was seen in at least min_weeks of them; else on all days. */
struct bb_usual {
    uint32_t seen, used;
};
struct bb_usual bb_trailing_usual(const struct bb_stat *stat, int32_t day, int hour, int32_t back,
                                  uint32_t min_weeks);

/* A register's mean advance per day (level), from the last readings of the days before: falls, and
 * advances of more than 10 x the median, are left out. False when fewer than 2 advances are known. */
bool bb_trailing_daily(const struct bb_stat *stat, int32_t day, int32_t back, int64_t *level);

#endif
