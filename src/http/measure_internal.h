/* How long requests take, by route and class of status: histograms that the threads of connections add to. */
#ifndef BB_HTTP_MEASURE_INTERNAL_H
#define BB_HTTP_MEASURE_INTERNAL_H

#include "http/route.h"
#include "service/metric.h"

enum bb_http_class { /* "none": who asked was gone before there was an answer */
                     BB_HTTP_2XX = 0,
                     BB_HTTP_3XX,
                     BB_HTTP_4XX,
                     BB_HTTP_5XX,
                     BB_HTTP_UNANSWERED,
                     BB_HTTP_CLASSES
};
const char *bb_http_class_name(enum bb_http_class class);

/* route NULL: the address has none; status 0: there was no answer. */
void bb_http_measure(const struct bb_http_route *route, int status, int64_t took_ns);

/* By the number of the route in bb_http_routes; bb_http_route_count: addresses without. NULL: that route was never
 * asked for. Those of posts are there from the start, so that their rates begin at 0. */
const struct bb_metric_histogram *bb_http_measured(size_t route, enum bb_http_class class);

#endif
