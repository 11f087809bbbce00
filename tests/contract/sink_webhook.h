/* The receiver of a webhook, inside the test. */
#ifndef BB_TESTS_CONTRACT_SINK_WEBHOOK_H
#define BB_TESTS_CONTRACT_SINK_WEBHOOK_H

#include "contract/sink_fixture.h"
#include "support/http_double.h"

struct webhook_receiver {
    struct http_double *server;
    char secrets[64], url[64];
    struct picture seen;    /* what was told, by its id */
    struct picture picture; /* what the values are by that */
    size_t requests, repeated, contradicted, unsigned_requests;
    size_t busy_for; /* requests to be refused for now */
    int busy_status;
    const char *retry_after, *refused; /* bodies with this text are refused for good */
};
struct webhook_receiver *webhook_receiver_new(void);
void webhook_receiver_free(struct webhook_receiver *receiver);

/* What one object of the feed's JSON says is put into the picture, or taken out. */
void sink_draw_change(struct bb_span object, struct picture *out);

#endif
