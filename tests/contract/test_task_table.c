/* The port "task": one suite, every adapter. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "contract/queue_fixture.h"

enum { LEASE_MS = 1000 };

static uint64_t add(struct task_fixture *f, const char *kind, const char *tenant) {
    const struct bb_task_new new = {.kind = bb_span_of(kind),
                                    .tenant = bb_span_of(tenant),
                                    .arguments = BB_SPAN("{\"to\":\"x\"}"),
                                    .by = BB_SPAN("ada"),
                                    .priority = BB_QUEUE_LOW};
    uint64_t id = 0;

    cr_assert_eq(f->table->ops->add(f->table, &new, &id, &f->error), 0, "%s: %s", f->adapter,
                 f->error.text);
    return id;
}

static struct bb_task get(struct task_fixture *f, uint64_t id) {
    struct bb_task task = {0};

    cr_assert_eq(f->table->ops->get(f->table, id, &f->arena, &task, &f->error), 0, "%s: task %d",
                 f->adapter, (int)id);
    return task;
}

static int claim(struct task_fixture *f, uint64_t id, const char *worker, struct bb_task *task) {
    return f->table->ops->claim(f->table, id, bb_span_of(worker), LEASE_MS, &f->arena, task,
                                &f->error);
}

static int save(struct task_fixture *f, uint64_t id, uint64_t epoch, uint64_t done,
                const char *checkpoint, bool *cancel_wanted) {
    struct bb_span bytes = bb_span_of(checkpoint);
    struct bb_task_save what = {.done = done,
                                .total = 10,
                                .doing = BB_SPAN("counting"),
                                .checkpoint = checkpoint ? &bytes : NULL};
    int outcome = f->table->ops->save(f->table, id, epoch, LEASE_MS, &what, &f->error);

    if (cancel_wanted)
        *cancel_wanted = what.cancel_wanted;
    return outcome;
}

static int finish(struct task_fixture *f, uint64_t id, uint64_t epoch, enum bb_task_state state) {
    const struct bb_task_end end = {.state = state, .result = BB_SPAN("{\"rows\":3}")};

    return f->table->ops->finish(f->table, id, epoch, &end, &f->error);
}

#define EXPECT_TEXT(span, text)                                                                    \
    cr_expect(bb_span_equal((span), bb_span_of(text)), "%s: %.*s is not %s", f->adapter,           \
              BB_SPAN_ARGS(span), (text))

static void keeps_what_a_task_is(struct task_fixture *f) {
    struct bb_task task;
    uint64_t id = add(f, "export", "north");

    cr_expect_eq(id, 1);
    task = get(f, id);
    EXPECT_TEXT(task.kind, "export");
    EXPECT_TEXT(task.tenant, "north");
    EXPECT_TEXT(task.arguments, "{\"to\":\"x\"}");
    EXPECT_TEXT(task.by, "ada");
    EXPECT_TEXT(task.checkpoint, "");
    cr_expect_eq(task.state, BB_TASK_QUEUED);
    cr_expect_eq(task.priority, BB_QUEUE_LOW);
    cr_expect_eq(task.created_ms, f->now_ms);
    cr_expect_eq(task.started_ms, BB_TIME_NONE);
    cr_expect_eq(task.lease_ms, BB_TIME_NONE);
    cr_expect_eq(f->table->ops->get(f->table, 99, &f->arena, &task, &f->error), BB_TASK_ABSENT);
    cr_expect_eq(claim(f, 99, "w", &task), BB_TASK_NONE);
}

Test(task_table, keeps_what_a_task_is) {
    each_task_table(keeps_what_a_task_is);
}

Test(task_table_postgres, keeps_what_a_task_is) {
    postgres_task_table(keeps_what_a_task_is);
}

static void a_task_runs_and_ends(struct task_fixture *f) {
    struct bb_task task;
    uint64_t id = add(f, "export", "north");

    f->now_ms += 5;
    cr_assert_eq(claim(f, id, "w1", &task), BB_TASK_CLAIMED);
    cr_expect_eq(task.state, BB_TASK_RUNNING);
    cr_expect_eq(task.epoch, 1);
    cr_expect_eq(task.attempts, 1);
    cr_expect_eq(task.started_ms, f->now_ms);
    cr_expect_eq(task.lease_ms, f->now_ms + LEASE_MS);
    EXPECT_TEXT(task.worker, "w1");
    cr_expect_eq(save(f, id, 1, 4, "four", NULL), BB_TASK_HELD);
    cr_expect_eq(save(f, id, 1, 5, NULL, NULL), BB_TASK_HELD);
    task = get(f, id);
    cr_expect_eq(task.done, 5);
    cr_expect_eq(task.total, 10);
    EXPECT_TEXT(task.doing, "counting");
    EXPECT_TEXT(task.checkpoint, "four");
    f->now_ms += 7;
    cr_expect_eq(finish(f, id, 1, BB_TASK_DONE), BB_TASK_HELD);
    task = get(f, id);
    cr_expect_eq(task.state, BB_TASK_DONE);
    cr_expect_eq(task.finished_ms, f->now_ms);
    cr_expect_eq(task.lease_ms, BB_TIME_NONE);
    EXPECT_TEXT(task.result, "{\"rows\":3}");
    cr_expect_eq(claim(f, id, "w2", &task), BB_TASK_OVER);
    cr_expect_eq(finish(f, id, 1, BB_TASK_FAILED), BB_TASK_FENCED, "%s: it ends twice", f->adapter);
}

Test(task_table, a_task_runs_and_ends) {
    each_task_table(a_task_runs_and_ends);
}

Test(task_table_postgres, a_task_runs_and_ends) {
    postgres_task_table(a_task_runs_and_ends);
}

static void a_zombie_is_fenced(struct task_fixture *f) {
    struct bb_task task;
    uint64_t id = add(f, "export", "north");

    cr_assert_eq(claim(f, id, "zombie", &task), BB_TASK_CLAIMED);
    cr_assert_eq(save(f, id, 1, 3, "three", NULL), BB_TASK_HELD);
    cr_expect_eq(claim(f, id, "heir", &task), BB_TASK_BUSY);
    EXPECT_TEXT(task.worker, "zombie");
    f->now_ms += LEASE_MS - 1;
    cr_expect_eq(claim(f, id, "heir", &task), BB_TASK_BUSY);
    cr_expect_eq(save(f, id, 1, 3, NULL, NULL), BB_TASK_HELD); /* renewed */
    f->now_ms += LEASE_MS - 1;
    cr_expect_eq(claim(f, id, "heir", &task), BB_TASK_BUSY, "%s: a lease was not renewed",
                 f->adapter);
    f->now_ms += 1;
    cr_assert_eq(claim(f, id, "heir", &task), BB_TASK_CLAIMED);
    cr_expect_eq(task.epoch, 2);
    cr_expect_eq(task.attempts, 2);
    EXPECT_TEXT(task.checkpoint, "three");
    cr_expect_eq(save(f, id, 1, 9, "nine", NULL), BB_TASK_FENCED);
    cr_expect_eq(finish(f, id, 1, BB_TASK_DONE), BB_TASK_FENCED);
    cr_expect_eq(f->table->ops->give_back(f->table, id, 1, false, NULL, &f->error), BB_TASK_FENCED);
    task = get(f, id);
    EXPECT_TEXT(task.checkpoint, "three");
    EXPECT_TEXT(task.worker, "heir");
    cr_expect_eq(task.done, 3);
    cr_expect_eq(finish(f, id, 2, BB_TASK_DONE), BB_TASK_HELD);
}

Test(task_table, a_zombie_is_fenced) {
    each_task_table(a_zombie_is_fenced);
}

Test(task_table_postgres, a_zombie_is_fenced) {
    postgres_task_table(a_zombie_is_fenced);
}

static void what_is_given_back_waits(struct task_fixture *f) {
    struct bb_task task;
    struct bb_error why = {.code = BB_E_LOCKED, .text = "somebody has it"};
    uint64_t id = add(f, "import", "north");

    cr_assert_eq(claim(f, id, "w", &task), BB_TASK_CLAIMED);
    cr_assert_eq(save(f, id, 1, 2, "two", NULL), BB_TASK_HELD);
    cr_expect_eq(f->table->ops->give_back(f->table, id, 1, true, NULL, &f->error), BB_TASK_HELD);
    task = get(f, id);
    cr_expect_eq(task.state, BB_TASK_QUEUED);
    cr_expect_eq(task.attempts, 0);
    EXPECT_TEXT(task.worker, "");
    cr_assert_eq(claim(f, id, "w", &task), BB_TASK_CLAIMED);
    cr_expect_eq(f->table->ops->give_back(f->table, id, 2, false, &why, &f->error), BB_TASK_HELD);
    task = get(f, id);
    cr_expect_eq(task.attempts, 1);
    cr_expect_eq(task.error_code, BB_E_LOCKED);
    EXPECT_TEXT(task.error_text, "somebody has it");
    EXPECT_TEXT(task.checkpoint, "two");
}

Test(task_table, what_is_given_back_waits) {
    each_task_table(what_is_given_back_waits);
}

Test(task_table_postgres, what_is_given_back_waits) {
    postgres_task_table(what_is_given_back_waits);
}

static void people_cancel_and_try_again(struct task_fixture *f) {
    struct bb_task task;
    bool cancel_wanted;
    uint64_t waiting = add(f, "import", "north"), running = add(f, "import", "north");
    struct bb_task_table *t = f->table;

    cr_expect_eq(t->ops->retry(t, waiting, &f->error), BB_TASK_UNFIT);
    cr_expect_eq(t->ops->cancel(t, waiting, &f->error), BB_TASK_CHANGED);
    cr_expect_eq(t->ops->cancel(t, waiting, &f->error), BB_TASK_UNFIT);
    cr_expect_eq(t->ops->cancel(t, 99, &f->error), BB_TASK_ABSENT);
    cr_expect_eq(t->ops->retry(t, 99, &f->error), BB_TASK_ABSENT);
    cr_expect_eq(claim(f, waiting, "w", &task), BB_TASK_OVER);
    cr_assert_eq(claim(f, running, "w", &task), BB_TASK_CLAIMED);
    cr_expect_eq(save(f, running, 1, 1, "one", &cancel_wanted), BB_TASK_HELD);
    cr_expect_not(cancel_wanted);
    cr_expect_eq(t->ops->cancel(t, running, &f->error), BB_TASK_ASKED);
    cr_expect_eq(save(f, running, 1, 2, NULL, &cancel_wanted), BB_TASK_HELD);
    cr_expect(cancel_wanted, "%s: nobody tells it", f->adapter);
    cr_expect_eq(finish(f, running, 1, BB_TASK_CANCELLED), BB_TASK_HELD);
    f->now_ms += 3;
    cr_expect_eq(t->ops->retry(t, running, &f->error), BB_TASK_CHANGED);
    task = get(f, running);
    cr_expect_eq(task.state, BB_TASK_QUEUED);
    cr_expect_eq(task.attempts, 0);
    cr_expect_eq(task.finished_ms, BB_TIME_NONE);
    cr_expect_not(task.cancel_wanted);
    EXPECT_TEXT(task.checkpoint, "one");
    cr_assert_eq(claim(f, running, "w", &task), BB_TASK_CLAIMED);
    cr_expect_eq(task.epoch, 2, "%s: an epoch comes again", f->adapter);
    cr_expect_eq(save(f, running, 2, 1, NULL, &cancel_wanted), BB_TASK_HELD);
    cr_expect_not(cancel_wanted);
}

Test(task_table, people_cancel_and_try_again) {
    each_task_table(people_cancel_and_try_again);
}

Test(task_table_postgres, people_cancel_and_try_again) {
    postgres_task_table(people_cancel_and_try_again);
}

struct picture {
    char text[256];
    size_t most;
};

static int draw(void *context, const struct bb_task *task) {
    struct picture *picture = context;
    size_t size = strlen(picture->text);

    snprintf(picture->text + size, sizeof picture->text - size, "%d/%.*s ", (int)task->id,
             BB_SPAN_ARGS(task->tenant));
    return --picture->most == 0;
}

static void expect_list(struct task_fixture *f, struct bb_task_question question, size_t most,
                        const char *expected) {
    struct picture picture = {.most = most};
    int outcome = f->table->ops->list(f->table, &question, draw, &picture, &f->error);

    cr_assert_geq(outcome, 0);
    cr_expect_str_eq(picture.text, expected, "%s", f->adapter);
}

static void lists_what_is_asked_for(struct task_fixture *f) {
    struct bb_task task;

    add(f, "import", "north");
    add(f, "import", "south");
    add(f, "import", "north");
    cr_assert_eq(claim(f, 3, "w", &task), BB_TASK_CLAIMED);
    expect_list(f, (struct bb_task_question){0}, 9, "3/north 2/south 1/north ");
    expect_list(f, (struct bb_task_question){.tenant = BB_SPAN("north")}, 9, "3/north 1/north ");
    expect_list(f, (struct bb_task_question){.states = 1 << BB_TASK_RUNNING}, 9, "3/north ");
    expect_list(f, (struct bb_task_question){.states = 1 << BB_TASK_DONE}, 9, "");
    expect_list(f, (struct bb_task_question){.before_id = 3}, 9, "2/south 1/north ");
    expect_list(f, (struct bb_task_question){0}, 2, "3/north 2/south ");
}

Test(task_table, lists_what_is_asked_for) {
    each_task_table(lists_what_is_asked_for);
}

Test(task_table_postgres, lists_what_is_asked_for) {
    postgres_task_table(lists_what_is_asked_for);
}

static void finds_what_was_forgotten(struct task_fixture *f) {
    struct bb_task_table *t = f->table;
    struct bb_task_forgotten found[4];
    struct bb_task task;
    size_t count;

    add(f, "import", "north"); /* its putter dies before it is in the queue */
    add(f, "import", "north"); /* its worker dies */
    add(f, "import", "north"); /* it runs */
    add(f, "import", "north"); /* it is over */
    cr_assert_eq(claim(f, 2, "dead", &task), BB_TASK_CLAIMED);
    cr_assert_eq(claim(f, 3, "alive", &task), BB_TASK_CLAIMED);
    cr_assert_eq(t->ops->cancel(t, 4, &f->error), BB_TASK_CHANGED);
    cr_assert_eq(t->ops->find_forgotten(t, 5000, found, 4, &count, &f->error), 0);
    cr_expect_eq(count, 0, "%s: nothing is forgotten yet", f->adapter);
    f->now_ms += 5000;
    cr_assert_eq(save(f, 3, 1, 1, NULL, NULL), BB_TASK_HELD);
    cr_assert_eq(t->ops->find_forgotten(t, 5000, found, 1, &count, &f->error), 0);
    cr_expect_eq(count, 1);
    cr_expect_eq(found[0].id, 1);
    cr_expect_eq(found[0].priority, BB_QUEUE_LOW);
    cr_assert_eq(t->ops->find_forgotten(t, 5000, found, 4, &count, &f->error), 0);
    cr_expect_eq(count, 1);
    cr_expect_eq(found[0].id, 2);
    cr_assert_eq(t->ops->find_forgotten(t, 5000, found, 4, &count, &f->error), 0);
    cr_expect_eq(count, 0, "%s: what was found counts as touched", f->adapter);
}

Test(task_table, finds_what_was_forgotten) {
    each_task_table(finds_what_was_forgotten);
}

Test(task_table_postgres, finds_what_was_forgotten) {
    postgres_task_table(finds_what_was_forgotten);
}
