/* A rule on stored history: see rules_backtest.h. */
#include "service/rules_backtest.h"

#include "model/rule_version.h"
#include "service/query.h"
#include "service/rules_channel.h"
#include "service/rules_window.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_CHUNK = 64 << 10, NAMES_MAX = 1 << 30, SOURCES_MAX = 8192, ABOUT_MAX = 64 << 10 };

struct source { /* a channel of the batch at hand */
    struct bb_span usage_point, channel;
    int unit;
    bool touched;
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
    struct bb_arena names; /* of the sources */
    /* the channel at hand */
    struct bb_rules_point *points;
    size_t count, room;
    struct bb_span usage_point, channel; /* of it, in `names` */
    int unit;
    uint8_t kind;
    bool stopped;
    struct bb_error *error;
    int result;
};

static int no_memory(struct run *r) {
    return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for the history of a channel");
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
    const double before = r->gather.value[at];
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
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct run *r = context;
    json_t *root = failure->told.size ? json_loadb(failure->told.data, failure->told.size, 0, NULL)
                                      : NULL;
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(root, "failures"), 0), "text"));

    (void)error;
    keep_failure(r, failure->window, failure->kind,
                 text ? bb_span_trim(bb_span_of(text)) : failure->text);
    json_decref(root);
    return 0;
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
        batch.now_ms = r->asked->now_ms;
        result = module->rules->ops->run(module->set, &batch, &sink, r->error);
    }
    bb_rules_gather_clear(&r->gather);
    bb_arena_reset(&r->names);
    r->source_count = 0;
    return result;
}

/* ---- a channel ------------------------------------------------------------------------------ */

static void put_about(struct run *r, const struct source *source, struct bb_buffer *out) {
    struct bb_registry *registry = r->plant->registry;
    struct bb_master_usage_point up;
    struct bb_arena arena;
    struct bb_error ignored;

    bb_arena_init(&arena, NAMES_CHUNK, ABOUT_MAX * 16);
    bool known = registry->ops->usage_point_get(registry, r->asked->tenant, source->usage_point,
                                                r->asked->as_of_ms, &arena, &up, &ignored) == 0;
    bb_rules_put_about(source->usage_point, source->channel, source->unit, known ? &up : NULL, out);
    bb_arena_release(&arena);
}

static bool is_judged(const struct run *r, int64_t end_ms) {
    const struct bb_backtest *asked = r->asked;

    return (asked->from_ms == BB_TIME_NONE || end_ms > asked->from_ms) &&
           (asked->to_ms == BB_TIME_NONE || end_ms <= asked->to_ms);
}

static int add_windows(struct run *r, uint32_t number, struct bb_span about) {
    size_t first = 0; /* of the past that the day at hand sees */

    for (size_t i = 0, next; i < r->count; i = next) {
        int32_t day = bb_lane_span_of(BB_LANE_RAW, r->points[i].end_ms);
        bool judged = is_judged(r, r->points[i].end_ms);
        for (next = i + 1; next < r->count && is_judged(r, r->points[next].end_ms) == judged &&
                           bb_lane_span_of(BB_LANE_RAW, r->points[next].end_ms) == day;)
            next++;
        if (!judged)
            continue;
        while (r->points[first].end_ms <= r->points[i].end_ms - r->asked->rule->window_ms)
            first++;
        r->sum->points += next - i;
        r->sum->windows++;
        if (!bb_rules_gather_add(&r->gather, r->points + first, next - first, i - first, number,
                                 about))
            return no_memory(r);
    }
    return 0;
}

/* The channel at hand is whole. */
static int end_channel(struct run *r) {
    struct bb_buffer about;
    int result = 0;

    if (r->count > 0 && r->source_count < SOURCES_MAX) {
        struct source *source = &r->sources[r->source_count];
        *source = (struct source){r->usage_point, r->channel, r->unit, false};
        r->sum->channels++;
        bb_buffer_init(&about, ABOUT_MAX);
        put_about(r, source, &about);
        result = add_windows(r, r->source_count++, bb_buffer_span(&about));
        bb_buffer_release(&about);
    }
    r->count = 0;
    if (!result && (bb_rules_gather_full(&r->gather) || r->source_count == SOURCES_MAX))
        result = flush(r);
    return result;
}

/* A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    struct run *r = context;

    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 4096;
        struct bb_rules_point *points = realloc(r->points, room * sizeof *points);
        if (!points) {
            r->result = no_memory(r);
            return 1;
        }
        r->points = points;
        r->room = room;
    }
    if (r->count == 0) {
        r->usage_point = bb_arena_copy(&r->names, row->usage_point);
        r->channel = bb_arena_copy(&r->names, row->channel);
        r->unit = row->unit;
        if (!r->usage_point.data || !r->channel.data) {
            r->result = no_memory(r);
            return 1;
        }
    }
    r->points[r->count++] = bb_rules_point_of(row);
    return 0;
}

static int run_usage_point(struct run *r, struct bb_span usage_point, bool may_lack) {
    const struct bb_backtest *asked = r->asked;
    const struct bb_query query = {.tenant = asked->tenant,
                                   .usage_point = usage_point,
                                   .channel = asked->rule->channel,
                                   .from_ms = asked->from_ms == BB_TIME_NONE
                                                  ? BB_TIME_NONE
                                                  : asked->from_ms - asked->rule->window_ms,
                                   .to_ms = asked->to_ms,
                                   .lane = asked->rule->lane,
                                   .as_of_ms = asked->as_of_ms};
    int result = bb_query_run(r->plant, &query, take_row, r, r->error);

    if (result == -BB_E_CHANNEL_UNKNOWN && may_lack)
        return 0;
    if (result >= 0)
        result = r->result;
    return result < 0 ? result : end_channel(r);
}

/* ---- all ------------------------------------------------------------------------------------ */

struct names {
    struct bb_span *items;
    size_t count, room;
    int commodity;
    struct bb_span share_of;
    uint32_t share;
    struct bb_arena arena;
};

/* Channels come by usage point. A bb_registry_channel_visit. */
static int take_name(void *context, const struct bb_registry_channel *row) {
    struct names *n = context;

    if (n->commodity >= 0 && row->commodity != n->commodity)
        return 0;
    if (n->count > 0 && bb_span_equal(n->items[n->count - 1], row->usage_point))
        return 0;
    if (n->share_of.size > 0 && !bb_rule_in_share(n->share_of, row->usage_point, n->share))
        return 0;
    if (n->count == n->room) {
        size_t room = n->room ? 2 * n->room : 256;
        struct bb_span *items = realloc(n->items, room * sizeof *items);
        if (!items)
            return -BB_E_NO_MEMORY;
        n->items = items;
        n->room = room;
    }
    n->items[n->count] = bb_arena_copy(&n->arena, row->usage_point);
    return n->items[n->count++].data ? 0 : -BB_E_NO_MEMORY;
}

static int run_all(struct run *r) {
    struct names names = {.commodity = r->asked->rule->commodity,
                          .share_of = r->asked->share_of,
                          .share = r->asked->share};
    struct bb_registry *registry = r->plant->registry;

    bb_arena_init(&names.arena, NAMES_CHUNK, NAMES_MAX);
    int result = registry->ops->channel_list(registry, r->asked->tenant, BB_SPAN(""), take_name,
                                             &names, r->error);
    if (result == -BB_E_NO_MEMORY)
        result = no_memory(r);
    for (size_t i = 0; result >= 0 && !r->stopped && i < names.count; i++)
        result = run_usage_point(r, names.items[i], true);
    bb_arena_release(&names.arena);
    free(names.items);
    return result < 0 ? result : 0;
}

int bb_backtest_run(struct bb_plant *plant, const struct bb_backtest *asked,
                    bb_backtest_visit *visit, void *context, struct bb_backtest_sum *sum,
                    struct bb_error *error) {
    struct run *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a back-test");
    *r = (struct run){.plant = plant,
                      .asked = asked,
                      .sum = sum,
                      .visit = visit,
                      .context = context,
                      .error = error};
    memset(sum, 0, sizeof *sum);
    bb_rules_gather_init(&r->gather);
    bb_arena_init(&r->names, NAMES_CHUNK, NAMES_MAX);
    int result = asked->usage_point.size ? run_usage_point(r, asked->usage_point, false)
                                         : run_all(r);
    if (result >= 0 && !r->stopped)
        result = flush(r);
    bb_rules_gather_release(&r->gather);
    bb_arena_release(&r->names);
    free(r->points);
    free(r);
    return result < 0 ? result : 0;
}
