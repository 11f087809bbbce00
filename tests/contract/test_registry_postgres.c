/* The registry's database: what the suite of all adapters cannot ask. Versions, rights, a second process, a server
 * that ends backends or itself, answers that get lost, and the views for people with psql. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/registry_postgres.h"
#include "base/random.h"
#include "contract/cluster.h"
#include "contract/registry_fixture.h"
#include "model/quality.h"
#include "support/master_random.h"
#include "support/postgres.h"

static void begin(struct registry_fixture *f) {
    registry_fixture_init(f, &registry_subjects[REGISTRY_POSTGRES]);
}

static int open_as(struct registry_fixture *f, const char *conninfo, bool read_only,
                   struct bb_registry **out) {
    const struct bb_registry_postgres_options options = {
        .conninfo = conninfo, .schema = f->schema, .read_only = read_only};

    memset(&f->error, 0, sizeof f->error);
    return bb_registry_postgres_open(&options, out, &f->error);
}

static int open_at(struct registry_fixture *f, bool read_only, struct bb_registry **out) {
    return open_as(f, f->conninfo, read_only, out);
}

static void execute(struct registry_fixture *f, const char *sql) {
    postgres_run(f->conninfo, f->schema, sql);
}

static void expect_rows(struct registry_fixture *f, const char *sql, const char *expected) {
    bb_buffer_clear(&f->picture);
    postgres_paint(f->conninfo, f->schema, sql, &f->picture);
    expect_registry_picture(f, 0, expected);
}

/* ---- versions and rights --------------------------------------------------------------------- */

Test(registry_database, another_version_is_refused_and_left_alone) {
    struct registry_fixture f;
    struct bb_registry *registry;

    begin(&f);
    registry_fixture_close(&f);
    execute(&f, "UPDATE schema_version SET version = version + 1 WHERE part = 'registry'");
    for (int read_only = 0; read_only < 2; read_only++) {
        cr_expect_eq(open_at(&f, read_only, &registry), -BB_E_DATABASE_SCHEMA, "%s", f.error.text);
        cr_expect_null(registry);
    }
    expect_rows(&f, "SELECT version FROM schema_version WHERE part = 'registry'", "2\n");
    execute(&f, "UPDATE schema_version SET version = 1 WHERE part = 'registry'");
    registry_subjects[REGISTRY_POSTGRES].open(&f);
    registry_fixture_release(&f);
}

Test(registry_database, words_of_a_later_release_are_added) {
    struct registry_fixture f;

    begin(&f);
    registry_fixture_close(&f);
    execute(&f, "DELETE FROM unit_name WHERE id > 3");
    registry_subjects[REGISTRY_POSTGRES].open(&f);
    expect_rows(&f, "SELECT name FROM unit_name WHERE id = 24", "m³\n");
    registry_fixture_release(&f);
}

Test(registry_database, nothing_there) {
    struct registry_fixture f;
    struct bb_registry *registry;

    begin(&f);
    registry_fixture_close(&f);
    postgres_drop_schema(f.conninfo, f.schema);
    cr_expect_eq(open_at(&f, true, &registry), -BB_E_DATA_MISSING, "%s", f.error.text);
    cr_expect_eq(open_as(&f, "host=127.0.0.1 port=1 dbname=none", true, &registry),
                 -BB_E_DATABASE_LOST, "%s", f.error.text);
    cr_expect(f.error.retriable);
    registry_fixture_release(&f);
}

/* An analyst who may read the tables, and nothing else. */
Test(registry_database, reading_needs_no_right_to_write) {
    struct registry_fixture f;
    struct bb_registry *reader;
    char sql[512], conninfo[512];

    begin(&f);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    snprintf(
        sql, sizeof sql,
        "DROP ROLE IF EXISTS \"%s\"; CREATE ROLE \"%s\" LOGIN; GRANT USAGE ON SCHEMA \"%s\" TO \"%s\";"
        "GRANT SELECT ON ALL TABLES IN SCHEMA \"%s\" TO \"%s\"",
        f.schema, f.schema, f.schema, f.schema, f.schema, f.schema);
    execute(&f, sql);
    snprintf(conninfo, sizeof conninfo, "%s user='%s'", f.conninfo, f.schema);
    cr_assert_eq(open_as(&f, conninfo, true, &reader), 0, "%s", f.error.text);
    struct bb_outbox_record record = registry_channel(&f, "demo", "u", "b", 2);
    cr_expect_eq(reader->ops->project(reader, 0, 1, &record, 1, &f.error), -BB_E_NO_PERMISSION,
                 "%s", f.error.text);
    cr_expect_eq(reader->ops->bookmark_move(reader, BB_SPAN("a"), 0, 0, 1, &f.error),
                 -BB_E_NO_PERMISSION);
    REGISTRY_TELL(&f, 0, record);
    struct bb_registry *writer = f.registry;
    f.registry = reader;
    cr_expect_eq(registry_position(&f, 0), 2, "a reader sees what a writer committed");
    expect_registry_usage_points(
        &f, "demo", "demo/u electricity zone=Europe/Amsterdam calendar= customer= 2\n");
    f.registry = writer;
    reader->ops->close(reader);
    cr_assert_eq(open_as(&f, conninfo, false, &reader), 0, "%s", f.error.text);
    cr_expect_eq(reader->ops->project(reader, 0, 2, &record, 1, &f.error), -BB_E_NO_PERMISSION,
                 "the server says so, too: %s", f.error.text);
    reader->ops->close(reader);
    snprintf(sql, sizeof sql, "DROP OWNED BY \"%s\"; DROP ROLE \"%s\"", f.schema, f.schema);
    execute(&f, sql);
    registry_fixture_release(&f);
}

/* ---- others ---------------------------------------------------------------------------------- */

Test(registry_database, of_two_writers_one_is_told_so) {
    struct registry_fixture f;
    struct bb_registry *other;
    uint64_t position, before, after;

    begin(&f);
    cr_assert_eq(open_at(&f, false, &other), 0, "%s", f.error.text);
    struct bb_outbox_record record = registry_channel(&f, "demo", "u", "a", 1);
    cr_assert_eq(f.registry->ops->changes(f.registry, &before, &f.error), 0);
    cr_expect_eq(other->ops->project(other, 0, 0, &record, 1, &f.error), 0);
    cr_assert_eq(f.registry->ops->changes(f.registry, &after, &f.error), 0);
    cr_expect_neq(after, before, "somebody else changed it");
    cr_expect_eq(registry_project(&f, 0, 0, &record, 1), 1);
    cr_expect_eq(registry_project(&f, 0, 1, &record, 1), 0);
    cr_expect_eq(other->ops->project(other, 0, 1, &record, 1, &f.error), 1);
    cr_expect_eq(other->ops->position(other, 0, &position, &f.error), 0);
    cr_expect_eq(position, 2);
    other->ops->close(other);
    registry_fixture_release(&f);
}

struct racer {
    struct registry_fixture *f;
    struct bb_registry *registry;
    uint32_t partition;
    struct bb_outbox_record *records;
    size_t count, won;
    struct bb_error error;
};

enum { RACE_BATCH = 20 };

/* Carries on from where the partition stands, as others do. */
static void *race(void *context) {
    struct racer *r = context;
    uint64_t at = 0;

    while (at < r->count) {
        size_t n = r->count - at < RACE_BATCH ? r->count - at : RACE_BATCH;
        int result = r->registry->ops->project(r->registry, r->partition, at, r->records + at, n,
                                               &r->error);
        if (result < 0 ||
            r->registry->ops->position(r->registry, r->partition, &at, &r->error) != 0)
            return r;
        r->won += result == 0;
    }
    return NULL;
}

/* Two carry each of two partitions, both of which tell of the same tenants: every happening counts once, nobody waits in
 * a circle, and what was recorded last is current. */
Test(registry_database, racing_projections_count_once) {
    enum { RACERS = 4, RECORDS = 400 };
    struct registry_fixture f;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    struct bb_outbox_record *records = calloc((size_t)2 * RECORDS, sizeof *records);

    begin(&f);
    for (int i = 0; i < 2 * RECORDS; i++) {
        char name[24];
        snprintf(name, sizeof name, "%c%d", i < RECORDS ? 'u' : 'v', i % 40);
        const char *kept = registry_kept(&f, bb_span_of(name)).data;
        int64_t recorded = i % RECORDS;
        if (i % 4 == 0) { /* the second partition tells of the tenants the other way round */
            snprintf(name, sizeof name, "t%d", i < RECORDS ? i % 5 : 4 - i % 5);
            kept = registry_kept(&f, bb_span_of(name)).data;
            char zone[24];
            snprintf(zone, sizeof zone, "zone%d", (int)recorded);
            records[i] = registry_tenant(&f, kept, zone, recorded);
        } else {
            records[i] = registry_exception(i % 40 < 20 ? BB_OUTBOX_EXCEPTION_OPENED
                                                        : BB_OUTBOX_EXCEPTION_CLOSED,
                                            kept, "a", BB_CHECK_GAP, i % 2, 10, recorded);
        }
    }
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.f = &f,
                                   .partition = (uint32_t)i % 2,
                                   .records = records + i % 2 * RECORDS,
                                   .count = RECORDS};
        cr_assert_eq(open_at(&f, false, &racers[i].registry), 0, "%s", f.error.text);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_create(&threads[i], NULL, race, &racers[i]);
    size_t won = 0;
    for (int i = 0; i < RACERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_expect_null(failed, "%s", racers[i].error.text);
        won += racers[i].won;
        racers[i].registry->ops->close(racers[i].registry);
    }
    cr_expect_eq(won, 2 * RECORDS / RACE_BATCH, "%zu batches were told to have counted", won);
    /* what one alone makes of it */
    struct registry_fixture alone;
    registry_fixture_init(&alone, &registry_subjects[REGISTRY_MEMORY]);
    registry_tell(&alone, 0, records, RECORDS);
    registry_tell(&alone, 1, records + RECORDS, RECORDS);
    for (int i = 0; i < 2; i++) {
        struct registry_fixture *one = i ? &alone : &f;
        cr_assert_eq(
            one->registry->ops->tenant_list(one->registry, paint_registry_tenant, one, &one->error),
            0);
        for (int64_t as_of = 50; as_of < 500; as_of += 110)
            cr_assert_eq(one->registry->ops->exception_list(
                             one->registry, BB_SPAN(""), false, as_of,
                             paint_registry_exception_without_id, one, &one->error),
                         0);
    }
    cr_expect(bb_span_equal(bb_buffer_span(&f.picture), bb_buffer_span(&alone.picture)),
              "%.600s\nalone:\n%.600s", f.picture.data, alone.picture.data);
    expect_rows(
        &f,
        "SELECT count(*) FROM (SELECT happening, lag(happening) OVER (PARTITION BY exception "
        "ORDER BY ordinal) AS before FROM exception_history) h WHERE happening = before",
        "0\n");
    bb_buffer_clear(&alone.picture);
    registry_fixture_release(&alone);
    registry_fixture_release(&f);
    free(records);
}

static int project_while_listing(void *context, const struct bb_registry_channel *row) {
    struct registry_fixture *f = context;

    (void)row;
    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u", "z", 9));
    return 0;
}

/* A list is one state, whatever is committed beside it, also by the same handle. */
Test(registry_database, a_list_stays_what_it_was) {
    struct registry_fixture f;

    begin(&f);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    cr_expect_eq(f.registry->ops->channel_list(f.registry, BB_SPAN("demo"), BB_SPAN(""),
                                               project_while_listing, &f, &f.error),
                 0, "%s", f.error.text);
    cr_expect_eq(registry_position(&f, 0), 2, "told once, for the one row of that state");
    registry_fixture_release(&f);
}

static int count_nested(void *context, const struct bb_registry_channel *row) {
    (void)row;
    ++*(int *)context;
    return 0;
}

struct nest {
    struct registry_fixture *f;
    int rows, inner;
};

static int list_again(void *context, const struct bb_registry_channel *row) {
    struct nest *nest = context;

    (void)row;
    nest->rows++;
    if (nest->rows % 500)
        return 0;
    return nest->f->registry->ops->channel_list(nest->f->registry, BB_SPAN(""), BB_SPAN(""),
                                                count_nested, &nest->inner, &nest->f->error);
}

/* More than a page, and lists of pages inside. */
Test(registry_database, long_lists_inside_each_other) {
    enum { CHANNELS = 2500 };
    struct registry_fixture f;
    struct nest nest = {.f = &f};
    struct bb_outbox_record *records = calloc(CHANNELS, sizeof *records);

    begin(&f);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%u", i);
        records[i] = registry_channel(&f, "demo", "u", registry_kept(&f, bb_span_of(name)).data, i);
    }
    registry_tell(&f, 0, records, CHANNELS);
    cr_expect_eq(f.registry->ops->channel_list(f.registry, BB_SPAN("demo"), BB_SPAN(""), list_again,
                                               &nest, &f.error),
                 0, "%s", f.error.text);
    cr_expect_eq(nest.rows, CHANNELS);
    cr_expect_eq(nest.inner, CHANNELS / 500 * CHANNELS);
    free(records);
    registry_fixture_release(&f);
}

/* ---- what is no UTF-8 ------------------------------------------------------------------------ */

Test(registry_database, texts_of_any_bytes_come_back) {
    struct registry_fixture f;
    struct bb_outbox_record opened = registry_exception(BB_OUTBOX_EXCEPTION_OPENED, "u", "a",
                                                        BB_CHECK_GAP, 100, 200, 1000);
    const struct bb_registry_audit row = {.sequence = 1,
                                          .subject = BB_SPAN("nul\0 \xed\xa0\x80 \xf4\x8f\xbf\x81"),
                                          .salt = BB_SPAN("s")};
    struct bb_registry_audit last;

    begin(&f);
    opened.body = BB_SPAN("caf\xe9.csv");
    opened.channel = BB_SPAN("\xff");
    REGISTRY_TELL(&f, 0, opened);
    expect_registry_exceptions(
        &f, "demo", true,
        "1 demo/u/\xff gap 100..200 a=12345 b=-7 e-3 opened=1000 by=caf\xe9.csv open\n");
    cr_assert_eq(f.registry->ops->audit_put(f.registry, &row, NULL, &f.error), 0, "%s",
                 f.error.text);
    cr_assert_eq(f.registry->ops->audit_last(f.registry, &f.arena, &last, &f.error), 0);
    cr_expect(bb_span_equal(last.subject, row.subject));
    registry_fixture_release(&f);
}

/* ---- servers that go ------------------------------------------------------------------------- */

/* A child that projects ten new channels a call, for ever. */
static _Noreturn void project_for_ever(struct registry_fixture *f) {
    enum { BATCH = 10 };

    registry_subjects[REGISTRY_POSTGRES].open(f);
    for (uint64_t at = registry_position(f, 0);; at += BATCH) {
        struct bb_outbox_record records[BATCH];
        bb_arena_reset(&f->arena);
        for (uint64_t i = 0; i < BATCH; i++) {
            char name[24];
            snprintf(name, sizeof name, "c%llu", (unsigned long long)(at + i));
            records[i] = registry_channel(f, "demo", "u", name, (uint32_t)(at + i));
            records[i].channel = registry_kept(f, bb_span_of(name));
        }
        if (registry_project(f, 0, at, records, BATCH) != 0)
            _exit(1);
    }
}

static uint64_t projected(struct registry_fixture *f) {
    return (uint64_t)postgres_number(f->conninfo, f->schema,
                                     "SELECT coalesce(sum(sequence), 0) FROM partition_position");
}

/* Whoever projects is killed, or its backend ended by the server: rows and position go together, and who lost its
 * backend carries on without a word. */
Test(registry_database, rows_and_position_survive_together) {
    struct registry_fixture f;
    struct bb_random random;
    struct cluster server;
    uint64_t last = 0;

    bb_random_seed(&random, random_test_seed("registry kill, database"));
    begin(&f);
    registry_fixture_close(&f);
    const char *shared = f.conninfo;
    cluster_start(&server, "postgres", ""); /* others have registries on the shared one */
    f.conninfo = server.address;
    registry_subjects[REGISTRY_POSTGRES].open(&f); /* makes the tables there */
    registry_fixture_close(&f);
    for (int round = 0; round < 6; round++) {
        int status;
        pid_t child = fork();

        cr_assert_geq(child, 0);
        if (child == 0)
            project_for_ever(&f);
        for (int waited = 0; waited < 500 && projected(&f) == last; waited++)
            usleep(20000); /* it has to connect first */
        for (int ended = 0; round % 2 && ended < 4; ended++) {
            usleep(30000 + (useconds_t)bb_random_below(&random, 60000));
            execute(&f, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'busbar registry'");
        }
        usleep(150000 + (useconds_t)bb_random_below(&random, 60000));
        cr_expect_eq(waitpid(child, &status, WNOHANG), 0, "the child ended by itself");
        kill(child, SIGKILL);
        cr_assert_eq(waitpid(child, &status, 0), child);
        registry_subjects[REGISTRY_POSTGRES].open(&f);
        uint64_t position = registry_position(&f, 0);
        registry_fixture_close(&f);
        cr_expect_geq(position, last);
        last = position;
        cr_expect_eq(postgres_number(f.conninfo, f.schema, "SELECT count(*) FROM channel"),
                     (long)position);
    }
    cr_expect_gt(last, 0, "no round got anywhere");
    cluster_stop(&server);
    f.conninfo = shared;
    registry_fixture_release(&f);
}

/* A server of its own is killed and comes back: the same handle goes on. */
Test(registry_database, a_restarted_server_is_found_again) {
    struct registry_fixture f;
    struct bb_registry *shared;
    struct cluster server;

    begin(&f);
    shared = f.registry;
    cluster_start(&server, "postgres", "");
    cr_assert_eq(open_as(&f, server.address, false, &f.registry), 0, "%s", f.error.text);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    expect_registry_channels(&f, "", "",
                             "demo/u/a interval electricity kWh 900s Europe/Amsterdam "
                             "1-1:1.29.0 p0 #1\n");
    cluster_do(&server, "kill", "");
    struct bb_outbox_record record = registry_channel(&f, "demo", "u", "b", 2);
    cr_expect_eq(registry_project(&f, 0, 1, &record, 1), -BB_E_DATABASE_LOST, "%s", f.error.text);
    cr_expect(f.error.retriable);
    cluster_do(&server, "restart", "");
    cr_expect_eq(registry_position(&f, 0), 1);
    cr_expect_eq(registry_project(&f, 0, 1, &record, 1), 0, "%s", f.error.text);
    cluster_do(&server, "restart", ""); /* both connections are gone, and nobody knows yet */
    expect_registry_channels(&f, "", "",
                             "demo/u/a interval electricity kWh 900s Europe/Amsterdam "
                             "1-1:1.29.0 p0 #1\n"
                             "demo/u/b interval electricity kWh 900s Europe/Amsterdam "
                             "1-1:1.29.0 p0 #2\n");
    f.registry->ops->close(f.registry);
    cluster_stop(&server);
    f.registry = shared;
    registry_fixture_release(&f);
}

/* Between a client and the server: it passes everything on, but the next COMMIT's answer it keeps to itself and hangs
 * up. */
struct relay {
    int listener;
    char port[8], server_port[8];
    _Atomic bool is_armed, is_done;
    unsigned lost; /* answers */
};

static int connect_to(const char *port) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(s, (struct sockaddr *)&to, sizeof to) == 0 ? s : -1;
}

/* False: they have parted. */
static bool pass_on(struct relay *relay, int from, int to, bool is_client) {
    char bytes[1 << 16];
    ssize_t size = read(from, bytes, sizeof bytes);

    if (size <= 0 || write(to, bytes, (size_t)size) != size)
        return false;
    if (!is_client || !memmem(bytes, (size_t)size, "commit", 7) || !relay->is_armed)
        return true;
    relay->is_armed = false;
    relay->lost++;
    return read(to, bytes, sizeof bytes) < 0; /* it is done there, and nobody will know */
}

static void *relay_run(void *context) {
    struct relay *relay = context;

    while (!relay->is_done) {
        struct pollfd ends[2] = {{.fd = relay->listener, .events = POLLIN}};
        if (poll(ends, 1, 50) <= 0)
            continue;
        ends[0] = (struct pollfd){.fd = accept(relay->listener, NULL, NULL), .events = POLLIN};
        ends[1] = (struct pollfd){.fd = connect_to(relay->server_port), .events = POLLIN};
        for (bool together = true; together && !relay->is_done;) {
            if (poll(ends, 2, 50) <= 0)
                continue;
            for (int i = 0; together && i < 2; i++)
                if (ends[i].revents)
                    together = pass_on(relay, ends[i].fd, ends[1 - i].fd, i == 0);
        }
        close(ends[0].fd);
        close(ends[1].fd);
    }
    return NULL;
}

static void relay_begin(struct relay *relay, const char *conninfo) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const char *port = strstr(conninfo, "port=");

    *relay = (struct relay){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert(port && sscanf(port, "port=%7[0-9]", relay->server_port) == 1);
    cr_assert_eq(bind(relay->listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(relay->listener, 4), 0);
    cr_assert_eq(getsockname(relay->listener, (struct sockaddr *)&at, &size), 0);
    snprintf(relay->port, sizeof relay->port, "%u", ntohs(at.sin_port));
}

/* What became of it is looked up: it counts once, and is told to have counted. */
Test(registry_database, a_lost_answer_is_looked_up) {
    struct registry_fixture f;
    struct bb_registry *shared;
    struct relay relay;
    pthread_t thread;
    char conninfo[512];

    begin(&f);
    shared = f.registry;
    relay_begin(&relay, f.conninfo);
    cr_assert_eq(pthread_create(&thread, NULL, relay_run, &relay), 0);
    snprintf(conninfo, sizeof conninfo, "%s port=%s", f.conninfo, relay.port);
    cr_assert_eq(open_as(&f, conninfo, false, &f.registry), 0, "%s", f.error.text);

    struct bb_outbox_record record = registry_exception(BB_OUTBOX_EXCEPTION_OPENED, "u", "a",
                                                        BB_CHECK_GAP, 100, 200, 1000);
    relay.is_armed = true;
    cr_expect_eq(registry_project(&f, 0, 0, &record, 1), 0, "%s", f.error.text);
    cr_expect_eq(relay.lost, 1);
    cr_expect_eq(registry_position(&f, 0), 1);

    const struct bb_registry_audit row = {
        .sequence = 1, .salt = BB_SPAN("s"), .texts_hash = BB_SPAN("h"), .chain = BB_SPAN("ours")};
    relay.is_armed = true;
    cr_expect_eq(f.registry->ops->audit_put(f.registry, &row, NULL, &f.error), BB_AUDIT_PUT, "%s",
                 f.error.text);
    cr_expect_eq(relay.lost, 2);
    cr_expect_eq(f.registry->ops->audit_put(f.registry, &row, NULL, &f.error), BB_AUDIT_TAKEN);
    expect_rows(
        &f,
        "SELECT (SELECT count(*) FROM exception), (SELECT count(*) FROM exception_history), "
        "(SELECT count(*) FROM audit)",
        "1|1|1\n");
    f.registry->ops->close(f.registry);
    relay.is_done = true;
    pthread_join(thread, NULL);
    close(relay.listener);
    f.registry = shared;
    registry_fixture_release(&f);
}

/* ---- people ---------------------------------------------------------------------------------- */

static void tell_of_everything(struct registry_fixture *f) {
    struct bb_master_tag tags[] = {{BB_SPAN("transformer"), BB_SPAN("T12")},
                                   {BB_SPAN("district"), BB_SPAN("north")}};
    struct bb_master_installation installations[] = {{.device = BB_SPAN("E1"),
                                                      .from_ms = 1735689600000,
                                                      .to_ms = 1772618400000,
                                                      .multiplier = {25, -1},
                                                      .dials = 6},
                                                     {.device = BB_SPAN("E2"),
                                                      .from_ms = 1772618400000,
                                                      .to_ms = BB_TIME_NONE,
                                                      .multiplier = {1, 0},
                                                      .reason = BB_SPAN("broken")}};
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.tenant = BB_SPAN("demo"),
                                               .name = BB_SPAN("u"),
                                               .zone = BB_SPAN("UTC"),
                                               .commodity = BB_COMMODITY_GAS,
                                               .tags = tags,
                                               .tag_count = 2,
                                               .installations = installations,
                                               .installation_count = 2}};
    enum { OPENED = BB_OUTBOX_EXCEPTION_OPENED, CLOSED = BB_OUTBOX_EXCEPTION_CLOSED };

    static const struct {
        uint8_t kind;
        int64_t recorded_ms;
        const char *source;
    } told[] = {{OPENED, 1767225600000, "a.csv"},
                {CLOSED, 1767232800000, "edit by Mo: read off"},
                {OPENED, 1767236400000, "b.csv"}};

    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u", "a", 1),
                  registry_master(f, &master, 1767225600000));
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct bb_outbox_record record = registry_exception(told[i].kind, "u", "a", BB_CHECK_GAP,
                                                            1767225600000, 1767229200000,
                                                            told[i].recorded_ms);
        record.body = bb_span_of(told[i].source);
        REGISTRY_TELL(f, 0, record);
    }
}

Test(registry_database, views_speak_in_words_and_utc) {
    struct registry_fixture f;

    begin(&f);
    tell_of_everything(&f);
    expect_rows(&f, "SELECT * FROM list_usage_points",
                "demo|u|gas|UTC|||||district=north transformer=T12|1\n");
    expect_rows(&f, "SELECT * FROM list_channels",
                "demo|u|a|1-1:1.29.0|interval|electricity|kWh|kWh|900|1|Europe/Amsterdam|0|1\n");
    expect_rows(&f, "SELECT * FROM list_installations ORDER BY device",
                "demo|u|E1|2025-01-01T00:00:00Z|2026-03-04T10:00:00Z|2.5|6|\n"
                "demo|u|E2|2026-03-04T10:00:00Z||1|0|broken\n");
    expect_rows(&f, "SELECT * FROM list_exceptions",
                "1|demo|u|a|gap|2026-01-01T00:00:00Z|2026-01-01T01:00:00Z|12.345|-0.007|"
                "2026-01-01T00:00:00Z||a.csv|\n");
    expect_rows(&f, "SELECT * FROM list_exception_history ORDER BY recorded",
                "1|2026-01-01T00:00:00Z|opened|a.csv\n"
                "1|2026-01-01T02:00:00Z|closed|edit by Mo: read off\n"
                "1|2026-01-01T03:00:00Z|opened|b.csv\n");
    expect_rows(&f, "SELECT kind, tenant, name, recorded FROM list_master_versions",
                "usage point|demo|u|2026-01-01T00:00:00Z\n");
    registry_fixture_release(&f);
}

/* What an entry no longer has is gone from the columns, too. */
Test(registry_database, columns_follow_the_current_version) {
    struct registry_fixture f;

    begin(&f);
    tell_of_everything(&f);
    REGISTRY_TELL(&f, 0, registry_usage_point(&f, "demo", "u", "Asia/Kolkata", 1800000000000));
    expect_rows(&f, "SELECT zone, customer, tags FROM list_usage_points", "Asia/Kolkata|ACME|\n");
    expect_rows(&f, "SELECT count(*) FROM installation", "0\n");
    registry_fixture_release(&f);
}

/* A mistake is refused; malice is told by the chain. */
Test(registry_database, the_audit_log_stands) {
    struct registry_fixture f;
    const struct bb_registry_audit row = {
        .sequence = 1, .verb = BB_SPAN("edit"), .salt = BB_SPAN("s"), .chain = BB_SPAN("c")};
    struct bb_registry_audit last;

    begin(&f);
    cr_assert_eq(f.registry->ops->audit_put(f.registry, &row, NULL, &f.error), 0);
    expect_rows(
        &f,
        "CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        "EXECUTE statement; RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;"
        "SELECT attempt('DELETE FROM audit'), attempt('TRUNCATE audit'),"
        "attempt('UPDATE audit SET verb = ''none''')",
        "the audit log is kept|the audit log is kept|the audit log stands\n");
    cr_assert_eq(f.registry->ops->audit_last(f.registry, &f.arena, &last, &f.error), 0);
    cr_expect(bb_span_equal(last.verb, row.verb));
    registry_fixture_release(&f);
}
