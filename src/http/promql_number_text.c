/* Numbers as Prometheus writes them: the fewest digits that read back as the same number, plain from
 * 1e-6 to below 1e21, else with an exponent.
 *
 * An answer has millions of them, and trying printf and strtod takes microseconds each. Most are
 * between 1e-6 and 1e15, where 128 bits hold all that is needed exactly:
 *
 *   number = m * 2^e                        53 bits and an exponent
 *   number * 10^k = m * 5^k / 2^s           s = -(e + k); m * 5^k has at most 103 bits
 *   D = that, rounded                       the decimal with k places that is nearest
 *   D reads back as the number when  |D * 2^s - m * 5^k| < 5^k / 2       (half a step of m)
 *
 * with k for 15, 16 and then 17 digits. Decimals of up to 15 digits survive a double, so that 15 less
 * their zeros are the fewest when they read back. */
#include "http/promql_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAST_POWER = -6, POWERS = 22 /* from 1e-6 to 1e15 */, DIGITS_LEAST = 15, DIGITS_MAX = 17 };

static size_t put(char *text, const char *what) {
    size_t size = strlen(what);
    memcpy(text, what, size + 1);
    return size;
}

/* An integer with `fraction` of its digits behind a point. */
static size_t put_scaled(char *text, uint64_t digits, int fraction) {
    char reversed[24];
    int size = 0;
    size_t written = 0;

    while (digits > 0 || size <= fraction) {
        reversed[size++] = (char)('0' + digits % 10);
        digits /= 10;
    }
    while (size > 0) {
        text[written++] = reversed[--size];
        if (size == fraction && fraction > 0)
            text[written++] = '.';
    }
    text[written] = '\0';
    return written;
}

/* The greatest x with 10^x at most the number, which is in range. */
static int power_of(double number) {
    static const double powers[POWERS] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1,
                                          1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                          1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int i = POWERS - 1;

    while (number < powers[i])
        i--;
    return i + LEAST_POWER;
}

/* The decimal with `places` places that is nearest to m * 2^e; false when it reads back as another
 * number, or may. */
static bool round_to_places(uint64_t m, int e, int places, uint64_t *decimal) {
    unsigned __int128 five = 1;
    int shift = -(e + places);

    if (places < 0 || shift < 1 || shift > 64)
        return false;
    for (int i = 0; i < places; i++)
        five *= 5;
    unsigned __int128 exact = five * m;
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1);
    *decimal = (uint64_t)((exact + half) >> shift);
    if ((exact & (2 * half - 1)) == half)
        *decimal &= ~UINT64_C(1); /* half way: to the even one, as others do */
    unsigned __int128 rounded = (unsigned __int128)*decimal << shift;
    /* below a power of two the numbers stand twice as close */
    unsigned closer = rounded < exact && m == UINT64_C(1) << 52 ? 4 : 2;
    return (rounded > exact ? rounded - exact : exact - rounded) * closer < five;
}

/* 0: out of range, or no 17 digits are sure. `number` is more than 0. */
static size_t put_decimal(char *text, double number) {
    uint64_t decimal;
    int e;

    if (!(number >= 1e-6 && number < 1e15))
        return 0;
    uint64_t m = (uint64_t)ldexp(frexp(number, &e), 53);
    int power = power_of(number);
    for (int digits = DIGITS_LEAST; digits <= DIGITS_MAX; digits++) {
        int places = digits - 1 - power;
        if (!round_to_places(m, e - 53, places, &decimal))
            continue;
        while (places > 0 && decimal % 10 == 0) {
            decimal /= 10;
            places--;
        }
        return put_scaled(text, decimal, places);
    }
    return 0;
}

/* The digits of d.ddde+xx written plainly; magnitudes from 1e-6 to below 1e21. */
static size_t put_plain(char *text, const char *digits, size_t count, int exponent) {
    size_t size = 0;

    if (exponent < 0) {
        size = put(text, "0.");
        for (int i = -1; i > exponent; i--)
            text[size++] = '0';
    }
    for (size_t i = 0; i < count || (int)i <= exponent; i++) {
        text[size++] = i < count ? digits[i] : '0';
        if ((int)i == exponent && i + 1 < count)
            text[size++] = '.';
    }
    text[size] = '\0';
    return size;
}

/* Any number more than 0, by trying; 17 digits are always enough. */
static size_t put_by_trying(char *text, double number) {
    char scientific[32], digits[20];
    size_t count = 0;
    int precision = 0;

    do {
        snprintf(scientific, sizeof scientific, "%.*e", precision, number);
    } while (strtod(scientific, NULL) != number && ++precision < DIGITS_MAX);
    const char *mark = strchr(scientific, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    for (const char *at = scientific; at < mark; at++)
        if (*at != '.')
            digits[count++] = *at;
    if (exponent >= LEAST_POWER && exponent < 21)
        return put_plain(text, digits, count, exponent);
    size_t size = (size_t)(mark - scientific);
    memcpy(text, scientific, size);
    return size +
           (size_t)snprintf(text + size, BB_PROMQL_NUMBER_TEXT_MAX - 1 - size, "e%+d", exponent);
}

size_t bb_promql_number_text(double number, char *text) {
    if (isnan(number))
        return put(text, "NaN");
    if (isinf(number))
        return put(text, number > 0 ? "+Inf" : "-Inf");
    size_t sign = signbit(number) ? put(text, "-") : 0;
    if (number == 0)
        return sign + put(text + sign, "0");
    size_t size = put_decimal(text + sign, fabs(number));
    return sign + (size > 0 ? size : put_by_trying(text + sign, fabs(number)));
}
