/* Everything that is stored says in which format version it is written, and another one is refused with
 * BB-3010: not read as if it were ours, and not called damaged. Files: log.meta, tail and records in
 * unit/adapter/test_log_*.c, the store's record in test_store_lmdb.c, the registry's schema in
 * contract/test_registry_sqlite.c, a backup's manifest in test_backup_manifest.c. */
#include <criterion/criterion.h>

#include "adapter/embedded.h"
#include "base/crc.h"
#include "derive/stat.h"
#include "model/frame.h"
#include "model/master.h"
#include "model/outbox.h"
#include "service/feed.h"
#include "service/ledger.h"
#include "service/tick.h"

enum { NEWER = 99, BODY_BYTES = 64 };

static int read_block(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_block block;
    return bb_block_unpack(bytes, arena, &block, error);
}

static int read_stat(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_stat stat;
    return bb_stat_unpack(bytes, arena, &stat, error);
}

static int read_frame(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_frame frame;
    return bb_frame_decode(bytes, arena, &frame, error);
}

static int read_master(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_master master;
    return bb_master_decode(bytes, arena, &master, error);
}

static int read_outbox(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_outbox_record record;
    (void)arena;
    return bb_outbox_decode(bytes, &record, error);
}

static int read_channel(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_channel_record record;
    (void)arena;
    return bb_channel_record_decode(bytes, &record, error);
}

static int read_commit(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_file_commit commit;
    (void)arena;
    return bb_file_commit_decode(bytes, &commit, error);
}

static int read_tick(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_log_record record = {.kind = BB_RECORD_TICK, .received_ms = 1, .body = bytes};
    struct bb_tick tick;
    (void)arena;
    return bb_tick_decode(&record, &tick, error);
}

static int read_ledger(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error) {
    struct bb_log_record record = {
        .kind = BB_RECORD_FILE_BEGIN, .file_id = 7, .received_ms = 1, .body = bytes};
    struct bb_ledger ledger;
    struct bb_log *log;

    (void)arena;
    cr_assert_eq(bb_log_memory_open(2, &log, error), 0);
    cr_assert_eq(log->ops->append(log, 2, &record, error), 0);
    cr_assert_eq(log->ops->sync(log, error), 0);
    int result = bb_ledger_open(&ledger, log, error);
    if (result == 0)
        bb_ledger_close(&ledger);
    log->ops->close(log);
    return result;
}

static const struct {
    const char *what;
    int (*read)(struct bb_span bytes, struct bb_arena *arena, struct bb_error *error);
    bool has_crc; /* in its last four bytes; what has none stands in something that has */
} stored[] = {
    {"a block", read_block, true},
    {"a block of statistics", read_stat, true},
    {"a frame", read_frame, false},
    {"master data", read_master, false},
    {"an outbox record", read_outbox, false},
    {"a channel record", read_channel, false},
    {"a commit record", read_commit, false},
    {"a tick", read_tick, false},
    {"the ledger", read_ledger, false},
};

Test(versions, another_one_is_refused_by_its_name) {
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        char bytes[BODY_BYTES] = {NEWER, 1};
        struct bb_error error = {0};
        struct bb_arena arena;
        uint32_t crc = bb_crc32c(0, bytes, sizeof bytes - sizeof crc);

        bb_arena_init(&arena, 1 << 16, 1 << 20);
        if (stored[i].has_crc)
            memcpy(bytes + sizeof bytes - sizeof crc, &crc, sizeof crc);
        int result = stored[i].read((struct bb_span){bytes, sizeof bytes}, &arena, &error);
        cr_expect_eq(result, -BB_E_VERSION, "%s: %d %s", stored[i].what, result, error.text);
        cr_expect_not_null(strstr(error.text, "99"), "%s: %s", stored[i].what, error.text);
        bb_arena_release(&arena);
    }
}
