/* NDJSON: one object a line, or a top-level array of such objects.
 *
 *   stretch of the input ─► objects ─► ndjson_object.c: cells ─► binding.c: rows ─► row.c: readings
 *
 * In lines a line end is the end of an object, whatever stands before it, so that one bad line
 * costs one line. In an array objects are counted instead, and a bad one ends where its brackets
 * do. Called by whoever decodes, on its thread; memory is bounded by the longest object. */
#include "codec/line_reader_internal.h"
#include "codec/ndjson_internal.h"

enum { UNESCAPED_CHUNK = 64 << 10, UNESCAPED_LIMIT = 256 << 20 };

/* What comes next in an array. */
enum array_state { ARRAY_FIRST = 0, ARRAY_NEXT, ARRAY_COMMA, ARRAY_CLOSED };

struct decoder {
    const struct bb_decode_options *options;
    struct bb_line_reader reader;
    struct bb_binding binding;
    struct bb_object object;
    struct bb_arena unescaped;
    struct bb_json_scan json;
    struct bb_row_writer *writer;
    struct bb_row_group *group;
    uint64_t line; /* of the next line, or the number of the next object of an array */
    bool begun;    /* the first byte that is not blank has been seen */
    bool is_array;
    enum array_state state;
    bool last;       /* the stretch is the last one */
    const char *end; /* of the stretch */
};

/* The file ends here; what stands before counts as read. */
static int fail_file(struct decoder *d, struct bb_error *error, const char *what) {
    int failure = bb_row_settle(d->writer, error);

    if (failure)
        return failure;
    failure = BB_FAIL(error, BB_E_SYNTAX, "%s (object %llu of the array)", what,
                      (unsigned long long)d->line);
    bb_error_locate(error, d->options->source, d->line);
    return failure;
}

/* The object at `begin` could not be read: say what stands where. */
static int reject(struct decoder *d, const char *begin, struct bb_error *error) {
    struct bb_error reason = d->object.reason;
    const char *problem = d->json.problem;

    if (problem && d->json.one_line && *d->json.at == '\n')
        problem = "the line ends before its object does; there is one object a line";
    if (problem)
        BB_FAIL(&reason, BB_E_SYNTAX, "%s, at byte %zu of the %s", problem,
                (size_t)(d->json.at - begin) + 1, d->is_array ? "object" : "line");
    return bb_row_reject(d->writer, d->line, &reason, error);
}

static inline bool read_object(struct decoder *d) {
    return bb_object_recall(&d->object, &d->json) || bb_object_read(&d->object, &d->json);
}

static int put_rows(struct decoder *d, struct bb_error *error) {
    const struct bb_object *object = &d->object;
    struct bb_error reason;
    bool any = false;

    if (object->present->is_plain)
        return bb_binding_plain_rows(&d->binding, &object->present->plain, d->writer, d->group,
                                     object->cells, d->line, error);

    for (uint32_t i = 0; i < d->binding.channel_count && !any; i++) {
        const struct bb_bound_channel *channel = &d->binding.channels[i];
        any = channel->own_count == 0 || object->cells[channel->own[0].slot].type != BB_CELL_ABSENT;
    }
    if (any)
        return bb_binding_rows(&d->binding, d->writer, d->group, object->cells, d->line, error);
    BB_FAIL(&reason, BB_E_FIELD_MISSING, "the object has none of the channels that the map names");
    return bb_row_reject(d->writer, d->line, &reason, error);
}

/* ---- lines ---- */

static int read_line(struct decoder *d, struct bb_error *error) {
    struct bb_json_scan *json = &d->json;
    const char *begin = json->at;

    bb_json_scan_blanks(json);
    if (*json->at == '\n')
        return 0;
    if (*json->at != '{')
        (void)bb_json_scan_fail(json, "an object such as {\"usage_point\": ...} is expected");
    else if (read_object(d)) {
        bb_json_scan_blanks(json);
        if (*json->at == '\n')
            return put_rows(d, error);
        (void)bb_json_scan_fail(json, "text follows the object");
    }
    int failure = reject(d, begin, error);
    json->at = memchr(begin, '\n', (size_t)(d->end - begin));
    return failure;
}

static int read_lines(struct decoder *d, struct bb_error *error) {
    int failure = 0;

    for (; d->json.at < d->end && failure == 0; d->line++) {
        failure = read_line(d, error);
        d->json.at++;
    }
    return failure;
}

/* ---- an array ---- */

enum element_outcome { ELEMENT_READ = 0, ELEMENT_PARTIAL = 1 };

/* The element at json->at; PARTIAL: it goes on behind the stretch. */
static int read_element(struct decoder *d, struct bb_error *error) {
    struct bb_json_scan *json = &d->json;
    struct bb_cell value;
    const char *begin = json->at, *end;

    json->problem = NULL;
    if (*begin == '{') {
        if (read_object(d))
            return put_rows(d, error);
    } else if (bb_json_scan_value(json, &value) &&
               (*begin == '[' || json->at < d->end || d->last)) { /* a number may go on */
        end = json->at;
        json->at = begin;
        (void)bb_json_scan_fail(json, "an object such as {\"usage_point\": ...} is expected");
        int failure = reject(d, begin, error);
        json->at = end;
        return failure;
    }
    end = *begin == '{' || *begin == '[' ? bb_json_scan_end(begin, d->end) : NULL;
    if (!end && !d->last)
        return ELEMENT_PARTIAL;
    if (!end)
        return fail_file(d, error, "the array is cut off or no JSON");
    int failure = reject(d, begin, error);
    json->at = end;
    return failure;
}

/* One step of the array; PARTIAL as above. */
static int step_array(struct decoder *d, struct bb_error *error) {
    struct bb_json_scan *json = &d->json;
    const char c = *json->at;
    int outcome;

    switch (d->state) {
    case ARRAY_CLOSED: return fail_file(d, error, "text follows the array");
    case ARRAY_COMMA:
        if (c != ',' && c != ']')
            return fail_file(d, error, "a ',' or ']' is expected");
        d->state = c == ',' ? ARRAY_NEXT : ARRAY_CLOSED;
        json->at++;
        return ELEMENT_READ;
    case ARRAY_FIRST:
        if (c == ']') {
            d->state = ARRAY_CLOSED;
            json->at++;
            return ELEMENT_READ;
        }
        break;
    case ARRAY_NEXT: break;
    }
    outcome = read_element(d, error);
    if (outcome == ELEMENT_READ) {
        d->state = ARRAY_COMMA;
        d->line++;
    }
    return outcome;
}

static int read_array(struct decoder *d, struct bb_error *error) {
    for (;;) {
        bb_json_scan_blanks(&d->json);
        if (d->json.at >= d->end)
            return 0;
        const char *begin = d->json.at;
        int outcome = step_array(d, error);
        if (outcome == ELEMENT_PARTIAL) {
            d->json.at = begin;
            return 0;
        }
        if (outcome)
            return outcome;
    }
}

/* ---- both ---- */

/* Blank lines in front, and the first byte that tells lines from an array. */
static void begin(struct decoder *d) {
    const char *at = d->json.at;

    for (; at < d->end && (bb_char_is_blank(*at) || *at == '\n'); at++)
        d->line += *at == '\n';
    d->json.at = at;
    if (at == d->end)
        return;
    d->begun = true;
    d->is_array = *at == '[';
    d->json.one_line = !d->is_array;
    if (d->is_array) {
        d->line = 1;
        d->json.at++;
    }
}

static int read_stretch(struct decoder *d, struct bb_span bytes, size_t *used,
                        struct bb_error *error) {
    d->json.at = bytes.data;
    d->end = bytes.data + bytes.size;
    bb_arena_reset(&d->unescaped);
    if (!d->begun)
        begin(d);
    if (d->begun && !d->is_array) {
        const char *end = memrchr(d->json.at, '\n', (size_t)(d->end - d->json.at));
        d->end = end ? end + 1 : d->json.at;
    }
    int failure = 0;
    if (d->begun)
        failure = d->is_array ? read_array(d, error) : read_lines(d, error);
    *used = (size_t)(d->json.at - bytes.data);
    return failure ? failure : bb_row_settle(d->writer, error); /* the stretch goes away */
}

static int run(struct decoder *d, struct bb_error *error) {
    struct bb_stretch stretch;
    size_t used = 0;
    int outcome;

    while ((outcome = bb_line_reader_stretch(&d->reader, used, &stretch, error)) == BB_LINE_READ) {
        d->last = stretch.last;
        int failure = read_stretch(d, stretch.bytes, &used, error);
        if (failure)
            return failure;
        if (stretch.last && used < stretch.bytes.size)
            return fail_file(d, error, "the array is cut off");
    }
    if (outcome < 0) {
        bb_error_locate(error, d->options->source, d->line);
        return outcome;
    }
    if (d->is_array && d->state != ARRAY_CLOSED)
        return fail_file(d, error, "the array is cut off: its ']' is lacking");
    if (!d->begun) {
        outcome = BB_FAIL(error, BB_E_INPUT_EMPTY, "the input holds nothing but blanks");
        bb_error_locate(error, d->options->source, 0);
        return outcome;
    }
    return bb_row_finish(d->writer, error);
}

static int decode(struct bb_input input, const struct bb_decode_options *options,
                  struct bb_series_table *table, const struct bb_decode_sink *sink,
                  struct bb_error *error) {
    struct decoder d = {.options = options, .line = 1};

    d.json.unescaped = &d.unescaped;
    bb_arena_init(&d.unescaped, UNESCAPED_CHUNK, UNESCAPED_LIMIT);
    int failure = bb_binding_init(&d.binding, options, error);
    if (failure == 0 && !bb_object_init(&d.object, &d.binding))
        failure = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u keys", d.binding.slot_count);
    if (failure == 0)
        failure = bb_line_reader_init(&d.reader, input, error);
    /* A comma is no decimal point in JSON unless a map says so. */
    if (failure == 0)
        failure = bb_row_writer_new(options, table, sink, ',', &d.writer, error);
    if (failure == 0) {
        d.group = bb_row_writer_group(d.writer);
        failure = run(&d, error);
    }
    bb_row_writer_free(d.writer);
    bb_line_reader_release(&d.reader);
    bb_object_release(&d.object);
    bb_binding_release(&d.binding);
    bb_arena_release(&d.unescaped);
    return failure;
}

static char next_byte(struct bb_span *s) {
    while (s->size > 0 && (bb_char_is_blank(*s->data) || *s->data == '\n')) {
        s->data++;
        s->size--;
    }
    if (s->size == 0)
        return '\0';
    s->size--;
    return *s->data++;
}

static int sniff(struct bb_span head, bool whole) {
    (void)whole;
    if (bb_span_starts_with(head, BB_SPAN("\xEF\xBB\xBF")))
        head = (struct bb_span){head.data + 3, head.size - 3};
    char first = next_byte(&head), second = next_byte(&head);
    if (first == '{')
        return second == '"' ? 95 : second == '}' ? 60 : 5;
    if (first == '[')
        return second == '{' ? 95 : second == ']' ? 60 : 5;
    return 0;
}

const struct bb_format_row bb_format_ndjson = {
    .name = "ndjson",
    .title = "NDJSON: one JSON object a line, or an array of objects",
    .sniff = sniff,
    .decode = decode,
};
