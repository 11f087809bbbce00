/* Validation and estimation: see vee.h. Pure. */
#include "derive/vee.h"

#include "derive/acceptance.h"
#include "derive/like.h"
#include "derive/profile.h"
#include "derive/register.h"

#include <stdlib.h>

/* Gaps get rows when the ending interval's length divides them and they are not too long. */
static struct bb_vee_gap gap_between(const struct bb_point *before, const struct bb_point *after) {
    struct bb_vee_gap gap = {before->end_ms, after->end_ms - after->start_ms, 0};
    int64_t length_ms = after->start_ms - before->end_ms;

    if (length_ms > 0 && gap.step_ms > 0 && length_ms % gap.step_ms == 0 &&
        length_ms <= BB_GAP_ROWS_DAYS * (int64_t)BB_DAY_MS)
        gap.count = (size_t)(length_ms / gap.step_ms);
    return gap;
}

static bool has_gaps(const struct bb_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL && channel->pipeline->check[BB_CHECK_GAP].on;
}

bool bb_vee_next_gap(const struct bb_channel *channel, const struct bb_window *raw, size_t *at,
                     size_t last, struct bb_vee_gap *gap) {
    const struct bb_point *before = has_gaps(channel) ? bb_previous_usable(raw, *at) : NULL;

    for (; has_gaps(channel) && *at < last; ++*at) {
        const struct bb_point *p = &raw->points[*at];
        if (!p->usable)
            continue;
        bool apart = before && p->start_ms > before->end_ms;
        if (apart)
            *gap = gap_between(before, p);
        before = p;
        if (apart && gap->count > 0) {
            ++*at;
            return true;
        }
    }
    return false;
}

struct bb_vee_gap bb_vee_silence(const struct bb_channel *channel, const struct bb_window *raw,
                                 int64_t silent_to_ms) {
    const struct bb_point *last = bb_previous_usable(raw, raw->count);
    struct bb_vee_gap gap = {0, 0, 0};

    if (!has_gaps(channel) || !last || silent_to_ms <= last->end_ms)
        return gap;
    gap.from_ms = last->end_ms;
    gap.step_ms = last->end_ms - last->start_ms;
    if (gap.step_ms > 0 && silent_to_ms - gap.from_ms <= BB_GAP_ROWS_DAYS * (int64_t)BB_DAY_MS)
        gap.count = (size_t)((silent_to_ms - gap.from_ms) / gap.step_ms);
    return gap;
}

/* ---- checks */

static struct bb_check_context context_of(const struct bb_channel *channel, int check,
                                          struct bb_window *raw, size_t first, size_t last,
                                          const struct bb_vee_aid *aid,
                                          struct bb_finding_list *findings) {
    return (struct bb_check_context){.channel = channel,
                                     .parameter = channel->pipeline->check[check].parameter,
                                     .window = raw,
                                     .first = first,
                                     .last = last,
                                     .findings = findings,
                                     .level = aid->level,
                                     .stat = aid->stat,
                                     .totals = aid->totals};
}

static void run_checks(const struct bb_channel *channel, struct bb_window *raw, size_t first,
                       size_t last, const struct bb_vee_aid *aid,
                       struct bb_finding_list *findings) {
    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        if (!bb_checks[check].run || !bb_check_applies(channel, check))
            continue;
        struct bb_check_context context = context_of(channel, check, raw, first, last, aid,
                                                     findings);
        bb_checks[check].run(&context);
    }
}

static struct bb_attribute *copy_attribute(const struct bb_attribute *a, struct bb_arena *arena) {
    struct bb_attribute *copy = bb_arena_take(arena, sizeof *copy);

    if (copy)
        *copy = *a;
    return copy;
}

/* The marks that checks leave. */
static uint16_t marks_of(uint32_t checks) {
    uint16_t marks = 0;

    for (int i = 0; i < BB_CHECK_COUNT; i++)
        if ((checks & (1u << i)) && bb_checks[i].suspect)
            marks |= BB_MARK_SUSPECT;
    marks |= checks & (1u << BB_CHECK_LATE) ? BB_MARK_LATE : 0;
    marks |= checks & (1u << BB_CHECK_DUPLICATE) ? BB_MARK_DUPLICATE : 0;
    return marks;
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
    a->quality.marks |= (uint16_t)(marks_of(raw->checks) | (rounded ? BB_MARK_ROUNDED : 0));
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

/* ---- gaps */

struct filling { /* a gap while its rows are made */
    const struct bb_channel *channel;
    const struct bb_window *raw;
    const struct bb_vee_aid *aid;
    struct bb_vee_gap rows;
    struct bb_gap gap; /* as estimators see the whole of it */
    struct bb_arena *arena;
    struct bb_window *out;
    bool filled; /* all of it */
    struct bb_like like;
    struct bb_total around; /* of the part at hand, when it has a total */
    struct bb_told_sum told;
};

/* What the registers say a part of the gap amounts to: what the stretch between their readings lacks, by
 * the part's share of the time that is missing there. */
static void find_total(struct filling *f, struct bb_gap *part) {
    const struct bb_total *total = bb_total_around(f->aid->totals, part->from_ms, part->to_ms);

    part->has_total = false;
    if (!total)
        return;
    struct bb_told_sum told = bb_told_sum(f->channel, f->raw, total->from_ms, total->to_ms);
    int64_t missing_ms = total->to_ms - total->from_ms - told.covered_ms;
    int64_t length_ms = part->to_ms - part->from_ms;
    bb_wide lacking = total->amount - told.amount;
    if (!told.exact || missing_ms < length_ms || part->exponent < BB_TOTAL_EXPONENT ||
        __builtin_mul_overflow(lacking, (bb_wide)length_ms, &lacking))
        return;
    bb_wide one = missing_ms;
    for (int e = BB_TOTAL_EXPONENT; e < part->exponent; e++)
        one *= 10;
    part->total = bb_wide_divide_round(lacking, one);
    part->has_total = true;
    f->around = *total;
    f->told = told;
}

/* Where the part that begins with row `first` ends: at the next reading of the registers that falls
 * between two rows. */
static size_t part_end(const struct filling *f, size_t first) {
    const struct bb_total_list *totals = f->aid->totals;
    int64_t from_ms = f->rows.from_ms + (int64_t)first * f->rows.step_ms;
    size_t end = f->rows.count;

    for (size_t i = 0; i < 2 * totals->count; i++) {
        int64_t t = i % 2 ? totals->items[i / 2].to_ms : totals->items[i / 2].from_ms;
        int64_t offset = t - f->rows.from_ms;
        if (t <= from_ms || offset % f->rows.step_ms != 0)
            continue;
        size_t row = (size_t)(offset / f->rows.step_ms);
        end = row < end ? row : end;
    }
    return end;
}

static bool put_rows(struct filling *f, size_t first, size_t count, enum bb_method method,
                     const struct bb_estimate *estimate) {
    struct bb_attribute *a = bb_arena_take(f->arena, sizeof *a);
    const bool filled = method != BB_METHOD_NONE;

    if (!a)
        return false;
    *a = (struct bb_attribute){.quality = {.state = filled ? BB_STATE_ESTIMATED : BB_STATE_MISSING,
                                           .method = (uint8_t)method,
                                           .checks = 1u << BB_CHECK_GAP},
                               .length_s = (uint32_t)(f->rows.step_ms / BB_SECOND_MS),
                               .unit = f->channel->derived_unit,
                               .exponent = filled ? estimate->value[0].exponent : 0};
    for (size_t i = 0; i < count; i++) {
        int64_t start_ms = f->rows.from_ms + (int64_t)(first + i) * f->rows.step_ms;
        struct bb_point p = {.start_ms = start_ms,
                             .end_ms = start_ms + f->rows.step_ms,
                             .attribute = a,
                             .checks = 1u << BB_CHECK_GAP,
                             .usable = filled,
                             .overlay = true};
        if (filled && estimate) {
            p.value = estimate->value[i];
            p.band = estimate->band[i] + 1;
        }
        if (!bb_window_put(f->out, &p))
            return false;
    }
    return true;
}

/* Somebody asks how one of the rows came to be. */
static void put_down(const struct filling *f, const struct bb_gap *part, enum bb_method method) {
    struct bb_vee_account *account = f->aid->account;
    const struct bb_step *step = &f->channel->pipeline->estimate[BB_METHOD_LIKE_DAY];
    int64_t offset_ms;

    if (!account || account->at_ms <= part->from_ms || account->at_ms > part->to_ms)
        return;
    offset_ms = account->at_ms - part->from_ms;
    *account = (struct bb_vee_account){.at_ms = account->at_ms,
                                       .known = true,
                                       .method = method,
                                       .gap = *part,
                                       .step_ms = f->rows.step_ms,
                                       .around = f->around,
                                       .told = f->told};
    if (method != BB_METHOD_LIKE_DAY && method != BB_METHOD_AVERAGE_LIKE_DAY &&
        method != BB_METHOD_LIKE_DAY_SCALED && method != BB_METHOD_AVERAGE_LIKE_DAY_SCALED)
        return;
    account->like_count = bb_like_of_slot(f->channel, &f->like, f->aid->past, part, f->rows.step_ms,
                                          (size_t)((offset_ms - 1) / f->rows.step_ms) + 1,
                                          account->like);
    account->like_used = bb_like_averaged(step->parameter, account->like_count);
}

/* Rows [first, first + count) as a gap of their own. */
static bool fill_part(struct filling *f, size_t first, size_t count) {
    struct bb_gap part = f->gap;
    struct bb_estimate estimate = {bb_arena_take(f->arena, count * sizeof *estimate.value),
                                   bb_arena_take(f->arena, count * sizeof *estimate.band)};

    if (!estimate.value || !estimate.band)
        return false;
    part.from_ms = f->rows.from_ms + (int64_t)first * f->rows.step_ms;
    part.to_ms = part.from_ms + (int64_t)count * f->rows.step_ms;
    part.intervals = count;
    part.cut = count < f->rows.count;
    if (part.like) {
        part.like += first * BB_LIKE_MAX;
        part.like_count += first;
        part.calm += first * BB_LIKE_MAX;
    }
    if (part.weight)
        part.weight += first;
    find_total(f, &part);
    enum bb_method method = bb_estimate(&part, f->arena, &estimate);
    f->filled &= method != BB_METHOD_NONE;
    put_down(f, &part, method);
    return put_rows(f, first, count, method, &estimate);
}

/* What an interval of another length says about one of step_ms: its share of it, or a line from an hour
 * to five minutes would begin twelve times too high. */
static struct bb_decimal value_per_step(const struct bb_point *p, int64_t step_ms) {
    int exponent = bb_derived_exponent(p->value.exponent);
    int64_t length_ms = p->end_ms - p->start_ms;
    struct bb_decimal share;
    bb_wide product;

    if (length_ms != step_ms && length_ms > 0 &&
        !__builtin_mul_overflow(bb_decimal_widen(p->value.mantissa, p->value.exponent, exponent),
                                (bb_wide)step_ms, &product) &&
        bb_wide_to_decimal(bb_wide_divide_round(product, length_ms), exponent, exponent, &share))
        return share;
    return p->value;
}

/* The rows of one gap: estimated, or missing. Gaps that are not closed by a line are cut where the
 * registers were read. Returns false when memory is out. */
static bool put_gap(struct filling *f, const struct bb_point *before,
                    const struct bb_point *after) {
    const struct bb_channel *channel = f->channel;
    int source = before->value.exponent < after->value.exponent ? before->value.exponent
                                                                : after->value.exponent;
    bool room = true;

    f->filled = true;
    f->gap = (struct bb_gap){.channel = channel,
                             .before = value_per_step(before, f->rows.step_ms),
                             .after = after->value,
                             .from_ms = f->rows.from_ms,
                             .to_ms = after->start_ms,
                             .intervals = f->rows.count,
                             .exponent = bb_derived_exponent(source)};
    bb_like_choose(channel, f->aid->stat, f->rows.from_ms, bb_like_within(channel), &f->like);
    if (!bb_like_fill(channel, &f->like, f->aid->past, f->rows.step_ms, f->arena, &f->gap) ||
        !bb_profile_weigh(channel, f->rows.from_ms, f->rows.step_ms, f->rows.count, f->arena,
                          &f->gap.weight))
        return false;
    const struct bb_step *line = &channel->pipeline->estimate[BB_METHOD_LINEAR];
    bool closed = line->on && f->gap.to_ms - f->gap.from_ms <= line->parameter[0];
    for (size_t first = 0, end; room && first < f->rows.count; first = end) {
        end = closed ? f->rows.count : part_end(f, first);
        room = fill_part(f, first, end - first);
    }
    return room;
}

/* Nothing came behind the last reading, though time went on. */
static bool put_silence(struct filling *f, struct bb_finding_list *findings) {
    f->rows = bb_vee_silence(f->channel, f->raw, f->aid->silent_to);
    if (f->rows.count == 0)
        return true;
    int64_t to_ms = f->rows.from_ms + (int64_t)f->rows.count * f->rows.step_ms;
    struct bb_finding finding = {.at_ms = to_ms,
                                 .from_ms = f->rows.from_ms,
                                 .to_ms = to_ms,
                                 .a = (int64_t)f->rows.count,
                                 .b = to_ms - f->rows.from_ms,
                                 .check = BB_CHECK_GAP,
                                 .hard = true};
    bb_finding_add(findings, &finding);
    return put_rows(f, 0, f->rows.count, BB_METHOD_NONE, NULL);
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
 * way to it; others, those behind it too, stay, in the order of time. */
static void drop_covered_missing(struct bb_window *out, size_t from, size_t gap_from,
                                 const struct bb_vee_gap *gap) {
    struct bb_point *p = out->points;
    size_t kept = from, rows = out->count - gap_from;
    int64_t to_ms = gap->from_ms + (int64_t)gap->count * gap->step_ms;

    for (size_t i = from; i < gap_from; i++)
        if (p[i].end_ms > to_ms || (p[i].end_ms - gap->from_ms) % gap->step_ms != 0)
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

/* ---- registers */

/* A register's point with what the classifier says of it. */
static bool mark_register(struct bb_point *p, uint16_t mark, struct bb_arena *arena) {
    struct bb_attribute *a = copy_attribute(p->attribute, arena);

    if (!a)
        return false;
    a->quality.marks |= mark;
    p->attribute = a;
    p->overlay = true;
    if (mark & (BB_MARK_DIP | BB_MARK_FOREIGN))
        p->usable = false;
    return true;
}

static bool judge_registers(const struct bb_channel *channel, struct bb_window *raw, size_t first,
                            size_t last, const struct bb_vee_aid *aid, struct bb_arena *arena,
                            struct bb_window *out, struct bb_finding_list *findings) {
    uint16_t *mark = bb_arena_take_array(arena, last - first + 1, sizeof *mark);
    struct bb_check_context context = context_of(channel, BB_CHECK_REGISTER, raw, first, last, aid,
                                                 findings);
    bool room = mark != NULL;
    size_t finding = findings->count; /* of those that follow, in the order of the points */

    if (room && channel->pipeline->check[BB_CHECK_REGISTER].on)
        bb_register_judge(&context, aid->accepted, mark);
    for (size_t i = first; room && i < last; i++) {
        struct bb_point p;
        bool told = finding < findings->count &&
                    findings->items[finding].at_ms == raw->points[i].end_ms;
        if (told && findings->items[finding++].hard &&
            !(mark[i - first] & (BB_MARK_DIP | BB_MARK_FOREIGN)))
            mark[i - first] |= BB_MARK_SUSPECT; /* accepted, but not believed */
        room = point_of_raw(channel, &raw->points[i], arena, &p) &&
               (mark[i - first] == 0 || mark_register(&p, mark[i - first], arena)) &&
               bb_window_put(out, &p);
    }
    return room;
}

/* ---- judging */

static bool judge_points(const struct bb_channel *channel, struct bb_window *raw, size_t first,
                         size_t last, const struct bb_vee_aid *aid, struct bb_arena *arena,
                         struct bb_window *out, struct bb_finding_list *findings) {
    struct bb_point outside, *before = NULL; /* the point with a reading before the one at hand */
    const struct bb_point *previous = bb_previous_usable(raw, first);
    struct filling filling = {
        .channel = channel, .raw = raw, .aid = aid, .arena = arena, .out = out};
    bool room = true, gaps = has_gaps(channel);

    if (previous) {
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
            size_t gap_from = out->count;
            filling.rows = gap_between(before, &p);
            if (filling.rows.count > 0) {
                room = put_gap(&filling, before, &p);
                drop_covered_missing(out, since_usable, gap_from, &filling.rows);
                if (filling.filled)
                    soften_gap(findings, p.end_ms);
            }
        }
        room = room && bb_window_put(out, &p);
        if (room && raw->points[i].usable) {
            since_usable = out->count;
            before = &out->points[out->count - 1];
        }
    }
    /* What follows what is judged may be missing readings, but none that can be used. */
    if (room && bb_previous_usable(raw, raw->count) == bb_previous_usable(raw, last)) {
        size_t gap_from = out->count;
        room = put_silence(&filling, findings);
        if (filling.rows.count > 0)
            drop_covered_missing(out, since_usable, gap_from, &filling.rows);
    }
    return room;
}

int bb_vee_judge(const struct bb_channel *channel, struct bb_window *raw, size_t first, size_t last,
                 const struct bb_vee_aid *aid, struct bb_arena *arena, struct bb_window *out,
                 struct bb_finding_list *findings, struct bb_error *error) {
    bool room = out->capacity - out->count >= last - first;

    run_checks(channel, raw, first, last, aid, findings);
    bb_acceptance_apply(raw, first, last, findings);
    if (channel->kind == BB_KIND_REGISTER)
        room = room && judge_registers(channel, raw, first, last, aid, arena, out, findings);
    else
        room = room && judge_points(channel, raw, first, last, aid, arena, out, findings);
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
        .band = block->rivals[row],
        .checks = a->quality.checks,
        .usable = a->quality.state != BB_STATE_MISSING &&
                  !(a->quality.marks & (BB_MARK_DIP | BB_MARK_FOREIGN)),
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

int bb_vee_restore_day(const struct bb_channel *channel, const struct bb_block *raw,
                       const struct bb_block *overlay, int32_t day, struct bb_arena *arena,
                       struct bb_window *out, struct bb_error *error) {
    struct bb_window rows = {.capacity = raw->count};
    int64_t start, end;

    *out = (struct bb_window){.capacity = (size_t)raw->count + overlay->count};
    rows.points = bb_arena_take(arena, (rows.capacity + 1) * sizeof rows.points[0]);
    out->points = bb_arena_take(arena, (out->capacity + 1) * sizeof out->points[0]);
    if (!rows.points || !out->points)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read validated values");
    bb_lane_span_bounds(BB_LANE_VEE, day, &start, &end);
    bb_window_add_raw(&rows, channel, raw, start, end);
    return bb_vee_restore(channel, &rows, start, end, &overlay, 1, arena, out, error);
}
