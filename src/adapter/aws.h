/* Credentials for AWS's services, and for those that sign as they do. They are looked for, in this order, in
 *
 *   the options                    key_id, secret
 *   the environment                AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   a file of profiles             AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials; AWS_PROFILE or "default"
 *   what a container is given      AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI (ECS, EKS Pod Identity)
 *   what a machine is given        IMDSv2 at 169.254.169.254, unless AWS_EC2_METADATA_DISABLED
 *
 * Those with an end are fetched anew some minutes before it. One thread.
 */
#ifndef BB_ADAPTER_AWS_H
#define BB_ADAPTER_AWS_H

#include "adapter/http_client.h"

struct bb_aws_options {          /* NULL wherever nothing is said; the opener's, outlives bb_aws */
    const char *region;          /* NULL: AWS_REGION, AWS_DEFAULT_REGION */
    const char *key_id, *secret; /* both or neither */
    const char *token;
    const char *profile;
    const char *metadata; /* instead of http://169.254.169.254, for tests */
};

struct bb_aws;
/* Nothing is looked up yet but the region. */
int bb_aws_open(const struct bb_aws_options *options, const char *label, struct bb_aws **out,
                struct bb_error *error) BB_MUST_USE;
void bb_aws_close(struct bb_aws *aws);
const char *bb_aws_region(const struct bb_aws *aws);
/* What a request to the service is signed with, valid until the next call. -BB_E_SINK_CREDENTIALS: there are none. */
int bb_aws_sign(struct bb_aws *aws, const char *service, struct bb_http_signing *out,
                struct bb_error *error) BB_MUST_USE;

/* The service says that they have ended (a clock that is off, a role that was taken away): they are looked for anew. */
void bb_aws_forget(struct bb_aws *aws);

/* The text of a member of a flat JSON document, as answers of AWS are: false when there is none, or it has escapes. */
bool bb_aws_json_text(struct bb_span json, const char *name, struct bb_span *out);

#endif
