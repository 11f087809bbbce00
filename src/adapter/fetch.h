/* One document of the web, fetched whole: https, or http on this machine's own loopback. No redirects, no
 * other scheme, no environment proxies' surprises; bounded in size and in time. Blocks; any thread that may wait.
 */
#ifndef BB_ADAPTER_FETCH_H
#define BB_ADAPTER_FETCH_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/error.h"

/* Is it an address (rather than the name of a file), and one that may be fetched? */
bool bb_fetch_is_address(const char *text);
bool bb_fetch_may(const char *address);
/* Appends the body to `out`, whose limit is the size limit. -BB_E_FETCH: not reached, not 200, too large.
 * `stop` (may be NULL) becomes true: it is given up within a second. */
int bb_fetch(const char *address, int timeout_ms, atomic_bool *stop, struct bb_buffer *out,
             struct bb_error *error) BB_MUST_USE;

/* The same, with what a question may need besides. */
struct bb_fetch_ask {
    const char *address;
    const char *login; /* "user:password" of HTTP's basic authentication; NULL: none */
    int timeout_ms;
    atomic_bool *stop; /* may be NULL */
};
/* *status: what the server answered, also when that is an error; 0: it was not reached. */
int bb_fetch_status(const struct bb_fetch_ask *ask, struct bb_buffer *out, long *status,
                    struct bb_error *error) BB_MUST_USE;

#endif
