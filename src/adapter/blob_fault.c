/* The blob port's fault-injecting decorator: any storage, but the N-th call that may fail does.
 *
 * With plan->before the call is refused untouched: a put that ends so is abandoned. Without it the
 * call is carried out and then reported as failed: the object is there, and its maker does not know.
 */
#include <stdlib.h>

#include "adapter/blobs.h"
#include "adapter/fault.h"

struct fault_blob {
    struct bb_blob base;
    struct bb_blob *inner;
    struct bb_fault_plan *plan;
};

struct bb_blob_put {
    struct fault_blob *blob;
    struct bb_blob_put *inner;
};

static struct fault_blob *fault_of(struct bb_blob *blob) {
    return (struct fault_blob *)blob;
}

/* Run `call` under the plan. */
#define UNDER_PLAN(blob, error, call)                                                              \
    BB_FAULT_RETURN((blob)->plan, !(blob)->plan->sticky, __func__, error, call)

static int fail(const struct fault_blob *blob, const char *operation, struct bb_error *error) {
    return bb_fault_fail(blob->plan, !blob->plan->sticky, operation, error);
}

static void fault_close(struct bb_blob *base) {
    free(base);
}

static int fault_put_begin(struct bb_blob *base, const char *name, struct bb_blob_put **out,
                           struct bb_error *error) {
    struct fault_blob *blob = fault_of(base);
    struct bb_blob_put *put = malloc(sizeof *put);

    if (!put)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an object");
    put->blob = blob;
    int result = blob->inner->ops->put_begin(blob->inner, name, &put->inner, error);
    if (result)
        free(put);
    else
        *out = put;
    return result;
}

static int fault_put_write(struct bb_blob_put *put, struct bb_span bytes, struct bb_error *error) {
    return put->blob->inner->ops->put_write(put->inner, bytes, error);
}

static void fault_put_abandon(struct bb_blob_put *put) {
    if (!put)
        return;
    put->blob->inner->ops->put_abandon(put->inner);
    free(put);
}

static int fault_put_end(struct bb_blob_put *put, struct bb_error *error) {
    struct fault_blob *blob = put->blob;
    struct bb_blob_put *inner = put->inner;
    const enum bb_fault_fate fate = bb_fault_next(blob->plan);

    free(put);
    if (fate == BB_FAILS_BEFORE) {
        blob->inner->ops->put_abandon(inner);
        return fail(blob, __func__, error);
    }
    int result = blob->inner->ops->put_end(inner, error);
    return fate == BB_FAILS_AFTER && result >= 0 ? fail(blob, __func__, error) : result;
}

static int fault_get(struct bb_blob *base, const char *name, uint64_t offset, size_t size,
                     struct bb_buffer *out, struct bb_error *error) {
    struct fault_blob *blob = fault_of(base);

    UNDER_PLAN(blob, error, blob->inner->ops->get(blob->inner, name, offset, size, out, error));
}

static int fault_info(struct bb_blob *base, const char *name, struct bb_blob_info *out,
                      struct bb_error *error) {
    struct fault_blob *blob = fault_of(base);

    UNDER_PLAN(blob, error, blob->inner->ops->info(blob->inner, name, out, error));
}

static int fault_list(struct bb_blob *base, const char *prefix, bb_blob_visit *visit, void *context,
                      struct bb_error *error) {
    struct fault_blob *blob = fault_of(base);

    UNDER_PLAN(blob, error, blob->inner->ops->list(blob->inner, prefix, visit, context, error));
}

static int fault_remove(struct bb_blob *base, const char *name, struct bb_error *error) {
    struct fault_blob *blob = fault_of(base);

    UNDER_PLAN(blob, error, blob->inner->ops->remove(blob->inner, name, error));
}

static const struct bb_blob_ops fault_ops = {
    .name = "fault",
    .close = fault_close,
    .put_begin = fault_put_begin,
    .put_write = fault_put_write,
    .put_end = fault_put_end,
    .put_abandon = fault_put_abandon,
    .get = fault_get,
    .info = fault_info,
    .list = fault_list,
    .remove = fault_remove,
};

struct bb_blob *bb_blob_fault_wrap(struct bb_blob *inner, struct bb_fault_plan *plan) {
    struct fault_blob *blob = calloc(1, sizeof *blob);

    if (!blob)
        return NULL;
    *blob = (struct fault_blob){.base = {.ops = &fault_ops}, .inner = inner, .plan = plan};
    memcpy(blob->base.where, inner->where, sizeof blob->base.where);
    return &blob->base;
}
