/* Zones (TZif, RFC 8536) and period calendars.
 *
 * A zone maps UTC to local offsets; a calendar cuts time into local days, months and years that
 * begin at `day_start` (gas: 06:00) in its zone. Days have 23, 24 or 25 hours, in half-hour zones
 * 23.5 or 24.5. Everything is exact in milliseconds. A zone is immutable after loading and may be
 * shared by threads.
 */
#ifndef BB_MODEL_CALENDAR_H
#define BB_MODEL_CALENDAR_H

#include "base/error.h"
#include "base/span.h"
#include "model/timestamp.h"

enum { BB_ZONE_NAME_MAX = 64 };

struct bb_zone; /* opaque */

/* Load /usr/share/zoneinfo/NAME ("UTC" needs no file; also "+10:00" fixed offsets). `directory`
 * NULL means $TZDIR or the system's. Names with ".." or a leading '/' are unknown.
 * -BB_E_ZONE_UNKNOWN or a damaged file's error. Times past the file's last transition follow its
 * POSIX TZ footer. */
int bb_zone_load(const char *directory, struct bb_span name, struct bb_zone **out,
                 struct bb_error *error) BB_MUST_USE;
/* The same from the bytes of a TZif file: any bytes at all end in a zone or in an error. `name` is
 * what the zone will be called, at most BB_ZONE_NAME_MAX - 1 bytes. */
int bb_zone_parse(struct bb_span file, struct bb_span name, struct bb_zone **out,
                  struct bb_error *error) BB_MUST_USE;
void bb_zone_free(struct bb_zone *zone);
/* A lasting zone of UTC that needs no free. */
const struct bb_zone *bb_zone_utc(void);
const char *bb_zone_name(const struct bb_zone *zone);

/* Offset east of UTC in seconds at a moment. */
int32_t bb_zone_offset_s(const struct bb_zone *zone, int64_t utc_ms);

/* The stretch [from_ms, until_ms) around a moment in which the offset stays what it is; INT64_MIN
 * and INT64_MAX where it has no end. For loops over times: ask once per stretch. */
struct bb_zone_stretch {
    int64_t from_ms, until_ms;
    int32_t offset_s;
};
struct bb_zone_stretch bb_zone_stretch_at(const struct bb_zone *zone, int64_t utc_ms);

/* No offset is larger than this, east or west (26 hours). */
enum { BB_ZONE_OFFSET_MAX_S = 26 * 3600 };

enum bb_zone_local {
    BB_LOCAL_UNIQUE = 0,
    BB_LOCAL_AMBIGUOUS, /* a repeated autumn hour: *first and *second are the two moments */
    BB_LOCAL_SKIPPED    /* a spring gap: *first = *second = the moment as if before the change */
};
/* The moment(s) of a civil time given as milliseconds "as if UTC". Of a unique one both are set. */
enum bb_zone_local bb_zone_to_utc(const struct bb_zone *zone, int64_t civil_ms, int64_t *first,
                                  int64_t *second);
/* The first moment at which the clock on the wall has reached `civil_ms`: the first pass of a
 * repeated time, the change that skips one. Never falls as civil_ms grows. */
int64_t bb_zone_first_at(const struct bb_zone *zone, int64_t civil_ms);

enum bb_period { BB_PERIOD_HOUR = 0, BB_PERIOD_DAY, BB_PERIOD_MONTH, BB_PERIOD_YEAR };

struct bb_calendar {
    const struct bb_zone *zone;
    int32_t day_start_s; /* seconds after local midnight at which a day begins */
};

/* The period (start, end] that holds the moment `t`: start < t <= end. Days, months and years
 * begin at the first moment (bb_zone_first_at) of their first day's start. Hours are elapsed hours
 * counted from the day's start; the last is shorter where the day is not a whole number of them. */
struct bb_period_bounds {
    int64_t start_ms, end_ms;
};
struct bb_period_bounds bb_calendar_period(const struct bb_calendar *calendar,
                                           enum bb_period period, int64_t t);

/* One cache of local day bounds makes the hot question a comparison: bb_calendar_period for
 * BB_PERIOD_DAY must cost less than 20 ns when asked for the same or the next day again. The cache
 * belongs to the caller (one thread). */
struct bb_day_cache {
    const struct bb_zone *zone;
    int32_t day_start_s;
    struct bb_period_bounds last;
    /* in (steady_from_ms, steady_until_ms) every day has 24 hours and begins at a multiple of a
     * day less shift_ms */
    int64_t steady_from_ms, steady_until_ms, shift_ms;
};
struct bb_period_bounds bb_day_cache_find(struct bb_day_cache *cache,
                                          const struct bb_calendar *calendar, int64_t t);

/* A process-wide, lock-free-to-read registry of loaded zones is deliberately absent: whoever needs
 * many zones owns a bb_zone_set (not thread-safe). */
struct bb_zone_set;
struct bb_zone_set *bb_zone_set_new(void);
void bb_zone_set_free(struct bb_zone_set *set);
/* Loaded on first use, owned by the set. Empty name: UTC. */
int bb_zone_set_get(struct bb_zone_set *set, struct bb_span name, const struct bb_zone **out,
                    struct bb_error *error) BB_MUST_USE;

#endif
