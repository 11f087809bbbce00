#include "contract/store_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "adapter/postgres_internal.h"
#include "adapter/store_archive.h"
#include "adapter/store_postgres.h"
#include "contract/cluster.h"
#include "support/log_folder.h"

/* ---- the stores under test ------------------------------------------------------------------- */

static void open_lmdb(struct store_fixture *f) {
    struct bb_store_lmdb_options options = {.partitions = STORE_PARTITIONS};

    cr_assert_eq(bb_store_lmdb_open(f->directory, &options, &f->store, &f->error), 0, "%s",
                 f->error.text);
}

static void open_memory(struct store_fixture *f) {
    cr_assert_eq(bb_store_memory_open(STORE_PARTITIONS, &f->store, &f->error), 0, "%s",
                 f->error.text);
}

static void open_fault(struct store_fixture *f) {
    open_lmdb(f);
    f->inner = f->store;
    f->store = bb_store_fault_wrap(f->inner, &f->plan); /* a plan of zeroes never fails */
    cr_assert_not_null(f->store);
}

/* The archiving store, without a file yet. */
static void open_archive(struct store_fixture *f) {
    open_lmdb(f);
    f->inner = f->store;
    cr_assert_eq(bb_blob_memory_open(&f->blob, &f->error), 0);
    cr_assert_eq(bb_store_archive_wrap(f->inner, f->blob, 1 << 20, &f->store, &f->error), 0);
}

static struct store_fixture begin(const char *adapter) {
    const char *temporary = getenv("TMPDIR");
    struct store_fixture f = {.adapter = adapter};

    snprintf(f.directory, sizeof f.directory, "%.40s/store.XXXXXX", temporary ? temporary : "/tmp");
    cr_assert_not_null(mkdtemp(f.directory));
    bb_buffer_init(&f.picture, 1 << 20);
    return f;
}

static void end(struct store_fixture *f) {
    f->store->ops->close(f->store);
    if (f->inner)
        f->inner->ops->close(f->inner);
    if (f->blob)
        f->blob->ops->close(f->blob);
    bb_buffer_release(&f->picture);
    log_folder_remove(f->directory);
}

static const struct {
    const char *name;
    void (*open)(struct store_fixture *f);
} subjects[] = {
    {"lmdb", open_lmdb}, {"memory", open_memory}, {"fault", open_fault}, {"archive", open_archive}};

void each_store(void (*promise)(struct store_fixture *f)) {
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct store_fixture f = begin(subjects[i].name);
        subjects[i].open(&f);
        promise(&f);
        end(&f);
    }
}

/* ---- PostgreSQL: a schema for each test */

void postgres_schema_name(char schema[40]) {
    unsigned long random[1];

    cr_assert_eq(getentropy(random, sizeof random), 0);
    snprintf(schema, 40, "test_%016lx", random[0]);
}

void postgres_schema_drop(const char *conninfo, const char *schema) {
    struct bb_postgres_options options = {.conninfo = conninfo, .purpose = "test"};
    struct bb_postgres *postgres;
    struct bb_error error;
    char sql[80];

    cr_assert_eq(bb_postgres_open(&options, &postgres, &error), 0, "%s", error.text);
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE", schema);
    cr_expect_eq(bb_postgres_execute(postgres, sql, NULL, &error), 0, "%s", error.text);
    bb_postgres_close(postgres);
}

void postgres_store_at(const char *conninfo, void (*promise)(struct store_fixture *f)) {
    struct store_fixture f = begin("postgres");

    f.conninfo = conninfo;
    postgres_schema_name(f.schema);
    struct bb_store_postgres_options options = {.conninfo = conninfo,
                                                .schema = f.schema,
                                                .partitions = STORE_PARTITIONS,
                                                .takeover_ms = 300};
    cr_assert_eq(bb_store_postgres_open(&options, &f.store, &f.error), 0, "%s", f.error.text);
    promise(&f);
    end(&f);
    postgres_schema_drop(conninfo, f.schema);
}

void postgres_store(void (*promise)(struct store_fixture *f)) {
    postgres_store_at(cluster_address("postgres"), promise);
}

void store_claim(struct store_fixture *f, uint32_t partition) {
    cr_assert_eq(
        f->store->ops->claim(f->store, partition, STORE_LOG, &f->claims[partition], &f->error), 0,
        "%s: %s", f->adapter, f->error.text);
}

int store_commit(struct store_fixture *f, uint32_t partition, struct bb_commit commit) {
    struct bb_claim *claim = &f->claims[partition];

    commit.epoch = claim->epoch;
    commit.from = claim->position;
    commit.to = (struct bb_position){.offset = claim->position.offset + 1};
    int outcome = f->store->ops->commit(f->store, partition, &commit, &f->error);
    if (outcome == BB_COMMIT_DONE)
        claim->position = commit.to;
    return outcome;
}

/* ---- what commits are made of ---------------------------------------------------------------- */

struct bb_block_change store_block(uint8_t lane, int32_t span, uint32_t channel, const char *text) {
    return (struct bb_block_change){.key = {.channel = channel, .span = span, .lane = lane},
                                    .packed = bb_span_of(text)};
}

struct bb_name_change store_name(enum bb_name_kind kind, const char *name, const char *value) {
    return (struct bb_name_change){
        .kind = kind, .name = bb_span_of(name), .value = bb_span_of(value)};
}

/* ---- what a store holds ---------------------------------------------------------------------- */

struct bb_store_view *store_view(struct store_fixture *f, uint32_t partition) {
    struct bb_store_view *view;

    cr_assert_eq(f->store->ops->view_begin(f->store, partition, &view, &f->error), 0, "%s: %s",
                 f->adapter, f->error.text);
    return view;
}

void expect_store_position(struct store_fixture *f, uint32_t partition, uint64_t epoch,
                           uint64_t offset, uint64_t inner) {
    struct bb_store_view *view = store_view(f, partition);
    struct bb_claim claim;

    cr_assert_eq(f->store->ops->position(view, &claim, &f->error), 0);
    f->store->ops->view_end(view);
    cr_expect_eq(claim.epoch, epoch, "%s: epoch %lu, not %lu", f->adapter, claim.epoch, epoch);
    cr_expect_eq(claim.position.offset, offset, "%s: offset %lu, not %lu", f->adapter,
                 claim.position.offset, offset);
    cr_expect_eq(claim.position.inner, inner, "%s: inner %lu, not %lu", f->adapter,
                 claim.position.inner, inner);
}

static int paint_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    bb_buffer_format(context, "%d/%u=%.*s\n", key->span, key->channel, BB_SPAN_ARGS(packed));
    return 0;
}

static int paint_name(void *context, struct bb_span name, struct bb_span value) {
    bb_buffer_format(context, "%.*s=%.*s\n", BB_SPAN_ARGS(name), BB_SPAN_ARGS(value));
    return 0;
}

static int paint_outbox(void *context, uint64_t sequence, struct bb_span record) {
    bb_buffer_format(context, "%lu=%.*s\n", sequence, BB_SPAN_ARGS(record));
    return 0;
}

static void expect_picture(struct store_fixture *f, int result, const char *expected) {
    cr_expect_eq(result, 0, "%s: %s", f->adapter, f->error.text);
    cr_assert_not(f->picture.overflow);
    cr_expect(bb_span_equal(bb_buffer_span(&f->picture), bb_span_of(expected)),
              "%s holds\n%.*sand not\n%s", f->adapter, (int)f->picture.size,
              f->picture.size ? f->picture.data : "", expected);
    bb_buffer_clear(&f->picture);
}

/* The tests that look at one partition look at the first. */
static struct bb_store_view *given_or_new(struct store_fixture *f, struct bb_store_view *view) {
    return view ? view : store_view(f, 0);
}

static void end_if_new(struct store_fixture *f, struct bb_store_view *given,
                       struct bb_store_view *used) {
    if (used != given)
        f->store->ops->view_end(used);
}

void expect_store_blocks(struct store_fixture *f, struct bb_store_view *view, uint8_t lane,
                         const char *expected) {
    struct bb_store_view *used = given_or_new(f, view);

    expect_picture(f,
                   f->store->ops->block_scan(used, lane, INT32_MIN, INT32_MAX, paint_block,
                                             &f->picture, &f->error),
                   expected);
    end_if_new(f, view, used);
}

void expect_store_names(struct store_fixture *f, struct bb_store_view *view, enum bb_name_kind kind,
                        const char *prefix, const char *expected) {
    struct bb_store_view *used = given_or_new(f, view);

    expect_picture(f,
                   f->store->ops->name_scan(used, kind, bb_span_of(prefix), paint_name, &f->picture,
                                            &f->error),
                   expected);
    end_if_new(f, view, used);
}

void expect_store_outbox(struct store_fixture *f, struct bb_store_view *view, uint64_t after,
                         const char *expected) {
    struct bb_store_view *used = given_or_new(f, view);

    expect_picture(f, f->store->ops->outbox_scan(used, after, paint_outbox, &f->picture, &f->error),
                   expected);
    end_if_new(f, view, used);
}

void expect_store_block(struct store_fixture *f, struct bb_store_view *view, uint8_t lane,
                        int32_t span, uint32_t channel, const char *expected) {
    struct bb_store_view *used = given_or_new(f, view);
    struct bb_block_key key = {.channel = channel, .span = span, .lane = lane};
    struct bb_span packed;
    int found = f->store->ops->block_get(used, &key, &packed, &f->error);

    cr_expect_eq(found, expected ? BB_FOUND : BB_ABSENT, "%s: %d/%u is %d", f->adapter, span,
                 channel, found);
    if (found == BB_FOUND && expected)
        cr_expect(bb_span_equal(packed, bb_span_of(expected)), "%s: %d/%u is %.*s and not %s",
                  f->adapter, span, channel, BB_SPAN_ARGS(packed), expected);
    end_if_new(f, view, used);
}
