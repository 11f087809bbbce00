#include "contract/registry_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "adapter/registry_postgres.h"
#include "contract/cluster.h"
#include "model/quality.h"
#include "model/unit.h"
#include "support/postgres.h"

/* ---- the registries under test --------------------------------------------------------------- */

static void open_sqlite(struct registry_fixture *f) {
    cr_assert_eq(bb_registry_sqlite_open(f->path, false, &f->registry, &f->error), 0, "%s",
                 f->error.text);
}

static void open_fault(struct registry_fixture *f) {
    open_sqlite(f);
    f->inner = f->registry;
    f->registry = bb_registry_fault_wrap(f->inner, &f->plan);
    cr_assert_not_null(f->registry);
}

static void open_memory(struct registry_fixture *f) {
    cr_assert_eq(bb_registry_memory_open(&f->registry, &f->error), 0, "%s", f->error.text);
}

static void open_postgres(struct registry_fixture *f) {
    const struct bb_registry_postgres_options options = {.conninfo = f->conninfo,
                                                         .schema = f->schema};

    cr_assert_eq(bb_registry_postgres_open(&options, &f->registry, &f->error), 0, "%s",
                 f->error.text);
}

const struct registry_subject registry_subjects[REGISTRY_SUBJECTS] = {
    [REGISTRY_SQLITE] = {"sqlite", open_sqlite, true},
    [REGISTRY_MEMORY] = {"memory", open_memory, false},
    [REGISTRY_FAULT] = {"fault over sqlite", open_fault, true},
    [REGISTRY_POSTGRES] = {"postgres", open_postgres, true},
};

void registry_fixture_close(struct registry_fixture *f) {
    f->registry->ops->close(f->registry);
    if (f->inner)
        f->inner->ops->close(f->inner);
    f->registry = f->inner = NULL;
}

void registry_fixture_init(struct registry_fixture *f, const struct registry_subject *subject) {
    *f = (struct registry_fixture){.adapter = subject->name};
    snprintf(f->directory, sizeof f->directory, "/tmp/busbar-registry-XXXXXX");
    cr_assert_not_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/registry.db", f->directory);
    if (subject == &registry_subjects[REGISTRY_POSTGRES]) {
        f->conninfo = cluster_address("postgres");
        snprintf(f->schema, sizeof f->schema, "Registry of %d", (int)getpid());
    }
    bb_arena_init(&f->arena, 1 << 20, 1 << 28);
    bb_buffer_init(&f->picture, 1 << 26);
    subject->open(f);
}

void registry_fixture_release(struct registry_fixture *f) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[128];

    if (f->registry)
        registry_fixture_close(f);
    if (f->conninfo)
        postgres_drop_schema(f->conninfo, f->schema);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
        unlink(name);
    }
    rmdir(f->directory);
    bb_arena_release(&f->arena);
    bb_buffer_release(&f->picture);
}

static void hold(size_t subject, void (*promise)(struct registry_fixture *f)) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[subject]);
    promise(&f);
    registry_fixture_release(&f);
}

void each_registry(void (*promise)(struct registry_fixture *f)) {
    for (size_t i = 0; i < REGISTRY_EMBEDDED; i++)
        hold(i, promise);
}

void postgres_registry(void (*promise)(struct registry_fixture *f)) {
    hold(REGISTRY_POSTGRES, promise);
}

/* ---- records to tell ------------------------------------------------------------------------- */

struct bb_span registry_kept(struct registry_fixture *f, struct bb_span bytes) {
    struct bb_span copy = bb_arena_copy(&f->arena, bytes);
    cr_assert_not_null(copy.data);
    return copy;
}

struct bb_outbox_record registry_channel_as(struct registry_fixture *f, const char *tenant,
                                            const char *up, const char *channel,
                                            const struct bb_channel_record *what) {
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 16);
    bb_channel_record_encode(what, &body);
    cr_assert(!body.overflow);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_CHANNEL,
                                      .recorded_ms = 1000,
                                      .tenant = bb_span_of(tenant),
                                      .usage_point = bb_span_of(up),
                                      .channel = bb_span_of(channel),
                                      .body = registry_kept(f, bb_buffer_span(&body))};
    bb_buffer_release(&body);
    return record;
}

struct bb_outbox_record registry_channel(struct registry_fixture *f, const char *tenant,
                                         const char *up, const char *channel, uint32_t number) {
    struct bb_channel_record what = {.number = number,
                                     .kind = BB_KIND_INTERVAL,
                                     .commodity = BB_COMMODITY_ELECTRICITY,
                                     .unit = BB_UNIT_KWH,
                                     .derived_unit = BB_UNIT_KWH,
                                     .interval_s = 900,
                                     .one_way = 1,
                                     .zone = BB_SPAN("Europe/Amsterdam"),
                                     .obis = BB_SPAN("1-1:1.29.0")};
    return registry_channel_as(f, tenant, up, channel, &what);
}

struct bb_outbox_record registry_exception(uint8_t kind, const char *up, const char *channel,
                                           uint8_t check, int64_t from_ms, int64_t to_ms,
                                           int64_t recorded_ms) {
    return (struct bb_outbox_record){.kind = kind,
                                     .check = check,
                                     .exponent = -3,
                                     .recorded_ms = recorded_ms,
                                     .tenant = BB_SPAN("demo"),
                                     .usage_point = bb_span_of(up),
                                     .channel = bb_span_of(channel),
                                     .from_ms = from_ms,
                                     .to_ms = to_ms,
                                     .a = 12345,
                                     .b = -7};
}

struct bb_outbox_record registry_master(struct registry_fixture *f, const struct bb_master *master,
                                        int64_t recorded_ms) {
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 16);
    cr_assert_eq(bb_master_encode(master, &body, &f->error), 0, "%s", f->error.text);
    struct bb_span name = bb_master_name(master);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                      .recorded_ms = recorded_ms,
                                      .tenant = registry_kept(f, bb_master_tenant_name(master)),
                                      .usage_point = registry_kept(f, name),
                                      .body = registry_kept(f, bb_buffer_span(&body))};
    bb_buffer_release(&body);
    return record;
}

struct bb_outbox_record registry_usage_point(struct registry_fixture *f, const char *tenant,
                                             const char *name, const char *zone,
                                             int64_t recorded_ms) {
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.tenant = bb_span_of(tenant),
                                               .name = bb_span_of(name),
                                               .zone = bb_span_of(zone),
                                               .customer = BB_SPAN("ACME"),
                                               .commodity = BB_COMMODITY_WATER}};
    return registry_master(f, &master, recorded_ms);
}

struct bb_outbox_record registry_tenant(struct registry_fixture *f, const char *name,
                                        const char *zone, int64_t recorded_ms) {
    struct bb_master master = {.kind = BB_MASTER_TENANT,
                               .tenant = {bb_span_of(name), bb_span_of(zone)}};
    return registry_master(f, &master, recorded_ms);
}

struct bb_outbox_record registry_calendar(struct registry_fixture *f, const char *tenant,
                                          const char *name, int32_t day_start_s,
                                          int64_t recorded_ms) {
    static int32_t holidays[] = {20570, 20571};
    struct bb_master master = {.kind = BB_MASTER_CALENDAR,
                               .calendar = {.tenant = bb_span_of(tenant),
                                            .name = bb_span_of(name),
                                            .zone = BB_SPAN("Europe/Amsterdam"),
                                            .day_start_s = day_start_s,
                                            .holidays = holidays,
                                            .holiday_count = 2}};
    return registry_master(f, &master, recorded_ms);
}

struct bb_outbox_record registry_group(struct registry_fixture *f, const char *tenant,
                                       const char *name, const char *expression,
                                       int64_t recorded_ms) {
    struct bb_master master = {.kind = BB_MASTER_GROUP,
                               .group = {.tenant = bb_span_of(tenant),
                                         .name = bb_span_of(name),
                                         .expression = bb_span_of(expression)}};
    return registry_master(f, &master, recorded_ms);
}

/* Of one day, which weighs so much, and an even one. */
struct bb_outbox_record registry_profile(struct registry_fixture *f, const char *tenant,
                                         const char *name, int64_t weight, int64_t recorded_ms) {
    struct bb_master_day_weight days[] = {{20570, weight}, {20571, 1}};
    struct bb_master master = {
        .kind = BB_MASTER_PROFILE,
        .profile = {
            .tenant = bb_span_of(tenant), .name = bb_span_of(name), .days = days, .day_count = 2}};
    return registry_master(f, &master, recorded_ms);
}

int registry_project(struct registry_fixture *f, uint32_t partition, uint64_t from,
                     const struct bb_outbox_record *records, size_t count) {
    f->error = (struct bb_error){0};
    return f->registry->ops->project(f->registry, partition, from, records, count, &f->error);
}

/* The next records of a partition. */
void registry_tell(struct registry_fixture *f, uint32_t partition,
                   const struct bb_outbox_record *records, size_t count) {
    int result = registry_project(f, partition, f->sequence[partition], records, count);

    cr_assert_eq(result, 0, "%s: %d %s", f->adapter, result, f->error.text);
    f->sequence[partition] += count;
}
uint64_t registry_position(struct registry_fixture *f, uint32_t partition) {
    uint64_t sequence = 12345;
    int result = f->registry->ops->position(f->registry, partition, &sequence, &f->error);

    cr_assert_eq(result, 0, "%s: %s", f->adapter, f->error.text);
    return sequence;
}

/* ---- pictures -------------------------------------------------------------------------------- */

int paint_registry_channel(void *context, const struct bb_registry_channel *row) {
    struct registry_fixture *f = context;
    bb_buffer_format(&f->picture, "%.*s/%.*s/%.*s %s %s %s %us %.*s %.*s p%u #%u\n",
                     BB_SPAN_ARGS(row->tenant), BB_SPAN_ARGS(row->usage_point),
                     BB_SPAN_ARGS(row->channel), bb_kind_name(row->kind),
                     bb_commodity_name(row->commodity), bb_unit_symbol(row->unit), row->interval_s,
                     BB_SPAN_ARGS(row->zone), BB_SPAN_ARGS(row->obis), row->partition, row->number);
    return 0;
}

int paint_registry_usage_point(void *context, const struct bb_registry_usage_point *row) {
    struct registry_fixture *f = context;
    bb_buffer_format(&f->picture, "%.*s/%.*s %s zone=%.*s calendar=%.*s customer=%.*s %u\n",
                     BB_SPAN_ARGS(row->tenant), BB_SPAN_ARGS(row->name),
                     bb_commodity_name(row->commodity), BB_SPAN_ARGS(row->zone),
                     BB_SPAN_ARGS(row->calendar), BB_SPAN_ARGS(row->customer), row->channels);
    return 0;
}

static void paint_state(struct registry_fixture *f, const struct bb_registry_exception *row) {
    bb_buffer_format(&f->picture, "%.*s/%.*s/%.*s %s %lld..%lld a=%lld b=%lld e%d opened=%lld ",
                     BB_SPAN_ARGS(row->tenant), BB_SPAN_ARGS(row->usage_point),
                     BB_SPAN_ARGS(row->channel), bb_check_name(row->check), (long long)row->from_ms,
                     (long long)row->to_ms, (long long)row->a, (long long)row->b, row->exponent,
                     (long long)row->opened_ms);
    if (row->opened_by.size > 0)
        bb_buffer_format(&f->picture, "by=%.*s ", BB_SPAN_ARGS(row->opened_by));
    if (row->closed_ms == BB_TIME_NONE)
        bb_buffer_format(&f->picture, "open");
    else
        bb_buffer_format(&f->picture, "closed=%lld", (long long)row->closed_ms);
    if (row->closed_by.size > 0)
        bb_buffer_format(&f->picture, " by=%.*s", BB_SPAN_ARGS(row->closed_by));
    bb_buffer_append_byte(&f->picture, '\n');
}

int paint_registry_exception(void *context, const struct bb_registry_exception *row) {
    struct registry_fixture *f = context;
    bb_buffer_format(&f->picture, "%lld ", (long long)row->id);
    paint_state(f, row);
    return 0;
}

int paint_registry_exception_without_id(void *context, const struct bb_registry_exception *row) {
    paint_state(context, row);
    return 0;
}

int paint_registry_tenant(void *context, struct bb_span name, struct bb_span zone) {
    struct registry_fixture *f = context;
    bb_buffer_format(&f->picture, "%.*s zone=%.*s\n", BB_SPAN_ARGS(name), BB_SPAN_ARGS(zone));
    return 0;
}

int paint_registry_master(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct registry_fixture *f = context;
    static const char *const kinds[] = {"",        "usage point", "tenant", "calendar",
                                        "profile", "group",       "rules"};
    struct bb_span zone = master->kind == BB_MASTER_USAGE_POINT ? master->usage_point.zone
                          : master->kind == BB_MASTER_TENANT    ? master->tenant.zone
                          : master->kind == BB_MASTER_CALENDAR  ? master->calendar.zone
                                                                : BB_SPAN("");
    bb_buffer_format(&f->picture, "%s %.*s/%.*s %.*s @%lld\n", kinds[master->kind],
                     BB_SPAN_ARGS(bb_master_tenant_name(master)),
                     BB_SPAN_ARGS(bb_master_name(master)), BB_SPAN_ARGS(zone),
                     (long long)recorded_ms);
    return 0;
}

void expect_registry_picture(struct registry_fixture *f, int result, const char *expected) {
    cr_assert_eq(result, 0, "%s: %d %s", f->adapter, result, f->error.text);
    cr_assert(!f->picture.overflow);
    cr_expect(bb_span_equal(bb_buffer_span(&f->picture), bb_span_of(expected)),
              "%s shows\n%.*s instead of\n%s", f->adapter,
              BB_SPAN_ARGS(bb_buffer_span(&f->picture)), expected);
    bb_buffer_clear(&f->picture);
}

void expect_registry_channels(struct registry_fixture *f, const char *tenant, const char *up,
                              const char *expected) {
    expect_registry_picture(f,
                            f->registry->ops->channel_list(f->registry, bb_span_of(tenant),
                                                           bb_span_of(up), paint_registry_channel,
                                                           f, &f->error),
                            expected);
}

void expect_registry_usage_points(struct registry_fixture *f, const char *tenant,
                                  const char *expected) {
    expect_registry_picture(
        f,
        f->registry->ops->usage_point_list(f->registry, bb_span_of(tenant), BB_SPAN(""),
                                           paint_registry_usage_point, f, &f->error),
        expected);
}

void expect_registry_exceptions(struct registry_fixture *f, const char *tenant, bool open_only,
                                const char *expected) {
    expect_registry_exceptions_as_of(f, tenant, open_only, BB_TIME_NONE, expected);
}

void expect_registry_exceptions_as_of(struct registry_fixture *f, const char *tenant,
                                      bool open_only, int64_t as_of_ms, const char *expected) {
    expect_registry_picture(
        f,
        f->registry->ops->exception_list(f->registry, bb_span_of(tenant), open_only, as_of_ms,
                                         paint_registry_exception, f, &f->error),
        expected);
}

void expect_registry_tenants(struct registry_fixture *f, const char *expected) {
    expect_registry_picture(
        f, f->registry->ops->tenant_list(f->registry, paint_registry_tenant, f, &f->error),
        expected);
}

void expect_registry_masters(struct registry_fixture *f, const char *tenant, int64_t as_of_ms,
                             const char *expected) {
    expect_registry_picture(f,
                            f->registry->ops->master_list(f->registry, bb_span_of(tenant), as_of_ms,
                                                          paint_registry_master, f, &f->error),
                            expected);
}
