/* Several processes at one partition: the promise that a claim never waits for ever, that the older
 * holder is fenced whatever it was doing, and that nothing is lost or torn when a writer is stopped
 * or killed anywhere.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/store_lmdb_internal.h"
#include "base/clock.h"
#include "base/random.h"
#include "support/log_folder.h"
#include "support/store_steps.h"

enum { TAKEOVER_MS = 150, PATIENCE = 6 };

static struct bb_store *open_store(const char *directory) {
    struct bb_store_lmdb_options options = {.partitions = 1, .takeover_ms = TAKEOVER_MS};
    struct bb_store *store;
    struct bb_error error;

    if (bb_store_lmdb_open(directory, &options, &store, &error) != 0)
        bb_bug(__FILE__, __LINE__, error.text);
    return store;
}

static struct bb_store *open_and_claim(const char *directory, struct bb_claim *claim) {
    struct bb_store *store = open_store(directory);
    struct bb_error error;

    if (store->ops->claim(store, 0, STORE_STEP_LOG, claim, &error) != 0)
        bb_bug(__FILE__, __LINE__, error.text);
    return store;
}

static int64_t ms_since(int64_t start_ns) {
    return (bb_monotonic_ns() - start_ns) / 1000000;
}

/* ---- a holder that is stopped, slow or stuck ------------------------------------------------- */

/* A body that spoils what it can reach and then does what `context` says, still inside. */
static int spoil_then(struct bb_lmdb_write *write, void *context) {
    void (*then)(void) = *(void (**)(void))context;
    int result = mdb_drop(write->txn, write->env->tables.blocks[0][0], 0);

    if (result == 0)
        result = mdb_drop(write->txn, write->env->tables.meta, 0);
    then();
    return result;
}

static int write_and(const char *directory, void (*then)(void)) {
    struct bb_claim claim;
    struct bb_store *store = open_and_claim(directory, &claim);
    struct bb_lmdb_env *env;
    struct bb_error error;

    for (int i = 0; i < 3; i++)
        BB_ASSERT(store_step(store, 0, &claim, &error) == BB_COMMIT_DONE);
    BB_ASSERT(bb_lmdb_partition(store, 0, &env, &error) == 0);
    return bb_lmdb_write(env, TAKEOVER_MS, spoil_then, &then, &error); /* is ended inside */
}

static void stop_inside(void) {
    raise(SIGSTOP);
}

static int stopped_inside(struct store_child *self, const char *directory) {
    (void)self;
    return write_and(directory, stop_inside);
}

static void stay_inside(void) {
    for (;;)
        pause();
}

static int running_inside(struct store_child *self, const char *directory) {
    store_child_say(self, 'i');
    return write_and(directory, stay_inside);
}

/* Claim beside the child, then see that its three steps are there, and go on. */
static void expect_takeover(const char *directory, int64_t least_ms, int64_t most_ms) {
    int64_t start = bb_monotonic_ns();
    struct bb_claim claim;
    struct bb_store *store = open_and_claim(directory, &claim);
    struct bb_error error;
    uint64_t number;

    cr_expect_geq(ms_since(start), least_ms, "after %ld ms", ms_since(start));
    cr_expect_leq(ms_since(start), most_ms, "after %ld ms", ms_since(start));
    cr_expect_eq(claim.epoch, 2);
    cr_expect_eq(claim.position.offset, 3);
    cr_expect_null(store_steps_look(store, 0, &number));
    for (int i = 0; i < 3; i++)
        cr_expect_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    cr_expect_null(store_steps_look(store, 0, &number));
    cr_expect_eq(number, 6);
    store->ops->close(store);
}

Test(store_takeover, ends_a_holder_stopped_inside) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child child;

    log_folder_make(directory);
    store_child_start(&child, stopped_inside, directory);
    store_child_wait_stopped(&child);
    expect_takeover(directory, TAKEOVER_MS, TAKEOVER_MS * (PATIENCE - 1));
    cr_expect_eq(store_child_end(&child), -SIGKILL);
    log_folder_remove(directory);
}

Test(store_takeover, ends_a_holder_that_is_stuck_running) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child child;

    log_folder_make(directory);
    store_child_start(&child, running_inside, directory);
    cr_assert_eq(store_child_hear(&child), 'i');
    usleep(300 * 1000); /* three steps, and it is in */
    expect_takeover(directory, TAKEOVER_MS * PATIENCE - 10, TAKEOVER_MS * PATIENCE * 3);
    cr_expect_eq(store_child_end(&child), -SIGKILL);
    log_folder_remove(directory);
}

static int slow_body(struct bb_lmdb_write *write, void *context) {
    (void)write;
    store_child_say(context, 'i');
    usleep(TAKEOVER_MS * 3 * 1000);
    return 0;
}

static int slow_inside(struct store_child *self, const char *directory) {
    struct bb_store *store = open_store(directory);
    struct bb_lmdb_env *env;
    struct bb_error error;

    BB_ASSERT(bb_lmdb_partition(store, 0, &env, &error) == 0);
    return bb_lmdb_write(env, TAKEOVER_MS, slow_body, self, &error);
}

Test(store_takeover, leaves_a_slow_holder_alone) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child child;
    struct bb_claim claim;

    log_folder_make(directory);
    store_child_start(&child, slow_inside, directory);
    cr_assert_eq(store_child_hear(&child), 'i');
    int64_t start = bb_monotonic_ns();
    struct bb_store *store = open_and_claim(directory, &claim);
    cr_expect_geq(ms_since(start), TAKEOVER_MS * 2);
    cr_expect_eq(store_child_end(&child), 0, "the slow holder came through");
    store->ops->close(store);
    log_folder_remove(directory);
}

/* Many short writes are not one long one: a busy writer is never ended by those who wait. */
static int busy(struct store_child *self, const char *directory) {
    struct bb_store *store = open_store(directory);
    struct bb_lmdb_env *env;
    struct bb_error error;
    int64_t start = bb_monotonic_ns();

    BB_ASSERT(bb_lmdb_partition(store, 0, &env, &error) == 0);
    store_child_say(self, 'b');
    while (ms_since(start) < TAKEOVER_MS * (PATIENCE + 4)) {
        if (bb_lmdb_writer_lock(env, TAKEOVER_MS, &error) != 0)
            return 1;
        usleep(20 * 1000);
        bb_lmdb_writer_unlock(env);
    }
    return 0;
}

static int wait_for_lock(struct store_child *self, const char *directory) {
    struct bb_store *store = open_store(directory);
    struct bb_lmdb_env *env;
    struct bb_error error;

    (void)self;
    BB_ASSERT(bb_lmdb_partition(store, 0, &env, &error) == 0);
    int result = bb_lmdb_writer_lock(env, TAKEOVER_MS, &error);
    if (result == 0)
        bb_lmdb_writer_unlock(env);
    return -result;
}

Test(store_takeover, leaves_a_busy_holder_alone) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child first, second;

    log_folder_make(directory);
    store_child_start(&first, busy, directory);
    cr_assert_eq(store_child_hear(&first), 'b');
    store_child_start(&second, wait_for_lock, directory);
    cr_expect_eq(store_child_end(&first), 0);
    cr_expect_eq(store_child_end(&second), 0);
    log_folder_remove(directory);
}

/* ---- a holder that is stopped outside -------------------------------------------------------- */

static int stopped_outside(struct store_child *self, const char *directory) {
    struct bb_claim claim;
    struct bb_store *store = open_and_claim(directory, &claim);
    struct bb_error error;

    (void)self;
    for (int i = 0; i < 3; i++)
        BB_ASSERT(store_step(store, 0, &claim, &error) == BB_COMMIT_DONE);
    raise(SIGSTOP);
    int outcome = store_step(store, 0, &claim, &error);
    store->ops->close(store);
    return outcome;
}

Test(store_takeover, fences_a_holder_stopped_outside) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child child;

    log_folder_make(directory);
    store_child_start(&child, stopped_outside, directory);
    store_child_wait_stopped(&child);
    expect_takeover(directory, 0, TAKEOVER_MS * PATIENCE);
    kill(child.pid, SIGCONT);
    cr_expect_eq(store_child_end(&child), BB_COMMIT_FENCED);
    log_folder_remove(directory);
}

/* ---- whom we may not end --------------------------------------------------------------------- */

static int claim_as_nobody(struct store_child *self, const char *directory) {
    struct bb_claim claim;
    struct bb_error error;

    (void)self;
    BB_ASSERT(setuid(65534) == 0);
    struct bb_store *store = open_store(directory);
    int result = store->ops->claim(store, 0, STORE_STEP_LOG, &claim, &error);
    BB_ASSERT(result == 0 || (error.retriable && strstr(error.text, "kill -KILL")));
    return -result & 0xff;
}

Test(store_takeover, reports_a_holder_it_may_not_end) {
    char directory[LOG_FOLDER_SIZE];
    struct store_child child, nobody;

    if (geteuid() != 0)
        cr_skip_test("needs two users");
    log_folder_make(directory);
    chmod(directory, 0777);
    umask(0);
    store_child_start(&child, stopped_inside, directory);
    store_child_wait_stopped(&child);
    char folder[LOG_FILE_SIZE];
    snprintf(folder, sizeof folder, "%s/p0000", directory);
    chmod(folder, 0777);
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = {"data.mdb", "lock.mdb", "writer"};
        snprintf(folder, sizeof folder, "%s/p0000/%s", directory, files[i]);
        chmod(folder, 0666);
    }
    store_child_start(&nobody, claim_as_nobody, directory);
    cr_expect_eq(store_child_end(&nobody), BB_E_LOCKED & 0xff);
    kill(child.pid, SIGKILL);
    cr_expect_eq(store_child_end(&child), -SIGKILL);
    log_folder_remove(directory);
}

/* ---- stopped and killed anywhere ------------------------------------------------------------- */

/* What the writing child has been told is done; shared memory outlives it. */
struct acknowledged {
    _Atomic uint64_t steps;
};
static struct acknowledged *acknowledged;

/* Never backwards: a stopped writer may tell of its last step after another has made the next. */
static void acknowledge(uint64_t step) {
    uint64_t known = atomic_load(&acknowledged->steps);

    while (known < step && !atomic_compare_exchange_weak(&acknowledged->steps, &known, step))
        ;
}

static int step_for_ever(struct store_child *self, const char *directory) {
    struct bb_claim claim;
    struct bb_store *store = open_and_claim(directory, &claim);
    struct bb_error error;

    store_child_say(self, 's');
    for (;;) {
        int outcome = store_step(store, 0, &claim, &error);
        if (outcome != BB_COMMIT_DONE)
            return outcome < 0 ? 99 : outcome;
        acknowledge(claim.position.offset);
    }
}

/* The parent's part runs in a process of its own, too: each round opens anew. */
static int claim_and_look(struct store_child *self, const char *directory) {
    uint64_t number, done;
    struct bb_claim claim;
    struct bb_error error;
    struct bb_store *store = open_and_claim(directory, &claim);

    (void)self;
    done = atomic_load(&acknowledged->steps);
    if (claim.position.offset < done) /* it may have been stopped before it could tell */
        return 2;
    if (claim.position.offset > done + 1)
        return 3;
    if (store_steps_look(store, 0, &number) || number != claim.position.offset)
        return 4;
    if (store_step(store, 0, &claim, &error) != BB_COMMIT_DONE)
        return 5;
    acknowledge(claim.position.offset);
    if (store->ops->outbox_trim(store, 0, claim.position.offset, &error) != 0)
        return 6;
    store->ops->close(store);
    return 0;
}

static void torture(const char *directory, int signal, struct bb_random *random) {
    struct store_child writer, claimer;

    store_child_start(&writer, step_for_ever, directory);
    cr_assert_eq(store_child_hear(&writer), 's');
    usleep((useconds_t)bb_random_below(random, 20000));
    kill(writer.pid, signal);
    store_child_start(&claimer, claim_and_look, directory);
    int looked = store_child_end(&claimer);
    cr_assert_eq(looked, 0, "the claim after signal %d ended with %d", signal, looked);
    kill(writer.pid, SIGCONT);
    int ended = store_child_end(&writer);
    cr_assert(ended == -SIGKILL || ended == BB_COMMIT_FENCED, "the writer ended with %d", ended);
}

Test(store_takeover, survives_stops_and_kills_anywhere, .timeout = 2000) {
    char directory[LOG_FOLDER_SIZE];
    struct bb_random random;
    const char *soak = getenv("BUSBAR_SOAK");
    int rounds = soak && *soak && *soak != '0' ? 1000 : 15;

    acknowledged = mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(acknowledged, MAP_FAILED);
    log_folder_make(directory);
    bb_random_seed(&random, (uint64_t)bb_monotonic_ns());
    for (int i = 0; i < rounds; i++) {
        torture(directory, SIGSTOP, &random);
        torture(directory, SIGKILL, &random);
    }
    log_folder_remove(directory);
}
