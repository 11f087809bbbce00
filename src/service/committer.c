/* The committer: see committer.h.
 *
 * A round of posts goes through four lists, one step per sync at most:
 *
 *   filling ─ sync ─► fresh (answered) ─ marks ─► marked ─ sync ─► settled ─ DONE ─► gone
 *
 * While posts keep coming, each round's sync also carries the marks of the round before and the DONE of the
 * one before that. When nothing comes, the marks are written at once and the rest a moment later.
 */
#include "service/committer.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "service/letter_log.h"
#include "service/metric.h"
#include "service/post.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { SOURCES = 64, IDLE_MS = 200 };

/* Somebody's work, on his stack: he waits for it. */
struct job {
    struct job *next;
    bb_committer_work *work;
    void *context;
    struct bb_error *error;
    int result;
    bool wants_sync, done;
};

struct round_list {
    struct bb_round **items;
    size_t count, capacity;
};

struct post_list {
    struct bb_post *first, *last;
};

struct bb_committer {
    struct bb_plant *plant;
    pthread_t thread;
    atomic_bool failed;

    pthread_mutex_t lock; /* guards what follows, up to `stop` */
    pthread_cond_t submitted, done;
    struct job *first_job, *last_job;
    struct post_list posts;
    bool stop;

    pthread_mutex_t receive_lock; /* guards the next three */
    struct {
        uint64_t source;
        int64_t received_ms;
    } received[SOURCES];
    uint32_t received_next;
    int64_t sealed_ms; /* received times up to here may have been answered */

    /* the committer's thread alone */
    struct bb_round *filling;
    struct round_list fresh, marked, settled;
    struct post_list waiting; /* for their marks: they want to know where these stand */
    uint64_t *mark_ends;      /* per partition */
};

/* ---- lists */

static void push_post(struct post_list *list, struct bb_post *post) {
    post->next = NULL;
    if (list->last)
        list->last->next = post;
    else
        list->first = post;
    list->last = post;
}

/* The list's room is made before anything is written: a round that is durable is never lost from sight. */
static int reserve_round(struct round_list *list, struct bb_error *error) {
    return bb_list_room(&list->items, list->count, &list->capacity, sizeof *list->items)
               ? 0
               : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a round of posts");
}

static void release_rounds(struct round_list *list) {
    for (size_t i = 0; i < list->count; i++)
        bb_round_free(list->items[i]);
    free(list->items);
    *list = (struct round_list){0};
}

static void swap_lists(struct round_list *a, struct round_list *b) {
    struct round_list kept = *a;
    *a = *b;
    *b = kept;
}

/* ---- received times */

int64_t bb_committer_receive(struct bb_committer *c, struct bb_span source, int64_t now_ms) {
    uint64_t hash = bb_hash(source);
    int64_t found = 0;

    pthread_mutex_lock(&c->receive_lock);
    for (uint32_t i = 0; i < SOURCES && !found; i++)
        if (c->received[i].source == hash && c->received[i].received_ms > c->sealed_ms)
            found = c->received[i].received_ms;
    if (!found) {
        uint32_t at = c->received_next++ % SOURCES;
        found = bb_ledger_receive(&c->plant->ledger, now_ms);
        c->received[at].source = hash;
        c->received[at].received_ms = found;
    }
    pthread_mutex_unlock(&c->receive_lock);
    return found;
}

/* What is received from now on is later than all that the round will answer. */
static void seal_received(struct bb_committer *c) {
    pthread_mutex_lock(&c->receive_lock);
    c->sealed_ms = atomic_load(&c->plant->ledger.last_received_ms);
    pthread_mutex_unlock(&c->receive_lock);
}

/* ---- posts into the round */

static int append_post(struct bb_committer *c, struct bb_round *round, struct bb_post *post,
                       struct bb_error *error) {
    int result = 0;

    for (uint32_t i = 0; !result && !post->round && i < post->frame_count; i++) {
        const struct bb_post_frame *f = &post->frames[i];
        result = bb_round_append(&c->plant->ledger, round, f->partition,
                                 (struct bb_span){post->bytes.data + f->offset, f->size},
                                 f->readings, error);
    }
    return result;
}

/* What came of foreign topics and cannot be used, and what of that was replayed. */
static int place_letters(struct bb_committer *c, const struct bb_round *round, struct bb_post *post,
                         struct bb_error *error) {
    int result = 0;

    if (post->letters.size > 0)
        result = bb_letters_append(&c->plant->ledger, round, bb_buffer_span(&post->letters),
                                   (uint64_t)c->plant->config.letters_daily_bytes,
                                   &post->letters_left_out, error);
    if (!result && post->replayed_count > 0)
        result = bb_letters_close(&c->plant->ledger, round, post->replayed, post->replayed_count,
                                  BB_LETTER_REPLAYED, post->replayed_by, round->received_ms, error);
    return result;
}

static int place_post(struct bb_committer *c, struct bb_post *post, int64_t now_ms,
                      struct bb_error *error) {
    struct bb_ledger *ledger = &c->plant->ledger;
    int result = 0;

    if (!post->round && !c->filling) {
        c->filling = bb_round_new(ledger, now_ms);
        if (!c->filling)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a round of posts");
    }
    struct bb_round *round = post->round ? post->round : c->filling;
    if (post->step_count > 0)
        result = bb_post_ledger_step(ledger, round, post->steps, post->step_count, error);
    if (result == BB_SOURCE_STEPS_MOVED) {
        post->outcome = BB_POST_MOVED;
        return 0;
    }
    if (!result)
        result = place_letters(c, round, post, error);
    if (!result && post->note.key.size > 0)
        result = bb_post_ledger_note(ledger, round, &post->note, now_ms, error);
    if (result == BB_POST_KEY_SAME)
        post->outcome = BB_POST_REPEATED;
    if (result == BB_POST_KEY_OTHER)
        post->outcome = BB_POST_CONFLICT;
    if (result == BB_POST_KEYS_FULL) {
        post->result = BB_FAIL(&post->error, BB_E_BUSY,
                               "%d Idempotency-Keys are remembered, which is the most",
                               BB_IDEMPOTENCY_KEYS_MAX);
        return 0;
    }
    return result == 0 ? append_post(c, round, post, error) : result < 0 ? result : 0;
}

/* A large post is a round of its own. */
static int decide_large(struct bb_committer *c, struct bb_post *post, struct bb_error *error) {
    if (!post->round || post->result || post->outcome != BB_POST_TAKEN)
        return 0;
    int result = reserve_round(&c->fresh, error);
    if (!result)
        result = bb_post_ledger_decide(&c->plant->ledger, post->round, error);
    return result;
}

static bool is_empty(const struct bb_committer *c, const struct bb_round *round) {
    for (uint32_t p = 0; p < c->plant->log->partitions; p++)
        if (round->parts[p].frames > 0)
            return false;
    return round->note_count == 0 && round->step_count == 0;
}

/* Everything of the round but the sync. */
static int fill_round(struct bb_committer *c, struct bb_post *posts, struct bb_error *error) {
    int64_t now_ms = bb_clock_now_ms(bb_clock_system());
    int result = 0;

    seal_received(c);
    for (struct bb_post *post = posts; !result && post; post = post->next)
        result = place_post(c, post, now_ms, error);
    for (struct bb_post *post = posts; !result && post; post = post->next)
        result = decide_large(c, post, error);
    if (!result && c->filling && !is_empty(c, c->filling)) {
        result = reserve_round(&c->fresh, error);
        if (!result)
            result = bb_post_ledger_decide(&c->plant->ledger, c->filling, error);
    }
    if (result)
        bb_post_ledger_forget(&c->plant->ledger);
    return result;
}

/* What was filled is durable: on to `fresh`. */
static int keep_rounds(struct bb_committer *c, struct bb_post *posts, struct bb_error *error) {
    for (struct bb_post *post = posts; post; post = post->next)
        if (post->round && !post->result && post->outcome == BB_POST_TAKEN) {
            int result = reserve_round(&c->fresh, error);
            if (result)
                return result;
            if (post->derived_at) /* without memory for it, what came of the post is not told */
                post->taken = bb_round_copy(post->round, c->plant->log->partitions);
            c->fresh.items[c->fresh.count++] = post->round;
            post->round = NULL;
        }
    if (!c->filling)
        return 0;
    int result = reserve_round(&c->fresh, error);
    if (result)
        return result;
    c->fresh.items[c->fresh.count++] = c->filling;
    c->filling = NULL;
    return 0;
}

/* ---- what is left to do for rounds that count */

static int append_dones(struct bb_committer *c, struct bb_error *error) {
    int result = 0;

    for (size_t i = 0; !result && i < c->settled.count; i++)
        if (!is_empty(c, c->settled.items[i]))
            result = bb_post_ledger_done(&c->plant->ledger, c->settled.items[i], error);
    for (size_t i = 0; i < c->settled.count; i++)
        bb_round_free(c->settled.items[i]);
    c->settled.count = 0;
    return result;
}

/* Those who wait for what follows from their post learn where its marks end. */
static void tell_waiting(struct bb_committer *c) {
    struct bb_post *post = c->waiting.first, *next;

    c->waiting = (struct post_list){0};
    for (; post; post = next) {
        next = post->next;
        memcpy(post->derived_at, c->mark_ends, c->plant->log->partitions * sizeof c->mark_ends[0]);
        post->done(post);
    }
}

static int append_marks(struct bb_committer *c, struct bb_error *error) {
    size_t done = 0;
    int result = 0;

    while (!result && done < c->fresh.count) {
        result = reserve_round(&c->marked, error);
        if (!result)
            result = bb_post_ledger_mark(&c->plant->ledger, c->fresh.items[done], c->mark_ends,
                                         error);
        if (!result)
            c->marked.items[c->marked.count++] = c->fresh.items[done++];
    }
    c->fresh.count -= done;
    if (done > 0)
        memmove(c->fresh.items, c->fresh.items + done, c->fresh.count * sizeof c->fresh.items[0]);
    if (!result)
        tell_waiting(c);
    return result;
}

static int sync_all(struct bb_committer *c, struct bb_error *error) {
    struct bb_log *log = c->plant->log;
    int64_t begin_ns = bb_monotonic_ns();
    int result = log->ops->sync(log, error);

    bb_metric_observe(BB_METRIC_LOG_SYNC, bb_monotonic_ns() - begin_ns, 1);
    if (!result) {
        BB_ASSERT(c->settled.count == 0);
        swap_lists(&c->settled, &c->marked);
    }
    return result;
}

/* ---- telling */

static void finish_post(struct bb_committer *c, struct bb_post *post, int result,
                        const struct bb_error *error) {
    if (result && !post->result) {
        post->result = result;
        post->error = *error;
    }
    if (!post->result && post->outcome == BB_POST_REPEATED) {
        struct bb_post_note asked = post->note;
        post->result = bb_post_ledger_recall(&c->plant->ledger, asked.tenant, asked.key,
                                             &post->note, &post->recalled, &post->error);
    }
    if (!post->result && post->outcome == BB_POST_TAKEN && post->derived_at)
        push_post(&c->waiting, post);
    else
        post->done(post);
}

static void finish_jobs(struct bb_committer *c, struct job *jobs, int result,
                        const struct bb_error *error) {
    pthread_mutex_lock(&c->lock);
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next; /* its owner goes on as soon as it is done */
        if (result && job->wants_sync && job->result >= 0) {
            *job->error = *error;
            job->result = result;
        }
        job->done = true;
    }
    pthread_cond_broadcast(&c->done);
    pthread_mutex_unlock(&c->lock);
}

/* ---- the thread */

/* Those that need no sync are told at once; the others are given back. */
static struct job *run_jobs(struct bb_committer *c, struct job *jobs) {
    struct job *quick = NULL, *slow = NULL;

    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        job->result = job->work(c->plant, job->context, job->error);
        struct job **list = job->wants_sync ? &slow : &quick;
        job->next = *list;
        *list = job;
    }
    if (quick)
        finish_jobs(c, quick, 0, NULL);
    return slow;
}

static void do_round(struct bb_committer *c, struct job *jobs, struct bb_post *posts) {
    struct bb_error error = {0};
    bool wants_sync;
    int result = append_dones(c, &error);

    if (!result)
        result = append_marks(c, &error);
    jobs = run_jobs(c, jobs);
    int filled = result ? result : fill_round(c, posts, &error);
    wants_sync = jobs || posts || c->marked.count > 0;
    struct bb_error sync_error;
    int synced = wants_sync ? sync_all(c, &sync_error) : 0;
    if (synced || result)
        atomic_store(&c->failed, true); /* marks or a sync: the log does not go on */
    if (!filled && synced) {
        filled = synced;
        error = sync_error;
    }
    if (!filled)
        filled = keep_rounds(c, posts, &error);
    bb_round_free(c->filling); /* of a round that failed: nobody is told that it counts */
    c->filling = NULL;
    for (struct bb_post *post = posts, *next; post; post = next) {
        next = post->next;
        finish_post(c, post, filled, &error);
    }
    finish_jobs(c, jobs, synced, &sync_error);
}

static bool has_leftovers(const struct bb_committer *c) {
    return c->fresh.count + c->marked.count + c->settled.count > 0 && !atomic_load(&c->failed);
}

/* Wait for something to do; false: it is over. */
static bool take(struct bb_committer *c, struct job **jobs, struct bb_post **posts) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&c->lock);
    while (!c->first_job && !c->posts.first && !c->stop)
        if (!has_leftovers(c))
            pthread_cond_wait(&c->submitted, &c->lock);
        else if (c->fresh.count > 0 ||
                 pthread_cond_clockwait(&c->submitted, &c->lock, CLOCK_MONOTONIC, &until) != 0)
            break;
    *jobs = c->first_job;
    *posts = c->posts.first;
    c->first_job = c->last_job = NULL;
    c->posts = (struct post_list){0};
    bool is_over = c->stop && !*jobs && !*posts && !has_leftovers(c);
    pthread_mutex_unlock(&c->lock);
    return !is_over;
}

static void *committer_thread(void *argument) {
    struct bb_committer *c = argument;
    struct bb_post *posts;
    struct job *jobs;

    while (take(c, &jobs, &posts))
        do_round(c, jobs, posts);
    return NULL;
}

/* ---- submitting */

int bb_committer_start(struct bb_plant *plant, struct bb_committer **out, struct bb_error *error) {
    struct bb_committer *c = calloc(1, sizeof *c);
    sigset_t all, before;

    if (c)
        c->mark_ends = calloc(plant->log->partitions, sizeof c->mark_ends[0]);
    if (!c || !c->mark_ends) {
        free(c);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to own the log");
    }
    c->plant = plant;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->receive_lock, NULL);
    pthread_cond_init(&c->submitted, NULL);
    pthread_cond_init(&c->done, NULL);
    sigfillset(&all); /* signals belong to the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&c->thread, NULL, committer_thread, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        free(c->mark_ends);
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
    release_rounds(&c->fresh);
    release_rounds(&c->marked);
    release_rounds(&c->settled);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->receive_lock);
    pthread_cond_destroy(&c->submitted);
    pthread_cond_destroy(&c->done);
    free(c->mark_ends);
    free(c);
}

bool bb_committer_is_well(struct bb_committer *c) {
    return !atomic_load(&c->failed);
}

void bb_committer_submit(struct bb_committer *c, struct bb_post *post) {
    pthread_mutex_lock(&c->lock);
    push_post(&c->posts, post);
    pthread_cond_signal(&c->submitted);
    pthread_mutex_unlock(&c->lock);
}

static int wait_for(struct bb_committer *c, struct job *job) {
    pthread_mutex_lock(&c->lock);
    if (c->last_job)
        c->last_job->next = job;
    else
        c->first_job = job;
    c->last_job = job;
    pthread_cond_signal(&c->submitted);
    while (!job->done)
        pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return job->result;
}

int bb_committer_run(struct bb_committer *c, bb_committer_work *work, void *context,
                     struct bb_error *error) {
    struct job job = {.work = work, .context = context, .error = error, .wants_sync = true};
    return wait_for(c, &job);
}

int bb_committer_append(struct bb_committer *c, bb_committer_work *work, void *context,
                        struct bb_error *error) {
    struct job job = {.work = work, .context = context, .error = error};
    return wait_for(c, &job);
}
