/* GET /v1/overview: what a person wants to know first. Every part is cheap or remembered (sums_internal.h,
 * rate_internal.h): it may be asked for every few seconds. */
#include "base/clock.h"
#include "http/call_internal.h"
#include "http/machine_internal.h"
#include "http/routes_internal.h"
#include "http/sums_internal.h"
#include "model/quality.h"

#include <stdio.h>

enum { WORKERS_SHOWN = 64 };

/* ---- the stages */

static void put_stages(struct bb_http_call *call, struct bb_json *json) {
    struct bb_http_watcher *watcher = &call->server->watcher;
    int64_t age_ms = atomic_load(&watcher->refusing.age_ms);

    bb_json_key(json, "stages");
    bb_json_array_begin(json);
    bb_json_object_begin(json);
    bb_json_put_text(json, "stage", BB_SPAN("derive"));
    bb_json_put_u64(json, "lag_readings", atomic_load(&watcher->lag_readings));
    bb_json_put_double(json, "oldest_age_s", (double)age_ms / BB_SECOND_MS);
    bb_json_object_end(json);
    bb_json_array_end(json);
}

static void put_workers(struct bb_json *json) {
    int pids[WORKERS_SHOWN];
    int count = bb_machine_children(pids, WORKERS_SHOWN);

    bb_json_key(json, "workers");
    bb_json_array_begin(json);
    for (int i = 0; i < count && i < WORKERS_SHOWN; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "stage", BB_SPAN("derive"));
        bb_json_put_i64(json, "pid", pids[i]);
        bb_json_put_text(json, "state",
                         bb_span_of(bb_process_state_name(bb_machine_state_of(pids[i]))));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

/* ---- the tenant's readings */

struct exceptions {
    uint64_t open, by_check[BB_CHECK_COUNT];
};

/* A bb_registry_exception_visit. */
static int count_exception(void *context, const struct bb_registry_exception *row) {
    struct exceptions *e = context;

    e->open++;
    if (row->check < BB_CHECK_COUNT)
        e->by_check[row->check]++;
    return 0;
}

static int put_exceptions(struct bb_http_call *call, struct bb_json *json, struct bb_error *error) {
    struct bb_registry *registry = bb_http_plant(call)->registry;
    struct exceptions e = {.open = 0};
    int result = registry->ops->exception_list(registry, bb_http_tenant(call), true, BB_TIME_NONE,
                                               count_exception, &e, error);

    bb_json_put_u64(json, "exceptions_open", e.open);
    bb_json_key(json, "exceptions_by_check");
    bb_json_object_begin(json);
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        if (e.by_check[check] > 0)
            bb_json_put_u64(json, bb_check_name(check), e.by_check[check]);
    bb_json_object_end(json);
    return result < 0 ? result : 0;
}

static void put_number_or_null(struct bb_json *json, const char *key, bool is_known,
                               uint64_t number) {
    bb_json_key(json, key);
    if (is_known)
        bb_json_u64(json, number);
    else
        bb_json_null(json);
}

static void put_sums(struct bb_http_call *call, struct bb_json *json) {
    const struct bb_sums_source source = bb_http_sums_source(call->server, bb_http_tenant(call));
    struct bb_sums sums = {.usage_points = 0};
    bool is_known = bb_sums_get(&source, &sums);

    put_number_or_null(json, "usage_points", is_known, sums.usage_points);
    put_number_or_null(json, "channels", is_known, sums.channels);
    bb_json_key(json, "completeness");
    if (!is_known || !sums.day[0]) {
        bb_json_null(json);
        return;
    }
    bb_json_object_begin(json);
    bb_json_put_text(json, "day", bb_span_of(sums.day));
    bb_json_put_u64(json, "expected", sums.expected);
    bb_json_put_u64(json, "present", sums.present);
    bb_json_put_u64(json, "estimated", sums.estimated);
    bb_json_put_u64(json, "missing", sums.missing);
    bb_json_object_end(json);
}

/* ---- bytes */

static int put_store_bytes(struct bb_plant *plant, struct bb_json *json, struct bb_error *error) {
    uint64_t sum = 0;
    int result = 0;

    for (uint32_t p = 0; !result && p < plant->store->partitions; p++) {
        uint64_t used, file;
        result = plant->store->ops->size(plant->store, p, &used, &file, error);
        sum += result ? 0 : used;
    }
    bb_json_put_u64(json, "store_bytes", sum);
    return result;
}

static void put_log_bytes(const struct bb_plant *plant, struct bb_json *json) {
    char path[sizeof plant->directory + 8];

    snprintf(path, sizeof path, "%s/log", plant->directory);
    bb_json_put_u64(json, "log_bytes", bb_machine_bytes_in(path));
}

/* ---- the answer */

static void put_rates(struct bb_http_call *call, struct bb_json *json) {
    uint64_t total;
    double rate = bb_rate_per_second(&call->server->watcher.rate, &total);

    bb_json_key(json, "readings_per_second");
    bb_json_object_begin(json);
    bb_json_put_double(json, "1m", rate);
    bb_json_object_end(json);
    bb_json_put_u64(json, "readings_total", total);
}

static int get_overview(struct bb_http_call *call, struct bb_error *error) {
    struct bb_json json = bb_http_json(call);
    char now[BB_TIME_TEXT_MAX];
    size_t size = bb_time_format_utc(bb_clock_now_ms(bb_clock_system()), now);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "now", (struct bb_span){now, size});
    put_rates(call, &json);
    put_stages(call, &json);
    put_workers(&json);
    put_sums(call, &json);
    int result = put_exceptions(call, &json, error);
    if (!result)
        result = put_store_bytes(bb_http_plant(call), &json, error);
    if (result)
        return result;
    put_log_bytes(bb_http_plant(call), &json);
    bb_burn_put(&call->server->watcher.burn, bb_monotonic_ns() / 1000000, &json);
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "rates, backlog, workers, completeness of the last day, open exceptions, error budgets"},
    {0}};

const struct bb_http_route bb_http_route_overview = {
    .method = BB_HTTP_GET,
    .path = "/v1/overview",
    .right = BB_RIGHT_READ,
    .summary = "what a person wants to know first",
    .details =
        "Rates, backlog, workers, bytes and error budgets are the plant's; usage points, channels, completeness and "
        "exceptions the tenant's. What takes a walk through all channels is null until it was "
        "counted for the first time.",
    .answers = answers,
    .handle = get_overview,
};
