/* Profiles in registry files: what they say, what is refused and where, what would change, and back. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "adapter/embedded.h"
#include "service/registry_file.h"

struct reading {
    struct bb_arena arena;
    struct bb_zone_set *zones;
    struct bb_registry *registry;
    uint64_t sequence;
    struct bb_registry_file file;
    struct bb_registry_changes changes;
    struct bb_buffer text;
    struct bb_error error;
};

static void reading_init(struct reading *r) {
    *r = (struct reading){0};
    bb_arena_init(&r->arena, 1 << 16, 1 << 28);
    bb_buffer_init(&r->text, 1 << 26);
    r->zones = bb_zone_set_new();
    cr_assert_eq(bb_registry_memory_open(&r->registry, &r->error), 0);
}

static void reading_release(struct reading *r) {
    r->registry->ops->close(r->registry);
    bb_zone_set_free(r->zones);
    bb_buffer_release(&r->text);
    bb_arena_release(&r->arena);
}

static int parse(struct reading *r, struct bb_span text) {
    struct bb_registry_file_options options = {
        .tenant = BB_SPAN("default"), .source = "r.yaml", .zones = r->zones};

    memset(&r->error, 0, sizeof r->error);
    return bb_registry_file_parse(text, &options, &r->arena, &r->file, &r->error);
}

static void parse_good(struct reading *r, const char *text) {
    cr_assert_eq(parse(r, bb_span_of(text)), 0, "line %d: %s", (int)r->error.line, r->error.text);
}

static void apply(struct reading *r) {
    for (uint32_t i = 0; i < r->file.count; i++) {
        const struct bb_master *master = &r->file.entries[i].master;
        struct bb_buffer body;
        bb_buffer_init(&body, 1 << 20);
        cr_assert_eq(bb_master_encode(master, &body, &r->error), 0, "%s", r->error.text);
        struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                          .recorded_ms = (int64_t)r->sequence,
                                          .tenant = bb_master_tenant_name(master),
                                          .usage_point = bb_master_name(master),
                                          .body = bb_buffer_span(&body)};
        cr_assert_eq(r->registry->ops->project(r->registry, 0, r->sequence, &record, 1, &r->error),
                     0, "%s", r->error.text);
        r->sequence++;
        bb_buffer_release(&body);
    }
}

static int compare(struct reading *r) {
    return bb_registry_file_compare(r->registry, &r->file, "r.yaml", &r->arena, &r->changes,
                                    &r->error);
}

static void expect_picture(const struct reading *r, const char *expected) {
    cr_expect(bb_span_equal(bb_buffer_span(&r->text), bb_span_of(expected)), "%.*s\ninstead of\n%s",
              BB_SPAN_ARGS(bb_buffer_span(&r->text)), expected);
}

Test(registry_profile, what_it_says) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "profiles:\n"
                   "- name: heat\n"
                   "  days: {2026-01-02: 10.1, 2026-01-01: 12.345678, 2026-07-01: 0}\n"
                   "  months: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0.5]\n"
                   "- name: h0\n"
                   "  tenant: other\n"
                   "  shapes: [{season: 11-3, working: [10000], sunday: [1e-6]},"
                   " {season: 4-10, working: [2]}]\n"
                   "- {name: flat, shapes: [{working: [1]}]}\n");
    cr_assert_eq(r.file.count, 3);
    const struct bb_master_profile *heat = &r.file.entries[0].master.profile,
                                   *h0 = &r.file.entries[1].master.profile,
                                   *flat = &r.file.entries[2].master.profile;
    cr_expect(bb_span_equal(heat->tenant, BB_SPAN("default")));
    cr_expect(bb_span_equal(h0->tenant, BB_SPAN("other")));
    cr_assert_eq(heat->day_count, 3);
    cr_expect_eq(heat->days[0].day, bb_days_from_civil(2026, 1, 2));
    cr_expect_eq(heat->days[0].weight, 10100000);
    cr_expect_eq(heat->days[1].weight, 12345678);
    cr_assert_eq(heat->month_count, 12);
    cr_expect_eq(heat->months[11], 500000);
    cr_assert_eq(h0->shape_count, 2);
    cr_expect_eq(h0->shapes[0].season.first, 11);
    cr_expect_eq(h0->shapes[0].season.last, 3);
    cr_expect_eq(h0->shapes[0].working[0], BB_MASTER_WEIGHT_MAX);
    cr_expect_eq(h0->shapes[0].saturday_count, 0);
    cr_expect_eq(h0->shapes[0].sunday[0], 1);
    cr_expect_eq(flat->shapes[0].season.first, 1);
    cr_expect_eq(flat->shapes[0].season.last, 12);
    reading_release(&r);
}

Test(registry_profile, what_is_refused) {
    static const struct {
        const char *text;
        uint64_t line;
        const char *word;
    } cases[] = {
        {"profiles:\n- {days: {2026-01-01: 1}}", 2, "needs `name`"},
        {"profiles:\n- {name: p, days: {2026-01-01: -1}}", 2, "0 to 10000"},
        {"profiles:\n- {name: p, days: {2026-01-01: 10000.000001}}", 2, "0 to 10000"},
        {"profiles:\n- {name: p, days: {2026-01-01: 1.0000001}}", 2, "6 decimals"},
        {"profiles:\n- {name: p, days: {2026-02-30: 1}}", 2, "2026-02-30"},
        {"profiles:\n- {name: p, days: {2026-01-01: }}", 2, "`weight`"},
        {"profiles:\n- name: p\n  days: {2026-01-01: 1,\n    2026-01-01: 1}", 4,
         "day 2026-01-01 stands here twice, the first time in line 3"},
        {"profiles:\n- {name: p, months: [1, 2]}", 2, "profile p: a profile has 12 numbers"},
        {"profiles:\n- {name: p, months: 1}", 2, "a list"},
        {"profiles:\n- {name: p, shapes: [{season: 0, working: [1]}]}", 2, "`season` is '0'"},
        {"profiles:\n- {name: p, shapes: [{season: 1-, working: [1]}]}", 2, "`season` is '1-'"},
        {"profiles:\n- {name: p, shapes: [{season: 1-13, working: [1]}]}", 2, "11-3"},
        {"profiles:\n- {name: p, shapes: [{season: 1-3x, working: [1]}]}", 2, "11-3"},
        {"profiles:\n- {name: p, shapes: [{season: 100000000000000000001, working: [1]}]}", 2,
         "11-3"},
        {"profiles:\n- name: p\n  shapes:\n  - {season: 1-12, working: [1]}\n"
         "  - {working: [2]}\n",
         5, "shape 1-12 stands here twice"},
        {"profiles:\n- {name: p, shapes: [{season: 1-11, working: [1]}]}", 2, "leave a month out"},
        {"profiles:\n- {name: p, shapes: [{working: [1, 2]}]}", 2, "1, 24, 48 or 96"},
        {"profiles:\n- {name: p, shapes: [{saturday: [1]}]}", 2, "`working` is needed"},
        {"profiles:\n- {name: p, shape: {working: [1]}}", 2, "did you mean `shapes`"},
        {"profile: []", 1, "profiles"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reading r;
        reading_init(&r);
        cr_expect_eq(parse(&r, bb_span_of(cases[i].text)), -BB_E_REGISTRY_INVALID, "%s",
                     cases[i].text);
        cr_expect_eq(r.error.line, cases[i].line, "%s: line %d", cases[i].text, (int)r.error.line);
        cr_expect_not_null(strstr(r.error.text, cases[i].word), "%s", r.error.text);
        reading_release(&r);
    }
}

Test(registry_profile, ten_thousand_days) {
    struct reading r;

    reading_init(&r);
    for (int count = 10000; count <= 10001; count++) {
        bb_buffer_clear(&r.text);
        bb_buffer_format(&r.text, "profiles: [{name: p, days: {");
        for (int i = 0; i < count; i++) {
            struct bb_civil civil;
            bb_civil_from_days(i, &civil);
            bb_buffer_format(&r.text, "%04d-%02d-%02d: %d, ", civil.year, civil.month, civil.day,
                             i % 20);
        }
        bb_buffer_format(&r.text, "}}]");
        cr_expect_eq(parse(&r, bb_buffer_span(&r.text)),
                     count == 10000 ? 0 : -BB_E_REGISTRY_INVALID, "%s", r.error.text);
    }
    reading_release(&r);
}

Test(registry_profile, what_would_change) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points: [{name: u, channels: [{name: c}]}]\n"
                   "profiles:\n"
                   "- {name: p, days: {2026-01-01: 1, 2026-01-02: 2}, "
                   "shapes: [{working: [1], saturday: [2]}]}\n");
    cr_assert_eq(compare(&r), 0);
    apply(&r);
    parse_good(&r, "usage_points: [{name: u, profile: p, channels: [{name: c, profile: q}]}]\n"
                   "profiles:\n"
                   "- {name: p, days: {2026-01-02: 2.50, 2026-01-03: 3}, "
                   "months: [1,1,1,1,1,1,1,1,1,1,1,1], shapes: [{working: [3], sunday: [4]}]}\n"
                   "- {name: q, days: {2026-01-01: 1}, shapes: [{working: [3]}]}\n");
    cr_assert_eq(compare(&r), 0, "%s", r.error.text);
    for (uint32_t i = 0; i < r.changes.count; i++)
        for (uint32_t k = 0; k < r.changes.items[i].line_count; k++)
            bb_buffer_format(&r.text, "%.*s\n", BB_SPAN_ARGS(r.changes.items[i].lines[k]));
    expect_picture(&r, "usage point u profile: (none) → p\n"
                       "usage point u channel c profile: (none) → q\n"
                       "profile p days 2026-01-01: 1 → (none)\n"
                       "profile p days 2026-01-02: 2 → 2.5\n"
                       "profile p days 2026-01-03: (none) → 3\n"
                       "profile p months: 0 → 12 numbers\n"
                       "profile p shape 1-12 working: 1 of 1 numbers differ\n"
                       "profile p shape 1-12 saturday: 1 → 0 numbers\n"
                       "profile p shape 1-12 sunday: 0 → 1 numbers\n"
                       "profile q: new, 1 day, 1 shape\n");
    reading_release(&r);
}

Test(registry_profile, it_must_be_known) {
    static const char *const texts[] = {
        "usage_points:\n- {name: u, profile: p}\n",
        "usage_points:\n- {name: u, channels: [{name: c, profile: p}]}\n"};
    struct reading r;

    reading_init(&r);
    for (int i = 0; i < 2; i++) {
        parse_good(&r, texts[i]);
        cr_expect_eq(compare(&r), -BB_E_REGISTRY_INVALID);
        cr_expect_eq(r.error.line, 2);
        cr_expect_not_null(strstr(r.error.text, "usage point u: the profile 'p' is neither"), "%s",
                           r.error.text);
    }
    parse_good(&r, "usage_points: [{name: u, profile: p}]\ncalendars: [{name: p}]\n");
    cr_expect_lt(compare(&r), 0, "a calendar is no profile");
    parse_good(&r, "profiles: [{name: p}]\n");
    cr_expect_eq(compare(&r), 0);
    apply(&r);
    for (int i = 0; i < 2; i++) {
        parse_good(&r, texts[i]);
        cr_expect_eq(compare(&r), 0, "%s", r.error.text);
    }
    reading_release(&r);
}

Test(registry_profile, a_column_names_it) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_point,profile,channel\nu,h0,c\n");
    cr_expect(bb_span_equal(r.file.entries[0].master.usage_point.profile, BB_SPAN("h0")));
    reading_release(&r);
}

Test(registry_profile, the_way_back) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "profiles:\n"
                   "- {name: p, days: {2026-01-01: 1.50}, months: [1,1,1,1,1,1,1,1,1,1,1,0.10],\n"
                   "   shapes: [{season: 10-3, working: [1], sunday: [0.000001]},"
                   " {season: 4-9, working: [2]}]}\n");
    bb_registry_entry_print(&r.file.entries[0].master, &r.text);
    expect_picture(&r, "  - name: p\n"
                       "    tenant: default\n"
                       "    days: {2026-01-01: 1.5}\n"
                       "    months: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.1]\n"
                       "    shapes:\n"
                       "      - {season: 10-3, working: [1], sunday: [0.000001]}\n"
                       "      - {season: 4-9, working: [2]}\n");
    reading_release(&r);
}
