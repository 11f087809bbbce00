/* Tokens and the keys they are signed with, by the examples of the standards themselves. */
#include <criterion/criterion.h>

#include "service/web_token.h"

/* RFC 7515 A.3 (ES256) and RFC 8037 A.2, A.4 (EdDSA) */
static const char key_set[] = "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"ec\",\"crv\":\"P-256\","
                              "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                              "{\"kty\":\"OKP\",\"kid\":\"ed\",\"crv\":\"Ed25519\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
#define ES256_SIGNED                                                                               \
    "eyJhbGciOiJFUzI1NiJ9."                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define ES256_SIGNATURE                                                                            \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define EDDSA_SIGNED "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define EDDSA_SIGNATURE                                                                            \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static struct bb_web_keys *keys;
static struct bb_error error;

static void begin(void) {
    cr_assert_eq(bb_web_keys_read(bb_span_of(key_set), &keys, &error), 0, "%s", error.text);
}

static void end(void) {
    bb_web_keys_free(keys);
}

static enum bb_web_verdict verify(const char *algorithm, const char *kid, const char *data,
                                  const char *signature) {
    unsigned char bytes[256];
    size_t size;

    cr_assert(bb_base64url_decode(bb_span_of(signature), bytes, sizeof bytes, &size));
    return bb_web_keys_verify(keys, bb_span_of(algorithm), bb_span_of(kid), bb_span_of(data),
                              (struct bb_span){(const char *)bytes, size});
}

Test(web_token, examples_of_the_standards, .init = begin, .fini = end) {
    cr_expect_eq(verify("ES256", "ec", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_GOOD);
    cr_expect_eq(verify("ES256", "", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_GOOD);
    cr_expect_eq(verify("EdDSA", "ed", EDDSA_SIGNED, EDDSA_SIGNATURE), BB_WEB_GOOD);
    cr_expect_eq(verify("ES256", "ec", EDDSA_SIGNED, ES256_SIGNATURE), BB_WEB_WRONG);
    cr_expect_eq(verify("EdDSA", "ed", ES256_SIGNED, EDDSA_SIGNATURE), BB_WEB_WRONG);
}

Test(web_token, an_algorithm_belongs_to_a_type_of_key, .init = begin, .fini = end) {
    static const char *const none[] = {"none", "HS256", "", "es256", "ES256K", "RS1"};

    cr_expect_eq(verify("ES256", "ed", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_NO_KEY);
    cr_expect_eq(verify("ES384", "ec", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_WRONG);
    cr_expect_eq(verify("RS256", "ec", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_NO_KEY);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect_eq(verify(none[i], "ec", ES256_SIGNED, ES256_SIGNATURE), BB_WEB_NO_ALGORITHM);
}

Test(web_token, base64url_is_read_strictly) {
    static const char *const bad[] = {"A", "AA=", "A+", "A/", "AB", "AAB", "A A", "AAAAA", "\n"};
    unsigned char bytes[4];
    size_t size;

    cr_expect(bb_base64url_decode(BB_SPAN("-_8"), bytes, sizeof bytes, &size) && size == 2 &&
              bytes[0] == 0xfb && bytes[1] == 0xff);
    cr_expect(bb_base64url_decode(BB_SPAN(""), bytes, sizeof bytes, &size) && size == 0);
    cr_expect_not(bb_base64url_decode(BB_SPAN("AAAAAAA"), bytes, 4, &size), "five bytes");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(bb_base64url_decode(bb_span_of(bad[i]), bytes, sizeof bytes, &size), "%s",
                      bad[i]);
}

Test(web_token, what_is_no_key_set) {
    /* too short, not on the curve, of another use */
    static const char weak[] = "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}";
    static const char off_the_curve[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                                        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                        "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}";
    static const char for_encryption[] =
        "{\"keys\":[{\"kty\":\"OKP\",\"use\":\"enc\",\"crv\":\"Ed25519\","
        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[]}",
                                      "{\"keys\":[1,null,{}]}",
                                      "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
                                      weak,
                                      off_the_curve,
                                      for_encryption};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bb_web_keys *none = NULL;
        cr_expect_eq(bb_web_keys_read(bb_span_of(bad[i]), &none, &error), -BB_E_TOKEN_KEYS, "%s",
                     bad[i]);
        cr_expect_null(none);
    }
}

Test(web_token, claims_are_looked_at_once_the_signature_is_right, .init = begin, .fini = end) {
    const struct bb_web_token_rules rules = {BB_SPAN("joe"), BB_SPAN("us")},
                                    others = {BB_SPAN("jane"), BB_SPAN("us")};
    json_t *claims;

    cr_expect_eq(bb_web_token_read(BB_SPAN(ES256_SIGNED "." ES256_SIGNATURE), keys, &others, 0,
                                   &claims, &error),
                 -BB_E_TOKEN_REFUSED);
    cr_expect_eq(bb_web_token_read(BB_SPAN(ES256_SIGNED "." ES256_SIGNATURE), keys, &rules, 0,
                                   &claims, &error),
                 -BB_E_TOKEN_AUDIENCE, "it has none");
    cr_expect_eq(bb_web_token_read(BB_SPAN(ES256_SIGNED "." EDDSA_SIGNATURE), keys, &others, 0,
                                   &claims, &error),
                 -BB_E_TOKEN_REFUSED);
    cr_expect_str_eq(error.text, "the token's signature is wrong");
}

Test(web_token, a_claim_by_name_or_path) {
    json_t *claims = json_loads("{\"a.b\":1,\"a\":{\"b\":2,\"c\":{\"d\":3}},\"\":4}", 0, NULL);

    cr_expect_eq(json_integer_value(bb_web_token_claim(claims, "a.b")), 1);
    cr_expect_eq(json_integer_value(bb_web_token_claim(claims, "a.c.d")), 3);
    cr_expect_null(bb_web_token_claim(claims, "a.x"));
    cr_expect_null(bb_web_token_claim(claims, "a.b.c.d"));
    cr_expect_null(bb_web_token_claim(claims, "a..b"));
    json_decref(claims);
}
