/* busbar tick: say that local days are over, so that what did not come is missing. */
#include "service/tick.h"
#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/verbs.h"
#include "model/timestamp.h"

struct tick_options {
    const char *at;
};

static const struct bb_option options[] = {
    {.name = "at",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct tick_options, at),
     .value = "T",
     .help = "up to when, RFC 3339 (default: the last midnight of the tenant's zone)"},
    BB_OPTION_END};

static int moment(const struct tick_options *given, struct bb_plant *plant, struct bb_span tenant,
                  int64_t *at_ms, struct bb_error *error) {
    if (!given->at)
        return bb_tick_last_midnight(plant, tenant, bb_clock_now_ms(bb_clock_system()), at_ms,
                                     error);
    if (bb_time_parse_rfc3339(bb_span_of(given->at), at_ms) == BB_TIME_OK)
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--at %s is no time; write 2026-03-29T00:00:00Z or with an offset", given->at);
}

static void report(struct bb_command *command, int64_t at_ms,
                   const struct bb_worker_counts *counts) {
    char time[BB_TIME_TEXT_MAX];
    size_t size = bb_time_format_utc(at_ms, time);

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "at", (struct bb_span){time, size});
        if (!command->is_served)
            bb_json_put_u64(&json, "blocks", counts->blocks);
        bb_json_put_u64(&json, "exceptions_opened", counts->exceptions_opened);
        bb_json_put_u64(&json, "exceptions_closed", counts->exceptions_closed);
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (bb_command_talks(command)) {
        bb_buffer_format(&command->out->buffer,
                         "time has come to %.*s: %llu exceptions opened, %llu closed\n"
                         "next: busbar list exceptions\n",
                         (int)size, time, (unsigned long long)counts->exceptions_opened,
                         (unsigned long long)counts->exceptions_closed);
    }
}

static int append(struct bb_command *command, struct bb_plant *plant, int64_t at_ms,
                  struct bb_error *error) {
    char time[BB_TIME_TEXT_MAX];
    struct bb_cli_act act;

    bb_cli_act_init(&act, "tick");
    bb_buffer_format(&act.subject, "at=%.*s", (int)bb_time_format_utc(at_ms, time), time);
    int r = bb_cli_act_begin(&act, command, plant->registry, error);
    if (r == 0) {
        r = bb_tick_append(plant, bb_command_tenant(command), at_ms, bb_clock_system(), error);
        r = bb_cli_act_end(&act, command, plant->registry, r);
    }
    bb_cli_act_release(&act);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_worker_counts counts = {0};
    struct bb_plant plant;
    int64_t at_ms = 0;
    int r = bb_command_open_plant(command, BB_PLANT_APPEND, &plant, error);

    if (r < 0)
        return r;
    r = moment(command->options, &plant, bb_command_tenant(command), &at_ms, error);
    if (r >= 0)
        r = append(command, &plant, at_ms, error);
    if (r >= 0)
        r = bb_catch_up(command, &plant, &counts, error);
    bb_progress_bar_clear(command->bar);
    bb_plant_close(&plant);
    if (r < 0)
        return r;
    report(command, at_ms, &counts);
    return BB_EXIT_DONE;
}

const struct bb_verb bb_verb_tick = {
    .name = "tick",
    .summary = "say that days are over: what did not come is missing",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct tick_options),
    .details =
        "A gap exists between two readings, or up to the latest tick: only with one is it known that a\n"
        "meter has fallen silent. A tick is a record in the log like everything else. Channels\n"
        "that told nothing for 45 days are waited for no longer.",
    .examples = "busbar tick\n"
                "busbar tick --at 2026-03-29T00:00:00+01:00\n",
    .run = run,
};
