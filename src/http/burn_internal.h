/* How fast error budgets burn: errors of the last hours against what objectives allow (objective.def).
 *
 * Counters are noted once a minute; a window's errors are the difference to what was noted at its beginning. A server
 * that runs for less than a window answers for as long as it runs.
 *
 * One lock inside: noted by the watcher, asked by handlers.
 */
#ifndef BB_HTTP_BURN_INTERNAL_H
#define BB_HTTP_BURN_INTERNAL_H

#include <pthread.h>

#include "base/json_write.h"

enum {
    BB_OBJECTIVES = 0
#define BB_OBJECTIVE(name, share, promise, kind, metric, bound) +1
#include "http/objective.def"
#undef BB_OBJECTIVE
};
enum { BB_BURN_NOTES = 6 * 60 + 1, BB_BURN_EVERY_MS = 60000 };

struct bb_burn_count {
    uint64_t errors, all;
};

struct bb_burn_note {
    int64_t at_ms; /* monotonic */
    struct bb_burn_count counts[BB_OBJECTIVES];
};

struct bb_burn {
    pthread_mutex_t lock;                     /* guards the rest */
    struct bb_burn_note notes[BB_BURN_NOTES]; /* a ring */
    uint64_t count;                           /* ever noted */
};

void bb_burn_init(struct bb_burn *burn);
void bb_burn_release(struct bb_burn *burn);
/* Notes the counters when a minute has passed since it last did. */
void bb_burn_look(struct bb_burn *burn, int64_t now_ms);
/* "slo":[{"name":"posts","objective":0.999,"promise":"...","burn":{"1h":0.2,"6h":0}},...] */
void bb_burn_put(struct bb_burn *burn, int64_t now_ms, struct bb_json *json);

/* The errors between two counts, as a multiple of what the objective allows; nothing happened: 0. Pure. */
double bb_burn_rate(double share, struct bb_burn_count before, struct bb_burn_count now);

#endif
