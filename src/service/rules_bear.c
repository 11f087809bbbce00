/* What every rule has to bear: see rules_case.h. */
#include "service/rules_case_internal.h"

#include "model/timestamp.h"

#include <stdio.h>
#include <stdlib.h>

/* What lies beside the channel, where the rule looks there. */
enum beside { AS_USUAL = 0, KNOWS_NOTHING, IS_EMPTY };

static const struct burden {
    const char *name;
    size_t points;
    bool known;
    const char *start; /* in the zone Europe/Amsterdam; NULL: UTC, and any day */
    enum beside others, side;
    struct bb_case_windows asked, again; /* none: one window, twice */
    const char *otherwise;               /* why it does not pass */
} burdens[] = {
    {"no value is known", 96, false, NULL},
    {"one value alone", 1, true, NULL},
    {"a day of 23 hours", 92, true, "2026-03-28T23:00:00Z"},
    {"a day of 25 hours", 100, true, "2026-10-24T22:00:00Z"},
    {"other channels without a known value", 96, true, NULL, .others = KNOWS_NOTHING},
    {"other channels that are not there", 96, true, NULL, .others = IS_EMPTY},
    {"side inputs without a known value", 96, true, NULL, .side = KNOWS_NOTHING},
    {"side inputs that are empty", 96, true, NULL, .side = IS_EMPTY},
    {"it resumes after its process was ended", 96, true, NULL, .asked = {0, 8, 0},
     .again = {0, 8, 4},
     .otherwise = "taken up by another process it gives another answer: it remembers"},
    {"a window alone and among others", 96, true, NULL, .asked = {0, 8, 0}, .again = {5, 1, 0},
     .otherwise = "what it says of a window hangs on those that it saw before: it remembers"},
};

static bool concerns(const struct burden *burden, const struct bb_rule *rule) {
    return (burden->others == AS_USUAL || rule->other_count > 0) &&
           (burden->side == AS_USUAL || rule->side_count > 0);
}

/* A home's quarter-hours, more or less. */
static void make_values(double *value, size_t count, bool known) {
    for (size_t i = 0; i < count; i++)
        value[i] = known ? 0.1 + (double)(i * 37 % 11) / 10 : (double)NAN;
}

static bool lay_beside(struct bb_case_beside *beside, size_t points, enum beside what) {
    if (!bb_case_beside_take(beside, what == IS_EMPTY ? 0 : points))
        return false;
    make_values(beside->value, beside->count, what != KNOWS_NOTHING);
    return true;
}

static int prepare(struct bb_case_series *s, const struct bb_rule *rule,
                   const struct burden *burden, struct bb_error *error) {
    bool has_room = true;

    s->start_ms = BB_CASE_START_MS;
    s->interval_ms = 15 * (int64_t)BB_MINUTE_MS;
    s->past = 0;
    s->count = burden->points;
    make_values(s->value, burden->points, burden->known);
    for (uint32_t k = 0; has_room && k < rule->other_count; k++)
        has_room = lay_beside(&s->others[k], s->count, burden->others);
    for (uint32_t k = 0; has_room && burden->side != AS_USUAL && k < rule->side_count; k++)
        has_room = lay_beside(&s->side[k], s->count, burden->side);
    if (!has_room)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for cases");
    if (!burden->start)
        return 0;
    if (bb_time_parse_rfc3339(bb_span_of(burden->start), &s->start_ms) != BB_TIME_OK)
        return BB_FAIL(error, BB_E_RULE_CASES, "no time");
    return bb_zone_load(NULL, BB_SPAN("Europe/Amsterdam"), &s->zone, error);
}

/* `b` against the windows of `a` that it was asked about, from number `from` on. */
static bool same_answer(const struct bb_case_answer *a, size_t from, const struct bb_case_answer *b,
                        size_t windows, size_t points) {
    const size_t first = from * points;
    bool same = memcmp(&a->said[from], b->said, windows * sizeof *b->said) == 0;

    for (size_t i = 0; same && i < windows * points; i++)
        same = a->verdict[first + i] == b->verdict[i] &&
               (b->verdict[i] <= BB_RULES_FLAG ||
                bb_case_is_close(a->value[first + i], b->value[i]));
    return same;
}

static int bear(const struct bb_rules_module *module, const struct bb_rule *rule,
                const struct burden *burden, struct bb_case_series *s,
                struct bb_case_answer *answers, struct bb_case_outcome *out,
                struct bb_error *error) {
    const struct bb_case_windows once = {0, 1, 0};
    const struct bb_case_windows asked = burden->asked.count ? burden->asked : once;
    const struct bb_case_windows again = burden->again.count ? burden->again : once;
    int result = prepare(s, rule, burden, error);

    snprintf(out->name, sizeof out->name, "%s", burden->name);
    if (!result)
        result = bb_case_run(module, rule, s, asked, &answers[0], error);
    if (!result)
        result = bb_case_run(module, rule, s, again, &answers[1], error);
    const struct bb_case_answer *failed = answers[0].failed   ? &answers[0]
                                          : answers[1].failed ? &answers[1]
                                                              : NULL;
    out->passed = !result && !failed &&
                  same_answer(&answers[0], again.first - asked.first, &answers[1], again.count,
                              s->count);
    if (!result && !out->passed)
        snprintf(out->reason, sizeof out->reason, "%s",
                 failed              ? failed->text
                 : burden->otherwise ? burden->otherwise
                                     : "asked twice it gives two answers");
    bb_case_series_clear(s);
    return result;
}

int bb_rules_bears(const struct bb_rules_module *module, const struct bb_rule *rule,
                   bb_case_visit *visit, void *context, struct bb_error *error) {
    struct bb_case_series *s = bb_case_series_new();
    struct bb_case_answer *answers = calloc(2, sizeof *answers);
    int result = s && answers ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for cases");

    for (size_t i = 0; !result && i < sizeof burdens / sizeof burdens[0]; i++) {
        struct bb_case_outcome outcome = {.passed = false};
        if (!concerns(&burdens[i], rule))
            continue;
        result = bear(module, rule, &burdens[i], s, answers, &outcome, error);
        if (!result)
            visit(context, &outcome);
    }
    free(answers);
    bb_case_series_free(s);
    return result;
}
