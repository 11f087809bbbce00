/* Bodies of remote write: see remotewrite_internal.h.
 *
 * A body is one block of snappy: the length of what comes out, then literals and copies. What it may
 * become is bounded before memory is taken for it: by a limit, and by what copies can do at all. */
#include "codec/remotewrite_internal.h"

#include <snappy-c.h>
#include <stdlib.h>

enum {
    FIRST_BYTES = 64 << 10,
    MOST_PER_BYTE = 32 /* the longest copy makes 64 bytes of 3 */
};

static int read_all(struct bb_input input, char **packed, size_t *size, struct bb_error *error) {
    size_t capacity = FIRST_BYTES, got;

    *size = 0;
    *packed = malloc(capacity);
    for (;;) {
        if (!*packed)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a request of %zu bytes", capacity);
        int failure = input.read(input.context, *packed + *size, capacity - *size, &got, error);
        if (failure)
            return failure;
        *size += got;
        if (got == 0)
            return 0;
        if (*size > BB_REMOTE_BODY_MAX)
            return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                           "a remote write request has at most %d MiB; send fewer samples in each",
                           BB_REMOTE_BODY_MAX >> 20);
        if (*size == capacity) {
            char *grown = realloc(*packed, capacity * 2);
            if (!grown)
                return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a request of %zu bytes",
                               capacity * 2);
            *packed = grown;
            capacity *= 2;
        }
    }
}

static int unpack(struct bb_span packed, struct bb_remote_body *out, struct bb_error *error) {
    size_t size;

    if (packed.size == 0)
        return BB_FAIL(error, BB_E_INPUT_EMPTY, "the input is empty");
    if (snappy_uncompressed_length(packed.data, packed.size, &size) != SNAPPY_OK)
        return BB_FAIL(error, BB_E_CONTAINER,
                       "this is no block of snappy, in which remote write packs its requests");
    if (size > BB_REMOTE_BODY_MAX)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                       "the request says that %zu bytes come out of it; at most %d MiB may", size,
                       BB_REMOTE_BODY_MAX >> 20);
    if (size / MOST_PER_BYTE > packed.size)
        return BB_FAIL(error, BB_E_CONTAINER,
                       "the request says that %zu bytes come out of its %zu: snappy cannot do that",
                       size, packed.size);
    out->text = calloc(1, size + BB_REMOTE_PADDING);
    if (!out->text)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a request of %zu bytes", size);
    out->size = size;
    if (snappy_uncompress(packed.data, packed.size, out->text, &out->size) != SNAPPY_OK ||
        out->size != size)
        return BB_FAIL(error, BB_E_CONTAINER,
                       "the snappy block is damaged or cut off; %zu bytes should come out of it",
                       size);
    return 0;
}

int bb_remote_body_read(struct bb_input input, struct bb_remote_body *out, struct bb_error *error) {
    char *packed = NULL;
    size_t size;

    *out = (struct bb_remote_body){0};
    int failure = read_all(input, &packed, &size, error);
    if (failure == 0)
        failure = unpack((struct bb_span){packed, size}, out, error);
    free(packed);
    return failure;
}

void bb_remote_body_release(struct bb_remote_body *body) {
    free(body->text);
    *body = (struct bb_remote_body){0};
}
