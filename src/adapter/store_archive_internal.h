/* What the parts of the archiving store share.
 *
 *   store_archive.c            the port: what is hot, what is in files, and both merged
 *   store_archive_manifest.c   what a partition's store remembers of its files, kept while it is the same
 *   store_archive_cache.c      indexes and frames of files, the last used ones
 */
#ifndef BB_ADAPTER_STORE_ARCHIVE_INTERNAL_H
#define BB_ADAPTER_STORE_ARCHIVE_INTERNAL_H

#include <pthread.h>

#include "adapter/store_archive.h"
#include "codec/archive_place.h"

/* ---- what is where */

struct bb_manifest_row {
    uint8_t lane;
    int32_t month;
    struct bb_span tenant;
    struct bb_archive_place place;
};

struct bb_manifest { /* never changes once made */
    unsigned references;
    uint64_t generation;
    struct bb_arena arena;
    struct bb_manifest_row *rows; /* by lane, month, tenant */
    size_t count, capacity;
};

/* As the view has it; *kept is what was read before, exchanged when it is another one. `mutex` guards *kept and the
 * counts of references. */
int bb_manifest_read(struct bb_store *store, struct bb_store_view *view, pthread_mutex_t *mutex,
                     struct bb_manifest **kept, struct bb_manifest **out, struct bb_error *error)
    BB_MUST_USE;
void bb_manifest_release(pthread_mutex_t *mutex, struct bb_manifest *manifest);
/* The rows of a lane and month: [*from, *to). */
void bb_manifest_month(const struct bb_manifest *manifest, uint8_t lane, int32_t month,
                       size_t *from, size_t *to);

/* ---- the cache */

struct bb_archive_cache;

struct bb_archive_cache *bb_archive_cache_new(struct bb_blob *blob, size_t limit_bytes);
void bb_archive_cache_free(struct bb_archive_cache *cache);

struct bb_archive_held; /* an index or a page that stays while it is held */
int bb_archive_cache_index(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                           struct bb_archive_held **held, const struct bb_archive_index **out,
                           struct bb_error *error) BB_MUST_USE;
int bb_archive_cache_page(struct bb_archive_cache *cache, const struct bb_archive_place *place,
                          const struct bb_archive_frame *frame, struct bb_archive_held **held,
                          const struct bb_archive_page **out, struct bb_error *error) BB_MUST_USE;
void bb_archive_cache_let_go(struct bb_archive_cache *cache, struct bb_archive_held *held);

#endif
