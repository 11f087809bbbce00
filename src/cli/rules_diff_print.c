/* What a deployment changes, printed: see rules_diff_print.h. */
#include "cli/rules_diff_print.h"

#include "answer/rules_json.h"
#include "cli/human.h"
#include "cli/table.h"
#include "model/unit.h"

#include <stdlib.h>

enum { ROWS_MAX_BYTES = 64 << 20 };

static const struct bb_table_column columns[] = {
    {"usage_point", false}, {"channel", false}, {"end", false},  {"was", false}, {"becomes", false},
    {"reason", false},      {"before", true},   {"after", true}, {"unit", false}};

struct showing {
    struct bb_rules_diff_print *print;
    struct bb_table table;
};

static void show_row(struct bb_table *table, const struct bb_rules_diff_row *row) {
    char text[BB_TIME_TEXT_MAX];

    bb_table_cell(table, row->usage_point);
    bb_table_cell(table, row->channel);
    bb_table_cell(table, (struct bb_span){text, bb_time_format_utc(row->end_ms, text)});
    bb_table_cell(table, bb_span_of(bb_rules_verdict_name(row->old_verdict)));
    bb_table_cell(table, bb_span_of(bb_rules_verdict_name(row->new_verdict)));
    bb_table_cell(table, row->new_verdict == BB_RULES_NOTHING ? row->old_reason : row->new_reason);
    bb_table_cell_format(table, "%.15g", row->old_value);
    bb_table_cell_format(table, "%.15g", row->new_value);
    bb_table_cell(table, bb_span_of(bb_unit_symbol(row->unit)));
}

/* A bb_rules_diff_visit. */
static int take_row(void *context, const struct bb_rules_diff_row *row) {
    struct showing *showing = context;
    struct bb_rules_diff_print *print = showing->print;

    if (print->left-- <= 0)
        return 1; /* the sums go on */
    if (print->command->globals.json)
        bb_rules_put_diff_row(&print->json, row);
    else if (bb_command_talks(print->command))
        show_row(&showing->table, row);
    return 0;
}

void bb_rules_diff_print_init(struct bb_rules_diff_print *print, struct bb_command *command,
                              int64_t rows) {
    *print = (struct bb_rules_diff_print){.command = command, .left = rows};
    bb_buffer_init(&print->rows, ROWS_MAX_BYTES);
}

void bb_rules_diff_print_release(struct bb_rules_diff_print *print) {
    bb_buffer_release(&print->rows);
    free(print->sum);
}

static void sums(struct bb_rules_diff_print *print) {
    struct bb_buffer *out = &print->command->out->buffer;
    const struct bb_rules_diff_sum *sum = print->sum;
    char a[BB_HUMAN_MAX], b[BB_HUMAN_MAX];

    bb_buffer_format(out, "%s of %s values change", bb_human_count(sum->changed, a),
                     bb_human_count(sum->points, b));
    if (sum->unit && !sum->units_differ)
        bb_buffer_format(out, ", %+.6g %s", sum->energy, bb_unit_symbol(sum->unit));
    bb_buffer_format(out, "; of %s others what is said of them; ", bb_human_count(sum->flags, a));
    bb_buffer_format(out, "%s of %s channels are touched\n",
                     bb_human_count(sum->touched_channels, a), bb_human_count(sum->channels, b));
    for (uint32_t i = 0; i < sum->top_count; i++)
        bb_buffer_format(out, "  %s %s  %s, %+.6g %s\n", sum->top[i].usage_point,
                         sum->top[i].channel, bb_human_count(sum->top[i].points, a),
                         sum->top[i].energy, bb_unit_symbol(sum->top[i].unit));
    if (sum->test.failures > 0)
        bb_buffer_format(out, "%s windows FAILED, and nothing was said of them; the first: %s\n",
                         bb_human_count(sum->test.failures, a), sum->test.first_failures[0].text);
}

int bb_rules_diff_print_run(struct bb_rules_diff_print *print,
                            const struct bb_rules_proposal *proposal,
                            const struct bb_rules_look *look, struct bb_error *error) {
    struct showing showing = {.print = print};
    const bool talks = bb_command_talks(print->command);

    print->sum = calloc(1, sizeof *print->sum);
    if (!print->sum)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to compare rules");
    bb_json_init(&print->json, &print->rows);
    bb_json_array_begin(&print->json);
    if (talks)
        bb_table_init(&showing.table, print->command->out, columns,
                      sizeof columns / sizeof columns[0]);
    int result = bb_rules_proposal_look(proposal, look, take_row, &showing, print->sum, error);
    bb_json_array_end(&print->json);
    if (talks)
        bb_table_finish(&showing.table);
    if (!result && talks)
        sums(print);
    return result;
}

void bb_rules_diff_print_json(struct bb_rules_diff_print *print, struct bb_json *json) {
    bb_rules_put_diff_sum(json, print->sum);
    bb_json_key(json, "rows");
    bb_json_raw(json, bb_buffer_span(&print->rows));
}
