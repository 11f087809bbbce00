/* How far foreign streams were taken: see source_place.h. */
#include "service/source_place.h"

#include "base/list.h"
#include "model/attribute_pack.h"

#include <stdlib.h>
#include <string.h>

static struct bb_source_place *find(const struct bb_source_places *places, struct bb_span name) {
    for (size_t i = 0; i < places->count; i++)
        if (bb_span_equal(bb_span_of(places->items[i].name), name))
            return &places->items[i];
    return NULL;
}

static struct bb_source_place *find_or_add(struct bb_source_places *places, struct bb_span name,
                                           struct bb_error *error) {
    struct bb_source_place *place = find(places, name);

    if (place)
        return place;
    char *copy = strndup(name.data, name.size);
    if (!copy ||
        !bb_list_room(&places->items, places->count, &places->capacity, sizeof *places->items)) {
        free(copy);
        (void)BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the places of sources");
        return NULL;
    }
    place = &places->items[places->count++];
    *place = (struct bb_source_place){copy, BB_SOURCE_NOWHERE, BB_SOURCE_NOWHERE};
    return place;
}

uint64_t bb_source_place_at(const struct bb_source_places *places, struct bb_span name) {
    const struct bb_source_place *place = find(places, name);

    return place ? place->at : BB_SOURCE_NOWHERE;
}

int bb_source_steps_take(struct bb_source_places *places, const struct bb_source_step *steps,
                         size_t count, struct bb_buffer *out, struct bb_error *error) {
    for (size_t i = 0; i < count; i++) {
        const struct bb_source_place *place = find_or_add(places, steps[i].name, error);
        BB_ASSERT(steps[i].name.size <= BB_SOURCE_NAME_MAX);
        if (!place)
            return -BB_E_NO_MEMORY;
        if (place->filled != steps[i].from)
            return BB_SOURCE_STEPS_MOVED;
    }
    for (size_t i = 0; i < count; i++) {
        bb_put_text(out, steps[i].name);
        bb_put_varint(out, steps[i].to);
    }
    if (out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the places of sources");
    for (size_t i = 0; i < count; i++)
        find(places, steps[i].name)->filled = steps[i].to;
    return BB_SOURCE_STEPS_TAKEN;
}

void bb_source_places_forget(struct bb_source_places *places) {
    for (size_t i = 0; i < places->count; i++)
        places->items[i].filled = places->items[i].at;
}

int bb_source_steps_count(struct bb_source_places *places, struct bb_span steps, uint32_t count,
                          struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(steps);

    for (uint32_t i = 0; i < count; i++) {
        struct bb_span name = bb_cursor_text(&in);
        uint64_t to = bb_cursor_varint(&in);
        if (in.failed || name.size == 0)
            return BB_FAIL(error, BB_E_LOG_CORRUPT, "the place of a source is damaged");
        struct bb_source_place *place = find_or_add(places, name, error);
        if (!place)
            return -BB_E_NO_MEMORY;
        if (place->at == BB_SOURCE_NOWHERE || place->at < to)
            place->at = to;
        if (place->filled == BB_SOURCE_NOWHERE || place->filled < to)
            place->filled = to;
    }
    return 0;
}

void bb_source_steps_skip(struct bb_cursor *in, uint64_t count) {
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        bb_cursor_text(in);
        bb_cursor_varint(in);
    }
}

void bb_source_places_release(struct bb_source_places *places) {
    for (size_t i = 0; i < places->count; i++)
        free(places->items[i].name);
    free(places->items);
    *places = (struct bb_source_places){0};
}
