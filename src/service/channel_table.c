/* The channels of a partition: see channel_table.h. One worker, one thread. */
#include "service/channel_table.h"

#include "base/hash.h"
#include "base/list.h"
#include "service/rules_channel.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10, ARENA_LIMIT_BYTES = 1 << 30 };

void bb_channel_table_init(struct bb_channel_table *t, struct bb_plant *plant) {
    *t = (struct bb_channel_table){.plant = plant, .told_last_ms = INT64_MIN};
    bb_channel_names_init(&t->names);
    bb_arena_init(&t->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_channel_table_release(struct bb_channel_table *t) {
    bb_channel_names_release(&t->names);
    free(t->slots);
    free(t->profiles);
    free(t->rules);
    bb_arena_release(&t->arena);
    *t = (struct bb_channel_table){0};
}

size_t bb_channel_table_bytes(const struct bb_channel_table *t) {
    return t->arena.total_bytes + bb_channel_names_bytes(&t->names) +
           t->capacity * sizeof t->slots[0] + t->profile_capacity * sizeof t->profiles[0] +
           t->rules_capacity * sizeof t->rules[0];
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
    slot->is_new = slot->changed = slot->derive_again = slot->ticked = false;
    slot->force_from = slot->force_to = slot->cause_ms = 0;
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

/* A channel's record, and the usage point's master data, by which a new one is resolved. */
enum { NAMES_OF_A_SERIES = 2, NAMES_OF_A_TENANT = 2 };

static bool put_names(struct bb_span tenant, const struct bb_series *series,
                      struct bb_arena *scratch, struct bb_name_key *out) {
    char *key = bb_arena_take(scratch, (size_t)2 * BB_NAME_KEY_MAX);

    if (!key)
        return false;
    size_t size = bb_channel_key(tenant, series->usage_point, series->channel, key);
    out[0] = (struct bb_name_key){BB_NAME_CHANNEL, {key, size}};
    size = bb_channel_key(tenant, series->usage_point, (struct bb_span){NULL, 0},
                          key + BB_NAME_KEY_MAX);
    out[1] = (struct bb_name_key){BB_NAME_USAGE_POINT, {key + BB_NAME_KEY_MAX, size}};
    return true;
}

/* Tell the store of those that the table does not know. */
static int expect(struct bb_channel_table *t, struct bb_store_view *view, struct bb_span tenant,
                  const struct bb_series *series, uint32_t count, const uint32_t *slots,
                  struct bb_arena *scratch, struct bb_error *error) {
    const struct bb_store_ops *ops = t->plant->store->ops;
    size_t unknown = 0, names = 0;

    for (uint32_t i = 0; i < count; i++)
        unknown += slots[i] == BB_CHANNEL_NONE;
    if (!ops->expect || unknown == 0)
        return 0;
    struct bb_name_key *keys = bb_arena_take(
        scratch, (unknown * NAMES_OF_A_SERIES + NAMES_OF_A_TENANT) * sizeof *keys);
    bool room = keys != NULL;
    for (uint32_t i = 0; room && i < count; i++) {
        if (slots[i] != BB_CHANNEL_NONE)
            continue;
        room = put_names(tenant, &series[i], scratch, keys + names);
        names += NAMES_OF_A_SERIES;
    }
    if (!room)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the names of channels");
    keys[names++] = (struct bb_name_key){BB_NAME_TENANT, tenant};
    keys[names++] = (struct bb_name_key){BB_NAME_RULES, tenant};
    return ops->expect(view, &(struct bb_store_hint){.names = keys, .name_count = names}, error);
}

int bb_channel_table_look(struct bb_channel_table *t, struct bb_store_view *view,
                          struct bb_span tenant, const struct bb_series *series, uint32_t count,
                          struct bb_arena *scratch, uint32_t *slots, struct bb_error *error) {
    bb_channel_names_find_all(&t->names, tenant, series, count, slots);
    return expect(t, view, tenant, series, count, slots, scratch, error);
}

static bool keep(struct bb_channel_table *t, struct bb_span *text) {
    *text = text->size ? bb_arena_copy(&t->arena, *text) : BB_SPAN("");
    return text->data != NULL;
}

static bool keep_resolved(struct bb_channel_table *t, struct bb_channel_record *r) {
    bool shared = r->holidays.size > 0 && bb_span_equal(r->holidays, t->holidays.packed);

    if (shared)
        r->holidays = t->holidays.packed;
    return keep(t, &r->zone) && keep(t, &r->obis) && keep(t, &r->installations) &&
           (shared || keep(t, &r->holidays)) && keep(t, &r->profile);
}

static bool keep_record(struct bb_channel_table *t, struct bb_channel_record *r) {
    return keep_resolved(t, r) && keep(t, &r->told_zone) && keep(t, &r->told_obis);
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a partition");
}

/* ---- master data */

const enum bb_name_kind bb_master_name_kinds[] = {
    [BB_MASTER_USAGE_POINT] = BB_NAME_USAGE_POINT,
    [BB_MASTER_TENANT] = BB_NAME_TENANT,
    [BB_MASTER_CALENDAR] = BB_NAME_CALENDAR,
    [BB_MASTER_PROFILE] = BB_NAME_PROFILE,
    [BB_MASTER_GROUP] = BB_NAME_GROUP,
    [BB_MASTER_RULES] = BB_NAME_RULES,
};

/* Entries whose name is that of their tenant. */
static bool is_of_tenant_alone(enum bb_master_kind kind) {
    return kind == BB_MASTER_TENANT || kind == BB_MASTER_RULES;
}

static struct bb_span master_key_of(enum bb_master_kind kind, struct bb_span tenant,
                                    struct bb_span name, char key[BB_NAME_KEY_MAX]) {
    struct bb_span none = {NULL, 0};

    return (struct bb_span){
        key, bb_channel_key(tenant, is_of_tenant_alone(kind) ? none : name, none, key)};
}

static int decode_stored(struct bb_span value, struct bb_arena *arena, struct bb_master *out,
                         struct bb_error *error) {
    value.data += BB_MASTER_VALUE_PREFIX;
    value.size -= BB_MASTER_VALUE_PREFIX;
    return bb_master_decode(value, arena, out, error);
}

int bb_master_stored_get(struct bb_store *store, struct bb_store_view *view,
                         enum bb_master_kind kind, struct bb_span tenant, struct bb_span name,
                         struct bb_arena *arena, struct bb_master *out, struct bb_error *error) {
    char text[BB_NAME_KEY_MAX];
    struct bb_span value, key = master_key_of(kind, tenant, name, text);
    int result = store->ops->name_get(view, bb_master_name_kinds[kind], key, &value, error);

    return result == BB_FOUND ? decode_stored(value, arena, out, error) : result;
}

/* ---- profiles: few, and shared by many channels */

static const struct bb_profile *known_profile(const struct bb_channel_table *t, uint64_t hash) {
    for (uint32_t i = t->profile_count; i > 0; i--)
        if (t->profiles[i - 1].hash == hash)
            return t->profiles[i - 1].profile;
    return NULL;
}

static bool keep_profile(struct bb_channel_table *t, uint64_t hash,
                         const struct bb_profile *profile) {
    if (t->profile_count == t->profile_capacity) {
        uint32_t capacity = t->profile_capacity ? t->profile_capacity * 2 : 8;
        struct bb_channel_profile *larger = realloc(t->profiles, capacity * sizeof *larger);
        if (!larger)
            return false;
        t->profiles = larger;
        t->profile_capacity = capacity;
    }
    t->profiles[t->profile_count++] = (struct bb_channel_profile){hash, profile};
    return true;
}

/* `lookup` is asked for a profile that no channel of the table has had yet. */
static int fill_profile(struct bb_channel_table *t, struct bb_channel_slot *slot,
                        bb_master_lookup *lookup, void *context, struct bb_error *error) {
    uint64_t hash = slot->record.profile_hash;

    slot->channel.profile = hash ? known_profile(t, hash) : NULL;
    if (hash == 0 || slot->channel.profile)
        return 0;
    int result = bb_channel_profile_find(lookup, context, bb_channel_slot_tenant(slot),
                                         &slot->record, &t->arena, &slot->channel.profile, error);
    if (!result && slot->channel.profile && !keep_profile(t, hash, slot->channel.profile))
        result = no_memory(error);
    return result;
}

/* ---- rules: lists of them, few, and shared by many channels */

static const struct bb_channel_rules *known_rules(const struct bb_channel_table *t, uint64_t hash) {
    for (uint32_t i = t->rules_count; i > 0; i--)
        if (t->rules[i - 1].hash == hash)
            return &t->rules[i - 1];
    return NULL;
}

/* A module with its texts is kept once, however many rules and versions of it there are. */
static const struct bb_master_module *known_module(const struct bb_channel_table *t,
                                                   struct bb_span hash) {
    for (uint32_t i = 0; i < t->rules_count; i++)
        for (uint32_t r = 0; r < t->rules[i].count; r++)
            for (uint32_t k = 0; k < t->rules[i].rules[r].time_count; k++) {
                const struct bb_rule_code *code = t->rules[i].rules[r].times[k].code;
                if (bb_span_equal(code->module->hash, hash))
                    return code->module;
            }
    return NULL;
}

static const struct bb_master_module *keep_module(struct bb_channel_table *t,
                                                  const struct bb_master_module *from) {
    const struct bb_master_module *known = known_module(t, from->hash);
    struct bb_master_module *module = known ? NULL
                                            : bb_arena_take_array(&t->arena, 1, sizeof *module);

    if (!module)
        return known;
    *module = *from;
    module->sides = bb_arena_take_array(&t->arena, from->side_count + 1, sizeof *module->sides);
    bool room = module->sides && keep(t, &module->hash) && keep(t, &module->name) &&
                keep(t, &module->source);
    for (uint32_t i = 0; room && i < from->side_count; i++) {
        module->sides[i] = from->sides[i];
        room = keep(t, &module->sides[i].name) && keep(t, &module->sides[i].text);
    }
    return room ? module : NULL;
}

static bool keep_looks(struct bb_channel_table *t, const struct bb_rule_time *from,
                       struct bb_rule_time *out) {
    struct bb_rule_look *looks = bb_arena_take_array(&t->arena, from->look_count + 1,
                                                     sizeof *looks);
    bool room = looks != NULL;

    for (uint32_t i = 0; room && i < from->look_count; i++) {
        looks[i] = from->looks[i];
        room = keep(t, &looks[i].name) && keep(t, &looks[i].channel);
    }
    out->looks = looks;
    return room;
}

static bool keep_outputs(struct bb_channel_table *t, struct bb_rule_code *code) {
    struct bb_master_rule_output *outputs = bb_arena_take_array(&t->arena, code->output_count + 1,
                                                                sizeof *outputs);
    bool room = outputs != NULL;

    for (uint32_t i = 0; room && i < code->output_count; i++) {
        outputs[i] = code->outputs[i];
        room = keep(t, &outputs[i].name);
    }
    code->outputs = outputs;
    return room;
}

static bool keep_time(struct bb_channel_table *t, const struct bb_rule_time *from,
                      struct bb_rule_time *out) {
    const struct bb_rule_code *code = from->code;
    struct bb_rule_code *kept = bb_arena_take_array(&t->arena, 1, sizeof *kept);

    *out = *from;
    if (!kept)
        return false;
    *kept = *code;
    kept->module = keep_module(t, code->module);
    out->code = kept;
    return kept->module && keep(t, &kept->function) && keep(t, &kept->parameters) &&
           keep(t, &out->version) && keep_looks(t, from, out) && keep_outputs(t, kept);
}

static bool keep_rule(struct bb_channel_table *t, const struct bb_channel_rule *from,
                      struct bb_channel_rule *out) {
    struct bb_rule_time *times = bb_arena_take_array(&t->arena, from->time_count, sizeof *times);
    bool room = times != NULL;

    *out = *from;
    out->name = bb_arena_copy(&t->arena, from->name);
    out->times = times;
    for (uint32_t k = 0; room && k < from->time_count; k++)
        room = keep_time(t, &from->times[k], &times[k]);
    return room && out->name.data;
}

static const struct bb_channel_rules *keep_rules(struct bb_channel_table *t, uint64_t hash,
                                                 const struct bb_channel_rule *rules,
                                                 uint32_t count) {
    struct bb_channel_rule *kept = bb_arena_take_array(&t->arena, count, sizeof *kept);
    bool room = kept != NULL;

    for (uint32_t i = 0; room && i < count; i++)
        room = keep_rule(t, &rules[i], &kept[i]);
    if (room && t->rules_count == t->rules_capacity) {
        uint32_t capacity = t->rules_capacity ? t->rules_capacity * 2 : 8;
        struct bb_channel_rules *larger = realloc(t->rules, capacity * sizeof *larger);
        room = larger != NULL;
        t->rules = larger ? larger : t->rules;
        t->rules_capacity = larger ? capacity : t->rules_capacity;
    }
    if (!room)
        return NULL;
    t->rules[t->rules_count] = (struct bb_channel_rules){hash, kept, count};
    return &t->rules[t->rules_count++];
}

static int fill_rules(struct bb_channel_table *t, struct bb_channel_slot *slot,
                      bb_master_lookup *lookup, void *context, struct bb_error *error) {
    const struct bb_channel_rules *list = NULL;
    struct bb_channel_rule *rules;
    struct bb_arena scratch;
    uint32_t count;

    slot->channel.rules = NULL;
    slot->channel.rule_count = 0;
    if (slot->record.rules_hash == 0)
        return 0;
    bb_arena_init(&scratch, 16 << 10, 64 << 20);
    int result = bb_channel_rules_find(
        lookup, context, bb_channel_slot_tenant(slot), bb_channel_slot_usage_point(slot),
        bb_channel_slot_channel(slot), &slot->record, &scratch, &rules, &count, error);
    if (!result && count > 0) {
        uint64_t hash = bb_rules_hash(rules, count, NULL);
        list = known_rules(t, hash);
        list = list ? list : keep_rules(t, hash, rules, count);
        result = list ? 0 : no_memory(error);
    }
    if (list) {
        slot->channel.rules = list->rules;
        slot->channel.rule_count = list->count;
    }
    bb_arena_release(&scratch);
    return result;
}

/* From where on two lists of rules may say something else; INT64_MAX: they never do. */
static int64_t rules_part_at(const struct bb_channel *a, const struct bb_channel *b) {
    uint32_t i = 0;

    if (a->rules == b->rules)
        return INT64_MIN; /* they know something else */
    for (; i < a->rule_count && i < b->rule_count; i++)
        if (!bb_span_equal(a->rules[i].name, b->rules[i].name) ||
            a->rules[i].raw != b->rules[i].raw)
            return INT64_MIN;
    int64_t earliest = INT64_MAX;
    for (uint32_t k = 0; k < i; k++) {
        int64_t t = bb_rule_parts_at(&a->rules[k], &b->rules[k]);
        earliest = t < earliest ? t : earliest;
    }
    const struct bb_channel *longer = a->rule_count > b->rule_count ? a : b;
    for (; i < longer->rule_count; i++)
        if (longer->rules[i].times[0].from_ms < earliest)
            earliest = longer->rules[i].times[0].from_ms;
    return earliest;
}

/* ---- the slots */

/* The slot's channel from its record, which is kept. Channels of one calendar share its holidays. */
static int fill_channel(struct bb_channel_table *t, struct bb_channel_slot *slot,
                        bb_master_lookup *lookup, void *context, struct bb_error *error) {
    struct bb_channel_record record = slot->record;
    bool shared = record.holidays.size > 0 && record.holidays.data == t->holidays.packed.data;

    if (shared)
        record.holidays = BB_SPAN("");
    int result = bb_channel_from_record(t->plant, &record, &t->arena, &slot->channel, error);
    if (result)
        return result;
    if (shared) {
        slot->channel.holidays = t->holidays.days;
        slot->channel.holiday_count = t->holidays.count;
    } else if (record.holidays.size > 0) {
        t->holidays = (struct bb_channel_holidays){record.holidays, slot->channel.holidays,
                                                   slot->channel.holiday_count};
    }
    result = fill_profile(t, slot, lookup, context, error);
    return result ? result : fill_rules(t, slot, lookup, context, error);
}

/* Master data as the store has it. A bb_master_lookup. */
struct stored_source {
    struct bb_store *store;
    struct bb_store_view *view;
};
static int stored_get(void *context, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                      struct bb_error *error) {
    const struct stored_source *source = context;

    return bb_master_stored_get(source->store, source->view, kind, tenant, name, arena, out, error);
}

/* When its source first told of a channel. */
static void note_told(struct bb_channel_table *t, const struct bb_channel_record *r) {
    if (r->first_received_ms == INT64_MAX)
        t->untold++;
    else if (r->first_received_ms > t->told_last_ms)
        t->told_last_ms = r->first_received_ms;
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
                                                  .installations = BB_SPAN(""),
                                                  .holidays = BB_SPAN(""),
                                                  .profile = BB_SPAN(""),
                                                  .told_zone = BB_SPAN(""),
                                                  .told_obis = BB_SPAN("")};
        return 0;
    }
    result = bb_channel_record_decode(value, &slot->record, error);
    if (!result && !keep_record(t, &slot->record))
        result = no_memory(error);
    struct stored_source source = {t->plant->store, view};
    return result ? result : fill_channel(t, slot, stored_get, &source, error);
}

int bb_channel_table_find(struct bb_channel_table *t, struct bb_store_view *view,
                          struct bb_span tenant, const struct bb_series *series, uint32_t *slot_out,
                          struct bb_error *error) {
    char key[BB_NAME_KEY_MAX];

    BB_ASSERT(t->count == t->names.count);
    *slot_out = bb_channel_names_find(&t->names, tenant, series);
    if (*slot_out != BB_CHANNEL_NONE)
        return 0;
    if (!bb_list_room(&t->slots, t->count, &t->capacity, sizeof t->slots[0]))
        return no_memory(error);
    struct bb_channel_slot *slot = &t->slots[t->count];
    *slot = (struct bb_channel_slot){.tenant_size = (uint16_t)tenant.size,
                                     .usage_point_size = (uint16_t)series->usage_point.size};
    slot->key = (struct bb_span){key,
                                 bb_channel_key(tenant, series->usage_point, series->channel, key)};
    int result = load(t, view, slot, error);
    if (result)
        return result;
    if (!bb_channel_names_add(&t->names, tenant, series))
        return no_memory(error);
    slot->key = bb_channel_names_key(&t->names, t->count);
    note_told(t, &slot->record);
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
    t->untold -= r->first_received_ms == INT64_MAX;
    r->first_received_ms = received_ms;
    r->first_line = line;
    note_told(t, r);
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

/* ---- master data of a commit */

size_t bb_master_key(const struct bb_master *m, char key[BB_NAME_KEY_MAX]) {
    struct bb_span none = {NULL, 0};

    return bb_channel_key(bb_master_tenant_name(m),
                          is_of_tenant_alone(m->kind) ? none : bb_master_name(m), none, key);
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

/* Where a worker finds master data: in this commit, else in the store. */
struct master_source {
    struct bb_channel_table *table;
    struct bb_store_view *view;
    const struct bb_master_list *newer;
};

/* The entry that counts: the greatest value of `newer` and the store's. A bb_master_lookup. */
static int master_get(void *context, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                      struct bb_error *error) {
    const struct master_source *source = context;
    const struct bb_master_list *newer = source->newer;
    char text[BB_NAME_KEY_MAX];
    struct bb_span key = master_key_of(kind, tenant, name, text);
    uint32_t place = newer && newer->index ? newer->index[master_place(newer, kind, key)] : 0;
    const struct bb_master_version *version = place ? &newer->items[place - 1] : NULL;
    struct bb_span value;
    int result = source->table->plant->store->ops->name_get(
        source->view, bb_master_name_kinds[kind], key, &value, error);

    if (result < 0)
        return result;
    if (version && (result == BB_ABSENT || bb_span_compare(version->value, value) >= 0)) {
        *out = version->master;
        return BB_FOUND;
    }
    return result == BB_ABSENT ? BB_ABSENT : decode_stored(value, arena, out, error);
}

int bb_channel_table_master(struct bb_channel_table *t, struct bb_store_view *view,
                            const struct bb_master_list *newer, enum bb_master_kind kind,
                            struct bb_span tenant, struct bb_span name, struct bb_arena *arena,
                            struct bb_master *out, struct bb_error *error) {
    struct master_source source = {t, view, newer};

    return master_get(&source, kind, tenant, name, arena, out, error);
}

/* Whatever was derived from there on follows. */
static void force_from(struct bb_channel_slot *slot, int64_t from_ms) {
    from_ms = from_ms == INT64_MIN ? INT64_MIN / 2 : from_ms;
    if (from_ms == INT64_MAX)
        return;
    if (slot->force_from >= slot->force_to || from_ms < slot->force_from)
        slot->force_from = from_ms;
    slot->force_to = INT64_MAX / 2;
}

int bb_channel_table_resolve(struct bb_channel_table *t, struct bb_store_view *view,
                             uint32_t number, const struct bb_master_list *newer,
                             struct bb_error *error) {
    struct bb_channel_slot *slot = &t->slots[number];
    struct bb_channel_record now = slot->record;
    struct master_source source = {t, view, newer};
    struct bb_channel_facts facts;
    struct bb_arena scratch;

    bb_arena_init(&scratch, 16 << 10, 16 << 20);
    int result = bb_channel_facts_find(master_get, &source, bb_channel_slot_tenant(slot),
                                       bb_channel_slot_usage_point(slot),
                                       bb_channel_slot_channel(slot), &scratch, &facts, error);
    if (!result)
        result = bb_channel_resolve(&now, bb_channel_slot_usage_point(slot),
                                    bb_channel_slot_channel(slot), &facts, &scratch, error);
    bool alike = !result && bb_channel_derives_alike(&slot->record, &now);
    if (!result && (!alike || !bb_span_equal(slot->record.obis, now.obis))) {
        const struct bb_channel before = slot->channel;
        struct bb_channel_record ruled = slot->record;
        ruled.rules_hash = now.rules_hash;
        const bool only_rules = !alike && bb_channel_derives_alike(&ruled, &now);
        slot->changed = true;
        slot->derive_again |= !alike && !only_rules && !slot->is_new;
        slot->record = now;
        result = keep_resolved(t, &slot->record) ? fill_channel(t, slot, master_get, &source, error)
                                                 : no_memory(error);
        if (!result && only_rules && !slot->is_new)
            force_from(slot, rules_part_at(&before, &slot->channel));
    }
    bb_arena_release(&scratch);
    return result;
}
