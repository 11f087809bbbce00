/* The key ring: which API keys are accepted, as the registry has them now.
 *
 * Keys are few and asked for with every request, so they stand in memory. The registry is looked at again
 * when a key is unknown or the last look is a second ago; it reads all keys when anything in it changed.
 * A key that is revoked is refused after a second at most, a new one is accepted at once.
 *
 * One lock inside; any thread.
 */
#ifndef BB_SERVICE_KEY_RING_H
#define BB_SERVICE_KEY_RING_H

#include "base/error.h"
#include "model/master.h"
#include "service/api_key.h"
#include "service/config.h"

struct bb_key_ring;

struct bb_key_holder { /* whom a key stands for */
    char tenant[BB_MASTER_TENANT_MAX + 1];
    char id[BB_KEY_ID_CHARS + 1];
    char label[64]; /* what people call it; may be empty */
    enum bb_role role;
};

/* Over the registry of the plant in `directory`, with a connection of its own. */
int bb_key_ring_open(const char *directory, const struct bb_config *config,
                     struct bb_key_ring **out, struct bb_error *error) BB_MUST_USE;
void bb_key_ring_close(struct bb_key_ring *ring);
/* Was any key ever made? Then each request needs one. */
bool bb_key_ring_has_keys(struct bb_key_ring *ring);
/* 0, or -BB_E_KEY_REFUSED: mistyped, unknown, revoked or expired. */
int bb_key_ring_find(struct bb_key_ring *ring, struct bb_span text, int64_t now_ms,
                     struct bb_key_holder *out, struct bb_error *error) BB_MUST_USE;

#endif
