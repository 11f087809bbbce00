/* Schema resolution: what may be read as what. Source: the Avro specification, "Schema Resolution".
 *
 * One difference: promotions are allowed as it says, but do not change digits. A float of 0.1 read as a
 * double stays 0.1, a long read as a float keeps all its digits. */
#include "codec/avro_program_internal.h"

static bool is_promotion(int wrote, int reads) {
    static const uint16_t allowed[BB_AVRO_PRIMITIVES] = {
        [BB_AVRO_INT] = 1 << BB_AVRO_LONG | 1 << BB_AVRO_FLOAT | 1 << BB_AVRO_DOUBLE,
        [BB_AVRO_LONG] = 1 << BB_AVRO_FLOAT | 1 << BB_AVRO_DOUBLE,
        [BB_AVRO_FLOAT] = 1 << BB_AVRO_DOUBLE,
        [BB_AVRO_BYTES] = 1 << BB_AVRO_STRING,
        [BB_AVRO_STRING] = 1 << BB_AVRO_BYTES,
    };

    return wrote < BB_AVRO_PRIMITIVES && reads < BB_AVRO_PRIMITIVES &&
           (wrote == reads || allowed[wrote] >> reads & 1);
}

/* Namespaces do not count; an alias of the reader's type is a name that it had. */
static bool same_name(const struct bb_avro_node *wrote, const struct bb_avro_node *reads) {
    if (bb_span_equal(bb_avro_bare_name(wrote->name), bb_avro_bare_name(reads->name)))
        return true;
    for (uint32_t i = 0; i < reads->alias_count; i++)
        if (bb_span_equal(reads->aliases[i], wrote->name))
            return true;
    return false;
}

static bool same_decimal(const struct bb_avro_node *wrote, const struct bb_avro_node *reads) {
    return wrote->logical != BB_AVRO_DECIMAL || reads->logical != BB_AVRO_DECIMAL ||
           wrote->scale == reads->scale;
}

bool bb_avro_matches(const struct bb_avro_schema *writer, uint32_t wrote,
                     const struct bb_avro_schema *reader, uint32_t reads) {
    const struct bb_avro_node *w = bb_avro_node(writer, wrote), *r = bb_avro_node(reader, reads);

    if (w->type == BB_AVRO_UNION || r->type == BB_AVRO_UNION)
        return true;
    if (w->type != r->type)
        return is_promotion(w->type, r->type);
    switch (w->type) {
    case BB_AVRO_ARRAY:
    case BB_AVRO_MAP: return bb_avro_matches(writer, w->items, reader, r->items);
    case BB_AVRO_FIXED: return w->size == r->size && same_name(w, r) && same_decimal(w, r);
    case BB_AVRO_RECORD:
    case BB_AVRO_ENUM: return same_name(w, r);
    default: return same_decimal(w, r);
    }
}

int bb_avro_match_branch(const struct bb_avro_schema *writer, uint32_t wrote,
                         const struct bb_avro_schema *reader, uint32_t reads) {
    const struct bb_avro_node *r = bb_avro_node(reader, reads);

    for (uint32_t i = 0; i < r->count; i++)
        if (bb_avro_matches(writer, wrote, reader, r->branches[i]))
            return (int)i;
    return -1;
}

int bb_avro_match_field(const struct bb_avro_field *wrote, const struct bb_avro_node *reads) {
    for (uint32_t i = 0; i < reads->count; i++)
        if (bb_span_equal(reads->fields[i].name, wrote->name))
            return (int)i;
    for (uint32_t i = 0; i < reads->count; i++)
        for (uint32_t k = 0; k < reads->fields[i].alias_count; k++)
            if (bb_span_equal(reads->fields[i].aliases[k], wrote->name))
                return (int)i;
    return -1;
}
