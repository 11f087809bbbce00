/* The queue in memory: port/queue.h in as few words as can be, to hold the others against. It does not sleep: what is not
 * there at once is not there. One thread. */
#include "adapter/queue.h"

#include <stdlib.h>

#include "base/list.h"

struct item {
    uint64_t id, lease;
    enum bb_queue_priority priority;
    uint32_t attempts;
    int64_t ready_ms, until_ms; /* until_ms 0: not taken */
    bool dead;
    size_t size;
    char body[BB_QUEUE_BODY_MAX];
};

struct bb_queue_memory {
    struct item **items; /* by id */
    size_t count, capacity;
    uint64_t last_id;
};

struct queue_memory {
    struct bb_queue base;
    struct bb_queue_memory *shared;
    struct bb_clock clock;
    uint64_t id, lease; /* held; id 0: nothing */
    char body[BB_QUEUE_BODY_MAX];
};

struct bb_queue_memory *bb_queue_memory_new(void) {
    return calloc(1, sizeof(struct bb_queue_memory));
}

void bb_queue_memory_free(struct bb_queue_memory *memory) {
    if (!memory)
        return;
    for (size_t i = 0; i < memory->count; i++)
        free(memory->items[i]);
    free(memory->items);
    free(memory);
}

static struct queue_memory *of(struct bb_queue *queue) {
    return (struct queue_memory *)queue;
}

static int put(struct bb_queue *base, const struct bb_queue_item *new, struct bb_error *error) {
    struct queue_memory *queue = of(base);
    struct bb_queue_memory *shared = queue->shared;

    if (new->body.size > BB_QUEUE_BODY_MAX)
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "an item of a queue has at most %d bytes",
                       BB_QUEUE_BODY_MAX);
    struct item *item = bb_list_room(&shared->items, shared->count, &shared->capacity,
                                     sizeof *shared->items)
                            ? calloc(1, sizeof *item)
                            : NULL;
    if (!item)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an item of the queue");
    item->id = ++shared->last_id;
    item->priority = new->priority;
    item->ready_ms = bb_clock_now_ms(queue->clock) + new->delay_ms;
    item->size = new->body.size;
    if (new->body.size > 0)
        memcpy(item->body, new->body.data, new->body.size);
    shared->items[shared->count++] = item;
    return 0;
}

static bool is_free(const struct item *item, int64_t now_ms) {
    return item->until_ms <= now_ms && (item->dead || item->ready_ms <= now_ms);
}

static void bury(struct queue_memory *queue, int64_t now_ms) {
    for (size_t i = 0; i < queue->shared->count; i++) {
        struct item *item = queue->shared->items[i];
        if (!item->dead && item->until_ms > 0 && item->until_ms <= now_ms &&
            item->attempts >= queue->base.attempts_max) {
            item->dead = true;
            item->until_ms = 0;
        }
    }
}

static int take_any(struct queue_memory *queue, bool dead, struct bb_queue_delivery *out) {
    const int64_t now_ms = bb_clock_now_ms(queue->clock);
    struct item *best = NULL;

    BB_ASSERT(queue->id == 0);
    bury(queue, now_ms);
    for (size_t i = 0; i < queue->shared->count; i++) {
        struct item *item = queue->shared->items[i];
        if (item->dead == dead && is_free(item, now_ms) &&
            (!best || (!dead && item->priority < best->priority)))
            best = item;
    }
    if (!best)
        return BB_QUEUE_EMPTY;
    best->attempts += !dead;
    best->until_ms = now_ms + queue->base.lease_ms;
    queue->id = best->id;
    queue->lease = ++best->lease;
    memcpy(queue->body, best->body, best->size);
    *out = (struct bb_queue_delivery){{queue->body, best->size}, best->priority, best->attempts};
    return BB_QUEUE_TAKEN;
}

static int take(struct bb_queue *base, int timeout_ms, struct bb_queue_delivery *out,
                struct bb_error *error) {
    (void)timeout_ms;
    (void)error;
    return take_any(of(base), false, out);
}

static int take_dead(struct bb_queue *base, struct bb_queue_delivery *out, struct bb_error *error) {
    (void)error;
    return take_any(of(base), true, out);
}

/* Its place, or the count of items: lost. */
static size_t place_of_held(const struct queue_memory *queue) {
    size_t i = 0;

    for (; i < queue->shared->count; i++) {
        const struct item *item = queue->shared->items[i];
        if (item->id == queue->id && item->lease == queue->lease && item->until_ms > 0)
            break;
    }
    return i;
}

static struct item *held(struct queue_memory *queue, bool ends) {
    size_t place = place_of_held(queue);
    struct item *item = place < queue->shared->count ? queue->shared->items[place] : NULL;

    if (!item || ends)
        queue->id = 0;
    return item;
}

static int renew(struct bb_queue *base, struct bb_error *error) {
    struct queue_memory *queue = of(base);
    struct item *item = held(queue, false);

    (void)error;
    if (item)
        item->until_ms = bb_clock_now_ms(queue->clock) + base->lease_ms;
    return item ? BB_QUEUE_HELD : BB_QUEUE_LOST;
}

static int ack(struct bb_queue *base, struct bb_error *error) {
    struct queue_memory *queue = of(base);
    struct bb_queue_memory *shared = queue->shared;
    size_t place = place_of_held(queue);

    (void)error;
    if (!held(queue, true))
        return BB_QUEUE_LOST;
    free(shared->items[place]);
    shared->count--;
    memmove(shared->items + place, shared->items + place + 1,
            (shared->count - place) * sizeof *shared->items);
    return BB_QUEUE_HELD;
}

static int give_back(struct bb_queue *base, int64_t delay_ms, bool uncounted,
                     struct bb_error *error) {
    struct queue_memory *queue = of(base);
    struct item *item = held(queue, true);

    (void)error;
    if (!item)
        return BB_QUEUE_LOST;
    item->until_ms = 0;
    item->ready_ms = bb_clock_now_ms(queue->clock) + delay_ms;
    if (item->dead)
        item->attempts = 0;
    else
        item->attempts -= uncounted;
    item->dead = item->attempts >= base->attempts_max;
    return BB_QUEUE_HELD;
}

static int counts(struct bb_queue *base, struct bb_queue_counts *out, struct bb_error *error) {
    struct queue_memory *queue = of(base);
    const int64_t now_ms = bb_clock_now_ms(queue->clock);

    (void)error;
    *out = (struct bb_queue_counts){0};
    for (size_t i = 0; i < queue->shared->count; i++) {
        const struct item *item = queue->shared->items[i];
        out->dead += item->dead;
        out->delayed += !item->dead && item->ready_ms > now_ms;
        out->ready += !item->dead && is_free(item, now_ms);
    }
    return 0;
}

static void queue_close(struct bb_queue *base) {
    free(base);
}

static const struct bb_queue_ops operations = {.name = "memory",
                                               .close = queue_close,
                                               .put = put,
                                               .take = take,
                                               .take_dead = take_dead,
                                               .renew = renew,
                                               .ack = ack,
                                               .give_back = give_back,
                                               .counts = counts};

int bb_queue_memory_open(struct bb_queue_memory *memory, const struct bb_queue_options *options,
                         struct bb_queue **out, struct bb_error *error) {
    struct queue_memory *queue = calloc(1, sizeof *queue);

    *out = NULL;
    if (!queue)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a queue");
    bb_queue_base_init(&queue->base, &operations, options);
    queue->shared = memory;
    queue->clock = options->clock;
    *out = &queue->base;
    return 0;
}
