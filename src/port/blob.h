/* The port "blob": whole objects by name, in storage that is cheap and far away: a folder, a bucket.
 *
 * What an adapter owes:
 *  - An object is there whole or not at all: what `put_end` has answered 0 for is durable and is what
 *    everybody reads from then on; what was abandoned, failed or died on the way is never seen. After
 *    a failed `put_end` it is unknown whether the object is there.
 *  - A name that is put again is replaced at once, never mixed. Callers give every content a name of
 *    its own, so that nobody who reads meets two.
 *  - `get` gives exactly the bytes asked for or says that the object is absent; a range that is not
 *    wholly inside it is -BB_E_BLOB_SHORT.
 *  - `list` tells names in byte order. What is put or removed meanwhile may be among them or not.
 *  - A peer that is away, slow or busy is tried again for seconds, with back-off, and then an error
 *    that is retriable.
 *
 * Names are 1 to BB_BLOB_NAME_MAX bytes of letters, digits and "._~-", in parts by '/'; no part is empty
 * or begins with a dot. Others are -BB_E_BLOB_NAME.
 *
 * Thread rule: every call from any thread; one put belongs to one thread.
 */
#ifndef BB_PORT_BLOB_H
#define BB_PORT_BLOB_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/span.h"

enum { BB_BLOB_NAME_MAX = 512 }; /* bytes */

struct bb_blob_info {
    uint64_t size;
    int64_t modified_ms; /* by the storage's own clock */
};

enum bb_blob_outcome { BB_BLOB_FOUND = 0, BB_BLOB_ABSENT = 1 };

struct bb_blob;
struct bb_blob_put;

/* Returns 0 to go on, 1 to stop, negative to fail. The name is borrowed until it returns. */
typedef int bb_blob_visit(void *context, struct bb_span name, const struct bb_blob_info *info,
                          struct bb_error *error);

struct bb_blob_ops {
    const char *name;
    void (*close)(struct bb_blob *blob);
    int (*put_begin)(struct bb_blob *blob, const char *name, struct bb_blob_put **out,
                     struct bb_error *error);
    int (*put_write)(struct bb_blob_put *put, struct bb_span bytes, struct bb_error *error);
    int (*put_end)(struct bb_blob_put *put, struct bb_error *error); /* frees, also when it fails */
    void (*put_abandon)(struct bb_blob_put *put);                    /* NULL is nothing */
    /* Append bytes [offset, offset + size) to `out`. enum bb_blob_outcome. */
    int (*get)(struct bb_blob *blob, const char *name, uint64_t offset, size_t size,
               struct bb_buffer *out, struct bb_error *error);
    int (*info)(struct bb_blob *blob, const char *name, struct bb_blob_info *out,
                struct bb_error *error);
    int (*list)(struct bb_blob *blob, const char *prefix, bb_blob_visit *visit, void *context,
                struct bb_error *error);
    /* What is not there is removed already. */
    int (*remove)(struct bb_blob *blob, const char *name, struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_blob {
    const struct bb_blob_ops *ops;
    char where[1100]; /* for people: "the folder DIR", "s3://BUCKET/PREFIX" */
};

#endif
