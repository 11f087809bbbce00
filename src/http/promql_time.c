/* Durations, times and numbers of PromQL: see promql_time.h. */
#include "http/promql_time.h"

#include "http/promql_ast.h"
#include "model/timestamp.h"

#include <math.h>
#include <stdlib.h>

static const struct unit {
    struct bb_span name;
    int64_t ms;
} units[] = {
    {BB_SPAN("y"), INT64_C(365) * BB_DAY_MS},
    {BB_SPAN("w"), INT64_C(7) * BB_DAY_MS},
    {BB_SPAN("d"), BB_DAY_MS},
    {BB_SPAN("h"), BB_HOUR_MS},
    {BB_SPAN("m"), BB_MINUTE_MS},
    {BB_SPAN("s"), BB_SECOND_MS},
    {BB_SPAN("ms"), 1},
};
enum { UNITS = sizeof units / sizeof *units };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The digits at the beginning of *text, which is cut by them. */
static bool take_count(struct bb_span *text, int64_t *count) {
    size_t size = 0;

    *count = 0;
    for (; size < text->size && is_digit(text->data[size]); size++) {
        if (*count > BB_PROMQL_DURATION_MAX_MS)
            return false;
        *count = *count * 10 + (text->data[size] - '0');
    }
    text->data += size;
    text->size -= size;
    return size > 0;
}

static struct bb_span take_letters(struct bb_span *text) {
    struct bb_span letters = {text->data, 0};

    while (letters.size < text->size && !is_digit(text->data[letters.size]))
        letters.size++;
    text->data += letters.size;
    text->size -= letters.size;
    return letters;
}

bool bb_promql_duration_parse(struct bb_span text, int64_t *ms) {
    size_t next = 0; /* the greatest unit that may come */
    int64_t total = 0;

    if (text.size == 0)
        return false;
    while (text.size > 0) {
        int64_t count, part;
        if (!take_count(&text, &count))
            return false;
        struct bb_span name = take_letters(&text);
        while (next < UNITS && !bb_span_equal(name, units[next].name))
            next++;
        if (next == UNITS || __builtin_mul_overflow(count, units[next].ms, &part) ||
            __builtin_add_overflow(total, part, &total) || total > BB_PROMQL_DURATION_MAX_MS)
            return false;
        next++;
    }
    *ms = total;
    return true;
}

bool bb_promql_number_parse(struct bb_span text, double *number) {
    static const char letters[] = "0123456789abcdefxABCDEFX.+-";
    char copy[64], *end;

    if (bb_span_equal_nocase(text, BB_SPAN("nan"))) {
        *number = (double)NAN;
        return true;
    }
    bool negative = text.size > 0 && *text.data == '-';
    size_t sign = text.size > 0 && (*text.data == '-' || *text.data == '+');
    struct bb_span magnitude = {text.data + sign, text.size - sign};
    if (bb_span_equal_nocase(magnitude, BB_SPAN("inf"))) {
        *number = negative ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    /* strtod would also take blanks, "infinity" and "nan(...)" */
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!memchr(letters, text.data[i], sizeof letters - 1))
            return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *number = strtod(copy, &end);
    return end == copy + text.size;
}

bool bb_promql_seconds_to_ms(double seconds, int64_t limit_ms, int64_t *ms) {
    double value = seconds * 1000;

    if (!(fabs(value) <= (double)limit_ms))
        return false;
    *ms = llround(value);
    return true;
}

bool bb_promql_step_parse(struct bb_span text, int64_t *ms) {
    double seconds;

    if (bb_promql_duration_parse(text, ms))
        return *ms > 0;
    return bb_promql_number_parse(text, &seconds) &&
           bb_promql_seconds_to_ms(seconds, BB_PROMQL_DURATION_MAX_MS, ms) && *ms > 0;
}

bool bb_promql_time_parse(struct bb_span text, int64_t *ms) {
    double seconds;

    if (bb_promql_number_parse(text, &seconds))
        return bb_promql_seconds_to_ms(seconds, BB_PROMQL_TIME_MAX_MS, ms);
    return bb_time_parse_rfc3339(text, ms) == BB_TIME_OK;
}
