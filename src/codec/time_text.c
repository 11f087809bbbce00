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

void bb_time_learn(struct bb_time_memory *memory, struct bb_span text, int64_t ms, bool local) {
    memory->learned = false;
    if (text.size < BB_TIME_HEAD + BB_TIME_CLOCK ||
        text.size > BB_TIME_HEAD + BB_TIME_CLOCK + BB_TIME_TAIL_MAX || text.data[4] != '-' ||
        text.data[7] != '-')
        return;
    int year = read_number(text.data, 4), month = read_number(text.data + 5, 2);
    int day = read_number(text.data + 8, 2);
    int64_t clock_ms = bb_clock_ms(text.data + BB_TIME_HEAD);
    if (year < 0 || month < 1 || month > 12 || day < 1 || clock_ms < 0)
        return;

    size_t tail = text.size - BB_TIME_HEAD - BB_TIME_CLOCK;
    memory->tail_mask = tail == 0 ? 0 : UINT64_MAX << (64 - 8 * tail);
    memory->tail = bb_text_load_8(text.data + text.size - 8) & memory->tail_mask;
    memory->head_low = bb_text_load_8(text.data);
    memory->head_high = bb_text_load_8(text.data + 3);
    memory->day_ms = bb_days_from_civil(year, month, day) * BB_DAY_MS;
    memory->tail_ms = ms - memory->day_ms - clock_ms;
    memory->learned_size = text.size;
    memory->learned_local = local;
    /* An offset or a fraction: less than a day. Anything else is a form not foreseen here. */
    memory->learned = memory->tail_ms > -BB_DAY_MS && memory->tail_ms < BB_DAY_MS;
}
