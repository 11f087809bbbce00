/* PostgreSQL behind the adapters' backs: any SQL, as text. */
#ifndef SUPPORT_POSTGRES_H
#define SUPPORT_POSTGRES_H

#include "base/buffer.h"

/* Statements in a schema (NULL: none in particular); their last rows are painted as lines of "a|b|c". Stops the test
 * when they fail. */
void postgres_paint(const char *conninfo, const char *schema, const char *sql,
                    struct bb_buffer *out);
void postgres_run(const char *conninfo, const char *schema, const char *sql);
/* The first value of the first row. */
long postgres_number(const char *conninfo, const char *schema, const char *sql);
void postgres_drop_schema(const char *conninfo, const char *schema);

#endif
