/* Exceptions, judged by a person: several by their numbers, each told or refused on its own.
 *
 * Log's owner's thread, as in person.h: looking up, judging; what was told takes effect when the worker has
 * come to it, and looking up again says what became of each.
 */
#ifndef BB_SERVICE_JUDGE_H
#define BB_SERVICE_JUDGE_H

#include "service/person.h"

struct bb_judged {
    int64_t id;
    struct bb_registry_exception row; /* texts in the judging's arena; id 0: unknown */
    size_t told;                      /* rows */
    struct bb_error refusal;          /* code 0: told */
};

struct bb_judging {
    struct bb_span tenant;
    enum bb_person_act act; /* BB_PERSON_ACCEPT, BB_PERSON_ESTIMATE */
    struct bb_person person;
    struct bb_judged *items; /* by id once sorted */
    size_t count;
    struct bb_arena *texts;
};

/* In order, each number once; count shrinks. */
void bb_judging_sort(struct bb_judging *judging);
/* What the registry says of them now. */
int bb_judging_look_up(struct bb_judging *judging, struct bb_plant *plant, struct bb_error *error)
    BB_MUST_USE;
/* Judge each. What is about one exception is its refusal; anything else ends it. */
int bb_judging_tell(struct bb_judging *judging, struct bb_plant *plant, struct bb_clock clock,
                    struct bb_error *error) BB_MUST_USE;

#endif
