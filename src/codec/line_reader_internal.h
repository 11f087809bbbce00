/* What the text codecs know of the line reader beyond lines: its window.
 *
 * The hot scanners work on everything the window holds, so that a line costs no call and no copy:
 *
 *   window  [ done | start ......... unread ......... filled | padding ]
 *                   └──────── one stretch ────────┘
 *
 * A codec takes a stretch, uses as many whole records of it as there are, and says with the next
 * call how many bytes it used; what is left comes again, with more behind it.
 */
#ifndef BB_CODEC_LINE_READER_INTERNAL_H
#define BB_CODEC_LINE_READER_INTERNAL_H

#include "codec/codec.h"

/* Bytes behind a stretch that may be read (never relied on): scanners load 64 at a time. */
enum { BB_STRETCH_PADDING = 128 };

struct bb_stretch {
    struct bb_span bytes;
    bool last; /* nothing comes after it; then it always ends in a line end */
};

/* The bytes not used so far, after `used` of the last stretch are done with; unless it is the last
 * one it is longer than what was left, and not empty. BB_LINE_END when nothing is left.
 * -BB_E_LINE_TOO_LONG when a record does not fit BB_LINE_MAX_BYTES. */
int bb_line_reader_stretch(struct bb_line_reader *reader, size_t used, struct bb_stretch *out,
                           struct bb_error *error) BB_MUST_USE;

#endif
