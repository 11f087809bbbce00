/* Writing JSON: values appended to a buffer, with commas and escapes put where they belong.
 *
 *   struct bb_json json;
 *   bb_json_init(&json, &buffer);
 *   bb_json_object_begin(&json);
 *   bb_json_key(&json, "files");
 *   bb_json_u64(&json, 3);
 *   bb_json_object_end(&json);
 *
 * Text is UTF-8; bytes that are not become U+FFFD, so that what is written is always JSON. Nesting
 * is bounded and its mistakes are bugs. Overflow is the buffer's (sticky, checked once at the end).
 */
#ifndef BB_BASE_JSON_WRITE_H
#define BB_BASE_JSON_WRITE_H

#include "base/buffer.h"

enum { BB_JSON_DEPTH_MAX = 64 };

struct bb_json {
    struct bb_buffer *out;
    uint64_t has_items; /* bit d: the container at depth d holds something */
    uint64_t is_object; /* bit d: it is an object */
    uint32_t depth;
    bool after_key;
};

void bb_json_init(struct bb_json *json, struct bb_buffer *out);

void bb_json_object_begin(struct bb_json *json);
void bb_json_object_end(struct bb_json *json);
void bb_json_array_begin(struct bb_json *json);
void bb_json_array_end(struct bb_json *json);
void bb_json_key(struct bb_json *json, const char *key);
/* A key that is no literal: a label's name. */
void bb_json_key_span(struct bb_json *json, struct bb_span key);

void bb_json_text(struct bb_json *json, struct bb_span text);
void bb_json_i64(struct bb_json *json, int64_t value);
void bb_json_u64(struct bb_json *json, uint64_t value);
/* Shortest digits that read back as the same number; null for what JSON cannot say. */
void bb_json_double(struct bb_json *json, double value);
void bb_json_bool(struct bb_json *json, bool value);
void bb_json_null(struct bb_json *json);
/* `text` is JSON already: a decimal with all its digits. */
void bb_json_raw(struct bb_json *json, struct bb_span text);
/* `text` is members of the object at hand already: "a":1,"b":2 (not none). */
void bb_json_raw_members(struct bb_json *json, struct bb_span text);

/* The escaped form of `text` between its quotes, for writers that have their own layout. */
void bb_json_append_text(struct bb_buffer *out, struct bb_span text);

/* Key and value at once. */
void bb_json_put_text(struct bb_json *json, const char *key, struct bb_span text);
void bb_json_put_i64(struct bb_json *json, const char *key, int64_t value);
void bb_json_put_u64(struct bb_json *json, const char *key, uint64_t value);
void bb_json_put_double(struct bb_json *json, const char *key, double value);
void bb_json_put_bool(struct bb_json *json, const char *key, bool value);

#endif
