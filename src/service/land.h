/* Landing: from a file (or standard input) to durable records in the log.
 *
 * A file is decoded once, front to back, and its frames are appended as they come, invisible. When
 * all of it was read (and, unless `partial`, nothing was wrong) its commit is decided in the log's
 * control partition and marked in every data partition; only then do its readings count. A file
 * that fails leaves nothing that counts. A file that was landed before (same content, same way of
 * reading it) is passed over; one that was interrupted is read again, whole: what it left in the log
 * never counts.
 */
#ifndef BB_SERVICE_LAND_H
#define BB_SERVICE_LAND_H

#include "base/clock.h"
#include "codec/codec.h"
#include "service/committer.h"
#include "service/plant.h"
#include "service/progress.h"
#include "service/reading_stream.h"

enum { BB_LAND_ERRORS_KEPT = 100 };

struct bb_land_options {
    struct bb_reading_form form;
    const char *map_path; /* names the map in the file's identity; may be NULL */
    uint64_t map_hash;    /* of a map that is in no file; 0: it is in map_path, or there is none */
    const char *name;     /* what the file is known by; NULL: its path */
    bool partial;
    bool again; /* take a file although it was landed before */
    struct bb_clock clock;
    const struct bb_progress_watch *watch;
    /* Looked at while the file is read: once it is true, landing ends with -BB_E_TASK_INTERRUPTED, and nothing of the file
     * counts. NULL: it goes on to the end. */
    const volatile bool *interrupted;
    /* Who owns the log, while a server runs: the file is read on the caller's thread, and what it comes to is appended
     * in small pieces on the committer's, so that posts go between. NULL: the caller owns it. */
    struct bb_committer *committer;
};

struct bb_land_report {
    uint64_t files, files_skipped;    /* skipped: landed before */
    uint64_t readings;                /* that now count */
    uint64_t readings_before;         /* of the skipped files: they counted before */
    uint64_t rejected;                /* lines, objects or records that could not be used */
    struct bb_decode_ignored ignored; /* what files that now count held besides readings */
    uint64_t bytes;
    struct bb_error errors[BB_LAND_ERRORS_KEPT]; /* the first ones */
    uint32_t error_count;
    uint64_t taken_id;                  /* of the last file that counts now; 0: none does */
    struct bb_ledger_part *taken_parts; /* the caller's: its parts by partition; NULL: not wanted */
};

enum bb_land_outcome {
    BB_LAND_DONE = 0,
    BB_LAND_REFUSED = 1 /* something was refused; report->errors says what */
};

/* Land one file; "-" is the standard input. Adds to *report. Negative: the plant failed. The plant is open for
 * appending; with a committer it is the caller's own, open for reading. */
int bb_land_file(struct bb_plant *plant, const char *path, const struct bb_land_options *options,
                 struct bb_land_report *report, struct bb_error *error) BB_MUST_USE;

/* Decode without storing, for `try`: hands on batches and rejects; the detected format is told. */
int bb_land_decode(struct bb_plant *plant_or_null, const char *path,
                   const struct bb_land_options *options, const struct bb_decode_sink *sink,
                   struct bb_series_table *table, const struct bb_format_row **format,
                   struct bb_error *error) BB_MUST_USE;

#endif
