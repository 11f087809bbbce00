/* Rules for random channels: steps whose code is a few lines of C here, so that derive's side of customers' rules can
 * be tried without Python. What they say depends on everything that they see: a window that is cut otherwise gives
 * another answer. */
#ifndef BB_TESTS_SUPPORT_RULE_CASE_H
#define BB_TESTS_SUPPORT_RULE_CASE_H

#include "base/random.h"
#include "derive/rule.h"
#include "support/channel_case.h"

enum { RULE_CASE_MAX = 3, RULE_CASE_TIMES = 3 };

struct rule_case {
    struct bb_channel_rule rules[RULE_CASE_MAX];
    struct bb_rule_time times[RULE_CASE_MAX][RULE_CASE_TIMES];
    uint64_t code[RULE_CASE_MAX][RULE_CASE_TIMES];
};

/* One to three rules, before or behind validation, with one to three versions; they become the channel's. */
void rule_case_make(struct rule_case *rules, struct channel_case *c, struct bb_random *r);

/* What a rule says of one window of points: appended at said[*count]; room for three a judged point. */
void rule_case_judge(const struct bb_channel *channel, const struct bb_point *points, size_t count,
                     size_t judge, uint64_t code, struct bb_saying *said, size_t *said_count);

/* The answer to what a plan asks, in the arena. `code_of`: the number of a version's code. */
struct bb_saying *rule_case_answer(const struct bb_rule_ask *ask,
                                   uint64_t (*code_of)(const void *code), struct bb_arena *arena,
                                   size_t *count);
/* Of the rules that rule_case_make makes. */
uint64_t rule_case_code(const void *code);

#endif
