/* Tokens and key sets under random bytes: each is taken or refused with a reason. Input: a key set, a NUL, a token;
 * without a NUL all of it is a token for a set that is there. */
#include <jansson.h>
#include <string.h>

#include "service/web_token.h"

static const char fixed[] = "{\"keys\":[{\"kty\":\"OKP\",\"kid\":\"ed\",\"crv\":\"Ed25519\","
                            "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bb_web_token_rules rules = {BB_SPAN("joe"), BB_SPAN("us")};
    const char *text = (const char *)data, *end = size > 0 ? memchr(text, 0, size) : NULL;
    struct bb_span set = bb_span_of(fixed), token = {text, size};
    struct bb_web_keys *keys = NULL;
    struct bb_error error = {0};
    json_t *claims = NULL;

    if (end) {
        set = (struct bb_span){text, (size_t)(end - text)};
        token = (struct bb_span){end + 1, size - set.size - 1};
    }
    if (bb_web_keys_read(set, &keys, &error) != 0) {
        BB_ASSERT(error.code != BB_OK && error.text[0] != '\0' && !keys);
        return 0;
    }
    BB_ASSERT(bb_web_keys_count(keys) > 0);
    int result = bb_web_token_read(token, keys, &rules, 0, &claims, &error);
    BB_ASSERT(result == 0 ? claims != NULL : error.code != BB_OK && !claims);
    json_decref(claims);
    bb_web_keys_free(keys);
    return 0;
}
