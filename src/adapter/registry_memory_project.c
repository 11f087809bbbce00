/* What the partitions tell the registry in memory.
 *
 * A projection first looks at every record, then applies them, so that a damaged one changes nothing; should memory run
 * out halfway, the position stays and the records may be told again, since each of them says what is, not what to add.
 */
#include "adapter/registry_memory_internal.h"
#include "model/unit.h"

/* Every apply_... answers false when memory is out. */
static bool ensure_tenant(struct registry_memory *r, struct bb_span name) {
    struct tenant_row row = {name};
    bool full = false;

    if (sorted_find(&r->tenants, &row))
        return true;
    row.name = bb_registry_memory_keep(r, name, &full);
    return !full && sorted_insert(&r->tenants, &row);
}

static bool ensure_usage_point(struct registry_memory *r, struct bb_span tenant,
                               struct bb_span name) {
    struct usage_point_row row = {tenant, name};
    bool full = false;

    if (sorted_find(&r->usage_points, &row))
        return true;
    row = (struct usage_point_row){bb_registry_memory_keep(r, tenant, &full),
                                   bb_registry_memory_keep(r, name, &full)};
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
        row.tenant = bb_registry_memory_keep(r, row.tenant, &full);
        row.usage_point = bb_registry_memory_keep(r, row.usage_point, &full);
        row.channel = bb_registry_memory_keep(r, row.channel, &full);
    }
    row.obis = bb_registry_memory_keep(r, channel.obis, &full);
    row.zone = bb_registry_memory_keep(r, channel.zone, &full);
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

size_t bb_registry_memory_happenings_end(const struct registry_memory *r, int64_t exception) {
    struct happening_row key = {.exception = exception, .ordinal = UINT32_MAX};
    bool found;

    return sorted_search(&r->happenings, &key, &found);
}

/* Records that are told again may make an exception open and close once more, at the times at which it
 * did before: whatever moment is asked for, the answer is the same. */
static bool add_happening(struct registry_memory *r, int64_t exception, bool closed,
                          int64_t recorded_ms, struct bb_span source) {
    struct happening_row row = {exception, 1, recorded_ms, closed, source};
    size_t end = bb_registry_memory_happenings_end(r, exception);
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
        struct bb_registry_exception row = {
            .id = (int64_t)r->exceptions.count + 1,
            .tenant = bb_registry_memory_keep(r, record->tenant, &full),
            .usage_point = bb_registry_memory_keep(r, record->usage_point, &full),
            .channel = bb_registry_memory_keep(r, record->channel, &full),
            .check = record->check,
            .from_ms = record->from_ms,
            .opened_ms = record->recorded_ms,
            .opened_by = bb_registry_memory_keep(r, record->body, &full)};
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
    known->closed_by = bb_registry_memory_keep(r, record->body, &full);
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
                             record->recorded_ms, bb_registry_memory_keep(r, record->body, &full)};
    if (full || !ensure_tenant(r, row.tenant) ||
        (row.kind == BB_MASTER_USAGE_POINT && !ensure_usage_point(r, row.tenant, row.name)))
        return false;
    struct master_row *known = sorted_find(&r->masters, &row);
    if (known) {
        if (bb_span_compare(row.body, known->body) > 0)
            known->body = row.body;
        return true;
    }
    row.tenant = bb_registry_memory_keep(r, row.tenant, &full);
    row.name = bb_registry_memory_keep(r, row.name, &full);
    return !full && sorted_insert(&r->masters, &row);
}

static bool apply_letter(struct registry_memory *r, uint32_t partition,
                         const struct bb_outbox_record *record) {
    bool full = false;
    struct bb_registry_letter row = {
        .partition = partition, .offset = (uint64_t)record->a, .recorded_ms = record->recorded_ms};

    if (sorted_find(&r->letters, &row))
        return true;
    row.tenant = bb_registry_memory_keep(r, record->tenant, &full);
    row.body = bb_registry_memory_keep(r, record->body, &full);
    return !full && sorted_insert(&r->letters, &row);
}

/* By enum bb_outbox_kind; other kinds are not the registry's business. */
static bool (*const appliers[])(struct registry_memory *, uint32_t,
                                const struct bb_outbox_record *) = {
    [BB_OUTBOX_CHANNEL] = apply_channel,
    [BB_OUTBOX_EXCEPTION_OPENED] = apply_exception_opened,
    [BB_OUTBOX_EXCEPTION_CLOSED] = apply_exception_closed,
    [BB_OUTBOX_MASTER] = apply_master,
    [BB_OUTBOX_DEAD_LETTER] = apply_letter,
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

int bb_registry_memory_position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                                struct bb_error *error) {
    const struct position_row *row = sorted_find(&registry_memory_of(base)->positions,
                                                 &(struct position_row){.partition = partition});

    (void)error;
    *sequence = row ? row->sequence : 0;
    return 0;
}

int bb_registry_memory_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                               const struct bb_outbox_record *records, size_t count,
                               struct bb_error *error) {
    struct registry_memory *r = registry_memory_of(base);
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
        return bb_registry_memory_full(error);
    for (size_t i = 0; i < count; i++)
        if (records[i].kind < APPLIERS && appliers[records[i].kind] &&
            !appliers[records[i].kind](r, partition, &records[i]))
            return bb_registry_memory_full(error);
    at->sequence = from + count;
    return 0;
}
