/* Texts and columns as parameters, rows of results: see registry_postgres_internal.h. */
#include "adapter/registry_postgres_internal.h"

#include "adapter/postgres_text.h"

enum {
    COLUMN_LIMIT_BYTES = 1 << 30, /* of a parameter; the server takes no more */
    TEXTS_CHUNK_BYTES = 4 << 10,
    TEXTS_LIMIT_BYTES = 256 << 20
};

void bb_registry_columns_init(struct registry_columns *c) {
    *c = (struct registry_columns){0};
    bb_arena_init(&c->texts, TEXTS_CHUNK_BYTES, TEXTS_LIMIT_BYTES);
    for (int i = 0; i < REGISTRY_COLUMNS_MAX; i++)
        bb_buffer_init(&c->columns[i], COLUMN_LIMIT_BYTES - 1);
}

void bb_registry_columns_release(struct registry_columns *c) {
    for (int i = 0; i < REGISTRY_COLUMNS_MAX; i++)
        bb_buffer_release(&c->columns[i]);
    bb_arena_release(&c->texts);
}

static struct bb_span keep(struct registry_columns *c, struct bb_span text) {
    struct bb_span kept = bb_postgres_text_keep(text, &c->texts);

    c->full |= !kept.data;
    return kept;
}

/* ---- single values */

struct registry_columns *bb_registry_columns_values(struct registry_columns *c) {
    bb_arena_reset(&c->texts);
    c->full = false;
    c->parameters.count = 0;
    return c;
}

void bb_registry_value_text(struct registry_columns *c, struct bb_span text) {
    bb_postgres_put_span(&c->parameters, keep(c, text));
}

void bb_registry_value_time(struct registry_columns *c, int64_t ms) {
    if (ms == BB_TIME_NONE)
        bb_postgres_put_null(&c->parameters);
    else
        bb_postgres_put_int64(&c->parameters, ms);
}

/* ---- whole columns */

static const enum bb_postgres_type types_by_letter[] = {['t'] = BB_POSTGRES_TEXT,
                                                        ['b'] = BB_POSTGRES_BYTEA,
                                                        ['s'] = BB_POSTGRES_INT2,
                                                        ['i'] = BB_POSTGRES_INT4,
                                                        ['l'] = BB_POSTGRES_INT8};

void bb_registry_columns_begin(struct registry_columns *c, const char *types, size_t count) {
    bb_registry_columns_values(c);
    for (int i = 0; types[i]; i++) {
        BB_ASSERT(i < REGISTRY_COLUMNS_MAX);
        bb_buffer_clear(&c->columns[i]);
        bb_postgres_array(&c->columns[i], types_by_letter[(int)types[i]], true, count);
    }
}

void bb_registry_cell_text(struct registry_columns *c, int column, struct bb_span text) {
    bb_postgres_field_span(&c->columns[column], keep(c, text));
}

void bb_registry_cell_bytes(struct registry_columns *c, int column, struct bb_span bytes) {
    bb_postgres_field_span(&c->columns[column], bytes);
}

void bb_registry_cell_int16(struct registry_columns *c, int column, int64_t value) {
    bb_postgres_field_int16(&c->columns[column], (int16_t)value);
}

void bb_registry_cell_int32(struct registry_columns *c, int column, int64_t value) {
    bb_postgres_field_int32(&c->columns[column], (int32_t)value);
}

void bb_registry_cell_int64(struct registry_columns *c, int column, int64_t value) {
    bb_postgres_field_int64(&c->columns[column], value);
}

void bb_registry_cell_null(struct registry_columns *c, int column) {
    bb_postgres_field_null(&c->columns[column]);
}

int bb_registry_columns_end(struct registry_columns *c, int columns, struct bb_error *error) {
    for (int i = 0; i < columns; i++) {
        c->full |= c->columns[i].overflow;
        bb_postgres_put_span(&c->parameters, bb_buffer_span(&c->columns[i]));
    }
    return c->full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rows of the registry") : 0;
}

/* ---- rows */

struct bb_span bb_registry_result_bytes(const struct registry_row *row, int column) {
    return bb_postgres_span(row->result, row->row, column);
}

struct bb_span bb_registry_result_text(const struct registry_row *row, int column) {
    struct bb_span text = bb_postgres_text_kept(bb_registry_result_bytes(row, column), row->texts);

    *row->full |= !text.data;
    return text;
}

int64_t bb_registry_result_integer(const struct registry_row *row, int column) {
    return bb_postgres_number(row->result, row->row, column);
}

int64_t bb_registry_result_time(const struct registry_row *row, int column) {
    return PQgetisnull(row->result, row->row, column) ? BB_TIME_NONE
                                                      : bb_registry_result_integer(row, column);
}
