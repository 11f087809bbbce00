/* A post: the readings of one request, decoded in memory, on their way to the log.
 *
 *   body ─► unpack ─► decode ─► frames by partition ─► committer: appended, synced, told
 *
 * Decoding is for any thread with a plant open for reading and a kit of its own. Nothing of a post is in the
 * log before all of it was decoded, so that a sender that vanishes leaves nothing. A post of more than
 * BB_POST_MEMORY_BYTES of frames is the exception: its frames go to the log as they come, invisible like those
 * of a file until its round is decided (post_ledger.h).
 */
#ifndef BB_SERVICE_POST_H
#define BB_SERVICE_POST_H

#include "service/post_ledger.h"
#include "service/reading_stream.h"

struct bb_committer;

enum {
    BB_POST_MEMORY_BYTES = 8 << 20,
    BB_POST_ERRORS_KEPT = 100,
    BB_POST_COMPARED_MAX = 1 << 20 /* readings among which repetitions are counted */
};

struct bb_post_frame {
    uint32_t partition, readings;
    size_t offset, size; /* in post->bytes */
};

enum bb_post_outcome {
    BB_POST_TAKEN = 0, /* durable now */
    BB_POST_REPEATED,  /* its key was used for this body before: `note` is what was answered then */
    BB_POST_CONFLICT,  /* its key was used for another body */
    BB_POST_MOVED      /* its foreign sources stand elsewhere: nothing of it was taken */
};

struct bb_post {
    struct bb_post *next;         /* the committer's */
    struct bb_buffer bytes;       /* frames, back to back */
    struct bb_post_frame *frames; /* in the order in which they were cut */
    uint32_t frame_count, frame_capacity;
    struct bb_round *round; /* its own, when it is large: the frames are in the log already */
    uint64_t readings;      /* that were decoded */
    uint64_t duplicate;     /* of them: told before in this post, equal in everything */
    uint64_t rejected;
    struct bb_error *errors; /* of the first rejected; BB_POST_ERRORS_KEPT of them, or NULL */
    uint32_t error_count;
    /* Set tenant and key before decoding (key empty: it has none), the rest before it is submitted but for
     * `body`; of a repeated post it is what was noted then. */
    struct bb_post_note note;
    struct bb_buffer recalled; /* what note's spans borrow from, then */
    /* Of what comes from foreign sources: where they stand with it, and what of it cannot be used. The steps are the
     * submitter's. */
    const struct bb_source_step *steps;
    uint32_t step_count;
    struct bb_buffer letters;  /* by bb_letter_put */
    uint64_t letters_left_out; /* set when it was taken: they had no room */
    /* A replay: the dead letters that it settles (letter_log.h). */
    const uint64_t *replayed;
    size_t replayed_count;
    struct bb_span replayed_by;
    enum bb_post_outcome outcome;
    int result; /* negative: the log failed; `error` says why */
    struct bb_error error;
    /* Where each partition must have been derived up to, once it was taken; log->partitions of them, or
     * NULL: not asked for. */
    uint64_t *derived_at;
    struct bb_round *taken; /* then, of a large one: where its frames are in the log */
    /* The committer is done with it. On its thread: never waits. */
    void (*done)(struct bb_post *post);
    void *context;
};

void bb_post_init(struct bb_post *post);
void bb_post_release(struct bb_post *post);

/* A line that is not used, besides post->errors. 0: go on. */
typedef int bb_post_reject(void *context, const struct bb_error *reason, struct bb_error *error);

struct bb_post_options {
    struct bb_reading_form form;
    struct bb_span source; /* for people: "POST /v1/readings by key bb_ing_4hJqT0aa" */
    struct bb_span coding; /* "gzip", "zstd", or empty: what the first bytes say */
    bool partial;          /* keep the good lines */
    uint64_t unpacked_limit_bytes;
    struct bb_clock clock;
    bool plain;        /* as it stands, whatever its first bytes look like: nothing is unpacked */
    int64_t issued_ms; /* the version time of readings that have none of their own; 0: none */
    bb_post_reject *reject; /* NULL: nobody asks */
    void *reject_context;
};

/* What a decoding thread keeps from post to post. */
struct bb_post_kit;
struct bb_post_kit *bb_post_kit_new(void); /* NULL: no memory */
void bb_post_kit_free(struct bb_post_kit *kit);

/* Decode all of `body`; more than one may go into a post. 0 also when lines were rejected: whether the rest counts is the caller's decision.
 * Negative: nothing can be kept (an error about the input, or a fault). */
int bb_post_decode(struct bb_post_kit *kit, struct bb_plant *plant, struct bb_committer *committer,
                   struct bb_input body, uint64_t body_bytes, const struct bb_post_options *options,
                   struct bb_post *post, struct bb_error *error) BB_MUST_USE;

#endif
