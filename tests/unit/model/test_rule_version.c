/* Versions of rules: which one speaks when, and of whom. */
#include "model/rule_version.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"

static struct bb_master_rule_version version(const char *id, int64_t from, int64_t to,
                                             uint32_t share) {
    return (struct bb_master_rule_version){
        .id = bb_span_of(id), .from_ms = from, .to_ms = to, .share = share};
}

/* "a(-..10] b(10..]" */
static const char *stretches(struct bb_master_rule_version *versions, uint32_t count,
                             const char *usage_point) {
    static char text[4096];
    const struct bb_master_rule rule = {
        .name = BB_SPAN("r"), .versions = versions, .version_count = count};
    struct bb_rule_stretch out[BB_RULE_STRETCHES_MAX];
    size_t n = bb_rule_stretches(&rule, bb_span_of(usage_point), out), at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s(", i ? " " : "",
                               BB_SPAN_ARGS(out[i].version->id));
        if (out[i].from_ms != INT64_MIN)
            at += (size_t)snprintf(text + at, sizeof text - at, "%lld", (long long)out[i].from_ms);
        at += (size_t)snprintf(text + at, sizeof text - at, "..");
        if (out[i].to_ms != INT64_MAX)
            at += (size_t)snprintf(text + at, sizeof text - at, "%lld", (long long)out[i].to_ms);
        at += (size_t)snprintf(text + at, sizeof text - at, "]");
    }
    return text;
}

Test(rule_version, the_last_deployed_counts_where_it_speaks) {
    struct bb_master_rule_version all[] = {version("a", BB_TIME_NONE, BB_TIME_NONE, 1000)};
    cr_expect_str_eq(stretches(all, 1, "u"), "a(..]");
    struct bb_master_rule_version later[] = {version("b", 10, BB_TIME_NONE, 1000),
                                             version("a", BB_TIME_NONE, BB_TIME_NONE, 1000)};
    cr_expect_str_eq(stretches(later, 2, "u"), "a(..10] b(10..]");
    struct bb_master_rule_version hole[] = {version("c", 10, 20, 1000), version("b", 15, 30, 1000),
                                            version("a", 5, 25, 1000)};
    cr_expect_str_eq(stretches(hole, 3, "u"), "a(5..10] c(10..20] b(20..30]");
    struct bb_master_rule_version hidden[] = {version("b", 5, BB_TIME_NONE, 1000),
                                              version("a", 10, 20, 1000)};
    cr_expect_str_eq(stretches(hidden, 2, "u"), "b(5..]");
    struct bb_master_rule_version around[] = {version("b", 10, 20, 1000),
                                              version("b", 20, 30, 1000),
                                              version("a", BB_TIME_NONE, 30, 1000)};
    cr_expect_str_eq(stretches(around, 3, "u"), "a(..10] b(10..30]");
    struct bb_master_rule_version none[] = {version("a", 10, 10, 1000), version("b", 0, 9, 0)};
    cr_expect_str_eq(stretches(none, 2, "u"), "");
}

/* Against what the words say, moment by moment. */
Test(rule_version, random_versions_against_the_words) {
    const char *given = getenv("BUSBAR_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)bb_monotonic_ns();
    struct bb_random random;

    bb_random_seed(&random, seed);
    for (int round = 0; round < 3000; round++) {
        struct bb_master_rule_version versions[7];
        struct bb_rule_stretch out[BB_RULE_STRETCHES_MAX];
        char ids[7][4];
        uint32_t count = (uint32_t)(bb_random_next(&random) % 8);
        for (uint32_t i = 0; i < count; i++) {
            snprintf(ids[i], sizeof ids[i], "%u", (unsigned)(bb_random_next(&random) % 4));
            versions[i] = version(ids[i], (int64_t)(bb_random_next(&random) % 20),
                                  (int64_t)(bb_random_next(&random) % 20),
                                  bb_random_next(&random) % 2 ? 1000 : 500);
            if (bb_random_next(&random) % 4 == 0)
                versions[i].from_ms = BB_TIME_NONE;
            if (bb_random_next(&random) % 4 == 0)
                versions[i].to_ms = BB_TIME_NONE;
        }
        const struct bb_master_rule rule = {
            .name = BB_SPAN("r"), .versions = versions, .version_count = count};
        const struct bb_span usage_point = bb_span_of(round % 2 ? "one" : "other");
        size_t n = bb_rule_stretches(&rule, usage_point, out);
        for (int64_t t = -1; t <= 21; t++) {
            const struct bb_master_rule_version *expected = NULL, *found = NULL;
            for (uint32_t i = 0; i < count && !expected; i++)
                if (bb_rule_in_share(rule.name, usage_point, versions[i].share) &&
                    (versions[i].from_ms == BB_TIME_NONE || t > versions[i].from_ms) &&
                    (versions[i].to_ms == BB_TIME_NONE || t <= versions[i].to_ms))
                    expected = &versions[i];
            for (size_t i = 0; i < n; i++)
                if (t > out[i].from_ms && t <= out[i].to_ms)
                    found = out[i].version;
            cr_assert(!expected == !found && (!found || bb_span_equal(expected->id, found->id)),
                      "t=%lld; again with BUSBAR_SEED=%llu", (long long)t,
                      (unsigned long long)seed);
        }
    }
}

Test(rule_version, a_share_is_about_that_many_and_grows) {
    char name[32];
    int small = 0, large = 0;

    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "UP-%d", i);
        bool in = bb_rule_in_share(BB_SPAN("far"), bb_span_of(name), 50);
        small += in;
        large += bb_rule_in_share(BB_SPAN("far"), bb_span_of(name), 300);
        cr_assert(!in || bb_rule_in_share(BB_SPAN("far"), bb_span_of(name), 300));
        cr_assert(bb_rule_in_share(BB_SPAN("far"), bb_span_of(name), 1000));
        cr_assert_not(bb_rule_in_share(BB_SPAN("far"), bb_span_of(name), 0));
    }
    cr_expect(small > 850 && small < 1150, "%d of 1000", small);
    cr_expect(large > 5700 && large < 6300, "%d of 6000", large);
}

Test(rule_version, an_id_follows_all_that_can_change_the_answer) {
    struct bb_master_rule_version v = {.module = BB_SPAN("m"),
                                       .function = BB_SPAN("f"),
                                       .parameters = BB_SPAN("{}"),
                                       .environment = BB_SPAN("e")};
    struct bb_span *const parts[] = {&v.module, &v.function, &v.parameters, &v.environment};
    char id[BB_RULE_ID_SIZE + 1], other[BB_RULE_ID_SIZE + 1];

    bb_rule_version_id(&v, id);
    cr_expect_eq(strlen(id), BB_RULE_ID_SIZE);
    for (size_t i = 0; i < 4; i++) {
        struct bb_span kept = *parts[i];
        *parts[i] = BB_SPAN("x");
        bb_rule_version_id(&v, other);
        cr_expect_str_neq(id, other);
        *parts[i] = kept;
    }
    v.by = BB_SPAN("anna");
    bb_rule_version_id(&v, other);
    cr_expect_str_eq(id, other);
}
