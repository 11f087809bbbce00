/* Times: int64 milliseconds UTC since 1970, and their texts.
 *
 * The hot parser of RFC 3339 is bb_time_parse_rfc3339; a format with directives is compiled once
 * (bb_time_format) and then run per line.
 */
#ifndef BB_MODEL_TIMESTAMP_H
#define BB_MODEL_TIMESTAMP_H

#include "base/error.h"
#include "base/span.h"

enum {
    BB_SECOND_MS = 1000,
    BB_MINUTE_MS = 60 * BB_SECOND_MS,
    BB_HOUR_MS = 60 * BB_MINUTE_MS,
    BB_DAY_MS = 24 * BB_HOUR_MS,
    BB_TIME_TEXT_MAX = 40
};
#define BB_TIME_NONE INT64_MIN

/* A civil (wall clock) moment; no zone. */
struct bb_civil {
    int32_t year;
    int8_t month, day, hour, minute, second; /* month and day from 1 */
    int16_t millisecond;
};

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t bb_days_from_civil(int year, int month, int day);
void bb_civil_from_days(int64_t days, struct bb_civil *out);
/* Does the date exist (31.02. does not), and are the hours within 00:00:00 and 23:59:59.999?
 * 24:00:00 is accepted by the parsers and becomes the next day's midnight. */
bool bb_civil_valid(const struct bb_civil *civil);
/* As if UTC. */
int64_t bb_civil_to_ms(const struct bb_civil *civil);
void bb_civil_from_ms(int64_t ms, struct bb_civil *out);

enum bb_time_outcome {
    BB_TIME_OK = 0,
    BB_TIME_LOCAL,  /* well formed, but without offset: *ms is the civil time as if UTC */
    BB_TIME_SYNTAX, /* not a time, or a date that does not exist */
};

/* 2026-03-01T00:15:00Z, +01:00, -0600, +01; 'T', 't' or a blank between; seconds and fractions
 * optional (digits past milliseconds are refused unless zero); a bare date is local midnight. */
enum bb_time_outcome bb_time_parse_rfc3339(struct bb_span text, int64_t *ms) BB_MUST_USE;

/* strptime-like directives: %Y %y %m %d %e %H %I %p %M %S %f (fraction) %b %B %j %z %Z(only "Z" or
 * "UTC") %s (epoch seconds) %T %F %D %%; blanks match any blanks, none included. Numbers may have
 * one or two digits where strptime accepts that; names of months are English, long or short, in any
 * case. What a format leaves out is that of 1970-01-01T00:00:00, so that "%H:%M" gives the time of
 * day. Refuses an unknown directive by returning false. */
bool bb_time_format_valid(struct bb_span format);
enum bb_time_outcome bb_time_parse_format(struct bb_span format, struct bb_span text, int64_t *ms)
    BB_MUST_USE;

/* "2026-03-01T00:15:00Z"; milliseconds are written only when they are not zero. Returns length. */
size_t bb_time_format_utc(int64_t ms, char *buffer);
/* With offset: "2026-03-01T01:15:00+01:00". */
size_t bb_time_format_offset(int64_t ms, int32_t offset_s, char *buffer);

/* A length of time: "15m", "1h", "30s", "1d", "500ms", "900" (seconds), "15min", "1h30m", "PT15M",
 * "P1D". Whole numbers only; never negative; no months or years, which have no one length. */
bool bb_duration_parse(struct bb_span text, int64_t *ms) BB_MUST_USE;
/* "15m", "1h", "1d", "90s". Returns length; buffer of BB_TIME_TEXT_MAX. */
size_t bb_duration_format(int64_t ms, char *buffer);
/* For people: "1d 3h 45m", "-5m", "1m 30s"; no more than three units, what is less falls away. */
size_t bb_duration_words(int64_t ms, char *buffer);

#endif
