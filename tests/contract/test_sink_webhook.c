/* What the webhook promises beyond the port: repetitions can be seen, it waits when it is told to, and says what was refused. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "contract/sink_webhook.h"

static struct sink_fixture f;
static struct webhook_receiver *receiver;

static void begin(void) {
    sink_fixture_init(&f, &sink_webhook_subject);
    receiver = f.other;
}

static void end(void) {
    sink_fixture_release(&f);
}

TestSuite(webhook, .init = begin, .fini = end, .timeout = 60);

Test(webhook, a_lost_answer_is_told_again_with_the_same_ids) {
    sink_make(&f, 50);
    cut_proxy_arm(f.proxy, 5000);
    sink_deliver(&f, 50);
    cr_expect_eq(cut_proxy_cuts(f.proxy), 1);
    sink_make(&f, 30);
    f.bookmarks.plan.calls = 0;
    f.bookmarks.plan = (struct bb_fault_plan){.fail_at = 1, .before = true};
    cr_expect_eq(sink_deliver(&f, 30), 1, "the bookmark was not moved once");
    cr_expect_gt(receiver->repeated, 0);
    cr_expect_eq(receiver->contradicted, 0);
    sink_expect_world(&f, "after repetitions");
}

Test(webhook, waits_as_long_as_it_is_told_to) {
    int64_t begun = bb_monotonic_ns();

    sink_make(&f, 20);
    receiver->busy_for = 2;
    receiver->busy_status = 429;
    receiver->retry_after = "1";
    cr_expect_eq(sink_deliver(&f, 20), 0, "%s", f.error.text);
    cr_expect_geq(bb_monotonic_ns() - begun, INT64_C(2000000000));
    sink_expect_world(&f, "after it was asked to wait");
}

Test(webhook, gives_up_for_now_when_patience_is_over) {
    sink_make(&f, 10);
    receiver->busy_for = 1000000;
    receiver->busy_status = 503;
    receiver->retry_after = "60";
    cr_expect_eq(sink_apply(&f, 0, 0, 10), -BB_E_SINK_BUSY);
    cr_expect(f.error.retriable);
    cr_expect(strstr(f.error.text, "503") != NULL, "%s", f.error.text);
    cr_expect_eq(receiver->requests, 1, "a minute is more than its patience");
    receiver->busy_for = 0;
    sink_deliver(&f, 10);
    sink_expect_world(&f, "after it was busy");
}

Test(webhook, says_what_was_refused_for_good) {
    sink_make(&f, 40);
    receiver->refused = "\"id\":\"1:";
    cr_expect_eq(sink_apply(&f, 0, 0, 40), -BB_E_SINK_REFUSED);
    cr_expect_not(f.error.retriable);
    cr_expect(strstr(f.error.text, "422") != NULL, "%s", f.error.text);
    cr_expect(strstr(f.error.text, "no such meter") != NULL, "in one line: %s", f.error.text);
    cr_expect(strstr(f.error.text, "hook:1:") != NULL, "%s", f.error.text);
    cr_expect_eq(receiver->requests, 1, "no second attempt");
    sink_expect_position(&f, 0, 0);
}

Test(webhook, tells_of_the_lanes_and_the_tenant_that_were_chosen) {
    struct bb_bookmark bookmark = sink_bookmark(&f);
    struct bb_sink_webhook_options options = {
        .url = receiver->url,
        .secret_file = receiver->secrets,
        .choice = {.lanes = 1u << BB_LANE_VEE, .tenant = "other"},
        .patience = sink_patience()};
    size_t others = 0;

    cr_assert_eq(bb_sink_webhook_open(&options, &bookmark, "hook", &f.sinks[1], &f.error), 0);
    sink_make(&f, 200);
    cr_expect_eq(sink_apply(&f, 1, 0, 200), 0, "%s", f.error.text);
    sink_expect_position(&f, 1, 200);
    for (size_t i = 0; i < receiver->seen.lines.count; i++) {
        const char **line = sorted_at(&receiver->seen.lines, i);
        others += !strstr(line[1], "\"tenant\":\"other\"") || !strstr(line[1], "\"lane\":\"vee\"");
    }
    cr_expect_gt(receiver->seen.lines.count, 0);
    cr_expect_eq(others, 0);
}

Test(webhook, speaks_http_to_the_network_only_when_told_to) {
    struct bb_bookmark bookmark = sink_bookmark(&f);
    struct bb_sink_webhook_options options = {.url = "http://example.org/hook"};

    cr_expect_eq(bb_sink_webhook_open(&options, &bookmark, "hook", &f.sinks[1], &f.error),
                 -BB_E_SINK_SETTINGS);
    options.url = "https://example.org/hook";
    options.secret_file = "/nowhere/secret";
    cr_expect_lt(bb_sink_webhook_open(&options, &bookmark, "hook", &f.sinks[1], &f.error), 0);
    cr_expect(strstr(f.error.text, "/nowhere/secret") != NULL, "%s", f.error.text);
}
