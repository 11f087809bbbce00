/* Values as they would be without a deployed rule: who looks at what it would say must not see what it said.
 *
 * What is stored has its word in it already. Of a past moment values are derived again and every rule is asked again
 * (service/query_lane.c); meanwhile the one of that name says nothing. Those that stand behind it see that. */
#ifndef BB_SERVICE_RULES_SILENCE_H
#define BB_SERVICE_RULES_SILENCE_H

#include "service/plant.h"
#include "service/rules_host.h"

struct bb_rules_silence {
    struct bb_plant *plant; /* NULL: nobody is silent */
    struct bb_span name;
    bb_rule_judge *judge; /* the plant's own */
    void *judge_context;
};

/* Whether the rule was deployed at *as_of_ms (BB_TIME_NONE: now, which is now_ms): if so it says nothing on this plant
 * until the end, and *as_of_ms becomes the moment to ask about. 0 also when there is no such rule. */
int bb_rules_silence_begin(struct bb_rules_silence *silence, struct bb_plant *plant,
                           struct bb_span tenant, struct bb_span name, int64_t now_ms,
                           int64_t *as_of_ms, struct bb_error *error) BB_MUST_USE;
/* Also after a begin that failed, and of a zeroed one. */
void bb_rules_silence_end(struct bb_rules_silence *silence);

#endif
