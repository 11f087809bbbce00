/* Master data as JSON objects, with the names of registry files. */
#ifndef BB_ANSWER_MASTER_JSON_H
#define BB_ANSWER_MASTER_JSON_H

#include "base/json_write.h"
#include "model/master.h"

/* "usage_point", "tenant" or "calendar" */
const char *bb_master_kind_name(const struct bb_master *master);
/* The members of an object of its tags, which the caller begins and ends. */
void bb_master_put_tags(struct bb_json *json, const struct bb_master_usage_point *up);
void bb_master_put_json(struct bb_json *json, const struct bb_master *master);

#endif
