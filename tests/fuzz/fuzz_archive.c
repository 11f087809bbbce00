/* Archived files under random bytes, with checksums that fit: a list of blocks or an error. The first byte says what the
 * rest is: an index, or a frame, unpacked. */
#include <stdlib.h>
#include <zstd.h>

#include "base/crc.h"
#include "codec/archive_file.h"

enum { ARENA_LIMIT_BYTES = 64 << 20 };

static void read_index(struct bb_span packed, uint32_t size) {
    const struct bb_archive_trailer trailer = {
        .index_offset = BB_ARCHIVE_HEAD_BYTES + 1000,
        .index_packed = (uint32_t)packed.size,
        .index_size = size,
        .index_crc = bb_crc32c(0, packed.data, packed.size),
    };
    struct bb_archive_index index;
    struct bb_error error;
    struct bb_arena arena;

    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    if (bb_archive_index_read(packed, &trailer, &arena, &index, &error) == 0)
        for (uint32_t i = 0; i < index.count; i++) {
            const struct bb_archive_frame *f = &index.frames[i];
            BB_ASSERT(f->offset + f->packed <= trailer.index_offset);
            int64_t found = bb_archive_index_find(&index, f->first[0], f->first[1]);
            BB_ASSERT(found >= -1 && found < (int64_t)index.count);
        }
    bb_arena_release(&arena);
}

static void read_page(struct bb_span packed, uint32_t size, uint64_t blocks) {
    const struct bb_archive_frame frame = {.packed = (uint32_t)packed.size,
                                           .size = size,
                                           .crc = bb_crc32c(0, packed.data, packed.size),
                                           .blocks = blocks};
    struct bb_archive_page page;
    struct bb_error error;

    if (bb_archive_page_read(packed, &frame, &page, &error) != 0)
        return;
    BB_ASSERT(page.count == blocks);
    for (uint32_t i = 0; i < page.count; i++) {
        const struct bb_archive_entry *e = &page.entries[i];
        BB_ASSERT(e->packed.size == 0 ||
                  (e->packed.data >= page.bytes &&
                   e->packed.data + e->packed.size <= page.bytes + page.size));
        BB_ASSERT(bb_archive_page_find(&page, e->usage_point, e->channel, e->lane, e->span) == e);
    }
    bb_archive_page_release(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_archive_trailer trailer;
    struct bb_error error;

    if (size < 2)
        return 0;
    size_t bound = ZSTD_compressBound(size);
    char *packed = malloc(bound);
    BB_ASSERT(packed);
    size_t used = ZSTD_compress(packed, bound, data + 2, size - 2, 1);
    BB_ASSERT(!ZSTD_isError(used));
    if (data[0] & 1)
        read_index((struct bb_span){packed, used}, (uint32_t)size - 2);
    else
        read_page((struct bb_span){packed, used}, (uint32_t)size - 2, data[1]);
    (void)bb_archive_trailer_read((struct bb_span){(const char *)data, size}, size, &trailer,
                                  &error);
    free(packed);
    return 0;
}
