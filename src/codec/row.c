/* Rows to readings: see row_internal.h. This file has the order of the steps and the last one. */
#include "codec/row_writer_internal.h"

#include <stdlib.h>

static void choose_point(struct bb_row_writer *writer) {
    const struct bb_map *map = writer->map;

    writer->point = map->decimal;
    if (!writer->point && writer->delimiter == ',')
        writer->point = '.';
    for (uint32_t i = 0; i < map->missing_count; i++) {
        struct bb_decimal number;
        struct bb_span text = map->missing[i];
        writer->missing_first |= bb_decimal_parse(text, '.', &number) == BB_DECIMAL_OK ||
                                 bb_decimal_parse(text, ',', &number) == BB_DECIMAL_OK;
    }
    writer->plain_ready = writer->point && !writer->missing_first;
}

/* Those of the runs before, or none. */
static void take_notes(struct bb_row_writer *writer) {
    struct bb_series_memory *memory = writer->options->memory;

    if (memory && memory->notes.count > 0) {
        BB_ASSERT(!writer->options->map && writer->table->count > 0);
        writer->notes = memory->notes;
        memory->notes = (struct bb_notes){0};
        writer->notes.last = BB_NOTE_NONE;
    } else {
        bb_notes_init(&writer->notes, writer->table->arena.limit_bytes);
    }
}

static void give_notes_back(struct bb_row_writer *writer) {
    struct bb_series_memory *memory = writer->options->memory;

    if (memory) {
        bb_notes_release(&memory->notes);
        memory->notes = writer->notes;
    } else {
        bb_notes_release(&writer->notes);
    }
}

int bb_row_writer_new(const struct bb_decode_options *options, struct bb_series_table *table,
                      const struct bb_decode_sink *sink, char delimiter, struct bb_row_writer **out,
                      struct bb_error *error) {
    struct bb_row_writer *writer = calloc(1, sizeof *writer);

    if (!writer)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a decoder");
    writer->options = options;
    writer->map = bb_map_of(options);
    writer->table = table;
    writer->sink = sink;
    writer->zone = bb_map_zone(options);
    writer->latest_ms = options->received_ms + (int64_t)BB_FUTURE_LIMIT_H * BB_HOUR_MS;
    writer->delimiter = delimiter;
    choose_point(writer);
    int failure = bb_batch_init(&writer->batch, BB_BATCH_CAPACITY, error);
    if (failure) {
        free(writer);
        return failure;
    }
    take_notes(writer);
    writer->batch.series_table = table;
    *out = writer;
    return 0;
}

void bb_row_writer_free(struct bb_row_writer *writer) {
    if (!writer)
        return;
    bb_batch_release(&writer->batch);
    bb_zone_set_free(writer->own_zones);
    give_notes_back(writer);
    free(writer->memories);
    free(writer);
}

struct bb_row_group *bb_row_writer_group(struct bb_row_writer *writer) {
    return &writer->group;
}

static int hand_on(struct bb_row_writer *writer, struct bb_error *error) {
    if (writer->batch.count == 0)
        return 0;
    int failure = writer->sink->batch(writer->sink->context, &writer->batch, error);
    bb_batch_clear(&writer->batch);
    memset(writer->attributes, 0, sizeof writer->attributes);
    writer->last_attribute.key = 0;
    return failure;
}

static int report(struct bb_row_writer *writer, uint64_t line, struct bb_error *reason,
                  struct bb_error *error) {
    bb_error_locate(reason, writer->options->source, line);
    writer->rejected_line = line;
    int failure = writer->sink->reject(writer->sink->context, reason, error);
    if (failure)
        return failure;
    if (++writer->reject_count < BB_REJECTS_MAX)
        return 0;
    failure = BB_FAIL(error, BB_E_TOO_MANY_ERRORS, "given up after %d bad lines, the last: %.300s",
                      BB_REJECTS_MAX, reason->text);
    bb_error_locate(error, writer->options->source, line);
    return failure;
}

int bb_row_reject(struct bb_row_writer *writer, uint64_t line, struct bb_error *reason,
                  struct bb_error *error) {
    int failure = bb_row_settle(writer, error);
    return failure ? failure : report(writer, line, reason, error);
}

/* A wide line is reported once for what its readings share, but once for each bad value. */
static int report_row(struct bb_row_writer *writer, const struct bb_row *row,
                      struct bb_error *reason, struct bb_error *error) {
    if (writer->rejected_line == row->line && reason->code != BB_E_VALUE)
        return 0;
    return report(writer, row->line, reason, error);
}

static bool grow_memories(struct bb_row_writer *writer) {
    uint32_t capacity = writer->table->capacity;

    if (writer->memory_capacity >= capacity)
        return true;
    struct bb_local_memory *memories = realloc(writer->memories, capacity * sizeof *memories);
    if (!memories)
        return false;
    memset(memories + writer->memory_capacity, 0,
           (capacity - writer->memory_capacity) * sizeof *memories);
    writer->memories = memories;
    writer->memory_capacity = capacity;
    return true;
}

/* A civil time that is not the row's own moment: of two candidates the later one that is still
 * before `limit_ms`. */
static int64_t local_before(const struct bb_zone *zone, int64_t civil_ms, int64_t limit_ms) {
    int64_t first, second;

    bb_zone_to_utc(zone, civil_ms, &first, &second);
    return second < limit_ms ? second : first;
}

/* Where a reading stands in time, besides its end. */
struct place {
    uint32_t length_s; /* of the interval; 0: an instant */
    bool ambiguous;    /* its local time is a guess */
};

/* The row's civil times become moments. */
static int place_local(struct bb_row_writer *writer, struct bb_row_values *values, bool *ambiguous,
                       struct bb_error *reason, struct bb_error *error) {
    int64_t *moment = values->stamp_ms != BB_TIME_NONE ? &values->stamp_ms : &values->start_ms;
    bool *is_local = moment == &values->stamp_ms ? &values->stamp_local : &values->start_local;

    if (*is_local) {
        if (!grow_memories(writer))
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the clocks of %u channels",
                           writer->table->count);
        int64_t civil_ms = *moment;
        switch (bb_local_resolve(&writer->day, values->zone,
                                 &writer->memories[writer->notes.items[values->note].series],
                                 civil_ms, moment)) {
        case BB_LOCAL_CERTAIN: break;
        case BB_LOCAL_GUESSED: *ambiguous = true; break;
        case BB_LOCAL_NEVER: {
            char text[BB_TIME_TEXT_MAX];
            text[bb_time_format_utc(civil_ms, text) - 1] = '\0'; /* without the Z */
            BB_FAIL(reason, BB_E_TIME,
                    "the local time %s never was in %s: the clock jumped over it", text,
                    bb_zone_name(values->zone));
            return BB_ROW_REJECTED;
        }
        }
        *is_local = false;
    }
    if (values->start_local)
        values->start_ms = local_before(values->zone, values->start_ms, values->stamp_ms);
    if (values->issued_local)
        values->issued_ms = local_before(values->zone, values->issued_ms, INT64_MAX);
    return BB_ROW_OK;
}

/* `count` days or months on the wall clock of a zone, forward or (negative) backward. */
static int64_t step_calendar(const struct bb_zone *zone, const struct bb_interval *interval,
                             int64_t from_ms, int sign) {
    int64_t offset_ms = (int64_t)bb_zone_offset_s(zone, from_ms) * BB_SECOND_MS, first, second;
    struct bb_civil civil;

    if (interval->step == BB_STEP_DAYS) {
        int64_t civil_ms = from_ms + offset_ms + sign * (int64_t)interval->count * BB_DAY_MS;
        bb_zone_to_utc(zone, civil_ms, &first, &second);
        return first;
    }
    bb_civil_from_ms(from_ms + offset_ms, &civil);
    int month = civil.year * 12 + civil.month - 1 + sign * (int)interval->count;
    civil.year = month / 12;
    civil.month = (int8_t)(month % 12 + 1);
    while (!bb_civil_valid(&civil)) /* 31 January and a month: the last of February */
        civil.day--;
    bb_zone_to_utc(zone, bb_civil_to_ms(&civil), &first, &second);
    return first;
}

/* From what is given of (start, end] and length to end and length in milliseconds. */
static int64_t place_interval(struct bb_row_values *values, const struct bb_series_note *note) {
    struct bb_interval interval = values->interval;
    bool from_start = values->stamp_ms == BB_TIME_NONE;
    int64_t known_ms = from_start ? values->start_ms : values->stamp_ms, other_ms;

    if (!from_start && values->start_ms != BB_TIME_NONE)
        return values->stamp_ms - values->start_ms;
    if (interval.seconds == 0)
        interval = note->rule->interval;
    if (interval.seconds == 0)
        interval.seconds = note->length_s;
    int64_t length_ms = (int64_t)interval.seconds * BB_SECOND_MS;
    if (interval.step != BB_STEP_SECONDS && values->zone) {
        other_ms = step_calendar(values->zone, &interval, known_ms, from_start ? 1 : -1);
        length_ms = from_start ? other_ms - known_ms : known_ms - other_ms;
    }
    if (from_start)
        values->stamp_ms = known_ms + length_ms;
    return length_ms;
}

/* Fills values->stamp_ms, the end, and *place. */
static int find_place(struct bb_row_writer *writer, const struct bb_series_note *note,
                      struct bb_row_values *values, struct place *place, struct bb_error *reason,
                      struct bb_error *error) {
    if (values->stamp_local || values->start_local || values->issued_local) {
        int outcome = place_local(writer, values, &place->ambiguous, reason, error);
        if (outcome != BB_ROW_OK)
            return outcome;
    }
    if (note->flags & BB_NOTE_INTERVAL) {
        int64_t length_ms = place_interval(values, note);
        if (length_ms <= 0 || length_ms % BB_SECOND_MS != 0 ||
            length_ms / BB_SECOND_MS > UINT32_MAX) {
            BB_FAIL(reason, BB_E_TIME,
                    "the interval ends %lld ms after its start; whole seconds, more than 0, are "
                    "allowed",
                    (long long)length_ms);
            return BB_ROW_REJECTED;
        }
        place->length_s = (uint32_t)(length_ms / BB_SECOND_MS);
    } else if (values->stamp_ms == BB_TIME_NONE) {
        values->stamp_ms = values->start_ms;
    }
    if (values->stamp_ms > writer->latest_ms || values->stamp_ms < BB_EARLIEST_MS)
        return bb_time_check(writer->options, values->stamp_ms, reason) ? BB_ROW_REJECTED
                                                                        : BB_ROW_OK;
    return BB_ROW_OK;
}

/* value × multiplier, exactly. */
static int multiply(struct bb_row_values *values, struct bb_decimal multiplier,
                    struct bb_error *reason) {
    bb_wide product = (bb_wide)values->mantissa * multiplier.mantissa;
    int exponent = values->exponent + multiplier.exponent;

    if (product < bb_power_of_ten[18] && product > -(bb_wide)bb_power_of_ten[18] &&
        exponent >= BB_DECIMAL_MIN_EXPONENT && exponent <= BB_DECIMAL_MAX_EXPONENT) {
        values->mantissa = (int64_t)product;
        values->exponent = (int8_t)exponent;
        return BB_ROW_OK;
    }
    BB_FAIL(reason, BB_E_VALUE,
            "the value times the map's multiplier has more than %d significant digits, or an "
            "exponent beyond %d to %d",
            BB_DECIMAL_MAX_DIGITS, BB_DECIMAL_MIN_EXPONENT, BB_DECIMAL_MAX_EXPONENT);
    return BB_ROW_REJECTED;
}

/* State, marks, unit, exponent and length as a key. */
static uint64_t key_of(const struct bb_row_values *values, const struct bb_series_note *note,
                       const struct place *place) {
    uint64_t key = BB_KEY_USED | (uint64_t)place->length_s << BB_KEY_LENGTH_SHIFT |
                   (uint64_t)note->unit << BB_KEY_UNIT_SHIFT | (uint8_t)values->exponent;

    if (values->quality > 0)
        key |= (uint64_t)values->quality << BB_KEY_QUALITY_SHIFT;
    if (values->missing)
        key |= BB_KEY_MISSING;
    if (place->ambiguous)
        key |= BB_KEY_AMBIGUOUS;
    if (!(note->flags & BB_NOTE_UNIT))
        key |= BB_KEY_ASSUMED;
    return key;
}

static uint32_t attribute_index(struct bb_row_writer *writer, const struct bb_row *row,
                                const struct bb_row_values *values, uint64_t key) {
    struct bb_quality quality = {0};

    if (values->quality != BB_QUALITY_OTHER)
        return bb_row_attribute(writer, key);
    (void)bb_row_quality(writer, bb_cell_span(row->cell[BB_FIELD_QUALITY]), &quality);
    return bb_row_attribute_of(writer, key, &quality);
}

static int push(struct bb_row_writer *writer, const struct bb_row *row,
                struct bb_row_values *values, struct bb_error *reason, struct bb_error *error) {
    int outcome = bb_row_find_note(writer, row, values, reason, error);
    if (outcome != BB_ROW_OK)
        return outcome;
    writer->notes.last = values->note;
    const struct bb_series_note *note = &writer->notes.items[values->note];
    struct place place = {0, false};

    outcome = find_place(writer, note, values, &place, reason, error);
    if (outcome == BB_ROW_OK && note->rule->multiplier.mantissa != 0 && !values->missing)
        outcome = multiply(values, note->rule->multiplier, reason);
    if (outcome != BB_ROW_OK)
        return outcome;
    if (bb_batch_full(&writer->batch) && (outcome = hand_on(writer, error)) != 0)
        return outcome;
    uint32_t index = attribute_index(writer, row, values, key_of(values, note, &place));
    if (index == UINT32_MAX)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the qualities of a batch");
    bb_batch_push(&writer->batch, note->series, index, values->stamp_ms, values->mantissa,
                  (int64_t)row->line);
    if (values->issued_ms != BB_TIME_NONE)
        bb_batch_set_issued(&writer->batch, values->issued_ms);
    return 0;
}

/* An odd row, or one whose series or place says no. */
static int refuse(struct bb_row_writer *writer, const struct bb_row *row, bool odd,
                  struct bb_error *reason, struct bb_error *error) {
    if (odd) {
        int failure = bb_row_explain(writer, row, reason, error);
        if (failure)
            return failure;
    }
    return report_row(writer, row, reason, error);
}

int bb_row_settle(struct bb_row_writer *writer, struct bb_error *error) {
    struct bb_row_group *group = &writer->group;
    struct bb_error reason;
    int outcome = 0;

    for (uint32_t i = 0; i < group->count; i++)
        bb_row_parse(writer, &group->rows[i], &writer->values[i]);
    bb_row_guess_notes(writer);
    bb_row_prefetch_notes(writer);
    for (uint32_t i = 0; i < group->count && outcome == 0; i++) {
        struct bb_row_values *values = &writer->values[i];
        if (!values->odd)
            outcome = push(writer, &group->rows[i], values, &reason, error);
        if (values->odd || outcome == BB_ROW_REJECTED)
            outcome = refuse(writer, &group->rows[i], values->odd, &reason, error);
    }
    group->count = 0;
    return outcome;
}

int bb_row_finish(struct bb_row_writer *writer, struct bb_error *error) {
    int failure = bb_row_settle(writer, error);
    return failure ? failure : hand_on(writer, error);
}
