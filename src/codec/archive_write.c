/* Writing archived files: see archive_file.h. */
#include "codec/archive_file.h"

#include <zstd.h>

#include "base/crc.h"
#include "base/json_write.h"
#include "codec/archive_file_internal.h"
#include "model/attribute_pack.h"
#include "model/block.h"
#include "model/unit.h"

enum {
    LEVEL = 6 /* ahead of it each level costs more time than it saves bytes of packed blocks */
};
static const size_t frame_limit_bytes = (size_t)1 << 30;

void bb_archive_writer_init(struct bb_archive_writer *w, const struct bb_archive_head *head) {
    struct bb_buffer *const buffers[] = {&w->out,   &w->names, &w->bodies, &w->channel,
                                         &w->first, &w->last,  &w->frames};

    *w = (struct bb_archive_writer){.head = *head};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_init(buffers[i], frame_limit_bytes);
    bb_buffer_append(&w->out, BB_ARCHIVE_MAGIC, BB_ARCHIVE_HEAD_BYTES);
    w->size = BB_ARCHIVE_HEAD_BYTES;
    w->crc = bb_crc32c(0, BB_ARCHIVE_MAGIC, BB_ARCHIVE_HEAD_BYTES);
}

void bb_archive_writer_release(struct bb_archive_writer *w) {
    struct bb_buffer *const buffers[] = {&w->out,   &w->names, &w->bodies, &w->channel,
                                         &w->first, &w->last,  &w->frames};

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_release(buffers[i]);
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to write an archived file");
}

/* Append `bytes` packed to what is ready; *size and *crc are of the packed ones. */
static int append_packed(struct bb_archive_writer *w, struct bb_span bytes, uint32_t *size,
                         uint32_t *crc, struct bb_error *error) {
    size_t bound = ZSTD_compressBound(bytes.size);

    if (bytes.size > UINT32_MAX || bound > UINT32_MAX || !bb_buffer_reserve(&w->out, bound))
        return no_memory(error);
    char *at = w->out.data + w->out.size;
    size_t packed = ZSTD_compress(at, bound, bytes.data, bytes.size, LEVEL);
    if (ZSTD_isError(packed))
        return BB_FAIL(error, BB_E_NO_MEMORY, "an archived file cannot be packed: %s",
                       ZSTD_getErrorName(packed));
    *size = (uint32_t)packed;
    *crc = bb_crc32c(0, at, packed);
    w->crc = bb_crc32c(w->crc, at, packed);
    w->out.size += packed;
    w->size += packed;
    return 0;
}

/* The blocks of the channel at hand, listed. */
static void close_channel(struct bb_archive_writer *w) {
    if (w->channel_blocks == 0)
        return;
    bb_buffer_append_span(&w->names, bb_buffer_span(&w->last));
    bb_put_varint(&w->names, w->channel_blocks);
    bb_buffer_append_span(&w->names, bb_buffer_span(&w->channel));
    bb_buffer_clear(&w->channel);
    w->channel_blocks = 0;
    w->frame_channels++;
}

static int close_frame(struct bb_archive_writer *w, struct bb_error *error) {
    struct bb_buffer whole;
    uint32_t packed = 0, crc = 0;

    close_channel(w);
    if (w->frame_channels == 0)
        return 0;
    bb_buffer_init(&whole, frame_limit_bytes);
    bb_put_varint(&whole, w->frame_channels);
    bb_buffer_append_span(&whole, bb_buffer_span(&w->names));
    bb_buffer_append_span(&whole, bb_buffer_span(&w->bodies));
    int result = whole.overflow || w->names.overflow || w->bodies.overflow || w->channel.overflow
                     ? no_memory(error)
                     : append_packed(w, bb_buffer_span(&whole), &packed, &crc, error);
    bb_put_varint(&w->frames, packed);
    bb_put_varint(&w->frames, whole.size);
    bb_archive_put_u32(&w->frames, crc);
    bb_put_varint(&w->frames, w->frame_blocks);
    bb_put_varint(&w->frames, w->frame_readings);
    bb_buffer_append_span(&w->frames, bb_buffer_span(&w->first));
    bb_buffer_append_span(&w->frames, bb_buffer_span(&w->last));
    w->frame_count++;
    w->blocks += w->frame_blocks;
    w->readings += w->frame_readings;
    w->frame_channels = 0;
    w->frame_blocks = w->frame_readings = 0;
    bb_buffer_clear(&w->names);
    bb_buffer_clear(&w->bodies);
    bb_buffer_release(&whole);
    return result;
}

/* How many values a block has, as its first bytes say; of forms of their own and of history, none: nobody counts them
 * as readings. */
static uint64_t readings_of(uint8_t lane, struct bb_span packed) {
    struct bb_cursor in = bb_cursor_over(packed);

    if (!bb_lane_has_values(lane) || lane == BB_LANE_HISTORY)
        return 0;
    (void)bb_cursor_byte(&in);
    (void)bb_cursor_byte(&in);
    return bb_cursor_varint(&in);
}

int bb_archive_put(struct bb_archive_writer *w, struct bb_span usage_point, struct bb_span channel,
                   uint8_t lane, int32_t span, struct bb_span packed, struct bb_error *error) {
    struct bb_buffer name;
    int result = 0;

    bb_buffer_init(&name, BB_ARCHIVE_NAMES_MAX);
    bb_put_text(&name, usage_point);
    bb_put_text(&name, channel);
    if (!bb_span_equal(bb_buffer_span(&name), bb_buffer_span(&w->last)) || w->channel_blocks == 0) {
        close_channel(w);
        if (w->names.size + w->bodies.size >= BB_ARCHIVE_FRAME_BYTES)
            result = close_frame(w, error);
        if (w->frame_channels == 0) {
            bb_buffer_clear(&w->first);
            bb_buffer_append_span(&w->first, bb_buffer_span(&name));
        }
        bb_buffer_clear(&w->last);
        bb_buffer_append_span(&w->last, bb_buffer_span(&name));
    }
    bool whole = !name.overflow;
    bb_buffer_release(&name);
    if (result || !whole)
        return result ? result : no_memory(error);
    bb_buffer_append_byte(&w->channel, lane);
    bb_put_zigzag(&w->channel, span);
    bb_put_varint(&w->channel, packed.size);
    bb_buffer_append_span(&w->bodies, packed);
    w->channel_blocks++;
    w->frame_blocks++;
    w->frame_readings += readings_of(lane, packed);
    return w->bodies.overflow ? no_memory(error) : 0;
}

/* ---- what numbers mean */

/* The names of marks are known to the quality's text alone: "measured|final". */
static void put_mark(struct bb_json *json, int mark) {
    struct bb_quality quality = {.marks = (uint16_t)(1U << mark)};
    struct bb_buffer text;

    bb_buffer_init(&text, 256);
    bb_quality_format(&quality, &text);
    const char *bar = text.size ? memchr(text.data, '|', text.size) : NULL;
    struct bb_span name = {bar ? bar + 1 : "", bar ? (size_t)(text.data + text.size - bar) - 1 : 0};
    bb_json_text(json, name);
    bb_buffer_release(&text);
}

static const char *unit_name(int unit) {
    return bb_unit_symbol(unit);
}

static void put_names(struct bb_buffer *out) {
    static const struct {
        const char *key;
        int count;
        const char *(*name)(int);
    } tables[] = {{"units", BB_UNIT_COUNT, unit_name},
                  {"states", BB_STATE_COUNT, bb_state_name},
                  {"checks", BB_CHECK_COUNT, bb_check_name},
                  {"methods", BB_METHOD_COUNT, bb_method_name}};
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        bb_json_key(&json, tables[i].key);
        bb_json_array_begin(&json);
        for (int k = 0; k < tables[i].count; k++)
            bb_json_text(&json, bb_span_of(tables[i].name(k)));
        bb_json_array_end(&json);
    }
    bb_json_key(&json, "marks");
    bb_json_array_begin(&json);
    for (int mark = 0; mark < BB_MARK_COUNT; mark++)
        put_mark(&json, mark);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
}

static int put_index(struct bb_archive_writer *w, struct bb_archive_trailer *trailer,
                     struct bb_error *error) {
    struct bb_buffer index, names;

    bb_buffer_init(&index, frame_limit_bytes);
    bb_buffer_init(&names, 1 << 16);
    put_names(&names);
    bb_buffer_append_byte(&index, w->head.lane);
    bb_put_zigzag(&index, w->head.month);
    bb_put_varint(&index, w->head.partition);
    bb_put_text(&index, w->head.tenant);
    bb_put_varint(&index, w->frame_count);
    bb_buffer_append_span(&index, bb_buffer_span(&w->frames));
    bb_put_text(&index, bb_buffer_span(&names));
    *trailer = (struct bb_archive_trailer){.index_offset = w->size,
                                           .index_size = (uint32_t)index.size,
                                           .blocks = w->blocks,
                                           .readings = w->readings};
    int result = index.overflow || names.overflow || w->frames.overflow
                     ? no_memory(error)
                     : append_packed(w, bb_buffer_span(&index), &trailer->index_packed,
                                     &trailer->index_crc, error);
    bb_buffer_release(&index);
    bb_buffer_release(&names);
    return result;
}

int bb_archive_finish(struct bb_archive_writer *w, struct bb_archive_trailer *out,
                      struct bb_error *error) {
    int result = close_frame(w, error);

    if (!result)
        result = put_index(w, out, error);
    if (result)
        return result;
    size_t begin = w->out.size;
    out->file_crc = w->crc;
    bb_archive_put_u64(&w->out, out->index_offset);
    bb_archive_put_u32(&w->out, out->index_packed);
    bb_archive_put_u32(&w->out, out->index_size);
    bb_archive_put_u32(&w->out, out->index_crc);
    bb_archive_put_u32(&w->out, out->file_crc);
    bb_archive_put_u64(&w->out, out->blocks);
    bb_archive_put_u64(&w->out, out->readings);
    bb_archive_put_u32(&w->out, BB_ARCHIVE_VERSION);
    if (w->out.overflow)
        return no_memory(error);
    bb_archive_put_u32(&w->out, bb_crc32c(0, w->out.data + begin, w->out.size - begin));
    bb_buffer_append(&w->out, BB_ARCHIVE_END, sizeof BB_ARCHIVE_END - 1);
    w->size += BB_ARCHIVE_TRAILER_BYTES;
    return w->out.overflow ? no_memory(error) : 0;
}
