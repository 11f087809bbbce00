/* The tables of registry fields: what a registry file may say about what.
 *
 * A shape describes one struct of master data as a list of fields, in the order in which they are
 * read, compared and written. A field is a key, the member it fills and a type; a type knows how a
 * text becomes a value and back, so that a new field is one row. YAML, CSV, the comparison and the
 * export all walk these tables.
 */
#ifndef BB_SERVICE_REGISTRY_FIELD_INTERNAL_H
#define BB_SERVICE_REGISTRY_FIELD_INTERNAL_H

#include "service/registry_file.h"

enum {
    BB_REGISTRY_LIST_MAX = 1000,  /* elements of one list of an entry */
    BB_REGISTRY_DAYS_MAX = 10000, /* of a profile's days */
    BB_REGISTRY_WHERE_MAX = 480
};

/* A file being read. */
struct bb_registry_reader {
    const struct bb_registry_file_options *options;
    struct bb_span tenant;  /* of entries that name none */
    struct bb_arena *arena; /* of the entries */
    struct bb_error *error;
    const struct bb_zone *zone; /* of times without offset in the entry at hand; NULL: none */
    bool comma;                 /* a decimal comma is taken, too */
    struct bb_registry_entry *entries;
    uint32_t entry_count;
    char where[BB_REGISTRY_WHERE_MAX]; /* "usage point 8716..., ", for messages */
};

/* ---- types ----------------------------------------------------------------------------------- */

enum bb_registry_parsed {
    BB_REGISTRY_TAKEN = 0,
    BB_REGISTRY_WRONG,    /* not what the type allows */
    BB_REGISTRY_ZONELESS, /* a time without offset, and no zone */
    BB_REGISTRY_NO_ZONE,  /* a zone that does not exist */
    BB_REGISTRY_FULL      /* the arena is */
};

struct bb_registry_type {
    const char *allowed; /* for messages: "a whole number from 0 to 18" */
    enum bb_registry_parsed (*parse)(struct bb_registry_reader *reader, struct bb_span text,
                                     void *member);
    /* Nothing when the member does not say anything. */
    void (*format)(const void *member, struct bb_buffer *out);
    bool (*equal)(const void *a, const void *b); /* NULL: when their `size` bytes are */
    size_t size;
    bool plain;   /* its texts need no quotes in YAML */
    bool is_long; /* where people read, its size stands for it */
};

extern const struct bb_registry_type bb_registry_type_name, bb_registry_type_tenant,
    bb_registry_type_text, bb_registry_type_zone, bb_registry_type_commodity, bb_registry_type_kind,
    bb_registry_type_unit, bb_registry_type_interval, bb_registry_type_flag, bb_registry_type_obis,
    bb_registry_type_time, bb_registry_type_multiplier, bb_registry_type_decimal,
    bb_registry_type_dials, bb_registry_type_connection, bb_registry_type_day_start,
    bb_registry_type_date, bb_registry_type_weight, bb_registry_type_season,
    bb_registry_type_expression, bb_registry_type_group, bb_registry_type_hash,
    bb_registry_type_source, bb_registry_type_side, bb_registry_type_parameters,
    bb_registry_type_lane, bb_registry_type_window, bb_registry_type_share;

/* ---- shapes ---------------------------------------------------------------------------------- */

enum bb_registry_form {
    BB_REGISTRY_SCALAR = 0, /* a `type` */
    BB_REGISTRY_LIST,       /* a list of `element` */
    BB_REGISTRY_MAP,        /* key: value; each pair is a struct of `element`'s two fields */
    BB_REGISTRY_DATES,      /* a list of `type`, int32_t each, ascending */
    BB_REGISTRY_NUMBERS     /* a list of `type`, int64_t each */
};

struct bb_registry_field {
    const char *key;
    enum bb_registry_form form;
    bool required;
    uint16_t offset, count_offset; /* count: the uint32_t beside a list */
    const struct bb_registry_type *type;
    const struct bb_registry_shape *element;
    uint32_t most; /* elements; 0: BB_REGISTRY_LIST_MAX */
    bool ordered;  /* the order of a list's elements says something */
};

struct bb_registry_shape {
    const char *what; /* "usage point" */
    const struct bb_registry_field *fields;
    uint32_t field_count;
    size_t size;
    const void *absent;  /* the struct of which nothing is said */
    uint32_t key_fields; /* the first so many tell elements of a list apart */
};

extern const struct bb_registry_shape bb_registry_usage_point_shape;
extern const struct bb_registry_shape bb_registry_installation_shape;
extern const struct bb_registry_shape bb_registry_channel_shape;
extern const struct bb_registry_shape bb_registry_tag_shape;
extern const struct bb_registry_shape bb_registry_reading_shape;

/* The lists of a file; by enum bb_master_kind, entry 0 is none. */
struct bb_registry_section {
    const char *key;
    const struct bb_registry_shape *shape;
};
enum { BB_REGISTRY_SECTIONS = 7 };
extern const struct bb_registry_section bb_registry_sections[BB_REGISTRY_SECTIONS];

/* The struct that a section's shape describes. */
static inline void *bb_registry_entry_base(const struct bb_master *master) {
    return (void *)&master->usage_point;
}
static inline void *bb_registry_member(const struct bb_registry_field *field, const void *base) {
    return (char *)base + field->offset;
}
static inline uint32_t *bb_registry_count(const struct bb_registry_field *field, const void *base) {
    return (uint32_t *)(void *)((char *)base + field->count_offset);
}
static inline void **bb_registry_items(const struct bb_registry_field *field, const void *base) {
    return (void **)bb_registry_member(field, base);
}
static inline void *bb_registry_item(const struct bb_registry_field *field, const void *base,
                                     uint32_t index) {
    return (char *)*bb_registry_items(field, base) + index * field->element->size;
}

const struct bb_registry_field *bb_registry_field_find(const struct bb_registry_shape *shape,
                                                       struct bb_span key);
/* Do two structs say the same in a scalar field? */
bool bb_registry_field_equal(const struct bb_registry_field *field, const void *a, const void *b);
/* Does a struct say anything in a scalar field? */
bool bb_registry_field_said(const struct bb_registry_shape *shape,
                            const struct bb_registry_field *field, const void *base);
/* Are two elements of a list the same one? */
bool bb_registry_key_equal(const struct bb_registry_shape *shape, const void *a, const void *b);
/* "one, two, three": the keys of a shape; returns `buffer`. */
const char *bb_registry_keys(const struct bb_registry_shape *shape, char *buffer, size_t size);

/* ---- reading, for YAML and CSV alike --------------------------------------------------------- */

/* A text of the file for a message: short, without control characters, "..." when cut. */
struct bb_registry_shown {
    char text[96];
};
struct bb_registry_shown bb_registry_shown(struct bb_span text);

/* Refuse the file at a line: "WHERE: TEXT". */
int bb_registry_refuse(struct bb_registry_reader *reader, uint64_t line, enum bb_error_code code,
                       const char *format, ...) BB_PRINTF(4, 5) BB_MUST_USE;
int bb_registry_full(struct bb_registry_reader *reader) BB_MUST_USE;

/* Read a scalar field's text into the struct, or refuse the file at `line`. */
int bb_registry_field_parse(struct bb_registry_reader *reader,
                            const struct bb_registry_field *field, struct bb_span text,
                            uint64_t line, void *base) BB_MUST_USE;

/* Refuse a key that is none of the shape's, with those that are. */
int bb_registry_refuse_key(struct bb_registry_reader *reader, uint64_t line, struct bb_span key,
                           const struct bb_registry_shape *shape) BB_MUST_USE;

/* Go into "WHAT NAME" in messages; returns where to go back to by bb_registry_leave. */
size_t bb_registry_enter(struct bb_registry_reader *reader, const char *what, struct bb_span name);
void bb_registry_leave(struct bb_registry_reader *reader, size_t outside);

/* The place of one more element of a list in an arena, which doubles as it grows; counts it. NULL
 * when the arena is full. */
void *bb_registry_list_add(struct bb_arena *arena, void **items, uint32_t *count, size_t size);

/* One more entry of the file, with the given struct; NULL when the arena is full. */
struct bb_registry_entry *bb_registry_entry_add(struct bb_registry_reader *reader,
                                                enum bb_master_kind kind, uint64_t line);

/* Installations by time; refused when two of them overlap. `lines`: where each of them stands. */
int bb_registry_installations_check(struct bb_registry_reader *reader,
                                    struct bb_master_usage_point *up, uint64_t *lines) BB_MUST_USE;

/* Rules: hashes and ids are those of what they name, or made of it; every version's module is there. */
int bb_registry_rules_check(struct bb_registry_reader *reader, struct bb_master_rules *rules,
                            uint64_t line) BB_MUST_USE;

/* The two languages: entries from a text that is not empty. */
int bb_registry_yaml_read(struct bb_registry_reader *reader, struct bb_span text) BB_MUST_USE;
int bb_registry_csv_read(struct bb_registry_reader *reader, struct bb_span text) BB_MUST_USE;

#endif
