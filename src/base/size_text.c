/* Sizes as people write them: see size_text.h. */
#include "base/size_text.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name;
    int64_t bytes;
} units[] = {
    {"TiB", 1LL << 40},    {"GiB", 1LL << 30}, {"MiB", 1LL << 20},
    {"KiB", 1LL << 10},    {"B", 1},           {"", 1},
    {"kB", 1000},          {"MB", 1000000},    {"GB", 1000000000},
    {"TB", 1000000000000},
};
enum { BINARY_UNITS = 5, UNITS = sizeof units / sizeof units[0] };

bool bb_size_parse(struct bb_span text, int64_t *bytes) {
    int64_t number = 0;
    size_t digits = 0;

    text = bb_span_trim(text);
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text.data[digits] - '0', &number))
            return false;
        digits++;
    }
    if (digits == 0)
        return false;
    struct bb_span unit = bb_span_trim((struct bb_span){text.data + digits, text.size - digits});
    for (size_t i = 0; i < UNITS; i++)
        if (bb_span_equal_nocase(unit, bb_span_of(units[i].name)))
            return !__builtin_mul_overflow(number, units[i].bytes, bytes);
    return false;
}

size_t bb_size_format(int64_t bytes, char *buffer) {
    size_t i = 0;

    while (i + 1 < BINARY_UNITS && (bytes == 0 || bytes % units[i].bytes != 0))
        i++;
    return (size_t)snprintf(buffer, BB_SIZE_TEXT_MAX, "%" PRId64 "%s", bytes / units[i].bytes,
                            units[i].name);
}
