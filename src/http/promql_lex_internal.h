/* The words of PromQL.
 *
 * Words are plain: whether `sum` is an aggregation, a metric or a label is for the parser to say. A
 * token's text is a part of the query. */
#ifndef BB_HTTP_PROMQL_LEX_INTERNAL_H
#define BB_HTTP_PROMQL_LEX_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"

enum bb_promql_token_kind {
    BB_PROMQL_END,
    BB_PROMQL_WORD,         /* letters, digits, _ and : */
    BB_PROMQL_NUMBER_TOKEN, /* 1, 1.5e3, 0x1f */
    BB_PROMQL_DURATION,     /* 1h30m */
    BB_PROMQL_STRING,       /* with its quotes */
    BB_PROMQL_SIGN,         /* ( ) { } [ ] , : @ and all operators */
};

struct bb_promql_token {
    enum bb_promql_token_kind kind;
    size_t at; /* byte of the query */
    struct bb_span text;
};

/* The token at or after byte `at`. Errors: -BB_E_PROMQL_SYNTAX. */
int bb_promql_lex(struct bb_span query, size_t at, struct bb_promql_token *token,
                  struct bb_error *error) BB_MUST_USE;

/* What a STRING says: escapes as in Go, none between backquotes. The text lives in `arena`.
 * Errors: -BB_E_PROMQL_SYNTAX, -BB_E_PROMQL_LIMIT (no room). */
int bb_promql_unquote(struct bb_span query, const struct bb_promql_token *token,
                      struct bb_arena *arena, struct bb_span *out, struct bb_error *error)
    BB_MUST_USE;

/* Fill *error with "parse error at 1:13: ..." for byte `at` of the query and return -code. */
int bb_promql_refuse(struct bb_span query, size_t at, enum bb_error_code code,
                     struct bb_error *error, const char *format, ...) BB_PRINTF(5, 6);
#ifdef __clang_analyzer__ /* does not see into promql_lex.c: let it know that this is never 0 */
#define bb_promql_refuse(query, at, code, ...)                                                     \
    (bb_promql_refuse((query), (at), (code), __VA_ARGS__), -(int)(code))
#endif

/* At most 40 bytes of a text for a message, cut between characters: "%.*s" with BB_SPAN_ARGS. */
struct bb_span bb_promql_excerpt(struct bb_span text);

#endif
