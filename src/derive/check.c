/* The table of checks and what they share: see check.h. */
#include "derive/check.h"

#include "derive/like.h"
#include "derive/register.h"

enum {
    INTERVALS = 1 << BB_KIND_INTERVAL,
    REGISTERS = 1 << BB_KIND_REGISTER,
    INTERVALS_GAUGES = 1 << BB_KIND_INTERVAL | 1 << BB_KIND_GAUGE,
    INTERVALS_REGISTERS = 1 << BB_KIND_INTERVAL | 1 << BB_KIND_REGISTER,
    ALL_KINDS = 1 << BB_KIND_INTERVAL | 1 << BB_KIND_REGISTER | 1 << BB_KIND_GAUGE
};

const struct bb_check_row bb_checks[BB_CHECK_COUNT] = {
    [BB_CHECK_GAP] = {"gap", INTERVALS_REGISTERS, false, "a: missing readings, b: length in ms",
                      bb_check_gap, NULL},
    [BB_CHECK_OVERLAP] = {"overlap", INTERVALS, true, "a: overlap in ms", bb_check_overlap, NULL},
    [BB_CHECK_DUPLICATE] = {"duplicate", ALL_KINDS, false, "a: rival values", bb_check_duplicate,
                            NULL},
    [BB_CHECK_INTERVAL_SIZE] = {"interval_size", INTERVALS, false,
                                "a: length in s, b: nominal length in s", bb_check_interval_size,
                                NULL},
    [BB_CHECK_UNIT] = {"unit", ALL_KINDS, false, "a: unit as sent, b: unit of the channel",
                       bb_check_unit, NULL},
    [BB_CHECK_NEGATIVE] = {"negative", INTERVALS, true, "a: the value", bb_check_negative, NULL},
    [BB_CHECK_TIME] = {"time", ALL_KINDS, false, "a: ms ahead of its issue or arrival",
                       bb_check_time, NULL},
    [BB_CHECK_HIGH] = {"high", INTERVALS_GAUGES, true, "a: the value, b: the limit", bb_check_high,
                       bb_reach_high},
    [BB_CHECK_LOW] = {"low", INTERVALS_GAUGES, true, "a: the value, b: the limit", bb_check_low,
                      bb_reach_low},
    [BB_CHECK_ZERO] = {"zero", INTERVALS, true, "a: zeros, b: length in ms", bb_check_zero,
                       bb_reach_zero},
    [BB_CHECK_SPIKE] = {"spike", INTERVALS, true, "a: the value, b: the third greatest one",
                        bb_check_spike, bb_reach_spike},
    [BB_CHECK_STUCK] = {"stuck", INTERVALS, true, "a: equal values, b: the value", bb_check_stuck,
                        bb_reach_stuck},
    [BB_CHECK_OUTLIER] = {"outlier", INTERVALS_GAUGES, true,
                          "a: the value, b: the median at its hour of the week", bb_check_outlier,
                          bb_reach_outlier},
    [BB_CHECK_JUMP] = {"jump", INTERVALS, true, "a: the value, b: the value before", bb_check_jump,
                       NULL},
    [BB_CHECK_LEAK] = {"leak", INTERVALS_REGISTERS, false,
                       "a: least flow in mL an hour, b: length in ms", bb_check_leak, bb_reach_leak,
                       1u << BB_COMMODITY_WATER},
    [BB_CHECK_INACTIVE] = {"inactive", INTERVALS_REGISTERS, true, "a: the use", bb_check_inactive,
                           bb_reach_inactive},
    [BB_CHECK_PROLONGED] = {"prolonged", INTERVALS, false, "a: days without a measured value",
                            bb_check_prolonged, bb_reach_prolonged},
    [BB_CHECK_LATE] = {"late", ALL_KINDS, false,
                       "a: ms from its time to its issue, b: to its arrival", bb_check_late, NULL},
    [BB_CHECK_SUM] = {"sum", INTERVALS, false, "a: sum of the intervals, b: what the registers say",
                      bb_check_sum, NULL},
    /* Has no run: validation calls bb_register_judge, whose marks it needs. */
    [BB_CHECK_REGISTER] = {"register", REGISTERS, false,
                           "a: the last accepted reading, b: what was counted since; of a reading "
                           "that is not used, the reading",
                           NULL, bb_reach_register},
    /* Has no run: the plan asks (rule.h), and the rule itself says what is suspect. */
    [BB_CHECK_RULE] = {"rule", ALL_KINDS, false,
                       "a: 1 values flagged, 2 asked for a person, 3 failed, b: values", NULL,
                       NULL},
};

#define HOURS(n) ((n) * (int64_t)BB_HOUR_MS)
#define NUMBER(name, initial, min, max, what)                                                      \
    { name, what, BB_PARAMETER_NUMBER, initial, min, max }
#define TIME(name, initial, min, max, what)                                                        \
    { name, what, BB_PARAMETER_DURATION, initial, min, max }

const struct bb_step_row bb_check_steps[BB_CHECK_COUNT] = {
    [BB_CHECK_GAP] = {"gap", "readings missing between two others", {{0}}},
    [BB_CHECK_OVERLAP] = {"overlap",
                          "an interval that begins before the one before has ended",
                          {{0}}},
    [BB_CHECK_DUPLICATE] = {"duplicate",
                            "different values for one time, none said to be newer",
                            {{0}}},
    [BB_CHECK_INTERVAL_SIZE] = {"interval_size",
                                "an interval of another length than the channel's",
                                {{0}}},
    [BB_CHECK_UNIT] = {"unit", "a unit that cannot be converted to the channel's", {{0}}},
    [BB_CHECK_NEGATIVE] = {"negative", "a value below zero on a one-way channel", {{0}}},
    [BB_CHECK_TIME] = {"time",
                       "a reading from the future",
                       {TIME("ahead", 5 * (int64_t)BB_MINUTE_MS, 0, HOURS(48),
                             "tolerated advance over the moments of issue and of arrival")}},
    [BB_CHECK_HIGH] = {"high",
                       "a value above what the connection carries, or else far above the usual",
                       {NUMBER("ratio", 3, 1, 1000, "times what 99.9 % of values do not exceed"),
                        NUMBER("days", 21, 1, BB_STAT_DAYS, "that must be known before, of 60")}},
    [BB_CHECK_LOW] = {"low",
                      "a value far below the least usual one, where flow has two directions",
                      {NUMBER("ratio", 3, 1, 1000, "times the least value"),
                       NUMBER("days", 10, 1, BB_STAT_DAYS, "that must be known before, of 60")}},
    [BB_CHECK_ZERO] =
        {"zero",
         "zeros for hours where there always is some use",
         {TIME("hours", HOURS(6), HOURS(1), HOURS(48), "how long"),
          NUMBER("margin", 10, 0, 1000000, "thousandths of the unit an hour that count as zero"),
          NUMBER("share", 75, 1, 100, "per cent of weeks in which the hour must have been used")}},
    [BB_CHECK_SPIKE] = {"spike",
                        "one value far above all around it and before it",
                        {NUMBER("ratio", 5, 1, 1000, "times the third greatest value, above it"),
                         NUMBER("days", 27, 1, BB_STAT_DAYS, "how far it looks back"),
                         NUMBER("values", 20, 0, 10000, "that must be known of those days")}},
    [BB_CHECK_STUCK] = {"stuck",
                        "the same value, not zero, again and again",
                        {NUMBER("count", 24, 2, 1000, "equal values in a row")}},
    [BB_CHECK_OUTLIER] = {"outlier",
                          "a value far from those of its hour of the week in 60 days",
                          {NUMBER("mads", 7, 1, 1000, "median absolute deviations from the median"),
                           NUMBER("values", 8, 2, 500, "that must be known")},
                          .off = true},
    [BB_CHECK_JUMP] = {"jump",
                       "a value far from the one before it",
                       {NUMBER("percent", 500, 1, 1000000, "of the value before")},
                       .off = true},
    [BB_CHECK_LEAK] = {"leak",
                       "water flows without a break",
                       {TIME("hours", HOURS(24), HOURS(1), HOURS(168), "how long"),
                        NUMBER("flow", 500, 1, 1000000000, "least flow in millilitres an hour")}},
    [BB_CHECK_INACTIVE] = {"inactive",
                           "use where nothing is installed",
                           {NUMBER("margin", 10, 0, 1000000,
                                   "thousandths of the unit that are no use")}},
    [BB_CHECK_PROLONGED] = {"prolonged",
                            "nothing but the source's own estimates for days",
                            {NUMBER("days", 7, 2, BB_STAT_DAYS - 1, "how long")}},
    [BB_CHECK_LATE] = {"late",
                       "a reading that its sender issued late",
                       {TIME("after", HOURS(24), 0, HOURS(8784), "tolerated delay")}},
    [BB_CHECK_SUM] = {"sum",
                      "intervals that do not add up to what the registers beside them advanced",
                      {NUMBER("percent", 1, 0, 100, "of the registers' advance, tolerated"),
                       NUMBER("digits", 3, 0, 1000000,
                              "least digits of the registers, tolerated")}},
    [BB_CHECK_REGISTER] =
        {"register",
         "a reading that fell, or rose by more than is plausible",
         {NUMBER("reads", 3, 1, BB_REGISTER_READS_MAX,
                 "readings behind it that may say that it is wrong"),
          TIME("within", HOURS(48), 0, HOURS(168), "how far behind it they may lie"),
          NUMBER("reverse_share", 1, 0, 100,
                 "per cent of a plausible day: less than that may run backwards"),
          NUMBER("factor", 10, 1, 1000, "times the mean of 60 days is plausible")}},
    /* No name: it is deployed, not configured. */
    [BB_CHECK_RULE] = {NULL, "a customer's own rule spoke", {{0}}},
};

bool bb_check_applies(const struct bb_channel *channel, int check) {
    const struct bb_check_row *row = &bb_checks[check];

    return channel->pipeline->check[check].on && (row->kinds & (1u << channel->kind)) &&
           (!row->commodities || (row->commodities & (1u << channel->commodity)));
}

struct bb_reach bb_channel_reach(const struct bb_channel *channel) {
    struct bb_reach all = {0, 0, 0, 0, false};

    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        struct bb_reach one = {0, 0, 0, 0, false};
        if (!bb_checks[check].reach || !bb_check_applies(channel, check))
            continue;
        bb_checks[check].reach(channel->pipeline->check[check].parameter, &one);
        all.back_values = one.back_values > all.back_values ? one.back_values : all.back_values;
        all.ahead_values = one.ahead_values > all.ahead_values ? one.ahead_values
                                                               : all.ahead_values;
        all.back_ms = one.back_ms > all.back_ms ? one.back_ms : all.back_ms;
        all.ahead_ms = one.ahead_ms > all.ahead_ms ? one.ahead_ms : all.ahead_ms;
        all.stat |= one.stat;
    }
    all.stat |= bb_like_used(channel); /* chosen by statistics */
    return all;
}

void bb_pipeline_defaults(struct bb_pipeline *pipeline) {
    memset(pipeline, 0, sizeof *pipeline);
    for (int i = 0; i < BB_CHECK_COUNT; i++) {
        pipeline->check[i].on = bb_check_steps[i].name && !bb_check_steps[i].off;
        for (int k = 0; bb_check_steps[i].parameters[k].name; k++)
            pipeline->check[i].parameter[k] = bb_check_steps[i].parameters[k].initial;
    }
    for (int i = 0; i < BB_METHOD_COUNT; i++) {
        pipeline->estimate[i].on = bb_estimate_steps[i].name != NULL;
        for (int k = 0; bb_estimate_steps[i].parameters[k].name; k++)
            pipeline->estimate[i].parameter[k] = bb_estimate_steps[i].parameters[k].initial;
    }
}

int64_t bb_mantissa_of_level(const struct bb_channel *channel, const struct bb_point *raw,
                             int64_t level) {
    struct bb_point probe = *raw;
    int64_t probe_level = INT64_MAX;

    /* What a large mantissa would be as a level; the largest that is not saturated. */
    for (int digits = BB_DECIMAL_MAX_DIGITS; digits >= 0 && probe_level == INT64_MAX; digits--) {
        probe.value.mantissa = bb_power_of_ten[digits];
        probe_level = bb_point_level(channel, &probe);
    }
    if (probe_level <= 0)
        return 0;
    bb_wide mantissa = (bb_wide)level * probe.value.mantissa / probe_level;
    return mantissa > INT64_MAX ? INT64_MAX : mantissa < INT64_MIN ? INT64_MIN : (int64_t)mantissa;
}

void bb_finding_add(struct bb_finding_list *list, const struct bb_finding *finding) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct bb_finding *items = bb_arena_take(list->arena, capacity * sizeof *items);
        if (!items) {
            list->overflow = true;
            return;
        }
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *finding;
}

void bb_finding_at(const struct bb_check_context *context, enum bb_check check, size_t i, bool hard,
                   int64_t a, int64_t b, int exponent) {
    int64_t at = context->window->points[i].end_ms;
    struct bb_finding finding = {.at_ms = at,
                                 .from_ms = at,
                                 .to_ms = at,
                                 .a = a,
                                 .b = b,
                                 .check = (uint8_t)check,
                                 .hard = hard,
                                 .exponent = (int8_t)exponent};

    context->window->points[i].checks |= 1u << check;
    bb_finding_add(context->findings, &finding);
}

const struct bb_point *bb_previous_usable(const struct bb_window *window, size_t i) {
    while (i-- > 0)
        if (window->points[i].usable)
            return &window->points[i];
    return NULL;
}
