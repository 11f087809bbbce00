/* What a deployment changes: see rules_diff.h. */
#include "service/rules_diff.h"

#include "base/hash.h"
#include "model/rule_version.h"
#include "service/rules_deploy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_CHUNK = 64 << 10, NAMES_MAX = 256 << 20, SLOTS_MIN = 1024 };

struct said { /* of a point, by one side */
    struct bb_span reason;
    int64_t end_ms;
    double before, after;
    uint32_t source;
    uint8_t verdict;
};

struct side {
    struct said *items;
    size_t count, room;
};

struct source {
    struct bb_span usage_point, channel;
    int unit;
};

struct diff {
    struct bb_plant *plant;
    const struct bb_rules_diff *asked;
    const struct bb_master_rule *old, *new; /* old NULL: nothing stands */
    struct side sides[2];                   /* what stands, what comes */
    struct side *taking;
    const struct bb_master_rule_version *taking_of;
    struct source *sources;
    uint32_t *slots; /* by the hash of a source's name: its number + 1 */
    uint32_t source_count, slot_count;
    struct bb_arena names;
    struct bb_span last_reason;
    /* of the usage point at hand */
    struct bb_span usage_point;
    struct bb_rule_stretch stretches[2][BB_RULE_STRETCHES_MAX];
    size_t stretch_counts[2];
    struct bb_rules_bounds bounds; /* of the side at hand */
    struct bb_span through;        /* how far the new version came; empty: all the way */
    struct bb_rules_diff_sum *sum;
    struct bb_error *error;
    int result;
};

static int no_memory(struct diff *d) {
    return BB_FAIL(d->error, BB_E_NO_MEMORY, "no memory to compare rules");
}

/* ---- sources ---------------------------------------------------------------------------------- */

static uint64_t hash_of(struct bb_span usage_point, struct bb_span channel) {
    return bb_hash_mix(bb_hash_seeded(channel, bb_hash(usage_point)));
}

static bool grow(struct diff *d) {
    uint32_t count = d->slot_count ? 2 * d->slot_count : SLOTS_MIN;
    uint32_t *slots = calloc(count, sizeof *slots);
    struct source *sources = slots ? realloc(d->sources, count / 2 * sizeof *sources) : NULL;

    d->sources = sources ? sources : d->sources;
    if (!sources) {
        free(slots);
        return false;
    }
    for (uint32_t i = 0; i < d->source_count; i++) {
        uint64_t at = hash_of(sources[i].usage_point, sources[i].channel);
        while (slots[at % count])
            at++;
        slots[at % count] = i + 1;
    }
    free(d->slots);
    d->slots = slots;
    d->slot_count = count;
    return true;
}

static bool number_of(struct diff *d, const struct bb_backtest_row *row, uint32_t *number) {
    if (2 * (d->source_count + 1) > d->slot_count && !grow(d))
        return false;
    uint64_t at = hash_of(row->usage_point, row->channel);
    for (uint32_t slot; (slot = d->slots[at % d->slot_count]) != 0; at++)
        if (bb_span_equal(d->sources[slot - 1].usage_point, row->usage_point) &&
            bb_span_equal(d->sources[slot - 1].channel, row->channel)) {
            *number = slot - 1;
            return true;
        }
    *number = d->source_count;
    d->sources[*number] = (struct source){bb_arena_copy(&d->names, row->usage_point),
                                          bb_arena_copy(&d->names, row->channel), row->unit};
    if (!d->sources[*number].usage_point.data || !d->sources[*number].channel.data)
        return false;
    d->slots[at % d->slot_count] = ++d->source_count;
    return true;
}

/* ---- who speaks of a point -------------------------------------------------------------------- */

static const struct bb_master_rule_version *speaker(const struct diff *d, int side,
                                                    int64_t end_ms) {
    for (size_t i = 0; i < d->stretch_counts[side]; i++)
        if (end_ms > d->stretches[side][i].from_ms && end_ms <= d->stretches[side][i].to_ms)
            return d->stretches[side][i].version;
    return NULL;
}

/* The new version does, and on its own side or on that of what stands the one whose turn it is. */
static bool counts(const struct diff *d, int64_t end_ms) {
    const struct bb_master_rule_version *comes = speaker(d, 1, end_ms);

    if (comes != d->new->versions)
        return false;
    return d->taking == &d->sides[1] || speaker(d, 0, end_ms) == d->taking_of;
}

static bool go_to(struct diff *d, struct bb_span usage_point) {
    if (bb_span_equal(d->usage_point, usage_point))
        return true;
    d->usage_point = bb_arena_copy(&d->names, usage_point);
    if (!d->usage_point.data)
        return false;
    d->stretch_counts[0] = d->old ? bb_rule_stretches(d->old, usage_point, d->stretches[0]) : 0;
    d->stretch_counts[1] = bb_rule_stretches(d->new, usage_point, d->stretches[1]);
    return true;
}

/* ---- what they say ---------------------------------------------------------------------------- */

static bool add(struct diff *d, const struct bb_backtest_row *row) {
    struct side *side = d->taking;
    uint32_t source;

    if (side->count == side->room) {
        size_t room = side->room ? 2 * side->room : 4096;
        struct said *items = realloc(side->items, room * sizeof *items);
        if (!items)
            return false;
        side->items = items;
        side->room = room;
    }
    if (!bb_span_equal(d->last_reason, row->reason))
        d->last_reason = bb_arena_copy(&d->names, row->reason);
    if (!number_of(d, row, &source) || (row->reason.size > 0 && !d->last_reason.data))
        return false;
    side->items[side->count++] = (struct said){.reason = d->last_reason,
                                               .end_ms = row->end_ms,
                                               .before = row->before,
                                               .after = row->after,
                                               .source = source,
                                               .verdict = (uint8_t)row->verdict};
    return true;
}

/* A bb_backtest_visit. */
static int take(void *context, const struct bb_backtest_row *row) {
    struct diff *d = context;

    if (!go_to(d, row->usage_point)) {
        d->result = no_memory(d);
        return 1;
    }
    if (!counts(d, row->end_ms))
        return 0;
    if (d->taking->count == BB_DIFF_POINTS_MAX)
        d->result = BB_FAIL(d->error, BB_E_USAGE,
                            "more than %d points are touched: ask for fewer, from a later date on",
                            BB_DIFF_POINTS_MAX);
    else if (!add(d, row))
        d->result = no_memory(d);
    return d->result < 0;
}

static int test(struct diff *d, const struct bb_rules_module *module, const struct bb_rule *rule,
                const struct bb_master_rule_version *version, struct bb_backtest_sum *sum) {
    const struct bb_backtest asked = {.tenant = d->asked->tenant,
                                      .name = d->asked->name,
                                      .usage_point = d->asked->usage_point,
                                      .through = d->through,
                                      .bounds = d->bounds,
                                      .share_of = d->asked->name,
                                      .share = d->new->versions[0].share,
                                      .module = module,
                                      .rule = rule,
                                      .parameters = version->parameters,
                                      .from_ms = d->asked->from_ms,
                                      .to_ms = d->asked->to_ms,
                                      .as_of_ms = BB_TIME_NONE,
                                      .now_ms = d->asked->now_ms};

    d->taking_of = version;
    d->usage_point = (struct bb_span){NULL, 0};
    int result = bb_backtest_run(d->plant, &asked, take, d, sum, d->error);
    return d->result < 0 ? d->result : result;
}

static int test_old(struct diff *d, const struct bb_master_rule_version *version,
                    struct bb_backtest_sum *sum) {
    const struct bb_master_module *source = bb_rules_module_of(d->asked->before, version->module);
    struct bb_rules *host = d->asked->module->rules;
    struct bb_rules_module module;

    if (!source)
        return BB_FAIL(d->error, BB_E_RULE_LOAD, "version %.*s has no module",
                       BB_SPAN_ARGS(version->id));
    int result = bb_rules_module_make(host, source, &module, d->error);
    if (result)
        return result;
    const struct bb_rule *rule = bb_rules_module_find(&module, version->function);
    result = rule ? test(d, &module, rule, version, sum)
                  : BB_FAIL(d->error, BB_E_RULE_LOAD, "version %.*s: its module has no rule %.*s",
                            BB_SPAN_ARGS(version->id), BB_SPAN_ARGS(version->function));
    bb_rules_module_release(&module);
    if (!result && sum->cut_short)
        result = BB_FAIL(d->error, BB_E_RULE_SLOW,
                         "version %.*s, which stands, takes too long to be compared with",
                         BB_SPAN_ARGS(version->id));
    return result;
}

/* Does any of its stretches reach into what is asked about? Not when those before it have it all. */
static bool may_speak(const struct diff *d, uint32_t at) {
    const struct bb_master_rule_version *v = &d->old->versions[at];

    if (v->to_ms != BB_TIME_NONE && d->asked->from_ms != BB_TIME_NONE &&
        v->to_ms <= d->asked->from_ms)
        return false;
    for (uint32_t i = 0; i < at; i++) {
        const struct bb_master_rule_version *first = &d->old->versions[i];
        if (first->share == BB_MASTER_SHARE_ALL && first->to_ms == BB_TIME_NONE &&
            (first->from_ms == BB_TIME_NONE ||
             (d->asked->from_ms != BB_TIME_NONE && first->from_ms <= d->asked->from_ms)))
            return false;
    }
    return true;
}

/* ---- where they differ ------------------------------------------------------------------------ */

static int by_place(const void *left, const void *right) {
    const struct said *a = left, *b = right;

    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->end_ms > b->end_ms) - (a->end_ms < b->end_ms);
}

static bool same_value(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* `old`, `new`: NULL where nothing is said, and the value stays as it is. */
static bool row_of(const struct diff *d, const struct said *old, const struct said *new,
                   struct bb_rules_diff_row *row) {
    const struct said *any = new ? new : old;
    const struct source *source = &d->sources[any->source];

    *row = (struct bb_rules_diff_row){.usage_point = source->usage_point,
                                      .channel = source->channel,
                                      .end_ms = any->end_ms,
                                      .unit = source->unit,
                                      .old_value = old ? old->after : any->before,
                                      .new_value = new ? new->after : any->before};
    if (old) {
        row->old_verdict = (enum bb_rules_verdict)old->verdict;
        row->old_reason = old->reason;
    }
    if (new) {
        row->new_verdict = (enum bb_rules_verdict) new->verdict;
        row->new_reason = new->reason;
    }
    return row->old_verdict != row->new_verdict || !same_value(row->old_value, row->new_value) ||
           !bb_span_equal(row->old_reason, row->new_reason);
}

struct touched { /* the channel at hand */
    uint32_t source;
    uint64_t points;
    double energy;
};

static void end_channel(struct diff *d, const struct touched *t) {
    struct bb_rules_diff_sum *sum = d->sum;
    uint32_t at = sum->top_count;

    if (t->points == 0)
        return;
    sum->touched_channels++;
    while (at > 0 && sum->top[at - 1].points < t->points)
        at--;
    if (at == BB_DIFF_CHANNELS_SHOWN)
        return;
    uint32_t last = sum->top_count < BB_DIFF_CHANNELS_SHOWN ? sum->top_count++
                                                            : BB_DIFF_CHANNELS_SHOWN - 1;
    memmove(&sum->top[at + 1], &sum->top[at], (last - at) * sizeof sum->top[0]);
    const struct source *source = &d->sources[t->source];
    snprintf(sum->top[at].usage_point, sizeof sum->top[at].usage_point, "%.*s",
             BB_SPAN_ARGS(source->usage_point));
    snprintf(sum->top[at].channel, sizeof sum->top[at].channel, "%.*s",
             BB_SPAN_ARGS(source->channel));
    sum->top[at].points = t->points;
    sum->top[at].energy = t->energy;
    sum->top[at].unit = source->unit;
}

static void count(struct diff *d, const struct bb_rules_diff_row *row, struct touched *t) {
    struct bb_rules_diff_sum *sum = d->sum;
    double change = (isnan(row->new_value) ? 0 : row->new_value) -
                    (isnan(row->old_value) ? 0 : row->old_value);

    t->points++;
    /* what a rule makes is no value of the channel that it judges */
    if (same_value(row->old_value, row->new_value) || row->old_verdict == BB_RULES_MAKE ||
        row->new_verdict == BB_RULES_MAKE) {
        sum->flags++;
        return;
    }
    sum->changed++;
    sum->units_differ |= sum->unit != 0 && sum->unit != row->unit;
    sum->unit = sum->unit ? sum->unit : row->unit;
    sum->energy += change;
    t->energy += change;
}

static int merge(struct diff *d, bb_rules_diff_visit *visit, void *context) {
    const struct side *old = &d->sides[0], *new = &d->sides[1];
    struct touched touched = {0};
    struct bb_rules_diff_row row;
    bool stopped = false;

    for (int i = 0; i < 2; i++)
        if (d->sides[i].count > 1)
            qsort(d->sides[i].items, d->sides[i].count, sizeof d->sides[i].items[0], by_place);
    for (size_t i = 0, k = 0; i < old->count || k < new->count;) {
        int order = i == old->count   ? 1
                    : k == new->count ? -1
                                      : by_place(&old->items[i], &new->items[k]);
        const struct said *a = order <= 0 ? &old->items[i++] : NULL;
        const struct said *b = order >= 0 ? &new->items[k++] : NULL;
        BB_ASSERT(a || b);
        uint32_t source = a ? a->source : b->source;
        if (source != touched.source) {
            end_channel(d, &touched);
            touched = (struct touched){.source = source};
        }
        if (!row_of(d, a, b, &row))
            continue;
        count(d, &row, &touched);
        stopped = stopped || (visit && visit(context, &row) > 0);
    }
    end_channel(d, &touched);
    return 0;
}

/* ---- bounds ----------------------------------------------------------------------------------- */

/* Of the time that there is: the versions that stand need as much. */
static struct bb_rules_bounds half_of(const struct diff *d) {
    struct bb_rules_bounds bounds = d->asked->bounds;

    if (d->old && bounds.until_ns > 0)
        bounds.until_ns -= (bounds.until_ns - bb_monotonic_ns()) / 2;
    return bounds;
}

/* What the new version said of usage points that it did not come to the end of. */
static void forget_beyond(struct diff *d) {
    struct side *side = &d->sides[1];
    size_t kept = 0;

    d->through = bb_span_of(d->sum->test.through);
    for (size_t i = 0; i < side->count; i++)
        if (bb_span_compare(d->sources[side->items[i].source].usage_point, d->through) <= 0)
            side->items[kept++] = side->items[i];
    side->count = kept;
}

/* ---- the face --------------------------------------------------------------------------------- */

static int compare(struct diff *d, bb_rules_diff_visit *visit, void *context) {
    struct bb_backtest_sum *ignored = calloc(1, sizeof *ignored);

    if (!ignored)
        return no_memory(d);
    d->taking = &d->sides[1];
    d->bounds = half_of(d);
    int result = test(d, d->asked->module, d->asked->rule, d->new->versions, &d->sum->test);
    bool any = !d->sum->test.cut_short || d->sum->test.through[0];
    if (!result && d->sum->test.cut_short)
        forget_beyond(d);
    d->taking = &d->sides[0];
    d->bounds = d->asked->bounds;
    for (uint32_t i = 0; !result && any && d->old && i < d->old->version_count; i++)
        if (may_speak(d, i))
            result = test_old(d, &d->old->versions[i], ignored);
    free(ignored);
    d->sum->points = d->sum->test.points;
    d->sum->channels = d->sum->test.channels;
    return result ? result : merge(d, visit, context);
}

int bb_rules_diff_run(struct bb_plant *plant, const struct bb_rules_diff *asked,
                      bb_rules_diff_visit *visit, void *context, struct bb_rules_diff_sum *sum,
                      struct bb_error *error) {
    struct diff *d = calloc(1, sizeof *d);

    if (!d)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to compare rules");
    memset(sum, 0, sizeof *sum);
    *d = (struct diff){.plant = plant,
                       .asked = asked,
                       .old = bb_rules_find(asked->before, asked->name),
                       .new = bb_rules_find(asked->after, asked->name),
                       .sum = sum,
                       .error = error};
    bb_arena_init(&d->names, NAMES_CHUNK, NAMES_MAX);
    BB_ASSERT(d->new && d->new->version_count > 0);
    int result = compare(d, visit, context);
    bb_arena_release(&d->names);
    free(d->sides[0].items);
    free(d->sides[1].items);
    free(d->sources);
    free(d->slots);
    free(d);
    return result;
}
