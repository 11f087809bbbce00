/* A city in a folder: see city_folder.h. */
#include "cli/city_folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, PART_BYTES = 256 << 20, FILE_BUFFER_BYTES = 1 << 20 };

struct folder {
    const char *directory, *extension;
    FILE *file;
    char path[PATH_SIZE];
    struct bb_city_folder told;
    uint64_t lines_expected;
    const struct bb_progress_watch *watch;
};

static int open_file(struct folder *folder, const char *name, struct bb_error *error) {
    snprintf(folder->path, sizeof folder->path, "%s/%s", folder->directory, name);
    folder->file = fopen(folder->path, "we");
    if (!folder->file)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", folder->path);
    setvbuf(folder->file, NULL, _IOFBF, FILE_BUFFER_BYTES);
    return 0;
}

static int close_file(struct folder *folder, int r, struct bb_error *error) {
    FILE *file = folder->file;

    folder->file = NULL;
    if (file && fclose(file) != 0 && r == 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", folder->path);
    return r;
}

static uint64_t count_lines(const char *data, size_t size) {
    uint64_t lines = 0;

    for (const char *end = data + size; (data = memchr(data, '\n', (size_t)(end - data))); data++)
        lines++;
    return lines;
}

static int write_file(void *context, const void *data, size_t size, struct bb_error *error) {
    struct folder *folder = context;

    if (fwrite(data, 1, size, folder->file) != size)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", folder->path);
    folder->told.bytes += size;
    return 0;
}

static int write_readings(void *context, const void *data, size_t size, struct bb_error *error) {
    struct folder *folder = context;
    int r = write_file(context, data, size, error);

    folder->told.lines += count_lines(data, size);
    bb_progress_tell(folder->watch, &(struct bb_progress){.phase = BB_PHASE_READ,
                                                          .subject = folder->path,
                                                          .done = folder->told.lines,
                                                          .total = folder->lines_expected,
                                                          .readings = folder->told.lines});
    return r;
}

static void part_name(const struct folder *folder, uint32_t part, char *name, size_t size) {
    snprintf(name, size, "readings-%03u.%s", part, folder->extension);
}

static int next_part(void *context, struct bb_error *error) {
    struct folder *folder = context;
    char name[64];
    int r = close_file(folder, 0, error);

    part_name(folder, ++folder->told.parts, name, sizeof name);
    return r == 0 ? open_file(folder, name, error) : r;
}

/* Parts that an earlier, larger city left behind the last one. */
static void remove_old_parts(const struct folder *folder) {
    char path[PATH_SIZE + 80], name[64];

    for (uint32_t part = folder->told.parts + 1;; part++) {
        part_name(folder, part, name, sizeof name);
        snprintf(path, sizeof path, "%s/%s", folder->directory, name);
        if (unlink(path) != 0)
            return;
    }
}

static int write_all_readings(struct folder *folder, struct bb_city *city,
                              struct bb_error *error) {
    const struct bb_city_sink sink = {.write = write_readings,
                                      .next_part = next_part,
                                      .context = folder,
                                      .part_bytes = PART_BYTES};
    int r = next_part(folder, error);

    if (r == 0)
        r = bb_city_write(city, &sink, error);
    r = close_file(folder, r, error);
    if (r == 0)
        remove_old_parts(folder);
    return r;
}

static int write_beside(struct folder *folder, const struct bb_city *city, const char *name,
                        int (*write)(const struct bb_city *, const struct bb_city_sink *,
                                     struct bb_error *),
                        struct bb_error *error) {
    const struct bb_city_sink sink = {.write = write_file, .context = folder};
    uint64_t bytes = folder->told.bytes;
    int r = open_file(folder, name, error);

    if (r == 0)
        r = write(city, &sink, error);
    folder->told.bytes = bytes; /* of readings alone */
    return close_file(folder, r, error);
}

int bb_city_folder_write(struct bb_city *city, enum bb_city_format format, const char *directory,
                         const struct bb_progress_watch *watch, struct bb_city_folder *out,
                         struct bb_error *error) {
    struct folder folder = {.directory = directory,
                            .extension = bb_city_format_name(format),
                            .lines_expected = bb_city_clean_count(city),
                            .watch = watch};

    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", directory);
    int r = write_all_readings(&folder, city, error);
    if (r == 0)
        r = write_beside(&folder, city, "registry.yaml", bb_city_write_registry, error);
    if (r == 0)
        r = write_beside(&folder, city, "truth.json", bb_city_write_truth, error);
    *out = folder.told;
    return r;
}
