/* Points and unit conversion: see point.h. Pure. */
#include "derive/point.h"

#include "model/unit.h"

bool bb_attribute_usable(const struct bb_channel *channel, const struct bb_attribute *a) {
    int64_t numerator, denominator;

    return a->quality.state != BB_STATE_MISSING &&
           (a->unit == channel->metered_unit ||
            bb_unit_ratio(a->unit, channel->metered_unit, &numerator, &denominator));
}

bool bb_window_add_raw(struct bb_window *window, const struct bb_channel *channel,
                       const struct bb_block *raw, int64_t from_ms, int64_t to_ms) {
    int64_t last = -1; /* neighbours share their attribute: judge it once */
    int64_t length_ms = 0;
    const struct bb_attribute *a = raw->attributes.items;
    bool usable = false;
    uint32_t i = 0;

    if (window->capacity - window->count < raw->count)
        return false;
    while (i < raw->count && raw->end_ms[i] <= from_ms)
        i++;
    struct bb_point *p = window->points + window->count;
    for (; i < raw->count && raw->end_ms[i] <= to_ms; i++, p++) {
        if (raw->attribute[i] != last) {
            last = raw->attribute[i];
            a = &raw->attributes.items[last];
            usable = bb_attribute_usable(channel, a);
            length_ms = (int64_t)a->length_s * BB_SECOND_MS;
            if (length_ms > window->longest_ms)
                window->longest_ms = length_ms;
        }
        /* Field by field, in place: a whole point that was just put together byte by byte would
         * have to leave the store buffer before it can be copied. */
        p->start_ms = raw->end_ms[i] - length_ms;
        p->end_ms = raw->end_ms[i];
        p->value.mantissa = raw->mantissa[i];
        p->value.exponent = a->exponent;
        p->attribute = a;
        p->recorded_ms = raw->recorded_ms[i];
        /* an issue that equals its arrival is not the sender's own */
        p->late_ms = raw->issued_ms[i] != raw->received_ms[i] ? raw->issued_ms[i] - p->end_ms : 0;
        p->rivals = (uint32_t)raw->rivals[i];
        p->checks = 0;
        p->usable = usable;
        p->overlay = false;
    }
    window->count = (size_t)(p - window->points);
    return true;
}

int64_t bb_level_scale(const struct bb_channel *channel, const struct bb_attribute *a) {
    int power = a->exponent - BB_LEVEL_EXPONENT;

    return a->unit == channel->metered_unit && power >= 0 && power <= BB_DECIMAL_MAX_DIGITS
               ? bb_power_of_ten[power]
               : 0;
}

void bb_window_levels(const struct bb_channel *channel, const struct bb_window *raw,
                      int64_t *level) {
    const bool factor = bb_channel_has_factor(channel);
    const struct bb_attribute *last = NULL;
    int64_t scale = 0;

    for (size_t i = 0; i < raw->count; i++) {
        const struct bb_point *p = &raw->points[i];
        if (p->attribute != last) {
            last = p->attribute;
            scale = factor ? 0 : bb_level_scale(channel, last);
        }
        if (!p->usable)
            level[i] = 0;
        else if (scale == 0 || __builtin_mul_overflow(p->value.mantissa, scale, &level[i]))
            level[i] = bb_point_level(channel, p);
    }
}

size_t bb_window_after(const struct bb_window *window, int64_t t) {
    size_t low = 0, high = window->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (window->points[middle].end_ms > t)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- values times fractions ------------------------------------------------------------------ */

/* A number as product × numerator / denominator × 10^exponent. */
struct fraction {
    bb_wide product, numerator, denominator;
    int exponent;
};

/* product × numerator = *quotient × denominator + *rest exactly, both signed as the product; false
 * when the quotient does not fit. The product may be of two mantissas and fill 120 bits: then it is
 * divided first, and what remains is multiplied bit by bit. */
static bool multiply_divide(bb_wide product, bb_wide numerator, bb_wide denominator,
                            bb_wide *quotient, bb_wide *rest) {
    enum { ROOM_BITS = 125 }; /* twice the denominator fits, too */
    bb_wide whole, left, more = 0, behind = 0;

    if (denominator > (bb_wide)1 << ROOM_BITS)
        return false;
    if (!__builtin_mul_overflow(product, numerator, &whole)) {
        *quotient = whole / denominator;
        *rest = whole % denominator;
        return true;
    }
    if (__builtin_mul_overflow(product / denominator, numerator, &left))
        return false;
    bb_wide over = product % denominator;
    bool negative = over < 0;
    over = negative ? -over : over;
    for (int bit = ROOM_BITS; bit >= 0; bit--) {
        behind = 2 * behind + (numerator >> bit & 1 ? over : 0);
        more *= 2;
        for (; behind >= denominator; behind -= denominator)
            more++;
    }
    *rest = negative ? -behind : behind;
    return !__builtin_add_overflow(left, negative ? -more : more, quotient);
}

/* The fraction in units of 10^to; false when it is too large. */
static bool divide_at(const struct fraction *f, int to, bb_wide *quotient, bb_wide *rest,
                      bb_wide *denominator) {
    bb_wide numerator = f->numerator;

    *denominator = f->denominator;
    for (int e = f->exponent; e > to; e--)
        if (__builtin_mul_overflow(numerator, (bb_wide)10, &numerator))
            return false;
    for (int e = f->exponent; e < to; e++)
        if (__builtin_mul_overflow(*denominator, (bb_wide)10, denominator))
            return false;
    return multiply_divide(f->product, numerator, *denominator, quotient, rest);
}

/* Whole digits too many for a decimal go where they are zeros. */
static bool to_decimal(bb_wide value, int exponent, struct bb_decimal *out) {
    const bb_wide limit = bb_power_of_ten[BB_DECIMAL_MAX_DIGITS];

    while ((value >= limit || value <= -limit || exponent < BB_DECIMAL_MIN_EXPONENT) &&
           value % 10 == 0 && exponent < BB_DECIMAL_MAX_EXPONENT) {
        value /= 10;
        exponent++;
    }
    return bb_wide_to_decimal(value, exponent, exponent, out);
}

/* What stays of a denominator when powers of ten are cancelled: 1 when every fraction ends. */
static bb_wide without_twos_and_fives(bb_wide n) {
    while (n % 2 == 0)
        n /= 2;
    while (n % 5 == 0)
        n /= 5;
    return n;
}

/* Exactly with the least digits behind the point, down to `finest` (or as many as the fraction has).
 * False when there is no such decimal. */
static bool settle_exactly(const struct fraction *f, int finest, struct bb_decimal *out) {
    bb_wide quotient, rest, denominator;
    bb_wide odd = without_twos_and_fives(f->denominator);

    if (odd != 1 && f->product % odd != 0 && f->numerator % odd != 0)
        return false; /* nearly always so where digits never end */
    for (int to = f->exponent; to >= finest || to >= f->exponent; to--) {
        if (!divide_at(f, to, &quotient, &rest, &denominator))
            return false;
        if (rest == 0)
            return to_decimal(quotient, to, out);
    }
    return false;
}

/* Rounded half to even at an exponent; false when it does not fit there. */
static bool settle_nearest(const struct fraction *f, int exponent, struct bb_decimal *out) {
    bb_wide quotient, rest, denominator;

    if (!divide_at(f, exponent, &quotient, &rest, &denominator))
        return false;
    bb_wide distance = rest < 0 ? -rest : rest;
    if (2 * distance > denominator || (2 * distance == denominator && (quotient & 1)))
        quotient += rest < 0 ? -1 : 1;
    return bb_wide_to_decimal(quotient, exponent, exponent, out);
}

/* `source` is the exponent of the value as sent. */
static bool settle(const struct fraction *f, int source, struct bb_decimal *out, bool *rounded) {
    int finest = source < BB_CONVERTED_EXPONENT ? source : BB_CONVERTED_EXPONENT;

    if (settle_exactly(f, finest, out))
        return true;
    *rounded = true;
    for (int exponent = finest; exponent <= source || exponent <= 0; exponent++)
        if (settle_nearest(f, exponent, out))
            return true;
    return false;
}

/* A thousandth is the same digits with the point elsewhere. Zeros at the end stay: how fine a value was
 * sent decides how finely its parts are rounded, and must not hang on its last digit. */
static bool shift_point(struct bb_decimal value, int64_t numerator, int64_t denominator,
                        struct bb_decimal *out) {
    int exponent = value.exponent;

    if (numerator != 1)
        return false;
    for (; denominator % 10 == 0; denominator /= 10)
        exponent--;
    return denominator == 1 && bb_wide_to_decimal(value.mantissa, exponent, exponent, out);
}

bool bb_convert(struct bb_decimal value, int from, int to, struct bb_decimal *out, bool *rounded) {
    int64_t numerator, denominator;

    *rounded = false;
    if (from == to) {
        *out = value;
        return true;
    }
    if (!bb_unit_ratio(from, to, &numerator, &denominator))
        return false;
    if (shift_point(value, numerator, denominator, out))
        return true;
    struct fraction f = {value.mantissa, numerator, denominator, value.exponent};
    return settle(&f, value.exponent, out, rounded);
}

/* ---- installations --------------------------------------------------------------------------- */

const struct bb_installation *bb_installation_for(const struct bb_channel *channel, int64_t t) {
    uint32_t i = channel->installation_count;

    while (i > 1 && channel->installations[i - 1].from_ms > t)
        i--;
    return i > 0 ? &channel->installations[i - 1] : NULL;
}

/* Asked for every point: 1.0, which no record writes so, only takes the longer way. */
static inline bool is_one(struct bb_decimal factor) {
    return factor.mantissa == 1 && factor.exponent == 0;
}

bool bb_channel_has_factor(const struct bb_channel *channel) {
    if (channel->kind != BB_KIND_INTERVAL)
        return false;
    for (uint32_t i = 0; i < channel->installation_count; i++)
        if (!is_one(channel->installations[i].factor))
            return true;
    return channel->metered_unit != channel->derived_unit;
}

/* The factor of an interval's value: that of the installation at its end, which belongs to the
 * interval and not to what comes next. False: there is none to apply; *known: because it is 1. */
static bool factor_of(const struct bb_channel *channel, const struct bb_point *raw,
                      struct bb_decimal *factor, bool *known) {
    bool same_unit = channel->metered_unit == channel->derived_unit;

    *known = true;
    if (channel->kind != BB_KIND_INTERVAL || (channel->installation_count == 0 && same_unit))
        return false;
    const struct bb_installation *at = bb_installation_for(channel, raw->end_ms - 1);
    if (!at || (same_unit && is_one(at->factor))) {
        *known = at || same_unit;
        return false;
    }
    *factor = at->factor;
    return true;
}

/* The value × factor as a fraction of the derived unit. A factor that changes the dimension is in
 * kWh for a m³. */
static bool amount_of(const struct bb_channel *channel, const struct bb_point *raw,
                      struct bb_decimal factor, struct fraction *out) {
    int64_t up, down, more_up = 1, more_down = 1;

    if (!bb_unit_ratio(raw->attribute->unit, channel->metered_unit, &up, &down) ||
        (channel->metered_unit != channel->derived_unit &&
         !bb_unit_ratio(BB_UNIT_KWH, channel->derived_unit, &more_up, &more_down)))
        return false;
    *out = (struct fraction){(bb_wide)raw->value.mantissa * factor.mantissa, (bb_wide)up * more_up,
                             (bb_wide)down * more_down, raw->value.exponent + factor.exponent};
    return true;
}

bool bb_point_value(const struct bb_channel *channel, const struct bb_point *raw,
                    struct bb_decimal *out, bool *rounded) {
    struct bb_decimal factor;
    struct fraction amount;
    bool known;

    if (!factor_of(channel, raw, &factor, &known))
        return known &&
               bb_convert(raw->value, raw->attribute->unit, channel->metered_unit, out, rounded);
    *rounded = false;
    return amount_of(channel, raw, factor, &amount) &&
           settle(&amount, raw->value.exponent, out, rounded);
}

int64_t bb_point_level(const struct bb_channel *channel, const struct bb_point *raw) {
    enum { FINEST = -30 };
    const int up = raw->value.exponent - BB_LEVEL_EXPONENT;
    struct fraction f = {raw->value.mantissa, 1, 1, raw->value.exponent};
    bb_wide quotient, rest, denominator;
    struct bb_decimal factor;
    int64_t level;
    bool known;

    BB_ASSERT(raw->attribute);
    if (factor_of(channel, raw, &factor, &known)) {
        if (!amount_of(channel, raw, factor, &f))
            return 0;
    } else if (!known) {
        return 0;
    } else if (raw->attribute->unit != channel->metered_unit) {
        int64_t n, d;
        if (!bb_unit_ratio(raw->attribute->unit, channel->metered_unit, &n, &d))
            return 0;
        f.numerator = n;
        f.denominator = d;
    } else if (up >= 0 && up <= BB_DECIMAL_MAX_DIGITS &&
               !__builtin_mul_overflow(raw->value.mantissa, bb_power_of_ten[up], &level)) {
        return level; /* nearly always */
    }
    /* What is far finer than a level goes first, so that the rest fits. */
    for (; f.exponent < FINEST; f.exponent++)
        f.product /= 10;
    bool fits = divide_at(&f, BB_LEVEL_EXPONENT, &quotient, &rest, &denominator);
    if (!fits || quotient > INT64_MAX || quotient < -INT64_MAX)
        return f.product == 0 ? 0 : f.product < 0 ? -INT64_MAX : INT64_MAX;
    return (int64_t)quotient;
}
