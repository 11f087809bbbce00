/* Reading archived files: see archive_file.h. What comes in is hostile: sizes are bounded by what is there. */
#include "codec/archive_file.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/crc.h"
#include "base/varint.h"
#include "codec/archive_file_internal.h"
#include "model/block.h"

enum { FRAME_PACKED_MIN = 12, ENTRY_PACKED_MIN = 3, UNPACKED_LIMIT_BYTES = 1 << 30 };

static int damaged(const char *what, struct bb_error *error) {
    return BB_FAIL(error, BB_E_ARCHIVE_DAMAGED, "%s of an archived file is damaged", what);
}

int bb_archive_trailer_read(struct bb_span tail, uint64_t file_size, struct bb_archive_trailer *out,
                            struct bb_error *error) {
    enum { CRC_AT = 44, END_AT = 48 };

    if (tail.size < BB_ARCHIVE_TRAILER_BYTES)
        return damaged("the end", error);
    const char *at = tail.data + tail.size - BB_ARCHIVE_TRAILER_BYTES;
    if (memcmp(at + END_AT, BB_ARCHIVE_END, sizeof BB_ARCHIVE_END - 1) != 0 ||
        bb_archive_get_u32(at + CRC_AT) != bb_crc32c(0, at, CRC_AT))
        return damaged("the end", error);
    uint32_t version = bb_archive_get_u32(at + 40);
    if (version != BB_ARCHIVE_VERSION)
        return BB_FAIL_VERSION(error, "an archived file", version, BB_ARCHIVE_VERSION);
    *out = (struct bb_archive_trailer){.index_offset = bb_archive_get_u64(at),
                                       .index_packed = bb_archive_get_u32(at + 8),
                                       .index_size = bb_archive_get_u32(at + 12),
                                       .index_crc = bb_archive_get_u32(at + 16),
                                       .file_crc = bb_archive_get_u32(at + 20),
                                       .blocks = bb_archive_get_u64(at + 24),
                                       .readings = bb_archive_get_u64(at + 32)};
    if (file_size < BB_ARCHIVE_TRAILER_BYTES ||
        out->index_offset > file_size - BB_ARCHIVE_TRAILER_BYTES ||
        out->index_packed != file_size - BB_ARCHIVE_TRAILER_BYTES - out->index_offset)
        return damaged("the end", error);
    return 0;
}

/* `size` bytes, on the heap. */
static char *unpack(struct bb_span packed, uint32_t size) {
    unsigned long long told = ZSTD_getFrameContentSize(packed.data, packed.size);

    if (size > UNPACKED_LIMIT_BYTES || told != size)
        return NULL;
    char *bytes = malloc(size ? size : 1);
    size_t got = bytes ? ZSTD_decompress(bytes, size, packed.data, packed.size) : 0;
    if (bytes && got == size)
        return bytes;
    free(bytes);
    return NULL;
}

static bool read_frames(struct bb_cursor *in, struct bb_arena *arena, uint64_t index_offset,
                        struct bb_archive_index *out) {
    uint64_t count = bb_cursor_varint(in), at = BB_ARCHIVE_HEAD_BYTES;

    if (in->failed || count > bb_cursor_left(in) / FRAME_PACKED_MIN)
        return false;
    out->count = (uint32_t)count;
    out->frames = bb_arena_take_array(arena, (size_t)count + 1, sizeof out->frames[0]);
    for (uint64_t i = 0; out->frames && i < count; i++) {
        struct bb_archive_frame *f = &out->frames[i];
        uint64_t packed = bb_cursor_varint(in), size = bb_cursor_varint(in);
        struct bb_span crc = bb_cursor_bytes(in, 4);
        f->blocks = bb_cursor_varint(in);
        f->readings = bb_cursor_varint(in);
        f->first[0] = bb_cursor_text(in);
        f->first[1] = bb_cursor_text(in);
        f->last[0] = bb_cursor_text(in);
        f->last[1] = bb_cursor_text(in);
        if (in->failed || packed > UINT32_MAX || size > UINT32_MAX || packed > index_offset - at)
            return false;
        f->offset = at;
        f->packed = (uint32_t)packed;
        f->size = (uint32_t)size;
        f->crc = bb_archive_get_u32(crc.data);
        at += packed;
    }
    return out->frames && at == index_offset;
}

int bb_archive_index_read(struct bb_span packed, const struct bb_archive_trailer *trailer,
                          struct bb_arena *arena, struct bb_archive_index *out,
                          struct bb_error *error) {
    *out = (struct bb_archive_index){0};
    if (packed.size != trailer->index_packed || trailer->index_offset < BB_ARCHIVE_HEAD_BYTES ||
        bb_crc32c(0, packed.data, packed.size) != trailer->index_crc)
        return damaged("the index", error);
    char *heap = unpack(packed, trailer->index_size);
    if (!heap)
        return damaged("the index", error);
    struct bb_span bytes = bb_arena_copy(arena, (struct bb_span){heap, trailer->index_size});
    free(heap);
    if (!bytes.data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the index of an archived file");
    struct bb_cursor in = bb_cursor_over(bytes);
    out->head.lane = bb_cursor_byte(&in);
    int64_t month = bb_cursor_zigzag(&in);
    uint64_t partition = bb_cursor_varint(&in);
    out->head.tenant = bb_cursor_text(&in);
    bool whole = out->head.lane < BB_LANE_COUNT && month == (int32_t)month &&
                 partition <= UINT32_MAX && read_frames(&in, arena, trailer->index_offset, out);
    out->names = bb_cursor_text(&in);
    out->head.month = (int32_t)month;
    out->head.partition = (uint32_t)partition;
    return whole && !in.failed && bb_cursor_left(&in) == 0 ? 0 : damaged("the index", error);
}

static int compare_names(struct bb_span usage_point, struct bb_span channel,
                         const struct bb_span with[2]) {
    int order = bb_span_compare(usage_point, with[0]);

    return order ? order : bb_span_compare(channel, with[1]);
}

int64_t bb_archive_index_find(const struct bb_archive_index *index, struct bb_span usage_point,
                              struct bb_span channel) {
    uint32_t low = 0, high = index->count; /* the first frame whose last channel is not before it */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_names(usage_point, channel, index->frames[middle].last) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->count || compare_names(usage_point, channel, index->frames[low].first) < 0)
        return -1;
    return low;
}

/* ---- pages */

void bb_archive_page_release(struct bb_archive_page *page) {
    free(page->bytes);
    free(page->entries);
    *page = (struct bb_archive_page){0};
}

static int compare_entries(const struct bb_archive_entry *a, const struct bb_archive_entry *b) {
    const struct bb_span with[2] = {b->usage_point, b->channel};
    int order = compare_names(a->usage_point, a->channel, with);

    if (order)
        return order;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    return (a->span > b->span) - (a->span < b->span);
}

/* The list of blocks; their sizes stand in packed.size, where they are is found behind the list. */
static bool read_entries(struct bb_cursor *in, struct bb_archive_page *page, uint64_t blocks) {
    uint64_t channels = bb_cursor_varint(in);

    for (uint64_t c = 0; !in->failed && c < channels; c++) {
        struct bb_span usage_point = bb_cursor_text(in), channel = bb_cursor_text(in);
        uint64_t count = bb_cursor_varint(in);
        if (in->failed || count == 0 || count > blocks - page->count)
            return false;
        BB_ASSERT(usage_point.data && channel.data);
        for (uint64_t i = 0; i < count; i++) {
            struct bb_archive_entry *e = &page->entries[page->count];
            e->usage_point = usage_point;
            e->channel = channel;
            e->lane = bb_cursor_byte(in);
            int64_t span = bb_cursor_zigzag(in);
            uint64_t size = bb_cursor_varint(in);
            e->span = (int32_t)span;
            e->packed.size = (size_t)size;
            if (in->failed || span != e->span || e->lane >= BB_LANE_COUNT || size > page->size ||
                (page->count > 0 && compare_entries(e - 1, e) >= 0))
                return false;
            page->count++;
        }
    }
    return !in->failed && page->count == blocks;
}

int bb_archive_page_read(struct bb_span packed, const struct bb_archive_frame *frame,
                         struct bb_archive_page *out, struct bb_error *error) {
    *out = (struct bb_archive_page){0};
    if (packed.size != frame->packed || bb_crc32c(0, packed.data, packed.size) != frame->crc ||
        frame->blocks > frame->size / ENTRY_PACKED_MIN ||
        !(out->bytes = unpack(packed, frame->size)))
        return damaged("a frame", error);
    out->size = frame->size;
    out->entries = calloc((size_t)frame->blocks + 1, sizeof out->entries[0]);
    if (!out->entries) {
        bb_archive_page_release(out);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a frame of an archived file");
    }
    struct bb_cursor in = bb_cursor_over((struct bb_span){out->bytes, out->size});
    bool whole = read_entries(&in, out, frame->blocks);
    for (uint32_t i = 0; whole && i < out->count; i++)
        out->entries[i].packed = bb_cursor_bytes(&in, out->entries[i].packed.size);
    if (whole && !in.failed && bb_cursor_left(&in) == 0)
        return 0;
    bb_archive_page_release(out);
    return damaged("a frame", error);
}

const struct bb_archive_entry *bb_archive_page_find(const struct bb_archive_page *page,
                                                    struct bb_span usage_point,
                                                    struct bb_span channel, uint8_t lane,
                                                    int32_t span) {
    const struct bb_archive_entry wanted = {usage_point, channel, lane, span, {NULL, 0}};
    uint32_t low = 0, high = page->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_entries(&page->entries[middle], &wanted);
        if (order == 0)
            return &page->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
