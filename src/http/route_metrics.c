/* GET /metrics: what the plant tells of itself, in the table's order (service/metric.def). What is not counted there is
 * looked up here, cheaply enough for a request every few seconds. */
#include "base/clock.h"
#include "http/call_internal.h"
#include "http/exposition_internal.h"
#include "http/machine_internal.h"
#include "http/measure_internal.h"
#include "http/routes_internal.h"
#include "model/quality.h"
#include "model/timestamp.h"
#include "service/rule_cost.h"

#include <stdio.h>

enum { CHILDREN_MAX = 256 };

struct page {
    struct bb_exposition text;
    struct bb_http_call *call;
    struct bb_http_server *server;
    struct bb_machine_process own;
};

static void put(struct page *p, double number) {
    bb_exposition_put(&p->text, NULL, NULL, number);
}

static void put_with(struct page *p, const char *value, double number) {
    bb_exposition_put(&p->text, p->text.row->label, value, number);
}

/* ---- HTTP */

static void put_http(struct page *p) {
    char labels[200];

    for (size_t i = 0; i <= bb_http_route_count; i++)
        for (int class = 0; class < BB_HTTP_CLASSES; class ++) {
            const struct bb_http_route *route = i < bb_http_route_count ? bb_http_routes[i] : NULL;
            const struct bb_metric_histogram *histogram = bb_http_measured(
                i, (enum bb_http_class) class);
            if (!histogram)
                continue;
            snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\",status=\"%s\"",
                     route ? route->path : "none",
                     route ? bb_http_method_name(route->method) : "none",
                     bb_http_class_name((enum bb_http_class) class));
            bb_exposition_put_histogram(&p->text, labels, histogram);
        }
}

static void put_running(struct page *p) {
    put(p, (double)atomic_load(&p->server->running));
}

static void put_waiting(struct page *p) {
    struct {
        const char *name;
        struct bb_http_crew *crew;
    } rows[] = {{"posts", &p->server->posts},
                {"questions", &p->server->questions},
                {"trials", &p->server->trials}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pthread_mutex_lock(&rows[i].crew->lock);
        uint32_t waiting = rows[i].crew->waiting;
        pthread_mutex_unlock(&rows[i].crew->lock);
        put_with(p, rows[i].name, waiting);
    }
}

static void put_connections(struct page *p) {
    struct bb_http_links *links = &p->server->links;

    pthread_mutex_lock(&links->lock);
    uint32_t count = links->count;
    pthread_mutex_unlock(&links->lock);
    put(p, count);
}

/* ---- the log, and what follows it */

static void put_log_readings(struct page *p) {
    uint64_t total;

    (void)bb_rate_per_second(&p->server->watcher.rate, &total);
    put(p, (double)total);
}

static void put_log_writable(struct page *p) {
    put(p, bb_committer_is_well(p->server->options.committer));
}

static void put_backlog(struct page *p) {
    const struct bb_http_watcher *w = &p->server->watcher;
    uint64_t changes = 0;

    for (uint32_t i = 0; i < w->partitions; i++)
        changes += atomic_load(&w->lags[i].changes);
    put_with(p, "derive", (double)atomic_load(&w->lag_readings));
    put_with(p, "deliver", (double)changes);
}

static void put_backlog_age(struct page *p) {
    const struct bb_http_watcher *w = &p->server->watcher;
    int64_t now_ms = bb_monotonic_ns() / 1000000, oldest_ms = now_ms;

    for (uint32_t i = 0; i < w->partitions; i++) {
        int64_t since_ms = atomic_load(&w->lags[i].since_ms);
        oldest_ms = since_ms > 0 && since_ms < oldest_ms ? since_ms : oldest_ms;
    }
    put_with(p, "derive", (double)atomic_load(&w->refusing.age_ms) / BB_SECOND_MS);
    put_with(p, "deliver", (double)(now_ms - oldest_ms) / BB_SECOND_MS);
}

static void put_partitions(struct page *p) {
    const struct bb_http_watcher *w = &p->server->watcher;
    char number[16];

    for (uint32_t i = 0; i < w->partitions; i++) {
        snprintf(number, sizeof number, "%u", i);
        put_with(p, number, (double)atomic_load(&w->lags[i].readings));
    }
}

static void put_workers(struct page *p) {
    uint64_t counts[BB_PROCESS_STATES] = {0};
    int pids[CHILDREN_MAX];
    int count = bb_machine_children(pids, CHILDREN_MAX);

    for (int i = 0; i < count && i < CHILDREN_MAX; i++)
        counts[bb_machine_state_of(pids[i])]++;
    for (int state = 0; state < BB_PROCESS_STATES; state++)
        put_with(p, bb_process_state_name((enum bb_process_state)state), (double)counts[state]);
}

static void put_workers_wanted(struct page *p) {
    put(p, p->server->options.workers);
}

static void put_workers_memory(struct page *p) {
    struct bb_machine_process worker;
    int pids[CHILDREN_MAX];
    int count = bb_machine_children(pids, CHILDREN_MAX);
    uint64_t sum = 0;

    for (int i = 0; i < count && i < CHILDREN_MAX; i++)
        sum += bb_machine_process(pids[i], &worker) ? worker.resident_bytes : 0;
    put(p, (double)sum);
}

/* ---- exceptions: counted at most every few seconds, as there may be many */

enum { COUNT_EVERY_MS = 10000 };

static struct {
    pthread_mutex_t lock; /* guards the rest */
    int64_t at_ms;        /* monotonic; 0: never */
    uint64_t by_check[BB_CHECK_COUNT];
} open_exceptions = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A bb_registry_exception_visit. */
static int count_exception(void *context, const struct bb_registry_exception *row) {
    uint64_t *by_check = context;

    if (row->check < BB_CHECK_COUNT)
        by_check[row->check]++;
    return 0;
}

static void put_exceptions(struct page *p) {
    struct bb_registry *registry = bb_http_plant(p->call)->registry;
    uint64_t counted[BB_CHECK_COUNT] = {0};
    int64_t now_ms = bb_monotonic_ns() / 1000000;
    struct bb_error error;

    pthread_mutex_lock(&open_exceptions.lock);
    bool is_fresh = open_exceptions.at_ms > 0 && now_ms - open_exceptions.at_ms < COUNT_EVERY_MS;
    if (!is_fresh && registry->ops->exception_list(registry, BB_SPAN(""), true, BB_TIME_NONE,
                                                   count_exception, counted, &error) >= 0) {
        memcpy(open_exceptions.by_check, counted, sizeof counted);
        open_exceptions.at_ms = now_ms;
    }
    memcpy(counted, open_exceptions.by_check, sizeof counted);
    pthread_mutex_unlock(&open_exceptions.lock);
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        put_with(p, bb_check_name(check), (double)counted[check]);
}

/* ---- rules: by name those of the caller's tenant; what others cost is one sum */

struct rules {
    struct page *page;
    double (*number_of)(const struct bb_rule_cost *cost);
    double others;
};

/* A bb_rule_cost_visit. */
static void put_rule(void *context, struct bb_span tenant, struct bb_span rule,
                     const struct bb_rule_cost *cost) {
    struct rules *r = context;
    struct bb_buffer labels;

    if (rule.size == 0 || !bb_span_equal(tenant, bb_http_tenant(r->page->call))) {
        r->others += r->number_of(cost);
        return;
    }
    bb_buffer_init(&labels, 1024);
    bb_exposition_label(&labels, "tenant", tenant);
    bb_exposition_label(&labels, "rule", rule);
    bb_buffer_append_byte(&labels, '\0');
    bb_exposition_put_labelled(&r->page->text, labels.data, r->number_of(cost));
    bb_buffer_release(&labels);
}

static void put_rules(struct page *p, double (*number_of)(const struct bb_rule_cost *cost)) {
    struct rules r = {p, number_of, 0};

    bb_rule_cost_each(put_rule, &r);
    put(p, r.others);
}

static double windows_of(const struct bb_rule_cost *cost) {
    return (double)cost->windows;
}
static double points_of(const struct bb_rule_cost *cost) {
    return (double)cost->points;
}
static double failures_of(const struct bb_rule_cost *cost) {
    return (double)cost->failures;
}
static double seconds_of(const struct bb_rule_cost *cost) {
    return (double)cost->nanoseconds / 1e9;
}
static void put_rule_windows(struct page *p) {
    put_rules(p, windows_of);
}
static void put_rule_points(struct page *p) {
    put_rules(p, points_of);
}
static void put_rule_failures(struct page *p) {
    put_rules(p, failures_of);
}
static void put_rule_seconds(struct page *p) {
    put_rules(p, seconds_of);
}

/* ---- foreign topics */

static struct bb_intake *intake_of(const struct page *p) {
    return p->server->options.intake;
}

/* Zeros where none are read, so that rules and dashboards find what they name. */
static struct bb_intake_look look_at_source(const struct page *p) {
    struct bb_intake_look look = {0};

    if (intake_of(p))
        bb_intake_look(intake_of(p), &look);
    return look;
}

static void put_source_backlog(struct page *p) {
    const struct bb_intake_look look = look_at_source(p);
    char labels[BB_INTAKE_TOPIC_MAX + 64];

    if (look.stream_count == 0)
        put(p, 0);
    for (uint32_t i = 0; i < look.stream_count; i++) {
        snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%u\"", look.streams[i].topic,
                 look.streams[i].partition);
        bb_exposition_put_labelled(&p->text, labels, (double)look.streams[i].backlog);
    }
}

static void put_source_age(struct page *p) {
    const struct bb_intake_look look = look_at_source(p);
    int64_t age_ms = look.oldest_ms ? bb_clock_now_ms(bb_clock_system()) - look.oldest_ms : 0;

    put(p, age_ms > 0 ? (double)age_ms / 1000 : 0);
}

static void put_source_state(struct page *p) {
    put(p, (double)look_at_source(p).state);
}

static void put_sink_age(struct page *p) {
    const int64_t now_ms = bb_clock_now_ms(bb_clock_system());
    char value[BB_METRIC_VALUE_MAX];

    for (int i = 0; bb_metric_value_text(BB_METRIC_SINK_AGE, i, value); i++) {
        int64_t since_ms = bb_metric_sink_lacks_since(i);
        bool lacks = since_ms > 0 && since_ms < now_ms;
        put_with(p, value, lacks ? (double)(now_ms - since_ms) / BB_SECOND_MS : 0);
    }
}

/* ---- disk */

static void put_store_bytes(struct page *p) {
    struct bb_store *store = bb_http_plant(p->call)->store;
    uint64_t sum = 0, used, file;
    struct bb_error error;

    for (uint32_t i = 0; i < store->partitions; i++)
        sum += store->ops->size(store, i, &used, &file, &error) == 0 ? used : 0;
    put(p, (double)sum);
}

static void put_log_bytes(struct page *p) {
    const struct bb_plant *plant = bb_http_plant(p->call);
    char path[sizeof plant->directory + 8];

    snprintf(path, sizeof path, "%s/log", plant->directory);
    put(p, (double)bb_machine_bytes_in(path));
}

static void put_disk_free(struct page *p) {
    put(p, (double)bb_machine_free_bytes(bb_http_plant(p->call)->directory));
}

/* ---- the process */

static void put_build(struct page *p) {
    put_with(p, BB_VERSION, 1);
}
static void put_cpu(struct page *p) {
    put(p, p->own.cpu_s);
}
static void put_resident(struct page *p) {
    put(p, (double)p->own.resident_bytes);
}
static void put_virtual(struct page *p) {
    put(p, (double)p->own.virtual_bytes);
}
static void put_open_fds(struct page *p) {
    put(p, (double)bb_machine_open_fds());
}
static void put_max_fds(struct page *p) {
    put(p, (double)bb_machine_max_fds());
}
static void put_start(struct page *p) {
    put(p, p->own.start_s);
}

/* ---- the page */

static void (*const looked_up[BB_METRIC_COUNT])(struct page *p) = {
    [BB_METRIC_SOURCE_BACKLOG] = put_source_backlog,
    [BB_METRIC_SOURCE_AGE] = put_source_age,
    [BB_METRIC_SOURCE_STATE] = put_source_state,
    [BB_METRIC_LOG_READINGS] = put_log_readings,
    [BB_METRIC_LOG_WRITABLE] = put_log_writable,
    [BB_METRIC_HTTP] = put_http,
    [BB_METRIC_HTTP_RUNNING] = put_running,
    [BB_METRIC_HTTP_WAITING] = put_waiting,
    [BB_METRIC_HTTP_CONNECTIONS] = put_connections,
    [BB_METRIC_BACKLOG] = put_backlog,
    [BB_METRIC_SINK_AGE] = put_sink_age,
    [BB_METRIC_BACKLOG_AGE] = put_backlog_age,
    [BB_METRIC_PARTITION_LAG] = put_partitions,
    [BB_METRIC_WORKERS] = put_workers,
    [BB_METRIC_WORKERS_WANTED] = put_workers_wanted,
    [BB_METRIC_WORKERS_MEMORY] = put_workers_memory,
    [BB_METRIC_EXCEPTIONS_OPEN] = put_exceptions,
    [BB_METRIC_RULE_WINDOWS] = put_rule_windows,
    [BB_METRIC_RULE_POINTS] = put_rule_points,
    [BB_METRIC_RULE_FAILURES] = put_rule_failures,
    [BB_METRIC_RULE_SECONDS] = put_rule_seconds,
    [BB_METRIC_STORE_BYTES] = put_store_bytes,
    [BB_METRIC_LOG_BYTES] = put_log_bytes,
    [BB_METRIC_DISK_FREE] = put_disk_free,
    [BB_METRIC_BUILD] = put_build,
    [BB_METRIC_CPU] = put_cpu,
    [BB_METRIC_RESIDENT] = put_resident,
    [BB_METRIC_VIRTUAL] = put_virtual,
    [BB_METRIC_OPEN_FDS] = put_open_fds,
    [BB_METRIC_MAX_FDS] = put_max_fds,
    [BB_METRIC_START] = put_start,
};

static int get_metrics(struct bb_http_call *call, struct bb_error *error) {
    static const char *const types[] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    int form = bb_http_accepts(call, "text/plain|application/openmetrics-text");
    struct page p = {.text = {.out = bb_http_out(call), .is_open_metrics = form == 1},
                     .call = call,
                     .server = call->server};

    if (form < 0)
        return BB_FAIL(error, BB_E_NOT_ACCEPTABLE,
                       "metrics are told as text/plain or application/openmetrics-text");
    (void)bb_machine_process(0, &p.own);
    for (int metric = 0; metric < BB_METRIC_COUNT; metric++) {
        if (!looked_up[metric]) {
            bb_exposition_put_counted(&p.text, (enum bb_metric)metric);
            continue;
        }
        bb_exposition_begin(&p.text, (enum bb_metric)metric);
        looked_up[metric](&p);
    }
    bb_exposition_end(&p.text);
    return bb_http_answer(call, 200, types[form]);
}

static const struct bb_http_answer answers[] = {
    {200, "text/plain", "Prometheus's text format, 0.0.4"},
    {200, "application/openmetrics-text", "OpenMetrics 1.0, when it is asked for"},
    {0}};

const struct bb_http_route bb_http_route_metrics = {
    .method = BB_HTTP_GET,
    .path = "/metrics",
    .right = BB_RIGHT_READ,
    .summary = "what the plant tells of itself, for Prometheus",
    .details =
        "Numbers of the whole plant; no meter is named, and of rules those alone of the caller's tenant.",
    .answers = answers,
    .among_posts = true, /* who watches has to be answered when all are asking */
    .handle = get_metrics,
};
