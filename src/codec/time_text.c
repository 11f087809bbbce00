/* Learning the form of a file's times: see time_text_internal.h. */
#include "codec/time_text_internal.h"

/* Up to four digits; -1 when another character is among them. */
static int read_number(const char *at, size_t size) {
    int value = 0;

    for (size_t i = 0; i < size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

/* Midnight of the date that leads the text, "2026-03-01" and one more character. */
static bool read_day(const char *text, int64_t *day_ms) {
    struct bb_civil civil = {0};
    int year = read_number(text, 4), month = read_number(text + 5, 2);
    int day = read_number(text + 8, 2);

    if (text[4] != '-' || text[7] != '-' || year < 0 || month < 0 || day < 0)
        return false;
    civil.year = year;
    civil.month = (int8_t)month;
    civil.day = (int8_t)day;
    if (!bb_civil_valid(&civil))
        return false;
    *day_ms = bb_days_from_civil(year, month, day) * BB_DAY_MS;
    return true;
}

bool bb_time_move(struct bb_time_memory *memory, const char *text) {
    const uint64_t separator = 0xff00000000000000ULL; /* 'T' or a blank, behind the date */

    if ((bb_load_word(text + 3) ^ memory->head_high) & separator ||
        !read_day(text, &memory->day_ms))
        return false;
    memory->head_low = bb_load_word(text);
    memory->head_high = bb_load_word(text + 3);
    return true;
}

void bb_time_learn(struct bb_time_memory *memory, struct bb_span text, int64_t ms, bool local) {
    memory->learned = false;
    if (text.size < BB_TIME_HEAD + BB_TIME_CLOCK ||
        text.size > BB_TIME_HEAD + BB_TIME_CLOCK + BB_TIME_TAIL_MAX ||
        !read_day(text.data, &memory->day_ms))
        return;
    uint64_t clock = bb_load_word(text.data + BB_TIME_HEAD);
    int64_t clock_ms = bb_clock_ms(clock);
    if (clock_ms < 0)
        return;

    size_t tail = text.size - BB_TIME_HEAD - BB_TIME_CLOCK;
    memory->tail_mask = tail == 0 ? 0 : UINT64_MAX << (64 - 8 * tail);
    memory->tail = bb_load_word(text.data + text.size - 8) & memory->tail_mask;
    memory->head_low = bb_load_word(text.data);
    memory->head_high = bb_load_word(text.data + 3);
    memory->clock = clock;
    memory->clock_ms = clock_ms;
    memory->tail_ms = ms - memory->day_ms - clock_ms;
    memory->learned_size = text.size;
    memory->learned_local = local;
    /* An offset or a fraction: less than a day. Anything else is a form not foreseen here. */
    memory->learned = memory->tail_ms > -BB_DAY_MS && memory->tail_ms < BB_DAY_MS;
}
