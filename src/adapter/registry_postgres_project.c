/* Outbox records into rows: see registry_postgres_internal.h.
 *
 *   round 1   BEGIN · move the position, if it is `from` · rows that others hang on · versions · what is known of
 *             exceptions
 *   round 2   columns of current versions · channels · exceptions, their history · COMMIT
 *
 * The position's row is the lock: another one who projects the same partition waits for it and then finds it moved. So
 * between the rounds nobody else touches what hangs on this partition; of what comes from all of them, tenants, the rows
 * are held.
 *
 * When the connection is lost, nobody knows how far the server got. The same is tried once more on another connection: a
 * transaction that is still under way there holds the row, so that the position, once it can be read, says
 * whether the records are in. Records are the same whoever carries them over.
 */
#include "adapter/registry_postgres_internal.h"

enum { TRIES_MAX = 4, RESULTS_MAX = 256 };
enum project_outcome { PROJECTED = 0, PROJECT_ELSEWHERE = 1 };

/* What of a round is asked for: the position's result is number 1, behind BEGIN. */
struct round {
    PGresult *results[RESULTS_MAX];
    size_t versions, versions_end;     /* results with numbers of current versions */
    size_t first_version[RESULTS_MAX]; /* each one's first version */
    size_t exceptions;                 /* result; 0: nothing was asked */
};

static void round_release(struct round *round) {
    for (size_t i = 0; i < RESULTS_MAX; i++)
        PQclear(round->results[i]);
}

static int queue_position(struct registry_projection *p, uint64_t from, size_t count) {
    struct registry_columns *c = bb_registry_columns_values(&p->registry->columns);

    bb_postgres_put_int64(&c->parameters, p->partition);
    bb_postgres_put_int64(&c->parameters, (int64_t)from);
    bb_postgres_put_int64(&c->parameters, (int64_t)(from + count));
    return bb_postgres_queue(p->registry->main, REGISTRY_POSITION_MOVE, &c->parameters, p->error);
}

/* Each statement's result has the number that it is queued as. */
static int queue_versions(struct registry_projection *p, struct round *round) {
    struct bb_postgres *pg = p->registry->main;
    int failed = 0;

    round->versions = round->versions_end = pg->queued;
    for (size_t at = 0; !failed && at < p->fold->version_count;) {
        if (pg->queued + 1 >= RESULTS_MAX)
            return BB_FAIL(p->error, BB_E_NO_MEMORY, "too much master data in one projection");
        round->first_version[pg->queued] = at;
        failed = bb_registry_put_versions(p, at, &at);
        round->versions_end = pg->queued;
    }
    return failed;
}

static int queue_first(struct registry_projection *p, uint64_t from, size_t count,
                       struct round *round) {
    int failed = bb_postgres_queue(p->registry->main, REGISTRY_BEGIN, NULL, p->error);

    if (!failed)
        failed = queue_position(p, from, count);
    if (!failed)
        failed = bb_registry_put_tenants(p);
    if (!failed)
        failed = bb_registry_put_usage_points(p);
    if (!failed)
        failed = queue_versions(p, round);
    round->exceptions = p->fold->exception_count ? p->registry->main->queued : 0;
    return failed ? failed : bb_registry_ask_exceptions(p);
}

static void learn_versions(struct registry_projection *p, const struct round *round) {
    for (size_t i = 0; i < p->fold->version_count; i++)
        p->fold->versions[i].is_current = false;
    for (size_t r = round->versions; r < round->versions_end; r++)
        for (int row = 0; row < PQntuples(round->results[r]); row++) {
            size_t number = (size_t)bb_postgres_number(round->results[r], row, 0);
            struct fold_version *version = &p->fold->versions[round->first_version[r] + number - 1];
            version->is_current = version->is_last;
        }
}

/* number, id, whether it has a row, whether that is open, the last ordinal. */
static void learn_exceptions(struct registry_projection *p, const PGresult *result) {
    for (int row = 0; row < PQntuples(result); row++) {
        size_t number = (size_t)bb_postgres_number(result, row, 0);
        struct fold_exception *exception = &p->fold->exceptions[number - 1];
        exception->id = bb_postgres_number(result, row, 1);
        exception->is_known = bb_postgres_number(result, row, 2) != 0;
        exception->was_open = bb_postgres_number(result, row, 3) != 0;
        exception->ordinal = (uint32_t)bb_postgres_number(result, row, 4);
    }
}

static int end_first(struct registry_projection *p, int failed, struct round *round) {
    struct bb_error ignored;
    int ended = bb_postgres_end_round(p->registry->main, round->results, RESULTS_MAX,
                                      failed ? &ignored : p->error);

    if (failed || ended)
        return failed ? failed : ended;
    if (PQntuples(round->results[1]) == 0)
        return PROJECT_ELSEWHERE;
    learn_versions(p, round);
    if (round->exceptions)
        learn_exceptions(p, round->results[round->exceptions]);
    return 0;
}

/* They are rare: one by one. The same record may be told again, when its marks stand twice. */
static int put_letters(struct registry_projection *p) {
    struct registry_columns *c = &p->registry->columns;
    int failed = 0;

    for (size_t i = 0; !failed && i < p->record_count; i++) {
        const struct bb_outbox_record *record = &p->records[i];
        if (record->kind != BB_OUTBOX_DEAD_LETTER)
            continue;
        bb_registry_columns_values(c);
        bb_postgres_put_int64(&c->parameters, p->partition);
        bb_postgres_put_int64(&c->parameters, record->a);
        bb_registry_value_text(c, record->tenant);
        bb_postgres_put_int64(&c->parameters, record->recorded_ms);
        bb_postgres_put_span(&c->parameters, record->body);
        failed = bb_postgres_queue(p->registry->main, REGISTRY_LETTER_PUT, &c->parameters,
                                   p->error);
    }
    return failed;
}

static int second(struct registry_projection *p) {
    struct bb_postgres *pg = p->registry->main;
    struct bb_error ignored;
    int failed = bb_postgres_begin_round(pg, p->error);

    if (failed)
        return failed;
    failed = bb_registry_put_current(p);
    if (!failed)
        failed = bb_registry_put_channels(p);
    if (!failed)
        failed = bb_registry_put_exceptions(p);
    if (!failed)
        failed = put_letters(p);
    if (!failed)
        failed = bb_postgres_queue(pg, REGISTRY_COMMIT, NULL, p->error);
    int ended = bb_postgres_end_round(pg, NULL, 0, failed ? &ignored : p->error);
    return failed ? failed : ended;
}

static int project_once(struct registry_projection *p, uint64_t from, size_t count) {
    struct bb_postgres *pg = p->registry->main;
    struct round round = {0};
    int outcome = bb_postgres_ready(pg, p->error);

    if (!outcome)
        outcome = bb_postgres_begin_round(pg, p->error);
    if (!outcome)
        outcome = end_first(p, queue_first(p, from, count, &round), &round);
    round_release(&round);
    if (!outcome)
        outcome = second(p);
    p->has_collided = outcome < 0 && (strncmp(pg->state, "40", 2) == 0 || /* a circle */
                                      strcmp(pg->state, "23505") == 0); /* a row is there by now */
    if (outcome)
        bb_postgres_rollback(pg);
    return outcome;
}

/* Moved, after an answer was lost: by this very call, or by another that carried the same records? */
static int look_up(struct registry_projection *p, uint64_t to) {
    uint64_t sequence;
    int failed = p->registry->base.ops->position(&p->registry->base, p->partition, &sequence,
                                                 p->error);

    return failed ? failed : sequence == to ? PROJECTED : PROJECT_ELSEWHERE;
}

static int project_surely(struct registry_projection *p, uint64_t from, size_t count) {
    bool in_doubt = false;
    int outcome = 0;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        outcome = project_once(p, from, count);
        if (outcome == PROJECT_ELSEWHERE && in_doubt)
            return look_up(p, from + count);
        if (!registry_is_lost(outcome) && !p->has_collided)
            return outcome;
        in_doubt |= registry_is_lost(outcome);
    }
    return outcome;
}

int bb_registry_postgres_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                                 const struct bb_outbox_record *records, size_t count,
                                 struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct fold fold;
    struct registry_projection projection = {.registry = registry,
                                             .partition = partition,
                                             .fold = &fold,
                                             .records = records,
                                             .record_count = count,
                                             .error = error};

    if (registry->read_only)
        return bb_registry_postgres_refuse(registry, error);
    bb_arena_reset(&registry->batch);
    int failed = bb_registry_fold(&fold, partition, from, records, count, &registry->batch,
                                  &registry->scratch, error);
    return failed ? failed : project_surely(&projection, from, count);
}
