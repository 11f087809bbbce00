/* The last lines of a log: what is kept, for how long, and what a line costs at most. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log_tail.h"

static const int64_t now_ms = 1772323200123; /* 2026-03-01T00:00:00.123Z */
static struct bb_log_tail *tail;
static int tail_fd;

static void make(void) {
    tail = bb_log_tail_share(&tail_fd);
    cr_assert_not_null(tail);
}

static void drop(void) {
    close(tail_fd);
}

TestSuite(log_tail, .init = make, .fini = drop);

static void say(enum bb_log_level level, const char *message) {
    bb_log_tail_put(tail, now_ms, level, message, NULL, 0);
}

static void decide(const char *message) {
    const struct bb_log_field field = bb_field_decision("tick");

    bb_log_tail_put(tail, now_ms, BB_LOG_INFO, message, &field, 1);
}

/* The line before `serial` as a text; NULL: there is none. */
static const char *before(uint64_t serial, enum bb_log_level least, bool decisions_only,
                          uint64_t *found) {
    static char text[BB_LOG_TAIL_BYTES + 1];
    struct bb_log_tail_line line;

    if (!bb_log_tail_before(tail, serial, least, decisions_only, &line))
        return NULL;
    cr_expect_eq(line.process, getpid());
    snprintf(text, sizeof text, "%.*s", (int)line.size, line.members);
    *found = line.serial;
    return text;
}

static const char *newest(void) {
    uint64_t serial;

    return before(UINT64_MAX, BB_LOG_INFO, false, &serial);
}

#define BEGINNING "\"time\":\"2026-03-01T00:00:00.123Z\",\"level\":\"info\",\"message\":\""

/* Whole: it has its beginning, and as many quotes as close. */
static void expect_whole(const char *text) {
    size_t quotes = 0;

    cr_expect_eq(strncmp(text, BEGINNING, strlen(BEGINNING)), 0, "%s", text);
    for (const char *at = text; *at; at++)
        quotes += *at == '"';
    cr_expect_eq(quotes % 2, 0, "%s", text);
}

/* Messages of one letter from the newest to the oldest. */
static void expect_messages(enum bb_log_level least, bool decisions_only, const char *wanted) {
    static const char before_message[] = "\"message\":\"";
    uint64_t serial = UINT64_MAX;
    char letters[16] = "";
    size_t count = 0;
    const char *text;

    while (count + 1 < sizeof letters &&
           (text = before(serial, least, decisions_only, &serial)) != NULL)
        letters[count++] = strstr(text, before_message)[sizeof before_message - 1];
    cr_expect_str_eq(letters, wanted);
}

Test(log_tail, lines_are_told_from_the_newest_on) {
    cr_expect_eq(bb_log_tail_newest(tail), 0);
    expect_messages(BB_LOG_INFO, false, "");
    say(BB_LOG_INFO, "a");
    decide("b");
    say(BB_LOG_ERROR, "c");
    say(BB_LOG_WARNING, "d");
    cr_expect_eq(bb_log_tail_newest(tail), 4);
    expect_messages(BB_LOG_INFO, false, "dcba");
    expect_messages(BB_LOG_WARNING, false, "dc");
    expect_messages(BB_LOG_ERROR, false, "c");
    expect_messages(BB_LOG_INFO, true, "b");
    expect_messages(BB_LOG_WARNING, true, "");
}

Test(log_tail, a_line_is_what_json_on_stderr_would_be) {
    const struct bb_log_field fields[] = {bb_field_text("file", "a \"b\""),
                                          bb_field_number("bytes", 812)};
    struct bb_log_tail_line line;

    bb_log_tail_put(tail, now_ms, BB_LOG_WARNING, "cut", fields, 2);
    cr_assert(bb_log_tail_before(tail, UINT64_MAX, BB_LOG_INFO, false, &line));
    cr_expect_eq(line.level, BB_LOG_WARNING);
    line.members[line.size] = '\0';
    cr_expect_str_eq(line.members, "\"time\":\"2026-03-01T00:00:00.123Z\",\"level\":\"warning\","
                                   "\"message\":\"cut\",\"file\":\"a \\\"b\\\"\",\"bytes\":812");
}

static size_t count_of(bool decisions_only, uint64_t *oldest) {
    struct bb_log_tail_line line = {.serial = UINT64_MAX};
    size_t count = 0;

    while (bb_log_tail_before(tail, line.serial, BB_LOG_INFO, decisions_only, &line)) {
        count++;
        *oldest = line.serial;
    }
    return count;
}

Test(log_tail, the_oldest_go_and_decisions_stay) {
    uint64_t oldest;

    decide("the only one");
    for (int i = 0; i < 3 * BB_LOG_TAIL_LINES; i++)
        say(BB_LOG_INFO, "chatter");
    cr_expect_eq(count_of(true, &oldest), 1);
    cr_expect_eq(oldest, 1);
    cr_expect_eq(count_of(false, &oldest), BB_LOG_TAIL_LINES + 1);
    for (int i = 0; i < BB_LOG_TAIL_LINES; i++)
        decide("another one");
    cr_expect_eq(count_of(true, &oldest), BB_LOG_TAIL_LINES);
    cr_expect_eq(oldest, 3 * BB_LOG_TAIL_LINES + 2);
    cr_expect_eq(count_of(false, &oldest), 2 * BB_LOG_TAIL_LINES);
    cr_expect_eq(oldest, 2 * BB_LOG_TAIL_LINES + 2);
}

Test(log_tail, long_lines_are_cut_and_stay_whole) {
    static char words[8000], marks[4000], bells[4000];
    static const struct {
        const char *message, *piece;
        size_t pieces;
    } rows[] = {{words, "w", 256}, {marks, "\u20ac", 85}, {bells, "\\u0007", 128}};

    memset(words, 'w', sizeof words - 1);
    memset(bells, '\a', sizeof bells - 1); /* six bytes each, as JSON has them */
    for (size_t i = 0; i + 3 < sizeof marks; i += 3)
        memcpy(marks + i, "\u20ac", 3);
    const struct bb_log_field fields[] = {bb_field_text("file", words), bb_field_number("line", 7)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bb_log_tail_put(tail, now_ms, BB_LOG_INFO, rows[i].message, fields, 2);
        const char *at = newest();
        expect_whole(at);
        size_t count = 0;
        for (at += strlen(BEGINNING); strncmp(at, rows[i].piece, strlen(rows[i].piece)) == 0;
             count++)
            at += strlen(rows[i].piece);
        cr_expect_eq(count, rows[i].pieces, "%zu pieces in row %zu", count, i);
        cr_expect_eq(strncmp(at, "\",\"file\":\"w", 11), 0, "%s", at);
        cr_expect_str_eq(strrchr(at, 'w') + 1, "\",\"line\":7");
    }
}

Test(log_tail, of_too_many_fields_the_first_are_kept) {
    struct bb_log_field fields[200];

    fields[0] = bb_field_number("first", INT64_MIN);
    for (int i = 1; i < 200; i++)
        fields[i] = bb_field_number("a-rather-long-name-of-a-field-that-takes-room-by-itself", i);
    bb_log_tail_put(tail, now_ms, BB_LOG_INFO, "many", fields, 200);
    expect_whole(newest());
    cr_expect(strstr(newest(), "\"first\":-9223372036854775808,"));
}

Test(log_tail, a_logger_keeps_what_it_does_not_write) {
    int64_t clock_ms = now_ms;
    int ends[2];
    char nothing;

    cr_assert_eq(pipe(ends), 0);
    const struct bb_logger logger = {
        .fd = ends[1], .least = BB_LOG_ERROR, .clock = bb_clock_manual(&clock_ms), .tail = tail};
    bb_log_line(&logger, BB_LOG_DEBUG, "debug", NULL, 0);
    bb_log_line(&logger, BB_LOG_INFO, "info", NULL, 0);
    close(ends[1]);
    cr_expect_eq(read(ends[0], &nothing, 1), 0, "nothing was written");
    close(ends[0]);
    expect_messages(BB_LOG_DEBUG, false, "i");
}

Test(log_tail, an_error_is_kept_by_its_parts) {
    int64_t clock_ms = now_ms;
    const struct bb_logger logger = {
        .fd = -1, .clock = bb_clock_manual(&clock_ms), .tail = tail}; /* text, to nowhere */
    struct bb_error error = {0};

    (void)BB_FAIL(&error, BB_E_VALUE, "NaN is not a number");
    bb_log_error(&logger, &error);
    cr_expect_str_eq(newest(), "\"time\":\"2026-03-01T00:00:00.123Z\",\"level\":\"error\","
                               "\"message\":\"NaN is not a number\",\"code\":\"BB-1005\"");
    bb_error_locate(&error, "day.csv", 412);
    bb_log_error(&logger, &error);
    cr_expect(strstr(newest(), "\"code\":\"BB-1005\",\"file\":\"day.csv\",\"line\":412"));
}

/* ---- processes and threads */

Test(log_tail, other_memory_is_refused) {
    int fd = memfd_create("other", MFD_CLOEXEC);

    cr_expect_null(bb_log_tail_join(fd));
    cr_assert_eq(ftruncate(fd, lseek(tail_fd, 0, SEEK_END)), 0);
    cr_expect_null(bb_log_tail_join(fd), "of the right size, and nobody's");
    close(fd);
    cr_expect_null(bb_log_tail_join(-1));
}

Test(log_tail, a_child_is_outlived_by_what_it_said) {
    struct bb_log_tail_line line;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct bb_log_tail *joined = bb_log_tail_join(tail_fd);
        if (joined)
            bb_log_tail_put(joined, now_ms, BB_LOG_INFO, "of a child", NULL, 0);
        _exit(joined ? 0 : 1);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert(bb_log_tail_before(tail, UINT64_MAX, BB_LOG_INFO, false, &line));
    cr_expect_eq(line.process, pid);
}

/* Killed wherever they are, writers leave whole lines and a lock that others get. */
Test(log_tail, killed_writers_do_no_harm, .timeout = 60) {
    enum { KILLED = 40 };
    struct bb_log_tail_line line = {.serial = UINT64_MAX};
    char text[BB_LOG_TAIL_BYTES + 1];

    for (int i = 0; i < KILLED; i++) {
        pid_t pid = fork();
        if (pid == 0)
            for (;;)
                say(BB_LOG_INFO, "again");
        uint64_t begun = bb_log_tail_newest(tail);
        while (bb_log_tail_newest(tail) == begun)
            usleep(100);
        usleep((useconds_t)(i * 37 % 500));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        say(BB_LOG_INFO, "still here");
    }
    cr_assert(bb_log_tail_before(tail, UINT64_MAX, BB_LOG_INFO, false, &line));
    cr_expect_eq(line.serial, bb_log_tail_newest(tail));
    line.serial = UINT64_MAX;
    while (bb_log_tail_before(tail, line.serial, BB_LOG_INFO, false, &line)) {
        snprintf(text, sizeof text, "%.*s", (int)line.size, line.members);
        expect_whole(text);
    }
}

/* Stopped while it writes, which it does most of the time, a writer keeps others from keeping lines, not from going on. */
Test(log_tail, nobody_waits_for_a_writer_that_is_stopped, .timeout = 60) {
    pid_t pid = fork();
    int status;

    if (pid == 0)
        for (;;)
            say(BB_LOG_INFO, "again");
    for (int i = 0; i < 50; i++) {
        usleep((useconds_t)(i * 37 % 500));
        kill(pid, SIGSTOP);
        waitpid(pid, &status, WUNTRACED);
        say(BB_LOG_INFO, "still here");
        kill(pid, SIGCONT);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    uint64_t newest_serial = bb_log_tail_newest(tail);
    say(BB_LOG_INFO, "and again");
    cr_expect_eq(bb_log_tail_newest(tail), newest_serial + 1);
}

enum { SAYERS = 4, SAID_EACH = 2000 };

static void *say_many(void *context) {
    for (int i = 0; i < SAID_EACH; i++) {
        if (i % 10 == 0)
            decide(context);
        else
            say(BB_LOG_INFO, context);
    }
    return NULL;
}

Test(log_tail, threads_do_not_mix, .timeout = 60) {
    static char names[SAYERS][8] = {"one", "two", "three", "four"};
    pthread_t threads[SAYERS];
    uint64_t oldest;

    for (int i = 0; i < SAYERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, say_many, names[i]), 0);
    for (int i = 0; i < 100; i++)
        (void)count_of(false, &oldest);
    for (int i = 0; i < SAYERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(bb_log_tail_newest(tail), SAYERS * SAID_EACH);
    cr_expect_eq(count_of(false, &oldest), 2 * BB_LOG_TAIL_LINES);
    cr_expect_eq(count_of(true, &oldest), BB_LOG_TAIL_LINES);
}
