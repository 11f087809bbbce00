/* The messages of remote write: see remotewrite_internal.h. Nothing is copied; a series is looked
 * through once for its labels and counts, and once more for its samples. */
#include "codec/remotewrite_internal.h"
#include "codec/row_internal.h"

#include <stdlib.h>

enum { FIRST_SYMBOLS = 256, SYMBOLS_MAX = 16 << 20 };

/* Numbers of fields, by version. */
static const struct numbers {
    uint32_t series, labels, samples, histograms, exemplars, metadata;
} versions[] = {
    [1] = {.series = 1, .labels = 1, .samples = 2, .histograms = 4, .exemplars = 3},
    [2] = {.series = 5, .labels = 1, .samples = 2, .histograms = 3, .exemplars = 4, .metadata = 5},
};
enum { TOP_METADATA = 3, TOP_SYMBOL = 4 };

static int broken(const struct bb_remote_message *message, const char *at, const char *what,
                  struct bb_error *error) {
    return BB_FAIL(error, BB_E_SYNTAX, "%s, at byte %zu of the unpacked request", what,
                   (size_t)(at - message->bytes.data) + 1);
}

/* ---- the message ---- */

static int add_symbol(struct bb_remote_message *message, struct bb_span symbol, uint32_t *capacity,
                      struct bb_error *error) {
    if (message->symbol_count == *capacity) {
        uint32_t wanted = *capacity ? *capacity * 2 : FIRST_SYMBOLS;
        struct bb_span *grown = wanted <= SYMBOLS_MAX
                                    ? realloc(message->symbols, wanted * sizeof *grown)
                                    : NULL;
        if (!grown)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u symbols", wanted);
        message->symbols = grown;
        *capacity = wanted;
    }
    message->symbols[message->symbol_count++] = symbol;
    return 0;
}

/* The version a top-level field belongs to; 0: to none that is known. */
static int version_of(const struct bb_protobuf_field *field) {
    if (field->type != BB_PROTOBUF_BYTES)
        return 0;
    if (field->number == versions[1].series || field->number == TOP_METADATA)
        return 1;
    return field->number == versions[2].series || field->number == TOP_SYMBOL ? 2 : 0;
}

static int look_through(struct bb_remote_message *message, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(message->bytes);
    struct bb_protobuf_field field;
    uint32_t capacity = 0;

    while (bb_protobuf_next(&scan, &field)) {
        int version = version_of(&field);
        if (version != 0 && message->version != 0 && version != message->version)
            return broken(message, scan.at,
                          "the request mixes the fields of remote write 1.0 and 2.0", error);
        message->version = version ? version : message->version;
        if (version == 1 && field.number == TOP_METADATA)
            message->metadata++;
        if (version == 2 && field.number == TOP_SYMBOL) {
            int failure = add_symbol(message, field.bytes, &capacity, error);
            if (failure)
                return failure;
        }
    }
    if (scan.at < scan.end)
        return broken(message, scan.at, "the request is no protobuf message", error);
    if (message->version == 0 && message->bytes.size > 0)
        return broken(message, message->bytes.data,
                      "the request has neither time series nor metadata of remote write", error);
    if (message->version == 2 && message->symbol_count > 0 && message->symbols[0].size > 0)
        return broken(message, message->symbols[0].data,
                      "the first symbol of the request is not the empty text", error);
    return 0;
}

int bb_remote_message_open(struct bb_remote_message *message, struct bb_span bytes,
                           struct bb_error *error) {
    *message = (struct bb_remote_message){.bytes = bytes};
    int failure = look_through(message, error);
    if (failure)
        bb_remote_message_release(message);
    return failure;
}

void bb_remote_message_release(struct bb_remote_message *message) {
    free(message->symbols);
    *message = (struct bb_remote_message){0};
}

bool bb_remote_is_series(const struct bb_remote_message *message,
                         const struct bb_protobuf_field *field) {
    return message->version != 0 &&
           bb_protobuf_is(field, versions[message->version].series, BB_PROTOBUF_BYTES);
}

/* ---- a series ---- */

static int add_label(const struct bb_remote_message *message, struct bb_remote_series *series,
                     struct bb_remote_label label, const char *at, struct bb_error *error) {
    char name[BB_EXCERPT_MAX];

    if (label.name.size == 0)
        return broken(message, at, "a label has no name", error);
    if (series->label_count == BB_REMOTE_LABELS_MAX)
        return BB_FAIL(error, BB_E_SYNTAX, "the series has more than %d labels",
                       BB_REMOTE_LABELS_MAX);
    /* They come in order, but not of every sender. */
    bool in_order = series->label_count == 0 ||
                    bb_span_compare(series->labels[series->label_count - 1].name, label.name) < 0;
    for (uint32_t i = 0; !in_order && i < series->label_count; i++)
        if (bb_span_equal(series->labels[i].name, label.name))
            return BB_FAIL(error, BB_E_SYNTAX, "the label \"%s\" stands twice",
                           bb_row_excerpt(label.name, name));
    series->labels[series->label_count++] = label;
    return 0;
}

/* Version 1: a message with two texts. */
static int read_label(const struct bb_remote_message *message, struct bb_span bytes,
                      struct bb_remote_series *series, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(bytes);
    struct bb_protobuf_field field;
    struct bb_remote_label label = {{"", 0}, {"", 0}};

    while (bb_protobuf_next(&scan, &field)) {
        if (bb_protobuf_is(&field, 1, BB_PROTOBUF_BYTES))
            label.name = field.bytes;
        if (bb_protobuf_is(&field, 2, BB_PROTOBUF_BYTES))
            label.value = field.bytes;
    }
    if (scan.at < scan.end)
        return broken(message, scan.at, "a label is no protobuf message", error);
    return add_label(message, series, label, bytes.data, error);
}

/* Version 2: numbers of symbols, a name and a value in turn; *name is the one that waits for its value. */
static int take_ref(const struct bb_remote_message *message, uint64_t ref, int64_t *name,
                    struct bb_remote_series *series, const char *at, struct bb_error *error) {
    if (ref >= message->symbol_count)
        return broken(message, at, "a label names a symbol that the request does not have", error);
    if (*name < 0) {
        *name = (int64_t)ref;
        return 0;
    }
    struct bb_remote_label label = {message->symbols[*name], message->symbols[ref]};
    *name = -1;
    return add_label(message, series, label, at, error);
}

static int read_refs(const struct bb_remote_message *message, struct bb_span packed, int64_t *name,
                     struct bb_remote_series *series, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(packed);
    uint64_t ref;

    while (scan.at < scan.end) {
        if (!bb_protobuf_varint(&scan, &ref))
            return broken(message, scan.at, "the labels of a series are cut off", error);
        int failure = take_ref(message, ref, name, series, scan.at, error);
        if (failure)
            return failure;
    }
    return 0;
}

static int read_field(const struct bb_remote_message *message,
                      const struct bb_protobuf_field *field, int64_t *name,
                      struct bb_remote_series *series, const char *at, struct bb_error *error) {
    const struct numbers *numbers = &versions[message->version];

    if (message->version == 2 && bb_protobuf_is(field, numbers->labels, BB_PROTOBUF_VARINT))
        return take_ref(message, field->value, name, series, at, error);
    if (field->type != BB_PROTOBUF_BYTES)
        return 0;
    if (field->number == numbers->labels)
        return message->version == 2 ? read_refs(message, field->bytes, name, series, error)
                                     : read_label(message, field->bytes, series, error);
    series->samples += field->number == numbers->samples;
    series->histograms += field->number == numbers->histograms;
    series->exemplars += field->number == numbers->exemplars;
    series->metadata += field->number == numbers->metadata;
    return 0;
}

int bb_remote_series_read(const struct bb_remote_message *message, struct bb_span bytes,
                          struct bb_remote_series *out, struct bb_error *error) {
    struct bb_protobuf_scan scan = bb_protobuf_scan_of(bytes);
    struct bb_protobuf_field field;
    int64_t name = -1;

    out->bytes = bytes;
    out->label_count = 0;
    out->samples = out->histograms = out->exemplars = out->metadata = 0;
    while (bb_protobuf_next(&scan, &field)) {
        int failure = read_field(message, &field, &name, out, scan.at, error);
        if (failure)
            return failure;
    }
    if (scan.at < scan.end)
        return broken(message, scan.at, "the series is no protobuf message", error);
    return name < 0 ? 0 : broken(message, scan.at, "the last label has no value", error);
}

int bb_remote_sample_next(const struct bb_remote_message *message, struct bb_protobuf_scan *scan,
                          struct bb_remote_sample *out, struct bb_error *error) {
    struct bb_protobuf_field field;

    while (bb_protobuf_next(scan, &field)) {
        if (!bb_protobuf_is(&field, versions[message->version].samples, BB_PROTOBUF_BYTES))
            continue;
        struct bb_protobuf_scan inside = bb_protobuf_scan_of(field.bytes);
        *out = (struct bb_remote_sample){0}; /* what is not there is zero */
        while (bb_protobuf_next(&inside, &field)) {
            if (bb_protobuf_is(&field, 1, BB_PROTOBUF_EIGHT))
                memcpy(&out->value, &field.value, sizeof out->value);
            if (bb_protobuf_is(&field, 2, BB_PROTOBUF_VARINT))
                out->time_ms = (int64_t)field.value;
        }
        if (inside.at < inside.end)
            return broken(message, inside.at, "a sample is no protobuf message", error);
        return 1;
    }
    return 0;
}
