/* A row of a list: see record.h. */
#include "answer/record.h"

#include <inttypes.h>
#include <stdio.h>

void bb_record_begin(struct bb_record *record, const struct bb_field_row *rows, size_t row_count) {
    BB_ASSERT(row_count <= BB_RECORD_FIELDS_MAX);
    record->rows = rows;
    record->row_count = row_count;
    record->count = 0;
    record->text_size = 0;
}

static void add(struct bb_record *record, struct bb_field field) {
    BB_ASSERT(record->count < record->row_count);
    record->fields[record->count++] = field;
}

void bb_record_text(struct bb_record *record, struct bb_span text) {
    add(record, (struct bb_field){.kind = BB_FIELD_TEXT, .text = text});
}

void bb_record_name(struct bb_record *record, const char *name) {
    bb_record_text(record, bb_span_of(name));
}

void bb_record_number(struct bb_record *record, int64_t number) {
    add(record, (struct bb_field){.kind = BB_FIELD_NUMBER, .number = number});
}

void bb_record_flag(struct bb_record *record, bool flag) {
    add(record, (struct bb_field){.kind = BB_FIELD_FLAG, .number = flag});
}

void bb_record_time(struct bb_record *record, int64_t ms) {
    if (ms == BB_TIME_NONE)
        bb_record_nothing(record);
    else
        add(record, (struct bb_field){.kind = BB_FIELD_TIME, .number = ms});
}

void bb_record_items(struct bb_record *record, struct bb_span json) {
    add(record, (struct bb_field){.kind = BB_FIELD_ITEMS, .text = json});
}

void bb_record_nothing(struct bb_record *record) {
    add(record, (struct bb_field){.kind = BB_FIELD_NOTHING});
}

static struct bb_span keep(struct bb_record *record, struct bb_span text) {
    char *copy = record->texts + record->text_size;

    BB_ASSERT(text.size <= sizeof record->texts - record->text_size);
    if (text.size)
        memcpy(copy, text.data, text.size);
    record->text_size += text.size;
    return (struct bb_span){copy, text.size};
}

void bb_record_copy(struct bb_record *record, struct bb_span text) {
    bb_record_text(record, keep(record, text));
}

void bb_record_digits(struct bb_record *record, struct bb_span digits) {
    add(record, (struct bb_field){.kind = BB_FIELD_DIGITS, .text = keep(record, digits)});
}

static void put_value(const struct bb_field *field, struct bb_json *json) {
    char text[BB_TIME_TEXT_MAX];

    switch (field->kind) {
    case BB_FIELD_TEXT: bb_json_text(json, field->text); break;
    case BB_FIELD_NUMBER: bb_json_i64(json, field->number); break;
    case BB_FIELD_TIME:
        bb_json_text(json, (struct bb_span){text, bb_time_format_utc(field->number, text)});
        break;
    case BB_FIELD_FLAG: bb_json_bool(json, field->number != 0); break;
    case BB_FIELD_DIGITS: bb_json_raw(json, field->text); break;
    case BB_FIELD_ITEMS:
        bb_json_array_begin(json);
        if (field->text.size > 0)
            bb_json_raw(json, field->text);
        bb_json_array_end(json);
        break;
    case BB_FIELD_NOTHING: bb_json_null(json); break;
    }
}

void bb_record_put_members(const struct bb_record *record, struct bb_json *json) {
    BB_ASSERT(record->count == record->row_count);
    for (size_t i = 0; i < record->count; i++) {
        if (record->rows[i].is_gist)
            continue;
        bb_json_key(json, record->rows[i].name);
        put_value(&record->fields[i], json);
    }
}

void bb_record_put_json(const struct bb_record *record, struct bb_json *json) {
    bb_json_object_begin(json);
    bb_record_put_members(record, json);
    bb_json_object_end(json);
}

static bool is_plain(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (strchr(",\"\r\n", text.data[i]))
            return false;
    return true;
}

void bb_csv_put_cell(struct bb_buffer *out, struct bb_span text) {
    if (is_plain(text)) {
        bb_buffer_append_span(out, text);
        return;
    }
    bb_buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            bb_buffer_append_byte(out, '"');
        bb_buffer_append_byte(out, (uint8_t)text.data[i]);
    }
    bb_buffer_append_byte(out, '"');
}

void bb_record_put_csv_titles(const struct bb_field_row *rows, size_t row_count,
                              struct bb_buffer *out) {
    for (size_t i = 0; i < row_count; i++)
        if (!rows[i].is_gist)
            bb_buffer_format(out, "%s%s", i ? "," : "", rows[i].name);
    bb_buffer_append_byte(out, '\n');
}

void bb_record_put_csv(const struct bb_record *record, struct bb_buffer *out) {
    char memory[BB_RECORD_CELL_MAX];

    BB_ASSERT(record->count == record->row_count);
    for (size_t i = 0; i < record->count; i++) {
        const struct bb_field *field = &record->fields[i];
        if (record->rows[i].is_gist)
            continue;
        bb_buffer_append(out, ",", i > 0);
        if (field->kind == BB_FIELD_FLAG)
            bb_buffer_append_span(out, field->number ? BB_SPAN("true") : BB_SPAN("false"));
        else
            bb_csv_put_cell(out, bb_record_cell(field, memory));
    }
    bb_buffer_append_byte(out, '\n');
}

struct bb_span bb_record_cell(const struct bb_field *field, char memory[BB_RECORD_CELL_MAX]) {
    _Static_assert((int)BB_RECORD_CELL_MAX >= (int)BB_TIME_TEXT_MAX, "a time fits");

    switch (field->kind) {
    case BB_FIELD_NUMBER:
        return (struct bb_span){
            memory, (size_t)snprintf(memory, BB_RECORD_CELL_MAX, "%" PRId64, field->number)};
    case BB_FIELD_TIME: return (struct bb_span){memory, bb_time_format_utc(field->number, memory)};
    case BB_FIELD_FLAG: return bb_span_of(field->number ? "yes" : "");
    default: return field->text;
    }
}
