/* Records for the log's owner: what is put comes out, what is broken leaves nothing, no two sources share a moment. */
#include <criterion/criterion.h>

#include "model/frame.h"
#include "model/unit.h"
#include "service/owner_records.h"
#include "support/log_folder.h"

enum { RECEIVED_MS = 1000000 };

struct world {
    char folder[LOG_FOLDER_SIZE];
    struct bb_plant plant;
    struct bb_buffer records;
    struct bb_arena arena;
    struct bb_error error;
};

static void begin(struct world *w) {
    *w = (struct world){.plant = {.cut_bytes = 0}};
    log_folder_make(w->folder);
    w->plant.log = log_folder_open(w->folder, 0);
    cr_assert_eq(bb_ledger_open(&w->plant.ledger, w->plant.log, &w->error), 0);
    bb_buffer_init(&w->records, 1 << 20);
    bb_arena_init(&w->arena, 1 << 16, 1 << 24);
}

static void end(struct world *w) {
    bb_arena_release(&w->arena);
    bb_buffer_release(&w->records);
    bb_ledger_close(&w->plant.ledger);
    w->plant.log->ops->close(w->plant.log);
    log_folder_remove(w->folder);
}

static void put(struct world *w, uint32_t partition, uint8_t kind, struct bb_span body) {
    const struct bb_log_record record = {
        .kind = kind, .readings = 1, .received_ms = RECEIVED_MS, .body = body};

    cr_assert(bb_owner_records_put(&w->records, partition, &record));
}

static void put_frame(struct world *w, const char *source) {
    struct bb_series series = {.usage_point = BB_SPAN("A"), .channel = BB_SPAN("c")};
    struct bb_attribute attribute = {.unit = BB_UNIT_KWH};
    struct bb_frame_row row = {.end_ms = 900000, .mantissa = 5, .issued_ms = RECEIVED_MS};
    struct bb_frame frame = {.tenant = BB_SPAN("default"),
                             .source = bb_span_of(source),
                             .received_ms = RECEIVED_MS,
                             .series_count = 1,
                             .series = &series,
                             .attributes = &attribute,
                             .attribute_count = 1};
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 16);
    cr_assert(bb_frame_set_rows(&frame, &row, 1, &w->arena));
    cr_assert_eq(bb_frame_encode(&frame, &w->arena, &body, &w->error), 0);
    put(w, 0, BB_RECORD_FRAME, bb_buffer_span(&body));
    bb_buffer_release(&body);
}

static int append(struct world *w) {
    int result = bb_owner_records_append(&w->plant, bb_buffer_span(&w->records), &w->error);

    cr_assert_eq(w->plant.log->ops->sync(w->plant.log, &w->error), 0);
    bb_buffer_clear(&w->records);
    return result;
}

static int count_all(struct world *w, uint32_t partition, struct bb_log_record *last) {
    struct bb_log_reader *reader;
    int count = 0;

    cr_assert_eq(w->plant.log->ops->reader_open(w->plant.log, partition, &reader, &w->error), 0);
    for (uint64_t at = 0; w->plant.log->ops->read(reader, at, last, &w->error) == BB_LOG_RECORD;
         at = last->next_offset)
        count++;
    w->plant.log->ops->reader_close(reader);
    return count;
}

Test(owner_records, come_out_as_they_were_put) {
    struct bb_log_record last;
    struct world w;

    begin(&w);
    put(&w, 1, BB_RECORD_MASTER, BB_SPAN("entry"));
    put(&w, 0, BB_RECORD_TICK, BB_SPAN(""));
    cr_assert_eq(append(&w), 0, "%s", w.error.text);
    cr_assert_eq(count_all(&w, 0, &last), 1);
    cr_assert_eq(count_all(&w, 1, &last), 1);
    end(&w);
}

Test(owner_records, two_sources_of_a_moment_get_one_each) {
    struct bb_log_reader *reader;
    struct bb_log_record record;
    struct bb_frame frame;
    struct world w;
    uint64_t at = 0;

    begin(&w);
    put_frame(&w, "edit by ann: a");
    put_frame(&w, "edit by bob: b");
    cr_assert_eq(append(&w), 0, "%s", w.error.text);
    cr_assert_eq(w.plant.log->ops->reader_open(w.plant.log, 0, &reader, &w.error), 0);
    for (int64_t i = 0; i < 2; i++, at = record.next_offset) {
        cr_assert_eq(w.plant.log->ops->read(reader, at, &record, &w.error), BB_LOG_RECORD);
        cr_assert_eq(bb_frame_decode(record.body, &w.arena, &frame, &w.error), 0);
        cr_assert_eq(record.received_ms, RECEIVED_MS + i);
        cr_assert_eq(frame.received_ms, RECEIVED_MS + i);
        cr_assert_eq(frame.issued_ms[0], RECEIVED_MS + i);
        cr_assert_eq(frame.mantissa[0], 5);
    }
    w.plant.log->ops->reader_close(reader);
    end(&w);
}

Test(owner_records, broken_ones_leave_nothing) {
    struct bb_log_record last;
    struct world w;

    begin(&w);
    for (int kind = 0; kind < 20; kind++) {
        bool allowed = kind == BB_RECORD_FRAME || kind == BB_RECORD_MASTER ||
                       kind == BB_RECORD_TICK || kind == BB_RECORD_ARCHIVE;
        put(&w, 1, BB_RECORD_MASTER, BB_SPAN("good"));
        put(&w, allowed ? 2 : 0, (uint8_t)kind, BB_SPAN("x")); /* 2: there is no such partition */
        cr_assert_eq(append(&w), -BB_E_PARAMETER, "kind %d", kind);
    }
    put(&w, 1, BB_RECORD_MASTER, BB_SPAN("cut"));
    w.records.size--;
    cr_assert_eq(append(&w), -BB_E_PARAMETER);
    cr_assert_eq(count_all(&w, 1, &last), 0, "not even the good ones before it");
    end(&w);
}
