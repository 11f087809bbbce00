/* A person's token: a JSON Web Token (RFC 7519) in its compact form, signed by who knows the person.
 *
 *     base64url(header) . base64url(claims) . base64url(signature)
 *     {"alg","kid"}       {"iss","aud","exp","sub",...}
 *
 * Nothing of the claims is looked at before the signature is right, so that answers tell nothing to who only
 * guesses. Required are iss, aud and exp; nbf and iat are checked where they are. A header with "crit" asks for what
 * is not known here, and is refused.
 *
 * Pure functions; any thread.
 */
#ifndef BB_SERVICE_WEB_TOKEN_H
#define BB_SERVICE_WEB_TOKEN_H

#include <jansson.h>

#include "service/web_key.h"

enum { BB_WEB_TOKEN_BYTES = 16 << 10, BB_WEB_TOKEN_LEEWAY_MS = 60000 };

struct bb_web_token_rules {
    struct bb_span issuer, audience; /* as the token has to say them, byte by byte */
};

/* `*claims` is the caller's to json_decref. -BB_E_TOKEN_REFUSED, _KEY, _AUDIENCE, _EXPIRED. */
int bb_web_token_read(struct bb_span text, const struct bb_web_keys *keys,
                      const struct bb_web_token_rules *rules, int64_t now_ms, json_t **claims,
                      struct bb_error *error) BB_MUST_USE;

/* A member of the claims by its name, or by a path of names ("realm_access.roles"): the name as a whole goes
 * first, as names may be addresses. NULL: there is none. */
const json_t *bb_web_token_claim(const json_t *claims, const char *path);

#endif
