/* A reading stream: bytes to batches of readings, in whatever format they are, with what the plant knows of
 * their channels. What files (service/land.h) and posts (service/post.h) have in common.
 */
#ifndef BB_SERVICE_READING_STREAM_H
#define BB_SERVICE_READING_STREAM_H

#include "codec/codec.h"
#include "service/plant.h"

/* Messages one by one, in place of a stream of bytes: run by bb_reading_stream_decode with what it would have given to a
 * format's decoder. */
struct bb_reading_session {
    int (*run)(void *context, const struct bb_decode_options *options,
               struct bb_series_table *table, const struct bb_decode_sink *sink,
               struct bb_error *error);
    void *context;
};

/* How the bytes are to be read. */
struct bb_reading_form {
    struct bb_span tenant;
    const struct bb_format_row *format; /* NULL: detect */
    const struct bb_map *map;           /* NULL: none */
    struct bb_span zone;                /* of times without offset; empty: none */
    int kind;                           /* BB_KIND_UNKNOWN: not said */
    uint32_t interval_s;                /* 0: not said */
    enum bb_precision precision;        /* of times that are numbers; BB_PRECISION_OWN: not said */
    struct bb_series_memory *memory;    /* of earlier streams of this form (codec.h); NULL: none */
    const struct bb_schema_lookup *schemas;   /* NULL: those that the map knows */
    const struct bb_reading_session *session; /* NULL: `stream` is read */
};

/* Decode all of `stream`. `plant` (open for anything; NULL: none) answers for channels that the stream leaves
 * open; `name` is the source in errors; `received_ms` bounds times. *format: what it was read as; NULL: not
 * wanted. */
int bb_reading_stream_decode(struct bb_plant *plant, struct bb_input stream, const char *name,
                             const struct bb_reading_form *form, int64_t received_ms,
                             const struct bb_decode_sink *sink, struct bb_series_table *table,
                             const struct bb_format_row **format, struct bb_error *error)
    BB_MUST_USE;

/* Another way of reading the same bytes is another file: a hash of the form, but for its map. */
uint64_t bb_reading_form_hash(const struct bb_reading_form *form, bool partial,
                              const char *map_path);

#endif
