/* PromQL: text to tree.
 *
 * What is read: vector selectors with all four matchers, ranges, offset and @; sum, avg, min, max
 * and count with by and without on either side; rate, increase and the *_over_time functions of
 * the table in promql_function.c; numbers; arithmetic and comparison, one to one with on and
 * ignoring; parentheses, signs, comments. docs/promql.md is the page for people.
 *
 * Errors: -BB_E_PROMQL_SYNTAX says line and column and what was expected there;
 * -BB_E_PROMQL_UNSUPPORTED names what is PromQL but not read here; -BB_E_PROMQL_LIMIT a query that
 * is too long, too deep or too large. error->byte is the position.
 */
#ifndef BB_HTTP_PROMQL_PARSE_H
#define BB_HTTP_PROMQL_PARSE_H

#include "base/arena.h"
#include "base/error.h"
#include "http/promql_ast.h"

/* *root lives in `arena`, the texts in it are copies. */
int bb_promql_parse(struct bb_span text, struct bb_arena *arena, const struct bb_promql_node **root,
                    struct bb_error *error) BB_MUST_USE;

/* The match[] of /series and /labels: an instant selector and nothing else. */
int bb_promql_parse_selector(struct bb_span text, struct bb_arena *arena,
                             const struct bb_promql_selector **selector, struct bb_error *error)
    BB_MUST_USE;

#endif
