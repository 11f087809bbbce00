/* A drop folder: files that anything may put there (an FTP or SFTP server, a sync tool, cp) are landed.
 *
 *   FOLDER/day.csv ─► complete? ─► FOLDER/.taking/day.csv ─► land.h ─► FOLDER/done/day.csv
 *                                                                 └─► FOLDER/failed/day.csv
 *                                                     and beside it    day.csv.report.json
 *
 * A file is complete when it was renamed into place while it was watched, or when it has not changed
 * for `quiet_ms` and nobody holds it open for writing (where the file system can tell; where it says
 * for ever that somebody does, a file is taken after `held_ms` without a change). A folder is read
 * through at the start, after a rename and whenever events were lost, so that nothing hangs on one.
 * Passed over: folders, links, what is no regular file; names that begin with a dot or end like those
 * of files under way (.tmp .part .partial .filepart .crdownload ~), and .report.json.
 *
 * Each step may be the last one before a crash. What lies in .taking is taken first; landing knows what
 * counts already; a file leaves .taking only when its report is written. So a file counts once and ends
 * in done/ or failed/, and nothing there is ever overwritten: a second day.csv becomes day.csv.2.
 *
 * One thread at a time. For a poll loop: wait for bb_drop_fd to be readable, for bb_drop_wait_ms at
 * most; ask bb_drop_look; while it says so, bb_drop_take.
 */
#ifndef BB_SERVICE_DROP_H
#define BB_SERVICE_DROP_H

#include "service/land.h"

struct bb_drop_options {
    const char *folder;          /* has to be there; what is needed inside is made */
    int64_t quiet_ms, held_ms;   /* see above */
    struct bb_land_options land; /* how files are read; borrowed */
};

enum bb_drop_outcome {
    BB_DROP_TAKEN = 0, /* all of it counts */
    BB_DROP_IN_PART,   /* the good lines count, others were refused: with `partial` */
    BB_DROP_KNOWN,     /* its content counted before */
    BB_DROP_REFUSED    /* nothing of it counts: it is in failed/ */
};
/* "taken", "taken in part", "taken before", "refused": as the report says it. */
const char *bb_drop_outcome_name(enum bb_drop_outcome outcome);

/* What came of a file. Borrowed from the drop: until the next one is taken. */
struct bb_drop_file {
    const char *name; /* as it was dropped */
    const char *path; /* where it is now */
    enum bb_drop_outcome outcome;
    const struct bb_land_report *report;
};

struct bb_drop;

/* Begins to watch. -BB_E_INPUT_UNREADABLE or -BB_E_NO_PERMISSION name the folder. */
int bb_drop_open(const struct bb_drop_options *options, struct bb_drop **out,
                 struct bb_error *error) BB_MUST_USE;
void bb_drop_close(struct bb_drop *drop);

/* Readable when something happened in the folder. */
int bb_drop_fd(const struct bb_drop *drop);
/* How long until bb_drop_look may say something else without an event; -1: for ever. */
int bb_drop_wait_ms(const struct bb_drop *drop);

enum bb_drop_look { BB_DROP_NOTHING = 0, BB_DROP_READY = 1 };
/* Is there a file to take? Touches nothing but the folder. */
int bb_drop_look(struct bb_drop *drop, struct bb_error *error) BB_MUST_USE;
/* Files that are there and not complete yet, as far as the last look saw; those that somebody holds open
 * are not among them. */
uint64_t bb_drop_waiting(const struct bb_drop *drop);

/* Land the file that bb_drop_look found and put it away. The plant is open for appending. Negative: the
 * plant or the folder failed, and the file is tried again next time. BB_DROP_GONE: somebody took it
 * away in time, or goes on writing. */
enum bb_drop_take { BB_DROP_PUT_AWAY = 0, BB_DROP_GONE = 1 };
int bb_drop_take(struct bb_drop *drop, struct bb_plant *plant, struct bb_drop_file *out,
                 struct bb_error *error) BB_MUST_USE;

#endif
