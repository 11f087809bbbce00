/* busbar bench log: frames appended to eight partitions with a sync each 64k readings, and read
 * back; beside the raw write + fdatasync of as many bytes. */
#include "cli/bench.h"

#include "adapter/embedded.h"
#include "cli/human.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FRAME_BYTES = 80 << 10, /* about 8,192 readings of all meters at one time */
    FRAME_READINGS = 8192,
    FRAMES = 4096,
    SYNC_FRAMES = 8
};

static int append_all(struct bb_log *log, struct bb_error *error) {
    char *body = malloc(FRAME_BYTES);
    int result = body ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a frame");

    for (int i = 0; !result && i < FRAME_BYTES; i++)
        body[i] = (char)(i * 31);
    for (int i = 0; !result && i < FRAMES; i++) {
        struct bb_log_record record = {.kind = BB_RECORD_FRAME,
                                       .readings = FRAME_READINGS,
                                       .received_ms = 1,
                                       .body = {body, FRAME_BYTES}};
        result = log->ops->append(log, (uint32_t)i % log->partitions, &record, error);
        if (!result && i % SYNC_FRAMES == SYNC_FRAMES - 1)
            result = log->ops->sync_begin(log, error);
    }
    free(body);
    return result ? result : log->ops->sync(log, error);
}

static int read_all(struct bb_log *log, uint64_t *readings, struct bb_error *error) {
    int result = 0;

    *readings = 0;
    for (uint32_t p = 0; result >= 0 && p < log->partitions; p++) {
        struct bb_log_reader *reader;
        struct bb_log_record record;
        result = log->ops->reader_open(log, p, &reader, error);
        if (result)
            return result;
        for (uint64_t at = 0; (result = log->ops->read(reader, at, &record, error)) == 0;
             at = record.next_offset)
            *readings += record.readings;
        log->ops->reader_close(reader);
    }
    return result < 0 ? result : 0;
}

int bench_log(struct bench *b, struct bb_error *error) {
    double appended[BENCH_RUNS_MAX], read[BENCH_RUNS_MAX];
    size_t runs = (size_t)b->given->runs;
    struct bench_baseline base;
    int result = bench_measure_baseline(b, &base, error);

    for (size_t i = 0; !result && i < runs; i++) {
        char path[sizeof b->directory + 32];
        struct bb_log_embedded_options options = {.append = true};
        struct bb_log *log;
        uint64_t readings = 0;
        snprintf(path, sizeof path, "%s/log%zu", b->directory, i);
        result = bb_log_embedded_open(path, &options, &log, error);
        if (result)
            break;
        int64_t begin = bb_monotonic_ns();
        result = append_all(log, error);
        appended[i] = (double)FRAMES * FRAME_BYTES / bench_seconds_since(begin);
        begin = bb_monotonic_ns();
        if (!result)
            result = read_all(log, &readings, error);
        read[i] = (double)FRAMES * FRAME_BYTES / bench_seconds_since(begin);
        if (!result && readings != (uint64_t)FRAMES * FRAME_READINGS)
            result = BB_FAIL(error, BB_E_BUG, "the log gave back another number of readings");
        log->ops->close(log);
    }
    if (result)
        return result;
    double write_rate = bench_median(appended, runs), read_rate = bench_median(read, runs);
    double ratio = write_rate / base.write_fdatasync_bytes_per_second;
    double readings_per_byte = (double)FRAME_READINGS / FRAME_BYTES;
    bench_say(b, "  append + fdatasync: %.2f GB/s, %.1f M readings/s, %.2f of write + fdatasync",
              write_rate / 1e9, write_rate * readings_per_byte / 1e6, ratio);
    bench_say(b, "  read back, checksums verified: %.2f GB/s, %.2f of memcpy", read_rate / 1e9,
              read_rate / base.memcpy_bytes_per_second);
    if (b->json) {
        bb_json_put_double(b->json, "append_bytes_per_second", write_rate);
        bb_json_put_double(b->json, "append_ratio_to_write_fdatasync", ratio);
        bb_json_put_double(b->json, "read_bytes_per_second", read_rate);
        bb_json_put_double(b->json, "read_ratio_to_memcpy",
                           read_rate / base.memcpy_bytes_per_second);
    }
    bench_tell_baseline(b, &base);
    return 0;
}
