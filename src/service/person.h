/* What people do: a value edited or withdrawn, an exception accepted, readings set aside for
 * estimators.
 *
 * All of it is told like a reading, at rank 3, in a frame of its own in the usage point's partition;
 * so history, as-of and replay hold for it as for everything else (derive/merge.h). Who and why is
 * the frame's source, found again by its received time (BB_NAME_SOURCE):
 *
 *     edit by NAME: REASON                      state edited, the person's value
 *     withdraw by NAME: REASON                  missing, withdrawn
 *     accept by NAME: REASON (exception 17)     as told, accepted; a gap: missing, accepted
 *     estimate by NAME: REASON (exception 17)   missing, accepted: the value is set aside
 *
 * The plant is open for appending, and what is in its log has been derived: what is told looks at
 * what stands. It takes effect when the worker has come to it.
 */
#ifndef BB_SERVICE_PERSON_H
#define BB_SERVICE_PERSON_H

#include "base/clock.h"
#include "service/plant.h"

enum { BB_PERSON_NAME_MAX = 200, BB_PERSON_REASON_MAX = 1000 }; /* bytes */

enum bb_person_act {
    BB_PERSON_EDIT = 0,
    BB_PERSON_WITHDRAW,
    BB_PERSON_ACCEPT,
    BB_PERSON_ESTIMATE,
    BB_PERSON_ACT_COUNT
};
const char *bb_person_act_name(int act); /* "edit" */

struct bb_person { /* who, and why */
    struct bb_span name, reason;
};

/* A source's text. -BB_E_USAGE when a name or a reason is empty, too long, or has control
 * characters; a name has no colon. `exception` 0: of none. */
int bb_person_source_format(enum bb_person_act act, const struct bb_person *person,
                            int64_t exception, struct bb_buffer *out, struct bb_error *error)
    BB_MUST_USE;
/* The reverse, borrowing from `source`; the reason keeps its exception. False: a file's name. */
bool bb_person_source_parse(struct bb_span source, enum bb_person_act *act,
                            struct bb_person *person);

/* What became of an exception: "open", "resolved" (the data, or what is known of the meter, changed),
 * "accepted", "edited" or "estimated" (by a person: then *who says by whom and why, else it is empty). */
const char *bb_person_exception_state(const struct bb_registry_exception *exception,
                                      struct bb_person *who);

struct bb_person_edit {
    struct bb_span tenant, usage_point;
    struct bb_span channel;  /* a name, an OBIS code, an alias: one channel */
    int64_t at_ms;           /* the end of the interval, or the instant */
    bool withdraw;           /* take back what people told there; no value then */
    struct bb_decimal value; /* as the meter would tell it: factors of installations are applied */
    int unit;                /* -1: that of the reading there, else the channel's */
    struct bb_person person;
};

struct bb_person_edited {
    int64_t start_ms, end_ms; /* the interval; equal: the instant */
    int unit;
    bool told; /* false: it stands there already, and nothing was told */
};

/* -BB_E_VALUE_PLACE, -BB_E_NOTHING_TO_WITHDRAW, -BB_E_UNIT_UNKNOWN, -BB_E_TIME_RANGE, and what a query
 * may return. */
int bb_person_edit(struct bb_plant *plant, const struct bb_person_edit *edit, struct bb_clock clock,
                   struct bb_person_edited *out, struct bb_error *error) BB_MUST_USE;

/* Accept what an exception is about, or set it aside (act: BB_PERSON_ACCEPT, BB_PERSON_ESTIMATE).
 * `told`: how many rows. -BB_E_EXCEPTION_CLOSED, -BB_E_NOTHING_TO_TELL. */
int bb_person_judge(struct bb_plant *plant, const struct bb_registry_exception *exception,
                    enum bb_person_act act, const struct bb_person *person, struct bb_clock clock,
                    size_t *told, struct bb_error *error) BB_MUST_USE;

#endif
