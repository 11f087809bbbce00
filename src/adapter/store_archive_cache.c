/* The last used indexes and frames of archived files: see store_archive_internal.h.
 *
 * Files never change, so what was read once is right for ever; what is used least goes first when the limit is
 * reached. One mutex guards the list and the counts; files are read without it, and when two threads read the same
 * frame at once, the second one's copy is dropped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/store_archive_internal.h"
#include "base/hash.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, INDEX_LIMIT_BYTES = 512 << 20, SLOTS_MAX = 1024 };
static const uint64_t THE_INDEX = UINT64_MAX; /* where a frame's offset stands else */

struct bb_archive_held {
    uint64_t hash; /* of the file's name */
    uint64_t offset;
    unsigned references; /* the list's own not counted */
    bool is_listed;
    uint64_t used;
    size_t bytes;
    struct bb_arena arena;
    struct bb_archive_index index;
    struct bb_archive_page page;
};

struct bb_archive_cache {
    struct bb_blob *blob;
    size_t limit_bytes, bytes;
    uint64_t clock;
    pthread_mutex_t mutex;
    struct bb_archive_held *items[SLOTS_MAX];
    size_t count;
};

struct bb_archive_cache *bb_archive_cache_new(struct bb_blob *blob, size_t limit_bytes) {
    struct bb_archive_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return NULL;
    cache->blob = blob;
    cache->limit_bytes = limit_bytes;
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

static void drop(struct bb_archive_held *held) {
    bb_arena_release(&held->arena);
    bb_archive_page_release(&held->page);
    free(held);
}

void bb_archive_cache_free(struct bb_archive_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < cache->count; i++)
        drop(cache->items[i]);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

void bb_archive_cache_let_go(struct bb_archive_cache *cache, struct bb_archive_held *held) {
    if (!held)
        return;
    pthread_mutex_lock(&cache->mutex);
    bool last = --held->references == 0 && !held->is_listed;
    pthread_mutex_unlock(&cache->mutex);
    if (last)
        drop(held);
}

static struct bb_archive_held *find(struct bb_archive_cache *cache, uint64_t hash,
                                    uint64_t offset) {
    for (size_t i = 0; i < cache->count; i++) {
        struct bb_archive_held *held = cache->items[i];
        if (held->hash != hash || held->offset != offset)
            continue;
        held->references++;
        held->used = ++cache->clock;
        return held;
    }
    return NULL;
}

static void take_out(struct bb_archive_cache *cache, size_t at) {
    struct bb_archive_held *held = cache->items[at];

    cache->items[at] = cache->items[--cache->count];
    cache->bytes -= held->bytes;
    held->is_listed = false;
    if (held->references == 0)
        drop(held);
}

static void make_room(struct bb_archive_cache *cache, size_t bytes) {
    while (cache->count > 0 &&
           (cache->count == SLOTS_MAX || cache->bytes + bytes > cache->limit_bytes)) {
        size_t oldest = 0;
        for (size_t i = 1; i < cache->count; i++)
            if (cache->items[i]->used < cache->items[oldest]->used)
                oldest = i;
        take_out(cache, oldest);
    }
}

/* List what was read, or take what somebody else has listed meanwhile. */
static struct bb_archive_held *put_in(struct bb_archive_cache *cache,
                                      struct bb_archive_held *made) {
    pthread_mutex_lock(&cache->mutex);
    struct bb_archive_held *there = find(cache, made->hash, made->offset);
    if (!there) {
        make_room(cache, made->bytes);
        made->references = 1;
        made->used = ++cache->clock;
        made->is_listed = true;
        cache->bytes += made->bytes;
        cache->items[cache->count++] = made;
    }
    pthread_mutex_unlock(&cache->mutex);
    if (there)
        drop(made);
    return there ? there : made;
}

/* ---- reading */

/* Say which file it is. */
static int name_file(const struct bb_archive_cache *cache, const char *name, int result,
                     struct bb_error *error) {
    struct bb_error before = *error;

    if (result != -(int)BB_E_ARCHIVE_DAMAGED && result != -(int)BB_E_VERSION)
        return result;
    return BB_FAIL(error, before.code, "%s in %s: %.200s", name, cache->blob->where, before.text);
}

static int read_range(struct bb_archive_cache *cache, const char *name, uint64_t offset,
                      size_t size, struct bb_buffer *out, struct bb_error *error) {
    if (!cache->blob)
        return BB_FAIL(error, BB_E_ARCHIVE_NONE,
                       "values were archived in %s, and busbar.yaml names no archive", name);
    bb_buffer_init(out, size ? size : 1);
    int result = cache->blob->ops->get(cache->blob, name, offset, size, out, error);
    if (result == BB_BLOB_ABSENT)
        result = BB_FAIL(error, BB_E_ARCHIVE_MISSING, "%s is missing in %s", name,
                         cache->blob->where);
    if (result)
        bb_buffer_release(out);
    return result;
}

static int load_index(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                      struct bb_archive_held *held, struct bb_error *error) {
    struct bb_buffer packed;
    int result = read_range(cache, place->name, place->trailer.index_offset,
                            place->trailer.index_packed, &packed, error);

    if (result)
        return result;
    bb_arena_init(&held->arena, ARENA_CHUNK_BYTES, INDEX_LIMIT_BYTES);
    result = bb_archive_index_read(bb_buffer_span(&packed), &place->trailer, &held->arena,
                                   &held->index, error);
    bb_buffer_release(&packed);
    held->bytes = held->arena.total_bytes;
    return name_file(cache, place->name, result, error);
}

static int load_page(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                     const struct bb_archive_frame *frame, struct bb_archive_held *held,
                     struct bb_error *error) {
    struct bb_buffer packed;
    int result = read_range(cache, place->name, frame->offset, frame->packed, &packed, error);

    if (result)
        return result;
    result = bb_archive_page_read(bb_buffer_span(&packed), frame, &held->page, error);
    bb_buffer_release(&packed);
    held->bytes = held->page.size + held->page.count * sizeof held->page.entries[0];
    return name_file(cache, place->name, result, error);
}

static int hold(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                const struct bb_archive_frame *frame, struct bb_archive_held **out,
                struct bb_error *error) {
    uint64_t hash = bb_hash(bb_span_of(place->name));
    uint64_t offset = frame ? frame->offset : THE_INDEX;

    pthread_mutex_lock(&cache->mutex);
    struct bb_archive_held *held = find(cache, hash, offset);
    pthread_mutex_unlock(&cache->mutex);
    if (held) {
        *out = held;
        return 0;
    }
    struct bb_archive_held *made = calloc(1, sizeof *made);
    if (!made)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read an archived file");
    made->hash = hash;
    made->offset = offset;
    int result = frame ? load_page(cache, place, frame, made, error)
                       : load_index(cache, place, made, error);
    if (result) {
        drop(made);
        return result;
    }
    *out = put_in(cache, made);
    return 0;
}

int bb_archive_cache_index(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                           struct bb_archive_held **held, const struct bb_archive_index **out,
                           struct bb_error *error) {
    int result = hold(cache, place, NULL, held, error);

    if (!result)
        *out = &(*held)->index;
    return result;
}

int bb_archive_cache_page(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                          const struct bb_archive_frame *frame, struct bb_archive_held **held,
                          const struct bb_archive_page **out, struct bb_error *error) {
    int result = hold(cache, place, frame, held, error);

    if (!result)
        *out = &(*held)->page;
    return result;
}
