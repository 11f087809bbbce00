/* busbar dlq ls | show ID | replay [ID...] | drop [ID...]: messages of foreign topics that could not be used.
 *
 * The command line's twin of /v1/dead-letters. Beside a server the server acts, as the log is its; else a committer runs for as
 * long as the command does.
 */
#include "answer/letter_json.h"
#include "base/nearest.h"
#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/served_ask.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LETTERS_OF_ACT = 10000, QUESTION_MAX_BYTES = 1 << 20 };

struct dlq_options {
    const char *topic, *code, *since, *by;
    bool all, matching;
};

#define AT(field) offsetof(struct dlq_options, field)

static const struct bb_option options[] = {
    {.name = "topic",
     .kind = BB_OPTION_TEXT,
     .offset = AT(topic),
     .value = "NAME",
     .help = "those of this topic"},
    {.name = "code",
     .kind = BB_OPTION_TEXT,
     .offset = AT(code),
     .value = "BB-N",
     .help = "those put aside for this reason"},
    {.name = "since",
     .kind = BB_OPTION_TEXT,
     .offset = AT(since),
     .value = "T",
     .help = "those that came at or behind this time"},
    {.name = "all",
     .kind = BB_OPTION_FLAG,
     .offset = AT(all),
     .help = "ls: replayed and dropped ones, too"},
    {.name = "matching",
     .kind = BB_OPTION_FLAG,
     .offset = AT(matching),
     .help = "replay, drop: all open ones that the options above choose, instead of ids"},
    {.name = "by",
     .kind = BB_OPTION_TEXT,
     .offset = AT(by),
     .value = "NAME",
     .help = "replay, drop: who does it (default: this user)"},
    BB_OPTION_END};

/* ---- which ones */

static int read_question(const struct bb_command *command, struct bb_letter_question *out,
                         struct bb_error *error) {
    const struct dlq_options *given = command->options;
    const char *code = given->code;

    *out = (struct bb_letter_question){.tenant = bb_command_tenant(command),
                                       .topic = bb_span_of(given->topic ? given->topic : ""),
                                       .since_ms = INT64_MIN,
                                       .before = UINT64_MAX,
                                       .with_closed = given->all};
    if (code) {
        char *end;
        code += strncmp(code, "BB-", 3) == 0 ? 3 : 0;
        out->code = (uint32_t)strtoul(code, &end, 10);
        if (end == code || *end || out->code == 0)
            return BB_FAIL(error, BB_E_USAGE, "--code: \"%s\" is none; one is BB-1027",
                           given->code);
    }
    if (given->since &&
        bb_time_parse_rfc3339(bb_span_of(given->since), &out->since_ms) != BB_TIME_OK)
        return BB_FAIL(error, BB_E_USAGE,
                       "--since: \"%s\" is no time with an offset, such as 2026-03-01T00:00:00Z",
                       given->since);
    return 0;
}

struct ids {
    uint64_t *items;
    size_t count;
    bool is_full;
};

static int take_id(void *context, const struct bb_letter *letter) {
    struct ids *ids = context;

    if (letter->state != BB_LETTER_OPEN)
        return 0;
    ids->is_full = ids->count == LETTERS_OF_ACT;
    if (ids->is_full)
        return 1;
    ids->items[ids->count++] = letter->id;
    return 0;
}

/* The oldest first: versions of one time are told in their order. */
static void turn(struct ids *ids) {
    for (size_t i = 0; i < ids->count / 2; i++) {
        uint64_t kept = ids->items[i];
        ids->items[i] = ids->items[ids->count - 1 - i];
        ids->items[ids->count - 1 - i] = kept;
    }
}

static int read_ids(const struct bb_command *command, struct bb_plant *plant, struct ids *ids,
                    struct bb_error *error) {
    const struct dlq_options *given = command->options;
    struct bb_letter_question asked;
    int result = read_question(command, &asked, error);

    ids->items = calloc(LETTERS_OF_ACT, sizeof ids->items[0]);
    if (!ids->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ids of dead letters");
    for (size_t i = 1; !result && i < command->argument_count; i++)
        if (ids->count == LETTERS_OF_ACT ||
            !bb_letter_id_parse(bb_span_of(command->arguments[i]), &ids->items[ids->count++]))
            result = BB_FAIL(error, BB_E_USAGE,
                             "\"%s\" is no dead letter: `busbar dlq ls` shows them",
                             command->arguments[i]);
    if (!result && given->matching) {
        result = bb_letter_list(plant->log, plant->registry, &asked, take_id, ids, error);
        turn(ids);
    }
    return result < 0 ? result : 0;
}

/* ---- ls */

struct listing {
    struct bb_command *command;
    struct bb_table table;
    struct bb_json json;
};

static int put_json(void *context, const struct bb_letter *letter) {
    bb_letter_json(letter, false, &((struct listing *)context)->json);
    return 0;
}

static int put_row(void *context, const struct bb_letter *letter) {
    struct bb_table *table = &((struct listing *)context)->table;
    char id[BB_LETTER_ID_MAX], at[BB_TIME_TEXT_MAX];

    bb_letter_id_format(letter->id, id);
    at[bb_time_format_utc(letter->received_ms, at)] = '\0';
    bool reads = bb_table_cell(table, bb_span_of(id)) && bb_table_cell(table, bb_span_of(at)) &&
                 bb_table_cell(table, letter->topic) &&
                 bb_table_cell_format(table, "%" PRIu32 ":%" PRIu64, letter->partition,
                                      letter->offset) &&
                 bb_table_cell_format(table, "%" PRIu64, letter->more + 1) &&
                 bb_table_cell(table, bb_span_of(bb_letter_state_name(letter->state))) &&
                 bb_table_cell_format(table, "BB-%04" PRIu32 " %.*s", letter->code,
                                      (int)(letter->reason.size < 100 ? letter->reason.size : 100),
                                      letter->reason.data);
    return reads ? 0 : 1;
}

static int run_ls(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    static const struct bb_table_column columns[] = {
        {"id", false},      {"received", false}, {"topic", false}, {"place", true},
        {"messages", true}, {"state", false},    {"reason", false}};
    struct listing listing = {.command = command};
    struct bb_letter_question asked;
    int result = read_question(command, &asked, error);

    if (result)
        return result;
    if (command->globals.json) {
        listing.json = bb_command_json(command);
        bb_json_array_begin(&listing.json);
        result = bb_letter_list(plant->log, plant->registry, &asked, put_json, &listing, error);
        bb_json_array_end(&listing.json);
        bb_command_json_end(command);
    } else {
        bb_table_init(&listing.table, command->out, columns, sizeof columns / sizeof columns[0]);
        result = bb_letter_list(plant->log, plant->registry, &asked, put_row, &listing, error);
        bb_table_finish(&listing.table);
    }
    return result < 0 ? result : BB_EXIT_DONE;
}

/* ---- show */

static void show_bytes(struct bb_span value, struct bb_buffer *out) {
    bool is_text = value.size > 0;

    for (size_t i = 0; is_text && i < value.size; i++)
        is_text = (uint8_t)value.data[i] >= ' ' || value.data[i] == '\n' || value.data[i] == '\t' ||
                  value.data[i] == '\r';
    if (is_text) {
        bb_buffer_append_span(out, value);
        bb_buffer_append_byte(out, '\n');
        return;
    }
    for (size_t i = 0; i < value.size; i++)
        bb_buffer_format(out, "%02x%s", (uint8_t)value.data[i],
                         i % 32 == 31 || i + 1 == value.size ? "\n"
                         : i % 4 == 3                        ? " "
                                                             : "");
}

static void show(const struct bb_letter *letter, struct bb_buffer *out) {
    struct bb_cursor headers = bb_cursor_over(letter->headers);
    struct bb_span name, value;
    char at[BB_TIME_TEXT_MAX];

    at[bb_time_format_utc(letter->received_ms, at)] = '\0';
    bb_buffer_format(out,
                     "dead letter d%" PRIu64 ", %s, received %s\n"
                     "topic %.*s partition %" PRIu32 " offset %" PRIu64 "\n"
                     "BB-%04" PRIu32 " %.*s\n",
                     letter->id, bb_letter_state_name(letter->state), at,
                     BB_SPAN_ARGS(letter->topic), letter->partition, letter->offset, letter->code,
                     BB_SPAN_ARGS(letter->reason));
    if (letter->closed_by.size > 0)
        bb_buffer_format(out, "%s by %.*s\n", bb_letter_state_name(letter->state),
                         BB_SPAN_ARGS(letter->closed_by));
    if (letter->key.size > 0)
        bb_buffer_format(out, "key %.*s\n", BB_SPAN_ARGS(letter->key));
    while (bb_letter_header_next(&headers, &name, &value))
        bb_buffer_format(out, "header %.*s: %.*s\n", BB_SPAN_ARGS(name), BB_SPAN_ARGS(value));
    bb_buffer_format(out, "%zu of %" PRIu64 " bytes:\n", letter->value.size, letter->value_bytes);
    show_bytes(letter->value, out);
}

static int run_show(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    struct bb_letter letter;
    struct bb_arena arena;
    uint64_t id;

    if (command->argument_count != 2 || !bb_letter_id_parse(bb_span_of(command->arguments[1]), &id))
        return BB_FAIL(error, BB_E_USAGE,
                       "dlq show wants the id of one dead letter, such as d1234");
    bb_arena_init(&arena, 16 << 10, 1 << 20);
    int result = bb_letter_find(plant->log, plant->registry, bb_command_tenant(command), id, &arena,
                                &letter, error);
    if (result == BB_LETTER_UNKNOWN) {
        result = BB_FAIL(error, BB_E_LETTER_UNKNOWN, "there is no dead letter d%" PRIu64, id);
    } else if (!result && command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_letter_json(&letter, true, &json);
        bb_command_json_end(command);
    } else if (!result) {
        show(&letter, &command->out->buffer);
    }
    bb_arena_release(&arena);
    return result < 0 ? result : BB_EXIT_DONE;
}

/* ---- replay and drop */

struct act {
    struct bb_command *command;
    struct bb_plant *plant;
    bool is_drop;
    struct ids ids;
    struct bb_letter_done *done;
    const char *by;
};

static int ask_server(struct act *act, struct bb_error *error) {
    struct bb_buffer question;
    struct bb_json json;
    json_t *answer = NULL;

    bb_buffer_init(&question, QUESTION_MAX_BYTES);
    bb_json_init(&json, &question);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "act", bb_span_of(act->is_drop ? "drop" : "replay"));
    bb_json_put_text(&json, "tenant", bb_command_tenant(act->command));
    bb_json_put_text(&json, "by", bb_span_of(act->by));
    bb_json_key(&json, "ids");
    bb_json_array_begin(&json);
    for (size_t i = 0; i < act->ids.count; i++)
        bb_json_u64(&json, act->ids.items[i]);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    int result = bb_served_post(act->command->globals.data, "/owner/letters", "application/json",
                                bb_buffer_span(&question), &answer, error);
    const json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; !result && i < act->ids.count; i++) {
        const json_t *item = json_array_get(items, i);
        const char *code = json_string_value(json_object_get(item, "code"));
        const char *reason = json_string_value(json_object_get(item, "reason"));
        act->done[i].readings = (uint64_t)json_integer_value(json_object_get(item, "readings"));
        if (code)
            (void)BB_FAIL(&act->done[i].refusal, (enum bb_error_code)strtol(code + 3, NULL, 10),
                          "%s", reason ? reason : "");
    }
    json_decref(answer);
    bb_buffer_release(&question);
    return result;
}

/* This process owns the log: a committer for as long as it takes, and a plant of one's own to decode by. */
static int do_alone(struct act *act, struct bb_error *error) {
    const struct bb_globals *globals = &act->command->globals;
    struct bb_committer *committer;
    struct bb_plant reading;
    int result = bb_plant_open(globals->data, globals->config, BB_PLANT_READ, &reading, error);

    if (result)
        return result;
    result = bb_committer_start(act->plant, &committer, error);
    if (!result) {
        const struct bb_letter_actor actor = {.plant = &reading,
                                              .committer = committer,
                                              .tenant = bb_command_tenant(act->command),
                                              .by = bb_span_of(act->by)};
        result = act->is_drop
                     ? bb_letter_drop(&actor, act->ids.items, act->ids.count, act->done, error)
                     : bb_letter_replay(&actor, act->ids.items, act->ids.count, act->done, error);
        bb_committer_stop(committer);
    }
    bb_plant_close(&reading);
    return result;
}

static int do_audited(struct act *act, struct bb_error *error) {
    struct bb_worker_counts counts;
    struct bb_cli_act audit;

    bb_cli_act_init(&audit, "dlq");
    audit.by = act->by;
    bb_buffer_format(&audit.subject, "action=%s letters=%zu first=d%" PRIu64,
                     act->is_drop ? "drop" : "replay", act->ids.count, act->ids.items[0]);
    int result = bb_cli_act_begin(&audit, act->command, act->plant->registry, error);
    if (!result) {
        result = act->command->is_served ? ask_server(act, error) : do_alone(act, error);
        result = bb_cli_act_end(&audit, act->command, act->plant->registry, result);
    }
    bb_cli_act_release(&audit);
    return result || act->is_drop ? result : bb_catch_up(act->command, act->plant, &counts, error);
}

static int report(const struct act *act) {
    struct bb_command *command = act->command;
    uint64_t readings = 0;
    size_t done = 0;

    for (size_t i = 0; i < act->ids.count; i++) {
        done += act->done[i].refusal.code == BB_OK;
        readings += act->done[i].readings;
    }
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_array_begin(&json);
        for (size_t i = 0; i < act->ids.count; i++)
            bb_letter_done_json(act->ids.items[i], &act->done[i], &json);
        bb_json_array_end(&json);
        bb_command_json_end(command);
    } else {
        for (size_t i = 0; i < act->ids.count; i++)
            if (act->done[i].refusal.code != BB_OK)
                bb_command_complain(command, &act->done[i].refusal);
        bb_buffer_format(&command->out->buffer, "%zu of %zu %s, %" PRIu64 " readings\n", done,
                         act->ids.count, act->is_drop ? "dropped" : "replayed", readings);
    }
    return done == act->ids.count ? BB_EXIT_DONE : BB_EXIT_REFUSED;
}

static int run_act(struct bb_command *command, struct bb_plant *plant, bool is_drop,
                   struct bb_error *error) {
    const struct dlq_options *given = command->options;
    struct act act = {.command = command, .plant = plant, .is_drop = is_drop};
    char who[BB_CLI_WHO_MAX];
    int result = read_ids(command, plant, &act.ids, error);

    act.by = bb_cli_who(given->by, who);
    if (!result && act.ids.count == 0 && !given->matching)
        result = BB_FAIL(error, BB_E_USAGE, "which ones? ids, or --matching");
    act.done = result ? NULL : calloc(act.ids.count + 1, sizeof act.done[0]);
    if (!result && !act.done)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for dead letters");
    if (!result && act.ids.count > 0)
        result = do_audited(&act, error);
    bb_progress_bar_clear(command->bar);
    if (!result)
        result = report(&act);
    free(act.ids.items);
    free(act.done);
    return result;
}

static int run_replay(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    return run_act(command, plant, false, error);
}

static int run_drop(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    return run_act(command, plant, true, error);
}

/* ---- the command */

static const struct action {
    const char *name;
    enum bb_plant_mode mode;
    int (*run)(struct bb_command *command, struct bb_plant *plant, struct bb_error *error);
} actions[] = {
    {"ls", BB_PLANT_READ, run_ls},
    {"show", BB_PLANT_READ, run_show},
    {"replay", BB_PLANT_APPEND, run_replay},
    {"drop", BB_PLANT_APPEND, run_drop},
};

static int run(struct bb_command *command, struct bb_error *error) {
    const char *name = command->arguments[0];
    struct bb_nearest nearest;
    struct bb_plant plant;

    bb_nearest_init(&nearest, bb_span_of(name));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        bb_nearest_offer(&nearest, actions[i].name);
        if (strcmp(name, actions[i].name) != 0)
            continue;
        int result = bb_command_open_plant(command, actions[i].mode, &plant, error);
        if (result)
            return result;
        result = actions[i].run(command, &plant, error);
        bb_plant_close(&plant);
        return result;
    }
    return BB_FAIL(error, BB_E_USAGE, "dlq cannot \"%s\": allowed are ls, show, replay, drop%s%s",
                   name, nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
}

const struct bb_verb bb_verb_dlq = {
    .name = "dlq",
    .summary = "messages of foreign topics that could not be used",
    .arguments = "ls | show ID | replay [ID...] | drop [ID...]",
    .arguments_min = 1,
    .arguments_max = -1,
    .options = options,
    .options_size = sizeof(struct dlq_options),
    .examples = "busbar dlq ls --code BB-1025\n"
                "busbar dlq show d81920\n"
                "busbar dlq replay --matching --topic readings\n"
                "busbar dlq drop d81920 d82176\n",
    .details =
        "A replay reads the message as sources.kafka in busbar.yaml says now: after its map, its schemas or\n"
        "its tenants were mended. Its values count from now on, and take the place among versions that the\n"
        "message's arrival gives them: a correction that came meanwhile stays on top. Nothing counts twice.\n"
        "Files of which something was refused are listed by `busbar list dead-letters`.\n",
    .run = run,
};
