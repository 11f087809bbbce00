/* Cutting CSV into records of cells.
 *
 * The quick way looks at 64 bytes at once: a word of bits says where delimiters, line ends and
 * quotes are, and each bit is one step. A record with a quote (or a file whose delimiter is runs of
 * blanks) goes the careful way, character by character.
 */
#ifndef BB_CODEC_CSV_INTERNAL_H
#define BB_CODEC_CSV_INTERNAL_H

#include "codec/row_internal.h"

struct bb_csv_scanner {
    const char *at;  /* where the next record begins */
    const char *end; /* of whole lines: the byte before it is a line end */
    uint64_t line;   /* of the next record */
    char delimiter;  /* ' ': runs of blanks */
    bool last;       /* nothing that would still fit comes after `end` */

    const char *block; /* the 64 bytes that `marks` is about */
    uint64_t marks;    /* special bytes not yet passed */

    struct bb_cell *cells; /* of the record read last */
    uint32_t cell_count;   /* may be more than there is room for: the rest is dropped */
    uint32_t cell_capacity;
    bool rest_has_text;      /* a dropped cell was not empty */
    uint64_t record_line;    /* where that record began */
    struct bb_arena escaped; /* texts that lost a "" on the way */
};

/* Room for `columns` cells. */
int bb_csv_scanner_init(struct bb_csv_scanner *scanner, struct bb_error *error) BB_MUST_USE;
int bb_csv_scanner_reserve(struct bb_csv_scanner *scanner, uint32_t columns, struct bb_error *error)
    BB_MUST_USE;
void bb_csv_scanner_release(struct bb_csv_scanner *scanner);

/* Begin with a stretch of whole lines; texts of the one before are forgotten. */
void bb_csv_scanner_feed(struct bb_csv_scanner *scanner, struct bb_span lines, bool last);

/* The next record that is not blank. BAD: *reason is filled, the scanner stands behind its first
 * line. PARTIAL: a quoted text goes on behind the stretch; the scanner stands before the record. */
enum bb_csv_outcome { BB_CSV_RECORD = 0, BB_CSV_END, BB_CSV_PARTIAL, BB_CSV_BAD };
enum bb_csv_outcome bb_csv_next(struct bb_csv_scanner *scanner, struct bb_error *reason);

/* The delimiter of a file, from its first line: the one of , ; and tab that stands there most
 * often outside quotes. */
char bb_csv_find_delimiter(struct bb_span line);

#endif
