/* The routes: each stands in a file route_SUBJECT.c and is listed in routes.c. */
#ifndef BB_HTTP_ROUTES_INTERNAL_H
#define BB_HTTP_ROUTES_INTERNAL_H

#include "http/route.h"

extern const struct bb_http_route bb_http_route_livez;
extern const struct bb_http_route bb_http_route_readings_post;
extern const struct bb_http_route bb_http_route_readyz;

#endif
