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
    bool has_band; /* lane vee: of an estimate */
    struct bb_decimal band;
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

/* A register beside the channel, at two moments at which it was read. */
struct bb_story_meter {
    struct bb_span channel;
    int unit;
    bool has_from, has_to;
    struct bb_decimal from, to;
};

/* The same time on a like day. */
struct bb_story_like {
    int64_t start_ms, end_ms;
    struct bb_decimal value; /* in the channel's derived unit */
    bool used;               /* averaged; the others only tell the error */
    bool is_calmed;         /* the only one that is used: with the readings beside it on its day, */
    struct bb_decimal calm; /* whose mean this is, at most 9 digits behind the point */
};
enum { BB_STORY_LIKES_MAX = 6, BB_STORY_METERS_MAX = 8 };

struct bb_story_estimate {
    int64_t from_ms, to_ms; /* the gap; equal: not found */
    int64_t intervals;
    struct bb_story_value before, after; /* the readings at its ends; has_value false: not found */
    bool has_band;
    struct bb_decimal band; /* half the width of what holds the true value in 9 of 10 cases */
    struct bb_story_like like[BB_STORY_LIKES_MAX]; /* the latest day first */
    size_t like_count;
    /* What the registers say, between the readings around the part of the gap that holds the value: */
    bool has_total;
    int64_t total_from_ms, total_to_ms; /* the two moments */
    struct bb_story_meter meters[BB_STORY_METERS_MAX];
    size_t meter_count;
    struct bb_decimal advance, told, missing; /* missing = advance - told */
    int64_t told_ms;                          /* for how much of that time values were told */
    int64_t part_from_ms, part_to_ms;         /* the part */
    struct bb_decimal total;                  /* what it was given: its share of what is missing */
};

/* What a register did between two accepted readings. */
enum bb_story_event {
    BB_STORY_ROSE = 0, /* or stood still */
    BB_STORY_ROLLOVER,
    BB_STORY_EXCHANGE,
    BB_STORY_RESET,
    BB_STORY_REVERSE,
    BB_STORY_FELL, /* and nothing says why: it counts nothing */
    BB_STORY_EVENTS
};

/* A part of a period: an interval; a register's piece between two readings (derive/register.h); readings
 * of a gauge; or several in a row that lie whole in the period and are alike. */
struct bb_story_part {
    int64_t start_ms, end_ms; /* what it covers in the period */
    int64_t whole_start_ms, whole_end_ms;
    uint64_t count; /* intervals, readings, stretches that end in it */
    bool has_value;
    struct bb_decimal amount; /* in the period; gauges: the sum of its readings */
    struct bb_decimal whole;  /* of it all */
    struct bb_quality quality;
    bool estimated; /* counts as estimated */
    /* Registers: */
    enum bb_story_event event;
    struct bb_decimal from, to; /* what the device showed at the whole's ends, before its factor */
    struct bb_decimal last;     /* the accepted reading before, */
    int64_t last_ms;            /* and its time; of `event` */
    unsigned ends;              /* enum bb_register_ends */
    bool end_told[2]; /* master data knows what the device showed when it was put in, and out */
    struct bb_decimal turn;    /* rollover: where it turned over */
    struct bb_decimal carried; /* of whole: from a device before, all at once */
    struct bb_decimal factor;
    struct bb_span device; /* empty: master data knows none */
};

/* A reading among those of a register that does not count. */
struct bb_story_aside {
    struct bb_story_value reading;
    const char *why;
};

struct bb_story_period {
    enum bb_period period;
    const char *zone;
    int32_t day_start_s;
    struct bb_story_part *parts;
    size_t part_count;
    struct bb_story_aside *asides; /* registers: between the readings that it is made of */
    size_t aside_count;
    int reading_unit; /* of registers' readings */
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
    struct bb_span profile;     /* name of the channel's; empty: none */
    bool has_factor;            /* of the installation at that time, when it is not 1 */
    struct bb_decimal factor;
    struct bb_story_version *versions; /* as they were first told */
    size_t version_count;
    struct bb_saying *said; /* lane vee: what customers' rules said of the value, or of its day */
    size_t said_count;
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
