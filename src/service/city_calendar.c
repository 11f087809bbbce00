/* Moments of the city: a quarter hour with its local time, its season and its weather.
 *
 * Everything that all homes share is here. The weather is noise between points two to three days
 * (fronts) or an hour (clouds) apart, around the means of a Dutch year; the tables hold the middle
 * of each month, and what lies between is a straight line. A moment that is set to the next step,
 * as the walk does, looks up the zone once per clock change and the tables once per day.
 */
#include "service/city_internal.h"

enum {
    FRONT_QUARTERS = 256, /* two and two thirds of a day */
    CLOUD_QUARTERS = 4,
    DAY_S = 86400,
    SOLAR_NOON_S = 11 * 3600 + 40 * 60, /* UTC, at 5 degrees east */
    SWING_DC = 70,                      /* from the coldest to the warmest hour */
    WARMEST_QUARTER = 60,               /* 15:00 */
    FRONT_DC = 110,                     /* a front is up to half of this off the mean */
};

struct month {
    int16_t temperature_dc;
    int16_t season;     /* per mille of the year's mean use */
    int16_t half_day_s; /* divided by 60: minutes from sunrise to noon */
    int16_t clear_sky;  /* per mille of the panels' rating at noon */
};
static const struct month months[12] = {
    {35, 1200, 245, 350}, {39, 1160, 298, 500},  {65, 1080, 355, 680}, {99, 1000, 415, 800},
    {134, 940, 468, 860}, {162, 900, 500, 870},  {183, 890, 485, 860}, {179, 900, 435, 820},
    {147, 950, 380, 720}, {109, 1020, 320, 560}, {70, 1120, 263, 400}, {42, 1190, 233, 310},
};

/* How clear a day is, in 1/1024, and how far its clouds stray from that: overcast and blue days are
 * steady, days between are not. */
static const struct {
    int16_t clearness, unsteady;
} skies[8] = {
    {190, 120}, {300, 200}, {430, 380}, {560, 520}, {690, 560}, {820, 380}, {930, 160}, {980, 60},
};

/* ---- holidays ------------------------------------------------------------------------------- */

/* Easter Sunday by the anonymous Gregorian computus (Meeus, Astronomical Algorithms, chapter 8). */
static int64_t easter(int year) {
    int a = year % 19, b = year / 100, c = year % 100;
    int d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7;
    int f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114;

    return bb_days_from_civil(year, f / 31, f % 31 + 1);
}

/* Monday is 0; 1970-01-01 was a Thursday. */
static int weekday(int64_t day) {
    return (int)(((day + 3) % 7 + 7) % 7);
}

int bb_city_holidays(int year, int64_t days[CITY_HOLIDAYS_MAX]) {
    int64_t sunday = easter(year);
    int64_t kings_day = bb_days_from_civil(year, 4, 27);
    int count = 0;

    if (weekday(kings_day) == 6)
        kings_day--;
    days[count++] = bb_days_from_civil(year, 1, 1);
    days[count++] = sunday;
    days[count++] = sunday + 1;
    days[count++] = kings_day;
    if (year % 5 == 0) /* Liberation Day is a day off in lustrum years */
        days[count++] = bb_days_from_civil(year, 5, 5);
    days[count++] = sunday + 39; /* Ascension */
    days[count++] = sunday + 49; /* Whitsun */
    days[count++] = sunday + 50;
    days[count++] = bb_days_from_civil(year, 12, 25);
    days[count++] = bb_days_from_civil(year, 12, 26);
    for (int i = 1; i < count; i++) /* a late Easter Monday may be King's Day or follow it */
        for (int j = i; j > 0 && days[j - 1] > days[j]; j--) {
            int64_t swapped = days[j];
            days[j] = days[j - 1];
            days[j - 1] = swapped;
        }
    return count;
}

enum city_day bb_city_day_kind(int64_t day) {
    int64_t holidays[CITY_HOLIDAYS_MAX];
    struct bb_civil civil;

    bb_civil_from_days(day, &civil);
    int count = bb_city_holidays(civil.year, holidays);
    for (int i = 0; i < count; i++)
        if (holidays[i] == day)
            return CITY_SUNDAY;
    int of_week = weekday(day);
    return of_week == 6 ? CITY_SUNDAY : of_week == 5 ? CITY_SATURDAY : CITY_WORKDAY;
}

/* ---- weather -------------------------------------------------------------------------------- */

/* -512 .. 512 */
static int32_t point(uint64_t seed, enum city_purpose purpose, int64_t node) {
    return (int32_t)(bb_city_bits(seed, purpose, node) % (CITY_ONE + 1)) - CITY_ONE / 2;
}

static int32_t between(struct city_lattice *lattice, uint64_t seed, enum city_purpose purpose,
                       int64_t slot, int32_t distance) {
    int64_t node = slot / distance;
    int32_t along = (int32_t)(slot % distance);

    if (node != lattice->node) {
        lattice->node = node;
        lattice->left = point(seed, purpose, node);
        lattice->right = point(seed, purpose, node + 1);
    }
    return (lattice->left * (distance - along) + lattice->right * along) / distance;
}

static int32_t on_line(int16_t left, int16_t right, int32_t along) {
    return (left * (CITY_ONE - along) + right * along) / CITY_ONE;
}

static void set_day(const struct bb_city *city, struct city_moment *m, int64_t day) {
    struct bb_civil civil;

    bb_civil_from_days(day, &civil);
    int64_t of_year = day - bb_days_from_civil(civil.year, 1, 1);
    /* months as twelve equal parts, known at their middle */
    int32_t along = (int32_t)(of_year * 12 * CITY_ONE / 366) + 12 * CITY_ONE - CITY_ONE / 2;
    const struct month *left = &months[along / CITY_ONE % 12];
    const struct month *right = &months[(along / CITY_ONE + 1) % 12];
    uint64_t sky = bb_city_bits(city->options.seed, CITY_FOR_DAY, day) % 8;

    along %= CITY_ONE;
    m->day = day;
    m->day_kind = (uint8_t)bb_city_day_kind(day);
    m->month_temperature_dc = on_line(left->temperature_dc, right->temperature_dc, along);
    m->season = on_line(left->season, right->season, along) * CITY_ONE / 1000;
    m->half_day_s = on_line(left->half_day_s, right->half_day_s, along) * 60;
    m->clear_sky = on_line(left->clear_sky, right->clear_sky, along) * CITY_ONE / 1000;
    m->day_clearness = skies[sky].clearness;
    m->day_unsteady = skies[sky].unsteady;
}

/* The sun's way over a day is a parabola, a little pointed: flat at noon, low near the horizon. */
static void set_sun(const struct bb_city *city, struct city_moment *m) {
    int64_t middle_s = (m->end_ms - CITY_QUARTER_MS / 2) / BB_SECOND_MS % DAY_S;
    int32_t along = (int32_t)(middle_s - SOLAR_NOON_S) * CITY_ONE / m->half_day_s;

    m->sun = 0;
    m->sun_unsteady = 0;
    if (along <= -CITY_ONE || along >= CITY_ONE)
        return;
    int32_t height = CITY_ONE - along * along / CITY_ONE;
    int32_t pointed = (height + height * height / CITY_ONE) / 2;
    int32_t clearness = m->day_clearness + between(&m->cloud, city->options.seed, CITY_FOR_CLOUD,
                                                   m->slot, CLOUD_QUARTERS) *
                                               m->day_unsteady / CITY_ONE;
    int32_t full = pointed * m->clear_sky / CITY_ONE;
    clearness = clearness < 60 ? 60 : clearness > CITY_ONE ? CITY_ONE : clearness;
    m->sun = full * clearness / CITY_ONE;
    m->sun_unsteady = full * m->day_unsteady / (2 * CITY_ONE);
    if (m->sun_unsteady > m->sun)
        m->sun_unsteady = m->sun;
}

static void set_temperature(const struct bb_city *city, struct city_moment *m) {
    int32_t away = m->quarter - WARMEST_QUARTER;
    int32_t front = between(&m->front, city->options.seed, CITY_FOR_FRONT, m->slot, FRONT_QUARTERS);

    away = away < -CITY_QUARTERS / 2 ? away + CITY_QUARTERS : away; /* to the nearest afternoon */
    away = away < 0 ? -away : away;
    m->temperature_dc = m->month_temperature_dc + front * FRONT_DC / CITY_ONE + SWING_DC / 2 -
                        away * SWING_DC / (CITY_QUARTERS / 2);
}

/* ---- moments -------------------------------------------------------------------------------- */

void bb_city_moment_init(struct city_moment *moment) {
    *moment = (struct city_moment){.day = INT64_MIN,
                                   .stretch = {.from_ms = INT64_MAX, .until_ms = INT64_MIN},
                                   .front.node = INT64_MIN,
                                   .cloud.node = INT64_MIN};
}

void bb_city_moment_set(const struct bb_city *city, struct city_moment *m, int32_t step) {
    int64_t end_ms = city->from_ms + (int64_t)step * CITY_QUARTER_MS;
    int64_t start_ms = end_ms - CITY_QUARTER_MS;

    m->step = step;
    m->hour = (step + 3) / 4;
    m->end_ms = end_ms;
    m->slot = start_ms / CITY_QUARTER_MS;
    m->ends_hour = end_ms % BB_HOUR_MS == 0;
    if (start_ms < m->stretch.from_ms || start_ms >= m->stretch.until_ms)
        m->stretch = bb_zone_stretch_at(city->zone, start_ms);

    int64_t local_ms = start_ms + (int64_t)m->stretch.offset_s * BB_SECOND_MS;
    int64_t day = local_ms / BB_DAY_MS;
    if (day != m->day)
        set_day(city, m, day);
    m->quarter = (uint16_t)(local_ms % BB_DAY_MS / CITY_QUARTER_MS);
    m->ends_day = m->quarter == CITY_QUARTERS - 1; /* clocks never change at midnight here */
    set_sun(city, m);
    set_temperature(city, m);
}
