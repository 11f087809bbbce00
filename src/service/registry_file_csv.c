/* A registry file in CSV into entries: one row per installation or channel, or both.
 *
 * A column is a field of the tables in registry_field.c. Rows of one usage point may stand anywhere;
 * they are brought together and read in two passes, first what they say of the usage point itself
 * (its zone gives meaning to times without offset), then of its parts. A row may leave out what
 * another row of the same thing says, but may not say otherwise; an empty cell says nothing.
 */
#include "service/registry_field_internal.h"

#include <stdlib.h>

enum {
    COLUMNS_MAX = 1000,
    ROWS_MAX = 50 * 1000 * 1000,
    SCRATCH_CHUNK_BYTES = 1 << 20,
    SCRATCH_PER_BYTE =
        100 /* of the file: a cell of one byte and its delimiter cost a row and a cell */
};

/* What a column speaks of. */
enum subject { USAGE_POINT, INSTALLATION, CHANNEL, OPENING, CLOSING, TAG };

struct column {
    enum subject subject;
    const struct bb_registry_field *field; /* NULL for OPENING, CLOSING and TAG */
    struct bb_span name;                   /* as in the header; of TAG what follows "tag:" */
};

struct row {
    struct bb_span *cells;
    uint32_t cell_count; /* a line may end early: what it lacks says nothing */
    uint64_t line;
};

struct csv {
    struct bb_registry_reader *reader;
    const char *at, *end;
    uint64_t line;
    char delimiter;
    struct column *columns;
    uint32_t column_count;
    struct row *rows;
    uint32_t row_count;
    /* UINT32_MAX: none */
    uint32_t name_column, tenant_column, device_column, from_column, channel_column;
    struct bb_span cells[COLUMNS_MAX]; /* of the line read last */
    struct bb_arena scratch;           /* columns and rows */
};

/* ---- cells ----------------------------------------------------------------------------------- */

/* The one of , ; and tab that stands most often in the header, outside quotes. The header is the
 * first line that is not blank. */
static char find_delimiter(struct bb_span text) {
    static const char candidates[] = ",;\t";
    size_t counts[sizeof candidates - 1] = {0}, best = 0;
    bool quoted = false, blank = true;

    for (size_t i = 0; i < text.size && (quoted || blank || text.data[i] != '\n'); i++) {
        const char *found = text.data[i] ? strchr(candidates, text.data[i]) : NULL;
        blank = blank && (bb_char_is_blank(text.data[i]) || text.data[i] == '\n');
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (found && !quoted)
            counts[found - candidates]++;
    }
    for (size_t i = 1; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] > counts[best])
            best = i;
    return candidates[best];
}

/* A cell in quotes, "" standing for one; the scanner stands behind the closing quote. */
static int take_quoted(struct csv *csv, struct bb_span *cell) {
    uint64_t line = csv->line;
    const char *from = ++csv->at;
    char *to;

    while (csv->at < csv->end &&
           (*csv->at != '"' || (csv->at + 1 < csv->end && csv->at[1] == '"'))) {
        csv->line += *csv->at == '\n';
        csv->at += *csv->at == '"' ? 2 : 1;
    }
    if (csv->at == csv->end)
        return bb_registry_refuse(csv->reader, line, BB_E_REGISTRY_INVALID,
                                  "a quote is opened here and never closed");
    to = bb_arena_take(&csv->scratch, (size_t)(csv->at - from) + 1);
    if (!to)
        return bb_registry_full(csv->reader);
    cell->data = to;
    while (from < csv->at) {
        from += *from == '"';
        *to++ = *from++;
    }
    cell->size = (size_t)(to - cell->data);
    csv->at++;
    return 0;
}

static bool at_cell_end(const struct csv *csv) {
    return csv->at == csv->end || *csv->at == csv->delimiter || *csv->at == '\n';
}

static int take_cell(struct csv *csv, struct bb_span *cell) {
    const char *from;

    while (!at_cell_end(csv) && bb_char_is_blank(*csv->at))
        csv->at++;
    from = csv->at;
    if (csv->at < csv->end && *csv->at == '"') {
        int failed = take_quoted(csv, cell);
        while (!failed && !at_cell_end(csv) && bb_char_is_blank(*csv->at))
            csv->at++;
        if (!failed && !at_cell_end(csv))
            failed = bb_registry_refuse(csv->reader, csv->line, BB_E_REGISTRY_INVALID,
                                        "a closing quote must end its cell");
        return failed;
    }
    while (!at_cell_end(csv))
        csv->at++;
    *cell = bb_span_trim((struct bb_span){from, (size_t)(csv->at - from)});
    return 0;
}

/* The next line that is not blank; a row of no cells is the end of the file. */
static int take_row(struct csv *csv, uint32_t most, struct row *row) {
    *row = (struct row){.cells = csv->cells};
    while (csv->at < csv->end) {
        bool more = true;
        row->line = csv->line;
        while (more) {
            if (row->cell_count == most)
                return bb_registry_refuse(csv->reader, row->line, BB_E_REGISTRY_INVALID,
                                          "this line has more than %u cells", most);
            int failed = take_cell(csv, &csv->cells[row->cell_count++]);
            if (failed)
                return failed;
            more = csv->at < csv->end && *csv->at == csv->delimiter;
            csv->at += more;
        }
        if (csv->at < csv->end) { /* the line's end */
            csv->at++;
            csv->line++;
        }
        if (row->cell_count > 1 || csv->cells[0].size > 0)
            return 0;
        row->cell_count = 0;
    }
    return 0;
}

/* ---- columns --------------------------------------------------------------------------------- */

/* Columns that are not called like their field, or are no scalar field at all. */
static const struct {
    const char *name;
    enum subject subject;
    const char *key; /* NULL: none */
} special_columns[] = {
    {"usage_point", USAGE_POINT, "name"},
    {"channel", CHANNEL, "name"},
    {"opening", OPENING, NULL},
    {"closing", CLOSING, NULL},
};

static const struct bb_registry_shape *const shapes[] = {
    [USAGE_POINT] = &bb_registry_usage_point_shape,
    [INSTALLATION] = &bb_registry_installation_shape,
    [CHANNEL] = &bb_registry_channel_shape,
};

static const char allowed_columns[] =
    "usage_point, tenant, commodity, zone, calendar, profile, customer, grid_area, tariff, connection, "
    "tag:NAME, device, from, to, multiplier, calorific_value, state_number, dials, reason, channel, "
    "obis, alias, kind, interval, unit, one_way, opening, closing";

/* `commodity` is the usage point's: it comes first among the shapes. */
static bool find_column(struct bb_span name, struct column *column) {
    for (size_t i = 0; i < sizeof special_columns / sizeof *special_columns; i++)
        if (bb_span_equal_nocase(name, bb_span_of(special_columns[i].name))) {
            column->subject = special_columns[i].subject;
            if (special_columns[i].key)
                column->field = bb_registry_field_find(shapes[column->subject],
                                                       bb_span_of(special_columns[i].key));
            return true;
        }
    if (name.size > 4 && bb_span_equal_nocase((struct bb_span){name.data, 4}, BB_SPAN("tag:"))) {
        column->subject = TAG;
        column->name = bb_span_trim((struct bb_span){name.data + 4, name.size - 4});
        return true;
    }
    for (enum subject s = USAGE_POINT; s <= CHANNEL; s++)
        for (uint32_t i = 0; i < shapes[s]->field_count; i++) {
            const struct bb_registry_field *field = &shapes[s]->fields[i];
            if (field->form != BB_REGISTRY_SCALAR || strcmp(field->key, "name") == 0 ||
                !bb_span_equal_nocase(name, bb_span_of(field->key)))
                continue;
            column->subject = s;
            column->field = field;
            return true;
        }
    return false;
}

static bool same_column(const struct column *a, const struct column *b) {
    return a->subject == b->subject && a->field == b->field &&
           (a->subject != TAG || bb_span_equal(a->name, b->name));
}

static uint32_t column_of(const struct csv *csv, enum subject subject, const char *key) {
    for (uint32_t i = 0; i < csv->column_count; i++)
        if (csv->columns[i].subject == subject && csv->columns[i].field &&
            strcmp(csv->columns[i].field->key, key) == 0)
            return i;
    return UINT32_MAX;
}

static int read_header(struct csv *csv) {
    struct row header;
    int failed = take_row(csv, COLUMNS_MAX, &header);

    csv->columns = bb_arena_take_array(&csv->scratch, header.cell_count, sizeof *csv->columns);
    if (!csv->columns)
        return bb_registry_full(csv->reader);
    for (; !failed && csv->column_count < header.cell_count; csv->column_count++) {
        struct column *column = &csv->columns[csv->column_count];
        struct bb_span name = header.cells[csv->column_count];
        column->name = name;
        if (!find_column(name, column))
            return bb_registry_refuse(csv->reader, header.line, BB_E_REGISTRY_INVALID,
                                      "there is no column `%s`; allowed are %s",
                                      bb_registry_shown(name).text, allowed_columns);
        for (uint32_t before = 0; before < csv->column_count; before++)
            if (same_column(&csv->columns[before], column))
                return bb_registry_refuse(csv->reader, header.line, BB_E_REGISTRY_INVALID,
                                          "the column `%s` stands here twice",
                                          bb_registry_shown(name).text);
    }
    csv->name_column = column_of(csv, USAGE_POINT, "name");
    csv->tenant_column = column_of(csv, USAGE_POINT, "tenant");
    csv->device_column = column_of(csv, INSTALLATION, "device");
    csv->from_column = column_of(csv, INSTALLATION, "from");
    csv->channel_column = column_of(csv, CHANNEL, "name");
    if (!failed && csv->name_column == UINT32_MAX)
        return bb_registry_refuse(csv->reader, header.line, BB_E_REGISTRY_INVALID,
                                  "the column `usage_point` is missing; allowed are %s",
                                  allowed_columns);
    return failed;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What a row says in a column; nothing when there is no such column. */
static struct bb_span cell_of(const struct row *row, uint32_t column) {
    return column < row->cell_count ? row->cells[column] : (struct bb_span){NULL, 0};
}

static int keep_row(struct csv *csv, const struct row *row) {
    size_t size = row->cell_count * sizeof *row->cells;
    struct bb_span *cells = bb_arena_take(&csv->scratch, size);
    void *rows = csv->rows;

    if (!cells || csv->row_count == ROWS_MAX)
        return bb_registry_full(csv->reader);
    memcpy(cells, row->cells, size);
    struct row *kept = bb_registry_list_add(&csv->scratch, &rows, &csv->row_count, sizeof *kept);
    if (!kept)
        return bb_registry_full(csv->reader);
    csv->rows = rows;
    *kept = (struct row){cells, row->cell_count, row->line};
    return 0;
}

static int read_rows(struct csv *csv) {
    struct row row;

    for (;;) {
        int failed = take_row(csv, csv->column_count, &row);
        if (failed || row.cell_count == 0)
            return failed;
        if (cell_of(&row, csv->name_column).size == 0)
            return bb_registry_refuse(csv->reader, row.line, BB_E_REGISTRY_INVALID,
                                      "this line names no usage point");
        failed = keep_row(csv, &row);
        if (failed)
            return failed;
    }
}

static int compare_owners(const struct csv *csv, const struct row *a, const struct row *b) {
    int order = bb_span_compare(cell_of(a, csv->tenant_column), cell_of(b, csv->tenant_column));
    return order ? order
                 : bb_span_compare(cell_of(a, csv->name_column), cell_of(b, csv->name_column));
}

static int compare_rows(const void *left, const void *right, void *csv) {
    const struct row *a = left, *b = right;
    int order = compare_owners(csv, a, b);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* ---- a usage point from its rows ------------------------------------------------------------- */

/* A cell into a field that another row may have filled: nothing, the same, or the first word. */
static int merge_cell(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                      const struct bb_registry_field *field, struct bb_span cell, uint64_t line,
                      void *base) {
    union { /* room for the shape's struct; only the field is used */
        struct bb_master_usage_point usage_point;
        struct bb_master_installation installation;
        struct bb_master_channel channel;
    } told;

    if (cell.size == 0)
        return 0;
    int failed = bb_registry_field_parse(reader, field, cell, line, &told);
    if (failed)
        return failed;
    if (!bb_registry_field_said(shape, field, base))
        memcpy(bb_registry_member(field, base), bb_registry_member(field, &told),
               field->type->size);
    else if (!bb_registry_field_equal(field, base, &told))
        return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                                  "`%s` is '%s' here, and something else in an earlier line",
                                  field->key, bb_registry_shown(cell).text);
    return 0;
}

static int merge_row(struct csv *csv, const struct row *row, enum subject subject, void *base) {
    int failed = 0;

    for (uint32_t i = 0; !failed && i < csv->column_count; i++)
        if (csv->columns[i].subject == subject)
            failed = merge_cell(csv->reader, shapes[subject], csv->columns[i].field,
                                cell_of(row, i), row->line, base);
    return failed;
}

/* A list of a usage point that grows row by row. */
struct growing {
    void *items;
    uint32_t count;
};

static int add_pair(struct csv *csv, struct growing *list, const struct bb_registry_shape *shape,
                    struct bb_span key, struct bb_span value, uint64_t line) {
    struct bb_registry_reader *reader = csv->reader;
    union {
        struct bb_master_tag tag;
        struct bb_master_reading reading;
    } pair;

    memcpy(&pair, shape->absent, shape->size);
    int failed = bb_registry_field_parse(reader, &shape->fields[0], key, line, &pair);
    if (!failed)
        failed = bb_registry_field_parse(reader, &shape->fields[1], value, line, &pair);
    if (failed)
        return failed;
    for (uint32_t i = 0; i < list->count; i++) {
        const void *known = (const char *)list->items + i * shape->size;
        if (!bb_registry_key_equal(shape, known, &pair))
            continue;
        if (bb_registry_field_equal(&shape->fields[1], known, &pair))
            return 0;
        return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                                  "%s %s is '%s' here, and something else in an earlier line",
                                  shape->what, bb_registry_shown(key).text,
                                  bb_registry_shown(value).text);
    }
    void *place = list->count == BB_REGISTRY_LIST_MAX
                      ? NULL
                      : bb_registry_list_add(reader->arena, &list->items, &list->count,
                                             shape->size);
    if (!place)
        return bb_registry_full(reader);
    memcpy(place, &pair, shape->size);
    return 0;
}

static int read_tags(struct csv *csv, const struct row *row, struct bb_master_usage_point *up) {
    struct growing tags = {up->tags, up->tag_count};
    int failed = 0;

    for (uint32_t i = 0; !failed && i < csv->column_count; i++)
        if (csv->columns[i].subject == TAG && cell_of(row, i).size > 0)
            failed = add_pair(csv, &tags, &bb_registry_tag_shape, csv->columns[i].name,
                              cell_of(row, i), row->line);
    up->tags = tags.items;
    up->tag_count = tags.count;
    return failed;
}

/* Does the row say anything of a subject? Then `name` must not be empty. */
static int check_named(struct csv *csv, const struct row *row, enum subject subject,
                       uint32_t name_column, const char *name) {
    for (uint32_t i = 0; i < csv->column_count; i++)
        if (csv->columns[i].subject == subject && cell_of(row, i).size > 0 &&
            cell_of(row, name_column).size == 0)
            return bb_registry_refuse(csv->reader, row->line, BB_E_REGISTRY_INVALID,
                                      "`%s` is given, but no `%s` that it is for",
                                      bb_registry_shown(csv->columns[i].name).text, name);
    return 0;
}

static int read_readings(struct csv *csv, const struct row *row,
                         struct bb_master_installation *item) {
    struct bb_span channel = cell_of(row, csv->channel_column);
    int failed = 0;

    for (uint32_t i = 0; !failed && i < csv->column_count; i++) {
        if (cell_of(row, i).size == 0)
            continue;
        bool opening = csv->columns[i].subject == OPENING;
        if (!opening && csv->columns[i].subject != CLOSING)
            continue;
        struct growing list = opening ? (struct growing){item->opening, item->opening_count}
                                      : (struct growing){item->closing, item->closing_count};
        failed = add_pair(csv, &list, &bb_registry_reading_shape, channel, cell_of(row, i),
                          row->line);
        if (opening) {
            item->opening = list.items;
            item->opening_count = list.count;
        } else {
            item->closing = list.items;
            item->closing_count = list.count;
        }
    }
    return failed;
}

/* The installation that a row is about: known by device and `from`. */
static int find_installation(struct csv *csv, const struct row *row, struct growing *list,
                             struct growing *lines, struct bb_master_installation **out) {
    const struct bb_registry_shape *shape = &bb_registry_installation_shape;
    struct bb_registry_reader *reader = csv->reader;
    struct bb_master_installation key;

    memcpy(&key, shape->absent, sizeof key);
    if (cell_of(row, csv->from_column).size == 0)
        return bb_registry_refuse(reader, row->line, BB_E_REGISTRY_INVALID,
                                  "an installation needs `from`, %s",
                                  bb_registry_type_time.allowed);
    int failed = bb_registry_field_parse(reader, &shape->fields[0],
                                         cell_of(row, csv->device_column), row->line, &key);
    if (!failed)
        failed = bb_registry_field_parse(reader, &shape->fields[1], cell_of(row, csv->from_column),
                                         row->line, &key);
    if (failed)
        return failed;
    for (uint32_t i = 0; i < list->count; i++) {
        *out = (struct bb_master_installation *)list->items + i;
        if (bb_registry_key_equal(shape, *out, &key))
            return 0;
    }
    *out = list->count == BB_REGISTRY_LIST_MAX
               ? NULL
               : bb_registry_list_add(reader->arena, &list->items, &list->count, sizeof key);
    uint64_t *line = bb_registry_list_add(&csv->scratch, &lines->items, &lines->count,
                                          sizeof *line);
    if (!*out || !line)
        return bb_registry_full(reader);
    **out = key;
    *line = row->line;
    return 0;
}

static int read_installation(struct csv *csv, const struct row *row,
                             struct bb_master_usage_point *up, struct growing *lines) {
    struct growing list = {up->installations, up->installation_count};
    struct bb_master_installation *item = NULL;
    int failed = check_named(csv, row, INSTALLATION, csv->device_column, "device");

    for (enum subject s = OPENING; !failed && s <= CLOSING; s++) {
        failed = check_named(csv, row, s, csv->device_column, "device");
        if (!failed)
            failed = check_named(csv, row, s, csv->channel_column, "channel");
    }
    if (failed || cell_of(row, csv->device_column).size == 0)
        return failed;
    failed = find_installation(csv, row, &list, lines, &item);
    up->installations = list.items;
    up->installation_count = list.count;
    if (!failed)
        failed = merge_row(csv, row, INSTALLATION, item);
    if (!failed)
        failed = read_readings(csv, row, item);
    return failed;
}

static int read_channel(struct csv *csv, const struct row *row, struct bb_master_usage_point *up) {
    struct growing list = {up->channels, up->channel_count};
    struct bb_span name = cell_of(row, csv->channel_column);
    struct bb_master_channel *item = NULL;
    int failed = check_named(csv, row, CHANNEL, csv->channel_column, "channel");

    if (failed || name.size == 0)
        return failed;
    for (uint32_t i = 0; i < up->channel_count && !item; i++)
        if (bb_span_equal(up->channels[i].name, name))
            item = &up->channels[i];
    if (!item) {
        item = list.count == BB_REGISTRY_LIST_MAX
                   ? NULL
                   : bb_registry_list_add(csv->reader->arena, &list.items, &list.count,
                                          sizeof *item);
        if (!item)
            return bb_registry_full(csv->reader);
        memcpy(item, bb_registry_channel_shape.absent, sizeof *item);
        up->channels = list.items;
        up->channel_count = list.count;
    }
    return merge_row(csv, row, CHANNEL, item);
}

static int read_usage_point(struct csv *csv, const struct row *rows, uint32_t count) {
    struct bb_registry_reader *reader = csv->reader;
    struct bb_registry_entry *entry = bb_registry_entry_add(reader, BB_MASTER_USAGE_POINT,
                                                            rows[0].line);
    struct growing lines = {NULL, 0};
    int failed = 0;

    if (!entry)
        return bb_registry_full(reader);
    struct bb_master_usage_point *up = &entry->master.usage_point;
    reader->zone = NULL;
    size_t outside = bb_registry_enter(reader, "usage point", cell_of(rows, csv->name_column));
    for (uint32_t i = 0; !failed && i < count; i++) {
        failed = merge_row(csv, &rows[i], USAGE_POINT, up);
        if (!failed)
            failed = read_tags(csv, &rows[i], up);
    }
    for (uint32_t i = 0; !failed && i < count; i++) {
        failed = read_installation(csv, &rows[i], up, &lines);
        if (!failed)
            failed = read_channel(csv, &rows[i], up);
    }
    if (!failed)
        failed = bb_registry_installations_check(reader, up, lines.items);
    if (!failed)
        bb_registry_leave(reader, outside);
    return failed;
}

static int read_usage_points(struct csv *csv) {
    int failed = 0;

    if (csv->row_count > 0)
        qsort_r(csv->rows, csv->row_count, sizeof *csv->rows, compare_rows, csv);
    for (uint32_t from = 0, to; !failed && from < csv->row_count; from = to) {
        for (to = from + 1; to < csv->row_count; to++)
            if (compare_owners(csv, &csv->rows[from], &csv->rows[to]) != 0)
                break;
        failed = read_usage_point(csv, csv->rows + from, to - from);
    }
    return failed;
}

int bb_registry_csv_read(struct bb_registry_reader *reader, struct bb_span text) {
    struct csv *csv = calloc(1, sizeof *csv);

    if (!csv)
        return bb_registry_full(reader);
    *csv = (struct csv){.reader = reader,
                        .at = text.data,
                        .end = text.data + text.size,
                        .line = 1,
                        .delimiter = find_delimiter(text)};
    reader->comma = csv->delimiter != ',';
    bb_arena_init(&csv->scratch, SCRATCH_CHUNK_BYTES,
                  SCRATCH_CHUNK_BYTES + text.size * SCRATCH_PER_BYTE);
    int failed = read_header(csv);
    if (!failed)
        failed = read_rows(csv);
    if (!failed)
        failed = read_usage_points(csv);
    bb_arena_release(&csv->scratch);
    free(csv);
    return failed;
}
