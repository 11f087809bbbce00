/* busbar watch: takes the files that are put into a folder, as they come. What `serve` does with
 * `drop.folder`, for plants without a server.
 *
 *   folder ─► service/drop.c: complete? land, put away ─► worker drains ─► registry follows
 *
 * One thread. It owns the log for as long as it runs. */
#include "cli/human.h"
#include "cli/reading_options.h"
#include "cli/verbs.h"
#include "codec/map.h"
#include "service/drop.h"
#include "service/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

struct watch_options {
    struct bb_reading_options reading;
    int64_t quiet_ms;
    bool partial, once;
};

#define AT(field) offsetof(struct watch_options, field)

static const struct bb_option options[] = {
    BB_READING_OPTION_ROWS(AT(reading)),
    {.name = "partial",
     .kind = BB_OPTION_FLAG,
     .offset = AT(partial),
     .help = "keep the good lines of a file that has bad ones"},
    {.name = "quiet-time",
     .kind = BB_OPTION_DURATION,
     .offset = AT(quiet_ms),
     .value = "10s",
     .min = 1,
     .max = BB_DAY_MS,
     .help = "a file is complete when it has not changed for so long (default: drop.quiet)"},
    {.name = "once",
     .kind = BB_OPTION_FLAG,
     .offset = AT(once),
     .help = "take what is there, and end"},
    BB_OPTION_END};

enum {
    FILES_PER_ROUND = 64, /* landed before they are derived together */
    LOOK_MS = 500,        /* the stop flag is looked at so often */
    PAUSE_MS = 20         /* between two looks, however much happens in the folder */
};

struct watch {
    struct bb_command *command;
    const struct watch_options *given;
    struct bb_plant plant;
    struct bb_land_options land;
    struct bb_drop *drop;
    struct bb_worker *worker;
    uint64_t files, refused, known, readings, rejected;
    struct bb_decode_ignored ignored;
};

/* ---- files --------------------------------------------------------------------------------------*/

static void tell(struct watch *watch, const struct bb_drop_file *file) {
    const struct bb_land_report *report = file->report;
    const bool is_bad = report->rejected > 0;
    const struct bb_log_field fields[] = {
        bb_field_text("file", file->name),
        bb_field_text("outcome", bb_drop_outcome_name(file->outcome)),
        bb_field_number("readings", (int64_t)(report->readings + report->readings_before)),
        bb_field_number("rejected", (int64_t)report->rejected), bb_field_text("now", file->path)};

    if (report->error_count > 0)
        bb_command_complain(watch->command, &report->errors[0]);
    bb_command_note(watch->command, is_bad ? BB_LOG_WARNING : BB_LOG_INFO, "a file was dropped",
                    fields, sizeof fields / sizeof fields[0]);
}

static void count(struct watch *watch, const struct bb_drop_file *file) {
    const struct bb_land_report *report = file->report;

    watch->files += report->files;
    watch->known += file->outcome == BB_DROP_KNOWN;
    watch->refused += file->outcome == BB_DROP_REFUSED;
    watch->readings += report->readings;
    watch->rejected += report->rejected;
    bb_decode_ignored_add(&watch->ignored, &report->ignored);
}

/* What is complete, but not more than is derived at a time. The number of files looked at, or negative. */
static int take_files(struct watch *watch, struct bb_error *error) {
    struct bb_drop_file file;
    int taken = 0;

    while (taken < FILES_PER_ROUND && !*bb_stop_flag()) {
        int r = bb_drop_look(watch->drop, error);
        if (r != BB_DROP_READY)
            return r < 0 ? r : taken;
        r = bb_drop_take(watch->drop, &watch->plant, &file, error);
        if (r < 0)
            return r;
        if (r == BB_DROP_PUT_AWAY) {
            count(watch, &file);
            tell(watch, &file);
        }
        taken++;
    }
    return taken;
}

/* ---- the watch ----------------------------------------------------------------------------------*/

static int derive(struct watch *watch, struct bb_error *error) {
    const struct bb_progress_watch *progress = &watch->command->bar->watch;
    int r = bb_worker_drain(watch->worker, false, progress, error);

    if (r >= 0)
        r = bb_deliver_registry(&watch->plant, NULL, progress, error);
    bb_progress_bar_clear(watch->command->bar);
    return r;
}

static void rest(struct watch *watch) {
    struct pollfd event = {.fd = bb_drop_fd(watch->drop), .events = POLLIN};
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int wait_ms = bb_drop_wait_ms(watch->drop);

    if (wait_ms != 0)
        (void)!poll(&event, 1, wait_ms > 0 && wait_ms < LOOK_MS ? wait_ms : LOOK_MS);
    nanosleep(&pause, NULL);
}

static int watch_until_stopped(struct watch *watch, struct bb_error *error) {
    int r = derive(watch, error); /* what a run before landed and did not derive */

    while (r >= 0 && !*bb_stop_flag()) {
        r = take_files(watch, error);
        if (r > 0)
            r = derive(watch, error);
        else if (r == 0 && watch->given->once && bb_drop_waiting(watch->drop) == 0)
            break;
        else if (r == 0)
            rest(watch);
    }
    return r;
}

static void report(struct watch *watch) {
    const struct bb_worker_counts *counts = bb_worker_counts(watch->worker);
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {{"files", watch->files},
                {"files_skipped", watch->known},
                {"files_refused", watch->refused},
                {"readings", watch->readings},
                {"accepted", counts->added},
                {"duplicate", counts->duplicate},
                {"changed", counts->changed},
                {"rejected", watch->rejected},
                {"exceptions", counts->exceptions_opened}};
    struct bb_buffer *out = &watch->command->out->buffer;
    struct bb_json json = bb_command_json(watch->command);
    char number[BB_HUMAN_MAX];

    if (watch->command->globals.json)
        bb_json_object_begin(&json);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (watch->command->globals.json)
            bb_json_put_u64(&json, rows[i].name, rows[i].count);
        else if (bb_command_talks(watch->command))
            bb_buffer_format(out, "  %-13s%15s\n", rows[i].name,
                             bb_human_count(rows[i].count, number));
    }
    if (watch->command->globals.json) {
        bb_ignored_json(&watch->ignored, &json);
        bb_json_object_end(&json);
        bb_command_json_end(watch->command);
    } else if (bb_command_talks(watch->command)) {
        bb_ignored_line(&watch->ignored, "  ignored        ", out);
    }
}

static int open_drop(struct watch *watch, struct bb_error *error) {
    const struct bb_config *config = &watch->plant.config;
    const struct watch_options *given = watch->given;
    const struct bb_drop_options drop = {.folder = watch->command->arguments[0],
                                         .quiet_ms = given->quiet_ms > 0 ? given->quiet_ms
                                                                         : config->drop_quiet_ms,
                                         .held_ms = config->drop_held_ms,
                                         .land = watch->land};

    watch->command->started = false;
    int r = bb_drop_open(&drop, &watch->drop, error);
    watch->command->started = r == 0;
    return r;
}

static int watch_plant(struct watch *watch, struct bb_error *error) {
    int r = open_drop(watch, error);

    if (r == 0)
        r = bb_worker_open(&watch->plant, &watch->worker, error);
    if (r == 0)
        r = watch_until_stopped(watch, error);
    if (r >= 0)
        report(watch);
    if (watch->worker)
        bb_worker_close(watch->worker);
    bb_drop_close(watch->drop);
    return r;
}

static int run_with(struct watch *watch, struct bb_error *error) {
    struct bb_command *command = watch->command;
    struct bb_map *map = NULL;

    watch->land.form.tenant = bb_command_tenant(command);
    watch->land.partial = watch->given->partial;
    watch->land.watch = &command->bar->watch;
    int r = bb_reading_options_apply(&watch->given->reading, &watch->land, &map, error);
    if (r == 0)
        r = bb_command_open_plant(command, BB_PLANT_APPEND, &watch->plant, error);
    if (r == 0) {
        r = watch_plant(watch, error);
        bb_plant_close(&watch->plant);
    }
    bb_map_free(map);
    if (r < 0)
        return r;
    return watch->rejected > 0 ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct watch *watch = calloc(1, sizeof *watch);

    if (!watch)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to watch a folder");
    watch->command = command;
    watch->given = command->options;
    bb_stop_on_signals();
    int r = run_with(watch, error);
    free(watch);
    return r;
}

const struct bb_verb bb_verb_watch = {
    .name = "watch",
    .summary = "take the files that are put into a folder, as they come",
    .arguments = "DIR",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct watch_options),
    .examples = "busbar watch /srv/ftp/meters\n"
                "busbar watch --once --map meters.yaml deliveries\n",
    .details =
        "Any FTP or SFTP server or sync tool may put them there. A file is taken when it was renamed into\n"
        "place, or when nobody writes to it and it has not changed for a while; names with a leading dot\n"
        "and .tmp, .part, .partial, .filepart, .crdownload are left until they are renamed. It is taken\n"
        "whole, once, and moved to done/ or failed/ with a report beside it (NAME.report.json).\n"
        "`serve` does the same for `drop.folder` of busbar.yaml. Ctrl-C ends it after the file at hand.\n",
    .run = run,
};
