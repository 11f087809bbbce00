/* Manifests of backups under random bytes: one whose names stay inside and which is written back as it was,
 * or an error. The bytes get the last line that belongs to them, or nothing would come past it. */
#include "service/backup_manifest.h"

#include <inttypes.h>

enum { ARENA_LIMIT_BYTES = 64 << 20 };

static void expect_sound(const struct bb_backup_manifest *manifest) {
    for (size_t i = 0; i < manifest->file_count; i++) {
        struct bb_span name = manifest->files[i].name;
        BB_ASSERT(name.size > 0 && name.data[0] != '/' && name.data[name.size - 1] != '/');
        for (size_t at = 0; at + 1 < name.size; at++)
            BB_ASSERT(memcmp(name.data + at, "//", 2) != 0);
        BB_ASSERT(!bb_span_starts_with(name, BB_SPAN("../")));
        BB_ASSERT(i == 0 || bb_span_compare(manifest->files[i - 1].name, name) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_backup_manifest manifest, back;
    struct bb_backup_hasher hasher;
    struct bb_buffer text, again;
    struct bb_arena arena;
    struct bb_error error;

    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    bb_buffer_init(&text, ARENA_LIMIT_BYTES);
    bb_buffer_init(&again, ARENA_LIMIT_BYTES);
    bb_backup_hash_begin(&hasher);
    bb_backup_hash_add(&hasher, data, size);
    struct bb_content_hash hash = bb_backup_hash_end(&hasher);
    bb_buffer_append(&text, data, size);
    bb_buffer_format(&text, "end %016" PRIx64 "%016" PRIx64 "\n", hash.high, hash.low);
    int result = bb_backup_manifest_parse(bb_buffer_span(&text), "fuzz", &arena, &manifest, &error);
    BB_ASSERT(result == 0 || result == -BB_E_BACKUP_DAMAGED || result == -BB_E_VERSION ||
              result == -BB_E_NO_MEMORY);
    if (result == 0) {
        expect_sound(&manifest);
        bb_backup_manifest_format(&manifest, &again);
        BB_ASSERT(!again.overflow);
        BB_ASSERT(
            bb_backup_manifest_parse(bb_buffer_span(&again), "again", &arena, &back, &error) == 0);
        BB_ASSERT(back.file_count == manifest.file_count && back.made_ms == manifest.made_ms);
    }
    bb_buffer_release(&again);
    bb_buffer_release(&text);
    bb_arena_release(&arena);
    return 0;
}
