/* The progress bar: one line on a terminal's stderr, redrawn at most ten times a second.
 *
 *   reading march.csv  [##########..........]  52 %  3.12 M/s  12 s left  2 refused
 *
 * Without a terminal, with --quiet or --no-progress nothing is drawn. Whoever writes another line
 * to stderr clears the bar first.
 */
#ifndef BB_CLI_PROGRESS_BAR_H
#define BB_CLI_PROGRESS_BAR_H

#include "service/progress.h"

#include <stdbool.h>
#include <stddef.h>

enum { BB_PROGRESS_TEXT_MAX = 512 };

struct bb_progress_bar {
    struct bb_progress_watch watch; /* to be handed to services; reports to this bar */
    int fd;
    bool on;                              /* draw at all */
    bool drawn;                           /* something is on the line */
    const char *verb;                     /* instead of the phase's own word; NULL: that */
    uint64_t done_before, total_override; /* several files as one stretch; 0: each on its own */
    int64_t phase_began_ns, last_draw_ns;
    int phase; /* enum bb_progress_phase, -1 before the first report */
};

void bb_progress_bar_init(struct bb_progress_bar *bar, int fd, bool wanted);
/* A new stretch of work begins: rates and time left count from here. */
void bb_progress_bar_restart(struct bb_progress_bar *bar, const char *verb);
void bb_progress_bar_clear(struct bb_progress_bar *bar);

/* The line for a state that was reached after `elapsed_s` of its phase, at most `columns` wide.
 * `verb` NULL: the phase's word. Returns the length; `buffer` holds BB_PROGRESS_TEXT_MAX. */
size_t bb_progress_format(const struct bb_progress *progress, const char *verb, double elapsed_s,
                          size_t columns, char *buffer);

#endif
