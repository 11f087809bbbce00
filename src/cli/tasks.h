/* busbar tasks: what its actions share. */
#ifndef BB_CLI_TASKS_H
#define BB_CLI_TASKS_H

#include "cli/task_queue.h"
#include "task/kind.h"

/* Options that stand for arguments of kinds are called as those are; their fields are texts and flags in any order. */
struct bb_tasks_options {
    const char *format, *map, *zone, *kind, *precision, *interval, *to_folder, *lane, *usage_point;
    const char *from, *to, *as_of, *rule, *name, *parameters, *reason, *by;
    bool partial;
    int priority, state;
    int64_t limit;
};
extern const struct bb_option bb_tasks_option_table[];

struct bb_tasks_command {
    struct bb_command *command;
    const struct bb_tasks_options *given;
    struct bb_task_queue queue;
};

/* tasks add: the arguments of a kind from options and words. */
int bb_tasks_add(struct bb_tasks_command *t, struct bb_error *error) BB_MUST_USE;
int bb_tasks_kinds(struct bb_tasks_command *t, struct bb_error *error) BB_MUST_USE;
/* tasks ls, tasks show */
int bb_tasks_list(struct bb_tasks_command *t, struct bb_error *error) BB_MUST_USE;
int bb_tasks_show(struct bb_tasks_command *t, struct bb_error *error) BB_MUST_USE;

const char *bb_task_state_name(int state); /* NULL past the last */
/* The number that the second word is. */
int bb_tasks_id(const struct bb_tasks_command *t, uint64_t *id, struct bb_error *error) BB_MUST_USE;

#endif
