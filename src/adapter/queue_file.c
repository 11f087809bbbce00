/* The SQLite file of queue and tasks: see queue_file_internal.h.
 *
 * People may open it with sqlite3: the view `list_task` says in words and UTC what `busbar tasks ls` says. The journal stays when
 * the last handle is closed, as the registry's does.
 */
#include "adapter/queue_file_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUSY_TIMEOUT_MS = 10000 };

static const char schema[] =
    "CREATE TABLE queue_item ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* in the order of putting */
    "  priority INTEGER NOT NULL,"
    "  body BLOB NOT NULL,"
    "  ready_ms INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  dead INTEGER NOT NULL DEFAULT 0,"
    "  lease INTEGER NOT NULL DEFAULT 0," /* counts up with each delivery: the holder names it */
    "  until_ms INTEGER) STRICT;"         /* end of the lease; NULL: not taken */
    "CREATE INDEX queue_item_order ON queue_item (dead, priority, id);"

    "CREATE TABLE task ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  kind TEXT NOT NULL, tenant TEXT NOT NULL, arguments TEXT NOT NULL, by TEXT NOT NULL,"
    "  priority INTEGER NOT NULL,"
    "  state INTEGER NOT NULL DEFAULT 0,"
    "  epoch INTEGER NOT NULL DEFAULT 0,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  cancel_wanted INTEGER NOT NULL DEFAULT 0,"
    "  worker TEXT NOT NULL DEFAULT '',"
    "  lease_ms INTEGER,"
    "  done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,"
    "  doing TEXT NOT NULL DEFAULT '',"
    "  checkpoint BLOB NOT NULL DEFAULT x'',"
    "  result TEXT NOT NULL DEFAULT '',"
    "  error_code INTEGER NOT NULL DEFAULT 0, error_text TEXT NOT NULL DEFAULT '',"
    "  created_ms INTEGER NOT NULL, started_ms INTEGER,"
    "  changed_ms INTEGER NOT NULL, finished_ms INTEGER,"
    "  touched_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX task_open ON task (touched_ms) WHERE state < 2;"
    "CREATE VIEW list_task AS SELECT id, kind, tenant,"
    "  CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'running' WHEN 2 THEN 'done' WHEN 3 THEN 'failed'"
    "    ELSE 'cancelled' END AS state,"
    "  done, total, doing, attempts, worker, arguments, result, error_code, error_text,"
    "  strftime('%Y-%m-%dT%H:%M:%SZ', created_ms / 1000, 'unixepoch') AS created,"
    "  strftime('%Y-%m-%dT%H:%M:%SZ', finished_ms / 1000, 'unixepoch') AS finished FROM task;"
    "PRAGMA user_version = 1;";
_Static_assert(BB_QUEUE_FILE_FORMAT == 1, "the schema above says which version it is");

/* ---- errors ---------------------------------------------------------------------------------- */

/* SQLite's primary codes that have a code of ours; all else is QUEUE_IO. */
static const struct {
    int result;
    enum bb_error_code code;
    bool retriable;
} known_results[] = {
    {SQLITE_FULL, BB_E_DISK_FULL, true},          {SQLITE_BUSY, BB_E_LOCKED, true},
    {SQLITE_LOCKED, BB_E_LOCKED, true},           {SQLITE_NOMEM, BB_E_NO_MEMORY, true},
    {SQLITE_READONLY, BB_E_NO_PERMISSION, false}, {SQLITE_PERM, BB_E_NO_PERMISSION, false},
    {SQLITE_AUTH, BB_E_NO_PERMISSION, false},     {SQLITE_NOTADB, BB_E_VERSION, false},
};

static int fail(struct queue_file *file, int result, const char *doing, struct bb_error *error) {
    int primary = result & 0xff;
    int system = sqlite3_system_errno(file->db);

    if ((primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR) && system != 0)
        return BB_FAIL_ERRNO(error, BB_E_QUEUE_IO, system, "%s failed in the queue %s", doing,
                             file->path);
    for (size_t i = 0; i < sizeof known_results / sizeof *known_results; i++)
        if (known_results[i].result == primary) {
            int failed = BB_FAIL(error, known_results[i].code, "%s failed in the queue %s: %s",
                                 doing, file->path, sqlite3_errstr(result));
            error->retriable = known_results[i].retriable;
            return failed;
        }
    return BB_FAIL(error, BB_E_QUEUE_IO, "%s failed in the queue %s: %s", doing, file->path,
                   sqlite3_errmsg(file->db));
}

static int execute(struct queue_file *file, const char *statements, const char *doing,
                   struct bb_error *error) {
    if (sqlite3_exec(file->db, statements, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return fail(file, sqlite3_extended_errcode(file->db), doing, error);
}

/* ---- statements ------------------------------------------------------------------------------ */

struct queue_sql bb_queue_sql(struct queue_file *file, unsigned which) {
    struct queue_sql sql = {.file = file};

    BB_ASSERT(which < QUEUE_FILE_STATEMENTS_MAX);
    if (!file->statements[which])
        sql.result = sqlite3_prepare_v3(file->db, file->texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                        &file->statements[which], NULL);
    sql.statement = file->statements[which];
    return sql;
}

static void bound(struct queue_sql *sql, int result) {
    if (sql->result == SQLITE_OK)
        sql->result = result;
}

/* SQLite takes a NULL pointer for NULL, whatever its size. */
static const char *not_null(struct bb_span s) {
    return s.data ? s.data : "";
}

void bb_queue_sql_text(struct queue_sql *sql, struct bb_span text) {
    bound(sql, sqlite3_bind_text64(sql->statement, ++sql->parameter, not_null(text), text.size,
                                   SQLITE_STATIC, SQLITE_UTF8));
}

void bb_queue_sql_bytes(struct queue_sql *sql, struct bb_span bytes) {
    bound(sql, sqlite3_bind_blob64(sql->statement, ++sql->parameter, not_null(bytes), bytes.size,
                                   SQLITE_STATIC));
}

void bb_queue_sql_integer(struct queue_sql *sql, int64_t value) {
    bound(sql, sqlite3_bind_int64(sql->statement, ++sql->parameter, value));
}

bool bb_queue_sql_step(struct queue_sql *sql) {
    if (sql->result != SQLITE_OK && sql->result != SQLITE_ROW)
        return false;
    sql->result = sqlite3_step(sql->statement);
    return sql->result == SQLITE_ROW;
}

int bb_queue_sql_end(struct queue_sql *sql, const char *doing, struct bb_error *error) {
    int failed = 0;

    if (sql->result != SQLITE_OK && sql->result != SQLITE_ROW && sql->result != SQLITE_DONE)
        failed = fail(sql->file, sql->result, doing, error);
    if (sql->statement) {
        sqlite3_reset(sql->statement);
        sqlite3_clear_bindings(sql->statement);
    }
    return failed;
}

int bb_queue_sql_run(struct queue_sql *sql, const char *doing, struct bb_error *error) {
    while (bb_queue_sql_step(sql))
        ;
    return bb_queue_sql_end(sql, doing, error);
}

struct bb_span bb_queue_row_bytes(const struct queue_sql *sql, int column) {
    const char *data = sqlite3_column_blob(sql->statement, column);
    return (struct bb_span){data, (size_t)sqlite3_column_bytes(sql->statement, column)};
}

int64_t bb_queue_row_integer(const struct queue_sql *sql, int column) {
    return sqlite3_column_int64(sql->statement, column);
}

int64_t bb_queue_row_time(const struct queue_sql *sql, int column) {
    if (sqlite3_column_type(sql->statement, column) == SQLITE_NULL)
        return BB_TIME_NONE;
    return sqlite3_column_int64(sql->statement, column);
}

/* ---- transactions ---------------------------------------------------------------------------- */

int bb_queue_file_begin(struct queue_file *file, struct bb_error *error) {
    return execute(file, "BEGIN IMMEDIATE", "beginning", error);
}

int bb_queue_file_end(struct queue_file *file, int result, struct bb_error *error) {
    int failed = result < 0 ? result : execute(file, "COMMIT", "committing", error);

    if (failed && !sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL,
                     NULL); /* the first failure is what is told */
    return failed ? failed : result;
}

/* ---- open and close -------------------------------------------------------------------------- */

static int version_of(struct queue_file *file, int64_t *version, struct bb_error *error) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(file->db, "PRAGMA user_version", -1, &statement, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    *version = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? 0 : fail(file, result, "opening", error);
}

/* Two processes may find it empty: the one that waits looks again. */
static int make_tables(struct queue_file *file, struct bb_error *error) {
    int64_t version;
    int result = version_of(file, &version, error);

    if (result || version == BB_QUEUE_FILE_FORMAT)
        return result;
    result = bb_queue_file_begin(file, error);
    if (result)
        return result;
    result = version_of(file, &version, error);
    if (!result && version == 0)
        result = execute(file, schema, "making the tables", error);
    else if (!result && version != BB_QUEUE_FILE_FORMAT)
        result = BB_FAIL_VERSION(error, file->path, version, BB_QUEUE_FILE_FORMAT);
    return bb_queue_file_end(file, result, error);
}

static int configure(struct queue_file *file, struct bb_error *error) {
    int persist = 1;

    sqlite3_extended_result_codes(file->db, 1);
    sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(file->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_file_control(file->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    int result = execute(file,
                         "PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL;"
                         "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;"
                         "PRAGMA journal_size_limit = 16777216; PRAGMA journal_mode = WAL;",
                         "opening", error);
    return result ? result : make_tables(file, error);
}

int bb_queue_file_open(struct queue_file *file, const char *path, const char *const *texts,
                       struct bb_error *error) {
    *file = (struct queue_file){.texts = texts, .bell = {.fd = -1}};
    if (snprintf(file->path, sizeof file->path, "%s", path) >= (int)sizeof file->path)
        return BB_FAIL(error, BB_E_QUEUE_IO, "the name of the queue %.80s... is too long", path);
    int result = sqlite3_open_v2(
        path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!file->db)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the queue %s", path);
    int failed = result == SQLITE_OK
                     ? configure(file, error)
                     : fail(file, sqlite3_extended_errcode(file->db), "opening", error);
    if (!failed)
        failed = bb_queue_bell_open(&file->bell, path, error);
    if (failed)
        bb_queue_file_close(file);
    return failed;
}

void bb_queue_file_close(struct queue_file *file) {
    for (size_t i = 0; i < QUEUE_FILE_STATEMENTS_MAX; i++)
        sqlite3_finalize(file->statements[i]);
    sqlite3_close(file->db);
    bb_queue_bell_close(&file->bell);
    file->db = NULL;
}
