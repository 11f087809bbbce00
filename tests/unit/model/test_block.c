/* Blocks: what is packed comes back in every column, flipped bits are found, spans tile time. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/crc.h"
#include "base/random.h"
#include "model/attribute_pack.h"
#include "model/block.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { ARENA_LIMIT = 64 << 20, BUFFER_LIMIT = 16 << 20 };

struct fixture {
    struct bb_arena made, read;
    struct bb_buffer out;
    struct bb_error error;
};

static void fixture_init(struct fixture *f) {
    bb_arena_init(&f->made, 1 << 20, ARENA_LIMIT);
    bb_arena_init(&f->read, 1 << 20, ARENA_LIMIT);
    bb_buffer_init(&f->out, BUFFER_LIMIT);
}

static void fixture_release(struct fixture *f) {
    bb_arena_release(&f->made);
    bb_arena_release(&f->read);
    bb_buffer_release(&f->out);
}

static struct bb_attribute some_attribute(struct bb_random *r) {
    struct bb_attribute a = {
        .quality = {.state = (uint8_t)bb_random_below(r, BB_STATE_COUNT),
                    .method = (uint8_t)bb_random_below(r, BB_METHOD_COUNT),
                    .marks = (uint16_t)bb_random_next(r),
                    .checks = (uint32_t)bb_random_next(r)},
        .length_s = bb_random_below(r, 2) ? 900 : (uint32_t)bb_random_next(r),
        .unit = (uint8_t)bb_random_below(r, BB_UNIT_COUNT),
        .exponent = (int8_t)((int)bb_random_below(r, 37) - 18),
        .statistic = (uint8_t)bb_random_below(r, 3),
    };
    size_t size = bb_random_below(r, BB_QUALITY_SOURCE_MAX + 1); /* a full one has no NUL */
    for (size_t i = 0; i < size; i++)
        a.quality.source[i] = (char)('!' + bb_random_below(r, 90));
    return a;
}

static int64_t some_number(struct bb_random *r) {
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, -1};
    uint64_t dice = bb_random_below(r, 40);
    return dice < 4 ? ends[dice] : (int64_t)bb_random_next(r) >> bb_random_below(r, 64);
}

static void some_findings(struct bb_block *block, struct bb_random *r, struct bb_arena *arena) {
    block->finding_count = (uint32_t)bb_random_below(r, 6);
    block->findings = bb_arena_take_array(arena, block->finding_count + 1, sizeof *block->findings);
    for (uint32_t i = 0; i < block->finding_count; i++) {
        struct bb_finding *f = &block->findings[i];
        f->at_ms = some_number(r);
        f->from_ms = some_number(r);
        f->to_ms = some_number(r);
        f->a = some_number(r);
        f->b = some_number(r);
        f->check = (uint8_t)bb_random_below(r, BB_CHECK_COUNT);
        f->hard = bb_random_below(r, 2);
        f->exponent = (int8_t)((int)bb_random_below(r, 37) - 18);
    }
}

/* A block of `count` rows: wild, or such as meters make them. Its dictionary is in the arena. */
static struct bb_block some_block(struct fixture *f, struct bb_random *r, size_t count) {
    struct bb_block block;
    uint32_t attributes = 1 + (uint32_t)bb_random_below(r, 12);
    bool wild = bb_random_below(r, 2);
    int64_t day = 20000 * (int64_t)BB_DAY_MS, value = 0;

    cr_assert(bb_block_init(&block, (uint8_t)bb_random_below(r, BB_LANE_COUNT), count, &f->made));
    block.attributes.items = bb_arena_take_array(&f->made, attributes,
                                                 sizeof block.attributes.items[0]);
    block.attributes.count = attributes;
    block.attributes.borrowed = true;
    for (uint32_t i = 0; i < attributes; i++)
        block.attributes.items[i] = some_attribute(r);
    block.count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        value += (int64_t)bb_random_below(r, 50) - 10;
        block.end_ms[i] = wild ? some_number(r) : day + (int64_t)(i + 1) * 900000;
        block.mantissa[i] = wild ? some_number(r) : value;
        block.attribute[i] = wild || bb_random_below(r, 20) == 0
                                 ? (int64_t)bb_random_below(r, attributes)
                                 : 0;
        block.recorded_ms[i] = wild ? some_number(r) : day + BB_DAY_MS;
        block.received_ms[i] = wild ? some_number(r) : day + BB_DAY_MS;
        block.issued_ms[i] = wild ? some_number(r) : block.received_ms[i];
        block.origin[i] = wild ? some_number(r) : (int64_t)i + 2;
        block.rivals[i] = wild ? some_number(r) : 0;
    }
    some_findings(&block, r, &f->made);
    return block;
}

static void expect_column(const int64_t *a, const int64_t *b, size_t count, const char *name,
                          uint64_t seed) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(a[i], b[i],
                     "%s[%zu] of %zu: %" PRId64 ", not %" PRId64 SEED_LINE("unit_model", "block/*"),
                     name, i, count, a[i], b[i], SEED_ARG(seed));
}

static void expect_equal(const struct bb_block *a, const struct bb_block *b, uint64_t seed) {
    cr_assert_eq(a->lane, b->lane);
    cr_assert_eq(a->count, b->count);
    cr_assert_eq(a->attributes.count, b->attributes.count);
    cr_assert(memcmp(a->attributes.items, b->attributes.items,
                     a->attributes.count * sizeof a->attributes.items[0]) == 0);
    expect_column(a->end_ms, b->end_ms, b->count, "end_ms", seed);
    expect_column(a->mantissa, b->mantissa, b->count, "mantissa", seed);
    expect_column(a->attribute, b->attribute, b->count, "attribute", seed);
    expect_column(a->recorded_ms, b->recorded_ms, b->count, "recorded_ms", seed);
    expect_column(a->received_ms, b->received_ms, b->count, "received_ms", seed);
    expect_column(a->issued_ms, b->issued_ms, b->count, "issued_ms", seed);
    expect_column(a->origin, b->origin, b->count, "origin", seed);
    expect_column(a->rivals, b->rivals, b->count, "rivals", seed);
    cr_assert_eq(a->finding_count, b->finding_count);
    for (uint32_t i = 0; i < a->finding_count; i++) {
        const struct bb_finding *x = &a->findings[i], *y = &b->findings[i];
        cr_assert(x->at_ms == y->at_ms && x->from_ms == y->from_ms && x->to_ms == y->to_ms &&
                      x->a == y->a && x->b == y->b && x->check == y->check && x->hard == y->hard &&
                      x->exponent == y->exponent,
                  "finding %u differs" SEED_LINE("unit_model", "block/*"), i, SEED_ARG(seed));
    }
}

static struct bb_span pack(struct fixture *f, const struct bb_block *block) {
    bb_buffer_clear(&f->out);
    cr_assert_eq(bb_block_pack(block, &f->made, &f->out, &f->error), 0, "%s", f->error.text);
    return bb_buffer_span(&f->out);
}

static int unpack(struct fixture *f, struct bb_span packed, struct bb_block *block) {
    bb_arena_reset(&f->read);
    return bb_block_unpack(packed, &f->read, block, &f->error);
}

Test(block, every_column_comes_back) {
    struct seeds seeds = seeds_of_run(60, 3000);
    struct fixture f;
    struct bb_block back;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        size_t count = bb_random_below(&r, 8) == 0 ? bb_random_below(&r, 5001)
                                                   : bb_random_below(&r, 120);
        struct bb_block block = some_block(&f, &r, count);
        cr_assert_eq(unpack(&f, pack(&f, &block), &back), 0,
                     "%s" SEED_LINE("unit_model", "block/*"), f.error.text, SEED_ARG(seed));
        expect_equal(&back, &block, seed);
    }
    fixture_release(&f);
}

Test(block, equal_blocks_are_equal_bytes) {
    struct fixture f;
    struct bb_random r;
    struct bb_block back;
    char first[4096];

    fixture_init(&f);
    bb_random_seed(&r, 11);
    struct bb_block block = some_block(&f, &r, 96);
    struct bb_span packed = pack(&f, &block);
    size_t size = packed.size;
    cr_assert_leq(size, sizeof first);
    memcpy(first, packed.data, size);
    cr_assert_eq(unpack(&f, packed, &back), 0);
    packed = pack(&f, &back);
    cr_assert(bb_span_equal(packed, (struct bb_span){first, size}));
    fixture_release(&f);
}

Test(block, every_flipped_bit_is_found) {
    struct seeds seeds = seeds_of_run(10, 300);
    struct fixture f;
    struct bb_block back;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        struct bb_block block = some_block(&f, &r, bb_random_below(&r, 12));
        struct bb_span packed = pack(&f, &block);
        for (size_t bit = 0; bit < packed.size * 8; bit++) {
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
            cr_assert_eq(unpack(&f, packed, &back), -BB_E_BLOCK_CORRUPT,
                         "bit %zu of %zu was not missed" SEED_LINE("unit_model", "block/*"), bit,
                         packed.size * 8, SEED_ARG(seed));
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    fixture_release(&f);
}

/* Bytes as if they had been written so: the checksum is made to fit. */
static int unpack_sealed(struct fixture *f, struct bb_span body, struct bb_block *block) {
    char *copy = malloc(body.size + 4);
    uint32_t crc = bb_crc32c(0, body.data, body.size);
    int result;

    memcpy(copy, body.data, body.size);
    memcpy(copy + body.size, &crc, 4);
    result = unpack(f, (struct bb_span){copy, body.size + 4}, block);
    free(copy);
    return result;
}

Test(block, cuts_and_appendices_are_found_even_with_a_fitting_checksum) {
    struct seeds seeds = seeds_of_run(20, 500);
    struct fixture f;
    struct bb_block back;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        struct bb_block block = some_block(&f, &r, 1 + bb_random_below(&r, 12));
        struct bb_span packed = pack(&f, &block);
        packed.size -= 4;
        for (size_t size = 0; size < packed.size; size++) {
            struct bb_span cut = {packed.data, size};
            cr_assert_eq(unpack_sealed(&f, cut, &back), -BB_E_BLOCK_CORRUPT,
                         "cut to %zu of %zu bytes" SEED_LINE("unit_model", "block/*"), size,
                         packed.size, SEED_ARG(seed));
            cr_assert_eq(unpack(&f, cut, &back), -BB_E_BLOCK_CORRUPT);
        }
        packed.size += 1; /* one byte of the old checksum */
        cr_assert_eq(unpack_sealed(&f, packed, &back), -BB_E_BLOCK_CORRUPT);
    }
    fixture_release(&f);
}

/* What passes the checksum may still be nonsense: tables are indexed by what is read. */
Test(block, damage_with_a_fitting_checksum_is_refused_or_harmless) {
    struct seeds seeds = seeds_of_run(30, 2000);
    struct fixture f;
    struct bb_block back;

    fixture_init(&f);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        bb_arena_reset(&f.made);
        struct bb_block block = some_block(&f, &r, 1 + bb_random_below(&r, 12));
        struct bb_span packed = pack(&f, &block);
        packed.size -= 4;
        for (size_t bit = 0; bit < packed.size * 8; bit++) {
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
            if (unpack_sealed(&f, packed, &back) == 0) {
                cr_assert_lt(back.lane, BB_LANE_COUNT);
                for (uint32_t i = 0; i < back.count; i++)
                    cr_assert_lt((uint64_t)back.attribute[i], back.attributes.count);
                for (uint32_t i = 0; i < back.attributes.count; i++) {
                    const struct bb_attribute *a = &back.attributes.items[i];
                    cr_assert(
                        a->unit < BB_UNIT_COUNT && a->exponent >= BB_DECIMAL_MIN_EXPONENT &&
                            a->exponent <= BB_DECIMAL_MAX_EXPONENT &&
                            a->quality.state < BB_STATE_COUNT && a->statistic <= 2,
                        "an attribute out of range was read" SEED_LINE("unit_model", "block/*"),
                        SEED_ARG(seed));
                }
            }
            f.out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    fixture_release(&f);
}

Test(block, a_hostile_count_takes_no_memory) {
    struct fixture f;
    struct bb_block back;
    struct bb_buffer b;

    fixture_init(&f);
    bb_buffer_init(&b, 1 << 10);
    bb_buffer_append(&b, "\1\0", 2);
    bb_put_varint(&b, (uint64_t)BB_BLOCK_MAX_COUNT + 1);
    for (int i = 0; i < 40; i++)
        bb_buffer_append_byte(&b, 0);
    cr_assert_eq(unpack_sealed(&f, bb_buffer_span(&b), &back), -BB_E_BLOCK_CORRUPT);
    cr_assert_eq(f.read.total_bytes, 0);
    bb_buffer_release(&b);
    fixture_release(&f);
}

Test(block, without_memory_it_is_not_called_damaged) {
    struct fixture f;
    struct bb_random r;
    struct bb_block back;
    struct bb_arena small;

    fixture_init(&f);
    bb_random_seed(&r, 2);
    struct bb_block block = some_block(&f, &r, 5000);
    struct bb_span packed = pack(&f, &block);
    bb_arena_init(&small, 4096, 64 << 10);
    cr_assert_eq(bb_block_unpack(packed, &small, &back, &f.error), -BB_E_NO_MEMORY, "%s",
                 f.error.text);
    bb_arena_release(&small);
    fixture_release(&f);
}

Test(block, a_clean_day_of_quarter_hours_takes_less_than_three_bytes_a_reading) {
    struct fixture f;
    struct bb_random r;
    struct bb_block block;

    fixture_init(&f);
    bb_random_seed(&r, 4);
    cr_assert(bb_block_init(&block, BB_LANE_RAW, 96, &f.made));
    bb_attribute_set_init(&block.attributes);
    struct bb_attribute a = {.length_s = 900, .unit = BB_UNIT_KWH, .exponent = -3};
    for (int i = 0; i < 96; i++) {
        block.end_ms[i] = 20000 * (int64_t)BB_DAY_MS + (i + 1) * (int64_t)900000;
        block.mantissa[i] = (int64_t)bb_random_below(&r, 1 << 11);
        block.attribute[i] = bb_attribute_set_index(&block.attributes, &a);
        block.recorded_ms[i] = block.received_ms[i] = block.issued_ms[i] = 1730000000000;
        block.origin[i] = 17 + i * 1000;
        block.rivals[i] = 0;
    }
    block.count = 96;
    cr_assert_leq(pack(&f, &block).size, 96 * 3);
    bb_attribute_set_release(&block.attributes);
    fixture_release(&f);
}

/* ---- lanes and spans */

Test(block, spans_tile_time_and_end_belongs_to_what_ends) {
    struct bb_random r;

    bb_random_seed(&r, 9);
    for (int i = 0; i < 200000; i++) {
        int64_t t = (int64_t)bb_random_below(&r, 8000000000000ULL) - 2000000000000, start, end,
                next_start, next_end;
        if (i % 3 == 0)
            t -= t % BB_DAY_MS;
        for (int lane = 0; lane < BB_LANE_COUNT; lane++) {
            int32_t span = bb_lane_span_of((enum bb_lane)lane, t);
            bb_lane_span_bounds((enum bb_lane)lane, span, &start, &end);
            cr_assert(start < t && t <= end,
                      "lane %d: %" PRId64 " is not in (%" PRId64 ", %" PRId64 "]", lane, t, start,
                      end);
            bb_lane_span_bounds((enum bb_lane)lane, span + 1, &next_start, &next_end);
            cr_assert_eq(next_start, end);
        }
    }
}

Test(block, known_spans) {
    int64_t start, end;
    int64_t midnight = bb_days_from_civil(2024, 1, 1) * (int64_t)BB_DAY_MS;

    cr_assert_eq(bb_lane_span_of(BB_LANE_RAW, 1), 0);
    cr_assert_eq(bb_lane_span_of(BB_LANE_RAW, 0), -1);
    cr_assert_eq(bb_lane_span_of(BB_LANE_DAY, midnight), 2023);
    cr_assert_eq(bb_lane_span_of(BB_LANE_DAY, midnight + 1), 2024);
    bb_lane_span_bounds(BB_LANE_DAY, 2024, &start, &end);
    cr_assert_eq(end - start, 366 * (int64_t)BB_DAY_MS);
    cr_assert_eq(start, midnight);
}

Test(block, lanes_have_names) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        cr_assert_eq(bb_lane_find(bb_span_of(bb_lanes[lane].name)), lane);
    cr_assert_eq(bb_lane_find(BB_SPAN("")), -1);
    cr_assert_eq(bb_lane_find(BB_SPAN("rawx")), -1);
    cr_assert_eq(bb_lane_find(BB_SPAN("ra")), -1);
}
