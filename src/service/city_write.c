/* The city's readings as NDJSON and CSV.
 *
 * Made by hand because it feeds benchmarks: a line is fixed pieces, copied, around a name, a time
 * and a number. The pieces of each channel are put together once; the text of a time is kept for
 * as long as the next reading has the same, and its date for as long as the day.
 *
 *   {"usage_point":"  NAME  ","channel":"1-1:1.29.0","timestamp":"  TIME  ","value":  0.123
 *   ,"unit":"kWh","interval":"15m"}
 *
 * A city that has faults says when each value was issued: ..."15m","issued":"  TIME  "}
 */
#include "service/city_internal.h"

#include <stdio.h>

enum {
    PIECE_MAX = 64,
    TIME_SIZE = 20 /* 2026-03-20T00:15:00Z */
};

/* ---- pieces --------------------------------------------------------------------------------- */

/* Pieces are copied whole, whatever their length: a copy of known size is a few instructions. */
struct piece {
    char text[PIECE_MAX];
    size_t size;
};

struct line_pieces {
    struct piece before_name, before_time, before_value; /* before_name: all channels alike */
    struct piece end;                                    /* with `issued`: what is before it */
};

struct moment_text {
    int64_t ms;
    int64_t day; /* of its date */
    char text[TIME_SIZE + 12];
};

struct writer {
    struct line_pieces pieces[CITY_CHANNELS];
    struct moment_text time, issued;
    bool tells_issued;
    struct piece after_issued;
    struct city_output out;
};

static void set_piece(struct piece *piece, const char *a, const char *b, const char *c) {
    int size = snprintf(piece->text, sizeof piece->text, "%s%s%s", a, b, c);

    BB_ASSERT(size >= 0 && (size_t)size < sizeof piece->text);
    piece->size = (size_t)size;
}

/* Kind and interval are written where the OBIS code does not tell them: 15 minutes nowhere, a
 * register only where D is 8. */
static const char *kind_told(const struct bb_city_channel *channel) {
    return channel->kind == BB_KIND_REGISTER && !strstr(channel->obis, ".8.") ? "register" : "";
}

static const char *interval_told(const struct bb_city_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL ? "15m" : "";
}

static void set_ndjson(struct line_pieces *pieces, const struct bb_city_channel *channel,
                       bool tells_issued) {
    const char *kind = kind_told(channel), *interval = interval_told(channel);
    const char *end = tells_issued ? ",\"issued\":\"" : "}\n";
    char told[PIECE_MAX / 2];

    (void)snprintf(told, sizeof told, "%s%s\"", channel->unit,
                   *kind       ? "\",\"kind\":\"register"
                   : *interval ? "\",\"interval\":\"15m"
                               : "");
    set_piece(&pieces->before_name, "{\"usage_point\":\"", "", "");
    set_piece(&pieces->before_time, "\",\"channel\":\"", channel->name, "\",\"timestamp\":\"");
    set_piece(&pieces->before_value, "\",\"value\":", "", "");
    set_piece(&pieces->end, ",\"unit\":\"", told, end);
}

static void set_csv(struct line_pieces *pieces, const struct bb_city_channel *channel,
                    bool tells_issued) {
    char tail[PIECE_MAX / 2];

    (void)snprintf(tail, sizeof tail, ",%s,%s%s", kind_told(channel), interval_told(channel),
                   tells_issued ? "," : "\n");
    set_piece(&pieces->before_name, "", "", "");
    set_piece(&pieces->before_time, ",", channel->name, ",");
    set_piece(&pieces->before_value, ",", "", "");
    set_piece(&pieces->end, ",", channel->unit, tail);
}

/* ---- numbers and times ---------------------------------------------------------------------- */

/* "00" to "99" */
static const char pairs[201] = "0001020304050607080910111213141516171819"
                               "2021222324252627282930313233343536373839"
                               "4041424344454647484950515253545556575859"
                               "6061626364656667686970717273747576777879"
                               "8081828384858687888990919293949596979899";

static void put_pair(char *at, unsigned value) {
    memcpy(at, pairs + 2 * (size_t)value, 2);
}

static char *put_whole(char *at, uint64_t value) {
    char digits[20];
    size_t first = sizeof digits;

    for (; value >= 100; value /= 100)
        put_pair(digits + (first -= 2), (unsigned)(value % 100));
    if (value >= 10)
        put_pair(digits + (first -= 2), (unsigned)value);
    else
        digits[--first] = (char)('0' + value);
    memcpy(at, digits + first, sizeof digits - first);
    return at + (sizeof digits - first);
}

/* `digits` of them, with leading zeros. */
static char *put_fraction(char *at, uint64_t value, int digits) {
    for (int i = digits; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digits;
}

char *bb_city_put_decimal(char *at, int64_t mantissa, int exponent) {
    uint64_t size = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;

    if (mantissa < 0)
        *at++ = '-';
    switch (exponent) { /* a division by a constant costs a tenth of another one */
    case 0: return put_whole(at, size);
    case -2:
        at = put_whole(at, size / 100);
        *at++ = '.';
        return put_fraction(at, size % 100, 2);
    case -3:
        at = put_whole(at, size / 1000);
        *at++ = '.';
        return put_fraction(at, size % 1000, 3);
    default:
        return at +
               bb_decimal_format((struct bb_decimal){(int64_t)size, (int8_t)exponent}, false, at);
    }
}

static void set_time(struct moment_text *at, int64_t ms) {
    int64_t day = ms / BB_DAY_MS;
    unsigned second = (unsigned)(ms % BB_DAY_MS / BB_SECOND_MS);

    at->ms = ms;
    if (day != at->day) {
        char text[BB_TIME_TEXT_MAX];
        size_t size = bb_time_format_utc(day * BB_DAY_MS, text);
        BB_ASSERT(size == TIME_SIZE);
        memcpy(at->text, text, TIME_SIZE);
        at->day = day;
    }
    put_pair(at->text + 11, second / 3600);
    put_pair(at->text + 14, second / 60 % 60);
    put_pair(at->text + 17, second % 60);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static inline char *put_piece(char *at, const struct piece *piece) {
    memcpy(at, piece->text, PIECE_MAX); /* what is past its size is overwritten by what follows */
    return at + piece->size;
}

static inline char *put_time(char *at, struct moment_text *time, int64_t ms) {
    if (ms != time->ms)
        set_time(time, ms);
    memcpy(at, time->text, TIME_SIZE);
    return at + TIME_SIZE;
}

static char *put_line(struct writer *w, char *at, const struct bb_city_reading *r) {
    const struct line_pieces *pieces = &w->pieces[r->channel->index];

    at = put_piece(at, &pieces->before_name);
    memcpy(at, r->usage_point.data, CITY_NAME_SIZE);
    at = put_piece(at + r->usage_point.size, &pieces->before_time);
    at = put_time(at, &w->time, r->end_ms);
    at = put_piece(at, &pieces->before_value);
    at = bb_city_put_decimal(at, r->mantissa, r->exponent);
    at = put_piece(at, &pieces->end);
    return w->tells_issued ? put_piece(put_time(at, &w->issued, r->issued_ms), &w->after_issued)
                           : at;
}

static int write_lines(struct bb_city *city, struct writer *w, struct bb_error *error) {
    const struct bb_city_reading *readings;
    size_t count;

    while ((count = bb_city_next_many(city, &readings)) > 0)
        for (size_t i = 0; i < count; i++) {
            int status = bb_city_output_room(&w->out, error);
            if (status < 0)
                return status;
            w->out.at = put_line(w, w->out.at, &readings[i]);
        }
    return 0;
}

int bb_city_write(struct bb_city *city, const struct bb_city_sink *sink, struct bb_error *error) {
    bool csv = city->options.format == BB_CITY_CSV;
    bool issued = city->options.fault_ppm > 0;
    const char *header = !csv ? ""
                         : issued
                             ? "usage_point,channel,timestamp,value,unit,kind,interval,issued\n"
                             : "usage_point,channel,timestamp,value,unit,kind,interval\n";
    struct writer w = {.time = {.ms = INT64_MIN, .day = INT64_MIN},
                       .issued = {.ms = INT64_MIN, .day = INT64_MIN},
                       .tells_issued = issued};

    if (bb_city_is_nem12(city))
        return bb_city_write_nem12(city, sink, error);
    for (int i = 0; i < CITY_CHANNELS; i++)
        (csv ? set_csv : set_ndjson)(&w.pieces[i], &bb_city_channels[i], issued);
    set_piece(&w.after_issued, csv ? "\n" : "\"}\n", "", "");
    int status = bb_city_output_open(&w.out, sink, header, "", error);
    if (status < 0)
        return status;
    return bb_city_output_close(&w.out, write_lines(city, &w, error), error);
}
