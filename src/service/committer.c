/* The committer: see committer.h. */
#include "service/committer.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Somebody's work, on his stack: he waits for it. */
struct job {
    struct job *next;
    int (*work)(struct bb_plant *plant, void *context, struct bb_error *error);
    void *context;
    struct bb_error *error;
    int result;
    bool done;
};

struct bb_committer {
    struct bb_plant *plant;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the fields below */
    pthread_cond_t submitted, done;
    struct job *first, *last;
    bool stop;
    atomic_bool failed;
};

static struct job *take_jobs(struct bb_committer *c) {
    pthread_mutex_lock(&c->lock);
    while (!c->first && !c->stop)
        pthread_cond_wait(&c->submitted, &c->lock);
    struct job *jobs = c->first;
    c->first = c->last = NULL;
    pthread_mutex_unlock(&c->lock);
    return jobs;
}

static void run_jobs(struct bb_committer *c, struct job *jobs) {
    struct bb_log *log = c->plant->log;
    struct bb_error error;

    for (struct job *job = jobs; job; job = job->next)
        job->result = job->work(c->plant, job->context, job->error);
    int result = log->ops->sync(log, &error);
    if (result)
        atomic_store(&c->failed, true);
    pthread_mutex_lock(&c->lock);
    while (jobs) {
        struct job *next = jobs->next; /* its owner goes on as soon as it is done */
        if (result && jobs->result >= 0) {
            *jobs->error = error;
            jobs->result = result;
        }
        jobs->done = true;
        jobs = next;
    }
    pthread_cond_broadcast(&c->done);
    pthread_mutex_unlock(&c->lock);
}

static void *committer_thread(void *argument) {
    struct bb_committer *c = argument;
    struct job *jobs;

    while ((jobs = take_jobs(c)) != NULL)
        run_jobs(c, jobs);
    return NULL;
}

int bb_committer_start(struct bb_plant *plant, struct bb_committer **out, struct bb_error *error) {
    struct bb_committer *c = calloc(1, sizeof *c);
    sigset_t all, before;

    if (!c)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to own the log");
    c->plant = plant;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->submitted, NULL);
    pthread_cond_init(&c->done, NULL);
    sigfillset(&all); /* signals belong to the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&c->thread, NULL, committer_thread, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        free(c);
        return BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, failure, "cannot start the log's thread");
    }
    *out = c;
    return 0;
}

void bb_committer_stop(struct bb_committer *c) {
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->submitted);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->submitted);
    pthread_cond_destroy(&c->done);
    free(c);
}

bool bb_committer_is_well(struct bb_committer *c) {
    return !atomic_load(&c->failed);
}

int bb_committer_run(struct bb_committer *c,
                     int (*work)(struct bb_plant *plant, void *context, struct bb_error *error),
                     void *context, struct bb_error *error) {
    struct job job = {.work = work, .context = context, .error = error};

    pthread_mutex_lock(&c->lock);
    if (c->last)
        c->last->next = &job;
    else
        c->first = &job;
    c->last = &job;
    pthread_cond_signal(&c->submitted);
    while (!job.done)
        pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return job.result;
}
