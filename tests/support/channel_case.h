/* Random small channels and what they were told, for suites that must not depend on order.
 *
 * A case is a channel (kind, zone, day start, pipeline) and a list of tellings: gaps, repeats,
 * contradictions, corrections with a version time, other texts of one number, other units, rows
 * that are missing. Everything comes from the seed.
 */
#ifndef BB_TESTS_SUPPORT_CHANNEL_CASE_H
#define BB_TESTS_SUPPORT_CHANNEL_CASE_H

#include "base/random.h"
#include "derive/merge.h"
#include "derive/point.h"

enum case_kind {
    CASE_REGULAR,   /* quarter, half or whole hours */
    CASE_IRREGULAR, /* intervals of any length, some of which overlap */
    CASE_REGISTER,
    CASE_GAUGE,
    CASE_SPARSE, /* regular, a few readings with days or weeks between them */
    CASE_SEASON, /* hourly over months, with a shape, so that statistics know something: and what is
                    told wrong */
    CASE_KINDS
};
extern const char *const case_kind_names[CASE_KINDS];

struct telling { /* one reading, as one delivery told it */
    int64_t end_ms, mantissa, received_ms, issued_ms, line;
    struct bb_attribute attribute;
};

struct channel_case {
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_zone *zone;
    const char *zone_name;
    int64_t start_ms;
    struct telling *tellings;
    size_t count, capacity;
};

void channel_case_make(struct channel_case *c, enum case_kind kind, uint64_t seed);
/* The same, beginning when another one does. */
void channel_case_make_beside(struct channel_case *c, enum case_kind kind, uint64_t seed,
                              const struct channel_case *other);
void channel_case_release(struct channel_case *c);

void tellings_shuffle(struct telling *tellings, size_t count, struct bb_random *r);
/* By (received, line): the order in which they were told. */
void tellings_in_order(struct telling *tellings, size_t count);
/* As merge takes them, ascending by end; attributes are added to the set. */
struct bb_told *tellings_told(const struct telling *tellings, size_t count,
                              struct bb_attribute_set *attributes);

#endif
