/* What values are called in PromQL: names that Prometheus takes, one for each unit. */
#include <criterion/criterion.h>

#include "http/promql_metric.h"
#include "http/promql_texts.h"

#include "model/unit.h"

#include <stdio.h>

Test(promql_metric, each_unit_has_a_name_of_its_own) {
    char names[2 * BB_UNIT_COUNT][BB_PROMQL_METRIC_NAME_MAX];

    for (int i = 0; i < 2 * BB_UNIT_COUNT; i++) {
        struct bb_span name = bb_promql_metric_name(i / 2, i % 2 == 1, names[i]);
        cr_assert_eq(name.size, strlen(names[i]));
        cr_expect_eq(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"), name.size, "%s", names[i]);
        cr_expect_eq(i % 2 == 1, strstr(names[i], "_total") != NULL, "%s", names[i]);
        cr_expect(strlen(bb_promql_metric_help(i / 2, i % 2 == 1)) > 3);
        for (int k = 0; k < i; k++)
            cr_expect_str_neq(names[i], names[k]);
    }
}

Test(promql_metric, a_unit_of_a_later_release_is_none) {
    char name[BB_PROMQL_METRIC_NAME_MAX];

    bb_promql_metric_name(BB_UNIT_COUNT, false, name);
    cr_expect_str_eq(name, "busbar_value");
    bb_promql_metric_name(-1, true, name);
    cr_expect_str_eq(name, "busbar_value_total");
}

static struct bb_span number(int i, char text[16]) {
    return (struct bb_span){text, (size_t)snprintf(text, 16, "%06d", i)};
}

Test(promql_texts, each_once_and_no_more_than_allowed) {
    struct bb_promql_texts texts;
    struct bb_arena arena;
    char text[16];

    bb_arena_init(&arena, 64 << 10, 16 << 20);
    cr_assert(bb_promql_texts_init(&texts, &arena, BB_PROMQL_TEXTS_MAX));
    for (int round = 0; round < 2; round++)
        for (int i = BB_PROMQL_TEXTS_MAX; i > 0; i--)
            cr_assert(bb_promql_texts_add(&texts, number(i, text)));
    cr_expect_eq(texts.count, BB_PROMQL_TEXTS_MAX);
    cr_expect_not(texts.is_full);
    cr_expect_not(bb_promql_texts_add(&texts, BB_SPAN("one more")));
    cr_expect(texts.is_full);
    cr_expect(bb_promql_texts_add(&texts, number(7, text)), "what is in it still is");
    bb_promql_texts_sort(&texts);
    for (int i = 0; i < BB_PROMQL_TEXTS_MAX; i++)
        cr_assert(bb_span_equal(texts.items[i], number(i + 1, text)));
    bb_arena_release(&arena);
}
