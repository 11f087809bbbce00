/* Check "sum": the intervals between two readings of the registers beside the channel do not add up to
 * what the registers advanced.
 *
 *   |Σ x - k ΔR| > max(percent of |k ΔR|, digits x the registers' least digit)
 *
 * Compared only where the intervals that were told cover the stretch (t1, t2] wholly. Note that x ends in
 * (t1, t2]: the interval that ends at t1 belongs to the stretch before. Hard: meter, multiplier or
 * configuration is wrong. Source: sum check of the usual meter-data systems; evidence at the end of the
 * read period.
 */
#include "derive/check.h"
#include "derive/total.h"

static bb_wide absolute(bb_wide v) {
    return v < 0 ? -v : v;
}

/* A sum as a mantissa of the finding, at BB_LEVEL_EXPONENT. */
static int64_t evidence(bb_wide sum) {
    bb_wide level = bb_wide_divide_round(sum,
                                         bb_power_of_ten[BB_LEVEL_EXPONENT - BB_TOTAL_EXPONENT]);

    return level > INT64_MAX ? INT64_MAX : level < -INT64_MAX ? -INT64_MAX : (int64_t)level;
}

/* The last usable point of the judged ones that ends in the total's stretch. */
static struct bb_point *last_of(const struct bb_check_context *c, const struct bb_total *total) {
    for (size_t i = c->last; i-- > c->first;) {
        struct bb_point *p = &c->window->points[i];
        if (p->usable && p->end_ms <= total->to_ms)
            return p->end_ms > total->from_ms ? p : NULL;
    }
    return NULL;
}

void bb_check_sum(const struct bb_check_context *c) {
    const int64_t percent = c->parameter[0], digits = c->parameter[1];

    for (size_t i = 0; i < c->totals->count; i++) {
        const struct bb_total *total = &c->totals->items[i];
        struct bb_point *at = last_of(c, total);
        if (!at)
            continue;
        struct bb_told_sum sum = bb_told_sum(c->channel, c->window, total->from_ms, total->to_ms);
        if (!sum.exact || sum.covered_ms != total->to_ms - total->from_ms)
            continue;
        bb_wide off = absolute(sum.amount - total->amount);
        if (off * 100 <= absolute(total->amount) * percent || off <= digits * total->digit)
            continue;
        struct bb_finding finding = {.at_ms = at->end_ms,
                                     .from_ms = total->from_ms,
                                     .to_ms = total->to_ms,
                                     .a = evidence(sum.amount),
                                     .b = evidence(total->amount),
                                     .check = BB_CHECK_SUM,
                                     .hard = true,
                                     .exponent = BB_LEVEL_EXPONENT};
        at->checks |= 1u << BB_CHECK_SUM;
        bb_finding_add(c->findings, &finding);
    }
}
