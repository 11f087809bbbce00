/* What the cases of a rule's author (rules_case.c) and those of every rule (rules_bear.c) share: a channel made up, what
 * lies beside it, and a run of the rule over it (rules_case_run.c). */
#ifndef BB_SERVICE_RULES_CASE_INTERNAL_H
#define BB_SERVICE_RULES_CASE_INTERNAL_H

#include <math.h>

#include "model/calendar.h"
#include "service/rules_case.h"
#include "service/rules_window.h"

enum { BB_CASE_POINTS_MAX = 100000 };
#define BB_CASE_START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct bb_case_expected {
    enum bb_rules_verdict verdict;
    bool has_value;
    double value;
};

/* Values beside, at the moments of the channel's own: as many, or none at all. */
struct bb_case_beside {
    bool is_given; /* else: of another channel none; of a side input those of the file */
    double *value;
    size_t count;
};

struct bb_case_series {
    double value[BB_CASE_POINTS_MAX];
    struct bb_case_expected expected[BB_CASE_POINTS_MAX];
    struct bb_rules_point point[BB_CASE_POINTS_MAX], other[BB_CASE_POINTS_MAX]; /* of a run */
    size_t past, count; /* count: with the past */
    int64_t start_ms, interval_ms;
    struct bb_zone *zone; /* NULL: UTC */
    struct bb_span parameters;
    int64_t until_ns; /* as in port/rules.h */
    struct bb_case_beside others[BB_RULE_SERIES_MAX],
        side[BB_RULE_SERIES_MAX]; /* as the rule has them */
};

enum { BB_CASE_WINDOWS_MAX = 8 };

struct bb_case_answer {
    uint64_t said
        [BB_CASE_WINDOWS_MAX]; /* of each window: a hash of its reasons, evidence, exceptions and tags */
    uint8_t verdict[BB_CASE_POINTS_MAX];
    double value[BB_CASE_POINTS_MAX];
    bool failed;
    char text[BB_CASE_REASON_MAX];
};

struct bb_case_series *bb_case_series_new(void); /* NULL: memory is out */
void bb_case_series_free(struct bb_case_series *series);
/* `count` values beside, which the caller writes; false: memory is out. */
bool bb_case_beside_take(struct bb_case_beside *beside, size_t count) BB_MUST_USE;
/* Zone and what lies beside are gone. */
void bb_case_series_clear(struct bb_case_series *series);

/* Windows made of a series, each of as many points: number 0 as it is, the others turned a little. */
struct bb_case_windows {
    uint32_t first, count;
    uint32_t abort_at; /* as in port/rules.h */
};
int bb_case_run(const struct bb_rules_module *module, const struct bb_rule *rule,
                struct bb_case_series *series, struct bb_case_windows windows,
                struct bb_case_answer *answer, struct bb_error *error) BB_MUST_USE;

static inline bool bb_case_is_close(double a, double b) {
    const double size = fabs(a) > fabs(b) ? fabs(a) : fabs(b);

    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * (size > 1 ? size : 1);
}

#endif
