/* What comes of a change: see served_follow.h. */
#include "cli/served_follow.h"

#include "base/list.h"
#include "service/settled.h"

#include <stdlib.h>
#include <unistd.h>

enum { LOOK_MS = 10, STILL_MS = 60000 };

struct bb_served_follow {
    int64_t *ids; /* ascending */
    size_t count, capacity;
};

void bb_served_follow_free(struct bb_served_follow *follow) {
    if (!follow)
        return;
    free(follow->ids);
    free(follow);
}

/* A bb_registry_exception_visit. */
static int take_id(void *context, const struct bb_registry_exception *row) {
    struct bb_served_follow *f = context;

    if (!bb_list_room(&f->ids, f->count, &f->capacity, sizeof *f->ids))
        return -BB_E_NO_MEMORY;
    f->ids[f->count++] = row->id;
    return 0;
}

static int by_id(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int look_at_exceptions(struct bb_command *command, struct bb_plant *plant,
                              struct bb_served_follow **out, struct bb_error *error) {
    struct bb_served_follow *now = calloc(1, sizeof *now);
    int result = now ? plant->registry->ops->exception_list(plant->registry,
                                                            bb_command_tenant(command), true,
                                                            BB_TIME_NONE, take_id, now, error)
                     : -BB_E_NO_MEMORY;

    if (result == -BB_E_NO_MEMORY)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the open exceptions");
    if (result < 0) {
        bb_served_follow_free(now);
        return result;
    }
    if (now->count > 0)
        qsort(now->ids, now->count, sizeof *now->ids, by_id);
    *out = now;
    return 0;
}

static void compare(const struct bb_served_follow *was, const struct bb_served_follow *is,
                    struct bb_worker_counts *counts) {
    for (size_t i = 0, k = 0; i < was->count || k < is->count;) {
        int64_t old = i < was->count ? was->ids[i] : INT64_MAX;
        int64_t now = k < is->count ? is->ids[k] : INT64_MAX;
        counts->exceptions_closed += old < now;
        counts->exceptions_opened += now < old;
        i += old <= now;
        k += now <= old;
    }
}

/* How much is left to derive, in bytes of the log: as long as it shrinks, somebody is at it. */
static int measure_rest(struct bb_plant *plant, uint64_t *readings, struct bb_error *error) {
    int result = 0;

    *readings = 0;
    for (uint32_t p = 0; !result && p < plant->log->partitions; p++) {
        struct bb_store_view *view;
        struct bb_claim claim = {0};
        struct bb_log_backlog backlog = {.lag_readings = 0};
        result = plant->store->ops->view_begin(plant->store, p, &view, error);
        if (result)
            break;
        result = plant->store->ops->position(view, &claim, error);
        plant->store->ops->view_end(view);
        if (result >= 0)
            result = plant->log->ops->backlog(plant->log, p, claim.position.offset, &backlog,
                                              error);
        *readings += backlog.lag_readings;
    }
    return result < 0 ? result : 0;
}

static int wait_until_settled(struct bb_plant *plant, const uint64_t *ends,
                              struct bb_error *error) {
    uint64_t least = UINT64_MAX, rest;
    int64_t still_ms = 0;
    int result;

    while ((result = bb_settled_look(plant, ends, error)) == BB_SETTLED_NOT_YET) {
        result = measure_rest(plant, &rest, error);
        if (result)
            return result;
        still_ms = rest < least ? 0 : still_ms + LOOK_MS;
        least = rest < least ? rest : least;
        if (still_ms >= STILL_MS)
            return BB_FAIL(error, BB_E_BACKLOG,
                           "nothing was derived for %d s: what was told is kept, and takes effect "
                           "when a worker runs",
                           STILL_MS / 1000);
        if (*bb_stop_flag())
            return BB_FAIL(error, BB_E_BACKLOG, "what was told is kept, and not derived yet");
        usleep(LOOK_MS * 1000);
    }
    return result;
}

int bb_served_follow_begin(struct bb_command *command, struct bb_plant *plant,
                           struct bb_error *error) {
    return look_at_exceptions(command, plant, &command->follow, error);
}

int bb_served_follow(struct bb_command *command, struct bb_plant *plant,
                     struct bb_worker_counts *counts, struct bb_error *error) {
    uint64_t *ends = calloc(plant->log->partitions, sizeof *ends);
    struct bb_served_follow *now = NULL;

    *counts = (struct bb_worker_counts){.blocks = 0};
    if (!ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to wait for a change");
    int result = bb_settled_mark(plant, ends, error);
    if (!result) {
        bb_stop_on_signals(); /* what was told is durable: who interrupts is told so */
        result = wait_until_settled(plant, ends, error);
    }
    free(ends);
    if (!result)
        result = look_at_exceptions(command, plant, &now, error);
    if (result < 0)
        return result;
    if (command->follow && now)
        compare(command->follow, now, counts);
    bb_served_follow_free(command->follow);
    command->follow = now;
    return 0;
}
