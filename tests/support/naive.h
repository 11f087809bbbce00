/* A naive reference of derive: the lanes of a channel, worked out from all tellings at once, by the
 * rules as they are written down (docs, headers) and not as they are implemented. Slow and plain:
 * every number is a 128-bit integer with an exponent, every list is searched from its beginning.
 */
#ifndef BB_TESTS_SUPPORT_NAIVE_H
#define BB_TESTS_SUPPORT_NAIVE_H

#include "support/channel_case.h"

struct naive_number {
    bb_wide mantissa;
    int exponent;
};

struct naive_version { /* one value a time was told */
    int64_t end_ms;
    struct naive_number value;
    struct bb_attribute attribute; /* with the finest exponent it was told with */
    int64_t recorded_ms, received_ms, issued_ms, line;
    bool wins;
    uint32_t rivals; /* of a winner */
};

struct naive_row { /* of vee or of a period */
    int64_t start_ms, end_ms;
    bool has_value;
    struct naive_number value;
    uint8_t state, statistic;
    uint16_t marks;
    uint32_t checks;
    bool made_by_us; /* an estimate of ours, or a row of a gap */
};

struct naive_rows {
    struct naive_row *items;
    size_t count;
};

struct naive_lanes {
    struct naive_version *versions; /* by end, then by claim; one of each time wins */
    size_t version_count;
    struct naive_row *vee;
    size_t vee_count;
    struct naive_rows day, month, hour;
    struct bb_finding *findings; /* by end of their reading, then check */
    size_t finding_count;
};

void naive_derive(const struct channel_case *c, const struct telling *tellings, size_t count,
                  struct naive_lanes *out);
void naive_release(struct naive_lanes *lanes);

/* Turn off the steps that this reference does not know: tests/e2e has one that knows them. */
void naive_restrict(struct bb_pipeline *pipeline);

bool naive_equal(struct naive_number a, struct naive_number b);

#endif
