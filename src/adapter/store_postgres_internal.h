/* The inside of the PostgreSQL store, shared by the files store_postgres*.c.
 *
 *   store_postgres.c         the store: opening, the port's table, claims, the outbox's trimming and holding, size
 *   store_postgres_schema.c  the tables, the view `reading`
 *   store_postgres_commit.c  a commit as one transaction, and what became of one whose answer was lost
 *   store_postgres_row.c     a block as a row: its bytes, and its values for people who know SQL
 *   store_postgres_view.c    what is read
 *   store_postgres_blocks.c  the blocks that a view has read already
 *   store_postgres_names.c   the names that it has read
 *
 * The row of `claim` is everything in one: whoever updates it holds the partition until the transaction ends; it has
 * epoch and position, which a commit compares and swaps first; and the number of the outbox's last record, so that
 * a transaction that fails leaves no gap (a SEQUENCE would).
 *
 * Locks: pool.mutex guards the list of idle connections; nothing is waited for under it. A connection belongs to the
 * call, view or hold that took it.
 */
#ifndef BB_ADAPTER_STORE_POSTGRES_INTERNAL_H
#define BB_ADAPTER_STORE_POSTGRES_INTERNAL_H

#include "adapter/postgres_binary.h"
#include "adapter/store_postgres.h"
#include "base/arena.h"

struct postgres_store {
    struct bb_store base;
    bool read_only;
    int takeover_ms;
    struct bb_postgres_pool writers, readers;
};

/* ---- store_postgres_schema.c */

extern const char *const bb_store_postgres_steps[BB_STORE_POSTGRES_FORMAT];

/* ---- store_postgres.c: what writers have prepared */
enum bb_store_write {
    BB_WRITE_BEGIN,
    BB_WRITE_COMMIT,
    BB_WRITE_CLAIM,
    BB_WRITE_HOLDER, /* who is in the way of a claim */
    BB_WRITE_END_HOLDER,
    BB_WRITE_COMMIT_BEGIN, /* compare and swap */
    BB_WRITE_OUTCOME,
    BB_WRITE_BLOCK,
    BB_WRITE_BLOCK_DELETE,
    BB_WRITE_BLOCKS, /* those that were copied into block_new */
    BB_WRITE_BLOCKS_DELETE,
    BB_WRITE_NAMES,
    BB_WRITE_NAMES_DELETE,
    BB_WRITE_CHANNELS,
    BB_WRITE_OUTBOX,
    BB_WRITE_TRIM,
    BB_WRITE_HOLD,
    BB_WRITE_HOLD_WAIT,
    BB_WRITE_COUNT
};
/* and readers */
enum bb_store_read {
    BB_READ_BEGIN,
    BB_READ_END,
    BB_READ_POSITION,
    BB_READ_BLOCK,
    BB_READ_BLOCKS,
    BB_READ_BLOCK_SCAN,
    BB_READ_NAME,
    BB_READ_NAMES,
    BB_READ_NAME_SCAN,
    BB_READ_OUTBOX,
    BB_READ_SIZE,
    BB_READ_COUNT
};

/* ---- store_postgres_commit.c */

int bb_store_postgres_commit(struct bb_store *store, uint32_t partition,
                             const struct bb_commit *commit, struct bb_error *error) BB_MUST_USE;

/* How rows go into the table, behind partition, and into the temporary one. */
extern const char bb_store_postgres_copy_new[], bb_store_postgres_copy_others[];

/* ---- store_postgres_row.c */

/* The fields of a row of `block` behind partition, in the order of the table, as COPY takes them. An empty `packed` gives
 * NULLs. `scratch` lends memory. */
enum { BB_STORE_BLOCK_FIELDS = 18 };
void bb_store_postgres_row(const struct bb_block_key *key, struct bb_span packed,
                           struct bb_arena *scratch, struct bb_buffer *out);
/* The parts of a name of a channel (tenant 0 usage point 0 channel); false when it is no such name, or no text. */
bool bb_store_postgres_channel_parts(struct bb_span name, struct bb_span parts[3]);

/* ---- store_postgres_blocks.c: blocks that were read, by key; their bytes lie in the arena given */

enum bb_store_block_state {
    BB_STORE_BLOCK_UNKNOWN = 0,
    BB_STORE_BLOCK_ABSENT,
    BB_STORE_BLOCK_FOUND
};
struct bb_store_block_slot {
    uint32_t channel;
    int32_t span;
    uint8_t lane;
    uint8_t state; /* enum bb_store_block_state; UNKNOWN: free */
    uint32_t size;
    const char *data;
};
struct bb_store_blocks {
    struct bb_arena *arena;
    struct bb_store_block_slot *slots;
    size_t count, capacity;
    size_t value_bytes;
};

/* NULL: not known. */
const struct bb_store_block_slot *bb_store_blocks_find(const struct bb_store_blocks *blocks,
                                                       const struct bb_block_key *key);
/* The key's slot until the next one is noted; a new one is absent as yet. NULL without memory. */
struct bb_store_block_slot *bb_store_blocks_note(struct bb_store_blocks *blocks,
                                                 const struct bb_block_key *key, bool *is_new);
/* The store has it; the value is copied. False without memory. */
bool bb_store_blocks_fill(struct bb_store_blocks *blocks, struct bb_store_block_slot *slot,
                          struct bb_span value) BB_MUST_USE;
/* Knows nothing any more; what it gave out lasts as long as the arena. */
void bb_store_blocks_forget(struct bb_store_blocks *blocks);
void bb_store_blocks_release(struct bb_store_blocks *blocks);

/* ---- store_postgres_names.c: names that were read, with their values; all bytes lie in the arena given */

struct bb_store_name_slot {
    uint64_t hash;
    struct bb_span key; /* data NULL: free */
    struct bb_span value;
    bool found;
};
struct bb_store_names {
    struct bb_arena *arena;
    struct bb_store_name_slot *slots;
    size_t count, capacity;
    size_t value_bytes;
};
enum { BB_STORE_NAME_MAX = 1 + BB_NAME_KEY_MAX };

struct bb_span bb_store_name_key(enum bb_name_kind kind, struct bb_span name,
                                 char bytes[BB_STORE_NAME_MAX]);
/* NULL: not known. */
const struct bb_store_name_slot *bb_store_names_find(const struct bb_store_names *names,
                                                     struct bb_span key);
/* Copies key and value (NULL: absent); a key that is there already stays as it is. NULL without memory. */
const struct bb_store_name_slot *bb_store_names_put(struct bb_store_names *names,
                                                    struct bb_span key,
                                                    const struct bb_span *value);
/* Knows nothing any more; what it gave out lasts as long as the arena. */
void bb_store_names_forget(struct bb_store_names *names);
void bb_store_names_release(struct bb_store_names *names);

/* ---- store_postgres_view.c: the reading half of the port's table */

int bb_store_postgres_view_begin(struct bb_store *store, uint32_t partition,
                                 struct bb_store_view **out, struct bb_error *error);
void bb_store_postgres_view_end(struct bb_store_view *view);
int bb_store_postgres_position(struct bb_store_view *view, struct bb_claim *out,
                               struct bb_error *error);
int bb_store_postgres_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                                struct bb_span *packed, struct bb_error *error);
int bb_store_postgres_expect(struct bb_store_view *view, const struct bb_store_hint *hint,
                             struct bb_error *error);
int bb_store_postgres_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first,
                                 int32_t last, bb_block_visit *visit, void *context,
                                 struct bb_error *error);
int bb_store_postgres_name_get(struct bb_store_view *view, enum bb_name_kind kind,
                               struct bb_span name, struct bb_span *value, struct bb_error *error);
int bb_store_postgres_name_scan(struct bb_store_view *view, enum bb_name_kind kind,
                                struct bb_span prefix, bb_name_visit *visit, void *context,
                                struct bb_error *error);
int bb_store_postgres_outbox_scan(struct bb_store_view *view, uint64_t after,
                                  bb_outbox_visit *visit, void *context, struct bb_error *error);

#endif
