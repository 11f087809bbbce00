/* The server's side of the audit log (service/audit.h): every route that changes something for people is
 * audited by what it is (right `admin`, not GET), so none can be forgotten.
 *
 *   crew: begin ─► handler ─► end ─► answer          refused for rights: told, then answered
 *
 * The change is not begun before its entry is durable. What is known is told: who, by which credential, from which address,
 * the members of the body that say of what (never all of it), the reason, X-Request-Id. A refusal that the same caller
 * gets again at the same route within a minute is told once, so that nobody fills the disk by asking. Callers
 * whom nobody knows (401) are not told.
 *
 * One lock around one connection to the registry; never on a thread that reads sockets.
 */
#ifndef BB_HTTP_AUDIT_INTERNAL_H
#define BB_HTTP_AUDIT_INTERNAL_H

#include <pthread.h>

#include "http/route.h"
#include "port/registry.h"
#include "service/config.h"

enum { BB_HTTP_REFUSALS_KEPT = 64, BB_HTTP_REQUEST_ID_MAX = 64 };

struct bb_http_auditor {
    pthread_mutex_t lock;         /* guards all below */
    struct bb_registry *registry; /* NULL: not started */
    struct {
        uint64_t hash;
        int64_t at_ms;
    } refusals[BB_HTTP_REFUSALS_KEPT]; /* the latest, by their hash */
};

struct bb_http_call;

int bb_http_auditor_start(struct bb_http_auditor *auditor, const char *data,
                          const struct bb_config *config, struct bb_error *error) BB_MUST_USE;
void bb_http_auditor_stop(struct bb_http_auditor *auditor);

bool bb_http_is_audited(const struct bb_http_route *route);
/* Before the handler of an audited route; negative: the change must not be made. */
int bb_http_audit_begin(struct bb_http_call *call, struct bb_error *error) BB_MUST_USE;
/* Before its answer. What cannot be told now is logged; the entry stays unfinished. */
void bb_http_audit_end(struct bb_http_call *call, int result);
/* Is this refusal one to be told? Then by bb_http_audit_refusal, before its answer. */
bool bb_http_audit_wants(const struct bb_http_call *call, const struct bb_error *refusal);
void bb_http_audit_refusal(struct bb_http_call *call);

#endif
