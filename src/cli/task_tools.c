/* What this process lends to tasks: see task_tools.h. These run on a task's thread, with a command of their own: the same options, no
 * progress bar, and nothing is printed. What a task holds here is on the heap, as its thread may outlive the command by a moment. */
#include "cli/task_tools.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/served_ask.h"
#include "cli/served_follow.h"
#include "cli/served_ingest.h"
#include "cli/task_form.h"
#include "cli/task_queue.h"
#include "codec/map.h"
#include "service/deliver.h"

struct lent {
    struct bb_command command;
    struct bb_progress_bar bar;
    char tenant[BB_NAME_MAX + 1];
};

/* A log in Kafka has one appender, and a later one fences the one before: where no server is seen, there may be one on another
 * machine. The task waits for a worker beside it. */
static int refuse_to_fence(const struct bb_command *command, struct bb_error *error) {
    struct bb_config config;
    int result = bb_task_queue_config(command, &config, error);

    if (result || !config.log_kafka.brokers[0])
        return result;
    int fd = bb_served_connect(command->globals.data);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    result = BB_FAIL(error, BB_E_LOCKED,
                     "the log is in Kafka and no server is seen here: it waits for a worker on the "
                     "machine of busbar serve");
    error->retriable = true;
    return result;
}

static int open_plant(void *context, struct bb_span tenant, enum bb_plant_mode mode,
                      struct bb_task_plant *out, struct bb_error *error) {
    const struct bb_command *command = context;
    struct lent *lent = calloc(1, sizeof *lent);

    if (!lent)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a task");
    lent->command = (struct bb_command){.verb = command->verb,
                                        .globals = command->globals,
                                        .logger = command->logger,
                                        .bar = &lent->bar};
    memcpy(lent->tenant, tenant.data, tenant.size < BB_NAME_MAX ? tenant.size : BB_NAME_MAX);
    lent->command.globals.tenant = lent->tenant;
    bb_progress_bar_init(&lent->bar, -1, false);
    out->lent = lent;
    int result = mode == BB_PLANT_APPEND ? refuse_to_fence(&lent->command, error) : 0;
    if (!result)
        result = bb_command_open_plant(&lent->command, mode, &out->plant, error);
    if (result < 0)
        free(lent);
    return result < 0 ? result : 0;
}

static void close_plant(void *context, struct bb_task_plant *plant) {
    struct lent *lent = plant->lent;

    (void)context;
    bb_plant_close(&plant->plant);
    bb_served_follow_free(lent->command.follow);
    free(lent);
}

static const char *argument_of(const void *context, const char *name) {
    return bb_task_text(context, name);
}

static int land(void *context, struct bb_task_plant *plant, const char *path,
                const struct bb_task_run *run, struct bb_land_report *report,
                struct bb_error *error) {
    struct lent *lent = plant->lent;
    struct bb_ingest_run *ingest = calloc(1, sizeof *ingest);
    struct bb_map *map = NULL;

    (void)context;
    if (!ingest)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read a file");
    ingest->command = &lent->command;
    ingest->plant = &plant->plant;
    ingest->land.partial = bb_task_flag(run, "partial");
    ingest->land.interrupted = bb_task_end_flag(run);
    int result = bb_task_form(argument_of, run, &ingest->land, &map, error);
    ingest->land.form.tenant = bb_span_of(lent->tenant);
    if (!result) {
        result = lent->command.is_served
                     ? bb_served_land(ingest, path, error)
                     : bb_land_file(&plant->plant, path, &ingest->land, &ingest->report, error);
        *report = ingest->report;
        if (result == 0 && report->rejected > 0)
            result = BB_LAND_REFUSED;
    }
    bb_ingest_run_release(ingest);
    bb_map_free(map);
    free(ingest);
    return result;
}

/* Told to end, it commits what it has. */
static int derive(struct lent *lent, struct bb_plant *plant, struct bb_task_run *run,
                  struct bb_error *error) {
    struct bb_worker *worker;
    int result = bb_worker_open(plant, &worker, error);

    if (result < 0)
        return result;
    bb_worker_stop_at(worker, bb_task_end_flag(run));
    result = bb_worker_drain(worker, false, &lent->bar.watch, error);
    bb_worker_close(worker);
    if (result >= 0)
        result = bb_task_look(run, error);
    return result < 0 ? result : bb_deliver_registry(plant, NULL, &lent->bar.watch, error);
}

static int follow(void *context, struct bb_task_plant *plant, struct bb_task_run *run,
                  struct bb_error *error) {
    struct lent *lent = plant->lent;
    struct bb_worker_counts counts;
    int result = lent->command.is_served
                     ? bb_served_follow(&lent->command, &plant->plant, &counts, error)
                     : derive(lent, &plant->plant, run, error);

    (void)context;
    return result < 0 ? result : 0;
}

/* By whoever put the task. */
static int change(void *context, struct bb_task_plant *plant, const struct bb_task_run *run,
                  const struct bb_task_change *what, struct bb_error *error) {
    struct lent *lent = plant->lent;
    struct bb_registry *registry = plant->plant.registry;
    struct bb_cli_act act;

    (void)context;
    bb_cli_act_init(&act, what->verb);
    act.by = bb_task_of(run)->by.data; /* texts of a task end in a NUL */
    act.reason = bb_span_of(what->reason ? what->reason : "");
    bb_buffer_format(&act.subject, "%s", what->subject);
    int result = bb_cli_act_begin(&act, &lent->command, registry, error);
    if (!result) {
        result = what->work(what->context, error);
        result = bb_cli_act_end(&act, &lent->command, registry, result);
    }
    bb_cli_act_release(&act);
    return result;
}

const struct bb_task_tools bb_cli_task_tools = {
    .open = open_plant, .close = close_plant, .land = land, .follow = follow, .change = change};
