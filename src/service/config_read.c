/* Reading busbar.yaml: see config.h.
 *
 * The document is walked along the table of keys: a scalar belongs to a key, a mapping to a key's
 * parents. Whatever else there is ends in an error with its line, what is allowed, and the nearest
 * known key. Files are small; nothing here is hot.
 */
#include "base/nearest.h"
#include "service/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { CONFIG_FILE_MAX_BYTES = 1 << 20 };

struct reading {
    const char *path;
    const struct bb_config_keys *keys;
    struct bb_config *config;
    yaml_document_t *document;
    uint8_t *seen; /* per key: the line that set it was met */
    struct bb_error *error;
};

static int refuse_at(const struct reading *reading, const yaml_node_t *node) {
    bb_error_locate(reading->error, reading->path, node->start_mark.line + 1);
    return -(int)reading->error->code;
}

#define REFUSE(reading, node, ...)                                                                 \
    ((void)BB_FAIL((reading)->error, BB_E_CONFIG_INVALID, __VA_ARGS__),                            \
     refuse_at((reading), (node)))

static struct bb_span scalar_of(const yaml_node_t *node) {
    return (struct bb_span){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_parent(const struct bb_config_keys *keys, const char *path) {
    size_t size = strlen(path);

    for (size_t i = 0; i < keys->count; i++)
        if (strncmp(keys->items[i].name, path, size) == 0 && keys->items[i].name[size] == '.')
            return true;
    return false;
}

static int refuse_unknown(const struct reading *reading, const yaml_node_t *node,
                          const char *path) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(path));
    for (size_t i = 0; i < reading->keys->count; i++)
        bb_nearest_offer(&nearest, reading->keys->items[i].name);
    return REFUSE(reading, node,
                  "there is no key %s%s%s; `busbar check --defaults` prints all keys", path,
                  nearest.name ? "; did you mean " : "", nearest.name ? nearest.name : "");
}

static int refuse_value(const struct reading *reading, const yaml_node_t *node,
                        const struct bb_config_key *key) {
    static const char *const kinds[] = {
        [BB_CONFIG_COUNT] = "a whole number",
        [BB_CONFIG_BYTES] = "a size such as 512MiB",
        [BB_CONFIG_DURATION] = "a duration such as 30s or 2h",
        [BB_CONFIG_SWITCH] = "on or off",
        [BB_CONFIG_STEP] = "on or off",
        [BB_CONFIG_PATH] = "the name of a file",
        [BB_CONFIG_WORD] = "a text",
    };
    char least[BB_CONFIG_TEXT_MAX], most[BB_CONFIG_TEXT_MAX];
    struct bb_span given = node->type == YAML_SCALAR_NODE ? scalar_of(node) : BB_SPAN("(a list)");

    if (key->unit == BB_CONFIG_STEP || key->unit == BB_CONFIG_SWITCH)
        return REFUSE(reading, node, "%s cannot be \"%.*s\": allowed is on or off", key->name,
                      BB_SPAN_ARGS(given));
    if (bb_config_is_text(key))
        return REFUSE(reading, node, "%s is %s, at most %d bytes long", key->name, kinds[key->unit],
                      BB_CONFIG_PATH_MAX - 1);
    bb_config_value_format(key, key->min, least);
    bb_config_value_format(key, key->max, most);
    return REFUSE(reading, node, "%s cannot be \"%.*s\": allowed is %s from %s to %s", key->name,
                  BB_SPAN_ARGS(given), kinds[key->unit], least, most);
}

/* A step is switched by on or off, or, when it has parameters, by the value of the first one:
 * `linear: 2h`. */
static bool set_step(const struct reading *reading, const struct bb_config_key *key,
                     struct bb_span text) {
    if (bb_config_value_set(key, text, reading->config))
        return true;
    if (!key->step->parameters[0].name || !bb_config_value_set(key + 1, text, reading->config))
        return false;
    bb_config_step(key, reading->config)->on = true;
    return true;
}

static int read_value(struct reading *reading, const yaml_node_t *node,
                      const struct bb_config_key *key) {
    size_t index = (size_t)(key - reading->keys->items);

    if (reading->seen[index]++)
        return REFUSE(reading, node, "%s is given twice", key->name);
    if (node->type != YAML_SCALAR_NODE)
        return refuse_value(reading, node, key);
    struct bb_span text = scalar_of(node);
    bool ok = key->unit == BB_CONFIG_STEP ? set_step(reading, key, text)
                                          : bb_config_value_set(key, text, reading->config);
    return ok ? 0 : refuse_value(reading, node, key);
}

static int read_mapping(struct reading *reading, const yaml_node_t *node, const char *path);

static int read_entry(struct reading *reading, const yaml_node_t *name, const yaml_node_t *value,
                      const char *parent) {
    char path[BB_CONFIG_KEY_MAX];

    if (name->type != YAML_SCALAR_NODE)
        return REFUSE(reading, name, "a key is a plain word");
    int length = snprintf(path, sizeof path, "%s%s%s", parent, *parent ? "." : "",
                          (const char *)name->data.scalar.value);
    if (length < 0 || (size_t)length >= sizeof path)
        return REFUSE(reading, name, "a key is at most %zu bytes long", sizeof path - 1);
    const struct bb_config_key *key = bb_config_key_find(reading->keys, path);
    bool parent_of_keys = is_parent(reading->keys, path);
    bool empty = value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0;
    if (!key && !parent_of_keys)
        return refuse_unknown(reading, name, path);
    if (parent_of_keys && value->type == YAML_MAPPING_NODE) {
        if (key)
            bb_config_step(key, reading->config)->on = true;
        return read_mapping(reading, value, path);
    }
    if (!key)
        return empty ? 0 : REFUSE(reading, value, "%s holds keys of its own", path);
    return read_value(reading, value, key);
}

static int read_mapping(struct reading *reading, const yaml_node_t *node, const char *path) {
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        int r = read_entry(reading, yaml_document_get_node(reading->document, pair->key),
                           yaml_document_get_node(reading->document, pair->value), path);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_document(struct reading *reading, yaml_parser_t *parser) {
    yaml_document_t document;

    if (!yaml_parser_load(parser, &document)) {
        (void)BB_FAIL(reading->error, BB_E_CONFIG_INVALID, "not YAML: %s",
                      parser->problem ? parser->problem : "out of memory");
        bb_error_locate(reading->error, reading->path, parser->problem_mark.line + 1);
        return -(int)reading->error->code;
    }
    reading->document = &document;
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    int r = 0;
    if (root && root->type == YAML_MAPPING_NODE)
        r = read_mapping(reading, root, "");
    else if (root && (root->type != YAML_SCALAR_NODE || root->data.scalar.length > 0))
        r = REFUSE(reading, root, "the file holds no keys; `busbar check --defaults` prints all");
    reading->document = NULL;
    yaml_document_delete(&document);
    return r;
}

static int read_text(struct reading *reading, const unsigned char *text, size_t size) {
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser))
        return BB_FAIL(reading->error, BB_E_NO_MEMORY, "no memory to read %s", reading->path);
    yaml_parser_set_input_string(&parser, text, size);
    int r = read_document(reading, &parser);
    yaml_parser_delete(&parser);
    return r;
}

/* The whole file; a configuration is small. */
static int load_file(const char *path, unsigned char **text, size_t *size, struct bb_error *error) {
    FILE *file = fopen(path, "re");
    int r = 0;

    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_CONFIG_INVALID, errno, "cannot open the configuration %s",
                             path);
    *text = malloc(CONFIG_FILE_MAX_BYTES + 1);
    *size = *text ? fread(*text, 1, CONFIG_FILE_MAX_BYTES + 1, file) : 0;
    if (!*text)
        r = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %s", path);
    else if (ferror(file))
        r = BB_FAIL_ERRNO(error, BB_E_CONFIG_INVALID, errno, "cannot read the configuration %s",
                          path);
    else if (*size > CONFIG_FILE_MAX_BYTES)
        r = BB_FAIL(error, BB_E_CONFIG_INVALID, "%s is larger than a configuration may be (1 MiB)",
                    path);
    fclose(file);
    return r;
}

int bb_config_load(const char *path, struct bb_config *config, struct bb_error *error) {
    struct bb_config_keys keys = {0};
    unsigned char *text = NULL;
    uint8_t *seen = NULL;
    size_t size = 0;

    bb_config_defaults(config);
    int r = load_file(path, &text, &size, error);
    if (r == 0)
        r = bb_config_keys_make(&keys, error);
    if (r == 0 && !(seen = calloc(keys.count, 1)))
        r = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %s", path);
    if (r == 0) {
        struct reading reading = {
            .path = path, .keys = &keys, .config = config, .seen = seen, .error = error};
        r = read_text(&reading, text, size);
    }
    free(seen);
    free(text);
    bb_config_keys_release(&keys);
    return r;
}
