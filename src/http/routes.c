/* The table of routes, in the order of the description. Of two that fit, the first is taken. */
#include "http/routes_internal.h"

const struct bb_http_route *const bb_http_routes[] = {
    &bb_http_route_readings_post,
    &bb_http_route_livez,
    &bb_http_route_readyz,
};
const size_t bb_http_route_count = sizeof bb_http_routes / sizeof bb_http_routes[0];
