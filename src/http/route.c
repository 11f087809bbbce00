/* Finding the route of a request: see route.h. Pure functions; any thread. */
#include "http/route.h"

const char *bb_http_method_name(enum bb_http_method method) {
    static const char *const names[BB_HTTP_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    return names[method];
}

/* HEAD asks what GET would answer. */
static bool method_fits(enum bb_http_method method, struct bb_span name) {
    return bb_span_equal(name, bb_span_of(bb_http_method_name(method))) ||
           (method == BB_HTTP_GET && bb_span_equal(name, BB_SPAN("HEAD")));
}

/* The next segment of a path that begins with '/'. */
static struct bb_span take_segment(struct bb_span *path) {
    struct bb_span rest = {path->data + 1, path->size - 1};
    const char *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
    size_t size = slash ? (size_t)(slash - rest.data) : rest.size;

    *path = (struct bb_span){rest.data + size, rest.size - size};
    return (struct bb_span){rest.data, size};
}

static bool path_fits(const char *pattern_text, struct bb_span path, struct bb_http_match *out) {
    struct bb_span pattern = bb_span_of(pattern_text);

    out->part_count = 0;
    while (pattern.size > 0 && path.size > 0 && path.data[0] == '/') {
        struct bb_span wanted = take_segment(&pattern), given = take_segment(&path);
        bool is_name = wanted.size > 0 && wanted.data[0] == '{';
        if (is_name && given.size > 0)
            out->parts[out->part_count++] = given;
        else if (is_name || !bb_span_equal(wanted, given))
            return false;
    }
    return pattern.size == 0 && path.size == 0;
}

enum bb_http_found bb_http_route_match(struct bb_span method, struct bb_span path,
                                       struct bb_http_match *out) {
    uint32_t allowed = 0;

    for (size_t i = 0; i < bb_http_route_count; i++) {
        const struct bb_http_route *route = bb_http_routes[i];
        *out = (struct bb_http_match){.route = route};
        if (!path_fits(route->path, path, out))
            continue;
        if (method_fits(route->method, method))
            return BB_HTTP_FOUND;
        allowed |= 1u << route->method;
    }
    *out = (struct bb_http_match){.allowed = allowed};
    return allowed ? BB_HTTP_NO_METHOD : BB_HTTP_NO_ROUTE;
}
