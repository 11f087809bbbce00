/* zip and zstd by libarchive.
 *
 * A zip that can be sought is read by the directory at its end, which is what its writer finished
 * last: a file that was cut short has none. A zip that comes as a stream is read front to back.
 */
#include "codec/container_internal.h"

#include <archive.h>
#include <archive_entry.h>

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unarchive {
    struct archive *archive;
    locale_t utf8;         /* for the names of members; libarchive converts them to the locale's */
    bool empty;            /* zstd of nothing: there is no entry to read from */
    struct bb_error below; /* why the layer below could not be read */
    bool below_failed;
    char name[BB_MEMBER_NAME_MAX];
    char packed[BB_UNPACK_WINDOW_BYTES];
};

/* ---- what libarchive calls ------------------------------------------------------------------ */

static la_ssize_t read_packed(struct archive *archive, void *context, const void **data) {
    struct bb_layer *layer = context;
    struct unarchive *u = layer->state;
    size_t got = 0;

    if (bb_layer_read_packed(layer, u->packed, sizeof u->packed, &got, &u->below) < 0) {
        u->below_failed = true;
        archive_set_error(archive, EIO, "the packed bytes cannot be read");
        return ARCHIVE_FATAL;
    }
    *data = u->packed;
    return (la_ssize_t)got;
}

static la_int64_t seek_packed(struct archive *archive, void *context, la_int64_t offset,
                              int whence) {
    struct bb_layer *layer = context;
    off_t at = lseek(layer->seekable_fd, offset, whence);

    if (at >= 0)
        return at;
    archive_set_error(archive, errno, "the file cannot be sought");
    return ARCHIVE_FATAL;
}

/* ---- layers --------------------------------------------------------------------------------- */

static int fail(struct unarchive *u, const char *what, struct bb_error *error) {
    if (u->below_failed) {
        *error = u->below;
        return -(int)error->code;
    }
    const char *text = archive_error_string(u->archive);
    return BB_FAIL(error, BB_E_CONTAINER, "%s (%s)", what, text ? text : "it ends too early");
}

static void close_archive(struct bb_layer *layer) {
    struct unarchive *u = layer->state;

    if (!u)
        return;
    archive_read_free(u->archive);
    if (u->utf8)
        freelocale(u->utf8);
    free(u);
    layer->state = NULL;
}

/* The state of a layer, with an archive that has no format yet; NULL when memory is out. */
static struct unarchive *new_archive(struct bb_layer *layer) {
    struct unarchive *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->archive = archive_read_new();
    if (!u->archive) {
        free(u);
        return NULL;
    }
    archive_read_set_read_callback(u->archive, read_packed);
    archive_read_set_callback_data(u->archive, layer);
    layer->state = u;
    return u;
}

static int open_zstd(struct bb_layer *layer, struct bb_error *error) {
    struct unarchive *u = new_archive(layer);

    if (!u)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack zstd");
    archive_read_support_filter_zstd(u->archive);
    archive_read_support_format_raw(u->archive);
    archive_read_support_format_empty(u->archive);
    if (archive_read_open1(u->archive) != ARCHIVE_OK)
        return fail(u, "the zstd data is damaged", error);
    return 0;
}

static int next_zstd(struct bb_layer *layer, const char **member, struct bb_error *error) {
    struct unarchive *u = layer->state;
    struct archive_entry *entry;

    *member = NULL;
    if (layer->begun)
        return BB_CONTAINER_END;
    layer->begun = true;
    int status = archive_read_next_header(u->archive, &entry);
    /* An empty content has no entry; it is one member without bytes all the same. */
    u->empty = status == ARCHIVE_EOF;
    return status == ARCHIVE_OK || status == ARCHIVE_EOF
               ? BB_CONTAINER_MEMBER
               : fail(u, "the zstd data is damaged", error);
}

static int open_zip(struct bb_layer *layer, struct bb_error *error) {
    struct unarchive *u = new_archive(layer);

    if (!u)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack zip");
    u->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (layer->seekable_fd >= 0) {
        layer->magic_used = layer->magic_size; /* libarchive begins where the file does */
        if (lseek(layer->seekable_fd, 0, SEEK_SET) != 0)
            return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "the file cannot be sought");
        archive_read_set_seek_callback(u->archive, seek_packed);
        archive_read_support_format_zip_seekable(u->archive);
    } else {
        archive_read_support_format_zip_streamable(u->archive);
    }
    if (archive_read_open1(u->archive) != ARCHIVE_OK)
        return fail(u, "the zip is damaged or cut short", error);
    return 0;
}

/* The name of a member in UTF-8; of one that is in some old code page the ASCII part. */
static const char *entry_name(struct unarchive *u, struct archive_entry *entry) {
    const char *name = archive_entry_pathname_utf8(entry);

    if (name)
        return name;
    name = archive_entry_pathname(entry);
    if (!name)
        return "?";
    snprintf(u->name, sizeof u->name, "%s", name);
    for (char *at = u->name; *at; at++)
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    return u->name;
}

static int next_header(struct unarchive *u, struct archive_entry **entry, const char **name) {
    locale_t before = u->utf8 ? uselocale(u->utf8) : (locale_t)0;
    int status = archive_read_next_header(u->archive, entry);

    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) /* a warning is about the name */
        *name = entry_name(u, *entry);
    if (u->utf8)
        uselocale(before);
    return status;
}

/* Folders, links, and what macOS adds for itself. */
static bool is_no_file(struct archive_entry *entry, const char *name) {
    mode_t type = archive_entry_filetype(entry);

    return (type != 0 && type != AE_IFREG) || strncmp(name, "__MACOSX/", strlen("__MACOSX/")) == 0;
}

/* Whether the data of the member at hand can be read in little memory. Other methods let a few bytes
 * ask for gigabytes (the dictionary that LZMA's header names), and no meter system writes them.
 * Skipping a member may unpack it, so this is asked of every one. */
static bool is_stored_or_deflated(struct unarchive *u) {
    const char *format = archive_format_name(u->archive); /* such as "ZIP 2.0 (deflation)" */

    return format && (strstr(format, "(deflation)") || strstr(format, "(uncompressed)"));
}

static int next_zip(struct bb_layer *layer, const char **member, struct bb_error *error) {
    struct unarchive *u = layer->state;
    struct archive_entry *entry;
    int status;

    do {
        status = next_header(u, &entry, member);
        if (status == ARCHIVE_EOF)
            return BB_CONTAINER_END;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return fail(u, "the zip is damaged or cut short", error);
        if (archive_entry_is_encrypted(entry))
            return BB_FAIL(error, BB_E_CONTAINER,
                           "%s in the zip is encrypted; unpack it and give busbar the file",
                           *member);
        if (!is_stored_or_deflated(u))
            return BB_FAIL(error, BB_E_CONTAINER,
                           "%s in the zip is packed by a method that busbar does not read (%s); "
                           "deflate it, as zip does by itself",
                           *member, archive_format_name(u->archive));
    } while (is_no_file(entry, *member));
    return BB_CONTAINER_MEMBER;
}

/* At the end of a member libarchive compares its checksum, and says so by a warning. */
static int read_archive(struct bb_layer *layer, void *data, size_t capacity, size_t *got,
                        struct bb_error *error) {
    struct unarchive *u = layer->state;
    la_ssize_t size = u->empty ? 0 : archive_read_data(u->archive, data, capacity);

    if (size < 0)
        return fail(u, "the packed data is damaged or ends too early", error);
    *got = (size_t)size;
    return 0;
}

const struct bb_unpacker bb_unpacker_zstd = {
    .name = "zstd",
    .packs = true,
    .open = open_zstd,
    .next = next_zstd,
    .read = read_archive,
    .close = close_archive,
};

const struct bb_unpacker bb_unpacker_zip = {
    .name = "zip",
    .packs = true,
    .open = open_zip,
    .next = next_zip,
    .read = read_archive,
    .close = close_archive,
};
