/* Check "leak": water flows without a break, for at least `hours`.
 *
 * Between two readings at most three hours apart (registers: their advance over the time between
 * them; intervals: the value over its length) at least `flow` must flow. One stretch with less ends the
 * run, as does a register that falls. What the source estimated neither raises nor clears it. Rule:
 * leak alarms of water utilities; the size of a leak is the least flow. Hard; the values are right. */
#include "derive/check_run_internal.h"
#include "model/unit.h"

enum { HOURS, FLOW };
enum { APART_MS = 3 * BB_HOUR_MS };

static bool sees(const struct bb_check_context *c, size_t i) {
    return c->window->points[i].attribute->quality.state != BB_STATE_ESTIMATED;
}

/* Millilitres an hour from the reading before to this one; negative when that cannot be said. */
static int64_t flow_between(const struct bb_check_context *c, ptrdiff_t before, size_t i) {
    const struct bb_channel *channel = c->channel;
    const struct bb_point *p = &c->window->points[i];
    const bb_wide ml_ms = (bb_wide)1000 * BB_HOUR_MS; /* of a litre a millisecond */
    bool interval = channel->kind == BB_KIND_INTERVAL;
    int64_t elapsed_ms = p->end_ms - p->start_ms, numerator, denominator;
    bb_wide amount = c->level[i], scaled;

    if (!interval && before == BB_NO_POINT)
        return -1;
    if (!interval) {
        elapsed_ms = p->end_ms - c->window->points[before].end_ms;
        amount -= c->level[before];
    }
    if (elapsed_ms <= 0 || elapsed_ms > APART_MS || amount < 0 ||
        !bb_unit_ratio(interval ? channel->derived_unit : channel->metered_unit, BB_UNIT_L,
                       &numerator, &denominator))
        return -1;
    if (__builtin_mul_overflow(amount, numerator * ml_ms, &scaled))
        return INT64_MAX;
    scaled /= (bb_wide)denominator * bb_power_of_ten[-BB_LEVEL_EXPONENT] * elapsed_ms;
    return scaled > INT64_MAX ? INT64_MAX : (int64_t)scaled;
}

static bool is_near(const struct bb_check_context *c, ptrdiff_t before, size_t i) {
    const struct bb_point *points = c->window->points;

    return before != BB_NO_POINT && points[i].end_ms - points[before].end_ms <= APART_MS &&
           (c->channel->kind != BB_KIND_INTERVAL || points[i].start_ms >= points[before].end_ms);
}

static enum bb_run_part part(const struct bb_check_context *c, const void *facts, ptrdiff_t before,
                             size_t i) {
    (void)facts;
    if (flow_between(c, before, i) < c->parameter[FLOW])
        return BB_RUN_APART;
    return is_near(c, before, i) ? BB_RUN_GOES_ON : BB_RUN_BEGINS;
}

static int64_t begin(const struct bb_check_context *c, ptrdiff_t before, size_t i) {
    return c->channel->kind == BB_KIND_INTERVAL ? c->window->points[i].start_ms
                                                : c->window->points[before].end_ms;
}

static bool enough(const struct bb_check_context *c, int64_t begin_ms, size_t count, size_t i) {
    (void)count;
    return c->window->points[i].end_ms - begin_ms >= c->parameter[HOURS];
}

static void evidence(const struct bb_check_context *c, size_t count, size_t first, size_t last,
                     struct bb_finding *finding);

static const struct bb_run_rule rule = {.check = BB_CHECK_LEAK,
                                        .sees = sees,
                                        .part = part,
                                        .begin = begin,
                                        .enough = enough,
                                        .evidence = evidence};

static void evidence(const struct bb_check_context *c, size_t count, size_t first, size_t last,
                     struct bb_finding *finding) {
    (void)count;
    finding->a = INT64_MAX;
    for (size_t i = first; i <= last; i++) {
        if (!c->window->points[i].usable || !sees(c, i))
            continue;
        int64_t flow = flow_between(c, bb_run_before(c, &rule, i), i);
        if (flow < finding->a)
            finding->a = flow;
    }
    finding->b = finding->to_ms - finding->from_ms;
}

void bb_check_leak(const struct bb_check_context *c) {
    if (c->channel->commodity == BB_COMMODITY_WATER)
        bb_runs_judge(c, &rule, NULL);
}

/* The window may begin and end up to three hours short of the reach, where no reading is, and so may
 * the stretch before the one at hand. */
void bb_reach_leak(const int64_t *parameter, struct bb_reach *reach) {
    int64_t run_ms = parameter[HOURS] + APART_MS;

    reach->back_ms = (run_ms > BB_DAY_MS ? run_ms : BB_DAY_MS) + APART_MS;
    reach->ahead_ms = run_ms;
}
