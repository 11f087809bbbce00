/* busbar check: is everything there that a plant needs, and whole?
 *
 * One line per thing: the configuration, the zones, the log, the store, the registry, the guarantee
 * of each sink. --deep reads every record of the log and every block of the store and verifies their
 * checksums. --defaults prints every configuration key.
 */
#include "cli/human.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "derive/packed.h"
#include "service/archive_list.h"
#include "service/archive_verify.h"
#include "service/audit.h"
#include "service/erase.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

struct check_options {
    bool defaults, deep;
};

#define AT(field) offsetof(struct check_options, field)

static const struct bb_option options[] = {
    {.name = "defaults",
     .kind = BB_OPTION_FLAG,
     .offset = AT(defaults),
     .help = "print every configuration key with its default, as YAML"},
    {.name = "deep",
     .kind = BB_OPTION_FLAG,
     .offset = AT(deep),
     .help = "read all records and blocks and verify their checksums"},
    BB_OPTION_END};

enum { BLOCK_ARENA_BYTES = 1 << 20, BLOCK_ARENA_LIMIT = 1 << 30, DAMAGED_SHOWN = 100 };

static const struct bb_table_column columns[] = {{"what", false}, {"state", false}, {"", false}};

struct check {
    struct bb_command *command;
    struct bb_plant plant;
    struct bb_table table;
    struct bb_json json;
    struct bb_arena arena; /* of one block */
    uint64_t blocks, damaged;
    uint32_t partition; /* being read */
};

static void say(struct check *check, const char *what, const char *state, const char *format, ...)
    BB_PRINTF(4, 5);

static void say(struct check *check, const char *what, const char *state, const char *format, ...) {
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!check->command->globals.json) {
        bb_table_cell(&check->table, bb_span_of(what));
        bb_table_cell(&check->table, bb_span_of(state));
        bb_table_cell(&check->table, bb_span_of(text));
        return;
    }
    bb_json_object_begin(&check->json);
    bb_json_put_text(&check->json, "what", bb_span_of(what));
    bb_json_put_text(&check->json, "state", bb_span_of(state));
    bb_json_put_text(&check->json, "text", bb_span_of(text));
    bb_json_object_end(&check->json);
}

/* ---- configuration and zones ----------------------------------------------------------------------*/

static int check_config(struct check *check, struct bb_error *error) {
    const struct bb_globals *globals = &check->command->globals;
    struct bb_config config;
    char path[4096];
    int r = 0;

    snprintf(path, sizeof path, "%s/busbar.yaml", globals->data);
    if (globals->config)
        snprintf(path, sizeof path, "%s", globals->config);
    bool there = globals->config || access(path, F_OK) == 0;
    if (there)
        r = bb_config_load(path, &config, error);
    if (r == 0)
        say(check, "config", "ok", there ? "%s" : "%s is not there: every key has its default",
            path);
    return r;
}

static int check_zones(struct check *check, struct bb_error *error) {
    struct bb_zone *zone;
    int r = bb_zone_load(NULL, BB_SPAN("Europe/Amsterdam"), &zone, error);

    if (r < 0)
        return r;
    bb_zone_free(zone);
    say(check, "zones", "ok", "IANA names such as Europe/Amsterdam are known");
    return 0;
}

/* ---- what the plant holds -------------------------------------------------------------------------*/

static int add_backlog(struct check *check, uint64_t *lag, struct bb_error *error) {
    const struct bb_store_ops *store = check->plant.store->ops;
    struct bb_log *log = check->plant.log;
    struct bb_store_view *view;
    struct bb_claim claim;
    struct bb_log_backlog backlog;

    int r = store->view_begin(check->plant.store, check->partition, &view, error);
    if (r < 0)
        return r;
    r = store->position(view, &claim, error);
    store->view_end(view);
    if (r >= 0)
        r = log->ops->backlog(log, check->partition, claim.position.offset, &backlog, error);
    if (r >= 0)
        *lag += backlog.lag_readings;
    return r;
}

static int check_log(struct check *check, struct bb_error *error) {
    struct bb_log *log = check->plant.log;
    uint64_t readings = 0, lag = 0;
    char count[BB_HUMAN_MAX], left[BB_HUMAN_MAX];

    for (check->partition = 0; check->partition < log->partitions; check->partition++) {
        struct bb_log_end end;
        int r = log->ops->end(log, check->partition, &end, error);
        if (r >= 0)
            r = add_backlog(check, &lag, error);
        if (r < 0)
            return r;
        readings += end.readings;
    }
    say(check, "log", "ok",
        "%s, %" PRIu32 " partitions, identity %016" PRIx64 ", %s readings, %s not yet derived",
        log->ops->name, log->partitions, log->identity, bb_human_count(readings, count),
        bb_human_count(lag, left));
    return 0;
}

static int check_store(struct check *check, struct bb_error *error) {
    struct bb_store *store = check->plant.store;
    uint64_t used = 0, whole = 0;
    char used_text[BB_HUMAN_MAX], whole_text[BB_HUMAN_MAX];

    for (uint32_t partition = 0; partition < store->partitions; partition++) {
        uint64_t used_bytes, file_bytes;
        int r = store->ops->size(store, partition, &used_bytes, &file_bytes, error);
        if (r < 0)
            return r;
        used += used_bytes;
        whole += file_bytes;
    }
    say(check, "store", "ok",
        "%s, %s in use of %s on disk; once: blocks and position in one transaction",
        store->ops->name, bb_human_bytes(used, used_text), bb_human_bytes(whole, whole_text));
    return 0;
}

static int count_channel(void *context, const struct bb_registry_channel *row) {
    (void)row;
    ++*(uint64_t *)context;
    return 0;
}

static int count_exception(void *context, const struct bb_registry_exception *row) {
    (void)row;
    ++*(uint64_t *)context;
    return 0;
}

static int check_registry(struct check *check, struct bb_error *error) {
    struct bb_registry *registry = check->plant.registry;
    struct bb_span every_tenant = {NULL, 0};
    uint64_t channels = 0, exceptions = 0;
    char channel_text[BB_HUMAN_MAX], exception_text[BB_HUMAN_MAX];

    int r = registry->ops->channel_list(registry, every_tenant, every_tenant, count_channel,
                                        &channels, error);
    if (r >= 0)
        r = registry->ops->exception_list(registry, every_tenant, true, BB_TIME_NONE,
                                          count_exception, &exceptions, error);
    if (r < 0)
        return r;
    say(check, "registry", "ok",
        "%s, %s channels, %s open exceptions; once: records and their sequence number in one transaction",
        registry->ops->name, bb_human_count(channels, channel_text),
        bb_human_count(exceptions, exception_text));
    return 0;
}

static int check_audit(struct check *check, struct bb_error *error) {
    uint64_t entries;
    char text[BB_HUMAN_MAX];
    int r = bb_audit_verify(check->plant.registry, &entries, error);

    if (r >= 0)
        say(check, "audit log", "ok", "%s entries, each fits the one before it",
            bb_human_count(entries, text));
    return r;
}

/* Only one that was begun and not finished. */
static int check_erasure(struct check *check, struct bb_error *error) {
    (void)error;
    if (bb_erase_is_pending(check->plant.directory))
        say(check, "erasure", "unfinished",
            "run the same `busbar registry erase` again: it goes on where it was ended");
    return 0;
}

/* Only a folder that the configuration names. */
static int check_drop(struct check *check, struct bb_error *error) {
    const char *folder = check->plant.config.drop_folder;

    if (!folder[0])
        return 0;
    if (access(folder, R_OK | W_OK | X_OK) != 0)
        return BB_FAIL_ERRNO(error, BB_E_DROP_FOLDER, errno,
                             "the drop folder %s cannot be read and written to", folder);
    say(check, "drop folder", "ok",
        "%s; once: a file is known by its content, by a record of the log", folder);
    return 0;
}

struct archive_sum {
    struct check *check; /* deep: read each, too */
    uint64_t files, bytes, readings;
    bool deep;
};

static int look_at_archived(void *context, const struct bb_archive_head *head,
                            const struct bb_archive_place *place, struct bb_error *error) {
    struct archive_sum *sum = context;
    struct bb_blob *blob = sum->check->plant.blob;
    struct bb_error wrong;

    (void)head;
    (void)error;
    sum->files++;
    sum->bytes += place->size;
    sum->readings += place->trailer.readings;
    if (sum->deep && blob && bb_archive_verify(blob, place, &wrong) < 0 &&
        sum->check->damaged++ < DAMAGED_SHOWN)
        say(sum->check, "archive", "damaged", "%s", wrong.text);
    return 0;
}

static int check_archive(struct check *check, struct bb_error *error) {
    const struct bb_blob *blob = check->plant.blob;
    struct archive_sum sum = {.check = check};
    char text[BB_HUMAN_MAX];
    int r = bb_archive_list(&check->plant, BB_SPAN(""), look_at_archived, &sum, error);

    if (r < 0)
        return r;
    if (!blob && sum.files > 0) {
        check->damaged++;
        say(check, "archive", "missing",
            "values lie in %" PRIu64 " archived files, and archive.folder does not say where",
            sum.files);
    } else if (blob) {
        say(check, "archive", "ok", "%" PRIu64 " files, %s readings in %" PRIu64 " bytes, in %s",
            sum.files, bb_human_count(sum.readings, text), sum.bytes, blob->where);
    }
    return 0;
}

static int verify_archive(struct check *check, struct bb_error *error) {
    struct archive_sum sum = {.check = check, .deep = true};
    uint64_t damaged_before = check->damaged;
    int r = bb_archive_list(&check->plant, BB_SPAN(""), look_at_archived, &sum, error);

    if (r >= 0 && sum.files > 0 && check->plant.blob && check->damaged == damaged_before)
        say(check, "archive", "ok", "%" PRIu64 " files read, checksums compared", sum.files);
    return r;
}

/* What each sink promises; it is connected to. */
static int check_sinks(struct check *check, struct bb_error *error) {
    static const char *const guarantees[] = {
        [BB_SINK_INSIDE] = "exactly once: the position moves in the same transaction",
        [BB_SINK_IDEMPOTENT] = "as if once: what is told again changes nothing, the position last",
        [BB_SINK_NUMBERED] = "at least once, numbered: a repetition can be seen by its id"};
    int r = bb_plant_follow(&check->plant, error);

    for (size_t i = 0; r >= 0 && i < check->plant.sink_count; i++) {
        struct bb_sink *sink = check->plant.sinks[i];
        r = sink->ops->check(sink, error);
        if (r >= 0)
            say(check, "sink", "ok", "%s; %s", sink->label, guarantees[sink->ops->guarantee]);
    }
    return r;
}

/* ---- --deep ---------------------------------------------------------------------------------------*/

static int verify_log(struct check *check, struct bb_error *error) {
    struct bb_log *log = check->plant.log;
    uint64_t records = 0;
    char text[BB_HUMAN_MAX];

    /* the data partitions and the control partition behind them */
    for (uint32_t partition = 0; partition <= log->partitions; partition++) {
        uint64_t count = 0;
        int r = log->ops->verify(log, partition, &count, error);
        if (r == -(int)BB_E_LOG_CORRUPT) {
            check->damaged++;
            say(check, "log records", "damaged", "partition %" PRIu32 ": %s", partition,
                error->text);
        } else if (r < 0) {
            return r;
        }
        records += count;
    }
    say(check, "log records", check->damaged ? "damaged" : "ok", "%s read, checksums compared",
        bb_human_count(records, text));
    return 0;
}

static int verify_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct check *check = context;
    struct bb_error error;

    bb_arena_reset(&check->arena);
    check->blocks++;
    if (bb_packed_verify(key->lane, packed, &check->arena, &error) >= 0)
        return 0;
    if (check->damaged++ < DAMAGED_SHOWN)
        say(check, "block", "damaged",
            "partition %" PRIu32 " channel %" PRIu32 " lane %s span %" PRId32 ": %s",
            check->partition, key->channel,
            bb_lanes[key->lane].name ? bb_lanes[key->lane].name : "history", key->span, error.text);
    return 0;
}

static int verify_partition(struct check *check, struct bb_error *error) {
    const struct bb_store_ops *store = check->plant.store->ops;
    struct bb_store_view *view;

    int r = store->view_begin(check->plant.store, check->partition, &view, error);
    if (r < 0)
        return r;
    for (uint8_t lane = 0; r >= 0 && lane < BB_LANE_COUNT; lane++)
        r = store->block_scan(view, lane, INT32_MIN, INT32_MAX, verify_block, check, error);
    store->view_end(view);
    return r;
}

static int verify_store(struct check *check, struct bb_error *error) {
    uint64_t damaged_before = check->damaged;
    char text[BB_HUMAN_MAX];
    int r = 0;

    bb_arena_init(&check->arena, BLOCK_ARENA_BYTES, BLOCK_ARENA_LIMIT);
    for (check->partition = 0; r >= 0 && check->partition < check->plant.store->partitions;
         check->partition++)
        r = verify_partition(check, error);
    bb_arena_release(&check->arena);
    if (r < 0)
        return r;
    say(check, "blocks", check->damaged > damaged_before ? "damaged" : "ok",
        "%s read, checksums and layout compared", bb_human_count(check->blocks, text));
    return 0;
}

/* ---- the command --------------------------------------------------------------------------------*/

static int run_all(struct check *check, int (*const *steps)(struct check *, struct bb_error *),
                   size_t count, struct bb_error *error) {
    for (size_t i = 0; i < count; i++) {
        int r = steps[i](check, error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_plant(struct check *check, struct bb_error *error) {
    static int (*const shallow[])(struct check *, struct bb_error *) = {
        check_log,     check_store, check_registry, check_audit,
        check_erasure, check_drop,  check_archive,  check_sinks};
    static int (*const deep[])(struct check *, struct bb_error *) = {verify_log, verify_archive,
                                                                     verify_store};
    const struct check_options *given = check->command->options;

    int r = bb_command_open_plant(check->command, BB_PLANT_READ, &check->plant, error);
    if (r == -(int)BB_E_DATA_MISSING) {
        say(check, "plant", "none", "nothing at %s yet: busbar ingest makes it",
            check->command->globals.data);
        return 0;
    }
    if (r < 0)
        return r;
    r = run_all(check, shallow, sizeof shallow / sizeof shallow[0], error);
    if (r >= 0 && given->deep)
        r = run_all(check, deep, sizeof deep / sizeof deep[0], error);
    bb_plant_close(&check->plant);
    return r;
}

static int check_everything(struct check *check, struct bb_error *error) {
    int r = check_config(check, error);

    if (r >= 0)
        r = check_zones(check, error);
    if (r >= 0)
        r = check_plant(check, error);
    return r;
}

static void print_defaults(struct bb_command *command) {
    struct bb_config config;
    struct bb_buffer page;

    bb_buffer_init(&page, 1 << 20);
    bb_config_defaults(&config);
    bb_config_print(&config, &page);
    bb_command_print_page(command, &page);
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct check_options *given = command->options;
    struct check check = {.command = command, .json = bb_command_json(command)};

    if (given->defaults) {
        print_defaults(command);
        return BB_EXIT_DONE;
    }
    if (command->globals.json)
        bb_json_array_begin(&check.json);
    else
        bb_table_init(&check.table, command->out, columns, sizeof columns / sizeof columns[0]);
    int r = check_everything(&check, error);
    if (command->globals.json) {
        bb_json_array_end(&check.json);
        bb_command_json_end(command);
    } else {
        bb_table_finish(&check.table);
    }
    if (r < 0)
        return r;
    return check.damaged > 0 ? BB_EXIT_FAULT : BB_EXIT_DONE;
}

const struct bb_verb bb_verb_check = {
    .name = "check",
    .summary = "is everything there, and whole?",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct check_options),
    .examples = "busbar check\n"
                "busbar check --deep\n"
                "busbar check --defaults > busbar-data/busbar.yaml\n",
    .run = run,
};
