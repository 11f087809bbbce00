/* Fields of NEM12 and NEM13 records: see nem_internal.h. Pure. */
#include "codec/nem_internal.h"

#include "model/unit.h"

struct bb_span bb_nem_next_field(struct bb_span *rest) {
    const char *comma = rest->size ? memchr(rest->data, ',', rest->size) : NULL;
    struct bb_span field = *rest;

    if (comma) {
        field.size = (size_t)(comma - rest->data);
        rest->data = comma + 1;
        rest->size -= field.size + 1;
    } else {
        *rest = (struct bb_span){NULL, 0};
    }
    return bb_span_trim(field);
}

void bb_nem_split(struct bb_span line, struct bb_nem_fields *fields) {
    *fields = (struct bb_nem_fields){0};
    while (line.data) {
        struct bb_span field = bb_nem_next_field(&line);
        if (fields->count < BB_NEM_FIELDS_MAX)
            fields->at[fields->count] = field;
        fields->count++;
    }
}

struct bb_nem_quoted bb_nem_quote(struct bb_span field) {
    struct bb_nem_quoted quoted;
    size_t size = field.size <= 40 ? field.size : 40;

    for (size_t i = 0; i < size; i++)
        quoted.text[i] = field.data[i] >= ' ' && field.data[i] <= '~' ? field.data[i] : '?';
    memcpy(quoted.text + size, field.size > 40 ? "..." : "", field.size > 40 ? 4 : 1);
    return quoted;
}

/* `size` digits from `at`, or -1. */
static int32_t digits(struct bb_span text, size_t at, size_t size) {
    int32_t value = 0;

    for (size_t i = at; i < at + size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

static bool all_digits(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0;
}

static bool civil_to_utc(const struct bb_civil *civil, int64_t *ms) {
    if (!bb_civil_valid(civil))
        return false;
    *ms = bb_civil_to_ms(civil) - BB_NEM_MARKET_OFFSET_H * (int64_t)BB_HOUR_MS;
    return true;
}

static struct bb_civil civil_date(struct bb_span text) {
    return (struct bb_civil){.year = digits(text, 0, 4),
                             .month = (int8_t)digits(text, 4, 2),
                             .day = (int8_t)digits(text, 6, 2)};
}

bool bb_nem_parse_date(struct bb_span text, int64_t *ms) {
    if (text.size != 8 || !all_digits(text))
        return false;
    struct bb_civil civil = civil_date(text);
    return civil_to_utc(&civil, ms);
}

bool bb_nem_parse_moment(struct bb_span text, int64_t *ms) {
    if (text.size != 14 || !all_digits(text))
        return false;
    struct bb_civil civil = civil_date(text);
    civil.hour = (int8_t)digits(text, 8, 2);
    civil.minute = (int8_t)digits(text, 10, 2);
    civil.second = (int8_t)digits(text, 12, 2);
    return civil_to_utc(&civil, ms);
}

int64_t bb_nem_issued(struct bb_span updated, struct bb_span loaded) {
    int64_t ms;

    if (bb_nem_parse_moment(updated, &ms) || bb_nem_parse_moment(loaded, &ms))
        return ms;
    return BB_TIME_NONE;
}

bool bb_nem_parse_count(struct bb_span text, uint32_t *count) {
    if (text.size > 6 || !all_digits(text))
        return false;
    *count = (uint32_t)digits(text, 0, text.size);
    return true;
}

/* The flags of a quality method. Those with `method` may name one by two digits: E52. */
static const struct {
    char flag;
    bool method;
    uint8_t state;
    uint16_t marks;
} flags[] = {
    {'A', false, BB_STATE_MEASURED, 0},
    {'E', true, BB_STATE_ESTIMATED, 0},
    {'F', true, BB_STATE_SUBSTITUTED, BB_MARK_FINAL},
    {'N', false, BB_STATE_MISSING, 0},
    {'S', true, BB_STATE_SUBSTITUTED, 0},
    {'V', false, BB_STATE_MISSING, 0}, /* varies: what 400 records say takes its place */
};
enum { FLAG_COUNT = sizeof flags / sizeof flags[0] };

/* The row of a method's flag, or FLAG_COUNT. */
static size_t find_flag(struct bb_span method) {
    if (method.size != 1 && (method.size != 3 || digits(method, 1, 2) < 0))
        return FLAG_COUNT;
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags[i].flag == method.data[0] && (method.size == 1 || flags[i].method))
            return i;
    return FLAG_COUNT;
}

bool bb_nem_is_quality(struct bb_span text) {
    return find_flag(text) < FLAG_COUNT;
}

/* The sender's code, verbatim: "S14", "F14 79". A plain A or N says nothing that the state does not
 * say already. */
static bool write_source(struct bb_span method, struct bb_span reason, char *source) {
    if (reason.size == 0) {
        if (method.data[0] != 'A' && method.data[0] != 'N')
            memcpy(source, method.data, method.size);
        return true;
    }
    if (method.size + 1 + reason.size >= BB_QUALITY_SOURCE_MAX)
        return false;
    memcpy(source, method.data, method.size);
    source[method.size] = ' ';
    memcpy(source + method.size + 1, reason.data, reason.size);
    return true;
}

int bb_nem_parse_quality(struct bb_span method, struct bb_span reason, struct bb_quality *quality,
                         bool *varies, struct bb_error *error) {
    size_t i = find_flag(method);

    if (method.size == 0)
        return BB_FAIL(error, BB_E_FIELD_MISSING,
                       "the quality method is missing; allowed are A, N, V, or E, F, S with two "
                       "digits");
    if (i == FLAG_COUNT)
        return BB_FAIL(error, BB_E_QUALITY_UNKNOWN,
                       "the quality method is '%s'; allowed are A, N, V, or E, F, S with two "
                       "digits",
                       bb_nem_quote(method).text);
    memset(quality, 0, sizeof *quality);
    quality->state = flags[i].state;
    quality->marks = flags[i].marks;
    *varies = flags[i].flag == 'V';
    if (!write_source(method, reason, quality->source))
        return BB_FAIL(error, BB_E_QUALITY_UNKNOWN,
                       "the reason code is %zu bytes long; it has one to three digits",
                       reason.size);
    return 0;
}

void bb_nem_parse_unit(struct bb_span text, uint8_t *unit, uint16_t *marks) {
    int found = text.size ? bb_unit_find(text) : -1;

    *unit = found < 0 ? BB_UNIT_NONE : (uint8_t)found;
    *marks = found < 0 ? BB_MARK_UNIT_ASSUMED : 0;
}
