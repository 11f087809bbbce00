/* The short way of a plain reading: see bb_row_plain in row_internal.h.
 *
 * Everything is expected to be like the record before, or next to it: the series, the day, the
 * words. Each expectation is checked by bytes; what fails one goes the long way, which also learns.
 */
#include "codec/number_text_internal.h"
#include "codec/row_writer_internal.h"

/* Up to this many series their table stays in the cache, and a lookup need not be prefetched. */
enum { SMALL_TABLE = 8192 };

/* After so many good guesses a single bad one is no reason to begin a group. */
enum { LONG_STREAK = 16 };

static inline bool is_text(const struct bb_cell *cell) {
    return cell->type == BB_CELL_TEXT && cell->size > 0;
}

/* A word met before; false: not met, or there are blanks around it. */
static inline bool recall_word(struct bb_words *words, const struct bb_cell *cell,
                               int32_t *meaning) {
    const struct bb_word *word = &words->items[words->last]; /* of size 0 when there is none */
    if (bb_word_is(word, cell->data, cell->size)) {
        *meaning = word->meaning;
        return true;
    }
    return bb_words_find(words, cell->data, cell->size, meaning);
}

static inline uint32_t find_note(struct bb_row_writer *writer, const struct bb_cell *usage_point,
                                 const struct bb_cell *channel, uint32_t said) {
    struct bb_notes *notes = &writer->notes;
    uint32_t index = bb_note_guess(notes, notes->last, usage_point, channel, said);
    uint32_t streak = notes->streak;

    notes->streak = index != BB_NOTE_NONE ? streak + 1 : 0;
    if (index != BB_NOTE_NONE || (notes->count > SMALL_TABLE && streak < LONG_STREAK))
        return index;
    return bb_note_find(notes, bb_note_hash(usage_point, channel, said), usage_point, channel,
                        said);
}

/* The unit and quality cells, as far as the file has them. */
static inline bool recall_words(struct bb_row_writer *writer, const struct bb_plain_slots *slots,
                                const struct bb_cell *cells, int32_t *unit, int32_t *quality) {
    *unit = -1;
    *quality = 0;
    if (slots->unit != BB_PLAIN_NONE && cells[slots->unit].type != BB_CELL_ABSENT &&
        (!is_text(&cells[slots->unit]) || !recall_word(&writer->units, &cells[slots->unit], unit)))
        return false;
    if (slots->quality == BB_PLAIN_NONE)
        return true;
    const struct bb_cell *cell = &cells[slots->quality];
    if (cell->type == BB_CELL_ABSENT || (cell->type == BB_CELL_TEXT && cell->size == 0))
        return true;
    return cell->type == BB_CELL_TEXT && recall_word(&writer->quality_words, cell, quality) &&
           writer->qualities[*quality].state != BB_STATE_MISSING;
}

static inline bool recall_time(struct bb_row_writer *writer, const struct bb_plain_slots *slots,
                               const struct bb_cell *time, int64_t *ms) {
    struct bb_time_memory *memory = slots->from_start ? &writer->start_text : &writer->stamp_text;
    bool local;

    if (is_text(time))
        return bb_time_recall(memory, time->data, time->size, ms, &local) && !local;
    *ms = time->number;
    return time->type == BB_CELL_MOMENT && !(time->size & BB_MOMENT_LOCAL);
}

static inline bool recall_value(const struct bb_row_writer *writer, const struct bb_cell *value,
                                int64_t *mantissa, int8_t *exponent) {
    char point = value->type == BB_CELL_NUMBER ? '.' : writer->point;

    if (value->type == BB_CELL_TEXT || value->type == BB_CELL_NUMBER)
        return bb_number_quick(value->data, value->size, point, mantissa, exponent);
    *mantissa = value->number;
    *exponent = (int8_t)value->size;
    return value->type == BB_CELL_DECIMAL;
}

enum bb_plain_outcome bb_row_plain(struct bb_row_writer *writer, const struct bb_plain_slots *slots,
                                   const struct bb_cell *cells, uint64_t line) {
    const struct bb_cell *usage_point = &cells[slots->usage_point];
    const struct bb_cell *channel = &cells[slots->channel];
    const struct bb_cell *time = &cells[slots->time], *value = &cells[slots->value];
    int32_t unit, quality;
    int64_t stamp_ms, mantissa;
    int8_t exponent;

    if (writer->group.count > 0)
        return BB_PLAIN_WAIT;
    if (!writer->plain_ready || bb_batch_full(&writer->batch) || !is_text(usage_point) ||
        !is_text(channel) || !recall_words(writer, slots, cells, &unit, &quality) ||
        !recall_time(writer, slots, time, &stamp_ms) ||
        !recall_value(writer, value, &mantissa, &exponent))
        return BB_PLAIN_NOT;

    uint32_t index = find_note(writer, usage_point, channel,
                               bb_note_said(unit, BB_KIND_UNKNOWN, false));
    if (index == BB_NOTE_NONE)
        return writer->notes.count > SMALL_TABLE ? BB_PLAIN_WAIT : BB_PLAIN_NOT;
    const struct bb_series_note *note = &writer->notes.items[index];
    if (!(note->flags & BB_NOTE_PLAIN))
        return BB_PLAIN_NOT;
    if (slots->from_start)
        stamp_ms += (int64_t)note->length_s * BB_SECOND_MS;
    if (stamp_ms > writer->latest_ms || stamp_ms < BB_EARLIEST_MS)
        return BB_PLAIN_NOT;

    uint64_t key = BB_KEY_USED | (uint64_t)note->length_s << BB_KEY_LENGTH_SHIFT |
                   (uint64_t)quality << BB_KEY_QUALITY_SHIFT |
                   (uint64_t)note->unit << BB_KEY_UNIT_SHIFT | (uint8_t)exponent;
    if (!(note->flags & BB_NOTE_UNIT))
        key |= BB_KEY_ASSUMED;
    uint32_t attribute = writer->last_attribute.key == key ? writer->last_attribute.index
                                                           : bb_row_attribute(writer, key);
    if (attribute == UINT32_MAX)
        return BB_PLAIN_NOT;
    writer->notes.last = index;
    bb_batch_push(&writer->batch, note->series, attribute, stamp_ms, mantissa, (int64_t)line);
    return BB_PLAIN_DONE;
}
