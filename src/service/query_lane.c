/* Reading a lane of one channel: straight from its blocks, or as a plan makes it (query_plan.c). */
#include "service/query_internal.h"

#include "derive/estimate.h"
#include "derive/merge.h"
#include "derive/vee.h"

enum { GAP_DAYS = BB_GAP_ROWS_DAYS + 1 /* rows of a gap stand so near a day with readings */ };

/* ---- rows */

static bool within(const struct bb_query_channel *c, int64_t start_ms, int64_t end_ms) {
    const struct bb_query *q = c->query;
    bool instant = start_ms == end_ms;

    if (q->from_ms != BB_TIME_NONE && (instant ? end_ms < q->from_ms : end_ms <= q->from_ms))
        return false;
    return q->to_ms == BB_TIME_NONE || (instant ? end_ms < q->to_ms : end_ms <= q->to_ms);
}

static int tell(struct bb_query_channel *c, struct bb_query_row *row) {
    if (!within(c, row->start_ms, row->end_ms))
        return 0;
    if (*c->left == 0)
        return 1;
    if (*c->left != UINT64_MAX)
        --*c->left;
    row->usage_point = c->usage_point;
    row->channel = c->name;
    row->lane = c->query->lane;
    row->kind = c->channel.kind;
    row->zone = c->channel.calendar.zone;
    int result = c->visit(c->context, row);
    return result ? result : *c->left == 0;
}

static int tell_raw(struct bb_query_channel *c, const struct bb_block *block) {
    int result = 0;

    for (uint32_t i = 0; !result && i < block->count; i++) {
        const struct bb_attribute *a = &block->attributes.items[block->attribute[i]];
        struct bb_query_row row = {
            .start_ms = block->end_ms[i] - (int64_t)a->length_s * BB_SECOND_MS,
            .end_ms = block->end_ms[i],
            .has_value = a->quality.state != BB_STATE_MISSING,
            .value = {block->mantissa[i], a->exponent},
            .unit = a->unit,
            .quality = &a->quality,
            .recorded_ms = c->of ? BB_TIME_NONE : block->recorded_ms[i],
        };
        result = tell(c, &row);
    }
    return result;
}

/* Intervals of the lane vee are amounts; others are readings, as the meter shows them. */
static int tell_points(struct bb_query_channel *c, const struct bb_window *window) {
    int unit = c->channel.kind == BB_KIND_INTERVAL ? c->channel.derived_unit
                                                   : c->channel.metered_unit;
    int result = 0;

    for (size_t i = 0; !result && i < window->count; i++) {
        const struct bb_point *p = &window->points[i];
        struct bb_query_row row = {
            .start_ms = p->start_ms,
            .end_ms = p->end_ms,
            .has_value = p->attribute->quality.state != BB_STATE_MISSING,
            .value = p->value,
            .unit = unit,
            .quality = &p->attribute->quality,
            .has_band = p->overlay && p->band > 0 &&
                        p->attribute->quality.state == BB_STATE_ESTIMATED &&
                        p->attribute->quality.method != BB_METHOD_NONE,
            .band = {p->band - 1, p->value.exponent},
            .recorded_ms = BB_TIME_NONE,
        };
        result = tell(c, &row);
    }
    return result;
}

int bb_query_tell_periods(struct bb_query_channel *c, const struct bb_block *block) {
    int result = 0;

    for (uint32_t i = 0; !result && i < block->count; i++) {
        const struct bb_attribute *a = &block->attributes.items[block->attribute[i]];
        struct bb_query_row row = {
            .start_ms = block->end_ms[i] - (int64_t)a->length_s * BB_SECOND_MS,
            .end_ms = block->end_ms[i],
            .has_value = a->quality.state != BB_STATE_MISSING,
            .value = {block->mantissa[i], a->exponent},
            .unit = a->unit,
            .quality = &a->quality,
            .recorded_ms = BB_TIME_NONE,
            .present = (uint32_t)block->rivals[i],
            .estimated = (uint32_t)block->origin[i],
            .measured_ms = block->recorded_ms[i],
        };
        for (; i + 1 < block->count && block->end_ms[i + 1] == block->end_ms[i]; i++) {
            const struct bb_attribute *next = &block->attributes.items[block->attribute[i + 1]];
            struct bb_decimal value = {block->mantissa[i + 1], next->exponent};
            row.has_range = true;
            if (next->statistic == BB_STATISTIC_MIN)
                row.min = value;
            else
                row.max = value;
        }
        result = tell(c, &row);
    }
    return result;
}

/* ---- blocks */

int bb_query_block(struct bb_query_channel *c, uint8_t lane, int32_t span, struct bb_block *block,
                   struct bb_error *error) {
    struct bb_block_key key = {c->record.number, span, lane};
    struct bb_span packed;

    *block = (struct bb_block){.lane = lane};
    int result = c->plant->store->ops->block_get(c->view, &key, &packed, error);
    if (result == BB_FOUND)
        return bb_block_unpack(packed, c->arena, block, error);
    return result < 0 ? result : 0;
}

void bb_query_day_bounds(const struct bb_query_channel *c, int32_t *first, int32_t *last) {
    const struct bb_query *q = c->query;

    *first = 0;
    *last = -1;
    if (c->coverage.count == 0)
        return;
    *first = c->coverage.runs[0].first;
    *last = c->coverage.runs[c->coverage.count - 1].last;
    if (q->lane != BB_LANE_RAW && c->tick_ms > (*last + 1) * (int64_t)BB_DAY_MS)
        *last += BB_TICK_DAYS + 1; /* rows of silence */
    if (q->from_ms != BB_TIME_NONE && bb_lane_span_of(BB_LANE_RAW, q->from_ms) > *first)
        *first = bb_lane_span_of(BB_LANE_RAW, q->from_ms);
    if (q->to_ms != BB_TIME_NONE && bb_lane_span_of(BB_LANE_RAW, q->to_ms) < *last)
        *last = bb_lane_span_of(BB_LANE_RAW, q->to_ms);
}

int bb_query_raw_of_day(struct bb_query_channel *c, int32_t day, struct bb_block *out,
                        struct bb_error *error) {
    struct bb_block history, current;

    if (c->of)
        return bb_query_made_of_day(c, day, out, error);
    int result = bb_query_block(c, BB_LANE_RAW, day, &current, error);

    if (result || c->query->as_of_ms == BB_TIME_NONE) {
        *out = current;
        return result;
    }
    result = bb_query_block(c, BB_LANE_HISTORY, day, &history, error);
    return result ? result
                  : bb_merge_as_of(&current, &history, c->query->as_of_ms, c->arena, out, error);
}

/* ---- lanes */

static int read_raw(struct bb_query_channel *c, struct bb_error *error) {
    int32_t first, last;
    int result = 0;

    bb_query_day_bounds(c, &first, &last);
    for (int32_t day = first; !result && day <= last; day++) {
        struct bb_block block;
        if (!bb_coverage_has(&c->coverage, day)) {
            day = bb_coverage_after(&c->coverage, day) - 1;
            continue;
        }
        result = bb_query_raw_of_day(c, day, &block, error);
        if (!result)
            result = tell_raw(c, &block);
    }
    return result;
}

int32_t bb_query_vee_day(const struct bb_query_channel *c, int32_t day) {
    int32_t first, last;

    bb_query_day_bounds(c, &first, &last);
    day = day < first ? first : day;
    while (day <= last && !bb_coverage_has(&c->coverage, day)) {
        int32_t covered = bb_coverage_before(&c->coverage, day);
        if (covered != BB_DAY_NONE && day - covered <= GAP_DAYS)
            break;
        day = bb_coverage_after(&c->coverage, day);
        if (day == BB_DAY_NONE)
            return BB_DAY_NONE;
    }
    return day <= last ? day : BB_DAY_NONE;
}

int bb_query_restore_day(struct bb_query_channel *c, const struct bb_block *raw,
                         const struct bb_block *overlay, int32_t day, struct bb_window *vee,
                         struct bb_error *error) {
    return bb_vee_restore_day(&c->channel, raw, overlay, day, c->arena, vee, error);
}

int bb_query_tell_day(struct bb_query_channel *c, const struct bb_block *raw,
                      const struct bb_block *overlay, int32_t day, struct bb_error *error) {
    struct bb_window vee;
    int result = bb_query_restore_day(c, raw, overlay, day, &vee, error);

    return result ? result : tell_points(c, &vee);
}

static int read_vee(struct bb_query_channel *c, struct bb_error *error) {
    int result = 0;

    for (int32_t day = bb_query_vee_day(c, BB_DAY_NONE); !result && day != BB_DAY_NONE;
         day = bb_query_vee_day(c, day + 1)) {
        struct bb_block raw = {.lane = BB_LANE_RAW}, overlay;
        if (bb_coverage_has(&c->coverage, day))
            result = bb_query_block(c, BB_LANE_RAW, day, &raw, error);
        if (!result)
            result = bb_query_block(c, BB_LANE_VEE, day, &overlay, error);
        if (!result)
            result = bb_query_tell_day(c, &raw, &overlay, day, error);
    }
    return result;
}

static int read_periods(struct bb_query_channel *c, struct bb_error *error) {
    const int32_t period_days = c->tick_ms ? BB_TICK_DAYS + 2 : 2;
    const struct bb_query *q = c->query;
    int result = 0;

    if (c->coverage.count == 0)
        return 0;
    /* A local period may end in the span after (or before) that of its readings, and a long interval
     * may begin in the one before. */
    int32_t first = bb_lane_span_of(q->lane, c->coverage.runs[0].first * (int64_t)BB_DAY_MS -
                                                 c->coverage.longest_s * (int64_t)BB_SECOND_MS);
    int32_t last = bb_lane_span_of(
        q->lane,
        (c->coverage.runs[c->coverage.count - 1].last + period_days) * (int64_t)BB_DAY_MS + 1);
    if (q->from_ms != BB_TIME_NONE && bb_lane_span_of(q->lane, q->from_ms) > first)
        first = bb_lane_span_of(q->lane, q->from_ms);
    if (q->to_ms != BB_TIME_NONE && bb_lane_span_of(q->lane, q->to_ms) < last)
        last = bb_lane_span_of(q->lane, q->to_ms);
    for (int32_t span = first; !result && span <= last; span++) {
        struct bb_block block;
        result = bb_query_block(c, (uint8_t)q->lane, span, &block, error);
        if (!result)
            result = bb_query_tell_periods(c, &block);
    }
    return result;
}

int bb_query_lane(struct bb_query_channel *c, struct bb_error *error) {
    if (c->query->lane == BB_LANE_RAW)
        return read_raw(c, error);
    if (c->of || bb_query_is_made(c->query))
        return bb_query_read_made(c, error);
    return c->query->lane == BB_LANE_VEE ? read_vee(c, error) : read_periods(c, error);
}
