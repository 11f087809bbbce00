/* Schema JSON to nodes: see avro_schema_internal.h. Called once per schema; depth, size and number of
 * nodes are bounded, as schemas come from strangers like the data. */
#include "codec/avro_schema_internal.h"

#include <stdlib.h>

enum { ARENA_CHUNK = 8 << 10, ARENA_LIMIT = 32 << 20, NAME_MAX_BYTES = 1024 };

struct parser {
    struct bb_avro_schema *schema;
    struct bb_error *error;
};

static const char *const type_names[] = {
    [BB_AVRO_NULL] = "null",   [BB_AVRO_BOOLEAN] = "boolean", [BB_AVRO_INT] = "int",
    [BB_AVRO_LONG] = "long",   [BB_AVRO_FLOAT] = "float",     [BB_AVRO_DOUBLE] = "double",
    [BB_AVRO_BYTES] = "bytes", [BB_AVRO_STRING] = "string",   [BB_AVRO_RECORD] = "record",
    [BB_AVRO_ENUM] = "enum",   [BB_AVRO_ARRAY] = "array",     [BB_AVRO_MAP] = "map",
    [BB_AVRO_UNION] = "union", [BB_AVRO_FIXED] = "fixed",
};
enum { TYPE_COUNT = sizeof type_names / sizeof type_names[0] };

const char *bb_avro_type_name(int type) {
    return type_names[type];
}

static int fail(const struct parser *p, const char *what, const char *name) {
    return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "%s%s%.100s%s", what, name ? ": \"" : "",
                   name ? name : "", name ? "\"" : "");
}

static int out_of_memory(const struct parser *p) {
    return BB_FAIL(p->error, BB_E_NO_MEMORY, "no memory for an Avro schema of %u types",
                   p->schema->count);
}

static int type_of(const char *name) {
    for (int type = 0; type < TYPE_COUNT; type++)
        if (strcmp(name, type_names[type]) == 0)
            return type;
    return strcmp(name, "error") == 0 ? BB_AVRO_RECORD : -1;
}

/* ---- names ---- */

static bool is_letter(char c) {
    return c == '_' || (bb_char_lower(c) >= 'a' && bb_char_lower(c) <= 'z');
}

static bool is_name(struct bb_span name) {
    if (name.size == 0 || name.size > NAME_MAX_BYTES || !is_letter(name.data[0]))
        return false;
    for (size_t i = 1; i < name.size; i++)
        if (!is_letter(name.data[i]) && !(name.data[i] >= '0' && name.data[i] <= '9'))
            return false;
    return true;
}

/* Names joined by points. */
static bool is_full_name(struct bb_span name) {
    for (;;) {
        const char *point = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
        size_t size = point ? (size_t)(point - name.data) : name.size;
        if (!is_name((struct bb_span){name.data, size}))
            return false;
        if (!point)
            return true;
        name = (struct bb_span){point + 1, name.size - size - 1};
    }
}

struct bb_span bb_avro_bare_name(struct bb_span full) {
    const char *point = full.size > 0 ? memrchr(full.data, '.', full.size) : NULL;

    return point ? (struct bb_span){point + 1, (size_t)(full.data + full.size - point - 1)} : full;
}

static struct bb_span namespace_of(struct bb_span full) {
    struct bb_span bare = bb_avro_bare_name(full);

    return (struct bb_span){full.data, full.size > bare.size ? full.size - bare.size - 1 : 0};
}

static struct bb_span text_at(const json_t *object, const char *key) {
    const json_t *text = json_object_get(object, key);

    return json_is_string(text)
               ? (struct bb_span){json_string_value(text), json_string_length(text)}
               : (struct bb_span){NULL, 0};
}

/* A name with a point is whole; another one gets the namespace. data is NULL when memory is out. */
static struct bb_span full_name(struct parser *p, struct bb_span name, struct bb_span namespace) {
    if (memchr(name.data, '.', name.size) || namespace.size == 0)
        return bb_arena_copy(&p->schema->arena, name);
    char *text = bb_arena_take(&p->schema->arena, namespace.size + 1 + name.size + 1);
    if (!text)
        return (struct bb_span){NULL, 0};
    memcpy(text, namespace.data, namespace.size);
    text[namespace.size] = '.';
    memcpy(text + namespace.size + 1, name.data, name.size);
    text[namespace.size + 1 + name.size] = '\0';
    return (struct bb_span){text, namespace.size + 1 + name.size};
}

static int find_named(const struct bb_avro_schema *schema, struct bb_span name) {
    for (uint32_t i = 0; i < schema->count; i++)
        if (schema->nodes[i].name.size > 0 && bb_span_equal(schema->nodes[i].name, name))
            return (int)i;
    return -1;
}

static int read_aliases(struct parser *p, const json_t *object, struct bb_span namespace,
                        bool types, struct bb_span **out, uint32_t *count) {
    const json_t *list = json_object_get(object, "aliases");

    *count = 0;
    if (!list)
        return 0;
    if (!json_is_array(list))
        return fail(p, "aliases are a list of names", NULL);
    *out = bb_arena_take_array(&p->schema->arena, json_array_size(list) + 1, sizeof **out);
    if (!*out)
        return out_of_memory(p);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct bb_span name = {json_string_value(item), json_string_length(item)};
        if (!name.data || !(types ? is_full_name(name) : is_name(name)))
            return fail(p, "this is no name, among aliases", name.data);
        (*out)[i] = types ? full_name(p, name, namespace) : bb_arena_copy(&p->schema->arena, name);
        if (!(*out)[i].data)
            return out_of_memory(p);
        *count = (uint32_t)i + 1;
    }
    return 0;
}

/* ---- nodes ---- */

static int add_node(struct parser *p, int type, uint32_t *out) {
    struct bb_avro_schema *schema = p->schema;

    if (schema->count == BB_AVRO_NODES_MAX)
        return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "a schema has at most %d types",
                       BB_AVRO_NODES_MAX);
    if (schema->count == schema->capacity) {
        uint32_t capacity = schema->capacity ? schema->capacity * 2 : 16;
        struct bb_avro_node *nodes = realloc(schema->nodes, capacity * sizeof *nodes);
        if (!nodes)
            return out_of_memory(p);
        schema->nodes = nodes;
        schema->capacity = capacity;
    }
    *out = schema->count++;
    schema->nodes[*out] = (struct bb_avro_node){
        .type = (uint8_t)type, .fallback_symbol = -1, .bytes = BB_AVRO_SIZE_VARIES};
    return 0;
}

static int read_node(struct parser *p, json_t *json, struct bb_span namespace, unsigned depth,
                     uint32_t *out);

/* The number under a key, from 0; -1: it is none. */
static json_int_t number_at(const json_t *object, const char *key) {
    const json_t *number = json_object_get(object, key);

    return json_is_integer(number) && json_integer_value(number) >= 0 ? json_integer_value(number)
                                                                      : -1;
}

static void read_logical(struct bb_avro_node *node, const json_t *object) {
    static const struct {
        const char *name;
        uint8_t type, logical;
    } rows[] = {
        {"decimal", BB_AVRO_BYTES, BB_AVRO_DECIMAL},
        {"decimal", BB_AVRO_FIXED, BB_AVRO_DECIMAL},
        {"uuid", BB_AVRO_STRING, BB_AVRO_UUID},
        {"uuid", BB_AVRO_FIXED, BB_AVRO_UUID},
        {"date", BB_AVRO_INT, BB_AVRO_DATE},
        {"time-millis", BB_AVRO_INT, BB_AVRO_CLOCK_MS},
        {"time-micros", BB_AVRO_LONG, BB_AVRO_CLOCK_US},
        {"timestamp-millis", BB_AVRO_LONG, BB_AVRO_MOMENT_MS},
        {"timestamp-micros", BB_AVRO_LONG, BB_AVRO_MOMENT_US},
        {"timestamp-nanos", BB_AVRO_LONG, BB_AVRO_MOMENT_NS},
        {"local-timestamp-millis", BB_AVRO_LONG, BB_AVRO_LOCAL_MS},
        {"local-timestamp-micros", BB_AVRO_LONG, BB_AVRO_LOCAL_US},
        {"local-timestamp-nanos", BB_AVRO_LONG, BB_AVRO_LOCAL_NS},
    };
    struct bb_span name = text_at(object, "logicalType");

    for (size_t i = 0; name.data && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == node->type && bb_span_equal(name, bb_span_of(rows[i].name)))
            node->logical = rows[i].logical;
    if (node->logical == BB_AVRO_DECIMAL) {
        json_int_t precision = number_at(object, "precision"), scale = number_at(object, "scale");
        scale = json_object_get(object, "scale") ? scale : 0;
        if (precision < 1 || precision > UINT32_MAX || scale < 0 || scale > precision)
            node->logical = BB_AVRO_PLAIN; /* as the specification wants it */
        node->precision = (uint32_t)precision;
        node->scale = (uint32_t)scale;
    }
    if (node->logical == BB_AVRO_UUID && node->type == BB_AVRO_FIXED && node->size != 16)
        node->logical = BB_AVRO_PLAIN;
}

/* The name of a record, enum or fixed; *namespace becomes its own. */
static int read_name(struct parser *p, const json_t *object, struct bb_span *namespace,
                     uint32_t index) {
    struct bb_span name = text_at(object, "name"), own = text_at(object, "namespace");

    if (!name.data || !is_full_name(name))
        return fail(p, "a record, enum or fixed needs a name of letters, digits and _", name.data);
    if (own.size > 0 && !is_full_name(own))
        return fail(p, "this is no namespace", own.data);
    struct bb_span full = full_name(p, name, own.data ? own : *namespace);
    if (!full.data)
        return out_of_memory(p);
    if (find_named(p->schema, full) >= 0 || type_of(full.data) >= 0)
        return fail(p, "the name is taken already", full.data);
    *namespace = namespace_of(full);
    struct bb_span *aliases = NULL;
    uint32_t count;
    int failure = read_aliases(p, object, *namespace, true, &aliases, &count);
    struct bb_avro_node *node = &p->schema->nodes[index];
    node->name = full;
    node->aliases = aliases;
    node->alias_count = count;
    return failure;
}

static int read_field(struct parser *p, json_t *object, struct bb_span namespace, unsigned depth,
                      struct bb_avro_field *field) {
    struct bb_span name = text_at(object, "name");

    if (!name.data || !is_name(name))
        return fail(p, "a field is {\"name\": ..., \"type\": ...}; this is no name", name.data);
    field->name = bb_arena_copy(&p->schema->arena, name);
    field->fallback = json_object_get(object, "default");
    if (!field->name.data)
        return out_of_memory(p);
    if (!json_object_get(object, "type"))
        return fail(p, "a field has no type", field->name.data);
    int failure = read_aliases(p, object, namespace, false, &field->aliases, &field->alias_count);
    return failure ? failure
                   : read_node(p, json_object_get(object, "type"), namespace, depth, &field->node);
}

static int read_record(struct parser *p, json_t *object, struct bb_span namespace, unsigned depth,
                       uint32_t index) {
    const json_t *list = json_object_get(object, "fields");
    size_t count = json_array_size(list);

    if (!json_is_array(list))
        return fail(p, "a record has a list of fields; this one has none",
                    p->schema->nodes[index].name.data);
    struct bb_avro_field *fields = bb_arena_take_array(&p->schema->arena, count + 1,
                                                       sizeof *fields);
    if (!fields)
        return out_of_memory(p);
    p->schema->nodes[index].fields = fields;
    for (size_t i = 0; i < count; i++) {
        int failure = read_field(p, json_array_get(list, i), namespace, depth, &fields[i]);
        if (failure)
            return failure;
        for (size_t k = 0; k < i; k++)
            if (bb_span_equal(fields[k].name, fields[i].name))
                return fail(p, "a record has two fields of one name", fields[i].name.data);
        p->schema->nodes[index].count = (uint32_t)i + 1;
    }
    return 0;
}

static int read_enum(struct parser *p, const json_t *object, uint32_t index) {
    struct bb_avro_node *node = &p->schema->nodes[index];
    const json_t *list = json_object_get(object, "symbols");
    struct bb_span fallback = text_at(object, "default");

    if (!json_is_array(list) || json_array_size(list) == 0)
        return fail(p, "an enum has a list of symbols; this one has none", node->name.data);
    node->symbols = bb_arena_take_array(&p->schema->arena, json_array_size(list),
                                        sizeof *node->symbols);
    if (!node->symbols)
        return out_of_memory(p);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct bb_span symbol = {json_string_value(item), json_string_length(item)};
        if (!symbol.data || !is_name(symbol))
            return fail(p, "this is no symbol of letters, digits and _", symbol.data);
        char *copy = bb_arena_take_array(&p->schema->arena, 1, symbol.size + 32); /* padded */
        if (!copy)
            return out_of_memory(p);
        memcpy(copy, symbol.data, symbol.size);
        node->symbols[i] = (struct bb_span){copy, symbol.size};
        if (fallback.data && bb_span_equal(fallback, symbol))
            node->fallback_symbol = (int32_t)i;
    }
    node->count = (uint32_t)json_array_size(list);
    return fallback.data && node->fallback_symbol < 0
               ? fail(p, "an enum's default is one of its symbols; this is none", fallback.data)
               : 0;
}

static int read_fixed(struct parser *p, const json_t *object, uint32_t index) {
    json_int_t size = number_at(object, "size");

    if (size < 0 || size > BB_AVRO_FIXED_MAX)
        return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "the size of a fixed is a number from 0 to %d",
                       BB_AVRO_FIXED_MAX);
    p->schema->nodes[index].size = (uint32_t)size;
    return 0;
}

static int read_items(struct parser *p, json_t *object, struct bb_span namespace, unsigned depth,
                      uint32_t index) {
    const bool is_array = p->schema->nodes[index].type == BB_AVRO_ARRAY;
    json_t *items = json_object_get(object, is_array ? "items" : "values");
    uint32_t node;

    if (!items)
        return fail(p, is_array ? "an array has no items" : "a map has no values", NULL);
    int failure = read_node(p, items, namespace, depth, &node);
    p->schema->nodes[index].items = failure ? 0 : node;
    return failure;
}

/* Two branches of the same kind could not be told apart. */
static bool same_kind(const struct bb_avro_node *a, const struct bb_avro_node *b) {
    return a->type == b->type && bb_span_equal(a->name, b->name);
}

static int read_union(struct parser *p, json_t *list, struct bb_span namespace, unsigned depth,
                      uint32_t *out) {
    size_t count = json_array_size(list);
    int failure = add_node(p, BB_AVRO_UNION, out);

    if (failure)
        return failure;
    uint32_t *branches = bb_arena_take_array(&p->schema->arena, count + 1, sizeof *branches);
    if (!branches)
        return out_of_memory(p);
    p->schema->nodes[*out].branches = branches;
    for (size_t i = 0; i < count; i++) {
        failure = read_node(p, json_array_get(list, i), namespace, depth, &branches[i]);
        if (failure)
            return failure;
        const struct bb_avro_node *nodes = p->schema->nodes, *branch = &nodes[branches[i]];
        if (branch->type == BB_AVRO_UNION)
            return fail(p, "a union has another union as a branch", NULL);
        for (size_t k = 0; k < i; k++)
            if (same_kind(&nodes[branches[k]], branch))
                return fail(p, "a union has two branches of one type", type_names[branch->type]);
        p->schema->nodes[*out].count = (uint32_t)i + 1;
    }
    return 0;
}

static int read_object(struct parser *p, json_t *object, struct bb_span namespace, unsigned depth,
                       uint32_t *out) {
    json_t *said = json_object_get(object, "type");
    const char *name = json_string_value(said);
    int type = name ? type_of(name) : -1;

    if (type < 0) /* {"type": {"type": ...}}, or a name */
        return said ? read_node(p, said, namespace, depth, out)
                    : fail(p, "an object of a schema has no \"type\"", NULL);
    if (type == BB_AVRO_UNION)
        return fail(p, "a union is written as a list of types", NULL);
    int failure = add_node(p, type, out);
    if (failure == 0 && (type == BB_AVRO_RECORD || type == BB_AVRO_ENUM || type == BB_AVRO_FIXED))
        failure = read_name(p, object, &namespace, *out);
    if (failure)
        return failure;
    switch (type) {
    case BB_AVRO_RECORD: failure = read_record(p, object, namespace, depth, *out); break;
    case BB_AVRO_ENUM: failure = read_enum(p, object, *out); break;
    case BB_AVRO_FIXED: failure = read_fixed(p, object, *out); break;
    case BB_AVRO_ARRAY:
    case BB_AVRO_MAP: failure = read_items(p, object, namespace, depth, *out); break;
    default: break;
    }
    if (failure == 0)
        read_logical(&p->schema->nodes[*out], object);
    return failure;
}

/* A primitive, or a type that was named before: first in this namespace, then in none. */
static int read_reference(struct parser *p, struct bb_span name, struct bb_span namespace,
                          uint32_t *out) {
    int type = type_of(name.data);

    if (type >= 0 && type < BB_AVRO_PRIMITIVES)
        return add_node(p, type, out);
    struct bb_span full = full_name(p, name, namespace);
    if (!full.data)
        return out_of_memory(p);
    int found = find_named(p->schema, full);
    if (found < 0)
        found = find_named(p->schema, name);
    if (found < 0)
        return fail(p, "no type of this name has been defined before it is used", name.data);
    *out = (uint32_t)found;
    return 0;
}

static int read_node(struct parser *p, json_t *json, struct bb_span namespace, unsigned depth,
                     uint32_t *out) {
    if (depth >= BB_AVRO_DEPTH_MAX)
        return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "the schema is nested deeper than %d types",
                       BB_AVRO_DEPTH_MAX);
    if (json_is_string(json)) {
        struct bb_span name = {json_string_value(json), json_string_length(json)};
        return read_reference(p, name, namespace, out);
    }
    if (json_is_array(json))
        return read_union(p, json, namespace, depth + 1, out);
    if (json_is_object(json))
        return read_object(p, json, namespace, depth + 1, out);
    return fail(p, "a type is a name, a list (a union) or an object", NULL);
}

/* ---- sizes ---- */

enum { UNSEEN = 0, BEGUN, DONE };

/* How many bytes a value takes, where that is always the same. A record that holds itself, with no
 * union, array or map in between, has no end. */
static int measure(struct parser *p, uint32_t index, uint8_t *state, unsigned depth) {
    static const uint64_t primitive[BB_AVRO_PRIMITIVES] = {
        [BB_AVRO_NULL] = 0,
        [BB_AVRO_BOOLEAN] = 1,
        [BB_AVRO_INT] = BB_AVRO_SIZE_VARIES,
        [BB_AVRO_LONG] = BB_AVRO_SIZE_VARIES,
        [BB_AVRO_FLOAT] = 4,
        [BB_AVRO_DOUBLE] = 8,
        [BB_AVRO_BYTES] = BB_AVRO_SIZE_VARIES,
        [BB_AVRO_STRING] = BB_AVRO_SIZE_VARIES,
    };
    struct bb_avro_node *node = &p->schema->nodes[index];

    if (state[index] == DONE)
        return 0;
    if (state[index] == BEGUN)
        return fail(p,
                    "a record holds itself, with no union, array or map in between: it has no end",
                    node->name.data);
    if (depth > BB_AVRO_DEPTH_MAX)
        return fail(p, "records hold one another too deep", node->name.data);
    state[index] = BEGUN;
    if (node->type < BB_AVRO_PRIMITIVES)
        node->bytes = primitive[node->type];
    else if (node->type == BB_AVRO_FIXED)
        node->bytes = node->size;
    else if (node->type == BB_AVRO_RECORD) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < node->count; i++) {
            int failure = measure(p, node->fields[i].node, state, depth + 1);
            if (failure)
                return failure;
            uint64_t more = p->schema->nodes[node->fields[i].node].bytes;
            bytes = bytes == BB_AVRO_SIZE_VARIES || more == BB_AVRO_SIZE_VARIES
                        ? BB_AVRO_SIZE_VARIES
                        : bytes + more;
        }
        /* Records of records may double what they hold with each step. */
        if (bytes != BB_AVRO_SIZE_VARIES && bytes > UINT32_MAX)
            return fail(p, "a record is larger than 4 GiB", node->name.data);
        node->bytes = bytes;
    }
    state[index] = DONE;
    return 0;
}

static int measure_all(struct parser *p) {
    uint8_t *state = calloc(p->schema->count, 1);
    int failure = state ? 0 : out_of_memory(p);

    for (uint32_t i = 0; i < p->schema->count && failure == 0; i++)
        failure = measure(p, i, state, 0);
    free(state);
    return failure;
}

/* ---- the face ---- */

static int parse(struct parser *p, struct bb_span text) {
    struct bb_avro_schema *schema = p->schema;
    json_error_t problem;
    struct bb_buffer canonical;

    if (text.size > BB_AVRO_SCHEMA_MAX)
        return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "a schema has at most %d KiB",
                       BB_AVRO_SCHEMA_MAX >> 10);
    schema->json = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                              &problem);
    if (!schema->json)
        return BB_FAIL(p->error, BB_E_AVRO_SCHEMA, "the schema is no JSON: %s (line %d)",
                       problem.text, problem.line);
    int failure = read_node(p, schema->json, (struct bb_span){"", 0}, 0, &schema->root);
    if (failure == 0)
        failure = measure_all(p);
    if (failure)
        return failure;
    bb_buffer_init(&canonical, (size_t)16 * BB_AVRO_SCHEMA_MAX);
    bb_avro_canonical(schema, &canonical);
    schema->fingerprint = bb_avro_fingerprint(bb_buffer_span(&canonical));
    failure = canonical.overflow ? out_of_memory(p) : 0;
    bb_buffer_release(&canonical);
    return failure;
}

int bb_avro_schema_parse(struct bb_span json, struct bb_avro_schema **out, struct bb_error *error) {
    struct bb_avro_schema *schema = calloc(1, sizeof *schema);
    struct parser p = {schema, error};

    *out = NULL;
    if (!schema)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an Avro schema");
    bb_arena_init(&schema->arena, ARENA_CHUNK, ARENA_LIMIT);
    int failure = parse(&p, json);
    if (failure)
        bb_avro_schema_free(schema);
    else
        *out = schema;
    return failure;
}

void bb_avro_schema_free(struct bb_avro_schema *schema) {
    if (!schema)
        return;
    json_decref(schema->json);
    bb_arena_release(&schema->arena);
    free(schema->nodes);
    free(schema);
}
