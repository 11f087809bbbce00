/* A rule that says nothing for a while: see rules_silence.h. */
#include "service/rules_silence.h"

#include "derive/rule.h"
#include "service/rules_deploy.h"

enum { CHUNK_BYTES = 64 << 10, LIMIT_BYTES = 256 << 20 };

/* A bb_rule_judge. */
static int judge_others(void *context, const struct bb_rule_question *question,
                        struct bb_arena *arena, struct bb_sayings *out, struct bb_error *error) {
    const struct bb_rules_silence *s = context;

    *out = (struct bb_sayings){NULL, 0};
    return bb_span_equal(question->ask->rule->name, s->name)
               ? 0
               : s->judge(s->judge_context, question, arena, out, error);
}

int bb_rules_silence_begin(struct bb_rules_silence *s, struct bb_plant *plant,
                           struct bb_span tenant, struct bb_span name, int64_t now_ms,
                           int64_t *as_of_ms, struct bb_error *error) {
    struct bb_master_rules standing;
    struct bb_arena arena;

    *s = (struct bb_rules_silence){.name = name};
    bb_arena_init(&arena, CHUNK_BYTES, LIMIT_BYTES);
    int result = bb_rules_standing(plant->registry, tenant, *as_of_ms, &arena, &standing, error);
    if (!result && bb_rules_find(&standing, name)) {
        *as_of_ms = *as_of_ms == BB_TIME_NONE ? now_ms : *as_of_ms;
        s->plant = plant;
        s->judge = plant->judge;
        s->judge_context = plant->judge_context;
        plant->judge = judge_others;
        plant->judge_context = s;
    }
    bb_arena_release(&arena);
    return result;
}

void bb_rules_silence_end(struct bb_rules_silence *s) {
    if (!s->plant)
        return;
    s->plant->judge = s->judge;
    s->plant->judge_context = s->judge_context;
    s->plant = NULL;
}
