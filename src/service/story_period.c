/* The recipe of a period's value: see story.h. Parts are cut by the functions that derive/periodise.h
 * adds up, so that their amounts sum to the value; registers have a file of their own. */
#include "service/story_internal.h"

#include "derive/periodise.h"

enum { SPREAD_MAX = 18 };

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

static bool is_whole(const struct bb_story_part *part) {
    return part->start_ms == part->whole_start_ms && part->end_ms == part->whole_end_ms;
}

/* Something happened in it that is worth a line of its own. */
static bool is_event(const struct bb_story_part *part) {
    return part->event != BB_STORY_ROSE || part->ends != 0;
}

/* Parts in a row that are whole and alike are one, so that a month stays readable. */
static bool join(struct bb_story_part *a, const struct bb_story_part *b) {
    struct bb_decimal amount, whole;

    if (!is_whole(a) || !is_whole(b) || a->has_value != b->has_value ||
        a->estimated != b->estimated || is_event(a) || is_event(b) || a->end_ms != b->start_ms ||
        memcmp(&a->quality, &b->quality, sizeof a->quality) != 0 ||
        !bb_decimal_equal(a->factor, b->factor) || !bb_span_equal(a->device, b->device))
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

void bb_story_add_part(struct bb_story_recipe *r, const struct bb_story_part *part) {
    struct bb_story_period *p = r->p;

    BB_ASSERT(p->part_count == 0 || p->parts);
    if (p->part_count > 0 && join(&p->parts[p->part_count - 1], part))
        return;
    if (bb_story_grow(r->w->arena, (void **)&p->parts, p->part_count, &r->capacity, sizeof *part))
        p->parts[p->part_count++] = *part;
    else
        r->full = true;
}

/* Digits as they are, without the noughts that the cutting needed. */
static bool fit(bb_wide amount, int exponent, int natural, struct bb_decimal *out) {
    while (exponent < natural && amount % 10 == 0) {
        amount /= 10;
        exponent++;
    }
    return bb_wide_to_decimal(amount, exponent, exponent, out);
}

void bb_story_cut(struct bb_story_recipe *r, struct bb_story_part *part, bb_wide whole,
                  int exponent) {
    struct bb_share share = bb_share_of(&r->w->c->channel, NULL, whole, exponent,
                                        part->whole_start_ms, part->whole_end_ms, r->start_ms,
                                        r->end_ms);
    bool cut = !is_whole(part);

    part->has_value = fit(whole, exponent, exponent, &part->whole);
    if (!cut)
        part->amount = part->whole;
    else
        part->has_value = part->has_value && !share.overflow &&
                          fit(share.amount, share.exponent, exponent, &part->amount);
    if (cut && part->has_value && share.exponent < r->p->exponent)
        r->p->exponent = share.exponent;
}

void bb_story_note(struct bb_story_period *p, int64_t length_ms, bool estimated,
                   const struct bb_quality *quality) {
    bool substituted = quality->state == BB_STATE_SUBSTITUTED || quality->state == BB_STATE_EDITED;

    p->values++;
    p->covered_ms += length_ms;
    p->measured_ms += estimated || substituted ? 0 : length_ms;
}

/* ---- intervals */

static void add_interval(struct bb_story_recipe *r, const struct bb_story_value *v) {
    struct bb_story_part part = {.start_ms = later(v->start_ms, r->start_ms),
                                 .end_ms = earlier(v->end_ms, r->end_ms),
                                 .whole_start_ms = v->start_ms,
                                 .whole_end_ms = v->end_ms,
                                 .count = 1,
                                 .quality = v->quality,
                                 .estimated = v->quality.state == BB_STATE_ESTIMATED};

    if (part.end_ms < part.start_ms || v->end_ms <= r->start_ms || v->start_ms >= r->end_ms)
        return;
    if (v->has_value)
        bb_story_cut(r, &part, v->value.mantissa, v->value.exponent);
    if (part.has_value)
        bb_story_note(r->p, part.end_ms - part.start_ms, part.estimated, &part.quality);
    bb_story_add_part(r, &part);
}

static int tell_intervals(struct bb_story_recipe *r, struct bb_error *error) {
    int64_t longest_ms = r->w->c->coverage.longest_s * (int64_t)BB_SECOND_MS;
    struct bb_story_rows rows = {0};
    int result = bb_story_rows(r->w, BB_LANE_VEE, r->start_ms, r->end_ms + longest_ms, &rows,
                               error);

    for (size_t i = 0; !result && i < rows.count; i++)
        add_interval(r, &rows.items[i]);
    return result;
}

/* ---- gauges */

/* Readings in a row of one quality are a part: what they sum to, of which the value is the mean. */
static void add_reading(struct bb_story_recipe *r, const struct bb_story_value *v) {
    struct bb_story_period *p = r->p;
    struct bb_story_part *last = p->part_count > 0 ? &p->parts[p->part_count - 1] : NULL;
    struct bb_decimal together;
    struct bb_story_part part = {.start_ms = v->end_ms,
                                 .end_ms = v->end_ms,
                                 .whole_start_ms = v->end_ms,
                                 .whole_end_ms = v->end_ms,
                                 .count = 1,
                                 .has_value = v->has_value,
                                 .amount = v->value,
                                 .whole = v->value,
                                 .quality = v->quality,
                                 .estimated = v->quality.state == BB_STATE_ESTIMATED};

    if (!last || last->has_value != v->has_value ||
        memcmp(&last->quality, &v->quality, sizeof v->quality) != 0 ||
        !sum(last->amount, v->value, &together)) {
        bb_story_add_part(r, &part);
        return;
    }
    last->amount = last->whole = together;
    last->end_ms = last->whole_end_ms = v->end_ms;
    last->count++;
}

static int tell_gauges(struct bb_story_recipe *r, struct bb_error *error) {
    const struct bb_channel *channel = &r->w->c->channel;
    int64_t each_ms = channel->interval_s ? (int64_t)channel->interval_s * BB_SECOND_MS
                                          : r->end_ms - r->start_ms;
    struct bb_story_rows rows = {0};
    int result = bb_story_rows(r->w, BB_LANE_VEE, r->start_ms + 1, r->end_ms + 1, &rows, error);

    for (size_t i = 0; !result && i < rows.count; i++) {
        add_reading(r, &rows.items[i]);
        if (rows.items[i].has_value)
            bb_story_note(r->p, each_ms, rows.items[i].quality.state == BB_STATE_ESTIMATED,
                          &rows.items[i].quality);
    }
    r->p->covered_ms = earlier(r->p->covered_ms, r->p->length_ms);
    r->p->measured_ms = earlier(r->p->measured_ms, r->p->length_ms);
    return result;
}

static int tell_nothing(struct bb_story_recipe *r, struct bb_error *error) {
    (void)r, (void)error;
    return 0;
}

static int (*const recipes[BB_KIND_COUNT])(struct bb_story_recipe *r, struct bb_error *error) = {
    [BB_KIND_UNKNOWN] = tell_nothing,
    [BB_KIND_INTERVAL] = tell_intervals,
    [BB_KIND_REGISTER] = bb_story_tell_registers,
    [BB_KIND_GAUGE] = tell_gauges,
    [BB_KIND_EVENT] = tell_nothing,
};

int bb_story_tell_period(struct bb_story_work *w, struct bb_error *error) {
    const struct bb_calendar *calendar = &w->c->channel.calendar;
    struct bb_story *s = w->story;
    struct bb_story_recipe r = {
        .w = w, .p = &s->period, .start_ms = s->value.start_ms, .end_ms = s->value.end_ms};

    s->period = (struct bb_story_period){.period = (enum bb_period)bb_lanes[s->lane].period,
                                         .zone = bb_zone_name(calendar->zone),
                                         .day_start_s = calendar->day_start_s,
                                         .length_ms = r.end_ms - r.start_ms,
                                         .reading_unit = w->c->channel.metered_unit,
                                         .exponent = BB_DECIMAL_MAX_EXPONENT};
    int result = recipes[s->kind](&r, error);
    if (!result && r.full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the parts of a period");
    return result;
}
