/* Totals: see total.h. Pure. */
#include "derive/total.h"

#include "derive/register.h"
#include "model/unit.h"

/* value x 10^exponent of one unit in another, x 10^BB_TOTAL_EXPONENT. False: it does not fit. */
static bool to_total(bb_wide value, int exponent, int from, int to, bb_wide *out) {
    int64_t numerator, denominator;

    if (!bb_unit_ratio(from, to, &numerator, &denominator) || exponent < BB_TOTAL_EXPONENT ||
        __builtin_mul_overflow(value, (bb_wide)numerator, &value))
        return false;
    for (int e = exponent; e > BB_TOTAL_EXPONENT; e--)
        if (__builtin_mul_overflow(value, (bb_wide)10, &value))
            return false;
    *out = bb_wide_divide_round(value, denominator);
    return true;
}

/* The reading as it was sent, whose last digit is the register's: the lane vee may have converted it. */
static const struct bb_point *as_sent(const struct bb_meter *meter,
                                      const struct bb_point *accepted) {
    size_t i = bb_window_after(&meter->sent, accepted->end_ms - 1);

    return i < meter->sent.count && meter->sent.points[i].end_ms == accepted->end_ms
               ? &meter->sent.points[i]
               : accepted;
}

/* What the last digit of a reading is worth, its factor applied, in the unit of `channel`. */
static bool digit_of(const struct bb_channel *channel, const struct bb_meter *meter,
                     const struct bb_point *reading, bb_wide *out) {
    const struct bb_installation *at = bb_installation_for(meter->channel, reading->end_ms);
    const struct bb_point *sent = as_sent(meter, reading);
    int unit = sent == reading ? meter->channel->metered_unit : sent->attribute->unit;
    const struct bb_decimal factor = at ? at->factor : (struct bb_decimal){1, 0};
    bb_wide digit;

    if (!to_total(1, sent->value.exponent, unit, meter->channel->metered_unit, &digit) ||
        __builtin_mul_overflow(digit, (bb_wide)factor.mantissa, &digit))
        return false;
    for (int e = factor.exponent; e > 0; e--)
        if (__builtin_mul_overflow(digit, (bb_wide)10, &digit))
            return false;
    for (int e = factor.exponent; e < 0; e++)
        digit /= 10;
    /* A factor that makes energy of a volume is in kWh. */
    const bool energy = meter->channel->metered_unit != meter->channel->derived_unit;
    return to_total(digit, BB_TOTAL_EXPONENT, energy ? BB_UNIT_KWH : meter->channel->derived_unit,
                    channel->derived_unit, out);
}

/* What one register advanced from a to b, and its least digit. */
static bool add_advance(const struct bb_channel *channel, const struct bb_meter *meter,
                        const struct bb_point *a, const struct bb_point *b,
                        struct bb_total *total) {
    struct bb_register_advance advance;
    bb_wide sum = 0, amount, least;

    bb_register_advance(meter->channel, a, b, b->attribute->quality.marks, &advance);
    if (advance.overflow)
        return false;
    for (size_t i = 0; i < advance.count; i++)
        sum += advance.piece[i].amount;
    if (!to_total(sum, advance.exponent, meter->channel->derived_unit, channel->derived_unit,
                  &amount) ||
        !digit_of(channel, meter, b, &least))
        return false;
    total->amount += amount;
    total->digit += least;
    return true;
}

/* The point of a meter at a moment. */
static const struct bb_point *point_at(const struct bb_meter *meter, int64_t t) {
    size_t i = bb_window_after(&meter->accepted, t - 1);

    return i < meter->accepted.count && meter->accepted.points[i].end_ms == t
               ? &meter->accepted.points[i]
               : NULL;
}

/* Was there a reading of every meter then? */
static bool all_read(const struct bb_meter *meters, size_t count, int64_t t) {
    for (size_t m = 1; m < count; m++)
        if (!point_at(&meters[m], t))
            return false;
    return true;
}

/* The advance of a meter over (from, to], reading by reading. */
static bool add_meter(const struct bb_channel *channel, const struct bb_meter *meter,
                      struct bb_total *total) {
    const struct bb_window *w = &meter->accepted;
    bb_wide digit = 0;

    for (size_t i = bb_window_after(w, total->from_ms); i < w->count; i++) {
        if (w->points[i].end_ms > total->to_ms)
            break;
        struct bb_total part = {.amount = 0};
        if (i == 0 || !add_advance(channel, meter, &w->points[i - 1], &w->points[i], &part))
            return false;
        total->amount += part.amount;
        digit = part.digit > digit ? part.digit : digit;
    }
    total->digit += digit;
    return true;
}

bool bb_totals_make(const struct bb_channel *channel, const struct bb_meter *meters, size_t count,
                    struct bb_arena *arena, struct bb_total_list *out) {
    *out = (struct bb_total_list){NULL, 0};
    if (count == 0 || meters[0].accepted.count < 2)
        return true;
    const struct bb_window *first = &meters[0].accepted;
    out->items = bb_arena_take(arena, first->count * sizeof out->items[0]);
    if (!out->items)
        return false;
    int64_t from_ms = BB_TIME_NONE;
    for (size_t i = 0; i < first->count; i++) {
        int64_t t = first->points[i].end_ms;
        if (!all_read(meters, count, t))
            continue;
        struct bb_total total = {.from_ms = from_ms, .to_ms = t};
        bool good = from_ms != BB_TIME_NONE &&
                    t - from_ms <= BB_TOTAL_DAYS_MAX * (int64_t)BB_DAY_MS;
        for (size_t m = 0; good && m < count; m++)
            good = add_meter(channel, &meters[m], &total);
        if (good)
            out->items[out->count++] = total;
        from_ms = t;
    }
    return true;
}

const struct bb_total *bb_total_around(const struct bb_total_list *list, int64_t from_ms,
                                       int64_t to_ms) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].from_ms <= from_ms && list->items[i].to_ms >= to_ms)
            return &list->items[i];
    return NULL;
}

struct bb_told_sum bb_told_sum(const struct bb_channel *channel, const struct bb_window *raw,
                               int64_t from_ms, int64_t to_ms) {
    struct bb_told_sum sum = {.exact = true};
    int64_t before_ms = from_ms;

    for (size_t i = bb_window_after(raw, from_ms); i < raw->count; i++) {
        const struct bb_point *p = &raw->points[i];
        struct bb_decimal value;
        bool rounded;
        if (p->end_ms - raw->longest_ms >= to_ms)
            break;
        if (!p->usable || p->start_ms >= to_ms)
            continue;
        int64_t begin_ms = p->start_ms > from_ms ? p->start_ms : from_ms;
        int64_t until_ms = p->end_ms < to_ms ? p->end_ms : to_ms;
        bb_wide part = 0;
        if (begin_ms < before_ms || p->end_ms == p->start_ms ||
            !bb_point_value(channel, p, &value, &rounded) || value.exponent < BB_TOTAL_EXPONENT) {
            sum.exact = false;
            continue;
        }
        part = value.mantissa;
        for (int e = value.exponent; e > BB_TOTAL_EXPONENT; e--)
            if (__builtin_mul_overflow(part, (bb_wide)10, &part))
                sum.exact = false;
        if (sum.exact && until_ms - begin_ms < p->end_ms - p->start_ms) {
            if (__builtin_mul_overflow(part, (bb_wide)(until_ms - begin_ms), &part))
                sum.exact = false;
            else
                part = bb_wide_divide_round(part, p->end_ms - p->start_ms);
        }
        sum.amount += part;
        sum.covered_ms += until_ms - begin_ms;
        sum.values++;
        before_ms = until_ms;
    }
    return sum;
}
