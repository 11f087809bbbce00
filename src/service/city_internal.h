/* What the files of the city share.
 *
 *   city_new.c       options, names, meters
 *   city.c           the walk over (meter, quarter)
 *   city_calendar.c  moments: a quarter hour with its local time, season and weather
 *   city_shape.c     what a home uses: a pure function of (meter, moment)
 *   city_plan.c      which meter gets which fault, where, and how large it is
 *   city_fault.c     the table of fault kinds and what each does to a reading
 *   city_output.c    chunks and parts on their way to the sink
 *   city_write.c     NDJSON and CSV
 *   city_nem12.c     NEM12
 *   city_master.c    registry.yaml and truth.json
 *
 * Arithmetic is in integers throughout: energies in Wh, volumes in litres, shares in 1/1024.
 */
#ifndef BB_SERVICE_CITY_INTERNAL_H
#define BB_SERVICE_CITY_INTERNAL_H

#include "base/hash.h"
#include "base/random.h"
#include "model/calendar.h"
#include "model/kind.h"
#include "model/unit.h"
#include "service/city.h"

enum {
    CITY_ONE = 1024, /* the share 1 */
    CITY_QUARTER_MS = 15 * BB_MINUTE_MS,
    CITY_QUARTERS = 96, /* of a day of 24 hours */
    CITY_NAME_SIZE = 18,
    CITY_REGISTERS = 2, /* of a meter, at most */
    CITY_NEM12_OFFSET_H = 10
};
#define CITY_ZONE "Europe/Amsterdam"

/* ---- meters --------------------------------------------------------------------------------- */

/* Channels, in the order of bb_city_channels. */
enum city_channel {
    CITY_IMPORT = 0, /* 15-minute intervals */
    CITY_EXPORT,
    CITY_IMPORT_REGISTER, /* daily */
    CITY_SHOP_REGISTER,   /* the same with more dials */
    CITY_WATER_M3,        /* hourly, at the meter's own minute */
    CITY_WATER_L,
    CITY_HEAT_ENERGY, /* hourly */
    CITY_HEAT_VOLUME,
    CITY_NEM12_IMPORT,
    CITY_NEM12_EXPORT,
    CITY_CHANNELS
};
extern const struct bb_city_channel bb_city_channels[CITY_CHANNELS];

/* When a channel is read. Readings of a channel are numbered by it: quarter, hour or day of the
 * city, so that a reading has a number, a time and a true value without any history. */
enum city_pace { CITY_QUARTERLY = 0, CITY_HOURLY, CITY_OWN_MINUTE, CITY_DAILY };

enum city_type {
    CITY_HOME = 0,
    CITY_SOLAR_HOME,
    CITY_SHOP,
    CITY_WATER_HOME,
    CITY_LITRE_HOME, /* a water meter that reports litres */
    CITY_HEAT_HOME,
    CITY_TYPES
};

enum { CITY_TYPE_CHANNELS = 3 };

struct city_type_row {
    enum bb_commodity commodity;
    const char *prefix; /* of the name */
    const char *device; /* prefix of its number */
    uint8_t channel_count;
    uint8_t channels[CITY_TYPE_CHANNELS];      /* enum city_channel, the main one first */
    uint8_t register_channels[CITY_REGISTERS]; /* what meter->total counts for */
    int64_t start_below[CITY_REGISTERS];       /* registers begin anywhere below it, in counts */
};
extern const struct city_type_row bb_city_types[CITY_TYPES];

struct city_meter {
    uint64_t key;                  /* the root of all its noise */
    int64_t start[CITY_REGISTERS]; /* registers at the beginning, in counts of their last digit */
    int64_t total[CITY_REGISTERS]; /* Wh or litres since then, up to where the walk is */
    uint32_t fault;                /* index + 1 in city->faults; 0: none */
    uint16_t activity;             /* Wh a quarter, or litres a day, or Wh an hour and kelvin */
    uint16_t base;     /* Wh a quarter that never stop; heat: kelvin between flow and return */
    uint16_t panels;   /* Wh a quarter under full sun */
    uint16_t charger;  /* Wh a quarter of the car; 0: none */
    uint16_t pump;     /* Wh a quarter and ten kelvin of the heat pump; 0: none */
    uint16_t minute_s; /* own reading time: seconds after the hour */
    int8_t drift_s;    /* what its clock gains a day, until it is set again */
    uint8_t type;      /* enum city_type */
    char name[CITY_NAME_SIZE];
    uint8_t name_size;
};

/* ---- moments -------------------------------------------------------------------------------- */

enum city_day { CITY_WORKDAY = 0, CITY_SATURDAY, CITY_SUNDAY, CITY_DAY_KINDS };

/* Noise between random points of a fixed distance; the two points around a moment are kept. */
struct city_lattice {
    int64_t node;
    int32_t left, right;
};

/* The quarter of an hour that ends at `end_ms`: step 0 ends where the city begins. */
struct city_moment {
    int64_t end_ms;
    int64_t slot; /* the quarter's number since 1970: the argument of all noise */
    int64_t day;  /* local day of its start, since 1970 */
    int32_t step;
    int32_t hour;     /* hours from the city's beginning to its end, rounded up */
    uint16_t quarter; /* 0 .. 95, local */
    uint8_t day_kind; /* enum city_day */
    bool ends_hour, ends_day;
    int32_t season;         /* share by which homes use more in the dark months */
    int32_t temperature_dc; /* tenths of a degree outside */
    int32_t sun;            /* share of what panels can give */
    int32_t sun_unsteady;   /* by how much it differs from roof to roof */

    struct bb_zone_stretch stretch; /* what follows is kept from moment to moment */
    struct city_lattice front, cloud;
    int32_t month_temperature_dc;
    int32_t half_day_s, clear_sky, day_clearness, day_unsteady;
};

void bb_city_moment_set(const struct bb_city *city, struct city_moment *moment, int32_t step);
void bb_city_moment_init(struct city_moment *moment);

/* Dutch public holidays of a year, days since 1970, ascending; returns how many. */
enum { CITY_HOLIDAYS_MAX = 12 };
int bb_city_holidays(int year, int64_t days[CITY_HOLIDAYS_MAX]);
enum city_day bb_city_day_kind(int64_t day);

/* ---- shape ---------------------------------------------------------------------------------- */

enum { CITY_PROFILES = 3 }; /* home, shop, water */

struct city_shapes { /* by quarter, shares of the daily mean */
    uint16_t share[CITY_PROFILES][CITY_DAY_KINDS][CITY_QUARTERS];
};
void bb_city_shapes_init(struct city_shapes *shapes);

/* Draw a meter's character from its key. */
void bb_city_character(struct city_meter *meter);
/* More than an electricity meter counts in any quarter, either way: Wh. */
int64_t bb_city_most_in_a_quarter(const struct city_meter *meter);

/* What the two quantities of a meter are in a quarter (electricity: Wh drawn and fed back) or in
 * the hour that ends with the moment (water: litres, 0; heat: Wh, litres). */
struct city_use {
    int64_t first, second;
};
struct city_use bb_city_use(const struct bb_city *city, const struct city_meter *meter,
                            const struct city_moment *moment);

/* Random bits of (key, purpose, when). */
enum city_purpose {
    CITY_FOR_CHARACTER = 1,
    CITY_FOR_WEEK,
    CITY_FOR_DAY,
    CITY_FOR_SLOW,
    CITY_FOR_QUARTER,
    CITY_FOR_APPLIANCE,
    CITY_FOR_CAR,
    CITY_FOR_DRAW,
    CITY_FOR_FRONT,
    CITY_FOR_CLOUD,
    CITY_FOR_FAULT
};
static inline uint64_t bb_city_bits(uint64_t key, enum city_purpose purpose, int64_t when) {
    return bb_hash_mix(key + (uint64_t)purpose * 0x9e3779b97f4a7c15ULL +
                       (uint64_t)when * 0xd6e8feb86659fd93ULL);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* One per faulty meter; touches the readings numbered [first, last] of one channel. */
struct city_fault {
    int64_t amount;      /* what the kind's function makes of it */
    int64_t size;        /* what truth.json says of it */
    int64_t exchange_ms; /* exchange: when, and what the old and the new meter showed */
    int64_t closing, opening;
    int64_t sigma_centi;
    uint32_t meter;
    int32_t first, last;
    int32_t resend_step; /* when [first, last] are sent (again); 0: never */
    uint8_t kind;        /* row of bb_city_fault_rows */
    uint8_t channel;     /* enum city_channel */
};

/* The channels that a kind of fault can befall. */
enum city_befalls {
    CITY_ON_QUARTERLY = 1 << CITY_QUARTERLY, /* by their pace */
    CITY_ON_HOURLY = 1 << CITY_HOURLY | 1 << CITY_OWN_MINUTE,
    CITY_ON_DAILY = 1 << CITY_DAILY,
    CITY_ON_REGISTERS = CITY_ON_HOURLY | CITY_ON_DAILY,
    CITY_ON_WATER = 1 << 8,   /* but no other commodity */
    CITY_NOT_HEAT = 1 << 9,   /* its two registers would have to go together */
    CITY_NOT_SOLAR = 1 << 10, /* whose values are zero half of the time */
    CITY_WHOLE_DAYS = 1 << 11
};

/* What its size in truth.json is counted in. */
enum city_measure { CITY_IN_CHANNEL_UNIT = 0, CITY_IN_SECONDS, CITY_IN_READINGS };

/* The readings around a fault as they are without it. Registers: in counts since the beginning. */
struct city_survey {
    int64_t before, at;      /* values of first - 1 and first */
    int64_t sum;             /* of the values (registers: advances) of [first, last] */
    int64_t mean, deviation; /* of values (advances) in the surroundings; deviation >= 1 */
    int64_t largest;         /* of them */
};

struct city_draft { /* a fault being planned */
    struct bb_city *city;
    struct city_meter *meter;
    struct city_fault *fault;
    struct bb_random random;
    struct city_survey survey;
};

enum city_verdict { CITY_SEND = 0, CITY_WITHHOLD };

struct city_fault_row {
    const char *name;
    uint16_t befalls; /* enum city_befalls */
    bool nem12;       /* can be told in NEM12 */
    bool lasting;     /* applies to what follows `last`, too */
    bool needs_past;  /* to judge it one has to know what the meter does otherwise */
    bool resends;     /* [first, last] are sent (again) after min_delay to max_delay quarters */
    bool same_issue;  /* ... as if they were what was sent first */
    uint16_t min_length, max_length; /* readings, or days */
    uint16_t tail;                   /* readings that must follow */
    uint16_t min_delay, max_delay;
    enum city_measure measure;
    int32_t label_shift_ms; /* by which readings are labelled later than they are */
    /* Fill amount and size, and what else the kind needs, from the survey. False: not there, try
     * another place. */
    bool (*plan)(struct city_draft *draft);
    /* What is done to reading `number` of [first, last], or beyond. NULL: nothing. */
    enum city_verdict (*apply)(const struct city_fault *fault, int32_t number,
                               struct bb_city_reading *reading);
    /* What is done to a reading when it is sent again. NULL: nothing. */
    enum city_verdict (*apply_again)(const struct city_fault *fault, int32_t number,
                                     struct bb_city_reading *reading);
};
extern const struct city_fault_row bb_city_fault_rows[];
extern const size_t bb_city_fault_row_count;

/* Choose the faulty meters and plan a fault for each. */
int bb_city_plan(struct bb_city *city, struct bb_error *error) BB_MUST_USE;

/* ---- readings by number ------------------------------------------------------------------- */

enum city_pace bb_city_pace(enum city_channel channel);
/* How a channel's numbers run, both ends included. */
struct city_numbers {
    int32_t first, last;
};
struct city_numbers bb_city_numbers(const struct bb_city *city, enum city_channel channel);
/* The true time of a reading, and the step at which the walk comes by. */
int64_t bb_city_time_of(const struct bb_city *city, const struct city_meter *meter,
                        enum city_channel channel, int32_t number);
int32_t bb_city_step_of(const struct bb_city *city, const struct city_meter *meter,
                        enum city_channel channel, int32_t number);
/* What was used between a channel's readings number - 1 and number: Wh or litres. */
int64_t bb_city_used(const struct bb_city *city, const struct city_meter *meter,
                     enum city_channel channel, int32_t number, struct city_moment *probe);
/* Which of meter->total a register channel shows; -1: it is an interval channel. */
int bb_city_register_of(const struct city_meter *meter, enum city_channel channel);
/* Wh or litres in counts of a register's last digit, without its start; what is less is not shown. */
int64_t bb_city_counts(enum city_channel channel, int64_t total);
/* At which count a register begins again at 0. */
int64_t bb_city_modulus(enum city_channel channel);

/* ---- the walk ------------------------------------------------------------------------------- */

enum { CITY_QUEUE = 1024, CITY_BURST_MAX = 256 }; /* readings; what one visit can add at most */

struct bb_city {
    struct bb_city_options options;
    struct bb_zone *zone;
    struct city_shapes shapes;
    int64_t from_ms, to_ms;
    int32_t steps; /* quarters */
    struct city_meter *meters;
    struct city_fault *faults;
    uint32_t fault_count;

    struct city_moment moment; /* where the walk is */
    uint32_t at_meter;
    int32_t block_first, block_last; /* the steps that every meter takes before the next block */
    bool ended;
    struct city_moment probe; /* for telling again what was */
    uint32_t queue_count, queue_next;
    struct bb_city_reading queue[CITY_QUEUE];
};

static inline bool bb_city_is_nem12(const struct bb_city *city) {
    return city->options.format == BB_CITY_NEM12;
}

/* The channels of a meter as the city's format has them. */
struct city_channel_list {
    const uint8_t *items;
    uint8_t count;
};
struct city_channel_list bb_city_channels_of(const struct bb_city *city,
                                             const struct city_meter *meter);

/* ---- text ----------------------------------------------------------------------------------- */

enum {
    CITY_CHUNK_BYTES = 256 << 10, /* handed to the sink at once */
    CITY_LINE_MAX_BYTES = 8 << 10
};

/* Write at `at` after bb_city_output_room; at most CITY_LINE_MAX_BYTES at a time. */
struct city_output {
    const struct bb_city_sink *sink;
    const char *header, *trailer; /* of every part */
    uint64_t part_bytes;          /* in the part at hand */
    char *buffer, *at;
};
int bb_city_output_open(struct city_output *out, const struct bb_city_sink *sink,
                        const char *header, const char *trailer, struct bb_error *error)
    BB_MUST_USE;
enum city_output_outcome { CITY_SAME_PART = 0, CITY_NEXT_PART = 1 };
int bb_city_output_make_room(struct city_output *out, struct bb_error *error) BB_MUST_USE;
void bb_city_output_format(struct city_output *out, const char *format, ...) BB_PRINTF(2, 3);
/* The trailer, unless `status` says that something failed; returns it, or the failure to write. */
int bb_city_output_close(struct city_output *out, int status, struct bb_error *error) BB_MUST_USE;

/* Room for a line: hands on a full chunk, and begins another part when this one is full. */
static inline int bb_city_output_room(struct city_output *out, struct bb_error *error) {
    if (out->at <= out->buffer + CITY_CHUNK_BYTES)
        return CITY_SAME_PART;
    return bb_city_output_make_room(out, error);
}

/* bb_city_write for NEM12. */
int bb_city_write_nem12(struct bb_city *city, const struct bb_city_sink *sink,
                        struct bb_error *error) BB_MUST_USE;

/* Decimal text without loss: "12.345", "-0.5"; returns its end. */
char *bb_city_put_decimal(char *at, int64_t mantissa, int exponent);

#endif
