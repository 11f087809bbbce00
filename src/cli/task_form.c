/* How a task's files are read: see task_form.h. */
#include "cli/task_form.h"

#include "cli/reading_options.h"

static const struct bb_option rows[] = {BB_READING_OPTION_ROWS(0), BB_OPTION_END};

int bb_task_form(bb_task_form_get *get, const void *context, struct bb_land_options *land,
                 struct bb_map **map, struct bb_error *error) {
    struct bb_reading_options given = {.map = NULL};

    *map = NULL;
    bb_options_defaults(rows, &given);
    for (const struct bb_option *row = rows; row->name; row++) {
        const char *text = get(context, row->name);
        int result = text ? bb_option_set(row, text, &given, error) : 0;
        if (result)
            return result;
    }
    return bb_reading_options_apply(&given, land, map, error);
}
