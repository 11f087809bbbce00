/* Generating a city: see generate.h. */
#include "service/generate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 4096 };

struct target {
    const struct bb_generate_options *options;
    struct bb_generate_report report;
    int folder; /* descriptor of the folder; -1: none */
    int fd;     /* written to; -1: no file is open */
    char path[PATH_MAX_BYTES];
};

/* ---- files ---------------------------------------------------------------------------------- */

static int fail_write(const struct target *target, struct bb_error *error) {
    return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", target->path);
}

static int write_bytes(void *context, const void *data, size_t size, struct bb_error *error) {
    struct target *target = context;
    const char *at = data;

    while (size > 0) {
        ssize_t written = write(target->fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_write(target, error);
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static int open_file(struct target *target, const char *name, struct bb_error *error) {
    (void)snprintf(target->path, sizeof target->path, "%s/%s", target->options->directory, name);
    target->fd = openat(target->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return target->fd < 0 ? fail_write(target, error) : 0;
}

/* Closing tells of delayed failures; one that came before is more to the point. */
static int close_file(struct target *target, int status, struct bb_error *error) {
    int fd = target->fd;

    target->fd = -1;
    if (fd >= 0 && close(fd) != 0 && status >= 0)
        return fail_write(target, error);
    return status;
}

/* ---- readings ------------------------------------------------------------------------------- */

static int write_readings(void *context, const void *data, size_t size, struct bb_error *error) {
    struct target *target = context;
    int status = write_bytes(context, data, size, error);

    target->report.bytes += size;
    bb_progress_tell(target->options->watch, &(struct bb_progress){.phase = BB_PHASE_READ,
                                                                   .subject = target->path,
                                                                   .done = target->report.bytes});
    return status;
}

static int next_part(void *context, struct bb_error *error) {
    struct target *target = context;
    int status = close_file(target, 0, error);
    char name[64];

    (void)snprintf(name, sizeof name, "readings-%04u.%s", ++target->report.files,
                   bb_city_format_name(target->options->city.format));
    return status < 0 ? status : open_file(target, name, error);
}

static int write_parts(struct target *target, struct bb_city *city, struct bb_error *error) {
    uint64_t part_bytes = target->options->part_bytes;
    struct bb_city_sink sink = {.write = write_readings,
                                .next_part = next_part,
                                .context = target,
                                .part_bytes = part_bytes ? part_bytes : BB_GENERATE_PART_BYTES};
    int status = next_part(target, error);

    if (status >= 0)
        status = bb_city_write(city, &sink, error);
    return close_file(target, status, error);
}

static int write_stream(struct target *target, struct bb_city *city, struct bb_error *error) {
    struct bb_city_sink sink = {.write = write_readings, .context = target};

    (void)snprintf(target->path, sizeof target->path, "the output");
    target->fd = target->options->fd;
    return bb_city_write(city, &sink, error);
}

/* ---- folder --------------------------------------------------------------------------------- */

/* Is it empty, or may what is there be replaced? Readings of an earlier city are removed: a larger
 * one would leave parts behind the new ones. */
static int clear_folder(struct target *target, struct bb_error *error) {
    int copy = dup(target->folder);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    int status = 0;

    if (!folder) {
        status = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot read the folder %s",
                               target->options->directory);
        if (copy >= 0)
            (void)close(copy);
        return status;
    }
    for (struct dirent *entry; status == 0 && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!target->options->replace)
            status = BB_FAIL(error, BB_E_USAGE,
                             "the folder %s is not empty (%s); name another one, or allow that "
                             "what is there is replaced",
                             target->options->directory, entry->d_name);
        else if (fnmatch("readings-*.*", entry->d_name, 0) == 0 &&
                 unlinkat(target->folder, entry->d_name, 0) != 0)
            status = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot remove %s/%s",
                                   target->options->directory, entry->d_name);
    }
    (void)closedir(folder);
    return status;
}

static int open_folder(struct target *target, struct bb_error *error) {
    const char *path = target->options->directory;

    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", path);
    target->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->folder < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot open the folder %s", path);
    return clear_folder(target, error);
}

static int write_beside(struct target *target, const struct bb_city *city, const char *name,
                        int (*write)(const struct bb_city *, const struct bb_city_sink *,
                                     struct bb_error *),
                        struct bb_error *error) {
    const struct bb_city_sink sink = {.write = write_bytes, .context = target};
    int status = open_file(target, name, error);

    if (status >= 0)
        status = write(city, &sink, error);
    return close_file(target, status, error);
}

static int write_folder(struct target *target, struct bb_city *city, struct bb_error *error) {
    int status = open_folder(target, error);

    if (status >= 0)
        status = write_parts(target, city, error);
    if (status >= 0)
        status = write_beside(target, city, "registry.yaml", bb_city_write_registry, error);
    if (status >= 0)
        status = write_beside(target, city, "truth.json", bb_city_write_truth, error);
    if (target->folder >= 0)
        (void)close(target->folder);
    return status;
}

int bb_generate_run(const struct bb_generate_options *options, struct bb_error *error) {
    struct target target = {.options = options, .folder = -1, .fd = -1};
    struct bb_city *city;
    int status = bb_city_new(&options->city, &city, error);

    if (status < 0)
        return status;
    target.report.faults = bb_city_fault_count(city);
    status = options->directory ? write_folder(&target, city, error)
                                : write_stream(&target, city, error);
    if (options->report)
        *options->report = target.report;
    bb_city_free(city);
    return status;
}
