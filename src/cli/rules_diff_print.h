/* What a deployment changes (service/rules_diff.h), for people and for programs. */
#ifndef BB_CLI_RULES_DIFF_PRINT_H
#define BB_CLI_RULES_DIFF_PRINT_H

#include "cli/cli.h"
#include "service/rules_proposal.h"

struct bb_rules_diff_print {
    struct bb_command *command;
    struct bb_rules_diff_sum *sum; /* NULL: it was not looked at */
    struct bb_buffer rows;         /* JSON array of the first ones */
    struct bb_json json;
    int64_t left;
};

void bb_rules_diff_print_init(struct bb_rules_diff_print *print, struct bb_command *command,
                              int64_t rows);
void bb_rules_diff_print_release(struct bb_rules_diff_print *print);
/* Compares, and prints what people see as it goes. */
int bb_rules_diff_print_run(struct bb_rules_diff_print *print,
                            const struct bb_rules_proposal *proposal,
                            const struct bb_rules_look *look, struct bb_error *error) BB_MUST_USE;
/* Members of an object that the caller begins and ends. */
void bb_rules_diff_print_json(struct bb_rules_diff_print *print, struct bb_json *json);

#endif
