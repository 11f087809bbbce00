/* Containers: what is packed comes out whole, or the damage is named. */
#include "codec/container_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTENT_BYTES = 300000, PACKED_BYTES = 8 << 20 };

/* ---- making ---------------------------------------------------------------------------------- */

/* Text that packs to about a third, the same in every run. */
static struct bb_span content(void) {
    static char text[CONTENT_BYTES];
    uint32_t random = 1;

    for (size_t i = 0; i < sizeof text; i++) {
        random = random * 1664525 + 1013904223;
        text[i] = i % 7 == 6 ? '\n' : (char)('0' + (random >> 24) % 10);
    }
    return (struct bb_span){text, sizeof text};
}

enum packing { PACK_GZIP, PACK_ZSTD, PACK_ZIP, PACK_ZIP_STORED, PACK_ZIP_ENCRYPTED };

struct member {
    const char *name;
    struct bb_span bytes;
};

static void start_archive(struct archive *a, enum packing packing) {
    if (packing == PACK_GZIP)
        archive_write_add_filter_gzip(a);
    if (packing == PACK_ZSTD)
        archive_write_add_filter_zstd(a);
    if (packing == PACK_GZIP || packing == PACK_ZSTD) {
        archive_write_set_format_raw(a);
        return;
    }
    archive_write_set_format_zip(a);
    archive_write_set_options(a, "hdrcharset=UTF-8");
    if (packing == PACK_ZIP_STORED)
        archive_write_zip_set_compression_store(a);
    if (packing == PACK_ZIP_ENCRYPTED) {
        archive_write_set_options(a, "zip:encryption=aes256");
        archive_write_set_passphrase(a, "secret");
    }
}

/* Pack into one of a few static buffers, which live until as many calls later. */
static struct bb_span pack(enum packing packing, const struct member *members, size_t count) {
    enum { BUFFERS = 6 };
    static char *buffers[BUFFERS];
    static size_t turn;
    char **buffer = &buffers[turn++ % BUFFERS];
    size_t used = 0;
    struct archive *a = archive_write_new();

    setlocale(LC_CTYPE, "C.UTF-8"); /* in which libarchive takes names; readers need none */
    if (!*buffer)
        *buffer = malloc(PACKED_BYTES);
    start_archive(a, packing);
    archive_write_set_bytes_per_block(a, 1);
    archive_write_set_bytes_in_last_block(a, 1);
    cr_assert_eq(archive_write_open_memory(a, *buffer, PACKED_BYTES, &used), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        size_t length = strlen(members[i].name);
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_filetype(entry, length && members[i].name[length - 1] == '/' ? AE_IFDIR
                                                                                       : AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)members[i].bytes.size);
        archive_entry_set_perm(entry, 0644);
        cr_assert_geq(archive_write_header(a, entry), ARCHIVE_WARN, "%s", archive_error_string(a));
        archive_write_data(a, members[i].bytes.data, members[i].bytes.size);
        archive_entry_free(entry);
    }
    cr_assert_eq(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    setlocale(LC_CTYPE, "C");
    return (struct bb_span){*buffer, used};
}

static struct bb_span pack_one(enum packing packing, struct bb_span bytes) {
    struct member member = {"day.csv", bytes};

    return pack(packing, &member, 1);
}

static struct bb_span flip(struct bb_span bytes, size_t at) {
    static char copy[PACKED_BYTES];

    memcpy(copy, bytes.data, bytes.size);
    copy[at] ^= 1;
    return (struct bb_span){copy, bytes.size};
}

static char path[64];

static const char *write_file(struct bb_span bytes) {
    snprintf(path, sizeof path, "/tmp/busbar-container-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    close(fd);
    return path;
}

static void remove_file(void) {
    if (path[0])
        unlink(path);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct outcome {
    int status;       /* of whatever failed first, or 0 */
    char names[1024]; /* of members, joined by a blank */
    uint64_t members, bytes;
    uint64_t hash; /* of all bytes in their order */
    struct bb_error error;
};

static uint64_t hash_more(uint64_t hash, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(1099511628211);
    return hash;
}

static void read_members(struct bb_container *container, size_t capacity, struct outcome *out) {
    static char buffer[1 << 20];
    struct bb_input stream;
    const char *name;
    size_t got, used = 0;

    while ((out->status = bb_container_next(container, &stream, &name, &out->error)) ==
           BB_CONTAINER_MEMBER) {
        out->members++;
        used += (size_t)snprintf(out->names + used, sizeof out->names - used, "%s%s",
                                 used ? " " : "", name);
        while ((out->status = stream.read(stream.context, buffer, capacity, &got, &out->error)) ==
                   0 &&
               got > 0) {
            out->bytes += got;
            out->hash = hash_more(out->hash, buffer, got);
        }
        if (out->status < 0)
            return;
    }
    if (out->status == BB_CONTAINER_END)
        out->status = 0;
}

static struct outcome read_path(const char *name) {
    struct outcome out = {0};
    struct bb_container *container;

    out.status = bb_container_open(name, &container, &out.error);
    if (out.status == 0)
        read_members(container, 1 << 20, &out);
    bb_container_close(container);
    return out;
}

struct source {
    struct bb_span bytes;
    size_t piece;
    bool fail_at_end;
};

static int read_source(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct source *source = context;
    size_t size = source->bytes.size < capacity ? source->bytes.size : capacity;

    if (size > source->piece)
        size = source->piece;
    if (size == 0 && source->fail_at_end)
        return BB_FAIL(error, BB_E_INPUT_UNREADABLE, "the sender went away");
    if (size > 0)
        memcpy(data, source->bytes.data, size);
    source->bytes.data += size;
    source->bytes.size -= size;
    *got = size;
    return 0;
}

static struct outcome read_pieces(struct bb_span bytes, size_t piece, size_t capacity) {
    struct source source = {bytes, piece, false};
    struct outcome out = {0};
    struct bb_container *container;

    out.status = bb_container_open_input((struct bb_input){read_source, &source}, bytes.size,
                                         "post", &container, &out.error);
    if (out.status == 0)
        read_members(container, capacity, &out);
    bb_container_close(container);
    return out;
}

/* Both ways a container comes: as a file, and as a stream. */
static struct outcome read_file_of(struct bb_span bytes) {
    struct outcome out = read_path(write_file(bytes));

    unlink(path);
    return out;
}

static struct outcome read_stream_of(struct bb_span bytes) {
    return read_pieces(bytes, SIZE_MAX, 1 << 20);
}

#define ASSERT_CONTENT(out)                                                                        \
    do {                                                                                           \
        cr_assert_eq((out).status, 0, "%s", (out).error.text);                                     \
        cr_assert_eq((out).bytes, CONTENT_BYTES);                                                  \
        cr_assert_eq((out).hash, hash_more(0, content().data, CONTENT_BYTES));                     \
    } while (0)

/* ---- whole ----------------------------------------------------------------------------------- */

Test(container, a_plain_file_passes_through, .fini = remove_file) {
    struct outcome out = read_path(write_file(content()));

    ASSERT_CONTENT(out);
    cr_assert_str_eq(out.names, path);
    out = read_stream_of(content());
    ASSERT_CONTENT(out);
    cr_assert_str_eq(out.names, "post");
}

Test(container, an_empty_file_is_one_empty_stream, .fini = remove_file) {
    struct outcome out = read_path(write_file(BB_SPAN("")));

    cr_assert_eq(out.status, 0);
    cr_assert_eq(out.members, 1);
    cr_assert_eq(out.bytes, 0);
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP};
    for (size_t i = 0; i < 3; i++) {
        out = read_file_of(pack_one(packings[i], BB_SPAN("")));
        cr_expect_eq(out.status, 0, "%s", out.error.text);
        cr_expect_eq(out.members, 1);
        cr_expect_eq(out.bytes, 0);
    }
}

Test(container, every_packing_gives_back_what_was_packed) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP, PACK_ZIP_STORED};

    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        struct bb_span packed = pack_one(packings[i], content());
        ASSERT_CONTENT(read_file_of(packed));
        ASSERT_CONTENT(read_stream_of(packed));
        for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1)
            ASSERT_CONTENT(read_pieces(packed, piece, piece % 5 ? 1 << 16 : 333));
    }
}

Test(container, a_zip_gives_its_files_in_their_order) {
    const struct member members[] = {{"b.csv", BB_SPAN("b")},
                                     {"folder/", BB_SPAN("")},
                                     {"folder/z\xc3\xa4hler.csv", BB_SPAN("zz")},
                                     {"__MACOSX/._b.csv", BB_SPAN("resource fork")},
                                     {"a\n.csv", BB_SPAN("aaa")}};
    struct bb_span packed = pack(PACK_ZIP, members, sizeof members / sizeof members[0]);
    struct outcome out = read_stream_of(packed);

    cr_assert_eq(out.status, 0, "%s", out.error.text);
    cr_assert_str_eq(out.names, "post/b.csv post/folder/z\xc3\xa4hler.csv post/a?.csv");
    cr_assert_eq(out.bytes, 6);
    out = read_file_of(packed);
    cr_assert_eq(out.members, 3);
    cr_assert_eq(out.bytes, 6);
}

Test(container, a_file_without_members_is_empty) {
    cr_assert_eq(read_file_of(pack(PACK_ZIP, NULL, 0)).status, -BB_E_INPUT_EMPTY);
    struct member folder = {"folder/", BB_SPAN("")};
    cr_assert_eq(read_file_of(pack(PACK_ZIP, &folder, 1)).status, -BB_E_INPUT_EMPTY);
}

Test(container, one_level_of_nesting_is_opened) {
    const struct member inner[] = {{"1.csv", BB_SPAN("one")}, {"2.csv", BB_SPAN("two!")}};
    const struct member outer[] = {{"a.csv.gz", pack_one(PACK_GZIP, BB_SPAN("gzip"))},
                                   {"b.csv.zst", pack_one(PACK_ZSTD, BB_SPAN("zstd"))},
                                   {"c.zip", pack(PACK_ZIP, inner, 2)},
                                   {"d.csv", BB_SPAN("plain")},
                                   {"e.zip", pack(PACK_ZIP, NULL, 0)}};
    struct bb_span packed = pack(PACK_ZIP_STORED, outer, 5);
    struct outcome out = read_stream_of(packed);

    cr_assert_eq(out.status, 0, "%s", out.error.text);
    cr_assert_str_eq(out.names, "post/a.csv.gz post/b.csv.zst post/c.zip/1.csv post/c.zip/2.csv "
                                "post/d.csv");
    cr_assert_eq(out.hash, hash_more(0, "gzipzstdonetwo!plain", 20));
    cr_assert_eq(read_file_of(packed).hash, out.hash);

    /* The third is handed on as it is, for the format's sniffers to refuse. */
    struct bb_span twice = pack_one(PACK_GZIP, pack_one(PACK_GZIP, BB_SPAN("deep")));
    cr_assert_eq(read_stream_of(twice).bytes, 4);
    struct bb_span third = pack_one(PACK_GZIP, twice);
    cr_assert_gt(read_stream_of(third).bytes, 4);
}

Test(container, gzip_members_are_one_stream_and_padding_is_none) {
    static char bytes[PACKED_BYTES];
    struct bb_span one = pack_one(PACK_GZIP, BB_SPAN("first,"));
    struct bb_span two = pack_one(PACK_GZIP, BB_SPAN("second"));

    memcpy(bytes, one.data, one.size);
    memcpy(bytes + one.size, two.data, two.size);
    memset(bytes + one.size + two.size, 0, 512);
    struct bb_span joined = {bytes, one.size + two.size + 512};
    for (size_t piece = 1; piece < 64; piece += 9) {
        struct outcome out = read_pieces(joined, piece, 100);
        cr_assert_eq(out.status, 0, "%s", out.error.text);
        cr_assert_eq(out.hash, hash_more(0, "first,second", 12));
    }
    bytes[joined.size - 1] = 'x';
    cr_assert_eq(read_stream_of(joined).status, -BB_E_CONTAINER);
}

Test(container, a_member_may_be_left_before_its_end, .fini = remove_file) {
    const struct member members[] = {{"a.csv.gz", pack_one(PACK_GZIP, content())},
                                     {"b.csv", content()},
                                     {"c.csv", BB_SPAN("the last")}};
    struct bb_container *container;
    struct bb_input stream;
    const char *name;
    struct bb_error error;
    char buffer[100];
    size_t got = 0;

    write_file(pack(PACK_ZIP, members, 3));
    cr_assert_eq(bb_container_open(path, &container, &error), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bb_container_next(container, &stream, &name, &error), BB_CONTAINER_MEMBER);
        cr_assert_eq(stream.read(stream.context, buffer, sizeof buffer, &got, &error), 0);
    }
    cr_assert_eq(got, 8);
    cr_assert_eq(bb_container_next(container, &stream, &name, &error), BB_CONTAINER_END);
    cr_assert_eq(bb_container_next(container, &stream, &name, &error), BB_CONTAINER_END);
    bb_container_close(container);
}

Test(container, progress_reaches_the_size, .fini = remove_file) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP};

    for (size_t i = 0; i < 3; i++) {
        struct bb_container *container;
        struct outcome out = {0};
        struct bb_span packed = pack_one(packings[i], content());
        cr_assert_eq(bb_container_open(write_file(packed), &container, &out.error), 0);
        cr_assert_eq(bb_container_size(container), packed.size);
        read_members(container, 1000, &out);
        cr_assert_eq(bb_container_consumed(container), packed.size);
        bb_container_close(container);
        unlink(path);
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

Test(container, a_file_cut_short_is_damaged) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP, PACK_ZIP_STORED};

    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        struct bb_span packed = pack_one(packings[i], content());
        for (size_t lost = 1; lost < packed.size - 8; lost = lost * 2 + 1) {
            struct bb_span cut = {packed.data, packed.size - lost};
            struct outcome out = read_file_of(cut);
            cr_expect_eq(out.status, -BB_E_CONTAINER, "packing %zu lost %zu: %d %s", i, lost,
                         out.status, out.error.text);
            cr_expect(out.error.source[0] != '\0');
        }
    }
}

/* A zip that comes as a stream is complete when its members are. */
Test(container, a_stream_cut_short_gives_all_or_an_error) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP};

    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        struct bb_span packed = pack_one(packings[i], content());
        for (size_t lost = 1; lost < packed.size - 8; lost = lost * 2 + 1) {
            struct outcome out = read_stream_of((struct bb_span){packed.data, packed.size - lost});
            if (packings[i] == PACK_ZIP && out.status == 0)
                ASSERT_CONTENT(out);
            else
                cr_expect_eq(out.status, -BB_E_CONTAINER, "packing %zu lost %zu: %d", i, lost,
                             out.status);
        }
    }
}

Test(container, a_flipped_bit_never_passes_for_data) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZIP, PACK_ZIP_STORED};

    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        struct bb_span packed = pack_one(packings[i], content());
        for (size_t at = 100; at < CONTENT_BYTES / 4; at += 7919) {
            struct outcome out = read_stream_of(flip(packed, at));
            cr_expect_eq(out.status, -BB_E_CONTAINER, "packing %zu byte %zu: %d", i, at,
                         out.status);
        }
    }
    struct bb_span gzip = pack_one(PACK_GZIP, content());
    for (size_t back = 1; back <= 8; back++) /* checksum and length at its end */
        cr_expect_eq(read_stream_of(flip(gzip, gzip.size - back)).status, -BB_E_CONTAINER);
}

Test(container, an_encrypted_member_is_named) {
    struct outcome out = read_file_of(pack_one(PACK_ZIP_ENCRYPTED, content()));

    cr_assert_eq(out.status, -BB_E_CONTAINER);
    cr_assert(strstr(out.error.text, "day.csv"), "%s", out.error.text);
    cr_assert(strstr(out.error.text, "encrypted"), "%s", out.error.text);
}

/* LZMA's header names the size of its dictionary, here 4 GB. Neither reading such a member nor
 * skipping it (macOS's own folder) may ask for that. */
Test(container, a_member_of_another_method_is_refused_before_it_is_unpacked) {
    static const char *const names[] = {"day_______.csv", "__MACOSX/._day"};

    for (size_t i = 0; i < 2; i++) {
        /* version 6.3, length at the end, method 14; sizes unknown; name of 14 bytes, no extra */
        char zip[58] = {'P', 'K', 3, 4, 63, 0, 8, 0, 14, [26] = 14};
        static const char properties[] = {9, 4, 5, 0, 0x5d, -1, -1, -1, -1, 0, 0, 0, 0, 0};
        memcpy(zip + 30, names[i], 14);
        memcpy(zip + 44, properties, sizeof properties);
        struct outcome out = read_stream_of((struct bb_span){zip, sizeof zip});
        cr_assert_eq(out.status, -BB_E_CONTAINER, "%d", out.status);
        cr_assert(strstr(out.error.text, names[i]), "%s", out.error.text);
        cr_assert(strstr(out.error.text, "(lzma)"), "%s", out.error.text);
    }
}

Test(container, what_follows_a_damaged_member_can_still_be_read, .fini = remove_file) {
    struct bb_span damaged = pack_one(PACK_GZIP, content());
    const struct member members[] = {{"a.csv.gz", {damaged.data, damaged.size / 2}},
                                     {"b.csv", BB_SPAN("fine")}};
    struct bb_container *container;
    struct bb_input stream;
    const char *name;
    struct outcome out = {0};

    write_file(pack(PACK_ZIP, members, 2));
    cr_assert_eq(bb_container_open(path, &container, &out.error), 0);
    read_members(container, 1 << 20, &out);
    cr_assert_eq(out.status, -BB_E_CONTAINER);
    cr_assert(strstr(out.error.source, "a.csv.gz"), "%s", out.error.source);
    cr_assert_eq(bb_container_next(container, &stream, &name, &out.error), BB_CONTAINER_MEMBER);
    cr_assert(strstr(name, "b.csv"));
    bb_container_close(container);
}

Test(container, an_error_of_the_source_is_passed_on) {
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP};

    for (size_t i = 0; i < 3; i++) {
        struct bb_span packed = pack_one(packings[i], content());
        struct source source = {{packed.data, packed.size / 2}, SIZE_MAX, true};
        struct outcome out = {0};
        struct bb_container *container;
        out.status = bb_container_open_input((struct bb_input){read_source, &source}, 0, "post",
                                             &container, &out.error);
        if (out.status == 0)
            read_members(container, 1 << 20, &out);
        cr_expect_eq(out.status, -BB_E_INPUT_UNREADABLE, "%d %s", out.status, out.error.text);
        bb_container_close(container);
    }
}

/* ---- bounds ---------------------------------------------------------------------------------- */

Test(container, a_bomb_is_defused) {
    static char zeros[4 << 20];
    const struct bb_span bytes = {zeros, sizeof zeros};
    static const enum packing packings[] = {PACK_GZIP, PACK_ZSTD, PACK_ZIP};

    for (size_t i = 0; i < 3; i++) {
        struct bb_span packed = pack_one(packings[i], bytes);
        cr_expect_eq(read_file_of(packed).status, -BB_E_UNPACKED_TOO_LARGE);
        struct outcome out = read_stream_of(packed);
        cr_expect_eq(out.status, -BB_E_UNPACKED_TOO_LARGE);
        cr_expect_lt(out.bytes, sizeof zeros);
        struct bb_span nested = pack_one(PACK_ZIP_STORED, packed);
        cr_expect_eq(read_file_of(nested).status, -BB_E_UNPACKED_TOO_LARGE);
    }
}

/* A quiet day of a small file packs very well. */
Test(container, the_ratio_is_not_asked_of_little) {
    static char zeros[1 << 20];
    struct outcome out = read_file_of(pack_one(PACK_GZIP, (struct bb_span){zeros, sizeof zeros}));

    cr_assert_eq(out.status, 0, "%s", out.error.text);
    cr_assert_eq(out.bytes, sizeof zeros);
}

Test(container, limits_are_of_all_members_together, .fini = remove_file) {
    const struct member members[] = {{"a", BB_SPAN("0123456789")}, {"b", BB_SPAN("0123456789")}};
    struct bb_span packed = pack(PACK_ZIP, members, 2);

    write_file(packed);
    for (uint64_t limit = 19; limit <= 20; limit++) {
        struct bb_container *container;
        struct outcome out = {0};
        cr_assert_eq(bb_container_open(path, &container, &out.error), 0);
        container->limits.bytes = limit;
        read_members(container, 100, &out);
        cr_expect_eq(out.status, limit < 20 ? -BB_E_UNPACKED_TOO_LARGE : 0);
        bb_container_close(container);
    }
}

Test(container, the_ratio_is_exact, .fini = remove_file) {
    struct bb_span packed = pack_one(PACK_GZIP, content());

    write_file(packed);
    for (uint64_t ratio = 1; ratio <= 4; ratio++) {
        struct bb_container *container;
        struct outcome out = {0};
        cr_assert_eq(bb_container_open(path, &container, &out.error), 0);
        container->limits.ratio_bytes = 0;
        container->limits.ratio = ratio;
        read_members(container, 100, &out);
        cr_expect_eq(out.status, CONTENT_BYTES > ratio * packed.size ? -BB_E_UNPACKED_TOO_LARGE : 0,
                     "ratio %" PRIu64, ratio);
        bb_container_close(container);
    }
}

/* ---- what is no file ------------------------------------------------------------------------- */

Test(container, folders_devices_and_nothing_are_refused) {
    static const char *const paths[] = {"/tmp", "/dev/null", "/dev/zero", "/no/such/file", ""};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct outcome out = read_path(paths[i]);
        cr_expect_eq(out.status, -BB_E_INPUT_UNREADABLE, "%s: %d", paths[i], out.status);
        cr_expect_str_eq(out.error.source, paths[i]);
    }
}

Test(container, a_file_one_may_not_read_is_named, .fini = remove_file) {
    write_file(content());
    cr_assert_eq(chmod(path, 0), 0);
    if (geteuid() == 0) /* root may read it all the same */
        cr_assert_eq(seteuid(65534), 0);
    struct outcome out = read_path(path);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(out.status, -BB_E_NO_PERMISSION, "%d", out.status);
    cr_assert(strstr(out.error.text, path), "%s", out.error.text);
}

Test(container, a_dash_is_the_standard_input, .fini = remove_file) {
    struct bb_span packed = pack_one(PACK_ZIP, content());
    int ends[2];

    cr_assert_not_null(freopen(write_file(packed), "r", stdin));
    struct outcome out = read_path("-");
    ASSERT_CONTENT(out);
    cr_assert_str_eq(out.names, "stdin/day.csv");

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "through a pipe", 14), 14);
    close(ends[1]);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    out = read_path("-");
    cr_assert_eq(out.bytes, 14);
    cr_assert_str_eq(out.names, "stdin");
}
