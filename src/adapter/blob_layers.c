/* Two storages as one: see blobs.h. What is put goes to the first; what is looked for and not there is looked for in the
 * second, from which nothing is ever removed. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/blobs.h"

struct layered_blob {
    struct bb_blob base;
    struct bb_blob_ops ops; /* a put is the first one's own, and so are its calls */
    struct bb_blob *first, *second;
};

static struct layered_blob *layered_of(struct bb_blob *blob) {
    return (struct layered_blob *)blob;
}

static void layered_close(struct bb_blob *base) {
    struct layered_blob *blob = layered_of(base);

    blob->first->ops->close(blob->first);
    blob->second->ops->close(blob->second);
    free(blob);
}

/* The put is the first storage's own: what is written to it and how it ends goes there without us. */
static int layered_put_begin(struct bb_blob *base, const char *name, struct bb_blob_put **out,
                             struct bb_error *error) {
    struct bb_blob *first = layered_of(base)->first;

    return first->ops->put_begin(first, name, out, error);
}

static int layered_get(struct bb_blob *base, const char *name, uint64_t offset, size_t size,
                       struct bb_buffer *out, struct bb_error *error) {
    struct layered_blob *blob = layered_of(base);
    int result = blob->first->ops->get(blob->first, name, offset, size, out, error);

    return result == BB_BLOB_ABSENT
               ? blob->second->ops->get(blob->second, name, offset, size, out, error)
               : result;
}

static int layered_info(struct bb_blob *base, const char *name, struct bb_blob_info *out,
                        struct bb_error *error) {
    struct layered_blob *blob = layered_of(base);
    int result = blob->first->ops->info(blob->first, name, out, error);

    return result == BB_BLOB_ABSENT ? blob->second->ops->info(blob->second, name, out, error)
                                    : result;
}

static int layered_list(struct bb_blob *base, const char *prefix, bb_blob_visit *visit,
                        void *context, struct bb_error *error) {
    struct bb_blob *first = layered_of(base)->first;

    return first->ops->list(first, prefix, visit, context, error);
}

static int layered_remove(struct bb_blob *base, const char *name, struct bb_error *error) {
    struct bb_blob *first = layered_of(base)->first;

    return first->ops->remove(first, name, error);
}

int bb_blob_layers_open(struct bb_blob *first, struct bb_blob *second, struct bb_blob **out,
                        struct bb_error *error) {
    struct layered_blob *blob = calloc(1, sizeof *blob);

    if (!blob)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the archive");
    *blob = (struct layered_blob){.ops = {.name = "layers",
                                          .close = layered_close,
                                          .put_begin = layered_put_begin,
                                          .put_write = first->ops->put_write,
                                          .put_end = first->ops->put_end,
                                          .put_abandon = first->ops->put_abandon,
                                          .get = layered_get,
                                          .info = layered_info,
                                          .list = layered_list,
                                          .remove = layered_remove},
                                  .first = first,
                                  .second = second};
    blob->base.ops = &blob->ops;
    snprintf(blob->base.where, sizeof blob->base.where, "%.500s and %.500s", first->where,
             second->where);
    *out = &blob->base;
    return 0;
}
