/* What takes a walk through all channels of a tenant to know, for the overview: counted beside, told from
 * memory.
 *
 *   asked ─► fresh? ─► told       not: a thread counts beside. Who asks first waits half a second at most and takes
 *                                 what there is by then; later ones wait only for what is counted in a moment,
 *                                 and are told the count before.
 *
 * A count is fresh as long as nothing was derived since (the watcher's stamp), and for 2 s, or 20 times as long as it
 * took: walking may cost a twentieth of a core, however large the plant is. Any thread; one lock.
 */
#ifndef BB_HTTP_SUMS_INTERNAL_H
#define BB_HTTP_SUMS_INTERNAL_H

#include "service/completeness.h"

struct bb_sums { /* of a tenant */
    uint64_t usage_points, channels;
    /* The latest local day that is over, of all channels; empty: there is none. */
    char day[12]; /* "2026-03-31" */
    uint64_t expected, present, estimated, missing;
    int64_t
        latest_ms; /* the latest moment known of any channel; BB_TIME_NONE: none, or not counted yet */
};

struct bb_sums_source {             /* whose sums */
    const char *data, *config_path; /* of the plant; config_path NULL: none */
    struct bb_span tenant;
    uint64_t stamp; /* of what is derived now; 0: not known */
};

/* False: nobody has counted yet. */
bool bb_sums_get(const struct bb_sums_source *source, struct bb_sums *out);
/* Count beside, so that the first one who asks need not wait. */
void bb_sums_begin(const struct bb_sums_source *source);
/* The latest moment known of any channel, if it was counted and nothing was derived since: else BB_TIME_NONE. */
int64_t bb_sums_latest(const struct bb_sums_source *source);

/* Count now, on this thread. `early` is told what is counted first, while the rest takes its time; may be NULL. */
int bb_sums_count(struct bb_plant *plant, struct bb_span tenant, struct bb_sums *out,
                  void (*early)(void *context, const struct bb_sums *sums), void *context,
                  struct bb_error *error) BB_MUST_USE;

#endif
