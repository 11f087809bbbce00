/* Coverage against a plain list of days. */
#include <criterion/criterion.h>

#include "base/random.h"
#include "derive/coverage.h"
#include "support/seeds.h"

enum { DAYS = 200, FIRST = -50 };

static int32_t naive_before(const bool *days, int32_t day) {
    for (int32_t d = day - 1; d >= FIRST; d--)
        if (d < FIRST + DAYS && days[d - FIRST])
            return d;
    return BB_DAY_NONE;
}

static int32_t naive_after(const bool *days, int32_t day) {
    for (int32_t d = day + 1; d < FIRST + DAYS; d++)
        if (d >= FIRST && days[d - FIRST])
            return d;
    return BB_DAY_NONE;
}

static void expect_days(const struct bb_coverage *c, const bool *days, uint64_t seed) {
    for (int32_t day = FIRST - 3; day < FIRST + DAYS + 3; day++) {
        bool has = day >= FIRST && day < FIRST + DAYS && days[day - FIRST];
        cr_assert_eq(bb_coverage_has(c, day), has, "day %d" SEED_LINE("unit_derive", "coverage/*"),
                     day, SEED_ARG(seed));
        cr_assert_eq(bb_coverage_before(c, day), naive_before(days, day),
                     "before %d" SEED_LINE("unit_derive", "coverage/*"), day, SEED_ARG(seed));
        cr_assert_eq(bb_coverage_after(c, day), naive_after(days, day),
                     "after %d" SEED_LINE("unit_derive", "coverage/*"), day, SEED_ARG(seed));
    }
    for (uint32_t i = 1; i < c->count; i++)
        cr_assert_gt(c->runs[i].first, c->runs[i - 1].last + 1, "runs touch");
}

static void expect_round_trip(const struct bb_coverage *c, const bool *days, uint64_t seed,
                              struct bb_arena *arena) {
    struct bb_buffer out;
    struct bb_coverage back;
    struct bb_error error;
    bool added;

    bb_buffer_init(&out, 1 << 16);
    bb_coverage_pack(c, &out);
    cr_assert_eq(bb_coverage_unpack(bb_buffer_span(&out), arena, &back, &error), 0);
    cr_assert_eq(back.longest_s, c->longest_s);
    expect_days(&back, days, seed);
    for (size_t size = 0; size < out.size; size++) {
        struct bb_coverage cut;
        cr_assert_eq(bb_coverage_unpack((struct bb_span){out.data, size}, arena, &cut, &error),
                     -BB_E_STORE_CORRUPT, "cut to %zu of %zu", size, out.size);
    }
    cr_assert(bb_coverage_add(&back, FIRST + DAYS + 10, arena, &added) && added,
              "one that was read can grow");
    bb_buffer_release(&out);
}

Test(coverage, days_in_any_order) {
    struct seeds seeds = seeds_of_run(60, 2000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_coverage c = {0};
        struct bb_arena arena;
        struct bb_random r;
        bool days[DAYS] = {false}, added;

        bb_random_seed(&r, seed);
        bb_arena_init(&arena, 4096, 8 << 20);
        c.longest_s = (uint32_t)bb_random_next(&r);
        for (uint64_t n = bb_random_below(&r, 2 * DAYS); n-- > 0;) {
            int32_t i = (int32_t)bb_random_below(&r, DAYS);
            cr_assert(bb_coverage_add(&c, FIRST + i, &arena, &added));
            cr_assert_eq(added, !days[i]);
            days[i] = true;
        }
        expect_days(&c, days, seed);
        expect_round_trip(&c, days, seed, &arena);
        bb_arena_release(&arena);
    }
}

Test(coverage, what_is_damaged_is_refused) {
    static const uint8_t hostile_count[] = {0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0};
    static const uint8_t touching[] = {0, 2, 10, 1, 2, 0}; /* 5..6, then 7 */
    static const uint8_t too_far[] = {0,    1,    0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 1,    0};
    static const struct bb_span all[] = {{(const char *)hostile_count, sizeof hostile_count},
                                         {(const char *)touching, sizeof touching},
                                         {(const char *)too_far, sizeof too_far}};
    struct bb_arena arena;
    struct bb_coverage c;
    struct bb_error error;

    bb_arena_init(&arena, 4096, 1 << 20);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cr_assert_eq(bb_coverage_unpack(all[i], &arena, &c, &error), -BB_E_STORE_CORRUPT, "%zu", i);
    bb_arena_release(&arena);
}

Test(coverage, without_memory_it_says_so) {
    struct bb_coverage c = {0};
    struct bb_arena arena;
    bool added, room = true;

    bb_arena_init(&arena, 256, 512);
    for (int32_t day = 0; day < 1000 && room; day += 2)
        room = bb_coverage_add(&c, day, &arena, &added);
    cr_assert_not(room);
    bb_arena_release(&arena);
}
