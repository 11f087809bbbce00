/* Zones and periods, held against the C library's own reading of the same zones.
 *
 * The reference knows nothing of tables: it asks localtime_r for the offset of one minute after the
 * other around every change of a zone, and takes the first minute at which the wall clock has
 * reached a boundary. Changes from 1985 on fall on whole minutes in every zone tested here.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/random.h"
#include "model/calendar.h"

static const char *const zones[] = {
    "Europe/Amsterdam",  "Australia/Lord_Howe", /* half an hour of daylight time */
    "Asia/Kolkata",      "Asia/Kathmandu",
    "America/St_Johns",  /* half an hour off, and for years a change at 00:01 */
    "America/Sao_Paulo", /* changes at midnight */
    "Europe/Dublin",     /* winter time is the exception */
    "Pacific/Apia",      /* left out 2011-12-30 */
    "Asia/Beirut",       /* changes at midnight */
    "Africa/Cairo",      "Africa/Casablanca", /* changes with the moon, listed up to 2087 */
    "America/Nuuk",                           /* a rule with a negative hour */
    "Antarctica/Troll",                       /* two hours */
    "Asia/Gaza",         "UTC",
};
enum { ZONES = sizeof zones / sizeof *zones };

static const int64_t minute_ms = BB_MINUTE_MS, day_ms = BB_DAY_MS;

static struct bb_zone *load(const char *name) {
    struct bb_zone *zone;
    struct bb_error error;
    cr_assert_eq(bb_zone_load(NULL, bb_span_of(name), &zone, &error), 0, "%s: %s", name,
                 error.text);
    return zone;
}

/* ---- the reference ------------------------------------------------------------------------------*/

static void use_zone(const char *tz) {
    setenv("TZ", tz, 1);
    tzset();
}

static int64_t floor_to(int64_t value, int64_t unit) {
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static int64_t reference_offset_ms(int64_t ms) {
    time_t t = (time_t)(floor_to(ms, 1000) / 1000);
    struct tm tm;
    cr_assert_not_null(localtime_r(&t, &tm));
    return (int64_t)tm.tm_gmtoff * 1000;
}

/* The first minute at which the wall clock has reached `civil_ms`. */
static int64_t reference_first_at(int64_t civil_ms) {
    int64_t t = civil_ms - 26LL * BB_HOUR_MS;
    while (t + reference_offset_ms(t) < civil_ms)
        t += minute_ms;
    return t;
}

/* The first moment after `from_ms`, to the minute, at which the offset differs; or `until_ms`. */
static int64_t reference_next_change(int64_t from_ms, int64_t until_ms) {
    int64_t step = 6LL * BB_HOUR_MS, offset = reference_offset_ms(from_ms);
    int64_t low = from_ms, high = from_ms;

    do {
        low = high;
        high += step;
        if (high >= until_ms)
            return until_ms;
    } while (reference_offset_ms(high) == offset);
    while (high - low > minute_ms) {
        int64_t middle = floor_to(low + (high - low) / 2, minute_ms);
        if (reference_offset_ms(middle) == offset)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static int64_t date(int year, int month, int day) {
    return bb_days_from_civil(year, month, day) * day_ms;
}

/* ---- zones --------------------------------------------------------------------------------------*/

static void check_offset(const struct bb_zone *zone, const char *name, int64_t ms) {
    int64_t expected = reference_offset_ms(ms);
    int64_t got = bb_zone_offset_s(zone, ms) * 1000LL;
    cr_assert_eq(got, expected, "%s at %" PRId64 ": %" PRId64 ", not %" PRId64, name, ms, got,
                 expected);
}

static void check_offsets(const struct bb_zone *zone, const char *name, uint64_t seed) {
    int64_t from = date(1985, 1, 1), until = date(2130, 1, 1);
    struct bb_random r;

    while (from < until) {
        check_offset(zone, name, from - 1);
        check_offset(zone, name, from);
        struct bb_zone_stretch stretch = bb_zone_stretch_at(zone, from);
        cr_assert(stretch.from_ms <= from && from < stretch.until_ms);
        int64_t next = reference_next_change(from, until);
        if (next < until)
            cr_assert_eq(stretch.until_ms, next, "%s: %" PRId64 ", not %" PRId64, name,
                         stretch.until_ms, next);
        from = next;
    }
    bb_random_seed(&r, seed);
    for (int i = 0; i < 20000; i++)
        check_offset(zone, name,
                     date(1900, 1, 1) + (int64_t)bb_random_below(
                                            &r, (uint64_t)(date(3500, 1, 1) - date(1900, 1, 1))));
}

Test(zone, offsets_like_the_c_library) {
    for (int i = 0; i < ZONES; i++) {
        struct bb_zone *zone = load(zones[i]);
        cr_assert_str_eq(bb_zone_name(zone), zones[i]);
        use_zone(zones[i]);
        check_offsets(zone, zones[i], 1);
        bb_zone_free(zone);
    }
}

/* Every civil minute of the days around a change against a scan over UTC. */
static void check_civil(const struct bb_zone *zone, const char *name, int64_t change) {
    enum { DAYS = 3, MINUTES = 2 * DAYS * 1440 };
    static struct {
        int64_t first, second;
        int count;
    } seen[MINUTES];
    int64_t begin = change - DAYS * day_ms;

    memset(seen, 0, sizeof seen);
    for (int64_t t = begin - 2 * day_ms; t < change + (DAYS + 2) * day_ms; t += minute_ms) {
        int64_t at = (t + reference_offset_ms(t) - begin) / minute_ms;
        if (t + reference_offset_ms(t) < begin || at >= MINUTES)
            continue;
        seen[at].second = t;
        if (seen[at].count++ == 0)
            seen[at].first = t;
    }
    for (int i = 0; i < MINUTES; i++) {
        int64_t civil = begin + i * minute_ms, first, second;
        enum bb_zone_local local = bb_zone_to_utc(zone, civil, &first, &second);
        enum bb_zone_local expected = seen[i].count == 0   ? BB_LOCAL_SKIPPED
                                      : seen[i].count == 1 ? BB_LOCAL_UNIQUE
                                                           : BB_LOCAL_AMBIGUOUS;
        if (i % 60 == 0 || expected != BB_LOCAL_UNIQUE) {
            int64_t reached = reference_first_at(civil), ours = bb_zone_first_at(zone, civil);
            cr_assert_eq(ours, reached, "%s: %" PRId64 " is first at %" PRId64 ", not %" PRId64,
                         name, civil, ours, reached);
            if (expected == BB_LOCAL_SKIPPED)
                seen[i].first = seen[i].second = civil - reference_offset_ms(reached - 1);
        }
        cr_assert(local == expected && first == seen[i].first && second == seen[i].second,
                  "%s: %" PRId64 ": %d %" PRId64 " %" PRId64 ", not %d %" PRId64 " %" PRId64, name,
                  civil, (int)local, first, second, (int)expected, seen[i].first, seen[i].second);
    }
}

static void check_civil_around(const char *name, int64_t from, int64_t until) {
    struct bb_zone *zone = load(name);
    int changes = 0;

    use_zone(name);
    check_civil(zone, name, from);
    for (int64_t t = from; (t = reference_next_change(t, until)) < until; changes++)
        if (changes < 3)
            check_civil(zone, name, t);
    bb_zone_free(zone);
}

Test(zone, civil_times_there_and_back, .timeout = 120) {
    for (int i = 0; i < ZONES; i++)
        check_civil_around(zones[i], date(2025, 1, 1), date(2026, 12, 1));
}

Test(zone, odd_changes_of_the_past, .timeout = 120) {
    check_civil_around("Pacific/Apia", date(2011, 12, 1), date(2012, 2, 1));
    check_civil_around("America/Sao_Paulo", date(2018, 1, 1), date(2019, 6, 1));
    check_civil_around("America/St_Johns", date(2007, 1, 1), date(2008, 1, 1));
    check_civil_around("America/Caracas", date(2007, 11, 1), date(2008, 1, 1));
    check_civil_around("Asia/Pyongyang", date(2015, 8, 1), date(2018, 6, 1));
    check_civil_around("America/Nuuk", date(2023, 1, 1), date(2024, 12, 1));
}

Test(zone, the_far_future_follows_the_rule, .timeout = 120) {
    check_civil_around("Europe/Amsterdam", date(2090, 1, 1), date(2090, 12, 1));
    check_civil_around("Europe/Dublin", date(2090, 1, 1), date(2090, 12, 1));
    check_civil_around("Australia/Lord_Howe", date(2890, 1, 1), date(2890, 12, 1));
}

Test(zone, no_moment_is_too_far) {
    struct bb_zone *zone = load("Europe/Amsterdam");
    struct bb_calendar calendar = {zone, 0};
    static const int64_t moments[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1};

    for (int i = 0; i < 4; i++) {
        int64_t first, second;
        struct bb_day_cache cache = {0};
        (void)bb_zone_offset_s(zone, moments[i]);
        (void)bb_zone_to_utc(zone, moments[i], &first, &second);
        (void)bb_zone_first_at(zone, moments[i]);
        for (int period = BB_PERIOD_HOUR; period <= BB_PERIOD_YEAR; period++)
            (void)bb_calendar_period(&calendar, (enum bb_period)period, moments[i]);
        (void)bb_day_cache_find(&cache, &calendar, moments[i]);
    }
    bb_zone_free(zone);
}

/* ---- fixed offsets, names, sets -----------------------------------------------------------------*/

Test(zone, fixed_offsets) {
    static const struct {
        const char *name;
        int32_t offset_s;
    } rows[] = {{"+10:00", 36000}, {"-03:30", -12600}, {"+1000", 36000}, {"+10", 36000},
                {"-00:00", 0},     {"+05:45", 20700},  {"UTC", 0},       {"Z", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bb_zone *zone = load(rows[i].name);
        int64_t first, second;
        cr_assert_eq(bb_zone_offset_s(zone, 1772324100000), rows[i].offset_s, "%s", rows[i].name);
        cr_assert_eq(bb_zone_to_utc(zone, 0, &first, &second), BB_LOCAL_UNIQUE);
        cr_assert_eq(first, -1000LL * rows[i].offset_s);
        bb_zone_free(zone);
    }
    cr_assert_eq(bb_zone_offset_s(bb_zone_utc(), INT64_MAX), 0);
    cr_assert_str_eq(bb_zone_name(bb_zone_utc()), "UTC");
}

Test(zone, what_is_no_zone) {
    static const char *const names[] = {
        "",
        "..",
        "/etc/passwd",
        "Europe/../UTC",
        "Europe/Atlantis",
        "Europe",
        "Europe/",
        "Europe//Amsterdam",
        "zone.tab",
        "tzdata.zi",
        "europe/amsterdam",
        "+25:00",
        "+1",
        "+10:",
        "+10:0",
        "+10:60",
        "+100",
        "10:00",
        "+1o:00",
        "+10:00:00",
        "Europe/Amsterdam ",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "Amsterdam\n",
        "AVeryLongNameOfAZoneThatIsLongerThanAnyZoneWillEverBeWhateverHappens",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bb_zone *zone;
        struct bb_error error = {0};
        int result = bb_zone_load(NULL, bb_span_of(names[i]), &zone, &error);
        cr_assert_eq(result, -BB_E_ZONE_UNKNOWN, "\"%s\": %d", names[i], result);
        cr_assert(error.text[0] != '\0' && zone == NULL);
    }
    struct bb_zone *zone;
    struct bb_error error;
    cr_assert_eq(bb_zone_load(NULL, (struct bb_span){"Europe\0Amsterdam", 16}, &zone, &error),
                 -BB_E_ZONE_UNKNOWN);
    cr_assert_eq(bb_zone_load("/nowhere", BB_SPAN("Europe/Amsterdam"), &zone, &error),
                 -BB_E_ZONE_UNKNOWN);
    cr_assert_not_null(strstr(error.text, "tzdata"), "%s", error.text);
}

Test(zone, a_set_loads_each_zone_once) {
    struct bb_zone_set *set = bb_zone_set_new();
    const struct bb_zone *loaded[ZONES], *again;
    struct bb_error error;

    for (int i = 0; i < ZONES; i++)
        cr_assert_eq(bb_zone_set_get(set, bb_span_of(zones[i]), &loaded[i], &error), 0);
    for (int i = 0; i < ZONES; i++) {
        cr_assert_eq(bb_zone_set_get(set, bb_span_of(zones[i]), &again, &error), 0);
        cr_assert_eq(again, loaded[i]);
        cr_assert_str_eq(bb_zone_name(again), zones[i]);
    }
    cr_assert_eq(bb_zone_set_get(set, BB_SPAN(""), &again, &error), 0);
    cr_assert_eq(again, bb_zone_utc());
    cr_assert_eq(bb_zone_set_get(set, BB_SPAN("Mars/Olympus"), &again, &error), -BB_E_ZONE_UNKNOWN);
    bb_zone_set_free(set);
    bb_zone_set_free(NULL);
    bb_zone_free(NULL);
}

/* ---- files --------------------------------------------------------------------------------------*/

static void append_big_endian(struct bb_buffer *out, uint64_t value, int size) {
    for (int i = size - 1; i >= 0; i--)
        bb_buffer_append_byte(out, (uint8_t)(value >> (8 * i)));
}

static void append_header(struct bb_buffer *out, char version, uint32_t times, uint32_t types) {
    bb_buffer_append(out, "TZif", 4);
    bb_buffer_append_byte(out, (uint8_t)version);
    for (int i = 0; i < 15; i++)
        bb_buffer_append_byte(out, 0);
    append_big_endian(out, 0, 4); /* UT flags */
    append_big_endian(out, 0, 4); /* standard flags */
    append_big_endian(out, 0, 4); /* leap seconds */
    append_big_endian(out, times, 4);
    append_big_endian(out, types, 4);
    append_big_endian(out, 4, 4); /* characters */
}

/* A version 2 file without changes: the rule alone. */
static void make_file(struct bb_buffer *out, const char *rule) {
    bb_buffer_clear(out);
    append_header(out, '2', 0, 1);
    for (int i = 0; i < 2; i++) {
        append_big_endian(out, 0, 6);
        bb_buffer_append(out, "LMT", 4);
        if (i == 0)
            append_header(out, '2', 0, 1);
    }
    bb_buffer_format(out, "\n%s\n", rule);
}

Test(zone, rules_like_the_c_library) {
    static const char *const rules[] = {
        "UTC0",
        "<+10>-10",
        "<-0330>3:30",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "EST5EDT,J60/2,J300/2:30",
        "EST5EDT,59/2,300",
        "AAA3BBB,J59,J365/0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "EET-2EEST,M3.4.4/50,M10.4.4/50",
        "IST-2IDT,M3.4.4/26,M10.5.0",
        "NZST-12NZDT,M9.5.0,M4.1.0/3",
        "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",
    };
    struct bb_buffer file;

    bb_buffer_init(&file, 4096);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct bb_zone *zone;
        struct bb_error error;
        struct bb_random r;

        make_file(&file, rules[i]);
        cr_assert_eq(bb_zone_parse(bb_buffer_span(&file), BB_SPAN("Test/Rule"), &zone, &error), 0,
                     "%s: %s", rules[i], error.text);
        use_zone(rules[i]);
        bb_random_seed(&r, 5);
        for (int k = 0; k < 20000; k++)
            check_offset(zone, rules[i],
                         date(1970, 1, 10) +
                             (int64_t)bb_random_below(&r, (uint64_t)(date(2800, 1, 1))));
        for (int64_t t = date(1996, 1, 1); t < date(2005, 1, 1);) {
            check_offset(zone, rules[i], t - 1);
            check_offset(zone, rules[i], t);
            t = reference_next_change(t, date(2005, 1, 1));
        }
        bb_zone_free(zone);
    }
    bb_buffer_release(&file);
}

/* RFC 8536, 3.3.1: the end of one year's daylight time is the begin of the next year's. (The C
 * library of Debian 12 falls back to standard time for the first hours of each year.) */
Test(zone, daylight_time_all_year) {
    struct bb_buffer file;
    struct bb_zone *zone;
    struct bb_error error;

    bb_buffer_init(&file, 4096);
    make_file(&file, "XXX3EDT4,0/0,J365/23");
    cr_assert_eq(bb_zone_parse(bb_buffer_span(&file), BB_SPAN("EDT"), &zone, &error), 0);
    for (int64_t t = date(1990, 1, 1); t < date(2600, 1, 1); t += 17 * minute_ms * 13)
        cr_assert_eq(bb_zone_offset_s(zone, t), -14400, "%" PRId64, t);
    bb_zone_free(zone);
    bb_buffer_release(&file);
}

Test(zone, rules_that_are_none) {
    static const char *const rules[] = {
        "C",
        "CE-1",
        "CET",
        "CET-",
        "CET-25",
        "CET-1:60",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.1.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,J0,J3",
        "CET-1CEST,366,3",
        "<+10-10",
        "<>0",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "CET-1 CEST",
        ":Europe/Paris",
    };
    struct bb_buffer file;

    bb_buffer_init(&file, 4096);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct bb_zone *zone;
        struct bb_error error;
        make_file(&file, rules[i]);
        cr_assert_eq(bb_zone_parse(bb_buffer_span(&file), BB_SPAN("Test/Rule"), &zone, &error),
                     -BB_E_ZONE_UNKNOWN, "\"%s\" is accepted", rules[i]);
    }
    bb_buffer_release(&file);
}

/* Version 1, of 32 bits and without a rule: its last offset lasts. */
Test(zone, old_files) {
    struct bb_buffer file;
    struct bb_zone *zone;
    struct bb_error error;

    bb_buffer_init(&file, 4096);
    append_header(&file, 0, 2, 2);
    append_big_endian(&file, (uint64_t)-1000, 4);
    append_big_endian(&file, 5000, 4);
    bb_buffer_append(&file, "\1\0", 2);
    append_big_endian(&file, 3600, 4);
    append_big_endian(&file, 0, 2);
    append_big_endian(&file, (uint64_t)-1800, 4);
    append_big_endian(&file, 0, 2);
    bb_buffer_append(&file, "LMT", 4);
    cr_assert_eq(bb_zone_parse(bb_buffer_span(&file), BB_SPAN("Old"), &zone, &error), 0, "%s",
                 error.text);
    cr_assert_eq(bb_zone_offset_s(zone, -1000001), 3600);
    cr_assert_eq(bb_zone_offset_s(zone, -1000000), -1800);
    cr_assert_eq(bb_zone_offset_s(zone, 4999999), -1800);
    cr_assert_eq(bb_zone_offset_s(zone, 5000000), 3600);
    cr_assert_eq(bb_zone_offset_s(zone, INT64_MAX), 3600);
    bb_zone_free(zone);
    bb_buffer_release(&file);
}

/* Parse a copy of its exact size, so that a read beside it is caught, and use what comes of it. */
static void try_file(struct bb_span file) {
    char *alone = malloc(file.size + !file.size);
    struct bb_zone *zone;
    struct bb_error error = {0};

    if (file.size)
        memcpy(alone, file.data, file.size);
    int result = bb_zone_parse((struct bb_span){alone, file.size}, BB_SPAN("Hostile"), &zone,
                               &error);
    free(alone);
    if (result != 0) {
        cr_assert_eq(result, -BB_E_ZONE_UNKNOWN);
        cr_assert(error.text[0] != '\0' && zone == NULL);
        return;
    }
    struct bb_calendar calendar = {zone, 0};
    for (int64_t t = date(1985, 1, 1); t < date(2585, 1, 1); t += 4999 * day_ms / 3) {
        int64_t first, second;
        struct bb_period_bounds day = bb_calendar_period(&calendar, BB_PERIOD_DAY, t);
        cr_assert(day.start_ms < t && t <= day.end_ms);
        (void)bb_zone_to_utc(zone, t, &first, &second);
    }
    bb_zone_free(zone);
}

Test(zone, hostile_files_end_in_a_zone_or_an_error, .timeout = 120) {
    const uint64_t seed = 8536;
    struct bb_random r;
    char file[8192], mutated[8192];
    FILE *in = fopen("/usr/share/zoneinfo/Europe/Amsterdam", "rb");

    cr_assert_not_null(in, "the system's time zones are missing (Debian: apt install tzdata)");
    size_t size = fread(file, 1, sizeof file, in);
    fclose(in);
    cr_assert_gt(size, 500);

    for (size_t cut = 0; cut < size; cut++) {
        struct bb_zone *zone;
        struct bb_error error;
        try_file((struct bb_span){file, cut});
        cr_assert_neq(bb_zone_parse((struct bb_span){file, cut}, BB_SPAN("X"), &zone, &error), 0,
                      "%zu of %zu bytes are taken for a zone", cut, size);
    }
    bb_random_seed(&r, seed);
    for (int i = 0; i < 6000; i++) {
        size_t changes = 1 + bb_random_below(&r, 4);
        memcpy(mutated, file, size);
        for (size_t k = 0; k < changes; k++) {
            size_t area = bb_random_below(&r, 3) == 0 ? 44 : size; /* the counts above all */
            mutated[bb_random_below(&r, area)] = (char)bb_random_next(&r);
        }
        try_file((struct bb_span){mutated, size});
        if (i % 2 == 0) { /* the second table, the one that is used */
            memcpy(mutated, file, size);
            mutated[size - 1 - bb_random_below(&r, 80)] = (char)bb_random_next(&r);
            try_file((struct bb_span){mutated, size});
        }
    }
}

/* ---- periods ------------------------------------------------------------------------------------*/

static struct bb_period_bounds expect_day(const struct bb_calendar *calendar, int64_t noon_utc,
                                          int64_t start, int64_t length_ms) {
    struct bb_period_bounds day = bb_calendar_period(calendar, BB_PERIOD_DAY, noon_utc);
    cr_assert_eq(day.start_ms, start, "starts at %" PRId64 ", not %" PRId64, day.start_ms, start);
    cr_assert_eq(day.end_ms - day.start_ms, length_ms, "is %" PRId64 " min long",
                 (day.end_ms - day.start_ms) / minute_ms);
    return day;
}

Test(calendar, days_have_23_24_and_25_hours) {
    struct bb_zone *zone = load("Europe/Amsterdam");
    struct bb_calendar calendar = {zone, 0}, gas = {zone, 6 * 3600};
    const int64_t h = BB_HOUR_MS;

    expect_day(&calendar, date(2026, 3, 28) + 12 * h, date(2026, 3, 27) + 23 * h, 24 * h);
    expect_day(&calendar, date(2026, 3, 29) + 12 * h, date(2026, 3, 28) + 23 * h, 23 * h);
    expect_day(&calendar, date(2026, 3, 30) + 12 * h, date(2026, 3, 29) + 22 * h, 24 * h);
    expect_day(&calendar, date(2026, 10, 25) + 12 * h, date(2026, 10, 24) + 22 * h, 25 * h);
    /* the gas day that holds the change began the day before */
    expect_day(&gas, date(2026, 3, 28) + 12 * h, date(2026, 3, 28) + 5 * h, 23 * h);
    expect_day(&gas, date(2026, 3, 29) + 12 * h, date(2026, 3, 29) + 4 * h, 24 * h);
    bb_zone_free(zone);

    zone = load("Australia/Lord_Howe");
    calendar = (struct bb_calendar){zone, 0};
    expect_day(&calendar, date(2026, 4, 5), date(2026, 4, 4) + 13 * h, 24 * h + h / 2);
    expect_day(&calendar, date(2026, 10, 4), date(2026, 10, 3) + 13 * h + h / 2, 23 * h + h / 2);
    bb_zone_free(zone);
}

Test(calendar, a_midnight_that_is_skipped_begins_the_day_at_the_change) {
    struct bb_zone *zone = load("America/Sao_Paulo");
    struct bb_calendar calendar = {zone, 0};
    const int64_t h = BB_HOUR_MS;

    /* 2018-11-04 00:00 became 01:00; 2019-02-17 00:00 became 23:00 of the day before */
    expect_day(&calendar, date(2018, 11, 4) + 15 * h, date(2018, 11, 4) + 3 * h, 23 * h);
    expect_day(&calendar, date(2019, 2, 16) + 15 * h, date(2019, 2, 16) + 2 * h, 25 * h);
    bb_zone_free(zone);
}

Test(calendar, a_day_that_was_left_out_is_no_day) {
    struct bb_zone *zone = load("Pacific/Apia");
    struct bb_calendar calendar = {zone, 0};
    const int64_t h = BB_HOUR_MS, change = date(2011, 12, 30) + 10 * h;

    expect_day(&calendar, change, change - 24 * h, 24 * h); /* the 29th */
    expect_day(&calendar, change + 1, change, 24 * h);      /* the 31st */
    struct bb_period_bounds month = bb_calendar_period(&calendar, BB_PERIOD_MONTH, change);
    cr_assert_eq(month.end_ms - month.start_ms, 30 * day_ms);
    bb_zone_free(zone);
}

Test(calendar, a_period_holds_its_end_and_not_its_start) {
    struct bb_calendar calendar = {bb_zone_utc(), 0};
    int64_t midnight = date(2026, 3, 1);

    expect_day(&calendar, midnight, midnight - day_ms, day_ms);
    expect_day(&calendar, midnight + 1, midnight, day_ms);
    struct bb_period_bounds year = bb_calendar_period(&calendar, BB_PERIOD_YEAR, date(2026, 1, 1));
    cr_assert(year.start_ms == date(2025, 1, 1) && year.end_ms == date(2026, 1, 1));
    struct bb_period_bounds hour = bb_calendar_period(&calendar, BB_PERIOD_HOUR, midnight);
    cr_assert(hour.start_ms == midnight - BB_HOUR_MS && hour.end_ms == midnight);
}

/* The boundaries of [from, until] by scanning, and every quarter of an hour between them. */
static void check_days(const struct bb_calendar *calendar, int64_t from, int64_t until) {
    const char *name = bb_zone_name(calendar->zone);
    int64_t civil = floor_to(from, day_ms) + calendar->day_start_s * 1000LL;
    struct bb_day_cache cache = {0};
    int64_t start = reference_first_at(civil);

    for (; start < until; civil += day_ms) {
        int64_t end = reference_first_at(civil + day_ms), hour_end = start;
        for (int64_t t = start + 1; t <= end;
             t += t == start + 1 ? 15 * minute_ms - 1 : 15 * minute_ms) {
            struct bb_period_bounds day = bb_calendar_period(calendar, BB_PERIOD_DAY, t);
            struct bb_period_bounds cached = bb_day_cache_find(&cache, calendar, t);
            struct bb_period_bounds hour = bb_calendar_period(calendar, BB_PERIOD_HOUR, t);

            cr_assert(day.start_ms == start && day.end_ms == end,
                      "%s + %d s: %" PRId64 " is in %" PRId64 "..%" PRId64 ", not %" PRId64
                      "..%" PRId64,
                      name, (int)calendar->day_start_s, t, day.start_ms, day.end_ms, start, end);
            cr_assert(cached.start_ms == start && cached.end_ms == end, "%s: cached", name);
            cr_assert(hour.start_ms < t && t <= hour.end_ms);
            if (t > hour_end) { /* hours follow each other from the day's start to its end */
                int64_t expected_end = hour_end + BB_HOUR_MS < end ? hour_end + BB_HOUR_MS : end;
                cr_assert(hour.start_ms == hour_end && hour.end_ms == expected_end,
                          "%s: hour %" PRId64 "..%" PRId64 " after %" PRId64, name, hour.start_ms,
                          hour.end_ms, hour_end);
                hour_end = hour.end_ms;
            }
        }
        if (end > start)
            cr_assert_eq(bb_calendar_period(calendar, BB_PERIOD_DAY, end).end_ms, end, "%s", name);
        start = end;
    }
}

static void check_months_and_years(const struct bb_calendar *calendar, int from, int until) {
    int64_t shift = calendar->day_start_s * 1000LL;

    for (int year = from; year < until; year++) {
        int64_t year_start = reference_first_at(date(year, 1, 1) + shift);
        int64_t year_end = reference_first_at(date(year + 1, 1, 1) + shift);
        int64_t start = year_start;
        for (int month = 1; month <= 12; month++) {
            int64_t end = month == 12 ? year_end
                                      : reference_first_at(date(year, month + 1, 1) + shift);
            int64_t times[] = {start + 1, start + (end - start) / 2, end};
            for (int i = 0; i < 3; i++) {
                struct bb_period_bounds m = bb_calendar_period(calendar, BB_PERIOD_MONTH, times[i]);
                struct bb_period_bounds y = bb_calendar_period(calendar, BB_PERIOD_YEAR, times[i]);
                cr_assert(m.start_ms == start && m.end_ms == end && y.start_ms == year_start &&
                              y.end_ms == year_end,
                          "%s: %d-%d", bb_zone_name(calendar->zone), year, month);
            }
            start = end;
        }
    }
}

static void check_periods(const char *name, int64_t from, int64_t until) {
    static const int32_t day_starts[] = {0, 6 * 3600, 23 * 3600 + 1800};
    struct bb_zone *zone = load(name);
    int changes = 0;

    use_zone(name);
    for (int i = 0; i < 3; i++) {
        struct bb_calendar calendar = {zone, day_starts[i]};
        for (int64_t t = from; (t = reference_next_change(t, until)) < until && changes < 12;
             changes++)
            check_days(&calendar, t - 2 * day_ms, t + 2 * day_ms);
        check_days(&calendar, from, from + 3 * day_ms);
        changes = 0;
    }
    struct bb_calendar calendar = {zone, 0};
    struct bb_civil first, last;
    bb_civil_from_ms(from, &first);
    bb_civil_from_ms(until, &last);
    check_months_and_years(&calendar, first.year,
                           last.year < first.year + 3 ? last.year : first.year + 3);
    bb_zone_free(zone);
}

Test(calendar, periods_like_a_scan_of_the_clock, .timeout = 300) {
    for (int i = 0; i < ZONES; i++)
        check_periods(zones[i], date(2025, 1, 1), date(2027, 1, 1));
}

Test(calendar, periods_of_odd_years, .timeout = 300) {
    check_periods("Pacific/Apia", date(2011, 1, 1), date(2013, 1, 1));
    check_periods("America/Sao_Paulo", date(2018, 1, 1), date(2020, 1, 1));
    check_periods("America/St_Johns", date(2007, 1, 1), date(2009, 1, 1));
    check_periods("Asia/Beirut", date(2022, 1, 1), date(2024, 1, 1));
    check_periods("Europe/Amsterdam", date(2090, 1, 1), date(2091, 1, 1));
    check_periods("Australia/Lord_Howe", date(2090, 1, 1), date(2091, 1, 1));
}

/* The cache answers what the calendar answers, whatever it was asked before. */
Test(calendar, the_day_cache_is_never_stale) {
    const uint64_t seed = 24;
    struct bb_zone *loaded[ZONES];
    struct bb_day_cache cache = {0};
    struct bb_random r;

    for (int i = 0; i < ZONES; i++)
        loaded[i] = load(zones[i]);
    bb_random_seed(&r, seed);
    int64_t t = date(2020, 1, 1);
    struct bb_calendar calendar = {loaded[0], 0};
    for (int i = 0; i < 300000; i++) {
        uint64_t what = bb_random_below(&r, 100);
        if (what == 0)
            calendar = (struct bb_calendar){loaded[bb_random_below(&r, ZONES)],
                                            bb_random_below(&r, 2) ? 6 * 3600 : 0};
        if (what < 4)
            t = date(1985, 1, 1) + (int64_t)bb_random_below(&r, 200ULL * 365 * (uint64_t)day_ms);
        else
            t += (int64_t)bb_random_below(&r, (uint64_t)day_ms);
        struct bb_period_bounds a = bb_day_cache_find(&cache, &calendar, t);
        struct bb_period_bounds b = bb_calendar_period(&calendar, BB_PERIOD_DAY, t);
        cr_assert(a.start_ms == b.start_ms && a.end_ms == b.end_ms,
                  "seed %" PRIu64 " round %d: %s at %" PRId64, seed, i, bb_zone_name(calendar.zone),
                  t);
        cr_assert(a.start_ms < t && t <= a.end_ms);
    }
    for (int i = 0; i < ZONES; i++)
        bb_zone_free(loaded[i]);
}
