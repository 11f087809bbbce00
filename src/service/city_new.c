/* Making a city: options, names, meters. */
#include "service/city_internal.h"

#include <inttypes.h>
#include <stdlib.h>

_Static_assert(sizeof(struct city_meter) + sizeof(struct city_fault) <= BB_CITY_BYTES_PER_METER,
               "what a meter may cost when every one of them has a fault");

static const char *const format_names[BB_CITY_FORMAT_COUNT] = {
    [BB_CITY_NDJSON] = "ndjson", [BB_CITY_CSV] = "csv", [BB_CITY_NEM12] = "nem12"};
static const char *const order_names[] = {[BB_CITY_BY_TIME] = "time", [BB_CITY_BY_METER] = "file"};

static int find_name(const char *const *names, int count, struct bb_span name) {
    for (int i = 0; i < count; i++)
        if (bb_span_equal_nocase(name, bb_span_of(names[i])))
            return i;
    return -1;
}

int bb_city_format_find(struct bb_span name) {
    return find_name(format_names, BB_CITY_FORMAT_COUNT, name);
}

int bb_city_order_find(struct bb_span name) {
    return find_name(order_names, sizeof order_names / sizeof *order_names, name);
}

const char *bb_city_format_name(enum bb_city_format format) {
    return format_names[format];
}

void bb_city_options_default(struct bb_city_options *options) {
    *options = (struct bb_city_options){
        .seed = 1,
        .meters = 20,
        .days = 14,
        .first_day = (int32_t)bb_days_from_civil(2026, 3, 20),
        .solar_ppm = BB_CITY_ONE_PPM / 5,
        .nem12_minutes = 15,
    };
}

static int check_options(const struct bb_city_options *o, struct bb_error *error) {
    const struct {
        const char *name;
        int64_t value, min, max;
    } ranges[] = {
        {"the number of meters", o->meters, 1, BB_CITY_METERS_MAX},
        {"the number of days", o->days, 1, BB_CITY_DAYS_MAX},
        {"the share of faults (in millionths)", o->fault_ppm, 0, BB_CITY_ONE_PPM},
        {"the share of solar homes (in millionths)", o->solar_ppm, 0, BB_CITY_ONE_PPM},
        {"the first day (days since 1970)", o->first_day, bb_days_from_civil(1990, 1, 2),
         bb_days_from_civil(2190, 1, 1)},
        {"the format", o->format, 0, BB_CITY_FORMAT_COUNT - 1},
        {"the order", o->order, BB_CITY_BY_TIME, BB_CITY_BY_METER},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return BB_FAIL(error, BB_E_USAGE,
                           "%s is %" PRId64 "; %" PRId64 " to %" PRId64 " are possible",
                           ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
    if (o->format == BB_CITY_NEM12 && o->nem12_minutes != 15 && o->nem12_minutes != 30)
        return BB_FAIL(error, BB_E_USAGE,
                       "intervals of %" PRIu32 " minutes; NEM12 is written with 15 or 30",
                       o->nem12_minutes);
    return 0;
}

/* ---- meters --------------------------------------------------------------------------------- */

/* The check digit of GS1 numbers: digits weigh 3 and 1 in turn, the last one 3. */
static char check_digit(const char *digits, size_t size) {
    int sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += (digits[i] - '0') * ((size - i) % 2 ? 3 : 1);
    return (char)('0' + (10 - sum % 10) % 10);
}

/* An EAN of 18 digits, or (NEM12) an NMI of 10: a prefix, seven digits of the meter's own and, in
 * the EAN, a check digit. */
static void set_name(struct city_meter *meter, uint32_t index, bool nem12) {
    const char *prefix = nem12 ? "871" : bb_city_types[meter->type].prefix;
    size_t size = strlen(prefix);
    uint32_t own = index + 1;

    memcpy(meter->name, prefix, size);
    for (size_t i = 7; i-- > 0; own /= 10)
        meter->name[size + i] = (char)('0' + own % 10);
    size += 7;
    if (!nem12) {
        meter->name[size] = check_digit(meter->name, size);
        size++;
    }
    meter->name_size = (uint8_t)size;
}

/* Of 20 meters in a row 16 are electricity, 3 water and 1 heat, whatever the seed. */
static enum city_type choose_type(const struct bb_city *city, uint32_t index, uint64_t key) {
    uint64_t bits = bb_city_bits(key, CITY_FOR_CHARACTER, 1);
    uint32_t place = bb_city_is_nem12(city) ? 0 : index % 20;

    if (place == 19)
        return CITY_HEAT_HOME;
    if (place >= 16)
        return bits % 3 == 0 ? CITY_LITRE_HOME : CITY_WATER_HOME;
    if (bits % 16 == 0)
        return CITY_SHOP;
    return (bits >> 8) % BB_CITY_ONE_PPM < city->options.solar_ppm ? CITY_SOLAR_HOME : CITY_HOME;
}

static void make_meter(const struct bb_city *city, struct city_meter *meter, uint32_t index) {
    meter->key = bb_city_bits(city->options.seed, CITY_FOR_CHARACTER, (int64_t)index + 2);
    meter->type = (uint8_t)choose_type(city, index, meter->key);
    bb_city_character(meter);
    set_name(meter, index, bb_city_is_nem12(city));
}

/* ---- city ----------------------------------------------------------------------------------- */

static int make_city(struct bb_city *city, struct bb_error *error) {
    const struct bb_city_options *options = &city->options;
    int status = bb_zone_load(NULL, BB_SPAN(CITY_ZONE), &city->zone, error);
    int64_t first_ms = options->first_day * (int64_t)BB_DAY_MS;
    int64_t length_ms = options->days * (int64_t)BB_DAY_MS;

    if (status < 0)
        return status;
    if (bb_city_is_nem12(city)) { /* days of market time; the homes live by their own clocks */
        city->from_ms = first_ms - CITY_NEM12_OFFSET_H * (int64_t)BB_HOUR_MS;
        city->to_ms = city->from_ms + length_ms;
    } else {
        city->from_ms = bb_zone_first_at(city->zone, first_ms);
        city->to_ms = bb_zone_first_at(city->zone, first_ms + length_ms);
    }
    city->steps = (int32_t)((city->to_ms - city->from_ms) / CITY_QUARTER_MS);
    city->meters = calloc(options->meters, sizeof *city->meters);
    if (!city->meters)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a city of %" PRIu32 " meters",
                       options->meters);
    bb_city_shapes_init(&city->shapes);
    for (uint32_t i = 0; i < options->meters; i++)
        make_meter(city, &city->meters[i], i);
    status = bb_city_plan(city, error);
    bb_city_rewind(city);
    return status;
}

int bb_city_new(const struct bb_city_options *options, struct bb_city **out,
                struct bb_error *error) {
    int status = check_options(options, error);

    *out = NULL;
    if (status < 0)
        return status;
    struct bb_city *city = calloc(1, sizeof *city);
    if (!city)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a city");
    city->options = *options;
    status = make_city(city, error);
    if (status < 0) {
        bb_city_free(city);
        return status;
    }
    *out = city;
    return 0;
}

void bb_city_free(struct bb_city *city) {
    if (!city)
        return;
    bb_zone_free(city->zone);
    free(city->meters);
    free(city->faults);
    free(city);
}

int64_t bb_city_from_ms(const struct bb_city *city) {
    return city->from_ms;
}

int64_t bb_city_to_ms(const struct bb_city *city) {
    return city->to_ms;
}

uint64_t bb_city_clean_count(const struct bb_city *city) {
    uint64_t count = 0;

    for (uint32_t i = 0; i < city->options.meters; i++) {
        struct city_channel_list list = bb_city_channels_of(city, &city->meters[i]);
        for (uint8_t c = 0; c < list.count; c++) {
            struct city_numbers numbers = bb_city_numbers(city, list.items[c]);
            count += (uint64_t)(numbers.last - numbers.first + 1);
        }
    }
    return count;
}

size_t bb_city_memory_bytes(const struct bb_city *city) {
    return sizeof *city->meters * city->options.meters + sizeof *city->faults * city->fault_count;
}

int64_t bb_city_start(const struct bb_city *city, uint32_t meter, int which) {
    return city->meters[meter].start[which];
}

struct bb_span bb_city_name(const struct bb_city *city, uint32_t meter) {
    return (struct bb_span){city->meters[meter].name, city->meters[meter].name_size};
}
