/* The registries under test, records to tell them, and pictures of what they show: shared by the
 * contract suite of every adapter and the suite of the file behind one of them.
 *
 * A picture is text, one line per row, in the fixture's buffer; an expectation compares it whole and
 * clears it.
 */
#ifndef BB_TESTS_CONTRACT_REGISTRY_FIXTURE_H
#define BB_TESTS_CONTRACT_REGISTRY_FIXTURE_H

#include "adapter/embedded.h"

enum { REGISTRY_PARTITIONS = 4, REGISTRY_SUBJECTS = 4, REGISTRY_EMBEDDED = 3 };

struct registry_fixture {
    const char *adapter;
    struct bb_registry *registry;
    struct bb_registry *inner; /* of a decorator */
    struct bb_fault_plan plan;
    char directory[64], path[96];
    const char *conninfo;                   /* PostgreSQL: where, */
    char schema[40];                        /* and in which schema */
    uint64_t sequence[REGISTRY_PARTITIONS]; /* told so far */
    struct bb_arena arena;                  /* of records to tell */
    struct bb_error error;
    struct bb_buffer picture;
};

extern const struct registry_subject {
    const char *name;
    void (*open)(struct registry_fixture *f);
    bool lasting; /* what it was told is there after reopening */
} registry_subjects[REGISTRY_SUBJECTS];
enum registry_subject_index { REGISTRY_SQLITE, REGISTRY_MEMORY, REGISTRY_FAULT, REGISTRY_POSTGRES };

void registry_fixture_init(struct registry_fixture *f, const struct registry_subject *subject);
void registry_fixture_release(struct registry_fixture *f);
void registry_fixture_close(struct registry_fixture *f);
/* Hold every embedded adapter to a promise, each with a fresh registry. */
void each_registry(void (*promise)(struct registry_fixture *f));
/* The same for PostgreSQL, which is a server: these tests have names of their own, so that they can be skipped by name. */
void postgres_registry(void (*promise)(struct registry_fixture *f));
#define REGISTRY_PROMISE(promise)                                                                  \
    Test(registry, promise) {                                                                      \
        each_registry(promise);                                                                    \
    }                                                                                              \
    Test(registry_postgres, promise) {                                                             \
        postgres_registry(promise);                                                                \
    }

/* ---- records to tell: texts that are not literals live in the fixture's arena ---- */
struct bb_span registry_kept(struct registry_fixture *f, struct bb_span bytes);
struct bb_outbox_record registry_channel_as(struct registry_fixture *f, const char *tenant,
                                            const char *up, const char *channel,
                                            const struct bb_channel_record *what);
struct bb_outbox_record registry_channel(struct registry_fixture *f, const char *tenant,
                                         const char *up, const char *channel, uint32_t number);
struct bb_outbox_record registry_exception(uint8_t kind, const char *up, const char *channel,
                                           uint8_t check, int64_t from_ms, int64_t to_ms,
                                           int64_t recorded_ms);
struct bb_outbox_record registry_master(struct registry_fixture *f, const struct bb_master *master,
                                        int64_t recorded_ms);
struct bb_outbox_record registry_usage_point(struct registry_fixture *f, const char *tenant,
                                             const char *name, const char *zone,
                                             int64_t recorded_ms);
struct bb_outbox_record registry_tenant(struct registry_fixture *f, const char *name,
                                        const char *zone, int64_t recorded_ms);
struct bb_outbox_record registry_group(struct registry_fixture *f, const char *tenant,
                                       const char *name, const char *expression,
                                       int64_t recorded_ms);
struct bb_outbox_record registry_profile(struct registry_fixture *f, const char *tenant,
                                         const char *name, int64_t weight, int64_t recorded_ms);
struct bb_outbox_record registry_calendar(struct registry_fixture *f, const char *tenant,
                                          const char *name, int32_t day_start_s,
                                          int64_t recorded_ms);

int registry_project(struct registry_fixture *f, uint32_t partition, uint64_t from,
                     const struct bb_outbox_record *records, size_t count);
/* The next records of a partition. */
void registry_tell(struct registry_fixture *f, uint32_t partition,
                   const struct bb_outbox_record *records, size_t count);
#define REGISTRY_TELL(f, partition, ...)                                                           \
    registry_tell(f, partition, (struct bb_outbox_record[]){__VA_ARGS__},                          \
                  sizeof((struct bb_outbox_record[]){__VA_ARGS__}) /                               \
                      sizeof(struct bb_outbox_record))
uint64_t registry_position(struct registry_fixture *f, uint32_t partition);

/* ---- pictures: visitors whose context is the fixture, and what they ought to paint ---- */
int paint_registry_channel(void *context, const struct bb_registry_channel *row);
int paint_registry_exception(void *context, const struct bb_registry_exception *row);
int paint_registry_exception_without_id(void *context, const struct bb_registry_exception *row);
int paint_registry_master(void *context, int64_t recorded_ms, const struct bb_master *master);
int paint_registry_tenant(void *context, struct bb_span name, struct bb_span zone);
int paint_registry_usage_point(void *context, const struct bb_registry_usage_point *row);

void expect_registry_picture(struct registry_fixture *f, int result, const char *expected);
void expect_registry_channels(struct registry_fixture *f, const char *tenant, const char *up,
                              const char *expected);
void expect_registry_usage_points(struct registry_fixture *f, const char *tenant,
                                  const char *expected);
void expect_registry_exceptions(struct registry_fixture *f, const char *tenant, bool open_only,
                                const char *expected);
void expect_registry_exceptions_as_of(struct registry_fixture *f, const char *tenant,
                                      bool open_only, int64_t as_of_ms, const char *expected);
void expect_registry_tenants(struct registry_fixture *f, const char *expected);
void expect_registry_masters(struct registry_fixture *f, const char *tenant, int64_t as_of_ms,
                             const char *expected);

#endif
