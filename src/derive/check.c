/* The table of checks and what they share: see check.h. */
#include "derive/check.h"

enum {
    INTERVALS = 1 << BB_KIND_INTERVAL,
    ALL_KINDS = 1 << BB_KIND_INTERVAL | 1 << BB_KIND_REGISTER | 1 << BB_KIND_GAUGE
};

const struct bb_check_row bb_checks[BB_CHECK_COUNT] = {
    [BB_CHECK_GAP] = {"gap", INTERVALS, false, "a: missing intervals, b: length in ms",
                      bb_check_gap},
    [BB_CHECK_OVERLAP] = {"overlap", INTERVALS, true, "a: overlap in ms", bb_check_overlap},
    [BB_CHECK_DUPLICATE] = {"duplicate", ALL_KINDS, false, "a: rival values", bb_check_duplicate},
    [BB_CHECK_INTERVAL_SIZE] = {"interval_size", INTERVALS, false,
                                "a: length in s, b: nominal length in s", bb_check_interval_size},
    [BB_CHECK_UNIT] = {"unit", ALL_KINDS, false, "a: unit as sent, b: unit of the channel",
                       bb_check_unit},
    [BB_CHECK_NEGATIVE] = {"negative", INTERVALS, true, "a: the value", bb_check_negative},
    [BB_CHECK_TIME] = {"time", ALL_KINDS, false, "a: ms ahead of its arrival", bb_check_time},
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
};

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
