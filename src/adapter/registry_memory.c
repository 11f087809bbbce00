/* The registry's twin in memory: for the simulator and tests.
 *
 * The same promises as registry_sqlite.c over sorted arrays; texts live in one arena until close. A
 * projection first looks at every record, then applies them, so that a damaged one changes nothing;
 * should memory run out halfway, the position stays and the records may be told again, since each
 * of them says what is, not what to add.
 */
#include "adapter/audit_table_internal.h"
#include "adapter/embedded.h"
#include "adapter/sorted_table_internal.h"
#include "model/unit.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 256 << 10, TEXT_LIMIT_BYTES = 1 << 30, SCRATCH_LIMIT_BYTES = 64 << 20 };

/* ---- rows ------------------------------------------------------------------------------------ */

struct position_row {
    uint32_t partition;
    uint64_t sequence;
};

struct master_row {
    enum bb_master_kind kind;
    struct bb_span tenant, name;
    int64_t recorded_ms;
    struct bb_span body;
};

struct tenant_row {
    struct bb_span name;
};

struct usage_point_row {
    struct bb_span tenant, name;
};

struct happening_row { /* an exception was opened, or closed */
    int64_t exception;
    uint32_t ordinal;
    int64_t recorded_ms;
    bool closed;
    struct bb_span source;
};

static int compare_positions(const void *left, const void *right) {
    const struct position_row *a = left, *b = right;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare_entries(const struct master_row *a, const struct master_row *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

static int compare_masters(const void *left, const void *right) {
    const struct master_row *a = left, *b = right;
    int order = compare_entries(a, b);
    return order ? order : (a->recorded_ms > b->recorded_ms) - (a->recorded_ms < b->recorded_ms);
}

static int compare_tenants(const void *left, const void *right) {
    return bb_span_compare(((const struct tenant_row *)left)->name,
                           ((const struct tenant_row *)right)->name);
}

static int compare_usage_points(const void *left, const void *right) {
    const struct usage_point_row *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

static int compare_channels(const void *left, const void *right) {
    const struct bb_registry_channel *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    if (order == 0)
        order = bb_span_compare(a->usage_point, b->usage_point);
    return order ? order : bb_span_compare(a->channel, b->channel);
}

static int compare_exceptions(const void *left, const void *right) {
    const struct bb_registry_exception *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    if (order == 0)
        order = bb_span_compare(a->usage_point, b->usage_point);
    if (order == 0)
        order = bb_span_compare(a->channel, b->channel);
    if (order == 0)
        order = (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
    return order ? order : (a->check > b->check) - (a->check < b->check);
}

static int compare_happenings(const void *left, const void *right) {
    const struct happening_row *a = left, *b = right;
    if (a->exception != b->exception)
        return a->exception < b->exception ? -1 : 1;
    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

static int compare_keys(const void *left, const void *right) {
    const struct bb_registry_key *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->id, b->id);
}

struct registry_memory {
    struct bb_registry base;
    struct sorted_table positions, masters, tenants, usage_points, channels, exceptions, happenings,
        keys;
    struct bb_audit_table audit;
    uint64_t changes;
    struct bb_arena texts;   /* of all rows, until close */
    struct bb_arena scratch; /* of one decoded record */
};

static struct registry_memory *memory_of(struct bb_registry *registry) {
    return (struct registry_memory *)registry;
}

static int out_of_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "the registry in memory has no room");
}

/* ---- projection ------------------------------------------------------------------------------ */

/* A copy that lasts; *full when there is no room. */
static struct bb_span keep(struct registry_memory *r, struct bb_span text, bool *full) {
    struct bb_span copy = bb_arena_copy(&r->texts, text);
    *full |= copy.data == NULL;
    return copy;
}

/* Every apply_... answers false when memory is out. */
static bool ensure_tenant(struct registry_memory *r, struct bb_span name) {
    struct tenant_row row = {name};
    bool full = false;

    if (sorted_find(&r->tenants, &row))
        return true;
    row.name = keep(r, name, &full);
    return !full && sorted_insert(&r->tenants, &row);
}

static bool ensure_usage_point(struct registry_memory *r, struct bb_span tenant,
                               struct bb_span name) {
    struct usage_point_row row = {tenant, name};
    bool full = false;

    if (sorted_find(&r->usage_points, &row))
        return true;
    row = (struct usage_point_row){keep(r, tenant, &full), keep(r, name, &full)};
    return ensure_tenant(r, tenant) && !full && sorted_insert(&r->usage_points, &row);
}

static bool apply_channel(struct registry_memory *r, uint32_t partition,
                          const struct bb_outbox_record *record) {
    struct bb_channel_record channel;
    struct bb_error ignored; /* it was looked at before */
    bool full = false;

    if (bb_channel_record_decode(record->body, &channel, &ignored) != 0)
        return true;
    struct bb_registry_channel row = {
        .tenant = record->tenant, .usage_point = record->usage_point, .channel = record->channel};
    struct bb_registry_channel *known = sorted_find(&r->channels, &row);
    if (known) {
        row = *known;
    } else {
        row.tenant = keep(r, row.tenant, &full);
        row.usage_point = keep(r, row.usage_point, &full);
        row.channel = keep(r, row.channel, &full);
    }
    row.obis = keep(r, channel.obis, &full);
    row.zone = keep(r, channel.zone, &full);
    row.kind = channel.kind;
    row.commodity = channel.commodity;
    row.unit = channel.unit < BB_UNIT_COUNT ? channel.unit : BB_UNIT_NONE;
    row.derived_unit = channel.derived_unit < BB_UNIT_COUNT ? channel.derived_unit : -1;
    row.interval_s = channel.interval_s;
    row.partition = partition;
    row.number = channel.number;
    if (full || !ensure_usage_point(r, record->tenant, record->usage_point))
        return false;
    if (known)
        *known = row;
    return known || sorted_insert(&r->channels, &row);
}

static struct bb_registry_exception *find_exception(struct registry_memory *r,
                                                    const struct bb_outbox_record *record) {
    struct bb_registry_exception key = {.tenant = record->tenant,
                                        .usage_point = record->usage_point,
                                        .channel = record->channel,
                                        .from_ms = record->from_ms,
                                        .check = record->check};
    return sorted_find(&r->exceptions, &key);
}

/* Behind the last row of an exception, or where its first would be. */
static size_t happenings_end(const struct registry_memory *r, int64_t exception) {
    struct happening_row key = {.exception = exception, .ordinal = UINT32_MAX};
    bool found;

    return sorted_search(&r->happenings, &key, &found);
}

/* Records that are told again may make an exception open and close once more, at the times at which it
 * did before: whatever moment is asked for, the answer is the same. */
static bool add_happening(struct registry_memory *r, int64_t exception, bool closed,
                          int64_t recorded_ms, struct bb_span source) {
    struct happening_row row = {exception, 1, recorded_ms, closed, source};
    size_t end = happenings_end(r, exception);
    const struct happening_row *last = end ? sorted_at(&r->happenings, end - 1) : NULL;

    if (last && last->exception == exception)
        row.ordinal = last->ordinal + 1;
    return sorted_insert(&r->happenings, &row);
}

static bool apply_exception_opened(struct registry_memory *r, uint32_t partition,
                                   const struct bb_outbox_record *record) {
    struct bb_registry_exception *known = find_exception(r, record);
    bool was_open = known && known->closed_ms == BB_TIME_NONE;
    bool full = false;

    (void)partition;
    if (!known) {
        struct bb_registry_exception row = {.id = (int64_t)r->exceptions.count + 1,
                                            .tenant = keep(r, record->tenant, &full),
                                            .usage_point = keep(r, record->usage_point, &full),
                                            .channel = keep(r, record->channel, &full),
                                            .check = record->check,
                                            .from_ms = record->from_ms,
                                            .opened_ms = record->recorded_ms,
                                            .opened_by = keep(r, record->body, &full)};
        if (full || !ensure_usage_point(r, record->tenant, record->usage_point))
            return false;
        known = sorted_insert(&r->exceptions, &row);
        if (!known)
            return false;
    }
    known->to_ms = record->to_ms;
    known->a = record->a;
    known->b = record->b;
    known->exponent = record->exponent;
    known->closed_ms = BB_TIME_NONE;
    known->closed_by = BB_SPAN("");
    return was_open || add_happening(r, known->id, false, record->recorded_ms, BB_SPAN(""));
}

static bool apply_exception_closed(struct registry_memory *r, uint32_t partition,
                                   const struct bb_outbox_record *record) {
    struct bb_registry_exception *known = find_exception(r, record);

    bool full = false;

    (void)partition;
    if (!known || known->closed_ms != BB_TIME_NONE)
        return true;
    known->closed_ms = record->recorded_ms;
    known->closed_by = keep(r, record->body, &full);
    return !full && add_happening(r, known->id, true, known->closed_ms, known->closed_by);
}

static bool apply_master(struct registry_memory *r, uint32_t partition,
                         const struct bb_outbox_record *record) {
    struct bb_master master;
    struct bb_error ignored; /* it was looked at before */
    bool full = false;

    (void)partition;
    bb_arena_reset(&r->scratch);
    if (bb_master_decode(record->body, &r->scratch, &master, &ignored) != 0)
        return ignored.code != BB_E_NO_MEMORY;
    struct master_row row = {master.kind, bb_master_tenant_name(&master), bb_master_name(&master),
                             record->recorded_ms, keep(r, record->body, &full)};
    if (full || !ensure_tenant(r, row.tenant) ||
        (row.kind == BB_MASTER_USAGE_POINT && !ensure_usage_point(r, row.tenant, row.name)))
        return false;
    struct master_row *known = sorted_find(&r->masters, &row);
    if (known) {
        if (bb_span_compare(row.body, known->body) > 0)
            known->body = row.body;
        return true;
    }
    row.tenant = keep(r, row.tenant, &full);
    row.name = keep(r, row.name, &full);
    return !full && sorted_insert(&r->masters, &row);
}

/* By enum bb_outbox_kind; other kinds are not the registry's business. */
static bool (*const appliers[])(struct registry_memory *, uint32_t,
                                const struct bb_outbox_record *) = {
    [BB_OUTBOX_CHANNEL] = apply_channel,
    [BB_OUTBOX_EXCEPTION_OPENED] = apply_exception_opened,
    [BB_OUTBOX_EXCEPTION_CLOSED] = apply_exception_closed,
    [BB_OUTBOX_MASTER] = apply_master,
};
enum { APPLIERS = sizeof appliers / sizeof *appliers };

static int look_at(struct registry_memory *r, const struct bb_outbox_record *record,
                   struct bb_error *error) {
    struct bb_channel_record channel;
    struct bb_master master;

    bb_arena_reset(&r->scratch);
    if (record->kind == BB_OUTBOX_CHANNEL)
        return bb_channel_record_decode(record->body, &channel, error);
    if (record->kind == BB_OUTBOX_MASTER)
        return bb_master_decode(record->body, &r->scratch, &master, error);
    return 0;
}

static int memory_position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                           struct bb_error *error) {
    const struct position_row *row = sorted_find(&memory_of(base)->positions,
                                                 &(struct position_row){.partition = partition});

    (void)error;
    *sequence = row ? row->sequence : 0;
    return 0;
}

static int memory_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                          const struct bb_outbox_record *records, size_t count,
                          struct bb_error *error) {
    struct registry_memory *r = memory_of(base);
    struct position_row row = {.partition = partition};
    struct position_row *at = sorted_find(&r->positions, &row);

    if (from != (at ? at->sequence : 0))
        return 1;
    for (size_t i = 0; i < count; i++) {
        int failed = look_at(r, &records[i], error);
        if (failed)
            return failed;
    }
    if (!at)
        at = sorted_insert(&r->positions, &row);
    if (!at)
        return out_of_memory(error);
    for (size_t i = 0; i < count; i++)
        if (records[i].kind < APPLIERS && appliers[records[i].kind] &&
            !appliers[records[i].kind](r, partition, &records[i]))
            return out_of_memory(error);
    at->sequence = from + count;
    return 0;
}

/* ---- lookups --------------------------------------------------------------------------------- */

/* The version of an entry as of a moment, or NULL. Versions of an entry lie in order of time. */
static const struct master_row *version_at(const struct registry_memory *r, struct master_row entry,
                                           int64_t as_of_ms) {
    bool found;

    entry.recorded_ms = as_of_ms;
    size_t at = sorted_search(&r->masters, &entry, &found);
    if (!found && at == 0)
        return NULL;
    const struct master_row *row = sorted_at(&r->masters, found ? at : at - 1);
    return compare_entries(row, &entry) == 0 ? row : NULL;
}

static int get(struct bb_registry *base, struct master_row entry, int64_t as_of_ms,
               struct bb_arena *arena, struct bb_master *out, struct bb_error *error) {
    const struct master_row *row = version_at(memory_of(base), entry,
                                              as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);

    if (!row)
        return 1;
    struct bb_span body = bb_arena_copy(arena, row->body);
    return body.data ? bb_master_decode(body, arena, out, error) : out_of_memory(error);
}

static int memory_usage_point_get(struct bb_registry *base, struct bb_span tenant,
                                  struct bb_span name, int64_t as_of_ms, struct bb_arena *arena,
                                  struct bb_master_usage_point *out, struct bb_error *error) {
    struct bb_master master;
    int result = get(
        base, (struct master_row){.kind = BB_MASTER_USAGE_POINT, .tenant = tenant, .name = name},
        as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.usage_point;
    return result;
}

static int memory_tenant_get(struct bb_registry *base, struct bb_span name, int64_t as_of_ms,
                             struct bb_arena *arena, struct bb_master_tenant *out,
                             struct bb_error *error) {
    struct bb_master master;
    int result = get(base,
                     (struct master_row){.kind = BB_MASTER_TENANT, .tenant = name, .name = name},
                     as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.tenant;
    return result;
}

static int memory_calendar_get(struct bb_registry *base, struct bb_span tenant, struct bb_span name,
                               int64_t as_of_ms, struct bb_arena *arena,
                               struct bb_master_calendar *out, struct bb_error *error) {
    struct bb_master master;
    int result = get(
        base, (struct master_row){.kind = BB_MASTER_CALENDAR, .tenant = tenant, .name = name},
        as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.calendar;
    return result;
}

static int memory_profile_get(struct bb_registry *base, struct bb_span tenant, struct bb_span name,
                              int64_t as_of_ms, struct bb_arena *arena,
                              struct bb_master_profile *out, struct bb_error *error) {
    struct bb_master master;
    int result = get(base,
                     (struct master_row){.kind = BB_MASTER_PROFILE, .tenant = tenant, .name = name},
                     as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.profile;
    return result;
}

static int memory_group_get(struct bb_registry *base, struct bb_span tenant, struct bb_span name,
                            int64_t as_of_ms, struct bb_arena *arena, struct bb_master_group *out,
                            struct bb_error *error) {
    struct bb_master master;
    int result = get(base,
                     (struct master_row){.kind = BB_MASTER_GROUP, .tenant = tenant, .name = name},
                     as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.group;
    return result;
}

static int memory_rules_get(struct bb_registry *base, struct bb_span tenant, int64_t as_of_ms,
                            struct bb_arena *arena, struct bb_master_rules *out,
                            struct bb_error *error) {
    struct bb_master master;
    int result = get(base,
                     (struct master_row){.kind = BB_MASTER_RULES, .tenant = tenant, .name = tenant},
                     as_of_ms, arena, &master, error);
    if (result == 0)
        *out = master.rules;
    return result;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool wanted(struct bb_span filter, struct bb_span value) {
    return filter.size == 0 || bb_span_equal(filter, value);
}

/* A visitor's answer as the list's: 1 only ended it early. */
static int ended(int answer) {
    return answer < 0 ? answer : 0;
}

/* `kind` 0: of all. */
static int list_masters(struct bb_registry *base, struct bb_span tenant, int kind, int64_t as_of_ms,
                        bb_registry_master_visit *visit, void *context, struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    int64_t until = as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms;
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->masters.count; i++) {
        const struct master_row *row = sorted_at(&r->masters, i);
        struct bb_master master;
        if (!wanted(tenant, row->tenant) || (kind && kind != (int)row->kind) ||
            version_at(r, *row, until) != row)
            continue;
        bb_arena_reset(&arena);
        answer = bb_master_decode(row->body, &arena, &master, error);
        if (answer == 0)
            answer = visit(context, row->recorded_ms, &master);
    }
    bb_arena_release(&arena);
    return ended(answer);
}

static int memory_master_list(struct bb_registry *base, struct bb_span tenant, int64_t as_of_ms,
                              bb_registry_master_visit *visit, void *context,
                              struct bb_error *error) {
    return list_masters(base, tenant, 0, as_of_ms, visit, context, error);
}

static int memory_kind_list(struct bb_registry *base, struct bb_span tenant,
                            enum bb_master_kind kind, int64_t as_of_ms,
                            bb_registry_master_visit *visit, void *context,
                            struct bb_error *error) {
    return list_masters(base, tenant, (int)kind, as_of_ms, visit, context, error);
}

static int memory_version_list(struct bb_registry *base, struct bb_span tenant,
                               bb_registry_master_visit *visit, void *context,
                               struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->masters.count; i++) {
        const struct master_row *row = sorted_at(&r->masters, i);
        struct bb_master master;
        if (!wanted(tenant, row->tenant))
            continue;
        bb_arena_reset(&arena);
        answer = bb_master_decode(row->body, &arena, &master, error);
        if (answer == 0)
            answer = visit(context, row->recorded_ms, &master);
    }
    bb_arena_release(&arena);
    return ended(answer);
}

/* What its master entry does not say, a usage point's channels do: see registry_sqlite_list.c. */
static void complete_from_channels(const struct registry_memory *r,
                                   struct bb_registry_usage_point *row) {
    struct bb_registry_channel key = {.tenant = row->tenant, .usage_point = row->name};
    struct bb_span zone = {NULL, 0};
    uint8_t commodity = BB_COMMODITY_UNKNOWN;
    bool found;

    for (size_t at = sorted_search(&r->channels, &key, &found); at < r->channels.count; at++) {
        const struct bb_registry_channel *channel = sorted_at(&r->channels, at);
        if (!bb_span_equal(channel->tenant, row->tenant) ||
            !bb_span_equal(channel->usage_point, row->name))
            break;
        if (row->channels++ == 0 || bb_span_compare(channel->zone, zone) < 0)
            zone = channel->zone;
        if (channel->commodity > commodity)
            commodity = channel->commodity;
    }
    if (row->zone.size == 0)
        row->zone = zone;
    if (row->commodity == BB_COMMODITY_UNKNOWN)
        row->commodity = commodity;
}

static int memory_usage_point_list(struct bb_registry *base, struct bb_span tenant,
                                   bb_registry_usage_point_visit *visit, void *context,
                                   struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->usage_points.count; i++) {
        const struct usage_point_row *known = sorted_at(&r->usage_points, i);
        struct bb_registry_usage_point row = {.tenant = known->tenant, .name = known->name};
        struct bb_master_usage_point up;
        if (!wanted(tenant, known->tenant))
            continue;
        bb_arena_reset(&arena);
        answer = memory_usage_point_get(base, known->tenant, known->name, BB_TIME_NONE, &arena, &up,
                                        error);
        if (answer < 0)
            break;
        if (answer == 0) {
            row.zone = up.zone;
            row.calendar = up.calendar;
            row.customer = up.customer;
            row.commodity = up.commodity;
        }
        complete_from_channels(r, &row);
        answer = visit(context, &row);
    }
    bb_arena_release(&arena);
    return ended(answer);
}

static int memory_channel_list(struct bb_registry *base, struct bb_span tenant,
                               struct bb_span usage_point, bb_registry_channel_visit *visit,
                               void *context, struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->channels.count; i++) {
        const struct bb_registry_channel *row = sorted_at(&r->channels, i);
        if (wanted(tenant, row->tenant) && wanted(usage_point, row->usage_point))
            answer = visit(context, row);
    }
    return ended(answer);
}

/* The exception as it was then: see registry_sqlite_list.c. False: nobody had heard of it. */
static bool exception_as_of(const struct registry_memory *r, int64_t as_of_ms,
                            struct bb_registry_exception *row) {
    if (as_of_ms == BB_TIME_NONE)
        return true;
    if (row->opened_ms > as_of_ms)
        return false;
    for (size_t at = happenings_end(r, row->id); at > 0; at--) {
        const struct happening_row *last = sorted_at(&r->happenings, at - 1);
        if (last->exception != row->id)
            return false;
        if (last->recorded_ms > as_of_ms)
            continue;
        row->closed_ms = last->closed ? last->recorded_ms : BB_TIME_NONE;
        row->closed_by = last->source;
        return true;
    }
    return false;
}

static int memory_exception_list(struct bb_registry *base, struct bb_span tenant, bool open_only,
                                 int64_t as_of_ms, bb_registry_exception_visit *visit,
                                 void *context, struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->exceptions.count; i++) {
        struct bb_registry_exception row = *(const struct bb_registry_exception *)sorted_at(
            &r->exceptions, i);
        if (wanted(tenant, row.tenant) && exception_as_of(r, as_of_ms, &row) &&
            (!open_only || row.closed_ms == BB_TIME_NONE))
            answer = visit(context, &row);
    }
    return ended(answer);
}

static int memory_tenant_list(struct bb_registry *base,
                              int (*visit)(void *context, struct bb_span name, struct bb_span zone),
                              void *context, struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->tenants.count; i++) {
        const struct tenant_row *row = sorted_at(&r->tenants, i);
        struct bb_master_tenant tenant = {.zone = {NULL, 0}};
        bb_arena_reset(&arena);
        answer = memory_tenant_get(base, row->name, BB_TIME_NONE, &arena, &tenant, error);
        if (answer >= 0)
            answer = visit(context, row->name, tenant.zone);
    }
    bb_arena_release(&arena);
    return ended(answer);
}

/* ---- API keys ---------------------------------------------------------------------------------- */

static int memory_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                          struct bb_error *error) {
    struct registry_memory *r = memory_of(base);
    struct bb_registry_key *known = sorted_find(&r->keys, key);
    struct bb_registry_key row = *key;
    bool full = false;

    row.label = keep(r, key->label, &full);
    if (!known) {
        row.tenant = keep(r, key->tenant, &full);
        row.id = keep(r, key->id, &full);
        row.hash = keep(r, key->hash, &full);
    }
    if (full || (!known && !sorted_insert(&r->keys, &row)))
        return out_of_memory(error);
    if (known) {
        known->label = row.label;
        known->expires_ms = row.expires_ms;
        known->revoked_ms = row.revoked_ms;
    }
    r->changes++;
    return 0;
}

static int memory_key_list(struct bb_registry *base, bb_registry_key_visit *visit, void *context,
                           struct bb_error *error) {
    const struct registry_memory *r = memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->keys.count; i++)
        answer = visit(context, sorted_at(&r->keys, i));
    return ended(answer);
}

static int memory_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                            const struct bb_registry_key *key, struct bb_error *error) {
    struct registry_memory *r = memory_of(base);

    if (row->sequence != r->audit.count + 1)
        return BB_AUDIT_TAKEN;
    int result = key ? memory_key_put(base, key, error) : 0;
    if (!result && !bb_audit_table_add(&r->audit, row, &r->texts))
        result = out_of_memory(error);
    r->changes++;
    return result;
}

static int memory_audit_walk(struct bb_registry *base, uint64_t after,
                             bb_registry_audit_visit *visit, void *context,
                             struct bb_error *error) {
    (void)error;
    return bb_audit_table_walk(&memory_of(base)->audit, after, visit, context);
}

static int memory_audit_last(struct bb_registry *base, struct bb_arena *arena,
                             struct bb_registry_audit *out, struct bb_error *error) {
    const struct bb_audit_table *audit = &memory_of(base)->audit;

    (void)arena;
    (void)error;
    if (audit->count == 0)
        return BB_ABSENT;
    *out = audit->items[audit->count - 1];
    return BB_FOUND;
}

static int memory_audit_list(struct bb_registry *base,
                             const struct bb_registry_audit_question *question,
                             bb_registry_audit_visit *visit, void *context,
                             struct bb_error *error) {
    (void)error;
    return bb_audit_table_list(&memory_of(base)->audit, question, visit, context);
}

static int memory_changes(struct bb_registry *base, uint64_t *number, struct bb_error *error) {
    (void)error;
    *number = memory_of(base)->changes;
    return 0;
}

static int memory_copy(struct bb_registry *base, const char *path, struct bb_error *error) {
    (void)base;
    (void)path;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void memory_close(struct bb_registry *base) {
    struct registry_memory *r = memory_of(base);

    if (!r)
        return;
    free(r->positions.items);
    free(r->masters.items);
    free(r->tenants.items);
    free(r->usage_points.items);
    free(r->channels.items);
    free(r->exceptions.items);
    free(r->happenings.items);
    free(r->keys.items);
    free(r->audit.items);
    bb_arena_release(&r->texts);
    bb_arena_release(&r->scratch);
    free(r);
}

static const struct bb_registry_ops operations = {
    .name = "memory",
    .close = memory_close,
    .position = memory_position,
    .project = memory_project,
    .usage_point_get = memory_usage_point_get,
    .tenant_get = memory_tenant_get,
    .calendar_get = memory_calendar_get,
    .profile_get = memory_profile_get,
    .group_get = memory_group_get,
    .rules_get = memory_rules_get,
    .master_list = memory_master_list,
    .kind_list = memory_kind_list,
    .version_list = memory_version_list,
    .usage_point_list = memory_usage_point_list,
    .channel_list = memory_channel_list,
    .exception_list = memory_exception_list,
    .tenant_list = memory_tenant_list,
    .key_put = memory_key_put,
    .key_list = memory_key_list,
    .audit_put = memory_audit_put,
    .audit_walk = memory_audit_walk,
    .audit_last = memory_audit_last,
    .audit_list = memory_audit_list,
    .changes = memory_changes,
    .copy = memory_copy,
};

int bb_registry_memory_open(struct bb_registry **out, struct bb_error *error) {
    struct registry_memory *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r)
        return out_of_memory(error);
    r->base.ops = &operations;
    r->positions = (struct sorted_table){.item_size = sizeof(struct position_row),
                                         .compare = compare_positions};
    r->masters = (struct sorted_table){.item_size = sizeof(struct master_row),
                                       .compare = compare_masters};
    r->tenants = (struct sorted_table){.item_size = sizeof(struct tenant_row),
                                       .compare = compare_tenants};
    r->usage_points = (struct sorted_table){.item_size = sizeof(struct usage_point_row),
                                            .compare = compare_usage_points};
    r->channels = (struct sorted_table){.item_size = sizeof(struct bb_registry_channel),
                                        .compare = compare_channels};
    r->exceptions = (struct sorted_table){.item_size = sizeof(struct bb_registry_exception),
                                          .compare = compare_exceptions};
    r->happenings = (struct sorted_table){.item_size = sizeof(struct happening_row),
                                          .compare = compare_happenings};
    r->keys = (struct sorted_table){.item_size = sizeof(struct bb_registry_key),
                                    .compare = compare_keys};
    bb_arena_init(&r->texts, CHUNK_BYTES, TEXT_LIMIT_BYTES);
    bb_arena_init(&r->scratch, CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    *out = &r->base;
    return 0;
}
