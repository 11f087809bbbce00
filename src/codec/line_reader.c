/* Lines of a stream: see codec.h, and line_reader_internal.h for the window.
 *
 * The window begins small and grows only when a line does not fit, up to the longest line allowed.
 * What is behind the last byte read is padding that scanners may load but never believe.
 */
#include "codec/line_reader_internal.h"

#include <stdlib.h>

/* The longest line and its end. */
static const size_t window_limit = BB_LINE_MAX_BYTES + 2;

static const struct bb_span byte_order_mark = {"\xEF\xBB\xBF", 3};

int bb_line_reader_init(struct bb_line_reader *reader, struct bb_input input,
                        struct bb_error *error) {
    *reader = (struct bb_line_reader){.input = input, .capacity = BB_INPUT_WINDOW_BYTES};
    /* Zeroed: padding is loaded by scanners, and a tool that watches memory may not object. */
    reader->window = calloc(1, reader->capacity + BB_STRETCH_PADDING);
    if (!reader->window)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a window of %zu bytes",
                       reader->capacity);
    return 0;
}

void bb_line_reader_release(struct bb_line_reader *reader) {
    if (!reader)
        return;
    free(reader->window);
    *reader = (struct bb_line_reader){0};
}

static int too_long(const struct bb_line_reader *reader, struct bb_error *error) {
    int failure = BB_FAIL(error, BB_E_LINE_TOO_LONG,
                          "a line is longer than %d MiB; this is probably no text file of lines",
                          BB_LINE_MAX_BYTES >> 20);
    error->byte = reader->offset;
    error->has_byte = true;
    return failure;
}

/* Room behind the unread bytes: move them to the front, or grow when they are there already. */
static int make_room(struct bb_line_reader *reader, struct bb_error *error) {
    if (reader->start > 0) {
        memmove(reader->window, reader->window + reader->start, reader->filled - reader->start);
        reader->filled -= reader->start;
        reader->start = 0;
    }
    if (reader->filled < reader->capacity)
        return 0;
    if (reader->capacity >= window_limit)
        return too_long(reader, error);
    size_t capacity = reader->capacity * 2 < window_limit ? reader->capacity * 2 : window_limit;
    char *window = realloc(reader->window, capacity + BB_STRETCH_PADDING);
    if (!window)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a line of %zu bytes", capacity);
    reader->window = window;
    reader->capacity = capacity;
    return 0;
}

static int read_more(struct bb_line_reader *reader, struct bb_error *error) {
    size_t got = 0;

    int failure = make_room(reader, error);
    if (failure)
        return failure;
    failure = reader->input.read(reader->input.context, reader->window + reader->filled,
                                 reader->capacity - reader->filled, &got, error);
    if (failure)
        return failure;
    reader->filled += got;
    reader->ended = got == 0;
    memset(reader->window + reader->filled, 0, BB_STRETCH_PADDING);
    return 0;
}

/* A byte order mark may come in single bytes: wait until it is whole or ruled out. */
static int skip_byte_order_mark(struct bb_line_reader *reader, struct bb_error *error) {
    struct bb_span unread;

    do {
        unread = (struct bb_span){reader->window + reader->start, reader->filled - reader->start};
        if (bb_span_starts_with(unread, byte_order_mark)) {
            reader->start += byte_order_mark.size;
            reader->offset += byte_order_mark.size;
            return 0;
        }
        if (reader->ended || !bb_span_starts_with(byte_order_mark, unread))
            return 0;
        int failure = read_more(reader, error);
        if (failure)
            return failure;
    } while (true);
}

static void consume(struct bb_line_reader *reader, size_t used) {
    reader->start += used;
    reader->offset += used;
}

int bb_line_reader_next(struct bb_line_reader *reader, struct bb_span *line,
                        struct bb_error *error) {
    size_t searched = 0;
    int failure;

    if (reader->offset == 0 && (failure = skip_byte_order_mark(reader, error)) != 0)
        return failure;
    for (;;) {
        const char *begin = reader->window + reader->start;
        size_t unread = reader->filled - reader->start;
        const char *end = memchr(begin + searched, '\n', unread - searched);
        if (!end && reader->ended) {
            if (unread == 0)
                return BB_LINE_END;
            end = begin + unread;
        }
        if (end) {
            *line = (struct bb_span){begin, (size_t)(end - begin)};
            if (line->size > BB_LINE_MAX_BYTES) {
                failure = too_long(reader, error);
                bb_error_locate(error, NULL, reader->line + 1);
                return failure;
            }
            consume(reader, line->size + (end < begin + unread));
            if (line->size > 0 && line->data[line->size - 1] == '\r')
                line->size--;
            reader->line++;
            return BB_LINE_READ;
        }
        searched = unread;
        failure = read_more(reader, error);
        if (failure) {
            bb_error_locate(error, NULL, reader->line + 1);
            return failure;
        }
    }
}

/* The last line of a file may lack its end; the padding has room for it. */
static void end_last_line(struct bb_line_reader *reader) {
    if (reader->filled > reader->start && reader->window[reader->filled - 1] != '\n')
        reader->window[reader->filled++] = '\n';
}

int bb_line_reader_stretch(struct bb_line_reader *reader, size_t used, struct bb_stretch *out,
                           struct bb_error *error) {
    int failure;

    if (reader->offset == 0 && (failure = skip_byte_order_mark(reader, error)) != 0)
        return failure;
    consume(reader, used);
    /* A record that is not whole yet is looked at again only when there is twice as much of it. */
    size_t left = reader->filled - reader->start, wanted = used == 0 ? 2 * left : left + 1;
    if (wanted > window_limit)
        wanted = window_limit;
    do {
        if (!reader->ended && (failure = read_more(reader, error)) != 0)
            return failure;
    } while (!reader->ended && reader->filled - reader->start < wanted);
    if (reader->ended)
        end_last_line(reader);
    out->bytes = (struct bb_span){reader->window + reader->start, reader->filled - reader->start};
    out->last = reader->ended;
    return out->bytes.size > 0 ? BB_LINE_READ : BB_LINE_END;
}
