/* The stores under test, commits to give them, and pictures of what they hold: shared by the
 * contract suite's tests.
 *
 * A picture is text, one item per line; an expectation compares it whole and clears it.
 */
#ifndef BB_TESTS_CONTRACT_STORE_FIXTURE_H
#define BB_TESTS_CONTRACT_STORE_FIXTURE_H

#include "adapter/blobs.h"
#include "adapter/embedded.h"
#include "base/buffer.h"

enum { STORE_PARTITIONS = 3, STORE_LOG = 77 };

struct store_fixture {
    const char *adapter;
    struct bb_store *store;
    struct bb_store *inner; /* of a decorator */
    struct bb_blob *blob;   /* of the archiving one */
    struct bb_fault_plan plan;
    char directory[64];
    const char *conninfo; /* PostgreSQL: where, */
    char schema[40];      /* and in which schema */
    struct bb_error error;
    struct bb_claim claims[STORE_PARTITIONS]; /* as last claimed or committed */
    struct bb_buffer picture;
};

/* Hold every adapter to a promise, each with a fresh store whose partitions are not claimed. */
void each_store(void (*promise)(struct store_fixture *f));

/* The same for PostgreSQL, which is a server: these tests have names of their own, so that they can be skipped by name. */
void postgres_store(void (*promise)(struct store_fixture *f));
void postgres_store_at(const char *conninfo, void (*promise)(struct store_fixture *f));
void postgres_schema_name(char schema[40]);
void postgres_schema_drop(const char *conninfo, const char *schema);
#define STORE_PROMISE(suite, promise)                                                              \
    Test(suite, promise) {                                                                         \
        each_store(promise);                                                                       \
    }                                                                                              \
    Test(suite##_postgres, promise) {                                                              \
        postgres_store(promise);                                                                   \
    }

void store_claim(struct store_fixture *f, uint32_t partition);
/* Commit as the holder of the last claim, from its position to the offset behind it; the outcome. */
int store_commit(struct store_fixture *f, uint32_t partition, struct bb_commit commit);

/* ---- what commits are made of: texts are literals ---- */
struct bb_block_change store_block(uint8_t lane, int32_t span, uint32_t channel, const char *text);
struct bb_name_change store_name(enum bb_name_kind kind, const char *name, const char *value);
#define STORE_BLOCKS(...)                                                                          \
    .blocks = (struct bb_block_change[]){__VA_ARGS__},                                             \
    .block_count = sizeof((struct bb_block_change[]){__VA_ARGS__}) /                               \
                   sizeof(struct bb_block_change)
#define STORE_NAMES(...)                                                                           \
    .names = (struct bb_name_change[]){__VA_ARGS__},                                               \
    .name_count = sizeof((struct bb_name_change[]){__VA_ARGS__}) / sizeof(struct bb_name_change)
#define STORE_OUTBOX(...)                                                                          \
    .outbox = (struct bb_span[]){__VA_ARGS__},                                                     \
    .outbox_count = sizeof((struct bb_span[]){__VA_ARGS__}) / sizeof(struct bb_span)

/* ---- what a store holds; `view` NULL: a new one ---- */
struct bb_store_view *store_view(struct store_fixture *f, uint32_t partition);
void expect_store_position(struct store_fixture *f, uint32_t partition, uint64_t epoch,
                           uint64_t offset, uint64_t inner);
/* Lines "span/channel=value". */
void expect_store_blocks(struct store_fixture *f, struct bb_store_view *view, uint8_t lane,
                         const char *expected);
/* Lines "name=value". */
void expect_store_names(struct store_fixture *f, struct bb_store_view *view, enum bb_name_kind kind,
                        const char *prefix, const char *expected);
/* Lines "sequence=record". */
void expect_store_outbox(struct store_fixture *f, struct bb_store_view *view, uint64_t after,
                         const char *expected);
/* By block_get; `expected` NULL: absent. */
void expect_store_block(struct store_fixture *f, struct bb_store_view *view, uint8_t lane,
                        int32_t span, uint32_t channel, const char *expected);

#endif
