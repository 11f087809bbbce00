/* What backup and restore say at their end. */
#ifndef BB_CLI_BACKUP_PRINT_H
#define BB_CLI_BACKUP_PRINT_H

#include "cli/cli.h"
#include "service/backup.h"

struct bb_backup_words {
    const char *did, *what; /* "backed up", a folder */
    const char *next;       /* command to run next */
    bool restored;          /* tell what was derived, and do not name the folder in `next` */
};

void bb_backup_print(struct bb_command *command, const struct bb_backup_report *report,
                     const struct bb_backup_words *words, double seconds);

#endif
