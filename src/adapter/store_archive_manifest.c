/* What a partition's store remembers of its archived files: see store_archive_internal.h.
 *
 * An order changes it and says so by a number beside it (name "archive" of kind META), so that the many views
 * between two orders read one small name each.
 */
#include <stdlib.h>

#include "adapter/store_archive_internal.h"
#include "base/list.h"

enum { ARENA_CHUNK_BYTES = 4 << 10, ARENA_LIMIT_BYTES = 64 << 20, NUMBER_BYTES = 8 };

static void drop(struct bb_manifest *m) {
    if (!m || --m->references > 0)
        return;
    bb_arena_release(&m->arena);
    free(m->rows);
    free(m);
}

void bb_manifest_release(pthread_mutex_t *mutex, struct bb_manifest *manifest) {
    pthread_mutex_lock(mutex);
    drop(manifest);
    pthread_mutex_unlock(mutex);
}

struct reading {
    struct bb_manifest *manifest;
    struct bb_error *error;
};

static int take_row(void *context, struct bb_span name, struct bb_span value) {
    struct reading *r = context;
    struct bb_manifest *m = r->manifest;
    struct bb_archive_head head;

    if (!bb_archive_key_read(name, &head))
        return BB_FAIL(r->error, BB_E_STORE_CORRUPT,
                       "what the store says of archived files is damaged");
    struct bb_span tenant = bb_arena_copy(&m->arena, head.tenant);
    if (!tenant.data || !bb_list_room(&m->rows, m->count, &m->capacity, sizeof m->rows[0]))
        return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for the list of archived files");
    struct bb_manifest_row *row = &m->rows[m->count++];
    row->lane = head.lane;
    row->month = head.month;
    row->tenant = tenant;
    return bb_archive_place_decode(value, &row->place, r->error);
}

static int make(struct bb_store *store, struct bb_store_view *view, uint64_t generation,
                struct bb_manifest **out, struct bb_error *error) {
    struct bb_manifest *m = calloc(1, sizeof *m);

    if (!m)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the list of archived files");
    m->references = 1;
    m->generation = generation;
    bb_arena_init(&m->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    struct reading r = {m, error};
    int result = generation == 0 ? 0
                                 : store->ops->name_scan(view, BB_NAME_ARCHIVE, BB_SPAN("F"),
                                                         take_row, &r, error);
    if (result < 0)
        drop(m);
    else
        *out = m;
    return result < 0 ? result : 0;
}

int bb_manifest_read(struct bb_store *store, struct bb_store_view *view, pthread_mutex_t *mutex,
                     struct bb_manifest **kept, struct bb_manifest **out, struct bb_error *error) {
    struct bb_span value;
    uint64_t generation = 0;
    int result = store->ops->name_get(view, BB_NAME_META, BB_SPAN("archive"), &value, error);

    if (result < 0)
        return result;
    for (size_t i = 0; result == BB_FOUND && i < value.size && i < NUMBER_BYTES; i++)
        generation = generation << 8 | (uint8_t)value.data[i];
    pthread_mutex_lock(mutex);
    if (*kept && (*kept)->generation == generation) {
        *out = *kept;
        (*out)->references++;
        pthread_mutex_unlock(mutex);
        return 0;
    }
    pthread_mutex_unlock(mutex);
    result = make(store, view, generation, out, error);
    if (result)
        return result;
    pthread_mutex_lock(mutex);
    if (!*kept || (*kept)->generation < generation) { /* a view may be older than what is kept */
        drop(*kept);
        *kept = *out;
        (*kept)->references++;
    }
    pthread_mutex_unlock(mutex);
    return 0;
}

void bb_manifest_month(const struct bb_manifest *m, uint8_t lane, int32_t month, size_t *from,
                       size_t *to) {
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct bb_manifest_row *row = &m->rows[middle];
        if (row->lane < lane || (row->lane == lane && row->month < month))
            low = middle + 1;
        else
            high = middle;
    }
    *from = *to = low;
    while (*to < m->count && m->rows[*to].lane == lane && m->rows[*to].month == month)
        ++*to;
}
