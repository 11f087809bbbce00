/* Codecs: from bytes to batches of readings.
 *
 * A codec reads a stream of bytes once, front to back, in bounded memory, and hands on batches in
 * the order of the source. A line it cannot use is reported with its reason and skipped; whether
 * the rest may be kept is the caller's decision. Codecs convert text to values and nothing else:
 * no multiplier, no unit conversion, no registry beyond the kind of a channel.
 *
 * A new format is one file with one bb_format_row, listed in formats.c.
 */
#ifndef BB_CODEC_CODEC_H
#define BB_CODEC_CODEC_H

#include "base/error.h"
#include "model/batch.h"
#include "model/calendar.h"

enum {
    BB_LINE_MAX_BYTES = 16 << 20,
    BB_INPUT_WINDOW_BYTES = 256 << 10,
    BB_SNIFF_BYTES = 64 << 10,
    BB_FUTURE_LIMIT_H = 48
};
/* 1990-01-01T00:00:00Z: earlier readings are refused. */
#define BB_EARLIEST_MS 631152000000LL

/* A stream of bytes. `read` returns 0 with *got > 0, 0 with *got = 0 at the end, or an error. */
struct bb_input {
    int (*read)(void *context, void *data, size_t capacity, size_t *got, struct bb_error *error);
    void *context;
};

struct bb_map; /* map.h */

/* What a number that is a time counts since 1970. */
enum bb_precision {
    BB_PRECISION_OWN = 0, /* as the format says */
    BB_PRECISION_S,
    BB_PRECISION_MS,
    BB_PRECISION_US,
    BB_PRECISION_NS
};

/* What a decoder learns of the series it meets, for whoever decodes many small inputs of the same senders:
 * kept from run to run it saves describing, completing and asking for each series anew. All runs have the same
 * options but for source and received_ms, no map, and one table, which is cleared when the memory is. One
 * thread. Formats that learn nothing pass over it. */
struct bb_series_memory;
struct bb_series_memory *bb_series_memory_new(void); /* NULL: no memory */
void bb_series_memory_free(struct bb_series_memory *memory);
void bb_series_memory_clear(struct bb_series_memory *memory);

/* Schemas by id, for formats whose messages name theirs. Asked once per id and run, and again for one that was
 * unknown. */
enum bb_schema_outcome { BB_SCHEMA_FOUND = 0, BB_SCHEMA_UNKNOWN = 1 };
struct bb_schema_lookup {
    /* *json lives until the next call. Negative: it could not be asked, which may be retriable. */
    int (*find)(void *context, uint32_t id, struct bb_span *json, struct bb_error *error);
    void *context;
};

struct bb_decode_options {
    const struct bb_map *map;    /* NULL: the format's own conventions */
    const char *source;          /* for error messages and `{file: ...}` of maps */
    const struct bb_zone *zone;  /* of times without offset; NULL: such times are refused */
    int kind;                    /* enum bb_kind given by the caller, BB_KIND_UNKNOWN: none */
    uint32_t interval_s;         /* given by the caller, 0: none */
    enum bb_precision precision; /* of times that are numbers, in formats that leave it open */
    int64_t received_ms;         /* bounds what lies too far ahead */
    struct bb_zone_set *zones;   /* where maps and columns find other zones */
    /* Asked once per new series whose kind (or interval) the source leaves open, with names set;
     * may fill kind, interval_s, commodity, unit, zone. May be NULL. */
    void (*resolve)(void *context, struct bb_series *series);
    void *resolve_context;
    const struct bb_schema_lookup *schemas; /* NULL: none besides those of the map */
    struct bb_series_memory *memory;        /* NULL: every run begins anew */
};

/* What a source held besides readings, in formats that hold more. None of it is wrong. */
struct bb_decode_ignored {
    uint64_t fields; /* of line protocol: texts and booleans that say nothing about a reading */
    uint64_t stale;  /* of remote write, as are the others: marks that a series ended */
    uint64_t histograms, exemplars, metadata;
};
static inline void bb_decode_ignored_add(struct bb_decode_ignored *sum,
                                         const struct bb_decode_ignored *more) {
    sum->fields += more->fields;
    sum->stale += more->stale;
    sum->histograms += more->histograms;
    sum->exemplars += more->exemplars;
    sum->metadata += more->metadata;
}

/* What a decoder hands on. Callbacks return 0 to go on, or a negative error to end the run. */
struct bb_decode_sink {
    /* A full (or the last) batch, not empty; the codec clears and refills it afterwards. */
    int (*batch)(void *context, struct bb_batch *batch, struct bb_error *error);
    /* A line (or object, record) that was not used, with line, code and reason. */
    int (*reject)(void *context, const struct bb_error *reason, struct bb_error *error);
    void *context;
    struct bb_decode_ignored *ignored; /* added to; NULL: not wanted */
};

struct bb_format_row {
    const char *name; /* as in --format */
    const char *title;
    bool binary; /* no text: asked before the head is looked at as one */
    /* How sure is this format that it can read a stream that begins so? 0 no .. 100 certain.
     * `whole` says that `head` is all there is. */
    int (*sniff)(struct bb_span head, bool whole);
    /* Decode all of `input`. Errors that end the whole file (wrong encoding, no zone, unknown
     * column) are returned; errors of one line go to sink->reject. Series are added to `table`. */
    int (*decode)(struct bb_input input, const struct bb_decode_options *options,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error);
};
extern const struct bb_format_row *const bb_formats[];
extern const size_t bb_format_count;

/* By name, NULL when unknown. */
const struct bb_format_row *bb_format_find(struct bb_span name);
/* The surest format; NULL with -BB_E_FORMAT_UNKNOWN, -BB_E_INPUT_EMPTY (nothing or blanks only) or
 * -BB_E_ENCODING (UTF-16, NUL bytes). */
int bb_format_detect(struct bb_span head, bool whole, const struct bb_format_row **out,
                     struct bb_error *error) BB_MUST_USE;

extern const struct bb_format_row bb_format_avro;
extern const struct bb_format_row bb_format_csv;
extern const struct bb_format_row bb_format_ndjson;
extern const struct bb_format_row bb_format_lineprotocol;
extern const struct bb_format_row bb_format_remotewrite;
extern const struct bb_format_row bb_format_nem12; /* NEM13 too: the 100 record tells them apart */

/* What every codec does with a series it meets: fill kind, interval, commodity and OBIS from
 * options, OBIS name, resolve callback; -BB_E_KIND_UNKNOWN or -BB_E_INTERVAL_UNKNOWN with the
 * question to answer. The reading's own columns win over options, options over the registry,
 * the registry over the OBIS code. An OBIS text found here lives until the next call of this thread:
 * add the series to its table first. */
int bb_series_complete(const struct bb_decode_options *options, struct bb_series *series,
                       struct bb_error *error) BB_MUST_USE;
/* Checks shared by all: name (BB_E_NAME) and time range (BB_E_TIME_RANGE). */
int bb_name_check(struct bb_span name, const char *what, struct bb_error *error) BB_MUST_USE;
int bb_time_check(const struct bb_decode_options *options, int64_t end_ms, struct bb_error *error)
    BB_MUST_USE;

/* Lines of a stream, with a window that holds one line of up to BB_LINE_MAX_BYTES. */
struct bb_line_reader {
    struct bb_input input;
    char *window;
    size_t capacity;
    size_t start, filled; /* unread bytes are window[start, filled) */
    uint64_t line;        /* number of the line returned last */
    uint64_t offset;      /* of window[start] in the stream */
    bool ended;
};
int bb_line_reader_init(struct bb_line_reader *reader, struct bb_input input,
                        struct bb_error *error) BB_MUST_USE;
void bb_line_reader_release(struct bb_line_reader *reader);
enum bb_line_outcome { BB_LINE_READ = 0, BB_LINE_END = 1 };
/* The next line without its "\n" or "\r\n"; the span lives until the next call. A byte order mark
 * is dropped. Lines are valid for reading up to 32 bytes past their end (the window is padded).
 * -BB_E_LINE_TOO_LONG ends the file. */
int bb_line_reader_next(struct bb_line_reader *reader, struct bb_span *line, struct bb_error *error)
    BB_MUST_USE;

#endif
