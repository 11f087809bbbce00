/* Avro under random bytes: raw data, framed messages and container files, through maps with all kinds of types.
 * No crash, nothing without a reason, and the same result whatever pieces the bytes come in. The first byte of
 * the input picks the map, the next one whether a container's head is put in front and how its blocks are packed. */
#include "fuzz_text.h"
#include "support/avro_body.h"

#define FIELDS                                                                                     \
    "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":{\"type\":\"enum\","  \
    "\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}},{\"name\":\"time\",\"type\":{\"type\":\"long\","   \
    "\"logicalType\":\"timestamp-millis\"}},{\"name\":\"value\",\"type\":[\"null\",\"double\","    \
    "\"string\",{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":3}]},"  \
    "{\"name\":\"unit\",\"type\":[\"null\",\"string\"]},{\"name\":\"next\",\"type\":[\"null\",\"R\"]}"
#define RECORD "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELDS "]}"
#define ITEMS                                                                                      \
    "{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":\"t\",\"type\":{\"type\":\"int\","  \
    "\"logicalType\":\"date\"}},{\"name\":\"v\",\"type\":\"float\"},{\"name\":\"q\",\"type\":"     \
    "[\"string\",\"null\"]}]}"

static const char *const maps[] = {
    NULL,
    "format: avro\navro:\n  schema: '" RECORD "'\n",
    "format: avro\nzone: Europe/Amsterdam\nchannels: [{name: e}]\ntimestamp: {column: list.t}\n"
    "usage_point: {column: tags.m}\ncolumns: {value: list.v, quality: list.q}\navro:\n  schema: '"
    "{\"type\":\"record\",\"name\":\"M\",\"fields\":[{\"name\":\"list\",\"type\":{\"type\":\"array\","
    "\"items\":" ITEMS
    "}},{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}'\n",
    "format: avro\nchannels: [{column: '*', kind: gauge}]\navro:\n  framing: single\n  schema: '" RECORD
    "'\n",
    "format: avro\navro:\n  schema: '" RECORD "'\n  reader: '{\"type\":\"record\",\"name\":\"R\","
    "\"fields\":[{\"name\":\"meter\",\"type\":\"bytes\"},{\"name\":\"channel\",\"type\":{\"type\":\"enum\","
    "\"name\":\"E\",\"symbols\":[\"a\"]}},{\"name\":\"at\",\"aliases\":[\"time\"],\"type\":{\"type\":\"long\","
    "\"logicalType\":\"timestamp-micros\"}},{\"name\":\"value\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"kind\",\"type\":\"string\",\"default\":\"gauge\"}]}'\ntimestamp: {column: at}\n",
};
enum { MAPS = sizeof maps / sizeof maps[0] };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const codecs[] = {NULL, "deflate", "snappy", "zstandard"};
    struct bb_buffer input;

    if (size < 2)
        return 0;
    struct bb_span rest = {(const char *)data + 2, size - 2};
    bb_buffer_init(&input, 16 << 20);
    bb_buffer_append_byte(&input, data[0]);
    if (data[1] & 1)
        avro_header(&input, RECORD, codecs[data[1] >> 2 & 3]);
    if (data[1] & 2)
        avro_block(&input, data[1] >> 4, rest);
    else
        bb_buffer_append_span(&input, rest);
    if (!input.overflow)
        (void)fuzz_text(&bb_format_avro, maps, MAPS, (const uint8_t *)input.data, input.size);
    bb_buffer_release(&input);
    return 0;
}
