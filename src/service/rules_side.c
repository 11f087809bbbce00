/* Side inputs of rules: see rules_side.h. */
#include "service/rules_side.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "model/decimal.h"
#include "model/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool grow(struct bb_rules_side_file *side) {
    size_t room = side->room ? 2 * side->room : 1024;
    int64_t *ts_ms = realloc(side->ts_ms, room * sizeof *ts_ms);

    side->ts_ms = ts_ms ? ts_ms : side->ts_ms;
    double *value = ts_ms ? realloc(side->value, room * sizeof *value) : NULL;
    side->value = value ? value : side->value;
    side->room = value ? room : side->room;
    return value != NULL;
}

static int refuse(struct bb_error *error, const char *path, uint64_t line, const char *why,
                  struct bb_span shown) {
    int result = BB_FAIL(error, BB_E_RULE_SIDE, "%s%s%.*s", why, shown.size ? ": " : "",
                         (int)(shown.size < 80 ? shown.size : 80), shown.data ? shown.data : "");

    bb_error_locate(error, path, line);
    return result;
}

/* What stands before the first comma, and what behind it. */
static bool halve(struct bb_span line, struct bb_span *time, struct bb_span *number) {
    const char *comma = line.size ? memchr(line.data, ',', line.size) : NULL;

    if (!comma)
        return false;
    *time = bb_span_trim((struct bb_span){line.data, (size_t)(comma - line.data)});
    *number = bb_span_trim(
        (struct bb_span){comma + 1, line.size - (size_t)(comma - line.data) - 1});
    return true;
}

static int take_line(struct bb_rules_side_file *side, struct bb_span line, const char *path,
                     uint64_t number, struct bb_error *error) {
    struct bb_span time, text;
    struct bb_decimal decimal = {0, 0};
    int64_t ts_ms;

    if (!halve(line, &time, &text))
        return refuse(error, path, number, "a line is TIME,VALUE", line);
    if (bb_time_parse_rfc3339(time, &ts_ms) != BB_TIME_OK)
        return number == 1
                   ? 0 /* its heading */
                   : refuse(error, path, number,
                            "a time is written with its offset, 2026-03-01T00:00:00Z", time);
    if (text.size > 0 && bb_decimal_parse(text, '.', &decimal) != BB_DECIMAL_OK)
        return refuse(error, path, number, "a value is a number of at most 18 digits, or nothing",
                      text);
    if (side->count > 0 && ts_ms <= side->ts_ms[side->count - 1])
        return refuse(error, path, number, "times ascend, and none is there twice", time);
    if (side->count == BB_RULES_SIDE_ROWS_MAX)
        return refuse(error, path, number, "a side input has at most 2,000,000 values",
                      BB_SPAN(""));
    if (side->count == side->room && !grow(side))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a side input");
    side->ts_ms[side->count] = ts_ms;
    side->value[side->count++] = text.size ? bb_decimal_to_double(decimal) : (double)NAN;
    return 0;
}

int bb_rules_side_parse(struct bb_span text, const char *path, struct bb_rules_side_file *out,
                        struct bb_error *error) {
    uint64_t number = 0;
    int result = 0;

    *out = (struct bb_rules_side_file){.text = malloc(text.size + 1), .text_size = text.size};
    if (!out->text)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a side input");
    if (text.size > 0)
        memcpy(out->text, text.data, text.size);
    while (!result && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        struct bb_span line = bb_span_trim((struct bb_span){text.data, size});
        number++;
        text.data += size + (end != NULL);
        text.size -= size + (end != NULL);
        if (line.size > 0)
            result = take_line(out, line, path, number, error);
    }
    return result;
}

static int read_whole(const char *path, struct bb_buffer *out, struct bb_error *error) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for somebody */
    ssize_t got = 0;
    bool fits = true;

    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open the side input %s",
                             path);
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(fd);
        return BB_FAIL(error, BB_E_INPUT_UNREADABLE, "the side input %s is no file", path);
    }
    while ((fits = bb_buffer_reserve(out, 64 << 10)) &&
           (got = read(fd, out->data + out->size, 64 << 10)) > 0)
        out->size += (size_t)got;
    int why = errno;
    close(fd);
    if (!fits)
        return refuse(error, path, 0, "a side input has at most 64 MiB", BB_SPAN(""));
    return got < 0 ? BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, why,
                                   "cannot read the side input %s", path)
                   : 0;
}

int bb_rules_side_read(const char *path, struct bb_rules_side_file *out, struct bb_error *error) {
    struct bb_buffer text;

    *out = (struct bb_rules_side_file){0};
    bb_buffer_init(&text, BB_RULES_SIDE_BYTES_MAX);
    int result = read_whole(path, &text, error);
    if (!result)
        result = bb_rules_side_parse(bb_buffer_span(&text), path, out, error);
    bb_buffer_release(&text);
    return result;
}

void bb_rules_side_release(struct bb_rules_side_file *side) {
    free(side->ts_ms);
    free(side->value);
    free(side->text);
    *side = (struct bb_rules_side_file){0};
}
