/* A portion of the derive worker: see worker_internal.h. */
#include "service/worker_internal.h"

#include "service/metric.h"

#include <signal.h>

/* ---- what cannot be derived */

/* Is it the readings that are at fault, now and every time? Not the disk, the memory, another process or a rule's host. */
static bool is_poison(const struct bb_error *error) {
    int code = (int)error->code;

    return !error->retriable &&
           ((code >= 1000 && code < 3000) || code == BB_E_BUG || code == BB_E_RULE_SLOW);
}

/* What was gathered cannot be derived: half of it is tried; what is alone is passed over. */
static int look_closer(struct bb_worker *w, const struct bb_worker_portion *portion, bool *more,
                       struct bb_error *error) {
    struct bb_worker_partition *p = &w->partitions[portion->partition];

    if (portion->records > 1)
        p->most = portion->records / 2;
    else
        p->poison = *error;
    *more = true;
    return bb_worker_claim(w, portion->partition,
                           error); /* the table of channels knows what was not committed */
}

static void note_passed(struct bb_worker *w, struct bb_worker_partition *p) {
    w->counts.passed++;
    bb_metric_add(BB_METRIC_PASSED, 0, 1);
    p->poison = (struct bb_error){0};
    p->most = 0;
}

/* ---- what came of it */

/* For /metrics, where the server reads it. */
static void measure_commit(const struct bb_worker_portion *portion) {
    const struct bb_derivation *d = &portion->derivation;

    bb_metric_add(BB_METRIC_COMMITS, 0, 1);
    bb_metric_add(BB_METRIC_BLOCKS, 0, portion->commit.block_count);
    bb_metric_add(BB_METRIC_DERIVED, 0, d->counts.added);
    bb_metric_add(BB_METRIC_DERIVED, 1, d->counts.duplicate);
    bb_metric_add(BB_METRIC_DERIVED, 2, d->counts.changed);
    bb_metric_add(BB_METRIC_EXCEPTIONS_MOVED, 0, d->opened);
    bb_metric_add(BB_METRIC_EXCEPTIONS_MOVED, 1, d->closed);
    if (portion->oldest_ms > 0)
        bb_metric_observe(BB_METRIC_DERIVE_DELAY,
                          (bb_clock_now_ms(bb_clock_system()) - portion->oldest_ms) * 1000000,
                          portion->readings);
}

static void count_commit(struct bb_worker *w, struct bb_worker_partition *p,
                         const struct bb_worker_portion *portion) {
    const struct bb_derivation *d = &portion->derivation;

    measure_commit(portion);
    w->counts.commits++;
    w->counts.blocks += portion->commit.block_count;
    w->counts.added += d->counts.added;
    w->counts.duplicate += d->counts.duplicate;
    w->counts.changed += d->counts.changed;
    w->counts.exceptions_opened += d->opened;
    w->counts.exceptions_closed += d->closed;
    for (uint32_t i = 0; i < p->channels.count; i++) {
        struct bb_channel_slot *slot = &p->channels.slots[i];
        bb_channel_slot_committed(slot);
    }
    p->claim.position = portion->commit.to;
}

static void note_lost(struct bb_worker *w, struct bb_worker_partition *p) {
    w->counts.fenced++;
    bb_metric_add(BB_METRIC_FENCED, 0, 1);
    p->seen = p->claim;
    bb_worker_drop(p);
    p->lost = true;
    p->lost_since_ms = bb_worker_now_ms();
}

/* ---- archive orders */

/* Fill the commit of an archive order. One that cannot be carried out is passed over: readings do not wait for cheap
 * storage. *stopped: nothing may be committed. */
static int make_archive(struct bb_worker *w, struct bb_worker_portion *portion, bool *stopped,
                        struct bb_error *error) {
    struct bb_commit *commit = &portion->commit;
    const struct bb_archive_task task = {.plant = w->plant,
                                         .partition = portion->partition,
                                         .epoch = commit->epoch,
                                         .offset = commit->from.offset,
                                         .order = w->order,
                                         .stop = w->stop,
                                         .now_ms = bb_clock_now_ms(bb_clock_system())};
    int result = bb_archive_run(&task, &portion->archive, commit, error);

    *stopped = result == BB_ARCHIVE_STOPPED;
    if (result == BB_ARCHIVE_MADE)
        return 0;
    bb_archive_run_release(portion->archive);
    portion->archive = NULL;
    commit->block_count = commit->name_count = 0;
    if (result < 0) {
        w->archive_trouble = *error;
        w->archive_told = false;
        w->counts.archive_failures++;
        bb_metric_add(BB_METRIC_ARCHIVE_FAILURES, 0, 1);
    }
    return 0;
}

static void end_archive(struct bb_worker *w, struct bb_worker_portion *portion, int outcome) {
    struct bb_archive_run *run = portion->archive;

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
    portion->archive = NULL;
}

/* ---- a portion */

static void begin(struct bb_worker *w, struct bb_worker_portion *portion, uint32_t partition) {
    const struct bb_worker_partition *p = &w->partitions[partition];

    bb_gather_clear(&w->gather);
    bb_derivation_clear(&portion->derivation);
    w->has_order = false;
    portion->partition = partition;
    portion->store = w->plant->store;
    portion->commit = (struct bb_commit){.epoch = p->claim.epoch, .from = p->claim.position};
    portion->passes = p->poison.code != BB_OK;
    portion->records = portion->readings = 0;
    portion->oldest_ms = 0;
}

/* Gathered and derived; the view is let go of before the commit. */
static int derive(struct bb_worker *w, struct bb_worker_portion *portion, bool live,
                  const struct bb_progress_watch *to, bool *more, struct bb_error *error) {
    struct bb_store *store = portion->store;
    struct bb_worker_partition *p = &w->partitions[portion->partition];
    struct bb_store_view *view;
    int result = store->ops->view_begin(store, portion->partition, &view, error);

    if (result)
        return result;
    result = bb_worker_gather(w, view, live, to, more, error);
    portion->commit.to = p->feed.position;
    if (!result && bb_gather_has_any(&w->gather)) {
        result = bb_gather_sort(&w->gather, p->channels.count, error);
        if (!result)
            result = bb_derivation_run(&portion->derivation, &w->gather, &p->channels, view,
                                       &portion->commit, error);
    }
    store->ops->view_end(view);
    if (!result && portion->passes && portion->records > 0) {
        portion->letter = bb_buffer_span(&portion->passed);
        portion->commit.outbox = &portion->letter;
        portion->commit.outbox_count = 1;
    }
    return result;
}

static void hand_over(struct bb_worker_portion *portion) {
    struct bb_store *store = portion->store;

    portion->result = store->ops->commit(store, portion->partition, &portion->commit,
                                         &portion->error);
}

/* Returns 0, and *more: there may be another one to do. */
static int finish(struct bb_worker *w, struct bb_worker_portion *portion, bool *more,
                  struct bb_error *error) {
    struct bb_worker_partition *p = &w->partitions[portion->partition];

    end_archive(w, portion, portion->result);
    switch (portion->result) {
    case BB_COMMIT_DONE:
        count_commit(w, p, portion);
        if (portion->passes && portion->records > 0)
            note_passed(w, p);
        else
            p->most *=
                2; /* carefully back to no limit: two records may only be at odds with each other */
        return 0;
    case BB_COMMIT_FENCED:
        note_lost(w, p);
        *more = false;
        return 0;
    case BB_COMMIT_MOVED:
        w->counts.readings -= portion->readings;
        *more = true;
        return bb_worker_claim(w, portion->partition, error);
    default: *error = portion->error; return portion->result;
    }
}

/* ---- aside */

static void *commit_thread(void *argument) {
    hand_over(argument);
    return NULL;
}

static bool hand_over_aside(struct bb_worker_portion *portion) {
    sigset_t all, before;

    sigfillset(&all); /* signals belong to the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    portion->is_aside = pthread_create(&portion->thread, NULL, commit_thread, portion) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return portion->is_aside;
}

int bb_worker_settle(struct bb_worker *w, struct bb_error *error) {
    struct bb_worker_portion *aside = &w->portions[!w->at_hand];
    bool more = false;

    if (!aside->is_aside)
        return 0;
    pthread_join(aside->thread, NULL);
    aside->is_aside = false;
    int result = finish(w, aside, &more, error);
    if (result)
        bb_worker_drop(&w->partitions[aside->partition]);
    w->has_more |= more;
    return result;
}

int bb_worker_commit(struct bb_worker *w, uint32_t i, bool live, const struct bb_progress_watch *to,
                     bool *more, struct bb_error *error) {
    struct bb_worker_portion *portion = &w->portions[w->at_hand];
    bool stopped = false;

    begin(w, portion, i);
    int result = derive(w, portion, live, to, more, error);
    if (result < 0 && !portion->passes && portion->records > 0 && is_poison(error))
        return look_closer(w, portion, more, error);
    if (!result && bb_position_equal(portion->commit.from, portion->commit.to))
        return 0;
    if (!result)
        result = bb_worker_settle(w, error); /* one at a time */
    if (!result && w->has_order) {
        portion->store = w->plant->hot; /* blocks go out of the store itself */
        result = make_archive(w, portion, &stopped, error);
    }
    if (stopped)
        bb_worker_drop(&w->partitions[i]); /* the feed stands behind the order */
    if (result || stopped)
        return result;
    const bool is_worth_it = w->aside_blocks > 0 && portion->commit.block_count >= w->aside_blocks;
    if (is_worth_it && live && !w->has_order && hand_over_aside(portion)) {
        w->at_hand = !w->at_hand;
        return 0;
    }
    hand_over(portion);
    return finish(w, portion, more, error);
}
