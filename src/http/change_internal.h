/* What people change over HTTP: their bodies, and waiting until a change counts.
 *
 *   body ─► what is in the log is derived ─► told by the log's owner ─► durable ─► derived ─► answer
 *
 * What a person tells looks at what stands there (service/person.h), so what came before has to be derived
 * first; and the answer tells what stands afterwards.
 */
#ifndef BB_HTTP_CHANGE_INTERNAL_H
#define BB_HTTP_CHANGE_INTERNAL_H

#include <jansson.h>

#include "http/call.h"
#include "service/person.h"

/* A body's members: a JSON object with no others than these. */
struct bb_http_member {
    const char *name; /* NULL ends a table */
    bool required;
};
/* -BB_E_PARAMETER. `out` is the caller's to json_decref. */
int bb_http_body_object(struct bb_http_call *call, const struct bb_http_member *members,
                        json_t **out, struct bb_error *error) BB_MUST_USE;
/* -BB_E_PARAMETER: an object has others than these, or lacks one. */
int bb_http_body_members(const json_t *object, const struct bb_http_member *members,
                         struct bb_error *error) BB_MUST_USE;
/* -BB_E_PARAMETER unless the member is a text; a missing one is empty. Borrowed from the object. */
int bb_http_body_text(const json_t *object, const char *name, struct bb_span *out,
                      struct bb_error *error) BB_MUST_USE;
/* Who asks, and the body's reason. */
int bb_http_body_person(struct bb_http_call *call, const json_t *object, struct bb_person *out,
                        struct bb_error *error) BB_MUST_USE;

/* Wait until what is in the log now has been derived. 0 done, 1 it was not within the time. */
enum bb_http_settled { BB_HTTP_SETTLED = 0, BB_HTTP_UNSETTLED = 1 };
int bb_http_settle(struct bb_http_call *call, struct bb_error *error) BB_MUST_USE;
/* The same of what was before these ends of the partitions (service/settled.h). */
int bb_http_settle_at(struct bb_http_call *call, const uint64_t *ends, struct bb_error *error)
    BB_MUST_USE;
/* The same before a change: -BB_E_BACKLOG when it takes too long. */
int bb_http_settle_first(struct bb_http_call *call, struct bb_error *error) BB_MUST_USE;

#endif
