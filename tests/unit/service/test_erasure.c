/* What of a plant is a customer's, and what is not. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "adapter/embedded.h"
#include "service/erasure.h"

static struct bb_registry *registry;
static struct bb_error error;
static uint64_t sequence;

static void begin(void) {
    cr_assert_eq(bb_registry_memory_open(&registry, &error), 0);
    sequence = 0;
}

static void end(void) {
    registry->ops->close(registry);
}

TestSuite(erasure, .init = begin, .fini = end);

static void encode(const char *name, const char *customer, const char *tag, const char *reason,
                   struct bb_buffer *out) {
    struct bb_master_tag tags[] = {{BB_SPAN("address"), bb_span_of(tag)},
                                   {BB_SPAN("district"), BB_SPAN("north")}};
    struct bb_master_installation installation = {.device = BB_SPAN("D1"),
                                                  .from_ms = 1,
                                                  .to_ms = BB_TIME_NONE,
                                                  .multiplier = {1, 0},
                                                  .reason = bb_span_of(reason)};
    const struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                                     .usage_point = {.tenant = BB_SPAN("demo"),
                                                     .name = bb_span_of(name),
                                                     .customer = bb_span_of(customer),
                                                     .tags = tags,
                                                     .tag_count = 2,
                                                     .installations = &installation,
                                                     .installation_count = 1}};

    bb_buffer_init(out, 1 << 16);
    cr_assert_eq(bb_master_encode(&master, out, &error), 0, "%s", error.text);
}

/* Releases the body. */
static void record_body(struct bb_buffer *body, int64_t recorded_ms) {
    const struct bb_outbox_record told = {.kind = BB_OUTBOX_MASTER,
                                          .recorded_ms = recorded_ms,
                                          .tenant = BB_SPAN(""),
                                          .usage_point = BB_SPAN(""),
                                          .channel = BB_SPAN(""),
                                          .body = bb_buffer_span(body)};
    cr_assert_eq(registry->ops->project(registry, 0, sequence++, &told, 1, &error), 0);
    bb_buffer_release(body);
}

static void record(const char *name, const char *customer, const char *tag, int64_t recorded_ms) {
    struct bb_buffer body;

    encode(name, customer, tag, "", &body);
    record_body(&body, recorded_ms);
}

static struct bb_erasure *erasure_of(const char *customer) {
    const struct bb_erasure_request request = {.tenant = BB_SPAN("demo"),
                                               .customer = bb_span_of(customer),
                                               .words = {BB_SPAN("jan@x.example")},
                                               .word_count = 1,
                                               .kept = {BB_SPAN("district")},
                                               .kept_count = 1};
    struct bb_erasure *erasure = NULL;

    cr_assert_eq(bb_erasure_new(&request, registry, &erasure, &error), 0, "%s", error.text);
    return erasure;
}

/* The entry afterwards as "CUSTOMER ADDRESS DISTRICT REASON". */
static void expect_entry(struct bb_erasure *erasure, const char *name, const char *customer,
                         const char *tag, const char *reason, int changed, const char *picture) {
    struct bb_buffer body, out;
    struct bb_master master;
    struct bb_arena arena;

    encode(name, customer, tag, reason, &body);
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), changed, "%s",
                 picture);
    bb_arena_init(&arena, 1 << 12, 1 << 20);
    bb_buffer_init(&out, 1 << 12);
    cr_assert_eq(bb_master_decode(bb_buffer_span(&body), &arena, &master, &error), 0);
    bb_buffer_format(&out, "%.*s|%.*s|%.*s|%.*s", BB_SPAN_ARGS(master.usage_point.customer),
                     BB_SPAN_ARGS(master.usage_point.tags[0].value),
                     BB_SPAN_ARGS(master.usage_point.tags[1].value),
                     BB_SPAN_ARGS(master.usage_point.installations[0].reason));
    cr_expect(bb_span_equal(bb_buffer_span(&out), bb_span_of(picture)), "%.*s is not %s",
              (int)out.size, out.data, picture);
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), 0, "twice");
    bb_buffer_release(&out);
    bb_buffer_release(&body);
    bb_arena_release(&arena);
}

Test(erasure, who_was_never_named_is_unknown) {
    const struct bb_erasure_request request = {.tenant = BB_SPAN("demo"),
                                               .customer = BB_SPAN("Jansen")};
    struct bb_erasure *none = NULL;

    record("A", "Janssen", "Singel 1", 5);
    cr_expect_eq(bb_erasure_new(&request, registry, &none, &error), -BB_E_CUSTOMER_UNKNOWN);
    cr_expect_null(none);
}

Test(erasure, all_versions_of_a_usage_point_of_its_own) {
    record("A", "", "Singel 1", 5);
    record("A", "Jansen", "Singel 1", 6);
    record("B", "de Vries", "Singel 2", 6);
    struct bb_erasure *erasure = erasure_of("Jansen");
    expect_entry(erasure, "A", "Jansen", "Singel 1", "moved in", 1,
                 "erased|erased--|north|erased--");
    expect_entry(erasure, "A", "", "Singel 1", "", 1, "|erased--|north|");
    expect_entry(erasure, "B", "de Vries", "Singel 2", "no note", 0,
                 "de Vries|Singel 2|north|no note");
    expect_entry(erasure, "B", "de Vries", "Singel 2", "by Jansen, not Jansens", 1,
                 "de Vries|Singel 2|north|by erased, not Jansens");
    cr_expect(bb_erasure_is_theirs(erasure, BB_SPAN("demo"), BB_SPAN("A"), 1));
    cr_expect_not(bb_erasure_is_theirs(erasure, BB_SPAN("other"), BB_SPAN("A"), 1));
    cr_expect_not(bb_erasure_is_theirs(erasure, BB_SPAN("demo"), BB_SPAN("B"), 1));
    bb_erasure_free(erasure);
}

static void group(const char *expression, const char *description, struct bb_buffer *out) {
    const struct bb_master master = {.kind = BB_MASTER_GROUP,
                                     .group = {.tenant = BB_SPAN("demo"),
                                               .name = BB_SPAN("g"),
                                               .expression = bb_span_of(expression),
                                               .description = bb_span_of(description)}};

    bb_buffer_init(out, 1 << 16);
    cr_assert_eq(bb_master_encode(&master, out, &error), 0, "%s", error.text);
}

static void record_group(const char *expression) {
    struct bb_buffer body;

    group(expression, "", &body);
    record_body(&body, 8);
}

static void expect_group(struct bb_erasure *erasure, const char *expression,
                         const char *description, int changed, const char *picture) {
    struct bb_buffer body, out;
    struct bb_master master;
    struct bb_arena arena;

    group(expression, description, &body);
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), changed, "%s",
                 expression);
    bb_arena_init(&arena, 1 << 12, 1 << 20);
    bb_buffer_init(&out, 1 << 12);
    cr_assert_eq(bb_master_decode(bb_buffer_span(&body), &arena, &master, &error), 0);
    bb_buffer_format(&out, "%.*s|%.*s", BB_SPAN_ARGS(master.group.expression),
                     BB_SPAN_ARGS(master.group.description));
    cr_expect(bb_span_equal(bb_buffer_span(&out), bb_span_of(picture)), "%.*s is not %s",
              (int)out.size, out.data, picture);
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), 0, "twice");
    bb_buffer_release(&out);
    bb_buffer_release(&body);
    bb_arena_release(&arena);
}

Test(erasure, groups_do_not_ask_for_them_by_name_any_more) {
    record("A", "Jansen", "Singel 1", 6);
    struct bb_erasure *erasure = erasure_of("Jansen");
    expect_group(
        erasure, "customer = Jansen OR customer IN ('de Vries', \"Jansen\")",
        "Jansen and the Jansens", 1,
        "customer = erased OR customer IN ('de Vries', \"erased\")|erased and the Jansens");
    expect_group(erasure, "mail ~ 'jan@x.example*' AND Jansens = Jansens", "", 1,
                 "mail ~ 'erased-------*' AND Jansens = Jansens|");
    expect_group(erasure, "address = 'Singel 1' OR usage_point = A", "", 0,
                 "address = 'Singel 1' OR usage_point = A|");
    bb_erasure_free(erasure);
}

Test(erasure, an_order_keeps_its_number) {
    record("A", "2024", "Singel 1", 6);
    struct bb_erasure *erasure = erasure_of("2024");
    expect_group(erasure, "built < 2024 AND customer = 2024", "", 1,
                 "built < 2024 AND customer = eras|");
    bb_erasure_free(erasure);
}

static void expect_met_at(const struct bb_erasure *erasure, size_t index, enum bb_master_kind kind,
                          const char *name, bool goes, bool stays) {
    const struct bb_erasure_met met = bb_erasure_met(erasure, index);

    cr_expect_eq(met.kind, kind);
    cr_expect(bb_span_equal(met.name, bb_span_of(name)), "%.*s", BB_SPAN_ARGS(met.name));
    cr_expect_eq(met.goes, goes, "%s", name);
    cr_expect_eq(met.stays, stays, "%s", name);
}

static void expect_met(const char *expression, size_t count, bool goes, bool stays) {
    record_group(expression);
    struct bb_erasure *erasure = erasure_of("Jansen");
    cr_assert_eq(bb_erasure_met_count(erasure), count, "%s", expression);
    if (count > 0)
        expect_met_at(erasure, 0, BB_MASTER_GROUP, "g", goes, stays);
    bb_erasure_free(erasure);
}

Test(erasure, groups_that_have_nothing_to_do_with_them_are_not_told) {
    record("A", "Jansen", "Singel 1", 6);
    expect_met("district = north OR customer = Janssen OR usage_point = B", 0, false, false);
}

Test(erasure, a_group_that_asks_for_their_usage_point_is_told) {
    record("A", "Jansen", "Singel 1", 6);
    expect_met("usage_point IN (A, B)", 1, false, true);
}

Test(erasure, a_group_that_asks_for_their_address_and_their_name_is_told) {
    record("A", "Jansen", "Singel 1", 6);
    expect_met("address = 'Singel 1' OR customer = Jansen", 1, true, true);
}

/* Two rules of one module, the first with two versions. */
static void rules(const char *by, const char *reason, const char *source, const char *parameters,
                  struct bb_buffer *out) {
    static const struct bb_span hash = BB_SPAN("0123456789abcdef");
    struct bb_master_module module = {hash, BB_SPAN("caps"), bb_span_of(source)};
    struct bb_master_rule_version versions[3];

    for (int i = 0; i < 3; i++)
        versions[i] = (struct bb_master_rule_version){.id = hash,
                                                      .module = hash,
                                                      .function = BB_SPAN("f"),
                                                      .parameters = BB_SPAN("{}"),
                                                      .environment = hash,
                                                      .channel = BB_SPAN("A+"),
                                                      .by = BB_SPAN("Vera"),
                                                      .deployed_ms = i,
                                                      .to_ms = BB_TIME_NONE,
                                                      .share = BB_MASTER_SHARE_ALL};
    versions[1].by = bb_span_of(by);
    versions[1].reason = bb_span_of(reason);
    versions[1].parameters = bb_span_of(parameters);
    struct bb_master_rule items[] = {{BB_SPAN("capped"), 0, versions, 2},
                                     {BB_SPAN("jan"), 0, versions + 2, 1}};
    const struct bb_master master = {.kind = BB_MASTER_RULES,
                                     .rules = {BB_SPAN("demo"), &module, items, 1, 2}};

    bb_buffer_init(out, 1 << 16);
    cr_assert_eq(bb_master_encode(&master, out, &error), 0, "%s", error.text);
}

static void expect_rules(const char *by, const char *reason, const char *source,
                         const char *parameters, int changed, const char *picture) {
    struct bb_erasure *erasure = erasure_of("Jansen");
    struct bb_buffer body, out;
    struct bb_master master;
    struct bb_arena arena;

    rules(by, reason, source, parameters, &body);
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), changed, "%s",
                 picture);
    bb_arena_init(&arena, 1 << 12, 1 << 20);
    bb_buffer_init(&out, 1 << 12);
    cr_assert_eq(bb_master_decode(bb_buffer_span(&body), &arena, &master, &error), 0);
    const struct bb_master_rule_version *v = &master.rules.rules[0].versions[1];
    bb_buffer_format(&out, "%.*s|%.*s|%.*s|%.*s", BB_SPAN_ARGS(v->by), BB_SPAN_ARGS(v->reason),
                     BB_SPAN_ARGS(master.rules.modules[0].source), BB_SPAN_ARGS(v->parameters));
    cr_expect(bb_span_equal(bb_buffer_span(&out), bb_span_of(picture)), "%.*s is not %s",
              (int)out.size, out.data, picture);
    cr_expect(bb_span_equal(master.rules.rules[0].versions[0].by, BB_SPAN("Vera")));
    cr_expect_eq(bb_erasure_of_master(erasure, body.data, body.size, &error), 0, "twice");
    bb_buffer_release(&out);
    bb_buffer_release(&body);
    bb_arena_release(&arena);
    bb_erasure_free(erasure);
}

Test(erasure, who_deployed_a_rule_and_why) {
    record("A", "Jansen", "Singel 1", 6);
    expect_rules("Jansen", "as jan@x.example wrote, not Jansens", "x = 1", "{}", 1,
                 "erased|as erased------- wrote, not Jansens|x = 1|{}");
    expect_rules("bob", "Jansen", "# Jansen", "{\"who\":\"Jansen\"}", 1,
                 "bob|erased|# Jansen|{\"who\":\"Jansen\"}");
    expect_rules("bob", "too high", "# Jansen", "{}", 0, "bob|too high|# Jansen|{}");
}

static void expect_met_rules(const char *by, const char *source, const char *parameters,
                             size_t count, bool goes, bool stays) {
    struct bb_buffer body;

    end(); /* a registry of its own */
    begin();
    record("A", "Jansen", "Singel 1", 6);
    rules(by, "", source, parameters, &body);
    record_body(&body, 8);
    struct bb_erasure *erasure = erasure_of("Jansen");
    cr_assert_eq(bb_erasure_met_count(erasure), count, "%s %s", source, parameters);
    if (count > 0)
        expect_met_at(erasure, 0, BB_MASTER_RULES, "capped", goes, stays);
    if (count > 1) /* of the same module */
        expect_met_at(erasure, 1, BB_MASTER_RULES, "jan", false, stays);
    bb_erasure_free(erasure);
}

/* What runs is told, not changed. */
Test(erasure, rules_whose_code_names_them_are_told) {
    expect_met_rules("bob", "x = 'Jansens'", "{}", 0, false, false);
    expect_met_rules("Jansen", "x = 1", "{}", 1, true, false);
    expect_met_rules("bob", "x = 1", "{\"who\":\"Jansen\"}", 1, false, true);
    expect_met_rules("Jansen", "x = 'Jansen'", "{}", 2, true, true);
}

Test(erasure, only_the_own_versions_of_a_shared_usage_point) {
    record("A", "Jansen", "his", 5);
    record("A", "", "his", 7);
    record("A", "de Vries", "hers", 9);
    struct bb_erasure *erasure = erasure_of("Jansen");
    expect_entry(erasure, "A", "Jansen", "his", "why", 1, "erased|era|north|era");
    expect_entry(erasure, "A", "", "his", "why", 1, "|era|north|why");
    expect_entry(erasure, "A", "", "another", "why", 0, "|another|north|why");
    expect_entry(erasure, "A", "de Vries", "his", "why", 0, "de Vries|his|north|why");
    cr_expect(bb_erasure_is_theirs(erasure, BB_SPAN("demo"), BB_SPAN("A"), 6));
    cr_expect_not(bb_erasure_is_theirs(erasure, BB_SPAN("demo"), BB_SPAN("A"), 7));
    bb_erasure_free(erasure);
}

static void expect_source(struct bb_erasure *erasure, const char *usage_point, const char *source,
                          const char *picture) {
    char text[100];

    snprintf(text, sizeof text, "%s", source);
    bool changed = bb_erasure_of_source(erasure, BB_SPAN("demo"), bb_span_of(usage_point), 6, text,
                                        strlen(text));
    cr_expect_str_eq(text, picture);
    cr_expect_eq(changed, strcmp(source, picture) != 0);
}

Test(erasure, reasons_of_what_people_told_and_words_elsewhere) {
    record("A", "Jansen", "his", 5);
    record("B", "de Vries", "hers", 5);
    struct bb_erasure *erasure = erasure_of("Jansen");
    expect_source(erasure, "A", "edit by Vera: his son called", "edit by Vera: erased--------");
    expect_source(erasure, "B", "edit by Vera: his son called", "edit by Vera: his son called");
    expect_source(erasure, "B", "edit by Vera: as Jansen said", "edit by Vera: as erased said");
    expect_source(erasure, "A", "march.csv", "march.csv");
    expect_source(erasure, "A", "Jansen.csv of jan@x.example", "erased.csv of erased-------");
    bb_erasure_free(erasure);
}

static int of_audit(struct bb_erasure *erasure, const char *subject, const char *reason) {
    const struct bb_registry_audit row = {
        .tenant = BB_SPAN("demo"), .subject = bb_span_of(subject), .reason = bb_span_of(reason)};

    return bb_erasure_of_audit(erasure, &row);
}

Test(erasure, entries_of_the_audit_log) {
    record("A", "Jansen", "his", 5);
    record("AB", "de Vries", "hers", 5);
    struct bb_erasure *erasure = erasure_of("Jansen");
    cr_assert_eq(bb_erasure_note_exception(erasure, 17, &error), 0);
    cr_expect_eq(of_audit(erasure, "usage_point=A channel=x", "his son called"), 1);
    cr_expect_eq(of_audit(erasure, "usage_point=AB channel=x", "her son called"), 0);
    cr_expect_eq(of_audit(erasure, "usage_point=AB", "as Jansen said"), 1);
    cr_expect_eq(of_audit(erasure, "Jansen.yaml: 1 added", ""), 2);
    cr_expect_eq(of_audit(erasure, "action=accept ids=3,17", "as told"), 1);
    cr_expect_eq(of_audit(erasure, "action=accept ids=3,170", "as told"), 0);
    cr_expect_eq(of_audit(erasure, "action=accept ids=", "as told"), 0);
    bb_erasure_free(erasure);
}
