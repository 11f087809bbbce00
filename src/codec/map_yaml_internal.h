/* Reading YAML by tables: a mapping is a list of rows that say a key's name, where its value goes
 * and how it is read. One table drives reading, checking and the list of what is allowed in a
 * message. Every error names the file and the line. */
#ifndef BB_CODEC_MAP_YAML_INTERNAL_H
#define BB_CODEC_MAP_YAML_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"

#include <yaml.h>

struct bb_yaml {
    yaml_document_t document;
    struct bb_arena *arena; /* holds the texts that are read */
    const char *name;       /* of the file */
    bool is_file;           /* which may name other files; a text from elsewhere may not */
    struct bb_error *error;
};

struct bb_yaml_key {
    const char *name;
    /* 0, or a negative error that names what is allowed. */
    int (*read)(struct bb_yaml *yaml, const yaml_node_t *node, void *target);
    size_t offset; /* of the target in the structure */
};

/* Fails with BB-1019 at the node's line. */
int bb_yaml_fail(struct bb_yaml *yaml, const yaml_node_t *node, const char *format, ...)
    BB_PRINTF(3, 4);

/* Parse a text and give its root; release with yaml_document_delete. */
int bb_yaml_parse(struct bb_yaml *yaml, struct bb_span text, const yaml_node_t **root) BB_MUST_USE;

/* A mapping into `target`. `what` is its name in messages. */
int bb_yaml_mapping(struct bb_yaml *yaml, const yaml_node_t *node, const char *what,
                    const struct bb_yaml_key *keys, size_t key_count, void *target) BB_MUST_USE;

/* Readers of values, by the type of their target. */
int bb_yaml_span(struct bb_yaml *yaml, const yaml_node_t *node, void *target);  /* bb_span */
int bb_yaml_name(struct bb_yaml *yaml, const yaml_node_t *node, void *target);  /* not empty */
int bb_yaml_bool(struct bb_yaml *yaml, const yaml_node_t *node, void *target);  /* bool */
int bb_yaml_count(struct bb_yaml *yaml, const yaml_node_t *node, void *target); /* uint32_t */

/* The text of a scalar as it stands; false when the node is none, or null. */
bool bb_yaml_scalar(const yaml_node_t *node, struct bb_span *text);
const yaml_node_t *bb_yaml_node(struct bb_yaml *yaml, int index);

#endif
