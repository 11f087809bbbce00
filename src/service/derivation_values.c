/* What a derivation of one channel changes of its values, told to the change feed: see model/value_change.h.
 *
 *   view (before the commit) ──► rows as people saw them ─┐
 *   what was made, or the view ─► rows as they are now ───┴──► rows that differ ──► outbox
 *
 * Told for the lanes that somebody follows (configuration `changes`); nothing is read where nobody does.
 */
#include "service/derivation_internal.h"

#include "base/list.h"
#include "derive/vee.h"
#include "model/value_change.h"

#include <stdlib.h>

/* One side: the channel as it was, or is, and where its blocks come from. */
struct side {
    const struct bb_channel *channel; /* NULL: there was none */
    bool is_now;
};

struct telling {
    struct bb_derivation_work *w;
    struct side was, is;
    struct bb_arena *arena;              /* of the span at hand */
    struct bb_attribute_set *attributes; /* of both sides, so that equal rows have equal indexes */
    struct bb_error *error;
};

static int block_of(struct telling *t, const struct side *side, uint8_t lane, int32_t span,
                    struct bb_block *out) {
    struct bb_derivation_work *w = t->w;
    struct bb_span packed;
    int result;

    *out = (struct bb_block){.lane = lane};
    if (!side->channel)
        return 0;
    if (side->is_now) {
        result = bb_derivation_fetch(w, (struct bb_plan_key){lane, 0, span}, &packed, t->error);
    } else {
        const struct bb_block_key key = {w->slot->record.number, span, lane};
        result = w->d->store->ops->block_get(w->view, &key, &packed, t->error);
        if (result == BB_ABSENT)
            packed = (struct bb_span){NULL, 0};
    }
    return result < 0         ? result
           : packed.size == 0 ? 0
                              : bb_block_unpack(packed, t->arena, out, t->error);
}

static bool put_row(struct telling *t, struct bb_block *rows, int64_t end_ms, int64_t mantissa,
                    const struct bb_attribute *attribute) {
    uint32_t index = bb_attribute_set_index(t->attributes, attribute);

    if (index == UINT32_MAX)
        return false;
    uint32_t row = rows->count++;
    rows->end_ms[row] = end_ms;
    rows->mantissa[row] = mantissa;
    rows->attribute[row] = index;
    rows->recorded_ms[row] = rows->received_ms[row] = rows->issued_ms[row] = 0;
    rows->origin[row] = rows->rivals[row] = 0;
    return true;
}

/* Lanes whose rows are what people see. */
static int plain_rows(struct telling *t, const struct side *side, uint8_t lane, int32_t span,
                      struct bb_block *out) {
    struct bb_block block;
    int result = block_of(t, side, lane, span, &block);
    bool room = !result && bb_block_init(out, lane, block.count + 1, t->arena);

    for (uint32_t i = 0; room && i < block.count; i++)
        room = put_row(t, out, block.end_ms[i], block.mantissa[i],
                       &block.attributes.items[block.attribute[i]]);
    return result || room ? result : bb_derivation_no_memory(t->error);
}

static struct bb_attribute point_attribute(const struct bb_channel *channel,
                                           const struct bb_point *point) {
    return (struct bb_attribute){
        .quality = point->attribute->quality,
        .length_s = (uint32_t)((point->end_ms - point->start_ms) / BB_SECOND_MS),
        .unit = channel->kind == BB_KIND_INTERVAL ? channel->derived_unit : channel->metered_unit,
        .exponent = point->value.exponent};
}

/* Lane vee: raw overlaid, in the channel's unit. */
static int vee_rows(struct telling *t, const struct side *side, uint8_t lane, int32_t span,
                    struct bb_block *out) {
    struct bb_block raw, overlay;
    struct bb_window vee;
    int result = block_of(t, side, BB_LANE_RAW, span, &raw);

    if (!result)
        result = block_of(t, side, BB_LANE_VEE, span, &overlay);
    if (!result && side->channel)
        result = bb_vee_restore_day(side->channel, &raw, &overlay, span, t->arena, &vee, t->error);
    else
        vee = (struct bb_window){0};
    if (result)
        return result;
    bool room = bb_block_init(out, lane, vee.count + 1, t->arena);
    for (size_t i = 0; room && i < vee.count; i++) {
        const struct bb_attribute a = point_attribute(side->channel, &vee.points[i]);
        room = put_row(t, out, vee.points[i].end_ms, vee.points[i].value.mantissa, &a);
    }
    return room ? 0 : bb_derivation_no_memory(t->error);
}

/* How the rows of a lane are made; lanes without are not told. */
static const struct {
    int (*rows)(struct telling *t, const struct side *side, uint8_t lane, int32_t span,
                struct bb_block *out);
    enum bb_lane made_of[2]; /* a change of one of these may be one of the lane */
} tellers[BB_LANE_COUNT] = {
    [BB_LANE_RAW] = {plain_rows, {BB_LANE_RAW, BB_LANE_RAW}},
    [BB_LANE_VEE] = {vee_rows, {BB_LANE_RAW, BB_LANE_VEE}},
    [BB_LANE_DAY] = {plain_rows, {BB_LANE_DAY, BB_LANE_DAY}},
};

static bool same_place(const struct bb_block *a, uint32_t i, const struct bb_block *b, uint32_t k,
                       const struct bb_attribute *attributes) {
    return a->end_ms[i] == b->end_ms[k] &&
           attributes[a->attribute[i]].statistic == attributes[b->attribute[k]].statistic;
}

static bool is_before(const struct bb_block *a, uint32_t i, const struct bb_block *b, uint32_t k,
                      const struct bb_attribute *attributes) {
    return a->end_ms[i] != b->end_ms[k]
               ? a->end_ms[i] < b->end_ms[k]
               : attributes[a->attribute[i]].statistic < attributes[b->attribute[k]].statistic;
}

static void keep_row(struct bb_block *rows, uint32_t from, uint32_t to) {
    rows->end_ms[to] = rows->end_ms[from];
    rows->mantissa[to] = rows->mantissa[from];
    rows->attribute[to] = rows->attribute[from];
}

/* Mark the rows of `now` that are new or another, and leave in `was` those that are another or gone. Returns how many
 * there are in all. */
static uint32_t compare(struct bb_block *now, struct bb_block *was,
                        const struct bb_attribute *attributes) {
    uint32_t left = 0, changed = 0, k = 0;

    for (uint32_t i = 0; i < now->count; i++) {
        while (k < was->count && is_before(was, k, now, i, attributes)) {
            keep_row(was, k++, left++);
            changed++;
        }
        bool is_there = k < was->count && same_place(was, k, now, i, attributes);
        bool is_equal = is_there && was->mantissa[k] == now->mantissa[i] &&
                        was->attribute[k] == now->attribute[i];
        now->origin[i] = !is_equal;
        changed += !is_equal;
        if (is_there && !is_equal)
            keep_row(was, k, left++);
        k += is_there;
    }
    for (; k < was->count; k++, changed++)
        keep_row(was, k, left++);
    was->count = left;
    return changed;
}

static void widen(const struct bb_block *rows, bool only_marked,
                  const struct bb_attribute *attributes, struct bb_outbox_record *record) {
    for (uint32_t i = 0; i < rows->count; i++) {
        if (only_marked && !rows->origin[i])
            continue;
        int64_t start = rows->end_ms[i] -
                        (int64_t)attributes[rows->attribute[i]].length_s * BB_SECOND_MS;
        if (record->from_ms == BB_TIME_NONE || start < record->from_ms)
            record->from_ms = start;
        if (record->to_ms == BB_TIME_NONE || rows->end_ms[i] > record->to_ms)
            record->to_ms = rows->end_ms[i];
    }
}

static int tell_span(struct telling *t, uint8_t lane, int32_t span) {
    struct bb_derivation_work *w = t->w;
    const struct bb_channel_slot *slot = w->slot;
    struct bb_value_change change = {
        .lane = lane,
        .span = span,
        .kind = slot->record.kind,
        .commodity = slot->record.commodity,
        .zone = slot->record.zone,
        .obis = slot->record.obis,
        .source = bb_gather_source_at(w->gather, w->recorded_ms),
    };

    bb_arena_reset(t->arena);
    bb_attribute_set_clear(t->attributes);
    int result = tellers[lane].rows(t, &t->was, lane, span, &change.before);
    if (!result)
        result = tellers[lane].rows(t, &t->is, lane, span, &change.now);
    if (result)
        return result;
    const struct bb_attribute *attributes = t->attributes->items;
    uint32_t changed = compare(&change.now, &change.before, attributes);
    if (changed == 0)
        return 0;
    struct bb_outbox_record record = {.kind = BB_OUTBOX_VALUES,
                                      .recorded_ms = w->recorded_ms,
                                      .tenant = bb_channel_slot_tenant(slot),
                                      .usage_point = bb_channel_slot_usage_point(slot),
                                      .channel = bb_channel_slot_channel(slot),
                                      .from_ms = BB_TIME_NONE,
                                      .to_ms = BB_TIME_NONE,
                                      .a = changed};
    widen(&change.now, true, attributes, &record);
    widen(&change.before, false, attributes, &record);
    change.now.attributes = change.before.attributes = *t->attributes;
    bb_buffer_clear(&w->d->value_change);
    result = bb_value_change_encode(&change, t->arena, &w->d->value_change, t->error);
    record.body = bb_buffer_span(&w->d->value_change);
    return result ? result : bb_derivation_put_outbox(w->d, &record, t->error);
}

/* ---- which spans */

static int by_number(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

static bool put_span(struct bb_derivation *d, size_t *count, int32_t span) {
    if (!bb_list_room(&d->told_spans, *count, &d->told_span_capacity, sizeof d->told_spans[0]))
        return false;
    d->told_spans[(*count)++] = span;
    return true;
}

/* Spans of the lane that may have changed: those of the blocks that were made; what the channel is may be another thing, and
 * then any. */
static int list_spans(struct telling *t, uint8_t lane, size_t *out) {
    struct bb_derivation_work *w = t->w;
    struct bb_derivation *d = w->d;
    size_t count = 0;
    bool room = true;

    for (size_t i = w->slot->output_from; room && i < d->output_count; i++)
        if (d->outputs[i].key.lane == tellers[lane].made_of[0] ||
            d->outputs[i].key.lane == tellers[lane].made_of[1])
            room = put_span(d, &count, d->outputs[i].key.span);
    for (uint32_t i = 0; w->slot->derive_again && lane == BB_LANE_VEE && i < w->coverage.count; i++)
        for (int32_t day = w->coverage.runs[i].first; room && day <= w->coverage.runs[i].last;
             day++)
            room = put_span(d, &count, day);
    if (!room)
        return bb_derivation_no_memory(t->error);
    if (count > 1)
        qsort(d->told_spans, count, sizeof d->told_spans[0], by_number);
    *out = count;
    return 0;
}

static int tell_lane(struct telling *t, uint8_t lane) {
    size_t count = 0;
    int result = list_spans(t, lane, &count);

    for (size_t i = 0; !result && i < count; i++)
        if (i == 0 || t->w->d->told_spans[i] != t->w->d->told_spans[i - 1])
            result = tell_span(t, lane, t->w->d->told_spans[i]);
    return result;
}

/* What the channel was before this commit. */
static int channel_before(struct bb_derivation_work *w, struct bb_channel *out,
                          const struct bb_channel **was, struct bb_error *error) {
    struct bb_channel_record record;
    struct bb_span packed;

    *was = &w->slot->channel;
    if (!w->slot->is_new && !w->slot->changed)
        return 0;
    *was = NULL;
    int result = w->d->store->ops->name_get(w->view, BB_NAME_CHANNEL, w->slot->key, &packed, error);
    if (result != BB_FOUND)
        return result < 0 ? result : 0;
    result = bb_channel_record_decode(packed, &record, error);
    if (!result)
        result = bb_channel_from_record(w->channels->plant, &record, &w->d->plan, out, error);
    *was = out;
    return result;
}

int bb_derivation_tell_values(struct bb_derivation_work *w, struct bb_error *error) {
    const uint32_t lanes = w->channels->plant->config.changes_lanes;
    struct bb_channel before;
    struct telling t = {.w = w,
                        .is = {.channel = &w->slot->channel, .is_now = true},
                        .arena = &w->d->values,
                        .attributes = &w->d->value_attributes,
                        .error = error};

    if (lanes == 0)
        return 0;
    int result = channel_before(w, &before, &t.was.channel, error);
    for (uint8_t lane = 0; !result && lane < BB_LANE_COUNT; lane++)
        if (lanes >> lane & 1 && tellers[lane].rows)
            result = tell_lane(&t, lane);
    return result;
}
