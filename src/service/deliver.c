/* Deliver: see deliver.h. */
#include "service/deliver.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "service/letter_feed.h"
#include "service/metric.h"

#include <stdlib.h>
#include <time.h>

enum {
    BATCH_RECORDS = 8192,
    BATCH_BYTES = 32 << 20,
    ARENA_CHUNK_BYTES = 1 << 20,
    ARENA_LIMIT_BYTES = 1 << 30,
    DUELS_MOST =
        6, /* with another process that delivers the same, before this one gives way to it */
    DUEL_MIN_MS = 50,
    DUEL_MAX_MS = BB_SECOND_MS,
    PAUSE_MIN_MS = 200, /* after the first failure of a sink; doubled by each that follows */
    PAUSE_MAX_MS = 60 * BB_SECOND_MS
};

/* ---- carrying one partition's records to one sink */

struct carry {
    struct bb_store *store;
    struct bb_sink *sink;
    uint32_t partition;
    uint64_t from; /* the sink's position */
    struct bb_outbox_record *records;
    struct bb_arena arena; /* the records' bytes: what a visitor is given is its own no longer */
    size_t count, bytes;
    uint64_t carried; /* records, of this partition */
    int64_t first_ms; /* recorded: of the first that it did not take; 0: nobody knows */
    bool moved;       /* another process carried on in the meantime */
    struct bb_random random;
    struct bb_error *error;
};

static int carry_begin(struct carry *c, struct bb_store *store, struct bb_error *error) {
    *c = (struct carry){.store = store, .error = error};
    bb_arena_init(&c->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    bb_backoff_seed(&c->random);
    c->records = malloc(BATCH_RECORDS * sizeof c->records[0]);
    return c->records ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to deliver");
}

static void carry_end(struct carry *c) {
    free(c->records);
    bb_arena_release(&c->arena);
}

static int flush(struct carry *c) {
    if (c->count == 0)
        return 0;
    c->first_ms = c->records[0].recorded_ms;
    int result = c->sink->ops->apply(c->sink, c->partition, c->from, c->records, c->count,
                                     c->error);
    c->moved = result > 0;
    if (result == 0) {
        c->from += c->count;
        c->carried += c->count;
    }
    c->count = c->bytes = 0;
    bb_arena_reset(&c->arena);
    return result > 0 ? 1 : result;
}

static int take(void *context, uint64_t sequence, struct bb_span record) {
    struct carry *c = context;
    struct bb_span kept = bb_arena_copy(&c->arena, record);

    if (!kept.data)
        return BB_FAIL(c->error, BB_E_NO_MEMORY, "no memory to deliver");
    int result = bb_outbox_decode(kept, &c->records[c->count], c->error);
    if (result)
        return result;
    if (sequence != c->from + c->count + 1)
        return BB_FAIL(c->error, BB_E_REGISTRY_IO,
                       "%s stands at record %llu of partition %u, but the store keeps them "
                       "from %llu on: it is older than the store; restore what belongs to it",
                       c->sink->label, (unsigned long long)(c->from + c->count), c->partition,
                       (unsigned long long)sequence);
    c->count++;
    c->bytes += record.size;
    return c->count == BATCH_RECORDS || c->bytes >= BATCH_BYTES ? flush(c) : 0;
}

/* Another process delivers, too, and neither comes forward: each takes from the other what it has begun. Waiting unequally
 * long lets one of them finish. */
static int stand_back(struct carry *c, uint32_t duels) {
    if (duels > DUELS_MOST) {
        int result = BB_FAIL(c->error, BB_E_SINK_BUSY, "%s: another process delivers partition %u",
                             c->sink->label, c->partition);
        c->error->retriable = true;
        return result;
    }
    int64_t wait_ms = bb_backoff_ms(duels, DUEL_MIN_MS, DUEL_MAX_MS, &c->random);
    nanosleep(&(struct timespec){.tv_nsec = (long)wait_ms * 1000000 - 1}, NULL);
    return 0;
}

static bool is_mine(const bool *mine, uint32_t partition) {
    return !mine || mine[partition];
}

/* All there is of a partition. The sink's position, as it then is, is in c->from. */
static int carry_partition(struct carry *c) {
    const struct bb_store_ops *ops = c->store->ops;
    struct bb_store_view *view;
    uint64_t before = UINT64_MAX;
    uint32_t duels = 0;

    c->carried = 0;
    c->first_ms = 0;
    do {
        c->moved = false;
        c->count = c->bytes = 0;
        bb_arena_reset(&c->arena);
        int result = c->sink->ops->position(c->sink, c->partition, &c->from, c->error);
        duels = !result && c->from == before ? duels + 1 : 0;
        before = c->from;
        if (duels > 0)
            result = stand_back(c, duels);
        if (!result)
            result = ops->view_begin(c->store, c->partition, &view, c->error);
        if (result)
            return result;
        result = ops->outbox_scan(view, c->from, take, c, c->error);
        if (result == 0)
            result = flush(c);
        ops->view_end(view);
        if (result < 0)
            return result;
    } while (c->moved);
    return 0;
}

/* ---- the registry is a sink, too */

struct registry_sink {
    struct bb_sink base; /* first */
    struct bb_registry *registry;
};

static struct bb_registry *registry_of(struct bb_sink *sink) {
    return ((struct registry_sink *)sink)->registry;
}

static int registry_position(struct bb_sink *sink, uint32_t partition, uint64_t *sequence,
                             struct bb_error *error) {
    return registry_of(sink)->ops->position(registry_of(sink), partition, sequence, error);
}

static int registry_apply(struct bb_sink *sink, uint32_t partition, uint64_t from,
                          const struct bb_outbox_record *records, size_t count,
                          struct bb_error *error) {
    return registry_of(sink)->ops->project(registry_of(sink), partition, from, records, count,
                                           error);
}

static const struct bb_sink_ops registry_ops = {.name = "registry",
                                                .guarantee = BB_SINK_INSIDE,
                                                .position = registry_position,
                                                .apply = registry_apply};

int bb_deliver_registry(struct bb_plant *plant, const bool *mine,
                        const struct bb_progress_watch *to, struct bb_error *error) {
    struct registry_sink sink = {{&registry_ops, "the registry"}, plant->registry};
    struct carry c;
    int result = carry_begin(&c, plant->store, error);

    c.sink = &sink.base;
    for (c.partition = 0; !result && c.partition < plant->store->partitions; c.partition++) {
        if (!is_mine(mine, c.partition))
            continue;
        result = carry_partition(&c);
        /* Where others follow, too, what all of them have is forgotten by bb_delivery_run. */
        if (!result && plant->config.changes_lanes == 0 && c.from > 0)
            result = plant->store->ops->outbox_trim(plant->store, c.partition, c.from, error);
        bb_progress_tell(to, &(struct bb_progress){.phase = BB_PHASE_PROJECT,
                                                   .subject = "",
                                                   .done = c.partition + 1,
                                                   .total = plant->store->partitions});
    }
    carry_end(&c);
    return result;
}

/* ---- the other sinks */

struct follower {
    struct bb_sink *sink;
    struct bb_letter_feed *letters; /* NULL: it has not been asked for any */
    uint64_t letters_at;            /* its position among them, */
    bool letters_known;             /* when that is known */
    int kind;                       /* value of the metrics' label; -1: none of them */
    uint32_t failures;              /* in a row */
    int64_t not_before_ms;          /* monotonic */
    struct bb_error error;          /* of the last failure; code BB_OK: it is well */
};

struct bb_delivery {
    struct bb_plant *plant;
    const bool *mine;
    struct follower *followers; /* plant->sink_count */
    uint64_t *had;              /* by partition: what every sink has */
    struct bb_random random;
    bb_delivery_tell *tell;
    void *tell_context;
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

int bb_delivery_open(struct bb_plant *plant, const bool *mine, bb_delivery_tell *tell,
                     void *tell_context, struct bb_delivery **out, struct bb_error *error) {
    struct bb_delivery *d = calloc(1, sizeof *d);

    if (d) {
        d->plant = plant;
        d->followers = calloc(plant->sink_count + 1, sizeof d->followers[0]);
        d->had = calloc(plant->store->partitions, sizeof d->had[0]);
    }
    if (!d || !d->followers || !d->had) {
        bb_delivery_close(d);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to deliver");
    }
    d->mine = mine;
    d->tell = tell;
    d->tell_context = tell_context;
    for (size_t i = 0; i < plant->sink_count; i++)
        d->followers[i] = (struct follower){
            .sink = plant->sinks[i],
            .kind = bb_metric_value(BB_METRIC_SINK_RECORDS, plant->sinks[i]->ops->name)};
    bb_backoff_seed(&d->random);
    *out = d;
    return 0;
}

void bb_delivery_close(struct bb_delivery *d) {
    if (!d)
        return;
    for (size_t i = 0; d->followers && i < d->plant->sink_count; i++)
        bb_letter_feed_close(d->followers[i].letters);
    free(d->followers);
    free(d->had);
    free(d);
}

/* One line when it begins to fail, one when it is over. */
static void note_failure(struct bb_delivery *d, struct follower *f, const struct bb_error *error) {
    const int64_t first_ms = error->retriable ? PAUSE_MIN_MS : PAUSE_MAX_MS;

    f->failures++;
    if (f->kind >= 0)
        bb_metric_add(BB_METRIC_SINK_FAILURES, f->kind, 1);
    f->not_before_ms = now_ms() + bb_backoff_ms(f->failures, first_ms, PAUSE_MAX_MS, &d->random);
    f->error = *error;
    if (f->failures == 1 && d->tell)
        d->tell(d->tell_context, f->sink, error);
}

static void note_success(struct bb_delivery *d, struct follower *f) {
    if (f->failures > 0 && d->tell)
        d->tell(d->tell_context, f->sink, NULL);
    f->failures = 0;
    f->error.code = BB_OK;
}

/* For /metrics. A sink whose position cannot be learned lacks something since it was asked in vain. */
static void note_lack(const struct follower *f, const struct carry *c, int failed) {
    const bool is_first = f->failures == 0;

    if (f->kind < 0)
        return;
    if (!failed)
        bb_metric_sink_lacks(f->kind, c->partition, 0);
    else if (c->first_ms > 0)
        bb_metric_sink_lacks(f->kind, c->partition, c->first_ms);
    else if (is_first)
        bb_metric_sink_lacks(f->kind, c->partition, bb_clock_now_ms(bb_clock_system()));
}

/* ---- dead letters */

/* The next batch; its count is 0 when there are no more. */
static int next_letters(struct bb_delivery *d, struct follower *f, struct bb_letter_batch *batch,
                        struct bb_error *error) {
    int result = f->letters ? 0 : bb_letter_feed_open(d->plant->log, &f->letters, error);

    if (!result && !f->letters_known)
        result = f->sink->ops->letter_position(f->sink, &f->letters_at, error);
    f->letters_known = !result;
    return result ? result : bb_letter_feed_next(f->letters, f->letters_at, batch, error);
}

static int apply_letters(struct follower *f, const struct bb_letter_batch *batch,
                         struct bb_error *error) {
    int result = f->sink->ops->apply_letters(f->sink, f->letters_at, batch->to, batch->letters,
                                             batch->count, error);

    f->letters_known = !result;
    if (result)
        return result;
    f->letters_at = batch->to;
    if (f->kind >= 0)
        bb_metric_add(BB_METRIC_SINK_RECORDS, f->kind, batch->count);
    return 0;
}

/* They stand in one partition of the log: whoever has the first partition of the feed carries them. Where another process told
 * some, the position is asked for anew. */
static int carry_letters(struct bb_delivery *d, struct carry *c, struct follower *f) {
    struct bb_letter_batch batch = {.count = 1};
    uint32_t duels = 0;
    int result = 0;

    if (!f->sink->ops->apply_letters || !is_mine(d->mine, 0))
        return 0;
    while (result >= 0 && batch.count > 0) {
        result = next_letters(d, f, &batch, c->error);
        if (!result && batch.count > 0)
            result = apply_letters(f, &batch, c->error);
        duels = result == BB_SINK_MOVED ? duels + 1 : 0;
        if (duels > 0)
            result = stand_back(c, duels);
    }
    return result < 0 ? result : 0;
}

/* ---- all of it */

/* One sink: all partitions of the share. */
static int follow(struct bb_delivery *d, struct carry *c, struct follower *f) {
    int result = 0;

    c->sink = f->sink;
    for (uint32_t p = 0; !result && p < d->plant->store->partitions; p++) {
        if (!is_mine(d->mine, p))
            continue;
        c->partition = p;
        result = carry_partition(c);
        if (f->kind >= 0)
            bb_metric_add(BB_METRIC_SINK_RECORDS, f->kind, c->carried);
        note_lack(f, c, result);
        if (!result && c->from < d->had[p])
            d->had[p] = c->from;
    }
    return result ? result : carry_letters(d, c, f);
}

static int forget_what_all_have(struct bb_delivery *d, struct bb_error *error) {
    struct bb_plant *plant = d->plant;
    int result = 0;

    for (uint32_t p = 0; !result && p < plant->store->partitions; p++)
        if (is_mine(d->mine, p) && d->had[p] > 0)
            result = plant->store->ops->outbox_trim(plant->store, p, d->had[p], error);
    return result;
}

int bb_delivery_run(struct bb_delivery *d, struct bb_error *error) {
    struct bb_plant *plant = d->plant;
    bool all_well = true;
    struct carry c;

    if (plant->sink_count == 0)
        return 0;
    int result = carry_begin(&c, plant->store, error);
    for (uint32_t p = 0; !result && p < plant->store->partitions; p++)
        result = !is_mine(d->mine, p)
                     ? 0
                     : plant->registry->ops->position(plant->registry, p, &d->had[p], error);
    for (size_t i = 0; !result && i < plant->sink_count; i++) {
        struct follower *f = &d->followers[i];
        bool waits = f->failures > 0 && now_ms() < f->not_before_ms;
        int failed = waits ? -(int)f->error.code : follow(d, &c, f);
        if (!failed)
            note_success(d, f);
        else if (!waits)
            note_failure(d, f, error);
        all_well &= !failed;
    }
    carry_end(&c);
    if (!result && all_well)
        result = forget_what_all_have(d, error);
    return result ? result : all_well ? BB_DELIVERY_DONE : BB_DELIVERY_WAITS;
}

int64_t bb_delivery_pause_ms(const struct bb_delivery *d) {
    int64_t pause = INT64_MAX, now = now_ms();

    for (size_t i = 0; i < d->plant->sink_count; i++)
        if (d->followers[i].failures > 0 && d->followers[i].not_before_ms - now < pause)
            pause = d->followers[i].not_before_ms - now;
    return pause < 0 ? 0 : pause;
}
