/* Numbers as people read them: see human.h. */
#include "cli/human.h"

#include <inttypes.h>
#include <stdio.h>

const char *bb_human_count(uint64_t count, char *buffer) {
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *at = buffer;

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return buffer;
}

/* Three digits of what is at least one: 1.23, 12.3, 123. */
static const char *three_digits(double number, const char *unit, char *buffer) {
    int decimals = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;

    snprintf(buffer, BB_HUMAN_MAX, "%.*f%s", decimals, number, unit);
    return buffer;
}

const char *bb_human_short(double number, char *buffer) {
    static const char *const units[] = {"", " k", " M", " G", " T"};
    size_t i = 0;

    if (!(number >= 0) || number < 999.5) {
        snprintf(buffer, BB_HUMAN_MAX, "%.0f", number > 0 ? number : 0.0);
        return buffer;
    }
    for (; number >= 999.5 && i + 1 < sizeof units / sizeof units[0]; i++)
        number /= 1000;
    return three_digits(number, units[i], buffer);
}

const char *bb_human_bytes(uint64_t bytes, char *buffer) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    double number = (double)bytes;
    size_t i = 0;

    if (bytes < 1024) {
        snprintf(buffer, BB_HUMAN_MAX, "%" PRIu64 " B", bytes);
        return buffer;
    }
    for (; number >= 1023.5 && i + 1 < sizeof units / sizeof units[0]; i++)
        number /= 1024;
    return three_digits(number, units[i], buffer);
}

const char *bb_human_seconds(double seconds, char *buffer) {
    unsigned whole = seconds > 0 && seconds < 1e9 ? (unsigned)seconds : 0;

    if (seconds < 10)
        snprintf(buffer, BB_HUMAN_MAX, "%.1f s", seconds > 0 ? seconds : 0.0);
    else if (whole < 60)
        snprintf(buffer, BB_HUMAN_MAX, "%u s", whole);
    else if (whole < 3600)
        snprintf(buffer, BB_HUMAN_MAX, "%u min %02u s", whole / 60, whole % 60);
    else
        snprintf(buffer, BB_HUMAN_MAX, "%u h %02u min", whole / 3600, whole / 60 % 60);
    return buffer;
}

size_t bb_text_columns(const char *text, size_t size) {
    size_t columns = 0;

    for (size_t i = 0; i < size; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}
