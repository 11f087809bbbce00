/* busbar replay ID: read a file that came once more, in another way or after it was mended.
 *
 * The command line's twin of POST /v1/files/{file}/replay. The plant keeps readings, not files: it is read where it
 * came from, or where the drop folder put it, and landed under the name it came by, as `ingest` would. A reading that
 * was there is no change, and a file whose content counts is passed over.
 */
#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/list_files.h"
#include "cli/reading_options.h"
#include "cli/verbs.h"
#include "codec/map.h"

#include <stdlib.h>

struct replay_options {
    struct bb_reading_options reading;
    bool partial;
    const char *by;
};

#define AT(field) offsetof(struct replay_options, field)

static const struct bb_option options[] = {
    BB_READING_OPTION_ROWS(AT(reading)),
    {.name = "partial",
     .kind = BB_OPTION_FLAG,
     .offset = AT(partial),
     .help = "keep the good lines when there are bad ones"},
    {.name = "by",
     .kind = BB_OPTION_TEXT,
     .offset = AT(by),
     .value = "NAME",
     .help = "who (default: $USER); it is kept in the audit log"},
    BB_OPTION_END};

struct replay {
    struct bb_command *command;
    struct bb_plant plant;
    struct bb_ingest_run ingest;
    struct bb_file_row file;
    struct bb_arena arena; /* of its name, which the ledger may move */
    char path[BB_FILE_PATH_MAX];
    struct bb_map *map;
};

/* A bb_file_visit. */
static int take(void *context, const struct bb_file_row *row) {
    struct replay *r = context;

    r->file = *row;
    r->file.source = bb_arena_copy(&r->arena, row->source);
    return r->file.source.data ? 1 : -BB_E_NO_MEMORY;
}

static int find(struct replay *r, struct bb_error *error) {
    const char *text = r->command->arguments[0];
    struct bb_file_question asked = {.tenant = bb_command_tenant(r->command),
                                     .before_ms = INT64_MAX};
    int result = bb_cli_ledger(&r->plant, error);

    if (!result && bb_file_id_parse(bb_span_of(text), &asked.id))
        result = bb_file_list(&r->plant.ledger, &asked, take, r);
    if (result == -BB_E_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a file's name");
    if (result == 0)
        return BB_FAIL(error, BB_E_FILE_UNKNOWN,
                       "there is no file %.60s: `busbar list dead-letters` shows them", text);
    return result < 0 ? result
                      : bb_file_find(&r->file, r->plant.config.drop_folder, r->path, error);
}

/* What was dropped is read with the drop folder's map, unless another one is given. */
static int take_drop_map(struct replay *r, struct bb_error *error) {
    const struct bb_config *config = &r->plant.config;
    struct bb_land_options *land = &r->ingest.land;

    if (r->map || !config->drop_map[0] || !bb_file_was_dropped(&r->file, config->drop_folder))
        return 0;
    int result = bb_map_load(config->drop_map, &r->map, error);
    land->form.map = r->map;
    land->map_path = config->drop_map;
    return result;
}

static int land_audited(struct replay *r, struct bb_error *error) {
    const struct replay_options *given = r->command->options;
    struct bb_registry *registry = r->plant.registry;
    char *paths[] = {r->path};
    struct bb_cli_act act;

    bb_cli_act_init(&act, "replay");
    act.by = given->by;
    bb_buffer_format(&act.subject, "file %s", r->command->arguments[0]);
    int result = bb_cli_act_begin(&act, r->command, registry, error);
    if (!result) {
        result = bb_ingest_and_tell(&r->ingest, paths, 1, error);
        int ended = bb_cli_act_end(&act, r->command, registry, result < 0 ? result : 0);
        result = ended < 0 ? ended : result;
    }
    bb_cli_act_release(&act);
    return result;
}

static int replay(struct replay *r, struct bb_error *error) {
    const struct replay_options *given = r->command->options;
    struct bb_ingest_run *ingest = &r->ingest;

    ingest->command = r->command;
    ingest->plant = &r->plant;
    ingest->skipped_note = "its content counts";
    ingest->land = (struct bb_land_options){.form.tenant = bb_command_tenant(r->command),
                                            .partial = given->partial,
                                            .watch = &r->command->bar->watch};
    int result = bb_reading_options_apply(&given->reading, &ingest->land, &r->map, error);
    if (!result)
        result = bb_command_open_plant(r->command, BB_PLANT_APPEND, &r->plant, error);
    if (!result)
        result = find(r, error);
    if (!result)
        result = take_drop_map(r, error);
    ingest->land.name = r->file.source.data;
    return result ? result : land_audited(r, error);
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct replay *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    r->command = command;
    bb_arena_init(&r->arena, 2 * (size_t)BB_FILE_PATH_MAX, 1 << 20);
    int result = replay(r, error);
    bb_ingest_run_release(&r->ingest);
    bb_plant_close(&r->plant);
    bb_map_free(r->map);
    bb_arena_release(&r->arena);
    free(r);
    return result;
}

const struct bb_verb bb_verb_replay = {
    .name = "replay",
    .summary = "read a file once more of which something was refused",
    .arguments = "ID",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct replay_options),
    .examples = "busbar list dead-letters\n"
                "busbar replay 0f3a5c7e9b1d2468 --zone Europe/Amsterdam\n"
                "busbar replay 0f3a5c7e9b1d2468 --partial\n",
    .details =
        "It is read where it came from, or in the drop folder's done/ and failed/, as `ingest` would. What\n"
        "was dropped is read with the drop folder's map, unless --map says another one. Nothing counts\n"
        "twice: equal values for equal times are no change, and a file whose content counts is passed\n"
        "over. What a wrong reading brought in before stays until a person withdraws or overrules it.\n",
    .run = run,
};
