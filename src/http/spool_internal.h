/* A spool: the bytes of a body while they come. Small ones stay in memory; a larger one goes to a file without
 * a name in the plant's folder, so that many slow and large bodies cost disk and not memory, and what is left
 * of them after a crash is nothing.
 */
#ifndef BB_HTTP_SPOOL_INTERNAL_H
#define BB_HTTP_SPOOL_INTERNAL_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "codec/codec.h"

/* Shared by all spools of a server. */
struct bb_http_spool_room {
    char folder[4096];
    size_t memory_each;           /* bytes of one body that stay in memory */
    int64_t memory_all;           /* of all bodies together */
    _Atomic int64_t memory_taken; /* by spools that are alive */
};

struct bb_http_spool {
    struct bb_http_spool_room *room;
    struct bb_buffer memory;
    int64_t taken; /* of room->memory_taken */
    int fd;        /* -1: all is in memory */
    uint64_t size; /* bytes in all */
    uint64_t at;   /* of the reader */
};

void bb_http_spool_init(struct bb_http_spool *spool, struct bb_http_spool_room *room);
void bb_http_spool_release(struct bb_http_spool *spool);
int bb_http_spool_add(struct bb_http_spool *spool, const void *data, size_t size,
                      struct bb_error *error) BB_MUST_USE;
/* From its first byte. */
struct bb_input bb_http_spool_input(struct bb_http_spool *spool);

#endif
