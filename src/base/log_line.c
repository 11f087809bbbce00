/* Log lines: see log_line.h. */
#include "base/log_line.h"

#include "base/json_write.h"
#include "base/log_tail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_LIMIT_BYTES = 64 << 10, TIME_TEXT_MAX = 32 };

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static void format_time(int64_t now_ms, char *buffer) {
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm civil;
    size_t used;

    gmtime_r(&seconds, &civil);
    used = strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &civil);
    snprintf(buffer + used, TIME_TEXT_MAX - used, ".%03dZ", (int)(now_ms % 1000));
}

/* Blanks, quotes and control characters make a value ambiguous in a line of words. */
static bool is_word(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == '"' || text.data[i] == '=')
            return false;
    return text.size > 0;
}

static void append_word(struct bb_buffer *out, struct bb_span text) {
    if (is_word(text)) {
        bb_buffer_append_span(out, text);
        return;
    }
    bb_buffer_append_byte(out, '"');
    bb_json_append_text(out, text);
    bb_buffer_append_byte(out, '"');
}

static void format_as_text(const char *time, const char *level, const char *message,
                           const struct bb_log_field *fields, size_t count, struct bb_buffer *out) {
    bb_buffer_format(out, "%s %s ", time, level);
    bb_json_append_text(out, bb_span_of(message));
    for (size_t i = 0; i < count; i++) {
        bb_buffer_format(out, " %s=", fields[i].name);
        if (fields[i].text.data)
            append_word(out, fields[i].text);
        else
            bb_buffer_format(out, "%" PRId64, fields[i].number);
    }
}

static void format_as_json(const char *time, const char *level, const char *message,
                           const struct bb_log_field *fields, size_t count, struct bb_buffer *out) {
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "time", bb_span_of(time));
    bb_json_put_text(&json, "level", bb_span_of(level));
    bb_json_put_text(&json, "message", bb_span_of(message));
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text.data)
            bb_json_put_text(&json, fields[i].name, fields[i].text);
        else
            bb_json_put_i64(&json, fields[i].name, fields[i].number);
    }
    bb_json_object_end(&json);
}

void bb_log_line_format(enum bb_log_format format, int64_t now_ms, enum bb_log_level level,
                        const char *message, const struct bb_log_field *fields, size_t field_count,
                        struct bb_buffer *out) {
    char time[TIME_TEXT_MAX];

    format_time(now_ms, time);
    (format == BB_LOG_JSON ? format_as_json : format_as_text)(time, level_names[level], message,
                                                              fields, field_count, out);
    bb_buffer_append_byte(out, '\n');
}

static void write_whole(int fd, struct bb_span bytes) {
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
}

static void keep(const struct bb_logger *logger, enum bb_log_level level, const char *message,
                 const struct bb_log_field *fields, size_t field_count) {
    if (logger->tail && level >= BB_LOG_INFO)
        bb_log_tail_put(logger->tail, bb_clock_now_ms(logger->clock), level, message, fields,
                        field_count);
}

static void write_line(const struct bb_logger *logger, enum bb_log_level level, const char *message,
                       const struct bb_log_field *fields, size_t field_count) {
    struct bb_buffer line;

    bb_buffer_init(&line, LINE_LIMIT_BYTES);
    bb_log_line_format(logger->format, bb_clock_now_ms(logger->clock), level, message, fields,
                       field_count, &line);
    write_whole(logger->fd, bb_buffer_span(&line));
    bb_buffer_release(&line);
}

void bb_log_line(const struct bb_logger *logger, enum bb_log_level level, const char *message,
                 const struct bb_log_field *fields, size_t field_count) {
    keep(logger, level, message, fields, field_count);
    if (level >= logger->least)
        write_line(logger, level, message, fields, field_count);
}

static void write_sentence(const struct bb_logger *logger, const struct bb_error *error) {
    char text[1200];

    bb_error_format(error, text, sizeof text - 1);
    size_t size = strlen(text);
    text[size++] = '\n';
    write_whole(logger->fd, (struct bb_span){text, size});
}

void bb_log_error(const struct bb_logger *logger, const struct bb_error *error) {
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)error->code);
    const struct bb_log_field fields[] = {bb_field_text("code", code),
                                          bb_field_text("file", error->source),
                                          bb_field_number("line", (int64_t)error->line)};
    keep(logger, BB_LOG_ERROR, error->text, fields,
         !error->source[0]  ? 1
         : error->line == 0 ? 2
                            : 3);
    if (logger->format == BB_LOG_TEXT)
        write_sentence(logger, error);
    else
        write_line(logger, BB_LOG_ERROR, error->text, fields, 3);
}
