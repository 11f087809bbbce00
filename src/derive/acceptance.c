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

static bool has_value(const struct bb_point *p) {
    return p->attribute->quality.state != BB_STATE_MISSING;
}

/* The point that ends at a time; NULL: none. */
static const struct bb_point *point_at(const struct bb_window *window, int64_t end_ms) {
    size_t i = bb_window_after(window, end_ms - 1);

    return i < window->count && window->points[i].end_ms == end_ms ? &window->points[i] : NULL;
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

/* What becomes of a finding; false: it is none. */
static bool settle(const struct bb_window *window, struct bb_finding *f) {
    const struct bb_point *p = point_at(window, f->at_ms);
    bool person = p && told_by_person(p);

    if (f->check == BB_CHECK_GAP)
        f->hard = f->hard && !denied(window, f->from_ms, f->to_ms);
    else if (person)
        f->hard = false;
    return !person || has_value(p);
}

void bb_acceptance_apply(struct bb_window *window, size_t first, size_t last,
                         struct bb_finding_list *findings) {
    const uint32_t suspect = suspecting();
    size_t kept = 0;

    for (size_t i = first; i < last; i++) {
        struct bb_point *p = &window->points[i];
        if (p->checks != 0 && told_by_person(p))
            p->checks &= has_value(p) ? ~suspect : 0;
    }
    for (size_t i = 0; i < findings->count; i++)
        if (settle(window, &findings->items[i]))
            findings->items[kept++] = findings->items[i];
    findings->count = kept;
}
