/* Query: see query.h. Finds the channels that are meant, opens their partitions, has their lanes
 * read one after the other. */
#include "service/query_internal.h"

#include "base/list.h"
#include "model/channel_name.h"
#include "service/companions.h"
#include "service/tick.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)2 << 30;

struct listed { /* a channel of the usage point */
    struct bb_span name, obis;
    uint32_t partition, number;
    bool asked;
};

struct list {
    struct listed *items;
    size_t count, capacity;
    struct bb_arena arena;
    bool overflow;
    bool has_made; /* asked is one that rules make, of the listed channel that is asked */
    struct bb_made_name made;
};

static int collect(void *context, const struct bb_registry_channel *row) {
    struct list *l = context;

    if (!bb_list_room(&l->items, l->count, &l->capacity, sizeof *l->items)) {
        l->overflow = true;
        return 1;
    }
    struct listed item = {bb_arena_copy(&l->arena, row->channel),
                          bb_arena_copy(&l->arena, row->obis), row->partition, row->number, false};
    l->overflow |= !item.name.data || !item.obis.data;
    l->items[l->count++] = item;
    return l->overflow;
}

static int by_name(const void *a, const void *b) {
    return bb_span_compare(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

/* ", "-joined names for error messages. */
static void join_names(const struct list *l, bool asked_only, char *text, size_t size) {
    struct bb_buffer b;

    bb_buffer_init(&b, size);
    for (size_t i = 0; i < l->count; i++)
        if (!asked_only || l->items[i].asked)
            bb_buffer_format(&b, "%s%.*s", b.size ? ", " : "", BB_SPAN_ARGS(l->items[i].name));
    size_t length = b.size < size - 1 ? b.size : size - 1;
    if (length)
        memcpy(text, b.data, length);
    text[length] = '\0';
    bb_buffer_release(&b);
}

/* The channel that master data calls so; empty when there is none. */
static struct bb_span name_in_master(struct bb_plant *plant, const struct bb_query *q,
                                     struct bb_arena *arena) {
    const struct bb_master_channel *found = NULL;
    struct bb_master_usage_point up;
    struct bb_error ignored;

    if (bb_registry_usage_point(plant->registry, q->tenant, q->usage_point, BB_TIME_NONE, arena,
                                &up, &ignored) == 0)
        found = bb_channel_master_of(&up, q->channel);
    return found ? found->name : BB_SPAN("");
}

static size_t mark_by_name(struct list *l, struct bb_span name) {
    size_t found = 0;

    for (size_t i = 0; i < l->count; i++) {
        l->items[i].asked = bb_span_equal(l->items[i].name, name);
        found += l->items[i].asked;
    }
    return found;
}

static size_t mark_by_obis(struct list *l, struct bb_span text) {
    struct bb_obis pattern;
    size_t found = 0;

    if (!bb_obis_parse(text, &pattern))
        return 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct bb_channel_name called = {l->items[i].name, l->items[i].obis, NULL};
        l->items[i].asked = bb_channel_has_code(&called, &pattern);
        found += l->items[i].asked;
    }
    return found;
}

/* Which of the channels are meant: by name, alias or OBIS code; all when none is named. */
static int mark_asked(struct bb_plant *plant, const struct bb_query *q, struct list *l,
                      struct bb_error *error) {
    char names[400];

    if (q->channel.size == 0) {
        for (size_t i = 0; i < l->count; i++)
            l->items[i].asked = true;
        return 0;
    }
    if (mark_by_name(l, q->channel) > 0)
        return 0;
    struct bb_span name = name_in_master(plant, q, &l->arena);
    if (name.size > 0 && mark_by_name(l, name) > 0)
        return 0;
    size_t found = mark_by_obis(l, q->channel);
    if (found == 1)
        return 0;
    l->has_made = q->made && found == 0 && bb_made_name_parse(q->channel, &l->made) &&
                  mark_by_name(l, l->made.channel) > 0;
    if (l->has_made)
        return 0;
    join_names(l, found > 1, names, sizeof names);
    if (found > 1)
        return BB_FAIL(error, BB_E_CHANNEL_AMBIGUOUS,
                       "several channels of %.*s are called %.*s: %s", BB_SPAN_ARGS(q->usage_point),
                       BB_SPAN_ARGS(q->channel), names);
    return BB_FAIL(error, BB_E_CHANNEL_UNKNOWN,
                   "usage point %.*s has no channel \"%.*s\"; it has %s",
                   BB_SPAN_ARGS(q->usage_point), BB_SPAN_ARGS(q->channel), names);
}

/* Master data as it was recorded by the asked moment. A bb_master_lookup. */
static int master_as_of(void *context, enum bb_master_kind kind, struct bb_span tenant,
                        struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                        struct bb_error *error) {
    const struct bb_query_channel *c = context;
    struct bb_registry *registry = c->plant->registry;

    return registry->ops->master_get(registry, kind, tenant, name, c->query->as_of_ms, arena, out,
                                     error);
}

/* What the channel was taken for then. Its description stays that of the reading told first, which
 * is the same at every moment at which it had readings. */
static int resolve_as_of(struct bb_query_channel *c, struct bb_error *error) {
    struct bb_channel_facts facts;
    int result = bb_channel_facts_find(master_as_of, c, c->query->tenant, c->usage_point, c->name,
                                       c->arena, &facts, error);

    return result
               ? result
               : bb_channel_resolve(&c->record, c->usage_point, c->name, &facts, c->arena, error);
}

/* Master data as the partition's store has it. A bb_master_lookup. */
static int master_now(void *context, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                      struct bb_error *error) {
    const struct bb_query_channel *c = context;

    return bb_master_stored_get(c->plant->store, c->view, kind, tenant, name, arena, out, error);
}

static int load_channel(struct bb_query_channel *c, struct bb_error *error) {
    const struct bb_store_ops *ops = c->plant->store->ops;
    char key[BB_NAME_KEY_MAX], number[4];
    struct bb_span value, name = {key, 0};

    name.size = bb_channel_key(c->query->tenant, c->usage_point, c->name, key);
    int result = ops->name_get(c->view, BB_NAME_CHANNEL, name, &value, error);
    if (result == BB_ABSENT)
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "the store does not know the channel %.*s",
                       BB_SPAN_ARGS(c->name));
    if (!result)
        result = bb_channel_record_decode(value, &c->record, error);
    if (!result && c->query->as_of_ms != BB_TIME_NONE)
        result = resolve_as_of(c, error);
    if (!result)
        result = bb_channel_from_record(c->plant, &c->record, c->arena, &c->channel, error);
    if (!result)
        result = bb_channel_profile_find(
            c->query->as_of_ms == BB_TIME_NONE ? master_now : master_as_of, c, c->query->tenant,
            &c->record, c->arena, &c->channel.profile, error);
    struct bb_channel_rule *rules = NULL;
    if (!result)
        result = bb_channel_rules_find(
            c->query->as_of_ms == BB_TIME_NONE ? master_now : master_as_of, c, c->query->tenant,
            c->usage_point, c->name, &c->record, c->arena, &rules, &c->channel.rule_count, error);
    c->channel.rules = rules;
    if (result)
        return result;
    result = bb_tick_latest(c->plant->store, c->view, c->query->tenant, c->query->as_of_ms,
                            &c->tick_ms, error);
    if (result)
        return result;
    for (int i = 0; i < 4; i++)
        number[i] = (char)(c->record.number >> (8 * (3 - i)));
    result = ops->name_get(c->view, BB_NAME_COVERAGE, (struct bb_span){number, 4}, &value, error);
    c->coverage = (struct bb_coverage){0};
    if (result == BB_FOUND)
        return bb_coverage_unpack(value, c->arena, &c->coverage, error);
    return result < 0 ? result : 0;
}

/* All channels of a usage point, as they were known at the asked moment. */
struct around {
    struct bb_query_channel *all;
    struct bb_sibling *siblings;
    size_t count, own;
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a usage point");
}

static int load_around(const struct bb_query_channel *c, const struct list *l, struct around *out,
                       struct bb_error *error) {
    const int64_t as_of_ms = c->query->as_of_ms;
    int result = 0;

    *out = (struct around){
        .all = bb_arena_take_array(c->arena, l->count, sizeof *out->all),
        .siblings = bb_arena_take_array(c->arena, l->count, sizeof *out->siblings),
        .count = l->count};
    if (!out->all || !out->siblings)
        return no_memory(error);
    for (size_t i = 0; !result && i < l->count; i++) {
        struct bb_query_channel *one = &out->all[i];
        *one = *c;
        one->name = l->items[i].name;
        result = load_channel(one, error);
        out->siblings[i] = (struct bb_sibling){one->name, one->record.obis, one->record.kind,
                                               (uint32_t)i};
        if (as_of_ms != BB_TIME_NONE && one->record.first_received_ms > as_of_ms)
            out->siblings[i].name = out->siblings[i].obis = BB_SPAN(
                ""); /* nobody had heard of it */
        out->own = bb_span_equal(one->name, c->name) ? i : out->own;
    }
    return result;
}

/* The registers beside siblings[of]. */
static int take_companions(const struct around *around, size_t of, struct bb_query_channel *c,
                           struct bb_error *error) {
    uint32_t ids[BB_METERS_MAX];

    c->companions = bb_arena_take_array(c->arena, BB_METERS_MAX, sizeof *c->companions);
    if (!c->companions)
        return no_memory(error);
    c->companion_count = bb_companions_pick(around->siblings, around->count, of, ids);
    for (size_t i = 0; i < c->companion_count; i++)
        c->companions[i] = around->all[ids[i]];
    return 0;
}

/* The channels at which the rules look, each with the registers beside it. */
static int take_besides(const struct around *around, struct bb_query_channel *c,
                        struct bb_error *error) {
    struct bb_registry *registry = c->plant->registry;
    struct bb_span called[BB_BESIDES_MAX];
    const size_t count = bb_besides_called(&c->channel, called);
    struct bb_master_usage_point up;
    int result = bb_registry_usage_point(registry, c->query->tenant, c->usage_point,
                                         c->query->as_of_ms, c->arena, &up, error);
    const bool known = result == 0;

    c->besides = bb_arena_take_array(c->arena, count, sizeof *c->besides);
    if (result < 0 || !c->besides)
        return result < 0 ? result : no_memory(error);
    result = 0;
    for (size_t i = 0; !result && i < count; i++) {
        size_t at = bb_beside_pick(around->siblings, around->count, around->own, called[i],
                                   known ? &up : NULL);
        if (at == SIZE_MAX || bb_rules_look(&around->all[at].channel))
            continue;
        struct bb_query_channel *beside = &c->besides[c->beside_count++];
        *beside = around->all[at];
        beside->called = called[i];
        result = take_companions(around, at, beside, error);
    }
    return result;
}

/* What a lane that is made looks at beside the channel. */
static int load_others(struct bb_query_channel *c, const struct list *l, struct bb_error *error) {
    const bool stands_beside = c->record.kind == BB_KIND_INTERVAL && c->record.obis.size > 0;
    const bool looks = c->query->as_of_ms != BB_TIME_NONE && bb_rules_look(&c->channel);
    struct around around;

    if ((!stands_beside && !looks) || l->count > BB_SIBLINGS_MAX)
        return 0;
    int result = load_around(c, l, &around, error);
    if (!result && stands_beside)
        result = take_companions(&around, around.own, c, error);
    return result || !looks ? result : take_besides(&around, c, error);
}

static int act_on_made(struct bb_query_channel *of, const struct bb_made_name *name,
                       bb_query_act *act, void *context, struct bb_error *error) {
    struct bb_query_channel made;
    int result = bb_query_made_open(of, name, &made, error);

    if (result == BB_ABSENT)
        return BB_FAIL(error, BB_E_CHANNEL_UNKNOWN,
                       "no rule %.*s that makes %.*s speaks of channel %.*s of usage point %.*s",
                       BB_SPAN_ARGS(name->rule), BB_SPAN_ARGS(name->output),
                       BB_SPAN_ARGS(name->channel), BB_SPAN_ARGS(of->usage_point));
    return result < 0 ? result : act(&made, context, error);
}

static int open_channel(struct bb_query_channel *c, const struct list *l, uint32_t partition,
                        bb_query_act *act, void *context, struct bb_error *error) {
    struct bb_store *store = c->plant->store;
    int result = store->ops->view_begin(store, partition, &c->view, error);

    if (result)
        return result;
    bb_arena_reset(c->arena);
    result = load_channel(c, error);
    const bool may_be_past = c->query->made && c->query->as_of_ms != BB_TIME_NONE;
    if (!result && (c->query->explained || may_be_past || bb_query_is_made(c->query)))
        result = load_others(c, l, error);
    if (!result)
        result = l->has_made ? act_on_made(c, &l->made, act, context, error)
                             : act(c, context, error);
    store->ops->view_end(c->view);
    return result;
}

static int find_channels(struct bb_plant *plant, const struct bb_query *q, struct list *l,
                         struct bb_error *error) {
    int result = plant->registry->ops->channel_list(plant->registry, q->tenant, q->usage_point,
                                                    collect, l, error);
    if (result < 0)
        return result;
    if (l->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a usage point");
    struct bb_master_usage_point up;
    if (l->count == 0) {
        result = bb_registry_usage_point(plant->registry, q->tenant, q->usage_point, BB_TIME_NONE,
                                         &l->arena, &up, error);
        if (result == 0)
            return q->channel.size == 0 ? 0
                                        : BB_FAIL(error, BB_E_CHANNEL_UNKNOWN,
                                                  "usage point %.*s has no readings yet",
                                                  BB_SPAN_ARGS(q->usage_point));
        return result < 0 ? result
                          : BB_FAIL(error, BB_E_USAGE_POINT_UNKNOWN, "usage point %.*s is unknown",
                                    BB_SPAN_ARGS(q->usage_point));
    }
    qsort(l->items, l->count, sizeof l->items[0], by_name);
    return mark_asked(plant, q, l, error);
}

int bb_query_channels(struct bb_plant *plant, const struct bb_query *query, bb_query_act *act,
                      void *context, struct bb_error *error) {
    struct list list = {0};
    struct bb_arena arena;

    bb_arena_init(&list.arena, 16 << 10, 64 << 20);
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = find_channels(plant, query, &list, error);
    for (size_t i = 0; !result && i < list.count; i++) {
        if (!list.items[i].asked)
            continue;
        struct bb_query_channel c = {.plant = plant,
                                     .query = query,
                                     .usage_point = query->usage_point,
                                     .name = list.items[i].name,
                                     .arena = &arena};
        result = open_channel(&c, &list, list.items[i].partition, act, context, error);
    }
    free(list.items);
    bb_arena_release(&list.arena);
    bb_arena_release(&arena);
    return result < 0 ? result : 0;
}

struct telling { /* to whom the rows are told, and how many more */
    bb_query_visit *visit;
    void *context;
    uint64_t left;
};

static int tell_lane(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct telling *telling = context;

    c->visit = telling->visit;
    c->context = telling->context;
    c->left = &telling->left;
    return bb_query_lane(c, error);
}

/* A channel, and those that its rules make. */
struct also_made {
    struct bb_query_channel *of;
    struct telling *telling;
    struct bb_error *error;
};

/* A bb_made_visit. */
static int tell_made(void *context, const struct bb_made_name *name, int unit) {
    const struct also_made *also = context;

    (void)unit;
    return act_on_made(also->of, name, tell_lane, also->telling, also->error);
}

/* A bb_query_act. */
static int tell_all(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct also_made also = {c, context, error};
    int result = tell_lane(c, context, error);

    return result || c->of || !c->query->made || c->query->channel.size > 0
               ? result
               : bb_made_each(c->name, c->channel.rules, c->channel.rule_count, tell_made, &also);
}

int bb_query_run(struct bb_plant *plant, const struct bb_query *query, bb_query_visit *visit,
                 void *context, struct bb_error *error) {
    struct telling telling = {visit, context, query->limit ? query->limit : UINT64_MAX};

    return bb_query_channels(plant, query, tell_all, &telling, error);
}
