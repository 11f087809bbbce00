/* The recipe of a period's value: see story.h. The parts are worked out from the lane vee as
 * derive/periodise.h says, so that their amounts sum to the value. */
#include "service/story_internal.h"

enum { SPREAD_MAX = 18, DAYS_AROUND = 3 };

struct recipe {
    struct bb_story_work *w;
    struct bb_story_period *p;
    int64_t start_ms, end_ms;
    size_t capacity;
    bool full;
};

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* a + b, exactly; false when it does not fit. */
static bool sum(struct bb_decimal a, struct bb_decimal b, struct bb_decimal *out) {
    int exponent = a.exponent < b.exponent ? a.exponent : b.exponent;

    if (a.exponent - exponent > SPREAD_MAX || b.exponent - exponent > SPREAD_MAX)
        return false;
    return bb_wide_to_decimal(bb_decimal_widen(a.mantissa, a.exponent, exponent) +
                                  bb_decimal_widen(b.mantissa, b.exponent, exponent),
                              exponent, exponent, out);
}

static bool difference(struct bb_decimal a, struct bb_decimal b, struct bb_decimal *out) {
    return sum(a, (struct bb_decimal){-b.mantissa, b.exponent}, out);
}

/* What of `amount`, accruing evenly over (start, end], has come by t: rounded once at the derived
 * exponent, the whole at the end. */
static bool accrued(struct bb_decimal amount, int64_t start_ms, int64_t end_ms, int64_t t,
                    struct bb_decimal *out) {
    int exponent = bb_derived_exponent(amount.exponent);
    bb_wide fine = bb_decimal_widen(amount.mantissa, amount.exponent, exponent);

    if (t <= start_ms)
        fine = 0;
    else if (t < end_ms)
        fine = bb_wide_divide_round(fine * (t - start_ms), end_ms - start_ms);
    return bb_wide_to_decimal(fine, exponent, exponent, out);
}

/* What comes over (from, to] of an amount over (start, end]. */
static bool share(struct bb_decimal amount, int64_t start_ms, int64_t end_ms, int64_t from_ms,
                  int64_t to_ms, struct bb_decimal *out) {
    struct bb_decimal until, before;

    if (from_ms <= start_ms && to_ms >= end_ms) {
        *out = amount;
        return true;
    }
    return accrued(amount, start_ms, end_ms, to_ms, &until) &&
           accrued(amount, start_ms, end_ms, from_ms, &before) && difference(until, before, out);
}

static bool is_whole(const struct bb_story_part *part) {
    return part->start_ms == part->whole_start_ms && part->end_ms == part->whole_end_ms;
}

/* Parts in a row that are whole and alike are one, so that a month stays readable. */
static bool join(struct bb_story_part *a, const struct bb_story_part *b) {
    struct bb_decimal amount, whole;

    if (!is_whole(a) || !is_whole(b) || a->has_value != b->has_value ||
        a->estimated != b->estimated || a->fell != b->fell || a->end_ms != b->start_ms ||
        memcmp(&a->quality, &b->quality, sizeof a->quality) != 0)
        return false;
    if (a->has_value && (!sum(a->amount, b->amount, &amount) || !sum(a->whole, b->whole, &whole)))
        return false;
    if (a->has_value) {
        a->amount = amount;
        a->whole = whole;
    }
    a->to = b->to;
    a->end_ms = a->whole_end_ms = b->end_ms;
    a->count += b->count;
    return true;
}

static void add(struct recipe *r, const struct bb_story_part *part) {
    struct bb_story_period *p = r->p;
    int64_t length_ms = part->end_ms - part->start_ms;

    if (part->has_value) {
        p->values += part->count;
        p->covered_ms += length_ms;
        p->measured_ms += part->estimated ? 0 : length_ms;
    }
    if (p->part_count > 0 && join(&p->parts[p->part_count - 1], part))
        return;
    if (p->part_count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 32;
        struct bb_story_part *parts = bb_arena_take(r->w->arena, capacity * sizeof *parts);
        r->full |= parts == NULL;
        if (!parts)
            return;
        if (p->part_count)
            memcpy(parts, p->parts, p->part_count * sizeof *parts);
        p->parts = parts;
        r->capacity = capacity;
    }
    p->parts[p->part_count++] = *part;
}

static void note_exponent(struct recipe *r, struct bb_decimal value) {
    int exponent = bb_derived_exponent(value.exponent);

    if (exponent < r->p->exponent)
        r->p->exponent = exponent;
}

/* ---- intervals */

static void add_interval(struct recipe *r, const struct bb_story_value *v) {
    struct bb_story_part part = {.start_ms = later(v->start_ms, r->start_ms),
                                 .end_ms = earlier(v->end_ms, r->end_ms),
                                 .whole_start_ms = v->start_ms,
                                 .whole_end_ms = v->end_ms,
                                 .count = 1,
                                 .has_value = v->has_value,
                                 .whole = v->value,
                                 .quality = v->quality,
                                 .estimated = v->quality.state == BB_STATE_ESTIMATED};

    if (part.end_ms <= part.start_ms)
        return;
    if (part.has_value)
        part.has_value = share(v->value, v->start_ms, v->end_ms, part.start_ms, part.end_ms,
                               &part.amount);
    if (part.has_value && !is_whole(&part))
        note_exponent(r, v->value);
    add(r, &part);
}

static int tell_intervals(struct recipe *r, struct bb_error *error) {
    int64_t longest_ms = r->w->c->coverage.longest_s * (int64_t)BB_SECOND_MS;
    struct bb_story_rows rows = {0};
    int result = bb_story_rows(r->w, BB_LANE_VEE, r->start_ms, r->end_ms + longest_ms, &rows,
                               error);

    for (size_t i = 0; !result && i < rows.count; i++)
        add_interval(r, &rows.items[i]);
    return result;
}

/* ---- registers */

/* Kept in the lane vee and not used: a dip, another meter's reading. */
static bool counts(const struct bb_story_value *v) {
    return v->has_value && !(v->quality.marks & (BB_MARK_DIP | BB_MARK_FOREIGN));
}

/* The register at a moment of the stretch between two readings. */
static bool between(const struct bb_story_value *a, const struct bb_story_value *b, int64_t t,
                    struct bb_decimal *out) {
    struct bb_decimal advance, part;

    if (t == a->end_ms || t == b->end_ms) {
        *out = t == a->end_ms ? a->value : b->value;
        return true;
    }
    return difference(b->value, a->value, &advance) &&
           accrued(advance, a->end_ms, b->end_ms, t, &part) && sum(a->value, part, out);
}

static void add_stretch(struct recipe *r, const struct bb_story_value *a,
                        const struct bb_story_value *b) {
    const struct bb_channel *channel = &r->w->c->channel;
    /* Interpolation over more than this is an estimate. */
    int64_t trusted_ms = channel->pipeline->estimate[BB_METHOD_LINEAR].parameter[0];
    struct bb_story_part part = {.start_ms = later(a->end_ms, r->start_ms),
                                 .end_ms = earlier(b->end_ms, r->end_ms),
                                 .whole_start_ms = a->end_ms,
                                 .whole_end_ms = b->end_ms,
                                 .count = 1,
                                 .quality = b->quality,
                                 .from = a->value,
                                 .to = b->value};

    if (part.end_ms <= part.start_ms)
        return;
    part.has_value = difference(b->value, a->value, &part.whole);
    part.fell = part.has_value && part.whole.mantissa < 0;
    if (part.fell)
        part.whole = (struct bb_decimal){0, part.whole.exponent};
    part.estimated = b->quality.state == BB_STATE_ESTIMATED ||
                     (!is_whole(&part) && b->end_ms - a->end_ms > trusted_ms);
    if (part.has_value)
        part.has_value = share(part.whole, a->end_ms, b->end_ms, part.start_ms, part.end_ms,
                               &part.amount);
    if (part.has_value && !is_whole(&part))
        note_exponent(r, part.whole);
    if (a->end_ms <= r->start_ms && !part.fell)
        r->p->has_start = between(a, b, r->start_ms, &r->p->at_start);
    if (b->end_ms >= r->end_ms && !part.fell)
        r->p->has_end = between(a, b, r->end_ms, &r->p->at_end);
    add(r, &part);
}

/* A few days with readings before (or behind) a moment, however far that is: the reading next to it
 * stands there, also when some do not count. */
static int64_t days_around(const struct bb_coverage *coverage, int64_t t,
                           int32_t (*next)(const struct bb_coverage *coverage, int32_t day)) {
    int32_t day = bb_lane_span_of(BB_LANE_RAW, t);

    for (int i = 0; i < DAYS_AROUND; i++) {
        int32_t other = next(coverage, day);
        day = other == BB_DAY_NONE ? day : other;
    }
    return day * (int64_t)BB_DAY_MS;
}

static int tell_registers(struct recipe *r, struct bb_error *error) {
    const struct bb_coverage *coverage = &r->w->c->coverage;
    int64_t from_ms = days_around(coverage, r->start_ms, bb_coverage_before);
    int64_t to_ms = days_around(coverage, r->end_ms, bb_coverage_after) + BB_DAY_MS + 1;
    struct bb_story_rows rows = {0};
    const struct bb_story_value *a = NULL;
    int result = bb_story_rows(r->w, BB_LANE_VEE, from_ms, to_ms, &rows, error);

    for (size_t i = 0; !result && i < rows.count; i++) {
        const struct bb_story_value *b = &rows.items[i];
        if (!counts(b))
            continue;
        if (a)
            add_stretch(r, a, b);
        if (b->end_ms >= r->end_ms)
            break;
        a = b;
    }
    return result;
}

/* ---- gauges */

static int tell_gauges(struct recipe *r, struct bb_error *error) {
    const struct bb_channel *channel = &r->w->c->channel;
    int64_t each_ms = channel->interval_s ? (int64_t)channel->interval_s * BB_SECOND_MS
                                          : r->end_ms - r->start_ms;
    struct bb_story_rows rows = {0};
    int result = bb_story_rows(r->w, BB_LANE_VEE, r->start_ms + 1, r->end_ms + 1, &rows, error);

    for (size_t i = 0; !result && i < rows.count; i++) {
        if (!rows.items[i].has_value)
            continue;
        bool estimated = rows.items[i].quality.state == BB_STATE_ESTIMATED;
        r->p->values++;
        r->p->covered_ms += each_ms;
        r->p->measured_ms += estimated ? 0 : each_ms;
    }
    r->p->covered_ms = earlier(r->p->covered_ms, r->p->length_ms);
    r->p->measured_ms = earlier(r->p->measured_ms, r->p->length_ms);
    return result;
}

static int tell_nothing(struct recipe *r, struct bb_error *error) {
    (void)r, (void)error;
    return 0;
}

static int (*const recipes[BB_KIND_COUNT])(struct recipe *r, struct bb_error *error) = {
    [BB_KIND_UNKNOWN] = tell_nothing,    [BB_KIND_INTERVAL] = tell_intervals,
    [BB_KIND_REGISTER] = tell_registers, [BB_KIND_GAUGE] = tell_gauges,
    [BB_KIND_EVENT] = tell_nothing,
};

int bb_story_tell_period(struct bb_story_work *w, struct bb_error *error) {
    const struct bb_calendar *calendar = &w->c->channel.calendar;
    struct bb_story *s = w->story;
    struct recipe r = {
        .w = w, .p = &s->period, .start_ms = s->value.start_ms, .end_ms = s->value.end_ms};

    s->period = (struct bb_story_period){.period = (enum bb_period)bb_lanes[s->lane].period,
                                         .zone = bb_zone_name(calendar->zone),
                                         .day_start_s = calendar->day_start_s,
                                         .length_ms = r.end_ms - r.start_ms,
                                         .exponent = BB_DECIMAL_MAX_EXPONENT};
    int result = recipes[s->kind](&r, error);
    if (!result && r.full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the parts of a period");
    return result;
}
