/* The patterns of =~ and !~, on PCRE2, bounded.
 *
 * Prometheus uses RE2, which knows less and never backtracks. A pattern means the whole value, and a
 * dot any character, as there. What differs: PCRE2 also reads look-around, back references,
 * possessive repetition and recursion; \v and \h are classes of blanks; \C and verbs, (*...), are
 * refused. A pattern that backtracks more than BB_PROMQL_REGEX_STEPS times for one value ends the
 * query with an error that says so, where RE2 would go on.
 */
#ifndef BB_HTTP_PROMQL_REGEX_INTERNAL_H
#define BB_HTTP_PROMQL_REGEX_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"

enum {
    BB_PROMQL_REGEX_TEXT_MAX = 32 << 10, /* bytes of a pattern: a list of meters is one */
    BB_PROMQL_REGEX_STEPS = 50000,       /* for one value; some 30 ns each */
    BB_PROMQL_REGEX_DEPTH = 5000,
    BB_PROMQL_REGEX_HEAP_KIB = 512,
};

struct bb_promql_regex;

/* *regex and its working memory live in `arena`. False: `reason` says what is wrong with it. */
bool bb_promql_regex_compile(struct bb_span pattern, struct bb_arena *arena,
                             struct bb_promql_regex **regex, char *reason, size_t reason_size);

/* Does the whole text match? Errors: -BB_E_PROMQL_LIMIT. */
int bb_promql_regex_matches(struct bb_promql_regex *regex, struct bb_span text, bool *matches,
                            struct bb_error *error) BB_MUST_USE;

#endif
