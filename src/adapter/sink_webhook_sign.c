/* Signing what a webhook sends: see sink_webhook_internal.h. The time stands in what is signed, so that a receiver can refuse
 * what was recorded and sent again; two secrets at once let one be exchanged for another without a gap. */
#include "adapter/sink_webhook_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

int bb_webhook_secrets_read(struct webhook_secrets *secrets, const char *path,
                            struct bb_error *error) {
    char line[WEBHOOK_SECRET_MAX + 2];

    secrets->count = 0;
    if (!path || !path[0])
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_SINK_SETTINGS, errno, "the secret file %s", path);
    while (secrets->count < WEBHOOK_SECRETS_MAX && fgets(line, sizeof line, file)) {
        struct bb_span s = bb_span_of(line);
        if (s.size > 0 && s.data[s.size - 1] == '\n')
            s.size--;
        s = bb_span_trim(s);
        if (s.size > 0 && s.size < WEBHOOK_SECRET_MAX)
            snprintf(secrets->texts[secrets->count++], WEBHOOK_SECRET_MAX, "%.*s", BB_SPAN_ARGS(s));
    }
    fclose(file);
    return secrets->count > 0
               ? 0
               : BB_FAIL(error, BB_E_SINK_SETTINGS,
                         "%s holds no secret: a line each, of less than 256 bytes", path);
}

static bool digest(const char *secret, int64_t seconds, struct bb_span body, unsigned char *out,
                   unsigned *size) {
    struct bb_buffer text;

    bb_buffer_init(&text, body.size + 64);
    bb_buffer_format(&text, "%lld.", (long long)seconds);
    bb_buffer_append_span(&text, body);
    bool done = !text.overflow && HMAC(EVP_sha256(), secret, (int)strlen(secret),
                                       (const unsigned char *)text.data, text.size, out, size);
    bb_buffer_release(&text);
    return done;
}

bool bb_webhook_sign(const struct webhook_secrets *secrets, int64_t seconds, struct bb_span body,
                     char *out) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    size_t used = (size_t)snprintf(out, WEBHOOK_SIGNATURE_MAX, "t=%lld", (long long)seconds);

    for (size_t i = 0; i < secrets->count; i++) {
        if (!digest(secrets->texts[i], seconds, body, hash, &size))
            return false;
        used += (size_t)snprintf(out + used, WEBHOOK_SIGNATURE_MAX - used, ",v1=");
        for (unsigned b = 0; b < size; b++)
            used += (size_t)snprintf(out + used, WEBHOOK_SIGNATURE_MAX - used, "%02x", hash[b]);
    }
    return true;
}
