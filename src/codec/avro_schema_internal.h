/* Avro schemas, as their JSON says them: a table of nodes, each with the types it is made of.
 *
 *   {"type":"record","name":"R","fields":[{"name":"v","type":["null","double"]}]}
 *
 *   nodes   0 record R ── field v ──► 1 union ──► 2 null
 *                                             └─► 3 double
 *
 * A name that is used again is the same node, so schemas may be circles. A schema is immutable once
 * parsed. Source: the Avro specification 1.11 (avro.apache.org/docs).
 */
#ifndef BB_CODEC_AVRO_SCHEMA_INTERNAL_H
#define BB_CODEC_AVRO_SCHEMA_INTERNAL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>

enum {
    BB_AVRO_SCHEMA_MAX = 1 << 20, /* bytes of its JSON */
    BB_AVRO_DEPTH_MAX = 64,       /* types inside types, in schemas and in data */
    BB_AVRO_NODES_MAX = 20000,
    BB_AVRO_FIXED_MAX = 1 << 20
};

enum bb_avro_type {
    BB_AVRO_NULL = 0,
    BB_AVRO_BOOLEAN,
    BB_AVRO_INT,
    BB_AVRO_LONG,
    BB_AVRO_FLOAT,
    BB_AVRO_DOUBLE,
    BB_AVRO_BYTES,
    BB_AVRO_STRING,
    BB_AVRO_PRIMITIVES, /* how many there are; those below have parts or names */
    BB_AVRO_RECORD = BB_AVRO_PRIMITIVES,
    BB_AVRO_ENUM,
    BB_AVRO_ARRAY,
    BB_AVRO_MAP,
    BB_AVRO_UNION,
    BB_AVRO_FIXED
};

/* What a type stands for besides. One that is unknown, or does not fit its type, is as none at all. */
enum bb_avro_logical {
    BB_AVRO_PLAIN = 0,
    BB_AVRO_DECIMAL,
    BB_AVRO_UUID,
    BB_AVRO_DATE,
    BB_AVRO_CLOCK_MS, /* time-millis, time-micros: of a day */
    BB_AVRO_CLOCK_US,
    BB_AVRO_MOMENT_MS, /* timestamp-millis and so on */
    BB_AVRO_MOMENT_US,
    BB_AVRO_MOMENT_NS,
    BB_AVRO_LOCAL_MS, /* local-timestamp-millis and so on */
    BB_AVRO_LOCAL_US,
    BB_AVRO_LOCAL_NS
};

struct bb_avro_field {
    struct bb_span name;
    struct bb_span *aliases;
    uint32_t alias_count;
    uint32_t node;
    json_t *fallback; /* its default, the schema's own; NULL: it has none */
};

#define BB_AVRO_SIZE_VARIES UINT64_MAX

struct bb_avro_node {
    uint8_t type;            /* enum bb_avro_type */
    uint8_t logical;         /* enum bb_avro_logical */
    uint32_t count;          /* of fields, branches, symbols */
    uint32_t scale;          /* of a decimal */
    uint32_t precision;      /* of a decimal */
    uint32_t size;           /* of a fixed */
    uint32_t items;          /* node of an array's items or a map's values */
    int32_t fallback_symbol; /* of an enum; -1: none */
    uint64_t bytes;          /* that a value takes, or BB_AVRO_SIZE_VARIES */
    struct bb_span name;     /* with its namespace; empty: the type has none */
    struct bb_span *aliases; /* with their namespaces */
    uint32_t alias_count;
    struct bb_avro_field *fields;
    struct bb_span *symbols;
    uint32_t *branches; /* of a union */
};

struct bb_avro_schema {
    struct bb_arena arena; /* holds all below but the nodes */
    struct bb_avro_node *nodes;
    uint32_t count, capacity;
    uint32_t root;
    json_t *json; /* defaults point into it */
    uint64_t fingerprint;
};

/* -BB_E_AVRO_SCHEMA says what is wrong with it. *out is the caller's to free. */
int bb_avro_schema_parse(struct bb_span json, struct bb_avro_schema **out, struct bb_error *error)
    BB_MUST_USE;
void bb_avro_schema_free(struct bb_avro_schema *schema);

static inline const struct bb_avro_node *bb_avro_node(const struct bb_avro_schema *schema,
                                                      uint32_t index) {
    return &schema->nodes[index];
}
/* "int", "record", ... */
const char *bb_avro_type_name(int type);
/* What follows the last point of a full name. */
struct bb_span bb_avro_bare_name(struct bb_span full);

/* avro_canonical.c: the Parsing Canonical Form, and its CRC-64-AVRO. */
void bb_avro_canonical(const struct bb_avro_schema *schema, struct bb_buffer *out);
uint64_t bb_avro_fingerprint(struct bb_span canonical);

#endif
