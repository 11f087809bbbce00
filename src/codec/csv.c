/* CSV: rows of a table with a header, by busbar's own conventions or by a map's.
 *
 *   stretch of the input ─► csv_scan.c: records ─► first: csv_header.c: which column is what
 *                                               └► others: binding.c: rows ─► row.c: readings
 *
 * Called by whoever decodes, on its thread; memory is bounded by the longest line. */
#include "codec/csv_header_internal.h"
#include "codec/csv_internal.h"
#include "codec/line_reader_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder {
    const struct bb_decode_options *options;
    const struct bb_map *map;
    struct bb_series_table *table;
    const struct bb_decode_sink *sink;
    struct bb_line_reader reader;
    struct bb_csv_scanner scanner;
    struct bb_binding binding;
    struct bb_row_writer *writer; /* made when the delimiter is known */
    struct bb_row_group *group;
    struct bb_plain_slots plain;
    bool is_plain;         /* every record is one plain reading */
    uint32_t column_count; /* 0: the header is still to come */
    uint32_t rows_to_skip;
};

static int locate(struct decoder *d, int failure, uint64_t line, struct bb_error *error) {
    if (failure)
        bb_error_locate(error, d->options->source, line);
    return failure;
}

/* Lines in front of the header, and blank ones there. False: nothing is left of the stretch. */
static bool skip_leading_lines(struct decoder *d, struct bb_span *lines) {
    while (lines->size > 0) {
        const char *end = memchr(lines->data, '\n', lines->size);
        struct bb_span line = {lines->data, (size_t)(end - lines->data)};
        if (d->rows_to_skip > 0)
            d->rows_to_skip--;
        else if (bb_span_trim(line).size > 0)
            return true;
        lines->data = end + 1;
        lines->size -= line.size + 1;
        d->scanner.line++;
    }
    return false;
}

/* The first line tells the delimiter, and with it the decimal point. */
static int begin(struct decoder *d, struct bb_span lines, struct bb_error *error) {
    const char *end = memchr(lines.data, '\n', lines.size);
    char delimiter = d->map->delimiter;

    if (!delimiter)
        delimiter = bb_csv_find_delimiter((struct bb_span){lines.data, (size_t)(end - lines.data)});
    d->scanner.delimiter = delimiter;
    int failure = bb_row_writer_new(d->options, d->table, d->sink, delimiter, &d->writer, error);
    if (failure == 0)
        d->group = bb_row_writer_group(d->writer);
    return failure;
}

static int bind(struct decoder *d, const struct bb_cell *header, uint32_t count,
                struct bb_error *error) {
    int failure = bb_csv_bind_header(&d->binding, header, count, error);
    if (failure)
        return locate(d, failure, d->scanner.record_line, error);
    d->column_count = count;
    d->is_plain = bb_binding_plain(&d->binding, BB_PRESENT_ALL, &d->plain);
    return bb_csv_scanner_reserve(&d->scanner, count, error);
}

/* A header of more columns than there was room for is read again with room. */
static int read_header(struct decoder *d, struct bb_error *error) {
    struct bb_csv_scanner *scanner = &d->scanner;
    const char *at = scanner->at;
    struct bb_error reason;

    for (;;) {
        enum bb_csv_outcome outcome = bb_csv_next(scanner, &reason);
        if (outcome == BB_CSV_BAD) {
            *error = reason;
            return locate(d, -(int)reason.code, scanner->record_line, error);
        }
        if (outcome != BB_CSV_RECORD)
            return 0;
        if (scanner->cell_count <= scanner->cell_capacity)
            return bind(d, scanner->cells, scanner->cell_count, error);
        if (scanner->cell_count > BB_SLOTS_MAX)
            return locate(d,
                          BB_FAIL(error, BB_E_COLUMN_UNKNOWN, "the header has more than %d columns",
                                  BB_SLOTS_MAX),
                          scanner->record_line, error);
        int failure = bb_csv_scanner_reserve(scanner, scanner->cell_count, error);
        if (failure)
            return failure;
        struct bb_span again = {at, (size_t)(scanner->end - at)};
        scanner->line = scanner->record_line;
        bb_csv_scanner_feed(scanner, again, scanner->last);
    }
}

/* How many columns the first good record has, 0 when it is not whole yet; the scanner stands where
 * it stood afterwards. */
static uint32_t count_columns(struct bb_csv_scanner *scanner) {
    const struct bb_span rest = {scanner->at, (size_t)(scanner->end - scanner->at)};
    const uint64_t line = scanner->line;
    enum bb_csv_outcome outcome;
    struct bb_error reason;

    do
        outcome = bb_csv_next(scanner, &reason);
    while (outcome == BB_CSV_BAD);
    scanner->line = line;
    bb_csv_scanner_feed(scanner, rest, scanner->last);
    if (outcome == BB_CSV_RECORD)
        return scanner->cell_count;
    return scanner->last; /* none at all: one column will do to say what is wrong */
}

/* A file without a header: the map names the columns, or they are called 1, 2, 3, ... */
static int name_columns(struct decoder *d, struct bb_error *error) {
    enum { NUMBER_SIZE = 12 };
    const bool named = d->map->name_count > 0;
    const uint32_t count = named ? d->map->name_count : count_columns(&d->scanner);
    if (count == 0)
        return 0;
    struct bb_cell *names = calloc(count, sizeof *names);
    char *numbers = calloc(count, NUMBER_SIZE);

    int failure = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u columns", count);
    if (names && numbers && count <= BB_SLOTS_MAX) {
        for (uint32_t i = 0; i < count; i++) {
            char *number = numbers + (size_t)i * NUMBER_SIZE;
            snprintf(number, NUMBER_SIZE, "%u", i + 1);
            names[i] = bb_cell_of(named ? d->map->names[i] : bb_span_of(number));
        }
        failure = bind(d, names, count, error);
    }
    free(names);
    free(numbers);
    return failure;
}

static int reject_width(struct decoder *d, struct bb_error *error) {
    const struct bb_csv_scanner *scanner = &d->scanner;
    struct bb_error reason;

    BB_FAIL(&reason, BB_E_SYNTAX, "the line has %u columns where the header has %u",
            scanner->cell_count, d->column_count);
    return bb_row_reject(d->writer, scanner->record_line, &reason, error);
}

/* All records of the stretch, as far as they are whole. */
static int read_records(struct decoder *d, struct bb_error *error) {
    struct bb_csv_scanner *scanner = &d->scanner;
    struct bb_error reason;
    int failure = 0;

    while (failure == 0) {
        enum bb_csv_outcome outcome = bb_csv_next(scanner, &reason);
        if (outcome == BB_CSV_END || outcome == BB_CSV_PARTIAL)
            break;
        if (outcome == BB_CSV_BAD)
            failure = bb_row_reject(d->writer, scanner->record_line, &reason, error);
        else if (scanner->cell_count < d->column_count || scanner->rest_has_text)
            failure = reject_width(d, error);
        else if (d->is_plain)
            failure = bb_binding_plain_rows(&d->binding, &d->plain, d->writer, d->group,
                                            scanner->cells, scanner->record_line, error);
        else
            failure = bb_binding_rows(&d->binding, d->writer, d->group, scanner->cells,
                                      scanner->record_line, error);
    }
    return failure ? failure : bb_row_settle(d->writer, error); /* the stretch goes away */
}

/* Use the whole lines of a stretch; *used says how far. */
static int read_lines(struct decoder *d, struct bb_span lines, bool last, size_t *used,
                      struct bb_error *error) {
    const char *begin_of_stretch = lines.data;
    int failure = 0;

    *used = lines.size;
    if (!d->writer) {
        if (!skip_leading_lines(d, &lines))
            return 0;
        failure = begin(d, lines, error);
        if (failure)
            return failure;
    }
    bb_csv_scanner_feed(&d->scanner, lines, last);
    if (d->column_count == 0)
        failure = d->map->has_header ? read_header(d, error) : name_columns(d, error);
    if (failure == 0 && d->column_count > 0)
        failure = read_records(d, error);
    *used = (size_t)(d->scanner.at - begin_of_stretch);
    return failure;
}

static int run(struct decoder *d, struct bb_error *error) {
    struct bb_stretch stretch;
    size_t used = 0;
    int outcome;

    while ((outcome = bb_line_reader_stretch(&d->reader, used, &stretch, error)) == BB_LINE_READ) {
        const char *end = memrchr(stretch.bytes.data, '\n', stretch.bytes.size);
        struct bb_span lines = {stretch.bytes.data,
                                end ? (size_t)(end + 1 - stretch.bytes.data) : 0};
        bool last = stretch.last || stretch.bytes.size >= BB_LINE_MAX_BYTES;
        used = 0;
        int failure = lines.size > 0 ? read_lines(d, lines, last, &used, error) : 0;
        if (failure)
            return failure;
    }
    if (outcome < 0)
        return locate(d, outcome, d->scanner.line, error);
    if (!d->writer)
        return locate(d, BB_FAIL(error, BB_E_INPUT_EMPTY, "the input holds nothing but blanks"), 0,
                      error);
    return bb_row_finish(d->writer, error);
}

static int decode(struct bb_input input, const struct bb_decode_options *options,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    const struct bb_map *map = bb_map_of(options);
    struct decoder d = {.options = options,
                        .map = map,
                        .table = table,
                        .sink = sink,
                        .rows_to_skip = map->skip_rows};

    int failure = bb_binding_init(&d.binding, options, error);
    if (failure == 0)
        failure = bb_line_reader_init(&d.reader, input, error);
    if (failure == 0)
        failure = bb_csv_scanner_init(&d.scanner, error);
    if (failure == 0)
        failure = run(&d, error);
    bb_row_writer_free(d.writer);
    bb_csv_scanner_release(&d.scanner);
    bb_line_reader_release(&d.reader);
    bb_binding_release(&d.binding);
    return failure;
}

/* The first line that is not blank. */
static struct bb_span first_line(struct bb_span head) {
    while (head.size > 0) {
        const char *end = memchr(head.data, '\n', head.size);
        struct bb_span line = {head.data, end ? (size_t)(end - head.data) : head.size};
        if (bb_span_trim(line).size > 0 || !end)
            return line;
        head.data = end + 1;
        head.size -= line.size + 1;
    }
    return head;
}

/* How much of a header is it? Counts the columns, and the needed fields among them. */
static void judge_header(struct bb_span line, char delimiter, size_t *columns, size_t *known) {
    bool found[BB_FIELD_COUNT] = {false}, alias;

    *columns = 0;
    for (size_t begin = 0; begin <= line.size;) {
        const char *end = memchr(line.data + begin, delimiter, line.size - begin);
        size_t next = end ? (size_t)(end - line.data) : line.size;
        struct bb_span name = bb_span_trim((struct bb_span){line.data + begin, next - begin});
        if (name.size >= 2 && name.data[0] == '"' && name.data[name.size - 1] == '"')
            name = (struct bb_span){name.data + 1, name.size - 2};
        int field = bb_field_find(name, &alias);
        if (field >= 0)
            found[field] = true;
        ++*columns;
        begin = next + 1;
    }
    *known = (size_t)found[BB_FIELD_USAGE_POINT] + found[BB_FIELD_CHANNEL] + found[BB_FIELD_VALUE] +
             (found[BB_FIELD_TIMESTAMP] || found[BB_FIELD_START]);
}

static int sniff(struct bb_span head, bool whole) {
    static const int sureness[] = {15, 40, 60, 80, 90}; /* by the needed fields in the header */
    size_t columns, known;

    (void)whole;
    if (bb_span_starts_with(head, BB_SPAN("\xEF\xBB\xBF")))
        head = (struct bb_span){head.data + 3, head.size - 3};
    struct bb_span line = first_line(head);
    if (memchr(line.data, '\0', line.size) || line.size == 0 || line.data[0] == '{' ||
        line.data[0] == '[' || line.data[0] == '<')
        return 0;
    judge_header(line, bb_csv_find_delimiter(line), &columns, &known);
    return columns < 2 ? 0 : sureness[known];
}

const struct bb_format_row bb_format_csv = {
    .name = "csv",
    .title = "CSV with a header row, or by a map",
    .sniff = sniff,
    .decode = decode,
};
