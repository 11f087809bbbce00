/* PromQL: what is read, as what; what is refused, where and why. */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "http/promql_matcher.h"
#include "http/promql_parse.h"
#include "http/promql_time.h"
#include "support/promql_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct bb_arena arena;
static struct bb_buffer text;
static struct bb_error error;

static void set_up(void) {
    bb_arena_init(&arena, 64 << 10, 8 << 20);
    bb_buffer_init(&text, 1 << 20);
    error = (struct bb_error){0};
}

static void release(void) {
    bb_buffer_release(&text);
    bb_arena_release(&arena);
}

/* The query written out, or its error's text; "limit" etc. are told apart by error.code. */
static const char *parse(const char *query) {
    const struct bb_promql_node *root;

    bb_arena_reset(&arena);
    bb_buffer_clear(&text);
    error = (struct bb_error){0};
    int status = bb_promql_parse(bb_span_of(query), &arena, &root, &error);
    cr_assert_eq(status, -(int)error.code, "%s: %d", query, status);
    if (status == 0)
        promql_text(root, &text);
    else
        bb_buffer_format(&text, "%s", error.text);
    bb_buffer_append_byte(&text, '\0');
    cr_assert(!text.overflow);
    return text.data;
}

TestSuite(promql_parse, .init = set_up, .fini = release);

struct row {
    const char *query, *wanted;
};

#define EXPECT_ROWS(rows)                                                                          \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(rows) / sizeof *(rows); i_++) {                            \
            const char *got_ = parse((rows)[i_].query);                                            \
            cr_expect_str_eq(got_, (rows)[i_].wanted, "%s\n  is     %s\n  wanted %s",              \
                             (rows)[i_].query, got_, (rows)[i_].wanted);                           \
        }                                                                                          \
    } while (0)

/* ---- what is read ---- */

Test(promql_parse, numbers) {
    static const struct row rows[] = {
        {"1", "1"},         {"1.5e3", "1500"},        {".5", "0.5"},
        {"2.", "2"},        {"0x1F", "31"},           {"1E-2", "0.01"},
        {"Inf", "Inf"},     {"inf", "Inf"},           {"NaN", "NaN"},
        {"+4", "4"},        {"-4", "(-4)"},           {"--4", "(-(-4))"},
        {"1 # one\n", "1"}, {"\t( ( 1 ) )\r\n", "1"}, {"-Inf", "(-Inf)"},
        {"1e+3", "1000"},
    };
    EXPECT_ROWS(rows);
}

Test(promql_parse, selectors) {
    static const struct row rows[] = {
        {"busbar_value", "{\"__name__\"=\"busbar_value\"}"},
        {"a:b:c{}", "{\"__name__\"=\"a:b:c\"}"},
        {"{__name__=\"busbar_value\"}", "{\"__name__\"=\"busbar_value\"}"},
        {"x{a=\"1\",b!='2',c=~`3.*`,d!~\"\",}",
         "{\"__name__\"=\"x\", \"a\"=\"1\", \"b\"!=\"2\", \"c\"=~\"3.*\", \"d\"!~\"\"}"},
        {"{\"kWh total\", \"a b\"=\"c\"}", "{\"__name__\"=\"kWh total\", \"a b\"=\"c\"}"},
        {"x{by=\"a\", sum=\"b\"}", "{\"__name__\"=\"x\", \"by\"=\"a\", \"sum\"=\"b\"}"},
        {"sum", "{\"__name__\"=\"sum\"}"},
        {"rate", "{\"__name__\"=\"rate\"}"},
        {"x[5m]", "{\"__name__\"=\"x\"}[300000ms]"},
        {"x[1h30m]", "{\"__name__\"=\"x\"}[5400000ms]"},
        {"x[1m0s]", "{\"__name__\"=\"x\"}[60000ms]"},
        {"x[1y2w3d4h5m6s7ms]", "{\"__name__\"=\"x\"}[33019506007ms]"},
        {"x[90]", "{\"__name__\"=\"x\"}[90000ms]"},
        {"x offset 1d", "{\"__name__\"=\"x\"} offset 86400000ms"},
        {"x OFFSET -5m", "{\"__name__\"=\"x\"} offset -300000ms"},
        {"x[5m] offset 1h", "{\"__name__\"=\"x\"}[300000ms] offset 3600000ms"},
        {"x @ 1709251200.5", "{\"__name__\"=\"x\"} @ 1709251200.500"},
        {"x[5m] @ end() offset 1h", "{\"__name__\"=\"x\"}[300000ms] offset 3600000ms @ end()"},
        {"x offset 1h @ start()", "{\"__name__\"=\"x\"} offset 3600000ms @ start()"},
        {"x{a=\"\\\"\\\\\\x41\\101\\u00e9\\n\"}",
         "{\"__name__\"=\"x\", \"a\"=\"\\\"\\\\AA\u00e9\\n\"}"},
        {"x{a=`\\d`}", "{\"__name__\"=\"x\", \"a\"=\"\\\\d\"}"},
    };
    EXPECT_ROWS(rows);
}

Test(promql_parse, operators_bind_as_in_prometheus) {
    static const struct row rows[] = {
        {"1 + 2 * 3", "(1 + (2 * 3))"},
        {"1 - 2 - 3", "((1 - 2) - 3)"},
        {"2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))"},
        {"-2 ^ 2", "(-(2 ^ 2))"},
        {"2 ^ -1", "(2 ^ (-1))"},
        {"-1 * 2", "((-1) * 2)"},
        {"2 * 3 % 2", "((2 * 3) % 2)"},
        {"1 + 2 > bool 2 * 1", "((1 + 2) > bool (2 * 1))"},
        {"(1 + 2) * 3", "((1 + 2) * 3)"},
        {"1 == bool 2 == bool 3", "((1 == bool 2) == bool 3)"},
        {"x > 5", "({\"__name__\"=\"x\"} > 5)"},
        {"5 <= BOOL x", "(5 <= bool {\"__name__\"=\"x\"})"},
        {"x / y", "({\"__name__\"=\"x\"} / ignoring () {\"__name__\"=\"y\"})"},
        {"x / on(a, b) y", "({\"__name__\"=\"x\"} / on (\"a\", \"b\") {\"__name__\"=\"y\"})"},
        {"x != bool ignoring (b,a,a,) y",
         "({\"__name__\"=\"x\"} != bool ignoring (\"a\", \"b\") {\"__name__\"=\"y\"})"},
        {"x - on() y", "({\"__name__\"=\"x\"} - on () {\"__name__\"=\"y\"})"},
    };
    EXPECT_ROWS(rows);
}

Test(promql_parse, what_grafana_sends) {
    static const struct row rows[] = {
        {"1+1", "(1 + 1)"},
        {"sum by (usage_point) (rate(busbar_reading{channel=\"1-1:1.29.0\"}[1h]))",
         "sum by (\"usage_point\") "
         "(rate({\"__name__\"=\"busbar_reading\", \"channel\"=\"1-1:1.29.0\"}[3600000ms]))"},
        {"sum(increase(busbar_reading{usage_point=~\"(A|B\\\\.1)\"}[$__range])) by (unit)"
         "",
         "parse error at 1:55: the character '$' begins nothing that is PromQL"},
        {"sum(increase(busbar_reading{usage_point=~\"(A|B\\\\.1)\"}[21600s])) by (unit)",
         "sum by (\"unit\") (increase({\"__name__\"=\"busbar_reading\", "
         "\"usage_point\"=~\"(A|B\\\\.1)\"}[21600000ms]))"},
        {"avg without(lane, unit) (busbar_value{lane=\"vee\"})",
         "avg without (\"lane\", \"unit\") ({\"__name__\"=\"busbar_value\", \"lane\"=\"vee\"})"},
        {"max by(usage_point) (max_over_time({__name__=\"busbar_value\"}[1d]))",
         "max by (\"usage_point\") (max_over_time({\"__name__\"=\"busbar_value\"}[86400000ms]))"},
        {"COUNT(busbar_value)", "count by () ({\"__name__\"=\"busbar_value\"})"},
        {"sum(x)\n/\nsum(y) # share\n* 100",
         "((sum by () ({\"__name__\"=\"x\"}) / ignoring () sum by () ({\"__name__\"=\"y\"})) * "
         "100)"},
    };
    EXPECT_ROWS(rows);
}

/* ---- what is refused ---- */

Test(promql_parse, mistakes_are_told_with_their_place) {
    static const struct row rows[] = {
        {"", "parse error at 1:1: the query ends, but a metric, a number, a function or a "
             "parenthesis is expected here"},
        {"sum(x", "parse error at 1:6: the query ends, but ) is expected here"},
        {"1 +\n  * 2", "parse error at 2:3: unexpected *, a metric, a number, a function or a "
                       "parenthesis is expected here"},
        {"x y", "parse error at 1:3: unexpected y, an operator or the end is expected here"},
        {"x{a=1}", "parse error at 1:5: unexpected 1, a value in quotes is expected here"},
        {"x{a=\"1\" b=\"2\"}", "parse error at 1:9: unexpected b, , or } is expected here"},
        {"x{a}", "parse error at 1:4: unexpected }, one of = != =~ !~ is expected here"},
        {"x{a:b=\"1\"}", "parse error at 1:3: unexpected a:b, the name of a label is expected "
                         "here"},
        {"x{a=\"b}", "parse error at 1:5: the text that begins here is not closed by \""},
        {"x{a=\"\\.\"}", "parse error at 1:6: the backslash begins no escape; in a pattern write "
                         "\\\\. for \\. or put it between backquotes"},
        {"x{a=\"\\ud800\"}", "parse error at 1:6: the backslash begins no escape; in a pattern "
                             "write \\\\. for \\. or put it between backquotes"},
        {"{}", "parse error at 1:1: a selector needs a metric, or one label that may not be empty"},
        {"{a=~\".*\"}", "parse error at 1:1: a selector needs a metric, or one label that may not "
                        "be empty"},
        {"x{__name__=\"y\"}", "parse error at 1:1: the metric is named before the braces and in "
                              "them"},
        {"x{a=~\"(\"}", "parse error at 1:6: the pattern is not accepted: missing closing "
                        "parenthesis, at byte 1 of the pattern"},
        {"x{a=~\"(*UCP)b\"}", "parse error at 1:6: the pattern is not accepted: a pattern does "
                              "not begin with (*"},
        {"x[5]m", "parse error at 1:5: unexpected m, an operator or the end is expected here"},
        {"x[5q]", "parse error at 1:3: \"5q\" is neither a number nor a duration such as 1h30m"},
        {"x[30m1h]", "parse error at 1:3: unexpected 30m1h, a duration of at most 100y, such as "
                     "5m or 1h30m, is expected here"},
        {"x[101y]", "parse error at 1:3: unexpected 101y, a duration of at most 100y, such as 5m "
                    "or 1h30m, is expected here"},
        {"x[0s]", "parse error at 1:2: a range is longer than 0"},
        {"x[5m][5m]", "parse error at 1:6: a selector has one range"},
        {"x offset 5m [1h]", "parse error at 1:13: a range stands before offset and @"},
        {"(x) offset 5m", "parse error at 1:5: offset and @ stand behind a selector only"},
        {"(x)[5m]", "parse error at 1:4: a range stands behind a selector only"},
        {"rate(x)", "parse error at 1:6: rate takes a range vector, and this is an instant "
                    "vector; write a range behind it, such as [1h]"},
        {"sum(x[5m])", "parse error at 1:5: sum takes an instant vector, and this is a range "
                       "vector"},
        {"sum(1)", "parse error at 1:5: sum takes an instant vector, and this is a scalar"},
        {"x[5m] + 1", "parse error at 1:1: + takes an instant vector, and this is a range vector"},
        {"-x[5m]", "parse error at 1:2: a sign takes an instant vector, and this is a range "
                   "vector"},
        {"1 > 2", "parse error at 1:3: a comparison of two scalars needs bool behind it"},
        {"x + bool 1", "parse error at 1:3: bool stands behind a comparison only"},
        {"x + on(a) 1", "parse error at 1:3: on and ignoring match two vectors, and here one side "
                        "is a scalar"},
        {"rat(x[5m])", "parse error at 1:1: there is no function rat; did you mean rate?"},
        {"Rate(x[5m])", "parse error at 1:1: there is no function Rate; did you mean rate?"},
        {"frobnicate(x)", "parse error at 1:1: there is no function frobnicate"},
        {"x ; y", "parse error at 1:3: the character ';' begins nothing that is PromQL"},
        {"z\u00e4hler", "parse error at 1:2: the byte 0xc3 begins nothing that is PromQL; other "
                        "characters stand in quotes"},
        {"sum by (x", "parse error at 1:10: the query ends, but , or ) is expected here"},
        {"sum by (1) (x)", "parse error at 1:9: unexpected 1, the name of a label is expected "
                           "here"},
        {"x{\"\"=\"a\"}", "parse error at 1:3: unexpected \"\", a name that is not empty is "
                          "expected here"},
        {"x @ y", "parse error at 1:5: unexpected y, seconds since 1970, start() or end() is "
                  "expected here"},
        {"x @ 1e99", "parse error at 1:5: unexpected 1e99, seconds since 1970, start() or end() is "
                     "expected here"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = parse(rows[i].query);
        cr_expect_str_eq(got, rows[i].wanted, "%s\n  is     %s\n  wanted %s", rows[i].query, got,
                         rows[i].wanted);
        cr_expect_eq(error.code, BB_E_PROMQL_SYNTAX, "%s", rows[i].query);
        cr_expect(error.has_byte && error.byte <= strlen(rows[i].query));
    }
}

Test(promql_parse, what_is_promql_but_not_here_is_named) {
    static const struct row rows[] = {
        {"topk(5, x)", "the aggregation topk"},
        {"quantile by (a) (0.9, x)", "the aggregation quantile"},
        {"histogram_quantile(0.9, x)", "the function histogram_quantile"},
        {"vector(1)", "the function vector"},
        {"irate(x[5m])", "the function irate"},
        {"x and y", "the operator and"},
        {"x OR y", "the operator OR"},
        {"x unless on(a) y", "the operator unless"},
        {"x * on(a) group_left(b) y", "the many-to-one matching group_left"},
        {"max_over_time(rate(x[5m])[1h:1m])", "a subquery, [range:step],"},
        {"max_over_time(x[1h:])", "a subquery, [range:step],"},
        {"\"text\"", "an expression that is a text, \"text\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = parse(rows[i].query);
        cr_expect_eq(error.code, BB_E_PROMQL_UNSUPPORTED, "%s: %s", rows[i].query, got);
        cr_expect(strstr(got, rows[i].wanted), "%s: %s", rows[i].query, got);
    }
}

/* `count` times `begin`, "1", `count` times `end`. */
static const char *nest(const char *begin, const char *middle, const char *end, int count) {
    static char query[1 << 17];
    size_t size = 0;

    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(query + size, sizeof query - size, "%s", begin);
    size += (size_t)snprintf(query + size, sizeof query - size, "%s", middle);
    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(query + size, sizeof query - size, "%s", end);
    return query;
}

Test(promql_parse, length_depth_and_parts_are_bounded) {
    parse(nest("(", "1", ")", 60));
    cr_expect_eq(error.code, BB_OK, "%s", error.text);
    parse(nest("(", "1", ")", 70));
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    parse(nest("-", "1", "", 70));
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    parse(nest("2^", "1", "", 70));
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    parse(nest("1+", "1", "", 499));
    cr_expect_eq(error.code, BB_OK, "%s", error.text);
    parse(nest("1+", "1", "", 500));
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    parse(nest(" ", "1", "", BB_PROMQL_TEXT_MAX));
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    parse(nest("a,", "a", "", 0));
    cr_expect_eq(error.code, BB_OK);

    char many[1024];
    snprintf(many, sizeof many, "sum by (%s) (x)", nest("a,", "", "", BB_PROMQL_NAMES_MAX + 1));
    parse(many);
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
}

Test(promql_parse, memory_is_bounded) {
    const struct bb_promql_node *root;
    struct bb_arena small;

    for (size_t limit = 0; limit < (32 << 10); limit += 256) {
        bb_arena_init(&small, 256, limit);
        int status = bb_promql_parse(BB_SPAN("sum by (a) (rate(x{a=~\"b+\"}[5m]))"), &small, &root,
                                     &error);
        /* a pattern that finds no room is told as a pattern that takes too much */
        cr_expect(status == 0 || status == -BB_E_PROMQL_LIMIT || status == -BB_E_PROMQL_SYNTAX);
        bb_arena_release(&small);
    }
}

/* ---- matchers ---- */

static bool accepts(const char *query, const char *value) {
    const struct bb_promql_selector *selector;
    bool out;
    struct bb_promql_label labels[] = {{BB_PROMQL_NAME, BB_SPAN("x")},
                                       {BB_SPAN("a"), bb_span_of(value)}};
    struct bb_promql_labels all = {labels, value ? 2 : 1};

    cr_assert_eq(bb_promql_parse_selector(bb_span_of(query), &arena, &selector, &error), 0, "%s",
                 error.text);
    cr_assert_eq(bb_promql_selector_accepts(selector, all, &out, &error), 0, "%s", error.text);
    return out;
}

Test(promql_parse, matchers_accept_whole_values) {
    static const struct {
        const char *query, *value;
        bool wanted;
    } rows[] = {
        {"x{a=\"b\"}", "b", true},
        {"x{a=\"b\"}", "bb", false},
        {"x{a!=\"b\"}", "b", false},
        {"x{a!=\"b\"}", NULL, true},
        {"x{a=\"\"}", NULL, true},
        {"x{a=\"\"}", "b", false},
        {"x{a=~\"b\"}", "bb", false},
        {"x{a=~\"b|c\"}", "c", true},
        {"x{a=~\"b|c\"}", "bc", false},
        {"x{a=~\"b|bc\"}", "bc", true},
        {"x{a=~\"b.*\"}", "b\nc", true},
        {"x{a=~\"b$\"}", "b\n", false},
        {"x{a=~\"b+?\"}", "bbb", true},
        {"x{a=~\"\"}", NULL, true},
        {"x{a!~\"b.+\"}", "b", true},
        {"x{a!~\"b.+\"}", "bc", false},
        {"x{a=~\"(?i)ab\"}", "AB", true},
        {"x{a=~\"1-1:1\\\\.29\\\\.0\"}", "1-1:1.29.0", true},
        {"x{a=~`\\d+`}", "123", true},
        {"x{a=~\".\"}", "\u00e9", true},
        {"x{a=~\"..\"}", "\xff\xfe", false},
        {"y{a=\"b\"}", "b", false},
        {"{__name__=~\"x|y\", a=\"b\"}", "b", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(accepts(rows[i].query, rows[i].value), rows[i].wanted, "%s with %s",
                     rows[i].query, rows[i].value);
}

/* The c is there, so that the matcher has to try; the x behind it lets all tries fail. */
Test(promql_parse, a_pattern_that_explodes_ends_with_an_error) {
    static const char *const queries[] = {"x{a=~\"(b*)*c\"}", "x{a=~\"(b|b)*c\"}",
                                          "x{a!~\"(b+)+(b+)+(b+)+c\"}", "x{a=~`(b(?R)?b)*c`}"};
    char value[201];

    memset(value, 'b', sizeof value);
    memcpy(value + sizeof value - 3, "cx", 3);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const struct bb_promql_selector *selector;
        bool out;
        cr_assert_eq(bb_promql_parse_selector(bb_span_of(queries[i]), &arena, &selector, &error),
                     0);
        for (int again = 0; again < 3; again++) {
            error = (struct bb_error){0};
            cr_expect_eq(
                bb_promql_matcher_accepts(&selector->matchers[1], bb_span_of(value), &out, &error),
                -BB_E_PROMQL_LIMIT, "%s", queries[i]);
            cr_expect(strstr(error.text, "too many steps"), "%s", error.text);
        }
    }
}

Test(promql_parse, a_source_can_ask_what_is_wanted) {
    const struct bb_promql_selector *selector;
    struct bb_span value;

    cr_assert_eq(
        bb_promql_parse_selector(BB_SPAN("x{a=~\"1\",b=\"2\",c=\"\"}"), &arena, &selector, &error),
        0);
    cr_expect(bb_promql_selector_wants(selector, BB_SPAN("b"), &value) &&
              bb_span_equal(value, BB_SPAN("2")));
    cr_expect(bb_promql_selector_wants(selector, BB_PROMQL_NAME, &value));
    cr_expect_not(bb_promql_selector_wants(selector, BB_SPAN("a"), &value));
    cr_expect_not(bb_promql_selector_wants(selector, BB_SPAN("c"), &value));
    cr_expect_eq(bb_promql_parse_selector(BB_SPAN("x[5m]"), &arena, &selector, &error),
                 -BB_E_PROMQL_SYNTAX);
    cr_expect_eq(bb_promql_parse_selector(BB_SPAN("1"), &arena, &selector, &error),
                 -BB_E_PROMQL_SYNTAX);
}

/* ---- parameters ---- */

Test(promql_parse, steps_and_times_of_the_api) {
    static const struct {
        const char *text;
        int64_t ms;
    } steps[] = {{"15", 15000}, {"15s", 15000}, {"0.5", 500},   {"1m30s", 90000}, {"1e3", 1000000},
                 {"0", -1},     {"-5", -1},     {"NaN", -1},    {"Inf", -1},      {"1x", -1},
                 {"", -1},      {"1h1h", -1},   {"0.0001", -1}, {"9e99", -1}},
      times[] = {{"1709251200", 1709251200000},
                 {"1709251200.123", 1709251200123},
                 {"2024-03-01T00:00:00Z", 1709251200000},
                 {"2024-03-01T01:00:00.5+01:00", 1709251200500},
                 {"-1.5", -1500},
                 {"2024-03-01T00:00:00", -1},
                 {"yesterday", -1},
                 {"1e300", -1}};
    int64_t ms;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool good = bb_promql_step_parse(bb_span_of(steps[i].text), &ms);
        cr_expect_eq(good ? ms : -1, steps[i].ms, "%s", steps[i].text);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        bool good = bb_promql_time_parse(bb_span_of(times[i].text), &ms);
        cr_expect_eq(good ? ms : -1, times[i].ms, "%s", times[i].text);
    }
}
