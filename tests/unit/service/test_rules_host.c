/* Deployed rules: what they see beside their channel, and what is said of those that ask for more than is at hand. */
#include <criterion/criterion.h>

#include "derive/profile.h"
#include "derive/rule.h"
#include "model/unit.h"
#include "service/rules_channel.h"
#include "service/rules_host.h"

enum { POINTS = 24 };
/* 2026-03-02, a Monday, in UTC; hours before noon weigh 1, the others 3. */
static const int64_t day_ms = INT64_C(1772409600000);

struct bench {
    struct bb_config config;
    struct bb_arena arena;
    struct bb_error error;
    struct bb_channel channel;
    struct bb_attribute attribute;
    struct bb_point points[POINTS];
    struct bb_window window;
    struct bb_sayings said;
};

static void begin(struct bench *b) {
    *b = (struct bench){.config = {.rules_memory_bytes = 256 << 20, .rules_deadline_ms = 10000},
                        .channel = {.kind = BB_KIND_INTERVAL,
                                    .derived_unit = BB_UNIT_KWH,
                                    .metered_unit = BB_UNIT_KWH,
                                    .calendar = {.zone = bb_zone_utc()}},
                        .attribute = {.unit = BB_UNIT_KWH}};
    bb_arena_init(&b->arena, 64 << 10, 16 << 20);
    for (int i = 0; i < POINTS; i++)
        b->points[i] = (struct bb_point){.start_ms = day_ms + i * INT64_C(3600000),
                                         .end_ms = day_ms + (i + 1) * INT64_C(3600000),
                                         .value = {i, 0},
                                         .attribute = &b->attribute,
                                         .usable = true};
    b->window = (struct bb_window){b->points, POINTS, POINTS, 3600000};
}

static void end(struct bench *b) {
    bb_arena_release(&b->arena);
}

static void use_profile(struct bench *b) {
    int64_t working[24];
    struct bb_master_shape shape = {.season = {1, 12}, .working = working, .working_count = 24};
    const struct bb_master_profile master = {.shapes = &shape, .shape_count = 1};

    for (int i = 0; i < 24; i++)
        working[i] = (i < 12 ? 1 : 3) * INT64_C(1000000);
    cr_assert_eq(bb_profile_make(&master, &b->arena, &b->channel.profile, &b->error), 0);
}

static const struct bb_master_module *module_of(const char *source) {
    static struct bb_master_side side = {BB_SPAN("t.csv"), BB_SPAN("2026-03-02T00:00:00Z,-5\n"
                                                                   "2026-03-03T00:00:00Z,19\n")};
    static struct bb_master_module module = {
        .hash = BB_SPAN("0123456789abcdef"), .name = BB_SPAN("m"), .sides = &side, .side_count = 1};

    module.source = bb_span_of(source);
    return &module;
}

/* A rule of the lane vee over the whole day, all of it new. `beside`: what it calls "export"; NULL: there is none. */
static void judge_beside(struct bench *b, const char *source, const char *function,
                         const struct bb_rule_beside *beside) {
    const struct bb_rule_code code = {module_of(source), bb_span_of(function), BB_SPAN("")};
    const struct bb_rule_look look = {BB_SPAN("export"), BB_SPAN("y")};
    const struct bb_rule_time time = {INT64_MIN, INT64_MAX, 86400000, BB_SPAN("v"),
                                      &code,     &look,     1};
    const struct bb_channel_rule rule = {BB_SPAN("r"), false, &time, 1};
    struct bb_rule_window window = {0, 0, POINTS, &time};
    const struct bb_rule_ask ask = {&b->channel, &rule,  &b->window,      &window,
                                    1,           beside, beside ? 1u : 0u};
    const struct bb_rule_question question = {BB_SPAN("default"), BB_SPAN("A"), BB_SPAN("x"), &ask,
                                              NULL};
    struct bb_rules_host *host = bb_rules_host_open(&b->config);

    cr_assert_not_null(host);
    cr_assert_eq(bb_rules_host_judge(host, &question, &b->arena, &b->said, &b->error), 0, "%s",
                 b->error.text);
    bb_rules_host_close(host);
}

static void judge(struct bench *b, const char *source, const char *function) {
    judge_beside(b, source, function, NULL);
}

static const char weights[] = "import numpy as np\n"
                              "from busbar import rule\n"
                              "@rule(inputs='x')\n"
                              "def weights(w):\n"
                              "    if w.profile is not None:\n"
                              "        w.correct(w.new, w.profile, 'weight')\n"
                              "@rule(inputs='x', others={'export': 'y'})\n"
                              "def looks_beside(w):\n"
                              "    w.flag(w.new & (w.aligned('export') == 7), 'seen')\n"
                              "    w.exception(str(w.others['export'].unit))\n"
                              "@rule(inputs='x', side={'t': 't.csv'})\n"
                              "def looks_outside(w):\n"
                              "    w.correct(w.new, w.side['t'].at(w.ts), 'weather')\n";

Test(rules_host, the_profile_is_that_of_the_channel, .timeout = 60) {
    static struct bench b;

    begin(&b);
    judge(&b, weights, "weights");
    cr_assert_eq(b.said.count, 0, "without a profile there is none");
    use_profile(&b);
    judge(&b, weights, "weights");
    cr_assert_eq(b.said.count, POINTS);
    for (size_t i = 0; i < POINTS; i++) {
        cr_assert_eq(b.said.items[i].kind, BB_SAYING_CORRECT);
        cr_assert_eq(bb_decimal_to_double(b.said.items[i].value), i < 12 ? 1 : 3);
    }
    end(&b);
}

Test(rules_host, another_channel_is_seen_by_its_own_moments, .timeout = 60) {
    static struct bench b;

    begin(&b);
    const struct bb_channel other = {.kind = BB_KIND_INTERVAL,
                                     .derived_unit = BB_UNIT_WH,
                                     .metered_unit = BB_UNIT_KWH,
                                     .calendar = {.zone = bb_zone_utc()}};
    struct bb_point points[] = {b.points[3], b.points[5], b.points[8]};
    points[0].value = points[2].value = (struct bb_decimal){7, 0};
    points[2].end_ms += 1; /* at no moment of the window */
    const struct bb_rule_beside beside = {BB_SPAN("y"), BB_SPAN("y"), &other, {points, 3, 3, 0}};
    judge_beside(&b, weights, "looks_beside", &beside);
    cr_assert_eq(b.said.count, 2);
    cr_assert_eq(b.said.items[0].kind, BB_SAYING_FLAG);
    cr_assert_eq(b.said.items[0].at_ms, b.points[3].end_ms);
    cr_assert(bb_span_equal(b.said.items[1].reason, BB_SPAN("Wh")));
    judge(&b, weights, "looks_beside");
    cr_assert_eq(b.said.count, 1, "where there is none, it sees none");
    end(&b);
}

Test(rules_host, side_inputs_are_those_that_were_deployed, .timeout = 60) {
    static struct bench b;

    begin(&b);
    judge(&b, weights, "looks_outside");
    cr_assert_eq(b.said.count, POINTS);
    for (int i = 0; i < POINTS; i++)
        cr_assert_float_eq(bb_decimal_to_double(b.said.items[i].value), -5 + (i + 1), 1e-9);
    end(&b);
}

static const char clock_watcher[] =
    "import time\n"
    "from busbar import rule\n"
    "@rule(inputs='x')\n"
    "def late(w):\n"
    "    now = w.ts[-1].astype('i8')\n"
    "    w.flag(w.new & (round(time.time() * 1000) == now), 'at_its_end')\n";

Test(rules_host, the_clock_stands_at_the_end_of_the_window, .timeout = 60) {
    static struct bench b;

    begin(&b);
    judge(&b, clock_watcher, "late");
    cr_assert_eq(b.said.count, POINTS);
    end(&b);
}
