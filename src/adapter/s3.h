/* Objects in S3, or in a service that speaks as it does: put and removed whole. One thread. */
#ifndef BB_ADAPTER_S3_H
#define BB_ADAPTER_S3_H

#include "adapter/aws.h"
#include "adapter/retry.h"

struct bb_s3_options {
    const char *bucket;
    const char
        *endpoint; /* https://host[:port]: the bucket is the first part of the path. NULL: AWS's */
    struct bb_aws_options aws;
    struct bb_sink_patience patience;
};
struct bb_s3;
int bb_s3_open(const struct bb_s3_options *options, const char *label, struct bb_s3 **out,
               struct bb_error *error) BB_MUST_USE;
void bb_s3_close(struct bb_s3 *s3);
/* Keys are of letters, digits, '-', '_', '.' and '/'. Tried again while that may help. */
int bb_s3_put(struct bb_s3 *s3, const char *key, const char *type, struct bb_span body,
              struct bb_error *error) BB_MUST_USE;
int bb_s3_remove(struct bb_s3 *s3, const char *key, struct bb_error *error) BB_MUST_USE;

#endif
