/* Check "stuck": the same value again and again, at least `count` times in a row.
 *
 * Zeros are the business of check `zero`. Values that the source estimated or substituted may well be
 * flat: they stand still because they were made, and end a run. */
#include "derive/check_run_internal.h"

enum { COUNT };

static bool may_stand_still(const struct bb_check_context *c, size_t i) {
    return c->level[i] != 0 && c->window->points[i].attribute->quality.state == BB_STATE_MEASURED;
}

static enum bb_run_part part(const struct bb_check_context *c, const void *facts, ptrdiff_t before,
                             size_t i) {
    (void)facts;
    if (before != BB_NO_POINT && c->level[i] == c->level[before])
        return !may_stand_still(c, i)               ? BB_RUN_APART
               : may_stand_still(c, (size_t)before) ? BB_RUN_GOES_ON
                                                    : BB_RUN_BEGINS;
    return may_stand_still(c, i) ? BB_RUN_BEGINS : BB_RUN_APART;
}

static int64_t begin(const struct bb_check_context *c, ptrdiff_t before, size_t i) {
    (void)before;
    return c->window->points[i].start_ms;
}

static bool enough(const struct bb_check_context *c, int64_t begin_ms, size_t count, size_t i) {
    (void)begin_ms, (void)i;
    return count >= (size_t)c->parameter[COUNT];
}

static void evidence(const struct bb_check_context *c, size_t count, size_t first, size_t last,
                     struct bb_finding *finding) {
    (void)first;
    finding->a = (int64_t)count;
    finding->b = c->window->points[last].value.mantissa;
    finding->exponent = c->window->points[last].value.exponent;
}

/* Most windows hold no run: a look at the levels alone says so. */
static bool any_run(const struct bb_check_context *c) {
    const size_t least = (size_t)c->parameter[COUNT];
    int64_t before = 0;
    size_t count = 0;

    for (size_t i = 0; i < c->window->count && count < least; i++) {
        if (!c->window->points[i].usable)
            continue;
        count = c->level[i] == before && before != 0 ? count + 1 : 1;
        before = c->level[i];
    }
    return count >= least;
}

void bb_check_stuck(const struct bb_check_context *c) {
    static const struct bb_run_rule rule = {.check = BB_CHECK_STUCK,
                                            .part = part,
                                            .begin = begin,
                                            .enough = enough,
                                            .evidence = evidence};

    if (any_run(c))
        bb_runs_judge(c, &rule, NULL);
}

/* To see whether the run was long enough one point before, and where its part of the day begins. */
void bb_reach_stuck(const int64_t *parameter, struct bb_reach *reach) {
    reach->back_values = (uint32_t)parameter[COUNT];
    reach->back_ms = BB_DAY_MS;
    reach->ahead_values = (uint32_t)parameter[COUNT] - 1;
}
