/* Parameters: typed as a route's table says, or refused with what is allowed. */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "http/parameter_internal.h"
#include "model/timestamp.h"

static const struct bb_http_parameter table[] = {
    {.name = "who", .place = BB_HTTP_IN_PATH, .help = "whose"},
    {.name = "text", .help = "a text"},
    {.name = "number", .kind = BB_HTTP_NUMBER, .min = 1, .max = 100, .initial = "7", .help = "n"},
    {.name = "at", .kind = BB_HTTP_TIME, .help = "when"},
    {.name = "step", .kind = BB_HTTP_DURATION, .min = 1000, .max = BB_DAY_MS, .help = "how long"},
    {.name = "flag", .kind = BB_HTTP_FLAG, .help = "whether"},
    {.name = "lane",
     .kind = BB_HTTP_CHOICE,
     .choices = "raw|vee|day",
     .initial = "vee",
     .help = "which"},
    {.name = "match[]", .repeated = true, .help = "selectors"},
    BB_HTTP_PARAMETERS_END};
static const struct bb_http_route route = {.path = "/x/{who}", .parameters = table};

static struct bb_arena arena;
static struct bb_http_values values;
static struct bb_error error;

static int read_values(const char *who, const char *query) {
    struct bb_http_match match = {.route = &route, .parts = {bb_span_of(who)}, .part_count = 1};

    bb_arena_release(&arena);
    bb_arena_init(&arena, 1 << 12, 1 << 20);
    memset(&error, 0, sizeof error);
    int result = bb_http_values_begin(&values, &match, bb_span_of(query), &arena, &error);
    return result ? result : bb_http_values_end(&values, &error);
}

static const struct bb_http_value *value(const char *name) {
    const struct bb_http_value *found = bb_http_value_find(&values, name);
    cr_assert_not_null(found);
    return found;
}

static void expect_text(const char *name, const char *text) {
    cr_expect(bb_span_equal(value(name)->text, bb_span_of(text)), "%s is \"%.*s\"", name,
              BB_SPAN_ARGS(value(name)->text));
}

static void release(void) {
    bb_arena_release(&arena);
}

Test(parameter, defaults, .fini = release) {
    cr_assert_eq(read_values("A", ""), 0, "%s", error.text);
    expect_text("who", "A");
    cr_expect_eq(value("number")->number, 7);
    cr_expect_not(value("number")->given);
    cr_expect_eq(value("at")->number, BB_TIME_NONE);
    cr_expect_eq(value("lane")->number, 1);
    cr_expect_eq(value("flag")->number, 0);
    cr_expect_null(value("text")->text.data);
}

Test(parameter, values, .fini = release) {
    cr_assert_eq(read_values("a%2Fb%20c",
                             "text=a+b%26c%C3%A9&number=100&at=2026-03-01T00:15:00Z&step=15m&"
                             "flag&lane=day&match[]=x&match%5B%5D=y"),
                 0, "%s", error.text);
    expect_text("who", "a/b c");
    expect_text("text", "a b&c\xc3\xa9");
    cr_expect_eq(value("number")->number, 100);
    cr_expect_eq(value("at")->number, INT64_C(1772324100000));
    cr_expect_eq(value("step")->number, 15 * BB_MINUTE_MS);
    cr_expect_eq(value("flag")->number, 1);
    cr_expect_eq(value("lane")->number, 2);
    cr_assert_eq(value("match[]")->text_count, 2);
    cr_expect(bb_span_equal(value("match[]")->texts[1], BB_SPAN("y")));
}

Test(parameter, times, .fini = release) {
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"at=1772324100", 1772324100000},
                {"at=1772324100.5", 1772324100500},
                {"at=1772324100.123", 1772324100123},
                {"at=-1.5", -1500},
                {"at=2026-03-01T01:15:00%2B01:00", 1772324100000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(read_values("A", rows[i].text), 0, "%s: %s", rows[i].text, error.text);
        cr_expect_eq(value("at")->number, rows[i].ms, "%s", rows[i].text);
    }
}

Test(parameter, refused, .fini = release) {
    static const struct {
        const char *query, *says;
    } rows[] = {
        {"txt=1", "did you mean text?"},
        {"who=B", "no parameter \"who\""},
        {"number=0", "1 to 100"},
        {"number=101", "1 to 100"},
        {"number=1e1", "1 to 100"},
        {"number=", "1 to 100"},
        {"number=99999999999999999999", "1 to 100"},
        {"at=yesterday", "write 2026"},
        {"at=2026-03-01T00:15:00", "write 2026"},
        {"at=1.", "write 2026"},
        {"at=2026-02-30T00:00:00Z", "write 2026"},
        {"step=0", "from 1s to 1d"},
        {"step=2d", "from 1s to 1d"},
        {"flag=maybe", "1 or 0"},
        {"lane=RAW", "raw|vee|day"},
        {"text=", "empty"},
        {"text=%00", "UTF-8"},
        {"text=%ff", "UTF-8"},
        {"text=%c0%80", "UTF-8"},
        {"text=%ed%a0%80", "UTF-8"},
        {"text=%4", "UTF-8"},
        {"text=%zz", "UTF-8"},
        {"text=%0a", "control"},
        {"text=a&text=b", "twice"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(read_values("A", rows[i].query), -BB_E_PARAMETER, "%s", rows[i].query);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].query, error.text);
    }
    cr_expect_eq(read_values("%ff", ""), -BB_E_PARAMETER);
}

Test(parameter, what_is_required_may_come_with_the_form, .fini = release) {
    static const struct bb_http_parameter needs[] = {
        {.name = "query", .required = true, .help = "what is asked"}, BB_HTTP_PARAMETERS_END};
    static const struct bb_http_route asks = {.path = "/q", .parameters = needs};
    struct bb_http_match match = {.route = &asks};

    bb_arena_init(&arena, 1 << 12, 1 << 20);
    cr_assert_eq(bb_http_values_begin(&values, &match, BB_SPAN(""), &arena, &error), 0);
    cr_expect_eq(bb_http_values_end(&values, &error), -BB_E_PARAMETER);
    cr_expect_not_null(strstr(error.text, "what is asked"));
    cr_assert_eq(bb_http_values_add(&values, BB_SPAN("query=up"), &arena, &error), 0);
    cr_expect_eq(bb_http_values_end(&values, &error), 0);
}

Test(parameter, too_many_repetitions, .fini = release) {
    struct bb_buffer query;

    bb_buffer_init(&query, 1 << 12);
    for (int i = 0; i <= BB_HTTP_REPEATS_MAX; i++)
        bb_buffer_format(&query, "match[]=x&");
    bb_buffer_append_byte(&query, '\0');
    cr_expect_eq(read_values("A", query.data), -BB_E_PARAMETER);
    bb_buffer_release(&query);
}
