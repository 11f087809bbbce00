/* busbar bench NAME: the table of benchmarks and what they share. See bench.h. */
#include "cli/bench.h"

#include "cli/human.h"
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct bench_row benches[] = {
    {"pipeline", "NDJSON text to committed blocks", bench_pipeline},
    {"log", "appending and reading the log", bench_log},
    {"store", "blocks in both key orders", bench_store},
    {"query", "a channel-month inside the process", bench_query},
    {"codec", "parsing each format", bench_codec},
    {"http", "posts to a server, alone and in a crowd", bench_http},
    {"rules", "customers' rules in their cage", bench_rules},
};
enum { BENCH_COUNT = sizeof benches / sizeof benches[0] };

#define AT(field) offsetof(struct bench_options, field)

static const struct bb_option options[] = {{.name = "runs",
                                            .kind = BB_OPTION_NUMBER,
                                            .offset = AT(runs),
                                            .value = "N",
                                            .initial = "3",
                                            .min = 1,
                                            .max = BENCH_RUNS_MAX,
                                            .help = "runs of which the median is told"},
                                           {.name = "meters",
                                            .kind = BB_OPTION_NUMBER,
                                            .offset = AT(meters),
                                            .value = "N",
                                            .max = 10000000,
                                            .help = "another number of meters (pipeline)"},
                                           {.name = "days",
                                            .kind = BB_OPTION_NUMBER,
                                            .offset = AT(days),
                                            .value = "N",
                                            .max = 3660,
                                            .help = "another number of days a run (pipeline)"},
                                           {.name = "preload-days",
                                            .kind = BB_OPTION_NUMBER,
                                            .offset = AT(preload_days),
                                            .value = "N",
                                            .initial = "30",
                                            .max = 3660,
                                            .help = "days that the plant holds before (pipeline)"},
                                           {.name = "keep",
                                            .kind = BB_OPTION_FLAG,
                                            .offset = AT(keep),
                                            .help = "leave the folder of the run"},
                                           BB_OPTION_END};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_seconds_since(int64_t begin_ns) {
    return (double)(bb_monotonic_ns() - begin_ns) / 1e9;
}

void bench_say(struct bench *b, const char *format, ...) {
    char line[500];
    va_list args;

    if (b->json)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    bb_buffer_format(&b->command->out->buffer, "%s\n", line);
    bb_output_flush(b->command->out);
}

/* ---- baselines */

static double measure_memcpy(struct bb_error *error, int *result) {
    enum { BYTES = 256 << 20, RUNS = 5 };
    char *from = malloc(BYTES), *to = malloc(BYTES);
    double rates[RUNS] = {0};

    if (!from || !to) {
        *result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the baseline");
    } else {
        memset(from, 1, BYTES);
        memset(to, 2, BYTES);
        for (int i = 0; i < RUNS; i++) {
            int64_t begin = bb_monotonic_ns();
            memcpy(to, from, BYTES);
            __asm__ volatile("" : : "r"(to) : "memory");
            rates[i] = BYTES / bench_seconds_since(begin);
        }
    }
    free(from);
    free(to);
    return bench_median(rates, RUNS);
}

static int write_synced(const char *path, const char *piece, size_t size, double *rate,
                        struct bb_error *error) {
    enum { PIECES = 256, SYNC_PIECES = 64 };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int result = 0;

    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", path);
    int64_t begin = bb_monotonic_ns();
    for (int i = 1; !result && i <= PIECES; i++) {
        bool written = write(fd, piece, size) == (ssize_t)size;
        if (!written || (i % SYNC_PIECES == 0 && fdatasync(fd) < 0))
            result = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", path);
    }
    *rate = PIECES * (double)size / bench_seconds_since(begin);
    close(fd);
    unlink(path);
    return result;
}

static double measure_disk(struct bench *b, struct bb_error *error, int *result) {
    enum { PIECE_BYTES = 1 << 20, RUNS = 3 };
    char path[sizeof b->directory + 32];
    char *piece = calloc(1, PIECE_BYTES);
    double rates[RUNS] = {0};

    snprintf(path, sizeof path, "%s/baseline", b->directory);
    if (!piece)
        *result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the baseline");
    for (int i = 0; !*result && i < RUNS; i++)
        *result = write_synced(path, piece, PIECE_BYTES, &rates[i], error);
    free(piece);
    return bench_median(rates, RUNS);
}

int bench_measure_baseline(struct bench *b, struct bench_baseline *out, struct bb_error *error) {
    int result = 0;

    out->memcpy_bytes_per_second = measure_memcpy(error, &result);
    out->write_fdatasync_bytes_per_second = result ? 0 : measure_disk(b, error, &result);
    return result;
}

void bench_tell_baseline(struct bench *b, const struct bench_baseline *baseline) {
    if (!b->json) {
        bench_say(b, "baseline: memcpy %.1f GB/s, write + fdatasync every 64 MiB %.2f GB/s",
                  baseline->memcpy_bytes_per_second / 1e9,
                  baseline->write_fdatasync_bytes_per_second / 1e9);
        return;
    }
    bb_json_key(b->json, "baseline");
    bb_json_object_begin(b->json);
    bb_json_put_double(b->json, "memcpy_bytes_per_second", baseline->memcpy_bytes_per_second);
    bb_json_put_double(b->json, "write_fdatasync_bytes_per_second",
                       baseline->write_fdatasync_bytes_per_second);
    bb_json_object_end(b->json);
}

/* ---- the verb */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *ftw) {
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int make_folder(struct bench *b, struct bb_error *error) {
    const char *data = b->command->globals.data;

    if (mkdir(data, 0777) < 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", data);
    if (snprintf(b->directory, sizeof b->directory, "%s/bench-XXXXXX", data) >=
        (int)sizeof b->directory - 64)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "the data folder's name is too long");
    if (!mkdtemp(b->directory))
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s",
                             b->directory);
    return 0;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bench b = {.command = command, .given = command->options};
    const struct bench_row *row = NULL;
    struct bb_json json;

    for (size_t i = 0; i < BENCH_COUNT; i++)
        if (strcmp(benches[i].name, command->arguments[0]) == 0)
            row = &benches[i];
    if (!row)
        return BB_FAIL(
            error, BB_E_USAGE,
            "there is no benchmark \"%s\"; there are pipeline, log, store, query, codec, "
            "http",
            command->arguments[0]);
    int result = make_folder(&b, error);
    if (result)
        return result;
    command->started = true;
    if (command->globals.json) {
        json = bb_command_json(command);
        b.json = &json;
        bb_json_object_begin(&json);
    }
    bench_say(&b, "%s: %s", row->name, row->title);
    result = row->run(&b, error);
    if (b.json) {
        bb_json_object_end(&json);
        if (!result)
            bb_command_json_end(command);
        else
            bb_buffer_clear(&command->out->buffer);
    }
    if (!b.given->keep)
        nftw(b.directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return result;
}

const struct bb_verb bb_verb_bench = {
    .name = "bench",
    .summary = "measure this machine: medians beside a baseline of the same run",
    .arguments = "pipeline|log|store|query|codec|http|rules",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct bench_options),
    .details = "Works in a folder of its own below --data and removes it at the end. The default\n"
               "pipeline run needs about 8 GiB there and some minutes.",
    .examples = "busbar bench pipeline\n"
                "busbar bench pipeline --meters 20000 --preload-days 3 --json\n"
                "busbar bench query --runs 9\n",
    .run = run,
};
