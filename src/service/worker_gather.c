/* Gathering of the derive worker: see worker_internal.h. */
#include "service/worker_internal.h"

#include "model/frame.h"
#include "service/letter_log.h"
#include "service/pace.h"

enum {
    WATCH_EVERY_MS = 100,
    ROW_COST_BYTES = BB_GATHER_ROW_BYTES + 24 /* a row and its share of blocks */
};

static void watch(struct bb_worker *w, const struct bb_progress_watch *to) {
    int64_t now = bb_worker_now_ms();

    if (!to || now - w->last_watch_ms < WATCH_EVERY_MS)
        return;
    w->last_watch_ms = now;
    bb_progress_tell(to, &(struct bb_progress){.phase = BB_PHASE_DERIVE,
                                               .subject = "",
                                               .done = w->counts.readings,
                                               .total = w->backlog,
                                               .readings = w->counts.readings});
}

/* The record at hand is not derived: the commit moves behind it and tells of it. */
static int pass_over(struct bb_worker *w, struct bb_worker_portion *portion,
                     const struct bb_worker_partition *p, const struct bb_log_record *record,
                     struct bb_error *error) {
    struct bb_letter letter = {.source = BB_SPAN("derive"),
                               .partition = portion->partition,
                               .offset = record->offset,
                               .value_bytes = record->body.size,
                               .code = (uint32_t)p->poison.code,
                               .reason = bb_span_of(p->poison.text)};
    struct bb_frame frame;

    if (record->kind == BB_RECORD_MASTER || record->kind == BB_RECORD_TICK) {
        *error = p->poison;
        return -(int)error->code;
    }
    bb_arena_reset(&w->gather.frame);
    int result = bb_frame_decode(record->body, &w->gather.frame, &frame, error);
    if (result)
        return result;
    letter.tenant = frame.tenant;
    letter.topic = frame.source;
    letter.more = frame.count > 0 ? frame.count - 1 : 0;
    bb_buffer_clear(&w->letter);
    bb_buffer_clear(&portion->passed);
    bb_letter_encode(&letter, &w->letter);
    bb_outbox_encode(&(struct bb_outbox_record){.kind = BB_OUTBOX_DEAD_LETTER,
                                                .recorded_ms = record->received_ms,
                                                .tenant = frame.tenant,
                                                .a = (int64_t)record->offset,
                                                .body = bb_buffer_span(&w->letter)},
                     &portion->passed);
    return w->letter.overflow || portion->passed.overflow
               ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dead letter")
               : 0;
}

enum { AT_ORDER = BB_FEED_END + 1 };

/* One record more. BB_FEED_END, AT_ORDER, or negative. */
static int gather_next(struct bb_worker *w, struct bb_worker_portion *portion,
                       struct bb_worker_partition *p, struct bb_store_view *view,
                       struct bb_error *error) {
    struct bb_log_record record;
    size_t before = w->gather.count;
    int result = bb_feed_next(&p->feed, &record, error);

    if (!result && record.kind == BB_RECORD_ARCHIVE) {
        result = bb_archive_order_decode(record.body, &w->order, error);
        return result ? result : AT_ORDER;
    }
    if (!result)
        portion->records++;
    if (!result && p->poison.code != BB_OK)
        return pass_over(w, portion, p, &record, error);
    if (!result)
        result = bb_gather_take(&w->gather, &p->channels, view, &record, error);
    w->counts.readings += w->gather.count - before;
    portion->readings = w->gather.count;
    if (w->gather.count > before &&
        (portion->oldest_ms == 0 || record.received_ms < portion->oldest_ms))
        portion->oldest_ms = record.received_ms;
    return result;
}

static int step_back(struct bb_worker *w, struct bb_worker_partition *p, uint32_t partition,
                     struct bb_position before, struct bb_error *error) {
    bb_feed_close(&p->feed);
    return bb_feed_open(&p->feed, w->plant->log, partition, before, error);
}

/* What stands before a damaged record counts: end here, and meet it again at the beginning of the next commit. */
static int end_at_damage(struct bb_worker *w, struct bb_worker_partition *p, uint32_t partition,
                         struct bb_position before, struct bb_error *error) {
    return !bb_position_equal(p->claim.position, before) ? step_back(w, p, partition, before, error)
                                                         : -(int)BB_E_LOG_CORRUPT;
}

/* Likewise what stands before an archive order, so that the order finds all of it in the store. */
static int end_at_order(struct bb_worker *w, struct bb_worker_partition *p, uint32_t partition,
                        struct bb_position before, struct bb_error *error) {
    if (!bb_position_equal(p->claim.position, before))
        return step_back(w, p, partition, before, error);
    w->has_order = true;
    return 0;
}

static int64_t patience_ms(const struct bb_worker *w, int64_t oldest_ms) {
    int64_t behind_ms = oldest_ms > 0 ? bb_clock_now_ms(bb_clock_system()) - oldest_ms : 0;

    return bb_pace_gather_ms(behind_ms, w->plant->config.commit_freshness_ms);
}

int bb_worker_gather(struct bb_worker *w, struct bb_store_view *view, bool live,
                     const struct bb_progress_watch *to, bool *more, struct bb_error *error) {
    struct bb_worker_portion *portion = &w->portions[w->at_hand];
    const uint32_t partition = portion->partition;
    struct bb_worker_partition *p = &w->partitions[partition];
    const struct bb_config *config = &w->plant->config;
    const size_t room = (size_t)config->commit_memory_bytes / ROW_COST_BYTES;
    const size_t limit = room < BB_GATHER_ROWS_MOST ? room : BB_GATHER_ROWS_MOST;
    int64_t begin = bb_worker_now_ms(), until = INT64_MAX;
    bool is_known = false;

    if (p->poison.code != BB_OK)
        p->most = 1;
    for (*more = true; bb_gather_size(&w->gather) < limit && !*w->stop &&
                       (p->most == 0 || portion->records < p->most);) {
        struct bb_position before = p->feed.position;
        int result = gather_next(w, portion, p, view, error);
        if (result == BB_FEED_END)
            *more = false;
        if (result == -(int)BB_E_LOG_CORRUPT)
            return end_at_damage(w, p, partition, before, error);
        if (result == AT_ORDER)
            return end_at_order(w, p, partition, before, error);
        if (result)
            return result < 0 ? result : 0;
        watch(w, to);
        if (live && !is_known) { /* marks come before the first reading */
            is_known = portion->oldest_ms > 0;
            until = begin + patience_ms(w, portion->oldest_ms);
        }
        if (bb_worker_now_ms() >= until)
            return 0;
    }
    return 0;
}
