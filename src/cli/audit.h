/* The command line's side of the audit log (service/audit.h): who works at this machine changes what. */
#ifndef BB_CLI_AUDIT_H
#define BB_CLI_AUDIT_H

#include "cli/cli.h"
#include "service/audit.h"

enum { BB_CLI_WHO_MAX = 32 };

struct bb_cli_act {
    const char *verb;      /* "edit" */
    const char *by;        /* --by; NULL: $USER, else $LOGNAME, else the user's number */
    struct bb_span reason; /* may be empty */
    struct bb_buffer subject;
    uint64_t entry;
    char credential[32], name[BB_CLI_WHO_MAX];
    struct bb_audit_act act;
};

/* What the change is about is put into `subject`, then the act is begun: its entry is durable when this returns 0.
 * Release it in any case. */
void bb_cli_act_init(struct bb_cli_act *act, const char *verb);
void bb_cli_act_release(struct bb_cli_act *act);
int bb_cli_act_begin(struct bb_cli_act *act, const struct bb_command *command,
                     struct bb_registry *registry, struct bb_error *error) BB_MUST_USE;
/* Tells what came of it and hands `result` on; an entry that cannot be ended stays unfinished, which is said. */
int bb_cli_act_end(struct bb_cli_act *act, struct bb_command *command, struct bb_registry *registry,
                   int result) BB_MUST_USE;
/* Who it is: `by`, else $USER, else $LOGNAME, else the user's number, in `memory`. */
const char *bb_cli_who(const char *by, char memory[BB_CLI_WHO_MAX]);
/* An act that is done, with a key (NULL: none). */
int bb_cli_act_note(struct bb_cli_act *act, const struct bb_command *command,
                    struct bb_registry *registry, const struct bb_registry_key *key,
                    struct bb_error *error) BB_MUST_USE;

#endif
