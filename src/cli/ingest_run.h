/* The work of `ingest`: files into the log, derived, committed and listed.
 *
 *   arguments ─► files ─► land each (read, append, decide) ─► worker drains ─► registry follows
 *
 * When it comes back everything it took can be queried. Killed anywhere, a second run finishes
 * it: a landed file is passed over, another is read again, what is not derived is derived.
 */
#ifndef BB_CLI_INGEST_RUN_H
#define BB_CLI_INGEST_RUN_H

#include "cli/cli.h"
#include "service/input_files.h"
#include "service/land.h"
#include "service/worker.h"

struct bb_served_taken; /* served_ingest.h */

struct bb_ingest_run {
    struct bb_command *command; /* gets progress, and each refusal as it comes */
    struct bb_plant *plant;     /* open for appending */
    struct bb_land_options land;
    struct bb_input_files files;
    struct bb_land_report report;
    struct bb_worker_counts counts;
    uint32_t errors_shown;
    const char *skipped_note; /* of files that were passed over; NULL: ingest's */
    double seconds;
    struct bb_served_taken *taken; /* by a server that has the plant */
};

/* `run` is zeroed but for command, plant and land. Release it in any case. */
int bb_ingest_run(struct bb_ingest_run *run, char *const *arguments, size_t argument_count,
                  struct bb_error *error) BB_MUST_USE;
/* The same, and what came of it for people or as JSON (ingest.c): an exit code. */
int bb_ingest_and_tell(struct bb_ingest_run *run, char *const *arguments, size_t argument_count,
                       struct bb_error *error) BB_MUST_USE;
void bb_ingest_run_release(struct bb_ingest_run *run);

/* What is in the log into the store, what is in the outboxes into the registry. */
int bb_catch_up(struct bb_command *command, struct bb_plant *plant, struct bb_worker_counts *counts,
                struct bb_error *error) BB_MUST_USE;

static inline double bb_ingest_rate(const struct bb_ingest_run *run) {
    return run->seconds > 0 ? (double)run->report.readings / run->seconds : 0;
}

#endif
