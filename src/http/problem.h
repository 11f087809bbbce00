/* Problems: every error an HTTP client can meet, as application/problem+json (RFC 9457) with the stable
 * code that `busbar explain` explains.
 *
 *   {"type":"urn:busbar:error:BB-6003","title":"A parameter is not right","status":400,"code":"BB-6003",
 *    "detail":"from: \"yesterday\" is no time; write 2026-03-29T00:00:00Z","line":3}
 *
 * What went wrong inside the server is told by its title alone: its text may name files.
 */
#ifndef BB_HTTP_PROBLEM_H
#define BB_HTTP_PROBLEM_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_write.h"

/* The status that stands for a code: one table. */
int bb_http_status_of(enum bb_error_code code);
/* Did it go wrong inside the server? Then its text stays there. */
bool bb_http_is_inside(enum bb_error_code code);
/* All members but the closing brace, so that a route can add its own. */
void bb_http_problem_begin(const struct bb_error *error, struct bb_json *json);
void bb_http_problem_end(struct bb_json *json);
/* {"line":3,"code":"BB-1004","reason":"..."}: an item of the member "errors". */
void bb_http_problem_item(const struct bb_error *error, struct bb_json *json);

#endif
