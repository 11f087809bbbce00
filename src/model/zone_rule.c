/* POSIX TZ strings: see zone_rule_internal.h. Grammar: POSIX.1-2017, 8.3, with the quoted names of
 * POSIX and the longer hours of RFC 8536, 3.3.1. */
#include "model/zone_rule_internal.h"

#include "model/digits_internal.h"
#include "model/timestamp.h"

enum { NAME_MIN = 3, NAME_MAX = 32, OFFSET_HOURS_MAX = 24, TIME_HOURS_MAX = 167 };

static bool take(struct bb_span *text, char c) {
    if (text->size == 0 || *text->data != c)
        return false;
    text->data++;
    text->size--;
    return true;
}

static bool take_number(struct bb_span *text, int32_t low, int32_t high, int32_t *value) {
    size_t count = 0;

    *value = 0;
    while (count < text->size && count < 3 && bb_is_digit(text->data[count]))
        *value = *value * 10 + (text->data[count++] - '0');
    text->data += count;
    text->size -= count;
    return count > 0 && *value >= low && *value <= high;
}

static bool is_letter(char c) {
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool take_name(struct bb_span *text) {
    bool quoted = take(text, '<');
    size_t size = 0;

    while (size < text->size && (is_letter(text->data[size]) ||
                                 (quoted && (bb_is_digit(text->data[size]) ||
                                             text->data[size] == '+' || text->data[size] == '-'))))
        size++;
    text->data += size;
    text->size -= size;
    return size >= NAME_MIN && size <= NAME_MAX && (!quoted || take(text, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(struct bb_span *text, int32_t hours_max, int32_t *seconds) {
    int32_t hours, minutes = 0, rest = 0;
    bool negative = take(text, '-');

    if (!negative)
        take(text, '+');
    if (!take_number(text, 0, hours_max, &hours))
        return false;
    if (take(text, ':') && (!take_number(text, 0, 59, &minutes) ||
                            (take(text, ':') && !take_number(text, 0, 59, &rest))))
        return false;
    *seconds = hours * 3600 + minutes * 60 + rest;
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool take_change(struct bb_span *text, struct bb_zone_change *change) {
    *change = (struct bb_zone_change){.time_s = 2 * 3600};
    if (!take(text, ','))
        return false;
    if (take(text, 'M')) {
        change->form = BB_ZONE_DAY_OF_MONTH;
        if (!take_number(text, 1, 12, &change->month) || !take(text, '.') ||
            !take_number(text, 1, 5, &change->week) || !take(text, '.') ||
            !take_number(text, 0, 6, &change->day))
            return false;
    } else if (take(text, 'J')) {
        change->form = BB_ZONE_DAY_JULIAN;
        if (!take_number(text, 1, 365, &change->day))
            return false;
    } else {
        change->form = BB_ZONE_DAY_ZERO;
        if (!take_number(text, 0, 365, &change->day))
            return false;
    }
    return !take(text, '/') || take_clock(text, TIME_HOURS_MAX, &change->time_s);
}

bool bb_zone_rule_parse(struct bb_span text, struct bb_zone_rule *out) {
    int32_t west;

    *out = (struct bb_zone_rule){0};
    if (text.size == 0 || !take_name(&text) || !take_clock(&text, OFFSET_HOURS_MAX, &west))
        return false;
    out->standard_s = out->daylight_s = -west;
    if (text.size == 0)
        return true;
    if (!take_name(&text))
        return false;
    out->has_daylight = true;
    out->daylight_s = out->standard_s + 3600;
    if (text.size > 0 && *text.data != ',') {
        if (!take_clock(&text, OFFSET_HOURS_MAX, &west))
            return false;
        out->daylight_s = -west;
    }
    /* POSIX leaves a rule without dates open; a file that has daylight time says when */
    return take_change(&text, &out->to_daylight) && take_change(&text, &out->to_standard) &&
           text.size == 0;
}

static int64_t change_day(const struct bb_zone_change *change, int year) {
    int64_t january = bb_days_from_civil(year, 1, 1);
    int64_t march = bb_days_from_civil(year, 3, 1);
    int64_t first, next, day;

    switch (change->form) {
    case BB_ZONE_DAY_JULIAN: /* 60 is 1 March in every year */
        return change->day >= 60 ? march + change->day - 60 : january + change->day - 1;
    case BB_ZONE_DAY_ZERO: return january + change->day;
    case BB_ZONE_DAY_OF_MONTH: break;
    }
    first = bb_days_from_civil(year, change->month, 1);
    next = change->month == 12 ? bb_days_from_civil(year + 1, 1, 1)
                               : bb_days_from_civil(year, change->month + 1, 1);
    /* 1970-01-01 was a Thursday, 4 */
    day = first + ((change->day - 4 - first) % 7 + 7) % 7 + ((int64_t)change->week - 1) * 7;
    return day < next ? day : day - 7;
}

void bb_zone_rule_year(const struct bb_zone_rule *rule, int year, int64_t *to_daylight_s,
                       int64_t *to_standard_s) {
    *to_daylight_s = change_day(&rule->to_daylight, year) * 86400 + rule->to_daylight.time_s -
                     rule->standard_s;
    *to_standard_s = change_day(&rule->to_standard, year) * 86400 + rule->to_standard.time_s -
                     rule->daylight_s;
}
