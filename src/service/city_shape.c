/* What a home uses: shape of the day and week, season, weather, people and their appliances.
 *
 * Every number is a function of the meter's key and the quarter, through hashed bits: there is no
 * state, so any quarter of any meter can be asked for at any time. That is what lets a late reading
 * be told again without having been kept.
 *
 *   electricity = base + activity x day x season x slow noise x quick noise     (people)
 *               + appliances: up to two runs begin in each block of four hours
 *               + car + heat pump, less what the panels give
 *   water       = sixteen chances an hour that a tap, a flush or a shower is drawn
 *   heat        = degrees below 17 x house x time of day, and hot water
 */
#include "service/city_internal.h"

enum { PROFILE_HOME = 0, PROFILE_SHOP, PROFILE_WATER };

/* ---- shapes --------------------------------------------------------------------------------- */

/* By hour, any scale: bb_city_shapes_init makes the mean of each row one. Nobody draws water between
 * three and four: a home whose flow never rests has a leak. */
static const uint8_t hourly[CITY_PROFILES][CITY_DAY_KINDS][24] = {
    [PROFILE_HOME] =
        {
            {22, 16, 13, 12, 12, 15, 32,  58,  62, 50, 44, 44,
             48, 44, 42, 46, 60, 88, 108, 104, 96, 86, 64, 38},
            {28, 20, 15, 13, 12, 13, 18,  32, 54, 70, 74, 72,
             72, 68, 64, 66, 76, 96, 104, 96, 88, 80, 66, 46},
            {30, 22, 16, 13, 12, 12,  15,  24, 44, 66, 78, 80,
             82, 74, 68, 68, 80, 102, 108, 98, 90, 78, 58, 36},
        },
    [PROFILE_SHOP] =
        {
            {20,  20,  20,  20,  21, 24, 34, 60, 92, 104, 108, 110,
             108, 110, 108, 104, 98, 84, 56, 36, 28, 24,  22,  20},
            {20,  20, 20, 20, 20, 21, 24, 34, 60, 84, 96, 100,
             100, 98, 92, 78, 56, 38, 28, 24, 22, 21, 20, 20},
            {20, 20, 20, 20, 20, 20, 21, 22, 24, 26, 27, 28,
             28, 28, 27, 26, 24, 22, 21, 20, 20, 20, 20, 20},
        },
    [PROFILE_WATER] =
        {
            {8,  4,  1,  0,  0,  10, 60, 118, 104, 66, 48, 44,
             48, 44, 38, 40, 54, 78, 86, 76,  66,  58, 44, 22},
            {14, 6,  2,  0,  0,  3,  12, 40, 92, 120, 104, 80,
             66, 56, 48, 46, 54, 70, 74, 66, 58, 54,  46,  30},
            {16, 8,  3,  0,  0,  2,  8,  26, 72, 118, 118, 90,
             70, 58, 50, 48, 56, 74, 80, 70, 60, 52,  40,  22},
        },
};

/* A shop's Sunday is no weekday: what its rows differ in is kept against the working day's mean,
 * as is the small rise of a home's weekend. */
static int32_t row_sum(const uint8_t row[24]) {
    int32_t sum = 0;

    for (int hour = 0; hour < 24; hour++)
        sum += row[hour];
    return sum;
}

void bb_city_shapes_init(struct city_shapes *shapes) {
    for (int profile = 0; profile < CITY_PROFILES; profile++) {
        int32_t sum = row_sum(hourly[profile][CITY_WORKDAY]);
        for (int day = 0; day < CITY_DAY_KINDS; day++)
            for (int quarter = 0; quarter < CITY_QUARTERS; quarter++) {
                int32_t left = hourly[profile][day][quarter / 4];
                int32_t right = hourly[profile][day][(quarter / 4 + 1) % 24];
                int32_t along = quarter % 4;
                shapes->share[profile][day][quarter] =
                    (uint16_t)((left * (4 - along) + right * along) * (24 * CITY_ONE / 4) / sum);
            }
    }
}

/* ---- noise ---------------------------------------------------------------------------------- */

/* Around CITY_ONE, from nothing to twice as much, as the sum of two dice falls. */
static int32_t quick_factor(uint64_t bits) {
    return (int32_t)((bits & 1023) + (bits >> 10 & 1023) + 1);
}

static int32_t slow_point(uint64_t key, int64_t node) {
    uint64_t bits = bb_city_bits(key, CITY_FOR_SLOW, node);

    return (int32_t)(CITY_ONE / 2 + ((bits & 1023) * (bits >> 10 & 1023) >> 9)); /* mostly low */
}

/* The mood of a home changes over two hours. */
static int32_t slow_factor(uint64_t key, int64_t slot) {
    int64_t node = slot >> 3;
    int32_t along = (int32_t)(slot & 7);

    return (slow_point(key, node) * (8 - along) + slow_point(key, node + 1) * along) / 8;
}

/* Nobody is at home in one week of 17, and never in two in a row. */
static bool is_away(const struct city_meter *meter, int64_t day) {
    int64_t week = (day + 3) / 7;

    return (bb_city_bits(meter->key, CITY_FOR_WEEK, week) & 15) == 0 &&
           (bb_city_bits(meter->key, CITY_FOR_WEEK, week - 1) & 15) != 0;
}

/* ---- electricity ---------------------------------------------------------------------------- */

/* Wh a quarter: a lamp row, a television, ... a washing machine, a kettle's share, an oven. */
static const uint16_t appliance_wh[16] = {28,  36,  45,  55,  70,  85,  100, 120,
                                          145, 170, 200, 240, 290, 350, 430, 520};

/* A run covers only a part of its first quarter, and of its last. */
static int64_t run_use(uint64_t bits, int32_t age, int32_t length) {
    int64_t use = appliance_wh[bits & 15] * (896 + (int64_t)(bits >> 4 & 31) * 8) / CITY_ONE;
    int64_t part = 1 + (int64_t)(bits >> 9 & 63);

    return age == 0 ? use * part / 64 : age == length - 1 ? use * (65 - part) / 64 : use;
}

static int64_t appliances_use(const struct city_meter *meter, const struct city_moment *m,
                              const uint16_t *share) {
    int64_t use = 0, block = m->slot >> 4;

    for (int back = 0; back < 2; back++, block--) {
        uint64_t bits = bb_city_bits(meter->key, CITY_FOR_APPLIANCE, block);
        int32_t age_of_block = (int32_t)(m->slot - (block << 4));
        for (int run = 0; run < 2; run++, bits >>= 32) {
            int32_t age = age_of_block - (int32_t)(bits & 15);
            int32_t length = 2 + (int32_t)(bits >> 4 & 7);
            if (age < 0 || age >= length)
                continue;
            int32_t start = m->quarter - age; /* people start things when they are awake */
            if (start < 0 && is_away(meter, m->day - 1))
                continue;
            start = start < 0 ? start + CITY_QUARTERS : start;
            if ((uint64_t)share[start] * (meter->activity + 20U) >> 8 > (bits >> 7 & 1023))
                use += run_use(bits >> 17, age, length);
        }
    }
    return use;
}

/* A car comes home between half past five and ten, every third evening and some others, and is
 * charged for one to seven hours. Its evening lasts from noon to noon. */
static int64_t car_use(const struct city_meter *meter, const struct city_moment *m) {
    bool afternoon = m->quarter >= CITY_QUARTERS / 2;
    int64_t evening = m->day - !afternoon;
    int32_t now = m->quarter + (afternoon ? -CITY_QUARTERS / 2 : CITY_QUARTERS / 2);
    uint64_t bits = bb_city_bits(meter->key, CITY_FOR_CAR, evening);
    int32_t start = 22 + (int32_t)((bits >> 8) % 18), length = 4 + (int32_t)((bits >> 16) % 24);

    bool comes = (evening + (int64_t)(meter->key % 3)) % 3 == 0 || bits % 10 == 0;
    if (!comes || now < start || now >= start + length || is_away(meter, evening))
        return 0;
    int64_t use = meter->charger - (int64_t)(bits >> (now & 7) & 15);
    return now == start + length - 1 ? use * (int64_t)(1 + (bits >> 32 & 255)) / 256 : use;
}

static int64_t pump_use(const struct city_meter *meter, const struct city_moment *m,
                        uint64_t bits) {
    int32_t lack_dc = 155 - m->temperature_dc;

    if (lack_dc <= 0)
        return 0;
    /* it runs in bursts, which a quarter of an hour half smooths */
    return (int64_t)meter->pump * lack_dc / 100 * (CITY_ONE / 2 + (int64_t)(bits & 1023)) /
           CITY_ONE;
}

static int64_t load(const struct bb_city *city, const struct city_meter *meter,
                    const struct city_moment *m, uint64_t bits) {
    int profile = meter->type == CITY_SHOP ? PROFILE_SHOP : PROFILE_HOME;
    const uint16_t *share = city->shapes.share[profile][m->day_kind];
    int64_t use = (int64_t)(meter->base * (192 + (bits >> 20 & 127)) >> 8); /* the fridge cycles */

    if (meter->pump)
        use += pump_use(meter, m, bits >> 28);
    if (meter->type != CITY_SHOP && is_away(meter, m->day))
        return use;
    int64_t day = 768 + (int64_t)(bb_city_bits(meter->key, CITY_FOR_DAY, m->day) & 511);
    int64_t people = (int64_t)meter->activity * share[m->quarter] / 64 * day / CITY_ONE;
    people = people * m->season / CITY_ONE * slow_factor(meter->key, m->slot) / CITY_ONE;
    use += people * quick_factor(bits) / CITY_ONE / (CITY_ONE / 64);
    if (meter->type != CITY_SHOP)
        use += appliances_use(meter, m, share);
    if (meter->charger)
        use += car_use(meter, m);
    return use;
}

static struct city_use electricity_use(const struct bb_city *city, const struct city_meter *meter,
                                       const struct city_moment *m) {
    uint64_t bits = bb_city_bits(meter->key, CITY_FOR_QUARTER, m->slot);
    int64_t drawn = load(city, meter, m, bits);

    if (meter->panels == 0 || m->sun == 0)
        return (struct city_use){drawn, 0};
    int64_t sun = m->sun + m->sun_unsteady * ((int64_t)(bits >> 40 & 1023) - 512) / 512;
    int64_t net = drawn - meter->panels * sun / CITY_ONE;
    /* within a quarter of an hour clouds and kettles leave a little of both directions */
    int64_t both = drawn * (int64_t)(bits >> 50 & 127) / CITY_ONE;
    return net > 0 ? (struct city_use){net + both, both} : (struct city_use){both, both - net};
}

/* Everything at once: the car, the pump on a cold night, a dinner for many, two ovens. */
int64_t bb_city_most_in_a_quarter(const struct city_meter *meter) {
    int64_t drawn = meter->base + meter->charger + 4 * (int64_t)meter->pump +
                    12 * (int64_t)meter->activity + (meter->type == CITY_SHOP ? 0 : 1200);

    return drawn > meter->panels ? drawn : meter->panels + drawn / 8;
}

/* ---- water and heat ------------------------------------------------------------------------- */

/* Litres of a draw: taps and flushes mostly, a bath at times. */
static const uint8_t draw_litres[32] = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3,  3,  4,  4,  5,  5,
                                        6, 6, 6, 6, 6, 6, 7, 8, 9, 9, 12, 38, 48, 55, 64, 96};
enum { DRAW_SUM = 424, DRAWS_A_DAY = 24 * 16 }; /* of the table; chances */

static int64_t draws(const struct bb_city *city, const struct city_meter *meter,
                     const struct city_moment *m, int64_t litres_a_day) {
    int64_t hour = m->slot >> 2, litres = 0;
    int64_t share = city->shapes.share[PROFILE_WATER][m->day_kind][m->quarter];
    /* of each of 16 draws, in 1/2048, such that the day's mean is as asked */
    uint64_t chance = (uint64_t)(litres_a_day * share * 2 * 32 / DRAW_SUM / DRAWS_A_DAY);

    if (is_away(meter, m->day))
        return 0;
    for (int part = 0; part < 4; part++) {
        uint64_t bits = bb_city_bits(meter->key, CITY_FOR_DRAW, hour * 4 + part);
        for (int draw = 0; draw < 4; draw++, bits >>= 16)
            if ((bits & 2047) < chance)
                litres += draw_litres[bits >> 11 & 31];
    }
    return litres;
}

static struct city_use water_use(const struct bb_city *city, const struct city_meter *meter,
                                 const struct city_moment *m) {
    return (struct city_use){draws(city, meter, m, meter->activity), 0};
}

static struct city_use heat_use(const struct bb_city *city, const struct city_meter *meter,
                                const struct city_moment *m) {
    uint64_t bits = bb_city_bits(meter->key, CITY_FOR_QUARTER, m->slot >> 2);
    int64_t lack_dc = 170 - m->temperature_dc;
    bool night = m->quarter < 24 || m->quarter >= 92;
    int64_t wh = lack_dc > 0 ? meter->activity * lack_dc / 10 : 0;

    wh = wh * (night ? 614 : m->quarter < 36 ? 1331 : 1024) / CITY_ONE;
    wh = wh * slow_factor(meter->key, m->slot) / CITY_ONE * quick_factor(bits) / CITY_ONE;
    wh += draws(city, meter, m, 90) * 45; /* hot water: from 10 to 50 degrees */
    int64_t kelvin = meter->base + (int64_t)(bits >> 20 & 7);
    return (struct city_use){wh, wh * 1000 / (1163 * kelvin)}; /* 1.163 Wh per litre and kelvin */
}

/* ---- character ------------------------------------------------------------------------------ */

/* Sizes lie on a long-tailed scale, as homes do: eighths of the middle one. */
static const uint8_t home_sizes[16] = {3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 12, 14, 17, 22, 32};

static void electricity_character(struct city_meter *meter, struct bb_random *random) {
    static const uint16_t chargers[4] = {920, 1840, 1840, 2760}; /* 3.7, 7.4 and 11 kW */
    uint32_t size = home_sizes[bb_random_below(random, 16)];

    if (meter->type == CITY_SHOP) {
        meter->activity = (uint16_t)(size * (120 + bb_random_below(random, 120)));
        meter->base = (uint16_t)(meter->activity / 6);
        return;
    }
    meter->activity = (uint16_t)(size * (6 + bb_random_below(random, 5)));
    meter->base = (uint16_t)(8 + size + bb_random_below(random, 20));
    if (bb_random_below(random, 100) < 14)
        meter->charger = chargers[bb_random_below(random, 4)];
    if (bb_random_below(random, 100) < 22)
        meter->pump = (uint16_t)(120 + bb_random_below(random, 200));
    if (meter->type == CITY_SOLAR_HOME)
        meter->panels = (uint16_t)(500 + bb_random_below(random, 1500)); /* 2 to 8 kWp */
}

static void water_character(struct city_meter *meter, struct bb_random *random) {
    meter->activity = (uint16_t)((1 + bb_random_below(random, 5)) * 118); /* 118 L a person */
    /* far enough from the full hour to drift thirty days either way */
    meter->minute_s = (uint16_t)(700 + bb_random_below(random, 2200));
    meter->drift_s = (int8_t)((int)bb_random_below(random, 41) - 20);
}

static void heat_character(struct city_meter *meter, struct bb_random *random) {
    meter->activity = (uint16_t)(70 + bb_random_below(random, 180));
    meter->base = (uint16_t)(24 + bb_random_below(random, 16));
}

/* ---- by type -------------------------------------------------------------------------------- */

static const struct {
    struct city_use (*use)(const struct bb_city *, const struct city_meter *,
                           const struct city_moment *);
    void (*character)(struct city_meter *, struct bb_random *);
} types[CITY_TYPES] = {
    [CITY_HOME] = {electricity_use, electricity_character},
    [CITY_SOLAR_HOME] = {electricity_use, electricity_character},
    [CITY_SHOP] = {electricity_use, electricity_character},
    [CITY_WATER_HOME] = {water_use, water_character},
    [CITY_LITRE_HOME] = {water_use, water_character},
    [CITY_HEAT_HOME] = {heat_use, heat_character},
};

struct city_use bb_city_use(const struct bb_city *city, const struct city_meter *meter,
                            const struct city_moment *moment) {
    return types[meter->type].use(city, meter, moment);
}

void bb_city_character(struct city_meter *meter) {
    struct bb_random random;

    bb_random_seed(&random, bb_city_bits(meter->key, CITY_FOR_CHARACTER, 0));
    types[meter->type].character(meter, &random);
    for (int i = 0; i < 2; i++)
        meter->start[i] = (int64_t)bb_random_below(
            &random, (uint64_t)bb_city_types[meter->type].start_below[i] + 1);
}
