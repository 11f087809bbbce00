/* The adapters of the port "blob": how to open them. Everything else goes through the port. */
#ifndef BB_ADAPTER_BLOBS_H
#define BB_ADAPTER_BLOBS_H

#include "adapter/fault.h"
#include "port/blob.h"

/* Files under `directory`, which is made with its first object. A file is written beside its place under a name
 * that begins with a dot, synced, renamed, and its folders are synced. What a crash leaves of those is swept by
 * the next put into the same folder, once it is a day old. */
int bb_blob_folder_open(const char *directory, struct bb_blob **out, struct bb_error *error)
    BB_MUST_USE;
/* A bucket of S3 or of what speaks it. Credentials as adapter/aws.h finds them. NULL wherever nothing is said. */
struct bb_blob_s3_options {
    const char *bucket;
    const char *prefix; /* what all names begin with, and a '/' */
    const char *region; /* NULL: the environment's */
    const char *
        endpoint; /* the bucket is a part of the path there; NULL: AWS, where it is a part of the host's name */
    const char *profile;
    const char *key_id, *secret; /* both or neither */
};
int bb_blob_s3_open(const struct bb_blob_s3_options *options, struct bb_blob **out,
                    struct bb_error *error) BB_MUST_USE;
/* Objects are put into the first and looked for in both; `second` stays as it is. Owns both once it is open. */
int bb_blob_layers_open(struct bb_blob *first, struct bb_blob *second, struct bb_blob **out,
                        struct bb_error *error) BB_MUST_USE;
int bb_blob_memory_open(struct bb_blob **out, struct bb_error *error) BB_MUST_USE;
/* Owns nothing. Puts count as one call, at their end. NULL without memory. */
struct bb_blob *bb_blob_fault_wrap(struct bb_blob *inner, struct bb_fault_plan *plan);

#endif
