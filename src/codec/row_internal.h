/* Rows: the way from the texts of one reading to a reading in a batch, shared by CSV and NDJSON.
 *
 * A codec cuts a record into cells and fills rows; the writer parses them, finds their series and
 * appends to the batch. It takes rows in small groups, because each step of a lookup in a large
 * table waits for memory, and sixteen can wait at once:
 *
 *   codec ─► row ─► row ─► ... ─► row      a group; texts must stay until it is settled
 *            │ guess or hash the series    prefetch its slot
 *            │ parse time, value, unit     prefetch its entry, its name
 *            ▼ find, check, push           in the order of the source
 *
 * The quick steps only say that a row is not plain; then row_explain.c goes through it again,
 * slowly, and says why. One writer serves one run of a decoder, on one thread.
 */
#ifndef BB_CODEC_ROW_INTERNAL_H
#define BB_CODEC_ROW_INTERNAL_H

#include "codec/map_internal.h"
#include "codec/word_internal.h"

/* A piece of text as the source has it. Scanners may load (never believe) up to BB_CELL_PADDING
 * bytes behind it. */
enum { BB_CELL_PADDING = 16 };
enum bb_cell_type {
    BB_CELL_ABSENT = 0,
    BB_CELL_TEXT,
    BB_CELL_NUMBER, /* of JSON: its decimal point is always '.' */
    BB_CELL_NULL,   /* of JSON */
    BB_CELL_OTHER,  /* true, false, an object or array of JSON: never what a field wants */
    /* Of binary formats, which need no texts; in cells that no name is read from: */
    BB_CELL_DECIMAL, /* a value: number × 10^size, within the bounds of struct bb_decimal */
    BB_CELL_MOMENT   /* a time: number of milliseconds; size is BB_MOMENT_LOCAL or 0 */
};
enum { BB_MOMENT_LOCAL = 1 }; /* civil, as if UTC; or a time of day, beside a date */
struct bb_cell {
    union {
        const char *data;
        int64_t number;
    };
    uint32_t size; /* bytes; a record is no longer than BB_LINE_MAX_BYTES */
    uint32_t type; /* enum bb_cell_type */
};
static inline bool bb_cell_is_binary(struct bb_cell cell) {
    return cell.type >= BB_CELL_DECIMAL;
}
static inline struct bb_span bb_cell_span(struct bb_cell cell) {
    return (struct bb_span){cell.data, cell.size};
}
static inline struct bb_cell bb_cell_of(struct bb_span s) {
    return (struct bb_cell){
        .data = s.data, .size = (uint32_t)s.size, .type = s.data ? BB_CELL_TEXT : BB_CELL_ABSENT};
}

/* Set in `present` when a cell is BB_CELL_OTHER. */
enum { BB_ROW_HAS_OTHER = 1 << 30 };

struct bb_row {
    uint64_t line;
    const struct bb_channel_rule *rule;
    uint32_t present; /* bits of fields; the other cells are not initialised */
    struct bb_cell cell[BB_FIELD_COUNT];
};

enum { BB_ROW_GROUP = 32 };

struct bb_row_writer; /* row.c */

int bb_row_writer_new(const struct bb_decode_options *options, struct bb_series_table *table,
                      const struct bb_decode_sink *sink, char delimiter, struct bb_row_writer **out,
                      struct bb_error *error) BB_MUST_USE;
void bb_row_writer_free(struct bb_row_writer *writer);

/* The rows of the group that is being filled, and how many there are: a codec fills
 * rows[(*count)++] and settles when *count is BB_ROW_GROUP. */
struct bb_row_group {
    uint32_t count;
    struct bb_row rows[BB_ROW_GROUP];
};
struct bb_row_group *bb_row_writer_group(struct bb_row_writer *writer);

/* The slots of a record that is one plain reading: names, one time, a value; perhaps a unit and a
 * quality. Most files hold nothing else, and have a shorter way. */
enum { BB_PLAIN_NONE = UINT32_MAX };
struct bb_plain_slots {
    uint32_t usage_point, channel, time, value;
    uint32_t unit, quality; /* BB_PLAIN_NONE: the file has none */
    bool from_start;        /* `time` is the start of an interval */
};

/* Append the reading of a record at once, if it is plain. Else it must go into the group:
 * BB_PLAIN_NOT, because there is something new or wrong about it; best settled at once;
 * BB_PLAIN_WAIT, because its series has to be looked up in a large table, or others wait already.
 */
enum bb_plain_outcome { BB_PLAIN_DONE = 0, BB_PLAIN_NOT, BB_PLAIN_WAIT };
enum bb_plain_outcome bb_row_plain(struct bb_row_writer *writer, const struct bb_plain_slots *slots,
                                   const struct bb_cell *cells, uint64_t line);

/* Turn the group into readings or rejects. Afterwards the rows' texts may go. */
int bb_row_settle(struct bb_row_writer *writer, struct bb_error *error) BB_MUST_USE;
/* Settle, and hand on the last batch. */
int bb_row_finish(struct bb_row_writer *writer, struct bb_error *error) BB_MUST_USE;

/* Report a record that cannot be used; rows before it are settled first. `reason` is located here.
 * -BB_E_TOO_MANY_ERRORS ends the run. */
int bb_row_reject(struct bb_row_writer *writer, uint64_t line, struct bb_error *reason,
                  struct bb_error *error) BB_MUST_USE;

/* A piece of the input for a message: short, without control characters, "..." when cut. */
enum { BB_EXCERPT_MAX = 64 };
const char *bb_row_excerpt(struct bb_span text, char *buffer);

#endif
