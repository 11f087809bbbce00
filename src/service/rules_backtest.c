/* A rule on stored history: see rules_backtest.h. */
#include "service/rules_backtest.h"

#include "base/list.h"
#include "model/rule_version.h"
#include "service/query_internal.h"
#include "service/rules_channel.h"
#include "service/rules_silence.h"
#include "service/rules_window.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_CHUNK = 64 << 10, NAMES_MAX = 1 << 30, SOURCES_MAX = 8192, ABOUT_MAX = 64 << 10 };
static const int64_t bounded_batch_ns = 250 * INT64_C(1000000); /* of reading for a batch */

struct source { /* a channel of the batch at hand */
    struct bb_span usage_point, channel;
    int unit;
    bool touched;
};

struct channel { /* its points, and whose they are; names are the run's */
    struct bb_rules_point *points;
    size_t count, room;
    struct bb_span usage_point, channel;
    int unit;
};

struct run {
    struct bb_plant *plant;
    const struct bb_backtest *asked;
    struct bb_backtest_sum *sum;
    bb_backtest_visit *visit;
    void *context;
    struct bb_rules_gather gather;
    struct source sources[SOURCES_MAX];
    uint32_t source_count;
    struct bb_arena names;                              /* of the sources */
    struct channel at_hand, others[BB_RULE_SERIES_MAX]; /* others: of its usage point */
    double *weights; /* of the points of the channel at hand; has_profile: they are right */
    size_t weights_room;
    bool has_profile;
    int64_t as_of_ms; /* to ask about */
    bool stopped, late;
    int64_t
        flushed_ns; /* bounded runs look at the clock between batches, so these are not too long */
    struct {        /* as they were after the last batch */
        uint64_t points, windows, channels;
    } sure;
    char gathered[BB_NAME_MAX + 1]; /* the last usage point that is whole */
    struct bb_error *error;
    int result;
};

static int no_memory(struct run *r) {
    return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for the history of a channel");
}

/* ---- bounds --------------------------------------------------------------------------------- */

static bool is_late(struct run *r) {
    r->late = r->late || bb_rules_bounds_over(&r->asked->bounds);
    return r->late;
}

/* Within a batch: what the port gives up by. */
static int go_on(struct run *r) {
    return is_late(r) ? BB_FAIL(r->error, BB_E_RULE_SLOW, "it took too long") : 0;
}

static void note_sure(struct run *r) {
    r->sure.points = r->sum->points;
    r->sure.windows = r->sum->windows;
    r->sure.channels = r->sum->channels;
    memcpy(r->sum->through, r->gathered, sizeof r->gathered);
    r->flushed_ns = bb_monotonic_ns();
}

static void forget_unsure(struct run *r) {
    r->sum->cut_short = true;
    r->sum->points = r->sure.points;
    r->sum->windows = r->sure.windows;
    r->sum->channels = r->sure.channels;
}

/* ---- what came of a batch ------------------------------------------------------------------- */

static void count_reason(struct bb_backtest_sum *sum, struct bb_span reason) {
    uint32_t i = 0;

    while (i < sum->reason_count && !bb_span_equal(bb_span_of(sum->reasons[i].name), reason))
        i++;
    if (i == BB_BACKTEST_REASONS_MAX)
        return;
    if (i == sum->reason_count) {
        snprintf(sum->reasons[i].name, sizeof sum->reasons[i].name, "%.*s", BB_SPAN_ARGS(reason));
        sum->reason_count++;
    }
    sum->reasons[i].count++;
}

static void count_change(struct run *r, const struct source *source, double before, double after) {
    struct bb_backtest_sum *sum = r->sum;

    if (before == after || (isnan(before) && isnan(after)))
        return;
    sum->changed++;
    if (sum->unit == 0)
        sum->unit = source->unit;
    sum->units_differ |= sum->unit != source->unit;
    sum->energy += (isnan(after) ? 0 : after) - (isnan(before) ? 0 : before);
}

static int tell_point(struct run *r, struct source *source, const struct bb_rules_part *part,
                      size_t i, size_t at, struct bb_span reason) {
    const bool made = part->verdict[i] ==
                      BB_RULES_MAKE; /* of another channel, which has none yet */
    const double before = made ? (double)NAN : r->gather.value[at];
    const double after = part->verdict[i] == BB_RULES_FLAG ? before : part->value[i];
    const struct bb_backtest_row row = {.usage_point = source->usage_point,
                                        .channel = source->channel,
                                        .reason = reason,
                                        .verdict = (enum bb_rules_verdict)part->verdict[i],
                                        .end_ms = r->gather.end_ms[at],
                                        .before = before,
                                        .after = after,
                                        .unit = source->unit};

    r->sum->verdicts[part->verdict[i]]++;
    count_reason(r->sum, reason);
    if (!made)
        count_change(r, source, before, after);
    r->sum->touched_channels += !source->touched;
    source->touched = true;
    return r->visit ? r->visit(r->context, &row) : 0;
}

static struct bb_span reason_of(json_t *reasons, uint16_t code) {
    const char *text = json_string_value(json_array_get(reasons, code));

    return text ? bb_span_of(text) : BB_SPAN("");
}

static void keep_failure(struct run *r, uint32_t window, enum bb_rules_failure_kind kind,
                         struct bb_span text) {
    struct bb_backtest_sum *sum = r->sum;
    uint64_t number = sum->failures++;

    if (number >= BB_BACKTEST_FAILURES_KEPT)
        return;
    const struct source *source = &r->sources[r->gather.source[window]];
    snprintf(sum->first_failures[number].usage_point, sizeof sum->first_failures[0].usage_point,
             "%.*s", BB_SPAN_ARGS(source->usage_point));
    snprintf(sum->first_failures[number].channel, sizeof sum->first_failures[0].channel, "%.*s",
             BB_SPAN_ARGS(source->channel));
    snprintf(sum->first_failures[number].text, sizeof sum->first_failures[0].text, "%.*s",
             BB_SPAN_ARGS(text));
    sum->first_failures[number].kind = kind;
    sum->first_failures[number].end_ms =
        r->gather.end_ms[r->gather.offset[window] + r->gather.judge[window]];
}

static void take_failures(struct run *r, const struct bb_rules_part *part, json_t *failures) {
    json_t *row;
    size_t i;
    uint64_t told = 0;

    json_array_foreach(failures, i, row) {
        json_int_t window = json_integer_value(json_object_get(row, "window"));
        const char *text = json_string_value(json_object_get(row, "text"));
        if (window >= 0 && window < part->windows && part->raised[window] && ++told)
            keep_failure(r, part->first + (uint32_t)window, BB_RULES_RAISED,
                         bb_span_trim(bb_span_of(text ? text : "")));
    }
    for (uint32_t w = 0; w < part->windows; w++)
        if (part->raised[w] && told > 0)
            told--;
        else if (part->raised[w])
            r->sum->failures++; /* more than were told of one by one */
}

/* Points before the judged ones were shown, not asked about: what is said of them is not heard. */
static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct run *r = context;
    const struct bb_rules_gather *g = &r->gather;
    json_t *root = json_loadb(part->told.data, part->told.size, 0, NULL);
    json_t *reasons = json_object_get(root, "reasons");

    (void)error;
    r->sum->nanoseconds += part->nanoseconds;
    r->sum->exceptions += json_array_size(json_object_get(root, "exceptions"));
    r->sum->tags += json_array_size(json_object_get(root, "tags"));
    for (uint32_t w = part->first; !r->stopped && w < part->first + part->windows; w++)
        for (size_t at = g->offset[w] + g->judge[w]; !r->stopped && at < g->offset[w + 1]; at++) {
            size_t i = at - part->first_point;
            if (part->verdict[i] != BB_RULES_NOTHING)
                r->stopped = tell_point(r, &r->sources[g->source[w]], part, i, at,
                                        reason_of(reasons, part->reason[i])) > 0;
        }
    take_failures(r, part, json_object_get(root, "failures"));
    json_decref(root);
    return part->first + part->windows < g->windows ? go_on(r) : 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct run *r = context;
    json_t *root = failure->told.size ? json_loadb(failure->told.data, failure->told.size, 0, NULL)
                                      : NULL;
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(root, "failures"), 0), "text"));

    (void)error;
    r->sum->nanoseconds += failure->nanoseconds;
    keep_failure(r, failure->window, failure->kind,
                 text ? bb_span_trim(bb_span_of(text)) : failure->text);
    json_decref(root);
    return failure->window + 1 < r->gather.windows ? go_on(r) : 0;
}

static int flush(struct run *r) {
    const struct bb_rules_sink sink = {take_part, take_failure, r};
    const struct bb_rules_module *module = r->asked->module;
    struct bb_rules_batch batch;
    int result = 0;

    if (r->gather.windows > 0) {
        bb_rules_gather_batch(&r->gather, &batch);
        batch.rule = (uint32_t)(r->asked->rule - module->items);
        batch.parameters = r->asked->parameters;
        batch.until_ns = r->asked->bounds.until_ns;
        result = module->rules->ops->run(module->set, &batch, &sink, r->error);
    }
    bb_rules_gather_clear(&r->gather);
    bb_arena_reset(&r->names);
    r->source_count = 0;
    if (result == -BB_E_RULE_SLOW) {
        r->late = true;
        forget_unsure(r);
        return 0;
    }
    if (!result)
        note_sure(r);
    return result;
}

/* ---- a channel ------------------------------------------------------------------------------ */

static void put_about(struct run *r, const struct source *source, struct bb_buffer *out) {
    struct bb_registry *registry = r->plant->registry;
    const struct bb_rule *rule = r->asked->rule;
    struct bb_rules_other others[BB_RULE_SERIES_MAX];
    struct bb_master_usage_point up;
    struct bb_arena arena;
    struct bb_error ignored;

    bb_arena_init(&arena, NAMES_CHUNK, (size_t)ABOUT_MAX * 16);
    uint32_t told = 0;
    bool known = bb_registry_usage_point(registry, r->asked->tenant, source->usage_point,
                                         r->as_of_ms, &arena, &up, &ignored) == 0;
    for (uint32_t k = 0; k < rule->other_count; k++)
        if (r->others[k].count > 0)
            others[told++] = (struct bb_rules_other){rule->others[k].name, r->others[k].channel,
                                                     r->others[k].unit};
    bb_rules_put_about(source->usage_point, source->channel, source->unit, known ? &up : NULL,
                       others, told, out);
    bb_arena_release(&arena);
}

static bool is_judged(const struct run *r, int64_t end_ms) {
    const struct bb_backtest *asked = r->asked;

    return (asked->from_ms == BB_TIME_NONE || end_ms > asked->from_ms) &&
           (asked->to_ms == BB_TIME_NONE || end_ms <= asked->to_ms);
}

/* The first point that ends after t. */
static size_t first_after(const struct channel *c, int64_t t) {
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->points[middle].end_ms > t)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* A window: points [first, last) of the channel at hand, judged from `judge` on, and what lies beside them. */
static int add_window(struct run *r, size_t first, size_t judge, size_t last, uint32_t number,
                      struct bb_span about) {
    const struct bb_rules_point *points = r->at_hand.points;
    const int64_t from_ms = points[judge].end_ms - r->asked->rule->window_ms;

    if (!bb_rules_gather_add(&r->gather, points + first, last - first, judge - first, number,
                             about))
        return no_memory(r);
    if (r->has_profile)
        bb_rules_gather_weigh(&r->gather, r->weights + first);
    for (uint32_t k = 0; k < r->asked->rule->other_count; k++) {
        const struct channel *other = &r->others[k];
        size_t begin = first_after(other, from_ms);
        size_t end = first_after(other, points[last - 1].end_ms);
        if (!bb_rules_gather_add_other(&r->gather, other->points + begin, end - begin))
            return no_memory(r);
    }
    return 0;
}

static int add_windows(struct run *r, uint32_t number, struct bb_span about) {
    const struct bb_rules_point *points = r->at_hand.points;
    const size_t count = r->at_hand.count;
    size_t first = 0; /* of the past that the day at hand sees */
    int result = 0;

    for (size_t i = 0, next; !result && i < count; i = next) {
        int32_t day = bb_lane_span_of(BB_LANE_RAW, points[i].end_ms);
        bool judged = is_judged(r, points[i].end_ms);
        for (next = i + 1; next < count && is_judged(r, points[next].end_ms) == judged &&
                           bb_lane_span_of(BB_LANE_RAW, points[next].end_ms) == day;)
            next++;
        if (!judged)
            continue;
        while (points[first].end_ms <= points[i].end_ms - r->asked->rule->window_ms)
            first++;
        r->sum->points += next - i;
        r->sum->windows++;
        result = add_window(r, first, i, next, number, about);
    }
    return result;
}

/* The channel at hand is whole. */
static int end_channel(struct run *r) {
    struct bb_buffer about;
    int result = 0;

    if (r->at_hand.count > 0 && r->source_count < SOURCES_MAX) {
        struct source *source = &r->sources[r->source_count];
        *source = (struct source){r->at_hand.usage_point, r->at_hand.channel, r->at_hand.unit,
                                  false};
        r->sum->channels++;
        bb_buffer_init(&about, ABOUT_MAX);
        put_about(r, source, &about);
        result = add_windows(r, r->source_count++, bb_buffer_span(&about));
        bb_buffer_release(&about);
    }
    r->at_hand.count = 0;
    return result;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct taking {
    struct run *run;
    struct channel *into;
};

/* A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    const struct taking *taking = context;
    struct channel *c = taking->into;
    struct run *r = taking->run;

    if (!bb_list_room(&c->points, c->count, &c->room, sizeof *c->points)) {
        r->result = no_memory(r);
        return 1;
    }
    if (c->count == 0) {
        c->usage_point = bb_arena_copy(&r->names, row->usage_point);
        c->channel = bb_arena_copy(&r->names, row->channel);
        c->unit = row->unit;
        if (!c->usage_point.data || !c->channel.data) {
            r->result = no_memory(r);
            return 1;
        }
    }
    c->points[c->count++] = bb_rules_point_of(row);
    return 0;
}

/* What the intervals of the channel at hand weigh. */
static int weigh(struct run *r, const struct bb_channel *channel) {
    if (r->weights_room < r->at_hand.count) {
        double *weights = realloc(r->weights, r->at_hand.room * sizeof *weights);
        if (!weights)
            return no_memory(r);
        r->weights = weights;
        r->weights_room = r->at_hand.room;
    }
    for (size_t i = 0; i < r->at_hand.count; i++)
        r->weights[i] = bb_rules_weight_of(channel, &r->at_hand.points[i]);
    r->has_profile = true;
    return 0;
}

/* A bb_query_act. */
static int read_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct taking *taking = context;
    struct run *r = taking->run;
    uint64_t left = UINT64_MAX;

    c->visit = take_row;
    c->context = taking;
    c->left = &left;
    int result = bb_query_lane(c, error);
    if (result >= 0)
        result = r->result;
    return !result && taking->into == &r->at_hand && c->channel.profile ? weigh(r, &c->channel)
                                                                        : result;
}

/* BB_E_CHANNEL_UNKNOWN is the caller's to judge. */
static int read_points(struct run *r, struct bb_span usage_point, struct bb_span channel,
                       struct channel *into) {
    const struct bb_backtest *asked = r->asked;
    const struct bb_query query = {
        .tenant = asked->tenant,
        .usage_point = usage_point,
        .channel = channel,
        .from_ms = asked->from_ms == BB_TIME_NONE ? BB_TIME_NONE
                                                  : asked->from_ms - asked->rule->window_ms,
        .to_ms = asked->to_ms == BB_TIME_NONE || into == &r->at_hand
                     ? asked->to_ms
                     : asked->to_ms + 1, /* an instant at the end of the last interval counts */
        .lane = asked->rule->lane,
        .as_of_ms = r->as_of_ms};
    struct taking taking = {r, into};

    into->count = 0;
    return bb_query_channels(r->plant, &query, read_channel, &taking, r->error);
}

static int run_usage_point(struct run *r, struct bb_span usage_point, bool may_lack) {
    const struct bb_rule *rule = r->asked->rule;

    r->has_profile = false;
    int result = read_points(r, usage_point, rule->channel, &r->at_hand);
    if (result == -BB_E_CHANNEL_UNKNOWN && may_lack)
        return 0;
    for (uint32_t k = 0; !result && r->at_hand.count > 0 && k < rule->other_count; k++) {
        result = read_points(r, usage_point, rule->others[k].from, &r->others[k]);
        result = result == -BB_E_CHANNEL_UNKNOWN ? 0 : result;
    }
    return result < 0 ? result : end_channel(r);
}

static bool is_batch(const struct run *r) {
    return bb_rules_gather_full(&r->gather) || r->source_count == SOURCES_MAX ||
           (bb_rules_bounds_any(&r->asked->bounds) &&
            bb_monotonic_ns() - r->flushed_ns > bounded_batch_ns);
}

static int run_one_of_all(struct run *r, struct bb_span usage_point) {
    int result = run_usage_point(r, usage_point, true);

    if (result < 0)
        return result;
    snprintf(r->gathered, sizeof r->gathered, "%.*s", BB_SPAN_ARGS(usage_point));
    return is_batch(r) ? flush(r) : 0;
}

/* ---- all ------------------------------------------------------------------------------------ */

struct names {
    struct bb_span *items;
    size_t count, room;
    int commodity;
    struct bb_span share_of, through;
    uint32_t share;
    struct bb_arena arena;
};

/* Channels come by usage point. A bb_registry_channel_visit. */
static int take_name(void *context, const struct bb_registry_channel *row) {
    struct names *n = context;

    if (n->commodity >= 0 && row->commodity != n->commodity)
        return 0;
    if (n->through.size > 0 && bb_span_compare(row->usage_point, n->through) > 0)
        return 1;
    if (n->count > 0 && bb_span_equal(n->items[n->count - 1], row->usage_point))
        return 0;
    if (n->share_of.size > 0 && !bb_rule_in_share(n->share_of, row->usage_point, n->share))
        return 0;
    if (!bb_list_room(&n->items, n->count, &n->room, sizeof *n->items))
        return -BB_E_NO_MEMORY;
    n->items[n->count] = bb_arena_copy(&n->arena, row->usage_point);
    return n->items[n->count++].data ? 0 : -BB_E_NO_MEMORY;
}

static int run_all(struct run *r) {
    struct names names = {.commodity = r->asked->rule->commodity,
                          .share_of = r->asked->share_of,
                          .through = r->asked->through,
                          .share = r->asked->share};
    struct bb_registry *registry = r->plant->registry;

    bb_arena_init(&names.arena, NAMES_CHUNK, NAMES_MAX);
    int result = registry->ops->channel_list(registry, r->asked->tenant, BB_SPAN(""), take_name,
                                             &names, r->error);
    if (result == -BB_E_NO_MEMORY)
        result = no_memory(r);
    for (size_t i = 0; result >= 0 && !r->stopped && i < names.count; i++)
        if (is_late(r)) {
            r->sum->cut_short = true;
            break;
        } else {
            result = run_one_of_all(r, names.items[i]);
        }
    bb_arena_release(&names.arena);
    free(names.items);
    return result < 0 ? result : 0;
}

int bb_backtest_run(struct bb_plant *plant, const struct bb_backtest *asked,
                    bb_backtest_visit *visit, void *context, struct bb_backtest_sum *sum,
                    struct bb_error *error) {
    struct run *r = calloc(1, sizeof *r);
    struct bb_rules_silence silence;

    BB_ASSERT(asked->now_ms > 0);
    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a back-test");
    *r = (struct run){.plant = plant,
                      .asked = asked,
                      .sum = sum,
                      .visit = visit,
                      .context = context,
                      .as_of_ms = asked->as_of_ms,
                      .error = error};
    memset(sum, 0, sizeof *sum);
    bb_rules_gather_init(&r->gather);
    r->gather.others.channels = asked->rule->other_count;
    bb_arena_init(&r->names, NAMES_CHUNK, NAMES_MAX);
    note_sure(r);
    snprintf(r->gathered, sizeof r->gathered, "%.*s", BB_SPAN_ARGS(asked->usage_point));
    int result = bb_rules_silence_begin(&silence, plant, asked->tenant,
                                        asked->name.size ? asked->name : asked->rule->name,
                                        asked->now_ms, &r->as_of_ms, error);
    if (result >= 0)
        result = asked->usage_point.size ? run_usage_point(r, asked->usage_point, false)
                                         : run_all(r);
    if (result >= 0 && !r->stopped)
        result = flush(r);
    bb_rules_silence_end(&silence);
    bb_rules_gather_release(&r->gather);
    bb_arena_release(&r->names);
    free(r->at_hand.points);
    free(r->weights);
    for (int k = 0; k < BB_RULE_SERIES_MAX; k++)
        free(r->others[k].points);
    free(r);
    return result < 0 ? result : 0;
}
