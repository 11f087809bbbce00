/* What is said while the plant takes nothing: one line when that begins, one when it is over. */
#include <criterion/criterion.h>

#include "base/log_tail.h"
#include "http/refusing_internal.h"

static int64_t clock_ms = 1772323200000;
static struct bb_logger logger;
static struct bb_http_refusing refusing;

static void make(void) {
    int fd;

    logger = (struct bb_logger){.fd = -1, /* to nowhere but its tail */
                                .clock = bb_clock_manual(&clock_ms),
                                .tail = bb_log_tail_share(&fd)};
    cr_assert_not_null(logger.tail);
    refusing = (struct bb_http_refusing){.limit_ms = 60000};
}

TestSuite(refusing, .init = make);

static void look(int64_t age_ms, int64_t now_ms) {
    atomic_store(&refusing.age_ms, age_ms);
    bb_http_refusing_look(&refusing, now_ms, &logger);
}

static void expect_newest(uint64_t serial, const char *part) {
    struct bb_log_tail_line line = {.serial = 0};

    cr_expect_eq(bb_log_tail_newest(logger.tail), serial);
    if (serial == 0)
        return;
    cr_assert(bb_log_tail_before(logger.tail, UINT64_MAX, BB_LOG_INFO, true, &line));
    cr_expect(memmem(line.members, line.size, part, strlen(part)), "%.*s", (int)line.size,
              line.members);
}

Test(refusing, what_may_wait_is_nothing_to_tell) {
    for (int64_t now_ms = 0; now_ms < 600000; now_ms += 500)
        look(60000, now_ms);
    expect_newest(0, NULL);
}

Test(refusing, it_begins_once_and_ends_once) {
    int64_t now_ms = 1000;

    look(61000, now_ms);
    expect_newest(1, "\"level\":\"warning\"");
    expect_newest(1, "\"decision\":\"backlog-refuse\"");
    for (; now_ms < 601000; now_ms += 500) { /* at its limit: below, above, below, ... */
        look(now_ms / 5000 % 2 ? 61000 : 59000, now_ms);
        bb_http_refusing_count(&refusing, BB_E_BACKLOG);
        bb_http_refusing_count(&refusing, BB_OK);
        bb_http_refusing_count(&refusing, BB_E_VALUE);
    }
    expect_newest(1, "backlog-refuse");
    look(70000, now_ms);
    look(0, now_ms + BB_HTTP_CALM_MS - 1);
    expect_newest(1, "backlog-refuse");
    look(0, now_ms + BB_HTTP_CALM_MS);
    expect_newest(2, "\"decision\":\"backlog-take\",\"refused\":1200,\"took_s\":600");
    look(0, now_ms + 3 * BB_HTTP_CALM_MS);
    expect_newest(2, "backlog-take");
    look(62000, now_ms + 4 * BB_HTTP_CALM_MS);
    expect_newest(3, "backlog-refuse");
    look(0, now_ms + 5 * BB_HTTP_CALM_MS);
    expect_newest(4, "\"refused\":0,\"took_s\":0");
}

Test(refusing, a_disk_is_full_until_something_found_room) {
    int64_t now_ms = 1000;

    bb_http_refusing_count(&refusing, BB_OK);
    look(0, now_ms);
    expect_newest(0, NULL);
    bb_http_refusing_count(&refusing, BB_E_DISK_FULL);
    look(0, now_ms);
    expect_newest(1, "\"decision\":\"disk-refuse\"");
    for (; now_ms < 3600000; now_ms += 1000) /* nobody sends: nobody knows better */
        look(0, now_ms);
    expect_newest(1, "disk-refuse");
    bb_http_refusing_count(&refusing, BB_E_DISK_FULL);
    bb_http_refusing_count(&refusing, BB_OK);
    look(0, now_ms);
    expect_newest(1, "disk-refuse");
    look(0, now_ms - 1000 + BB_HTTP_CALM_MS);
    expect_newest(2, "\"decision\":\"disk-take\",\"refused\":2,\"took_s\":3598");
}
