/* The blob port's fault-injecting decorator: any storage, but the N-th call that may fail does.
 *
 * With plan->before the call is refused untouched: a put that ends so is abandoned. Without it the
 * call is carried out and then reported as failed: the object is there, and its maker does not know.
 */
#include <stdlib.h>

#include "adapter/blobs.h"

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

/* Count a call; true when this one fails. */
static bool due(struct bb_fault_plan *plan) {
    uint64_t call = ++plan->calls;

    return plan->fail_at != 0 && (call == plan->fail_at || (plan->sticky && call > plan->fail_at));
}

static int fail(const struct bb_fault_plan *plan, struct bb_error *error) {
    int failed = BB_FAIL(error, plan->code, "call %llu fails by plan, %s",
                         (unsigned long long)plan->calls,
                         plan->before ? "without being done" : "after being done");
    error->retriable = !plan->sticky;
    return failed;
}

#define UNDER_PLAN(blob, error, call)                                                              \
    do {                                                                                           \
        struct bb_fault_plan *plan = (blob)->plan;                                                 \
        bool fails = due(plan);                                                                    \
        if (fails && plan->before)                                                                 \
            return fail(plan, (error));                                                            \
        int result = (call);                                                                       \
        return fails && result >= 0 ? fail(plan, (error)) : result;                                \
    } while (0)

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
    bool fails = due(blob->plan);

    free(put);
    if (fails && blob->plan->before) {
        blob->inner->ops->put_abandon(inner);
        return fail(blob->plan, error);
    }
    int result = blob->inner->ops->put_end(inner, error);
    return fails && result >= 0 ? fail(blob->plan, error) : result;
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
