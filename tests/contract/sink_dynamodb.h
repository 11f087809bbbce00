/* A table of the test's own. */
#ifndef BB_TESTS_CONTRACT_SINK_DYNAMODB_H
#define BB_TESTS_CONTRACT_SINK_DYNAMODB_H

#include <jansson.h>

#include "contract/sink_fixture.h"

struct dynamodb_side {
    char direct[64], endpoint[64], table[32];
    int64_t expire_after_s;
};
/* One answer, for the caller to json_decref. */
json_t *dynamodb_ask(const struct dynamodb_side *side, const char *operation, const char *body);
/* The text of an attribute, of whatever type; NULL: it has none. */
const char *dynamodb_text(const json_t *item, const char *name);

#endif
