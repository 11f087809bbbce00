/* The inside of the LMDB store: one environment per partition, shared by the files store_lmdb*.c.
 *
 *   store_lmdb.c         the store: opening, lazily opened partitions, the port's table
 *   store_lmdb_env.c     one environment: opened once per process, its tables, its errors
 *   store_lmdb_map.c     the memory map: who is inside, growing, reading transactions
 *   store_lmdb_writer.c  the one writer: its lock, takeover from a stopped one, write transactions
 *   store_lmdb_commit.c  what is written: claim, commit, trim
 *   store_lmdb_close.c   where blocks of old spans go, so that their pages are full
 *   store_lmdb_view.c    what is read
 *   store_lmdb_copy.c    copies for backups, and outboxes that are held meanwhile
 *
 * Files of a partition:
 *   DIR/p0000/data.mdb   the tables
 *   DIR/p0000/lock.mdb   LMDB's readers and its robust mutex
 *   DIR/p0000/writer     byte 0 is locked by the process that writes (store_lmdb_writer.c)
 *
 * Tables of a partition:
 *   block.LANE          8 bytes, big-endian (span, channel)   -> packed block
 *   block.LANE.closed   the same for blocks below meta.closed (store_lmdb_close.c)
 *   name.KIND           the name                              -> its value
 *   outbox              8 bytes, big-endian sequence number   -> record
 *   meta                "partition"                           -> struct bb_lmdb_meta
 *
 * Locks, in the order in which they are taken:
 *   environments (static, store_lmdb_env.c)  the list of open environments
 *   lmdb_store.mutex                         which partitions this store has opened
 *   env.writer                               one write transaction per process
 *   byte 0 of `writer`                       one write transaction per machine
 *   env.mutex                                the fields behind it; nothing is waited for under it
 */
#ifndef BB_ADAPTER_STORE_LMDB_INTERNAL_H
#define BB_ADAPTER_STORE_LMDB_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

#include "adapter/store_shared_internal.h"

/* Virtual addresses, not disk: the file grows as it fills, the map by doubling. */
#define BB_LMDB_MAP_BYTES     ((size_t)1 << 30)
#define BB_LMDB_MAP_MAX_BYTES ((size_t)1 << 40)

/* A partition's state, one record, host byte order as all of LMDB's file. */
enum { BB_LMDB_LANES_MAX = 8 };

struct bb_lmdb_meta {
    char magic[8];         /* "bbstore" */
    uint32_t version;      /* BB_STORE_LMDB_FORMAT; here in every version, as the crc is last */
    uint32_t partitions;   /* of the whole store */
    uint32_t partition;    /* this one */
    uint32_t key_order;    /* enum bb_key_order */
    uint64_t log_identity; /* set by the first claim */
    uint64_t epoch;        /* 0: never claimed */
    uint64_t offset;       /* struct bb_position */
    uint64_t inner;
    uint64_t outbox_last;               /* sequence number given last */
    uint64_t closed[BB_LMDB_LANES_MAX]; /* per lane: lower keys are in the closed table */
    uint32_t zero;
    uint32_t crc; /* CRC32C of all bytes before it */
};
_Static_assert(sizeof(struct bb_lmdb_meta) == 136, "stored layout");
_Static_assert((int)BB_LANE_COUNT <= (int)BB_LMDB_LANES_MAX, "another lane needs another layout");

/* A lane's two tables. */
enum bb_lmdb_age { BB_LMDB_OPEN, BB_LMDB_CLOSED, BB_LMDB_AGES };

struct bb_lmdb_tables { /* 0: the table is not there (made by an older version) */
    MDB_dbi blocks[BB_LANE_COUNT][BB_LMDB_AGES];
    MDB_dbi names[BB_NAME_KIND_COUNT];
    MDB_dbi outbox, meta;
};

enum bb_lmdb_access {
    BB_LMDB_WRITES, /* this user may write; read-only stores use it too, with reading calls only */
    BB_LMDB_READS,  /* this user may read the data and take part in the locks */
    BB_LMDB_ALONE   /* this user may not even lock: reads only while nobody else is there */
};

struct bb_lmdb_env {
    struct bb_lmdb_env *next; /* in the process's list */
    unsigned references;
    dev_t device; /* device and inode of the folder name the environment */
    ino_t inode;
    pid_t pid; /* an environment must not cross a fork */

    char *folder; /* DIR/p0000 */
    MDB_env *mdb;
    enum bb_lmdb_access access;
    bool complete; /* every table is there */
    bool claimed;  /* by anyone, when we looked: its names are durable */
    struct bb_lmdb_tables tables;
    enum bb_key_order key_order;
    uint32_t partitions;

    /* store_lmdb_map.c */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned inside; /* transactions of this process that use the map */
    bool mapping;    /* the map is being replaced: nobody goes in */
    bool broken;     /* a failure after which nothing of this environment can be trusted */

    /* store_lmdb_writer.c */
    pthread_mutex_t writer;
    int writer_file; /* -1 until the first write */
    int64_t readers_checked_ns;
};

struct bb_lmdb_open {
    uint32_t partition, partitions;
    enum bb_key_order key_order;
    bool read_only;
    bool frozen; /* read without locks: nobody writes there */
    int takeover_ms;
    size_t map_bytes;
};

/* ---- store_lmdb.c */

/* As bb_store_lmdb_open, with the size at which a new map begins. */
int bb_store_lmdb_open_sized(const char *directory, const struct bb_store_lmdb_options *options,
                             size_t map_bytes, struct bb_store **out, struct bb_error *error)
    BB_MUST_USE;
/* The open environment of a partition; BB_ABSENT when a read-only store has none there yet. */
int bb_lmdb_partition(struct bb_store *store, uint32_t partition, struct bb_lmdb_env **out,
                      struct bb_error *error) BB_MUST_USE;

/* ---- store_lmdb_env.c */

/* The environment in `folder`, opened or shared; BB_ABSENT when open->read_only and there is none. */
int bb_lmdb_env_acquire(const char *folder, const struct bb_lmdb_open *open,
                        struct bb_lmdb_env **out, struct bb_error *error) BB_MUST_USE;
void bb_lmdb_env_release(struct bb_lmdb_env *env);
/* Close and open again, unless someone is inside: LMDB keeps the memory of its largest commit until
 * then. When it cannot be opened again the environment is broken. */
void bb_lmdb_env_renew(struct bb_lmdb_env *env);

/* A result of LMDB other than 0 as an error; `doing` completes "could not ... FOLDER". */
#define BB_LMDB_FAIL(error, env, result, doing)                                                    \
    bb_lmdb_error_set((error), (env), (result), (doing), __FILE__, __LINE__)
int bb_lmdb_error_set(struct bb_error *error, const struct bb_lmdb_env *env, int result,
                      const char *doing, const char *file, int line);

/* BB_LMDB_ALONE: -BB_E_NO_PERMISSION when another process has the partition open. */
int bb_lmdb_env_still_alone(const struct bb_lmdb_env *env, struct bb_error *error) BB_MUST_USE;

/* The partition's record in a transaction; both return LMDB's results. */
int bb_lmdb_meta_get(const struct bb_lmdb_env *env, MDB_txn *txn, struct bb_lmdb_meta *meta)
    BB_MUST_USE;
int bb_lmdb_meta_put(const struct bb_lmdb_env *env, MDB_txn *txn, struct bb_lmdb_meta *meta)
    BB_MUST_USE;

/* ---- store_lmdb_map.c */

/* Count a transaction of this process in (waits while the map is replaced) and out. */
int bb_lmdb_enter(struct bb_lmdb_env *env, struct bb_error *error) BB_MUST_USE;
void bb_lmdb_leave(struct bb_lmdb_env *env);
/* Replace the map by one of `bytes` (0: what the file says, because another process grew it) once
 * all transactions of this process have ended. */
int bb_lmdb_map_replace(struct bb_lmdb_env *env, size_t bytes, struct bb_error *error) BB_MUST_USE;
/* Replace it by one twice as large. */
int bb_lmdb_map_grow(struct bb_lmdb_env *env, struct bb_error *error) BB_MUST_USE;

int bb_lmdb_read_begin(struct bb_lmdb_env *env, MDB_txn **txn, struct bb_error *error) BB_MUST_USE;
void bb_lmdb_read_end(struct bb_lmdb_env *env, MDB_txn *txn);
/* Free the slots of readers that died, which would keep old pages from being used again. Returns
 * how many. */
int bb_lmdb_readers_clear(struct bb_lmdb_env *env);

/* ---- store_lmdb_writer.c */

/* The right to write, at most one holder per machine; see the file for takeover. */
int bb_lmdb_writer_lock(struct bb_lmdb_env *env, int takeover_ms, struct bb_error *error)
    BB_MUST_USE;
void bb_lmdb_writer_unlock(struct bb_lmdb_env *env);

/* A write transaction while it runs. The body returns LMDB's result; it sets `outcome` when nothing
 * shall be written and bb_lmdb_write shall return that instead (with *error filled if negative). */
struct bb_lmdb_write {
    struct bb_lmdb_env *env;
    MDB_txn *txn;
    struct bb_error *error;
    int outcome;
};
typedef int bb_lmdb_write_body(struct bb_lmdb_write *write, void *context);

/* Run `body` in a write transaction and commit it; again from the start when the map had to grow. */
int bb_lmdb_write(struct bb_lmdb_env *env, int takeover_ms, bb_lmdb_write_body *body, void *context,
                  struct bb_error *error) BB_MUST_USE;

/* ---- store_lmdb_commit.c */

int bb_lmdb_claim(struct bb_lmdb_env *env, int takeover_ms, uint64_t log_identity,
                  struct bb_claim *out, struct bb_error *error) BB_MUST_USE;
int bb_lmdb_commit(struct bb_lmdb_env *env, int takeover_ms, const struct bb_commit *commit,
                   struct bb_error *error) BB_MUST_USE;
int bb_lmdb_outbox_trim(struct bb_lmdb_env *env, int takeover_ms, uint64_t upto,
                        struct bb_error *error) BB_MUST_USE;

/* ---- store_lmdb_close.c */

/* Move some blocks of old spans of a lane to its closed table, in a transaction that is going to
 * write `count` blocks of that lane; *closed follows. LMDB's result. */
int bb_lmdb_close_spans(const struct bb_lmdb_env *env, MDB_txn *txn, enum bb_lane lane,
                        size_t count, uint64_t *closed) BB_MUST_USE;

/* ---- store_lmdb_copy.c */

int bb_lmdb_outbox_trim_unless_held(struct bb_lmdb_env *env, const char *directory, int takeover_ms,
                                    uint64_t upto, struct bb_error *error) BB_MUST_USE;
int bb_lmdb_outbox_hold(const char *directory, struct bb_store_hold **out, struct bb_error *error)
    BB_MUST_USE;
void bb_lmdb_outbox_release(struct bb_store_hold *hold);
/* Into FOLDER/p0000, which is made. */
int bb_lmdb_copy(struct bb_lmdb_env *env, uint32_t partition, const char *folder,
                 struct bb_error *error) BB_MUST_USE;

/* ---- store_lmdb_view.c: the reading half of the port's table */

int bb_lmdb_view_begin(struct bb_store *store, uint32_t partition, struct bb_store_view **out,
                       struct bb_error *error) BB_MUST_USE;
void bb_lmdb_view_end(struct bb_store_view *view);
int bb_lmdb_view_position(struct bb_store_view *view, struct bb_claim *out, struct bb_error *error);
int bb_lmdb_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                      struct bb_span *packed, struct bb_error *error);
int bb_lmdb_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                       bb_block_visit *visit, void *context, struct bb_error *error);
int bb_lmdb_name_get(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                     struct bb_span *value, struct bb_error *error);
int bb_lmdb_name_scan(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span prefix,
                      bb_name_visit *visit, void *context, struct bb_error *error);
int bb_lmdb_outbox_scan(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                        void *context, struct bb_error *error);
int bb_lmdb_size(struct bb_store *store, uint32_t partition, uint64_t *used_bytes,
                 uint64_t *file_bytes, struct bb_error *error);

#endif
