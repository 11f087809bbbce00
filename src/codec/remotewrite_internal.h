/* The inside of the remote write decoder.
 *
 *   body ─► remotewrite_body.c: unpacked message ─► remotewrite_message.c: its form, symbols, series
 *        ─► remotewrite.c: labels to cells, samples to rows
 *
 * Two messages go by that name; the numbers of their fields are disjoint, so a body says itself which:
 *
 *   prometheus.WriteRequest (1.0)          io.prometheus.write.v2.Request (2.0)
 *     1 TimeSeries                           4 symbol: a text, the first one empty
 *         1 Label {1 name, 2 value}          5 TimeSeries
 *         2 Sample {1 value, 2 time}             1 label refs: symbols, name and value in turn
 *         3 Exemplar   4 Histogram               2 Sample   3 Histogram   4 Exemplar   5 Metadata
 *     3 MetricMetadata
 *
 * Sources: the remote write specifications 1.0 and 2.0 of Prometheus (prometheus.io/docs/specs).
 */
#ifndef BB_CODEC_REMOTEWRITE_INTERNAL_H
#define BB_CODEC_REMOTEWRITE_INTERNAL_H

#include "codec/codec.h"
#include "codec/protobuf_scan_internal.h"

enum {
    BB_REMOTE_BODY_MAX = 64 << 20, /* bytes, packed and unpacked */
    BB_REMOTE_LABELS_MAX = 128     /* of a series */
};

/* A body in memory. `text` has BB_REMOTE_PADDING bytes behind it that may be loaded. */
enum { BB_REMOTE_PADDING = 64 };
struct bb_remote_body {
    char *text;
    size_t size;
};
/* Read all of `input` and unpack it; *out is the caller's to release, also after an error. Errors end the
 * file: -BB_E_INPUT_EMPTY, -BB_E_CONTAINER, -BB_E_UNPACKED_TOO_LARGE. */
int bb_remote_body_read(struct bb_input input, struct bb_remote_body *out, struct bb_error *error)
    BB_MUST_USE;
void bb_remote_body_release(struct bb_remote_body *body);

struct bb_remote_label {
    struct bb_span name, value;
};

struct bb_remote_message {
    struct bb_span bytes;
    int version;             /* 1 or 2; 0: it holds nothing */
    struct bb_span *symbols; /* of version 2 */
    uint32_t symbol_count;
    uint64_t metadata; /* entries beside the series */
};
/* Find out what the message is. -BB_E_SYNTAX with the byte at which it is none. */
int bb_remote_message_open(struct bb_remote_message *message, struct bb_span bytes,
                           struct bb_error *error) BB_MUST_USE;
void bb_remote_message_release(struct bb_remote_message *message);

/* A series: its labels, and where its samples are. */
struct bb_remote_series {
    struct bb_span bytes;
    struct bb_remote_label labels[BB_REMOTE_LABELS_MAX];
    uint32_t label_count;
    uint64_t samples, histograms, exemplars, metadata;
};
/* Is this top-level field a series of the message? */
bool bb_remote_is_series(const struct bb_remote_message *message,
                         const struct bb_protobuf_field *field);
/* -BB_E_SYNTAX says what is wrong with the series. */
int bb_remote_series_read(const struct bb_remote_message *message, struct bb_span bytes,
                          struct bb_remote_series *out, struct bb_error *error) BB_MUST_USE;

struct bb_remote_sample {
    double value;
    int64_t time_ms;
};
/* The next sample of a series that was read; `scan` begins as one of series->bytes. 1: there is one;
 * 0: no more; -BB_E_SYNTAX. */
int bb_remote_sample_next(const struct bb_remote_message *message, struct bb_protobuf_scan *scan,
                          struct bb_remote_sample *out, struct bb_error *error) BB_MUST_USE;

#endif
