/* A commit as one transaction: see store_postgres_internal.h.
 *
 *   few blocks    BEGIN, compare and swap, each block, names, outbox, COMMIT       one round trip
 *   many blocks   BEGIN, compare and swap, names, outbox                           one round trip
 *                 COPY blocks that are new into the table block                    two, if there are any
 *                 COPY the others into the temporary table block_new               two, likewise
 *                 INSERT ... SELECT ... ON CONFLICT, DELETE, COMMIT                 one
 *
 * A block that is there though it was called new is a unique violation: then all are taken for others, once more.
 *
 * A compare that finds another epoch or position fails the statement (SQLSTATE BB001, BB002), and with it all that is
 * on its way behind it. When the connection is lost nobody knows whether COMMIT was heard: the row of `claim`
 * does, once the transaction before has let go of it. What was not applied is tried again; so is what the server
 * took back (a deadlock, a serialization failure).
 */
#include "adapter/store_postgres_internal.h"

#include "adapter/store_shared_internal.h"

enum {
    FEW_BLOCKS = 200,
    ATTEMPTS = 4,
    COPY_BYTES = 1 << 20,       /* rows are sent when there are so many bytes of them */
    STATEMENT_ROWS = 4096,      /* names or records in one statement, */
    STATEMENT_BYTES = 4 << 20,  /* which ends when it is longer */
    UNPACKED_BYTES = 256 << 20, /* a block's columns */
};
#define ROW_BYTES ((size_t)1 << 30) /* PostgreSQL takes no longer value */

struct committing {
    struct bb_postgres *postgres;
    uint32_t partition;
    const struct bb_commit *commit;
    bool trusts; /* what is said to be new is not looked for */
    struct bb_arena scratch;
    struct bb_buffer rows;
    struct bb_buffer columns[4]; /* arrays of a statement */
};

static int fail_no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to commit");
}

/* ---- blocks, one by one */

/* The fields of a row as parameters. */
static void put_fields(struct bb_postgres_parameters *p, struct bb_span fields) {
    while (fields.size > 0) {
        uint32_t big;
        memcpy(&big, fields.data, sizeof big);
        int32_t size = (int32_t)__builtin_bswap32(big);
        fields = (struct bb_span){fields.data + sizeof big, fields.size - sizeof big};
        if (size < 0) {
            bb_postgres_put_null(p);
            continue;
        }
        bb_postgres_put(p, fields.data, (size_t)size);
        fields = (struct bb_span){fields.data + size, fields.size - (size_t)size};
    }
}

static int queue_block(struct committing *c, const struct bb_block_change *change,
                       struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};

    bb_postgres_put_int32(&p, (int32_t)c->partition);
    if (change->packed.size == 0) {
        bb_postgres_put_int16(&p, change->key.lane);
        bb_postgres_put_int32(&p, change->key.span);
        bb_postgres_put_int64(&p, change->key.channel);
        return bb_postgres_queue(c->postgres, BB_WRITE_BLOCK_DELETE, &p, error);
    }
    bb_buffer_clear(&c->rows);
    bb_store_postgres_row(&change->key, change->packed, &c->scratch, &c->rows);
    if (c->rows.overflow)
        return fail_no_memory(error);
    put_fields(&p, bb_buffer_span(&c->rows));
    return bb_postgres_queue(c->postgres, BB_WRITE_BLOCK, &p, error);
}

/* ---- blocks by COPY */

static bool is_inserted(const struct committing *c, const struct bb_block_change *change) {
    return c->trusts && change->is_new && change->packed.size > 0;
}

static int copy_rows(struct committing *c, bool inserted, struct bb_error *error) {
    const struct bb_commit *commit = c->commit;

    bb_buffer_clear(&c->rows);
    bb_postgres_copy_begin(&c->rows);
    for (size_t i = 0; i < commit->block_count; i++) {
        if (is_inserted(c, &commit->blocks[i]) != inserted)
            continue;
        bb_postgres_copy_row(&c->rows, BB_STORE_BLOCK_FIELDS + inserted);
        if (inserted)
            bb_postgres_field_int32(&c->rows, (int32_t)c->partition);
        bb_store_postgres_row(&commit->blocks[i].key, commit->blocks[i].packed, &c->scratch,
                              &c->rows);
        if (c->rows.overflow)
            return fail_no_memory(error);
        if (c->rows.size < COPY_BYTES)
            continue;
        int result = bb_postgres_copy_in_put(c->postgres, bb_buffer_span(&c->rows), error);
        if (result != 0)
            return result;
        bb_buffer_clear(&c->rows);
    }
    bb_postgres_copy_end(&c->rows);
    return c->rows.overflow ? fail_no_memory(error)
                            : bb_postgres_copy_in_put(c->postgres, bb_buffer_span(&c->rows), error);
}

/* Returns 1 when there were any, 0 when none, or negative. */
static int copy_blocks(struct committing *c, bool inserted, struct bb_error *error) {
    bool any = false;

    for (size_t i = 0; !any && i < c->commit->block_count; i++)
        any = is_inserted(c, &c->commit->blocks[i]) == inserted;
    if (!any)
        return 0;
    int result = bb_postgres_copy_in_begin(
        c->postgres, inserted ? bb_store_postgres_copy_new : bb_store_postgres_copy_others, error);
    if (result != 0)
        return result;
    result = bb_postgres_copy_in_end(c->postgres, copy_rows(c, inserted, error), error);
    return result ? result : 1;
}

/* ---- names, channels, outbox: columns as arrays */

static void columns_begin(struct committing *c) {
    for (int i = 0; i < 4; i++)
        bb_buffer_clear(&c->columns[i]);
}

static int queue_columns(struct committing *c, enum bb_store_write statement, int columns,
                         const enum bb_postgres_type *types, size_t rows, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    struct bb_buffer arrays[4];
    bool whole = true;

    if (rows == 0)
        return 0;
    bb_postgres_put_int32(&p, (int32_t)c->partition);
    for (int i = 0; i < columns; i++) {
        bb_buffer_init(&arrays[i], ROW_BYTES);
        bb_postgres_array(&arrays[i], types[i], false, rows);
        bb_buffer_append_span(&arrays[i], bb_buffer_span(&c->columns[i]));
        whole = whole && !arrays[i].overflow && !c->columns[i].overflow;
        bb_postgres_put_span(&p, bb_buffer_span(&arrays[i]));
    }
    int result = whole ? bb_postgres_queue(c->postgres, statement, &p, error)
                       : fail_no_memory(error);
    for (int i = 0; i < columns; i++)
        bb_buffer_release(&arrays[i]);
    return result;
}

static bool is_full(const struct committing *c, int column, size_t rows) {
    return rows == STATEMENT_ROWS || c->columns[column].size > STATEMENT_BYTES;
}

static int queue_names(struct committing *c, bool deleted, struct bb_error *error) {
    static const enum bb_postgres_type types[] = {BB_POSTGRES_INT2, BB_POSTGRES_BYTEA,
                                                  BB_POSTGRES_BYTEA};
    const enum bb_store_write statement = deleted ? BB_WRITE_NAMES_DELETE : BB_WRITE_NAMES;
    const int columns = deleted ? 2 : 3;
    size_t rows = 0;
    int result = 0;

    columns_begin(c);
    for (size_t i = 0; result == 0 && i < c->commit->name_count; i++) {
        const struct bb_name_change *change = &c->commit->names[i];
        if ((change->value.size == 0) != deleted)
            continue;
        bb_postgres_field_int16(&c->columns[0], (int16_t)change->kind);
        bb_postgres_field_span(&c->columns[1], change->name);
        if (!deleted)
            bb_postgres_field_span(&c->columns[2], change->value);
        if (!is_full(c, columns - 1, ++rows))
            continue;
        result = queue_columns(c, statement, columns, types, rows, error);
        columns_begin(c);
        rows = 0;
    }
    return result ? result : queue_columns(c, statement, columns, types, rows, error);
}

/* For people: which number is which channel. A channel is named once and never renamed. */
static int queue_channels(struct committing *c, struct bb_error *error) {
    static const enum bb_postgres_type types[] = {BB_POSTGRES_INT8, BB_POSTGRES_TEXT,
                                                  BB_POSTGRES_TEXT, BB_POSTGRES_TEXT};
    struct bb_span parts[3];
    size_t rows = 0;
    int result = 0;

    columns_begin(c);
    for (size_t i = 0; result == 0 && i < c->commit->name_count; i++) {
        const struct bb_name_change *change = &c->commit->names[i];
        uint32_t number;
        if (change->kind != BB_NAME_CHANNEL_ID || change->name.size != sizeof number ||
            !bb_store_postgres_channel_parts(change->value, parts))
            continue;
        memcpy(&number, change->name.data, sizeof number);
        bb_postgres_field_int64(&c->columns[0], __builtin_bswap32(number));
        for (int part = 0; part < 3; part++)
            bb_postgres_field_span(&c->columns[1 + part], parts[part]);
        if (!is_full(c, 2, ++rows))
            continue;
        result = queue_columns(c, BB_WRITE_CHANNELS, 4, types, rows, error);
        columns_begin(c);
        rows = 0;
    }
    return result ? result : queue_columns(c, BB_WRITE_CHANNELS, 4, types, rows, error);
}

/* Numbers count back from the row of `claim`, which this transaction holds. */
static int queue_outbox(struct committing *c, struct bb_error *error) {
    static const enum bb_postgres_type types[] = {BB_POSTGRES_INT8, BB_POSTGRES_BYTEA};
    const struct bb_commit *commit = c->commit;
    size_t rows = 0;
    int result = 0;

    columns_begin(c);
    for (size_t i = 0; result == 0 && i < commit->outbox_count; i++) {
        bb_postgres_field_int64(&c->columns[0], (int64_t)(commit->outbox_count - 1 - i));
        bb_postgres_field_span(&c->columns[1], commit->outbox[i]);
        if (!is_full(c, 1, ++rows))
            continue;
        result = queue_columns(c, BB_WRITE_OUTBOX, 2, types, rows, error);
        columns_begin(c);
        rows = 0;
    }
    return result ? result : queue_columns(c, BB_WRITE_OUTBOX, 2, types, rows, error);
}

/* ---- the transaction */

static int queue_begin(struct committing *c, struct bb_error *error) {
    const struct bb_commit *commit = c->commit;
    struct bb_postgres_parameters p = {.count = 0};

    bb_postgres_put_int32(&p, (int32_t)c->partition);
    bb_postgres_put_int64(&p, (int64_t)commit->epoch);
    bb_postgres_put_int64(&p, (int64_t)commit->from.offset);
    bb_postgres_put_int64(&p, (int64_t)commit->from.inner);
    bb_postgres_put_int64(&p, (int64_t)commit->to.offset);
    bb_postgres_put_int64(&p, (int64_t)commit->to.inner);
    bb_postgres_put_int64(&p, (int64_t)commit->outbox_count);
    int result = bb_postgres_queue(c->postgres, BB_WRITE_BEGIN, NULL, error);
    if (result == 0)
        result = bb_postgres_queue(c->postgres, BB_WRITE_COMMIT_BEGIN, &p, error);
    if (result == 0)
        result = queue_names(c, false, error);
    if (result == 0)
        result = queue_names(c, true, error);
    if (result == 0)
        result = queue_channels(c, error);
    return result ? result : queue_outbox(c, error);
}

static int round_end(struct committing *c, int result, struct bb_error *error) {
    struct bb_error ignored;
    int ended = bb_postgres_end_round(c->postgres, NULL, 0, result ? &ignored : error);

    return result ? result : ended;
}

static int transact_few(struct committing *c, struct bb_error *error) {
    int result = bb_postgres_begin_round(c->postgres, error);

    if (result != 0)
        return result;
    result = queue_begin(c, error);
    for (size_t i = 0; result == 0 && i < c->commit->block_count; i++)
        result = queue_block(c, &c->commit->blocks[i], error);
    if (result == 0)
        result = bb_postgres_queue(c->postgres, BB_WRITE_COMMIT, NULL, error);
    return round_end(c, result, error);
}

static int transact_many(struct committing *c, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    int others = 0;
    int result = bb_postgres_begin_round(c->postgres, error);

    if (result != 0)
        return result;
    result = round_end(c, queue_begin(c, error), error);
    if (result == 0)
        result = copy_blocks(c, true, error);
    if (result >= 0)
        result = others = copy_blocks(c, false, error);
    if (result >= 0)
        result = bb_postgres_begin_round(c->postgres, error);
    if (result != 0)
        return result;
    bb_postgres_put_int32(&p, (int32_t)c->partition);
    if (others > 0)
        result = bb_postgres_queue(c->postgres, BB_WRITE_BLOCKS, &p, error);
    if (result == 0 && others > 0)
        result = bb_postgres_queue(c->postgres, BB_WRITE_BLOCKS_DELETE, &p, error);
    if (result == 0)
        result = bb_postgres_queue(c->postgres, BB_WRITE_COMMIT, NULL, error);
    return round_end(c, result, error);
}

/* ---- what became of it */

enum outcome { APPLIED, NOT_APPLIED, FENCED_OFF, ELSEWHERE };

/* Waits for the transaction whose answer was lost, if it still goes on: it holds the row. */
static int look_up(struct committing *c, enum outcome *outcome, struct bb_error *error) {
    const struct bb_commit *commit = c->commit;
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *row = NULL;

    bb_postgres_put_int32(&p, (int32_t)c->partition);
    int result = bb_postgres_ready(c->postgres, error);
    if (result == 0)
        result = bb_postgres_call(c->postgres, BB_WRITE_OUTCOME, &p, &row, error);
    if (result != 0)
        return result;
    struct bb_position at = {0, 0};
    uint64_t epoch = 0;
    if (PQntuples(row) > 0) {
        epoch = (uint64_t)bb_postgres_number(row, 0, 0);
        at.offset = (uint64_t)bb_postgres_number(row, 0, 1);
        at.inner = (uint64_t)bb_postgres_number(row, 0, 2);
    }
    PQclear(row);
    *outcome = epoch != commit->epoch                ? FENCED_OFF
               : bb_position_equal(at, commit->to)   ? APPLIED
               : bb_position_equal(at, commit->from) ? NOT_APPLIED
                                                     : ELSEWHERE;
    return 0;
}

static int outcome_of_lost(struct committing *c, bool *again, struct bb_error *error) {
    static const int results[] = {[APPLIED] = BB_COMMIT_DONE,
                                  [NOT_APPLIED] = BB_COMMIT_DONE,
                                  [FENCED_OFF] = BB_COMMIT_FENCED,
                                  [ELSEWHERE] = BB_COMMIT_MOVED};
    enum outcome outcome = NOT_APPLIED;
    int result = -BB_E_DATABASE_LOST;

    for (int attempt = 0; result < 0 && attempt < ATTEMPTS; attempt++) {
        result = look_up(c, &outcome, error);
        if (result < 0 && !error->retriable)
            return result;
    }
    if (result < 0)
        return result;
    *again = outcome == NOT_APPLIED;
    return results[outcome];
}

static bool was_taken_back(const struct bb_postgres *postgres) {
    return strncmp(postgres->state, "40", 2) == 0 && strcmp(postgres->state, "40003") != 0;
}

static int commit_once(struct committing *c, bool *again, struct bb_error *error) {
    int result = bb_postgres_ready(c->postgres, error);

    *again = false;
    if (result != 0)
        return result;
    result = c->commit->block_count <= FEW_BLOCKS ? transact_few(c, error)
                                                  : transact_many(c, error);
    if (result == 0)
        return BB_COMMIT_DONE;
    if (strcmp(c->postgres->state, "BB001") == 0 || strcmp(c->postgres->state, "BB002") == 0) {
        result = c->postgres->state[4] == '1' ? BB_COMMIT_FENCED : BB_COMMIT_MOVED;
        bb_postgres_rollback(c->postgres);
        return result;
    }
    if (result == -BB_E_DATABASE_LOST)
        return outcome_of_lost(c, again, error);
    bool was_there = c->trusts && strcmp(c->postgres->state, "23505") == 0;
    c->trusts = c->trusts && !was_there;
    *again = was_there || was_taken_back(c->postgres);
    bb_postgres_rollback(c->postgres);
    return result;
}

static int commit_with(struct bb_postgres *postgres, uint32_t partition,
                       const struct bb_commit *commit, struct bb_error *error) {
    struct committing c = {
        .postgres = postgres, .partition = partition, .commit = commit, .trusts = true};
    bool again = true;
    int result = 0;

    bb_arena_init(&c.scratch, 256 << 10, UNPACKED_BYTES);
    bb_buffer_init(&c.rows, ROW_BYTES);
    for (int i = 0; i < 4; i++)
        bb_buffer_init(&c.columns[i], ROW_BYTES);
    for (int attempt = 0; again && attempt < ATTEMPTS; attempt++)
        result = commit_once(&c, &again, error);
    if (again && result == 0) { /* lost each time, and not applied */
        result = BB_FAIL(error, BB_E_DATABASE_LOST, "PostgreSQL was lost in %d attempts to commit",
                         (int)ATTEMPTS);
        error->retriable = true;
    }
    for (int i = 0; i < 4; i++)
        bb_buffer_release(&c.columns[i]);
    bb_buffer_release(&c.rows);
    bb_arena_release(&c.scratch);
    return result;
}

int bb_store_postgres_commit(struct bb_store *base, uint32_t partition,
                             const struct bb_commit *commit, struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;
    struct bb_postgres *postgres = NULL;
    int result = bb_store_commit_check(commit, error);

    BB_ASSERT(partition < base->partitions);
    if (result == 0)
        result = bb_postgres_pool_take(&store->writers, &postgres, error);
    if (result != 0)
        return result;
    result = commit_with(postgres, partition, commit, error);
    bb_postgres_pool_give(&store->writers, postgres);
    return result;
}
