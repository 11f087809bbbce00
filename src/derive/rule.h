/* Customers' rules as derive knows them: steps of a channel's pipeline whose code runs elsewhere.
 *
 *   raw points ─► rules that see them as sent ─► checks, estimates ─► rules that see these ─► lane vee
 *
 * A plan stops at each and asks (plan.h); whoever runs the code answers with sayings. A rule judges the values of a UTC
 * day, or of the part of one in which one of its versions speaks, and sees besides them what ended within the
 * version's window before the first of them. Its answer is a function of that alone. So what it says of a value does
 * not depend on the order in which readings came, and a changed reading bears on no later day than its window reaches.
 *
 * Statistics, like days and the registers beside a channel are of what was received: no rule changes them.
 *
 * A version may look at other channels of the usage point, each called as people call channels: as they were sent, or as
 * they are when all is said of them. Such a channel does not look at others itself (whoever makes the plan sees to that),
 * so that it can be derived first.
 */
#ifndef BB_DERIVE_RULE_H
#define BB_DERIVE_RULE_H

#include "derive/point.h"
#include "derive/saying.h"

struct bb_rule_look { /* another channel, by the name that the rule gave it */
    struct bb_span name, channel;
};

struct bb_rule_time { /* a version, where it speaks: of values that end in (from, to] */
    int64_t from_ms, to_ms;
    int64_t window_ms;
    struct bb_span version;
    const void *code; /* the caller's */
    const struct bb_rule_look *looks;
    uint32_t look_count;
};

struct bb_channel_rule {
    struct bb_span name;
    bool raw; /* it sees values as sent, before the checks; else behind the estimates */
    const struct bb_rule_time *times; /* ascending, not overlapping */
    uint32_t time_count;
};

/* How far back a rule looks at most. */
int64_t bb_rule_window_ms(const struct bb_channel_rule *rule);

/* Where the values must be known, for all rules of a place (raw or not) to judge from `from_ms` on: the earliest time
 * before what the first of them looks at. Days are judged whole: from_ms is the beginning of one. */
int64_t bb_rules_look_from(const struct bb_channel *channel, bool raw, int64_t from_ms);
/* What the rules of a place say may change up to here, when a value at `t` does: the end of a UTC day. */
int64_t bb_rules_reach_to(const struct bb_channel *channel, bool raw, int64_t t);
bool bb_rules_any(const struct bb_channel *channel, bool raw);

/* Does any version of its rules look at other channels? */
bool bb_rules_look(const struct bb_channel *channel);

/* The earliest time from which on two rules, or two states of one, are not the same version; INT64_MAX: never. */
int64_t bb_rule_parts_at(const struct bb_channel_rule *a, const struct bb_channel_rule *b);

/* The UTC day that holds t, (begin, end]. */
int64_t bb_rule_day_begin(int64_t t);
int64_t bb_rule_day_end(int64_t t);

struct bb_rule_window { /* points [first, end) of the asked window, judged from `judge` on */
    size_t first, judge, end;
    const struct bb_rule_time *time;
};

struct bb_rule_beside {          /* the channel that a look means, around the asked windows */
    struct bb_span called, name; /* name: of the channel */
    const struct bb_channel *channel;
    struct bb_window points; /* raw ones as sent, or those of the lane vee */
};

struct bb_rule_ask {
    const struct bb_channel *channel;
    const struct bb_channel_rule *rule;
    const struct bb_window *points; /* raw ones as sent, or those of the lane vee */
    struct bb_rule_window *windows;
    size_t window_count; /* 0: there is nothing to ask */
    const struct bb_rule_beside *besides;
    size_t beside_count;
};

/* NULL: there is no such channel. */
const struct bb_rule_beside *bb_rule_beside_of(const struct bb_rule_ask *ask,
                                               const struct bb_rule_look *look);

/* The windows of a rule over points, judging those that end in (from, to]. False when memory is out. */
bool bb_rule_windows(const struct bb_channel *channel, const struct bb_channel_rule *rule,
                     const struct bb_window *points, int64_t from_ms, int64_t to_ms,
                     struct bb_arena *arena, struct bb_rule_ask *out) BB_MUST_USE;

/* A number that a rule gave, as a value: its shortest decimal, to nine decimals at most. False: none of ours. */
bool bb_rule_value(double number, struct bb_decimal *out) BB_MUST_USE;

/* May a rule say this? Registers count, so that another reading would be another's consumption: they are only flagged.
 * And before validation no value comes to be or goes: gaps lie between readings, wherever those are stored. */
bool bb_rule_may(const struct bb_channel *channel, bool raw, int kind);

/* What is said becomes part of the points: marks, values (of values as sent in the channel's metered unit). What a person told of a value stands. `raw`: they are as
 * sent. False when memory is out. */
bool bb_rule_apply(const struct bb_channel *channel, bool raw, const struct bb_saying *said,
                   size_t count, struct bb_window *points, struct bb_arena *arena) BB_MUST_USE;

#endif
