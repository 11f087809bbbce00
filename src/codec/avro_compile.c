/* Schemas to steps: see avro_program_internal.h. Run once per writer's schema, twice over it: first to
 * find which field fills which slot, then to write the steps. */
#include "codec/avro_compile_internal.h"

#include <stdlib.h>

enum { ARENA_CHUNK = 4 << 10, ARENA_LIMIT = 32 << 20, DEFAULTS_MAX = 1 << 20 };

int bb_avro_no_memory(struct bb_avro_compiler *c) {
    return BB_FAIL(c->error, BB_E_NO_MEMORY, "no memory for the program of an Avro schema");
}

bool bb_avro_grow(void *array, uint32_t count, uint32_t *capacity, size_t size) {
    void **items = array, *grown;
    uint32_t wanted = *capacity ? *capacity * 2 : 16;

    if (count < *capacity)
        return true;
    if (wanted > 4 * BB_AVRO_STEPS_MAX || !(grown = realloc(*items, wanted * size)))
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

int bb_avro_misfit(struct bb_avro_compiler *c, uint32_t wrote, int reads) {
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const char *reads_type = "a union without it";

    if (reads >= 0 && c->reader->nodes[reads].type != BB_AVRO_UNION)
        reads_type = bb_avro_type_name(c->reader->nodes[reads].type);
    return BB_FAIL(c->error, BB_E_AVRO_RESOLUTION,
                   "the field \"%.*s\" is written as %s %.60s and cannot be read as %s",
                   (int)c->path_size, c->path, bb_avro_type_name(w->type),
                   w->name.size > 0 ? w->name.data : "", reads_type);
}

/* ---- steps ---- */

int bb_avro_emit(struct bb_avro_compiler *c, struct bb_avro_step step) {
    struct bb_avro_program *p = c->program;

    if (p->step_count >= BB_AVRO_STEPS_MAX)
        return BB_FAIL(c->error, BB_E_AVRO_SCHEMA, "the schema has too many fields: %d steps",
                       BB_AVRO_STEPS_MAX);
    if (!bb_avro_grow(&p->steps, p->step_count, &p->step_capacity, sizeof *p->steps))
        return bb_avro_no_memory(c);
    p->steps[p->step_count++] = step;
    return 0;
}

static int skip_more(struct bb_avro_compiler *c, enum bb_avro_op op, uint32_t count) {
    struct bb_avro_program *p = c->program;

    if (p->step_count > c->barrier && p->steps[p->step_count - 1].op == op &&
        (uint64_t)p->steps[p->step_count - 1].a + count <= UINT32_MAX) {
        p->steps[p->step_count - 1].a += count;
        return 0;
    }
    return bb_avro_emit(c, (struct bb_avro_step){.op = (uint8_t)op, .a = count});
}

int bb_avro_emit_skip(struct bb_avro_compiler *c, uint32_t index) {
    const struct bb_avro_node *node = bb_avro_node(c->writer, index);

    if (node->bytes == 0)
        return 0;
    if (node->bytes != BB_AVRO_SIZE_VARIES)
        return skip_more(c, BB_AVRO_SKIP_BYTES, (uint32_t)node->bytes);
    switch (node->type) {
    case BB_AVRO_INT:
    case BB_AVRO_LONG:
    case BB_AVRO_ENUM: return skip_more(c, BB_AVRO_SKIP_VARINT, 1);
    case BB_AVRO_BYTES:
    case BB_AVRO_STRING: return skip_more(c, BB_AVRO_SKIP_TEXT, 1);
    default: return bb_avro_emit(c, (struct bb_avro_step){.op = BB_AVRO_SKIP_NODE, .node = index});
    }
}

static int end_steps(struct bb_avro_compiler *c) {
    int failure = bb_avro_emit(c, (struct bb_avro_step){.op = BB_AVRO_END});

    c->barrier = c->program->step_count;
    return failure;
}

/* ---- which field fills which slot ---- */

static struct bb_span path_of(const struct bb_avro_compiler *c) {
    return (struct bb_span){c->path, c->path_size};
}

/* Add ".name"; false: no map names anything that long. */
static bool enter(struct bb_avro_compiler *c, struct bb_span name) {
    if (c->path_size + 1 + name.size > BB_AVRO_PATH_MAX)
        return false;
    if (c->path_size > 0)
        c->path[c->path_size++] = '.';
    memcpy(c->path + c->path_size, name.data, name.size);
    c->path_size += name.size;
    return true;
}

static int claim(struct bb_avro_compiler *c, int slot, int rank) {
    struct bb_span path = bb_arena_copy(&c->program->arena, path_of(c));
    struct bb_avro_claim *found = NULL;

    if (!path.data)
        return bb_avro_no_memory(c);
    for (uint32_t i = 0; i < c->claim_count && !found; i++)
        found = c->claims[i].slot == slot ? &c->claims[i] : NULL;
    if (!found) {
        if (!bb_avro_grow(&c->claims, c->claim_count, &c->claim_capacity, sizeof *c->claims))
            return bb_avro_no_memory(c);
        found = &c->claims[c->claim_count++];
        *found = (struct bb_avro_claim){slot, rank, path, {NULL, 0}};
    } else if (rank < found->rank) {
        *found = (struct bb_avro_claim){slot, rank, path, {NULL, 0}};
    } else if (rank == found->rank && !bb_span_equal(found->path, path)) {
        found->rival = path;
    }
    return 0;
}

static bool is_number(const struct bb_avro_compiler *c, uint32_t index) {
    const struct bb_avro_node *node = bb_avro_node(c->writer, index);

    if (node->type == BB_AVRO_UNION) {
        for (uint32_t i = 0; i < node->count; i++)
            if (is_number(c, node->branches[i])) /* a union holds no other union */
                return true;
        return false;
    }
    return node->logical == BB_AVRO_DECIMAL ||
           (node->logical == BB_AVRO_PLAIN && node->type >= BB_AVRO_INT &&
            node->type <= BB_AVRO_DOUBLE);
}

/* Where the field at hand goes. */
static int slot_of(struct bb_avro_compiler *c, uint32_t wrote, int *slot) {
    const bool top = c->path_size > 0 && !memchr(c->path, '.', c->path_size);
    uint32_t hint = 0;
    int rank = 0;

    *slot = c->path_size > 0
                ? bb_binding_slot(c->binding, path_of(c), top && is_number(c, wrote), &hint, &rank)
                : BB_SLOT_NONE;
    if (*slot == BB_SLOT_FAILED)
        return bb_avro_no_memory(c);
    if (*slot == BB_SLOT_NONE)
        return 0;
    if (c->collecting)
        return claim(c, *slot, rank);
    for (uint32_t i = 0; i < c->claim_count; i++)
        if (c->claims[i].slot == *slot && bb_span_equal(c->claims[i].path, path_of(c)))
            return 0;
    *slot = BB_SLOT_NONE; /* another spelling was better */
    return 0;
}

static int check_claims(struct bb_avro_compiler *c) {
    for (uint32_t i = 0; i < c->claim_count; i++)
        if (c->claims[i].rival.data)
            return BB_FAIL(
                c->error, BB_E_AVRO_SCHEMA,
                "the fields \"%.80s\" and \"%.80s\" mean the same; say in a map which one "
                "is meant",
                c->claims[i].path.data, c->claims[i].rival.data);
    return 0;
}

/* ---- structure ---- */

static int compile(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot);

static int compile_field(struct bb_avro_compiler *c, uint32_t wrote, int reads,
                         struct bb_span name) {
    const size_t before = c->path_size;
    int slot;

    if (!enter(c, name))
        return bb_avro_emit_skip(c, wrote);
    int failure = slot_of(c, wrote, &slot);
    if (failure == 0)
        failure = compile(c, wrote, reads, slot);
    c->path_size = before;
    return failure;
}

static int compile_missing(struct bb_avro_compiler *c, const struct bb_avro_node *w,
                           const struct bb_avro_node *r);

static int compile_record(struct bb_avro_compiler *c, uint32_t wrote, int reads) {
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const struct bb_avro_node *r = reads >= 0 ? bb_avro_node(c->reader, (uint32_t)reads) : NULL;
    int failure = 0;

    if (c->stack[wrote]) /* a circle: what is deeper has no name */
        return bb_avro_emit_skip(c, wrote);
    c->stack[wrote] = 1;
    for (uint32_t i = 0; i < w->count && failure == 0; i++) {
        const struct bb_avro_field *field = &w->fields[i];
        int match = r ? bb_avro_match_field(field, r) : -1;
        if (!r)
            failure = compile_field(c, field->node, BB_AVRO_NO_READER, field->name);
        else if (match >= 0)
            failure = compile_field(c, field->node, (int)r->fields[match].node,
                                    r->fields[match].name);
        else
            failure = bb_avro_emit_skip(c, field->node);
    }
    c->stack[wrote] = 0;
    return failure || !r ? failure : compile_missing(c, w, r);
}

/* Does null, which was written in a union, read as null? */
static bool null_is_null(const struct bb_avro_compiler *c, uint32_t null, int reads) {
    if (reads < 0)
        return true;
    const struct bb_avro_node *r = bb_avro_node(c->reader, (uint32_t)reads);
    return r->type == BB_AVRO_NULL ||
           (r->type == BB_AVRO_UNION &&
            bb_avro_match_branch(c->writer, null, c->reader, (uint32_t)reads) >= 0);
}

/* Null or a scalar, as most unions are, takes one step. True: it does, and that is compiled, or *failure says
 * why not. */
static bool compile_optional(struct bb_avro_compiler *c, const struct bb_avro_node *w, int reads,
                             int slot, int *failure) {
    struct bb_avro_program *p = c->program;
    const uint32_t begin = p->step_count;

    if (w->count != 2 || slot == BB_SLOT_NONE)
        return false;
    const uint32_t other = bb_avro_node(c->writer, w->branches[0])->type == BB_AVRO_NULL;
    const struct bb_avro_node *scalar = bb_avro_node(c->writer, w->branches[other]);
    const struct bb_avro_node *null = bb_avro_node(c->writer, w->branches[1 - other]);
    if (null->type != BB_AVRO_NULL || !null_is_null(c, w->branches[1 - other], reads) ||
        scalar->type == BB_AVRO_RECORD || scalar->type == BB_AVRO_ARRAY ||
        scalar->type == BB_AVRO_MAP)
        return false;
    c->barrier = begin;
    *failure = compile(c, w->branches[other], reads, slot);
    if (*failure)
        return *failure != -(int)BB_E_AVRO_RESOLUTION; /* then it is refused message by message */
    p->steps[begin].optional = other ? 1 : 2;
    c->barrier = p->step_count;
    return true;
}

static int compile_branch(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    uint32_t begin = c->program->step_count;

    c->barrier = begin;
    int failure = compile(c, wrote, reads, slot);
    if (failure == -(int)BB_E_AVRO_RESOLUTION) { /* only a message that holds it is refused */
        c->program->step_count = begin;
        c->taken++;
        failure = bb_avro_emit(c, (struct bb_avro_step){.op = BB_AVRO_REFUSE});
    }
    return failure ? failure : end_steps(c);
}

static int compile_union(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    struct bb_avro_program *p = c->program;
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const uint32_t begin = p->step_count, taken = c->taken, first = p->branch_count;
    int failure = 0;

    if (compile_optional(c, w, reads, slot, &failure))
        return failure;
    for (uint32_t i = 0; i < w->count; i++, p->branch_count++)
        if (!bb_avro_grow(&p->branches, p->branch_count, &p->branch_capacity, sizeof *p->branches))
            return bb_avro_no_memory(c);
    failure = bb_avro_emit(
        c,
        (struct bb_avro_step){.op = BB_AVRO_RUN_UNION, .a = first, .b = w->count, .node = wrote});
    c->conditional++;
    for (uint32_t i = 0; i < w->count && failure == 0; i++) {
        p->branches[first + i] = p->step_count;
        failure = compile_branch(c, w->branches[i], reads, slot);
    }
    c->conditional--;
    if (failure)
        return failure;
    p->steps[begin].next = p->step_count;
    if (c->taken != taken)
        return 0;
    p->step_count = begin; /* nobody asks for anything in it */
    p->branch_count = first;
    c->barrier = begin;
    return bb_avro_emit_skip(c, wrote);
}

/* An array is passed over, or its items are the readings. */
static int compile_array(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    struct bb_avro_program *p = c->program;
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const uint32_t begin = p->step_count, taken = c->taken;
    const bool wanted = c->path_size == 0 || bb_binding_wants_inside(c->binding, path_of(c));

    if (slot != BB_SLOT_NONE || !wanted || c->in_default || c->in_rows)
        return bb_avro_compile_leaf(c, wrote, reads, slot);
    if (p->has_rows && !c->collecting)
        return BB_FAIL(c->error, BB_E_AVRO_SCHEMA,
                       "the map names fields inside two arrays, one of them \"%.*s\"; readings are "
                       "the items of one",
                       (int)c->path_size, c->path);
    int failure = bb_avro_emit(c, (struct bb_avro_step){.op = BB_AVRO_RUN_ROWS, .node = w->items});
    if (failure)
        return failure;
    const unsigned conditional = c->conditional;
    c->in_rows = true;
    c->conditional = 0;
    c->barrier = p->step_count;
    uint32_t first = p->step_count;
    failure = compile(c, w->items,
                      reads >= 0 ? (int)bb_avro_node(c->reader, (uint32_t)reads)->items : reads,
                      BB_SLOT_NONE);
    c->in_rows = false;
    c->conditional = conditional;
    if (failure == 0)
        failure = end_steps(c);
    if (failure)
        return failure;
    if (c->taken == taken && c->path_size > 0) {
        p->step_count = begin;
        c->barrier = begin;
        return bb_avro_emit_skip(c, wrote);
    }
    if (bb_avro_node(c->writer, w->items)->bytes == 0)
        return BB_FAIL(c->error, BB_E_AVRO_SCHEMA, "the items of the array of readings are empty");
    p->steps[begin].next = p->step_count;
    p->has_rows = true;
    p->rows_node = w->items;
    p->rows_step = first;
    p->rows_end = p->step_count;
    c->taken++;
    return 0;
}

static int compile_key(struct bb_avro_compiler *c, uint32_t values, int reads, struct bb_span key) {
    struct bb_avro_program *p = c->program;

    if (!bb_avro_grow(&p->keys, p->key_count, &p->key_capacity, sizeof *p->keys))
        return bb_avro_no_memory(c);
    uint32_t index = p->key_count++;
    p->keys[index] = (struct bb_avro_key){bb_arena_copy(&p->arena, key), p->step_count};
    if (!p->keys[index].text.data)
        return bb_avro_no_memory(c);
    c->barrier = p->step_count;
    int failure = compile_field(c, values, reads, key);
    return failure ? failure : end_steps(c);
}

static bool has_key(const struct bb_avro_program *p, uint32_t first, struct bb_span key) {
    for (uint32_t i = first; i < p->key_count; i++)
        if (bb_span_equal(p->keys[i].text, key))
            return true;
    return false;
}

static bool holds_fields(const struct bb_avro_compiler *c, uint32_t index) {
    const struct bb_avro_node *node = bb_avro_node(c->writer, index);

    if (node->type == BB_AVRO_UNION) {
        for (uint32_t i = 0; i < node->count; i++)
            if (holds_fields(c, node->branches[i]))
                return true;
        return false;
    }
    return node->type == BB_AVRO_RECORD || node->type == BB_AVRO_MAP;
}

/* The keys that the map names: "tags.muid" in "tags". Keys may hold points themselves, unless the values
 * have fields. */
static int compile_map(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    struct bb_avro_program *p = c->program;
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);
    const uint32_t begin = p->step_count, taken = c->taken, first = p->key_count;
    const bool fields = holds_fields(c, w->items);
    int inner = reads >= 0 ? (int)bb_avro_node(c->reader, (uint32_t)reads)->items : reads;

    if (slot != BB_SLOT_NONE || c->path_size == 0 ||
        !bb_binding_wants_inside(c->binding, path_of(c)))
        return bb_avro_compile_leaf(c, wrote, reads, slot);
    int failure = bb_avro_emit(
        c, (struct bb_avro_step){.op = BB_AVRO_RUN_MAP, .a = first, .node = w->items});
    c->conditional++;
    for (uint32_t i = 0; i < c->binding->name_count && failure == 0; i++) {
        struct bb_span name = c->binding->names[i].name, prefix = path_of(c);
        if (!bb_span_starts_with(name, prefix) || name.size <= prefix.size + 1 ||
            name.data[prefix.size] != '.')
            continue;
        struct bb_span key = {name.data + prefix.size + 1, name.size - prefix.size - 1};
        const char *point = fields ? memchr(key.data, '.', key.size) : NULL;
        key.size = point ? (size_t)(point - key.data) : key.size;
        if (!has_key(p, first, key))
            failure = compile_key(c, w->items, inner, key);
    }
    c->conditional--;
    if (failure)
        return failure;
    p->steps[begin].b = p->key_count - first;
    p->steps[begin].next = p->step_count;
    if (c->taken != taken)
        return 0;
    p->step_count = begin;
    p->key_count = first;
    c->barrier = begin;
    return bb_avro_emit_skip(c, wrote);
}

static int compile(struct bb_avro_compiler *c, uint32_t wrote, int reads, int slot) {
    const struct bb_avro_node *w = bb_avro_node(c->writer, wrote);

    if (++c->visits > BB_AVRO_VISITS_MAX)
        return BB_FAIL(c->error, BB_E_AVRO_SCHEMA, "the schema has too many fields");
    if (w->type == BB_AVRO_UNION)
        return compile_union(c, wrote, reads, slot);
    if (reads >= 0 && bb_avro_node(c->reader, (uint32_t)reads)->type == BB_AVRO_UNION) {
        int branch = bb_avro_match_branch(c->writer, wrote, c->reader, (uint32_t)reads);
        if (branch < 0)
            return bb_avro_misfit(c, wrote, reads);
        reads = (int)bb_avro_node(c->reader, (uint32_t)reads)->branches[branch];
    }
    if (reads >= 0 && !bb_avro_matches(c->writer, wrote, c->reader, (uint32_t)reads))
        return bb_avro_misfit(c, wrote, reads);
    switch (w->type) {
    case BB_AVRO_RECORD: return compile_record(c, wrote, reads);
    case BB_AVRO_ARRAY: return compile_array(c, wrote, reads, slot);
    case BB_AVRO_MAP: return compile_map(c, wrote, reads, slot);
    default: return bb_avro_compile_leaf(c, wrote, reads, slot);
    }
}

/* ---- defaults ---- */

/* Scan one default; its cells become constants. */
static int keep_constants(struct bb_avro_compiler *c, struct bb_avro_program *from,
                          struct bb_span bytes) {
    struct bb_avro_program *p = c->program;
    struct bb_cell *cells = calloc(c->binding->slot_count + 1, sizeof *cells);
    struct bb_avro_scan scan = {.program = from,
                                .schema = c->reader,
                                .end = bytes.data + bytes.size,
                                .padding = bytes.data + bytes.size,
                                .cells = cells,
                                .texts = &p->arena};

    if (!cells)
        return bb_avro_no_memory(c);
    const char *end = bb_avro_run(&scan, 0, bytes.data);
    int failure = end ? 0 : bb_avro_no_memory(c);
    for (uint32_t slot = 0; slot < c->binding->slot_count && failure == 0; slot++) {
        if (cells[slot].type == BB_CELL_ABSENT)
            continue;
        if (!bb_avro_grow(&p->constants, p->constant_count, &p->constant_capacity,
                          sizeof *p->constants))
            failure = bb_avro_no_memory(c);
        else
            p->constants[p->constant_count++] = (struct bb_constant){slot, cells[slot]};
    }
    free(cells);
    return failure;
}

static void release_steps(struct bb_avro_program *p) {
    free(p->steps);
    free(p->branches);
    free(p->keys);
    free(p->symbols);
    free(p->reset);
    free(p->row_reset);
    free(p->constants);
}

/* Compile a field of the reader's schema as what it would be written as, into a program of its own. */
static int take_default(struct bb_avro_compiler *c, const struct bb_avro_field *field) {
    struct bb_avro_program own = {.schema = c->reader};
    struct bb_avro_compiler inner = *c;
    struct bb_buffer bytes;

    /* Its bytes are scanned once; the cells that come of them stand in front of all messages. */
    inner.program = c->collecting ? c->program : &own;
    inner.writer = c->reader;
    inner.reader = NULL;
    inner.in_default = true;
    inner.stack = calloc(c->reader->count, 1);
    inner.barrier = inner.program->step_count;
    bb_buffer_init(&bytes, DEFAULTS_MAX);
    bb_arena_init(&own.arena, ARENA_CHUNK, ARENA_LIMIT);
    int failure = inner.stack ? 0 : bb_avro_no_memory(c);
    if (failure == 0)
        failure = compile_field(&inner, field->node, BB_AVRO_NO_READER, field->name);
    c->claims = inner.claims;
    c->claim_count = inner.claim_count;
    c->claim_capacity = inner.claim_capacity;
    c->visits = inner.visits;
    if (failure == 0)
        failure = end_steps(&inner);
    if (failure == 0)
        failure = bb_avro_encode_default(c->reader, field, &bytes, c->error);
    if (failure == 0 && !c->collecting) {
        struct bb_span kept = bb_arena_copy(
            &c->program->arena, (struct bb_span){bytes.size ? bytes.data : "", bytes.size});
        failure = kept.data ? keep_constants(c, &own, kept) : bb_avro_no_memory(c);
    }
    bb_arena_release(&own.arena);
    release_steps(&own);
    bb_buffer_release(&bytes);
    free(inner.stack);
    return failure;
}

static bool is_written(const struct bb_avro_node *w, const struct bb_avro_node *r, uint32_t field) {
    for (uint32_t i = 0; i < w->count; i++)
        if (bb_avro_match_field(&w->fields[i], r) == (int)field)
            return true;
    return false;
}

/* The fields of the reader's record that the writer's has not. */
static int compile_missing(struct bb_avro_compiler *c, const struct bb_avro_node *w,
                           const struct bb_avro_node *r) {
    for (uint32_t i = 0; i < r->count; i++) {
        const struct bb_avro_field *field = &r->fields[i];
        if (is_written(w, r, i))
            continue;
        if (!field->fallback)
            return BB_FAIL(c->error, BB_E_AVRO_RESOLUTION,
                           "the field \"%.80s\" of the reader's schema is not written and has no "
                           "default",
                           field->name.data);
        const uint32_t before = c->program->constant_count;
        int failure = take_default(c, field);
        if (failure)
            return failure;
        if (c->conditional > 0 && c->program->constant_count > before)
            return BB_FAIL(c->error, BB_E_AVRO_RESOLUTION,
                           "the field \"%.80s\" has only a default, in a record that may not be "
                           "there: its value cannot be told",
                           field->name.data);
    }
    return 0;
}

/* ---- the face ---- */

static int run_pass(struct bb_avro_compiler *c, bool collecting) {
    struct bb_avro_program *p = c->program;

    p->step_count = p->branch_count = p->key_count = p->symbol_count = 0;
    p->reset_count = p->row_reset_count = p->constant_count = 0;
    p->has_rows = false;
    c->collecting = collecting;
    c->barrier = c->taken = 0;
    c->path_size = 0;
    int failure = compile(c, c->writer->root, c->reader ? (int)c->reader->root : BB_AVRO_NO_READER,
                          BB_SLOT_NONE);
    return failure ? failure : end_steps(c);
}

static bool is_in(const uint32_t *slots, uint32_t count, uint32_t slot) {
    for (uint32_t i = 0; i < count; i++)
        if (slots[i] == slot)
            return true;
    return false;
}

/* The array of readings was looked through to its end, so texts and numbers are whole; but a symbol, or a block
 * whose length contradicts its items, is only met when a reading is read. */
static bool can_still_fail(const struct bb_avro_program *p) {
    static const uint32_t harmless = 1u << BB_AVRO_END | 1u << BB_AVRO_SKIP_VARINT |
                                     1u << BB_AVRO_SKIP_BYTES | 1u << BB_AVRO_SKIP_TEXT |
                                     1u << BB_AVRO_TAKE_NULL | 1u << BB_AVRO_TAKE_NUMBER |
                                     1u << BB_AVRO_TAKE_FLOAT | 1u << BB_AVRO_TAKE_DOUBLE |
                                     1u << BB_AVRO_TAKE_TEXT | 1u << BB_AVRO_TAKE_FIXED |
                                     1u << BB_AVRO_TAKE_UUID | 1u << BB_AVRO_TAKE_DECIMAL |
                                     1u << BB_AVRO_TAKE_FIXED_DECIMAL;

    for (uint32_t i = p->rows_step; p->has_rows && i < p->rows_end; i++)
        if (!(harmless >> p->steps[i].op & 1))
            return true;
    return false;
}

/* Is every reading one plain row? Slots past 63 never are part of one. */
static void find_plain(struct bb_avro_compiler *c) {
    struct bb_avro_program *p = c->program;
    uint64_t present = 0;

    for (uint32_t i = 0; i < c->claim_count; i++) {
        uint32_t slot = (uint32_t)c->claims[i].slot;
        if (slot < 64 && !is_in(p->reset, p->reset_count, slot) &&
            !is_in(p->row_reset, p->row_reset_count, slot))
            present |= 1ULL << slot;
    }
    p->is_plain = p->reset_count + p->row_reset_count == 0 &&
                  bb_binding_plain(c->binding, present, &p->plain);
}

int bb_avro_compile(const struct bb_avro_schema *writer, const struct bb_avro_schema *reader,
                    struct bb_binding *binding, enum bb_precision precision,
                    struct bb_avro_program **out, struct bb_error *error) {
    struct bb_avro_program *program = calloc(1, sizeof *program);
    struct bb_avro_compiler c = {.writer = writer,
                                 .reader = reader,
                                 .binding = binding,
                                 .precision = precision,
                                 .program = program,
                                 .error = error,
                                 .stack = calloc(writer->count, 1)};
    int failure = program && c.stack ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a schema");

    *out = NULL;
    if (failure == 0) {
        bb_arena_init(&program->arena, ARENA_CHUNK, ARENA_LIMIT);
        program->schema = writer;
        failure = run_pass(&c, true);
    }
    if (failure == 0)
        failure = check_claims(&c);
    if (failure == 0)
        failure = run_pass(&c, false);
    if (failure == 0) {
        find_plain(&c);
        program->row_may_fail = can_still_fail(program);
    }
    free(c.claims);
    free(c.stack);
    if (failure)
        bb_avro_program_free(program);
    else
        *out = program;
    return failure;
}

void bb_avro_program_free(struct bb_avro_program *program) {
    if (!program)
        return;
    release_steps(program);
    bb_arena_release(&program->arena);
    free(program);
}
