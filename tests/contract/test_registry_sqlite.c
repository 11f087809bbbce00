/* The registry's file: what the suite of all adapters cannot ask. Versions and foreign files, rights,
 * a full disk, a second process, kill -9, and the views for people with sqlite3. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "contract/registry_fixture.h"
#include "model/quality.h"
#include "support/master_random.h"

static int open_at(struct registry_fixture *f, const char *path, bool read_only,
                   struct bb_registry **out) {
    memset(&f->error, 0, sizeof f->error);
    return bb_registry_sqlite_open(path, read_only, out, &f->error);
}

static void expect_refused(struct registry_fixture *f, bool read_only, enum bb_error_code code) {
    struct bb_registry *registry;
    int result = open_at(f, f->path, read_only, &registry);

    cr_expect_eq(result, -(int)code, "%d: %s", result, f->error.text);
    cr_expect_null(registry);
    cr_expect_not_null(strstr(f->error.text, f->path), "the path is missing in: %s", f->error.text);
}

/* Any SQL of ours on the file, behind the adapter's back. */
static void execute(struct registry_fixture *f, const char *sql) {
    sqlite3 *db;
    char *message = NULL;

    cr_assert_eq(sqlite3_open(f->path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK, "%s", message);
    sqlite3_close(db);
}

static int paint_row(void *context, int columns, char **values, char **names) {
    struct bb_buffer *out = context;

    (void)names;
    for (int i = 0; i < columns; i++)
        bb_buffer_format(out, "%s%s", i ? "|" : "", values[i] ? values[i] : "");
    bb_buffer_append_byte(out, '\n');
    return 0;
}

static void expect_rows(struct registry_fixture *f, const char *sql, const char *expected) {
    sqlite3 *db;

    bb_buffer_clear(&f->picture);
    cr_assert_eq(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, paint_row, &f->picture, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    sqlite3_close(db);
    expect_registry_picture(f, 0, expected);
}

/* ---- versions -------------------------------------------------------------------------------- */

Test(registry_sqlite, another_version_is_refused_and_left_alone) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    for (int version = 1; version <= 3; version += 2) {
        char update[80];
        snprintf(update, sizeof update, "UPDATE schema_version SET version = %d", version);
        execute(&f, update);
        expect_refused(&f, false, BB_E_VERSION);
        expect_refused(&f, true, BB_E_VERSION);
        snprintf(update, sizeof update, "%d\n", version);
        expect_rows(&f, "SELECT version FROM schema_version", update);
    }
    execute(&f, "UPDATE schema_version SET version = 2");
    registry_subjects[REGISTRY_SQLITE].open(&f);
    registry_fixture_release(&f);
}

Test(registry_sqlite, a_foreign_database_is_refused_and_left_alone) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    unlink(f.path);
    execute(&f, "CREATE TABLE contacts (name TEXT)");
    expect_refused(&f, false, BB_E_VERSION);
    expect_rows(&f, "SELECT name FROM sqlite_schema", "contacts\n");
    registry_fixture_release(&f);
}

Test(registry_sqlite, a_file_that_is_no_database_is_refused) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    FILE *file = fopen(f.path, "w");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "this is a letter, not a registry\n");
    fclose(file);
    expect_refused(&f, false, BB_E_VERSION);
    expect_refused(&f, true, BB_E_VERSION);
    registry_fixture_release(&f);
}

Test(registry_sqlite, words_of_a_later_release_are_added) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    execute(&f, "DELETE FROM unit_name WHERE id > 3");
    registry_subjects[REGISTRY_SQLITE].open(&f);
    registry_fixture_close(&f);
    expect_rows(&f, "SELECT name FROM unit_name WHERE id = 24", "m³\n");
    registry_fixture_release(&f);
}

/* ---- rights and disks ------------------------------------------------------------------------ */

Test(registry_sqlite, nothing_there) {
    struct registry_fixture f;
    struct bb_registry *registry;
    char path[160];

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    unlink(f.path);
    expect_refused(&f, true, BB_E_DATA_MISSING);
    cr_expect_neq(access(f.path, F_OK), 0, "a reader made a file");
    snprintf(path, sizeof path, "%s/absent/registry.db", f.directory);
    cr_expect_eq(open_at(&f, path, false, &registry), -BB_E_REGISTRY_IO, "%s", f.error.text);
    cr_expect_eq(open_at(&f, f.directory, false, &registry), -BB_E_REGISTRY_IO, "%s", f.error.text);
    close(open(f.path, O_CREAT | O_WRONLY, 0644)); /* an empty file is an empty database */
    expect_refused(&f, true, BB_E_DATA_MISSING);
    registry_subjects[REGISTRY_SQLITE].open(&f);
    registry_fixture_release(&f);
}

/* Root may everything; seteuid to what is returned to be so again. */
static uid_t become_somebody(void) {
    uid_t before = geteuid();

    if (before == 0)
        cr_assert_eq(seteuid(65534), 0);
    return before;
}

Test(registry_sqlite, no_right_to_read_or_make) {
    struct registry_fixture f;
    struct bb_registry *registry;
    char path[160];

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    snprintf(path, sizeof path, "%s/other.db", f.directory);
    chmod(f.directory, 0555);
    chmod(f.path, 0000);
    uid_t before = become_somebody();
    expect_refused(&f, true, BB_E_NO_PERMISSION);
    expect_refused(&f, false, BB_E_NO_PERMISSION);
    cr_expect_eq(open_at(&f, path, false, &registry), -BB_E_NO_PERMISSION, "%s", f.error.text);
    cr_assert_eq(seteuid(before), 0);
    chmod(f.directory, 0755);
    registry_fixture_release(&f);
}

Test(registry_sqlite, a_reader_does_not_write) {
    struct registry_fixture f;
    struct bb_registry *reader;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    cr_assert_eq(open_at(&f, f.path, true, &reader), 0, "%s", f.error.text);
    struct bb_outbox_record record = registry_channel(&f, "demo", "u", "b", 2);
    cr_expect_eq(reader->ops->project(reader, 0, 1, &record, 1, &f.error), -BB_E_NO_PERMISSION,
                 "%s", f.error.text);
    REGISTRY_TELL(&f, 0, record);
    uint64_t position;
    cr_expect_eq(reader->ops->position(reader, 0, &position, &f.error), 0);
    cr_expect_eq(position, 2, "a reader sees what a writer committed");
    reader->ops->close(reader);
    registry_fixture_release(&f);
}

/* An analyst reads the plant of a service: rights to read are enough, with or without the service
 * running. */
Test(registry_sqlite, reading_needs_no_right_to_write) {
    struct registry_fixture f;
    struct bb_registry *reader;
    uint64_t position;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    registry_fixture_close(&f);
    chmod(f.directory, 0555);
    uid_t before = become_somebody();
    cr_expect_eq(open_at(&f, f.path, true, &reader), 0, "%s", f.error.text);
    if (reader) {
        cr_expect_eq(reader->ops->position(reader, 0, &position, &f.error), 0, "%s", f.error.text);
        cr_expect_eq(position, 1);
        reader->ops->close(reader);
    }
    cr_assert_eq(seteuid(before), 0);
    chmod(f.directory, 0755);
    registry_fixture_release(&f);
}

/* A limit on the file's size stands in for a full disk: nothing happened, and later it goes on. */
Test(registry_sqlite, a_disk_that_takes_no_more) {
    enum { RECORDS = 5000 };
    struct registry_fixture f;
    struct bb_outbox_record *records = calloc(RECORDS, sizeof *records);
    struct rlimit limit, before;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    for (uint32_t i = 0; i < RECORDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        records[i] = registry_channel(&f, "demo", name, "a", i);
        records[i].usage_point = registry_kept(&f, bb_span_of(name));
    }
    REGISTRY_TELL(&f, 0, records[0]);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 256 << 10;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int result = registry_project(&f, 0, 1, records + 1, RECORDS - 1);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);

    cr_expect(result == -BB_E_REGISTRY_IO || result == -BB_E_DISK_FULL, "%d: %s", result,
              f.error.text);
    cr_expect_eq(registry_position(&f, 0), 1);
    expect_registry_usage_points(
        &f, "demo", "demo/u0 electricity zone=Europe/Amsterdam calendar= customer= 1\n");
    cr_expect_eq(registry_project(&f, 0, 1, records + 1, RECORDS - 1), 0, "%s", f.error.text);
    cr_expect_eq(registry_position(&f, 0), RECORDS);
    free(records);
    registry_fixture_release(&f);
}

/* ---- others ---------------------------------------------------------------------------------- */

/* Two processes that carry the same partition: each record counts once. */
Test(registry_sqlite, of_two_writers_one_is_told_so) {
    struct registry_fixture f;
    struct bb_registry *other;
    uint64_t position;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    cr_assert_eq(open_at(&f, f.path, false, &other), 0, "%s", f.error.text);
    struct bb_outbox_record record = registry_channel(&f, "demo", "u", "a", 1);
    cr_expect_eq(other->ops->project(other, 0, 0, &record, 1, &f.error), 0);
    cr_expect_eq(registry_project(&f, 0, 0, &record, 1), 1);
    cr_expect_eq(registry_project(&f, 0, 1, &record, 1), 0);
    cr_expect_eq(other->ops->project(other, 0, 1, &record, 1, &f.error), 1);
    cr_expect_eq(other->ops->position(other, 0, &position, &f.error), 0);
    cr_expect_eq(position, 2);
    other->ops->close(other);
    registry_fixture_release(&f);
}

static int project_while_listing(void *context, const struct bb_registry_channel *row) {
    struct registry_fixture *f = context;

    (void)row;
    REGISTRY_TELL(f, 0, registry_channel(f, "demo", "u", "z", 9));
    return 0;
}

/* A list is one state, whatever is committed beside it. */
Test(registry_sqlite, a_list_stays_what_it_was) {
    struct registry_fixture f;
    struct bb_registry *reader;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    REGISTRY_TELL(&f, 0, registry_channel(&f, "demo", "u", "a", 1));
    cr_assert_eq(open_at(&f, f.path, true, &reader), 0, "%s", f.error.text);
    cr_expect_eq(reader->ops->channel_list(reader, BB_SPAN("demo"), BB_SPAN(""),
                                           project_while_listing, &f, &f.error),
                 0, "%s", f.error.text);
    cr_expect_eq(registry_position(&f, 0), 2, "told once, for the one row of that state");
    reader->ops->close(reader);
    registry_fixture_release(&f);
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

/* A child that projects ten new channels a call, for ever. */
static _Noreturn void project_for_ever(struct registry_fixture *f) {
    enum { BATCH = 10 };

    registry_subjects[REGISTRY_SQLITE].open(f);
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

Test(registry_sqlite, rows_and_position_survive_kill_9_together) {
    struct registry_fixture f;
    struct bb_random random;
    uint64_t last = 0;

    bb_random_seed(&random, random_test_seed("registry kill -9"));
    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    registry_fixture_close(&f);
    for (int round = 0; round < 8; round++) {
        char count[32];
        int status;
        pid_t child = fork();

        cr_assert_geq(child, 0);
        if (child == 0)
            project_for_ever(&f);
        usleep(20000 + (useconds_t)bb_random_below(&random, 60000));
        kill(child, SIGKILL);
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSIGNALED(status), "the child ended by itself: %d", status);

        registry_subjects[REGISTRY_SQLITE].open(&f);
        uint64_t position = registry_position(&f, 0);
        registry_fixture_close(&f);
        cr_expect_geq(position, last);
        last = position;
        snprintf(count, sizeof count, "%llu\n", (unsigned long long)position);
        expect_rows(&f, "SELECT count(*) FROM channel", count);
        expect_rows(&f, "PRAGMA integrity_check", "ok\n");
    }
    cr_expect_gt(last, 0, "no round got anywhere");
    registry_fixture_release(&f);
}

/* ---- people ---------------------------------------------------------------------------------- */

static void tell_of_everything(struct registry_fixture *f) {
    struct bb_master_tag tags[] = {{BB_SPAN("district"), BB_SPAN("north")},
                                   {BB_SPAN("transformer"), BB_SPAN("T12")}};
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

Test(registry_sqlite, views_speak_in_words_and_utc) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    tell_of_everything(&f);
    expect_rows(&f, "SELECT * FROM list_usage_points",
                "demo|u|gas|UTC|||||district=north transformer=T12|1\n");
    expect_rows(&f, "SELECT * FROM list_channels",
                "demo|u|a|1-1:1.29.0|interval|electricity|kWh|kWh|900|1|Europe/Amsterdam|0|1\n");
    expect_rows(&f, "SELECT * FROM list_installations",
                "demo|u|E1|2025-01-01T00:00:00Z|2026-03-04T10:00:00Z|2.5|6|\n"
                "demo|u|E2|2026-03-04T10:00:00Z||1|0|broken\n");
    expect_rows(&f, "SELECT * FROM list_exceptions",
                "1|demo|u|a|gap|2026-01-01T00:00:00Z|2026-01-01T01:00:00Z|12.345|-0.007|"
                "2026-01-01T00:00:00Z||a.csv|\n");
    expect_rows(&f, "SELECT * FROM list_exception_history",
                "1|2026-01-01T00:00:00Z|opened|a.csv\n"
                "1|2026-01-01T02:00:00Z|closed|edit by Mo: read off\n"
                "1|2026-01-01T03:00:00Z|opened|b.csv\n");
    expect_rows(&f, "SELECT kind, tenant, name, recorded FROM list_master_versions",
                "usage point|demo|u|2026-01-01T00:00:00Z\n");
    expect_rows(&f, "PRAGMA journal_mode", "wal\n");
    expect_rows(&f, "PRAGMA foreign_key_check", "");
    registry_fixture_release(&f);
}

/* What an entry no longer has is gone from the columns, too. */
Test(registry_sqlite, columns_follow_the_current_version) {
    struct registry_fixture f;

    registry_fixture_init(&f, &registry_subjects[REGISTRY_SQLITE]);
    tell_of_everything(&f);
    REGISTRY_TELL(&f, 0, registry_usage_point(&f, "demo", "u", "Asia/Kolkata", 1800000000000));
    expect_rows(&f, "SELECT zone, customer, tags FROM list_usage_points", "Asia/Kolkata|ACME|\n");
    expect_rows(&f, "SELECT count(*) FROM installation", "0\n");
    registry_fixture_release(&f);
}
