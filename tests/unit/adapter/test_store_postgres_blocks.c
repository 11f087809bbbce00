/* What a view of PostgreSQL remembers of blocks, against a plain list. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "adapter/store_postgres_internal.h"
#include "base/random.h"
#include "support/seeds.h"

enum { STEPS = 4000, CHANNELS = 40, SPANS = 30 };

struct known { /* by channel, span and lane */
    bool noted;
    uint32_t value; /* 0: absent */
};

struct scene {
    struct bb_store_blocks blocks;
    struct bb_arena arena;
    struct known known[CHANNELS][SPANS][BB_LANE_COUNT];
    size_t count;
};

static void note(struct scene *s, struct bb_block_key key, struct known *known, uint32_t value) {
    bool is_new;
    struct bb_store_block_slot *slot = bb_store_blocks_note(&s->blocks, &key, &is_new);

    cr_assert(slot);
    cr_assert_eq(is_new, !known->noted);
    s->count += is_new;
    known->noted = true;
    if (value == 0 || known->value != 0)
        return;
    cr_assert(
        bb_store_blocks_fill(&s->blocks, slot, (struct bb_span){(char *)&value, sizeof value}));
    known->value = value;
}

static void expect(const struct scene *s, struct bb_block_key key, const struct known *known,
                   uint64_t seed) {
    const struct bb_store_block_slot *slot = bb_store_blocks_find(&s->blocks, &key);
    const unsigned state = !known->noted  ? BB_STORE_BLOCK_UNKNOWN
                           : known->value ? BB_STORE_BLOCK_FOUND
                                          : BB_STORE_BLOCK_ABSENT;

    cr_assert_eq(
        slot ? slot->state : BB_STORE_BLOCK_UNKNOWN, state,
        "channel %u, span %d, lane %u" SEED_LINE("unit_adapter", "store_postgres_blocks/*"),
        key.channel, key.span, key.lane, SEED_ARG(seed));
    if (state == BB_STORE_BLOCK_FOUND)
        cr_assert(slot->size == sizeof known->value &&
                  memcmp(slot->data, &known->value, sizeof known->value) == 0);
}

static void run(struct scene *s, uint64_t seed) {
    struct bb_random r;

    *s = (struct scene){.count = 0};
    bb_random_seed(&r, seed);
    bb_arena_init(&s->arena, 4096, 64 << 20);
    s->blocks.arena = &s->arena;
    for (int i = 0; i < STEPS; i++) {
        const uint32_t channel = (uint32_t)bb_random_below(&r, CHANNELS);
        const uint32_t span = (uint32_t)bb_random_below(&r, SPANS);
        const uint8_t lane = (uint8_t)bb_random_below(&r, BB_LANE_COUNT);
        struct known *known = &s->known[channel][span][lane];
        /* spans lie on both sides of 1970, channels anywhere */
        const struct bb_block_key key = {channel * 0x04000001U, (int32_t)span - SPANS / 2, lane};
        expect(s, key, known, seed);
        if (bb_random_below(&r, 2))
            note(s, key, known,
                 bb_random_below(&r, 2) ? 1 + (uint32_t)bb_random_next(&r) % 1000 : 0);
        expect(s, key, known, seed);
        cr_assert_eq(s->blocks.count, s->count);
        if (bb_random_below(&r, STEPS / 2) == 0) {
            bb_store_blocks_forget(&s->blocks);
            memset(s->known, 0, sizeof s->known);
            s->count = 0;
        }
    }
    bb_store_blocks_release(&s->blocks);
    bb_arena_release(&s->arena);
}

Test(store_postgres_blocks, are_known_until_they_are_forgotten) {
    static struct scene s;

    const struct seeds seeds = seeds_of_run(20, 500);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        run(&s, seed);
}
