/* The city: its meters, and the walk that visits each of them every quarter of an hour.
 *
 *   for each block of steps              by time: a quarter (NEM12: a day); by meter: everything
 *     for each meter
 *       for each step of the block
 *         visit                            what is read now, through the meter's fault
 *           └─► queue ─► bb_city_next_many ─► text, or whoever asks
 *
 * A visit adds at most CITY_BURST_MAX readings; the queue is filled whenever it was emptied.
 */
#include "service/city_internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- tables --------------------------------------------------------------------------------- */

/* name, OBIS, unit as text and id, kind, index, dials, exponent, interval */
const struct bb_city_channel bb_city_channels[CITY_CHANNELS] = {
    [CITY_IMPORT] = {"1-1:1.29.0", "1-1:1.29.0", "kWh", BB_UNIT_KWH, BB_KIND_INTERVAL, CITY_IMPORT,
                     0, -3, 900},
    [CITY_EXPORT] = {"1-1:2.29.0", "1-1:2.29.0", "kWh", BB_UNIT_KWH, BB_KIND_INTERVAL, CITY_EXPORT,
                     0, -3, 900},
    [CITY_IMPORT_REGISTER] = {"1-0:1.8.0", "1-0:1.8.0", "kWh", BB_UNIT_KWH, BB_KIND_REGISTER,
                              CITY_IMPORT_REGISTER, 6, -3, 0},
    [CITY_SHOP_REGISTER] = {"1-0:1.8.0", "1-0:1.8.0", "kWh", BB_UNIT_KWH, BB_KIND_REGISTER,
                            CITY_SHOP_REGISTER, 8, -3, 0},
    [CITY_WATER_M3] = {"8-0:1.0.0", "8-0:1.0.0", "m3", BB_UNIT_M3, BB_KIND_REGISTER, CITY_WATER_M3,
                       5, -3, 0},
    [CITY_WATER_L] = {"8-0:1.0.0", "8-0:1.0.0", "L", BB_UNIT_L, BB_KIND_REGISTER, CITY_WATER_L, 8,
                      0, 0},
    [CITY_HEAT_ENERGY] = {"6-0:1.0.0", "6-0:1.0.0", "kWh", BB_UNIT_KWH, BB_KIND_REGISTER,
                          CITY_HEAT_ENERGY, 7, 0, 0},
    [CITY_HEAT_VOLUME] = {"6-0:2.0.0", "6-0:2.0.0", "m3", BB_UNIT_M3, BB_KIND_REGISTER,
                          CITY_HEAT_VOLUME, 7, -2, 0},
    [CITY_NEM12_IMPORT] = {"E1", "1-1:1.29.0", "kWh", BB_UNIT_KWH, BB_KIND_INTERVAL,
                           CITY_NEM12_IMPORT, 0, -3, 900},
    [CITY_NEM12_EXPORT] = {"B1", "1-1:2.29.0", "kWh", BB_UNIT_KWH, BB_KIND_INTERVAL,
                           CITY_NEM12_EXPORT, 0, -3, 900},
};

static const uint8_t nem12_channels[] = {CITY_NEM12_IMPORT, CITY_NEM12_EXPORT};

/* commodity, name, device, channels, registers, where these begin */
const struct city_type_row bb_city_types[CITY_TYPES] = {
    [CITY_HOME] = {BB_COMMODITY_ELECTRICITY,
                   "8716859000",
                   "E",
                   2,
                   {CITY_IMPORT, CITY_IMPORT_REGISTER},
                   {CITY_IMPORT_REGISTER},
                   {60000000}},
    [CITY_SOLAR_HOME] = {BB_COMMODITY_ELECTRICITY,
                         "8716859000",
                         "E",
                         3,
                         {CITY_IMPORT, CITY_IMPORT_REGISTER, CITY_EXPORT},
                         {CITY_IMPORT_REGISTER},
                         {30000000}},
    [CITY_SHOP] = {BB_COMMODITY_ELECTRICITY,
                   "8716859000",
                   "E",
                   2,
                   {CITY_IMPORT, CITY_SHOP_REGISTER},
                   {CITY_SHOP_REGISTER},
                   {900000000}},
    [CITY_WATER_HOME] =
        {BB_COMMODITY_WATER, "8716859001", "W", 1, {CITY_WATER_M3}, {CITY_WATER_M3}, {3000000}},
    [CITY_LITRE_HOME] =
        {BB_COMMODITY_WATER, "8716859001", "W", 1, {CITY_WATER_L}, {CITY_WATER_L}, {3000000}},
    [CITY_HEAT_HOME] = {BB_COMMODITY_HEAT,
                        "8716859002",
                        "H",
                        2,
                        {CITY_HEAT_ENERGY, CITY_HEAT_VOLUME},
                        {CITY_HEAT_ENERGY, CITY_HEAT_VOLUME},
                        {200000, 900000}},
};

/* Where a channel's last digit lies (in Wh or litres), and when it is read. */
static const struct {
    int64_t count;
    enum city_pace pace;
} counters[CITY_CHANNELS] = {
    [CITY_IMPORT] = {1, CITY_QUARTERLY},       [CITY_EXPORT] = {1, CITY_QUARTERLY},
    [CITY_IMPORT_REGISTER] = {1, CITY_DAILY},  [CITY_SHOP_REGISTER] = {1, CITY_DAILY},
    [CITY_WATER_M3] = {1, CITY_OWN_MINUTE},    [CITY_WATER_L] = {1, CITY_OWN_MINUTE},
    [CITY_HEAT_ENERGY] = {1000, CITY_HOURLY},  [CITY_HEAT_VOLUME] = {10, CITY_HOURLY},
    [CITY_NEM12_IMPORT] = {1, CITY_QUARTERLY}, [CITY_NEM12_EXPORT] = {1, CITY_QUARTERLY},
};

struct city_channel_list bb_city_channels_of(const struct bb_city *city,
                                             const struct city_meter *meter) {
    const struct city_type_row *row = &bb_city_types[meter->type];

    if (bb_city_is_nem12(city))
        return (struct city_channel_list){nem12_channels, meter->type == CITY_SOLAR_HOME ? 2 : 1};
    return (struct city_channel_list){row->channels, row->channel_count};
}

/* ---- readings by number ------------------------------------------------------------------- */

enum city_pace bb_city_pace(enum city_channel channel) {
    return counters[channel].pace;
}

struct city_numbers bb_city_numbers(const struct bb_city *city, enum city_channel channel) {
    int32_t hours = city->steps / 4;
    const struct city_numbers numbers[] = {
        [CITY_QUARTERLY] = {1, city->steps},
        [CITY_HOURLY] = {0, hours},
        [CITY_OWN_MINUTE] = {0, hours - 1},
        [CITY_DAILY] = {0, (int32_t)city->options.days},
    };
    return numbers[counters[channel].pace];
}

/* A water meter's clock gains or loses some seconds a day and is set every thirty days. */
static int32_t own_second(const struct bb_city *city, const struct city_meter *meter,
                          int32_t hour) {
    int64_t day = (city->from_ms + hour * (int64_t)BB_HOUR_MS) / BB_DAY_MS;
    int32_t since_set = (int32_t)((day + (int64_t)(meter->key % 30)) % 30);

    return meter->minute_s + meter->drift_s * since_set;
}

int64_t bb_city_time_of(const struct bb_city *city, const struct city_meter *meter,
                        enum city_channel channel, int32_t number) {
    int64_t from_ms = city->from_ms;

    switch (counters[channel].pace) {
    case CITY_QUARTERLY: return from_ms + number * (int64_t)CITY_QUARTER_MS;
    case CITY_HOURLY: return from_ms + number * (int64_t)BB_HOUR_MS;
    case CITY_OWN_MINUTE:
        return from_ms + number * (int64_t)BB_HOUR_MS +
               own_second(city, meter, number) * (int64_t)BB_SECOND_MS;
    case CITY_DAILY: break;
    }
    return bb_zone_first_at(city->zone, (city->options.first_day + number) * (int64_t)BB_DAY_MS);
}

int32_t bb_city_step_of(const struct bb_city *city, const struct city_meter *meter,
                        enum city_channel channel, int32_t number) {
    int64_t since_ms = bb_city_time_of(city, meter, channel, number) - city->from_ms;

    return (int32_t)((since_ms + CITY_QUARTER_MS - 1) / CITY_QUARTER_MS);
}

int bb_city_register_of(const struct city_meter *meter, enum city_channel channel) {
    if (bb_city_channels[channel].kind != BB_KIND_REGISTER)
        return -1;
    return bb_city_types[meter->type].register_channels[0] == channel ? 0 : 1;
}

static int64_t used_in_step(const struct bb_city *city, const struct city_meter *meter, bool second,
                            int32_t step, struct city_moment *probe) {
    bb_city_moment_set(city, probe, step);
    struct city_use use = bb_city_use(city, meter, probe);
    return second ? use.second : use.first;
}

int64_t bb_city_used(const struct bb_city *city, const struct city_meter *meter,
                     enum city_channel channel, int32_t number, struct city_moment *probe) {
    int32_t last = bb_city_step_of(city, meter, channel, number);
    bool second = channel == CITY_EXPORT || channel == CITY_NEM12_EXPORT ||
                  channel == CITY_HEAT_VOLUME;
    int64_t used = 0;

    if (last == 0)
        return 0; /* what was before the city is the register's start */
    if (counters[channel].pace != CITY_DAILY)
        return used_in_step(city, meter, second, last, probe);
    for (int32_t step = bb_city_step_of(city, meter, channel, number - 1) + 1; step <= last; step++)
        used += used_in_step(city, meter, second, step, probe);
    return used;
}

int64_t bb_city_counts(enum city_channel channel, int64_t total) {
    return total / counters[channel].count;
}

int64_t bb_city_modulus(enum city_channel channel) {
    return bb_power_of_ten[bb_city_channels[channel].dials - bb_city_channels[channel].exponent];
}

/* ---- visits --------------------------------------------------------------------------------- */

static void push(struct bb_city *city, struct bb_city_reading *reading) {
    const struct bb_city_channel *channel = reading->channel;

    if (channel->dials) {
        int64_t modulus = bb_power_of_ten[channel->dials - channel->exponent];
        if (reading->mantissa >= modulus)
            reading->mantissa %= modulus;
    }
    city->queue[city->queue_count++] = *reading;
}

/* How long a value is on its way from the meter to whoever sends it on. */
static int64_t lag_ms(const struct bb_city *city, const struct city_meter *meter) {
    return bb_city_is_nem12(city) ? 0 : (int64_t)(5 + meter->key % 40) * BB_SECOND_MS;
}

static struct bb_city_reading describe(const struct bb_city *city, const struct city_meter *meter,
                                       enum city_channel channel, int64_t end_ms, int64_t value) {
    return (struct bb_city_reading){
        .usage_point = {meter->name, meter->name_size},
        .channel = &bb_city_channels[channel],
        .end_ms = end_ms,
        .sent_ms = city->moment.end_ms,
        .issued_ms = city->moment.end_ms + lag_ms(city, meter),
        .mantissa = value,
        .meter = (uint32_t)(meter - city->meters),
        .exponent = bb_city_channels[channel].exponent,
    };
}

/* A reading as it is read now. What a fault makes of it is decided here. */
static void offer(struct bb_city *city, const struct city_meter *meter, enum city_channel channel,
                  int32_t number, int64_t end_ms, int64_t value) {
    struct bb_city_reading reading = describe(city, meter, channel, end_ms, value);

    if (meter->fault != 0) {
        const struct city_fault *fault = &city->faults[meter->fault - 1];
        const struct city_fault_row *row = &bb_city_fault_rows[fault->kind];
        if (row->apply && fault->channel == channel && number >= fault->first &&
            (number <= fault->last || row->lasting) &&
            row->apply(fault, number, &reading) == CITY_WITHHOLD)
            return;
    }
    push(city, &reading);
}

/* The value a register shows now. */
static int64_t shown(const struct city_meter *meter, enum city_channel channel, int which) {
    return meter->start[which] + bb_city_counts(channel, meter->total[which]);
}

static void visit_electricity(struct bb_city *city, struct city_meter *meter) {
    const struct city_moment *m = &city->moment;
    bool nem12 = bb_city_is_nem12(city);

    if (m->step > 0) {
        struct city_use use = bb_city_use(city, meter, m);
        meter->total[0] += use.first;
        offer(city, meter, nem12 ? CITY_NEM12_IMPORT : CITY_IMPORT, m->step, m->end_ms, use.first);
        if (meter->panels)
            offer(city, meter, nem12 ? CITY_NEM12_EXPORT : CITY_EXPORT, m->step, m->end_ms,
                  use.second);
    }
    if (m->ends_day && !nem12) {
        enum city_channel channel = bb_city_types[meter->type].register_channels[0];
        offer(city, meter, channel, (int32_t)(m->day + 1 - city->options.first_day), m->end_ms,
              shown(meter, channel, 0));
    }
}

static void visit_water(struct bb_city *city, struct city_meter *meter) {
    const struct city_moment *m = &city->moment;
    int32_t hour = (m->step - 1) / 4, quarter = (m->step - 1) % 4;

    if (m->step == 0)
        return;
    int32_t second = own_second(city, meter, hour);
    if ((second - 1) / 900 != quarter)
        return;
    enum city_channel channel = bb_city_types[meter->type].register_channels[0];
    meter->total[0] += bb_city_use(city, meter, m).first;
    offer(city, meter, channel, hour,
          city->from_ms + hour * (int64_t)BB_HOUR_MS + second * (int64_t)BB_SECOND_MS,
          shown(meter, channel, 0));
}

static void visit_heat(struct bb_city *city, struct city_meter *meter) {
    const struct city_moment *m = &city->moment;

    if (!m->ends_hour)
        return;
    if (m->step > 0) {
        struct city_use use = bb_city_use(city, meter, m);
        meter->total[0] += use.first;
        meter->total[1] += use.second;
    }
    offer(city, meter, CITY_HEAT_ENERGY, m->hour, m->end_ms, shown(meter, CITY_HEAT_ENERGY, 0));
    offer(city, meter, CITY_HEAT_VOLUME, m->hour, m->end_ms, shown(meter, CITY_HEAT_VOLUME, 1));
}

static void (*const visits[CITY_TYPES])(struct bb_city *, struct city_meter *) = {
    [CITY_HOME] = visit_electricity, [CITY_SOLAR_HOME] = visit_electricity,
    [CITY_SHOP] = visit_electricity, [CITY_WATER_HOME] = visit_water,
    [CITY_LITRE_HOME] = visit_water, [CITY_HEAT_HOME] = visit_heat,
};

/* What happened meanwhile is taken off a register again, from now back to reading `number`. */
static int64_t register_at(struct bb_city *city, const struct city_meter *meter,
                           enum city_channel channel, int which, int32_t number) {
    int64_t total = meter->total[which];

    for (int32_t n = number + 1; bb_city_step_of(city, meter, channel, n) <= city->moment.step; n++)
        total -= bb_city_used(city, meter, channel, n, &city->probe);
    return meter->start[which] + bb_city_counts(channel, total);
}

/* Nothing was kept of the readings that are sent now: they are computed once more. */
static void resend(struct bb_city *city, const struct city_meter *meter,
                   const struct city_fault *fault) {
    const struct city_fault_row *row = &bb_city_fault_rows[fault->kind];
    enum city_channel channel = fault->channel;
    int which = bb_city_register_of(meter, channel);

    for (int32_t n = fault->first; n <= fault->last; n++) {
        int64_t value = which < 0 ? bb_city_used(city, meter, channel, n, &city->probe)
                                  : register_at(city, meter, channel, which, n);
        int64_t end_ms = bb_city_time_of(city, meter, channel, n);
        struct bb_city_reading reading = describe(city, meter, channel, end_ms, value);
        if (row->same_issue)
            reading.issued_ms += (bb_city_step_of(city, meter, channel, n) - city->moment.step) *
                                 (int64_t)CITY_QUARTER_MS;
        else if (!bb_city_is_nem12(city))
            reading.issued_ms += BB_SECOND_MS; /* later than the first, even when sent at once */
        if (!row->apply_again || row->apply_again(fault, n, &reading) == CITY_SEND)
            push(city, &reading);
    }
}

static void visit(struct bb_city *city, struct city_meter *meter) {
    visits[meter->type](city, meter);
    if (meter->fault != 0) {
        const struct city_fault *fault = &city->faults[meter->fault - 1];
        if (fault->resend_step == city->moment.step && fault->resend_step > 0)
            resend(city, meter, fault);
    }
}

/* ---- the walk ------------------------------------------------------------------------------- */

/* Step 0, which only reads registers, is a block of its own. */
static void begin_block(struct bb_city *city, int32_t first) {
    int32_t length = bb_city_is_nem12(city) && first > 0 ? CITY_QUARTERS : 1;

    city->at_meter = 0;
    city->block_first = first;
    city->block_last = city->options.order == BB_CITY_BY_METER ? city->steps : first + length - 1;
}

static void advance(struct bb_city *city) {
    int32_t step = city->moment.step;

    if (step < city->block_last)
        step++;
    else if (++city->at_meter < city->options.meters)
        step = city->block_first;
    else if (step < city->steps)
        begin_block(city, ++step);
    else
        city->ended = true;
    if (step != city->moment.step)
        bb_city_moment_set(city, &city->moment, step);
}

static void fill(struct bb_city *city) {
    city->queue_count = 0;
    city->queue_next = 0;
    while (!city->ended && city->queue_count + CITY_BURST_MAX <= CITY_QUEUE) {
        visit(city, &city->meters[city->at_meter]);
        advance(city);
    }
}

bool bb_city_next(struct bb_city *city, struct bb_city_reading *out) {
    while (city->queue_next == city->queue_count) {
        if (city->ended)
            return false;
        fill(city);
    }
    *out = city->queue[city->queue_next++];
    return true;
}

size_t bb_city_next_many(struct bb_city *city, const struct bb_city_reading **out) {
    while (city->queue_next == city->queue_count && !city->ended)
        fill(city);
    size_t count = city->queue_count - city->queue_next;
    *out = &city->queue[city->queue_next];
    city->queue_next = city->queue_count;
    return count;
}

void bb_city_rewind(struct bb_city *city) {
    for (uint32_t i = 0; i < city->options.meters; i++)
        memset(city->meters[i].total, 0, sizeof city->meters[i].total);
    bb_city_moment_init(&city->moment);
    bb_city_moment_init(&city->probe);
    bb_city_moment_set(city, &city->moment, 0);
    begin_block(city, 0);
    city->ended = false;
    city->queue_count = 0;
    city->queue_next = 0;
}
