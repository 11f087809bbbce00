/* Which series is a row of? Three ways, from cheap to dear:
 *
 *   guess    the series of the row before, or the one first seen after it: files go meter by meter,
 *            or moment by moment through the same meters in the same order
 *   hash     the table of series; its memory is asked for ahead, a group at a time
 *   make     a series not met in this run: names are checked, what is open is completed
 *
 * A note per series says whether this run has been through `make` with it, so that a table shared
 * by several files never lends one file's answers to another. */
#include "codec/row_writer_internal.h"

#include <stdlib.h>

void bb_row_guess_series(struct bb_row_writer *writer) {
    const uint32_t names = BB_FIELD_BIT(BB_FIELD_USAGE_POINT) | BB_FIELD_BIT(BB_FIELD_CHANNEL);
    const struct bb_series_table *table = writer->table;
    uint32_t last = writer->last_series;

    for (uint32_t i = 0; i < writer->group.count; i++) {
        const struct bb_row *row = &writer->group.rows[i];
        struct bb_row_values *values = &writer->values[i];
        values->series = BB_SERIES_NONE;
        if ((row->present & names) != names)
            continue;
        last = bb_row_guess(writer, last, &row->cell[BB_FIELD_USAGE_POINT],
                            &row->cell[BB_FIELD_CHANNEL]);
        values->series = last;
        if (last != BB_SERIES_NONE)
            continue;
        values->hash = bb_series_hash(bb_cell_span(row->cell[BB_FIELD_USAGE_POINT]),
                                      bb_cell_span(row->cell[BB_FIELD_CHANNEL]));
        if (table->slot_count > 0)
            __builtin_prefetch(&table->slots[(uint32_t)values->hash & (table->slot_count - 1)]);
    }
}

/* The slots are here by now: ask for the entries, then for the names they point to. */
void bb_row_prefetch_series(struct bb_row_writer *writer) {
    const struct bb_series_table *table = writer->table;
    const struct bb_series *entries[BB_ROW_GROUP];
    uint32_t count = 0;

    if (table->slot_count == 0)
        return;
    for (uint32_t i = 0; i < writer->group.count; i++) {
        const struct bb_row_values *values = &writer->values[i];
        if (values->odd || values->series != BB_SERIES_NONE)
            continue;
        uint32_t index = (uint32_t)table->slots[(uint32_t)values->hash & (table->slot_count - 1)];
        if (index == 0)
            continue;
        entries[count] = &table->items[index - 1];
        __builtin_prefetch(entries[count]);
        __builtin_prefetch((const char *)(entries[count] + 1) - 1);
        if (index <= writer->note_capacity)
            __builtin_prefetch(&writer->notes[index - 1]);
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        __builtin_prefetch(entries[i]->usage_point.data);
        __builtin_prefetch(entries[i]->channel.data);
    }
}

/* Notes for every series there can be without the table growing. */
static bool grow_notes(struct bb_row_writer *writer) {
    uint32_t capacity = writer->table->capacity;

    if (writer->note_capacity >= capacity)
        return true;
    struct bb_series_note *notes = realloc(writer->notes, capacity * sizeof *notes);
    if (!notes)
        return false;
    memset(notes + writer->note_capacity, 0, (capacity - writer->note_capacity) * sizeof *notes);
    writer->notes = notes;
    writer->note_capacity = capacity;
    return true;
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
    if (index == BB_SERIES_NONE || !grow_notes(writer))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channel after %u channels",
                       writer->table->count);
    struct bb_series_note *note = &writer->notes[index];
    note->rule = rule;
    note->length_s = 0;
    if (series.kind == BB_KIND_INTERVAL)
        note->length_s = rule->interval.seconds ? rule->interval.seconds
                                                : writer->table->items[index].interval_s;
    if (rule->multiplier.mantissa == 0 && rule->interval.step == BB_STEP_SECONDS)
        note->flags |= BB_NOTE_PLAIN;
    note->flags |= bb_note_seen(values->unit >= 0, values->kind != BB_KIND_UNKNOWN);
    if (values->unit < 0 && (rule->unit >= 0 || series.unit != BB_UNIT_NONE))
        note->flags |= BB_NOTE_UNIT;
    values->series = index;
    return BB_ROW_OK;
}

/* Has this run made it, for a row like this one? */
static bool is_made(const struct bb_row_writer *writer, uint32_t index,
                    const struct bb_row_values *values) {
    uint8_t wanted = bb_note_seen(values->unit >= 0, values->kind != BB_KIND_UNKNOWN);
    const struct bb_series *series = &writer->table->items[index];

    return index < writer->note_capacity && writer->notes[index].flags & wanted &&
           (values->unit < 0 || series->unit == values->unit) &&
           (values->kind == BB_KIND_UNKNOWN || series->kind == values->kind);
}

int bb_row_find_series(struct bb_row_writer *writer, const struct bb_row *row,
                       struct bb_row_values *values, struct bb_error *reason,
                       struct bb_error *error) {
    struct bb_span usage_point = bb_cell_span(row->cell[BB_FIELD_USAGE_POINT]);
    struct bb_span channel = bb_cell_span(row->cell[BB_FIELD_CHANNEL]);

    if (values->series != BB_SERIES_NONE) {
        if (is_made(writer, values->series, values))
            return BB_ROW_OK;
        values->hash = writer->table->items[values->series].hash;
    }
    values->series = bb_series_table_find(writer->table, values->hash, usage_point, channel,
                                          values->unit);
    if (values->series != BB_SERIES_NONE && is_made(writer, values->series, values))
        return BB_ROW_OK;
    return make_series(writer, row, values, reason, error);
}
