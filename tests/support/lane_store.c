/* One channel's lanes in memory: see lane_store.h. */
#include "support/lane_store.h"

#include "support/rule_case.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_LIMIT_BYTES = 1 << 30 };

void lane_store_init(struct lane_store *s, const struct bb_channel *channel) {
    *s = (struct lane_store){.channel = channel};
    bb_buffer_init(&s->coverage, 1 << 20);
}

void lane_store_release(struct lane_store *s) {
    for (size_t i = 0; i < s->count; i++)
        free(s->entries[i].packed);
    free(s->entries);
    free(s->open);
    bb_buffer_release(&s->coverage);
    *s = (struct lane_store){0};
}

static int key_order(struct bb_plan_key a, struct bb_plan_key b) {
    return a.lane != b.lane ? (a.lane > b.lane) - (a.lane < b.lane)
                            : (a.span > b.span) - (a.span < b.span);
}

static size_t place_of(const struct lane_store *s, struct bb_plan_key key) {
    size_t i = 0;
    while (i < s->count && key_order(s->entries[i].key, key) < 0)
        i++;
    return i;
}

struct bb_span lane_store_get(const struct lane_store *s, uint8_t lane, int32_t span) {
    struct bb_plan_key key = {lane, 0, span};
    size_t i = place_of(s, key);

    if (i == s->count || key_order(s->entries[i].key, key) != 0)
        return (struct bb_span){NULL, 0};
    return (struct bb_span){s->entries[i].packed, s->entries[i].size};
}

static void write_entry(struct lane_store *s, struct bb_plan_key key, struct bb_span packed) {
    size_t i = place_of(s, key);
    bool there = i < s->count && key_order(s->entries[i].key, key) == 0;

    if (there) {
        free(s->entries[i].packed);
    } else {
        BB_ASSERT(packed.size > 0); /* what is not there is not deleted */
        if (s->count == s->capacity) {
            s->capacity = s->capacity ? s->capacity * 2 : 64;
            s->entries = realloc(s->entries, s->capacity * sizeof s->entries[0]);
        }
        memmove(&s->entries[i + 1], &s->entries[i], (s->count - i) * sizeof s->entries[0]);
        s->count++;
    }
    if (packed.size == 0) {
        memmove(&s->entries[i], &s->entries[i + 1], (s->count - i - 1) * sizeof s->entries[0]);
        s->count--;
        return;
    }
    s->entries[i] = (struct lane_entry){key, malloc(packed.size), packed.size};
    memcpy(s->entries[i].packed, packed.data, packed.size);
}

static size_t find_open(const struct lane_store *s, const struct bb_finding *f) {
    size_t i = 0;
    while (i < s->open_count && (s->open[i].check != f->check || s->open[i].from_ms != f->from_ms ||
                                 s->open[i].to_ms != f->to_ms))
        i++;
    return i;
}

/* Closed ones first: one that is told again from another block closes and opens. */
static void follow_exceptions(struct lane_store *s, const struct bb_plan *plan) {
    for (size_t i = 0; i < plan->closed.count; i++) {
        size_t at = find_open(s, &plan->closed.items[i]);
        BB_ASSERT(at < s->open_count); /* only what is open is closed */
        s->open[at] = s->open[--s->open_count];
    }
    for (size_t i = 0; i < plan->opened.count; i++) {
        BB_ASSERT(find_open(s, &plan->opened.items[i]) == s->open_count); /* and not opened twice */
        if (s->open_count == s->open_capacity) {
            s->open_capacity = s->open_capacity ? s->open_capacity * 2 : 64;
            s->open = realloc(s->open, s->open_capacity * sizeof s->open[0]);
        }
        s->open[s->open_count++] = plan->opened.items[i];
    }
}

static void run_plan(struct lane_store *s, const struct bb_plan_input *input,
                     struct bb_arena *arena) {
    struct bb_buffer out;
    struct bb_plan plan;
    struct bb_error error;
    int outcome, rounds = 0;

    bb_buffer_init(&out, ARENA_LIMIT_BYTES);
    bb_plan_begin(&plan, input, arena, &out);
    while ((outcome = bb_plan_run(&plan, &error)) > BB_PLAN_DONE) {
        BB_ASSERT(rounds++ < 10000);
        if (outcome == BB_PLAN_ASK) {
            size_t count;
            const struct bb_saying *said = rule_case_answer(&plan.ask, rule_case_code, arena,
                                                            &count);
            BB_ASSERT(bb_plan_answer(&plan, said, count, &error) == 0);
            continue;
        }
        BB_ASSERT(plan.need_count > 0);
        for (size_t i = 0; i < plan.need_count; i++)
            BB_ASSERT(bb_plan_supply(&plan, plan.needs[i],
                                     lane_store_get(s, plan.needs[i].lane, plan.needs[i].span),
                                     &error) == 0);
    }
    if (outcome != BB_PLAN_DONE)
        fprintf(stderr, "%s\n", error.text);
    BB_ASSERT(outcome == BB_PLAN_DONE);
    for (size_t i = 0; i < plan.write_count; i++)
        write_entry(s, plan.writes[i].key,
                    (struct bb_span){out.data + plan.writes[i].offset, plan.writes[i].size});
    follow_exceptions(s, &plan);
    s->writes += plan.write_count;
    s->counts.added += plan.counts.added;
    s->counts.duplicate += plan.counts.duplicate;
    s->counts.changed += plan.counts.changed;
    bb_buffer_release(&out);
}

static void load_coverage(const struct lane_store *s, struct bb_arena *arena,
                          struct bb_coverage *coverage) {
    struct bb_error error;

    memset(coverage, 0, sizeof *coverage);
    if (s->coverage.size > 0)
        BB_ASSERT(bb_coverage_unpack(bb_buffer_span(&s->coverage), arena, coverage, &error) == 0);
}

static void run(struct lane_store *s, struct bb_plan_input *input) {
    struct bb_arena arena;
    struct bb_coverage coverage;

    bb_arena_init(&arena, 1 << 20, ARENA_LIMIT_BYTES);
    load_coverage(s, &arena, &coverage);
    input->channel = s->channel;
    input->coverage = &coverage;
    run_plan(s, input, &arena);
    bb_buffer_clear(&s->coverage);
    bb_coverage_pack(&coverage, &s->coverage);
    bb_arena_release(&arena);
}

void lane_store_feed(struct lane_store *s, const struct telling *tellings, size_t count) {
    struct bb_attribute_set attributes;
    struct bb_told *told;

    bb_attribute_set_init(&attributes);
    told = tellings_told(tellings, count, &attributes);
    s->writes = 0;
    for (size_t first = 0, n; first < count; first += n) {
        int32_t day = bb_lane_span_of(BB_LANE_RAW, told[first].end_ms);
        for (n = 0; first + n < count &&
                    bb_lane_span_of(BB_LANE_RAW, told[first + n].end_ms) < day + BB_PLAN_DAYS_MAX;)
            n++;
        struct bb_plan_input input = {
            .told = told + first, .told_count = n, .attributes = attributes.items};
        run(s, &input);
    }
    free(told);
    bb_attribute_set_release(&attributes);
}

void lane_store_force(struct lane_store *s, int64_t from_ms, int64_t to_ms) {
    struct bb_plan_input input = {.force_from = from_ms, .force_to = to_ms};

    s->writes = 0;
    run(s, &input);
}
