/* A rule on stored history: what it would say, and what would change, without changing anything.
 *
 *   query.h ─► channels of the rule ─► windows, a UTC day each with its past ─► port/rules.h ─► sums, rows
 *
 * A window judges the points of one day; before them it has as much of the past as the rule asks for, as far as
 * there is some. So the same rule over the same history says the same, in whatever pieces it comes. A rule that is
 * deployed sees values as they would be without it (rules_silence.h), and so says what it said before it was. */
#ifndef BB_SERVICE_RULES_BACKTEST_H
#define BB_SERVICE_RULES_BACKTEST_H

#include "service/plant.h"
#include "service/rules_bounds.h"
#include "service/rules_module.h"

struct bb_backtest {
    struct bb_span tenant, usage_point; /* usage_point empty: all */
    struct bb_span name;     /* where it is deployed, or may be; empty: as the function is called */
    struct bb_span share_of; /* of all those alone that are in this rule's share; empty: all */
    uint32_t share;
    const struct bb_rules_module *module;
    const struct bb_rule *rule;
    struct bb_span parameters; /* JSON object; empty: as the rule says */
    int64_t from_ms, to_ms;    /* points that are judged: from < end <= to; BB_TIME_NONE: open */
    int64_t as_of_ms, now_ms;  /* as_of: BB_TIME_NONE: now */
    struct bb_span through;    /* usage points no further than this one; empty: all */
    struct bb_rules_bounds
        bounds; /* what is begun when they are over is thrown away: usage points are looked at whole,
                                    * or not at all */
};

/* A point about which the rule said something. */
struct bb_backtest_row {
    struct bb_span usage_point, channel, reason;
    enum bb_rules_verdict verdict;
    int64_t end_ms;
    double before, after; /* NaN: none */
    int unit;
};

enum { BB_BACKTEST_REASONS_MAX = 64, BB_BACKTEST_FAILURES_KEPT = 20, BB_BACKTEST_TEXT_MAX = 1024 };

struct bb_backtest_sum {
    uint64_t points, windows, channels, touched_channels;
    uint64_t verdicts[BB_RULES_VERDICTS]; /* points */
    uint64_t changed;                     /* points whose value becomes another */
    double energy;                        /* what the changes add up to, in `unit` */
    int unit;                             /* of the first that changes; 0: none does */
    bool units_differ;                    /* then energy is not told */
    uint64_t exceptions, tags, failures;  /* failures: windows */
    uint64_t nanoseconds;                 /* of the rule itself */
    bool cut_short;                /* its bounds were reached: it looked at some usage points, */
    char through[BB_NAME_MAX + 1]; /* those up to this one; empty: at none */
    struct {
        char name[BB_RULE_NAME_MAX];
        uint64_t count;
    } reasons[BB_BACKTEST_REASONS_MAX];
    uint32_t reason_count;
    struct {
        char usage_point[64], channel[64], text[BB_BACKTEST_TEXT_MAX];
        int64_t end_ms; /* the first that was judged */
        enum bb_rules_failure_kind kind;
    } first_failures[BB_BACKTEST_FAILURES_KEPT];
};

/* Return 0 to go on, 1 to stop. */
typedef int bb_backtest_visit(void *context, const struct bb_backtest_row *row);

/* -BB_E_USAGE_POINT_UNKNOWN, -BB_E_RULES_HOST. */
int bb_backtest_run(struct bb_plant *plant, const struct bb_backtest *asked,
                    bb_backtest_visit *visit, void *context, struct bb_backtest_sum *sum,
                    struct bb_error *error) BB_MUST_USE;

#endif
