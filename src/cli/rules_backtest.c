/* busbar rules backtest: a rule over what is stored; nothing is changed. */
#include "service/rules_backtest.h"
#include "answer/rules_json.h"
#include "cli/asked_times.h"
#include "cli/human.h"
#include "cli/rules.h"
#include "cli/table.h"
#include "model/timestamp.h"
#include "model/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const struct bb_table_column row_columns[] = {
    {"usage_point", false}, {"channel", false}, {"end", false},  {"verdict", false},
    {"reason", false},      {"before", true},   {"after", true}, {"unit", false}};
struct shown {
    struct bb_rules_command *r;
    struct bb_table table;
    struct bb_json json;
    int64_t left;
};

/* A bb_backtest_visit. */
static int show_row(void *context, const struct bb_backtest_row *row) {
    struct shown *shown = context;
    char text[BB_TIME_TEXT_MAX];
    struct bb_span end = {text, bb_time_format_utc(row->end_ms, text)};

    if (shown->left-- <= 0)
        return 0; /* the sums go on */
    if (shown->r->command->globals.json) {
        bb_rules_put_backtest_row(&shown->json, row);
        return 0;
    }
    bb_table_cell(&shown->table, row->usage_point);
    bb_table_cell(&shown->table, row->channel);
    bb_table_cell(&shown->table, end);
    bb_table_cell(&shown->table, bb_span_of(bb_rules_verdict_name(row->verdict)));
    bb_table_cell(&shown->table, row->reason);
    bb_table_cell_format(&shown->table, "%.15g", row->before);
    bb_table_cell_format(&shown->table, "%.15g", row->after);
    bb_table_cell(&shown->table, bb_span_of(bb_unit_symbol(row->unit)));
    return 0;
}

static void report_text(struct bb_buffer *out, const struct bb_backtest_sum *sum, double seconds) {
    char a[BB_HUMAN_MAX], b[BB_HUMAN_MAX], c[BB_HUMAN_MAX], d[BB_HUMAN_MAX];

    bb_buffer_format(out, "\n%s of %s values change", bb_human_count(sum->changed, a),
                     bb_human_count(sum->points, b));
    if (sum->unit && !sum->units_differ)
        bb_buffer_format(out, ", %+.6g %s", sum->energy, bb_unit_symbol(sum->unit));
    bb_buffer_format(out, "; %s are flagged; %s of %s channels are touched\n",
                     bb_human_count(sum->verdicts[BB_RULES_FLAG], a),
                     bb_human_count(sum->touched_channels, b), bb_human_count(sum->channels, c));
    for (uint32_t i = 0; i < sum->reason_count; i++)
        bb_buffer_format(out, "  %-24s %s\n", sum->reasons[i].name,
                         bb_human_count(sum->reasons[i].count, a));
    if (sum->exceptions + sum->tags > 0)
        bb_buffer_format(out, "%s exceptions, %s tags\n", bb_human_count(sum->exceptions, a),
                         bb_human_count(sum->tags, b));
    bb_buffer_format(out, "%s windows in %s, %s of it in the rule\n",
                     bb_human_count(sum->windows, b), bb_human_seconds(seconds, c),
                     bb_human_seconds((double)sum->nanoseconds / 1e9, d));
    if (sum->failures > 0)
        bb_buffer_format(out, "%s windows FAILED, and nothing was said of them; the first:\n",
                         bb_human_count(sum->failures, a));
    for (uint64_t i = 0; i < sum->failures && i < 3; i++)
        bb_buffer_format(out, "  %s %s: the rule %s\n%s\n", sum->first_failures[i].usage_point,
                         sum->first_failures[i].channel,
                         bb_rules_failure_name(sum->first_failures[i].kind),
                         sum->first_failures[i].text);
}

static int ask_times(struct bb_rules_command *r, struct bb_backtest *asked,
                     struct bb_error *error) {
    const struct bb_rules_options *given = r->given;
    const struct bb_asked_channels every = {.zone = given->zone ? given->zone : "UTC"};
    int result = bb_asked_time(&r->plant, &every, "from", given->from, &asked->from_ms, error);

    if (!result)
        result = bb_asked_time(&r->plant, &every, "to", given->to, &asked->to_ms, error);
    return result
               ? result
               : bb_asked_time(&r->plant, &every, "as-of", given->as_of, &asked->as_of_ms, error);
}

static int run_backtest(struct bb_rules_command *r, const struct bb_rules_module *module,
                        struct bb_error *error) {
    struct bb_command *command = r->command;
    const struct bb_rules_options *given = r->given;
    struct bb_backtest asked = {
        .tenant = bb_command_tenant(command),
        .usage_point = bb_span_of(given->usage_point ? given->usage_point : ""),
        .name = bb_span_of(given->name ? given->name : ""),
        .module = module,
        .now_ms = bb_clock_now_ms(bb_clock_system()),
        .parameters = bb_span_of(given->parameters ? given->parameters : "")};
    struct shown shown = {.r = r, .left = given->rows};
    struct bb_backtest_sum *sum = calloc(1, sizeof *sum);
    const bool as_json = command->globals.json;
    int64_t begin = bb_monotonic_ns();

    if (!sum)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a back-test");
    int result = bb_rules_choose(r, module, &asked.rule, error);
    if (!result)
        result = ask_times(r, &asked, error);
    if (!result && as_json) {
        shown.json = bb_command_json(command);
        bb_json_object_begin(&shown.json);
        bb_json_put_text(&shown.json, "rule", asked.rule->name);
        bb_json_put_text(&shown.json, "version", bb_span_of(module->hash));
        bb_json_key(&shown.json, "rows");
        bb_json_array_begin(&shown.json);
    } else if (!result) {
        bb_table_init(&shown.table, command->out, row_columns,
                      sizeof row_columns / sizeof row_columns[0]);
    }
    if (!result) {
        result = bb_backtest_run(&r->plant, &asked, show_row, &shown, sum, error);
        double seconds = (double)(bb_monotonic_ns() - begin) / 1e9;
        if (as_json) {
            bb_json_array_end(&shown.json);
            bb_rules_put_backtest_sum(&shown.json, sum);
            bb_json_put_double(&shown.json, "seconds", seconds);
            bb_json_object_end(&shown.json);
            bb_command_json_end(command);
        } else {
            bb_table_finish(&shown.table);
            report_text(&command->out->buffer, sum, seconds);
        }
    }
    bool failed = sum->failures > 0;
    free(sum);
    return result ? result : failed ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

int bb_rules_backtest(struct bb_rules_command *r, struct bb_error *error) {
    struct bb_rules_module module;

    int result = bb_rules_load_named(r, "backtest", &module, error);
    if (result)
        return result;
    result = run_backtest(r, &module, error);
    bb_rules_module_release(&module);
    return result;
}
