/* How fast error budgets burn: see burn_internal.h. */
#include "http/burn_internal.h"

#include "http/measure_internal.h"
#include "model/timestamp.h"

enum kind { STATUS_POSTS, STATUS_OTHERS, ABOVE };

static const struct objective {
    const char *name, *promise, *bound;
    double share;
    enum kind kind;
    enum bb_metric metric;
} objectives[BB_OBJECTIVES] = {
#define BB_OBJECTIVE(the_name, the_share, the_promise, the_kind, the_metric, the_bound)            \
    {.name = the_name,                                                                             \
     .promise = the_promise,                                                                       \
     .bound = the_bound,                                                                           \
     .share = the_share,                                                                           \
     .kind = the_kind,                                                                             \
     .metric = BB_METRIC_##the_metric},
#include "http/objective.def"
#undef BB_OBJECTIVE
};

/* ---- counting */

static uint64_t count_of(const struct bb_metric_histogram *histogram, int from) {
    uint64_t sum = 0;

    for (int i = from; i <= BB_METRIC_BOUNDS; i++)
        sum += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    return sum;
}

/* Addresses that are none are nobody's fault here. */
static struct bb_burn_count count_requests(bool of_posts) {
    struct bb_burn_count count = {0};

    for (size_t i = 0; i < bb_http_route_count; i++)
        for (int class = 0; class < BB_HTTP_CLASSES; class ++) {
            const struct bb_metric_histogram *h = bb_http_measured(i, (enum bb_http_class) class);
            if (!h || bb_http_routes[i]->takes_readings != of_posts)
                continue;
            uint64_t n = count_of(h, 0);
            count.all += n;
            count.errors += class == BB_HTTP_5XX ? n : 0;
        }
    return count;
}

static struct bb_burn_count count_above(const struct objective *o) {
    const struct bb_metric_histogram *h = bb_metric_histogram_of(o->metric);
    int bound = 0;

    while (bound < BB_METRIC_BOUNDS && strcmp(bb_metric_bounds[bound], o->bound) != 0)
        bound++;
    BB_ASSERT(bound < BB_METRIC_BOUNDS); /* the table names a bound that there is */
    return (struct bb_burn_count){.errors = count_of(h, bound + 1), .all = count_of(h, 0)};
}

static struct bb_burn_count count(const struct objective *o) {
    return o->kind == ABOVE ? count_above(o) : count_requests(o->kind == STATUS_POSTS);
}

double bb_burn_rate(double share, struct bb_burn_count before, struct bb_burn_count now) {
    uint64_t all = now.all - before.all, errors = now.errors - before.errors;

    return all == 0 ? 0 : (double)errors / (double)all / (1 - share);
}

/* ---- noting */

void bb_burn_init(struct bb_burn *burn) {
    burn->count = 0;
    pthread_mutex_init(&burn->lock, NULL);
}

void bb_burn_release(struct bb_burn *burn) {
    pthread_mutex_destroy(&burn->lock);
}

void bb_burn_look(struct bb_burn *burn, int64_t now_ms) {
    pthread_mutex_lock(&burn->lock);
    uint64_t last = burn->count > 0 ? (burn->count - 1) % BB_BURN_NOTES : 0;
    if (burn->count == 0 || now_ms - burn->notes[last].at_ms >= BB_BURN_EVERY_MS) {
        struct bb_burn_note *note = &burn->notes[burn->count++ % BB_BURN_NOTES];
        note->at_ms = now_ms;
        for (int i = 0; i < BB_OBJECTIVES; i++)
            note->counts[i] = count(&objectives[i]);
    }
    pthread_mutex_unlock(&burn->lock);
}

/* ---- telling */

/* What was noted first within the window, or else last before it; under the lock. */
static struct bb_burn_count at_beginning(const struct bb_burn *burn, int objective,
                                         int64_t from_ms) {
    uint64_t kept = burn->count < BB_BURN_NOTES ? burn->count : BB_BURN_NOTES;

    for (uint64_t back = kept; back > 0; back--) {
        const struct bb_burn_note *note = &burn->notes[(burn->count - back) % BB_BURN_NOTES];
        if (note->at_ms >= from_ms || back == 1)
            return note->counts[objective];
    }
    return (struct bb_burn_count){0};
}

void bb_burn_put(struct bb_burn *burn, int64_t now_ms, struct bb_json *json) {
    static const struct {
        const char *name;
        int64_t length_ms;
    } windows[] = {{"1h", BB_HOUR_MS}, {"6h", 6 * (int64_t)BB_HOUR_MS}};

    bb_json_key(json, "slo");
    bb_json_array_begin(json);
    pthread_mutex_lock(&burn->lock);
    for (int i = 0; i < BB_OBJECTIVES; i++) {
        const struct objective *o = &objectives[i];
        bb_json_object_begin(json);
        bb_json_put_text(json, "name", bb_span_of(o->name));
        bb_json_put_double(json, "objective", o->share);
        bb_json_put_text(json, "promise", bb_span_of(o->promise));
        bb_json_key(json, "burn");
        bb_json_object_begin(json);
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
            bb_json_put_double(json, windows[w].name,
                               bb_burn_rate(o->share,
                                            at_beginning(burn, i, now_ms - windows[w].length_ms),
                                            count(o)));
        bb_json_object_end(json);
        bb_json_object_end(json);
    }
    pthread_mutex_unlock(&burn->lock);
    bb_json_array_end(json);
}
