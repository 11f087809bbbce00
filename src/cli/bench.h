/* Benchmarks: each measures its subject several times beside a baseline of the same run, and tells
 * medians and ratios, for people or as JSON.
 *
 * A benchmark is one file with one row in bench.c. It works in a folder of its own below --data,
 * removed at the end.
 */
#ifndef BB_CLI_BENCH_H
#define BB_CLI_BENCH_H

#include "cli/cli.h"
#include "model/batch.h"

struct bench_options {
    int64_t runs, meters, days, preload_days;
    bool keep;
};

struct bench {
    struct bb_command *command;
    const struct bench_options *given;
    char directory[4096];
    struct bb_json *json; /* NULL: for people */
};

enum { BENCH_RUNS_MAX = 101 };

struct bench_row {
    const char *name;
    const char *title;
    int (*run)(struct bench *bench, struct bb_error *error);
};

int bench_pipeline(struct bench *bench, struct bb_error *error);
int bench_log(struct bench *bench, struct bb_error *error);
int bench_store(struct bench *bench, struct bb_error *error);
int bench_query(struct bench *bench, struct bb_error *error);
int bench_codec(struct bench *bench, struct bb_error *error);
int bench_http(struct bench *bench, struct bb_error *error);
int bench_rules(struct bench *bench, struct bb_error *error);

double bench_median(double *values, size_t count); /* sorts */
double bench_seconds_since(int64_t begin_ns);

/* Baselines of this run: bytes a second, medians. */
struct bench_baseline {
    double memcpy_bytes_per_second;
    double write_fdatasync_bytes_per_second; /* 1 MiB pieces, synced every 64 MiB */
};
int bench_measure_baseline(struct bench *bench, struct bench_baseline *out, struct bb_error *error)
    BB_MUST_USE;
void bench_tell_baseline(struct bench *bench, const struct bench_baseline *baseline);
/* A line for people, nothing with --json. */
void bench_say(struct bench *bench, const char *format, ...) BB_PRINTF(2, 3);

/* ---- the load: electricity meters with quarter-hour values of realistic entropy */

struct bench_load {
    uint32_t meters;
    int32_t first_day; /* days since 1970 */
    uint32_t days;
    bool by_meter; /* meter by meter ("file order"); else all meters each quarter hour */
};
static inline uint64_t bench_load_readings(const struct bench_load *load) {
    return (uint64_t)load->meters * load->days * 96;
}
/* The value of a meter's quarter hour in Wh. */
int64_t bench_load_value(uint32_t meter, int64_t quarter);
/* Shannon entropy of a meter-day's values, in bits per value, averaged over many. */
double bench_load_entropy(void);
/* As NDJSON, one line a reading, into a new file. */
int bench_load_write(const struct bench_load *load, const char *path, uint64_t *bytes,
                     struct bb_error *error) BB_MUST_USE;
/* Straight into the log as one file, without text. */
int bench_load_append(const struct bench_load *load, struct bb_plant *plant, struct bb_error *error)
    BB_MUST_USE;
/* Name of meter i: 18 digits. */
void bench_load_name(uint32_t meter, char name[19]);

#endif
