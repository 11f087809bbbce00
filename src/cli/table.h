/* Aligned tables for people, of any length in bounded memory.
 *
 * The widths come from the first BB_TABLE_SAMPLE_ROWS rows; longer cells of later rows push their
 * line to the right. Cells are copied.
 *
 *   usage_point         channel   value  unit
 *   871685900012345678  1.29.0    0.125  kWh
 */
#ifndef BB_CLI_TABLE_H
#define BB_CLI_TABLE_H

#include "cli/output.h"

enum { BB_TABLE_COLUMNS_MAX = 16, BB_TABLE_SAMPLE_ROWS = 512 };

struct bb_table_column {
    const char *title;
    bool right; /* numbers */
};

struct bb_table {
    struct bb_output *out;
    const struct bb_table_column *columns;
    size_t column_count;
    size_t width[BB_TABLE_COLUMNS_MAX];
    size_t column;          /* of the next cell */
    size_t rows;            /* waiting in `cells` */
    struct bb_buffer cells; /* u32 size and text, one after the other */
    bool widths_known;
};

void bb_table_init(struct bb_table *table, struct bb_output *out,
                   const struct bb_table_column *columns, size_t column_count);
/* The next cell; the last one of a row ends it. False when the reader of the output is gone. */
bool bb_table_cell(struct bb_table *table, struct bb_span text);
bool bb_table_cell_format(struct bb_table *table, const char *format, ...) BB_PRINTF(2, 3);
/* Prints what waits (and the titles of an empty table) and releases. */
void bb_table_finish(struct bb_table *table);

#endif
