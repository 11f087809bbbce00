/* The frames of a file: see file_frames.h. */
#include "service/file_frames.h"

enum { SYNC_BYTES = 8 << 20 }; /* hand this much to the log's sync threads at a time */

static int take_frame(void *context, uint32_t partition, struct bb_span frame, uint32_t readings,
                      struct bb_error *error) {
    struct bb_file_frames *f = context;
    struct bb_log_record record = {.kind = BB_RECORD_FILE_FRAME,
                                   .file_id = f->file->file_id,
                                   .received_ms = f->file->received_ms,
                                   .body = frame};
    int result = f->log->ops->append(f->log, partition, &record, error);

    f->file->parts[partition].frames++;
    f->file->parts[partition].readings += readings;
    f->unsynced_bytes += frame.size;
    if (!result && f->unsynced_bytes >= SYNC_BYTES) {
        f->unsynced_bytes = 0;
        result = f->log->ops->sync_begin(f->log, error);
    }
    return result;
}

struct bb_router_target bb_file_frames_begin(struct bb_file_frames *frames, struct bb_log *log,
                                             struct bb_ledger_file *file) {
    *frames = (struct bb_file_frames){.log = log, .file = file};
    for (uint32_t p = 0; p < log->partitions; p++)
        file->parts[p].frames = file->parts[p].readings = 0;
    return (struct bb_router_target){.partitions = log->partitions,
                                     .received_ms = file->received_ms,
                                     .take = take_frame,
                                     .context = frames};
}
