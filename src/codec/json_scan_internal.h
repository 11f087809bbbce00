/* A strict scanner of JSON (RFC 8259), value by value, without a tree.
 *
 * It runs over text that ends in a byte no value may hold (a line end, or a NUL behind the input),
 * so that no step asks for the end. A function that fails leaves `problem` and where it stands.
 */
#ifndef BB_CODEC_JSON_SCAN_INTERNAL_H
#define BB_CODEC_JSON_SCAN_INTERNAL_H

#include "codec/row_internal.h"

enum { BB_JSON_DEPTH_MAX = 64 };

struct bb_json_scan {
    const char *at;
    bool one_line; /* a line end is the end, not white space */
    const char *problem;
    struct bb_arena *unescaped; /* texts with a backslash, translated */
};

static inline bool bb_json_scan_fail(struct bb_json_scan *json, const char *problem) {
    json->problem = problem;
    return false;
}

static inline void bb_json_scan_blanks(struct bb_json_scan *json) {
    while (*json->at == ' ' || *json->at == '\t' || *json->at == '\r' ||
           (*json->at == '\n' && !json->one_line))
        json->at++;
}

/* A text; json->at stands on its opening quote, afterwards behind the closing one. */
bool bb_json_scan_text(struct bb_json_scan *json, struct bb_cell *out);
/* Any value. Objects and arrays are checked and passed over: BB_CELL_OTHER. */
bool bb_json_scan_value(struct bb_json_scan *json, struct bb_cell *out);

/* Where the object or array that begins at `at` ends, by its brackets alone: to go on behind a bad
 * one. NULL when it does not end before `end`. */
const char *bb_json_scan_end(const char *at, const char *end);

#endif
