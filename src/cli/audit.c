/* Auditing what is done by the command line: see audit.h. */
#include "cli/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

enum { SUBJECT_MAX = 4096 };

void bb_cli_act_init(struct bb_cli_act *act, const char *verb) {
    *act = (struct bb_cli_act){.verb = verb};
    bb_buffer_init(&act->subject, SUBJECT_MAX);
}

void bb_cli_act_release(struct bb_cli_act *act) {
    bb_buffer_release(&act->subject);
}

const char *bb_cli_who(const char *by, char memory[BB_CLI_WHO_MAX]) {
    const char *const named[] = {by, getenv("USER"), getenv("LOGNAME")};

    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (named[i] && *named[i])
            return named[i];
    snprintf(memory, BB_CLI_WHO_MAX, "user %u", (unsigned)getuid());
    return memory;
}

static void describe(struct bb_cli_act *act, const struct bb_command *command) {
    snprintf(act->credential, sizeof act->credential, "uid %u", (unsigned)getuid());
    act->act = (struct bb_audit_act){.tenant = bb_command_tenant(command),
                                     .who = bb_span_of(bb_cli_who(act->by, act->name)),
                                     .credential = bb_span_of(act->credential),
                                     .origin = BB_SPAN("command line"),
                                     .verb = bb_span_of(act->verb),
                                     .subject = bb_buffer_span(&act->subject),
                                     .reason = act->reason};
}

int bb_cli_act_begin(struct bb_cli_act *act, const struct bb_command *command,
                     struct bb_registry *registry, struct bb_error *error) {
    describe(act, command);
    int result = bb_audit_begin(registry, &act->act, bb_clock_now_ms(bb_clock_system()),
                                &act->entry, error);
    if (result)
        act->entry = 0;
    return result;
}

int bb_cli_act_end(struct bb_cli_act *act, struct bb_command *command, struct bb_registry *registry,
                   int result) {
    struct bb_error error;

    if (act->entry != 0 &&
        bb_audit_end(registry, act->entry, result, bb_clock_now_ms(bb_clock_system()), &error) < 0)
        bb_command_complain(command, &error);
    act->entry = 0;
    return result;
}

int bb_cli_act_note(struct bb_cli_act *act, const struct bb_command *command,
                    struct bb_registry *registry, const struct bb_registry_key *key,
                    struct bb_error *error) {
    describe(act, command);
    return bb_audit_note(registry, &act->act, BB_AUDIT_DONE, 0, key,
                         bb_clock_now_ms(bb_clock_system()), error);
}
