/* What queries tell, against three things: the naive reference, the same lane derived again as of
 * now, and the whole of a lane of which a range was asked. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/channel_table.h"
#include "service/query.h"
#include "sim/sim_plant.h"
#include "sim/sim_world.h"
#include "support/naive.h"
#include "support/seeds.h"

struct row {
    int64_t start_ms, end_ms, recorded_ms;
    bool has_value, has_range;
    struct bb_decimal value, min, max;
    struct bb_quality quality;
    uint8_t attribute_unit;
};

struct rows {
    struct row *items;
    size_t count, capacity;
};

static int take_row(void *context, const struct bb_query_row *row) {
    struct rows *rows = context;

    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 256;
        rows->items = realloc(rows->items, rows->capacity * sizeof rows->items[0]);
    }
    rows->items[rows->count++] = (struct row){.start_ms = row->start_ms,
                                              .end_ms = row->end_ms,
                                              .recorded_ms = row->recorded_ms,
                                              .has_value = row->has_value,
                                              .has_range = row->has_range,
                                              .value = row->value,
                                              .min = row->min,
                                              .max = row->max,
                                              .quality = *row->quality,
                                              .attribute_unit = (uint8_t)row->unit};
    return 0;
}

static void ask(struct sim_plant *s, const struct world_channel *c, enum bb_lane lane,
                int64_t as_of_ms, int64_t from_ms, int64_t to_ms, struct rows *rows) {
    struct bb_error error;
    struct bb_query query = {.tenant = WORLD_TENANT,
                             .usage_point = bb_span_of(c->usage_point),
                             .channel = bb_span_of(c->channel),
                             .from_ms = from_ms,
                             .to_ms = to_ms,
                             .lane = lane,
                             .as_of_ms = as_of_ms};

    rows->count = 0;
    cr_assert_eq(bb_query_run(&s->plant, &query, take_row, rows, &error), 0, "%s", error.text);
}

static void fill(struct sim_plant *s, struct world *w, bool restricted) {
    struct bb_worker *worker;
    struct bb_error error;

    sim_plant_open(s, 2, false);
    for (int i = 0; restricted && i < BB_COMMODITY_COUNT; i++)
        naive_restrict(&s->plant.config.pipelines[i]);
    world_append(w, s->log, w->items, w->count, false);
    cr_assert_eq(bb_worker_open(&s->plant, &worker, &error), 0);
    sim_plant_finish(s, worker);
    bb_worker_close(worker);
}

static bool has_items(const struct world *w, uint32_t channel) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].channel == channel)
            return true;
    return false;
}

#define SEED_OF(test)                                                                              \
    "\n  seed %llu; again: BUSBAR_SEED=%llu build/tests/sim --filter 'query/" test "'"

/* ---- the reference */

/* What the service takes the channel for. */
static void load_channel(struct sim_plant *s, const struct world_channel *c, struct bb_arena *arena,
                         struct bb_channel *out) {
    struct bb_store_view *view;
    struct bb_channel_record record;
    struct bb_span value;
    struct bb_error error;
    char key[BB_NAME_KEY_MAX];
    struct bb_span up = bb_span_of(c->usage_point);
    size_t size = bb_channel_key(WORLD_TENANT, up, bb_span_of(c->channel), key);
    uint32_t partition = (uint32_t)(bb_usage_point_hash(up) % s->store->partitions);

    cr_assert_eq(s->store->ops->view_begin(s->store, partition, &view, &error), 0);
    cr_assert_eq(
        s->store->ops->name_get(view, BB_NAME_CHANNEL, (struct bb_span){key, size}, &value, &error),
        BB_FOUND);
    cr_assert_eq(bb_channel_record_decode(value, &record, &error), 0);
    cr_assert_eq(bb_channel_from_record(&s->plant, &record, arena, out, &error), 0);
    s->store->ops->view_end(view);
}

static bool same_number(struct bb_decimal a, struct naive_number b) {
    return naive_equal((struct naive_number){a.mantissa, a.exponent}, b);
}

static void expect_raw(const struct rows *rows, const struct naive_lanes *naive, uint64_t seed) {
    size_t at = 0;

    for (size_t i = 0; i < rows->count; i++, at++) {
        const struct row *r = &rows->items[i];
        while (at < naive->version_count && !naive->versions[at].wins)
            at++;
        const struct naive_version *v = &naive->versions[at];
        cr_assert(at < naive->version_count && v->end_ms == r->end_ms &&
                      v->value.mantissa == r->value.mantissa &&
                      v->attribute.exponent == r->value.exponent &&
                      v->recorded_ms == r->recorded_ms && v->attribute.unit == r->attribute_unit &&
                      memcmp(&v->attribute.quality, &r->quality, sizeof r->quality) == 0,
                  "raw at %" PRId64 SEED_OF("says_what_the_reference_says"), r->end_ms,
                  SEED_ARG(seed));
    }
    for (; at < naive->version_count; at++)
        cr_assert_not(naive->versions[at].wins,
                      "raw misses %" PRId64 SEED_OF("says_what_the_reference_says"),
                      naive->versions[at].end_ms, SEED_ARG(seed));
}

/* A gauge's three rows of the reference are one here. */
static void expect_derived(const struct rows *rows, const struct naive_row *naive, size_t count,
                           const char *lane, uint64_t seed) {
    size_t at = 0;

    for (size_t i = 0; i < rows->count; i++, at++) {
        const struct row *r = &rows->items[i];
        const struct naive_row *n = &naive[at];
        cr_assert(at < count && n->start_ms == r->start_ms && n->end_ms == r->end_ms &&
                      n->has_value == r->has_value && n->state == r->quality.state &&
                      (!n->has_value || same_number(r->value, n->value)) &&
                      (r->quality.marks & ~BB_MARK_ROUNDED) == n->marks &&
                      r->quality.checks == n->checks,
                  "%s (%" PRId64 ", %" PRId64 "] is %" PRId64
                  "e%d %s" SEED_OF("says_what_the_reference_says"),
                  lane, r->start_ms, r->end_ms, r->value.mantissa, r->value.exponent,
                  bb_state_name(r->quality.state), SEED_ARG(seed));
        if (!r->has_range)
            continue;
        cr_assert(at + 2 < count && same_number(r->min, naive[at + 1].value) &&
                  same_number(r->max, naive[at + 2].value));
        at += 2;
    }
    cr_assert_eq(at, count, "%s has %zu rows, not %zu" SEED_OF("says_what_the_reference_says"),
                 lane, at, count, SEED_ARG(seed));
}

static void run_reference(uint64_t seed) {
    struct world w;
    struct sim_plant s;
    struct rows rows = {0};
    struct bb_arena arena;

    bb_arena_init(&arena, 16 << 10, 16 << 20);
    world_make(&w, seed, seed % 2);
    fill(&s, &w, true);
    struct telling *tellings = malloc((w.count + 1) * sizeof *tellings);
    for (uint32_t channel = 0; channel < w.channel_count; channel++) {
        const struct world_channel *c = &w.channels[channel];
        struct channel_case as_taken = c->c;
        struct naive_lanes naive;
        size_t count = 0;
        if (!has_items(&w, channel))
            continue;
        for (size_t i = 0; i < w.count; i++)
            if (w.items[i].channel == channel)
                tellings[count++] = w.items[i].telling;
        load_channel(&s, c, &arena, &as_taken.channel);
        as_taken.pipeline = *as_taken.channel.pipeline;
        naive_derive(&as_taken, tellings, count, &naive);
        ask(&s, c, BB_LANE_RAW, BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &rows);
        expect_raw(&rows, &naive, seed);
        ask(&s, c, BB_LANE_VEE, BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &rows);
        expect_derived(&rows, naive.vee, naive.vee_count, "vee", seed);
        ask(&s, c, BB_LANE_DAY, BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &rows);
        expect_derived(&rows, naive.day.items, naive.day.count, "day", seed);
        ask(&s, c, BB_LANE_MONTH, BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &rows);
        expect_derived(&rows, naive.month.items, naive.month.count, "month", seed);
        ask(&s, c, BB_LANE_HOUR, BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &rows);
        expect_derived(&rows, naive.hour.items, naive.hour.count, "hour", seed);
        naive_release(&naive);
    }
    free(tellings);
    bb_arena_release(&arena);
    free(rows.items);
    sim_plant_close(&s);
    world_release(&w);
}

Test(query, says_what_the_reference_says, .timeout = 1200) {
    struct seeds seeds = seeds_of_run(20, 400);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        run_reference(seed);
}

/* ---- as of now, and ranges */

static bool same_row(const struct row *a, const struct row *b) {
    return a->start_ms == b->start_ms && a->end_ms == b->end_ms &&
           a->recorded_ms == b->recorded_ms && a->has_value == b->has_value &&
           a->has_range == b->has_range && a->value.mantissa == b->value.mantissa &&
           a->value.exponent == b->value.exponent && a->min.mantissa == b->min.mantissa &&
           a->max.mantissa == b->max.mantissa && a->attribute_unit == b->attribute_unit &&
           memcmp(&a->quality, &b->quality, sizeof a->quality) == 0;
}

/* query.h: intervals from < end <= to, instants from <= end < to. */
static bool within(const struct row *r, int64_t from_ms, int64_t to_ms) {
    return r->start_ms == r->end_ms ? from_ms <= r->end_ms && r->end_ms < to_ms
                                    : from_ms < r->end_ms && r->end_ms <= to_ms;
}

static void expect_part(const struct rows *part, const struct rows *whole, int64_t from_ms,
                        int64_t to_ms, enum bb_lane lane, const char *what, uint64_t seed) {
    size_t at = 0;

    for (size_t i = 0; i < whole->count; i++) {
        if (!within(&whole->items[i], from_ms, to_ms))
            continue;
        cr_assert(at < part->count && same_row(&part->items[at], &whole->items[i]),
                  "%s, %s over (%" PRId64 ", %" PRId64
                  "]: row %zu of %zu is not that to %" PRId64 SEED_OF("*"),
                  bb_lanes[lane].name, what, from_ms, to_ms, at, part->count,
                  whole->items[i].end_ms, SEED_ARG(seed));
        at++;
    }
    cr_assert_eq(at, part->count, "%s, %s: %zu rows too many" SEED_OF("*"), bb_lanes[lane].name,
                 what, part->count - at, SEED_ARG(seed));
}

static int64_t some_moment(struct world *w, const struct rows *rows) {
    const struct row *r = &rows->items[bb_random_below(&w->r, rows->count)];

    switch (bb_random_below(&w->r, 4)) {
    case 0: return r->start_ms;
    case 1: return r->end_ms;
    case 2: return r->end_ms - 1;
    default: return r->start_ms + (int64_t)bb_random_below(&w->r, 3 * (uint64_t)BB_DAY_MS);
    }
}

static void run_ranges(uint64_t seed) {
    static const enum bb_lane lanes[] = {BB_LANE_RAW, BB_LANE_VEE, BB_LANE_DAY, BB_LANE_MONTH,
                                         BB_LANE_HOUR};
    struct world w;
    struct sim_plant s;
    struct rows whole = {0}, part = {0};

    world_make(&w, seed, seed % 2);
    if (seed % 3)
        world_add_rules(&w);
    fill(&s, &w, false);
    for (uint32_t channel = 0; channel < w.channel_count; channel++) {
        const struct world_channel *c = &w.channels[channel];
        for (int k = 0; k < 5 && has_items(&w, channel); k++) {
            int64_t now = w.received_ms[WORLD_DELIVERIES - 1], early = w.received_ms[1];
            ask(&s, c, lanes[k], BB_TIME_NONE, BB_TIME_NONE, BB_TIME_NONE, &whole);
            ask(&s, c, lanes[k], now, BB_TIME_NONE, BB_TIME_NONE, &part);
            expect_part(&part, &whole, INT64_MIN, INT64_MAX, lanes[k], "as of now", seed);
            for (int n = 0; n < 12; n++) {
                int64_t as_of_ms = n % 2 ? early : BB_TIME_NONE;
                ask(&s, c, lanes[k], as_of_ms, BB_TIME_NONE, BB_TIME_NONE, &whole);
                if (whole.count == 0)
                    continue;
                int64_t from_ms = some_moment(&w, &whole), to_ms = some_moment(&w, &whole);
                ask(&s, c, lanes[k], as_of_ms, from_ms, to_ms, &part);
                expect_part(&part, &whole, from_ms, to_ms, lanes[k],
                            n % 2 ? "as of early" : "current", seed);
            }
        }
    }
    free(whole.items);
    free(part.items);
    sim_plant_close(&s);
    world_release(&w);
}

Test(query, ranges_are_parts_of_the_whole, .timeout = 1200) {
    struct seeds seeds = seeds_of_run(20, 400);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        run_ranges(seed);
}
