/* Cells become values. Quick steps first: what a row shares with the row before is recognised by
 * its bytes. Nothing here reports; a row that cannot be used is marked odd (see row_explain.c). */
#include "codec/row_writer_internal.h"

#include "model/kind.h"
#include "model/unit.h"

/* Another spelling that the map translates, or the text itself. */
static struct bb_span translate(const struct bb_translation *items, uint32_t count,
                                struct bb_span text) {
    for (uint32_t i = 0; i < count; i++)
        if (bb_span_equal_nocase(items[i].from, text))
            return items[i].to;
    return text;
}

int bb_row_unit(struct bb_row_writer *writer, struct bb_span text) {
    int32_t unit;

    if (bb_words_find(&writer->units, text.data, text.size, &unit))
        return unit;
    unit = bb_unit_find(translate(writer->map->units, writer->map->unit_count, text));
    if (unit >= 0)
        bb_words_learn(&writer->units, text.data, text.size, unit);
    return unit;
}

bool bb_row_quality(struct bb_row_writer *writer, struct bb_span text, struct bb_quality *out) {
    const struct bb_map *map = writer->map;
    struct bb_span said = translate(map->qualities, map->quality_count, text);

    *out = (struct bb_quality){0};
    if (!bb_quality_parse(said, out))
        return false;
    if (said.data != text.data && text.size <= BB_QUALITY_SOURCE_MAX)
        memcpy(out->source, text.data, text.size); /* the sender's own code */
    return true;
}

/* The quality as an index, so that attributes can be found by a small key. */
static bool quality_index(struct bb_row_writer *writer, struct bb_cell cell, int32_t *index) {
    struct bb_words *words = &writer->quality_words;
    struct bb_quality quality;

    if (bb_words_find(words, cell.data, cell.size, index))
        return true;
    if (!bb_row_quality(writer, bb_cell_span(cell), &quality))
        return false;
    *index = BB_QUALITY_OTHER;
    if (words->count < BB_WORDS_MAX && cell.size <= BB_WORD_MAX) {
        *index = (int32_t)words->count + 1;
        writer->qualities[*index] = quality;
        bb_words_learn(words, cell.data, cell.size, *index);
    }
    return true;
}

static bool interval_of(struct bb_row_writer *writer, struct bb_cell cell,
                        struct bb_interval *out) {
    struct bb_words *words = &writer->interval_words;
    int32_t index;

    if (bb_words_find(words, cell.data, cell.size, &index)) {
        *out = writer->intervals[index];
        return true;
    }
    if (!bb_interval_parse(bb_cell_span(cell), out))
        return false;
    if (words->count < BB_WORDS_MAX && cell.size <= BB_WORD_MAX) {
        writer->intervals[words->count] = *out;
        bb_words_learn(words, cell.data, cell.size, (int32_t)words->count);
    }
    return true;
}

/* The zone a row names; zones are loaded once and kept by the caller's set, or by one of our own. */
static bool zone_of(struct bb_row_writer *writer, struct bb_cell cell, const struct bb_zone **out) {
    struct bb_words *words = &writer->zone_words;
    struct bb_zone_set *set = writer->options->zones;
    struct bb_error ignored;
    int32_t index;

    if (bb_words_find(words, cell.data, cell.size, &index)) {
        *out = writer->zones[index];
        return true;
    }
    if (!set && !writer->own_zones)
        writer->own_zones = bb_zone_set_new();
    set = set ? set : writer->own_zones;
    *out = NULL;
    if (!set || bb_zone_set_get(set, bb_cell_span(cell), out, &ignored) != 0)
        return false;
    if (words->count < BB_WORDS_MAX && cell.size <= BB_WORD_MAX) {
        writer->zones[words->count] = *out;
        bb_words_learn(words, cell.data, cell.size, (int32_t)words->count);
    }
    return true;
}

static bool id_of(struct bb_words *words, struct bb_cell cell, int (*find)(struct bb_span),
                  uint8_t *out) {
    int32_t id;

    if (!bb_words_find(words, cell.data, cell.size, &id)) {
        id = find(bb_cell_span(cell));
        if (id >= 0)
            bb_words_learn(words, cell.data, cell.size, id);
    }
    *out = (uint8_t)(id < 0 ? 0 : id);
    return id > 0;
}

/* Whole numbers of micro- or nanoseconds: what is less than a millisecond falls away. */
static bool cut_to_ms(struct bb_span *text, size_t digits) {
    size_t sign = text->size > 0 && *text->data == '-';

    if (text->size == sign)
        return false;
    for (size_t i = sign; i < text->size; i++)
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
    *text = text->size - sign > digits ? (struct bb_span){text->data, text->size - digits}
                                       : BB_SPAN("0");
    return true;
}

static bool epoch_ms(struct bb_span text, int style, int64_t *ms) {
    int to = style == BB_TIME_STYLE_EPOCH_S ? -3 : 0; /* milliseconds, exactly or not at all */
    struct bb_decimal moment;

    if ((style == BB_TIME_STYLE_EPOCH_US && !cut_to_ms(&text, 3)) ||
        (style == BB_TIME_STYLE_EPOCH_NS && !cut_to_ms(&text, 6)))
        return false;
    if (bb_decimal_parse(text, '.', &moment) != BB_DECIMAL_OK)
        return false;
    bb_wide scaled = moment.mantissa;
    int up = moment.exponent - to;
    if (up > 18)
        return false;
    for (; up < 0; up++, scaled /= 10)
        if (scaled % 10 != 0)
            return false;
    scaled *= bb_power_of_ten[up];
    /* The years 1900 to 9999 or so: far from any overflow, and the range check comes later. */
    if (scaled > 253402300800000LL || scaled < -2208988800000LL)
        return false;
    *ms = (int64_t)scaled;
    return true;
}

/* By the map's style; the text has no blanks around. */
static bool parse_time(struct bb_row_writer *writer, struct bb_span text, int64_t *ms,
                       bool *local) {
    const struct bb_map *map = writer->map;
    enum bb_time_outcome outcome;

    *local = false;
    switch (map->time_style) {
    case BB_TIME_STYLE_RFC3339: outcome = bb_time_parse_rfc3339(text, ms); break;
    case BB_TIME_STYLE_FORMAT: outcome = bb_time_parse_format(map->time_format, text, ms); break;
    default: return epoch_ms(text, map->time_style, ms);
    }
    *local = outcome == BB_TIME_LOCAL;
    return outcome != BB_TIME_SYNTAX;
}

/* A date and a time of day from two columns, joined by a blank. */
static bool parse_two_cells(struct bb_row_writer *writer, struct bb_span date, struct bb_span time,
                            int64_t *ms, bool *local) {
    char text[64];

    if (date.size + 1 + time.size > sizeof text)
        return false;
    memcpy(text, date.data, date.size);
    text[date.size] = ' ';
    memcpy(text + date.size + 1, time.data, time.size);
    return parse_time(writer, (struct bb_span){text, date.size + 1 + time.size}, ms, local);
}

static bool is_text_or_number(struct bb_cell cell) {
    return cell.type == BB_CELL_TEXT || cell.type == BB_CELL_NUMBER;
}

/* A time that needs no reading; a date goes with a time of day of the same kind. */
static bool take_moment(const struct bb_row *row, enum bb_field field, int64_t *ms, bool *local) {
    struct bb_cell cell = row->cell[field];

    *ms = cell.number;
    *local = cell.size & BB_MOMENT_LOCAL;
    if (!(row->present & BB_FIELD_BIT(BB_FIELD_TIME)) || field == BB_FIELD_ISSUED)
        return true;
    *ms += row->cell[BB_FIELD_TIME].number;
    return row->cell[BB_FIELD_TIME].type == BB_CELL_MOMENT;
}

bool bb_row_time(struct bb_row_writer *writer, struct bb_time_memory *memory,
                 const struct bb_row *row, enum bb_field field, int64_t *ms, bool *local) {
    struct bb_cell cell = row->cell[field];

    if (cell.type == BB_CELL_MOMENT)
        return take_moment(row, field, ms, local);
    if (bb_time_recall(memory, cell.data, cell.size, ms, local))
        return true;
    if (!is_text_or_number(cell))
        return false;
    if (row->present & BB_FIELD_BIT(BB_FIELD_TIME) && field != BB_FIELD_ISSUED)
        return is_text_or_number(row->cell[BB_FIELD_TIME]) &&
               parse_two_cells(writer, bb_cell_span(cell), bb_cell_span(row->cell[BB_FIELD_TIME]),
                               ms, local);
    if (memory->size == cell.size && cell.size > 0 &&
        memcmp(memory->text, cell.data, cell.size) == 0) {
        *ms = memory->ms;
        *local = memory->local;
        return true;
    }
    if (!parse_time(writer, bb_cell_span(cell), ms, local))
        return false;
    if (cell.size <= BB_TIME_KEPT_MAX) {
        memcpy(memory->text, cell.data, cell.size);
        memory->size = cell.size;
        memory->ms = *ms;
        memory->local = *local;
    }
    if (writer->map->time_style == BB_TIME_STYLE_RFC3339)
        bb_time_learn(memory, bb_cell_span(cell), *ms, *local);
    return true;
}

static bool listed_missing(const struct bb_map *map, struct bb_cell cell) {
    for (uint32_t i = 0; i < map->missing_count; i++)
        if (bb_span_equal_nocase(map->missing[i], bb_cell_span(cell)))
            return true;
    return false;
}

/* '.', or ',' where a file uses it: the first number with either decides for the file. */
static char point_of(struct bb_row_writer *writer, struct bb_cell cell) {
    if (cell.type == BB_CELL_NUMBER)
        return '.';
    if (writer->point)
        return writer->point;
    return memchr(cell.data, ',', cell.size) ? ',' : '.';
}

/* A value that needs no reading, unless the map lists a number as missing. */
static void take_decimal(struct bb_row_writer *writer, struct bb_cell cell,
                         struct bb_row_values *values) {
    char text[BB_DECIMAL_TEXT_MAX];

    values->mantissa = cell.number;
    values->exponent = (int8_t)cell.size;
    if (!writer->missing_first)
        return;
    struct bb_decimal value = {values->mantissa, values->exponent};
    size_t size = bb_decimal_format(value, true, text);
    values->missing = listed_missing(writer->map, bb_cell_of((struct bb_span){text, size}));
    if (values->missing) {
        values->mantissa = 0;
        values->exponent = 0;
    }
}

bool bb_row_value(struct bb_row_writer *writer, const struct bb_row *row,
                  struct bb_row_values *values, enum bb_decimal_outcome *outcome) {
    struct bb_cell cell = row->cell[BB_FIELD_VALUE];
    struct bb_decimal value = {0, 0};

    *outcome = BB_DECIMAL_SYNTAX;
    values->mantissa = 0;
    values->exponent = 0;
    values->missing = cell.type == BB_CELL_NULL;
    if (values->missing)
        return true;
    if (cell.type == BB_CELL_DECIMAL) {
        take_decimal(writer, cell, values);
        *outcome = BB_DECIMAL_OK;
        return true;
    }
    if (!is_text_or_number(cell))
        return false;
    if (writer->missing_first && listed_missing(writer->map, cell)) {
        values->missing = true;
        return true;
    }
    char point = point_of(writer, cell);
    *outcome = bb_decimal_parse(bb_cell_span(cell), point, &value);
    if (*outcome != BB_DECIMAL_OK) {
        values->missing = *outcome == BB_DECIMAL_SYNTAX && listed_missing(writer->map, cell);
        return values->missing;
    }
    if (writer->point == 0 && cell.type == BB_CELL_TEXT && memchr(cell.data, point, cell.size)) {
        writer->point = point;
        writer->point_line = row->line;
        writer->plain_ready = !writer->missing_first;
    }
    values->mantissa = value.mantissa;
    values->exponent = value.exponent;
    return true;
}

/* The columns that few files have. */
static bool parse_rare(struct bb_row_writer *writer, const struct bb_row *row,
                       struct bb_row_values *values) {
    const struct bb_cell *cell = row->cell;
    uint32_t present = row->present;

    if (present & BB_FIELD_BIT(BB_FIELD_QUALITY) &&
        !quality_index(writer, cell[BB_FIELD_QUALITY], &values->quality))
        return false;
    if (present & BB_FIELD_BIT(BB_FIELD_KIND) &&
        !id_of(&writer->kinds, cell[BB_FIELD_KIND], bb_kind_find, &values->kind))
        return false;
    if (present & BB_FIELD_BIT(BB_FIELD_COMMODITY) &&
        !id_of(&writer->commodities, cell[BB_FIELD_COMMODITY], bb_commodity_find,
               &values->commodity))
        return false;
    if (present & BB_FIELD_BIT(BB_FIELD_INTERVAL) &&
        !interval_of(writer, cell[BB_FIELD_INTERVAL], &values->interval))
        return false;
    if (present & BB_FIELD_BIT(BB_FIELD_ZONE) &&
        !zone_of(writer, cell[BB_FIELD_ZONE], &values->zone))
        return false;
    return !(present & BB_FIELD_BIT(BB_FIELD_ISSUED)) ||
           bb_row_time(writer, &writer->issued_text, row, BB_FIELD_ISSUED, &values->issued_ms,
                       &values->issued_local);
}

static bool parse_times(struct bb_row_writer *writer, const struct bb_row *row,
                        struct bb_row_values *values) {
    uint32_t present = row->present;

    if (present & BB_FIELD_BIT(BB_FIELD_TIMESTAMP) &&
        !bb_row_time(writer, &writer->stamp_text, row, BB_FIELD_TIMESTAMP, &values->stamp_ms,
                     &values->stamp_local))
        return false;
    return !(present & BB_FIELD_BIT(BB_FIELD_START)) ||
           bb_row_time(writer, &writer->start_text, row, BB_FIELD_START, &values->start_ms,
                       &values->start_local);
}

static bool says_missing(struct bb_row_writer *writer, const struct bb_row *row, int32_t quality) {
    struct bb_quality other = {0};

    if (quality != BB_QUALITY_OTHER)
        return writer->qualities[quality].state == BB_STATE_MISSING;
    return bb_row_quality(writer, bb_cell_span(row->cell[BB_FIELD_QUALITY]), &other) &&
           other.state == BB_STATE_MISSING;
}

void bb_row_parse(struct bb_row_writer *writer, const struct bb_row *row,
                  struct bb_row_values *values) {
    const uint32_t names = BB_FIELD_BIT(BB_FIELD_USAGE_POINT) | BB_FIELD_BIT(BB_FIELD_CHANNEL) |
                           BB_FIELD_BIT(BB_FIELD_VALUE);
    const uint32_t times = BB_FIELD_BIT(BB_FIELD_TIMESTAMP) | BB_FIELD_BIT(BB_FIELD_START);
    const uint32_t rare = BB_FIELD_BIT(BB_FIELD_QUALITY) | BB_FIELD_BIT(BB_FIELD_KIND) |
                          BB_FIELD_BIT(BB_FIELD_COMMODITY) | BB_FIELD_BIT(BB_FIELD_INTERVAL) |
                          BB_FIELD_BIT(BB_FIELD_ZONE) | BB_FIELD_BIT(BB_FIELD_ISSUED);
    enum bb_decimal_outcome outcome;

    values->unit = -1;
    values->kind = BB_KIND_UNKNOWN;
    values->commodity = BB_COMMODITY_UNKNOWN;
    values->stamp_local = values->start_local = values->issued_local = false;
    values->quality = 0;
    values->stamp_ms = values->start_ms = values->issued_ms = BB_TIME_NONE;
    values->interval.seconds = 0;
    values->zone = writer->zone;
    values->odd = (row->present & (names | BB_ROW_HAS_OTHER)) != names || !(row->present & times) ||
                  !parse_times(writer, row, values) ||
                  !bb_row_value(writer, row, values, &outcome) ||
                  (row->present & rare && !parse_rare(writer, row, values));
    if (!values->odd && row->present & BB_FIELD_BIT(BB_FIELD_UNIT)) {
        int unit = bb_row_unit(writer, bb_cell_span(row->cell[BB_FIELD_UNIT]));
        values->unit = (int16_t)unit;
        values->odd = unit < 0;
    }
    values->said = bb_note_said(values->unit, values->kind,
                                values->interval.seconds > 0 || (row->present & times) == times);
    bool is_local = values->stamp_local || values->start_local || values->issued_local;
    values->odd |= is_local && !values->zone;
    if (!values->odd && !values->missing && values->quality != 0)
        values->odd = says_missing(writer, row, values->quality);
}
