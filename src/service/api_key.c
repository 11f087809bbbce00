/* API keys: see api_key.h. */
#include "service/api_key.h"

#include "base/crc.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum { BASE = 62 };

#define EVERYONES (1u << BB_RIGHT_NONE | 1u << BB_RIGHT_ANY)

static const struct {
    const char *name;
    unsigned rights; /* bit per enum bb_right */
} roles[BB_ROLE_COUNT] = {
    [BB_ROLE_INGEST] = {"ing", EVERYONES | 1u << BB_RIGHT_INGEST},
    [BB_ROLE_READ] = {"ro", EVERYONES | 1u << BB_RIGHT_READ},
    [BB_ROLE_ADMIN] = {"adm", EVERYONES | 1u << BB_RIGHT_INGEST | 1u << BB_RIGHT_READ |
                                  1u << BB_RIGHT_ADMIN},
};

const char *bb_right_name(enum bb_right right) {
    static const char *const names[BB_RIGHT_COUNT] = {"none", "any", "ingest", "read", "admin"};
    return names[right];
}

const char *bb_role_name(int role) {
    return role >= 0 && role < BB_ROLE_COUNT ? roles[role].name : NULL;
}

bool bb_role_has(enum bb_role role, enum bb_right right) {
    return (roles[role].rights >> right & 1) != 0;
}

/* 62^6 exceeds 2^32: six digits hold every checksum. */
static void put_checksum(const char *text, size_t size, char *out) {
    uint32_t crc = bb_crc32c(0, text, size);

    for (int i = BB_KEY_CHECK_CHARS; i-- > 0; crc /= BASE)
        out[i] = digits[crc % BASE];
}

/* Bytes from 248 on are passed over: every digit is equally likely. */
static int put_secret(char *out, struct bb_error *error) {
    enum { EVEN_BELOW = 256 - 256 % BASE };

    for (int filled = 0; filled < BB_KEY_SECRET_CHARS;) {
        unsigned char bytes[64];
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
            return BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, errno, "the system gives no randomness");
        for (size_t i = 0; i < sizeof bytes && filled < BB_KEY_SECRET_CHARS; i++)
            if (bytes[i] < EVEN_BELOW)
                out[filled++] = digits[bytes[i] % BASE];
    }
    return 0;
}

int bb_key_generate(enum bb_role role, char text[BB_KEY_TEXT_MAX], struct bb_error *error) {
    int prefix = snprintf(text, BB_KEY_TEXT_MAX, "bb_%s_", roles[role].name);
    size_t size = (size_t)prefix;
    int result = put_secret(text + size, error);

    if (result)
        return result;
    size += BB_KEY_SECRET_CHARS;
    put_checksum(text, size, text + size + 1);
    text[size] = '_';
    text[size + 1 + BB_KEY_CHECK_CHARS] = '\0';
    return 0;
}

static bool all_digits(struct bb_span s) {
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] == '\0' || !strchr(digits, s.data[i]))
            return false;
    return true;
}

bool bb_key_parse(struct bb_span text, enum bb_role *role, struct bb_span *id) {
    for (int r = 0; r < BB_ROLE_COUNT; r++) {
        char prefix[16], checksum[BB_KEY_CHECK_CHARS];
        size_t size = (size_t)snprintf(prefix, sizeof prefix, "bb_%s_", roles[r].name);
        size_t checked = size + BB_KEY_SECRET_CHARS;
        if (text.size != checked + 1 + BB_KEY_CHECK_CHARS ||
            !bb_span_starts_with(text, (struct bb_span){prefix, size}) ||
            !all_digits((struct bb_span){text.data + size, BB_KEY_SECRET_CHARS}))
            continue;
        put_checksum(text.data, checked, checksum);
        if (text.data[checked] != '_' ||
            memcmp(text.data + checked + 1, checksum, sizeof checksum) != 0)
            return false;
        *role = (enum bb_role)r;
        *id = (struct bb_span){text.data + size, BB_KEY_ID_CHARS};
        return true;
    }
    return false;
}

struct bb_key_hash bb_key_hash(struct bb_span text) {
    struct bb_key_hash hash = {{0}};
    unsigned size = 0;
    int done = EVP_Digest(text.data, text.size, hash.bytes, &size, EVP_sha256(), NULL);

    BB_ASSERT(done == 1 && size == sizeof hash.bytes); /* every libcrypto has SHA-256 */
    return hash;
}
