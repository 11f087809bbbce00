/* Exceptions, judged: see judge.h. */
#include "service/judge.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b) {
    int64_t x = ((const struct bb_judged *)a)->id, y = ((const struct bb_judged *)b)->id;
    return (x > y) - (x < y);
}

void bb_judging_sort(struct bb_judging *judging) {
    size_t kept = 0;

    qsort(judging->items, judging->count, sizeof judging->items[0], by_id);
    for (size_t i = 0; i < judging->count; i++)
        if (kept == 0 || judging->items[kept - 1].id != judging->items[i].id)
            judging->items[kept++] = judging->items[i];
    judging->count = kept;
}

static bool keep(struct bb_judging *judging, struct bb_span *text) {
    *text = bb_arena_copy(judging->texts, *text);
    return text->data != NULL;
}

/* A bb_registry_exception_visit. */
static int take_row(void *context, const struct bb_registry_exception *row) {
    struct bb_judging *judging = context;
    struct bb_judged key = {.id = row->id};
    struct bb_judged *found = bsearch(&key, judging->items, judging->count, sizeof key, by_id);

    if (!found)
        return 0;
    found->row = *row;
    struct bb_span *const texts[] = {&found->row.tenant, &found->row.usage_point,
                                     &found->row.channel, &found->row.opened_by,
                                     &found->row.closed_by};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!keep(judging, texts[i]))
            return -BB_E_NO_MEMORY;
    return 0;
}

int bb_judging_look_up(struct bb_judging *judging, struct bb_plant *plant, struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    int result = registry->ops->exception_list(registry, judging->tenant, false, BB_TIME_NONE,
                                               take_row, judging, error);

    if (result == -BB_E_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the texts of exceptions");
    return result < 0 ? result : 0;
}

static int refuse_closed(const struct bb_judged *item, struct bb_error *error) {
    struct bb_person who;
    char closed[BB_TIME_TEXT_MAX];
    const char *state = bb_person_exception_state(&item->row, &who);

    closed[bb_time_format_utc(item->row.closed_ms, closed)] = '\0';
    if (who.name.size > 0)
        return BB_FAIL(error, BB_E_EXCEPTION_CLOSED, "exception %lld was %s at %s by %.*s: %.*s",
                       (long long)item->id, state, closed, BB_SPAN_ARGS(who.name),
                       BB_SPAN_ARGS(who.reason));
    return BB_FAIL(error, BB_E_EXCEPTION_CLOSED, "exception %lld was %s at %s%s%.*s",
                   (long long)item->id, state, closed, item->row.closed_by.size ? " with " : "",
                   BB_SPAN_ARGS(item->row.closed_by));
}

static int judge_one(struct bb_judging *judging, struct bb_judged *item, struct bb_plant *plant,
                     struct bb_clock clock, struct bb_error *error) {
    if (item->row.id == 0)
        return BB_FAIL(error, BB_E_EXCEPTION_UNKNOWN, "there is no exception %lld",
                       (long long)item->id);
    if (item->row.closed_ms != BB_TIME_NONE)
        return refuse_closed(item, error);
    return bb_person_judge(plant, &item->row, judging->act, &judging->person, clock, &item->told,
                           error);
}

/* Is it about what was asked, so that the others may still be done? */
static bool is_refusal(const struct bb_error *error) {
    return error->code < 3000 && error->code != BB_OK;
}

int bb_judging_tell(struct bb_judging *judging, struct bb_plant *plant, struct bb_clock clock,
                    struct bb_error *error) {
    for (size_t i = 0; i < judging->count; i++) {
        struct bb_judged *item = &judging->items[i];
        int result = judge_one(judging, item, plant, clock, &item->refusal);
        if (result >= 0) {
            item->refusal.code = BB_OK;
        } else if (!is_refusal(&item->refusal)) {
            *error = item->refusal;
            return result;
        }
    }
    return 0;
}
