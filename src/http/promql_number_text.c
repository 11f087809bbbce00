/* Numbers as Prometheus writes them: the fewest digits that read back as the same number, plain from
 * 1e-6 to below 1e21, else with an exponent. */
#include "http/promql_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static size_t put(char *text, const char *what) {
    size_t size = strlen(what);
    memcpy(text, what, size + 1);
    return size;
}

/* An integer with `fraction` of its digits behind a point. */
static size_t put_scaled(char *text, int64_t digits, unsigned fraction) {
    char reversed[24];
    size_t size = 0, written = 0;
    bool negative = digits < 0;
    uint64_t rest = negative ? (uint64_t)-digits : (uint64_t)digits;

    while (rest > 0 || size <= fraction) {
        reversed[size++] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (negative)
        text[written++] = '-';
    while (size > 0) {
        text[written++] = reversed[--size];
        if (size == fraction && fraction > 0)
            text[written++] = '.';
    }
    text[written] = '\0';
    return written;
}

/* Meter values have few decimals. An integer below 2^53 divided by a power of ten that a double holds
 * exactly is rounded once, as reading the text would be: when it gives the number, the digits are
 * right, and with the least power they are the fewest. Below 2^50 the product is off by less than a
 * quarter, so that rounding finds the integer. */
static size_t put_decimal(char *text, double number) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

    for (unsigned i = 0; i < sizeof powers / sizeof *powers; i++) {
        double digits = nearbyint(number * powers[i]);
        if (fabs(digits) >= 0x1p50)
            return 0;
        if (digits / powers[i] == number)
            return put_scaled(text, (int64_t)digits, i);
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

/* 17 digits are always enough. */
static size_t put_shortest(char *text, double number) {
    char scientific[32], digits[20];
    size_t count = 0;
    int precision = 0;

    do {
        snprintf(scientific, sizeof scientific, "%.*e", precision, fabs(number));
    } while (strtod(scientific, NULL) != fabs(number) && ++precision < 17);
    const char *mark = strchr(scientific, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    for (const char *at = scientific; at < mark; at++)
        if (*at != '.')
            digits[count++] = *at;
    size_t size = number < 0 ? put(text, "-") : 0;
    if (exponent >= -6 && exponent < 21)
        return size + put_plain(text + size, digits, count, exponent);
    memcpy(text + size, scientific, (size_t)(mark - scientific));
    size += (size_t)(mark - scientific);
    return size + (size_t)snprintf(text + size, BB_PROMQL_NUMBER_TEXT_MAX - size, "e%+d", exponent);
}

size_t bb_promql_number_text(double number, char *text) {
    if (isnan(number))
        return put(text, "NaN");
    if (isinf(number))
        return put(text, number > 0 ? "+Inf" : "-Inf");
    if (number == 0)
        return put(text, signbit(number) ? "-0" : "0");
    size_t size = put_decimal(text, number);
    return size > 0 ? size : put_shortest(text, number);
}
