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

/* A rule of the lane vee over the whole day, all of it new. */
static void judge(struct bench *b, const char *source, const char *function) {
    const struct bb_rule_code code = {.module = BB_SPAN("m"),
                                      .source = bb_span_of(source),
                                      .hash = BB_SPAN("0123456789abcdef"),
                                      .function = bb_span_of(function)};
    const struct bb_rule_time time = {INT64_MIN, INT64_MAX, 86400000, BB_SPAN("v"), &code};
    const struct bb_channel_rule rule = {BB_SPAN("r"), false, &time, 1};
    struct bb_rule_window window = {0, 0, POINTS, &time};
    const struct bb_rule_ask ask = {&b->channel, &rule, &b->window, &window, 1};
    const struct bb_rule_question question = {BB_SPAN("default"), BB_SPAN("A"), BB_SPAN("x"), &ask,
                                              BB_SPAN("{\"usage_point\":\"A\"}")};
    struct bb_rules_host *host = bb_rules_host_open(&b->config);

    cr_assert_not_null(host);
    cr_assert_eq(bb_rules_host_judge(host, &question, &b->arena, &b->said, &b->error), 0, "%s",
                 b->error.text);
    bb_rules_host_close(host);
}

static const char weights[] = "import numpy as np\n"
                              "from busbar import rule\n"
                              "@rule(inputs='x')\n"
                              "def weights(w):\n"
                              "    if w.profile is not None:\n"
                              "        w.correct(w.new, w.profile, 'weight')\n"
                              "@rule(inputs='x', others={'export': 'y'})\n"
                              "def looks_beside(w):\n"
                              "    w.flag(w.new, 'seen')\n"
                              "@rule(inputs='x', side={'t': 't.csv'})\n"
                              "def looks_outside(w):\n"
                              "    w.flag(w.new, 'seen')\n";

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

/* What a back-test would show of them, derivation has not at hand: it says so, and nothing else. */
Test(rules_host, what_looks_further_than_derivation_is_told, .timeout = 60) {
    static struct bench b;
    static const char *const rules[] = {"looks_beside", "looks_outside"};

    for (size_t i = 0; i < 2; i++) {
        begin(&b);
        judge(&b, weights, rules[i]);
        cr_assert_eq(b.said.count, 1);
        cr_assert_eq(b.said.items[0].kind, BB_SAYING_FAILURE);
        cr_assert(strstr(b.said.items[0].reason.data, "can only be back-tested"));
        end(&b);
    }
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
