/* The port "assignment": each partition with exactly one worker, by a fixed share and by a consumer group; and what the group alone
 * has to do: hand over, find out the dead, tell positions.
 */
#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/assignment.h"
#include "base/clock.h"
#include "contract/kafka_fixture.h"

enum { PARTITIONS = 6, PATIENCE_MS = 30000 };

struct worker {
    struct bb_assignment *assignment;
    bool mine[PARTITIONS];
    int gained, revoked, lost; /* partitions, ever */
};

/* One poll, and what a worker does by it. */
static int step(struct worker *w, int timeout_ms) {
    struct bb_error error;
    const uint32_t *partitions;
    size_t count;
    int result = w->assignment->ops->poll(w->assignment, timeout_ms, &partitions, &count, &error);

    cr_assert_geq(result, 0, "%s", error.text);
    cr_assert_eq(count > 0, result != BB_ASSIGNMENT_QUIET);
    for (size_t i = 0; i < count; i++) {
        cr_assert_lt(partitions[i], PARTITIONS);
        cr_expect_eq(w->mine[partitions[i]], result != BB_ASSIGNMENT_GAINED, "partition %u",
                     partitions[i]);
        w->mine[partitions[i]] = result == BB_ASSIGNMENT_GAINED;
    }
    w->gained += result == BB_ASSIGNMENT_GAINED ? (int)count : 0;
    w->revoked += result == BB_ASSIGNMENT_REVOKED ? (int)count : 0;
    w->lost += result == BB_ASSIGNMENT_LOST ? (int)count : 0;
    return result;
}

static int step_and_release(struct worker *w, int timeout_ms) {
    struct bb_error error;
    int result = step(w, timeout_ms);

    if (result == BB_ASSIGNMENT_REVOKED)
        cr_assert_eq(w->assignment->ops->release(w->assignment, &error), 0, "%s", error.text);
    return result;
}

static int count_of(const struct worker *w) {
    int count = 0;

    for (int p = 0; p < PARTITIONS; p++)
        count += w->mine[p];
    return count;
}

/* Until worker i has counts[i] partitions; no partition is ever with two of them. */
static void settle(struct worker *workers, size_t size, const int *counts) {
    int64_t until = bb_monotonic_ns() + PATIENCE_MS * INT64_C(1000000);
    bool settled = false;

    while (!settled && bb_monotonic_ns() < until) {
        settled = true;
        for (size_t i = 0; i < size; i++)
            step_and_release(&workers[i], 10);
        for (size_t i = 0; i < size; i++)
            settled = settled && count_of(&workers[i]) == counts[i];
        for (int p = 0; p < PARTITIONS; p++) {
            int holders = 0;
            for (size_t i = 0; i < size; i++)
                holders += workers[i].mine[p];
            cr_assert_leq(holders, 1, "partition %d is with two workers", p);
        }
    }
    cr_assert(settled, "after %d s: %d, %d", PATIENCE_MS / 1000, count_of(&workers[0]),
              size > 1 ? count_of(&workers[1]) : -1);
}

/* ---- every adapter */

static struct bb_assignment *open_group(const struct kafka_fixture *kafka, int session_ms) {
    struct bb_assignment_kafka_options options = {.cluster = {.brokers = kafka->brokers},
                                                  .prefix = kafka->prefix,
                                                  .client_id = "worker",
                                                  .partitions = PARTITIONS,
                                                  .session_ms = session_ms};
    struct bb_assignment *out = NULL;
    struct bb_error error;

    cr_assert_eq(bb_assignment_kafka_open(&options, &out, &error), 0, "%s", error.text);
    return out;
}

static struct bb_assignment *open_share(uint32_t number, uint32_t count) {
    struct bb_assignment *out = NULL;
    struct bb_error error;

    cr_assert_eq(bb_assignment_static_open(number, count, PARTITIONS, &out, &error), 0);
    return out;
}

static void gives_each_partition_to_one(struct bb_assignment *a, struct bb_assignment *b) {
    static const int halves[] = {PARTITIONS / 2, PARTITIONS / 2};
    struct worker workers[2] = {{.assignment = a}, {.assignment = b}};
    struct bb_error error;

    settle(workers, 2, halves);
    cr_expect_eq(step(&workers[0], 20), BB_ASSIGNMENT_QUIET);
    cr_expect_eq(step(&workers[1], 0), BB_ASSIGNMENT_QUIET);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(workers[i].lost, 0);
        for (uint32_t p = 0; p < PARTITIONS; p++)
            if (workers[i].mine[p])
                cr_expect_eq(workers[i].assignment->ops->hint(workers[i].assignment, p, 0, &error),
                             0);
        cr_expect_eq(workers[i].assignment->ops->leave(workers[i].assignment, &error), 0, "%s",
                     error.text);
        workers[i].assignment->ops->close(workers[i].assignment);
    }
}

Test(assignment, gives_each_partition_to_one, .timeout = 60) {
    gives_each_partition_to_one(open_share(1, 2), open_share(2, 2));
}

Test(assignment_kafka, gives_each_partition_to_one, .timeout = 60) {
    struct kafka_fixture kafka;

    kafka_fixture_begin(&kafka, NULL);
    kafka_fixture_make_topic(&kafka, "readings", PARTITIONS);
    gives_each_partition_to_one(open_group(&kafka, 0), open_group(&kafka, 0));
    kafka_fixture_end(&kafka);
}

Test(assignment, there_is_no_share_0_and_none_behind_the_last) {
    struct bb_assignment *out = NULL;
    struct bb_error error;

    cr_expect_eq(bb_assignment_static_open(0, 2, PARTITIONS, &out, &error), -BB_E_USAGE);
    cr_expect_eq(bb_assignment_static_open(3, 2, PARTITIONS, &out, &error), -BB_E_USAGE);
    cr_expect_null(out);
}

/* ---- the group */

static void begin(struct kafka_fixture *kafka) {
    kafka_fixture_begin(kafka, NULL);
    kafka_fixture_make_topic(kafka, "readings", PARTITIONS);
}

Test(assignment_kafka, moves_what_has_to_move_and_waits_for_release, .timeout = 120) {
    static const int all[] = {PARTITIONS}, halves[] = {PARTITIONS / 2, PARTITIONS / 2};
    struct kafka_fixture kafka;
    struct worker workers[2] = {{0}};
    struct bb_error error;
    int result = 0;

    begin(&kafka);
    workers[0].assignment = open_group(&kafka, 0);
    settle(workers, 1, all);
    workers[1].assignment = open_group(&kafka, 0);
    for (int64_t until = bb_monotonic_ns() + PATIENCE_MS * INT64_C(1000000);
         result == BB_ASSIGNMENT_QUIET && bb_monotonic_ns() < until;) {
        result = step(&workers[0], 20);
        cr_expect_eq(step(&workers[1], 20), BB_ASSIGNMENT_QUIET);
    }
    cr_assert_eq(result, BB_ASSIGNMENT_REVOKED);
    cr_expect_eq(workers[0].revoked, PARTITIONS / 2, "the others stay");
    for (int i = 0; i < 20; i++) /* the older worker is committing what it gathered */
        cr_expect_eq(step(&workers[1], 50), BB_ASSIGNMENT_QUIET, "not before it is released");
    cr_assert_eq(workers[0].assignment->ops->release(workers[0].assignment, &error), 0);
    settle(workers, 2, halves);
    cr_expect_eq(workers[0].gained, PARTITIONS, "what it kept it was not given again");
    cr_expect_eq(workers[0].lost + workers[1].lost, 0);

    /* Who leaves is not waited for. */
    int64_t left = bb_monotonic_ns();
    cr_expect_eq(workers[1].assignment->ops->leave(workers[1].assignment, &error), 0, "%s",
                 error.text);
    settle(workers, 1, all);
    cr_expect_lt((bb_monotonic_ns() - left) / 1000000, 6000, "a session takes 15 s");
    workers[1].assignment->ops->close(workers[1].assignment);
    workers[0].assignment->ops->close(workers[0].assignment);
    kafka_fixture_end(&kafka);
}

/* A worker in a process of its own, which tells each outcome as a byte. */
static pid_t spawn_worker(const struct kafka_fixture *kafka, int session_ms, int *out) {
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct worker w = {.assignment = open_group(kafka, session_ms)};
        close(ends[0]);
        for (;;) {
            char told = (char)('0' + step_and_release(&w, 100));
            if (told != '0' && write(ends[1], &told, 1) != 1)
                _exit(0);
        }
    }
    close(ends[1]);
    *out = ends[0];
    return pid;
}

static void await_byte(int from, char expected) {
    char told = 0;

    while (told != expected)
        cr_assert_eq(read(from, &told, 1), 1, "the worker ended");
}

static void expect_taken_over(int signal) {
    static const int all[] = {PARTITIONS};
    enum { SESSION_MS = 2000 };
    struct kafka_fixture kafka;
    struct worker w = {0};
    int told;

    begin(&kafka);
    pid_t other = spawn_worker(&kafka, SESSION_MS, &told); /* before this process has threads */
    await_byte(told, '0' + BB_ASSIGNMENT_GAINED);
    w.assignment = open_group(&kafka, SESSION_MS);
    for (int64_t until = bb_monotonic_ns() + PATIENCE_MS * INT64_C(1000000);
         count_of(&w) < PARTITIONS / 2 && bb_monotonic_ns() < until;)
        step_and_release(&w, 20);
    cr_assert_eq(count_of(&w), PARTITIONS / 2);
    int64_t since = bb_monotonic_ns();
    cr_assert_eq(kill(other, signal), 0);
    settle(&w, 1, all);
    cr_expect_lt((bb_monotonic_ns() - since) / 1000000, 4 * SESSION_MS);
    if (signal == SIGSTOP) {
        /* It comes back and learns that what it had is gone. */
        cr_assert_eq(kill(other, SIGCONT), 0);
        await_byte(told, '0' + BB_ASSIGNMENT_LOST);
        kill(other, SIGKILL);
    }
    waitpid(other, NULL, 0);
    close(told);
    w.assignment->ops->close(w.assignment);
    kafka_fixture_end(&kafka);
}

Test(assignment_kafka, takes_over_from_one_that_was_killed, .timeout = 90) {
    expect_taken_over(SIGKILL);
}

Test(assignment_kafka, tells_one_that_was_stopped_that_it_lost, .timeout = 90) {
    expect_taken_over(SIGSTOP);
}

/* What Kafka's tools see: the offset that the group committed; -1: none. */
static int64_t committed(const struct kafka_fixture *kafka, int32_t partition) {
    char why[256], id[64], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    kafka_fixture_topic(kafka, "readings", topic);
    snprintf(id, sizeof id, "%s.derive", kafka->prefix);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", id, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    cr_assert_eq(rd_kafka_committed(rk, list, 20000), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset < 0 ? -1 : offset;
}

Test(assignment_kafka, tells_positions_to_who_looks_at_the_group, .timeout = 90) {
    static const int all[] = {2};
    struct kafka_fixture kafka;
    struct worker w = {0};
    struct bb_error error;
    int64_t seen = -1;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka); /* two partitions */
    struct bb_log_record record = {.kind = BB_RECORD_FRAME, .received_ms = 1};
    for (int i = 0; i < 5; i++)
        cr_assert_eq(log->ops->append(log, 1, &record, &error), 0);
    cr_assert_eq(log->ops->sync(log, &error), 0);
    w.assignment = open_group(&kafka, 0);
    settle(&w, 1, all);
    cr_expect_eq(committed(&kafka, 1), -1);
    cr_expect_eq(w.assignment->ops->hint(w.assignment, 1, 2, &error), 0);
    for (int i = 0; i < 100 && seen != 2; i++) {
        step(&w, 20);
        seen = committed(&kafka, 1);
    }
    cr_expect_eq(seen, 2);
    /* All is derived: the position is where the log ends, and so is what Kafka's tools see. */
    cr_expect_eq(w.assignment->ops->hint(w.assignment, 1, record.next_offset, &error), 0);
    cr_expect_eq(w.assignment->ops->leave(w.assignment, &error), 0, "%s", error.text);
    cr_expect_eq(committed(&kafka, 1), (int64_t)record.next_offset, "lag 0");
    struct bb_log_end end;
    cr_expect_eq(log->ops->end(log, 1, &end, &error), 0);
    cr_expect_eq(end.offset, record.next_offset);
    w.assignment->ops->close(w.assignment);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}
