/* The issuer: who people sign in with (OpenID Connect), and what its tokens give them here.
 *
 *   http: oidc:            token                              here
 *     issuer, audience  ◄─ iss, aud                           it is for us
 *     jwks              ◄─ kid, signature                     it is the issuer's
 *     claims.tenant     ◄─ "tenant": "demo"                   the tenant; http.oidc.tenant where it names none
 *     claims.roles      ◄─ "roles": ["demo-admin"]            roles.adm: "{tenant}-admin"
 *     claims.name       ◄─ "name": "Ada Lovelace"             who did it, with the token's sub
 *
 * The keys come from a file or an address. A thread of the issuer's own reads them again every http.oidc.refresh, and when
 * a token names an unknown key, at most every 5 s however many such tokens come. Where reading fails the
 * keys at hand stay. Whoever asks never waits for it.
 *
 * Locks inside; any thread.
 */
#ifndef BB_SERVICE_ISSUER_H
#define BB_SERVICE_ISSUER_H

#include "base/log_line.h"
#include "model/master.h"
#include "service/api_key.h"
#include "service/config.h"

struct bb_issuer;

enum { BB_ISSUER_NAME_MAX = 80, BB_ISSUER_SUBJECT_MAX = 60 }; /* bytes */
struct bb_issuer_person {
    char tenant[BB_MASTER_TENANT_MAX + 1];
    char name[BB_ISSUER_NAME_MAX + 1]; /* without control characters and colons */
    char subject[BB_ISSUER_SUBJECT_MAX + 1];
    uint32_t roles; /* bit per enum bb_role */
};

/* NULL in `out` when http.oidc.issuer is not set. A file that cannot be read is an error, an address only told:
 * it may come later. -BB_E_TOKEN_KEYS, -BB_E_CONFIG_INVALID. */
int bb_issuer_open(const struct bb_config *config, const struct bb_logger *logger,
                   struct bb_issuer **out, struct bb_error *error) BB_MUST_USE;
void bb_issuer_close(struct bb_issuer *issuer);
/* 0, or why not: the codes of bb_web_token_read, -BB_E_TOKEN_NOBODY. */
int bb_issuer_know(struct bb_issuer *issuer, struct bb_span token, int64_t now_ms,
                   struct bb_issuer_person *out, struct bb_error *error) BB_MUST_USE;

#endif
