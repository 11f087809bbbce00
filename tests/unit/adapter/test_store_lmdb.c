/* What only the embedded store has: a map that grows, readers in other processes, files and rights,
 * several stores over one folder. Takeover is in test_store_takeover.c, the port's promises in
 * tests/contract/test_store*.c.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/store_lmdb_internal.h"
#include "base/crc.h"
#include "support/log_folder.h"
#include "support/store_steps.h"

enum { SMALL_MAP = 1 << 20, NOBODY = 65534 };

static char directory[LOG_FOLDER_SIZE];

static void make_directory(void) {
    log_folder_make(directory);
}

static void remove_directory(void) {
    log_folder_remove(directory);
}

TestSuite(store_lmdb, .init = make_directory, .fini = remove_directory);

static struct bb_store *open_sized(bool read_only, size_t map_bytes) {
    struct bb_store_lmdb_options options = {.partitions = 2, .read_only = read_only};
    struct bb_store *store;
    struct bb_error error;

    if (bb_store_lmdb_open_sized(directory, &options, map_bytes, &store, &error) != 0)
        bb_bug(__FILE__, __LINE__, error.text); /* children come by here, too */
    return store;
}

static struct bb_store *open_store(void) {
    return open_sized(false, BB_LMDB_MAP_BYTES);
}

static int open_result(bool read_only, struct bb_error *error) {
    struct bb_store_lmdb_options options = {.partitions = 2, .read_only = read_only};
    struct bb_store *store;
    int result = bb_store_lmdb_open(directory, &options, &store, error);

    if (result == 0)
        store->ops->close(store);
    return result;
}

static struct bb_claim claim_of(struct bb_store *store) {
    struct bb_claim claim;
    struct bb_error error;

    if (store->ops->claim(store, 0, STORE_STEP_LOG, &claim, &error) != 0)
        bb_bug(__FILE__, __LINE__, error.text);
    return claim;
}

static struct bb_lmdb_env *env_of(struct bb_store *store) {
    struct bb_lmdb_env *env;
    struct bb_error error;

    BB_ASSERT(bb_lmdb_partition(store, 0, &env, &error) == 0);
    return env;
}

static size_t map_bytes(struct bb_store *store) {
    MDB_envinfo info;

    mdb_env_info(env_of(store)->mdb, &info);
    return info.me_mapsize;
}

static const char *file_of(const char *name) {
    static char path[LOG_FILE_SIZE];

    snprintf(path, sizeof path, "%s/p0000/%s", directory, name);
    return path;
}

/* ---- the map --------------------------------------------------------------------------------- */

/* One commit of `count` blocks of 4000 bytes in span `span`. */
static int commit_large(struct bb_store *store, struct bb_claim *claim, int32_t span,
                        uint32_t count, struct bb_error *error) {
    static char bytes[4000];
    struct bb_block_change *blocks = calloc(count, sizeof *blocks);
    struct bb_commit commit = {.epoch = claim->epoch,
                               .from = claim->position,
                               .to = {.offset = claim->position.offset + 1},
                               .blocks = blocks,
                               .block_count = count};

    for (uint32_t i = 0; i < count; i++)
        blocks[i] = (struct bb_block_change){.key = {.channel = i, .span = span},
                                             .packed = {bytes, sizeof bytes}};
    int outcome = store->ops->commit(store, 0, &commit, error);
    if (outcome == BB_COMMIT_DONE)
        claim->position = commit.to;
    free(blocks);
    return outcome;
}

static int count_visit(void *context, const struct bb_block_key *key, struct bb_span packed) {
    (void)key;
    BB_ASSERT(packed.size == 4000);
    ++*(uint32_t *)context;
    return 0;
}

static uint32_t count_blocks(struct bb_store *store) {
    struct bb_store_view *view;
    struct bb_error error;
    uint32_t count = 0;

    if (store->ops->view_begin(store, 0, &view, &error) != 0)
        bb_bug(__FILE__, __LINE__, error.text);
    BB_ASSERT(store->ops->block_scan(view, 0, INT32_MIN, INT32_MAX, count_visit, &count, &error) ==
              0);
    store->ops->view_end(view);
    return count;
}

Test(store_lmdb, grows_its_map) {
    struct bb_store *store = open_sized(false, SMALL_MAP);
    struct bb_claim claim = claim_of(store);
    struct bb_error error;

    cr_expect_eq(map_bytes(store), SMALL_MAP);
    cr_assert_eq(commit_large(store, &claim, 1, 5000, &error), BB_COMMIT_DONE, "%s", error.text);
    cr_expect_eq(map_bytes(store), 32 << 20, "doubled as often as one commit needed");
    cr_assert_eq(commit_large(store, &claim, 2, 5000, &error), BB_COMMIT_DONE);
    cr_expect_eq(count_blocks(store), 10000);
    store->ops->close(store);

    store = open_sized(false, SMALL_MAP);
    cr_expect_eq(map_bytes(store), 64 << 20, "the file knows how large its map was");
    cr_expect_eq(count_blocks(store), 10000);
    store->ops->close(store);
    store = open_store();
    cr_expect_eq(map_bytes(store), BB_LMDB_MAP_BYTES);
    store->ops->close(store);
}

struct held_view {
    struct bb_store *store;
    int begun[2]; /* a pipe: one byte when the view is open */
};

static void *hold_view(void *context) {
    struct held_view *held = context;
    struct bb_store_view *view;
    struct bb_error error;
    struct bb_block_key key = {.channel = 0, .span = 1};
    struct bb_span packed;
    int failed = held->store->ops->view_begin(held->store, 0, &view, &error) != 0;

    failed |= write(held->begun[1], "b", 1) != 1;
    for (int i = 0; i < 20; i++) { /* the writer wants to grow the map below this */
        failed |= held->store->ops->block_get(view, &key, &packed, &error) != BB_FOUND;
        failed |= packed.data[0] != 0;
        usleep(10 * 1000);
    }
    held->store->ops->view_end(view);
    return failed ? "failed" : NULL;
}

Test(store_lmdb, waits_for_views_before_it_grows) {
    struct held_view held = {.store = open_sized(false, SMALL_MAP)};
    struct bb_claim claim = claim_of(held.store);
    struct bb_error error;
    pthread_t thread;
    void *failure;
    char begun;

    cr_assert_eq(commit_large(held.store, &claim, 1, 10, &error), BB_COMMIT_DONE);
    cr_assert_eq(pipe(held.begun), 0);
    cr_assert_eq(pthread_create(&thread, NULL, hold_view, &held), 0);
    cr_assert_eq(read(held.begun[0], &begun, 1), 1);
    cr_expect_eq(commit_large(held.store, &claim, 2, 2000, &error), BB_COMMIT_DONE, "%s",
                 error.text);
    cr_assert_eq(pthread_join(thread, &failure), 0);
    cr_expect_null(failure);
    cr_expect_eq(count_blocks(held.store), 2010);
    held.store->ops->close(held.store);
}

/* ---- the memory of a large commit ------------------------------------------------------------- */

static long anonymous_kib(void) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kib = -1;

    while (f && fgets(line, sizeof line, f) && sscanf(line, "RssAnon: %ld", &kib) != 1)
        continue;
    if (f)
        fclose(f);
    return kib;
}

Test(store_lmdb, gives_back_the_memory_of_a_large_commit) {
    enum { BLOCKS = 24000, BLOCK_BYTES = 700, ALLOWED_KIB = 6 << 10 };
    static char bytes[BLOCK_BYTES];
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("the sanitizer keeps what is freed");
#endif
    struct bb_store *store = open_store();
    struct bb_claim claim = claim_of(store);
    struct bb_block_change *blocks = calloc(BLOCKS, sizeof *blocks);
    struct bb_error error;

    for (uint32_t i = 0; i < BLOCKS; i++)
        blocks[i] = (struct bb_block_change){.key = {.channel = i, .span = 1},
                                             .packed = {bytes, sizeof bytes}};
    struct bb_commit commit = {.epoch = claim.epoch,
                               .from = claim.position,
                               .to = {.offset = claim.position.offset + 1},
                               .blocks = blocks,
                               .block_count = BLOCKS};
    long before = anonymous_kib();
    cr_assert_eq(store->ops->commit(store, 0, &commit, &error), BB_COMMIT_DONE, "%s", error.text);
    long after = anonymous_kib();
    cr_expect_lt(after - before, ALLOWED_KIB, "%ld KiB stayed behind", after - before);
    free(blocks);
    store->ops->close(store);
}

struct looking {
    struct bb_store *store;
    atomic_bool stop;
    uint32_t looks;
};

/* Views begin and end while the writer opens its environment anew. */
static void *look(void *context) {
    struct looking *looking = context;
    uint32_t seen = 0, now;

    for (; !atomic_load(&looking->stop); seen = now, looking->looks++) {
        now = count_blocks(looking->store);
        if (now < seen)
            return "what was there is gone";
    }
    return NULL;
}

Test(store_lmdb, is_read_while_memory_is_given_back) {
    enum { COMMITS = 8, BLOCKS = 2500 };
    struct looking looking = {.store = open_store()};
    struct bb_claim claim = claim_of(looking.store);
    struct bb_error error;
    pthread_t thread;
    void *failure;

    cr_assert_eq(pthread_create(&thread, NULL, look, &looking), 0);
    for (int i = 0; i < COMMITS; i++)
        cr_assert_eq(commit_large(looking.store, &claim, i + 1, BLOCKS, &error), BB_COMMIT_DONE,
                     "%s", error.text);
    atomic_store(&looking.stop, true);
    cr_assert_eq(pthread_join(thread, &failure), 0);
    cr_expect_null(failure, "%s", (const char *)failure);
    cr_expect_gt(looking.looks, 0);
    cr_expect_eq(count_blocks(looking.store), COMMITS * BLOCKS);
    looking.store->ops->close(looking.store);
}

/* Reads with a map that the parent has outgrown meanwhile; then writes with it. */
static int outgrown(struct store_child *self, const char *unused) {
    struct bb_store *store = open_sized(false, SMALL_MAP);
    struct bb_claim claim;
    struct bb_error error;

    (void)unused;
    if (count_blocks(store) != 0)
        return 1;
    store_child_say(self, 'o');
    if (store_child_hear(self) != 'r' || count_blocks(store) != 3000)
        return 2;
    store_child_say(self, 'r');
    if (store_child_hear(self) != 'w')
        return 3;
    claim = claim_of(store);
    if (commit_large(store, &claim, 9, 1, &error) != BB_COMMIT_DONE || count_blocks(store) != 9001)
        return 4;
    store->ops->close(store);
    return 0;
}

Test(store_lmdb, follows_a_map_that_another_process_grew) {
    struct store_child child;
    struct bb_error error;

    store_child_start(&child, outgrown, directory);
    cr_assert_eq(store_child_hear(&child), 'o');
    struct bb_store *store = open_sized(false, SMALL_MAP);
    struct bb_claim claim = claim_of(store);
    cr_assert_eq(commit_large(store, &claim, 1, 3000, &error), BB_COMMIT_DONE);
    store_child_say(&child, 'r');
    cr_assert_eq(store_child_hear(&child), 'r');
    cr_assert_eq(commit_large(store, &claim, 2, 6000, &error), BB_COMMIT_DONE);
    store_child_say(&child, 'w');
    cr_expect_eq(store_child_end(&child), 0);
    cr_expect_eq(commit_large(store, &claim, 3, 1, &error), BB_COMMIT_FENCED);
    store->ops->close(store);
}

/* ---- readers --------------------------------------------------------------------------------- */

static int die_with_a_view(struct store_child *self, const char *unused) {
    struct bb_store *store = open_sized(true, BB_LMDB_MAP_BYTES);
    struct bb_store_view *view;
    struct bb_error error;

    (void)unused;
    (void)self;
    if (store->ops->view_begin(store, 0, &view, &error) != 0)
        return 1;
    return raise(SIGKILL);
}

static int hold_open(struct store_child *self, const char *unused) {
    struct bb_store *store = open_store();

    (void)unused;
    claim_of(store);
    store_child_say(self, 'o');
    store_child_hear(self);
    store->ops->close(store);
    return 0;
}

static int count_line(const char *line, void *context) {
    ++*(int *)context;
    return line ? 0 : -1;
}

/* One line of heading, one per reader. */
static int readers(struct bb_store *store) {
    int lines = 0;

    BB_ASSERT(mdb_reader_list(env_of(store)->mdb, count_line, &lines) >= 0);
    return lines - 1;
}

Test(store_lmdb, clears_readers_that_died) {
    struct store_child holder, dead[3];
    struct bb_error error;

    store_child_start(&holder, hold_open, directory); /* keeps the table of readers alive */
    cr_assert_eq(store_child_hear(&holder), 'o');
    for (int i = 0; i < 3; i++)
        store_child_start(&dead[i], die_with_a_view, directory);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(store_child_end(&dead[i]), -SIGKILL);
    struct bb_store *store = open_store();
    cr_expect_eq(readers(store), 0, "cleared at open");

    /* ... and with the first write of each minute. */
    struct bb_claim claim = claim_of(store);
    struct bb_lmdb_env *env = env_of(store);
    MDB_txn *txn;
    cr_assert_eq(bb_lmdb_read_begin(env, &txn, &error), 0);
    cr_expect_eq(readers(store), 1, "the living stay");
    cr_expect_eq(bb_lmdb_readers_clear(env), 0);
    bb_lmdb_read_end(env, txn);
    int64_t checked = env->readers_checked_ns;
    cr_assert_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    cr_expect_eq(env->readers_checked_ns, checked, "not with every write");
    env->readers_checked_ns -= INT64_C(61000000000);
    cr_assert_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    cr_expect_gt(env->readers_checked_ns, checked);
    store->ops->close(store);
    cr_expect_eq(store_child_end(&holder), 0);
}

/* ---- stores ---------------------------------------------------------------------------------- */

Test(store_lmdb, remembers_how_it_was_made) {
    struct bb_store_lmdb_options options = {.partitions = 5, .key_order = BB_KEY_CHANNEL_FIRST};
    struct bb_store *store;
    struct bb_error error;

    cr_assert_eq(bb_store_lmdb_open(directory, &options, &store, &error), 0);
    struct bb_claim claim = claim_of(store);
    cr_assert_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    store->ops->close(store);
    store = open_store();
    cr_expect_eq(store->partitions, 5);
    cr_expect_eq(env_of(store)->key_order, BB_KEY_CHANNEL_FIRST);
    uint64_t number = 0;
    cr_expect_null(store_steps_look(store, 0, &number));
    cr_expect_eq(number, 1);
    store->ops->close(store);
}

static int order_visit(void *context, const struct bb_block_key *key, struct bb_span packed) {
    int *seen = context;

    cr_expect_eq(packed.data[0], (char)('0' + *seen));
    cr_expect_eq(key->channel, (uint32_t)*seen / 2);
    cr_expect_eq(key->span, *seen % 2 - 1);
    ++*seen;
    return 0;
}

Test(store_lmdb, keeps_the_other_key_order_too) {
    struct bb_store_lmdb_options options = {.partitions = 1, .key_order = BB_KEY_CHANNEL_FIRST};
    static const char digits[] = "0123456789";
    struct bb_block_change blocks[10];
    struct bb_store *store;
    struct bb_store_view *view;
    struct bb_error error;
    int seen = 0;

    cr_assert_eq(bb_store_lmdb_open(directory, &options, &store, &error), 0);
    struct bb_claim claim = claim_of(store);
    for (int i = 0; i < 10; i++) /* in the order of commits: span -1, then span 0 */
        blocks[i] = (struct bb_block_change){.key = {.channel = (uint32_t)i % 5, .span = i / 5 - 1},
                                             .packed = {digits + i % 5 * 2 + i / 5, 1}};
    struct bb_commit commit = {.epoch = claim.epoch, .blocks = blocks, .block_count = 10};
    cr_assert_eq(store->ops->commit(store, 0, &commit, &error), BB_COMMIT_DONE);
    cr_assert_eq(store->ops->view_begin(store, 0, &view, &error), 0);
    cr_expect_eq(store->ops->block_scan(view, 0, -1, 0, order_visit, &seen, &error), 0);
    cr_expect_eq(seen, 10);
    for (int i = 9; i >= 0; i--) {
        struct bb_span packed;
        cr_expect_eq(store->ops->block_get(view, &blocks[i].key, &packed, &error), BB_FOUND);
        cr_expect_eq(packed.data[0], blocks[i].packed.data[0]);
    }
    store->ops->view_end(view);
    store->ops->close(store);
}

/* Two stores of one process share the environment; closing one must not hurt the other. */
Test(store_lmdb, shares_a_folder_within_a_process) {
    struct bb_store *old = open_store(), *new = open_sized(false, SMALL_MAP);
    struct bb_store *reader = open_sized(true, SMALL_MAP);
    struct bb_claim old_claim = claim_of(old), new_claim = claim_of(new);
    struct bb_error error;
    uint64_t number;

    cr_expect_eq(env_of(old), env_of(reader));
    cr_expect_eq(store_step(old, 0, &old_claim, &error), BB_COMMIT_FENCED);
    cr_expect_eq(store_step(new, 0, &new_claim, &error), BB_COMMIT_DONE);
    old->ops->close(old);
    cr_expect_eq(store_step(new, 0, &new_claim, &error), BB_COMMIT_DONE);
    cr_expect_null(store_steps_look(reader, 0, &number));
    cr_expect_eq(number, 2);
    new->ops->close(new);
    reader->ops->close(reader);
}

Test(store_lmdb, hands_no_descriptor_to_children) {
    struct bb_store *store = open_store();
    struct bb_error error;
    struct bb_claim claim = claim_of(store);
    char link[64], target[LOG_FILE_SIZE];
    int seen = 0;

    cr_assert_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    for (int file = 0; file < 256; file++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t size = readlink(link, target, sizeof target - 1);
        if (size <= 0 || strncmp(target, directory, strlen(directory)) != 0)
            continue;
        target[size] = '\0';
        seen++;
        cr_expect(fcntl(file, F_GETFD) & FD_CLOEXEC, "%s", target);
    }
    cr_expect_eq(seen, 4, "data twice, locks, writer");
    store->ops->close(store);
}

static int use_across_fork(struct bb_store *store) {
    struct bb_store_view *view;
    struct bb_error error;
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    freopen("/dev/null", "w", stderr);
    return store->ops->view_begin(store, 0, &view, &error);
}

Test(store_lmdb, asserts_that_it_is_not_used_across_a_fork) {
    struct bb_store *store = open_store();
    struct store_child child = {.hear = -1, .say = -1};

    child.pid = fork();
    if (child.pid == 0)
        _exit(use_across_fork(store));
    cr_expect_eq(store_child_end(&child), -SIGABRT);
    store->ops->close(store);
}

/* ---- reading only, rights, damage ------------------------------------------------------------ */

Test(store_lmdb, reads_only_what_is_there) {
    struct bb_error error;
    struct bb_claim claim;
    struct bb_store_view *view;
    uint64_t number = 9, used, file;

    cr_expect_eq(open_result(true, &error), -BB_E_DATA_MISSING);
    struct bb_store *store = open_store();
    struct bb_store *reader = open_sized(true, BB_LMDB_MAP_BYTES);
    cr_expect_eq(reader->partitions, 2);
    cr_assert_eq(reader->ops->view_begin(reader, 1, &view, &error), 0, "nobody has written to it");
    cr_expect_eq(reader->ops->position(view, &claim, &error), 0);
    cr_expect_eq(claim.epoch, 0);
    reader->ops->view_end(view);
    cr_expect_null(store_steps_look(reader, 1, &number));
    cr_expect_eq(number, 0);
    cr_expect_eq(reader->ops->size(reader, 1, &used, &file, &error), 0);
    cr_expect_eq(used + file, 0);
    cr_expect_neq(access(file_of("../p0001"), F_OK), 0, "and reading made nothing");
    cr_expect_eq(reader->ops->claim(reader, 0, 1, &claim, &error), -BB_E_NO_PERMISSION);
    cr_expect_eq(reader->ops->outbox_trim(reader, 0, 1, &error), -BB_E_NO_PERMISSION);
    cr_assert_eq(store->ops->claim(store, 1, STORE_STEP_LOG, &claim, &error), 0);
    cr_assert_eq(store_step(store, 1, &claim, &error), BB_COMMIT_DONE);
    cr_expect_null(store_steps_look(reader, 1, &number));
    cr_expect_eq(number, 1, "it sees what came later");
    reader->ops->close(reader);
    store->ops->close(store);
}

/* Files of another user, of which this one may do less and less. */
static int read_as_nobody(struct store_child *self, const char *unused) {
    struct bb_error error;
    uint64_t number = 0;

    (void)unused;
    (void)self;
    BB_ASSERT(setuid(NOBODY) == 0);
    int result = open_result(true, &error);
    if (result != 0)
        return -result & 0xff;
    struct bb_store *store = open_sized(true, BB_LMDB_MAP_BYTES);
    if (store_steps_look(store, 0, &number) || number != 1)
        return 1;
    store->ops->close(store);
    return 0;
}

static int as_nobody(store_child_run *run) {
    struct store_child child;

    store_child_start(&child, run, directory);
    return store_child_end(&child);
}

static int write_as_nobody(struct store_child *self, const char *unused) {
    struct bb_error error;

    (void)unused;
    (void)self;
    BB_ASSERT(setuid(NOBODY) == 0);
    return -open_result(false, &error) & 0xff;
}

static int make_one_step(struct store_child *self, const char *unused) {
    struct bb_store *store = open_store();
    struct bb_claim claim = claim_of(store);
    struct bb_error error;

    (void)unused;
    if (store_step(store, 0, &claim, &error) != BB_COMMIT_DONE)
        return 1;
    store_child_say(self, 's');
    store_child_hear(self); /* keeps it open until it is told */
    store->ops->close(store);
    return 0;
}

Test(store_lmdb, reads_without_locks_only_when_alone) {
    struct store_child writer;

    if (geteuid() != 0)
        cr_skip_test("needs two users");
    umask(022);
    store_child_start(&writer, make_one_step, directory);
    cr_assert_eq(store_child_hear(&writer), 's');
    chmod(directory, 0755);
    chmod(file_of("."), 0755);
    chmod(file_of("data.mdb"), 0644);
    chmod(file_of("lock.mdb"), 0644);
    cr_expect_eq(as_nobody(read_as_nobody), BB_E_NO_PERMISSION & 0xff, "a writer is there");
    cr_expect_eq(as_nobody(write_as_nobody), BB_E_NO_PERMISSION & 0xff);
    store_child_say(&writer, 'e');
    cr_assert_eq(store_child_end(&writer), 0);
    cr_expect_eq(as_nobody(read_as_nobody), 0, "nobody is there: a backup, for one");
    unlink(file_of("lock.mdb"));
    cr_expect_eq(as_nobody(read_as_nobody), 0);
    chmod(file_of("data.mdb"), 0600);
    cr_expect_eq(as_nobody(read_as_nobody), BB_E_NO_PERMISSION & 0xff);
    cr_expect_eq(as_nobody(write_as_nobody), BB_E_NO_PERMISSION & 0xff);
}

Test(store_lmdb, reads_with_locks_what_it_may_not_write) {
    struct store_child writer;

    if (geteuid() != 0)
        cr_skip_test("needs two users");
    store_child_start(&writer, make_one_step, directory);
    cr_assert_eq(store_child_hear(&writer), 's');
    chmod(directory, 0755);
    chmod(file_of("."), 0755);
    chmod(file_of("data.mdb"), 0644);
    chmod(file_of("lock.mdb"), 0666);
    cr_expect_eq(as_nobody(read_as_nobody), 0);
    store_child_say(&writer, 'e');
    cr_assert_eq(store_child_end(&writer), 0);
}

static void overwrite_meta(const struct bb_lmdb_meta *changed) {
    struct bb_store *store = open_store();
    struct bb_lmdb_env *env = env_of(store);
    struct bb_lmdb_meta meta = *changed;
    MDB_txn *txn;

    cr_assert_eq(mdb_txn_begin(env->mdb, NULL, 0, &txn), 0);
    cr_assert_eq(bb_lmdb_meta_put(env, txn, &meta), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    store->ops->close(store);
}

Test(store_lmdb, refuses_versions_it_does_not_know) {
    struct bb_lmdb_meta meta = {.magic = "bbstore", .version = 2, .partitions = 2};
    struct bb_error error;

    overwrite_meta(&meta);
    cr_expect_eq(open_result(false, &error), -BB_E_VERSION);
    cr_expect(strstr(error.text, directory), "%s", error.text);
    cr_expect_eq(open_result(true, &error), -BB_E_VERSION);
}

/* A later version's record may be longer: that is no damage. Shorter or torn ones are. */
static int open_with_record(size_t size, uint32_t version, uint32_t crc_off) {
    char record[256] = "bbstore";
    struct bb_store *store = open_store();
    struct bb_lmdb_env *env = env_of(store);
    MDB_val key = {sizeof "partition" - 1, "partition"}, value = {size, record};
    struct bb_error error;
    MDB_txn *txn;

    memcpy(record + offsetof(struct bb_lmdb_meta, version), &version, sizeof version);
    uint32_t crc = bb_crc32c(0, record, size - sizeof crc) + crc_off;
    memcpy(record + size - sizeof crc, &crc, sizeof crc);
    cr_assert_eq(mdb_txn_begin(env->mdb, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_put(txn, env->tables.meta, &key, &value, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    store->ops->close(store);
    int result = open_result(true, &error);
    unlink(file_of("data.mdb")); /* the next one is made anew */
    return result;
}

Test(store_lmdb, tells_a_later_record_from_a_damaged_one) {
    cr_expect_eq(open_with_record(200, 2, 0), -BB_E_VERSION);
    cr_expect_eq(open_with_record(40, 2, 0), -BB_E_VERSION);
    cr_expect_eq(open_with_record(200, 1, 0), -BB_E_STORE_CORRUPT);
    cr_expect_eq(open_with_record(200, 2, 1), -BB_E_STORE_CORRUPT);
    cr_expect_eq(open_with_record(15, 2, 0), -BB_E_STORE_CORRUPT);
}

Test(store_lmdb, refuses_what_is_no_store) {
    struct bb_lmdb_meta meta = {.magic = "another", .version = 1, .partitions = 2};
    struct bb_error error;

    overwrite_meta(&meta);
    cr_expect_eq(open_result(false, &error), -BB_E_STORE_CORRUPT);
    char garbage[10000];
    memset(garbage, 'g', sizeof garbage);
    log_file_store(file_of("data.mdb"), garbage, sizeof garbage);
    cr_expect_eq(open_result(false, &error), -BB_E_STORE_CORRUPT);
    cr_expect(strstr(error.text, file_of(".")) || strstr(error.text, directory), "%s", error.text);
}

/* What is left when the power fails while a store is being made. */
Test(store_lmdb, finishes_a_store_that_was_half_made) {
    struct bb_error error;

    cr_assert_eq(mkdir(file_of(""), 0700), 0);
    cr_expect_eq(open_result(true, &error), -BB_E_DATA_MISSING);
    log_file_store(file_of("data.mdb"), "", 0);
    cr_expect_eq(open_result(true, &error), -BB_E_DATA_MISSING);
    MDB_env *mdb;
    cr_assert_eq(mdb_env_create(&mdb), 0);
    cr_assert_eq(mdb_env_open(mdb, file_of("."), 0, 0600), 0);
    mdb_env_close(mdb);
    cr_expect_eq(open_result(true, &error), -BB_E_DATA_MISSING, "no table yet: %s", error.text);
    cr_expect_eq(open_result(false, &error), 0);
    cr_expect_eq(open_result(true, &error), 0);
}
