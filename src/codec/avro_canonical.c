/* The Parsing Canonical Form of a schema, and the fingerprint by which single-object messages name
 * theirs. Source: the Avro specification, "Transforming into Parsing Canonical Form" and "Schema
 * Fingerprints". */
#include "codec/avro_schema_internal.h"

#include <stdlib.h>

static const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);

struct writer {
    const struct bb_avro_schema *schema;
    struct bb_buffer *out;
    uint8_t *told; /* of a named node: it stands in the text already */
};

static void put_quoted(struct bb_buffer *out, struct bb_span text) {
    bb_buffer_append_byte(out, '"');
    bb_buffer_append_span(out, text); /* names have nothing to escape */
    bb_buffer_append_byte(out, '"');
}

static void put_node(struct writer *w, uint32_t index);

static void put_fields(struct writer *w, const struct bb_avro_node *node) {
    bb_buffer_append_span(w->out, BB_SPAN(",\"fields\":["));
    for (uint32_t i = 0; i < node->count; i++) {
        bb_buffer_format(w->out, "%s{\"name\":", i > 0 ? "," : "");
        put_quoted(w->out, node->fields[i].name);
        bb_buffer_append_span(w->out, BB_SPAN(",\"type\":"));
        put_node(w, node->fields[i].node);
        bb_buffer_append_byte(w->out, '}');
    }
    bb_buffer_append_byte(w->out, ']');
}

static void put_symbols(struct writer *w, const struct bb_avro_node *node) {
    bb_buffer_append_span(w->out, BB_SPAN(",\"symbols\":["));
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0)
            bb_buffer_append_byte(w->out, ',');
        put_quoted(w->out, node->symbols[i]);
    }
    bb_buffer_append_byte(w->out, ']');
}

static void put_named(struct writer *w, uint32_t index) {
    const struct bb_avro_node *node = bb_avro_node(w->schema, index);

    if (w->told[index]) {
        put_quoted(w->out, node->name);
        return;
    }
    w->told[index] = 1;
    bb_buffer_append_span(w->out, BB_SPAN("{\"name\":"));
    put_quoted(w->out, node->name);
    bb_buffer_format(w->out, ",\"type\":\"%s\"", bb_avro_type_name(node->type));
    if (node->type == BB_AVRO_RECORD)
        put_fields(w, node);
    else if (node->type == BB_AVRO_ENUM)
        put_symbols(w, node);
    else
        bb_buffer_format(w->out, ",\"size\":%u", node->size);
    bb_buffer_append_byte(w->out, '}');
}

static void put_union(struct writer *w, const struct bb_avro_node *node) {
    bb_buffer_append_byte(w->out, '[');
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0)
            bb_buffer_append_byte(w->out, ',');
        put_node(w, node->branches[i]);
    }
    bb_buffer_append_byte(w->out, ']');
}

static void put_node(struct writer *w, uint32_t index) {
    const struct bb_avro_node *node = bb_avro_node(w->schema, index);

    switch (node->type) {
    case BB_AVRO_RECORD:
    case BB_AVRO_ENUM:
    case BB_AVRO_FIXED: put_named(w, index); break;
    case BB_AVRO_UNION: put_union(w, node); break;
    case BB_AVRO_ARRAY:
    case BB_AVRO_MAP:
        bb_buffer_format(w->out, "{\"type\":\"%s\",\"%s\":", bb_avro_type_name(node->type),
                         node->type == BB_AVRO_ARRAY ? "items" : "values");
        put_node(w, node->items);
        bb_buffer_append_byte(w->out, '}');
        break;
    default: put_quoted(w->out, bb_span_of(bb_avro_type_name(node->type))); break;
    }
}

void bb_avro_canonical(const struct bb_avro_schema *schema, struct bb_buffer *out) {
    struct writer w = {schema, out, calloc(schema->count, 1)};

    if (w.told)
        put_node(&w, schema->root);
    else
        out->overflow = true;
    free(w.told);
}

uint64_t bb_avro_fingerprint(struct bb_span canonical) {
    uint64_t table[256], hash = empty;

    for (uint64_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (empty & -(table[i] & 1));
    }
    for (size_t i = 0; i < canonical.size; i++)
        hash = hash >> 8 ^ table[(hash ^ (unsigned char)canonical.data[i]) & 0xff];
    return hash;
}
