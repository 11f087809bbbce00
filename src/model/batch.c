/* Batches and the table of their series: see batch.h. */
#include "model/batch.h"

#include "base/hash.h"

#include <stdlib.h>

enum { FIRST_SERIES = 64, SERIES_ARENA_CHUNK = 256 << 10 };

uint64_t bb_usage_point_hash(struct bb_span usage_point) {
    return bb_hash(usage_point);
}

uint64_t bb_series_hash(struct bb_span usage_point, struct bb_span channel) {
    return bb_hash_seeded(channel, bb_hash(usage_point));
}

void bb_series_table_init(struct bb_series_table *table, size_t limit_bytes) {
    *table = (struct bb_series_table){0};
    bb_arena_init(&table->arena, SERIES_ARENA_CHUNK, limit_bytes);
}

void bb_series_table_release(struct bb_series_table *table) {
    if (!table)
        return;
    free(table->items);
    free(table->slots);
    bb_arena_release(&table->arena);
    *table = (struct bb_series_table){0};
}

void bb_series_table_clear(struct bb_series_table *table) {
    table->count = 0;
    if (table->slots)
        memset(table->slots, 0, table->slot_count * sizeof table->slots[0]);
    bb_arena_reset(&table->arena);
}

/* A slot holds the hash's upper half and index + 1, so that most misses cost no second look. */
static uint64_t slot_value(uint64_t hash, uint32_t index) {
    return (hash & 0xffffffff00000000ULL) | (index + 1);
}

uint32_t bb_series_table_find(const struct bb_series_table *table, uint64_t hash,
                              struct bb_span usage_point, struct bb_span channel, int unit) {
    if (table->slot_count == 0)
        return UINT32_MAX;
    uint32_t mask = table->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask; table->slots[at] != 0; at = (at + 1) & mask) {
        if ((table->slots[at] ^ hash) >> 32 != 0)
            continue;
        uint32_t index = (uint32_t)table->slots[at] - 1;
        const struct bb_series *s = &table->items[index];
        if ((unit < 0 || s->unit == unit) && s->hash == hash &&
            bb_span_equal(s->usage_point, usage_point) && bb_span_equal(s->channel, channel))
            return index;
    }
    return UINT32_MAX;
}

static bool same_description(const struct bb_series *a, const struct bb_series *b) {
    return a->hash == b->hash && a->interval_s == b->interval_s && a->kind == b->kind &&
           a->commodity == b->commodity && a->unit == b->unit && bb_span_equal(a->zone, b->zone) &&
           bb_span_equal(a->obis, b->obis) && bb_span_equal(a->usage_point, b->usage_point) &&
           bb_span_equal(a->channel, b->channel);
}

static bool grow(struct bb_series_table *table) {
    uint32_t capacity = table->capacity ? table->capacity * 2 : FIRST_SERIES;
    struct bb_series *items = realloc(table->items, capacity * sizeof *items);

    if (!items)
        return false;
    table->items = items;
    uint64_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!slots)
        return false;
    free(table->slots);
    table->slots = slots;
    table->slot_count = capacity * 2;
    table->capacity = capacity;
    uint32_t mask = table->slot_count - 1;
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t at = (uint32_t)items[i].hash & mask;
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = slot_value(items[i].hash, i);
    }
    return true;
}

/* A copy in the arena; an empty text needs no memory and cannot fail. */
static bool keep(struct bb_series_table *table, struct bb_span *text) {
    if (text->size == 0) {
        *text = BB_SPAN("");
        return true;
    }
    *text = bb_arena_copy(&table->arena, *text);
    return text->data != NULL;
}

uint32_t bb_series_table_add(struct bb_series_table *table, const struct bb_series *series) {
    struct bb_series copy = *series;

    copy.hash = bb_series_hash(series->usage_point, series->channel);
    if (table->count == table->capacity && (table->capacity > UINT32_MAX / 8 || !grow(table)))
        return UINT32_MAX;
    uint32_t mask = table->slot_count - 1, at = (uint32_t)copy.hash & mask;
    for (; table->slots[at] != 0; at = (at + 1) & mask)
        if ((table->slots[at] ^ copy.hash) >> 32 == 0 &&
            same_description(&table->items[(uint32_t)table->slots[at] - 1], &copy))
            return (uint32_t)table->slots[at] - 1;
    if (!keep(table, &copy.usage_point) || !keep(table, &copy.channel) ||
        !keep(table, &copy.zone) || !keep(table, &copy.obis))
        return UINT32_MAX;
    table->items[table->count] = copy;
    table->slots[at] = slot_value(copy.hash, table->count);
    return table->count++;
}

int bb_batch_init(struct bb_batch *batch, uint32_t capacity, struct bb_error *error) {
    *batch = (struct bb_batch){.capacity = capacity};
    bb_attribute_set_init(&batch->attributes);
    batch->series = malloc(capacity * sizeof batch->series[0]);
    batch->attribute = malloc(capacity * sizeof batch->attribute[0]);
    batch->end_ms = malloc(capacity * sizeof batch->end_ms[0]);
    batch->mantissa = malloc(capacity * sizeof batch->mantissa[0]);
    batch->line = malloc(capacity * sizeof batch->line[0]);
    batch->issued_ms = malloc(capacity * sizeof batch->issued_ms[0]);
    if (!batch->series || !batch->attribute || !batch->end_ms || !batch->mantissa || !batch->line ||
        !batch->issued_ms) {
        bb_batch_release(batch);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a batch of %u readings", capacity);
    }
    return 0;
}

void bb_batch_release(struct bb_batch *batch) {
    if (!batch)
        return;
    bb_attribute_set_release(&batch->attributes);
    free(batch->series);
    free(batch->attribute);
    free(batch->end_ms);
    free(batch->mantissa);
    free(batch->line);
    free(batch->issued_ms);
    *batch = (struct bb_batch){0};
}

void bb_batch_clear(struct bb_batch *batch) {
    batch->count = 0;
    batch->has_issued = false;
    bb_attribute_set_clear(&batch->attributes);
}
