/* Bounded bump allocation in a list of chunks: see arena.h. */
#include "base/arena.h"

#include <stdlib.h>

struct bb_arena_chunk {
    struct bb_arena_chunk *next;
    size_t size; /* bytes of data */
    _Alignas(16) char data[];
};

void bb_arena_init(struct bb_arena *arena, size_t chunk_bytes, size_t limit_bytes) {
    *arena = (struct bb_arena){.chunk_bytes = chunk_bytes, .limit_bytes = limit_bytes};
}

static void free_from(struct bb_arena *arena, struct bb_arena_chunk *chunk) {
    while (chunk) {
        struct bb_arena_chunk *next = chunk->next;
        arena->total_bytes -= chunk->size;
        free(chunk);
        chunk = next;
    }
}

void bb_arena_release(struct bb_arena *arena) {
    if (!arena)
        return;
    free_from(arena, arena->head);
    arena->head = NULL;
    arena->used = 0;
}

void bb_arena_reset(struct bb_arena *arena) {
    if (arena->head) {
        free_from(arena, arena->head->next);
        arena->head->next = NULL;
    }
    arena->used = 0;
}

void *bb_arena_take(struct bb_arena *arena, size_t size) {
    size_t need = (size + 15) & ~(size_t)15;

    if (need < size)
        return NULL;
    if (!arena->head || arena->head->size - arena->used < need) {
        size_t chunk_size = need > arena->chunk_bytes ? need : arena->chunk_bytes;
        struct bb_arena_chunk *chunk;

        if (chunk_size > arena->limit_bytes || arena->total_bytes > arena->limit_bytes - chunk_size)
            return NULL;
        chunk = malloc(sizeof *chunk + chunk_size);
        if (!chunk)
            return NULL;
        chunk->size = chunk_size;
        chunk->next = arena->head;
        arena->head = chunk;
        arena->used = 0;
        arena->total_bytes += chunk_size;
    }
    void *memory = arena->head->data + arena->used;
    arena->used += need;
    return memory;
}

void *bb_arena_take_array(struct bb_arena *arena, size_t count, size_t size) {
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = bb_arena_take(arena, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

struct bb_span bb_arena_copy(struct bb_arena *arena, struct bb_span s) {
    char *copy = bb_arena_take(arena, s.size + 1);

    if (!copy)
        return (struct bb_span){NULL, 0};
    if (s.size)
        memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return (struct bb_span){copy, s.size};
}
