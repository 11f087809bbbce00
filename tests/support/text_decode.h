/* Text formats under test: what a decoder makes of a text, given a map, a zone, a kind. The result
 * is a decode_dump (decode_dump.h): a line a reading, a line a refusal. */
#ifndef TESTS_SUPPORT_TEXT_DECODE_H
#define TESTS_SUPPORT_TEXT_DECODE_H

#include "codec/map.h"
#include "support/decode_dump.h"

struct text_decode {
    const struct bb_format_row *format; /* NULL: the map's */
    const char *map;                    /* YAML, or NULL */
    const char *zone;                   /* or NULL */
    const char *source;                 /* the file's name, or NULL */
    int kind;
    uint32_t interval_s;
    void (*resolve)(void *context, struct bb_series *series);
    size_t piece; /* the text comes in pieces of so many bytes; 0: at once */
};

/* Decode; the dump is released by the caller. A map that does not load fails the test. */
void text_decode(struct decode_dump *dump, const struct text_decode *how, struct bb_span text);

/* The refusals as "line:code line:code". */
const char *text_decode_refusals(const struct decode_dump *dump);

#endif
