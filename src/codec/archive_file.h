/* Archived files: the blocks of one tenant, lane and month of one partition, as bytes. Pure.
 *
 *   8 bytes "BBARCH01"
 *   frames    zstd each, some 256 KB unpacked; a channel's blocks are never in two of them
 *   index     zstd: what is where
 *   trailer   56 bytes: where the index is, checksums
 *
 * One meter's graph takes two ranged reads: the index (who knows where it is, as the store does; else the trailer
 * before it) and the frame that holds the meter. A question across meters reads it front to back.
 *
 * A frame unpacked (integers varint, signed ones zigzag, texts with their size before):
 *   channel count, for each: usage point, channel, block count, for each: u8 lane, signed span, size;
 *   then the blocks in the same order, as they are packed in the store (model/block.h).
 * Channels ascend by usage point and channel in the whole file, a channel's blocks by lane and span.
 *
 * The index unpacked:
 *   u8 lane, signed month since 1970, partition, tenant, frame count, for each: packed size, size, u32 CRC32C of the
 *   packed bytes, blocks, readings, first usage point and channel, last usage point and channel;
 *   then a text: the names of units, states, marks, checks and methods by their numbers (JSON), so that a reader of
 *   years to come needs nothing but this page.
 *
 * The trailer, little-endian:
 *    0 u64 offset of the index   8 u32 its packed size   12 u32 its size   16 u32 CRC32C of the packed index
 *   20 u32 CRC32C of all bytes before the trailer        24 u64 blocks     32 u64 readings
 *   40 u16 version = 1          42 u16 0                 44 u32 CRC32C of bytes 0..43
 *   48 8 bytes "BBARCHND"
 */
#ifndef BB_CODEC_ARCHIVE_FILE_H
#define BB_CODEC_ARCHIVE_FILE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

enum {
    BB_ARCHIVE_VERSION = 1,
    BB_ARCHIVE_HEAD_BYTES = 8,
    BB_ARCHIVE_TRAILER_BYTES = 56,
    BB_ARCHIVE_FRAME_BYTES =
        256 << 10 /* unpacked: a frame is closed behind the channel that passes it */
};

struct bb_archive_head {
    struct bb_span tenant;
    uint8_t lane;  /* of raw, history lies in it, too */
    int32_t month; /* since 1970 */
    uint32_t partition;
};

struct bb_archive_trailer {
    uint64_t index_offset;
    uint32_t index_packed, index_size, index_crc;
    uint32_t file_crc;
    uint64_t blocks, readings;
};

/* ---- writing */

struct bb_archive_writer {
    struct bb_archive_head head;
    struct bb_buffer out; /* what is ready: the caller takes and clears it */
    uint64_t size;        /* of all bytes that were ready so far */
    uint32_t crc;
    uint64_t blocks, readings;
    struct bb_buffer names, bodies; /* of the frame at hand */
    struct bb_buffer channel;       /* blocks of the channel at hand, as they are listed */
    struct bb_buffer first,
        last; /* usage point and channel, as texts: of the frame; last is the one at hand */
    uint32_t channel_blocks, frame_channels;
    uint64_t frame_blocks, frame_readings;
    struct bb_buffer frames; /* of the index */
    uint32_t frame_count;
};

/* The head's text is borrowed until release. */
void bb_archive_writer_init(struct bb_archive_writer *writer, const struct bb_archive_head *head);
void bb_archive_writer_release(struct bb_archive_writer *writer);
/* In the order that the format wants. */
int bb_archive_put(struct bb_archive_writer *writer, struct bb_span usage_point,
                   struct bb_span channel, uint8_t lane, int32_t span, struct bb_span packed,
                   struct bb_error *error) BB_MUST_USE;
/* The last frame, the index, the trailer. */
int bb_archive_finish(struct bb_archive_writer *writer, struct bb_archive_trailer *out,
                      struct bb_error *error) BB_MUST_USE;

/* ---- reading: what does not fit is -BB_E_ARCHIVE_DAMAGED */

struct bb_archive_frame {
    uint64_t offset;
    uint32_t packed, size, crc;
    uint64_t blocks, readings;
    struct bb_span first[2], last[2]; /* usage point, channel */
};

struct bb_archive_index {
    struct bb_archive_head head;
    struct bb_archive_frame *frames;
    uint32_t count;
    struct bb_span names; /* JSON */
};

struct bb_archive_entry {
    struct bb_span usage_point, channel;
    uint8_t lane;
    int32_t span;
    struct bb_span packed;
};

struct bb_archive_page { /* a frame, unpacked */
    char *bytes;
    size_t size;
    struct bb_archive_entry *entries; /* borrow from bytes */
    uint32_t count;
};

/* `tail` ends where the file does. */
int bb_archive_trailer_read(struct bb_span tail, uint64_t file_size, struct bb_archive_trailer *out,
                            struct bb_error *error) BB_MUST_USE;
/* Everything lives in the arena. */
int bb_archive_index_read(struct bb_span packed, const struct bb_archive_trailer *trailer,
                          struct bb_arena *arena, struct bb_archive_index *out,
                          struct bb_error *error) BB_MUST_USE;
/* The frame that holds the channel, when any does; -1: none. */
int64_t bb_archive_index_find(const struct bb_archive_index *index, struct bb_span usage_point,
                              struct bb_span channel);
int bb_archive_page_read(struct bb_span packed, const struct bb_archive_frame *frame,
                         struct bb_archive_page *out, struct bb_error *error) BB_MUST_USE;
void bb_archive_page_release(struct bb_archive_page *page);
/* NULL: it has no such block. */
const struct bb_archive_entry *bb_archive_page_find(const struct bb_archive_page *page,
                                                    struct bb_span usage_point,
                                                    struct bb_span channel, uint8_t lane,
                                                    int32_t span);

#endif
