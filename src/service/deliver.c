/* Deliver: carries the outboxes' records to the registry's projections, in order, each batch and
 * its position in one transaction of the registry. What was carried is trimmed from the outbox. */
#include "base/arena.h"
#include "service/worker.h"

#include <stdlib.h>

enum { BATCH_RECORDS = 8192, ARENA_CHUNK_BYTES = 1 << 20, ARENA_LIMIT_BYTES = 1 << 30 };

struct carry {
    struct bb_registry *registry;
    uint32_t partition;
    uint64_t from; /* the registry's position */
    struct bb_outbox_record *records;
    struct bb_arena arena; /* the records' bytes: what a visitor is given is its own no longer */
    size_t count;
    bool moved; /* another process carried on in the meantime */
    struct bb_error *error;
};

static int flush(struct carry *c) {
    if (c->count == 0)
        return 0;
    int result = c->registry->ops->project(c->registry, c->partition, c->from, c->records, c->count,
                                           c->error);
    c->moved = result > 0;
    if (result == 0)
        c->from += c->count;
    c->count = 0;
    bb_arena_reset(&c->arena);
    return result > 0 ? 1 : result;
}

static int take(void *context, uint64_t sequence, struct bb_span record) {
    struct carry *c = context;
    struct bb_span kept = bb_arena_copy(&c->arena, record);

    if (!kept.data)
        return BB_FAIL(c->error, BB_E_NO_MEMORY, "no memory to deliver");
    int result = bb_outbox_decode(kept, &c->records[c->count], c->error);
    if (result)
        return result;
    if (sequence != c->from + c->count + 1)
        return BB_FAIL(
            c->error, BB_E_REGISTRY_IO,
            "the registry stands at record %llu of partition %u, but the store keeps them "
            "from %llu on: it is older than the store; restore the registry.db that "
            "belongs to it",
            (unsigned long long)(c->from + c->count), c->partition, (unsigned long long)sequence);
    c->count++;
    return c->count == BATCH_RECORDS ? flush(c) : 0;
}

static int carry_partition(struct bb_plant *plant, struct carry *c) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct bb_store_view *view;
    uint64_t begin;

    c->moved = false;
    int result = c->registry->ops->position(c->registry, c->partition, &begin, c->error);
    c->from = begin;
    if (!result)
        result = ops->view_begin(plant->store, c->partition, &view, c->error);
    if (result)
        return result;
    c->count = 0;
    result = ops->outbox_scan(view, c->from, take, c, c->error);
    if (result == 0)
        result = flush(c);
    ops->view_end(view);
    if (result < 0)
        return result;
    if (c->from > begin)
        return ops->outbox_trim(plant->store, c->partition, c->from, c->error);
    return 0;
}

int bb_deliver_registry(struct bb_plant *plant, const struct bb_progress_watch *to,
                        struct bb_error *error) {
    struct carry c = {.registry = plant->registry, .error = error};
    int result = 0;

    bb_arena_init(&c.arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    c.records = malloc(BATCH_RECORDS * sizeof c.records[0]);
    if (!c.records)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to deliver");
    for (c.partition = 0; !result && c.partition < plant->store->partitions; c.partition++) {
        result = carry_partition(plant, &c);
        while (!result && c.moved)
            result = carry_partition(plant, &c);
        bb_progress_tell(to, &(struct bb_progress){.phase = BB_PHASE_PROJECT,
                                                   .subject = "",
                                                   .done = c.partition + 1,
                                                   .total = plant->store->partitions});
    }
    free(c.records);
    bb_arena_release(&c.arena);
    return result;
}
