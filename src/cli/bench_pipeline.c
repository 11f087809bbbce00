/* busbar bench pipeline: from NDJSON text to committed blocks, the whole default pipeline.
 *
 * Per order (by time: all meters each quarter hour; by file: meter by meter) a plant is preloaded
 * and then given the days to be measured, a run each: parse ─► log with fdatasync ─► derive ─►
 * commit, on one thread (the log's syncs run on one of their own). The projection of new channels
 * to the registry is not in it: nothing is new after the preload.
 */
#include "cli/bench.h"

#include "cli/human.h"
#include "derive/check.h"
#include "service/land.h"
#include "service/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_DAY = 20454 }; /* 2026-01-01 */

struct order {
    const char *name; /* in the JSON */
    const char *title;
    bool by_meter;
    uint32_t meters, days, preload_days;
};

struct sample {
    double seconds, land_seconds, derive_seconds;
    double text_bytes;
};

/* Anonymous memory of the process, at most. */
struct memory {
    uint64_t land_bytes, derive_bytes;
};

struct figures {
    double readings_per_second, live_readings_per_second;
    double land_share; /* of the time: parsing and the log */
    double text_bytes_per_second;
    double store_bytes_per_reading, log_bytes_per_reading;
    struct memory rss;
    uint64_t readings;
};

static uint64_t rss_anon(void) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long kib = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return (uint64_t)kib * 1024;
}

static void watch_memory(void *context, const struct bb_progress *progress) {
    uint64_t *most = context, now = rss_anon();

    (void)progress;
    *most = now > *most ? now : *most;
}

static uint64_t store_bytes(struct bb_plant *plant) {
    uint64_t sum = 0, used, file;
    struct bb_error ignored;

    for (uint32_t p = 0; p < plant->store->partitions; p++)
        if (plant->store->ops->size(plant->store, p, &used, &file, &ignored) == 0)
            sum += file;
    return sum;
}

static uint64_t log_bytes(struct bb_plant *plant) {
    uint64_t sum = 0;
    struct bb_log_end end;
    struct bb_error ignored;

    for (uint32_t p = 0; p < plant->log->partitions; p++)
        if (plant->log->ops->end(plant->log, p, &end, &ignored) == 0)
            sum += end.offset - end.first_offset;
    return sum;
}

static int drain(struct bb_plant *plant, bool live, const struct bb_progress_watch *watch,
                 struct bb_error *error) {
    struct bb_worker *worker;
    uint64_t backlog_left = 1;
    int result = bb_worker_open(plant, &worker, error);

    /* A live drain returns after one round of partitions: go on while it finds something. */
    while (!result && backlog_left > 0) {
        uint64_t before = bb_worker_counts(worker)->readings;
        result = bb_worker_drain(worker, live, watch, error);
        backlog_left = live ? bb_worker_counts(worker)->readings - before : 0;
    }
    if (!result)
        bb_worker_close(worker);
    return result;
}

static int preload(struct bench *b, const struct order *o, struct bb_plant *plant,
                   struct bb_error *error) {
    enum { DAYS_AT_ONCE = 5 };
    int result = 0;

    for (uint32_t day = 0; !result && day < o->preload_days; day += DAYS_AT_ONCE) {
        uint32_t days = o->preload_days - day < DAYS_AT_ONCE ? o->preload_days - day : DAYS_AT_ONCE;
        struct bench_load load = {o->meters, FIRST_DAY + (int32_t)day, days, o->by_meter};
        result = bench_load_append(&load, plant, error);
        if (!result)
            result = drain(plant, false, NULL, error);
    }
    if (!result)
        result = bb_deliver_registry(plant, NULL, NULL, error);
    bench_say(b, "  preloaded %u meters with %u days", o->meters, o->preload_days);
    return result;
}

/* One run: the next days, as a file. */
static int run_once(struct bench *b, const struct order *o, struct bb_plant *plant, int32_t day,
                    bool live, struct memory *rss, struct sample *out, struct bb_error *error) {
    char path[sizeof b->directory + 32];
    struct bench_load load = {o->meters, day, o->days, o->by_meter};
    struct bb_progress_watch landing = {watch_memory, &rss->land_bytes};
    struct bb_progress_watch deriving = {watch_memory, &rss->derive_bytes};
    struct bb_land_options options = {
        .form = {.tenant = BB_SPAN("default"), .zone = BB_SPAN(""), .interval_s = 900},
        .clock = bb_clock_system(),
        .watch = &landing};
    struct bb_land_report *report = calloc(1, sizeof *report);
    uint64_t bytes = 0;

    snprintf(path, sizeof path, "%s/load.ndjson", b->directory);
    int result = report ? bench_load_write(&load, path, &bytes, error)
                        : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a report");
    int64_t begin = bb_monotonic_ns();
    if (!result)
        result = bb_land_file(plant, path, &options, report, error);
    if (result == BB_LAND_REFUSED)
        result = BB_FAIL(error, report->errors[0].code, "%s", report->errors[0].text);
    out->land_seconds = bench_seconds_since(begin);
    if (!result)
        result = drain(plant, live, &deriving, error);
    out->seconds = bench_seconds_since(begin);
    out->derive_seconds = out->seconds - out->land_seconds;
    out->text_bytes = (double)bytes;
    if (!result && report->readings != bench_load_readings(&load))
        result = BB_FAIL(error, BB_E_BUG, "%llu readings were landed instead of %llu",
                         (unsigned long long)report->readings,
                         (unsigned long long)bench_load_readings(&load));
    free(report);
    unlink(path);
    return result;
}

static int run_order(struct bench *b, const struct order *o, struct figures *f,
                     struct bb_error *error) {
    double rates[BENCH_RUNS_MAX], shares[BENCH_RUNS_MAX], bytes[BENCH_RUNS_MAX];
    char path[sizeof b->directory + 32];
    struct bb_plant plant;
    struct sample sample;
    size_t runs = (size_t)b->given->runs;
    double readings = (double)o->meters * o->days * 96;
    int32_t day = FIRST_DAY + (int32_t)o->preload_days;

    snprintf(path, sizeof path, "%s/%s", b->directory, o->name);
    int result = bb_plant_open(path, NULL, BB_PLANT_APPEND, &plant, error);
    if (result)
        return result;
    bench_say(b, "%s", o->title);
    result = preload(b, o, &plant, error);
    for (size_t i = 0; !result && i < runs; i++, day += (int32_t)o->days) {
        result = run_once(b, o, &plant, day, false, &f->rss, &sample, error);
        rates[i] = readings / sample.seconds;
        shares[i] = sample.land_seconds / sample.seconds;
        bytes[i] = sample.text_bytes / sample.seconds;
        char rate[BB_HUMAN_MAX];
        if (!result)
            bench_say(b, "  run %zu: %s readings/s (reading %.2f s, deriving %.2f s)", i + 1,
                      bb_human_short(rates[i], rate), sample.land_seconds, sample.derive_seconds);
    }
    if (!result) {
        double total = readings * (double)runs + (double)o->meters * o->preload_days * 96;
        f->store_bytes_per_reading = (double)store_bytes(&plant) / total;
        f->log_bytes_per_reading = (double)log_bytes(&plant) / total;
        result = run_once(b, o, &plant, day, true, &f->rss, &sample, error);
        f->live_readings_per_second = readings / sample.seconds;
        f->readings = (uint64_t)readings;
        f->readings_per_second = bench_median(rates, runs);
        f->land_share = bench_median(shares, runs);
        f->text_bytes_per_second = bench_median(bytes, runs);
    }
    bb_plant_close(&plant);
    return result;
}

static void tell(struct bench *b, const struct order *o, const struct figures *f,
                 const struct bench_baseline *base) {
    char rate[BB_HUMAN_MAX], live[BB_HUMAN_MAX], land[BB_HUMAN_MAX], derive[BB_HUMAN_MAX];
    double ratio = f->text_bytes_per_second / base->memcpy_bytes_per_second;

    if (!b->json) {
        bench_say(b,
                  "  median: %s readings/s, %.3f of memcpy in bytes of text; %.0f %% of it "
                  "parsing and log",
                  bb_human_short(f->readings_per_second, rate), ratio, f->land_share * 100);
        bench_say(b, "  live (visible within the freshness limit): %s readings/s",
                  bb_human_short(f->live_readings_per_second, live));
        bench_say(b,
                  "  store %.2f bytes per reading, log %.2f; RssAnon at most %s reading, "
                  "%s deriving",
                  f->store_bytes_per_reading, f->log_bytes_per_reading,
                  bb_human_bytes(f->rss.land_bytes, land),
                  bb_human_bytes(f->rss.derive_bytes, derive));
        return;
    }
    bb_json_key(b->json, o->name);
    bb_json_object_begin(b->json);
    bb_json_put_double(b->json, "readings_per_second", f->readings_per_second);
    bb_json_put_double(b->json, "live_readings_per_second", f->live_readings_per_second);
    bb_json_put_double(b->json, "ratio_to_memcpy", ratio);
    bb_json_put_double(b->json, "land_share", f->land_share);
    bb_json_put_double(b->json, "store_bytes_per_reading", f->store_bytes_per_reading);
    bb_json_put_double(b->json, "log_bytes_per_reading", f->log_bytes_per_reading);
    bb_json_put_u64(b->json, "rss_anon_land_bytes", f->rss.land_bytes);
    bb_json_put_u64(b->json, "rss_anon_derive_bytes", f->rss.derive_bytes);
    bb_json_put_u64(b->json, "readings_per_run", f->readings);
    bb_json_put_u64(b->json, "meters", o->meters);
    bb_json_put_u64(b->json, "preload_days", o->preload_days);
    bb_json_object_end(b->json);
}

/* Which checks the figures include. */
static void tell_checks(struct bench *b) {
    struct bb_pipeline pipeline;
    char names[400] = "";

    bb_pipeline_defaults(&pipeline);
    for (int i = 0; i < BB_CHECK_COUNT; i++)
        if (pipeline.check[i].on)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "",
                     bb_checks[i].name);
    bench_say(b, "checks that ran: %s; estimation: linear; lanes: raw, vee, day", names);
    bench_say(b, "values: %.1f bits of entropy each", bench_load_entropy());
    if (!b->json)
        return;
    bb_json_put_text(b->json, "checks", bb_span_of(names));
    bb_json_put_double(b->json, "value_entropy_bits", bench_load_entropy());
}

int bench_pipeline(struct bench *b, struct bb_error *error) {
    const struct bench_options *g = b->given;
    uint32_t preload_days = (uint32_t)g->preload_days;
    struct order orders[] = {
        {"time_order", "time order: all meters each quarter hour, a day at a time", false,
         (uint32_t)(g->meters ? g->meters : 200000), (uint32_t)(g->days ? g->days : 1),
         preload_days},
        {"file_order", "file order: meter by meter, ten days at a time", true,
         (uint32_t)(g->meters ? g->meters : 10000), (uint32_t)(g->days ? g->days : 10),
         preload_days},
    };
    struct bench_baseline base;
    int result = bench_measure_baseline(b, &base, error);

    if (!result)
        tell_checks(b);
    for (size_t i = 0; !result && i < sizeof orders / sizeof orders[0]; i++) {
        struct figures f = {0};
        result = run_order(b, &orders[i], &f, error);
        if (!result)
            tell(b, &orders[i], &f, &base);
    }
    if (!result)
        bench_tell_baseline(b, &base);
    return result;
}
