/* Values to steps: what a field holds, and what for it is wanted. See avro_compile_internal.h. */
#include "codec/avro_compile_internal.h"

/* The fields of a reading that a slot fills, a bit each. */
static uint32_t fields_of(const struct bb_binding *binding, int slot) {
    uint32_t fields = 0;

    for (uint32_t i = 0; i < binding->shared_count; i++)
        if ((int)binding->shared[i].slot == slot)
            fields |= BB_FIELD_BIT(binding->shared[i].field);
    for (uint32_t i = 0; i < binding->channel_count; i++)
        for (uint32_t k = 0; k < binding->channels[i].own_count; k++)
            if ((int)binding->channels[i].own[k].slot == slot)
                fields |= BB_FIELD_BIT(binding->channels[i].own[k].field);
    return fields;
}

/* Only what serves as nothing else than a value, or a time, need not be a text. */
static enum bb_avro_use use_of(uint32_t fields) {
    const uint32_t times = BB_FIELD_BIT(BB_FIELD_TIMESTAMP) | BB_FIELD_BIT(BB_FIELD_START) |
                           BB_FIELD_BIT(BB_FIELD_ISSUED) | BB_FIELD_BIT(BB_FIELD_TIME);

    if (fields == BB_FIELD_BIT(BB_FIELD_VALUE))
        return BB_AVRO_AS_VALUE;
    return fields != 0 && !(fields & ~times) ? BB_AVRO_AS_TIME : BB_AVRO_AS_TEXT;
}

static uint8_t logical_of(const struct bb_avro_node *wrote, const struct bb_avro_node *reads) {
    return reads && reads->logical ? reads->logical : wrote->logical;
}

/* The precision of a time that is a number and no more: as the map says, else the caller; else nobody. */
static enum bb_precision precision_of(const struct bb_avro_compiler *c) {
    enum bb_precision told = bb_precision_of_style(c->binding->map->time_style);

    return told ? told : c->precision;
}

/* × a / b gives milliseconds. False: it is no time, or nobody says what it counts. */
static bool set_moment(const struct bb_avro_compiler *c, uint8_t logical, uint32_t fields,
                       struct bb_avro_step *step) {
    static const struct {
        uint32_t a, b;
        uint8_t flags;
    } known[] = {
        [BB_AVRO_DATE] = {86400000, 1, BB_MOMENT_LOCAL},
        [BB_AVRO_CLOCK_MS] = {1, 1, BB_MOMENT_LOCAL},
        [BB_AVRO_CLOCK_US] = {1, 1000, BB_MOMENT_LOCAL},
        [BB_AVRO_MOMENT_MS] = {1, 1, 0},
        [BB_AVRO_MOMENT_US] = {1, 1000, 0},
        [BB_AVRO_MOMENT_NS] = {1, 1000000, 0},
        [BB_AVRO_LOCAL_MS] = {1, 1, BB_MOMENT_LOCAL},
        [BB_AVRO_LOCAL_US] = {1, 1000, BB_MOMENT_LOCAL},
        [BB_AVRO_LOCAL_NS] = {1, 1000000, BB_MOMENT_LOCAL},
    };
    static const uint32_t counted[][2] = {[BB_PRECISION_S] = {1000, 1},
                                          [BB_PRECISION_MS] = {1, 1},
                                          [BB_PRECISION_US] = {1, 1000},
                                          [BB_PRECISION_NS] = {1, 1000000}};
    const bool is_clock = logical == BB_AVRO_CLOCK_MS || logical == BB_AVRO_CLOCK_US;
    enum bb_precision precision = precision_of(c);

    if (is_clock != (fields == BB_FIELD_BIT(BB_FIELD_TIME)) && logical != BB_AVRO_PLAIN)
        return false; /* a time of day is half a time */
    if (logical >= BB_AVRO_DATE) {
        step->a = known[logical].a;
        step->b = known[logical].b;
        step->flags = known[logical].flags;
        return true;
    }
    if (precision == BB_PRECISION_OWN || fields & BB_FIELD_BIT(BB_FIELD_TIME))
        return false;
    step->a = counted[precision][0];
    step->b = counted[precision][1];
    return true;
}

static int add_symbols(struct bb_avro_compiler *c, const struct bb_avro_node *w,
                       const struct bb_avro_node *r, struct bb_avro_step *step) {
    struct bb_avro_program *p = c->program;

    step->a = p->symbol_count;
    step->b = w->count;
    for (uint32_t i = 0; i < w->count; i++) {
        struct bb_cell cell = bb_cell_of(w->symbols[i]);
        bool known = !r;
        for (uint32_t k = 0; r && k < r->count && !known; k++)
            known = bb_span_equal(r->symbols[k], w->symbols[i]);
        if (!known)
            cell = r->fallback_symbol >= 0 ? bb_cell_of(r->symbols[r->fallback_symbol])
                                           : (struct bb_cell){.type = BB_CELL_ABSENT};
        if (!bb_avro_grow(&p->symbols, p->symbol_count, &p->symbol_capacity, sizeof *p->symbols))
            return bb_avro_no_memory(c);
        p->symbols[p->symbol_count++] = cell;
    }
    return 0;
}

/* A slot that the next reading may leave open is emptied before it. */
static int note_reset(struct bb_avro_compiler *c, int slot) {
    struct bb_avro_program *p = c->program;
    uint32_t **slots = c->in_rows ? &p->row_reset : &p->reset;
    uint32_t *count = c->in_rows ? &p->row_reset_count : &p->reset_count;
    uint32_t *capacity = c->in_rows ? &p->row_reset_capacity : &p->reset_capacity;

    for (uint32_t i = 0; i < *count; i++)
        if ((*slots)[i] == (uint32_t)slot)
            return 0;
    if (!bb_avro_grow(slots, *count, capacity, sizeof **slots))
        return bb_avro_no_memory(c);
    (*slots)[(*count)++] = (uint32_t)slot;
    return 0;
}

static uint8_t op_of_bytes(const struct bb_avro_node *w, uint8_t logical) {
    const bool fixed = w->type == BB_AVRO_FIXED;

    if (logical == BB_AVRO_DECIMAL)
        return fixed ? BB_AVRO_TAKE_FIXED_DECIMAL : BB_AVRO_TAKE_DECIMAL;
    if (logical == BB_AVRO_UUID && fixed)
        return BB_AVRO_TAKE_UUID;
    return fixed ? BB_AVRO_TAKE_FIXED : BB_AVRO_TAKE_TEXT;
}

int bb_avro_compile_leaf(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    static const uint8_t ops[] = {
        [BB_AVRO_NULL] = BB_AVRO_TAKE_NULL,    [BB_AVRO_BOOLEAN] = BB_AVRO_TAKE_BOOLEAN,
        [BB_AVRO_INT] = BB_AVRO_TAKE_NUMBER,   [BB_AVRO_LONG] = BB_AVRO_TAKE_NUMBER,
        [BB_AVRO_FLOAT] = BB_AVRO_TAKE_FLOAT,  [BB_AVRO_DOUBLE] = BB_AVRO_TAKE_DOUBLE,
        [BB_AVRO_BYTES] = BB_AVRO_TAKE_TEXT,   [BB_AVRO_STRING] = BB_AVRO_TAKE_TEXT,
        [BB_AVRO_RECORD] = BB_AVRO_TAKE_OTHER, [BB_AVRO_ENUM] = BB_AVRO_TAKE_ENUM,
        [BB_AVRO_ARRAY] = BB_AVRO_TAKE_OTHER,  [BB_AVRO_MAP] = BB_AVRO_TAKE_OTHER,
        [BB_AVRO_UNION] = BB_AVRO_TAKE_OTHER,  [BB_AVRO_FIXED] = BB_AVRO_TAKE_FIXED,
    };
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const struct bb_avro_node *r = reads >= 0 ? bb_avro_node(c->reader, (uint32_t)reads) : NULL;
    const uint8_t logical = logical_of(w, r);
    struct bb_avro_step step = {.op = ops[w->type], .slot = slot, .node = wrote};
    int failure = 0;

    if (slot == BB_SLOT_NONE)
        return bb_avro_emit_skip(c, wrote);
    uint32_t fields = fields_of(c->binding, slot);
    step.use = (uint8_t)use_of(fields);
    if (step.op == BB_AVRO_TAKE_TEXT || step.op == BB_AVRO_TAKE_FIXED) {
        step.op = op_of_bytes(w, logical);
        step.a = w->size;
        step.b = w->logical == BB_AVRO_DECIMAL ? w->scale : r ? r->scale : 0;
    } else if (step.op == BB_AVRO_TAKE_NUMBER && step.use == BB_AVRO_AS_TIME &&
               !set_moment(c, logical, fields, &step)) {
        step.use = BB_AVRO_AS_TEXT; /* which is refused with a reason */
    } else if (step.op == BB_AVRO_TAKE_ENUM) {
        failure = add_symbols(c, w, r, &step);
    }
    if (failure == 0 && c->conditional > 0)
        failure = note_reset(c, slot);
    c->taken++;
    return failure ? failure : bb_avro_emit(c, step);
}
