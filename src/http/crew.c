/* A crew: see crew_internal.h. */
#include "http/crew_internal.h"

#include "http/call_internal.h"

#include <signal.h>
#include <stdlib.h>

enum { WAITING_LIMIT = 4096 };

static struct bb_http_call *take(struct bb_http_crew *crew) {
    pthread_mutex_lock(&crew->lock);
    while (!crew->first && !crew->stop)
        pthread_cond_wait(&crew->work, &crew->lock);
    struct bb_http_call *call = crew->first;
    if (call) {
        crew->first = call->next;
        crew->last = crew->first ? crew->last : NULL;
        crew->waiting--;
    }
    pthread_mutex_unlock(&crew->lock);
    return call;
}

/* At its first call, or before: a plant that cannot be opened fails that call, not the thread. */
static int open_plant(struct bb_http_crew_member *member, struct bb_error *error) {
    if (member->opened)
        return 0;
    int result = bb_plant_open(member->crew->data, member->crew->config_path, BB_PLANT_READ,
                               &member->plant, error);
    member->opened = result == 0;
    return result;
}

static int handle(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_http_route *route = call->match.route;
    int result = 0;

    if (call->is_refused) {
        bb_http_audit_refusal(call);
        *error = call->refusal;
        return -(int)error->code;
    }
    if (bb_http_is_audited(route))
        result = bb_http_audit_begin(call, error);
    return result ? result : route->handle(call, error);
}

static void *member_thread(void *argument) {
    struct bb_http_crew_member *member = argument;
    struct bb_http_call *call;

    if (member->crew->opens_early) {
        struct bb_error later;
        (void)open_plant(member, &later);
    }
    while ((call = take(member->crew)) != NULL) {
        struct bb_error error = {0};
        int result = open_plant(member, &error);
        call->member = member;
        if (!result)
            result = handle(call, &error);
        if (result != BB_HTTP_LATER)
            bb_http_call_end(call, result, &error);
    }
    if (member->free_kit)
        member->free_kit(member->kit);
    if (member->opened)
        bb_plant_close(&member->plant);
    return NULL;
}

int bb_http_crew_start(struct bb_http_crew *crew, uint32_t threads, bool opens_early,
                       const char *data, const char *config_path, struct bb_error *error) {
    sigset_t all, before;
    int failure = 0;

    *crew = (struct bb_http_crew){.opens_early = opens_early,
                                  .data = data,
                                  .config_path = config_path,
                                  .waiting_limit = WAITING_LIMIT};
    crew->members = calloc(threads, sizeof crew->members[0]);
    if (!crew->members)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the threads of the server");
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    sigfillset(&all); /* signals belong to the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; !failure && crew->thread_count < threads; crew->thread_count += !failure) {
        struct bb_http_crew_member *member = &crew->members[crew->thread_count];
        member->crew = crew;
        failure = pthread_create(&member->thread, NULL, member_thread, member);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failure)
        return 0;
    bb_http_crew_stop(crew);
    return BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, failure, "cannot start the server's threads");
}

void bb_http_crew_stop(struct bb_http_crew *crew) {
    if (!crew->members)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->stop = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (uint32_t i = 0; i < crew->thread_count; i++)
        pthread_join(crew->members[i].thread, NULL);
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->work);
    free(crew->members);
    crew->members = NULL;
}

bool bb_http_crew_push(struct bb_http_crew *crew, struct bb_http_call *call) {
    pthread_mutex_lock(&crew->lock);
    bool fits = crew->waiting < crew->waiting_limit && !crew->stop;
    if (fits) {
        call->next = NULL;
        if (crew->last)
            crew->last->next = call;
        else
            crew->first = call;
        crew->last = call;
        crew->waiting++;
        pthread_cond_signal(&crew->work);
    }
    pthread_mutex_unlock(&crew->lock);
    return fits;
}
