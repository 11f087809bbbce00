/* Partitions that stand: see standing.h. Does what a worker would do next, but for its effect. */
#include "service/standing.h"

#include "model/frame.h"
#include "service/feed.h"

enum { ARENA_CHUNK_BYTES = 1 << 20, ARENA_LIMIT_BYTES = 256 << 20 };

int bb_standing_position(struct bb_plant *plant, uint32_t partition, struct bb_position *out,
                         struct bb_error *error) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct bb_store_view *view;
    struct bb_claim claim = {0};
    int result = ops->view_begin(plant->store, partition, &view, error);

    if (result)
        return result;
    result = ops->position(view, &claim, error);
    ops->view_end(view);
    *out = claim.position;
    return result < 0 ? result : 0;
}

static int try_next(struct bb_plant *plant, uint32_t partition, struct bb_position position,
                    struct bb_error *error) {
    struct bb_log_record record;
    struct bb_arena arena;
    struct bb_frame frame;
    struct bb_feed feed;
    int result = bb_feed_open(&feed, plant->log, partition, position, error);

    if (result)
        return result;
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    result = bb_feed_next(&feed, &record, error);
    if (result == BB_FEED_RECORD &&
        (record.kind == BB_RECORD_FRAME || record.kind == BB_RECORD_FILE_FRAME))
        result = bb_frame_decode(record.body, &arena, &frame, error);
    bb_arena_release(&arena);
    bb_feed_close(&feed);
    return result < 0 ? result : 0;
}

int bb_standing_look(struct bb_plant *plant, uint32_t partition, struct bb_standing *out,
                     struct bb_error *error) {
    struct bb_position position;
    int result = bb_standing_position(plant, partition, &position, error);

    if (result)
        return result;
    *out = (struct bb_standing){.offset = position.inner ? position.inner : position.offset};
    result = try_next(plant, partition, position, &out->error);
    if (result != -(int)BB_E_LOG_CORRUPT) {
        *error = out->error;
        return result < 0 ? result : BB_GOES_ON;
    }
    return BB_STANDS;
}

int bb_standing_backlog(struct bb_plant *plant, uint32_t partition, uint64_t offset,
                        struct bb_log_backlog *out, struct bb_error *error) {
    const struct bb_log_ops *ops = plant->log->ops;
    int result = ops->backlog(plant->log, partition, offset, out, error);

    if (result != -(int)BB_E_LOG_CORRUPT)
        return result;
    *out = (struct bb_log_backlog){.lag_readings = 1};
    return ops->end(plant->log, partition, &out->end, error);
}
