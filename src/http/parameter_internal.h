/* Parameters: from the query, the path and a form to typed values, as a route's table says. */
#ifndef BB_HTTP_PARAMETER_INTERNAL_H
#define BB_HTTP_PARAMETER_INTERNAL_H

#include "base/arena.h"
#include "http/route.h"

struct bb_http_value {
    bool given;
    struct bb_span text;   /* decoded, in the arena, NUL behind it; the default when not given */
    int64_t number;        /* per kind, see call.h */
    struct bb_span *texts; /* repeated: all of them */
    size_t text_count;
};

struct bb_http_values {
    const struct bb_http_parameter *table;              /* NULL: no parameters */
    struct bb_http_value items[BB_HTTP_PARAMETERS_MAX]; /* by row of the table */
};

/* Everything before the first byte of a form: defaults, path and query ("a=1&b=2"; may be empty). Unknown
 * names, wrong values and what is given twice are -BB_E_PARAMETER. */
int bb_http_values_begin(struct bb_http_values *values, const struct bb_http_match *match,
                         struct bb_span query, struct bb_arena *arena, struct bb_error *error)
    BB_MUST_USE;
/* The fields of a form (application/x-www-form-urlencoded) join. */
int bb_http_values_add(struct bb_http_values *values, struct bb_span form, struct bb_arena *arena,
                       struct bb_error *error) BB_MUST_USE;
/* What is required must be there by now. */
int bb_http_values_end(const struct bb_http_values *values, struct bb_error *error) BB_MUST_USE;

/* NULL: the table has no such row. */
const struct bb_http_value *bb_http_value_find(const struct bb_http_values *values,
                                               const char *name);

/* Undo %XX, and '+' for a blank in queries and forms; false: not such a text, or no valid UTF-8, or a NUL in
 * it. `out` has room for `in.size` + 1 bytes. */
bool bb_http_unescape(struct bb_span in, bool plus_is_blank, char *out, size_t *size);

#endif
