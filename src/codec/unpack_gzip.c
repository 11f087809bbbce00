/* gzip by zlib. libarchive unpacks gzip too, but passes over the checksum and the length at its
 * end: a flipped bit came out as other readings. zlib checks both.
 *
 * A file may hold several gzip members one behind the other (logs that were appended to); their
 * contents are one stream. Zero bytes behind the last are tape padding; anything else is damage.
 */
#include "codec/container_internal.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_FIRST_BYTE = 0x1f };

struct gzip {
    z_stream stream;
    bool in_member;
    bool ended; /* no more packed bytes */
    unsigned char packed[BB_UNPACK_WINDOW_BYTES];
};

static int open_gzip(struct bb_layer *layer, struct bb_error *error) {
    struct gzip *gzip = calloc(1, sizeof *gzip);

    layer->state = gzip;
    if (!gzip || inflateInit2(&gzip->stream, GZIP_WINDOW_BITS) != Z_OK) {
        free(gzip);
        layer->state = NULL;
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack gzip");
    }
    gzip->in_member = true;
    return 0;
}

static void close_gzip(struct bb_layer *layer) {
    struct gzip *gzip = layer->state;

    if (!gzip)
        return;
    inflateEnd(&gzip->stream);
    free(gzip);
    layer->state = NULL;
}

static int next_gzip(struct bb_layer *layer, const char **member, struct bb_error *error) {
    (void)error;
    *member = NULL;
    if (layer->begun)
        return BB_CONTAINER_END;
    layer->begun = true;
    return BB_CONTAINER_MEMBER;
}

static int refill(struct bb_layer *layer, struct gzip *gzip, struct bb_error *error) {
    size_t got = 0;

    if (gzip->stream.avail_in > 0 || gzip->ended)
        return 0;
    int status = bb_layer_read_packed(layer, gzip->packed, sizeof gzip->packed, &got, error);
    if (status < 0)
        return status;
    gzip->ended = got == 0;
    gzip->stream.next_in = gzip->packed;
    gzip->stream.avail_in = (uInt)got;
    return 0;
}

/* Between members: go to the next, or to the end. */
static int find_member(struct gzip *gzip, struct bb_error *error) {
    z_stream *stream = &gzip->stream;

    for (; stream->avail_in > 0 && *stream->next_in == 0; stream->avail_in--)
        stream->next_in++;
    if (stream->avail_in == 0)
        return 0;
    if (*stream->next_in != GZIP_FIRST_BYTE)
        return BB_FAIL(error, BB_E_CONTAINER, "bytes that are no gzip follow the end of its data");
    inflateReset(stream);
    gzip->in_member = true;
    return 0;
}

static int inflate_some(struct gzip *gzip, struct bb_error *error) {
    z_stream *stream = &gzip->stream;
    uInt before_in = stream->avail_in, before_out = stream->avail_out;
    int status = inflate(stream, Z_NO_FLUSH);

    if (status == Z_STREAM_END) {
        gzip->in_member = false;
        return 0;
    }
    if (status == Z_MEM_ERROR)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to unpack gzip");
    if (status != Z_OK && status != Z_BUF_ERROR)
        return BB_FAIL(error, BB_E_CONTAINER, "the gzip data is damaged (%s)",
                       stream->msg ? stream->msg : "not to be unpacked");
    if (gzip->ended && before_in == 0 && stream->avail_out == before_out)
        return BB_FAIL(error, BB_E_CONTAINER, "the gzip data ends too early");
    return 0;
}

static int read_gzip(struct bb_layer *layer, void *data, size_t capacity, size_t *got,
                     struct bb_error *error) {
    struct gzip *gzip = layer->state;
    uInt room = capacity < UINT32_MAX / 2 ? (uInt)capacity : UINT32_MAX / 2;

    gzip->stream.next_out = data;
    gzip->stream.avail_out = room;
    while (gzip->stream.avail_out == room) {
        int status = refill(layer, gzip, error);
        if (status == 0)
            status = gzip->in_member ? inflate_some(gzip, error) : find_member(gzip, error);
        if (status < 0)
            return status;
        if (gzip->ended && gzip->stream.avail_in == 0 && !gzip->in_member)
            break;
    }
    *got = room - gzip->stream.avail_out;
    return 0;
}

const struct bb_unpacker bb_unpacker_gzip = {
    .name = "gzip",
    .packs = true,
    .open = open_gzip,
    .next = next_gzip,
    .read = read_gzip,
    .close = close_gzip,
};
