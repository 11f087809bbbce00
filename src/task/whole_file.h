/* A file that is there whole, or not at all: written beside its place under a name of the claim that writes it, made durable, then
 * renamed. So a worker that was killed leaves nothing that looks like a result, and one that was stopped for a while and goes on writes into
 * a file of its own.
 *
 *   DIR/.NAME.part-EPOCH  ── fsync, rename ──►  DIR/NAME
 */
#ifndef BB_TASK_WHOLE_FILE_H
#define BB_TASK_WHOLE_FILE_H

#include <limits.h>

#include "base/buffer.h"

enum { BB_WHOLE_FILE_PIECE_BYTES = 256 << 10 };

struct bb_whole_file {
    char path[PATH_MAX], part[PATH_MAX];
    int fd;
    struct bb_buffer buffer; /* appended to by whoever writes, between calls of spill */
    uint64_t bytes;
};

/* Folders are made as they are needed; what earlier claims left of this file is removed. */
int bb_whole_file_begin(struct bb_whole_file *file, const char *path, uint64_t epoch,
                        struct bb_error *error) BB_MUST_USE;
/* Between rows: writes when a piece is full. */
int bb_whole_file_spill(struct bb_whole_file *file, struct bb_error *error) BB_MUST_USE;
int bb_whole_file_commit(struct bb_whole_file *file, struct bb_error *error) BB_MUST_USE;
/* What was not committed is removed. In any case, also twice. */
void bb_whole_file_release(struct bb_whole_file *file);

/* A name of usage points, channels and the like as a name of files: what is no letter, digit, '-', '_', ':' or a dot within is %XX. */
void bb_whole_file_put_name(struct bb_buffer *out, struct bb_span name);

#endif
