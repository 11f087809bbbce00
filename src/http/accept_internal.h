/* Choosing a type of answer by the Accept header. */
#ifndef BB_HTTP_ACCEPT_INTERNAL_H
#define BB_HTTP_ACCEPT_INTERNAL_H

#include "base/span.h"

/* The index of the type ("a/b|c/d") that `accept` gives the greatest weight, the first of equals; -1: it takes
 * none. */
int bb_http_accept_choose(struct bb_span accept, const char *types);

#endif
