/* Containers, inside: layers of unpackers.
 *
 *   file ─► layer 0: plain | gzip | zstd | zip ─► member ─► layer 1: gzip | zstd | zip ─► member
 *
 * A layer reads packed bytes from the one below it and offers members, one after another. A layer
 * over a plain file passes bytes through and copies nothing.
 */
#ifndef BB_CODEC_CONTAINER_INTERNAL_H
#define BB_CODEC_CONTAINER_INTERNAL_H

#include "codec/container.h"

enum {
    BB_UNPACK_LAYERS = 2,
    BB_UNPACK_MAGIC = 6, /* bytes that tell what a layer is */
    BB_UNPACK_WINDOW_BYTES = 256 << 10,
    BB_MEMBER_NAME_MAX = 1024
};

struct bb_layer;

/* A way of packing. `next` gives the next member (BB_CONTAINER_MEMBER with its name, NULL when it
 * has none; or BB_CONTAINER_END); `read` reads from that member as bb_input does. Errors do not
 * name the input: the container does. */
struct bb_unpacker {
    const char *name;
    bool packs; /* what comes out is bounded by what goes in */
    int (*open)(struct bb_layer *layer, struct bb_error *error);
    int (*next)(struct bb_layer *layer, const char **member, struct bb_error *error);
    int (*read)(struct bb_layer *layer, void *data, size_t capacity, size_t *got,
                struct bb_error *error);
    void (*close)(struct bb_layer *layer);
};

struct bb_layer {
    const struct bb_unpacker *unpacker;
    struct bb_input below;       /* packed bytes */
    int seekable_fd;             /* the same bytes as a file that may be sought, or -1 */
    char magic[BB_UNPACK_MAGIC]; /* read ahead from below */
    size_t magic_size, magic_used;
    bool begun;  /* the one member of a plain, gzip or zstd layer was given */
    void *state; /* the unpacker's own */
};

struct bb_unpack_limits {
    uint64_t bytes;       /* that may come out of all members together */
    uint64_t ratio;       /* times the packed size ... */
    uint64_t ratio_bytes; /* ... once more than this came out */
};

struct bb_container {
    char *name;
    int fd; /* -1: the bytes come from `input` */
    bool owns_fd;
    struct bb_input input;
    uint64_t size, consumed;
    struct bb_layer layers[BB_UNPACK_LAYERS];
    uint64_t unpacked[BB_UNPACK_LAYERS]; /* over all members, and for layer 1 all its openings */
    int depth;                           /* layers that are open */
    uint64_t members;                    /* given out so far */
    bool ended;                          /* there are no more */
    char member_name[BB_UNPACK_LAYERS][BB_MEMBER_NAME_MAX]; /* "a.zip/b.zip", "a.zip/b.zip/c" */
    struct bb_unpack_limits limits;
};

/* Packed bytes of a layer, those read ahead first. */
int bb_layer_read_packed(struct bb_layer *layer, void *data, size_t capacity, size_t *got,
                         struct bb_error *error) BB_MUST_USE;

extern const struct bb_unpacker bb_unpacker_gzip; /* unpack_gzip.c */
extern const struct bb_unpacker bb_unpacker_zstd; /* unpack_archive.c */
extern const struct bb_unpacker bb_unpacker_zip;

#endif
