/* The table of verbs, in the order of the help page. */
#include "cli/verbs.h"

const struct bb_verb *const bb_verbs[] = {
    &bb_verb_try,     &bb_verb_registry, &bb_verb_ingest,     &bb_verb_replay,  &bb_verb_dlq,
    &bb_verb_watch,   &bb_verb_query,    &bb_verb_list,       &bb_verb_explain, &bb_verb_exceptions,
    &bb_verb_edit,    &bb_verb_tick,     &bb_verb_archive,    &bb_verb_rules,   &bb_verb_check,
    &bb_verb_serve,   &bb_verb_keys,     &bb_verb_backup,     &bb_verb_restore, &bb_verb_worker,
    &bb_verb_tasks,   &bb_verb_generate, &bb_verb_demo,       &bb_verb_bench,   &bb_verb_help,
    &bb_verb_version, &bb_verb_man,      &bb_verb_completion,
};
const size_t bb_verb_count = sizeof bb_verbs / sizeof bb_verbs[0];

const struct bb_verb *bb_verb_find(struct bb_span name) {
    for (size_t i = 0; i < bb_verb_count; i++)
        if (bb_span_equal(name, bb_span_of(bb_verbs[i]->name)))
            return bb_verbs[i];
    return NULL;
}
