/* What is read: see store_postgres_internal.h.
 *
 * A view is a transaction (REPEATABLE READ, READ ONLY) on a connection of its own; its snapshot is that of the question
 * for the position, with which it begins. What was got is kept until it ends, so what is asked for twice is answered
 * here; so is what was expected. Scans read page after page by key (no cursor: visitors may ask meanwhile), and what a visitor
 * is given lasts until it returns.
 */
#include <stdlib.h>

#include "adapter/store_postgres_internal.h"

enum {
    PAGE_ROWS = 256,
    EXPECT_KEYS = 2048,           /* in one question */
    KEYS_KEPT = 1 << 15,          /* when a hint moves on */
    ARENA_CHUNK_BYTES = 64 << 10, /* a view is often a single block */
};
#define ARENA_BYTES ((size_t)1 << 30)
#define EXPECT_BYTES                                                                               \
    ((size_t)512 << 20) /* beyond, hints are not followed: each is asked for when it is needed */

struct bb_store_view {
    struct postgres_store *store;
    struct bb_postgres *postgres;
    uint32_t partition;
    struct bb_claim claim;
    struct bb_arena arena;
    struct bb_store_blocks blocks;
    struct bb_store_names names;
};

static int fail_no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read from the store");
}

/* ---- begin and end */

static int begin_once(struct bb_store_view *view, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *results[2];

    int result = bb_postgres_ready(view->postgres, error);
    if (result == 0)
        result = bb_postgres_begin_round(view->postgres, error);
    if (result != 0)
        return result;
    bb_postgres_put_int32(&p, (int32_t)view->partition);
    result = bb_postgres_queue(view->postgres, BB_READ_BEGIN, NULL, error);
    if (result == 0)
        result = bb_postgres_queue(view->postgres, BB_READ_POSITION, &p, error);
    int ended = bb_postgres_end_round(view->postgres, results, 2, error);
    result = result ? result : ended;
    if (result == 0 && PQntuples(results[1]) > 0)
        view->claim = (struct bb_claim){
            .epoch = (uint64_t)bb_postgres_number(results[1], 0, 0),
            .position = {.offset = (uint64_t)bb_postgres_number(results[1], 0, 1),
                         .inner = (uint64_t)bb_postgres_number(results[1], 0, 2)}};
    PQclear(results[0]);
    PQclear(results[1]);
    return result;
}

int bb_store_postgres_view_begin(struct bb_store *base, uint32_t partition,
                                 struct bb_store_view **out, struct bb_error *error) {
    struct postgres_store *store = (struct postgres_store *)base;
    struct bb_store_view *view = calloc(1, sizeof *view);

    BB_ASSERT(partition < base->partitions);
    if (!view)
        return fail_no_memory(error);
    view->store = store;
    view->partition = partition;
    bb_arena_init(&view->arena, ARENA_CHUNK_BYTES, ARENA_BYTES);
    view->blocks.arena = view->names.arena = &view->arena;
    int result = bb_postgres_pool_take(&store->readers, &view->postgres, error);
    if (result == 0) {
        result = begin_once(view, error);
        /* The connection may have been lost while it was idle. */
        if (result == -BB_E_DATABASE_LOST && bb_postgres_is_lost(view->postgres))
            result = begin_once(view, error);
    }
    if (result != 0) {
        bb_store_postgres_view_end(view);
        return result;
    }
    *out = view;
    return 0;
}

void bb_store_postgres_view_end(struct bb_store_view *view) {
    if (!view)
        return;
    if (view->postgres)
        bb_postgres_rollback(view->postgres);
    bb_postgres_pool_give(&view->store->readers, view->postgres);
    bb_store_blocks_release(&view->blocks);
    bb_store_names_release(&view->names);
    bb_arena_release(&view->arena);
    free(view);
}

int bb_store_postgres_position(struct bb_store_view *view, struct bb_claim *out,
                               struct bb_error *error) {
    (void)error;
    *out = view->claim;
    return 0;
}

/* ---- one at a time */

static int answer_block(const struct bb_store_block_slot *slot, struct bb_span *packed) {
    if (slot->state == BB_STORE_BLOCK_ABSENT)
        return BB_ABSENT;
    *packed = (struct bb_span){slot->data, slot->size};
    return BB_FOUND;
}

static int answer_name(const struct bb_store_name_slot *slot, struct bb_span *value) {
    if (!slot->found)
        return BB_ABSENT;
    *value = slot->value;
    return BB_FOUND;
}

/* What the store has, kept. NULL without memory. */
static const struct bb_store_block_slot *keep_block(struct bb_store_view *view,
                                                    const struct bb_block_key *key,
                                                    const PGresult *result) {
    bool is_new;
    struct bb_store_block_slot *slot = bb_store_blocks_note(&view->blocks, key, &is_new);

    if (!slot || PQntuples(result) == 0 ||
        bb_store_blocks_fill(&view->blocks, slot, bb_postgres_span(result, 0, 0)))
        return slot;
    bb_store_blocks_forget(&view->blocks); /* it is not absent */
    return NULL;
}

int bb_store_postgres_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                                struct bb_span *packed, struct bb_error *error) {
    const struct bb_store_block_slot *slot = bb_store_blocks_find(&view->blocks, key);
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *result;

    BB_ASSERT(key->lane < BB_LANE_COUNT);
    if (slot)
        return answer_block(slot, packed);
    bb_postgres_put_int32(&p, (int32_t)view->partition);
    bb_postgres_put_int16(&p, key->lane);
    bb_postgres_put_int32(&p, key->span);
    bb_postgres_put_int64(&p, key->channel);
    int failed = bb_postgres_call(view->postgres, BB_READ_BLOCK, &p, &result, error);
    if (failed != 0)
        return failed;
    slot = keep_block(view, key, result);
    PQclear(result);
    return slot ? answer_block(slot, packed) : fail_no_memory(error);
}

static bool may_be_a_name(struct bb_span name) {
    return name.size > 0 && name.size <= BB_NAME_KEY_MAX;
}

int bb_store_postgres_name_get(struct bb_store_view *view, enum bb_name_kind kind,
                               struct bb_span name, struct bb_span *value, struct bb_error *error) {
    char bytes[BB_STORE_NAME_MAX];
    struct bb_postgres_parameters p = {.count = 0};

    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    if (!may_be_a_name(name))
        return BB_ABSENT;
    struct bb_span key = bb_store_name_key(kind, name, bytes);
    const struct bb_store_name_slot *slot = bb_store_names_find(&view->names, key);
    if (slot)
        return answer_name(slot, value);
    bb_postgres_put_int32(&p, (int32_t)view->partition);
    bb_postgres_put_int16(&p, (int16_t)kind);
    bb_postgres_put_span(&p, name);
    PGresult *result;
    int failed = bb_postgres_call(view->postgres, BB_READ_NAME, &p, &result, error);
    if (failed != 0)
        return failed;
    const bool is_there = PQntuples(result) > 0;
    const struct bb_span found = is_there ? bb_postgres_span(result, 0, 0) : BB_SPAN("");
    slot = bb_store_names_put(&view->names, key, is_there ? &found : NULL);
    PQclear(result);
    return slot ? answer_name(slot, value) : fail_no_memory(error);
}

/* ---- what is expected: one question for many keys */

/* The keys of one question as arrays. */
struct question {
    struct bb_buffer columns[3];
    size_t count;
};

static void question_init(struct question *q) {
    for (int i = 0; i < 3; i++)
        bb_buffer_init(&q->columns[i], (size_t)EXPECT_KEYS * (BB_NAME_KEY_MAX + 8));
    q->count = 0;
}

static void question_release(struct question *q) {
    for (int i = 0; i < 3; i++)
        bb_buffer_release(&q->columns[i]);
}

static int ask(struct bb_store_view *view, enum bb_store_read statement, struct question *q,
               int columns, PGresult **result, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};

    for (int i = 0; i < columns; i++)
        if (q->columns[i].overflow)
            return fail_no_memory(error);
    bb_postgres_put_int32(&p, (int32_t)view->partition);
    for (int i = 0; i < columns; i++)
        bb_postgres_put_span(&p, bb_buffer_span(&q->columns[i]));
    return bb_postgres_call(view->postgres, statement, &p, result, error);
}

static void put_block_keys(struct question *q, const struct bb_block_key *const *chosen) {
    static const enum bb_postgres_type types[] = {BB_POSTGRES_INT2, BB_POSTGRES_INT4,
                                                  BB_POSTGRES_INT8};

    for (int i = 0; i < 3; i++) {
        bb_buffer_clear(&q->columns[i]);
        bb_postgres_array(&q->columns[i], types[i], false, q->count);
    }
    for (size_t i = 0; i < q->count; i++) {
        BB_ASSERT(chosen[i]);
        bb_postgres_field_int16(&q->columns[0], chosen[i]->lane);
        bb_postgres_field_int32(&q->columns[1], chosen[i]->span);
        bb_postgres_field_int64(&q->columns[2], chosen[i]->channel);
    }
}

/* Keys that are not known yet, from `at` on, are asked for, and absent until the answer; *next is behind the last one that was
 * looked at. False without memory. */
static bool choose_blocks(struct bb_store_view *view, const struct bb_block_key *blocks, size_t at,
                          size_t count, struct question *q, size_t *next) {
    const struct bb_block_key *chosen[EXPECT_KEYS] = {NULL};
    bool room = true;

    for (q->count = 0; at < count && q->count < EXPECT_KEYS; at++) {
        bool is_new = false;
        room = room && bb_store_blocks_note(&view->blocks, &blocks[at], &is_new) != NULL;
        if (is_new)
            chosen[q->count++] = &blocks[at];
    }
    *next = at;
    put_block_keys(q, chosen);
    return room;
}

static bool keep_blocks(struct bb_store_view *view, const PGresult *result) {
    bool kept = true, is_new;

    for (int row = 0; kept && row < PQntuples(result); row++) {
        const struct bb_block_key key = {.lane = (uint8_t)bb_postgres_number(result, row, 0),
                                         .span = (int32_t)bb_postgres_number(result, row, 1),
                                         .channel = (uint32_t)bb_postgres_number(result, row, 2)};
        struct bb_store_block_slot *slot = bb_store_blocks_note(&view->blocks, &key, &is_new);
        kept = slot && bb_store_blocks_fill(&view->blocks, slot, bb_postgres_span(result, row, 3));
    }
    return kept;
}

static bool has_room(const struct bb_store_view *view) {
    return view->blocks.value_bytes + view->names.value_bytes < EXPECT_BYTES;
}

static int expect_blocks(struct bb_store_view *view, const struct bb_block_key *blocks,
                         size_t count, struct question *q, struct bb_error *error) {
    int failed = 0;

    for (size_t at = 0, next; failed == 0 && at < count && has_room(view); at = next) {
        PGresult *result = NULL;
        if (!choose_blocks(view, blocks, at, count, q, &next))
            failed = fail_no_memory(error);
        else if (q->count > 0)
            failed = ask(view, BB_READ_BLOCKS, q, 3, &result, error);
        if (failed == 0 && !keep_blocks(view, result))
            failed = fail_no_memory(error);
        PQclear(result);
    }
    if (failed != 0) /* what was asked for is not known */
        bb_store_blocks_forget(&view->blocks);
    return failed;
}

static void choose_names(const struct bb_store_view *view, const struct bb_name_key *names,
                         size_t at, size_t count, struct question *q, size_t *next) {
    char bytes[BB_STORE_NAME_MAX];
    const struct bb_name_key *chosen[EXPECT_KEYS] = {NULL};

    q->count = 0;
    for (; at < count && q->count < EXPECT_KEYS; at++)
        if (may_be_a_name(names[at].name) &&
            !bb_store_names_find(&view->names,
                                 bb_store_name_key(names[at].kind, names[at].name, bytes)))
            chosen[q->count++] = &names[at];
    *next = at;
    bb_buffer_clear(&q->columns[0]);
    bb_buffer_clear(&q->columns[1]);
    bb_postgres_array(&q->columns[0], BB_POSTGRES_INT2, false, q->count);
    bb_postgres_array(&q->columns[1], BB_POSTGRES_BYTEA, false, q->count);
    for (size_t i = 0; i < q->count; i++) {
        BB_ASSERT(chosen[i]);
        bb_postgres_field_int16(&q->columns[0], (int16_t)chosen[i]->kind);
        bb_postgres_field_span(&q->columns[1], chosen[i]->name);
    }
}

static bool keep_names(struct bb_store_view *view, const PGresult *result,
                       const struct bb_name_key *asked, size_t count) {
    char bytes[BB_STORE_NAME_MAX];
    bool kept = true;

    for (int row = 0; kept && row < PQntuples(result); row++) {
        enum bb_name_kind kind = (enum bb_name_kind)bb_postgres_number(result, row, 0);
        struct bb_span value = bb_postgres_span(result, row, 2);
        kept = bb_store_names_put(
            &view->names, bb_store_name_key(kind, bb_postgres_span(result, row, 1), bytes), &value);
    }
    for (size_t i = 0; kept && i < count; i++)
        if (may_be_a_name(asked[i].name))
            kept = bb_store_names_put(&view->names,
                                      bb_store_name_key(asked[i].kind, asked[i].name, bytes), NULL);
    return kept;
}

static int expect_names(struct bb_store_view *view, const struct bb_name_key *names, size_t count,
                        struct question *q, struct bb_error *error) {
    int failed = 0;

    for (size_t at = 0, next; failed == 0 && at < count && has_room(view); at = next) {
        PGresult *result = NULL;
        choose_names(view, names, at, count, q, &next);
        if (q->count == 0)
            continue;
        failed = ask(view, BB_READ_NAMES, q, 2, &result, error);
        if (failed == 0 && !keep_names(view, result, names + at, next - at))
            failed = fail_no_memory(error);
        PQclear(result);
    }
    return failed;
}

int bb_store_postgres_expect(struct bb_store_view *view, const struct bb_store_hint *hint,
                             struct bb_error *error) {
    struct question q;

    /* Tables that are small are found in the processor's caches. */
    if (hint->moves_on && view->blocks.count > KEYS_KEPT)
        bb_store_blocks_forget(&view->blocks);
    if (hint->moves_on && view->names.count > KEYS_KEPT)
        bb_store_names_forget(&view->names);
    question_init(&q);
    int result = expect_blocks(view, hint->blocks, hint->block_count, &q, error);
    if (result == 0)
        result = expect_names(view, hint->names, hint->name_count, &q, error);
    question_release(&q);
    return result;
}

/* ---- scans */

int bb_store_postgres_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first,
                                 int32_t last, bb_block_visit *visit, void *context,
                                 struct bb_error *error) {
    struct bb_block_key next = {.span = first, .lane = lane};
    int64_t channel = 0; /* one beyond a uint32_t may be where the next page begins */
    int stop = 0, rows = PAGE_ROWS;

    BB_ASSERT(lane < BB_LANE_COUNT);
    while (stop == 0 && rows == PAGE_ROWS) {
        struct bb_postgres_parameters p = {.count = 0};
        PGresult *result;
        bb_postgres_put_int32(&p, (int32_t)view->partition);
        bb_postgres_put_int16(&p, lane);
        bb_postgres_put_int32(&p, next.span);
        bb_postgres_put_int64(&p, channel);
        bb_postgres_put_int32(&p, last);
        bb_postgres_put_int32(&p, PAGE_ROWS);
        stop = bb_postgres_call(view->postgres, BB_READ_BLOCK_SCAN, &p, &result, error);
        if (stop != 0)
            break;
        rows = PQntuples(result);
        for (int row = 0; stop == 0 && row < rows; row++) {
            next.span = (int32_t)bb_postgres_number(result, row, 0);
            next.channel = (uint32_t)bb_postgres_number(result, row, 1);
            channel = (int64_t)next.channel + 1;
            stop = visit(context, &next, bb_postgres_span(result, row, 2));
        }
        PQclear(result);
    }
    return stop < 0 ? stop : 0;
}

int bb_store_postgres_name_scan(struct bb_store_view *view, enum bb_name_kind kind,
                                struct bb_span prefix, bb_name_visit *visit, void *context,
                                struct bb_error *error) {
    char bytes[BB_NAME_KEY_MAX + 1];
    struct bb_span from = prefix;
    int stop = 0, rows = PAGE_ROWS;

    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    while (stop == 0 && rows == PAGE_ROWS) {
        struct bb_postgres_parameters p = {.count = 0};
        PGresult *result;
        bb_postgres_put_int32(&p, (int32_t)view->partition);
        bb_postgres_put_int16(&p, (int16_t)kind);
        bb_postgres_put_span(&p, from);
        bb_postgres_put_int32(&p, PAGE_ROWS);
        stop = bb_postgres_call(view->postgres, BB_READ_NAME_SCAN, &p, &result, error);
        if (stop != 0)
            break;
        rows = PQntuples(result);
        for (int row = 0; stop == 0 && row < rows; row++) {
            struct bb_span name = bb_postgres_span(result, row, 0);
            stop = bb_span_starts_with(name, prefix)
                       ? visit(context, name, bb_postgres_span(result, row, 1))
                       : 1;
        }
        if (rows > 0) { /* the next one: the last one and a NUL */
            struct bb_span name = bb_postgres_span(result, rows - 1, 0);
            BB_ASSERT(name.size <= BB_NAME_KEY_MAX);
            memcpy(bytes, name.data, name.size);
            bytes[name.size] = '\0';
            from = (struct bb_span){bytes, name.size + 1};
        }
        PQclear(result);
    }
    return stop < 0 ? stop : 0;
}

int bb_store_postgres_outbox_scan(struct bb_store_view *view, uint64_t after,
                                  bb_outbox_visit *visit, void *context, struct bb_error *error) {
    int stop = 0, rows = PAGE_ROWS;

    while (stop == 0 && rows == PAGE_ROWS && after < INT64_MAX) {
        struct bb_postgres_parameters p = {.count = 0};
        PGresult *result;
        bb_postgres_put_int32(&p, (int32_t)view->partition);
        bb_postgres_put_int64(&p, (int64_t)after);
        bb_postgres_put_int32(&p, PAGE_ROWS);
        stop = bb_postgres_call(view->postgres, BB_READ_OUTBOX, &p, &result, error);
        if (stop != 0)
            break;
        rows = PQntuples(result);
        for (int row = 0; stop == 0 && row < rows; row++) {
            after = (uint64_t)bb_postgres_number(result, row, 0);
            stop = visit(context, after, bb_postgres_span(result, row, 1));
        }
        PQclear(result);
    }
    return stop < 0 ? stop : 0;
}
