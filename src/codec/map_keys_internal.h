/* A map file as it stands, key by key, before it is checked as a whole. */
#ifndef BB_CODEC_MAP_KEYS_INTERNAL_H
#define BB_CODEC_MAP_KEYS_INTERNAL_H

#include "codec/map_internal.h"
#include "codec/map_yaml_internal.h"

#include "base/buffer.h"

enum bb_map_header { BB_HEADER_DEFAULT = 0, BB_HEADER_YES, BB_HEADER_NO };

struct bb_texts {
    struct bb_span *items;
    uint32_t count;
    bool given;
};

struct bb_translations {
    struct bb_translation *items;
    uint32_t count;
};

struct bb_map_times {
    const yaml_node_t *node; /* NULL: the key is not there */
    struct bb_span column, format, label, date, time, start, end;
    struct bb_span epoch[4]; /* a column of seconds, milli-, micro-, nanoseconds */
};

struct bb_map_usage_point {
    const yaml_node_t *node;
    struct bb_span column, value, file;
};

struct bb_map_channels {
    const yaml_node_t *node;
    struct bb_channel_rule *items;
    uint32_t count;
};

struct bb_map_avro {
    const yaml_node_t *node; /* NULL: the key is not there */
    uint8_t framing;         /* enum bb_avro_framing */
    struct bb_span schema, reader, schemas, registry, user, password_file;
};

struct bb_map_file {
    const struct bb_format_row *format;
    char delimiter, decimal;
    enum bb_map_header header;
    struct bb_texts names, missing;
    uint32_t skip_rows;
    struct bb_zone *zone;
    struct bb_map_times times;
    struct bb_map_usage_point usage_point;
    struct bb_span columns[BB_FIELD_COUNT];
    struct bb_translations units, qualities;
    struct bb_channel_rule defaults;
    struct bb_map_channels channels;
    struct bb_map_avro avro;
};

/* Fill *file (zeroed, defaults.unit = -1) from the root of a map file. file->zone is the caller's
 * to free, also after an error. */
int bb_map_read_keys(struct bb_yaml *yaml, const yaml_node_t *root, struct bb_map_file *file)
    BB_MUST_USE;

/* map_avro.c: the keys under `avro:`, */
int bb_map_read_avro(struct bb_yaml *yaml, const yaml_node_t *node, void *target) BB_MUST_USE;
/* and what they name: schemas are read and parsed. *out is the caller's, also after an error. */
int bb_map_load_avro(struct bb_yaml *yaml, const struct bb_map_avro *from,
                     struct bb_avro_form **out) BB_MUST_USE;
/* map.c: a whole file. */
int bb_map_read_file(const char *path, size_t limit, const char *what, struct bb_buffer *text,
                     struct bb_error *error) BB_MUST_USE;

#endif
