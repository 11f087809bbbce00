/* Log lines: one line per happening on a file descriptor (stderr), for people or for machines.
 *
 *   text  2026-03-01T00:15:00Z warning the log's tail was cut bytes=812 file=p0003/0.seg
 *   json  {"time":"2026-03-01T00:15:00Z","level":"warning","message":"...","bytes":812,...}
 *
 * A line is written by one write(2), so that lines of several processes do not mix. What cannot be
 * written is lost: logging never fails its caller. A logger may have a tail (log_tail.h), which keeps the last lines.
 */
#ifndef BB_BASE_LOG_LINE_H
#define BB_BASE_LOG_LINE_H

#include "base/buffer.h"
#include "base/clock.h"

enum bb_log_level { BB_LOG_DEBUG = 0, BB_LOG_INFO, BB_LOG_WARNING, BB_LOG_ERROR };
enum bb_log_format { BB_LOG_TEXT = 0, BB_LOG_JSON };

struct bb_log_tail;

struct bb_logger {
    int fd;
    enum bb_log_format format;
    enum bb_log_level least; /* what is below is not written */
    struct bb_clock clock;
    struct bb_log_tail
        *tail; /* keeps all but debug lines, also those below `least`; NULL: nobody does */
};

struct bb_log_field {
    const char *name;
    struct bb_span text; /* data NULL: `number` is the value */
    int64_t number;
};

static inline struct bb_log_field bb_field_text(const char *name, const char *text) {
    return (struct bb_log_field){.name = name, .text = bb_span_of(text ? text : "")};
}
static inline struct bb_log_field bb_field_number(const char *name, int64_t number) {
    return (struct bb_log_field){.name = name, .number = number};
}

/* What busbar did by itself is told with the field `decision`, a word for what kind it is. */
static inline struct bb_log_field bb_field_decision(const char *word) {
    return bb_field_text("decision", word);
}

void bb_log_line(const struct bb_logger *logger, enum bb_log_level level, const char *message,
                 const struct bb_log_field *fields, size_t field_count);

/* BB_LOG_LINE(&logger, BB_LOG_INFO, "listening", bb_field_number("port", 8080)); */
#define BB_LOG_LINE(logger, level, message, ...)                                                   \
    bb_log_line((logger), (level), (message), (const struct bb_log_field[]){__VA_ARGS__},          \
                sizeof((const struct bb_log_field[]){__VA_ARGS__}) / sizeof(struct bb_log_field))

/* An error: in text the sentence of bb_error_format, in JSON its parts as fields. */
void bb_log_error(const struct bb_logger *logger, const struct bb_error *error);

/* The line as it would be written, with its line end. For tests and other carriers. */
void bb_log_line_format(enum bb_log_format format, int64_t now_ms, enum bb_log_level level,
                        const char *message, const struct bb_log_field *fields, size_t field_count,
                        struct bb_buffer *out);

#endif
