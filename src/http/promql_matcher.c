/* Labels and matchers: see promql_matcher.h. */
#include "http/promql_matcher.h"

#include "http/promql_regex_internal.h"

struct bb_span bb_promql_labels_get(struct bb_promql_labels labels, struct bb_span name) {
    for (size_t i = 0; i < labels.count; i++)
        if (bb_span_equal(labels.items[i].name, name))
            return labels.items[i].value;
    return BB_SPAN("");
}

int bb_promql_labels_compare(struct bb_promql_labels a, struct bb_promql_labels b) {
    for (size_t i = 0; i < a.count && i < b.count; i++) {
        int order = bb_span_compare(a.items[i].name, b.items[i].name);
        if (order == 0)
            order = bb_span_compare(a.items[i].value, b.items[i].value);
        if (order != 0)
            return order;
    }
    return (a.count > b.count) - (a.count < b.count);
}

int bb_promql_matcher_accepts(const struct bb_promql_matcher *matcher, struct bb_span value,
                              bool *accepts, struct bb_error *error) {
    const bool negated = matcher->match == BB_PROMQL_UNEQUAL || matcher->match == BB_PROMQL_UNLIKE;
    bool same = false;

    if (!matcher->regex) {
        *accepts = bb_span_equal(matcher->value, value) != negated;
        return 0;
    }
    int status = bb_promql_regex_matches(matcher->regex, value, &same, error);
    *accepts = same != negated;
    return status;
}

int bb_promql_selector_accepts(const struct bb_promql_selector *selector,
                               struct bb_promql_labels labels, bool *accepts,
                               struct bb_error *error) {
    *accepts = true;
    for (size_t i = 0; i < selector->matcher_count && *accepts; i++) {
        const struct bb_promql_matcher *m = &selector->matchers[i];
        int status = bb_promql_matcher_accepts(m, bb_promql_labels_get(labels, m->name), accepts,
                                               error);
        if (status != 0)
            return status;
    }
    return 0;
}

bool bb_promql_selector_wants(const struct bb_promql_selector *selector, struct bb_span name,
                              struct bb_span *value) {
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct bb_promql_matcher *m = &selector->matchers[i];
        if (m->match == BB_PROMQL_EQUAL && m->value.size > 0 && bb_span_equal(m->name, name)) {
            *value = m->value;
            return true;
        }
    }
    return false;
}
