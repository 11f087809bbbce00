/* The table of checks and what they share: see check.h. */
#include "derive/check.h"

enum {
    INTERVALS = 1 << BB_KIND_INTERVAL,
    ALL_KINDS = 1 << BB_KIND_INTERVAL | 1 << BB_KIND_REGISTER | 1 << BB_KIND_GAUGE
};

const struct bb_check_row bb_checks[BB_CHECK_COUNT] = {
    [BB_CHECK_GAP] = {"gap", INTERVALS, 0, false, "a: missing intervals, b: length in ms",
                      bb_check_gap},
    [BB_CHECK_OVERLAP] = {"overlap", INTERVALS, 0, true, "a: overlap in ms", bb_check_overlap},
    [BB_CHECK_DUPLICATE] = {"duplicate", ALL_KINDS, 0, false, "a: rival values",
                            bb_check_duplicate},
    [BB_CHECK_INTERVAL_SIZE] = {"interval_size", INTERVALS, 0, false,
                                "a: length in s, b: nominal length in s", bb_check_interval_size},
    [BB_CHECK_UNIT] = {"unit", ALL_KINDS, 0, false, "a: unit as sent, b: unit of the channel",
                       bb_check_unit},
    [BB_CHECK_NEGATIVE] = {"negative", INTERVALS, 0, true, "a: the value", bb_check_negative},
    [BB_CHECK_TIME] = {"time", ALL_KINDS, 0, false, "a: ms ahead of its arrival", bb_check_time},
    [BB_CHECK_SUM] = {"sum", INTERVALS, 0, false,
                      "a: sum of the intervals, b: what the registers say", bb_check_sum},
};

const struct bb_step_row bb_check_steps[BB_CHECK_COUNT] = {
    [BB_CHECK_GAP] = {"gap", "intervals missing between two readings", {{0}}},
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
                       {{"ahead", "tolerated advance over the moment of arrival",
                         BB_PARAMETER_DURATION, 5 * (int64_t)BB_MINUTE_MS, 0,
                         48 * (int64_t)BB_HOUR_MS},
                        {0}}},
    [BB_CHECK_SUM] = {"sum",
                      "intervals that do not add up to what the registers beside them advanced",
                      {{"percent", "tolerated difference in percent of the register's advance",
                        BB_PARAMETER_NUMBER, 1, 0, 100},
                       {"digits", "tolerated difference in least digits of the register",
                        BB_PARAMETER_NUMBER, 3, 0, 1000000},
                       {0}}},
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
    /* Like days are chosen by statistics. */
    all.stat |= channel->kind == BB_KIND_INTERVAL &&
                channel->pipeline->estimate[BB_METHOD_LIKE_DAY].on;
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
