/* What takes a walk through all channels of a tenant to know, for the overview: counted beside, told from
 * memory.
 *
 *   asked ─► fresh? ─► told            not: a thread counts, the asker waits a second at most and takes
 *                                      what there is: the count before, or nothing yet
 *
 * A count is fresh for 2 s, or 20 times as long as it took: walking may cost a twentieth of a core, however
 * large the plant is. Any thread; one lock.
 */
#ifndef BB_HTTP_SUMS_INTERNAL_H
#define BB_HTTP_SUMS_INTERNAL_H

#include "service/completeness.h"

struct bb_sums { /* of a tenant */
    uint64_t usage_points, channels;
    /* The latest local day that is over, of all channels; empty: there is none. */
    char day[12]; /* "2026-03-31" */
    uint64_t expected, present, estimated, missing;
};

/* False: nobody has counted yet. `data` and `config_path` (NULL: none) of the plant. */
bool bb_sums_get(const char *data, const char *config_path, struct bb_span tenant,
                 struct bb_sums *out);

/* Count now, on this thread. */
int bb_sums_count(struct bb_plant *plant, struct bb_span tenant, struct bb_sums *out,
                  struct bb_error *error) BB_MUST_USE;

#endif
