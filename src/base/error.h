/* Errors: what went wrong, where, and what to do.
 *
 * A function that can fail unexpectedly returns 0 or a negative value and fills a `struct bb_error`
 * that its caller owns. The negative value is passed up unchanged. Expected outcomes are positive
 * and named by an enum of the function that returns them; their caller handles them.
 *
 * Every error a person can see has a row in error_codes.def: a stable code (BB-1004), a title, an
 * explanation and the next step. `busbar explain BB-1004` prints it.
 */
#ifndef BB_BASE_ERROR_H
#define BB_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BB_MUST_USE                   __attribute__((warn_unused_result))
#define BB_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

enum bb_error_code {
    BB_OK = 0,
#define BB_ERROR_ROW(number, name, title, explanation) BB_E_##name = (number),
#include "base/error_codes.def"
#undef BB_ERROR_ROW
};

struct bb_error {
    enum bb_error_code code;
    bool retriable; /* the same call may succeed later (a lock, a full disk) */
    uint64_t line;  /* 1-based line of the input, 0 when there is none */
    uint64_t byte;  /* byte offset in the input; counts when line is 0 and has_byte */
    bool has_byte;
    char source[160];    /* the input's name: a file, a member of an archive; may be empty */
    char text[600];      /* what happened and what is allowed, one sentence, no line end */
    const char *at_file; /* where in busbar's own source it was raised */
    int at_line;
};

/* Fill *error and return -code. Use: return BB_FAIL(error, BB_E_X, "...", ...); */
#ifdef __clang_analyzer__ /* does not see into error.c: let it know that an error is never 0 */
#define BB_FAIL(error, code, ...)                                                                  \
    (bb_error_set((error), (code), __FILE__, __LINE__, __VA_ARGS__), -(int)(code))
#else
#define BB_FAIL(error, code, ...) bb_error_set((error), (code), __FILE__, __LINE__, __VA_ARGS__)
#endif

/* The same for a failed system call: appends the text of `errno_value`. ENOSPC, EDQUOT and EACCES
 * choose their own codes (BB_E_DISK_FULL, BB_E_NO_PERMISSION), so that a person is told the cause. */
#define BB_FAIL_ERRNO(error, code, errno_value, ...)                                               \
    bb_error_set_errno((error), (code), (errno_value), __FILE__, __LINE__, __VA_ARGS__)

int bb_error_set(struct bb_error *error, enum bb_error_code code, const char *file, int line,
                 const char *format, ...) BB_PRINTF(5, 6);
int bb_error_set_errno(struct bb_error *error, enum bb_error_code code, int errno_value,
                       const char *file, int line, const char *format, ...) BB_PRINTF(6, 7);

/* What is whole but in another format version than this busbar's: refused, never guessed at. */
#define BB_FAIL_VERSION(error, what, found, known)                                                 \
    BB_FAIL((error), BB_E_VERSION, "%s has format version %u; this busbar reads version %u",       \
            (what), (unsigned)(found), (unsigned)(known))

/* Add the place in the input; keeps what is already there. */
void bb_error_locate(struct bb_error *error, const char *source, uint64_t line);

/* One line for people: "error BB-1004: TEXT · FILE line 12 · busbar explain BB-1004".
 * Returns `buffer`. */
const char *bb_error_format(const struct bb_error *error, char *buffer, size_t size);

/* A row of the table of codes; NULL when the code is unknown. */
struct bb_error_row {
    enum bb_error_code code;
    const char *name;        /* INPUT_SYNTAX */
    const char *title;       /* one short line */
    const char *explanation; /* what it means, what is allowed, what to do next */
};
const struct bb_error_row *bb_error_row_find(int code);
const struct bb_error_row *bb_error_rows(size_t *count);

/* A broken promise of busbar's own code: prints and aborts. Stays on in every build. */
_Noreturn void bb_bug(const char *file, int line, const char *condition);
#define BB_ASSERT(condition) ((condition) ? (void)0 : bb_bug(__FILE__, __LINE__, #condition))

#endif
