/* busbar serve: the plant as a server. */
#include "cli/serve.h"
#include "base/log_tail.h"
#include "cli/children.h"
#include "cli/notify.h"
#include "cli/serve_drop.h"
#include "cli/serve_source.h"
#include "cli/served.h"
#include "cli/verbs.h"
#include "http/server.h"
#include "service/archive_order.h"
#include "service/metric.h"
#include "service/retention.h"
#include "service/tick.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(field) offsetof(struct bb_serve_options, field)

static const struct bb_option serve_options[] = {
    {.name = "port",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(port),
     .value = "P",
     .initial = "8080",
     .min = 0,
     .max = 65535,
     .help = "where to listen; 0: any port that is free"},
    {.name = "listen",
     .kind = BB_OPTION_TEXT,
     .offset = AT(address),
     .value = "ADDRESS",
     .initial = "127.0.0.1",
     .help = "on which of this machine's addresses"},
    {.name = "workers",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(workers),
     .value = "N",
     .initial = "1",
     .min = 0,
     .max = 64,
     .help = "processes that derive; 0: somebody else does"},
    {.name = "insecure",
     .kind = BB_OPTION_FLAG,
     .offset = AT(insecure),
     .help = "listen on other addresses without keys or without TLS"},
    BB_OPTION_END};

enum {
    CHILDREN_MS = 30000,
    LOOK_MS = 100,
    TICK_EVERY_MS = 60000,
    RETENTION_EVERY_MS = 600000,
    ARCHIVE_EVERY_MS = 3600000
};

struct serve {
    struct bb_command *command;
    const struct bb_serve_options *given;
    struct bb_plant plant;
    struct bb_committer *committer;
    struct bb_http_server *server;
    struct bb_children children;
    struct bb_serve_drop *drop;     /* NULL: none */
    struct bb_serve_source *source; /* NULL: none */
    struct bb_children_shared shared;
    int64_t next_tick_ms;      /* monotonic: when to look whether a day is over */
    int64_t next_retention_ms; /* monotonic: when to look whether the log's oldest part may go */
    int64_t next_archive_ms;   /* monotonic: when to look whether months are old enough */
    int retention;             /* enum bb_retention_outcome: how that went, as it was told last */
    char socket_path[sizeof((struct bb_plant *)0)->directory + 16];
};

static int start(struct serve *serve, struct bb_error *error) {
    struct bb_command *command = serve->command;
    int r = bb_committer_start(&serve->plant, &serve->committer, error);

    if (r == 0)
        r = bb_serve_drop_open(command, &serve->plant.config, serve->committer, &serve->drop,
                               error);
    if (r == 0)
        r = bb_serve_source_open(command, &serve->plant.config, serve->committer, &serve->source,
                                 error);
    if (r < 0)
        return r;
    snprintf(serve->socket_path, sizeof serve->socket_path, "%s/busbar.sock",
             serve->plant.directory);
    const struct bb_http_options http = {.data = command->globals.data,
                                         .config_path = command->globals.config,
                                         .config = &serve->plant.config,
                                         .committer = serve->committer,
                                         .intake = bb_serve_source_intake(serve->source),
                                         .partitions = serve->plant.log->partitions,
                                         .tenant = bb_command_tenant(command),
                                         .address = serve->given->address,
                                         .port = (uint16_t)serve->given->port,
                                         .socket_path = serve->socket_path,
                                         .insecure = serve->given->insecure,
                                         .workers = (uint32_t)serve->given->workers,
                                         .alive = bb_notify_alive,
                                         .logger = command->logger};
    return bb_http_server_start(&http, &serve->server, error);
}

static void say_where(struct serve *serve) {
    const struct bb_log_field where[] = {
        bb_field_text("url", bb_http_server_url(serve->server)),
        bb_field_text("data", serve->command->globals.data),
        bb_field_text("keys", bb_http_server_wants_keys(serve->server)
                                  ? "asked for"
                                  : "none: whoever reaches it may do all")};
    bb_command_note(serve->command, BB_LOG_INFO, "busbar serves", where, 3);
}

/* On the log's thread. */
static int append_ticks(struct bb_plant *plant, void *context, struct bb_error *error) {
    return bb_tick_append_due(plant, plant->config.tick_grace_ms, bb_clock_system(), context,
                              error);
}

/* A tick that cannot be written is told and tried again: it is no reason to end. */
static void look_at_the_clock(struct serve *serve) {
    int64_t now_ms = bb_monotonic_ns() / 1000000;
    uint32_t appended = 0;
    struct bb_error error;

    if (now_ms < serve->next_tick_ms)
        return;
    serve->next_tick_ms = now_ms + TICK_EVERY_MS;
    if (bb_committer_run(serve->committer, append_ticks, &appended, &error) < 0)
        bb_command_complain(serve->command, &error);
    const struct bb_log_field fields[] = {bb_field_decision("tick"),
                                          bb_field_number("tenants", appended)};
    if (appended > 0)
        bb_command_note(serve->command, BB_LOG_INFO,
                        "a day is over: what was not told of it is missing", fields, 2);
}

/* On the log's thread. */
static int append_archive_orders(struct bb_plant *plant, void *context, struct bb_error *error) {
    return bb_archive_append_due(plant, bb_clock_system(), context, error);
}

/* Likewise what is due by archive.age. An order that was passed over is given again, as its blocks are still there. */
static void look_at_old_months(struct serve *serve) {
    int64_t now_ms = bb_monotonic_ns() / 1000000;
    uint32_t appended = 0;
    struct bb_error error;

    if (now_ms < serve->next_archive_ms)
        return;
    serve->next_archive_ms = now_ms + ARCHIVE_EVERY_MS;
    if (bb_committer_run(serve->committer, append_archive_orders, &appended, &error) < 0)
        bb_command_complain(serve->command, &error);
    const struct bb_log_field fields[] = {bb_field_decision("archive"),
                                          bb_field_number("orders", appended)};
    if (appended > 0)
        bb_command_note(serve->command, BB_LOG_INFO, "old months go into the archive", fields, 2);
}

struct giving_up {
    uint32_t partition;
    uint64_t bytes;
    int outcome; /* enum bb_retention_outcome */
};

/* On the log's thread. */
static int give_up_old(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct giving_up *g = context;
    g->outcome = bb_retention_apply(plant, g->partition, bb_clock_system(), &g->bytes, error);
    return g->outcome < 0 ? g->outcome : 0;
}

/* Once when it begins to wait, and once when it waits no more. */
static void note_retention(struct serve *serve, int outcome) {
    static const char *const messages[] = {
        [BB_RETENTION_DONE] = "the log's oldest segments wait no more to be given up",
        [BB_RETENTION_HELD] = "the log's oldest segments stay while a backup is made",
        [BB_RETENTION_BEHIND] = "the log's oldest segments stay, as workers are far behind"};
    const struct bb_log_field field = bb_field_decision("retention");

    if (outcome != serve->retention)
        bb_command_note(serve->command, BB_LOG_INFO, messages[outcome], &field, 1);
    serve->retention = outcome;
}

/* Partition by partition, so that posts get in between. What fails is told and tried again. */
static void look_at_the_log(struct serve *serve) {
    int64_t now_ms = bb_monotonic_ns() / 1000000;
    int outcome = BB_RETENTION_DONE;
    struct bb_error error;
    uint64_t bytes = 0;

    if (now_ms < serve->next_retention_ms)
        return;
    serve->next_retention_ms = now_ms + RETENTION_EVERY_MS;
    for (uint32_t p = 0; p < serve->plant.log->partitions; p++) {
        struct giving_up one = {.partition = p};
        if (bb_committer_append(serve->committer, give_up_old, &one, &error) < 0) {
            bb_command_complain(serve->command, &error);
            outcome = serve->retention; /* nobody knows */
            break;
        }
        bytes += one.bytes;
        outcome = one.outcome != BB_RETENTION_DONE ? one.outcome : outcome;
        if (outcome == BB_RETENTION_HELD)
            break;
    }
    note_retention(serve, outcome);
    if (bytes > 0) {
        const struct bb_log_field fields[] = {bb_field_decision("retention"),
                                              bb_field_number("bytes", (int64_t)bytes)};
        bb_command_note(serve->command, BB_LOG_INFO, "the log's oldest segments were given up",
                        fields, 2);
    }
}

static int serve_until_stopped(struct serve *serve, struct bb_error *error) {
    while (!*bb_stop_flag()) {
        if (!bb_committer_is_well(serve->committer))
            return BB_FAIL(error, BB_E_LOG_IO,
                           "the log takes no records any more; what was acknowledged is safe");
        bb_children_look(&serve->children);
        look_at_the_clock(serve);
        look_at_the_log(serve);
        look_at_old_months(serve);
        bb_serve_drop_look(serve->drop);
        usleep(LOOK_MS * 1000);
    }
    return 0;
}

/* First those who wait for an answer, then those who derive, then the log. What is not drained in time is left
 * as it stands to the end of the process, which is never worse than kill -9. */
static bool end(struct serve *serve) {
    bb_notify("STOPPING=1\nSTATUS=answers what has begun");
    bool drained = bb_http_server_drain(serve->server, (int)serve->plant.config.http_drain_ms);

    if (!drained)
        bb_command_note(serve->command, BB_LOG_WARNING,
                        "some requests were not answered within the time for it", NULL, 0);
    bb_served_forget(serve->plant.directory);
    if (drained)
        bb_http_server_stop(serve->server);
    bb_serve_source_close(serve->source);
    serve->source = NULL;
    bb_children_end(&serve->children, CHILDREN_MS);
    return drained;
}

int bb_serve(struct bb_command *command, const struct bb_serve_options *options,
             void (*listening)(struct bb_command *command, const char *url),
             struct bb_error *error) {
    struct serve *serve = calloc(1, sizeof *serve);

    if (!serve)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to serve");
    serve->command = command;
    serve->given = options;
    serve->shared = (struct bb_children_shared){.metrics = -1, .log_tail = -1};
    command->logger.tail = bb_log_tail_share(&serve->shared.log_tail); /* NULL: it does without */
    bb_stop_on_signals();
    int r = bb_command_open_plant(command, BB_PLANT_APPEND, &serve->plant, error);
    if (r < 0) {
        free(serve);
        return r;
    }
    command->started = false;
    serve->shared.metrics = bb_metrics_share();
    serve->shared.is_grouped = serve->plant.config.log_kafka.brokers[0] != 0;
    r = start(serve, error);
    if (r == 0) {
        command->started = true;
        bb_children_init(&serve->children, command, (uint32_t)serve->given->workers, serve->shared);
        bb_children_look(&serve->children);
        bb_served_note(serve->plant.directory, bb_http_server_url(serve->server));
        say_where(serve);
        bb_notify("READY=1\nSTATUS=takes readings and answers questions");
        if (listening)
            listening(command, bb_http_server_url(serve->server));
        r = serve_until_stopped(serve, error);
        if (!end(serve))
            return r < 0 ? r : BB_EXIT_DONE;
    }
    bb_serve_drop_close(serve->drop);
    bb_serve_source_close(serve->source);
    bb_committer_stop(serve->committer);
    bb_plant_close(&serve->plant);
    free(serve);
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    return bb_serve(command, command->options, NULL, error);
}

const struct bb_verb bb_verb_serve = {
    .name = "serve",
    .summary = "the plant as a server: takes readings over HTTP, answers questions",
    .arguments = "",
    .options = serve_options,
    .options_size = sizeof(struct bb_serve_options),
    .examples = "busbar serve\n"
                "curl --data-binary @march.csv -H 'Content-Type: text/csv' "
                "http://127.0.0.1:8080/v1/readings\n",
    .details =
        "It owns the log: other commands that write go through it meanwhile (DIR/busbar.sock).\n"
        "On the loopback it needs no keys until one is made (busbar keys create). On other addresses it\n"
        "wants keys and TLS (http.tls in busbar.yaml), unless --insecure says that something else\n"
        "takes care. SIGTERM and Ctrl-C let it finish what it has begun.\n",
    .run = run,
};
