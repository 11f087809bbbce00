/* The port "registry": one suite, every adapter.
 *
 * Each test states a promise and holds every adapter to it. What only a file can promise (versions,
 * rights, a crash, other handles) is in test_registry_sqlite.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "contract/registry_fixture.h"
#include "model/quality.h"
#include "model/unit.h"
#include "support/master_random.h"

/* ---- promises -------------------------------------------------------------------------------- */

static void projects_exactly_once(struct registry_fixture *f) {
    struct bb_outbox_record first[] = {registry_channel(f, "demo", "u1", "a", 1),
                                       registry_channel(f, "demo", "u2", "a", 2)};
    struct bb_outbox_record other = registry_channel(f, "demo", "u9", "a", 3);

    cr_expect_eq(registry_position(f, 2), 0);
    cr_expect_eq(registry_project(f, 2, 1, &other, 1), 1, "%s takes records behind a gap",
                 f->adapter);
    cr_expect_eq(registry_project(f, 2, 0, first, 2), 0);
    cr_expect_eq(registry_position(f, 2), 2);
    cr_expect_eq(registry_position(f, 1), 0, "%s: partitions have positions of their own",
                 f->adapter);
    cr_expect_eq(registry_project(f, 2, 0, &other, 1), 1, "%s takes records twice", f->adapter);
    cr_expect_eq(registry_project(f, 2, 1, &other, 1), 1, "%s goes back", f->adapter);
    cr_expect_eq(registry_project(f, 2, 3, &other, 1), 1, "%s leaves a gap", f->adapter);
    cr_expect_eq(registry_position(f, 2), 2);
    expect_registry_usage_points(
        f, "",
        "demo/u1 electricity zone=Europe/Amsterdam calendar= customer= 1\n"
        "demo/u2 electricity zone=Europe/Amsterdam calendar= customer= 1\n");
    cr_expect_eq(registry_project(f, 2, 2, NULL, 0), 0, "%s: nothing is nothing", f->adapter);
    cr_expect_eq(registry_project(f, 2, 2, &other, 1), 0);
    cr_expect_eq(registry_position(f, 2), 3);
}

REGISTRY_PROMISE(projects_exactly_once)

static void passes_over_what_is_not_its_business(struct registry_fixture *f) {
    struct bb_outbox_record changed = {.kind = BB_OUTBOX_CHANGED,
                                       .tenant = BB_SPAN("demo"),
                                       .usage_point = BB_SPAN("u1"),
                                       .channel = BB_SPAN("a"),
                                       .a = 5};
    struct bb_outbox_record later = {.kind = 200};

    REGISTRY_TELL(f, 0, changed, later, (struct bb_outbox_record){0});
    cr_expect_eq(registry_position(f, 0), 3);
    expect_registry_usage_points(f, "", "");
}

REGISTRY_PROMISE(passes_over_what_is_not_its_business)

static void lists_channels_in_order(struct registry_fixture *f) {
    struct bb_channel_record water = {.number = 8,
                                      .kind = BB_KIND_REGISTER,
                                      .commodity = BB_COMMODITY_WATER,
                                      .unit = BB_UNIT_L,
                                      .derived_unit = BB_UNIT_M3,
                                      .zone = BB_SPAN("UTC")};

    REGISTRY_TELL(
        f, 1, registry_channel(f, "demo", "u2", "b", 1), registry_channel(f, "demo", "u2", "a", 2),
        registry_channel(f, "demo", "u10", "a", 3), registry_channel(f, "other", "u2", "a", 4),
        registry_channel(f, "demo", "u2", "B", 5));
    REGISTRY_TELL(f, 3, registry_channel(f, "demo", "u1", "a", 1),
                  registry_channel_as(f, "demo", "u1", "v", &water));
#define AS_BUILT " interval electricity kWh 900s Europe/Amsterdam 1-1:1.29.0 "
    static const char u2[] = "demo/u2/B" AS_BUILT "p1 #5\n"
                             "demo/u2/a" AS_BUILT "p1 #2\n"
                             "demo/u2/b" AS_BUILT "p1 #1\n";
    static const char demo[] = "demo/u1/a" AS_BUILT "p3 #1\n"
                               "demo/u1/v register water L 0s UTC  p3 #8\n"
                               "demo/u10/a" AS_BUILT "p1 #3\n"
                               "demo/u2/B" AS_BUILT "p1 #5\n"
                               "demo/u2/a" AS_BUILT "p1 #2\n"
                               "demo/u2/b" AS_BUILT "p1 #1\n";
    static const char all[] = "demo/u1/a" AS_BUILT "p3 #1\n"
                              "demo/u1/v register water L 0s UTC  p3 #8\n"
                              "demo/u10/a" AS_BUILT "p1 #3\n"
                              "demo/u2/B" AS_BUILT "p1 #5\n"
                              "demo/u2/a" AS_BUILT "p1 #2\n"
                              "demo/u2/b" AS_BUILT "p1 #1\n"
                              "other/u2/a" AS_BUILT "p1 #4\n";
    expect_registry_channels(f, "demo", "u2", u2);
    expect_registry_channels(f, "demo", "", demo);
    expect_registry_channels(f, "", "", all);
    expect_registry_channels(f, "other", "u1", "");
    expect_registry_channels(f, "nobody", "", "");

    water.unit = BB_UNIT_M3; /* a channel that changed is the same channel */
    water.interval_s = 3600;
    REGISTRY_TELL(f, 3, registry_channel_as(f, "demo", "u1", "v", &water));
    expect_registry_channels(f, "demo", "u1",
                             "demo/u1/a" AS_BUILT "p3 #1\n"
                             "demo/u1/v register water m³ 3600s UTC  p3 #8\n");
}

REGISTRY_PROMISE(lists_channels_in_order)

static void lists_usage_points(struct registry_fixture *f) {
    struct bb_channel_record vague = {.kind = BB_KIND_GAUGE, .zone = BB_SPAN("Asia/Kolkata")};

    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "read", "a", 1),
                  registry_channel_as(f, "demo", "read", "b", &vague),
                  registry_channel_as(f, "demo", "vague", "b", &vague));
    REGISTRY_TELL(f, 1, registry_usage_point(f, "demo", "applied", "Europe/Berlin", 5000),
                  registry_usage_point(f, "demo", "both", "", 5000),
                  registry_channel(f, "demo", "both", "a", 1),
                  registry_usage_point(f, "other", "x", "UTC", 5));
    expect_registry_usage_points(f, "demo",
                                 "demo/applied water zone=Europe/Berlin calendar= customer=ACME 0\n"
                                 "demo/both water zone=Europe/Amsterdam calendar= customer=ACME 1\n"
                                 "demo/read electricity zone=Asia/Kolkata calendar= customer= 2\n"
                                 "demo/vague unknown zone=Asia/Kolkata calendar= customer= 1\n");
    expect_registry_usage_points(f, "other", "other/x water zone=UTC calendar= customer=ACME 0\n");
    expect_registry_usage_points(f, "nobody", "");
    expect_registry_tenants(f, "demo zone=\nother zone=\n");
}

REGISTRY_PROMISE(lists_usage_points)

static void keeps_every_version(struct registry_fixture *f) {
    REGISTRY_TELL(f, 0, registry_usage_point(f, "demo", "u", "Europe/Amsterdam", 1000),
                  registry_usage_point(f, "demo", "u", "Europe/Berlin", 2000),
                  registry_usage_point(f, "demo", "u", "Europe/Madrid", 3000));
    expect_registry_masters(f, "demo", BB_TIME_NONE, "usage point demo/u Europe/Madrid @3000\n");
    expect_registry_masters(f, "demo", 999, "");
    expect_registry_masters(f, "demo", 1000, "usage point demo/u Europe/Amsterdam @1000\n");
    expect_registry_masters(f, "demo", 2999, "usage point demo/u Europe/Berlin @2000\n");
    expect_registry_masters(f, "demo", 9999, "usage point demo/u Europe/Madrid @3000\n");
    expect_registry_usage_points(f, "demo",
                                 "demo/u water zone=Europe/Madrid calendar= customer=ACME 0\n");
}

REGISTRY_PROMISE(keeps_every_version)

/* A tenant's entry comes from every partition, and partitions are carried over in any order. */
static void the_version_recorded_last_is_current(struct registry_fixture *f) {
    REGISTRY_TELL(f, 1, registry_tenant(f, "demo", "UTC", 1000),
                  registry_tenant(f, "demo", "Asia/Kolkata", 2000));
    REGISTRY_TELL(f, 0, registry_tenant(f, "demo", "UTC", 1000));
    expect_registry_tenants(f, "demo zone=Asia/Kolkata\n");
    REGISTRY_TELL(f, 0, registry_tenant(f, "demo", "Asia/Kolkata", 2000));
    expect_registry_tenants(f, "demo zone=Asia/Kolkata\n");
    expect_registry_masters(f, "demo", 1500, "tenant demo/demo UTC @1000\n");

    REGISTRY_TELL(f, 2, registry_usage_point(f, "demo", "u", "Europe/Berlin", 2000),
                  registry_usage_point(f, "demo", "u", "Europe/Madrid", 1000));
    expect_registry_usage_points(f, "demo",
                                 "demo/u water zone=Europe/Berlin calendar= customer=ACME 0\n");

    /* told twice within a millisecond: the one with the greater bytes, in either order */
    REGISTRY_TELL(f, 2, registry_usage_point(f, "demo", "v", "Europe/Berlin", 4000),
                  registry_usage_point(f, "demo", "v", "Europe/Madrid", 4000));
    REGISTRY_TELL(f, 2, registry_usage_point(f, "demo", "w", "Europe/Madrid", 4000),
                  registry_usage_point(f, "demo", "w", "Europe/Berlin", 4000));
    expect_registry_usage_points(f, "demo",
                                 "demo/u water zone=Europe/Berlin calendar= customer=ACME 0\n"
                                 "demo/v water zone=Europe/Madrid calendar= customer=ACME 0\n"
                                 "demo/w water zone=Europe/Madrid calendar= customer=ACME 0\n");
    expect_registry_masters(f, "demo", BB_TIME_NONE,
                            "usage point demo/u Europe/Berlin @2000\n"
                            "usage point demo/v Europe/Madrid @4000\n"
                            "usage point demo/w Europe/Madrid @4000\n"
                            "tenant demo/demo Asia/Kolkata @2000\n");
}

REGISTRY_PROMISE(the_version_recorded_last_is_current)

static void lists_every_version_in_order(struct registry_fixture *f) {
    REGISTRY_TELL(f, 1, registry_usage_point(f, "demo", "b", "UTC", 9),
                  registry_usage_point(f, "demo", "a", "Europe/Paris", 7),
                  registry_usage_point(f, "demo", "a", "Europe/Berlin", 5),
                  registry_usage_point(f, "other", "a", "UTC", 6),
                  registry_tenant(f, "demo", "UTC", 8));
    expect_registry_picture(f,
                            f->registry->ops->version_list(f->registry, BB_SPAN("demo"),
                                                           paint_registry_master, f, &f->error),
                            "usage point demo/a Europe/Berlin @5\n"
                            "usage point demo/a Europe/Paris @7\n"
                            "usage point demo/b UTC @9\n"
                            "tenant demo/demo UTC @8\n");
    expect_registry_picture(f,
                            f->registry->ops->version_list(f->registry, BB_SPAN(""),
                                                           paint_registry_master, f, &f->error),
                            "usage point demo/a Europe/Berlin @5\n"
                            "usage point demo/a Europe/Paris @7\n"
                            "usage point demo/b UTC @9\n"
                            "usage point other/a UTC @6\n"
                            "tenant demo/demo UTC @8\n");
}

REGISTRY_PROMISE(lists_every_version_in_order)

static void lists_master_data_in_order(struct registry_fixture *f) {
    REGISTRY_TELL(
        f, 0, registry_calendar(f, "demo", "nl", 0, 10), registry_tenant(f, "other", "UTC", 10),
        registry_usage_point(f, "other", "a", "UTC", 10), registry_tenant(f, "demo", "UTC", 10),
        registry_usage_point(f, "demo", "b", "UTC", 10),
        registry_usage_point(f, "demo", "a", "UTC", 10), registry_profile(f, "demo", "heat", 5, 10),
        registry_calendar(f, "demo", "gas", 21600, 10));
    static const char demo[] = "usage point demo/a UTC @10\n"
                               "usage point demo/b UTC @10\n"
                               "tenant demo/demo UTC @10\n"
                               "calendar demo/gas Europe/Amsterdam @10\n"
                               "calendar demo/nl Europe/Amsterdam @10\n"
                               "profile demo/heat  @10\n";
    static const char all[] = "usage point demo/a UTC @10\n"
                              "usage point demo/b UTC @10\n"
                              "usage point other/a UTC @10\n"
                              "tenant demo/demo UTC @10\n"
                              "tenant other/other UTC @10\n"
                              "calendar demo/gas Europe/Amsterdam @10\n"
                              "calendar demo/nl Europe/Amsterdam @10\n"
                              "profile demo/heat  @10\n";
    expect_registry_masters(f, "demo", BB_TIME_NONE, demo);
    expect_registry_masters(f, "", BB_TIME_NONE, all);
}

REGISTRY_PROMISE(lists_master_data_in_order)

static int get_at(struct registry_fixture *f, enum bb_master_kind kind, const char *tenant,
                  const char *name, int64_t as_of_ms, struct bb_master *out) {
    return f->registry->ops->master_get(f->registry, kind, bb_span_of(tenant), bb_span_of(name),
                                        as_of_ms, &f->arena, out, &f->error);
}

static int get(struct registry_fixture *f, enum bb_master_kind kind, const char *tenant,
               const char *name, struct bb_master *out) {
    return get_at(f, kind, tenant, name, BB_TIME_NONE, out);
}

static void looks_up_the_current_entry(struct registry_fixture *f) {
    struct bb_master_usage_point up, second;
    struct bb_master entry;

    REGISTRY_TELL(f, 0, registry_usage_point(f, "demo", "u", "UTC", 1),
                  registry_usage_point(f, "demo", "u", "Europe/Berlin", 2),
                  registry_usage_point(f, "other", "u", "Asia/Kolkata", 3),
                  registry_tenant(f, "demo", "Europe/Madrid", 1),
                  registry_calendar(f, "demo", "gas", 21600, 1),
                  registry_profile(f, "demo", "heat", 5, 1),
                  registry_channel(f, "demo", "read", "a", 1));

    cr_assert_eq(bb_registry_usage_point(f->registry, BB_SPAN("demo"), BB_SPAN("u"), BB_TIME_NONE,
                                         &f->arena, &up, &f->error),
                 0);
    cr_assert_eq(bb_registry_usage_point(f->registry, BB_SPAN("other"), BB_SPAN("u"), BB_TIME_NONE,
                                         &f->arena, &second, &f->error),
                 0);
    cr_expect(bb_span_equal(up.zone, BB_SPAN("Europe/Berlin")), "%s", f->adapter);
    cr_expect(bb_span_equal(up.customer, BB_SPAN("ACME")));
    cr_expect_eq(up.commodity, BB_COMMODITY_WATER);
    cr_expect(bb_span_equal(second.zone, BB_SPAN("Asia/Kolkata")), "%s", f->adapter);

    cr_assert_eq(get(f, BB_MASTER_TENANT, "demo", "demo", &entry), 0);
    cr_expect(bb_span_equal(entry.tenant.zone, BB_SPAN("Europe/Madrid")));
    cr_assert_eq(get(f, BB_MASTER_CALENDAR, "demo", "gas", &entry), 0);
    cr_expect_eq(entry.calendar.day_start_s, 21600);
    cr_assert_eq(entry.calendar.holiday_count, 2);
    cr_expect_eq(entry.calendar.holidays[1], 20571);
    cr_assert_eq(get(f, BB_MASTER_PROFILE, "demo", "heat", &entry), 0);
    cr_assert_eq(entry.profile.day_count, 2);
    cr_expect_eq(entry.profile.days[0].weight, 5);
    cr_expect_eq(entry.profile.days[1].day, 20571);

    /* 1: absent; a usage point that was only read has no master entry */
    cr_expect_eq(bb_registry_usage_point(f->registry, BB_SPAN("demo"), BB_SPAN("read"),
                                         BB_TIME_NONE, &f->arena, &up, &f->error),
                 1);
    cr_expect_eq(bb_registry_usage_point(f->registry, BB_SPAN("nobody"), BB_SPAN("u"), BB_TIME_NONE,
                                         &f->arena, &up, &f->error),
                 1);
    cr_expect_eq(get(f, BB_MASTER_TENANT, "other", "other", &entry), 1);
    cr_expect_eq(get(f, BB_MASTER_CALENDAR, "other", "gas", &entry), 1);
    cr_expect_eq(get(f, BB_MASTER_PROFILE, "demo", "gas", &entry), 1, "a calendar is no profile");
}

REGISTRY_PROMISE(looks_up_the_current_entry)

/* The zone of a usage point as of a moment; "" when there was no entry then. */
static void expect_zone_at(struct registry_fixture *f, int64_t as_of_ms, const char *zone) {
    struct bb_master_usage_point up = {.zone = BB_SPAN("")};
    int found = bb_registry_usage_point(f->registry, BB_SPAN("demo"), BB_SPAN("u"), as_of_ms,
                                        &f->arena, &up, &f->error);

    cr_expect_eq(found, zone[0] ? 0 : 1, "%s", f->adapter);
    cr_expect(bb_span_equal(up.zone, bb_span_of(zone)), "%s: as of %lld the zone is %.*s",
              f->adapter, (long long)as_of_ms, BB_SPAN_ARGS(up.zone));
}

static void looks_up_an_entry_as_of_a_moment(struct registry_fixture *f) {
    struct bb_master entry;

    /* carried over in an order of their own: partitions differ in how far they are */
    REGISTRY_TELL(f, 0, registry_usage_point(f, "demo", "u", "Europe/Berlin", 2000),
                  registry_usage_point(f, "demo", "u", "UTC", 3000),
                  registry_usage_point(f, "demo", "u", "Europe/Madrid", 1000),
                  registry_usage_point(f, "demo", "v", "Asia/Kolkata", 10),
                  registry_tenant(f, "demo", "Europe/Madrid", 1000),
                  registry_tenant(f, "demo", "Europe/Berlin", 2000),
                  registry_calendar(f, "demo", "gas", 21600, 1000),
                  registry_calendar(f, "demo", "gas", 0, 2000),
                  registry_profile(f, "demo", "heat", 7, 2000),
                  registry_profile(f, "demo", "heat", 5, 1000));
    expect_zone_at(f, INT64_MIN + 1, "");
    expect_zone_at(f, 999, "");
    expect_zone_at(f, 1000, "Europe/Madrid");
    expect_zone_at(f, 1999, "Europe/Madrid");
    expect_zone_at(f, 2000, "Europe/Berlin");
    expect_zone_at(f, 2999, "Europe/Berlin");
    expect_zone_at(f, 3000, "UTC");
    expect_zone_at(f, INT64_MAX, "UTC");
    expect_zone_at(f, BB_TIME_NONE, "UTC");

    cr_expect_eq(get_at(f, BB_MASTER_TENANT, "demo", "demo", 999, &entry), 1);
    cr_assert_eq(get_at(f, BB_MASTER_TENANT, "demo", "demo", 1999, &entry), 0);
    cr_expect(bb_span_equal(entry.tenant.zone, BB_SPAN("Europe/Madrid")), "%s", f->adapter);
    cr_expect_eq(get_at(f, BB_MASTER_CALENDAR, "demo", "gas", 999, &entry), 1);
    cr_assert_eq(get_at(f, BB_MASTER_CALENDAR, "demo", "gas", 1999, &entry), 0);
    cr_expect_eq(entry.calendar.day_start_s, 21600, "%s", f->adapter);

    cr_expect_eq(get_at(f, BB_MASTER_PROFILE, "demo", "heat", 999, &entry), 1);
    cr_assert_eq(get_at(f, BB_MASTER_PROFILE, "demo", "heat", 1999, &entry), 0);
    cr_expect_eq(entry.profile.days[0].weight, 5, "%s", f->adapter);
    cr_assert_eq(get_at(f, BB_MASTER_PROFILE, "demo", "heat", 2000, &entry), 0);
    cr_expect_eq(entry.profile.days[0].weight, 7, "%s", f->adapter);
}

REGISTRY_PROMISE(looks_up_an_entry_as_of_a_moment)

/* ---- groups, and entries of one kind */

static int take_names(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct bb_buffer *names = context;

    bb_buffer_format(names, "%.*s@%d ", BB_SPAN_ARGS(bb_master_name(master)), (int)recorded_ms);
    return 0;
}

static void expect_names(struct registry_fixture *f, enum bb_master_kind kind, int64_t as_of_ms,
                         const char *expected) {
    struct bb_buffer names;

    bb_buffer_init(&names, 1 << 16);
    cr_assert_eq(f->registry->ops->kind_list(f->registry, BB_SPAN("demo"), kind, as_of_ms,
                                             take_names, &names, &f->error),
                 0);
    bb_buffer_append_byte(&names, '\0');
    cr_expect_str_eq(names.data, expected, "%s: %s", f->adapter, names.data);
    bb_buffer_release(&names);
}

static void lists_one_kind(struct registry_fixture *f) {
    struct bb_outbox_record records[] = {registry_group(f, "demo", "north", "a = 1", 1000),
                                         registry_group(f, "demo", "all", "a", 1000),
                                         registry_group(f, "other", "else", "a", 1000),
                                         registry_calendar(f, "demo", "gas", 21600, 1000),
                                         registry_group(f, "demo", "north", "a = 2", 2000)};
    struct bb_master entry;

    registry_tell(f, 0, records, 5);
    expect_names(f, BB_MASTER_GROUP, BB_TIME_NONE, "all@1000 north@2000 ");
    expect_names(f, BB_MASTER_GROUP, 1999, "all@1000 north@1000 ");
    expect_names(f, BB_MASTER_GROUP, 999, "");
    expect_names(f, BB_MASTER_CALENDAR, BB_TIME_NONE, "gas@1000 ");
    cr_assert_eq(get_at(f, BB_MASTER_GROUP, "demo", "north", 1999, &entry), 0);
    cr_expect(bb_span_equal(entry.group.expression, BB_SPAN("a = 1")), "%s", f->adapter);
    cr_expect_eq(get(f, BB_MASTER_GROUP, "demo", "else", &entry), 1);
}

REGISTRY_PROMISE(lists_one_kind)

/* ---- searching ------------------------------------------------------------------------------- */

/* "a+ b " of an entry and of a name that has none. A bb_registry_search_visit. */
static int paint_found(void *context, struct bb_span name,
                       const struct bb_master_usage_point *entry) {
    struct registry_fixture *f = context;

    if (entry)
        cr_expect(bb_span_equal(entry->name, name));
    bb_buffer_format(&f->picture, "%.*s%s ", BB_SPAN_ARGS(name), entry ? "+" : "");
    return 0;
}

static void expect_found(struct registry_fixture *f, const char *first, const char *second,
                         const char *after, int64_t as_of_ms, const char *picture) {
    const struct bb_span words[] = {bb_span_of(first), bb_span_of(second)};

    cr_assert_eq(f->registry->ops->usage_point_search(f->registry, BB_SPAN("demo"), words,
                                                      second[0] ? 2 : 1, bb_span_of(after),
                                                      as_of_ms, paint_found, f, &f->error),
                 0, "%s", f->error.text);
    cr_expect(bb_span_equal(bb_buffer_span(&f->picture), bb_span_of(picture)),
              "%s: %s %s behind '%s' finds %.*s", f->adapter, first, second, after,
              BB_SPAN_ARGS(bb_buffer_span(&f->picture)));
    bb_buffer_clear(&f->picture);
}

static struct bb_outbox_record person(struct registry_fixture *f, const char *tenant,
                                      const char *name, const char *customer, const char *street,
                                      int64_t recorded_ms) {
    struct bb_master_tag tag = {BB_SPAN("street"), bb_span_of(street)};
    const struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                                     .usage_point = {.tenant = bb_span_of(tenant),
                                                     .name = bb_span_of(name),
                                                     .customer = bb_span_of(customer),
                                                     .tags = &tag,
                                                     .tag_count = 1}};

    return registry_master(f, &master, recorded_ms);
}

static void finds_usage_points(struct registry_fixture *f) {
    REGISTRY_TELL(f, 0, person(f, "demo", "m1", "Jansen", "Canal Street", 1000),
                  person(f, "demo", "m2", "Jansen", "High Street", 2000),
                  person(f, "demo", "m2", "Smit", "High Street", 3000),
                  person(f, "demo", "m4", "Visser", "Jansenstraat", 1000),
                  person(f, "other", "m5", "Jansen", "High Street", 1000),
                  registry_channel(f, "demo", "m0-jansen", "a", 1),
                  registry_channel(f, "demo", "m3", "jansen", 2),
                  registry_channel(f, "demo", "m6-JANSEN", "a", 3),
                  registry_group(f, "demo", "m7", "customer = Jansen", 1000));

    expect_found(f, "jansen", "", "", BB_TIME_NONE, "m0-jansen m1+ m4+ m6-JANSEN ");
    expect_found(f, "JANSEN", "street", "", BB_TIME_NONE, "m1+ m4+ ");
    expect_found(f, "m", "", "", BB_TIME_NONE, "m0-jansen m1+ m2+ m3 m4+ m6-JANSEN ");
    expect_found(f, "nobody", "", "", BB_TIME_NONE, "");
    expect_found(f, "jansen", "nobody", "", BB_TIME_NONE, "");
    expect_found(f, "jansen", "", "m1", BB_TIME_NONE, "m4+ m6-JANSEN ");
    expect_found(f, "jansen", "", "m2", BB_TIME_NONE, "m4+ m6-JANSEN ");
    expect_found(f, "jansen", "", "m6-JANSEN", BB_TIME_NONE, "");
    /* as of a moment: by the entries of then; names are those that are known now */
    expect_found(f, "jansen", "", "", 2999, "m0-jansen m1+ m2+ m4+ m6-JANSEN ");
    expect_found(f, "jansen", "", "", 999, "m0-jansen m6-JANSEN ");
    expect_found(f, "m2", "", "", 1999, "m2 ");
    expect_found(f, "smit", "", "", 2999, "");

    expect_registry_picture(
        f,
        f->registry->ops->usage_point_list(f->registry, BB_SPAN("demo"), BB_SPAN("m2"),
                                           paint_registry_usage_point, f, &f->error),
        "demo/m2 unknown zone= calendar= customer=Smit 0\n");
    expect_registry_picture(
        f,
        f->registry->ops->usage_point_list(f->registry, BB_SPAN("other"), BB_SPAN("m2"),
                                           paint_registry_usage_point, f, &f->error),
        "");
}

REGISTRY_PROMISE(finds_usage_points)

static int count_found(void *context, struct bb_span name,
                       const struct bb_master_usage_point *entry) {
    (void)name, (void)entry;
    ++*(int *)context;
    return 0;
}

/* Many, so that whoever looks in pieces has several. */
static void finds_what_is_far_away(struct registry_fixture *f) {
    enum { USAGE_POINTS = 2500 };
    struct bb_outbox_record *records = calloc(USAGE_POINTS, sizeof *records);
    const struct bb_span word = BB_SPAN("street");
    int found = 0;

    for (int i = 0; i < USAGE_POINTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%05d", i);
        struct bb_span kept = registry_kept(f, bb_span_of(name));
        records[i] = i % 5 ? person(f, "demo", kept.data, "Smit", "High Street", 1000)
                           : registry_channel(f, "demo", kept.data, "a", 1);
    }
    records[USAGE_POINTS - 1] = person(f, "demo", "m02499", "Jansen", "High Street", 1000);
    registry_tell(f, 0, records, USAGE_POINTS);
    expect_found(f, "jansen", "", "", BB_TIME_NONE, "m02499+ ");
    expect_found(f, "m024", "0", "m02490", BB_TIME_NONE,
                 "m02491+ m02492+ m02493+ m02494+ m02495 m02496+ m02497+ m02498+ m02499+ ");
    cr_expect_eq(f->registry->ops->usage_point_search(f->registry, BB_SPAN("demo"), &word, 1,
                                                      BB_SPAN("m00004"), BB_TIME_NONE, count_found,
                                                      &found, &f->error),
                 0);
    cr_expect_eq(found, 1996, "%s: %d", f->adapter, found);
    free(records);
}

REGISTRY_PROMISE(finds_what_is_far_away)

/* What it was told stops the list, also when it is an error. */
static int stop_at_first(void *context, struct bb_span name,
                         const struct bb_master_usage_point *entry) {
    struct registry_fixture *f = context;

    (void)entry;
    bb_buffer_format(&f->picture, "%.*s ", BB_SPAN_ARGS(name));
    return name.data[1] == '4' ? -BB_E_USAGE : name.data[1] == '1';
}

static void a_search_ends_when_told(struct registry_fixture *f) {
    const struct bb_span word = BB_SPAN("m");

    REGISTRY_TELL(f, 0, person(f, "demo", "m1", "Jansen", "Canal Street", 1000),
                  person(f, "demo", "m4", "Visser", "Jansenstraat", 1000));
    cr_expect_eq(f->registry->ops->usage_point_search(f->registry, BB_SPAN("demo"), &word, 1,
                                                      BB_SPAN(""), BB_TIME_NONE, stop_at_first, f,
                                                      &f->error),
                 0);
    cr_expect_eq(f->registry->ops->usage_point_search(f->registry, BB_SPAN("demo"), &word, 1,
                                                      BB_SPAN("m1"), BB_TIME_NONE, stop_at_first, f,
                                                      &f->error),
                 -BB_E_USAGE);
    cr_expect(bb_span_equal(bb_buffer_span(&f->picture), BB_SPAN("m1 m4 ")), "%s", f->adapter);
    bb_buffer_clear(&f->picture);
}

REGISTRY_PROMISE(a_search_ends_when_told)

static void says_when_the_callers_memory_is_too_small(struct registry_fixture *f) {
    struct bb_master_usage_point up;
    struct bb_arena arena;

    bb_arena_init(&arena, 16, 16);
    REGISTRY_TELL(f, 0, registry_usage_point(f, "demo", "u", "UTC", 1));
    cr_expect_eq(bb_registry_usage_point(f->registry, BB_SPAN("demo"), BB_SPAN("u"), BB_TIME_NONE,
                                         &arena, &up, &f->error),
                 -BB_E_NO_MEMORY, "%s", f->adapter);
    bb_arena_release(&arena);
}

REGISTRY_PROMISE(says_when_the_callers_memory_is_too_small)

/* ---- exceptions ------------------------------------------------------------------------------ */

static void an_exception_keeps_its_id(struct registry_fixture *f) {
    enum { OPENED = BB_OUTBOX_EXCEPTION_OPENED, CLOSED = BB_OUTBOX_EXCEPTION_CLOSED };

    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 200, 1000));
    REGISTRY_TELL(f, 1, registry_exception(OPENED, "v", "a", BB_CHECK_GAP, 100, 200, 1100));
    expect_registry_exceptions(f, "demo", true,
                               "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 open\n"
                               "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1100 open\n");

    REGISTRY_TELL(f, 0, registry_exception(CLOSED, "u", "a", BB_CHECK_GAP, 100, 200, 2000));
    expect_registry_exceptions(f, "demo", true,
                               "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1100 open\n");
    REGISTRY_TELL(
        f, 0, registry_exception(CLOSED, "u", "a", BB_CHECK_GAP, 100, 200, 2500)); /* once is it */
    expect_registry_exceptions(f, "demo", false,
                               "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 closed=2000\n"
                               "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1100 open\n");

    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 300, 3000));
    expect_registry_exceptions(f, "demo", true,
                               "1 demo/u/a gap 100..300 a=12345 b=-7 e-3 opened=1000 open\n"
                               "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1100 open\n");

    struct bb_outbox_record evidence = registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 400,
                                                          3500);
    evidence.a = INT64_MAX;
    evidence.b = INT64_MIN;
    evidence.exponent = 2;
    REGISTRY_TELL(f, 0, evidence);
    expect_registry_exceptions(
        f, "demo", true,
        "1 demo/u/a gap 100..400 a=9223372036854775807 b=-9223372036854775808 e2 "
        "opened=1000 open\n"
        "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1100 open\n");
}

REGISTRY_PROMISE(an_exception_keeps_its_id)

static void an_exception_names_its_sources(struct registry_fixture *f) {
    struct bb_outbox_record opened = registry_exception(BB_OUTBOX_EXCEPTION_OPENED, "u", "a",
                                                        BB_CHECK_GAP, 100, 200, 1000);
    struct bb_outbox_record closed = registry_exception(BB_OUTBOX_EXCEPTION_CLOSED, "u", "a",
                                                        BB_CHECK_GAP, 100, 200, 2000);

    opened.body = BB_SPAN("day.csv");
    closed.body = BB_SPAN("accept by Mo: it's a holiday (exception 1)");
    REGISTRY_TELL(f, 0, opened);
    expect_registry_exceptions(
        f, "demo", true, "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 by=day.csv open\n");
    REGISTRY_TELL(f, 0, closed);
    expect_registry_exceptions(f, "demo", false,
                               "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 by=day.csv "
                               "closed=2000 by=accept by Mo: it's a holiday (exception 1)\n");
    opened.body = BB_SPAN("later.csv"); /* again: who opened it at first stays */
    REGISTRY_TELL(f, 0, opened);
    expect_registry_exceptions(
        f, "demo", true, "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 by=day.csv open\n");
    closed.body = BB_SPAN("");
    REGISTRY_TELL(f, 0, closed);
    expect_registry_exceptions(
        f, "demo", false,
        "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1000 by=day.csv closed=2000\n");
}

REGISTRY_PROMISE(an_exception_names_its_sources)

static void an_exception_is_told_as_of_a_moment(struct registry_fixture *f) {
    enum { OPENED = BB_OUTBOX_EXCEPTION_OPENED, CLOSED = BB_OUTBOX_EXCEPTION_CLOSED };
    struct bb_outbox_record opened = registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 200,
                                                        1000);
    struct bb_outbox_record closed = registry_exception(CLOSED, "u", "a", BB_CHECK_GAP, 100, 200,
                                                        2000);
    struct bb_outbox_record again = registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 300,
                                                       3000);

    opened.body = BB_SPAN("day.csv");
    closed.body = BB_SPAN("late.csv");
    REGISTRY_TELL(f, 0, opened, closed, again);
    REGISTRY_TELL(f, 1, registry_exception(OPENED, "v", "a", BB_CHECK_GAP, 100, 200, 1500));

    expect_registry_exceptions_as_of(f, "demo", false, 999, "");
    /* its stretch is the one told last; all else is of then */
    expect_registry_exceptions_as_of(
        f, "demo", true, 1000,
        "1 demo/u/a gap 100..300 a=12345 b=-7 e-3 opened=1000 by=day.csv open\n");
    expect_registry_exceptions_as_of(
        f, "", true, 1999,
        "1 demo/u/a gap 100..300 a=12345 b=-7 e-3 opened=1000 by=day.csv open\n"
        "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1500 open\n");
    expect_registry_exceptions_as_of(f, "demo", true, 2000,
                                     "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1500 open\n");
    expect_registry_exceptions_as_of(
        f, "", false, 2999,
        "1 demo/u/a gap 100..300 a=12345 b=-7 e-3 opened=1000 by=day.csv closed=2000 by=late.csv\n"
        "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1500 open\n");
    expect_registry_exceptions_as_of(
        f, "demo", true, 3000,
        "1 demo/u/a gap 100..300 a=12345 b=-7 e-3 opened=1000 by=day.csv open\n"
        "2 demo/v/a gap 100..200 a=12345 b=-7 e-3 opened=1500 open\n");
    expect_registry_exceptions_as_of(f, "other", false, 3000, "");
}

REGISTRY_PROMISE(an_exception_is_told_as_of_a_moment)

static void a_closing_of_the_unknown_is_ignored(struct registry_fixture *f) {
    REGISTRY_TELL(f, 0,
                  registry_exception(BB_OUTBOX_EXCEPTION_CLOSED, "u", "a", BB_CHECK_GAP, 1, 2, 3));
    expect_registry_exceptions(f, "", false, "");
    expect_registry_usage_points(f, "", "");
    cr_expect_eq(registry_position(f, 0), 1);
}

REGISTRY_PROMISE(a_closing_of_the_unknown_is_ignored)

static void exceptions_are_told_apart(struct registry_fixture *f) {
    enum { OPENED = BB_OUTBOX_EXCEPTION_OPENED };
    struct bb_outbox_record other_tenant = registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100,
                                                              200, 1);

    other_tenant.tenant = BB_SPAN("other");
    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 200, 1));
    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "a", BB_CHECK_GAP, -100, 200, 1));
    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "a", BB_CHECK_OVERLAP, 100, 200, 1));
    REGISTRY_TELL(f, 0, registry_exception(OPENED, "u", "b", BB_CHECK_GAP, 100, 200, 1));
    REGISTRY_TELL(f, 0, registry_exception(OPENED, "t", "a", BB_CHECK_GAP, 100, 200, 1));
    REGISTRY_TELL(f, 0, other_tenant);
    static const char all[] = "5 demo/t/a gap 100..200 a=12345 b=-7 e-3 opened=1 open\n"
                              "2 demo/u/a gap -100..200 a=12345 b=-7 e-3 opened=1 open\n"
                              "1 demo/u/a gap 100..200 a=12345 b=-7 e-3 opened=1 open\n"
                              "3 demo/u/a overlap 100..200 a=12345 b=-7 e-3 opened=1 open\n"
                              "4 demo/u/b gap 100..200 a=12345 b=-7 e-3 opened=1 open\n"
                              "6 other/u/a gap 100..200 a=12345 b=-7 e-3 opened=1 open\n";
    expect_registry_exceptions(f, "", false, all);
    expect_registry_exceptions(f, "", true, all);
    expect_registry_exceptions(f, "other", true,
                               "6 other/u/a gap 100..200 a=12345 b=-7 e-3 opened=1 open\n");
}

REGISTRY_PROMISE(exceptions_are_told_apart)

/* ---- damage, awkward names, visitors --------------------------------------------------------- */

static void a_damaged_record_changes_nothing(struct registry_fixture *f) {
    struct bb_outbox_record records[] = {registry_channel(f, "demo", "u1", "a", 1),
                                         registry_usage_point(f, "demo", "u2", "UTC", 5),
                                         registry_channel(f, "demo", "u3", "a", 1)};

    records[2].body.size /= 2;
    cr_expect_eq(registry_project(f, 0, 0, records, 3), -BB_E_STORE_CORRUPT, "%s", f->adapter);
    cr_expect_eq(registry_position(f, 0), 0);
    expect_registry_usage_points(f, "", "");
    records[2].kind = BB_OUTBOX_MASTER;
    records[2].body = BB_SPAN("\x01\x01\x05");
    cr_expect_eq(registry_project(f, 0, 0, records, 3), -BB_E_STORE_CORRUPT, "%s", f->adapter);
    expect_registry_usage_points(f, "", "");
    expect_registry_masters(f, "", BB_TIME_NONE, "");
    cr_expect_eq(registry_project(f, 0, 0, records, 2), 0, "%s goes on after an error", f->adapter);
    cr_expect_eq(registry_position(f, 0), 2);
}

REGISTRY_PROMISE(a_damaged_record_changes_nothing)

static void names_are_bytes(struct registry_fixture *f) {
    struct bb_outbox_record empty = registry_channel(f, "demo", "", "", 1);

    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "'; DROP TABLE channel; --", "%_\"", 1),
                  registry_channel(f, "demo", "日本", "é", 2), empty,
                  registry_usage_point(f, "demo", "'; DROP TABLE channel; --", "UTC", 1));
    empty.channel = (struct bb_span){NULL, 0};
    REGISTRY_TELL(f, 0, empty);
    expect_registry_channels(f, "demo", "'; DROP TABLE channel; --",
                             "demo/'; DROP TABLE channel; --/%_\"" AS_BUILT "p0 #1\n");
    expect_registry_channels(f, "demo", "日本", "demo/日本/é" AS_BUILT "p0 #2\n");
    expect_registry_usage_points(
        f, "demo",
        "demo/ electricity zone=Europe/Amsterdam calendar= customer= 1\n"
        "demo/'; DROP TABLE channel; -- water zone=UTC calendar= customer=ACME 1\n"
        "demo/日本 electricity zone=Europe/Amsterdam calendar= customer= 1\n");
}

REGISTRY_PROMISE(names_are_bytes)

static void an_unknown_unit_is_none(struct registry_fixture *f) {
    struct bb_channel_record strange = {
        .unit = 250, .kind = 99, .commodity = 99, .zone = BB_SPAN("UTC")};

    REGISTRY_TELL(f, 0, registry_channel_as(f, "demo", "u", "a", &strange));
    expect_registry_channels(f, "", "", "demo/u/a unknown unknown 1 0s UTC  p0 #0\n");
}

REGISTRY_PROMISE(an_unknown_unit_is_none)

static int note_derived_unit(void *context, const struct bb_registry_channel *row) {
    *(int *)context = row->derived_unit;
    return 0;
}

static void lists_the_unit_of_derived_lanes(struct registry_fixture *f) {
    static const struct {
        const char *channel;
        int16_t told;
        int wanted;
    } rows[] = {{"a", BB_UNIT_M3, BB_UNIT_M3},
                {"b", BB_UNIT_NONE, BB_UNIT_NONE},
                {"c", -1, -1},
                {"d", 250, -1}}; /* of a later release */

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bb_channel_record record = {
            .unit = BB_UNIT_L, .derived_unit = rows[i].told, .zone = BB_SPAN("UTC")};
        int told = -2;
        REGISTRY_TELL(f, 0, registry_channel_as(f, "demo", rows[i].channel, "x", &record));
        cr_expect_eq(f->registry->ops->channel_list(f->registry, BB_SPAN("demo"),
                                                    bb_span_of(rows[i].channel), note_derived_unit,
                                                    &told, &f->error),
                     0);
        cr_expect_eq(told, rows[i].wanted, "%s: %s: %d, wanted %d", f->adapter, rows[i].channel,
                     told, rows[i].wanted);
    }
}

REGISTRY_PROMISE(lists_the_unit_of_derived_lanes)

static int stop_at_second(void *context, const struct bb_registry_channel *row) {
    (void)row;
    return ++*(int *)context == 2;
}

static int fail_at_second(void *context, const struct bb_registry_channel *row) {
    (void)row;
    return ++*(int *)context == 2 ? -BB_E_BUG : 0;
}

static void a_visitor_ends_a_list(struct registry_fixture *f) {
    int rows = 0;

    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u", "a", 1),
                  registry_channel(f, "demo", "u", "b", 1),
                  registry_channel(f, "demo", "u", "c", 1));
    cr_expect_eq(f->registry->ops->channel_list(f->registry, BB_SPAN(""), BB_SPAN(""),
                                                stop_at_second, &rows, &f->error),
                 0, "%s", f->adapter);
    cr_expect_eq(rows, 2);
    rows = 0;
    cr_expect_eq(f->registry->ops->channel_list(f->registry, BB_SPAN(""), BB_SPAN(""),
                                                fail_at_second, &rows, &f->error),
                 -BB_E_BUG, "%s", f->adapter);
    cr_expect_eq(rows, 2);
}

REGISTRY_PROMISE(a_visitor_ends_a_list)

static int paint_channels_of(void *context, const struct bb_registry_usage_point *row) {
    struct registry_fixture *f = context;
    struct bb_master_usage_point up;
    int found = bb_registry_usage_point(f->registry, row->tenant, row->name, BB_TIME_NONE,
                                        &f->arena, &up, &f->error);
    bb_buffer_format(&f->picture, "%.*s %s\n", BB_SPAN_ARGS(row->name),
                     found == 0 ? "applied" : "read");
    return f->registry->ops->channel_list(f->registry, row->tenant, row->name,
                                          paint_registry_channel, f, &f->error);
}

static int paint_channels_again(void *context, const struct bb_registry_channel *row) {
    struct registry_fixture *f = context;
    bb_buffer_format(&f->picture, "%.*s:\n", BB_SPAN_ARGS(row->channel));
    return f->registry->ops->channel_list(f->registry, row->tenant, row->usage_point,
                                          paint_registry_channel, f, &f->error);
}

static void a_visitor_may_list_the_same_again(struct registry_fixture *f) {
    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u", "a", 1),
                  registry_channel(f, "demo", "u", "b", 2));
    for (int round = 0; round < 2; round++)
        expect_registry_picture(f,
                                f->registry->ops->channel_list(f->registry, BB_SPAN("demo"),
                                                               BB_SPAN("u"), paint_channels_again,
                                                               f, &f->error),
                                "a:\n"
                                "demo/u/a" AS_BUILT "p0 #1\n"
                                "demo/u/b" AS_BUILT "p0 #2\n"
                                "b:\n"
                                "demo/u/a" AS_BUILT "p0 #1\n"
                                "demo/u/b" AS_BUILT "p0 #2\n");
}

REGISTRY_PROMISE(a_visitor_may_list_the_same_again)

static void a_visitor_may_ask_the_same_registry(struct registry_fixture *f) {
    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u1", "a", 1),
                  registry_usage_point(f, "demo", "u2", "", 1),
                  registry_channel(f, "demo", "u2", "a", 2),
                  registry_channel(f, "demo", "u2", "b", 3));
    expect_registry_picture(f,
                            f->registry->ops->usage_point_list(f->registry, BB_SPAN("demo"),
                                                               BB_SPAN(""), paint_channels_of, f,
                                                               &f->error),
                            "u1 read\n"
                            "demo/u1/a" AS_BUILT "p0 #1\n"
                            "u2 applied\n"
                            "demo/u2/a" AS_BUILT "p0 #2\n"
                            "demo/u2/b" AS_BUILT "p0 #3\n");
}

REGISTRY_PROMISE(a_visitor_may_ask_the_same_registry)

/* ---- all at once ----------------------------------------------------------------------------- */

static const char *random_name(struct registry_fixture *f, struct bb_random *random,
                               const char *stem, uint64_t bound) {
    char text[32];
    int size = snprintf(text, sizeof text, "%s%llu", stem,
                        (unsigned long long)bb_random_below(random, bound));
    return registry_kept(f, (struct bb_span){text, (size_t)size}).data;
}

static struct bb_outbox_record random_record(struct registry_fixture *f, struct bb_random *random) {
    const char *up = random_name(f, random, "u", 12), *channel = random_name(f, random, "c", 3);
    int64_t recorded = (int64_t)bb_random_below(random, 1000);
    uint8_t kind = (uint8_t)(BB_OUTBOX_CHANNEL + bb_random_below(random, 5));
    struct bb_master master;

    if (kind == BB_OUTBOX_CHANNEL)
        return registry_channel(f, random_name(f, random, "t", 3), up, channel,
                                (uint32_t)bb_random_below(random, 100));
    if (kind == BB_OUTBOX_MASTER && bb_random_below(random, 2)) {
        random_master(random, &f->arena, &master);
        return registry_master(f, &master, recorded);
    }
    if (kind == BB_OUTBOX_MASTER)
        return registry_usage_point(f, random_name(f, random, "t", 3), up,
                                    random_name(f, random, "zone", 3), recorded);
    int64_t from = (int64_t)bb_random_below(random, 3);
    return registry_exception(kind, up, channel, (uint8_t)bb_random_below(random, BB_CHECK_COUNT),
                              from, from + (int64_t)bb_random_below(random, 5), recorded);
}

/* From the first line that differs. */
static struct bb_span tail_that_differs(struct bb_span a, struct bb_span b) {
    size_t line = 0;

    for (size_t i = 0; i < a.size && i < b.size && a.data[i] == b.data[i]; i++)
        if (a.data[i] == '\n')
            line = i + 1;
    return (struct bb_span){a.data + line, a.size - line};
}

/* Everything that a registry shows, ids of exceptions aside. */
static struct bb_span whole_picture(struct registry_fixture *f) {
    const struct bb_registry_ops *ops = f->registry->ops;
    struct bb_span all = {NULL, 0};
    int failed = 0;

    bb_buffer_clear(&f->picture);
    failed |= ops->tenant_list(f->registry, paint_registry_tenant, f, &f->error);
    failed |= ops->usage_point_list(f->registry, all, BB_SPAN(""), paint_registry_usage_point, f,
                                    &f->error);
    failed |= ops->channel_list(f->registry, all, all, paint_registry_channel, f, &f->error);
    failed |= ops->exception_list(f->registry, all, false, BB_TIME_NONE,
                                  paint_registry_exception_without_id, f, &f->error);
    for (int64_t as_of = 0; as_of < 1000; as_of += 331) {
        failed |= ops->master_list(f->registry, all, as_of, paint_registry_master, f, &f->error);
        failed |= ops->exception_list(f->registry, all, as_of % 2, as_of,
                                      paint_registry_exception_without_id, f, &f->error);
    }
    failed |= ops->master_list(f->registry, all, BB_TIME_NONE, paint_registry_master, f, &f->error);
    cr_assert_eq(failed, 0, "%s", f->error.text);
    return bb_buffer_span(&f->picture);
}

static void tell_in_pieces(struct registry_fixture *f, struct bb_random *random, uint32_t partition,
                           const struct bb_outbox_record *records, size_t count) {
    for (size_t at = 0; at < count;) {
        size_t piece = 1 + bb_random_below(random, 40);
        if (piece > count - at)
            piece = count - at;
        registry_tell(f, partition, records + at, piece);
        at += piece;
    }
}

/* The first one and each of the others show the same. */
static void expect_agreement(const struct registry_subject *const *subjects, size_t count) {
    enum { ROUNDS = 6, RECORDS = 400 };
    struct bb_random random;

    bb_random_seed(&random, random_test_seed("registry adapters agree"));
    for (int round = 0; round < ROUNDS; round++) {
        struct registry_fixture f[REGISTRY_SUBJECTS];
        struct bb_outbox_record records[RECORDS];
        struct bb_span first = {NULL, 0};

        for (size_t i = 0; i < count; i++)
            registry_fixture_init(&f[i], subjects[i]);
        for (size_t i = 0; i < RECORDS; i++)
            records[i] = random_record(&f[0], &random);
        for (size_t i = 0; i < count; i++) {
            tell_in_pieces(&f[i], &random, 0, records, RECORDS / 2);
            tell_in_pieces(&f[i], &random, 1, records + RECORDS / 2, RECORDS / 2);
            struct bb_span picture = whole_picture(&f[i]);
            if (i == 0)
                first = picture;
            cr_assert(bb_span_equal(first, picture), "round %d: %s shows\n%.300s\nand %s\n%.300s",
                      round, f[0].adapter, tail_that_differs(first, picture).data, f[i].adapter,
                      tail_that_differs(picture, first).data);
        }
        for (size_t i = 0; i < count; i++)
            registry_fixture_release(&f[i]);
    }
}

Test(registry, adapters_agree_whatever_the_pieces) {
    const struct registry_subject *const subjects[] = {&registry_subjects[REGISTRY_SQLITE],
                                                       &registry_subjects[REGISTRY_MEMORY],
                                                       &registry_subjects[REGISTRY_FAULT]};

    expect_agreement(subjects, 3);
}

Test(registry_postgres, agrees_with_sqlite_whatever_the_pieces) {
    const struct registry_subject *const subjects[] = {&registry_subjects[REGISTRY_SQLITE],
                                                       &registry_subjects[REGISTRY_POSTGRES]};

    expect_agreement(subjects, 2);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* A caller that asks for the position after a failure never loses or repeats a record, whichever
 * call fails and whether its work was done or not. */
Test(registry, a_lost_answer_neither_loses_nor_repeats) {
    enum { RECORDS = 5 };

    for (uint64_t fail_at = 1; fail_at <= 2 * RECORDS + 2; fail_at++) {
        for (int before = 0; before < 2; before++) {
            struct registry_fixture f;
            int failures = 0;

            registry_fixture_init(&f, &registry_subjects[REGISTRY_FAULT]);
            f.plan = (struct bb_fault_plan){
                .fail_at = fail_at, .code = BB_E_DISK_FULL, .before = before};
            for (uint64_t at = 0; at < RECORDS;) {
                struct bb_outbox_record record = registry_channel(
                    &f, "demo", "u", (char[]){(char)('a' + at), '\0'}, (uint32_t)at);
                record.channel = registry_kept(&f, record.channel);
                int result = registry_project(&f, 0, at, &record, 1);
                failures += result != 0;
                cr_assert(result == 0 || result == -BB_E_DISK_FULL, "%d", result);
                uint64_t position;
                while (f.registry->ops->position(f.registry, 0, &position, &f.error) != 0)
                    failures++;
                at = position;
            }
            cr_expect_eq(failures, fail_at <= 2 * RECORDS, "call %llu: %d failures",
                         (unsigned long long)fail_at, failures);
            f.plan.fail_at = 0;
            expect_registry_channels(&f, "demo", "u",
                                     "demo/u/a" AS_BUILT "p0 #0\n"
                                     "demo/u/b" AS_BUILT "p0 #1\n"
                                     "demo/u/c" AS_BUILT "p0 #2\n"
                                     "demo/u/d" AS_BUILT "p0 #3\n"
                                     "demo/u/e" AS_BUILT "p0 #4\n");
            registry_fixture_release(&f);
        }
    }
}

Test(registry, a_sticky_fault_stays) {
    struct registry_fixture f;
    uint64_t position;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_FAULT]);
    f.plan = (struct bb_fault_plan){
        .fail_at = 2, .code = BB_E_REGISTRY_IO, .before = true, .sticky = true};
    cr_expect_eq(f.registry->ops->position(f.registry, 0, &position, &f.error), 0);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(f.registry->ops->position(f.registry, 0, &position, &f.error),
                     -BB_E_REGISTRY_IO);
    cr_expect_eq(f.plan.calls, 4);
    registry_fixture_release(&f);
}

/* ---- what lasts ------------------------------------------------------------------------------ */

static void everything_is_there_after_reopening(struct registry_fixture *f) {
    enum { OPENED = BB_OUTBOX_EXCEPTION_OPENED, CLOSED = BB_OUTBOX_EXCEPTION_CLOSED };

    REGISTRY_TELL(f, 2, registry_channel(f, "demo", "u", "a", 1),
                  registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 200, 1000),
                  registry_exception(CLOSED, "u", "a", BB_CHECK_GAP, 100, 200, 2000),
                  registry_usage_point(f, "demo", "u", "Europe/Berlin", 5));
    for (size_t i = 0; i < REGISTRY_SUBJECTS; i++)
        if (registry_subjects[i].name == f->adapter && registry_subjects[i].lasting) {
            registry_fixture_close(f);
            registry_subjects[i].open(f);
        }
    cr_expect_eq(registry_position(f, 2), 4);
    expect_registry_channels(f, "demo", "u", "demo/u/a" AS_BUILT "p2 #1\n");
    expect_registry_masters(f, "demo", BB_TIME_NONE, "usage point demo/u Europe/Berlin @5\n");
    REGISTRY_TELL(f, 2, registry_exception(OPENED, "u", "a", BB_CHECK_GAP, 100, 250, 3000));
    expect_registry_exceptions(f, "demo", true,
                               "1 demo/u/a gap 100..250 a=12345 b=-7 e-3 opened=1000 open\n");
}

/* ---- API keys */

static int draw_key(void *context, const struct bb_registry_key *key) {
    struct registry_fixture *f = context;

    bb_buffer_format(&f->picture, "%.*s %.*s \"%.*s\" role %d hash %.*s %d %d %d\n",
                     BB_SPAN_ARGS(key->tenant), BB_SPAN_ARGS(key->id), BB_SPAN_ARGS(key->label),
                     key->role, BB_SPAN_ARGS(key->hash), (int)key->created_ms,
                     key->expires_ms == BB_TIME_NONE ? -1 : (int)key->expires_ms,
                     key->revoked_ms == BB_TIME_NONE ? -1 : (int)key->revoked_ms);
    return 0;
}

static void put_key(struct registry_fixture *f, const char *tenant, const char *id,
                    const char *label, int64_t revoked_ms) {
    const struct bb_registry_key key = {.tenant = bb_span_of(tenant),
                                        .id = bb_span_of(id),
                                        .label = bb_span_of(label),
                                        .hash = BB_SPAN("h"),
                                        .role = 2,
                                        .created_ms = 5,
                                        .expires_ms = 9,
                                        .revoked_ms = revoked_ms};
    cr_assert_eq(f->registry->ops->key_put(f->registry, &key, &f->error), 0, "%s", f->error.text);
}

static void keys_are_kept(struct registry_fixture *f) {
    uint64_t number;

    expect_registry_picture(f, f->registry->ops->key_list(f->registry, draw_key, f, &f->error), "");
    put_key(f, "south", "b", "", BB_TIME_NONE);
    put_key(f, "north", "c", "first", BB_TIME_NONE);
    put_key(f, "north", "a", "", BB_TIME_NONE);
    put_key(f, "north", "c", "second", 7);
    expect_registry_picture(f, f->registry->ops->key_list(f->registry, draw_key, f, &f->error),
                            "north a \"\" role 2 hash h 5 9 -1\n"
                            "north c \"second\" role 2 hash h 5 9 7\n"
                            "south b \"\" role 2 hash h 5 9 -1\n");
    cr_expect_eq(f->registry->ops->changes(f->registry, &number, &f->error), 0);
}

REGISTRY_PROMISE(keys_are_kept)

/* ---- the audit log */

static int draw_audit(void *context, const struct bb_registry_audit *row) {
    struct registry_fixture *f = context;

    bb_buffer_format(&f->picture, "%d about %d at %d %.*s/%.*s %.*s outcome %d code %d %.*s\n",
                     (int)row->sequence, (int)row->about, (int)row->at_ms,
                     BB_SPAN_ARGS(row->tenant), BB_SPAN_ARGS(row->who), BB_SPAN_ARGS(row->verb),
                     row->outcome, row->code, BB_SPAN_ARGS(row->chain));
    return 0;
}

static int put_audit(struct registry_fixture *f, uint64_t sequence, uint64_t about,
                     const char *tenant, uint8_t outcome, const struct bb_registry_key *key) {
    const struct bb_registry_audit row = {.sequence = sequence,
                                          .about = about,
                                          .at_ms = (int64_t)sequence * 10,
                                          .tenant = bb_span_of(tenant),
                                          .who = BB_SPAN("ada"),
                                          .verb = BB_SPAN("edit"),
                                          .outcome = outcome,
                                          .code = (uint16_t)(outcome * 100),
                                          .salt = BB_SPAN("s"),
                                          .texts_hash = BB_SPAN("h"),
                                          .chain = BB_SPAN("c")};
    return f->registry->ops->audit_put(f->registry, &row, key, &f->error);
}

static int list_audit(struct registry_fixture *f, const char *tenant, int64_t from_ms,
                      int64_t to_ms, uint64_t before) {
    const struct bb_registry_audit_question question = {bb_span_of(tenant), from_ms, to_ms, before};

    return f->registry->ops->audit_list(f->registry, &question, draw_audit, f, &f->error);
}

static void audits(struct registry_fixture *f) {
    const struct bb_registry_key key = {.tenant = BB_SPAN("north"),
                                        .id = BB_SPAN("k"),
                                        .hash = BB_SPAN("h"),
                                        .created_ms = 5,
                                        .expires_ms = 9,
                                        .revoked_ms = BB_TIME_NONE};
    struct bb_registry_audit last;
    struct bb_arena arena;

    bb_arena_init(&arena, 1 << 10, 1 << 16);
    cr_expect_eq(f->registry->ops->audit_last(f->registry, &arena, &last, &f->error), BB_ABSENT);
    expect_registry_picture(f, list_audit(f, "", BB_TIME_NONE, BB_TIME_NONE, 0), "");
    cr_expect_eq(put_audit(f, 2, 0, "north", 0, &key), BB_AUDIT_TAKEN, "no gaps");
    expect_registry_picture(f, f->registry->ops->key_list(f->registry, draw_key, f, &f->error), "");
    cr_expect_eq(put_audit(f, 1, 0, "north", 0, NULL), BB_AUDIT_PUT);
    cr_expect_eq(put_audit(f, 1, 0, "north", 0, NULL), BB_AUDIT_TAKEN);
    cr_expect_eq(put_audit(f, 2, 0, "south", 1, &key), BB_AUDIT_PUT);
    cr_expect_eq(put_audit(f, 3, 1, "", 2, NULL), BB_AUDIT_PUT);
    expect_registry_picture(f, f->registry->ops->key_list(f->registry, draw_key, f, &f->error),
                            "north k \"\" role 0 hash h 5 9 -1\n");
    expect_registry_picture(f,
                            f->registry->ops->audit_walk(f->registry, 1, draw_audit, f, &f->error),
                            "2 about 0 at 20 south/ada edit outcome 1 code 100 c\n"
                            "3 about 1 at 30 /ada edit outcome 2 code 200 c\n");
    expect_registry_picture(f, list_audit(f, "", BB_TIME_NONE, BB_TIME_NONE, 0),
                            "2 about 0 at 20 south/ada edit outcome 1 code 100 c\n"
                            "1 about 0 at 10 north/ada edit outcome 2 code 200 c\n");
    expect_registry_picture(f, list_audit(f, "north", 10, 11, 2),
                            "1 about 0 at 10 north/ada edit outcome 2 code 200 c\n");
    expect_registry_picture(f, list_audit(f, "", 11, 20, 0), "");
    expect_registry_picture(f, list_audit(f, "", BB_TIME_NONE, BB_TIME_NONE, 1), "");
    cr_expect_eq(f->registry->ops->audit_last(f->registry, &arena, &last, &f->error), BB_FOUND);
    cr_expect_eq(last.sequence, 3);
    bb_arena_release(&arena);
}

REGISTRY_PROMISE(audits)

static void copies_all_of_it(struct registry_fixture *f) {
    struct registry_fixture copy = {.adapter = f->adapter};
    char path[128], kept[20];
    bool is_files = strstr(f->adapter, "sqlite") != NULL;

    REGISTRY_TELL(f, 2, registry_channel(f, "demo", "u", "a", 1),
                  registry_usage_point(f, "demo", "u", "Europe/Berlin", 5));
    snprintf(path, sizeof path, "%s/copy.db", f->directory);
    int result = f->registry->ops->copy(f->registry, path, &f->error);
    cr_expect_eq(result, is_files ? BB_COPY_DONE : BB_COPY_ELSEWHERE, "%s: %s", f->adapter,
                 f->error.text);
    cr_expect_eq(access(path, F_OK) == 0, is_files, "%s", f->adapter);
    if (!is_files)
        return;
    cr_expect_lt(f->registry->ops->copy(f->registry, path, &f->error), 0, "its name is new");
    REGISTRY_TELL(f, 2, registry_channel(f, "demo", "u", "b", 2)); /* too late for the copy */
    FILE *file = fopen(path, "r");
    cr_assert_eq(fread(kept, 1, sizeof kept, file), sizeof kept);
    fclose(file);
    cr_expect(kept[18] == 1 && kept[19] == 1, "one file: it needs no write-ahead log beside it");
    for (int read_only = 1; read_only >= 0; read_only--) {
        cr_assert_eq(bb_registry_sqlite_open(path, read_only, &copy.registry, &copy.error), 0, "%s",
                     copy.error.text);
        bb_arena_init(&copy.arena, 1 << 20, 1 << 28);
        bb_buffer_init(&copy.picture, 1 << 20);
        cr_expect_eq(registry_position(&copy, 2), 2);
        expect_registry_channels(&copy, "demo", "u", "demo/u/a" AS_BUILT "p2 #1\n");
        expect_registry_masters(&copy, "demo", BB_TIME_NONE,
                                "usage point demo/u Europe/Berlin @5\n");
        copy.registry->ops->close(copy.registry);
        bb_arena_release(&copy.arena);
        bb_buffer_release(&copy.picture);
    }
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/copy.db%s", f->directory, suffixes[i]);
        unlink(path);
    }
}

REGISTRY_PROMISE(copies_all_of_it)

REGISTRY_PROMISE(everything_is_there_after_reopening)

/* ---- dead letters */

static int list_letter(void *context, const struct bb_registry_letter *row) {
    struct bb_buffer *out = context;

    bb_buffer_format(out, "%u:%llu %.*s %lld %.*s\n", row->partition,
                     (unsigned long long)row->offset, BB_SPAN_ARGS(row->tenant),
                     (long long)row->recorded_ms, BB_SPAN_ARGS(row->body));
    return 0;
}

static void expect_letters(struct registry_fixture *f, const char *tenant, const char *expected) {
    struct bb_buffer out;

    bb_buffer_init(&out, 1 << 16);
    cr_assert_eq(f->registry->ops->letter_list(f->registry, bb_span_of(tenant), list_letter, &out,
                                               &f->error),
                 0, "%s: %s", f->adapter, f->error.text);
    bb_buffer_append_byte(&out, '\0');
    cr_expect_str_eq(out.data, expected, "%s lists %s", f->adapter, out.data);
    bb_buffer_release(&out);
}

static struct bb_outbox_record dead_letter(const char *tenant, int64_t offset, const char *body) {
    return (struct bb_outbox_record){.kind = BB_OUTBOX_DEAD_LETTER,
                                     .recorded_ms = 5000 + offset,
                                     .tenant = bb_span_of(tenant),
                                     .a = offset,
                                     .body = bb_span_of(body)};
}

static void lists_dead_letters(struct registry_fixture *f) {
    struct bb_outbox_record first[] = {dead_letter("demo", 16, "x"), dead_letter("other", 80, "y")};
    struct bb_outbox_record second[] = {dead_letter("demo", 8, "z")};
    struct bb_outbox_record again[] = {dead_letter("demo", 16, "told again")};

    expect_letters(f, "", "");
    cr_expect_eq(registry_project(f, 1, 0, first, 2), 0);
    cr_expect_eq(registry_project(f, 3, 0, second, 1), 0);
    cr_expect_eq(registry_project(f, 1, 2, again, 1), 0);
    expect_letters(f, "", "3:8 demo 5008 z\n1:80 other 5080 y\n1:16 demo 5016 x\n");
    expect_letters(f, "demo", "3:8 demo 5008 z\n1:16 demo 5016 x\n");
    expect_letters(f, "nobody", "");
}

Test(registry, lists_dead_letters) {
    each_registry(lists_dead_letters);
}

/* ---- bookmarks */

static uint64_t bookmark(struct registry_fixture *f, const char *label, uint32_t partition) {
    uint64_t sequence = UINT64_MAX;

    cr_assert_eq(f->registry->ops->bookmark_get(f->registry, bb_span_of(label), partition,
                                                &sequence, &f->error),
                 0, "%s", f->error.text);
    return sequence;
}

static int move_bookmark(struct registry_fixture *f, const char *label, uint32_t partition,
                         uint64_t from, uint64_t to) {
    return f->registry->ops->bookmark_move(f->registry, bb_span_of(label), partition, from, to,
                                           &f->error);
}

static void keeps_bookmarks(struct registry_fixture *f) {
    cr_expect_eq(bookmark(f, "a", 0), 0);
    cr_expect_eq(move_bookmark(f, "a", 0, 5, 9), 1, "it does not stand there");
    cr_expect_eq(bookmark(f, "a", 0), 0);
    cr_expect_eq(move_bookmark(f, "a", 0, 0, 7), 0);
    cr_expect_eq(move_bookmark(f, "a", 0, 0, 8), 1, "somebody was first");
    cr_expect_eq(move_bookmark(f, "a", 1, 0, 3), 0);
    cr_expect_eq(move_bookmark(f, "b", 0, 0, 4), 0);
    cr_expect_eq(move_bookmark(f, "a", 0, 7, 1000000000000), 0);
    cr_expect_eq(bookmark(f, "a", 0), 1000000000000);
    cr_expect_eq(bookmark(f, "a", 1), 3);
    cr_expect_eq(bookmark(f, "b", 0), 4);
}

REGISTRY_PROMISE(keeps_bookmarks)
