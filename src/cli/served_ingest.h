/* `ingest` where a server has the plant: the server lands the files, as it owns the ledger of them; this process
 * waits until they are derived, and counts what came of them (service/post_result.h).
 */
#ifndef BB_CLI_SERVED_INGEST_H
#define BB_CLI_SERVED_INGEST_H

#include "cli/ingest_run.h"

/* As bb_land_file. What was taken is noted in run->taken. */
int bb_served_land(struct bb_ingest_run *run, const char *path, struct bb_error *error) BB_MUST_USE;
/* Once all is derived: what was accepted, changed and told before, into run->counts. */
int bb_served_count(struct bb_ingest_run *run, struct bb_error *error) BB_MUST_USE;
void bb_served_taken_free(struct bb_served_taken *taken);

#endif
