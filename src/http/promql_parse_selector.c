/* PromQL's selectors: matchers, lists of labels, and what stands behind a selector. */
#include "http/promql_parser_internal.h"

#include "http/promql_matcher.h"
#include "http/promql_regex_internal.h"
#include "http/promql_time.h"

#include <stdlib.h>

/* A label's name: a word without a colon, or any text in quotes. */
static int parse_name(struct bb_promql_parser *parser, struct bb_span *name) {
    const struct bb_promql_token token = parser->token;
    int status = 0;

    if (token.kind == BB_PROMQL_STRING)
        status = bb_promql_unquote(parser->text, &token, parser->arena, name, parser->error);
    else if (token.kind != BB_PROMQL_WORD || memchr(token.text.data, ':', token.text.size))
        status = bb_promql_unexpected(parser, "the name of a label");
    else if (!(*name = bb_arena_copy(parser->arena, token.text)).data)
        status = bb_promql_no_room(parser);
    if (status == 0 && name->size == 0)
        status = bb_promql_unexpected(parser, "a name that is not empty");
    return status != 0 ? status : bb_promql_advance(parser);
}

static int compare_names(const void *a, const void *b) {
    return bb_span_compare(*(const struct bb_span *)a, *(const struct bb_span *)b);
}

static int too_many(struct bb_promql_parser *parser) {
    return bb_promql_refuse(parser->text, parser->token.at, BB_E_PROMQL_LIMIT, parser->error,
                            "at most %d labels may stand here", BB_PROMQL_NAMES_MAX);
}

int bb_promql_parse_names(struct bb_promql_parser *parser, struct bb_promql_names *names) {
    struct bb_span *items = bb_arena_take_array(parser->arena, BB_PROMQL_NAMES_MAX, sizeof *items);
    size_t count = 0, kept = 0;

    int status = items ? bb_promql_expect(parser, "(") : bb_promql_no_room(parser);
    while (status == 0 && !bb_promql_sees(parser, ")")) {
        if (count == BB_PROMQL_NAMES_MAX)
            return too_many(parser);
        status = parse_name(parser, &items[count++]);
        if (status == 0 && !bb_promql_sees(parser, ")"))
            status = bb_promql_sees(parser, ",") ? bb_promql_advance(parser)
                                                 : bb_promql_unexpected(parser, ", or )");
    }
    if (status != 0)
        return status;
    qsort(items, count, sizeof *items, compare_names);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !bb_span_equal(items[i], items[kept - 1]))
            items[kept++] = items[i];
    names->items = items;
    names->count = kept;
    return bb_promql_advance(parser);
}

/* ---- matchers ---- */

static int parse_match(struct bb_promql_parser *parser, enum bb_promql_match *match) {
    static const char *const signs[] = {[BB_PROMQL_EQUAL] = "=",
                                        [BB_PROMQL_UNEQUAL] = "!=",
                                        [BB_PROMQL_LIKE] = "=~",
                                        [BB_PROMQL_UNLIKE] = "!~"};

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (bb_promql_sees(parser, signs[i])) {
            *match = (enum bb_promql_match)i;
            return bb_promql_advance(parser);
        }
    return bb_promql_unexpected(parser, "one of = != =~ !~");
}

static int parse_matcher_value(struct bb_promql_parser *parser, struct bb_promql_matcher *matcher) {
    const struct bb_promql_token token = parser->token;
    char reason[256];

    if (token.kind != BB_PROMQL_STRING)
        return bb_promql_unexpected(parser, "a value in quotes");
    int status = bb_promql_unquote(parser->text, &token, parser->arena, &matcher->value,
                                   parser->error);
    if (status != 0)
        return status;
    bool pattern = matcher->match == BB_PROMQL_LIKE || matcher->match == BB_PROMQL_UNLIKE;
    if (pattern && !bb_promql_regex_compile(matcher->value, parser->arena, &matcher->regex, reason,
                                            sizeof reason))
        return bb_promql_refuse(parser->text, token.at, BB_E_PROMQL_SYNTAX, parser->error,
                                "the pattern is not accepted: %s", reason);
    return bb_promql_advance(parser);
}

/* name = "value", or "metric" alone. */
static int parse_matcher(struct bb_promql_parser *parser, struct bb_promql_matcher *matcher) {
    bool quoted = parser->token.kind == BB_PROMQL_STRING;

    *matcher = (struct bb_promql_matcher){.match = BB_PROMQL_EQUAL};
    int status = parse_name(parser, &matcher->name);
    if (status != 0)
        return status;
    if (quoted && (bb_promql_sees(parser, ",") || bb_promql_sees(parser, "}"))) {
        matcher->value = matcher->name;
        matcher->name = BB_PROMQL_NAME;
        return 0;
    }
    status = parse_match(parser, &matcher->match);
    return status != 0 ? status : parse_matcher_value(parser, matcher);
}

static int parse_braces(struct bb_promql_parser *parser, struct bb_promql_matcher *items,
                        size_t *count) {
    int status = bb_promql_advance(parser);

    while (status == 0 && !bb_promql_sees(parser, "}")) {
        if (*count == BB_PROMQL_NAMES_MAX)
            return too_many(parser);
        status = parse_matcher(parser, &items[(*count)++]);
        if (status == 0 && !bb_promql_sees(parser, "}"))
            status = bb_promql_sees(parser, ",") ? bb_promql_advance(parser)
                                                 : bb_promql_unexpected(parser, ", or }");
    }
    return status != 0 ? status : bb_promql_advance(parser);
}

/* A selector that would take every series is refused, as Prometheus does: one matcher has to refuse
 * the empty value. */
static int check_matchers(struct bb_promql_parser *parser, size_t at, bool named,
                          const struct bb_promql_matcher *items, size_t count) {
    bool selective = false;

    for (size_t i = 0; i < count; i++) {
        bool accepts;
        int status = bb_promql_matcher_accepts(&items[i], BB_SPAN(""), &accepts, parser->error);
        if (status != 0)
            return status;
        selective |= !accepts;
        if (named && i > 0 && items[i].match == BB_PROMQL_EQUAL &&
            bb_span_equal(items[i].name, BB_PROMQL_NAME))
            return bb_promql_refuse(parser->text, at, BB_E_PROMQL_SYNTAX, parser->error,
                                    "the metric is named before the braces and in them");
    }
    if (selective)
        return 0;
    return bb_promql_refuse(parser->text, at, BB_E_PROMQL_SYNTAX, parser->error,
                            "a selector needs a metric, or one label that may not be empty");
}

int bb_promql_parse_matchers(struct bb_promql_parser *parser, size_t at, struct bb_span metric,
                             struct bb_promql_selector *selector) {
    struct bb_promql_matcher *items = bb_arena_take_array(parser->arena, BB_PROMQL_NAMES_MAX,
                                                          sizeof *items);
    const bool named = metric.size > 0;
    size_t count = 0;
    int status = 0;

    if (!items)
        return bb_promql_no_room(parser);
    if (named) {
        items[count++] = (struct bb_promql_matcher){BB_PROMQL_EQUAL, BB_PROMQL_NAME,
                                                    bb_arena_copy(parser->arena, metric), NULL};
        if (!items[0].value.data)
            return bb_promql_no_room(parser);
    }
    if (bb_promql_sees(parser, "{"))
        status = parse_braces(parser, items, &count);
    if (status == 0)
        status = check_matchers(parser, at, named, items, count);
    selector->matchers = items;
    selector->matcher_count = count;
    return status;
}

/* ---- range, offset, @ ---- */

/* A duration, or a number of seconds; perhaps 0. */
static int parse_duration(struct bb_promql_parser *parser, int64_t *ms) {
    const struct bb_promql_token token = parser->token;
    double seconds;
    bool good = false;

    if (token.kind == BB_PROMQL_DURATION)
        good = bb_promql_duration_parse(token.text, ms);
    else if (token.kind == BB_PROMQL_NUMBER_TOKEN)
        good = bb_promql_number_parse(token.text, &seconds) &&
               bb_promql_seconds_to_ms(seconds, BB_PROMQL_DURATION_MAX_MS, ms);
    if (!good)
        return bb_promql_unexpected(parser, "a duration of at most 100y, such as 5m or 1h30m,");
    return bb_promql_advance(parser);
}

static int parse_range(struct bb_promql_parser *parser, size_t at,
                       struct bb_promql_selector *selector) {
    int64_t range_ms;

    int status = parse_duration(parser, &range_ms);
    if (status != 0)
        return status;
    if (bb_promql_sees(parser, ":"))
        return bb_promql_refuse(parser->text, at, BB_E_PROMQL_UNSUPPORTED, parser->error,
                                "a subquery, [range:step], is PromQL, but busbar does not have it");
    if (range_ms <= 0)
        return bb_promql_refuse(parser->text, at, BB_E_PROMQL_SYNTAX, parser->error,
                                "a range is longer than 0");
    if (selector)
        selector->range_ms = range_ms;
    return bb_promql_expect(parser, "]");
}

static int parse_offset(struct bb_promql_parser *parser, struct bb_promql_selector *selector) {
    bool minus = bb_promql_sees(parser, "-");
    int64_t ms;

    int status = minus ? bb_promql_advance(parser) : 0;
    if (status == 0)
        status = parse_duration(parser, &ms);
    if (status == 0)
        selector->offset_ms = minus ? -ms : ms;
    return status;
}

/* @ 1709251200, @ start(), @ end() */
static int parse_anchor(struct bb_promql_parser *parser, struct bb_promql_selector *selector) {
    bool start = bb_promql_sees_word(parser, "start");
    bool minus = bb_promql_sees(parser, "-");
    double seconds;
    int status;

    if (start || bb_promql_sees_word(parser, "end")) {
        selector->anchor = start ? BB_PROMQL_AT_START : BB_PROMQL_AT_END;
        status = bb_promql_advance(parser);
        if (status == 0)
            status = bb_promql_expect(parser, "(");
        return status != 0 ? status : bb_promql_expect(parser, ")");
    }
    status = minus ? bb_promql_advance(parser) : 0;
    if (status != 0)
        return status;
    if (parser->token.kind != BB_PROMQL_NUMBER_TOKEN ||
        !bb_promql_number_parse(parser->token.text, &seconds) ||
        !bb_promql_seconds_to_ms(minus ? -seconds : seconds, BB_PROMQL_TIME_MAX_MS,
                                 &selector->anchor_ms))
        return bb_promql_unexpected(parser, "seconds since 1970, start() or end()");
    selector->anchor = BB_PROMQL_AT_TIME;
    return bb_promql_advance(parser);
}

int bb_promql_parse_postfix(struct bb_promql_parser *parser, struct bb_promql_node *node,
                            bool *found) {
    struct bb_promql_selector *selector = node ? &node->selector : NULL;
    const size_t at = parser->token.at;
    const bool range = bb_promql_sees(parser, "["), anchor = bb_promql_sees(parser, "@");
    const bool offset = bb_promql_sees_word(parser, "offset");
    const char *wrong = NULL;

    *found = range || anchor || offset;
    if (!*found)
        return 0;
    if (!selector && !range)
        wrong = "offset and @ stand behind a selector only";
    else if (selector && range && (selector->offset_ms != 0 || selector->anchor))
        wrong = "a range stands before offset and @";
    else if (selector && range && selector->range_ms != 0)
        wrong = "a selector has one range";
    else if (selector && ((offset && selector->offset_ms != 0) || (anchor && selector->anchor)))
        wrong = "offset and @ are said once";
    if (wrong)
        return bb_promql_refuse(parser->text, at, BB_E_PROMQL_SYNTAX, parser->error, "%s", wrong);
    int status = bb_promql_advance(parser);
    if (status != 0)
        return status;
    if (offset)
        return parse_offset(parser, selector);
    if (anchor)
        return parse_anchor(parser, selector);
    status = parse_range(parser, at, selector);
    if (status == 0 && !selector)
        return bb_promql_refuse(parser->text, at, BB_E_PROMQL_SYNTAX, parser->error,
                                "a range stands behind a selector only");
    if (status == 0)
        node->type = BB_PROMQL_MATRIX;
    return status;
}
