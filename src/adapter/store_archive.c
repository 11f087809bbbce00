/* A store of which old blocks lie in archived files: see store_archive.h. */
#include <stdlib.h>

#include "adapter/store_archive_internal.h"
#include "base/list.h"

enum { COPY_CHUNK_BYTES = 64 << 10, COPY_LIMIT_BYTES = 1 << 30 };

/* Stands for a block that an archived file may hold and that is none any more; no packed block is like it: none ends in
 * such a seal. */
static const struct bb_span tombstone = {"bb: gone\n", 9};

struct archive_store {
    struct bb_store base;
    struct bb_store_ops ops; /* a hold is the inner store's own, and so is its release */
    struct bb_store *inner;
    struct bb_archive_cache *cache;
    pthread_mutex_t mutex;          /* of the manifests */
    struct bb_manifest **manifests; /* of each partition, as read last; NULL: not yet */
};

struct bb_store_view {
    struct archive_store *store;
    struct bb_store_view *inner;
    uint32_t partition;
    struct bb_manifest *manifest; /* NULL: not asked for yet */
    struct bb_arena copies;       /* of blocks */
    struct bb_arena names;        /* of the channel looked up last */
    uint32_t channel;
    struct bb_span tenant, usage_point, channel_name; /* of it; tenant.data NULL: there is none */
    bool knows_channel;
};

static struct archive_store *archive_of(struct bb_store *store) {
    return (struct archive_store *)store;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for archived blocks; ask for less at once");
}

static bool is_tombstone(struct bb_span packed) {
    return bb_span_equal(packed, tombstone);
}

static void archive_close(struct bb_store *base) {
    struct archive_store *store = archive_of(base);

    for (uint32_t i = 0; i < store->base.partitions; i++)
        if (store->manifests[i])
            bb_manifest_release(&store->mutex, store->manifests[i]);
    free(store->manifests);
    bb_archive_cache_free(store->cache);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

/* ---- views */

static int archive_view_begin(struct bb_store *base, uint32_t partition, struct bb_store_view **out,
                              struct bb_error *error) {
    struct archive_store *store = archive_of(base);
    struct bb_store_view *view = calloc(1, sizeof *view);

    if (!view)
        return no_memory(error);
    view->store = store;
    view->partition = partition;
    bb_arena_init(&view->copies, COPY_CHUNK_BYTES, COPY_LIMIT_BYTES);
    bb_arena_init(&view->names, 1 << 10, 1 << 20);
    int result = store->inner->ops->view_begin(store->inner, partition, &view->inner, error);
    if (result)
        free(view);
    else
        *out = view;
    return result;
}

static void archive_view_end(struct bb_store_view *view) {
    if (!view)
        return;
    view->store->inner->ops->view_end(view->inner);
    if (view->manifest)
        bb_manifest_release(&view->store->mutex, view->manifest);
    bb_arena_release(&view->copies);
    bb_arena_release(&view->names);
    free(view);
}

static int need_manifest(struct bb_store_view *view, struct bb_error *error) {
    struct archive_store *store = view->store;

    return view->manifest
               ? 0
               : bb_manifest_read(store->inner, view->inner, &store->mutex,
                                  &store->manifests[view->partition], &view->manifest, error);
}

/* ---- one block */

/* Whose channel it is: files go by names, not by numbers. BB_FOUND or BB_ABSENT. */
static int name_channel(struct bb_store_view *view, uint32_t channel, struct bb_error *error) {
    char number[4];
    struct bb_span value;

    if (view->knows_channel && view->channel == channel)
        return view->tenant.data ? BB_FOUND : BB_ABSENT;
    for (int i = 0; i < 4; i++)
        number[i] = (char)(channel >> (8 * (3 - i)));
    int result = view->store->inner->ops->name_get(view->inner, BB_NAME_CHANNEL_ID,
                                                   (struct bb_span){number, 4}, &value, error);
    if (result < 0)
        return result;
    bb_arena_reset(&view->names);
    view->knows_channel = true;
    view->channel = channel;
    view->tenant = (struct bb_span){NULL, 0};
    struct bb_span name = result == BB_FOUND ? bb_arena_copy(&view->names, value)
                                             : (struct bb_span){NULL, 0};
    const char *first = name.data ? memchr(name.data, '\0', name.size) : NULL;
    const char *end = name.data + name.size;
    const char *second = first ? memchr(first + 1, '\0', (size_t)(end - first) - 1) : NULL;
    if (!second)
        return BB_ABSENT;
    view->tenant = (struct bb_span){name.data, (size_t)(first - name.data)};
    view->usage_point = (struct bb_span){first + 1, (size_t)(second - first) - 1};
    view->channel_name = (struct bb_span){second + 1, (size_t)(end - second) - 1};
    return BB_FOUND;
}

static int get_from_file(struct bb_store_view *view, const struct bb_archive_place *place,
                         const struct bb_block_key *key, struct bb_span *packed,
                         struct bb_error *error) {
    struct bb_archive_cache *cache = view->store->cache;
    struct bb_archive_held *of_index = NULL, *of_page = NULL;
    const struct bb_archive_index *index;
    const struct bb_archive_page *page;
    const struct bb_archive_entry *entry = NULL;
    int64_t frame = -1;
    int result = bb_archive_cache_index(cache, place, &of_index, &index, error);

    if (!result)
        frame = bb_archive_index_find(index, view->usage_point, view->channel_name);
    if (frame >= 0)
        result = bb_archive_cache_page(cache, place, &index->frames[frame], &of_page, &page, error);
    if (!result && frame >= 0)
        entry = bb_archive_page_find(page, view->usage_point, view->channel_name, key->lane,
                                     key->span);
    if (entry)
        *packed = bb_arena_copy(&view->copies, entry->packed);
    bb_archive_cache_let_go(cache, of_page);
    bb_archive_cache_let_go(cache, of_index);
    if (result || !entry)
        return result ? result : BB_ABSENT;
    return packed->data ? BB_FOUND : no_memory(error);
}

static int archive_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                             struct bb_span *packed, struct bb_error *error) {
    size_t from, to;
    int result = view->store->inner->ops->block_get(view->inner, key, packed, error);

    if (result == BB_FOUND)
        return is_tombstone(*packed) ? BB_ABSENT : BB_FOUND;
    if (result < 0 || (result = need_manifest(view, error)) < 0)
        return result;
    bb_manifest_month(view->manifest, bb_archive_lane_of(key->lane),
                      bb_archive_month_of(key->lane, key->span), &from, &to);
    if (from == to)
        return BB_ABSENT;
    result = name_channel(view, key->channel, error);
    for (size_t i = from; result == BB_FOUND && i < to; i++)
        if (bb_span_equal(view->manifest->rows[i].tenant, view->tenant))
            return get_from_file(view, &view->manifest->rows[i].place, key, packed, error);
    return result < 0 ? result : BB_ABSENT;
}

/* ---- all blocks: what is hot and what is in files, merged in key order, month by month */

struct archived {
    struct bb_block_key key;
    struct bb_span packed;
};

struct merging {
    struct bb_store_view *view;
    bb_block_visit *visit;
    void *context;
    struct archived *items; /* of the month, by key */
    size_t count, capacity, next;
    struct bb_arena arena;
    int outcome; /* of the visitor */
};

static int tell(struct merging *m, const struct bb_block_key *key, struct bb_span packed) {
    m->outcome = m->visit(m->context, key, packed);
    return m->outcome;
}

/* Archived blocks before `key` (NULL: all). */
static int tell_archived(struct merging *m, const struct bb_block_key *key) {
    int result = 0;

    while (!result && m->next < m->count &&
           (!key || bb_block_key_compare(&m->items[m->next].key, key) < 0)) {
        const struct archived *a = &m->items[m->next++];
        result = tell(m, &a->key, a->packed);
    }
    return result;
}

static int merge_hot(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct merging *m = context;
    int result = tell_archived(m, key);

    if (result)
        return result;
    if (m->next < m->count && bb_block_key_compare(&m->items[m->next].key, key) == 0)
        m->next++; /* brought back */
    return is_tombstone(packed) ? 0 : tell(m, key, packed);
}

static uint32_t read_number(struct bb_span value) {
    uint32_t number = 0;

    for (size_t i = 0; i < value.size && i < 4; i++)
        number = number << 8 | (uint8_t)value.data[i];
    return number;
}

struct numbered { /* a channel by its name */
    struct bb_span name;
    uint32_t number;
};

struct numbering {
    struct numbered *items;
    size_t count, capacity;
    struct bb_arena arena;
    struct bb_error *error;
};

static int take_number(void *context, struct bb_span name, struct bb_span value) {
    struct numbering *n = context;
    struct bb_span copy = bb_arena_copy(&n->arena, value);

    if (!copy.data || !bb_list_room(&n->items, n->count, &n->capacity, sizeof n->items[0]))
        return no_memory(n->error);
    n->items[n->count++] = (struct numbered){copy, read_number(name)};
    return 0;
}

static int by_name(const void *a, const void *b) {
    const struct numbered *x = a, *y = b;
    return bb_span_compare(x->name, y->name);
}

static int by_key(const void *a, const void *b) {
    const struct archived *x = a, *y = b;
    return bb_block_key_compare(&x->key, &y->key);
}

static int take_entry(struct merging *m, const struct numbering *numbers, struct bb_span tenant,
                      const struct bb_archive_entry *e, struct bb_error *error) {
    char name[BB_NAME_KEY_MAX];
    size_t size = tenant.size + e->usage_point.size + e->channel.size + 2;

    if (size > sizeof name)
        return 0;
    memcpy(name, tenant.data, tenant.size);
    name[tenant.size] = '\0';
    memcpy(name + tenant.size + 1, e->usage_point.data, e->usage_point.size);
    name[tenant.size + 1 + e->usage_point.size] = '\0';
    memcpy(name + tenant.size + 2 + e->usage_point.size, e->channel.data, e->channel.size);
    const struct numbered key = {{name, size}, 0};
    const struct numbered *found =
        numbers->count ? bsearch(&key, numbers->items, numbers->count, sizeof key, by_name) : NULL;
    if (!found)
        return 0;
    struct bb_span copy = bb_arena_copy(&m->arena, e->packed);
    if (!copy.data || !bb_list_room(&m->items, m->count, &m->capacity, sizeof m->items[0]))
        return no_memory(error);
    m->items[m->count++] = (struct archived){{found->number, e->span, e->lane}, copy};
    return 0;
}

static int take_file(struct merging *m, const struct numbering *numbers,
                     const struct bb_manifest_row *row, uint8_t lane, int32_t first, int32_t last,
                     struct bb_error *error) {
    struct bb_archive_cache *cache = m->view->store->cache;
    struct bb_archive_held *of_index, *of_page;
    const struct bb_archive_index *index;
    const struct bb_archive_page *page;
    int result = bb_archive_cache_index(cache, &row->place, &of_index, &index, error);

    if (result)
        return result;
    for (uint32_t f = 0; !result && f < index->count; f++) {
        result = bb_archive_cache_page(cache, &row->place, &index->frames[f], &of_page, &page,
                                       error);
        if (result)
            break;
        for (uint32_t i = 0; !result && i < page->count; i++) {
            const struct bb_archive_entry *e = &page->entries[i];
            if (e->lane == lane && e->span >= first && e->span <= last)
                result = take_entry(m, numbers, row->tenant, e, error);
        }
        bb_archive_cache_let_go(cache, of_page);
    }
    bb_archive_cache_let_go(cache, of_index);
    return result;
}

static int scan_month(struct merging *m, const struct numbering *numbers, size_t from, size_t to,
                      uint8_t lane, int32_t first, int32_t last, struct bb_error *error) {
    const struct bb_store_ops *ops = m->view->store->inner->ops;
    int result = 0;

    m->count = m->next = 0;
    bb_arena_reset(&m->arena);
    for (size_t i = from; !result && i < to; i++)
        result = take_file(m, numbers, &m->view->manifest->rows[i], lane, first, last, error);
    if (result)
        return result;
    if (m->count > 1)
        qsort(m->items, m->count, sizeof m->items[0], by_key);
    result = ops->block_scan(m->view->inner, lane, first, last, merge_hot, m, error);
    if (!result && m->outcome == 0)
        result = tell_archived(m, NULL);
    return result;
}

static int scan_hot(struct merging *m, uint8_t lane, int64_t first, int64_t last,
                    struct bb_error *error) {
    m->count = m->next = 0;
    return first > last
               ? 0
               : m->view->store->inner->ops->block_scan(m->view->inner, lane, (int32_t)first,
                                                        (int32_t)last, merge_hot, m, error);
}

static int scan_merged(struct merging *m, const struct numbering *numbers, uint8_t lane,
                       int32_t first, int32_t last, struct bb_error *error) {
    const struct bb_manifest *manifest = m->view->manifest;
    int64_t next = first; /* what has not been told yet */
    int result = 0;

    for (size_t i = 0, from, to; result >= 0 && m->outcome == 0 && i < manifest->count; i = to) {
        const struct bb_manifest_row *row = &manifest->rows[i];
        int32_t begin, end;
        bb_manifest_month(manifest, row->lane, row->month, &from, &to);
        if (row->lane != bb_archive_lane_of(lane) ||
            !bb_archive_spans_of(lane, row->month, &begin, &end) || end < next || begin > last)
            continue;
        begin = begin < next ? (int32_t)next : begin;
        end = end > last ? last : end;
        result = scan_hot(m, lane, next, (int64_t)begin - 1, error);
        if (result >= 0 && m->outcome == 0)
            result = scan_month(m, numbers, from, to, lane, begin, end, error);
        next = (int64_t)end + 1;
    }
    if (result >= 0 && m->outcome == 0)
        result = scan_hot(m, lane, next, last, error);
    if (result < 0)
        return result;
    return m->outcome < 0 ? m->outcome : 0;
}

static int archive_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                              bb_block_visit *visit, void *context, struct bb_error *error) {
    struct numbering numbers = {.error = error};
    struct merging m = {.view = view, .visit = visit, .context = context};
    int result = need_manifest(view, error);

    if (result)
        return result;
    bb_arena_init(&numbers.arena, COPY_CHUNK_BYTES, COPY_LIMIT_BYTES);
    bb_arena_init(&m.arena, COPY_CHUNK_BYTES, COPY_LIMIT_BYTES);
    if (view->manifest->count > 0)
        result = view->store->inner->ops->name_scan(view->inner, BB_NAME_CHANNEL_ID, BB_SPAN(""),
                                                    take_number, &numbers, error);
    if (numbers.count > 1)
        qsort(numbers.items, numbers.count, sizeof numbers.items[0], by_name);
    if (result >= 0)
        result = scan_merged(&m, &numbers, lane, first, last, error);
    free(m.items);
    free(numbers.items);
    bb_arena_release(&m.arena);
    bb_arena_release(&numbers.arena);
    return result;
}

/* ---- commits */

static bool may_be_archived(const struct bb_manifest *manifest, const struct bb_block_key *key) {
    size_t from, to;

    bb_manifest_month(manifest, bb_archive_lane_of(key->lane),
                      bb_archive_month_of(key->lane, key->span), &from, &to);
    return from < to;
}

/* A copy of the changes with tombstones; NULL when none is needed. */
static int put_tombstones(struct archive_store *store, uint32_t partition,
                          const struct bb_commit *commit, struct bb_block_change **out,
                          struct bb_error *error) {
    struct bb_store_view *view;
    int result = archive_view_begin(&store->base, partition, &view, error);

    *out = NULL;
    if (result)
        return result;
    result = need_manifest(view, error);
    for (size_t i = 0; !result && view->manifest->count > 0 && i < commit->block_count; i++) {
        const struct bb_block_change *change = &commit->blocks[i];
        if (change->packed.size > 0 || !may_be_archived(view->manifest, &change->key))
            continue;
        if (!*out && (*out = malloc(commit->block_count * sizeof **out)))
            memcpy(*out, commit->blocks, commit->block_count * sizeof **out);
        if (!*out)
            result = no_memory(error);
        else
            (*out)[i].packed = tombstone;
    }
    archive_view_end(view);
    return result;
}

static int archive_commit(struct bb_store *base, uint32_t partition, const struct bb_commit *commit,
                          struct bb_error *error) {
    struct archive_store *store = archive_of(base);
    struct bb_commit changed = *commit;
    struct bb_block_change *blocks = NULL;
    bool deletes = false;
    int result = 0;

    for (size_t i = 0; !deletes && i < commit->block_count; i++)
        deletes = commit->blocks[i].packed.size == 0;
    if (deletes)
        result = put_tombstones(store, partition, commit, &blocks, error);
    if (blocks)
        changed.blocks = blocks;
    if (!result)
        result = store->inner->ops->commit(store->inner, partition, &changed, error);
    free(blocks);
    return result;
}

/* ---- passed on */

static int archive_claim(struct bb_store *base, uint32_t partition, uint64_t log_identity,
                         struct bb_claim *out, struct bb_error *error) {
    struct bb_store *inner = archive_of(base)->inner;

    return inner->ops->claim(inner, partition, log_identity, out, error);
}

static int archive_position(struct bb_store_view *view, struct bb_claim *out,
                            struct bb_error *error) {
    return view->store->inner->ops->position(view->inner, out, error);
}

static int archive_expect(struct bb_store_view *view, const struct bb_store_hint *hint,
                          struct bb_error *error) {
    const struct bb_store_ops *ops = view->store->inner->ops;

    return ops->expect ? ops->expect(view->inner, hint, error) : 0;
}

static int archive_name_get(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                            struct bb_span *value, struct bb_error *error) {
    return view->store->inner->ops->name_get(view->inner, kind, name, value, error);
}

static int archive_name_scan(struct bb_store_view *view, enum bb_name_kind kind,
                             struct bb_span prefix, bb_name_visit *visit, void *context,
                             struct bb_error *error) {
    return view->store->inner->ops->name_scan(view->inner, kind, prefix, visit, context, error);
}

static int archive_outbox_scan(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                               void *context, struct bb_error *error) {
    return view->store->inner->ops->outbox_scan(view->inner, after, visit, context, error);
}

static int archive_outbox_trim(struct bb_store *base, uint32_t partition, uint64_t upto,
                               struct bb_error *error) {
    struct bb_store *inner = archive_of(base)->inner;

    return inner->ops->outbox_trim(inner, partition, upto, error);
}

static int archive_outbox_hold(struct bb_store *base, struct bb_store_hold **out,
                               struct bb_error *error) {
    struct bb_store *inner = archive_of(base)->inner;

    return inner->ops->outbox_hold(inner, out, error);
}

static int archive_copy(struct bb_store *base, uint32_t partition, const char *folder,
                        struct bb_error *error) {
    struct bb_store *inner = archive_of(base)->inner;

    return inner->ops->copy(inner, partition, folder, error);
}

static int archive_size(struct bb_store *base, uint32_t partition, uint64_t *used_bytes,
                        uint64_t *file_bytes, struct bb_error *error) {
    struct bb_store *inner = archive_of(base)->inner;

    return inner->ops->size(inner, partition, used_bytes, file_bytes, error);
}

int bb_store_archive_wrap(struct bb_store *inner, struct bb_blob *blob, size_t cache_bytes,
                          struct bb_store **out, struct bb_error *error) {
    static const struct bb_store_ops ops = {
        .close = archive_close,
        .claim = archive_claim,
        .commit = archive_commit,
        .view_begin = archive_view_begin,
        .view_end = archive_view_end,
        .position = archive_position,
        .block_get = archive_block_get,
        .expect = archive_expect,
        .block_scan = archive_block_scan,
        .name_get = archive_name_get,
        .name_scan = archive_name_scan,
        .outbox_scan = archive_outbox_scan,
        .outbox_trim = archive_outbox_trim,
        .outbox_hold = archive_outbox_hold,
        .copy = archive_copy,
        .size = archive_size,
    };
    struct archive_store *store = calloc(1, sizeof *store);

    if (!store)
        return no_memory(error);
    *store = (struct archive_store){
        .base = {.partitions = inner->partitions},
        .ops = ops,
        .inner = inner,
        .cache = bb_archive_cache_new(blob, cache_bytes),
        .manifests = calloc(inner->partitions, sizeof store->manifests[0])};
    store->ops.name = inner->ops->name; /* people are told of the store itself */
    store->ops.outbox_release = inner->ops->outbox_release;
    store->base.ops = &store->ops;
    pthread_mutex_init(&store->mutex, NULL);
    if (!store->cache || !store->manifests) {
        archive_close(&store->base);
        return no_memory(error);
    }
    *out = &store->base;
    return 0;
}
