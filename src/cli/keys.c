/* busbar keys: API keys for programs that talk to `busbar serve`. */
#include "cli/audit.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/timestamp.h"
#include "service/api_key.h"

#include <stdio.h>

struct keys_options {
    int role;
    const char *label;
    int64_t valid_ms;
};

#define AT(field) offsetof(struct keys_options, field)

static const struct bb_option options[] = {
    {.name = "role",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(role),
     .value = "ing|ro|adm",
     .choice = bb_role_name,
     .help = "create: what it may do: post readings, read, everything"},
    {.name = "label",
     .kind = BB_OPTION_TEXT,
     .offset = AT(label),
     .value = "TEXT",
     .help = "create: what people shall call it"},
    {.name = "valid",
     .kind = BB_OPTION_DURATION,
     .offset = AT(valid_ms),
     .value = "TIME",
     .max = 36500 * (int64_t)BB_DAY_MS,
     .help = "create: it expires after this, such as 90d (default: never)"},
    BB_OPTION_END};

enum { LABEL_MAX = 60 };

struct keys {
    struct bb_command *command;
    const struct keys_options *given;
    struct bb_registry *registry;
    int64_t now_ms;
    struct bb_json json;
    struct bb_table table;
    struct bb_span wanted; /* revoke: the id */
    struct bb_arena arena;
    struct bb_registry_key found;
    bool has_found;
};

/* The key and its entry in the audit log are one transaction. */
static int put_key(struct keys *k, const char *verb, const struct bb_registry_key *key,
                   struct bb_error *error) {
    struct bb_cli_act act;

    bb_cli_act_init(&act, verb);
    bb_buffer_format(&act.subject, "bb_%s_%.*s%s%.*s", bb_role_name(key->role),
                     BB_SPAN_ARGS(key->id), key->label.size ? " " : "", BB_SPAN_ARGS(key->label));
    int r = bb_cli_act_note(&act, k->command, k->registry, key, error);
    bb_cli_act_release(&act);
    return r;
}

/* ---- create */

static int check_label(const char *label, struct bb_error *error) {
    if (strlen(label) > LABEL_MAX)
        return BB_FAIL(error, BB_E_USAGE, "--label has at most %d bytes", LABEL_MAX);
    for (const char *c = label; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return BB_FAIL(error, BB_E_USAGE, "--label has control characters");
    return 0;
}

static void report_new(struct keys *k, const char *text, struct bb_span id) {
    struct bb_command *command = k->command;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "key", bb_span_of(text));
        bb_json_put_text(&json, "id", id);
        bb_json_put_text(&json, "role", bb_span_of(bb_role_name(k->given->role)));
        bb_json_put_text(&json, "tenant", bb_command_tenant(command));
        bb_json_object_end(&json);
        bb_command_json_end(command);
        return;
    }
    bb_buffer_format(&command->out->buffer, "%s\n", text);
    if (!command->globals.quiet)
        bb_buffer_format(
            &command->out->buffer,
            "\nIt is shown this once: only its hash is kept.\n"
            "next: curl -H 'Authorization: Bearer KEY' http://127.0.0.1:8080/readyz\n");
}

static int create(struct keys *k, struct bb_error *error) {
    const char *label = k->given->label ? k->given->label : "";
    char text[BB_KEY_TEXT_MAX];
    enum bb_role role;
    struct bb_span id;

    if (k->given->role < 0)
        return BB_FAIL(error, BB_E_USAGE, "keys create needs --role ing, ro or adm");
    int r = check_label(label, error);
    if (r >= 0)
        r = bb_key_generate((enum bb_role)k->given->role, text, error);
    if (r < 0)
        return r;
    bool is_key = bb_key_parse(bb_span_of(text), &role, &id);
    BB_ASSERT(is_key);
    struct bb_key_hash hash = bb_key_hash(bb_span_of(text));
    const struct bb_registry_key key = {
        .tenant = bb_command_tenant(k->command),
        .id = id,
        .label = bb_span_of(label),
        .hash = {(const char *)hash.bytes, sizeof hash.bytes},
        .role = (uint8_t)role,
        .created_ms = k->now_ms,
        .expires_ms = k->given->valid_ms > 0 ? k->now_ms + k->given->valid_ms : BB_TIME_NONE,
        .revoked_ms = BB_TIME_NONE};
    r = put_key(k, "keys create", &key, error);
    if (r >= 0)
        report_new(k, text, id);
    return r < 0 ? r : BB_EXIT_DONE;
}

/* ---- list */

static const char *state_of(const struct keys *k, const struct bb_registry_key *key) {
    if (key->revoked_ms != BB_TIME_NONE)
        return "revoked";
    return key->expires_ms != BB_TIME_NONE && k->now_ms >= key->expires_ms ? "expired" : "valid";
}

static struct bb_span time_text(int64_t ms, char buffer[BB_TIME_TEXT_MAX]) {
    return (struct bb_span){buffer, ms == BB_TIME_NONE ? 0 : bb_time_format_utc(ms, buffer)};
}

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char buffer[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_json_put_text(json, key, time_text(ms, buffer));
}

static int list_row(void *context, const struct bb_registry_key *key) {
    struct keys *k = context;
    struct bb_json *json = &k->json;
    char created[BB_TIME_TEXT_MAX], expires[BB_TIME_TEXT_MAX];

    if (!k->command->globals.json) {
        bb_table_cell(&k->table, key->id);
        bb_table_cell(&k->table, bb_span_of(bb_role_name(key->role)));
        bb_table_cell(&k->table, key->tenant);
        bb_table_cell(&k->table, key->label);
        bb_table_cell(&k->table, time_text(key->created_ms, created));
        bb_table_cell(&k->table, time_text(key->expires_ms, expires));
        bb_table_cell(&k->table, bb_span_of(state_of(k, key)));
        return 0;
    }
    bb_json_object_begin(json);
    bb_json_put_text(json, "id", key->id);
    bb_json_put_text(json, "role", bb_span_of(bb_role_name(key->role)));
    bb_json_put_text(json, "tenant", key->tenant);
    bb_json_put_text(json, "label", key->label);
    put_time(json, "created", key->created_ms);
    put_time(json, "expires", key->expires_ms);
    put_time(json, "revoked", key->revoked_ms);
    bb_json_put_text(json, "state", bb_span_of(state_of(k, key)));
    bb_json_object_end(json);
    return 0;
}

static int list(struct keys *k, struct bb_error *error) {
    static const struct bb_table_column columns[] = {
        {"id", false},      {"role", false},    {"tenant", false}, {"label", false},
        {"created", false}, {"expires", false}, {"state", false}};
    bool as_json = k->command->globals.json;

    if (as_json) {
        k->json = bb_command_json(k->command);
        bb_json_array_begin(&k->json);
    } else {
        bb_table_init(&k->table, k->command->out, columns, sizeof columns / sizeof columns[0]);
    }
    int r = k->registry->ops->key_list(k->registry, list_row, k, error);
    if (as_json) {
        bb_json_array_end(&k->json);
        bb_command_json_end(k->command);
    } else {
        bb_table_finish(&k->table);
    }
    return r < 0 ? r : BB_EXIT_DONE;
}

/* ---- revoke */

static int find_row(void *context, const struct bb_registry_key *key) {
    struct keys *k = context;

    if (!bb_span_equal(key->id, k->wanted))
        return 0;
    k->found = *key;
    k->found.tenant = bb_arena_copy(&k->arena, key->tenant);
    k->found.id = bb_arena_copy(&k->arena, key->id);
    k->found.label = bb_arena_copy(&k->arena, key->label);
    k->found.hash = bb_arena_copy(&k->arena, key->hash);
    k->has_found = true;
    return 1;
}

/* The id, or all of the key, as people have it at hand. */
static struct bb_span wanted_id(const char *text) {
    enum bb_role role;
    struct bb_span id;

    return bb_key_parse(bb_span_of(text), &role, &id) ? id : bb_span_of(text);
}

static void report_revoked(struct keys *k) {
    struct bb_command *command = k->command;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "id", k->found.id);
        put_time(&json, "revoked", k->found.revoked_ms);
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (!command->globals.quiet) {
        bb_buffer_format(&command->out->buffer,
                         "key %.*s is revoked; a server refuses it within a second\n",
                         BB_SPAN_ARGS(k->found.id));
    }
}

static int revoke(struct keys *k, struct bb_error *error) {
    if (k->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "keys revoke needs the ID of one key");
    k->wanted = wanted_id(k->command->arguments[1]);
    int r = k->registry->ops->key_list(k->registry, find_row, k, error);
    if (r < 0)
        return r;
    if (!k->has_found)
        return BB_FAIL(error, BB_E_KEY_UNKNOWN, "no key has the id %.*s · busbar keys list",
                       BB_SPAN_ARGS(k->wanted));
    if (k->found.revoked_ms == BB_TIME_NONE) {
        k->found.revoked_ms = k->now_ms;
        r = put_key(k, "keys revoke", &k->found, error);
    }
    if (r >= 0)
        report_revoked(k);
    return r < 0 ? r : BB_EXIT_DONE;
}

/* ---- the command */

static const struct action {
    const char *name;
    int (*run)(struct keys *keys, struct bb_error *error);
} actions[] = {{"create", create}, {"list", list}, {"revoke", revoke}};

static const struct action *find_action(const struct bb_command *command) {
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(command->arguments[0], actions[i].name) == 0)
            return &actions[i];
    return NULL;
}

/* Beside a server that has the log, or before there is a plant. */
static int open_plant(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    int r = bb_command_open_plant(command, BB_PLANT_WORK, plant, error);

    return r == -BB_E_DATA_MISSING ? bb_command_open_plant(command, BB_PLANT_APPEND, plant, error)
                                   : r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct action *action = find_action(command);
    struct keys k = {.command = command,
                     .given = command->options,
                     .now_ms = bb_clock_now_ms(bb_clock_system())};
    struct bb_plant plant;

    if (!action)
        return BB_FAIL(error, BB_E_USAGE, "keys %s is none: create, list, revoke",
                       command->arguments[0]);
    int r = open_plant(command, &plant, error);
    if (r < 0)
        return r;
    k.registry = plant.registry;
    bb_arena_init(&k.arena, 1 << 10, 1 << 16);
    r = action->run(&k, error);
    bb_arena_release(&k.arena);
    bb_plant_close(&plant);
    return r;
}

const struct bb_verb bb_verb_keys = {
    .name = "keys",
    .summary = "API keys for programs that talk to the server",
    .arguments = "create|list|revoke [ID]",
    .arguments_min = 1,
    .arguments_max = 2,
    .options = options,
    .options_size = sizeof(struct keys_options),
    .examples = "busbar keys create --role ing --label 'head-end system'\n"
                "busbar keys list\n"
                "busbar keys revoke 3kTq0vX9\n",
    .details =
        "A key stands for one tenant (--tenant) and one role: ing posts readings, ro reads, adm does\n"
        "all. It is shown once, when it is made; kept is its hash. From the first key on a server\n"
        "answers only to requests that show one: Authorization: Bearer bb_ing_...\n",
    .run = run,
};
