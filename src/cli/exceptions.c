/* busbar exceptions list | accept ID... | estimate ID...: what checks found, and what people make of it. */
#include "base/nearest.h"
#include "cli/ingest_run.h"
#include "cli/list_exceptions.h"
#include "cli/person_options.h"
#include "cli/verbs.h"
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

struct judged {
    struct bb_registry_exception row; /* texts in the arena; id 0: unknown */
    int64_t id;
    size_t told;
    uint64_t missing;        /* values there, set aside, that no estimator has filled */
    struct bb_error refusal; /* code 0: told */
};

struct judging {
    struct bb_command *command;
    struct bb_plant plant;
    enum bb_person_act act;
    struct bb_person person;
    struct bb_person_name name;
    struct bb_arena texts;
    struct judged *items;
    size_t count;
    bool full;
    struct bb_worker_counts counts;
};

static int by_id(const void *a, const void *b) {
    int64_t x = ((const struct judged *)a)->id, y = ((const struct judged *)b)->id;
    return (x > y) - (x < y);
}

/* Numbers, in order, each once. */
static int read_ids(struct judging *judging, struct bb_error *error) {
    struct bb_command *command = judging->command;
    size_t kept = 0;

    judging->count = command->argument_count - 1;
    judging->items = calloc(judging->count + 1, sizeof *judging->items);
    if (!judging->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to judge exceptions");
    for (size_t i = 0; i < judging->count; i++) {
        const char *text = command->arguments[1 + i];
        char *end;
        errno = 0;
        long long id = strtoll(text, &end, 10);
        if (errno || end == text || *end || id <= 0)
            return BB_FAIL(error, BB_E_USAGE,
                           "\"%s\" is no exception's number: `busbar exceptions list` shows them",
                           text);
        judging->items[i].id = id;
    }
    qsort(judging->items, judging->count, sizeof *judging->items, by_id);
    for (size_t i = 0; i < judging->count; i++)
        if (kept == 0 || judging->items[kept - 1].id != judging->items[i].id)
            judging->items[kept++] = judging->items[i];
    judging->count = kept;
    return 0;
}

static struct bb_span keep(struct judging *judging, struct bb_span text) {
    struct bb_span copy = bb_arena_copy(&judging->texts, text);

    judging->full |= copy.data == NULL;
    return copy;
}

static int find_row(void *context, const struct bb_registry_exception *row) {
    struct judging *judging = context;
    struct judged key = {.id = row->id};
    struct judged *found = bsearch(&key, judging->items, judging->count, sizeof key, by_id);

    if (!found)
        return 0;
    found->row = *row;
    found->row.tenant = keep(judging, row->tenant);
    found->row.usage_point = keep(judging, row->usage_point);
    found->row.channel = keep(judging, row->channel);
    found->row.opened_by = keep(judging, row->opened_by);
    found->row.closed_by = keep(judging, row->closed_by);
    return judging->full;
}

/* What the registry says of them now. */
static int look_up(struct judging *judging, struct bb_error *error) {
    struct bb_registry *registry = judging->plant.registry;
    int r = registry->ops->exception_list(registry, bb_command_tenant(judging->command), false,
                                          BB_TIME_NONE, find_row, judging, error);

    if (judging->full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the texts of exceptions");
    return r < 0 ? r : 0;
}

static int refuse_closed(const struct judged *item, struct bb_error *error) {
    struct bb_person who;
    char closed[BB_TIME_TEXT_MAX];
    const char *state = bb_person_exception_state(&item->row, &who);

    closed[bb_time_format_utc(item->row.closed_ms, closed)] = '\0';
    if (who.name.size > 0)
        return BB_FAIL(error, BB_E_EXCEPTION_CLOSED, "exception %lld was %s at %s by %.*s: %.*s",
                       (long long)item->id, state, closed, BB_SPAN_ARGS(who.name),
                       BB_SPAN_ARGS(who.reason));
    return BB_FAIL(error, BB_E_EXCEPTION_CLOSED, "exception %lld was %s at %s%s%.*s",
                   (long long)item->id, state, closed, item->row.closed_by.size ? " with " : "",
                   BB_SPAN_ARGS(item->row.closed_by));
}

static int judge_one(struct judging *judging, struct judged *item, struct bb_error *error) {
    if (item->row.id == 0)
        return BB_FAIL(error, BB_E_EXCEPTION_UNKNOWN, "there is no exception %lld",
                       (long long)item->id);
    if (item->row.closed_ms != BB_TIME_NONE)
        return refuse_closed(item, error);
    return bb_person_judge(&judging->plant, &item->row, judging->act, &judging->person,
                           bb_clock_system(), &item->told, error);
}

/* Is it about what was asked, so that the others may still be done? */
static bool is_refusal(const struct bb_error *error) {
    return error->code < 3000 && error->code != BB_OK;
}

static int count_missing(void *context, const struct bb_query_row *row) {
    struct judged *item = context;

    item->missing += !row->has_value && row->end_ms <= item->row.to_ms;
    return 0;
}

/* What was set aside may lie in a gap that no estimator fills: whoever asked for estimates is told. */
static int look_at_estimates(struct judging *judging, struct bb_error *error) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < judging->count; i++) {
        struct judged *item = &judging->items[i];
        bool instant = item->row.from_ms == item->row.to_ms;
        struct bb_query query = {.tenant = item->row.tenant,
                                 .usage_point = item->row.usage_point,
                                 .channel = item->row.channel,
                                 .from_ms = item->row.from_ms - instant,
                                 .to_ms = item->row.to_ms + 1,
                                 .lane = BB_LANE_VEE,
                                 .as_of_ms = BB_TIME_NONE};
        if (item->refusal.code == BB_OK)
            r = bb_query_run(&judging->plant, &query, count_missing, item, error);
    }
    return r;
}

static int judge_all(struct judging *judging, struct bb_error *error) {
    int r = look_up(judging, error);

    for (size_t i = 0; r == 0 && i < judging->count; i++) {
        struct judged *item = &judging->items[i];
        r = judge_one(judging, item, &item->refusal);
        if (r < 0 && is_refusal(&item->refusal)) {
            bb_command_complain(judging->command, &item->refusal);
            r = 0;
        } else if (r < 0) {
            *error = item->refusal;
        } else {
            item->refusal.code = BB_OK;
        }
    }
    if (r == 0)
        r = bb_catch_up(judging->command, &judging->plant, &judging->counts, error);
    if (r == 0)
        r = look_up(judging, error);
    return r == 0 && judging->act == BB_PERSON_ESTIMATE ? look_at_estimates(judging, error) : r;
}

/* ---- the report -----------------------------------------------------------------------------------*/

static void report_to_people(const struct judging *judging) {
    struct bb_buffer *out = &judging->command->out->buffer;
    char at[BB_TIME_TEXT_MAX];

    for (size_t i = 0; i < judging->count; i++) {
        const struct judged *item = &judging->items[i];
        struct bb_person who;
        if (item->refusal.code != BB_OK)
            continue;
        const char *state = bb_person_exception_state(&item->row, &who);
        bool open = item->row.closed_ms == BB_TIME_NONE;
        bb_buffer_format(out, "exception %lld, %s of %.*s %.*s: %s%s\n", (long long)item->id,
                         bb_check_name(item->row.check), BB_SPAN_ARGS(item->row.usage_point),
                         BB_SPAN_ARGS(item->row.channel), open ? "still " : "", state);
        if (item->missing > 0)
            bb_buffer_format(out,
                             "  without an estimate: %" PRIu64 "; no estimator fills the gap\n",
                             item->missing);
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
    for (size_t i = 0; i < judging->count; i++) {
        const struct judged *item = &judging->items[i];
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
        bb_json_put_u64(&json, "missing", item->missing);
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
    struct judging judging = {.command = command, .act = act};
    int code = BB_EXIT_DONE;

    int r = bb_person_options_apply(&given->person, &judging.name, &judging.person, error);
    if (r == 0)
        r = read_ids(&judging, error);
    if (r == 0)
        r = bb_person_open_plant(command, &judging.plant, error);
    if (r < 0) {
        free(judging.items);
        return r;
    }
    bb_arena_init(&judging.texts, 16 << 10, 256 << 20);
    r = judge_all(&judging, error);
    bb_progress_bar_clear(command->bar);
    if (r == 0 && command->globals.json)
        report_as_json(&judging);
    else if (r == 0 && bb_command_talks(command))
        report_to_people(&judging);
    for (size_t i = 0; i < judging.count; i++)
        if (judging.items[i].refusal.code != BB_OK)
            code = BB_EXIT_REFUSED;
    bb_plant_close(&judging.plant);
    bb_arena_release(&judging.texts);
    free(judging.items);
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
