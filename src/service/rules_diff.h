/* What a deployment changes: the new version on stored history, against what speaks there now.
 *
 *   new version ── back-test ──► what it says ─┐
 *                                              ├─► points on which they differ
 *   versions that stand ── back-test ──► ──────┘
 *
 * Only those points count of which the new version will speak: its share of the usage points, from its date on. Each
 * is held against the version that speaks of it now, if there is one. Where the rule speaks already, values are derived
 * again without it, so that both see the same. */
#ifndef BB_SERVICE_RULES_DIFF_H
#define BB_SERVICE_RULES_DIFF_H

#include "model/master.h"
#include "service/rules_backtest.h"

struct bb_rules_diff {
    struct bb_span tenant, name;                  /* of the rule */
    const struct bb_master_rules *before, *after; /* rules_deploy.h */
    const struct bb_rules_module *module;         /* of the new version */
    const struct bb_rule *rule;
    int64_t from_ms, to_ms; /* from < end <= to; BB_TIME_NONE: open */
    int64_t now_ms;
    struct bb_span usage_point; /* empty: all */
    struct bb_rules_bounds bounds;
};

/* A point on which they differ: what is said of it, and the value that comes of that. */
struct bb_rules_diff_row {
    struct bb_span usage_point, channel;
    int64_t end_ms;
    enum bb_rules_verdict old_verdict, new_verdict;
    struct bb_span old_reason, new_reason;
    double old_value, new_value; /* NaN: none */
    int unit;
};

enum { BB_DIFF_CHANNELS_SHOWN = 10, BB_DIFF_POINTS_MAX = 4000000 };

struct bb_rules_diff_sum {
    uint64_t points;           /* that the new version speaks of */
    uint64_t changed;          /* their value becomes another */
    uint64_t flags;            /* the value stays, what is said of it becomes another */
    uint64_t channels;         /* that the new version speaks of */
    uint64_t touched_channels; /* on which they differ */
    double energy;             /* what the changes add up to, in `unit` */
    int unit;                  /* 0: nothing changes */
    bool units_differ;         /* then energy is not told */
    struct {                   /* the most touched ones */
        char usage_point[BB_NAME_MAX + 1], channel[BB_NAME_MAX + 1];
        uint64_t points;
        double energy;
        int unit;
    } top[BB_DIFF_CHANNELS_SHOWN];
    uint32_t top_count;
    struct bb_backtest_sum
        test; /* of the new version, by itself; cut_short holds of the difference, too */
};

typedef int bb_rules_diff_visit(void *context, const struct bb_rules_diff_row *row);

/* Rows come by channel and time. -BB_E_RULES_HOST, -BB_E_RULE_LOAD (of a version that stands); -BB_E_USAGE: more points
 * than are kept are touched; -BB_E_RULE_SLOW: the versions that stand did not come as far as the new one within the
 * bounds, of which it has half. */
int bb_rules_diff_run(struct bb_plant *plant, const struct bb_rules_diff *asked,
                      bb_rules_diff_visit *visit, void *context, struct bb_rules_diff_sum *sum,
                      struct bb_error *error) BB_MUST_USE;

#endif
