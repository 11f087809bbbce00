/* Labels and the matchers that select by them.
 *
 * A label that a series lacks has the empty value, so {zone=""} selects series without a zone and
 * {zone!="a"} those, too. */
#ifndef BB_HTTP_PROMQL_MATCHER_H
#define BB_HTTP_PROMQL_MATCHER_H

#include "base/error.h"
#include "http/promql_ast.h"

struct bb_promql_label {
    struct bb_span name, value;
};

/* Sorted by name, each name once, no empty value. The metric's name is the label __name__. */
struct bb_promql_labels {
    const struct bb_promql_label *items;
    size_t count;
};

/* The value of a label; empty when it is not there. */
struct bb_span bb_promql_labels_get(struct bb_promql_labels labels, struct bb_span name);

/* Order of series: name before value, label by label, fewer first. */
int bb_promql_labels_compare(struct bb_promql_labels a, struct bb_promql_labels b);

/* Errors: -BB_E_PROMQL_LIMIT, a pattern that takes too many steps for this value. */
int bb_promql_matcher_accepts(const struct bb_promql_matcher *matcher, struct bb_span value,
                              bool *accepts, struct bb_error *error) BB_MUST_USE;
/* Do all accept? */
int bb_promql_selector_accepts(const struct bb_promql_selector *selector,
                               struct bb_promql_labels labels, bool *accepts,
                               struct bb_error *error) BB_MUST_USE;

/* The value that a matcher with = asks for, so that a source can look it up instead of trying all;
 * false when the selector has none for this label. */
bool bb_promql_selector_wants(const struct bb_promql_selector *selector, struct bb_span name,
                              struct bb_span *value);

#endif
