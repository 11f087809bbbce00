/* Gathering: see gather.h. */
#include "service/gather.h"

#include "model/frame.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 1 << 20, FRAME_LIMIT_BYTES = 256 << 20, ARENA_LIMIT_BYTES = 1 << 30 };

void bb_gather_init(struct bb_gather *g) {
    *g = (struct bb_gather){0};
    bb_arena_init(&g->frame, ARENA_CHUNK_BYTES, FRAME_LIMIT_BYTES);
    bb_arena_init(&g->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_gather_release(struct bb_gather *g) {
    free(g->rows);
    free(g->origins);
    free(g->runs);
    free(g->sorted);
    free(g->starts);
    free(g->masters.items);
    free(g->ticks);
    free(g->sources);
    free(g->attribute_of);
    bb_attribute_set_release(&g->attributes);
    bb_arena_release(&g->frame);
    bb_arena_release(&g->arena);
    *g = (struct bb_gather){0};
}

void bb_gather_clear(struct bb_gather *g) {
    g->count = g->run_count = g->origin_count = 0;
    g->masters.count = 0;
    g->masters.index = NULL;
    g->tick_count = 0;
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

/* `slot` of one of the frame's series, when it is BB_CHANNEL_NONE yet; the first reading may say what the channel is. */
static int find_slot(struct bb_channel_table *channels, struct bb_store_view *view,
                     const struct bb_frame *f, uint32_t series, int64_t line, uint32_t *slot,
                     struct bb_error *error) {
    const struct bb_series *s = &f->series[series];
    int result = *slot == BB_CHANNEL_NONE
                     ? bb_channel_table_find(channels, view, f->tenant, s, slot, error)
                     : 0;

    if (!result && bb_channel_table_may_tell(channels, f->received_ms))
        result = bb_channel_table_tell(channels, view, *slot, s, f->received_ms, line, error);
    return result;
}

/* A run for each of the frame's series that has readings. */
static int take_runs(struct bb_gather *g, struct bb_channel_table *channels,
                     struct bb_store_view *view, const struct bb_frame *f, struct bb_error *error) {
    uint32_t *slots = bb_arena_take(&g->frame, f->series_count * sizeof *slots);
    size_t first = 0;

    if (!slots || !reserve((void **)&g->runs, &g->run_capacity, g->run_count + f->series_count,
                           sizeof g->runs[0]))
        return no_memory(error);
    int result = bb_channel_table_look(channels, view, f->tenant, f->series, f->series_count,
                                       &g->frame, slots, error);
    for (uint32_t i = 0; !result && i < f->series_count; i++) {
        const uint32_t count = (uint32_t)f->series_rows[i];
        if (count == 0)
            continue;
        result = find_slot(channels, view, f, i, f->line[first], &slots[i], error);
        g->runs[g->run_count] = (struct bb_gather_run){slots[i], count};
        g->run_count += !result;
        first += count;
    }
    return result;
}

static bool is_near(int64_t line, int64_t from) {
    int64_t far;

    return !__builtin_sub_overflow(line, from, &far) && far >= INT32_MIN && far <= INT32_MAX;
}

static bool comes_from(const struct bb_gather_origin *a, const struct bb_gather_origin *b) {
    return a->received_ms == b->received_ms && a->issued_ms == b->issued_ms &&
           a->attribute == b->attribute && is_near(a->line, b->line);
}

/* The index of an origin. `latest`: of the readings so far with the frame's attribute; or it is the last of the frame before. */
static uint32_t origin_of(struct bb_gather *g, const struct bb_gather_origin *origin,
                          uint32_t *latest) {
    if (*latest < g->origin_count && comes_from(origin, &g->origins[*latest]))
        return *latest;
    if (g->origin_count == 0 || !comes_from(origin, &g->origins[g->origin_count - 1]))
        g->origins[g->origin_count++] = *origin;
    return *latest = (uint32_t)(g->origin_count - 1);
}

static void take_rows(struct bb_gather *g, const struct bb_frame *f, uint32_t *latest) {
    struct bb_gather_row *row = g->rows + g->count;

    for (uint32_t i = 0; i < f->count; i++) {
        const struct bb_gather_origin origin = {f->received_ms, f->issued_ms[i], f->line[i],
                                                g->attribute_of[f->attribute[i]]};
        const uint32_t number = origin_of(g, &origin, &latest[f->attribute[i]]);
        row[i] = (struct bb_gather_row){f->end_ms[i], f->mantissa[i],
                                        (int32_t)(f->line[i] - g->origins[number].line), number};
    }
    g->count += f->count;
}

/* Room for a frame's rows, and for as many origins as they can have. */
static bool reserve_rows(struct bb_gather *g, uint32_t count) {
    return g->count + count <= UINT32_MAX && /* see BB_GATHER_ROWS_MOST */
           reserve((void **)&g->rows, &g->capacity, g->count + count, sizeof g->rows[0]) &&
           reserve((void **)&g->origins, &g->origin_capacity, g->origin_count + count,
                   sizeof g->origins[0]);
}

static int take_frame(struct bb_gather *g, struct bb_channel_table *channels,
                      struct bb_store_view *view, const struct bb_log_record *record,
                      struct bb_error *error) {
    struct bb_frame f;

    bb_arena_reset(&g->frame);
    int result = bb_frame_decode(record->body, &g->frame, &f, error);
    if (!result)
        result = take_runs(g, channels, view, &f, error);
    if (result)
        return result;
    if (!note_source(g, f.received_ms, f.source) || !reserve_rows(g, f.count) ||
        !reserve_u32(&g->attribute_of, &g->attribute_capacity, f.attribute_count))
        return no_memory(error);
    for (uint32_t i = 0; i < f.attribute_count; i++) {
        g->attribute_of[i] = bb_attribute_set_index(&g->attributes, &f.attributes[i]);
        if (g->attribute_of[i] == UINT32_MAX)
            return no_memory(error);
    }
    uint32_t *latest = bb_arena_take(&g->frame, f.attribute_count * sizeof *latest);
    if (!latest)
        return no_memory(error);
    memset(latest, 0xff, f.attribute_count * sizeof *latest); /* none */
    take_rows(g, &f, latest);
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

static int take_tick(struct bb_gather *g, const struct bb_log_record *record,
                     struct bb_error *error) {
    struct bb_tick tick;
    int result = bb_tick_decode(record, &tick, error);

    if (result)
        return result;
    tick.tenant = bb_arena_copy(&g->arena, tick.tenant);
    if (!tick.tenant.data ||
        !reserve((void **)&g->ticks, &g->tick_capacity, g->tick_count + 1, sizeof g->ticks[0]))
        return no_memory(error);
    g->ticks[g->tick_count++] = tick;
    return 0;
}

static int by_received(const void *a, const void *b) {
    const struct bb_gather_source *x = a, *y = b;
    return (x->received_ms > y->received_ms) - (x->received_ms < y->received_ms);
}

void bb_gather_sort_sources(struct bb_gather *g) {
    if (g->source_count > 0)
        qsort(g->sources, g->source_count, sizeof g->sources[0], by_received);
}

struct bb_span bb_gather_source_at(const struct bb_gather *g, int64_t received_ms) {
    struct bb_gather_source key = {.received_ms = received_ms};
    const struct bb_gather_source *found = g->source_count
                                               ? bsearch(&key, g->sources, g->source_count,
                                                         sizeof key, by_received)
                                               : NULL;

    return found ? found->name : BB_SPAN("");
}

int bb_gather_take(struct bb_gather *g, struct bb_channel_table *channels,
                   struct bb_store_view *view, const struct bb_log_record *record,
                   struct bb_error *error) {
    switch (record->kind) {
    case BB_RECORD_MASTER: return take_master(g, record, error);
    case BB_RECORD_TICK: return take_tick(g, record, error);
    default: return take_frame(g, channels, view, record, error);
    }
}

int bb_gather_sort(struct bb_gather *g, uint32_t slot_count, struct bb_error *error) {
    if (!reserve((void **)&g->sorted, &g->sorted_capacity, g->run_count, sizeof g->sorted[0]) ||
        !reserve_u32(&g->starts, &g->start_capacity, slot_count + 1))
        return no_memory(error);
    uint32_t *starts = g->starts;
    memset(starts, 0, (slot_count + 1) * sizeof *starts);
    for (size_t i = 0; i < g->run_count; i++)
        starts[g->runs[i].slot + 1]++;
    for (uint32_t slot = 0; slot < slot_count; slot++)
        starts[slot + 1] += starts[slot];
    uint32_t first = 0;
    for (size_t i = 0; i < g->run_count; i++) {
        const struct bb_gather_run *run = &g->runs[i];
        g->sorted[starts[run->slot]++] = (struct bb_gather_piece){first, run->count};
        first += run->count;
    }
    /* Each start has moved to the next slot's: move them back. */
    memmove(starts + 1, starts, slot_count * sizeof *starts);
    starts[0] = 0;
    return 0;
}

struct bb_told *bb_gather_told(const struct bb_gather *g, const struct bb_gather_piece *pieces,
                               size_t piece_count, struct bb_arena *arena, size_t *count) {
    enum { PIECES_AHEAD = 4 };
    size_t sum = 0;

    for (size_t i = 0; i < piece_count; i++)
        sum += pieces[i].count;
    *count = sum;
    struct bb_told *told = bb_arena_take(arena, sum * sizeof *told), *at = told;
    for (size_t i = 0; told && i < piece_count; i++) {
        if (i + PIECES_AHEAD < piece_count) { /* a row may lie in two lines of the cache */
            const struct bb_gather_row *ahead = &g->rows[pieces[i + PIECES_AHEAD].first];
            __builtin_prefetch(ahead);
            __builtin_prefetch((const char *)(ahead + 1) - 1);
        }
        const struct bb_gather_row *row = g->rows + pieces[i].first;
        for (uint32_t k = 0; k < pieces[i].count; k++, row++) {
            const struct bb_gather_origin *origin = &g->origins[row->origin];
            *at++ = (struct bb_told){.end_ms = row->end_ms,
                                     .mantissa = row->mantissa,
                                     .received_ms = origin->received_ms,
                                     .issued_ms = origin->issued_ms,
                                     .line = origin->line + row->line,
                                     .attribute = origin->attribute};
        }
    }
    return told;
}
