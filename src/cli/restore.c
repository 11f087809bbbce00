/* busbar restore: a plant out of a backup. */
#include "cli/audit.h"
#include "cli/backup_print.h"
#include "cli/verbs.h"
#include "service/backup.h"

/* In the restored plant's own audit log, which goes on where the backup's ended. */
static int tell(struct bb_command *command, struct bb_error *error) {
    struct bb_plant plant;
    struct bb_cli_act act;
    int r = bb_command_open_plant(command, BB_PLANT_WORK, &plant, error);

    if (r < 0)
        return r;
    bb_cli_act_init(&act, "restore");
    bb_buffer_format(&act.subject, "%s", command->arguments[0]);
    r = bb_cli_act_note(&act, command, plant.registry, NULL, error);
    bb_cli_act_release(&act);
    bb_plant_close(&plant);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_backup_report report;
    int64_t began_ns = bb_monotonic_ns();

    bb_progress_bar_restart(command->bar, NULL);
    int r = bb_backup_restore(command->arguments[0], command->globals.data, command->globals.config,
                              &command->bar->watch, &report, error);
    bb_progress_bar_clear(command->bar);
    if (r >= 0)
        r = tell(command, error);
    if (r < 0)
        return r;
    bb_backup_print(command, &report,
                    &(struct bb_backup_words){.did = "restored",
                                              .what = command->globals.data,
                                              .next = "check --deep",
                                              .restored = true},
                    (double)(bb_monotonic_ns() - began_ns) / 1e9);
    return BB_EXIT_DONE;
}

const struct bb_verb bb_verb_restore = {
    .name = "restore",
    .summary = "a plant out of a backup, into the empty folder --data",
    .arguments = "BACKUP",
    .arguments_min = 1,
    .arguments_max = 1,
    .details =
        "The folder --data must be empty or not there yet. Every file is compared with its hash, what was\n"
        "copied is opened and compared with what was backed up, and what was left in the log is derived;\n"
        "only then does the folder appear (until then it is called DATA.restoring).",
    .examples = "busbar --data ./busbar-data restore /backup/2026-03-29\n",
    .run = run,
};
