/* What people told about the readings of a usage point: every edit, withdrawal, acceptance and estimate
 * that was ever told, also those that others replaced since, with who and why. Read from lanes raw and
 * history, where all of it is kept (person.h).
 */
#ifndef BB_SERVICE_PERSON_TOLD_H
#define BB_SERVICE_PERSON_TOLD_H

#include "service/person.h"

struct bb_person_told { /* texts live until the visitor returns */
    struct bb_span channel;
    int64_t start_ms, end_ms; /* of the value; equal: an instant */
    bool has_value;
    struct bb_decimal value;
    int unit;
    int64_t recorded_ms;
    bool known; /* act and person are; else only that a person told it */
    enum bb_person_act act;
    struct bb_person person;
};

/* Return 0 to go on, 1 to stop, negative to fail. */
typedef int bb_person_told_visit(void *context, const struct bb_person_told *told);

/* By channel, day, time. 0, also when nobody knows the usage point by readings; or negative. */
int bb_person_told_list(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                        bb_person_told_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;

#endif
