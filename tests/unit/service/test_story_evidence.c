/* What each check found, in words. */
#include <criterion/criterion.h>

#include "model/unit.h"
#include "service/story_internal.h"

enum { DAY = 20200 };

struct bench {
    struct bb_arena arena;
    struct bb_pipeline pipeline;
    struct bb_channel channel;
    struct bb_stat stat;
    struct bb_story_clue clue;
};

static void bench_init(struct bench *b, enum bb_kind kind) {
    *b = (struct bench){.channel = {.kind = (uint8_t)kind,
                                    .derived_unit = BB_UNIT_KWH,
                                    .metered_unit = BB_UNIT_KWH,
                                    .commodity = BB_COMMODITY_ELECTRICITY}};
    bb_arena_init(&b->arena, 1 << 12, 1 << 20);
    bb_pipeline_defaults(&b->pipeline);
    b->channel.pipeline = &b->pipeline;
    b->clue = (struct bb_story_clue){
        .channel = &b->channel, .unit = BB_UNIT_KWH, .length_ms = 900000, .stat = &b->stat};
}

static void expect(struct bench *b, struct bb_finding f, const char *expected) {
    f.at_ms = DAY * (int64_t)BB_DAY_MS + BB_HOUR_MS;
    struct bb_span text = bb_story_evidence(&f, &b->clue, &b->arena);
    cr_expect(bb_span_equal(text, bb_span_of(expected)), "\"%.*s\", not \"%s\"", BB_SPAN_ARGS(text),
              expected);
}

#define FOUND(which, ...) ((struct bb_finding){.check = BB_CHECK_##which, __VA_ARGS__})

Test(story_evidence, single_values) {
    struct bench b;

    bench_init(&b, BB_KIND_INTERVAL);
    expect(&b, FOUND(GAP, .a = 3, .b = 2700000), "3 intervals are missing, 45m");
    expect(&b, FOUND(OVERLAP, .a = 900000),
           "it begins 15m before the interval before it has ended");
    expect(&b, FOUND(DUPLICATE, .a = 2), "other values told for the same time: 2");
    expect(&b, FOUND(INTERVAL_SIZE, .a = 1800, .b = 900), "it is 30m long, the channel's are 15m");
    expect(&b, FOUND(UNIT, .a = BB_UNIT_M3, .b = BB_UNIT_KWH),
           "sent in m³, which is no unit of the channel's kWh");
    expect(&b, FOUND(NEGATIVE, .a = -250, .exponent = -2), "the value -2.5 kWh");
    expect(&b, FOUND(TIME, .a = 600000), "10m ahead of its issue or arrival");
    expect(&b, FOUND(LATE, .a = 2 * BB_DAY_MS, .b = 3 * BB_DAY_MS),
           "issued 2d behind its time, arrived 3d behind it");
    expect(&b, FOUND(JUMP, .a = 5, .b = 1), "the value 5 kWh after 1 kWh");
    expect(&b, FOUND(INACTIVE, .a = 5), "a use of 5 kWh while nothing was installed");
    bb_arena_release(&b.arena);
}

Test(story_evidence, limits_say_where_they_come_from) {
    struct bench b;

    bench_init(&b, BB_KIND_INTERVAL);
    expect(
        &b, FOUND(HIGH, .a = 90, .b = 3),
        "the value 90 kWh is above the limit 3 kWh, 30 times what 99.9 % of the values of 60 days "
        "before did not exceed: fewer than 21 of these days say what is usual");
    b.channel.capacity = 12 * (int64_t)BB_LEVEL_ONE; /* kWh an hour */
    expect(&b, FOUND(HIGH, .a = 90, .b = 3),
           "the value 90 kWh is above the limit 3 kWh, which the connection carries in 15m");
    b.clue.stat = NULL;
    expect(&b, FOUND(HIGH, .a = 90, .b = 3), "the value 90 kWh is above the limit 3 kWh");
    expect(
        &b, FOUND(LOW, .a = -90, .b = -3),
        "the value -90 kWh is below the limit -3 kWh, 3 times the least value of 60 days before");
    expect(
        &b, FOUND(SPIKE, .a = 90, .b = 3),
        "the value 90 kWh over the third greatest 3 kWh of 27 days before and of the values beside "
        "it: more than 5 times it above it");
    expect(&b, FOUND(OUTLIER, .a = 90, .b = 3),
           "the value 90 kWh; the median at its hour of the week is 3 kWh, and it lies more than 7 "
           "median absolute deviations from it");
    bb_arena_release(&b.arena);
}

Test(story_evidence, runs) {
    struct bench b;

    bench_init(&b, BB_KIND_INTERVAL);
    expect(
        &b, FOUND(ZERO, .a = 24, .b = 6 * BB_HOUR_MS),
        "24 zeros in a row over 6h, in hours that were used in 75 % of the weeks before or more");
    expect(&b, FOUND(STUCK, .a = 24, .b = 25, .exponent = -2),
           "24 times the same value 0.25 kWh; a run of 24 is odd");
    expect(&b, FOUND(LEAK, .a = 600, .b = BB_DAY_MS), "at least 600 mL an hour for 1d");
    expect(&b, FOUND(PROLONGED, .a = 7), "7 days without a measured value");
    bb_arena_release(&b.arena);
}

/* 100 + 15 by two tariffs, where the intervals say 120. */
Test(story_evidence, a_sum_names_the_readings) {
    struct bench b;

    bench_init(&b, BB_KIND_INTERVAL);
    b.clue.meters[0] = (struct bb_story_meter){.channel = BB_SPAN("1.8.1"),
                                               .unit = BB_UNIT_KWH,
                                               .has_from = true,
                                               .has_to = true,
                                               .from = {1000, 0},
                                               .to = {1100, 0}};
    b.clue.meters[1] = (struct bb_story_meter){.channel = BB_SPAN("1.8.2"),
                                               .unit = BB_UNIT_KWH,
                                               .has_from = true,
                                               .has_to = true,
                                               .from = {5, 0},
                                               .to = {20, 0}};
    b.clue.meter_count = 2;
    expect(
        &b, FOUND(SUM, .a = 120000, .b = 115000, .exponent = -3),
        "the intervals sum to 120 kWh, the registers advanced 115 kWh: 1.8.1 from 1000 to 1100 kWh, "
        "1.8.2 from 5 to 20 kWh");
    bb_arena_release(&b.arena);
}

Test(story_evidence, registers) {
    struct bench b;

    bench_init(&b, BB_KIND_REGISTER);
    b.clue.has_reading = b.clue.has_last = true;
    b.clue.reading = (struct bb_story_value){
        .value = {20, 0}, .unit = BB_UNIT_KWH, .quality = {.marks = BB_MARK_RESET}};
    b.clue.last = (struct bb_story_value){.end_ms = DAY * (int64_t)BB_DAY_MS, .value = {110, 0}};
    expect(
        &b, FOUND(REGISTER, .a = 110, .b = 20),
        "it shows 20 kWh, the last accepted reading 110 kWh at 2025-04-22T00:00:00Z; a reset: it began "
        "again at 0; counted since: 20 kWh; plausible are up to 50 kWh a day, the least bound for its "
        "commodity");
    b.clue.reading.quality.marks = BB_MARK_FOREIGN;
    b.channel.capacity = 17 * (int64_t)BB_LEVEL_ONE; /* x 24 */
    expect(
        &b, FOUND(REGISTER, .a = 110, .b = 20),
        "it shows 20 kWh, the last accepted reading 110 kWh at 2025-04-22T00:00:00Z; it is another "
        "meter's, as one behind it goes on from before: it is not used; plausible are up to 408 kWh a "
        "day, what the connection carries");
    expect(&b, FOUND(GAP, .a = 3, .b = 2700000), "3 readings are missing, over 45m");
    bb_arena_release(&b.arena);
}

/* Every check has words of its own. */
Test(story_evidence, no_check_is_silent) {
    struct bench b;

    bench_init(&b, BB_KIND_INTERVAL);
    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        struct bb_finding f = {.check = (uint8_t)check};
        struct bb_story_clue nothing = {.unit = -1};
        cr_expect_gt(bb_story_evidence(&f, &b.clue, &b.arena).size, 0, "%s", bb_check_name(check));
        cr_expect_gt(bb_story_evidence(&f, &nothing, &b.arena).size, 0, "%s", bb_check_name(check));
    }
    bb_arena_release(&b.arena);
}
