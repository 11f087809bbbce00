/* Prometheus remote write, 1.0 and 2.0: a request's body, in which each sample is a reading.
 *
 * Labels say what the readings of a series are: they are the columns of docs/formats.md. `__name__`
 * names the channel when no other label does. Values are the shortest decimals that read back as the
 * sender's doubles; times are milliseconds. The "line" of a message is the number of the sample in
 * the request, for what is wrong with a series that of its first one.
 *
 * Labels that say nothing here are passed over, so two series may come to be of one channel: of two
 * such in one request the later one is refused, because their values would overwrite each other.
 * Stale marks (a NaN of its own) say that a series ended and are no readings; they are counted, as
 * are histograms, exemplars and metadata. Maps know the time as _time.
 *
 * Called by whoever decodes, on its thread; memory is bounded by BB_REMOTE_BODY_MAX. */
#include "codec/remotewrite_internal.h"

#include "base/hash.h"
#include "codec/tagged_internal.h"
#include "model/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS_CHUNK = 64 << 10, TEXTS_LIMIT = 64 << 20, NUMBER_TEXT_MAX = 64, FIRST_OWNERS = 64 };

/* The NaN that says that a series ended. */
#define STALE_BITS UINT64_C(0x7ff0000000000002)

/* Which labels gave a channel: its hash, and theirs. */
struct owner {
    uint64_t channel, labels; /* channel 0: free */
};

struct decoder {
    const struct bb_decode_options *options;
    struct bb_decode_ignored *ignored;
    struct bb_map map;
    struct bb_remote_body body;
    struct bb_remote_message message;
    struct bb_remote_series series;
    struct bb_binding binding;
    struct bb_tagged record;
    struct bb_arena texts; /* of the rows that wait: times and values */
    struct bb_row_writer *writer;
    struct bb_row_group *group;
    uint64_t series_number, sample_number; /* of those at hand, from 1 */
    int usage_point_slot, channel_slot, value_slot, time_slot;
    struct bb_span metric; /* __name__ of the series at hand; empty: none */
    struct owner *owners;  /* open addressing */
    uint32_t owner_count, owner_capacity;
};

/* The sample at hand is refused. */
static int refuse(struct decoder *d, struct bb_error *reason, struct bb_error *error) {
    return bb_row_reject(d->writer, d->sample_number, reason, error);
}

/* The series at hand is refused, with all its samples. */
static int refuse_series(struct decoder *d, struct bb_error *reason, struct bb_error *error) {
    char name[BB_EXCERPT_MAX];
    struct bb_error told = {0};

    BB_FAIL(&told, reason->code, "series %" PRIu64 " (%s): %.480s", d->series_number,
            bb_row_excerpt(d->metric, name), reason->text);
    d->sample_number++;
    int failure = refuse(d, &told, error);
    d->sample_number += d->series.samples > 0 ? d->series.samples - 1 : 0;
    return failure;
}

/* ---- labels ---- */

/* By the default conventions, what is called so is no label. */
static bool is_taken(const struct decoder *d, int slot) {
    return bb_tagged_is_default(&d->record, slot, BB_FIELD_TIMESTAMP) ||
           bb_tagged_is_default(&d->record, slot, BB_FIELD_START) ||
           bb_tagged_is_default(&d->record, slot, BB_FIELD_VALUE);
}

static int put_label(struct decoder *d, const struct bb_remote_label *label,
                     struct bb_error *reason) {
    char name[BB_EXCERPT_MAX];
    int rank, slot = bb_tagged_slot(&d->record, label->name, false, &rank);

    if (is_taken(d, slot))
        slot = BB_SLOT_NONE;
    if (bb_span_equal(label->name, BB_SPAN("__name__")))
        d->metric = label->value;
    switch (bb_tagged_put(&d->record, slot, rank, bb_cell_of(label->value))) {
    case BB_TAGGED_PUT: return 0;
    case BB_TAGGED_TWICE:
        return BB_FAIL(reason, BB_E_SYNTAX, "the label \"%s\" and another one mean the same",
                       bb_row_excerpt(label->name, name));
    case BB_TAGGED_FULL: break;
    }
    return BB_FAIL(reason, BB_E_SYNTAX, "there are too many different labels");
}

static int put_labels(struct decoder *d, struct bb_error *reason) {
    bb_tagged_begin(&d->record);
    d->metric = BB_SPAN("");
    for (uint32_t i = 0; i < d->series.label_count; i++)
        if (put_label(d, &d->series.labels[i], reason) != 0)
            return -(int)reason->code;
    if (d->channel_slot != BB_SLOT_NONE && d->metric.size > 0 &&
        d->record.cells[d->channel_slot].type == BB_CELL_ABSENT)
        d->record.cells[d->channel_slot] = bb_cell_of(d->metric);
    return 0;
}

/* Where the value goes: of a wide map, the column with the metric's name. */
static int find_value(struct decoder *d, struct bb_error *reason) {
    char name[BB_EXCERPT_MAX];
    int rank, slot = d->value_slot;

    if (d->map.wide) {
        slot = bb_tagged_slot(&d->record, d->metric, true, &rank);
        if (slot < 0)
            return BB_FAIL(reason, BB_E_FIELD_MISSING,
                           "the map names no channel with the column \"%s\"",
                           bb_row_excerpt(d->metric, name));
    }
    return slot;
}

/* ---- one channel, one series ---- */

static struct owner *find_owner(const struct decoder *d, uint64_t channel) {
    uint32_t mask = d->owner_capacity - 1, at = (uint32_t)(channel >> 32) & mask;

    while (d->owners[at].channel != 0 && d->owners[at].channel != channel)
        at = (at + 1) & mask;
    return &d->owners[at];
}

static bool grow_owners(struct decoder *d) {
    const struct decoder old = {.owners = d->owners, .owner_capacity = d->owner_capacity};
    uint32_t capacity = old.owner_capacity ? old.owner_capacity * 2 : FIRST_OWNERS;

    d->owners = calloc(capacity, sizeof *d->owners);
    if (!d->owners) {
        d->owners = old.owners;
        return false;
    }
    d->owner_capacity = capacity;
    for (uint32_t i = 0; i < old.owner_capacity; i++)
        if (old.owners[i].channel != 0)
            *find_owner(d, old.owners[i].channel) = old.owners[i];
    free(old.owners);
    return true;
}

static uint64_t hash_cell(const struct decoder *d, int slot, uint64_t seed) {
    if (slot == BB_SLOT_NONE || d->record.cells[slot].type == BB_CELL_ABSENT)
        return seed;
    return bb_hash_seeded(bb_cell_span(d->record.cells[slot]), seed);
}

/* Labels in any order. */
static uint64_t hash_labels(const struct bb_remote_series *series) {
    uint64_t hash = 0; /* wraps around */

    for (uint32_t i = 0; i < series->label_count; i++)
        hash += bb_hash_seeded(series->labels[i].value, bb_hash(series->labels[i].name));
    return hash;
}

/* Has another series of the request this channel already? What is not there counts as empty. The table
 * has room. */
static bool is_owned(struct decoder *d) {
    uint64_t labels = hash_labels(&d->series);
    uint64_t channel = d->map.wide ? bb_hash(d->metric) : 0; /* there the metric is the column */

    channel = hash_cell(d, d->usage_point_slot, channel);
    channel = hash_cell(d, d->channel_slot, channel) | 1;
    struct owner *owner = find_owner(d, channel);
    if (owner->channel == 0) {
        *owner = (struct owner){channel, labels};
        d->owner_count++;
    }
    return owner->labels != labels;
}

/* ---- samples ---- */

static bool is_stale(double value) {
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits == STALE_BITS;
}

static struct bb_cell put_text(struct decoder *d, const char *text, int size) {
    char *copy = bb_arena_take(&d->texts, (size_t)size + BB_CELL_PADDING);

    if (!copy)
        return (struct bb_cell){0};
    memcpy(copy, text, (size_t)size);
    memset(copy + size, 0, BB_CELL_PADDING);
    return (struct bb_cell){.data = copy, .size = (uint32_t)size, .type = BB_CELL_NUMBER};
}

static int refuse_value(struct decoder *d, double value, struct bb_error *error) {
    struct bb_error reason = {0};
    char name[BB_EXCERPT_MAX];

    BB_FAIL(&reason, BB_E_VALUE,
            "a value of series %" PRIu64 " (%s) is %g; finite numbers between 10^%d and 10^%d are "
            "allowed",
            d->series_number, bb_row_excerpt(d->metric, name), value, BB_DECIMAL_MIN_EXPONENT,
            BB_DECIMAL_MAX_EXPONENT + BB_DECIMAL_MAX_DIGITS);
    return refuse(d, &reason, error);
}

static int put_sample(struct decoder *d, const struct bb_remote_sample *sample, int slot,
                      struct bb_error *error) {
    struct bb_cell *cells = d->record.cells;
    struct bb_decimal value;
    char text[NUMBER_TEXT_MAX];
    int size;

    if (is_stale(sample->value)) {
        d->ignored->stale++;
        return 0;
    }
    if (bb_decimal_of_double(sample->value, &value) != BB_DECIMAL_OK)
        return refuse_value(d, sample->value, error);
    if (d->group->count == 0) /* no row waits for its texts */
        bb_arena_reset(&d->texts);
    if (value.exponent > 0)
        size = snprintf(text, sizeof text, "%" PRId64 "e%d", value.mantissa, value.exponent);
    else
        size = (int)bb_decimal_format(value, false, text);
    cells[slot] = put_text(d, text, size);
    size = snprintf(text, sizeof text, "%" PRId64, sample->time_ms);
    struct bb_cell time = put_text(d, text, size);
    if (cells[slot].type == BB_CELL_ABSENT || time.type == BB_CELL_ABSENT)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the text of a sample");
    if (d->time_slot != BB_SLOT_NONE)
        cells[d->time_slot] = time;
    return bb_binding_rows(&d->binding, d->writer, d->group, cells, d->sample_number, error);
}

static int put_samples(struct decoder *d, int slot, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(d->series.bytes);
    struct bb_remote_sample sample;
    struct bb_error reason = {0};
    int outcome = 0, failure = 0;

    while (failure == 0 &&
           (outcome = bb_remote_sample_next(&d->message, &scan, &sample, &reason)) > 0) {
        d->sample_number++;
        failure = put_sample(d, &sample, slot, error);
    }
    if (failure || outcome == 0)
        return failure;
    d->sample_number++;
    return refuse(d, &reason, error);
}

/* ---- series ---- */

static int take_series(struct decoder *d, struct bb_span bytes, struct bb_error *error) {
    struct bb_remote_series *series = &d->series;
    struct bb_error reason = {0};

    d->series_number++;
    d->metric = BB_SPAN("");
    if (bb_remote_series_read(&d->message, bytes, series, &reason) != 0)
        return refuse_series(d, &reason, error);
    d->ignored->histograms += series->histograms;
    d->ignored->exemplars += series->exemplars;
    d->ignored->metadata += series->metadata;
    if (series->samples == 0)
        return 0;
    if (put_labels(d, &reason) != 0)
        return refuse_series(d, &reason, error);
    int slot = find_value(d, &reason);
    if (slot < 0)
        return refuse_series(d, &reason, error);
    if (2 * d->owner_count >= d->owner_capacity && !grow_owners(d))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u series", d->owner_count);
    if (is_owned(d)) {
        BB_FAIL(&reason, BB_E_SYNTAX,
                "an earlier series of the request is of the same usage point and channel and "
                "differs in labels that say nothing here; name the channel by a label (channel), "
                "or say in a map which label does");
        return refuse_series(d, &reason, error);
    }
    return put_samples(d, slot, error);
}

static int run(struct decoder *d, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(d->message.bytes);
    struct bb_protobuf_field field;
    int failure = 0;

    d->ignored->metadata += d->message.metadata;
    while (failure == 0 && bb_protobuf_next(&scan, &field))
        if (bb_remote_is_series(&d->message, &field))
            failure = take_series(d, field.bytes, error);
    return failure ? failure : bb_row_finish(d->writer, error);
}

static int slot_of_time(struct decoder *d) {
    uint32_t hint = 0;
    int rank;

    return d->map.times_named ? bb_binding_slot(&d->binding, BB_SPAN("_time"), false, &hint, &rank)
                              : bb_tagged_field_slot(&d->record, BB_FIELD_TIMESTAMP);
}

static int prepare(struct decoder *d, struct bb_series_table *table,
                   const struct bb_decode_sink *sink, struct bb_error *error) {
    int failure = bb_binding_init(&d->binding, d->options, error);

    if (failure)
        return failure;
    if (!bb_tagged_init(&d->record, &d->binding))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u labels", d->binding.slot_count);
    d->usage_point_slot = bb_tagged_field_slot(&d->record, BB_FIELD_USAGE_POINT);
    d->channel_slot = bb_tagged_field_slot(&d->record, BB_FIELD_CHANNEL);
    d->value_slot = bb_tagged_field_slot(&d->record, BB_FIELD_VALUE);
    d->time_slot = slot_of_time(d);
    failure = bb_row_writer_new(d->options, table, sink, ',', &d->writer, error);
    if (failure == 0)
        d->group = bb_row_writer_group(d->writer);
    return failure;
}

static void release(struct decoder *d) {
    bb_row_writer_free(d->writer);
    bb_tagged_release(&d->record);
    bb_binding_release(&d->binding);
    bb_arena_release(&d->texts);
    bb_remote_message_release(&d->message);
    bb_remote_body_release(&d->body);
    free(d->owners);
    free(d);
}

static int decode(struct bb_input input, const struct bb_decode_options *given,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    struct bb_decode_ignored unwanted = {0};
    struct bb_decode_options options = *given;
    struct decoder *d = calloc(1, sizeof *d);

    if (!d)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a decoder");
    options.precision = BB_PRECISION_OWN; /* the format leaves it to nobody */
    bb_map_with_precision(&options, BB_PRECISION_MS, &d->map);
    options.map = &d->map;
    options.memory = NULL; /* what it learns points into the map */
    d->options = &options;
    d->ignored = sink->ignored ? sink->ignored : &unwanted;
    bb_arena_init(&d->texts, TEXTS_CHUNK, TEXTS_LIMIT);
    int failure = bb_remote_body_read(input, &d->body, error);
    if (failure == 0)
        failure = bb_remote_message_open(&d->message, (struct bb_span){d->body.text, d->body.size},
                                         error);
    if (failure == 0)
        failure = prepare(d, table, sink, error);
    if (failure == 0)
        failure = run(d, error);
    if (failure)
        bb_error_locate(error, options.source, 0);
    release(d);
    return failure;
}

/* ---- is it remote write? ---- */

/* The bytes of the first literal, which is what a block of snappy begins with; there is nothing yet
 * that could be copied. */
static struct bb_span first_literal(struct bb_span head) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(head);
    uint64_t total, size = 0;

    if (!bb_protobuf_varint(&scan, &total) || total == 0 || total > UINT32_MAX ||
        scan.at == scan.end || *scan.at & 3)
        return (struct bb_span){"", 0};
    unsigned tag = (unsigned char)*scan.at++ >> 2;
    size = tag;
    if (tag >= 60 && !bb_protobuf_fixed(&scan, tag - 59, &size))
        return (struct bb_span){"", 0};
    size++;
    size_t there = (size_t)(scan.end - scan.at);
    return (struct bb_span){scan.at, size < there ? (size_t)size : there};
}

/* Keys of fields that hold bytes, as they stand in a message. */
enum { KEY_1 = 0x0a, KEY_2 = 0x12, KEY_3 = 0x1a, KEY_4 = 0x22, KEY_5 = 0x2a };

/* A series, in which a label, in which a name begins, each shorter than what it is in. */
static bool is_first_label(struct bb_protobuf_scan scan) {
    uint64_t size, around = UINT32_MAX;

    for (int depth = 0; depth < 3; depth++, around = size)
        if (scan.at == scan.end || *scan.at++ != KEY_1 || !bb_protobuf_varint(&scan, &size) ||
            size == 0 || size >= around)
            return false;
    return scan.at < scan.end &&
           (*scan.at == '_' || (bb_char_lower(*scan.at) >= 'a' && bb_char_lower(*scan.at) <= 'z'));
}

/* An entry of metadata: its type, or the name of a metric when the type is 0. */
static bool is_metadata(struct bb_protobuf_scan scan) {
    uint64_t size;

    scan.at++;
    return bb_protobuf_varint(&scan, &size) && size > 0 && scan.at < scan.end &&
           (*scan.at == 0x08 || *scan.at == KEY_2);
}

static int sniff(struct bb_span head, bool whole) {
    enum { SURE = 95, LIKELY = 60 };
    struct bb_span literal = first_literal(head);
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(literal);

    (void)whole;
    if (literal.size < 3)
        return 0;
    if (literal.data[0] == KEY_4) /* the empty symbol, and another field */
        return literal.data[1] == 0 && (literal.data[2] == KEY_4 || literal.data[2] == KEY_5) ? SURE
                                                                                              : 0;
    if (literal.data[0] == KEY_3)
        return is_metadata(scan) ? LIKELY : 0;
    return is_first_label(scan) ? SURE : 0;
}

const struct bb_format_row bb_format_remotewrite = {
    .name = "remotewrite",
    .title = "Prometheus remote write 1.0 and 2.0: the body of a request",
    .binary = true,
    .sniff = sniff,
    .decode = decode,
};
