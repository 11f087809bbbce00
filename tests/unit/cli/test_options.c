/* Options: every kind, its default, its range, its refusal. And the tables of all verbs. */
#include <criterion/criterion.h>

#include "cli/cli.h"
#include "model/timestamp.h"

struct fields {
    bool flag;
    const char *text, *zone;
    int choice;
    int64_t number, duration_ms;
    double share;
};
#define AT(field) offsetof(struct fields, field)

static const struct bb_option table[] = {
    {.name = "flag", .kind = BB_OPTION_FLAG, .offset = AT(flag), .help = "x"},
    {.name = "text", .kind = BB_OPTION_TEXT, .offset = AT(text), .initial = "given", .help = "x"},
    {.name = "zone", .kind = BB_OPTION_ZONE, .offset = AT(zone), .help = "x"},
    {.name = "choice",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(choice),
     .value = "table|csv|ndjson",
     .help = "x"},
    {.name = "number",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(number),
     .min = -5,
     .max = 10,
     .help = "x"},
    {.name = "duration",
     .kind = BB_OPTION_DURATION,
     .offset = AT(duration_ms),
     .initial = "15m",
     .min = 1000,
     .max = BB_DAY_MS,
     .help = "x"},
    {.name = "share", .kind = BB_OPTION_SHARE, .offset = AT(share), .initial = "0.1", .help = "x"},
    BB_OPTION_END};

static struct fields fields;
static struct bb_error error;

static bool set(const char *name, const char *text) {
    const struct bb_option *option = bb_option_find(table, bb_span_of(name));

    cr_assert_not_null(option);
    return bb_option_set(option, text, &fields, &error) == 0;
}

Test(options, defaults_come_from_the_table) {
    bb_options_defaults(table, &fields);
    cr_expect_not(fields.flag);
    cr_expect_str_eq(fields.text, "given");
    cr_expect_null(fields.zone);
    cr_expect_eq(fields.choice, -1);
    cr_expect_eq(fields.duration_ms, 15 * BB_MINUTE_MS);
    cr_expect_eq(fields.share, 0.1);
}

Test(options, each_kind_reads_what_it_allows) {
    cr_expect(set("flag", ""));
    cr_expect(fields.flag);
    cr_expect(set("choice", "CSV"));
    cr_expect_eq(fields.choice, 1);
    cr_expect(set("number", "-5"));
    cr_expect_eq(fields.number, -5);
    cr_expect(set("duration", "90"));
    cr_expect_eq(fields.duration_ms, 90000);
    cr_expect(set("share", "1"));
    cr_expect_eq(fields.share, 1.0);
    cr_expect(set("zone", "+10:00"));
    cr_expect_str_eq(fields.zone, "+10:00");
}

Test(options, each_kind_refuses_the_rest_and_says_what_is_allowed) {
    static const struct {
        const char *name, *text, *allowed;
    } rows[] = {
        {"choice", "cvs", "table, csv, ndjson · did you mean csv?"},
        {"choice", "", "table, csv, ndjson"},
        {"number", "11", "a whole number from -5 to 10"},
        {"number", "1x", "a whole number from -5 to 10"},
        {"number", "", "a whole number from -5 to 10"},
        {"number", "99999999999999999999", "a whole number"},
        {"duration", "2d", "from 1s to 1d"},
        {"duration", "soon", "a duration such as 15m"},
        {"share", "1.1", "a number from 0 to 1"},
        {"share", "nan", "a number from 0 to 1"},
        {"zone", "Europe/Atlantis", "an IANA name such as Europe/Amsterdam"},
        {"zone", "../etc/passwd", "an IANA name"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_not(set(rows[i].name, rows[i].text), "--%s %s", rows[i].name, rows[i].text);
        cr_expect_eq((int)error.code, BB_E_USAGE);
        cr_expect_not_null(strstr(error.text, rows[i].allowed), "%s", error.text);
    }
}

/* Tables are data: a slip in one shows here and not at a user's desk. */
static void check_table(const struct bb_option *option, size_t size) {
    char *memory = calloc(1, size + 1);

    for (const struct bb_option *each = option; each && each->name; each++) {
        cr_expect_lt(each->offset, size, "--%s", each->name);
        cr_expect_not_null(each->help, "--%s", each->name);
        cr_expect_eq(bb_option_find(option, bb_span_of(each->name)), each, "--%s twice",
                     each->name);
    }
    bb_options_defaults(option, memory); /* asserts that defaults can be read */
    free(memory);
}

Test(options, the_tables_of_all_verbs_hold) {
    check_table(bb_global_options, sizeof(struct bb_globals));
    for (size_t i = 0; i < bb_verb_count; i++) {
        const struct bb_verb *verb = bb_verbs[i];
        cr_expect_eq(bb_verb_find(bb_span_of(verb->name)), verb);
        check_table(verb->options, verb->options_size);
        for (const struct bb_option *each = verb->options; each && each->name; each++)
            cr_expect_null(bb_option_find(bb_global_options, bb_span_of(each->name)),
                           "%s --%s hides a global option", verb->name, each->name);
    }
}
