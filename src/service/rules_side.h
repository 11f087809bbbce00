/* A side input of rules: a series of no usage point (the weather, a price) in a file beside the module.
 *
 *   time,temperature            a first line without a time is a heading
 *   2026-03-01T00:00:00Z,3.5    RFC 3339 with its offset; ascending, none twice
 *   2026-03-01T01:00:00Z,       nothing: nobody knows
 */
#ifndef BB_SERVICE_RULES_SIDE_H
#define BB_SERVICE_RULES_SIDE_H

#include "port/rules.h"

enum { BB_RULES_SIDE_BYTES_MAX = 64 << 20, BB_RULES_SIDE_ROWS_MAX = 2000000 };

struct bb_rules_side_file {
    int64_t *ts_ms;
    double *value;
    size_t count, room;
    char *text; /* as the file has it */
    size_t text_size;
};

/* -BB_E_INPUT_UNREADABLE, -BB_E_RULE_SIDE with the line. Released in any case by the caller. */
int bb_rules_side_read(const char *path, struct bb_rules_side_file *out, struct bb_error *error)
    BB_MUST_USE;
/* The same of a text; `path` is what errors call it. */
int bb_rules_side_parse(struct bb_span text, const char *path, struct bb_rules_side_file *out,
                        struct bb_error *error) BB_MUST_USE;
void bb_rules_side_release(struct bb_rules_side_file *side);

#endif
