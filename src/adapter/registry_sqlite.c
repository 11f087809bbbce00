/* The registry in one SQLite file: open, errors, statements, lookups.
 *
 * Journal WAL, so that queries read while a worker projects; synchronous FULL, because the outbox of
 * a partition is trimmed once its records are here; one transaction per project call. The lookup of
 * decode is one walk down one tree. See registry_sqlite_internal.h for the other files.
 */
#include "adapter/registry_sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/store.h"

enum { BUSY_TIMEOUT_MS = 10000, SCRATCH_CHUNK_BYTES = 64 << 10, SCRATCH_LIMIT_BYTES = 64 << 20 };

static const char *const statement_text[REGISTRY_STATEMENTS] = {
    [REGISTRY_BEGIN] = "BEGIN IMMEDIATE",
    [REGISTRY_COMMIT] = "COMMIT",
    [REGISTRY_ROLLBACK] = "ROLLBACK",
    [REGISTRY_POSITION_GET] = "SELECT sequence FROM partition_position WHERE partition = ?1",
    [REGISTRY_POSITION_PUT] = "INSERT INTO partition_position VALUES (?1, ?2) "
                              "ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
    [REGISTRY_LETTER_PUT] = "INSERT OR IGNORE INTO dead_letter VALUES (?1, ?2, ?3, ?4, ?5)",
    [REGISTRY_BOOKMARK_GET] = "SELECT sequence FROM bookmark WHERE label = ?1 AND partition = ?2",
    [REGISTRY_BOOKMARK_MOVE] =
        "INSERT INTO bookmark SELECT ?1, ?2, ?4 "
        "WHERE ?3 = 0 OR EXISTS (SELECT 1 FROM bookmark WHERE label = ?1 AND partition = ?2) "
        "ON CONFLICT DO UPDATE SET sequence = excluded.sequence WHERE sequence = ?3",
    [REGISTRY_MASTER_GET] = "SELECT body FROM master_version "
                            "WHERE kind = ?1 AND tenant = ?2 AND name = ?3 "
                            "AND recorded_ms <= ?4 ORDER BY recorded_ms DESC LIMIT 1",
    [REGISTRY_MASTER_PUT] = "INSERT INTO master_version VALUES (?1, ?2, ?3, ?4, ?5) "
                            "ON CONFLICT DO UPDATE SET body = excluded.body "
                            "WHERE excluded.body > body",
    [REGISTRY_MASTER_IS_CURRENT] = "SELECT recorded_ms = ?4 AND body = ?5 FROM master_version "
                                   "WHERE kind = ?1 AND tenant = ?2 AND name = ?3 "
                                   "ORDER BY recorded_ms DESC LIMIT 1",
    [REGISTRY_TENANT_ENSURE] = "INSERT INTO tenant (name) VALUES (?1) ON CONFLICT DO NOTHING",
    [REGISTRY_TENANT_PUT] = "INSERT INTO tenant VALUES (?1, ?2) "
                            "ON CONFLICT DO UPDATE SET zone = excluded.zone",
    [REGISTRY_USAGE_POINT_ENSURE] = "INSERT INTO usage_point (tenant, name) VALUES (?1, ?2) "
                                    "ON CONFLICT DO NOTHING",
    [REGISTRY_USAGE_POINT_PUT] =
        "INSERT INTO usage_point "
        "(tenant, name, commodity, zone, calendar, customer, grid_area, tariff) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET "
        "commodity = excluded.commodity, zone = excluded.zone, calendar = excluded.calendar, "
        "customer = excluded.customer, grid_area = excluded.grid_area, tariff = excluded.tariff",
    [REGISTRY_TAGS_CLEAR] = "DELETE FROM tag WHERE tenant = ?1 AND usage_point = ?2",
    [REGISTRY_TAG_PUT] = "INSERT OR REPLACE INTO tag (tenant, usage_point, key, value) "
                         "VALUES (?1, ?2, ?3, ?4)",
    [REGISTRY_INSTALLATIONS_CLEAR] =
        "DELETE FROM installation WHERE tenant = ?1 AND usage_point = ?2",
    [REGISTRY_INSTALLATION_PUT] =
        "INSERT OR REPLACE INTO installation "
        "(tenant, usage_point, device, from_ms, to_ms, multiplier, dials, reason) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [REGISTRY_CHANNEL_PUT] =
        "INSERT INTO channel (tenant, usage_point, name, obis, zone, kind, commodity, unit, "
        "derived_unit, interval_s, one_way, day_start_s, partition, number) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
        "ON CONFLICT DO UPDATE SET obis = excluded.obis, zone = excluded.zone, "
        "kind = excluded.kind, commodity = excluded.commodity, unit = excluded.unit, "
        "derived_unit = excluded.derived_unit, interval_s = excluded.interval_s, "
        "one_way = excluded.one_way, day_start_s = excluded.day_start_s, "
        "partition = excluded.partition, number = excluded.number",
    [REGISTRY_EXCEPTION_GET] =
        "SELECT id, closed_ms IS NULL FROM exception WHERE tenant = ?1 AND usage_point = ?2 "
        "AND channel = ?3 AND from_ms = ?4 AND check_id = ?5",
    [REGISTRY_EXCEPTION_ADD] =
        "INSERT INTO exception (tenant, usage_point, channel, from_ms, check_id, to_ms, a, b, "
        "exponent, opened_ms, opened_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [REGISTRY_EXCEPTION_OPEN] = "UPDATE exception SET to_ms = ?2, a = ?3, b = ?4, exponent = ?5, "
                                "closed_ms = NULL, closed_by = '' WHERE id = ?1",
    [REGISTRY_EXCEPTION_CLOSE] =
        "UPDATE exception SET closed_ms = ?2, closed_by = ?3 WHERE id = ?1",
    [REGISTRY_EXCEPTION_HISTORY_ADD] =
        "INSERT INTO exception_history VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 "
        "FROM exception_history WHERE exception = ?1), ?2, ?3, ?4)",
    [REGISTRY_KEY_PUT] =
        "INSERT INTO api_key (tenant, id, label, role, hash, created_ms, expires_ms, revoked_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET label = excluded.label, "
        "expires_ms = excluded.expires_ms, revoked_ms = excluded.revoked_ms",
    [REGISTRY_CHANGES] = "PRAGMA data_version",
    [REGISTRY_AUDIT_PUT] =
        "INSERT INTO audit (sequence, about, at_ms, tenant, who, credential, origin, verb, subject, "
        "reason, request, outcome, code, salt, texts_hash, chain) SELECT ?1, ?2, ?3, ?4, ?5, ?6, "
        "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16 "
        "WHERE ?1 = (SELECT coalesce(max(sequence), 0) + 1 FROM audit)",
};

/* ---- errors ---------------------------------------------------------------------------------- */

/* SQLite's primary codes that have a code of ours; all else is REGISTRY_IO. */
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

int bb_registry_sqlite_fail(struct registry_sqlite *registry, int result, const char *doing,
                            struct bb_error *error) {
    int primary = result & 0xff;
    int system = sqlite3_system_errno(registry->db);

    if ((primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR) && system != 0)
        return BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, system, "%s failed in the registry %s", doing,
                             registry->path);
    for (size_t i = 0; i < sizeof known_results / sizeof *known_results; i++)
        if (known_results[i].result == primary) {
            int failed = BB_FAIL(error, known_results[i].code, "%s failed in the registry %s: %s",
                                 doing, registry->path, sqlite3_errstr(result));
            error->retriable = known_results[i].retriable;
            return failed;
        }
    return BB_FAIL(error, BB_E_REGISTRY_IO, "%s failed in the registry %s: %s", doing,
                   registry->path, sqlite3_errmsg(registry->db));
}

int bb_registry_sqlite_execute(struct registry_sqlite *registry, const char *statements,
                               const char *doing, struct bb_error *error) {
    if (sqlite3_exec(registry->db, statements, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return bb_registry_sqlite_fail(registry, sqlite3_extended_errcode(registry->db), doing, error);
}

/* ---- statements ------------------------------------------------------------------------------ */

struct registry_sql bb_registry_sql(struct registry_sqlite *registry,
                                    enum registry_statement which) {
    struct registry_sql sql = {.registry = registry};

    if (!registry->statements[which])
        sql.result = sqlite3_prepare_v3(registry->db, statement_text[which], -1,
                                        SQLITE_PREPARE_PERSISTENT, &registry->statements[which],
                                        NULL);
    sql.statement = registry->statements[which];
    return sql;
}

static void bound(struct registry_sql *sql, int result) {
    if (sql->result == SQLITE_OK)
        sql->result = result;
}

/* SQLite takes a NULL pointer for NULL, whatever its size. */
static const char *not_null(struct bb_span s) {
    return s.data ? s.data : "";
}

void bb_registry_sql_text(struct registry_sql *sql, struct bb_span text) {
    bound(sql, sqlite3_bind_text64(sql->statement, ++sql->parameter, not_null(text), text.size,
                                   SQLITE_STATIC, SQLITE_UTF8));
}

void bb_registry_sql_bytes(struct registry_sql *sql, struct bb_span bytes) {
    bound(sql, sqlite3_bind_blob64(sql->statement, ++sql->parameter, not_null(bytes), bytes.size,
                                   SQLITE_STATIC));
}

void bb_registry_sql_integer(struct registry_sql *sql, int64_t value) {
    bound(sql, sqlite3_bind_int64(sql->statement, ++sql->parameter, value));
}

void bb_registry_sql_null(struct registry_sql *sql) {
    bound(sql, sqlite3_bind_null(sql->statement, ++sql->parameter));
}

void bb_registry_sql_time(struct registry_sql *sql, int64_t ms) {
    if (ms == BB_TIME_NONE)
        bb_registry_sql_null(sql);
    else
        bb_registry_sql_integer(sql, ms);
}

bool bb_registry_sql_step(struct registry_sql *sql) {
    if (sql->result != SQLITE_OK && sql->result != SQLITE_ROW)
        return false;
    sql->result = sqlite3_step(sql->statement);
    return sql->result == SQLITE_ROW;
}

int bb_registry_sql_end(struct registry_sql *sql, const char *doing, struct bb_error *error) {
    int failed = 0;

    if (sql->result != SQLITE_OK && sql->result != SQLITE_ROW && sql->result != SQLITE_DONE)
        failed = bb_registry_sqlite_fail(sql->registry, sql->result, doing, error);
    if (sql->statement) {
        sqlite3_reset(sql->statement);
        sqlite3_clear_bindings(sql->statement);
    }
    return failed;
}

int bb_registry_sql_run(struct registry_sql *sql, const char *doing, struct bb_error *error) {
    while (bb_registry_sql_step(sql))
        ;
    return bb_registry_sql_end(sql, doing, error);
}

struct bb_span bb_registry_row_bytes(const struct registry_sql *sql, int column) {
    const char *data = sqlite3_column_blob(sql->statement, column);
    return (struct bb_span){data, (size_t)sqlite3_column_bytes(sql->statement, column)};
}

/* A text's bytes as they are; sqlite3_column_text would only add a NUL. */
struct bb_span bb_registry_row_text(const struct registry_sql *sql, int column) {
    return bb_registry_row_bytes(sql, column);
}

int64_t bb_registry_row_integer(const struct registry_sql *sql, int column) {
    return sqlite3_column_int64(sql->statement, column);
}

int64_t bb_registry_row_time(const struct registry_sql *sql, int column) {
    if (sqlite3_column_type(sql->statement, column) == SQLITE_NULL)
        return BB_TIME_NONE;
    return sqlite3_column_int64(sql->statement, column);
}

/* ---- lookups --------------------------------------------------------------------------------- */

static int position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                    struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry_sqlite_of(base), REGISTRY_POSITION_GET);

    bb_registry_sql_integer(&sql, partition);
    *sequence = bb_registry_sql_step(&sql) ? (uint64_t)bb_registry_row_integer(&sql, 0) : 0;
    return bb_registry_sql_end(&sql, "reading a position", error);
}

static int bookmark_get(struct bb_registry *base, struct bb_span label, uint32_t partition,
                        uint64_t *sequence, struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry_sqlite_of(base), REGISTRY_BOOKMARK_GET);

    bb_registry_sql_text(&sql, label);
    bb_registry_sql_integer(&sql, partition);
    *sequence = bb_registry_sql_step(&sql) ? (uint64_t)bb_registry_row_integer(&sql, 0) : 0;
    return bb_registry_sql_end(&sql, "reading a bookmark", error);
}

static int bookmark_move(struct bb_registry *base, struct bb_span label, uint32_t partition,
                         uint64_t from, uint64_t to, struct bb_error *error) {
    struct registry_sqlite *registry = registry_sqlite_of(base);
    struct registry_sql sql = bb_registry_sql(registry, REGISTRY_BOOKMARK_MOVE);

    bb_registry_sql_text(&sql, label);
    bb_registry_sql_integer(&sql, partition);
    bb_registry_sql_integer(&sql, (int64_t)from);
    bb_registry_sql_integer(&sql, (int64_t)to);
    int failed = bb_registry_sql_run(&sql, "moving a bookmark", error);
    return failed ? failed : sqlite3_changes(registry->db) == 0;
}

/* The version of an entry as of a moment; its texts live in the arena. */
static int master_get(struct bb_registry *base, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, int64_t as_of_ms, struct bb_arena *arena,
                      struct bb_master *out, struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry_sqlite_of(base), REGISTRY_MASTER_GET);
    struct bb_span body = {NULL, 0};

    bb_registry_sql_integer(&sql, kind);
    bb_registry_sql_text(&sql, tenant);
    bb_registry_sql_text(&sql, name);
    bb_registry_sql_integer(&sql, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    bool found = bb_registry_sql_step(&sql);
    if (found)
        body = bb_arena_copy(arena, bb_registry_row_bytes(&sql, 0));
    int failed = bb_registry_sql_end(&sql, "reading master data", error);
    if (failed || !found)
        return failed ? failed : BB_ABSENT;
    if (!body.data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "master data of '%.*s' does not fit the memory",
                       BB_SPAN_ARGS(name));
    return bb_master_decode(body, arena, out, error);
}

/* ---- open and close -------------------------------------------------------------------------- */

static void registry_close(struct bb_registry *base) {
    struct registry_sqlite *registry = registry_sqlite_of(base);

    if (!registry)
        return;
    for (int i = 0; i < REGISTRY_STATEMENTS; i++)
        sqlite3_finalize(registry->statements[i]);
    for (int i = 0; i < REGISTRY_KEPT; i++)
        sqlite3_finalize(registry->kept[i]);
    sqlite3_close(registry->db);
    bb_arena_release(&registry->scratch);
    free(registry);
}

static const struct bb_registry_ops operations = {
    .name = "sqlite",
    .close = registry_close,
    .position = position,
    .project = bb_registry_sqlite_project,
    .bookmark_get = bookmark_get,
    .bookmark_move = bookmark_move,
    .master_get = master_get,
    .master_list = bb_registry_sqlite_master_list,
    .kind_list = bb_registry_sqlite_kind_list,
    .version_list = bb_registry_sqlite_version_list,
    .usage_point_list = bb_registry_sqlite_usage_point_list,
    .usage_point_search = bb_registry_sqlite_usage_point_search,
    .channel_list = bb_registry_sqlite_channel_list,
    .exception_list = bb_registry_sqlite_exception_list,
    .letter_list = bb_registry_sqlite_letter_list,
    .tenant_list = bb_registry_sqlite_tenant_list,
    .key_put = bb_registry_sqlite_key_put,
    .key_list = bb_registry_sqlite_key_list,
    .audit_put = bb_registry_sqlite_audit_put,
    .audit_walk = bb_registry_sqlite_audit_walk,
    .audit_last = bb_registry_sqlite_audit_last,
    .audit_list = bb_registry_sqlite_audit_list,
    .changes = bb_registry_sqlite_changes,
    .copy = bb_registry_sqlite_copy,
};

/* Why a file cannot be opened, as far as rights go; 0: for another reason. SQLite tries more than one
 * way, so that its last errno may be about another one. Only asks: opening the file here and closing
 * it again would drop the locks of this process's other handles. */
static int missing_right(const char *path, bool read_only) {
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    char directory[4096] = ".";

    if (faccessat(AT_FDCWD, path, read_only ? R_OK : R_OK | W_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOENT || read_only || size >= sizeof directory)
        return errno;
    if (size > 0) {
        memcpy(directory, path, size);
        directory[size] = '\0';
    }
    return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static int open_failed(struct registry_sqlite *registry, bool read_only, struct bb_error *error) {
    int cause = missing_right(registry->path, read_only);

    if (cause)
        return BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, cause, "the registry %s cannot be opened",
                             registry->path);
    return bb_registry_sqlite_fail(registry, sqlite3_extended_errcode(registry->db), "opening",
                                   error);
}

/* The write-ahead log and its index stay when the last handle is closed (truncated): without them,
 * who may read the folder but not write to it could not open the database at all. */
static int configure(struct registry_sqlite *registry, bool read_only, struct bb_error *error) {
    int persist = 1;
    int failed = bb_registry_sqlite_execute(registry,
                                            "PRAGMA foreign_keys = ON;"
                                            "PRAGMA trusted_schema = OFF;"
                                            "PRAGMA synchronous = FULL;"
                                            "PRAGMA temp_store = MEMORY;"
                                            "PRAGMA cache_size = -32768;"            /* KiB */
                                            "PRAGMA wal_autocheckpoint = 4000;"      /* pages */
                                            "PRAGMA journal_size_limit = 67108864;", /* bytes */
                                            "opening", error);

    sqlite3_file_control(registry->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    if (!failed && !read_only)
        failed = bb_registry_sqlite_execute(registry, "PRAGMA journal_mode = WAL", "opening",
                                            error);
    return failed;
}

static int open_database(struct registry_sqlite *registry, bool read_only, struct bb_error *error) {
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int result = sqlite3_open_v2(registry->path, &registry->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (!registry->db)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the registry %s", registry->path);
    sqlite3_extended_result_codes(registry->db, 1);
    if (result != SQLITE_OK)
        return open_failed(registry, read_only, error);
    sqlite3_busy_timeout(registry->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(registry->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return configure(registry, read_only, error);
}

int bb_registry_sqlite_open(const char *path, bool read_only, struct bb_registry **out,
                            struct bb_error *error) {
    size_t size = strlen(path) + 1;
    struct registry_sqlite *registry = calloc(1, sizeof *registry + size);
    struct stat status;

    *out = NULL;
    if (!registry)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the registry %s", path);
    memcpy(registry->path, path, size);
    registry->base.ops = &operations;
    bb_arena_init(&registry->scratch, SCRATCH_CHUNK_BYTES, SCRATCH_LIMIT_BYTES);

    int failed = 0;
    if (read_only && stat(path, &status) != 0 && errno == ENOENT)
        failed = BB_FAIL(error, BB_E_DATA_MISSING, "there is no registry at %s", path);
    if (!failed)
        failed = open_database(registry, read_only, error);
    if (!failed)
        failed = bb_registry_sqlite_schema_open(registry, read_only, error);
    if (failed) {
        registry_close(&registry->base);
        return failed;
    }
    *out = &registry->base;
    return 0;
}
