/* busbar rules list: what is deployed, in the order in which it runs, and what lies in DATA/rules and is not. */
#include "answer/rules_json.h"
#include "cli/asked_times.h"
#include "cli/rules.h"
#include "cli/table.h"
#include "model/rule_version.h"
#include "service/rules_deploy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 64 << 10, ARENA_LIMIT_BYTES = 64 << 20 };

static const struct bb_table_column columns[] = {
    {"rule", false},    {"state", false},    {"lane", false},  {"channel", false},
    {"version", false}, {"from", false},     {"share", true},  {"parameters", false},
    {"by", false},      {"deployed", false}, {"module", false}};

struct listing {
    struct bb_rules_command *r;
    struct bb_master_rules deployed;
    struct bb_arena arena;
    struct bb_table table;
    struct bb_json json;
    bool as_json, refused;
};

/* ---- what is deployed ------------------------------------------------------------------------- */

static void put_time(struct bb_table *table, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_table_cell(table, ms == BB_TIME_NONE ? BB_SPAN("")
                                            : (struct bb_span){text, bb_time_format_utc(ms, text)});
}

static void list_version(struct listing *l, const struct bb_master_rule *rule,
                         const struct bb_master_rule_version *v) {
    const struct bb_master_module *module = bb_rules_module_of(&l->deployed, v->module);

    if (l->as_json) {
        bb_rules_put_deployed(&l->json, &l->deployed, rule, v);
        return;
    }
    bb_table_cell(&l->table, rule->name);
    bb_table_cell(&l->table,
                  v->share < BB_MASTER_SHARE_ALL ? BB_SPAN("canary") : BB_SPAN("deployed"));
    bb_table_cell(&l->table, bb_span_of(bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name));
    bb_table_cell(&l->table, v->channel);
    bb_table_cell(&l->table, v->id);
    put_time(&l->table, v->from_ms);
    bb_table_cell_format(&l->table, "%g%%", v->share * 100.0 / BB_MASTER_SHARE_ALL);
    bb_table_cell(&l->table, v->parameters);
    bb_table_cell(&l->table, v->by);
    put_time(&l->table, v->deployed_ms);
    bb_table_cell(&l->table, module ? module->name : BB_SPAN(""));
}

static int list_deployed(struct listing *l, struct bb_error *error) {
    const struct bb_asked_channels every = {.zone = l->r->given->zone ? l->r->given->zone : "UTC"};
    int64_t as_of_ms;
    int result = bb_asked_time(&l->r->plant, &every, "as-of", l->r->given->as_of, &as_of_ms, error);

    if (!result)
        result = bb_rules_standing(l->r->plant.registry, bb_command_tenant(l->r->command), as_of_ms,
                                   &l->arena, &l->deployed, error);
    return result;
}

/* ---- what is not ------------------------------------------------------------------------------ */

static bool is_deployed(const struct bb_master_rules *rules, struct bb_span hash,
                        struct bb_span function) {
    for (uint32_t i = 0; i < rules->rule_count; i++)
        for (uint32_t k = 0; k < rules->rules[i].version_count; k++) {
            const struct bb_master_rule_version *v = &rules->rules[i].versions[k];
            if (bb_span_equal(v->module, hash) && bb_span_equal(v->function, function))
                return true;
        }
    return false;
}

static void list_stated(struct listing *l, const struct bb_rules_module *m,
                        const struct bb_rule *rule) {
    if (l->as_json) {
        bb_json_object_begin(&l->json);
        bb_json_put_text(&l->json, "state", BB_SPAN("file"));
        bb_json_put_text(&l->json, "module", m->name);
        bb_json_put_text(&l->json, "version", bb_span_of(m->hash));
        bb_rules_put_stated(&l->json, rule);
        bb_json_object_end(&l->json);
        return;
    }
    bb_table_cell(&l->table, rule->name);
    bb_table_cell(&l->table, BB_SPAN("not deployed"));
    bb_table_cell(&l->table, bb_span_of(bb_lanes[rule->lane].name));
    bb_table_cell(&l->table, rule->channel);
    for (int i = 0; i < 6; i++)
        bb_table_cell(&l->table, BB_SPAN(""));
    bb_table_cell(&l->table, m->name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct files {
    char **names;
    size_t count;
};

static void forget(struct files *files) {
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
}

static int find_files(const char *folder, struct files *files, struct bb_error *error) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int result = 0;

    while (dir && !result && (entry = readdir(dir)) != NULL) {
        struct bb_span name = bb_span_of(entry->d_name);
        if (name.data[0] == '.' || name.data[0] == '_' || !bb_span_ends_with(name, BB_SPAN(".py")))
            continue;
        char **names = realloc(files->names, (files->count + 1) * sizeof *names);
        char *copy = names ? strdup(entry->d_name) : NULL;
        files->names = names ? names : files->names;
        if (copy)
            files->names[files->count++] = copy;
        else
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to list rules");
    }
    if (dir)
        closedir(dir);
    if (files->count > 1)
        qsort(files->names, files->count, sizeof files->names[0], by_text);
    return result;
}

/* A module that does not load is told, and the others are listed all the same. */
static int list_files(struct listing *l, const char *folder, const struct files *files,
                      struct bb_error *error) {
    struct bb_rules_command *r = l->r;
    int result = files->count > 0 ? bb_rules_open_host(r, error) : 0;

    for (size_t i = 0; !result && i < files->count; i++) {
        struct bb_rules_module module;
        struct bb_error reason;
        snprintf(r->path, sizeof r->path, "%.3000s/%.1000s", folder, files->names[i]);
        if (bb_rules_module_load(r->host, r->path, &module, &reason)) {
            bb_command_complain(r->command, &reason);
            l->refused = true;
            continue;
        }
        for (uint32_t k = 0; k < module.count; k++)
            if (!is_deployed(&l->deployed, bb_span_of(module.hash), module.items[k].name))
                list_stated(l, &module, &module.items[k]);
        bb_rules_module_release(&module);
    }
    return result;
}

static int list_all(struct listing *l, struct bb_error *error) {
    struct files files = {NULL, 0};
    char folder[PATH_MAX];
    int result = list_deployed(l, error);

    if (result)
        return result;
    if (l->as_json) {
        l->json = bb_command_json(l->r->command);
        bb_json_array_begin(&l->json);
    } else {
        bb_table_init(&l->table, l->r->command->out, columns, sizeof columns / sizeof columns[0]);
    }
    for (uint32_t i = 0; i < l->deployed.rule_count; i++)
        for (uint32_t k = 0; k < l->deployed.rules[i].version_count; k++)
            list_version(l, &l->deployed.rules[i], &l->deployed.rules[i].versions[k]);
    snprintf(folder, sizeof folder, "%.4000s/rules", l->r->command->globals.data);
    if (!l->r->given->as_of)
        result = find_files(folder, &files, error);
    if (!result)
        result = list_files(l, folder, &files, error);
    forget(&files);
    if (l->as_json) {
        bb_json_array_end(&l->json);
        bb_command_json_end(l->r->command);
    } else {
        bb_table_finish(&l->table);
    }
    return result ? result : l->refused ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

int bb_rules_list(struct bb_rules_command *r, struct bb_error *error) {
    struct listing l = {.r = r, .as_json = r->command->globals.json};

    bb_arena_init(&l.arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    int result = list_all(&l, error);
    bb_arena_release(&l.arena);
    return result;
}
