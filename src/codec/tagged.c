/* Tagged records: see tagged_internal.h. */
#include "codec/tagged_internal.h"

#include <stdlib.h>

static bool reserve(struct bb_tagged *record, uint32_t count) {
    if (count <= record->capacity)
        return true;
    uint32_t capacity = count * 2;
    struct bb_cell *cells = realloc(record->cells, capacity * sizeof *cells);
    if (cells)
        record->cells = cells;
    uint8_t *ranks = cells ? realloc(record->ranks, capacity) : NULL;
    if (!ranks)
        return false;
    record->ranks = ranks;
    memset(cells + record->capacity, 0, (capacity - record->capacity) * sizeof *cells);
    record->capacity = capacity;
    return true;
}

bool bb_tagged_init(struct bb_tagged *record, struct bb_binding *binding) {
    *record = (struct bb_tagged){.binding = binding};
    return reserve(record, binding->slot_count + 1);
}

void bb_tagged_release(struct bb_tagged *record) {
    free(record->cells);
    free(record->ranks);
    *record = (struct bb_tagged){0};
}

void bb_tagged_begin(struct bb_tagged *record) {
    record->key_count = 0;
    for (uint32_t i = 0; i < record->binding->slot_count; i++)
        record->cells[i].type = BB_CELL_ABSENT;
}

int bb_tagged_slot(struct bb_tagged *record, struct bb_span key, bool may_be_channel, int *rank) {
    uint32_t *hint = &record->hints[record->key_count++ % BB_TAGGED_HINTS];
    int slot = bb_binding_slot(record->binding, key, may_be_channel, hint, rank);

    return slot >= 0 && !reserve(record, record->binding->slot_count) ? BB_SLOT_FAILED : slot;
}

enum bb_tagged_outcome bb_tagged_put(struct bb_tagged *record, int slot, int rank,
                                     struct bb_cell cell) {
    if (slot == BB_SLOT_NONE)
        return BB_TAGGED_PUT;
    if (slot < 0)
        return BB_TAGGED_FULL;
    struct bb_cell *place = &record->cells[slot];
    if (place->type != BB_CELL_ABSENT && record->ranks[slot] == rank)
        return BB_TAGGED_TWICE;
    if (place->type == BB_CELL_ABSENT || rank < record->ranks[slot]) {
        *place = cell;
        record->ranks[slot] = (uint8_t)rank;
    }
    return BB_TAGGED_PUT;
}

int bb_tagged_field_slot(const struct bb_tagged *record, enum bb_field field) {
    const struct bb_binding *binding = record->binding;

    for (uint32_t i = 0; i < binding->shared_count; i++)
        if (binding->shared[i].field == (uint32_t)field)
            return (int)binding->shared[i].slot;
    return BB_SLOT_NONE;
}

bool bb_tagged_has_channel(const struct bb_tagged *record) {
    const struct bb_binding *binding = record->binding;

    for (uint32_t i = 0; i < binding->channel_count; i++) {
        const struct bb_bound_channel *channel = &binding->channels[i];
        if (channel->own_count == 0 || record->cells[channel->own[0].slot].type != BB_CELL_ABSENT)
            return true;
    }
    return false;
}
