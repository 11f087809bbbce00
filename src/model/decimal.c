/* Decimal numbers as text, in 64 and in 128 bits: see decimal.h.
 *
 * Nearly every value of a meter is at most 15 characters of digits with at most one point. Such a
 * text is loaded right-aligned into one or two words, the point is squeezed out, and eight digits
 * are joined at a time. Everything else, and everything wrong, goes through a plain loop, which is
 * the definition; a test holds the two against each other.
 */
#include "model/decimal.h"

#include "model/digits_internal.h"

/* clang-format off */
const int64_t bb_power_of_ten[19] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
    10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
    1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
};
/* clang-format on */

/* Digits and at most one point, then an optional exponent. */
struct scan {
    uint64_t mantissa;
    unsigned significant; /* digits from the first that is not zero, at most MAX_DIGITS + 1 */
    bool any;
    int64_t fraction; /* digits behind the point */
};

static const char *scan_digits(const char *at, const char *end, bool behind_point, struct scan *s) {
    for (; at < end && bb_is_digit(*at); at++) {
        s->any = true;
        s->fraction += behind_point;
        if (s->significant == 0 && *at == '0')
            continue;
        if (s->significant < BB_DECIMAL_MAX_DIGITS)
            s->mantissa = s->mantissa * 10 + (uint64_t)(*at - '0');
        if (s->significant <= BB_DECIMAL_MAX_DIGITS)
            s->significant++;
    }
    return at;
}

/* `at` stands behind the 'e'. False when there are no digits or text follows them. */
static bool scan_exponent(const char *at, const char *end, int64_t *exponent) {
    bool negative = false;
    int64_t value = 0;

    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    if (at == end)
        return false;
    for (; at < end && bb_is_digit(*at); at++)
        if (value < 1000000000)
            value = value * 10 + (*at - '0');
    *exponent = negative ? -value : value;
    return at == end;
}

static enum bb_decimal_outcome parse_slow(const char *at, const char *end, char point,
                                          bool negative, struct bb_decimal *out) {
    struct scan s = {0};
    int64_t exponent = 0;

    at = scan_digits(at, end, false, &s);
    if (at < end && *at == point)
        at = scan_digits(at + 1, end, true, &s);
    if (!s.any)
        return BB_DECIMAL_SYNTAX;
    if (at < end && ((*at | 0x20) != 'e' || !scan_exponent(at + 1, end, &exponent)))
        return BB_DECIMAL_SYNTAX;
    if (s.significant > BB_DECIMAL_MAX_DIGITS)
        return BB_DECIMAL_TOO_LONG;
    exponent -= s.fraction;
    if (exponent < BB_DECIMAL_MIN_EXPONENT || exponent > BB_DECIMAL_MAX_EXPONENT)
        return BB_DECIMAL_OUT_OF_RANGE;
    out->mantissa = negative ? -(int64_t)s.mantissa : (int64_t)s.mantissa;
    out->exponent = (int8_t)exponent;
    return BB_DECIMAL_OK;
}

/* The high bit of every byte that is no digit value 0..9; exact while no byte is above 0x7f, and
 * never zero when one is. */
static inline uint64_t not_digits(uint64_t x) {
    return ((x + BB_BYTES_OF(0x7f - 9)) | x) & BB_BYTES_OF(0x80);
}

/* Take the byte marked in `at` (one bit 0x80) out of x: what stands below moves up by one. */
static inline uint64_t squeeze(uint64_t x, uint64_t at) {
    uint64_t below = (at >> 7) - 1;
    uint64_t above = ~(below | (at | (at - (at >> 7))));

    return (x & above) | ((x & below) << 8);
}

/* 1 to 8 characters, the last in the highest byte, each less '0'; the rest zero. */
static inline uint64_t load_short(const char *text, size_t size) {
    if (size == 8)
        return bb_load_8(text) ^ BB_BYTES_OF('0');

    unsigned shift = 8 * (8 - (unsigned)size);
    uint64_t word;
    if (size >= 4) {
        word = (bb_load_4(text + size - 4) << 32) | (bb_load_4(text) << shift);
    } else {
        word = ((uint64_t)(uint8_t)text[0] << shift) |
               ((uint64_t)(uint8_t)text[size / 2] << (shift + 8 * ((unsigned)size / 2))) |
               ((uint64_t)(uint8_t)text[size - 1] << 56);
    }
    return word ^ (BB_BYTES_OF('0') << shift);
}

static inline bool is_single_point(uint64_t word, uint64_t bad, char point) {
    unsigned shift = (unsigned)__builtin_ctzll(bad) - 7;
    return (bad & (bad - 1)) == 0 && (uint8_t)(word >> shift) == ((uint8_t)point ^ '0');
}

/* How many bytes of the word stand behind the one marked. */
static inline int bytes_behind(uint64_t bad) {
    return __builtin_clzll(bad) / 8;
}

/* False: not the common form, ask the loop. */
static inline bool parse_fast(const char *text, size_t size, char point, int64_t *mantissa,
                              int *exponent) {
    if (size <= 8) {
        uint64_t word = load_short(text, size), bad = not_digits(word);

        *exponent = 0;
        if (bad) {
            if (size == 1 || !is_single_point(word, bad, point))
                return false;
            *exponent = -bytes_behind(bad);
            word = squeeze(word, bad);
        }
        *mantissa = (int64_t)bb_join_8_digits(word);
        return true;
    }

    uint64_t high = bb_load_8(text + size - 8) ^ BB_BYTES_OF('0');
    uint64_t low = (bb_load_8(text) ^ BB_BYTES_OF('0')) << (8 * (16 - size));
    uint64_t bad_high = not_digits(high), bad_low = not_digits(low);

    *exponent = 0;
    if (bad_high) {
        if (bad_low || !is_single_point(high, bad_high, point))
            return false;
        *exponent = -bytes_behind(bad_high);
        high = squeeze(high, bad_high) | (low >> 56);
        low <<= 8;
    } else if (bad_low) {
        if (!is_single_point(low, bad_low, point))
            return false;
        *exponent = -8 - bytes_behind(bad_low);
        low = squeeze(low, bad_low);
    }
    *mantissa = (int64_t)(bb_join_8_digits(low) * 100000000 + bb_join_8_digits(high));
    return true;
}

enum bb_decimal_outcome bb_decimal_parse(struct bb_span text, char point, struct bb_decimal *out) {
    const char *at = text.data;
    size_t size = text.size;
    bool negative = false;
    int64_t mantissa;
    int exponent;

    if (size == 0)
        return BB_DECIMAL_SYNTAX;
    if (*at == '-' || *at == '+') {
        negative = *at == '-';
        at++;
        size--;
    }
    /* 15 characters are at most 15 digits and 14 behind the point: no limit can be broken. */
    if (size - 1 < 15 && parse_fast(at, size, point, &mantissa, &exponent)) {
        out->mantissa = negative ? -mantissa : mantissa;
        out->exponent = (int8_t)exponent;
        return BB_DECIMAL_OK;
    }
    return parse_slow(at, at + size, point, negative, out);
}

size_t bb_decimal_format(struct bb_decimal value, bool trim, char *buffer) {
    char digits[-BB_DECIMAL_MIN_EXPONENT + 24] = {0};
    uint64_t left = value.mantissa < 0 ? -(uint64_t)value.mantissa : (uint64_t)value.mantissa;
    int count = 0, fraction, written;
    char *at = buffer;

    BB_ASSERT(value.exponent >= BB_DECIMAL_MIN_EXPONENT &&
              value.exponent <= BB_DECIMAL_MAX_EXPONENT);
    fraction = value.exponent < 0 ? -value.exponent : 0;
    do { /* lowest digit first, and at least one before the point */
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0 || count <= fraction);
    written = 0;
    while (trim && written < fraction && digits[written] == '0')
        written++;

    if (value.mantissa < 0)
        *at++ = '-';
    while (count > fraction)
        *at++ = digits[--count];
    if (value.mantissa != 0)
        for (int i = 0; i < value.exponent; i++)
            *at++ = '0';
    if (written < fraction)
        *at++ = '.';
    while (count > written)
        *at++ = digits[--count];
    *at = '\0';
    return (size_t)(at - buffer);
}

double bb_decimal_to_double(struct bb_decimal value) {
    BB_ASSERT(value.exponent >= BB_DECIMAL_MIN_EXPONENT &&
              value.exponent <= BB_DECIMAL_MAX_EXPONENT);
    double number = (double)value.mantissa;
    for (int left = -value.exponent; left > 0; left -= 18)
        number /= (double)bb_power_of_ten[left < 18 ? left : 18];
    return value.exponent > 0 ? number * (double)bb_power_of_ten[value.exponent] : number;
}

bb_wide bb_wide_divide_round(bb_wide numerator, bb_wide denominator) {
    BB_ASSERT(denominator > 0);

    bb_wide quotient = numerator / denominator, rest = numerator % denominator;
    bb_wide distance = rest < 0 ? -rest : rest;
    bb_wide other = denominator -
                    distance; /* to the next whole number; 2 * distance may overflow */
    if (distance > other || (distance == other && (quotient & 1)))
        quotient += numerator < 0 ? -1 : 1;
    return quotient;
}

bool bb_wide_to_decimal(bb_wide value, int exponent, int to, struct bb_decimal *out) {
    const bb_wide limit = bb_power_of_ten[18];
    int64_t up = (int64_t)exponent - to;

    if (to < BB_DECIMAL_MIN_EXPONENT || to > BB_DECIMAL_MAX_EXPONENT)
        return false;
    if (value == 0 || up < -38) { /* 10^39 is more than twice any 128-bit number */
        value = 0;
    } else if (up < 0) {
        bb_wide divisor = 1;
        for (int64_t n = -up; n > 0; n -= 18)
            divisor *= bb_power_of_ten[n < 18 ? n : 18];
        value = bb_wide_divide_round(value, divisor);
    } else if (up > 0) {
        if (up > 18 || value > limit || value < -limit)
            return false;
        value *= bb_power_of_ten[up];
    }
    if (value >= limit || value <= -limit)
        return false;
    out->mantissa = (int64_t)value;
    out->exponent = (int8_t)to;
    return true;
}

bool bb_decimal_equal(struct bb_decimal a, struct bb_decimal b) {
    if (a.exponent < b.exponent) {
        struct bb_decimal swapped = a;
        a = b;
        b = swapped;
    }
    int up = a.exponent - b.exponent;
    if (a.mantissa == 0 || up > 18) /* |a| × 10^19 is beyond every int64 */
        return a.mantissa == 0 && b.mantissa == 0;
    return (bb_wide)a.mantissa * bb_power_of_ten[up] == b.mantissa;
}

static int sign_of(int64_t mantissa) {
    return (mantissa > 0) - (mantissa < 0);
}

int bb_decimal_order(struct bb_decimal a, struct bb_decimal b) {
    enum { EXACT_DIGITS = 18 }; /* as many may be added to a mantissa */
    int least = a.exponent < b.exponent ? a.exponent : b.exponent;
    int greatest = a.exponent > b.exponent ? a.exponent : b.exponent;

    if (sign_of(a.mantissa) != sign_of(b.mantissa) || a.mantissa == 0)
        return sign_of(a.mantissa) < sign_of(b.mantissa) ? -1 : a.mantissa != b.mantissa;
    if (greatest - least > EXACT_DIGITS) { /* the one of the greater exponent is farther from 0 */
        bool a_is_farther = a.exponent == greatest;
        return a_is_farther == (a.mantissa > 0) ? 1 : -1;
    }
    bb_wide x = bb_decimal_widen(a.mantissa, a.exponent, least);
    bb_wide y = bb_decimal_widen(b.mantissa, b.exponent, least);
    return (x > y) - (x < y);
}

size_t bb_wide_format(bb_wide value, int exponent, char *buffer) {
    char digits[BB_WIDE_TEXT_MAX] = {0};
    unsigned __int128 left = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    int fraction = exponent < 0 ? -exponent : 0, count = 0, written = 0;
    char *at = buffer;

    BB_ASSERT(exponent >= BB_DECIMAL_MIN_EXPONENT && exponent <= BB_DECIMAL_MAX_EXPONENT);
    do {
        digits[count++] = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left > 0 || count <= fraction);
    while (written < fraction && digits[written] == '0')
        written++;
    if (value < 0)
        *at++ = '-';
    while (count > fraction)
        *at++ = digits[--count];
    for (int i = 0; value != 0 && i < exponent; i++)
        *at++ = '0';
    if (written < fraction)
        *at++ = '.';
    while (count > written)
        *at++ = digits[--count];
    *at = '\0';
    return (size_t)(at - buffer);
}
