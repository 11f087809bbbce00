/* Defaults of a reader's schema, from JSON to the bytes of a message. A union's default is of its first
 * branch; those of bytes and fixed are texts whose code points are the bytes. Called while a program is
 * compiled. */
#include "base/varint.h"
#include "codec/avro_program_internal.h"

struct encoder {
    const struct bb_avro_schema *schema;
    const struct bb_avro_field *field; /* for messages */
    struct bb_buffer *out;
    struct bb_error *error;
    uint32_t visited; /* records of records may hold more than anybody has time for */
};

static int misfit(const struct encoder *e, const struct bb_avro_node *node) {
    return BB_FAIL(e->error, BB_E_AVRO_SCHEMA, "the default of the field \"%.*s\" is no %s",
                   (int)(e->field->name.size < 60 ? e->field->name.size : 60), e->field->name.data,
                   bb_avro_type_name(node->type));
}

static void put_long(struct encoder *e, int64_t value) {
    uint8_t bytes[BB_VARINT_MAX];

    bb_buffer_append(e->out, bytes, (size_t)(bb_varint_put(bytes, bb_zigzag(value)) - bytes));
}

static void put_text(struct encoder *e, struct bb_span text) {
    put_long(e, (int64_t)text.size);
    bb_buffer_append_span(e->out, text);
}

/* UTF-8 of U+0000 to U+00FF as bytes; -1: something else is among them. */
static int to_bytes(struct bb_span text, struct bb_buffer *out) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80) {
            if ((c & 0xfc) != 0xc0 || i + 1 == text.size)
                return -1;
            c = (unsigned char)(c << 6 | ((unsigned char)text.data[++i] & 0x3f));
        }
        bb_buffer_append_byte(out, c);
    }
    return 0;
}

static int put_bytes(struct encoder *e, const json_t *json, const struct bb_avro_node *node) {
    struct bb_span text = {json_string_value(json), json_string_length(json)};
    struct bb_buffer bytes;

    if (!text.data)
        return misfit(e, node);
    bb_buffer_init(&bytes, BB_AVRO_SCHEMA_MAX);
    int failure = to_bytes(text, &bytes) == 0 && !bytes.overflow &&
                          (node->type == BB_AVRO_BYTES || bytes.size == node->size)
                      ? 0
                      : misfit(e, node);
    if (failure == 0 && node->type == BB_AVRO_BYTES)
        put_long(e, (int64_t)bytes.size);
    if (failure == 0)
        bb_buffer_append(e->out, bytes.data, bytes.size);
    bb_buffer_release(&bytes);
    return failure;
}

static int put_node(struct encoder *e, const json_t *json, uint32_t index, unsigned depth);

static int put_record(struct encoder *e, const json_t *json, const struct bb_avro_node *node,
                      unsigned depth) {
    if (!json_is_object(json))
        return misfit(e, node);
    for (uint32_t i = 0; i < node->count; i++) {
        const json_t *value = json_object_get(json, node->fields[i].name.data);
        value = value ? value : node->fields[i].fallback;
        if (!value)
            return misfit(e, node);
        int failure = put_node(e, value, node->fields[i].node, depth);
        if (failure)
            return failure;
    }
    return 0;
}

static int put_array(struct encoder *e, const json_t *json, const struct bb_avro_node *node,
                     unsigned depth) {
    int failure = json_is_array(json) ? 0 : misfit(e, node);

    if (failure == 0 && json_array_size(json) > 0)
        put_long(e, (int64_t)json_array_size(json));
    for (size_t i = 0; i < json_array_size(json) && failure == 0; i++)
        failure = put_node(e, json_array_get(json, i), node->items, depth);
    put_long(e, 0);
    return failure;
}

static int put_map(struct encoder *e, const json_t *json, const struct bb_avro_node *node,
                   unsigned depth) {
    int failure = json_is_object(json) ? 0 : misfit(e, node);
    const char *key;
    json_t *value;

    if (failure)
        return failure;
    if (json_object_size(json) > 0)
        put_long(e, (int64_t)json_object_size(json));
    json_object_foreach((json_t *)json, key, value) {
        put_text(e, bb_span_of(key));
        failure = put_node(e, value, node->items, depth);
        if (failure)
            return failure;
    }
    put_long(e, 0);
    return 0;
}

static int put_enum(struct encoder *e, const json_t *json, const struct bb_avro_node *node) {
    for (uint32_t i = 0; i < node->count && json_is_string(json); i++)
        if (bb_span_equal(node->symbols[i], bb_span_of(json_string_value(json)))) {
            put_long(e, i);
            return 0;
        }
    return misfit(e, node);
}

static int put_float(struct encoder *e, const json_t *json, const struct bb_avro_node *node) {
    double value = json_number_value(json);
    float narrow = (float)value;

    if (!json_is_number(json))
        return misfit(e, node);
    if (node->type == BB_AVRO_FLOAT)
        bb_buffer_append(e->out, &narrow, sizeof narrow);
    else
        bb_buffer_append(e->out, &value, sizeof value);
    return 0;
}

static int put_node(struct encoder *e, const json_t *json, uint32_t index, unsigned depth) {
    const struct bb_avro_node *node = bb_avro_node(e->schema, index);

    if (depth > BB_AVRO_DEPTH_MAX || e->visited++ > BB_AVRO_NODES_MAX)
        return misfit(e, node);
    switch (node->type) {
    case BB_AVRO_NULL: return json_is_null(json) ? 0 : misfit(e, node);
    case BB_AVRO_BOOLEAN:
        bb_buffer_append_byte(e->out, json_is_true(json));
        return json_is_boolean(json) ? 0 : misfit(e, node);
    case BB_AVRO_INT:
    case BB_AVRO_LONG:
        put_long(e, json_integer_value(json));
        return json_is_integer(json) ? 0 : misfit(e, node);
    case BB_AVRO_FLOAT:
    case BB_AVRO_DOUBLE: return put_float(e, json, node);
    case BB_AVRO_STRING:
        if (!json_is_string(json))
            return misfit(e, node);
        put_text(e, (struct bb_span){json_string_value(json), json_string_length(json)});
        return 0;
    case BB_AVRO_BYTES:
    case BB_AVRO_FIXED: return put_bytes(e, json, node);
    case BB_AVRO_RECORD: return put_record(e, json, node, depth + 1);
    case BB_AVRO_ENUM: return put_enum(e, json, node);
    case BB_AVRO_ARRAY: return put_array(e, json, node, depth + 1);
    case BB_AVRO_MAP: return put_map(e, json, node, depth + 1);
    default:
        if (node->count == 0)
            return misfit(e, node);
        put_long(e, 0);
        return put_node(e, json, node->branches[0], depth + 1);
    }
}

int bb_avro_encode_default(const struct bb_avro_schema *schema, const struct bb_avro_field *field,
                           struct bb_buffer *out, struct bb_error *error) {
    struct encoder e = {.schema = schema, .field = field, .out = out, .error = error};

    int failure = put_node(&e, field->fallback, field->node, 0);
    if (failure == 0 && out->overflow)
        failure = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the defaults of a schema");
    return failure;
}
