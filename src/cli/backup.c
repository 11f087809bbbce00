/* busbar backup: a copy of the plant while it runs, or a look at one that was made. */
#include "service/backup.h"
#include "cli/backup_print.h"
#include "cli/verbs.h"

struct backup_options {
    bool verify;
};

static const struct bb_option options[] = {
    {.name = "verify",
     .kind = BB_OPTION_FLAG,
     .offset = offsetof(struct backup_options, verify),
     .help = "look at the backup BACKUP: every hash, record and block; changes nothing"},
    BB_OPTION_END};

static int run(struct bb_command *command, struct bb_error *error) {
    const struct backup_options *given = command->options;
    const char *target = command->arguments[0];
    struct bb_backup_report report;
    int64_t began_ns = bb_monotonic_ns();
    int r = given->verify ? bb_backup_verify(target, &report, error)
                          : bb_backup_make(command->globals.data, command->globals.config, target,
                                           bb_clock_system(), &report, error);

    if (r < 0)
        return r;
    bb_backup_print(
        command, &report,
        &(struct bb_backup_words){.did = given->verify ? "whole" : "backed up",
                                  .what = target,
                                  .next = given->verify ? "--data NEW restore" : "backup --verify"},
        (double)(bb_monotonic_ns() - began_ns) / 1e9);
    return BB_EXIT_DONE;
}

const struct bb_verb bb_verb_backup = {
    .name = "backup",
    .summary = "a copy of the plant while it runs, verified",
    .arguments = "DIR",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct backup_options),
    .details =
        "DIR must be empty or not there yet. Everything that was acknowledged when the log is copied is\n"
        "in the backup: log, store, registry and configuration, of one moment. Other commands\n"
        "may go on meanwhile; until it is whole it is called DIR.unfinished. A backup may be read like\n"
        "a plant (busbar --data DIR query ...) and is never written.",
    .examples = "busbar backup /backup/2026-03-29\n"
                "busbar backup --verify /backup/2026-03-29\n",
    .run = run,
};
