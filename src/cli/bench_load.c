/* The load of the benchmarks: see bench.h. A pure function of meter and quarter hour: a base load
 * that differs from home to home, a day and an evening peak, and noise of twice the base. */
#include "cli/bench.h"

#include "base/hash.h"
#include "model/unit.h"
#include "service/file_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUARTER_MS = 15 * BB_MINUTE_MS, QUARTERS = 96, WRITE_BYTES = 4 << 20, LINE_MAX_BYTES = 160 };

int64_t bench_load_value(uint32_t meter, int64_t quarter) {
    int64_t hour = quarter % QUARTERS / 4;
    int64_t base = 20 + meter % 7 * 10;
    uint64_t noise = bb_hash_mix((uint64_t)meter << 32 ^ (uint64_t)quarter);

    base += hour > 6 && hour < 23 ? 40 : 0;
    base += hour > 16 && hour < 21 ? 90 : 0;
    return base + (int64_t)(noise % (uint64_t)(base * 2));
}

double bench_load_entropy(void) {
    enum { METERS = 2000, VALUES = 4096 };
    static uint32_t seen[VALUES];
    double bits = 0;

    memset(seen, 0, sizeof seen);
    for (uint32_t m = 0; m < METERS; m++)
        for (int64_t q = 0; q < QUARTERS; q++)
            seen[bench_load_value(m, q) % VALUES]++;
    for (int i = 0; i < VALUES; i++) {
        double share = seen[i] / (double)(METERS * QUARTERS);
        bits -= share > 0 ? share * log2(share) : 0;
    }
    return bits;
}

void bench_load_name(uint32_t meter, char name[19]) {
    snprintf(name, 19, "8716859000%08u", meter % 100000000u);
}

/* Meter and quarter (from the load's first) of the i-th reading. */
static void place(const struct bench_load *load, uint64_t i, uint32_t *meter, int64_t *quarter) {
    uint64_t quarters = (uint64_t)load->days * QUARTERS;

    *meter = (uint32_t)(load->by_meter ? i / quarters : i % load->meters);
    *quarter = load->first_day * (int64_t)QUARTERS +
               (int64_t)(load->by_meter ? i % quarters : i / load->meters);
}

static int write_all(int fd, const char *data, size_t size, struct bb_error *error) {
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write the load");
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

int bench_load_write(const struct bench_load *load, const char *path, uint64_t *bytes,
                     struct bb_error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    char *buffer = malloc(WRITE_BYTES + LINE_MAX_BYTES), time[BB_TIME_TEXT_MAX];
    uint64_t readings = bench_load_readings(load);
    size_t used = 0;
    int result = 0;
    int64_t last_quarter = -1;

    if (fd < 0 || !buffer)
        result = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", path);
    *bytes = 0;
    for (uint64_t i = 0; !result && i < readings; i++) {
        uint32_t meter;
        int64_t quarter;
        place(load, i, &meter, &quarter);
        int64_t value = bench_load_value(meter, quarter);
        if (quarter != last_quarter)
            bb_time_format_utc((quarter + 1) * QUARTER_MS, time);
        last_quarter = quarter;
        int length = snprintf(buffer + used, LINE_MAX_BYTES,
                              "{\"usage_point\":\"8716859000%08u\",\"channel\":\"1-1:1.29.0\","
                              "\"timestamp\":\"%s\",\"value\":%d.%03d,\"unit\":\"kWh\"}\n",
                              meter, time, (int)(value / 1000), (int)(value % 1000));
        used += (size_t)length;
        if (used >= WRITE_BYTES || i + 1 == readings) {
            *bytes += used;
            result = write_all(fd, buffer, used, error);
            used = 0;
        }
    }
    free(buffer);
    if (fd >= 0)
        close(fd);
    return result;
}

static uint32_t add_series(struct bb_series_table *table, uint32_t meter) {
    char name[19];

    bench_load_name(meter, name);
    return bb_series_table_add(table, &(struct bb_series){.usage_point = bb_span_of(name),
                                                          .channel = BB_SPAN("1-1:1.29.0"),
                                                          .zone = BB_SPAN(""),
                                                          .obis = BB_SPAN("1-1:1.29.0"),
                                                          .interval_s = QUARTER_MS / BB_SECOND_MS,
                                                          .kind = BB_KIND_INTERVAL,
                                                          .commodity = BB_COMMODITY_ELECTRICITY,
                                                          .unit = BB_UNIT_KWH});
}

static int route_all(const struct bench_load *load, struct bb_router *router,
                     struct bb_batch *batch, struct bb_error *error) {
    struct bb_attribute a = {
        .length_s = QUARTER_MS / BB_SECOND_MS, .unit = BB_UNIT_KWH, .exponent = -3};
    uint64_t readings = bench_load_readings(load);
    int result = 0;

    for (uint64_t i = 0; !result && i < readings; i++) {
        uint32_t meter;
        int64_t quarter;
        place(load, i, &meter, &quarter);
        bb_batch_push(batch, meter, bb_attribute_set_index(&batch->attributes, &a),
                      (quarter + 1) * QUARTER_MS, bench_load_value(meter, quarter), (int64_t)i + 1);
        if (bb_batch_full(batch) || i + 1 == readings) {
            result = bb_router_add(router, batch, error);
            bb_batch_clear(batch);
        }
    }
    return result ? result : bb_router_flush(router, error);
}

static int append_file(const struct bench_load *load, struct bb_plant *plant,
                       struct bb_ledger *ledger, struct bb_series_table *table,
                       struct bb_error *error) {
    struct bb_content_hash hash = {(uint64_t)load->first_day << 32 | load->days, load->meters};
    struct bb_ledger_file *file;
    struct bb_router router;
    struct bb_file_frames frames;
    struct bb_batch batch;

    for (uint32_t m = 0; m < load->meters; m++)
        if (add_series(table, m) == UINT32_MAX)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u meters", load->meters);
    int result = bb_ledger_begin(ledger, BB_SPAN("preload"), (struct bb_file_look){0},
                                 bb_clock_now_ms(bb_clock_system()), &file, error);
    if (!result)
        result = bb_batch_init(&batch, BB_BATCH_CAPACITY, error);
    if (result)
        return result;
    const struct bb_router_target target = bb_file_frames_begin(&frames, plant->log, file);
    result = bb_router_init(&router, &target, BB_SPAN("default"), table, error);
    if (!result) {
        router.source = BB_SPAN("preload");
        result = route_all(load, &router, &batch, error);
        bb_router_release(&router);
    }
    bb_batch_release(&batch);
    return result ? result : bb_ledger_decide(ledger, file, hash, error);
}

int bench_load_append(const struct bench_load *load, struct bb_plant *plant,
                      struct bb_error *error) {
    struct bb_series_table table;

    bb_series_table_init(&table, (size_t)1 << 30);
    int result = append_file(load, plant, &plant->ledger, &table, error);
    bb_series_table_release(&table);
    return result;
}
