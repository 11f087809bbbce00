/* What is known around a finding, and of an estimate: from blocks, and from the plan, which is made again
 * in memory for it, so that what is told is what derived the value. See story_internal.h. */
#include "service/story_internal.h"

#include "derive/periodise.h"

enum { NEAR_DAYS = 30 };

_Static_assert((int)BB_STORY_LIKES_MAX == (int)BB_LIKE_MAX, "all that are known are told");
_Static_assert((int)BB_STORY_METERS_MAX == (int)BB_METERS_MAX, "all of them are told");

int bb_story_near(struct bb_story_work *w, struct bb_error *error) {
    const struct bb_coverage *coverage = &w->c->coverage;
    const struct bb_story *s = w->story;
    int32_t day = bb_lane_span_of(BB_LANE_RAW, s->value.start_ms);

    if (w->near)
        return 0;
    w->near = true;
    for (int i = 0; i < NEAR_DAYS; i++) {
        int32_t before = bb_coverage_before(coverage, day);
        day = before == BB_DAY_NONE ? day : before;
    }
    return bb_story_rows(w, BB_LANE_VEE, day * (int64_t)BB_DAY_MS - 1, s->value.end_ms + BB_DAY_MS,
                         &w->rows, error);
}

/* ---- the registers beside the channel */

static const struct bb_point *point_at(const struct bb_window *window, int64_t t) {
    size_t i = bb_window_after(window, t - 1);

    return i < window->count && window->points[i].end_ms == t ? &window->points[i] : NULL;
}

/* Their readings at two moments. The plan must have been made. */
static size_t read_meters(const struct bb_story_work *w, int64_t from_ms, int64_t to_ms,
                          struct bb_story_meter out[BB_STORY_METERS_MAX]) {
    struct bb_plan_facts facts = bb_plan_facts(&w->plan);

    for (size_t i = 0; i < facts.meter_count; i++) {
        const struct bb_meter *meter = &facts.meters[i];
        const struct bb_point *from = point_at(&meter->accepted, from_ms);
        const struct bb_point *to = point_at(&meter->accepted, to_ms);
        out[i] = (struct bb_story_meter){
            .channel = bb_arena_copy(w->arena, w->c->companions[i].name),
            .unit = meter->channel->metered_unit,
            .has_from = from != NULL,
            .has_to = to != NULL};
        if (from)
            out[i].from = from->value;
        if (to)
            out[i].to = to->value;
    }
    return facts.meter_count;
}

/* ---- findings */

/* The value as it was sent, at which a check spoke. */
static int find_sent(struct bb_story_work *w, int64_t at_ms, struct bb_story_clue *clue,
                     struct bb_error *error) {
    struct bb_block raw;
    int result = bb_query_raw_of_day(w->c, bb_lane_span_of(BB_LANE_RAW, at_ms), &raw, error);

    for (uint32_t i = 0; !result && i < raw.count; i++)
        if (raw.end_ms[i] == at_ms) {
            const struct bb_attribute *a = &raw.attributes.items[raw.attribute[i]];
            clue->unit = a->unit;
            clue->length_ms = a->length_s * (int64_t)BB_SECOND_MS;
        }
    return result;
}

static int find_readings(struct bb_story_work *w, int64_t at_ms, struct bb_story_clue *clue,
                         struct bb_error *error) {
    const uint16_t aside = BB_MARK_DIP | BB_MARK_FOREIGN;
    int result = bb_story_near(w, error);

    for (size_t i = 0; !result && i < w->rows.count; i++) {
        const struct bb_story_value *v = &w->rows.items[i];
        if (v->end_ms > at_ms)
            break;
        if (v->end_ms == at_ms) {
            clue->has_reading = v->has_value;
            clue->reading = *v;
        } else if (v->has_value && !(v->quality.marks & aside)) {
            clue->has_last = true;
            clue->last = *v;
        }
    }
    return result;
}

int bb_story_clue(struct bb_story_work *w, const struct bb_finding *f, struct bb_story_clue *out,
                  struct bb_error *error) {
    const uint32_t by_plan = 1u << BB_CHECK_HIGH | 1u << BB_CHECK_SUM | 1u << BB_CHECK_REGISTER;
    int result;

    *out = (struct bb_story_clue){.channel = &w->c->channel, .unit = -1};
    result = find_sent(w, f->at_ms, out, error);
    if (!result && f->check == BB_CHECK_REGISTER)
        result = find_readings(w, f->at_ms, out, error);
    if (!result && (by_plan & (1u << f->check))) {
        result = bb_story_make(w, error);
        if (!result) {
            w->stat = bb_plan_facts(&w->plan).stat;
            out->stat = &w->stat;
        }
    }
    if (!result && f->check == BB_CHECK_SUM)
        out->meter_count = read_meters(w, f->from_ms, f->to_ms, out->meters);
    return result;
}

/* ---- estimates */

/* The reading with a value that ends at a time. */
static int reading_at(struct bb_story_work *w, int64_t end_ms, struct bb_story_value *out,
                      struct bb_error *error) {
    struct bb_story_rows rows = {0};
    int result = bb_story_rows(w, BB_LANE_VEE, end_ms - 1, end_ms, &rows, error);

    for (size_t i = 0; i < rows.count; i++)
        if (rows.items[i].end_ms == end_ms && rows.items[i].has_value)
            *out = rows.items[i];
    return result;
}

/* The whole gap, by the finding about it. */
static int tell_gap(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    struct bb_story_estimate *e = &s->estimate;

    for (size_t i = 0; i < s->finding_count; i++) {
        const struct bb_finding *f = &s->findings[i].found;
        if (f->check != BB_CHECK_GAP || f->from_ms >= s->value.end_ms || f->to_ms < s->value.end_ms)
            continue;
        int64_t length_ms = s->value.end_ms - s->value.start_ms;
        e->from_ms = f->from_ms;
        e->to_ms = f->to_ms;
        e->intervals = length_ms > 0 ? (f->to_ms - f->from_ms) / length_ms : 0;
        int result = reading_at(w, f->from_ms, &e->before, error);
        if (!result)
            result = reading_at(w, f->at_ms, &e->after, error);
        if (result)
            return result;
    }
    return 0;
}

/* Without the noughts behind the point; zero when it does not fit. */
static struct bb_decimal decimal_of(bb_wide value, int exponent) {
    struct bb_decimal out = {0, 0};

    while (exponent < 0 && value % 10 == 0) {
        value /= 10;
        exponent++;
    }
    return bb_wide_to_decimal(value, exponent, exponent, &out) ? out : (struct bb_decimal){0, 0};
}

static void tell_likes(const struct bb_vee_account *account, struct bb_story_estimate *e) {
    for (size_t i = 0; i < account->like_count; i++)
        e->like[i] = (struct bb_story_like){
            .start_ms = account->like[i].start_ms,
            .end_ms = account->like[i].end_ms,
            .value = decimal_of(account->like[i].level, BB_LEVEL_EXPONENT),
            .used = i < account->like_used,
            .is_calmed = account->like_used == 1 && i == 0,
            .calm = decimal_of(bb_wide_divide_round(account->like[i].calm, BB_LIKE_SIXTHS),
                               BB_LEVEL_EXPONENT)};
    e->like_count = account->like_count;
}

/* Does the method follow what the registers say? */
static bool is_scaled(enum bb_method method) {
    return method == BB_METHOD_LIKE_DAY_SCALED || method == BB_METHOD_AVERAGE_LIKE_DAY_SCALED ||
           method == BB_METHOD_PROFILE || method == BB_METHOD_FLAT;
}

static void tell_total(const struct bb_story_work *w, struct bb_story_estimate *e) {
    const struct bb_vee_account *account = &w->account;

    e->has_total = true;
    e->total_from_ms = account->around.from_ms;
    e->total_to_ms = account->around.to_ms;
    e->meter_count = read_meters(w, e->total_from_ms, e->total_to_ms, e->meters);
    e->advance = decimal_of(account->around.amount, BB_TOTAL_EXPONENT);
    e->told = decimal_of(account->told.amount, BB_TOTAL_EXPONENT);
    e->missing = decimal_of(account->around.amount - account->told.amount, BB_TOTAL_EXPONENT);
    e->told_ms = account->told.covered_ms;
    e->part_from_ms = account->gap.from_ms;
    e->part_to_ms = account->gap.to_ms;
    e->total = decimal_of(account->gap.total, account->gap.exponent);
}

int bb_story_tell_estimate(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    int result = tell_gap(w, error);

    s->is_estimate = true;
    s->estimate.has_band = s->value.has_band;
    s->estimate.band = s->value.band;
    if (!result)
        result = bb_story_make(w, error);
    if (result || !w->account.known || w->account.method != s->value.quality.method)
        return result;
    tell_likes(&w->account, &s->estimate);
    if (w->account.gap.has_total && is_scaled(w->account.method))
        tell_total(w, &s->estimate);
    return 0;
}
