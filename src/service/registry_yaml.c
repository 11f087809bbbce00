/* YAML as small trees: one entry of the file at a time.
 *
 * libyaml's own document would hold a file of a hundred thousand usage points as one tree of several
 * hundred megabytes; here its events become a tree per entry, which is forgotten once the entry is
 * read. Texts stay texts, whatever YAML would make of them: a usage point 871685900012345678 keeps
 * its digits, a reading 84211.30 its zero.
 *
 * Anchors and aliases work (programs that write YAML like to share equal lists); an alias is the
 * node itself, not a copy, and nodes with anchors are kept until the end.
 */
#include "service/registry_yaml_internal.h"

enum {
    DEPTH_MAX = 16,
    ANCHORS_MAX = 10000,
    SCRATCH_CHUNK_BYTES = 64 << 10,
    SCRATCH_LIMIT_BYTES = 512 << 20
};

static int refuse_yaml(struct bb_registry_yaml *yaml) {
    const yaml_parser_t *parser = &yaml->parser;
    const char *problem = parser->problem ? parser->problem : "it cannot be read";

    if (parser->error == YAML_MEMORY_ERROR)
        return bb_registry_full(yaml->reader);
    if (parser->error == YAML_READER_ERROR) {
        int failed = BB_FAIL(yaml->reader->error, BB_E_ENCODING, "the registry file is no text: %s",
                             problem);
        bb_error_locate(yaml->reader->error, yaml->reader->options->source, 0);
        yaml->reader->error->byte = parser->problem_offset;
        yaml->reader->error->has_byte = true;
        return failed;
    }
    return bb_registry_refuse(yaml->reader, parser->problem_mark.line + 1, BB_E_REGISTRY_INVALID,
                              "this is not valid YAML: %s", problem);
}

int bb_registry_yaml_open(struct bb_registry_yaml *yaml, struct bb_registry_reader *reader,
                          struct bb_span text) {
    *yaml = (struct bb_registry_yaml){.reader = reader};
    bb_arena_init(&yaml->scratch, SCRATCH_CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    if (!yaml_parser_initialize(&yaml->parser))
        return bb_registry_full(reader);
    yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)text.data, text.size);
    return 0;
}

void bb_registry_yaml_close(struct bb_registry_yaml *yaml) {
    yaml_parser_delete(&yaml->parser);
    bb_arena_release(&yaml->scratch);
}

int bb_registry_yaml_event(struct bb_registry_yaml *yaml, yaml_event_t *event) {
    return yaml_parser_parse(&yaml->parser, event) ? 0 : refuse_yaml(yaml);
}

/* ---- anchors --------------------------------------------------------------------------------- */

static struct bb_span name_span(const yaml_char_t *name) {
    return bb_span_of((const char *)name);
}

/* A node is known by its anchor once it is complete, so that it cannot hold itself. */
static int keep_anchor(struct bb_registry_yaml *yaml, const char *name, uint64_t line,
                       const struct bb_registry_node *node) {
    void *anchors = yaml->anchors;

    if (!name)
        return 0;
    if (yaml->anchor_count == ANCHORS_MAX)
        return bb_registry_refuse(yaml->reader, line, BB_E_REGISTRY_INVALID,
                                  "a registry file may have at most %d anchors", ANCHORS_MAX);
    struct bb_registry_anchor *anchor = bb_registry_list_add(
        &yaml->scratch, &anchors, &yaml->anchor_count, sizeof *yaml->anchors);
    if (!anchor)
        return bb_registry_full(yaml->reader);
    yaml->anchors = anchors;
    *anchor = (struct bb_registry_anchor){bb_span_of(name), node};
    return 0;
}

/* The latest node of that name, as YAML has it. */
static int find_anchor(struct bb_registry_yaml *yaml, const yaml_event_t *event,
                       struct bb_registry_node *node) {
    struct bb_span name = name_span(event->data.alias.anchor);

    for (uint32_t i = yaml->anchor_count; i > 0; i--)
        if (bb_span_equal(yaml->anchors[i - 1].name, name)) {
            *node = *yaml->anchors[i - 1].node;
            node->line = bb_registry_event_line(event);
            node->next = node->value = NULL;
            return 0;
        }
    return bb_registry_refuse(yaml->reader, bb_registry_event_line(event), BB_E_REGISTRY_INVALID,
                              "there is no anchor &%s before this alias",
                              bb_registry_shown(name).text);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static int compose(struct bb_registry_yaml *yaml, yaml_event_t *event, int depth,
                   struct bb_registry_node **out);

/* The elements of a list, or the keys of a mapping and their values, up to the event that ends it.
 */
static int compose_children(struct bb_registry_yaml *yaml, yaml_event_type_t end, int depth,
                            struct bb_registry_node *parent) {
    struct bb_registry_node **place = &parent->first;
    yaml_event_t event;

    if (depth == DEPTH_MAX)
        return bb_registry_refuse(yaml->reader, parent->line, BB_E_REGISTRY_INVALID,
                                  "lists and mappings lie more than %d deep", DEPTH_MAX);
    for (;;) {
        int failed = bb_registry_yaml_event(yaml, &event);
        if (failed)
            return failed;
        if (event.type == end) {
            yaml_event_delete(&event);
            return 0;
        }
        failed = compose(yaml, &event, depth + 1, place);
        if (!failed && parent->type == BB_REGISTRY_NODE_MAPPING) {
            failed = bb_registry_yaml_event(yaml, &event);
            if (!failed)
                failed = compose(yaml, &event, depth + 1, &(*place)->value);
        }
        if (failed)
            return failed;
        place = &(*place)->next;
        parent->count++;
    }
}

/* What `event` says of the node itself, its children aside; the anchor's name lives in scratch. */
static int make_node(struct bb_registry_yaml *yaml, const yaml_event_t *event,
                     struct bb_registry_node *node, const char **anchor) {
    const yaml_char_t *name = NULL;

    node->line = bb_registry_event_line(event);
    if (event->type == YAML_ALIAS_EVENT)
        return find_anchor(yaml, event, node);
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        node->type = BB_REGISTRY_NODE_LIST;
        name = event->data.sequence_start.anchor;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        node->type = BB_REGISTRY_NODE_MAPPING;
        name = event->data.mapping_start.anchor;
    } else {
        BB_ASSERT(event->type == YAML_SCALAR_EVENT);
        node->type = BB_REGISTRY_NODE_TEXT;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->text = bb_arena_copy(
            &yaml->scratch,
            (struct bb_span){(const char *)event->data.scalar.value, event->data.scalar.length});
        if (!node->text.data)
            return bb_registry_full(yaml->reader);
        name = event->data.scalar.anchor;
    }
    if (name) {
        *anchor = bb_arena_copy(&yaml->scratch, name_span(name)).data;
        if (!*anchor)
            return bb_registry_full(yaml->reader);
    }
    return 0;
}

static int compose(struct bb_registry_yaml *yaml, yaml_event_t *event, int depth,
                   struct bb_registry_node **out) {
    struct bb_registry_node *node = bb_arena_take_array(&yaml->scratch, 1, sizeof *node);
    yaml_event_type_t type = event->type;
    const char *anchor = NULL;

    if (!node) {
        yaml_event_delete(event);
        return bb_registry_full(yaml->reader);
    }
    int failed = make_node(yaml, event, node, &anchor);
    yaml_event_delete(event);
    if (failed)
        return failed;
    *out = node;
    if (type == YAML_SEQUENCE_START_EVENT)
        failed = compose_children(yaml, YAML_SEQUENCE_END_EVENT, depth, node);
    else if (type == YAML_MAPPING_START_EVENT)
        failed = compose_children(yaml, YAML_MAPPING_END_EVENT, depth, node);
    return failed ? failed : keep_anchor(yaml, anchor, node->line, node);
}

int bb_registry_yaml_tree(struct bb_registry_yaml *yaml, yaml_event_t *event,
                          const struct bb_registry_node **out) {
    struct bb_registry_node *node = NULL;

    if (yaml->anchor_count == 0)
        bb_arena_reset(&yaml->scratch);
    int failed = compose(yaml, event, 0, &node);
    *out = node;
    return failed;
}

bool bb_registry_node_is_nothing(const struct bb_registry_node *node) {
    if (node->type != BB_REGISTRY_NODE_TEXT)
        return false;
    return node->text.size == 0 ||
           (!node->quoted && (bb_span_equal(node->text, BB_SPAN("~")) ||
                              bb_span_equal_nocase(node->text, BB_SPAN("null"))));
}
