/* InfluxDB's line protocol: a line gives a reading for each of its fields that holds a number.
 *
 *   electricity,meter=A17,unit=kWh 1.8.0=84211.3,2.8.0=12 1772323200000000000
 *   └measurement └─── tags ──────┘ └───── fields ───────┘ └─ nanoseconds ──┘
 *
 *   line ─► lineprotocol_scan.c: names and values ─► tagged.c: cells ─► binding.c: rows ─► row.c: readings
 *
 * Tags, and fields that hold texts, say what a reading is: they are the columns of docs/formats.md.
 * Which channel a number is of, unless a tag or a map says it: an OBIS code that is the field's key;
 * the measurement, for the field `value`; else MEASUREMENT.FIELD, so that two measurements of one
 * meter stay apart. A line without timestamp is refused: when it was received is not when it was read.
 *
 * Maps know the parts of a line that have no key as _measurement, _field (the key of the number) and
 * _time. Called by whoever decodes, on its thread; memory is bounded by the longest line. */
#include "codec/line_reader_internal.h"
#include "codec/lineprotocol_internal.h"
#include "codec/tagged_internal.h"
#include "model/obis.h"

#include <stdlib.h>

enum {
    TEXTS_CHUNK = 64 << 10,
    TEXTS_LIMIT = 256 << 20,
    NAMES_KEPT = 32, /* of channels, by the place of their field in the line */
    NUMBERS_MAX = 256
};

/* A field with a number, in a line that is not of a wide map. */
struct number {
    struct bb_span key;
    struct bb_cell value;
    bool is_value; /* its key is "value", or what the map calls it */
};

/* What the channel of a field was called in the line before. */
struct channel_name {
    struct bb_span measurement, key, name;
};

struct decoder {
    const struct bb_decode_options *options;
    struct bb_map map; /* the caller's, with the timestamps of this format */
    struct bb_line_reader reader;
    struct bb_binding binding;
    struct bb_tagged record;
    struct bb_arena texts; /* of one stretch: what had escapes, names of channels */
    struct bb_line_scan scan;
    struct bb_row_writer *writer;
    struct bb_row_group *group;
    uint64_t line; /* number of the line at hand */
    /* Slots, or BB_SLOT_NONE. */
    int channel_slot, value_slot, measurement_slot, field_slot, time_slot;
    bool value_is_named; /* the map says which field is the value */
    bool time_is_needed; /* the timestamp is the time of the readings */
    struct bb_span measurement;
    struct number numbers[NUMBERS_MAX]; /* of the line at hand */
    uint32_t number_count;
    struct channel_name names[NAMES_KEPT];
    uint64_t ignored; /* fields that hold no number and say nothing */
};

/* ---- what is wrong with a line ---- */

/* Why the line cannot be used; false, so that its reader ends. */
#define REFUSE(reason, ...) (BB_FAIL(reason, __VA_ARGS__), false)

static bool refuse_syntax(struct decoder *d, const char *begin, struct bb_error *reason) {
    return REFUSE(reason, BB_E_SYNTAX, "%s, at byte %zu of the line", d->scan.problem,
                  (size_t)(d->scan.at - begin) + 1);
}

static bool put(struct decoder *d, int slot, int rank, struct bb_span key, struct bb_cell cell,
                struct bb_error *reason) {
    char text[BB_EXCERPT_MAX];

    switch (bb_tagged_put(&d->record, slot, rank, cell)) {
    case BB_TAGGED_PUT: return true;
    case BB_TAGGED_TWICE:
        return REFUSE(reason, BB_E_SYNTAX, "the key \"%s\" stands twice, or two keys mean the same",
                      bb_row_excerpt(key, text));
    case BB_TAGGED_FULL: break;
    }
    return REFUSE(reason, BB_E_SYNTAX, "there are too many different keys");
}

/* ---- tags and fields ---- */

/* By the default conventions, times stand at the end of the line and values in fields. */
static int usable_slot(const struct decoder *d, int slot, bool is_number) {
    static const enum bb_field never[] = {BB_FIELD_TIMESTAMP, BB_FIELD_START, BB_FIELD_VALUE};
    static const enum bb_field numbers[] = {BB_FIELD_USAGE_POINT, BB_FIELD_CHANNEL, BB_FIELD_UNIT,
                                            BB_FIELD_QUALITY,     BB_FIELD_KIND,    BB_FIELD_ZONE,
                                            BB_FIELD_COMMODITY};

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (bb_tagged_is_default(&d->record, slot, never[i]) &&
            !(is_number && never[i] == BB_FIELD_VALUE))
            return BB_SLOT_NONE;
    /* register=84211.3 is a value, not the name of a channel. */
    for (size_t i = 0; is_number && i < sizeof numbers / sizeof *numbers; i++)
        if (bb_tagged_is_default(&d->record, slot, numbers[i]))
            return BB_SLOT_NONE;
    return slot;
}

static bool read_tags(struct decoder *d, const char *begin, struct bb_error *reason) {
    struct bb_span key, value;
    int outcome, rank;

    while ((outcome = bb_line_scan_tag(&d->scan, &key, &value)) == 1) {
        int slot = usable_slot(d, bb_tagged_slot(&d->record, key, false, &rank), false);
        if (!put(d, slot, rank, key, bb_cell_of(value), reason))
            return false;
    }
    return outcome == 0 || refuse_syntax(d, begin, reason);
}

static bool add_number(struct decoder *d, struct number number, struct bb_error *reason) {
    char text[BB_EXCERPT_MAX];

    if (d->number_count == NUMBERS_MAX)
        return REFUSE(reason, BB_E_SYNTAX,
                      "the line has more than %d fields with numbers; a wide map can name them",
                      NUMBERS_MAX);
    for (uint32_t i = 0; i < d->number_count; i++)
        if (bb_span_equal(d->numbers[i].key, number.key) ||
            (d->numbers[i].is_value && number.is_value))
            return REFUSE(reason, BB_E_SYNTAX, "the field \"%s\" stands twice",
                          bb_row_excerpt(number.key, text));
    d->numbers[d->number_count++] = number;
    return true;
}

static bool take_field(struct decoder *d, struct bb_span key, struct bb_span value,
                       enum bb_line_value type, struct bb_error *reason) {
    static const enum bb_cell_type types[] = {
        [BB_LINE_TEXT] = BB_CELL_TEXT,
        [BB_LINE_NUMBER] = BB_CELL_NUMBER,
        [BB_LINE_BOOLEAN] = BB_CELL_OTHER,
    };
    const bool is_number = type == BB_LINE_NUMBER;
    struct bb_cell cell = {.data = value.data, .size = (uint32_t)value.size, .type = types[type]};
    int rank, slot = bb_tagged_slot(&d->record, key, is_number, &rank);

    slot = usable_slot(d, slot, is_number);
    if (is_number && !d->map.wide && !d->value_is_named &&
        (slot == BB_SLOT_NONE || slot == d->value_slot))
        return add_number(d, (struct number){key, cell, slot == d->value_slot}, reason);
    if (slot == BB_SLOT_NONE) {
        d->ignored++;
        return true;
    }
    return put(d, slot, rank, key, cell, reason);
}

static bool read_fields(struct decoder *d, const char *begin, struct bb_error *reason) {
    struct bb_span key, value;
    enum bb_line_value type;
    int outcome;

    d->number_count = 0;
    for (bool first = true;
         (outcome = bb_line_scan_field(&d->scan, first, &key, &value, &type)) == 1; first = false)
        if (!take_field(d, key, value, type, reason))
            return false;
    return outcome == 0 || refuse_syntax(d, begin, reason);
}

/* ---- the timestamp ---- */

/* A time that is accepted has 9 or 10 digits before those of its precision: so a number of
 * seconds is never a good number of nanoseconds, and a hint can be given. It is not more than a
 * hint: a device without a clock that counts nanoseconds from 1970 would end in 2008 as
 * milliseconds. */
static bool check_precision(const struct decoder *d, struct bb_span timestamp,
                            struct bb_error *reason) {
    static const struct {
        const char *symbol, *name;
        size_t digits;
    } rows[] = {
        [BB_PRECISION_S] = {"s", "seconds", 10},
        [BB_PRECISION_MS] = {"ms", "milliseconds", 13},
        [BB_PRECISION_US] = {"us", "microseconds", 16},
        [BB_PRECISION_NS] = {"ns", "nanoseconds", 19},
    };
    const enum bb_precision told = bb_precision_of_style(d->map.time_style);
    const size_t digits = timestamp.size;

    if (told == BB_PRECISION_OWN || digits == rows[told].digits || digits == rows[told].digits - 1)
        return true;
    for (size_t i = BB_PRECISION_S; i < sizeof rows / sizeof *rows; i++)
        if (digits == rows[i].digits || digits == rows[i].digits - 1)
            return REFUSE(reason, BB_E_TIME_RANGE,
                          "the timestamp %.*s is near 1970 or far ahead in %s; if it counts %s, "
                          "say --precision %s, or `timestamp: {epoch_%s: _time}` in a map",
                          BB_SPAN_ARGS(timestamp), rows[told].name, rows[i].name, rows[i].symbol,
                          rows[i].symbol);
    return true;
}

static bool read_timestamp(struct decoder *d, const char *begin, struct bb_error *reason) {
    struct bb_span timestamp;

    if (!bb_line_scan_timestamp(&d->scan, &timestamp))
        return refuse_syntax(d, begin, reason);
    if (d->time_slot == BB_SLOT_NONE) /* the map has times of its own */
        return true;
    if (timestamp.size == 0 && d->time_is_needed)
        return REFUSE(reason, BB_E_FIELD_MISSING,
                      "the line has no timestamp; when it is received is not when it was read, so "
                      "its sender has to say the time");
    if (timestamp.size == 0)
        return true;
    struct bb_cell cell = {
        .data = timestamp.data, .size = (uint32_t)timestamp.size, .type = BB_CELL_NUMBER};
    return check_precision(d, timestamp, reason) &&
           put(d, d->time_slot, 0, BB_SPAN("_time"), cell, reason);
}

/* ---- readings of a line ---- */

/* An OBIS code, the measurement, or MEASUREMENT.FIELD; NULL when memory is out. */
static struct bb_span make_name(struct decoder *d, const struct number *number) {
    const struct bb_span measurement = d->measurement, key = number->key;
    struct bb_obis code;

    if (number->is_value)
        return measurement;
    if (bb_obis_parse(key, &code))
        return key;
    const size_t size = measurement.size + 1 + key.size;
    char *text = bb_arena_take(&d->texts, size + BB_CELL_PADDING);
    if (!text)
        return (struct bb_span){NULL, 0};
    memcpy(text, measurement.data, measurement.size);
    text[measurement.size] = '.';
    memcpy(text + measurement.size + 1, key.data, key.size);
    memset(text + size, 0, BB_CELL_PADDING);
    return (struct bb_span){text, size};
}

/* The name of a field's channel; lines repeat the fields of the line before. */
static struct bb_span name_channel(struct decoder *d, uint32_t place) {
    const struct number *number = &d->numbers[place];
    struct channel_name fresh = {d->measurement, number->key, {NULL, 0}};
    struct channel_name *kept = place < NAMES_KEPT ? &d->names[place] : &fresh;

    if (kept->name.data && bb_span_equal(kept->key, number->key) &&
        bb_span_equal(kept->measurement, d->measurement))
        return kept->name;
    fresh.name = make_name(d, number);
    *kept = fresh;
    return fresh.name;
}

static bool has_cell(const struct decoder *d, int slot) {
    return slot != BB_SLOT_NONE && d->record.cells[slot].type != BB_CELL_ABSENT;
}

/* A line of a map that is not wide, or of none: each number is a reading. */
static int put_numbers(struct decoder *d, struct bb_error *reason, struct bb_error *error) {
    struct bb_cell *cells = d->record.cells;
    const bool is_named = has_cell(d, d->channel_slot) ||
                          d->binding.channels[0].channel.type != BB_CELL_ABSENT;
    const bool by_field = d->field_slot != BB_SLOT_NONE && d->field_slot == d->channel_slot;
    char first[BB_EXCERPT_MAX], second[BB_EXCERPT_MAX];

    if (d->value_is_named && has_cell(d, d->value_slot))
        d->numbers[d->number_count++] = (struct number){d->map.columns[BB_FIELD_VALUE],
                                                        cells[d->value_slot], true};
    if (d->number_count == 0) {
        BB_FAIL(reason, BB_E_FIELD_MISSING, "the line has no field that holds %s",
                d->value_is_named ? "the value that the map names" : "a number");
        return bb_row_reject(d->writer, d->line, reason, error);
    }
    if (is_named && !by_field && d->number_count > 1) {
        BB_FAIL(reason, BB_E_SYNTAX,
                "the line is of one channel, but %u of its fields hold numbers, \"%s\" and \"%s\" "
                "among them; a map says which is the value",
                d->number_count, bb_row_excerpt(d->numbers[0].key, first),
                bb_row_excerpt(d->numbers[1].key, second));
        return bb_row_reject(d->writer, d->line, reason, error);
    }
    for (uint32_t i = 0; i < d->number_count; i++) {
        cells[d->value_slot] = d->numbers[i].value;
        if (d->field_slot != BB_SLOT_NONE)
            cells[d->field_slot] = bb_cell_of(d->numbers[i].key);
        if (!is_named && !by_field) {
            cells[d->channel_slot] = bb_cell_of(name_channel(d, i));
            if (cells[d->channel_slot].type == BB_CELL_ABSENT)
                return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the name of a channel");
        }
        int failure = bb_binding_rows(&d->binding, d->writer, d->group, cells, d->line, error);
        if (failure)
            return failure;
    }
    return 0;
}

static int put_rows(struct decoder *d, struct bb_error *reason, struct bb_error *error) {
    if (!d->map.wide)
        return put_numbers(d, reason, error);
    if (bb_tagged_has_channel(&d->record))
        return bb_binding_rows(&d->binding, d->writer, d->group, d->record.cells, d->line, error);
    BB_FAIL(reason, BB_E_FIELD_MISSING, "the line has none of the channels that the map names");
    return bb_row_reject(d->writer, d->line, reason, error);
}

static bool read_line(struct decoder *d, const char *begin, struct bb_error *reason) {
    bb_tagged_begin(&d->record);
    if (!bb_line_scan_measurement(&d->scan, &d->measurement))
        return refuse_syntax(d, begin, reason);
    if (d->measurement_slot != BB_SLOT_NONE &&
        !put(d, d->measurement_slot, 0, BB_SPAN("_measurement"), bb_cell_of(d->measurement),
             reason))
        return false;
    return read_tags(d, begin, reason) && read_fields(d, begin, reason) &&
           read_timestamp(d, begin, reason);
}

static int take_line(struct decoder *d, struct bb_span line, struct bb_error *error) {
    struct bb_error reason = {0};

    d->scan.at = line.data;
    d->scan.end = line.data + line.size;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        d->scan.end--;
    if (bb_line_scan_is_empty(&d->scan))
        return 0;
    return read_line(d, line.data, &reason) ? put_rows(d, &reason, error)
                                            : bb_row_reject(d->writer, d->line, &reason, error);
}

/* ---- the stream ---- */

static int read_stretch(struct decoder *d, struct bb_span bytes, size_t *used,
                        struct bb_error *error) {
    const char *at = bytes.data, *end = at + bytes.size;
    int failure = 0;

    bb_arena_reset(&d->texts);
    memset(d->names, 0, sizeof d->names);
    while (failure == 0 && at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            break;
        d->line++;
        failure = take_line(d, (struct bb_span){at, (size_t)(next - at)}, error);
        at = next + 1;
    }
    *used = (size_t)(at - bytes.data);
    return failure ? failure : bb_row_settle(d->writer, error); /* the stretch goes away */
}

static int run(struct decoder *d, struct bb_error *error) {
    struct bb_stretch stretch;
    size_t used = 0;
    int outcome;

    while ((outcome = bb_line_reader_stretch(&d->reader, used, &stretch, error)) == BB_LINE_READ) {
        int failure = read_stretch(d, stretch.bytes, &used, error);
        if (failure)
            return failure;
    }
    if (outcome < 0) {
        bb_error_locate(error, d->options->source, d->line + 1);
        return outcome;
    }
    return bb_row_finish(d->writer, error);
}

static int slot_of(struct decoder *d, const char *name) {
    uint32_t hint = 0;
    int rank;

    return bb_binding_slot(&d->binding, bb_span_of(name), false, &hint, &rank);
}

static int prepare(struct decoder *d, struct bb_input input,
                   const struct bb_decode_options *options, struct bb_series_table *table,
                   const struct bb_decode_sink *sink, struct bb_error *error) {
    int failure = bb_binding_init(&d->binding, options, error);

    if (failure)
        return failure;
    if (!bb_tagged_init(&d->record, &d->binding))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u keys", d->binding.slot_count);
    d->channel_slot = bb_tagged_field_slot(&d->record, BB_FIELD_CHANNEL);
    d->value_slot = bb_tagged_field_slot(&d->record, BB_FIELD_VALUE);
    d->value_is_named = d->map.columns[BB_FIELD_VALUE].size > 0;
    d->measurement_slot = slot_of(d, "_measurement");
    d->field_slot = slot_of(d, "_field");
    d->time_slot = d->map.times_named ? slot_of(d, "_time")
                                      : bb_tagged_field_slot(&d->record, BB_FIELD_TIMESTAMP);
    d->time_is_needed = d->time_slot == bb_tagged_field_slot(&d->record, BB_FIELD_TIMESTAMP) ||
                        d->time_slot == bb_tagged_field_slot(&d->record, BB_FIELD_START);
    failure = bb_line_reader_init(&d->reader, input, error);
    if (failure == 0)
        failure = bb_row_writer_new(options, table, sink, ',', &d->writer, error);
    if (failure == 0)
        d->group = bb_row_writer_group(d->writer);
    return failure;
}

static int decode(struct bb_input input, const struct bb_decode_options *given,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    struct decoder *d = calloc(1, sizeof *d);
    struct bb_decode_options options = *given;

    if (!d)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a decoder");
    bb_map_with_precision(given, BB_PRECISION_NS, &d->map);
    options.map = &d->map;
    options.memory = NULL; /* what it learns points into the map */
    d->options = &options;
    d->scan.unescaped = &d->texts;
    bb_arena_init(&d->texts, TEXTS_CHUNK, TEXTS_LIMIT);
    int failure = prepare(d, input, &options, table, sink, error);
    if (failure == 0)
        failure = run(d, error);
    if (sink->ignored)
        sink->ignored->fields += d->ignored;
    bb_row_writer_free(d->writer);
    bb_line_reader_release(&d->reader);
    bb_tagged_release(&d->record);
    bb_binding_release(&d->binding);
    bb_arena_release(&d->texts);
    free(d);
    return failure;
}

/* ---- is it line protocol? ---- */

/* The first line that is neither blank nor a comment, once it is there in whole. */
static bool first_line(struct bb_line_scan *scan, struct bb_span head, bool whole) {
    const char *at = head.data, *end = head.data + head.size;

    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (!next && !whole)
            return false;
        scan->at = at;
        scan->end = next ? next : end;
        if (scan->end > at && scan->end[-1] == '\r')
            scan->end--;
        if (!bb_line_scan_is_empty(scan))
            return true;
        at = next ? next + 1 : end;
    }
    return false;
}

static int judge_line(struct bb_line_scan *scan) {
    enum { SURE = 95, LIKELY = 70 };
    struct bb_span key, value, timestamp;
    enum bb_line_value type;
    int outcome;

    if (!bb_line_scan_measurement(scan, &key))
        return 0;
    while ((outcome = bb_line_scan_tag(scan, &key, &value)) == 1)
        ;
    for (bool first = outcome == 0;
         outcome >= 0 && (outcome = bb_line_scan_field(scan, first, &key, &value, &type)) == 1;
         first = false)
        ;
    if (outcome < 0 || !bb_line_scan_timestamp(scan, &timestamp))
        return 0;
    return timestamp.size > 0 ? SURE : LIKELY;
}

static int sniff(struct bb_span head, bool whole) {
    struct bb_line_scan scan = {0};
    struct bb_arena unescaped;
    int score = 0;

    if (bb_span_starts_with(head, BB_SPAN("\xEF\xBB\xBF")))
        head = (struct bb_span){head.data + 3, head.size - 3};
    bb_arena_init(&unescaped, 4 << 10, (size_t)4 * BB_SNIFF_BYTES);
    scan.unescaped = &unescaped;
    if (first_line(&scan, head, whole))
        score = judge_line(&scan);
    bb_arena_release(&unescaped);
    return score;
}

const struct bb_format_row bb_format_lineprotocol = {
    .name = "lineprotocol",
    .title = "InfluxDB line protocol",
    .sniff = sniff,
    .decode = decode,
};
