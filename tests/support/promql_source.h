/* A source of PromQL samples in memory, written as text:
 *
 *   promql_memory_add(&memory, "busbar_value{usage_point=\"A\"}", BB_KIND_INTERVAL, 900, 900,
 *                     "1 2 _ 4 x 6");
 *
 * six quarter-hours, the first of which ends at 900 s; `_` is no sample, `x` one known to be
 * missing. It keeps to its contract and to no more: it offers just the samples that
 * bb_promql_reach_ms asks for, and destroys what a visit was given when the visit returns. */
#ifndef TESTS_SUPPORT_PROMQL_SOURCE_H
#define TESTS_SUPPORT_PROMQL_SOURCE_H

#include "base/arena.h"
#include "http/promql_source.h"

enum { PROMQL_MEMORY_SERIES = 64 };

struct promql_memory {
    struct bb_arena arena;
    struct bb_promql_series series[PROMQL_MEMORY_SERIES];
    size_t count;
    size_t offered;      /* samples, over all selects */
    int fail;            /* what select returns when not 0 */
    uint64_t over_after; /* is_over after so many questions; 0: never */
    uint64_t asked;
};

void promql_memory_init(struct promql_memory *memory);
void promql_memory_release(struct promql_memory *memory);
void promql_memory_add(struct promql_memory *memory, const char *labels, enum bb_kind kind,
                       int64_t step_s, int64_t first_s, const char *values);
struct bb_promql_source promql_memory_source(struct promql_memory *memory);

#endif
