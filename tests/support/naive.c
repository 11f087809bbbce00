/* The naive reference: see naive.h. Versions and the lane vee; naive_period.c has the periods. */
#include "support/naive_internal.h"

#include <stdlib.h>

#include "model/unit.h"

/* ---- numbers */

static bb_wide power(int n) {
    bb_wide p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

bb_wide naive_at(struct naive_number n, int exponent) {
    return n.mantissa * power(n.exponent - exponent);
}

bool naive_equal(struct naive_number a, struct naive_number b) {
    int finest = a.exponent < b.exponent ? a.exponent : b.exponent;
    return naive_at(a, finest) == naive_at(b, finest);
}

/* Half to even, by looking at both neighbours. */
bb_wide naive_divide(bb_wide numerator, bb_wide denominator) {
    bb_wide low = numerator / denominator;

    while (low * denominator > numerator)
        low--;
    bb_wide twice = 2 * (numerator - low * denominator);
    if (twice > denominator || (twice == denominator && low % 2 != 0))
        low++;
    return low;
}

int naive_derived_exponent(int source) {
    int finer = source - 3;
    if (finer < -9)
        finer = -9;
    return finer < source ? finer : source;
}

static struct naive_number to_unit(struct naive_number n, int from, int to) {
    int64_t up, down;

    BB_ASSERT(bb_unit_ratio(from, to, &up, &down));
    if (from == to)
        return n;
    for (int k = 0; up == 1 && k < 18; k++) /* a power of ten moves the point, and that is all */
        if (power(k) == down)
            return (struct naive_number){n.mantissa, n.exponent - k};
    int finest = n.exponent < BB_CONVERTED_EXPONENT ? n.exponent : BB_CONVERTED_EXPONENT;
    for (int k = 0; n.exponent - k >= finest; k++)
        if (n.mantissa * up * power(k) % down == 0)
            return (struct naive_number){n.mantissa * up * power(k) / down, n.exponent - k};
    return (struct naive_number){naive_divide(n.mantissa * up * power(n.exponent - finest), down),
                                 finest};
}

static int compare(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* ---- versions */

static bool same_version(const struct naive_version *v, const struct telling *t) {
    struct naive_number n = {t->mantissa, t->attribute.exponent};

    return v->end_ms == t->end_ms && v->attribute.unit == t->attribute.unit &&
           v->attribute.length_s == t->attribute.length_s &&
           memcmp(&v->attribute.quality, &t->attribute.quality, sizeof t->attribute.quality) == 0 &&
           naive_equal(v->value, n);
}

static void join(struct naive_version *v, const struct telling *t) {
    int by_issued = compare(t->issued_ms, v->issued_ms);
    int by_received = compare(t->received_ms, v->received_ms);

    if (t->received_ms < v->recorded_ms)
        v->recorded_ms = t->received_ms;
    if (t->attribute.exponent < v->attribute.exponent) {
        v->attribute.exponent = t->attribute.exponent;
        v->value = (struct naive_number){t->mantissa, t->attribute.exponent};
    }
    if (by_issued > 0 || (by_issued == 0 && by_received > 0) ||
        (by_issued == 0 && by_received == 0 && t->line > v->line)) {
        v->issued_ms = t->issued_ms;
        v->received_ms = t->received_ms;
        v->line = t->line;
    }
}

static int rank(const struct naive_version *v) {
    const struct bb_quality *q = &v->attribute.quality;

    return q->marks & BB_MARK_ACCEPTED        ? 3
           : q->marks & BB_MARK_WITHDRAWN     ? 3
           : q->state == BB_STATE_EDITED      ? 3
           : q->marks & BB_MARK_FINAL         ? 2
           : q->state == BB_STATE_MEASURED    ? 1
           : q->state == BB_STATE_SUBSTITUTED ? 1
                                              : 0;
}

/* By end; then rank, issued, received, line; then, as a last resort, what was written. */
static int by_claim(const void *a, const void *b) {
    const struct naive_version *x = a, *y = b;
    int order[] = {compare(x->end_ms, y->end_ms),
                   rank(x) - rank(y),
                   compare(x->issued_ms, y->issued_ms),
                   compare(x->received_ms, y->received_ms),
                   compare(x->line, y->line),
                   compare((int64_t)x->value.mantissa, (int64_t)y->value.mantissa),
                   memcmp(&x->attribute, &y->attribute, sizeof x->attribute)};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (order[i])
            return order[i];
    return 0;
}

/* Which of the versions [first, end) of one time stands: the greatest; but a person may have said
 * that there is none, or that none of theirs counts. */
static size_t winner_among(const struct naive_version *v, size_t first, size_t end) {
    const struct naive_version *last = &v[end - 1];
    bool withdrawn = last->attribute.quality.marks & BB_MARK_WITHDRAWN;
    bool denied = last->attribute.quality.state == BB_STATE_MISSING &&
                  last->attribute.quality.marks & BB_MARK_ACCEPTED;

    for (size_t i = end; i > first && (withdrawn || denied); i--) {
        const struct naive_version *other = &v[i - 1];
        bool has_value = other->attribute.quality.state != BB_STATE_MISSING;
        bool news = has_value && other->recorded_ms > last->received_ms;
        if (rank(other) < 3 && (withdrawn || news))
            return i - 1;
    }
    return end - 1;
}

static void find_winners(struct naive_lanes *l) {
    struct naive_version *v = l->versions;

    for (size_t first = 0, end; first < l->version_count; first = end) {
        for (end = first; end < l->version_count && v[end].end_ms == v[first].end_ms;)
            end++;
        struct naive_version *w = &v[winner_among(v, first, end)];
        w->wins = true;
        for (size_t k = first; k < end; k++) {
            bool said_newer = w->issued_ms != w->received_ms && w->issued_ms > v[k].issued_ms;
            w->rivals += &v[k] != w && rank(&v[k]) == rank(w) && rank(w) < 3 && !said_newer;
        }
    }
}

static void find_versions(const struct telling *tellings, size_t count, struct naive_lanes *l) {
    l->versions = calloc(count + 1, sizeof *l->versions);
    for (size_t i = 0; i < count; i++) {
        const struct telling *t = &tellings[i];
        size_t k = 0;
        while (k < l->version_count && !same_version(&l->versions[k], t))
            k++;
        if (k < l->version_count) {
            join(&l->versions[k], t);
            continue;
        }
        l->versions[l->version_count++] = (struct naive_version){
            .end_ms = t->end_ms,
            .value = {t->mantissa, t->attribute.exponent},
            .attribute = t->attribute,
            .recorded_ms = t->received_ms,
            .received_ms = t->received_ms,
            .issued_ms = t->issued_ms,
            .line = t->line};
    }
    qsort(l->versions, l->version_count, sizeof *l->versions, by_claim);
    find_winners(l);
}

/* ---- validation */

struct judged { /* a winner on its way into the lane vee */
    const struct naive_version *version;
    struct naive_row row;
};

/* Of a value that a person told nothing is hard and nothing suspect; the gap before it is not its own. Of
 * a row that says that there is none nothing is said. */
static void say(struct naive_lanes *l, struct judged *j, enum bb_check check, bool hard,
                int64_t from, int64_t to, int64_t a, int64_t b, int exponent) {
    bool person = rank(j->version) == 3;
    bool suspect = check == BB_CHECK_OVERLAP || check == BB_CHECK_NEGATIVE;

    if (person && j->version->attribute.quality.state == BB_STATE_MISSING)
        return;
    l->findings[l->finding_count++] = (struct bb_finding){
        .at_ms = j->row.end_ms,
        .from_ms = from,
        .to_ms = to,
        .a = a,
        .b = b,
        .check = (uint8_t)check,
        .hard = hard && (!person || check == BB_CHECK_GAP),
        .exponent = (int8_t)exponent};
    if (suspect && person)
        return;
    j->row.checks |= 1u << check;
    if (suspect)
        j->row.marks |= BB_MARK_SUSPECT;
}

static void say_here(struct naive_lanes *l, struct judged *j, enum bb_check check, bool hard,
                     int64_t a, int64_t b, int exponent) {
    say(l, j, check, hard, j->row.end_ms, j->row.end_ms, a, b, exponent);
}

/* Of every second between two readings a person said that it has no value. */
static bool denied(const struct naive_lanes *l, int64_t from, int64_t to) {
    for (bool covered = from < to; from < to && covered;) {
        covered = false;
        for (size_t i = 0; i < l->version_count; i++) {
            const struct naive_version *v = &l->versions[i];
            int64_t start = v->end_ms - v->attribute.length_s * (int64_t)1000;
            if (!v->wins || v->attribute.quality.state != BB_STATE_MISSING ||
                !(v->attribute.quality.marks & BB_MARK_ACCEPTED) || v->end_ms > to)
                continue;
            if (start <= from && v->end_ms > from) {
                from = v->end_ms;
                covered = true;
            }
        }
        if (!covered)
            return false;
    }
    return true;
}

/* Checks of intervals; `before` is the usable reading before, or NULL. */
static void judge_interval(const struct bb_channel *channel, const struct bb_pipeline *pipeline,
                           struct naive_lanes *l, struct judged *j, const struct judged *before) {
    const struct naive_version *v = j->version;
    int64_t length_ms = j->row.end_ms - j->row.start_ms;
    int64_t nominal_ms = channel->interval_s * (int64_t)BB_SECOND_MS;

    if (pipeline->check[BB_CHECK_GAP].on && j->row.has_value && before &&
        j->row.start_ms > before->row.end_ms) {
        int64_t gap_ms = j->row.start_ms - before->row.end_ms;
        bool open = !denied(l, before->row.end_ms, j->row.start_ms);
        say(l, j, BB_CHECK_GAP, open, before->row.end_ms, j->row.start_ms,
            length_ms ? gap_ms / length_ms : 0, gap_ms, 0);
    }
    if (pipeline->check[BB_CHECK_OVERLAP].on && j->row.has_value && before &&
        j->row.start_ms < before->row.end_ms)
        say_here(l, j, BB_CHECK_OVERLAP, true, before->row.end_ms - j->row.start_ms, 0, 0);
    if (pipeline->check[BB_CHECK_INTERVAL_SIZE].on && nominal_ms && length_ms != nominal_ms)
        say_here(l, j, BB_CHECK_INTERVAL_SIZE, false, length_ms / 1000, nominal_ms / 1000, 0);
    if (pipeline->check[BB_CHECK_NEGATIVE].on && channel->one_way && j->row.has_value &&
        v->value.mantissa < 0)
        say_here(l, j, BB_CHECK_NEGATIVE, true, (int64_t)v->value.mantissa, 0, v->value.exponent);
}

static void judge(const struct channel_case *c, struct naive_lanes *l, struct judged *j,
                  const struct judged *before) {
    const struct bb_pipeline *pipeline = &c->pipeline;
    const struct naive_version *v = j->version;
    bool missing = v->attribute.quality.state == BB_STATE_MISSING;
    bool issued = v->issued_ms != v->received_ms; /* by the sender's own word */
    int64_t ahead_ms = j->row.end_ms - v->recorded_ms, late_ms = v->issued_ms - j->row.end_ms;

    if (issued && -late_ms > ahead_ms)
        ahead_ms = -late_ms;
    int64_t nominal_ms = c->channel.interval_s * (int64_t)1000;
    int64_t apart_ms = before ? j->row.end_ms - before->row.end_ms : 0;
    if (c->channel.kind == BB_KIND_REGISTER && pipeline->check[BB_CHECK_GAP].on &&
        j->row.has_value && nominal_ms > 0 && 2 * apart_ms > 3 * nominal_ms)
        say(l, j, BB_CHECK_GAP, apart_ms > pipeline->estimate[BB_METHOD_LINEAR].parameter[0],
            before->row.end_ms, j->row.end_ms - nominal_ms,
            (apart_ms + nominal_ms / 2) / nominal_ms - 1, apart_ms - nominal_ms, 0);
    if (c->channel.kind == BB_KIND_INTERVAL)
        judge_interval(&c->channel, pipeline, l, j, before);
    if (pipeline->check[BB_CHECK_DUPLICATE].on && v->rivals > 0)
        say_here(l, j, BB_CHECK_DUPLICATE, false, v->rivals, 0, 0);
    if (pipeline->check[BB_CHECK_DUPLICATE].on && v->rivals > 0)
        j->row.marks |= BB_MARK_DUPLICATE;
    if (pipeline->check[BB_CHECK_UNIT].on && !j->row.has_value && !missing)
        say_here(l, j, BB_CHECK_UNIT, true, v->attribute.unit, c->channel.derived_unit, 0);
    if (pipeline->check[BB_CHECK_TIME].on && ahead_ms > pipeline->check[BB_CHECK_TIME].parameter[0])
        say_here(l, j, BB_CHECK_TIME, false, ahead_ms, 0, 0);
    int64_t after_ms = pipeline->check[BB_CHECK_LATE].parameter[0];
    int64_t told_ms = v->recorded_ms - j->row.end_ms;
    if (pipeline->check[BB_CHECK_LATE].on && issued && late_ms > after_ms && told_ms > after_ms)
        say_here(l, j, BB_CHECK_LATE, false, late_ms, told_ms, 0);
}

static struct judged judged_of(const struct channel_case *c, const struct naive_version *v) {
    int64_t up, down;
    bool missing = v->attribute.quality.state == BB_STATE_MISSING;
    bool usable = !missing && bb_unit_ratio(v->attribute.unit, c->channel.derived_unit, &up, &down);
    struct judged j = {.version = v,
                       .row = {.start_ms = v->end_ms - v->attribute.length_s * (int64_t)1000,
                               .end_ms = v->end_ms,
                               .has_value = usable,
                               .state = usable ? v->attribute.quality.state : BB_STATE_MISSING,
                               .marks = v->attribute.quality.marks}};

    if (usable)
        j.row.value = to_unit(v->value, v->attribute.unit, c->channel.derived_unit);
    return j;
}

/* ---- estimation */

static int row_by_end(const void *a, const void *b) {
    return compare(((const struct naive_row *)a)->end_ms, ((const struct naive_row *)b)->end_ms);
}

/* How many rows the gap between two usable readings gets. */
static int64_t gap_rows(const struct channel_case *c, const struct naive_row *a,
                        const struct naive_row *b) {
    int64_t gap_ms = b->start_ms - a->end_ms, step_ms = b->end_ms - b->start_ms;

    if (c->channel.kind != BB_KIND_INTERVAL || !c->pipeline.check[BB_CHECK_GAP].on || gap_ms <= 0 ||
        step_ms <= 0 || gap_ms % step_ms != 0 || gap_ms > 62 * (int64_t)BB_DAY_MS)
        return 0;
    return gap_ms / step_ms;
}

/* What an interval says about one of another length. */
static struct naive_number share_of(const struct naive_row *row, int64_t step_ms) {
    int exponent = naive_derived_exponent(row->value.exponent);
    int64_t length_ms = row->end_ms - row->start_ms;

    if (length_ms == step_ms || length_ms <= 0)
        return row->value;
    return (struct naive_number){naive_divide(naive_at(row->value, exponent) * step_ms, length_ms),
                                 exponent};
}

/* Those of the first `told` rows that have no value there give way to the gap's. */
static void fill_gap(const struct channel_case *c, struct naive_lanes *l, size_t told,
                     const struct naive_row *a, const struct naive_row *b) {
    int64_t gap_ms = b->start_ms - a->end_ms, step_ms = b->end_ms - b->start_ms;
    const struct bb_step *linear = &c->pipeline.estimate[BB_METHOD_LINEAR];
    int64_t n = gap_rows(c, a, b);
    bool filled = n > 0 && linear->on && gap_ms <= linear->parameter[0];
    int exponent = naive_derived_exponent(
        a->value.exponent < b->value.exponent ? a->value.exponent : b->value.exponent);
    struct naive_number begin = n > 0 ? share_of(a, step_ms) : a->value;
    for (int64_t i = 1; i <= n; i++) {
        struct naive_row row = {.start_ms = a->end_ms + (i - 1) * step_ms,
                                .end_ms = a->end_ms + i * step_ms,
                                .has_value = filled,
                                .state = filled ? BB_STATE_ESTIMATED : BB_STATE_MISSING,
                                .checks = 1u << BB_CHECK_GAP,
                                .made_by_us = true};
        if (filled)
            row.value = (struct naive_number){naive_divide(naive_at(begin, exponent) * (n + 1 - i) +
                                                               naive_at(b->value, exponent) * i,
                                                           n + 1),
                                              exponent};
        size_t k = 0;
        while (k < told && l->vee[k].end_ms != row.end_ms)
            k++;
        l->vee[k < told ? k : l->vee_count++] = row;
    }
    for (size_t i = 0; filled && i < l->finding_count; i++)
        if (l->findings[i].check == BB_CHECK_GAP && l->findings[i].at_ms == b->end_ms)
            l->findings[i].hard = false;
}

static int finding_order(const void *a, const void *b) {
    const struct bb_finding *x = a, *y = b;
    int by_at = compare(x->at_ms, y->at_ms);
    return by_at ? by_at : compare(x->check, y->check);
}

/* Every winner judged, and its rows in the lane vee so far. */
static size_t judge_all(const struct channel_case *c, struct naive_lanes *l,
                        struct judged *judged) {
    const struct judged *before = NULL;
    size_t count = 0;

    l->findings = calloc(l->version_count * BB_CHECK_COUNT + 1, sizeof *l->findings);
    for (size_t i = 0; i < l->version_count; i++) {
        if (!l->versions[i].wins)
            continue;
        judged[count] = judged_of(c, &l->versions[i]);
        judge(c, l, &judged[count], before);
        if (judged[count].row.has_value)
            before = &judged[count];
        count++;
    }
    return count;
}

static void find_vee(const struct channel_case *c, struct naive_lanes *l) {
    struct judged *judged = calloc(l->version_count + 1, sizeof *judged);
    size_t count = judge_all(c, l, judged);
    int64_t capacity = (int64_t)count + 1;

    for (int pass = 0; pass < 2; pass++) { /* first the rows are counted */
        const struct judged *before = NULL;
        for (size_t i = 0; i < count; i++) {
            if (!judged[i].row.has_value)
                continue;
            if (before && pass == 0)
                capacity += gap_rows(c, &before->row, &judged[i].row);
            else if (before)
                fill_gap(c, l, count, &before->row, &judged[i].row);
            before = &judged[i];
        }
        if (pass == 0)
            l->vee = malloc((size_t)capacity * sizeof *l->vee);
        for (size_t i = 0; pass == 0 && i < count; i++)
            l->vee[l->vee_count++] = judged[i].row;
    }
    qsort(l->vee, l->vee_count, sizeof *l->vee, row_by_end);
    qsort(l->findings, l->finding_count, sizeof *l->findings, finding_order);
    free(judged);
}

void naive_derive(const struct channel_case *c, const struct telling *tellings, size_t count,
                  struct naive_lanes *out) {
    memset(out, 0, sizeof *out);
    find_versions(tellings, count, out);
    find_vee(c, out);
    naive_find_periods(c, out);
}

void naive_release(struct naive_lanes *l) {
    free(l->versions);
    free(l->vee);
    free(l->day.items);
    free(l->month.items);
    free(l->hour.items);
    free(l->findings);
    memset(l, 0, sizeof *l);
}

void naive_restrict(struct bb_pipeline *pipeline) {
    for (int check = BB_CHECK_TIME + 1; check < BB_CHECK_COUNT; check++)
        pipeline->check[check].on = false;
    for (int method = 0; method < BB_METHOD_COUNT; method++)
        pipeline->estimate[method].on &= method == BB_METHOD_LINEAR;
}
