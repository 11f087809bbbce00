/* Aligned tables: see table.h. */
#include "cli/table.h"

#include "cli/human.h"

#include <stdarg.h>
#include <stdio.h>

enum { CELLS_LIMIT_BYTES = 16 << 20, GAP = 2 };

static void widen(struct bb_table *table, size_t column, struct bb_span text) {
    size_t columns = bb_text_columns(text.data, text.size);

    if (!table->widths_known && columns > table->width[column])
        table->width[column] = columns;
}

void bb_table_init(struct bb_table *table, struct bb_output *out,
                   const struct bb_table_column *columns, size_t column_count) {
    BB_ASSERT(column_count > 0 && column_count <= BB_TABLE_COLUMNS_MAX);
    *table = (struct bb_table){.out = out, .columns = columns, .column_count = column_count};
    bb_buffer_init(&table->cells, CELLS_LIMIT_BYTES);
    for (size_t i = 0; i < column_count; i++)
        widen(table, i, bb_span_of(columns[i].title));
}

static void pad(struct bb_buffer *out, size_t columns) {
    static const char blanks[] = "                                ";

    for (; columns > 0; columns -= columns < sizeof blanks - 1 ? columns : sizeof blanks - 1)
        bb_buffer_append(out, blanks, columns < sizeof blanks - 1 ? columns : sizeof blanks - 1);
}

static void print_cell(const struct bb_table *table, size_t column, struct bb_span text) {
    struct bb_buffer *out = &table->out->buffer;
    bool last = column + 1 == table->column_count;
    size_t used = bb_text_columns(text.data, text.size);
    size_t blank = used < table->width[column] ? table->width[column] - used : 0;

    if (table->columns[column].right)
        pad(out, blank);
    bb_buffer_append_span(out, text);
    if (!table->columns[column].right && !last)
        pad(out, blank);
    if (!last) {
        pad(out, GAP);
        return;
    }
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->size--;
    bb_buffer_append_byte(out, '\n');
}

static void print_waiting(struct bb_table *table) {
    const char *at = table->cells.data;

    if (!table->widths_known)
        for (size_t i = 0; i < table->column_count; i++)
            print_cell(table, i, bb_span_of(table->columns[i].title));
    table->widths_known = true;
    for (size_t row = 0; row < table->rows; row++)
        for (size_t i = 0; i < table->column_count; i++) {
            uint32_t size;
            memcpy(&size, at, sizeof size);
            print_cell(table, i, (struct bb_span){at + sizeof size, size});
            at += sizeof size + size;
        }
    bb_buffer_clear(&table->cells);
    table->rows = 0;
}

bool bb_table_cell(struct bb_table *table, struct bb_span text) {
    uint32_t size = (uint32_t)text.size;

    widen(table, table->column, text);
    bb_buffer_append(&table->cells, &size, sizeof size);
    bb_buffer_append_span(&table->cells, text);
    BB_ASSERT(!table->cells.overflow);
    if (++table->column < table->column_count)
        return true;
    table->column = 0;
    if (++table->rows < BB_TABLE_SAMPLE_ROWS)
        return true;
    print_waiting(table);
    return bb_output_spill(table->out);
}

bool bb_table_cell_format(struct bb_table *table, const char *format, ...) {
    char text[512];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    BB_ASSERT(length >= 0);
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    return bb_table_cell(table, (struct bb_span){text, size});
}

void bb_table_finish(struct bb_table *table) {
    BB_ASSERT(table->column == 0);
    if (table->rows > 0 || !table->widths_known)
        print_waiting(table);
    bb_buffer_release(&table->cells);
}
