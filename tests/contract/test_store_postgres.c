/* What only the store on PostgreSQL can promise: commits whose answer is lost, connections that are cut, holders that
 * stand still, versions of tables, rights.
 *
 * A COMMIT is made slow by a deferred trigger on the row of `claim`, so that a test can strike while it is under way. A sequence
 * tells the first time from later ones, as it alone outlives a transaction that fails.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/postgres_internal.h"
#include "adapter/store_postgres.h"
#include "base/clock.h"
#include "contract/cluster.h"
#include "contract/store_fixture.h"
#include "support/postgres.h"

enum { STRIKE_AFTER_MS = 400 };

/* `first_time` is PL/pgSQL that is run by the first COMMIT. */
static void disturb_commit(const struct store_fixture *f, const char *first_time) {
    char sql[900];

    snprintf(
        sql, sizeof sql,
        "CREATE SEQUENCE times; CREATE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF nextval('times') = 1 THEN %s; END IF; RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER disturb AFTER UPDATE ON claim DEFERRABLE INITIALLY"
        " DEFERRED FOR EACH ROW EXECUTE FUNCTION disturb()",
        first_time);
    postgres_run(f->conninfo, f->schema, sql);
}

/* Its parts live as long as the block around it. */
#define SOME_COMMIT                                                                                \
    ((struct bb_commit){STORE_BLOCKS(store_block(BB_LANE_RAW, 1, 1, "new")),                       \
                        STORE_NAMES(store_name(BB_NAME_META, "count", "new")),                     \
                        STORE_OUTBOX(BB_SPAN("a"), BB_SPAN("b"))})

static void expect_committed_once(struct store_fixture *f) {
    expect_store_position(f, 0, f->claims[0].epoch, 1, 0);
    expect_store_blocks(f, NULL, BB_LANE_RAW, "1/1=new\n");
    expect_store_outbox(f, NULL, 0, "1=a\n2=b\n");
}

/* ---- strikes, on a thread beside the commit */

struct strike {
    struct store_fixture *f;
    const struct cluster *cluster;
    int port, cut;
};

static void *cut_connections(void *context) {
    struct strike *s = context;

    usleep(STRIKE_AFTER_MS * 1000);
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == s->port)
            s->cut += shutdown(fd, SHUT_RDWR) == 0;
    }
    return NULL;
}

/* The server process that writes the row of `claim`. */
static void *end_writer(void *context) {
    struct strike *s = context;

    usleep(STRIKE_AFTER_MS * 1000);
    s->cut = postgres_number(
                 s->f->conninfo, s->f->schema,
                 "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE relation ="
                 " 'claim'::regclass AND mode = 'RowExclusiveLock'") == 1;
    return NULL;
}

static void *kill_writer(void *context) {
    struct strike *s = context;

    usleep(STRIKE_AFTER_MS * 1000);
    pid_t pid = (pid_t)postgres_number(s->f->conninfo, s->f->schema,
                                       "SELECT pid FROM pg_locks WHERE relation ="
                                       " 'claim'::regclass AND mode = 'RowExclusiveLock'");
    s->cut = pid > 1 && kill(pid, SIGKILL) == 0;
    return NULL;
}

static void *kill_server(void *context) {
    struct strike *s = context;

    usleep(STRIKE_AFTER_MS * 1000);
    cluster_do(s->cluster, "kill", "");
    cluster_do(s->cluster, "restart", "");
    s->cut = 1;
    return NULL;
}

static int commit_struck(struct strike *s, void *(*strike)(void *)) {
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, strike, s), 0);
    int outcome = store_commit(s->f, 0, SOME_COMMIT);
    pthread_join(thread, NULL);
    cr_assert_gt(s->cut, 0, "nothing was struck");
    return outcome;
}

static int port_of(const char *conninfo) {
    const char *at = strstr(conninfo, "port=");

    return at ? (int)strtol(at + 5, NULL, 10) : 5432;
}

/* ---- commits whose answer is lost */

/* The server goes on and commits; only the answer does not come. */
static void looks_up_what_was_committed(struct store_fixture *f) {
    struct strike s = {.f = f, .port = port_of(f->conninfo)};

    store_claim(f, 0);
    disturb_commit(f, "PERFORM pg_sleep(1.5)");
    cr_expect_eq(commit_struck(&s, cut_connections), BB_COMMIT_DONE, "%s", f->error.text);
    expect_committed_once(f);
    cr_expect_eq(postgres_number(f->conninfo, f->schema, "SELECT last_value FROM times"), 1,
                 "the first attempt is the one that counted");
}

Test(store_of_postgres, looks_up_what_was_committed) {
    postgres_store(looks_up_what_was_committed);
}

static void does_again_what_was_not(struct store_fixture *f) {
    struct strike s = {.f = f};

    store_claim(f, 0);
    disturb_commit(f, "PERFORM pg_sleep(20)");
    cr_expect_eq(commit_struck(&s, end_writer), BB_COMMIT_DONE, "%s", f->error.text);
    expect_committed_once(f);
    cr_expect_eq(postgres_number(f->conninfo, f->schema, "SELECT last_value FROM times"), 2);
}

Test(store_of_postgres, does_again_what_was_not) {
    postgres_store(does_again_what_was_not);
}

/* Another one claimed while nobody knew: what was not applied is not applied any more. */
static void *end_writer_and_claim(void *context) {
    struct strike *s = context;

    end_writer(context);
    postgres_run(s->f->conninfo, s->f->schema, "UPDATE claim SET epoch = epoch + 1");
    return NULL;
}

static void is_fenced_after_a_loss(struct store_fixture *f) {
    struct strike s = {.f = f};

    store_claim(f, 0);
    /* slow for the claimer too, so that it holds the row when the outcome is looked up */
    disturb_commit(f, "PERFORM pg_sleep(20); ELSE PERFORM pg_sleep(0.2)");
    int outcome = commit_struck(&s, end_writer_and_claim);
    if (outcome == BB_COMMIT_DONE) { /* it was first to try again */
        expect_store_outbox(f, NULL, 0, "1=a\n2=b\n");
        return;
    }
    cr_expect_eq(outcome, BB_COMMIT_FENCED, "%s", f->error.text);
    expect_store_outbox(f, NULL, 0, "");
}

Test(store_of_postgres, is_fenced_after_a_loss) {
    postgres_store(is_fenced_after_a_loss);
}

/* After a server's crash the answer may be that it is not there yet: then the position tells, as the port says. */
static void expect_truth(struct store_fixture *f, int outcome) {
    struct bb_position start = {0, 0};

    for (int i = 0; outcome < 0 && i < 50; i++) {
        cr_assert(f->error.retriable, "%s", f->error.text);
        f->claims[0].position = start;
        outcome = store_commit(f, 0, SOME_COMMIT);
    }
    cr_expect(outcome == BB_COMMIT_DONE || outcome == BB_COMMIT_MOVED, "%d: %s", outcome,
              f->error.text);
    expect_committed_once(f);
}

static const struct cluster *own_server;

static void survives_a_killed_process(struct store_fixture *f) {
    struct strike s = {.f = f};

    store_claim(f, 0);
    disturb_commit(f, "PERFORM pg_sleep(20)");
    expect_truth(f, commit_struck(&s, kill_writer));
}

static void survives_a_killed_server(struct store_fixture *f) {
    struct strike s = {.f = f, .cluster = own_server};

    store_claim(f, 0);
    disturb_commit(f, "PERFORM pg_sleep(20)");
    expect_truth(f, commit_struck(&s, kill_server));
    store_claim(f, 0);
    cr_expect_eq(f->claims[0].position.offset, 1);
}

/* kill -9 of one process makes the server drop all others and recover: a server of the test's own. */
Test(store_of_postgres, survives_kills, .timeout = 120) {
    struct cluster server;

    cluster_start(&server, "postgres", "");
    own_server = &server;
    postgres_store_at(server.address, survives_a_killed_process);
    postgres_store_at(server.address, survives_a_killed_server);
    cluster_stop(&server);
}

static void tries_again_what_is_taken_back(struct store_fixture *f) {
    static const char *const states[] = {"40001", "40P01"};
    char raise[80];

    for (int i = 0; i < 2; i++) {
        store_claim(f, 0);
        snprintf(raise, sizeof raise, "RAISE EXCEPTION USING ERRCODE = '%s'", states[i]);
        disturb_commit(f, raise);
        cr_expect_eq(store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("x"))}),
                     BB_COMMIT_DONE, "%s: %s", states[i], f->error.text);
        postgres_run(f->conninfo, f->schema,
                     "DROP TRIGGER disturb ON claim; DROP FUNCTION disturb; DROP SEQUENCE times");
    }
    expect_store_outbox(f, NULL, 0, "1=x\n2=x\n");
}

Test(store_of_postgres, tries_again_what_is_taken_back) {
    postgres_store(tries_again_what_is_taken_back);
}

static void passes_a_full_disk_on(struct store_fixture *f) {
    store_claim(f, 0);
    disturb_commit(f, "RAISE EXCEPTION USING ERRCODE = '53100'");
    cr_expect_eq(store_commit(f, 0, SOME_COMMIT), -BB_E_DISK_FULL);
    cr_expect(f->error.retriable);
    expect_store_outbox(f, NULL, 0, "");
    cr_expect_eq(store_commit(f, 0, SOME_COMMIT), BB_COMMIT_DONE, "the connection is usable");
    expect_committed_once(f);
}

Test(store_of_postgres, passes_a_full_disk_on) {
    postgres_store(passes_a_full_disk_on);
}

/* ---- holders and views */

static void ends_a_holder_that_stands_still(struct store_fixture *f) {
    struct bb_postgres_options options = {
        .conninfo = f->conninfo, .schema = f->schema, .purpose = "stopped"};
    struct bb_postgres *stopped;

    store_claim(f, 0);
    cr_assert_eq(bb_postgres_open(&options, &stopped, &f->error), 0, "%s", f->error.text);
    cr_assert_eq(bb_postgres_execute(stopped,
                                     "BEGIN; UPDATE claim SET log_offset = 99 WHERE partition = 0",
                                     NULL, &f->error),
                 0);
    int64_t begin = bb_monotonic_ns();
    store_claim(f, 0);
    int64_t took_ms = (bb_monotonic_ns() - begin) / 1000000;
    cr_expect_geq(took_ms, 250, "after takeover_ms, not before: %ld ms", (long)took_ms);
    cr_expect_eq(f->claims[0].epoch, 2);
    cr_expect_eq(f->claims[0].position.offset, 0, "nothing of what it did");
    cr_expect_lt(bb_postgres_execute(stopped, "COMMIT", NULL, &f->error), 0);
    bb_postgres_close(stopped);
}

Test(store_of_postgres, ends_a_holder_that_stands_still) {
    postgres_store(ends_a_holder_that_stands_still);
}

static void end_connections(struct store_fixture *f) {
    struct strike s = {.port = port_of(f->conninfo)};

    cut_connections(&s);
    cr_assert_gt(s.cut, 0);
}

static void comes_back_after_it_was_cut(struct store_fixture *f) {
    store_claim(f, 0);
    expect_store_blocks(f, NULL, 0, "");
    end_connections(f); /* those that wait for their next user */
    cr_expect_eq(store_commit(f, 0, SOME_COMMIT), BB_COMMIT_DONE, "%s", f->error.text);
    expect_committed_once(f);
    end_connections(f);
    store_claim(f, 0);
    cr_expect_eq(f->claims[0].epoch, 2);
    end_connections(f);
    cr_expect_eq(f->store->ops->outbox_trim(f->store, 0, 1, &f->error), 0);
    expect_store_outbox(f, NULL, 0, "2=b\n");
    struct bb_store_view *view = store_view(f, 0);
    struct bb_block_key key = {.channel = 1, .span = 1};
    struct bb_span packed;
    end_connections(f);
    cr_expect_eq(f->store->ops->block_get(view, &key, &packed, &f->error), -BB_E_DATABASE_LOST,
                 "a view is lost with its connection");
    cr_expect(f->error.retriable);
    f->store->ops->view_end(view);
    expect_store_block(f, NULL, 0, 1, 1, "new");
}

Test(store_of_postgres, comes_back_after_it_was_cut) {
    postgres_store(comes_back_after_it_was_cut);
}

/* Without its connection a view answers what was expected, and nothing else. */
static void answers_what_was_expected(struct store_fixture *f) {
    enum { COUNT = 5000 }; /* more than one question takes */
    struct bb_block_change *blocks = calloc(COUNT, sizeof *blocks);
    struct bb_block_key *keys = calloc(COUNT, sizeof *keys), other = {.channel = 7, .span = 9};
    struct bb_name_key names[] = {{BB_NAME_META, BB_SPAN("there")},
                                  {BB_NAME_META, BB_SPAN("absent")},
                                  {BB_NAME_META, BB_SPAN("")}};
    const struct bb_store_hint hint = {
        .blocks = keys, .block_count = COUNT, .names = names, .name_count = 3};
    struct bb_span value;

    for (uint32_t i = 0; i < COUNT; i++) {
        blocks[i] = store_block(BB_LANE_STAT, -3, 2 * i, "even");
        keys[COUNT - 1 - i] = (struct bb_block_key){.channel = i, .span = -3, .lane = BB_LANE_STAT};
    }
    store_claim(f, 0);
    cr_assert_eq(
        store_commit(f, 0,
                     (struct bb_commit){.blocks = blocks,
                                        .block_count = COUNT,
                                        STORE_NAMES(store_name(BB_NAME_META, "there", "v"))}),
        BB_COMMIT_DONE);
    struct bb_store_view *view = store_view(f, 0);
    cr_assert_eq(f->store->ops->expect(view, &hint, &f->error), 0, "%s", f->error.text);
    cr_assert_eq(f->store->ops->expect(view, &hint, &f->error), 0, "once more");
    end_connections(f);
    for (uint32_t i = 0; i < COUNT; i++) {
        int found = f->store->ops->block_get(view, &keys[i], &value, &f->error);
        cr_assert_eq(found, keys[i].channel % 2 ? BB_ABSENT : BB_FOUND, "%u: %d", keys[i].channel,
                     found);
        cr_assert(found == BB_ABSENT || bb_span_equal(value, BB_SPAN("even")));
    }
    cr_expect_eq(f->store->ops->name_get(view, BB_NAME_META, names[0].name, &value, &f->error),
                 BB_FOUND);
    cr_expect(bb_span_equal(value, BB_SPAN("v")));
    cr_expect_eq(f->store->ops->name_get(view, BB_NAME_META, names[1].name, &value, &f->error),
                 BB_ABSENT);
    cr_expect_eq(f->store->ops->block_get(view, &other, &value, &f->error), -BB_E_DATABASE_LOST);
    f->store->ops->view_end(view);
    free(keys);
    free(blocks);
}

Test(store_of_postgres, answers_what_was_expected) {
    postgres_store(answers_what_was_expected);
}

/* A hint that moves on lets go of the keys of earlier ones, and of nothing that was given out. */
static void forgets_what_it_moves_on_from(struct store_fixture *f) {
    enum { COUNT = 40000 };
    struct bb_block_key *keys = calloc(COUNT, sizeof *keys), there = {.channel = 7, .span = 9};
    struct bb_store_hint hint = {.blocks = keys, .block_count = COUNT, .moves_on = true};
    struct bb_span value;

    for (uint32_t i = 0; i < COUNT; i++)
        keys[i] = (struct bb_block_key){.channel = i, .span = -3, .lane = BB_LANE_STAT};
    store_claim(f, 0);
    cr_assert_eq(store_commit(f, 0, (struct bb_commit){STORE_BLOCKS(store_block(0, 9, 7, "kept"))}),
                 BB_COMMIT_DONE);
    struct bb_store_view *view = store_view(f, 0);
    cr_assert_eq(f->store->ops->expect(view, &hint, &f->error), 0, "%s", f->error.text);
    cr_assert_eq(f->store->ops->block_get(view, &there, &value, &f->error), BB_FOUND);
    hint.block_count = 1;
    cr_assert_eq(f->store->ops->expect(view, &hint, &f->error), 0, "%s", f->error.text);
    cr_expect(bb_span_equal(value, BB_SPAN("kept")), "what was given out lasts");
    cr_expect_eq(f->store->ops->block_get(view, &keys[COUNT - 1], &value, &f->error), BB_ABSENT,
                 "asked again");
    cr_assert_eq(f->store->ops->block_get(view, &there, &value, &f->error), BB_FOUND);
    cr_expect(bb_span_equal(value, BB_SPAN("kept")));
    f->store->ops->view_end(view);
    free(keys);
}

Test(store_of_postgres, forgets_what_it_moves_on_from) {
    postgres_store(forgets_what_it_moves_on_from);
}

/* ---- opening */

static int open_as(struct store_fixture *f, const char *conninfo, bool read_only) {
    struct bb_store_postgres_options options = {
        .conninfo = conninfo, .schema = f->schema, .read_only = read_only};
    struct bb_store *store = NULL;
    int result = bb_store_postgres_open(&options, &store, &f->error);

    if (result == 0)
        store->ops->close(store);
    return result;
}

static void refuses_later_tables(struct store_fixture *f) {
    cr_expect_eq(open_as(f, f->conninfo, false), 0, "%s", f->error.text);
    postgres_run(f->conninfo, f->schema,
                 "UPDATE schema_version SET version = 99 WHERE part = 'store'");
    for (int read_only = 0; read_only < 2; read_only++)
        cr_expect_eq(open_as(f, f->conninfo, read_only), -BB_E_DATABASE_SCHEMA, "%s",
                     f->error.text);
    cr_expect_not(f->error.retriable);
    postgres_run(f->conninfo, f->schema, "DROP TABLE schema_version");
    cr_expect_eq(open_as(f, f->conninfo, true), -BB_E_DATA_MISSING, "%s", f->error.text);
}

Test(store_of_postgres, refuses_later_tables) {
    postgres_store(refuses_later_tables);
}

static void keeps_to_its_rights(struct store_fixture *f) {
    char conninfo[600], role[60], sql[600];

    snprintf(role, sizeof role, "%s_reader", f->schema);
    snprintf(sql, sizeof sql, "CREATE ROLE %s LOGIN", role);
    postgres_run(f->conninfo, f->schema, sql);
    snprintf(conninfo, sizeof conninfo, "%s user=%s", f->conninfo, role);
    cr_expect_eq(open_as(f, conninfo, true), -BB_E_NO_PERMISSION, "%s", f->error.text);
    snprintf(sql, sizeof sql,
             "GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s",
             f->schema, role, f->schema, role);
    postgres_run(f->conninfo, f->schema, sql);
    cr_expect_eq(open_as(f, conninfo, true), 0, "%s", f->error.text);
    struct bb_store_postgres_options options = {
        .conninfo = conninfo, .schema = f->schema, .read_only = true};
    struct bb_store *reader;
    struct bb_claim claim;
    cr_assert_eq(bb_store_postgres_open(&options, &reader, &f->error), 0);
    cr_expect_eq(reader->partitions, STORE_PARTITIONS, "as it was made");
    cr_expect_eq(reader->ops->claim(reader, 0, STORE_LOG, &claim, &f->error), -BB_E_NO_PERMISSION);
    reader->ops->close(reader);
    snprintf(sql, sizeof sql, "DROP OWNED BY %s; DROP ROLE %s", role, role);
    postgres_run(f->conninfo, f->schema, sql);
    cr_expect_eq(open_as(f, conninfo, true), -BB_E_NO_PERMISSION, "a role that is not there: %s",
                 f->error.text);
    snprintf(conninfo, sizeof conninfo, "%s dbname=no_such_database", f->conninfo);
    cr_expect_eq(open_as(f, conninfo, true), -BB_E_DATABASE_SETTINGS, "%s", f->error.text);
    cr_expect_eq(open_as(f, "host=127.0.0.1 port=1", true), -BB_E_DATABASE_LOST, "%s",
                 f->error.text);
    cr_expect(f->error.retriable);
}

Test(store_of_postgres, keeps_to_its_rights) {
    postgres_store(keeps_to_its_rights);
}

/* ---- words */

Test(store_of_postgres, maps_states) {
    static const struct {
        const char *state;
        enum bb_error_code code;
        bool retriable;
    } rows[] = {{"08006", BB_E_DATABASE_LOST, true},     {"57P01", BB_E_DATABASE_LOST, true},
                {"57014", BB_E_DATABASE_BUSY, true},     {"40001", BB_E_DATABASE_BUSY, true},
                {"40P01", BB_E_DATABASE_BUSY, true},     {"40003", BB_E_DATABASE_LOST, true},
                {"55P03", BB_E_DATABASE_BUSY, true},     {"53100", BB_E_DISK_FULL, true},
                {"53300", BB_E_DATABASE_BUSY, true},     {"28P01", BB_E_NO_PERMISSION, false},
                {"42501", BB_E_NO_PERMISSION, false},    {"42601", BB_E_DATABASE_STATEMENT, false},
                {"XX001", BB_E_DATABASE_DAMAGED, false}, {"22012", BB_E_DATABASE_STATEMENT, false}};
    struct bb_error error;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(bb_postgres_fail_state(rows[i].state, "words\nDETAIL", "do it", &error),
                     -(int)rows[i].code, "%s", rows[i].state);
        cr_expect_eq(error.retriable, rows[i].retriable, "%s", rows[i].state);
        cr_expect_null(strstr(error.text, "DETAIL"));
    }
}
