/* Faults: what goes wrong with meters, and how.
 *
 * A kind is a row of the table: which channels it befalls, how long it lasts, what it does to a
 * reading, and how large that is. Most are one of a few deeds with an amount: a reading is
 * withheld, replaced, scaled (by parts of a thousand) or shifted. `plan` computes amount and size
 * from the readings as they would be without the fault.
 */
#include "service/city_internal.h"

enum {
    MILLE = 1000,
    SHIFT_MS = BB_HOUR_MS,
    SHIFT_READINGS = SHIFT_MS / CITY_QUARTER_MS,
    SPIKE_REACH = 27 * CITY_QUARTERS, /* what a home does every week is no fault */
    VISIBLE_WH = 12,                  /* a home that uses less could as well be at rest */
    READINGS_LOOKED_AHEAD = 3         /* a register that is back within so many only dipped */
};

/* ---- deeds ---------------------------------------------------------------------------------- */

static enum city_verdict withhold(const struct city_fault *fault, int32_t number,
                                  struct bb_city_reading *reading) {
    (void)fault, (void)number, (void)reading;
    return CITY_WITHHOLD;
}

static enum city_verdict replace(const struct city_fault *fault, int32_t number,
                                 struct bb_city_reading *reading) {
    (void)number;
    reading->mantissa = fault->amount;
    return CITY_SEND;
}

static enum city_verdict shift(const struct city_fault *fault, int32_t number,
                               struct bb_city_reading *reading) {
    (void)number;
    reading->mantissa += fault->amount;
    return CITY_SEND;
}

static enum city_verdict scale(const struct city_fault *fault, int32_t number,
                               struct bb_city_reading *reading) {
    (void)number;
    reading->mantissa = reading->mantissa * fault->amount / MILLE;
    return CITY_SEND;
}

/* The register goes on from what leaked while it leaked. */
static enum city_verdict leak(const struct city_fault *fault, int32_t number,
                              struct bb_city_reading *reading) {
    int32_t until = number < fault->last ? number : fault->last;

    reading->mantissa += fault->amount * (until - fault->first + 1);
    return CITY_SEND;
}

/* The clock is an hour ahead. When it is put right the meter has that hour already, and does not
 * read it again. */
static enum city_verdict shift_clock(const struct city_fault *fault, int32_t number,
                                     struct bb_city_reading *reading) {
    if (number > fault->last)
        return number <= fault->last + SHIFT_READINGS ? CITY_WITHHOLD : CITY_SEND;
    reading->end_ms += SHIFT_MS;
    return CITY_SEND;
}

/* ---- how large ------------------------------------------------------------------------------ */

static int64_t absolute(int64_t value) {
    return value < 0 ? -value : value;
}

static int32_t length(const struct city_fault *fault) {
    return fault->last - fault->first + 1;
}

static int64_t one_of(struct city_draft *draft, int64_t least, int64_t most) {
    return least + (int64_t)bb_random_below(&draft->random, (uint64_t)(most - least + 1));
}

static const struct bb_city_channel *channel_of(const struct city_draft *draft) {
    return &bb_city_channels[draft->fault->channel];
}

/* What a register shows before the first touched reading. */
static int64_t shown_before(const struct city_draft *draft) {
    int which = bb_city_register_of(draft->meter, draft->fault->channel);

    return draft->meter->start[which] + draft->survey.before;
}

/* Of what the register can show: months of use. */
static int64_t a_thousandth(const struct city_draft *draft) {
    return bb_city_modulus(draft->fault->channel) / MILLE;
}

/* By how much the intervals are told wrong altogether, once `amount` is known: it is tried out. */
static int64_t told_wrong(const struct city_draft *draft,
                          enum city_verdict (*deed)(const struct city_fault *, int32_t,
                                                    struct bb_city_reading *)) {
    const struct city_fault *fault = draft->fault;
    struct bb_city_reading reading;
    struct city_moment probe;
    int64_t wrong = 0;

    bb_city_moment_init(&probe);
    for (int32_t n = fault->first; n <= fault->last; n++) {
        int64_t value = bb_city_used(draft->city, draft->meter, fault->channel, n, &probe);
        reading.mantissa = value;
        (void)deed(fault, n, &reading);
        wrong += absolute(reading.mantissa - value);
    }
    return wrong;
}

/* The true value of one reading of the fault's channel: Wh or litres. */
static int64_t true_value(const struct city_draft *draft, int32_t number) {
    struct city_moment probe;

    bb_city_moment_init(&probe);
    return bb_city_used(draft->city, draft->meter, draft->fault->channel, number, &probe);
}

/* The least and the greatest true value of readings [first, last], as far as there are any. */
struct extent {
    int64_t least, most;
};
static struct extent extent_of(const struct city_draft *draft, int32_t first, int32_t last) {
    struct city_numbers numbers = bb_city_numbers(draft->city, draft->fault->channel);
    struct extent extent = {INT64_MAX, 0};
    struct city_moment probe;

    bb_city_moment_init(&probe);
    first = first < numbers.first ? numbers.first : first;
    last = last > numbers.last ? numbers.last : last;
    for (int32_t n = first; n <= last; n++) {
        int64_t value = bb_city_used(draft->city, draft->meter, draft->fault->channel, n, &probe);
        extent.least = value < extent.least ? value : extent.least;
        extent.most = value > extent.most ? value : extent.most;
    }
    return extent;
}

static struct extent extent_of_fault(const struct city_draft *draft) {
    return extent_of(draft, draft->fault->first, draft->fault->last);
}

static bool plan_gap(struct city_draft *draft) {
    draft->fault->size = draft->survey.sum;
    return true;
}

static bool plan_duplicate(struct city_draft *draft) {
    draft->fault->size = length(draft->fault);
    return true;
}

static bool plan_late(struct city_draft *draft) {
    struct city_fault *fault = draft->fault;
    int32_t due = bb_city_step_of(draft->city, draft->meter, fault->channel, fault->last);

    fault->size = (int64_t)(fault->resend_step - due) * CITY_QUARTER_MS / BB_SECOND_MS;
    return fault->resend_step - due > CITY_QUARTERS; /* the last of them, too, by more than a day */
}

/* Nothing that a home does: 6.5 to 30 times what it did in the weeks around. Each doubling is as
 * likely. */
static bool plan_spike(struct city_draft *draft) {
    int32_t at = draft->fault->first;
    struct extent around = extent_of(draft, at - SPIKE_REACH, at + SPIKE_REACH);
    int64_t tenths = INT64_C(65) << one_of(draft, 0, 2);

    tenths += one_of(draft, 0, tenths);
    tenths = tenths > 300 ? 300 : tenths;
    draft->fault->amount = around.most * tenths / 10;
    draft->fault->size = draft->fault->amount;
    return draft->fault->size >= 10 * draft->survey.deviation;
}

static bool plan_zero_run(struct city_draft *draft) {
    draft->fault->size = told_wrong(draft, replace);
    return extent_of_fault(draft).least >= VISIBLE_WH;
}

/* It repeats the value before. The true ones are others: mostly, and at both ends. */
static bool plan_stuck(struct city_draft *draft) {
    struct city_fault *fault = draft->fault;
    int32_t alike = 0;

    fault->amount = draft->survey.before;
    fault->size = told_wrong(draft, replace);
    for (int32_t n = fault->first; n <= fault->last; n++)
        alike += true_value(draft, n) == fault->amount;
    return fault->amount > 0 && draft->survey.at != fault->amount && alike * 4 < length(fault) &&
           true_value(draft, fault->last + 1) != fault->amount;
}

static bool plan_negative(struct city_draft *draft) {
    draft->fault->amount = -MILLE;
    draft->fault->size = told_wrong(draft, scale);
    return draft->fault->size > 0;
}

/* Wh that are called kWh. */
static bool plan_unit_mixup(struct city_draft *draft) {
    draft->fault->amount = (int64_t)MILLE * MILLE;
    draft->fault->size = told_wrong(draft, scale);
    return extent_of_fault(draft).least >= VISIBLE_WH;
}

static bool plan_changed(struct city_draft *draft) {
    draft->fault->amount = MILLE * 7 / 8;
    draft->fault->size = told_wrong(draft, scale);
    return draft->survey.at > 0;
}

/* The intervals are too small by four to fifteen per cent; the register knows. */
static bool plan_sum_mismatch(struct city_draft *draft) {
    draft->fault->amount = MILLE - one_of(draft, 40, 150);
    draft->fault->size = told_wrong(draft, scale);
    return draft->fault->size > 10 * ((int64_t)length(draft->fault) / CITY_QUARTERS + 1);
}

static bool plan_clock_shift(struct city_draft *draft) {
    draft->fault->size = SHIFT_MS / BB_SECOND_MS;
    return true;
}

/* The register is set such that it passes its last number on the way to the first touched reading.
 */
static bool plan_rollover(struct city_draft *draft) {
    int64_t advance = draft->survey.at - draft->survey.before;
    int64_t modulus = bb_city_modulus(draft->fault->channel);
    int which = bb_city_register_of(draft->meter, draft->fault->channel);

    if (advance <= 0)
        return false;
    draft->meter->start[which] = modulus - draft->survey.before - (advance + 1) / 2;
    draft->fault->size = modulus;
    return true;
}

/* Electricity meters are exchanged at ten in the morning, water meters just after a reading. */
static bool plan_exchange(struct city_draft *draft) {
    struct city_fault *fault = draft->fault;
    struct city_moment probe;
    int64_t previous_ms = bb_city_time_of(draft->city, draft->meter, fault->channel,
                                          fault->first - 1);

    fault->closing = shown_before(draft);
    fault->opening = one_of(draft, 0, 300);
    fault->exchange_ms = previous_ms + 5 * (int64_t)BB_MINUTE_MS;
    if (bb_city_pace(fault->channel) == CITY_DAILY) {
        int32_t step = bb_city_step_of(draft->city, draft->meter, fault->channel, fault->first - 1);
        bb_city_moment_init(&probe);
        for (int32_t i = 1; i <= 40; i++)
            fault->closing += bb_city_used(draft->city, draft->meter, CITY_IMPORT, step + i,
                                           &probe);
        fault->exchange_ms = previous_ms + 40 * (int64_t)CITY_QUARTER_MS;
    }
    fault->amount = fault->opening - fault->closing;
    fault->size = absolute(fault->amount);
    return true;
}

/* The counter begins again at 0, and nobody knows why. */
static bool plan_reset(struct city_draft *draft) {
    draft->fault->amount = -shown_before(draft);
    draft->fault->size = -draft->fault->amount;
    return draft->fault->size > 100 * draft->survey.deviation;
}

/* Water flows back, a disc turns back: the next reading is less than the last. By a few per cent of
 * a day, which the reading behind it makes up for, so that nobody can tell it from one that dipped;
 * or by so much that it is not made up for within the next readings. */
static bool plan_reverse(struct city_draft *draft) {
    struct city_fault *fault = draft->fault;
    bool daily = bb_city_pace(fault->channel) == CITY_DAILY;
    int64_t a_day = draft->survey.mean * (daily ? 1 : 24);

    fault->size = a_day * one_of(draft, 10, 60) / MILLE;
    if (one_of(draft, 0, 3) == 0) {
        if (true_value(draft, fault->first + 1) < fault->size)
            return false;
    } else {
        int64_t made_up = 0;
        for (int32_t i = 1; i <= READINGS_LOOKED_AHEAD; i++)
            made_up += true_value(draft, fault->first + i);
        fault->size += made_up * one_of(draft, 1100, 2500) / MILLE;
    }
    fault->amount = -(draft->survey.at - draft->survey.before) - fault->size;
    return fault->size > 0 && shown_before(draft) - fault->size > a_thousandth(draft);
}

static bool plan_dip(struct city_draft *draft) {
    draft->fault->amount = one_of(draft, 0, 300);
    draft->fault->size = shown_before(draft) * (MILLE - draft->fault->amount) / MILLE;
    return draft->fault->size > 100 * draft->survey.deviation;
}

/* Another meter's number under this one's name: a greater one, as a smaller one looks like a dip. */
static bool plan_foreign(struct city_draft *draft) {
    draft->fault->amount = one_of(draft, 1, bb_city_modulus(draft->fault->channel) * 6 / 10);
    draft->fault->size = draft->fault->amount - shown_before(draft);
    return draft->fault->size > 100 * draft->survey.deviation &&
           draft->fault->size > a_thousandth(draft);
}

/* 12 to 60 litres an hour: a cistern that runs, or a pipe. */
static bool plan_leak(struct city_draft *draft) {
    draft->fault->amount = one_of(draft, 12, 60);
    draft->fault->size = draft->fault->amount * length(draft->fault);
    return channel_of(draft)->kind == BB_KIND_REGISTER;
}

/* ---- the table ------------------------------------------------------------------------------ */

/* A small city gets the first ones. */
const struct city_fault_row bb_city_fault_rows[] = {
    {.name = "gap",
     .befalls = CITY_ON_QUARTERLY | CITY_ON_HOURLY,
     .nem12 = true,
     .min_length = 1,
     .max_length = 672,
     .tail = 1,
     .plan = plan_gap,
     .apply = withhold},
    {.name = "spike",
     .befalls = CITY_ON_QUARTERLY,
     .nem12 = true,
     .needs_past = true,
     .min_length = 1,
     .max_length = 1,
     .plan = plan_spike,
     .apply = shift},
    {.name = "duplicate",
     .befalls = CITY_ON_QUARTERLY | CITY_ON_HOURLY,
     .nem12 = true,
     .resends = true,
     .min_length = 1,
     .max_length = 16,
     .max_delay = 8,
     .measure = CITY_IN_READINGS,
     .plan = plan_duplicate},
    {.name = "rollover",
     .befalls = CITY_ON_REGISTERS,
     .needs_past = true,
     .min_length = 1,
     .max_length = 1,
     .plan = plan_rollover},
    {.name = "exchange",
     .befalls = CITY_ON_REGISTERS | CITY_NOT_HEAT,
     .lasting = true,
     .min_length = 1,
     .max_length = 1,
     .plan = plan_exchange,
     .apply = shift},
    {.name = "leak",
     .befalls = CITY_ON_HOURLY | CITY_ON_WATER,
     .lasting = true,
     .min_length = 26, /* of its own hours: a day, however the clock drifts */
     .max_length = 240,
     .plan = plan_leak,
     .apply = leak},
    {.name = "clock_shift",
     .befalls = CITY_ON_QUARTERLY,
     .lasting = true,
     .min_length = 12,
     .max_length = 288,
     .tail = SHIFT_READINGS + 1,
     .measure = CITY_IN_SECONDS,
     .label_shift_ms = SHIFT_MS,
     .plan = plan_clock_shift,
     .apply = shift_clock},
    {.name = "zero_run",
     .befalls = CITY_ON_QUARTERLY | CITY_NOT_SOLAR,
     .nem12 = true,
     .needs_past = true,
     .min_length = 24,
     .max_length = 192,
     .tail = 1,
     .plan = plan_zero_run,
     .apply = replace},
    {.name = "stuck",
     .befalls = CITY_ON_QUARTERLY | CITY_NOT_SOLAR,
     .nem12 = true,
     .needs_past = true,
     .min_length = 24,
     .max_length = 96,
     .tail = 1,
     .plan = plan_stuck,
     .apply = replace},
    {.name = "unit_mixup",
     .befalls = CITY_ON_QUARTERLY | CITY_NOT_SOLAR,
     .nem12 = true,
     .needs_past = true,
     .min_length = 4,
     .max_length = 96,
     .plan = plan_unit_mixup,
     .apply = scale},
    {.name = "negative",
     .befalls = CITY_ON_QUARTERLY | CITY_NOT_SOLAR,
     .min_length = 1,
     .max_length = 4,
     .plan = plan_negative,
     .apply = scale},
    {.name = "late",
     .befalls = CITY_ON_QUARTERLY | CITY_ON_HOURLY,
     .resends = true,
     .min_length = 4,
     .max_length = 96,
     .tail = 1,
     .min_delay = CITY_QUARTERS + 1,
     .max_delay = 3 * CITY_QUARTERS,
     .measure = CITY_IN_SECONDS,
     .plan = plan_late,
     .apply = withhold},
    {.name = "changed_duplicate",
     .befalls = CITY_ON_QUARTERLY | CITY_NOT_SOLAR,
     .nem12 = true,
     .resends = true,
     .same_issue = true,
     .min_length = 1,
     .max_length = 8,
     .min_delay = 4,
     .max_delay = 96,
     .plan = plan_changed,
     .apply_again = scale},
    {.name = "reset",
     .befalls = CITY_ON_REGISTERS,
     .lasting = true,
     .needs_past = true,
     .min_length = 1,
     .max_length = 1,
     .plan = plan_reset,
     .apply = shift},
    {.name = "reverse",
     .befalls = CITY_ON_REGISTERS | CITY_NOT_HEAT,
     .lasting = true,
     .needs_past = true,
     .min_length = 1,
     .max_length = 1,
     .tail = READINGS_LOOKED_AHEAD,
     .plan = plan_reverse,
     .apply = shift},
    {.name = "dip",
     .befalls = CITY_ON_REGISTERS,
     .needs_past = true,
     .min_length = 1,
     .max_length = 3,
     .tail = 1,
     .plan = plan_dip,
     .apply = scale},
    {.name = "foreign",
     .befalls = CITY_ON_REGISTERS,
     .needs_past = true,
     .min_length = 1,
     .max_length = 1,
     .tail = 1,
     .plan = plan_foreign,
     .apply = replace},
    {.name = "sum_mismatch",
     .befalls = CITY_ON_QUARTERLY | CITY_WHOLE_DAYS,
     .needs_past = true,
     .min_length = 1,
     .max_length = 3,
     .plan = plan_sum_mismatch,
     .apply = scale},
};
const size_t bb_city_fault_row_count = sizeof bb_city_fault_rows / sizeof *bb_city_fault_rows;
