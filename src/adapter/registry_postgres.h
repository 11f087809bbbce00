/* The registry in PostgreSQL: tables in a schema of a database that others keep alive.
 *
 * A handle has a connection for statements and, once something long is listed, a second one for lists. It belongs
 * to one thread at a time; other handles, here or on other machines, project beside it.
 */
#ifndef BB_ADAPTER_REGISTRY_POSTGRES_H
#define BB_ADAPTER_REGISTRY_POSTGRES_H

#include "port/registry.h"

enum { BB_REGISTRY_POSTGRES_FORMAT = 1 };

struct bb_registry_postgres_options {
    const char *conninfo; /* "host=... dbname=..." or postgresql://...; NULL: libpq's defaults */
    const char *schema;   /* NULL: "busbar"; made when it is not there */
    bool read_only;       /* queries: rights to read are enough, nothing is made */
};
int bb_registry_postgres_open(const struct bb_registry_postgres_options *options,
                              struct bb_registry **out, struct bb_error *error) BB_MUST_USE;

#endif
