/* A span borrows bytes: it points at memory that somebody else owns and keeps alive.
 *
 * Spans travel by value. Nothing here allocates; a span is never NUL-terminated unless its
 * maker says so.
 */
#ifndef BB_BASE_SPAN_H
#define BB_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bb_span {
    const char *data;
    size_t size; /* bytes */
};

/* A span over a string literal: BB_SPAN("kWh"). */
#define BB_SPAN(literal) ((struct bb_span){(literal), sizeof(literal) - 1})

/* For printf("%.*s", BB_SPAN_ARGS(s)). */
#define BB_SPAN_ARGS(s) (int)(s).size, (s).data

static inline struct bb_span bb_span_of(const char *text) {
    return (struct bb_span){text, text ? strlen(text) : 0};
}

static inline bool bb_span_equal(struct bb_span a, struct bb_span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Order by bytes, a prefix first: <0, 0 or >0. */
static inline int bb_span_compare(struct bb_span a, struct bb_span b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool bb_span_starts_with(struct bb_span s, struct bb_span prefix) {
    return s.size >= prefix.size && memcmp(s.data, prefix.data, prefix.size) == 0;
}

static inline bool bb_span_ends_with(struct bb_span s, struct bb_span suffix) {
    return s.size >= suffix.size &&
           memcmp(s.data + s.size - suffix.size, suffix.data, suffix.size) == 0;
}

static inline bool bb_char_is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without blanks (space, tab, CR) at both ends. */
static inline struct bb_span bb_span_trim(struct bb_span s) {
    while (s.size > 0 && bb_char_is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && bb_char_is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

static inline char bb_char_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Equal when ASCII case does not matter. */
static inline bool bb_span_equal_nocase(struct bb_span a, struct bb_span b) {
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (bb_char_lower(a.data[i]) != bb_char_lower(b.data[i]))
            return false;
    return true;
}

/* Does the word stand anywhere in the text, when ASCII case does not matter? The empty one does. */
static inline bool bb_span_has_nocase(struct bb_span text, struct bb_span word) {
    const char first = word.size > 0 ? bb_char_lower(word.data[0]) : '\0';

    for (size_t i = 0; i + word.size <= text.size; i++)
        if (word.size == 0 ||
            (bb_char_lower(text.data[i]) == first &&
             bb_span_equal_nocase((struct bb_span){text.data + i, word.size}, word)))
            return true;
    return false;
}

#endif
