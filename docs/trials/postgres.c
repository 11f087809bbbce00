/* Throw-away trial, kept as evidence for docs/ports.md: does PostgreSQL give what src/port/store.h
 * asks?
 *
 * A private server in a temporary folder, on a Unix socket in it, under an unprivileged user; ended
 * by its own pid. No part of the build, the tests or the product; run by hand:
 *   make -C docs/trials postgres
 *
 *   PASS / FAIL  a duty of port/store.h, tried here
 *   CARE         met, but at a price that an adapter has to know
 *
 * The statements are what counts. Values are written into the SQL text because that reads well; an
 * adapter sends them as binary parameters.
 */
#include <libpq-fe.h>

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/busbar-trial-XXXXXX";
static pid_t server;
static int failures;

static void tell(const char *verdict, const char *duty, const char *format, ...) {
    va_list list;
    printf("%s %-10s ", verdict, duty);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
    failures += strcmp(verdict, "FAIL") == 0;
}
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        bool well = (condition); /* before the arguments, which may ask again */                   \
        tell(well ? "PASS" : "FAIL", __VA_ARGS__);                                                 \
    } while (0)

/* ---- the server */

static int forget(const char *path, const struct stat *s, int type, struct FTW *at) {
    (void)s, (void)type, (void)at;
    return remove(path);
}

static void server_end(void) {
    if (server > 0) {
        kill(server, SIGINT); /* fast shutdown */
        waitpid(server, NULL, 0);
        server = 0;
    }
    nftw(folder, forget, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "postgres trial: %s: %s\n", what, why);
    server_end();
    exit(2);
}

/* Run a program of the server as its user; its output goes to folder/log. */
static pid_t start(const struct passwd *user, const char *const *arguments) {
    char path[512];
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (user && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGINT);
    snprintf(path, sizeof path, "%s/log", folder);
    if (chdir(folder) || !freopen(path, "a", stdout) || dup2(fileno(stdout), STDERR_FILENO) < 0)
        _exit(126);
    snprintf(path, sizeof path, "%s/%s", PG_BINDIR, arguments[0]);
    execv(path, (char *const *)arguments);
    _exit(127);
}

static PGconn *try_connect(void) {
    char text[256];
    snprintf(text, sizeof text, "host=%s port=5432 dbname=postgres user=busbar", folder);
    return PQconnectdb(text);
}

static void hush(void *context, const char *message) {
    (void)context, (void)message;
}

static PGconn *connect_to(void) {
    for (int i = 0; i < 300; i++) {
        PGconn *c = try_connect();
        if (PQstatus(c) == CONNECTION_OK) {
            PQsetNoticeProcessor(c, hush, NULL);
            return c;
        }
        PQfinish(c);
        usleep(100000);
    }
    die("server", "does not answer in 30 s");
    return NULL;
}

static void server_start(void) {
    const struct passwd *user = NULL;
    int status = 0;

    if (!mkdtemp(folder))
        die(folder, strerror(errno));
    if (geteuid() == 0) {
        user = getpwnam("postgres");
        if (!user || chown(folder, user->pw_uid, user->pw_gid))
            die("user postgres", "needed, because the server does not run as root");
    }
    const char *const create[] = {"initdb", "-D", "data", "-U",         "busbar", "-A",
                                  "trust",  "-E", "UTF8", "--locale=C", "-N",     NULL};
    const char *const serve[] = {"postgres",
                                 "-D",
                                 "data",
                                 "-k",
                                 folder,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 "shared_buffers=32MB",
                                 "-c",
                                 "max_connections=12",
                                 NULL};
    if (waitpid(start(user, create), &status, 0) < 0 || status != 0)
        die("initdb", "failed");
    server = start(user, serve);
}

/* ---- SQL */

static char sql[1 << 20];

static void compose(const char *format, va_list list) {
    if (vsnprintf(sql, sizeof sql, format, list) >= (int)sizeof sql)
        die("statement", "too long");
}

/* The SQLSTATE, "" when it went well. `value` gets the first column of the first row. */
static const char *ask(PGconn *c, char value[64], const char *format, ...) {
    static char state[8];
    va_list list;

    va_start(list, format);
    compose(format, list);
    va_end(list);
    PGresult *r = PQexec(c, sql);
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool well = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    snprintf(state, sizeof state, "%s", well ? "" : code ? code : "lost");
    if (value)
        snprintf(value, 64, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "none");
    PQclear(r);
    return state;
}

static void run(PGconn *c, const char *format, ...) {
    va_list list;
    va_start(list, format);
    compose(format, list);
    va_end(list);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        die("SQL", PQerrorMessage(c));
    PQclear(r);
}

static long number(PGconn *c, const char *query) {
    char value[64];
    const char *state = ask(c, value, "%s", query);
    return *state ? -1 : atol(value);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One row of `claim` per partition is the lock, the fence, the position and the outbox's counter.
 * Names are bytea, so that order and prefixes are those of bytes, whatever the collation. */
static const char schema[] =
    "CREATE TABLE claim (partition int PRIMARY KEY, log_identity bigint NOT NULL,"
    "  epoch bigint NOT NULL, log_offset bigint NOT NULL, log_inner bigint NOT NULL,"
    "  outbox_last bigint NOT NULL) WITH (fillfactor = 50);"
    "CREATE TABLE block (partition int, lane smallint, span int, channel bigint,"
    "  packed bytea NOT NULL, PRIMARY KEY (partition, lane, span, channel)) WITH (fillfactor = 80);"
    "ALTER TABLE block ALTER packed SET STORAGE EXTERNAL;"
    "CREATE TABLE name (partition int, kind smallint, name bytea, value bytea NOT NULL,"
    "  PRIMARY KEY (partition, kind, name));"
    "CREATE TABLE outbox (partition int, sequence bigint, record bytea NOT NULL,"
    "  PRIMARY KEY (partition, sequence));"
    /* the other form of a block: one row of regular values, for people who know SQL */
    "CREATE TABLE day_row (partition int, channel bigint, span int, start timestamptz NOT NULL,"
    "  step interval NOT NULL, exponent smallint NOT NULL, value bigint[] NOT NULL,"
    "  PRIMARY KEY (partition, span, channel));"
    "CREATE VIEW reading AS SELECT partition, channel, start + step * n AS end_at,"
    "  v * 10::numeric ^ exponent AS value"
    "  FROM day_row, unnest(value) WITH ORDINALITY AS u (v, n);";

/* ---- a sketch of the adapter: claim and commit */

enum { DONE = 0, FENCED = 1, MOVED = 2, FAILED = -1, OTHER_LOG = -2 };

struct claim {
    long epoch, offset, inner;
};

/* Insert or raise in one statement; the WHERE refuses the positions of another log. */
static const char claim_sql[] =
    "INSERT INTO claim VALUES (%d, %ld, 1, 0, 0, 0) ON CONFLICT (partition)"
    " DO UPDATE SET epoch = claim.epoch + 1 WHERE claim.log_identity = excluded.log_identity"
    " RETURNING epoch, log_offset, log_inner";

static int claim_of(PGresult *r, struct claim *out) {
    int result = PQresultStatus(r) != PGRES_TUPLES_OK ? FAILED
                 : PQntuples(r) == 0                  ? OTHER_LOG
                                                      : DONE;
    if (result == DONE)
        *out = (struct claim){atol(PQgetvalue(r, 0, 0)), atol(PQgetvalue(r, 0, 1)),
                              atol(PQgetvalue(r, 0, 2))};
    PQclear(r);
    return result;
}

static int claim(PGconn *c, int partition, long log_identity, struct claim *out) {
    snprintf(sql, sizeof sql, claim_sql, partition, log_identity);
    return claim_of(PQexec(c, sql), out);
}

struct commit {
    long epoch, from, to;
    int first_channel, blocks, outbox;
};

/* Everything of a commit but its end. Fenced and moved are told apart by one more look. */
static int commit_begin(PGconn *c, int p, const struct commit *k) {
    char last[64];

    run(c, "BEGIN");
    ask(c, last,
        "UPDATE claim SET log_offset = %ld, log_inner = 0, outbox_last = outbox_last + %d"
        " WHERE partition = %d AND epoch = %ld AND log_offset = %ld AND log_inner = 0"
        " RETURNING outbox_last",
        k->to, k->outbox, p, k->epoch, k->from);
    if (strcmp(last, "none") == 0) {
        ask(c, last, "SELECT epoch FROM claim WHERE partition = %d", p);
        run(c, "ROLLBACK");
        return atol(last) == k->epoch ? MOVED : FENCED;
    }
    long sequence = atol(last) - k->outbox;
    run(c,
        "INSERT INTO block SELECT %d, 0, %ld, i,"
        " convert_to(rpad(md5(i || '/%ld'), 200, 'x'), 'UTF8')"
        " FROM generate_series(%d, %d) AS i"
        " ON CONFLICT (partition, lane, span, channel) DO UPDATE SET packed = excluded.packed",
        p, k->from / 1000, k->to, k->first_channel, k->first_channel + k->blocks - 1);
    run(c,
        "INSERT INTO name VALUES (%d, 7, 'next_channel', convert_to('%ld', 'UTF8'))"
        " ON CONFLICT (partition, kind, name) DO UPDATE SET value = excluded.value",
        p, k->to);
    run(c,
        "INSERT INTO outbox SELECT %d, %ld + n, r"
        " FROM unnest(array_fill('\\x6f'::bytea, ARRAY[%d]))"
        " WITH ORDINALITY AS u (r, n)",
        p, sequence, k->outbox);
    return DONE;
}

static int commit(PGconn *c, int p, const struct commit *k) {
    int result = commit_begin(c, p, k);
    if (result == DONE)
        run(c, "COMMIT");
    return result;
}

/* ---- the trials, in the order of port/store.h */

static void try_claim_and_commit(PGconn *a) {
    struct claim one, two, other;

    int first = claim(a, 0, 77, &one), second = claim(a, 0, 77, &two);
    CHECK(first == DONE && second == DONE && one.epoch == 1 && two.epoch == 2 && two.offset == 0,
          "claim", "epoch %ld, then %ld, one statement each", one.epoch, two.epoch);
    CHECK(claim(a, 0, 78, &other) == OTHER_LOG &&
              number(a, "SELECT epoch FROM claim WHERE partition = 0") == 2,
          "identity", "the positions of log 77 are not given to log 78");
    struct commit k = {.epoch = 2, .from = 0, .to = 10, .blocks = 50, .outbox = 3};
    int done = commit(a, 0, &k);
    CHECK(done == DONE && number(a, "SELECT count(DISTINCT x) FROM (SELECT xmin::text x FROM claim"
                                    " UNION ALL SELECT xmin::text FROM block"
                                    " UNION ALL SELECT xmin::text FROM name"
                                    " UNION ALL SELECT xmin::text FROM outbox) AS t") == 1,
          "commit", "%d blocks, name, %d outbox records and the position carry one transaction id",
          k.blocks, k.outbox);
    int repeated = commit(a, 0, &k);
    CHECK(repeated == MOVED && number(a, "SELECT count(*) FROM outbox") == 3, "moved",
          "the same commit again: same epoch, another position, nothing written");
    run(a,
        "BEGIN; DELETE FROM block WHERE (partition, lane, span, channel) = (0, 0, 0, 49); COMMIT");
    CHECK(number(a, "SELECT count(*) FROM block") == 49, "commit", "an empty block is a DELETE");
}

static void try_fence(PGconn *a, PGconn *b) {
    struct claim mine, theirs;
    char text[64];

    int result = claim(a, 0, 77, &mine) | claim(b, 0, 77, &theirs);
    struct commit k = {
        .epoch = mine.epoch, .from = mine.offset, .to = 20, .blocks = 50, .outbox = 2};
    CHECK(result == DONE && commit(a, 0, &k) == FENCED &&
              number(a, "SELECT count(*) FROM outbox") == 3,
          "fenced", "worker a (epoch %ld) after the claim of b (%ld): told apart from moved",
          mine.epoch, theirs.epoch);

    /* b is in the middle of a commit when a claims: a waits, then sees what b committed. */
    k.epoch = theirs.epoch;
    commit_begin(b, 0, &k);
    snprintf(sql, sizeof sql, claim_sql, 0, 77l);
    PQsendQuery(a, sql);
    usleep(200000);
    PQconsumeInput(a);
    bool waited = PQisBusy(a) == 1;
    run(b, "COMMIT");
    result = claim_of(PQgetResult(a), &mine);
    PQclear(PQgetResult(a));
    k.from = 20, k.to = 30;
    CHECK(waited && result == DONE && mine.offset == 20 && commit(b, 0, &k) == FENCED, "claim",
          "during a commit: waits for its end, reads its position %ld, fences what follows",
          mine.offset);

    /* The other way round: a's commit meets a claim that is not committed yet. */
    k.epoch = mine.epoch;
    run(b, "BEGIN; UPDATE claim SET epoch = epoch + 1 WHERE partition = 0");
    snprintf(sql, sizeof sql,
             "UPDATE claim SET log_offset = 30 WHERE partition = 0 AND epoch = %ld RETURNING 1",
             k.epoch);
    PQsendQuery(a, sql);
    usleep(100000);
    run(b, "COMMIT");
    PGresult *r = PQgetResult(a);
    snprintf(text, sizeof text, "%d", PQntuples(r));
    PQclear(r);
    PQclear(PQgetResult(a));
    CHECK(strcmp(text, "0") == 0, "fenced",
          "a commit that waited for a claim looks again and matches %s rows (READ COMMITTED)",
          text);
}

static void try_kill(PGconn **a, PGconn *b) {
    struct claim mine;
    struct commit k = {.to = 40, .first_channel = 100, .blocks = 50, .outbox = 5};
    long blocks = number(b, "SELECT count(*) FROM block");

    claim(*a, 0, 77, &mine);
    k.epoch = mine.epoch, k.from = mine.offset;
    commit_begin(*a, 0, &k);
    run(b, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(*a));
    const char *state = ask(*a, NULL, "COMMIT");
    CHECK(*state && PQstatus(*a) == CONNECTION_BAD &&
              number(b, "SELECT count(*) FROM block") == blocks &&
              number(b, "SELECT log_offset FROM claim") == mine.offset,
          "killed", "backend ended in the middle of a commit: no block, no record, position %ld",
          mine.offset);
    PQfinish(*a);
    *a = connect_to();
    CHECK(commit(*a, 0, &k) == DONE && number(b, "SELECT max(sequence) FROM outbox") ==
                                           number(b, "SELECT count(*) FROM outbox"),
          "outbox",
          "after it: %ld records, numbered 1..%ld without a gap (a SEQUENCE would have one)",
          number(b, "SELECT count(*) FROM outbox"), number(b, "SELECT max(sequence) FROM outbox"));
}

/* kill -9 of a backend makes the server drop its memory and recover from the WAL. */
static void try_crash(PGconn **a, PGconn **b) {
    struct claim mine;
    struct commit k = {.to = 50, .first_channel = 200, .blocks = 50, .outbox = 1}, lost;

    claim(*a, 0, 77, &mine);
    k.epoch = mine.epoch, k.from = mine.offset;
    int result = commit(*a, 0, &k);
    lost = (struct commit){.epoch = k.epoch, .from = 50, .to = 60, .blocks = 10, .outbox = 1};
    commit_begin(*a, 0, &lost);
    double begin = now();
    kill(PQbackendPID(*a), SIGKILL);
    while (PQstatus(*b) == CONNECTION_OK && now() - begin < 10000) {
        PQclear(PQexec(*b, "SELECT 1"));
        usleep(10000);
    }
    PQfinish(*a);
    PQfinish(*b);
    *a = connect_to();
    *b = connect_to();
    CHECK(result == DONE && number(*b, "SELECT log_offset FROM claim WHERE partition = 0") == 50 &&
              number(*b, "SELECT count(*) FROM block WHERE channel >= 200") == 50,
          "durable",
          "kill -9 of a backend: recovered in %.0f ms, the commit before it whole, "
          "the one in work gone",
          now() - begin);
}

/* The server did commit, and the answer never came: the position says so. */
static void try_lost_answer(PGconn **a, PGconn *b) {
    struct claim mine;
    struct commit k = {.to = 60, .first_channel = 300, .blocks = 5, .outbox = 1};

    claim(*a, 0, 77, &mine);
    k.epoch = mine.epoch, k.from = mine.offset;
    commit_begin(*a, 0, &k);
    PQsendQuery(*a, "COMMIT");
    PQflush(*a);
    while (number(b, "SELECT log_offset FROM claim WHERE partition = 0") != 60)
        usleep(1000);
    PQfinish(*a);
    *a = connect_to();
    int again = commit(*a, 0, &k);
    CHECK(again == MOVED && number(*a, "SELECT log_offset FROM claim WHERE partition = 0") == k.to,
          "no answer",
          "the connection broke on COMMIT: own epoch and position = to mean done, once");
}

/* A worker stopped (SIGSTOP) inside its transaction, ended by whoever wants its partition. */
static void try_takeover(PGconn *a, PGconn *b) {
    struct claim theirs, mine;
    char pid[64];
    int status = 0;

    pid_t worker = fork();
    if (worker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        PGconn *c = connect_to();
        int result = claim(c, 0, 77, &theirs);
        struct commit k = {.epoch = theirs.epoch, .from = theirs.offset, .to = 70, .blocks = 5};
        result |= commit_begin(c, 0, &k);
        raise(SIGSTOP);
        const char *state = ask(c, NULL, "COMMIT");
        _exit(result == DONE && *state && PQstatus(c) == CONNECTION_BAD ? 0 : 1);
    }
    waitpid(worker, &status, WUNTRACED);
    double begin = now();
    run(a, "SET lock_timeout = '300ms'");
    int refused = claim(a, 0, 77, &mine);
    run(a, "SET lock_timeout = 0");
    snprintf(sql, sizeof sql, claim_sql, 0, 77l);
    PQsendQuery(a, sql);
    for (int i = 0; i < 200; i++) {
        ask(b, pid,
            "SELECT pid FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%d))"
            " AND state = 'idle in transaction'",
            PQbackendPID(a));
        if (strcmp(pid, "none") != 0)
            break;
        usleep(10000);
    }
    run(b, "SELECT pg_terminate_backend(%s)", pid);
    int result = claim_of(PQgetResult(a), &mine);
    PQclear(PQgetResult(a));
    double took = now() - begin;
    kill(worker, SIGCONT);
    waitpid(worker, &status, 0);
    CHECK(refused == FAILED && result == DONE && mine.offset == 60 && status == 0, "takeover",
          "a holder stopped in its transaction is found (pg_blocking_pids), ended, fenced: %.0f ms",
          took);
}

static void try_view(PGconn *a, PGconn *b) {
    struct claim mine;
    long before, during, after;
    char state[8];

    claim(a, 0, 77, &mine);
    run(b, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    before = number(b, "SELECT log_offset FROM claim WHERE partition = 0");
    struct commit k = {.epoch = mine.epoch,
                       .from = mine.offset,
                       .to = 80,
                       .first_channel = 400,
                       .blocks = 20,
                       .outbox = 1};
    int result = commit(a, 0, &k);
    during = number(b, "SELECT log_offset FROM claim WHERE partition = 0");
    long blocks = number(b, "SELECT count(*) FROM block WHERE channel >= 400");
    snprintf(state, sizeof state, "%s", ask(b, NULL, "DELETE FROM block"));
    run(b, "ROLLBACK");
    after = number(b, "SELECT log_offset FROM claim WHERE partition = 0");
    CHECK(
        result == DONE && before == during && blocks == 0 && after == 80 && !strcmp(state, "25006"),
        "view", "position %ld and blocks stay while another commits, %ld afterwards; cannot write",
        during, after);
    CHECK(number(b, "SELECT length(packed) FROM block WHERE (partition, lane, span, channel) ="
                    " (0, 0, 0, 401)") == 200 &&
              number(b, "SELECT count(*) FROM block WHERE (partition, lane, span, channel) ="
                        " (0, 0, 0, 9999)") == 0,
          "block_get", "found with 200 bytes; another key is absent");
}

static bool plan_says(PGconn *c, const char *query, const char *wanted, const char *unwanted) {
    snprintf(sql, sizeof sql, "EXPLAIN (COSTS OFF) %s", query);
    PGresult *r = PQexec(c, sql);
    bool has = false, bad = false;
    for (int i = 0; i < PQntuples(r); i++) {
        has |= strstr(PQgetvalue(r, i, 0), wanted) != NULL;
        bad |= strstr(PQgetvalue(r, i, 0), unwanted) != NULL;
    }
    PQclear(r);
    return has && !bad;
}

static void try_scans(PGconn *c) {
    const char *blocks = "SELECT lane, span, channel, packed FROM block WHERE partition = 0 AND"
                         " lane = 1 AND span BETWEEN 10 AND 12 ORDER BY lane, span, channel";
    const char *names = "SELECT name FROM name WHERE partition = 0 AND kind = 0 AND"
                        " name >= '\\x61ff' AND name < '\\x62' ORDER BY name";
    char previous[64] = "", key[64];
    int rows = 0, fetches = 0, rising = 0, nested = 0;

    run(c, "INSERT INTO block SELECT 0, 1, s, n, '\\x01' FROM generate_series(1, 200) AS s,"
           " generate_series(1, 100) AS n; ANALYZE block");
    run(c,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_sort = off;"
        " DECLARE scan CURSOR FOR %s",
        blocks);
    bool streams = plan_says(c, blocks, "block_pkey",
                             "Sort"); /* else it may sort all of it first */
    for (;; fetches++) {
        PGresult *r = PQexec(c, "FETCH 128 FROM scan");
        int count = PQntuples(r);
        for (int i = 0; i < count; i++, rows++) {
            snprintf(key, sizeof key, "%04d %04d", atoi(PQgetvalue(r, i, 1)),
                     atoi(PQgetvalue(r, i, 2)));
            rising += strcmp(key, previous) > 0;
            memcpy(previous, key, sizeof key);
            if (i == 0) /* the visitor asks for another block meanwhile */
                nested += number(c, "SELECT count(*) FROM block WHERE (partition, lane, span,"
                                    " channel) = (0, 1, 1, 1)") == 1;
        }
        PQclear(r);
        if (count == 0)
            break;
    }
    run(c, "COMMIT");
    CHECK(rows == 300 && rising == 300 && nested == fetches && streams, "block_scan",
          "%d blocks of spans 10..12 in key order, %d fetches of 128 without a sort, "
          "block_get in between",
          rows, fetches);
    tell("CARE", "block_scan",
         "one fetch is in memory: a visitor's span lasts until it returns, not until view_end");

    run(c,
        "INSERT INTO name SELECT 0, 0, n, '\\x00' FROM unnest(ARRAY['\\x61', '\\x6100', '\\x61fe',"
        " '\\x61ff', '\\x61ff00', '\\x61ffff', '\\x62']::bytea[]) AS n;"
        "INSERT INTO name SELECT 0, 1, int4send(i), '\\x00' FROM generate_series(1, 5000) AS i;"
        "ANALYZE name");
    PGresult *r = PQexec(c, names);
    bool right = PQntuples(r) == 3 && !strcmp(PQgetvalue(r, 0, 0), "\\x61ff") &&
                 !strcmp(PQgetvalue(r, 1, 0), "\\x61ff00") &&
                 !strcmp(PQgetvalue(r, 2, 0), "\\x61ffff");
    PQclear(r);
    CHECK(right && plan_says(c, names, "name_pkey", "Sort"), "name_scan",
          "prefix 61ff as a range of bytea [61ff, 62): 3 names in byte order by the primary key");
}

static void try_outbox(PGconn *a) {
    long last = number(a, "SELECT outbox_last FROM claim WHERE partition = 0");

    CHECK(number(a, "SELECT count(*) FROM (SELECT sequence, row_number() OVER (ORDER BY sequence) n"
                    " FROM outbox WHERE partition = 0) AS t WHERE sequence = n") == last,
          "outbox", "%ld records over all commits, kills and a crash: 1..%ld", last, last);
    run(a, "DELETE FROM outbox WHERE partition = 0 AND sequence <= %ld", last - 2);
    struct claim mine;
    claim(a, 0, 77, &mine);
    struct commit k = {.epoch = mine.epoch, .from = mine.offset, .to = 90, .outbox = 1};
    CHECK(commit(a, 0, &k) == DONE &&
              number(a, "SELECT min(sequence) FROM outbox WHERE sequence > 1") == last - 1 &&
              number(a, "SELECT max(sequence) FROM outbox") == last + 1,
          "trim", "records up to %ld forgotten, the next one is number %ld", last - 2, last + 1);
    CHECK(number(a, "SELECT pg_total_relation_size('block')") > 0, "size",
          "file bytes by pg_total_relation_size (%ld kB); bytes in use only by estimate",
          number(a, "SELECT pg_total_relation_size('block') / 1024"));
}

static void try_day_row(PGconn *c) {
    run(c, "BEGIN; UPDATE claim SET log_offset = log_offset + 1 WHERE partition = 0;"
           "INSERT INTO day_row SELECT 0, 1, 19800, '2024-03-18T00:00:00Z', '15 minutes', -3,"
           " array_agg(250 + i) FROM generate_series(1, 96) AS i; COMMIT");
    CHECK(number(c, "SELECT count(*) FROM reading WHERE value = 0.251 AND"
                    " end_at = '2024-03-18T00:15:00Z'") == 1 &&
              number(c, "SELECT sum(value) * 1000 FROM reading") == 96 * 250 + 96 * 97 / 2,
          "day row",
          "start, step, value[96] in the same transaction; a view gives 96 exact rows, "
          "%ld bytes",
          number(c, "SELECT pg_column_size(value) FROM day_row"));
}

static void try_costs(PGconn *a) {
    enum { COUNT = 1000 };
    struct claim mine;
    char lsn[64], query[128];
    double took[3];

    claim(a, 1, 77, &mine);
    for (int i = 0; i < 3; i++) {
        struct commit k = {.epoch = mine.epoch, .from = i * 10, .to = i * 10 + 10, .blocks = COUNT};
        if (i == 2) {
            run(a, "CHECKPOINT");
            ask(a, lsn, "SELECT pg_current_wal_lsn()");
        }
        double begin = now();
        if (commit(a, 1, &k) != DONE)
            die("commit", "not done");
        took[i] = now() - begin;
    }
    snprintf(query, sizeof query, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '%s')", lsn);
    tell("CARE", "commit",
         "%d blocks of 200 bytes: %.0f ms new, %.0f ms changed; WAL %.1f bytes per "
         "changed block right after a checkpoint",
         COUNT, took[0], took[1], (double)number(a, query) / COUNT);
    run(a, "SELECT pg_stat_force_next_flush()");
    usleep(100000);
    tell("CARE", "vacuum",
         "of %ld updated blocks %ld were HOT (fillfactor 80); the old rows wait for "
         "vacuum",
         number(a, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'block'"),
         number(a, "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'block'"));
    double begin = now();
    run(a, "PREPARE get AS SELECT packed FROM block WHERE (partition, lane, span, channel) ="
           " (1, 0, 0, $1)");
    for (int i = 0; i < COUNT; i++)
        run(a, "EXECUTE get(%d)", i);
    took[0] = now() - begin;
    begin = now();
    run(a,
        "SELECT channel, packed FROM generate_series(0, %d) AS i JOIN block ON"
        " (partition, lane, span, channel) = (1, 0, 0, i)",
        COUNT - 1);
    took[1] = now() - begin;
    tell("CARE", "block_get",
         "%d blocks one by one %.0f ms on a local socket, as one question %.0f ms", COUNT, took[0],
         took[1]);
}

int main(void) {
    server_start();
    PGconn *a = connect_to(), *b = connect_to();
    char version[64];

    run(a, "%s", schema);
    ask(a, version, "SHOW server_version");
    printf("PostgreSQL %s, fsync on\n", version);
    try_claim_and_commit(a);
    try_fence(a, b);
    try_kill(&a, b);
    try_crash(&a, &b);
    try_lost_answer(&a, b);
    try_takeover(a, b);
    try_view(a, b);
    try_scans(a);
    try_outbox(a);
    try_day_row(a);
    try_costs(a);
    PQfinish(a);
    PQfinish(b);
    server_end();
    printf("%s\n", failures ? "postgres: FAILED" : "postgres: all passed");
    return failures != 0;
}
