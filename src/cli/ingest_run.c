/* The work of `ingest`: see ingest_run.h. One thread. */
#include "cli/ingest_run.h"

#include "cli/served_follow.h"
#include "cli/served_ingest.h"

#include "service/retention.h"

static void show_new_errors(struct bb_ingest_run *run) {
    for (; run->errors_shown < run->report.error_count; run->errors_shown++)
        bb_command_complain(run->command, &run->report.errors[run->errors_shown]);
}

static void count_unreadable(struct bb_land_report *report, const struct bb_error *why) {
    report->rejected++;
    if (report->error_count < BB_LAND_ERRORS_KEPT)
        report->errors[report->error_count++] = *why;
}

/* Every argument is looked at; one that names nothing is told like a refused file. */
static int find_files(struct bb_ingest_run *run, char *const *arguments, size_t argument_count,
                      struct bb_error *error) {
    for (size_t i = 0; i < argument_count; i++) {
        int r = bb_input_files_add(&run->files, arguments[i], error);
        if (r == -(int)BB_E_NO_MEMORY)
            return r;
        if (r < 0)
            count_unreadable(&run->report, error);
    }
    show_new_errors(run);
    return 0;
}

static int land_files(struct bb_ingest_run *run, struct bb_error *error) {
    struct bb_progress_bar *bar = run->command->bar;

    bb_progress_bar_restart(bar, NULL);
    if (!run->files.size_unknown)
        bar->total_override = run->files.size_bytes;
    for (size_t i = 0; i < run->files.count; i++) {
        const char *path = run->files.items[i].path;
        int r = run->command->is_served
                    ? bb_served_land(run, path, error)
                    : bb_land_file(run->plant, path, &run->land, &run->report, error);
        show_new_errors(run);
        if (r < 0)
            return r;
        bar->done_before += run->files.items[i].size_bytes;
    }
    return 0;
}

static void tell_sink(void *context, const struct bb_sink *sink, const struct bb_error *error) {
    struct bb_command *command = context;
    const struct bb_log_field field = bb_field_text("sink", sink->label);

    if (!error)
        return;
    bb_command_note(command, BB_LOG_WARNING,
                    "a sink could not be delivered to; what it lacks is kept for it", &field, 1);
    bb_command_complain(command, error);
}

/* Whoever follows the changes is told of what this command did; one that is away is no failure of it. */
static int deliver_once(struct bb_command *command, struct bb_plant *plant,
                        struct bb_error *error) {
    struct bb_delivery *delivery;
    int r = bb_plant_follow(plant, error);

    if (r >= 0)
        r = bb_delivery_open(plant, NULL, tell_sink, command, &delivery, error);
    if (r < 0)
        return r;
    r = bb_delivery_run(delivery, error);
    bb_delivery_close(delivery);
    return r < 0 ? r : 0;
}

int bb_catch_up(struct bb_command *command, struct bb_plant *plant, struct bb_worker_counts *counts,
                struct bb_error *error) {
    struct bb_worker *worker;
    int r;

    if (command->is_served)
        return bb_served_follow(command, plant, counts, error);
    bb_progress_bar_restart(command->bar, NULL);
    r = bb_worker_open(plant, &worker, error);
    if (r < 0)
        return r;
    r = bb_worker_drain(worker, false, &command->bar->watch, error);
    *counts = *bb_worker_counts(worker);
    const struct bb_error *trouble = bb_worker_archive_trouble(worker);
    if (trouble)
        bb_command_complain(command, trouble);
    bb_worker_close(worker);
    if (r >= 0)
        r = bb_deliver_registry(plant, NULL, &command->bar->watch, error);
    return r < 0 ? r : deliver_once(command, plant, error);
}

/* What everybody has read and is older than log.retention. */
static int give_up_old(struct bb_ingest_run *run, struct bb_error *error) {
    uint64_t bytes;
    int r = bb_retention_apply_all(run->plant, bb_clock_system(), &bytes, error);

    if (bytes > 0) {
        const struct bb_log_field field = bb_field_number("bytes", (int64_t)bytes);
        bb_command_note(run->command, BB_LOG_INFO, "the log's oldest segments were given up",
                        &field, 1);
    }
    return r;
}

int bb_ingest_run(struct bb_ingest_run *run, char *const *arguments, size_t argument_count,
                  struct bb_error *error) {
    int64_t began_ns = bb_monotonic_ns();
    int r = find_files(run, arguments, argument_count, error);

    if (r == 0 && run->command->is_served) /* what exceptions there are before */
        r = bb_served_follow(run->command, run->plant, &run->counts, error);
    if (r == 0)
        r = land_files(run, error);
    if (r == 0)
        r = bb_catch_up(run->command, run->plant, &run->counts, error);
    if (r == 0)
        r = run->command->is_served ? bb_served_count(run, error) : give_up_old(run, error);
    run->seconds = (double)(bb_monotonic_ns() - began_ns) / 1e9;
    bb_progress_bar_clear(run->command->bar);
    return r;
}

void bb_ingest_run_release(struct bb_ingest_run *run) {
    bb_input_files_release(&run->files);
    bb_served_taken_free(run->taken);
}
