/* PromQL's samples from a plant: a source (promql_source.h) over the catalog and the lanes' blocks.
 *
 *   selector ─► catalog ─► series (their labels, all of them) ─► one after the other: rows ─► columns ─► visit
 *
 * The registry is done with before the first value is read, and of values one series is in memory at a time. A
 * selector has at most BB_PROMQL_SERIES_MAX series and a series BB_PROMQL_SERIES_SAMPLES_MAX samples: more is
 * -BB_E_PROMQL_LIMIT. What is not over by until_ms is -BB_E_PROMQL_TIMEOUT.
 */
#ifndef BB_HTTP_PROMQL_PLANT_H
#define BB_HTTP_PROMQL_PLANT_H

#include "http/promql_catalog.h"
#include "http/promql_source.h"

enum { BB_PROMQL_SERIES_MAX = 10000, BB_PROMQL_SERIES_SAMPLES_MAX = 2000000 };

struct bb_promql_plant {
    struct bb_promql_catalog catalog;
    int64_t until_ms; /* monotonic */
    /* of the series at hand */
    size_t count, capacity;
    int64_t *time_ms, *start_ms;
    double *value;
};

void bb_promql_plant_init(struct bb_promql_plant *source, const struct bb_promql_catalog *catalog,
                          int64_t until_ms);
void bb_promql_plant_release(struct bb_promql_plant *source);
/* Borrows from it. */
struct bb_promql_source bb_promql_plant_source(struct bb_promql_plant *source);

#endif
