/* PostgreSQL's binary form: parameters of statements, arrays, rows of COPY, and values of results.
 *
 * Numbers are big-endian and of the width of their type; bytea and text are their bytes. Inline and pure. */
#ifndef BB_ADAPTER_POSTGRES_BINARY_H
#define BB_ADAPTER_POSTGRES_BINARY_H

#include <limits.h>

#include "adapter/postgres_internal.h"
#include "base/buffer.h"

/* Types of elements of arrays (catalog pg_type; never change). */
enum bb_postgres_type {
    BB_POSTGRES_BYTEA = 17,
    BB_POSTGRES_INT8 = 20,
    BB_POSTGRES_INT2 = 21,
    BB_POSTGRES_INT4 = 23,
    BB_POSTGRES_TEXT = 25,
    BB_POSTGRES_TIMESTAMPTZ = 1184, /* microseconds since 2000 */
};

/* ---- parameters: `$1` is what is put first */

enum { BB_POSTGRES_PARAMETERS_MAX = 24 };

struct bb_postgres_parameters {
    int count;
    const char *values[BB_POSTGRES_PARAMETERS_MAX]; /* NULL: SQL's NULL */
    int lengths[BB_POSTGRES_PARAMETERS_MAX];
    int formats[BB_POSTGRES_PARAMETERS_MAX];
    uint64_t numbers[BB_POSTGRES_PARAMETERS_MAX]; /* big-endian; the parameters must not move */
};

static inline void bb_postgres_put(struct bb_postgres_parameters *p, const void *data,
                                   size_t size) {
    BB_ASSERT(p->count < BB_POSTGRES_PARAMETERS_MAX && size <= INT_MAX);
    p->values[p->count] = data;
    p->lengths[p->count] = (int)size;
    p->formats[p->count++] = 1;
}

static inline void bb_postgres_put_null(struct bb_postgres_parameters *p) {
    bb_postgres_put(p, NULL, 0);
}

/* bytea or text. */
static inline void bb_postgres_put_span(struct bb_postgres_parameters *p, struct bb_span s) {
    bb_postgres_put(p, s.data ? s.data : "", s.size);
}

static inline void bb_postgres_put_int64(struct bb_postgres_parameters *p, int64_t value) {
    uint64_t big = __builtin_bswap64((uint64_t)value);
    memcpy(&p->numbers[p->count], &big, sizeof big);
    bb_postgres_put(p, &p->numbers[p->count], sizeof big);
}

static inline void bb_postgres_put_int32(struct bb_postgres_parameters *p, int32_t value) {
    uint32_t big = __builtin_bswap32((uint32_t)value);
    memcpy(&p->numbers[p->count], &big, sizeof big);
    bb_postgres_put(p, &p->numbers[p->count], sizeof big);
}

static inline void bb_postgres_put_int16(struct bb_postgres_parameters *p, int16_t value) {
    uint16_t big = __builtin_bswap16((uint16_t)value);
    memcpy(&p->numbers[p->count], &big, sizeof big);
    bb_postgres_put(p, &p->numbers[p->count], sizeof big);
}

/* ---- into a buffer: fields of COPY's rows, elements of arrays. Each is its length and its bytes. */

static inline void bb_postgres_write_int16(struct bb_buffer *out, int16_t value) {
    uint16_t big = __builtin_bswap16((uint16_t)value);
    bb_buffer_append(out, &big, sizeof big);
}

static inline void bb_postgres_write_int32(struct bb_buffer *out, int32_t value) {
    uint32_t big = __builtin_bswap32((uint32_t)value);
    bb_buffer_append(out, &big, sizeof big);
}

static inline void bb_postgres_write_int64(struct bb_buffer *out, int64_t value) {
    uint64_t big = __builtin_bswap64((uint64_t)value);
    bb_buffer_append(out, &big, sizeof big);
}

static inline void bb_postgres_field_null(struct bb_buffer *out) {
    bb_postgres_write_int32(out, -1);
}

static inline void bb_postgres_field_span(struct bb_buffer *out, struct bb_span s) {
    bb_postgres_write_int32(out, (int32_t)s.size);
    bb_buffer_append_span(out, s);
}

static inline void bb_postgres_field_int64(struct bb_buffer *out, int64_t value) {
    bb_postgres_write_int32(out, 8);
    bb_postgres_write_int64(out, value);
}

static inline void bb_postgres_field_int32(struct bb_buffer *out, int32_t value) {
    bb_postgres_write_int32(out, 4);
    bb_postgres_write_int32(out, value);
}

static inline void bb_postgres_field_int16(struct bb_buffer *out, int16_t value) {
    bb_postgres_write_int32(out, 2);
    bb_postgres_write_int16(out, value);
}

/* What an array begins with; `count` elements follow as fields. */
static inline void bb_postgres_array(struct bb_buffer *out, enum bb_postgres_type type,
                                     bool has_nulls, size_t count) {
    bb_postgres_write_int32(out, count > 0); /* dimensions */
    bb_postgres_write_int32(out, has_nulls);
    bb_postgres_write_int32(out, (int32_t)type);
    if (count == 0)
        return;
    bb_postgres_write_int32(out, (int32_t)count);
    bb_postgres_write_int32(out, 1); /* index of the first one */
}

/* A length that is known only once what it measures is written: the place to give to _measured. */
static inline size_t bb_postgres_measure(struct bb_buffer *out) {
    bb_postgres_write_int32(out, 0);
    return out->size;
}

static inline void bb_postgres_measured(struct bb_buffer *out, size_t place) {
    if (out->overflow)
        return;
    uint32_t big = __builtin_bswap32((uint32_t)(out->size - place));
    memcpy(out->data + place - sizeof big, &big, sizeof big);
}

/* ---- COPY ... FROM STDIN (FORMAT binary): begin, rows of fields, end. */

static inline void bb_postgres_copy_begin(struct bb_buffer *out) {
    bb_buffer_append(out, "PGCOPY\n\377\r\n\0", 11);
    bb_postgres_write_int32(out, 0); /* flags */
    bb_postgres_write_int32(out, 0); /* no extension of the header */
}

static inline void bb_postgres_copy_row(struct bb_buffer *out, int16_t fields) {
    bb_postgres_write_int16(out, fields);
}

static inline void bb_postgres_copy_end(struct bb_buffer *out) {
    bb_postgres_write_int16(out, -1);
}

/* ---- results */

static inline struct bb_span bb_postgres_span(const PGresult *result, int row, int column) {
    return (struct bb_span){PQgetvalue(result, row, column),
                            (size_t)PQgetlength(result, row, column)};
}

/* smallint, integer and bigint, and boolean as 0 or 1; NULL is 0. */
static inline int64_t bb_postgres_number(const PGresult *result, int row, int column) {
    const unsigned char *bytes = (const unsigned char *)PQgetvalue(result, row, column);
    int size = PQgetlength(result, row, column);
    uint64_t value = size > 1 && bytes[0] >= 128 ? UINT64_MAX : 0;

    for (int i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

#endif
