/* How a task's files are read: its arguments as `ingest` has them as options. */
#ifndef BB_CLI_TASK_FORM_H
#define BB_CLI_TASK_FORM_H

#include "service/land.h"

/* The value of an argument, NULL: not given. */
typedef const char *bb_task_form_get(const void *context, const char *name);

/* Into *land, all but tenant and what the caller has of his own; the map (free it) lives as long as land does. */
int bb_task_form(bb_task_form_get *get, const void *context, struct bb_land_options *land,
                 struct bb_map **map, struct bb_error *error) BB_MUST_USE;

#endif
