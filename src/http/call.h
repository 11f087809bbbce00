/* A call: one request and its answer, as a route's handler sees it.
 *
 *   static int list_things(struct bb_http_call *call, struct bb_error *error) {
 *       struct bb_json json = bb_http_json(call);                     // the answer's body
 *       ... bb_http_text(call, "usage_point"), bb_http_plant(call) ...
 *       return bb_http_answer(call, 200, "application/json");
 *   }
 *
 * A handler runs on one of the server's handler threads (unless its route is `quick`) and may block for
 * as long as a question takes; other calls go on meanwhile. What it borrows lives until it returns, or,
 * when it returned BB_HTTP_LATER, until bb_http_call_end.
 *
 * Parameters are those of the route's table, read before the handler runs; asking for one that the table
 * does not have is a bug.
 */
#ifndef BB_HTTP_CALL_H
#define BB_HTTP_CALL_H

#include "base/buffer.h"
#include "base/json_write.h"
#include "codec/codec.h"
#include "http/route.h"
#include "service/plant.h"

/* ---- who asks, and of what ------------------------------------------------------------------------*/

/* From the credential, never from the request. */
struct bb_span bb_http_tenant(const struct bb_http_call *call);
/* For audit and stories: "key bb_ro_4hJq (grafana)", "loopback". */
struct bb_span bb_http_caller(const struct bb_http_call *call);
/* The plant, open for reading, of this thread alone; views opened on it are ended before returning. NULL on
 * quick routes. */
struct bb_plant *bb_http_plant(struct bb_http_call *call);
/* A bounded arena (64 MiB) that is released with the call. */
struct bb_arena *bb_http_arena(struct bb_http_call *call);

/* ---- parameters -----------------------------------------------------------------------------------*/

/* In the request itself (a default does not count). */
bool bb_http_given(const struct bb_http_call *call, const char *name);
/* The value or its default; texts without either are empty (data NULL). */
struct bb_span bb_http_text(const struct bb_http_call *call, const char *name);
/* NUMBER, TIME (ms; BB_TIME_NONE without a value), DURATION (ms), FLAG (0, 1), CHOICE (index; -1 without). */
int64_t bb_http_number(const struct bb_http_call *call, const char *name);
static inline bool bb_http_flag(const struct bb_http_call *call, const char *name) {
    return bb_http_number(call, name) != 0;
}
/* Repeated texts: how many, and each. */
size_t bb_http_text_count(const struct bb_http_call *call, const char *name);
struct bb_span bb_http_text_at(const struct bb_http_call *call, const char *name, size_t index);
/* -BB_E_PARAMETER about one of them: "from: must lie before to". For what only the handler can know. */
int bb_http_bad_parameter(const struct bb_http_call *call, const char *name, const char *why,
                          struct bb_error *error) BB_MUST_USE;

/* A header of the request; data NULL: absent. Names ignore case. */
struct bb_span bb_http_header(const struct bb_http_call *call, const char *name);
/* Which of the types ("application/json|text/csv") the Accept header asks for, by its weights: an index;
 * 0 when it does not care, -1 when it takes none of them (406). */
int bb_http_accepts(const struct bb_http_call *call, const char *types);

/* ---- the body -------------------------------------------------------------------------------------*/

struct bb_span bb_http_body_span(const struct bb_http_call *call); /* BB_HTTP_WHOLE */
/* BB_HTTP_STREAM: the body's bytes as they were sent (packed as Content-Encoding says). */
struct bb_input bb_http_body_input(struct bb_http_call *call);
uint64_t bb_http_body_bytes(const struct bb_http_call *call);

/* ---- the answer -----------------------------------------------------------------------------------*/

/* Before the answer is sent. `value` is copied; control characters in it are a bug. */
void bb_http_set_header(struct bb_http_call *call, const char *name, const char *value);
void bb_http_set_header_u64(struct bb_http_call *call, const char *name, uint64_t value);

/* The body of a whole answer: at most 64 MiB, then -BB_E_ANSWER_TOO_LARGE (stream, or page). */
struct bb_buffer *bb_http_out(struct bb_http_call *call);
struct bb_json bb_http_json(struct bb_http_call *call);
/* The answer is what bb_http_out holds. 0 or -BB_E_ANSWER_TOO_LARGE. */
int bb_http_answer(struct bb_http_call *call, int status, const char *type) BB_MUST_USE;

/* An answer that is sent while it is made, in bounded memory. `write` waits for a slow reader; it is
 * -BB_E_CLIENT_GONE when nobody reads any more: pass it up. Once begun, a negative return of the handler
 * cuts the connection, so that nobody takes half an answer for a whole one. The stream ends when the
 * handler returns 0. */
int bb_http_stream_begin(struct bb_http_call *call, int status, const char *type,
                         struct bb_error *error) BB_MUST_USE;
int bb_http_stream_write(struct bb_http_call *call, struct bb_span bytes, struct bb_error *error)
    BB_MUST_USE;

/* The end of a call whose handler returned BB_HTTP_LATER: `result` as a handler would return it. Any
 * thread; the call is gone afterwards. */
void bb_http_call_end(struct bb_http_call *call, int result, const struct bb_error *error);

/* Run `work` on the thread that owns the log, with the plant open for appending, after what was appended
 * before; waits for it and hands on its result. For edits, exceptions, master data: `work` may call whatever
 * takes a plant in BB_PLANT_APPEND mode, and what it appended is durable when this returns 0. Never from a quick
 * route. */
int bb_http_on_log(struct bb_http_call *call,
                   int (*work)(struct bb_plant *plant, void *context, struct bb_error *error),
                   void *context, struct bb_error *error) BB_MUST_USE;

#endif
