/* What rules said, packed: it comes back as it was, and damage is found. */
#include "derive/saying.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"

enum { MOST = 60 };
static const struct bb_span texts[] = {BB_SPAN(""), BB_SPAN("far"), BB_SPAN("0123456789abcdef"),
                                       BB_SPAN("{\"deviation\":8.5}"), BB_SPAN("a sentence, é")};

static struct bb_span text(struct bb_random *r) {
    return texts[bb_random_below(r, sizeof texts / sizeof texts[0])];
}

static size_t draw(struct bb_random *r, struct bb_saying *said) {
    size_t count = 1 + bb_random_below(r, MOST);
    int64_t at = (int64_t)bb_random_below(r, UINT64_C(1) << 50) - (INT64_C(1) << 49);

    for (size_t i = 0; i < count; i++) {
        at += (int64_t)bb_random_below(r, 100000000);
        said[i] = (struct bb_saying){.at_ms = at,
                                     .kind = (uint8_t)(1 + bb_random_below(r, BB_SAYING_KINDS - 1)),
                                     .value = {(int64_t)bb_random_below(r, 2000000) - 1000000,
                                               (int8_t)-bb_random_below(r, 9)},
                                     .rule = text(r),
                                     .version = text(r),
                                     .reason = text(r),
                                     .evidence = text(r)};
    }
    return count;
}

static void expect_equal(const struct bb_saying *a, const struct bb_saying *b) {
    cr_assert(a->at_ms == b->at_ms && a->kind == b->kind &&
              a->value.mantissa == b->value.mantissa && a->value.exponent == b->value.exponent &&
              bb_span_equal(a->rule, b->rule) && bb_span_equal(a->version, b->version) &&
              bb_span_equal(a->reason, b->reason) && bb_span_equal(a->evidence, b->evidence));
}

Test(saying, comes_back_and_every_flipped_bit_is_found) {
    const char *given = getenv("BUSBAR_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)bb_monotonic_ns();
    struct bb_saying said[MOST];
    struct bb_random r;

    fprintf(stderr, "sayings: BUSBAR_SEED=%llu\n", (unsigned long long)seed);
    bb_random_seed(&r, seed);
    for (int round = 0; round < 60; round++) {
        struct bb_arena arena;
        struct bb_buffer out;
        struct bb_sayings back;
        struct bb_error error;
        bb_arena_init(&arena, 64 << 10, 64 << 20);
        bb_buffer_init(&out, 1 << 20);
        size_t count = draw(&r, said);
        cr_assert_eq(bb_sayings_pack(said, count, &arena, &out, &error), 0);
        cr_assert_eq(bb_sayings_unpack(bb_buffer_span(&out), &arena, &back, &error), 0);
        cr_assert_eq(back.count, count);
        for (size_t i = 0; i < count; i++)
            expect_equal(&back.items[i], &said[i]);
        for (size_t bit = bb_random_below(&r, 5); bit < 8 * out.size; bit += 7) {
            out.data[bit / 8] ^= (char)(1 << bit % 8);
            cr_assert_eq(bb_sayings_unpack(bb_buffer_span(&out), &arena, &back, &error),
                         -BB_E_BLOCK_CORRUPT);
            out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (size_t size = 0; size < out.size; size++)
            cr_assert_lt(bb_sayings_unpack((struct bb_span){out.data, size}, &arena, &back, &error),
                         0);
        bb_buffer_release(&out);
        bb_arena_release(&arena);
    }
}
