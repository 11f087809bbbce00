/* Deploying rules: what becomes of the rules of a tenant. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/hash.h"
#include "model/rule_version.h"
#include "service/rules_deploy.h"
#include "service/rules_parameters.h"

enum { NOW = 1000000 };

struct plan {
    struct bb_arena arena;
    struct bb_master_rules rules;
    struct bb_rules_module module;
    struct bb_deploy asked;
    struct bb_error error;
};

/* A module as it comes out of the host, with one rule. */
static void set_module(struct plan *p, const char *source, const char *function,
                       enum bb_lane lane) {
    p->module = (struct bb_rules_module){
        .name = BB_SPAN("caps"), .source = bb_span_of(source), .count = 1};
    snprintf(p->module.hash, sizeof p->module.hash, "%016llx",
             (unsigned long long)bb_hash(p->module.source));
    p->module.items[0] = (struct bb_rule){
        .name = bb_span_of(function),
        .channel = BB_SPAN("A+"),
        .lane = lane,
        .commodity = -1,
        .window_ms = 86400000,
        .parameters = BB_SPAN("{\"k\": {\"kind\": \"number\", \"default\": 8, \"min\": 1, "
                              "\"max\": 100}, \"on\": {\"kind\": \"flag\", \"default\": true}}")};
}

static void plan_init(struct plan *p) {
    *p = (struct plan){.rules = {.tenant = BB_SPAN("default")}};
    bb_arena_init(&p->arena, 4096, 1 << 24);
    set_module(p, "one", "capped", BB_LANE_VEE);
    p->asked = (struct bb_deploy){.rule = p->module.items,
                                  .environment = BB_SPAN("aaaabbbbccccdddd"),
                                  .by = BB_SPAN("ann"),
                                  .now_ms = NOW,
                                  .from_ms = BB_TIME_NONE,
                                  .share = BB_MASTER_SHARE_ALL};
}

/* The module is copied, as the next one may be another. */
static int deploy(struct plan *p) {
    struct bb_rules_module *module = bb_arena_take(&p->arena, sizeof *module);
    struct bb_master_rules next;

    *module = p->module;
    p->asked.module = module;
    p->asked.rule = module->items;
    int result = bb_rules_deploy(&p->rules, &p->asked, &p->arena, &next, &p->error);
    if (result >= 0)
        p->rules = next;
    return result;
}

static void deploy_good(struct plan *p) {
    cr_assert_eq(deploy(p), BB_DEPLOY_DONE, "%s", p->error.text);
}

static void rollback_good(struct plan *p, const char *name) {
    struct bb_master_rules next;

    cr_assert_eq(bb_rules_rollback(&p->rules, bb_span_of(name), &p->arena, &next, &p->error), 0,
                 "%s", p->error.text);
    p->rules = next;
}

/* "capped:2 other:1": the rules in their order, with how many versions. */
static void expect_rules(const struct plan *p, const char *picture, uint32_t modules) {
    char text[500] = "";
    size_t size = 0;

    for (uint32_t i = 0; i < p->rules.rule_count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s:%u", i ? " " : "",
                                 BB_SPAN_ARGS(p->rules.rules[i].name),
                                 p->rules.rules[i].version_count);
    cr_expect_str_eq(text, picture);
    cr_expect_eq(p->rules.module_count, modules, "%u modules", p->rules.module_count);
    for (uint32_t i = 0; i < p->rules.rule_count; i++)
        for (uint32_t k = 0; k < p->rules.rules[i].version_count; k++)
            cr_expect_not_null(bb_rules_module_of(&p->rules, p->rules.rules[i].versions[k].module));
}

Test(rules_deploy, the_first_version_speaks_from_now_on) {
    struct plan p;
    char id[BB_RULE_ID_SIZE + 1];

    plan_init(&p);
    p.asked.reason = BB_SPAN("too high");
    deploy_good(&p);
    expect_rules(&p, "capped:1", 1);
    const struct bb_master_rule_version *v = p.rules.rules[0].versions;
    cr_expect_eq(v->from_ms, NOW);
    cr_expect_eq(v->to_ms, BB_TIME_NONE);
    cr_expect_eq(v->deployed_ms, NOW);
    cr_expect_eq(v->share, BB_MASTER_SHARE_ALL);
    cr_expect(bb_span_equal(v->parameters, BB_SPAN("{}")));
    cr_expect(bb_span_equal(v->reason, BB_SPAN("too high")));
    bb_rule_version_id(v, id);
    cr_expect(bb_span_equal(v->id, bb_span_of(id)));
    cr_expect(bb_span_equal(p.rules.modules[0].source, BB_SPAN("one")));
    bb_arena_release(&p.arena);
}

Test(rules_deploy, the_same_again_is_nothing_to_do) {
    struct plan p;

    plan_init(&p);
    deploy_good(&p);
    p.asked.now_ms = NOW + 5;
    cr_expect_eq(deploy(&p), BB_DEPLOY_SAME);
    expect_rules(&p, "capped:1", 1);
    p.asked.from_ms = NOW - 5; /* history is asked for, too */
    deploy_good(&p);
    expect_rules(&p, "capped:2", 1);
    p.asked.environment = BB_SPAN(
        "0000000000000000"); /* with other packages it may say another thing */
    deploy_good(&p);
    expect_rules(&p, "capped:3", 1);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, rolling_back_undoes) {
    struct plan p;

    plan_init(&p);
    deploy_good(&p);
    const struct bb_master_rules before = p.rules;
    set_module(&p, "two", "capped", BB_LANE_VEE);
    p.asked.now_ms = NOW + 10;
    deploy_good(&p);
    expect_rules(&p, "capped:2", 2);
    cr_expect_not(bb_rules_equal(&before, &p.rules));
    rollback_good(&p, "capped");
    expect_rules(&p, "capped:1", 1);
    cr_expect(bb_rules_equal(&before, &p.rules));
    rollback_good(&p, "capped");
    expect_rules(&p, "", 0);
    struct bb_master_rules next;
    cr_expect_eq(bb_rules_rollback(&p.rules, BB_SPAN("capped"), &p.arena, &next, &p.error),
                 -BB_E_RULE_UNKNOWN);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, a_canary_goes_when_it_is_promoted) {
    struct plan p;

    plan_init(&p);
    deploy_good(&p);
    set_module(&p, "two", "capped", BB_LANE_VEE);
    p.asked.now_ms = NOW + 10;
    p.asked.share = 50;
    deploy_good(&p);
    expect_rules(&p, "capped:2", 2);
    p.asked.now_ms = NOW + 20;
    p.asked.share = BB_MASTER_SHARE_ALL;
    deploy_good(&p); /* from now on: what the canary said before that stays */
    expect_rules(&p, "capped:3", 2);
    rollback_good(&p, "capped");
    p.asked.from_ms = NOW + 10; /* from where it began */
    deploy_good(&p);
    expect_rules(&p, "capped:2", 2);
    cr_expect_eq(p.rules.rules[0].versions[0].share, BB_MASTER_SHARE_ALL);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, rules_stand_in_the_order_that_is_asked_for) {
    struct plan p;

    plan_init(&p);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++) {
        p.asked.name = bb_span_of(*name);
        deploy_good(&p);
    }
    expect_rules(&p, "a:1 b:1 c:1", 1);
    p.asked.name = BB_SPAN("d");
    p.asked.before = BB_SPAN("b");
    deploy_good(&p);
    expect_rules(&p, "a:1 d:1 b:1 c:1", 1);
    p.asked.name = BB_SPAN("a"); /* the version speaks already, the place is another */
    p.asked.before = BB_SPAN("c");
    deploy_good(&p);
    expect_rules(&p, "d:1 b:1 a:1 c:1", 1);
    p.asked.name = BB_SPAN("c");
    p.asked.before = BB_SPAN("d");
    deploy_good(&p);
    expect_rules(&p, "c:1 d:1 b:1 a:1", 1);
    cr_expect_eq(deploy(&p), BB_DEPLOY_SAME);
    p.asked.before = BB_SPAN("nobody");
    cr_expect_eq(deploy(&p), -BB_E_RULE_UNKNOWN);
    p.asked.name = BB_SPAN("new");
    for (const char *const *name = (const char *const[]){"nobody", "new", NULL}; *name; name++) {
        p.asked.before = bb_span_of(*name);
        cr_expect_lt(deploy(&p), 0, "before %s", *name);
    }
    p.asked.name = p.asked.before = BB_SPAN("d");
    cr_expect_eq(deploy(&p), -BB_E_USAGE, "before itself");
    expect_rules(&p, "c:1 d:1 b:1 a:1", 1); /* none of that changed anything */
    rollback_good(&p, "d");
    expect_rules(&p, "c:1 b:1 a:1", 1);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, a_new_version_keeps_the_rules_place) {
    struct plan p;

    plan_init(&p);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++) {
        p.asked.name = bb_span_of(*name);
        p.asked.before = bb_span_of(**name == 'a' ? "" : "a");
        deploy_good(&p);
    }
    expect_rules(&p, "b:1 c:1 a:1", 1);
    set_module(&p, "two", "capped", BB_LANE_VEE);
    p.asked.before = BB_SPAN("");
    for (const char *const *name = (const char *const[]){"c", "b", "a", NULL}; *name; name++) {
        p.asked.name = bb_span_of(*name);
        deploy_good(&p);
    }
    expect_rules(&p, "b:2 c:2 a:2", 2);
    set_module(&p, "three", "capped", BB_LANE_VEE);
    p.asked.name = BB_SPAN("a"); /* the version and the place at once */
    p.asked.before = BB_SPAN("c");
    deploy_good(&p);
    expect_rules(&p, "b:2 a:3 c:2", 3);
    rollback_good(&p, "a"); /* takes the version back, not the place */
    expect_rules(&p, "b:2 a:2 c:2", 2);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, old_versions_and_their_modules_go) {
    struct plan p;
    char sources[40][16];

    plan_init(&p);
    for (int i = 0; i < 40; i++) {
        snprintf(sources[i], sizeof sources[i], "source %d", i);
        set_module(&p, sources[i], "capped", BB_LANE_VEE);
        p.asked.now_ms = NOW + i;
        deploy_good(&p);
    }
    expect_rules(&p, "capped:16", 16);
    cr_expect_eq(p.rules.rules[0].versions[0].deployed_ms, NOW + 39);
    cr_expect_eq(p.rules.rules[0].versions[15].deployed_ms, NOW + 24);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, what_is_refused) {
    struct plan p;

    plan_init(&p);
    deploy_good(&p);
    set_module(&p, "hourly", "hourly", BB_LANE_HOUR);
    cr_expect_eq(deploy(&p), -BB_E_RULE_LANE);
    set_module(&p, "raw", "capped", BB_LANE_RAW);
    cr_expect_eq(deploy(&p), -BB_E_RULE_LANE); /* it stands in the other lane */
    p.asked.name = BB_SPAN("capped_raw");
    deploy_good(&p);
    cr_expect_eq(p.rules.rules[1].raw, 1);
    for (const char *const *name = (const char *const[]){"Big", "a-b", "1", "\xc3\xa9", NULL};
         *name; name++) {
        p.asked.name = bb_span_of(*name);
        cr_expect_eq(deploy(&p), -BB_E_USAGE, "%s", *name);
    }
    p.asked.name = BB_SPAN("fine");
    p.asked.share = 0;
    cr_expect_eq(deploy(&p), -BB_E_USAGE);
    p.asked.share = BB_MASTER_SHARE_ALL;
    set_module(&p, "\x01", "capped", BB_LANE_VEE); /* could not be written into a registry file */
    cr_expect_eq(deploy(&p), -BB_E_RULE_LOAD);
    bb_arena_release(&p.arena);
}

Test(rules_deploy, parameters_have_one_text) {
    static const char described[] =
        "{\"k\": {\"kind\": \"number\", \"min\": 1, \"max\": 100}, \"on\": {\"kind\": \"flag\"},"
        " \"t\": {\"kind\": \"text\", \"longest\": 3}, \"c\": {\"kind\": \"choice\", \"choices\":"
        " [\"x\", \"y\"]}, \"free\": {\"kind\": \"number\", \"min\": null, \"max\": null}}";
    static const struct {
        const char *given, *kept, *says;
    } cases[] = {
        {"", "{}", NULL},
        {"{\"on\": false, \"k\": 8}", "{\"k\":8,\"on\":false}", NULL},
        {"{ \"k\":8.0 ,\"on\":false}", "{\"k\":8,\"on\":false}", NULL},
        {"{\"k\": 0.1}", NULL, "from 1 to 100"},
        {"{\"k\": 100, \"free\": -1e9}", "{\"free\":-1000000000,\"k\":100}", NULL},
        {"{\"k\": 101}", NULL, "from 1 to 100"},
        {"{\"k\": true}", NULL, "a number"},
        {"{\"on\": 1}", NULL, "true or false"},
        {"{\"t\": \"\xc3\xa9\xc3\xa9\xc3\xa9\"}", "{\"t\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}", NULL},
        {"{\"t\": \"abcd\"}", NULL, "at most 3 characters"},
        {"{\"c\": \"y\"}", "{\"c\":\"y\"}", NULL},
        {"{\"c\": \"z\"}", NULL, "x, y"},
        {"{\"q\": 1}", NULL, "no parameter q"},
        {"{\"k\": 8, \"k\": 9}", NULL, "a JSON object"},
        {"[1]", NULL, "a JSON object"},
        {"{", NULL, "a JSON object"},
    };
    struct bb_arena arena;

    bb_arena_init(&arena, 4096, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bb_error error = {0};
        struct bb_span out = BB_SPAN("");
        int result = bb_rules_parameters(BB_SPAN(described), bb_span_of(cases[i].given), &arena,
                                         &out, &error);
        if (cases[i].kept)
            cr_expect(result == 0 && bb_span_equal(out, bb_span_of(cases[i].kept)), "%s: %.*s %s",
                      cases[i].given, BB_SPAN_ARGS(out), error.text);
        else
            cr_expect(result == -BB_E_RULE_PARAMETERS && strstr(error.text, cases[i].says),
                      "%s: %d %s", cases[i].given, result, error.text);
    }
    bb_arena_release(&arena);
}
