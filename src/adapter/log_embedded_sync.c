/* The crew: threads that make segments durable while the owner goes on appending.
 *
 *   owner                         crew, up to 8 threads
 *   append append sync_begin ──► │ round 7: fdatasync p0 │ fdatasync p3 │ fdatasync p5 │
 *   append append sync_begin      (p0, p3 and p1 wait in the round to come)
 *   append ... sync: waits ◄──── │ publish the durable ends, wake the readers          │
 *
 * Why several threads: the partitions are separate files, and a file system commits its journal
 * once for all the syncs that wait at the same moment, but once for each that comes after another.
 * With eight dirty partitions, side by side is two to three times faster than in turn.
 *
 * What is asked for while a round is under way gathers in the next one, so a slow disk makes bigger
 * rounds by itself. `sync` does not only wait, it takes jobs like any of the crew: with one dirty
 * partition nobody else needs to be woken.
 *
 * A failed fdatasync is fatal: the kernel may have dropped the pages it could not write and would
 * report success the next time. The log is poisoned and nothing is tried again.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int job_run(const struct bb_log_files *log, const struct bb_log_job *job,
                   struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];

    if (fdatasync(job->fd) != 0) {
        int failure = errno;
        bb_log_segment_path(log, job->partition, job->segment, path);
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot make %s durable", path);
    }
    if (!job->directory)
        return 0;
    bb_log_partition_path(log, job->partition, path);
    return bb_log_directory_sync(path, error);
}

/* ---- what follows runs under crew.lock, unless it says otherwise */

static void poison(struct bb_log_crew *crew, const struct bb_error *reason) {
    if (atomic_load_explicit(&crew->failed, memory_order_relaxed))
        return;
    crew->failure = *reason;
    crew->failure.retriable = false;
    atomic_store_explicit(&crew->failed, true, memory_order_release);
    pthread_cond_broadcast(&crew->done);
}

/* The round to come becomes the round under way. */
static void round_begin(struct bb_log_files *log) {
    struct bb_log_crew *crew = &log->crew;

    crew->round_count = 0;
    crew->round_taken = 0;
    for (uint32_t p = 0; p <= log->base.partitions; p++)
        if (crew->next[p].wanted) {
            crew->round[crew->round_count++] = crew->next[p];
            crew->next[p] = (struct bb_log_job){.fd = -1};
        }
    crew->round_left = crew->round_count;
    crew->next_count = 0;
    crew->next_ticket++;
    /* One job is for the thread that is here; each of the others is worth a thread. */
    for (uint32_t i = 1; i < crew->round_count && i < crew->thread_count; i++)
        pthread_cond_signal(&crew->work);
}

static void round_end(struct bb_log_files *log) {
    struct bb_log_crew *crew = &log->crew;

    if (atomic_load_explicit(&crew->failed, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < crew->round_count; i++) {
        struct bb_log_job *job = &crew->round[i];
        struct bb_log_end end = {0};
        struct bb_error ignored;

        /* A tail page that went bad under us is simply written again. */
        if (bb_log_tail_load(log, job->partition, &end, &ignored) < 0)
            end.first_offset = 0;
        end.offset = job->end;
        end.readings = job->readings;
        bb_log_tail_publish(log, job->partition, &end);
    }
    crew->durable_ticket = crew->next_ticket - 1;
    bb_log_tail_wake(log);
    pthread_cond_broadcast(&crew->done);
}

/* Take one job and do it, with the lock released meanwhile. False: there was none to take. */
static bool take_job(struct bb_log_files *log) {
    struct bb_log_crew *crew = &log->crew;
    struct bb_error error;

    if (crew->round_left == 0 && crew->next_count > 0)
        round_begin(log);
    if (crew->round_taken == crew->round_count)
        return false;
    const struct bb_log_job *job = &crew->round[crew->round_taken++];
    if (!atomic_load_explicit(&crew->failed, memory_order_relaxed)) {
        pthread_mutex_unlock(&crew->lock);
        int result = job_run(log, job, &error);
        pthread_mutex_lock(&crew->lock);
        if (result < 0)
            poison(crew, &error);
    }
    if (--crew->round_left == 0)
        round_end(log);
    return true;
}

static void *crew_thread(void *argument) {
    struct bb_log_files *log = argument;
    struct bb_log_crew *crew = &log->crew;

    pthread_mutex_lock(&crew->lock);
    for (;;) {
        if (take_job(log))
            continue;
        if (crew->stop)
            break;
        pthread_cond_wait(&crew->work, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* ---- the owner's side */

int bb_log_crew_start(struct bb_log_files *log, struct bb_error *error) {
    struct bb_log_crew *crew = &log->crew;
    uint32_t files = log->base.partitions + 1;
    sigset_t all, before;
    int failure = 0;

    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    pthread_cond_init(&crew->done, NULL);
    log->crew_started = true;
    crew->next_ticket = 1;
    crew->next = calloc(files, sizeof *crew->next);
    crew->round = calloc(files, sizeof *crew->round);
    if (!crew->next || !crew->round)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", log->directory);

    /* Signals belong to the threads of the application. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!failure && crew->thread_count < files && crew->thread_count < BB_LOG_CREW_LIMIT) {
        failure = pthread_create(&crew->threads[crew->thread_count], NULL, crew_thread, log);
        if (!failure)
            crew->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* One is enough to keep the promise; more only make it faster. */
    if (crew->thread_count == 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot start the sync threads of %s",
                             log->directory);
    return 0;
}

void bb_log_crew_stop(struct bb_log_files *log) {
    struct bb_log_crew *crew = &log->crew;

    if (!log->crew_started)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->stop = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (uint32_t i = 0; i < crew->thread_count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->work);
    pthread_cond_destroy(&crew->done);
    free(crew->next);
    free(crew->round);
    log->crew_started = false;
}

int bb_log_crew_check(struct bb_log_files *log, struct bb_error *error) {
    if (!atomic_load_explicit(&log->crew.failed, memory_order_acquire))
        return 0;
    *error = log->crew.failure; /* constant since `failed` was set */
    return -(int)error->code;
}

void bb_log_crew_poison(struct bb_log_files *log, const struct bb_error *reason) {
    pthread_mutex_lock(&log->crew.lock);
    poison(&log->crew, reason);
    pthread_mutex_unlock(&log->crew.lock);
}

/* Put what is dirty into the round to come. Returns the ticket of the round that has it all. */
static uint64_t hand_over(struct bb_log_files *log) {
    struct bb_log_crew *crew = &log->crew;

    for (uint32_t p = 0; p <= log->base.partitions; p++) {
        struct bb_log_partition *partition = &log->partition[p];
        struct bb_log_job *job = &crew->next[p];
        if (!partition->dirty)
            continue;
        crew->next_count += job->wanted ? 0 : 1;
        *job = (struct bb_log_job){.wanted = true,
                                   .directory = job->directory || partition->new_file,
                                   .fd = partition->fd,
                                   .partition = p,
                                   .segment = partition->segment,
                                   .end = partition->end,
                                   .readings = partition->readings};
        partition->dirty = false;
        partition->new_file = false;
    }
    return crew->next_count > 0 ? crew->next_ticket : crew->next_ticket - 1;
}

int bb_log_files_sync_begin(struct bb_log *base, struct bb_error *error) {
    struct bb_log_files *log = (struct bb_log_files *)base;

    BB_ASSERT(log->append);
    pthread_mutex_lock(&log->crew.lock);
    hand_over(log);
    if (log->crew.round_left == 0 && log->crew.next_count > 0)
        pthread_cond_signal(&log->crew.work);
    pthread_mutex_unlock(&log->crew.lock);
    return bb_log_crew_check(log, error);
}

int bb_log_files_sync(struct bb_log *base, struct bb_error *error) {
    struct bb_log_files *log = (struct bb_log_files *)base;
    struct bb_log_crew *crew = &log->crew;

    BB_ASSERT(log->append);
    pthread_mutex_lock(&crew->lock);
    uint64_t ticket = hand_over(log);
    while (crew->durable_ticket < ticket &&
           !atomic_load_explicit(&crew->failed, memory_order_relaxed))
        if (!take_job(log))
            pthread_cond_wait(&crew->done, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
    return bb_log_crew_check(log, error);
}
