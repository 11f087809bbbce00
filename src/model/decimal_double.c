/* The shortest decimal that reads back as a given double: what a sender of floats meant by 0.1.
 *
 * Nearly every float of a meter is a decimal of at most 15 digits. m / 10^k is one correctly rounded
 * division when m and 10^k are exact doubles, so m × 10^-k reads back as `value` just when m / 10^k
 * is `value`; the least k for which that holds has the fewest digits. What is longer is printed with
 * 16 and 17 digits; the latter always reads back.
 */
#include "model/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUICK_DIGITS = 15, LONG_DIGITS = 17 };

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}; /* all that are exact */
enum { POWER_COUNT = sizeof powers / sizeof powers[0] };

static bool find_quick(double value, struct bb_decimal *out) {
    for (int k = 0; k < POWER_COUNT; k++) {
        double mantissa = nearbyint(value * powers[k]);
        if (fabs(mantissa) >= powers[QUICK_DIGITS])
            return false;
        if (mantissa / powers[k] == value) {
            *out = (struct bb_decimal){(int64_t)mantissa, (int8_t)-k};
            return true;
        }
    }
    return false;
}

/* "-d.ddde[+-]xx" without trailing zeros: a decimal again, but for the range of its exponent. */
static void take_apart(const char *text, bb_wide *mantissa, int *exponent) {
    bool negative = *text == '-', behind = false;

    *mantissa = 0;
    *exponent = 0;
    for (text += negative; *text != 'e'; text++) {
        if (*text == '.') {
            behind = true;
            continue;
        }
        *mantissa = *mantissa * 10 + (*text - '0');
        *exponent -= behind;
    }
    *exponent += (int)strtol(text + 1, NULL, 10);
    while (*mantissa != 0 && *mantissa % 10 == 0) {
        *mantissa /= 10;
        ++*exponent;
    }
    if (negative)
        *mantissa = -*mantissa;
}

enum bb_decimal_outcome bb_decimal_of_double(double value, struct bb_decimal *out) {
    char text[BB_DECIMAL_TEXT_MAX];
    bb_wide mantissa;
    int exponent;

    if (!isfinite(value))
        return BB_DECIMAL_SYNTAX;
    if (find_quick(value, out))
        return BB_DECIMAL_OK;
    for (int digits = QUICK_DIGITS; digits <= LONG_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    take_apart(text, &mantissa, &exponent);
    while (exponent > BB_DECIMAL_MAX_EXPONENT && mantissa < bb_power_of_ten[17] &&
           mantissa > -bb_power_of_ten[17]) {
        mantissa *= 10;
        exponent--;
    }
    if (exponent < BB_DECIMAL_MIN_EXPONENT || exponent > BB_DECIMAL_MAX_EXPONENT)
        return BB_DECIMAL_OUT_OF_RANGE;
    *out = (struct bb_decimal){(int64_t)mantissa, (int8_t)exponent};
    return BB_DECIMAL_OK;
}
