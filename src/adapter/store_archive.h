/* A store of which old blocks lie in archived files: what is read is the same as if they were in it still.
 *
 *   block_get ─► the store itself ─► found: that is it. A tombstone: absent
 *                      │ absent
 *                      ▼
 *            what the same view remembers of archived files ─► index ─► frame ─► block
 *                                                              (bounded cache)
 *
 * What is written is written to the store: a block that changes is thereby brought back, and what the store itself has
 * wins over a file. Where a file may hold a block that is deleted, a tombstone stands for it. Both are put into a new
 * file by the next order (service/archive_run.h), which is who takes blocks out, by a commit of the inner store.
 *
 * Blocks from files are copied and live until the view ends, as the port promises: a view over very many of them takes
 * as much memory, at most 1 GiB.
 */
#ifndef BB_ADAPTER_STORE_ARCHIVE_H
#define BB_ADAPTER_STORE_ARCHIVE_H

#include "port/blob.h"
#include "port/store.h"

/* Owns neither. `blob` NULL: there is no archive; that something was archived is then an error where it is asked for. */
int bb_store_archive_wrap(struct bb_store *inner, struct bb_blob *blob, size_t cache_bytes,
                          struct bb_store **out, struct bb_error *error) BB_MUST_USE;

#endif
