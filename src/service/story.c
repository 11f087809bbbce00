/* The story of a value: see story.h. Finds the row that holds the moment, then what is known of it. */
#include "service/story_internal.h"

#include <stdlib.h>

enum { REACH_DAYS = 63 }; /* behind a value: where a gap that holds it may end */

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the story of a value");
}

bool bb_story_grow(struct bb_arena *arena, void **items, size_t count, size_t *capacity,
                   size_t size) {
    if (count < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 16;
    void *grown = bb_arena_take(arena, more * size);
    if (!grown)
        return false;
    if (count)
        memcpy(grown, *items, count * size);
    *items = grown;
    *capacity = more;
    return true;
}

/* ---- rows */

static int take_row(void *context, const struct bb_query_row *row) {
    struct bb_story_rows *rows = context;

    if (!bb_story_grow(rows->arena, (void **)&rows->items, rows->count, &rows->capacity,
                       sizeof rows->items[0])) {
        rows->full = true;
        return 1;
    }
    rows->items[rows->count++] = (struct bb_story_value){.start_ms = row->start_ms,
                                                         .end_ms = row->end_ms,
                                                         .has_value = row->has_value,
                                                         .value = row->value,
                                                         .unit = row->unit,
                                                         .quality = *row->quality,
                                                         .has_range = row->has_range,
                                                         .min = row->min,
                                                         .max = row->max,
                                                         .has_band = row->has_band,
                                                         .band = row->band};
    return 0;
}

int bb_story_rows(struct bb_story_work *w, enum bb_lane lane, int64_t from_ms, int64_t to_ms,
                  struct bb_story_rows *out, struct bb_error *error) {
    const struct bb_query *asked = w->c->query;
    struct bb_query query = *asked;
    uint64_t left = UINT64_MAX;

    query.lane = lane;
    query.from_ms = from_ms;
    query.to_ms = to_ms;
    out->arena = w->arena;
    w->c->query = &query;
    w->c->visit = take_row;
    w->c->context = out;
    w->c->left = &left;
    int result = bb_query_lane(w->c, error);
    w->c->query = asked;
    return out->full ? no_memory(error) : result < 0 ? result : 0;
}

/* The row of the lane that holds the moment: (start, end], or the instant. */
static int find_holding(struct bb_story_work *w, int64_t *before_ms, int64_t *after_ms, bool *found,
                        struct bb_error *error) {
    static const int days[] = {0, 1, 10, 100};
    struct bb_story *s = w->story;
    int64_t t = s->asked_ms;
    /* A month may end so far behind the moment; an interval as far as the longest is long. */
    int64_t reach_ms = w->c->coverage.longest_s * (int64_t)BB_SECOND_MS;
    if (bb_lane_has_periods((int)s->lane))
        reach_ms = 32 * (int64_t)BB_DAY_MS;

    *found = false;
    *before_ms = *after_ms = BB_TIME_NONE;
    for (size_t k = 0; !*found && k < sizeof days / sizeof days[0]; k++) {
        int64_t around_ms = days[k] * (int64_t)BB_DAY_MS;
        struct bb_story_rows rows = {0};
        int result = bb_story_rows(w, s->lane, t - 1 - around_ms, t + 1 + reach_ms + around_ms,
                                   &rows, error);
        if (result)
            return result;
        for (size_t i = 0; i < rows.count; i++) {
            const struct bb_story_value *row = &rows.items[i];
            bool instant = row->start_ms == row->end_ms;
            bool holds = instant ? row->end_ms == t : row->start_ms < t && t <= row->end_ms;
            /* Of several (an overlap, a denied gap over readings): one that has a value, the first. */
            if (holds && (!*found || (row->has_value && !s->value.has_value))) {
                s->value = *row;
                *found = true;
            }
            if (row->end_ms <= t)
                *before_ms = row->end_ms;
            else if (*after_ms == BB_TIME_NONE)
                *after_ms = row->end_ms;
        }
        if (!*found && *before_ms != BB_TIME_NONE && *after_ms != BB_TIME_NONE)
            break;
    }
    return 0;
}

static int refuse_absent(const struct bb_story *s, int64_t before_ms, int64_t after_ms,
                         struct bb_error *error) {
    char at[BB_TIME_TEXT_MAX], before[BB_TIME_TEXT_MAX] = "", after[BB_TIME_TEXT_MAX] = "";

    at[bb_time_format_utc(s->asked_ms, at)] = '\0';
    if (before_ms != BB_TIME_NONE)
        before[bb_time_format_utc(before_ms, before)] = '\0';
    if (after_ms != BB_TIME_NONE)
        after[bb_time_format_utc(after_ms, after)] = '\0';
    return BB_FAIL(error, BB_E_VALUE_ABSENT, "lane %s has no value at %s%s%s%s%s",
                   bb_lanes[s->lane].name, at, *before ? "; one ends at " : "", before,
                   *after ? "; the next at " : "", after);
}

/* Of instants the one before the moment will do, else the one behind it. */
static int find_value(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    int64_t before_ms, after_ms;
    bool found;

    int result = find_holding(w, &before_ms, &after_ms, &found, error);
    if (result)
        return result;
    s->held = s->asked_ms == s->value.end_ms ? BB_STORY_EXACT : BB_STORY_INSIDE;
    if (found)
        return 0;
    bool instants = w->c->channel.kind != BB_KIND_INTERVAL && !bb_lane_has_periods((int)s->lane);
    int64_t nearest_ms = before_ms != BB_TIME_NONE ? before_ms : after_ms;
    if (!instants || nearest_ms == BB_TIME_NONE)
        return refuse_absent(s, before_ms, after_ms, error);
    struct bb_story_rows rows = {0};
    result = bb_story_rows(w, s->lane, nearest_ms, nearest_ms + 1, &rows, error);
    if (!result && rows.count > 0)
        s->value = rows.items[0];
    s->held = BB_STORY_NEAREST;
    return result;
}

/* ---- versions */

static int source_at(struct bb_story_work *w, int64_t received_ms, struct bb_span *out,
                     struct bb_error *error) {
    const struct bb_query_channel *c = w->c;
    struct bb_span value;
    char key[8];

    for (int i = 0; i < 8; i++)
        key[i] = (char)((uint64_t)received_ms >> (8 * (7 - i)));
    int result = c->plant->store->ops->name_get(c->view, BB_NAME_SOURCE,
                                                (struct bb_span){key, sizeof key}, &value, error);
    *out = BB_SPAN("");
    if (result == BB_FOUND)
        *out = bb_arena_copy(w->arena, value);
    if (result == BB_FOUND && !out->data)
        return no_memory(error);
    return result < 0 ? result : 0;
}

/* A version as it stood then: what was claimed for it later does not count. */
static int version_of_row(struct bb_story_work *w, const struct bb_block *block, uint32_t row,
                          struct bb_story_version *v, struct bb_error *error) {
    const struct bb_attribute *a = &block->attributes.items[block->attribute[row]];
    int64_t as_of_ms = w->story->as_of_ms;
    bool later = as_of_ms != BB_TIME_NONE && block->received_ms[row] > as_of_ms;

    *v = (struct bb_story_version){
        .told = {.start_ms = block->end_ms[row] - a->length_s * (int64_t)BB_SECOND_MS,
                 .end_ms = block->end_ms[row],
                 .has_value = a->quality.state != BB_STATE_MISSING,
                 .value = {block->mantissa[row], a->exponent},
                 .unit = a->unit,
                 .quality = a->quality},
        .recorded_ms = block->recorded_ms[row],
        .received_ms = later ? block->recorded_ms[row] : block->received_ms[row],
        .line = later ? 0 : block->origin[row],
        .issued_ms = later || block->issued_ms[row] == block->received_ms[row]
                         ? BB_TIME_NONE
                         : block->issued_ms[row],
        .why = "stands"};
    int result = source_at(w, v->recorded_ms, &v->first_source, error);
    if (!result)
        result = source_at(w, v->received_ms, &v->source, error);
    v->by_person = bb_quality_rank(&a->quality) == BB_RANK_PERSON &&
                   bb_person_source_parse(v->source, &v->act, &v->person);
    return result;
}

static bool is_row(const struct bb_story_version *v, const struct bb_block *block, uint32_t row) {
    const struct bb_attribute *a = &block->attributes.items[block->attribute[row]];

    return v->told.value.mantissa == block->mantissa[row] &&
           v->told.value.exponent == a->exponent && v->told.unit == a->unit &&
           memcmp(&v->told.quality, &a->quality, sizeof a->quality) == 0 &&
           v->told.end_ms - v->told.start_ms == a->length_s * (int64_t)BB_SECOND_MS;
}

static int order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int by_recorded(const void *a, const void *b) {
    const struct bb_story_version *x = a, *y = b;
    int by_time = order(x->recorded_ms, y->recorded_ms);
    return by_time ? by_time : order(x->line, y->line);
}

static int add_versions(struct bb_story_work *w, const struct bb_block *block, int64_t end_ms,
                        size_t *capacity, struct bb_error *error) {
    struct bb_story *s = w->story;
    int result = 0;

    for (uint32_t i = 0; !result && i < block->count; i++) {
        if (block->end_ms[i] != end_ms ||
            (s->as_of_ms != BB_TIME_NONE && block->recorded_ms[i] > s->as_of_ms))
            continue;
        if (!bb_story_grow(w->arena, (void **)&s->versions, s->version_count, capacity,
                           sizeof s->versions[0]))
            return no_memory(error);
        result = version_of_row(w, block, i, &s->versions[s->version_count++], error);
    }
    return result;
}

static int tell_versions(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    int64_t end_ms = s->value.end_ms;
    int32_t day = bb_lane_span_of(BB_LANE_RAW, end_ms);
    struct bb_block raw, history, now;
    size_t capacity = 0;

    int result = bb_query_block(w->c, BB_LANE_RAW, day, &raw, error);
    if (!result)
        result = bb_query_block(w->c, BB_LANE_HISTORY, day, &history, error);
    if (!result)
        result = bb_query_raw_of_day(w->c, day, &now, error);
    if (!result)
        result = add_versions(w, &raw, end_ms, &capacity, error);
    if (!result)
        result = add_versions(w, &history, end_ms, &capacity, error);
    if (result || s->version_count == 0)
        return result;
    qsort(s->versions, s->version_count, sizeof s->versions[0], by_recorded);
    size_t winner = s->version_count;
    for (size_t i = 0; i < s->version_count; i++) {
        struct bb_story_version *v = &s->versions[i];
        for (uint32_t row = 0; row < now.count && !v->stands; row++)
            v->stands = now.end_ms[row] == end_ms && is_row(v, &now, row);
        winner = v->stands ? i : winner;
    }
    for (size_t i = 0; winner < s->version_count && i < s->version_count; i++)
        if (i != winner)
            s->versions[i].why = bb_story_why(s->versions, s->version_count, i, winner);
    return 0;
}

/* ---- master data */

int bb_story_master(struct bb_story_work *w, struct bb_master_usage_point *out,
                    struct bb_error *error) {
    const struct bb_query *q = w->c->query;
    struct bb_registry *registry = w->c->plant->registry;

    return bb_registry_usage_point(registry, q->tenant, q->usage_point, q->as_of_ms, w->arena, out,
                                   error);
}

/* ---- findings */

int bb_story_make(struct bb_story_work *w, struct bb_error *error) {
    const struct bb_query *asked = w->c->query;
    const struct bb_story *s = w->story;
    struct bb_query query = *asked;

    if (w->made)
        return 0;
    query.lane = BB_LANE_VEE;
    query.from_ms = s->value.start_ms - BB_DAY_MS;
    query.to_ms = s->value.end_ms + REACH_DAYS * (int64_t)BB_DAY_MS;
    w->account.at_ms = s->value.end_ms;
    w->c->query = &query;
    w->c->account = &w->account;
    int result = bb_query_make(w->c, &w->plan, &w->made_blocks, error);
    w->c->account = NULL;
    w->c->query = asked;
    w->made = true;
    return result < 0 ? result : 0;
}

/* As of a past moment the lane vee is derived again, once. */
int bb_story_vee_block(struct bb_story_work *w, int32_t day, struct bb_block *out,
                       struct bb_error *error) {
    if (w->story->as_of_ms == BB_TIME_NONE)
        return bb_query_block(w->c, BB_LANE_VEE, day, out, error);
    *out = (struct bb_block){.lane = BB_LANE_VEE};
    int result = bb_story_make(w, error);
    for (size_t i = 0; !result && i < w->plan.write_count; i++) {
        const struct bb_plan_write *write = &w->plan.writes[i];
        if (write->key.lane == BB_LANE_VEE && write->key.span == day && write->size > 0)
            return bb_block_unpack((struct bb_span){w->plan.out->data + write->offset, write->size},
                                   w->c->arena, out, error);
    }
    return result;
}

/* Is a finding about the value? About a stretch that it overlaps, or about its reading. */
static bool concerns(const struct bb_story *s, const struct bb_finding *f) {
    int64_t start_ms = s->value.start_ms, end_ms = s->value.end_ms;

    if (s->is_period && f->from_ms == f->to_ms)
        return f->at_ms > start_ms && f->at_ms <= end_ms;
    if (f->from_ms < f->to_ms && f->from_ms < end_ms &&
        (start_ms < end_ms ? f->to_ms > start_ms : f->to_ms >= end_ms))
        return true;
    return f->at_ms == end_ms;
}

static int add_finding(struct bb_story_work *w, const struct bb_finding *f, size_t *capacity,
                       struct bb_error *error) {
    struct bb_story *s = w->story;

    if (s->finding_total++ >= BB_STORY_FINDINGS_MAX)
        return 0;
    if (!bb_story_grow(w->arena, (void **)&s->findings, s->finding_count, capacity,
                       sizeof s->findings[0]))
        return no_memory(error);
    struct bb_story_clue clue;
    int result = bb_story_clue(w, f, &clue, error);
    if (result)
        return result;
    struct bb_story_finding *told = &s->findings[s->finding_count++];
    *told = (struct bb_story_finding){*f, bb_story_evidence(f, &clue, w->arena)};
    return told->evidence.data ? 0 : no_memory(error);
}

/* The next day that may hold findings: with readings, or behind them all with the end of a silence. */
static int32_t next_day(const struct bb_query_channel *c, int32_t day) {
    int32_t next = bb_coverage_after(&c->coverage, day);

    if (next != BB_DAY_NONE || c->tick_ms == 0 || c->coverage.count == 0)
        return next;
    return day <= c->coverage.runs[c->coverage.count - 1].last + BB_TICK_DAYS ? day + 1
                                                                              : BB_DAY_NONE;
}

/* Findings stand with the reading at which a check spoke, which may be one that ends a gap long after
 * the value: days are looked through until every check of the value's quality was heard. */
static int tell_findings(struct bb_story_work *w, struct bb_error *error) {
    const struct bb_coverage *coverage = &w->c->coverage;
    struct bb_story *s = w->story;
    int32_t last = bb_lane_span_of(BB_LANE_RAW, s->value.end_ms);
    int32_t day = bb_lane_span_of(BB_LANE_RAW, s->value.start_ms + (s->is_period ? 1 : 0));
    uint32_t unheard = s->value.quality.checks;
    size_t capacity = 0;
    int result = 0;

    if (!bb_coverage_has(coverage, day))
        day = next_day(w->c, day);
    for (;
         !result && day != BB_DAY_NONE && (day <= last + 1 || unheard) && day <= last + REACH_DAYS;
         day = next_day(w->c, day)) {
        struct bb_block block;
        result = bb_story_vee_block(w, day, &block, error);
        for (uint32_t i = 0; !result && i < block.finding_count; i++) {
            const struct bb_finding *f = &block.findings[i];
            if (!concerns(s, f))
                continue;
            unheard &= ~(1u << f->check);
            result = add_finding(w, f, &capacity, error);
        }
    }
    return result;
}

/* ---- what customers' rules said */

/* The packed block of a day, current or as of the asked moment; empty: nothing was said. */
static int rules_block(struct bb_story_work *w, int32_t day, struct bb_span *packed,
                       struct bb_error *error) {
    const struct bb_block_key key = {w->c->record.number, day, BB_LANE_RULES};

    *packed = (struct bb_span){NULL, 0};
    if (w->story->as_of_ms == BB_TIME_NONE) {
        int found = w->c->plant->store->ops->block_get(w->c->view, &key, packed, error);
        if (found == BB_ABSENT)
            *packed = (struct bb_span){NULL, 0};
        return found < 0 ? found : 0;
    }
    int result = bb_story_make(w, error);
    for (size_t i = 0; !result && i < w->plan.write_count; i++) {
        const struct bb_plan_write *write = &w->plan.writes[i];
        if (write->key.lane == BB_LANE_RULES && write->key.span == day)
            *packed = (struct bb_span){w->plan.out->data + write->offset, write->size};
    }
    return result;
}

static bool keep_saying(struct bb_story_work *w, const struct bb_saying *from) {
    struct bb_saying *kept = &w->story->said[w->story->said_count++];
    struct bb_span *const texts[] = {&kept->rule, &kept->version, &kept->reason, &kept->evidence};
    bool room = true;

    *kept = *from;
    for (size_t i = 0; room && i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = bb_arena_copy(w->arena, *texts[i]);
        room = texts[i]->data != NULL;
    }
    return room;
}

/* Of this value; and what is about the whole window that judged it. */
static int tell_said(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    struct bb_sayings said = {NULL, 0};
    struct bb_span packed;
    bool room = true;
    int result = rules_block(w, bb_utc_day_of(s->value.end_ms), &packed, error);

    if (!result && packed.size > 0)
        result = bb_sayings_unpack(packed, w->c->arena, &said, error);
    if (result)
        return result;
    s->said = bb_arena_take_array(w->arena, said.count + 1, sizeof *s->said);
    for (size_t i = 0; s->said && room && i < said.count; i++)
        if (bb_saying_is_of_value(said.items[i].kind) ? said.items[i].at_ms == s->value.end_ms
                                                      : said.items[i].at_ms >= s->value.end_ms)
            room = keep_saying(w, &said.items[i]);
    return s->said && room ? 0 : no_memory(error);
}

/* ---- the story */

static void tell_factor(const struct bb_query_channel *c, struct bb_story *s) {
    const bool interval = c->channel.kind == BB_KIND_INTERVAL; /* it was over when the next began */
    const struct bb_installation *at = bb_installation_for(&c->channel, s->value.end_ms - interval);

    s->has_factor = at && !bb_decimal_equal(at->factor, (struct bb_decimal){1, 0});
    if (s->has_factor)
        s->factor = at->factor;
}

static int tell_all(struct bb_story_work *w, struct bb_error *error) {
    struct bb_story *s = w->story;
    int result = find_value(w, error);

    if (result)
        return result;
    s->is_period = bb_lane_has_periods((int)s->lane);
    tell_factor(w->c, s);
    if (!s->is_period)
        result = tell_versions(w, error);
    if (!result && s->lane != BB_LANE_RAW)
        result = tell_findings(w, error);
    if (!result && s->lane == BB_LANE_VEE)
        result = tell_said(w, error);
    if (!result && s->lane == BB_LANE_VEE && s->value.quality.method != BB_METHOD_NONE)
        result = bb_story_tell_estimate(w, error);
    if (!result && s->is_period)
        result = bb_story_tell_period(w, error);
    return result;
}

static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct bb_story_work *w = context;
    struct bb_story *s = w->story;

    w->c = c;
    s->usage_point = bb_arena_copy(w->arena, c->usage_point);
    s->channel = bb_arena_copy(w->arena, c->name);
    s->profile = bb_arena_copy(w->arena, c->channel.profile ? c->record.profile : BB_SPAN(""));
    if (!s->usage_point.data || !s->channel.data || !s->profile.data)
        return no_memory(error);
    s->lane = c->query->lane;
    s->as_of_ms = c->query->as_of_ms;
    s->kind = c->channel.kind;
    s->zone = c->channel.calendar.zone;
    bb_buffer_init(&w->made_blocks, BB_BLOCK_MAX_BYTES);
    int result = tell_all(w, error);
    bb_buffer_release(&w->made_blocks);
    return result;
}

int bb_story_tell(struct bb_plant *plant, const struct bb_query *query, int64_t at_ms,
                  struct bb_arena *arena, struct bb_story *out, struct bb_error *error) {
    struct bb_story_work w = {.story = out, .arena = arena};

    struct bb_query explained = *query;

    *out = (struct bb_story){.asked_ms = at_ms};
    explained.explained = true;
    return bb_query_channels(plant, &explained, tell_channel, &w, error);
}
