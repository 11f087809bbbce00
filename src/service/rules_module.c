/* A rules module: see rules_module.h. What it says of itself is read as a stranger's word. */
#include "service/rules_module.h"

#include "base/hash.h"
#include "model/rule_version.h"
#include "model/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK = 64 << 10, ARENA_MAX = 16 << 20 };

static int read_source(const char *path, struct bb_buffer *out, struct bb_error *error) {
    FILE *file = fopen(path, "re");
    char piece[16384];
    size_t got;

    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", path);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        bb_buffer_append(out, piece, got);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read %s", path);
    return out->overflow ? BB_FAIL(error, BB_E_RULE_LOAD, "%s is larger than a module may be", path)
                         : 0;
}

/* The first traceback that was told, else the error as it stands. */
static void explain(struct bb_span told, struct bb_error *error) {
    json_t *root = told.size ? json_loadb(told.data, told.size, 0, NULL) : NULL;
    json_t *first = json_array_get(json_object_get(root, "failures"), 0);
    const char *text = json_string_value(json_object_get(first, "text"));

    if (text) {
        struct bb_span trimmed = bb_span_trim(bb_span_of(text));
        (void)!BB_FAIL(error, BB_E_RULE_LOAD, "%.*s", BB_SPAN_ARGS(trimmed));
    }
    json_decref(root);
}

static bool keep(struct bb_rules_module *module, json_t *from, const char *key, size_t longest,
                 struct bb_span *out) {
    json_t *value = json_object_get(from, key);
    struct bb_span text = {json_string_value(value), json_string_length(value)};

    if (!json_is_string(value) || text.size > longest || memchr(text.data, 0, text.size))
        return false;
    *out = bb_arena_copy(&module->arena, text);
    return out->data != NULL;
}

static bool keep_json(struct bb_rules_module *module, json_t *value, struct bb_span *out) {
    char *text = json_is_object(value) ? json_dumps(value, JSON_COMPACT) : NULL;

    *out = text ? bb_arena_copy(&module->arena, bb_span_of(text)) : (struct bb_span){NULL, 0};
    free(text);
    return out->data != NULL;
}

/* Pairs of a name and where it comes from: [["export", "1-1:2.29.0"]]. */
static bool take_series(struct bb_rules_module *module, json_t *from, const char *key,
                        size_t longest, struct bb_rule_series *out, uint32_t *count) {
    json_t *rows = json_object_get(from, key), *row;
    size_t i;
    bool fine = json_is_array(rows) && json_array_size(rows) <= BB_RULE_SERIES_MAX;

    json_array_foreach(rows, i, row) {
        json_t *pair = json_pack("{s:O?, s:O?}", "name", json_array_get(row, 0), "from",
                                 json_array_get(row, 1));
        fine = fine && keep(module, pair, "name", BB_RULE_NAME_MAX - 1, &out[i].name) &&
               keep(module, pair, "from", longest, &out[i].from) && out[i].name.size > 0 &&
               out[i].from.size > 0;
        json_decref(pair);
    }
    *count = fine ? (uint32_t)json_array_size(rows) : 0;
    return fine;
}

static bool take_rule(struct bb_rules_module *module, json_t *from, struct bb_rule *out) {
    json_t *commodity = json_object_get(from, "commodity");
    json_t *inputs = json_object_get(from, "inputs"), *first = json_array_get(inputs, 0);
    json_t *holder = json_pack("{s:O?}", "channel", first);
    struct bb_span lane;
    bool fine = keep(module, from, "name", BB_RULE_NAME_MAX - 1, &out->name) &&
                keep(module, from, "text", 4000, &out->text) &&
                keep(module, from, "lane", 16, &lane) && holder &&
                keep(module, holder, "channel", BB_RULE_CHANNEL_MAX - 1, &out->channel) &&
                keep_json(module, json_object_get(from, "params"), &out->parameters) &&
                take_series(module, from, "others", BB_RULE_CHANNEL_MAX - 1, out->others,
                            &out->other_count) &&
                take_series(module, from, "side", BB_RULES_SIDE_NAME_MAX - 1, out->side,
                            &out->side_count) &&
                take_series(module, from, "outputs", BB_RULE_UNIT_MAX, out->outputs,
                            &out->output_count);

    json_decref(holder);
    for (uint32_t k = 0; fine && k < out->output_count; k++)
        fine = bb_unit_find(out->outputs[k].from) >= 0;
    if (!fine)
        return false;
    int found = bb_lane_find(lane);
    out->lane = (enum bb_lane)found;
    out->commodity = json_is_string(commodity)
                         ? bb_commodity_find(bb_span_of(json_string_value(commodity)))
                         : -1;
    out->window_ms = json_integer_value(json_object_get(from, "window_ms"));
    out->batch = json_is_true(json_object_get(from, "batch"));
    return found >= 0 && bb_lane_is_asked(found) && out->name.size > 0 && out->channel.size > 0 &&
           out->window_ms > 0 && out->window_ms <= 400 * INT64_C(86400000) &&
           !(json_is_string(commodity) && out->commodity < 0) && json_array_size(inputs) == 1;
}

static int describe(struct bb_rules_module *module, struct bb_span told, struct bb_error *error) {
    json_t *root = json_loadb(told.data, told.size, 0, NULL), *row;
    json_t *rows = json_object_get(root, "rules");
    size_t i;
    int result = json_array_size(rows) > BB_RULES_IN_MODULE_MAX
                     ? BB_FAIL(error, BB_E_RULE_LOAD, "a module has at most %d rules",
                               BB_RULES_IN_MODULE_MAX)
                     : 0;

    json_array_foreach(rows, i, row) {
        if (!result && !take_rule(module, row, &module->items[module->count++]))
            result = BB_FAIL(
                error, BB_E_RULE_LOAD,
                "rule %zu: a rule has one input, and a lane, a commodity and units that busbar knows",
                i + 1);
    }
    if (!result && module->count == 0)
        result = BB_FAIL(error, BB_E_RULE_LOAD, "the module tells of no rule");
    json_decref(root);
    return result;
}

/* ---- side inputs ---------------------------------------------------------------------------- */

/* The file lies beside the module: what names it has no folder. */
static int read_beside(const char *path, struct bb_span name, struct bb_rules_side_file *out,
                       struct bb_error *error) {
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash - path + 1) : 0;
    char file[PATH_MAX];

    if (memchr(name.data, '/', name.size) || name.data[0] == '.' ||
        snprintf(file, sizeof file, "%.*s%.*s", folder, path, BB_SPAN_ARGS(name)) >=
            (int)sizeof file)
        return BB_FAIL(error, BB_E_RULE_LOAD, "%.*s is no name of a file beside the module",
                       BB_SPAN_ARGS(name));
    return bb_rules_side_read(file, out, error);
}

static int parse_given(const struct bb_master_module *given, struct bb_span name,
                       struct bb_rules_side_file *out, struct bb_error *error) {
    char called[BB_RULES_SIDE_NAME_MAX];

    snprintf(called, sizeof called, "%.*s", BB_SPAN_ARGS(name));
    for (uint32_t i = 0; i < given->side_count; i++)
        if (bb_span_equal(given->sides[i].name, name))
            return bb_rules_side_parse(given->sides[i].text, called, out, error);
    return BB_FAIL(error, BB_E_RULE_SIDE, "module %.*s has no side input %s",
                   BB_SPAN_ARGS(given->name), called);
}

/* Where side inputs come from: files beside the module, or what is deployed with it. */
struct sides_from {
    const char *path;
    const struct bb_master_module *given; /* NULL: path */
};

static int take_side(struct bb_rules_module *module, const struct sides_from *from,
                     struct bb_span name, struct bb_error *error) {
    for (uint32_t i = 0; i < module->side_count; i++)
        if (bb_span_equal(module->sides[i].name, name))
            return 0;
    if (module->side_count == BB_RULES_SIDES_MAX)
        return BB_FAIL(error, BB_E_RULE_LOAD, "a module has at most %d side inputs",
                       BB_RULES_SIDES_MAX);
    struct bb_rules_side_file *side = &module->side_files[module->side_count];
    int result = from->given ? parse_given(from->given, name, side, error)
                             : read_beside(from->path, name, side, error);
    module->sides[module->side_count++] = (struct bb_rules_side){
        .name = name, .ts_ms = side->ts_ms, .value = side->value, .count = side->count};
    return result;
}

static int take_sides(struct bb_rules_module *module, const struct sides_from *from,
                      struct bb_error *error) {
    struct bb_master_side sides[BB_RULES_SIDES_MAX];
    struct bb_master_module content;
    int result = 0;

    for (uint32_t i = 0; i < module->count; i++)
        for (uint32_t k = 0; !result && k < module->items[i].side_count; k++)
            result = take_side(module, from, module->items[i].side[k].from, error);
    if (result)
        return result;
    content = bb_rules_module_content(module, sides);
    bb_rule_module_hash(&content, module->hash);
    return module->side_count == 0
               ? 0
               : module->rules->ops->side(module->set, module->sides, module->side_count, error);
}

struct bb_master_module bb_rules_module_content(const struct bb_rules_module *module,
                                                struct bb_master_side *sides) {
    for (uint32_t i = 0; i < module->side_count; i++)
        sides[i] = (struct bb_master_side){
            module->sides[i].name, {module->side_files[i].text, module->side_files[i].text_size}};
    return (struct bb_master_module){.hash = bb_span_of(module->hash),
                                     .name = module->name,
                                     .source = module->source,
                                     .sides = sides,
                                     .side_count = module->side_count};
}

/* ---- loading -------------------------------------------------------------------------------- */

/* `file` is what tracebacks call it. */
static int load(struct bb_rules *rules, struct bb_span file, struct bb_span name,
                struct bb_span source, const struct sides_from *from, struct bb_rules_module *out,
                struct bb_error *error) {
    struct bb_span told;

    memset(out, 0, sizeof *out);
    out->rules = rules;
    bb_arena_init(&out->arena, ARENA_CHUNK, ARENA_MAX);
    out->name = bb_arena_copy(&out->arena, name);
    out->source = bb_arena_copy(&out->arena, source);
    int result = out->name.data && out->source.data
                     ? 0
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a rules module");
    if (!result) {
        result = rules->ops->load(rules, file, source, &out->set, &told, error);
        if (result)
            explain(told, error);
        else
            result = describe(out, told, error);
    }
    if (!result)
        result = take_sides(out, from, error);
    if (result)
        bb_rules_module_release(out);
    return result;
}

int bb_rules_module_make(struct bb_rules *rules, const struct bb_master_module *deployed,
                         struct bb_rules_module *out, struct bb_error *error) {
    const struct sides_from from = {NULL, deployed};
    char file[BB_MODULE_NAME_MAX + sizeof ".py"];

    snprintf(file, sizeof file, "%.*s.py", BB_SPAN_ARGS(deployed->name));
    return load(rules, bb_span_of(file), deployed->name, deployed->source, &from, out, error);
}

/* "far_values" of "plant/rules/far_values.py" */
static struct bb_span name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    struct bb_span name = bb_span_of(slash ? slash + 1 : path);

    name.size -= bb_span_ends_with(name, BB_SPAN(".py")) ? strlen(".py") : 0;
    return name;
}

int bb_rules_module_load(struct bb_rules *rules, const char *path, struct bb_rules_module *out,
                         struct bb_error *error) {
    const struct sides_from from = {path, NULL};
    struct bb_buffer source;

    bb_buffer_init(&source, BB_MASTER_SOURCE_MAX);
    int result = read_source(path, &source, error);
    if (!result)
        result = load(rules, bb_span_of(path), name_of(path), bb_buffer_span(&source), &from, out,
                      error);
    bb_buffer_release(&source);
    if (result)
        bb_error_locate(error, path, 0);
    return result;
}

void bb_rules_module_release(struct bb_rules_module *module) {
    if (module->set)
        module->rules->ops->unload(module->set);
    for (uint32_t i = 0; i < module->side_count; i++)
        bb_rules_side_release(&module->side_files[i]);
    bb_arena_release(&module->arena);
    module->set = NULL;
    module->count = module->side_count = 0;
}

const struct bb_rule *bb_rules_module_find(const struct bb_rules_module *module,
                                           struct bb_span name) {
    if (name.size == 0)
        return module->count == 1 ? &module->items[0] : NULL;
    for (uint32_t i = 0; i < module->count; i++)
        if (bb_span_equal(module->items[i].name, name))
            return &module->items[i];
    return NULL;
}
