/* Rules for random channels: see rule_case.h. */
#include "support/rule_case.h"

#include "base/hash.h"

static const char *const names[RULE_CASE_MAX] = {"first", "second", "third"};
static const char *const versions[RULE_CASE_TIMES] = {"v1", "v2", "v3"};

void rule_case_make(struct rule_case *rules, struct channel_case *c, struct bb_random *r) {
    static const int64_t windows_ms[] = {0, 1, 7 * BB_HOUR_MS, BB_DAY_MS, 3 * (int64_t)BB_DAY_MS};
    uint32_t count = 1 + (uint32_t)bb_random_below(r, RULE_CASE_MAX);

    memset(rules, 0, sizeof *rules);
    for (uint32_t i = 0; i < count; i++) {
        struct bb_channel_rule *rule = &rules->rules[i];
        *rule = (struct bb_channel_rule){.name = bb_span_of(names[i]),
                                         .raw = bb_random_below(r, 3) == 0,
                                         .times = rules->times[i]};
        int64_t at = bb_random_below(r, 2)
                         ? INT64_MIN
                         : c->start_ms + (int64_t)bb_random_below(r, 48) * BB_HOUR_MS;
        rule->time_count = 1 + (uint32_t)bb_random_below(r, RULE_CASE_TIMES);
        for (uint32_t k = 0; k < rule->time_count; k++) {
            int64_t from = at;
            at = (from == INT64_MIN ? c->start_ms : from) +
                 (int64_t)bb_random_below(r, 72) * BB_HOUR_MS + 1;
            rules->code[i][k] = bb_random_next(r);
            rules->times[i][k] = (struct bb_rule_time){
                .from_ms = from,
                .to_ms = k + 1 == rule->time_count ? INT64_MAX : at,
                .window_ms = windows_ms[bb_random_below(r, 5)],
                .version = bb_span_of(versions[k]),
                .code = &rules->code[i][k]};
            if (bb_random_below(r, 4) == 0)
                at += 5 * (int64_t)BB_HOUR_MS; /* nothing speaks for a while */
        }
    }
    c->channel.rules = rules->rules;
    c->channel.rule_count = count;
}

static uint64_t hash_of(const struct bb_channel *channel, const struct bb_point *points,
                        size_t count, size_t judge, uint64_t code) {
    uint64_t hash = bb_hash_mix(code ^ judge);

    (void)channel;
    for (size_t i = 0; i < count; i++) {
        const struct bb_quality *q = &points[i].attribute->quality;
        const uint64_t seen[] = {(uint64_t)points[i].end_ms,
                                 (uint64_t)points[i].start_ms,
                                 q->state == BB_STATE_MISSING ? 0
                                                              : (uint64_t)points[i].value.mantissa,
                                 (uint64_t)points[i].value.exponent,
                                 q->state,
                                 q->marks & BB_MARK_SUSPECT};
        hash = bb_hash_seeded((struct bb_span){(const char *)seen, sizeof seen}, hash);
    }
    return hash;
}

/* What the version's looks show of a window. */
static uint64_t hash_besides(const struct bb_rule_ask *ask, const struct bb_rule_window *w) {
    const struct bb_point *own = ask->points->points;
    uint64_t hash = 0;

    for (uint32_t k = 0; k < w->time->look_count; k++) {
        const struct bb_rule_beside *beside = bb_rule_beside_of(ask, &w->time->looks[k]);
        if (!beside)
            continue;
        size_t first = bb_window_after(&beside->points, own[w->judge].end_ms - w->time->window_ms);
        size_t end = bb_window_after(&beside->points, own[w->end - 1].end_ms);
        hash = hash_of(beside->channel, beside->points.points + first, end - first, 0,
                       hash + bb_hash(beside->name));
    }
    return hash;
}

void rule_case_judge(const struct bb_channel *channel, const struct bb_point *points, size_t count,
                     size_t judge, uint64_t code, struct bb_saying *said, size_t *said_count) {
    const uint64_t hash = hash_of(channel, points, count, judge, code);
    const struct bb_span empty = BB_SPAN("");

    if (hash % 13 == 0) {
        said[(*said_count)++] = (struct bb_saying){.at_ms = points[count - 1].end_ms,
                                                   .kind = BB_SAYING_FAILURE,
                                                   .reason = BB_SPAN("it raised"),
                                                   .evidence = empty};
        return;
    }
    for (size_t i = judge; i < count; i++) {
        const uint64_t one = bb_hash_mix(hash ^ (i - judge));
        struct bb_saying s = {.at_ms = points[i].end_ms,
                              .kind = (uint8_t)(1 + one / 16 % 4),
                              .value = {(int64_t)(one >> 40), -3},
                              .reason = bb_span_of(names[one / 64 % 3]),
                              .evidence = one % 2 ? BB_SPAN("{\"x\":1}") : empty};
        if (one % 16 > 5)
            continue;
        if (one / 1024 % 7 == 0)
            s.kind = BB_SAYING_MAKE;
        if (s.kind == BB_SAYING_FLAG || s.kind == BB_SAYING_NO_VALUE)
            s.value = (struct bb_decimal){0, 0};
        said[(*said_count)++] = s;
    }
    for (int k = 0; k < 2; k++)
        if (hash / 1000 % 3 == (uint64_t)k)
            said[(*said_count)++] = (struct bb_saying){
                .at_ms = points[count - 1].end_ms,
                .kind = (uint8_t)(k ? BB_SAYING_EXCEPTION : BB_SAYING_TAG),
                .reason = BB_SPAN("look here"),
                .evidence = empty};
}

uint64_t rule_case_code(const void *code) {
    return *(const uint64_t *)code;
}

struct bb_saying *rule_case_answer(const struct bb_rule_ask *ask,
                                   uint64_t (*code_of)(const void *code), struct bb_arena *arena,
                                   size_t *count) {
    struct bb_saying *said;
    size_t most = 0;

    for (size_t i = 0; i < ask->window_count; i++)
        most += ask->windows[i].end - ask->windows[i].judge + 3;
    said = bb_arena_take_array(arena, most, sizeof *said);
    BB_ASSERT(said);
    *count = 0;
    for (size_t i = 0; i < ask->window_count; i++) {
        const struct bb_rule_window *w = &ask->windows[i];
        rule_case_judge(ask->channel, ask->points->points + w->first, w->end - w->first,
                        w->judge - w->first, code_of(w->time->code) ^ hash_besides(ask, w), said,
                        count);
    }
    return said;
}
