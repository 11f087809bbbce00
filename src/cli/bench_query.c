/* busbar bench query: a channel's month of quarter hours, raw and validated, and its day values,
 * inside the process, on a plant of many meters; beside copying the rows it returns. */
#include "cli/bench.h"

#include "cli/human.h"
#include "service/query.h"
#include "service/worker.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_DAY = 20454, DAYS = 31, METERS = 2000, QUERIES = 400 };

static int count_row(void *context, const struct bb_query_row *row) {
    uint64_t *sum = context;

    *sum += (uint64_t)row->value.mantissa + 1;
    return 0;
}

static int fill(struct bb_plant *plant, struct bb_error *error) {
    struct bench_load load = {METERS, FIRST_DAY, DAYS, true};
    struct bb_worker *worker;
    int result = bench_load_append(&load, plant, error);

    if (!result)
        result = bb_worker_open(plant, &worker, error);
    if (result)
        return result;
    result = bb_worker_drain(worker, false, NULL, error);
    bb_worker_close(worker);
    return result ? result : bb_deliver_registry(plant, NULL, NULL, error);
}

static int query_many(struct bb_plant *plant, enum bb_lane lane, double *us,
                      struct bb_error *error) {
    uint64_t sum = 0;
    int result = 0;

    for (uint32_t i = 0; !result && i < QUERIES; i++) {
        char name[19];
        bench_load_name((i * 7919) % METERS, name);
        struct bb_query query = {.tenant = BB_SPAN("default"),
                                 .usage_point = bb_span_of(name),
                                 .channel = BB_SPAN("1-1:1.29.0"),
                                 .from_ms = FIRST_DAY * (int64_t)BB_DAY_MS,
                                 .to_ms = (FIRST_DAY + DAYS) * (int64_t)BB_DAY_MS,
                                 .lane = lane,
                                 .as_of_ms = BB_TIME_NONE};
        int64_t begin = bb_monotonic_ns();
        result = bb_query_run(plant, &query, count_row, &sum, error);
        us[i] = bench_seconds_since(begin) * 1e6;
    }
    if (!result && sum == 0)
        result = BB_FAIL(error, BB_E_BUG, "the queries found nothing");
    return result;
}

/* Copying as many rows as a month has, as the least any query must do. */
static double copy_us(void) {
    static struct bb_query_row from[DAYS * 96], to[DAYS * 96];
    int64_t begin = bb_monotonic_ns();

    for (int i = 0; i < QUERIES; i++) {
        memcpy(to, from, sizeof from);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    return bench_seconds_since(begin) * 1e6 / QUERIES;
}

int bench_query(struct bench *b, struct bb_error *error) {
    static const enum bb_lane lanes[] = {BB_LANE_RAW, BB_LANE_VEE, BB_LANE_HOUR, BB_LANE_DAY,
                                         BB_LANE_MONTH};
    double *us = malloc(QUERIES * sizeof *us);
    struct bench_baseline base;
    struct bb_plant plant;
    char path[sizeof b->directory + 32];

    snprintf(path, sizeof path, "%s/plant", b->directory);
    int result = us ? bb_plant_open(path, NULL, BB_PLANT_APPEND, &plant, error)
                    : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the benchmark");
    if (result) {
        free(us);
        return result;
    }
    result = bench_measure_baseline(b, &base, error);
    if (!result)
        result = fill(&plant, error);
    double copy = copy_us();
    bench_say(b, "  baseline: copying a month of rows %.1f us", copy);
    for (size_t i = 0; !result && i < sizeof lanes / sizeof lanes[0]; i++) {
        result = query_many(&plant, lanes[i], us, error);
        if (result)
            break;
        double median = bench_median(us, QUERIES), p99 = us[QUERIES * 99 / 100];
        const char *name = bb_lanes[lanes[i]].name;
        bench_say(b, "  %-5s one channel-month: median %.0f us, p99 %.0f us, %.0f x the copy", name,
                  median, p99, median / copy);
        if (b->json) {
            bb_json_key(b->json, name);
            bb_json_object_begin(b->json);
            bb_json_put_double(b->json, "median_us", median);
            bb_json_put_double(b->json, "p99_us", p99);
            bb_json_put_double(b->json, "ratio_to_copy", median / copy);
            bb_json_object_end(b->json);
        }
    }
    if (!result)
        bench_tell_baseline(b, &base);
    bb_plant_close(&plant);
    free(us);
    return result;
}
