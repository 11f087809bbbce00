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

#endif
