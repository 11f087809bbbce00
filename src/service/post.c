/* Posts: see post.h. */
#include "service/post.h"

#include "base/hash.h"
#include "codec/container.h"
#include "service/committer.h"
#include "service/ledger.h"
#include "service/router.h"

#include <stdlib.h>

enum {
    SERIES_LIMIT_BYTES = 256 << 20,
    SERIES_KEPT_BYTES = 32 << 20, /* by a kit, from post to post */
    HASH_READ_BYTES = 64 << 10,
    RECALL_LIMIT_BYTES = 64 << 20, /* a record of the ledger of posts */
    LETTERS_LIMIT_BYTES = 128 << 20,
    FIRST_FINGERPRINTS = 1 << 11
};

#define MEMORY_NS (5 * 1000000000LL)

void bb_post_init(struct bb_post *post) {
    *post = (struct bb_post){0};
    bb_buffer_init(&post->bytes, 2 * (size_t)BB_POST_MEMORY_BYTES);
    bb_buffer_init(&post->recalled, RECALL_LIMIT_BYTES);
    bb_buffer_init(&post->letters, LETTERS_LIMIT_BYTES);
}

void bb_post_release(struct bb_post *post) {
    bb_buffer_release(&post->bytes);
    bb_buffer_release(&post->recalled);
    bb_buffer_release(&post->letters);
    free(post->frames);
    free(post->errors);
    free(post->derived_at);
    bb_round_free(post->round);
    bb_round_free(post->taken);
    *post = (struct bb_post){0};
}

/* ---- the kit */

/* What was told already, as 64 bits of its hash each: for counting repetitions, which a chance in 2^64
 * may get wrong. Open addressing; 0 is free. */
struct fingerprints {
    uint64_t *items;
    size_t slots, count;
};

struct bb_post_kit {
    struct bb_series_table table;
    struct bb_series_memory *memory; /* of the table's series, and of one form of reading */
    uint64_t form;
    int64_t began_ns; /* the memory */
    struct bb_router router;
    bool has_router;
    struct fingerprints told;
    XXH3_state_t *hash;
};

struct bb_post_kit *bb_post_kit_new(void) {
    struct bb_post_kit *kit = calloc(1, sizeof *kit);

    if (!kit)
        return NULL;
    kit->hash = XXH3_createState();
    kit->memory = bb_series_memory_new();
    bb_series_table_init(&kit->table, SERIES_LIMIT_BYTES);
    return kit;
}

void bb_post_kit_free(struct bb_post_kit *kit) {
    if (!kit)
        return;
    bb_router_release(&kit->router);
    bb_series_table_release(&kit->table);
    bb_series_memory_free(kit->memory);
    XXH3_freeState(kit->hash);
    free(kit->told.items);
    free(kit);
}

/* ---- counting repetitions */

static void clear_fingerprints(struct fingerprints *f) {
    if (f->count > 0)
        memset(f->items, 0, f->slots * sizeof f->items[0]);
    f->count = 0;
}

static bool grow_fingerprints(struct fingerprints *f) {
    struct fingerprints grown = {.slots = f->slots ? f->slots * 4 : FIRST_FINGERPRINTS,
                                 .count = f->count};

    grown.items = calloc(grown.slots, sizeof grown.items[0]);
    if (!grown.items)
        return false;
    for (size_t i = 0; i < f->slots; i++) {
        size_t at = f->items[i] & (grown.slots - 1);
        if (f->items[i] == 0)
            continue;
        while (grown.items[at] != 0)
            at = (at + 1) & (grown.slots - 1);
        grown.items[at] = f->items[i];
    }
    free(f->items);
    *f = grown;
    return true;
}

/* Was it there? It is from now on. */
static bool add_fingerprint(struct fingerprints *f, uint64_t print) {
    size_t at = print & (f->slots - 1);

    while (f->items[at] != 0 && f->items[at] != print)
        at = (at + 1) & (f->slots - 1);
    bool known = f->items[at] == print;
    f->items[at] = print;
    f->count += !known;
    return known;
}

static uint64_t fingerprint(const struct bb_batch *batch, uint32_t i, uint64_t attribute) {
    uint64_t h = bb_hash_mix((uint64_t)batch->end_ms[i] ^ (uint64_t)batch->series[i] << 44);

    h = bb_hash_mix(h ^ (uint64_t)batch->mantissa[i]) ^ attribute;
    if (batch->has_issued)
        h = bb_hash_mix(h ^ (uint64_t)batch->issued_ms[i]);
    return h ? h : 1;
}

static uint64_t count_repetitions(struct fingerprints *f, const struct bb_batch *batch) {
    uint32_t last = UINT32_MAX;
    uint64_t attribute = 0, repeated = 0;

    for (uint32_t i = 0; i < batch->count && f->count < BB_POST_COMPARED_MAX; i++) {
        if (f->count * 2 >= f->slots && !grow_fingerprints(f))
            break;
        if (batch->attribute[i] != last) {
            last = batch->attribute[i];
            attribute = bb_hash((struct bb_span){(const char *)&batch->attributes.items[last],
                                                 sizeof batch->attributes.items[last]});
        }
        repeated += add_fingerprint(f, fingerprint(batch, i, attribute));
    }
    return repeated;
}

/* ---- the body: hashed as it was sent, bounded as it is unpacked */

struct body {
    struct bb_input raw;
    struct bb_span coding; /* as its header says; empty: what the first bytes say */
    XXH3_state_t *hash;    /* NULL: nobody asks for it */
    bool begun, ended;
};

/* The first read gives more than a magic number, if there is more. */
static int check_coding(struct bb_span coding, struct bb_span head, struct bb_error *error) {
    static const struct {
        struct bb_span coding, magic;
    } rows[] = {{BB_SPAN("gzip"), {"\x1f\x8b", 2}}, {BB_SPAN("zstd"), {"\x28\xb5\x2f\xfd", 4}}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (bb_span_equal(coding, rows[i].coding) && !bb_span_starts_with(head, rows[i].magic))
            return BB_FAIL(error, BB_E_CONTAINER,
                           "the body is not packed as %.*s, as its header says",
                           BB_SPAN_ARGS(coding));
    return 0;
}

static int read_body(void *context, void *data, size_t capacity, size_t *got,
                     struct bb_error *error) {
    struct body *body = context;
    int result = body->raw.read(body->raw.context, data, capacity, got, error);

    if (result)
        return result;
    body->ended = *got == 0;
    if (body->hash && *got > 0)
        XXH3_128bits_update(body->hash, data, *got);
    if (!body->begun)
        result = check_coding(body->coding, (struct bb_span){data, *got}, error);
    body->begun = true;
    return result;
}

/* A decoder may stop before the last byte; the hash does not. */
static int hash_rest(struct body *body, struct bb_error *error) {
    char *scratch = malloc(HASH_READ_BYTES);
    size_t got;
    int result = scratch ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read a post");

    while (!result && !body->ended)
        result = read_body(body, scratch, HASH_READ_BYTES, &got, error);
    free(scratch);
    return result;
}

struct bounded {
    struct bb_input stream;
    uint64_t left;
};

static int read_bounded(void *context, void *data, size_t capacity, size_t *got,
                        struct bb_error *error) {
    struct bounded *b = context;
    int result = b->stream.read(b->stream.context, data, capacity, got, error);

    if (result)
        return result;
    if (*got > b->left)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                       "more comes out of the body than a post may have; send it in parts");
    b->left -= *got;
    return 0;
}

/* ---- decoding */

struct decoding {
    struct bb_post_kit *kit;
    struct bb_post *post;
    struct bb_committer *committer;
    const struct bb_post_options *options;
};

/* What is told again as of an earlier moment takes its place among versions by that. */
static void set_issued(struct bb_batch *batch, int64_t issued_ms) {
    for (uint32_t i = 0; i < batch->count; i++)
        if (!batch->has_issued || batch->issued_ms[i] == BB_TIME_NONE)
            batch->issued_ms[i] = issued_ms;
    batch->has_issued = true;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a post");
}

/* Refused already: what else is in it is looked at for its errors alone. */
static bool is_refused(const struct decoding *d) {
    return d->post->rejected > 0 && !d->options->partial;
}

/* On the log's thread: what is in memory becomes invisible records. */
static int append_frames(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct bb_post *post = context;
    int result = 0;

    if (!post->round)
        post->round = bb_round_new(&plant->ledger, bb_clock_now_ms(bb_clock_system()));
    if (!post->round)
        return no_memory(error);
    for (uint32_t i = 0; !result && i < post->frame_count; i++) {
        const struct bb_post_frame *f = &post->frames[i];
        result = bb_round_append(&plant->ledger, post->round, f->partition,
                                 (struct bb_span){post->bytes.data + f->offset, f->size},
                                 f->readings, error);
    }
    post->frame_count = 0;
    bb_buffer_clear(&post->bytes);
    return result ? result : plant->log->ops->sync_begin(plant->log, error);
}

static int take_frame(void *context, uint32_t partition, struct bb_span frame, uint32_t readings,
                      struct bb_error *error) {
    struct decoding *d = context;
    struct bb_post *post = d->post;

    if (is_refused(d))
        return 0;
    if (post->frame_count == post->frame_capacity) {
        uint32_t capacity = post->frame_capacity ? post->frame_capacity * 2 : 16;
        struct bb_post_frame *frames = realloc(post->frames, capacity * sizeof *frames);
        if (!frames)
            return no_memory(error);
        post->frames = frames;
        post->frame_capacity = capacity;
    }
    post->frames[post->frame_count++] = (struct bb_post_frame){partition, readings,
                                                               post->bytes.size, frame.size};
    bb_buffer_append_span(&post->bytes, frame);
    if (post->bytes.overflow)
        return no_memory(error);
    return post->bytes.size <= BB_POST_MEMORY_BYTES
               ? 0
               : bb_committer_append(d->committer, append_frames, post, error);
}

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct decoding *d = context;

    if (d->options->issued_ms)
        set_issued(batch, d->options->issued_ms);
    d->post->readings += batch->count;
    d->post->duplicate += count_repetitions(&d->kit->told, batch);
    return bb_router_add(&d->kit->router, batch, error);
}

static int take_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct decoding *d = context;
    struct bb_post *post = d->post;

    post->rejected++;
    if (!post->errors)
        post->errors = calloc(BB_POST_ERRORS_KEPT, sizeof post->errors[0]);
    if (!post->errors)
        return no_memory(error);
    if (post->error_count < BB_POST_ERRORS_KEPT)
        post->errors[post->error_count++] = *reason;
    if (d->options->reject)
        return d->options->reject(d->options->reject_context, reason, error);
    return 0;
}

/* What is known of the senders' channels holds for a while, so that what master data say of them is asked
 * again; for the form of reading that it was learnt with; and not for ever more channels. */
static void forget_series(struct bb_post_kit *kit, uint64_t form) {
    int64_t now_ns = bb_monotonic_ns();
    bool too_much = kit->table.arena.total_bytes > SERIES_KEPT_BYTES;

    if (form == kit->form && now_ns - kit->began_ns < MEMORY_NS && !too_much)
        return;
    kit->form = form;
    kit->began_ns = now_ns;
    bb_series_memory_clear(kit->memory);
    bb_series_table_clear(&kit->table);
    if (too_much) {
        bb_series_table_release(&kit->table);
        bb_series_table_init(&kit->table, SERIES_LIMIT_BYTES);
    }
}

static int prepare_kit(struct decoding *d, const struct bb_plant *plant, int64_t received_ms,
                       struct bb_error *error) {
    struct bb_post_kit *kit = d->kit;
    const struct bb_router_target target = {.partitions = plant->log->partitions,
                                            .received_ms = received_ms,
                                            .take = take_frame,
                                            .context = d};
    struct bb_span tenant = d->options->form.tenant;

    if (!kit->hash || !kit->memory)
        return no_memory(error);
    forget_series(kit, bb_reading_form_hash(&d->options->form, false, NULL));
    clear_fingerprints(&kit->told);
    int result = kit->has_router
                     ? bb_router_restart(&kit->router, &target, tenant, error)
                     : bb_router_init(&kit->router, &target, tenant, &kit->table, error);
    kit->has_router = kit->has_router || !result;
    return result ? result : bb_router_source(&kit->router, d->options->source, error);
}

static int decode_members(struct decoding *d, struct bb_plant *plant, struct bb_input packed,
                          uint64_t packed_bytes, int64_t received_ms, struct bb_error *error) {
    const struct bb_decode_sink sink = {take_batch, take_reject, d};
    struct bounded bounded = {.left = d->options->unpacked_limit_bytes};
    struct bb_reading_form form = d->options->form;
    struct bb_container *container;
    const char *name;

    form.memory = form.map ? NULL : d->kit->memory;
    if (d->options->plain) {
        int decoded = bb_reading_stream_decode(plant, packed, "body", &form, received_ms, &sink,
                                               &d->kit->table, NULL, error);
        return decoded ? decoded : bb_router_flush(&d->kit->router, error);
    }
    int result = bb_container_open_input(packed, packed_bytes, "body", &container, error);

    if (result)
        return result;
    while (!result) {
        result = bb_container_next(container, &bounded.stream, &name, error);
        if (!result)
            result = bb_reading_stream_decode(plant, (struct bb_input){read_bounded, &bounded},
                                              name, &form, received_ms, &sink, &d->kit->table, NULL,
                                              error);
    }
    bb_container_close(container);
    return result == BB_CONTAINER_END ? bb_router_flush(&d->kit->router, error) : result;
}

int bb_post_decode(struct bb_post_kit *kit, struct bb_plant *plant, struct bb_committer *committer,
                   struct bb_input raw, uint64_t body_bytes, const struct bb_post_options *options,
                   struct bb_post *post, struct bb_error *error) {
    struct decoding d = {.kit = kit, .post = post, .committer = committer, .options = options};
    struct body body = {
        .raw = raw, .coding = options->coding, .hash = post->note.key.size > 0 ? kit->hash : NULL};
    int64_t received_ms = bb_committer_receive(committer, options->source,
                                               bb_clock_now_ms(options->clock));
    int result = prepare_kit(&d, plant, received_ms, error);

    if (!result && body.hash)
        XXH3_128bits_reset_withSeed(body.hash,
                                    bb_reading_form_hash(&options->form, options->partial, NULL));
    if (!result)
        result = decode_members(&d, plant, (struct bb_input){read_body, &body}, body_bytes,
                                received_ms, error);
    if (!result && body.hash)
        result = hash_rest(&body, error);
    if (!result && body.hash) {
        XXH128_hash_t h = XXH3_128bits_digest(body.hash);
        post->note.body = (struct bb_content_hash){h.low64, h.high64};
    }
    return result;
}
