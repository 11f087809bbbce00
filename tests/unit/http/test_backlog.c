/* What is said of posts that are refused because of a backlog: one line when it begins, one when it is over. */
#include <criterion/criterion.h>

#include "base/log_tail.h"
#include "http/backlog_internal.h"

static int64_t clock_ms = 1772323200000;
static struct bb_logger logger;
static struct bb_http_backlog backlog;

static void make(void) {
    int fd;

    logger = (struct bb_logger){.fd = -1, /* to nowhere but its tail */
                                .clock = bb_clock_manual(&clock_ms),
                                .tail = bb_log_tail_share(&fd)};
    cr_assert_not_null(logger.tail);
    backlog = (struct bb_http_backlog){.limit_ms = 60000};
}

TestSuite(backlog, .init = make);

static void expect_newest(uint64_t serial, const char *part) {
    struct bb_log_tail_line line = {.serial = 0};

    cr_expect_eq(bb_log_tail_newest(logger.tail), serial);
    if (serial == 0)
        return;
    cr_assert(bb_log_tail_before(logger.tail, UINT64_MAX, BB_LOG_INFO, true, &line));
    cr_expect(memmem(line.members, line.size, part, strlen(part)), "%.*s", (int)line.size,
              line.members);
}

Test(backlog, what_may_wait_is_nothing_to_tell) {
    for (int64_t now_ms = 0; now_ms < 600000; now_ms += 500)
        bb_http_backlog_note(&backlog, 60000, now_ms, &logger);
    cr_expect_eq(atomic_load(&backlog.age_ms), 60000);
    expect_newest(0, NULL);
}

Test(backlog, it_begins_once_and_ends_once) {
    int64_t now_ms = 1000;

    bb_http_backlog_note(&backlog, 61000, now_ms, &logger);
    expect_newest(1, "\"decision\":\"backlog-refuse\",\"waited_s\":61,\"limit_s\":60");
    for (; now_ms < 601000; now_ms += 500) { /* at its limit: below, above, below, ... */
        bb_http_backlog_note(&backlog, now_ms / 5000 % 2 ? 61000 : 59000, now_ms, &logger);
        atomic_fetch_add(&backlog.refused, 1);
    }
    expect_newest(1, "backlog-refuse");
    bb_http_backlog_note(&backlog, 70000, now_ms, &logger);
    bb_http_backlog_note(&backlog, 0, now_ms + BB_HTTP_BACKLOG_CALM_MS - 1, &logger);
    expect_newest(1, "backlog-refuse");
    bb_http_backlog_note(&backlog, 0, now_ms + BB_HTTP_BACKLOG_CALM_MS, &logger);
    expect_newest(2, "\"decision\":\"backlog-take\",\"refused\":1200,\"took_s\":600");
    bb_http_backlog_note(&backlog, 0, now_ms + 3 * BB_HTTP_BACKLOG_CALM_MS, &logger);
    expect_newest(2, "backlog-take");
}

Test(backlog, the_next_time_is_counted_anew) {
    int64_t now_ms = 1000;

    bb_http_backlog_note(&backlog, 61000, now_ms, &logger);
    atomic_store(&backlog.refused, 7);
    bb_http_backlog_note(&backlog, 0, now_ms + 60000, &logger);
    expect_newest(2, "\"refused\":7,\"took_s\":0");
    bb_http_backlog_note(&backlog, 62000, now_ms + 90000, &logger);
    expect_newest(3, "\"waited_s\":62");
    cr_expect_eq(atomic_load(&backlog.refused), 0);
}
