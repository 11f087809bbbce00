/* Containers: see container.h, and container_internal.h for the layers.
 *
 * This file opens files, finds out what they are packed in by their first bytes, walks through the
 * members and counts what comes out.
 */
#include "codec/container_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct bb_unpack_limits default_limits = {
    .bytes = UINT64_C(64) << 30, .ratio = 200, .ratio_bytes = 1 << 20};

/* ---- packed bytes --------------------------------------------------------------------------- */

static int read_file(void *context, void *data, size_t capacity, size_t *got,
                     struct bb_error *error) {
    struct bb_container *container = context;
    ssize_t size;

    do
        size = read(container->fd, data, capacity);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be read",
                             container->name);
    container->consumed += (uint64_t)size;
    *got = (size_t)size;
    return 0;
}

static int read_caller(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct bb_container *container = context;
    int status = container->input.read(container->input.context, data, capacity, got, error);

    if (status == 0)
        container->consumed += *got;
    return status;
}

/* What the outer layer has unpacked is what the inner one reads. */
static int read_outer(void *context, void *data, size_t capacity, size_t *got,
                      struct bb_error *error);

int bb_layer_read_packed(struct bb_layer *layer, void *data, size_t capacity, size_t *got,
                         struct bb_error *error) {
    size_t ahead = layer->magic_size - layer->magic_used, more = 0;

    ahead = ahead < capacity ? ahead : capacity;
    memcpy(data, layer->magic + layer->magic_used, ahead);
    layer->magic_used += ahead;
    int status = ahead < capacity ? layer->below.read(layer->below.context, (char *)data + ahead,
                                                      capacity - ahead, &more, error)
                                  : 0;
    *got = ahead + more;
    return status;
}

/* ---- plain and empty files ---------------------------------------------------------------------------- */

static int open_plain(struct bb_layer *layer, struct bb_error *error) {
    (void)layer;
    (void)error;
    return 0;
}

static int next_plain(struct bb_layer *layer, const char **member, struct bb_error *error) {
    (void)error;
    *member = NULL;
    if (layer->begun)
        return BB_CONTAINER_END;
    layer->begun = true;
    return BB_CONTAINER_MEMBER;
}

static void close_plain(struct bb_layer *layer) {
    (void)layer;
}

static const struct bb_unpacker unpacker_plain = {
    .name = "plain",
    .open = open_plain,
    .next = next_plain,
    .read = bb_layer_read_packed,
    .close = close_plain,
};

/* A zip without members is its end record alone; libarchive does not know it for a zip. */
static int next_nothing(struct bb_layer *layer, const char **member, struct bb_error *error) {
    (void)layer;
    (void)error;
    *member = NULL;
    return BB_CONTAINER_END;
}

static const struct bb_unpacker unpacker_empty_zip = {
    .name = "empty zip",
    .packs = true,
    .open = open_plain,
    .next = next_nothing,
    .read = bb_layer_read_packed,
    .close = close_plain,
};

/* ---- layers --------------------------------------------------------------------------------- */

static const struct {
    struct bb_span magic;
    const struct bb_unpacker *unpacker;
} magics[] = {
    {{"\x1f\x8b", 2}, &bb_unpacker_gzip},
    {{"\x28\xb5\x2f\xfd", 4}, &bb_unpacker_zstd},
    {{"PK\x03\x04", 4}, &bb_unpacker_zip},
    {{"PK\x05\x06", 4}, &unpacker_empty_zip},
};

static const struct bb_unpacker *find_unpacker(const struct bb_layer *layer) {
    struct bb_span head = {layer->magic, layer->magic_size};

    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (bb_span_starts_with(head, magics[i].magic))
            return magics[i].unpacker;
    return &unpacker_plain;
}

static int read_magic(struct bb_layer *layer, struct bb_error *error) {
    size_t got;

    do {
        int status = layer->below.read(layer->below.context, layer->magic + layer->magic_size,
                                       sizeof layer->magic - layer->magic_size, &got, error);
        if (status < 0)
            return status;
        layer->magic_size += got;
    } while (got > 0 && layer->magic_size < sizeof layer->magic);
    return 0;
}

/* Put the next layer over `below`; it is open afterwards, whatever comes of it. */
static int push_layer(struct bb_container *container, struct bb_input below, int seekable_fd,
                      struct bb_error *error) {
    struct bb_layer *layer = &container->layers[container->depth++];

    *layer = (struct bb_layer){
        .unpacker = &unpacker_plain, .below = below, .seekable_fd = seekable_fd};
    int status = read_magic(layer, error);
    if (status < 0)
        return status;
    layer->unpacker = find_unpacker(layer);
    return layer->unpacker->open(layer, error);
}

static void pop_layer(struct bb_container *container) {
    struct bb_layer *layer = &container->layers[--container->depth];

    layer->unpacker->close(layer);
}

/* ---- what comes out ------------------------------------------------------------------------- */

static int check_limits(struct bb_container *container, int depth, size_t more,
                        struct bb_error *error) {
    const struct bb_unpack_limits *limits = &container->limits;
    uint64_t packed = container->size > container->consumed ? container->size : container->consumed;
    uint64_t unpacked = container->unpacked[depth] += more;

    if (unpacked > limits->bytes)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                       "more than %" PRIu64 " MiB come out of it; split the delivery",
                       limits->bytes >> 20);
    if (unpacked > limits->ratio_bytes && (unpacked - 1) / limits->ratio >= packed)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                       "more than %" PRIu64 " times its %" PRIu64 " packed bytes come out of it",
                       limits->ratio, packed);
    return 0;
}

static int read_layer(struct bb_container *container, int depth, void *data, size_t capacity,
                      size_t *got, struct bb_error *error) {
    struct bb_layer *layer = &container->layers[depth];
    int status = layer->unpacker->read(layer, data, capacity, got, error);

    if (status == 0 && layer->unpacker->packs)
        status = check_limits(container, depth, *got, error);
    if (status < 0)
        bb_error_locate(error, container->member_name[depth], 0);
    return status;
}

static int read_outer(void *context, void *data, size_t capacity, size_t *got,
                      struct bb_error *error) {
    return read_layer(context, 0, data, capacity, got, error);
}

static int read_member(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct bb_container *container = context;

    return read_layer(container, container->depth - 1, data, capacity, got, error);
}

/* ---- members -------------------------------------------------------------------------------- */

/* Copy `text` behind the `used` bytes of a name; what would break a line is written as '?'. */
static size_t append_name(char *name, size_t used, const char *text) {
    for (; *text && used < BB_MEMBER_NAME_MAX - 1; text++)
        name[used++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
    name[used] = '\0';
    return used;
}

/* "a.zip/day.csv"; a member without a name has that of what it is packed in. */
static void name_member(struct bb_container *container, int depth, const char *member) {
    char *name = container->member_name[depth];
    size_t used = append_name(name, 0,
                              depth > 0 ? container->member_name[depth - 1] : container->name);

    if (member) {
        used = append_name(name, used, "/");
        append_name(name, used, member);
    }
}

static int next_of_layer(struct bb_container *container, int depth, struct bb_error *error) {
    struct bb_layer *layer = &container->layers[depth];
    const char *member = NULL;
    int status = layer->unpacker->next(layer, &member, error);

    if (status == BB_CONTAINER_MEMBER)
        name_member(container, depth, member);
    return status;
}

/* The next member of the inner layer; when there is none, or it fails, the layer is taken away. */
static int next_of_inner(struct bb_container *container, struct bb_error *error) {
    int status = next_of_layer(container, 1, error);

    if (status != BB_CONTAINER_MEMBER)
        pop_layer(container);
    return status;
}

/* A member of the outer layer may itself be packed: look inside. */
static int open_inner(struct bb_container *container, struct bb_error *error) {
    int status = push_layer(container, (struct bb_input){read_outer, container}, -1, error);

    if (status < 0)
        pop_layer(container);
    else
        status = next_of_inner(container, error);
    if (status < 0)
        bb_error_locate(error, container->member_name[0], 0);
    return status;
}

static int find_next(struct bb_container *container, struct bb_error *error) {
    int status;

    if (container->depth > 1) {
        status = next_of_inner(container, error);
        if (status != BB_CONTAINER_END)
            return status;
    }
    do {
        status = next_of_layer(container, 0, error);
        if (status != BB_CONTAINER_MEMBER || !container->layers[0].unpacker->packs)
            return status;
        status = open_inner(container, error);
    } while (status == BB_CONTAINER_END);
    return status;
}

int bb_container_next(struct bb_container *container, struct bb_input *stream, const char **name,
                      struct bb_error *error) {
    int status = container->ended ? BB_CONTAINER_END : find_next(container, error);

    if (status < 0) {
        bb_error_locate(error, container->name, 0);
        return status;
    }
    container->ended = status == BB_CONTAINER_END;
    if (container->ended && container->members == 0) {
        status = BB_FAIL(error, BB_E_INPUT_EMPTY, "the archive holds no files");
        bb_error_locate(error, container->name, 0);
        return status;
    }
    if (status == BB_CONTAINER_MEMBER) {
        container->members++;
        *stream = (struct bb_input){read_member, container};
        *name = container->member_name[container->depth - 1];
    }
    return status;
}

/* ---- opening -------------------------------------------------------------------------------- */

static struct bb_container *new_container(const char *name) {
    struct bb_container *container = calloc(1, sizeof *container);

    if (!container)
        return NULL;
    container->fd = -1;
    container->limits = default_limits;
    container->name = strdup(name);
    if (!container->name) {
        free(container);
        return NULL;
    }
    return container;
}

/* A file is checked before it is opened (opening a device may do something) and after. */
static int check_kind(const char *path, const struct stat *status, struct bb_error *error) {
    if (S_ISREG(status->st_mode) || S_ISFIFO(status->st_mode))
        return 0;
    return BB_FAIL(error, BB_E_INPUT_UNREADABLE, "%s is a %s; busbar reads files and pipes", path,
                   S_ISDIR(status->st_mode) ? "folder" : "device or socket");
}

static int open_file(struct bb_container *container, const char *path, struct bb_error *error) {
    struct stat status;

    if (stat(path, &status) != 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be opened", path);
    int failure = check_kind(path, &status, error);
    if (failure < 0)
        return failure;
    container->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (container->fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be opened", path);
    container->owns_fd = true;
    if (fstat(container->fd, &status) != 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be read", path);
    failure = check_kind(path, &status, error);
    if (failure < 0)
        return failure;
    bool regular = S_ISREG(status.st_mode);
    if (regular) {
        container->size = (uint64_t)status.st_size;
        (void)posix_fadvise(container->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return push_layer(container, (struct bb_input){read_file, container},
                      regular ? container->fd : -1, error);
}

/* Give the container out, or release it after a failure. */
static int finish_open(struct bb_container *container, int status, struct bb_container **out,
                       struct bb_error *error) {
    if (status < 0) {
        bb_error_locate(error, container->name, 0);
        bb_container_close(container);
        container = NULL;
    }
    *out = container;
    return status;
}

int bb_container_open(const char *path, struct bb_container **out, struct bb_error *error) {
    bool standard_input = strcmp(path, "-") == 0;
    struct bb_container *container = new_container(standard_input ? "stdin" : path);
    int status;

    *out = NULL;
    if (!container)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", path);
    if (standard_input) {
        container->fd = STDIN_FILENO;
        status = push_layer(container, (struct bb_input){read_file, container}, -1, error);
    } else {
        status = open_file(container, path, error);
    }
    return finish_open(container, status, out, error);
}

int bb_container_open_input(struct bb_input packed, uint64_t size_hint, const char *name,
                            struct bb_container **out, struct bb_error *error) {
    struct bb_container *container = new_container(name);

    *out = NULL;
    if (!container)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", name);
    container->input = packed;
    container->size = size_hint;
    int status = push_layer(container, (struct bb_input){read_caller, container}, -1, error);
    return finish_open(container, status, out, error);
}

void bb_container_close(struct bb_container *container) {
    if (!container)
        return;
    while (container->depth > 0)
        pop_layer(container);
    if (container->owns_fd)
        close(container->fd);
    free(container->name);
    free(container);
}

uint64_t bb_container_consumed(const struct bb_container *container) {
    bool known = container->size > 0 && container->consumed > container->size;

    return known ? container->size : container->consumed; /* a zip is read here and there twice */
}

uint64_t bb_container_size(const struct bb_container *container) {
    return container->size;
}
