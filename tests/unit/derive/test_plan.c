/* The promise "order does not matter", for one channel at a time: readings cut into batches,
 * shuffled and told twice end in the same bytes as told once in order, and both say what the naive
 * reference works out from all of them at once. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/lane_store.h"
#include "support/naive.h"
#include "support/rule_case.h"
#include "support/seeds.h"

struct subject { /* what a failure is about */
    uint64_t seed;
    enum case_kind kind;
    const struct channel_case *c;
};

#define ABOUT         "%s channel, %s" SEED_LINE("unit_derive", "plan/*")
#define ABOUT_ARGS(s) case_kind_names[(s)->kind], (s)->c->zone_name, SEED_ARG((s)->seed)

/* ---- equal stores */

static void describe_row(const struct bb_block *b, uint32_t row, char *text, size_t size) {
    struct bb_buffer q;

    if (row >= b->count) {
        snprintf(text, size, "no row");
        return;
    }
    const struct bb_attribute *a = &b->attributes.items[b->attribute[row]];
    bb_buffer_init(&q, 4096);
    bb_quality_format(&a->quality, &q);
    snprintf(text, size,
             "%" PRId64 ": %" PRId64 "e%d unit %u %u s %.*s recorded %" PRId64 " received %" PRId64
             " issued %" PRId64 " line %" PRId64 " rivals %" PRId64,
             b->end_ms[row], b->mantissa[row], a->exponent, a->unit, a->length_s, (int)q.size,
             q.data, b->recorded_ms[row], b->received_ms[row], b->issued_ms[row], b->origin[row],
             b->rivals[row]);
    bb_buffer_release(&q);
}

/* The first row that differs, of both. */
static void describe_difference(const struct lane_entry *a, const struct lane_entry *b, char *text,
                                size_t size) {
    struct bb_arena arena;
    struct bb_block x, y;
    struct bb_error error;
    char of_x[600] = "", of_y[600] = "";
    uint32_t row = 0;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    cr_assert_eq(bb_block_unpack((struct bb_span){a->packed, a->size}, &arena, &x, &error), 0);
    cr_assert_eq(bb_block_unpack((struct bb_span){b->packed, b->size}, &arena, &y, &error), 0);
    do {
        describe_row(&x, row, of_x, sizeof of_x);
        describe_row(&y, row, of_y, sizeof of_y);
    } while (strcmp(of_x, of_y) == 0 && ++row < x.count);
    snprintf(text, size, "row %u of %u and %u, %u and %u findings:\n    %s\n    %s\n ", row,
             x.count, y.count, x.finding_count, y.finding_count, of_x, of_y);
    bb_arena_release(&arena);
}

static void expect_equal_stores(const struct lane_store *a, const struct lane_store *b,
                                const char *what, const struct subject *s) {
    char difference[1400];

    for (size_t i = 0; i < a->count || i < b->count; i++) {
        bool both = i < a->count && i < b->count;
        cr_assert(
            both && a->entries[i].key.lane == b->entries[i].key.lane &&
                a->entries[i].key.span == b->entries[i].key.span,
            "%s: %zu blocks, not %zu; block %zu is lane %d span %d, not lane %d span %d: " ABOUT,
            what, a->count, b->count, i, i < a->count ? a->entries[i].key.lane : -1,
            i < a->count ? a->entries[i].key.span : -1, i < b->count ? b->entries[i].key.lane : -1,
            i < b->count ? b->entries[i].key.span : -1, ABOUT_ARGS(s));
        if (bb_span_equal((struct bb_span){a->entries[i].packed, a->entries[i].size},
                          (struct bb_span){b->entries[i].packed, b->entries[i].size}))
            continue;
        if (!bb_lane_has_values(a->entries[i].key.lane))
            snprintf(difference, sizeof difference, "what is no value of");
        else
            describe_difference(&a->entries[i], &b->entries[i], difference, sizeof difference);
        cr_assert_fail("%s: lane %s span %d differs in %s" ABOUT, what,
                       bb_lanes[a->entries[i].key.lane].name, a->entries[i].key.span, difference,
                       ABOUT_ARGS(s));
    }
    cr_assert(bb_span_equal(bb_buffer_span(&a->coverage), bb_buffer_span(&b->coverage)),
              "%s: coverage differs: " ABOUT, what, ABOUT_ARGS(s));
}

/* What outbox records say is open must be what the blocks say. */
static void expect_exceptions(const struct lane_store *store, const struct subject *s) {
    struct bb_arena arena;
    size_t hard = 0;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    for (size_t i = 0; i < store->count; i++) {
        const struct lane_entry *e = &store->entries[i];
        struct bb_block block;
        struct bb_error error;
        if (!bb_lane_has_values(e->key.lane))
            continue;
        cr_assert_eq(bb_block_unpack((struct bb_span){e->packed, e->size}, &arena, &block, &error),
                     0);
        for (uint32_t k = 0; k < block.finding_count; k++) {
            const struct bb_finding *f = &block.findings[k];
            bool open = false;
            for (size_t n = 0; n < store->open_count && !open; n++)
                open = store->open[n].check == f->check && store->open[n].from_ms == f->from_ms &&
                       store->open[n].to_ms == f->to_ms;
            hard += f->hard;
            cr_assert(!f->hard || open, "a %s at %" PRId64 " is not open: " ABOUT,
                      bb_check_name(f->check), f->at_ms, ABOUT_ARGS(s));
        }
    }
    cr_assert_eq(hard, store->open_count, "%zu exceptions are open, the blocks say %zu: " ABOUT,
                 store->open_count, hard, ABOUT_ARGS(s));
    bb_arena_release(&arena);
}

/* ---- against the reference */

static size_t lane_rows(const struct lane_store *store, uint8_t lane, struct bb_arena *arena,
                        struct bb_block **blocks) {
    size_t count = 0;

    *blocks = bb_arena_take_array(arena, store->count + 1, sizeof **blocks);
    for (size_t i = 0; i < store->count; i++) {
        const struct lane_entry *e = &store->entries[i];
        struct bb_error error;
        if (e->key.lane == lane)
            cr_assert_eq(bb_block_unpack((struct bb_span){e->packed, e->size}, arena,
                                         &(*blocks)[count++], &error),
                         0);
    }
    return count;
}

static bool same_version(const struct bb_block *b, uint32_t row, const struct naive_version *v) {
    const struct bb_attribute *a = &b->attributes.items[b->attribute[row]];

    return b->end_ms[row] == v->end_ms && b->mantissa[row] == v->value.mantissa &&
           memcmp(a, &v->attribute, sizeof *a) == 0 && b->recorded_ms[row] == v->recorded_ms &&
           b->received_ms[row] == v->received_ms && b->issued_ms[row] == v->issued_ms &&
           b->origin[row] == v->line && b->rivals[row] == v->rivals;
}

static void expect_versions(const struct lane_store *store, const struct naive_lanes *naive,
                            bool winners, const struct subject *s) {
    struct bb_arena arena;
    struct bb_block *blocks;
    size_t at = 0;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    size_t count = lane_rows(store, winners ? BB_LANE_RAW : BB_LANE_HISTORY, &arena, &blocks);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t row = 0; row < blocks[i].count; row++) {
            while (at < naive->version_count && naive->versions[at].wins != winners)
                at++;
            cr_assert(at < naive->version_count &&
                          same_version(&blocks[i], row, &naive->versions[at]),
                      "%s at %" PRId64 " is not the reference's: " ABOUT,
                      winners ? "raw" : "history", blocks[i].end_ms[row], ABOUT_ARGS(s));
            at++;
        }
    }
    for (; at < naive->version_count; at++)
        cr_assert_neq(naive->versions[at].wins, winners, "%s has nothing for %" PRId64 ": " ABOUT,
                      winners ? "raw" : "history", naive->versions[at].end_ms, ABOUT_ARGS(s));
    bb_arena_release(&arena);
}

static void expect_row(const struct naive_row *row, int64_t start_ms, int64_t end_ms,
                       bool has_value, struct bb_decimal value, const struct bb_quality *q,
                       const char *lane, const struct subject *s) {
    struct naive_number n = {value.mantissa, value.exponent};

    cr_assert(row->start_ms == start_ms && row->end_ms == end_ms,
              "%s: row (%" PRId64 ", %" PRId64 "], not (%" PRId64 ", %" PRId64 "]: " ABOUT, lane,
              start_ms, end_ms, row->start_ms, row->end_ms, ABOUT_ARGS(s));
    cr_assert_eq(has_value, row->has_value, "%s at %" PRId64 ": %s value: " ABOUT, lane, end_ms,
                 has_value ? "a" : "no", ABOUT_ARGS(s));
    cr_assert(!has_value || naive_equal(n, row->value),
              "%s at %" PRId64 ": %" PRId64 "e%d, not %" PRId64 "e%d: " ABOUT, lane, end_ms,
              value.mantissa, value.exponent, (int64_t)row->value.mantissa, row->value.exponent,
              ABOUT_ARGS(s));
    cr_assert(q->state == row->state && q->checks == row->checks &&
                  (q->marks & ~BB_MARK_ROUNDED) == row->marks,
              "%s at %" PRId64 ": %s marks %x checks %x, not %s marks %x checks %x: " ABOUT, lane,
              end_ms, bb_state_name(q->state), q->marks, q->checks, bb_state_name(row->state),
              row->marks, row->checks, ABOUT_ARGS(s));
}

static void expect_vee(const struct lane_store *store, const struct naive_lanes *naive,
                       const struct subject *s) {
    struct bb_arena arena;
    struct bb_block *raw, *overlays;
    const struct bb_block *lists[256];
    struct bb_window rows = {0}, vee = {0};
    struct bb_error error;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    size_t raw_count = lane_rows(store, BB_LANE_RAW, &arena, &raw);
    size_t count = lane_rows(store, BB_LANE_VEE, &arena, &overlays);
    for (size_t i = 0; i < raw_count; i++)
        rows.capacity += raw[i].count;
    vee.capacity = rows.capacity;
    cr_assert_lt(count, sizeof lists / sizeof lists[0]);
    for (size_t i = 0; i < count; i++) {
        lists[i] = &overlays[i];
        vee.capacity += overlays[i].count;
    }
    rows.points = bb_arena_take(&arena, (rows.capacity + 1) * sizeof rows.points[0]);
    vee.points = bb_arena_take(&arena, (vee.capacity + 1) * sizeof vee.points[0]);
    for (size_t i = 0; i < raw_count; i++)
        cr_assert(bb_window_add_raw(&rows, store->channel, &raw[i], INT64_MIN, INT64_MAX));
    cr_assert_eq(bb_vee_restore(store->channel, &rows, INT64_MIN / 2, INT64_MAX / 2, lists, count,
                                &arena, &vee, &error),
                 0);
    for (size_t i = 0; i < vee.count && i < naive->vee_count; i++)
        expect_row(&naive->vee[i], vee.points[i].start_ms, vee.points[i].end_ms,
                   vee.points[i].usable, vee.points[i].value, &vee.points[i].attribute->quality,
                   "vee", s);
    cr_assert_eq(vee.count, naive->vee_count, "vee: %zu rows, not %zu: " ABOUT, vee.count,
                 naive->vee_count, ABOUT_ARGS(s));
    bb_arena_release(&arena);
}

static void expect_findings(const struct lane_store *store, const struct naive_lanes *naive,
                            const struct subject *s) {
    struct bb_arena arena;
    struct bb_block *blocks;
    size_t at = 0;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    size_t count = lane_rows(store, BB_LANE_VEE, &arena, &blocks);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < blocks[i].finding_count; k++, at++) {
            const struct bb_finding *x = &blocks[i].findings[k], *y = &naive->findings[at];
            cr_assert(at < naive->finding_count && x->at_ms == y->at_ms && x->check == y->check &&
                          x->hard == y->hard && x->from_ms == y->from_ms && x->to_ms == y->to_ms &&
                          x->a == y->a && x->b == y->b && x->exponent == y->exponent,
                      "finding %zu of %zu, %s at %" PRId64 " over (%" PRId64 ", %" PRId64
                      "], is not the reference's: " ABOUT,
                      at, naive->finding_count, bb_check_name(x->check), x->at_ms, x->from_ms,
                      x->to_ms, ABOUT_ARGS(s));
        }
    }
    cr_assert_eq(at, naive->finding_count, "%zu findings, not %zu: " ABOUT, at,
                 naive->finding_count, ABOUT_ARGS(s));
    bb_arena_release(&arena);
}

static void expect_periods(const struct lane_store *store, enum bb_lane lane,
                           const struct naive_rows *naive, const struct subject *s) {
    struct bb_arena arena;
    struct bb_block *blocks;
    const char *name = bb_lanes[lane].name;
    size_t at = 0;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    size_t count = lane_rows(store, lane, &arena, &blocks);
    for (size_t i = 0; i < count; i++) {
        const struct bb_block *b = &blocks[i];
        for (uint32_t row = 0; row < b->count; row++, at++) {
            const struct bb_attribute *a = &b->attributes.items[b->attribute[row]];
            cr_assert_lt(at, naive->count, "%s: a row too many, to %" PRId64 ": " ABOUT, name,
                         b->end_ms[row], ABOUT_ARGS(s));
            cr_assert_eq(a->statistic, naive->items[at].statistic);
            expect_row(&naive->items[at], b->end_ms[row] - a->length_s * (int64_t)1000,
                       b->end_ms[row], a->quality.state != BB_STATE_MISSING,
                       (struct bb_decimal){b->mantissa[row], a->exponent}, &a->quality, name, s);
        }
    }
    cr_assert_eq(at, naive->count, "%s: %zu rows, not %zu: " ABOUT, name, at, naive->count,
                 ABOUT_ARGS(s));
    bb_arena_release(&arena);
}

static void expect_reference(const struct lane_store *store, const struct subject *s) {
    struct naive_lanes naive;

    naive_derive(s->c, s->c->tellings, s->c->count, &naive);
    expect_versions(store, &naive, true, s);
    expect_versions(store, &naive, false, s);
    expect_vee(store, &naive, s);
    expect_findings(store, &naive, s);
    expect_periods(store, BB_LANE_DAY, &naive.day, s);
    naive_release(&naive);
}

/* ---- the property */

/* Batches of any size, in any order, all of them twice. */
static void feed_shuffled(struct lane_store *store, struct channel_case *c, struct bb_random *r) {
    for (int pass = 0; pass < 2; pass++) {
        tellings_shuffle(c->tellings, c->count, r);
        for (size_t first = 0, n; first < c->count; first += n) {
            size_t most = bb_random_below(r, 3) == 0 ? 3 : 1 + c->count / 3;
            n = 1 + bb_random_below(r, most);
            if (n > c->count - first)
                n = c->count - first;
            lane_store_feed(store, c->tellings + first, n);
        }
    }
}

static void turn_all_on(struct bb_pipeline *pipeline) {
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        pipeline->check[check].on = bb_checks[check].run || check == BB_CHECK_REGISTER;
    for (int method = 0; method < BB_METHOD_COUNT; method++)
        pipeline->estimate[method].on = bb_estimate_steps[method].name != NULL;
}

/* What validation said and did in all that was seen, so that nothing passes by absence. */
static struct { uint32_t checks, methods; } seen;

static void note_seen(const struct lane_store *store) {
    struct bb_arena arena;
    struct bb_block *blocks;

    bb_arena_init(&arena, 1 << 20, 1 << 28);
    size_t count = lane_rows(store, BB_LANE_VEE, &arena, &blocks);
    for (size_t i = 0; i < count; i++)
        for (uint32_t a = 0; a < blocks[i].attributes.count; a++) {
            seen.checks |= blocks[i].attributes.items[a].quality.checks;
            seen.methods |= 1u << blocks[i].attributes.items[a].quality.method;
        }
    bb_arena_release(&arena);
}

enum steps { STEPS_OF_REFERENCE, ALL_STEPS, STEPS_AND_RULES, STEP_CHOICES };

/* With the steps that the reference knows, with all there are, or with rules of a customer's besides. */
static void run_seed(enum case_kind kind, uint64_t seed, enum steps steps) {
    struct channel_case c;
    struct lane_store ordered, shuffled;
    struct rule_case rules;
    struct bb_random r;

    channel_case_make(&c, kind, seed);
    if (steps == STEPS_OF_REFERENCE)
        naive_restrict(&c.pipeline);
    else
        turn_all_on(&c.pipeline);
    bb_random_seed(&r, seed + 1);
    if (steps == STEPS_AND_RULES)
        rule_case_make(&rules, &c, &r);
    struct subject s = {seed, kind, &c};
    lane_store_init(&ordered, &c.channel);
    lane_store_init(&shuffled, &c.channel);
    tellings_in_order(c.tellings, c.count);
    lane_store_feed(&ordered, c.tellings, c.count);
    if (steps == STEPS_OF_REFERENCE)
        expect_reference(&ordered, &s);
    note_seen(&ordered);
    expect_exceptions(&ordered, &s);
    bb_random_seed(&r, seed);
    feed_shuffled(&shuffled, &c, &r);
    expect_equal_stores(&shuffled, &ordered, "shuffled", &s);
    expect_exceptions(&shuffled, &s);
    /* Deriving any stretch again changes nothing. */
    for (int i = 0; i < 3 && c.count > 0; i++) {
        int64_t a = c.tellings[bb_random_below(&r, c.count)].end_ms;
        int64_t b = c.tellings[bb_random_below(&r, c.count)].end_ms;
        lane_store_force(&ordered, a < b ? a - 1 : b - 1, a < b ? b : a);
        cr_assert_eq(ordered.writes, 0, "deriving again wrote %zu blocks: " ABOUT, ordered.writes,
                     ABOUT_ARGS(&s));
    }
    lane_store_release(&ordered);
    lane_store_release(&shuffled);
    channel_case_release(&c);
}

static void run_kind(enum case_kind kind) {
    struct seeds seeds = kind == CASE_SEASON ? seeds_of_run(12, 300) : seeds_of_run(100, 2000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        for (int steps = 0; steps < STEP_CHOICES; steps++)
            run_seed(kind, seed, (enum steps)steps);
    }
}

Test(plan, order_does_not_matter_regular, .timeout = 1200) {
    run_kind(CASE_REGULAR);
}

Test(plan, order_does_not_matter_irregular, .timeout = 1200) {
    run_kind(CASE_IRREGULAR);
}

Test(plan, order_does_not_matter_register, .timeout = 1200) {
    run_kind(CASE_REGISTER);
}

Test(plan, order_does_not_matter_gauge, .timeout = 1200) {
    run_kind(CASE_GAUGE);
}

Test(plan, order_does_not_matter_sparse, .timeout = 1200) {
    run_kind(CASE_SPARSE);
}

Test(plan, order_does_not_matter_season, .timeout = 1200) {
    static const enum bb_check checks[] = {BB_CHECK_HIGH,    BB_CHECK_ZERO,     BB_CHECK_SPIKE,
                                           BB_CHECK_STUCK,   BB_CHECK_GAP,      BB_CHECK_JUMP,
                                           BB_CHECK_OUTLIER, BB_CHECK_PROLONGED};

    run_kind(CASE_SEASON);
    for (size_t i = 0; !getenv("BUSBAR_SEED") && i < sizeof checks / sizeof checks[0]; i++)
        cr_assert(seen.checks & 1u << checks[i], "%s never spoke", bb_check_name(checks[i]));
    cr_assert(seen.methods & 1u << BB_METHOD_LINEAR);
}
