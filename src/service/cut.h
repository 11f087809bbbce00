/* A cut through a log that is being written: the ends of all its partitions at one moment.
 *
 * Why it has to be one moment: the ledger decides a file in the control partition, then marks the data
 * partitions, then says done there (ledger.h), each durable before the next begins. Ends read one after
 * the other while that goes on could hold "done" without the marks, and readings would be lost, or
 * marks without the decision, and half a file would count. What stands below a cut is what a crash at
 * its moment might have left; whoever opens it for appending completes it.
 */
#ifndef BB_SERVICE_CUT_H
#define BB_SERVICE_CUT_H

#include "port/log.h"

/* `ends` takes log->partitions + 1 of them. -BB_E_LOCKED, retriable, when the log did not hold still for
 * the microsecond that it takes, in many tries. */
int bb_log_cut(struct bb_log *log, struct bb_log_end *ends, struct bb_error *error) BB_MUST_USE;

#endif
