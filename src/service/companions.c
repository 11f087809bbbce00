/* Companions: see companions.h. */
#include "service/companions.h"

#include "model/obis.h"

#include <stdlib.h>

/* ---- by OBIS code */

static bool code_of(const struct bb_sibling *s, struct bb_obis *code) {
    return s->obis.size > 0 && bb_obis_parse(s->obis, code);
}

/* Do both count the same quantity, tariffs apart? */
static bool same_quantity(const struct bb_obis *a, const struct bb_obis *b) {
    bool same_medium = a->a == b->a || a->a == BB_OBIS_ANY || b->a == BB_OBIS_ANY;

    return same_medium && a->c == b->c;
}

/* The only sibling of a kind with that quantity and tariff; SIZE_MAX: none, or several. */
static size_t only_one(const struct bb_sibling *siblings, size_t count, enum bb_kind kind,
                       const struct bb_obis *quantity, int tariff) {
    struct bb_obis code;
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        if (siblings[i].kind != kind || !code_of(&siblings[i], &code) ||
            !same_quantity(&code, quantity) || code.e != tariff)
            continue;
        if (found != SIZE_MAX)
            return SIZE_MAX;
        found = i;
    }
    return found;
}

size_t bb_companions_pick(const struct bb_sibling *siblings, size_t count, size_t of,
                          uint32_t ids[BB_METERS_MAX]) {
    struct bb_obis code;
    size_t picked = 0;

    if (siblings[of].kind != BB_KIND_INTERVAL || !code_of(&siblings[of], &code) ||
        code.e == BB_OBIS_ANY || only_one(siblings, count, BB_KIND_INTERVAL, &code, code.e) != of)
        return 0;
    size_t same = only_one(siblings, count, BB_KIND_REGISTER, &code, code.e);
    if (same != SIZE_MAX) {
        ids[picked++] = siblings[same].id;
        return picked;
    }
    for (int tariff = 1; code.e == 0 && tariff <= BB_METERS_MAX; tariff++) {
        size_t at = only_one(siblings, count, BB_KIND_REGISTER, &code, tariff);
        if (at != SIZE_MAX)
            ids[picked++] = siblings[at].id;
    }
    return picked;
}

bool bb_companions_differ(const struct bb_sibling *siblings, size_t count, size_t of,
                          size_t without) {
    struct bb_sibling others[BB_SIBLINGS_MAX];
    uint32_t with_it[BB_METERS_MAX], without_it[BB_METERS_MAX];

    BB_ASSERT(count <= BB_SIBLINGS_MAX && without < count);
    memcpy(others, siblings, count * sizeof others[0]);
    others[without].obis = BB_SPAN(""); /* nobody's register */
    size_t picked = bb_companions_pick(siblings, count, of, with_it);
    return picked != bb_companions_pick(others, count, of, without_it) ||
           memcmp(with_it, without_it, picked * sizeof with_it[0]) != 0;
}

/* ---- by usage point */

struct finding {
    struct bb_channel_table *table;
    struct bb_store_view *view;
    struct bb_span tenant, usage_point; /* copies: the table may move */
    struct bb_siblings *out;
    struct bb_error *error;
    int result;
};

static bool add(struct bb_siblings *out, const struct bb_channel_table *table, uint32_t slot) {
    const struct bb_channel_record *r = &table->slots[slot].record;

    if (out->count == BB_SIBLINGS_MAX) {
        out->too_many = true;
        return false;
    }
    out->items[out->count++] = (struct bb_sibling){bb_channel_slot_channel(&table->slots[slot]),
                                                   r->obis, r->kind, slot};
    return true;
}

static int take_stored(void *context, struct bb_span name, struct bb_span value) {
    struct finding *f = context;
    size_t prefix = f->tenant.size + f->usage_point.size + 2;
    struct bb_span channel = {name.data + prefix, name.size - prefix};
    uint32_t slot;

    (void)value;
    struct bb_series series = {.usage_point = f->usage_point, .channel = channel};
    f->result = bb_channel_table_find(f->table, f->view, f->tenant, &series, &slot, f->error);
    if (f->result)
        return f->result;
    return add(f->out, f->table, slot) ? 0 : 1;
}

/* tenant 0 usage point 0: what the keys of a usage point's channels begin with. */
static struct bb_span prefix_of(const struct bb_channel_slot *slot) {
    return (struct bb_span){slot->key.data, (size_t)slot->tenant_size + slot->usage_point_size + 2};
}

static int prefix_compare(struct bb_span key, struct bb_span prefix) {
    return bb_span_compare(
        (struct bb_span){key.data, key.size < prefix.size ? key.size : prefix.size}, prefix);
}

int bb_siblings_find(struct bb_channel_table *table, struct bb_store_view *view, uint32_t slot,
                     const uint32_t *fresh, size_t fresh_count, struct bb_siblings *out,
                     struct bb_error *error) {
    const struct bb_channel_slot *of = &table->slots[slot];
    struct bb_span prefix = prefix_of(of);
    struct finding f = {
        table, view, bb_channel_slot_tenant(of), bb_channel_slot_usage_point(of), out, error, 0};
    size_t low = 0, high = fresh_count;

    out->count = 0;
    out->too_many = false;
    int result = table->plant->store->ops->name_scan(view, BB_NAME_CHANNEL, prefix, take_stored, &f,
                                                     error);
    if (f.result < 0 || result < 0)
        return f.result < 0 ? f.result : result;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (prefix_compare(table->slots[fresh[middle]].key, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < fresh_count; low++) {
        if (prefix_compare(table->slots[fresh[low]].key, prefix) != 0)
            break;
        if (!add(out, table, fresh[low]))
            break;
    }
    return 0;
}

struct keyed {
    struct bb_span key;
    uint32_t slot;
};

static int by_key(const void *a, const void *b) {
    return bb_span_compare(((const struct keyed *)a)->key, ((const struct keyed *)b)->key);
}

uint32_t *bb_siblings_fresh(const struct bb_channel_table *table, struct bb_arena *arena,
                            size_t *count) {
    size_t n = 0;

    for (uint32_t i = 0; i < table->count; i++)
        n += table->slots[i].is_new;
    struct keyed *keyed = bb_arena_take(arena, (n + 1) * sizeof *keyed);
    uint32_t *slots = bb_arena_take(arena, (n + 1) * sizeof *slots);
    if (!keyed || !slots)
        return NULL;
    n = 0;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->slots[i].is_new)
            keyed[n++] = (struct keyed){table->slots[i].key, i};
    if (n > 0)
        qsort(keyed, n, sizeof *keyed, by_key);
    for (size_t i = 0; i < n; i++)
        slots[i] = keyed[i].slot;
    *count = n;
    return slots;
}
