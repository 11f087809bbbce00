/* Acceptance: see acceptance.h. Pure. */
#include "derive/acceptance.h"

/* The checks that mark a value suspect. */
static uint32_t suspecting(void) {
    uint32_t checks = 0;

    for (int i = 0; i < BB_CHECK_COUNT; i++)
        checks |= bb_checks[i].suspect ? 1u << i : 0;
    return checks;
}

static bool told_by_person(const struct bb_point *p) {
    return bb_quality_rank(&p->attribute->quality) == BB_RANK_PERSON;
}

static void soften(struct bb_finding_list *findings, int64_t at_ms) {
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].at_ms == at_ms && findings->items[i].check != BB_CHECK_GAP)
            findings->items[i].hard = false;
}

/* Is (from, to] covered by rows of which a person said that there is no value? Rows come by their
 * ends: going backwards, one that ends before what is still to be covered leaves a hole. */
static bool denied(const struct bb_window *window, int64_t from_ms, int64_t to_ms) {
    int64_t open_ms = to_ms; /* (from, open] is still to be covered */

    for (size_t i = bb_window_after(window, to_ms); open_ms > from_ms && i-- > 0;) {
        const struct bb_point *p = &window->points[i];
        const struct bb_quality *q = &p->attribute->quality;
        if (p->end_ms <= from_ms)
            break;
        if (q->state != BB_STATE_MISSING || !(q->marks & BB_MARK_ACCEPTED))
            continue;
        if (p->end_ms < open_ms)
            return false;
        open_ms = p->start_ms < open_ms ? p->start_ms : open_ms;
    }
    return open_ms <= from_ms;
}

void bb_acceptance_apply(struct bb_window *window, size_t first, size_t last,
                         struct bb_finding_list *findings) {
    const uint32_t suspect = suspecting();

    for (size_t i = first; findings->count > 0 && i < last; i++) {
        struct bb_point *p = &window->points[i];
        if (p->checks == 0 || !told_by_person(p))
            continue;
        p->checks &= ~suspect;
        soften(findings, p->end_ms);
    }
    for (size_t i = 0; i < findings->count; i++) {
        struct bb_finding *f = &findings->items[i];
        if (f->check == BB_CHECK_GAP && f->hard)
            f->hard = !denied(window, f->from_ms, f->to_ms);
    }
}
