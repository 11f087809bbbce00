/* busbar registry apply: shows the change before it is made, makes it, recomputes what it touches. */
#include "cli/registry_apply.h"
#include "cli/audit.h"

#include "adapter/embedded.h"
#include "answer/master_json.h"
#include "answer/registry_json.h"
#include "cli/human.h"
#include "cli/ingest_run.h"
#include "service/master.h"
#include "service/registry_file.h"
#include "service/registry_turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_CHUNK_BYTES = 1 << 20, TURN_MS = 120000 };
static const size_t arena_limit_bytes = (size_t)4 << 30;

struct applying {
    struct bb_command *command;
    const struct bb_registry_options *given;
    const char *path;
    struct bb_buffer text;
    struct bb_arena arena;
    struct bb_plant plant;
    struct bb_registry_file file;
    struct bb_registry_changes changes;
    struct bb_worker_counts counts;
    double seconds;
};

static int read_whole(struct applying *applying, int fd, struct bb_error *error) {
    enum { PIECE_BYTES = 1 << 16 };

    for (;;) {
        if (!bb_buffer_reserve(&applying->text, PIECE_BYTES))
            return BB_FAIL(error, BB_E_REGISTRY_INVALID,
                           "%s is larger than a registry file may be (1 GiB)", applying->path);
        ssize_t got = read(fd, applying->text.data + applying->text.size, PIECE_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read %s",
                                 applying->path);
        if (got == 0)
            return 0;
        applying->text.size += (size_t)got;
    }
}

static int read_file(struct applying *applying, struct bb_error *error) {
    bool from_stdin = strcmp(applying->path, "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(applying->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", applying->path);
    int r = read_whole(applying, fd, error);
    if (!from_stdin)
        close(fd);
    return r;
}

/* A dry run makes nothing, not even the folder. */
static int open_plant(struct applying *applying, struct bb_error *error) {
    enum bb_plant_mode mode = applying->given->dry_run ? BB_PLANT_READ : BB_PLANT_APPEND;
    int r = bb_command_open_plant(applying->command, mode, &applying->plant, error);

    if (r != -(int)BB_E_DATA_MISSING || !applying->given->dry_run)
        return r;
    applying->command->started = true;
    applying->plant.zones = bb_zone_set_new();
    if (!applying->plant.zones)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for time zones");
    return bb_registry_memory_open(&applying->plant.registry, error);
}

static int compare(struct applying *applying, struct bb_error *error) {
    const struct bb_registry_file_options how = {
        .tenant = bb_command_tenant(applying->command),
        .source = applying->path,
        .format = (enum bb_registry_format)applying->given->format,
        .zones = applying->plant.zones};
    int r = bb_registry_file_parse(bb_buffer_span(&applying->text), &how, &applying->arena,
                                   &applying->file, error);

    if (r == 0)
        r = bb_registry_file_compare(applying->plant.registry, &applying->file, applying->path,
                                     &applying->arena, &applying->changes, error);
    return r;
}

/* Shown, and on its way to the terminal, before anything is made. */
static void show_changes(struct applying *applying) {
    struct bb_buffer *out = &applying->command->out->buffer;
    char added[BB_HUMAN_MAX], changed[BB_HUMAN_MAX], unchanged[BB_HUMAN_MAX];

    for (uint32_t i = 0; i < applying->changes.count; i++) {
        const struct bb_registry_change *change = &applying->changes.items[i];
        if (change->kind == BB_REGISTRY_UNCHANGED)
            continue;
        bb_buffer_format(out, "%s %s %.*s\n", change->kind == BB_REGISTRY_ADDED ? "+" : "~",
                         bb_master_kind_name(&change->entry->master),
                         BB_SPAN_ARGS(bb_master_name(&change->entry->master)));
        for (uint32_t line = 0; line < change->line_count; line++)
            bb_buffer_format(out, "    %.*s\n", BB_SPAN_ARGS(change->lines[line]));
        if (!bb_output_spill(applying->command->out))
            return;
    }
    bb_buffer_format(out, "%s added, %s changed, %s unchanged\n",
                     bb_human_count(applying->changes.added, added),
                     bb_human_count(applying->changes.changed, changed),
                     bb_human_count(applying->changes.unchanged, unchanged));
    bb_output_flush(applying->command->out);
}

/* ---- making it ------------------------------------------------------------------------------------*/

static int append_changes(struct applying *applying, struct bb_error *error) {
    struct bb_master *entries = calloc(applying->changes.count + 1, sizeof *entries);
    size_t count = 0;

    if (!entries)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u entries", applying->changes.count);
    for (uint32_t i = 0; i < applying->changes.count; i++)
        if (applying->changes.items[i].kind != BB_REGISTRY_UNCHANGED)
            entries[count++] = applying->changes.items[i].entry->master;
    int r = bb_master_append(&applying->plant, entries, count, bb_clock_system(), error);
    free(entries);
    return r;
}

/* How many entries and from where, not what is in them: that may be about people. */
static int append_audited(struct applying *applying, struct bb_error *error) {
    const struct bb_registry_changes *changes = &applying->changes;
    struct bb_registry *registry = applying->plant.registry;
    struct bb_cli_act act;

    bb_cli_act_init(&act, "registry apply");
    bb_buffer_format(&act.subject, "%s: %llu added, %llu changed", applying->path,
                     (unsigned long long)changes->added, (unsigned long long)changes->changed);
    int r = bb_cli_act_begin(&act, applying->command, registry, error);
    if (r == 0) {
        r = append_changes(applying, error);
        r = bb_cli_act_end(&act, applying->command, registry, r);
    }
    bb_cli_act_release(&act);
    return r;
}

static void report_as_json(const struct applying *applying) {
    struct bb_json json = bb_command_json(applying->command);
    const struct bb_registry_changes *changes = &applying->changes;

    bb_json_object_begin(&json);
    bb_registry_put_counts(&json, changes);
    bb_json_put_bool(&json, "applied", !applying->given->dry_run);
    if (!applying->command->is_served)
        bb_json_put_u64(&json, "blocks", applying->counts.blocks);
    bb_json_put_u64(&json, "exceptions_opened", applying->counts.exceptions_opened);
    bb_json_put_u64(&json, "exceptions_closed", applying->counts.exceptions_closed);
    bb_json_put_double(&json, "seconds", applying->seconds);
    bb_json_key(&json, "changes");
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct bb_registry_change *change = &changes->items[i];
        if (change->kind == BB_REGISTRY_UNCHANGED)
            continue;
        bb_registry_put_change(&json, change);
        bb_output_spill(applying->command->out);
    }
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    bb_command_json_end(applying->command);
}

static void report_to_people(const struct applying *applying) {
    struct bb_buffer *out = &applying->command->out->buffer;
    char blocks[BB_HUMAN_MAX], seconds[BB_HUMAN_MAX], opened[BB_HUMAN_MAX], closed[BB_HUMAN_MAX];

    if (applying->given->dry_run) {
        bb_buffer_format(out,
                         "nothing was made of it (--dry-run)\nnext: busbar registry apply %s\n",
                         applying->path);
        return;
    }
    bb_buffer_format(out, "recomputed ");
    if (!applying->command->is_served) /* else its workers know how many */
        bb_buffer_format(out, "%s blocks ", bb_human_count(applying->counts.blocks, blocks));
    bb_buffer_format(out, "in %s: %s exceptions opened, %s closed\n",
                     bb_human_seconds(applying->seconds, seconds),
                     bb_human_count(applying->counts.exceptions_opened, opened),
                     bb_human_count(applying->counts.exceptions_closed, closed));
    bb_buffer_format(out, "next: busbar list usage-points\n");
}

static int apply_in_turn(struct applying *applying, struct bb_error *error) {
    int64_t began_ns = bb_monotonic_ns();
    bool dry_run = applying->given->dry_run;
    struct bb_command *command = applying->command;
    /* what an interrupted run has left is finished first, so that nothing is applied twice */
    int r = dry_run ? 0 : bb_catch_up(command, &applying->plant, &applying->counts, error);

    if (r == 0)
        r = compare(applying, error);
    if (r < 0)
        return r;
    if (bb_command_talks(command))
        show_changes(applying);
    if (!dry_run)
        r = append_audited(applying, error);
    if (r == 0 && !dry_run)
        r = bb_catch_up(command, &applying->plant, &applying->counts, error);
    applying->seconds = (double)(bb_monotonic_ns() - began_ns) / 1e9;
    bb_progress_bar_clear(command->bar);
    if (r < 0)
        return r;
    if (command->globals.json)
        report_as_json(applying);
    else if (bb_command_talks(command))
        report_to_people(applying);
    return BB_EXIT_DONE;
}

static int apply_opened(struct applying *applying, struct bb_error *error) {
    int turn, r;

    if (applying->given->dry_run)
        return apply_in_turn(applying, error);
    r = bb_registry_turn_take(&applying->plant, TURN_MS, &turn, error);
    if (r == 0)
        r = apply_in_turn(applying, error);
    bb_registry_turn_end(turn);
    return r;
}

int bb_registry_apply(struct bb_command *command, struct bb_error *error) {
    struct applying *applying = calloc(1, sizeof *applying);

    if (!applying)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    applying->command = command;
    applying->given = command->options;
    applying->path = command->arguments[1];
    bb_buffer_init(&applying->text, BB_REGISTRY_FILE_MAX_BYTES);
    bb_arena_init(&applying->arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int r = read_file(applying, error);
    if (r == 0)
        r = open_plant(applying, error);
    if (r == 0)
        r = apply_opened(applying, error);
    bb_plant_close(&applying->plant);
    bb_arena_release(&applying->arena);
    bb_buffer_release(&applying->text);
    free(applying);
    return r;
}
