/* What came of a post: see post_result.h. */
#include "service/post_result.h"

#include "model/block.h"
#include "model/frame.h"
#include "service/channel_table.h"
#include "service/ledger.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10, ARENA_LIMIT_BYTES = 512 << 20 };

struct counting {
    struct bb_plant *plant;
    struct bb_store_view *view; /* of the frame's partition */
    int64_t received_ms;
    struct bb_arena frame_arena, block_arena;
    struct bb_post_result *out;
};

/* ---- one channel */

struct day {
    int32_t span;
    bool is_known;
    struct bb_block raw, history;
};

static int read_block(struct counting *c, uint32_t channel, int32_t span, enum bb_lane lane,
                      struct bb_block *out, struct bb_error *error) {
    const struct bb_block_key key = {.channel = channel, .span = span, .lane = (uint8_t)lane};
    struct bb_span packed;
    int result = c->plant->store->ops->block_get(c->view, &key, &packed, error);

    *out = (struct bb_block){0};
    if (result == BB_FOUND)
        result = bb_block_unpack(packed, &c->block_arena, out, error);
    return result < 0 ? result : 0;
}

static int read_day(struct counting *c, uint32_t channel, int32_t span, struct day *day,
                    struct bb_error *error) {
    if (day->is_known && day->span == span)
        return 0;
    bb_arena_reset(&c->block_arena);
    *day = (struct day){.span = span, .is_known = true};
    int result = read_block(c, channel, span, BB_LANE_RAW, &day->raw, error);
    return result ? result : read_block(c, channel, span, BB_LANE_HISTORY, &day->history, error);
}

/* The first row at or behind a time. */
static uint32_t find_row(const struct bb_block *block, int64_t end_ms) {
    uint32_t low = 0, high = block->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (block->end_ms[middle] < end_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct versions {
    uint64_t mine, earlier;
};

static void look_at_versions(const struct bb_block *block, int64_t end_ms, int64_t received_ms,
                             struct versions *seen) {
    for (uint32_t i = find_row(block, end_ms); i < block->count && block->end_ms[i] == end_ms;
         i++) {
        seen->mine += block->recorded_ms[i] == received_ms;
        seen->earlier += block->recorded_ms[i] < received_ms;
    }
}

static int compare_times(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* `times` of one channel's readings, which this puts in order. */
static int count_channel(struct counting *c, uint32_t channel, int64_t *times, size_t count,
                         struct bb_error *error) {
    struct day day = {0};

    qsort(times, count, sizeof times[0], compare_times);
    for (size_t i = 0, n; i < count; i += n) {
        struct versions seen = {0};
        for (n = 1; i + n < count && times[i + n] == times[i];)
            n++;
        int result = read_day(c, channel, bb_lane_span_of(BB_LANE_RAW, times[i]), &day, error);
        if (result)
            return result;
        look_at_versions(&day.raw, times[i], c->received_ms, &seen);
        look_at_versions(&day.history, times[i], c->received_ms, &seen);
        uint64_t fresh = seen.mine < n ? seen.mine : n;
        uint64_t added = fresh > 0 && seen.earlier == 0;
        c->out->added += added;
        c->out->changed += fresh - added;
        c->out->duplicate += n - fresh;
    }
    return 0;
}

static int find_channel(struct counting *c, struct bb_span tenant, const struct bb_series *series,
                        uint32_t *number, struct bb_error *error) {
    struct bb_channel_record record;
    struct bb_span value;
    char key[BB_NAME_KEY_MAX];
    struct bb_span name = {key, bb_channel_key(tenant, series->usage_point, series->channel, key)};
    int result = c->plant->store->ops->name_get(c->view, BB_NAME_CHANNEL, name, &value, error);

    if (result == BB_FOUND)
        result = bb_channel_record_decode(value, &record, error);
    *number = result == 0 ? record.number : 0;
    return result;
}

/* ---- frames */

static int count_frame(struct counting *c, struct bb_span bytes, struct bb_error *error) {
    struct bb_frame frame;
    size_t at = 0;

    bb_arena_reset(&c->frame_arena);
    int result = bb_frame_decode(bytes, &c->frame_arena, &frame, error);
    c->received_ms = result ? 0 : frame.received_ms;
    for (uint32_t s = 0; !result && s < frame.series_count; s++) {
        size_t count = (size_t)frame.series_rows[s];
        uint32_t number;
        result = find_channel(c, frame.tenant, &frame.series[s], &number, error);
        if (result == BB_FOUND)
            result = count_channel(c, number, frame.end_ms + at, count, error);
        else if (result == BB_ABSENT) /* it was not derived after all: nothing came of it */
            result = 0;
        at += count;
    }
    return result;
}

static int count_in_memory(struct counting *c, const struct bb_post *post, uint32_t partition,
                           struct bb_error *error) {
    int result = 0;

    for (uint32_t i = 0; !result && i < post->frame_count; i++)
        if (post->frames[i].partition == partition)
            result = count_frame(
                c,
                (struct bb_span){post->bytes.data + post->frames[i].offset, post->frames[i].size},
                error);
    return result;
}

/* The frames of a large post went to the log. */
static int count_in_log(struct counting *c, const struct bb_post *post, uint32_t partition,
                        struct bb_error *error) {
    const struct bb_ledger_part *part = &post->taken->parts[partition];
    struct bb_log *log = c->plant->log;
    struct bb_log_reader *reader;
    struct bb_log_record record;
    uint64_t offset = part->first_offset, found = 0;

    if (part->frames == 0)
        return 0;
    int result = log->ops->reader_open(log, partition, &reader, error);
    if (result)
        return result;
    while (!result && found < part->frames) {
        result = log->ops->read(reader, offset, &record, error);
        if (result)
            break;
        offset = record.next_offset;
        if (record.kind != BB_RECORD_FILE_FRAME || record.file_id != post->taken->file_id)
            continue;
        found++;
        result = count_frame(c, record.body, error);
    }
    log->ops->reader_close(reader);
    return result < 0 ? result : 0;
}

int bb_post_result_count(struct bb_plant *plant, const struct bb_post *post,
                         struct bb_post_result *out, struct bb_error *error) {
    struct counting c = {.plant = plant, .out = out};
    int result = 0;

    *out = (struct bb_post_result){0};
    bb_arena_init(&c.frame_arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    bb_arena_init(&c.block_arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    for (uint32_t p = 0; !result && p < plant->log->partitions; p++) {
        result = plant->store->ops->view_begin(plant->store, p, &c.view, error);
        if (result)
            break;
        result = post->taken ? count_in_log(&c, post, p, error)
                             : count_in_memory(&c, post, p, error);
        plant->store->ops->view_end(c.view);
    }
    bb_arena_release(&c.frame_arena);
    bb_arena_release(&c.block_arena);
    return result;
}
