/* Blocks of object container files, unpacked: null, deflate (no header, no checksum), snappy (and a CRC-32 of
 * what comes out behind it) and zstandard. Source: the Avro specification, "Required Codecs" and "Optional
 * Codecs". What may come out is bounded before memory is taken for it. */
#include "codec/avro_decoder_internal.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { FIRST_BYTES = 64 << 10, CRC_BYTES = 4, PAD_BYTES = 32, SNAPPY_MOST_PER_BYTE = 32 };

static int damaged(struct bb_error *error, const char *codec) {
    return BB_FAIL(error, BB_E_AVRO_DATA, "a block cannot be unpacked: its %s data is damaged",
                   codec);
}

static int too_large(struct bb_error *error) {
    return BB_FAIL(error, BB_E_UNPACKED_TOO_LARGE, "more than %d MiB come out of a block",
                   BB_AVRO_BLOCK_MAX >> 20);
}

static int unpack_null(struct bb_span packed, struct bb_buffer *out, struct bb_error *error) {
    (void)packed;
    (void)out;
    (void)error;
    return 0; /* whoever has the block reads it where it is */
}

static int inflate_all(z_stream *stream, struct bb_buffer *out, struct bb_error *error) {
    int status = Z_OK;

    while (status == Z_OK) {
        if (!bb_buffer_reserve(out, FIRST_BYTES + PAD_BYTES))
            return too_large(error);
        uInt room = (uInt)(out->capacity - out->size - PAD_BYTES);
        stream->next_out = (Bytef *)out->data + out->size;
        stream->avail_out = room;
        status = inflate(stream, Z_NO_FLUSH);
        out->size += room - stream->avail_out;
        if (status == Z_BUF_ERROR && stream->avail_out == 0)
            status = Z_OK;
    }
    /* Some writers cut zlib's header off, but leave a part of its checksum behind. */
    return status == Z_STREAM_END && stream->avail_in <= CRC_BYTES ? 0 : damaged(error, "deflate");
}

static int unpack_deflate(struct bb_span packed, struct bb_buffer *out, struct bb_error *error) {
    z_stream stream = {.next_in = (Bytef *)packed.data, .avail_in = (uInt)packed.size};

    if (inflateInit2(&stream, -15) != Z_OK)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack deflate");
    int failure = inflate_all(&stream, out, error);
    inflateEnd(&stream);
    return failure;
}

/* Room for just so much, and padding. */
static int make_room(struct bb_buffer *out, uint64_t size, struct bb_error *error) {
    if (size > BB_AVRO_BLOCK_MAX)
        return too_large(error);
    return bb_buffer_reserve(out, (size_t)size + PAD_BYTES)
               ? 0
               : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a block of %llu bytes",
                         (unsigned long long)size);
}

static int unpack_snappy(struct bb_span packed, struct bb_buffer *out, struct bb_error *error) {
    size_t size;

    if (packed.size < CRC_BYTES)
        return damaged(error, "snappy");
    packed.size -= CRC_BYTES;
    if (snappy_uncompressed_length(packed.data, packed.size, &size) != SNAPPY_OK ||
        size / SNAPPY_MOST_PER_BYTE > packed.size)
        return damaged(error, "snappy");
    int failure = make_room(out, size, error);
    if (failure)
        return failure;
    if (snappy_uncompress(packed.data, packed.size, out->data, &size) != SNAPPY_OK)
        return damaged(error, "snappy");
    out->size = size;
    const unsigned char *told = (const unsigned char *)packed.data + packed.size;
    uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), (const Bytef *)out->data, (uInt)size);
    return crc == ((uint32_t)told[0] << 24 | (uint32_t)told[1] << 16 | (uint32_t)told[2] << 8 |
                   told[3])
               ? 0
               : damaged(error, "snappy");
}

/* Frames need not say how large they are: then in pieces. */
static int unpack_zstd_pieces(ZSTD_DStream *stream, struct bb_span packed, struct bb_buffer *out,
                              struct bb_error *error) {
    ZSTD_inBuffer in = {packed.data, packed.size, 0};
    size_t status = 1;

    while (status != 0 || in.pos < in.size) {
        if (!bb_buffer_reserve(out, FIRST_BYTES + PAD_BYTES))
            return too_large(error);
        ZSTD_outBuffer piece = {out->data + out->size, out->capacity - out->size - PAD_BYTES, 0};
        size_t before = in.pos;
        status = ZSTD_decompressStream(stream, &piece, &in);
        if (ZSTD_isError(status) || (in.pos == before && piece.pos == 0))
            return damaged(error, "zstandard");
        out->size += piece.pos;
    }
    return 0;
}

static int unpack_zstd(struct bb_span packed, struct bb_buffer *out, struct bb_error *error) {
    ZSTD_DStream *stream = ZSTD_createDStream();
    int failure = 0;

    if (!stream || ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)))
        failure = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack zstandard");
    else
        failure = unpack_zstd_pieces(stream, packed, out, error);
    ZSTD_freeDStream(stream);
    return failure;
}

static const struct bb_avro_unpacker unpackers[] = {
    {"null", unpack_null},
    {"deflate", unpack_deflate},
    {"snappy", unpack_snappy},
    {"zstandard", unpack_zstd},
};

const struct bb_avro_unpacker *bb_avro_unpacker_find(struct bb_span name) {
    for (size_t i = 0; i < sizeof unpackers / sizeof *unpackers; i++)
        if (bb_span_equal(name, bb_span_of(unpackers[i].name)))
            return &unpackers[i];
    return NULL;
}
