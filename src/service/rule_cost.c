/* What rules cost: see rule_cost.h.
 *
 * A place is taken once, by whoever first counts there: free ─► being named ─► named, for good. One whose process died in
 * between is lost. Two processes may name a rule twice at the same moment: who reads adds both. */
#include "service/rule_cost.h"

#include <stdio.h>

enum { FREE = 0, BEING_NAMED, NAMED };

static bool is_of(struct bb_metric_rule *place, struct bb_span tenant, struct bb_span rule) {
    return atomic_load_explicit(&place->state, memory_order_acquire) == NAMED &&
           bb_span_equal(bb_span_of(place->tenant), tenant) &&
           bb_span_equal(bb_span_of(place->rule), rule);
}

static bool name(struct bb_metric_rule *place, struct bb_span tenant, struct bb_span rule) {
    uint32_t expected = FREE;

    if (!atomic_compare_exchange_strong(&place->state, &expected, BEING_NAMED))
        return false;
    snprintf(place->tenant, sizeof place->tenant, "%.*s", BB_SPAN_ARGS(tenant));
    snprintf(place->rule, sizeof place->rule, "%.*s", BB_SPAN_ARGS(rule));
    atomic_store_explicit(&place->state, NAMED, memory_order_release);
    return true;
}

/* The last place is that of all that have none. */
static struct bb_metric_rule *place_of(struct bb_span tenant, struct bb_span rule) {
    struct bb_metric_rule *places = bb_metric_rules();
    const bool fits = tenant.size < sizeof places->tenant && rule.size < sizeof places->rule;

    for (int i = 0; fits && i < BB_METRIC_RULES; i++)
        if (is_of(&places[i], tenant, rule))
            return &places[i];
    for (int i = 0; fits && i < BB_METRIC_RULES; i++)
        if (name(&places[i], tenant, rule))
            return &places[i];
    return &places[BB_METRIC_RULES];
}

void bb_rule_cost_add(struct bb_span tenant, struct bb_span rule, const struct bb_rule_cost *cost) {
    struct bb_metric_rule *place = place_of(tenant, rule);

    atomic_fetch_add_explicit(&place->windows, cost->windows, memory_order_relaxed);
    atomic_fetch_add_explicit(&place->points, cost->points, memory_order_relaxed);
    atomic_fetch_add_explicit(&place->failures, cost->failures, memory_order_relaxed);
    atomic_fetch_add_explicit(&place->nanoseconds, cost->nanoseconds, memory_order_relaxed);
}

static void add(struct bb_rule_cost *sum, struct bb_metric_rule *place) {
    sum->windows += atomic_load_explicit(&place->windows, memory_order_relaxed);
    sum->points += atomic_load_explicit(&place->points, memory_order_relaxed);
    sum->failures += atomic_load_explicit(&place->failures, memory_order_relaxed);
    sum->nanoseconds += atomic_load_explicit(&place->nanoseconds, memory_order_relaxed);
}

void bb_rule_cost_get(struct bb_span tenant, struct bb_span rule, struct bb_rule_cost *out) {
    struct bb_metric_rule *places = bb_metric_rules();

    *out = (struct bb_rule_cost){0};
    for (int i = 0; i < BB_METRIC_RULES; i++)
        if (is_of(&places[i], tenant, rule))
            add(out, &places[i]);
}

void bb_rule_cost_each(bb_rule_cost_visit *visit, void *context) {
    struct bb_metric_rule *places = bb_metric_rules();
    struct bb_rule_cost others = {0};

    for (int i = 0; i < BB_METRIC_RULES; i++) {
        struct bb_span tenant = bb_span_of(places[i].tenant), rule = bb_span_of(places[i].rule);
        struct bb_rule_cost cost;
        bool told = !is_of(&places[i], tenant, rule);
        for (int k = 0; !told && k < i; k++)
            told = is_of(&places[k], tenant, rule);
        if (told)
            continue;
        bb_rule_cost_get(tenant, rule, &cost);
        visit(context, tenant, rule, &cost);
    }
    add(&others, &places[BB_METRIC_RULES]);
    visit(context, BB_SPAN(""), BB_SPAN(""), &others);
}
