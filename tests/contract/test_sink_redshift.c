/* What the warehouse holds besides values: dimensions that join with every fact, exceptions, the last word on each. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "contract/sink_redshift.h"
#include "model/master.h"

static struct sink_fixture f;

static void begin(void) {
    sink_fixture_init(&f, &sink_redshift_subject);
}

static void end(void) {
    sink_fixture_release(&f);
}

TestSuite(redshift, .init = begin, .fini = end, .timeout = 120);

static void expect_answer(const char *sql, const char *expected) {
    PGresult *rows = warehouse_ask(f.other, sql);
    struct bb_buffer text;

    bb_buffer_init(&text, 1 << 20);
    for (int i = 0; i < PQntuples(rows); i++)
        bb_buffer_format(&text, "%s\n", PQgetvalue(rows, i, 0));
    bb_buffer_append_byte(&text, '\0');
    cr_expect_str_eq(text.data, expected, "%s\nanswers\n%sexpected\n%s", sql, text.data, expected);
    bb_buffer_release(&text);
    PQclear(rows);
}

/* The next record of partition p; returns its outcome. */
static int tell(uint32_t p, struct bb_outbox_record record) {
    uint64_t at;

    cr_assert_eq(f.sinks[0]->ops->position(f.sinks[0], p, &at, &f.error), 0, "%s", f.error.text);
    return f.sinks[0]->ops->apply(f.sinks[0], p, at, &record, 1, &f.error);
}

static struct bb_outbox_record master_record(const struct bb_master *master, int64_t recorded_ms) {
    static char bytes[8][4096];
    static size_t next;
    struct bb_buffer body;

    bb_buffer_init(&body, sizeof bytes[0]);
    cr_assert_eq(bb_master_encode(master, &body, &f.error), 0, "%s", f.error.text);
    char *kept = bytes[next++ % 8];
    memcpy(kept, body.data, body.size);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                      .tenant = bb_master_tenant_name(master),
                                      .usage_point = bb_master_name(master),
                                      .recorded_ms = recorded_ms,
                                      .body = {kept, body.size}};
    bb_buffer_release(&body);
    return record;
}

static struct bb_outbox_record usage_point(const char *customer, uint32_t devices,
                                           int64_t recorded_ms) {
    struct bb_master_installation installations[] = {
        {.device = BB_SPAN("A"), .from_ms = 0, .to_ms = 1000, .multiplier = {1, 0}},
        {.device = BB_SPAN("B"), .from_ms = 1000, .to_ms = BB_TIME_NONE, .multiplier = {400, -1}}};
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.tenant = BB_SPAN("demo"),
                                               .name = BB_SPAN("u"),
                                               .customer = bb_span_of(customer),
                                               .installations = installations,
                                               .installation_count = devices}};

    return master_record(&master, recorded_ms);
}

static struct bb_outbox_record tenant(const char *zone, int64_t recorded_ms) {
    struct bb_master master = {.kind = BB_MASTER_TENANT,
                               .tenant = {.name = BB_SPAN("demo"), .zone = bb_span_of(zone)}};

    return master_record(&master, recorded_ms);
}

Test(redshift, dimensions_follow_the_master_data) {
    cr_assert_eq(tell(1, usage_point("ACME", 1, 1000)), 0, "%s", f.error.text);
    expect_answer(
        "SELECT device || ' ' || trim_scale(multiplier) || ' ' || coalesce(valid_to::text, "
        "'-') FROM dim_installation ORDER BY 1",
        "A 1 1970-01-01 00:00:01\n");
    cr_assert_eq(tell(1, usage_point("ACME & Söhne", 2, 2000)), 0, "%s", f.error.text);
    expect_answer("SELECT customer FROM dim_usage_point", "ACME & Söhne\n");
    expect_answer(
        "SELECT device || ' ' || trim_scale(multiplier) || ' ' || coalesce(valid_to::text, "
        "'-') FROM dim_installation ORDER BY 1",
        "A 1 1970-01-01 00:00:01\nB 40 -\n");
    cr_assert_eq(tell(1, usage_point("C", 0, 3000)), 0, "%s", f.error.text);
    expect_answer("SELECT count(*) FROM dim_installation", "0\n");
}

Test(redshift, a_batch_with_many_versions_ends_as_the_last_one) {
    struct bb_outbox_record records[] = {usage_point("A", 2, 1000), usage_point("B", 0, 2000),
                                         usage_point("C", 1, 3000)};
    uint64_t at;

    cr_assert_eq(f.sinks[0]->ops->position(f.sinks[0], 1, &at, &f.error), 0);
    cr_assert_eq(f.sinks[0]->ops->apply(f.sinks[0], 1, 0, records, 3, &f.error), 0, "%s",
                 f.error.text);
    expect_answer("SELECT customer FROM dim_usage_point", "C\n");
    expect_answer("SELECT device FROM dim_installation", "A\n");
}

/* Every partition tells of a tenant, and they are not carried in step. */
Test(redshift, a_tenant_is_as_it_was_recorded_last) {
    cr_assert_eq(tell(0, tenant("Europe/Berlin", 2000)), 0, "%s", f.error.text);
    cr_assert_eq(tell(1, tenant("UTC", 1000)), 0, "%s", f.error.text);
    expect_answer("SELECT zone FROM dim_tenant", "Europe/Berlin\n");
    cr_assert_eq(tell(1, tenant("Europe/Berlin", 2000)), 0, "%s", f.error.text);
    cr_assert_eq(tell(1, tenant("Europe/Madrid", 3000)), 0, "%s", f.error.text);
    expect_answer("SELECT zone FROM dim_tenant", "Europe/Madrid\n");
}

Test(redshift, no_fact_is_lost_by_a_join) {
    sink_make(&f, 600); /* channels without master data, master data without channels */
    struct bb_outbox_record channel = change_world_other(&f.world, 1);
    while (channel.kind != BB_OUTBOX_CHANNEL)
        channel = change_world_other(&f.world, 1);
    sink_deliver(&f, 100);
    for (size_t i = 0; i < WORLD_BLOCKS; i++) {
        const struct world_block *b = &f.world.blocks[i];
        channel.tenant = bb_span_of(b->tenant);
        channel.usage_point = bb_span_of(b->usage_point);
        channel.channel = bb_span_of(b->channel);
        cr_assert_eq(tell(1, channel), 0, "%s", f.error.text);
    }
    expect_answer("SELECT count(*) = (SELECT count(*) FROM fact_reading) AND count(*) > 100 FROM "
                  "fact_reading JOIN dim_channel USING (tenant, usage_point, channel) JOIN "
                  "dim_usage_point USING (tenant, usage_point) JOIN dim_tenant USING (tenant)",
                  "t\n");
}

Test(redshift, exceptions_are_facts_of_their_own) {
    struct bb_outbox_record record = {.kind = BB_OUTBOX_EXCEPTION_OPENED,
                                      .check = BB_CHECK_HIGH,
                                      .exponent = -3,
                                      .a = 1234,
                                      .b = -5,
                                      .tenant = BB_SPAN("demo"),
                                      .usage_point = BB_SPAN("u"),
                                      .channel = BB_SPAN("c"),
                                      .from_ms = 0,
                                      .to_ms = 900000,
                                      .recorded_ms = 5000,
                                      .body = BB_SPAN("file.csv")};

    cr_assert_eq(tell(1, record), 0, "%s", f.error.text);
    record.kind = BB_OUTBOX_EXCEPTION_CLOSED;
    cr_assert_eq(tell(1, record), 0, "%s", f.error.text);
    expect_answer(
        "SELECT concat_ws(' ', sequence, check_name, happening, trim_scale(evidence_a), "
        "trim_scale(evidence_b), interval_end, source) FROM fact_exception ORDER BY sequence",
        "1 high opened 1.234 -0.005 1970-01-01 00:15:00 file.csv\n"
        "2 high closed 1.234 -0.005 1970-01-01 00:15:00 file.csv\n");
}

Test(redshift, goes_in_steps_of_its_batches) {
    struct warehouse_side *side = f.other;

    side->batch_rows = 30;
    sink_reopen(&f, 0);
    sink_make(&f, 300);
    cut_proxy_arm(f.proxy, 150000);
    sink_apply(&f, 0, 0, 300);
    cr_expect_eq(cut_proxy_cuts(f.proxy), 1);
    cr_expect(f.error.retriable, "%s", f.error.text);
    sink_reopen(&f, 0);
    uint64_t at = 0;
    cr_assert_eq(f.sinks[0]->ops->position(f.sinks[0], 1, &at, &f.error), 0);
    cr_expect(at > 0 && at < 300, "some steps were done: %llu", (unsigned long long)at);
    sink_deliver(&f, 300);
    sink_expect_world(&f, "in steps");
}

/* As Redshift without a bucket takes them. */
Test(redshift, takes_rows_by_insert) {
    ((struct warehouse_side *)f.other)->by_insert = true;
    sink_reopen(&f, 0);
    sink_make(&f, 500);
    cr_expect_eq(sink_deliver(&f, 200), 0, "%s", f.error.text);
    sink_expect_world(&f, "by INSERT");
}

Test(redshift, says_what_is_refused_and_by_whom) {
    struct bb_outbox_record record = usage_point("A", 0, 1000);

    cr_assert_eq(tell(1, record), 0, "%s", f.error.text);
    PQclear(warehouse_ask(f.other, "SELECT 1"));
    PGresult *done = PQexec(((struct warehouse_side *)f.other)->direct,
                            "DROP TABLE dim_usage_point");
    cr_assert_eq(PQresultStatus(done), PGRES_COMMAND_OK);
    PQclear(done);
    cr_expect_eq(tell(1, record), -BB_E_SINK_REFUSED);
    cr_expect_not(f.error.retriable);
    cr_expect(strstr(f.error.text, "dim_usage_point") != NULL, "%s", f.error.text);
    cr_expect(strstr(f.error.source, "records 2 to 2 of partition 1") != NULL, "%s",
              f.error.source);
}
