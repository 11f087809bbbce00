/* The 250 record of NEM13: two register reads and the quantity between them.
 *
 * 250,NMI,NMIConfiguration,RegisterID,NMISuffix,MDMDataStreamIdentifier,MeterSerialNumber,
 *     DirectionIndicator,PreviousRegisterRead,PreviousRegisterReadDateTime,PreviousQualityMethod,
 *     PreviousReasonCode,PreviousReasonDescription,CurrentRegisterRead,CurrentRegisterReadDateTime,
 *     CurrentQualityMethod,CurrentReasonCode,CurrentReasonDescription,Quantity,UOM,
 *     NextScheduledReadDate,UpdateDateTime,MSATSLoadDateTime
 *
 *              previous read          current read
 *   SUFFIX.register   ●────────────────────●         two readings of a register
 *   SUFFIX            (──── quantity ──────]         one interval
 *
 * The quantity is kept as sent: multiplier and rollover are already in it, so it need not be the
 * difference of the reads, and where the sender counts export as negative it is.
 */
#include "codec/nem_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    FIELD_NMI = 1,
    FIELD_SUFFIX = 4,
    FIELD_PREVIOUS = 8, /* read, moment, quality method, reason code */
    FIELD_CURRENT = 13,
    FIELD_QUANTITY = 18,
    FIELD_UNIT = 19,
    FIELD_UPDATED = 21,
    FIELD_LOADED = 22,
};
#define REGISTER_SUFFIX ".register"

struct read {
    int64_t ms;
    struct bb_decimal value;
    struct bb_quality quality;
};

struct record_250 {
    struct read previous, current;
    struct bb_decimal quantity;
    int64_t issued_ms;
    uint16_t marks;
    uint8_t unit;
};

/* A number of the record; of quality N it may be empty and is not looked at. */
static int parse_number(struct bb_span text, const struct bb_quality *quality, const char *what,
                        struct bb_decimal *value, struct bb_error *error) {
    *value = (struct bb_decimal){0, 0};
    if (quality->state == BB_STATE_MISSING)
        return 0;
    if (text.size == 0)
        return BB_FAIL(error, BB_E_FIELD_MISSING, "the %s is empty", what);
    if (memchr(text.data, 'e', text.size) || memchr(text.data, 'E', text.size) ||
        bb_decimal_parse(text, '.', value) != BB_DECIMAL_OK)
        return BB_FAIL(error, BB_E_VALUE,
                       "the %s is '%s'; it is a decimal number of at most 18 digits, without "
                       "exponent",
                       what, bb_nem_quote(text).text);
    return 0;
}

static int parse_read(const struct bb_nem *nem, const struct bb_span *fields, const char *what,
                      struct read *read, struct bb_error *error) {
    bool varies = false;
    int status;

    if (!bb_nem_parse_moment(fields[1], &read->ms))
        return BB_FAIL(error, BB_E_TIME,
                       "the time of the %s is '%s'; it is a moment of the calendar, YYYYMMDDhhmmss",
                       what, bb_nem_quote(fields[1]).text);
    if ((status = bb_time_check(nem->options, read->ms, error)) < 0 ||
        (status = bb_nem_parse_quality(fields[2], fields[3], &read->quality, &varies, error)) < 0)
        return status;
    if (varies)
        return BB_FAIL(error, BB_E_QUALITY_UNKNOWN,
                       "the quality method of the %s is V; that is for 300 records only", what);
    return parse_number(fields[0], &read->quality, what, &read->value, error);
}

static int parse_names(const struct bb_nem_fields *fields, struct bb_error *error) {
    if (fields->at[FIELD_NMI].size == 0 || fields->at[FIELD_SUFFIX].size == 0)
        return BB_FAIL(error, BB_E_FIELD_MISSING, "the 250 record has no %s",
                       fields->at[FIELD_NMI].size == 0 ? "NMI" : "suffix");
    int status = bb_name_check(fields->at[FIELD_NMI], "NMI", error);
    if (status == 0)
        status = bb_name_check(fields->at[FIELD_SUFFIX], "suffix", error);
    if (status == 0 && fields->at[FIELD_SUFFIX].size + strlen(REGISTER_SUFFIX) > BB_NAME_MAX)
        status = BB_FAIL(error, BB_E_NAME, "the suffix is longer than a channel's name may be");
    return status;
}

static int parse_record(const struct bb_nem *nem, const struct bb_nem_fields *fields,
                        struct record_250 *record, struct bb_error *error) {
    const struct bb_span *at = fields->at;
    int status;

    if ((status = parse_names(fields, error)) < 0 ||
        (status = parse_read(nem, at + FIELD_PREVIOUS, "previous read", &record->previous, error)) <
            0 ||
        (status = parse_read(nem, at + FIELD_CURRENT, "current read", &record->current, error)) <
            0 ||
        (status = parse_number(at[FIELD_QUANTITY], &record->current.quality, "quantity",
                               &record->quantity, error)) < 0)
        return status;
    if (record->current.ms <= record->previous.ms)
        return BB_FAIL(
            error, BB_E_TIME, "the current read (%s) is not later than the previous (%s)",
            bb_nem_quote(at[FIELD_CURRENT + 1]).text, bb_nem_quote(at[FIELD_PREVIOUS + 1]).text);
    bb_nem_parse_unit(at[FIELD_UNIT], &record->unit, &record->marks);
    record->issued_ms = bb_nem_issued(at[FIELD_UPDATED], at[FIELD_LOADED]);
    return 0;
}

/* The channel's own series and that of its register. */
static int add_series(struct bb_nem *nem, const struct bb_nem_fields *fields,
                      const struct record_250 *record, uint32_t *interval, uint32_t *reads) {
    char name[BB_NAME_MAX + 1];
    struct bb_series series = {
        .usage_point = fields->at[FIELD_NMI],
        .channel = fields->at[FIELD_SUFFIX],
        .zone = BB_SPAN(BB_NEM_MARKET_ZONE),
        .kind = BB_KIND_INTERVAL, /* of no nominal length: each reading says its own */
        .commodity = BB_COMMODITY_ELECTRICITY,
        .unit = record->unit,
    };
    int status = bb_nem_add_series(nem, &series, interval);

    if (status < 0)
        return status;
    snprintf(name, sizeof name, "%.*s" REGISTER_SUFFIX, BB_SPAN_ARGS(series.channel));
    series.channel = bb_span_of(name);
    series.kind = BB_KIND_REGISTER;
    return bb_nem_add_series(nem, &series, reads);
}

/* One reading at read->ms; `length_s` 0 for a register. */
static int push(struct bb_nem *nem, const struct record_250 *record, uint32_t series,
                const struct read *read, struct bb_decimal value, uint32_t length_s) {
    struct bb_attribute attribute = {.quality = read->quality,
                                     .length_s = length_s,
                                     .unit = record->unit,
                                     .exponent = value.exponent};

    if (bb_batch_full(&nem->batch)) {
        int status = bb_nem_flush(nem);
        if (status < 0)
            return status;
    }
    attribute.quality.marks |= record->marks;
    uint32_t index = bb_attribute_set_index(&nem->batch.attributes, &attribute);
    if (index == UINT32_MAX)
        return BB_FAIL(nem->error, BB_E_NO_MEMORY, "no memory for a batch");
    bb_batch_push(&nem->batch, series, index, read->ms, value.mantissa, (int64_t)nem->reader.line);
    if (record->issued_ms != BB_TIME_NONE)
        bb_batch_set_issued(&nem->batch, record->issued_ms);
    nem->readings++;
    return 0;
}

int bb_nem_read_record(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_fields fields;
    struct record_250 record;
    uint32_t interval, reads;
    int status;

    bb_nem_split(line, &fields);
    if (parse_record(nem, &fields, &record, &nem->reason) < 0)
        return bb_nem_refuse(nem, nem->reader.line);
    uint32_t length_s = (uint32_t)((record.current.ms - record.previous.ms) / BB_SECOND_MS);
    if ((status = add_series(nem, &fields, &record, &interval, &reads)) < 0 ||
        (status = push(nem, &record, reads, &record.previous, record.previous.value, 0)) < 0 ||
        (status = push(nem, &record, reads, &record.current, record.current.value, 0)) < 0)
        return status;
    return push(nem, &record, interval, &record.current, record.quantity, length_s);
}
