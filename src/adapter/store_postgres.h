/* The store on PostgreSQL: the port "store" (port/store.h) in tables that people can read with SQL, too. docs/postgres.md
 * says what the server needs and what the tables hold. Any thread; calls of different threads have connections of
 * their own. */
#ifndef BB_ADAPTER_STORE_POSTGRES_H
#define BB_ADAPTER_STORE_POSTGRES_H

#include "port/store.h"

enum { BB_STORE_POSTGRES_FORMAT = 1 }; /* version of the tables */

struct bb_store_postgres_options {
    const char *conninfo; /* as libpq takes it: "host=... dbname=..." or postgresql://... */
    const char *schema;   /* default "busbar" */
    uint32_t partitions;  /* used at creation; default 8 */
    bool read_only;       /* queries: never creates, never claims */
    int takeover_ms;      /* a stopped holder of a partition is ended after this; default 5000 */
};

int bb_store_postgres_open(const struct bb_store_postgres_options *options, struct bb_store **out,
                           struct bb_error *error) BB_MUST_USE;

#endif
