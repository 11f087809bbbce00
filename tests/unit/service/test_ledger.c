/* Files count whole or not at all: the ledger and the router, with the log failing at every call. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "adapter/embedded.h"
#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/frame.h"
#include "model/unit.h"
#include "service/feed.h"
#include "service/file_frames.h"

enum { PARTITIONS = 3, METERS = 40, READINGS = 20000 };

static const struct bb_content_hash some_hash = {0x1234, 0x5678};
static const struct bb_file_look some_look = {4711, 17};
static const int64_t issued_base_ms = INT64_C(1) << 40; /* no time at which anything is received */

/* Twenty thousand readings of forty meters, from two members of an archive. */
static void fill_batch(struct bb_series_table *table, struct bb_batch *batch) {
    struct bb_attribute a = {.length_s = 900, .unit = BB_UNIT_KWH, .exponent = -3};
    struct bb_error error;
    char name[24];

    bb_series_table_init(table, 1 << 24);
    for (uint32_t i = 0; i < METERS; i++) {
        snprintf(name, sizeof name, "meter-%u", i);
        struct bb_series s = {.usage_point = bb_span_of(name),
                              .channel = BB_SPAN("1.29.0"),
                              .zone = BB_SPAN(""),
                              .obis = BB_SPAN(""),
                              .kind = BB_KIND_INTERVAL,
                              .unit = BB_UNIT_KWH};
        cr_assert_eq(bb_series_table_add(table, &s), i);
    }
    cr_assert_eq(bb_batch_init(batch, READINGS, &error), 0);
    batch->series_table = table;
    uint32_t attribute = bb_attribute_set_index(&batch->attributes, &a);
    for (int i = 0; i < READINGS; i++) {
        bb_batch_push(batch, (uint32_t)(i % METERS), attribute, 1000000 + i / METERS * 900000, i,
                      i + 2);
        if (i % 3 == 0)
            bb_batch_set_issued(batch, issued_base_ms + i);
    }
}

/* Land the batch twice over as two members; stops at the first failure. */
static int land(struct bb_log *log, const struct bb_batch *batch, struct bb_error *error) {
    struct bb_ledger ledger;
    struct bb_router router = {0};
    struct bb_file_frames frames;
    char member[32]; /* what names a member is used again for the next one */
    int result = bb_ledger_open(&ledger, log, error);

    if (result)
        return result;
    struct bb_ledger_file *file = bb_ledger_find(&ledger, some_hash);
    if (file) {
        bb_ledger_close(&ledger);
        return 0;
    }
    result = bb_ledger_begin(&ledger, BB_SPAN("a.zip"), some_look, 5000, &file, error);
    if (!result) {
        const struct bb_router_target target = bb_file_frames_begin(&frames, log, file);
        result = bb_router_init(&router, &target, BB_SPAN("demo"), batch->series_table, error);
    }
    for (int i = 0; !result && i < 2; i++) {
        snprintf(member, sizeof member, "a.zip/member-%d", i);
        result = bb_router_source(&router, bb_span_of(member), error);
        if (!result)
            result = bb_router_add(&router, batch, error);
    }
    memset(member, 'x', sizeof member);
    if (!result)
        result = bb_router_flush(&router, error);
    if (!result)
        file->readings = router.readings;
    if (!result)
        result = bb_ledger_decide(&ledger, file, some_hash, error);
    bb_router_release(&router);
    bb_ledger_close(&ledger);
    return result;
}

struct found {
    uint64_t readings, frames, value_sum, issued, named[2];
};

/* A mark may be written twice after a crash, and merging twice is no harm: each frame is counted at
 * its first coming. */
static void count_partition(struct bb_log *log, uint32_t partition, struct found *found) {
    uint64_t offsets[64];
    size_t offset_count = 0;
    struct bb_feed feed;
    struct bb_log_record record;
    struct bb_frame f;
    struct bb_arena arena;
    struct bb_error error;

    bb_arena_init(&arena, 1 << 20, 1 << 26);
    cr_assert_eq(bb_feed_open(&feed, log, partition, (struct bb_position){0, 0}, &error), 0);
    while (bb_feed_next(&feed, &record, &error) == BB_FEED_RECORD) {
        size_t seen = 0;
        while (seen < offset_count && offsets[seen] != record.offset)
            seen++;
        if (seen < offset_count)
            continue;
        cr_assert_lt(offset_count, sizeof offsets / sizeof offsets[0]);
        offsets[offset_count++] = record.offset;
        bb_arena_reset(&arena);
        cr_assert_eq(bb_frame_decode(record.body, &arena, &f, &error), 0, "%s", error.text);
        found->frames++;
        found->readings += f.count;
        for (int i = 0; i < 2; i++)
            found->named[i] += bb_span_equal(f.source, i ? BB_SPAN("a.zip/member-1")
                                                         : BB_SPAN("a.zip/member-0"))
                                   ? f.count
                                   : 0;
        for (uint32_t i = 0; i < f.count; i++) {
            found->value_sum += (uint64_t)f.mantissa[i];
            found->issued += f.issued_ms[i] == issued_base_ms + f.mantissa[i];
            cr_assert(f.issued_ms[i] == f.received_ms || f.mantissa[i] % 3 == 0);
        }
        for (uint32_t i = 0; i < f.series_count; i++)
            cr_assert_eq(bb_usage_point_hash(f.series[i].usage_point) % PARTITIONS, partition);
    }
    bb_feed_close(&feed);
    bb_arena_release(&arena);
}

static struct found count(struct bb_log *log) {
    struct found found = {0};

    for (uint32_t p = 0; p < PARTITIONS; p++)
        count_partition(log, p, &found);
    return found;
}

static void expect_whole(struct bb_log *log, const char *when) {
    struct found found = count(log);

    cr_assert_eq(found.readings, 2 * READINGS, "%s: %llu readings count", when,
                 (unsigned long long)found.readings);
    cr_assert_eq(found.value_sum, (uint64_t)READINGS * (READINGS - 1));
    cr_assert_eq(found.issued, 2 * ((READINGS + 2) / 3));
    cr_assert(found.named[0] == READINGS && found.named[1] == READINGS,
              "%s: members are named for %llu and %llu readings", when,
              (unsigned long long)found.named[0], (unsigned long long)found.named[1]);
}

Test(ledger, a_file_counts_whole) {
    struct bb_series_table table;
    struct bb_batch batch;
    struct bb_log *log;
    struct bb_error error;

    fill_batch(&table, &batch);
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(land(log, &batch, &error), 0, "%s", error.text);
    expect_whole(log, "once");
    cr_assert_eq(land(log, &batch, &error), 0); /* known: passed over */
    expect_whole(log, "again");
    log->ops->close(log);
    bb_batch_release(&batch);
    bb_series_table_release(&table);
}

/* The log fails at its n-th call, before or after having done it; then somebody comes again. */
static bool fail_at(uint64_t n, bool before, const struct bb_batch *batch) {
    struct bb_fault_plan plan = {
        .fail_at = n, .code = BB_E_LOG_IO, .before = before, .sticky = true};
    struct bb_log *inner, *log;
    struct bb_error error;
    char when[60];

    snprintf(when, sizeof when, "call %llu, %s", (unsigned long long)n,
             before ? "before" : "after");
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &inner, &error), 0);
    log = bb_log_fault_wrap(inner, &plan);
    bool failed = land(log, batch, &error) < 0;
    cr_assert_eq(inner->ops->sync(inner, &error), 0); /* what was written may have come to disk */
    struct found found = count(inner);
    cr_assert(failed || found.readings == 2 * READINGS, "%s", when);
    cr_assert_eq(land(inner, batch, &error), 0, "%s: %s", when, error.text);
    expect_whole(inner, when);
    log->ops->close(log);
    inner->ops->close(inner);
    return failed;
}

Test(ledger, a_file_counts_whole_wherever_the_log_fails) {
    struct bb_series_table table;
    struct bb_batch batch;

    fill_batch(&table, &batch);
    for (int before = 0; before < 2; before++)
        for (uint64_t n = 1; fail_at(n, before, &batch); n++)
            cr_assert_lt(n, 1000);
    bb_batch_release(&batch);
    bb_series_table_release(&table);
}

Test(ledger, received_times_only_grow) {
    struct bb_ledger ledger;
    struct bb_ledger_file *a, *b, *c;
    struct bb_log *log;
    struct bb_error error;

    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("a"), some_look, 5000, &a, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("b"), some_look, 5000, &b, &error), 0);
    cr_assert_lt(a->received_ms, b->received_ms);
    cr_assert_neq(a->file_id, b->file_id);
    cr_assert_eq(log->ops->sync(log, &error), 0);
    bb_ledger_close(&ledger);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(ledger.count, 2);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("c"), some_look, 17, &c, &error), 0);
    cr_assert_gt(c->received_ms, 5001, "though the clock went back");
    cr_assert_eq(bb_ledger_abandon(&ledger, c, &error), 0);
    bb_ledger_close(&ledger);
    log->ops->close(log);
}

Test(ledger, what_was_begun_and_not_decided_is_not_known) {
    struct bb_ledger ledger;
    struct bb_ledger_file *begun, *decided;
    struct bb_content_hash other = {7, 8};
    struct bb_log *log;
    struct bb_error error;

    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("a"), some_look, 1, &begun, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("b"), some_look, 1, &decided, &error), 0);
    cr_assert_not(bb_ledger_has_look(&ledger, some_look));
    cr_assert_eq(bb_ledger_decide(&ledger, decided, other, &error), 0);
    for (int again = 0; again < 2; again++) {
        cr_expect_null(bb_ledger_find(&ledger, some_hash));
        cr_expect_null(bb_ledger_find(&ledger, (struct bb_content_hash){0}));
        cr_expect_not_null(bb_ledger_find(&ledger, other));
        cr_expect(bb_ledger_has_look(&ledger, some_look));
        cr_expect_not(bb_ledger_has_look(&ledger, (struct bb_file_look){4711, 18}));
        cr_expect_not(bb_ledger_has_look(&ledger, (struct bb_file_look){4712, 17}));
        bb_ledger_close(&ledger);
        cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    }
    bb_ledger_close(&ledger);
    log->ops->close(log);
}

Test(ledger, an_unfit_tenant_is_refused_before_anything_is_written) {
    char name[100];
    struct bb_series_table table;
    struct bb_batch batch;
    struct bb_ledger ledger;
    struct bb_ledger_file *file;
    struct bb_router router;
    struct bb_file_frames frames;
    struct bb_log *log;
    struct bb_error error;

    memset(name, 'a', sizeof name);
    fill_batch(&table, &batch);
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("a"), some_look, 5000, &file, &error), 0);
    const struct bb_router_target target = bb_file_frames_begin(&frames, log, file);
    cr_assert_eq(bb_router_init(&router, &target, BB_SPAN(""), &table, &error), -BB_E_NAME);
    cr_assert_eq(bb_router_init(&router, &target, (struct bb_span){name, 65}, &table, &error),
                 -BB_E_NAME);
    cr_assert_eq(bb_router_init(&router, &target, (struct bb_span){name, 64}, &table, &error), 0);
    bb_router_release(&router);
    bb_ledger_close(&ledger);
    log->ops->close(log);
    bb_batch_release(&batch);
    bb_series_table_release(&table);
}

Test(ledger, what_was_refused_is_read_back_from_the_record_that_says_so) {
    struct bb_ledger ledger;
    struct bb_ledger_file *kept, *refused;
    struct bb_arena arena;
    struct bb_span refusals;
    struct bb_log *log;
    struct bb_error error;

    bb_arena_init(&arena, 1 << 12, 1 << 20);
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("kept"), some_look, 1, &kept, &error), 0);
    kept->tenant = BB_SPAN("default");
    kept->rejected = 2;
    kept->refusals = BB_SPAN("{\"line\":3}");
    cr_assert_eq(bb_ledger_decide(&ledger, kept, some_hash, &error), 0);
    cr_assert_eq(bb_ledger_begin(&ledger, BB_SPAN("refused"), some_look, 2, &refused, &error), 0);
    refused->tenant = BB_SPAN("other");
    refused->rejected = 1;
    refused->refusals = BB_SPAN("{\"line\":7}");
    cr_assert_eq(bb_ledger_abandon(&ledger, refused, &error), 0);
    bb_ledger_close(&ledger);

    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0);
    cr_assert_eq(ledger.count, 2);
    const char *const tenants[] = {"default", "other"};
    const char *const texts[] = {"{\"line\":3}", "{\"line\":7}"};
    for (size_t i = 0; i < 2; i++) {
        const struct bb_ledger_file *file = ledger.files[i];
        cr_expect(bb_span_equal(file->tenant, bb_span_of(tenants[i])), "%zu", i);
        cr_expect_eq(file->rejected, 2 - i);
        cr_assert_eq(bb_ledger_refusals(log, file->report_offset, &arena, &refusals, &error), 0);
        cr_expect(bb_span_equal(refusals, bb_span_of(texts[i])), "%.*s", BB_SPAN_ARGS(refusals));
    }
    cr_assert_eq(bb_ledger_refusals(log, 0, &arena, &refusals, &error), 0);
    cr_expect_eq(refusals.size, 0);
    bb_ledger_close(&ledger);
    log->ops->close(log);
    bb_arena_release(&arena);
}

/* Version 1 ended behind the parts. */
Test(ledger, entries_of_the_version_before_are_read) {
    struct bb_ledger ledger;
    struct bb_buffer body;
    struct bb_log *log;
    struct bb_error error;

    bb_buffer_init(&body, 1 << 12);
    bb_buffer_append_byte(&body, 1);
    bb_buffer_append(&body, &some_hash, sizeof some_hash);
    bb_put_text(&body, BB_SPAN("old.csv"));
    bb_buffer_append(&body, &some_look, sizeof some_look);
    bb_put_varint(&body, 0);
    bb_put_varint(&body, PARTITIONS);
    for (int i = 0; i < 3 * PARTITIONS; i++)
        bb_put_varint(&body, 0);
    struct bb_log_record record = {.kind = BB_RECORD_FILE_DONE,
                                   .file_id = 5,
                                   .received_ms = 1000,
                                   .body = bb_buffer_span(&body)};
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &log, &error), 0);
    cr_assert_eq(log->ops->append(log, PARTITIONS, &record, &error), 0);
    cr_assert_eq(log->ops->sync(log, &error), 0);
    cr_assert_eq(bb_ledger_open(&ledger, log, &error), 0, "%s", error.text);
    cr_assert_eq(ledger.count, 1);
    cr_expect_not_null(bb_ledger_find(&ledger, some_hash));
    cr_expect_eq(ledger.files[0]->tenant.size, 0);
    cr_expect_eq(ledger.files[0]->report_offset, 0);
    bb_ledger_close(&ledger);
    log->ops->close(log);
    bb_buffer_release(&body);
}
