/* The story of a value: how it came to be.
 *
 *   raw, vee     every version that was told for its time, by whom and when, which one stands and why;
 *                what checks found; of an estimate the gap and its ends
 *   hour, day, month   the recipe: the period's calendar, the values or stretches it is made of
 *
 * Gathered from the store alone, current or as of a past moment; printing is the caller's.
 */
#ifndef BB_SERVICE_STORY_H
#define BB_SERVICE_STORY_H

#include "service/person.h"
#include "service/query.h"

enum { BB_STORY_FINDINGS_MAX = 100 };

enum bb_story_held { BB_STORY_EXACT = 0, BB_STORY_INSIDE, BB_STORY_NEAREST };

struct bb_story_value { /* a row of a lane */
    int64_t start_ms, end_ms;
    bool has_value;
    struct bb_decimal value;
    int unit;
    struct bb_quality quality;
    bool has_range; /* gauges' periods */
    struct bb_decimal min, max;
};

struct bb_story_version {
    struct bb_story_value told; /* as sent */
    int64_t recorded_ms;        /* when it was first told, */
    struct bb_span first_source;
    int64_t received_ms; /* and when with its greatest claim; the same for most */
    struct bb_span source;
    int64_t line;      /* in that source; 0: not known */
    int64_t issued_ms; /* the sender's version time; BB_TIME_NONE: it gave none */
    bool by_person;    /* then who, why and what: */
    enum bb_person_act act;
    struct bb_person person;
    bool stands;
    const char *why; /* it stands, or does not */
};

struct bb_story_finding {
    struct bb_finding found;
    struct bb_span evidence; /* in words */
};

struct bb_story_estimate {
    int64_t from_ms, to_ms; /* the gap; equal: not found */
    int64_t intervals;
    struct bb_story_value before, after; /* the readings at its ends; has_value false: not found */
    bool has_band;
    struct bb_decimal band; /* half the width of what holds the true value in 9 of 10 cases */
};

/* A part of a period: an interval, or a register's stretch between two readings; or several in a row
 * that lie whole in the period and are of one quality. */
struct bb_story_part {
    int64_t start_ms, end_ms; /* what it covers in the period */
    int64_t whole_start_ms, whole_end_ms;
    uint64_t count;
    bool has_value;
    struct bb_decimal amount; /* in the period */
    struct bb_decimal whole;  /* of it all */
    struct bb_quality quality;
    struct bb_decimal from, to; /* registers: the readings at its ends */
    bool estimated;             /* counts as estimated */
    bool fell; /* registers: it was less at the end; unless a mark explains it, it adds nothing */
};

struct bb_story_period {
    enum bb_period period;
    const char *zone;
    int32_t day_start_s;
    struct bb_story_part *parts;
    size_t part_count;
    int64_t length_ms, covered_ms, measured_ms;
    uint64_t values; /* that it is made of */
    /* Registers: the reading that is worked out for each end of the period. */
    bool has_start, has_end;
    struct bb_decimal at_start, at_end;
    int exponent; /* at which what is cut is rounded */
};

struct bb_story {
    struct bb_span usage_point, channel;
    enum bb_lane lane;
    uint8_t kind;
    int64_t asked_ms, as_of_ms;
    enum bb_story_held held;
    struct bb_story_value value;
    const struct bb_zone *zone; /* the channel's */
    bool has_factor;            /* of the installation at that time, when it is not 1 */
    struct bb_decimal factor;
    struct bb_story_version *versions; /* as they were first told */
    size_t version_count;
    struct bb_story_finding *findings; /* the first BB_STORY_FINDINGS_MAX of */
    size_t finding_count, finding_total;
    bool is_estimate;
    struct bb_story_estimate estimate;
    bool is_period;
    struct bb_story_period period;
};

/* The story of the value that holds the moment, of one channel. query->from and to do not count.
 * Everything lives in the arena. -BB_E_VALUE_ABSENT, and what a query may return. */
int bb_story_tell(struct bb_plant *plant, const struct bb_query *query, int64_t at_ms,
                  struct bb_arena *arena, struct bb_story *out, struct bb_error *error) BB_MUST_USE;

#endif
