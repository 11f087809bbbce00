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
        p->rivals = (uint32_t)raw->rivals[i];
        p->checks = 0;
        p->usable = usable;
        p->overlay = false;
    }
    window->count = (size_t)(p - window->points);
    return true;
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

/* What stays of a denominator when powers of ten are cancelled: 1 when every fraction ends. */
static int64_t without_twos_and_fives(int64_t n) {
    while (n % 2 == 0)
        n /= 2;
    while (n % 5 == 0)
        n /= 5;
    return n;
}

/* value × n/d = (mantissa × n × 10^k / d) × 10^(exponent - k): the least k that is exact. False when
 * there is none down to `finest`. */
static bool convert_exactly(bb_wide product, int exponent, int64_t denominator, int finest,
                            struct bb_decimal *out) {
    if (product % without_twos_and_fives(denominator) != 0)
        return false;
    for (; exponent >= finest; exponent--) {
        if (product % denominator == 0)
            return bb_wide_to_decimal(product / denominator, exponent, exponent, out);
        if (__builtin_mul_overflow(product, (bb_wide)10, &product))
            return false;
    }
    return false;
}

static bool convert_nearest(bb_wide product, int exponent, int64_t denominator, int finest,
                            struct bb_decimal *out) {
    for (; exponent > finest; exponent--)
        if (__builtin_mul_overflow(product, (bb_wide)10, &product))
            return false;
    return bb_wide_to_decimal(bb_wide_divide_round(product, denominator), finest, finest, out);
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
    bb_wide product = (bb_wide)value.mantissa * numerator;
    int coarsest = value.exponent;
    int finest = coarsest < BB_CONVERTED_EXPONENT ? coarsest : BB_CONVERTED_EXPONENT;
    if (convert_exactly(product, value.exponent, denominator, finest, out))
        return true;
    *rounded = true;
    for (; finest <= coarsest; finest++)
        if (convert_nearest(product, value.exponent, denominator, finest, out))
            return true;
    return false;
}

const struct bb_installation *bb_installation_at(const struct bb_channel *channel, int64_t t) {
    for (uint32_t i = channel->installation_count; i-- > 0;) {
        const struct bb_installation *at = &channel->installations[i];
        if (t >= at->from_ms)
            return at->to_ms == BB_TIME_NONE || t < at->to_ms ? at : NULL;
    }
    return NULL;
}

bool bb_channel_has_factor(const struct bb_channel *channel) {
    const struct bb_decimal one = {1, 0};

    if (channel->kind != BB_KIND_INTERVAL)
        return false;
    for (uint32_t i = 0; i < channel->installation_count; i++)
        if (!bb_decimal_equal(channel->installations[i].factor, one))
            return true;
    return false;
}

bool bb_point_value(const struct bb_channel *channel, const struct bb_point *raw,
                    struct bb_decimal *out, bool *rounded) {
    return bb_convert(raw->value, raw->attribute->unit, channel->metered_unit, out, rounded);
}

int64_t bb_point_level(const struct bb_channel *channel, const struct bb_point *raw) {
    const bb_wide most = INT64_MAX;
    int64_t numerator, denominator;
    bb_wide wide = raw->value.mantissa;

    if (!bb_unit_ratio(raw->attribute->unit, channel->metered_unit, &numerator, &denominator))
        return 0;
    wide *= numerator;
    for (int e = raw->value.exponent; e > BB_LEVEL_EXPONENT; e--) {
        if (wide > most * denominator || wide < -most * denominator)
            return wide < 0 ? -INT64_MAX : INT64_MAX;
        wide *= 10;
    }
    wide /= denominator;
    for (int e = raw->value.exponent; e < BB_LEVEL_EXPONENT; e++)
        wide /= 10;
    return wide > most ? INT64_MAX : wide < -most ? -INT64_MAX : (int64_t)wide;
}
