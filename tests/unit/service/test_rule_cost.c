/* What rules cost is counted by name, across processes, and in bounded memory. */
#include <criterion/criterion.h>

#include "service/rule_cost.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, ROUNDS = 5000 };

static void count(const char *tenant, const char *rule, uint64_t windows) {
    bb_rule_cost_add(bb_span_of(tenant), bb_span_of(rule),
                     &(struct bb_rule_cost){windows, 10 * windows, 0, 1000 * windows});
}

static uint64_t windows_of(const char *tenant, const char *rule) {
    struct bb_rule_cost cost;

    bb_rule_cost_get(bb_span_of(tenant), bb_span_of(rule), &cost);
    cr_expect_eq(cost.points, 10 * cost.windows);
    cr_expect_eq(cost.nanoseconds, 1000 * cost.windows);
    return cost.windows;
}

struct all {
    size_t named;
    uint64_t windows, others;
};

static void add(void *context, struct bb_span tenant, struct bb_span rule,
                const struct bb_rule_cost *cost) {
    struct all *all = context;

    (void)tenant;
    all->named += rule.size > 0;
    all->windows += cost->windows;
    all->others += rule.size > 0 ? 0 : cost->windows;
}

Test(rule_cost, tenants_and_rules_are_told_apart) {
    count("a", "far", 1);
    count("a", "near", 2);
    count("b", "far", 4);
    count("a", "far", 8);
    cr_expect_eq(windows_of("a", "far"), 9);
    cr_expect_eq(windows_of("a", "near"), 2);
    cr_expect_eq(windows_of("b", "far"), 4);
    cr_expect_eq(windows_of("b", "near"), 0);
    cr_expect_eq(windows_of("", ""), 0);
}

/* All name the same rules at once: whatever places these get, each is told once, and nothing is lost. */
Test(rule_cost, processes_that_begin_at_once_lose_nothing) {
    struct all all = {0};
    int status;

    cr_assert_geq(bb_metrics_share(), 0);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() > 0)
            continue;
        for (int i = 0; i < ROUNDS; i++) {
            char rule[16];
            snprintf(rule, sizeof rule, "rule_%d", i % 50);
            count("t", rule, 1);
        }
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++)
        cr_assert(wait(&status) > 0 && status == 0);
    cr_expect_eq(windows_of("t", "rule_7"), PROCESSES * ROUNDS / 50);
    bb_rule_cost_each(add, &all);
    cr_expect_eq(all.named, 50);
    cr_expect_eq(all.windows, PROCESSES * ROUNDS);
}

Test(rule_cost, what_does_not_fit_is_counted_together) {
    char rule[100];
    struct all all = {0};

    for (int i = 0; i < BB_METRIC_RULES + 10; i++) {
        snprintf(rule, sizeof rule, "rule_%d", i);
        count("t", rule, 1);
    }
    memset(rule, 'x', sizeof rule - 1);
    rule[sizeof rule - 1] = '\0';
    count("t", rule, 1);
    bb_rule_cost_each(add, &all);
    cr_expect_eq(all.named, BB_METRIC_RULES);
    cr_expect_eq(all.others, 11);
    cr_expect_eq(windows_of("t", "rule_0"), 1);
    cr_expect_eq(windows_of("t", rule), 0);
}
