/* NEM12 and NEM13, the meter data files of the Australian market: the format row, the order of
 * records and the frame of 100 and 900 around them. See nem_internal.h for the rest.
 *
 * A record that cannot be used is refused with its line and the run goes on. A missing header or
 * trailer is reported the same way: a file that was cut short is not complete, so without --partial
 * nothing of it is taken, while --partial keeps what did arrive (some distributors' portals hand
 * out files without a header).
 */
#include "codec/nem_internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum { INDICATOR_SIZE = 3, SURE = 100, LIKELY = 80 };

/* ---- records of the frame ------------------------------------------------------------------- */

static int header_record(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_fields fields;

    bb_nem_split(line, &fields);
    if (bb_span_equal_nocase(fields.at[1], BB_SPAN("NEM12"))) {
        nem->place = BB_NEM_HEADER_12;
    } else if (bb_span_equal_nocase(fields.at[1], BB_SPAN("NEM13"))) {
        nem->place = BB_NEM_HEADER_13;
    } else {
        int status = BB_FAIL(nem->error, BB_E_FORMAT_UNKNOWN,
                             "the 100 record says '%s'; busbar reads NEM12 and NEM13",
                             bb_nem_quote(fields.at[1]).text);
        bb_error_locate(nem->error, nem->options->source, nem->reader.line);
        return status;
    }
    return 0;
}

/* 500 and 550 say who asked for a read and why; 900 says nothing more. */
static int nothing_to_keep(struct bb_nem *nem, struct bb_span line) {
    (void)nem;
    (void)line;
    return 0;
}

/* ---- the order of records ------------------------------------------------------------------- */

struct record {
    char indicator[INDICATOR_SIZE + 1];
    unsigned after;         /* enum bb_nem_place bits: where it may stand */
    enum bb_nem_place next; /* what follows; of a 100 record its handler says */
    int (*handle)(struct bb_nem *nem, struct bb_span line);
    const char *rule;
};

/* Files may be joined: a header after a trailer begins the next one. */
static const struct record records[] = {
    {"300", BB_NEM_CHANNEL | BB_NEM_DAY, BB_NEM_DAY, bb_nem_day_record,
     "a 300 record stands behind a 200 record or another day"},
    {"400", BB_NEM_DAY, BB_NEM_DAY, bb_nem_part_record,
     "a 400 record stands behind a 300 record of quality V"},
    {"200", BB_NEM_HEADER_12 | BB_NEM_CHANNEL | BB_NEM_DAY, BB_NEM_CHANNEL, bb_nem_channel_record,
     "a 200 record stands between the 100 record and the 900 record of a NEM12 file"},
    {"500", BB_NEM_DAY, BB_NEM_DAY, nothing_to_keep, "a 500 record stands behind a day"},
    {"250", BB_NEM_HEADER_13 | BB_NEM_READ, BB_NEM_READ, bb_nem_read_record,
     "a 250 record stands between the 100 record and the 900 record of a NEM13 file"},
    {"550", BB_NEM_READ, BB_NEM_READ, nothing_to_keep, "a 550 record stands behind a 250 record"},
    {"100", BB_NEM_START | BB_NEM_END, BB_NEM_START, header_record,
     "the 100 record is the first of a file; the file before it has no 900 record"},
    {"900", ~(unsigned)(BB_NEM_START | BB_NEM_END), BB_NEM_END, nothing_to_keep,
     "the 900 record is the last of a file, and there is one"},
};

static const struct record *find_record(struct bb_span line) {
    struct bb_span indicator = bb_nem_next_field(&line);

    if (indicator.size != INDICATOR_SIZE)
        return NULL;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        if (memcmp(records[i].indicator, indicator.data, INDICATOR_SIZE) == 0)
            return &records[i];
    return NULL;
}

/* Data where a header is due: reported once, then read as if the header had been there. */
static int miss_header(struct bb_nem *nem, const struct record *record) {
    bool reads = record->handle == bb_nem_read_record;
    bool first = nem->place == BB_NEM_START;

    nem->place = reads ? BB_NEM_HEADER_13 : BB_NEM_HEADER_12;
    return BB_NEM_REFUSE(
        nem, BB_E_RECORD_ORDER,
        "the file %s a %s record; a 100 record (100,%s,...) has to stand before it",
        first ? "begins with" : "goes on behind its 900 record with", record->indicator,
        reads ? "NEM13" : "NEM12");
}

static int misplaced(struct bb_nem *nem, const struct record *record, struct bb_span line) {
    int status = BB_NEM_REFUSE(nem, BB_E_RECORD_ORDER, "%s", record->rule);

    if (status < 0)
        return status;
    if (record->handle == header_record)
        return header_record(nem, line);
    if (record->handle == bb_nem_channel_record) { /* its days must not fall to another channel */
        nem->channel = (struct bb_nem_channel){.line = nem->reader.line};
        nem->place = BB_NEM_CHANNEL;
    }
    return 0;
}

static bool opens_data(const struct record *record) {
    return record->handle == bb_nem_channel_record || record->handle == bb_nem_read_record;
}

static int take_record(struct bb_nem *nem, const struct record *record, struct bb_span line) {
    int status = 0;

    if (record->handle != bb_nem_part_record && (status = bb_nem_day_close(nem)) < 0)
        return status;
    if (opens_data(record) && (nem->place == BB_NEM_START || nem->place == BB_NEM_END))
        status = miss_header(nem, record);
    if (status < 0)
        return status;
    if (!(record->after & nem->place))
        return misplaced(nem, record, line);
    nem->place = record->next;
    return record->handle(nem, line);
}

/* Spreadsheets leave rows of commas behind. */
static bool is_blank(struct bb_span line) {
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ',' && !bb_char_is_blank(line.data[i]))
            return false;
    return true;
}

static int take_line(struct bb_nem *nem, struct bb_span line) {
    const struct record *record = find_record(line);

    if (record)
        return take_record(nem, record, line);
    if (is_blank(line))
        return 0;
    struct bb_span indicator = bb_nem_next_field(&line);
    return BB_NEM_REFUSE(nem, BB_E_SYNTAX,
                         "the line begins with '%s', which is no record of a NEM12 or NEM13 file "
                         "(100, 200, 250, 300, 400, 500, 550, 900)",
                         bb_nem_quote(indicator).text);
}

/* ---- the run -------------------------------------------------------------------------------- */

int bb_nem_refuse(struct bb_nem *nem, uint64_t line) {
    nem->refused++;
    bb_error_locate(&nem->reason, nem->options->source, line);
    return nem->sink->reject(nem->sink->context, &nem->reason, nem->error);
}

int bb_nem_flush(struct bb_nem *nem) {
    int status = 0;

    if (nem->batch.count > 0)
        status = nem->sink->batch(nem->sink->context, &nem->batch, nem->error);
    bb_batch_clear(&nem->batch);
    return status;
}

int bb_nem_add_series(struct bb_nem *nem, const struct bb_series *series, uint32_t *index) {
    *index = bb_series_table_add(nem->table, series);
    return *index == UINT32_MAX ? BB_FAIL(nem->error, BB_E_NO_MEMORY, "no memory for more channels")
                                : 0;
}

static int end_of_file(struct bb_nem *nem) {
    int status = bb_nem_day_close(nem);

    if (status == 0 && nem->place != BB_NEM_START && nem->place != BB_NEM_END)
        status = BB_NEM_REFUSE(nem, BB_E_RECORD_ORDER,
                               "the file ends without its 900 record: it is not complete");
    if (status == 0 && nem->readings == 0 && nem->refused == 0) {
        status = BB_FAIL(nem->error, BB_E_INPUT_EMPTY, "the file holds no readings");
        bb_error_locate(nem->error, nem->options->source, nem->reader.line);
    }
    return status < 0 ? status : bb_nem_flush(nem);
}

static int run(struct bb_nem *nem) {
    struct bb_span line;
    int status;

    while ((status = bb_line_reader_next(&nem->reader, &line, nem->error)) == BB_LINE_READ)
        if ((status = take_line(nem, line)) < 0)
            return status;
    if (status < 0) {
        bb_error_locate(nem->error, nem->options->source, nem->reader.line + 1);
        return status;
    }
    return end_of_file(nem);
}

static int decode(struct bb_input input, const struct bb_decode_options *options,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    struct bb_nem *nem = calloc(1, sizeof *nem);

    if (!nem)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a decoder");
    nem->options = options;
    nem->table = table;
    nem->sink = sink;
    nem->error = error;
    nem->place = BB_NEM_START;
    int status = bb_line_reader_init(&nem->reader, input, error);
    if (status == 0) {
        status = bb_batch_init(&nem->batch, BB_BATCH_CAPACITY, error);
        nem->batch.series_table = table;
        if (status == 0)
            status = run(nem);
        bb_batch_release(&nem->batch);
        bb_line_reader_release(&nem->reader);
    }
    free(nem);
    return status;
}

/* ---- the format row ------------------------------------------------------------------------- */

/* The first line that is not blank. */
static struct bb_span first_line(struct bb_span head) {
    struct bb_span line = {head.data, 0};

    if (bb_span_starts_with(head, BB_SPAN("\xef\xbb\xbf"))) {
        head.data += 3;
        head.size -= 3;
    }
    while (head.size > 0 && line.size == 0) {
        const char *end = memchr(head.data, '\n', head.size);
        size_t size = end ? (size_t)(end - head.data) : head.size;
        line = bb_span_trim((struct bb_span){head.data, size});
        head.data += size + (end ? 1 : 0);
        head.size -= size + (end ? 1 : 0);
    }
    return line;
}

static int sniff(struct bb_span head, bool whole) {
    enum { FIELDS_200 = 9, FIELDS_250 = 20 };
    struct bb_span line = first_line(head);
    const struct record *record = find_record(line);
    struct bb_nem_fields fields;
    uint32_t minutes = 0;

    (void)whole;
    if (!record)
        return 0;
    bb_nem_split(line, &fields);
    if (record->handle == header_record)
        return bb_span_starts_with(fields.at[1], BB_SPAN("NEM")) ||
                       bb_span_starts_with(fields.at[1], BB_SPAN("nem"))
                   ? SURE
                   : 0;
    /* Without a header: so that the refusal can say what is missing. */
    if (record->handle == bb_nem_channel_record && fields.count >= FIELDS_200 &&
        bb_nem_parse_count(fields.at[8], &minutes))
        return LIKELY;
    return record->handle == bb_nem_read_record && fields.count >= FIELDS_250 ? LIKELY : 0;
}

const struct bb_format_row bb_format_nem12 = {
    .name = "nem12",
    .title = "NEM12 and NEM13, AEMO's meter data file format",
    .sniff = sniff,
    .decode = decode,
};
