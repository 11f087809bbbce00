/* What a registry file changes, as members of an object: for `registry apply --json` and POST /v1/registry. */
#ifndef BB_ANSWER_REGISTRY_JSON_H
#define BB_ANSWER_REGISTRY_JSON_H

#include "base/json_write.h"
#include "service/registry_file.h"

/* added, changed, unchanged */
void bb_registry_put_counts(struct bb_json *json, const struct bb_registry_changes *changes);
/* One of those that are changes, as an object. */
void bb_registry_put_change(struct bb_json *json, const struct bb_registry_change *change);

#endif
