/* The store's fault-injecting decorator: which call fails, and what is done by then. */
#include <criterion/criterion.h>

#include "adapter/embedded.h"
#include "support/store_steps.h"

struct faulty {
    struct bb_store *inner, *store;
    struct bb_fault_plan plan;
    struct bb_claim claim;
    struct bb_error error;
};

static struct faulty *faulty_new(void) {
    static struct faulty f;

    cr_assert_eq(bb_store_memory_open(1, &f.inner, &f.error), 0);
    f.store = bb_store_fault_wrap(f.inner, &f.plan);
    cr_assert_eq(f.store->ops->claim(f.store, 0, STORE_STEP_LOG, &f.claim, &f.error), 0);
    return &f;
}

static void faulty_end(struct faulty *f) {
    f->store->ops->close(f->store);
    f->inner->ops->close(f->inner); /* the decorator owns nothing */
}

static uint64_t number_of(struct faulty *f) {
    uint64_t number;

    cr_assert_null(store_steps_look(f->inner, 0, &number));
    return number;
}

Test(store_fault, fails_before) {
    struct faulty *f = faulty_new();

    f->plan = (struct bb_fault_plan){.fail_at = 2, .code = BB_E_DISK_FULL, .before = true};
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_DONE);
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), -BB_E_DISK_FULL);
    cr_expect_eq(f->error.code, BB_E_DISK_FULL);
    cr_expect_eq(number_of(f), 1);
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_DONE, "once only");
    cr_expect_eq(f->plan.calls, 3);
    faulty_end(f);
}

/* The commit whose answer is lost: done, and its author must find out. */
Test(store_fault, fails_after) {
    struct faulty *f = faulty_new();

    f->plan = (struct bb_fault_plan){.fail_at = 1, .code = BB_E_STORE_IO};
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), -BB_E_STORE_IO);
    cr_expect_eq(number_of(f), 1);
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_MOVED);
    uint64_t epoch = f->claim.epoch;
    f->plan = (struct bb_fault_plan){.fail_at = 1, .code = BB_E_LOCKED};
    cr_expect_eq(f->store->ops->claim(f->store, 0, STORE_STEP_LOG, &f->claim, &f->error),
                 -BB_E_LOCKED);
    f->claim.epoch = epoch;
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_FENCED, "claimed it is");
    faulty_end(f);
}

Test(store_fault, fails_for_good) {
    struct faulty *f = faulty_new();
    struct bb_store_view *view;
    uint64_t used, file;

    f->plan = (struct bb_fault_plan){
        .fail_at = 2, .code = BB_E_STORE_IO, .before = true, .sticky = true};
    cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_DONE);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(store_step(f->store, 0, &f->claim, &f->error), -BB_E_STORE_IO);
        cr_expect_eq(f->store->ops->view_begin(f->store, 0, &view, &f->error), -BB_E_STORE_IO);
        cr_expect_eq(f->store->ops->size(f->store, 0, &used, &file, &f->error), -BB_E_STORE_IO);
        cr_expect_eq(f->store->ops->outbox_trim(f->store, 0, 1, &f->error), -BB_E_STORE_IO);
    }
    cr_expect_eq(number_of(f), 1);
    faulty_end(f);
}

static int fail_visit(void *context, uint64_t sequence, struct bb_span record) {
    (void)context;
    (void)record;
    return sequence == 1 ? -BB_E_FENCED : 0;
}

/* Every call of a view is counted, too. */
Test(store_fault, fails_within_a_view) {
    struct faulty *f = faulty_new();
    struct bb_store_view *view;
    struct bb_block_key key = {.channel = 1, .span = 1};
    struct bb_span value;
    const struct bb_store_ops *ops = f->store->ops;

    cr_assert_eq(store_step(f->store, 0, &f->claim, &f->error), BB_COMMIT_DONE);
    f->plan = (struct bb_fault_plan){.fail_at = 4, .code = BB_E_BLOCK_CORRUPT};
    cr_assert_eq(ops->view_begin(f->store, 0, &view, &f->error), 0);
    cr_expect_eq(ops->block_get(view, &key, &value, &f->error), BB_FOUND);
    cr_expect_eq(ops->name_get(view, BB_NAME_META, BB_SPAN("none"), &value, &f->error), BB_ABSENT);
    cr_expect_eq(ops->block_get(view, &key, &value, &f->error), -BB_E_BLOCK_CORRUPT);
    cr_expect_eq(ops->outbox_scan(view, 0, fail_visit, NULL, &f->error), -BB_E_FENCED);
    ops->view_end(view);
    cr_expect_eq(f->plan.calls, 5);
    f->plan = (struct bb_fault_plan){.fail_at = 1, .code = BB_E_STORE_IO};
    cr_expect_eq(ops->view_begin(f->store, 0, &view, &f->error), -BB_E_STORE_IO,
                 "and leaves no view behind");
    faulty_end(f);
}
