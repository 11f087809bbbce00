/* The ledger of posts: see post_ledger.h. */
#include "service/post_ledger.h"

#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/timestamp.h"
#include "service/ledger.h"

#include <stdlib.h>

enum {
    POSTS_VERSION = 1,
    STEPS_VERSION = 2, /* with steps of foreign sources behind the parts */
    RECORD_LIMIT_BYTES = BB_LOG_BODY_BYTES,
    FIRST_SLOTS = 1024,
    NOTE_STATUS_MAX = 999
};

/* ---- the table of keys -----------------------------------------------------------------------------
 * A key is known by 128 bits of its hash with its tenant's; a slot without `offset` is free. */

struct bb_post_key {
    uint64_t low, high; /* of tenant and key */
    uint64_t body;      /* of the body's hash */
    uint64_t offset; /* of the POSTS record, plus 1; UINT64_MAX: of the round that is being made */
    uint32_t received_s;
    uint32_t index; /* among the record's notes */
};
_Static_assert(sizeof(struct bb_post_key) == 40, "there are many");
#define OF_THIS_ROUND UINT64_MAX

static const struct bb_span no_body = {"", 0};

static struct bb_content_hash hash_key(struct bb_span tenant, struct bb_span key) {
    XXH128_hash_t h = XXH3_128bits_withSeed(key.data, key.size, bb_hash(tenant));
    return (struct bb_content_hash){h.low64, h.high64};
}

static uint64_t fold(struct bb_content_hash hash) {
    return hash.low ^ bb_hash_mix(hash.high);
}

/* The slot of the key, or the free one where it belongs. */
static struct bb_post_key *find_slot(struct bb_post_key *keys, size_t slots,
                                     struct bb_content_hash hash) {
    size_t at = hash.low & (slots - 1);

    while (keys[at].offset != 0 && (keys[at].low != hash.low || keys[at].high != hash.high))
        at = (at + 1) & (slots - 1);
    return &keys[at];
}

static bool is_over(const struct bb_post_key *key, int64_t now_ms) {
    return (int64_t)key->received_s * BB_SECOND_MS < now_ms - BB_IDEMPOTENCY_MS;
}

/* Into a table in which they fill a third; those that are over stay behind. */
static int make_room(struct bb_post_ledger *posts, int64_t now_ms, struct bb_error *error) {
    size_t alive = 0, slots = FIRST_SLOTS;

    if (posts->key_slots > 0 && posts->key_count * 4 < posts->key_slots * 3)
        return 0;
    for (size_t i = 0; i < posts->key_slots; i++)
        alive += posts->keys[i].offset != 0 && !is_over(&posts->keys[i], now_ms);
    while (slots < alive * 3)
        slots *= 2;
    struct bb_post_key *keys = calloc(slots, sizeof *keys);
    if (!keys)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the table of Idempotency-Keys");
    for (size_t i = 0; i < posts->key_slots; i++) {
        const struct bb_post_key *key = &posts->keys[i];
        if (key->offset != 0 && !is_over(key, now_ms))
            *find_slot(keys, slots, (struct bb_content_hash){key->low, key->high}) = *key;
    }
    free(posts->keys);
    posts->keys = keys;
    posts->key_slots = slots;
    posts->key_count = alive;
    return 0;
}

/* ---- records */

static void encode_note(const struct bb_post_note *note, struct bb_buffer *out) {
    bb_put_text(out, note->tenant);
    bb_put_text(out, note->key);
    bb_buffer_append(out, &note->body, sizeof note->body);
    bb_put_varint(out, note->status);
    bb_put_varint(out, note->readings);
    bb_put_varint(out, note->duplicate);
    bb_put_varint(out, note->rejected);
    bb_put_varint(out, note->details.size);
    bb_buffer_append_span(out, note->details);
}

static void decode_note(struct bb_cursor *in, struct bb_post_note *out) {
    out->tenant = bb_cursor_text(in);
    out->key = bb_cursor_text(in);
    struct bb_span body = bb_cursor_bytes(in, sizeof out->body);
    if (body.data)
        memcpy(&out->body, body.data, sizeof out->body);
    uint64_t status = bb_cursor_varint(in);
    in->failed |= status > NOTE_STATUS_MAX;
    out->status = (uint32_t)status;
    out->readings = bb_cursor_varint(in);
    out->duplicate = bb_cursor_varint(in);
    out->rejected = bb_cursor_varint(in);
    out->details = bb_cursor_bytes(in, bb_cursor_varint(in));
}

/* Body of POSTS: u8 version, parts, (version 2: count of steps, steps,) count of notes, notes. */
static void encode_round(const struct bb_round *round, uint32_t partitions, struct bb_buffer *out) {
    bb_buffer_append_byte(out, round->step_count > 0 ? STEPS_VERSION : POSTS_VERSION);
    bb_put_varint(out, partitions);
    for (uint32_t p = 0; p < partitions; p++) {
        bb_put_varint(out, round->parts[p].first_offset);
        bb_put_varint(out, round->parts[p].frames);
        bb_put_varint(out, round->parts[p].readings);
    }
    if (round->step_count > 0) {
        bb_put_varint(out, round->step_count);
        bb_buffer_append_span(out, bb_buffer_span(&round->steps));
    }
    bb_put_varint(out, round->note_count);
    bb_buffer_append_span(out, bb_buffer_span(&round->notes));
}

static int fail_damaged(struct bb_error *error) {
    return BB_FAIL(error, BB_E_LOG_CORRUPT, "an entry of the ledger of posts is damaged");
}

/* *steps: where they stand, of which there are *step_count. */
static void decode_steps(struct bb_cursor *in, struct bb_span *steps, uint64_t *step_count) {
    *step_count = bb_cursor_varint(in);
    const uint8_t *begin = in->at;
    bb_source_steps_skip(in, *step_count);
    *steps = (struct bb_span){(const char *)begin, (size_t)(in->at - begin)};
    in->failed |= *step_count > UINT32_MAX;
}

/* Up to the notes, of which there are *count. */
static int decode_parts(struct bb_cursor *in, uint32_t partitions, struct bb_ledger_part *parts,
                        struct bb_span *steps, uint64_t *step_count, uint64_t *count,
                        struct bb_error *error) {
    uint8_t version = bb_cursor_byte(in);

    *step_count = 0;
    if (version > STEPS_VERSION)
        return BB_FAIL_VERSION(error, "the ledger of posts", version, STEPS_VERSION);
    if (version < POSTS_VERSION || bb_cursor_varint(in) != partitions)
        return fail_damaged(error);
    for (uint32_t p = 0; p < partitions; p++) {
        parts[p].first_offset = bb_cursor_varint(in);
        parts[p].frames = bb_cursor_varint(in);
        parts[p].readings = bb_cursor_varint(in);
    }
    if (version == STEPS_VERSION)
        decode_steps(in, steps, step_count);
    *count = bb_cursor_varint(in);
    return in->failed || *count > UINT32_MAX ? fail_damaged(error) : 0;
}

static int append_control(struct bb_log *log, uint8_t kind, const struct bb_round *round,
                          struct bb_span body, uint64_t *offset, struct bb_error *error) {
    struct bb_log_record record = {
        .kind = kind, .file_id = round->file_id, .received_ms = round->received_ms, .body = body};
    int result = log->ops->append(log, log->partitions, &record, error);

    if (offset)
        *offset = record.offset;
    return result;
}

/* ---- a round */

static struct bb_round *round_alloc(uint32_t partitions) {
    struct bb_round *round = calloc(1, sizeof *round);

    if (!round)
        return NULL;
    round->parts = calloc(partitions, sizeof round->parts[0]);
    bb_buffer_init(&round->notes, RECORD_LIMIT_BYTES / 2);
    bb_buffer_init(&round->steps, RECORD_LIMIT_BYTES / 4);
    if (round->parts)
        return round;
    free(round);
    return NULL;
}

struct bb_round *bb_round_new(struct bb_ledger *ledger, int64_t now_ms) {
    struct bb_round *round = round_alloc(ledger->log->partitions);

    if (!round)
        return NULL;
    round->received_ms = bb_ledger_receive(ledger, now_ms);
    round->file_id = bb_ledger_file_id(ledger, round->received_ms);
    return round;
}

struct bb_round *bb_round_copy(const struct bb_round *round, uint32_t partitions) {
    struct bb_round *copy = round_alloc(partitions);

    if (!copy)
        return NULL;
    copy->file_id = round->file_id;
    copy->received_ms = round->received_ms;
    memcpy(copy->parts, round->parts, partitions * sizeof copy->parts[0]);
    return copy;
}

void bb_round_free(struct bb_round *round) {
    if (!round)
        return;
    free(round->parts);
    bb_buffer_release(&round->notes);
    bb_buffer_release(&round->steps);
    free(round);
}

int bb_round_append(struct bb_ledger *ledger, struct bb_round *round, uint32_t partition,
                    struct bb_span frame, uint32_t readings, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_ledger_part *part = &round->parts[partition];
    struct bb_log_record record = {.kind = BB_RECORD_FILE_FRAME,
                                   .file_id = round->file_id,
                                   .received_ms = round->received_ms,
                                   .body = frame};
    int result = log->ops->append(log, partition, &record, error);

    if (result)
        return result;
    if (part->frames++ == 0)
        part->first_offset = record.offset;
    part->readings += readings;
    return 0;
}

int bb_post_ledger_note(struct bb_ledger *ledger, struct bb_round *round,
                        const struct bb_post_note *note, int64_t now_ms, struct bb_error *error) {
    struct bb_post_ledger *posts = &ledger->posts;
    struct bb_content_hash hash = hash_key(note->tenant, note->key);
    int result = make_room(posts, now_ms, error);

    if (result)
        return result;
    struct bb_post_key *key = find_slot(posts->keys, posts->key_slots, hash);
    bool known = key->offset != 0;
    if (known && !is_over(key, now_ms))
        return key->body == fold(note->body) ? BB_POST_KEY_SAME : BB_POST_KEY_OTHER;
    if (!known && posts->key_count >= BB_IDEMPOTENCY_KEYS_MAX)
        return BB_POST_KEYS_FULL;
    encode_note(note, &round->notes);
    if (round->notes.overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a round of posts");
    *key = (struct bb_post_key){.low = hash.low,
                                .high = hash.high,
                                .body = fold(note->body),
                                .offset = OF_THIS_ROUND,
                                .received_s = (uint32_t)(now_ms / BB_SECOND_MS),
                                .index = round->note_count++};
    posts->key_count += !known;
    return BB_POST_KEY_NEW;
}

int bb_post_ledger_step(struct bb_ledger *ledger, struct bb_round *round,
                        const struct bb_source_step *steps, uint32_t count,
                        struct bb_error *error) {
    int result = bb_source_steps_take(&ledger->posts.places, steps, count, &round->steps, error);

    if (result == BB_SOURCE_STEPS_TAKEN)
        round->step_count += count;
    return result;
}

/* The keys of the round learn where its record stands. */
static void place_keys(struct bb_post_ledger *posts, const struct bb_round *round,
                       uint64_t offset) {
    struct bb_cursor in = bb_cursor_over(bb_buffer_span(&round->notes));
    struct bb_post_note note = {0};

    for (uint32_t i = 0; i < round->note_count; i++) {
        decode_note(&in, &note);
        find_slot(posts->keys, posts->key_slots, hash_key(note.tenant, note.key))->offset = offset +
                                                                                            1;
    }
}

int bb_post_ledger_decide(struct bb_ledger *ledger, struct bb_round *round,
                          struct bb_error *error) {
    struct bb_buffer body;
    uint64_t offset = 0;

    bb_buffer_init(&body, RECORD_LIMIT_BYTES);
    encode_round(round, ledger->log->partitions, &body);
    int result = body.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a round of posts")
                               : append_control(ledger->log, BB_RECORD_POSTS, round,
                                                bb_buffer_span(&body), &offset, error);
    bb_buffer_release(&body);
    if (result)
        return result;
    place_keys(&ledger->posts, round, offset);
    return bb_source_steps_count(&ledger->posts.places, bb_buffer_span(&round->steps),
                                 round->step_count, error);
}

void bb_post_ledger_forget(struct bb_ledger *ledger) {
    struct bb_post_ledger *posts = &ledger->posts;

    for (size_t i = 0; i < posts->key_slots; i++)
        if (posts->keys[i].offset == OF_THIS_ROUND)
            posts->keys[i].received_s = 0; /* as if its time were over */
    bb_source_places_forget(&posts->places);
}

int bb_post_ledger_mark(struct bb_ledger *ledger, const struct bb_round *round, uint64_t *ends,
                        struct bb_error *error) {
    return bb_ledger_mark_parts(ledger, round->file_id, round->received_ms, round->parts, ends,
                                error);
}

int bb_post_ledger_done(struct bb_ledger *ledger, const struct bb_round *round,
                        struct bb_error *error) {
    return append_control(ledger->log, BB_RECORD_POSTS_DONE, round, no_body, NULL, error);
}

/* ---- recalling an answer */

static int read_note(struct bb_ledger *ledger, const struct bb_post_key *key,
                     struct bb_post_note *out, struct bb_buffer *memory, struct bb_error *error) {
    struct bb_log *log = ledger->log;
    struct bb_ledger_part *parts = calloc(log->partitions, sizeof parts[0]);
    struct bb_log_record record;
    uint64_t count = 0, step_count;
    struct bb_span steps;

    if (!parts)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read the ledger of posts");
    int result = log->ops->read(ledger->posts.reader, key->offset - 1, &record, error);
    if (result == BB_LOG_END || (!result && record.kind != BB_RECORD_POSTS))
        result = fail_damaged(error);
    if (!result) {
        bb_buffer_append_span(memory, record.body);
        struct bb_cursor in = bb_cursor_over(bb_buffer_span(memory));
        result = memory->overflow
                     ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read the ledger of posts")
                     : decode_parts(&in, log->partitions, parts, &steps, &step_count, &count,
                                    error);
        for (uint64_t i = 0; !result && i <= key->index; i++)
            decode_note(&in, out);
        if (!result && (in.failed || key->index >= count))
            result = fail_damaged(error);
    }
    free(parts);
    return result;
}

int bb_post_ledger_recall(struct bb_ledger *ledger, struct bb_span tenant, struct bb_span key,
                          struct bb_post_note *out, struct bb_buffer *memory,
                          struct bb_error *error) {
    struct bb_post_ledger *posts = &ledger->posts;
    struct bb_log *log = ledger->log;
    const struct bb_post_key *entry =
        posts->key_slots ? find_slot(posts->keys, posts->key_slots, hash_key(tenant, key)) : NULL;
    int result = 0;

    BB_ASSERT(entry && entry->offset != 0 && entry->offset != OF_THIS_ROUND);
    *out = (struct bb_post_note){0};
    if (!posts->reader)
        result = log->ops->reader_open(log, log->partitions, &posts->reader, error);
    return result ? result : read_note(ledger, entry, out, memory, error);
}

/* ---- at open */

struct bb_pending_round {
    struct bb_pending_round *next;
    struct bb_round *round;
    uint64_t offset; /* of its POSTS record */
    bool is_whole;
};

static int add_pending(struct bb_ledger *ledger, const struct bb_log_record *record,
                       struct bb_cursor *in, uint64_t *count, struct bb_error *error) {
    struct bb_pending_round *pending = calloc(1, sizeof *pending);
    struct bb_round *round = round_alloc(ledger->log->partitions);

    if (!pending || !round) {
        free(pending);
        bb_round_free(round);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ledger of posts");
    }
    round->file_id = record->file_id;
    round->received_ms = record->received_ms;
    pending->round = round;
    pending->offset = record->offset;
    pending->next = ledger->posts.pending;
    ledger->posts.pending = pending;
    struct bb_span steps = {NULL, 0};
    uint64_t step_count;
    int result = decode_parts(in, ledger->log->partitions, round->parts, &steps, &step_count, count,
                              error);
    if (result)
        return result;
    bb_buffer_append_span(&round->steps, steps);
    round->step_count = (uint32_t)step_count;
    return round->steps.overflow
               ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ledger of posts")
               : 0;
}

static int remember_notes(struct bb_ledger *ledger, const struct bb_log_record *record,
                          struct bb_cursor *in, uint64_t count, int64_t now_ms,
                          struct bb_error *error) {
    struct bb_post_ledger *posts = &ledger->posts;
    struct bb_post_note note = {0};

    if (record->received_ms < now_ms - BB_IDEMPOTENCY_MS)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        decode_note(in, &note);
        int result = in->failed ? fail_damaged(error) : make_room(posts, now_ms, error);
        if (result)
            return result;
        struct bb_content_hash hash = hash_key(note.tenant, note.key);
        struct bb_post_key *key = find_slot(posts->keys, posts->key_slots, hash);
        posts->key_count += key->offset == 0;
        *key = (struct bb_post_key){.low = hash.low,
                                    .high = hash.high,
                                    .body = fold(note.body),
                                    .offset = record->offset + 1,
                                    .received_s = (uint32_t)(record->received_ms / BB_SECOND_MS),
                                    .index = i};
    }
    return 0;
}

/* A round that is not whole never counted: its keys are free again, as if their time were over. */
static void forget_keys(struct bb_post_ledger *posts, uint64_t offset) {
    for (size_t i = 0; i < posts->key_slots; i++)
        if (posts->keys[i].offset == offset + 1)
            posts->keys[i].received_s = 0;
}

static int settle_pending(struct bb_post_ledger *posts, uint64_t file_id, bool counts,
                          struct bb_error *error) {
    for (struct bb_pending_round **at = &posts->pending; *at; at = &(*at)->next) {
        struct bb_pending_round *settled = *at;
        int result = 0;
        if (settled->round->file_id != file_id)
            continue;
        if (counts)
            result = bb_source_steps_count(&posts->places, bb_buffer_span(&settled->round->steps),
                                           settled->round->step_count, error);
        else
            forget_keys(posts, settled->offset);
        *at = settled->next;
        bb_round_free(settled->round);
        free(settled);
        return result;
    }
    return 0;
}

int bb_post_ledger_apply(struct bb_ledger *ledger, const struct bb_log_record *record,
                         int64_t now_ms, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(record->body);
    uint64_t count = 0;

    if (record->kind == BB_RECORD_POSTS_DONE || record->kind == BB_RECORD_POSTS_ABANDONED)
        return settle_pending(&ledger->posts, record->file_id, record->kind == BB_RECORD_POSTS_DONE,
                              error);
    int result = add_pending(ledger, record, &in, &count, error);
    return result ? result : remember_notes(ledger, record, &in, count, now_ms, error);
}

/* Are all frames of the round that were appended to this partition there? */
static int look_for_frames(struct bb_log *log, const struct bb_round *round, uint32_t partition,
                           bool *is_whole, struct bb_error *error) {
    const struct bb_ledger_part *part = &round->parts[partition];
    uint64_t frames = 0, offset = part->first_offset;
    struct bb_log_reader *reader;
    struct bb_log_record record;
    struct bb_log_end end;
    int result = log->ops->end(log, partition, &end, error);

    if (!result)
        result = log->ops->reader_open(log, partition, &reader, error);
    if (result)
        return result;
    while (!result && frames < part->frames && offset < end.offset) {
        result = log->ops->read(reader, offset, &record, error);
        if (result != BB_LOG_RECORD)
            break;
        frames += record.kind == BB_RECORD_FILE_FRAME && record.file_id == round->file_id;
        offset = record.next_offset;
    }
    log->ops->reader_close(reader);
    *is_whole = *is_whole && frames == part->frames;
    return result < 0 ? result : 0;
}

static int look_at_pending(struct bb_ledger *ledger, struct bb_error *error) {
    int result = 0;

    for (struct bb_pending_round *p = ledger->posts.pending; p; p = p->next) {
        p->is_whole = true;
        for (uint32_t i = 0; !result && i < ledger->log->partitions; i++)
            if (p->round->parts[i].frames > 0)
                result = look_for_frames(ledger->log, p->round, i, &p->is_whole, error);
    }
    return result;
}

/* Three steps, each durable before the next: an abandoned round must not look whole once more records stand
 * where its own were cut, and a round is done when its marks are there. */
int bb_post_ledger_complete(struct bb_ledger *ledger, struct bb_error *error) {
    struct bb_post_ledger *posts = &ledger->posts;
    struct bb_log *log = ledger->log;

    if (!posts->pending)
        return 0;
    int result = look_at_pending(ledger, error);
    for (struct bb_pending_round *p = posts->pending; !result && p; p = p->next)
        if (!p->is_whole)
            result = append_control(log, BB_RECORD_POSTS_ABANDONED, p->round, no_body, NULL, error);
    if (!result)
        result = log->ops->sync(log, error);
    for (struct bb_pending_round *p = posts->pending; !result && p; p = p->next)
        if (p->is_whole)
            result = bb_post_ledger_mark(ledger, p->round, NULL, error);
    if (!result)
        result = log->ops->sync(log, error);
    for (struct bb_pending_round *p = posts->pending; !result && p; p = p->next)
        if (p->is_whole)
            result = bb_post_ledger_done(ledger, p->round, error);
    if (!result)
        result = log->ops->sync(log, error);
    while (!result && posts->pending)
        result = settle_pending(posts, posts->pending->round->file_id, posts->pending->is_whole,
                                error);
    return result;
}

void bb_post_ledger_release(struct bb_post_ledger *posts, struct bb_log *log) {
    struct bb_pending_round *next;

    for (struct bb_pending_round *p = posts->pending; p; p = next) {
        next = p->next;
        bb_round_free(p->round);
        free(p);
    }
    bb_source_places_release(&posts->places);
    if (posts->reader)
        log->ops->reader_close(posts->reader);
    free(posts->keys);
    *posts = (struct bb_post_ledger){0};
}
