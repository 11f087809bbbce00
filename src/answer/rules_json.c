/* Rules as JSON: see rules_json.h. */
#include "answer/rules_json.h"

#include <math.h>

#include "model/rule_version.h"
#include "model/unit.h"

const char *bb_rules_verdict_name(enum bb_rules_verdict verdict) {
    static const char *const names[BB_RULES_VERDICTS] = {"nothing", "flag", "estimate", "correct",
                                                         "make"};

    return names[verdict];
}

const char *bb_rules_failure_name(enum bb_rules_failure_kind kind) {
    static const char *const names[] = {"raised", "ended its process", "took too long",
                                        "answered with garbage"};

    return names[kind];
}

static void put_number(struct bb_json *json, const char *key, double value) {
    bb_json_key(json, key);
    if (isfinite(value))
        bb_json_double(json, value);
    else
        bb_json_null(json);
}

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_json_put_text(json, key, (struct bb_span){text, bb_time_format_utc(ms, text)});
}

/* ---- rules ------------------------------------------------------------------------------------ */

void bb_rules_put_deployed(struct bb_json *json, const struct bb_master_rules *rules,
                           const struct bb_master_rule *rule,
                           const struct bb_master_rule_version *v) {
    const struct bb_master_module *module = bb_rules_module_of(rules, v->module);
    const bool canary = v->share < BB_MASTER_SHARE_ALL;

    bb_json_object_begin(json);
    bb_json_put_text(json, "rule", rule->name);
    bb_json_put_text(json, "state", canary ? BB_SPAN("canary") : BB_SPAN("deployed"));
    bb_json_put_bool(json, "latest", v == rule->versions);
    bb_json_put_text(json, "lane",
                     bb_span_of(bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name));
    bb_json_put_text(json, "channel", v->channel);
    if (v->commodity)
        bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(v->commodity)));
    bb_json_put_text(json, "version", v->id);
    bb_json_put_text(json, "module", module ? module->name : BB_SPAN(""));
    bb_json_put_text(json, "module_hash", v->module);
    bb_json_put_text(json, "function", v->function);
    bb_json_key(json, "parameters");
    bb_json_raw(json, v->parameters.size ? v->parameters : BB_SPAN("{}"));
    put_time(json, "from", v->from_ms);
    put_time(json, "to", v->to_ms);
    bb_json_put_i64(json, "window_seconds", v->window_ms / BB_SECOND_MS);
    bb_json_put_double(json, "share", v->share / (double)BB_MASTER_SHARE_ALL);
    bb_json_put_text(json, "environment", v->environment);
    bb_json_put_text(json, "by", v->by);
    bb_json_put_text(json, "reason", v->reason);
    put_time(json, "deployed", v->deployed_ms);
    bb_json_object_end(json);
}

void bb_rules_put_stated(struct bb_json *json, const struct bb_rule *rule) {
    bb_json_put_text(json, "rule", rule->name);
    bb_json_put_text(json, "channel", rule->channel);
    bb_json_put_text(json, "lane", bb_span_of(bb_lanes[rule->lane].name));
    bb_json_put_i64(json, "window_seconds", rule->window_ms / BB_SECOND_MS);
    bb_json_put_bool(json, "batch", rule->batch);
    bb_json_put_text(json, "text", rule->text);
    bb_json_key(json, "parameters");
    bb_json_raw(json, rule->parameters);
}

void bb_rules_put_cost(struct bb_json *json, const struct bb_rule_cost *cost) {
    bb_json_object_begin(json);
    bb_json_put_u64(json, "windows", cost->windows);
    bb_json_put_u64(json, "points", cost->points);
    bb_json_put_u64(json, "failures", cost->failures);
    bb_json_put_double(json, "seconds", (double)cost->nanoseconds / 1e9);
    bb_json_object_end(json);
}

/* ---- back-tests ------------------------------------------------------------------------------- */

void bb_rules_put_backtest_row(struct bb_json *json, const struct bb_backtest_row *row) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "usage_point", row->usage_point);
    bb_json_put_text(json, "channel", row->channel);
    put_time(json, "end", row->end_ms);
    bb_json_put_text(json, "verdict", bb_span_of(bb_rules_verdict_name(row->verdict)));
    bb_json_put_text(json, "reason", row->reason);
    put_number(json, "before", row->before);
    put_number(json, "after", row->after);
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(row->unit)));
    bb_json_object_end(json);
}

static void put_reasons(struct bb_json *json, const struct bb_backtest_sum *sum) {
    bb_json_key(json, "reasons");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < sum->reason_count; i++)
        bb_json_put_u64(json, sum->reasons[i].name, sum->reasons[i].count);
    bb_json_object_end(json);
}

static void put_failures(struct bb_json *json, const struct bb_backtest_sum *sum) {
    bb_json_put_u64(json, "failed_windows", sum->failures);
    bb_json_key(json, "failures");
    bb_json_array_begin(json);
    for (uint64_t i = 0; i < sum->failures && i < BB_BACKTEST_FAILURES_KEPT; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "usage_point", bb_span_of(sum->first_failures[i].usage_point));
        bb_json_put_text(json, "channel", bb_span_of(sum->first_failures[i].channel));
        bb_json_put_text(json, "how",
                         bb_span_of(bb_rules_failure_name(sum->first_failures[i].kind)));
        bb_json_put_text(json, "text", bb_span_of(sum->first_failures[i].text));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

void bb_rules_put_backtest_sum(struct bb_json *json, const struct bb_backtest_sum *sum) {
    bb_json_put_u64(json, "values", sum->points);
    bb_json_put_u64(json, "channels", sum->channels);
    bb_json_put_u64(json, "touched_channels", sum->touched_channels);
    bb_json_put_u64(json, "changed", sum->changed);
    for (int v = BB_RULES_FLAG; v < BB_RULES_VERDICTS; v++)
        bb_json_put_u64(json, bb_rules_verdict_name((enum bb_rules_verdict)v), sum->verdicts[v]);
    bb_json_put_u64(json, "exceptions", sum->exceptions);
    bb_json_put_u64(json, "tags", sum->tags);
    if (sum->unit && !sum->units_differ) {
        bb_json_put_double(json, "difference", sum->energy);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(sum->unit)));
    }
    put_reasons(json, sum);
    put_failures(json, sum);
    bb_json_put_double(json, "rule_seconds", (double)sum->nanoseconds / 1e9);
}

/* ---- differences ------------------------------------------------------------------------------ */

void bb_rules_put_diff_row(struct bb_json *json, const struct bb_rules_diff_row *row) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "usage_point", row->usage_point);
    bb_json_put_text(json, "channel", row->channel);
    put_time(json, "end", row->end_ms);
    bb_json_put_text(json, "old_verdict", bb_span_of(bb_rules_verdict_name(row->old_verdict)));
    bb_json_put_text(json, "verdict", bb_span_of(bb_rules_verdict_name(row->new_verdict)));
    bb_json_put_text(json, "old_reason", row->old_reason);
    bb_json_put_text(json, "reason", row->new_reason);
    put_number(json, "before", row->old_value);
    put_number(json, "after", row->new_value);
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(row->unit)));
    bb_json_object_end(json);
}

void bb_rules_put_diff_sum(struct bb_json *json, const struct bb_rules_diff_sum *sum) {
    bb_json_put_u64(json, "values", sum->points);
    bb_json_put_u64(json, "changed", sum->changed);
    bb_json_put_u64(json, "flags_changed", sum->flags);
    bb_json_put_u64(json, "channels", sum->channels);
    bb_json_put_u64(json, "touched_channels", sum->touched_channels);
    if (sum->unit && !sum->units_differ) {
        bb_json_put_double(json, "difference", sum->energy);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(sum->unit)));
    }
    bb_json_key(json, "most_touched");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < sum->top_count; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "usage_point", bb_span_of(sum->top[i].usage_point));
        bb_json_put_text(json, "channel", bb_span_of(sum->top[i].channel));
        bb_json_put_u64(json, "values", sum->top[i].points);
        bb_json_put_double(json, "difference", sum->top[i].energy);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(sum->top[i].unit)));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    put_reasons(json, &sum->test); /* of the new version, whether it differs there or not */
    put_failures(json, &sum->test);
    bb_json_put_double(json, "rule_seconds", (double)sum->test.nanoseconds / 1e9);
}
