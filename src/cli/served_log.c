/* The log of a plant that a server has: see served_log.h. */
#include "cli/served_log.h"

#include "cli/served_ask.h"
#include "service/owner_records.h"

#include <stdlib.h>

enum { RECORDS_MAX_BYTES = 200 << 20 };

struct served_log {
    struct bb_log base; /* first */
    struct bb_log_ops ops;
    struct bb_log *inner;
    const char *directory;
    struct bb_buffer records;
};

static struct served_log *served_of(struct bb_log *log) {
    return (struct served_log *)log;
}

static void served_close(struct bb_log *base) {
    struct served_log *log = served_of(base);

    log->inner->ops->close(log->inner);
    bb_buffer_release(&log->records);
    free(log);
}

static int served_append(struct bb_log *base, uint32_t partition, struct bb_log_record *record,
                         struct bb_error *error) {
    return bb_owner_records_put(&served_of(base)->records, partition, record)
               ? 0
               : BB_FAIL(error, BB_E_NO_MEMORY, "too much is told at a time for a running server");
}

static int served_sync(struct bb_log *base, struct bb_error *error) {
    struct served_log *log = served_of(base);

    if (log->records.size == 0)
        return 0;
    int result = bb_served_post(log->directory, "/owner/records", "application/octet-stream",
                                bb_buffer_span(&log->records), NULL, error);
    bb_buffer_clear(&log->records);
    return result;
}

static int served_sync_begin(struct bb_log *base, struct bb_error *error) {
    (void)base;
    (void)error;
    return 0;
}

static int served_end(struct bb_log *base, uint32_t partition, struct bb_log_end *out,
                      struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->end(inner, partition, out, error);
}

static int served_backlog(struct bb_log *base, uint32_t partition, uint64_t position,
                          struct bb_log_backlog *out, struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->backlog(inner, partition, position, out, error);
}

static int served_reader_open(struct bb_log *base, uint32_t partition, struct bb_log_reader **out,
                              struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->reader_open(inner, partition, out, error);
}

static int served_wait(struct bb_log *base, int timeout_ms, struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->wait(inner, timeout_ms, error);
}

static int served_trim(struct bb_log *base, uint32_t partition, uint64_t offset, int64_t before_ms,
                       struct bb_error *error) {
    (void)base;
    (void)partition;
    (void)offset;
    (void)before_ms;
    (void)error;
    return 0; /* the server does */
}

static int served_verify(struct bb_log *base, uint32_t partition, uint64_t *records,
                         struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->verify(inner, partition, records, error);
}

static int served_copy(struct bb_log *base, const struct bb_log_end *upto, const char *folder,
                       struct bb_error *error) {
    struct bb_log *inner = served_of(base)->inner;

    return inner->ops->copy(inner, upto, folder, error);
}

struct bb_log *bb_served_log_new(struct bb_log *inner, const char *directory) {
    struct served_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    log->ops = (struct bb_log_ops){.name = "served",
                                   .close = served_close,
                                   .append = served_append,
                                   .sync_begin = served_sync_begin,
                                   .sync = served_sync,
                                   .end = served_end,
                                   .backlog = served_backlog,
                                   .reader_open = served_reader_open,
                                   .reader_close = inner->ops->reader_close,
                                   .read = inner->ops->read,
                                   .wait = served_wait,
                                   .trim = served_trim,
                                   .verify = served_verify,
                                   .copy = served_copy};
    log->base = (struct bb_log){&log->ops, inner->identity, inner->partitions};
    log->inner = inner;
    log->directory = directory;
    bb_buffer_init(&log->records, RECORDS_MAX_BYTES);
    return &log->base;
}
