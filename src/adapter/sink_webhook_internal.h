/* Shared by the webhook's files. */
#ifndef BB_ADAPTER_SINK_WEBHOOK_INTERNAL_H
#define BB_ADAPTER_SINK_WEBHOOK_INTERNAL_H

#include "adapter/change_feed.h"
#include "adapter/http_client.h"
#include "adapter/retry.h"

enum { WEBHOOK_SECRETS_MAX = 2, WEBHOOK_SECRET_MAX = 256, WEBHOOK_SIGNATURE_MAX = 256 };

struct webhook_secrets {
    char texts[WEBHOOK_SECRETS_MAX][WEBHOOK_SECRET_MAX];
    size_t count; /* 0: nothing is signed */
};
int bb_webhook_secrets_read(struct webhook_secrets *secrets, const char *path,
                            struct bb_error *error);
/* "t=1700000000,v1=HEX[,v1=HEX]": of each secret HMAC-SHA256 of "1700000000." and the body. Written into `out`, which has
 * WEBHOOK_SIGNATURE_MAX bytes; false: libcrypto fails. */
bool bb_webhook_sign(const struct webhook_secrets *secrets, int64_t seconds, struct bb_span body,
                     char *out);

#endif
