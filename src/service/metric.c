/* What busbar counts of itself: see metric.h. */
#include "service/metric.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct bb_metric_row bb_metric_rows[BB_METRIC_COUNT] = {
#define BB_METRIC(id, the_name, the_type, the_unit, the_label, the_values, the_group, the_help)    \
    [BB_METRIC_##id] = {.name = the_name,                                                          \
                        .unit = the_unit,                                                          \
                        .label = the_label,                                                        \
                        .values = the_values,                                                      \
                        .group = the_group,                                                        \
                        .help = the_help,                                                          \
                        .type = BB_METRIC_##the_type},
#include "service/metric.def"
#undef BB_METRIC
};

const char *const bb_metric_bounds[BB_METRIC_BOUNDS] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
    "1",     "2.5",    "5",     "10",   "30",    "60",   "300", "900",  "3600"};
static const int64_t bounds_us[BB_METRIC_BOUNDS] = {
    1000,    2500,    5000,    10000,    25000,    50000,    100000,    250000,    500000,
    1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000, 900000000, 3600000000};

struct counters {
    uint64_t size; /* another build's memory is not ours */
    _Atomic uint64_t counts[BB_METRIC_COUNT][BB_METRIC_VALUES_MAX];
    struct bb_metric_histogram histograms[BB_METRIC_COUNT];
    struct bb_metric_rule rules[BB_METRIC_RULES + 1];
    _Atomic int64_t lacks[BB_METRIC_VALUES_MAX][BB_METRIC_PARTITIONS];
};

static struct counters own = {.size = sizeof own};
static struct counters *counters = &own;

void bb_metric_histogram_add(struct bb_metric_histogram *histogram, int64_t took_ns,
                             uint64_t count) {
    int64_t took_us = took_ns > 0 ? took_ns / 1000 : 0;
    int bucket = 0;

    while (bucket < BB_METRIC_BOUNDS && took_us > bounds_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], count, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)took_us * count, memory_order_relaxed);
}

void bb_metric_add(enum bb_metric metric, int value, uint64_t count) {
    BB_ASSERT(value >= 0 && value < BB_METRIC_VALUES_MAX);
    if (count > 0)
        atomic_fetch_add_explicit(&counters->counts[metric][value], count, memory_order_relaxed);
}

void bb_metric_observe(enum bb_metric metric, int64_t took_ns, uint64_t count) {
    bb_metric_histogram_add(&counters->histograms[metric], took_ns, count);
}

bool bb_metric_value_text(enum bb_metric metric, int value, char out[BB_METRIC_VALUE_MAX]) {
    const char *at = bb_metric_rows[metric].values;
    size_t size = strcspn(at, "|");

    for (; value > 0 && at[size] == '|'; value--) {
        at += size + 1;
        size = strcspn(at, "|");
    }
    snprintf(out, BB_METRIC_VALUE_MAX, "%.*s", (int)size, at);
    return value == 0 && size > 0;
}

int bb_metric_value(enum bb_metric metric, const char *text) {
    char value[BB_METRIC_VALUE_MAX];

    for (int i = 0; bb_metric_value_text(metric, i, value); i++)
        if (strcmp(value, text) == 0)
            return i;
    return -1;
}

uint64_t bb_metric_get(enum bb_metric metric, int value) {
    return atomic_load_explicit(&counters->counts[metric][value], memory_order_relaxed);
}

const struct bb_metric_histogram *bb_metric_histogram_of(enum bb_metric metric) {
    return &counters->histograms[metric];
}

void bb_metric_sink_lacks(int sink, uint32_t partition, int64_t since_ms) {
    BB_ASSERT(sink >= 0 && sink < BB_METRIC_VALUES_MAX);
    if (partition < BB_METRIC_PARTITIONS)
        atomic_store_explicit(&counters->lacks[sink][partition], since_ms, memory_order_relaxed);
}

int64_t bb_metric_sink_lacks_since(int sink) {
    int64_t least = 0;

    for (uint32_t p = 0; p < BB_METRIC_PARTITIONS; p++) {
        int64_t since = atomic_load_explicit(&counters->lacks[sink][p], memory_order_relaxed);
        least = since > 0 && (least == 0 || since < least) ? since : least;
    }
    return least;
}

struct bb_metric_rule *bb_metric_rules(void) {
    return counters->rules;
}

static struct counters *map(int fd) {
    void *at = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

int bb_metrics_share(void) {
    int fd = memfd_create("busbar-metrics", MFD_CLOEXEC);
    struct counters *shared = NULL;

    if (fd >= 0 && ftruncate(fd, sizeof *shared) == 0)
        shared = map(fd);
    if (!shared) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    shared->size = sizeof *shared;
    counters = shared;
    return fd;
}

bool bb_metrics_join(int fd) {
    struct stat found;
    struct counters *shared = NULL;

    if (fstat(fd, &found) == 0 && found.st_size == (off_t)sizeof *shared)
        shared = map(fd);
    if (shared && shared->size == sizeof *shared)
        counters = shared;
    return counters == shared;
}
