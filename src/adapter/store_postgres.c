/* The PostgreSQL store: opening, claims, what becomes of the outbox, size. See store_postgres_internal.h.
 *
 * A claim that finds its row locked waits takeover_ms, then looks who has it (the row's xmax is the holder's transaction).
 * A holder whose server process waits for its client is stopped, or is gone without the network having said so: it is
 * ended. One that is at work is given time.
 */
#include <stdlib.h>

#include "adapter/store_postgres_internal.h"
#include "base/clock.h"

enum {
    PARTITIONS_DEFAULT = 8,
    TAKEOVER_DEFAULT_MS = 5000,
    CLAIM_PATIENCE_MS = 60000, /* with a holder that is at work */
    VIEW_IDLE_MS = 600000,     /* a view's user may be slow */
};

/* ---- statements */

#define COLUMNS                                                                                    \
    "span, channel, start_at, step_s, length_s, lane, exponent, unit, quality, packed, value,"     \
    " value_wide, ts, attribute, exponents, lengths_s, units, qualities"
#define COLUMNS_TYPED                                                                              \
    "span int, channel bigint, start_at timestamptz, step_s int, length_s int, lane smallint,"     \
    " exponent smallint, unit text, quality text, packed bytea, value int[], value_wide bigint[]," \
    " ts timestamptz[], attribute smallint[], exponents smallint[], lengths_s int[],"              \
    " units text[], qualities text[]"
#define REPLACE                                                                                    \
    " ON CONFLICT (partition, lane, span, channel) DO UPDATE SET (start_at, step_s, length_s,"     \
    " exponent, unit, quality, packed, value, value_wide, ts, attribute, exponents, lengths_s,"    \
    " units, qualities) = (excluded.start_at, excluded.step_s, excluded.length_s,"                 \
    " excluded.exponent, excluded.unit, excluded.quality, excluded.packed, excluded.value,"        \
    " excluded.value_wide, excluded.ts, excluded.attribute, excluded.exponents,"                   \
    " excluded.lengths_s, excluded.units, excluded.qualities)"
/* Who holds the outboxes has `held`; whoever trims shares `trimming`, which a holder takes for itself. */
#define LOCK(what) "hashtextextended(current_schema || ' busbar " what "', 0)"

static const struct bb_postgres_statement writes[BB_WRITE_COUNT] = {
    [BB_WRITE_BEGIN] = {"begin", "BEGIN"},
    [BB_WRITE_COMMIT] = {"commit", "COMMIT"},
    [BB_WRITE_CLAIM] = {"claim a partition",
                        "INSERT INTO claim AS c (partition, log_identity, epoch, log_offset,"
                        " log_inner, outbox_last) VALUES ($1::int, $2::bigint, 1, 0, 0, 0)"
                        " ON CONFLICT (partition) DO UPDATE SET epoch = c.epoch + 1"
                        " WHERE c.log_identity = excluded.log_identity"
                        " RETURNING epoch, log_offset, log_inner"},
    [BB_WRITE_HOLDER] = {"find a partition's holder",
                         "SELECT l.pid, coalesce(a.state LIKE 'idle in transaction%'"
                         "  OR a.wait_event = 'ClientRead', false)"
                         " FROM claim c JOIN pg_locks l ON l.locktype = 'transactionid'"
                         "  AND l.granted AND l.transactionid = c.xmax"
                         " JOIN pg_stat_activity a ON a.pid = l.pid WHERE c.partition = $1::int"},
    [BB_WRITE_END_HOLDER] = {"end a partition's holder",
                             "SELECT pg_terminate_backend($1::int, 5000)"},
    [BB_WRITE_COMMIT_BEGIN] = {"compare the position",
                               "SELECT commit_begin($1::int, $2::bigint, $3::bigint, $4::bigint,"
                               " $5::bigint, $6::bigint, $7::bigint)"},
    [BB_WRITE_OUTCOME] = {"look a commit up", "SELECT epoch, log_offset, log_inner FROM claim"
                                              " WHERE partition = $1::int FOR UPDATE"},
    [BB_WRITE_BLOCK] = {"write a block",
                        "INSERT INTO block (partition, " COLUMNS ") VALUES ($1::int, $2::int,"
                        " $3::bigint, $4::timestamptz, $5::int, $6::int, $7::smallint,"
                        " $8::smallint, $9::text, $10::text, $11::bytea, $12::int[],"
                        " $13::bigint[], $14::timestamptz[], $15::smallint[], $16::smallint[],"
                        " $17::int[], $18::text[], $19::text[])" REPLACE},
    [BB_WRITE_BLOCK_DELETE] = {"delete a block",
                               "DELETE FROM block WHERE partition = $1::int AND"
                               " lane = $2::smallint AND span = $3::int AND channel = $4::bigint"},
    [BB_WRITE_BLOCKS] = {"write blocks",
                         "INSERT INTO block (partition, " COLUMNS ") SELECT $1::int, " COLUMNS
                         " FROM block_new WHERE packed IS NOT NULL" REPLACE},
    /* From what goes to where it lies, in this order, which a plan made while the tables were empty might turn round. */
    [BB_WRITE_BLOCKS_DELETE] = {"delete blocks",
                                "DELETE FROM block USING (SELECT b.place FROM block_new n"
                                " CROSS JOIN LATERAL (SELECT ctid AS place FROM block b WHERE"
                                " b.partition = $1::int AND b.lane = n.lane AND b.span = n.span"
                                " AND b.channel = n.channel OFFSET 0) AS b"
                                " WHERE n.packed IS NULL OFFSET 0) AS gone"
                                " WHERE block.ctid = gone.place"},
    [BB_WRITE_NAMES] = {"write names",
                        "INSERT INTO name (partition, kind, name, value)"
                        " SELECT $1::int, u.* FROM unnest($2::smallint[], $3::bytea[],"
                        " $4::bytea[]) AS u ON CONFLICT (partition, kind, name)"
                        " DO UPDATE SET value = excluded.value"},
    [BB_WRITE_NAMES_DELETE] = {"delete names",
                               "DELETE FROM name USING (SELECT n.place FROM"
                               " unnest($2::smallint[], $3::bytea[]) AS u (kind, name)"
                               " CROSS JOIN LATERAL (SELECT ctid AS place FROM name n WHERE"
                               " n.partition = $1::int AND n.kind = u.kind AND n.name = u.name"
                               " OFFSET 0) AS n OFFSET 0) AS gone"
                               " WHERE name.ctid = gone.place"},
    [BB_WRITE_CHANNELS] = {"write channels",
                           "INSERT INTO channel (partition, channel, tenant, usage_point, name)"
                           " SELECT $1::int, u.* FROM unnest($2::bigint[], $3::text[],"
                           " $4::text[], $5::text[]) AS u ON CONFLICT (partition, channel)"
                           " DO UPDATE SET tenant = excluded.tenant,"
                           " usage_point = excluded.usage_point, name = excluded.name"},
    [BB_WRITE_OUTBOX] = {"write the outbox",
                         "INSERT INTO outbox (partition, sequence, record)"
                         " SELECT c.partition, c.outbox_last - u.back, u.record"
                         " FROM unnest($2::bigint[], $3::bytea[]) AS u (back, record)"
                         " CROSS JOIN claim c WHERE c.partition = $1::int"},
    [BB_WRITE_TRIM] = {"trim the outbox",
                       "DELETE FROM outbox WHERE partition = $1::int AND sequence <= $2::bigint"
                       " AND (SELECT pg_try_advisory_xact_lock_shared(" LOCK("trimming") "))"},
    [BB_WRITE_HOLD] = {"hold the outboxes", "SELECT pg_try_advisory_lock(" LOCK("held") ")"},
    [BB_WRITE_HOLD_WAIT] = {"wait for who trims", "SELECT pg_advisory_lock(" LOCK("trimming") ")"},
};

static const struct bb_postgres_statement reads[BB_READ_COUNT] = {
    [BB_READ_BEGIN] = {"begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
    [BB_READ_END] = {"end", "COMMIT"},
    [BB_READ_POSITION] = {"read a position", "SELECT epoch, log_offset, log_inner FROM claim"
                                             " WHERE partition = $1::int"},
    [BB_READ_BLOCK] = {"read a block",
                       "SELECT packed FROM block WHERE partition = $1::int AND"
                       " lane = $2::smallint AND span = $3::int AND channel = $4::bigint"},
    [BB_READ_BLOCKS] = {"read blocks",
                        "SELECT k.lane, k.span, k.channel, b.packed FROM unnest($2::smallint[],"
                        " $3::int[], $4::bigint[]) AS k (lane, span, channel) CROSS JOIN LATERAL"
                        " (SELECT packed FROM block b WHERE b.partition = $1::int AND"
                        " b.lane = k.lane AND b.span = k.span AND b.channel = k.channel"
                        " OFFSET 0) AS b"},
    [BB_READ_BLOCK_SCAN] = {"scan a lane",
                            "SELECT span, channel, packed FROM block WHERE partition = $1::int AND"
                            " lane = $2::smallint AND (span, channel) >= ($3::int, $4::bigint)"
                            " AND span <= $5::int ORDER BY span, channel LIMIT $6::int"},
    [BB_READ_NAME] = {"read a name", "SELECT value FROM name WHERE partition = $1::int AND"
                                     " kind = $2::smallint AND name = $3::bytea"},
    [BB_READ_NAMES] = {"read names",
                       "SELECT k.kind, k.name, n.value FROM unnest($2::smallint[], $3::bytea[])"
                       " AS k (kind, name) CROSS JOIN LATERAL (SELECT value FROM name n WHERE"
                       " n.partition = $1::int AND n.kind = k.kind AND n.name = k.name"
                       " OFFSET 0) AS n"},
    [BB_READ_NAME_SCAN] = {"scan names",
                           "SELECT name, value FROM name WHERE partition = $1::int AND"
                           " kind = $2::smallint AND name >= $3::bytea ORDER BY name"
                           " LIMIT $4::int"},
    [BB_READ_OUTBOX] = {"read the outbox",
                        "SELECT sequence, record FROM outbox WHERE partition = $1::int AND"
                        " sequence > $2::bigint ORDER BY sequence LIMIT $3::int"},
    [BB_READ_SIZE] = {"measure the store",
                      "SELECT sum(s.used)::bigint / p.count, sum(s.total)::bigint / p.count"
                      " FROM (SELECT pg_relation_size(oid) + pg_indexes_size(oid)"
                      "  + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) AS used,"
                      "  pg_total_relation_size(oid) AS total FROM pg_class WHERE oid IN"
                      "  ('block'::regclass, 'name'::regclass, 'outbox'::regclass)) AS s,"
                      " (SELECT greatest(1, count(*)) AS count FROM claim) AS p GROUP BY p.count"},
};

const char bb_store_postgres_copy_new[] = "COPY block (partition, " COLUMNS
                                          ") FROM STDIN (FORMAT binary)";
const char bb_store_postgres_copy_others[] = "COPY block_new FROM STDIN (FORMAT binary)";

static const char writer_session[] = BB_POSTGRES_BY_INDEX
    "CREATE TEMPORARY TABLE block_new (" COLUMNS_TYPED ") ON COMMIT DELETE ROWS;"
    "ALTER TABLE block_new ALTER packed SET STORAGE EXTERNAL";
static const char reader_session[] = BB_POSTGRES_BY_INDEX;

/* ---- claims */

static int fail_no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the store");
}

static int take_writer(struct bb_store *base, uint32_t partition, struct bb_postgres **out,
                       struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;

    BB_ASSERT(partition < base->partitions);
    if (store->read_only)
        return BB_FAIL(error, BB_E_NO_PERMISSION,
                       "the store in schema %s was opened for reading only",
                       store->readers.options.schema);
    return bb_postgres_pool_take(&store->writers, out, error);
}

static int claim_once(struct bb_postgres *pg, uint32_t partition, uint64_t log_identity,
                      struct bb_claim *out, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *result = NULL;

    bb_postgres_put_int32(&p, (int32_t)partition);
    bb_postgres_put_int64(&p, (int64_t)log_identity);
    int failed = bb_postgres_ready(pg, error);
    if (failed == 0)
        failed = bb_postgres_call(pg, BB_WRITE_CLAIM, &p, &result, error);
    if (failed != 0)
        return failed;
    if (PQntuples(result) > 0)
        *out = (struct bb_claim){.epoch = (uint64_t)bb_postgres_number(result, 0, 0),
                                 .position = {(uint64_t)bb_postgres_number(result, 0, 1),
                                              (uint64_t)bb_postgres_number(result, 0, 2)}};
    else
        failed = BB_FAIL(error, BB_E_LOG_IDENTITY,
                         "the positions of partition %u in schema %s were made with another log "
                         "than %016llx",
                         partition, pg->options.schema, (unsigned long long)log_identity);
    PQclear(result);
    return failed;
}

/* The server process that holds the partition and waits for its client; 0: none such. */
static int stopped_holder(struct bb_postgres *pg, const struct bb_postgres_parameters *partition,
                          int32_t *pid, struct bb_error *error) {
    PGresult *result;
    int failed = bb_postgres_call(pg, BB_WRITE_HOLDER, partition, &result, error);

    *pid = 0;
    if (failed != 0)
        return failed;
    if (PQntuples(result) > 0 && bb_postgres_number(result, 0, 1))
        *pid = (int32_t)bb_postgres_number(result, 0, 0);
    PQclear(result);
    return 0;
}

static int take_over(struct bb_postgres *pg, uint32_t partition, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0}, holder = {.count = 0};
    int32_t pid;

    bb_postgres_put_int32(&p, (int32_t)partition);
    int failed = stopped_holder(pg, &p, &pid, error);
    if (failed != 0 || pid == 0)
        return failed;
    bb_postgres_put_int32(&holder, pid);
    return bb_postgres_call(pg, BB_WRITE_END_HOLDER, &holder, NULL, error);
}

static int postgres_claim(struct bb_store *base, uint32_t partition, uint64_t log_identity,
                          struct bb_claim *out, struct bb_error *error) {
    const int64_t until_ns = bb_monotonic_ns() + CLAIM_PATIENCE_MS * INT64_C(1000000);
    struct bb_postgres *pg = NULL;
    int result = take_writer(base, partition, &pg, error);

    if (result != 0)
        return result;
    result = claim_once(pg, partition, log_identity, out, error);
    if (result == -BB_E_DATABASE_LOST) /* perhaps while it was idle; to claim twice harms nobody */
        result = claim_once(pg, partition, log_identity, out, error);
    while (result < 0 && strcmp(pg->state, "55P03") == 0 && bb_monotonic_ns() < until_ns) {
        result = take_over(pg, partition, error);
        if (result == 0)
            result = claim_once(pg, partition, log_identity, out, error);
    }
    bb_postgres_pool_give(&((struct postgres_store *)base)->writers, pg);
    return result;
}

/* ---- the outbox */

static int postgres_outbox_trim(struct bb_store *base, uint32_t partition, uint64_t upto,
                                struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    struct bb_postgres *pg = NULL;
    int result = take_writer(base, partition, &pg, error);

    if (result != 0)
        return result;
    bb_postgres_put_int32(&p, (int32_t)partition);
    bb_postgres_put_int64(&p, upto > INT64_MAX ? INT64_MAX : (int64_t)upto);
    result = -BB_E_DATABASE_LOST;
    for (int attempt = 0; result == -BB_E_DATABASE_LOST && attempt < 2; attempt++) {
        result = bb_postgres_ready(pg, error);
        if (result == 0)
            result = bb_postgres_call(pg, BB_WRITE_TRIM, &p, NULL, error);
    }
    bb_postgres_pool_give(&((struct postgres_store *)base)->writers, pg);
    return result;
}

/* Both locks end with the connection, and it with the process. */
struct bb_store_hold {
    struct postgres_store *store;
    struct bb_postgres *postgres;
};

static int hold_with(struct bb_postgres *pg, struct bb_error *error) {
    PGresult *result = NULL;
    int failed = bb_postgres_ready(pg, error);

    if (failed == 0)
        failed = bb_postgres_call(pg, BB_WRITE_HOLD, NULL, &result, error);
    if (failed != 0)
        return failed;
    if (bb_postgres_number(result, 0, 0) == 0) {
        failed = BB_FAIL(error, BB_E_LOCKED, "the outboxes are held already");
        error->retriable = true;
    }
    PQclear(result);
    return failed ? failed : bb_postgres_call(pg, BB_WRITE_HOLD_WAIT, NULL, NULL, error);
}

/* A server notices that a connection is closed only after a while: locks are given back before. */
static void hold_end(struct bb_store_hold *hold) {
    struct bb_error ignored;

    if (hold->postgres && !bb_postgres_is_lost(hold->postgres) &&
        bb_postgres_execute(hold->postgres, "SELECT pg_advisory_unlock_all()", NULL, &ignored) != 0)
        bb_postgres_drop(hold->postgres);
    bb_postgres_pool_give(&hold->store->writers, hold->postgres);
    free(hold);
}

static int postgres_outbox_hold(struct bb_store *base, struct bb_store_hold **out,
                                struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;
    struct bb_store_hold *hold = calloc(1, sizeof *hold);

    *out = NULL;
    if (!hold)
        return fail_no_memory(error);
    hold->store = store;
    int result = take_writer(base, 0, &hold->postgres, error);
    if (result == 0) {
        result = hold_with(hold->postgres, error);
        if (result == -BB_E_DATABASE_LOST)
            result = hold_with(hold->postgres, error);
    }
    if (result != 0) {
        hold_end(hold);
        return result;
    }
    *out = hold;
    return 0;
}

static void postgres_outbox_release(struct bb_store_hold *hold) {
    if (hold)
        hold_end(hold);
}

/* ---- copies and size */

/* pg_dump and base backups are the server's own: docs/postgres.md says how. */
static int postgres_copy(struct bb_store *base, uint32_t partition, const char *folder,
                         struct bb_error *error) {
    (void)base;
    (void)partition;
    (void)folder;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

/* Partitions share tables: each is taken to have its share of them. */
static int postgres_size(struct bb_store *base, uint32_t partition, uint64_t *used_bytes,
                         uint64_t *file_bytes, struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;
    struct bb_postgres *pg = NULL;
    PGresult *result = NULL;

    (void)partition;
    *used_bytes = *file_bytes = 0;
    int failed = bb_postgres_pool_take(&store->readers, &pg, error);
    if (failed != 0)
        return failed;
    failed = -BB_E_DATABASE_LOST;
    for (int attempt = 0; failed == -BB_E_DATABASE_LOST && attempt < 2; attempt++) {
        failed = bb_postgres_ready(pg, error);
        if (failed == 0)
            failed = bb_postgres_call(pg, BB_READ_SIZE, NULL, &result, error);
    }
    if (failed == 0) {
        *used_bytes = (uint64_t)bb_postgres_number(result, 0, 0);
        *file_bytes = (uint64_t)bb_postgres_number(result, 0, 1);
    }
    PQclear(result);
    bb_postgres_pool_give(&store->readers, pg);
    return failed;
}

/* ---- opening */

static int postgres_commit(struct bb_store *base, uint32_t partition,
                           const struct bb_commit *commit, struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;

    if (store->read_only)
        return BB_FAIL(error, BB_E_NO_PERMISSION,
                       "the store in schema %s was opened for reading only",
                       store->readers.options.schema);
    return bb_store_postgres_commit(base, partition, commit, error);
}

static void postgres_close(struct bb_store *base) {
    struct postgres_store *store = (struct postgres_store *)base;

    if (!store)
        return;
    bb_postgres_pool_release(&store->writers);
    bb_postgres_pool_release(&store->readers);
    free(store);
}

static const struct bb_store_ops postgres_ops = {
    .name = "postgres",
    .close = postgres_close,
    .claim = postgres_claim,
    .commit = postgres_commit,
    .view_begin = bb_store_postgres_view_begin,
    .view_end = bb_store_postgres_view_end,
    .position = bb_store_postgres_position,
    .block_get = bb_store_postgres_block_get,
    .expect = bb_store_postgres_expect,
    .block_scan = bb_store_postgres_block_scan,
    .name_get = bb_store_postgres_name_get,
    .name_scan = bb_store_postgres_name_scan,
    .outbox_scan = bb_store_postgres_outbox_scan,
    .outbox_trim = postgres_outbox_trim,
    .outbox_hold = postgres_outbox_hold,
    .outbox_release = postgres_outbox_release,
    .copy = postgres_copy,
    .size = postgres_size,
};

static bool options_take(struct bb_postgres_options *to,
                         const struct bb_store_postgres_options *from) {
    to->conninfo = strdup(from->conninfo ? from->conninfo : "");
    to->schema = strdup(from->schema && *from->schema ? from->schema : "busbar");
    return to->conninfo && to->schema;
}

/* Of the first one who writes; whoever comes later is told. */
static int partitions_settle(struct postgres_store *store, struct bb_postgres *pg,
                             uint32_t partitions, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *result = NULL;
    int failed = 0;

    bb_postgres_put_int32(&p, (int32_t)(partitions ? partitions : PARTITIONS_DEFAULT));
    if (!store->read_only)
        failed = bb_postgres_ask(
            pg, "INSERT INTO store (partitions) VALUES ($1::int) ON CONFLICT DO NOTHING", &p, NULL,
            error);
    if (failed == 0)
        failed = bb_postgres_ask(pg, "SELECT partitions FROM store", NULL, &result, error);
    if (failed == 0 && PQntuples(result) > 0)
        store->base.partitions = (uint32_t)bb_postgres_number(result, 0, 0);
    else if (failed == 0)
        failed = BB_FAIL(error, BB_E_DATA_MISSING, "there is no store in schema %s",
                         pg->options.schema);
    PQclear(result);
    return failed;
}

static int tables_make(struct postgres_store *store, const struct bb_store_postgres_options *o,
                       struct bb_error *error) {
    struct bb_postgres_options options = {.conninfo = o->conninfo,
                                          .schema = o->schema,
                                          .purpose = "store",
                                          .read_only = o->read_only,
                                          .lock_timeout_ms = 60000};
    struct bb_postgres *pg = NULL;
    int result = bb_postgres_open(&options, &pg, error);

    if (result != 0)
        return result;
    result = bb_postgres_migrate(pg, "store", bb_store_postgres_steps, BB_STORE_POSTGRES_FORMAT,
                                 error);
    if (result == 0)
        result = partitions_settle(store, pg, o->partitions, error);
    bb_postgres_close(pg);
    return result;
}

int bb_store_postgres_open(const struct bb_store_postgres_options *options, struct bb_store **out,
                           struct bb_error *error) {
    struct postgres_store *store = calloc(1, sizeof *store);

    if (!store)
        return fail_no_memory(error);
    store->base.ops = &postgres_ops;
    store->read_only = options->read_only;
    store->takeover_ms = options->takeover_ms > 0 ? options->takeover_ms : TAKEOVER_DEFAULT_MS;
    bb_postgres_pool_init(&store->writers);
    bb_postgres_pool_init(&store->readers);
    store->writers.options = (struct bb_postgres_options){.purpose = "store",
                                                          .lock_timeout_ms = store->takeover_ms,
                                                          .session = writer_session,
                                                          .statements = writes,
                                                          .statement_count = BB_WRITE_COUNT};
    store->readers.options = (struct bb_postgres_options){.purpose = "store reader",
                                                          .read_only = true,
                                                          .idle_timeout_ms = VIEW_IDLE_MS,
                                                          .session = reader_session,
                                                          .statements = reads,
                                                          .statement_count = BB_READ_COUNT};
    int result = options_take(&store->writers.options, options) &&
                         options_take(&store->readers.options, options)
                     ? tables_make(store, options, error)
                     : fail_no_memory(error);
    if (result != 0) {
        postgres_close(&store->base);
        return result;
    }
    *out = &store->base;
    return 0;
}
