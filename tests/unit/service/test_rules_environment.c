/* What makes an environment another one: its hash is a part of each deployed version's id. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/rules_environment.h"
#include "support/log_folder.h"

struct world { /* folders a and b of packages, interpreters beside them */
    char top[LOG_FOLDER_SIZE];
    struct bb_rules_environment environment;
    char last[BB_RULES_ENVIRONMENT_HASH + 1];
};

static void make(const struct world *w, const char *name, bool is_folder) {
    char path[256];

    snprintf(path, sizeof path, "%s/%s", w->top, name);
    cr_assert_eq(is_folder ? mkdir(path, 0700) : mknod(path, S_IFREG | 0600, 0), 0, "%s", path);
}

static void rename_in(const struct world *w, const char *from, const char *to) {
    char old[256], new[256];

    snprintf(old, sizeof old, "%s/%s", w->top, from);
    snprintf(new, sizeof new, "%s/%s", w->top, to);
    cr_assert_eq(rename(old, new), 0, "%s", old);
}

/* `paths`: "a", "ab", "ba": the folders in that order. */
static void set_paths(struct world *w, const char *paths) {
    struct bb_rules_environment *e = &w->environment;
    size_t i = 0;

    for (; paths[i]; i++) {
        snprintf(e->text[i], sizeof e->text[i], "%s/%c", w->top, paths[i]);
        e->paths[i] = e->text[i];
    }
    e->paths[i] = NULL;
}

static void set_python(struct world *w, const char *name) {
    snprintf(w->environment.python, sizeof w->environment.python, "%s/%s", w->top, name);
}

/* Is it another one than it was when it was last asked? */
static bool differs(struct world *w) {
    char hash[BB_RULES_ENVIRONMENT_HASH + 1];
    struct bb_error error;

    cr_assert_eq(bb_rules_environment_hash(&w->environment, hash, &error), 0, "%s", error.text);
    cr_expect_eq(strspn(hash, "0123456789abcdef"), BB_RULES_ENVIRONMENT_HASH, "%s", hash);
    bool answer = strcmp(hash, w->last) != 0;
    memcpy(w->last, hash, sizeof hash);
    return answer;
}

static void world_init(struct world *w) {
    *w = (struct world){.last = ""};
    log_folder_make(w->top);
    make(w, "a", true);
    make(w, "b", true);
    make(w, "a/numpy-1.24.2.dist-info", true);
    make(w, "a/zstd-1.0.egg-info", false);
    make(w, "b/pandas-2.0.dist-info", true);
    make(w, "python3.11", false);
    set_paths(w, "ab");
    set_python(w, "python3.11");
    cr_assert(differs(w));
}

Test(rules_environment, the_same_is_the_same) {
    struct world w, other;

    world_init(&w);
    world_init(&other);
    cr_expect_not(differs(&w));
    cr_expect_str_eq(w.last, other.last, "wherever its folders lie");
    make(&w, "a/numpy", true); /* code, of which its .dist-info tells */
    make(&w, "a/README.txt", false);
    make(&w, "a/__pycache__", true);
    cr_expect_not(differs(&w));
    set_paths(&w, "abc"); /* there is no folder c */
    cr_expect_not(differs(&w));
    log_folder_remove(w.top);
    log_folder_remove(other.top);
}

Test(rules_environment, another_package_or_version_is_another) {
    struct world w;

    world_init(&w);
    make(&w, "b/scipy-1.10.dist-info", true);
    cr_expect(differs(&w), "a package more");
    rename_in(&w, "b/scipy-1.10.dist-info", "b/scipy-1.11.dist-info");
    cr_expect(differs(&w), "another version");
    rename_in(&w, "a/zstd-1.0.egg-info", "a/zstd-1.1.egg-info");
    cr_expect(differs(&w), "another version, as an older tool wrote it");
    rename_in(&w, "b/scipy-1.11.dist-info", "b/scipy");
    cr_expect(differs(&w), "a package less");
    log_folder_remove(w.top);
}

/* Of a package that lies in both, Python takes that of the first. */
Test(rules_environment, the_order_of_folders_counts) {
    struct world w;

    world_init(&w);
    make(&w, "b/numpy-2.0.dist-info", true);
    cr_expect(differs(&w));
    set_paths(&w, "ba");
    cr_expect(differs(&w));
    set_paths(&w, "ab");
    cr_expect(differs(&w));
    set_paths(&w, "a");
    cr_expect(differs(&w));
    log_folder_remove(w.top);
}

Test(rules_environment, another_interpreter_is_another) {
    struct world w;
    char path[256];

    world_init(&w);
    make(&w, "python3.12", false);
    set_python(&w, "python3.12");
    cr_expect(differs(&w));
    set_python(&w, "python3"); /* a link, as those of virtual environments are */
    snprintf(path, sizeof path, "%s/python3", w.top);
    cr_assert_eq(symlink("python3.12", path), 0);
    cr_expect_not(differs(&w));
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("python3.11", path), 0);
    cr_expect(differs(&w), "Debian was upgraded");
    log_folder_remove(w.top);
}
