/* Sums of a tenant: see sums_internal.h. */
#include "http/sums_internal.h"

#include "base/clock.h"
#include "model/timestamp.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- counting */

enum { DAYS_MAX = BB_COMPLETENESS_DAYS + 3 }; /* zones differ by more than a day */

struct day {
    int32_t date; /* days since 1970 */
    bool is_open; /* not over for some channel */
    uint64_t expected, present, estimated, missing;
};

struct counting {
    struct bb_sums *out;
    struct bb_completeness_sum sum;
    struct day days[DAYS_MAX];
    size_t day_count;
};

/* A bb_registry_usage_point_visit. */
static int count_usage_point(void *context, const struct bb_registry_usage_point *row) {
    struct counting *c = context;

    c->out->usage_points++;
    c->out->channels += row->channels;
    return 0;
}

static struct day *find_day(struct counting *c, int32_t date) {
    for (size_t i = 0; i < c->day_count; i++)
        if (c->days[i].date == date)
            return &c->days[i];
    if (c->day_count == DAYS_MAX)
        return NULL;
    c->days[c->day_count] = (struct day){.date = date};
    return &c->days[c->day_count++];
}

/* A local day is known by the date of its middle, which lies in it in UTC, too, unless the zone is more than
 * twelve hours away. A bb_completeness_visit. */
static int count_day(void *context, const struct bb_completeness_row *row) {
    struct counting *c = context;
    struct day *day = find_day(
        c, (int32_t)((row->start_ms + (row->end_ms - row->start_ms) / 2) / BB_DAY_MS));

    if (!day)
        return 0;
    day->is_open |= row->end_ms > c->sum.latest_ms;
    day->expected += row->expected;
    day->present += row->present;
    day->estimated += row->estimated;
    day->missing += row->missing;
    return 0;
}

static void choose_day(const struct counting *c) {
    const struct day *best = NULL;
    struct bb_sums *out = c->out;
    struct bb_civil civil;

    for (size_t i = 0; i < c->day_count; i++)
        if (!c->days[i].is_open && (!best || c->days[i].date > best->date))
            best = &c->days[i];
    if (!best)
        return;
    bb_civil_from_days(best->date, &civil);
    snprintf(out->day, sizeof out->day, "%04u-%02u-%02u", (unsigned)civil.year % 10000,
             (unsigned)civil.month % 100, (unsigned)civil.day % 100);
    out->expected = best->expected;
    out->present = best->present;
    out->estimated = best->estimated;
    out->missing = best->missing;
}

int bb_sums_count(struct bb_plant *plant, struct bb_span tenant, struct bb_sums *out,
                  void (*early)(void *context, const struct bb_sums *sums), void *context,
                  struct bb_error *error) {
    const struct bb_completeness asked = {.tenant = tenant,
                                          .from = {BB_TIME_NONE, false},
                                          .to = {BB_TIME_NONE, false},
                                          .as_of_ms = BB_TIME_NONE};
    struct counting c = {.out = out};

    *out = (struct bb_sums){.latest_ms = BB_TIME_NONE};
    int result = plant->registry->ops->usage_point_list(plant->registry, tenant, BB_SPAN(""),
                                                        count_usage_point, &c, error);
    if (result >= 0 && early)
        early(context, out);
    if (result >= 0)
        result = bb_completeness_run(plant, &asked, count_day, &c, &c.sum, error);
    if (result >= 0) {
        out->latest_ms = c.sum.latest_ms;
        choose_day(&c);
    }
    return result < 0 ? result : 0;
}

/* ---- remembering */

enum {
    TENANTS_MAX = 64,
    FRESH_MS = 2000,
    FRESH_TIMES = 20,
    WAIT_MS = 500,
    MOMENT_MS = 100 /* what took no longer is waited for, though there is a count before */
};

struct remembered {
    char tenant[BB_MASTER_TENANT_MAX + 1];
    bool is_known, is_counting;
    int64_t at_ms, took_ms; /* monotonic */
    uint64_t stamp;         /* of what it counted, or counts */
    struct bb_sums sums;
};

static struct {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t counted;
    struct remembered items[TENANTS_MAX];
    size_t count, next_victim;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER, .counted = PTHREAD_COND_INITIALIZER};

struct errand {
    char *data, *config_path;
    char tenant[BB_MASTER_TENANT_MAX + 1];
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* Under the lock. */
static struct remembered *find(const char *tenant) {
    for (size_t i = 0; i < memory.count; i++)
        if (strcmp(memory.items[i].tenant, tenant) == 0)
            return &memory.items[i];
    return NULL;
}

/* Under the lock: one that is not being counted gives its place; NULL: all are. */
static struct remembered *find_or_make(const char *tenant) {
    struct remembered *item = find(tenant);

    for (size_t i = 0; !item && i < TENANTS_MAX; i++) {
        if (memory.count < TENANTS_MAX)
            item = &memory.items[memory.count++];
        else
            item = &memory.items[memory.next_victim++ % TENANTS_MAX];
        if (item->is_counting) {
            item = NULL;
            continue;
        }
        *item = (struct remembered){.is_known = false};
        snprintf(item->tenant, sizeof item->tenant, "%s", tenant);
    }
    return item;
}

static void free_errand(struct errand *errand) {
    free(errand->data);
    free(errand->config_path);
    free(errand);
}

/* Something to tell while the rest is counted, where nothing was before. */
static void note_early(void *context, const struct bb_sums *sums) {
    const struct errand *errand = context;

    pthread_mutex_lock(&memory.lock);
    struct remembered *item = find(errand->tenant);
    if (!item->is_known) {
        item->sums = *sums;
        item->is_known = true;
    }
    pthread_mutex_unlock(&memory.lock);
}

static void *count(void *argument) {
    struct errand *errand = argument;
    struct bb_plant plant;
    struct bb_error error;
    struct bb_sums sums;
    int64_t began_ms = now_ms();

    int result = bb_plant_open(errand->data, errand->config_path, BB_PLANT_READ, &plant, &error);
    if (!result) {
        result = bb_sums_count(&plant, bb_span_of(errand->tenant), &sums, note_early, errand,
                               &error);
        bb_plant_close(&plant);
    }
    pthread_mutex_lock(&memory.lock);
    struct remembered *item = find(errand->tenant); /* nobody takes its place meanwhile */
    item->is_counting = false;
    item->at_ms = now_ms();
    item->took_ms = item->at_ms - began_ms;
    if (!result) {
        item->sums = sums;
        item->is_known = true;
    }
    pthread_cond_broadcast(&memory.counted);
    pthread_mutex_unlock(&memory.lock);
    free_errand(errand);
    return NULL;
}

/* Under the lock. A thread of its own that nobody joins: it only reads, and ends with the process. */
static void start(struct remembered *item, const struct bb_sums_source *source) {
    const char *config_path = source->config_path;
    struct errand *errand = calloc(1, sizeof *errand);
    pthread_attr_t detached;
    pthread_t thread;

    if (!errand)
        return;
    errand->data = strdup(source->data);
    errand->config_path = config_path ? strdup(config_path) : NULL;
    memcpy(errand->tenant, item->tenant, sizeof errand->tenant);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    item->is_counting = errand->data && (!config_path || errand->config_path) &&
                        pthread_create(&thread, &detached, count, errand) == 0;
    pthread_attr_destroy(&detached);
    if (!item->is_counting)
        free_errand(errand);
    item->stamp =
        source->stamp; /* what comes while it counts may be counted or not: it is another stamp's */
}

static bool is_fresh(const struct remembered *item, uint64_t stamp) {
    int64_t age_ms = now_ms() - item->at_ms;
    bool is_stamped = item->stamp != 0 ||
                      stamp == 0; /* the first count may begin before there is one */

    return item->at_ms > 0 && ((stamp != 0 && item->stamp == stamp) || age_ms <= FRESH_MS ||
                               (is_stamped && age_ms <= item->took_ms * (int64_t)FRESH_TIMES));
}

/* Under the lock: one that is fresh, or being counted; NULL: there is no place for it. */
static struct remembered *look_up(const struct bb_sums_source *source) {
    char name[BB_MASTER_TENANT_MAX + 1];

    snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(source->tenant));
    struct remembered *item = find_or_make(name);
    if (item && !item->is_counting && !is_fresh(item, source->stamp))
        start(item, source);
    return item;
}

static bool is_worth_waiting(const struct remembered *item) {
    return item->is_counting && (item->at_ms == 0 || item->took_ms <= MOMENT_MS);
}

bool bb_sums_get(const struct bb_sums_source *source, struct bb_sums *out) {
    char name[BB_MASTER_TENANT_MAX + 1];
    struct timespec until;

    snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(source->tenant));
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&memory.lock);
    struct remembered *item = look_up(source);
    while (item && is_worth_waiting(item) &&
           pthread_cond_clockwait(&memory.counted, &memory.lock, CLOCK_MONOTONIC, &until) == 0)
        item = find(name);
    bool is_known = item && item->is_known;
    if (is_known)
        *out = item->sums;
    pthread_mutex_unlock(&memory.lock);
    return is_known;
}

void bb_sums_begin(const struct bb_sums_source *source) {
    pthread_mutex_lock(&memory.lock);
    (void)!look_up(source);
    pthread_mutex_unlock(&memory.lock);
}

int64_t bb_sums_latest(const struct bb_sums_source *source) {
    char name[BB_MASTER_TENANT_MAX + 1];
    int64_t latest_ms = BB_TIME_NONE;

    snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(source->tenant));
    pthread_mutex_lock(&memory.lock);
    const struct remembered *item = find(name);
    if (item && item->is_known && !item->is_counting && source->stamp != 0 &&
        item->stamp == source->stamp)
        latest_ms = item->sums.latest_ms;
    pthread_mutex_unlock(&memory.lock);
    return latest_ms;
}
