/* What stands beside the city's readings: registry.yaml, to be applied, and truth.json. */
#include "service/city_internal.h"

#include <inttypes.h>

enum { METERS_PER_TRANSFORMER = 40, TRANSFORMERS_PER_DISTRICT = 5, INSTALLED_DAYS_AGO = 1000 };

static const char *const districts[] = {"north", "east", "south", "west", "old_town", "harbour"};
enum { DISTRICTS = sizeof districts / sizeof *districts };

/* Open a document that is never parted. */
static int open_document(struct city_output *out, struct bb_city_sink *whole,
                         const struct bb_city_sink *sink, const char *header, const char *trailer,
                         struct bb_error *error) {
    *whole = *sink;
    whole->next_part = NULL;
    return bb_city_output_open(out, whole, header, trailer, error);
}

static void put_time(struct city_output *out, int64_t ms) {
    out->at += bb_time_format_utc(ms, out->at);
}

/* ---- registry.yaml -------------------------------------------------------------------------- */

static const struct city_fault *exchange_of(const struct bb_city *city,
                                            const struct city_meter *meter) {
    const struct city_fault *fault = meter->fault ? &city->faults[meter->fault - 1] : NULL;

    return fault && fault->exchange_ms ? fault : NULL;
}

/* The dials of a meter's first register. */
static int dials_of(const struct city_meter *meter) {
    return bb_city_channels[bb_city_types[meter->type].register_channels[0]].dials;
}

static void put_exchange_reading(struct city_output *out, const char *key,
                                 const struct city_fault *fault, int64_t count) {
    const struct bb_city_channel *channel = &bb_city_channels[fault->channel];

    bb_city_output_format(out, ", %s: {\"%s\": ", key, channel->name);
    out->at = bb_city_put_decimal(out->at, count, channel->exponent);
    *out->at++ = '}';
}

/* One device since long ago; or two, when it was exchanged. */
static void put_installations(struct city_output *out, const struct bb_city *city,
                              const struct city_meter *meter) {
    const struct city_fault *exchange = exchange_of(city, meter);
    const char *device = bb_city_types[meter->type].device;
    uint32_t number = (uint32_t)(meter - city->meters) + 1;

    bb_city_output_format(
        out, "    installations:\n      - {device: %s%07" PRIu32 ", from: ", device, number);
    put_time(out, city->from_ms - INSTALLED_DAYS_AGO * (int64_t)BB_DAY_MS);
    if (exchange) {
        bb_city_output_format(out, ", to: ");
        put_time(out, exchange->exchange_ms);
        bb_city_output_format(out, ", multiplier: 1, dials: %d", dials_of(meter));
        put_exchange_reading(out, "closing", exchange, exchange->closing);
        bb_city_output_format(out, "}\n      - {device: %sX%07" PRIu32 ", from: ", device, number);
        put_time(out, exchange->exchange_ms);
    }
    bb_city_output_format(out, ", multiplier: 1, dials: %d", dials_of(meter));
    if (exchange)
        put_exchange_reading(out, "opening", exchange, exchange->opening);
    bb_city_output_format(out, "}\n");
}

/* A register's, too: so that a reading that does not come is missed. */
static void put_interval(struct city_output *out, const struct bb_city *city,
                         enum city_channel channel) {
    if (bb_city_channels[channel].kind == BB_KIND_REGISTER)
        bb_city_output_format(out, "interval: %s, ",
                              bb_city_pace(channel) == CITY_DAILY ? "1d" : "1h");
    else
        bb_city_output_format(out, "interval: %" PRIu32 "m, ",
                              bb_city_is_nem12(city) ? city->options.nem12_minutes
                                                     : bb_city_channels[channel].interval_s / 60);
}

static void put_channels(struct city_output *out, const struct bb_city *city,
                         const struct city_meter *meter) {
    struct city_channel_list list = bb_city_channels_of(city, meter);

    bb_city_output_format(out, "    channels:\n");
    for (uint8_t i = 0; i < list.count; i++) {
        const struct bb_city_channel *channel = &bb_city_channels[list.items[i]];
        bb_city_output_format(out, "      - {name: \"%s\", obis: \"%s\", kind: %s, ", channel->name,
                              channel->obis, bb_kind_name(channel->kind));
        put_interval(out, city, list.items[i]);
        bb_city_output_format(out, "unit: %s, one_way: true}\n", channel->unit);
    }
}

/* The connection that a home of this character needs, as fuses come: never blown, and not far from
 * it. */
static void put_connection(struct city_output *out, const struct city_meter *meter) {
    static const int amperes[] = {25, 35, 50, 63, 80}; /* in three phases at 230 V */
    int64_t wh = bb_city_most_in_a_quarter(meter);

    if (bb_city_types[meter->type].commodity != BB_COMMODITY_ELECTRICITY)
        return;
    for (size_t i = 0; i < sizeof amperes / sizeof *amperes; i++)
        if (wh * 4 <= amperes[i] * INT64_C(690)) {
            bb_city_output_format(out, "    connection: 3x%d A\n", amperes[i]);
            return;
        }
    bb_city_output_format(out, "    connection: %" PRId64 " kW\n", wh * 4 / 10000 * 10 + 10);
}

static void put_usage_point(struct city_output *out, const struct bb_city *city, uint32_t index) {
    const struct city_meter *meter = &city->meters[index];
    uint32_t transformer = index / METERS_PER_TRANSFORMER;
    int commodity = (int)bb_city_types[meter->type].commodity;

    bb_city_output_format(out, "  - name: \"%.*s\"\n    commodity: %s\n    zone: %s\n",
                          (int)meter->name_size, meter->name, bb_commodity_name(commodity),
                          CITY_ZONE);
    bb_city_output_format(
        out, "    calendar: nl\n    tags: {district: %s, transformer: T%03" PRIu32 "}\n",
        districts[transformer / TRANSFORMERS_PER_DISTRICT % DISTRICTS], transformer + 1);
    put_connection(out, meter);
    put_installations(out, city, meter);
    put_channels(out, city, meter);
}

/* The holidays of every year that the city touches. */
static void put_calendar(struct city_output *out, const struct bb_city *city) {
    struct bb_civil first, last;
    int64_t days[CITY_HOLIDAYS_MAX];
    const char *separator = "";

    bb_civil_from_days(city->options.first_day, &first);
    bb_civil_from_days(city->options.first_day + (int64_t)city->options.days, &last);
    bb_city_output_format(
        out, "calendars:\n  - {name: nl, zone: %s, day_start: \"00:00\", holidays: [", CITY_ZONE);
    for (int year = first.year; year <= last.year; year++) {
        int count = bb_city_holidays(year, days);
        for (int i = 0; i < count; i++) {
            struct bb_civil day;
            if (i > 0 && days[i] == days[i - 1])
                continue;
            bb_civil_from_days(days[i], &day);
            bb_city_output_format(out, "%s%04" PRId32 "-%02d-%02d", separator, day.year, day.month,
                                  day.day);
            separator = ", ";
        }
    }
    bb_city_output_format(out, "]}\n");
}

static int put_registry(struct city_output *out, const struct bb_city *city,
                        struct bb_error *error) {
    put_calendar(out, city);
    bb_city_output_format(out, "usage_points:\n");
    for (uint32_t i = 0; i < city->options.meters; i++) {
        int status = bb_city_output_room(out, error);
        if (status < 0)
            return status;
        put_usage_point(out, city, i);
    }
    return 0;
}

int bb_city_write_registry(const struct bb_city *city, const struct bb_city_sink *sink,
                           struct bb_error *error) {
    struct bb_city_sink whole;
    struct city_output out;
    int status = open_document(&out, &whole, sink, "", "", error);

    return status < 0 ? status : bb_city_output_close(&out, put_registry(&out, city, error), error);
}

/* ---- truth.json ----------------------------------------------------------------------------- */

uint32_t bb_city_fault_count(const struct bb_city *city) {
    return city->fault_count;
}

void bb_city_fault_truth(const struct bb_city *city, uint32_t index, struct bb_city_truth *out) {
    const struct city_fault *fault = &city->faults[index];
    const struct city_fault_row *row = &bb_city_fault_rows[fault->kind];
    const struct city_meter *meter = &city->meters[fault->meter];
    const struct bb_city_channel *channel = &bb_city_channels[fault->channel];
    const char *const units[] = {
        [CITY_IN_CHANNEL_UNIT] = channel->unit, [CITY_IN_SECONDS] = "s", [CITY_IN_READINGS] = "1"};

    *out = (struct bb_city_truth){
        .kind = row->name,
        .meter = fault->meter,
        .channel = channel,
        .from_ms = bb_city_time_of(city, meter, fault->channel, fault->first - 1),
        .to_ms = bb_city_time_of(city, meter, fault->channel, fault->last) + row->label_shift_ms,
        .size = {fault->size, row->measure == CITY_IN_CHANNEL_UNIT ? channel->exponent : 0},
        .unit = units[row->measure],
        .sigma = {fault->sigma_centi, -2},
        .readings = (uint32_t)(fault->last - fault->first + 1),
    };
}

static void put_fault(struct city_output *out, const struct bb_city *city, uint32_t index) {
    struct bb_city_truth truth;

    bb_city_fault_truth(city, index, &truth);
    bb_city_output_format(out,
                          "%s\n {\"kind\":\"%s\",\"usage_point\":\"%.*s\",\"channel\":\"%s\","
                          "\"from\":\"",
                          index ? "," : "", truth.kind,
                          BB_SPAN_ARGS(bb_city_name(city, truth.meter)), truth.channel->name);
    put_time(out, truth.from_ms);
    bb_city_output_format(out, "\",\"to\":\"");
    put_time(out, truth.to_ms);
    bb_city_output_format(out, "\",\"size\":");
    out->at = bb_city_put_decimal(out->at, truth.size.mantissa, truth.size.exponent);
    bb_city_output_format(out, ",\"unit\":\"%s\",\"sigma\":", truth.unit);
    out->at = bb_city_put_decimal(out->at, truth.sigma.mantissa, truth.sigma.exponent);
    bb_city_output_format(out, ",\"intervals\":%" PRIu32 "}", truth.readings);
}

static int put_truth(struct city_output *out, const struct bb_city *city, struct bb_error *error) {
    bb_city_output_format(out, "{\"seed\":%" PRIu64 ",\"meters\":%" PRIu32 ",\"from\":\"",
                          city->options.seed, city->options.meters);
    put_time(out, city->from_ms);
    bb_city_output_format(out, "\",\"to\":\"");
    put_time(out, city->to_ms);
    bb_city_output_format(out, "\",\"faults\":[");
    for (uint32_t i = 0; i < city->fault_count; i++) {
        int status = bb_city_output_room(out, error);
        if (status < 0)
            return status;
        put_fault(out, city, i);
    }
    return 0;
}

int bb_city_write_truth(const struct bb_city *city, const struct bb_city_sink *sink,
                        struct bb_error *error) {
    struct bb_city_sink whole;
    struct city_output out;
    int status = open_document(&out, &whole, sink, "", "\n]}\n", error);

    return status < 0 ? status : bb_city_output_close(&out, put_truth(&out, city, error), error);
}
