/* Object container files: see avro_decoder_internal.h.
 *
 *   "Obj" 01 · metadata (avro.schema, avro.codec) · marker · block · block · ...
 *   block: count · bytes · packed objects · marker
 *
 * A block that is damaged costs itself: reading goes on behind the next marker. Source: the Avro
 * specification, "Object Container Files". */
#include "codec/avro_decoder_internal.h"
#include "codec/avro_varint_internal.h"

#include <inttypes.h>

enum { MARKER = 16, MAGIC = 4, HEADER_MAX = 2 << 20, BLOCK_HEAD_MAX = 2 * BB_AVRO_VARINT_MAX };

/* As of other containers: docs of the limits are with BB_E_UNPACKED_TOO_LARGE. */
#define TOTAL_MAX (UINT64_C(64) << 30)
enum { RATIO_MAX = 200, RATIO_FROM = 1 << 20 };

struct container {
    struct bb_avro_decoder *decoder;
    struct bb_avro_window *window;
    uint64_t *line;
    const struct bb_avro_program *program;
    const struct bb_avro_unpacker *unpacker;
    struct bb_buffer unpacked;
    uint64_t packed_bytes, unpacked_bytes;
    char marker[MARKER];
};

/* ---- the header ---- */

/* A map of bytes; NULL with scan->problem. */
static const char *read_metadata(struct bb_avro_scan *scan, const char *at, struct bb_span *schema,
                                 struct bb_span *codec) {
    struct bb_avro_items items = {.at = at};
    struct bb_span pair[2];

    while (bb_avro_items_next(scan, &items)) {
        for (int i = 0; i < 2; i++) {
            uint64_t said;
            const char *data = bb_avro_varint(items.at, scan->end, &said);
            int64_t size = data ? bb_unzigzag(said) : 0;
            if (!data || size < 0 || size > scan->end - data) {
                scan->truncated = !data || size > 0;
                scan->problem = "its header ends too early";
                return NULL;
            }
            pair[i] = (struct bb_span){data, (size_t)size};
            items.at = data + size;
        }
        if (bb_span_equal(pair[0], BB_SPAN("avro.schema")))
            *schema = pair[1];
        if (bb_span_equal(pair[0], BB_SPAN("avro.codec")))
            *codec = pair[1];
    }
    return items.ended ? items.at : NULL;
}

static int open_schema(struct container *c, struct bb_span schema, struct bb_span codec,
                       struct bb_error *error) {
    struct bb_error reason = {0};

    c->unpacker = bb_avro_unpacker_find(codec.size > 0 ? codec : BB_SPAN("null"));
    if (!c->unpacker)
        return BB_FAIL(
            error, BB_E_AVRO_CODEC,
            "its blocks are packed with \"%.*s\"; null, deflate, snappy and zstandard are "
            "read",
            (int)(codec.size < 40 ? codec.size : 40), codec.data);
    if (!schema.data)
        return BB_FAIL(error, BB_E_AVRO_SCHEMA, "its header holds no schema");
    int outcome = bb_avro_open_text(c->decoder, schema, &c->program, &reason, error);
    if (outcome == BB_AVRO_REFUSED) {
        *error = reason;
        return -(int)reason.code;
    }
    return outcome;
}

static int read_header(struct container *c, struct bb_error *error) {
    size_t wanted = 1024;

    for (;;) {
        int failure = bb_avro_window_need(c->window, wanted, error);
        if (failure)
            return failure;
        struct bb_span bytes = bb_avro_window_unread(c->window);
        struct bb_avro_scan scan = {.end = bytes.data + bytes.size};
        struct bb_span schema = {NULL, 0}, codec = {"", 0};
        if (!bb_span_starts_with(bytes, BB_SPAN("Obj\x01")))
            return BB_FAIL(error, BB_E_AVRO_DATA,
                           "the bytes do not begin like an object container file (Obj 01)");
        const char *end = read_metadata(&scan, bytes.data + MAGIC, &schema, &codec);
        if (end && scan.end - end >= MARKER) {
            memcpy(c->marker, end, MARKER);
            c->window->start += (size_t)(end + MARKER - bytes.data);
            return open_schema(c, schema, codec, error);
        }
        if ((!end && !scan.truncated) || bytes.size < wanted || wanted >= HEADER_MAX)
            return BB_FAIL(error, BB_E_AVRO_DATA, "%s",
                           wanted >= HEADER_MAX ? "its header has more than 2 MiB"
                           : scan.problem       ? scan.problem
                                                : "its header ends too early");
        wanted *= 2;
    }
}

/* ---- blocks ---- */

/* What is at hand is refused; its objects are counted as far as they are known. */
static int refuse(struct container *c, struct bb_error *reason, struct bb_error *error) {
    return bb_row_reject(c->decoder->writer, *c->line + 1, reason, error);
}

/* Go on behind the next marker, or to the end. */
static int find_marker(struct container *c, struct bb_error *error) {
    size_t wanted = BB_INPUT_WINDOW_BYTES;

    for (;;) {
        int failure = bb_avro_window_need(c->window, wanted, error);
        if (failure)
            return failure;
        struct bb_span bytes = bb_avro_window_unread(c->window);
        const char *found = memmem(bytes.data, bytes.size, c->marker, MARKER);
        if (found) {
            c->window->start += (size_t)(found + MARKER - bytes.data);
            return 0;
        }
        if (bytes.size < wanted) {
            c->window->start = c->window->filled;
            return 0;
        }
        c->window->start += bytes.size - MARKER + 1;
    }
}

static int damaged(struct container *c, const char *what, struct bb_error *error) {
    struct bb_error reason = {0};

    BB_FAIL(&reason, BB_E_AVRO_DATA,
            "a block is damaged (%s); its objects cannot be read, and those behind it have other "
            "numbers",
            what);
    int failure = refuse(c, &reason, error);
    if (failure)
        return failure;
    ++*c->line;
    if (c->window->start < c->window->filled)
        c->window->start++; /* not what was looked at again */
    return find_marker(c, error);
}

/* One object refused costs those behind it in its block, whose beginnings nobody knows. */
static int refuse_rest(struct container *c, const struct bb_error *problem, uint64_t rest,
                       struct bb_error *error) {
    struct bb_error reason = {0};

    BB_FAIL(&reason, problem->code,
            "%.400s; with it go the %" PRIu64 " objects that follow in its block", problem->text,
            rest);
    int failure = refuse(c, &reason, error);
    *c->line += rest + 1;
    return failure;
}

static int read_objects(struct container *c, uint64_t count, struct bb_span bytes,
                        const char *padding, struct bb_error *error) {
    struct bb_avro_datum datum = {
        .begin = bytes.data, .padding = padding, .limit = bytes.data + bytes.size};
    struct bb_error reason = {0};

    for (; count > 0; count--) {
        int outcome = bb_avro_read_datum(c->decoder, c->program, &datum, &reason, error);
        if (outcome > 0)
            return refuse_rest(c, &reason, count - 1, error);
        if (outcome == 0)
            outcome = bb_avro_put_rows(c->decoder, c->program, &datum, ++*c->line, error);
        if (outcome)
            return outcome;
        datum.begin = datum.end;
    }
    if (datum.begin == datum.limit)
        return 0;
    BB_FAIL(&reason, BB_E_AVRO_DATA, "bytes follow the objects of a block: its count is wrong");
    return refuse(c, &reason, error);
}

static int check_ratio(const struct container *c, struct bb_error *error) {
    if (c->unpacked_bytes > TOTAL_MAX)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE, "more than 64 GiB come out of the blocks");
    if (c->unpacked_bytes > RATIO_FROM && c->unpacked_bytes / RATIO_MAX > c->packed_bytes)
        return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE,
                       "more than %d times its packed bytes come out of the blocks", RATIO_MAX);
    return 0;
}

static int unpack(struct container *c, struct bb_span packed, struct bb_error *reason) {
    bb_buffer_clear(&c->unpacked);
    int failure = c->unpacker->unpack(packed, &c->unpacked, reason);
    c->packed_bytes += packed.size;
    c->unpacked_bytes += c->unpacked.size;
    return failure;
}

/* A block whose bytes are all there. Its rows are settled, as the bytes go. */
static int read_block(struct container *c, uint64_t count, struct bb_span packed,
                      const char *padding, struct bb_error *error) {
    const bool as_is = strcmp(c->unpacker->name, "null") == 0;
    struct bb_error reason = {0};
    int failure = as_is ? 0 : unpack(c, packed, &reason);

    if (failure && reason.code != BB_E_AVRO_DATA) {
        *error = reason;
        return failure;
    }
    if (failure == 0)
        failure = check_ratio(c, error);
    else
        return refuse_rest(c, &reason, count > 0 ? count - 1 : 0, error);
    struct bb_span bytes = as_is ? packed : bb_buffer_span(&c->unpacked);
    if (!as_is) { /* scanners may load what is behind, and a tool that watches memory may not object */
        if (!bb_buffer_reserve(&c->unpacked, BB_CELL_PADDING))
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a block of %zu bytes", bytes.size);
        bytes = bb_buffer_span(&c->unpacked);
        memset(c->unpacked.data + bytes.size, 0, BB_CELL_PADDING);
        padding = bytes.data + bytes.size + BB_CELL_PADDING;
    }
    if (failure == 0)
        failure = read_objects(c, count, bytes, padding, error);
    int settled = failure ? 0 : bb_row_settle(c->decoder->writer, error);
    return failure ? failure : settled;
}

/* Count, length, bytes, marker: all of it is in the window afterwards. */
static int next_block(struct container *c, struct bb_error *error) {
    uint64_t count_said, size_said;
    int failure = bb_avro_window_need(c->window, BLOCK_HEAD_MAX, error);

    if (failure)
        return failure;
    struct bb_span head = bb_avro_window_unread(c->window);
    const char *end = head.data + head.size;
    const char *at = bb_avro_varint(head.data, end, &count_said);
    at = at ? bb_avro_varint(at, end, &size_said) : NULL;
    if (!at)
        return damaged(c, "its head is no pair of numbers", error);
    int64_t count = bb_unzigzag(count_said), size = bb_unzigzag(size_said);
    if (count < 0 || size < 0 || size > BB_AVRO_BLOCK_MAX)
        return damaged(c, "it says that it has a negative count or length, or more than 64 MiB",
                       error);
    size_t head_size = (size_t)(at - head.data), wanted = head_size + (size_t)size + MARKER;
    failure = bb_avro_window_need(c->window, wanted, error);
    if (failure)
        return failure;
    struct bb_span all = bb_avro_window_unread(c->window);
    if (all.size < wanted)
        return damaged(c, "the file ends inside it", error);
    struct bb_span packed = {all.data + head_size, (size_t)size};
    if (memcmp(packed.data + packed.size, c->marker, MARKER) != 0)
        return damaged(c, "the marker behind it is not the file's", error);
    c->window->start += wanted;
    /* The marker is padding for what stands before it. */
    return read_block(c, (uint64_t)count, packed, packed.data + packed.size + MARKER, error);
}

int bb_avro_container_read(struct bb_avro_decoder *decoder, struct bb_avro_window *window,
                           uint64_t *line, struct bb_error *error) {
    struct container c = {.decoder = decoder, .window = window, .line = line};
    int failure = read_header(&c, error);

    bb_buffer_init(&c.unpacked, BB_AVRO_BLOCK_MAX + 4096);
    if (failure == 0 && bb_avro_node(c.program->schema, c.program->schema->root)->bytes == 0)
        failure = BB_FAIL(error, BB_E_AVRO_SCHEMA, "its objects hold nothing");
    while (failure == 0 && (failure = bb_avro_window_need(window, 1, error)) == 0 &&
           window->start < window->filled)
        failure = next_block(&c, error);
    bb_buffer_release(&c.unpacked);
    return failure;
}
