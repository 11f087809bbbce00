/* The formats busbar reads, and which one a stream is in.
 *
 * A new codec is one more row here. Where two formats are equally sure the earlier row wins: the
 * stricter grammars stand first.
 */
#include "codec/codec.h"

#include <stdio.h>

const struct bb_format_row *const bb_formats[] = {
    &bb_format_nem12, &bb_format_ndjson,      &bb_format_lineprotocol,
    &bb_format_avro,  &bb_format_remotewrite, &bb_format_csv,
};
const size_t bb_format_count = sizeof bb_formats / sizeof bb_formats[0];

const struct bb_format_row *bb_format_find(struct bb_span name) {
    for (size_t i = 0; i < bb_format_count; i++)
        if (bb_span_equal_nocase(name, bb_span_of(bb_formats[i]->name)))
            return bb_formats[i];
    return NULL;
}

/* What kinds of bytes a head holds. */
struct bytes {
    bool text;    /* something besides white space */
    bool nul;     /* a zero byte: UTF-16, or a hole in a file that was not written to its end */
    bool control; /* a control character that no text has */
    bool utf8;
};

/* Continuation bytes of a well-formed sequence that begins with `lead`; -1 for no lead byte. */
static int sequence_tail(unsigned char lead) {
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef)
        return 2;
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

/* ASCII at the beginning, a word at a time: most text is nothing else. */
static size_t ascii_prefix(struct bb_span s) {
    size_t i = 0;

    for (uint64_t word; i + sizeof word <= s.size; i += sizeof word) {
        memcpy(&word, s.data + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

/* A sequence cut off by the end of the head is no fault. */
static bool is_utf8(struct bb_span head, bool whole) {
    for (size_t i = ascii_prefix(head); i < head.size;) {
        int tail = sequence_tail((unsigned char)head.data[i++]);
        if (tail < 0)
            return false;
        for (; tail > 0 && i < head.size; tail--, i++)
            if (((unsigned char)head.data[i] & 0xc0) != 0x80)
                return false;
        if (tail > 0 && whole)
            return false;
    }
    return true;
}

/* Without branches, so that compilers look at many bytes at once. */
static struct bytes look_at(struct bb_span head, bool whole) {
    unsigned char text = 0, nul = 0, control = 0;

    for (size_t i = 0; i < head.size; i++) {
        unsigned char byte = (unsigned char)head.data[i];
        unsigned char space = (byte == ' ') | ((unsigned char)(byte - '\t') <= '\r' - '\t');
        text |= (unsigned char)!space;
        nul |= byte == 0;
        control |= (unsigned char)((byte < ' ') & (byte != 0) & !space);
    }
    return (struct bytes){text != 0, nul != 0, control != 0, is_utf8(head, whole)};
}

static bool has_utf16_mark(struct bb_span head) {
    return bb_span_starts_with(head, BB_SPAN("\xff\xfe")) ||
           bb_span_starts_with(head, BB_SPAN("\xfe\xff"));
}

/* Of the formats that are text, or of the others. */
static const struct bb_format_row *surest(struct bb_span head, bool whole, bool binary) {
    const struct bb_format_row *best = NULL;
    int best_score = 0;

    for (size_t i = 0; i < bb_format_count; i++) {
        int score = bb_formats[i]->binary == binary ? bb_formats[i]->sniff(head, whole) : 0;
        if (score > best_score) {
            best_score = score;
            best = bb_formats[i];
        }
    }
    return best;
}

/* "nem12, ndjson, ... and csv" */
static const char *list_formats(char *buffer, size_t size) {
    size_t used = 0;

    for (size_t i = 0; i < bb_format_count && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s",
                                 i == 0                    ? ""
                                 : i + 1 < bb_format_count ? ", "
                                                           : " and ",
                                 bb_formats[i]->name);
    return buffer;
}

int bb_format_detect(struct bb_span head, bool whole, const struct bb_format_row **out,
                     struct bb_error *error) {
    struct bb_span rest = head;
    char names[120];

    *out = surest(head, whole, true);
    if (*out)
        return 0;
    if (has_utf16_mark(head))
        return BB_FAIL(error, BB_E_ENCODING, "the text is UTF-16; busbar reads UTF-8");
    if (bb_span_starts_with(rest, BB_SPAN("\xef\xbb\xbf"))) {
        rest.data += 3;
        rest.size -= 3;
    }
    struct bytes seen = look_at(rest, whole);
    if (rest.size == 0 || (whole && !seen.text))
        return BB_FAIL(error, BB_E_INPUT_EMPTY, "the input is empty");
    if (seen.control) /* a picture, a program, a database: no encoding would make it readings */
        return BB_FAIL(
            error, BB_E_FORMAT_UNKNOWN,
            "the input is neither a text nor Avro nor a request of remote write; formats are %s",
            list_formats(names, sizeof names));
    if (seen.nul)
        return BB_FAIL(error, BB_E_ENCODING,
                       "the text has zero bytes (UTF-16, or a file with a hole); busbar reads "
                       "UTF-8");
    if (!seen.utf8)
        return BB_FAIL(error, BB_E_ENCODING,
                       "the text is not UTF-8 (Latin-1?); busbar reads UTF-8");
    *out = surest(head, whole, false);
    return *out ? 0
                : BB_FAIL(error, BB_E_FORMAT_UNKNOWN,
                          "the input begins like none of %s; name its format with --format",
                          list_formats(names, sizeof names));
}
