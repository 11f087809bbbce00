/* A log whose N-th call fails: a decorator over any other log, for tests and the simulator.
 *
 *   caller ──► fault ──► inner log
 *               │
 *               └ counts every call that may fail in the plan; the planned one is answered with the
 *                 planned error, either without asking the inner log (`before`) or after it did the
 *                 work: the caller cannot know which, just as with a real disk.
 *
 * A planned failure of sync or sync_begin poisons the decorator, as the port demands of every
 * adapter: later appends and syncs are refused with the same error. It owns neither the inner log
 * nor the plan. Threads: as the inner log, but the plan is counted without a lock, so all calls
 * come from one thread.
 */
#include "adapter/embedded.h"
#include "adapter/fault.h"

#include <stdlib.h>

struct fault_log {
    struct bb_log base; /* first */
    struct bb_log *inner;
    struct bb_fault_plan *plan;
    bool poisoned;
};

struct fault_reader { /* what a struct bb_log_reader is here */
    struct fault_log *log;
    struct bb_log_reader *inner;
};

static struct fault_log *fault_of(struct bb_log *log) {
    return (struct fault_log *)log;
}

static int fail_planned(const struct fault_log *log, const char *call, struct bb_error *error) {
    return bb_fault_fail(log->plan, false, call, error);
}

static int refuse(const struct fault_log *log, const char *call, struct bb_error *error) {
    return BB_FAIL(error, log->plan->code, "%s is refused after a planned fault of sync", call);
}

#define RETURN_PLANNED(log, call, error, work)                                                     \
    BB_FAULT_RETURN((log)->plan, false, call, error, work)

static void fault_close(struct bb_log *base) {
    free(base);
}

static int fault_append(struct bb_log *base, uint32_t partition, struct bb_log_record *record,
                        struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    if (log->poisoned)
        return refuse(log, "append", error);
    RETURN_PLANNED(log, "append", error,
                   log->inner->ops->append(log->inner, partition, record, error));
}

static int fault_sync_with(struct fault_log *log, const char *call,
                           int (*sync)(struct bb_log *, struct bb_error *),
                           struct bb_error *error) {
    if (log->poisoned)
        return refuse(log, call, error);
    const enum bb_fault_fate fate = bb_fault_next(log->plan);
    int result = fate == BB_FAILS_BEFORE ? 0 : sync(log->inner, error);
    if (fate != BB_GOES_WELL && result >= 0) {
        log->poisoned = true;
        return fail_planned(log, call, error);
    }
    return result;
}

static int fault_sync_begin(struct bb_log *base, struct bb_error *error) {
    return fault_sync_with(fault_of(base), "sync_begin", fault_of(base)->inner->ops->sync_begin,
                           error);
}

static int fault_sync(struct bb_log *base, struct bb_error *error) {
    return fault_sync_with(fault_of(base), "sync", fault_of(base)->inner->ops->sync, error);
}

static int fault_end(struct bb_log *base, uint32_t partition, struct bb_log_end *out,
                     struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "end", error, log->inner->ops->end(log->inner, partition, out, error));
}

static int fault_backlog(struct bb_log *base, uint32_t partition, uint64_t position,
                         struct bb_log_backlog *out, struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "backlog", error,
                   log->inner->ops->backlog(log->inner, partition, position, out, error));
}

static int fault_reader_open(struct bb_log *base, uint32_t partition, struct bb_log_reader **out,
                             struct bb_error *error) {
    struct fault_log *log = fault_of(base);
    struct fault_reader *reader = NULL;

    *out = NULL;
    if (bb_fault_next(log->plan) !=
        BB_GOES_WELL) /* a reader is nothing that could have been done before failing */
        return fail_planned(log, "reader_open", error);
    reader = calloc(1, sizeof *reader);
    if (!reader)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reader of the log");
    reader->log = log;
    int result = log->inner->ops->reader_open(log->inner, partition, &reader->inner, error);
    if (result < 0)
        free(reader);
    else
        *out = (struct bb_log_reader *)reader;
    return result;
}

static void fault_reader_close(struct bb_log_reader *opaque) {
    struct fault_reader *reader = (struct fault_reader *)opaque;

    if (!reader)
        return;
    reader->log->inner->ops->reader_close(reader->inner);
    free(reader);
}

static int fault_read(struct bb_log_reader *opaque, uint64_t offset, struct bb_log_record *out,
                      struct bb_error *error) {
    struct fault_reader *reader = (struct fault_reader *)opaque;
    struct fault_log *log = reader->log;

    RETURN_PLANNED(log, "read", error, log->inner->ops->read(reader->inner, offset, out, error));
}

static int fault_wait(struct bb_log *base, int timeout_ms, struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "wait", error, log->inner->ops->wait(log->inner, timeout_ms, error));
}

static int fault_trim(struct bb_log *base, uint32_t partition, uint64_t offset, int64_t before_ms,
                      struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "trim", error,
                   log->inner->ops->trim(log->inner, partition, offset, before_ms, error));
}

static int fault_verify(struct bb_log *base, uint32_t partition, uint64_t *records,
                        struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "verify", error,
                   log->inner->ops->verify(log->inner, partition, records, error));
}

static int fault_copy(struct bb_log *base, const struct bb_log_end *upto, const char *folder,
                      struct bb_error *error) {
    struct fault_log *log = fault_of(base);

    RETURN_PLANNED(log, "copy", error, log->inner->ops->copy(log->inner, upto, folder, error));
}

static const struct bb_log_ops fault_ops = {
    .name = "fault",
    .close = fault_close,
    .append = fault_append,
    .sync_begin = fault_sync_begin,
    .sync = fault_sync,
    .end = fault_end,
    .backlog = fault_backlog,
    .reader_open = fault_reader_open,
    .reader_close = fault_reader_close,
    .read = fault_read,
    .wait = fault_wait,
    .trim = fault_trim,
    .verify = fault_verify,
    .copy = fault_copy,
};

struct bb_log *bb_log_fault_wrap(struct bb_log *inner, struct bb_fault_plan *plan) {
    struct fault_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    log->base = (struct bb_log){&fault_ops, inner->identity, inner->partitions};
    log->inner = inner;
    log->plan = plan;
    return &log->base;
}
