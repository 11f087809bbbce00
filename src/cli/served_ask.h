/* One question to the server that has the plant, by its own socket: it speaks HTTP and wants no key. */
#ifndef BB_CLI_SERVED_ASK_H
#define BB_CLI_SERVED_ASK_H

#include <jansson.h>

#include "cli/cli.h"

/* POST a body; *out is the answer's JSON (json_decref it), NULL not wanted. What the server refuses is its error, with
 * its code. -BB_E_SERVED: it ended before it answered. */
int bb_served_post(const char *directory, const char *path, const char *type, struct bb_span body,
                   json_t **out, struct bb_error *error) BB_MUST_USE;
/* A connection to it; -1: no server answers. */
int bb_served_connect(const char *directory);

#endif
