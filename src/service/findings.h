/* Findings: what checks say about the readings of all channels.
 *
 * Current ones are read from the lane vee in one pass; rows come by partition, UTC day, channel and time.
 * Of a past moment nobody keeps any: they are derived again, channel by channel, from what was known
 * then (query.h); rows come by usage point, channel and time.
 */
#ifndef BB_SERVICE_FINDINGS_H
#define BB_SERVICE_FINDINGS_H

#include "service/plant.h"

struct bb_findings {
    struct bb_span tenant;
    struct bb_span usage_point; /* empty: all */
    int check;                  /* enum bb_check; -1: all */
    int64_t as_of_ms;           /* BB_TIME_NONE: current */
};

struct bb_findings_row {
    struct bb_span usage_point, channel;
    const struct bb_finding *finding;
    const struct bb_quality *quality; /* of the value at which it speaks; NULL: there is none */
};

/* Return 0 to go on, 1 to stop, negative to fail. What a row points to lives until then. */
typedef int bb_findings_visit(void *context, const struct bb_findings_row *row);

/* 0, or 1 when the visitor stopped it. */
int bb_findings_run(struct bb_plant *plant, const struct bb_findings *asked,
                    bb_findings_visit *visit, void *context, struct bb_error *error) BB_MUST_USE;

#endif
