/* What every adapter of the port "blob" asks of a name, and says of a range. */
#ifndef BB_ADAPTER_BLOB_SHARED_INTERNAL_H
#define BB_ADAPTER_BLOB_SHARED_INTERNAL_H

#include "port/blob.h"

/* -BB_E_BLOB_NAME when the port does not allow it. */
int bb_blob_name_check(const char *name, struct bb_error *error) BB_MUST_USE;
/* -BB_E_BLOB_SHORT when [offset, offset + size) is not inside an object of `whole` bytes. */
int bb_blob_range_check(const struct bb_blob *blob, const char *name, uint64_t whole,
                        uint64_t offset, size_t size, struct bb_error *error) BB_MUST_USE;

#endif
