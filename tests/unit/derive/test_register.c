/* Registers: every way in which one reading can be less, or far more, than the one before. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "derive/register.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { POINTS_MAX = 64, INSTALLATIONS_MAX = 48 };

static const int64_t base = 20200 * (int64_t)BB_DAY_MS;
static const int64_t hour = BB_HOUR_MS, day = BB_DAY_MS;

struct bench { /* a water meter read in litres, and what was there before */
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_installation installations[INSTALLATIONS_MAX];
    struct bb_arena arena;
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_point points[POINTS_MAX];
    struct bb_window window;
    int64_t level[POINTS_MAX];
    uint16_t mark[POINTS_MAX];
    struct bb_stat_day days[BB_STAT_DAYS];
    struct bb_stat stat;
    struct bb_finding_list findings;
};

static struct bench *bench_new(void) {
    struct bench *b = calloc(1, sizeof *b);

    bb_arena_init(&b->arena, 1 << 16, 1 << 24);
    bb_pipeline_defaults(&b->pipeline);
    b->channel = (struct bb_channel){.kind = BB_KIND_REGISTER,
                                     .commodity = BB_COMMODITY_WATER,
                                     .derived_unit = BB_UNIT_L,
                                     .metered_unit = BB_UNIT_L,
                                     .pipeline = &b->pipeline,
                                     .installations = b->installations};
    b->window = (struct bb_window){.points = b->points, .capacity = POINTS_MAX};
    b->stat.days = b->days;
    b->findings = (struct bb_finding_list){.arena = &b->arena};
    return b;
}

static void bench_free(struct bench *b) {
    bb_arena_release(&b->arena);
    free(b);
}

static struct bb_attribute *put_at(struct bench *b, int64_t end_ms, int64_t mantissa,
                                   int exponent) {
    size_t i = b->window.count;
    struct bb_point p = {.start_ms = end_ms,
                         .end_ms = end_ms,
                         .value = {mantissa, (int8_t)exponent},
                         .attribute = &b->attributes[i],
                         .usable = true};

    b->attributes[i] = (struct bb_attribute){.unit = b->channel.metered_unit,
                                             .exponent = (int8_t)exponent};
    cr_assert(bb_window_put(&b->window, &p));
    return &b->attributes[i];
}

/* Readings an hour apart. */
static void put_hourly(struct bench *b, size_t count, const int64_t *reading) {
    for (size_t i = 0; i < count; i++)
        put_at(b, base + (int64_t)(b->window.count + 1) * hour, reading[i], 0);
}

/* 60 days before the base of so many units a day. */
static void put_history(struct bench *b, int64_t daily) {
    for (int i = 0; i < BB_STAT_DAYS; i++)
        b->days[i] = (struct bb_stat_day){.day = 20200 - BB_STAT_DAYS + i,
                                          .count = 24,
                                          .last_ms = base - (BB_STAT_DAYS - 1 - i) * day,
                                          .last_level = (1000 + i) * daily * 1000000000};
    b->stat.count = BB_STAT_DAYS;
}

static struct bb_installation *put_installation(struct bench *b, int64_t from_ms, int64_t factor,
                                                int exponent) {
    struct bb_installation *at = &b->installations[b->channel.installation_count++];

    *at = (struct bb_installation){
        .from_ms = from_ms, .to_ms = BB_TIME_NONE, .factor = {factor, (int8_t)exponent}};
    if (b->channel.installation_count > 1)
        at[-1].to_ms = from_ms;
    return at;
}

static void close_device(struct bb_installation *at, int64_t reading) {
    at->has_closing = true;
    at->closing = (struct bb_decimal){reading, 0};
}

static void open_device(struct bb_installation *at, int64_t reading) {
    at->has_opening = true;
    at->opening = (struct bb_decimal){reading, 0};
}

/* Marks of [first, last) go to b->mark[first] and behind. */
static void judge_part(struct bench *b, size_t first, size_t last,
                       const struct bb_point *accepted) {
    struct bb_check_context context = {
        .channel = &b->channel,
        .parameter = b->pipeline.check[BB_CHECK_REGISTER].parameter,
        .window = &b->window,
        .first = first,
        .last = last,
        .findings = &b->findings,
        .level = b->level,
        .stat = &b->stat,
    };

    for (size_t i = 0; i < b->window.count; i++)
        b->level[i] = bb_point_level(&b->channel, &b->points[i]);
    bb_register_judge(&context, accepted, &b->mark[first]);
}

static void judge(struct bench *b) {
    b->findings.count = 0;
    judge_part(b, 0, b->window.count, NULL);
}

static void expect_marks(const struct bench *b, size_t count, const int *mark) {
    cr_assert_eq(count, b->window.count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(b->mark[i], mark[i], "reading %zu: mark %x, not %x", i, b->mark[i], mark[i]);
}

static void expect_finding(const struct bench *b, size_t i, size_t point, bool hard, int64_t a,
                           int64_t value_b) {
    cr_assert_lt(i, b->findings.count, "finding %zu is missing", i);
    const struct bb_finding *f = &b->findings.items[i];
    cr_assert_eq(f->check, BB_CHECK_REGISTER);
    cr_assert_eq(f->at_ms, b->points[point].end_ms);
    cr_assert_eq(f->hard, hard, "finding %zu is %s", i, f->hard ? "hard" : "not hard");
    cr_assert(f->a == a && f->b == value_b,
              "evidence %" PRId64 " and %" PRId64 ", not %" PRId64 " and %" PRId64, f->a, f->b, a,
              value_b);
}

#define HOURLY(b, ...)                                                                             \
    put_hourly(b, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})
#define MARKS(b, ...)                                                                              \
    expect_marks(b, sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})
enum {
    ROLLOVER = BB_MARK_ROLLOVER,
    EXCHANGE = BB_MARK_EXCHANGE,
    RESET = BB_MARK_RESET,
    REVERSE = BB_MARK_REVERSE,
    DIP = BB_MARK_DIP,
    FOREIGN = BB_MARK_FOREIGN
};

/* ---- what is not accepted */

Test(registers, readings_of_another_meter_between_the_true_ones) {
    struct bench *b = bench_new();

    put_history(b, 500);
    HOURLY(b, 207774, 456017, 207814, 456273, 207851, 456353, 207886);
    judge(b);
    MARKS(b, 0, FOREIGN, 0, FOREIGN, 0, FOREIGN, 0);
    cr_assert_eq(b->findings.count, 3);
    expect_finding(b, 0, 1, true, 207774, 456017);
    expect_finding(b, 2, 5, true, 207851, 456353);
    cr_assert(b->points[1].checks == 1u << BB_CHECK_REGISTER && b->points[2].checks == 0);
    bench_free(b);
}

Test(registers, a_dip_is_passed_over) {
    struct bench *b = bench_new();

    HOURLY(b, 307775, 295487, 307788, 307788, 0, 0, 0, 307788);
    judge(b);
    MARKS(b, 0, DIP, 0, 0, DIP, DIP, DIP, 0);
    expect_finding(b, 0, 1, false, 307775, 295487);
    bench_free(b);
}

Test(registers, the_third_reading_within_48_hours_may_say_so) {
    struct bench *b = bench_new();

    put_at(b, base, 5000, 0);
    put_at(b, base + hour, 4, 0);
    put_at(b, base + 2 * hour, 5, 0)->quality.state = BB_STATE_MISSING;
    b->points[2].usable = false; /* counts for nothing */
    put_at(b, base + 2 * hour + 1, 6, 0);
    put_at(b, base + 3 * hour, 7, 0);
    put_at(b, base + 49 * hour, 5008, 0);
    judge(b);
    MARKS(b, 0, DIP, 0, DIP, DIP, 0);
    b->points[5].end_ms++; /* an hour and 48 hours and a millisecond */
    judge(b);
    MARKS(b, 0, RESET, 0, 0, 0, 0);
    b->points[5].end_ms--;
    b->pipeline.check[BB_CHECK_REGISTER].parameter[0] = 2;
    judge(b);
    MARKS(b, 0, RESET, 0, 0, 0, 0);
    bench_free(b);
}

Test(registers, coming_back_too_high_is_not_coming_back) {
    struct bench *b = bench_new();

    HOURLY(b, 5000, 4, 5000 + 2001, 5000 + 2002);
    judge(b);
    MARKS(b, 0, RESET, 0, 0);
    expect_finding(b, 0, 1, true, 5000, 4);
    expect_finding(b, 1, 2, true, 4, 6997); /* a rise that nothing explains is accepted */
    cr_assert_eq(b->findings.count, 2);
    bench_free(b);
}

/* ---- what rises */

Test(registers, what_is_plausible_grows_with_the_days) {
    struct bench *b = bench_new();

    put_at(b, base, 1000, 0);
    put_at(b, base + 3 * day, 1000 + 6000, 0); /* three days of 2 m3 */
    put_at(b, base + 6 * day, 7000 + 6001, 0);
    put_at(b, base + 6 * day + 1000, 13001 + 2000, 0); /* a second later: a day's */
    put_at(b, base + 6 * day + 2000, 15001 + 2001, 0);
    judge(b);
    MARKS(b, 0, 0, 0, 0, 0);
    cr_assert_eq(b->findings.count, 2);
    expect_finding(b, 0, 2, true, 7000, 6001);
    expect_finding(b, 1, 4, true, 15001, 2001);
    bench_free(b);
}

/* 250 L an hour are 6,000 in a day; in another unit than the readings' it says nothing. */
Test(registers, what_the_connection_carries_is_plausible) {
    struct bench *b = bench_new();

    put_history(b, 500);
    b->channel.capacity = 250 * INT64_C(1000000000);
    HOURLY(b, 1000, 7000, 13001);
    judge(b);
    cr_assert_eq(b->findings.count, 1);
    expect_finding(b, 0, 2, true, 7000, 6001);
    b->channel.capacity++;
    judge(b);
    cr_assert_eq(b->findings.count, 1, "24 of a milliardth of a litre are no litre");
    b->channel.capacity = 251 * INT64_C(1000000000);
    judge(b);
    cr_assert_eq(b->findings.count, 0);
    b->channel.derived_unit = BB_UNIT_M3;
    judge(b);
    cr_assert_eq(b->findings.count, 2);
    bench_free(b);
}

Test(registers, what_is_plausible_is_ten_times_the_mean) {
    struct bench *b = bench_new();

    put_history(b, 500);
    HOURLY(b, 1000, 6000, 11001);
    judge(b);
    cr_assert_eq(b->findings.count, 1);
    expect_finding(b, 0, 2, true, 6000, 5001);
    b->pipeline.check[BB_CHECK_REGISTER].parameter[3] = 11;
    judge(b);
    cr_assert_eq(b->findings.count, 0);
    bench_free(b);
}

static const struct {
    int commodity, unit;
    int64_t daily; /* plausible without history; 0: anything */
} floors[] = {
    {BB_COMMODITY_ELECTRICITY, BB_UNIT_KWH, 50},  {BB_COMMODITY_ELECTRICITY, BB_UNIT_WH, 50000},
    {BB_COMMODITY_ELECTRICITY, BB_UNIT_KVARH, 0}, {BB_COMMODITY_WATER, BB_UNIT_M3, 2},
    {BB_COMMODITY_HEAT, BB_UNIT_MJ, 720},         {BB_COMMODITY_HEAT, BB_UNIT_M3, 0},
    {BB_COMMODITY_COOLING, BB_UNIT_KWH, 200},     {BB_COMMODITY_GAS, BB_UNIT_M3, 20},
    {BB_COMMODITY_OTHER, BB_UNIT_NONE, 0},
};

Test(registers, the_least_that_is_plausible_depends_on_commodity_and_unit) {
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        struct bench *b = bench_new();
        b->channel.commodity = (uint8_t)floors[i].commodity;
        b->channel.metered_unit = b->channel.derived_unit = (uint8_t)floors[i].unit;
        int64_t daily = floors[i].daily ? floors[i].daily : 1000000;
        HOURLY(b, 10, 10 + daily, 11 + 2 * daily);
        judge(b);
        cr_assert_eq(b->findings.count, floors[i].daily ? 1 : 0, "row %zu", i);
        bench_free(b);
    }
}

/* ---- what falls */

Test(registers, small_steps_back_that_stay_are_backflow) {
    static const struct {
        int64_t step, daily;
        bool hard;
    } cases[] = {{1, 0, false}, {19, 0, false}, {20, 0, true}, {112, 0, true}, {112, 1500, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *b = bench_new();
        int64_t low = 207774 - cases[i].step;
        put_history(b, cases[i].daily);
        HOURLY(b, 207774, low, low, low, low, 207900);
        judge(b);
        MARKS(b, 0, REVERSE, 0, 0, 0, 0);
        cr_assert_eq(b->findings.count, 1);
        expect_finding(b, 0, 1, cases[i].hard, 207774, -cases[i].step);
        bench_free(b);
    }
}

Test(registers, a_register_turns_over) {
    struct bench *b = bench_new();

    put_installation(b, base, 1, 0)->dials = 6;
    HOURLY(b, 999990, 15, 20);
    judge(b);
    MARKS(b, 0, ROLLOVER, 0);
    expect_finding(b, 0, 1, false, 999990, 25);
    b->installations[0].dials = 7; /* 9,000,025 litres in an hour: it began again */
    judge(b);
    MARKS(b, 0, RESET, 0);
    b->installations[0].dials = 5; /* it shows six digits: the five are wrong */
    judge(b);
    MARKS(b, 0, RESET, 0);
    bench_free(b);
}

Test(registers, a_register_of_unknown_digits_turns_over_from_its_last_tenth) {
    struct bench *b = bench_new();

    put_at(b, base, 89000, 0);
    put_at(b, base + 7 * day, 500, 0); /* 11,500 in a week of 14,000, but from 89 % */
    judge(b);
    MARKS(b, 0, RESET);
    put_installation(b, base, 1, 0)->dials = 5; /* if that is told, it is plausible */
    judge(b);
    MARKS(b, 0, ROLLOVER);
    expect_finding(b, 0, 1, false, 89000, 11500);
    b->installations[0].dials = 0;
    b->points[0].value.mantissa = 90001;
    judge(b);
    MARKS(b, 0, ROLLOVER);
    b->points[0].value.mantissa = 90000;
    judge(b);
    MARKS(b, 0, RESET);
    bench_free(b);
}

Test(registers, what_began_again_and_what_cannot_have) {
    struct bench *b = bench_new();

    HOURLY(b, 207774, 2000, 2001);
    judge(b);
    MARKS(b, 0, RESET, 0);
    expect_finding(b, 0, 1, true, 207774, 2000);
    b->points[1].value.mantissa = 2001; /* more than a day's */
    judge(b);
    MARKS(b, 0, REVERSE, 0);
    expect_finding(b, 0, 1, true, 207774, 2001 - 207774);
    b->points[1].value.mantissa = -5;
    judge(b);
    MARKS(b, 0, REVERSE, 0);
    bench_free(b);
}

/* Nothing says what is plausible: the lesser advance, and a person is asked. */
Test(registers, a_fall_of_a_unit_of_which_nothing_is_known) {
    struct bench *b = bench_new();

    b->channel.commodity = BB_COMMODITY_OTHER;
    HOURLY(b, 5000, 4990);
    judge(b);
    MARKS(b, 0, REVERSE);
    expect_finding(b, 0, 1, true, 5000, -10);
    b->points[1].value.mantissa = 2500;
    judge(b);
    MARKS(b, 0, RESET);
    b->points[0].value.mantissa = 9990;
    b->points[1].value.mantissa = 5;
    judge(b);
    MARKS(b, 0, ROLLOVER);
    expect_finding(b, 0, 1, false, 9990, 15);
    bench_free(b);
}

/* ---- exchanges */

Test(registers, an_exchange_that_master_data_knows) {
    struct bench *b = bench_new();

    put_installation(b, base - 100 * day, 1, 0);
    put_installation(b, base + hour + 1800000, 1, 0);
    HOURLY(b, 5000, 4, 5);
    judge(b);
    MARKS(b, 0, EXCHANGE, 0);
    expect_finding(b, 0, 1, false, 5000, 4);
    close_device(&b->installations[0], 5007);
    open_device(&b->installations[1], 1);
    judge(b);
    MARKS(b, 0, EXCHANGE, 0);
    expect_finding(b, 0, 1, false, 5000, 7 + 3);
    b->points[1].value.mantissa = 600000; /* whatever the new one shows */
    b->points[2].value.mantissa = 600000;
    judge(b);
    MARKS(b, 0, EXCHANGE, 0);
    bench_free(b);
}

Test(registers, another_factor_is_no_exchange) {
    struct bench *b = bench_new();

    put_installation(b, base - 100 * day, 1, 0);
    put_installation(b, base + hour + 1800000, 2, 0);
    HOURLY(b, 5000, 5004, 5005);
    judge(b);
    MARKS(b, 0, 0, 0);
    b->points[1].value.mantissa = 700000; /* and excuses nothing */
    judge(b);
    MARKS(b, 0, FOREIGN, 0);
    b->points[1].value.mantissa = 7; /* not even a dip */
    judge(b);
    MARKS(b, 0, DIP, 0);
    b->points[2].value.mantissa = 8;
    judge(b);
    MARKS(b, 0, EXCHANGE, 0);
    bench_free(b);
}

Test(registers, the_moment_of_an_exchange_belongs_to_the_reading_at_its_end) {
    struct bench *b = bench_new();

    put_installation(b, base - 100 * day, 1, 0);
    open_device(put_installation(b, base + 2 * hour, 1, 0), 0);
    HOURLY(b, 5000, 0, 5);
    judge(b);
    MARKS(b, 0, EXCHANGE, 0);
    b->installations[0].to_ms = b->installations[1].from_ms = base + hour;
    judge(b);
    MARKS(b, 0, RESET, 0); /* the reading at 5000 is the new device's already */
    b->channel.installation_count = 1;
    open_device(&b->installations[0], 0);
    b->installations[0].from_ms = base + 2 * hour;
    judge(b);
    MARKS(b, 0, RESET, 0); /* the first of all ends none */
    bench_free(b);
}

Test(registers, a_later_device_says_nothing_about_an_earlier_reading) {
    struct bench *b = bench_new();

    put_installation(b, base - 100 * day, 1, 0);
    open_device(put_installation(b, base + 3 * hour - 1, 1, 0), 5000);
    HOURLY(b, 5000, 4, 5001);
    judge(b);
    MARKS(b, 0, RESET, EXCHANGE);
    bench_free(b);
}

/* ---- people */

Test(registers, what_a_person_says_counts_as_it_is) {
    struct bench *b = bench_new();

    HOURLY(b, 307775, 295487, 307788, 500000, 307790, 12, 307795);
    b->attributes[1].quality.state = BB_STATE_EDITED;
    b->attributes[3].quality.marks = BB_MARK_ACCEPTED;
    b->attributes[5].quality.marks = BB_MARK_ACCEPTED | BB_MARK_FINAL;
    judge(b);
    MARKS(b, 0, REVERSE, 0, 0, REVERSE, RESET, 0);
    expect_finding(b, 0, 1, false, 307775, 295487 - 307775);
    expect_finding(b, 1, 2, true, 295487, 307788 - 295487); /* nobody said that this is right */
    expect_finding(b, 2, 4, true, 500000, 307790 - 500000);
    expect_finding(b, 3, 5, false, 307790, 12);
    expect_finding(b, 4, 6, true, 12, 307783);
    cr_assert_eq(b->findings.count, 5);
    bench_free(b);
}

/* ---- how far it looks */

/* A series with everything in it; some readings have no value. */
static void put_random(struct bench *b, struct bb_random *r) {
    int64_t t = base, reading = 90000 + (int64_t)bb_random_below(r, 9000);

    while (b->window.count < 40) {
        t += 1000 + (int64_t)bb_random_below(r, bb_random_below(r, 5) ? 5 * BB_HOUR_MS : 200000000);
        reading += (int64_t)bb_random_below(r, 300);
        int64_t shown = reading;
        switch (bb_random_below(r, 12)) {
        case 0: shown = (int64_t)bb_random_below(r, 100000); break;
        case 1: shown = reading + 250000; break;
        case 2: shown = reading = (int64_t)bb_random_below(r, 3000); break;
        case 3: shown = reading -= (int64_t)bb_random_below(r, 120); break;
        default: break;
        }
        put_at(b, t, shown, 0)->quality.marks = bb_random_below(r, 20) ? (uint16_t)0
                                                                       : (uint16_t)BB_MARK_ACCEPTED;
        b->points[b->window.count - 1].usable = bb_random_below(r, 10) != 0;
    }
    put_installation(b, base - day, 1, 0);
    for (int64_t at = base; bb_random_below(r, 3); at += day * 2) {
        struct bb_installation *next = put_installation(b, at, 2, 0);
        if (bb_random_below(r, 2))
            open_device(next, 0);
        if (bb_random_below(r, 2))
            close_device(next - 1, 95000);
    }
}

Test(registers, a_verdict_depends_on_the_next_readings_and_no_further) {
    struct seeds seeds = seeds_of_run(300, 20000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bench *b = bench_new();
        struct bb_random r;
        uint16_t whole[POINTS_MAX];
        bb_random_seed(&r, seed);
        put_random(b, &r);
        size_t count = b->window.count, seen = 0, accepted = POINTS_MAX;
        b->pipeline.check[BB_CHECK_REGISTER].parameter[0] = 1 + (int64_t)bb_random_below(&r, 8);
        judge(b);
        memcpy(whole, b->mark, sizeof whole);
        for (size_t i = 0; i < count; i++) { /* each alone, with as little as it may look at */
            size_t end = i + 1;
            for (seen = 0;
                 end < count && seen < (size_t)b->pipeline.check[BB_CHECK_REGISTER].parameter[0];
                 end++)
                seen += b->points[end].usable;
            b->window.count = end;
            judge_part(b, i, i + 1, accepted < POINTS_MAX ? &b->points[accepted] : NULL);
            cr_assert_eq(b->mark[i], whole[i],
                         "reading %zu" SEED_LINE("unit_derive", "registers/a_verdict*"), i,
                         SEED_ARG(seed));
            if (b->points[i].usable && !(whole[i] & (DIP | FOREIGN)))
                accepted = i;
        }
        bench_free(b);
    }
}

/* Whatever is written: nothing is undefined, and every reading gets one mark at most. */
Test(registers, extreme_readings_are_judged_too) {
    static const int64_t mantissas[] = {999999999999999999, -999999999999999999, 1, 0};
    static const int exponents[] = {BB_DECIMAL_MIN_EXPONENT, -9, 0, BB_DECIMAL_MAX_EXPONENT};

    for (int n = 0; n < 16 * 16 * 16 * 4; n++) {
        struct bench *b = bench_new();
        struct bb_decimal value[3];
        for (int i = 0, left = n / 4; i < 3; i++, left /= 16)
            value[i] = (struct bb_decimal){mantissas[left % 4], (int8_t)exponents[left / 4 % 4]};
        put_at(b, base, value[0].mantissa, value[0].exponent);
        put_at(b, base + day, value[1].mantissa, value[1].exponent);
        put_installation(b, base - day, 1, 0)->dials = n & 1 ? 255 : 0;
        put_installation(b, base + hour, 1, 0);
        if (n & 2) {
            b->installations[0].has_closing = true;
            b->installations[0].closing = value[2];
        }
        judge(b);
        cr_assert_eq(b->mark[1] & (b->mark[1] - 1), 0);
        cr_assert(!(n & 2) || b->mark[1] == EXCHANGE);
        bench_free(b);
    }
}
