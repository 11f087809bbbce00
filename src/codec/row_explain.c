/* Why a row cannot be used, for the person who has to mend it: what stands there, what is allowed.
 *
 * The quick parser only marks a row as odd. Here the same questions are put again one by one, and
 * the first that has no good answer becomes the reason. */
#include "codec/row_writer_internal.h"

#include <stdio.h>

const char *bb_row_excerpt(struct bb_span text, char *buffer) {
    size_t size = text.size < BB_EXCERPT_MAX - 4 ? text.size : BB_EXCERPT_MAX - 4;

    /* Never cut inside a UTF-8 character. */
    while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        buffer[i] = c < 0x20 || c == 0x7f ? '?' : text.data[i];
    }
    memcpy(buffer + size, size < text.size ? "..." : "", size < text.size ? 4 : 1);
    return buffer;
}

static bool has(const struct bb_row *row, enum bb_field field) {
    return row->present & BB_FIELD_BIT(field);
}

static int explain_missing_field(const struct bb_row *row, struct bb_error *reason) {
    static const enum bb_field needed[] = {BB_FIELD_USAGE_POINT, BB_FIELD_CHANNEL, BB_FIELD_VALUE};

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!has(row, needed[i]))
            return BB_FAIL(reason, BB_E_FIELD_MISSING, "the reading has no %s",
                           bb_field_spellings(needed[i]));
    if (!has(row, BB_FIELD_TIMESTAMP) && !has(row, BB_FIELD_START))
        return BB_FAIL(reason, BB_E_FIELD_MISSING, "the reading has no %s",
                       bb_field_spellings(BB_FIELD_TIMESTAMP));
    return 0;
}

static int explain_other(const struct bb_row *row, struct bb_error *reason) {
    char text[BB_EXCERPT_MAX];

    for (enum bb_field field = 0; field < BB_FIELD_COUNT; field++) {
        if (!has(row, field) || row->cell[field].type != BB_CELL_OTHER)
            continue;
        bb_row_excerpt(bb_cell_span(row->cell[field]), text);
        if (field == BB_FIELD_VALUE)
            return BB_FAIL(reason, BB_E_VALUE,
                           "the value %s is no number; a number, a number in quotes or null is "
                           "allowed",
                           text);
        return BB_FAIL(reason, BB_E_SYNTAX, "the %s is %s; a text is allowed", bb_field_name(field),
                       text);
    }
    return 0;
}

/* A time as it stands, or, where it is a number only, as a time. */
static const char *excerpt_time(struct bb_cell cell, char *buffer) {
    char text[BB_TIME_TEXT_MAX];

    if (cell.type != BB_CELL_MOMENT)
        return bb_row_excerpt(bb_cell_span(cell), buffer);
    size_t size = bb_time_format_utc(cell.number, text) - (cell.size & BB_MOMENT_LOCAL);
    return bb_row_excerpt((struct bb_span){text, size}, buffer);
}

static int explain_time(struct bb_row_writer *writer, const struct bb_row *row, enum bb_field field,
                        struct bb_error *reason) {
    static const char *const counted[] = {
        [BB_PRECISION_S] = "seconds since 1970, to the millisecond",
        [BB_PRECISION_MS] = "milliseconds since 1970",
        [BB_PRECISION_US] = "microseconds since 1970",
        [BB_PRECISION_NS] = "nanoseconds since 1970",
    };
    struct bb_time_memory fresh = {0};
    const struct bb_map *map = writer->map;
    char text[BB_EXCERPT_MAX], time[BB_EXCERPT_MAX] = "";
    int64_t ms;
    bool local;

    if (!has(row, field) || bb_row_time(writer, &fresh, row, field, &ms, &local))
        return 0;
    excerpt_time(row->cell[field], text);
    if (has(row, BB_FIELD_TIME))
        excerpt_time(row->cell[BB_FIELD_TIME], time);
    const char *blank = time[0] ? " " : "";
    switch (map->time_style) {
    case BB_TIME_STYLE_FORMAT:
        return BB_FAIL(reason, BB_E_TIME,
                       "the %s \"%s%s%s\" is no existing time of the map's format \"%.*s\"",
                       bb_field_name(field), text, blank, time, BB_SPAN_ARGS(map->time_format));
    case BB_TIME_STYLE_EPOCH_S:
    case BB_TIME_STYLE_EPOCH_MS:
    case BB_TIME_STYLE_EPOCH_US:
    case BB_TIME_STYLE_EPOCH_NS:
        return BB_FAIL(reason, BB_E_TIME, "the %s \"%s\" is no number of %s", bb_field_name(field),
                       text, counted[bb_precision_of_style(map->time_style)]);
    default:
        return BB_FAIL(reason, BB_E_TIME,
                       "the %s \"%s%s%s\" is no existing time; write it as 2026-03-01T00:15:00Z, "
                       "or say its format in a map",
                       bb_field_name(field), text, blank, time);
    }
}

static const char *excerpt_value(struct bb_cell cell, char *buffer) {
    char text[BB_DECIMAL_TEXT_MAX];

    if (cell.type != BB_CELL_DECIMAL)
        return bb_row_excerpt(bb_cell_span(cell), buffer);
    struct bb_decimal value = {cell.number, (int8_t)cell.size};
    return bb_row_excerpt((struct bb_span){text, bb_decimal_format(value, false, text)}, buffer);
}

static int explain_value(struct bb_row_writer *writer, const struct bb_row *row,
                         struct bb_error *reason) {
    struct bb_row_values values = {0};
    enum bb_decimal_outcome outcome;
    char text[BB_EXCERPT_MAX];

    if (bb_row_value(writer, row, &values, &outcome))
        return 0;
    bb_row_excerpt(bb_cell_span(row->cell[BB_FIELD_VALUE]), text);
    if (outcome == BB_DECIMAL_TOO_LONG)
        return BB_FAIL(
            reason, BB_E_VALUE,
            "the value %s has more than %d significant digits; it cannot be kept exactly", text,
            BB_DECIMAL_MAX_DIGITS);
    if (outcome == BB_DECIMAL_OUT_OF_RANGE)
        return BB_FAIL(reason, BB_E_VALUE,
                       "the value %s has an exponent beyond %d to %d; it cannot be kept exactly",
                       text, BB_DECIMAL_MIN_EXPONENT, BB_DECIMAL_MAX_EXPONENT);
    struct bb_cell cell = row->cell[BB_FIELD_VALUE];
    char other = writer->point == ',' ? '.' : ',';
    if (writer->point && memchr(cell.data, other, cell.size))
        return writer->point_line
                   ? BB_FAIL(reason, BB_E_VALUE,
                             "the value \"%s\" has a '%c', but the decimal point is '%c' since "
                             "line %llu; say `decimal:` in a map",
                             text, other, writer->point, (unsigned long long)writer->point_line)
                   : BB_FAIL(reason, BB_E_VALUE,
                             "the value \"%s\" has a '%c', but the decimal point is '%c'; say "
                             "`decimal:` in a map",
                             text, other, writer->point);
    return BB_FAIL(reason, BB_E_VALUE,
                   "the value \"%s\" is no number such as -12.345; texts that mean no value are "
                   "listed under `missing:` in a map",
                   text);
}

/* Words: the unit, the quality, the kind, ... */
static int explain_words(struct bb_row_writer *writer, const struct bb_row *row,
                         const struct bb_row_values *values, struct bb_error *reason) {
    struct bb_span text[BB_FIELD_COUNT];
    char quoted[BB_EXCERPT_MAX];
    struct bb_quality quality;
    struct bb_interval interval;

    for (enum bb_field i = 0; i < BB_FIELD_COUNT; i++)
        text[i] = has(row, i) ? bb_cell_span(row->cell[i]) : (struct bb_span){"", 0};
    if (has(row, BB_FIELD_UNIT) && bb_row_unit(writer, text[BB_FIELD_UNIT]) < 0)
        return BB_FAIL(reason, BB_E_UNIT_UNKNOWN,
                       "the unit \"%s\" is unknown; `busbar explain units` lists them, `units:` in "
                       "a map translates others",
                       bb_row_excerpt(text[BB_FIELD_UNIT], quoted));
    if (has(row, BB_FIELD_KIND) && bb_kind_find(text[BB_FIELD_KIND]) <= 0)
        return BB_FAIL(
            reason, BB_E_KIND_UNKNOWN,
            "the kind \"%s\" is unknown; interval, register, gauge and event are allowed",
            bb_row_excerpt(text[BB_FIELD_KIND], quoted));
    if (has(row, BB_FIELD_COMMODITY) && bb_commodity_find(text[BB_FIELD_COMMODITY]) <= 0)
        return BB_FAIL(reason, BB_E_SYNTAX,
                       "the commodity \"%s\" is unknown; electricity, water, heat, cooling, gas, "
                       "steam, solar and other are allowed",
                       bb_row_excerpt(text[BB_FIELD_COMMODITY], quoted));
    if (has(row, BB_FIELD_INTERVAL) && !bb_interval_parse(text[BB_FIELD_INTERVAL], &interval))
        return BB_FAIL(reason, BB_E_INTERVAL_UNKNOWN,
                       "the interval \"%s\" is no length of whole seconds such as 15m, 1h, 1d, "
                       "PT15M, 900 or month",
                       bb_row_excerpt(text[BB_FIELD_INTERVAL], quoted));
    if (has(row, BB_FIELD_QUALITY)) {
        if (!bb_row_quality(writer, text[BB_FIELD_QUALITY], &quality))
            return BB_FAIL(reason, BB_E_QUALITY_UNKNOWN,
                           "the quality \"%s\" is unknown; measured, estimated, edited, "
                           "substituted, missing are allowed, with |final or |suspect; "
                           "`qualities:` in a map translates others",
                           bb_row_excerpt(text[BB_FIELD_QUALITY], quoted));
        if (quality.state == BB_STATE_MISSING && !values->missing)
            return BB_FAIL(reason, BB_E_QUALITY_UNKNOWN,
                           "the quality says missing, but there is the value \"%s\"",
                           excerpt_value(row->cell[BB_FIELD_VALUE], quoted));
    }
    if (has(row, BB_FIELD_ZONE) && !values->zone)
        return BB_FAIL(reason, BB_E_ZONE_UNKNOWN,
                       "the zone \"%s\" is unknown; names such as Europe/Amsterdam are allowed",
                       bb_row_excerpt(text[BB_FIELD_ZONE], quoted));
    return 0;
}

static int explain_zone(struct bb_row_writer *writer, const struct bb_row *row,
                        struct bb_error *error) {
    char text[BB_EXCERPT_MAX];
    enum bb_field field = has(row, BB_FIELD_TIMESTAMP) ? BB_FIELD_TIMESTAMP : BB_FIELD_START;

    int failure = BB_FAIL(error, BB_E_TIME_ZONE_MISSING,
                          "the time \"%s\" has no offset and no zone is known; give --zone "
                          "Europe/Amsterdam (?zone=Europe/Amsterdam), or "
                          "`zone: Europe/Amsterdam` in a map",
                          excerpt_time(row->cell[field], text));
    bb_error_locate(error, writer->options->source, row->line);
    return failure;
}

int bb_row_explain(struct bb_row_writer *writer, const struct bb_row *row, struct bb_error *reason,
                   struct bb_error *error) {
    static const enum bb_field times[] = {BB_FIELD_TIMESTAMP, BB_FIELD_START, BB_FIELD_ISSUED};
    const struct bb_row_values *values = &writer->values[row - writer->group.rows];

    if (explain_missing_field(row, reason) || explain_other(row, reason))
        return 0;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (explain_time(writer, row, times[i], reason))
            return 0;
    if (explain_value(writer, row, reason) || explain_words(writer, row, values, reason))
        return 0;
    return explain_zone(writer, row, error);
}
