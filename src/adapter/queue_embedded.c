/* The queue in a SQLite file, for processes of one machine: see port/queue.h and queue_file_internal.h.
 *
 * An item is a row. To take one is to give it a lease: a number that counts up with each delivery, and an end by the clock. A
 * holder names the number, so a lease that was handed on is LOST to the one before. Nobody watches leases: whoever takes looks at
 * those that are over first, as it looks at what is ready.
 *
 * Who finds nothing sleeps until the bell rings, or until the next delay or lease is over.
 */
#include "adapter/queue_file_internal.h"

#include <stdlib.h>

enum statement {
    PUT,
    BURY, /* leases that are over, of items that have no attempt left */
    NEXT,
    NEXT_DEAD,
    LEASE,
    NEXT_MS,
    RENEW,
    ACK,
    GIVE_BACK,
    REVIVE,
    COUNTS
};

static const char *const texts[] = {
    [PUT] = "INSERT INTO queue_item (priority, body, ready_ms) VALUES (?1, ?2, ?3)",
    [BURY] = "UPDATE queue_item SET dead = 1, until_ms = NULL "
             "WHERE dead = 0 AND until_ms <= ?1 AND attempts >= ?2",
    [NEXT] = "SELECT id, priority, body, attempts + 1, lease + 1 FROM queue_item WHERE dead = 0 "
             "AND ready_ms <= ?1 AND coalesce(until_ms, 0) <= ?1 ORDER BY priority, id LIMIT 1",
    [NEXT_DEAD] = "SELECT id, priority, body, attempts, lease + 1 FROM queue_item WHERE dead = 1 "
                  "AND coalesce(until_ms, 0) <= ?1 ORDER BY id LIMIT 1",
    [LEASE] = "UPDATE queue_item SET attempts = ?2, lease = ?3, until_ms = ?4 WHERE id = ?1",
    [NEXT_MS] = "SELECT min(max(ready_ms, coalesce(until_ms, 0))) FROM queue_item WHERE dead = 0",
    [RENEW] = "UPDATE queue_item SET until_ms = ?3 WHERE id = ?1 AND lease = ?2 "
              "AND until_ms IS NOT NULL",
    [ACK] = "DELETE FROM queue_item WHERE id = ?1 AND lease = ?2 AND until_ms IS NOT NULL",
    [GIVE_BACK] =
        "UPDATE queue_item SET until_ms = NULL, attempts = attempts - ?3, ready_ms = ?4, "
        "dead = attempts - ?3 >= ?5 WHERE id = ?1 AND lease = ?2 AND until_ms IS NOT NULL",
    [REVIVE] = "UPDATE queue_item SET until_ms = NULL, attempts = 0, ready_ms = ?3, dead = 0 "
               "WHERE id = ?1 AND lease = ?2 AND until_ms IS NOT NULL",
    [COUNTS] =
        "SELECT count(*) FILTER (WHERE dead = 0 AND ready_ms <= ?1 AND coalesce(until_ms, 0) <= ?1), "
        "count(*) FILTER (WHERE dead = 0 AND ready_ms > ?1), count(*) FILTER (WHERE dead = 1) "
        "FROM queue_item",
};
_Static_assert(sizeof texts / sizeof *texts <= QUEUE_FILE_STATEMENTS_MAX, "room for statements");

struct queue_embedded {
    struct bb_queue base;
    struct queue_file file;
    struct bb_clock clock;
    int64_t id, lease; /* held; id 0: nothing */
    bool is_dead;      /* what is held */
    char body[BB_QUEUE_BODY_MAX];
};

static struct queue_embedded *of(struct bb_queue *queue) {
    return (struct queue_embedded *)queue;
}

static int put(struct bb_queue *base, const struct bb_queue_item *item, struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    struct queue_sql sql = bb_queue_sql(&queue->file, PUT);

    if (item->body.size > BB_QUEUE_BODY_MAX)
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "an item of a queue has at most %d bytes",
                       BB_QUEUE_BODY_MAX);
    bb_queue_sql_integer(&sql, item->priority);
    bb_queue_sql_bytes(&sql, item->body);
    bb_queue_sql_integer(&sql, bb_clock_now_ms(queue->clock) + item->delay_ms);
    int result = bb_queue_sql_run(&sql, "putting", error);
    if (!result)
        bb_queue_bell_ring(&queue->file.bell);
    return result;
}

static int bury(struct queue_embedded *queue, int64_t now_ms, struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&queue->file, BURY);

    bb_queue_sql_integer(&sql, now_ms);
    bb_queue_sql_integer(&sql, queue->base.attempts_max);
    return bb_queue_sql_run(&sql, "burying", error);
}

static int lease(struct queue_embedded *queue, int64_t now_ms, uint32_t attempts,
                 struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&queue->file, LEASE);

    bb_queue_sql_integer(&sql, queue->id);
    bb_queue_sql_integer(&sql, attempts);
    bb_queue_sql_integer(&sql, queue->lease);
    bb_queue_sql_integer(&sql, now_ms + queue->base.lease_ms);
    return bb_queue_sql_run(&sql, "taking", error);
}

/* Inside a transaction. */
static int take_next(struct queue_embedded *queue, bool dead, struct bb_queue_delivery *out,
                     struct bb_error *error) {
    const int64_t now_ms = bb_clock_now_ms(queue->clock);
    int result = bury(queue, now_ms, error);

    if (result)
        return result;
    struct queue_sql sql = bb_queue_sql(&queue->file, dead ? NEXT_DEAD : NEXT);
    bb_queue_sql_integer(&sql, now_ms);
    bool found = bb_queue_sql_step(&sql);
    if (found) {
        struct bb_span body = bb_queue_row_bytes(&sql, 2);
        queue->id = bb_queue_row_integer(&sql, 0);
        queue->lease = bb_queue_row_integer(&sql, 4);
        queue->is_dead = dead;
        BB_ASSERT(body.size <= sizeof queue->body);
        if (body.size > 0)
            memcpy(queue->body, body.data, body.size);
        *out = (struct bb_queue_delivery){
            .body = {queue->body, body.size},
            .priority = (enum bb_queue_priority)bb_queue_row_integer(&sql, 1),
            .attempts = (uint32_t)bb_queue_row_integer(&sql, 3)};
    }
    result = bb_queue_sql_end(&sql, "taking", error);
    if (!result && found)
        result = lease(queue, now_ms, out->attempts, error);
    return result ? result : found ? BB_QUEUE_TAKEN : BB_QUEUE_EMPTY;
}

static int take_now(struct queue_embedded *queue, bool dead, struct bb_queue_delivery *out,
                    struct bb_error *error) {
    BB_ASSERT(queue->id == 0);
    int result = bb_queue_file_begin(&queue->file, error);
    if (!result)
        result = bb_queue_file_end(&queue->file, take_next(queue, dead, out, error), error);
    if (result != BB_QUEUE_TAKEN)
        queue->id = 0;
    return result;
}

/* How long until something may be ready by itself, at most timeout_ms. */
static int time_to_next(struct queue_embedded *queue, int64_t timeout_ms, int *wait_ms,
                        struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&queue->file, NEXT_MS);
    int64_t next_ms = bb_queue_sql_step(&sql) ? bb_queue_row_time(&sql, 0) : BB_TIME_NONE;
    int64_t left_ms = timeout_ms;

    if (next_ms != BB_TIME_NONE) {
        left_ms = next_ms - bb_clock_now_ms(queue->clock);
        left_ms = left_ms < 1 ? 1 : left_ms > timeout_ms ? timeout_ms : left_ms;
    }
    *wait_ms = (int)left_ms;
    return bb_queue_sql_end(&sql, "waiting", error);
}

static int take(struct bb_queue *base, int timeout_ms, struct bb_queue_delivery *out,
                struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    const int64_t end_ns = bb_monotonic_ns() + (int64_t)timeout_ms * 1000000;

    for (;;) {
        uint32_t heard = bb_queue_bell_heard(&queue->file.bell);
        int result = take_now(queue, false, out, error);
        int64_t left_ms = (end_ns - bb_monotonic_ns()) / 1000000;
        int wait_ms;
        if (result != BB_QUEUE_EMPTY || left_ms <= 0)
            return result;
        result = time_to_next(queue, left_ms, &wait_ms, error);
        if (result)
            return result;
        bool is_last = wait_ms == left_ms;
        if (!bb_queue_bell_wait(&queue->file.bell, heard, wait_ms) && is_last)
            return take_now(queue, false, out, error);
    }
}

static int take_dead(struct bb_queue *base, struct bb_queue_delivery *out, struct bb_error *error) {
    return take_now(of(base), true, out, error);
}

/* Run what the holder does; nothing changed: it holds nothing any more. */
static int held(struct queue_embedded *queue, struct queue_sql *sql, bool ends, const char *doing,
                struct bb_error *error) {
    int result = bb_queue_sql_run(sql, doing, error);

    if (result)
        return result;
    bool lost = bb_queue_file_changes(&queue->file) == 0;
    if (ends || lost)
        queue->id = 0;
    return lost ? BB_QUEUE_LOST : BB_QUEUE_HELD;
}

static struct queue_sql of_held(struct queue_embedded *queue, enum statement which) {
    struct queue_sql sql = bb_queue_sql(&queue->file, which);

    bb_queue_sql_integer(&sql, queue->id);
    bb_queue_sql_integer(&sql, queue->lease);
    return sql;
}

static int renew(struct bb_queue *base, struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    struct queue_sql sql = of_held(queue, RENEW);

    bb_queue_sql_integer(&sql, bb_clock_now_ms(queue->clock) + base->lease_ms);
    return held(queue, &sql, false, "renewing a lease", error);
}

static int ack(struct bb_queue *base, struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    struct queue_sql sql = of_held(queue, ACK);

    return held(queue, &sql, true, "acknowledging", error);
}

static int give_back(struct bb_queue *base, int64_t delay_ms, bool uncounted,
                     struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    struct queue_sql sql = of_held(queue, queue->is_dead ? REVIVE : GIVE_BACK);
    const int64_t ready_ms = bb_clock_now_ms(queue->clock) + delay_ms;

    if (!queue->is_dead)
        bb_queue_sql_integer(&sql, uncounted);
    bb_queue_sql_integer(&sql, ready_ms);
    if (!queue->is_dead)
        bb_queue_sql_integer(&sql, base->attempts_max);
    int result = held(queue, &sql, true, "giving back", error);
    if (result == BB_QUEUE_HELD)
        bb_queue_bell_ring(&queue->file.bell);
    return result;
}

static int counts(struct bb_queue *base, struct bb_queue_counts *out, struct bb_error *error) {
    struct queue_embedded *queue = of(base);
    struct queue_sql sql = bb_queue_sql(&queue->file, COUNTS);

    bb_queue_sql_integer(&sql, bb_clock_now_ms(queue->clock));
    if (bb_queue_sql_step(&sql))
        *out = (struct bb_queue_counts){.ready = (uint64_t)bb_queue_row_integer(&sql, 0),
                                        .delayed = (uint64_t)bb_queue_row_integer(&sql, 1),
                                        .dead = (uint64_t)bb_queue_row_integer(&sql, 2)};
    return bb_queue_sql_end(&sql, "counting", error);
}

static void queue_close(struct bb_queue *base) {
    if (!base)
        return;
    bb_queue_file_close(&of(base)->file);
    free(base);
}

static const struct bb_queue_ops operations = {.name = "embedded",
                                               .close = queue_close,
                                               .put = put,
                                               .take = take,
                                               .take_dead = take_dead,
                                               .renew = renew,
                                               .ack = ack,
                                               .give_back = give_back,
                                               .counts = counts};

int bb_queue_embedded_open(const char *path, const struct bb_queue_options *options,
                           struct bb_queue **out, struct bb_error *error) {
    struct queue_embedded *queue = calloc(1, sizeof *queue);

    *out = NULL;
    if (!queue)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the queue %s", path);
    bb_queue_base_init(&queue->base, &operations, options);
    queue->clock = options->clock;
    int result = bb_queue_file_open(&queue->file, path, texts, error);
    if (result)
        free(queue);
    else
        *out = &queue->base;
    return result;
}
