/* Merge: see merge.h. Pure; one channel's day at a time. */
#include "derive/merge.h"

#include "model/decimal.h"

#include <stdlib.h>

/* One version of one time while sets are joined. */
struct version {
    int64_t mantissa;
    int64_t recorded_ms, received_ms, issued_ms, line;
    struct bb_attribute attribute;
};

/* The versions of the time at hand; times with many versions are rare, so a list will do. */
struct versions {
    struct version *items;
    size_t count, capacity;
    struct bb_arena *arena;
};

static int order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int key_order(const struct version *a, const struct version *b) {
    int by_rank = bb_quality_rank(&a->attribute.quality) - bb_quality_rank(&b->attribute.quality);
    if (by_rank)
        return by_rank;
    int by_issued = order(a->issued_ms, b->issued_ms);
    if (by_issued)
        return by_issued;
    int by_received = order(a->received_ms, b->received_ms);
    return by_received ? by_received : order(a->line, b->line);
}

/* The last resort when keys are equal to the line: two values in one line of one delivery. */
static int content_order(const struct version *a, const struct version *b) {
    int by_key = key_order(a, b);
    if (by_key)
        return by_key;
    int by_value = order(a->mantissa, b->mantissa);
    return by_value ? by_value : memcmp(&a->attribute, &b->attribute, sizeof a->attribute);
}

static bool same_content(const struct version *a, const struct version *b) {
    const struct bb_attribute *x = &a->attribute, *y = &b->attribute;

    return x->unit == y->unit && x->length_s == y->length_s && x->statistic == y->statistic &&
           memcmp(&x->quality, &y->quality, sizeof x->quality) == 0 &&
           bb_decimal_equal((struct bb_decimal){a->mantissa, x->exponent},
                            (struct bb_decimal){b->mantissa, y->exponent});
}

/* Join b into the equal version a; returns whether a changed at all. */
static bool join_equal(struct version *a, const struct version *b) {
    bool changed = false;

    if (b->recorded_ms < a->recorded_ms) {
        a->recorded_ms = b->recorded_ms;
        changed = true;
    }
    if (b->attribute.exponent < a->attribute.exponent) {
        a->attribute.exponent = b->attribute.exponent;
        a->mantissa = b->mantissa;
        changed = true;
    }
    if (key_order(b, a) > 0) {
        a->received_ms = b->received_ms;
        a->issued_ms = b->issued_ms;
        a->line = b->line;
        changed = true;
    }
    return changed;
}

/* Add b to the set. Returns the set's version of it, NULL when memory is out. */
static struct version *join(struct versions *set, const struct version *b, bool *found,
                            bool *changed) {
    for (size_t i = 0; i < set->count; i++) {
        if (!same_content(&set->items[i], b))
            continue;
        *found = true;
        *changed = join_equal(&set->items[i], b);
        return &set->items[i];
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 8;
        struct version *items = bb_arena_take(set->arena, capacity * sizeof *items);
        if (!items)
            return NULL;
        if (set->count)
            memcpy(items, set->items, set->count * sizeof *items);
        set->items = items;
        set->capacity = capacity;
    }
    *found = false;
    *changed = true;
    set->items[set->count] = *b;
    return &set->items[set->count++];
}

static struct version version_of_row(const struct bb_block *block, size_t row) {
    return (struct version){
        .mantissa = block->mantissa[row],
        .recorded_ms = block->recorded_ms[row],
        .received_ms = block->received_ms[row],
        .issued_ms = block->issued_ms[row],
        .line = block->origin[row],
        .attribute = block->attributes.items[block->attribute[row]],
    };
}

static struct version version_of_told(const struct bb_told *told,
                                      const struct bb_attribute *attributes) {
    return (struct version){
        .mantissa = told->mantissa,
        .recorded_ms = told->received_ms,
        .received_ms = told->received_ms,
        .issued_ms = told->issued_ms,
        .line = told->line,
        .attribute = attributes[told->attribute],
    };
}

/* Append a row; false when the attribute dictionary cannot grow. */
static bool put_row(struct bb_block *block, int64_t end_ms, const struct version *v,
                    int64_t rivals) {
    uint32_t i = block->count;
    uint32_t attribute = bb_attribute_set_index(&block->attributes, &v->attribute);

    if (attribute == UINT32_MAX)
        return false;
    block->end_ms[i] = end_ms;
    block->mantissa[i] = v->mantissa;
    block->attribute[i] = attribute;
    block->recorded_ms[i] = v->recorded_ms;
    block->received_ms[i] = v->received_ms;
    block->issued_ms[i] = v->issued_ms;
    block->origin[i] = v->line;
    block->rivals[i] = rivals;
    block->count++;
    return true;
}

static int rank_of(const struct version *v) {
    return bb_quality_rank(&v->attribute.quality);
}

static bool is_rival(const struct version *winner, const struct version *other) {
    bool winner_says_newer = winner->issued_ms != winner->received_ms &&
                             winner->issued_ms > other->issued_ms;

    return !winner_says_newer && rank_of(winner) == rank_of(other) &&
           rank_of(winner) != BB_RANK_PERSON;
}

/* What a person tells when there is no value of theirs: withdrawn, or missing and accepted. */
static bool lacks_value(const struct bb_quality *q) {
    return q->marks & BB_MARK_WITHDRAWN ||
           (q->marks & BB_MARK_ACCEPTED && q->state == BB_STATE_MISSING);
}

/* Does v stand where a person's greatest word is `word`, which has no value? See merge.h. */
static bool stands_against(const struct version *v, const struct version *word) {
    if (rank_of(v) == BB_RANK_PERSON)
        return false;
    return word->attribute.quality.marks & BB_MARK_WITHDRAWN ||
           (v->attribute.quality.state != BB_STATE_MISSING && v->recorded_ms > word->received_ms);
}

/* The index of the version that stands in a set that is sorted by content_order. */
static size_t winner_of(const struct versions *set) {
    size_t greatest = set->count - 1;
    const struct version *word = &set->items[greatest];

    if (!lacks_value(&word->attribute.quality))
        return greatest;
    for (size_t i = greatest; i-- > 0;)
        if (stands_against(&set->items[i], word))
            return i;
    return greatest;
}

static int by_content(const void *a, const void *b) {
    return content_order(a, b);
}

/* A merge in progress: three sorted inputs walked together. */
struct walk {
    const struct bb_block *raw, *history;
    const struct bb_told *told;
    size_t told_count;
    const struct bb_attribute *attributes;
    size_t raw_at, history_at, told_at;
    struct versions set;
    struct bb_merge *out;
    /* The attribute of the reading added last: the next one's is usually the same. */
    bool has_last_told;
    uint32_t last_told, last_index;
};

static void note_changed_winner(struct bb_merge *out, int64_t end_ms, uint32_t length_s) {
    int64_t length_ms = (int64_t)length_s * BB_SECOND_MS;
    int64_t from = end_ms - (length_ms > 0 ? length_ms : 1);

    out->content_changed = true;
    out->changed_from = from < out->changed_from ? from : out->changed_from;
    out->changed_to = end_ms > out->changed_to ? end_ms : out->changed_to;
}

/* When the sender says that it issued a version; BB_TIME_NONE: it does not. */
static int64_t own_issue(const struct version *v) {
    return v->issued_ms != v->received_ms ? v->issued_ms : BB_TIME_NONE;
}

/* Settle the set of one time: the winner into raw, the rest into history. */
static bool settle(struct walk *w, int64_t end_ms, const struct version *old_winner,
                   int64_t old_rivals, bool touched) {
    struct versions *set = &w->set;
    int64_t rivals = 0;

    if (set->count > 1)
        qsort(set->items, set->count, sizeof *set->items, by_content);
    size_t wins = winner_of(set);
    const struct version *winner = &set->items[wins];
    for (size_t i = 0; i < set->count; i++) {
        if (i == wins)
            continue;
        rivals += is_rival(winner, &set->items[i]);
        if (!put_row(&w->out->history, end_ms, &set->items[i], 0))
            return false;
    }
    if (old_winner && !w->history) /* nothing new was told, and the others were not looked at */
        rivals = old_rivals;
    /* Everything that the derived lanes look at; the checks "time" and "late" look at `recorded` and
     * at the sender's own moment of issue. */
    bool changed = touched && (!old_winner || !same_content(winner, old_winner) ||
                               winner->attribute.exponent != old_winner->attribute.exponent ||
                               winner->recorded_ms != old_winner->recorded_ms ||
                               own_issue(winner) != own_issue(old_winner) || rivals != old_rivals);
    if (changed) {
        note_changed_winner(w->out, end_ms, winner->attribute.length_s);
        if (old_winner)
            note_changed_winner(w->out, end_ms, old_winner->attribute.length_s);
    }
    return put_row(&w->out->raw, end_ms, winner, rivals);
}

/* The general case: everything that is known of time t meets in the set. Returns 0, 1 when history
 * is needed, -1 when memory is out. */
static int join_time(struct walk *w, int64_t t) {
    const struct bb_block *raw = w->raw, *history = w->history;
    struct version old_winner;
    bool had_winner = false, found, changed, touched = false;
    int64_t old_rivals = 0;

    w->set.count = 0;
    if (raw && w->raw_at < raw->count && raw->end_ms[w->raw_at] == t) {
        old_winner = version_of_row(raw, w->raw_at);
        old_rivals = raw->rivals[w->raw_at++];
        had_winner = true;
        if (!join(&w->set, &old_winner, &found, &changed))
            return -1;
    }
    for (; history && w->history_at < history->count && history->end_ms[w->history_at] == t;
         w->history_at++) {
        struct version v = version_of_row(history, w->history_at);
        if (!join(&w->set, &v, &found, &changed))
            return -1;
    }
    for (; w->told_at < w->told_count && w->told[w->told_at].end_ms == t; w->told_at++) {
        struct version v = version_of_told(&w->told[w->told_at], w->attributes);
        bool first = w->set.count == 0;
        if (!join(&w->set, &v, &found, &changed))
            return -1;
        if (changed && !history && (had_winner || w->set.count > 1))
            return 1;
        touched |= changed;
        w->out->raw_written |= changed;
        /* Even an equal value may have raised the key of a version that lives in history. */
        w->out->history_written |= changed && w->set.count > 1;
        w->out->counts.duplicate += found;
        w->out->counts.added += !found && first;
        w->out->counts.changed += !found && !first;
    }
    if (w->set.count > 1 && !history)
        return 1;
    return settle(w, t, had_winner ? &old_winner : NULL, old_rivals, touched) ? 0 : -1;
}

/* The next time at which any input has something. */
static int64_t next_time(const struct walk *w) {
    int64_t t = INT64_MAX;

    if (w->raw && w->raw_at < w->raw->count)
        t = w->raw->end_ms[w->raw_at];
    if (w->told_at < w->told_count && w->told[w->told_at].end_ms < t)
        t = w->told[w->told_at].end_ms;
    return t;
}

/* A time that is not told about again keeps its rows. */
static bool copy_time(struct walk *w, int64_t t) {
    struct version v = version_of_row(w->raw, w->raw_at);

    if (!put_row(&w->out->raw, t, &v, w->raw->rivals[w->raw_at++]))
        return false;
    const struct bb_block *history = w->history;
    while (history && w->history_at < history->count && history->end_ms[w->history_at] == t) {
        v = version_of_row(history, w->history_at++);
        if (!put_row(&w->out->history, t, &v, 0))
            return false;
    }
    return true;
}

/* A time that had nothing and is told about once: the usual case, and the hot one. */
static bool add_time(struct walk *w, int64_t t) {
    const struct bb_told *told = &w->told[w->told_at++];
    struct bb_merge *out = w->out;
    struct bb_block *raw = &out->raw;
    uint32_t i = raw->count++;

    if (!w->has_last_told || told->attribute != w->last_told) {
        w->last_index = bb_attribute_set_index(&raw->attributes, &w->attributes[told->attribute]);
        w->last_told = told->attribute;
        w->has_last_told = true;
        if (w->last_index == UINT32_MAX)
            return false;
    }
    raw->end_ms[i] = t;
    raw->mantissa[i] = told->mantissa;
    raw->attribute[i] = w->last_index;
    raw->recorded_ms[i] = raw->received_ms[i] = told->received_ms;
    raw->issued_ms[i] = told->issued_ms;
    raw->origin[i] = told->line;
    raw->rivals[i] = 0;
    out->counts.added++;
    out->raw_written = true;
    note_changed_winner(out, t, w->attributes[told->attribute].length_s);
    return true;
}

static int walk_all(struct walk *w) {
    for (;;) {
        int64_t t = next_time(w);
        if (t == INT64_MAX)
            return 0;
        bool in_raw = w->raw && w->raw_at < w->raw->count && w->raw->end_ms[w->raw_at] == t;
        bool in_told = w->told_at < w->told_count && w->told[w->told_at].end_ms == t;
        bool alone = w->told_at + 1 >= w->told_count || w->told[w->told_at + 1].end_ms != t;
        int outcome;
        if (!in_told)
            outcome = copy_time(w, t) ? 0 : -1;
        else if (!in_raw && alone)
            outcome = add_time(w, t) ? 0 : -1;
        else
            outcome = join_time(w, t);
        if (outcome)
            return outcome;
    }
}

/* The dictionary built while rows were put must outlive the call: it moves into the arena. */
static bool keep_attributes(struct bb_block *block, struct bb_arena *arena) {
    struct bb_attribute_set *set = &block->attributes;
    struct bb_attribute *items = bb_arena_take(arena, set->count * sizeof *items + 1);
    uint32_t count = set->count;

    if (items && count)
        memcpy(items, set->items, count * sizeof *items);
    bb_attribute_set_release(set);
    *set = (struct bb_attribute_set){.items = items, .count = count, .borrowed = true};
    return items != NULL;
}

int bb_merge_run(const struct bb_block *raw, const struct bb_block *history,
                 const struct bb_told *told, size_t count, const struct bb_attribute *attributes,
                 struct bb_arena *arena, struct bb_merge *out, struct bb_error *error) {
    size_t raw_rows = (raw ? raw->count : 0) + count;
    size_t history_rows = (history ? history->count : 0) + (history ? count : 0);
    struct walk w = {.raw = raw,
                     .history = history,
                     .told = told,
                     .told_count = count,
                     .attributes = attributes,
                     .set = {.arena = arena},
                     .out = out};

    memset(out, 0, sizeof *out);
    out->changed_from = INT64_MAX;
    out->changed_to = INT64_MIN;
    if (raw_rows > BB_BLOCK_MAX_COUNT || history_rows + raw_rows > (size_t)2 * BB_BLOCK_MAX_COUNT)
        return BB_FAIL(error, BB_E_NO_MEMORY, "a day of %zu readings of one channel is too many",
                       raw_rows);
    if (!bb_block_init(&out->raw, BB_LANE_RAW, raw_rows, arena) ||
        !bb_block_init(&out->history, BB_LANE_HISTORY, history_rows + raw_rows, arena))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to merge %zu readings", count);
    int outcome = walk_all(&w);
    bool kept = keep_attributes(&out->raw, arena);
    kept = keep_attributes(&out->history, arena) && kept; /* each must leave the heap */
    if (outcome < 0 || !kept)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to merge %zu readings", count);
    return outcome ? BB_MERGE_NEED_HISTORY : BB_MERGE_DONE;
}

/* A version as it stood at a past moment: a key that came later falls back to the first telling. */
static struct version as_of(struct version v, int64_t as_of_ms) {
    if (v.received_ms > as_of_ms) {
        v.received_ms = v.recorded_ms;
        v.issued_ms = v.recorded_ms;
        v.line = 0;
    }
    return v;
}

int bb_merge_as_of(const struct bb_block *raw, const struct bb_block *history, int64_t as_of_ms,
                   struct bb_arena *arena, struct bb_block *out, struct bb_error *error) {
    struct bb_merge merge = {0};
    struct walk w = {.set = {.arena = arena}, .out = &merge};
    size_t rows = (raw ? raw->count : 0) + (history ? history->count : 0), history_at = 0;
    bool found, changed,
        good = bb_block_init(&merge.raw, BB_LANE_RAW, rows, arena) &&
               bb_block_init(&merge.history, BB_LANE_HISTORY, rows, arena);

    for (size_t i = 0; good && raw && i < raw->count; i++) {
        struct version v = version_of_row(raw, i);
        int64_t t = raw->end_ms[i];
        w.set.count = 0;
        if (v.recorded_ms <= as_of_ms) {
            v = as_of(v, as_of_ms);
            good = join(&w.set, &v, &found, &changed) != NULL;
        }
        for (; good && history && history_at < history->count && history->end_ms[history_at] == t;
             history_at++) {
            v = version_of_row(history, history_at);
            if (v.recorded_ms > as_of_ms)
                continue;
            v = as_of(v, as_of_ms);
            good = join(&w.set, &v, &found, &changed) != NULL;
        }
        if (good && w.set.count > 0)
            good = settle(&w, t, NULL, 0, false);
    }
    good = keep_attributes(&merge.raw, arena) && good;
    good = keep_attributes(&merge.history, arena) && good;
    *out = merge.raw;
    if (!good)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a block as of a past moment");
    return 0;
}
