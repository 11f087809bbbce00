/* An arena: bounded memory of one batch, released at once.
 *
 * Allocations are 16-byte aligned and never move. The arena grows by chunks up to `limit_bytes`;
 * past it bb_arena_take returns NULL, and the caller reports BB_E_NO_MEMORY. bb_arena_reset keeps
 * the first chunk for the next batch. One owner, one thread.
 */
#ifndef BB_BASE_ARENA_H
#define BB_BASE_ARENA_H

#include "base/span.h"

struct bb_arena_chunk;

struct bb_arena {
    struct bb_arena_chunk *head; /* the chunk that allocations come from */
    size_t used;                 /* bytes used in head */
    size_t total_bytes;          /* allocated in all chunks */
    size_t limit_bytes;
    size_t chunk_bytes; /* size of a usual chunk */
};

void bb_arena_init(struct bb_arena *arena, size_t chunk_bytes, size_t limit_bytes);
void bb_arena_release(struct bb_arena *arena);
/* Forget every allocation; keep one chunk. */
void bb_arena_reset(struct bb_arena *arena);

/* `size` uninitialised bytes, or NULL when the limit or the system's memory is reached. */
void *bb_arena_take(struct bb_arena *arena, size_t size);
/* The same, zeroed, for `count` elements; NULL also on overflow. */
void *bb_arena_take_array(struct bb_arena *arena, size_t count, size_t size);
/* A copy of `s` in the arena; data is NULL when there is no room. The copy ends in a NUL. */
struct bb_span bb_arena_copy(struct bb_arena *arena, struct bb_span s);

#endif
