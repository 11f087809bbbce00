/* The score: what a plant found of what was put into its city, and how far its estimates are off.
 *
 * The same rules as tools/score-city, on the plant of one city: a fault is found when an alarm that
 * stands for its kind overlaps it, at the same usage point and channel; an alarm is false when it
 * overlaps no fault of its usage point, or is a register's mark on a plain fault of another kind.
 * Estimates are judged in the gaps, against what the homes used.
 */
#ifndef BB_SERVICE_CITY_SCORE_H
#define BB_SERVICE_CITY_SCORE_H

#include "service/city.h"
#include "service/plant.h"

enum { BB_CITY_SCORE_KINDS_MAX = 24 };

struct bb_city_score_kind {
    const char *name; /* as in truth.json */
    uint32_t put_in, found, false_alarms;
};

struct bb_city_score_method {
    uint64_t values;
    double error; /* sum of |estimate - truth|, kWh */
    double truth; /* sum of the true values */
    double naive; /* sum of |the value a week before - truth|, over those that have one: */
    double error_beside_naive;
    uint64_t compared;
};

struct bb_city_score {
    struct bb_city_score_kind kinds[BB_CITY_SCORE_KINDS_MAX];
    size_t kind_count;
    uint64_t false_alarms[BB_CHECK_COUNT]; /* of every check */
    struct bb_city_score_method methods[BB_METHOD_COUNT];
    int64_t from_ms, to_ms; /* what the city covers */
    uint64_t not_estimated; /* intervals of gaps that stay missing */
};

/* `duplicates`: what reading the city's files counted as such: equal values leave no finding. */
int bb_city_score_run(struct bb_plant *plant, struct bb_span tenant,
                      const struct bb_city_options *options, uint64_t duplicates,
                      struct bb_city_score *out, struct bb_error *error) BB_MUST_USE;

#endif
