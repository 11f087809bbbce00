/* Windows for rules: see rules_window.h. */
#include "service/rules_window.h"

#include <math.h>
#include <stdlib.h>

#include "derive/profile.h"
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

struct bb_rules_point bb_rules_point_of_derived(const struct bb_channel *channel, bool raw,
                                                const struct bb_point *point) {
    const struct bb_quality *quality = &point->attribute->quality;
    struct bb_decimal value = point->value;
    bool rounded, known = quality->state != BB_STATE_MISSING;

    if (known && raw)
        known = bb_convert(point->value, point->attribute->unit, channel->metered_unit, &value,
                           &rounded);

    return (struct bb_rules_point){
        .end_ms = point->end_ms,
        .length_ms = point->end_ms - point->start_ms,
        .utc_offset_s = bb_zone_offset_s(channel->calendar.zone, point->end_ms),
        .value = known ? bb_decimal_to_double(value) : (double)NAN,
        .quality = quality_of(quality)};
}

double bb_rules_weight_of(const struct bb_channel *channel, const struct bb_rules_point *point) {
    const double hour = 1e12 * BB_HOUR_MS; /* millionths x millionths, see derive/profile.h */

    return (double)bb_profile_weight(channel, point->end_ms - point->length_ms, point->end_ms) /
           hour;
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
    free(g->profile);
    free(g->others.offset);
    free(g->others.quality);
    free(g->others.end_ms);
    free(g->others.value);
    bb_arena_release(&g->texts);
    memset(g, 0, sizeof *g);
}

void bb_rules_gather_clear(struct bb_rules_gather *g) {
    g->windows = 0;
    g->points = 0;
    g->has_profile = false;
    g->others.series = g->others.points = 0;
    bb_arena_reset(&g->texts);
}

bool bb_rules_gather_full(const struct bb_rules_gather *g) {
    return g->points + g->others.points >= FULL_POINTS || g->windows >= FULL_WINDOWS;
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
            !grow((void **)&g->profile, room, sizeof *g->profile) ||
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
        g->profile[at] = (double)NAN;
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

void bb_rules_gather_weigh(struct bb_rules_gather *g, const double *weights) {
    const uint32_t from = g->offset[g->windows - 1];

    memcpy(g->profile + from, weights, (g->points - from) * sizeof *weights);
    g->has_profile = true;
}

static bool has_room_beside(struct bb_rules_gather_others *o, size_t more) {
    if (o->series == o->series_room) {
        size_t room = o->series_room ? 2 * o->series_room : 256;
        if (!grow((void **)&o->offset, room + 1, sizeof *o->offset))
            return false;
        o->series_room = room;
    }
    if (!o->end_ms || o->points + more > o->points_room) {
        size_t room = 2 * o->points_room + more + 256;
        if (room > UINT32_MAX || !grow((void **)&o->end_ms, room, sizeof *o->end_ms) ||
            !grow((void **)&o->value, room, sizeof *o->value) ||
            !grow((void **)&o->quality, room, sizeof *o->quality))
            return false;
        o->points_room = room;
    }
    return true;
}

bool bb_rules_gather_add_other(struct bb_rules_gather *g, const struct bb_rules_point *points,
                               size_t count) {
    struct bb_rules_gather_others *o = &g->others;

    if (!has_room_beside(o, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        o->end_ms[o->points + i] = points[i].end_ms;
        o->value[o->points + i] = points[i].value;
        o->quality[o->points + i] = points[i].quality;
    }
    if (o->series == 0)
        o->offset[0] = 0;
    o->points += count;
    o->offset[++o->series] = (uint32_t)o->points;
    return true;
}

void bb_rules_gather_batch(const struct bb_rules_gather *g, struct bb_rules_batch *out) {
    const struct bb_rules_gather_others *o = &g->others;

    BB_ASSERT(o->series == (size_t)g->windows * o->channels);
    *out = (struct bb_rules_batch){.windows = g->windows,
                                   .offset = g->offset,
                                   .judge = g->judge,
                                   .interval_ms = g->interval_ms,
                                   .end_ms = g->end_ms,
                                   .utc_offset_s = g->utc_offset_s,
                                   .value = g->value,
                                   .quality = g->quality,
                                   .about = g->about,
                                   .others = {.count = o->channels,
                                              .offset = o->offset,
                                              .end_ms = o->end_ms,
                                              .value = o->value,
                                              .quality = o->quality},
                                   .profile = g->has_profile ? g->profile : NULL};
}
