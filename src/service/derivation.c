/* Derivation: see derivation.h. One worker, one thread; no I/O but through the store's view. */
#include "service/derivation_internal.h"

#include "base/list.h"

#include <stdlib.h>

enum {
    PLAN_CHUNK_BYTES = 1 << 20,
    PLAN_LIMIT_BYTES = 1 << 30,
    OUTBOX_RECORD_LIMIT_BYTES = 64 << 20
};
static const size_t packed_limit_bytes = (size_t)4 << 30;

void bb_derivation_init(struct bb_derivation *d, struct bb_store *store) {
    *d = (struct bb_derivation){.store = store};
    bb_arena_init(&d->plan, PLAN_CHUNK_BYTES, PLAN_LIMIT_BYTES);
    bb_arena_init(&d->arena, PLAN_CHUNK_BYTES, PLAN_LIMIT_BYTES);
    bb_arena_init(&d->values, PLAN_CHUNK_BYTES, PLAN_LIMIT_BYTES);
    bb_buffer_init(&d->packed, packed_limit_bytes);
    bb_buffer_init(&d->value_change, OUTBOX_RECORD_LIMIT_BYTES);
    bb_attribute_set_init(&d->value_attributes);
}

void bb_derivation_release(struct bb_derivation *d) {
    bb_arena_release(&d->plan);
    bb_arena_release(&d->arena);
    bb_buffer_release(&d->packed);
    bb_arena_release(&d->values);
    bb_buffer_release(&d->value_change);
    bb_attribute_set_release(&d->value_attributes);
    free(d->told_spans);
    free(d->expected);
    free(d->expected_names);
    free(d->outputs);
    free(d->events);
    free(d->names);
    free(d->outbox);
    free(d->changes);
    *d = (struct bb_derivation){0};
}

void bb_derivation_clear(struct bb_derivation *d) {
    bb_arena_reset(&d->plan);
    bb_arena_reset(&d->arena);
    bb_buffer_clear(&d->packed);
    d->output_count = d->name_count = d->outbox_count = 0;
    d->counts = (struct bb_merge_counts){0};
    d->opened = d->closed = 0;
    d->event_count = 0;
}

int bb_derivation_put_name(struct bb_derivation *d, enum bb_name_kind kind, struct bb_span name,
                           struct bb_span value, struct bb_error *error) {
    if (!bb_list_room(&d->names, d->name_count, &d->name_capacity, sizeof d->names[0]))
        return bb_derivation_no_memory(error);
    struct bb_name_change change = {kind, bb_arena_copy(&d->arena, name),
                                    bb_arena_copy(&d->arena, value)};
    if (!change.name.data || !change.value.data)
        return bb_derivation_no_memory(error);
    d->names[d->name_count++] = change;
    return 0;
}

int bb_derivation_put_outbox(struct bb_derivation *d, const struct bb_outbox_record *record,
                             struct bb_error *error) {
    struct bb_buffer b;

    bb_buffer_init(&b, OUTBOX_RECORD_LIMIT_BYTES);
    bb_outbox_encode(record, &b);
    struct bb_span copy = b.overflow ? (struct bb_span){NULL, 0}
                                     : bb_arena_copy(&d->arena, bb_buffer_span(&b));
    bb_buffer_release(&b);
    if (!copy.data ||
        !bb_list_room(&d->outbox, d->outbox_count, &d->outbox_capacity, sizeof d->outbox[0]))
        return bb_derivation_no_memory(error);
    d->outbox[d->outbox_count++] = copy;
    return 0;
}

/* ---- the commit */

static int by_key(const void *a, const void *b) {
    const struct bb_output *x = a, *y = b;
    int order = bb_block_key_compare(&x->key, &y->key);

    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_name(const void *a, const void *b) {
    const struct bb_name_change *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bb_span_compare(x->name, y->name);
}

static int list_blocks(struct bb_derivation *d, struct bb_commit *out, struct bb_error *error) {
    size_t count = 0;

    if (d->output_count > d->change_capacity) {
        free(d->changes);
        d->changes = malloc(d->output_count * sizeof d->changes[0]);
        d->change_capacity = d->changes ? d->output_count : 0;
        if (!d->changes)
            return bb_derivation_no_memory(error);
    }
    if (d->output_count > 0)
        qsort(d->outputs, d->output_count, sizeof d->outputs[0], by_key);
    for (size_t i = 0; i < d->output_count; i++) {
        const struct bb_output *o = &d->outputs[i];
        const bool again = count > 0 &&
                           bb_block_key_compare(&d->changes[count - 1].key, &o->key) == 0;
        const bool is_new = again ? d->changes[count - 1].is_new : o->is_new;
        count -= again;
        d->changes[count++] = (struct bb_block_change){
            o->key, {d->packed.data + o->offset, o->size}, is_new};
    }
    out->blocks = d->changes;
    out->block_count = count;
    return 0;
}

/* Of several values of one name the greatest wins: those of master entries begin with the time they
 * were received. */
static void list_names(struct bb_derivation *d, struct bb_commit *out) {
    size_t count = 0;

    if (d->name_count > 0)
        qsort(d->names, d->name_count, sizeof d->names[0], by_name);
    for (size_t i = 0; i < d->name_count; i++) {
        bool same = count > 0 && d->names[count - 1].kind == d->names[i].kind &&
                    bb_span_equal(d->names[count - 1].name, d->names[i].name);
        if (same && bb_span_compare(d->names[count - 1].value, d->names[i].value) > 0)
            continue;
        d->names[same ? count - 1 : count++] = d->names[i];
    }
    out->names = d->names;
    out->name_count = count;
}

static int put_sources(struct bb_derivation *d, const struct bb_gather *gather,
                       struct bb_error *error) {
    char key[8];
    int result = 0;

    for (size_t i = 0; !result && i < gather->source_count; i++) {
        bb_big_endian((uint64_t)gather->sources[i].received_ms, sizeof key, key);
        result = bb_derivation_put_name(d, BB_NAME_SOURCE, (struct bb_span){key, sizeof key},
                                        gather->sources[i].name, error);
    }
    return result;
}

enum bb_derivation_round bb_derivation_round_of(const struct bb_channel_slot *slot) {
    return bb_rules_look(&slot->channel)           ? BB_ROUND_LOOKING
           : slot->record.kind == BB_KIND_INTERVAL ? BB_ROUND_INTERVALS
                                                   : BB_ROUND_FIRST;
}

static int derive_slots(struct bb_derivation_work *w, uint32_t told_slots,
                        enum bb_derivation_round round, struct bb_error *error) {
    uint32_t expected = 0;
    int result = 0;

    for (uint32_t slot = 0; !result && slot < w->channels->count; slot++) {
        if (slot == expected && slot < told_slots)
            result = bb_derivation_expect(w, round, slot, told_slots, &expected, error);
        if (result)
            break;
        const struct bb_channel_slot *s = &w->channels->slots[slot];
        size_t first = slot < told_slots ? w->gather->starts[slot] : 0;
        size_t count = slot < told_slots ? w->gather->starts[slot + 1] - first : 0;
        if (bb_derivation_round_of(s) == round && (count > 0 || s->changed || s->derive_again ||
                                                   s->force_from < s->force_to || s->ticked))
            result = bb_derivation_channel(w, slot, w->gather->sorted + first, count, error);
    }
    return result;
}

static int note_registers(struct bb_derivation_work *w, struct bb_error *error) {
    bool found = w->channels->has_registers;

    for (size_t i = 0; !found && i < w->channels->count; i++) {
        const struct bb_channel_slot *s = &w->channels->slots[i];
        found = s->changed && s->record.kind == BB_KIND_REGISTER && s->record.obis.size > 0;
    }
    if (!found || w->channels->has_registers)
        return 0;
    w->channels->has_registers = true;
    return bb_derivation_put_name(w->d, BB_NAME_META, BB_SPAN("has_registers"), BB_SPAN("1"),
                                  error);
}

int bb_derivation_run(struct bb_derivation *d, struct bb_gather *gather,
                      struct bb_channel_table *channels, struct bb_store_view *view,
                      struct bb_commit *out, struct bb_error *error) {
    /* Slots that are met on the way come behind those that have readings. */
    uint32_t told_slots = channels->count;
    struct bb_derivation_work w = {.d = d, .view = view, .gather = gather, .channels = channels};
    char next[4];

    bb_gather_sort_sources(gather);
    int result = bb_derivation_masters(&w, error);
    if (!result)
        result = bb_derivation_ticks(&w, error);
    if (!result)
        result = note_registers(&w, error);
    if (!result) {
        w.fresh = bb_siblings_fresh(channels, &d->arena, &w.fresh_count);
        result = w.fresh ? 0 : bb_derivation_no_memory(error);
    }
    if (!result)
        result = derive_slots(&w, told_slots, BB_ROUND_FIRST, error);
    for (uint32_t slot = 0; !result && slot < channels->count; slot++)
        result = bb_derivation_follow_interval(&w, slot, error);
    if (!result)
        result = derive_slots(&w, told_slots, BB_ROUND_INTERVALS, error);
    for (uint32_t slot = 0; !result && slot < channels->count; slot++)
        result = bb_derivation_follow_looking(&w, slot, error);
    if (!result)
        result = derive_slots(&w, told_slots, BB_ROUND_LOOKING, error);
    if (!result)
        result = put_sources(d, gather, error);
    bb_big_endian(channels->next_number, sizeof next, next);
    if (!result)
        result = bb_derivation_put_name(d, BB_NAME_META, BB_SPAN("next_channel"),
                                        (struct bb_span){next, sizeof next}, error);
    if (!result)
        result = list_blocks(d, out, error);
    if (result)
        return result;
    list_names(d, out);
    out->outbox = d->outbox;
    out->outbox_count = d->outbox_count;
    return 0;
}
