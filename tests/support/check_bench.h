/* A bench for checks: a channel, points that are put down one by one, rows of days, and what a check
 * said of them. Times are minutes after midnight of UTC day BENCH_DAY. */
#ifndef BB_TESTS_SUPPORT_CHECK_BENCH_H
#define BB_TESTS_SUPPORT_CHECK_BENCH_H

#include "derive/check.h"
#include "derive/trailing.h"

enum { BENCH_DAY = 20202, /* a Thursday */ BENCH_POINTS = 8192, BENCH_ROWS = 96 };

struct check_bench {
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_arena arena;
    struct bb_attribute plain; /* of most points: kWh (m3), exponent -3, measured */
    struct bb_point points[BENCH_POINTS];
    int64_t level[BENCH_POINTS]; /* as set by bench_judge */
    struct bb_window window;
    struct bb_stat_day rows[BENCH_ROWS];
    struct bb_stat stat;
    struct bb_finding_list findings;
};

/* One-way, of electricity: kWh; of water: m3. */
struct check_bench *bench_new(enum bb_kind kind, enum bb_commodity commodity);
void bench_free(struct check_bench *bench);

/* A measured reading over (from, to]; instants: from = to. Returns it. */
struct bb_point *bench_put(struct check_bench *bench, int from_minute, int to_minute,
                           int64_t mantissa);
/* The same again and again: `count` readings of `length` minutes, one after the other. */
void bench_fill(struct check_bench *bench, int from_minute, int length, int count,
                int64_t mantissa);
/* An attribute of the point's own, to be changed. */
struct bb_attribute *bench_attribute(struct check_bench *bench, struct bb_point *point);

/* A row of the statistics, ascending: 96 measured readings, levels from 0.011 to a mantissa x 10^-3,
 * which is also the eighth greatest; every hour seen and used. */
struct bb_stat_day *bench_row(struct check_bench *bench, int32_t day, int64_t greatest);
void bench_rows(struct check_bench *bench, int32_t first, int32_t last, int64_t greatest);

/* Judge points [first, last) with one check, after forgetting what was said before. */
void bench_judge(struct check_bench *bench, enum bb_check check, size_t first, size_t last);
/* All points. */
void bench_judge_all(struct check_bench *bench, enum bb_check check);

/* Finding i: at the end of a point, its evidence, hardness and stretch in minutes. */
void bench_expect(const struct check_bench *bench, size_t i, size_t point, bool hard, int64_t a,
                  int64_t b, int from_minute, int to_minute);
/* The points that the check spoke about are [first, last), those and no others. */
void bench_expect_marked(const struct check_bench *bench, enum bb_check check, size_t first,
                         size_t last);
void bench_expect_silence(const struct check_bench *bench);

static inline int64_t bench_minute(int64_t minute) {
    return BENCH_DAY * (int64_t)BB_DAY_MS + minute * BB_MINUTE_MS;
}

#endif
