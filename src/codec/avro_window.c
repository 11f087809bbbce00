/* A window over a stream of bytes: see avro_decoder_internal.h. It grows only as far as one datum or block
 * needs, and in steps that double, so that looking again at what was not whole costs no more than once over. */
#include "codec/avro_decoder_internal.h"

#include <stdlib.h>

enum { WINDOW_PADDING = 32 };

int bb_avro_window_init(struct bb_avro_window *window, struct bb_input input, size_t limit,
                        struct bb_error *error) {
    *window = (struct bb_avro_window){.input = input,
                                      .own = calloc(1, BB_INPUT_WINDOW_BYTES + WINDOW_PADDING),
                                      .capacity = BB_INPUT_WINDOW_BYTES,
                                      .limit = limit,
                                      .padding = WINDOW_PADDING};
    window->data = window->own;
    return window->own ? 0
                       : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a window of %d bytes",
                                 BB_INPUT_WINDOW_BYTES);
}

void bb_avro_window_of(struct bb_avro_window *window, struct bb_span memory) {
    *window = (struct bb_avro_window){.data = memory.data,
                                      .capacity = memory.size,
                                      .filled = memory.size,
                                      .limit = memory.size,
                                      .ended = true};
}

void bb_avro_window_release(struct bb_avro_window *window) {
    free(window->own);
    *window = (struct bb_avro_window){0};
}

static int grow(struct bb_avro_window *window, size_t size, struct bb_error *error) {
    size_t capacity = window->capacity;

    if (size > window->limit)
        return BB_FAIL(error, BB_E_AVRO_DATA,
                       "a datum or block of more than %zu MiB stands at byte %llu",
                       window->limit >> 20, (unsigned long long)(window->offset + window->start));
    while (capacity < size)
        capacity *= 2;
    char *grown = realloc(window->own, capacity + WINDOW_PADDING);
    if (!grown)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a window of %zu bytes", capacity);
    window->own = grown;
    window->data = grown;
    window->capacity = capacity;
    return 0;
}

int bb_avro_window_need(struct bb_avro_window *window, size_t size, struct bb_error *error) {
    size_t got = 0;
    int failure = 0;

    if (window->filled - window->start >= size || window->ended)
        return 0;
    window->offset += window->start;
    memmove(window->own, window->own + window->start, window->filled - window->start);
    window->filled -= window->start;
    window->start = 0;
    if (size > window->capacity)
        failure = grow(window, size, error);
    while (failure == 0 && !window->ended && window->filled < size) {
        failure = window->input.read(window->input.context, window->own + window->filled,
                                     window->capacity - window->filled, &got, error);
        window->filled += failure ? 0 : got;
        window->ended = got == 0;
    }
    memset(window->own + window->filled, 0, WINDOW_PADDING);
    return failure;
}
