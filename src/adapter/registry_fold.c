/* Outbox records folded: see registry_fold_internal.h.
 *
 * A registry on this machine applies record by record. Over a network each statement costs a trip, and one that
 * puts many rows may not put the same one twice; so what a batch says of one thing is put together here, such that the
 * rows are those that record by record would have left.
 *
 * Exceptions are a machine of two states, and what a record does hangs on the state before it: open after
 * `opened`, not open after `closed`. So a happening is where a record's kind differs from that of the record before, and
 * the first one's from what the registry says.
 */
#include "adapter/registry_fold_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A record on its way, in the order in which a registry applies them: by usage point, each one's in the
 * order of the outbox. */
struct place {
    const struct bb_outbox_record *record;
    uint32_t index;  /* in the outbox */
    uint32_t opened; /* of exceptions: rank of the one that opens it first */
};

struct folding {
    struct fold *fold;
    struct bb_arena *arena, *scratch;
    struct place *places;     /* all */
    struct place *exceptions; /* of these */
    size_t place_count, exception_count;
    struct bb_error *error;
};

static int by_usage_point(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    int order = bb_span_compare(a->record->tenant, b->record->tenant);

    if (order == 0)
        order = bb_span_compare(a->record->usage_point, b->record->usage_point);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int compare_keys(const struct bb_outbox_record *a, const struct bb_outbox_record *b) {
    int order = bb_span_compare(a->tenant, b->tenant);

    if (order == 0)
        order = bb_span_compare(a->usage_point, b->usage_point);
    if (order == 0)
        order = bb_span_compare(a->channel, b->channel);
    if (order == 0)
        order = (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
    return order ? order : (a->check > b->check) - (a->check < b->check);
}

static int by_exception(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    int order = compare_keys(a->record, b->record);

    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int by_channel(const void *left, const void *right) {
    const struct fold_channel *a = left, *b = right;
    int order = bb_span_compare(a->record->tenant, b->record->tenant);

    if (order == 0)
        order = bb_span_compare(a->record->usage_point, b->record->usage_point);
    if (order == 0)
        order = bb_span_compare(a->record->channel, b->record->channel);
    /* records lie in one array, so that their addresses are their order */
    return order ? order : (a->record > b->record) - (a->record < b->record);
}

static int compare_entries(const struct fold_version *a, const struct fold_version *b) {
    int order = (a->kind > b->kind) - (a->kind < b->kind);

    if (order == 0)
        order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

static int by_version(const void *left, const void *right) {
    const struct fold_version *a = left, *b = right;
    int order = compare_entries(a, b);

    if (order == 0)
        order = (a->record->recorded_ms > b->record->recorded_ms) -
                (a->record->recorded_ms < b->record->recorded_ms);
    return order ? order : bb_span_compare(a->record->body, b->record->body);
}

static int by_tenant(const void *left, const void *right) {
    return bb_span_compare(*(const struct bb_span *)left, *(const struct bb_span *)right);
}

static int by_rank(const void *left, const void *right) {
    const struct place *const *a = left, *const *b = right;

    return ((*a)->opened > (*b)->opened) - ((*a)->opened < (*b)->opened);
}

/* ---- one record after the other */

static void add_usage_point(struct folding *f, const struct bb_outbox_record *record) {
    struct fold *fold = f->fold;

    BB_ASSERT(fold->usage_points);
    const struct fold_usage_point *last = fold->usage_point_count
                                              ? &fold->usage_points[fold->usage_point_count - 1]
                                              : NULL;

    if (last && bb_span_equal(last->name, record->usage_point) &&
        bb_span_equal(last->tenant, record->tenant))
        return;
    fold->usage_points[fold->usage_point_count++] = (struct fold_usage_point){record->tenant,
                                                                              record->usage_point};
    fold->tenants[fold->tenant_count++] = record->tenant;
}

static int take_channel(struct folding *f, const struct place *place) {
    struct fold_channel *channel = &f->fold->channels[f->fold->channel_count++];

    channel->record = place->record;
    add_usage_point(f, place->record);
    return bb_channel_record_decode(place->record->body, &channel->what, f->error);
}

static int take_exception(struct folding *f, const struct place *place) {
    f->exceptions[f->exception_count++] = *place;
    if (place->record->kind == BB_OUTBOX_EXCEPTION_OPENED)
        add_usage_point(f, place->record);
    return 0;
}

static int take_version(struct folding *f, const struct place *place) {
    struct bb_master master;

    bb_arena_reset(f->scratch);
    int failed = bb_master_decode(place->record->body, f->scratch, &master, f->error);
    if (failed)
        return failed;
    f->fold->versions[f->fold->version_count++] = (struct fold_version){
        .record = place->record,
        .kind = master.kind,
        .tenant = bb_master_tenant_name(&master),
        .name = bb_master_name(&master)};
    f->fold->tenants[f->fold->tenant_count++] = bb_master_tenant_name(&master);
    return 0;
}

/* By enum bb_outbox_kind; other kinds are not the registry's business. */
static int (*const takers[])(struct folding *, const struct place *) = {
    [BB_OUTBOX_CHANNEL] = take_channel,
    [BB_OUTBOX_EXCEPTION_OPENED] = take_exception,
    [BB_OUTBOX_EXCEPTION_CLOSED] = take_exception,
    [BB_OUTBOX_MASTER] = take_version,
};
enum { TAKERS = sizeof takers / sizeof *takers };

static int take_all(struct folding *f, uint32_t partition, uint64_t from) {
    for (size_t i = 0; i < f->place_count; i++) {
        struct place *place = &f->places[i];
        place->opened = (uint32_t)i;
        int failed = takers[place->record->kind](f, place);
        if (failed) {
            char source[64];
            snprintf(source, sizeof source, "outbox of partition %u, record %" PRIu64, partition,
                     from + 1 + place->index);
            bb_error_locate(f->error, source, 0);
            return failed;
        }
    }
    return 0;
}

/* ---- then sorted and put together */

static void fold_tenants(struct fold *fold) {
    size_t kept = 0;

    qsort(fold->tenants, fold->tenant_count, sizeof *fold->tenants, by_tenant);
    for (size_t i = 0; i < fold->tenant_count; i++)
        if (i == 0 || !bb_span_equal(fold->tenants[i], fold->tenants[kept - 1]))
            fold->tenants[kept++] = fold->tenants[i];
    fold->tenant_count = kept;
}

static bool is_same_channel(const struct fold_channel *a, const struct fold_channel *b) {
    return bb_span_equal(a->record->channel, b->record->channel) &&
           bb_span_equal(a->record->usage_point, b->record->usage_point) &&
           bb_span_equal(a->record->tenant, b->record->tenant);
}

static void fold_channels(struct fold *fold) {
    size_t kept = 0;

    qsort(fold->channels, fold->channel_count, sizeof *fold->channels, by_channel);
    for (size_t i = 0; i < fold->channel_count; i++) {
        if (kept > 0 && is_same_channel(&fold->channels[i], &fold->channels[kept - 1]))
            kept--;
        fold->channels[kept++] = fold->channels[i];
    }
    fold->channel_count = kept;
}

static void fold_versions(struct fold *fold) {
    size_t kept = 0;

    qsort(fold->versions, fold->version_count, sizeof *fold->versions, by_version);
    for (size_t i = 0; i < fold->version_count; i++) {
        const struct fold_version *before = kept > 0 ? &fold->versions[kept - 1] : NULL;
        if (before && compare_entries(before, &fold->versions[i]) == 0 &&
            before->record->recorded_ms == fold->versions[i].record->recorded_ms)
            kept--;
        fold->versions[kept++] = fold->versions[i];
    }
    fold->version_count = kept;
    for (size_t i = 0; i < kept; i++)
        fold->versions[i].is_last = i + 1 == kept || compare_entries(&fold->versions[i],
                                                                     &fold->versions[i + 1]) != 0;
}

/* The rank of a group is that of the record that opens it; of one that nothing opens it does not matter. */
static size_t rank_groups(struct folding *f, struct place **groups) {
    size_t count = 0;

    for (size_t i = 0; i < f->exception_count; i++) {
        struct place *place = &f->exceptions[i];
        bool opens = place->record->kind == BB_OUTBOX_EXCEPTION_OPENED;
        if (i > 0 && compare_keys(place->record, place[-1].record) == 0) {
            if (opens && place->opened < groups[count - 1]->opened)
                groups[count - 1]->opened = place->opened;
            continue;
        }
        groups[count++] = place;
        if (!opens)
            place->opened = UINT32_MAX;
    }
    return count;
}

static bool fold_exceptions(struct folding *f) {
    struct fold *fold = f->fold;
    struct place **groups = bb_arena_take_array(f->arena, f->exception_count + 1, sizeof *groups);

    if (!groups)
        return false;
    qsort(f->exceptions, f->exception_count, sizeof *f->exceptions, by_exception);
    fold->exception_count = rank_groups(f, groups);
    qsort(groups, fold->exception_count, sizeof *groups, by_rank);
    const struct place *end = f->exceptions + f->exception_count;
    for (size_t i = 0; i < fold->exception_count; i++) {
        struct fold_exception *exception = &fold->exceptions[i];
        *exception = (struct fold_exception){.first = (uint32_t)fold->happening_count};
        for (const struct place *place = groups[i];
             place < end && compare_keys(place->record, groups[i]->record) == 0; place++) {
            exception->opens |= place->record->kind == BB_OUTBOX_EXCEPTION_OPENED;
            exception->count++;
            fold->happenings[fold->happening_count++] = place->record;
        }
    }
    return true;
}

/* ---- the batch */

static size_t count_kinds(const struct bb_outbox_record *records, size_t count, uint8_t first,
                          uint8_t last) {
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += records[i].kind >= first && records[i].kind <= last;
    return found;
}

static bool make_room(struct folding *f, const struct bb_outbox_record *records, size_t count) {
    size_t channels = count_kinds(records, count, BB_OUTBOX_CHANNEL, BB_OUTBOX_CHANNEL);
    size_t versions = count_kinds(records, count, BB_OUTBOX_MASTER, BB_OUTBOX_MASTER);
    size_t exceptions = count_kinds(records, count, BB_OUTBOX_EXCEPTION_OPENED,
                                    BB_OUTBOX_EXCEPTION_CLOSED);
    struct fold *fold = f->fold;
    const struct {
        void *list;
        size_t count, size;
    } lists[] = {
        {&f->places, count, sizeof *f->places},
        {&f->exceptions, exceptions, sizeof *f->exceptions},
        {&fold->tenants, channels + versions + exceptions, sizeof *fold->tenants},
        {&fold->usage_points, channels + exceptions, sizeof *fold->usage_points},
        {&fold->channels, channels, sizeof *fold->channels},
        {&fold->versions, versions, sizeof *fold->versions},
        {&fold->exceptions, exceptions, sizeof *fold->exceptions},
        {&fold->happenings, exceptions, sizeof *fold->happenings},
    };

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        void *memory = bb_arena_take_array(f->arena, lists[i].count + 1, lists[i].size);
        if (!memory)
            return false;
        memcpy(lists[i].list, &memory, sizeof memory);
    }
    return true;
}

int bb_registry_fold(struct fold *fold, uint32_t partition, uint64_t from,
                     const struct bb_outbox_record *records, size_t count, struct bb_arena *arena,
                     struct bb_arena *scratch, struct bb_error *error) {
    struct folding f = {.fold = fold, .arena = arena, .scratch = scratch, .error = error};

    *fold = (struct fold){0};
    if (count >= UINT32_MAX || !make_room(&f, records, count))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to project %zu records", count);
    for (size_t i = 0; i < count; i++)
        if (records[i].kind < TAKERS && takers[records[i].kind])
            f.places[f.place_count++] = (struct place){.record = &records[i], .index = (uint32_t)i};
    qsort(f.places, f.place_count, sizeof *f.places, by_usage_point);
    int failed = take_all(&f, partition, from);
    if (failed)
        return failed;
    fold_tenants(fold);
    fold_channels(fold);
    fold_versions(fold);
    if (!fold_exceptions(&f))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to project %zu records", count);
    return 0;
}

/* ---- what exceptions come to */

static bool is_opened(const struct bb_outbox_record *record) {
    return record->kind == BB_OUTBOX_EXCEPTION_OPENED;
}

bool bb_registry_fold_happens(const struct fold *fold, const struct fold_exception *exception,
                              uint32_t i) {
    const struct bb_outbox_record *const *told = fold->happenings + exception->first;
    bool before = i > 0 ? is_opened(told[i - 1]) : exception->was_open;

    return is_opened(told[i]) != before;
}

struct fold_state bb_registry_fold_state(const struct fold *fold,
                                         const struct fold_exception *exception) {
    const struct bb_outbox_record *const *told = fold->happenings + exception->first;
    struct fold_state state = {.is_open = exception->was_open};

    for (uint32_t i = 0; i < exception->count; i++) {
        if (is_opened(told[i])) {
            state.opened = state.opened ? state.opened : told[i];
            state.evidence = told[i];
            state.closed = NULL;
        } else if (bb_registry_fold_happens(fold, exception, i)) {
            state.closed = told[i];
        }
        state.is_open = is_opened(told[i]);
    }
    return state;
}
