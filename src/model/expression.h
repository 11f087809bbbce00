/* Expressions about usage points: which of them belong to a group.
 *
 *   expression := term {OR term}           term := factor {AND factor}
 *   factor     := NOT factor | ( expression ) | key | comparison
 *   comparison := key (= | !=) value | key (< | <= | > | >=) number | key ~ pattern
 *               | key [NOT] IN ( value {, value} )
 *
 * A key is a field of the usage point (commodity, zone, ...) or else one of its tags; `tag:NAME` is always a
 * tag. What is not said is an empty text: `district != north` also holds where there is no district, `district`
 * alone where there is one. = and != compare texts, the others numbers (a text that is none holds never);
 * in a pattern * stands for any text and ? for one character. Values are words, or texts in '' or "". Words of the
 * language ignore case, all else does not.
 *
 * Pure; bounded: text, nesting, parts.
 */
#ifndef BB_MODEL_EXPRESSION_H
#define BB_MODEL_EXPRESSION_H

#include "model/master.h"

enum {
    BB_EXPRESSION_DEPTH_MAX = 32, /* of parentheses and NOT */
    BB_EXPRESSION_PARTS_MAX = 1000
};

struct bb_expression;

/* -BB_E_EXPRESSION: "character 14: ...". The expression lives in the arena and borrows the text. */
int bb_expression_parse(struct bb_span text, struct bb_arena *arena,
                        const struct bb_expression **out, struct bb_error *error) BB_MUST_USE;
/* What it compares: a field ("customer") or tag, a text that borrows from the expression's, and whether both are compared
 * as texts (not by < <= > >=). 0: go on; anything else ends it and is what it returns. */
typedef int bb_expression_visit(void *context, bool is_field, struct bb_span key,
                                struct bb_span value, bool is_text);
int bb_expression_each(const struct bb_expression *expression, bb_expression_visit *visit,
                       void *context) BB_MUST_USE;
bool bb_expression_holds(const struct bb_expression *expression,
                         const struct bb_master_usage_point *up);

#endif
