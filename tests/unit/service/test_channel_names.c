/* Names of channels: the numbers they were met by, in whatever order frames bring them. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "service/channel_names.h"
#include "support/seeds.h"

enum { NAMES_MOST = 3000, FRAMES = 60, TEXT = 24 };

struct scene { /* names and their numbers as they must be */
    struct bb_channel_names names;
    struct bb_random r;
    uint64_t seed;
    char text[NAMES_MOST][2][TEXT]; /* usage point and channel; few tenants have the same ones */
    struct bb_series series[NAMES_MOST];
    struct bb_span tenant[NAMES_MOST];
    uint32_t number[NAMES_MOST]; /* BB_CHANNEL_NONE: not met yet */
    uint32_t count, met;
};

static void make(struct scene *s, uint64_t seed) {
    static const char *const tenants[] = {"a", "ab", "b"};

    s->seed = seed;
    bb_random_seed(&s->r, seed);
    bb_channel_names_init(&s->names);
    s->count = 1 + (uint32_t)bb_random_below(&s->r, NAMES_MOST);
    s->met = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t point = i / 6, channel = i / 3 % 2;
        snprintf(s->text[i][0], TEXT, "%s%u", point % 5 ? "" : "b", point);
        snprintf(s->text[i][1], TEXT, "kwh_%s", channel ? "in" : "out");
        s->series[i] = (struct bb_series){.usage_point = bb_span_of(s->text[i][0]),
                                          .channel = bb_span_of(s->text[i][1])};
        s->tenant[i] = bb_span_of(tenants[i % 3]);
        s->number[i] = BB_CHANNEL_NONE;
    }
}

/* Some of one tenant's, as a frame has them: in their order, from somewhere on, some left out; or in any order. */
static uint32_t draw_frame(struct scene *s, uint32_t tenant, uint32_t *drawn) {
    const uint32_t from = (uint32_t)bb_random_below(&s->r, s->count);
    const uint64_t left_out = bb_random_below(&s->r, 3) ? 0 : 1 + bb_random_below(&s->r, 20);
    const bool any_order = bb_random_below(&s->r, 4) == 0;
    uint32_t count = 0;

    for (uint32_t k = 0; k < s->count; k++) {
        const uint32_t i = (from + k) % s->count;
        if (i % 3 == tenant && (left_out == 0 || bb_random_below(&s->r, 20) >= left_out))
            drawn[count++] = i;
    }
    for (uint32_t k = count; any_order && k > 1; k--) {
        const uint32_t other = (uint32_t)bb_random_below(&s->r, k), kept = drawn[k - 1];
        drawn[k - 1] = drawn[other];
        drawn[other] = kept;
    }
    return count;
}

static void meet(struct scene *s, uint32_t i) {
    cr_assert(bb_channel_names_add(&s->names, s->tenant[i], &s->series[i]));
    s->number[i] = s->met++;
    cr_assert_eq(s->names.count, s->met);
    const struct bb_span key = bb_channel_names_key(&s->names, s->number[i]);
    cr_assert_eq(key.size,
                 s->tenant[i].size + s->series[i].usage_point.size + s->series[i].channel.size + 2);
    cr_assert(bb_span_starts_with(key, s->tenant[i]));
}

static void look_at_frame(struct scene *s) {
    static struct bb_series series[NAMES_MOST];
    static uint32_t drawn[NAMES_MOST], out[NAMES_MOST];
    const uint32_t tenant = (uint32_t)bb_random_below(&s->r, 3);
    const uint32_t count = draw_frame(s, tenant, drawn);

    for (uint32_t k = 0; k < count; k++)
        series[k] = s->series[drawn[k]];
    bb_channel_names_find_all(&s->names, s->tenant[tenant], series, count, out);
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t i = drawn[k];
        cr_assert_eq(out[k], s->number[i], "%u is %u" SEED_LINE("unit_service", "channel_names/*"),
                     s->number[i], out[k], SEED_ARG(s->seed));
        cr_assert_eq(bb_channel_names_find(&s->names, s->tenant[i], &series[k]), s->number[i]);
        if (out[k] == BB_CHANNEL_NONE && bb_random_below(&s->r, 4))
            meet(s, i);
    }
}

Test(channel_names, have_the_numbers_they_were_met_by) {
    struct scene *s = malloc(sizeof *s);

    cr_assert(s);
    const struct seeds seeds = seeds_of_run(20, 500);
    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        make(s, seed);
        for (int i = 0; i < FRAMES; i++)
            look_at_frame(s);
        bb_channel_names_release(&s->names);
    }
    free(s);
}

Test(channel_names, frames_without_series_and_tables_without_names) {
    struct bb_channel_names names;
    const struct bb_series one = {.usage_point = BB_SPAN("m1"), .channel = BB_SPAN("kwh")};
    uint32_t out = 7;

    bb_channel_names_init(&names);
    bb_channel_names_find_all(&names, BB_SPAN("t"), NULL, 0, NULL);
    bb_channel_names_find_all(&names, BB_SPAN("t"), &one, 1, &out);
    cr_assert_eq(out, BB_CHANNEL_NONE);
    cr_assert_eq(bb_channel_names_find(&names, BB_SPAN("t"), &one), BB_CHANNEL_NONE);
    bb_channel_names_release(&names);
    bb_channel_names_release(&names); /* zeroed */
}
