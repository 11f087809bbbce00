/* Generating into a folder: what is written, and what is refused. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "service/generate.h"

enum { PATH_SIZE = 256 };

/* ---- helpers -------------------------------------------------------------------------------- */

static void make_folder(char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "/tmp/busbar-generate-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

static void remove_folder(const char *path) {
    char file[PATH_SIZE * 2];
    DIR *folder = opendir(path);

    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        (void)unlink(file);
    }
    if (folder)
        closedir(folder);
    (void)rmdir(path);
}

static long file_size(const char *folder, const char *name) {
    char path[PATH_SIZE * 2];
    struct stat about;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &about) == 0 ? (long)about.st_size : -1;
}

static void load(const char *folder, const char *name, struct bb_buffer *text) {
    char path[PATH_SIZE * 2], piece[4096];
    size_t got;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        bb_buffer_append(text, piece, got);
    fclose(file);
}

static struct bb_generate_options options_for(const char *folder) {
    struct bb_generate_options options = {.directory = folder};

    bb_city_options_default(&options.city);
    options.city.days = 2;
    options.city.meters = 40;
    options.city.fault_ppm = 250000;
    return options;
}

static void run(const struct bb_generate_options *options) {
    struct bb_error error = {0};

    cr_assert_eq(bb_generate_run(options, &error), 0, "%s", error.text);
}

static bool contains(const struct bb_buffer *text, const char *word) {
    return memmem(text->data, text->size, word, strlen(word)) != NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

Test(generate, a_folder_holds_readings_registry_and_truth) {
    char folder[PATH_SIZE];
    struct bb_buffer text;
    struct bb_generate_report report;
    make_folder(folder);
    struct bb_generate_options options = options_for(folder);
    options.report = &report;

    run(&options);
    cr_expect_eq(report.files, 1);
    cr_expect_eq(report.faults, 10);
    cr_expect_eq(file_size(folder, "readings-0001.ndjson"), (long)report.bytes);
    bb_buffer_init(&text, 1 << 20);
    load(folder, "registry.yaml", &text);
    cr_expect(contains(&text, "usage_points:\n  - name: \"871685900000000011\"\n"));
    cr_expect(contains(&text, "{name: nl, zone: Europe/Amsterdam"));
    cr_expect(contains(&text, "closing: {\"1-0:1.8.0\": "), "one meter is exchanged");
    bb_buffer_clear(&text);
    load(folder, "truth.json", &text);
    cr_expect(contains(&text, "{\"seed\":1,\"meters\":40,\"from\":\"2026-03-19T23:00:00Z\","
                              "\"to\":\"2026-03-21T23:00:00Z\",\"faults\":["));
    bb_buffer_release(&text);
    remove_folder(folder);
}

/* Put together again, parts are the whole, but for the headers. */
Test(generate, parts_are_bounded_and_together_the_whole) {
    char folder[PATH_SIZE];
    struct bb_buffer whole, parts;
    struct bb_generate_report report;
    make_folder(folder);
    struct bb_generate_options options = options_for(folder);
    options.city.days = 30;
    options.report = &report;

    run(&options);
    bb_buffer_init(&whole, 64 << 20);
    bb_buffer_init(&parts, 64 << 20);
    load(folder, "readings-0001.ndjson", &whole);
    options.replace = true;
    options.part_bytes = 2 << 20;
    run(&options);
    cr_assert_gt(report.files, 5);
    for (unsigned part = 1; part <= report.files; part++) {
        char name[64];
        snprintf(name, sizeof name, "readings-%04u.ndjson", part);
        cr_expect_leq(file_size(folder, name), 2 << 20);
        load(folder, name, &parts);
        cr_expect_eq(parts.data[parts.size - 1], '\n', "parts end with a line");
    }
    cr_expect(bb_span_equal(bb_buffer_span(&whole), bb_buffer_span(&parts)));
    bb_buffer_release(&whole);
    bb_buffer_release(&parts);
    remove_folder(folder);
}

Test(generate, every_part_of_nem12_is_a_file_of_its_own) {
    char folder[PATH_SIZE];
    struct bb_generate_report report;
    make_folder(folder);
    struct bb_generate_options options = options_for(folder);
    options.city.format = BB_CITY_NEM12;
    options.city.days = 60;
    options.part_bytes = 1 << 20;
    options.report = &report;

    run(&options);
    cr_assert_gt(report.files, 1);
    for (unsigned part = 1; part <= report.files; part++) {
        struct bb_buffer text;
        char name[64];
        snprintf(name, sizeof name, "readings-%04u.nem12", part);
        bb_buffer_init(&text, 2 << 20);
        load(folder, name, &text);
        cr_expect(bb_span_starts_with(bb_buffer_span(&text), BB_SPAN("100,NEM12,")));
        cr_expect(bb_span_ends_with(bb_buffer_span(&text), BB_SPAN("\n900\n")));
        bb_buffer_release(&text);
    }
    remove_folder(folder);
}

Test(generate, a_folder_that_is_not_empty_is_refused_unless_allowed) {
    char folder[PATH_SIZE];
    struct bb_error error = {0};
    make_folder(folder);
    struct bb_generate_options options = options_for(folder);

    options.part_bytes = 300 << 10;
    run(&options);
    cr_expect_geq(file_size(folder, "readings-0002.ndjson"), 0);
    options.city.meters = 20;
    cr_expect_eq(bb_generate_run(&options, &error), -BB_E_USAGE);
    cr_expect_geq(file_size(folder, "readings-0002.ndjson"), 0, "nothing was touched");
    options.replace = true;
    options.part_bytes = 0;
    run(&options);
    cr_expect_eq(file_size(folder, "readings-0002.ndjson"), -1, "no part of the old city stays");
    remove_folder(folder);
}

Test(generate, a_folder_that_cannot_be_made_is_an_error) {
    struct bb_error error = {0};
    struct bb_generate_options options = options_for("/proc/no-such-folder");

    cr_expect_lt(bb_generate_run(&options, &error), 0);
    cr_expect_neq(error.text[0], '\0');
}

Test(generate, a_stream_is_the_same_bytes_and_a_full_disk_is_told) {
    char folder[PATH_SIZE], path[PATH_SIZE * 2];
    struct bb_error error = {0};
    struct bb_buffer file, stream;
    make_folder(folder);
    struct bb_generate_options options = options_for(folder);

    run(&options);
    snprintf(path, sizeof path, "%s/stream", folder);
    options.directory = NULL;
    options.fd = open(path, O_WRONLY | O_CREAT, 0600);
    run(&options);
    close(options.fd);
    bb_buffer_init(&file, 8 << 20);
    bb_buffer_init(&stream, 8 << 20);
    load(folder, "readings-0001.ndjson", &file);
    load(folder, "stream", &stream);
    cr_expect(bb_span_equal(bb_buffer_span(&file), bb_buffer_span(&stream)));
    bb_buffer_release(&file);
    bb_buffer_release(&stream);
    remove_folder(folder);

    options.fd = open("/dev/full", O_WRONLY);
    cr_expect_eq(bb_generate_run(&options, &error), -BB_E_DISK_FULL);
    close(options.fd);
}
