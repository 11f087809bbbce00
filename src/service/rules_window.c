/* Windows for rules: see rules_window.h. */
#include "service/rules_window.h"

#include <math.h>
#include <stdlib.h>

#include "model/calendar.h"
#include "model/quality.h"

enum { FULL_POINTS = 200000, FULL_WINDOWS = 4000, TEXTS_CHUNK = 64 << 10, TEXTS_MAX = 256 << 20 };

static uint32_t quality_of(const struct bb_quality *quality) {
    static const uint32_t states[BB_STATE_COUNT] = {
        [BB_STATE_MEASURED] = BB_RULES_MEASURED, [BB_STATE_ESTIMATED] = BB_RULES_ESTIMATED,
        [BB_STATE_EDITED] = BB_RULES_EDITED,     [BB_STATE_SUBSTITUTED] = BB_RULES_ESTIMATED,
        [BB_STATE_MISSING] = BB_RULES_MISSING,   [BB_STATE_PARTIAL] = BB_RULES_MEASURED,
    };

    return states[quality->state] |
           (quality->marks & BB_MARK_SUSPECT ? (uint32_t)BB_RULES_SUSPECT : 0);
}

struct bb_rules_point bb_rules_point_of(const struct bb_query_row *row) {
    return (struct bb_rules_point){
        .end_ms = row->end_ms,
        .length_ms = row->end_ms - row->start_ms,
        .utc_offset_s = row->zone ? bb_zone_offset_s(row->zone, row->end_ms) : 0,
        .value = row->has_value ? bb_decimal_to_double(row->value) : (double)NAN,
        .quality = quality_of(row->quality)};
}

struct bb_rules_point bb_rules_point_of_derived(const struct bb_channel *channel,
                                                const struct bb_point *point) {
    const struct bb_quality *quality = &point->attribute->quality;

    return (struct bb_rules_point){
        .end_ms = point->end_ms,
        .length_ms = point->end_ms - point->start_ms,
        .utc_offset_s = bb_zone_offset_s(channel->calendar.zone, point->end_ms),
        .value = quality->state != BB_STATE_MISSING ? bb_decimal_to_double(point->value)
                                                    : (double)NAN,
        .quality = quality_of(quality)};
}

void bb_rules_gather_init(struct bb_rules_gather *g) {
    memset(g, 0, sizeof *g);
    bb_arena_init(&g->texts, TEXTS_CHUNK, TEXTS_MAX);
}

void bb_rules_gather_release(struct bb_rules_gather *g) {
    free(g->offset);
    free(g->judge);
    free(g->quality);
    free(g->source);
    free(g->interval_ms);
    free(g->end_ms);
    free(g->utc_offset_s);
    free(g->value);
    free(g->about);
    bb_arena_release(&g->texts);
    memset(g, 0, sizeof *g);
}

void bb_rules_gather_clear(struct bb_rules_gather *g) {
    g->windows = 0;
    g->points = 0;
    bb_arena_reset(&g->texts);
}

bool bb_rules_gather_full(const struct bb_rules_gather *g) {
    return g->points >= FULL_POINTS || g->windows >= FULL_WINDOWS;
}

static bool grow(void **items, size_t count, size_t size) {
    void *grown = realloc(*items, count * size);

    if (grown)
        *items = grown;
    return grown != NULL;
}

static bool has_room(struct bb_rules_gather *g, size_t more) {
    if (g->windows == g->windows_room) {
        uint32_t room = g->windows_room ? 2 * g->windows_room : 256;
        if (!grow((void **)&g->offset, room + 1, sizeof *g->offset) ||
            !grow((void **)&g->judge, room, sizeof *g->judge) ||
            !grow((void **)&g->source, room, sizeof *g->source) ||
            !grow((void **)&g->interval_ms, room, sizeof *g->interval_ms) ||
            !grow((void **)&g->about, room, sizeof *g->about))
            return false;
        g->windows_room = room;
    }
    if (g->points + more > g->points_room) {
        size_t room = 2 * g->points_room + more;
        if (room > UINT32_MAX || !grow((void **)&g->end_ms, room, sizeof *g->end_ms) ||
            !grow((void **)&g->utc_offset_s, room, sizeof *g->utc_offset_s) ||
            !grow((void **)&g->value, room, sizeof *g->value) ||
            !grow((void **)&g->quality, room, sizeof *g->quality))
            return false;
        g->points_room = room;
    }
    return true;
}

bool bb_rules_gather_add(struct bb_rules_gather *g, const struct bb_rules_point *points,
                         size_t count, size_t judge, uint32_t source, struct bb_span about) {
    BB_ASSERT(count > 0 && judge < count);
    struct bb_span kept = bb_arena_copy(&g->texts, about);

    if (!kept.data || !has_room(g, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t at = g->points + i;
        g->end_ms[at] = points[i].end_ms;
        g->utc_offset_s[at] = points[i].utc_offset_s;
        g->value[at] = points[i].value;
        g->quality[at] = points[i].quality;
    }
    if (g->windows == 0)
        g->offset[0] = 0;
    g->judge[g->windows] = (uint32_t)judge;
    g->source[g->windows] = source;
    g->interval_ms[g->windows] = points[count - 1].length_ms;
    g->about[g->windows] = kept;
    g->points += count;
    g->offset[++g->windows] = (uint32_t)g->points;
    return true;
}

void bb_rules_gather_batch(const struct bb_rules_gather *g, struct bb_rules_batch *out) {
    *out = (struct bb_rules_batch){.windows = g->windows,
                                   .offset = g->offset,
                                   .judge = g->judge,
                                   .interval_ms = g->interval_ms,
                                   .end_ms = g->end_ms,
                                   .utc_offset_s = g->utc_offset_s,
                                   .value = g->value,
                                   .quality = g->quality,
                                   .about = g->about};
}
