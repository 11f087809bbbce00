/* Files as the ledger knows them, for lists of them: what came, what counts of it, and what was refused.
 *
 * Dead letters are those of which something was refused, and all of which does not count by now. Posts are no files.
 */
#ifndef BB_SERVICE_FILE_LIST_H
#define BB_SERVICE_FILE_LIST_H

#include "service/ledger.h"

struct bb_file_row {
    uint64_t id;
    struct bb_span source;
    int64_t received_ms;
    bool is_refused; /* nothing of it counts */
    uint64_t readings, rejected, bytes;
    uint64_t report_offset; /* bb_ledger_refusals */
    uint64_t replayed;      /* the id under which all of it counts by now; 0: it does not */
};

struct bb_file_question {
    struct bb_span tenant;
    uint64_t id;           /* 0: any */
    int64_t before_ms;     /* received earlier; INT64_MAX: all */
    bool with_rejects;     /* only those of which something was refused, */
    bool without_replayed; /* and nothing of which counts by now */
};

/* 0: go on. Anything else ends the list and is what it returns. */
typedef int bb_file_visit(void *context, const struct bb_file_row *row);
/* The newest first. The rows borrow from the ledger. */
int bb_file_list(const struct bb_ledger *ledger, const struct bb_file_question *asked,
                 bb_file_visit *visit, void *context) BB_MUST_USE;

/* "done", "partial", "refused" */
const char *bb_file_state(const struct bb_file_row *row);

enum { BB_FILE_ID_DIGITS = 16 };
/* 16 hexadecimal digits; false: it is no id. */
bool bb_file_id_parse(struct bb_span text, uint64_t *id) BB_MUST_USE;
void bb_file_id_format(uint64_t id, char text[BB_FILE_ID_DIGITS + 1]);

/* Where a file that came can be read once more: where it came from, or where the drop folder put it; a file of as
 * many bytes, and no link. -BB_E_FILE_GONE. `drop_folder` may be empty. */
enum { BB_FILE_PATH_MAX = 4096 };
int bb_file_find(const struct bb_file_row *row, const char *drop_folder,
                 char path[BB_FILE_PATH_MAX], struct bb_error *error) BB_MUST_USE;
bool bb_file_was_dropped(const struct bb_file_row *row, const char *drop_folder);

#endif
