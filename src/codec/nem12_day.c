/* The 300 and 400 records of NEM12: a day of values and the quality of its parts.
 *
 * 300,IntervalDate,Value1,...,ValueN,QualityMethod,ReasonCode,ReasonDescription,UpdateDateTime,
 *     MSATSLoadDateTime
 * 400,StartInterval,EndInterval,QualityMethod,ReasonCode,ReasonDescription
 *
 * The quality stands behind the values, and with V it stands in the 400 records behind the 300. So
 * a day is read into nem->day first and handed on when all of it is known to be good: a day is
 * taken whole or refused whole. 300 records are nearly all bytes of a file: scan_values is the hot
 * loop of this codec.
 */
#include "codec/nem_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { ATTRIBUTE_EXPONENTS = BB_DECIMAL_MAX_DIGITS + 1, ATTRIBUTE_UNKNOWN = UINT32_MAX };

/* ---- values --------------------------------------------------------------------------------- */

/* Digits with an optional point, up to a comma or the end of the line: returns where it stopped,
 * or NULL when the field is anything else, which read_odd_value looks at. */
static inline const char *scan_value(const char *at, const char *end, int64_t *mantissa,
                                     int8_t *exponent) {
    const char *start = at;
    uint64_t value = 0;
    unsigned digit;
    ptrdiff_t decimals = 0, point = 0;

    for (; at < end && (digit = (unsigned char)*at - (unsigned)'0') <= 9; at++)
        value = value * 10 + digit;
    if (at < end && *at == '.') {
        const char *first = ++at;
        for (; at < end && (digit = (unsigned char)*at - (unsigned)'0') <= 9; at++)
            value = value * 10 + digit;
        decimals = at - first;
        point = 1;
    }
    ptrdiff_t size = at - start - point;
    if (size == 0 || size > BB_DECIMAL_MAX_DIGITS || (at < end && *at != ','))
        return NULL;
    *mantissa = (int64_t)value;
    *exponent = (int8_t)-decimals;
    return at;
}

/* How many fields from here on look like values: for the message about a wrong count. */
static uint32_t count_values(struct bb_span rest) {
    uint32_t count = 0;

    while (rest.data) {
        struct bb_span field = bb_nem_next_field(&rest);
        struct bb_decimal ignored;
        if (field.size == 0 || bb_decimal_parse(field, '.', &ignored) != BB_DECIMAL_OK)
            break;
        count++;
    }
    return count;
}

static int fail_count(struct bb_nem *nem, uint32_t found) {
    const struct bb_nem_channel *channel = &nem->channel;

    return BB_FAIL(&nem->reason, BB_E_INTERVAL_COUNT,
                   "the 300 record has %" PRIu32 " values; intervals of %" PRIu32
                   " minutes (200 record, line %" PRIu64 ") need exactly %" PRIu32
                   ", all in one line",
                   found, channel->length_s / 60, channel->line, channel->count);
}

/* Value `i`, which is not just digits: empty (a gap, for quality N), too long, or no value at
 * all. */
static int read_odd_value(struct bb_nem *nem, struct bb_span field, bool last, uint32_t i) {
    struct bb_nem_day *day = &nem->day;
    struct bb_decimal value;

    if (bb_nem_is_quality(field) || (field.size == 0 && last))
        return fail_count(nem, i);
    if (field.size == 0) {
        day->has_gaps = true;
        day->mantissa[i] = 0;
        day->exponent[i] = BB_NEM_NO_VALUE;
        return 0;
    }
    if (field.data[0] == '-')
        return BB_FAIL(&nem->reason, BB_E_VALUE,
                       "value %" PRIu32 " is negative (%s); interval values are 0 or more, the "
                       "direction is the suffix's",
                       i + 1, bb_nem_quote(field).text);
    if (memchr(field.data, 'e', field.size) || memchr(field.data, 'E', field.size))
        return BB_FAIL(&nem->reason, BB_E_VALUE,
                       "value %" PRIu32 " is '%s'; values are written without exponent", i + 1,
                       bb_nem_quote(field).text);
    if (bb_decimal_parse(field, '.', &value) != BB_DECIMAL_OK)
        return BB_FAIL(&nem->reason, BB_E_VALUE,
                       "value %" PRIu32 " is '%s'; values are decimal numbers of at most 18 digits",
                       i + 1, bb_nem_quote(field).text);
    day->mantissa[i] = value.mantissa;
    day->exponent[i] = value.exponent;
    return 0;
}

/* The values of a day; *rest goes to the quality method behind them. */
static int scan_values(struct bb_nem *nem, struct bb_span *rest) {
    struct bb_nem_day *day = &nem->day;
    const char *at = rest->data; /* NULL behind the last field */
    const char *end = at ? at + rest->size : NULL;

    day->has_gaps = false;
    for (uint32_t i = 0; i < nem->channel.count; i++) {
        if (!at)
            return fail_count(nem, i);
        const char *stop = scan_value(at, end, &day->mantissa[i], &day->exponent[i]);
        if (stop) {
            at = stop < end ? stop + 1 : NULL;
            continue;
        }
        struct bb_span odd = {at, (size_t)(end - at)};
        struct bb_span field = bb_nem_next_field(&odd);
        int status = read_odd_value(nem, field, odd.data == NULL, i);
        if (status < 0)
            return status;
        at = odd.data;
    }
    *rest = (struct bb_span){at, at ? (size_t)(end - at) : 0};
    return 0;
}

/* ---- quality -------------------------------------------------------------------------------- */

/* The fields behind the values. A further number there is a value too many. */
static int read_tail(struct bb_nem *nem, struct bb_span rest, struct bb_quality *quality,
                     bool *varies) {
    uint32_t extra = count_values(rest);

    if (extra > 0)
        return fail_count(nem, nem->channel.count + extra);
    struct bb_span method = bb_nem_next_field(&rest);
    struct bb_span reason = bb_nem_next_field(&rest);
    (void)bb_nem_next_field(&rest); /* the reason in words */
    struct bb_span updated = bb_nem_next_field(&rest);
    struct bb_span loaded = bb_nem_next_field(&rest);
    nem->day.issued_ms = bb_nem_issued(updated, loaded);
    return bb_nem_parse_quality(method, reason, quality, varies, &nem->reason);
}

static int add_part(struct bb_nem *nem, uint32_t first, uint32_t last,
                    const struct bb_quality *quality) {
    struct bb_nem_day *day = &nem->day;

    if (day->has_gaps && quality->state != BB_STATE_MISSING)
        for (uint32_t i = first; i <= last; i++)
            if (day->exponent[i] == BB_NEM_NO_VALUE)
                return BB_FAIL(&nem->reason, BB_E_FIELD_MISSING,
                               "value %" PRIu32 " is empty; only intervals of quality N may be",
                               i + 1);
    struct bb_nem_part *part = &day->parts[day->part_count++];
    *part = (struct bb_nem_part){(uint16_t)first, (uint16_t)last, *quality};
    part->quality.marks |= nem->channel.marks;
    return 0;
}

/* ---- handing on ----------------------------------------------------------------------------- */

/* The attributes of one part of a day differ in the exponent alone. */
struct part_attributes {
    struct bb_attribute attribute;
    uint32_t index[ATTRIBUTE_EXPONENTS]; /* by -exponent */
};

static void forget_indexes(struct part_attributes *attributes) {
    memset(attributes->index, 0xff, sizeof attributes->index);
}

static int index_attribute(struct bb_nem *nem, struct part_attributes *attributes, int8_t exponent,
                           uint32_t *index) {
    attributes->attribute.exponent = exponent;
    *index = bb_attribute_set_index(&nem->batch.attributes, &attributes->attribute);
    attributes->index[-exponent] = *index;
    return *index == UINT32_MAX ? BB_FAIL(nem->error, BB_E_NO_MEMORY, "no memory for a batch") : 0;
}

static int push_part(struct bb_nem *nem, const struct bb_nem_part *part) {
    const struct bb_nem_channel *channel = &nem->channel;
    struct bb_nem_day *day = &nem->day;
    struct part_attributes attributes = {.attribute = {.quality = part->quality,
                                                       .length_s = channel->length_s,
                                                       .unit = channel->unit}};
    int64_t length_ms = (int64_t)channel->length_s * BB_SECOND_MS;
    int64_t line = (int64_t)day->line, end_ms = day->start_ms + (part->first + 1) * length_ms;
    bool missing = part->quality.state == BB_STATE_MISSING;

    forget_indexes(&attributes);
    for (uint32_t i = part->first; i <= part->last; i++, end_ms += length_ms) {
        if (bb_batch_full(&nem->batch)) {
            int status = bb_nem_flush(nem);
            if (status < 0)
                return status;
            forget_indexes(&attributes);
        }
        int8_t exponent = missing ? 0 : day->exponent[i];
        uint32_t index = attributes.index[-exponent];
        if (index == ATTRIBUTE_UNKNOWN && index_attribute(nem, &attributes, exponent, &index) < 0)
            return -BB_E_NO_MEMORY;
        bb_batch_push(&nem->batch, channel->series, index, end_ms, missing ? 0 : day->mantissa[i],
                      line);
        if (day->issued_ms != BB_TIME_NONE)
            bb_batch_set_issued(&nem->batch, day->issued_ms);
    }
    nem->readings += part->last - part->first + 1U;
    return 0;
}

static int push_day(struct bb_nem *nem) {
    for (uint32_t i = 0; i < nem->day.part_count; i++) {
        int status = push_part(nem, &nem->day.parts[i]);
        if (status < 0)
            return status;
    }
    nem->day.state = BB_NEM_DAY_DONE;
    return 0;
}

int bb_nem_day_close(struct bb_nem *nem) {
    struct bb_nem_day *day = &nem->day;

    if (day->state != BB_NEM_DAY_OPEN)
        return 0;
    if (day->covered == nem->channel.count)
        return push_day(nem);
    day->state = BB_NEM_DAY_REFUSED;
    return BB_NEM_REFUSE_AT(nem, day->line, BB_E_INTERVAL_COUNT,
                            "the quality of the day varies (V), and its 400 records cover %" PRIu32
                            " of %" PRIu32 " intervals; they must cover all of them",
                            day->covered, nem->channel.count);
}

/* ---- records -------------------------------------------------------------------------------- */

static int read_date(struct bb_nem *nem, struct bb_span text) {
    struct bb_nem_day *day = &nem->day;
    int64_t length_ms = (int64_t)nem->channel.length_s * BB_SECOND_MS;

    if (!bb_nem_parse_date(text, &day->start_ms))
        return BB_FAIL(&nem->reason, BB_E_TIME,
                       "the day is '%s'; a 300 record begins with a date of the calendar, YYYYMMDD",
                       bb_nem_quote(text).text);
    int status = bb_time_check(nem->options, day->start_ms + length_ms, &nem->reason);
    return status < 0 ? status
                      : bb_time_check(nem->options, day->start_ms + BB_DAY_MS, &nem->reason);
}

/* Everything of a 300 record but handing it on. */
static int read_day(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_day *day = &nem->day;
    struct bb_quality quality;
    bool varies = false;
    int status;

    (void)bb_nem_next_field(&line); /* 300 */
    if ((status = read_date(nem, bb_nem_next_field(&line))) < 0 ||
        (status = scan_values(nem, &line)) < 0 ||
        (status = read_tail(nem, line, &quality, &varies)) < 0)
        return status;
    day->covered = 0;
    day->part_count = 0;
    if (!varies && (status = add_part(nem, 0, nem->channel.count - 1, &quality)) < 0)
        return status;
    day->state = varies ? BB_NEM_DAY_OPEN : BB_NEM_DAY_DONE;
    return 0;
}

int bb_nem_day_record(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_day *day = &nem->day;

    day->state = BB_NEM_DAY_REFUSED; /* until it is known to be good */
    day->line = nem->reader.line;
    if (!nem->channel.usable)
        return BB_NEM_REFUSE(nem, BB_E_RECORD_ORDER,
                             "the 300 record belongs to the 200 record of line %" PRIu64
                             ", which was refused",
                             nem->channel.line);
    if (read_day(nem, line) < 0)
        return bb_nem_refuse(nem, day->line);
    return day->state == BB_NEM_DAY_DONE ? push_day(nem) : 0;
}

/* The next part of an open day. */
static int read_part(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_day *day = &nem->day;
    struct bb_nem_fields fields;
    struct bb_quality quality;
    uint32_t first = 0, last = 0;
    bool varies = false;

    bb_nem_split(line, &fields);
    if (!bb_nem_parse_count(fields.at[1], &first) || !bb_nem_parse_count(fields.at[2], &last))
        return BB_FAIL(&nem->reason, BB_E_SYNTAX,
                       "the 400 record says intervals '%s' to '%s'; both are whole numbers",
                       bb_nem_quote(fields.at[1]).text, bb_nem_quote(fields.at[2]).text);
    if (first != day->covered + 1 || last < first || last > nem->channel.count)
        return BB_FAIL(&nem->reason, BB_E_INTERVAL_COUNT,
                       "the 400 record covers intervals %" PRIu32 " to %" PRIu32
                       "; the next part begins at %" PRIu32 " and the day ends at %" PRIu32,
                       first, last, day->covered + 1, nem->channel.count);
    int status = bb_nem_parse_quality(fields.at[3], fields.at[4], &quality, &varies, &nem->reason);
    if (status < 0)
        return status;
    if (varies)
        return BB_FAIL(&nem->reason, BB_E_QUALITY_UNKNOWN,
                       "a 400 record says which quality a part has; V stands in 300 records only");
    day->covered = last;
    return add_part(nem, first - 1, last - 1, &quality);
}

int bb_nem_part_record(struct bb_nem *nem, struct bb_span line) {
    struct bb_nem_day *day = &nem->day;

    if (day->state == BB_NEM_DAY_REFUSED)
        return 0;
    if (day->state == BB_NEM_DAY_DONE)
        return BB_NEM_REFUSE(nem, BB_E_RECORD_ORDER,
                             "400 records stand directly behind a 300 record of quality V");
    if (read_part(nem, line) == 0)
        return 0;
    day->state = BB_NEM_DAY_REFUSED;
    size_t used = strlen(nem->reason.text);
    snprintf(nem->reason.text + used, sizeof nem->reason.text - used,
             " (the day of line %" PRIu64 " is refused)", day->line);
    return bb_nem_refuse(nem, nem->reader.line);
}
