/* A strict scanner of JSON (RFC 8259), value by value, without a tree.
 *
 * It runs over text that ends in a byte no value may hold (a line end, or a NUL behind the input),
 * so that no step asks for the end. A function that fails leaves `problem` and where it stands.
 */
#ifndef BB_CODEC_JSON_SCAN_INTERNAL_H
#define BB_CODEC_JSON_SCAN_INTERNAL_H

#include "codec/row_internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BB_JSON_DEPTH_MAX = 64 };

struct bb_json_scan {
    const char *at;
    bool one_line; /* a line end is the end, not white space */
    bool escapes;  /* set when a text had a backslash: its cell is a copy */
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

/* The first byte that is no plain character of a text: a quote, a backslash, a control. */
#ifdef __SSE2__
static inline const char *bb_json_scan_special(const char *at) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);

    for (;; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
        int mask = _mm_movemask_epi8(hit);
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
}

/* Is the first special byte `size` bytes behind? Quick for texts of less than 32. */
static inline bool bb_json_text_is(const char *at, uint32_t size) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    uint32_t hits = 0;

    for (size_t i = 0; i < 2; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(at + 16 * i));
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
        hits |= (uint32_t)_mm_movemask_epi8(hit) << (16 * i);
        if (size < 16)
            break;
    }
    return size < 32 && hits << (31 - size) == 1u << 31;
}
#else
static inline bool bb_json_text_is(const char *at, uint32_t size) {
    (void)at;
    (void)size;
    return false;
}

static inline const char *bb_json_scan_special(const char *at) {
    while (*at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}
#endif

/* A text; json->at stands on its opening quote, afterwards behind the closing one. */
bool bb_json_scan_text(struct bb_json_scan *json, struct bb_cell *out);
/* Any value. Objects and arrays are checked and passed over: BB_CELL_OTHER. */
bool bb_json_scan_value(struct bb_json_scan *json, struct bb_cell *out);

/* Where the object or array that begins at `at` ends, by its brackets alone: to go on behind a bad
 * one. NULL when it does not end before `end`. */
const char *bb_json_scan_end(const char *at, const char *end);

#endif
