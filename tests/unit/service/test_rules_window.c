/* Windows for rules as columns: what was added stands where the port says, whatever came before and beside it. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/random.h"
#include "service/rules_window.h"

enum { WINDOWS = 300, LENGTH_MAX = 40, CHANNELS = 3 };

static struct bb_rules_point point_at(uint64_t number) {
    return (struct bb_rules_point){.end_ms = (int64_t)number * 900000,
                                   .length_ms = 900000,
                                   .utc_offset_s = 3600,
                                   .value = (double)number / 4,
                                   .quality = (uint32_t)(number % 31)};
}

struct added { /* a window as it was given */
    uint32_t count, judge, others[CHANNELS];
    uint64_t first;
    bool is_weighed;
};

static void add(struct bb_rules_gather *g, const struct added *a, uint32_t number) {
    struct bb_rules_point points[LENGTH_MAX];
    double weights[LENGTH_MAX];

    for (uint32_t i = 0; i < a->count; i++) {
        points[i] = point_at(a->first + i);
        weights[i] = (double)(a->first + i) / 8;
    }
    cr_assert(bb_rules_gather_add(g, points, a->count, a->judge, number, BB_SPAN("{}")));
    if (a->is_weighed)
        bb_rules_gather_weigh(g, weights);
    for (uint32_t k = 0; k < CHANNELS; k++) {
        for (uint32_t i = 0; i < a->others[k]; i++)
            points[i] = point_at(a->first + 1000 * (k + 1) + i);
        cr_assert(bb_rules_gather_add_other(g, points, a->others[k]));
    }
}

static void check(const struct bb_rules_batch *batch, const struct added *all, uint32_t windows) {
    cr_assert_eq(batch->windows, windows);
    for (uint32_t w = 0; w < windows; w++) {
        const struct added *a = &all[w];
        const uint32_t at = batch->offset[w];
        cr_assert_eq(batch->offset[w + 1] - at, a->count);
        cr_assert_eq(batch->judge[w], a->judge);
        for (uint32_t i = 0; i < a->count; i++) {
            struct bb_rules_point p = point_at(a->first + i);
            cr_assert_eq(batch->end_ms[at + i], p.end_ms);
            cr_assert_eq(batch->value[at + i], p.value);
            cr_assert_eq(batch->quality[at + i], p.quality);
            if (batch->profile && a->is_weighed)
                cr_assert_eq(batch->profile[at + i], (double)(a->first + i) / 8);
            else if (batch->profile)
                cr_assert(isnan(batch->profile[at + i]));
        }
        for (uint32_t k = 0; k < CHANNELS; k++) {
            const uint32_t series = w * CHANNELS + k, from = batch->others.offset[series];
            cr_assert_eq(batch->others.offset[series + 1] - from, a->others[k]);
            for (uint32_t i = 0; i < a->others[k]; i++) {
                struct bb_rules_point p = point_at(a->first + 1000 * (k + 1) + i);
                cr_assert_eq(batch->others.end_ms[from + i], p.end_ms);
                cr_assert_eq(batch->others.value[from + i], p.value);
                cr_assert_eq(batch->others.quality[from + i], p.quality);
            }
        }
    }
}

Test(rules_window, what_was_added_stands_in_its_place) {
    static struct added all[WINDOWS];
    struct bb_rules_gather g;
    struct bb_rules_batch batch;
    struct bb_random random;

    bb_random_seed(&random, 7);
    bb_rules_gather_init(&g);
    g.others.channels = CHANNELS;
    for (int round = 0; round < 3; round++) { /* the last one knows no profile */
        for (uint32_t w = 0; w < WINDOWS; w++) {
            all[w].count = 1 + (uint32_t)bb_random_below(&random, LENGTH_MAX);
            all[w].judge = (uint32_t)bb_random_below(&random, all[w].count);
            all[w].first = bb_random_below(&random, 100000);
            all[w].is_weighed = round < 2 && bb_random_below(&random, 2);
            for (uint32_t k = 0; k < CHANNELS; k++)
                all[w].others[k] = (uint32_t)bb_random_below(&random, 3) * 13;
            add(&g, &all[w], w);
        }
        bb_rules_gather_batch(&g, &batch);
        cr_assert_eq(batch.profile != NULL, round < 2);
        check(&batch, all, WINDOWS);
        bb_rules_gather_clear(&g);
    }
    bb_rules_gather_release(&g);
}

Test(rules_window, without_other_channels_there_are_none) {
    const struct bb_rules_point point = point_at(5);
    struct bb_rules_gather g;
    struct bb_rules_batch batch;

    bb_rules_gather_init(&g);
    cr_assert(bb_rules_gather_add(&g, &point, 1, 0, 0, BB_SPAN("{}")));
    bb_rules_gather_batch(&g, &batch);
    cr_assert_eq(batch.others.count, 0);
    cr_assert_null(batch.profile);
    bb_rules_gather_release(&g);
}
