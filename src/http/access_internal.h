/* The gate: who may come in, as whom, and to what.
 *
 *   credential              tenant          rights
 *   key of the registry     the key's       the key's role
 *   token of the issuer     the token's     those of its roles that http.oidc.roles maps
 *   the Unix socket         --tenant        all: who may open it owns the plant
 *   none, loopback, while no
 *     key was ever made and
 *     no issuer is named    --tenant        all, for requests to a name of the loopback
 *   none, --insecure, ditto --tenant        all
 */
#ifndef BB_HTTP_ACCESS_INTERNAL_H
#define BB_HTTP_ACCESS_INTERNAL_H

#include <pthread.h>

#include "model/master.h"
#include "service/issuer.h"
#include "service/key_ring.h"

struct bb_http_access {
    char tenant[BB_MASTER_TENANT_MAX + 1];
    char caller[160]; /* "key bb_ro_4hJq (grafana)", "Ada Lovelace (oidc 4711)", "loopback" */
    char subject[BB_ISSUER_SUBJECT_MAX + 1]; /* "bb_ro_4hJq", "4711"; empty: nobody was asked */
    uint32_t roles;                          /* bit per enum bb_role */
};

struct bb_http_gate {
    struct bb_key_ring *ring; /* has a lock of its own */
    struct bb_issuer *issuer; /* NULL: tokens are not taken; has locks of its own */
    struct bb_span tenant;    /* of callers without a key */
    bool
        open; /* --insecure: no key is wanted while there is none and no issuer, whatever the name */
};

/* What a request says of itself. Empty: the header is absent. */
struct bb_http_credentials {
    struct bb_span authorization, host;
    bool is_local;
};

/* Is nobody let in without showing something? */
bool bb_http_gate_wants_credentials(const struct bb_http_gate *gate);
/* 0, or -BB_E_KEY_NEEDED, -BB_E_KEY_REFUSED, -BB_E_TOKEN_..., -BB_E_FORBIDDEN, -BB_E_HOST. `out` is filled with
 * -BB_E_FORBIDDEN, too. */
int bb_http_gate_check(struct bb_http_gate *gate, const struct bb_http_credentials *shown,
                       enum bb_right right, int64_t now_ms, struct bb_http_access *out,
                       struct bb_error *error) BB_MUST_USE;
/* "localhost:8080", "127.0.0.1", "[::1]:80": names that no foreign page can have. */
bool bb_http_host_is_loopback(struct bb_span host);

#endif
