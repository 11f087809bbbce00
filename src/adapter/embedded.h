/* The embedded adapters and the in-memory twins: how to open them. Everything else goes through
 * the ports. */
#ifndef BB_ADAPTER_EMBEDDED_H
#define BB_ADAPTER_EMBEDDED_H

#include "adapter/fault.h"
#include "port/log.h"
#include "port/registry.h"
#include "port/store.h"

/* Versions of what stands on the disk, as a backup's manifest tells them: a change that an older
 * busbar would misread raises one. */
enum { BB_LOG_EMBEDDED_FORMAT = 1, BB_STORE_LMDB_FORMAT = 1, BB_REGISTRY_SQLITE_FORMAT = 2 };

/* ---- log: segment files under `directory`, made when `append` is set and they are absent.
 *   DIR/log.meta          identity, partitions, format version
 *   DIR/lock              flock of the one appender
 *   DIR/tail              shared map: durable ends, wake-up
 *   DIR/p0000/00000000000000000000.seg   records; the name is the offset of the first byte
 */
struct bb_log_embedded_options {
    uint32_t partitions;    /* used at creation; default 8 */
    uint64_t segment_bytes; /* default 256 MiB */
    bool append;            /* take the lock; without it: readers only */
    /* Told once per cut at open: which file, how many bytes of unacknowledged tail. May be NULL. */
    void (*report_cut)(void *context, const char *file, uint64_t bytes);
    void *report_context;
};
int bb_log_embedded_open(const char *directory, const struct bb_log_embedded_options *options,
                         struct bb_log **out, struct bb_error *error) BB_MUST_USE;
/* For erasures: bytes of records are overwritten, none gets another length or place. `change` returns 1 when
 * it overwrote some of `body` (which is record->body, writable), 0, or a negative error; it is called more than once
 * for a record. The log is open for appending; durable when it returns 0. */
typedef int bb_log_change(void *context, const struct bb_log_record *record, char *body,
                          struct bb_error *error);
int bb_log_embedded_rewrite(struct bb_log *log, uint32_t partition, bb_log_change *change,
                            void *context, uint64_t *changed, struct bb_error *error) BB_MUST_USE;
int bb_log_memory_open(uint32_t partitions, struct bb_log **out, struct bb_error *error)
    BB_MUST_USE;

/* ---- store: one LMDB environment per partition, DIR/p0000/. */
enum bb_key_order { BB_KEY_SPAN_FIRST = 0, BB_KEY_CHANNEL_FIRST = 1 };
struct bb_store_lmdb_options {
    uint32_t partitions; /* used at creation; default 8 */
    bool read_only;      /* queries: never creates, never claims */
    bool frozen;     /* a backup that nobody writes: read without locks, nothing is made there */
    int takeover_ms; /* a stopped holder of the write lock is ended after this; default 5000 */
    enum bb_key_order key_order; /* other than the default only for the comparison in bench */
};
int bb_store_lmdb_open(const char *directory, const struct bb_store_lmdb_options *options,
                       struct bb_store **out, struct bb_error *error) BB_MUST_USE;
/* For erasures: every partition's file is written anew, with values that `change` overwrote (1, 0 or negative, as
 * above). The store is not open in this process; -BB_E_LOCKED when it is in another one: then nothing was changed. */
enum bb_store_part { BB_STORE_PART_MASTER, BB_STORE_PART_SOURCE, BB_STORE_PART_OUTBOX };
typedef int bb_store_change(void *context, enum bb_store_part part, struct bb_span key, char *value,
                            size_t size, struct bb_error *error);
int bb_store_lmdb_rewrite(const char *directory, uint32_t partitions, bb_store_change *change,
                          void *context, uint64_t *changed, struct bb_error *error) BB_MUST_USE;
int bb_store_memory_open(uint32_t partitions, struct bb_store **out, struct bb_error *error)
    BB_MUST_USE;

/* ---- registry: one SQLite file. */
int bb_registry_sqlite_open(const char *path, bool read_only, struct bb_registry **out,
                            struct bb_error *error) BB_MUST_USE;
/* For erasures: texts are overwritten in one transaction, then the file is written anew. */
struct bb_registry_source { /* of whom a source of an exception is told */
    struct bb_span tenant, usage_point;
    int64_t exception, recorded_ms;
};
struct bb_registry_rewrite {
    int (*master)(void *context, int64_t recorded_ms, char *body, size_t size,
                  struct bb_error *error);
    bool (*source)(void *context, const struct bb_registry_source *source, char *text, size_t size);
    /* 0: it stays, 1: its reason goes, 2: its subject, too. */
    int (*audit)(void *context, const struct bb_registry_audit *row);
};
int bb_registry_sqlite_rewrite(struct bb_registry *registry, const struct bb_registry_rewrite *how,
                               void *context, uint64_t *changed, struct bb_error *error)
    BB_MUST_USE;
int bb_registry_sqlite_compact(struct bb_registry *registry, struct bb_error *error) BB_MUST_USE;
int bb_registry_memory_open(struct bb_registry **out, struct bb_error *error) BB_MUST_USE;

/* ---- decorators: the same port, with faults in it (fault.h). */
struct bb_log *bb_log_fault_wrap(struct bb_log *inner, struct bb_fault_plan *plan);
struct bb_store *bb_store_fault_wrap(struct bb_store *inner, struct bb_fault_plan *plan);
struct bb_registry *bb_registry_fault_wrap(struct bb_registry *inner, struct bb_fault_plan *plan);

#endif
