/* What a check says of a point is a function of what its reach declares, and of nothing else.
 *
 * Random windows with runs, spikes, holes, estimates and installations, random rows of days: each
 * point is judged with everything there, and again with nothing but what the reach names. Judged in one
 * go, in pieces or alone, bits and findings are the same.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/random.h"
#include "model/unit.h"
#include "support/check_bench.h"
#include "support/seeds.h"

enum { DAYS = 3, JUDGED = 12, FINDINGS_MAX = 3 * 2000 };

#define AGAIN SEED_LINE("unit_derive", "checks_reach/*")

static int64_t below(struct bb_random *random, int64_t bound) {
    return (int64_t)bb_random_below(random, (uint64_t)bound);
}

/* ---- random windows */

static void shorten(struct bb_pipeline *pipeline, struct bb_random *random) {
    struct bb_step *check = pipeline->check;

    check[BB_CHECK_HIGH].parameter[1] = check[BB_CHECK_LOW].parameter[1] = 3;
    check[BB_CHECK_HIGH].parameter[0] = check[BB_CHECK_LOW].parameter[0] = 1;
    check[BB_CHECK_ZERO].parameter[0] = (1 + below(random, 3)) * BB_HOUR_MS;
    check[BB_CHECK_ZERO].parameter[2] = 1 + below(random, 60);
    check[BB_CHECK_SPIKE].parameter[0] = 1 + below(random, 2);
    check[BB_CHECK_STUCK].parameter[0] = 2 + below(random, 5);
    check[BB_CHECK_OUTLIER].parameter[0] = 1;
    check[BB_CHECK_OUTLIER].parameter[1] = 2;
    check[BB_CHECK_JUMP].parameter[0] = 50;
    check[BB_CHECK_LEAK].parameter[0] = (2 + below(random, 8)) * BB_HOUR_MS;
    check[BB_CHECK_PROLONGED].parameter[0] = 2 + below(random, 3);
    check[BB_CHECK_LATE].parameter[0] = BB_HOUR_MS;
}

static void put_rows(struct check_bench *b, struct bb_random *random) {
    int32_t zeros = (int32_t)below(random, 3); /* of ten days */
    int32_t estimates = (int32_t)below(random, 11), lows = (int32_t)below(random, 11);

    for (int32_t day = BENCH_DAY - 75; day < BENCH_DAY + DAYS; day++) {
        if (below(random, 12) == 0)
            continue;
        struct bb_stat_day *row = bench_row(b, day, 0);
        int64_t greatest = below(random, 20) == 0 ? 5000 : below(random, 200) - 20;
        for (int i = 0; i < BB_STAT_TOPS; i++, greatest -= below(random, 30))
            row->top[i] = greatest * 1000000;
        row->least = (below(random, 10) < lows ? -below(random, 100) : 20) * 1000000;
        row->count = (uint32_t)below(random, 96);
        row->used_hours = below(random, 10) < zeros ? (uint32_t)below(random, 1 << 24) : 0xffffff;
        if (below(random, 10) < estimates)
            row->flags = 0;
    }
}

static int64_t mantissa(struct bb_random *random, int64_t before) {
    switch (below(random, 10)) {
    case 0: return below(random, 400) - 150;
    case 1: return 0;
    case 2: return below(random, 2000);
    case 3:
    case 4: return below(random, 4);
    default: return before;
    }
}

/* Minutes from one reading to the next; mostly the same. */
static int step_of(struct bb_random *random, int usual) {
    return below(random, 40) == 0 ? (int)(1 + below(random, 200)) : usual;
}

static void put_points(struct check_bench *b, struct bb_random *random) {
    static const int steps[] = {15, 30, 60, 60, 170};
    int usual = steps[below(random, 5)];
    bool weeks = below(random, 2) == 0; /* for outliers: the same hours of the weeks before */
    int64_t value = 100, sum = 0;
    int minute = weeks ? -58 * 24 * 60 : -60, end = INT_MIN;

    while (minute < DAYS * 24 * 60) {
        int step = step_of(random, usual);
        step = minute + step <= end ? end - minute + 1 : step; /* one reading a time */
        end = minute + step;
        bool instant = b->channel.kind != BB_KIND_INTERVAL;
        value = mantissa(random, value);
        sum += value;
        struct bb_point *p = bench_put(b, instant ? minute + step : minute, minute + step,
                                       b->channel.kind == BB_KIND_REGISTER ? sum : value);
        p->late_ms = below(random, 4) ? 0 : below(random, 3 * BB_HOUR_MS) - BB_HOUR_MS;
        p->recorded_ms = p->end_ms + below(random, 3 * BB_HOUR_MS) - BB_HOUR_MS;
        p->rivals = below(random, 9) == 0;
        if (below(random, 6) == 0)
            bench_attribute(b, p)->quality.state = (uint8_t)below(random, BB_STATE_MISSING);
        p->usable = below(random, 15) != 0;
        minute += step + (below(random, 30) ? 0 : (int)below(random, 300)) -
                  (below(random, 60) ? 0 : step / 2);
        if (weeks && minute < 0 && minute > -57 * 24 * 60 && below(random, 20) == 0)
            minute += (int)below(random, 3 * 24 * 60); /* there is room for some of it only */
    }
}

static struct check_bench *random_bench(struct bb_random *random) {
    static const enum bb_kind kinds[] = {BB_KIND_INTERVAL, BB_KIND_INTERVAL, BB_KIND_REGISTER,
                                         BB_KIND_GAUGE};
    static struct bb_installation installed[2];
    struct check_bench *b = bench_new(
        kinds[below(random, 4)], below(random, 2) ? BB_COMMODITY_WATER : BB_COMMODITY_ELECTRICITY);

    b->channel.one_way = below(random, 2);
    shorten(&b->pipeline, random);
    installed[0] = (struct bb_installation){.from_ms = bench_minute(-below(random, 5000)),
                                            .to_ms = bench_minute(below(random, 1000)),
                                            .factor = {1, 0}};
    installed[1] = (struct bb_installation){.from_ms = bench_minute(1000 + below(random, 1000)),
                                            .to_ms = BB_TIME_NONE,
                                            .factor = {1, 0}};
    b->channel.installations = installed;
    b->channel.installation_count = (uint32_t)below(random, 3);
    put_rows(b, random);
    put_points(b, random);
    return b;
}

/* ---- what is said */

struct said {
    uint32_t bits[BENCH_POINTS];
    struct bb_finding findings[FINDINGS_MAX];
    size_t count;
};

static void judge(struct check_bench *b, enum bb_check check, size_t first, size_t last,
                  struct said *out) {
    bench_judge(b, check, first, last);
    for (size_t i = first; i < last; i++)
        out->bits[i] = b->points[i].checks;
    for (size_t i = 0; i < b->findings.count; i++) {
        cr_assert_lt(out->count, (size_t)FINDINGS_MAX);
        out->findings[out->count++] = b->findings.items[i];
    }
}

static bool same_finding(const struct bb_finding *x, const struct bb_finding *y) {
    return x->at_ms == y->at_ms && x->from_ms == y->from_ms && x->to_ms == y->to_ms &&
           x->a == y->a && x->b == y->b && x->check == y->check && x->hard == y->hard &&
           x->exponent == y->exponent;
}

/* ---- no more than the reach */

static void cut(struct check_bench *b, const struct bb_reach *reach, size_t at) {
    static bool kept[BENCH_POINTS];
    const int64_t end_ms = b->points[at].end_ms;
    const uint32_t back = reach->back_values > 1 ? reach->back_values : 1;
    size_t count = 0, judged = 0, row = 0;
    uint32_t values = 0;

    for (size_t i = 0; i < b->window.count; i++)
        kept[i] = i == at ||
                  (b->points[i].usable && b->points[i].end_ms >= end_ms - reach->back_ms &&
                   b->points[i].end_ms <= end_ms + reach->ahead_ms);
    for (size_t i = at; i-- > 0 && values < back;)
        if (b->points[i].usable) {
            kept[i] = true;
            values++;
        }
    values = 0;
    for (size_t i = at + 1; i < b->window.count && values < reach->ahead_values; i++)
        if (b->points[i].usable) {
            kept[i] = true;
            values++;
        }
    for (size_t i = 0; i < b->window.count; i++) {
        if (i == at)
            judged = count;
        if (kept[i])
            b->points[count++] = b->points[i];
    }
    b->window.count = count;
    int32_t day = bb_point_day(&b->points[judged]);
    for (size_t i = 0; i < b->stat.count; i++)
        if (reach->stat && b->rows[i].day >= day - BB_STAT_DAYS && b->rows[i].day < day)
            b->rows[row++] = b->rows[i];
    b->stat.count = row;
}

/* What is said of one point, by everything and by its reach. */
static void compare(struct check_bench *b, enum bb_check check, size_t at, const struct said *all,
                    uint64_t seed) {
    static struct check_bench whole;
    static struct said alone;
    struct bb_reach reach = {0};
    size_t found = 0, i = 0;

    if (bb_checks[check].reach)
        bb_checks[check].reach(b->pipeline.check[check].parameter, &reach);
    whole = *b;
    cut(b, &reach, at);
    while (b->points[i].end_ms != whole.points[at].end_ms)
        i++;
    alone.count = 0;
    judge(b, check, i, i + 1, &alone);
    cr_assert_eq(alone.bits[i], all->bits[at], "%s: point %zu" AGAIN, bb_check_name(check), at,
                 SEED_ARG(seed));
    for (size_t k = 0; k < all->count; k++) {
        if (all->findings[k].at_ms != whole.points[at].end_ms)
            continue;
        cr_assert(found < alone.count && same_finding(&alone.findings[found], &all->findings[k]),
                  "%s: point %zu, finding %zu" AGAIN, bb_check_name(check), at, found,
                  SEED_ARG(seed));
        found++;
    }
    cr_assert_eq(found, alone.count, "%s: point %zu" AGAIN, bb_check_name(check), at,
                 SEED_ARG(seed));
    memcpy(b->points, whole.points, whole.window.count * sizeof *whole.points);
    memcpy(b->rows, whole.rows, sizeof whole.rows);
    b->window.count = whole.window.count;
    b->stat.count = whole.stat.count;
}

static void run_seed(uint64_t seed, uint64_t *spoken) {
    static struct said all, pieces;
    struct bb_random random;

    bb_random_seed(&random, seed);
    struct check_bench *b = random_bench(&random);
    size_t n = b->window.count;
    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        if (!bb_checks[check].run || !(bb_checks[check].kinds & 1u << b->channel.kind) ||
            check == BB_CHECK_SUM) /* which looks at totals, not at a reach */
            continue;
        all.count = pieces.count = 0;
        judge(b, (enum bb_check)check, 0, n, &all);
        spoken[check] += all.count;
        for (size_t i = 0, last; i < n; i = last) {
            last = i + 1 + (size_t)below(&random, 60);
            last = last > n ? n : last;
            judge(b, (enum bb_check)check, i, last, &pieces);
        }
        cr_assert_eq(all.count, pieces.count, "%s: %zu findings, in pieces %zu" AGAIN,
                     bb_check_name(check), all.count, pieces.count, SEED_ARG(seed));
        for (size_t i = 0; i < all.count; i++)
            cr_assert(same_finding(&all.findings[i], &pieces.findings[i]),
                      "%s: finding %zu in pieces" AGAIN, bb_check_name(check), i, SEED_ARG(seed));
        cr_assert_arr_eq(all.bits, pieces.bits, n * sizeof *all.bits);
        for (int i = 0; i < JUDGED; i++) {
            size_t at = (size_t)below(&random, (int64_t)n);
            if (i % 2 && all.count) /* where something was said */
                at = bb_window_after(&b->window,
                                     all.findings[below(&random, (int64_t)all.count)].at_ms - 1);
            compare(b, (enum bb_check)check, at, &all, seed);
        }
    }
    bench_free(b);
}

Test(checks_reach, nothing_beyond_it_matters) {
    struct seeds seeds = seeds_of_run(300, 20000);
    uint64_t spoken[BB_CHECK_COUNT] = {0};

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        run_seed(seed, spoken);
    for (int check = 0; check < BB_CHECK_COUNT && seeds.end - seeds.first > 1; check++)
        cr_assert(!bb_checks[check].run || spoken[check] > 0 || check == BB_CHECK_UNIT ||
                      check == BB_CHECK_INTERVAL_SIZE || check == BB_CHECK_SUM,
                  "%s has said nothing", bb_check_name(check));
}
