/* Gathering: see gather.h. */
#include "service/gather.h"

#include "model/frame.h"

#include <stdlib.h>

/* AHEAD: how many series ahead a lookup is announced to the caches */
enum { AHEAD = 12, ARENA_CHUNK_BYTES = 1 << 20, FRAME_LIMIT_BYTES = 256 << 20, ARENA_LIMIT_BYTES = 1 << 30 };

void bb_gather_init(struct bb_gather *g) {
    *g = (struct bb_gather){0};
    bb_arena_init(&g->frame, ARENA_CHUNK_BYTES, FRAME_LIMIT_BYTES);
    bb_arena_init(&g->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_gather_release(struct bb_gather *g) {
    free(g->rows);
    free(g->masters.items);
    free(g->sources);
    free(g->slot_of);
    free(g->attribute_of);
    bb_attribute_set_release(&g->attributes);
    bb_arena_release(&g->frame);
    bb_arena_release(&g->arena);
    *g = (struct bb_gather){0};
}

void bb_gather_clear(struct bb_gather *g) {
    g->count = 0;
    g->masters.count = 0;
    g->masters.index = NULL;
    g->source_count = 0;
    bb_attribute_set_clear(&g->attributes);
    bb_arena_reset(&g->arena);
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to gather readings");
}

static bool reserve(void **items, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity)
        return true;
    size_t more = *capacity * 2 > need ? *capacity * 2 : need + 1024;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static bool reserve_u32(uint32_t **items, uint32_t *capacity, uint32_t need) {
    size_t wide = *capacity;
    void *memory = *items;
    bool done = reserve(&memory, &wide, need, sizeof **items);

    *items = memory;
    *capacity = (uint32_t)wide;
    return done;
}

static bool note_source(struct bb_gather *g, int64_t received_ms, struct bb_span name) {
    if (g->source_count > 0 && g->sources[g->source_count - 1].received_ms == received_ms)
        return true;
    if (!reserve((void **)&g->sources, &g->source_capacity, g->source_count + 1,
                 sizeof g->sources[0]))
        return false;
    struct bb_span copy = bb_arena_copy(&g->arena, name);
    g->sources[g->source_count++] = (struct bb_gather_source){received_ms, copy};
    return copy.data != NULL;
}

/* Which slot each of the frame's series is; the first reading of a series may describe it. */
static int map_series(struct bb_gather *g, struct bb_channel_table *channels,
                      struct bb_store_view *view, const struct bb_frame *f,
                      struct bb_error *error) {
    if (!reserve_u32(&g->slot_of, &g->slot_capacity, f->series_count))
        return no_memory(error);
    for (uint32_t i = 0; i < f->series_count; i++) {
        if (i + AHEAD < f->series_count)
            bb_channel_table_prefetch(channels, f->tenant, &f->series[i + AHEAD]);
        int result = bb_channel_table_find(channels, view, f->tenant, &f->series[i],
                                           &g->slot_of[i], error);
        if (result)
            return result;
    }
    int64_t next_series = 0; /* series are numbered by first appearance */
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->series_index[i] != next_series)
            continue;
        uint32_t slot = g->slot_of[next_series];
        const struct bb_channel_record *r = &channels->slots[slot].record;
        if (f->received_ms <= r->first_received_ms) {
            int result = bb_channel_table_tell(channels, view, slot, &f->series[next_series],
                                               f->received_ms, f->line[i], error);
            if (result)
                return result;
        }
        next_series++;
    }
    return 0;
}

static int take_frame(struct bb_gather *g, struct bb_channel_table *channels,
                      struct bb_store_view *view, const struct bb_log_record *record,
                      struct bb_error *error) {
    struct bb_frame f;

    bb_arena_reset(&g->frame);
    int result = bb_frame_decode(record->body, &g->frame, &f, error);
    if (!result)
        result = map_series(g, channels, view, &f, error);
    if (result)
        return result;
    if (!note_source(g, f.received_ms, f.source) ||
        !reserve((void **)&g->rows, &g->capacity, g->count + f.count, sizeof g->rows[0]) ||
        !reserve_u32(&g->attribute_of, &g->attribute_capacity, f.attribute_count))
        return no_memory(error);
    for (uint32_t i = 0; i < f.attribute_count; i++) {
        g->attribute_of[i] = bb_attribute_set_index(&g->attributes, &f.attributes[i]);
        if (g->attribute_of[i] == UINT32_MAX)
            return no_memory(error);
    }
    struct bb_told *row = g->rows + g->count;
    for (uint32_t i = 0; i < f.count; i++)
        row[i] = (struct bb_told){.end_ms = f.end_ms[i],
                                  .mantissa = f.mantissa[i],
                                  .received_ms = f.received_ms,
                                  .issued_ms = f.issued_ms[i],
                                  .line = f.line[i],
                                  .attribute = g->attribute_of[f.attribute[i]],
                                  .channel = g->slot_of[f.series_index[i]]};
    g->count += f.count;
    return 0;
}

static int take_master(struct bb_gather *g, const struct bb_log_record *record,
                       struct bb_error *error) {
    if (!reserve((void **)&g->masters.items, &g->masters.capacity, g->masters.count + 1,
                 sizeof g->masters.items[0]))
        return no_memory(error);
    struct bb_master_version *version = &g->masters.items[g->masters.count];
    char *value = bb_arena_take(&g->arena, BB_MASTER_VALUE_PREFIX + record->body.size);
    if (!value)
        return no_memory(error);
    for (int k = 0; k < BB_MASTER_VALUE_PREFIX; k++)
        value[k] = (char)((uint64_t)record->received_ms >> (8 * (BB_MASTER_VALUE_PREFIX - 1 - k)));
    if (record->body.size)
        memcpy(value + BB_MASTER_VALUE_PREFIX, record->body.data, record->body.size);
    version->received_ms = record->received_ms;
    version->value = (struct bb_span){value, BB_MASTER_VALUE_PREFIX + record->body.size};
    version->packed = (struct bb_span){value + BB_MASTER_VALUE_PREFIX, record->body.size};
    int result = bb_master_decode(version->packed, &g->arena, &version->master, error);
    g->masters.count += !result;
    return result;
}

int bb_gather_take(struct bb_gather *g, struct bb_channel_table *channels,
                   struct bb_store_view *view, const struct bb_log_record *record,
                   struct bb_error *error) {
    return record->kind == BB_RECORD_MASTER ? take_master(g, record, error)
                                            : take_frame(g, channels, view, record, error);
}

void bb_gather_sort(const struct bb_gather *g, uint32_t slot_count, struct bb_told *sorted,
                    uint32_t *starts) {
    memset(starts, 0, (slot_count + 1) * sizeof *starts);
    for (size_t i = 0; i < g->count; i++)
        starts[g->rows[i].channel + 1]++;
    for (uint32_t slot = 0; slot < slot_count; slot++)
        starts[slot + 1] += starts[slot];
    for (size_t i = 0; i < g->count; i++)
        sorted[starts[g->rows[i].channel]++] = g->rows[i];
    /* Each start has moved to the next slot's: move them back. */
    memmove(starts + 1, starts, slot_count * sizeof *starts);
    starts[0] = 0;
}
