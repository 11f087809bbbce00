/* Errors: see error.h. Pure formatting; may be called on any thread. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bb_error_row rows[] = {
#define BB_ERROR_ROW(number, name, title, explanation) {BB_E_##name, #name, title, explanation},
#include "base/error_codes.def"
#undef BB_ERROR_ROW
};

static void raise_at(struct bb_error *error, enum bb_error_code code, const char *file, int line) {
    memset(error, 0, sizeof *error);
    error->code = code;
    error->at_file = file;
    error->at_line = line;
}

int bb_error_set(struct bb_error *error, enum bb_error_code code, const char *file, int line,
                 const char *format, ...) {
    va_list args;

    raise_at(error, code, file, line);
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return -(int)code;
}

int bb_error_set_errno(struct bb_error *error, enum bb_error_code code, int errno_value,
                       const char *file, int line, const char *format, ...) {
    va_list args;
    size_t used;

    if (errno_value == ENOSPC || errno_value == EDQUOT)
        code = BB_E_DISK_FULL;
    else if (errno_value == EACCES || errno_value == EPERM)
        code = BB_E_NO_PERMISSION;
    raise_at(error, code, file, line);
    error->retriable = errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EAGAIN;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", strerror(errno_value));
    return -(int)code;
}

void bb_error_locate(struct bb_error *error, const char *source, uint64_t line) {
    if (error->source[0] == '\0' && source)
        snprintf(error->source, sizeof error->source, "%s", source);
    if (error->line == 0)
        error->line = line;
}

const char *bb_error_format(const struct bb_error *error, char *buffer, size_t size) {
    char place[240] = "";

    if (error->line > 0)
        snprintf(place, sizeof place, " · %s line %llu", error->source,
                 (unsigned long long)error->line);
    else if (error->has_byte)
        snprintf(place, sizeof place, " · %s byte %llu", error->source,
                 (unsigned long long)error->byte);
    else if (error->source[0])
        snprintf(place, sizeof place, " · %s", error->source);
    snprintf(buffer, size, "error BB-%04d: %s%s · busbar explain BB-%04d", (int)error->code,
             error->text, place, (int)error->code);
    return buffer;
}

const struct bb_error_row *bb_error_row_find(int code) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((int)rows[i].code == code)
            return &rows[i];
    return NULL;
}

const struct bb_error_row *bb_error_rows(size_t *count) {
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

_Noreturn void bb_bug(const char *file, int line, const char *condition) {
    fprintf(stderr, "error BB-9001: busbar broke its own promise: %s · %s:%d\n", condition, file,
            line);
    abort();
}
