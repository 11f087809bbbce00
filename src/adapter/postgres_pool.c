/* Connections that wait for their next user: see postgres_internal.h. */
#include <stdlib.h>

#include "adapter/postgres_internal.h"

void bb_postgres_pool_init(struct bb_postgres_pool *pool) {
    *pool = (struct bb_postgres_pool){.count = 0};
    pthread_mutex_init(&pool->mutex, NULL);
}

int bb_postgres_pool_take(struct bb_postgres_pool *pool, struct bb_postgres **out,
                          struct bb_error *error) {
    *out = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->count > 0)
        *out = pool->idle[--pool->count];
    pthread_mutex_unlock(&pool->mutex);
    return *out ? 0 : bb_postgres_open(&pool->options, out, error);
}

void bb_postgres_pool_give(struct bb_postgres_pool *pool, struct bb_postgres *pg) {
    bool kept = false;

    if (!pg)
        return;
    pthread_mutex_lock(&pool->mutex);
    if (pool->count < BB_POSTGRES_POOL_IDLE) {
        pool->idle[pool->count++] = pg;
        kept = true;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (!kept)
        bb_postgres_close(pg);
}

void bb_postgres_pool_release(struct bb_postgres_pool *pool) {
    while (pool->count > 0)
        bb_postgres_close(pool->idle[--pool->count]);
    free((char *)pool->options.conninfo);
    free((char *)pool->options.schema);
    pthread_mutex_destroy(&pool->mutex);
}
