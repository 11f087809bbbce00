/* Values of a group: those of its members' channels, added up by period.
 *
 *   members ─► each: the asked channels' rows of a lane ─► sums by (series, unit, period) ─► rows
 *
 * A series is what may be added: channels of one name (or of the one that is asked for), commodity, kind and
 * dimension. Lanes are vee and the periods: raw values lack what makes them comparable (multipliers). Periods are
 * those of each member's own zone; those of one start and end are one row. Intervals and gauges are told in lane
 * vee; registers by period alone, as readings of counters say nothing together.
 *
 * Sums are exact. Where members of a series have several units of its dimension, each unit is summed on its own and
 * then converted to the dimension's usual one, exactly where that has the digits for it, else rounded half to even.
 * What is asked of 100,000 members costs memory for its periods and for the members' names.
 */
#ifndef BB_SERVICE_GROUP_VALUES_H
#define BB_SERVICE_GROUP_VALUES_H

#include "service/group.h"
#include "service/query.h"

struct bb_group_values { /* what is asked */
    const struct bb_group *group;
    struct bb_span channel; /* a name, an OBIS code, an alias; empty: all */
    int64_t from_ms, to_ms; /* as of bb_query */
    enum bb_lane lane;      /* vee, hour, day or month */
};

struct bb_number { /* of any length */
    bb_wide mantissa;
    int exponent;
};

struct bb_group_row {
    struct bb_span channel; /* as asked, or the name */
    uint8_t commodity, kind;
    int unit;
    enum bb_lane lane;
    int64_t start_ms, end_ms;
    struct bb_number sum, mean, min, max; /* of members with a value; none: not set */
    uint32_t members;                     /* have a value */
    uint32_t missing;                     /* have a row that says that it is missing */
    uint32_t of;                          /* have such a channel */
    uint32_t estimated;                   /* whose value is, or holds, an estimate */
    int measured;              /* thousandths of the members' time; -1: not said (lane vee) */
    struct bb_quality quality; /* the worst state; suspect when one is */
};

/* Return 0 to go on, 1 to stop. */
typedef int bb_group_visit(void *context, const struct bb_group_row *row);

struct bb_group_seen {
    uint64_t members;  /* of the group */
    uint64_t channels; /* theirs that were read */
};

/* Rows by channel, commodity, kind, unit; then end and start. All are made before the first is told. Besides the
 * errors of bb_query_run -BB_E_ANSWER_TOO_LARGE. A channel that no member has is -BB_E_CHANNEL_UNKNOWN. */
int bb_group_values_run(struct bb_plant *plant, const struct bb_group_values *asked,
                        bb_group_visit *visit, void *context, struct bb_group_seen *seen,
                        struct bb_error *error) BB_MUST_USE;

#endif
