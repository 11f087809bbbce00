/* The derive worker: see worker.h.
 *
 *   claim ─► gather until the backlog is gone, the memory is used or the freshness limit is over
 *         ─► derive ─► commit (from, to, epoch) ─► DONE: go on
 *                                               ─► MOVED: read the position again
 *                                               ─► FENCED: another worker has it; stand by
 *
 * One thread. A partition's memory is given back when its backlog is gone, so that the whole stays
 * within the limit however many partitions there are.
 */
#include "service/worker.h"

#include "model/frame.h"
#include "service/archive_run.h"
#include "service/derivation.h"
#include "service/feed.h"
#include "service/letter.h"
#include "service/metric.h"
#include "service/pace.h"
#include "service/standing.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>

enum {
    TABLE_KEPT_BYTES = 32 << 20,    /* per partition, between drains */
    STANDBY_MS = 60 * BB_SECOND_MS, /* a partition that stands still so long is claimed again */
    STANDBY_SLEEP_MS = 20,
    DAMAGED_MS = 60 * BB_SECOND_MS, /* somebody may restore the segment */
    WATCH_EVERY_MS = 100,
    LETTER_BYTES = 64 << 10,
    ROW_COST_BYTES = sizeof(struct bb_told) + 40 /* a row, its share of runs and of blocks */
};

struct partition {
    bool claimed;
    bool held; /* in the share, when that was looked at last */
    bool lost; /* fenced: another worker is at it */
    int64_t
        damaged_until_ms; /* stands at a damaged record: not looked at again before; 0: does not */
    int64_t lost_since_ms;
    struct bb_claim claim;
    struct bb_claim seen; /* of the other worker, when lost */
    struct bb_feed feed;
    struct bb_channel_table channels;
    size_t most; /* records of a commit, while one of them is looked for; 0: no limit */
    struct bb_error
        poison; /* why the record at claim.position cannot be derived; code BB_OK: it can */
};

struct bb_worker {
    struct bb_plant *plant;
    struct partition *partitions;
    const bool *mine;          /* its share; NULL: all */
    const volatile bool *stop; /* set: take no more */
    struct bb_gather gather;
    struct bb_derivation derivation;
    struct bb_worker_counts counts;
    size_t records;          /* gathered for the commit at hand */
    struct bb_buffer passed; /* the outbox record about one that is passed over, */
    struct bb_buffer letter; /* and its body */
    uint64_t backlog;        /* readings, when the drain began */
    int64_t
        oldest_ms; /* received: of the readings gathered for the commit at hand; 0: there are none */
    int64_t last_watch_ms;
    bool has_order; /* the commit at hand is an archive order's, which stands alone */
    struct bb_archive_order order;
    struct bb_error archive_trouble; /* code BB_OK: none */
    bool archive_told;
    bool has_more;          /* a partition that a live drain did not come to the end of */
    struct bb_error damage; /* the first that this drain has met; code BB_OK: none */
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

static void sleep_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

int bb_worker_open(struct bb_plant *plant, struct bb_worker **out, struct bb_error *error) {
    static const volatile bool never = false;
    struct bb_worker *w = calloc(1, sizeof *w);

    if (w)
        w->partitions = calloc(plant->log->partitions, sizeof w->partitions[0]);
    if (!w || !w->partitions) {
        free(w);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a worker");
    }
    w->plant = plant;
    w->stop = &never;
    bb_gather_init(&w->gather);
    bb_buffer_init(&w->passed, LETTER_BYTES);
    bb_buffer_init(&w->letter, LETTER_BYTES);
    bb_derivation_init(&w->derivation, plant->store);
    *out = w;
    return 0;
}

void bb_worker_share(struct bb_worker *w, const bool *mine) {
    w->mine = mine;
}

static bool is_mine(const struct bb_worker *w, uint32_t i) {
    return !w->mine || w->mine[i];
}

bool bb_worker_position(const struct bb_worker *w, uint32_t i, struct bb_position *out) {
    *out = w->partitions[i].claim.position;
    return w->partitions[i].claimed;
}

void bb_worker_stop_at(struct bb_worker *w, const volatile bool *stop) {
    w->stop = stop;
}

static void drop(struct partition *p) {
    bb_feed_close(&p->feed);
    bb_channel_table_release(&p->channels);
    p->claimed = false;
}

void bb_worker_close(struct bb_worker *w) {
    if (!w)
        return;
    for (uint32_t i = 0; i < w->plant->log->partitions; i++)
        drop(&w->partitions[i]);
    free(w->partitions);
    bb_gather_release(&w->gather);
    bb_buffer_release(&w->passed);
    bb_buffer_release(&w->letter);
    bb_derivation_release(&w->derivation);
    free(w);
}

const struct bb_worker_counts *bb_worker_counts(const struct bb_worker *w) {
    return &w->counts;
}

const struct bb_error *bb_worker_archive_trouble(struct bb_worker *w) {
    if (w->archive_trouble.code == BB_OK || w->archive_told)
        return NULL;
    w->archive_told = true;
    return &w->archive_trouble;
}

/* ---- claiming */

static uint32_t big_endian_u32(struct bb_span s) {
    uint32_t v = 0;

    for (size_t i = 0; i < s.size && i < 4; i++)
        v = v << 8 | (uint8_t)s.data[i];
    return v;
}

static int read_counters(struct bb_worker *w, uint32_t i, struct bb_error *error) {
    const struct bb_store_ops *ops = w->plant->store->ops;
    struct bb_store_view *view;
    struct bb_span value;
    int result = ops->view_begin(w->plant->store, i, &view, error);

    if (result)
        return result;
    result = ops->name_get(view, BB_NAME_META, BB_SPAN("next_channel"), &value, error);
    w->partitions[i].channels.next_number = result == BB_FOUND ? big_endian_u32(value) : 1;
    if (result >= 0)
        result = ops->name_get(view, BB_NAME_META, BB_SPAN("has_registers"), &value, error);
    w->partitions[i].channels.has_registers = result == BB_FOUND;
    if (result >= 0)
        result = ops->name_get(view, BB_NAME_META, BB_SPAN("has_looks"), &value, error);
    w->partitions[i].channels.has_looks = result == BB_FOUND;
    ops->view_end(view);
    return result < 0 ? result : 0;
}

static int claim(struct bb_worker *w, uint32_t i, struct bb_error *error) {
    struct bb_plant *plant = w->plant;
    struct partition *p = &w->partitions[i];
    const struct bb_position before = p->claim.position;

    drop(p);
    int result = plant->store->ops->claim(plant->store, i, plant->log->identity, &p->claim, error);
    if (!result)
        result = bb_feed_open(&p->feed, plant->log, i, p->claim.position, error);
    if (result)
        return result;
    if (before.offset != p->claim.position.offset || before.inner != p->claim.position.inner)
        p->poison = (struct bb_error){0}; /* that was about another record */
    bb_channel_table_init(&p->channels, plant);
    p->claimed = true;
    p->lost = false;
    return read_counters(w, i, error);
}

/* ---- one commit */

static void watch(struct bb_worker *w, const struct bb_progress_watch *to) {
    int64_t now = now_ms();

    if (!to || now - w->last_watch_ms < WATCH_EVERY_MS)
        return;
    w->last_watch_ms = now;
    bb_progress_tell(to, &(struct bb_progress){.phase = BB_PHASE_DERIVE,
                                               .subject = "",
                                               .done = w->counts.readings,
                                               .total = w->backlog,
                                               .readings = w->counts.readings});
}

/* ---- what cannot be derived */

/* Is it the readings that are at fault, now and every time? Not the disk, the memory, another process or a rule's host. */
static bool is_poison(const struct bb_error *error) {
    int code = (int)error->code;

    return !error->retriable &&
           ((code >= 1000 && code < 3000) || code == BB_E_BUG || code == BB_E_RULE_SLOW);
}

/* The record at hand is not derived: the commit moves behind it and tells of it. */
static int pass_over(struct bb_worker *w, struct partition *p, const struct bb_log_record *record,
                     struct bb_error *error) {
    struct bb_letter letter = {.source = BB_SPAN("derive"),
                               .partition = (uint32_t)(p - w->partitions),
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
    bb_buffer_clear(&w->passed);
    bb_letter_encode(&letter, &w->letter);
    bb_outbox_encode(&(struct bb_outbox_record){.kind = BB_OUTBOX_DEAD_LETTER,
                                                .recorded_ms = record->received_ms,
                                                .tenant = frame.tenant,
                                                .a = (int64_t)record->offset,
                                                .body = bb_buffer_span(&w->letter)},
                     &w->passed);
    return w->letter.overflow || w->passed.overflow
               ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dead letter")
               : 0;
}

/* What was gathered cannot be derived: half of it is tried; what is alone is passed over. */
static int look_closer(struct bb_worker *w, uint32_t i, bool *more, struct bb_error *error) {
    struct partition *p = &w->partitions[i];

    if (w->records > 1)
        p->most = w->records / 2;
    else
        p->poison = *error;
    *more = true;
    return claim(w, i, error); /* the table of channels knows what was not committed */
}

static void note_passed(struct bb_worker *w, struct partition *p) {
    w->counts.passed++;
    bb_metric_add(BB_METRIC_PASSED, 0, 1);
    p->poison = (struct bb_error){0};
    p->most = 0;
}

enum { AT_ORDER = BB_FEED_END + 1 };

/* One record more. BB_FEED_END, AT_ORDER, or negative. */
static int gather_next(struct bb_worker *w, struct partition *p, struct bb_store_view *view,
                       struct bb_error *error) {
    struct bb_log_record record;
    size_t before = w->gather.count;
    int result = bb_feed_next(&p->feed, &record, error);

    if (!result && record.kind == BB_RECORD_ARCHIVE) {
        result = bb_archive_order_decode(record.body, &w->order, error);
        return result ? result : AT_ORDER;
    }
    if (!result)
        w->records++;
    if (!result && p->poison.code != BB_OK)
        return pass_over(w, p, &record, error);
    if (!result)
        result = bb_gather_take(&w->gather, &p->channels, view, &record, error);
    w->counts.readings += w->gather.count - before;
    if (w->gather.count > before && (w->oldest_ms == 0 || record.received_ms < w->oldest_ms))
        w->oldest_ms = record.received_ms;
    return result;
}

static bool has_moved(const struct partition *p, struct bb_position to) {
    const struct bb_position *from = &p->claim.position;

    return to.offset != from->offset || to.inner != from->inner;
}

static int step_back(struct bb_worker *w, struct partition *p, uint32_t partition,
                     struct bb_position before, struct bb_error *error) {
    bb_feed_close(&p->feed);
    return bb_feed_open(&p->feed, w->plant->log, partition, before, error);
}

/* What stands before a damaged record counts: end here, and meet it again at the beginning of the next commit. */
static int end_at_damage(struct bb_worker *w, struct partition *p, uint32_t partition,
                         struct bb_position before, struct bb_error *error) {
    return has_moved(p, before) ? step_back(w, p, partition, before, error)
                                : -(int)BB_E_LOG_CORRUPT;
}

/* Likewise what stands before an archive order, so that the order finds all of it in the store. */
static int end_at_order(struct bb_worker *w, struct partition *p, uint32_t partition,
                        struct bb_position before, struct bb_error *error) {
    if (has_moved(p, before))
        return step_back(w, p, partition, before, error);
    w->has_order = true;
    return 0;
}

static int64_t patience_ms(const struct bb_worker *w) {
    int64_t behind_ms = w->oldest_ms > 0 ? bb_clock_now_ms(bb_clock_system()) - w->oldest_ms : 0;

    return bb_pace_gather_ms(behind_ms, w->plant->config.commit_freshness_ms);
}

/* Take records until there is a reason to commit. */
static int gather(struct bb_worker *w, uint32_t partition, struct bb_store_view *view, bool live,
                  const struct bb_progress_watch *to, bool *more, struct bb_error *error) {
    struct partition *p = &w->partitions[partition];
    const struct bb_config *config = &w->plant->config;
    size_t limit = (size_t)config->commit_memory_bytes / ROW_COST_BYTES;
    int64_t begin = now_ms(), until = INT64_MAX;
    bool is_known = false;

    if (p->poison.code != BB_OK)
        p->most = 1;
    for (*more = true;
         w->gather.count < limit && !*w->stop && (p->most == 0 || w->records < p->most);) {
        struct bb_position before = p->feed.position;
        int result = gather_next(w, p, view, error);
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
            is_known = w->oldest_ms > 0;
            until = begin + patience_ms(w);
        }
        if (now_ms() >= until)
            return 0;
    }
    return 0;
}

/* For /metrics, where the server reads it. */
static void measure_commit(const struct bb_worker *w, const struct bb_commit *commit) {
    const struct bb_derivation *d = &w->derivation;

    bb_metric_add(BB_METRIC_COMMITS, 0, 1);
    bb_metric_add(BB_METRIC_BLOCKS, 0, commit->block_count);
    bb_metric_add(BB_METRIC_DERIVED, 0, d->counts.added);
    bb_metric_add(BB_METRIC_DERIVED, 1, d->counts.duplicate);
    bb_metric_add(BB_METRIC_DERIVED, 2, d->counts.changed);
    bb_metric_add(BB_METRIC_EXCEPTIONS_MOVED, 0, d->opened);
    bb_metric_add(BB_METRIC_EXCEPTIONS_MOVED, 1, d->closed);
    if (w->oldest_ms > 0)
        bb_metric_observe(BB_METRIC_DERIVE_DELAY,
                          (bb_clock_now_ms(bb_clock_system()) - w->oldest_ms) * 1000000,
                          w->gather.count);
}

static void count_commit(struct bb_worker *w, struct partition *p, const struct bb_commit *commit) {
    const struct bb_derivation *d = &w->derivation;

    measure_commit(w, commit);
    w->counts.commits++;
    w->counts.blocks += commit->block_count;
    w->counts.added += d->counts.added;
    w->counts.duplicate += d->counts.duplicate;
    w->counts.changed += d->counts.changed;
    w->counts.exceptions_opened += d->opened;
    w->counts.exceptions_closed += d->closed;
    for (uint32_t i = 0; i < p->channels.count; i++) {
        struct bb_channel_slot *slot = &p->channels.slots[i];
        bb_channel_slot_committed(slot);
    }
    p->claim.position = commit->to;
}

static void note_lost(struct bb_worker *w, struct partition *p) {
    w->counts.fenced++;
    bb_metric_add(BB_METRIC_FENCED, 0, 1);
    p->seen = p->claim;
    drop(p);
    p->lost = true;
    p->lost_since_ms = now_ms();
}

/* Fill the commit of an archive order. One that cannot be carried out is passed over: readings do not wait for cheap
 * storage. *stopped: nothing may be committed. */
static int make_archive(struct bb_worker *w, uint32_t i, struct bb_archive_run **run,
                        struct bb_commit *commit, bool *stopped, struct bb_error *error) {
    const struct bb_archive_task task = {.plant = w->plant,
                                         .partition = i,
                                         .epoch = commit->epoch,
                                         .offset = commit->from.offset,
                                         .order = w->order,
                                         .stop = w->stop,
                                         .now_ms = bb_clock_now_ms(bb_clock_system())};
    int result = bb_archive_run(&task, run, commit, error);

    *stopped = result == BB_ARCHIVE_STOPPED;
    if (result == BB_ARCHIVE_MADE)
        return 0;
    bb_archive_run_release(*run);
    *run = NULL;
    commit->block_count = commit->name_count = 0;
    if (result < 0) {
        w->archive_trouble = *error;
        w->archive_told = false;
        w->counts.archive_failures++;
        bb_metric_add(BB_METRIC_ARCHIVE_FAILURES, 0, 1);
    }
    return 0;
}

static void end_archive(struct bb_worker *w, struct bb_archive_run *run, int outcome) {
    if (run && outcome == BB_COMMIT_DONE) {
        uint64_t files = 0, blocks = 0;
        bb_archive_run_counts(run, &files, &blocks);
        w->counts.archived_files += files;
        w->counts.archived_blocks += blocks;
        bb_metric_add(BB_METRIC_ARCHIVED_FILES, 0, files);
        bb_metric_add(BB_METRIC_ARCHIVED_BLOCKS, 0, blocks);
        bb_archive_run_sweep(run);
    }
    bb_archive_run_release(run);
}

/* Returns 0, and *more: there may be another commit to do. */
static int commit_once(struct bb_worker *w, uint32_t i, bool live,
                       const struct bb_progress_watch *to, bool *more, struct bb_error *error) {
    struct bb_store *store = w->plant->store;
    struct partition *p = &w->partitions[i];
    struct bb_store_view *view;
    struct bb_commit commit = {.epoch = p->claim.epoch, .from = p->claim.position};
    struct bb_archive_run *run = NULL;
    bool stopped = false;
    int result = store->ops->view_begin(store, i, &view, error);

    if (result)
        return result;
    bb_gather_clear(&w->gather);
    bb_derivation_clear(&w->derivation);
    w->oldest_ms = 0;
    w->has_order = false;
    w->records = 0;
    const bool passes = p->poison.code != BB_OK;
    result = gather(w, i, view, live, to, more, error);
    commit.to = p->feed.position;
    bool moved = commit.to.offset != commit.from.offset || commit.to.inner != commit.from.inner;
    if (!result && (bb_gather_has_any(&w->gather))) {
        result = bb_gather_sort(&w->gather, p->channels.count, error);
        if (!result)
            result = bb_derivation_run(&w->derivation, &w->gather, &p->channels, view, &commit,
                                       error);
    }
    store->ops->view_end(view);
    if (!result && w->has_order) {
        store = w->plant->hot; /* blocks go out of the store itself */
        result = make_archive(w, i, &run, &commit, &stopped, error);
    }
    if (stopped)
        drop(p); /* the feed stands behind the order */
    if (result < 0 && !passes && w->records > 0 && is_poison(error))
        return look_closer(w, i, more, error);
    if (result || !moved || stopped)
        return result;
    const struct bb_span letter = bb_buffer_span(&w->passed);
    if (passes && w->records > 0) {
        commit.outbox = &letter;
        commit.outbox_count = 1;
    }
    result = store->ops->commit(store, i, &commit, error);
    end_archive(w, run, result);
    if (result == BB_COMMIT_DONE) {
        count_commit(w, p, &commit);
        if (passes && w->records > 0)
            note_passed(w, p);
        else
            p->most *=
                2; /* carefully back to no limit: two records may only be at odds with each other */
    } else if (result == BB_COMMIT_FENCED) {
        note_lost(w, p);
        *more = false;
        result = 0;
    } else if (result == BB_COMMIT_MOVED) {
        w->counts.readings -= w->gather.count;
        *more = true;
        result = claim(w, i, error);
    }
    return result;
}

/* ---- draining */

/* A lost partition is the other worker's as long as it moves. Sets *waiting while there is
 * something left for it to do. */
static int stand_by(struct bb_worker *w, uint32_t i, bool *waiting, struct bb_error *error) {
    struct bb_store *store = w->plant->store;
    struct partition *p = &w->partitions[i];
    struct bb_store_view *view;
    struct bb_log_end end;
    struct bb_claim seen;
    int result = store->ops->view_begin(store, i, &view, error);

    if (result)
        return result;
    result = store->ops->position(view, &seen, error);
    store->ops->view_end(view);
    if (!result)
        result = w->plant->log->ops->end(w->plant->log, i, &end, error);
    if (result)
        return result;
    bool moved = seen.position.offset != p->seen.position.offset ||
                 seen.position.inner != p->seen.position.inner;
    if (moved) {
        p->seen = seen;
        p->lost_since_ms = now_ms();
    }
    *waiting |= seen.position.offset < end.offset;
    if (seen.position.offset < end.offset && now_ms() - p->lost_since_ms > STANDBY_MS)
        p->lost = false; /* claimed again in the next round */
    return 0;
}

static int drain_partition(struct bb_worker *w, uint32_t i, bool live,
                           const struct bb_progress_watch *to, struct bb_error *error) {
    struct partition *p = &w->partitions[i];
    int result = p->claimed ? 0 : claim(w, i, error);
    bool more = true;

    do
        result = result ? result : commit_once(w, i, live, to, &more, error);
    while (!result && more && !live && !*w->stop);
    w->has_more |= !result && more;
    p->most = result || more ? p->most : 0;
    if (result) /* the feed stands behind what was gathered and is lost: begin at the store's */
        drop(p);
    if (p->claimed && bb_channel_table_bytes(&p->channels) > TABLE_KEPT_BYTES) {
        uint32_t next_number = p->channels.next_number;
        bool has_registers = p->channels.has_registers, has_looks = p->channels.has_looks;
        bb_channel_table_release(&p->channels);
        bb_channel_table_init(&p->channels, w->plant);
        p->channels.next_number = next_number;
        p->channels.has_registers = has_registers;
        p->channels.has_looks = has_looks;
    }
    return result;
}

static int measure_backlog(struct bb_worker *w, struct bb_error *error) {
    struct bb_log *log = w->plant->log;
    struct bb_store *store = w->plant->store;
    int result = 0;

    w->backlog = w->counts.readings;
    for (uint32_t i = 0; !result && i < log->partitions; i++) {
        struct bb_store_view *view;
        struct bb_claim at = {0};
        struct bb_log_backlog backlog;
        if (!is_mine(w, i))
            continue;
        result = store->ops->view_begin(store, i, &view, error);
        if (result)
            break;
        result = store->ops->position(view, &at, error);
        store->ops->view_end(view);
        if (!result)
            result = bb_standing_backlog(w->plant, i, at.position.offset, &backlog, error);
        if (!result)
            w->backlog += backlog.lag_readings;
    }
    return result;
}

/* A partition that stands at a damaged record does not keep the others from going on. */
static int drain_apart(struct bb_worker *w, uint32_t i, bool live,
                       const struct bb_progress_watch *to, struct bb_error *error) {
    struct partition *p = &w->partitions[i];

    if (p->damaged_until_ms > now_ms())
        return 0;
    p->damaged_until_ms = 0;
    int result = drain_partition(w, i, live, to, error);
    if (result != -(int)BB_E_LOG_CORRUPT)
        return result;
    if (w->damage.code == BB_OK)
        w->damage = *error;
    p->damaged_until_ms = now_ms() + DAMAGED_MS;
    return 0;
}

/* One round over the partitions; *waiting while a lost one still has a backlog. */
static int drain_round(struct bb_worker *w, bool live, const struct bb_progress_watch *to,
                       bool *waiting, struct bb_error *error) {
    int result = 0;

    *waiting = false;
    for (uint32_t i = 0; !result && !*w->stop && i < w->plant->log->partitions; i++) {
        if (!is_mine(w, i))
            continue;
        if (!w->partitions[i].lost)
            result = drain_apart(w, i, live, to, error);
        if (!result && w->partitions[i].lost)
            result = stand_by(w, i, waiting, error);
    }
    return result;
}

/* Who has a partition given back begins anew: another one may have been at it. */
static void look_at_share(struct bb_worker *w) {
    for (uint32_t i = 0; i < w->plant->log->partitions; i++) {
        struct partition *p = &w->partitions[i];
        bool is_held = is_mine(w, i);
        if (is_held != p->held) {
            drop(p);
            p->lost = false;
            p->damaged_until_ms = 0;
        }
        p->held = is_held;
    }
}

/* Who does not come again soon looks at what stood before, too. */
static void begin_drain(struct bb_worker *w, bool live) {
    w->damage = (struct bb_error){0};
    w->has_more = false;
    look_at_share(w);
    for (uint32_t i = 0; !live && i < w->plant->log->partitions; i++)
        w->partitions[i].damaged_until_ms = 0;
}

int bb_worker_drain(struct bb_worker *w, bool live, const struct bb_progress_watch *to,
                    struct bb_error *error) {
    begin_drain(w, live);
    int result = measure_backlog(w, error);
    for (bool waiting = true; !result && waiting && !*w->stop;) {
        result = drain_round(w, live, to, &waiting, error);
        if (live)
            break;
        if (!result && waiting)
            sleep_ms(STANDBY_SLEEP_MS);
    }
    bb_gather_clear(&w->gather);
    if (result)
        return result;
    if (w->damage.code == BB_OK)
        return w->has_more && live ? BB_WORKER_MORE : BB_WORKER_DRAINED;
    *error = w->damage;
    return live ? BB_WORKER_DAMAGED : -(int)error->code;
}
