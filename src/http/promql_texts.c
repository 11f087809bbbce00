/* A set of texts: see promql_texts.h. */
#include "http/promql_texts.h"

#include "base/hash.h"

#include <stdlib.h>

enum { INDEX_SIZE = 1 << 17 }; /* more than twice BB_PROMQL_TEXTS_MAX */

bool bb_promql_texts_init(struct bb_promql_texts *texts, struct bb_arena *arena, size_t limit) {
    *texts = (struct bb_promql_texts){.arena = arena, .limit = limit};
    BB_ASSERT(limit <= BB_PROMQL_TEXTS_MAX);
    texts->items = bb_arena_take_array(arena, limit, sizeof texts->items[0]);
    texts->index = bb_arena_take_array(arena, INDEX_SIZE, sizeof texts->index[0]);
    if (!texts->items || !texts->index)
        return false;
    return true;
}

bool bb_promql_texts_add(struct bb_promql_texts *texts, struct bb_span text) {
    uint64_t at = bb_hash(text) % INDEX_SIZE;

    for (; texts->index[at]; at = (at + 1) % INDEX_SIZE)
        if (bb_span_equal(texts->items[texts->index[at] - 1], text))
            return true;
    struct bb_span copy = {NULL, 0};
    if (texts->count < texts->limit)
        copy = bb_arena_copy(texts->arena, text);
    if (!copy.data) {
        texts->is_full = true;
        return false;
    }
    texts->items[texts->count++] = copy;
    texts->index[at] = (uint32_t)texts->count;
    return true;
}

static int compare(const void *a, const void *b) {
    return bb_span_compare(*(const struct bb_span *)a, *(const struct bb_span *)b);
}

void bb_promql_texts_sort(struct bb_promql_texts *texts) {
    if (texts->count > 0)
        qsort(texts->items, texts->count, sizeof texts->items[0], compare);
}
