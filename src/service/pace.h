/* The pace of a live worker: how long readings may come together before they are committed.
 *
 * A commit costs by the block, as the block of a meter's day is written as a whole: 100,000 meters that send one reading each
 * cost as much as 100,000 meters that send ten. `fresh_ms` is derive.commit.freshness, the time between durable and visible that
 * a worker keeps as long as it can. Where it cannot, one that commits again at once would do little else than write the same
 * blocks; so it lets the more readings come together the longer a commit takes, within BB_PACE_MOST times that limit.
 *
 *   rest  ▲            ╱───── BB_PACE_MOST × fresh
 *         │          ╱
 *         │────────╱            fresh / 2, so that both together are within the limit
 *         └────────┬──────────►
 *               fresh / 2       what the last commit took
 */
#ifndef BB_SERVICE_PACE_H
#define BB_SERVICE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { BB_PACE_MOST = 16, BB_PACE_STEEP = 3, BB_PACE_SURPRISE = 4 };

static inline int64_t bb_pace_between(int64_t least, int64_t ms, int64_t most) {
    return ms < least ? least : ms > most ? most : ms;
}

/* For one that has come to the end of the log: how long it waits for more, from the first reading that comes. */
static inline int64_t bb_pace_rest_ms(int64_t took_ms, int64_t fresh_ms) {
    return bb_pace_between(fresh_ms / 2, (took_ms - fresh_ms / 2) * BB_PACE_STEEP,
                           fresh_ms * BB_PACE_MOST);
}

/* A round over partitions turns out to take so much longer than the last one that resting should have come before it. */
static inline bool bb_pace_is_surprised(int64_t takes_ms, int64_t took_ms, int64_t fresh_ms) {
    return takes_ms > BB_PACE_SURPRISE * (took_ms > fresh_ms / 2 ? took_ms : fresh_ms / 2);
}

/* For one that rests: nothing has come for so long, so nothing is worth waiting for. */
static inline int64_t bb_pace_still_ms(int64_t fresh_ms) {
    return fresh_ms / 4;
}

/* For one that has a backlog: how long it takes of it for one commit, by the age of its first reading. Readings that are late
 * already are not made earlier by a commit of few of them. */
static inline int64_t bb_pace_gather_ms(int64_t behind_ms, int64_t fresh_ms) {
    return bb_pace_between(fresh_ms, behind_ms, fresh_ms * BB_PACE_MOST);
}

#endif
