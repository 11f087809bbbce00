/* Findings: what checks say about the readings of all channels, by usage point, channel and time.
 *
 * Current ones are read from the lane vee, channel by channel, so that an answer that ends early costs what it tells.
 * Of a past moment nobody keeps any: they are derived again from what was known then (query.h).
 */
#ifndef BB_SERVICE_FINDINGS_H
#define BB_SERVICE_FINDINGS_H

#include "service/plant.h"

struct bb_findings {
    struct bb_span tenant;
    struct bb_span usage_point; /* empty: all */
    int check;                  /* enum bb_check; -1: all */
    int64_t as_of_ms;           /* BB_TIME_NONE: current */
    int64_t from_ms, to_ms;     /* those that speak at from < at <= to; BB_TIME_NONE: open */
    struct bb_span first,
        first_channel; /* to go on: from this usage point and channel on; empty: all */
};

struct bb_findings_row {
    struct bb_span usage_point, channel;
    const struct bb_finding *finding;
    const struct bb_quality *quality; /* of the value at which it speaks; NULL: there is none */
};

/* The order of those of a channel: <0, 0, >0. */
int bb_finding_order(const struct bb_finding *a, const struct bb_finding *b);

/* Return 0 to go on, 1 to stop, negative to fail. What a row points to lives until then. */
typedef int bb_findings_visit(void *context, const struct bb_findings_row *row);

/* 0, or 1 when the visitor stopped it. */
int bb_findings_run(struct bb_plant *plant, const struct bb_findings *asked,
                    bb_findings_visit *visit, void *context, struct bb_error *error) BB_MUST_USE;

#endif
