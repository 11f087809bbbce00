/* What is gathered comes out by channel as it was told, however lines, times and attributes are mixed. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "adapter/embedded.h"
#include "base/random.h"
#include "model/frame.h"
#include "service/gather.h"
#include "support/seeds.h"

enum { CHANNELS = 12, ATTRIBUTES = 4, ROWS_MOST = 60, FRAMES = 25, COMMITS = 3, FAR = 3 };

struct scene {
    struct bb_plant plant;
    struct bb_store_view *view;
    struct bb_channel_table channels;
    struct bb_gather gather;
    struct bb_arena made, read;
    struct bb_buffer body;
    struct bb_random r;
    uint64_t seed;
    struct bb_error error;
    char name[CHANNELS][8];
    struct
        told { /* of a channel since the last commit; what its attribute says instead of its number */
        struct bb_told row;
        struct bb_attribute attribute;
    } told[CHANNELS][FRAMES * ROWS_MOST];
    size_t count[CHANNELS];
};

static void begin(struct scene *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    s->seed = seed;
    bb_random_seed(&s->r, seed);
    s->plant.zones = bb_zone_set_new();
    cr_assert(s->plant.zones);
    cr_assert_eq(bb_store_memory_open(1, &s->plant.store, &s->error), 0);
    cr_assert_eq(s->plant.store->ops->view_begin(s->plant.store, 0, &s->view, &s->error), 0);
    bb_channel_table_init(&s->channels, &s->plant);
    bb_gather_init(&s->gather);
    bb_arena_init(&s->made, 1 << 16, 1 << 26);
    bb_arena_init(&s->read, 1 << 16, 1 << 26);
    bb_buffer_init(&s->body, 1 << 20);
    for (int i = 0; i < CHANNELS; i++)
        snprintf(s->name[i], sizeof s->name[i], "m%d", i);
}

static void end(struct scene *s) {
    bb_gather_release(&s->gather);
    bb_channel_table_release(&s->channels);
    s->plant.store->ops->view_end(s->view);
    s->plant.store->ops->close(s->plant.store);
    bb_zone_set_free(s->plant.zones);
    bb_arena_release(&s->made);
    bb_arena_release(&s->read);
    bb_buffer_release(&s->body);
}

/* One row after the other, or anywhere between the ends of what a line can be. */
static int64_t draw_line(struct scene *s, int64_t before) {
    const int64_t far[FAR] = {INT64_MIN, 0, INT64_MAX};

    return bb_random_below(&s->r, 8) ? (int64_t)((uint64_t)before + bb_random_below(&s->r, 3))
                                     : far[bb_random_below(&s->r, FAR)];
}

static struct bb_frame draw_frame(struct scene *s) {
    struct bb_frame f = {.tenant = BB_SPAN("demo"),
                         .source = BB_SPAN("a.csv"),
                         .received_ms = 1760000000000 + (int64_t)bb_random_below(&s->r, 3),
                         .series_count = CHANNELS,
                         .attribute_count = ATTRIBUTES};
    const uint32_t count = 1 + (uint32_t)bb_random_below(&s->r, ROWS_MOST);
    struct bb_frame_row *rows = bb_arena_take_array(&s->made, count, sizeof rows[0]);
    int64_t line = 2;

    f.series = bb_arena_take_array(&s->made, CHANNELS, sizeof f.series[0]);
    f.attributes = bb_arena_take_array(&s->made, ATTRIBUTES, sizeof f.attributes[0]);
    cr_assert(rows && f.series && f.attributes);
    for (uint32_t i = 0; i < CHANNELS; i++)
        f.series[i] = (struct bb_series){.usage_point = bb_span_of(s->name[i]),
                                         .channel = BB_SPAN("c"),
                                         .zone = BB_SPAN(""),
                                         .obis = BB_SPAN("")};
    for (uint32_t i = 0; i < ATTRIBUTES; i++)
        f.attributes[i].length_s = 900 * (uint32_t)bb_random_below(&s->r, 6);
    for (uint32_t i = 0; i < count; i++) {
        line = draw_line(s, line);
        rows[i] = (struct bb_frame_row){.end_ms = (int64_t)bb_random_next(&s->r) >> 20,
                                        .mantissa = (int64_t)bb_random_next(&s->r),
                                        .line = line,
                                        .issued_ms = bb_random_below(&s->r, 4) ? f.received_ms
                                                                               : (int64_t)i % 3,
                                        .series = (uint32_t)bb_random_below(&s->r, CHANNELS),
                                        .attribute = (uint32_t)bb_random_below(&s->r, ATTRIBUTES)};
        const struct bb_told row = {rows[i].end_ms,    rows[i].mantissa, f.received_ms,
                                    rows[i].issued_ms, rows[i].line,     0};
        s->told[rows[i].series][s->count[rows[i].series]++] = (struct told){
            row, f.attributes[rows[i].attribute]};
    }
    cr_assert(bb_frame_set_rows(&f, rows, count, &s->made));
    return f;
}

static void take_frame(struct scene *s) {
    bb_arena_reset(&s->made);
    bb_buffer_clear(&s->body);
    const struct bb_frame f = draw_frame(s);
    cr_assert_eq(bb_frame_encode(&f, &s->made, &s->body, &s->error), 0, "%s", s->error.text);
    const struct bb_log_record record = {.kind = BB_RECORD_FRAME,
                                         .readings = f.count,
                                         .received_ms = f.received_ms,
                                         .body = bb_buffer_span(&s->body)};
    cr_assert_eq(bb_gather_take(&s->gather, &s->channels, s->view, &record, &s->error), 0, "%s",
                 s->error.text);
}

/* But for the attribute's number. */
static bool is_equal(const struct bb_told *a, const struct bb_told *b) {
    return a->end_ms == b->end_ms && a->mantissa == b->mantissa &&
           a->received_ms == b->received_ms && a->issued_ms == b->issued_ms && a->line == b->line;
}

static void expect_told(struct scene *s) {
    cr_assert_eq(bb_gather_sort(&s->gather, s->channels.count, &s->error), 0);
    for (int i = 0; i < CHANNELS; i++) {
        const struct bb_series series = {.usage_point = bb_span_of(s->name[i]),
                                         .channel = BB_SPAN("c")};
        const uint32_t slot = bb_channel_names_find(&s->channels.names, BB_SPAN("demo"), &series);
        size_t count = 0;
        if (slot == BB_CHANNEL_NONE) {
            cr_assert_eq(s->count[i], 0);
            continue;
        }
        const uint32_t first = s->gather.starts[slot], behind = s->gather.starts[slot + 1];
        bb_arena_reset(&s->read);
        const struct bb_told *told = bb_gather_told(&s->gather, s->gather.sorted + first,
                                                    behind - first, &s->read, &count);
        cr_assert_eq(count, s->count[i]);
        for (size_t k = 0; k < count; k++) {
            const struct bb_told row = told[k];
            const struct bb_attribute *attribute = &s->gather.attributes.items[row.attribute];
            cr_assert(memcmp(attribute, &s->told[i][k].attribute, sizeof *attribute) == 0);
            cr_assert(is_equal(&row, &s->told[i][k].row),
                      "channel %d, reading %zu: line %lld, not %lld" SEED_LINE("unit_service",
                                                                               "gather/*"),
                      i, k, (long long)row.line, (long long)s->told[i][k].row.line,
                      SEED_ARG(s->seed));
        }
        s->count[i] = 0;
    }
}

Test(gather, tells_what_it_was_told) {
    const struct seeds seeds = seeds_of_run(20, 1000);
    struct scene *s = malloc(sizeof *s);

    cr_assert(s);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        begin(s, seed);
        for (int commit = 0; commit < COMMITS; commit++) {
            for (int i = 0; i < FRAMES; i++)
                take_frame(s);
            expect_told(s);
            bb_gather_clear(&s->gather);
        }
        end(s);
    }
    free(s);
}
