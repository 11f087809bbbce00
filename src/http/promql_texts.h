/* A set of texts for lists that are told without repetition: bounded in count and bytes. */
#ifndef BB_HTTP_PROMQL_TEXTS_H
#define BB_HTTP_PROMQL_TEXTS_H

#include "base/arena.h"
#include "base/error.h"

enum { BB_PROMQL_TEXTS_MAX = 40000 }; /* what Grafana asks for at most */

struct bb_promql_texts {
    struct bb_arena *arena; /* the texts' */
    size_t limit;           /* BB_PROMQL_TEXTS_MAX at most */
    struct bb_span *items;
    uint32_t *index; /* open addressing: item + 1 */
    size_t count;
    bool is_full; /* there would have been more */
};

/* False: no memory. */
bool bb_promql_texts_init(struct bb_promql_texts *texts, struct bb_arena *arena, size_t limit)
    BB_MUST_USE;
/* False: it is full. */
bool bb_promql_texts_add(struct bb_promql_texts *texts, struct bb_span text);
void bb_promql_texts_sort(struct bb_promql_texts *texts);

#endif
