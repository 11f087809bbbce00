/* Frames: a batch of readings comes back from its record; what is damaged ends in an error. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "model/frame.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { ARENA_LIMIT = 32 << 20, BUFFER_LIMIT = 16 << 20 };

struct fixture {
    struct bb_arena made, read;
    struct bb_buffer out;
    struct bb_error error;
};

static void fixture_init(struct fixture *f) {
    bb_arena_init(&f->made, 1 << 20, ARENA_LIMIT);
    bb_arena_init(&f->read, 1 << 20, ARENA_LIMIT);
    bb_buffer_init(&f->out, BUFFER_LIMIT);
}

static void fixture_release(struct fixture *f) {
    bb_arena_release(&f->made);
    bb_arena_release(&f->read);
    bb_buffer_release(&f->out);
}

/* Names alike or not, and now and then as long as may be. */
static struct bb_span some_name(struct fixture *f, struct bb_random *r, bool may_be_empty) {
    char text[BB_NAME_MAX + 1];
    uint64_t dice = bb_random_below(r, 10);

    if (dice == 0 && may_be_empty)
        return BB_SPAN("");
    if (dice == 1) {
        memset(text, 'a' + (int)bb_random_below(r, 3), BB_NAME_MAX);
        return bb_arena_copy(&f->made, (struct bb_span){text, 1 + bb_random_below(r, BB_NAME_MAX)});
    }
    size_t size = (size_t)snprintf(text, sizeof text, "87168590%05u",
                                   (unsigned)bb_random_below(r, 300));
    return bb_arena_copy(&f->made, (struct bb_span){text, size});
}

static void some_series(struct fixture *f, struct bb_random *r, struct bb_series *s) {
    *s = (struct bb_series){.usage_point = some_name(f, r, false),
                            .channel = some_name(f, r, false),
                            .zone = some_name(f, r, true),
                            .obis = some_name(f, r, true),
                            .interval_s = (uint32_t)bb_random_next(r),
                            .kind = (uint8_t)bb_random_below(r, BB_KIND_COUNT),
                            .commodity = (uint8_t)bb_random_below(r, BB_COMMODITY_COUNT),
                            .unit = (uint8_t)bb_random_below(r, BB_UNIT_COUNT)};
    s->hash = bb_series_hash(s->usage_point, s->channel);
}

static struct bb_frame some_frame(struct fixture *f, struct bb_random *r, uint32_t count) {
    struct bb_frame frame = {.tenant = BB_SPAN("demo"),
                             .source = bb_random_below(r, 5) ? BB_SPAN("a.zip/day.csv")
                                                             : BB_SPAN(""),
                             .received_ms = 1760000000000 + (int64_t)bb_random_below(r, 1000000),
                             .series_count = 1 + (uint32_t)bb_random_below(r, 20),
                             .attribute_count = 1 + (uint32_t)bb_random_below(r, 12)};

    frame.series = bb_arena_take_array(&f->made, frame.series_count, sizeof frame.series[0]);
    for (uint32_t i = 0; i < frame.series_count; i++)
        some_series(f, r, &frame.series[i]);
    frame.attributes = bb_arena_take_array(&f->made, frame.attribute_count,
                                           sizeof frame.attributes[0]);
    for (uint32_t i = 0; i < frame.attribute_count; i++)
        frame.attributes[i] = (struct bb_attribute){
            .length_s = 900 * i,
            .unit = (uint8_t)bb_random_below(r, BB_UNIT_COUNT),
            .exponent = (int8_t) - (int)i};
    struct bb_frame_row *rows = bb_arena_take_array(&f->made, count, sizeof rows[0]);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct bb_frame_row){
            .end_ms = (int64_t)bb_random_next(r) >> bb_random_below(r, 64),
            .mantissa = (int64_t)bb_random_next(r) >> bb_random_below(r, 64),
            .line = i + 2,
            .issued_ms = bb_random_below(r, 3) ? frame.received_ms : (int64_t)bb_random_next(r),
            .series = (uint32_t)bb_random_below(r, frame.series_count),
            .attribute = (uint32_t)bb_random_below(r, frame.attribute_count)};
    cr_assert(bb_frame_set_rows(&frame, rows, count, &f->made));
    if (bb_random_below(r, 2))
        frame.issued_ms = NULL;
    return frame;
}

static void expect_equal(const struct bb_frame *a, const struct bb_frame *b, uint64_t seed) {
    cr_assert(bb_span_equal(a->tenant, b->tenant) && bb_span_equal(a->source, b->source));
    cr_assert_eq(a->received_ms, b->received_ms);
    cr_assert_eq(a->count, b->count);
    cr_assert_eq(a->series_count, b->series_count);
    for (uint32_t i = 0; i < a->series_count; i++) {
        const struct bb_series *x = &a->series[i], *y = &b->series[i];
        cr_assert(bb_span_equal(x->usage_point, y->usage_point) &&
                      bb_span_equal(x->channel, y->channel) && bb_span_equal(x->zone, y->zone) &&
                      bb_span_equal(x->obis, y->obis) && x->interval_s == y->interval_s &&
                      x->kind == y->kind && x->commodity == y->commodity && x->unit == y->unit,
                  "series %u differs" SEED_LINE("unit_model", "frame/*"), i, SEED_ARG(seed));
    }
    for (uint32_t i = 0; i < a->series_count; i++)
        cr_assert_eq(a->series_rows[i], b->series_rows[i]);
    cr_assert_eq(a->attribute_count, b->attribute_count);
    cr_assert(memcmp(a->attributes, b->attributes, a->attribute_count * sizeof a->attributes[0]) ==
              0);
    for (uint32_t i = 0; i < a->count; i++) {
        int64_t issued = b->issued_ms ? b->issued_ms[i] : b->received_ms;
        cr_assert(a->attribute[i] == b->attribute[i] && a->end_ms[i] == b->end_ms[i] &&
                      a->mantissa[i] == b->mantissa[i] && a->line[i] == b->line[i] &&
                      a->issued_ms[i] == issued,
                  "reading %u differs" SEED_LINE("unit_model", "frame/*"), i, SEED_ARG(seed));
    }
}

static struct bb_span encode(struct fixture *f, const struct bb_frame *frame) {
    bb_buffer_clear(&f->out);
    cr_assert_eq(bb_frame_encode(frame, &f->made, &f->out, &f->error), 0, "%s", f->error.text);
    return bb_buffer_span(&f->out);
}

/* From a copy of just that size: a sanitizer sees every byte read past the end. */
static int decode(struct fixture *f, struct bb_span bytes, struct bb_frame *out, char **copy) {
    *copy = malloc(bytes.size ? bytes.size : 1);
    memcpy(*copy, bytes.data, bytes.size);
    bb_arena_reset(&f->read);
    return bb_frame_decode((struct bb_span){*copy, bytes.size}, &f->read, out, &f->error);
}

Test(frame, readings_come_back) {
    struct seeds seeds = seeds_of_run(100, 5000);
    struct fixture f;
    struct bb_frame back;
    char *copy;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        uint32_t count = (uint32_t)bb_random_below(&r, bb_random_below(&r, 10) ? 200 : 5001);
        struct bb_frame frame = some_frame(&f, &r, count);
        cr_assert_eq(decode(&f, encode(&f, &frame), &back, &copy), 0,
                     "%s" SEED_LINE("unit_model", "frame/*"), f.error.text, SEED_ARG(seed));
        expect_equal(&back, &frame, seed);
        free(copy);
    }
    fixture_release(&f);
}

Test(frame, every_cut_is_refused) {
    struct seeds seeds = seeds_of_run(20, 300);
    struct fixture f;
    struct bb_frame back;
    char *copy;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        struct bb_frame frame = some_frame(&f, &r, (uint32_t)bb_random_below(&r, 30));
        struct bb_span bytes = encode(&f, &frame);
        for (size_t size = 0; size < bytes.size; size++) {
            cr_assert_eq(decode(&f, (struct bb_span){bytes.data, size}, &back, &copy),
                         -BB_E_LOG_CORRUPT, "cut to %zu of %zu" SEED_LINE("unit_model", "frame/*"),
                         size, bytes.size, SEED_ARG(seed));
            free(copy);
        }
    }
    fixture_release(&f);
}

static void expect_usable(const struct bb_frame *frame) {
    cr_assert(frame->tenant.size > 0);
    for (uint32_t i = 0; i < frame->series_count; i++) {
        const struct bb_series *s = &frame->series[i];
        cr_assert(s->usage_point.size > 0 && s->usage_point.size <= BB_NAME_MAX &&
                  s->channel.size > 0 && s->channel.size <= BB_NAME_MAX);
        cr_assert(s->unit < BB_UNIT_COUNT && s->kind < BB_KIND_COUNT &&
                  s->commodity < BB_COMMODITY_COUNT);
    }
    for (uint32_t i = 0; i < frame->attribute_count; i++)
        cr_assert(frame->attributes[i].unit < BB_UNIT_COUNT &&
                  frame->attributes[i].exponent >= BB_DECIMAL_MIN_EXPONENT &&
                  frame->attributes[i].exponent <= BB_DECIMAL_MAX_EXPONENT);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < frame->series_count; i++)
        rows += (uint64_t)frame->series_rows[i];
    cr_assert_eq(rows, frame->count);
    for (uint32_t i = 0; i < frame->count; i++)
        cr_assert_lt((uint64_t)frame->attribute[i], frame->attribute_count);
}

/* The log's record has the checksum; a frame that lies must still be harmless. */
Test(frame, damage_is_refused_or_harmless) {
    struct seeds seeds = seeds_of_run(30, 1000);
    struct fixture f;
    struct bb_frame back;
    char *copy;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        struct bb_frame frame = some_frame(&f, &r, (uint32_t)bb_random_below(&r, 20));
        struct bb_span bytes = encode(&f, &frame);
        for (size_t bit = 0; bit < bytes.size * 8; bit++) {
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
            if (decode(&f, bytes, &back, &copy) == 0)
                expect_usable(&back);
            free(copy);
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    fixture_release(&f);
}

static int decode_changed(struct fixture *f, const struct bb_frame *frame) {
    struct bb_frame back;
    char *copy;
    int result = decode(f, encode(f, frame), &back, &copy);

    free(copy);
    return result;
}

Test(frame, what_tables_cannot_hold_is_refused) {
    struct fixture f;
    struct bb_random r;

    fixture_init(&f);
    bb_random_seed(&r, 3);
    struct bb_frame good = some_frame(&f, &r, 5), bad = good;
    cr_assert_eq(decode_changed(&f, &good), 0);
    bad.tenant = BB_SPAN("");
    cr_assert_eq(decode_changed(&f, &bad), -BB_E_LOG_CORRUPT, "a tenant without a name");
    bad = good;
    struct bb_series series = good.series[0];
    good.series[0].unit = BB_UNIT_COUNT;
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "a series' unit");
    good.series[0] = series;
    good.series[0].channel = BB_SPAN("");
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "a channel without a name");
    good.series[0] = series;
    good.attributes[0].exponent = 19;
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "an exponent");
    good.attributes[0].exponent = 0;
    good.attributes[0].unit = BB_UNIT_COUNT;
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "a unit");
    good.attributes[0].unit = 0;
    good.series_rows[0]++;
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "a reading too few");
    good.series_rows[0] -= 2;
    cr_assert_eq(decode_changed(&f, &good), -BB_E_LOG_CORRUPT, "a reading without a series");
    fixture_release(&f);
}

Test(frame, rows_are_put_together_by_series_in_their_order) {
    static const struct {
        uint32_t series;
        int64_t line;
    } given[] = {{2, 1}, {0, 2}, {2, 3}, {0, 4}, {2, 5}, {3, 6}};
    static const int64_t rows_of[] = {2, 0, 3, 1}, lines[] = {2, 4, 1, 3, 5, 6};
    struct bb_frame_row rows[6];
    struct fixture f;

    fixture_init(&f);
    for (int i = 0; i < 6; i++)
        rows[i] = (struct bb_frame_row){.end_ms = 100 * given[i].line,
                                        .mantissa = 10 * given[i].line,
                                        .line = given[i].line,
                                        .issued_ms = given[i].line + 5,
                                        .series = given[i].series,
                                        .attribute = given[i].series + 1};
    struct bb_frame frame = {.series_count = 4};
    cr_assert(bb_frame_set_rows(&frame, rows, 6, &f.made));
    cr_assert_eq(frame.count, 6);
    cr_assert_arr_eq(frame.series_rows, rows_of, sizeof rows_of);
    cr_assert_arr_eq(frame.line, lines, sizeof lines);
    for (int i = 0, series = 0, left = 2; i < 6; i++, left--) {
        while (left == 0)
            left = (int)rows_of[++series];
        cr_assert_eq(frame.end_ms[i], 100 * lines[i]);
        cr_assert_eq(frame.mantissa[i], 10 * lines[i]);
        cr_assert_eq(frame.issued_ms[i], lines[i] + 5);
        cr_assert_eq(frame.attribute[i], series + 1);
    }
    fixture_release(&f);
}

Test(frame, like_names_are_written_once) {
    struct fixture f;
    struct bb_random r;
    size_t alike, one;

    fixture_init(&f);
    bb_random_seed(&r, 8);
    struct bb_frame frame = some_frame(&f, &r, 0);
    frame.series_count = 1;
    one = encode(&f, &frame).size;
    struct bb_series first = frame.series[0];
    frame.series_count = 2;
    frame.series[1] = first;
    alike = encode(&f, &frame).size;
    cr_assert_leq(alike - one, 5, "%zu bytes for a series like the one before", alike - one);
    fixture_release(&f);
}
