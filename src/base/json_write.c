/* Writing JSON: see json_write.h. Appends only; any thread that owns the buffer. */
#include "base/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void bb_json_init(struct bb_json *json, struct bb_buffer *out) {
    *json = (struct bb_json){.out = out};
}

/* Called before every value and key: the comma that separates it from the one before. */
static void separate(struct bb_json *json) {
    uint64_t bit = 1ULL << json->depth;

    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->depth > 0 && (json->has_items & bit))
        bb_buffer_append_byte(json->out, ',');
    json->has_items |= bit;
}

static void begin(struct bb_json *json, bool object) {
    separate(json);
    BB_ASSERT(json->depth + 1 < BB_JSON_DEPTH_MAX);
    json->depth++;
    json->has_items &= ~(1ULL << json->depth);
    json->is_object &= ~(1ULL << json->depth);
    json->is_object |= (uint64_t)object << json->depth;
    bb_buffer_append_byte(json->out, object ? '{' : '[');
}

static void end(struct bb_json *json, bool object) {
    BB_ASSERT(json->depth > 0 && !json->after_key);
    BB_ASSERT(((json->is_object >> json->depth) & 1) == object);
    json->depth--;
    bb_buffer_append_byte(json->out, object ? '}' : ']');
}

void bb_json_object_begin(struct bb_json *json) {
    begin(json, true);
}

void bb_json_object_end(struct bb_json *json) {
    end(json, true);
}

void bb_json_array_begin(struct bb_json *json) {
    begin(json, false);
}

void bb_json_array_end(struct bb_json *json) {
    end(json, false);
}

/* Bytes of the well-formed UTF-8 sequence at the beginning of `s`; 0 when there is none. */
static size_t utf8_sequence(struct bb_span s, uint32_t *out) {
    const unsigned char *at = (const unsigned char *)s.data;
    size_t size;
    uint32_t point, least;

    *out = at[0];
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] < 0xe0) {
        size = 2, least = 0x80, point = at[0] & 0x1fU;
    } else if (at[0] >= 0xe0 && at[0] < 0xf0) {
        size = 3, least = 0x800, point = at[0] & 0x0fU;
    } else if (at[0] >= 0xf0 && at[0] < 0xf5) {
        size = 4, least = 0x10000, point = at[0] & 0x07U;
    } else {
        return 0;
    }
    if (s.size < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3fU);
    }
    *out = point;
    bool surrogate = point >= 0xd800 && point < 0xe000;
    return point >= least && point <= 0x10ffff && !surrogate ? size : 0;
}

/* Controls, and what is no character: JSON would take some of them as they are, but terminals do not,
 * nor does YAML, whose texts are written here, too. */
static bool needs_escape(uint32_t c) {
    return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0) || c == 0xfffe ||
           c == 0xffff;
}

static void append_escape(struct bb_buffer *out, uint32_t c) {
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    if (c == '"' || c == '\\')
        bb_buffer_format(out, "\\%c", (int)c);
    else if (c < 0x20 && letters[c])
        bb_buffer_format(out, "\\%c", letters[c]);
    else
        bb_buffer_format(out, "\\u%04x", c);
}

void bb_json_append_text(struct bb_buffer *out, struct bb_span text) {
    static const char replacement[] = "\xef\xbf\xbd";
    size_t plain = 0; /* bytes before text that can be copied as they are */

    while (plain < text.size) {
        uint32_t c;
        size_t size = utf8_sequence((struct bb_span){text.data + plain, text.size - plain}, &c);
        if (size > 0 && !needs_escape(c)) {
            plain += size;
            continue;
        }
        bb_buffer_append(out, text.data, plain);
        if (size > 0)
            append_escape(out, c);
        else
            bb_buffer_append(out, replacement, sizeof replacement - 1);
        size_t passed = plain + (size > 0 ? size : 1);
        text.data += passed;
        text.size -= passed;
        plain = 0;
    }
    bb_buffer_append(out, text.data, plain);
}

static void append_quoted(struct bb_buffer *out, struct bb_span text) {
    bb_buffer_append_byte(out, '"');
    bb_json_append_text(out, text);
    bb_buffer_append_byte(out, '"');
}

void bb_json_key(struct bb_json *json, const char *key) {
    bb_json_key_span(json, bb_span_of(key));
}

void bb_json_key_span(struct bb_json *json, struct bb_span key) {
    BB_ASSERT(json->depth > 0 && (json->is_object >> json->depth & 1) && !json->after_key);
    separate(json);
    append_quoted(json->out, key);
    bb_buffer_append_byte(json->out, ':');
    json->after_key = true;
}

void bb_json_text(struct bb_json *json, struct bb_span text) {
    separate(json);
    append_quoted(json->out, text);
}

void bb_json_i64(struct bb_json *json, int64_t value) {
    separate(json);
    bb_buffer_format(json->out, "%" PRId64, value);
}

void bb_json_u64(struct bb_json *json, uint64_t value) {
    separate(json);
    bb_buffer_format(json->out, "%" PRIu64, value);
}

void bb_json_double(struct bb_json *json, double value) {
    char text[32];

    if (!isfinite(value)) {
        bb_json_null(json);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    bb_json_raw(json, bb_span_of(text));
}

void bb_json_bool(struct bb_json *json, bool value) {
    bb_json_raw(json, value ? BB_SPAN("true") : BB_SPAN("false"));
}

void bb_json_null(struct bb_json *json) {
    bb_json_raw(json, BB_SPAN("null"));
}

void bb_json_raw(struct bb_json *json, struct bb_span text) {
    separate(json);
    bb_buffer_append_span(json->out, text);
}

void bb_json_raw_members(struct bb_json *json, struct bb_span text) {
    BB_ASSERT(!json->after_key && text.size > 0);
    bb_json_raw(json, text); /* a comma stands before a key as before a value */
}

void bb_json_put_text(struct bb_json *json, const char *key, struct bb_span text) {
    bb_json_key(json, key);
    bb_json_text(json, text);
}

void bb_json_put_i64(struct bb_json *json, const char *key, int64_t value) {
    bb_json_key(json, key);
    bb_json_i64(json, value);
}

void bb_json_put_u64(struct bb_json *json, const char *key, uint64_t value) {
    bb_json_key(json, key);
    bb_json_u64(json, value);
}

void bb_json_put_double(struct bb_json *json, const char *key, double value) {
    bb_json_key(json, key);
    bb_json_double(json, value);
}

void bb_json_put_bool(struct bb_json *json, const char *key, bool value) {
    bb_json_key(json, key);
    bb_json_bool(json, value);
}
