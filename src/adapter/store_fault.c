/* The store's fault-injecting decorator: any store, but the N-th call that may fail does.
 *
 * With plan->before the call is refused untouched. Without it the call is carried out and then
 * reported as failed: the commit whose answer got lost, which the caller must find out about by
 * reading the position again. The plan may be changed between calls; it belongs to the caller, as
 * does the inner store.
 */
#include <stdlib.h>

#include "adapter/embedded.h"
#include "adapter/fault.h"

struct fault_store {
    struct bb_store base;
    struct bb_store *inner;
    struct bb_fault_plan *plan;
};

struct bb_store_view {
    struct fault_store *store;
    struct bb_store_view *inner;
};

struct bb_store_hold {
    struct fault_store *store;
    struct bb_store_hold *inner;
};

/* Run `call` under the plan. */
#define UNDER_PLAN(store, error, call)                                                             \
    BB_FAULT_RETURN((store)->plan, !(store)->plan->sticky, __func__, error, call)

static int fail(const struct fault_store *store, const char *operation, struct bb_error *error) {
    return bb_fault_fail(store->plan, !store->plan->sticky, operation, error);
}

static struct fault_store *fault_of(struct bb_store *store) {
    return (struct fault_store *)store;
}

static void fault_close(struct bb_store *base) {
    free(base);
}

static int fault_claim(struct bb_store *base, uint32_t partition, uint64_t log_identity,
                       struct bb_claim *out, struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    UNDER_PLAN(store, error,
               store->inner->ops->claim(store->inner, partition, log_identity, out, error));
}

static int fault_commit(struct bb_store *base, uint32_t partition, const struct bb_commit *commit,
                        struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    UNDER_PLAN(store, error, store->inner->ops->commit(store->inner, partition, commit, error));
}

static int fault_outbox_trim(struct bb_store *base, uint32_t partition, uint64_t upto,
                             struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    UNDER_PLAN(store, error, store->inner->ops->outbox_trim(store->inner, partition, upto, error));
}

static int fault_size(struct bb_store *base, uint32_t partition, uint64_t *used_bytes,
                      uint64_t *file_bytes, struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    UNDER_PLAN(store, error,
               store->inner->ops->size(store->inner, partition, used_bytes, file_bytes, error));
}

/* A view that failed after it was begun is nobody's, so it is ended here: there is no difference
 * between before and after. */
static int fault_view_begin(struct bb_store *base, uint32_t partition, struct bb_store_view **out,
                            struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    if (bb_fault_next(store->plan) != BB_GOES_WELL)
        return fail(store, __func__, error);
    struct bb_store_view *view = malloc(sizeof *view);
    if (!view)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a view");
    view->store = store;
    int result = store->inner->ops->view_begin(store->inner, partition, &view->inner, error);
    if (result != 0) {
        free(view);
        return result;
    }
    *out = view;
    return 0;
}

static void fault_view_end(struct bb_store_view *view) {
    if (!view)
        return;
    view->store->inner->ops->view_end(view->inner);
    free(view);
}

static int fault_position(struct bb_store_view *view, struct bb_claim *out,
                          struct bb_error *error) {
    UNDER_PLAN(view->store, error, view->store->inner->ops->position(view->inner, out, error));
}

static int fault_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                           struct bb_span *packed, struct bb_error *error) {
    UNDER_PLAN(view->store, error,
               view->store->inner->ops->block_get(view->inner, key, packed, error));
}

static int fault_expect(struct bb_store_view *view, const struct bb_store_hint *hint,
                        struct bb_error *error) {
    const struct bb_store_ops *ops = view->store->inner->ops;

    if (!ops->expect)
        return 0;
    UNDER_PLAN(view->store, error, ops->expect(view->inner, hint, error));
}

static int fault_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                            bb_block_visit *visit, void *context, struct bb_error *error) {
    UNDER_PLAN(
        view->store, error,
        view->store->inner->ops->block_scan(view->inner, lane, first, last, visit, context, error));
}

static int fault_name_get(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                          struct bb_span *value, struct bb_error *error) {
    UNDER_PLAN(view->store, error,
               view->store->inner->ops->name_get(view->inner, kind, name, value, error));
}

static int fault_name_scan(struct bb_store_view *view, enum bb_name_kind kind,
                           struct bb_span prefix, bb_name_visit *visit, void *context,
                           struct bb_error *error) {
    UNDER_PLAN(
        view->store, error,
        view->store->inner->ops->name_scan(view->inner, kind, prefix, visit, context, error));
}

static int fault_outbox_scan(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                             void *context, struct bb_error *error) {
    UNDER_PLAN(view->store, error,
               view->store->inner->ops->outbox_scan(view->inner, after, visit, context, error));
}

/* As with views: a hold that failed is nobody's. */
static int fault_outbox_hold(struct bb_store *base, struct bb_store_hold **out,
                             struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    *out = NULL;
    if (bb_fault_next(store->plan) != BB_GOES_WELL)
        return fail(store, __func__, error);
    struct bb_store_hold *hold = malloc(sizeof *hold);
    if (!hold)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a hold");
    hold->store = store;
    int result = store->inner->ops->outbox_hold(store->inner, &hold->inner, error);
    if (result != 0)
        free(hold);
    else
        *out = hold;
    return result;
}

static void fault_outbox_release(struct bb_store_hold *hold) {
    if (!hold)
        return;
    hold->store->inner->ops->outbox_release(hold->inner);
    free(hold);
}

static int fault_copy(struct bb_store *base, uint32_t partition, const char *folder,
                      struct bb_error *error) {
    struct fault_store *store = fault_of(base);

    UNDER_PLAN(store, error, store->inner->ops->copy(store->inner, partition, folder, error));
}

static const struct bb_store_ops fault_ops = {
    .name = "fault",
    .close = fault_close,
    .claim = fault_claim,
    .commit = fault_commit,
    .view_begin = fault_view_begin,
    .view_end = fault_view_end,
    .position = fault_position,
    .block_get = fault_block_get,
    .expect = fault_expect,
    .block_scan = fault_block_scan,
    .name_get = fault_name_get,
    .name_scan = fault_name_scan,
    .outbox_scan = fault_outbox_scan,
    .outbox_trim = fault_outbox_trim,
    .outbox_hold = fault_outbox_hold,
    .outbox_release = fault_outbox_release,
    .copy = fault_copy,
    .size = fault_size,
};

/* NULL without memory. */
struct bb_store *bb_store_fault_wrap(struct bb_store *inner, struct bb_fault_plan *plan) {
    struct fault_store *store = malloc(sizeof *store);

    if (!store)
        return NULL;
    *store = (struct fault_store){
        .base = {.ops = &fault_ops, .partitions = inner->partitions}, .inner = inner, .plan = plan};
    return &store->base;
}
