/* Runs: see check_run_internal.h. Pure. */
#include "derive/check_run_internal.h"

struct run {
    int64_t begin_ms;
    size_t first, last, count; /* points; all that are seen between first and last belong to it */
};

static bool sees(const struct bb_check_context *c, const struct bb_run_rule *rule, size_t i) {
    return c->window->points[i].usable && (!rule->sees || rule->sees(c, i));
}

ptrdiff_t bb_run_before(const struct bb_check_context *c, const struct bb_run_rule *rule,
                        size_t i) {
    while (i-- > 0)
        if (sees(c, rule, i))
            return (ptrdiff_t)i;
    return BB_NO_POINT;
}

/* The point seen after i; the window's end: none. */
static size_t behind(const struct bb_check_context *c, const struct bb_run_rule *rule, size_t i) {
    for (i++; i < c->window->count && !sees(c, rule, i); i++)
        continue;
    return i;
}

static void add_finding(const struct bb_check_context *c, const struct bb_run_rule *rule,
                        struct run stretch, bool hard) {
    int64_t end_ms = c->window->points[stretch.last].end_ms;
    struct bb_finding finding = {.at_ms = end_ms,
                                 .from_ms = stretch.begin_ms,
                                 .to_ms = end_ms,
                                 .check = (uint8_t)rule->check,
                                 .hard = hard};

    rule->evidence(c, stretch.count, stretch.first, stretch.last, &finding);
    bb_finding_add(c->findings, &finding);
}

/* Mark the judged points of a run that is long enough, and make its findings. */
static void tell(const struct bb_check_context *c, const struct bb_run_rule *rule,
                 const struct run *run) {
    struct bb_point *points = c->window->points;
    struct run so_far = *run, today = *run; /* the whole, and its part of the point's UTC day */
    bool reached = false;
    int32_t day = 0;

    if (!rule->enough(c, run->begin_ms, run->count, run->last))
        return;
    so_far.count = today.count = 0;
    for (size_t i = run->first; i <= run->last && i < c->last; i = behind(c, rule, i)) {
        if (so_far.count == 0 || bb_point_day(&points[i]) != day) {
            day = bb_point_day(&points[i]);
            int64_t midnight = day * (int64_t)BB_DAY_MS;
            /* of this point, not of the run: values may stand still over a hole that is long */
            int64_t begin_ms = i == run->first ? run->begin_ms
                                               : rule->begin(c, (ptrdiff_t)so_far.last, i);
            today = (struct run){.first = i, .begin_ms = begin_ms > midnight ? begin_ms : midnight};
        }
        so_far.count++;
        today.count++;
        so_far.last = today.last = i;
        bool reached_before = reached;
        reached = reached || rule->enough(c, run->begin_ms, so_far.count, i);
        if (i < c->first)
            continue;
        points[i].checks |= 1u << rule->check;
        if (reached && !reached_before)
            add_finding(c, rule, so_far, true);
        size_t next = behind(c, rule, i);
        if (i == run->last || bb_point_day(&points[next]) != day)
            add_finding(c, rule, today, false);
    }
}

/* Where the run begins that the point i may go on with. */
static size_t walk_back(const struct bb_check_context *c, const struct bb_run_rule *rule,
                        const void *facts, size_t i) {
    for (;;) {
        ptrdiff_t before = bb_run_before(c, rule, i);
        if (before == BB_NO_POINT || rule->part(c, facts, before, i) != BB_RUN_GOES_ON)
            return i;
        i = (size_t)before;
    }
}

void bb_runs_judge(const struct bb_check_context *c, const struct bb_run_rule *rule,
                   const void *facts) {
    size_t i = c->first;
    struct run run = {0};

    while (i < c->last && !sees(c, rule, i))
        i++;
    if (i >= c->last)
        return;
    i = walk_back(c, rule, facts, i);
    ptrdiff_t before = bb_run_before(c, rule, i);
    for (; i < c->window->count; i = behind(c, rule, i)) {
        enum bb_run_part part = rule->part(c, facts, before, i);
        if (run.count > 0 && part != BB_RUN_GOES_ON) {
            tell(c, rule, &run);
            run.count = 0;
        }
        if (run.count == 0 && i >= c->last)
            break;
        if (run.count == 0 && part != BB_RUN_APART) {
            run.first = i;
            run.begin_ms = rule->begin(c, before, i);
        }
        if (part != BB_RUN_APART) {
            run.last = i;
            run.count++;
        }
        before = (ptrdiff_t)i;
    }
    if (run.count > 0)
        tell(c, rule, &run);
}
