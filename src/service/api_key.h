/* API keys: what programs show to be let in.
 *
 *     bb_ing_3kTq0vX9aB_CwZ1...................._2Fq9Lx
 *     ──┬─── ─────────────── 32 characters ───── ──┬───
 *     role   the secret: 190 random bits, base62   CRC32C of all before it, base62
 *
 * The prefix tells people and secret scanners what it is, the checksum tells a typing mistake (and a
 * scanner's false alarm) from an unknown key without asking anybody. Stored is the SHA-256 of the whole; as
 * the secret is random no slow hash is needed. The first characters of the secret are the key's id: it
 * names the key in lists, logs and stories and lets nobody in.
 *
 * Pure functions; any thread.
 */
#ifndef BB_SERVICE_API_KEY_H
#define BB_SERVICE_API_KEY_H

#include "base/error.h"
#include "base/span.h"

/* What a route asks for, and what a role may do. */
enum bb_right {
    BB_RIGHT_NONE = 0, /* open to everyone */
    BB_RIGHT_ANY,      /* to whoever is known, whatever the role */
    BB_RIGHT_INGEST,
    BB_RIGHT_READ,
    BB_RIGHT_ADMIN, /* changes what people told, master data, keys */
    BB_RIGHT_COUNT
};
const char *bb_right_name(enum bb_right right); /* "ingest" */

/* Stored ids: append only. */
enum bb_role { BB_ROLE_INGEST = 0, BB_ROLE_READ = 1, BB_ROLE_ADMIN = 2, BB_ROLE_COUNT };
const char *bb_role_name(int role); /* "ing"; NULL past the last */
bool bb_role_has(enum bb_role role, enum bb_right right);

enum {
    BB_KEY_SECRET_CHARS = 32,
    BB_KEY_CHECK_CHARS = 6,
    BB_KEY_ID_CHARS = 8,
    BB_KEY_TEXT_MAX = 64, /* with its NUL */
    BB_KEY_HASH_BYTES = 32
};

struct bb_key_hash {
    unsigned char bytes[BB_KEY_HASH_BYTES];
};

/* A new key from the system's randomness. */
int bb_key_generate(enum bb_role role, char text[BB_KEY_TEXT_MAX], struct bb_error *error)
    BB_MUST_USE;
/* False: no key of busbar's, or a mistyped one. The id borrows from `text`. */
bool bb_key_parse(struct bb_span text, enum bb_role *role, struct bb_span *id);
struct bb_key_hash bb_key_hash(struct bb_span text);

#endif
