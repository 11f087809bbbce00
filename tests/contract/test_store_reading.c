/* What people read with SQL (the view `reading`) is what is in the blocks: exact decimals, times, units, qualities. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/arena.h"
#include "contract/store_fixture.h"
#include "model/unit.h"
#include "support/postgres.h"

enum { DAY = 20202, CHANNEL = 5 };
#define DAY_MS     ((int64_t)BB_DAY_MS)
#define MIDNIGHT   (DAY * DAY_MS)
#define QUARTER_MS ((int64_t)15 * BB_MINUTE_MS)

struct stock { /* a block while it is made */
    struct bb_arena arena;
    struct bb_block block;
    struct bb_buffer packed, lines;
};

static void stock_init(struct stock *s, uint8_t lane) {
    bb_arena_init(&s->arena, 1 << 16, 1 << 24);
    bb_buffer_init(&s->packed, 1 << 20);
    bb_buffer_init(&s->lines, 1 << 20);
    cr_assert(bb_block_init(&s->block, lane, 2000, &s->arena));
}

static void stock_release(struct stock *s) {
    bb_attribute_set_release(&s->block.attributes);
    bb_arena_release(&s->arena);
    bb_buffer_release(&s->packed);
    bb_buffer_release(&s->lines);
}

static void put(struct stock *s, int64_t end_ms, int64_t mantissa, struct bb_attribute attribute) {
    struct bb_block *b = &s->block;

    b->end_ms[b->count] = end_ms;
    b->mantissa[b->count] = mantissa;
    b->attribute[b->count] = bb_attribute_set_index(&b->attributes, &attribute);
    b->count++;
}

/* A row as the view has to show it: start|end|value|unit|quality. */
static void tell(const struct bb_block *b, uint32_t row, struct bb_buffer *out) {
    const struct bb_attribute *a = &b->attributes.items[b->attribute[row]];
    char value[BB_DECIMAL_TEXT_MAX] = "";

    if (a->quality.state != BB_STATE_MISSING)
        bb_decimal_format((struct bb_decimal){b->mantissa[row], a->exponent}, false, value);
    bb_buffer_format(out, "%ld|%ld|%s|%s|", (long)(b->end_ms[row] - a->length_s * INT64_C(1000)),
                     (long)b->end_ms[row], value, bb_unit_symbol(a->unit));
    bb_quality_format(&a->quality, out);
    bb_buffer_append_byte(out, '\n');
}

static void tell_all(struct stock *s) {
    for (uint32_t i = 0; i < s->block.count; i++)
        if (s->block.attributes.items[s->block.attribute[i]].statistic == BB_STATISTIC_VALUE)
            tell(&s->block, i, &s->lines);
}

static struct bb_block_change stock_change(struct stock *s, int32_t span) {
    cr_assert_eq(bb_block_pack(&s->block, &s->arena, &s->packed, &(struct bb_error){0}), 0);
    return (struct bb_block_change){
        .key = {.channel = CHANNEL, .span = span, .lane = s->block.lane},
        .packed = bb_buffer_span(&s->packed)};
}

/* Tenant, usage point and channel that are no ASCII. */
static const char channel_name[] = "Gro\xc3\x9fkunde\0UP 1\0import";
#define NAMED                                                                                      \
    STORE_NAMES(((struct bb_name_change){.kind = BB_NAME_CHANNEL_ID,                               \
                                         .name = {"\0\0\0\5", 4},                                  \
                                         .value = {channel_name, sizeof channel_name - 1}}))

static void expect_reading(struct store_fixture *f, const char *lane, struct bb_span expected) {
    struct bb_buffer shown;
    char sql[700];

    bb_buffer_init(&shown, 1 << 20);
    snprintf(
        sql, sizeof sql,
        "SELECT (extract(epoch FROM start_at) * 1000)::bigint, (extract(epoch FROM end_at) * 1000)::bigint,"
        " value, unit, array_to_string(quality, '|') FROM reading WHERE tenant = 'Gro\xc3\x9fkunde' AND"
        " usage_point = 'UP 1' AND channel = 'import' AND lane = '%s' ORDER BY end_at",
        lane);
    postgres_paint(f->conninfo, f->schema, sql, &shown);
    cr_expect(bb_span_equal(bb_buffer_span(&shown), expected), "%s shows\n%.*sand not\n%.*s", lane,
              (int)shown.size, shown.data ? shown.data : "", BB_SPAN_ARGS(expected));
    bb_buffer_release(&shown);
}

static const struct bb_attribute clean = {.length_s = 900, .unit = BB_UNIT_KWH, .exponent = -3};

static struct bb_attribute with_state(enum bb_quality_state state) {
    struct bb_attribute a = clean;
    a.quality.state = (uint8_t)state;
    return a;
}

/* ---- shapes of blocks */

static void make_regular(struct stock *s) {
    for (int i = 1; i <= 96; i++)
        put(s, MIDNIGHT + i * QUARTER_MS, i * 10, clean);
}

static void make_mixed(struct stock *s) { /* regular times, other attributes */
    struct bb_attribute odd = with_state(BB_STATE_SUBSTITUTED), cubic = clean;

    odd.quality.marks = BB_MARK_FINAL | BB_MARK_SUSPECT;
    memcpy(odd.quality.source, "F14 79", 6);
    cubic.unit = BB_UNIT_M3;
    cubic.exponent = 2;
    for (int i = 1; i <= 20; i++)
        put(s, MIDNIGHT + i * QUARTER_MS, -i,
            i % 5 == 0   ? with_state(BB_STATE_MISSING)
            : i % 3 == 0 ? odd
            : i % 7 == 0 ? cubic
                         : clean);
}

static void make_irregular(struct stock *s) {
    for (int i = 1; i <= 50; i++) {
        struct bb_attribute a = clean;
        a.length_s = (uint32_t)(60 * i);
        put(s, MIDNIGHT + i * i * INT64_C(20001), i, i % 2 ? clean : a);
    }
}

static void make_instants(struct stock *s) { /* a register: seldom, wide, with many digits */
    struct bb_attribute a = {.unit = BB_UNIT_WH, .exponent = -24};

    put(s, MIDNIGHT + 1, INT64_C(999999999999999999), a);
    put(s, MIDNIGHT + 77777, -INT64_C(999999999999999999), a);
    put(s, MIDNIGHT + DAY_MS, 0, a);
}

static void make_single(struct stock *s) {
    put(s, MIDNIGHT + QUARTER_MS, INT32_MIN, clean);
}

static void make_toasted(struct stock *s) { /* more than a row has room for */
    struct bb_attribute a = clean;

    a.length_s = 60;
    for (int i = 1; i <= 1440; i++)
        put(s, MIDNIGHT + i * (int64_t)BB_MINUTE_MS, (i * INT64_C(7919)) % 100003, a);
}

static void shows_what_blocks_hold(struct store_fixture *f) {
    static void (*const shapes[])(struct stock *) = {make_regular,  make_mixed,  make_irregular,
                                                     make_instants, make_single, make_toasted};

    store_claim(f, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct stock s;
        stock_init(&s, BB_LANE_RAW);
        shapes[i](&s);
        tell_all(&s);
        struct bb_block_change change = stock_change(&s, DAY);
        cr_assert_eq(
            store_commit(f, 0, (struct bb_commit){.blocks = &change, .block_count = 1, NAMED}),
            BB_COMMIT_DONE, "shape %zu: %s", i, f->error.text);
        expect_reading(f, "raw", bb_buffer_span(&s.lines));
        expect_reading(f, "vee", bb_buffer_span(&s.lines));
        struct bb_store_view *view = store_view(f, 0);
        struct bb_span packed;
        cr_assert_eq(f->store->ops->block_get(view, &change.key, &packed, &f->error), BB_FOUND);
        cr_expect(bb_span_equal(packed, change.packed), "shape %zu: the very bytes", i);
        f->store->ops->view_end(view);
        stock_release(&s);
    }
}

Test(store_reading_postgres, shows_what_blocks_hold) {
    postgres_store(shows_what_blocks_hold);
}

/* vee replaces the values of raw with the same end, and adds those that raw has not. */
static void lays_vee_over_raw(struct store_fixture *f) {
    struct bb_attribute estimated = with_state(BB_STATE_ESTIMATED);
    struct bb_buffer lines;
    struct stock raw, vee;

    estimated.quality.method = BB_METHOD_LINEAR;
    estimated.quality.checks = 1u << BB_CHECK_GAP;
    stock_init(&raw, BB_LANE_RAW);
    stock_init(&vee, BB_LANE_VEE);
    bb_buffer_init(&lines, 1 << 20);
    for (int i = 1; i <= 40; i++) {
        int64_t end_ms = MIDNIGHT + i * QUARTER_MS;
        bool told = i % 10 != 0, overlaid = i % 10 == 0 || i == 17;
        if (told)
            put(&raw, end_ms, i, clean);
        if (overlaid)
            put(&vee, end_ms, 1000 + i, estimated);
        if (overlaid)
            tell(&vee.block, vee.block.count - 1, &lines);
        else
            tell(&raw.block, raw.block.count - 1, &lines);
    }
    tell_all(&raw);
    struct bb_block_change changes[] = {stock_change(&raw, DAY), stock_change(&vee, DAY)};
    store_claim(f, 0);
    cr_assert_eq(store_commit(f, 0, (struct bb_commit){.blocks = changes, .block_count = 2, NAMED}),
                 BB_COMMIT_DONE, "%s", f->error.text);
    expect_reading(f, "raw", bb_buffer_span(&raw.lines));
    expect_reading(f, "vee", bb_buffer_span(&lines));
    bb_buffer_release(&lines);
    stock_release(&raw);
    stock_release(&vee);
}

Test(store_reading_postgres, lays_vee_over_raw) {
    postgres_store(lays_vee_over_raw);
}

/* Of periods the value, not the least and the greatest. */
static void shows_values_of_days(struct store_fixture *f) {
    struct stock s;

    stock_init(&s, BB_LANE_DAY);
    for (int day = 1; day <= 3; day++)
        for (uint8_t statistic = BB_STATISTIC_VALUE; statistic <= BB_STATISTIC_MAX; statistic++) {
            struct bb_attribute a = clean;
            a.length_s = 86400;
            a.statistic = statistic;
            put(&s, MIDNIGHT + day * DAY_MS, day * 10 + statistic, a);
        }
    tell_all(&s);
    struct bb_block_change change = stock_change(&s,
                                                 bb_lane_span_of(BB_LANE_DAY, MIDNIGHT + DAY_MS));
    store_claim(f, 0);
    cr_assert_eq(store_commit(f, 0, (struct bb_commit){.blocks = &change, .block_count = 1, NAMED}),
                 BB_COMMIT_DONE, "%s", f->error.text);
    expect_reading(f, "day", bb_buffer_span(&s.lines));
    stock_release(&s);
}

Test(store_reading_postgres, shows_values_of_days) {
    postgres_store(shows_values_of_days);
}

/* ---- a channel's month is found by indexes, and so is it by the function */

static void finds_a_month_by_index(struct store_fixture *f) {
    static const char *const lanes[] = {"raw", "vee", "day"};
    struct bb_buffer plan;
    char sql[500];

    postgres_run(
        f->conninfo, f->schema,
        "INSERT INTO channel SELECT 0, n, '', 'UP' || n, 'import' FROM generate_series(1, 5000) n;"
        "INSERT INTO block (partition, span, channel, lane, start_at, step_s, length_s, exponent, unit,"
        " packed, value) SELECT 0, s, n, 0, timestamptz 'epoch' + s * interval '1 day', 900, 900, -3,"
        " 'kWh', '\\x01', array_fill(250, ARRAY[96]) FROM generate_series(20000, 20099) s,"
        " generate_series(1, 200) n; ANALYZE block; ANALYZE channel");
    bb_buffer_init(&plan, 1 << 20);
    for (size_t i = 0; i < 3; i++) {
        snprintf(
            sql, sizeof sql,
            "EXPLAIN SELECT * FROM reading WHERE usage_point = 'UP7' AND channel = 'import' AND lane = '%s'"
            " AND day BETWEEN date '1970-01-01' + 20010 AND date '1970-01-01' + 20040",
            lanes[i]);
        bb_buffer_clear(&plan);
        postgres_paint(f->conninfo, f->schema, sql, &plan);
        bb_buffer_append_byte(&plan, 0);
        cr_expect_null(strstr(plan.data, "Seq Scan"), "%s", plan.data);
        cr_expect_not_null(strstr(plan.data, "block_by_channel"), "%s", plan.data);
    }
    cr_expect_eq(postgres_number(f->conninfo, f->schema,
                                 "SELECT count(*) FROM readings('UP7', 'import', 'vee',"
                                 " timestamptz 'epoch' + interval '20010 days',"
                                 " timestamptz 'epoch' + interval '20040 days')"),
                 30 * 96);
    cr_expect_eq(postgres_number(f->conninfo, f->schema,
                                 "SELECT 1000 * sum(value) FROM reading WHERE usage_point = 'UP7'"
                                 " AND lane = 'raw' AND day = date '1970-01-01' + 20010"),
                 96 * 250);
    bb_buffer_release(&plan);
}

Test(store_reading_postgres, finds_a_month_by_index) {
    postgres_store(finds_a_month_by_index);
}
