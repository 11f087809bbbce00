/* What only files have: segments, the lock, other processes, disks that fail.
 *
 * The contract suite holds the embedded log to the port; crashes and damage are in
 * test_log_recover.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/log_embedded_internal.h"
#include "base/random.h"
#include "support/log_folder.h"

static int open_plain(const char *folder, bool append, struct bb_log **log,
                      struct bb_error *error) {
    struct bb_log_embedded_options options = {.partitions = 2, .append = append};

    return bb_log_embedded_open(folder, &options, log, error);
}

/* ---- making and opening ---------------------------------------------------------------------- */

Test(log_embedded, is_made_once_and_keeps_its_identity) {
    char folder[LOG_FOLDER_SIZE], deep[LOG_FILE_SIZE];
    struct bb_log *log = NULL;
    struct bb_error error = {0};

    log_folder_make(folder);
    snprintf(deep, sizeof deep, "%s/plant/data/log/", folder);
    cr_expect_eq(open_plain(deep, false, &log, &error), -BB_E_DATA_MISSING);
    cr_expect_not(log_file_exists(deep), "asking made something");
    cr_assert_eq(open_plain(deep, true, &log, &error), 0, "%s", error.text);
    uint64_t identity = log->identity;
    log->ops->close(log);

    struct bb_log_embedded_options other = {.partitions = 7, .append = true};
    cr_assert_eq(bb_log_embedded_open(deep, &other, &log, &error), 0);
    cr_expect_eq(log->identity, identity);
    cr_expect_eq(log->partitions, 2, "partitions are chosen once");
    log->ops->close(log);
    log_folder_remove(folder);
}

Test(log_embedded, has_eight_partitions_unless_told) {
    char folder[LOG_FOLDER_SIZE];
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct bb_log_embedded_options options = {.append = true};

    log_folder_make(folder);
    cr_assert_eq(bb_log_embedded_open(folder, &options, &log, &error), 0);
    cr_expect_eq(log->partitions, 8);
    log->ops->close(log);
    options.partitions = BB_LOG_PARTITIONS_LIMIT + 1;
    cr_expect_eq(bb_log_embedded_open(folder, &options, &log, &error), -BB_E_CONFIG_INVALID);
    log_folder_remove(folder);
}

/* The making was interrupted before log.meta got its name. */
Test(log_embedded, can_be_made_again_after_an_interruption) {
    char folder[LOG_FOLDER_SIZE], file[LOG_FILE_SIZE];

    log_folder_make(folder);
    snprintf(file, sizeof file, "%s/p0000", folder);
    cr_assert_eq(mkdir(file, 0750), 0);
    snprintf(file, sizeof file, "%s/log.meta.new", folder);
    log_file_store(file, "half", 4);
    struct bb_log *log = log_folder_open(folder, 0);
    log->ops->close(log);
    log_folder_remove(folder);
}

Test(log_embedded, refuses_too_long_a_body) {
    char folder[LOG_FOLDER_SIZE];
    struct bb_error error = {0};
    struct bb_log_record record = {.body = {folder, BB_LOG_BODY_LIMIT + (size_t)1}};

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 0);
    cr_expect_lt(log->ops->append(log, 0, &record, &error), 0);
    cr_expect_eq(log_end(log, 0).offset, 0);
    log->ops->close(log);
    log_folder_remove(folder);
}

Test(log_embedded, says_when_it_may_not) {
    char folder[LOG_FOLDER_SIZE], inside[LOG_FILE_SIZE];
    struct bb_log *log = NULL;
    struct bb_error error = {0};

    log_folder_make(folder);
    snprintf(inside, sizeof inside, "%s/log", folder);
    cr_assert_eq(open_plain(inside, true, &log, &error), 0);
    log->ops->close(log);
    cr_assert_eq(chmod(inside, 0), 0);
    if (geteuid() == 0) /* rights do not bind root */
        cr_assert_eq(seteuid(65534), 0);
    cr_expect_eq(open_plain(inside, true, &log, &error), -BB_E_NO_PERMISSION, "%s", error.text);
    cr_expect_not_null(strstr(error.text, inside), "%s", error.text);
    cr_expect_eq(open_plain(inside, false, &log, &error), -BB_E_NO_PERMISSION, "%s", error.text);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(inside, 0750), 0);
    log_folder_remove(folder);
}

/* ---- the lock -------------------------------------------------------------------------------- */

Test(log_embedded, has_one_appender) {
    char folder[LOG_FOLDER_SIZE], pid[24];
    struct bb_log *second = NULL;
    struct bb_error error = {0};

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 0);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    cr_expect_eq(open_plain(folder, true, &second, &error), -BB_E_LOCKED);
    cr_expect_not_null(strstr(error.text, pid), "%s", error.text);
    cr_expect(error.retriable);
    struct bb_log *reader = log_folder_open_reader(folder);
    reader->ops->close(reader);

    pid_t child = fork();
    if (child == 0)
        _exit(open_plain(folder, true, &second, &error) == -BB_E_LOCKED ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    cr_expect_eq(status, 0, "another process gets in");

    log->ops->close(log);
    cr_expect_eq(open_plain(folder, true, &second, &error), 0, "the lock goes with its holder");
    second->ops->close(second);
    log_folder_remove(folder);
}

/* ---- segments -------------------------------------------------------------------------------- */

Test(log_embedded, rolls_segments_named_by_their_offset) {
    char folder[LOG_FOLDER_SIZE], file[LOG_FILE_SIZE], large[3000] = {1};
    struct bb_log_record record = {.kind = BB_RECORD_FRAME, .body = {large, 100}};
    struct bb_error error = {0};
    /* 168 bytes each: two fit in 400; the large one stands alone. */
    static const uint64_t sizes[] = {100, 100, 100, sizeof large, 100};
    static const uint64_t segments[] = {0, 336, 504, 3568};
    struct stat status;

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 400);
    for (size_t i = 0; i < 5; i++) {
        record.body.size = sizes[i];
        cr_assert_eq(log->ops->append(log, 1, &record, &error), 0);
    }
    log_sync(log);
    for (size_t i = 0; i < 4; i++) {
        log_folder_segment(folder, 1, segments[i], file);
        cr_assert_eq(stat(file, &status), 0, "%s", file);
        cr_expect_eq((uint64_t)status.st_size, (i < 3 ? segments[i + 1] : 3736) - segments[i]);
    }
    log->ops->close(log);
    log_folder_remove(folder);
}

Test(log_embedded, removes_the_files_it_trims) {
    char folder[LOG_FOLDER_SIZE], file[LOG_FILE_SIZE];
    struct bb_log_record record[6];
    struct bb_error error = {0};

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 1); /* a segment for every record */
    for (uint64_t i = 0; i < 6; i++)
        log_append_sample(log, 0, i, &record[i]);
    log_sync(log);
    cr_expect_eq(log->ops->trim(log, 0, record[4].offset, INT64_MAX, &error), 0);
    for (int i = 0; i < 6; i++) {
        log_folder_segment(folder, 0, record[i].offset, file);
        cr_expect_eq(log_file_exists(file), i >= 4, "segment %d", i);
    }
    log->ops->close(log);
    log = log_folder_open(folder, 1);
    cr_expect_eq(log_end(log, 0).first_offset, record[4].offset, "trimmed stays trimmed");
    cr_expect_eq(log->ops->trim(log, 0, record[5].next_offset, INT64_MAX, &error), 0);
    cr_expect_eq(log_count_samples(log, 0, record[5].offset, 5), 1, "the last one stays");
    log->ops->close(log);
    log_folder_remove(folder);
}

/* ---- other processes ------------------------------------------------------------------------- */

/* Reads partition 0 as it grows, waiting and never asking in vain; 0 when all `count` came. */
static int follow(const char *folder, uint64_t count) {
    struct bb_log *log = NULL;
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record = {.next_offset = 0};
    struct bb_error error;
    uint64_t seed = 0;

    if (open_plain(folder, false, &log, &error) < 0 ||
        log->ops->reader_open(log, 0, &reader, &error) < 0)
        return 2;
    while (seed < count) {
        int result = log->ops->read(reader, record.next_offset, &record, &error);
        if (result == BB_LOG_RECORD && log_sample_equal(&record, seed))
            seed++;
        else if (result != BB_LOG_END)
            return 3;
        else if (log->ops->wait(log, 20000, &error) != 0)
            return 4;
    }
    log->ops->reader_close(reader);
    log->ops->close(log);
    return 0;
}

Test(log_embedded, is_followed_by_other_processes, .timeout = 60) {
    char folder[LOG_FOLDER_SIZE];
    struct bb_log_record record;
    struct bb_error error = {0};
    pid_t child[3];

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 2000);
    log->ops->close(log);
    for (int i = 0; i < 3; i++) {
        child[i] = fork(); /* before the log is open here: nothing is shared */
        if (child[i] == 0)
            _exit(follow(folder, 3000));
    }
    log = log_folder_open(folder, 2000);
    for (uint64_t i = 0; i < 3000; i++) {
        log_append_sample(log, 0, i, &record);
        if (i % 10 == 0)
            cr_assert_eq(log->ops->sync_begin(log, &error), 0);
        if (i % 500 == 0)
            log_sync(log);
    }
    log_sync(log);
    for (int i = 0; i < 3; i++) {
        int status = -1;
        waitpid(child[i], &status, 0);
        cr_expect_eq(status, 0, "reader %d: %x", i, (unsigned)status);
    }
    log->ops->close(log);
    log_folder_remove(folder);
}

/* Appends for ever and tells through the pipe what was acknowledged. */
static void append_until_killed(const char *folder, int acknowledge, uint64_t seed) {
    struct bb_log *log = log_folder_open(folder, 60000);
    struct bb_log_record record;

    for (uint64_t next = seed;; next++) {
        log_append_sample(log, 0, next, &record);
        if (next % 3 == 0) {
            log_sync(log);
            if (write(acknowledge, &next, sizeof next) != (ssize_t)sizeof next)
                _exit(1);
        }
    }
}

Test(log_embedded, survives_kill_9_at_any_time, .timeout = 120) {
    char folder[LOG_FOLDER_SIZE];
    struct bb_random random;
    uint64_t kept = 0;

    log_folder_make(folder);
    bb_random_seed(&random, 20);
    for (int round = 0; round < 40; round++) {
        int pipes[2];
        uint64_t acknowledged = 0, count = kept, records = 0;
        struct bb_error error = {0};

        cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0)
            append_until_killed(folder, pipes[1], kept);
        close(pipes[1]);
        usleep((useconds_t)bb_random_below(&random, 15000));
        kill(child, SIGKILL);
        while (read(pipes[0], &acknowledged, sizeof acknowledged) == (ssize_t)sizeof acknowledged)
            count = acknowledged + 1;
        close(pipes[0]);
        waitpid(child, NULL, 0);

        struct bb_log *log = log_folder_open(folder, 60000);
        int64_t found = log_count_samples(log, 0, 0, 0);
        cr_assert_geq(found, (int64_t)count, "round %d: acknowledged and gone", round);
        cr_assert_eq(log->ops->verify(log, 0, &records, &error), 0, "%s", error.text);
        kept = (uint64_t)found;
        log->ops->close(log);
    }
    cr_expect_gt(kept, 0);
    log_folder_remove(folder);
}

/* ---- disks that fail ------------------------------------------------------------------------- */

Test(log_embedded, takes_back_a_record_that_did_not_fit) {
    char folder[LOG_FOLDER_SIZE], body[2000] = {0};
    struct bb_log_record record = {.kind = BB_RECORD_FRAME, .body = {body, sizeof body}}, sample;
    struct rlimit limit, before;
    struct bb_error error = {0};
    uint64_t records = 0;

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 0);
    log_append_sample(log, 0, 0, &sample);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1500; /* the write comes out short, then fails */
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(log->ops->append(log, 0, &record, &error), -BB_E_LOG_IO);
    cr_expect_not_null(strstr(error.text, folder), "%s", error.text);
    log_append_sample(log, 0, 1, &sample); /* what fits is welcome */
    log_sync(log);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_expect_eq(log->ops->append(log, 0, &record, &error), 0, "space is back");
    log_sync(log);
    cr_expect_eq(log->ops->verify(log, 0, &records, &error), 0, "%s", error.text);
    cr_expect_eq(records, 3);
    log->ops->close(log);
    log_folder_remove(folder);
}

/* Put a file that cannot be synced in the place of the active segment. */
static void break_segment(struct bb_log *log, uint32_t partition) {
    struct bb_log_files *files = (struct bb_log_files *)log;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_geq(dup3(fd, files->partition[partition].fd, O_CLOEXEC), 0);
    close(fd);
}

/* A failed fdatasync is the end: nothing is tried again, nothing more is taken. */
Test(log_embedded, is_poisoned_by_a_failed_sync) {
    for (int begin = 0; begin <= 1; begin++) {
        char folder[LOG_FOLDER_SIZE], body[LOG_SAMPLE_LIMIT];
        struct bb_log_record record, sample = log_sample(7, body);
        struct bb_error error = {0};

        log_folder_make(folder);
        struct bb_log *log = log_folder_open(folder, 0);
        log_append_sample(log, 0, 0, &record);
        log_append_sample(log, 1, 0, &record);
        log_sync(log);
        struct bb_log_end end = log_end(log, 0);
        break_segment(log, 0);
        log_append_sample(log, 0, 1, &record);
        log_append_sample(log, 1, 1, &record);
        if (begin)
            cr_expect_leq(log->ops->sync_begin(log, &error), 0);
        cr_expect_eq(log->ops->sync(log, &error), -BB_E_LOG_IO);
        cr_expect_not_null(strstr(error.text, "p0000/"), "%s", error.text);
        cr_expect_eq(log->ops->append(log, 0, &sample, &error), -BB_E_LOG_IO);
        cr_expect_eq(log->ops->append(log, 1, &sample, &error), -BB_E_LOG_IO);
        cr_expect_eq(log->ops->sync_begin(log, &error), -BB_E_LOG_IO);
        cr_expect_eq(log->ops->sync(log, &error), -BB_E_LOG_IO);
        cr_expect_eq(log_end(log, 0).offset, end.offset, "nothing was acknowledged");
        cr_expect_eq(log_count_samples(log, 0, 0, 0), 1, "what was durable can be read");
        log->ops->close(log);
        log = log_folder_open(folder, 0);
        cr_expect_eq(log_count_samples(log, 0, 0, 0), 1);
        log->ops->close(log);
        log_folder_remove(folder);
    }
}

/* A partial record that cannot be cut off: nothing may be written behind it. */
Test(log_embedded, is_poisoned_when_it_cannot_cut) {
    char folder[LOG_FOLDER_SIZE], body[LOG_SAMPLE_LIMIT], file[LOG_FILE_SIZE];
    struct bb_log_record record = log_sample(7, body), first;
    struct bb_error error = {0};

    log_folder_make(folder);
    struct bb_log *log = log_folder_open(folder, 0);
    log_append_sample(log, 0, 0, &first);
    log_sync(log);
    /* The same file, opened for reading: neither write nor cut will do. */
    struct bb_log_files *files = (struct bb_log_files *)log;
    log_folder_segment(folder, 0, 0, file);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(dup3(fd, files->partition[0].fd, O_CLOEXEC), 0);
    close(fd);
    cr_expect_eq(log->ops->append(log, 0, &record, &error), -BB_E_LOG_IO);
    cr_expect_eq(log->ops->append(log, 1, &record, &error), -BB_E_LOG_IO, "poisoned");
    cr_expect_eq(log->ops->sync(log, &error), -BB_E_LOG_IO);
    log->ops->close(log);
    log_folder_remove(folder);
}
