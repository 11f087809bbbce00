/* The lists of a channel record: round trips, what is absent, damage. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "base/random.h"
#include "model/channel_lists.h"
#include "model/outbox.h"
#include "model/timestamp.h"
#include "support/seeds.h"

struct packing {
    struct bb_arena arena;
    struct bb_buffer bytes;
    struct bb_error error;
};

static void packing_init(struct packing *p) {
    bb_arena_init(&p->arena, 4096, 1 << 20);
    bb_buffer_init(&p->bytes, 1 << 20);
}

static void packing_release(struct packing *p) {
    bb_arena_release(&p->arena);
    bb_buffer_release(&p->bytes);
}

static bool same_decimal(struct bb_decimal a, struct bb_decimal b) {
    return a.mantissa == b.mantissa && a.exponent == b.exponent;
}

static bool same_installation(const struct bb_installation *a, const struct bb_installation *b) {
    return a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->dials == b->dials &&
           same_decimal(a->factor, b->factor) && a->has_opening == b->has_opening &&
           a->has_closing == b->has_closing &&
           (!a->has_opening || same_decimal(a->opening, b->opening)) &&
           (!a->has_closing || same_decimal(a->closing, b->closing));
}

static struct bb_decimal draw_decimal(struct bb_random *r) {
    int64_t mantissa = (int64_t)bb_random_below(r, 1000000000000000000);
    return (struct bb_decimal){bb_random_below(r, 2) ? mantissa : -mantissa,
                               (int8_t)((int)bb_random_below(r, 43) - 24)};
}

static void draw_installation(struct bb_random *r, struct bb_installation *out) {
    *out = (struct bb_installation){.from_ms = (int64_t)bb_random_below(r, 4000000000000) -
                                               2000000000000,
                                    .to_ms = BB_TIME_NONE,
                                    .factor = draw_decimal(r),
                                    .dials = (uint8_t)bb_random_below(r, 256),
                                    .has_opening = bb_random_below(r, 2),
                                    .has_closing = bb_random_below(r, 2)};
    if (bb_random_below(r, 2))
        out->to_ms = out->from_ms + (int64_t)bb_random_below(r, 400000000000);
    if (out->has_opening)
        out->opening = draw_decimal(r);
    if (out->has_closing)
        out->closing = draw_decimal(r);
}

Test(channel_lists, random_lists_round_trip) {
    struct seeds seeds = seeds_of_run(2000, 200000);
    struct packing p;

    packing_init(&p);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_installation items[6];
        const struct bb_installation *again;
        int32_t days[6];
        const int32_t *days_again;
        uint32_t count, found;
        struct bb_random r;

        bb_random_seed(&r, seed);
        bb_arena_reset(&p.arena);
        count = (uint32_t)bb_random_below(&r, 7);
        for (uint32_t i = 0; i < count; i++) {
            draw_installation(&r, &items[i]);
            days[i] = (int32_t)(int64_t)(bb_random_below(&r, 1ULL << 32) - (1ULL << 31));
        }
        bb_buffer_clear(&p.bytes);
        bb_installations_pack(items, count, &p.bytes);
        cr_assert_eq(
            bb_installations_unpack(bb_buffer_span(&p.bytes), &p.arena, &again, &found, &p.error),
            0);
        cr_assert_eq(found, count);
        for (uint32_t i = 0; i < count; i++)
            cr_assert(same_installation(&items[i], &again[i]),
                      "installation %u" SEED_LINE("unit_model", "channel_lists/*"), i,
                      SEED_ARG(seed));
        bb_buffer_clear(&p.bytes);
        bb_holidays_pack(days, count, &p.bytes);
        cr_assert_eq(
            bb_holidays_unpack(bb_buffer_span(&p.bytes), &p.arena, &days_again, &found, &p.error),
            0);
        cr_assert_eq(found, count);
        for (uint32_t i = 0; i < count; i++)
            cr_assert(days[i] == days_again[i], "day %u" SEED_LINE("unit_model", "channel_lists/*"),
                      i, SEED_ARG(seed));
    }
    packing_release(&p);
}

Test(channel_lists, nothing_is_no_bytes) {
    const struct bb_installation *items;
    const int32_t *days;
    struct packing p;
    uint32_t count;

    packing_init(&p);
    bb_installations_pack(NULL, 0, &p.bytes);
    bb_holidays_pack(NULL, 0, &p.bytes);
    cr_assert_eq(p.bytes.size, 0);
    cr_assert_eq(bb_installations_unpack(BB_SPAN(""), &p.arena, &items, &count, &p.error), 0);
    cr_assert(count == 0 && items == NULL);
    cr_assert_eq(bb_holidays_unpack((struct bb_span){NULL, 0}, &p.arena, &days, &count, &p.error),
                 0);
    cr_assert(count == 0 && days == NULL);
    packing_release(&p);
}

/* Whatever the bytes are, they end in a list or in an error. */
Test(channel_lists, refused_bytes) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {"\x01", 1, "one installation, and none"},
        {"\x05\x00\x00\x00\x00\x00", 6, "five in the bytes of one"},
        {"\x01\x00\x00\x00\x00\x02\x00", 7, "a byte too many"},
        {"\x01\x00\x01\x00\x00\x02", 6, "an end that is missing"},
        {"\x01\x00\x00\x00\x13\x02", 6, "a factor × 10^19"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00\x00", 14, "2^64 of them"},
    };
    const struct bb_installation *items;
    const int32_t *days;
    struct packing p;
    uint32_t count;

    packing_init(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(bb_installations_unpack((struct bb_span){cases[i].bytes, cases[i].size},
                                             &p.arena, &items, &count, &p.error),
                     -BB_E_STORE_CORRUPT, "%s", cases[i].why);
    cr_expect_eq(bb_holidays_unpack(BB_SPAN("\x02\x02"), &p.arena, &days, &count, &p.error),
                 -BB_E_STORE_CORRUPT, "two days in one byte");
    cr_expect_eq(
        bb_holidays_unpack(BB_SPAN("\x01\xfe\xff\xff\xff\x1f"), &p.arena, &days, &count, &p.error),
        -BB_E_STORE_CORRUPT, "beyond 32 bits");
    packing_release(&p);
}

Test(channel_lists, a_record_carries_them) {
    const struct bb_installation item = {
        .from_ms = 1000, .to_ms = BB_TIME_NONE, .factor = {40, 0}, .dials = 6};
    struct bb_channel_record out, record = {.number = 7,
                                            .derived_unit = 2,
                                            .metered_unit = 24,
                                            .capacity = 17250000000,
                                            .zone = BB_SPAN("UTC"),
                                            .holidays = BB_SPAN("\x01\x02")};
    struct bb_buffer lists;
    struct packing p;

    packing_init(&p);
    bb_buffer_init(&lists, 1 << 10);
    bb_channel_record_encode(&record, &p.bytes);
    size_t without = p.bytes.size;
    bb_installations_pack(&item, 1, &lists);
    record.installations = bb_buffer_span(&lists);
    bb_buffer_clear(&p.bytes);
    bb_channel_record_encode(&record, &p.bytes);
    cr_assert_eq(p.bytes.size, without + lists.size);
    cr_assert_eq(bb_channel_record_decode(bb_buffer_span(&p.bytes), &out, &p.error), 0);
    cr_assert_eq(out.metered_unit, 24);
    cr_assert_eq(out.capacity, 17250000000);
    cr_assert(bb_span_equal(out.installations, record.installations));
    cr_assert(bb_span_equal(out.holidays, record.holidays));
    cr_assert_eq(out.profile.size, 0);
    cr_assert_eq(out.profile_hash, 0);
    size_t unprofiled = p.bytes.size;
    record.profile = BB_SPAN("h0");
    record.profile_hash = UINT64_MAX;
    bb_buffer_clear(&p.bytes);
    bb_channel_record_encode(&record, &p.bytes);
    cr_assert_eq(p.bytes.size, unprofiled + 3 + 10);
    cr_assert_eq(bb_channel_record_decode(bb_buffer_span(&p.bytes), &out, &p.error), 0);
    cr_assert(bb_span_equal(out.profile, record.profile));
    cr_assert_eq(out.profile_hash, UINT64_MAX);
    p.bytes.size--; /* half of the number */
    cr_assert_eq(bb_channel_record_decode(bb_buffer_span(&p.bytes), &out, &p.error),
                 -BB_E_STORE_CORRUPT);
    p.bytes.data[0] = 1; /* the form before this one knows nothing of what counts now */
    cr_assert_eq(bb_channel_record_decode(bb_buffer_span(&p.bytes), &out, &p.error), -BB_E_VERSION);
    bb_buffer_release(&lists);
    packing_release(&p);
}
