/* The public keys of who issues tokens: a JSON Web Key Set (RFC 7517) as keys of libcrypto.
 *
 *   alg                    kty  key                    signature
 *   RS256 RS384 RS512      RSA  2048 to 16384 bits     PKCS #1 v1.5
 *   PS256 PS384 PS512      RSA                         PSS, salt as long as the digest
 *   ES256 ES384 ES512      EC   P-256 P-384 P-521      r and s, each as long as the curve's order
 *   EdDSA                  OKP  Ed25519                64 bytes
 *
 * An algorithm belongs to a type of key, so nobody can have a token checked by a key in a way it was not made
 * for; `none` and the HMACs are in no row. Keys of other types, for other uses and weak ones are passed over.
 *
 * A set does not change once it is read; any thread may ask it.
 */
#ifndef BB_SERVICE_WEB_KEY_H
#define BB_SERVICE_WEB_KEY_H

#include "base/error.h"
#include "base/span.h"

enum { BB_WEB_KEYS_MAX = 64, BB_WEB_KEYS_BYTES = 256 << 10 };

struct bb_web_keys;

/* -BB_E_TOKEN_KEYS: no key set, or none of its keys can be used. */
int bb_web_keys_read(struct bb_span text, struct bb_web_keys **out, struct bb_error *error)
    BB_MUST_USE;
void bb_web_keys_free(struct bb_web_keys *keys);
size_t bb_web_keys_count(const struct bb_web_keys *keys);

/* Is `signature` one over `data` by a key of the set? `kid` empty: by any key that fits. */
enum bb_web_verdict {
    BB_WEB_GOOD = 0,
    BB_WEB_WRONG,       /* the signature is not right */
    BB_WEB_NO_KEY,      /* no such key in the set */
    BB_WEB_NO_ALGORITHM /* not one of the table's */
};
enum bb_web_verdict bb_web_keys_verify(const struct bb_web_keys *keys, struct bb_span algorithm,
                                       struct bb_span kid, struct bb_span data,
                                       struct bb_span signature);

/* base64url without padding (RFC 4648 §5), strictly; false: it is none, or too long for `room`. */
bool bb_base64url_decode(struct bb_span text, unsigned char *out, size_t room, size_t *size);

#endif
