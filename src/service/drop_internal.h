/* Where dropped files are put away: see drop.h. */
#ifndef BB_SERVICE_DROP_INTERNAL_H
#define BB_SERVICE_DROP_INTERNAL_H

#include "service/drop.h"

#include <limits.h>

#define BB_DROP_REPORT ".report.json"

/* Move `from` (in folder `from_fd`) to `to` (in `to_fd`) unless something has that name. */
enum bb_drop_move { BB_DROP_MOVED = 0, BB_DROP_EXISTS = 1, BB_DROP_ABSENT = 2 };
int bb_drop_move(int from_fd, const char *from, int to_fd, const char *to, struct bb_error *error)
    BB_MUST_USE;

/* Write the report of a file and move it, from `taking_fd`, into the folder `shelf_fd`, under its own name
 * or the first of NAME.2, NAME.3, ... that is free. The report stands first: one without its file is of
 * a crash between the two, and written anew. *placed (NAME_MAX + 1 bytes): what it is called now. */
int bb_drop_put_away(int taking_fd, int shelf_fd, const struct bb_drop_file *file, int64_t now_ms,
                     char *placed, struct bb_error *error) BB_MUST_USE;

#endif
