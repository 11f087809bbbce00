/* busbar registry apply|show|export|erase: the master data of a plant.
 *
 *   apply   file ─► entries ─► what would change, printed ─► log ─► worker recomputes ─► registry
 *   show    one usage point      export   everything, in the form that apply takes
 *   erase   a customer's personal data, out of every file
 */
#include "answer/master_json.h"
#include "base/nearest.h"
#include "cli/registry_apply.h"
#include "cli/registry_customer.h"
#include "cli/registry_erase.h"
#include "cli/verbs.h"
#include "service/known.h"
#include "service/registry_file.h"

#include <stdlib.h>

static const struct bb_option options[] = {
    {.name = "dry-run",
     .kind = BB_OPTION_FLAG,
     .offset = offsetof(struct bb_registry_options, dry_run),
     .help = "apply, erase: show the change and leave it at that"},
    {.name = "yes",
     .kind = BB_OPTION_FLAG,
     .offset = offsetof(struct bb_registry_options, yes),
     .help = "erase: do it, although it cannot be undone"},
    {.name = "reason",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, reason),
     .value = "TEXT",
     .help = "erase: why; it is kept in the audit log"},
    {.name = "by",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, by),
     .value = "NAME",
     .help = "erase: who (default: $USER)"},
    {.name = "also",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, also),
     .value = "TEXT;...",
     .help = "erase: other words to take out wherever they stand, such as an e-mail address"},
    {.name = "keep-tags",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, keep_tags),
     .value = "KEY,...",
     .help = "erase: tags that are nobody's, such as district"},
    {.name = "format",
     .kind = BB_OPTION_CHOICE,
     .offset = offsetof(struct bb_registry_options, format),
     .value = "auto|yaml|csv",
     .initial = "auto",
     .help = "apply: of the file"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, as_of),
     .value = "T",
     .help = "show, export: as it was known then"},
    {.name = "customer",
     .kind = BB_OPTION_TEXT,
     .offset = offsetof(struct bb_registry_options, customer),
     .value = "NAME",
     .help = "export: all that is kept about this customer, as JSON"},
    BB_OPTION_END};

static int read_as_of(const struct bb_command *command, int64_t *ms, struct bb_error *error) {
    const struct bb_registry_options *given = command->options;

    *ms = BB_TIME_NONE;
    if (!given->as_of || bb_time_parse_rfc3339(bb_span_of(given->as_of), ms) == BB_TIME_OK)
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--as-of cannot be \"%s\": allowed is a time such as 2026-03-01T00:15:00Z",
                   given->as_of);
}

/* ---- show -----------------------------------------------------------------------------------------*/

enum { SHOW_ARENA_LIMIT = 64 << 20 };

static int show(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    struct bb_master entry = {.kind = BB_MASTER_USAGE_POINT};
    struct bb_arena arena;
    int64_t as_of_ms;
    int r = read_as_of(command, &as_of_ms, error);

    if (r)
        return r;
    bb_arena_init(&arena, 1 << 16, SHOW_ARENA_LIMIT);
    r = bb_known_usage_point(plant, bb_command_tenant(command), bb_span_of(command->arguments[1]),
                             as_of_ms, &arena, &entry.usage_point, error);
    if (r == 0 && command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_master_put_json(&json, &entry);
        bb_command_json_end(command);
    } else if (r == 0) {
        bb_registry_entry_print(&entry, &command->out->buffer);
    }
    bb_arena_release(&arena);
    return r;
}

/* ---- export ---------------------------------------------------------------------------------------*/

struct exporting {
    struct bb_output *out;
    struct bb_json json;
};

static int write_yaml(void *context, struct bb_span text) {
    struct exporting *exporting = context;

    bb_buffer_append_span(&exporting->out->buffer, text);
    bb_output_spill(exporting->out);
    return 0;
}

static int write_json(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct exporting *exporting = context;

    (void)recorded_ms;
    bb_master_put_json(&exporting->json, master);
    return bb_output_spill(exporting->out) ? 0 : 1;
}

static int export(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    struct exporting exporting = {.out = command->out, .json = bb_command_json(command)};
    int64_t as_of_ms;
    int r = read_as_of(command, &as_of_ms, error);
    const struct bb_registry_options *given = command->options;

    if (r)
        return r;
    if (given->customer && given->as_of)
        return BB_FAIL(error, BB_E_USAGE, "--customer tells all versions: it goes without --as-of");
    if (given->customer)
        return bb_registry_export_customer(command, plant, given->customer, error);
    if (!command->globals.json)
        return bb_registry_export(plant->registry, bb_command_tenant(command), as_of_ms, write_yaml,
                                  &exporting, error);
    bb_json_array_begin(&exporting.json);
    r = plant->registry->ops->master_list(plant->registry, bb_command_tenant(command), as_of_ms,
                                          write_json, &exporting, error);
    bb_json_array_end(&exporting.json);
    bb_command_json_end(command);
    return r;
}

/* ---- the command --------------------------------------------------------------------------------*/

static int read_plant(struct bb_command *command,
                      int (*act)(struct bb_command *, struct bb_plant *, struct bb_error *),
                      struct bb_error *error) {
    struct bb_plant plant;
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    r = act(command, &plant, error);
    bb_plant_close(&plant);
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run_show(struct bb_command *command, struct bb_error *error) {
    return read_plant(command, show, error);
}

static int run_export(struct bb_command *command, struct bb_error *error) {
    return read_plant(command, export, error);
}

static const struct action {
    const char *name, *argument; /* NULL: it takes none */
    int (*run)(struct bb_command *command, struct bb_error *error);
} actions[] = {
    {"apply", "FILE or -", bb_registry_apply},
    {"show", "a usage point", run_show},
    {"export", NULL, run_export},
    {"erase", "a customer", bb_registry_erase},
};

static int run(struct bb_command *command, struct bb_error *error) {
    const char *name = command->arguments[0];
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(name));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        bb_nearest_offer(&nearest, actions[i].name);
        if (strcmp(name, actions[i].name) != 0)
            continue;
        size_t wanted = actions[i].argument ? 2 : 1;
        if (command->argument_count < wanted)
            return BB_FAIL(error, BB_E_USAGE, "registry %s needs %s", name, actions[i].argument);
        if (command->argument_count > wanted)
            return BB_FAIL(error, BB_E_USAGE, "registry %s does not take the argument \"%s\"", name,
                           command->arguments[wanted]);
        return actions[i].run(command, error);
    }
    return BB_FAIL(error, BB_E_USAGE,
                   "registry cannot \"%s\": allowed are apply, show, export, erase%s%s", name,
                   nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
}

const struct bb_verb bb_verb_registry = {
    .name = "registry",
    .summary = "master data to apply, show, export and erase",
    .arguments = "apply FILE|- | show UP | export | erase CUSTOMER",
    .arguments_min = 1,
    .arguments_max = 2,
    .options = options,
    .options_size = sizeof(struct bb_registry_options),
    .examples =
        "busbar registry apply meters.yaml --dry-run\n"
        "busbar registry apply meters.yaml\n"
        "busbar registry show 871685900012345678\n"
        "busbar registry export > meters.yaml\n"
        "busbar registry export --customer C-1004 > C-1004.json\n"
        "busbar registry erase C-1004 --keep-tags district,transformer --dry-run\n"
        "busbar registry erase C-1004 --keep-tags district,transformer --reason \"asked to\" --yes\n",
    .details =
        "An entry of the file replaces the stored entry of its name; entries that the file does not\n"
        "name stay. What a change touches is recomputed before the command comes back.\n"
        "erase overwrites what is personal of a customer in the log, the store and the registry: the name,\n"
        "tags, reasons; readings stay under their usage point. Ended in its midst, run it again.\n",
    .run = run,
};
