/* YAML by tables: see map_yaml_internal.h. */
#include "codec/map_yaml_internal.h"

#include "base/nearest.h"

#include <stdarg.h>
#include <stdio.h>

int bb_yaml_fail(struct bb_yaml *yaml, const yaml_node_t *node, const char *format, ...) {
    char text[sizeof yaml->error->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int failure = BB_FAIL(yaml->error, BB_E_MAP_INVALID, "%s", text);
    bb_error_locate(yaml->error, yaml->name, node ? node->start_mark.line + 1 : 0);
    return failure;
}

int bb_yaml_parse(struct bb_yaml *yaml, struct bb_span text, const yaml_node_t **root) {
    yaml_parser_t parser;

    *root = NULL;
    if (!yaml_parser_initialize(&parser))
        return BB_FAIL(yaml->error, BB_E_NO_MEMORY, "no memory for a YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    int failure = 0;
    if (!yaml_parser_load(&parser, &yaml->document)) {
        failure = BB_FAIL(yaml->error, BB_E_MAP_INVALID, "this is no YAML: %s%s%s",
                          parser.problem ? parser.problem : "out of memory",
                          parser.context ? " " : "", parser.context ? parser.context : "");
        bb_error_locate(yaml->error, yaml->name, parser.problem_mark.line + 1);
    }
    yaml_parser_delete(&parser);
    if (failure)
        return failure;
    *root = yaml_document_get_root_node(&yaml->document);
    if (!*root || (*root)->type != YAML_MAPPING_NODE) {
        failure = bb_yaml_fail(yaml, *root, "a map file is a mapping: `format: csv` and so on");
        yaml_document_delete(&yaml->document);
    }
    return failure;
}

const yaml_node_t *bb_yaml_node(struct bb_yaml *yaml, int index) {
    return yaml_document_get_node(&yaml->document, index);
}

bool bb_yaml_scalar(const yaml_node_t *node, struct bb_span *text) {
    if (node->type != YAML_SCALAR_NODE)
        return false;
    *text = (struct bb_span){(const char *)node->data.scalar.value, node->data.scalar.length};
    return node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
           !(text->size == 0 || bb_span_equal(*text, BB_SPAN("~")) ||
             bb_span_equal_nocase(*text, BB_SPAN("null")));
}

static const char *list_keys(const struct bb_yaml_key *keys, size_t count, char *buffer,
                             size_t size) {
    size_t used = 0;

    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 keys[i].name);
    return buffer;
}

static int unknown_key(struct bb_yaml *yaml, const yaml_node_t *node, struct bb_span key,
                       const char *what, const struct bb_yaml_key *keys, size_t count) {
    struct bb_nearest nearest;
    char allowed[300], hint[80] = "";

    bb_nearest_init(&nearest, key);
    for (size_t i = 0; i < count; i++)
        bb_nearest_offer(&nearest, keys[i].name);
    if (nearest.name)
        snprintf(hint, sizeof hint, "; did you mean %s?", nearest.name);
    return bb_yaml_fail(yaml, node, "%s has no key \"%.*s\"%s; allowed are: %s", what,
                        key.size < 60 ? (int)key.size : 60, key.data, hint,
                        list_keys(keys, count, allowed, sizeof allowed));
}

int bb_yaml_mapping(struct bb_yaml *yaml, const yaml_node_t *node, const char *what,
                    const struct bb_yaml_key *keys, size_t key_count, void *target) {
    uint64_t given = 0;

    BB_ASSERT(key_count <= 64);
    if (node->type != YAML_MAPPING_NODE) {
        char allowed[300];
        return bb_yaml_fail(yaml, node, "%s is a mapping {key: value}; its keys are: %s", what,
                            list_keys(keys, key_count, allowed, sizeof allowed));
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key_node = bb_yaml_node(yaml, pair->key);
        struct bb_span key = {"", 0};
        size_t i = 0;
        (void)bb_yaml_scalar(key_node, &key);
        while (i < key_count && !bb_span_equal(key, bb_span_of(keys[i].name)))
            i++;
        if (i == key_count)
            return unknown_key(yaml, key_node, key, what, keys, key_count);
        if (given >> i & 1)
            return bb_yaml_fail(yaml, key_node, "%s has the key \"%s\" twice", what, keys[i].name);
        given |= 1ULL << i;
        int failure = keys[i].read(yaml, bb_yaml_node(yaml, pair->value),
                                   (char *)target + keys[i].offset);
        if (failure)
            return failure;
    }
    return 0;
}

int bb_yaml_span(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_span text, *out = target;

    if (!bb_yaml_scalar(node, &text))
        return bb_yaml_fail(yaml, node, "a text is expected here");
    *out = bb_arena_copy(yaml->arena, text);
    return out->data ? 0 : bb_yaml_fail(yaml, node, "the map is too large");
}

int bb_yaml_name(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    const struct bb_span *out = target;

    int failure = bb_yaml_span(yaml, node, target);
    if (failure == 0 && out->size == 0)
        return bb_yaml_fail(yaml, node, "a text that is not empty is expected here");
    return failure;
}

int bb_yaml_bool(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const char *const texts[] = {"false", "true", "no", "yes"};
    struct bb_span text;
    bool *out = target;

    for (size_t i = 0; i < 4 && bb_yaml_scalar(node, &text); i++)
        if (bb_span_equal_nocase(text, bb_span_of(texts[i]))) {
            *out = i % 2 == 1;
            return 0;
        }
    return bb_yaml_fail(yaml, node, "true or false is expected here");
}

int bb_yaml_count(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_span text = {"", 0};
    uint32_t value = 0, *out = target;

    bool good = bb_yaml_scalar(node, &text) && text.size > 0 && text.size < 9;
    for (size_t i = 0; i < text.size && good; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = value;
    return good ? 0 : bb_yaml_fail(yaml, node, "a number from 0 to 99999999 is expected here");
}
