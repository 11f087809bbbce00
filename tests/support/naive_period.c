/* The naive reference's periods: for every hour, day and month, all rows are looked at. */
#include "support/naive_internal.h"

#include <stdlib.h>

struct sum {
    struct naive_number total;
    int64_t covered_ms, estimated_ms, substituted_ms;
    uint32_t checks;
    uint16_t marks;
    size_t values, missing;
};

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void add(struct sum *s, struct naive_number n) {
    int finest = n.exponent < s->total.exponent ? n.exponent : s->total.exponent;

    s->total = (struct naive_number){naive_at(s->total, finest) + naive_at(n, finest), finest};
}

static void note(struct sum *s, const struct naive_row *row, int64_t length_ms) {
    s->values++;
    s->covered_ms += length_ms;
    if (row->state == BB_STATE_ESTIMATED)
        s->estimated_ms += length_ms;
    if (row->state == BB_STATE_SUBSTITUTED || row->state == BB_STATE_EDITED)
        s->substituted_ms += length_ms;
    s->marks |= row->marks & (BB_MARK_SUSPECT | BB_MARK_AMBIGUOUS_TIME);
}

/* What of `amount` has come by the moment t, when it comes evenly over (from, to]. */
static struct naive_number come_by(struct naive_number amount, int64_t from, int64_t to,
                                   int64_t t) {
    int exponent = naive_derived_exponent(amount.exponent);
    bb_wide whole = naive_at(amount, exponent);

    if (t <= from)
        return (struct naive_number){0, exponent};
    if (t >= to)
        return (struct naive_number){whole, exponent};
    return (struct naive_number){naive_divide(whole * (t - from), to - from), exponent};
}

static void add_between(struct sum *s, struct naive_number amount, int64_t from, int64_t to,
                        int64_t begin, int64_t end) {
    struct naive_number until = come_by(amount, from, to, end);
    struct naive_number before = come_by(amount, from, to, begin);

    add(s, (struct naive_number){until.mantissa - before.mantissa, until.exponent});
}

/* A value has 18 digits; a finer sum loses its last ones. */
static struct naive_number of_18_digits(struct naive_number n) {
    const bb_wide limit = bb_power_of_ten[18];
    struct naive_number fits = n;

    for (bb_wide by = 10; fits.exponent < 0 && (fits.mantissa >= limit || fits.mantissa <= -limit);
         by *= 10)
        fits = (struct naive_number){naive_divide(n.mantissa, by), fits.exponent + 1};
    return fits;
}

static struct naive_row row_of(const struct sum *s, struct bb_period_bounds period) {
    struct naive_row row = {.start_ms = period.start_ms,
                            .end_ms = period.end_ms,
                            .has_value = s->values > 0,
                            .value = of_18_digits(s->total),
                            .checks = s->checks,
                            .marks = s->marks};

    if (s->values == 0)
        row.state = BB_STATE_MISSING;
    else if (s->covered_ms < period.end_ms - period.start_ms)
        row.state = BB_STATE_PARTIAL;
    else if (s->estimated_ms > 0)
        row.state = BB_STATE_ESTIMATED;
    else
        row.state = s->substituted_ms > 0 ? BB_STATE_SUBSTITUTED : BB_STATE_MEASURED;
    if (row.state == BB_STATE_PARTIAL && s->estimated_ms > 0)
        row.marks |= BB_MARK_ESTIMATED;
    return row;
}

static void put(struct naive_rows *out, const struct naive_row *row, const struct sum *s) {
    if (s->values + s->missing > 0)
        out->items[out->count++] = *row;
}

static void intervals_of(const struct naive_lanes *l, struct bb_period_bounds period,
                         struct naive_rows *out) {
    struct sum s = {.total = {0, 0}};

    for (size_t i = 0; i < l->vee_count; i++) {
        const struct naive_row *row = &l->vee[i];
        if (row->end_ms <= period.start_ms || row->start_ms >= period.end_ms)
            continue;
        s.checks |= row->checks;
        s.missing += !row->has_value;
        if (!row->has_value)
            continue;
        int64_t begin = later(row->start_ms, period.start_ms),
                end = earlier(row->end_ms, period.end_ms);
        note(&s, row, end - begin);
        add_between(&s, row->value, row->start_ms, row->end_ms, begin, end);
    }
    struct naive_row row = row_of(&s, period);
    put(out, &row, &s);
}

static void registers_of(const struct channel_case *c, const struct naive_lanes *l,
                         struct bb_period_bounds period, struct naive_rows *out) {
    int64_t limit_ms = c->pipeline.estimate[BB_METHOD_LINEAR].parameter[0];
    const struct naive_row *a = NULL;
    struct sum s = {.total = {0, 0}};

    for (size_t i = 0; i < l->vee_count; i++) {
        const struct naive_row *b = &l->vee[i];
        if (!b->has_value)
            continue;
        int64_t begin = a ? later(a->end_ms, period.start_ms) : 0;
        int64_t end = earlier(b->end_ms, period.end_ms);
        if (a && end > begin) {
            int finest = a->value.exponent < b->value.exponent ? a->value.exponent
                                                               : b->value.exponent;
            struct naive_number advance = {naive_at(b->value, finest) - naive_at(a->value, finest),
                                           finest};
            s.checks |= b->checks;
            note(&s, b, end - begin);
            if (advance.mantissa < 0) {
                s.marks |= BB_MARK_SUSPECT;
                advance.mantissa = 0;
            }
            add_between(&s, advance, a->end_ms, b->end_ms, begin, end);
            if ((begin > a->end_ms || end < b->end_ms) && b->end_ms - a->end_ms > limit_ms)
                s.estimated_ms += end - begin;
        }
        a = b;
    }
    struct naive_row row = row_of(&s, period);
    put(out, &row, &s);
}

static bool less(struct naive_number a, struct naive_number b) {
    int finest = a.exponent < b.exponent ? a.exponent : b.exponent;
    return naive_at(a, finest) < naive_at(b, finest);
}

static void gauges_of(const struct channel_case *c, const struct naive_lanes *l,
                      struct bb_period_bounds period, struct naive_rows *out) {
    struct sum s = {.total = {0, BB_DECIMAL_MAX_EXPONENT}};
    struct naive_number min = {0, 0}, max = {0, 0};
    int64_t each_ms = c->channel.interval_s ? c->channel.interval_s * (int64_t)1000
                                            : period.end_ms - period.start_ms;

    for (size_t i = 0; i < l->vee_count; i++) {
        const struct naive_row *row = &l->vee[i];
        if (row->end_ms <= period.start_ms || row->end_ms > period.end_ms)
            continue;
        s.checks |= row->checks;
        s.missing += !row->has_value;
        if (!row->has_value)
            continue;
        min = s.values == 0 || less(row->value, min) ? row->value : min;
        max = s.values == 0 || less(max, row->value) ? row->value : max;
        note(&s, row, each_ms);
        add(&s, row->value);
    }
    struct naive_row row = row_of(&s, period);
    if (s.values > 0) {
        int exponent = naive_derived_exponent(s.total.exponent);
        row.value = (struct naive_number){
            naive_divide(naive_at(s.total, exponent), (bb_wide)s.values), exponent};
    }
    put(out, &row, &s);
    row.value = min;
    row.statistic = BB_STATISTIC_MIN;
    if (s.values > 0)
        put(out, &row, &s);
    row.value = max;
    row.statistic = BB_STATISTIC_MAX;
    if (s.values > 0)
        put(out, &row, &s);
}

static void find(const struct channel_case *c, const struct naive_lanes *l, enum bb_period unit,
                 struct naive_rows *out) {
    int64_t first = INT64_MAX, last = INT64_MIN;

    for (size_t i = 0; i < l->vee_count; i++) {
        first = earlier(first, l->vee[i].start_ms - 1); /* an instant ends at its own beginning */
        last = later(last, l->vee[i].end_ms);
    }
    if (l->vee_count == 0)
        return;
    first = bb_calendar_period(&c->channel.calendar, BB_PERIOD_DAY, first + 1).start_ms;
    out->items = calloc((size_t)((last - first) / (BB_HOUR_MS / 2) + 100) * 3, sizeof *out->items);
    for (int64_t t = first; t < last + BB_DAY_MS;) {
        struct bb_period_bounds period = bb_calendar_period(&c->channel.calendar, unit, t + 1);
        if (c->channel.kind == BB_KIND_INTERVAL)
            intervals_of(l, period, out);
        else if (c->channel.kind == BB_KIND_REGISTER)
            registers_of(c, l, period, out);
        else
            gauges_of(c, l, period, out);
        t = period.end_ms;
    }
}

void naive_find_periods(const struct channel_case *c, struct naive_lanes *l) {
    find(c, l, BB_PERIOD_DAY, &l->day);
    find(c, l, BB_PERIOD_MONTH, &l->month);
    find(c, l, BB_PERIOD_HOUR, &l->hour);
}
