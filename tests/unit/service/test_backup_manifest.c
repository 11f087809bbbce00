/* The manifest of a backup: what is written is read back, and whatever else is refused. */
#include <criterion/criterion.h>

#include "adapter/embedded.h"
#include "service/backup_manifest.h"

#include <stdio.h>

struct fixture {
    struct bb_arena arena;
    struct bb_buffer text;
    struct bb_backup_part parts[3];
    struct bb_backup_file files[3];
    struct bb_backup_manifest made, read;
    struct bb_error error;
};

static void fixture_init(struct fixture *f) {
    *f = (struct fixture){
        .parts = {{.log = {1, 91416, 5210},
                   .store = {3, {91000, 17}},
                   .registry = 17,
                   .blocks = 118,
                   .content = {1, UINT64_MAX}},
                  {.log = {0, UINT64_MAX, 0}, .store = {.epoch = UINT64_MAX}},
                  {.log = {0, 8, 0}}},
        .files = {{.name = BB_SPAN("log/log.meta"), .bytes = 32, .hash = {0xab, 0xcd}},
                  {.name = BB_SPAN("log/p0001"), .empty_folder = true},
                  {.name = BB_SPAN("registry.db"), .bytes = UINT64_MAX}},
        .made = {.by = "0.1.0",
                 .made_ms = INT64_C(1772324100123),
                 .log_format = BB_LOG_EMBEDDED_FORMAT,
                 .store_format = BB_STORE_LMDB_FORMAT,
                 .registry_format = BB_REGISTRY_SQLITE_FORMAT,
                 .identity = UINT64_C(0x8c2f0a5b9d3e1f47),
                 .partitions = 2,
                 .file_count = 3}};
    f->made.parts = f->parts;
    f->made.files = f->files;
    bb_arena_init(&f->arena, 1 << 16, 1 << 24);
    bb_buffer_init(&f->text, 1 << 20);
}

static void fixture_release(struct fixture *f) {
    bb_arena_release(&f->arena);
    bb_buffer_release(&f->text);
}

static int parse(struct fixture *f, struct bb_span text) {
    memset(&f->error, 0, sizeof f->error);
    return bb_backup_manifest_parse(text, "/b/MANIFEST", &f->arena, &f->read, &f->error);
}

static int parse_made(struct fixture *f) {
    bb_buffer_clear(&f->text);
    bb_backup_manifest_format(&f->made, &f->text);
    cr_assert_not(f->text.overflow);
    return parse(f, bb_buffer_span(&f->text));
}

/* `text`, and the last line that belongs to it. */
static int parse_sealed(struct fixture *f, const char *text) {
    struct bb_backup_hasher hasher;

    bb_backup_hash_begin(&hasher);
    bb_backup_hash_add(&hasher, text, strlen(text));
    struct bb_content_hash hash = bb_backup_hash_end(&hasher);
    bb_buffer_clear(&f->text);
    bb_buffer_format(&f->text, "%send %016lx%016lx\n", text, hash.high, hash.low);
    return parse(f, bb_buffer_span(&f->text));
}

Test(backup_manifest, comes_back_as_it_was) {
    struct fixture f;

    fixture_init(&f);
    cr_assert_eq(parse_made(&f), 0, "%s", f.error.text);
    cr_expect_str_eq(f.read.by, "0.1.0");
    cr_expect_eq(f.read.made_ms, f.made.made_ms);
    cr_expect_eq(f.read.identity, f.made.identity);
    cr_expect_eq(f.read.partitions, 2);
    cr_expect_arr_eq(f.read.parts, f.parts, sizeof f.parts);
    cr_assert_eq(f.read.file_count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect(bb_span_equal(f.read.files[i].name, f.files[i].name));
        cr_expect_eq(f.read.files[i].empty_folder, f.files[i].empty_folder);
        cr_expect_eq(f.read.files[i].bytes, f.files[i].bytes);
        cr_expect(bb_content_hash_equal(f.read.files[i].hash, f.files[i].hash));
    }
    fixture_release(&f);
}

Test(backup_manifest, another_version_is_refused_by_its_name) {
    struct fixture f;
    uint32_t *const formats[] = {&f.made.log_format, &f.made.store_format, &f.made.registry_format};
    static const char *const names[] = {"its log", "its store", "its registry"};

    fixture_init(&f);
    for (size_t i = 0; i < 3; i++)
        for (int step = -1; step <= 1; step += 2) {
            *formats[i] += (uint32_t)step;
            cr_expect_eq(parse_made(&f), -BB_E_VERSION, "%s", f.error.text);
            cr_expect_not_null(strstr(f.error.text, names[i]), "%s", f.error.text);
            cr_expect_not_null(strstr(f.error.text, step > 0 ? "a newer" : "an older"), "%s",
                               f.error.text);
            cr_expect_not_null(strstr(f.error.text, "0.1.0"), "who made it: %s", f.error.text);
            *formats[i] -= (uint32_t)step;
        }
    cr_expect_eq(parse_made(&f), 0, "%s", f.error.text);
    cr_expect_eq(parse_sealed(&f, "busbar-backup 2\nwhatever came to their minds\n"), -BB_E_VERSION,
                 "%s", f.error.text);
    fixture_release(&f);
}

Test(backup_manifest, a_version_that_is_no_plain_text_is_refused) {
    struct fixture f;

    fixture_init(&f);
    snprintf(f.made.by, sizeof f.made.by, "0.1\x01");
    cr_expect_eq(parse_made(&f), -BB_E_BACKUP_DAMAGED);
    snprintf(f.made.by, sizeof f.made.by, "0.1+local~2");
    cr_expect_eq(parse_made(&f), 0, "%s", f.error.text);
    fixture_release(&f);
}

Test(backup_manifest, every_flipped_bit_and_every_cut_is_found) {
    struct fixture f;

    fixture_init(&f);
    cr_assert_eq(parse_made(&f), 0);
    for (size_t i = 0; i < f.text.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            f.text.data[i] = (char)(f.text.data[i] ^ 1 << bit);
            cr_expect_eq(parse(&f, bb_buffer_span(&f.text)), -BB_E_BACKUP_DAMAGED,
                         "byte %zu bit %d", i, bit);
            f.text.data[i] = (char)(f.text.data[i] ^ 1 << bit);
            bb_arena_reset(&f.arena);
        }
    for (size_t size = 0; size < f.text.size; size++)
        cr_expect_eq(parse(&f, (struct bb_span){f.text.data, size}), -BB_E_BACKUP_DAMAGED,
                     "%zu bytes", size);
    fixture_release(&f);
}

Test(backup_manifest, names_stay_inside) {
    static const struct bb_span names[] = {
        BB_SPAN("../registry.db"),
        BB_SPAN("/etc/passwd"),
        BB_SPAN("log/../../x"),
        BB_SPAN("log//x"),
        BB_SPAN("./x"),
        BB_SPAN("log/."),
        BB_SPAN("x/"),
        BB_SPAN(".."),
        BB_SPAN("log\\x"),
        BB_SPAN("a\nb"),
        BB_SPAN("a b"),
        BB_SPAN(""),
        BB_SPAN("log/..."),
    };
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        f.files[0].name = names[i];
        f.made.file_count = 1;
        cr_expect_eq(parse_made(&f), -BB_E_BACKUP_DAMAGED, "%.*s", BB_SPAN_ARGS(names[i]));
    }
    f.files[0].name = BB_SPAN("log/.hidden_1-x");
    cr_expect_eq(parse_made(&f), 0, "%s", f.error.text);
    f.files[1].name = f.files[0].name;
    f.made.file_count = 2;
    cr_expect_eq(parse_made(&f), -BB_E_BACKUP_DAMAGED, "twice the same name");
    fixture_release(&f);
}

Test(backup_manifest, a_line_too_many_or_too_few_is_found) {
    static const char *const texts[] = {
        "busbar-backup 1\n",
        "busbar-backup 1 \n",
        "busbar-backup\n",
        "busbar-backup 99999999999999999999999\n",
        "busbar-backup 1\nby x\nmade 2026-03-01T00:15:00Z\nformats log 1 store 1 registry 2\n",
        "busbar-backup 1\nby x\nmade yesterday\nformats log 1 store 1 registry 2\nlog 1 partitions 0\n",
        "busbar-backup 1\nby x\nmade 2026-03-01T00:15:00Z\nformats log 1 store 1 registry 2\n"
        "log 1 partitions 5000\n",
        "busbar-backup 1\nby x\nmade 2026-03-01T00:15:00Z\nformats log 1 store 1 registry 2\n"
        "log 1 partitions 1\n",
        "another-backup 1\n",
    };
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(parse_sealed(&f, texts[i]), -BB_E_BACKUP_DAMAGED, "%s: %s", texts[i],
                     f.error.text);
    fixture_release(&f);
}
