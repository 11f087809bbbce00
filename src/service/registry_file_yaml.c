/* A registry file in YAML into entries: the trees of registry_yaml.c are walked along the tables of
 * registry_field.c. */
#include "model/expression.h"
#include "service/registry_yaml_internal.h"

enum { NAME_TEXT_MAX_BYTES = 4096 };

/* ---- structs --------------------------------------------------------------------------------- */

static int read_struct(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                       const struct bb_registry_node *node, void *base);

static int expect(struct bb_registry_reader *reader, const struct bb_registry_node *node,
                  enum bb_registry_node_type type, const char *what) {
    static const char *const types[] = {
        [BB_REGISTRY_NODE_TEXT] = "a single value",
        [BB_REGISTRY_NODE_LIST] = "a list",
        [BB_REGISTRY_NODE_MAPPING] = "a mapping (key: value)",
    };

    if (node->type == type)
        return 0;
    return bb_registry_refuse(reader, node->line, BB_E_REGISTRY_INVALID,
                              "`%s` must be %s, and is %s", what, types[type], types[node->type]);
}

static int refuse_twice(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                        const void *element, uint64_t line, uint64_t before) {
    struct bb_buffer name;

    bb_buffer_init(&name, NAME_TEXT_MAX_BYTES);
    shape->fields[0].type->format(bb_registry_member(shape->fields, element), &name);
    int failed = bb_registry_refuse(
        reader, line, BB_E_REGISTRY_INVALID, "%s %s stands here twice, the first time in line %llu",
        shape->what, bb_registry_shown(bb_buffer_span(&name)).text, (unsigned long long)before);
    bb_buffer_release(&name);
    return failed;
}

/* Room for the elements of a list or mapping, and for the line of each, which is returned; NULL when
 * the node was refused. */
static uint64_t *make_list(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                           const struct bb_registry_node *node, enum bb_registry_node_type type,
                           size_t element_size, void *base) {
    uint32_t most = field->most ? field->most : BB_REGISTRY_LIST_MAX;
    uint64_t *lines = NULL;
    int failed = expect(reader, node, type, field->key);

    if (!failed && node->count > most)
        failed = bb_registry_refuse(reader, node->line, BB_E_REGISTRY_INVALID,
                                    "`%s` has %u elements; allowed are %u", field->key, node->count,
                                    most);
    if (!failed) {
        lines = bb_arena_take_array(reader->arena, node->count, sizeof *lines);
        *bb_registry_items(field, base) = bb_arena_take_array(reader->arena, node->count,
                                                              element_size);
        if (!lines || !*bb_registry_items(field, base))
            failed = bb_registry_full(reader);
    }
    return failed ? NULL : lines;
}

static int refused(const struct bb_registry_reader *reader) {
    return -(int)reader->error->code;
}

/* Count in the element just read, unless it is there already. */
static int close_element(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                         void *base, const uint64_t *lines) {
    uint32_t *count = bb_registry_count(field, base);
    const void *element = bb_registry_item(field, base, *count);

    for (uint32_t i = 0; i < *count; i++)
        if (bb_registry_key_equal(field->element, element, bb_registry_item(field, base, i)))
            return refuse_twice(reader, field->element, element, lines[*count], lines[i]);
    ++*count;
    return 0;
}

static int read_scalar(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                       const struct bb_registry_node *node, void *base) {
    int failed = expect(reader, node, BB_REGISTRY_NODE_TEXT, field->key);

    return failed ? failed : bb_registry_field_parse(reader, field, node->text, node->line, base);
}

static int read_list(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                     const struct bb_registry_node *node, void *base) {
    uint32_t *count = bb_registry_count(field, base);
    uint64_t *lines = make_list(reader, field, node, BB_REGISTRY_NODE_LIST, field->element->size,
                                base);
    int failed = lines ? 0 : refused(reader);

    for (const struct bb_registry_node *at = node->first; !failed && at; at = at->next) {
        lines[*count] = at->line;
        failed = read_struct(reader, field->element, at, bb_registry_item(field, base, *count));
        if (!failed)
            failed = close_element(reader, field, base, lines);
    }
    if (!failed && field->element == &bb_registry_installation_shape)
        failed = bb_registry_installations_check(reader, base, lines);
    return failed;
}

/* Pairs of a mapping whose keys are free: tags, readings by channel. */
static int read_map(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                    const struct bb_registry_node *node, void *base) {
    const struct bb_registry_field *parts = field->element->fields;
    uint32_t *count = bb_registry_count(field, base);
    uint64_t *lines = make_list(reader, field, node, BB_REGISTRY_NODE_MAPPING, field->element->size,
                                base);
    int failed = lines ? 0 : refused(reader);

    for (const struct bb_registry_node *key = node->first; !failed && key; key = key->next) {
        void *element = bb_registry_item(field, base, *count);
        lines[*count] = key->line;
        failed = read_scalar(reader, &parts[0], key, element);
        if (!failed && (parts[1].required || !bb_registry_node_is_nothing(key->value)))
            failed = read_scalar(reader, &parts[1], key->value, element);
        if (!failed)
            failed = close_element(reader, field, base, lines);
    }
    return failed;
}

/* Dates are kept ascending, each once. */
static int read_dates(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                      const struct bb_registry_node *node, void *base) {
    uint32_t *count = bb_registry_count(field, base);
    struct bb_registry_field one = {.key = field->key, .type = field->type};
    bool room = make_list(reader, field, node, BB_REGISTRY_NODE_LIST, sizeof(int32_t), base) !=
                NULL;
    int failed = room ? 0 : refused(reader);

    for (const struct bb_registry_node *at = node->first; !failed && at; at = at->next) {
        int32_t *dates = *bb_registry_items(field, base), date = 0;
        uint32_t place = *count;
        failed = read_scalar(reader, &one, at, &date);
        if (failed)
            break;
        while (place > 0 && dates[place - 1] >= date)
            place--;
        if (place < *count && dates[place] == date)
            continue;
        memmove(dates + place + 1, dates + place, (*count - place) * sizeof *dates);
        dates[place] = date;
        ++*count;
    }
    return failed;
}

static int read_numbers(struct bb_registry_reader *reader, const struct bb_registry_field *field,
                        const struct bb_registry_node *node, void *base) {
    uint32_t *count = bb_registry_count(field, base);
    struct bb_registry_field one = {.key = field->key, .type = field->type};
    bool room = make_list(reader, field, node, BB_REGISTRY_NODE_LIST, sizeof(int64_t), base) !=
                NULL;
    int failed = room ? 0 : refused(reader);

    for (const struct bb_registry_node *at = node->first; !failed && at; at = at->next) {
        int64_t *numbers = *bb_registry_items(field, base);
        failed = read_scalar(reader, &one, at, &numbers[*count]);
        *count += !failed;
    }
    return failed;
}

static int (*const form_readers[])(struct bb_registry_reader *, const struct bb_registry_field *,
                                   const struct bb_registry_node *, void *) = {
    [BB_REGISTRY_SCALAR] = read_scalar,   [BB_REGISTRY_LIST] = read_list,
    [BB_REGISTRY_MAP] = read_map,         [BB_REGISTRY_DATES] = read_dates,
    [BB_REGISTRY_NUMBERS] = read_numbers,
};

/* The value of a key, NULL when it is absent or says nothing. */
static const struct bb_registry_node *find_value(const struct bb_registry_node *node,
                                                 const char *key) {
    for (const struct bb_registry_node *at = node->first; at; at = at->next)
        if (bb_span_equal(at->text, bb_span_of(key)))
            return bb_registry_node_is_nothing(at->value) ? NULL : at->value;
    return NULL;
}

static int check_keys(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                      const struct bb_registry_node *node) {
    uint32_t seen = 0; /* bit per field */

    _Static_assert(sizeof seen * 8 >= 16, "a bit for every field of a shape");
    for (const struct bb_registry_node *key = node->first; key; key = key->next) {
        int failed = expect(reader, key, BB_REGISTRY_NODE_TEXT, shape->what);
        if (failed)
            return failed;
        const struct bb_registry_field *field = bb_registry_field_find(shape, key->text);
        if (!field)
            return bb_registry_refuse_key(reader, key->line, key->text, shape);
        uint32_t bit = 1U << (field - shape->fields);
        if (seen & bit)
            return bb_registry_refuse(reader, key->line, BB_E_REGISTRY_INVALID,
                                      "`%s` stands here twice", field->key);
        seen |= bit;
    }
    return 0;
}

static int read_fields(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                       const struct bb_registry_node *node, void *base) {
    int failed = check_keys(reader, shape, node);

    for (uint32_t i = 0; !failed && i < shape->field_count; i++) {
        const struct bb_registry_field *field = &shape->fields[i];
        const struct bb_registry_node *value = find_value(node, field->key);
        if (value)
            failed = form_readers[field->form](reader, field, value, base);
        else if (field->required)
            failed = bb_registry_refuse(reader, node->line, BB_E_REGISTRY_INVALID,
                                        "a %s needs `%s`, %s", shape->what, field->key,
                                        field->type->allowed);
    }
    return failed;
}

static int read_struct(struct bb_registry_reader *reader, const struct bb_registry_shape *shape,
                       const struct bb_registry_node *node, void *base) {
    int failed = expect(reader, node, BB_REGISTRY_NODE_MAPPING, shape->what);

    if (failed)
        return failed;
    memcpy(base, shape->absent, shape->size);
    const struct bb_registry_node *name = find_value(node, shape->fields[0].key);
    bool named = name && name->type == BB_REGISTRY_NODE_TEXT;
    size_t outside = bb_registry_enter(reader, shape->what,
                                       named ? name->text : BB_SPAN("without a name"));
    failed = read_fields(reader, shape, node, base);
    if (!failed) /* a refusal keeps telling where it was */
        bb_registry_leave(reader, outside);
    return failed;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* What cannot be read is told here, with its place, and not when the group is asked for. */
static int check_group(struct bb_registry_reader *reader, uint64_t line,
                       const struct bb_master_group *group) {
    const struct bb_expression *expression;
    struct bb_error error = {0};
    int failed = bb_expression_parse(group->expression, reader->arena, &expression, &error);

    return failed ? bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                                       "group %s: `expression`: %s",
                                       bb_registry_shown(group->name).text, error.text)
                  : 0;
}

static int read_entry(struct bb_registry_yaml *yaml, enum bb_master_kind kind,
                      yaml_event_t *event) {
    struct bb_registry_reader *reader = yaml->reader;
    const struct bb_registry_shape *shape = bb_registry_sections[kind].shape;
    const struct bb_registry_node *node;
    int failed = bb_registry_yaml_tree(yaml, event, &node);

    if (failed)
        return failed;
    struct bb_registry_entry *entry = bb_registry_entry_add(reader, kind, node->line);
    if (!entry)
        return bb_registry_full(reader);
    reader->zone = NULL;
    failed = read_struct(reader, shape, node, bb_registry_entry_base(&entry->master));
    if (!failed && kind == BB_MASTER_GROUP)
        failed = check_group(reader, node->line, &entry->master.group);
    if (!failed && kind == BB_MASTER_RULES)
        failed = bb_registry_rules_check(reader, &entry->master.rules, node->line);
    const char *fault = !failed && kind == BB_MASTER_PROFILE
                            ? bb_master_profile_fault(&entry->master.profile)
                            : NULL;
    if (fault)
        return bb_registry_refuse(reader, node->line, BB_E_REGISTRY_INVALID, "profile %s: %s",
                                  bb_registry_shown(entry->master.profile.name).text, fault);
    return failed;
}

static int read_section(struct bb_registry_yaml *yaml, enum bb_master_kind kind,
                        yaml_event_t *first) {
    yaml_event_t event;

    if (first->type != YAML_SEQUENCE_START_EVENT) {
        const struct bb_registry_node *node;
        int failed = bb_registry_yaml_tree(yaml, first, &node);
        if (failed || bb_registry_node_is_nothing(node))
            return failed;
        return expect(yaml->reader, node, BB_REGISTRY_NODE_LIST, bb_registry_sections[kind].key);
    }
    yaml_event_delete(first);
    for (;;) {
        int failed = bb_registry_yaml_event(yaml, &event);
        if (failed)
            return failed;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        failed = read_entry(yaml, kind, &event);
        if (failed)
            return failed;
    }
    yaml_event_delete(&event);
    return 0;
}

/* `tenant: NAME` at the top is the tenant of all entries that name none. */
static int read_tenant(struct bb_registry_yaml *yaml, yaml_event_t *event) {
    static const struct bb_registry_field field = {.key = "tenant",
                                                   .type = &bb_registry_type_tenant};
    struct bb_registry_reader *reader = yaml->reader;
    const struct bb_registry_node *node;
    int failed = bb_registry_yaml_tree(yaml, event, &node);

    if (failed)
        return failed;
    if (reader->entry_count > 0)
        return bb_registry_refuse(reader, node->line, BB_E_REGISTRY_INVALID,
                                  "`tenant` must stand before the lists whose entries it is for");
    return read_scalar(reader, &field, node, &reader->tenant);
}

static int read_top_key(struct bb_registry_yaml *yaml, struct bb_span key, uint64_t line) {
    bool tenant = bb_span_equal(key, BB_SPAN("tenant"));
    yaml_event_t event;
    int kind = 1;

    while (kind < BB_REGISTRY_SECTIONS &&
           !bb_span_equal(key, bb_span_of(bb_registry_sections[kind].key)))
        kind++;
    if (!tenant && kind == BB_REGISTRY_SECTIONS)
        return bb_registry_refuse(yaml->reader, line, BB_E_REGISTRY_INVALID,
                                  "a registry file has no key `%s`; allowed are tenant, tenants, "
                                  "usage_points, calendars, profiles, groups, rules",
                                  bb_registry_shown(key).text);
    int failed = bb_registry_yaml_event(yaml, &event);
    if (failed)
        return failed;
    return tenant ? read_tenant(yaml, &event)
                  : read_section(yaml, (enum bb_master_kind)kind, &event);
}

static int read_document(struct bb_registry_yaml *yaml) {
    yaml_event_t event;
    int failed = bb_registry_yaml_event(yaml, &event);

    if (failed)
        return failed;
    yaml_event_type_t type = event.type;
    uint64_t line = bb_registry_event_line(&event);
    yaml_event_delete(&event);
    if (type != YAML_MAPPING_START_EVENT)
        return bb_registry_refuse(yaml->reader, line, BB_E_REGISTRY_INVALID,
                                  "a registry file is a mapping with the keys tenant, tenants, "
                                  "usage_points, calendars, profiles, groups, rules");
    for (;;) {
        failed = bb_registry_yaml_event(yaml, &event);
        if (failed)
            return failed;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        const struct bb_registry_node *key;
        line = bb_registry_event_line(&event);
        failed = bb_registry_yaml_tree(yaml, &event, &key);
        if (!failed)
            failed = expect(yaml->reader, key, BB_REGISTRY_NODE_TEXT, "key");
        if (!failed)
            failed = read_top_key(yaml, key->text, line);
        if (failed)
            return failed;
    }
    yaml_event_delete(&event);
    return 0;
}

/* One document, in a stream of nothing else. */
static int read_stream(struct bb_registry_yaml *yaml) {
    int documents = 0, failed;
    yaml_event_t event;
    bool end = false;

    while (!end) {
        failed = bb_registry_yaml_event(yaml, &event);
        if (failed)
            return failed;
        uint64_t line = bb_registry_event_line(&event);
        yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        end = type == YAML_STREAM_END_EVENT;
        if (type != YAML_DOCUMENT_START_EVENT)
            continue;
        if (++documents > 1)
            return bb_registry_refuse(yaml->reader, line, BB_E_REGISTRY_INVALID,
                                      "a registry file is one YAML document");
        failed = read_document(yaml);
        if (failed)
            return failed;
    }
    return 0;
}

int bb_registry_yaml_read(struct bb_registry_reader *reader, struct bb_span text) {
    struct bb_registry_yaml yaml;
    int failed = bb_registry_yaml_open(&yaml, reader, text);

    if (!failed)
        failed = read_stream(&yaml);
    bb_registry_yaml_close(&yaml);
    return failed;
}
