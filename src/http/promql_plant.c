/* PromQL's samples from a plant: see promql_plant.h. On a handler's thread. */
#include "http/promql_plant.h"

#include "base/clock.h"
#include "base/list.h"
#include "model/unit.h"
#include "service/query.h"

#include <math.h>
#include <stdlib.h>

enum {
    SERIES_CHUNK_BYTES = 64 << 10,
    SERIES_BYTES = 32 << 20,
    SAMPLES_FIRST = 4096,
    LOOK_AT_CLOCK_EVERY = 4096 /* samples */
};

void bb_promql_plant_init(struct bb_promql_plant *source, const struct bb_promql_catalog *catalog,
                          int64_t until_ms) {
    *source = (struct bb_promql_plant){.catalog = *catalog, .until_ms = until_ms};
}

void bb_promql_plant_release(struct bb_promql_plant *source) {
    free(source->time_ms);
    free(source->start_ms);
    free(source->value);
}

static bool is_over(void *context) {
    const struct bb_promql_plant *p = context;

    return bb_monotonic_ns() / 1000000 >= p->until_ms;
}

static int fail_over(struct bb_error *error) {
    return BB_FAIL(error, BB_E_PROMQL_TIMEOUT,
                   "the query took longer than it may; ask for fewer series or a shorter time");
}

/* ---- samples of one series */

struct reading {
    struct bb_promql_plant *p;
    int unit; /* what values are told in */
    struct bb_error *error;
    int failure;
};

static bool grow(struct bb_promql_plant *p) {
    size_t capacity = p->capacity ? 2 * p->capacity : SAMPLES_FIRST;
    int64_t *time_ms = realloc(p->time_ms, capacity * sizeof *time_ms);
    p->time_ms = time_ms ? time_ms : p->time_ms;
    int64_t *start_ms = realloc(p->start_ms, capacity * sizeof *start_ms);
    p->start_ms = start_ms ? start_ms : p->start_ms;
    double *value = realloc(p->value, capacity * sizeof *value);
    p->value = value ? value : p->value;

    if (!time_ms || !start_ms || !value)
        return false;
    p->capacity = capacity;
    return true;
}

/* NaN: it is missing, or of a unit that is no measure of the same thing. */
static double value_in(const struct bb_query_row *row, int unit) {
    int64_t numerator, denominator;

    if (!row->has_value || !bb_unit_ratio(row->unit, unit, &numerator, &denominator))
        return (double)NAN;
    double value = bb_decimal_to_double(row->value);
    return numerator == denominator ? value : value * (double)numerator / (double)denominator;
}

/* Rows come by end. Of two with one end the later one counts; a start never lies before the end of the
 * one before. A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    struct reading *r = context;
    struct bb_promql_plant *p = r->p;

    if (p->count % LOOK_AT_CLOCK_EVERY == 0 && is_over(p))
        r->failure = fail_over(r->error);
    else if (p->count == BB_PROMQL_SERIES_SAMPLES_MAX)
        r->failure = BB_FAIL(r->error, BB_E_PROMQL_LIMIT,
                             "one series has more than %d samples in this time; ask for a shorter "
                             "one, or for lane hour or day",
                             BB_PROMQL_SERIES_SAMPLES_MAX);
    else if (p->count == p->capacity && !grow(p))
        r->failure = BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for the samples of a series");
    if (r->failure)
        return 1;
    if (p->count > 0 && p->time_ms[p->count - 1] >= row->end_ms)
        p->count--;
    int64_t before_ms = p->count > 0 ? p->time_ms[p->count - 1] : INT64_MIN;
    p->time_ms[p->count] = row->end_ms;
    p->start_ms[p->count] = row->start_ms > before_ms ? row->start_ms : before_ms;
    p->value[p->count++] = value_in(row, r->unit);
    return 0;
}

static int read_rows(struct bb_promql_plant *p, const struct bb_promql_entry *entry,
                     int64_t from_ms, int64_t to_ms, struct bb_error *error) {
    const struct bb_query query = {.tenant = p->catalog.tenant,
                                   .made = true,
                                   .usage_point = entry->usage_point,
                                   .channel = entry->channel,
                                   .from_ms = from_ms,
                                   .to_ms = to_ms,
                                   .lane = entry->lane,
                                   .as_of_ms = p->catalog.as_of_ms};
    struct reading reading = {.p = p, .unit = entry->unit, .error = error};

    p->count = 0;
    int result = bb_query_run(p->catalog.plant, &query, take_row, &reading, error);
    return reading.failure ? reading.failure : result;
}

/* ---- the distance of readings that nobody told */

static int compare_ms(const void *a, const void *b) {
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The middle one of the distances of what was read; spoils start_ms. */
static int64_t usual_distance(struct bb_promql_plant *p) {
    for (size_t i = 0; i + 1 < p->count; i++)
        p->start_ms[i] = p->time_ms[i + 1] - p->time_ms[i];
    if (p->count < 2)
        return 0;
    qsort(p->start_ms, p->count - 1, sizeof p->start_ms[0], compare_ms);
    return p->start_ms[(p->count - 1) / 2];
}

/* A channel without a nominal interval: how far apart its readings usually are, by the last few of them. */
static int find_distance(struct bb_promql_plant *p, struct bb_promql_entry *entry, int64_t to_ms,
                         struct bb_error *error) {
    static const int64_t stretches_ms[] = {2 * (int64_t)BB_HOUR_MS, 12 * (int64_t)BB_HOUR_MS,
                                           3 * (int64_t)BB_DAY_MS, 18 * (int64_t)BB_DAY_MS,
                                           100 * (int64_t)BB_DAY_MS};
    enum { ENOUGH = 4 };
    int result = 0;

    for (size_t i = 0; !result && i < sizeof stretches_ms / sizeof stretches_ms[0]; i++) {
        result = read_rows(p, entry, to_ms - stretches_ms[i], to_ms, error);
        if (!result && p->count >= ENOUGH)
            break;
    }
    if (!result)
        entry->interval_ms = usual_distance(p);
    return result;
}

/* ---- all series of a selector */

struct chosen {
    struct bb_promql_entry *items;
    size_t count, capacity;
    struct bb_arena arena;
};

static bool copy_entry(struct bb_arena *arena, const struct bb_promql_entry *entry,
                       struct bb_promql_entry *out) {
    struct bb_promql_label *items = bb_arena_take_array(arena, entry->labels.count, sizeof *items);
    bool fits = items != NULL;

    for (size_t i = 0; fits && i < entry->labels.count; i++) {
        items[i].name = bb_arena_copy(arena, entry->labels.items[i].name);
        items[i].value = bb_arena_copy(arena, entry->labels.items[i].value);
        fits = items[i].name.data && items[i].value.data;
    }
    *out = *entry;
    out->labels.items = items;
    out->usage_point = bb_arena_copy(arena, entry->usage_point);
    out->channel = bb_arena_copy(arena, entry->channel);
    return fits && out->usage_point.data && out->channel.data;
}

/* A bb_promql_catalog_visit. */
static int choose(void *context, const struct bb_promql_entry *entry, struct bb_error *error) {
    struct chosen *c = context;

    if (c->count == BB_PROMQL_SERIES_MAX)
        return BB_FAIL(error, BB_E_PROMQL_LIMIT,
                       "a selector has more than %d series; name usage points, channels or tags",
                       BB_PROMQL_SERIES_MAX);
    if (!bb_list_room(&c->items, c->count, &c->capacity, sizeof *c->items))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the series of a query");
    if (!copy_entry(&c->arena, entry, &c->items[c->count]))
        return BB_FAIL(error, BB_E_PROMQL_LIMIT,
                       "the labels of a selector's series need more than %d MiB",
                       SERIES_BYTES >> 20);
    c->count++;
    return 0;
}

static int read_series(struct bb_promql_plant *p, struct bb_promql_entry *entry,
                       const struct bb_promql_fetch *fetch, bb_promql_visit *visit, void *visitor,
                       struct bb_error *error) {
    bool intervals = entry->kind == BB_KIND_INTERVAL;
    int result = is_over(p) ? fail_over(error) : 0;

    if (!result && entry->interval_ms == 0)
        result = find_distance(p, entry, fetch->last_ms + 1, error);
    if (result)
        return result;
    int64_t to_ms = fetch->last_ms + (intervals ? entry->interval_ms : 1);
    int64_t reach_ms = bb_promql_reach_ms(fetch, entry->kind, entry->interval_ms);
    result = read_rows(p, entry, fetch->first_ms - reach_ms, to_ms, error);
    if (result || p->count == 0)
        return result;
    const struct bb_promql_series series = {.labels = entry->labels,
                                            .kind = entry->kind,
                                            .interval_ms = entry->interval_ms,
                                            .count = p->count,
                                            .time_ms = p->time_ms,
                                            .start_ms = intervals ? p->start_ms : NULL,
                                            .value = p->value};
    return visit(visitor, &series, error);
}

static int select_series(void *context, const struct bb_promql_fetch *fetch, bb_promql_visit *visit,
                         void *visitor, struct bb_error *error) {
    const struct bb_promql_search search = {.selector = fetch->selector};
    struct bb_promql_plant *p = context;
    struct chosen chosen = {.count = 0};

    bb_arena_init(&chosen.arena, SERIES_CHUNK_BYTES, SERIES_BYTES);
    int result = bb_promql_catalog_find(&p->catalog, &search, choose, &chosen, error);
    for (size_t i = 0; !result && i < chosen.count; i++)
        result = read_series(p, &chosen.items[i], fetch, visit, visitor, error);
    free(chosen.items);
    bb_arena_release(&chosen.arena);
    return result;
}

struct bb_promql_source bb_promql_plant_source(struct bb_promql_plant *source) {
    return (struct bb_promql_source){
        .context = source, .select = select_series, .is_over = is_over};
}
