/* Problems: every code has a status, and what is inside stays inside. */
#include <criterion/criterion.h>

#include "http/problem.h"

static struct bb_buffer out;

static const char *problem_of(const struct bb_error *error) {
    struct bb_json json;

    bb_buffer_release(&out);
    bb_buffer_init(&out, 1 << 16);
    bb_json_init(&json, &out);
    bb_http_problem_begin(error, &json);
    bb_http_problem_end(&json);
    bb_buffer_append_byte(&out, '\0');
    return out.data;
}

static void release(void) {
    bb_buffer_release(&out);
}

Test(problem, every_code_has_a_status) {
    size_t count;
    const struct bb_error_row *rows = bb_error_rows(&count);

    for (size_t i = 0; i < count; i++) {
        int status = bb_http_status_of(rows[i].code);
        cr_expect(status >= 400 && status < 600, "BB-%d: %d", (int)rows[i].code, status);
    }
    cr_expect_eq(bb_http_status_of(BB_E_SYNTAX), 400);
    cr_expect_eq(bb_http_status_of(BB_E_LOG_IO), 500);
    cr_expect_eq(bb_http_status_of(BB_E_DISK_FULL), 507);
}

Test(problem, members, .fini = release) {
    struct bb_error error = {0};

    (void)!BB_FAIL(&error, BB_E_SYNTAX, "what is \"this\"?");
    error.line = 7;
    cr_expect_str_eq(
        problem_of(&error),
        "{\"type\":\"urn:busbar:error:BB-1004\",\"title\":\"A line cannot be parsed\","
        "\"status\":400,\"code\":\"BB-1004\",\"detail\":\"what is \\\"this\\\"?\",\"line\":7}");
}

Test(problem, what_is_inside_is_told_by_its_title, .fini = release) {
    struct bb_error error = {0};

    (void)!BB_FAIL(&error, BB_E_STORE_IO, "cannot write /var/lib/busbar/store/p0000");
    cr_expect_null(strstr(problem_of(&error), "/var/lib"));
    cr_expect_not_null(strstr(problem_of(&error), "BB-3005"));
    (void)!BB_FAIL(&error, BB_E_BUSY, "too many requests wait already");
    cr_expect_not_null(strstr(problem_of(&error), "too many requests"));
}
