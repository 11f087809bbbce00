/* The city's readings as NEM12 (AEMO, Meter Data File Format): days of intervals, in market time.
 *
 *   200,NMI,E1B1,1,E1,N1,METER,kWh,15,     whenever another channel's days follow
 *   300,DATE,value,...,A,,,UPDATED,        a day; with V where some of it is not there:
 *   400,1,20,A,,                             which part is
 *   400,21,24,N,,                            and which is not
 *
 * Readings are gathered into a day per direction, which is written when a reading comes that does
 * not fit in: another day's, another meter's, or one for a place that is taken. So what is sent
 * again becomes a second record of that day with a later time of update.
 */
#include "service/city_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { DIRECTIONS = 2, UPDATE_DELAY_MS = 6 * BB_HOUR_MS };

struct day {
    uint32_t meter;
    int64_t number; /* days since 1970 in market time */
    int64_t issued_ms;
    uint32_t count; /* readings gathered; 0: nothing to write */
    bool filled[CITY_QUARTERS];
    int64_t wh[CITY_QUARTERS];
};

struct writer {
    struct bb_city *city;
    struct city_output out;
    struct day days[DIRECTIONS];
    uint32_t open_meter; /* whose channel the last 200 record opened; UINT32_MAX: none */
    int open_direction;
    int32_t quarters; /* of an interval: 1 or 2 */
};

/* ---- records -------------------------------------------------------------------------------- */

static void put_moment(struct city_output *out, int64_t ms) {
    struct bb_civil civil;

    bb_civil_from_ms(ms + CITY_NEM12_OFFSET_H * (int64_t)BB_HOUR_MS, &civil);
    bb_city_output_format(out, "%04" PRId32 "%02d%02d%02d%02d%02d", civil.year, civil.month,
                          civil.day, civil.hour, civil.minute, civil.second);
}

static void put_channel(struct writer *w, uint32_t index, int direction) {
    const struct city_meter *meter = &w->city->meters[index];
    bool both = meter->type == CITY_SOLAR_HOME;

    bb_city_output_format(&w->out, "200,%.*s,%s,%d,%s,N1,E%07" PRIu32 ",kWh,%" PRIu32 ",\n",
                          (int)meter->name_size, meter->name, both ? "E1B1" : "E1", direction + 1,
                          bb_city_channels[CITY_NEM12_IMPORT + direction].name, index + 1,
                          w->city->options.nem12_minutes);
    w->open_meter = index;
    w->open_direction = direction;
}

/* An interval of two quarters is there when both of them are. */
static bool is_there(const struct writer *w, const struct day *day, int32_t interval) {
    const bool *filled = &day->filled[(ptrdiff_t)interval * w->quarters];

    return filled[0] && filled[w->quarters - 1];
}

static void put_values(struct writer *w, const struct day *day) {
    for (int32_t i = 0; i < CITY_QUARTERS / w->quarters; i++) {
        *w->out.at++ = ',';
        if (!is_there(w, day, i))
            continue;
        int64_t wh = 0;
        for (int32_t quarter = 0; quarter < w->quarters; quarter++)
            wh += day->wh[i * w->quarters + quarter];
        w->out.at = bb_city_put_decimal(w->out.at, wh, -3);
    }
}

/* The 400 records: stretches that are there or not, in turn. */
static void put_parts(struct writer *w, const struct day *day) {
    int32_t count = CITY_QUARTERS / w->quarters;

    for (int32_t first = 0, end; first < count; first = end) {
        bool there = is_there(w, day, first);
        for (end = first + 1; end < count && is_there(w, day, end) == there;)
            end++;
        bb_city_output_format(&w->out, "400,%" PRId32 ",%" PRId32 ",%c,,\n", first + 1, end,
                              there ? 'A' : 'N');
    }
}

static int put_day(struct writer *w, int direction, struct bb_error *error) {
    struct day *day = &w->days[direction];
    struct bb_civil civil;

    if (day->count == 0)
        return 0;
    int status = bb_city_output_room(&w->out, error);
    if (status < 0)
        return status;
    if (status == CITY_NEXT_PART || w->open_meter != day->meter || w->open_direction != direction)
        put_channel(w, day->meter, direction);
    bb_civil_from_days(day->number, &civil);
    bb_city_output_format(&w->out, "300,%04" PRId32 "%02d%02d", civil.year, civil.month, civil.day);
    put_values(w, day);
    bb_city_output_format(&w->out, ",%c,,,", day->count == CITY_QUARTERS ? 'A' : 'V');
    put_moment(&w->out, day->issued_ms + UPDATE_DELAY_MS);
    bb_city_output_format(&w->out, ",\n");
    if (day->count < CITY_QUARTERS)
        put_parts(w, day);
    day->count = 0;
    return 0;
}

/* ---- gathering ------------------------------------------------------------------------------ */

static bool is_of(const struct day *day, uint32_t meter, int64_t number) {
    return day->meter == meter && day->number == number;
}

/* Write what is complete or does not belong to the day at hand. */
static int put_old_days(struct writer *w, uint32_t meter, int64_t number, struct bb_error *error) {
    for (int direction = 0; direction < DIRECTIONS; direction++) {
        struct day *day = &w->days[direction];
        if (day->count < CITY_QUARTERS && is_of(day, meter, number))
            continue;
        int status = put_day(w, direction, error);
        if (status < 0)
            return status;
    }
    return 0;
}

static int gather(struct writer *w, const struct bb_city_reading *reading, struct bb_error *error) {
    int direction = reading->channel->index == CITY_NEM12_EXPORT;
    struct day *day = &w->days[direction];
    int64_t start_ms = reading->end_ms - CITY_QUARTER_MS +
                       CITY_NEM12_OFFSET_H * (int64_t)BB_HOUR_MS;
    int64_t number = start_ms / BB_DAY_MS;
    int32_t quarter = (int32_t)(start_ms % BB_DAY_MS / CITY_QUARTER_MS);
    int status = 0;

    if (day->count > 0 && !is_of(day, reading->meter, number))
        status = put_old_days(w, reading->meter, number, error);
    else if (day->count > 0 && day->filled[quarter])
        status = put_day(w, direction, error);
    if (status < 0)
        return status;
    if (day->count == 0)
        *day = (struct day){.meter = reading->meter, .number = number};
    day->count++;
    day->issued_ms = reading->issued_ms;
    day->filled[quarter] = true;
    day->wh[quarter] = reading->mantissa;
    return 0;
}

static int write_days(struct writer *w, struct bb_error *error) {
    const struct bb_city_reading *readings;
    size_t count;

    while ((count = bb_city_next_many(w->city, &readings)) > 0)
        for (size_t i = 0; i < count; i++) {
            int status = gather(w, &readings[i], error);
            if (status < 0)
                return status;
        }
    return put_old_days(w, UINT32_MAX, 0, error);
}

int bb_city_write_nem12(struct bb_city *city, const struct bb_city_sink *sink,
                        struct bb_error *error) {
    struct writer w = {.city = city,
                       .open_meter = UINT32_MAX,
                       .quarters = (int32_t)city->options.nem12_minutes / 15};
    struct bb_civil made;
    char header[64];

    bb_civil_from_ms(city->to_ms + CITY_NEM12_OFFSET_H * (int64_t)BB_HOUR_MS, &made);
    (void)snprintf(header, sizeof header, "100,NEM12,%04" PRId32 "%02d%02d0600,CITY,BUSBAR\n",
                   made.year, made.month, made.day);
    int status = bb_city_output_open(&w.out, sink, header, "900\n", error);
    if (status < 0)
        return status;
    return bb_city_output_close(&w.out, write_days(&w, error), error);
}
