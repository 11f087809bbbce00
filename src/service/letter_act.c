/* Replaying and dropping dead letters: see letter_act.h. */
#include "service/letter_act.h"

#include "service/source_form.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { LETTER_LIMIT_BYTES = 1 << 20 };

/* ---- one letter, open */

/* Found and not settled; else done->refusal says why. */
static int find_open(const struct bb_letter_actor *actor, uint64_t id, struct bb_arena *arena,
                     struct bb_letter *letter, struct bb_letter_done *done,
                     struct bb_error *error) {
    int result = bb_letter_find(actor->plant->log, actor->plant->registry, actor->tenant, id, arena,
                                letter, error);

    if (result == BB_LETTER_UNKNOWN)
        (void)BB_FAIL(&done->refusal, BB_E_LETTER_UNKNOWN, "there is no such dead letter");
    else if (!result && letter->state != BB_LETTER_OPEN)
        (void)BB_FAIL(&done->refusal, BB_E_LETTER_CLOSED, "dead letter d%" PRIu64 " was %s before",
                      id, bb_letter_state_name(letter->state));
    return result < 0 ? result : 0;
}

/* ---- replay */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool is_back;
};

/* On the committer's thread. */
static void when_durable(struct bb_post *post) {
    struct waiting *w = post->context;

    pthread_mutex_lock(&w->lock);
    w->is_back = true;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

static int submit(const struct bb_letter_actor *actor, struct bb_post *post,
                  struct bb_error *error) {
    struct waiting w = {.is_back = false};

    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.told, NULL);
    post->done = when_durable;
    post->context = &w;
    bb_committer_submit(actor->committer, post);
    pthread_mutex_lock(&w.lock);
    while (!w.is_back)
        pthread_cond_wait(&w.told, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.told);
    pthread_mutex_destroy(&w.lock);
    if (post->result < 0)
        *error = post->error;
    return post->result;
}

/* Whose it is, by the configuration of now. */
static struct bb_span tenant_of(const struct bb_source_form *form, const struct bb_letter *letter) {
    struct bb_cursor in = bb_cursor_over(letter->headers);
    struct bb_span name, value, said = {NULL, 0};

    if (!form->tenant_header)
        return form->tenants[0];
    while (bb_letter_header_next(&in, &name, &value))
        if (bb_span_equal(name, bb_span_of(form->tenant_header)))
            said = value;
    for (uint32_t i = 0; said.data && i < form->tenant_count; i++)
        if (bb_span_equal(form->tenants[i], said))
            return form->tenants[i];
    return (struct bb_span){NULL, 0};
}

static int replay_open(const struct bb_letter_actor *actor, const struct bb_source_form *form,
                       struct bb_post_kit *kit, const struct bb_letter *letter,
                       struct bb_letter_done *done, struct bb_error *error) {
    const struct bb_source_message message = {.topic = letter->topic,
                                              .partition = letter->partition,
                                              .offset = letter->offset,
                                              .at_ms = letter->message_ms,
                                              .key = letter->key,
                                              .value = letter->value};
    const struct bb_source_item item = {
        .message = &message, .tenant = tenant_of(form, letter), .headers = letter->headers};
    struct bb_source_decoded decoded;
    struct bb_post post;
    char source[200];

    snprintf(source, sizeof source, "dead letter d%" PRIu64 " of kafka topic %.*s", letter->id,
             (int)(letter->topic.size < 120 ? letter->topic.size : 120), letter->topic.data);
    const struct bb_source_how how = {.kit = kit,
                                      .plant = actor->plant,
                                      .committer = actor->committer,
                                      .source = bb_span_of(source),
                                      .issued_ms = letter->received_ms};
    bb_post_init(&post);
    int result = bb_source_decode(form, &how, &item, 1, &post, &decoded, error);
    if (!result && decoded.count > 0) {
        done->refusal = decoded.refusals[0].why;
    } else if (!result) {
        post.replayed = &letter->id;
        post.replayed_count = 1;
        post.replayed_by = actor->by;
        done->readings = post.readings;
        result = submit(actor, &post, error);
    }
    bb_source_decoded_release(&decoded);
    bb_post_release(&post);
    return result;
}

/* A record that could not be derived stands in the log: it is appended anew, as it was received. */
struct appending {
    const struct bb_letter_actor *actor;
    uint64_t id;
    uint32_t readings;
};

/* On the log's thread. */
static int append_again(struct bb_plant *plant, void *context, struct bb_error *error) {
    const struct appending *a = context;
    struct bb_log *log = plant->log;
    uint32_t partition = bb_letter_derived_partition(a->id);
    uint64_t offset = bb_letter_derived_offset(a->id);
    struct bb_log_reader *reader;
    struct bb_log_record record;

    if (partition >= log->partitions)
        return BB_FAIL(error, BB_E_LETTER_UNKNOWN, "the log has no partition %" PRIu32, partition);
    int result = log->ops->reader_open(log, partition, &reader, error);
    if (result)
        return result;
    result = log->ops->read(reader, offset, &record, error);
    if (result == BB_LOG_END || (!result && record.offset != offset))
        result = BB_FAIL(error, BB_E_LETTER_CUT, "the log has given up the record");
    struct bb_log_record again = {.kind = BB_RECORD_FRAME,
                                  .readings = a->readings,
                                  .received_ms = record.received_ms,
                                  .body = record.body};
    if (!result)
        result = log->ops->append(log, partition, &again, error);
    log->ops->reader_close(reader);
    int64_t now_ms = bb_ledger_receive(&plant->ledger, bb_clock_now_ms(bb_clock_system()));
    return result ? result
                  : bb_letters_close(&plant->ledger, NULL, &a->id, 1, BB_LETTER_REPLAYED,
                                     a->actor->by, now_ms, error);
}

static int replay_derived(const struct bb_letter_actor *actor, const struct bb_letter *letter,
                          struct bb_letter_done *done, struct bb_error *error) {
    struct appending a = {actor, letter->id, (uint32_t)(letter->more + 1)};
    int result = bb_committer_run(actor->committer, append_again, &a, error);

    if (result == -(int)BB_E_LETTER_CUT || result == -(int)BB_E_LOG_CORRUPT) {
        done->refusal = *error;
        return 0;
    }
    done->readings = a.readings;
    return result;
}

static int replay_one(const struct bb_letter_actor *actor, const struct bb_source_form *form,
                      struct bb_post_kit *kit, uint64_t id, struct bb_letter_done *done,
                      struct bb_error *error) {
    struct bb_letter letter;
    struct bb_arena arena;

    bb_arena_init(&arena, 16 << 10, LETTER_LIMIT_BYTES);
    int result = find_open(actor, id, &arena, &letter, done, error);
    bool is_derived = bb_letter_is_derived(id);
    if (!result && done->refusal.code == BB_OK && !is_derived &&
        (letter.value_bytes != letter.value.size || letter.more > 0 ||
         letter.code == BB_E_SOURCE_LOST || letter.code == BB_E_LETTERS_FULL))
        (void)BB_FAIL(&done->refusal, BB_E_LETTER_CUT,
                      "dead letter d%" PRIu64 " has not all bytes of its message", id);
    if (!result && done->refusal.code == BB_OK)
        result = is_derived ? replay_derived(actor, &letter, done, error)
                            : replay_open(actor, form, kit, &letter, done, error);
    bb_arena_release(&arena);
    return result;
}

int bb_letter_replay(const struct bb_letter_actor *actor, const uint64_t *ids, size_t count,
                     struct bb_letter_done *done, struct bb_error *error) {
    struct bb_post_kit *kit = bb_post_kit_new();
    struct bb_source_form form = {0};
    int result = kit ? bb_source_form_open(&form, &actor->plant->config, NULL, error)
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to replay dead letters");

    for (size_t i = 0; !result && i < count; i++) {
        done[i] = (struct bb_letter_done){0};
        result = replay_one(actor, &form, kit, ids[i], &done[i], error);
    }
    bb_source_form_close(&form);
    bb_post_kit_free(kit);
    return result;
}

/* ---- drop */

struct dropping {
    const struct bb_letter_actor *actor;
    uint64_t id;
};

/* On the log's thread. */
static int append_dropped(struct bb_plant *plant, void *context, struct bb_error *error) {
    const struct dropping *d = context;
    int64_t now_ms = bb_ledger_receive(&plant->ledger, bb_clock_now_ms(bb_clock_system()));

    return bb_letters_close(&plant->ledger, NULL, &d->id, 1, BB_LETTER_DROPPED, d->actor->by,
                            now_ms, error);
}

int bb_letter_drop(const struct bb_letter_actor *actor, const uint64_t *ids, size_t count,
                   struct bb_letter_done *done, struct bb_error *error) {
    struct bb_letter letter;
    struct bb_arena arena;
    int result = 0;

    bb_arena_init(&arena, 16 << 10, LETTER_LIMIT_BYTES);
    for (size_t i = 0; !result && i < count; i++) {
        struct dropping dropping = {actor, ids[i]};
        done[i] = (struct bb_letter_done){0};
        bb_arena_reset(&arena);
        result = find_open(actor, ids[i], &arena, &letter, &done[i], error);
        if (!result && done[i].refusal.code == BB_OK)
            result = bb_committer_run(actor->committer, append_dropped, &dropping, error);
    }
    bb_arena_release(&arena);
    return result;
}
