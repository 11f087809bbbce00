#include "contract/queue_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract/cluster.h"
#include "support/log_folder.h"
#include "support/postgres.h"

static void make_folder(char directory[64], char path[128]) {
    const char *temporary = getenv("TMPDIR");

    snprintf(directory, 64, "%.40s/queue.XXXXXX", temporary ? temporary : "/tmp");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, 128, "%s/queue.db", directory);
}

/* ---- the queues under test ------------------------------------------------------------------- */

static struct bb_queue_options options_of(struct queue_fixture *f) {
    return (struct bb_queue_options){.attempts_max = QUEUE_ATTEMPTS,
                                     .lease_ms = QUEUE_LEASE_MS,
                                     .clock = bb_clock_manual(&f->now_ms)};
}

static void open_embedded(struct queue_fixture *f, int i) {
    struct bb_queue_options options = options_of(f);

    cr_assert_eq(bb_queue_embedded_open(f->path, &options, &f->queues[i], &f->error), 0, "%s",
                 f->error.text);
}

static void open_memory(struct queue_fixture *f, int i) {
    struct bb_queue_options options = options_of(f);

    if (!f->memory)
        f->memory = bb_queue_memory_new();
    cr_assert_eq(bb_queue_memory_open(f->memory, &options, &f->queues[i], &f->error), 0);
}

static void open_fault(struct queue_fixture *f, int i) {
    open_embedded(f, i);
    f->inner[i] = f->queues[i];
    f->queues[i] = bb_queue_fault_wrap(f->inner[i], &f->plan); /* a plan of zeroes never fails */
    cr_assert_not_null(f->queues[i]);
}

static void close_handle(struct queue_fixture *f, int i) {
    f->queues[i]->ops->close(f->queues[i]);
    if (f->inner[i])
        f->inner[i]->ops->close(f->inner[i]);
}

/* Its lease runs out; those of the others are renewed meanwhile, as living workers do. */
static void outlive(struct queue_fixture *f, int i) {
    f->now_ms += QUEUE_LEASE_MS / 2;
    for (int k = 0; k < QUEUE_HANDLES; k++)
        if (k != i) /* whoever holds nothing hears LOST */
            cr_assert_geq(f->queues[k]->ops->renew(f->queues[k], &f->error), 0);
    f->now_ms += QUEUE_LEASE_MS / 2;
    close_handle(f, i);
    f->subject->open(f, i);
}

static void release_memory(struct queue_fixture *f) {
    bb_queue_memory_free(f->memory);
}

/* ---- a real broker */

static void open_rabbitmq(struct queue_fixture *f, int i) {
    struct bb_queue_rabbitmq_options options = {
        .common = options_of(f), .url = f->url, .prefix = f->prefix};

    cr_assert_eq(bb_queue_rabbitmq_open(&options, &f->queues[i], &f->error), 0, "%s",
                 f->error.text);
}

/* All that the broker has and nobody holds, as handle i sees it. */
static uint64_t lying_there(struct queue_fixture *f, int i) {
    struct bb_queue_counts counts;

    cr_assert_eq(f->queues[i]->ops->counts(f->queues[i], &counts, &f->error), 0, "%s",
                 f->error.text);
    return counts.ready + counts.delayed + counts.dead;
}

/* The broker hears of it, and gives back what was held, when it has time for that. */
static void die_rabbitmq(struct queue_fixture *f, int i) {
    const int other = (i + 1) % QUEUE_HANDLES;
    const uint64_t before = lying_there(f, other);

    bb_queue_rabbitmq_cut(f->queues[i]);
    close_handle(f, i);
    for (int tries = 0; lying_there(f, other) <= before && tries < 200; tries++)
        usleep(50000);
    open_rabbitmq(f, i);
}

static void remove_rabbitmq(struct queue_fixture *f) {
    f->subject->open(f, 0);
    bb_queue_rabbitmq_remove(f->queues[0]);
    close_handle(f, 0);
}

static const struct queue_subject rabbitmq = {"rabbitmq", open_rabbitmq, die_rabbitmq,
                                              remove_rabbitmq, true};

static const struct queue_subject subjects[] = {
    {"embedded", open_embedded, outlive, NULL, false},
    {"memory", open_memory, outlive, release_memory, false},
    {"fault", open_fault, outlive, NULL, false}};

static void hold(const struct queue_subject *subject, const char *url,
                 void (*promise)(struct queue_fixture *f)) {
    struct queue_fixture *f = calloc(1, sizeof *f);

    f->subject = subject;
    f->url = url;
    f->now_ms = 1700000000000;
    snprintf(f->prefix, sizeof f->prefix, "test-");
    cluster_unique(f->prefix + 5, sizeof f->prefix - 5);
    make_folder(f->directory, f->path);
    for (int i = 0; i < QUEUE_HANDLES; i++)
        f->subject->open(f, i);
    promise(f);
    for (int i = 0; i < QUEUE_HANDLES; i++)
        close_handle(f, i);
    if (f->subject->release)
        f->subject->release(f);
    log_folder_remove(f->directory);
    free(f);
}

void each_queue(void (*promise)(struct queue_fixture *f)) {
    for (size_t s = 0; s < sizeof subjects / sizeof subjects[0]; s++)
        hold(&subjects[s], NULL, promise);
}

void rabbitmq_queue(void (*promise)(struct queue_fixture *f)) {
    hold(&rabbitmq, cluster_address("rabbitmq"), promise);
}

void queue_pass(struct queue_fixture *f, int64_t ms) {
    f->now_ms += ms;
    if (f->subject->is_real_time)
        usleep((useconds_t)(ms + 1200) * 1000); /* delays are rounded up, at most to their double */
}

void queue_die(struct queue_fixture *f, int i) {
    f->subject->die(f, i);
}

void queue_put(struct queue_fixture *f, int i, const char *body, enum bb_queue_priority priority,
               int64_t delay_ms) {
    const struct bb_queue_item item = {bb_span_of(body), priority, delay_ms};

    cr_assert_eq(f->queues[i]->ops->put(f->queues[i], &item, &f->error), 0, "%s: %s",
                 f->subject->name, f->error.text);
}

void expect_queue_take(struct queue_fixture *f, int i, const char *body, uint32_t attempts) {
    int timeout_ms = !f->subject->is_real_time ? 0 : body ? 5000 : 300;
    int outcome = f->queues[i]->ops->take(f->queues[i], timeout_ms, &f->last, &f->error);

    cr_assert_geq(outcome, 0, "%s: %s", f->subject->name, f->error.text);
    cr_assert_eq(outcome, body ? BB_QUEUE_TAKEN : BB_QUEUE_EMPTY, "%s: %s is expected, it is %.*s",
                 f->subject->name, body ? body : "nothing",
                 outcome == BB_QUEUE_TAKEN ? (int)f->last.body.size : 7,
                 outcome == BB_QUEUE_TAKEN ? f->last.body.data : "nothing");
    if (!body)
        return;
    cr_assert(bb_span_equal(f->last.body, bb_span_of(body)), "%s: %.*s comes instead of %s",
              f->subject->name, BB_SPAN_ARGS(f->last.body), body);
    cr_assert_eq(f->last.attempts, attempts, "%s: %s is at attempt %u, not %u", f->subject->name,
                 body, f->last.attempts, attempts);
}

void expect_queue_dead(struct queue_fixture *f, int i, const char *body) {
    int outcome = BB_QUEUE_EMPTY;

    for (int tries = 0; tries < (body && f->subject->is_real_time ? 50 : 1); tries++) {
        outcome = f->queues[i]->ops->take_dead(f->queues[i], &f->last, &f->error);
        if (outcome != BB_QUEUE_EMPTY)
            break;
        if (f->subject->is_real_time)
            usleep(100000);
    }
    cr_assert_eq(outcome, body ? BB_QUEUE_TAKEN : BB_QUEUE_EMPTY, "%s: dead is not %s",
                 f->subject->name, body ? body : "nothing");
    if (body)
        cr_assert(bb_span_equal(f->last.body, bb_span_of(body)), "%s: %.*s is dead, not %s",
                  f->subject->name, BB_SPAN_ARGS(f->last.body), body);
}

int queue_ack(struct queue_fixture *f, int i) {
    int outcome = f->queues[i]->ops->ack(f->queues[i], &f->error);

    cr_assert_geq(outcome, 0, "%s: %s", f->subject->name, f->error.text);
    return outcome;
}

int queue_give_back(struct queue_fixture *f, int i, int64_t delay_ms, bool uncounted) {
    int outcome = f->queues[i]->ops->give_back(f->queues[i], delay_ms, uncounted, &f->error);

    cr_assert_geq(outcome, 0, "%s: %s", f->subject->name, f->error.text);
    return outcome;
}

/* ---- the tables under test ------------------------------------------------------------------- */

static void open_table_embedded(struct task_fixture *f) {
    cr_assert_eq(
        bb_task_table_embedded_open(f->path, bb_clock_manual(&f->now_ms), &f->table, &f->error), 0,
        "%s", f->error.text);
}

static void open_table_memory(struct task_fixture *f) {
    cr_assert_eq(bb_task_table_memory_open(bb_clock_manual(&f->now_ms), &f->table, &f->error), 0);
}

static void open_table_fault(struct task_fixture *f) {
    open_table_embedded(f);
    f->inner = f->table;
    f->table = bb_task_table_fault_wrap(f->inner, &f->plan);
    cr_assert_not_null(f->table);
}

static const struct {
    const char *name;
    void (*open)(struct task_fixture *f);
} tables[] = {
    {"embedded", open_table_embedded}, {"memory", open_table_memory}, {"fault", open_table_fault}};

static void open_table_postgres(struct task_fixture *f) {
    cr_assert_eq(bb_task_table_postgres_open(f->conninfo, f->schema, bb_clock_manual(&f->now_ms),
                                             &f->table, &f->error),
                 0, "%s", f->error.text);
}

static void hold_table(const char *name, void (*open)(struct task_fixture *f), const char *conninfo,
                       void (*promise)(struct task_fixture *f)) {
    struct task_fixture f = {.adapter = name, .conninfo = conninfo, .now_ms = 1700000000000};

    snprintf(f.schema, sizeof f.schema, "tasks_");
    cluster_unique(f.schema + 6, sizeof f.schema - 6);
    make_folder(f.directory, f.path);
    bb_arena_init(&f.arena, 64 << 10, 16 << 20);
    open(&f);
    promise(&f);
    f.table->ops->close(f.table);
    if (f.inner)
        f.inner->ops->close(f.inner);
    if (conninfo)
        postgres_drop_schema(conninfo, f.schema);
    bb_arena_release(&f.arena);
    log_folder_remove(f.directory);
}

void each_task_table(void (*promise)(struct task_fixture *f)) {
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        hold_table(tables[i].name, tables[i].open, NULL, promise);
}

void postgres_task_table(void (*promise)(struct task_fixture *f)) {
    hold_table("postgres", open_table_postgres, cluster_address("postgres"), promise);
}
