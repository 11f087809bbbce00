/* Customers' rules in a plan: see plan.h and rule.h. Pure. */
#include "derive/plan_internal.h"

#include <stdlib.h>

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what rules say of a channel");
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* From where on the rule at hand has to judge, for those behind it to see what it said. */
static int64_t judged_from(const struct bb_plan *plan, bool raw) {
    const struct bb_channel *channel = plan->input.channel;
    struct bb_channel behind = {.rules = channel->rules + plan->rule + 1,
                                .rule_count = channel->rule_count - plan->rule - 1};

    return bb_rules_look_from(&behind, raw, raw ? plan->raw_rules_from : plan->judge_from);
}

int bb_plan_rules(struct bb_plan *plan, bool raw, struct bb_error *error) {
    const struct bb_channel *channel = plan->input.channel;
    struct bb_plan_work *w = plan->work;

    for (; plan->rule < channel->rule_count; plan->rule++) {
        const struct bb_channel_rule *rule = &channel->rules[plan->rule];
        if (rule->raw != raw)
            continue;
        if (!bb_rule_windows(channel, rule, raw ? &w->raw : &w->sight, judged_from(plan, raw),
                             raw ? plan->window_to : plan->judge_to, plan->arena, &plan->ask))
            return no_memory(error);
        plan->ask.besides = raw ? w->sent : w->seen;
        plan->ask.beside_count = plan->input.beside_count;
        if (plan->ask.window_count > 0)
            return BB_PLAN_ASK;
    }
    plan->rule = 0;
    if (raw && bb_rules_any(channel, true))
        bb_window_levels(channel, &w->raw, w->level);
    return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The window that judges t; NULL: nobody asked about it. */
static const struct bb_rule_window *window_of(const struct bb_rule_ask *ask, int64_t t) {
    for (size_t i = 0; i < ask->window_count; i++) {
        const struct bb_rule_window *w = &ask->windows[i];
        if (t >= ask->points->points[w->judge].end_ms &&
            t <= ask->points->points[w->end - 1].end_ms)
            return w;
    }
    return NULL;
}

static bool keep_said(struct bb_plan *plan, const struct bb_saying *said) {
    const struct bb_rule_window *window = window_of(&plan->ask, said->at_ms);

    if (!window || !bb_plan_judged(plan, said->at_ms))
        return true;
    if (plan->said_count == plan->said_capacity) {
        void *more = bb_plan_grow(plan, plan->said, &plan->said_capacity, sizeof plan->said[0]);
        if (!more)
            return false;
        plan->said = more;
    }
    plan->said[plan->said_count] = *said;
    plan->said[plan->said_count].rule = plan->ask.rule->name;
    plan->said[plan->said_count++].version = window->time->version;
    return true;
}

enum { EVIDENCE_FLAGGED = 1, EVIDENCE_ASKED, EVIDENCE_FAILED };

static void find(struct bb_plan *plan, size_t first, size_t last, int64_t a, bool hard) {
    const struct bb_point *p = plan->ask.points->points;
    const struct bb_finding finding = {
        .check = BB_CHECK_RULE,
        .hard = hard,
        .at_ms = p[last].end_ms,
        .from_ms = p[first].start_ms < p[last].end_ms ? p[first].start_ms : p[last].end_ms,
        .to_ms = p[last].end_ms,
        .a = a,
        .b = (int64_t)(last - first + 1)};
    struct bb_finding_list *list = &plan->work->findings;

    /* An exception is known by where it begins: rules that ask for a person about stretches that begin together open
     * one, of the longest and the graver kind. */
    for (size_t i = 0; i < list->count; i++) {
        struct bb_finding *other = &list->items[i];
        if (other->check != BB_CHECK_RULE || other->from_ms != finding.from_ms ||
            other->hard != hard || (!hard && other->at_ms != finding.at_ms))
            continue;
        other->a = other->a > a ? other->a : a;
        if (other->at_ms < finding.at_ms) {
            other->at_ms = other->to_ms = finding.at_ms;
            other->b = finding.b;
        }
        return;
    }
    bb_finding_add(list, &finding);
}

/* A run of flagged values is one finding, a day's at most. */
static void find_flagged(struct bb_plan *plan, const struct bb_saying *said, size_t count) {
    const struct bb_window *points = plan->ask.points;

    for (size_t i = 0, next; i < count; i = next) {
        next = i + 1;
        if (said[i].kind != BB_SAYING_FLAG || !bb_plan_judged(plan, said[i].at_ms))
            continue;
        size_t first = bb_window_after(points, said[i].at_ms - 1), last = first;
        for (; next < count && said[next].kind == BB_SAYING_FLAG && last + 1 < points->count &&
               points->points[last + 1].end_ms == said[next].at_ms &&
               bb_utc_day_of(said[next].at_ms) == bb_utc_day_of(said[i].at_ms);
             next++)
            last++;
        find(plan, first, last, EVIDENCE_FLAGGED, false);
    }
}

static void find_told(struct bb_plan *plan, const struct bb_saying *said) {
    const struct bb_rule_window *window = window_of(&plan->ask, said->at_ms);

    if (!window || !bb_plan_judged(plan, said->at_ms))
        return;
    if (said->kind == BB_SAYING_EXCEPTION || said->kind == BB_SAYING_FAILURE)
        find(plan, window->judge, window->end - 1,
             said->kind == BB_SAYING_EXCEPTION ? EVIDENCE_ASKED : EVIDENCE_FAILED, true);
}

int bb_plan_answer(struct bb_plan *plan, const struct bb_saying *said, size_t count,
                   struct bb_error *error) {
    struct bb_plan_work *w = plan->work;
    const bool raw = plan->ask.rule->raw;
    bool room = true;

    for (size_t i = 0; room && i < count; i++) {
        room = keep_said(plan, &said[i]);
        find_told(plan, &said[i]);
    }
    find_flagged(plan, said, count);
    if (!room || w->findings.overflow ||
        !bb_rule_apply(plan->input.channel, raw, said, count, raw ? &w->raw : &w->sight,
                       plan->arena))
        return no_memory(error);
    plan->rule++;
    return 0;
}

/* ---- the lane `rules` ------------------------------------------------------------------------ */

/* By time, and at one time in the order of the pipeline, which is that in which they came. */
static void sort_said(struct bb_saying *said, size_t count, struct bb_saying *scratch) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t a = from, middle = from + width < count ? from + width : count, b = middle;
            const size_t end = middle + width < count ? middle + width : count;
            for (size_t i = from; i < end; i++)
                scratch[i] = b >= end || (a < middle && said[a].at_ms <= said[b].at_ms) ? said[a++]
                                                                                        : said[b++];
        }
        memcpy(said, scratch, count * sizeof *said);
    }
}

int bb_plan_write_said(struct bb_plan *plan, struct bb_error *error) {
    struct bb_saying *scratch = bb_arena_take(plan->arena,
                                              (plan->said_count + 1) * sizeof *scratch);
    size_t at = 0;
    int result = 0;

    if (!scratch)
        return no_memory(error);
    sort_said(plan->said, plan->said_count, scratch);
    for (size_t i = 0; !result && i < plan->slot_count; i++) {
        struct bb_plan_slot *slot = plan->slots[i];
        if (slot->key.companion != 0 || slot->key.lane != BB_LANE_RULES)
            continue;
        const size_t first = at, offset = plan->out->size;
        while (at < plan->said_count && bb_utc_day_of(plan->said[at].at_ms) == slot->key.span)
            at++;
        if (at == first && !slot->present)
            continue;
        if (at > first)
            result = bb_sayings_pack(&plan->said[first], at - first, plan->arena, plan->out, error);
        if (!result)
            result = bb_plan_write_packed(plan, slot, offset, error);
    }
    BB_ASSERT(result || at == plan->said_count);
    return result;
}
