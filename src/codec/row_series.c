/* Which series is a row of? Three ways, from cheap to dear:
 *
 *   guess    the note of the row before, or the next one: files go meter by meter, or moment by
 *            moment through the same meters in the same order
 *   hash     the table of notes; its memory is asked for ahead, a group of rows at a time
 *   make     a series not met in this run: names are checked, what is open is completed
 *
 * Notes are the writer's own, although the table of series could be asked as well: a note holds all
 * that a row needs in half a cache line, where the table's entry, its names and the rest take five
 * or six. */
#include "base/hash.h"
#include "codec/row_writer_internal.h"
#include "model/unit.h"

#include <stdlib.h>

enum { FIRST_NOTES = 64, NAMES_CHUNK_BYTES = 64 << 10 };

void bb_notes_init(struct bb_notes *notes, size_t names_limit_bytes) {
    *notes = (struct bb_notes){.last = BB_NOTE_NONE};
    bb_arena_init(&notes->names, NAMES_CHUNK_BYTES, names_limit_bytes);
}

void bb_notes_release(struct bb_notes *notes) {
    free(notes->items);
    free(notes->slots);
    bb_arena_release(&notes->names);
    *notes = (struct bb_notes){0};
}

struct bb_series_memory *bb_series_memory_new(void) {
    return calloc(1, sizeof(struct bb_series_memory));
}

void bb_series_memory_free(struct bb_series_memory *memory) {
    if (memory)
        bb_notes_release(&memory->notes);
    free(memory);
}

void bb_series_memory_clear(struct bb_series_memory *memory) {
    bb_notes_release(&memory->notes);
}

uint32_t bb_note_hash(const struct bb_cell *usage_point, const struct bb_cell *channel,
                      uint32_t said) {
    return (uint32_t)(bb_hash_seeded(bb_cell_span(*channel),
                                     bb_hash(bb_cell_span(*usage_point)) + said) >>
                      32);
}

uint32_t bb_note_find(const struct bb_notes *notes, uint32_t hash,
                      const struct bb_cell *usage_point, const struct bb_cell *channel,
                      uint32_t said) {
    uint32_t mask = notes->slot_count - 1;

    if (notes->slot_count == 0)
        return BB_NOTE_NONE;
    for (uint32_t at = hash & mask; notes->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t index = (uint32_t)notes->slots[at] - 1;
        if (notes->slots[at] >> 32 == hash &&
            bb_note_is(&notes->items[index], usage_point, channel, said))
            return index;
    }
    return BB_NOTE_NONE;
}

static void put_slot(struct bb_notes *notes, uint64_t slot) {
    uint32_t mask = notes->slot_count - 1, at = (uint32_t)(slot >> 32) & mask;

    while (notes->slots[at] != 0)
        at = (at + 1) & mask;
    notes->slots[at] = slot;
}

static bool grow(struct bb_notes *notes) {
    uint32_t capacity = notes->capacity ? notes->capacity * 2 : FIRST_NOTES;
    struct bb_notes old = *notes;

    if (capacity > UINT32_MAX / 4)
        return false;
    struct bb_series_note *items = realloc(notes->items, capacity * sizeof *items);
    if (!items)
        return false;
    notes->items = items;
    notes->slots = calloc((size_t)capacity * 2, sizeof *notes->slots);
    if (!notes->slots) {
        notes->slots = old.slots;
        return false;
    }
    notes->capacity = capacity;
    notes->slot_count = capacity * 2;
    for (uint32_t i = 0; i < old.slot_count; i++)
        if (old.slots[i] != 0)
            put_slot(notes, old.slots[i]);
    free(old.slots);
    return true;
}

/* A note of what a row says; the rest is the caller's to fill. NULL when memory is out. */
static struct bb_series_note *add_note(struct bb_row_writer *writer, const struct bb_row *row,
                                       const struct bb_row_values *values) {
    const struct bb_cell *usage_point = &row->cell[BB_FIELD_USAGE_POINT];
    const struct bb_cell *channel = &row->cell[BB_FIELD_CHANNEL];
    struct bb_notes *notes = &writer->notes;

    if (notes->count == notes->capacity && !grow(notes))
        return NULL;
    char *names = bb_arena_take(&notes->names, usage_point->size + channel->size);
    if (!names)
        return NULL;
    memcpy(names, usage_point->data, usage_point->size);
    memcpy(names + usage_point->size, channel->data, channel->size);
    struct bb_series_note *note = &notes->items[notes->count++];
    *note = (struct bb_series_note){
        .names = names,
        .usage_point_size = (uint8_t)usage_point->size,
        .channel_size = (uint8_t)channel->size,
        .said = values->said,
    };
    put_slot(notes, (uint64_t)values->hash << 32 | notes->count);
    return note;
}

void bb_row_guess_notes(struct bb_row_writer *writer) {
    struct bb_notes *notes = &writer->notes;
    uint32_t last = notes->last;

    for (uint32_t i = 0; i < writer->group.count; i++) {
        const struct bb_row *row = &writer->group.rows[i];
        struct bb_row_values *values = &writer->values[i];
        const struct bb_cell *usage_point = &row->cell[BB_FIELD_USAGE_POINT];
        const struct bb_cell *channel = &row->cell[BB_FIELD_CHANNEL];
        values->note = BB_NOTE_NONE;
        if (values->odd)
            continue;
        last = bb_note_guess(notes, last, usage_point, channel, values->said);
        values->note = last;
        if (last != BB_NOTE_NONE)
            continue;
        values->hash = bb_note_hash(usage_point, channel, values->said);
        if (notes->slot_count > 0)
            __builtin_prefetch(&notes->slots[values->hash & (notes->slot_count - 1)]);
    }
}

/* The slots are asked for: ask for the notes, then for the names they point to. */
void bb_row_prefetch_notes(struct bb_row_writer *writer) {
    const struct bb_notes *notes = &writer->notes;
    const struct bb_series_note *asked[BB_ROW_GROUP];
    uint32_t count = 0;

    if (notes->slot_count == 0)
        return;
    for (uint32_t i = 0; i < writer->group.count; i++) {
        const struct bb_row_values *values = &writer->values[i];
        if (values->odd || values->note != BB_NOTE_NONE)
            continue;
        uint32_t index = (uint32_t)notes->slots[values->hash & (notes->slot_count - 1)];
        if (index == 0)
            continue;
        asked[count] = &notes->items[index - 1];
        __builtin_prefetch(asked[count++]);
    }
    for (uint32_t i = 0; i < count; i++)
        __builtin_prefetch(asked[i]->names);
}

/* What the map says of a channel that is named in the rows. */
static const struct bb_channel_rule *rule_of(const struct bb_map *map, const struct bb_row *row) {
    if (map->wide)
        return row->rule;
    for (uint32_t i = 0; i < map->channel_count; i++)
        if (bb_span_equal(map->channels[i].name, bb_cell_span(row->cell[BB_FIELD_CHANNEL])))
            return &map->channels[i];
    return row->rule;
}

static int check_names(const struct bb_series *series, struct bb_error *reason) {
    int failure = bb_name_check(series->usage_point, "usage point", reason);
    return failure ? failure : bb_name_check(series->channel, "channel", reason);
}

/* A series as the row, the map and then everybody else describe it. */
static struct bb_series describe(const struct bb_row_writer *writer, const struct bb_row *row,
                                 const struct bb_row_values *values,
                                 const struct bb_channel_rule *rule) {
    const struct bb_zone *zone = values->zone;
    struct bb_series series = {
        .usage_point = bb_cell_span(row->cell[BB_FIELD_USAGE_POINT]),
        .channel = bb_cell_span(row->cell[BB_FIELD_CHANNEL]),
        .zone = zone ? bb_span_of(bb_zone_name(zone)) : BB_SPAN(""),
        .kind = values->kind ? values->kind : rule->kind,
        .commodity = values->commodity ? values->commodity : rule->commodity,
        .interval_s = values->interval.seconds ? values->interval.seconds : rule->interval.seconds,
    };

    if (values->unit >= 0 || rule->unit >= 0)
        series.unit = (uint8_t)(values->unit >= 0 ? values->unit : rule->unit);
    /* A row with both ends speaks of what lies between them. */
    if (values->stamp_ms != BB_TIME_NONE && values->start_ms != BB_TIME_NONE &&
        values->stamp_ms > values->start_ms) {
        int64_t length_s = (values->stamp_ms - values->start_ms) / BB_SECOND_MS;
        if (series.kind == BB_KIND_UNKNOWN && !writer->options->kind)
            series.kind = BB_KIND_INTERVAL;
        if (series.interval_s == 0 && !writer->options->interval_s && length_s <= UINT32_MAX)
            series.interval_s = (uint32_t)length_s;
    }
    return series;
}

static int make_series(struct bb_row_writer *writer, const struct bb_row *row,
                       struct bb_row_values *values, struct bb_error *reason,
                       struct bb_error *error) {
    const struct bb_channel_rule *rule = rule_of(writer->map, row);
    struct bb_series series = describe(writer, row, values, rule);

    if (check_names(&series, reason) != 0)
        return BB_ROW_REJECTED;
    int failure = bb_series_complete(writer->options, &series, error);
    if (failure) {
        bb_error_locate(error, writer->options->source, row->line);
        return failure;
    }
    uint32_t index = bb_series_table_add(writer->table, &series);
    struct bb_series_note *note = index != UINT32_MAX ? add_note(writer, row, values) : NULL;
    if (!note)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channel after %u channels",
                       writer->table->count);
    note->series = index;
    note->rule = rule;
    note->unit = series.unit;
    if (series.kind == BB_KIND_INTERVAL) {
        note->length_s = series.interval_s;
        note->flags |= BB_NOTE_INTERVAL;
    }
    if (values->unit >= 0 || rule->unit >= 0 || series.unit != BB_UNIT_NONE)
        note->flags |= BB_NOTE_UNIT;
    if (rule->multiplier.mantissa == 0 && rule->interval.step == BB_STEP_SECONDS)
        note->flags |= BB_NOTE_PLAIN;
    values->note = writer->notes.count - 1;
    return BB_ROW_OK;
}

int bb_row_find_note(struct bb_row_writer *writer, const struct bb_row *row,
                     struct bb_row_values *values, struct bb_error *reason,
                     struct bb_error *error) {
    const struct bb_cell *usage_point = &row->cell[BB_FIELD_USAGE_POINT];
    const struct bb_cell *channel = &row->cell[BB_FIELD_CHANNEL];

    if (values->note == BB_NOTE_NONE)
        values->note = bb_note_find(&writer->notes, values->hash, usage_point, channel,
                                    values->said);
    return values->note != BB_NOTE_NONE ? BB_ROW_OK
                                        : make_series(writer, row, values, reason, error);
}
