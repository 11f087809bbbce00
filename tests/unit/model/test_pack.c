/* Packed integer columns: every shape comes back, small shapes stay small, damage is refused. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "model/pack.h"
#include "support/seeds.h"

enum { COUNT_MAX = 5000, ARENA_LIMIT = 8 << 20, BUFFER_LIMIT = 1 << 20 };

enum shape {
    CONSTANT,
    LINEAR,
    RUNS,
    DRIFT,      /* small differences */
    NOISE,      /* of any width from 1 to 64 bits */
    EXTREMES,   /* INT64_MIN, INT64_MAX, -1, 0, 1 */
    HOLED_LINE, /* a line with jumps: runs of equal differences */
    ALMOST_CONSTANT,
    WRAPPING_LINE, /* a stride that leaves int64 */
    SHAPES
};

static const char *const shape_names[SHAPES] = {
    "constant",   "linear",          "runs",          "drift", "noise", "extremes",
    "holed line", "almost constant", "wrapping line",
};

static int64_t wrapping_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void fill(enum shape shape, int64_t *v, size_t count, struct bb_random *r) {
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1, 0, 1};
    unsigned width = 1 + (unsigned)bb_random_below(r, 64);
    int64_t at = (int64_t)bb_random_next(r) >> bb_random_below(r, 64);
    int64_t stride = (int64_t)bb_random_next(r) >>
                     (shape == WRAPPING_LINE ? 1 : 20 + bb_random_below(r, 44));

    for (size_t i = 0; i < count; i++) {
        uint64_t dice = bb_random_next(r);
        switch (shape) {
        case CONSTANT: v[i] = at; break;
        case LINEAR:
        case WRAPPING_LINE: v[i] = wrapping_add(at, (int64_t)((uint64_t)stride * i)); break;
        case RUNS: v[i] = at = dice % 17 == 0 ? (int64_t)(dice >> (64 - width)) : at; break;
        case DRIFT: v[i] = at = wrapping_add(at, (int64_t)(dice % 7) - 3); break;
        case NOISE: v[i] = wrapping_add(at, (int64_t)(dice >> (64 - width))); break;
        case EXTREMES: v[i] = ends[dice % 6]; break;
        case HOLED_LINE: v[i] = at = wrapping_add(at, dice % 23 == 0 ? 7 * 900000 : 900000); break;
        default: v[i] = at + (dice % 997 == 0);
        }
    }
}

struct fixture {
    struct bb_arena arena;
    struct bb_buffer out;
    int64_t values[COUNT_MAX], back[COUNT_MAX];
};

static void fixture_init(struct fixture *f) {
    bb_arena_init(&f->arena, 64 << 10, ARENA_LIMIT);
    bb_buffer_init(&f->out, BUFFER_LIMIT);
}

static void fixture_release(struct fixture *f) {
    bb_arena_release(&f->arena);
    bb_buffer_release(&f->out);
}

/* Packs values[0..count) behind what is in the buffer; returns the packed size. */
static size_t pack(struct fixture *f, size_t count) {
    size_t begin = f->out.size;
    bb_arena_reset(&f->arena);
    cr_assert(bb_pack_i64(f->values, count, &f->arena, &f->out));
    return f->out.size - begin;
}

static bool unpack(struct fixture *f, size_t begin, size_t size, size_t count, size_t *left) {
    /* A copy of just the right size, so that a sanitizer sees every byte read past the end. */
    char *copy = malloc(size ? size : 1);
    memcpy(copy, f->out.data + begin, size);
    struct bb_cursor in = bb_cursor_over((struct bb_span){copy, size});
    bb_arena_reset(&f->arena);
    bool good = bb_unpack_i64(&in, count, f->back, &f->arena);
    *left = bb_cursor_left(&in);
    free(copy);
    return good;
}

static size_t some_count(struct bb_random *r) {
    static const size_t favourites[] = {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 96, 1000, COUNT_MAX};
    uint64_t dice = bb_random_below(r, 26);
    return dice < 13 ? favourites[dice] : bb_random_below(r, COUNT_MAX + 1);
}

static void expect_round_trip(struct fixture *f, size_t count, const char *what, uint64_t seed) {
    static const char before[] = "abc"; /* a column rarely stands at the beginning */
    size_t left;

    bb_buffer_clear(&f->out);
    bb_buffer_append(&f->out, before, sizeof before);
    size_t size = pack(f, count);
    cr_assert(unpack(f, sizeof before, size, count, &left),
              "%s of %zu values does not come back" SEED_LINE("unit_model", "pack/*"), what, count,
              SEED_ARG(seed));
    cr_assert_eq(left, 0,
                 "%s of %zu values: %zu bytes are left over" SEED_LINE("unit_model", "pack/*"),
                 what, count, left, SEED_ARG(seed));
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(f->back[i], f->values[i],
                     "%s, value %zu of %zu: %" PRId64
                     ", not %" PRId64 SEED_LINE("unit_model", "pack/*"),
                     what, i, count, f->back[i], f->values[i], SEED_ARG(seed));
    cr_assert_leq(size, 32 + 9 * count, "%s of %zu values takes %zu bytes", what, count, size);
}

Test(pack, every_shape_comes_back) {
    struct seeds seeds = seeds_of_run(40, 2000);
    static struct fixture f;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        for (int shape = 0; shape < SHAPES; shape++) {
            size_t count = some_count(&r);
            fill((enum shape)shape, f.values, count, &r);
            expect_round_trip(&f, count, shape_names[shape], seed);
        }
    }
    fixture_release(&f);
}

Test(pack, every_width_at_every_count_around_a_word) {
    static struct fixture f;
    struct bb_random r;

    fixture_init(&f);
    bb_random_seed(&r, 7);
    for (unsigned width = 0; width <= 64; width++) {
        for (size_t count = 1; count <= 67; count++) {
            for (size_t i = 0; i < count; i++)
                f.values[i] = width ? (int64_t)(bb_random_next(&r) >> (64 - width)) : 0;
            if (width > 0) /* the widest value is there, so that the width is just this */
                f.values[count / 2] = (int64_t)(UINT64_MAX >> (64 - width));
            expect_round_trip(&f, count, "width", width);
        }
    }
    fixture_release(&f);
}

Test(pack, small_shapes_stay_small) {
    static struct fixture f;
    struct bb_random r;

    fixture_init(&f);
    bb_random_seed(&r, 1);
    fill(CONSTANT, f.values, COUNT_MAX, &r);
    cr_assert_leq(pack(&f, COUNT_MAX), 11);
    fill(LINEAR, f.values, COUNT_MAX, &r);
    cr_assert_leq(pack(&f, COUNT_MAX), 21);
    for (size_t i = 0; i < COUNT_MAX; i++)
        f.values[i] = (int64_t)bb_random_below(&r, 1 << 12) - 2000;
    cr_assert_leq(pack(&f, COUNT_MAX), COUNT_MAX * 12 / 8 + 20, "12 bits each");
    fill(DRIFT, f.values, COUNT_MAX, &r);
    cr_assert_leq(pack(&f, COUNT_MAX), COUNT_MAX * 3 / 8 + 40, "3 bits each");
    fill(HOLED_LINE, f.values, COUNT_MAX, &r);
    cr_assert_leq(pack(&f, COUNT_MAX), COUNT_MAX * 2 / 5, "some four bytes for each end of a run");
    for (size_t i = 0; i < COUNT_MAX; i++)
        f.values[i] = (int64_t)(i / 500) * 1000000007;
    cr_assert_leq(pack(&f, COUNT_MAX), 60, "ten runs");
    fixture_release(&f);
}

Test(pack, columns_stand_one_behind_the_other) {
    static struct fixture f;
    struct bb_random r;
    size_t sizes[3], counts[3] = {96, 0, 5}, left;

    fixture_init(&f);
    bb_random_seed(&r, 3);
    fill(NOISE, f.values, 96, &r);
    for (int i = 0; i < 3; i++)
        sizes[i] = pack(&f, counts[i]);
    cr_assert_eq(sizes[1], 0);
    cr_assert(unpack(&f, 0, f.out.size, 96, &left));
    cr_assert_eq(left, sizes[2]);
    cr_assert(unpack(&f, sizes[0], sizes[2], 5, &left));
    cr_assert_arr_eq(f.back, f.values, 5 * sizeof f.back[0]);
    fixture_release(&f);
}

Test(pack, every_cut_is_refused) {
    struct seeds seeds = seeds_of_run(10, 200);
    static struct fixture f;
    size_t left;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        for (int shape = 0; shape < SHAPES; shape++) {
            size_t count = 1 + bb_random_below(&r, 300);
            fill((enum shape)shape, f.values, count, &r);
            bb_buffer_clear(&f.out);
            size_t size = pack(&f, count);
            for (size_t cut = 0; cut < size; cut++)
                cr_assert_not(unpack(&f, 0, cut, count, &left),
                              "%s of %zu values cut to %zu of %zu bytes was taken" SEED_LINE(
                                  "unit_model", "pack/*"),
                              shape_names[shape], count, cut, size, SEED_ARG(seed));
        }
    }
    fixture_release(&f);
}

/* A column has no checksum of its own: damage may give other values, never more, and no crash. */
Test(pack, damage_never_leaves_the_column) {
    struct seeds seeds = seeds_of_run(20, 500);
    static struct fixture f;
    size_t left;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        for (int shape = 0; shape < SHAPES; shape++) {
            size_t count = 1 + bb_random_below(&r, 200);
            fill((enum shape)shape, f.values, count, &r);
            bb_buffer_clear(&f.out);
            size_t size = pack(&f, count);
            for (size_t bit = 0; bit < size * 8; bit++) {
                f.out.data[bit / 8] ^= (char)(1 << bit % 8);
                f.back[count] = 0x5a5a;
                (void)!unpack(&f, 0, size, count, &left);
                cr_assert_eq(
                    f.back[count], 0x5a5a,
                    "%s: a value behind the last was written" SEED_LINE("unit_model", "pack/*"),
                    shape_names[shape], SEED_ARG(seed));
                f.out.data[bit / 8] ^= (char)(1 << bit % 8);
            }
        }
    }
    fixture_release(&f);
}

Test(pack, forms_that_would_recurse_or_do_not_exist_are_refused) {
    static const uint8_t nested[] = {3, 0, 3, 0, 0, 0}; /* DELTA of DELTA */
    static const uint8_t deep[] = {4, 2, 0, 2, 4, 2, 0,
                                   2, 4, 2, 0, 2, 0, 0}; /* RUNS of RUNS of RUNS */
    static const uint8_t unknown[] = {5, 0, 0, 0};
    static const uint8_t wide[] = {2, 0, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t no_runs[] = {4, 0, 0, 0};
    static const uint8_t long_runs[] = {4, 4, 0, 200, 1, 0, 0}; /* 2 runs of 100 for 4 values */
    static const struct bb_span all[] = {
        {(const char *)nested, sizeof nested},   {(const char *)deep, sizeof deep},
        {(const char *)unknown, sizeof unknown}, {(const char *)wide, sizeof wide},
        {(const char *)no_runs, sizeof no_runs}, {(const char *)long_runs, sizeof long_runs},
    };
    static struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct bb_cursor in = bb_cursor_over(all[i]);
        cr_assert_not(bb_unpack_i64(&in, 4, f.back, &f.arena), "form %zu was taken", i);
    }
    fixture_release(&f);
}

Test(pack, full_buffers_and_arenas_say_so) {
    static struct fixture f;
    struct bb_random r;
    struct bb_buffer tight;
    struct bb_arena small;

    fixture_init(&f);
    bb_random_seed(&r, 5);
    fill(NOISE, f.values, COUNT_MAX, &r);
    size_t size = pack(&f, COUNT_MAX);
    for (size_t limit = 0; limit < size; limit += 1 + size / 50) {
        bb_buffer_init(&tight, limit);
        bool packed = bb_pack_i64(f.values, COUNT_MAX, &f.arena, &tight);
        cr_assert(!packed || tight.overflow, "%zu bytes went into %zu", size, limit);
        bb_buffer_release(&tight);
    }
    fill(DRIFT, f.values, COUNT_MAX, &r);
    bb_arena_init(&small, 256, 256);
    bb_buffer_clear(&f.out);
    cr_assert_not(bb_pack_i64(f.values, COUNT_MAX, &small, &f.out));
    bb_arena_release(&small);
    fixture_release(&f);
}
