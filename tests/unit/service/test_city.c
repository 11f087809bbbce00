/* The city: the same bytes from the same options, exact counts and sums, and faults that are where
 * truth.json says they are. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "codec/codec.h"
#include "model/timestamp.h"
#include "service/city_internal.h"
#include "support/decode_dump.h"

/* ---- helpers -------------------------------------------------------------------------------- */

static struct bb_city_options small_options(uint32_t meters, uint32_t days) {
    struct bb_city_options options;

    bb_city_options_default(&options);
    options.meters = meters;
    options.days = days;
    return options;
}

static struct bb_city *make(const struct bb_city_options *options) {
    struct bb_city *city;
    struct bb_error error = {0};
    char text[900];

    cr_assert_eq(bb_city_new(options, &city, &error), 0, "%s",
                 bb_error_format(&error, text, sizeof text));
    return city;
}

static int append(void *context, const void *data, size_t size, struct bb_error *error) {
    (void)error;
    bb_buffer_append(context, data, size);
    return 0;
}

/* The whole text; the caller releases it. */
static struct bb_buffer text_of(struct bb_city *city) {
    struct bb_buffer text;
    struct bb_error error = {0};
    struct bb_city_sink sink = {.write = append, .context = &text};

    bb_buffer_init(&text, 256 << 20);
    cr_assert_eq(bb_city_write(city, &sink, &error), 0, "%s", error.text);
    cr_assert_not(text.overflow);
    return text;
}

static uint64_t hash_of(const struct bb_city_options *options) {
    struct bb_city *city = make(options);
    struct bb_buffer text = text_of(city);
    uint64_t hash = bb_hash(bb_buffer_span(&text));

    bb_buffer_release(&text);
    bb_city_free(city);
    return hash;
}

/* A fingerprint of a reading; sums of them do not depend on the order. */
static uint64_t mark_of(const struct bb_city_reading *reading) {
    uint64_t mark = bb_hash(reading->usage_point) + reading->channel->index;

    mark = bb_hash_mix(mark + (uint64_t)reading->end_ms);
    return bb_hash_mix(mark + (uint64_t)reading->mantissa);
}

/* What one channel tells, in the order in which it tells it. */
struct told {
    int64_t end_ms, mantissa;
};
struct channel_told {
    struct told *items;
    size_t count;
};

static struct channel_told listen(struct bb_city *city, uint32_t meter,
                                  const struct bb_city_channel *channel) {
    struct bb_city_reading reading;
    struct channel_told told = {NULL, 0};
    size_t capacity = (size_t)bb_city_clean_count(city) + 1000;

    told.items = malloc(capacity * sizeof *told.items);
    cr_assert_not_null(told.items);
    bb_city_rewind(city);
    while (bb_city_next(city, &reading))
        if (reading.meter == meter && reading.channel == channel)
            told.items[told.count++] = (struct told){reading.end_ms, reading.mantissa};
    return told;
}

/* ---- the same city -------------------------------------------------------------------------- */

/* These change with every change of what the city is made of, and with nothing else. */
static const struct {
    enum bb_city_format format;
    enum bb_city_order order;
    uint64_t hash;
} pinned[] = {
    {BB_CITY_NDJSON, BB_CITY_BY_TIME, UINT64_C(0x4df124f53de148ec)},
    {BB_CITY_CSV, BB_CITY_BY_METER, UINT64_C(0x545c3235d3981503)},
    {BB_CITY_NEM12, BB_CITY_BY_TIME, UINT64_C(0xa82c01e755f83f60)},
};

Test(city, same_options_same_bytes_on_every_machine) {
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
        struct bb_city_options options = small_options(60, 14);
        options.fault_ppm = 500000;
        options.format = pinned[i].format;
        options.order = pinned[i].order;
        uint64_t hash = hash_of(&options);
        cr_expect_eq(hash, pinned[i].hash, "%s is %#" PRIx64 ", not %#" PRIx64,
                     bb_city_format_name(options.format), hash, pinned[i].hash);
        cr_expect_eq(hash, hash_of(&options), "and again");
        options.seed++;
        cr_expect_neq(hash, hash_of(&options), "another seed is another city");
    }
}

Test(city, a_longer_city_begins_with_the_shorter_one) {
    struct bb_city_options shorter = small_options(20, 3), longer = small_options(20, 5);
    struct bb_city *a = make(&shorter), *b = make(&longer);
    struct bb_buffer first = text_of(a), second = text_of(b);

    cr_assert_gt(second.size, first.size);
    cr_expect_arr_eq(first.data, second.data, first.size);
    bb_buffer_release(&first);
    bb_buffer_release(&second);
    bb_city_free(a);
    bb_city_free(b);
}

Test(city, both_orders_hold_the_same_readings) {
    uint64_t sums[2] = {0, 0}, counts[2] = {0, 0};

    for (int order = 0; order < 2; order++) {
        struct bb_city_options options = small_options(100, 12);
        struct bb_city_reading reading;
        options.fault_ppm = BB_CITY_ONE_PPM;
        options.order = (enum bb_city_order)order;
        struct bb_city *city = make(&options);
        while (bb_city_next(city, &reading)) {
            sums[order] += mark_of(&reading);
            counts[order]++;
        }
        bb_city_free(city);
    }
    cr_expect_eq(counts[0], counts[1], "%" PRIu64 " and %" PRIu64, counts[0], counts[1]);
    cr_expect_eq(sums[0], sums[1]);
}

Test(city, readings_by_time_are_sent_in_time) {
    struct bb_city_options options = small_options(60, 5);
    struct bb_city_reading reading;
    int64_t sent_ms = INT64_MIN;
    options.fault_ppm = BB_CITY_ONE_PPM;
    struct bb_city *city = make(&options);

    while (bb_city_next(city, &reading)) {
        cr_assert_geq(reading.sent_ms, sent_ms);
        sent_ms = reading.sent_ms;
    }
    cr_expect_eq(sent_ms, bb_city_to_ms(city));
    bb_city_free(city);
}

Test(city, many_at_once_are_the_same_as_one_by_one) {
    struct bb_city_options options = small_options(40, 3);
    struct bb_city *city = make(&options);
    const struct bb_city_reading *many;
    struct bb_city_reading reading;
    uint64_t one_by_one = 0, at_once = 0;
    size_t count;

    while (bb_city_next(city, &reading))
        one_by_one = bb_hash_mix(one_by_one + mark_of(&reading));
    bb_city_rewind(city);
    while ((count = bb_city_next_many(city, &many)) > 0)
        for (size_t i = 0; i < count; i++)
            at_once = bb_hash_mix(at_once + mark_of(&many[i]));
    cr_expect_eq(one_by_one, at_once);
    bb_city_free(city);
}

/* ---- what it is made of --------------------------------------------------------------------- */

Test(city, counts_are_exact) {
    struct bb_city_options options = small_options(100, 14);
    struct bb_city *city = make(&options);
    struct bb_city_reading reading;
    uint64_t counts[CITY_CHANNELS] = {0}, all = 0, quarters = 14 * 96 - 4, hours = quarters / 4;

    while (bb_city_next(city, &reading)) {
        counts[reading.channel->index]++;
        all++;
    }
    cr_expect_eq(all, bb_city_clean_count(city));
    cr_expect_eq(counts[CITY_IMPORT], 80 * quarters, "the clocks change on 29 March");
    cr_expect_eq(counts[CITY_IMPORT_REGISTER] + counts[CITY_SHOP_REGISTER], 80 * 15);
    cr_expect_eq(counts[CITY_WATER_M3] + counts[CITY_WATER_L], 15 * hours);
    cr_expect_eq(counts[CITY_HEAT_ENERGY], 5 * (hours + 1));
    cr_expect_eq(counts[CITY_HEAT_VOLUME], 5 * (hours + 1));
    cr_expect_gt(counts[CITY_EXPORT], 0);
    cr_expect_eq(counts[CITY_EXPORT] % quarters, 0);
    bb_city_free(city);
}

static uint32_t intervals_of_day(int year, int month, int day) {
    struct bb_city_options options = small_options(1, 1);
    struct bb_city_reading reading;
    uint32_t count = 0;
    options.first_day = (int32_t)bb_days_from_civil(year, month, day);
    struct bb_city *city = make(&options);

    while (bb_city_next(city, &reading))
        count += reading.channel->kind == BB_KIND_INTERVAL;
    bb_city_free(city);
    return count;
}

Test(city, days_of_clock_changes_have_their_own_length) {
    cr_expect_eq(intervals_of_day(2026, 3, 28), 96);
    cr_expect_eq(intervals_of_day(2026, 3, 29), 92);
    cr_expect_eq(intervals_of_day(2026, 10, 25), 100);
}

Test(city, a_register_is_its_start_and_the_sum_of_the_intervals) {
    enum { METERS = 60 };
    struct bb_city_options options = small_options(METERS, 14);
    struct bb_city *city = make(&options);
    struct bb_city_reading r;
    int64_t sums[METERS] = {0};
    uint32_t checked = 0;

    while (bb_city_next(city, &r)) {
        if (r.channel->index == CITY_IMPORT)
            sums[r.meter] += r.mantissa;
        if (r.channel->index == CITY_IMPORT_REGISTER || r.channel->index == CITY_SHOP_REGISTER) {
            cr_assert_eq(r.mantissa, bb_city_start(city, r.meter, 0) + sums[r.meter]);
            checked++;
        }
    }
    cr_expect_eq(checked, METERS * 16 / 20 * 15);
    bb_city_free(city);
}

Test(city, registers_never_fall_and_water_is_read_once_an_hour) {
    enum { METERS = 60 };
    struct bb_city_options options = small_options(METERS, 45);
    struct bb_city *city = make(&options);
    struct bb_city_reading r;
    int64_t last[METERS][CITY_CHANNELS] = {{0}}, hour[METERS] = {0};

    while (bb_city_next(city, &r)) {
        int64_t *before = &last[r.meter][r.channel->index];
        if (r.channel->kind == BB_KIND_REGISTER) {
            cr_assert_geq(r.mantissa, *before);
            *before = r.mantissa;
        }
        if (r.channel->index == CITY_WATER_M3 || r.channel->index == CITY_WATER_L) {
            cr_assert(hour[r.meter] == 0 || r.end_ms / BB_HOUR_MS == hour[r.meter] + 1);
            hour[r.meter] = r.end_ms / BB_HOUR_MS;
        }
    }
    bb_city_free(city);
}

Test(city, names_are_unique_and_end_in_their_check_digit) {
    struct bb_city_options options = small_options(2000, 1);
    struct bb_city *city = make(&options);

    for (uint32_t i = 0; i < options.meters; i++) {
        struct bb_span name = bb_city_name(city, i);
        int sum = 0;
        cr_assert_eq(name.size, 18);
        for (size_t at = 0; at < 18; at++) /* GS1: from the right 1, 3, 1, ... make a ten */
            sum += (name.data[at] - '0') * (at % 2 == 0 ? 3 : 1);
        cr_assert_eq(sum % 10, 0, "%.*s", BB_SPAN_ARGS(name));
        cr_assert(i == 0 || !bb_span_equal(name, bb_city_name(city, i - 1)));
    }
    bb_city_free(city);
}

Test(city, memory_is_bounded_per_meter_and_does_not_grow_with_days) {
    struct bb_city_options options = small_options(1000, 4);
    options.fault_ppm = BB_CITY_ONE_PPM;
    struct bb_city *city = make(&options);
    size_t bytes = bb_city_memory_bytes(city);

    cr_expect_leq(bytes, 1000 * (size_t)BB_CITY_BYTES_PER_METER);
    bb_city_free(city);
    options.days = 20;
    city = make(&options);
    cr_expect_eq(bb_city_memory_bytes(city), bytes);
    bb_city_free(city);
}

Test(city, holidays_are_those_of_the_netherlands) {
    int64_t days[CITY_HOLIDAYS_MAX];

    cr_assert_eq(bb_city_holidays(2026, days), 9);
    cr_expect_eq(days[1], bb_days_from_civil(2026, 4, 5), "Easter");
    cr_expect_eq(days[3], bb_days_from_civil(2026, 4, 27), "King's Day");
    cr_expect_eq(days[4], bb_days_from_civil(2026, 5, 14), "Ascension");
    cr_assert_eq(bb_city_holidays(2025, days), 10, "with Liberation Day");
    cr_expect_eq(days[3], bb_days_from_civil(2025, 4, 26), "the 27th is a Sunday");
    cr_expect_eq(bb_city_day_kind(bb_days_from_civil(2026, 4, 27)), CITY_SUNDAY);
    cr_expect_eq(bb_city_day_kind(bb_days_from_civil(2026, 4, 28)), CITY_WORKDAY);
    cr_expect_eq(bb_city_day_kind(bb_days_from_civil(2026, 5, 2)), CITY_SATURDAY);
}

Test(city, options_out_of_range_are_refused) {
    static const struct {
        uint32_t meters, days, minutes;
        enum bb_city_format format;
    } wrong[] = {{0, 1, 15, BB_CITY_CSV},
                 {BB_CITY_METERS_MAX + 1, 1, 15, BB_CITY_CSV},
                 {1, 0, 15, BB_CITY_CSV},
                 {1, BB_CITY_DAYS_MAX + 1, 15, BB_CITY_CSV},
                 {1, 1, 20, BB_CITY_NEM12}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bb_city_options options = small_options(wrong[i].meters, wrong[i].days);
        struct bb_city *city;
        struct bb_error error = {0};
        options.nem12_minutes = wrong[i].minutes;
        options.format = wrong[i].format;
        cr_expect_eq(bb_city_new(&options, &city, &error), -BB_E_USAGE, "row %zu", i);
        cr_expect_null(city);
    }
}

/* ---- as the codecs read it ------------------------------------------------------------------ */

static uint64_t count_readings(struct bb_city *city, uint64_t *sum) {
    struct bb_city_reading reading;
    uint64_t count = 0;

    bb_city_rewind(city);
    for (*sum = 0; bb_city_next(city, &reading); count++)
        *sum += (uint64_t)reading.mantissa;
    return count;
}

/* Sum of the values of the dump's lines, as mantissas: "...,value,..." is the seventh field. */
static uint64_t sum_of_dump(const struct decode_dump *dump) {
    const char *at = dump->readings.data, *end = at + strlen(at);
    uint64_t sum = 0;

    while (at < end) {
        struct bb_decimal value;
        for (int field = 0; field < 6; field++)
            at = strchr(at, ',') + 1;
        const char *stop = strchr(at, ',');
        cr_assert_eq(bb_decimal_parse((struct bb_span){at, (size_t)(stop - at)}, '.', &value),
                     BB_DECIMAL_OK);
        sum += (uint64_t)value.mantissa;
        at = strchr(stop, '\n') + 1;
    }
    return sum;
}

/* `quarters`: readings that a value of the text stands for. */
static void expect_codec_agrees(enum bb_city_format format, uint32_t fault_ppm, uint64_t quarters) {
    struct bb_city_options options = small_options(40, 4);
    struct decode_dump dump;
    uint64_t sum;
    options.format = format;
    options.fault_ppm = fault_ppm;
    options.nem12_minutes = (uint32_t)quarters * 15;
    struct bb_city *city = make(&options);
    struct bb_buffer text = text_of(city);
    struct decode_source source = {bb_buffer_span(&text), 0};
    const struct bb_format_row *row = bb_format_find(bb_span_of(bb_city_format_name(format)));

    decode_dump_run(&dump, row, decode_source_input(&source), "city");
    cr_assert_eq(dump.status, 0, "%s", dump.error.text);
    cr_expect_eq(dump.refusal_count, 0);
    cr_expect_eq(dump.reading_count * quarters, count_readings(city, &sum));
    cr_expect_eq(sum_of_dump(&dump), sum);
    decode_dump_release(&dump);
    bb_buffer_release(&text);
    bb_city_free(city);
}

Test(city, the_codecs_read_what_was_meant) {
    expect_codec_agrees(BB_CITY_NDJSON, BB_CITY_ONE_PPM, 1);
    expect_codec_agrees(BB_CITY_CSV, BB_CITY_ONE_PPM, 1);
    expect_codec_agrees(BB_CITY_NEM12, 0, 1);
    expect_codec_agrees(BB_CITY_NEM12, 0, 2);
}

/* ---- faults --------------------------------------------------------------------------------- */

Test(city, the_share_of_faults_is_honoured) {
    static const struct {
        uint32_t meters, ppm, faults;
    } rows[] = {{200, 0, 0}, {200, 100000, 20}, {200, 1, 1}, {200, BB_CITY_ONE_PPM, 200}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bb_city_options options = small_options(rows[i].meters, 14);
        struct bb_city_truth truth, before = {.meter = UINT32_MAX};
        options.fault_ppm = rows[i].ppm;
        struct bb_city *city = make(&options);
        cr_assert_eq(bb_city_fault_count(city), rows[i].faults);
        for (uint32_t f = 0; f < rows[i].faults; f++, before = truth) {
            bb_city_fault_truth(city, f, &truth);
            cr_assert(f == 0 || truth.meter > before.meter, "one per meter, in their order");
        }
        bb_city_free(city);
    }
}

Test(city, twenty_faults_are_of_every_kind) {
    struct bb_city_options options = small_options(200, 14);
    struct bb_city_truth truth;
    options.fault_ppm = BB_CITY_ONE_PPM / 10;
    struct bb_city *city = make(&options);

    for (size_t kind = 0; kind < bb_city_fault_row_count; kind++) {
        bool found = false;
        for (uint32_t f = 0; f < bb_city_fault_count(city); f++) {
            bb_city_fault_truth(city, f, &truth);
            found = found || strcmp(truth.kind, bb_city_fault_rows[kind].name) == 0;
        }
        cr_expect(found, "%s is missing", bb_city_fault_rows[kind].name);
    }
    bb_city_free(city);
}

/* How a faulty channel differs from the same one without the fault. */
struct difference {
    int64_t wrong;                  /* sum of |told - true| over what was told once */
    uint32_t inside, before, after; /* readings that differ: within (from, to], and outside */
    uint32_t lost, repeated, out_of_order, falls_inside;
};

static const struct told *find_told(const struct channel_told *told, int64_t end_ms,
                                    size_t *count) {
    const struct told *first = NULL;

    *count = 0;
    for (size_t i = 0; i < told->count; i++)
        if (told->items[i].end_ms == end_ms) {
            first = first ? first : &told->items[i];
            ++*count;
        }
    return first;
}

static struct difference compare(const struct channel_told *clean,
                                 const struct channel_told *faulty,
                                 const struct bb_city_truth *truth) {
    struct difference d = {0};

    for (size_t i = 0; i < clean->count; i++) {
        const struct told *was = &clean->items[i];
        size_t count;
        const struct told *is = find_told(faulty, was->end_ms, &count);
        bool inside = was->end_ms > truth->from_ms && was->end_ms <= truth->to_ms;
        if (is && count == 1 && is->mantissa == was->mantissa)
            continue;
        d.lost += count == 0;
        d.repeated += count > 1;
        *(inside ? &d.inside : was->end_ms <= truth->from_ms ? &d.before : &d.after) += 1;
        if (inside)
            d.wrong += llabs((is ? is->mantissa : 0) - was->mantissa);
    }
    for (size_t i = 1; i < faulty->count; i++) {
        const struct told *left = &faulty->items[i - 1], *right = &faulty->items[i];
        d.out_of_order += right->end_ms < left->end_ms;
        d.falls_inside += right->mantissa < left->mantissa && left->end_ms == truth->from_ms &&
                          right->end_ms == truth->to_ms;
    }
    return d;
}

static const struct city_fault_row *row_of(const char *kind) {
    size_t i = 0;

    while (i < bb_city_fault_row_count && strcmp(bb_city_fault_rows[i].name, kind) != 0)
        i++;
    cr_assert_lt(i, bb_city_fault_row_count, "no kind %s", kind);
    return &bb_city_fault_rows[i];
}

static bool is_one_of(const char *kind, const char *kinds) {
    return strstr(kinds, kind) != NULL;
}

static void expect_truth(const struct bb_city_truth *truth, const struct difference *d) {
    const char *kind = truth->kind;
    bool lasting = row_of(kind)->lasting && strcmp(kind, "clock_shift") != 0;

    if (strcmp(kind, "rollover") == 0) { /* the whole register is another one */
        cr_expect_eq(d->falls_inside, 1, "rollover of meter %" PRIu32, truth->meter);
        return;
    }
    cr_expect_eq(d->before, 0, "%s of meter %" PRIu32 " begins early", kind, truth->meter);
    cr_expect(lasting || d->after == 0, "%s of meter %" PRIu32 " ends late", kind, truth->meter);
    if (strcmp(kind, "late") == 0) {
        cr_expect(d->inside == 0 && d->out_of_order == 1);
        return;
    }
    cr_expect_gt(d->inside, 0, "%s of meter %" PRIu32 " is not there", kind, truth->meter);
    if (is_one_of(kind, "duplicate changed_duplicate"))
        cr_expect_eq(d->repeated, d->inside, "%s", kind);
    if (strcmp(kind, "gap") == 0)
        cr_expect_eq(d->lost, d->inside);
    if (is_one_of(kind, "exchange reset reverse"))
        cr_expect_eq(d->falls_inside, 1, "%s of meter %" PRIu32, kind, truth->meter);
    if (is_one_of(kind, "spike zero_run stuck negative unit_mixup sum_mismatch"))
        cr_expect_eq(d->wrong, truth->size.mantissa, "%s: %" PRId64 ", not %" PRId64, kind,
                     d->wrong, truth->size.mantissa);
}

static void expect_all_true(uint64_t seed, enum bb_city_order order) {
    struct bb_city_options options = small_options(40, 8);
    options.seed = seed;
    options.order = order;
    struct bb_city *clean = make(&options);
    options.fault_ppm = BB_CITY_ONE_PPM;
    struct bb_city *faulty = make(&options);

    cr_assert_eq(bb_city_fault_count(faulty), 40);
    for (uint32_t f = 0; f < 40; f++) {
        struct bb_city_truth truth;
        bb_city_fault_truth(faulty, f, &truth);
        struct channel_told was = listen(clean, truth.meter, truth.channel);
        struct channel_told is = listen(faulty, truth.meter, truth.channel);
        struct difference difference = compare(&was, &is, &truth);
        cr_expect_lt(truth.from_ms, truth.to_ms);
        cr_expect(truth.from_ms >= bb_city_from_ms(faulty));
        cr_expect(truth.to_ms <= bb_city_to_ms(faulty));
        expect_truth(&truth, &difference);
        free(was.items);
        free(is.items);
    }
    bb_city_free(clean);
    bb_city_free(faulty);
}

Test(city, every_fault_is_where_the_truth_says) {
    expect_all_true(1, BB_CITY_BY_TIME);
    expect_all_true(2, BB_CITY_BY_METER);
    expect_all_true(3, BB_CITY_BY_TIME);
}

Test(city, a_city_of_one_day_has_faults_that_fit_in) {
    struct bb_city_options options = small_options(20, 1);
    options.fault_ppm = BB_CITY_ONE_PPM;
    struct bb_city *city = make(&options);

    cr_expect_eq(bb_city_fault_count(city), 20);
    bb_city_free(city);
}
