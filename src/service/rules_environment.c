/* Which Python runs the rules: see rules_environment.h. */
#include "service/rules_environment.h"

#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What pyvenv.cfg says, as far as it matters. */
struct venv {
    char version[16]; /* "3.11" */
    bool sees_system;
};

static bool take_line(struct venv *venv, char *line) {
    char *equals = strchr(line, '=');

    line[strcspn(line, "\r\n")] = '\0';
    if (!equals)
        return true;
    struct bb_span key = bb_span_trim((struct bb_span){line, (size_t)(equals - line)});
    struct bb_span value = bb_span_trim(bb_span_of(equals + 1));
    if (bb_span_equal(key, BB_SPAN("include-system-site-packages")))
        venv->sees_system = bb_span_equal_nocase(value, BB_SPAN("true"));
    if (bb_span_equal(key, BB_SPAN("version")) || bb_span_equal(key, BB_SPAN("version_info"))) {
        int major, minor;
        if (sscanf(equals + 1, "%d.%d", &major, &minor) != 2)
            return false;
        snprintf(venv->version, sizeof venv->version, "%d.%d", major, minor);
    }
    return true;
}

static bool read_venv(const char *folder, struct venv *venv) {
    char path[PATH_MAX], line[1024];
    bool fine = snprintf(path, sizeof path, "%s/pyvenv.cfg", folder) < (int)sizeof path;
    FILE *file = fine ? fopen(path, "re") : NULL;

    *venv = (struct venv){.version = ""};
    while (file && fine && fgets(line, sizeof line, file))
        fine = take_line(venv, line);
    if (file)
        fclose(file);
    return file && fine && venv->version[0];
}

static void add_path(struct bb_rules_environment *e, size_t *count, const char *folder,
                     const char *below) {
    if (snprintf(e->text[*count], PATH_MAX, "%s%s", folder, below) < PATH_MAX &&
        access(e->text[*count], R_OK) == 0) {
        e->paths[*count] = e->text[*count];
        (*count)++;
    }
}

/* The tenant's own, if it has one; else that of all. False: its name is too long. */
static bool choose_folder(const struct bb_config *config, struct bb_span tenant,
                          char folder[PATH_MAX]) {
    bool own = config->rules_environments[0] != '\0';

    if (own && snprintf(folder, PATH_MAX, "%s/%.*s", config->rules_environments,
                        BB_SPAN_ARGS(tenant)) >= PATH_MAX)
        return false;
    if (!own || (access(folder, F_OK) < 0 && errno == ENOENT))
        snprintf(folder, PATH_MAX, "%s", config->rules_environment);
    return true;
}

int bb_rules_environment_find(const struct bb_config *config, struct bb_span tenant,
                              struct bb_rules_environment *out,
                              struct bb_rules_python_options *options, struct bb_error *error) {
    char folder[PATH_MAX];
    struct venv venv = {.sees_system = true};
    char below[64];
    size_t count = 0;

    memset(out->paths, 0, sizeof out->paths);
    snprintf(out->python, sizeof out->python, "%s",
             config->rules_python[0] ? config->rules_python : "/usr/bin/python3");
    if (!choose_folder(config, tenant, folder))
        return BB_FAIL(error, BB_E_RULES_HOST, "the name of rules.environments is too long");
    if (folder[0]) {
        if (!read_venv(folder, &venv))
            return BB_FAIL(error, BB_E_RULES_HOST,
                           "%s is no virtual environment: it has no pyvenv.cfg "
                           "with a version; `python3 -m venv %s` makes one",
                           folder, folder);
        if (snprintf(out->python, sizeof out->python, "%s/bin/python3", folder) >=
            (int)sizeof out->python)
            return BB_FAIL(error, BB_E_RULES_HOST,
                           "the name of the virtual environment %s is too long", folder);
        snprintf(below, sizeof below, "/lib/python%s/site-packages", venv.version);
        add_path(out, &count, folder, below);
    }
    if (venv.sees_system) {
        add_path(out, &count, "/usr/lib/python3", "/dist-packages");
        if (venv.version[0]) {
            snprintf(below, sizeof below, "/lib/python%s/dist-packages", venv.version);
            add_path(out, &count, "/usr/local", below);
        }
    }
    if (config->rules_cage[0] && strcmp(config->rules_cage, "whole") != 0 &&
        strcmp(config->rules_cage, "seccomp") != 0)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "rules.cage cannot be \"%s\": allowed is whole or seccomp",
                       config->rules_cage);
    *options = (struct bb_rules_python_options){
        .without_landlock = strcmp(config->rules_cage, "seccomp") == 0,
        .python = out->python,
        .paths = out->paths,
        .imports = config->rules_imports,
        .memory_bytes = (uint64_t)config->rules_memory_bytes,
        .deadline_ms = (uint32_t)config->rules_deadline_ms,
        .processor_s = 24 * 3600,
        .recycle = (uint32_t)config->rules_recycle,
        .answer_bytes = 1 << 20};
    return 0;
}

const char *bb_rules_cage_warning(const struct bb_config *config) {
    return strcmp(config->rules_cage, "seccomp") == 0 && !bb_rules_python_has_landlock()
               ? "rules run WITHOUT Landlock, which this kernel does not have: while an environment is "
                 "imported, nothing but file permissions keeps it from reading this machine's files "
                 "(rules.cage: seccomp)"
               : NULL;
}

/* ---- its hash -------------------------------------------------------------------------------- */

struct packages {
    char **names;
    size_t count, room;
};

static bool is_package(struct bb_span name) {
    return bb_span_ends_with(name, BB_SPAN(".dist-info")) ||
           bb_span_ends_with(name, BB_SPAN(".egg-info"));
}

static bool keep_package(struct packages *packages, const char *name) {
    if (packages->count == packages->room) {
        size_t room = packages->room ? 2 * packages->room : 64;
        char **names = realloc(packages->names, room * sizeof *names);
        if (!names)
            return false;
        packages->names = names;
        packages->room = room;
    }
    packages->names[packages->count] = strdup(name);
    return packages->names[packages->count] && ++packages->count;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Those of the folder behind those of the folders before it, as Python looks for them. A folder that is not there has
 * none. */
static bool find_packages(const char *folder, struct packages *packages) {
    const size_t before = packages->count;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool fine = true;

    while (dir && fine && (entry = readdir(dir)) != NULL)
        if (is_package(bb_span_of(entry->d_name)))
            fine = keep_package(packages, entry->d_name);
    if (dir)
        closedir(dir);
    if (packages->count > before + 1)
        qsort(packages->names + before, packages->count - before, sizeof packages->names[0],
              by_text);
    return fine;
}

/* "python3.11": the file that the interpreter's name leads to tells its version. */
static uint64_t hash_of_interpreter(const char *python) {
    char path[PATH_MAX];
    const char *found = realpath(python, path) ? path : python;
    const char *slash = strrchr(found, '/');

    return bb_hash(bb_span_of(slash ? slash + 1 : found));
}

int bb_rules_environment_hash(const struct bb_rules_environment *e,
                              char hash[BB_RULES_ENVIRONMENT_HASH + 1], struct bb_error *error) {
    struct packages packages = {NULL, 0, 0};
    uint64_t sum = hash_of_interpreter(e->python);
    bool fine = true;

    for (size_t i = 0; fine && e->paths[i]; i++)
        fine = find_packages(e->paths[i], &packages);
    for (size_t i = 0; i < packages.count; i++)
        sum = bb_hash_seeded(bb_span_of(packages.names[i]), sum + 1);
    snprintf(hash, BB_RULES_ENVIRONMENT_HASH + 1, "%016" PRIx64, sum);
    for (size_t i = 0; i < packages.count; i++)
        free(packages.names[i]);
    free(packages.names);
    return fine ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the names of packages");
}
