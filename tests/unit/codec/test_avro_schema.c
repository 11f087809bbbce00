/* Avro schemas: what is one, its canonical form and its fingerprint. */
#include "codec/avro_schema_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>

static int parse(const char *json, struct bb_avro_schema **schema, struct bb_error *error) {
    *error = (struct bb_error){0};
    return bb_avro_schema_parse(bb_span_of(json), schema, error);
}

/* The pairs are those of the specification's own rules, one rule after the other. */
Test(avro_schema, canonical_forms) {
    static const struct {
        const char *json, *canonical;
    } cases[] = {
        {"\"int\"", "\"int\""},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\"long\""},
        {"{\"type\":{\"type\":\"string\"}}", "\"string\""},
        {"[]", "[]"},
        {"[ \"null\" , {\"type\":\"int\"} ]", "[\"null\",\"int\"]"},
        {"{\"items\":\"double\",\"type\":\"array\"}", "{\"type\":\"array\",\"items\":\"double\"}"},
        {"{\"values\":[\"null\",\"bytes\"],\"type\":\"map\",\"x\":1}",
         "{\"type\":\"map\",\"values\":[\"null\",\"bytes\"]}"},
        {"{\"type\":\"fixed\",\"size\":16,\"doc\":\"d\",\"name\":\"F\",\"namespace\":\"a.b\"}",
         "{\"name\":\"a.b.F\",\"type\":\"fixed\",\"size\":16}"},
        {"{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}",
         "{\"name\":\"x.E\",\"type\":\"enum\",\"symbols\":[\"A\",\"B\"]}"},
        {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":["
         "{\"name\":\"a\",\"default\":1,\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"Z\"]}},"
         "{\"name\":\"b\",\"aliases\":[\"c\"],\"type\":\"E\"},{\"name\":\"next\",\"type\":[\"null\",\"R\"]}]}",
         "{\"name\":\"n.R\",\"type\":\"record\",\"fields\":[{\"name\":\"a\",\"type\":{\"name\":\"n.E\","
         "\"type\":\"enum\",\"symbols\":[\"Z\"]}},{\"name\":\"b\",\"type\":\"n.E\"},"
         "{\"name\":\"next\",\"type\":[\"null\",\"n.R\"]}]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bb_avro_schema *schema;
        struct bb_error error;
        struct bb_buffer text;
        bb_buffer_init(&text, 1 << 20);
        cr_assert_eq(parse(cases[i].json, &schema, &error), 0, "%s: %s", cases[i].json, error.text);
        bb_avro_canonical(schema, &text);
        bb_buffer_append_byte(&text, 0);
        cr_expect_str_eq(text.data, cases[i].canonical);
        bb_buffer_release(&text);
        bb_avro_schema_free(schema);
    }
}

/* "int" and "string" are published in the Java and Python implementations' tests; the record's is the one in
 * the single-object message of Avro's own repository (messageV1). */
Test(avro_schema, fingerprints) {
    static const struct {
        const char *json;
        uint64_t fingerprint;
    } cases[] = {
        {"\"int\"", UINT64_C(0x7275d51a3f395c8f)},
        {"\"string\"", UINT64_C(0x8f014872634503c7)},
        {"\"null\"", UINT64_C(0x63dd24e7cc258f8a)},
        {"{\"type\":\"record\",\"namespace\":\"org.apache.avro\",\"name\":\"TestMessage\",\"fields\":["
         "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"name\",\"type\":\"string\"},"
         "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}",
         UINT64_C(0x3df542a2f8e12da9)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bb_avro_schema *schema;
        struct bb_error error;
        cr_assert_eq(parse(cases[i].json, &schema, &error), 0, "%s", error.text);
        cr_expect_eq(schema->fingerprint, cases[i].fingerprint, "%s: %016llx", cases[i].json,
                     (unsigned long long)schema->fingerprint);
        bb_avro_schema_free(schema);
    }
}

Test(avro_schema, what_is_none_is_refused) {
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "no JSON"},
        {"{", "no JSON"},
        {"1", "a type is a name"},
        {"\"integer\"", "\"integer\""},
        {"{\"name\":\"x\"}", "no \"type\""},
        {"{\"type\":\"union\"}", "list of types"},
        {"{\"type\":\"record\",\"fields\":[]}", "needs a name"},
        {"{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "\"1R\""},
        {"{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "taken already"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "list of fields"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "no type"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a b\",\"type\":\"int\"}]}",
         "no name"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
         "{\"name\":\"a\",\"type\":\"int\"}]}",
         "two fields"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"R\"}]}",
         "it has no end"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"record\","
         "\"name\":\"S\",\"fields\":[{\"name\":\"b\",\"type\":\"R\"}]}}]}",
         "it has no end"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "list of symbols"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "none"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "size of a fixed"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2000000}", "size of a fixed"},
        {"{\"type\":\"array\"}", "no items"},
        {"{\"type\":\"map\"}", "no values"},
        {"[\"int\",\"int\"]", "two branches"},
        {"[\"int\",[\"string\"]]", "another union"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bb_avro_schema *schema;
        struct bb_error error;
        cr_assert_eq(parse(cases[i].json, &schema, &error), -BB_E_AVRO_SCHEMA, "%s", cases[i].json);
        cr_expect(strstr(error.text, cases[i].says) != NULL, "%s: %s", cases[i].json, error.text);
        cr_assert_null(schema);
    }
}

Test(avro_schema, circles_with_a_way_out_are_one) {
    struct bb_avro_schema *schema;
    struct bb_error error;

    cr_assert_eq(
        parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"next\",\"type\":["
              "\"null\",\"R\"]},{\"name\":\"all\",\"type\":{\"type\":\"array\",\"items\":\"R\"}}]}",
              &schema, &error),
        0, "%s", error.text);
    cr_assert_eq(bb_avro_node(schema, schema->root)->bytes, BB_AVRO_SIZE_VARIES);
    bb_avro_schema_free(schema);
}

Test(avro_schema, depth_is_bounded) {
    struct bb_avro_schema *schema;
    struct bb_error error;
    struct bb_buffer json;

    bb_buffer_init(&json, 1 << 20);
    for (int i = 0; i < 200; i++)
        bb_buffer_format(&json, "{\"type\":\"array\",\"items\":");
    bb_buffer_format(&json, "\"int\"");
    for (int i = 0; i < 200; i++)
        bb_buffer_append_byte(&json, '}');
    cr_assert_eq(bb_avro_schema_parse(bb_buffer_span(&json), &schema, &error), -BB_E_AVRO_SCHEMA);
    cr_assert(strstr(error.text, "deeper than"));
    bb_buffer_release(&json);
}

/* Sizes that are known let arrays of them be passed over at once. */
Test(avro_schema, sizes_that_never_vary_are_known) {
    struct bb_avro_schema *schema;
    struct bb_error error;

    cr_assert_eq(
        parse(
            "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"double\"},"
            "{\"name\":\"b\",\"type\":\"float\"},{\"name\":\"c\",\"type\":\"boolean\"},"
            "{\"name\":\"d\",\"type\":\"null\"},{\"name\":\"e\",\"type\":{\"type\":\"fixed\","
            "\"name\":\"F\",\"size\":3}}]}",
            &schema, &error),
        0);
    cr_assert_eq(bb_avro_node(schema, schema->root)->bytes, 8 + 4 + 1 + 0 + 3);
    bb_avro_schema_free(schema);
}
