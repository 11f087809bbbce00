/* Standard output: see output.h. */
#include "cli/output.h"

#include <errno.h>
#include <unistd.h>

enum { ROW_MAX_BYTES = 64 << 20 };

void bb_output_init(struct bb_output *output, int fd) {
    *output = (struct bb_output){.fd = fd};
    bb_buffer_init(&output->buffer, ROW_MAX_BYTES);
}

void bb_output_release(struct bb_output *output) {
    bb_buffer_release(&output->buffer);
}

void bb_output_flush(struct bb_output *output) {
    struct bb_span left = bb_buffer_span(&output->buffer);

    if (output->buffer.overflow && output->errno_value == 0) {
        output->errno_value = ENOMEM;
        output->closed = true;
    }
    while (left.size > 0 && !output->closed) {
        ssize_t written = write(output->fd, left.data, left.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            output->closed = true;
            output->errno_value = errno == EPIPE ? 0 : errno;
            break;
        }
        left.data += written;
        left.size -= (size_t)written;
        output->written_bytes += (uint64_t)written;
    }
    bb_buffer_clear(&output->buffer);
}

bool bb_output_spill(struct bb_output *output) {
    if (output->buffer.size >= BB_OUTPUT_PIECE_BYTES || output->buffer.overflow)
        bb_output_flush(output);
    return !output->closed;
}
