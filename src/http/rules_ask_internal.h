/* Rules that people try or deploy over HTTP: what their bodies share.
 *
 *   body ─► module: the posted one, or the deployed rule's own ─► loaded, caged ─► what is asked, as a proposal
 *
 * Nothing is changed by it. One call's handler. */
#ifndef BB_HTTP_RULES_ASK_INTERNAL_H
#define BB_HTTP_RULES_ASK_INTERNAL_H

#include "http/change_internal.h"
#include "service/rules_proposal.h"
#include "service/rules_trial.h"

struct bb_http_rules_ask {
    struct bb_http_call *call;
    json_t *body;
    struct bb_rules_trial trial;
    struct bb_rules_proposal proposal; /* plant, tenant and what is asked */
    struct bb_rules_bounds bounds;     /* of the trial */
    struct bb_span usage_point, cases; /* empty: all; none */
    int64_t to_ms;
    uint32_t rows;
    bool force;
};

/* The module is loaded when it returns 0. -BB_E_PARAMETER, -BB_E_RULE_UNKNOWN, -BB_E_RULE_LOAD, -BB_E_RULE_SIDE,
 * -BB_E_RULES_HOST. `out` is to be ended in any case. */
int bb_http_rules_ask_begin(struct bb_http_call *call, const struct bb_http_member *members,
                            struct bb_http_rules_ask *out, struct bb_error *error) BB_MUST_USE;
void bb_http_rules_ask_end(struct bb_http_rules_ask *ask);

/* The members of each of the two bodies. */
#define BB_HTTP_RULES_MEMBERS                                                                      \
    {"rule", false}, {"parameters", false}, {"from", false}, {"canary", false}, {"module", false}, \
        {"function", false}, {                                                                     \
        "name", false                                                                              \
    }

#endif
