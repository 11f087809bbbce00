/* The city: a synthetic plant of electricity, water and heat meters, for demos, tests and
 * benchmarks.
 *
 * It is a pure function of its options: same options, same bytes, on every machine and in every
 * order of reading it. What a home uses in a quarter of an hour is computed from (seed, meter,
 * quarter) alone, in integers; only the registers' running sums are kept. So memory is bounded per
 * meter (BB_CITY_BYTES_PER_METER) and does not grow with days.
 *
 *   options ─► meters ─┬─► bb_city_next: readings, as numbers ──► simulations, benchmarks
 *               plan   ├─► bb_city_write: NDJSON, CSV or NEM12 ─► a sink
 *             (faults) ├─► bb_city_write_registry: registry.yaml
 *                      └─► bb_city_write_truth: truth.json, which faults were put where
 *
 * Of 20 meters 16 are electricity, 3 water, 1 heat (NEM12: all electricity). Days are those of
 * Europe/Amsterdam (NEM12: UTC+10). A city belongs to one thread.
 */
#ifndef BB_SERVICE_CITY_H
#define BB_SERVICE_CITY_H

#include "base/error.h"
#include "base/span.h"
#include "model/decimal.h"

enum {
    BB_CITY_METERS_MAX = 10 * 1000 * 1000 - 1, /* a name has seven digits of its own */
    BB_CITY_DAYS_MAX = 3660,
    BB_CITY_BYTES_PER_METER = 200,
    BB_CITY_ONE_PPM = 1000 * 1000
};

enum bb_city_format { BB_CITY_NDJSON = 0, BB_CITY_CSV, BB_CITY_NEM12, BB_CITY_FORMAT_COUNT };
enum bb_city_order {
    BB_CITY_BY_TIME = 0, /* all meters each quarter hour, as a head-end delivers */
    BB_CITY_BY_METER     /* meter by meter, as an archive is exported ("file") */
};

struct bb_city_options {
    uint64_t seed;
    uint32_t meters;
    uint32_t days;
    int32_t first_day;      /* days since 1970, on the city's calendar */
    uint32_t fault_ppm;     /* share of usage points with a fault, in millionths */
    uint32_t solar_ppm;     /* share of electricity meters with panels, in millionths */
    uint32_t nem12_minutes; /* interval length of NEM12: 15 or 30 */
    enum bb_city_format format;
    enum bb_city_order order;
};

/* 20 meters, 14 days from 2026-03-20 (the clocks change on 29 March), seed 1, no faults, one roof in
 * five with panels, NDJSON by time. */
void bb_city_options_default(struct bb_city_options *options);
/* By the names of the command line ("csv", "file"); -1 when unknown. */
int bb_city_format_find(struct bb_span name);
int bb_city_order_find(struct bb_span name);
const char *bb_city_format_name(enum bb_city_format format); /* also the extension of its files */

/* A kind of channel; the city has a handful, shared by all meters. */
struct bb_city_channel {
    const char *name; /* in readings and registry */
    const char *obis;
    const char *unit; /* as it is written */
    uint8_t unit_id;  /* enum bb_unit */
    uint8_t kind;     /* enum bb_kind */
    uint8_t index;    /* in the table of channels */
    uint8_t dials;    /* digits before the point; registers only */
    int8_t exponent;  /* of the values */
    uint32_t interval_s;
};

struct bb_city_reading {
    struct bb_span usage_point; /* lives as long as the city */
    const struct bb_city_channel *channel;
    int64_t end_ms;    /* as labelled: end of the interval, or the instant */
    int64_t sent_ms;   /* when it leaves the meter: at least the true end */
    int64_t issued_ms; /* what the sender calls its version time: a little after sent_ms; told by
                          NDJSON and CSV of a city that has faults, and by NEM12 */
    int64_t mantissa;
    uint32_t meter;
    int8_t exponent;
};

struct bb_city;

/* -BB_E_USAGE when an option is out of range; -BB_E_ZONE_UNKNOWN without Europe/Amsterdam. */
int bb_city_new(const struct bb_city_options *options, struct bb_city **out, struct bb_error *error)
    BB_MUST_USE;
void bb_city_free(struct bb_city *city);

/* The next reading in the chosen order; false at the end. */
bool bb_city_next(struct bb_city *city, struct bb_city_reading *out);
/* The next readings in bulk, borrowed until the next call; 0 at the end. */
size_t bb_city_next_many(struct bb_city *city, const struct bb_city_reading **out);
/* Start again from the first reading. */
void bb_city_rewind(struct bb_city *city);

/* (from, to]: what the city covers, UTC. */
int64_t bb_city_from_ms(const struct bb_city *city);
int64_t bb_city_to_ms(const struct bb_city *city);
/* How many readings a city without faults has. */
uint64_t bb_city_clean_count(const struct bb_city *city);
/* Bytes held per meter, faults included. */
size_t bb_city_memory_bytes(const struct bb_city *city);
/* A meter's register before the first reading, in counts of its least digit; `which` 0 or, for
 * the volume of heat meters, 1. */
int64_t bb_city_start(const struct bb_city *city, uint32_t meter, int which);
struct bb_span bb_city_name(const struct bb_city *city, uint32_t meter);

/* What was done to whom: a row of truth.json. Touched are the readings with from < end <= to. */
struct bb_city_truth {
    const char *kind; /* as in SPEC: gap, duplicate, ... */
    uint32_t meter;
    const struct bb_city_channel *channel;
    int64_t from_ms, to_ms;
    struct bb_decimal size; /* what it amounts to, in `unit` */
    const char *unit;
    struct bb_decimal sigma; /* size in deviations of the channel around there; 0: not a value's */
    uint32_t readings;       /* how many are touched */
};
uint32_t bb_city_fault_count(const struct bb_city *city);
void bb_city_fault_truth(const struct bb_city *city, uint32_t index, struct bb_city_truth *out);

struct bb_city_sink {
    int (*write)(void *context, const void *data, size_t size, struct bb_error *error);
    /* Before more than part_bytes went into a part: go on in another one, which begins with its own
     * header. NULL: one part, however long. */
    int (*next_part)(void *context, struct bb_error *error);
    void *context;
    uint64_t part_bytes;
};

/* From where the city stands to its end, in the format of its options. */
int bb_city_write(struct bb_city *city, const struct bb_city_sink *sink, struct bb_error *error)
    BB_MUST_USE;
int bb_city_write_registry(const struct bb_city *city, const struct bb_city_sink *sink,
                           struct bb_error *error) BB_MUST_USE;
int bb_city_write_truth(const struct bb_city *city, const struct bb_city_sink *sink,
                        struct bb_error *error) BB_MUST_USE;

#endif
