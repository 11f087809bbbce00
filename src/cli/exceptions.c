/* busbar exceptions list | accept ID... | estimate ID...: what checks found, and what people make of it. */
#include "base/nearest.h"
#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/list_exceptions.h"
#include "cli/person_options.h"
#include "cli/verbs.h"
#include "service/judge.h"
#include "service/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct exceptions_options {
    const char *usage_point, *as_of;
    bool all;
    struct bb_person_options person;
};

#define AT(field) offsetof(struct exceptions_options, field)

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "list: of this one only"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "T",
     .help = "list: as it was known at this time (busbar list --help)"},
    {.name = "all", .kind = BB_OPTION_FLAG, .offset = AT(all), .help = "list: closed ones, too"},
    BB_PERSON_OPTION_ROWS(AT(person)),
    BB_OPTION_END};

/* ---- judging ------------------------------------------------------------------------------------*/

struct judging {
    struct bb_command *command;
    struct bb_plant plant;
    struct bb_judging asked;
    struct bb_person_name name;
    struct bb_arena texts;
    uint64_t *missing; /* of each: values there, set aside, that no estimator has filled */
    struct bb_worker_counts counts;
};

static int read_id(const char *text, int64_t *id, struct bb_error *error) {
    char *end;

    errno = 0;
    *id = strtoll(text, &end, 10);
    if (errno || end == text || *end || *id <= 0)
        return BB_FAIL(error, BB_E_USAGE,
                       "\"%s\" is no exception's number: `busbar exceptions list` shows them",
                       text);
    return 0;
}

static int read_ids(struct judging *judging, struct bb_error *error) {
    struct bb_command *command = judging->command;
    struct bb_judging *asked = &judging->asked;
    int r = 0;

    asked->count = command->argument_count - 1;
    asked->items = calloc(asked->count + 1, sizeof *asked->items);
    judging->missing = calloc(asked->count + 1, sizeof *judging->missing);
    if (!asked->items || !judging->missing)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to judge exceptions");
    for (size_t i = 0; r == 0 && i < asked->count; i++)
        r = read_id(command->arguments[1 + i], &asked->items[i].id, error);
    bb_judging_sort(asked);
    return r;
}

struct counting {
    const struct bb_judged *item;
    uint64_t missing;
};

static int count_missing(void *context, const struct bb_query_row *row) {
    struct counting *counting = context;

    counting->missing += !row->has_value && row->end_ms <= counting->item->row.to_ms;
    return 0;
}

/* What was set aside may lie in a gap that no estimator fills: whoever asked for estimates is told. */
static int look_at_estimates(struct judging *judging, struct bb_error *error) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < judging->asked.count; i++) {
        const struct bb_judged *item = &judging->asked.items[i];
        struct counting counting = {.item = item};
        bool instant = item->row.from_ms == item->row.to_ms;
        struct bb_query query = {.tenant = item->row.tenant,
                                 .usage_point = item->row.usage_point,
                                 .channel = item->row.channel,
                                 .from_ms = item->row.from_ms - instant,
                                 .to_ms = item->row.to_ms + 1,
                                 .lane = BB_LANE_VEE,
                                 .as_of_ms = BB_TIME_NONE};
        if (item->refusal.code == BB_OK)
            r = bb_query_run(&judging->plant, &query, count_missing, &counting, error);
        judging->missing[i] = counting.missing;
    }
    return r;
}

static int tell(struct judging *judging, struct bb_error *error) {
    const struct exceptions_options *given = judging->command->options;
    struct bb_judging *asked = &judging->asked;
    struct bb_registry *registry = judging->plant.registry;
    struct bb_cli_act act;

    bb_cli_act_init(&act, "exceptions");
    act.by = given->person.by;
    act.reason = asked->person.reason;
    bb_buffer_format(&act.subject, "action=%s ids=", bb_person_act_name((int)asked->act));
    for (size_t i = 0; i < asked->count; i++)
        bb_buffer_format(&act.subject, "%s%lld", i ? "," : "", (long long)asked->items[i].id);
    int r = bb_cli_act_begin(&act, judging->command, registry, error);
    if (r == 0) {
        r = bb_judging_tell(asked, &judging->plant, bb_clock_system(), error);
        r = bb_cli_act_end(&act, judging->command, registry, r);
    }
    bb_cli_act_release(&act);
    return r;
}

static int judge_all(struct judging *judging, struct bb_error *error) {
    struct bb_judging *asked = &judging->asked;
    int r = bb_judging_look_up(asked, &judging->plant, error);

    if (r == 0)
        r = tell(judging, error);
    for (size_t i = 0; i < asked->count; i++)
        if (r == 0 && asked->items[i].refusal.code != BB_OK)
            bb_command_complain(judging->command, &asked->items[i].refusal);
    if (r == 0)
        r = bb_catch_up(judging->command, &judging->plant, &judging->counts, error);
    if (r == 0)
        r = bb_judging_look_up(asked, &judging->plant, error);
    return r == 0 && asked->act == BB_PERSON_ESTIMATE ? look_at_estimates(judging, error) : r;
}

/* ---- the report -----------------------------------------------------------------------------------*/

static void report_to_people(const struct judging *judging) {
    struct bb_buffer *out = &judging->command->out->buffer;
    char at[BB_TIME_TEXT_MAX];

    for (size_t i = 0; i < judging->asked.count; i++) {
        const struct bb_judged *item = &judging->asked.items[i];
        struct bb_person who;
        if (item->refusal.code != BB_OK)
            continue;
        const char *state = bb_person_exception_state(&item->row, &who);
        bool open = item->row.closed_ms == BB_TIME_NONE;
        bb_buffer_format(out, "exception %lld, %s of %.*s %.*s: %s%s\n", (long long)item->id,
                         bb_check_name(item->row.check), BB_SPAN_ARGS(item->row.usage_point),
                         BB_SPAN_ARGS(item->row.channel), open ? "still " : "", state);
        if (judging->missing[i] > 0)
            bb_buffer_format(out,
                             "  without an estimate: %" PRIu64 "; no estimator fills the gap\n",
                             judging->missing[i]);
        at[bb_time_format_utc(item->row.to_ms, at)] = '\0';
        if (open)
            bb_buffer_format(
                out, "next: busbar explain --usage-point %.*s --channel %.*s --at %s\n",
                BB_SPAN_ARGS(item->row.usage_point), BB_SPAN_ARGS(item->row.channel), at);
    }
}

static void report_as_json(const struct judging *judging) {
    struct bb_json json = bb_command_json(judging->command);
    char code[16];

    bb_json_array_begin(&json);
    for (size_t i = 0; i < judging->asked.count; i++) {
        const struct bb_judged *item = &judging->asked.items[i];
        struct bb_person who;
        bb_json_object_begin(&json);
        bb_json_put_i64(&json, "id", item->id);
        if (item->row.id != 0) {
            bb_json_put_text(&json, "usage_point", item->row.usage_point);
            bb_json_put_text(&json, "channel", item->row.channel);
            bb_json_put_text(&json, "check", bb_span_of(bb_check_name(item->row.check)));
            bb_json_put_text(&json, "state",
                             bb_span_of(bb_person_exception_state(&item->row, &who)));
        }
        bb_json_put_u64(&json, "told", item->told);
        bb_json_put_u64(&json, "missing", judging->missing[i]);
        if (item->refusal.code != BB_OK) {
            snprintf(code, sizeof code, "BB-%04d", (int)item->refusal.code);
            bb_json_put_text(&json, "code", bb_span_of(code));
            bb_json_put_text(&json, "refused", bb_span_of(item->refusal.text));
        }
        bb_json_object_end(&json);
    }
    bb_json_array_end(&json);
    bb_command_json_end(judging->command);
}

/* ---- the command --------------------------------------------------------------------------------*/

static int judge(struct bb_command *command, enum bb_person_act act, struct bb_error *error) {
    const struct exceptions_options *given = command->options;
    struct judging judging = {.command = command,
                              .asked = {.tenant = bb_command_tenant(command), .act = act}};
    struct bb_judging *asked = &judging.asked;
    int code = BB_EXIT_DONE;

    asked->texts = &judging.texts;
    bb_arena_init(&judging.texts, 16 << 10, 256 << 20);
    int r = bb_person_options_apply(&given->person, &judging.name, &asked->person, error);
    if (r == 0)
        r = read_ids(&judging, error);
    if (r == 0)
        r = bb_person_open_plant(command, &judging.plant, error);
    if (r == 0) {
        r = judge_all(&judging, error);
        bb_progress_bar_clear(command->bar);
        if (r == 0 && command->globals.json)
            report_as_json(&judging);
        else if (r == 0 && bb_command_talks(command))
            report_to_people(&judging);
        bb_plant_close(&judging.plant);
    }
    for (size_t i = 0; r == 0 && i < asked->count; i++)
        if (asked->items[i].refusal.code != BB_OK)
            code = BB_EXIT_REFUSED;
    bb_arena_release(&judging.texts);
    free(asked->items);
    free(judging.missing);
    return r < 0 ? r : code;
}

static int run_list(struct bb_command *command, struct bb_error *error) {
    const struct exceptions_options *given = command->options;

    if (command->argument_count > 1)
        return BB_FAIL(error, BB_E_USAGE, "exceptions list does not take the argument \"%s\"",
                       command->arguments[1]);
    return bb_list_exceptions(command, given->usage_point, given->as_of, given->all, error);
}

static int run_accept(struct bb_command *command, struct bb_error *error) {
    return judge(command, BB_PERSON_ACCEPT, error);
}

static int run_estimate(struct bb_command *command, struct bb_error *error) {
    return judge(command, BB_PERSON_ESTIMATE, error);
}

static const struct action {
    const char *name;
    bool takes_ids;
    int (*run)(struct bb_command *command, struct bb_error *error);
} actions[] = {
    {"list", false, run_list},
    {"accept", true, run_accept},
    {"estimate", true, run_estimate},
};

static int run(struct bb_command *command, struct bb_error *error) {
    const char *name = command->arguments[0];
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(name));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        bb_nearest_offer(&nearest, actions[i].name);
        if (strcmp(name, actions[i].name) != 0)
            continue;
        if (actions[i].takes_ids && command->argument_count < 2)
            return BB_FAIL(error, BB_E_USAGE, "exceptions %s needs the numbers of exceptions",
                           name);
        return actions[i].run(command, error);
    }
    return BB_FAIL(error, BB_E_USAGE,
                   "exceptions cannot \"%s\": allowed are list, accept, estimate%s%s", name,
                   nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
}

const struct bb_verb bb_verb_exceptions = {
    .name = "exceptions",
    .summary = "what checks found: listed, accepted, left to estimators",
    .arguments = "list | accept ID... | estimate ID...",
    .arguments_min = 1,
    .arguments_max = -1,
    .options = options,
    .options_size = sizeof(struct exceptions_options),
    .examples = "busbar exceptions list --all\n"
                "busbar exceptions accept 17 18 --reason \"solar panels were installed\"\n"
                "busbar exceptions estimate 19 --reason \"the meter was tested that day\"\n",
    .details =
        "accept: the values that an exception is about are right as they are; of a gap: there is\n"
        "nothing. estimate: they are set aside, and estimators fill their place. Both are kept with\n"
        "the values, with who and why; `busbar edit --withdraw` takes them back, value by value.\n",
    .run = run,
};
