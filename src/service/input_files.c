/* The files that arguments name: see input_files.h. */
#include "service/input_files.h"

#include "base/list.h"
#include "base/span.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 32 };

static const char *const other_endings[] = {".yaml", ".yml", ".md", "truth.json"};

static int add_file(struct bb_input_files *files, const char *path, uint64_t size_bytes,
                    struct bb_error *error) {
    if (!bb_list_room(&files->items, files->count, &files->capacity, sizeof *files->items))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for file names");
    char *copy = strdup(path);
    if (!copy)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the name of %s", path);
    files->items[files->count++] = (struct bb_input_file){copy, size_bytes};
    files->size_bytes += size_bytes;
    files->size_unknown = files->size_unknown || size_bytes == 0;
    return 0;
}

static bool is_hidden(const char *name) {
    return name[0] == '.';
}

static bool holds_readings(const char *name) {
    for (size_t i = 0; i < sizeof other_endings / sizeof other_endings[0]; i++)
        if (bb_span_ends_with(bb_span_of(name), bb_span_of(other_endings[i])))
            return false;
    return true;
}

static int add_folder(struct bb_input_files *files, const char *path, int depth,
                      struct bb_error *error);

static int add_entry(struct bb_input_files *files, const char *folder, const char *name, int depth,
                     struct bb_error *error) {
    struct stat about = {0};
    char *path;
    int r = 0;

    if (is_hidden(name))
        return 0;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the name of a file in %s", folder);
    bool known = stat(path, &about) == 0;
    if (known && S_ISDIR(about.st_mode))
        r = add_folder(files, path, depth + 1, error);
    else if (!holds_readings(name) || (known && !S_ISREG(about.st_mode)))
        files->passed_over++;
    else
        r = add_file(files, path, (uint64_t)about.st_size, error);
    free(path);
    return r;
}

static int add_folder(struct bb_input_files *files, const char *path, int depth,
                      struct bb_error *error) {
    struct dirent **entries;
    int r = 0;

    if (depth > DEPTH_MAX)
        return BB_FAIL(error, BB_E_INPUT_UNREADABLE, "%s lies more than %d folders deep", path,
                       DEPTH_MAX);
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read the folder %s",
                             path);
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = add_entry(files, path, entries[i]->d_name, depth, error);
        free(entries[i]);
    }
    free(entries);
    return r;
}

int bb_input_files_add(struct bb_input_files *files, const char *argument, struct bb_error *error) {
    struct stat about;
    size_t before = files->count;

    if (strcmp(argument, "-") == 0)
        return add_file(files, argument, 0, error);
    if (stat(argument, &about) != 0)
        return add_file(files, argument, 0, error);
    if (!S_ISDIR(about.st_mode))
        return add_file(files, argument, (uint64_t)about.st_size, error);
    int r = add_folder(files, argument, 0, error);
    if (r == 0 && files->count == before)
        r = BB_FAIL(error, BB_E_INPUT_UNREADABLE, "the folder %s holds no files to read", argument);
    return r;
}

void bb_input_files_release(struct bb_input_files *files) {
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct bb_input_files){0};
}
