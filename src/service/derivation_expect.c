/* What a derivation will ask the store for, said ahead: see port/store.h, `expect`. A store over a network answers thousands of
 * questions at once in the time of one.
 *
 * Guessed from the days that are told of; what is guessed too many costs a key, what too few a question. A plan asks for the
 * days told and those beside them, and for statistics of the months in which the past begins that checks look at.
 */
#include "service/derivation_internal.h"

#include "base/list.h"
#include "derive/stat.h"

enum {
    KEYS_AT_ONCE = 1 << 14,
    SPANS_MOST = 40 /* of one lane: a longer stretch is asked for as it comes */
};

struct guess { /* of one lane: the spans that hold (first day - before, last day + behind) */
    enum bb_lane lane;
    int32_t before, behind; /* days */
    int32_t
        beside; /* `before` where registers stand beside intervals: both look at each other's last readings; -1: not at all
                       without */
};
static const struct guess guesses[] = {
    {BB_LANE_RAW, 2, 0, 4},
    {BB_LANE_HISTORY, 0, 0, 0},
    {BB_LANE_VEE, 2, 2, 4},
    {BB_LANE_DAY, 1, 2, 4},
    {BB_LANE_STAT, BB_STAT_DAYS, 0, BB_STAT_DAYS},
    {BB_LANE_RULES, -1, 1, 4}, /* of what is derived again, as what is beside it has changed */
};

static bool put_key(struct bb_derivation *d, size_t *count, struct bb_block_key key) {
    if (!bb_list_room(&d->expected, *count, &d->expected_capacity, sizeof d->expected[0]))
        return false;
    d->expected[(*count)++] = key;
    return true;
}

static void days_told(const struct bb_gather *g, const struct bb_gather_piece *pieces, size_t count,
                      int32_t *first, int32_t *last) {
    int64_t from = INT64_MAX, to = INT64_MIN;

    for (size_t p = 0; p < count; p++) {
        for (uint32_t i = 0; i < pieces[p].count; i++) {
            int64_t t = g->rows[pieces[p].first + i].end_ms;
            from = t < from ? t : from;
            to = t > to ? t : to;
        }
    }
    *first = bb_lane_span_of(BB_LANE_RAW, from);
    *last = bb_lane_span_of(BB_LANE_RAW, to);
}

static bool guess_blocks(struct bb_derivation_work *w, uint32_t channel, int32_t first,
                         int32_t last, size_t *count) {
    bool room = true;

    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        const struct guess *g = &guesses[i];
        const int32_t before = w->channels->has_registers ? g->beside : g->before;
        int32_t from = bb_lane_span_of(g->lane, (first - before) * (int64_t)BB_DAY_MS + 1);
        int32_t to = bb_lane_span_of(g->lane, (last + 1 + g->behind) * (int64_t)BB_DAY_MS);
        if (before < 0 || to - from >= SPANS_MOST)
            continue;
        for (int32_t span = from; room && span <= to; span++)
            room = put_key(w->d, count, (struct bb_block_key){channel, span, (uint8_t)g->lane});
    }
    return room;
}

/* Nobody looks back at channels that came before. */
static bool is_for_itself(const struct bb_channel_table *channels) {
    return !channels->has_registers && !channels->has_looks;
}

int bb_derivation_expect(struct bb_derivation_work *w, enum bb_derivation_round round,
                         uint32_t slot, uint32_t told_slots, uint32_t *until,
                         struct bb_error *error) {
    const struct bb_store_ops *ops = w->d->store->ops;
    struct bb_derivation *d = w->d;
    size_t blocks = 0, names = 0;
    bool room = true;

    *until = told_slots;
    if (!ops->expect || slot >= told_slots)
        return 0;
    for (; room && slot < told_slots && blocks < KEYS_AT_ONCE; slot++) {
        const struct bb_channel_slot *s = &w->channels->slots[slot];
        size_t first_piece = w->gather->starts[slot];
        size_t pieces = w->gather->starts[slot + 1] - first_piece;
        int32_t first, last;
        if (pieces == 0 || s->is_new || bb_derivation_round_of(s) != round)
            continue;
        days_told(w->gather, w->gather->sorted + first_piece, pieces, &first, &last);
        room = guess_blocks(w, s->record.number, first, last, &blocks);
        char *key = bb_arena_take(&d->plan, 4);
        room = room && key &&
               bb_list_room(&d->expected_names, names, &d->expected_name_capacity,
                            sizeof d->expected_names[0]);
        if (!room)
            break;
        bb_big_endian(s->record.number, 4, key);
        d->expected_names[names++] = (struct bb_name_key){BB_NAME_COVERAGE, {key, 4}};
    }
    *until = slot;
    if (!room)
        return bb_derivation_no_memory(error);
    const struct bb_store_hint hint = {.blocks = d->expected,
                                       .block_count = blocks,
                                       .names = d->expected_names,
                                       .name_count = names,
                                       .moves_on = is_for_itself(w->channels)};
    return blocks ? ops->expect(w->view, &hint, error) : 0;
}
