/* The gate: who may come in, as whom, and to what.
 *
 *   credential              tenant          rights
 *   key of the registry     the key's       the key's role
 *   the Unix socket         --tenant        all: who may open it owns the plant
 *   none, loopback, while
 *     no key was ever made  --tenant        all, for requests to a name of the loopback
 *   none, --insecure, ditto --tenant        all
 */
#ifndef BB_HTTP_ACCESS_INTERNAL_H
#define BB_HTTP_ACCESS_INTERNAL_H

#include <pthread.h>

#include "model/master.h"
#include "service/key_ring.h"

struct bb_http_access {
    char tenant[BB_MASTER_TENANT_MAX + 1];
    char caller[160];
    enum bb_role role;
};

struct bb_http_gate {
    struct bb_key_ring *ring; /* has a lock of its own */
    struct bb_span tenant;    /* of callers without a key */
    bool open; /* --insecure: no key is wanted while there is none, whatever the name */
};

/* What a request says of itself. Empty: the header is absent. */
struct bb_http_credentials {
    struct bb_span authorization, host;
    bool is_local;
};

/* 0, or -BB_E_KEY_NEEDED, -BB_E_KEY_REFUSED, -BB_E_FORBIDDEN, -BB_E_HOST. */
int bb_http_gate_check(struct bb_http_gate *gate, const struct bb_http_credentials *shown,
                       enum bb_right right, int64_t now_ms, struct bb_http_access *out,
                       struct bb_error *error) BB_MUST_USE;
/* "localhost:8080", "127.0.0.1", "[::1]:80": names that no foreign page can have. */
bool bb_http_host_is_loopback(struct bb_span host);

#endif
