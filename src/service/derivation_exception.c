/* What a commit says of a channel's exceptions: see derivation_internal.h.
 *
 * A channel takes several plans: its readings by stretches, again from its beginning when it became
 * something else, what its registers ask for. One may open what another closes: a gap that now ends
 * elsewhere is another finding of the same exception, and the plan that sees it end is not the one that
 * forgets where it ended. So events are kept until all plans have run. What came and went in between is
 * none; what is left is told with closings first.
 */
#include "service/derivation_internal.h"

#include "base/list.h"

#include <stdlib.h>

/* When that was received which a finding about (from, at] comes from, or goes with: the latest of what
 * was told about that stretch, else (a neighbour, master data) of all. */
static int64_t cause_of(const struct bb_derivation_work *w, const struct bb_plan_input *input,
                        const struct bb_finding *f) {
    int64_t last_ms = f->to_ms > f->at_ms ? f->to_ms : f->at_ms, cause_ms = 0;
    size_t low = 0, high = input->told_count;

    while (low < high) { /* the first that ends at or behind the beginning */
        size_t middle = low + (high - low) / 2;
        if (input->told[middle].end_ms < f->from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < input->told_count && input->told[low].end_ms <= last_ms; low++)
        if (input->told[low].received_ms > cause_ms)
            cause_ms = input->told[low].received_ms;
    return cause_ms ? cause_ms : w->recorded_ms;
}

static int note(struct bb_derivation_work *w, const struct bb_plan_input *input,
                const struct bb_finding_list *list, bool opened, struct bb_error *error) {
    struct bb_derivation *d = w->d;

    for (size_t i = 0; i < list->count; i++) {
        if (!bb_list_room(&d->events, d->event_count, &d->event_capacity, sizeof d->events[0]))
            return bb_derivation_no_memory(error);
        d->events[d->event_count] = (struct bb_exception_event){
            .finding = list->items[i],
            .cause_ms = cause_of(w, input, &list->items[i]),
            .number = (uint32_t)d->event_count,
            .opened = opened};
        d->event_count++;
    }
    return 0;
}

int bb_derivation_note_exceptions(struct bb_derivation_work *w, const struct bb_plan_input *input,
                                  const struct bb_plan *plan, struct bb_error *error) {
    int result = note(w, input, &plan->closed, false, error);

    return result ? result : note(w, input, &plan->opened, true, error);
}

static int by_number(const struct bb_exception_event *a, const struct bb_exception_event *b) {
    return (a->number > b->number) - (a->number < b->number);
}

static int by_finding(const void *left, const void *right) {
    const struct bb_exception_event *a = left, *b = right;
    const struct bb_finding *x = &a->finding, *y = &b->finding;

    if (x->check != y->check)
        return x->check < y->check ? -1 : 1;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    if (x->to_ms != y->to_ms)
        return x->to_ms < y->to_ms ? -1 : 1;
    return by_number(a, b);
}

static int closed_first(const void *left, const void *right) {
    const struct bb_exception_event *a = left, *b = right;

    return a->opened != b->opened ? a->opened - b->opened : by_number(a, b);
}

static bool same_finding(const struct bb_finding *a, const struct bb_finding *b) {
    return a->check == b->check && a->from_ms == b->from_ms && a->to_ms == b->to_ms;
}

/* Events about one finding take turns: of an even number nothing is left, of an odd one the last. */
static size_t leave_what_counts(struct bb_exception_event *events, size_t count) {
    size_t left = 0;

    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && same_finding(&events[i].finding, &events[next].finding);)
            next++;
        if ((next - i) % 2 == 1)
            events[left++] = events[next - 1];
    }
    return left;
}

static int tell(struct bb_derivation_work *w, const struct bb_exception_event *event,
                struct bb_error *error) {
    const struct bb_finding *f = &event->finding;
    struct bb_outbox_record record = {.kind = event->opened ? BB_OUTBOX_EXCEPTION_OPENED
                                                            : BB_OUTBOX_EXCEPTION_CLOSED,
                                      .check = f->check,
                                      .exponent = f->exponent,
                                      .recorded_ms = event->cause_ms,
                                      .tenant = bb_channel_slot_tenant(w->slot),
                                      .usage_point = bb_channel_slot_usage_point(w->slot),
                                      .channel = bb_channel_slot_channel(w->slot),
                                      .from_ms = f->from_ms,
                                      .to_ms = f->to_ms,
                                      .a = f->a,
                                      .b = f->b,
                                      .body = bb_gather_source_at(w->gather, event->cause_ms)};

    if (event->opened)
        w->d->opened++;
    else
        w->d->closed++;
    return bb_derivation_put_outbox(w->d, &record, error);
}

int bb_derivation_tell_exceptions(struct bb_derivation_work *w, struct bb_error *error) {
    struct bb_derivation *d = w->d;
    size_t count = d->event_count;
    int result = 0;

    d->event_count = 0;
    if (count > 1)
        qsort(d->events, count, sizeof d->events[0], by_finding);
    count = leave_what_counts(d->events, count);
    if (count > 1)
        qsort(d->events, count, sizeof d->events[0], closed_first);
    for (size_t i = 0; !result && i < count; i++)
        result = tell(w, &d->events[i], error);
    return result;
}
