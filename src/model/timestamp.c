/* Civil dates, RFC 3339 and durations: see timestamp.h.
 *
 * Dates are counted in years that begin in March, so that the leap day is the last day of a year
 * (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). The hot parser checks and takes
 * apart the first 16 characters, "2026-03-01T00:15", as two words:
 *
 *     text      2026-03-  01T00:15
 *     pattern   0000-00-  00T00:00     xor: digits become 0..9, separators 0; all else is refused
 *     pairs     20 26 03  01 00 15     each byte × 10 + its right neighbour
 */
#include "model/timestamp.h"

#include <stdio.h>

#include "model/digits_internal.h"

enum { DAY_S = 86400, CYCLE_DAYS = 146097 /* 400 years */ };

static const uint8_t month_days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
/* Days from 1 March to the first of the month, January and February being of the year before. */
static const uint16_t days_since_march[13] = {0,   306, 337, 0,   31,  61, 92,
                                              122, 153, 184, 214, 245, 275};

static inline bool is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int days_of_month(int64_t year, int month) {
    return month_days[month] + (month == 2 && is_leap(year));
}

/* The years 0 to 9999 without a division that a compiler cannot turn into a multiplication. */
static inline int64_t days_of_date(unsigned year, unsigned month, unsigned day) {
    unsigned shifted = year + 400 - (month <= 2); /* never below zero */
    return (int64_t)(365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 +
                     days_since_march[month] + day) -
           865566;
}

int64_t bb_days_from_civil(int year, int month, int day) {
    int64_t shifted = (int64_t)year - (month <= 2);
    int64_t cycle = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t in_cycle = shifted - cycle * 400;

    BB_ASSERT(month >= 1 && month <= 12);
    return cycle * CYCLE_DAYS + 365 * in_cycle + in_cycle / 4 - in_cycle / 100 +
           days_since_march[month] + day - 1 - 719468;
}

void bb_civil_from_days(int64_t days, struct bb_civil *out) {
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t cycle = (shifted >= 0 ? shifted : shifted - (CYCLE_DAYS - 1)) / CYCLE_DAYS;
    uint32_t day = (uint32_t)(shifted - cycle * CYCLE_DAYS);
    uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint32_t of_year = day - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153; /* from March, 0..11 */

    *out = (struct bb_civil){
        .year = (int32_t)(cycle * 400 + year + (month >= 10)),
        .month = (int8_t)(month < 10 ? month + 3 : month - 9),
        .day = (int8_t)(of_year - (153 * month + 2) / 5 + 1),
    };
}

bool bb_civil_valid(const struct bb_civil *civil) {
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_of_month(civil->year, civil->month) && civil->hour >= 0 &&
           civil->hour < 24 && civil->minute >= 0 && civil->minute < 60 && civil->second >= 0 &&
           civil->second < 60 && civil->millisecond >= 0 && civil->millisecond < 1000;
}

int64_t bb_civil_to_ms(const struct bb_civil *civil) {
    int64_t minutes = bb_days_from_civil(civil->year, civil->month, civil->day) * 1440 +
                      (int64_t)civil->hour * 60 + civil->minute;
    return minutes * BB_MINUTE_MS + (int64_t)civil->second * BB_SECOND_MS + civil->millisecond;
}

void bb_civil_from_ms(int64_t ms, struct bb_civil *out) {
    int64_t days = ms / BB_DAY_MS;
    int32_t rest = (int32_t)(ms % BB_DAY_MS);

    if (rest < 0) {
        rest += BB_DAY_MS;
        days--;
    }
    bb_civil_from_days(days, out);
    out->millisecond = (int16_t)(rest % 1000);
    rest /= 1000;
    out->second = (int8_t)(rest % 60);
    rest /= 60;
    out->minute = (int8_t)(rest % 60);
    out->hour = (int8_t)(rest / 60);
}

/* ---- RFC 3339 ---------------------------------------------------------------------------------*/

/* What follows the minutes. */
struct tail {
    int32_t second, millisecond, offset_s;
    bool has_offset;
};

static inline bool take_two(const char **at, const char *end, int32_t *value) {
    if (end - *at < 2 || !bb_is_digit((*at)[0]) || !bb_is_digit((*at)[1]))
        return false;
    *value = ((*at)[0] - '0') * 10 + ((*at)[1] - '0');
    *at += 2;
    return true;
}

/* Digits behind a point; what milliseconds cannot hold must be zero. */
static bool take_fraction(const char **at, const char *end, int32_t *millisecond) {
    int32_t scale = 100;

    *millisecond = 0;
    if (*at == end || !bb_is_digit(**at))
        return false;
    for (; *at < end && bb_is_digit(**at); (*at)++) {
        if (scale == 0 && **at != '0')
            return false;
        *millisecond += (**at - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* Z, +01:00, -0600, +01. */
static bool take_offset(const char **at, const char *end, int32_t *offset_s) {
    int32_t hours, minutes = 0;
    bool west;

    if (*at == end)
        return false;
    if (**at == 'Z' || **at == 'z') {
        *offset_s = 0;
        ++*at;
        return true;
    }
    if (**at != '+' && **at != '-')
        return false;
    west = **at == '-';
    ++*at;
    if (!take_two(at, end, &hours))
        return false;
    if (*at < end && (**at == ':' || bb_is_digit(**at))) {
        *at += **at == ':';
        if (!take_two(at, end, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

static bool parse_tail(const char *at, const char *end, struct tail *tail) {
    *tail = (struct tail){0};
    if (at < end && *at == ':') {
        at++;
        if (!take_two(&at, end, &tail->second))
            return false;
        if (at < end && (*at == '.' || *at == ',')) {
            at++;
            if (!take_fraction(&at, end, &tail->millisecond))
                return false;
        }
    }
    if (at == end)
        return true;
    tail->has_offset = true;
    return take_offset(&at, end, &tail->offset_s) && at == end;
}

static enum bb_time_outcome parse_date(struct bb_span text, int64_t *ms) {
    struct bb_civil civil = {0};
    const char *at = text.data, *end;
    int32_t century, year, month, day;

    if (text.size != 10 || at[4] != '-' || at[7] != '-')
        return BB_TIME_SYNTAX;
    end = at + text.size;
    if (!take_two(&at, end, &century) || !take_two(&at, end, &year))
        return BB_TIME_SYNTAX;
    at++;
    if (!take_two(&at, end, &month))
        return BB_TIME_SYNTAX;
    at++;
    if (!take_two(&at, end, &day))
        return BB_TIME_SYNTAX;
    civil.year = century * 100 + year;
    civil.month = (int8_t)month;
    civil.day = (int8_t)day;
    if (!bb_civil_valid(&civil))
        return BB_TIME_SYNTAX;
    *ms = bb_civil_to_ms(&civil);
    return BB_TIME_LOCAL;
}

enum bb_time_outcome bb_time_parse_rfc3339(struct bb_span text, int64_t *ms) {
    const char *at = text.data;
    struct tail tail;
    uint64_t date, clock, wrong;

    if (text.size < 16)
        return parse_date(text, ms);

    memcpy(&date, "0000-00-", 8);
    memcpy(&clock,
           "00\0"
           "00:00",
           8);
    date ^= bb_load_8(at);
    clock ^= bb_load_8(at + 8) & ~0xff0000ULL;
    wrong = (at[10] != 'T') & (at[10] != ' ') & (at[10] != 't');
    wrong |= (date | (date + 0x7f76767f76767676ULL) | clock | (clock + 0x76767f76767f7676ULL)) &
             BB_BYTES_OF(0x80);

    date = date * 10 + (date >> 8);
    clock = clock * 10 + (clock >> 8);
    unsigned year = (uint8_t)date * 100U + (uint8_t)(date >> 16), month = (uint8_t)(date >> 40);
    unsigned day = (uint8_t)clock, hour = (uint8_t)(clock >> 24), minute = (uint8_t)(clock >> 48);

    if (wrong || month - 1 >= 12)
        return BB_TIME_SYNTAX;
    if (text.size == 20 && at[16] == ':' && at[19] == 'Z' && bb_is_digit(at[17]) &&
        bb_is_digit(at[18]))
        tail = (struct tail){.second = (at[17] - '0') * 10 + at[18] - '0', .has_offset = true};
    else if (!parse_tail(at + 16, at + text.size, &tail))
        return BB_TIME_SYNTAX;
    /* beyond the 28th the calendar decides */
    if (day - 1 >= 28 && (day == 0 || day > (unsigned)days_of_month(year, (int)month)))
        return BB_TIME_SYNTAX;
    if (minute > 59 || tail.second > 59 ||
        (hour > 23 && (hour > 24 || minute + (unsigned)(tail.second + tail.millisecond) > 0)))
        return BB_TIME_SYNTAX;
    *ms = (days_of_date(year, month, day) * DAY_S + (int32_t)((hour * 60 + minute) * 60) +
           tail.second - tail.offset_s) *
              1000 +
          tail.millisecond;
    return tail.has_offset ? BB_TIME_OK : BB_TIME_LOCAL;
}

/* ---- a format with directives -------------------------------------------------------------------*/

/* What the directives have said; -1: not yet. */
struct fields {
    struct bb_civil civil;
    int32_t day_of_year, hour_12, afternoon;
    int64_t epoch_s;
    int32_t offset_s;
    bool has_epoch, has_offset;
};

static const char *const month_names[12] = {"January",   "February", "March",    "April",
                                            "May",       "June",     "July",     "August",
                                            "September", "October",  "November", "December"};

static inline bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct bb_span *text) {
    while (text->size > 0 && is_blank(*text->data)) {
        text->data++;
        text->size--;
    }
}

/* 1 to `most` digits within [low, high]. */
static bool take_int(struct bb_span *text, size_t most, int low, int high, int32_t *value) {
    size_t count = 0;

    *value = 0;
    while (count < text->size && count < most && bb_is_digit(text->data[count]))
        *value = *value * 10 + (text->data[count++] - '0');
    text->data += count;
    text->size -= count;
    return count > 0 && *value >= low && *value <= high;
}

static bool take_byte(struct bb_span *text, size_t most, int low, int high, int8_t *value) {
    int32_t wide;
    if (!take_int(text, most, low, high, &wide))
        return false;
    *value = (int8_t)wide;
    return true;
}

static bool take_word(struct bb_span *text, const char *word, size_t size) {
    if (text->size < size ||
        !bb_span_equal_nocase((struct bb_span){text->data, size}, (struct bb_span){word, size}))
        return false;
    text->data += size;
    text->size -= size;
    return true;
}

static bool take_month_name(struct bb_span *text, int8_t *month) {
    for (int8_t i = 0; i < 12; i++)
        if (take_word(text, month_names[i], strlen(month_names[i])) ||
            take_word(text, month_names[i], 3)) {
            *month = (int8_t)(i + 1);
            return true;
        }
    return false;
}

static bool take_epoch(struct bb_span *text, struct fields *fields) {
    bool negative = take_word(text, "-", 1);
    size_t count = 0;

    fields->epoch_s = 0;
    while (count < text->size && count < 13 && bb_is_digit(text->data[count]))
        fields->epoch_s = fields->epoch_s * 10 + (text->data[count++] - '0');
    text->data += count;
    text->size -= count;
    if (negative)
        fields->epoch_s = -fields->epoch_s;
    fields->has_epoch = true;
    return count > 0;
}

/* take_fraction and take_offset, on a span. */
static bool take_bounded(bool (*take)(const char **, const char *, int32_t *), struct bb_span *text,
                         int32_t *value) {
    const char *at = text->data, *end = text->data + text->size;
    bool taken = take(&at, end, value);

    *text = (struct bb_span){at, (size_t)(end - at)};
    return taken;
}

static bool take_directive(char directive, struct bb_span *text, struct fields *fields) {
    struct bb_civil *civil = &fields->civil;
    int32_t wide;

    switch (directive) {
    case 'Y': return take_int(text, 4, 0, 9999, &civil->year);
    case 'y': /* POSIX: 69 to 99 are of the twentieth century */
        if (!take_int(text, 2, 0, 99, &wide))
            return false;
        civil->year = wide + (wide < 69 ? 2000 : 1900);
        return true;
    case 'm': return take_byte(text, 2, 1, 12, &civil->month);
    case 'b':
    case 'B': return take_month_name(text, &civil->month);
    case 'e': skip_blanks(text); return take_byte(text, 2, 1, 31, &civil->day);
    case 'd': return take_byte(text, 2, 1, 31, &civil->day);
    case 'j': return take_int(text, 3, 1, 366, &fields->day_of_year);
    case 'H': return take_byte(text, 2, 0, 24, &civil->hour);
    case 'I': return take_int(text, 2, 1, 12, &fields->hour_12);
    case 'p':
        fields->afternoon = take_word(text, "PM", 2);
        return fields->afternoon || take_word(text, "AM", 2);
    case 'M': return take_byte(text, 2, 0, 59, &civil->minute);
    case 'S': return take_byte(text, 2, 0, 59, &civil->second);
    case 'f':
        if (!take_bounded(take_fraction, text, &wide))
            return false;
        civil->millisecond = (int16_t)wide;
        return true;
    case 'z': fields->has_offset = true; return take_bounded(take_offset, text, &fields->offset_s);
    case 'Z':
        fields->has_offset = true;
        fields->offset_s = 0;
        return take_word(text, "UTC", 3) || take_word(text, "Z", 1);
    case 's': return take_epoch(text, fields);
    case '%': return take_word(text, "%", 1);
    default: return false;
    }
}

/* The directives that stand for others; NULL: none. */
static const char *compound(char directive) {
    switch (directive) {
    case 'T': return "%H:%M:%S";
    case 'F': return "%Y-%m-%d";
    case 'D': return "%m/%d/%y";
    default: return NULL;
    }
}

static bool take_format(struct bb_span format, struct bb_span *text, struct fields *fields) {
    for (size_t i = 0; i < format.size; i++) {
        char c = format.data[i];

        if (is_blank(c)) {
            skip_blanks(text);
        } else if (c != '%') {
            if (text->size == 0 || *text->data != c)
                return false;
            text->data++;
            text->size--;
        } else {
            const char *parts = ++i < format.size ? compound(format.data[i]) : NULL;
            if (i == format.size)
                return false;
            if (parts ? !take_format(bb_span_of(parts), text, fields)
                      : !take_directive(format.data[i], text, fields))
                return false;
        }
    }
    return true;
}

bool bb_time_format_valid(struct bb_span format) {
    static const char known[] = "YymbBedjHIpMSfzZs%TFD";

    for (size_t i = 0; i < format.size; i++) {
        if (format.data[i] != '%')
            continue;
        if (++i == format.size || !memchr(known, format.data[i], sizeof known - 1))
            return false;
    }
    return true;
}

static bool resolve(struct fields *fields, int64_t *ms) {
    struct bb_civil *civil = &fields->civil;
    bool day_ends;

    if (fields->has_epoch) {
        *ms = fields->epoch_s * 1000 + civil->millisecond;
        return true;
    }
    if (fields->hour_12 >= 0)
        civil->hour = (int8_t)(fields->hour_12 % 12 + (fields->afternoon > 0 ? 12 : 0));
    day_ends = civil->hour == 24;
    if (day_ends) {
        if (civil->minute || civil->second || civil->millisecond)
            return false;
        civil->hour = 0;
    }
    if (fields->day_of_year >= 0) {
        if (fields->day_of_year > 365 + is_leap(civil->year))
            return false;
        int8_t hour = civil->hour, minute = civil->minute, second = civil->second;
        int16_t millisecond = civil->millisecond;
        bb_civil_from_days(bb_days_from_civil(civil->year, 1, 1) + fields->day_of_year - 1, civil);
        civil->hour = hour;
        civil->minute = minute;
        civil->second = second;
        civil->millisecond = millisecond;
    }
    if (!bb_civil_valid(civil))
        return false;
    *ms = bb_civil_to_ms(civil) + (day_ends ? BB_DAY_MS : 0) -
          (int64_t)fields->offset_s * BB_SECOND_MS;
    return true;
}

enum bb_time_outcome bb_time_parse_format(struct bb_span format, struct bb_span text, int64_t *ms) {
    struct fields fields = {.civil = {.year = 1970, .month = 1, .day = 1},
                            .day_of_year = -1,
                            .hour_12 = -1,
                            .afternoon = -1};

    if (text.size == 0 || !take_format(format, &text, &fields) || text.size > 0 ||
        !resolve(&fields, ms))
        return BB_TIME_SYNTAX;
    return fields.has_offset || fields.has_epoch ? BB_TIME_OK : BB_TIME_LOCAL;
}

/* ---- writing ------------------------------------------------------------------------------------*/

static inline char *put_two(char *at, int value) {
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
    return at + 2;
}

static char *put_civil(int64_t ms, char *at) {
    struct bb_civil civil;

    bb_civil_from_ms(ms, &civil);
    if (civil.year >= 0 && civil.year <= 9999) {
        at = put_two(at, civil.year / 100);
        at = put_two(at, civil.year % 100);
    } else {
        at += snprintf(at, 16, "%05d", (int)civil.year);
    }
    *at++ = '-';
    at = put_two(at, civil.month);
    *at++ = '-';
    at = put_two(at, civil.day);
    *at++ = 'T';
    at = put_two(at, civil.hour);
    *at++ = ':';
    at = put_two(at, civil.minute);
    *at++ = ':';
    at = put_two(at, civil.second);
    if (civil.millisecond) {
        *at++ = '.';
        *at++ = (char)('0' + civil.millisecond / 100);
        at = put_two(at, civil.millisecond % 100);
    }
    return at;
}

size_t bb_time_format_utc(int64_t ms, char *buffer) {
    char *at = put_civil(ms, buffer);

    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - buffer);
}

size_t bb_time_format_offset(int64_t ms, int32_t offset_s, char *buffer) {
    int64_t local;
    int32_t distance = offset_s < 0 ? -offset_s : offset_s;
    char *at;

    BB_ASSERT(distance < 100 * 3600);
    if (__builtin_add_overflow(ms, (int64_t)offset_s * BB_SECOND_MS, &local))
        return bb_time_format_utc(ms, buffer);
    at = put_civil(local, buffer);
    *at++ = offset_s < 0 ? '-' : '+';
    at = put_two(at, distance / 3600);
    *at++ = ':';
    at = put_two(at, distance / 60 % 60);
    if (distance % 60) { /* local mean times of long ago: beyond RFC 3339, but not wrong */
        *at++ = ':';
        at = put_two(at, distance % 60);
    }
    *at = '\0';
    return (size_t)(at - buffer);
}

/* ---- durations ----------------------------------------------------------------------------------*/

static const struct duration_unit {
    const char *name;
    int64_t length_ms;
} duration_units[] = {
    /* the longest first: that is how they are written */
    {"d", BB_DAY_MS}, {"h", BB_HOUR_MS}, {"m", BB_MINUTE_MS}, {"s", BB_SECOND_MS}, {"ms", 1},
};
enum { DURATION_UNITS = sizeof duration_units / sizeof *duration_units };

/* The unit whose name begins `text`; NULL: none of ours. */
static const struct duration_unit *take_duration_unit(struct bb_span *text) {
    size_t size = 0;

    while (size < text->size && !bb_is_digit(text->data[size]) && text->data[size] != 'T' &&
           text->data[size] != 't')
        size++;
    struct bb_span name = {text->data, size};
    text->data += size;
    text->size -= size;
    if (bb_span_equal_nocase(name, BB_SPAN("min")))
        name = BB_SPAN("m");
    for (int i = 0; i < DURATION_UNITS; i++)
        if (bb_span_equal_nocase(name, bb_span_of(duration_units[i].name)))
            return &duration_units[i];
    return NULL;
}

bool bb_duration_parse(struct bb_span text, int64_t *ms) {
    bool iso = take_word(&text, "P", 1), in_time = false;
    const struct duration_unit *last = NULL;
    int64_t total = 0;

    if (text.size == 0)
        return false;
    while (text.size > 0) {
        const struct duration_unit *unit;
        int64_t count = 0;
        size_t digits = 0;

        if (iso && !in_time && take_word(&text, "T", 1))
            in_time = true;
        for (; digits < text.size && bb_is_digit(text.data[digits]); digits++)
            if (__builtin_mul_overflow(count, 10, &count) ||
                __builtin_add_overflow(count, text.data[digits] - '0', &count))
                return false;
        if (digits == 0)
            return false;
        text.data += digits;
        text.size -= digits;
        if (text.size == 0 && !iso && !last)
            unit = &duration_units[3]; /* bare numbers are seconds */
        else
            unit = take_duration_unit(&text);
        /* longer before shorter; of ISO 8601 only what has one length: P1D, not P1M */
        if (!unit || (last && unit <= last) ||
            (iso && (unit->length_ms == 1 || in_time != (unit->length_ms < BB_DAY_MS))) ||
            __builtin_mul_overflow(count, unit->length_ms, &count) ||
            __builtin_add_overflow(total, count, &total))
            return false;
        last = unit;
    }
    *ms = total;
    return true;
}

size_t bb_duration_format(int64_t ms, char *buffer) {
    const struct duration_unit *unit = &duration_units[3];

    if (ms != 0)
        for (unit = duration_units; ms % unit->length_ms != 0;)
            unit++;
    return (size_t)snprintf(buffer, BB_TIME_TEXT_MAX, "%lld%s", (long long)(ms / unit->length_ms),
                            unit->name);
}

size_t bb_duration_words(int64_t ms, char *buffer) {
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    size_t size = 0;
    int units = 0;

    if (ms == 0)
        return bb_duration_format(0, buffer);
    if (ms < 0)
        buffer[size++] = '-';
    for (const struct duration_unit *unit = duration_units; units < 3; unit++) {
        uint64_t count = left / (uint64_t)unit->length_ms;
        left %= (uint64_t)unit->length_ms;
        if (count > 0)
            size += (size_t)snprintf(buffer + size, BB_TIME_TEXT_MAX - size, "%s%llu%s",
                                     units > 0 ? " " : "", (unsigned long long)count, unit->name);
        units += count > 0 || units > 0;
        if (unit->length_ms == 1)
            break;
    }
    return size;
}
