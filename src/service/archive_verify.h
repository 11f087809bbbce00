/* Reading an archived file from front to back: every checksum, every frame, every block's seal, and whether it is the
 * file that the store remembers. */
#ifndef BB_SERVICE_ARCHIVE_VERIFY_H
#define BB_SERVICE_ARCHIVE_VERIFY_H

#include "codec/archive_place.h"
#include "port/blob.h"

/* -BB_E_ARCHIVE_MISSING, -BB_E_ARCHIVE_DAMAGED or -BB_E_BLOB_SHORT name the file. A frame in memory at a time. */
int bb_archive_verify(struct bb_blob *blob, const struct bb_archive_place *place,
                      struct bb_error *error) BB_MUST_USE;

/* Copy it, whole and verified, to the same name. -BB_E_ARCHIVE_NONE when `from` is NULL. */
int bb_archive_copy(struct bb_blob *from, const struct bb_archive_place *place, struct bb_blob *to,
                    struct bb_error *error) BB_MUST_USE;

#endif
