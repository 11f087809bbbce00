/* The channels of a partition: see channel_table.h. One worker, one thread. */
#include "service/channel_table.h"

#include "base/hash.h"
#include "model/obis.h"
#include "model/unit.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10, ARENA_LIMIT_BYTES = 1 << 30, GAS_DAY_START_S = 6 * 3600 };

void bb_channel_table_init(struct bb_channel_table *t, struct bb_plant *plant) {
    *t = (struct bb_channel_table){.plant = plant};
    bb_arena_init(&t->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_channel_table_release(struct bb_channel_table *t) {
    free(t->slots);
    free(t->index);
    bb_arena_release(&t->arena);
    *t = (struct bb_channel_table){0};
}

size_t bb_channel_table_bytes(const struct bb_channel_table *t) {
    return t->arena.total_bytes + t->capacity * sizeof t->slots[0] +
           t->index_size * sizeof t->index[0];
}

struct bb_span bb_channel_slot_tenant(const struct bb_channel_slot *slot) {
    return (struct bb_span){slot->key.data, slot->tenant_size};
}

struct bb_span bb_channel_slot_usage_point(const struct bb_channel_slot *slot) {
    return (struct bb_span){slot->key.data + slot->tenant_size + 1, slot->usage_point_size};
}

struct bb_span bb_channel_slot_channel(const struct bb_channel_slot *slot) {
    size_t at = (size_t)slot->tenant_size + slot->usage_point_size + 2;
    return (struct bb_span){slot->key.data + at, slot->key.size - at};
}

void bb_channel_slot_committed(struct bb_channel_slot *slot) {
    slot->is_new = slot->changed = slot->derive_again = false;
    slot->force_from = slot->force_to = 0;
    slot->output_from = slot->output_to = 0;
    slot->coverage = (struct bb_span){NULL, 0};
}

size_t bb_channel_key(struct bb_span tenant, struct bb_span usage_point, struct bb_span channel,
                      char key[BB_NAME_KEY_MAX]) {
    const struct bb_span parts[] = {tenant, usage_point, channel};
    size_t size = 0;

    BB_ASSERT(tenant.size + usage_point.size + channel.size + 2 <= BB_NAME_KEY_MAX);
    for (int i = 0; i < 3 && parts[i].size > 0; i++) {
        if (i > 0)
            key[size++] = '\0';
        memcpy(key + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    return size;
}

/* ---- the table */

static uint64_t index_value(uint64_t hash, uint32_t slot) {
    return (hash & 0xffffffff00000000ULL) | (slot + 1);
}

static bool grow(struct bb_channel_table *t) {
    uint32_t capacity = t->capacity ? t->capacity * 2 : 256;
    struct bb_channel_slot *slots = realloc(t->slots, capacity * sizeof *slots);

    if (!slots)
        return false;
    t->slots = slots;
    uint64_t *index = calloc((size_t)capacity * 2, sizeof *index);
    if (!index)
        return false;
    free(t->index);
    t->index = index;
    t->index_size = capacity * 2;
    t->capacity = capacity;
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t at = (uint32_t)slots[i].hash & (t->index_size - 1);
        while (index[at] != 0)
            at = (at + 1) & (t->index_size - 1);
        index[at] = index_value(slots[i].hash, i);
    }
    return true;
}

static bool names(const struct bb_channel_slot *slot, struct bb_span tenant,
                  const struct bb_series *series) {
    return bb_span_equal(bb_channel_slot_channel(slot), series->channel) &&
           bb_span_equal(bb_channel_slot_usage_point(slot), series->usage_point) &&
           bb_span_equal(bb_channel_slot_tenant(slot), tenant);
}

static uint32_t find(const struct bb_channel_table *t, uint64_t hash, struct bb_span tenant,
                     const struct bb_series *series) {
    if (t->index_size == 0)
        return UINT32_MAX;
    uint32_t mask = t->index_size - 1;
    for (uint32_t at = (uint32_t)hash & mask; t->index[at] != 0; at = (at + 1) & mask) {
        uint32_t slot = (uint32_t)t->index[at] - 1;
        if ((t->index[at] ^ hash) >> 32 == 0 && names(&t->slots[slot], tenant, series))
            return slot;
    }
    return UINT32_MAX;
}

/* The entry of the index is fetched first, then the slot it names, then the slot's key. */
void bb_channel_table_prefetch(const struct bb_channel_table *t, struct bb_span tenant,
                               const struct bb_series *series, uint32_t at, uint32_t count) {
    enum { ENTRY_AHEAD = 24, SLOT_AHEAD = 16, KEY_AHEAD = 8 };
    uint32_t mask = t->index_size - 1;

    if (t->index_size == 0)
        return;
    if (at + ENTRY_AHEAD < count)
        __builtin_prefetch(
            &t->index[(uint32_t)bb_hash_seeded(tenant, series[at + ENTRY_AHEAD].hash) & mask]);
    if (at + SLOT_AHEAD < count) {
        uint64_t entry =
            t->index[(uint32_t)bb_hash_seeded(tenant, series[at + SLOT_AHEAD].hash) & mask];
        if (entry)
            __builtin_prefetch(&t->slots[(uint32_t)entry - 1]);
    }
    if (at + KEY_AHEAD < count) {
        uint64_t entry =
            t->index[(uint32_t)bb_hash_seeded(tenant, series[at + KEY_AHEAD].hash) & mask];
        if (entry)
            __builtin_prefetch(t->slots[(uint32_t)entry - 1].key.data);
    }
}

static bool keep(struct bb_channel_table *t, struct bb_span *text) {
    *text = text->size ? bb_arena_copy(&t->arena, *text) : BB_SPAN("");
    return text->data != NULL;
}

static bool keep_record(struct bb_channel_table *t, struct bb_channel_record *r) {
    return keep(t, &r->zone) && keep(t, &r->obis) && keep(t, &r->told_zone) &&
           keep(t, &r->told_obis);
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a partition");
}

/* Read the slot's record from the store, or begin a new one. */
static int load(struct bb_channel_table *t, struct bb_store_view *view,
                struct bb_channel_slot *slot, struct bb_error *error) {
    struct bb_span value;
    int result = t->plant->store->ops->name_get(view, BB_NAME_CHANNEL, slot->key, &value, error);

    if (result < 0)
        return result;
    slot->is_new = result == BB_ABSENT;
    if (slot->is_new) {
        slot->record = (struct bb_channel_record){.number = t->next_number++,
                                                  .derived_unit = -1,
                                                  .first_received_ms = INT64_MAX,
                                                  .zone = BB_SPAN(""),
                                                  .obis = BB_SPAN(""),
                                                  .told_zone = BB_SPAN(""),
                                                  .told_obis = BB_SPAN("")};
        return 0;
    }
    result = bb_channel_record_decode(value, &slot->record, error);
    if (!result && !keep_record(t, &slot->record))
        result = no_memory(error);
    return result ? result : bb_channel_from_record(t->plant, &slot->record, &slot->channel, error);
}

int bb_channel_table_find(struct bb_channel_table *t, struct bb_store_view *view,
                          struct bb_span tenant, const struct bb_series *series, uint32_t *slot_out,
                          struct bb_error *error) {
    char key[BB_NAME_KEY_MAX];
    uint64_t hash = bb_hash_seeded(tenant, series->hash);

    *slot_out = find(t, hash, tenant, series);
    if (*slot_out != UINT32_MAX)
        return 0;
    if (t->count == t->capacity && (t->capacity > UINT32_MAX / 8 || !grow(t)))
        return no_memory(error);
    struct bb_channel_slot *slot = &t->slots[t->count];
    *slot = (struct bb_channel_slot){.hash = hash,
                                     .tenant_size = (uint16_t)tenant.size,
                                     .usage_point_size = (uint16_t)series->usage_point.size};
    size_t size = bb_channel_key(tenant, series->usage_point, series->channel, key);
    slot->key = bb_arena_copy(&t->arena, (struct bb_span){key, size});
    if (!slot->key.data)
        return no_memory(error);
    int result = load(t, view, slot, error);
    if (result)
        return result;
    uint32_t at = (uint32_t)hash & (t->index_size - 1);
    while (t->index[at] != 0)
        at = (at + 1) & (t->index_size - 1);
    t->index[at] = index_value(hash, t->count);
    *slot_out = t->count++;
    return 0;
}

/* ---- what a channel is */

int bb_channel_table_tell(struct bb_channel_table *t, struct bb_store_view *view, uint32_t number,
                          const struct bb_series *s, int64_t received_ms, int64_t line,
                          struct bb_error *error) {
    struct bb_channel_record *r = &t->slots[number].record;

    if (received_ms > r->first_received_ms ||
        (received_ms == r->first_received_ms && line >= r->first_line))
        return 0;
    r->first_received_ms = received_ms;
    r->first_line = line;
    r->unit = s->unit;
    r->told_kind = s->kind;
    r->told_commodity = s->commodity;
    r->told_interval_s = s->interval_s;
    r->told_zone = s->zone;
    r->told_obis = s->obis;
    t->slots[number].changed = true;
    if (!keep(t, &r->told_zone) || !keep(t, &r->told_obis))
        return no_memory(error);
    return bb_channel_table_resolve(t, view, number, NULL, error);
}

/* ---- master data */

size_t bb_master_key(const struct bb_master *m, char key[BB_NAME_KEY_MAX]) {
    struct bb_span none = {NULL, 0};

    if (m->kind == BB_MASTER_TENANT)
        return bb_channel_key(m->tenant.name, none, none, key);
    return bb_channel_key(bb_master_tenant_name(m), bb_master_name(m), none, key);
}

/* The place in the index of an entry of that kind and name, or the free one where it belongs. */
static uint32_t master_place(const struct bb_master_list *list, enum bb_master_kind kind,
                             struct bb_span key) {
    char other[BB_NAME_KEY_MAX];
    uint32_t mask = list->index_size - 1;
    uint32_t at = (uint32_t)bb_hash_seeded(key, (uint64_t)kind) & mask;

    for (; list->index[at] != 0; at = (at + 1) & mask) {
        const struct bb_master *m = &list->items[list->index[at] - 1].master;
        if (m->kind == kind && bb_span_equal((struct bb_span){other, bb_master_key(m, other)}, key))
            break;
    }
    return at;
}

bool bb_master_list_index(struct bb_master_list *list, struct bb_arena *arena) {
    char key[BB_NAME_KEY_MAX];

    list->index = NULL;
    if (list->count == 0)
        return true;
    list->index_size = 4;
    while (list->index_size < 2 * list->count)
        list->index_size *= 2;
    list->index = bb_arena_take_array(arena, list->index_size, sizeof list->index[0]);
    for (size_t i = 0; list->index && i < list->count; i++) {
        const struct bb_master_version *v = &list->items[i];
        struct bb_span name = {key, bb_master_key(&v->master, key)};
        uint32_t *place = &list->index[master_place(list, v->master.kind, name)];
        if (*place == 0 || bb_span_compare(v->value, list->items[*place - 1].value) > 0)
            *place = (uint32_t)i + 1;
    }
    return list->index != NULL;
}

/* The entry of `kind` that counts: the greatest value of `newer` and the store's. */
static int master_get(struct bb_channel_table *t, struct bb_store_view *view,
                      const struct bb_master_list *newer, enum bb_master_kind kind,
                      struct bb_span key, struct bb_arena *arena, struct bb_master *out,
                      struct bb_error *error) {
    static const enum bb_name_kind name_kinds[] = {
        [BB_MASTER_USAGE_POINT] = BB_NAME_USAGE_POINT,
        [BB_MASTER_TENANT] = BB_NAME_TENANT,
        [BB_MASTER_CALENDAR] = BB_NAME_CALENDAR,
    };
    uint32_t place = newer && newer->index ? newer->index[master_place(newer, kind, key)] : 0;
    const struct bb_master_version *version = place ? &newer->items[place - 1] : NULL;
    struct bb_span value;
    int result = t->plant->store->ops->name_get(view, name_kinds[kind], key, &value, error);

    if (result < 0)
        return result;
    if (version && (result == BB_ABSENT || bb_span_compare(version->value, value) >= 0)) {
        *out = version->master;
        return BB_FOUND;
    }
    if (result == BB_ABSENT)
        return BB_ABSENT;
    value.data += BB_MASTER_VALUE_PREFIX;
    value.size -= BB_MASTER_VALUE_PREFIX;
    return bb_master_decode(value, arena, out, error);
}

static const struct bb_master_channel *master_channel(const struct bb_master_usage_point *up,
                                                      struct bb_span name) {
    for (uint32_t i = 0; i < up->channel_count; i++)
        if (bb_span_equal(up->channels[i].name, name) || bb_span_equal(up->channels[i].alias, name))
            return &up->channels[i];
    return NULL;
}

static struct bb_span first_of(struct bb_span a, struct bb_span b) {
    return a.size ? a : b;
}

/* One-way when master data says so, else when the OBIS code or the commodity leaves no doubt. */
static int8_t one_way(const struct bb_channel_record *r, const struct bb_master_channel *c) {
    struct bb_obis code;

    if (c && c->one_way >= 0)
        return c->one_way;
    if (r->kind == BB_KIND_GAUGE)
        return 0;
    if (bb_obis_parse(r->obis, &code))
        return bb_obis_one_way(&code);
    return r->commodity == BB_COMMODITY_WATER || r->commodity == BB_COMMODITY_HEAT ||
           r->commodity == BB_COMMODITY_GAS || r->commodity == BB_COMMODITY_COOLING;
}

struct facts { /* the master data that bears on a channel */
    struct bb_master usage_point, tenant, calendar;
    bool has_usage_point, has_tenant, has_calendar;
    const struct bb_master_channel *channel;
};

static int find_facts(struct bb_channel_table *t, struct bb_store_view *view,
                      const struct bb_channel_slot *slot, const struct bb_master_list *newer,
                      struct bb_arena *arena, struct facts *f, struct bb_error *error) {
    char key[BB_NAME_KEY_MAX];
    struct bb_span tenant = bb_channel_slot_tenant(slot), none = {NULL, 0};
    size_t size = bb_channel_key(tenant, bb_channel_slot_usage_point(slot), none, key);

    memset(f, 0, sizeof *f);
    int result = master_get(t, view, newer, BB_MASTER_USAGE_POINT, (struct bb_span){key, size},
                            arena, &f->usage_point, error);
    if (result < 0)
        return result;
    f->has_usage_point = result == BB_FOUND;
    result = master_get(t, view, newer, BB_MASTER_TENANT, tenant, arena, &f->tenant, error);
    if (result < 0)
        return result;
    f->has_tenant = result == BB_FOUND;
    if (!f->has_usage_point)
        return 0;
    f->channel = master_channel(&f->usage_point.usage_point, bb_channel_slot_channel(slot));
    if (f->usage_point.usage_point.calendar.size == 0)
        return 0;
    size = bb_channel_key(tenant, f->usage_point.usage_point.calendar, none, key);
    result = master_get(t, view, newer, BB_MASTER_CALENDAR, (struct bb_span){key, size}, arena,
                        &f->calendar, error);
    f->has_calendar = result == BB_FOUND;
    return result < 0 ? result : 0;
}

static void apply_facts(struct bb_channel_record *r, const struct facts *f) {
    const struct bb_master_channel *c = f->channel;
    struct bb_span none = BB_SPAN("");
    enum bb_unit canonical = bb_unit_canonical(bb_unit_dimension(r->unit));

    r->kind = c && c->kind ? c->kind : r->told_kind;
    r->commodity = c && c->commodity ? c->commodity
                   : f->has_usage_point && f->usage_point.usage_point.commodity
                       ? f->usage_point.usage_point.commodity
                       : r->told_commodity;
    r->interval_s = c && c->interval_s ? c->interval_s : r->told_interval_s;
    r->obis = first_of(c ? c->obis : none, r->told_obis);
    r->derived_unit = (int16_t)(c && c->unit >= 0 ? c->unit : (int)canonical);
    r->one_way = one_way(r, c);
    r->zone = first_of(f->has_usage_point ? f->usage_point.usage_point.zone : none, r->told_zone);
    r->zone = first_of(r->zone, f->has_calendar ? f->calendar.calendar.zone : none);
    r->zone = first_of(r->zone, f->has_tenant ? f->tenant.tenant.zone : none);
    r->zone = first_of(r->zone, BB_SPAN("UTC"));
    r->day_start_s = f->has_calendar                    ? f->calendar.calendar.day_start_s
                     : r->commodity == BB_COMMODITY_GAS ? GAS_DAY_START_S
                                                        : 0;
}

static bool derives_alike(const struct bb_channel_record *a, const struct bb_channel_record *b) {
    return a->kind == b->kind && a->commodity == b->commodity && a->interval_s == b->interval_s &&
           a->derived_unit == b->derived_unit && a->one_way == b->one_way &&
           a->day_start_s == b->day_start_s && bb_span_equal(a->zone, b->zone);
}

int bb_channel_table_resolve(struct bb_channel_table *t, struct bb_store_view *view,
                             uint32_t number, const struct bb_master_list *newer,
                             struct bb_error *error) {
    struct bb_channel_slot *slot = &t->slots[number];
    struct bb_channel_record before = slot->record;
    struct bb_arena scratch;
    struct facts facts;

    bb_arena_init(&scratch, 16 << 10, 16 << 20);
    int result = find_facts(t, view, slot, newer, &scratch, &facts, error);
    if (!result) {
        apply_facts(&slot->record, &facts);
        bool alike = derives_alike(&before, &slot->record);
        if (!alike || !bb_span_equal(before.obis, slot->record.obis)) {
            slot->changed = true;
            slot->derive_again |= !alike && !slot->is_new;
            if (!keep(t, &slot->record.zone) || !keep(t, &slot->record.obis))
                result = no_memory(error);
        } else {
            slot->record.zone = before.zone;
            slot->record.obis = before.obis;
        }
    }
    bb_arena_release(&scratch);
    return result ? result : bb_channel_from_record(t->plant, &slot->record, &slot->channel, error);
}

int bb_channel_from_record(struct bb_plant *plant, const struct bb_channel_record *record,
                           struct bb_channel *out, struct bb_error *error) {
    *out = (struct bb_channel){.kind = record->kind,
                               .derived_unit = (uint8_t)record->derived_unit,
                               .metered_unit = (uint8_t)record->derived_unit,
                               .commodity = record->commodity,
                               .one_way = record->one_way > 0,
                               .interval_s = record->interval_s,
                               .pipeline = &plant->config.pipelines[record->commodity]};
    out->calendar.day_start_s = record->day_start_s;
    return bb_zone_set_get(plant->zones, record->zone, &out->calendar.zone, error);
}
