/* Public keys of issuers: see web_key.h. */
#include "service/web_key.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum {
    KID_MAX = 200,
    RSA_BITS_MIN = 2048,
    RSA_BYTES_MAX = 2048, /* of the modulus: 16384 bits */
    EC_BYTES_MAX = 66,
    DER_MAX = 160,
    TRIES_MAX = 8 /* keys that are tried for a token that names none */
};

enum web_type { WEB_RSA, WEB_P256, WEB_P384, WEB_P521, WEB_ED25519 };

static const struct algorithm {
    const char *name;
    enum web_type type;
    const char *digest; /* NULL: the signature has its own */
    bool is_pss;
    size_t half_bytes; /* of r and of s; 0: the signature is taken as it is */
} algorithms[] = {
    {"RS256", WEB_RSA, "SHA256", false, 0},   {"RS384", WEB_RSA, "SHA384", false, 0},
    {"RS512", WEB_RSA, "SHA512", false, 0},   {"PS256", WEB_RSA, "SHA256", true, 0},
    {"PS384", WEB_RSA, "SHA384", true, 0},    {"PS512", WEB_RSA, "SHA512", true, 0},
    {"ES256", WEB_P256, "SHA256", false, 32}, {"ES384", WEB_P384, "SHA384", false, 48},
    {"ES512", WEB_P521, "SHA512", false, 66}, {"EdDSA", WEB_ED25519, NULL, false, 0},
};
enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

static const struct curve {
    const char *name, *group;
    enum web_type type;
    size_t bytes;
} curves[] = {{"P-256", "P-256", WEB_P256, 32},
              {"P-384", "P-384", WEB_P384, 48},
              {"P-521", "P-521", WEB_P521, 66}};

struct web_key {
    char kid[KID_MAX + 1], algorithm[8]; /* empty: not said */
    enum web_type type;
    EVP_PKEY *key;
};

struct bb_web_keys {
    size_t count;
    struct web_key items[BB_WEB_KEYS_MAX];
};

/* ---- base64url */

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool bb_base64url_decode(struct bb_span text, unsigned char *out, size_t room, size_t *size) {
    uint32_t bits = 0;
    int held = 0;

    *size = 0;
    if (text.size % 4 == 1 || text.size / 4 * 3 + (text.size % 4 ? text.size % 4 - 1 : 0) > room)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*size)++] = (unsigned char)(bits >> held & 0xff);
        }
    }
    return (bits & ((1u << held) - 1)) == 0; /* one text for one value */
}

/* ---- a key's members */

static bool member_bytes(const json_t *key, const char *name, unsigned char *out, size_t room,
                         size_t *size) {
    const json_t *value = json_object_get(key, name);

    return json_is_string(value) &&
           bb_base64url_decode(
               (struct bb_span){json_string_value(value), json_string_length(value)}, out, room,
               size) &&
           *size > 0;
}

static bool member_is(const json_t *key, const char *name, const char *text) {
    const char *value = json_string_value(json_object_get(key, name));

    return value && strcmp(value, text) == 0;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *parts) {
    OSSL_PARAM *params = parts ? OSSL_PARAM_BLD_to_param(parts) : NULL;
    EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    EVP_PKEY *key = NULL;

    if (context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *read_rsa(const json_t *json) {
    unsigned char n[RSA_BYTES_MAX], e[8];
    size_t n_size, e_size;

    if (!member_bytes(json, "n", n, sizeof n, &n_size) ||
        !member_bytes(json, "e", e, sizeof e, &e_size))
        return NULL;
    BIGNUM *modulus = BN_bin2bn(n, (int)n_size, NULL), *exponent = BN_bin2bn(e, (int)e_size, NULL);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (modulus && exponent && parts && BN_num_bits(modulus) >= RSA_BITS_MIN &&
        BN_is_odd(exponent) && !BN_is_one(exponent) &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        key = make_key("RSA", parts);
    OSSL_PARAM_BLD_free(parts);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *read_curve(const json_t *json, const struct curve *curve) {
    unsigned char point[1 + 2 * EC_BYTES_MAX];
    size_t x, y;

    point[0] = 4; /* uncompressed: both coordinates follow */
    if (!member_bytes(json, "x", point + 1, curve->bytes, &x) || x != curve->bytes ||
        !member_bytes(json, "y", point + 1 + x, curve->bytes, &y) || y != curve->bytes)
        return NULL;
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (parts &&
        OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x + y) == 1)
        key = make_key("EC", parts); /* refuses a point that is not on the curve */
    OSSL_PARAM_BLD_free(parts);
    return key;
}

static EVP_PKEY *read_edwards(const json_t *json) {
    unsigned char x[32];
    size_t size;

    return member_is(json, "crv", "Ed25519") && member_bytes(json, "x", x, sizeof x, &size) &&
                   size == sizeof x
               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, size)
               : NULL;
}

static EVP_PKEY *read_key(const json_t *json, enum web_type *type) {
    if (member_is(json, "kty", "RSA")) {
        *type = WEB_RSA;
        return read_rsa(json);
    }
    if (member_is(json, "kty", "OKP")) {
        *type = WEB_ED25519;
        return read_edwards(json);
    }
    for (size_t i = 0; member_is(json, "kty", "EC") && i < sizeof curves / sizeof curves[0]; i++)
        if (member_is(json, "crv", curves[i].name)) {
            *type = curves[i].type;
            return read_curve(json, &curves[i]);
        }
    return NULL;
}

/* ---- the set */

static void copy_member(const json_t *json, const char *name, char *out, size_t room) {
    const char *text = json_string_value(json_object_get(json, name));

    if (text && strlen(text) < room)
        memcpy(out, text, strlen(text) + 1);
}

/* What cannot be used is passed over: a set may hold keys of kinds to come. */
static void add_key(struct bb_web_keys *keys, const json_t *json) {
    struct web_key item = {.key = NULL};
    const json_t *use = json_object_get(json, "use");

    if (keys->count == BB_WEB_KEYS_MAX || (use && !member_is(json, "use", "sig")))
        return;
    item.key = read_key(json, &item.type);
    if (!item.key)
        return;
    copy_member(json, "kid", item.kid, sizeof item.kid);
    copy_member(json, "alg", item.algorithm, sizeof item.algorithm);
    keys->items[keys->count++] = item;
}

int bb_web_keys_read(struct bb_span text, struct bb_web_keys **out, struct bb_error *error) {
    json_t *json = json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(json, "keys"), *item;
    struct bb_web_keys *keys = calloc(1, sizeof *keys);
    size_t i;
    int result = 0;

    if (!keys) {
        json_decref(json);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the issuer's keys");
    }
    json_array_foreach(list, i, item) add_key(keys, item);
    if (!json_is_array(list))
        result = BB_FAIL(error, BB_E_TOKEN_KEYS,
                         "this is no JSON Web Key Set: an object with a list \"keys\"");
    else if (keys->count == 0)
        result = BB_FAIL(error, BB_E_TOKEN_KEYS,
                         "the key set has no key that can be used: RSA of 2048 bits or more, EC "
                         "P-256, P-384, P-521, Ed25519");
    json_decref(json);
    if (result) {
        bb_web_keys_free(keys);
        return result;
    }
    *out = keys;
    return 0;
}

void bb_web_keys_free(struct bb_web_keys *keys) {
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->items[i].key);
    free(keys);
}

size_t bb_web_keys_count(const struct bb_web_keys *keys) {
    return keys->count;
}

/* ---- signatures */

/* r and s as libcrypto wants them: a DER sequence. 0: they are none. */
static size_t join_halves(const struct algorithm *algorithm, struct bb_span signature,
                          unsigned char der[DER_MAX]) {
    size_t half = algorithm->half_bytes;
    int size = 0;

    if (signature.size != 2 * half)
        return 0;
    const unsigned char *bytes = (const unsigned char *)signature.data;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, (int)half, NULL), *s = BN_bin2bn(bytes + half, (int)half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair's */
        unsigned char *at = der;
        if (i2d_ECDSA_SIG(pair, NULL) <= DER_MAX)
            size = i2d_ECDSA_SIG(pair, &at);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size > 0 ? (size_t)size : 0;
}

static bool verify(EVP_PKEY *key, const struct algorithm *algorithm, struct bb_span data,
                   struct bb_span signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *of_key = NULL;
    bool good = context && EVP_DigestVerifyInit_ex(context, &of_key, algorithm->digest, NULL, NULL,
                                                   key, NULL) == 1;

    if (good && algorithm->is_pss)
        good = EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST) == 1;
    good = good && EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.size,
                                    (const unsigned char *)data.data, data.size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static const struct algorithm *find_algorithm(struct bb_span name) {
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (bb_span_equal(name, bb_span_of(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

static bool fits(const struct web_key *key, const struct algorithm *algorithm, struct bb_span kid) {
    return key->type == algorithm->type &&
           (kid.size == 0 || bb_span_equal(kid, bb_span_of(key->kid))) &&
           (!key->algorithm[0] || strcmp(key->algorithm, algorithm->name) == 0);
}

enum bb_web_verdict bb_web_keys_verify(const struct bb_web_keys *keys, struct bb_span algorithm,
                                       struct bb_span kid, struct bb_span data,
                                       struct bb_span signature) {
    const struct algorithm *row = find_algorithm(algorithm);
    unsigned char der[DER_MAX];
    int tried = 0;

    if (!row)
        return BB_WEB_NO_ALGORITHM;
    if (row->half_bytes > 0) {
        signature = (struct bb_span){(const char *)der, join_halves(row, signature, der)};
        if (signature.size == 0)
            return BB_WEB_WRONG;
    }
    for (size_t i = 0; i < keys->count && tried < TRIES_MAX; i++) {
        if (!fits(&keys->items[i], row, kid))
            continue;
        tried++;
        if (verify(keys->items[i].key, row, data, signature))
            return BB_WEB_GOOD;
    }
    return tried > 0 ? BB_WEB_WRONG : BB_WEB_NO_KEY;
}
