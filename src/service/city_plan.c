/* The plan: which meters have a fault, which one, where, and how large it is.
 *
 * Kinds take turns, so that a small city has some of each; the meter and the place are drawn. A
 * place is surveyed before it is taken: what the readings there are without the fault tells how
 * large it has to be and how far it stands out (sigma). As quarters are pure functions, surveying
 * costs time only.
 */
#include "service/city_internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    PLACES_TRIED = 24, /* per meter */
    METERS_TRIED = 16, /* per fault */
    PAST_DAYS = 14, /* that a meter has to have been known for, when the city has twice as many */
};

/* In readings, by pace: how far to both sides the surroundings of a fault reach, and how many at the
 * beginning of a city are left alone when there are others. */
static const int32_t reaches[] = {
    [CITY_QUARTERLY] = 288, [CITY_HOURLY] = 72, [CITY_OWN_MINUTE] = 72, [CITY_DAILY] = 14};
static const int32_t margins[] = {
    [CITY_QUARTERLY] = 96, [CITY_HOURLY] = 24, [CITY_OWN_MINUTE] = 24, [CITY_DAILY] = 1};

/* ---- survey --------------------------------------------------------------------------------- */

static int64_t square_root(int64_t value) {
    int64_t root = 0;

    for (int64_t bit = INT64_C(1) << 31; bit > 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= value)
            root += bit;
    return root;
}

/* Values of an interval channel, or advances and totals of a register, on the way from one number
 * to the next. */
struct tally {
    int64_t count, sum, squares;
};

static void tally_add(struct tally *tally, int64_t value) {
    tally->count++;
    tally->sum += value;
    tally->squares += value * value;
}

static void look_around(struct city_draft *draft) {
    const struct city_fault *fault = draft->fault;
    struct city_survey *survey = &draft->survey;
    enum city_channel channel = fault->channel;
    struct city_numbers numbers = bb_city_numbers(draft->city, channel);
    bool is_register = bb_city_channels[channel].kind == BB_KIND_REGISTER;
    int32_t reach = reaches[bb_city_pace(channel)];
    int32_t from = fault->first - reach < numbers.first ? numbers.first : fault->first - reach;
    int32_t to = fault->last + reach > numbers.last ? numbers.last : fault->last + reach;
    struct tally tally = {0, 0, 0};
    struct city_moment probe;
    int64_t total = 0;

    *survey = (struct city_survey){.before = 0};
    bb_city_moment_init(&probe);
    /* a register is the sum of all that was before */
    for (int32_t n = is_register ? numbers.first : from; n <= to; n++) {
        int64_t used = bb_city_used(draft->city, draft->meter, channel, n, &probe);
        int64_t shown = is_register ? bb_city_counts(channel, total + used) : used;
        int64_t step = is_register ? shown - bb_city_counts(channel, total) : used;
        total += used;
        if (n >= from)
            tally_add(&tally, step);
        if (n >= from && step > survey->largest)
            survey->largest = step;
        if (n == fault->first - 1)
            survey->before = shown;
        if (n == fault->first)
            survey->at = shown;
        if (n >= fault->first && n <= fault->last)
            survey->sum += step;
    }
    BB_ASSERT(tally.count > 0);
    survey->mean = tally.sum / tally.count;
    survey->deviation = square_root(tally.squares / tally.count - survey->mean * survey->mean);
    if (survey->deviation < 1)
        survey->deviation = 1;
}

/* ---- place ---------------------------------------------------------------------------------- */

static int32_t draw(struct city_draft *draft, int32_t least, int32_t most) {
    return least + (int32_t)bb_random_below(&draft->random, (uint32_t)(most - least) + 1);
}

/* Short ones are more frequent than long ones: each doubling is as likely. */
static int32_t draw_length(struct city_draft *draft, int32_t least, int32_t most) {
    int32_t doublings = 0;

    while (least << (doublings + 1) <= most)
        doublings++;
    int32_t length = least << draw(draft, 0, doublings);
    length += draw(draft, 0, length - 1);
    return length > most ? most : length;
}

/* How many days at the beginning are left to learn from. */
static int32_t days_before(const struct city_draft *draft, const struct city_fault_row *row) {
    return row->needs_past && draft->city->options.days >= 2 * PAST_DAYS ? PAST_DAYS : 1;
}

/* The step at which day `day` of the city begins. */
static int32_t day_step(const struct city_draft *draft, int32_t day) {
    if (bb_city_is_nem12(draft->city))
        return day * CITY_QUARTERS;
    return bb_city_step_of(draft->city, draft->meter, CITY_IMPORT_REGISTER, day);
}

static bool place_days(struct city_draft *draft, const struct city_fault_row *row, int32_t least,
                       int32_t most) {
    int32_t days = (int32_t)draft->city->options.days;

    most = most > days / 2 ? days / 2 : most;
    if (most < least)
        return false;
    int32_t length = draw(draft, least, most);
    int32_t day = draw(draft, days_before(draft, row), days - length);
    draft->fault->first = day_step(draft, day) + 1;
    draft->fault->last = day_step(draft, day + length);
    return true;
}

/* Not in the first day, if there are others, and never at the very first reading. */
static bool place_readings(struct city_draft *draft, const struct city_fault_row *row) {
    struct city_fault *fault = draft->fault;
    enum city_pace pace = bb_city_pace(fault->channel);
    struct city_numbers numbers = bb_city_numbers(draft->city, fault->channel);
    int32_t most = (numbers.last - numbers.first) / 2;

    most = most > row->max_length ? row->max_length : most;
    if (pace == CITY_DAILY)
        most = 1; /* what is a fault for an hour is the truth after two days */
    if (most < row->min_length)
        return false;
    int32_t length = draw_length(draft, row->min_length, most);
    int32_t last_start = numbers.last - row->tail - length + 1;
    int32_t first_start = numbers.first + 1 + margins[pace] * days_before(draft, row);
    if (first_start > last_start)
        first_start = numbers.first + 1;
    if (first_start > last_start)
        return false;
    fault->first = draw(draft, first_start, last_start);
    fault->last = fault->first + length - 1;
    return true;
}

static void place_resend(struct city_draft *draft, const struct city_fault_row *row) {
    struct city_fault *fault = draft->fault;
    int32_t delay = draw(draft, row->min_delay, row->max_delay);

    if (bb_city_is_nem12(draft->city)) /* which sends whole days */
        delay = row->min_delay > 0 ? CITY_QUARTERS : 0;
    fault->resend_step = bb_city_step_of(draft->city, draft->meter, fault->channel, fault->last) +
                         delay;
    if (fault->resend_step > draft->city->steps)
        fault->resend_step = draft->city->steps;
}

static bool plan_place(struct city_draft *draft, const struct city_fault_row *row) {
    struct city_fault *fault = draft->fault;
    bool days = row->befalls & CITY_WHOLE_DAYS;

    if (row->resends && bb_city_is_nem12(draft->city)) {
        if (!place_days(draft, row, 1, 1))
            return false;
    } else if (days ? !place_days(draft, row, row->min_length, row->max_length)
                    : !place_readings(draft, row)) {
        return false;
    }
    fault->resend_step = 0;
    if (row->resends)
        place_resend(draft, row);
    look_around(draft);
    if (!row->plan(draft))
        return false;
    if (row->measure == CITY_IN_CHANNEL_UNIT)
        fault->sigma_centi = fault->size * 100 / draft->survey.deviation;
    return true;
}

/* ---- meters --------------------------------------------------------------------------------- */

/* The channel of a meter that a kind can befall, CITY_CHANNELS: none. */
static enum city_channel channel_for(const struct bb_city *city, const struct city_meter *meter,
                                     const struct city_fault_row *row) {
    struct city_channel_list list = bb_city_channels_of(city, meter);
    enum bb_commodity commodity = bb_city_types[meter->type].commodity;

    if (((row->befalls & CITY_ON_WATER) && commodity != BB_COMMODITY_WATER) ||
        ((row->befalls & CITY_NOT_HEAT) && commodity == BB_COMMODITY_HEAT) ||
        ((row->befalls & CITY_NOT_SOLAR) && meter->type == CITY_SOLAR_HOME) ||
        (bb_city_is_nem12(city) && !row->nem12))
        return CITY_CHANNELS;
    for (uint8_t i = 0; i < list.count; i++)
        if (row->befalls & 1 << bb_city_pace(list.items[i]))
            return list.items[i];
    return CITY_CHANNELS;
}

/* A meter without a fault that this kind can befall, from a drawn one on. */
static struct city_meter *find_meter(struct city_draft *draft, const struct city_fault_row *row) {
    uint32_t count = draft->city->options.meters;
    uint32_t start = (uint32_t)bb_random_below(&draft->random, count);

    for (uint32_t i = 0; i < count; i++) {
        struct city_meter *meter = &draft->city->meters[(start + i) % count];
        if (meter->fault == 0 && channel_for(draft->city, meter, row) != CITY_CHANNELS)
            return meter;
    }
    return NULL;
}

static bool plan_fault(struct city_draft *draft, uint8_t kind) {
    const struct city_fault_row *row = &bb_city_fault_rows[kind];

    for (int meters = 0; meters < METERS_TRIED; meters++) {
        draft->meter = find_meter(draft, row);
        if (!draft->meter)
            return false;
        *draft->fault = (struct city_fault){
            .meter = (uint32_t)(draft->meter - draft->city->meters),
            .kind = kind,
            .channel = (uint8_t)channel_for(draft->city, draft->meter, row)};
        for (int places = 0; places < PLACES_TRIED; places++)
            if (plan_place(draft, row)) {
                draft->meter->fault = 1; /* its index comes when they are sorted */
                return true;
            }
    }
    return false;
}

static int by_meter(const void *a, const void *b) {
    const struct city_fault *left = a, *right = b;

    return (left->meter > right->meter) - (left->meter < right->meter);
}

/* Exactly the asked share of the meters, as long as there is a kind that still finds one. */
int bb_city_plan(struct bb_city *city, struct bb_error *error) {
    uint64_t share = (uint64_t)city->options.meters * city->options.fault_ppm;
    uint32_t wanted = (uint32_t)((share + BB_CITY_ONE_PPM / 2) / BB_CITY_ONE_PPM);
    struct city_draft draft = {.city = city};
    uint64_t exhausted = 0, all = (UINT64_C(1) << bb_city_fault_row_count) - 1;

    if (city->options.fault_ppm == 0)
        return 0;
    wanted = wanted == 0 ? 1 : wanted;
    city->faults = calloc(wanted, sizeof *city->faults);
    if (!city->faults)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %" PRIu32 " faults", wanted);
    bb_random_seed(&draft.random, bb_city_bits(city->options.seed, CITY_FOR_FAULT, 0));
    for (uint8_t kind = 0; city->fault_count < wanted && exhausted != all;
         kind = (uint8_t)((kind + 1U) % bb_city_fault_row_count)) {
        if (exhausted & UINT64_C(1) << kind)
            continue;
        draft.fault = &city->faults[city->fault_count];
        if (plan_fault(&draft, kind))
            city->fault_count++;
        else
            exhausted |= UINT64_C(1) << kind;
    }
    qsort(city->faults, city->fault_count, sizeof *city->faults, by_meter);
    for (uint32_t i = 0; i < city->fault_count; i++)
        city->meters[city->faults[i].meter].fault = i + 1;
    return 0;
}
