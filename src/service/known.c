/* What a plant knew at a moment: see known.h. */
#include "service/known.h"

#include "service/query_internal.h"
#include "service/rules_deploy.h"

enum { ARENA_CHUNK_BYTES = 64 << 10 };
static const size_t arena_limit_bytes = 64 << 20;

/* Of no lane that is made, so that no channel costs more than its record. */
static struct bb_query asking(struct bb_span tenant, struct bb_span usage_point, int64_t as_of_ms) {
    return (struct bb_query){.tenant = tenant,
                             .usage_point = usage_point,
                             .lane = BB_LANE_RAW,
                             .from_ms = BB_TIME_NONE,
                             .to_ms = BB_TIME_NONE,
                             .as_of_ms = as_of_ms};
}

static bool was_heard_of(const struct bb_query_channel *c) {
    return c->record.first_received_ms <= c->query->as_of_ms;
}

/* ---- channels */

struct channels {
    bb_registry_channel_visit *visit;
    void *context;
    /* Rules of the tenant whose channels come: they make others. */
    struct bb_plant *plant;
    int64_t as_of_ms;
    struct bb_arena arena, one; /* of the entry; of a channel */
    struct bb_span tenant;      /* whose entry it is; in `arena` */
    struct bb_master_rules entry;
    bool makes; /* any of its rules */
    const struct bb_registry_channel *row;
    struct bb_error *error;
    int result;
};

static bool any_makes(const struct bb_master_rules *entry) {
    for (uint32_t i = 0; i < entry->rule_count; i++)
        for (uint32_t k = 0; k < entry->rules[i].version_count; k++)
            if (entry->rules[i].versions[k].output_count > 0)
                return true;
    return false;
}

static int find_rules(struct channels *c, struct bb_span tenant) {
    if (c->tenant.data && bb_span_equal(c->tenant, tenant))
        return 0;
    bb_arena_reset(&c->arena);
    c->tenant = bb_arena_copy(&c->arena, tenant);
    int result = c->tenant.data ? bb_rules_standing(c->plant->registry, tenant, c->as_of_ms,
                                                    &c->arena, &c->entry, c->error)
                                : BB_FAIL(c->error, BB_E_NO_MEMORY, "no memory for rules");
    c->makes = result == 0 && any_makes(&c->entry);
    return result;
}

/* A bb_made_visit. */
static int tell_made(void *context, const struct bb_made_name *name, int unit) {
    const struct channels *c = context;
    struct bb_registry_channel row = *c->row;
    struct bb_buffer text;

    bb_buffer_init(&text, 3 * BB_NAME_MAX);
    bb_made_name_format(name, &text);
    row.channel = bb_buffer_span(&text);
    row.obis = BB_SPAN("");
    row.unit = (uint8_t)unit;
    row.derived_unit = (int16_t)unit;
    int result = c->visit(c->context, &row);
    bb_buffer_release(&text);
    return result;
}

static int tell_all_made(struct channels *c, const struct bb_registry_channel *row) {
    const struct bb_channel_record record = {
        .obis = row->obis, .kind = row->kind, .commodity = row->commodity};
    struct bb_registry *registry = c->plant->registry;
    struct bb_master_usage_point up;
    struct bb_channel_rule *rules;
    uint32_t count;

    bb_arena_reset(&c->one);
    int found = bb_registry_usage_point(registry, row->tenant, row->usage_point, c->as_of_ms,
                                        &c->one, &up, c->error);
    if (found < 0)
        return c->result = found;
    if (!bb_rules_of_channel(&c->entry, row->usage_point, found == 0 ? &up : NULL, row->channel,
                             &record, &c->one, &rules, &count))
        return c->result = BB_FAIL(c->error, BB_E_NO_MEMORY,
                                   "no memory for the rules of a channel");
    c->row = row;
    return bb_made_each(row->channel, rules, count, tell_made, c);
}

/* A channel, and those that its rules make. A bb_registry_channel_visit. */
static int tell_with_made(void *context, const struct bb_registry_channel *row) {
    struct channels *c = context;
    int result = c->visit(c->context, row);

    if (!result)
        result = c->result = find_rules(c, row->tenant);
    return result || !c->makes ? result : tell_all_made(c, row);
}

/* A bb_query_act. */
static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct channels *channels = context;
    const struct bb_channel_record *record = &c->record;
    const struct bb_registry_channel row = {
        .tenant = c->query->tenant,
        .usage_point = c->usage_point,
        .channel = c->name,
        .obis = record->obis,
        .zone = record->zone,
        .kind = record->kind,
        .commodity = record->commodity,
        .unit = record->unit,
        .derived_unit = record->derived_unit,
        .interval_s = record->interval_s,
        .partition = (uint32_t)(bb_usage_point_hash(c->usage_point) % c->plant->store->partitions),
        .number = record->number};

    (void)error;
    return was_heard_of(c) ? tell_with_made(channels, &row) : 0;
}

int bb_known_channels(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                      int64_t as_of_ms, bb_registry_channel_visit *visit, void *context,
                      struct bb_error *error) {
    const struct bb_query query = asking(tenant, usage_point, as_of_ms);
    struct channels channels = {
        .visit = visit, .context = context, .plant = plant, .as_of_ms = as_of_ms, .error = error};

    bb_arena_init(&channels.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    bb_arena_init(&channels.one, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = as_of_ms == BB_TIME_NONE
                     ? plant->registry->ops->channel_list(plant->registry, tenant, usage_point,
                                                          tell_with_made, &channels, error)
                     : bb_query_every(plant, &query, BB_SPAN(""), tell_channel, &channels, error);
    bb_arena_release(&channels.arena);
    bb_arena_release(&channels.one);
    if (channels.result < 0)
        return channels.result;
    return result < 0 ? result : 0;
}

/* ---- usage points */

struct usage_points {
    struct bb_plant *plant;
    int64_t as_of_ms;
    bb_registry_usage_point_visit *visit;
    void *context;
    struct bb_arena arena; /* of one usage point */
    struct bb_span least_zone;
    uint8_t greatest_commodity;
    uint32_t channels;
    struct bb_error *error;
};

/* A bb_query_act. */
static int count_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct usage_points *u = context;
    const struct bb_channel_record *record = &c->record;

    if (!was_heard_of(c))
        return 0;
    if (u->channels++ == 0 || bb_span_compare(record->zone, u->least_zone) < 0)
        u->least_zone = bb_arena_copy(&u->arena, record->zone);
    if (record->commodity > u->greatest_commodity)
        u->greatest_commodity = record->commodity;
    return u->least_zone.data ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a usage point");
}

/* What master data did not say, channels did: as in the registry's list (registry_sqlite_list.c). A
 * bb_registry_usage_point_visit. */
static int tell_usage_point(void *context, const struct bb_registry_usage_point *now) {
    struct usage_points *u = context;
    const struct bb_query query = asking(now->tenant, now->name, u->as_of_ms);
    struct bb_registry *registry = u->plant->registry;
    struct bb_master_usage_point up = {.zone = BB_SPAN("")};

    bb_arena_reset(&u->arena);
    u->channels = 0;
    u->least_zone = BB_SPAN("");
    u->greatest_commodity = BB_COMMODITY_UNKNOWN;
    int found = bb_registry_usage_point(registry, now->tenant, now->name, u->as_of_ms, &u->arena,
                                        &up, u->error);
    int result = found < 0
                     ? found
                     : bb_query_every(u->plant, &query, BB_SPAN(""), count_channel, u, u->error);
    if (result < 0 || (found == BB_ABSENT && u->channels == 0))
        return result;
    const struct bb_registry_usage_point then = {.tenant = now->tenant,
                                                 .name = now->name,
                                                 .zone = up.zone.size ? up.zone : u->least_zone,
                                                 .calendar = up.calendar,
                                                 .customer = up.customer,
                                                 .commodity = up.commodity ? up.commodity
                                                                           : u->greatest_commodity,
                                                 .channels = u->channels};
    return u->visit(u->context, &then);
}

int bb_known_usage_points(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                          int64_t as_of_ms, bb_registry_usage_point_visit *visit, void *context,
                          struct bb_error *error) {
    const struct bb_registry_ops *ops = plant->registry->ops;
    struct usage_points u = {
        .plant = plant, .as_of_ms = as_of_ms, .visit = visit, .context = context, .error = error};

    if (as_of_ms == BB_TIME_NONE)
        return ops->usage_point_list(plant->registry, tenant, usage_point, visit, context, error);
    bb_arena_init(&u.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = ops->usage_point_list(plant->registry, tenant, usage_point, tell_usage_point, &u,
                                       error);
    bb_arena_release(&u.arena);
    return result;
}

/* ---- one usage point */

enum { ENTRY_CHANNELS_MAX = 1000 };

struct entry { /* made of readings */
    struct bb_arena *arena;
    struct bb_master_usage_point *up;
};

/* A bb_registry_channel_visit. */
static int channel_as_master(void *context, const struct bb_registry_channel *row) {
    struct entry *entry = context;
    struct bb_master_channel *channel = &entry->up->channels[entry->up->channel_count++];

    *channel = (struct bb_master_channel){.name = bb_arena_copy(entry->arena, row->channel),
                                          .obis = bb_arena_copy(entry->arena, row->obis),
                                          .kind = row->kind,
                                          .unit = row->unit,
                                          .interval_s = row->interval_s,
                                          .one_way = -1};
    entry->up->commodity = row->commodity;
    return entry->up->channel_count == ENTRY_CHANNELS_MAX;
}

static int entry_of_readings(struct bb_plant *plant, struct bb_span tenant, struct bb_span name,
                             int64_t as_of_ms, struct bb_arena *arena,
                             struct bb_master_usage_point *up, struct bb_error *error) {
    struct entry entry = {arena, up};

    *up = (struct bb_master_usage_point){.tenant = tenant, .name = name};
    up->channels = bb_arena_take_array(arena, ENTRY_CHANNELS_MAX, sizeof *up->channels);
    if (!up->channels)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels");
    int result = bb_known_channels(plant, tenant, name, as_of_ms, channel_as_master, &entry, error);
    if (result >= 0 && up->channel_count == 0)
        return BB_FAIL(error, BB_E_USAGE_POINT_UNKNOWN, "usage point %.*s %s", BB_SPAN_ARGS(name),
                       as_of_ms == BB_TIME_NONE ? "is unknown" : "was unknown then");
    return result;
}

int bb_known_usage_point(struct bb_plant *plant, struct bb_span tenant, struct bb_span name,
                         int64_t as_of_ms, struct bb_arena *arena,
                         struct bb_master_usage_point *out, struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    int result = bb_registry_usage_point(registry, tenant, name, as_of_ms, arena, out, error);

    return result == BB_ABSENT ? entry_of_readings(plant, tenant, name, as_of_ms, arena, out, error)
                               : result;
}
