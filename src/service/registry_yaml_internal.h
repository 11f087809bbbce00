/* YAML as small trees: see registry_yaml.c. */
#ifndef BB_SERVICE_REGISTRY_YAML_INTERNAL_H
#define BB_SERVICE_REGISTRY_YAML_INTERNAL_H

#include <yaml.h>

#include "service/registry_field_internal.h"

enum bb_registry_node_type {
    BB_REGISTRY_NODE_TEXT,
    BB_REGISTRY_NODE_LIST,
    BB_REGISTRY_NODE_MAPPING
};

struct bb_registry_node {
    enum bb_registry_node_type type;
    bool quoted;
    uint32_t count; /* elements of a list, keys of a mapping */
    uint64_t line;
    struct bb_span text;            /* of a text */
    struct bb_registry_node *first; /* element or key */
    struct bb_registry_node *next;  /* element or key */
    struct bb_registry_node *value; /* of a key */
};

struct bb_registry_anchor {
    struct bb_span name;
    const struct bb_registry_node *node;
};

struct bb_registry_yaml {
    yaml_parser_t parser;
    struct bb_registry_reader *reader;
    struct bb_arena scratch; /* of the trees at hand, or of all since the first anchor */
    struct bb_registry_anchor *anchors;
    uint32_t anchor_count;
};

int bb_registry_yaml_open(struct bb_registry_yaml *yaml, struct bb_registry_reader *reader,
                          struct bb_span text) BB_MUST_USE;
void bb_registry_yaml_close(struct bb_registry_yaml *yaml);

/* The next event; yaml_event_delete it. */
int bb_registry_yaml_event(struct bb_registry_yaml *yaml, yaml_event_t *event) BB_MUST_USE;
/* The tree that begins with `event`, which is used up. Earlier trees are gone, unless an anchor
 * keeps them. */
int bb_registry_yaml_tree(struct bb_registry_yaml *yaml, yaml_event_t *event,
                          const struct bb_registry_node **out) BB_MUST_USE;

static inline uint64_t bb_registry_event_line(const yaml_event_t *event) {
    return event->start_mark.line + 1;
}
/* Nothing is said: no text, ~ or null, or the empty text. */
bool bb_registry_node_is_nothing(const struct bb_registry_node *node);

#endif
