/* PromQL's expressions: precedence climbing over the words of promql_lex.c.
 *
 *   expression   unary { operator [bool] [on|ignoring (names)] expression-that-binds-tighter }
 *   unary        {+|-} operand-and-its-powers
 *   operand      number | ( expression ) | function ( expression )
 *              | aggregation [by|without (names)] ( expression ) [by|without (names)] | selector
 *   selector     name | [name] { matchers }, then [range] offset @ in any order
 *
 * Every kind of expression has its type when its node is made, so that what cannot be evaluated is
 * told with its place in the text. */
#include "http/promql_parse.h"

#include "http/promql_aggregation.h"
#include "http/promql_function.h"
#include "http/promql_operator.h"
#include "http/promql_parser_internal.h"
#include "http/promql_time.h"

static const char *const type_names[] = {"a scalar", "an instant vector", "a range vector"};

static int parse_expression(struct bb_promql_parser *parser, int least,
                            struct bb_promql_node **out);

int bb_promql_advance(struct bb_promql_parser *parser) {
    return bb_promql_lex(parser->text, parser->token.at + parser->token.text.size, &parser->token,
                         parser->error);
}

int(bb_promql_unexpected)(struct bb_promql_parser *parser, const char *wanted) {
    const struct bb_promql_token *token = &parser->token;
    struct bb_span shown = bb_promql_excerpt(token->text);

    if (token->kind == BB_PROMQL_END)
        return bb_promql_refuse(parser->text, token->at, BB_E_PROMQL_SYNTAX, parser->error,
                                "the query ends, but %s is expected here", wanted);
    return bb_promql_refuse(parser->text, token->at, BB_E_PROMQL_SYNTAX, parser->error,
                            "unexpected %.*s, %s is expected here", BB_SPAN_ARGS(shown), wanted);
}

int bb_promql_expect(struct bb_promql_parser *parser, const char *sign) {
    if (!bb_promql_sees(parser, sign))
        return bb_promql_unexpected(parser, sign);
    return bb_promql_advance(parser);
}

static int unsupported(struct bb_promql_parser *parser, size_t at, const char *what,
                       struct bb_span name) {
    struct bb_span shown = bb_promql_excerpt(name);
    return bb_promql_refuse(parser->text, at, BB_E_PROMQL_UNSUPPORTED, parser->error,
                            "%s %.*s is PromQL, but busbar does not have it", what,
                            BB_SPAN_ARGS(shown));
}

static int new_node(struct bb_promql_parser *parser, enum bb_promql_node_kind kind,
                    enum bb_promql_type type, size_t at, struct bb_promql_node **out) {
    if (++parser->nodes > BB_PROMQL_NODES_MAX)
        return bb_promql_refuse(parser->text, at, BB_E_PROMQL_LIMIT, parser->error,
                                "a query has at most %d parts", BB_PROMQL_NODES_MAX);
    *out = bb_arena_take_array(parser->arena, 1, sizeof **out);
    if (!*out)
        return bb_promql_no_room(parser);
    (*out)->kind = kind;
    (*out)->type = type;
    (*out)->at = at;
    return 0;
}

static int expect_type(struct bb_promql_parser *parser, const struct bb_promql_node *node,
                       enum bb_promql_type type, const char *taker) {
    const char *hint = type == BB_PROMQL_MATRIX && node->kind == BB_PROMQL_SELECTOR
                           ? "; write a range behind it, such as [1h]"
                           : "";
    if (node->type == type)
        return 0;
    return bb_promql_refuse(parser->text, node->at, BB_E_PROMQL_SYNTAX, parser->error,
                            "%s takes %s, and this is %s%s", taker, type_names[type],
                            type_names[node->type], hint);
}

/* ---- operands ---- */

static int parse_number(struct bb_promql_parser *parser, struct bb_promql_node **out) {
    struct bb_promql_token token = parser->token;
    double number;

    if (!bb_promql_number_parse(token.text, &number))
        return bb_promql_unexpected(parser, "a number");
    int status = new_node(parser, BB_PROMQL_NUMBER, BB_PROMQL_SCALAR, token.at, out);
    if (status != 0)
        return status;
    (*out)->number = number;
    return bb_promql_advance(parser);
}

/* by (...) or without (...) when it is here; *found tells. */
static int parse_grouping(struct bb_promql_parser *parser, struct bb_promql_names *names,
                          bool *found) {
    bool by = bb_promql_sees_word(parser, "by");

    *found = by || bb_promql_sees_word(parser, "without");
    if (!*found)
        return 0;
    names->keep = by;
    int status = bb_promql_advance(parser);
    return status != 0 ? status : bb_promql_parse_names(parser, names);
}

static int parse_aggregate(struct bb_promql_parser *parser, size_t at,
                           const struct bb_promql_aggregation *row, struct bb_promql_node **out) {
    struct bb_promql_names names = {.keep = true};
    struct bb_promql_node *argument;
    bool before, after;

    int status = parse_grouping(parser, &names, &before);
    if (status == 0)
        status = bb_promql_expect(parser, "(");
    if (status == 0)
        status = parse_expression(parser, BB_PROMQL_PRECEDENCE_LEAST, &argument);
    if (status == 0)
        status = bb_promql_expect(parser, ")");
    if (status == 0 && !before)
        status = parse_grouping(parser, &names, &after);
    if (status == 0)
        status = expect_type(parser, argument, BB_PROMQL_VECTOR, row->name);
    if (status == 0)
        status = new_node(parser, BB_PROMQL_AGGREGATE, BB_PROMQL_VECTOR, at, out);
    if (status != 0)
        return status;
    (*out)->aggregate.row = row;
    (*out)->aggregate.argument = argument;
    (*out)->aggregate.by = names;
    return 0;
}

static int parse_call(struct bb_promql_parser *parser, const struct bb_promql_token *name,
                      struct bb_promql_node **out) {
    const struct bb_promql_function *row = bb_promql_function_find(name->text);
    struct bb_promql_node *argument;

    if (!row && bb_promql_function_is_foreign(name->text))
        return unsupported(parser, name->at, "the function", name->text);
    if (!row) {
        const char *nearest = bb_promql_function_nearest(name->text);
        struct bb_span shown = bb_promql_excerpt(name->text);
        return bb_promql_refuse(parser->text, name->at, BB_E_PROMQL_SYNTAX, parser->error,
                                "there is no function %.*s%s%s%s", BB_SPAN_ARGS(shown),
                                nearest ? "; did you mean " : "", nearest ? nearest : "",
                                nearest ? "?" : "");
    }
    int status = bb_promql_expect(parser, "(");
    if (status == 0)
        status = parse_expression(parser, BB_PROMQL_PRECEDENCE_LEAST, &argument);
    if (status == 0)
        status = bb_promql_expect(parser, ")");
    if (status == 0)
        status = expect_type(parser, argument, BB_PROMQL_MATRIX, row->name);
    if (status == 0)
        status = new_node(parser, BB_PROMQL_CALL, BB_PROMQL_VECTOR, name->at, out);
    if (status != 0)
        return status;
    (*out)->call.row = row;
    (*out)->call.argument = argument;
    return 0;
}

static int parse_selector(struct bb_promql_parser *parser, size_t at, struct bb_span metric,
                          struct bb_promql_node **out) {
    int status = new_node(parser, BB_PROMQL_SELECTOR, BB_PROMQL_VECTOR, at, out);
    return status != 0 ? status : bb_promql_parse_matchers(parser, at, metric, &(*out)->selector);
}

/* A word is a function or an aggregation when a parenthesis (or by, without) follows, else a metric. */
static int parse_word(struct bb_promql_parser *parser, struct bb_promql_node **out) {
    struct bb_promql_token word = parser->token;
    double number;

    if (bb_promql_number_parse(word.text, &number)) /* Inf, NaN */
        return parse_number(parser, out);
    int status = bb_promql_advance(parser);
    if (status != 0)
        return status;
    bool calls = bb_promql_sees(parser, "(");
    if (calls || bb_promql_sees_word(parser, "by") || bb_promql_sees_word(parser, "without")) {
        const struct bb_promql_aggregation *row = bb_promql_aggregation_find(word.text);
        if (row)
            return parse_aggregate(parser, word.at, row, out);
        if (bb_promql_aggregation_is_foreign(word.text))
            return unsupported(parser, word.at, "the aggregation", word.text);
    }
    return calls ? parse_call(parser, &word, out) : parse_selector(parser, word.at, word.text, out);
}

static int parse_parentheses(struct bb_promql_parser *parser, struct bb_promql_node **out) {
    int status = bb_promql_advance(parser);
    if (status == 0)
        status = parse_expression(parser, BB_PROMQL_PRECEDENCE_LEAST, out);
    return status != 0 ? status : bb_promql_expect(parser, ")");
}

static int parse_operand(struct bb_promql_parser *parser, struct bb_promql_node **out) {
    static const char wanted[] = "a metric, a number, a function or a parenthesis";
    bool found = true, bare = false;
    int status;

    if (parser->token.kind == BB_PROMQL_NUMBER_TOKEN) {
        status = parse_number(parser, out);
    } else if (parser->token.kind == BB_PROMQL_WORD) {
        status = parse_word(parser, out);
        bare = true;
    } else if (bb_promql_sees(parser, "{")) {
        status = parse_selector(parser, parser->token.at, BB_SPAN(""), out);
        bare = true;
    } else if (bb_promql_sees(parser, "(")) {
        status = parse_parentheses(parser, out);
    } else if (parser->token.kind == BB_PROMQL_STRING) {
        return unsupported(parser, parser->token.at, "an expression that is a text,",
                           parser->token.text);
    } else {
        return bb_promql_unexpected(parser, wanted);
    }
    bool selector = status == 0 && bare && (*out)->kind == BB_PROMQL_SELECTOR;
    while (status == 0 && found)
        status = bb_promql_parse_postfix(parser, selector ? *out : NULL, &found);
    return status;
}

/* ---- operators ---- */

static int parse_unary(struct bb_promql_parser *parser, struct bb_promql_node **out) {
    struct bb_promql_node *operand;
    size_t at = parser->token.at;
    bool minus = bb_promql_sees(parser, "-");

    if (!minus && !bb_promql_sees(parser, "+"))
        return parse_operand(parser, out);
    int status = bb_promql_advance(parser);
    if (status == 0) /* -2 ^ 2 is -4: a power binds tighter than a sign */
        status = parse_expression(parser, BB_PROMQL_PRECEDENCE_POWER, &operand);
    if (status != 0)
        return status;
    if (operand->type == BB_PROMQL_MATRIX)
        return expect_type(parser, operand, BB_PROMQL_VECTOR, "a sign");
    *out = operand;
    if (!minus)
        return 0;
    status = new_node(parser, BB_PROMQL_NEGATE, operand->type, at, out);
    if (status == 0)
        (*out)->operand = operand;
    return status;
}

struct modifiers {
    bool returns_bool;
    bool matching; /* on or ignoring was written */
    struct bb_promql_names on;
};

static int parse_modifiers(struct bb_promql_parser *parser, struct modifiers *out) {
    int status = 0;

    *out = (struct modifiers){0};
    if (bb_promql_sees_word(parser, "bool")) {
        out->returns_bool = true;
        status = bb_promql_advance(parser);
    }
    bool on = status == 0 && bb_promql_sees_word(parser, "on");
    if (on || (status == 0 && bb_promql_sees_word(parser, "ignoring"))) {
        out->matching = true;
        out->on.keep = on;
        status = bb_promql_advance(parser);
        if (status == 0)
            status = bb_promql_parse_names(parser, &out->on);
    }
    if (status == 0 &&
        (bb_promql_sees_word(parser, "group_left") || bb_promql_sees_word(parser, "group_right")))
        return unsupported(parser, parser->token.at, "the many-to-one matching",
                           parser->token.text);
    return status;
}

/* Do the two sides, the operator and its modifiers go together? */
static int check_binary(struct bb_promql_parser *parser, const struct bb_promql_token *sign,
                        const struct bb_promql_operator *row, const struct modifiers *modifiers,
                        const struct bb_promql_node *left, const struct bb_promql_node *right) {
    const struct bb_promql_node *ranged = left->type == BB_PROMQL_MATRIX    ? left
                                          : right->type == BB_PROMQL_MATRIX ? right
                                                                            : NULL;
    bool scalars = left->type == BB_PROMQL_SCALAR && right->type == BB_PROMQL_SCALAR;
    bool vectors = left->type == BB_PROMQL_VECTOR && right->type == BB_PROMQL_VECTOR;
    const char *wrong = NULL;

    if (ranged)
        return expect_type(parser, ranged, BB_PROMQL_VECTOR, row->text);
    if (modifiers->returns_bool && !row->compares)
        wrong = "bool stands behind a comparison only";
    else if (row->compares && scalars && !modifiers->returns_bool)
        wrong = "a comparison of two scalars needs bool behind it";
    else if (modifiers->matching && !vectors)
        wrong = "on and ignoring match two vectors, and here one side is a scalar";
    if (!wrong)
        return 0;
    return bb_promql_refuse(parser->text, sign->at, BB_E_PROMQL_SYNTAX, parser->error, "%s", wrong);
}

static int parse_binary(struct bb_promql_parser *parser, const struct bb_promql_operator *row,
                        struct bb_promql_node **left) {
    struct bb_promql_token sign = parser->token;
    struct modifiers modifiers;
    struct bb_promql_node *right, *node;

    int status = bb_promql_advance(parser);
    if (status == 0)
        status = parse_modifiers(parser, &modifiers);
    if (status == 0)
        status = parse_expression(parser, row->rightmost ? row->precedence : row->precedence + 1,
                                  &right);
    if (status == 0)
        status = check_binary(parser, &sign, row, &modifiers, *left, right);
    if (status != 0)
        return status;
    enum bb_promql_type type = (*left)->type == BB_PROMQL_SCALAR && right->type == BB_PROMQL_SCALAR
                                   ? BB_PROMQL_SCALAR
                                   : BB_PROMQL_VECTOR;
    status = new_node(parser, BB_PROMQL_BINARY, type, (*left)->at, &node);
    if (status != 0)
        return status;
    node->binary.row = row;
    node->binary.left = *left;
    node->binary.right = right;
    node->binary.returns_bool = modifiers.returns_bool;
    node->binary.on = modifiers.on;
    *left = node;
    return 0;
}

static bool sees_foreign_operator(const struct bb_promql_parser *parser) {
    static const char *const words[] = {"and", "or", "unless", "atan2"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_promql_sees_word(parser, words[i]))
            return true;
    return false;
}

/* Operators that bind at least as tightly as `least`. */
static int parse_expression(struct bb_promql_parser *parser, int least,
                            struct bb_promql_node **out) {
    if (++parser->depth > BB_PROMQL_DEPTH_MAX)
        return bb_promql_refuse(parser->text, parser->token.at, BB_E_PROMQL_LIMIT, parser->error,
                                "a query is nested at most %d deep", BB_PROMQL_DEPTH_MAX);
    int status = parse_unary(parser, out);
    while (status == 0) {
        const struct bb_promql_operator *row = parser->token.kind == BB_PROMQL_SIGN
                                                   ? bb_promql_operator_find(parser->token.text)
                                                   : NULL;
        if (sees_foreign_operator(parser))
            status = unsupported(parser, parser->token.at, "the operator", parser->token.text);
        else if (!row || row->precedence < least)
            break;
        else
            status = parse_binary(parser, row, out);
    }
    parser->depth--;
    return status;
}

int bb_promql_parse(struct bb_span text, struct bb_arena *arena, const struct bb_promql_node **root,
                    struct bb_error *error) {
    struct bb_promql_parser parser = {.text = text, .arena = arena, .error = error};
    struct bb_promql_node *node;

    if (text.size > BB_PROMQL_TEXT_MAX)
        return BB_FAIL(error, BB_E_PROMQL_LIMIT, "a query is at most %d bytes long, not %zu",
                       BB_PROMQL_TEXT_MAX, text.size);
    int status = bb_promql_advance(&parser);
    if (status == 0)
        status = parse_expression(&parser, BB_PROMQL_PRECEDENCE_LEAST, &node);
    if (status == 0 && parser.token.kind != BB_PROMQL_END)
        status = bb_promql_unexpected(&parser, "an operator or the end");
    if (status == 0)
        *root = node;
    return status;
}

int bb_promql_parse_selector(struct bb_span text, struct bb_arena *arena,
                             const struct bb_promql_selector **selector, struct bb_error *error) {
    const struct bb_promql_node *node;

    int status = bb_promql_parse(text, arena, &node, error);
    if (status != 0)
        return status;
    if (node->kind != BB_PROMQL_SELECTOR || node->selector.range_ms != 0)
        return bb_promql_refuse(text, node->at, BB_E_PROMQL_SYNTAX, error,
                                "a metric or labels in braces are expected here, and nothing else");
    *selector = &node->selector;
    return 0;
}
