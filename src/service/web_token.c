/* A person's token: see web_token.h. */
#include "service/web_token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM_NAME_MAX = 200, SIGNATURE_MAX = 2048 };

struct parts {
    struct bb_span header, claims, signature;
    struct bb_span is_signed; /* the first two with their dot */
};

static bool split(struct bb_span text, struct parts *out) {
    const char *first = text.size ? memchr(text.data, '.', text.size) : NULL;

    if (!first || text.size > BB_WEB_TOKEN_BYTES)
        return false;
    const char *end = text.data + text.size;
    const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    *out = (struct parts){.header = {text.data, (size_t)(first - text.data)},
                          .claims = {first + 1, (size_t)(second - first - 1)},
                          .signature = {second + 1, (size_t)(end - second - 1)},
                          .is_signed = {text.data, (size_t)(second - text.data)}};
    return out->header.size > 0 && out->claims.size > 0 && out->signature.size > 0;
}

/* NULL: it is no base64url of a JSON object. */
static json_t *read_object(struct bb_span part) {
    unsigned char *bytes = malloc(part.size);
    json_t *object = NULL;
    size_t size;

    if (bytes && bb_base64url_decode(part, bytes, part.size, &size))
        object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static struct bb_span text_of(const json_t *value) {
    return json_is_string(value)
               ? (struct bb_span){json_string_value(value), json_string_length(value)}
               : (struct bb_span){NULL, 0};
}

/* ---- the signature */

static int check_signature(const struct parts *parts, const json_t *header,
                           const struct bb_web_keys *keys, struct bb_error *error) {
    unsigned char bytes[SIGNATURE_MAX];
    struct bb_span kid = text_of(json_object_get(header, "kid"));
    size_t size;

    if (json_object_get(header, "crit"))
        return BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token asks for extensions (crit)");
    if (!bb_base64url_decode(parts->signature, bytes, sizeof bytes, &size))
        return BB_FAIL(error, BB_E_TOKEN_REFUSED,
                       "this is no token: its signature is no base64url");
    switch (bb_web_keys_verify(keys, text_of(json_object_get(header, "alg")), kid, parts->is_signed,
                               (struct bb_span){(const char *)bytes, size})) {
    case BB_WEB_GOOD: return 0;
    case BB_WEB_NO_ALGORITHM:
        return BB_FAIL(error, BB_E_TOKEN_REFUSED,
                       "the token's algorithm is not accepted: RS, PS, ES (256, 384, 512), EdDSA");
    case BB_WEB_NO_KEY:
        return BB_FAIL(error, BB_E_TOKEN_KEY, "the issuer's key set has no key for this token");
    case BB_WEB_WRONG: break;
    }
    return BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token's signature is wrong");
}

/* ---- the claims */

static bool is_for(const json_t *audience, struct bb_span wanted) {
    const json_t *item;
    size_t i;

    if (json_is_string(audience))
        return bb_span_equal(text_of(audience), wanted);
    json_array_foreach(audience, i, item) if (json_is_string(item) &&
                                              bb_span_equal(text_of(item), wanted)) return true;
    return false;
}

enum { HAS_TIME = 0, NO_TIME = 1, BAD_TIME = 2 };

/* Seconds since 1970, maybe with a fraction. */
static int time_of(const json_t *claims, const char *name, int64_t *ms) {
    const json_t *value = json_object_get(claims, name);

    if (!value)
        return NO_TIME;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > 1e11)
        return BAD_TIME;
    *ms = (int64_t)(seconds * 1000);
    return HAS_TIME;
}

static int check_times(const json_t *claims, int64_t now_ms, struct bb_error *error) {
    static const char *const starts[] = {"nbf", "iat"};
    int64_t ms = 0;

    if (time_of(claims, "exp", &ms) != HAS_TIME)
        return BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token does not say when it ends (exp)");
    if (now_ms >= ms + BB_WEB_TOKEN_LEEWAY_MS)
        return BB_FAIL(error, BB_E_TOKEN_EXPIRED, "the token has expired");
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int found = time_of(claims, starts[i], &ms);
        if (found == BAD_TIME)
            return BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token's %s is no time", starts[i]);
        if (found == HAS_TIME && ms > now_ms + BB_WEB_TOKEN_LEEWAY_MS)
            return BB_FAIL(error, BB_E_TOKEN_EXPIRED, "the token is not valid yet (%s)", starts[i]);
    }
    return 0;
}

static int check_claims(const json_t *claims, const struct bb_web_token_rules *rules,
                        int64_t now_ms, struct bb_error *error) {
    if (!bb_span_equal(text_of(json_object_get(claims, "iss")), rules->issuer))
        return BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token is of another issuer");
    if (!is_for(json_object_get(claims, "aud"), rules->audience))
        return BB_FAIL(error, BB_E_TOKEN_AUDIENCE, "the token is for another audience");
    return check_times(claims, now_ms, error);
}

int bb_web_token_read(struct bb_span text, const struct bb_web_keys *keys,
                      const struct bb_web_token_rules *rules, int64_t now_ms, json_t **claims,
                      struct bb_error *error) {
    struct parts parts;

    *claims = NULL;
    if (!split(text, &parts))
        return BB_FAIL(error, BB_E_TOKEN_REFUSED,
                       "this is no token: three parts with two dots, at most %d bytes",
                       BB_WEB_TOKEN_BYTES);
    json_t *header = read_object(parts.header);
    if (!header)
        return BB_FAIL(error, BB_E_TOKEN_REFUSED, "this is no token: its first part is no JSON");
    int result = check_signature(&parts, header, keys, error);
    json_decref(header);
    if (result)
        return result;
    json_t *object = read_object(parts.claims);
    result = object ? check_claims(object, rules, now_ms, error)
                    : BB_FAIL(error, BB_E_TOKEN_REFUSED, "the token's claims are no JSON object");
    if (result)
        json_decref(object);
    else
        *claims = object;
    return result;
}

const json_t *bb_web_token_claim(const json_t *claims, const char *path) {
    const json_t *at = json_object_get(claims, path);
    char name[CLAIM_NAME_MAX];

    if (at)
        return at;
    for (at = claims; at && *path;) {
        size_t size = strcspn(path, ".");
        if (size == 0 || size >= sizeof name)
            return NULL;
        memcpy(name, path, size);
        name[size] = '\0';
        at = json_object_get(at, name);
        path += size + (path[size] == '.');
    }
    return at == claims ? NULL : at;
}
