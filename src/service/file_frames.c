/* The frames of a file: see file_frames.h. */
#include "service/file_frames.h"

enum {
    SYNC_BYTES = 8 << 20, /* hand this much to the log's sync threads at a time */
    PASS_BYTES =
        1
        << 20, /* to the committer: it holds up a round of posts by as long as this takes to append */
    COLLECTED_MAX_BYTES = 64 << 20
};

struct collected_head {
    uint32_t partition, readings, size;
};

static int append_frame(struct bb_file_frames *f, struct bb_log *log, uint32_t partition,
                        struct bb_span frame, uint32_t readings, struct bb_error *error) {
    struct bb_log_record record = {.kind = BB_RECORD_FILE_FRAME,
                                   .file_id = f->file->file_id,
                                   .received_ms = f->file->received_ms,
                                   .body = frame};
    int result = log->ops->append(log, partition, &record, error);

    f->file->parts[partition].frames++;
    f->file->parts[partition].readings += readings;
    f->unsynced_bytes += frame.size;
    if (!result && f->unsynced_bytes >= SYNC_BYTES) {
        f->unsynced_bytes = 0;
        result = log->ops->sync_begin(log, error);
    }
    return result;
}

static int take_frame(void *context, uint32_t partition, struct bb_span frame, uint32_t readings,
                      struct bb_error *error) {
    struct bb_file_frames *f = context;

    return append_frame(f, f->log, partition, frame, readings, error);
}

/* ---- by the committer */

/* On its thread. */
static int append_collected(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct bb_file_frames *f = context;
    struct collected_head head;
    int result = 0;

    for (size_t at = 0; !result && at < f->collected.size; at += head.size) {
        memcpy(&head, f->collected.data + at, sizeof head);
        at += sizeof head;
        result = append_frame(f, plant->log, head.partition,
                              (struct bb_span){f->collected.data + at, head.size}, head.readings,
                              error);
    }
    bb_buffer_clear(&f->collected);
    return result;
}

int bb_file_frames_flush(struct bb_file_frames *f, struct bb_error *error) {
    return f->collected.size > 0 ? bb_committer_append(f->committer, append_collected, f, error)
                                 : 0;
}

static int collect_frame(void *context, uint32_t partition, struct bb_span frame, uint32_t readings,
                         struct bb_error *error) {
    struct bb_file_frames *f = context;
    const struct collected_head head = {partition, readings, (uint32_t)frame.size};

    bb_buffer_append(&f->collected, &head, sizeof head);
    bb_buffer_append_span(&f->collected, frame);
    if (f->collected.overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the frames of a file");
    return f->collected.size < PASS_BYTES ? 0 : bb_file_frames_flush(f, error);
}

/* ---- beginning */

static struct bb_router_target begin(struct bb_file_frames *f, uint32_t partitions) {
    for (uint32_t p = 0; p < partitions; p++)
        f->file->parts[p].frames = f->file->parts[p].readings = 0;
    bb_buffer_init(&f->collected, COLLECTED_MAX_BYTES);
    return (struct bb_router_target){.partitions = partitions,
                                     .received_ms = f->file->received_ms,
                                     .take = f->committer ? collect_frame : take_frame,
                                     .context = f};
}

struct bb_router_target bb_file_frames_begin(struct bb_file_frames *frames, struct bb_log *log,
                                             struct bb_ledger_file *file) {
    *frames = (struct bb_file_frames){.log = log, .file = file};
    return begin(frames, log->partitions);
}

struct bb_router_target bb_file_frames_begin_by(struct bb_file_frames *frames,
                                                struct bb_committer *committer, uint32_t partitions,
                                                struct bb_ledger_file *file) {
    *frames = (struct bb_file_frames){.committer = committer, .file = file};
    return begin(frames, partitions);
}

void bb_file_frames_release(struct bb_file_frames *frames) {
    bb_buffer_release(&frames->collected);
}
