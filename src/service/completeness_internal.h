/* What completeness counts with; pure. */
#ifndef BB_SERVICE_COMPLETENESS_INTERNAL_H
#define BB_SERVICE_COMPLETENESS_INTERNAL_H

#include "model/calendar.h"

/* How many values end in (from, to] when one ends at first_ms and then one each interval_s (> 0): each
 * so many days at the same time by the zone's clock when the interval is whole days. */
uint64_t bb_completeness_expected(const struct bb_zone *zone, uint32_t interval_s, int64_t first_ms,
                                  int64_t from_ms, int64_t to_ms);

/* Values in the order of their end that hang together: each begins no later than reach_ms behind the end
 * of those before it. */
struct bb_completeness_chain {
    int64_t to_ms; /* the end so far; where the first value is to begin. BB_TIME_NONE: anywhere */
    int64_t reach_ms; /* intervals: 0 */
    bool is_broken;   /* a value came too late; to_ms stays */
};
void bb_completeness_chain_add(struct bb_completeness_chain *chain, int64_t start_ms,
                               int64_t end_ms);

#endif
