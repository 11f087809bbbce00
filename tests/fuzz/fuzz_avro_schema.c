/* Avro schemas under random bytes: a schema is parsed or refused with a reason; one that is parsed has a
 * canonical form that is a schema of the same fingerprint, and can read some bytes, alone and by another one.
 * Input: the schema, a NUL, the bytes; or the writer's schema, a NUL, the reader's, a NUL, the bytes. */
#include "fuzz_text.h"

#include "codec/avro_schema_internal.h"

static struct bb_span next_part(struct bb_span *rest) {
    const char *end = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    struct bb_span part = {rest->data, end ? (size_t)(end - rest->data) : rest->size};

    rest->data += part.size + (end != NULL);
    rest->size -= part.size + (end != NULL);
    return part;
}

static bool check_schema(struct bb_span json) {
    struct bb_avro_schema *schema, *again;
    struct bb_error error = {0};
    struct bb_buffer text;

    int status = bb_avro_schema_parse(json, &schema, &error);
    BB_ASSERT(status == 0 || (error.code != BB_OK && error.text[0] != '\0'));
    if (status != 0)
        return false;
    bb_buffer_init(&text, 1 << 20);
    bb_avro_canonical(schema, &text);
    if (!text.overflow && text.size < BB_AVRO_SCHEMA_MAX) {
        BB_ASSERT(bb_avro_schema_parse(bb_buffer_span(&text), &again, &error) == 0);
        BB_ASSERT(again->fingerprint == schema->fingerprint);
        bb_avro_schema_free(again);
    }
    bb_buffer_release(&text);
    bb_avro_schema_free(schema);
    return true;
}

/* As a literal text of YAML, if it can be one. */
static void put_schema(struct bb_buffer *yaml, const char *key, struct bb_span json) {
    bb_buffer_format(yaml, "  %s: \"", key);
    for (size_t i = 0; i < json.size; i++)
        bb_buffer_format(yaml, "%s%c", strchr("\"\\", json.data[i]) ? "\\" : "", json.data[i]);
    bb_buffer_format(yaml, "\"\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_span rest = {(const char *)data, size}, writer = next_part(&rest);
    struct bb_span both = rest, reader = next_part(&both);
    struct bb_buffer yaml;
    struct bb_error error = {0};
    struct bb_map *map = NULL;

    if (!check_schema(writer))
        return 0;
    bool has_reader = check_schema(reader);
    bb_buffer_init(&yaml, 16 << 20);
    bb_buffer_format(
        &yaml,
        "format: avro\nchannels: [{column: '*'}, {column: a.b, name: x}, {column: r.v, name: y}]\n"
        "timestamp: {epoch_s: time}\nusage_point: {column: r.m}\navro:\n");
    put_schema(&yaml, "schema", writer);
    if (has_reader)
        put_schema(&yaml, "reader", reader);
    if (!yaml.overflow && bb_map_parse(bb_buffer_span(&yaml), "m", &map, &error) == 0)
        (void)fuzz_decode(&bb_format_avro, map, has_reader ? both : rest, SIZE_MAX);
    bb_map_free(map);
    bb_buffer_release(&yaml);
    return 0;
}
