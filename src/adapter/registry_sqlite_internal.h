/* The registry in SQLite, from the inside: the handle and how its files talk SQL.
 *
 *   registry_sqlite.c          open, close, errors, statements, lookups, the table of operations
 *   registry_sqlite_schema.c   tables, views, versions
 *   registry_sqlite_project.c  outbox records into rows
 *   registry_sqlite_list.c     rows to visitors
 *   registry_sqlite_key.c      API keys
 *   registry_sqlite_audit.c    the audit log
 *   registry_sqlite_rewrite.c  texts erased
 *   registry_sqlite_copy.c     a copy for backups
 *
 * A handle belongs to one thread at a time. Other handles, in this process or another, read beside a
 * writer (WAL) and wait for each other to write.
 */
#ifndef BB_ADAPTER_REGISTRY_SQLITE_INTERNAL_H
#define BB_ADAPTER_REGISTRY_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "adapter/embedded.h"

/* Statements that are asked again and again; prepared at their first use, kept until close. */
enum registry_statement {
    REGISTRY_BEGIN,
    REGISTRY_COMMIT,
    REGISTRY_ROLLBACK,
    REGISTRY_POSITION_GET,
    REGISTRY_POSITION_PUT,
    REGISTRY_LETTER_PUT,
    REGISTRY_BOOKMARK_GET,
    REGISTRY_BOOKMARK_MOVE,
    REGISTRY_MASTER_GET,
    REGISTRY_MASTER_PUT,
    REGISTRY_MASTER_IS_CURRENT,
    REGISTRY_TENANT_ENSURE,
    REGISTRY_TENANT_PUT,
    REGISTRY_USAGE_POINT_ENSURE,
    REGISTRY_USAGE_POINT_PUT,
    REGISTRY_TAGS_CLEAR,
    REGISTRY_TAG_PUT,
    REGISTRY_INSTALLATIONS_CLEAR,
    REGISTRY_INSTALLATION_PUT,
    REGISTRY_CHANNEL_PUT,
    REGISTRY_EXCEPTION_GET,
    REGISTRY_EXCEPTION_ADD,
    REGISTRY_EXCEPTION_OPEN,
    REGISTRY_EXCEPTION_CLOSE,
    REGISTRY_EXCEPTION_HISTORY_ADD,
    REGISTRY_KEY_PUT,
    REGISTRY_CHANGES,
    REGISTRY_AUDIT_PUT,
    REGISTRY_STATEMENTS
};

enum registry_kept { REGISTRY_CHANNELS_OF_ONE, REGISTRY_ONE_USAGE_POINT, REGISTRY_KEPT };

struct registry_sqlite {
    struct bb_registry base;
    sqlite3 *db;
    sqlite3_stmt *statements[REGISTRY_STATEMENTS];
    sqlite3_stmt *kept[REGISTRY_KEPT]; /* lists that are asked for often; NULL until then */
    struct bb_arena scratch;           /* of one projected record */
    char path[];
};

static inline struct registry_sqlite *registry_sqlite_of(struct bb_registry *registry) {
    return (struct registry_sqlite *)registry;
}

/* A statement on its way: parameters are bound in order, then it is stepped or run. The first thing
 * that goes wrong stays in `result` (a code of SQLite's) and makes the rest a no-op. */
struct registry_sql {
    struct registry_sqlite *registry;
    sqlite3_stmt *statement;
    int parameter; /* bound so far */
    int result;
};
struct registry_sql bb_registry_sql(struct registry_sqlite *registry,
                                    enum registry_statement which);
/* A statement that is made when needed, for a list; whoever ends it finalizes it. */
struct registry_sql bb_registry_sql_prepare(struct bb_registry *base, const char *text);
/* Texts and bytes are borrowed until the statement is run or ended. */
void bb_registry_sql_text(struct registry_sql *sql, struct bb_span text);
void bb_registry_sql_bytes(struct registry_sql *sql, struct bb_span bytes);
void bb_registry_sql_integer(struct registry_sql *sql, int64_t value);
void bb_registry_sql_null(struct registry_sql *sql);
/* A time, NULL for BB_TIME_NONE. */
void bb_registry_sql_time(struct registry_sql *sql, int64_t ms);
/* True while there is a row; read it with bb_registry_row_.... */
bool bb_registry_sql_step(struct registry_sql *sql);
/* Free for its next use; 0, or the error with what it was `doing`. */
int bb_registry_sql_end(struct registry_sql *sql, const char *doing, struct bb_error *error)
    BB_MUST_USE;
/* Step to the end, then end. */
int bb_registry_sql_run(struct registry_sql *sql, const char *doing, struct bb_error *error)
    BB_MUST_USE;

struct bb_span bb_registry_row_text(const struct registry_sql *sql, int column);
struct bb_span bb_registry_row_bytes(const struct registry_sql *sql, int column);
int64_t bb_registry_row_integer(const struct registry_sql *sql, int column);
int64_t bb_registry_row_time(const struct registry_sql *sql, int column);

/* What SQLite said, as a bb_error: the code people can look up, the path, SQLite's own words. */
int bb_registry_sqlite_fail(struct registry_sqlite *registry, int result, const char *doing,
                            struct bb_error *error) BB_MUST_USE;
/* Statements without parameters or rows, separated by ';'. */
int bb_registry_sqlite_execute(struct registry_sqlite *registry, const char *statements,
                               const char *doing, struct bb_error *error) BB_MUST_USE;

/* Make or check the schema. */
int bb_registry_sqlite_schema_open(struct registry_sqlite *registry, bool read_only,
                                   struct bb_error *error) BB_MUST_USE;

int bb_registry_sqlite_project(struct bb_registry *registry, uint32_t partition, uint64_t from,
                               const struct bb_outbox_record *records, size_t count,
                               struct bb_error *error) BB_MUST_USE;

/* The columns that an entry has besides its versions, when this one is current. Inside a transaction. */
int bb_registry_sqlite_put_if_current(struct registry_sqlite *registry,
                                      const struct bb_master *master, int64_t recorded_ms,
                                      struct bb_span body, struct bb_error *error) BB_MUST_USE;

int bb_registry_sqlite_master_list(struct bb_registry *registry, struct bb_span tenant,
                                   int64_t as_of_ms, bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_kind_list(struct bb_registry *registry, struct bb_span tenant,
                                 enum bb_master_kind kind, int64_t as_of_ms,
                                 bb_registry_master_visit *visit, void *context,
                                 struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_version_list(struct bb_registry *registry, struct bb_span tenant,
                                    bb_registry_master_visit *visit, void *context,
                                    struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_usage_point_list(struct bb_registry *registry, struct bb_span tenant,
                                        struct bb_span usage_point,
                                        bb_registry_usage_point_visit *visit, void *context,
                                        struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_usage_point_search(struct bb_registry *registry, struct bb_span tenant,
                                          const struct bb_span *words, size_t word_count,
                                          struct bb_span after, int64_t as_of_ms,
                                          bb_registry_search_visit *visit, void *context,
                                          struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_channel_list(struct bb_registry *registry, struct bb_span tenant,
                                    struct bb_span usage_point, bb_registry_channel_visit *visit,
                                    void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_exception_list(struct bb_registry *registry, struct bb_span tenant,
                                      bool open_only, int64_t as_of_ms,
                                      bb_registry_exception_visit *visit, void *context,
                                      struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_letter_list(struct bb_registry *registry, struct bb_span tenant,
                                   bb_registry_letter_visit *visit, void *context,
                                   struct bb_error *error);
int bb_registry_sqlite_tenant_list(struct bb_registry *registry,
                                   int (*visit)(void *context, struct bb_span name,
                                                struct bb_span zone),
                                   void *context, struct bb_error *error) BB_MUST_USE;

int bb_registry_sqlite_key_put(struct bb_registry *registry, const struct bb_registry_key *key,
                               struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_key_list(struct bb_registry *registry, bb_registry_key_visit *visit,
                                void *context, struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_audit_put(struct bb_registry *registry, const struct bb_registry_audit *row,
                                 const struct bb_registry_key *key, struct bb_error *error)
    BB_MUST_USE;
int bb_registry_sqlite_audit_walk(struct bb_registry *registry, uint64_t after,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_audit_last(struct bb_registry *registry, struct bb_arena *arena,
                                  struct bb_registry_audit *out, struct bb_error *error)
    BB_MUST_USE;
int bb_registry_sqlite_audit_list(struct bb_registry *registry,
                                  const struct bb_registry_audit_question *question,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) BB_MUST_USE;
/* A registry of an older busbar that nobody has written to since lacks later tables. */
int bb_registry_sqlite_has_table(struct registry_sqlite *registry, const char *name, bool *has,
                                 struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_changes(struct bb_registry *registry, uint64_t *number,
                               struct bb_error *error) BB_MUST_USE;
int bb_registry_sqlite_copy(struct bb_registry *registry, const char *path, struct bb_error *error)
    BB_MUST_USE;

#endif
