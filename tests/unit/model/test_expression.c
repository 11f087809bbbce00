/* Expressions about usage points: what they hold of, what cannot be read and where. */
#include "model/expression.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct bb_master_tag tags[] = {
    {BB_SPAN("district"), BB_SPAN("north")}, {BB_SPAN("floor_area"), BB_SPAN("120.50")},
    {BB_SPAN("note"), BB_SPAN("a b")},       {BB_SPAN("zone"), BB_SPAN("inner")},
    {BB_SPAN("größe"), BB_SPAN("übergroß")}, {BB_SPAN("empty"), {NULL, 0}}};
static const struct bb_master_usage_point point = {.name = BB_SPAN("8716"),
                                                   .zone = BB_SPAN("Europe/Amsterdam"),
                                                   .customer = BB_SPAN("C-1"),
                                                   .commodity = BB_COMMODITY_WATER,
                                                   .tags = tags,
                                                   .tag_count = sizeof tags / sizeof tags[0]};

static int parse(const char *text, struct bb_arena *arena, const struct bb_expression **out,
                 struct bb_error *error) {
    bb_arena_init(arena, 1 << 16, 1 << 20);
    return bb_expression_parse(bb_span_of(text), arena, out, error);
}

Test(expression, holds) {
    static const struct {
        const char *text;
        bool holds;
    } cases[] = {
        {"district = north", true},
        {"district=north", true},
        {"district = North", false},
        {"district != north", false},
        {"nothing != north", true},
        {"district", true},
        {"nothing", false},
        {"empty", false},
        {"NOT empty", true},
        {"commodity = water", true},
        {"commodity != gas and zone = Europe/Amsterdam", true},
        {"tag:zone = inner", true},
        {"zone = inner", false},
        {"\"zone\" = inner", true},
        {"usage_point ~ 87*", true},
        {"usage_point ~ ?716", true},
        {"usage_point ~ ???", false},
        {"usage_point ~ *7*6", true},
        {"usage_point ~ *61", false},
        {"größe ~ ?bergroß", true},
        {"note = 'a b'", true},
        {"note = \"a b\"", true},
        {"floor_area > 120.5", false},
        {"floor_area >= 120.5", true},
        {"floor_area < 1e3", true},
        {"floor_area > -5", true},
        {"floor_area = 120.5", false}, /* = compares texts */
        {"district > 1", false},
        {"nothing < 1", false},
        {"district IN (south, north)", true},
        {"district not in (south, north)", false},
        {"nothing IN (a)", false},
        {"a OR district AND usage_point", true},
        {"district OR a AND b", true},
        {"(district OR a) AND b", false},
        {"NOT a AND NOT b", true},
        {"NOT (a OR district)", false},
        {"customer = C-1\n  AND district", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bb_expression *expression = NULL;
        struct bb_arena arena;
        struct bb_error error = {0};
        int result = parse(cases[i].text, &arena, &expression, &error);
        cr_expect_eq(result, 0, "%s: %s", cases[i].text, error.text);
        if (result == 0)
            cr_expect_eq(bb_expression_holds(expression, &point), cases[i].holds, "%s",
                         cases[i].text);
        bb_arena_release(&arena);
    }
}

Test(expression, says_where_it_is_wrong) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "character 1: the expression ends here"},
        {"   ", "character 4: the expression ends here"},
        {"a =", "character 4: the expression ends here; expected is a value"},
        {"a = )", "character 5: ')' cannot stand here"},
        {"a b", "character 3: 'b' cannot stand here; expected is AND, OR or the end"},
        {"AND", "character 1: 'AND' cannot stand here"},
        {"a OR OR b", "character 6: 'OR' cannot stand here"},
        {"(a", "character 3: the expression ends here; expected is AND, OR or )"},
        {"a)", "character 2: ')' cannot stand here"},
        {"ü = 'x", "character 5: the text that begins here has no closing '"},
        {"a > north", "character 5: 'north' cannot stand here; expected is a number"},
        {"a IN b", "character 6: 'b' cannot stand here; expected is ( and a list"},
        {"a IN (b", "character 8: the expression ends here; expected is a comma or )"},
        {"a IN ()", "character 7: ')' cannot stand here; expected is a value"},
        {"a NOT b", "character 7: 'b' cannot stand here; expected is IN"},
        {"commodity = watr", "character 13: 'watr' cannot stand here; expected is electricity"},
        {"a ; b", "character 3: ';' cannot stand here"},
        {"a = = b", "character 5: '=' cannot stand here"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bb_expression *expression;
        struct bb_arena arena;
        struct bb_error error = {0};
        cr_expect_eq(parse(cases[i].text, &arena, &expression, &error), -BB_E_EXPRESSION, "%s",
                     cases[i].text);
        cr_expect_not_null(strstr(error.text, cases[i].says), "%s: %s", cases[i].text, error.text);
        bb_arena_release(&arena);
    }
}

static int repeated(const char *head, const char *part, int count, const char *tail,
                    struct bb_error *error) {
    char text[2 * BB_MASTER_EXPRESSION_MAX + 64];
    const struct bb_expression *expression;
    struct bb_arena arena;
    size_t size = (size_t)snprintf(text, sizeof text, "%s", head);

    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", part);
    snprintf(text + size, sizeof text - size, "%s", tail);
    int result = parse(text, &arena, &expression, error);
    if (result == 0)
        (void)bb_expression_holds(expression, &point);
    bb_arena_release(&arena);
    return result;
}

Test(expression, is_bounded) {
    struct bb_error error = {0};

    cr_expect_eq(repeated("", "NOT ", BB_EXPRESSION_DEPTH_MAX, "a", &error), 0);
    cr_expect_eq(repeated("", "NOT ", BB_EXPRESSION_DEPTH_MAX + 1, "a", &error), -BB_E_EXPRESSION);
    cr_expect_eq(repeated("", "(", BB_EXPRESSION_DEPTH_MAX + 1, "a", &error), -BB_E_EXPRESSION);
    cr_expect_not_null(strstr(error.text, "32"), "%s", error.text);
    cr_expect_eq(repeated("a", " OR a", 499, "", &error), 0, "%s", error.text);
    cr_expect_eq(repeated("a", " OR a", 501, "", &error), -BB_E_EXPRESSION);
    cr_expect_not_null(strstr(error.text, "1000 parts"), "%s", error.text);
    cr_expect_eq(repeated("a in (b", ",b", 400, ")", &error), 0, "%s", error.text);
    cr_expect_eq(repeated("a = '", "x", BB_MASTER_EXPRESSION_MAX, "'", &error), -BB_E_EXPRESSION);
    cr_expect_eq(repeated("a ~ '", "*a", 1900, "'", &error), 0); /* in no time */
}
