/* Validation and estimation: see vee.h. Pure. */
#include "derive/vee.h"

#include "derive/acceptance.h"
#include "derive/estimate.h"

#include <stdlib.h>

/* A gap between two usable points that can be cut into rows. */
struct slots {
    int64_t from_ms, step_ms;
    size_t count; /* 0: no rows */
};

/* Gaps get rows when the ending interval's length divides them and they are not too long. */
static struct slots slots_between(const struct bb_point *before, const struct bb_point *after) {
    struct slots s = {before->end_ms, after->end_ms - after->start_ms, 0};
    int64_t length_ms = after->start_ms - before->end_ms;

    if (length_ms > 0 && s.step_ms > 0 && length_ms % s.step_ms == 0 &&
        length_ms <= BB_LOOK_AHEAD_DAYS * (int64_t)BB_DAY_MS)
        s.count = (size_t)(length_ms / s.step_ms);
    return s;
}

static bool has_gaps(const struct bb_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL && channel->pipeline->check[BB_CHECK_GAP].on;
}

size_t bb_vee_gap_rows(const struct bb_channel *channel, const struct bb_window *raw, size_t first,
                       size_t last) {
    size_t rows = 0;

    if (!has_gaps(channel))
        return 0;
    const struct bb_point *before = bb_previous_usable(raw, first);
    for (size_t i = first; i < last; i++) {
        if (!raw->points[i].usable)
            continue;
        if (before)
            rows += slots_between(before, &raw->points[i]).count;
        before = &raw->points[i];
    }
    return rows;
}

static void run_checks(const struct bb_channel *channel, struct bb_window *raw, size_t first,
                       size_t last, struct bb_finding_list *findings) {
    static const struct bb_stat none = {NULL, 0};

    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        const struct bb_step *step = &channel->pipeline->check[check];
        struct bb_check_context context = {.channel = channel,
                                           .parameter = step->parameter,
                                           .window = raw,
                                           .first = first,
                                           .last = last,
                                           .findings = findings,
                                           .stat = &none};
        if (step->on && bb_checks[check].run && (bb_checks[check].kinds & (1u << channel->kind)))
            bb_checks[check].run(&context);
    }
}

static struct bb_attribute *copy_attribute(const struct bb_attribute *a, struct bb_arena *arena) {
    struct bb_attribute *copy = bb_arena_take(arena, sizeof *copy);

    if (copy)
        *copy = *a;
    return copy;
}

static bool any_suspect(uint32_t checks) {
    for (int i = 0; i < BB_CHECK_COUNT; i++)
        if ((checks & (1u << i)) && bb_checks[i].suspect)
            return true;
    return false;
}

/* The unit of the lane vee: amounts in the derived one, readings in that of the meter. */
static uint8_t vee_unit(const struct bb_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL ? channel->derived_unit : channel->metered_unit;
}

/* A raw point that a check spoke about, that needs another unit, or that has no value. */
static bool point_of_odd(const struct bb_channel *channel, const struct bb_point *raw,
                         struct bb_arena *arena, struct bb_point *out) {
    bool rounded = false;

    *out = *raw;
    if (out->usable)
        out->usable = bb_point_value(channel, raw, &out->value, &rounded);
    bool lost = !out->usable && raw->attribute->quality.state != BB_STATE_MISSING;
    out->overlay = raw->checks != 0 || lost;
    if (!out->overlay)
        return true;
    struct bb_attribute *a = copy_attribute(raw->attribute, arena);
    if (!a)
        return false;
    a->quality.checks |= raw->checks;
    a->quality.marks |= (uint16_t)((any_suspect(raw->checks) ? BB_MARK_SUSPECT : 0) |
                                   (rounded ? BB_MARK_ROUNDED : 0));
    if (!out->usable) {
        a->quality.state = BB_STATE_MISSING;
        out->value = (struct bb_decimal){0, 0};
    }
    a->unit = vee_unit(channel);
    a->exponent = out->value.exponent;
    out->attribute = a;
    return true;
}

/* Nearly all raw points are clean: they stay as they are. */
static inline bool is_clean(const struct bb_channel *channel, const struct bb_point *raw) {
    return raw->checks == 0 && raw->usable && raw->attribute->unit == vee_unit(channel) &&
           !(channel->installation_count > 0 && bb_channel_has_factor(channel));
}

/* A raw point as the vee lane shows it. */
static inline bool point_of_raw(const struct bb_channel *channel, const struct bb_point *raw,
                                struct bb_arena *arena, struct bb_point *out) {
    if (!is_clean(channel, raw))
        return point_of_odd(channel, raw, arena, out);
    *out = *raw;
    return true;
}

/* The rows of one gap: estimated, or missing. Returns false when memory is out. */
static bool put_gap(const struct bb_channel *channel, const struct slots *s,
                    const struct bb_point *before, const struct bb_point *after,
                    struct bb_arena *arena, struct bb_window *out, bool *filled) {
    struct bb_estimate estimate = {bb_arena_take(arena, s->count * sizeof *estimate.value),
                                   bb_arena_take(arena, s->count * sizeof *estimate.band)};
    struct bb_attribute *a = bb_arena_take(arena, sizeof *a);
    int source = before->value.exponent < after->value.exponent ? before->value.exponent
                                                                : after->value.exponent;
    struct bb_gap gap = {.channel = channel,
                         .before = before->value,
                         .after = after->value,
                         .from_ms = s->from_ms,
                         .to_ms = after->start_ms,
                         .intervals = s->count,
                         .exponent = bb_derived_exponent(source)};

    if (!estimate.value || !estimate.band || !a)
        return false;
    enum bb_method method = bb_estimate(&gap, arena, &estimate);
    *filled = method != BB_METHOD_NONE;
    *a = (struct bb_attribute){.quality = {.state = *filled ? BB_STATE_ESTIMATED : BB_STATE_MISSING,
                                           .method = (uint8_t)method,
                                           .checks = 1u << BB_CHECK_GAP},
                               .length_s = (uint32_t)(s->step_ms / BB_SECOND_MS),
                               .unit = channel->derived_unit,
                               .exponent = *filled ? estimate.value[0].exponent : 0};
    for (size_t i = 0; i < s->count; i++) {
        struct bb_point p = {.start_ms = s->from_ms + (int64_t)i * s->step_ms,
                             .end_ms = s->from_ms + (int64_t)(i + 1) * s->step_ms,
                             .attribute = a,
                             .checks = 1u << BB_CHECK_GAP,
                             .usable = *filled,
                             .overlay = true};
        if (*filled)
            p.value = estimate.value[i];
        if (!bb_window_put(out, &p))
            return false;
    }
    return true;
}

/* A gap that was filled opens no exception. */
static void soften_gap(struct bb_finding_list *findings, int64_t at_ms) {
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].check == BB_CHECK_GAP && findings->items[i].at_ms == at_ms)
            findings->items[i].hard = false;
}

static int by_end(const void *a, const void *b) {
    int64_t x = ((const struct bb_point *)a)->end_ms, y = ((const struct bb_point *)b)->end_ms;
    return (x > y) - (x < y);
}

/* Missing rows [from, gap_from) that coincide with one of the gap's own rows [gap_from, count) give
 * way to it; others stay, in the order of time. */
static void drop_covered_missing(struct bb_window *out, size_t from, size_t gap_from,
                                 const struct slots *s) {
    struct bb_point *p = out->points;
    size_t kept = from, rows = out->count - gap_from;

    for (size_t i = from; i < gap_from; i++)
        if ((p[i].end_ms - s->from_ms) % s->step_ms != 0)
            p[kept++] = p[i];
    memmove(&p[kept], &p[gap_from], rows * sizeof *p);
    out->count = kept + rows;
    if (kept > from)
        qsort(&p[from], out->count - from, sizeof *p, by_end);
}

/* How many points from `first` on are clean. None of them ends a gap: its check would have spoken. */
static size_t clean_stretch(const struct bb_channel *channel, const struct bb_window *raw,
                            size_t first, size_t last) {
    size_t i = first;

    while (i < last && is_clean(channel, &raw->points[i]))
        i++;
    return i - first;
}

static bool put_stretch(const struct bb_window *raw, size_t first, size_t count,
                        struct bb_window *out) {
    if (out->capacity - out->count < count)
        return false;
    memcpy(&out->points[out->count], &raw->points[first], count * sizeof out->points[0]);
    out->count += count;
    out->longest_ms = raw->longest_ms > out->longest_ms ? raw->longest_ms : out->longest_ms;
    return true;
}

int bb_vee_judge(const struct bb_channel *channel, struct bb_window *raw, size_t first, size_t last,
                 struct bb_arena *arena, struct bb_window *out, struct bb_finding_list *findings,
                 struct bb_error *error) {
    struct bb_point outside, *before = NULL; /* the point with a reading before the one at hand */
    const struct bb_point *previous = bb_previous_usable(raw, first);
    bool room = out->capacity - out->count >= last - first, filled = false;
    bool gaps = has_gaps(channel);

    run_checks(channel, raw, first, last, findings);
    bb_acceptance_apply(raw, first, last, findings);
    if (room && previous) {
        room = point_of_raw(channel, previous, arena, &outside);
        before = &outside;
    }
    size_t since_usable = out->count; /* where the missing rows since `before` begin */
    for (size_t i = first; room && i < last; i++) {
        struct bb_point p;
        size_t clean = clean_stretch(channel, raw, i, last);
        if (clean > 0) {
            room = put_stretch(raw, i, clean, out);
            since_usable = out->count;
            before = &out->points[out->count - 1];
            i += clean - 1;
            continue;
        }
        room = point_of_raw(channel, &raw->points[i], arena, &p);
        /* A reading that did not fit the derived unit ends no gap and begins none. */
        if (room && gaps && p.usable && before && before->usable && p.start_ms > before->end_ms) {
            struct slots s = slots_between(before, &p);
            size_t gap_from = out->count;
            if (s.count > 0) {
                room = put_gap(channel, &s, before, &p, arena, out, &filled);
                drop_covered_missing(out, since_usable, gap_from, &s);
                if (filled)
                    soften_gap(findings, p.end_ms);
            }
        }
        room = room && bb_window_put(out, &p);
        if (room && raw->points[i].usable) {
            since_usable = out->count;
            before = &out->points[out->count - 1];
        }
    }
    if (!room || findings->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to validate %zu readings", last - first);
    return 0;
}

static struct bb_point point_of_overlay(const struct bb_block *block, uint32_t row) {
    const struct bb_attribute *a = &block->attributes.items[block->attribute[row]];
    struct bb_point p = {
        .end_ms = block->end_ms[row],
        .start_ms = block->end_ms[row] - (int64_t)a->length_s * BB_SECOND_MS,
        .value = {block->mantissa[row], a->exponent},
        .attribute = a,
        .checks = a->quality.checks,
        .usable = a->quality.state != BB_STATE_MISSING,
        .overlay = true,
    };
    return p;
}

/* Raw points up to `limit_ms` that no overlay row replaces. */
static bool put_raw_until(const struct bb_channel *channel, const struct bb_window *raw, size_t *at,
                          int64_t limit_ms, struct bb_arena *arena, struct bb_window *out) {
    struct bb_point p;

    for (; *at < raw->count && raw->points[*at].end_ms <= limit_ms; (*at)++) {
        struct bb_point unjudged = raw->points[*at];
        unjudged.checks = 0;
        if (!point_of_raw(channel, &unjudged, arena, &p) || !bb_window_put(out, &p))
            return false;
        out->points[out->count - 1].overlay = false;
    }
    return true;
}

int bb_vee_restore(const struct bb_channel *channel, const struct bb_window *raw, int64_t from_ms,
                   int64_t to_ms, const struct bb_block *const *overlays, size_t overlay_count,
                   struct bb_arena *arena, struct bb_window *out, struct bb_error *error) {
    size_t at = bb_window_after(raw, from_ms);
    bool room = true;

    for (size_t k = 0; k < overlay_count; k++) {
        for (uint32_t row = 0; overlays[k] && room && row < overlays[k]->count; row++) {
            int64_t t = overlays[k]->end_ms[row];
            if (t <= from_ms || t > to_ms)
                continue;
            room = put_raw_until(channel, raw, &at, t - 1, arena, out);
            if (at < raw->count && raw->points[at].end_ms == t)
                at++;
            struct bb_point p = point_of_overlay(overlays[k], row);
            room = room && bb_window_put(out, &p);
        }
    }
    room = room && put_raw_until(channel, raw, &at, to_ms, arena, out);
    if (!room)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read validated values");
    return 0;
}
