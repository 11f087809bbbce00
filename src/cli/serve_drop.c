/* The drop folder of a server: see serve_drop.h. On the thread that watches over the server. */
#include "cli/serve_drop.h"

#include "codec/map.h"
#include "service/drop.h"
#include "service/metric.h"

#include <stdlib.h>

enum { RETRY_MS = 5000 };

struct bb_serve_drop {
    struct bb_command *command;
    struct bb_map *map;    /* NULL: none */
    struct bb_plant plant; /* its own, to read files by */
    bool is_open;
    struct bb_drop *drop;
    int64_t not_before_ms; /* monotonic: after a failure */
    struct bb_drop_file file;
};

int bb_serve_drop_open(struct bb_command *command, const struct bb_config *config,
                       struct bb_committer *committer, struct bb_serve_drop **out,
                       struct bb_error *error) {
    *out = NULL;
    if (!config->drop_folder[0])
        return 0;
    struct bb_serve_drop *drop = calloc(1, sizeof *drop);
    if (!drop)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a drop folder");
    drop->command = command;
    int r = config->drop_map[0] ? bb_map_load(config->drop_map, &drop->map, error) : 0;
    const struct bb_drop_options options = {
        .folder = config->drop_folder,
        .quiet_ms = config->drop_quiet_ms,
        .held_ms = config->drop_held_ms,
        .land = {.form = {.tenant = bb_command_tenant(command), .map = drop->map},
                 .map_path = config->drop_map[0] ? config->drop_map : NULL,
                 .clock = bb_clock_system(),
                 .committer = committer}};
    if (r == 0)
        r = bb_drop_open(&options, &drop->drop, error);
    if (r < 0)
        bb_serve_drop_close(drop);
    else
        *out = drop;
    return r;
}

void bb_serve_drop_close(struct bb_serve_drop *drop) {
    if (!drop)
        return;
    bb_drop_close(drop->drop);
    bb_map_free(drop->map);
    if (drop->is_open)
        bb_plant_close(&drop->plant);
    free(drop);
}

static void tell(struct bb_serve_drop *drop) {
    const struct bb_land_report *report = drop->file.report;
    const struct bb_log_field fields[] = {
        bb_field_decision("drop-file"), bb_field_text("file", drop->file.name),
        bb_field_text("outcome", bb_drop_outcome_name(drop->file.outcome)),
        bb_field_number("readings", (int64_t)(report->readings + report->readings_before)),
        bb_field_number("rejected", (int64_t)report->rejected)};

    bb_metric_add(BB_METRIC_DROP_FILES, (int)drop->file.outcome, 1);
    bb_command_note(drop->command, report->rejected > 0 ? BB_LOG_WARNING : BB_LOG_INFO,
                    "a file was dropped", fields, sizeof fields / sizeof fields[0]);
}

/* What comes of the file is appended by the committer, between posts (land.h). */
static int take(struct bb_serve_drop *drop, struct bb_error *error) {
    const struct bb_globals *globals = &drop->command->globals;

    if (!drop->is_open) {
        int r = bb_plant_open(globals->data, globals->config, BB_PLANT_READ, &drop->plant, error);
        if (r < 0)
            return r;
        drop->is_open = true;
    }
    return bb_drop_take(drop->drop, &drop->plant, &drop->file, error);
}

void bb_serve_drop_look(struct bb_serve_drop *drop) {
    int64_t now_ms = bb_monotonic_ns() / 1000000;
    struct bb_error error;

    if (!drop || now_ms < drop->not_before_ms)
        return;
    int r = bb_drop_look(drop->drop, &error);
    if (r == BB_DROP_READY) {
        r = take(drop, &error);
        if (r == BB_DROP_PUT_AWAY)
            tell(drop);
    }
    if (r < 0) {
        bb_command_complain(drop->command, &error);
        drop->not_before_ms = now_ms + RETRY_MS;
    }
}
