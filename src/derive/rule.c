/* Customers' rules: see rule.h. Pure. */
#include "derive/rule.h"

enum { RULE_VALUE_EXPONENT = -9 };

int64_t bb_rule_day_begin(int64_t t) {
    return bb_utc_day_of(t) * (int64_t)BB_DAY_MS;
}

int64_t bb_rule_day_end(int64_t t) {
    return (bb_utc_day_of(t) + 1) * (int64_t)BB_DAY_MS;
}

int64_t bb_rule_window_ms(const struct bb_channel_rule *rule) {
    int64_t most = 0;

    for (uint32_t i = 0; i < rule->time_count; i++)
        most = rule->times[i].window_ms > most ? rule->times[i].window_ms : most;
    return most;
}

bool bb_rules_any(const struct bb_channel *channel, bool raw) {
    for (uint32_t i = 0; i < channel->rule_count; i++)
        if (channel->rules[i].raw == raw)
            return true;
    return false;
}

bool bb_rules_look(const struct bb_channel *channel) {
    for (uint32_t i = 0; i < channel->rule_count; i++)
        for (uint32_t k = 0; k < channel->rules[i].time_count; k++)
            if (channel->rules[i].times[k].look_count > 0)
                return true;
    return false;
}

int64_t bb_rules_look_from(const struct bb_channel *channel, bool raw, int64_t from_ms) {
    for (uint32_t i = channel->rule_count; i-- > 0;)
        if (channel->rules[i].raw == raw)
            from_ms = bb_rule_day_begin(from_ms - bb_rule_window_ms(&channel->rules[i]) + 1);
    return from_ms;
}

int64_t bb_rules_reach_to(const struct bb_channel *channel, bool raw, int64_t t) {
    for (uint32_t i = 0; i < channel->rule_count; i++)
        if (channel->rules[i].raw == raw)
            t = bb_rule_day_end(t + bb_rule_window_ms(&channel->rules[i]));
    return t;
}

/* The version that speaks of values just behind t, and until when that, or silence, goes on. */
static const struct bb_rule_time *time_behind(const struct bb_channel_rule *rule, int64_t t,
                                              int64_t *until) {
    *until = INT64_MAX;
    for (uint32_t i = 0; i < rule->time_count; i++) {
        const struct bb_rule_time *time = &rule->times[i];
        if (time->to_ms <= t)
            continue;
        *until = time->from_ms > t ? time->from_ms : time->to_ms;
        return time->from_ms > t ? NULL : time;
    }
    return NULL;
}

int64_t bb_rule_parts_at(const struct bb_channel_rule *a, const struct bb_channel_rule *b) {
    int64_t t = INT64_MIN;

    while (t < INT64_MAX) {
        int64_t until_a, until_b;
        const struct bb_rule_time *x = time_behind(a, t, &until_a),
                                  *y = time_behind(b, t, &until_b);
        if (!x != !y ||
            (x && (!bb_span_equal(x->version, y->version) || x->window_ms != y->window_ms)))
            return t;
        t = until_a < until_b ? until_a : until_b;
    }
    return INT64_MAX;
}

/* ---- windows */

/* The part of a stretch that one window judges: a UTC day at most, a version at most. Returns its end; *time NULL: no
 * version speaks there. */
static int64_t part_end(const struct bb_channel_rule *rule, int64_t from_ms,
                        const struct bb_rule_time **time) {
    int64_t end = bb_rule_day_end(from_ms + 1);

    *time = NULL;
    for (uint32_t i = 0; i < rule->time_count; i++) {
        const struct bb_rule_time *t = &rule->times[i];
        if (t->from_ms > from_ms) {
            end = t->from_ms < end ? t->from_ms : end;
            break;
        }
        if (t->to_ms <= from_ms)
            continue;
        *time = t;
        end = t->to_ms < end ? t->to_ms : end;
        break;
    }
    return end;
}

static size_t windows_at_most(const struct bb_channel_rule *rule, const struct bb_window *points) {
    size_t days = 0;
    int64_t day = INT64_MIN;

    for (size_t i = 0; i < points->count; i++) {
        int64_t of = bb_rule_day_begin(points->points[i].end_ms);
        days += of != day;
        day = of;
    }
    return days + 2 * (size_t)rule->time_count;
}

bool bb_rule_windows(const struct bb_channel *channel, const struct bb_channel_rule *rule,
                     const struct bb_window *points, int64_t from_ms, int64_t to_ms,
                     struct bb_arena *arena, struct bb_rule_ask *out) {
    const struct bb_point *p = points->points;
    size_t first = 0;

    *out = (struct bb_rule_ask){.channel = channel, .rule = rule, .points = points};
    out->windows = bb_arena_take_array(arena, windows_at_most(rule, points) + 1,
                                       sizeof *out->windows);
    if (!out->windows)
        return false;
    for (size_t at = bb_window_after(points, from_ms), end;
         at < points->count && p[at].end_ms <= to_ms; at = end) {
        const struct bb_rule_time *time;
        int64_t until = part_end(rule, p[at].end_ms - 1, &time);
        for (end = at; end < points->count && p[end].end_ms <= until;)
            end++;
        if (!time)
            continue;
        while (first < at && p[first].end_ms <= p[at].end_ms - time->window_ms)
            first++;
        /* another version may look further back */
        while (first > 0 && p[first - 1].end_ms > p[at].end_ms - time->window_ms)
            first--;
        out->windows[out->window_count++] = (struct bb_rule_window){first, at, end, time};
    }
    return true;
}

const struct bb_rule_beside *bb_rule_beside_of(const struct bb_rule_ask *ask,
                                               const struct bb_rule_look *look) {
    for (size_t i = 0; i < ask->beside_count; i++)
        if (bb_span_equal(ask->besides[i].called, look->channel))
            return &ask->besides[i];
    return NULL;
}

/* ---- answers */

bool bb_rule_value(double number, struct bb_decimal *out) {
    struct bb_decimal exact;

    if (bb_decimal_of_double(number, &exact) != BB_DECIMAL_OK)
        return false;
    *out = exact;
    return exact.exponent >= RULE_VALUE_EXPONENT ||
           bb_wide_to_decimal(exact.mantissa, exact.exponent, RULE_VALUE_EXPONENT, out);
}

static uint8_t unit_of(const struct bb_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL ? channel->derived_unit : channel->metered_unit;
}

bool bb_rule_may(const struct bb_channel *channel, bool raw, int kind) {
    if (!bb_saying_is_of_value(kind) || kind == BB_SAYING_FLAG)
        return true;
    return channel->kind != BB_KIND_REGISTER && (!raw || kind == BB_SAYING_CORRECT);
}

static bool apply_one(const struct bb_channel *channel, bool raw, const struct bb_saying *said,
                      struct bb_point *p, struct bb_arena *arena) {
    const uint8_t was = p->attribute->quality.state;

    if (bb_quality_rank(&p->attribute->quality) == BB_RANK_PERSON ||
        !bb_rule_may(channel, raw, said->kind) ||
        (was == BB_STATE_MISSING && (raw || said->kind == BB_SAYING_FLAG)))
        return true;
    struct bb_attribute *a = bb_arena_take(arena, sizeof *a);
    if (!a)
        return false;
    *a = *p->attribute;
    a->quality.checks |= 1u << BB_CHECK_RULE;
    p->checks |= 1u << BB_CHECK_RULE;
    p->overlay = true;
    if (said->kind == BB_SAYING_FLAG) {
        a->quality.marks |= BB_MARK_SUSPECT;
    } else {
        const bool gone = said->kind == BB_SAYING_NO_VALUE;
        a->quality.method = BB_METHOD_RULE;
        a->quality.marks &= (uint16_t)~BB_MARK_SUSPECT;
        a->quality.state = gone                               ? BB_STATE_MISSING
                           : said->kind == BB_SAYING_ESTIMATE ? BB_STATE_ESTIMATED
                                                              : BB_STATE_SUBSTITUTED;
        p->value = gone ? (struct bb_decimal){0, 0} : said->value;
        if (!raw) {
            p->usable = !gone;
            p->band = 0;
        }
    }
    if (!raw)
        a->unit = unit_of(channel);
    else if (said->kind == BB_SAYING_CORRECT)
        a->unit = channel->metered_unit;
    a->exponent = p->value.exponent;
    p->attribute = a;
    return true;
}

bool bb_rule_apply(const struct bb_channel *channel, bool raw, const struct bb_saying *said,
                   size_t count, struct bb_window *points, struct bb_arena *arena) {
    bool room = true;

    for (size_t i = 0; room && i < count; i++) {
        size_t at = bb_window_after(points, said[i].at_ms - 1);
        if (bb_saying_is_of_value(said[i].kind) && at < points->count &&
            points->points[at].end_ms == said[i].at_ms)
            room = apply_one(channel, raw, &said[i], &points->points[at], arena);
    }
    return room;
}
