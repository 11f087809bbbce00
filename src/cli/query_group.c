/* Values of a group on the terminal, as GET /v1/groups/{group}/values answers them. */
#include "cli/query_group.h"

#include "answer/group_row.h"
#include "cli/asked_times.h"
#include "cli/table.h"

struct printing {
    struct bb_output *out;
    enum bb_query_format format;
    struct bb_span group;
    const struct bb_zone *zone;
    struct bb_table table;
    struct bb_table_column columns[BB_TABLE_COLUMNS_MAX]; /* which the table borrows */
    struct bb_json json;
    struct bb_record record;
};

/* A bb_group_visit. */
static int print_row(void *context, const struct bb_group_row *row) {
    struct printing *p = context;
    struct bb_buffer *out = &p->out->buffer;
    char memory[BB_RECORD_CELL_MAX];

    bb_record_of_group_row(p->group, row, p->zone, &p->record);
    switch (p->format) {
    case BB_QUERY_CSV: bb_record_put_csv(&p->record, out); break;
    case BB_QUERY_JSON: bb_record_put_json(&p->record, &p->json); break;
    case BB_QUERY_NDJSON:
        bb_json_init(&p->json, out);
        bb_record_put_json(&p->record, &p->json);
        bb_buffer_append_byte(out, '\n');
        break;
    case BB_QUERY_TABLE:
        for (size_t i = 0; i < p->record.count; i++)
            if (!p->record.rows[i].is_aside)
                bb_table_cell(&p->table, bb_record_cell(&p->record.fields[i], memory));
        break;
    }
    return bb_output_spill(p->out) ? 0 : 1;
}

static void begin(struct printing *p) {
    size_t count = 0;

    for (size_t i = 0; i < bb_group_row_field_count; i++)
        if (!bb_group_row_fields[i].is_aside)
            p->columns[count++] = (struct bb_table_column){bb_group_row_fields[i].name,
                                                           bb_group_row_fields[i].is_number};
    if (p->format == BB_QUERY_TABLE)
        bb_table_init(&p->table, p->out, p->columns, count);
    if (p->format == BB_QUERY_CSV)
        bb_record_put_csv_titles(bb_group_row_fields, bb_group_row_field_count, &p->out->buffer);
    if (p->format == BB_QUERY_JSON)
        bb_json_array_begin(&p->json);
}

static void end(struct printing *p, struct bb_command *command) {
    if (p->format == BB_QUERY_TABLE)
        bb_table_finish(&p->table);
    if (p->format == BB_QUERY_JSON) {
        bb_json_array_end(&p->json);
        bb_command_json_end(command);
    }
}

static int read_times(struct bb_plant *plant, const struct bb_query_group *given,
                      struct bb_span tenant, struct bb_group_values *asked, int64_t *as_of_ms,
                      struct bb_error *error) {
    struct bb_asked_channels channels;
    int r = bb_asked_look(plant, tenant, BB_SPAN(""), given->channel, given->zone, &channels,
                          error);

    if (r == 0)
        r = bb_asked_time(plant, &channels, "from", given->from, &asked->from_ms, error);
    if (r == 0)
        r = bb_asked_time(plant, &channels, "to", given->to, &asked->to_ms, error);
    if (r == 0)
        r = bb_asked_time(plant, &channels, "as-of", given->as_of, as_of_ms, error);
    return r;
}

int bb_query_group_run(struct bb_command *command, struct bb_plant *plant,
                       const struct bb_query_group *given, struct bb_error *error) {
    struct bb_span tenant = bb_command_tenant(command);
    struct bb_group group;
    struct bb_group_values asked = {
        .group = &group, .channel = bb_span_of(given->channel), .lane = given->lane};
    struct printing p = {.out = command->out,
                         .format = given->format,
                         .group = bb_span_of(given->group ? given->group : "-"),
                         .json = bb_command_json(command)};
    struct bb_group_seen seen;
    struct bb_arena arena;
    int64_t as_of_ms;

    bb_arena_init(&arena, 64 << 10, 1 << 20);
    int r = read_times(plant, given, tenant, &asked, &as_of_ms, error);
    if (r == 0 && given->zone)
        r = bb_zone_set_get(plant->zones, bb_span_of(given->zone), &p.zone, error);
    if (r == 0)
        r = bb_group_find(plant, tenant, p.group, bb_span_of(given->expression), as_of_ms, &arena,
                          &group, error);
    if (r == 0) {
        begin(&p);
        r = bb_group_values_run(plant, &asked, print_row, &p, &seen, error);
        end(&p, command);
    }
    bb_arena_release(&arena);
    if (r < 0)
        bb_buffer_clear(&command->out->buffer); /* half an answer is none */
    return r < 0 ? r : BB_EXIT_DONE;
}
