/* `avro:` of a map file: how messages are framed, and where their schemas are.
 *
 * A schema stands in the map itself or in a file beside it; a folder has many, `ID.avsc` each. They are read
 * once, with the map. */
#include "codec/avro_decoder_internal.h"
#include "codec/map_keys_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMAS_MAX = 10000, PATH_BYTES = 4096 };

static int read_framing(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const char *const names[] = {"auto", "raw", "single", "confluent", "container"};
    struct bb_span text = {"", 0};
    uint8_t *out = target;

    (void)bb_yaml_scalar(node, &text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bb_span_equal(text, bb_span_of(names[i]))) {
            *out = (uint8_t)i;
            return 0;
        }
    return bb_yaml_fail(yaml, node,
                        "framing: auto, raw, single, confluent or container is expected here");
}

/* An address, or {url: ..., user: ..., password_file: ...}. */
static int read_registry(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_yaml_key keys[] = {
        {"url", bb_yaml_name, offsetof(struct bb_map_avro, registry)},
        {"user", bb_yaml_name, offsetof(struct bb_map_avro, user)},
        {"password_file", bb_yaml_name, offsetof(struct bb_map_avro, password_file)},
    };
    struct bb_map_avro *out = target;

    if (node->type == YAML_SCALAR_NODE)
        return bb_yaml_name(yaml, node, &out->registry);
    int failure = bb_yaml_mapping(yaml, node, "registry", keys, sizeof keys / sizeof *keys, target);
    if (failure == 0 && out->registry.size == 0)
        return bb_yaml_fail(yaml, node, "registry: its url is lacking");
    if (failure == 0 && (out->user.size > 0) != (out->password_file.size > 0))
        return bb_yaml_fail(yaml, node, "registry: user and password_file go together");
    return failure;
}

int bb_map_read_avro(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_yaml_key keys[] = {
        {"framing", read_framing, offsetof(struct bb_map_avro, framing)},
        {"schema", bb_yaml_name, offsetof(struct bb_map_avro, schema)},
        {"reader", bb_yaml_name, offsetof(struct bb_map_avro, reader)},
        {"schemas", bb_yaml_name, offsetof(struct bb_map_avro, schemas)},
        {"registry", read_registry, 0},
    };
    struct bb_map_avro *out = target;

    out->node = node;
    return bb_yaml_mapping(yaml, node, "avro", keys, sizeof keys / sizeof *keys, target);
}

/* ---- what is named ---- */

/* As the map's own folder sees it. */
static bool find_path(const struct bb_yaml *yaml, struct bb_span name, char *path) {
    const char *slash = strrchr(yaml->name, '/');
    int folder = slash && name.data[0] != '/' ? (int)(slash - yaml->name + 1) : 0;

    return snprintf(path, PATH_BYTES, "%.*s%.*s", folder, yaml->name, (int)name.size, name.data) <
           PATH_BYTES;
}

static int refuse_file(struct bb_yaml *yaml, const struct bb_map_avro *from, const char *key) {
    return bb_yaml_fail(yaml, from->node,
                        "avro: %s may name a file or an address only in a map that is a file here; "
                        "`schema:` and `reader:` may also hold the schema itself, as text",
                        key);
}

static int parse(struct bb_yaml *yaml, const yaml_node_t *node, struct bb_span json,
                 const char *where, struct bb_avro_schema **out) {
    struct bb_error reason = {0};
    int failure = bb_avro_schema_parse(json, out, &reason);

    if (failure == 0)
        return 0;
    failure = bb_yaml_fail(yaml, node, "%.200s: %.360s", where, reason.text);
    yaml->error->code = reason.code;
    return failure < 0 ? -(int)reason.code : failure;
}

static int parse_file(struct bb_yaml *yaml, const yaml_node_t *node, const char *path,
                      struct bb_avro_schema **out) {
    struct bb_buffer text;
    struct bb_error reason = {0};

    bb_buffer_init(&text, BB_AVRO_SCHEMA_MAX + 65536);
    int failure = bb_map_read_file(path, BB_AVRO_SCHEMA_MAX, "the schema", &text, &reason);
    if (failure)
        failure = bb_yaml_fail(yaml, node, "%.200s: %.360s", path, reason.text);
    else
        failure = parse(yaml, node, bb_buffer_span(&text), path, out);
    bb_buffer_release(&text);
    return failure;
}

/* A schema in JSON, or the name of a file with one. */
static int load_schema(struct bb_yaml *yaml, const struct bb_map_avro *from, struct bb_span said,
                       const char *key, struct bb_avro_schema **out) {
    struct bb_span text = said;
    char path[PATH_BYTES];

    while (text.size > 0 && (bb_char_is_blank(*text.data) || *text.data == '\n'))
        text.data++, text.size--;
    if (text.size == 0)
        return 0;
    if (strchr("{[\"", *text.data))
        return parse(yaml, from->node, text, key, out);
    if (!yaml->is_file)
        return refuse_file(yaml, from, key);
    if (!find_path(yaml, said, path))
        return bb_yaml_fail(yaml, from->node, "avro: the name of the file is too long");
    return parse_file(yaml, from->node, path, out);
}

/* "12.avsc" has the id 12. */
static void set_id(struct bb_avro_named *named, const char *name) {
    uint64_t id = 0;
    size_t i = 0;

    for (; name[i] >= '0' && name[i] <= '9' && i < 10; i++)
        id = id * 10 + (uint64_t)(name[i] - '0');
    named->has_id = i > 0 && name[i] == '.' && id <= UINT32_MAX;
    named->id = (uint32_t)id;
}

static int add_file(struct bb_yaml *yaml, const struct bb_map_avro *from, const char *folder,
                    const char *name, struct bb_avro_form *form) {
    struct bb_span text = bb_span_of(name);
    char path[2 * PATH_BYTES];

    if (!bb_span_ends_with(text, BB_SPAN(".avsc")) && !bb_span_ends_with(text, BB_SPAN(".json")))
        return 0;
    if (form->schema_count == SCHEMAS_MAX)
        return bb_yaml_fail(yaml, from->node, "schemas: a folder has at most %d schemas",
                            SCHEMAS_MAX);
    struct bb_avro_named *grown = realloc(form->schemas,
                                          (form->schema_count + 1) * sizeof *form->schemas);
    if (!grown)
        return BB_FAIL(yaml->error, BB_E_NO_MEMORY, "no memory for %u schemas", form->schema_count);
    form->schemas = grown;
    struct bb_avro_named *named = &form->schemas[form->schema_count];
    *named = (struct bb_avro_named){0};
    set_id(named, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int failure = parse_file(yaml, from->node, path, &named->schema);
    form->schema_count += failure == 0;
    return failure;
}

static int load_folder(struct bb_yaml *yaml, const struct bb_map_avro *from,
                       struct bb_avro_form *form) {
    char path[PATH_BYTES];
    struct dirent *entry;
    int failure = 0;

    if (!yaml->is_file)
        return refuse_file(yaml, from, "schemas");
    if (!find_path(yaml, from->schemas, path))
        return bb_yaml_fail(yaml, from->node, "schemas: the name of the folder is too long");
    DIR *folder = opendir(path);
    if (!folder)
        return bb_yaml_fail(yaml, from->node, "schemas: the folder %.200s cannot be opened: %s",
                            path, strerror(errno));
    while (failure == 0 && (entry = readdir(folder)) != NULL)
        failure = add_file(yaml, from, path, entry->d_name, form);
    closedir(folder);
    return failure;
}

static int set_password_file(struct bb_yaml *yaml, const struct bb_map_avro *from,
                             struct bb_avro_form *form) {
    char path[PATH_BYTES];

    if (from->password_file.size == 0)
        return 0;
    if (!find_path(yaml, from->password_file, path))
        return bb_yaml_fail(yaml, from->node,
                            "registry: the name of the password file is too long");
    form->password_file = bb_arena_copy(yaml->arena, bb_span_of(path));
    return form->password_file.data ? 0 : bb_yaml_fail(yaml, from->node, "the map is too large");
}

int bb_map_load_avro(struct bb_yaml *yaml, const struct bb_map_avro *from,
                     struct bb_avro_form **out) {
    struct bb_avro_form *form;

    if (!from->node)
        return 0;
    *out = form = calloc(1, sizeof *form);
    if (!form)
        return BB_FAIL(yaml->error, BB_E_NO_MEMORY, "no memory for a map");
    form->framing = from->framing;
    if (from->registry.size > 0 && !yaml->is_file)
        return refuse_file(yaml, from, "registry");
    form->registry = from->registry;
    form->user = from->user;
    int failure = set_password_file(yaml, from, form);
    if (failure == 0)
        failure = load_schema(yaml, from, from->schema, "schema", &form->writer);
    if (failure == 0)
        failure = load_schema(yaml, from, from->reader, "reader", &form->reader);
    if (failure == 0 && from->schemas.size > 0)
        failure = load_folder(yaml, from, form);
    if (failure == 0 && form->framing == BB_AVRO_FRAMING_RAW && !form->writer)
        return bb_yaml_fail(yaml, from->node, "avro: framing: raw needs a `schema:`");
    return failure;
}

void bb_avro_form_release(struct bb_avro_form *form) {
    if (!form)
        return;
    bb_avro_schema_free(form->writer);
    bb_avro_schema_free(form->reader);
    for (uint32_t i = 0; i < form->schema_count; i++)
        bb_avro_schema_free(form->schemas[i].schema);
    free(form->schemas);
    free(form);
}
