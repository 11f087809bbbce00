/* What the two files of the parser share: promql_parse.c (expressions) and
 * promql_parse_selector.c (selectors, lists of labels, durations). */
#ifndef BB_HTTP_PROMQL_PARSER_INTERNAL_H
#define BB_HTTP_PROMQL_PARSER_INTERNAL_H

#include "http/promql_lex_internal.h"
#include "http/promql_parse.h"

struct bb_promql_parser {
    struct bb_span text;
    struct bb_promql_token token; /* the one to be looked at */
    struct bb_arena *arena;
    struct bb_error *error;
    int nodes, depth;
};

/* Move to the next token. */
int bb_promql_advance(struct bb_promql_parser *parser) BB_MUST_USE;

static inline bool bb_promql_sees(const struct bb_promql_parser *parser, const char *sign) {
    return parser->token.kind == BB_PROMQL_SIGN &&
           bb_span_equal(parser->token.text, bb_span_of(sign));
}
static inline bool bb_promql_sees_word(const struct bb_promql_parser *parser, const char *word) {
    return parser->token.kind == BB_PROMQL_WORD &&
           bb_span_equal_nocase(parser->token.text, bb_span_of(word));
}

/* Refuse the token to be looked at: "unexpected X, WANTED is expected here". */
int bb_promql_unexpected(struct bb_promql_parser *parser, const char *wanted);
#ifdef __clang_analyzer__ /* let it know that this is never 0 */
#define bb_promql_unexpected(parser, wanted)                                                       \
    (bb_promql_unexpected((parser), (wanted)), -(int)BB_E_PROMQL_SYNTAX)
#endif
/* The sign must be here; step over it. */
int bb_promql_expect(struct bb_promql_parser *parser, const char *sign) BB_MUST_USE;
static inline int bb_promql_no_room(struct bb_promql_parser *parser) {
    return BB_FAIL(parser->error, BB_E_PROMQL_LIMIT, "the query takes more memory than it may");
}

/* (a, b, "c d") with a comma perhaps behind the last; sorted, each once. */
int bb_promql_parse_names(struct bb_promql_parser *parser, struct bb_promql_names *names)
    BB_MUST_USE;

/* {a="b", ...} behind a metric's name, `metric` of no bytes when there is none. */
int bb_promql_parse_matchers(struct bb_promql_parser *parser, size_t at, struct bb_span metric,
                             struct bb_promql_selector *selector) BB_MUST_USE;

/* One of [range], offset and @ behind `node`; *found false: none of them is here. */
int bb_promql_parse_postfix(struct bb_promql_parser *parser, struct bb_promql_node *node,
                            bool *found) BB_MUST_USE;

#endif
