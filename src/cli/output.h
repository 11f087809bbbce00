/* Standard output, buffered in large pieces.
 *
 * Failures are sticky: once a write failed everything else is dropped, and the frame looks at the
 * end. A reader that goes away (`| head`) is no failure: `closed` says that more is not wanted.
 */
#ifndef BB_CLI_OUTPUT_H
#define BB_CLI_OUTPUT_H

#include "base/buffer.h"

enum { BB_OUTPUT_PIECE_BYTES = 256 << 10 };

struct bb_output {
    int fd;
    struct bb_buffer buffer; /* appended to by verbs, between bb_output_spill calls */
    uint64_t written_bytes;
    int errno_value; /* of the first failed write but EPIPE; 0: none */
    bool closed;     /* nobody reads on, or a write failed */
};

void bb_output_init(struct bb_output *output, int fd);
void bb_output_release(struct bb_output *output);

/* Called between rows: writes when a piece is full. False when more is not wanted. */
bool bb_output_spill(struct bb_output *output);
/* Write all there is. */
void bb_output_flush(struct bb_output *output);

#endif
