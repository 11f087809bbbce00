/* Containers: the streams inside a file, whatever it is packed in (.gz, .zst, .zip, or nothing).
 *
 * A plain, gzip or zstd file holds one stream; a zip holds one per member, in its own order.
 * Unpacked bytes are bounded (64 GiB, 200 × the packed size), so that a bomb ends as
 * BB_E_UNPACKED_TOO_LARGE. A stream that ends too early is BB_E_CONTAINER. Nested containers
 * (a .csv.gz in a .zip) are opened one level deep.
 */
#ifndef BB_CODEC_CONTAINER_H
#define BB_CODEC_CONTAINER_H

#include "codec/codec.h"

struct bb_container;

/* `path` "-" is the standard input. Directories are refused. */
int bb_container_open(const char *path, struct bb_container **out, struct bb_error *error)
    BB_MUST_USE;
/* Over a stream of packed bytes the caller owns; `size_hint` 0 when unknown. */
int bb_container_open_input(struct bb_input packed, uint64_t size_hint, const char *name,
                            struct bb_container **out, struct bb_error *error) BB_MUST_USE;
void bb_container_close(struct bb_container *container);

enum bb_container_outcome { BB_CONTAINER_MEMBER = 0, BB_CONTAINER_END = 1 };
/* The next member: its stream (valid until the next call) and display name ("a.zip/day.csv").
 * Directories inside archives are passed over. */
int bb_container_next(struct bb_container *container, struct bb_input *stream, const char **name,
                      struct bb_error *error) BB_MUST_USE;

/* Packed bytes consumed so far, and the file's size (0 unknown): for progress bars. */
uint64_t bb_container_consumed(const struct bb_container *container);
uint64_t bb_container_size(const struct bb_container *container);

#endif
