/* A schema of the test's own in place of a warehouse. */
#ifndef BB_TESTS_CONTRACT_SINK_REDSHIFT_H
#define BB_TESTS_CONTRACT_SINK_REDSHIFT_H

#include <libpq-fe.h>

#include "contract/sink_fixture.h"

struct warehouse_side {
    PGconn *direct; /* not through the proxy */
    char conninfo[320], schema[32];
    uint32_t batch_rows;
    bool by_insert;
};
/* Rows of a query in the schema. */
PGresult *warehouse_ask(const struct warehouse_side *side, const char *sql);

#endif
