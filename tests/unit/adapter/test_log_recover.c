/* The embedded log after crashes and damage: what was acknowledged is there, what was torn is cut and
 * told, what is damaged is found, and nothing that is whole is ever deleted.
 *
 * A crash is played by copying the folder while the log is open: the copy is what another process
 * would find. The layout of the files is known here (log_embedded_internal.h), on purpose.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/log_embedded_internal.h"
#include "base/crc.h"
#include "support/log_folder.h"

struct cuts {
    int count;
    uint64_t bytes;
    char file[LOG_FILE_SIZE];
};

static void count_cut(void *context, const char *file, uint64_t bytes) {
    struct cuts *cuts = context;

    cuts->count++;
    cuts->bytes += bytes;
    snprintf(cuts->file, sizeof cuts->file, "%s", file);
}

/* Open for append; the result, with *log when it is 0. */
static int try_open(const char *folder, struct bb_log **log, struct cuts *cuts,
                    struct bb_error *error) {
    struct bb_log_embedded_options options = {
        .append = true, .report_cut = count_cut, .report_context = cuts};

    *cuts = (struct cuts){0};
    return bb_log_embedded_open(folder, &options, log, error);
}

static void tail_name(const char *folder, char file[LOG_FILE_SIZE]) {
    snprintf(file, LOG_FILE_SIZE, "%s/tail", folder);
}

/* A log and its copy. */
struct scene {
    char folder[LOG_FOLDER_SIZE], copy[LOG_FOLDER_SIZE];
    char segment[LOG_FILE_SIZE]; /* first segment of partition 0 in the copy */
    char tail[LOG_FILE_SIZE];    /* in the copy */
    char *bytes;                 /* of that segment, as copied */
    size_t size;
    struct bb_log_record record[8];
    int count;
};

static void scene_init(struct scene *s) {
    *s = (struct scene){0};
    log_folder_make(s->folder);
    log_folder_make(s->copy);
    log_folder_segment(s->copy, 0, 0, s->segment);
    tail_name(s->copy, s->tail);
}

static void scene_release(struct scene *s) {
    log_folder_remove(s->folder);
    log_folder_remove(s->copy);
    free(s->bytes);
}

static void scene_append(struct scene *s, struct bb_log *log) {
    log_append_sample(log, 0, (uint64_t)s->count, &s->record[s->count]);
    s->count++;
}

static void scene_copy(struct scene *s) {
    log_folder_copy(s->folder, s->copy);
    free(s->bytes);
    s->bytes = log_file_load(s->segment, &s->size);
}

/* Records 0..durable-1 synced one by one, the others only appended, then the crash. */
static void scene_play(struct scene *s, int durable, int torn) {
    struct bb_log *log = log_folder_open(s->folder, 0);

    for (int i = 0; i < durable; i++) {
        scene_append(s, log);
        log_sync(log);
    }
    for (int i = 0; i < torn; i++)
        scene_append(s, log);
    scene_copy(s);
    log->ops->close(log);
}

/* How many records end at or before `size`. */
static int whole_records(const struct scene *s, size_t size) {
    int whole = 0;

    while (whole < s->count && s->record[whole].next_offset <= size)
        whole++;
    return whole;
}

/* Open the copy: `whole` records must be left, everything behind them cut and told; then the log
 * must take more. `what` and `at` say which case it is. */
static void expect_cut(struct scene *s, int whole, const char *what, size_t at) {
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct bb_log_record more;
    struct cuts cuts;
    uint64_t end = whole > 0 ? s->record[whole - 1].next_offset : 0, records = 0;
    size_t found = 0;

    free(log_file_load(s->segment, &found));
    cr_assert_eq(try_open(s->copy, &log, &cuts, &error), 0, "%s %zu: %s", what, at, error.text);
    cr_assert_eq(log_count_samples(log, 0, 0, 0), whole, "%s %zu", what, at);
    cr_assert_eq(log_end(log, 0).offset, end, "%s %zu", what, at);
    cr_assert_eq(cuts.bytes, found - end, "%s %zu: cut %" PRIu64, what, at, cuts.bytes);
    cr_assert_eq(cuts.count, found > end, "%s %zu", what, at);
    if (found > end)
        cr_assert_str_eq(cuts.file, s->segment);
    log_append_sample(log, 0, (uint64_t)whole, &more);
    log_sync(log);
    cr_assert_eq(log_count_samples(log, 0, 0, 0), whole + 1, "%s %zu", what, at);
    cr_assert_eq(log->ops->verify(log, 0, &records, &error), 0, "%s %zu: %s", what, at, error.text);
    log->ops->close(log);
}

/* The open must be refused, name file and byte, and leave every file as it was. */
static void expect_corrupt(struct scene *s, const void *bytes, size_t size, const char *what,
                           size_t at) {
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct cuts cuts;
    size_t left = 0;

    cr_assert_eq(try_open(s->copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT, "%s %zu", what, at);
    cr_assert_null(log);
    cr_assert_eq(cuts.count, 0);
    cr_assert_not_null(strstr(error.text, s->segment), "%s", error.text);
    cr_assert_not_null(strstr(error.text, " byte "), "%s", error.text);
    char *after = log_file_load(s->segment, &left);
    cr_assert(left == size && memcmp(after, bytes, size) == 0, "%s %zu: changed", what, at);
    free(after);
}

/* ---- torn tails ------------------------------------------------------------------------------ */

/* The file ends at any byte behind the durable end, then nothing, zeros or noise. */
static void tear_everywhere(int durable, int torn, bool lose_tail) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, durable, torn);
    size_t from = durable > 0 ? s.record[durable - 1].next_offset : 0;
    char *image = malloc(s.size + 100);
    for (size_t size = from; size <= s.size; size++)
        for (int filler = 0; filler < 3; filler++) {
            static const char *const names[] = {"ends at", "zeros from", "noise from"};
            size_t total = filler == 0 ? size : s.size + 100;
            memcpy(image, s.bytes, size);
            for (size_t i = size; i < total; i++)
                image[i] = filler == 1 ? 0 : (char)(i * 37 + 11);
            log_folder_copy(s.folder, s.copy); /* as closed: the tail file is the same */
            log_file_store(s.segment, image, total);
            if (lose_tail)
                unlink(s.tail);
            /* Zeros may be what the record ended in anyway. */
            int whole = whole_records(&s, size);
            while (filler == 1 && whole < s.count &&
                   memcmp(image, s.bytes, s.record[whole].next_offset) == 0)
                whole++;
            expect_cut(&s, whole, names[filler], size);
        }
    free(image);
    scene_release(&s);
}

Test(log_recover, cuts_a_torn_tail_at_every_byte, .timeout = 60) {
    tear_everywhere(2, 3, false);
}

Test(log_recover, cuts_a_torn_tail_when_nothing_was_durable, .timeout = 60) {
    tear_everywhere(0, 2, false);
}

Test(log_recover, cuts_a_torn_tail_without_the_tail_file, .timeout = 60) {
    tear_everywhere(2, 2, true);
}

Test(log_recover, keeps_whole_records_nobody_was_told_of) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, 1, 3);
    expect_cut(&s, 4, "all whole", 0);
    scene_release(&s);
}

/* ---- damage ---------------------------------------------------------------------------------- */

Test(log_recover, never_cuts_below_the_durable_end, .timeout = 60) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, 4, 0);
    for (size_t size = 0; size < s.size; size++) {
        log_file_store(s.segment, s.bytes, size);
        expect_corrupt(&s, s.bytes, size, "shortened to", size);
    }
    unlink(s.segment);
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct cuts cuts;
    cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT, "the file is gone");
    scene_release(&s);
}

/* With the tail file, damage to any bit below the durable end is met by a reader; the open itself
 * does not look there, so a big log opens at once. */
Test(log_recover, finds_every_flipped_bit_on_reading, .timeout = 60) {
    struct scene s;
    struct bb_error error = {0};

    scene_init(&s);
    scene_play(&s, 4, 0);
    struct bb_log *log = log_folder_open_reader(s.copy);
    for (size_t bit = 0; bit < 8 * s.size; bit++) {
        uint64_t records = 0;
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
        log_file_store(s.segment, s.bytes, s.size);
        cr_assert_eq(log->ops->verify(log, 0, &records, &error), -BB_E_LOG_CORRUPT, "bit %zu", bit);
        cr_assert_not_null(strstr(error.text, s.segment), "%s", error.text);
        cr_assert_eq(records, (uint64_t)whole_records(&s, bit / 8), "bit %zu: records before", bit);
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
    }
    log->ops->close(log);
    scene_release(&s);
}

/* Without the tail file the headers testify: a bit that flipped in a record which a later one knows
 * to be durable stops the open. In the last record it cannot be told from a torn tail. */
Test(log_recover, finds_every_flipped_bit_without_the_tail_file, .timeout = 60) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, 4, 0);
    size_t last = s.record[3].offset;
    for (size_t bit = 0; bit < 8 * s.size; bit++) {
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
        log_file_store(s.segment, s.bytes, s.size);
        unlink(s.tail);
        if (bit / 8 < last)
            expect_corrupt(&s, s.bytes, s.size, "bit", bit);
        else
            expect_cut(&s, 3, "bit", bit);
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
    }
    scene_release(&s);
}

/* A witness may itself be torn: its header is enough. */
Test(log_recover, believes_the_header_of_a_torn_record) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, 3, 1);
    unlink(s.tail);
    s.bytes[s.record[1].offset + 70] ^= 1;
    size_t size = s.record[3].offset + sizeof(struct bb_log_header);
    cr_assert_lt(size, s.size, "the last record needs a body to lose");
    memset(s.bytes + s.record[2].offset, 0, s.record[2].next_offset - s.record[2].offset);
    log_file_store(s.segment, s.bytes, size);
    expect_corrupt(&s, s.bytes, size, "torn witness", 0);
    scene_release(&s);
}

/* Flipped bits behind the durable end: cut, and only from there. */
Test(log_recover, cuts_from_the_first_damaged_record_on, .timeout = 60) {
    struct scene s;

    scene_init(&s);
    scene_play(&s, 1, 3);
    for (size_t bit = 8 * s.record[0].next_offset; bit < 8 * s.size; bit++) {
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
        log_folder_copy(s.folder, s.copy);
        log_file_store(s.segment, s.bytes, s.size);
        expect_cut(&s, whole_records(&s, bit / 8), "bit", bit);
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ 1 << bit % 8);
    }
    scene_release(&s);
}

/* One damaged partition: the torn tail of another one stays as it is. */
Test(log_recover, changes_nothing_when_any_partition_is_damaged) {
    struct scene s;
    struct bb_log_record record;
    char other[LOG_FILE_SIZE];
    size_t before = 0, after = 0;

    scene_init(&s);
    struct bb_log *log = log_folder_open(s.folder, 0);
    log_append_sample(log, 2, 0, &record);
    log_sync(log);
    scene_append(&s, log);
    scene_copy(&s);
    log->ops->close(log);
    log_file_store(s.segment, s.bytes, s.size - 3);
    log_folder_segment(s.copy, 2, 0, other);
    char *bytes = log_file_load(other, &before);
    log_file_store(other, bytes, before - 1);
    free(bytes);

    struct bb_error error = {0};
    struct cuts cuts;
    cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT);
    cr_expect_eq(cuts.count, 0);
    free(log_file_load(s.segment, &after));
    cr_expect_eq(after, s.size - 3);
    scene_release(&s);
}

/* ---- files in the wrong place ---------------------------------------------------------------- */

static void expect_refused(const char *folder) {
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct cuts cuts;
    char tail[LOG_FILE_SIZE];

    for (int lose_tail = 0; lose_tail <= 1; lose_tail++) {
        int result = try_open(folder, &log, &cuts, &error);
        if (result == 0) { /* the tail file told where it ends; reading shows what it is */
            uint64_t records = 0;
            result = log->ops->verify(log, 0, &records, &error);
            log->ops->close(log);
        }
        cr_expect_eq(result, -BB_E_LOG_CORRUPT, "%s", error.text);
        tail_name(folder, tail);
        unlink(tail);
    }
}

Test(log_recover, knows_its_own_files) {
    struct scene s;
    char target[LOG_FILE_SIZE];

    /* Of another partition. */
    scene_init(&s);
    scene_play(&s, 3, 0);
    log_folder_segment(s.copy, 1, 0, target);
    struct bb_log *log = log_folder_open(s.copy, 0);
    struct bb_log_record record;
    for (uint64_t i = 0; i < 3; i++) {
        log_append_sample(log, 1, i, &record);
        log_sync(log);
    }
    log->ops->close(log);
    cr_assert_eq(rename(target, s.segment), 0);
    log_file_store(target, s.bytes, s.size);
    expect_refused(s.copy);
    scene_release(&s);

    /* Of another log, which grew in the same steps. */
    struct scene other;
    scene_init(&s);
    scene_init(&other);
    scene_play(&s, 3, 0);
    scene_play(&other, 3, 0);
    log_file_store(s.segment, other.bytes, other.size);
    expect_refused(s.copy);
    scene_release(&s);
    scene_release(&other);
}

/* A record of a future version is whole: refused, not cut. */
Test(log_recover, does_not_cut_what_a_later_version_wrote) {
    struct scene s;
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct cuts cuts;
    struct bb_log_header header;

    scene_init(&s);
    scene_play(&s, 0, 1);
    memcpy(&header, s.bytes, sizeof header);
    header.version = 9;
    header.crc = bb_log_record_crc(&header, s.bytes + sizeof header);
    memcpy(s.bytes, &header, sizeof header);
    log_file_store(s.segment, s.bytes, s.size);
    cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_VERSION);
    cr_expect_eq(cuts.count, 0);
    scene_release(&s);
}

/* ---- the tail file --------------------------------------------------------------------------- */

/* After a power cut the tail file may be as old as it likes. */
Test(log_recover, trusts_an_old_tail_file_only_as_far_as_it_goes) {
    struct scene s;
    char tail[LOG_FILE_SIZE];

    scene_init(&s);
    tail_name(s.folder, tail);
    struct bb_log *log = log_folder_open(s.folder, 0);
    size_t size = 0;
    char *old[6];
    for (int i = 0; i < 6; i++) {
        old[i] = log_file_load(tail, &size);
        scene_append(&s, log);
        log_sync(log);
    }
    scene_copy(&s);
    log->ops->close(log);
    for (int i = 0; i < 6; i++) {
        log_folder_copy(s.folder, s.copy);
        log_file_store(s.tail, old[i], size);
        expect_cut(&s, 6, "tail file of sync", (size_t)i);
        free(old[i]);
    }
    scene_release(&s);
}

/* Each bit of the tail file flipped: the durable records are all kept, by owners and by readers that
 * get any answer at all. */
Test(log_recover, survives_every_flipped_bit_of_the_tail_file, .timeout = 60) {
    struct scene s;
    size_t size = 0;

    scene_init(&s);
    scene_play(&s, 3, 0);
    char *tail = log_file_load(s.tail, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct bb_log *reader = NULL;
        struct bb_log_end end;
        struct bb_error error = {0};
        tail[bit / 8] = (char)(tail[bit / 8] ^ 1 << bit % 8);
        log_folder_copy(s.folder, s.copy);
        log_file_store(s.tail, tail, size);
        int result = bb_log_embedded_open(s.copy, &(struct bb_log_embedded_options){0}, &reader,
                                          &error);
        if (result == 0) {
            result = reader->ops->end(reader, 0, &end, &error);
            if (result == 0)
                cr_assert_eq(end.offset, s.size, "bit %zu", bit);
            reader->ops->close(reader);
        }
        cr_assert(result == 0 || result == -BB_E_LOG_CORRUPT, "bit %zu: %s", bit, error.text);
        expect_cut(&s, 3, "bit of tail", bit);
        tail[bit / 8] = (char)(tail[bit / 8] ^ 1 << bit % 8);
    }
    free(tail);
    scene_release(&s);
}

Test(log_recover, makes_the_tail_file_anew) {
    struct scene s;
    size_t size = 0;

    scene_init(&s);
    scene_play(&s, 3, 1);
    char *tail = log_file_load(s.tail, &size);
    for (size_t cut = 0; cut < size; cut += 40) {
        log_folder_copy(s.folder, s.copy);
        log_file_store(s.tail, tail, cut);
        expect_cut(&s, 4, "tail file of", cut);
    }
    free(tail);
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    unlink(s.tail);
    cr_expect_lt(bb_log_embedded_open(s.copy, &(struct bb_log_embedded_options){0}, &log, &error),
                 0, "readers wait for the owner to make it");
    scene_release(&s);
}

/* ---- log.meta -------------------------------------------------------------------------------- */

Test(log_recover, refuses_a_damaged_meta_file) {
    struct scene s;
    struct bb_log *log = NULL;
    struct bb_error error = {0};
    struct cuts cuts;
    char meta[LOG_FILE_SIZE];
    size_t size = 0;

    scene_init(&s);
    scene_play(&s, 2, 0);
    snprintf(meta, sizeof meta, "%s/log.meta", s.copy);
    char *bytes = log_file_load(meta, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        log_file_store(meta, bytes, size);
        cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT, "bit %zu", bit);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t left = 0; left < size; left++) {
        log_file_store(meta, bytes, left);
        cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT, "%zu bytes", left);
    }
    struct bb_log_meta later;
    memcpy(&later, bytes, sizeof later);
    later.version++;
    later.crc = 0;
    later.crc = bb_crc32c(0, &later, sizeof later);
    log_file_store(meta, &later, sizeof later);
    cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_VERSION);
    unlink(meta);
    cr_expect_eq(try_open(s.copy, &log, &cuts, &error), -BB_E_LOG_CORRUPT,
                 "no new log over the records of another");
    log_file_store(meta, bytes, size);
    free(bytes);
    expect_cut(&s, 2, "restored", 0);
    scene_release(&s);
}

/* ---- segments -------------------------------------------------------------------------------- */

/* A crash at any moment of a log with tiny segments. */
Test(log_recover, comes_back_at_every_stage_of_rolling) {
    struct scene s;
    struct bb_log_record record;
    char old_tail[LOG_FILE_SIZE];
    size_t size = 0;

    scene_init(&s);
    tail_name(s.folder, old_tail);
    struct bb_log *log = log_folder_open(s.folder, 256);
    char *old = log_file_load(old_tail, &size);
    for (uint64_t i = 0; i < 60; i++) {
        log_append_sample(log, 0, i, &record);
        for (int tail_is = 0; tail_is < 3; tail_is++) { /* current, old, lost */
            log_folder_copy(s.folder, s.copy);
            if (tail_is == 1)
                log_file_store(s.tail, old, size);
            else if (tail_is == 2)
                unlink(s.tail);
            struct bb_log *again = log_folder_open(s.copy, 256);
            cr_assert_eq(log_count_samples(again, 0, 0, 0), (int64_t)i + 1);
            cr_assert_eq(log_end(again, 0).offset, record.next_offset);
            again->ops->close(again);
        }
    }
    free(old);
    uint64_t readings = 0;
    log_sync(log);
    readings = log_end(log, 0).readings;
    log->ops->close(log);

    /* The next segment was made, and then the power went: it is empty. */
    log_folder_segment(s.folder, 0, record.next_offset, s.segment);
    log_file_store(s.segment, "", 0);
    for (int lose_tail = 0; lose_tail <= 1; lose_tail++) {
        if (lose_tail)
            unlink(old_tail);
        log = log_folder_open(s.folder, 256);
        cr_expect_eq(log_end(log, 0).readings, readings);
        cr_expect_eq(log_end(log, 0).offset, record.next_offset);
        log->ops->close(log);
    }
    log = log_folder_open(s.folder, 256);
    log_append_sample(log, 0, 60, &record);
    log_sync(log);
    cr_expect_eq(log_count_samples(log, 0, 0, 0), 61);
    log->ops->close(log);
    scene_release(&s);
}

/* A file that is missing in the middle, at the front or at the end. */
Test(log_recover, notices_a_missing_segment) {
    enum { FRONT, MIDDLE, END };

    for (int which = FRONT; which <= END; which++) {
        struct scene s;
        struct bb_log_record record;
        struct cuts cuts;
        struct bb_error error = {0};
        uint64_t victim = 0, records = 0;

        scene_init(&s);
        struct bb_log *log = log_folder_open(s.folder, 1); /* a segment for every record */
        for (uint64_t i = 0; i < 5; i++) {
            log_append_sample(log, 0, i, &record);
            if ((which == MIDDLE && i == 2) || (which == END && i == 4))
                victim = record.offset;
        }
        log_sync(log);
        log->ops->close(log);
        log_folder_segment(s.folder, 0, victim, s.segment);
        unlink(s.segment);
        int result = try_open(s.folder, &log, &cuts, &error);
        if (which == MIDDLE) {
            cr_assert_eq(result, 0, "%s", error.text);
            result = log->ops->verify(log, 0, &records, &error);
            log->ops->close(log);
        }
        cr_expect_eq(result, -BB_E_LOG_CORRUPT, "%d", which);
        scene_release(&s);
    }
}
