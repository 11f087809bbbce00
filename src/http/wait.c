/* Waiting for derivation: see wait_internal.h. */
#include "http/wait_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "http/call_internal.h"
#include "service/standing.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_EVERY_MS = 500, LOOK_WHILE_WAITED_MS = 20, CHANGES_COUNTED = 10000 };

struct bb_http_waiter {
    struct bb_http_waiter *next;
    uint64_t *ends; /* per partition; 0: nothing there */
    int64_t until_ms;
    bb_http_derived *told;
    void *context;
};

/* What one look sees of a partition. */
struct seen {
    uint64_t offset;  /* derived up to here */
    uint64_t changes; /* that the registry does not have yet; CHANGES_COUNTED at most */
    uint64_t stamp;   /* of what is derived and what the registry has of it */
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* ---- looking */

static int count_change(void *context, uint64_t sequence, struct bb_span record) {
    (void)sequence;
    (void)record;
    return ++*(uint64_t *)context == CHANGES_COUNTED;
}

static int look_at_partition(struct bb_plant *plant, uint32_t p, struct seen *seen,
                             struct bb_error *error) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct bb_store_view *view;
    struct bb_claim claim = {0};
    uint64_t projected = 0;
    int result = plant->registry->ops->position(plant->registry, p, &projected, error);

    if (!result)
        result = ops->view_begin(plant->store, p, &view, error);
    if (result)
        return result;
    result = ops->position(view, &claim, error);
    seen->changes = 0;
    if (result >= 0)
        result = ops->outbox_scan(view, projected, count_change, &seen->changes, error);
    ops->view_end(view);
    seen->offset = claim.position.inner ? 0 : claim.position.offset;
    seen->stamp = bb_hash_mix(bb_hash_mix(claim.position.offset) ^ claim.position.inner) ^
                  projected;
    return result < 0 ? result : 0;
}

static void note_lag(struct bb_http_lag *lag, uint64_t readings, uint64_t changes) {
    atomic_store(&lag->readings, readings);
    atomic_store(&lag->changes, changes);
    if (changes == 0)
        atomic_store(&lag->since_ms, 0);
    else if (atomic_load(&lag->since_ms) == 0)
        atomic_store(&lag->since_ms, now_ms());
}

static int look(struct bb_http_watcher *w, struct bb_plant *plant, struct seen *seen,
                struct bb_error *error) {
    int64_t oldest_ms = 0, clock_ms = bb_clock_now_ms(bb_clock_system());
    uint64_t lag = 0, readings = 0, stamp = 1;
    int result = 0;

    for (uint32_t p = 0; !result && p < plant->log->partitions; p++) {
        struct bb_log_backlog backlog;
        result = look_at_partition(plant, p, &seen[p], error);
        if (!result)
            result = bb_standing_backlog(plant, p, seen[p].offset, &backlog, error);
        if (result)
            break;
        stamp = bb_hash_mix(stamp ^ seen[p].stamp);
        if (p < w->partitions)
            note_lag(&w->lags[p], backlog.lag_readings, seen[p].changes);
        lag += backlog.lag_readings;
        readings += backlog.end.readings;
        if (backlog.oldest_ms > 0 && backlog.lag_readings > 0 &&
            (oldest_ms == 0 || backlog.oldest_ms < oldest_ms))
            oldest_ms = backlog.oldest_ms;
    }
    if (!result) {
        bb_rate_note(&w->rate, now_ms(), readings);
        atomic_store(&w->stamp, stamp);
        atomic_store(&w->lag_readings, lag);
        atomic_store(&w->refusing.age_ms,
                     oldest_ms && clock_ms > oldest_ms ? clock_ms - oldest_ms : 0);
    }
    return result;
}

/* ---- telling */

static bool is_derived(const struct bb_http_waiter *waiter, const struct seen *seen,
                       uint32_t partitions) {
    for (uint32_t p = 0; p < partitions; p++)
        if (waiter->ends[p] > 0 && (seen[p].offset < waiter->ends[p] || seen[p].changes > 0))
            return false;
    return true;
}

static void tell(struct bb_http_waiter *waiter, struct bb_plant *plant) {
    waiter->told(waiter->context, plant);
    free(waiter->ends);
    free(waiter);
}

/* Those that are done leave the list; they are told without the lock. */
static void tell_all(struct bb_http_watcher *w, struct bb_plant *plant, const struct seen *seen) {
    struct bb_http_waiter *done = NULL, *given_up = NULL;
    int64_t now = now_ms();

    pthread_mutex_lock(&w->lock);
    for (struct bb_http_waiter **at = &w->first; *at;) {
        struct bb_http_waiter *waiter = *at;
        bool derived = plant && is_derived(waiter, seen, plant->log->partitions);
        if (!derived && now < waiter->until_ms && !w->gives_up) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        struct bb_http_waiter **list = derived ? &done : &given_up;
        waiter->next = *list;
        *list = waiter;
    }
    pthread_mutex_unlock(&w->lock);
    for (struct bb_http_waiter *next; done; done = next) {
        next = done->next;
        tell(done, plant);
    }
    for (struct bb_http_waiter *next; given_up; given_up = next) {
        next = given_up->next;
        tell(given_up, NULL);
    }
}

/* ---- the thread */

/* Until the next look is due; false: it is over. */
static bool wait_for_look(struct bb_http_watcher *w) {
    struct timespec until;

    pthread_mutex_lock(&w->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (w->first ? LOOK_WHILE_WAITED_MS : LOOK_EVERY_MS) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    bool waited_for = w->first != NULL;
    while (!w->stop && waited_for == (w->first != NULL))
        if (pthread_cond_clockwait(&w->work, &w->lock, CLOCK_MONOTONIC, &until) != 0)
            break;
    bool goes_on = !w->stop;
    pthread_mutex_unlock(&w->lock);
    return goes_on;
}

/* What was the matter with a look; and is it the log? */
static void note_away(struct bb_http_watcher *w, bool good, const struct bb_error *error) {
    struct bb_error why = {0};
    struct bb_log_end end;

    if (!good && w->is_open)
        (void)w->plant.log->ops->end(w->plant.log, 0, &end, &why);
    atomic_store(&w->log_away, good ? 0 : (int)why.code);
    atomic_store(&w->away, good ? 0 : (int)error->code);
}

/* Opens what is not open yet; false: it cannot be seen now. */
static bool look_again(struct bb_http_watcher *w, struct seen **seen) {
    struct bb_error error = {0};

    if (!w->is_open)
        w->is_open = bb_plant_open(w->data, w->config_path, BB_PLANT_READ, &w->plant, &error) == 0;
    if (w->is_open && !*seen)
        *seen = calloc(w->plant.log->partitions, sizeof **seen);
    bool good = w->is_open && *seen && look(w, &w->plant, *seen, &error) == 0;
    note_away(w, good, &error);
    return good;
}

static void *watch(void *argument) {
    struct bb_http_watcher *w = argument;
    struct seen *seen = NULL;

    while (wait_for_look(w)) {
        bool good = look_again(w, &seen);
        bb_burn_look(&w->burn, now_ms());
        bb_http_refusing_look(&w->refusing, now_ms(), w->logger);
        if (good && w->alive)
            w->alive();
        tell_all(w, good ? &w->plant : NULL, seen);
    }
    tell_all(w, NULL, NULL);
    free(seen);
    if (w->is_open)
        bb_plant_close(&w->plant);
    return NULL;
}

int bb_http_watcher_start(struct bb_http_watcher *w, const char *data, const char *config_path,
                          uint32_t partitions, const struct bb_logger *logger,
                          struct bb_error *error) {
    sigset_t all, before;
    struct seen *seen = NULL;

    w->data = data;
    w->logger = logger;
    w->config_path = config_path;
    w->partitions = partitions;
    w->lags = calloc(partitions, sizeof w->lags[0]);
    if (!w->lags)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to watch the partitions");
    bb_rate_init(&w->rate);
    bb_burn_init(&w->burn);
    bb_burn_look(&w->burn, now_ms());
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    (void)look_again(w, &seen); /* what cannot be seen yet the thread will see */
    free(seen);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->running = failure == 0;
    return failure
               ? BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, failure, "cannot start the server's threads")
               : 0;
}

void bb_http_watcher_give_up(struct bb_http_watcher *w) {
    pthread_mutex_lock(&w->lock);
    w->gives_up = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void bb_http_watcher_stop(struct bb_http_watcher *w) {
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = w->gives_up = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    bb_rate_release(&w->rate);
    bb_burn_release(&w->burn);
    free(w->lags);
    w->lags = NULL;
    w->running = false;
}

void bb_http_wait_derived(struct bb_http_server *server, const uint64_t *ends, int64_t until_ms,
                          bb_http_derived *told, void *context) {
    struct bb_http_watcher *w = &server->watcher;
    size_t size = server->options.partitions * sizeof ends[0];
    struct bb_http_waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter)
        waiter->ends = malloc(size);
    if (!waiter || !waiter->ends) {
        free(waiter);
        told(context, NULL);
        return;
    }
    memcpy(waiter->ends, ends, size);
    waiter->until_ms = until_ms;
    waiter->told = told;
    waiter->context = context;
    pthread_mutex_lock(&w->lock);
    waiter->next = w->first;
    w->first = waiter;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}
