/* A crew: threads that handle calls, each with a plant of its own that is open for reading. */
#ifndef BB_HTTP_CREW_INTERNAL_H
#define BB_HTTP_CREW_INTERNAL_H

#include <pthread.h>

#include "service/plant.h"

struct bb_http_call;

enum { BB_HTTP_CREW_THREADS_MAX = 64 };

struct bb_http_crew_member {
    struct bb_http_crew *crew;
    pthread_t thread;
    bool opened;
    struct bb_plant plant;
    void *kit; /* what handlers of this thread keep from call to call; freed with free_kit */
    void (*free_kit)(void *kit);
};

struct bb_http_crew {
    const char *data, *config_path;
    bool opens_early;
    pthread_mutex_t lock; /* guards the four below */
    pthread_cond_t work;
    struct bb_http_call *first, *last; /* waiting calls */
    uint32_t waiting;
    bool stop;
    uint32_t waiting_limit;
    uint32_t thread_count;
    struct bb_http_crew_member *members;
};

/* `opens_early`: threads open their plants when they begin, so that a store that is away later does not matter to who needs
 * the log alone; else at their first call. */
int bb_http_crew_start(struct bb_http_crew *crew, uint32_t threads, bool opens_early,
                       const char *data, const char *config_path, struct bb_error *error)
    BB_MUST_USE;
/* Ends once no call waits. */
void bb_http_crew_stop(struct bb_http_crew *crew);
/* False: too many calls wait already. */
bool bb_http_crew_push(struct bb_http_crew *crew, struct bb_http_call *call) BB_MUST_USE;

#endif
