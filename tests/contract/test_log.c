/* The port "log": one suite, every adapter.
 *
 * Each test states a promise of port/log.h and holds every adapter to it; the tests of the fault
 * decorator stand at the end. What only files can promise is in unit/adapter/test_log_*.c.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "contract/kafka_fixture.h"
#include "support/log_folder.h"

/* ---- the logs under test --------------------------------------------------------------------- */

struct fixture {
    const char *adapter;
    struct bb_log *log;
    struct bb_log *inner; /* of a decorator, else NULL */
    struct bb_fault_plan plan;
    char folder[LOG_FOLDER_SIZE];
    bool over_network; /* every read costs a way there and back */
    struct bb_error error;
};

static void open_embedded(struct fixture *f) {
    f->log = log_folder_open(f->folder, 0);
}

static void open_small_segments(struct fixture *f) {
    f->log = log_folder_open(f->folder, 512);
}

static void open_memory(struct fixture *f) {
    cr_assert_eq(bb_log_memory_open(2, &f->log, &f->error), 0);
}

static void open_fault(struct fixture *f) {
    f->inner = log_folder_open(f->folder, 0);
    f->log = bb_log_fault_wrap(f->inner, &f->plan);
    cr_assert_not_null(f->log);
}

static const struct subject {
    const char *name;
    void (*open)(struct fixture *f);
} subjects[] = {
    {"embedded", open_embedded},
    {"embedded, tiny segments", open_small_segments},
    {"memory", open_memory},
    {"fault over embedded", open_fault},
};

static void each_log(void (*promise)(struct fixture *f)) {
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct fixture f = {.adapter = subjects[i].name};
        log_folder_make(f.folder);
        subjects[i].open(&f);
        promise(&f);
        f.log->ops->close(f.log);
        if (f.inner)
            f.inner->ops->close(f.inner);
        log_folder_remove(f.folder);
    }
}

static void on_kafka(void (*promise)(struct fixture *f)) {
    struct fixture f = {.adapter = "kafka", .over_network = true};
    struct kafka_fixture kafka;

    kafka_fixture_begin(&kafka, NULL);
    f.log = kafka_fixture_open(&kafka);
    promise(&f);
    f.log->ops->close(f.log);
    kafka_fixture_end(&kafka);
}

/* The promise `name`, a function, as tests: on what this machine has by itself, and on what needs a server. */
#define PROMISE(name)                                                                              \
    Test(log, name, .timeout = 60) {                                                               \
        each_log(name);                                                                            \
    }                                                                                              \
    Test(log_kafka, name, .timeout = 180) {                                                        \
        on_kafka(name);                                                                            \
    }

static struct bb_log_reader *open_reader(struct fixture *f, uint32_t partition) {
    struct bb_log_reader *reader = NULL;

    cr_assert_eq(f->log->ops->reader_open(f->log, partition, &reader, &f->error), 0);
    return reader;
}

static int read_at(struct fixture *f, struct bb_log_reader *reader, uint64_t offset) {
    struct bb_log_record record;

    return f->log->ops->read(reader, offset, &record, &f->error);
}

/* `count` samples from `seed` on, synced. */
static void append_samples(struct fixture *f, uint32_t partition, uint64_t seed, int count) {
    struct bb_log_record record;

    for (int i = 0; i < count; i++)
        log_append_sample(f->log, partition, seed + (uint64_t)i, &record);
    log_sync(f->log);
}

/* ---- promises -------------------------------------------------------------------------------- */

static void starts_empty(struct fixture *f) {
    struct bb_log_backlog backlog;
    uint64_t records = 99;

    cr_expect_neq(f->log->identity, 0, "%s has no identity", f->adapter);
    cr_expect_eq(f->log->partitions, 2);
    for (uint32_t p = 0; p <= 2; p++) {
        struct bb_log_end end = log_end(f->log, p);
        cr_expect_eq(end.offset, end.first_offset);
        cr_expect_eq(end.readings, 0);
        cr_expect_eq(f->log->ops->backlog(f->log, p, end.offset, &backlog, &f->error), 0);
        cr_expect_eq(backlog.lag_readings, 0);
        cr_expect_eq(backlog.oldest_ms, 0);
        cr_expect_eq(f->log->ops->verify(f->log, p, &records, &f->error), 0);
        cr_expect_eq(records, 0);
        struct bb_log_reader *reader = open_reader(f, p);
        cr_expect_eq(read_at(f, reader, end.offset), BB_LOG_END);
        f->log->ops->reader_close(reader);
    }
    log_sync(f->log);
}

PROMISE(starts_empty)

static void shows_a_record_only_after_sync(struct fixture *f) {
    struct bb_log_record first, second;
    struct bb_log_reader *reader = open_reader(f, 0);

    log_append_sample(f->log, 0, 1, &first);
    log_append_sample(f->log, 0, 2, &second);
    cr_expect_eq(read_at(f, reader, first.offset), BB_LOG_END, "%s", f->adapter);
    cr_expect_eq(read_at(f, reader, second.offset), BB_LOG_END, "%s", f->adapter);
    cr_expect_eq(log_end(f->log, 0).offset, 0);
    cr_expect_eq(log_end(f->log, 0).readings, 0);
    log_sync(f->log);
    cr_expect_eq(log_count_samples(f->log, 0, first.offset, 1), 2, "%s", f->adapter);
    cr_expect_eq(log_end(f->log, 0).offset, second.next_offset);
    cr_expect_eq(log_end(f->log, 0).readings, first.readings + second.readings);
    f->log->ops->reader_close(reader);
}

Test(log, shows_a_record_only_after_sync) {
    /* Not with tiny segments: a new segment makes what stands before it durable. */
    struct fixture f = {.adapter = "embedded"};

    log_folder_make(f.folder);
    open_embedded(&f);
    shows_a_record_only_after_sync(&f);
    f.log->ops->close(f.log);
    log_folder_remove(f.folder);
    open_memory(&f);
    f.adapter = "memory";
    shows_a_record_only_after_sync(&f);
    f.log->ops->close(f.log);
}

static void gives_back_every_field_in_order(struct fixture *f) {
    struct bb_log_reader *reader = open_reader(f, 1);
    struct bb_log_record record, read;
    uint64_t offset = log_end(f->log, 1).offset;

    for (uint64_t seed = 100; seed < 400; seed++) {
        log_append_sample(f->log, 1, seed, &record);
        cr_assert_eq(record.offset, offset, "%s", f->adapter);
        cr_assert_gt(record.next_offset, record.offset);
        offset = record.next_offset;
        if (seed % 7 == 0)
            log_sync(f->log);
    }
    log_sync(f->log);
    offset = 0;
    for (uint64_t seed = 100; seed < 400; seed++) {
        cr_assert_eq(f->log->ops->read(reader, offset, &read, &f->error), BB_LOG_RECORD);
        cr_assert(log_sample_equal(&read, seed), "%s: record %" PRIu64, f->adapter, seed);
        cr_assert_eq(read.offset, offset);
        offset = read.next_offset;
    }
    cr_expect_eq(read_at(f, reader, offset), BB_LOG_END);
    cr_expect_eq(log_count_samples(f->log, 0, 0, 0), 0, "partitions are apart");
    cr_expect_eq(log_count_samples(f->log, 2, 0, 0), 0);
    f->log->ops->reader_close(reader);
}

PROMISE(gives_back_every_field_in_order)

static void takes_bodies_of_all_sizes(struct fixture *f) {
    static const size_t sizes[] = {0, 1, 7, 8, 9, 4095, 65536, 262081, 5000001, 3, 0};
    struct bb_log_reader *reader = open_reader(f, 0);
    struct bb_log_record record = {.kind = BB_RECORD_FRAME};
    char *body = malloc(5000001);
    uint64_t offset = 0;

    for (size_t i = 0; i < 5000001; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        record.body = (struct bb_span){body, sizes[i]};
        cr_assert_eq(f->log->ops->append(f->log, 0, &record, &f->error), 0, "%s", f->error.text);
    }
    log_sync(f->log);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_assert_eq(f->log->ops->read(reader, offset, &record, &f->error), BB_LOG_RECORD, "%s: %s",
                     f->adapter, f->error.text);
        cr_assert(bb_span_equal(record.body, (struct bb_span){body, sizes[i]}), "%s: %zu",
                  f->adapter, sizes[i]);
        offset = record.next_offset;
    }
    f->log->ops->reader_close(reader);
    free(body);
}

PROMISE(takes_bodies_of_all_sizes)

static void answers_backlog_exactly(struct fixture *f) {
    struct bb_log_record record[20], unsynced;
    struct bb_log_backlog backlog;
    uint64_t lag = 0;

    for (int i = 0; i < 20; i++)
        log_append_sample(f->log, 2, (uint64_t)i, &record[i]);
    log_sync(f->log);
    cr_expect_eq(f->log->ops->backlog(f->log, 2, record[19].next_offset, &backlog, &f->error), 0);
    cr_expect_eq(backlog.lag_readings, 0);
    cr_expect_eq(backlog.oldest_ms, 0);
    for (int i = 19; i >= 0; i--) {
        lag += record[i].readings;
        cr_assert_eq(f->log->ops->backlog(f->log, 2, record[i].offset, &backlog, &f->error), 0);
        cr_expect_eq(backlog.lag_readings, lag, "%s", f->adapter);
        cr_expect_eq(backlog.oldest_ms, record[i].received_ms);
        cr_expect_eq(backlog.end.offset, record[19].next_offset);
        cr_expect_eq(backlog.end.readings, log_end(f->log, 2).readings);
    }
    log_append_sample(f->log, 2, 20, &unsynced);
    cr_expect_eq(f->log->ops->backlog(f->log, 2, unsynced.next_offset, &backlog, &f->error), 0,
                 "a position that is not durable yet has no backlog");
    cr_expect_eq(backlog.lag_readings, 0);
}

PROMISE(answers_backlog_exactly)

static void refuses_offsets_where_no_record_begins(struct fixture *f) {
    struct bb_log_reader *reader = open_reader(f, 0);
    struct bb_log_backlog backlog;
    struct bb_log_record record;

    append_samples(f, 0, 0, 8);
    uint64_t end = log_end(f->log, 0).offset;
    uint64_t next = 0;
    for (uint64_t offset = 0; offset < end; offset++) {
        int result = f->log->ops->read(reader, offset, &record, &f->error);
        cr_assert_eq(result, offset == next ? BB_LOG_RECORD : -BB_E_LOG_CORRUPT,
                     "%s: offset %" PRIu64, f->adapter, offset);
        if (result == BB_LOG_RECORD)
            next = record.next_offset;
    }
    cr_expect_eq(read_at(f, reader, end), BB_LOG_END);
    cr_expect_eq(read_at(f, reader, end + 8), -BB_E_LOG_CORRUPT, "%s: behind the end", f->adapter);
    cr_expect_eq(f->log->ops->backlog(f->log, 0, end + 8, &backlog, &f->error), -BB_E_LOG_CORRUPT);
    cr_expect_eq(f->log->ops->backlog(f->log, 0, 4, &backlog, &f->error),
                 next == 8 ? 0 : -BB_E_LOG_CORRUPT,
                 "%s: there is a record where offsets count them", f->adapter);
    cr_expect_eq(read_at(f, reader, 0), BB_LOG_RECORD, "%s: an error passes", f->adapter);
    f->log->ops->reader_close(reader);
}

PROMISE(refuses_offsets_where_no_record_begins)

static void lets_readers_follow_at_their_own_pace(struct fixture *f) {
    struct bb_log_reader *slow = open_reader(f, 0), *fast = open_reader(f, 0);
    struct bb_log_record a = {.next_offset = 0}, b = {.next_offset = 0};
    uint64_t fast_seed = 0, slow_seed = 0;

    for (uint64_t round = 0; round < 30; round++) {
        append_samples(f, 0, round * 5, 5);
        while (f->log->ops->read(fast, b.next_offset, &b, &f->error) == BB_LOG_RECORD)
            cr_assert(log_sample_equal(&b, fast_seed++), "%s", f->adapter);
        cr_assert_eq(fast_seed, round * 5 + 5, "%s", f->adapter);
        cr_assert_eq(f->log->ops->read(slow, a.next_offset, &a, &f->error), BB_LOG_RECORD);
        cr_assert(log_sample_equal(&a, slow_seed++), "%s", f->adapter);
    }
    f->log->ops->reader_close(slow);
    f->log->ops->reader_close(fast);
}

PROMISE(lets_readers_follow_at_their_own_pace)

static void syncs_in_the_background(struct fixture *f) {
    struct bb_log_record record;

    for (uint64_t i = 0; i < 200; i++) {
        log_append_sample(f->log, (uint32_t)(i % 3), i / 3, &record);
        cr_assert_eq(f->log->ops->sync_begin(f->log, &f->error), 0);
    }
    cr_assert_eq(f->log->ops->sync(f->log, &f->error), 0);
    cr_expect_eq(log_count_samples(f->log, 0, 0, 0), 67, "%s", f->adapter);
    cr_expect_eq(log_count_samples(f->log, 1, 0, 0), 67);
    cr_expect_eq(log_count_samples(f->log, 2, 0, 0), 66);
    cr_assert_eq(f->log->ops->sync(f->log, &f->error), 0, "nothing to do is no failure");
}

PROMISE(syncs_in_the_background)

struct waiting {
    struct bb_log *log;
    int result;
};

static void *wait_long(void *argument) {
    struct waiting *w = argument;
    struct bb_error error;

    w->result = w->log->ops->wait(w->log, 20000, &error);
    return NULL;
}

static void wakes_who_waits(struct fixture *f) {
    struct waiting w = {f->log, -1};
    pthread_t thread;

    cr_expect_eq(f->log->ops->wait(f->log, 0, &f->error), 1, "%s: nothing grew", f->adapter);
    append_samples(f, 1, 0, 1);
    append_samples(f, 0, 0, 1);
    cr_expect_eq(f->log->ops->wait(f->log, 1000, &f->error), 0, "%s: grown before", f->adapter);
    cr_expect_eq(f->log->ops->wait(f->log, 20, &f->error), 1, "%s: told once", f->adapter);
    log_sync(f->log);
    cr_expect_eq(f->log->ops->wait(f->log, 0, &f->error), 1, "%s: nothing new", f->adapter);

    cr_assert_eq(pthread_create(&thread, NULL, wait_long, &w), 0);
    usleep(20000); /* usually asleep by now; the test is right either way */
    append_samples(f, 0, 1, 1);
    pthread_join(thread, NULL);
    cr_expect_eq(w.result, 0, "%s: not woken", f->adapter);
}

PROMISE(wakes_who_waits)

static void trims_what_is_processed_and_old(struct fixture *f) {
    struct bb_log_record record[40];
    struct bb_log_backlog before, after;
    uint64_t records = 0, kept = 0;

    for (int i = 0; i < 40; i++) {
        log_append_sample(f->log, 0, (uint64_t)i, &record[i]);
        log_sync(f->log);
    }
    uint64_t offset = record[30].offset;
    struct bb_log_end end = log_end(f->log, 0);
    cr_expect_eq(f->log->ops->trim(f->log, 0, offset, record[0].received_ms, &f->error), 0);
    cr_expect_eq(log_end(f->log, 0).first_offset, 0, "%s: nothing is old enough", f->adapter);
    cr_expect_eq(f->log->ops->trim(f->log, 0, 0, INT64_MAX, &f->error), 0);
    cr_expect_eq(log_end(f->log, 0).first_offset, 0, "%s: nothing is processed", f->adapter);
    cr_expect_eq(f->log->ops->backlog(f->log, 0, offset, &before, &f->error), 0);
    struct bb_log_reader *reader = open_reader(f, 0);
    cr_expect_eq(read_at(f, reader, 0), BB_LOG_RECORD);

    cr_expect_eq(f->log->ops->trim(f->log, 0, offset, record[20].received_ms, &f->error), 0);
    uint64_t first = log_end(f->log, 0).first_offset;
    cr_expect_leq(first, record[20].offset, "%s: too young to go", f->adapter);
    cr_expect_eq(f->log->ops->trim(f->log, 0, offset, INT64_MAX, &f->error), 0);
    first = log_end(f->log, 0).first_offset;
    cr_expect_leq(first, offset, "%s: not processed", f->adapter);
    cr_expect_eq(log_end(f->log, 0).offset, end.offset);
    cr_expect_eq(log_end(f->log, 0).readings, end.readings);
    cr_expect_eq(f->log->ops->backlog(f->log, 0, offset, &after, &f->error), 0);
    cr_expect_eq(after.lag_readings, before.lag_readings);
    for (int i = 0; i < 40; i++) {
        char name[24];
        bool gone = record[i].offset < first;
        kept += !gone;
        cr_expect_eq(read_at(f, reader, record[i].offset), gone ? -BB_E_LOG_CORRUPT : 0);
        snprintf(name, sizeof name, "%" PRIu64, first);
        if (gone)
            cr_expect_not_null(strstr(f->error.text, name), "%s: %s", f->adapter, f->error.text);
    }
    cr_expect_eq(f->log->ops->verify(f->log, 0, &records, &f->error), 0);
    cr_expect_eq(records, kept);
    cr_expect_eq((uint64_t)log_count_samples(f->log, 0, first, 40 - kept), kept);
    f->log->ops->reader_close(reader);
}

PROMISE(trims_what_is_processed_and_old)

static void goes_on_after_everything_is_trimmed(struct fixture *f) {
    append_samples(f, 0, 0, 30);
    uint64_t end = log_end(f->log, 0).offset;
    cr_expect_eq(f->log->ops->trim(f->log, 0, end, INT64_MAX, &f->error), 0);
    cr_expect_eq(log_end(f->log, 0).offset, end);
    append_samples(f, 0, 30, 100);
    cr_expect_eq(log_count_samples(f->log, 0, end, 30), 100, "%s", f->adapter);
    cr_expect_eq(f->log->ops->trim(f->log, 0, end, INT64_MAX, &f->error), 0);
    cr_expect_eq(log_count_samples(f->log, 0, end, 30), 100, "%s", f->adapter);
}

PROMISE(goes_on_after_everything_is_trimmed)

/* Any order of calls against the plainest model: an array. */
static void behaves_like_an_array(struct fixture *f) {
    enum { LIMIT = 1500 };
    static struct bb_log_record model[LIMIT];
    struct bb_log_reader *reader = open_reader(f, 1);
    struct bb_random random;
    uint64_t count = 0, durable = 0, durable_readings = 0, seed = 42;

    bb_random_seed(&random, seed);
    for (int step = 0; step < (f->over_network ? 600 : 6000); step++) {
        struct bb_log_record record;
        uint64_t at = count ? bb_random_below(&random, count) : 0;
        uint64_t dice = bb_random_below(&random, 100);
        if (dice < 30 && count < LIMIT) {
            log_append_sample(f->log, 1, count, &model[count]);
            count++;
        } else if (dice < 34) {
            cr_assert_eq(f->log->ops->sync(f->log, &f->error), 0);
            for (; durable < count; durable++)
                durable_readings += model[durable].readings;
            struct bb_log_end end = log_end(f->log, 1);
            cr_assert_eq(end.readings, durable_readings, "%s, seed %" PRIu64, f->adapter, seed);
        } else if (at < durable) {
            cr_assert_eq(f->log->ops->read(reader, model[at].offset, &record, &f->error), 0);
            cr_assert(log_sample_equal(&record, at), "%s, seed %" PRIu64, f->adapter, seed);
            cr_assert_eq(record.next_offset, model[at].next_offset);
        }
    }
    f->log->ops->reader_close(reader);
}

PROMISE(behaves_like_an_array)

static void has_an_identity_of_its_own(struct fixture *f) {
    static uint64_t seen[sizeof subjects / sizeof subjects[0]];
    static size_t count;

    for (size_t i = 0; i < count; i++)
        cr_expect_neq(f->log->identity, seen[i]);
    seen[count++] = f->log->identity;
}

PROMISE(has_an_identity_of_its_own)

/* ---- copies ---------------------------------------------------------------------------------- */

static void take_ends(struct fixture *f, struct bb_log_end ends[3]) {
    for (uint32_t p = 0; p <= 2; p++)
        ends[p] = log_end(f->log, p);
}

static bool is_files(const struct fixture *f) {
    return strcmp(f->adapter, "memory") != 0 && strcmp(f->adapter, "kafka") != 0;
}

/* The copy shows what stood below the given ends, and goes on from there when it is opened to append. */
static void expect_copy(const struct fixture *f, const char *folder,
                        const struct bb_log_end *ends) {
    struct bb_log *reader = log_folder_open_reader(folder);
    uint64_t records;
    struct bb_error error;

    cr_expect_eq(reader->identity, f->log->identity, "%s", f->adapter);
    for (uint32_t p = 0; p <= 2; p++) {
        struct bb_log_end end = log_end(reader, p);
        cr_expect_eq(end.offset, ends[p].offset, "%s, partition %u", f->adapter, p);
        cr_expect_eq(end.first_offset, ends[p].first_offset);
        cr_expect_eq(end.readings, ends[p].readings);
        cr_expect_eq(reader->ops->verify(reader, p, &records, &error), 0, "%s", error.text);
    }
    reader->ops->close(reader);
    struct bb_log *owner = log_folder_open(folder, 512);
    struct bb_log_record record;
    log_append_sample(owner, 0, 999, &record);
    cr_expect_eq(record.offset, ends[0].offset);
    log_sync(owner);
    cr_expect_eq(log_count_samples(owner, 0, ends[0].offset, 999), 1);
    owner->ops->close(owner);
}

static void copies_up_to_the_ends(struct fixture *f) {
    char folder[LOG_FOLDER_SIZE], copy[LOG_FOLDER_SIZE + 8];
    struct bb_log_end nothing[3], some[3];

    log_folder_make(folder);
    take_ends(f, nothing);
    append_samples(f, 0, 0, 40);
    append_samples(f, 2, 100, 5);
    take_ends(f, some);
    append_samples(f, 0, 40, 40);
    append_samples(f, 1, 200, 10);
    const struct bb_log_end *const cuts[] = {nothing, some};
    for (size_t i = 0; i < 2; i++) {
        snprintf(copy, sizeof copy, "%s/%zu", folder, i);
        int result = f->log->ops->copy(f->log, cuts[i], copy, &f->error);
        cr_expect_eq(result, is_files(f) ? BB_COPY_DONE : BB_COPY_ELSEWHERE, "%s: %s", f->adapter,
                     f->error.text);
        cr_expect_eq(log_file_exists(copy), is_files(f), "%s", f->adapter);
        if (!is_files(f))
            continue;
        expect_copy(f, copy, cuts[i]);
        cr_expect_lt(f->log->ops->copy(f->log, cuts[i], copy, &f->error), 0, "its name is new");
    }
    log_folder_remove(folder);
}

PROMISE(copies_up_to_the_ends)

static void copies_what_is_kept(struct fixture *f) {
    char folder[LOG_FOLDER_SIZE], copy[LOG_FOLDER_SIZE + 8];
    struct bb_log_end before[3], after[3];

    if (!is_files(f))
        return;
    log_folder_make(folder);
    append_samples(f, 0, 0, 60);
    take_ends(f, before);
    cr_expect_eq(f->log->ops->trim(f->log, 0, before[0].offset, INT64_MAX, &f->error), 0);
    take_ends(f, after);
    /* The ends were taken before the trim: what is gone is missing at the beginning. */
    snprintf(copy, sizeof copy, "%s/copy", folder);
    cr_expect_eq(f->log->ops->copy(f->log, before, copy, &f->error), BB_COPY_DONE, "%s: %s",
                 f->adapter, f->error.text);
    expect_copy(f, copy, after);
    log_folder_remove(folder);
}

PROMISE(copies_what_is_kept)

/* ---- the fault decorator --------------------------------------------------------------------- */

struct faulty {
    struct bb_log *inner, *log;
    struct bb_fault_plan plan;
    struct bb_error error;
};

static void faulty_open(struct faulty *f, struct bb_fault_plan plan) {
    *f = (struct faulty){.plan = plan};
    cr_assert_eq(bb_log_memory_open(2, &f->inner, &f->error), 0);
    f->log = bb_log_fault_wrap(f->inner, &f->plan);
    cr_assert_not_null(f->log);
}

static void faulty_close(struct faulty *f) {
    f->log->ops->close(f->log);
    f->inner->ops->close(f->inner);
}

static int append_one(struct faulty *f, uint64_t seed) {
    char body[LOG_SAMPLE_LIMIT];
    struct bb_log_record record = log_sample(seed, body);

    return f->log->ops->append(f->log, 0, &record, &f->error);
}

Test(log_fault, fails_before_or_after_doing) {
    for (int before = 0; before <= 1; before++) {
        struct faulty f;
        faulty_open(&f, (struct bb_fault_plan){
                            .fail_at = 2, .code = BB_E_DISK_FULL, .before = before != 0});
        cr_expect_eq(append_one(&f, 0), 0);
        cr_expect_eq(append_one(&f, 1), -BB_E_DISK_FULL);
        cr_expect_eq((int)f.error.code, (int)BB_E_DISK_FULL);
        cr_expect_eq(append_one(&f, before ? 1 : 2), 0, "only the planned call fails");
        cr_expect_eq(f.plan.calls, 3);
        log_sync(f.log);
        cr_expect_eq(log_count_samples(f.inner, 0, 0, 0), before ? 2 : 3);
        faulty_close(&f);
    }
}

Test(log_fault, keeps_failing_when_sticky) {
    struct faulty f;

    faulty_open(&f, (struct bb_fault_plan){
                        .fail_at = 3, .code = BB_E_LOG_IO, .before = true, .sticky = true});
    cr_expect_eq(append_one(&f, 0), 0);
    cr_expect_eq(append_one(&f, 1), 0);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(append_one(&f, 2), -BB_E_LOG_IO);
    faulty_close(&f);
}

/* Whatever the caller was told, every call after a failed sync is refused. */
Test(log_fault, is_poisoned_by_a_failed_sync) {
    for (int before = 0; before <= 1; before++)
        for (int begin = 0; begin <= 1; begin++) {
            struct faulty f;
            faulty_open(&f, (struct bb_fault_plan){
                                .fail_at = 2, .code = BB_E_LOG_IO, .before = before != 0});
            cr_expect_eq(append_one(&f, 0), 0);
            cr_expect_eq(begin ? f.log->ops->sync_begin(f.log, &f.error)
                               : f.log->ops->sync(f.log, &f.error),
                         -BB_E_LOG_IO);
            cr_expect_eq(append_one(&f, 1), -BB_E_LOG_IO);
            cr_expect_eq(f.log->ops->sync_begin(f.log, &f.error), -BB_E_LOG_IO);
            cr_expect_eq(f.log->ops->sync(f.log, &f.error), -BB_E_LOG_IO);
            cr_expect_eq(log_end(f.log, 0).offset, log_end(f.inner, 0).offset,
                         "questions are still answered");
            faulty_close(&f);
        }
}

/* A little of everything. The first failure ends it, as it would end a worker. */
static int live_a_little(struct bb_log *log, uint64_t *acknowledged, struct bb_error *error) {
    struct bb_log_reader *reader = NULL;
    struct bb_log_backlog backlog;
    struct bb_log_end end;
    uint64_t records;
    int result = log->ops->reader_open(log, 0, &reader, error);

    for (uint64_t i = 0; result >= 0 && i < 5; i++) {
        char body[LOG_SAMPLE_LIMIT];
        struct bb_log_record record = log_sample(i, body), read;
        result = log->ops->append(log, 0, &record, error);
        if (result >= 0)
            result = log->ops->sync_begin(log, error);
        if (result >= 0)
            result = log->ops->sync(log, error);
        if (result >= 0)
            *acknowledged = i + 1;
        if (result >= 0)
            result = log->ops->read(reader, record.offset, &read, error);
        if (result >= 0)
            result = log->ops->end(log, 0, &end, error);
        if (result >= 0)
            result = log->ops->backlog(log, 0, record.offset, &backlog, error);
        if (result >= 0)
            result = log->ops->wait(log, 0, error);
        if (result >= 0)
            result = log->ops->trim(log, 0, 0, 0, error);
        if (result >= 0)
            result = log->ops->verify(log, 0, &records, error);
    }
    log->ops->reader_close(reader);
    return result;
}

Test(log_fault, can_strike_every_call) {
    for (int before = 0; before <= 1; before++)
        for (uint64_t fail_at = 1;; fail_at++) {
            struct faulty f;
            uint64_t acknowledged = 0;
            faulty_open(&f, (struct bb_fault_plan){.fail_at = fail_at,
                                                   .code = BB_E_LOG_IO,
                                                   .before = before != 0,
                                                   .sticky = true});
            int result = live_a_little(f.log, &acknowledged, &f.error);
            int64_t kept = log_count_samples(f.inner, 0, 0, 0);
            bool struck = f.plan.calls >= fail_at;
            cr_expect_eq(result, struck ? -BB_E_LOG_IO : result);
            cr_expect_geq(kept, (int64_t)acknowledged, "call %" PRIu64 ": lost", fail_at);
            faulty_close(&f);
            if (!struck) {
                cr_expect_eq(fail_at, 1 + 5 * 9 + 1, "calls that may fail: %" PRIu64, fail_at - 1);
                break;
            }
        }
}
