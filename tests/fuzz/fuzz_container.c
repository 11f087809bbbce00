/* Containers under random bytes: no crash, and never more out than the limits allow. */
#include "codec/container.h"

#include <stdlib.h>

struct source {
    const uint8_t *data;
    size_t size, piece;
};

static int read_source(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct source *source = context;
    size_t size = source->size < capacity ? source->size : capacity;

    (void)error;
    size = size < source->piece ? size : source->piece;
    if (size > 0)
        memcpy(data, source->data, size);
    source->data += size;
    source->size -= size;
    *got = size;
    return 0;
}

static void unpack(struct bb_input input, uint64_t size) {
    static char buffer[1 << 16];
    struct bb_container *container;
    struct bb_error error;
    struct bb_input stream;
    const char *name;
    uint64_t bytes = 0, members = 0;
    size_t got;

    if (bb_container_open_input(input, size, "fuzz", &container, &error) < 0)
        return;
    while (bb_container_next(container, &stream, &name, &error) == BB_CONTAINER_MEMBER &&
           members++ < 100) {
        BB_ASSERT(name && name[0] != '\0');
        while (stream.read(stream.context, buffer, sizeof buffer, &got, &error) == 0 && got > 0)
            bytes += got;
        BB_ASSERT(bytes <= (1 << 20) + 200 * size + sizeof buffer || bytes <= 2 * size);
    }
    bb_container_close(container);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct source whole = {data, size, SIZE_MAX}, pieces = {data, size, 5};

    unpack((struct bb_input){read_source, &whole}, size);
    unpack((struct bb_input){read_source, &pieces}, size);
    return 0;
}
