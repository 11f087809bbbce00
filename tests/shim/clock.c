/* A clock on the wall that runs ahead, for LD_PRELOAD: what takes weeks can be waited for.
 *
 *   CLOCK_AHEAD_S=N   seconds
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long ahead_s;

static void find(void) {
    const char *given = getenv("CLOCK_AHEAD_S");

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    ahead_s = given ? strtol(given, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find);
    int result = real_clock_gettime(clock, out);
    if (result == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += ahead_s;
    return result;
}
