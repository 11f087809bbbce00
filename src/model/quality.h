/* Quality: what is known about a value besides its number.
 *
 * A record says its state, the marks on it, the checks that spoke, the method that made it and the
 * source's own code verbatim. Values carry an index into a small dictionary of attributes
 * (attribute.h), so that a clean block pays for one record.
 */
#ifndef BB_MODEL_QUALITY_H
#define BB_MODEL_QUALITY_H

#include "base/buffer.h"
#include "base/span.h"

/* Stored ids: append only. */
enum bb_quality_state {
    BB_STATE_MEASURED = 0,
    BB_STATE_ESTIMATED,   /* by the source, or by busbar (then `method` says how) */
    BB_STATE_EDITED,      /* by a named person */
    BB_STATE_SUBSTITUTED, /* by the source, with its code */
    BB_STATE_MISSING,     /* a row without a value */
    BB_STATE_PARTIAL,     /* a period that is not wholly covered */
    BB_STATE_COUNT
};

enum bb_quality_mark { /* bits */
                       BB_MARK_FINAL = 1 << 0,
                       BB_MARK_SUSPECT = 1 << 1,
                       BB_MARK_ROLLOVER = 1 << 2,
                       BB_MARK_EXCHANGE = 1 << 3,
                       BB_MARK_RESET = 1 << 4,
                       BB_MARK_REVERSE = 1 << 5,
                       BB_MARK_DIP = 1 << 6,
                       BB_MARK_DUPLICATE = 1 << 7,
                       BB_MARK_LATE = 1 << 8,
                       BB_MARK_AMBIGUOUS_TIME = 1 << 9,
                       BB_MARK_ROUNDED = 1 << 10,
                       BB_MARK_UNIT_ASSUMED =
                           1 << 11, /* the source gave no unit, or one without meaning */
                       BB_MARK_ESTIMATED =
                           1 << 12, /* a partial period that also holds estimated parts */
                       BB_MARK_FOREIGN = 1 << 13,  /* another meter's reading: kept, not used */
                       BB_MARK_ACCEPTED = 1 << 14, /* a person says that it is right as it is */
                       BB_MARK_WITHDRAWN =
                           1 << 15, /* a person takes edits back: see derive/merge.h */
                       BB_MARK_COUNT = 16
};

/* Bits of `checks`; the names are those of the config (derive/check.h has the functions). */
enum bb_check {
    BB_CHECK_GAP = 0,
    BB_CHECK_OVERLAP,
    BB_CHECK_DUPLICATE,
    BB_CHECK_INTERVAL_SIZE,
    BB_CHECK_UNIT,
    BB_CHECK_NEGATIVE,
    BB_CHECK_TIME,
    BB_CHECK_HIGH,
    BB_CHECK_LOW,
    BB_CHECK_ZERO,
    BB_CHECK_SPIKE,
    BB_CHECK_STUCK,
    BB_CHECK_SUM,
    BB_CHECK_OUTLIER,
    BB_CHECK_JUMP,
    BB_CHECK_REGISTER,
    BB_CHECK_LEAK,
    BB_CHECK_INACTIVE,
    BB_CHECK_PROLONGED,
    BB_CHECK_LATE,
    BB_CHECK_RULE, /* a customer's own (derive/rule.h) */
    BB_CHECK_COUNT
};

/* How a value was made. Stored ids: append only. */
enum bb_method {
    BB_METHOD_NONE = 0,
    BB_METHOD_LINEAR,
    BB_METHOD_INTERPOLATED,     /* a register, at a period's boundary */
    BB_METHOD_LIKE_DAY,         /* one day of the same kind */
    BB_METHOD_AVERAGE_LIKE_DAY, /* the mean of several */
    BB_METHOD_PROFILE,          /* a profile, scaled to the register difference */
    BB_METHOD_FLAT,             /* the register difference, spread evenly */
    BB_METHOD_LIKE_DAY_SCALED,  /* ... scaled to the register difference */
    BB_METHOD_AVERAGE_LIKE_DAY_SCALED,
    BB_METHOD_RULE, /* a customer's rule gave it */
    BB_METHOD_COUNT
};

enum { BB_QUALITY_SOURCE_MAX = 20 };

struct bb_quality {
    uint8_t state;  /* enum bb_quality_state */
    uint8_t method; /* enum bb_method */
    uint16_t marks;
    uint32_t checks;
    char source[BB_QUALITY_SOURCE_MAX]; /* the source's own code, zero-padded: "S14", "F14 79" */
};
_Static_assert(sizeof(struct bb_quality) == 28, "compared and hashed as bytes: no padding");

/* The rank by which one of two readings for one time wins: told by a person (edited, accepted,
 * withdrawn) 3, final 2, measured or substituted 1, the source's own estimate and missing 0. */
enum { BB_RANK_PERSON = 3 };
int bb_quality_rank(const struct bb_quality *quality);

/* How little a value can be relied on: measured 0; missing is the worst. */
int bb_quality_badness(const struct bb_quality *quality);

/* "measured", "substituted|final", "estimated|method:linear|check:gap": the states, marks, checks
 * and methods by their names, joined by '|', state first. */
void bb_quality_format(const struct bb_quality *quality, struct bb_buffer *out);

/* The reverse for what a sender may say: a state and the marks final and suspect, by '|' or ','.
 * An empty text is measured. False when a name is unknown. */
bool bb_quality_parse(struct bb_span text, struct bb_quality *out);

const char *bb_state_name(int state);
const char *bb_check_name(int check);
const char *bb_method_name(int method);
int bb_check_find(struct bb_span name); /* -1 unknown */

#endif
