/* A block as a row of the table `block`: see store_postgres_schema.c for its columns. Pure. */
#include "adapter/store_postgres_internal.h"

#include "model/unit.h"

/* PostgreSQL's times are microseconds since 2000. */
#define POSTGRES_EPOCH_MS INT64_C(946684800000)

static bool has_columns(uint8_t lane) {
    return lane == BB_LANE_RAW || lane == BB_LANE_VEE || lane == BB_LANE_DAY;
}

static int64_t microseconds(int64_t ms) {
    return (ms - POSTGRES_EPOCH_MS) * 1000;
}

/* What the row is made of: the values of the block, without the least and greatest of a period. */
struct values {
    const struct bb_block *block;
    uint32_t *rows; /* numbers of the block's rows */
    uint32_t count;
    bool alike, regular, wide, missing;
    int64_t step_s;
};

static const struct bb_attribute *attribute_of(const struct values *v, uint32_t i) {
    return &v->block->attributes.items[v->block->attribute[v->rows[i]]];
}

static bool is_missing(const struct values *v, uint32_t i) {
    return attribute_of(v, i)->quality.state == BB_STATE_MISSING;
}

static bool values_choose(struct values *v, struct bb_arena *scratch) {
    const struct bb_block *b = v->block;

    v->rows = bb_arena_take_array(scratch, b->count ? b->count : 1, sizeof *v->rows);
    if (!v->rows)
        return false;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->attributes.items[b->attribute[i]].statistic == BB_STATISTIC_VALUE)
            v->rows[v->count++] = i;
    return v->count > 0 && v->count <= INT32_MAX / 32 && b->attributes.count <= INT16_MAX;
}

static void values_look(struct values *v) {
    const struct bb_block *b = v->block;
    const int64_t first_ms = b->end_ms[v->rows[0]];
    int64_t step_ms = v->count > 1 ? b->end_ms[v->rows[1]] - first_ms
                                   : (int64_t)attribute_of(v, 0)->length_s * 1000;

    v->alike = true;
    /* Ends of the lane vee are what hides values of raw: they are always told. */
    v->regular = b->lane != BB_LANE_VEE && step_ms >= 0 && step_ms % 1000 == 0 &&
                 step_ms / 1000 <= INT32_MAX;
    for (uint32_t i = 0; i < v->count; i++) {
        int64_t mantissa = b->mantissa[v->rows[i]];
        v->alike = v->alike && b->attribute[v->rows[i]] == b->attribute[v->rows[0]];
        v->regular = v->regular && b->end_ms[v->rows[i]] == first_ms + i * step_ms;
        v->wide = v->wide || mantissa != (int32_t)mantissa;
        v->missing = v->missing || is_missing(v, i);
    }
    v->step_s = step_ms / 1000;
}

/* ---- fields */

static void field_text(struct bb_buffer *out, const char *text) {
    bb_postgres_field_span(out, bb_span_of(text));
}

/* Words for people; a source's code is somebody's text, so that it may hold anything. */
static void field_quality(struct bb_buffer *out, const struct bb_quality *quality) {
    size_t place = bb_postgres_measure(out), at = out->size;

    bb_quality_format(quality, out);
    for (; at < out->size; at++)
        if ((unsigned char)out->data[at] >= 0x80 || (unsigned char)out->data[at] < ' ')
            out->data[at] = '?';
    bb_postgres_measured(out, place);
}

static bool is_plain(const struct bb_quality *quality) {
    static const struct bb_quality plain = {.state = BB_STATE_MEASURED};

    return memcmp(quality, &plain, sizeof plain) == 0;
}

static void put_mantissas(const struct values *v, struct bb_buffer *out) {
    size_t place = bb_postgres_measure(out);

    bb_postgres_array(out, v->wide ? BB_POSTGRES_INT8 : BB_POSTGRES_INT4, v->missing, v->count);
    for (uint32_t i = 0; i < v->count; i++) {
        int64_t mantissa = v->block->mantissa[v->rows[i]];
        if (v->missing && is_missing(v, i))
            bb_postgres_field_null(out);
        else if (v->wide)
            bb_postgres_field_int64(out, mantissa);
        else
            bb_postgres_field_int32(out, (int32_t)mantissa);
    }
    bb_postgres_measured(out, place);
}

static void put_ends(const struct values *v, struct bb_buffer *out) {
    size_t place = bb_postgres_measure(out);

    bb_postgres_array(out, BB_POSTGRES_TIMESTAMPTZ, false, v->count);
    for (uint32_t i = 0; i < v->count; i++)
        bb_postgres_field_int64(out, microseconds(v->block->end_ms[v->rows[i]]));
    bb_postgres_measured(out, place);
}

static void put_indices(const struct values *v, struct bb_buffer *out) {
    size_t place = bb_postgres_measure(out);

    bb_postgres_array(out, BB_POSTGRES_INT2, false, v->count);
    for (uint32_t i = 0; i < v->count; i++)
        bb_postgres_field_int16(out, (int16_t)(v->block->attribute[v->rows[i]] + 1));
    bb_postgres_measured(out, place);
}

enum column { EXPONENTS, LENGTHS, UNITS, QUALITIES };

/* One column of the block's attributes. */
static void put_attributes(const struct values *v, enum column column, struct bb_buffer *out) {
    static const enum bb_postgres_type types[] = {[EXPONENTS] = BB_POSTGRES_INT2,
                                                  [LENGTHS] = BB_POSTGRES_INT4,
                                                  [UNITS] = BB_POSTGRES_TEXT,
                                                  [QUALITIES] = BB_POSTGRES_TEXT};
    size_t place = bb_postgres_measure(out);

    bb_postgres_array(out, types[column], false, v->block->attributes.count);
    for (uint32_t i = 0; i < v->block->attributes.count; i++) {
        const struct bb_attribute *a = &v->block->attributes.items[i];
        if (column == EXPONENTS)
            bb_postgres_field_int16(out, a->exponent);
        else if (column == LENGTHS)
            bb_postgres_field_int32(out, (int32_t)a->length_s);
        else if (column == UNITS)
            field_text(out, bb_unit_symbol(a->unit));
        else
            field_quality(out, &a->quality);
    }
    bb_postgres_measured(out, place);
}

static void put_nulls(struct bb_buffer *out, int count) {
    for (int i = 0; i < count; i++)
        bb_postgres_field_null(out);
}

/* start_at, step_s, length_s. */
static void put_times(const struct values *v, struct bb_buffer *out) {
    if (v->regular) {
        bb_postgres_field_int64(
            out, microseconds(v->block->end_ms[v->rows[0]] - v->step_s * INT64_C(1000)));
        bb_postgres_field_int32(out, (int32_t)v->step_s);
    } else {
        put_nulls(out, 2);
    }
    if (v->alike)
        bb_postgres_field_int32(out, (int32_t)attribute_of(v, 0)->length_s);
    else
        put_nulls(out, 1);
}

/* exponent, unit, quality. */
static void put_alike(const struct values *v, struct bb_buffer *out) {
    const struct bb_attribute *a = attribute_of(v, 0);

    if (!v->alike) {
        put_nulls(out, 3);
        return;
    }
    bb_postgres_field_int16(out, a->exponent);
    field_text(out, bb_unit_symbol(a->unit));
    if (is_plain(&a->quality))
        put_nulls(out, 1);
    else
        field_quality(out, &a->quality);
}

/* From value to qualities. */
static void put_arrays(const struct values *v, struct bb_buffer *out) {
    put_nulls(out, v->wide);
    put_mantissas(v, out);
    put_nulls(out, !v->wide);
    if (v->regular)
        put_nulls(out, 1);
    else
        put_ends(v, out);
    if (v->alike) {
        put_nulls(out, 5);
        return;
    }
    put_indices(v, out);
    for (enum column column = EXPONENTS; column <= QUALITIES; column++)
        put_attributes(v, column, out);
}

void bb_store_postgres_row(const struct bb_block_key *key, struct bb_span packed,
                           struct bb_arena *scratch, struct bb_buffer *out) {
    struct bb_error ignored;
    struct bb_block block;
    struct values v = {.block = &block};

    bb_arena_reset(scratch);
    /* What cannot be unpacked is kept all the same: to the port a block is bytes. */
    bool has_values = packed.size > 0 && has_columns(key->lane) &&
                      bb_block_unpack(packed, scratch, &block, &ignored) == 0 &&
                      values_choose(&v, scratch);
    if (has_values)
        values_look(&v);
    bb_postgres_field_int32(out, key->span);
    bb_postgres_field_int64(out, key->channel);
    if (has_values)
        put_times(&v, out);
    else
        put_nulls(out, 3);
    bb_postgres_field_int16(out, key->lane);
    if (has_values)
        put_alike(&v, out);
    else
        put_nulls(out, 3);
    if (packed.size > 0)
        bb_postgres_field_span(out, packed);
    else
        put_nulls(out, 1);
    if (has_values)
        put_arrays(&v, out);
    else
        put_nulls(out, 8);
}

/* ---- names of channels */

/* Text as PostgreSQL takes it: UTF-8 in its shortest form, no surrogates, no NUL. */
static bool is_text(struct bb_span s) {
    for (size_t i = 0; i < s.size;) {
        unsigned char c = (unsigned char)s.data[i];
        size_t more = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 4;
        if (c == 0 || more == 4 || s.size - i <= more)
            return false;
        unsigned char second = more > 0 ? (unsigned char)s.data[i + 1] : 0x80;
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
            (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
            return false;
        for (size_t k = 1; k <= more; k++)
            if (((unsigned char)s.data[i + k] & 0xc0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

bool bb_store_postgres_channel_parts(struct bb_span name, struct bb_span parts[3]) {
    for (int i = 0; i < 3; i++) {
        const char *zero = i < 2 && name.size > 0 ? memchr(name.data, 0, name.size) : NULL;
        if (i < 2 && !zero)
            return false;
        parts[i] = (struct bb_span){name.data, zero ? (size_t)(zero - name.data) : name.size};
        if (!is_text(parts[i]))
            return false;
        if (zero)
            name = (struct bb_span){zero + 1, name.size - parts[i].size - 1};
    }
    return true;
}
