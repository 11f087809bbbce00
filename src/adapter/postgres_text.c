/* Texts that PostgreSQL would refuse: see postgres_text.h. */
#include "adapter/postgres_text.h"

enum { ESCAPE_BYTES = 4, ESCAPE_FIRST = 0x10FF00 };

static const unsigned char *bytes_of(struct bb_span text) {
    return (const unsigned char *)text.data;
}

/* Bytes of the character that begins at `at`; 0: none does. As PostgreSQL sees it (RFC 3629), NUL aside. */
static size_t character_bytes(struct bb_span text, size_t at) {
    static const struct {
        unsigned char first, last; /* of the leading byte */
        unsigned char low, high;   /* of the second one */
        size_t size;
    } forms[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *bytes = bytes_of(text) + at;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
            continue;
        if (forms[i].size > text.size - at)
            return 0;
        bool fits = forms[i].size == 1 || (bytes[1] >= forms[i].low && bytes[1] <= forms[i].high);
        for (size_t k = 2; k < forms[i].size; k++)
            fits = fits && (bytes[k] & 0xc0) == 0x80;
        return fits ? forms[i].size : 0;
    }
    return 0;
}

/* U+10FF00 to U+10FFFF: F4 8F BC 80 to F4 8F BF BF. */
static bool is_escape(struct bb_span text, size_t at) {
    const unsigned char *bytes = bytes_of(text) + at;

    return text.size - at >= ESCAPE_BYTES && bytes[0] == 0xf4 && bytes[1] == 0x8f &&
           bytes[2] >= 0xbc && bytes[2] <= 0xbf && (bytes[3] & 0xc0) == 0x80;
}

static size_t plain_bytes(struct bb_span text, size_t at) {
    return is_escape(text, at) ? 0 : character_bytes(text, at);
}

static void write_escape(unsigned char byte, char out[ESCAPE_BYTES]) {
    const uint32_t c = ESCAPE_FIRST + (uint32_t)byte;

    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
}

struct bb_span bb_postgres_text_keep(struct bb_span text, struct bb_arena *arena) {
    size_t at = 0, plain = 1;

    while (at < text.size && (plain = plain_bytes(text, at)) > 0)
        at += plain;
    if (at == text.size)
        return text.data ? text : BB_SPAN("");
    char *out = text.size < SIZE_MAX / ESCAPE_BYTES ? bb_arena_take(arena, text.size * ESCAPE_BYTES)
                                                    : NULL;
    if (!out)
        return (struct bb_span){NULL, 0};
    size_t size = at;
    memcpy(out, text.data, at);
    while (at < text.size) {
        plain = plain_bytes(text, at);
        if (plain == 0) {
            write_escape(bytes_of(text)[at++], out + size);
            size += ESCAPE_BYTES;
        }
        memcpy(out + size, text.data + at, plain);
        at += plain;
        size += plain;
    }
    return (struct bb_span){out, size};
}

struct bb_span bb_postgres_text_kept(struct bb_span kept, struct bb_arena *arena) {
    size_t at = 0, size = 0;

    while (at < kept.size && !is_escape(kept, at))
        at++;
    if (at == kept.size)
        return kept;
    char *out = bb_arena_take(arena, kept.size);
    if (!out)
        return (struct bb_span){NULL, 0};
    for (at = 0; at < kept.size; size++) {
        bool escaped = is_escape(kept, at);
        const unsigned char *bytes = bytes_of(kept) + at;
        out[size] = escaped ? (char)((bytes[2] & 3) << 6 | (bytes[3] & 0x3f)) : kept.data[at];
        at += escaped ? ESCAPE_BYTES : 1;
    }
    return (struct bb_span){out, size};
}
