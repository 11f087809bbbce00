/* Times that look like the time before.
 *
 * In a file of readings the texts of two times in a row differ in a few digits. The general parser
 * (model/timestamp.h) reads the first; what it made of the date and of the end ("Z", "+01:00",
 * ".000Z", nothing) is kept with their bytes. While those bytes stay, only hh:mm:ss is read:
 *
 *      2026-03-01T 00:15:00 Z
 *      └─ head ──┘ └ read ┘ └ tail
 *        day_ms              tail_ms
 */
#ifndef BB_CODEC_TIME_TEXT_INTERNAL_H
#define BB_CODEC_TIME_TEXT_INTERNAL_H

#include "codec/bytes_internal.h"
#include "model/timestamp.h"

enum { BB_TIME_HEAD = 11, BB_TIME_CLOCK = 8, BB_TIME_TAIL_MAX = 8, BB_TIME_KEPT_MAX = 40 };

struct bb_time_memory {
    char text[BB_TIME_KEPT_MAX]; /* of the last time, whatever its form */
    size_t size;
    int64_t ms;
    bool local;
    bool learned; /* what follows is valid */
    bool learned_local;
    size_t learned_size;
    uint64_t head_low, head_high; /* bytes 0..7 and 3..10 */
    uint64_t tail, tail_mask;     /* the last bytes, in the upper end of a word */
    int64_t day_ms, tail_ms;
    uint64_t clock; /* the last hh:mm:ss as bytes, and what it means */
    int64_t clock_ms;
};

/* "hh:mm:ss", loaded as a word, as milliseconds; -1 when it is none. */
static inline int64_t bb_clock_ms(uint64_t clock) {
    const uint64_t form = 0x30303a30303a3030ULL;   /* "00:00:00", first character lowest */
    const uint64_t beyond = 0x76767f76767f7676ULL; /* added: sets the top bit past 9, or past ':' */
    const uint64_t top = 0x8080808080808080ULL;
    uint64_t v = clock ^ form;

    if ((v | (v + beyond)) & top)
        return -1;
    uint32_t hour = (uint32_t)(v & 15) * 10 + (uint32_t)(v >> 8 & 15);
    uint32_t minute = (uint32_t)(v >> 24 & 15) * 10 + (uint32_t)(v >> 32 & 15);
    uint32_t second = (uint32_t)(v >> 48 & 15) * 10 + (uint32_t)(v >> 56);
    if (hour > 23 || minute > 59 || second > 59)
        return -1;
    return (int64_t)((hour * 60 + minute) * 60 + second) * BB_SECOND_MS;
}

/* The same form on another day; the memory moves there. */
bool bb_time_move(struct bb_time_memory *memory, const char *text);

/* False: not like the one before. */
static inline bool bb_time_recall(struct bb_time_memory *memory, const char *text, size_t size,
                                  int64_t *ms, bool *local) {
    if (!memory->learned || size != memory->learned_size ||
        (bb_load_word(text + size - 8) & memory->tail_mask) != memory->tail)
        return false;
    if ((bb_load_word(text) != memory->head_low || bb_load_word(text + 3) != memory->head_high) &&
        !bb_time_move(memory, text))
        return false;
    uint64_t clock = bb_load_word(text + BB_TIME_HEAD);
    if (clock != memory->clock) { /* moment by moment it is the same for all meters */
        int64_t clock_ms = bb_clock_ms(clock);
        if (clock_ms < 0)
            return false;
        memory->clock = clock;
        memory->clock_ms = clock_ms;
    }
    *ms = memory->day_ms + memory->clock_ms + memory->tail_ms;
    *local = memory->learned_local;
    return true;
}

/* Learn from a text and what the general parser made of it. */
void bb_time_learn(struct bb_time_memory *memory, struct bb_span text, int64_t ms, bool local);

#endif
