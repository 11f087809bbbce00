/* The table of routes, in the order of the description. Of two that fit, the first is taken. */
#include "http/routes_internal.h"

const struct bb_http_route *const bb_http_routes[] = {
    &bb_http_route_readings_post,   &bb_http_route_usage_points, &bb_http_route_usage_point,
    &bb_http_route_channels,        &bb_http_route_values,       &bb_http_route_groups,
    &bb_http_route_group,           &bb_http_route_group_values, &bb_http_route_explain,
    &bb_http_route_explain_code,    &bb_http_route_completeness, &bb_http_route_exceptions,
    &bb_http_route_exceptions_post, &bb_http_route_edits,        &bb_http_route_findings,
    &bb_http_route_files,           &bb_http_route_file,         &bb_http_route_devices,
    &bb_http_route_installations,   &bb_http_route_customers,    &bb_http_route_registry,
    &bb_http_route_registry_post,   &bb_http_route_overview,     &bb_http_route_me,
    &bb_http_route_openapi,         &bb_http_route_livez,        &bb_http_route_readyz,
    &bb_http_route_console,         &bb_http_route_console_icon, &bb_http_route_console_asset,
};
const size_t bb_http_route_count = sizeof bb_http_routes / sizeof bb_http_routes[0];
