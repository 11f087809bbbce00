/* Periodisation: see periodise.h. Pure; all sums in 128 bits. */
#include "derive/periodise.h"

enum { SPREAD_MAX = 18 }; /* powers of ten by which two mantissas may differ in one sum */

/* What is gathered about one period. */
struct total {
    bb_wide sum;
    int exponent;       /* of sum */
    int clean_exponent; /* the finest one among the values as sent */
    int64_t covered_ms, estimated_ms, substituted_ms;
    uint32_t checks;
    uint16_t marks;
    size_t values, missing;
    uint32_t present; /* usable values that were told and end in the period */
    uint32_t estimated;
    bool overflow;
};

static void add(struct total *t, bb_wide mantissa, int exponent) {
    if (exponent < t->exponent) {
        for (int i = exponent; i < t->exponent; i++)
            t->overflow |= __builtin_mul_overflow(t->sum, (bb_wide)10, &t->sum);
        t->exponent = exponent;
    }
    for (int i = t->exponent; i < exponent; i++)
        t->overflow |= __builtin_mul_overflow(mantissa, (bb_wide)10, &mantissa);
    t->overflow |= __builtin_add_overflow(t->sum, mantissa, &t->sum);
}

/* What of an amount that accrues over (start, end] has come by t: rounded once, and the whole at the
 * end. */
static bb_wide accrued(const struct bb_channel *channel, struct bb_profile_sums *sums,
                       bb_wide amount, int64_t start_ms, int64_t end_ms, int64_t t) {
    bb_wide part;

    if (t <= start_ms)
        return 0;
    if (t >= end_ms)
        return amount;
    if (channel->kind == BB_KIND_REGISTER &&
        bb_profile_share(channel, sums, amount, start_ms, end_ms, t, &part))
        return part;
    return bb_wide_divide_round(amount * (t - start_ms), end_ms - start_ms);
}

struct bb_share bb_share_of(const struct bb_channel *channel, struct bb_profile_sums *sums,
                            bb_wide amount, int exponent, int64_t start_ms, int64_t end_ms,
                            int64_t from_ms, int64_t to_ms) {
    const bb_wide limit = (bb_wide)1 << 70; /* its product with a stretch of time fits */
    struct bb_share share = {.exponent = exponent};

    if (start_ms == end_ms) {
        share.any = end_ms > from_ms && end_ms <= to_ms;
        share.amount = share.any ? amount : 0;
        return share;
    }
    share.any = end_ms > from_ms && start_ms < to_ms;
    share.overflow = share.any && (amount >= limit || amount <= -limit);
    if (!share.any || share.overflow)
        return share;
    share.exponent = bb_derived_exponent(exponent);
    for (int i = exponent - share.exponent; i > 0; i--)
        amount *= 10;
    bb_wide before = accrued(channel, sums, amount, start_ms, end_ms, from_ms);
    share.amount = accrued(channel, sums, amount, start_ms, end_ms, to_ms) - before;
    return share;
}

static void add_share(struct total *t, struct bb_share share) {
    t->overflow |= share.overflow;
    if (share.any)
        add(t, share.amount, share.exponent);
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Bring the sum back to the exponent of the values as sent, when nothing is lost by it. One value of
 * 18 digits behind the point would leave a sum no room before it: then the sum has fewer. */
static bool settle_value(struct total *t, struct bb_decimal *out) {
    while (t->exponent < t->clean_exponent && t->sum % 10 == 0) {
        t->sum /= 10;
        t->exponent++;
    }
    if (t->overflow)
        return false;
    for (int exponent = t->exponent; exponent == t->exponent || exponent <= 0; exponent++) {
        if (!bb_wide_to_decimal(t->sum, t->exponent, exponent, out))
            continue;
        t->marks |= (uint16_t)(exponent > t->exponent ? BB_MARK_ROUNDED : 0);
        return true;
    }
    return false;
}

/* How much of the period was really measured. Overlapping intervals cover some of it twice. */
static int64_t measured_of(const struct total *t, int64_t length_ms) {
    int64_t measured_ms = t->covered_ms - t->estimated_ms - t->substituted_ms;

    return measured_ms < 0 ? 0 : measured_ms < length_ms ? measured_ms : length_ms;
}

static int put_row(const struct bb_channel *channel, struct bb_period_bounds period,
                   const struct total *t, const struct bb_quality *quality,
                   enum bb_statistic statistic, const struct bb_decimal *value,
                   struct bb_arena *arena, struct bb_window *out, struct bb_error *error) {
    struct bb_attribute *a = bb_arena_take(arena, sizeof *a);

    if (!a || out->count == out->capacity)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for period values");
    *a = (struct bb_attribute){
        .quality = *quality,
        .length_s = (uint32_t)((period.end_ms - period.start_ms) / BB_SECOND_MS),
        .unit = channel->derived_unit,
        .exponent = value ? value->exponent : (int8_t)0,
        .statistic = (uint8_t)statistic};
    struct bb_point row = {
        .start_ms = period.start_ms,
        .end_ms = period.end_ms,
        .value = value ? *value : (struct bb_decimal){0, 0},
        .attribute = a,
        .measured_ms = measured_of(t, period.end_ms - period.start_ms),
        .estimated = t->estimated,
        .present = t->present,
        .checks = quality->checks,
        .usable = value != NULL,
        .overlay = true,
    };
    bb_window_put(out, &row);
    return 0;
}

/* Partial beats estimated beats substituted beats measured. */
static struct bb_quality quality_of(const struct total *t, int64_t length_ms) {
    struct bb_quality q = {.state = BB_STATE_MEASURED, .checks = t->checks, .marks = t->marks};

    if (t->covered_ms < length_ms) {
        q.state = BB_STATE_PARTIAL;
        q.marks |= (uint16_t)(t->estimated_ms > 0 ? BB_MARK_ESTIMATED : 0);
    } else if (t->estimated_ms > 0) {
        q.state = BB_STATE_ESTIMATED;
    } else if (t->substituted_ms > 0) {
        q.state = BB_STATE_SUBSTITUTED;
    }
    return q;
}

static int put_total(const struct bb_channel *channel, struct bb_period_bounds period,
                     struct total *t, struct bb_arena *arena, struct bb_window *out,
                     struct bb_error *error) {
    struct bb_decimal value;
    bool settled = t->values > 0 && settle_value(t, &value);
    struct bb_quality quality = quality_of(t, period.end_ms - period.start_ms);

    if (settled)
        return put_row(channel, period, t, &quality, BB_STATISTIC_VALUE, &value, arena, out, error);
    if (t->values == 0 && t->missing == 0)
        return 0;
    quality.state = BB_STATE_MISSING;
    quality.marks |= (uint16_t)(t->values > 0 ? BB_MARK_SUSPECT : 0);
    return put_row(channel, period, t, &quality, BB_STATISTIC_VALUE, NULL, arena, out, error);
}

static void note_state(struct total *t, const struct bb_point *p, int64_t length_ms) {
    const struct bb_quality *q = &p->attribute->quality;

    t->covered_ms += length_ms;
    t->estimated_ms += q->state == BB_STATE_ESTIMATED ? length_ms : 0;
    t->substituted_ms += q->state == BB_STATE_SUBSTITUTED || q->state == BB_STATE_EDITED ? length_ms
                                                                                         : 0;
    t->marks |= q->marks & (BB_MARK_SUSPECT | BB_MARK_AMBIGUOUS_TIME);
}

static void note_count(struct total *t, const struct bb_point *p, size_t count) {
    bool told = p->attribute->quality.method == BB_METHOD_NONE;

    t->present += (uint32_t)(told ? count : 0);
    t->estimated += (uint32_t)(told ? 0 : count);
}

static struct total total_begin(void) {
    return (struct total){.exponent = BB_DECIMAL_MAX_EXPONENT,
                          .clean_exponent = BB_DECIMAL_MAX_EXPONENT};
}

static void note_exponent(struct total *t, const struct bb_point *p) {
    if (p->attribute->quality.method == BB_METHOD_NONE && p->value.exponent < t->clean_exponent)
        t->clean_exponent = p->value.exponent;
}

/* Add whole points from `first` on while they are described alike; returns the one behind them. Nearly
 * every period is one such stretch. */
static size_t add_alike(struct total *t, const struct bb_window *vee, size_t first,
                        struct bb_period_bounds period) {
    const struct bb_point *p = &vee->points[first];
    bb_wide sum = 0;
    int64_t length_ms = 0;
    size_t i = first;

    for (; i < vee->count; i++) {
        const struct bb_point *q = &vee->points[i];
        if (q->start_ms < period.start_ms || q->end_ms > period.end_ms || !q->usable ||
            q->attribute != p->attribute || q->value.exponent != p->value.exponent)
            break;
        sum += q->value.mantissa;
        length_ms += q->end_ms - q->start_ms;
        t->checks |= q->checks;
    }
    t->values += i - first;
    note_count(t, p, i - first);
    note_exponent(t, p);
    note_state(t, p, length_ms);
    add(t, sum, p->value.exponent);
    return i;
}

static int periodise_intervals(const struct bb_channel *channel, const struct bb_window *vee,
                               struct bb_period_bounds period, struct bb_arena *arena,
                               struct bb_window *out, struct bb_error *error) {
    struct total t = total_begin();

    for (size_t i = bb_window_after(vee, period.start_ms); i < vee->count;) {
        const struct bb_point *p = &vee->points[i];
        if (p->end_ms - vee->longest_ms >= period.end_ms)
            break;
        if (p->usable && p->start_ms >= period.start_ms && p->end_ms <= period.end_ms) {
            i = add_alike(&t, vee, i, period);
            continue;
        }
        i++;
        if (p->start_ms >= period.end_ms)
            continue;
        t.checks |= p->checks;
        if (!p->usable) {
            t.missing++;
            continue;
        }
        int64_t from = later(p->start_ms, period.start_ms);
        int64_t to = earlier(p->end_ms, period.end_ms);
        t.values++;
        note_count(&t, p, p->end_ms <= period.end_ms);
        note_exponent(&t, p);
        note_state(&t, p, to - from);
        add_share(&t, bb_share_of(channel, NULL, p->value.mantissa, p->value.exponent, p->start_ms,
                                  p->end_ms, from, to));
    }
    return put_total(channel, period, &t, arena, out, error);
}

enum {
    REGISTER_MARKS = BB_MARK_ROLLOVER | BB_MARK_EXCHANGE | BB_MARK_RESET | BB_MARK_REVERSE,
    NOT_ACCEPTED = BB_MARK_DIP | BB_MARK_FOREIGN
};

static bool is_accepted(const struct bb_point *p) {
    return p->usable && !(p->attribute->quality.marks & NOT_ACCEPTED);
}

void bb_register_stretch(const struct bb_channel *channel, const struct bb_point *a,
                         const struct bb_point *b, struct bb_register_stretch *out) {
    bb_wide whole = 0;

    out->marks = b->attribute->quality.marks & REGISTER_MARKS;
    bb_register_advance(channel, a, b, out->marks, &out->advance);
    for (size_t i = 0; i < out->advance.count; i++)
        whole += out->advance.piece[i].amount;
    out->fell = whole < 0 && out->marks == 0;
    out->suspect = (out->marks & BB_MARK_RESET) || (whole < 0 && !(out->marks & BB_MARK_REVERSE));
    for (size_t i = 0; out->fell && i < out->advance.count; i++)
        out->advance.piece[i].amount = 0;
}

/* Master data knows what a device showed when it was put in, or out, at t. */
static bool is_exchange_known(const struct bb_channel *channel,
                              const struct bb_register_advance *advance, int64_t t) {
    for (size_t i = 0; i < advance->count; i++) {
        const struct bb_register_piece *piece = &advance->piece[i];
        if ((piece->ends & BB_PIECE_OPENS) && piece->from_ms == t &&
            channel->installations[piece->installation].has_opening)
            return true;
        if ((piece->ends & BB_PIECE_CLOSES) && piece->to_ms == t &&
            channel->installations[piece->installation].has_closing)
            return true;
    }
    return false;
}

bool bb_register_stretch_estimated(const struct bb_channel *channel, const struct bb_point *a,
                                   const struct bb_point *b,
                                   const struct bb_register_stretch *stretch, int64_t from_ms,
                                   int64_t to_ms) {
    const int64_t trusted_ms = channel->pipeline->estimate[BB_METHOD_LINEAR].parameter[0];
    bool cut = (from_ms > a->end_ms && !is_exchange_known(channel, &stretch->advance, from_ms)) ||
               (to_ms < b->end_ms && !is_exchange_known(channel, &stretch->advance, to_ms));

    return b->attribute->quality.state == BB_STATE_ESTIMATED ||
           (cut && b->end_ms - a->end_ms > trusted_ms);
}

/* Add what accrued over (from, to] between readings a and b, and judge how it is known. */
static void add_stretch(struct total *t, const struct bb_channel *channel, const struct bb_point *a,
                        const struct bb_point *b, int64_t from, int64_t to,
                        struct bb_profile_sums *sums) {
    struct bb_register_stretch stretch;
    int64_t estimated_ms = t->estimated_ms, substituted_ms = t->substituted_ms;

    bb_register_stretch(channel, a, b, &stretch);
    t->overflow |= stretch.advance.overflow;
    t->values++;
    t->checks |= b->checks;
    t->marks |= stretch.marks | (uint16_t)(stretch.suspect ? BB_MARK_SUSPECT : 0);
    note_exponent(t, a);
    note_exponent(t, b);
    note_state(t, b, to - from);
    for (size_t i = 0; i < stretch.advance.count; i++) {
        const struct bb_register_piece *piece = &stretch.advance.piece[i];
        add_share(t, bb_share_of(channel, sums, piece->amount, stretch.advance.exponent,
                                 piece->from_ms, piece->to_ms, from, to));
    }
    if (t->estimated_ms == estimated_ms &&
        bb_register_stretch_estimated(channel, a, b, &stretch, from, to)) {
        t->estimated_ms += to - from;
        t->substituted_ms = substituted_ms; /* no part of the time is both */
    }
}

static int periodise_registers(const struct bb_channel *channel, const struct bb_window *vee,
                               struct bb_period_bounds period, struct bb_profile_sums *sums,
                               struct bb_arena *arena, struct bb_window *out,
                               struct bb_error *error) {
    struct total t = total_begin();
    size_t i = bb_window_after(vee, period.start_ms);
    const struct bb_point *a = NULL;

    for (size_t k = i; k-- > 0 && !a;)
        a = is_accepted(&vee->points[k]) ? &vee->points[k] : NULL;
    for (; i < vee->count; i++) {
        const struct bb_point *b = &vee->points[i];
        if (!is_accepted(b))
            continue;
        t.present += b->end_ms <= period.end_ms;
        if (a) {
            int64_t from = later(a->end_ms, period.start_ms);
            int64_t to = earlier(b->end_ms, period.end_ms);
            if (to > from)
                add_stretch(&t, channel, a, b, from, to, sums);
        }
        if (b->end_ms >= period.end_ms)
            break;
        a = b;
    }
    return put_total(channel, period, &t, arena, out, error);
}

static bool less(struct bb_decimal a, struct bb_decimal b) {
    int exponent = a.exponent < b.exponent ? a.exponent : b.exponent;

    if (a.exponent - exponent > SPREAD_MAX || b.exponent - exponent > SPREAD_MAX)
        return bb_decimal_to_double(a) < bb_decimal_to_double(b);
    return bb_decimal_widen(a.mantissa, a.exponent, exponent) <
           bb_decimal_widen(b.mantissa, b.exponent, exponent);
}

static int periodise_gauges(const struct bb_channel *channel, const struct bb_window *vee,
                            struct bb_period_bounds period, struct bb_arena *arena,
                            struct bb_window *out, struct bb_error *error) {
    struct total t = total_begin();
    struct bb_decimal min = {0, 0}, max = {0, 0}, mean;
    int64_t length_ms = period.end_ms - period.start_ms;
    /* Without a nominal interval nobody can say what is missing. */
    int64_t each_ms = channel->interval_s ? (int64_t)channel->interval_s * BB_SECOND_MS : length_ms;

    for (size_t i = bb_window_after(vee, period.start_ms); i < vee->count; i++) {
        const struct bb_point *p = &vee->points[i];
        if (p->end_ms > period.end_ms)
            break;
        t.checks |= p->checks;
        t.missing += !p->usable;
        if (!p->usable)
            continue;
        min = t.values == 0 || less(p->value, min) ? p->value : min;
        max = t.values == 0 || less(max, p->value) ? p->value : max;
        t.values++;
        t.present++;
        note_exponent(&t, p);
        note_state(&t, p, each_ms);
        add(&t, p->value.mantissa, p->value.exponent);
    }
    if (t.values == 0)
        return put_total(channel, period, &t, arena, out, error);
    int exponent = bb_derived_exponent(t.exponent);
    bb_wide fine = t.sum;
    for (int i = exponent; i < t.exponent; i++)
        t.overflow |= __builtin_mul_overflow(fine, (bb_wide)10, &fine);
    t.sum = bb_wide_divide_round(fine, (bb_wide)t.values);
    t.exponent = exponent;
    if (!settle_value(&t, &mean))
        return put_total(channel, period, &t, arena, out, error);
    struct bb_quality quality = quality_of(&t, length_ms);
    int result = put_row(channel, period, &t, &quality, BB_STATISTIC_VALUE, &mean, arena, out,
                         error);
    if (!result)
        result = put_row(channel, period, &t, &quality, BB_STATISTIC_MIN, &min, arena, out, error);
    if (!result)
        result = put_row(channel, period, &t, &quality, BB_STATISTIC_MAX, &max, arena, out, error);
    return result;
}

int bb_periodise(const struct bb_channel *channel, const struct bb_window *vee,
                 struct bb_period_bounds period, struct bb_profile_sums *sums,
                 struct bb_arena *arena, struct bb_window *out, struct bb_error *error) {
    switch (channel->kind) {
    case BB_KIND_INTERVAL: return periodise_intervals(channel, vee, period, arena, out, error);
    case BB_KIND_REGISTER:
        return periodise_registers(channel, vee, period, sums, arena, out, error);
    case BB_KIND_GAUGE: return periodise_gauges(channel, vee, period, arena, out, error);
    default: return 0; /* events have no period values */
    }
}
