/* Lanes that are made when they are asked for: a plan in memory over the raw of that moment. See query_internal.h. */
#include "service/query_internal.h"

#include "derive/estimate.h"
#include "derive/plan.h"

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to derive a channel for a question");
}

/* The statistics of a day from its raw block. */
static int stat_of_day(struct bb_query_channel *c, int32_t day, struct bb_stat_day *row,
                       struct bb_error *error) {
    struct bb_block raw;
    int result = bb_query_raw_of_day(c, day, &raw, error);

    if (result)
        return result;
    bb_stat_of_day(&c->channel, day, &raw, row);
    return 0;
}

/* The statistics of a month, made from raw as it was: nobody keeps those of a past moment. */
static int pack_stat(struct bb_query_channel *c, int32_t month, struct bb_buffer *out,
                     struct bb_error *error) {
    struct bb_stat_day rows[31];
    int64_t start, end;
    size_t count = 0;
    int result = 0;

    bb_lane_span_bounds(BB_LANE_STAT, month, &start, &end);
    for (int32_t day = (int32_t)(start / BB_DAY_MS); !result && day < (int32_t)(end / BB_DAY_MS);
         day++)
        if (bb_coverage_has(&c->coverage, day))
            result = stat_of_day(c, day, &rows[count++], error);
    return result || count == 0 ? result : bb_stat_pack(rows, count, c->arena, out, error);
}

/* A block as stored: everything but raw and history of a channel as it is now. */
static int get_packed(struct bb_query_channel *c, struct bb_plan_key key, struct bb_span *packed,
                      struct bb_error *error) {
    struct bb_block_key block = {c->record.number, key.span, key.lane};
    int result = c->plant->store->ops->block_get(c->view, &block, packed, error);

    if (result == BB_ABSENT)
        *packed = (struct bb_span){NULL, 0};
    return result < 0 ? result : 0;
}

static struct bb_span made_block(const struct bb_query_channel *c, int32_t span) {
    for (size_t i = 0; i < c->vee_count; i++)
        if (c->vee[i].span == span)
            return c->vee[i].packed;
    return (struct bb_span){NULL, 0};
}

static int make_stretch(struct bb_query_channel *c, int32_t day, struct bb_error *error);

/* Whose block it is. */
static struct bb_query_channel *channel_of(struct bb_query_channel *asked, struct bb_plan_key key) {
    if (key.companion > asked->companion_count)
        return &asked->besides[key.companion - asked->companion_count - 1];
    return key.companion ? &asked->companions[key.companion - 1] : asked;
}

/* What a plan needs to make a lane. Of a past moment nothing but raw is known, and the lane vee of what it looks at
 * beside the channel: of registers it was made before, of other channels it is made when it is asked for. */
static int supply(struct bb_query_channel *asked, struct bb_plan *plan, struct bb_plan_key key,
                  struct bb_error *error) {
    const bool past = asked->query->as_of_ms != BB_TIME_NONE || asked->of;
    struct bb_query_channel *c = channel_of(asked, key);
    struct bb_span packed = {NULL, 0};
    struct bb_block block;
    struct bb_buffer b;
    int result = 0;

    bb_buffer_init(&b, BB_BLOCK_MAX_BYTES);
    if (key.lane == BB_LANE_RAW && past) {
        result = bb_query_raw_of_day(c, key.span, &block, error);
        if (!result && block.count > 0)
            result = bb_block_pack(&block, c->arena, &b, error);
    } else if (key.lane == BB_LANE_STAT && past) {
        result = pack_stat(c, key.span, &b, error);
    } else if (key.lane == BB_LANE_VEE && past) {
        result = key.companion > asked->companion_count ? make_stretch(c, key.span, error) : 0;
        packed = made_block(c, key.span);
    } else if (!bb_lane_has_periods(key.lane) && !(key.lane == BB_LANE_RULES && past)) {
        result = get_packed(c, key, &packed, error);
    }
    if (!result && b.size > 0) {
        packed = bb_arena_copy(c->arena, bb_buffer_span(&b));
        result = packed.data ? 0 : no_memory(error);
    }
    bb_buffer_release(&b);
    return result ? result : bb_plan_supply(plan, key, packed, error);
}

/* What the rule said of the days that are asked, as it was kept. */
static int recall_said(struct bb_query_channel *c, const struct bb_rule_ask *ask,
                       struct bb_sayings *out, struct bb_error *error) {
    const struct bb_rule_window *w = ask->windows;
    int32_t first = bb_utc_day_of(ask->points->points[w[0].judge].end_ms);
    int32_t last = bb_utc_day_of(ask->points->points[w[ask->window_count - 1].end - 1].end_ms);
    size_t capacity = 0;

    *out = (struct bb_sayings){NULL, 0};
    for (int32_t day = first; day <= last; day++) {
        struct bb_sayings said;
        struct bb_span packed;
        int result = get_packed(c, (struct bb_plan_key){BB_LANE_RULES, 0, day}, &packed, error);
        if (!result && packed.size == 0)
            continue;
        if (!result)
            result = bb_sayings_unpack(packed, c->arena, &said, error);
        if (result)
            return result;
        if (out->count + said.count > capacity) {
            capacity = 2 * (out->count + said.count);
            struct bb_saying *items = bb_arena_take(c->arena, capacity * sizeof *items);
            if (!items)
                return no_memory(error);
            if (out->count > 0)
                memcpy(items, out->items, out->count * sizeof *items);
            out->items = items;
        }
        for (size_t i = 0; i < said.count; i++)
            if (bb_span_equal(said.items[i].rule, ask->rule->name))
                out->items[out->count++] = said.items[i];
    }
    return 0;
}

/* Of a past moment nobody kept what rules said: they say it again. */
static int ask_again(struct bb_query_channel *c, const struct bb_rule_ask *ask,
                     struct bb_sayings *out, struct bb_error *error) {
    struct bb_registry *registry = c->plant->registry;
    struct bb_rule_question question = {
        .tenant = c->query->tenant, .usage_point = c->usage_point, .channel = c->name, .ask = ask};
    struct bb_master_usage_point up;

    int result = bb_registry_usage_point(registry, c->query->tenant, c->usage_point,
                                         c->query->as_of_ms, c->arena, &up, error);
    if (result < 0)
        return result;
    question.about = result == 0 ? &up : NULL;
    return c->plant->judge(c->plant->judge_context, &question, c->arena, out, error);
}

static int answer(struct bb_query_channel *c, struct bb_plan *plan, struct bb_error *error) {
    struct bb_sayings said;
    int result = c->query->as_of_ms == BB_TIME_NONE ? recall_said(c, &plan->ask, &said, error)
                                                    : ask_again(c, &plan->ask, &said, error);

    return result < 0 ? result : bb_plan_answer(plan, said.items, said.count, error);
}

/* Derive (from, to] of the channel again in memory. */
static int run_plan(struct bb_query_channel *c, struct bb_plan *plan, struct bb_buffer *out,
                    int32_t first_day, int32_t last_day, uint8_t also, struct bb_error *error) {
    struct bb_companion companions[BB_METERS_MAX];
    struct bb_beside besides[BB_BESIDES_MAX];
    int result;

    for (size_t i = 0; i < c->companion_count; i++)
        companions[i] = (struct bb_companion){&c->companions[i].channel,
                                              &c->companions[i].coverage};
    for (size_t i = 0; i < c->beside_count; i++)
        besides[i] = (struct bb_beside){c->besides[i].called, c->besides[i].name,
                                        &c->besides[i].channel, &c->besides[i].coverage};
    struct bb_plan_input input = {.channel = &c->channel,
                                  .coverage = &c->coverage,
                                  .companions = companions,
                                  .companion_count = c->companion_count,
                                  .besides = besides,
                                  .beside_count = c->beside_count,
                                  .tick_ms = c->tick_ms,
                                  .force_from = first_day * (int64_t)BB_DAY_MS,
                                  .force_to = (last_day + 1) * (int64_t)BB_DAY_MS,
                                  .discard_periods = true,
                                  .also = also,
                                  .account = c->account};
    bb_plan_begin(plan, &input, c->arena, out);
    while ((result = bb_plan_run(plan, error)) > BB_PLAN_DONE) {
        if (result == BB_PLAN_ASK) {
            result = answer(c, plan, error);
            if (result < 0)
                break;
            continue;
        }
        for (size_t i = 0; i < plan->need_count && result >= 0; i++)
            result = supply(c, plan, plan->needs[i], error);
        if (result < 0)
            break;
    }
    return result;
}

/* Judging a register begins at an accepted reading, and of a past moment nobody has judged any yet: a few
 * days of readings more, and it is in step. */
static int32_t begin_earlier(const struct bb_query_channel *c, int32_t first) {
    enum { DAYS_TO_STEP_IN = 4 };

    for (int i = 0; c->channel.kind == BB_KIND_REGISTER && i < DAYS_TO_STEP_IN; i++) {
        int32_t day = bb_coverage_before(&c->coverage, first);
        first = day == BB_DAY_NONE ? first : day;
    }
    return first;
}

static void *grow(const struct bb_query_channel *c, const void *items, size_t count,
                  size_t *capacity, size_t size) {
    void *larger = bb_arena_take(c->arena, (2 * *capacity + 16) * size);

    if (larger && count > 0)
        memcpy(larger, items, count * size);
    *capacity = larger ? 2 * *capacity + 16 : *capacity;
    return larger;
}

/* What rules said in a plan, of the days [first, last]. */
static int keep_said(struct bb_query_channel *c, const struct bb_plan *plan, int32_t first,
                     int32_t last, struct bb_error *error) {
    for (size_t i = 0; i < plan->said_count; i++) {
        const int32_t day = bb_utc_day_of(plan->said[i].at_ms);
        if (day < first || day > last)
            continue;
        if (c->said_count == c->said_capacity) {
            c->said = grow(c, c->said, c->said_count, &c->said_capacity, sizeof c->said[0]);
            if (!c->said)
                return no_memory(error);
        }
        c->said[c->said_count++] = plan->said[i];
    }
    return 0;
}

/* What a plan made of the lane vee, of the days [first, last]. */
static int keep_vee(struct bb_query_channel *c, const struct bb_plan *plan, int32_t first,
                    int32_t last, struct bb_error *error) {
    for (size_t i = 0; i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        if (write->key.lane != BB_LANE_VEE || write->size == 0 || write->key.span < first ||
            write->key.span > last)
            continue;
        if (c->vee_count == c->vee_capacity) {
            c->vee = grow(c, c->vee, c->vee_count, &c->vee_capacity, sizeof c->vee[0]);
            if (!c->vee)
                return no_memory(error);
        }
        struct bb_span packed = {plan->out->data + write->offset, write->size};
        c->vee[c->vee_count].span = write->key.span;
        c->vee[c->vee_count].packed = bb_arena_copy(c->arena, packed);
        if (!c->vee[c->vee_count++].packed.data)
            return no_memory(error);
    }
    return 0;
}

/* The lane vee of a channel, as of the asked moment: [first, last] are derived, what that makes of the days
 * [kept_first, kept_last] is kept. */
static int make_vee(struct bb_query_channel *c, int32_t first, int32_t last, int32_t kept_first,
                    int32_t kept_last, struct bb_error *error) {
    struct bb_buffer out;
    struct bb_plan plan;

    bb_buffer_init(&out, BB_BLOCK_MAX_BYTES);
    int result = run_plan(c, &plan, &out, first, last, 0, error);
    if (!result)
        result = keep_vee(c, &plan, kept_first, kept_last, error);
    if (!result)
        result = keep_said(c, &plan, kept_first, kept_last, error);
    bb_buffer_release(&out);
    return result;
}

/* Of a register beside the channel, around some days. */
static int make_companion(struct bb_query_channel *c, int32_t first, int32_t last,
                          struct bb_error *error) {
    if (c->coverage.count == 0)
        return 0;
    int32_t earliest = c->coverage.runs[0].first;
    int32_t latest = c->coverage.runs[c->coverage.count - 1].last;
    first = first > earliest ? begin_earlier(c, first) : earliest;
    last = last < latest ? last : latest;
    return first > last ? 0 : make_vee(c, first, last, INT32_MIN, INT32_MAX, error);
}

static int make_companions(struct bb_query_channel *c, int32_t first, int32_t last,
                           struct bb_error *error) {
    int result = 0;

    for (size_t i = 0; !result && i < c->companion_count; i++)
        result = make_companion(&c->companions[i], first - 2 * BB_TOTAL_DAYS_MAX,
                                last + 2 * BB_TOTAL_DAYS_MAX, error);
    return result;
}

/* The stretch of days that holds one. */
static int make_stretch(struct bb_query_channel *c, int32_t day, struct bb_error *error) {
    const int32_t stretch = (day - (day < 0 ? BB_PLAN_DAYS_MAX - 1 : 0)) / BB_PLAN_DAYS_MAX;
    const int32_t first = stretch * BB_PLAN_DAYS_MAX, last = first + BB_PLAN_DAYS_MAX - 1;

    for (size_t i = 0; i < c->stretch_count; i++)
        if (c->stretches[i] == stretch)
            return 0;
    if (c->stretch_count == c->stretch_capacity) {
        c->stretches = grow(c, c->stretches, c->stretch_count, &c->stretch_capacity,
                            sizeof c->stretches[0]);
        if (!c->stretches)
            return no_memory(error);
    }
    c->stretches[c->stretch_count++] = stretch;
    int result = make_companions(c, first, last, error);
    return result ? result : make_vee(c, begin_earlier(c, first), last, first, last, error);
}

int bb_query_vee_of_day(struct bb_query_channel *c, int32_t day, struct bb_window *out,
                        struct bb_error *error) {
    struct bb_block raw = {.lane = BB_LANE_RAW}, overlay = {.lane = BB_LANE_VEE};
    int result = bb_coverage_has(&c->coverage, day) ? bb_query_raw_of_day(c, day, &raw, error) : 0;

    if (!result && c->query->as_of_ms == BB_TIME_NONE) {
        result = bb_query_block(c, BB_LANE_VEE, day, &overlay, error);
    } else if (!result) {
        result = make_stretch(c, day, error);
        struct bb_span packed = result ? (struct bb_span){NULL, 0} : made_block(c, day);
        if (packed.size > 0)
            result = bb_block_unpack(packed, c->arena, &overlay, error);
    }
    return result ? result : bb_query_restore_day(c, &raw, &overlay, day, out, error);
}

int bb_query_said_of_day(struct bb_query_channel *c, int32_t day, struct bb_sayings *out,
                         struct bb_error *error) {
    struct bb_span packed;
    size_t first = 0, end;

    *out = (struct bb_sayings){NULL, 0};
    if (c->query->as_of_ms == BB_TIME_NONE) {
        int result = get_packed(c, (struct bb_plan_key){BB_LANE_RULES, 0, day}, &packed, error);
        return result || packed.size == 0 ? result
                                          : bb_sayings_unpack(packed, c->arena, out, error);
    }
    int result = make_stretch(c, day, error);
    if (result)
        return result;
    while (first < c->said_count && bb_utc_day_of(c->said[first].at_ms) != day)
        first++; /* days of a stretch lie together, by time */
    for (end = first; end < c->said_count && bb_utc_day_of(c->said[end].at_ms) == day;)
        end++;
    *out = (struct bb_sayings){c->said + first, end - first};
    return 0;
}

static int tell_made(struct bb_query_channel *c, const struct bb_plan *plan,
                     struct bb_error *error) {
    int result = 0;
    int32_t first, last;

    bb_query_day_bounds(c, &first, &last);
    for (int32_t day = first; !result && c->query->lane == BB_LANE_VEE && day <= last; day++) {
        struct bb_block raw = {.lane = BB_LANE_RAW}, overlay = {.lane = BB_LANE_VEE};
        if (bb_coverage_has(&c->coverage, day))
            result = bb_query_raw_of_day(c, day, &raw, error);
        for (size_t i = 0; !result && i < plan->write_count; i++)
            if (plan->writes[i].key.lane == BB_LANE_VEE && plan->writes[i].key.span == day)
                result = bb_block_unpack((struct bb_span){plan->out->data + plan->writes[i].offset,
                                                          plan->writes[i].size},
                                         c->arena, &overlay, error);
        if (!result)
            result = bb_query_tell_day(c, &raw, &overlay, day, error);
    }
    for (size_t i = 0; !result && c->query->lane != BB_LANE_VEE && i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        struct bb_block block;
        if (write->key.lane != c->query->lane || write->size == 0)
            continue;
        result = bb_block_unpack((struct bb_span){plan->out->data + write->offset, write->size},
                                 c->arena, &block, error);
        if (!result)
            result = bb_query_tell_periods(c, &block);
    }
    return result;
}

/* The covered days to derive again. A period may begin before, and end after, the day of its
 * readings; and an interval that reaches into it may end as much later as the longest is long. */
static void derived_bounds(const struct bb_query_channel *c, int32_t *first, int32_t *last) {
    const struct bb_coverage *coverage = &c->coverage;
    int period_days = c->query->lane == BB_LANE_MONTH ? 33 : 2;

    bb_query_day_bounds(c, first, last);
    if (coverage->count == 0 || c->query->lane == BB_LANE_VEE)
        return;
    int32_t longest_days = (int32_t)(coverage->longest_s / (BB_DAY_MS / BB_SECOND_MS)) + 1;
    int32_t earliest = coverage->runs[0].first, latest = coverage->runs[coverage->count - 1].last;
    *first = *first - period_days > earliest ? *first - period_days : earliest;
    *last += period_days + longest_days;
    *last = *last < latest ? *last : latest;
}

int bb_query_make(struct bb_query_channel *c, struct bb_plan *plan, struct bb_buffer *out,
                  struct bb_error *error) {
    const bool past = c->query->as_of_ms != BB_TIME_NONE && !c->of;
    const uint8_t also = bb_lanes[c->query->lane].stored ? 0 : (uint8_t)c->query->lane;
    int32_t first, last;
    int result = 0;

    derived_bounds(c, &first, &last);
    if (first > last)
        return BB_ABSENT;
    first = past ? begin_earlier(c, first) : first;
    if (past)
        result = make_companions(c, first, last, error);
    return result ? result : run_plan(c, plan, out, first, last, also, error);
}

int bb_query_read_made(struct bb_query_channel *c, struct bb_error *error) {
    struct bb_buffer out;
    struct bb_plan plan;

    bb_buffer_init(&out, BB_BLOCK_MAX_BYTES);
    int result = bb_query_make(c, &plan, &out, error);
    if (result == BB_ABSENT)
        result = 0;
    else if (!result)
        result = tell_made(c, &plan, error);
    bb_buffer_release(&out);
    return result;
}
