/* busbar worker --stage derive|deliver|tasks: one worker of a plant that another process feeds. */
#include "service/worker.h"
#include "base/backoff.h"
#include "base/log_tail.h"
#include "cli/human.h"
#include "cli/task_work.h"
#include "cli/verbs.h"
#include "service/engines.h"
#include "service/metric.h"
#include "service/pace.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

struct worker_options {
    int stage;
    int64_t idle_exit_ms;
    bool live;
    const char *share;
    int64_t parent;
    int64_t metrics;
    int64_t log_tail;
};
enum stage { STAGE_DECODE = 0, STAGE_DERIVE, STAGE_DELIVER, STAGE_TASKS };

#define AT(field) offsetof(struct worker_options, field)

static const struct bb_option options[] = {
    {.name = "stage",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(stage),
     .value = "decode|derive|deliver|tasks",
     .initial = "derive",
     .help = "what it does"},
    {.name = "idle-exit",
     .kind = BB_OPTION_DURATION,
     .offset = AT(idle_exit_ms),
     .value = "SECONDS",
     .max = 366 * (int64_t)BB_DAY_MS,
     .help = "end when nothing came for so long (default: never)"},
    {.name = "live",
     .kind = BB_OPTION_FLAG,
     .offset = AT(live),
     .help = "commit what is there after the freshness limit, also under a backlog"},
    {.name = "share",
     .kind = BB_OPTION_TEXT,
     .offset = AT(share),
     .value = "I/N",
     .help =
         "the I-th of N fixed shares of the partitions (default: as the consumer group has it, or all)"},
    {.name = "parent",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(parent),
     .value = "PID",
     .initial = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "end when the process that started it, of this number, has ended"},
    {.name = "metrics",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(metrics),
     .value = "FD",
     .initial = "-1",
     .min = -1,
     .max = INT32_MAX,
     .help = "count for /metrics of that process, in memory that it left open"},
    {.name = "log-tail",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(log_tail),
     .value = "FD",
     .initial = "-1",
     .min = -1,
     .max = INT32_MAX,
     .help = "keep the last lines of the log for that process, likewise"},
    BB_OPTION_END};

enum {
    WAIT_MS = 500,
    STEP_MS = 200,       /* between looks at a log that grows, and at whether to stop */
    ASIDE_BLOCKS = 1000, /* fewer are committed while one would begin a thread */
    PAUSE_MIN_MS = 200,  /* after a failure that may pass; doubled by each that follows */
    PAUSE_MAX_MS = 30 * BB_SECOND_MS
};

struct work {
    struct bb_command *command;
    const struct worker_options *given;
    struct bb_plant plant;
    struct bb_worker *worker; /* NULL in the stage deliver */
    struct bb_delivery *delivery;
    struct bb_assignment *assignment;
    bool *mine;     /* by partition */
    bool is_shared; /* with others that come and go: look up often */
    struct bb_random random;
    uint32_t failures;     /* in a row */
    uint64_t handled;      /* readings seen at the last look */
    uint64_t fenced;       /* partitions lost, likewise */
    int64_t rest_until_ms; /* before the next; 0: it does not rest */
    int64_t still_ms;      /* for how long the log has not grown */
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* Live, what comes in the next moments is taken along (service/pace.h), unless nothing comes any more. */
static bool rests(struct work *work) {
    const int64_t fresh_ms = work->plant.config.commit_freshness_ms;

    if (now_ms() >= work->rest_until_ms || work->still_ms >= bb_pace_still_ms(fresh_ms))
        work->rest_until_ms = 0;
    return work->rest_until_ms > 0;
}

/* The log has grown. */
static void rest_on(struct work *work) {
    const int64_t fresh_ms = work->plant.config.commit_freshness_ms;
    const int64_t took_ms = work->worker ? bb_worker_round_ms(work->worker) : 0;

    if (work->rest_until_ms == 0)
        work->rest_until_ms = now_ms() + bb_pace_rest_ms(took_ms, fresh_ms);
    const int64_t left_ms = work->rest_until_ms - now_ms();
    if (left_ms > 0)
        usleep((useconds_t)(left_ms < STEP_MS ? left_ms : STEP_MS) * 1000);
}

static void note_fenced(struct work *work) {
    uint64_t fenced = work->worker ? bb_worker_counts(work->worker)->fenced : 0;
    const struct bb_log_field fields[] = {
        bb_field_decision("fenced"),
        bb_field_number("partitions", (int64_t)(fenced - work->fenced))};

    if (fenced > work->fenced)
        bb_command_note(work->command, BB_LOG_INFO,
                        "partitions were left to another worker, which has claimed them", fields,
                        2);
    work->fenced = fenced;
}

/* All there is to do now, in this stage; the registry and sinks follow either way. */
static int work_once(struct work *work, struct bb_error *error) {
    const struct bb_progress_watch *watch = &work->command->bar->watch;
    const bool is_live = work->given->live || work->is_shared;
    const bool drains = work->worker && !rests(work);
    int r = drains ? bb_worker_drain(work->worker, is_live, watch, error) : 0;
    const bool has_more = r == BB_WORKER_MORE;

    note_fenced(work);
    const struct bb_error *trouble = work->worker ? bb_worker_archive_trouble(work->worker) : NULL;
    if (trouble)
        bb_command_complain(work->command, trouble);
    const bool is_damaged = r == -(int)BB_E_LOG_CORRUPT; /* of one partition: others have come on */
    struct bb_error ignored;
    if (r == BB_WORKER_DAMAGED)
        bb_command_complain(work->command, error);
    int delivered = r >= 0 || is_damaged ? bb_deliver_registry(&work->plant, work->mine, watch,
                                                               is_damaged ? &ignored : error)
                                         : 0;
    if (delivered >= 0 && r >= 0) {
        int followed = bb_delivery_run(work->delivery, error);
        delivered = followed < 0 ? followed : delivered;
    }
    bb_progress_bar_clear(work->command->bar);
    return r < 0 ? r : delivered < 0 ? delivered : has_more;
}

static bool anything_new(struct work *work) {
    uint64_t handled = work->worker ? bb_worker_counts(work->worker)->readings : 0;
    bool is_new = handled != work->handled;

    work->handled = handled;
    return is_new;
}

/* The log, the store or the registry is away, or slow. What is not committed is taken from the log again. */
static void back_off(struct work *work, const struct bb_error *error) {
    const volatile bool *stop = bb_stop_flag();

    if (work->failures++ == 0)
        bb_command_complain(work->command, error);
    int64_t pause_ms = bb_backoff_ms(work->failures, PAUSE_MIN_MS, PAUSE_MAX_MS, &work->random);
    for (; pause_ms > 0 && !*stop; pause_ms -= STEP_MS)
        usleep((useconds_t)(pause_ms < STEP_MS ? pause_ms : STEP_MS) * 1000);
}

static void note_recovered(struct work *work) {
    const struct bb_log_field fields[] = {bb_field_decision("recovered"),
                                          bb_field_number("tries", work->failures)};

    if (work->failures > 0)
        bb_command_note(work->command, BB_LOG_INFO, "what had failed is there again", fields, 2);
    work->failures = 0;
}

static void tell_delivery(void *context, const struct bb_sink *sink, const struct bb_error *error) {
    struct work *work = context;
    const struct bb_log_field fields[] = {bb_field_decision(error ? "sink-waits" : "sink-follows"),
                                          bb_field_text("sink", sink->label)};

    bb_command_note(work->command, error ? BB_LOG_WARNING : BB_LOG_INFO,
                    error ? "a sink cannot be delivered to; it is tried again"
                          : "a sink is delivered to again",
                    fields, 2);
    if (error)
        bb_command_complain(work->command, error);
}

/* How long nothing may be looked at again. */
static int wait_ms(const struct work *work, int64_t idle_left_ms) {
    const int64_t still_ms = bb_pace_still_ms(work->plant.config.commit_freshness_ms) -
                             work->still_ms;
    const int64_t rest_ms = work->rest_until_ms > 0 ? work->rest_until_ms - now_ms() : WAIT_MS;
    const int64_t all[] = {bb_delivery_pause_ms(work->delivery), idle_left_ms, rest_ms,
                           work->rest_until_ms > 0 ? still_ms : WAIT_MS};
    int64_t ms = WAIT_MS;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ms = all[i] < ms ? all[i] : ms;
    return ms > 0 ? (int)ms : 0;
}

/* Until the log has grown (0) or it is time to look (1). */
static int wait_for_log(struct work *work, int64_t idle_left_ms, struct bb_error *error) {
    const int64_t begin_ms = now_ms();
    int r = work->plant.log->ops->wait(work->plant.log, wait_ms(work, idle_left_ms), error);

    work->still_ms = r == 0 ? 0 : work->still_ms + now_ms() - begin_ms;
    if (r == 0 && work->given->live)
        rest_on(work);
    return r;
}

/* Partitions that come and go. What is revoked is not in the midst of anything here. */
static int look_at_assignment(struct work *work, struct bb_error *error) {
    const struct bb_assignment_ops *ops = work->assignment->ops;
    const uint32_t *partitions;
    size_t count;
    int r;

    while ((r = ops->poll(work->assignment, 0, &partitions, &count, error)) > 0) {
        for (size_t i = 0; i < count; i++)
            work->mine[partitions[i]] = r == BB_ASSIGNMENT_GAINED;
        const struct bb_log_field fields[] = {
            bb_field_decision(r == BB_ASSIGNMENT_GAINED ? "partitions-gained" : "partitions-given"),
            bb_field_number("partitions", (int64_t)count)};
        if (work->is_shared)
            bb_command_note(work->command, BB_LOG_INFO, "the consumer group has shared out", fields,
                            2);
        if (r == BB_ASSIGNMENT_REVOKED && (r = ops->release(work->assignment, error)) < 0)
            break;
    }
    return r;
}

/* For people and scalers that look at lag from outside; a failure is no reason to stop. */
static void tell_positions(struct work *work) {
    struct bb_position at;
    struct bb_error ignored;

    for (uint32_t i = 0; work->worker && i < work->plant.log->partitions; i++)
        if (work->mine[i] && bb_worker_position(work->worker, i, &at))
            (void)work->assignment->ops->hint(work->assignment, i, at.offset, &ignored);
}

static int open_assignment(struct work *work, uint32_t number, uint32_t count,
                           struct bb_error *error) {
    const struct bb_engine_needs needs = {.directory = work->plant.directory,
                                          .config = &work->plant.config};
    const struct bb_engine_share share = {.stage = work->given->stage == STAGE_DERIVE ? "derive"
                                                                                      : "deliver",
                                          .number = number,
                                          .count = count,
                                          .partitions = work->plant.log->partitions};

    work->mine = calloc(share.partitions, sizeof work->mine[0]);
    if (!work->mine)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a worker's share");
    work->is_shared = number == 0 && work->plant.config.log_kafka.brokers[0] != 0;
    return bb_engine_assignment_open(&needs, &share, &work->assignment, error);
}

static void close_assignment(struct work *work) {
    struct bb_error ignored;

    if (work->assignment) {
        (void)work->assignment->ops->leave(work->assignment, &ignored);
        work->assignment->ops->close(work->assignment);
    }
    free(work->mine);
}

static int work_until_stopped(struct work *work, struct bb_error *error) {
    const volatile bool *stop = bb_stop_flag();
    int64_t idle_since_ns = bb_monotonic_ns();

    while (!*stop) {
        int r = look_at_assignment(work, error);
        if (r >= 0)
            r = work_once(work, error);
        if (r < 0 && error->retriable) {
            back_off(work, error);
            continue;
        }
        if (r < 0)
            return r;
        note_recovered(work);
        tell_positions(work);
        if (r > 0) {
            idle_since_ns = bb_monotonic_ns();
            continue; /* there is more */
        }
        int64_t now_ns = bb_monotonic_ns();
        if (anything_new(work) || work->rest_until_ms > 0)
            idle_since_ns = now_ns;
        int64_t idle_ms = (now_ns - idle_since_ns) / 1000000, limit_ms = work->given->idle_exit_ms;
        if (limit_ms > 0 && idle_ms >= limit_ms)
            return 0;
        int64_t left_ms = limit_ms > 0 ? limit_ms - idle_ms : WAIT_MS;
        r = wait_for_log(work, left_ms, error);
        if (r < 0 && error->retriable)
            continue; /* the next look says so */
        if (r < 0)
            return r;
    }
    return 0;
}

struct sum_row {
    const char *name;
    uint64_t count;
};

static void report_sums(struct bb_command *command, const struct sum_row *rows, size_t count) {
    struct bb_json json = bb_command_json(command);
    char number[BB_HUMAN_MAX];

    if (command->globals.json)
        bb_json_object_begin(&json);
    for (size_t i = 0; i < count; i++) {
        if (command->globals.json)
            bb_json_put_u64(&json, rows[i].name, rows[i].count);
        else if (!command->globals.quiet)
            bb_buffer_format(&command->out->buffer, "  %-12s%15s\n", rows[i].name,
                             bb_human_count(rows[i].count, number));
    }
    if (command->globals.json) {
        bb_json_object_end(&json);
        bb_command_json_end(command);
    }
}

static void report(const struct work *work) {
    const struct bb_worker_counts none = {0};
    const struct bb_worker_counts *counts = work->worker ? bb_worker_counts(work->worker) : &none;
    const struct sum_row rows[] = {{"readings", counts->readings},
                                   {"accepted", counts->added},
                                   {"duplicate", counts->duplicate},
                                   {"changed", counts->changed},
                                   {"exceptions", counts->exceptions_opened},
                                   {"commits", counts->commits},
                                   {"blocks", counts->blocks},
                                   {"fenced", counts->fenced}};

    report_sums(work->command, rows, sizeof rows / sizeof rows[0]);
}

static int run_tasks(struct bb_command *command, struct bb_error *error) {
    const struct worker_options *given = command->options;
    const struct bb_task_working how = {.idle_exit_ms = given->idle_exit_ms};
    struct bb_task_worked worked = {0};
    int r = bb_task_work_until_stopped(command, &how, &worked, error);

    if (r < 0)
        return r;
    const struct sum_row rows[] = {
        {"tasks", worked.taken}, {"done", worked.done}, {"failed", worked.failed}};
    report_sums(command, rows, sizeof rows / sizeof rows[0]);
    return BB_EXIT_DONE;
}

/* "2/3": number 2 of 3. */
static bool parse_share(const char *text, uint32_t *number, uint32_t *count) {
    unsigned i, n;
    int used = 0;

    if (sscanf(text, "%4u/%4u%n", &i, &n, &used) != 2 || text[used] != '\0' || i < 1 || i > n)
        return false;
    *number = i;
    *count = n;
    return true;
}

/* A SIGTERM comes when it ends, however it ends. */
static bool follow_parent(pid_t parent) {
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct work work = {.command = command, .given = command->options};
    int r;

    if (work.given->stage == STAGE_DECODE)
        return BB_FAIL(error, BB_E_USAGE,
                       "decode runs in the process that takes files in (busbar "
                       "ingest): allowed are derive, deliver and tasks");
    bb_stop_on_signals();
    uint32_t number = 0, count = 0;
    if (work.given->share && !parse_share(work.given->share, &number, &count))
        return BB_FAIL(error, BB_E_USAGE, "--share %s is none: write 1/2 and 2/2",
                       work.given->share);
    if (work.given->parent > 0 && !follow_parent((pid_t)work.given->parent))
        return BB_EXIT_DONE; /* it has ended already */
    if (work.given->stage == STAGE_TASKS)
        return run_tasks(command, error);
    if (work.given->metrics >= 0 && !bb_metrics_join((int)work.given->metrics))
        return BB_FAIL(error, BB_E_USAGE, "--metrics %d is no memory of a server",
                       (int)work.given->metrics);
    if (work.given->log_tail >= 0)
        command->logger.tail = bb_log_tail_join((int)work.given->log_tail);
    if (work.given->log_tail >= 0 && !command->logger.tail)
        return BB_FAIL(error, BB_E_USAGE, "--log-tail %d is no memory of a server",
                       (int)work.given->log_tail);
    r = bb_command_open_plant(command, BB_PLANT_WORK, &work.plant, error);
    if (r < 0)
        return r;
    bb_stop_within(work.plant.config.stop_ms);
    r = bb_plant_follow(&work.plant, error);
    if (r >= 0 && work.given->stage == STAGE_DERIVE)
        r = bb_worker_open(&work.plant, &work.worker, error);
    if (r >= 0 && work.worker)
        bb_worker_commit_aside(work.worker, ASIDE_BLOCKS);
    if (r >= 0)
        r = open_assignment(&work, number, count, error);
    if (r >= 0 && work.worker) {
        bb_worker_share(work.worker, work.mine);
        bb_worker_stop_at(work.worker, bb_stop_flag());
    }
    bb_backoff_seed(&work.random);
    if (r >= 0)
        r = bb_delivery_open(&work.plant, work.mine, tell_delivery, &work, &work.delivery, error);
    if (r >= 0)
        r = work_until_stopped(&work, error);
    if (r >= 0)
        report(&work);
    bb_delivery_close(work.delivery);
    close_assignment(&work);
    if (work.worker)
        bb_worker_close(work.worker);
    bb_plant_close(&work.plant);
    return r < 0 ? r : BB_EXIT_DONE;
}

const struct bb_verb bb_verb_worker = {
    .name = "worker",
    .summary = "one worker beside the process that takes readings in",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct worker_options),
    .examples = "busbar worker --stage derive --live\n"
                "busbar worker --stage derive --idle-exit 60\n"
                "busbar worker --stage tasks --idle-exit 300\n",
    .details =
        "A worker holds nothing that the log and the store do not have: it may be killed at any\n"
        "moment, and another one goes on where its last commit stood. SIGTERM and Ctrl-C end it\n"
        "after the work at hand, or after derive.stop; a second one ends it at once. The stage tasks takes what\n"
        "`busbar tasks add` put, one task at a time; told to end, it gives its task back, and the next worker goes\n"
        "on from there.\n",
    .run = run,
};
