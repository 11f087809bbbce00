/* The manifest of a backup: what it is of, up to where, and the hash of every file.
 *
 * Text, a line per item, words apart by one blank. It is written last, so that a folder without one is
 * no backup; its own last line is the hash of all lines before it.
 *
 *   busbar-backup 1
 *   by 0.1.0
 *   made 2026-03-01T00:15:00.000Z
 *   formats log 1 store 1 registry 2
 *   log 8c2f0a5b9d3e1f47 partitions 2
 *   partition 0 first 0 end 91416 readings 5210 epoch 3 position 91416 0 registry 17 content 118 HASH
 *   partition 1 ...
 *   partition 2 ...                       the log's control partition: what concerns the store is 0
 *   file HASH 32 log/log.meta
 *   folder log/p0001                      holds nothing, and is needed
 *   end HASH
 *
 * HASH is 32 hexadecimal digits of XXH3-128, as `xxh128sum` prints them: it finds damage, not a
 * forger. The first line and the last are the same in every version, the others belong to version 1.
 */
#ifndef BB_SERVICE_BACKUP_MANIFEST_H
#define BB_SERVICE_BACKUP_MANIFEST_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "port/log.h"
#include "port/store.h"

#define BB_BACKUP_MANIFEST "MANIFEST"
enum {
    BB_BACKUP_FORMAT = 1,
    BB_BACKUP_NAME_MAX = 200, /* bytes of a file's name */
    BB_BACKUP_BY_MAX = 31,
    BB_BACKUP_MANIFEST_MAX_BYTES = 1 << 28
};

struct bb_backup_part { /* of one partition */
    struct bb_log_end log;
    struct bb_claim store;          /* up to where it was derived; not behind log.offset */
    uint64_t registry;              /* sequence number up to which the outbox is projected */
    uint64_t blocks;                /* in the store */
    struct bb_content_hash content; /* of all the store shows: see backup_content.h */
};

struct bb_backup_file {
    struct bb_span name; /* below the backup's folder: "store/p0000/data.mdb" */
    bool empty_folder;   /* no file; bytes and hash are 0 */
    uint64_t bytes;
    struct bb_content_hash hash;
};

struct bb_backup_manifest {
    char by[BB_BACKUP_BY_MAX + 1]; /* busbar's version */
    int64_t made_ms;
    uint32_t log_format, store_format, registry_format;
    uint64_t identity; /* of the log */
    uint32_t partitions;
    struct bb_backup_part *parts; /* [partitions + 1] */
    struct bb_backup_file *files; /* ascending by name */
    size_t file_count;
};

void bb_backup_manifest_format(const struct bb_backup_manifest *manifest, struct bb_buffer *out);
/* Names borrow from `text`, lists live in the arena. `source` names the manifest in errors.
 * -BB_E_BACKUP_DAMAGED, or -BB_E_VERSION: it, or what it speaks of, has another format version. Names
 * are relative, of harmless characters and without "..": whatever the text says, they stay inside. */
int bb_backup_manifest_parse(struct bb_span text, const char *source, struct bb_arena *arena,
                             struct bb_backup_manifest *out, struct bb_error *error) BB_MUST_USE;

/* A hash over pieces. */
struct bb_backup_hasher {
    XXH3_state_t state;
};
void bb_backup_hash_begin(struct bb_backup_hasher *hasher);
void bb_backup_hash_add(struct bb_backup_hasher *hasher, const void *data, size_t size);
struct bb_content_hash bb_backup_hash_end(const struct bb_backup_hasher *hasher);

static inline bool bb_content_hash_equal(struct bb_content_hash a, struct bb_content_hash b) {
    return a.low == b.low && a.high == b.high;
}

#endif
