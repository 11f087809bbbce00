/* A PromQL query as a tree: what the parser makes and the evaluator walks.
 *
 *   sum by (usage_point) (rate(busbar_reading{channel="1-1:1.29.0"}[1h] offset 1d)) * 4
 *
 *   BINARY *
 *     AGGREGATE sum, by usage_point
 *       CALL rate
 *         SELECTOR __name__="busbar_reading", channel="1-1:1.29.0"; range 1h, offset 1d
 *     NUMBER 4
 *
 * The tree, its texts and its compiled patterns live in the arena of the parse and need no release.
 * Types are checked by the parser: a tree that exists can be evaluated. One tree, one thread: a
 * pattern has working memory of its own.
 */
#ifndef BB_HTTP_PROMQL_AST_H
#define BB_HTTP_PROMQL_AST_H

#include "base/span.h"

enum {
    BB_PROMQL_TEXT_MAX = 64 << 10, /* bytes of a query; a dashboard's longest is a list of meters */
    BB_PROMQL_NODES_MAX = 1000,
    BB_PROMQL_DEPTH_MAX = 64, /* of parentheses, calls, signs and right-hand sides */
    BB_PROMQL_NAMES_MAX = 64, /* matchers of a selector, labels of a by () */
};
/* Durations of a query: up to 100 years of 365 days. */
#define BB_PROMQL_DURATION_MAX_MS (INT64_C(100) * 365 * 24 * 3600 * 1000)
/* Times: 1000 years to both sides of 1970. */
#define BB_PROMQL_TIME_MAX_MS (INT64_C(1000) * 366 * 24 * 3600 * 1000)

/* The label that holds the metric's name. */
#define BB_PROMQL_NAME BB_SPAN("__name__")

enum bb_promql_type { BB_PROMQL_SCALAR, BB_PROMQL_VECTOR, BB_PROMQL_MATRIX };

enum bb_promql_match { BB_PROMQL_EQUAL, BB_PROMQL_UNEQUAL, BB_PROMQL_LIKE, BB_PROMQL_UNLIKE };

struct bb_promql_regex;

struct bb_promql_matcher {
    enum bb_promql_match match;
    struct bb_span name;
    struct bb_span value;
    struct bb_promql_regex *regex; /* of =~ and !~ */
};

/* What an `@` says. */
enum bb_promql_anchor {
    BB_PROMQL_AT_STEP,
    BB_PROMQL_AT_TIME,
    BB_PROMQL_AT_START,
    BB_PROMQL_AT_END
};

struct bb_promql_selector {
    const struct bb_promql_matcher *matchers;
    size_t matcher_count;
    int64_t range_ms;  /* 0: an instant selector */
    int64_t offset_ms; /* how far back; negative: ahead */
    enum bb_promql_anchor anchor;
    int64_t anchor_ms; /* of BB_PROMQL_AT_TIME */
};

/* The list of by, without, on and ignoring: sorted by name, each once. */
struct bb_promql_names {
    const struct bb_span *items;
    size_t count;
    bool keep; /* by, on: these alone count; else: all but these and the metric's name */
};

struct bb_promql_function;    /* promql_function.h */
struct bb_promql_aggregation; /* promql_aggregation.h */
struct bb_promql_operator;    /* promql_operator.h */

enum bb_promql_node_kind {
    BB_PROMQL_NUMBER,
    BB_PROMQL_SELECTOR,
    BB_PROMQL_CALL,
    BB_PROMQL_AGGREGATE,
    BB_PROMQL_BINARY,
    BB_PROMQL_NEGATE,
    BB_PROMQL_NODE_KINDS
};

struct bb_promql_node {
    enum bb_promql_node_kind kind;
    enum bb_promql_type type;
    size_t at; /* byte of the query where it begins */
    union {
        double number;
        struct bb_promql_selector selector;
        struct {
            const struct bb_promql_function *row;
            const struct bb_promql_node *argument; /* a range selector */
        } call;
        struct {
            const struct bb_promql_aggregation *row;
            const struct bb_promql_node *argument;
            struct bb_promql_names by; /* without a list: by () */
        } aggregate;
        struct {
            const struct bb_promql_operator *row;
            const struct bb_promql_node *left, *right;
            bool returns_bool;
            struct bb_promql_names on; /* without a list: ignoring () */
        } binary;
        const struct bb_promql_node *operand; /* of NEGATE */
    };
};

#endif
