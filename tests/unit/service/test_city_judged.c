/* What makes a city fit to be judged by: issue times, a past to learn from, faults that can be seen,
 * and homes that do nothing that a check would rightly call wrong. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "service/city_internal.h"

static struct bb_city *make(uint32_t meters, uint32_t days, uint32_t fault_ppm, uint64_t seed) {
    struct bb_city_options options;
    struct bb_city *city;
    struct bb_error error = {0};

    bb_city_options_default(&options);
    options.meters = meters;
    options.days = days;
    options.fault_ppm = fault_ppm;
    options.seed = seed;
    cr_assert_eq(bb_city_new(&options, &city, &error), 0, "%s", error.text);
    return city;
}

static const struct city_fault *fault_of(const struct bb_city *city, uint32_t meter) {
    uint32_t fault = city->meters[meter].fault;

    return fault ? &city->faults[fault - 1] : NULL;
}

static bool is_kind(const struct city_fault *fault, const char *name) {
    return fault && strcmp(bb_city_fault_rows[fault->kind].name, name) == 0;
}

/* ---- issued --------------------------------------------------------------------------------- */

Test(city_judged, issued_follows_the_true_end) {
    struct bb_city *city = make(100, 20, BB_CITY_ONE_PPM, 3);
    struct bb_city_reading r;
    uint64_t ahead = 0, late = 0;

    while (bb_city_next(city, &r)) {
        const struct city_fault *fault = fault_of(city, r.meter);
        bool touched = fault && fault->channel == r.channel->index;
        if (r.issued_ms < r.end_ms) {
            cr_assert(touched && is_kind(fault, "clock_shift"), "meter %" PRIu32, r.meter);
            ahead++;
        }
        if (r.issued_ms - r.end_ms > BB_DAY_MS) {
            cr_assert(touched && is_kind(fault, "late"), "meter %" PRIu32, r.meter);
            late++;
        }
        if (!touched)
            cr_assert_leq(r.issued_ms - r.end_ms, 16 * BB_MINUTE_MS);
    }
    cr_expect_gt(ahead, 0);
    cr_expect_gt(late, 0);
    for (uint32_t i = 0; i < bb_city_fault_count(city); i++) {
        struct bb_city_truth truth;
        bb_city_fault_truth(city, i, &truth);
        if (strcmp(truth.kind, "late") == 0)
            late -= truth.readings;
    }
    cr_expect_eq(late, 0, "all of them are late, and no other");
    bb_city_free(city);
}

/* A value that is sent again is a later version of itself; another value claims to be the same. */
Test(city_judged, what_is_sent_again_says_which_version_it_is) {
    enum { QUARTERS = 20 * 96 };
    struct bb_city *city = make(100, 20, BB_CITY_ONE_PPM, 4);
    int64_t *issued = calloc(100 * (size_t)QUARTERS, sizeof *issued);
    int64_t *value = calloc(100 * (size_t)QUARTERS, sizeof *value);
    struct bb_city_reading r;
    uint32_t same = 0, later = 0;

    cr_assert(issued && value);
    while (bb_city_next(city, &r)) {
        const struct city_fault *fault = fault_of(city, r.meter);
        bool changed = is_kind(fault, "changed_duplicate");
        if ((!changed && !is_kind(fault, "duplicate")) || fault->channel != r.channel->index)
            continue;
        size_t quarter = (size_t)((r.end_ms - bb_city_from_ms(city)) / CITY_QUARTER_MS);
        size_t at = (size_t)r.meter * QUARTERS + quarter;
        if (issued[at] != 0) {
            cr_assert_eq(changed, r.mantissa != value[at]);
            cr_assert(changed ? r.issued_ms == issued[at] : r.issued_ms > issued[at]);
            *(changed ? &same : &later) += 1;
        }
        issued[at] = r.issued_ms;
        value[at] = r.mantissa;
    }
    cr_expect_gt(same, 0);
    cr_expect_gt(later, 0);
    free(issued);
    free(value);
    bb_city_free(city);
}

static int append(void *context, const void *data, size_t size, struct bb_error *error) {
    (void)error;
    bb_buffer_append(context, data, size);
    return 0;
}

Test(city_judged, only_a_city_with_faults_tells_when_values_were_issued) {
    for (int faulty = 0; faulty < 2; faulty++) {
        struct bb_city *city = make(20, 1, faulty ? BB_CITY_ONE_PPM : 0, 1);
        struct bb_buffer text;
        struct bb_error error = {0};
        struct bb_city_sink sink = {.write = append, .context = &text};
        bb_buffer_init(&text, 64 << 20);
        cr_assert_eq(bb_city_write(city, &sink, &error), 0);
        bb_buffer_append_byte(&text, 0);
        cr_expect_eq(strstr(text.data, ",\"issued\":\"2026-03-") != NULL, faulty != 0);
        bb_buffer_release(&text);
        bb_city_free(city);
    }
}

/* ---- faults --------------------------------------------------------------------------------- */

static int64_t greatest_around(const struct bb_city *city, const struct city_fault *fault,
                               int32_t reach) {
    struct city_numbers numbers = bb_city_numbers(city, fault->channel);
    const struct city_meter *meter = &city->meters[fault->meter];
    struct city_moment probe;
    int64_t most = 0;

    bb_city_moment_init(&probe);
    for (int32_t n = fault->first - reach; n <= fault->first + reach; n++) {
        if (n < numbers.first || n > numbers.last)
            continue;
        int64_t value = bb_city_used(city, meter, fault->channel, n, &probe);
        most = value > most ? value : most;
    }
    return most;
}

Test(city_judged, what_needs_a_past_has_two_weeks_of_it) {
    struct bb_city *city = make(200, 40, BB_CITY_ONE_PPM, 5);
    uint32_t early = 0, spikes = 0;

    for (uint32_t i = 0; i < city->fault_count; i++) {
        const struct city_fault *fault = &city->faults[i];
        struct bb_city_truth truth;
        bb_city_fault_truth(city, i, &truth);
        bool young = truth.from_ms < bb_city_from_ms(city) + 14 * (int64_t)BB_DAY_MS;
        cr_expect(!young || !bb_city_fault_rows[fault->kind].needs_past, "%s", truth.kind);
        early += young;
        if (!is_kind(fault, "spike"))
            continue;
        int64_t most = greatest_around(city, fault, 27 * 96);
        cr_expect_geq(fault->amount * 10, most * 65);
        cr_expect_leq(fault->amount, most * 30);
        spikes++;
    }
    cr_expect_gt(early, 0, "others begin at once");
    cr_expect_gt(spikes, 0);
    bb_city_free(city);
}

/* A fall that the next three readings do not make up for, or one that is small. */
Test(city_judged, a_register_that_ran_backwards_did_not_just_dip) {
    struct bb_city *city = make(400, 40, BB_CITY_ONE_PPM, 6);
    uint32_t deep = 0, shallow = 0;

    for (uint32_t i = 0; i < city->fault_count; i++) {
        const struct city_fault *fault = &city->faults[i];
        struct city_moment probe;
        int64_t next = 0;
        if (!is_kind(fault, "reverse"))
            continue;
        bb_city_moment_init(&probe);
        for (int32_t n = 1; n <= 3; n++)
            next += bb_city_used(city, &city->meters[fault->meter], fault->channel,
                                 fault->first + n, &probe);
        deep += fault->size > next;
        shallow += fault->size <= next;
    }
    cr_expect_gt(deep, shallow);
    cr_expect_gt(shallow, 0);
    bb_city_free(city);
}

/* ---- homes ---------------------------------------------------------------------------------- */

/* The longest stretch of readings each of which is greater than the one before, in hours. */
Test(city_judged, no_home_draws_water_day_and_night) {
    enum { METERS = 400, DAYS = 60 };
    struct bb_city *city = make(METERS, DAYS, 0, 9);
    static int64_t last[METERS];
    static uint32_t run[METERS];
    struct bb_city_reading r;
    uint32_t longest = 0;

    while (bb_city_next(city, &r)) {
        if (r.channel->index != CITY_WATER_M3 && r.channel->index != CITY_WATER_L)
            continue;
        run[r.meter] = r.mantissa > last[r.meter] ? run[r.meter] + 1 : 0;
        last[r.meter] = r.mantissa;
        longest = run[r.meter] > longest ? run[r.meter] : longest;
    }
    cr_expect_geq(longest, 12, "%" PRIu32, longest);
    cr_expect_leq(longest, 23, "%" PRIu32, longest);
    bb_city_free(city);
}

Test(city_judged, no_home_draws_more_than_its_connection_carries) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct bb_city *city = make(400, 60, 0, seed);
        struct bb_city_reading r;
        int64_t closest = 0;
        while (bb_city_next(city, &r)) {
            if (r.channel->kind != BB_KIND_INTERVAL)
                continue;
            int64_t most = bb_city_most_in_a_quarter(&city->meters[r.meter]);
            cr_assert_leq(r.mantissa, most, "seed %" PRIu64 ", meter %" PRIu32, seed, r.meter);
            closest = r.mantissa * 100 / most > closest ? r.mantissa * 100 / most : closest;
        }
        cr_expect_geq(closest, 50, "%" PRId64, closest);
        bb_city_free(city);
    }
}
