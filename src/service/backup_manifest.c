/* The manifest of a backup: see backup_manifest.h. */
#include "service/backup_manifest.h"

#include "adapter/embedded.h"
#include "model/timestamp.h"

#include <inttypes.h>
#include <stdio.h>

enum { PARTITIONS_MAX = 4096, HASH_DIGITS = 32 };
#define HASH_FORMAT     "%016" PRIx64 "%016" PRIx64
#define HASH_ARGS(hash) (hash).high, (hash).low

/* ---- hashes */

void bb_backup_hash_begin(struct bb_backup_hasher *hasher) {
    XXH3_128bits_reset(&hasher->state);
}

void bb_backup_hash_add(struct bb_backup_hasher *hasher, const void *data, size_t size) {
    if (size > 0)
        XXH3_128bits_update(&hasher->state, data, size);
}

struct bb_content_hash bb_backup_hash_end(const struct bb_backup_hasher *hasher) {
    XXH128_hash_t hash = XXH3_128bits_digest(&hasher->state);

    return (struct bb_content_hash){.low = hash.low64, .high = hash.high64};
}

static struct bb_content_hash hash_of(struct bb_span text) {
    XXH128_hash_t hash = XXH3_128bits(text.data, text.size);

    return (struct bb_content_hash){.low = hash.low64, .high = hash.high64};
}

/* ---- writing */

static void put_part(uint32_t number, const struct bb_backup_part *part, struct bb_buffer *out) {
    bb_buffer_format(out,
                     "partition %" PRIu32 " first %" PRIu64 " end %" PRIu64 " readings %" PRIu64
                     " epoch %" PRIu64 " position %" PRIu64 " %" PRIu64 " registry %" PRIu64
                     " content %" PRIu64 " " HASH_FORMAT "\n",
                     number, part->log.first_offset, part->log.offset, part->log.readings,
                     part->store.epoch, part->store.position.offset, part->store.position.inner,
                     part->registry, part->blocks, HASH_ARGS(part->content));
}

void bb_backup_manifest_format(const struct bb_backup_manifest *manifest, struct bb_buffer *out) {
    char made[BB_TIME_TEXT_MAX];
    size_t size = bb_time_format_utc(manifest->made_ms, made);

    bb_buffer_format(out, "busbar-backup %d\nby %s\nmade %.*s\n", (int)BB_BACKUP_FORMAT,
                     manifest->by, (int)size, made);
    bb_buffer_format(out, "formats log %" PRIu32 " store %" PRIu32 " registry %" PRIu32 "\n",
                     manifest->log_format, manifest->store_format, manifest->registry_format);
    bb_buffer_format(out, "log %016" PRIx64 " partitions %" PRIu32 "\n", manifest->identity,
                     manifest->partitions);
    for (uint32_t p = 0; p <= manifest->partitions; p++)
        put_part(p, &manifest->parts[p], out);
    for (size_t i = 0; i < manifest->file_count; i++) {
        const struct bb_backup_file *file = &manifest->files[i];
        if (file->empty_folder)
            bb_buffer_format(out, "folder %.*s\n", BB_SPAN_ARGS(file->name));
        else
            bb_buffer_format(out, "file " HASH_FORMAT " %" PRIu64 " %.*s\n", HASH_ARGS(file->hash),
                             file->bytes, BB_SPAN_ARGS(file->name));
    }
    struct bb_content_hash whole = hash_of(bb_buffer_span(out));
    bb_buffer_format(out, "end " HASH_FORMAT "\n", HASH_ARGS(whole));
}

/* ---- reading: a sticky failure, looked at once at the end of a line */

struct reading {
    struct bb_span left; /* lines that are not read yet */
    struct bb_span line; /* what is left of this one */
    uint64_t number;     /* of the line, from 1 on */
    bool failed;
    struct bb_arena *arena;
    struct bb_backup_manifest *out;
};

static bool next_line(struct reading *reading) {
    const char *end = reading->left.size > 0 ? memchr(reading->left.data, '\n', reading->left.size)
                                             : NULL;

    if (!end)
        return false;
    reading->line = (struct bb_span){reading->left.data, (size_t)(end - reading->left.data)};
    reading->left.data += reading->line.size + 1;
    reading->left.size -= reading->line.size + 1;
    reading->number++;
    return true;
}

/* Up to the next blank; an empty word is a failure. */
static struct bb_span word(struct reading *reading) {
    struct bb_span line = reading->line;
    const char *blank = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
    struct bb_span found = {line.data, blank ? (size_t)(blank - line.data) : line.size};
    size_t used = found.size + (blank ? 1 : 0);

    reading->line = (struct bb_span){line.data + used, line.size - used};
    if (found.size == 0)
        reading->failed = true;
    return found;
}

static void expect(struct reading *reading, const char *wanted) {
    if (!bb_span_equal(word(reading), bb_span_of(wanted)))
        reading->failed = true;
}

static uint64_t digits(struct reading *reading, struct bb_span text, unsigned base) {
    uint64_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 99;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            reading->failed = true;
    }
    return value;
}

static uint64_t number(struct reading *reading) {
    return digits(reading, word(reading), 10);
}

static uint32_t number_to(struct reading *reading, uint32_t most) {
    uint64_t value = number(reading);

    if (value > most)
        reading->failed = true;
    return (uint32_t)value;
}

static struct bb_content_hash hash(struct reading *reading) {
    struct bb_span text = word(reading);

    if (text.size != HASH_DIGITS) {
        reading->failed = true;
        return (struct bb_content_hash){0};
    }
    return (struct bb_content_hash){
        .high = digits(reading, (struct bb_span){text.data, HASH_DIGITS / 2}, 16),
        .low = digits(reading, (struct bb_span){text.data + HASH_DIGITS / 2, HASH_DIGITS / 2}, 16)};
}

/* Letters, digits, '.', '_', '-', and '/' between parts that are neither empty nor dots alone. */
static bool harmless(struct bb_span name) {
    bool only_dots = true;

    if (name.size == 0 || name.size > BB_BACKUP_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
        if (c == '/' && only_dots)
            return false;
        if (!letter && c != '.' && c != '/')
            return false;
        only_dots = c == '/' || (only_dots && !letter);
    }
    return !only_dots;
}

/* Visible ASCII alone: the name of a version is printed in errors and kept as a C string. */
static bool plain(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

static void read_head(struct reading *reading) {
    struct bb_backup_manifest *out = reading->out;

    expect(reading, "by");
    struct bb_span by = word(reading);
    if (by.size > BB_BACKUP_BY_MAX || !plain(by))
        reading->failed = true;
    else
        snprintf(out->by, sizeof out->by, "%.*s", BB_SPAN_ARGS(by));
    next_line(reading);
    expect(reading, "made");
    if (bb_time_parse_rfc3339(word(reading), &out->made_ms) != BB_TIME_OK)
        reading->failed = true;
    next_line(reading);
    expect(reading, "formats");
    expect(reading, "log");
    out->log_format = number_to(reading, UINT32_MAX);
    expect(reading, "store");
    out->store_format = number_to(reading, UINT32_MAX);
    expect(reading, "registry");
    out->registry_format = number_to(reading, UINT32_MAX);
}

static void read_log(struct reading *reading) {
    struct bb_backup_manifest *out = reading->out;

    expect(reading, "log");
    out->identity = digits(reading, word(reading), 16);
    expect(reading, "partitions");
    out->partitions = number_to(reading, PARTITIONS_MAX);
    out->parts = reading->failed ? NULL
                                 : bb_arena_take_array(reading->arena, out->partitions + (size_t)1,
                                                       sizeof *out->parts);
    if (!out->parts)
        reading->failed = true;
}

static void read_part(struct reading *reading, uint32_t expected) {
    struct bb_backup_part *part = &reading->out->parts[expected];

    expect(reading, "partition");
    if (number(reading) != expected)
        reading->failed = true;
    expect(reading, "first");
    part->log.first_offset = number(reading);
    expect(reading, "end");
    part->log.offset = number(reading);
    expect(reading, "readings");
    part->log.readings = number(reading);
    expect(reading, "epoch");
    part->store.epoch = number(reading);
    expect(reading, "position");
    part->store.position.offset = number(reading);
    part->store.position.inner = number(reading);
    expect(reading, "registry");
    part->registry = number(reading);
    expect(reading, "content");
    part->blocks = number(reading);
    part->content = hash(reading);
}

static void read_file(struct reading *reading) {
    struct bb_backup_manifest *out = reading->out;
    struct bb_backup_file *file = &out->files[out->file_count];

    struct bb_span kind = word(reading);
    file->empty_folder = bb_span_equal(kind, BB_SPAN("folder"));
    if (!file->empty_folder) {
        if (!bb_span_equal(kind, BB_SPAN("file")))
            reading->failed = true;
        file->hash = hash(reading);
        file->bytes = number(reading);
    }
    file->name = word(reading);
    if (!harmless(file->name) ||
        (out->file_count > 0 && bb_span_compare(file[-1].name, file->name) >= 0))
        reading->failed = true;
    out->file_count++;
}

static size_t count_lines(struct bb_span text) {
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

static int fail_line(const struct reading *reading, const char *source, struct bb_error *error) {
    return BB_FAIL(error, BB_E_BACKUP_DAMAGED, "line %" PRIu64 " of %s cannot be read",
                   reading->number, source);
}

/* Everything between the first line and the last. */
static int read_lines(struct reading *reading, const char *source, struct bb_error *error) {
    struct bb_backup_manifest *out = reading->out;
    void (*const begin[])(struct reading *) = {read_head, read_log};

    for (size_t i = 0; i < 2; i++) {
        if (!next_line(reading))
            return fail_line(reading, source, error);
        begin[i](reading);
        if (reading->failed || reading->line.size > 0)
            return fail_line(reading, source, error);
    }
    out->files = bb_arena_take_array(reading->arena, count_lines(reading->left) + 1,
                                     sizeof *out->files);
    if (!out->files)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the list of files in %s", source);
    for (uint32_t p = 0; p <= out->partitions; p++) {
        if (!next_line(reading))
            return fail_line(reading, source, error);
        read_part(reading, p);
        if (reading->failed || reading->line.size > 0)
            return fail_line(reading, source, error);
    }
    while (next_line(reading)) {
        read_file(reading);
        if (reading->failed || reading->line.size > 0)
            return fail_line(reading, source, error);
    }
    return 0;
}

/* Cuts the last line off and compares its hash with what stands before it. */
static int check_whole(struct bb_span *text, const char *source, struct bb_error *error) {
    const size_t last = sizeof "end " - 1 + HASH_DIGITS + 1;
    struct bb_span before = {text->data, text->size >= last ? text->size - last : 0};
    char wanted[64];
    struct bb_content_hash found = hash_of(before);

    snprintf(wanted, sizeof wanted, "end " HASH_FORMAT "\n", HASH_ARGS(found));
    if (before.size == 0 || before.data[before.size - 1] != '\n' ||
        memcmp(before.data + before.size, wanted, last) != 0)
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED,
                       "%s is damaged, cut off, or no manifest of busbar's", source);
    *text = before;
    return 0;
}

static int check_format(const char *source, const char *of, uint32_t found, uint32_t known,
                        const char *by, struct bb_error *error) {
    if (found == known)
        return 0;
    return BB_FAIL(error, BB_E_VERSION,
                   "%s was made by %s busbar%s%s: %s has format version %" PRIu32
                   ", this busbar reads %" PRIu32 "; restore it with the busbar that made it",
                   source, found > known ? "a newer" : "an older", by[0] ? " " : "", by, of, found,
                   known);
}

int bb_backup_manifest_parse(struct bb_span text, const char *source, struct bb_arena *arena,
                             struct bb_backup_manifest *out, struct bb_error *error) {
    struct reading reading = {.arena = arena, .out = out};

    *out = (struct bb_backup_manifest){.by = ""};
    int result = check_whole(&text, source, error);
    if (result < 0)
        return result;
    reading.left = text;
    next_line(&reading);
    expect(&reading, "busbar-backup");
    uint32_t format = number_to(&reading, UINT32_MAX);
    if (reading.failed || reading.line.size > 0)
        return fail_line(&reading, source, error);
    result = check_format(source, "the backup", format, BB_BACKUP_FORMAT, "", error);
    if (result == 0)
        result = read_lines(&reading, source, error);
    if (result == 0)
        result = check_format(source, "its log", out->log_format, BB_LOG_EMBEDDED_FORMAT, out->by,
                              error);
    if (result == 0)
        result = check_format(source, "its store", out->store_format, BB_STORE_LMDB_FORMAT, out->by,
                              error);
    if (result == 0)
        result = check_format(source, "its registry", out->registry_format,
                              BB_REGISTRY_SQLITE_FORMAT, out->by, error);
    return result;
}
