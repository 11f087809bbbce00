/* The repeated hour, settled by the order of rows: see local_time_internal.h. */
#include "codec/local_time_internal.h"

/* Remember the day of `civil_ms` when its whole length has one offset. */
static void learn_day(struct bb_local_day *day, const struct bb_zone *zone, int64_t civil_ms) {
    int64_t into = civil_ms % BB_DAY_MS;
    int64_t from = civil_ms - (into < 0 ? into + BB_DAY_MS : into), to = from + BB_DAY_MS;
    int64_t begin, end, second;

    if (bb_zone_to_utc(zone, from, &begin, &second) != BB_LOCAL_UNIQUE ||
        bb_zone_to_utc(zone, to, &end, &second) != BB_LOCAL_UNIQUE || end - begin != BB_DAY_MS)
        return;
    *day = (struct bb_local_day){zone, from, to, from - begin};
}

/* Which pass through the repeated hour is this? `length_ms` is how far the clock was put back. */
static uint8_t choose_pass(const struct bb_local_memory *memory, int64_t civil_ms, int64_t first_ms,
                           int64_t length_ms, bool *backward, bool *unsure) {
    int64_t step = civil_ms - memory->civil_ms;

    *backward = memory->known && memory->backward;
    *unsure = true;
    if (!memory->known)
        return 1;
    if (memory->pass != 0 && step < length_ms && step > -length_ms) {
        uint8_t next = memory->backward ? 1 : 2;
        bool turned = memory->backward ? step >= 0 : step <= 0;
        *unsure = memory->unsure && !turned;
        if (turned || memory->pass == next)
            return next;
        /* A meter that reads hourly but drifts: 02:11:25, then 02:11:26 an hour later. */
        if (memory->step_ms > 0 && (step < 0 ? -step : step) < memory->step_ms / 2) {
            *unsure = true;
            return next;
        }
        return memory->pass;
    }
    *backward = step < 0;
    int64_t moment = *backward ? first_ms + length_ms : first_ms;
    int64_t distance = *backward ? memory->utc_ms - moment : moment - memory->utc_ms;
    *unsure = distance > length_ms;
    return *backward ? 2 : 1;
}

static void remember(struct bb_local_memory *memory, int64_t civil_ms, int64_t utc_ms) {
    int64_t step = utc_ms - memory->utc_ms;

    memory->step_ms = memory->known ? (step < 0 ? -step : step) : 0;
    memory->civil_ms = civil_ms;
    memory->utc_ms = utc_ms;
    memory->known = true;
}

enum bb_local_outcome bb_local_resolve(struct bb_local_day *day, const struct bb_zone *zone,
                                       struct bb_local_memory *memory, int64_t civil_ms,
                                       int64_t *utc_ms) {
    int64_t first, second;

    if (day->zone == zone && civil_ms >= day->from_ms && civil_ms < day->to_ms) {
        *utc_ms = civil_ms - day->offset_ms;
        remember(memory, civil_ms, *utc_ms);
        memory->pass = 0;
        return BB_LOCAL_CERTAIN;
    }
    switch (bb_zone_to_utc(zone, civil_ms, &first, &second)) {
    case BB_LOCAL_SKIPPED: return BB_LOCAL_NEVER;
    case BB_LOCAL_UNIQUE:
        learn_day(day, zone, civil_ms);
        *utc_ms = first;
        remember(memory, civil_ms, first);
        memory->pass = 0;
        return BB_LOCAL_CERTAIN;
    case BB_LOCAL_AMBIGUOUS: break;
    }
    bool backward, unsure;
    uint8_t pass = choose_pass(memory, civil_ms, first, second - first, &backward, &unsure);
    *utc_ms = pass == 2 ? second : first;
    remember(memory, civil_ms, *utc_ms);
    memory->pass = pass;
    memory->backward = backward;
    memory->unsure = unsure;
    return unsure ? BB_LOCAL_GUESSED : BB_LOCAL_CERTAIN;
}
