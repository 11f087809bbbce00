/* The recipe of a register's period: the pieces between accepted readings (derive/register.h), what
 * happened in each, and the readings between them that do not count. See story.h. */
#include "service/story_internal.h"

#include "derive/periodise.h"

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool counts(const struct bb_story_value *v) {
    return v->has_value && !(v->quality.marks & (BB_MARK_DIP | BB_MARK_FOREIGN));
}

/* A row as the lane vee has it. */
struct reading {
    struct bb_attribute attribute;
    struct bb_point point;
};

static void reading_of(const struct bb_story_value *v, struct reading *out) {
    out->attribute = (struct bb_attribute){
        .quality = v->quality, .unit = (uint8_t)v->unit, .exponent = v->value.exponent};
    out->point = (struct bb_point){.start_ms = v->end_ms,
                                   .end_ms = v->end_ms,
                                   .value = v->value,
                                   .attribute = &out->attribute,
                                   .usable = true};
}

/* ---- pieces */

struct telling { /* of the stretch between two readings */
    struct bb_story_recipe *r;
    const struct bb_story_value *a, *b;
    struct bb_register_stretch stretch;
    const struct bb_master_usage_point *master; /* NULL: nothing is known */
    bool estimated;
};

static enum bb_story_event event_of(const struct bb_register_stretch *s) {
    static const struct {
        uint16_t mark;
        enum bb_story_event event;
    } events[] = {{BB_MARK_EXCHANGE, BB_STORY_EXCHANGE},
                  {BB_MARK_ROLLOVER, BB_STORY_ROLLOVER},
                  {BB_MARK_RESET, BB_STORY_RESET},
                  {BB_MARK_REVERSE, BB_STORY_REVERSE}};

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (s->marks & events[i].mark)
            return events[i].event;
    return s->fell ? BB_STORY_FELL : BB_STORY_ROSE;
}

static struct bb_decimal decimal_of(bb_wide value, int exponent) {
    struct bb_decimal out = {0, 0};

    while (value % 10 == 0 && exponent < 0) {
        value /= 10;
        exponent++;
    }
    return bb_wide_to_decimal(value, exponent, exponent, &out) ? out : (struct bb_decimal){0, 0};
}

/* Whose factor counts: its device and what master data knows of its ends. */
static void tell_installation(const struct telling *t, const struct bb_register_piece *piece,
                              struct bb_story_part *part) {
    const struct bb_channel *channel = &t->r->w->c->channel;

    part->factor = (struct bb_decimal){1, 0};
    if (channel->installation_count == 0)
        return;
    const struct bb_installation *at = &channel->installations[piece->installation];
    part->factor = at->factor;
    part->end_told[0] = at->has_opening;
    part->end_told[1] = at->has_closing;
    for (uint32_t i = 0; t->master && i < t->master->installation_count; i++)
        if (t->master->installations[i].from_ms == at->from_ms)
            part->device = t->master->installations[i].device;
}

/* A device shows what is left above its top. */
static bb_wide shown(const struct bb_register_piece *piece, bb_wide counts) {
    return piece->turn > 0 && counts >= piece->turn ? counts - piece->turn : counts;
}

static void tell_piece(const struct telling *t, size_t i) {
    const struct bb_register_advance *advance = &t->stretch.advance;
    const struct bb_register_piece *piece = &advance->piece[i];
    struct bb_story_recipe *r = t->r;
    bb_wide begins = shown(piece, piece->begins),
            ends = shown(piece, piece->begins + piece->counts);
    bool turned = piece->turn > 0 && ends < begins;
    struct bb_story_part part = {
        .start_ms = later(piece->from_ms, r->start_ms),
        .end_ms = earlier(piece->to_ms, r->end_ms),
        .whole_start_ms = piece->from_ms,
        .whole_end_ms = piece->to_ms,
        .count = i + 1 == advance->count,
        .quality = t->b->quality,
        .estimated = t->estimated,
        .event = event_of(&t->stretch),
        .from = decimal_of(begins, advance->counts_exponent),
        .to = decimal_of(ends, advance->counts_exponent),
        .turn = decimal_of(turned ? piece->turn : 0, advance->counts_exponent),
        .last = t->a->value,
        .last_ms = t->a->end_ms,
        .ends = piece->ends,
        .carried = decimal_of(piece->carried, advance->exponent)};

    bool instant = piece->from_ms == piece->to_ms;
    if (instant ? piece->to_ms <= r->start_ms || piece->to_ms > r->end_ms
                : part.end_ms <= part.start_ms)
        return;
    tell_installation(t, piece, &part);
    if (!advance->overflow)
        bb_story_cut(r, &part, piece->amount, advance->exponent);
    bb_story_add_part(r, &part);
}

/* What the device showed at an end of the period: on the line of the piece that holds it. */
static bool reading_at(const struct telling *t, int64_t moment_ms, bool ends,
                       struct bb_decimal *out) {
    const struct bb_register_advance *advance = &t->stretch.advance;

    if (moment_ms == t->a->end_ms || moment_ms == t->b->end_ms) {
        *out = moment_ms == t->a->end_ms ? t->a->value : t->b->value;
        return true;
    }
    for (size_t i = 0; !t->stretch.fell && !advance->overflow && i < advance->count; i++) {
        const struct bb_register_piece *p = &advance->piece[i];
        if ((p->ends & BB_PIECE_HOLE) || moment_ms < p->from_ms || moment_ms > p->to_ms ||
            (!ends && moment_ms == p->to_ms && i + 1 < advance->count))
            continue;
        struct bb_share share = bb_share_of(&t->r->w->c->channel, NULL, p->counts,
                                            advance->counts_exponent, p->from_ms, p->to_ms,
                                            p->from_ms, moment_ms);
        int exponent = share.any ? share.exponent : advance->counts_exponent;
        bb_wide reading = p->begins;
        for (int e = advance->counts_exponent; e > exponent; e--)
            reading *= 10;
        reading += share.any ? share.amount : 0;
        bb_wide turn = p->turn;
        for (int e = advance->counts_exponent; e > exponent; e--)
            turn *= 10;
        reading -= turn > 0 && reading >= turn ? turn : 0; /* as shown() */
        *out = decimal_of(reading, exponent);
        return !share.overflow;
    }
    return false;
}

static void tell_stretch(struct telling *t) {
    struct bb_story_recipe *r = t->r;
    const struct bb_channel *channel = &r->w->c->channel;
    int64_t from_ms = later(t->a->end_ms, r->start_ms), to_ms = earlier(t->b->end_ms, r->end_ms);
    struct reading a, b;

    if (to_ms <= from_ms)
        return;
    reading_of(t->a, &a);
    reading_of(t->b, &b);
    bb_register_stretch(channel, &a.point, &b.point, &t->stretch);
    t->estimated = bb_register_stretch_estimated(channel, &a.point, &b.point, &t->stretch, from_ms,
                                                 to_ms);
    for (size_t i = 0; i < t->stretch.advance.count; i++)
        tell_piece(t, i);
    bb_story_note(r->p, to_ms - from_ms, t->estimated, &t->b->quality);
    if (t->a->end_ms <= r->start_ms)
        r->p->has_start = reading_at(t, r->start_ms, false, &r->p->at_start);
    if (t->b->end_ms >= r->end_ms)
        r->p->has_end = reading_at(t, r->end_ms, true, &r->p->at_end);
}

/* ---- readings that do not count */

static void set_aside(struct bb_story_recipe *r, const struct bb_story_value *v) {
    struct bb_story_period *p = r->p;

    if (!v->has_value)
        return;
    if (!bb_story_grow(r->w->arena, (void **)&p->asides, p->aside_count, &r->aside_capacity,
                       sizeof p->asides[0])) {
        r->full = true;
        return;
    }
    p->asides[p->aside_count++] = (struct bb_story_aside){
        *v, v->quality.marks & BB_MARK_DIP
                ? "it fell, and a reading behind it has come back"
                : "it rose by more than is plausible, and a reading behind it goes on from before"};
}

/* ---- readings around the period */

/* Some covered days before (or behind) a moment, however far that is. */
static int64_t days_around(const struct bb_coverage *coverage, int64_t t, int days,
                           int32_t (*next)(const struct bb_coverage *coverage, int32_t day)) {
    int32_t day = bb_lane_span_of(BB_LANE_RAW, t);

    for (int i = 0; i < days; i++) {
        int32_t other = next(coverage, day);
        if (other == BB_DAY_NONE)
            break;
        day = other;
    }
    return day * (int64_t)BB_DAY_MS;
}

/* The rows from the accepted reading before the period to the one behind it, as far as there are. */
static int find_rows(struct bb_story_recipe *r, struct bb_story_rows *rows,
                     struct bb_error *error) {
    static const int days[] = {3, 30, 300};
    const struct bb_coverage *coverage = &r->w->c->coverage;

    for (size_t k = 0; k < sizeof days / sizeof days[0]; k++) {
        int64_t from_ms = days_around(coverage, r->start_ms, days[k], bb_coverage_before);
        int64_t to_ms = days_around(coverage, r->end_ms, days[k], bb_coverage_after) + BB_DAY_MS +
                        1;
        bool before = false, behind = false;
        *rows = (struct bb_story_rows){0};
        int result = bb_story_rows(r->w, BB_LANE_VEE, from_ms, to_ms, rows, error);
        if (result)
            return result;
        for (size_t i = 0; i < rows->count; i++) {
            before |= counts(&rows->items[i]) && rows->items[i].end_ms <= r->start_ms;
            behind |= counts(&rows->items[i]) && rows->items[i].end_ms >= r->end_ms;
        }
        if (before && behind)
            break;
    }
    return 0;
}

int bb_story_tell_registers(struct bb_story_recipe *r, struct bb_error *error) {
    struct bb_master_usage_point master;
    struct telling t = {.r = r};
    struct bb_story_rows rows;
    size_t first = 0, last;
    int result = bb_story_master(r->w, &master, error);

    if (result >= 0) {
        t.master = result == BB_ABSENT ? NULL : &master;
        result = find_rows(r, &rows, error);
    }
    if (result)
        return result;
    for (size_t i = 0; i < rows.count && rows.items[i].end_ms <= r->start_ms; i++)
        first = counts(&rows.items[i]) ? i : first;
    for (last = first; last < rows.count; last++)
        if (counts(&rows.items[last]) && rows.items[last].end_ms >= r->end_ms)
            break;
    for (size_t i = first; i < rows.count && i <= last; i++) {
        const struct bb_story_value *v = &rows.items[i];
        if (!counts(v)) {
            set_aside(r, v);
            continue;
        }
        t.b = v;
        if (t.a)
            tell_stretch(&t);
        t.a = v;
    }
    return 0;
}
