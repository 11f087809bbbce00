/* The lists of Prometheus's HTTP API: /series, /labels, /label/NAME/values, /metadata. By them Grafana's query
 * builder and its variables find what there is.
 *
 * They tell what the tenant has, whether or not there are values between `start` and `end`. A list that would be
 * too long is cut, with a warning: who looks around is better served by a part than by an error. */
#include "http/promql_call_internal.h"
#include "http/promql_json.h"
#include "http/promql_metric.h"
#include "http/promql_parse.h"
#include "http/promql_texts.h"
#include "http/routes_internal.h"
#include "model/unit.h"

#include <stdlib.h>

enum { SERIES_MAX = 10000 };

#define TIME_PARAMETERS                                                                            \
    {.name = "start", .kind = BB_HTTP_TEXT, .help = "passed over: lists do not depend on times"},  \
        {.name = "end", .kind = BB_HTTP_TEXT, .help = "likewise"}, BB_PROMQL_LIMIT_PARAMETER,      \
        BB_PROMQL_AS_OF_PARAMETER

/* ---- walking */

struct walking {
    struct bb_http_call *call;
    bool every_lane, no_tags;
    bb_promql_catalog_visit *visit;
    void *context;
};

static int check_times(struct bb_http_call *call, struct bb_error *error) {
    int64_t ignored;
    int result = bb_promql_take_time(call, "start", &ignored, error);

    return result ? result : bb_promql_take_time(call, "end", &ignored, error);
}

/* The series of each match[]; of all when there is none. */
static int walk(const struct walking *w, struct bb_error *error) {
    const struct bb_promql_catalog catalog = bb_promql_catalog_of(w->call);
    struct bb_promql_search search = {.every_lane = w->every_lane, .no_tags = w->no_tags};
    size_t count = bb_http_text_count(w->call, "match[]");
    int result = check_times(w->call, error);

    if (!result && count == 0)
        result = bb_promql_catalog_find(&catalog, &search, w->visit, w->context, error);
    for (size_t i = 0; !result && i < count; i++) {
        result = bb_promql_parse_selector(bb_http_text_at(w->call, "match[]", i),
                                          bb_http_arena(w->call), &search.selector, error);
        if (!result)
            result = bb_promql_catalog_find(&catalog, &search, w->visit, w->context, error);
    }
    return result < 0 ? result : 0;
}

static int answer_texts(struct bb_http_call *call, struct bb_promql_texts *texts) {
    bb_promql_texts_sort(texts);
    bb_promql_json_texts(texts->items, texts->count, texts->is_full ? bb_promql_truncated : NULL,
                         bb_http_out(call));
    return bb_http_answer(call, 200, "application/json");
}

static int begin_texts(struct bb_http_call *call, struct bb_promql_texts *texts,
                       struct bb_error *error) {
    return bb_promql_texts_init(texts, bb_http_arena(call),
                                bb_promql_take_limit(call, BB_PROMQL_TEXTS_MAX))
               ? 0
               : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list");
}

/* ---- /series */

struct series_list {
    struct bb_arena *arena;
    struct bb_promql_labels *items;
    size_t count, limit;
    bool is_cut;
};

/* A bb_promql_catalog_visit. */
static int take_series(void *context, const struct bb_promql_entry *entry, struct bb_error *error) {
    struct series_list *list = context;

    if (list->count == list->limit) {
        list->is_cut = true;
        return 1;
    }
    struct bb_promql_label *items = bb_arena_take_array(list->arena, entry->labels.count,
                                                        sizeof *items);
    bool fits = items != NULL;
    for (size_t i = 0; fits && i < entry->labels.count; i++) {
        items[i].name = bb_arena_copy(list->arena, entry->labels.items[i].name);
        items[i].value = bb_arena_copy(list->arena, entry->labels.items[i].value);
        fits = items[i].name.data && items[i].value.data;
    }
    if (!fits)
        return BB_FAIL(error, BB_E_PROMQL_LIMIT,
                       "the series' labels need more memory than there "
                       "is for a request; name usage points or tags");
    list->items[list->count++] = (struct bb_promql_labels){items, entry->labels.count};
    return 0;
}

static int compare_series(const void *a, const void *b) {
    return bb_promql_labels_compare(*(const struct bb_promql_labels *)a,
                                    *(const struct bb_promql_labels *)b);
}

/* Several match[] may have met the same one. */
static void sort_once(struct series_list *list) {
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->items, list->count, sizeof list->items[0], compare_series);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || compare_series(&list->items[kept - 1], &list->items[i]) != 0)
            list->items[kept++] = list->items[i];
    list->count = kept;
}

static int get_series(struct bb_http_call *call, struct bb_error *error) {
    struct series_list list = {.arena = bb_http_arena(call),
                               .limit = bb_promql_take_limit(call, SERIES_MAX)};
    const struct walking walking = {.call = call, .visit = take_series, .context = &list};

    list.items = bb_arena_take_array(list.arena, list.limit, sizeof list.items[0]);
    if (!list.items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list");
    int result = walk(&walking, error);
    if (result)
        return result;
    sort_once(&list);
    bb_promql_json_series(list.items, list.count, list.is_cut ? bb_promql_truncated : NULL,
                          bb_http_out(call));
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_parameter series_parameters[] = {
    {.name = "match[]",
     .kind = BB_HTTP_LINES,
     .required = true,
     .repeated = true,
     .help = "a selector, as busbar_energy_kilowatt_hours{usage_point=\"A\"}"},
    TIME_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer series_answers[] = {
    {200, "application/json", "label sets, in their order; 10,000 at most"}, {0}};

BB_PROMQL_ROUTES(series, "/api/v1/series", "series that selectors accept", NULL, series_parameters,
                 series_answers, get_series);

/* ---- /labels */

/* A bb_promql_catalog_visit. */
static int take_names(void *context, const struct bb_promql_entry *entry, struct bb_error *error) {
    struct bb_promql_texts *texts = context;
    bool fits = true;

    (void)error;
    for (size_t i = 0; fits && i < entry->labels.count; i++)
        fits = bb_promql_texts_add(texts, entry->labels.items[i].name);
    return !fits;
}

static int get_labels(struct bb_http_call *call, struct bb_error *error) {
    struct bb_promql_texts texts;
    const struct walking walking = {.call = call, .visit = take_names, .context = &texts};
    int result = begin_texts(call, &texts, error);

    if (!result)
        result = walk(&walking, error);
    return result ? result : answer_texts(call, &texts);
}

static const struct bb_http_parameter labels_parameters[] = {
    {.name = "match[]",
     .kind = BB_HTTP_LINES,
     .repeated = true,
     .help = "of these series; default: of all"},
    TIME_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer labels_answers[] = {{200, "application/json", "names, sorted"},
                                                       {0}};

BB_PROMQL_ROUTES(labels, "/api/v1/labels", "names of labels", NULL, labels_parameters,
                 labels_answers, get_labels);

/* ---- /label/NAME/values */

struct values_list {
    struct bb_span name;
    struct bb_promql_texts texts;
};

/* A bb_promql_catalog_visit. */
static int take_value(void *context, const struct bb_promql_entry *entry, struct bb_error *error) {
    struct values_list *list = context;
    struct bb_span value = bb_promql_labels_get(entry->labels, list->name);

    (void)error;
    return value.size > 0 && !bb_promql_texts_add(&list->texts, value);
}

static int get_label_values(struct bb_http_call *call, struct bb_error *error) {
    struct values_list list = {.name = bb_http_text(call, "name")};
    const struct walking walking = {.call = call,
                                    .every_lane = bb_span_equal(list.name, BB_SPAN("lane")),
                                    .no_tags = !bb_promql_is_tag(list.name),
                                    .visit = take_value,
                                    .context = &list};
    int result = begin_texts(call, &list.texts, error);

    if (!result)
        result = walk(&walking, error);
    return result ? result : answer_texts(call, &list.texts);
}

static const struct bb_http_parameter values_parameters[] = {
    {.name = "name", .place = BB_HTTP_IN_PATH, .required = true, .help = "of the label"},
    {.name = "match[]",
     .kind = BB_HTTP_LINES,
     .repeated = true,
     .help = "of these series; default: of all"},
    TIME_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer values_answers[] = {
    {200, "application/json", "values, sorted; 40,000 at most"}, {0}};

BB_PROMQL_ROUTE(label_values, BB_HTTP_GET, BB_HTTP_NO_BODY, "/api/v1/label/{name}/values",
                "values of a label", NULL, values_parameters, values_answers, get_label_values);

/* ---- /metadata */

struct metrics_list {
    bool has[BB_UNIT_COUNT][2]; /* as amounts or gauges, as a counter */
};

/* A bb_promql_catalog_visit. */
static int take_metric(void *context, const struct bb_promql_entry *entry, struct bb_error *error) {
    struct metrics_list *list = context;

    (void)error;
    if (entry->unit >= 0 && entry->unit < BB_UNIT_COUNT)
        list->has[entry->unit][entry->kind == BB_KIND_REGISTER] = true;
    return 0;
}

static int get_metadata(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_promql_catalog catalog = bb_promql_catalog_of(call);
    const struct bb_promql_search search = {.every_lane = true, .no_tags = true};
    struct bb_promql_metric metrics[2 * BB_UNIT_COUNT];
    char names[2 * BB_UNIT_COUNT][BB_PROMQL_METRIC_NAME_MAX];
    struct metrics_list list = {0};
    struct bb_span asked = bb_http_text(call, "metric");
    size_t count = 0, most = bb_promql_take_limit(call, 2 * (size_t)BB_UNIT_COUNT);

    int result = bb_promql_catalog_find(&catalog, &search, take_metric, &list, error);
    if (result < 0)
        return result;
    for (int i = 0; i < 2 * BB_UNIT_COUNT && count < most; i++) {
        int unit = i / 2;
        bool is_counter = i % 2 == 1;
        struct bb_span name = bb_promql_metric_name(unit, is_counter, names[count]);
        if (!list.has[unit][is_counter] || (asked.size > 0 && !bb_span_equal(asked, name)))
            continue;
        metrics[count] = (struct bb_promql_metric){.name = names[count],
                                                   .type = is_counter ? "counter" : "gauge",
                                                   .help = bb_promql_metric_help(unit, is_counter),
                                                   .unit = bb_unit_symbol(unit)};
        count++;
    }
    bb_promql_json_metadata(metrics, count, bb_http_out(call));
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_parameter metadata_parameters[] = {
    {.name = "metric", .kind = BB_HTTP_TEXT, .help = "of this one; default: of all"},
    {.name = "limit_per_metric",
     .kind = BB_HTTP_NUMBER,
     .min = 0,
     .max = INT32_MAX,
     .help = "passed over: each has one"},
    BB_PROMQL_LIMIT_PARAMETER,
    BB_PROMQL_AS_OF_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer metadata_answers[] = {
    {200, "application/json", "type, help and unit of each metric"}, {0}};

BB_PROMQL_ROUTE(metadata, BB_HTTP_GET, BB_HTTP_NO_BODY, "/api/v1/metadata",
                "what metrics there are", NULL, metadata_parameters, metadata_answers,
                get_metadata);
