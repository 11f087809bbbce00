/* The derive worker: see worker.h.
 *
 *   claim ─► gather until the backlog is gone, the memory is used or the freshness limit is over
 *         ─► derive ─► commit (from, to, epoch) ─► DONE: go on
 *                                               ─► MOVED: read the position again
 *                                               ─► FENCED: another worker has it; stand by
 *
 * One thread, but for a commit that goes on aside (worker_internal.h). A partition's memory is given back when its backlog is gone, so that the whole stays
 * within the limit however many partitions there are.
 */
#include "service/worker_internal.h"

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
    LETTER_BYTES = 64 << 10
};

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
    bb_buffer_init(&w->letter, LETTER_BYTES);
    for (int i = 0; i < 2; i++) {
        bb_buffer_init(&w->portions[i].passed, LETTER_BYTES);
        bb_derivation_init(&w->portions[i].derivation, plant->store);
    }
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

void bb_worker_commit_aside(struct bb_worker *w, size_t least_blocks) {
    w->aside_blocks = least_blocks;
}

void bb_worker_drop(struct bb_worker_partition *p) {
    bb_feed_close(&p->feed);
    bb_channel_table_release(&p->channels);
    p->claimed = false;
}

void bb_worker_close(struct bb_worker *w) {
    if (!w)
        return;
    for (uint32_t i = 0; i < w->plant->log->partitions; i++)
        bb_worker_drop(&w->partitions[i]);
    free(w->partitions);
    bb_gather_release(&w->gather);
    bb_buffer_release(&w->letter);
    for (int i = 0; i < 2; i++) {
        bb_buffer_release(&w->portions[i].passed);
        bb_derivation_release(&w->portions[i].derivation);
    }
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

int bb_worker_claim(struct bb_worker *w, uint32_t i, struct bb_error *error) {
    struct bb_plant *plant = w->plant;
    struct bb_worker_partition *p = &w->partitions[i];
    const struct bb_position before = p->claim.position;

    bb_worker_drop(p);
    int result = plant->store->ops->claim(plant->store, i, plant->log->identity, &p->claim, error);
    if (!result)
        result = bb_feed_open(&p->feed, plant->log, i, p->claim.position, error);
    if (result)
        return result;
    if (!bb_position_equal(before, p->claim.position))
        p->poison = (struct bb_error){0}; /* that was about another record */
    bb_channel_table_init(&p->channels, plant);
    p->claimed = true;
    p->lost = false;
    return read_counters(w, i, error);
}

/* ---- draining */

/* A lost partition is the other worker's as long as it moves. Sets *waiting while there is
 * something left for it to do. */
static int stand_by(struct bb_worker *w, uint32_t i, bool *waiting, struct bb_error *error) {
    struct bb_store *store = w->plant->store;
    struct bb_worker_partition *p = &w->partitions[i];
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
    if (!bb_position_equal(seen.position, p->seen.position)) {
        p->seen = seen;
        p->lost_since_ms = bb_worker_now_ms();
    }
    *waiting |= seen.position.offset < end.offset;
    if (seen.position.offset < end.offset && bb_worker_now_ms() - p->lost_since_ms > STANDBY_MS)
        p->lost = false; /* claimed again in the next round */
    return 0;
}

static int drain_partition(struct bb_worker *w, uint32_t i, bool live,
                           const struct bb_progress_watch *to, struct bb_error *error) {
    struct bb_worker_partition *p = &w->partitions[i];
    int result = p->claimed ? 0 : bb_worker_claim(w, i, error);
    bool more = true;

    do
        result = result ? result : bb_worker_commit(w, i, live, to, &more, error);
    while (!result && more && !live && !*w->stop);
    w->has_more |= !result && more;
    p->most = result || more ? p->most : 0;
    if (result) /* the feed stands behind what was gathered and is lost: begin at the store's */
        bb_worker_drop(p);
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
    struct bb_worker_partition *p = &w->partitions[i];

    if (p->damaged_until_ms > bb_worker_now_ms())
        return 0;
    p->damaged_until_ms = 0;
    int result = drain_partition(w, i, live, to, error);
    if (result != -(int)BB_E_LOG_CORRUPT)
        return result;
    if (w->damage.code == BB_OK)
        w->damage = *error;
    p->damaged_until_ms = bb_worker_now_ms() + DAMAGED_MS;
    return 0;
}

static uint32_t share_size(const struct bb_worker *w) {
    uint32_t size = 0;

    for (uint32_t i = 0; i < w->plant->log->partitions; i++)
        size += is_mine(w, i);
    return size;
}

/* What the round takes as a whole, by what of it is done. */
static int64_t whole_ms(int64_t begin_ms, uint32_t seen, uint32_t share) {
    return seen > 0 ? (bb_worker_now_ms() - begin_ms) * share / seen : 0;
}

/* What is left of the round waits for the next one, which begins with it. */
static bool breaks_off(const struct bb_worker *w, int64_t begin_ms, uint32_t seen, uint32_t share) {
    return seen < share && bb_pace_is_surprised(whole_ms(begin_ms, seen, share), w->round_ms,
                                                w->plant->config.commit_freshness_ms);
}

/* One round over the partitions; *waiting while a lost one still has a backlog. */
static int drain_round(struct bb_worker *w, bool live, const struct bb_progress_watch *to,
                       bool *waiting, struct bb_error *error) {
    const uint32_t count = w->plant->log->partitions, first = w->round_first, share = share_size(w);
    const int64_t begin_ms = bb_worker_now_ms();
    uint32_t seen = 0;
    int result = 0;

    *waiting = false;
    w->round_first = 0;
    for (uint32_t k = 0; !result && !*w->stop && k < count; k++) {
        const uint32_t i = (first + k) % count;
        if (!is_mine(w, i))
            continue;
        if (!w->partitions[i].lost)
            result = drain_apart(w, i, live, to, error);
        if (!result && w->partitions[i].lost)
            result = stand_by(w, i, waiting, error);
        seen++;
        if (!result && live && breaks_off(w, begin_ms, seen, share)) {
            w->round_first = (i + 1) % count;
            break;
        }
    }
    struct bb_error another;
    int settled = bb_worker_settle(w, result ? &another : error);
    w->round_ms = whole_ms(begin_ms, seen, share);
    return result ? result : settled;
}

int64_t bb_worker_round_ms(const struct bb_worker *w) {
    return w->round_ms;
}

/* Who has a partition given back begins anew: another one may have been at it. */
static void look_at_share(struct bb_worker *w) {
    for (uint32_t i = 0; i < w->plant->log->partitions; i++) {
        struct bb_worker_partition *p = &w->partitions[i];
        bool is_held = is_mine(w, i);
        if (is_held != p->held) {
            bb_worker_drop(p);
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
