/* Lengths of intervals as sources and maps write them: see map_internal.h. */
#include "codec/map_internal.h"

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S, MAX_COUNT = 366 };

static const struct {
    const char *text;
    struct bb_interval interval;
} words[] = {
    {"day", {DAY_S, 1, BB_STEP_DAYS}},          {"week", {7 * DAY_S, 7, BB_STEP_DAYS}},
    {"month", {30 * DAY_S, 1, BB_STEP_MONTHS}}, {"P1M", {30 * DAY_S, 1, BB_STEP_MONTHS}},
    {"year", {YEAR_S, 12, BB_STEP_MONTHS}},     {"P1Y", {YEAR_S, 12, BB_STEP_MONTHS}},
    {"hour", {3600, 0, BB_STEP_SECONDS}},       {"P1W", {7 * DAY_S, 7, BB_STEP_DAYS}},
};

/* "1d", "P7D": the unit is days, and nothing smaller follows. */
static bool says_days(struct bb_span text) {
    return bb_char_lower(text.data[text.size - 1]) == 'd';
}

bool bb_interval_parse(struct bb_span text, struct bb_interval *out) {
    int64_t ms;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_span_equal_nocase(text, bb_span_of(words[i].text))) {
            *out = words[i].interval;
            return true;
        }
    if (!bb_duration_parse(text, &ms) || ms <= 0 || ms % BB_SECOND_MS != 0 ||
        ms / BB_SECOND_MS > 10LL * YEAR_S)
        return false;
    *out = (struct bb_interval){.seconds = (uint32_t)(ms / BB_SECOND_MS)};
    if (says_days(text) && out->seconds / DAY_S <= MAX_COUNT) {
        out->step = BB_STEP_DAYS;
        out->count = (uint16_t)(out->seconds / DAY_S);
    }
    return true;
}
