/* The registry in PostgreSQL, from the inside: the handle and how its files talk SQL.
 *
 *   registry_postgres.c          open, close, lookups, the table of operations
 *   registry_postgres_statements.c  what is asked again and again
 *   registry_postgres_schema.c   tables, views, versions
 *   registry_postgres_columns.c  texts and columns as parameters, rows of results
 *   registry_postgres_project.c  outbox records into rows: one transaction, two round trips
 *   registry_postgres_put.c      what a projection puts: whole columns
 *   registry_postgres_list.c     rows to visitors
 *   registry_postgres_rows.c     the lists
 *   registry_postgres_search.c   usage points by words
 *   registry_postgres_audit.c    API keys and the audit log
 *
 * Two connections: `main` for whatever is over when its answer is there, `lists` for cursors, so that a visitor may ask
 * and change the same registry while a list runs.
 */
#ifndef BB_ADAPTER_REGISTRY_POSTGRES_INTERNAL_H
#define BB_ADAPTER_REGISTRY_POSTGRES_INTERNAL_H

#include "adapter/postgres_binary.h"
#include "adapter/registry_fold_internal.h"
#include "adapter/registry_postgres.h"

/* Compiling a plan takes longer than any of these runs. */
enum registry_statement {
    REGISTRY_BEGIN,
    REGISTRY_COMMIT,
    REGISTRY_POSITION_GET,
    REGISTRY_POSITION_MOVE,
    REGISTRY_LETTER_PUT,
    REGISTRY_BOOKMARK_GET,
    REGISTRY_BOOKMARK_MOVE,
    REGISTRY_MASTER_GET,
    REGISTRY_TENANTS_ENSURE,
    REGISTRY_TENANTS_LOCK,
    REGISTRY_USAGE_POINTS_ENSURE,
    REGISTRY_VERSIONS_PUT,
    REGISTRY_EXCEPTIONS_KNOWN,
    REGISTRY_TENANTS_PUT,
    REGISTRY_USAGE_POINTS_PUT,
    REGISTRY_TAGS_CLEAR,
    REGISTRY_TAGS_PUT,
    REGISTRY_INSTALLATIONS_CLEAR,
    REGISTRY_INSTALLATIONS_PUT,
    REGISTRY_CHANNELS_PUT,
    REGISTRY_EXCEPTIONS_ADD,
    REGISTRY_EXCEPTIONS_CHANGE,
    REGISTRY_HISTORY_ADD,
    REGISTRY_ONE_USAGE_POINT,
    REGISTRY_CHANNELS_OF_ONE,
    REGISTRY_KEY_PUT,
    REGISTRY_CHANGED,
    REGISTRY_CHANGES,
    REGISTRY_AUDIT_PUT,
    REGISTRY_AUDIT_GET,
    REGISTRY_AUDIT_LAST,
    REGISTRY_STATEMENTS
};
/* Of usage_point u and its channels c. */
#define BB_REGISTRY_USAGE_POINT_COLUMNS                                                            \
    "u.tenant, u.name, coalesce(nullif(u.zone, ''), min(c.zone), ''), u.calendar, u.customer, "    \
    "coalesce(nullif(u.commodity, 0), max(c.commodity), 0), count(c.name)"
extern const struct bb_postgres_statement bb_registry_statements[REGISTRY_STATEMENTS];

/* Parameters on their way, one value or one column each. What goes wrong stays and shows when they are used. */
enum { REGISTRY_COLUMNS_MAX = 14 };
struct registry_columns {
    struct bb_buffer columns[REGISTRY_COLUMNS_MAX];
    struct bb_postgres_parameters parameters;
    struct bb_arena texts; /* those that had to be written another way */
    bool full;             /* there is no memory */
};

struct registry_postgres {
    struct bb_registry base;
    struct bb_postgres *main;
    struct bb_postgres *lists; /* NULL: nothing long was listed yet */
    unsigned held;             /* whoever wants the state that lists see to stay */
    unsigned cursor_number;    /* of the last one */
    unsigned losses;           /* statements on `main` that lost the connection */
    bool read_only;
    struct registry_columns columns; /* of the statement at hand on `main` */
    struct bb_arena batch, scratch;  /* of one projection, of one record */
    char *conninfo, *schema;
};

static inline struct registry_postgres *registry_postgres_of(struct bb_registry *registry) {
    return (struct registry_postgres *)registry;
}

/* ---- registry_postgres_columns.c */

void bb_registry_columns_init(struct registry_columns *c);
void bb_registry_columns_release(struct registry_columns *c);
/* Single values: begin, then one after the other. */
struct registry_columns *bb_registry_columns_values(struct registry_columns *c);
void bb_registry_value_text(struct registry_columns *c, struct bb_span text);
void bb_registry_value_time(struct registry_columns *c, int64_t ms);
/* Whole columns: `types` has a letter for each, t text, b bytea, s smallint, i integer, l bigint; cells are appended row by row, `count` in each column. */
void bb_registry_columns_begin(struct registry_columns *c, const char *types, size_t count);
void bb_registry_cell_text(struct registry_columns *c, int column, struct bb_span text);
void bb_registry_cell_bytes(struct registry_columns *c, int column, struct bb_span bytes);
void bb_registry_cell_int16(struct registry_columns *c, int column, int64_t value);
void bb_registry_cell_int32(struct registry_columns *c, int column, int64_t value);
void bb_registry_cell_int64(struct registry_columns *c, int column, int64_t value);
void bb_registry_cell_null(struct registry_columns *c, int column);
/* Are they whole? Then they may be given to a statement. */
int bb_registry_columns_end(struct registry_columns *c, int columns, struct bb_error *error)
    BB_MUST_USE;

/* A row of a result. Spans live until the arena is reset or the result cleared. */
struct registry_row {
    const PGresult *result;
    int row;
    struct bb_arena *texts;
    bool *full; /* set when there is no memory for a text */
};
struct bb_span bb_registry_result_text(const struct registry_row *row, int column);
struct bb_span bb_registry_result_bytes(const struct registry_row *row, int column);
int64_t bb_registry_result_integer(const struct registry_row *row, int column);
int64_t bb_registry_result_time(const struct registry_row *row, int column);

/* ---- registry_postgres.c */

/* Run a statement on `main`, with what is in registry->columns (`with`: they were begun); a connection that turns out
 * to be gone is made anew once, so that only what may be done twice is run so. */
int bb_registry_postgres_run(struct registry_postgres *registry, enum registry_statement which,
                             bool with, PGresult **out, struct bb_error *error) BB_MUST_USE;
/* Of one that is open for reading. */
int bb_registry_postgres_refuse(const struct registry_postgres *registry, struct bb_error *error)
    BB_MUST_USE;
/* The connection was lost: the same may go well on another one. */
static inline bool registry_is_lost(int result) {
    return result == -BB_E_DATABASE_LOST;
}

/* ---- registry_postgres_schema.c */

int bb_registry_postgres_schema_open(struct registry_postgres *registry, struct bb_error *error)
    BB_MUST_USE;

/* ---- registry_postgres_project.c, registry_postgres_put.c */

int bb_registry_postgres_project(struct bb_registry *registry, uint32_t partition, uint64_t from,
                                 const struct bb_outbox_record *records, size_t count,
                                 struct bb_error *error) BB_MUST_USE;

/* A projection in a round trip at hand: each queues what there is of its kind. */
struct registry_projection {
    struct registry_postgres *registry;
    uint32_t partition;
    struct fold *fold;
    const struct bb_outbox_record *records;
    size_t record_count;
    bool has_collided; /* with another transaction: the same may go well now */
    struct bb_error *error;
};
int bb_registry_put_tenants(struct registry_projection *p) BB_MUST_USE;
int bb_registry_put_usage_points(struct registry_projection *p) BB_MUST_USE;
/* Versions first .. end - 1: as many as go into one statement. */
int bb_registry_put_versions(struct registry_projection *p, size_t first, size_t *end) BB_MUST_USE;
int bb_registry_ask_exceptions(struct registry_projection *p) BB_MUST_USE;
int bb_registry_put_current(struct registry_projection *p) BB_MUST_USE;
int bb_registry_put_channels(struct registry_projection *p) BB_MUST_USE;
int bb_registry_put_exceptions(struct registry_projection *p) BB_MUST_USE;

/* ---- registry_postgres_list.c */

typedef int registry_visit_row(const struct registry_row *row, void *list);
struct registry_question {
    const char *sql; /* SELECT with parameters */
    struct bb_postgres_parameters *parameters;
    int page_rows; /* asked for at once */
};
/* What is listed until it is let go is one state. Each hold, also one that failed, is let go once. */
int bb_registry_postgres_hold(struct registry_postgres *registry, struct bb_error *error)
    BB_MUST_USE;
void bb_registry_postgres_let_go(struct registry_postgres *registry);
/* Every row of a cursor to `visit`, which answers 0 to go on, 1 to stop, or a negative value that is passed up. */
int bb_registry_postgres_walk(struct registry_postgres *registry,
                              const struct registry_question *question, registry_visit_row *visit,
                              void *list, struct bb_error *error) BB_MUST_USE;

/* ---- the operations of port/registry.h */

int bb_registry_postgres_master_list(struct bb_registry *registry, struct bb_span tenant,
                                     int64_t as_of_ms, bb_registry_master_visit *visit,
                                     void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_kind_list(struct bb_registry *registry, struct bb_span tenant,
                                   enum bb_master_kind kind, int64_t as_of_ms,
                                   bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_version_list(struct bb_registry *registry, struct bb_span tenant,
                                      bb_registry_master_visit *visit, void *context,
                                      struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_usage_point_list(struct bb_registry *registry, struct bb_span tenant,
                                          struct bb_span usage_point,
                                          bb_registry_usage_point_visit *visit, void *context,
                                          struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_usage_point_search(struct bb_registry *registry, struct bb_span tenant,
                                            const struct bb_span *words, size_t word_count,
                                            struct bb_span after, int64_t as_of_ms,
                                            bb_registry_search_visit *visit, void *context,
                                            struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_channel_list(struct bb_registry *registry, struct bb_span tenant,
                                      struct bb_span usage_point, bb_registry_channel_visit *visit,
                                      void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_exception_list(struct bb_registry *registry, struct bb_span tenant,
                                        bool open_only, int64_t as_of_ms,
                                        bb_registry_exception_visit *visit, void *context,
                                        struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_letter_list(struct bb_registry *registry, struct bb_span tenant,
                                     bb_registry_letter_visit *visit, void *context,
                                     struct bb_error *error);
int bb_registry_postgres_tenant_list(struct bb_registry *registry,
                                     int (*visit)(void *context, struct bb_span name,
                                                  struct bb_span zone),
                                     void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_key_put(struct bb_registry *registry, const struct bb_registry_key *key,
                                 struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_key_list(struct bb_registry *registry, bb_registry_key_visit *visit,
                                  void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_audit_put(struct bb_registry *registry,
                                   const struct bb_registry_audit *row,
                                   const struct bb_registry_key *key, struct bb_error *error)
    BB_MUST_USE;
int bb_registry_postgres_audit_walk(struct bb_registry *registry, uint64_t after,
                                    bb_registry_audit_visit *visit, void *context,
                                    struct bb_error *error) BB_MUST_USE;
int bb_registry_postgres_audit_last(struct bb_registry *registry, struct bb_arena *arena,
                                    struct bb_registry_audit *out, struct bb_error *error)
    BB_MUST_USE;
int bb_registry_postgres_audit_list(struct bb_registry *registry,
                                    const struct bb_registry_audit_question *question,
                                    bb_registry_audit_visit *visit, void *context,
                                    struct bb_error *error) BB_MUST_USE;

#endif
