/* Tables for people. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cli/table.h"

static const struct bb_table_column columns[] = {{"name", false}, {"value", true}, {"unit", false}};

static struct bb_output out;
static struct bb_table table;

static void begin(void) {
    bb_output_init(&out, -1);
    bb_table_init(&table, &out, columns, 3);
}

static void end(void) {
    bb_output_release(&out);
}

TestSuite(table, .init = begin, .fini = end);

static void expect(const char *wanted) {
    bb_table_finish(&table);
    bb_buffer_append_byte(&out.buffer, '\0');
    cr_expect_str_eq(out.buffer.data, wanted);
}

static void row(const char *name, const char *value, const char *unit) {
    bb_table_cell(&table, bb_span_of(name));
    bb_table_cell(&table, bb_span_of(value));
    bb_table_cell(&table, bb_span_of(unit));
}

Test(table, aligns_names_left_and_numbers_right) {
    row("energy", "0.125", "kWh");
    row("v", "12.5", "m³");
    row("wärme", "1", "");
    expect("name    value  unit\n"
           "energy  0.125  kWh\n"
           "v        12.5  m³\n"
           "wärme       1\n");
}

Test(table, an_empty_one_has_its_titles) {
    expect("name  value  unit\n");
}

Test(table, later_rows_keep_the_widths_of_the_first) {
    char value[16];

    for (int i = 0; i < BB_TABLE_SAMPLE_ROWS; i++) {
        snprintf(value, sizeof value, "%d", i % 10);
        row("a", value, "1");
    }
    row("longer than its column", "7", "1");
    bb_table_finish(&table);
    bb_buffer_append_byte(&out.buffer, '\0');
    cr_expect_not_null(strstr(out.buffer.data, "\na         9  1\n"));
    cr_expect_not_null(strstr(out.buffer.data, "\nlonger than its column      7  1\n"));
}
