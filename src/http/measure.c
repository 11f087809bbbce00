/* How long requests take: see measure_internal.h. Relaxed atomics; any thread. */
#include "http/measure_internal.h"

enum { ROUTES_MAX = 128 };

static struct {
    struct bb_metric_histogram classes[BB_HTTP_CLASSES];
    atomic_bool is_used;
} routes[ROUTES_MAX];

const char *bb_http_class_name(enum bb_http_class class) {
    static const char *const names[BB_HTTP_CLASSES] = {"2xx", "3xx", "4xx", "5xx", "none"};

    return names[class];
}

static size_t number_of(const struct bb_http_route *route) {
    size_t number = 0;

    while (number < bb_http_route_count && bb_http_routes[number] != route)
        number++;
    BB_ASSERT(number < ROUTES_MAX);
    return number;
}

static enum bb_http_class class_of(int status) {
    return status < 100   ? BB_HTTP_UNANSWERED
           : status < 300 ? BB_HTTP_2XX
           : status < 400 ? BB_HTTP_3XX
           : status < 500 ? BB_HTTP_4XX
                          : BB_HTTP_5XX;
}

void bb_http_measure(const struct bb_http_route *route, int status, int64_t took_ns) {
    size_t number = number_of(route);

    bb_metric_histogram_add(&routes[number].classes[class_of(status)], took_ns, 1);
    atomic_store_explicit(&routes[number].is_used, true, memory_order_relaxed);
}

const struct bb_metric_histogram *bb_http_measured(size_t route, enum bb_http_class class) {
    BB_ASSERT(route < ROUTES_MAX);
    bool is_of_posts = route < bb_http_route_count && bb_http_routes[route]->takes_readings;

    return is_of_posts || atomic_load_explicit(&routes[route].is_used, memory_order_relaxed)
               ? &routes[route].classes[class]
               : NULL;
}
