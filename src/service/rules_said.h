/* From what comes through the port "rules" to sayings: a stranger's word, looked at before it is kept. */
#ifndef BB_SERVICE_RULES_SAID_H
#define BB_SERVICE_RULES_SAID_H

#include "derive/rule.h"
#include "service/rules_window.h"

struct bb_rules_said {
    const struct bb_rule_ask *ask;
    struct bb_arena *arena; /* of all that is kept */
    struct bb_saying *items;
    size_t count, capacity;
    const struct bb_rules_gather
        *gather; /* the windows at hand; their source is the ask's window */
    bool full;   /* memory was out */
    uint64_t failures, nanoseconds;
};

void bb_rules_said_init(struct bb_rules_said *said, const struct bb_rule_ask *ask,
                        struct bb_arena *arena);
/* Where the answers to a batch go that `gather` became. */
struct bb_rules_sink bb_rules_said_sink(struct bb_rules_said *said,
                                        const struct bb_rules_gather *gather);
/* The window that ends with a value at `at_ms` failed. */
void bb_rules_said_fail(struct bb_rules_said *said, int64_t at_ms, const char *why);
/* Ascending by time, in the arena. */
int bb_rules_said_end(struct bb_rules_said *said, struct bb_sayings *out, struct bb_error *error)
    BB_MUST_USE;

#endif
