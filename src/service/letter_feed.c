/* The feed of dead letters: see letter_feed.h. */
#include "service/letter_feed.h"

#include "base/list.h"

#include <stdlib.h>

enum {
    BATCH_LETTERS = 1000, /* a round more is taken in, whatever its size */
    BATCH_BYTES = 8 << 20,
    ARENA_CHUNK_BYTES = 1 << 20,
    ARENA_LIMIT_BYTES = 256 << 20
};

struct waiting { /* a letter whose round is not settled, as far as was read */
    uint64_t offset, file_id;
};

struct bb_letter_feed {
    struct bb_log *log;
    struct bb_log_reader *reader, *fetcher; /* the one goes on, the other goes back for letters */
    bool begun;
    uint64_t at;   /* where the reader goes on */
    uint64_t told; /* what began to count before it was handed out, or is not asked for */
    struct waiting *waiting;
    size_t waiting_count, waiting_capacity;
    struct bb_letter *letters; /* of the batch at hand */
    size_t count, capacity, bytes;
    struct bb_arena arena; /* their bodies */
    struct bb_error *error;
};

static int no_memory(struct bb_letter_feed *f) {
    return BB_FAIL(f->error, BB_E_NO_MEMORY, "no memory for dead letters");
}

int bb_letter_feed_open(struct bb_log *log, struct bb_letter_feed **out, struct bb_error *error) {
    struct bb_letter_feed *f = calloc(1, sizeof *f);
    int result = f ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for dead letters");

    if (f) {
        f->log = log;
        bb_arena_init(&f->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
        result = log->ops->reader_open(log, log->partitions, &f->reader, error);
    }
    if (result) {
        bb_letter_feed_close(f);
        return result;
    }
    *out = f;
    return 0;
}

void bb_letter_feed_close(struct bb_letter_feed *f) {
    if (!f)
        return;
    if (f->reader)
        f->log->ops->reader_close(f->reader);
    if (f->fetcher)
        f->log->ops->reader_close(f->fetcher);
    free(f->waiting);
    free(f->letters);
    bb_arena_release(&f->arena);
    free(f);
}

/* ---- the batch at hand */

static int take(struct bb_letter_feed *f, const struct bb_log_record *record) {
    struct bb_span body = bb_arena_copy(&f->arena, record->body);

    if (!body.data || !bb_list_room(&f->letters, f->count, &f->capacity, sizeof f->letters[0]))
        return no_memory(f);
    struct bb_letter *letter = &f->letters[f->count];
    if (!bb_letter_decode(body, letter))
        return BB_FAIL(f->error, BB_E_LOG_CORRUPT, "a dead letter is damaged");
    letter->id = record->offset;
    letter->received_ms = record->received_ms;
    f->count++;
    f->bytes += body.size;
    return 0;
}

static int fetch(struct bb_letter_feed *f, uint64_t offset) {
    const struct bb_log_ops *ops = f->log->ops;
    struct bb_log_record record;
    int result = f->fetcher ? 0
                            : ops->reader_open(f->log, f->log->partitions, &f->fetcher, f->error);

    if (!result)
        result = ops->read(f->fetcher, offset, &record, f->error);
    if (result == BB_LOG_END || (!result && record.offset != offset))
        return BB_FAIL(f->error, BB_E_LOG_CORRUPT, "a dead letter's record is gone");
    return result ? result : take(f, &record);
}

/* A round counts, or never will: its letters wait no longer. */
static int settle(struct bb_letter_feed *f, uint64_t file_id, bool is_told) {
    size_t kept = 0;
    int result = 0;

    for (size_t i = 0; i < f->waiting_count; i++) {
        if (f->waiting[i].file_id != file_id)
            f->waiting[kept++] = f->waiting[i];
        else if (is_told && !result)
            result = fetch(f, f->waiting[i].offset);
    }
    f->waiting_count = kept;
    return result;
}

static int look_at(struct bb_letter_feed *f, const struct bb_log_record *record) {
    const bool is_asked = record->offset >= f->told;

    switch (record->kind) {
    case BB_RECORD_DEAD_LETTER:
        if (record->file_id == 0)
            return is_asked ? take(f, record) : 0;
        if (!bb_list_room(&f->waiting, f->waiting_count, &f->waiting_capacity,
                          sizeof f->waiting[0]))
            return no_memory(f);
        f->waiting[f->waiting_count++] = (struct waiting){record->offset, record->file_id};
        return 0;
    case BB_RECORD_POSTS: return settle(f, record->file_id, is_asked);
    case BB_RECORD_POSTS_ABANDONED: return settle(f, record->file_id, false);
    default: return 0;
    }
}

static int begin(struct bb_letter_feed *f, uint64_t from) {
    struct bb_log_end end;
    int result = f->log->ops->end(f->log, f->log->partitions, &end, f->error);

    if (result)
        return result;
    f->waiting_count = 0;
    f->at = end.first_offset;
    f->told = from;
    f->begun = true;
    return 0;
}

static int gather(struct bb_letter_feed *f) {
    struct bb_log_record record;
    int result = 0;

    while (!result && f->count < BATCH_LETTERS && f->bytes < BATCH_BYTES) {
        result = f->log->ops->read(f->reader, f->at, &record, f->error);
        if (result == BB_LOG_END)
            return 0;
        if (!result)
            result = look_at(f, &record);
        if (!result)
            f->at = record.next_offset;
    }
    return result;
}

int bb_letter_feed_next(struct bb_letter_feed *f, uint64_t from, struct bb_letter_batch *out,
                        struct bb_error *error) {
    int result = 0;

    f->error = error;
    f->count = f->bytes = 0;
    bb_arena_reset(&f->arena);
    if (!f->begun || f->told != from)
        result = begin(f, from);
    if (!result)
        result = gather(f);
    if (result) {
        f->begun = false; /* what was taken out of `waiting` is read anew */
        return result;
    }
    if (f->count > 0)
        f->told = f->at;
    *out = (struct bb_letter_batch){f->letters, f->count, f->told};
    return 0;
}
