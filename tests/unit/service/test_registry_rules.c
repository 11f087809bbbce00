/* Rules in registry files: what they say, what is made of it, what is refused, what would change. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "adapter/embedded.h"
#include "model/rule_version.h"
#include "service/registry_file.h"

struct reading {
    struct bb_arena arena;
    struct bb_zone_set *zones;
    struct bb_registry *registry;
    uint64_t sequence;
    struct bb_registry_file file;
    struct bb_registry_changes changes;
    struct bb_error error;
};

static void reading_init(struct reading *r) {
    *r = (struct reading){0};
    bb_arena_init(&r->arena, 1 << 16, 1 << 28);
    r->zones = bb_zone_set_new();
    cr_assert_eq(bb_registry_memory_open(&r->registry, &r->error), 0);
}

static void reading_release(struct reading *r) {
    r->registry->ops->close(r->registry);
    bb_zone_set_free(r->zones);
    bb_arena_release(&r->arena);
}

static int parse(struct reading *r, const char *text) {
    struct bb_registry_file_options options = {
        .tenant = BB_SPAN("default"), .source = "r.yaml", .zones = r->zones};

    memset(&r->error, 0, sizeof r->error);
    return bb_registry_file_parse(bb_span_of(text), &options, &r->arena, &r->file, &r->error);
}

static const struct bb_master_rules *parse_good(struct reading *r, const char *text) {
    cr_assert_eq(parse(r, text), 0, "line %d: %s", (int)r->error.line, r->error.text);
    cr_assert_eq(r->file.count, 1);
    cr_assert_eq(r->file.entries[0].master.kind, BB_MASTER_RULES);
    return &r->file.entries[0].master.rules;
}

static void apply(struct reading *r) {
    const struct bb_master *master = &r->file.entries[0].master;
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 20);
    cr_assert_eq(bb_master_encode(master, &body, &r->error), 0, "%s", r->error.text);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                      .recorded_ms = (int64_t)r->sequence,
                                      .tenant = bb_master_tenant_name(master),
                                      .usage_point = bb_master_name(master),
                                      .body = bb_buffer_span(&body)};
    cr_assert_eq(r->registry->ops->project(r->registry, 0, r->sequence, &record, 1, &r->error), 0,
                 "%s", r->error.text);
    r->sequence++;
    bb_buffer_release(&body);
}

/* By the hash that busbar makes of the source, which a file need not say. */
static struct bb_span hash_of_module(struct reading *r) {
    const struct bb_master_rules *rules = parse_good(
        r, "rules: [{modules: [{name: caps, source: \"def f(w):\\n\\tpass\\n\"}]}]\n");
    cr_assert_eq(rules->module_count, 1);
    return rules->modules[0].hash;
}

static const struct bb_master_rules *parse_version(struct reading *r, const char *more) {
    struct bb_span hash = hash_of_module(r);
    char text[2000];

    snprintf(text, sizeof text,
             "rules:\n"
             "  - modules: [{name: caps, source: \"def f(w):\\n\\tpass\\n\"}]\n"
             "    rules:\n"
             "      - {name: capped, lane: vee, versions: [{module: %.*s, function: f, channel: "
             "A+%s}]}\n",
             BB_SPAN_ARGS(hash), more);
    return parse(r, text) == 0 ? &r->file.entries[0].master.rules : NULL;
}

Test(registry_rules, what_it_says_and_what_is_made_of_it) {
    struct reading r;
    char id[BB_RULE_ID_SIZE + 1];

    reading_init(&r);
    const struct bb_master_rules *rules = parse_version(
        &r,
        ", parameters: \"{\\\"k\\\": 8}\", from: 2026-03-01T00:00:00Z, share: 0.05, window: 7d,"
        " commodity: electricity, by: ann, reason: too high, deployed: 2026-04-01T00:00:00.123Z");
    cr_assert_not_null(rules, "%s", r.error.text);
    cr_expect(bb_span_equal(rules->tenant, BB_SPAN("default")));
    cr_assert_eq(rules->rule_count, 1);
    cr_expect_eq(rules->rules[0].raw, 0);
    cr_assert_eq(rules->rules[0].version_count, 1);
    const struct bb_master_rule_version *v = rules->rules[0].versions;
    cr_expect_eq(v->share, 50);
    cr_expect_eq(v->window_ms, 7 * BB_DAY_MS);
    cr_expect_eq(v->from_ms, 1772323200000);
    cr_expect_eq(v->to_ms, BB_TIME_NONE);
    cr_expect_eq(v->deployed_ms, 1775001600123);
    cr_expect_eq(v->commodity, BB_COMMODITY_ELECTRICITY);
    cr_expect(bb_span_equal(v->parameters, BB_SPAN("{\"k\": 8}")));
    bb_rule_version_id(v, id);
    cr_expect(bb_span_equal(v->id, bb_span_of(id)));
    cr_expect(bb_span_equal(v->module, rules->modules[0].hash));
    reading_release(&r);
}

Test(registry_rules, what_is_refused) {
    static const struct {
        const char *more, *says;
    } cases[] = {
        {", id: 0123456789abcdef", "leave that out"},
        {", id: 0123", "16 hex digits"},
        {", parameters: \"[8]\"", "a JSON object"},
        {", parameters: \"{\"", "a JSON object"},
        {", share: 1.5", "from 0 to 1"},
        {", share: 0.0005", "at most 3 decimals"},
        {", window: 500d", "up to 400 days"},
        {", from: 2026-03-02T00:00:00Z, to: 2026-03-01T00:00:00Z", "later than `from`"},
    };
    struct reading r;

    reading_init(&r);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_null(parse_version(&r, cases[i].more), "%s", cases[i].more);
        cr_expect_not_null(strstr(r.error.text, cases[i].says), "%s: %s", cases[i].more,
                           r.error.text);
    }
    cr_assert_lt(parse(&r, "rules: [{rules: [{name: a, lane: vee, versions: [{module: "
                           "0123456789abcdef, function: f, channel: A+}]}]}]\n"),
                 0);
    cr_expect_not_null(strstr(r.error.text, "none of `modules`"), "%s", r.error.text);
    cr_assert_lt(parse(&r, "rules: [{rules: [{name: a, lane: hour}]}]\n"), 0);
    cr_expect_not_null(strstr(r.error.text, "raw or vee"), "%s", r.error.text);
    cr_assert_lt(parse(&r, "rules: [{modules: [{name: a, source: \"\\x01\"}]}]\n"), 0);
    cr_expect_not_null(strstr(r.error.text, "Python module"), "%s", r.error.text);
    cr_assert_lt(parse(&r, "rules: [{modules: [{name: a, source: x}, {name: b, source: x}]}]\n"),
                 0);
    cr_expect_not_null(strstr(r.error.text, "twice"), "%s", r.error.text);
    cr_assert_lt(parse(&r, "rules: [{rules: []}, {rules: []}]\n"), 0);
    cr_expect_not_null(strstr(r.error.text, "twice"), "%s", r.error.text);
    reading_release(&r);
}

static void expect_lines(struct reading *r, const char *const *lines, uint32_t count) {
    cr_assert_eq(bb_registry_file_compare(r->registry, &r->file, "r.yaml", &r->arena, &r->changes,
                                          &r->error),
                 0, "%s", r->error.text);
    const struct bb_registry_change *change = &r->changes.items[0];
    cr_assert_eq(change->line_count, count, "%u lines", change->line_count);
    for (uint32_t i = 0; i < count; i++)
        cr_expect(bb_span_equal(change->lines[i], bb_span_of(lines[i])), "%.*s\ninstead of\n%s",
                  BB_SPAN_ARGS(change->lines[i]), lines[i]);
}

Test(registry_rules, order_is_a_change) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "rules: [{rules: [{name: a, lane: raw}, {name: b, lane: vee}]}]\n");
    apply(&r);
    expect_lines(&r, NULL, 0);
    parse_good(&r, "rules: [{rules: [{name: b, lane: vee}, {name: a, lane: raw}]}]\n");
    expect_lines(&r, (const char *const[]){"rules default rules: in another order"}, 1);
    parse_good(&r, "rules: [{rules: [{name: b, lane: raw}, {name: c, lane: raw}],"
                   " modules: [{name: m, source: \"x = 1\"}]}]\n");
    cr_assert_eq(
        bb_registry_file_compare(r.registry, &r.file, "r.yaml", &r.arena, &r.changes, &r.error), 0);
    cr_assert_eq(r.changes.items[0].line_count, 4);
    cr_expect_not_null(strstr(r.changes.items[0].lines[0].data, "5 bytes"));
    reading_release(&r);
}
