/* What has been derived: see settled.h. */
#include "service/settled.h"

#include "service/standing.h"

int bb_settled_mark(struct bb_plant *plant, uint64_t *ends, struct bb_error *error) {
    int result = 0;

    for (uint32_t p = 0; !result && p < plant->log->partitions; p++) {
        struct bb_log_end end;
        result = plant->log->ops->end(plant->log, p, &end, error);
        ends[p] = result ? 0 : end.offset;
    }
    return result;
}

/* A bb_outbox_visit. */
static int see_record(void *context, uint64_t sequence, struct bb_span record) {
    (void)sequence;
    (void)record;
    *(bool *)context = true;
    return 1;
}

/* Inside a file the position is that of the file, which is not derived as a whole. */
static int look_at_store(struct bb_plant *plant, uint32_t partition, uint64_t *offset,
                         bool *is_inside, bool *is_projected, struct bb_error *error) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct bb_store_view *view;
    struct bb_claim claim = {0};
    uint64_t projected = 0;
    bool has_records = false;

    int result = plant->registry->ops->position(plant->registry, partition, &projected, error);
    if (!result)
        result = ops->view_begin(plant->store, partition, &view, error);
    if (result)
        return result;
    result = ops->position(view, &claim, error);
    if (result >= 0)
        result = ops->outbox_scan(view, projected, see_record, &has_records, error);
    ops->view_end(view);
    *offset = claim.position.offset;
    *is_inside = claim.position.inner > 0;
    *is_projected = !has_records;
    return result < 0 ? result : 0;
}

/* Ticks and master data are no readings, and change what is derived all the same. */
static int look_between(struct bb_log *log, uint32_t partition, uint64_t from, uint64_t to,
                        struct bb_error *error) {
    struct bb_log_reader *reader;
    struct bb_log_record record;
    bool settled = true;
    int result = log->ops->reader_open(log, partition, &reader, error);

    if (result)
        return result;
    for (uint64_t at = from; settled && at < to; at = record.next_offset) {
        result = log->ops->read(reader, at, &record, error);
        if (result)
            break;
        settled = record.kind == BB_RECORD_FILE_FRAME;
    }
    log->ops->reader_close(reader);
    return result < 0 ? result : settled ? BB_SETTLED : BB_SETTLED_NOT_YET;
}

static int look_at(struct bb_plant *plant, uint32_t partition, uint64_t end,
                   struct bb_error *error) {
    struct bb_log_backlog backlog;
    uint64_t offset;
    bool is_inside, is_projected;

    int result = look_at_store(plant, partition, &offset, &is_inside, &is_projected, error);
    if (result)
        return result;
    if (!is_inside && offset >= end)
        return is_projected ? BB_SETTLED : BB_SETTLED_NOT_YET;
    result = bb_standing_backlog(plant, partition, offset, &backlog, error);
    if (result)
        return result;
    if (backlog.lag_readings > 0 || is_inside || !is_projected)
        return BB_SETTLED_NOT_YET;
    return look_between(plant->log, partition, offset, end, error);
}

int bb_settled_look(struct bb_plant *plant, const uint64_t *ends, struct bb_error *error) {
    int result = BB_SETTLED;

    for (uint32_t p = 0; result == BB_SETTLED && p < plant->log->partitions; p++)
        result = look_at(plant, p, ends[p], error);
    return result;
}
