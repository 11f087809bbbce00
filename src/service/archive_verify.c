/* Reading an archived file from front to back: see archive_verify.h. */
#include "service/archive_verify.h"

#include "base/crc.h"
#include "base/seal.h"

enum { ARENA_CHUNK_BYTES = 64 << 10, ARENA_LIMIT_BYTES = 512 << 20 };
static const size_t range_limit_bytes = (size_t)1 << 32;

struct reading {
    struct bb_blob *blob;
    const struct bb_archive_place *place;
    struct bb_buffer bytes; /* of the range at hand */
    uint32_t crc;           /* of all ranges so far */
    uint64_t blocks;
    struct bb_error *error;
};

static int damaged(const struct reading *r, const char *what) {
    return BB_FAIL(r->error, BB_E_ARCHIVE_DAMAGED, "%s in %s: %s", r->place->name, r->blob->where,
                   what);
}

static int range(struct reading *r, uint64_t offset, size_t size) {
    bb_buffer_clear(&r->bytes);
    int result = r->blob->ops->get(r->blob, r->place->name, offset, size, &r->bytes, r->error);

    if (result == BB_BLOB_ABSENT)
        return BB_FAIL(r->error, BB_E_ARCHIVE_MISSING, "%s is missing in %s", r->place->name,
                       r->blob->where);
    if (!result)
        r->crc = bb_crc32c(r->crc, r->bytes.data, r->bytes.size);
    return result;
}

static int verify_frame(struct reading *r, const struct bb_archive_frame *frame) {
    struct bb_archive_page page;
    int result = range(r, frame->offset, frame->packed);

    if (result)
        return result;
    if (bb_archive_page_read(bb_buffer_span(&r->bytes), frame, &page, r->error) < 0)
        return damaged(r, "a frame does not fit its checksum");
    for (uint32_t i = 0; !result && i < page.count; i++) {
        struct bb_span packed = page.entries[i].packed;
        if (!bb_unseal(&packed))
            result = damaged(r, "a block does not fit its checksum");
    }
    r->blocks += page.count;
    bb_archive_page_release(&page);
    return result;
}

static int verify_frames(struct reading *r, struct bb_arena *arena) {
    const struct bb_archive_trailer *t = &r->place->trailer;
    struct bb_archive_index index;
    int result = range(r, t->index_offset, t->index_packed);

    if (!result && bb_archive_index_read(bb_buffer_span(&r->bytes), t, arena, &index, r->error) < 0)
        result = damaged(r, "the index does not fit its checksum");
    r->crc = 0;
    if (!result)
        result = range(r, 0, BB_ARCHIVE_HEAD_BYTES);
    for (uint32_t i = 0; !result && i < index.count; i++)
        result = verify_frame(r, &index.frames[i]);
    return result;
}

/* Behind the frames: the index again, for the checksum of the whole, and the trailer. */
static int verify_end(struct reading *r) {
    const struct bb_archive_trailer *t = &r->place->trailer;
    struct bb_archive_trailer told;
    int result = range(r, t->index_offset, t->index_packed);

    if (result)
        return result;
    uint32_t crc = r->crc;
    result = range(r, r->place->size - BB_ARCHIVE_TRAILER_BYTES, BB_ARCHIVE_TRAILER_BYTES);
    if (result)
        return result;
    if (bb_archive_trailer_read(bb_buffer_span(&r->bytes), r->place->size, &told, r->error) < 0 ||
        crc != told.file_crc || told.file_crc != t->file_crc || told.blocks != t->blocks ||
        r->blocks != t->blocks)
        return damaged(r, "it is not the file that the store remembers");
    return 0;
}

int bb_archive_verify(struct bb_blob *blob, const struct bb_archive_place *place,
                      struct bb_error *error) {
    struct reading r = {.blob = blob, .place = place, .error = error};
    struct bb_blob_info info;
    struct bb_arena arena;
    int result = blob->ops->info(blob, place->name, &info, error);

    if (result < 0)
        return result;
    if (result == BB_BLOB_ABSENT)
        return BB_FAIL(error, BB_E_ARCHIVE_MISSING, "%s is missing in %s", place->name,
                       blob->where);
    if (info.size != place->size)
        return damaged(&r, "it has another length than the store remembers");
    bb_buffer_init(&r.bytes, range_limit_bytes);
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    result = verify_frames(&r, &arena);
    if (!result)
        result = verify_end(&r);
    bb_arena_release(&arena);
    bb_buffer_release(&r.bytes);
    return result;
}

/* ---- copies */

static int copy_bytes(struct bb_blob *from, const struct bb_archive_place *place,
                      struct bb_blob *to, struct bb_blob_put *put, struct bb_error *error) {
    enum { RANGE_BYTES = 4 << 20 };
    struct bb_buffer bytes;
    int result = 0;

    bb_buffer_init(&bytes, RANGE_BYTES);
    for (uint64_t at = 0; !result && at < place->size; at += RANGE_BYTES) {
        uint64_t left = place->size - at;
        bb_buffer_clear(&bytes);
        result = from->ops->get(from, place->name, at,
                                left < RANGE_BYTES ? (size_t)left : RANGE_BYTES, &bytes, error);
        if (result == BB_BLOB_ABSENT)
            result = BB_FAIL(error, BB_E_ARCHIVE_MISSING, "%s is missing in %s", place->name,
                             from->where);
        if (!result)
            result = to->ops->put_write(put, bb_buffer_span(&bytes), error);
    }
    bb_buffer_release(&bytes);
    return result;
}

int bb_archive_copy(struct bb_blob *from, const struct bb_archive_place *place, struct bb_blob *to,
                    struct bb_error *error) {
    struct bb_blob_put *put;

    if (!from)
        return BB_FAIL(error, BB_E_ARCHIVE_NONE,
                       "values were archived in %s, and busbar.yaml names no archive", place->name);
    int result = to->ops->put_begin(to, place->name, &put, error);
    if (result)
        return result;
    result = copy_bytes(from, place, to, put, error);
    if (result) {
        to->ops->put_abandon(put);
        return result;
    }
    result = to->ops->put_end(put, error);
    return result ? result : bb_archive_verify(to, place, error);
}
