/* Master data and ticks on their way through a derivation: see derivation.h. */
#include "service/derivation_internal.h"
#include "service/tick.h"

struct touch { /* channels that an entry bears on are met, so that they are resolved */
    struct bb_channel_table *channels;
    struct bb_store_view *view;
    const struct bb_master_list *masters; /* NULL: a tick is applied */
    int64_t received_ms;                  /* of the entry, or the tick */
    struct bb_error *error;
    int result;
};

static int touch_channel(void *context, struct bb_span name, struct bb_span value) {
    struct touch *t = context;
    struct bb_series series = {0};
    uint32_t slot;

    (void)value;
    const char *first = memchr(name.data, '\0', name.size);
    const char *second = first
                             ? memchr(first + 1, '\0', (size_t)(name.data + name.size - first - 1))
                             : NULL;
    if (!second)
        return 0;
    struct bb_span tenant = {name.data, (size_t)(first - name.data)};
    series.usage_point = (struct bb_span){first + 1, (size_t)(second - first - 1)};
    series.channel = (struct bb_span){second + 1, (size_t)(name.data + name.size - second - 1)};
    t->result = bb_channel_table_find(t->channels, t->view, tenant, &series, &slot, t->error);
    if (t->result)
        return t->result;
    bb_derivation_note_cause(&t->channels->slots[slot], t->received_ms);
    if (!t->masters)
        t->channels->slots[slot].ticked = true;
    else
        t->result = bb_channel_table_resolve(t->channels, t->view, slot, t->masters, t->error);
    return t->result;
}

/* Every version goes to the outbox; the store keeps the one that counts. */
static int put_master(struct bb_derivation *d, const struct bb_master_version *v,
                      struct bb_store_view *view, struct bb_error *error) {
    const enum bb_name_kind kind = bb_master_name_kinds[v->master.kind];
    char key[BB_NAME_KEY_MAX];
    struct bb_span stored, name = {key, bb_master_key(&v->master, key)};
    struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                      .recorded_ms = v->received_ms,
                                      .tenant = BB_SPAN(""),
                                      .usage_point = BB_SPAN(""),
                                      .channel = BB_SPAN(""),
                                      .body = v->packed};

    int result = bb_derivation_put_outbox(d, &record, error);
    if (result)
        return result;
    result = d->store->ops->name_get(view, kind, name, &stored, error);
    if (result < 0 || (result == BB_FOUND && bb_span_compare(stored, v->value) >= 0))
        return result < 0 ? result : 0;
    return bb_derivation_put_name(d, kind, name, v->value, error);
}

/* Rules that look at other channels have come: from now on channels see to those that look at them. */
static int note_looks(struct bb_derivation_work *w, const struct bb_master_rules *rules,
                      struct bb_error *error) {
    bool found = false;

    for (uint32_t i = 0; i < rules->rule_count; i++)
        for (uint32_t k = 0; k < rules->rules[i].version_count; k++)
            found |= rules->rules[i].versions[k].other_count > 0;
    if (!found || w->channels->has_looks)
        return 0;
    w->channels->has_looks = true;
    return bb_derivation_put_name(w->d, BB_NAME_META, BB_SPAN("has_looks"), BB_SPAN("1"), error);
}

int bb_derivation_masters(struct bb_derivation_work *w, struct bb_error *error) {
    struct bb_derivation *d = w->d;
    struct bb_gather *gather = w->gather;
    struct touch t = {w->channels, w->view, &gather->masters, 0, error, 0};
    char key[BB_NAME_KEY_MAX + 1];
    int result = bb_master_list_index(&gather->masters, &d->arena) ? 0
                                                                   : bb_derivation_no_memory(error);

    for (size_t i = 0; !result && i < gather->masters.count; i++) {
        const struct bb_master *m = &gather->masters.items[i].master;
        struct bb_span none = {NULL, 0};
        size_t size = m->kind == BB_MASTER_CALENDAR || m->kind == BB_MASTER_PROFILE ||
                              m->kind == BB_MASTER_RULES
                          ? bb_channel_key(bb_master_tenant_name(m), none, none, key)
                          : bb_master_key(m, key);
        key[size++] = '\0';
        t.received_ms = gather->masters.items[i].received_ms;
        result = put_master(d, &gather->masters.items[i], w->view, error);
        if (!result && m->kind == BB_MASTER_RULES)
            result = note_looks(w, &m->rules, error);
        if (!result && m->kind != BB_MASTER_GROUP) /* which bears on no channel */
            result = d->store->ops->name_scan(w->view, BB_NAME_CHANNEL, (struct bb_span){key, size},
                                              touch_channel, &t, error);
        if (t.result < 0)
            result = t.result;
        result = result > 0 ? 0 : result;
    }
    /* Channels that are new in this commit were resolved without these entries. */
    for (uint32_t slot = 0; !result && gather->masters.count > 0 && slot < w->channels->count;
         slot++)
        if (w->channels->slots[slot].is_new)
            result = bb_channel_table_resolve(w->channels, w->view, slot, &gather->masters, error);
    return result;
}

/* ---- ticks */

int bb_derivation_tick_of(struct bb_derivation_work *w, struct bb_span tenant, int64_t *tick_ms,
                          struct bb_error *error) {
    if (!w->tick_tenant.data || !bb_span_equal(w->tick_tenant, tenant)) {
        int result = bb_tick_latest(w->d->store, w->view, tenant, BB_TIME_NONE, &w->stored_tick_ms,
                                    error);
        if (result)
            return result;
        w->tenant_tick_ms = w->stored_tick_ms;
        for (size_t i = 0; i < w->gather->tick_count; i++)
            if (bb_span_equal(w->gather->ticks[i].tenant, tenant) &&
                w->gather->ticks[i].at_ms > w->tenant_tick_ms)
                w->tenant_tick_ms = w->gather->ticks[i].at_ms;
        w->tick_tenant = bb_arena_copy(&w->d->arena, tenant);
        if (!w->tick_tenant.data)
            return bb_derivation_no_memory(error);
    }
    *tick_ms = w->tenant_tick_ms;
    return 0;
}

/* When a tick was first told: it may come again, and in any order. */
static int first_told(struct bb_derivation_work *w, const struct bb_tick *tick,
                      int64_t *received_ms, struct bb_error *error) {
    int64_t stored_ms;
    int result = bb_tick_told(w->d->store, w->view, tick->tenant, tick->at_ms, &stored_ms, error);

    *received_ms = result == BB_FOUND && stored_ms < tick->received_ms ? stored_ms
                                                                       : tick->received_ms;
    for (size_t i = 0; i < w->gather->tick_count; i++) {
        const struct bb_tick *other = &w->gather->ticks[i];
        if (other->at_ms == tick->at_ms && other->received_ms < *received_ms &&
            bb_span_equal(other->tenant, tick->tenant))
            *received_ms = other->received_ms;
    }
    return result < 0 ? result : 0;
}

int bb_derivation_ticks(struct bb_derivation_work *w, struct bb_error *error) {
    struct touch t = {w->channels, w->view, NULL, 0, error, 0};
    char key[BB_NAME_KEY_MAX], value[8];
    int result = 0;

    for (size_t i = 0; !result && i < w->gather->tick_count; i++) {
        const struct bb_tick *tick = &w->gather->ticks[i];
        size_t size = bb_tick_key(tick->tenant, tick->at_ms, key);
        int64_t told_ms;
        result = first_told(w, tick, &told_ms, error);
        bb_big_endian((uint64_t)told_ms, sizeof value, value);
        if (!result)
            result = bb_derivation_put_name(w->d, BB_NAME_TICK, (struct bb_span){key, size},
                                            (struct bb_span){value, sizeof value}, error);
        memcpy(key, tick->tenant.data, tick->tenant.size);
        t.received_ms = tick->received_ms;
        key[tick->tenant.size] = '\0';
        if (!result)
            result = w->d->store->ops->name_scan(w->view, BB_NAME_CHANNEL,
                                                 (struct bb_span){key, tick->tenant.size + 1},
                                                 touch_channel, &t, error);
        if (t.result < 0)
            result = t.result;
        result = result > 0 ? 0 : result;
    }
    for (uint32_t slot = 0; w->gather->tick_count > 0 && slot < w->channels->count; slot++)
        w->channels->slots[slot].ticked |= w->channels->slots[slot].is_new;
    return result;
}
