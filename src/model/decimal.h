/* Decimals: values exactly as the meter sent them, mantissa × 10^exponent.
 *
 * "1.50" is 150 × 10^-2: trailing zeros are kept, so that the raw lane can print what was sent.
 * At most 18 significant digits (leading zeros do not count) and an exponent from -24 to 18;
 * anything else is refused by name, never rounded. Sums run in 128 bits.
 */
#ifndef BB_MODEL_DECIMAL_H
#define BB_MODEL_DECIMAL_H

#include "base/error.h"
#include "base/span.h"

enum {
    BB_DECIMAL_MAX_DIGITS = 18,
    BB_DECIMAL_MIN_EXPONENT = -24, /* floating-point texts such as 0.0007781194872222841 fit */
    BB_DECIMAL_MAX_EXPONENT = 18,
    BB_DECIMAL_TEXT_MAX = 48,
    BB_WIDE_TEXT_MAX = 68 /* 39 digits, 24 zeros, a sign, a point */
};

typedef __int128 bb_wide; /* sums of mantissas; the one integer wider than C17 knows */

struct bb_decimal {
    int64_t mantissa;
    int8_t exponent;
};

enum bb_decimal_outcome {
    BB_DECIMAL_OK = 0,
    BB_DECIMAL_SYNTAX,      /* not a number: empty, letters, two points, NaN, inf, hex */
    BB_DECIMAL_TOO_LONG,    /* more than 18 significant digits */
    BB_DECIMAL_OUT_OF_RANGE /* exponent beyond -24..18 */
};

/* Parse all of `text` (no blanks around): [+-] digits [point digits] [e|E [+-] digits].
 * `point` is '.' or ','. Digits are required on at least one side of the point. */
enum bb_decimal_outcome bb_decimal_parse(struct bb_span text, char point, struct bb_decimal *out)
    BB_MUST_USE;

/* Plain text without exponent ("0.050", "1200"); `trim` drops trailing zeros after the point.
 * Returns the length; `buffer` has BB_DECIMAL_TEXT_MAX bytes and is NUL-terminated. */
size_t bb_decimal_format(struct bb_decimal value, bool trim, char *buffer);

/* The shortest decimal that reads back as `value`, of those the nearest: 0.1 for 0.1. At most 17 digits.
 * BB_DECIMAL_SYNTAX for NaN and infinities, BB_DECIMAL_OUT_OF_RANGE. */
enum bb_decimal_outcome bb_decimal_of_double(double value, struct bb_decimal *out) BB_MUST_USE;

/* For plots and tests; rounds. */
double bb_decimal_to_double(struct bb_decimal value);

/* 10^n for n in [0, 18]. */
extern const int64_t bb_power_of_ten[19];

/* mantissa × 10^(from - to) exactly; `to` <= `from`, from - to <= 36. */
static inline bb_wide bb_decimal_widen(int64_t mantissa, int from, int to) {
    bb_wide wide = mantissa;
    for (int n = from - to; n > 0; n -= 18)
        wide *= bb_power_of_ten[n < 18 ? n : 18];
    return wide;
}

/* numerator / denominator, rounded half to even; denominator > 0. */
bb_wide bb_wide_divide_round(bb_wide numerator, bb_wide denominator);

/* value × 10^exponent brought to `to`, rounded half to even when digits fall away; false when the
 * result does not fit an int64 of 18 digits. */
bool bb_wide_to_decimal(bb_wide value, int exponent, int to, struct bb_decimal *out) BB_MUST_USE;

/* Sums as text: like bb_decimal_format with `trim`, of any 128-bit number. `buffer` has BB_WIDE_TEXT_MAX
 * bytes. */
size_t bb_wide_format(bb_wide value, int exponent, char *buffer);

/* Order as numbers, exactly: <0, 0 or >0. */
int bb_decimal_order(struct bb_decimal a, struct bb_decimal b);

/* Equal as numbers: 1.50 equals 1.5. */
bool bb_decimal_equal(struct bb_decimal a, struct bb_decimal b);

#endif
