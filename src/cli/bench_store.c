/* busbar bench store: day blocks committed in both orders of arrival under both orders of keys: rate
 * and bytes on disk per reading. What docs/decisions/key-order.md rests on. */
#include "cli/bench.h"

#include "adapter/embedded.h"
#include "model/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUARTERS = 96, CHANNELS = 20000, DAYS = 10, COMMITS_A_DAY = 4 };

struct arrival {
    const char *name;
    bool by_time; /* all channels, a part of a day at a commit; else whole days of a few channels */
};

/* The block of a channel's day as far as `rows` quarter hours have come. */
static bool make_block(uint32_t channel, int32_t day, uint32_t rows, struct bb_arena *arena,
                       struct bb_buffer *out, struct bb_error *error) {
    struct bb_attribute a = {.length_s = 900, .unit = BB_UNIT_KWH, .exponent = -3};
    struct bb_block block;

    if (!bb_block_init(&block, BB_LANE_RAW, rows, arena))
        return false;
    block.attributes = (struct bb_attribute_set){.items = &a, .count = 1, .borrowed = true};
    for (uint32_t i = 0; i < rows; i++) {
        block.end_ms[i] = day * (int64_t)BB_DAY_MS + (int64_t)(i + 1) * 900000;
        block.mantissa[i] = bench_load_value(channel, (int64_t)day * QUARTERS + i);
        block.attribute[i] = 0;
        block.recorded_ms[i] = block.received_ms[i] = block.issued_ms[i] = 1767225600000 + day;
        block.origin[i] = (int64_t)i * CHANNELS + channel;
        block.rivals[i] = 0;
    }
    block.count = rows;
    return bb_block_pack(&block, arena, out, error) == 0;
}

struct run {
    struct bb_store *store;
    struct bb_claim claim;
    struct bb_arena arena;
    struct bb_buffer packed;
    struct bb_block_change *changes;
    size_t *ends;
    size_t count;
};

static int commit(struct run *r, struct bb_error *error) {
    size_t at = 0;

    for (size_t i = 0; i < r->count; i++) {
        r->changes[i].packed = (struct bb_span){r->packed.data + at, r->ends[i] - at};
        at = r->ends[i];
    }
    struct bb_position to = {r->claim.position.offset + 1, 0};
    struct bb_commit c = {.epoch = r->claim.epoch,
                          .from = r->claim.position,
                          .to = to,
                          .blocks = r->changes,
                          .block_count = r->count};
    int result = r->store->ops->commit(r->store, 0, &c, error);
    r->claim.position = to;
    r->count = 0;
    bb_buffer_clear(&r->packed);
    return result;
}

static int add(struct run *r, uint32_t channel, int32_t day, uint32_t rows,
               struct bb_error *error) {
    bb_arena_reset(&r->arena);
    if (!make_block(channel, day, rows, &r->arena, &r->packed, error))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a block");
    r->changes[r->count].key = (struct bb_block_key){channel, day, BB_LANE_RAW};
    r->ends[r->count++] = r->packed.size;
    return 0;
}

static int arrive_by_time(struct run *r, struct bb_error *error) {
    int result = 0;

    for (int32_t day = 0; !result && day < DAYS; day++)
        for (uint32_t part = 1; !result && part <= COMMITS_A_DAY; part++) {
            for (uint32_t c = 0; !result && c < CHANNELS; c++)
                result = add(r, c, day, QUARTERS * part / COMMITS_A_DAY, error);
            if (!result)
                result = commit(r, error);
        }
    return result;
}

static int arrive_by_file(struct run *r, struct bb_error *error) {
    enum { AT_ONCE = 2000 };
    int result = 0;

    for (uint32_t first = 0; !result && first < CHANNELS; first += AT_ONCE) {
        for (int32_t day = 0; !result && day < DAYS; day++)
            for (uint32_t c = first; !result && c < first + AT_ONCE; c++)
                result = add(r, c, day, QUARTERS, error);
        if (!result)
            result = commit(r, error);
    }
    return result;
}

static int run_case(struct bench *b, const struct arrival *arrival, enum bb_key_order order,
                    double *rate, double *bytes, struct bb_error *error) {
    char path[sizeof b->directory + 48];
    struct bb_store_lmdb_options options = {.partitions = 1, .key_order = order};
    struct run r = {0};
    uint64_t used, file;

    snprintf(path, sizeof path, "%s/%s-%d", b->directory, arrival->name, (int)order);
    int result = bb_store_lmdb_open(path, &options, &r.store, error);
    if (result)
        return result;
    bb_arena_init(&r.arena, 1 << 20, 64 << 20);
    bb_buffer_init(&r.packed, (size_t)1 << 30);
    r.changes = calloc((size_t)CHANNELS * DAYS, sizeof r.changes[0]);
    r.ends = calloc((size_t)CHANNELS * DAYS, sizeof r.ends[0]);
    if (!r.changes || !r.ends)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the benchmark");
    if (!result)
        result = r.store->ops->claim(r.store, 0, 1, &r.claim, error);
    int64_t begin = bb_monotonic_ns();
    if (!result)
        result = arrival->by_time ? arrive_by_time(&r, error) : arrive_by_file(&r, error);
    *rate = (double)CHANNELS * DAYS * QUARTERS / bench_seconds_since(begin);
    if (!result)
        result = r.store->ops->size(r.store, 0, &used, &file, error);
    *bytes = result ? 0 : (double)file / ((double)CHANNELS * DAYS * QUARTERS);
    free(r.changes);
    free(r.ends);
    bb_buffer_release(&r.packed);
    bb_arena_release(&r.arena);
    r.store->ops->close(r.store);
    return result;
}

int bench_store(struct bench *b, struct bb_error *error) {
    static const struct arrival arrivals[] = {{"time_order", true}, {"file_order", false}};
    static const char *const orders[] = {
        [BB_KEY_SPAN_FIRST] = "span_first", [BB_KEY_CHANNEL_FIRST] = "channel_first"};
    struct bench_baseline base;
    int result = bench_measure_baseline(b, &base, error);

    bench_say(b, "  %d channels, %d days; by time in %d commits a day, by file whole days",
              CHANNELS, DAYS, COMMITS_A_DAY);
    for (size_t i = 0; !result && i < 2; i++) {
        if (b->json) {
            bb_json_key(b->json, arrivals[i].name);
            bb_json_object_begin(b->json);
        }
        for (int order = 0; !result && order < 2; order++) {
            double rate, bytes;
            result = run_case(b, &arrivals[i], (enum bb_key_order)order, &rate, &bytes, error);
            if (result)
                break;
            bench_say(b,
                      "  %s, keys %s: %.1f M readings/s, %.2f bytes per reading, %.3f of write + "
                      "fdatasync",
                      arrivals[i].name, orders[order], rate / 1e6, bytes,
                      rate * bytes / base.write_fdatasync_bytes_per_second);
            if (b->json) {
                bb_json_key(b->json, orders[order]);
                bb_json_object_begin(b->json);
                bb_json_put_double(b->json, "readings_per_second", rate);
                bb_json_put_double(b->json, "bytes_per_reading", bytes);
                bb_json_object_end(b->json);
            }
        }
        if (b->json)
            bb_json_object_end(b->json);
    }
    if (!result)
        bench_tell_baseline(b, &base);
    return result;
}
