/* Registers: what was counted between two accepted readings. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "derive/register.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { INSTALLATIONS_MAX = 48 };

static const int64_t base = 20200 * (int64_t)BB_DAY_MS;
static const int64_t hour = BB_HOUR_MS, day = BB_DAY_MS;

struct bench { /* a water meter, a and b */
    struct bb_channel channel;
    struct bb_installation installations[INSTALLATIONS_MAX];
    struct bb_point points[2];
};

static struct bench *bench_new(void) {
    struct bench *b = calloc(1, sizeof *b);

    b->channel = (struct bb_channel){.kind = BB_KIND_REGISTER,
                                     .commodity = BB_COMMODITY_WATER,
                                     .derived_unit = BB_UNIT_L,
                                     .metered_unit = BB_UNIT_L,
                                     .installations = b->installations};
    return b;
}

static void bench_free(struct bench *b) {
    free(b);
}

static void put_point(struct bench *b, int i, int64_t end_ms, int64_t mantissa, int exponent) {
    b->points[i] = (struct bb_point){.start_ms = end_ms,
                                     .end_ms = end_ms,
                                     .value = {mantissa, (int8_t)exponent},
                                     .usable = true};
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

enum {
    ROLLOVER = BB_MARK_ROLLOVER,
    EXCHANGE = BB_MARK_EXCHANGE,
    RESET = BB_MARK_RESET,
    REVERSE = BB_MARK_REVERSE
};

static void advance(struct bench *b, int mark, struct bb_register_advance *out) {
    bb_register_advance(&b->channel, &b->points[0], &b->points[1], (uint16_t)mark, out);
}

static void expect_piece(const struct bb_register_advance *advance, size_t i, int64_t from_ms,
                         int64_t to_ms, int64_t amount, int exponent) {
    cr_assert_lt(i, advance->count, "piece %zu is missing", i);
    const struct bb_register_piece *p = &advance->piece[i];
    cr_assert(p->from_ms == from_ms && p->to_ms == to_ms,
              "piece %zu runs from base + %" PRId64 " to base + %" PRId64, i, p->from_ms - base,
              p->to_ms - base);
    cr_assert(bb_decimal_widen((int64_t)p->amount, advance->exponent, -12) ==
                  bb_decimal_widen(amount, exponent, -12),
              "piece %zu: %" PRId64 "e%d, not %" PRId64 "e%d", i, (int64_t)p->amount,
              advance->exponent, amount, exponent);
}

/* a and b a day apart. */
static struct bench *bench_of_two(int64_t a, int64_t b_value, int exponent) {
    struct bench *b = bench_new();

    put_point(b, 0, base, a, exponent);
    put_point(b, 1, base + day, b_value, exponent);
    return b;
}

Test(register_advance, without_a_mark_the_difference_counts) {
    struct bench *b = bench_of_two(1000, 1234, -3);
    struct bb_register_advance r;

    advance(b, 0, &r);
    cr_assert(r.count == 1 && r.exponent == -3 && !r.overflow);
    expect_piece(&r, 0, base, base + day, 234, -3);
    b->points[1].value.exponent = -2; /* 12.34 - 1.000 */
    advance(b, 0, &r);
    expect_piece(&r, 0, base, base + day, 11340, -3);
    put_installation(b, base + hour, 40000, -3); /* holds before it began, too */
    advance(b, 0, &r);
    cr_assert_eq(r.exponent, -3, "40.000 has no digits behind the point");
    expect_piece(&r, 0, base, base + day, 453600, -3);
    bench_free(b);
}

Test(register_advance, each_mark_has_its_advance) {
    struct bench *b = bench_of_two(99990, 15, -1); /* 9999.0 and 1.5 */
    struct bb_register_advance r;

    advance(b, ROLLOVER, &r); /* of four digits before the point */
    expect_piece(&r, 0, base, base + day, 25, -1);
    put_installation(b, base - day, 3, 0)->dials = 5;
    advance(b, ROLLOVER, &r);
    expect_piece(&r, 0, base, base + day, 3 * 900025, -1);
    advance(b, RESET, &r);
    expect_piece(&r, 0, base, base + day, 45, -1);
    advance(b, REVERSE, &r);
    expect_piece(&r, 0, base, base + day, -3 * 99975, -1);
    advance(b, 0, &r);
    expect_piece(&r, 0, base, base + day, -3 * 99975, -1);
    advance(b, EXCHANGE, &r); /* of which master data knows nothing any more */
    expect_piece(&r, 0, base, base + day, 0, 0);
    b->points[0].value = (struct bb_decimal){999, 1};
    b->points[1].value = (struct bb_decimal){2, 1}; /* 9990 and 20: whole tens */
    b->installations[0].dials = 0;
    advance(b, ROLLOVER, &r);
    expect_piece(&r, 0, base, base + day, 90, 0);
    bench_free(b);
}

Test(register_advance, an_exchange_counts_both_devices_each_with_its_factor) {
    struct bench *b = bench_of_two(300, 100, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 1, 0);
    put_installation(b, base + 6 * hour, 40, 0);
    close_device(&b->installations[0], 400);
    open_device(&b->installations[1], 20);
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 2);
    expect_piece(&r, 0, base, base + 6 * hour, 100, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 80 * 40, 0);
    b->installations[0].to_ms = base + 4 * hour; /* two hours without a meter */
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 3);
    expect_piece(&r, 0, base, base + 4 * hour, 100, 0);
    expect_piece(&r, 1, base + 4 * hour, base + 6 * hour, 0, 0);
    expect_piece(&r, 2, base + 6 * hour, base + day, 80 * 40, 0);
    bench_free(b);
}

static void expect_counts(const struct bb_register_advance *advance, size_t i, int64_t begins,
                          int64_t counts, uint32_t installation, unsigned ends) {
    const struct bb_register_piece *p = &advance->piece[i];

    cr_assert(bb_decimal_widen((int64_t)p->begins, advance->counts_exponent, -12) ==
                      bb_decimal_widen(begins, 0, -12) &&
                  bb_decimal_widen((int64_t)p->counts, advance->counts_exponent, -12) ==
                      bb_decimal_widen(counts, 0, -12),
              "piece %zu counts %" PRId64 " from %" PRId64 ", e%d", i, (int64_t)p->counts,
              (int64_t)p->begins, advance->counts_exponent);
    cr_assert(p->installation == installation && p->ends == ends, "piece %zu", i);
}

Test(register_advance, pieces_say_what_the_device_showed) {
    struct bench *b = bench_of_two(300, 100, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 1, 0);
    put_installation(b, base + 6 * hour, 40, 0);
    close_device(&b->installations[0], 400);
    open_device(&b->installations[1], 20);
    b->installations[0].to_ms = base + 4 * hour; /* two hours without a meter */
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 3);
    expect_counts(&r, 0, 300, 100, 0, BB_PIECE_CLOSES); /* 300 to the closing 400 */
    expect_counts(&r, 1, 20, 0, 0, BB_PIECE_HOLE);
    expect_counts(&r, 2, 20, 80, 1, BB_PIECE_OPENS); /* the opening 20 to 100 */
    put_point(b, 1, base + day, 348, 0);
    b->installations[0].has_closing = b->installations[1].has_opening = false;
    advance(b, 0, &r); /* only the factor changes after a quarter of the way */
    cr_assert_eq(r.count, 2);
    expect_counts(&r, 0, 300, 12, 0, 0);
    expect_counts(&r, 1, 312, 36, 1, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 36 * 40, 0);
    bench_free(b);
}

Test(register_advance, what_is_not_known_of_an_exchange_counts_as_little_as_can_be) {
    struct bench *b = bench_of_two(300, 100, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 1, 0);
    put_installation(b, base + 6 * hour, 1, 0);
    advance(b, EXCHANGE, &r); /* neither */
    expect_piece(&r, 0, base, base + 6 * hour, 0, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 100, 0);
    open_device(&b->installations[1], 70);
    advance(b, EXCHANGE, &r); /* no closing */
    expect_piece(&r, 0, base, base + 6 * hour, 0, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 30, 0);
    b->installations[1].has_opening = false;
    close_device(&b->installations[0], 310);
    advance(b, EXCHANGE, &r); /* no opening, and it shows less */
    expect_piece(&r, 0, base, base + 6 * hour, 10, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 100, 0);
    b->points[1].value.mantissa = 330;
    advance(b, EXCHANGE, &r); /* no opening, and it goes on */
    expect_piece(&r, 0, base, base + 6 * hour, 10, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 20, 0);
    bench_free(b);
}

Test(register_advance, a_device_may_go_over_its_top_before_it_is_taken_out) {
    struct bench *b = bench_of_two(99990, 3, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 2, 0)->dials = 5;
    put_installation(b, base + 6 * hour, 40, 0)->dials = 4;
    close_device(&b->installations[0], 12);
    open_device(&b->installations[1], 9998);
    advance(b, EXCHANGE, &r); /* 22 of the old one, 5 of the new */
    cr_assert_eq(r.count, 2);
    expect_piece(&r, 0, base, base + 6 * hour, 22 * 2, 0);
    expect_piece(&r, 1, base + 6 * hour, base + day, 5 * 40, 0);
    expect_counts(&r, 0, 99990, 22, 0, BB_PIECE_CLOSES);
    cr_assert(r.piece[0].turn == 100000 * bb_power_of_ten[-r.counts_exponent] &&
              r.piece[1].turn == 10000 * bb_power_of_ten[-r.counts_exponent]);
    b->installations[0].closing = (struct bb_decimal){99980, 0}; /* the short way is back */
    advance(b, EXCHANGE, &r);
    expect_piece(&r, 0, base, base + 6 * hour, -10 * 2, 0);
    cr_assert_eq(r.piece[0].turn, 0);
    b->installations[0].dials = 0; /* as many as show 99990 */
    b->installations[0].closing = (struct bb_decimal){12, 0};
    advance(b, EXCHANGE, &r);
    expect_piece(&r, 0, base, base + 6 * hour, 22 * 2, 0);
    b->points[0].value.mantissa = 89990; /* not from the last tenth */
    advance(b, EXCHANGE, &r);
    expect_piece(&r, 0, base, base + 6 * hour, -89978 * 2, 0);
    bench_free(b);
}

Test(register_advance, three_devices_in_one_stretch) {
    struct bench *b = bench_of_two(300, 100, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 1, 0);
    put_installation(b, base + 6 * hour, 2, 0);
    put_installation(b, base + 12 * hour, 3, 0);
    close_device(&b->installations[0], 310);
    close_device(&b->installations[1], 50); /* began at 0: 50 is less than 310 */
    open_device(&b->installations[2], 90);
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 3);
    expect_piece(&r, 0, base, base + 6 * hour, 10, 0);
    expect_piece(&r, 1, base + 6 * hour, base + 12 * hour, 100, 0);
    expect_piece(&r, 2, base + 12 * hour, base + day, 30, 0);
    bench_free(b);
}

Test(register_advance, an_exchange_at_the_very_reading_takes_no_time) {
    struct bench *b = bench_of_two(300, 25, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 1, 0);
    put_installation(b, base + day, 10, 0);
    close_device(&b->installations[0], 310);
    open_device(&b->installations[1], 20);
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 2);
    expect_piece(&r, 0, base, base + day, 10, 0);
    expect_piece(&r, 1, base + day, base + day, 50, 0);
    /* The old one went a while before its last reading: what its closing adds comes with the first
     * stretch that has time. */
    b->installations[0].to_ms = base - hour;
    b->installations[1].from_ms = base + hour;
    advance(b, EXCHANGE, &r);
    cr_assert_eq(r.count, 2);
    expect_piece(&r, 0, base, base + hour, 10, 0);
    expect_piece(&r, 1, base + hour, base + day, 50, 0);
    bench_free(b);
}

Test(register_advance, another_factor_cuts_the_line) {
    struct bench *b = bench_of_two(1000, 1100, 0);
    struct bb_register_advance r;

    put_installation(b, base - day, 2, 0);
    put_installation(b, base + 8 * hour, 3, 0); /* a third: 33.333 */
    advance(b, 0, &r);
    cr_assert_eq(r.count, 2);
    expect_piece(&r, 0, base, base + 8 * hour, 66666, -3);
    expect_piece(&r, 1, base + 8 * hour, base + day, 3 * 66667, -3);
    b->installations[1].factor = (struct bb_decimal){200, -2};
    advance(b, 0, &r);
    expect_piece(&r, 0, base, base + 8 * hour, 66666, -3);
    expect_piece(&r, 1, base + 8 * hour, base + day, 133334, -3); /* 200 in all */
    bench_free(b);
}

Test(register_advance, gas_is_counted_in_cubic_metres_and_derived_as_energy) {
    struct bench *b = bench_of_two(1000, 1100, -1);
    struct bb_register_advance r;

    b->channel.commodity = BB_COMMODITY_GAS;
    b->channel.metered_unit = BB_UNIT_M3;
    b->channel.derived_unit = BB_UNIT_KWH;
    advance(b, 0, &r);
    cr_assert(r.overflow && r.count == 1 && r.piece[0].amount == 0, "nobody told the factor");
    put_installation(b, base - day, 105432, -4);
    advance(b, 0, &r); /* 10 m3 of 10.5432 kWh */
    cr_assert(!r.overflow);
    expect_piece(&r, 0, base, base + day, 105432, -3);
    b->channel.derived_unit = BB_UNIT_MJ;
    advance(b, 0, &r);
    expect_piece(&r, 0, base, base + day, 3795552, -4); /* × 3.6 */
    b->channel.metered_unit = BB_UNIT_FT3;
    advance(b, 0, &r); /* × 0.028316846592: 10.747806... MJ, exactly */
    cr_assert_eq(r.exponent, -5 - 12 - 1);
    cr_assert(r.piece[0].amount == (bb_wide)105432 * 100 * 28316846592 * 36);
    b->channel.metered_unit = BB_UNIT_M3;
    b->channel.derived_unit =
        BB_UNIT_THERM; /* 105.432 kWh × 3.6 / 105.505585262: no decimal ends */
    advance(b, 0, &r);
    cr_assert_eq(r.exponent, -5 - 6);
    cr_assert(r.piece[0].amount == 359748916664, "%" PRId64, (int64_t)r.piece[0].amount);
    bench_free(b);
}

Test(register_advance, more_changes_than_pieces_lose_nothing) {
    struct bench *b = bench_of_two(0, 1000000, 0);
    struct bb_register_advance r;
    bb_wide sum = 0;

    put_installation(b, base - day, 1, 0);
    for (int i = 1; i < INSTALLATIONS_MAX; i++)
        put_installation(b, base + i * 1000, 1, 0);
    advance(b, 0, &r);
    cr_assert_eq(r.count, BB_REGISTER_PIECES_MAX);
    for (size_t i = 0; i < r.count; i++)
        sum += r.piece[i].amount;
    cr_assert(r.piece[r.count - 1].to_ms == base + day);
    cr_assert(r.exponent == -3 && sum == 1000000000);
    bench_free(b);
}

/* Whatever is written: no overflow is silent, and none is undefined. */
Test(register_advance, extreme_readings_overflow_by_name) {
    static const int64_t mantissas[] = {999999999999999999, -999999999999999999, 1, 0};
    static const int exponents[] = {BB_DECIMAL_MIN_EXPONENT, -9, 0, BB_DECIMAL_MAX_EXPONENT};
    static const int marks[] = {0, ROLLOVER, RESET, REVERSE, EXCHANGE};
    size_t overflows = 0, done = 0;

    for (int n = 0; n < 16 * 16 * 16 * 5; n++) {
        struct bench *b = bench_new();
        struct bb_decimal value[3];
        struct bb_register_advance r;
        for (int i = 0, left = n / 5; i < 3; i++, left /= 16)
            value[i] = (struct bb_decimal){mantissas[left % 4], (int8_t)exponents[left / 4 % 4]};
        put_point(b, 0, base, value[0].mantissa, value[0].exponent);
        put_point(b, 1, base + day, value[1].mantissa, value[1].exponent);
        put_installation(b, base - day, value[2].mantissa, value[2].exponent);
        put_installation(b, base + hour, 1, 0);
        close_device(&b->installations[0], value[2].mantissa);
        advance(b, marks[n % 5], &r);
        overflows += r.overflow;
        done++;
        cr_assert(r.count > 0 && (!r.overflow || r.piece[0].amount == 0));
        bench_free(b);
    }
    cr_assert(overflows > 0 && overflows < done);
}

/* Devices with openings, closings and factors: pieces are in order and without holes, and sum to what
 * the devices counted, worked out device by device. */
Test(register_advance, pieces_sum_to_the_total) {
    struct seeds seeds = seeds_of_run(300, 20000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bench *b = bench_new();
        struct bb_register_advance r;
        struct bb_random random;
        bb_random_seed(&random, seed);
        int64_t reading = (int64_t)bb_random_below(&random, 1000000), t = base;
        bb_wide total = 0, sum = 0;
        put_point(b, 0, base, reading, 0);
        put_installation(b, base - day, 1 + (int64_t)bb_random_below(&random, 100), -2);
        for (uint64_t devices = bb_random_below(&random, 8); devices-- > 0;) {
            struct bb_installation *old = &b->installations[b->channel.installation_count - 1];
            int64_t closing = reading + (int64_t)bb_random_below(&random, 1000);
            close_device(old, closing);
            total += (bb_wide)(closing - reading) * old->factor.mantissa;
            t += 1 + (int64_t)bb_random_below(&random, 3 * BB_HOUR_MS);
            int64_t ended = t;
            t += bb_random_below(&random, 3) ? 0 : (int64_t)bb_random_below(&random, BB_HOUR_MS);
            reading = (int64_t)bb_random_below(&random, 1000);
            open_device(put_installation(b, t, 1 + (int64_t)bb_random_below(&random, 100), -2),
                        reading);
            old->to_ms = ended;
        }
        int64_t last = reading + (int64_t)bb_random_below(&random, 1000);
        put_point(b, 1, bb_random_below(&random, 4) && t > base ? t : t + hour, last, 0);
        total += (bb_wide)(last - reading) *
                 b->installations[b->channel.installation_count - 1].factor.mantissa;
        advance(b, b->channel.installation_count > 1 ? EXCHANGE : 0, &r);
        for (size_t i = 0; i < r.count; i++) {
            cr_assert(r.piece[i].from_ms == (i ? r.piece[i - 1].to_ms : base) &&
                          r.piece[i].to_ms >= r.piece[i].from_ms,
                      "a hole" SEED_LINE("unit_derive", "register_advance/pieces*"),
                      SEED_ARG(seed));
            sum += r.piece[i].amount;
        }
        cr_assert(!r.overflow && r.piece[r.count - 1].to_ms == b->points[1].end_ms &&
                      bb_decimal_widen((int64_t)sum, r.exponent, -9) ==
                          bb_decimal_widen((int64_t)total, -2, -9),
                  "another sum" SEED_LINE("unit_derive", "register_advance/pieces*"),
                  SEED_ARG(seed));
        bench_free(b);
    }
}

/* Where only factors change, the counts of the pieces sum to last - first. */
Test(register_advance, mere_factors_lose_no_counts) {
    struct seeds seeds = seeds_of_run(300, 20000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bench *b = bench_new();
        struct bb_register_advance r;
        struct bb_random random;
        bb_random_seed(&random, seed);
        int64_t length = 2000 + (int64_t)bb_random_below(&random, 100 * (uint64_t)BB_DAY_MS);
        int64_t t = base - 1, used = (int64_t)bb_random_below(&random, 100000);
        bb_wide counts = 0;
        size_t i = 0;
        put_point(b, 0, base, 777, -2);
        put_point(b, 1, base + length, 777 + used, -2);
        do {
            put_installation(b, t, 1 + (int64_t)bb_random_below(&random, 100), 0);
            t += 1 + (int64_t)bb_random_below(&random, (uint64_t)length);
        } while (b->channel.installation_count < 30 && bb_random_below(&random, 5));
        advance(b, 0, &r);
        for (uint32_t k = 0; k < b->channel.installation_count; k++) {
            int64_t factor = b->installations[k].factor.mantissa;
            if (b->installations[k].from_ms >= base + length)
                break;
            if (b->installations[k].from_ms <= base && k + 1 < b->channel.installation_count &&
                b->installations[k + 1].from_ms <= base)
                continue;
            cr_assert(i < r.count && r.piece[i].amount % factor == 0);
            counts += r.piece[i++].amount / factor;
        }
        cr_assert(i == r.count && counts == bb_decimal_widen(used, -2, r.exponent),
                  "another sum" SEED_LINE("unit_derive", "register_advance/mere*"), SEED_ARG(seed));
        bench_free(b);
    }
}
