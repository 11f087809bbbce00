/* PromQL samples in memory: see promql_source.h. */
#include "support/promql_source.h"

#include "http/promql_parse.h"

#include <math.h>
#include <stdlib.h>

void promql_memory_init(struct promql_memory *memory) {
    *memory = (struct promql_memory){0};
    bb_arena_init(&memory->arena, 64 << 10, 64 << 20);
}

void promql_memory_release(struct promql_memory *memory) {
    bb_arena_release(&memory->arena);
}

static int compare_labels(const void *a, const void *b) {
    return bb_span_compare(((const struct bb_promql_label *)a)->name,
                           ((const struct bb_promql_label *)b)->name);
}

static struct bb_promql_labels labels_of(struct bb_arena *arena, const char *text) {
    const struct bb_promql_selector *selector;
    struct bb_error error;

    BB_ASSERT(bb_promql_parse_selector(bb_span_of(text), arena, &selector, &error) == 0);
    struct bb_promql_label *items = bb_arena_take_array(arena, selector->matcher_count,
                                                        sizeof *items);
    for (size_t i = 0; i < selector->matcher_count; i++)
        items[i] = (struct bb_promql_label){selector->matchers[i].name,
                                            selector->matchers[i].value};
    qsort(items, selector->matcher_count, sizeof *items, compare_labels);
    return (struct bb_promql_labels){items, selector->matcher_count};
}

void promql_memory_add(struct promql_memory *memory, const char *labels, enum bb_kind kind,
                       int64_t step_s, int64_t first_s, const char *values) {
    BB_ASSERT(memory->count < PROMQL_MEMORY_SERIES);
    struct bb_promql_series *series = &memory->series[memory->count++];
    size_t most = strlen(values) + 1, count = 0;
    int64_t *time_ms = bb_arena_take_array(&memory->arena, most, sizeof *time_ms);
    int64_t *start_ms = bb_arena_take_array(&memory->arena, most, sizeof *start_ms);
    double *value = bb_arena_take_array(&memory->arena, most, sizeof *value);
    char *end;

    for (int64_t at_s = first_s;; at_s += step_s) {
        values += strspn(values, " ");
        if (*values == '\0')
            break;
        double number = *values == 'x' || *values == '_' ? (double)NAN : strtod(values, &end);
        bool sample = *values != '_';
        values = isnan(number) ? values + 1 : end;
        if (!sample)
            continue;
        time_ms[count] = at_s * 1000;
        start_ms[count] = (at_s - step_s) * 1000;
        value[count++] = number;
    }
    *series = (struct bb_promql_series){.labels = labels_of(&memory->arena, labels),
                                        .kind = kind,
                                        .interval_ms = step_s * 1000,
                                        .count = count,
                                        .time_ms = time_ms,
                                        .start_ms = kind == BB_KIND_INTERVAL ? start_ms : NULL,
                                        .value = value};
}

/* Memory that is gone after a visit, so that a sanitizer sees who kept it. */
struct lent {
    int64_t *time_ms, *start_ms;
    double *value;
};

static void take_back(struct lent *lent) {
    free(lent->time_ms);
    free(lent->start_ms);
    free(lent->value);
}

/* What the contract asks for of a series. */
static struct bb_promql_series cut(const struct bb_promql_fetch *fetch,
                                   const struct bb_promql_series *all, struct lent *lent) {
    struct bb_promql_series part = *all;
    int64_t reach_ms = bb_promql_reach_ms(fetch, all->kind, all->interval_ms);

    *lent = (struct lent){calloc(all->count + 1, sizeof(int64_t)),
                          calloc(all->count + 1, sizeof(int64_t)),
                          calloc(all->count + 1, sizeof(double))};
    BB_ASSERT(lent->time_ms && lent->start_ms && lent->value);
    part.count = 0;
    for (size_t i = 0; i < all->count; i++) {
        int64_t begins = all->start_ms ? all->start_ms[i] + 1 : all->time_ms[i];
        if (all->time_ms[i] <= fetch->first_ms - reach_ms || begins > fetch->last_ms)
            continue;
        lent->time_ms[part.count] = all->time_ms[i];
        lent->start_ms[part.count] = all->start_ms ? all->start_ms[i] : 0;
        lent->value[part.count++] = all->value[i];
    }
    part.time_ms = lent->time_ms;
    part.start_ms = all->start_ms ? lent->start_ms : NULL;
    part.value = lent->value;
    return part;
}

static int select_memory(void *context, const struct bb_promql_fetch *fetch, bb_promql_visit *visit,
                         void *visitor, struct bb_error *error) {
    struct promql_memory *memory = context;

    if (memory->fail)
        return BB_FAIL(error, (enum bb_error_code)memory->fail, "the disk /var/busbar failed");
    for (size_t i = memory->count; i-- > 0;) { /* order is not promised */
        bool accepts;
        int status = bb_promql_selector_accepts(fetch->selector, memory->series[i].labels, &accepts,
                                                error);
        if (status < 0)
            return status;
        if (!accepts)
            continue;
        struct lent lent;
        struct bb_promql_series part = cut(fetch, &memory->series[i], &lent);
        memory->offered += part.count;
        status = visit(visitor, &part, error);
        take_back(&lent);
        if (status < 0)
            return status;
    }
    return 0;
}

static bool is_over(void *context) {
    struct promql_memory *memory = context;
    return ++memory->asked > memory->over_after && memory->over_after > 0;
}

struct bb_promql_source promql_memory_source(struct promql_memory *memory) {
    return (struct bb_promql_source){memory, select_memory, is_over};
}
