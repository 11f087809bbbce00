/* InfluxDB's line protocol: what tags, fields and timestamps become, every escape, every refusal. */
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct decode_dump dump;
static struct text_decode how;

static void set_up(void) {
    how = (struct text_decode){.format = &bb_format_lineprotocol, .kind = BB_KIND_GAUGE};
}

static void release(void) {
    decode_dump_release(&dump);
}

static void decode(const char *text) {
    decode_dump_release(&dump);
    text_decode(&dump, &how, bb_span_of(text));
}

TestSuite(lineprotocol, .init = set_up, .fini = release);

#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)
#define T                       "1772323200000000000" /* 2026-03-01T00:00:00Z */
#define AT                      "2026-03-01T00:00:00Z"

/* The readings of one line, as "usage point,channel,value;..." */
static const char *short_readings(void) {
    static char text[2048];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < dump.reading_count && used < sizeof text; i++) {
        char line[512], *field[12] = {line};
        size_t count = 1;
        snprintf(line, sizeof line, "%s", decode_dump_line(&dump.readings, i));
        /* From the end: names may hold commas. usage point,channel | kind,interval,start,end,value */
        for (char *at = line + strlen(line); at > line && count < 10; at--)
            if (*at == ',') {
                *at = '\0';
                field[count++] = at + 1;
            }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", i ? ";" : "", line,
                                 field[5]);
    }
    return text;
}

Test(lineprotocol, every_number_is_a_reading) {
    static const struct {
        const char *line, *readings;
    } cases[] = {
        /* which channel */
        {"power,meter=A value=1.50 " T, "A,power=1.50"},
        {"power,meter=A l1=1,l2=2 " T, "A,power.l1=1;A,power.l2=2"},
        {"power,meter=A value=1,l2=2 " T, "A,power=1;A,power.l2=2"},
        {"energy,meter=A 1.8.0=84211.3,1-0:2.8.0=7 " T, "A,1.8.0=84211.3;A,1-0:2.8.0=7"},
        {"1.8.0,meter=A value=5 " T, "A,1.8.0=5"},
        {"energy,meter=A,channel=imp kwh=5 " T, "A,imp=5"},
        {"energy,usage_point=A,obis=1.8.0 value=5 " T, "A,1.8.0=5"},
        {"energy,ean=A register=84211.3 " T, "A,energy.register=84211.3"}, /* a value, no name */
        {"energy value=5,meter=\"A\",channel=\"x\" " T, "A,x=5"},          /* texts say the same */
        {"energy,device=A,Usage\\ Point=B value=5 " T, "B,energy=5"},
        /* numbers */
        {"m,meter=A value=12i " T, "A,m=12"},
        {"m,meter=A value=-12i " T, "A,m=-12"},
        {"m,meter=A value=12u " T, "A,m=12"},
        {"m,meter=A value=0.050 " T, "A,m=0.050"},
        {"m,meter=A value=+1.5 " T, "A,m=1.5"},
        {"m,meter=A value=-1.5e3 " T, "A,m=-1500"},
        {"m,meter=A value=1E-3 " T, "A,m=0.001"},
        {"m,meter=A value=.5 " T, "A,m=0.5"},
        {"m,meter=A value=123456789012345678i " T, "A,m=123456789012345678"},
        /* what is no number is passed over beside one */
        {"m,meter=A value=1,note=\"a, b=1 2\",ok=t,bad=FALSE " T, "A,m=1"},
        /* escapes: names */
        {"a\\ b\\,c=d,meter=A value=1 " T, "A,a b,c=d=1"},
        {"m,meter=A\\ B\\,C\\=D value=1 " T, "A B,C=D,m=1"},
        {"m,meter=A f\\ 1\\,2\\=3=1 " T, "A,m.f 1,2=3=1"},
        {"m,me\\=ter=B,meter=A value=1 " T, "A,m=1"},
        {"m\\=x,meter=A value=1 " T, "A,m\\=x=1"},         /* no escape in a measurement */
        {"m,meter=A\\B\\\\C value=1 " T, "A\\B\\\\C,m=1"}, /* nor before other characters */
        {"m\"q,meter=\"A\" value=1 " T, "\"A\",m\"q=1"},   /* quotes are a part of names */
        /* escapes: texts */
        {"m value=1,meter=\"A \\\"B\\\" \\\\ \\n, c\" " T, "A \"B\" \\ \\n, c,m=1"},
        /* blanks */
        {"  m,meter=A   value=1   " T "  ", "A,m=1"},
        {"m,meter=A value=1 " T "\r", "A,m=1"},
        {"m,meter=\xc3\xa9 value=1 " T, "\xc3\xa9,m=1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode(cases[i].line);
        cr_expect_eq(dump.status, 0, "%s: %s", cases[i].line, dump.error.text);
        cr_expect_eq(dump.refusal_count, 0, "%s: %s", cases[i].line, dump.refusals.data);
        cr_expect_str_eq(short_readings(), cases[i].readings, "%s", cases[i].line);
    }
}

Test(lineprotocol, tags_say_the_rest) {
    how.kind = BB_KIND_UNKNOWN;
    decode("energy,meter=A,kind=interval,interval=15m,unit=kWh,quality=estimated value=1.5 " T "\n"
           "energy,meter=A value=1.5,kind=\"interval\",interval=900i,unit=\"kWh\" " T "\n");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,energy,interval,900,2026-02-28T23:45:00Z," AT ",1.5,kWh,estimated,-,1");
    ASSERT_READING(1, "A,energy,interval,900,2026-02-28T23:45:00Z," AT ",1.5,kWh,measured,-,2");
}

Test(lineprotocol, comments_and_blank_lines_are_passed_over) {
    decode("# m,meter=A value=1 " T "\n\n   # more\r\n \t\nm,meter=A value=1 " T "\n#");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,m,gauge,0," AT "," AT ",1,1,measured|unit_assumed,-,5");
    cr_assert_eq(dump.reading_count, 1);
    decode("# nothing else\n");
    cr_assert_eq(dump.status, 0);
    cr_assert_eq(dump.reading_count, 0);
}

Test(lineprotocol, bad_lines_are_refused_and_the_rest_is_read) {
    static const struct {
        const char *line;
        int code;
        const char *says;
    } cases[] = {
        {"m", BB_E_SYNTAX, "a field such as"},
        {"m,meter=A", BB_E_SYNTAX, "a field such as"},
        {"m,meter=A " T, BB_E_SYNTAX, "a field such as"},
        {",meter=A value=1 " T, BB_E_SYNTAX, "measurement"},
        {"m,meter value=1 " T, BB_E_SYNTAX, "a tag such as"},
        {"m,=A value=1 " T, BB_E_SYNTAX, "a tag such as"},
        {"m,meter= value=1 " T, BB_E_SYNTAX, "no value; one without"},
        {"m,meter=A, value=1 " T, BB_E_SYNTAX, "a tag such as"},
        {"m,meter=A=B value=1 " T, BB_E_SYNTAX, "written \\="},
        {"m,meter=A value " T, BB_E_SYNTAX, "a field such as"},
        {"m,meter=A value= " T, BB_E_SYNTAX, "has no value, at byte 17"},
        {"m,meter=A value=1, " T, BB_E_SYNTAX, "a field such as"},
        {"m,meter=A value=1,,b=2 " T, BB_E_SYNTAX, "a field such as"},
        {"m,meter=A value=1,note=\"x " T, BB_E_SYNTAX, "does not end with its line"},
        {"m,meter=A value=1,note=\"x\\\" " T, BB_E_SYNTAX, "does not end with its line"},
        {"m,meter=A value=1,note=\"x\"y " T, BB_E_SYNTAX, "a ',' or a blank"},
        {"m,meter=A value=1 now", BB_E_SYNTAX, "a timestamp is expected"},
        {"m,meter=A value=1 -", BB_E_SYNTAX, "a timestamp is expected"},
        {"m,meter=A value=1 1772323200.5", BB_E_SYNTAX, "nothing may follow"},
        {"m,meter=A value=1 " T " x", BB_E_SYNTAX, "nothing may follow"},
        {"m,meter=A value=1 99999999999999999999999", BB_E_TIME, "no number of nanoseconds"},
        {"m,meter=A value=1", BB_E_FIELD_MISSING, "no timestamp"},
        {"m,meter=A value=1 ", BB_E_FIELD_MISSING, "no timestamp"},
        {"m,meter=A ok=true,note=\"x\" " T, BB_E_FIELD_MISSING, "no field that holds a number"},
        {"m,meter=A value=\"1\" " T, BB_E_FIELD_MISSING, "no field that holds a number"},
        {"m value=1 " T, BB_E_FIELD_MISSING, "usage_point"},
        {"m,meter=A value=NaN " T, BB_E_VALUE, "NaN"},
        {"m,meter=A value=+Inf " T, BB_E_VALUE, "Inf"},
        {"m,meter=A value=abc " T, BB_E_VALUE, "abc"},
        {"m,meter=A value=1.5i " T, BB_E_VALUE, "1.5i"},
        {"m,meter=A value=-1u " T, BB_E_VALUE, "-1u"},
        {"m,meter=A value=i " T, BB_E_VALUE, "\"i\""},
        {"m,meter=A value=0x10 " T, BB_E_VALUE, "0x10"},
        {"m,meter=A value=1e99 " T, BB_E_VALUE, "exponent"},
        {"m,meter=A value=9223372036854775807i " T, BB_E_VALUE, "18 significant digits"},
        {"m,meter=A value=1 1772323200", BB_E_TIME_RANGE, "--precision s"},
        {"m,meter=A value=1 1772323200000", BB_E_TIME_RANGE, "--precision ms"},
        {"m,meter=A value=1 1772323200000000", BB_E_TIME_RANGE, "epoch_us: _time"},
        {"m,meter=A value=1 1", BB_E_TIME_RANGE, "1970"},
        {"m,meter=A value=1 -1", BB_E_TIME_RANGE, "1990"},
        {"m,meter=A,meter=B value=1 " T, BB_E_SYNTAX, "twice"},
        {"m,meter=A,ean=B value=1 " T, BB_E_SYNTAX, "twice"},
        {"m,meter=A value=1,value=2 " T, BB_E_SYNTAX, "twice"},
        {"m,meter=A x=1,x=2 " T, BB_E_SYNTAX, "twice"},
        {"m,meter=A,channel=c x=1,y=2 " T, BB_E_SYNTAX, "2 of its fields hold numbers"},
        {"m,meter=A,unit=parsec value=1 " T, BB_E_UNIT_UNKNOWN, "parsec"},
        {"m,meter=A,quality=odd value=1 " T, BB_E_QUALITY_UNKNOWN, "odd"},
        {"m,meter=\xff value=1 " T, BB_E_ENCODING, "UTF-8"},
        {"m,meter=A\tB value=1 " T, BB_E_NAME, "control character"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], refused[32];
        snprintf(text, sizeof text, "m,meter=G value=1 " T "\n%s\nm,meter=G value=2 " T "\n",
                 cases[i].line);
        decode(text);
        snprintf(refused, sizeof refused, "2:%d", cases[i].code);
        cr_expect_eq(dump.status, 0, "%s", cases[i].line);
        cr_expect_str_eq(text_decode_refusals(&dump), refused, "%s: %s", cases[i].line,
                         dump.refusal_count ? dump.refusals.data : "");
        cr_expect(dump.refusal_count == 0 || strstr(dump.refusals.data, cases[i].says), "%s: %s",
                  cases[i].line, dump.refusals.data);
        cr_expect_eq(dump.reading_count, 2, "%s", cases[i].line);
    }
}

Test(lineprotocol, one_bad_number_costs_itself) {
    decode("m,meter=A l1=1,l2=NaN,l3=3 " T "\n");
    ASSERT_REFUSED("1:1005");
    cr_assert_str_eq(short_readings(), "A,m.l1=1;A,m.l3=3");
}

Test(lineprotocol, a_kind_that_nobody_says_is_asked_for) {
    how.kind = BB_KIND_UNKNOWN;
    decode("m,meter=A value=1 " T "\n");
    cr_assert_eq(dump.status, -BB_E_KIND_UNKNOWN);
    cr_assert_eq(dump.error.line, 1);
}

Test(lineprotocol, times_are_cut_to_the_millisecond) {
    decode("m,meter=A value=1 1772323200123999999\n");
    ASSERT_READING(0, "A,m,gauge,0,2026-03-01T00:00:00.123Z,2026-03-01T00:00:00.123Z,1,1,"
                      "measured|unit_assumed,-,1");
}

Test(lineprotocol, maps_name_tags_and_fields) {
    static const struct {
        const char *map, *line, *readings;
    } cases[] = {
        {"timestamp: {epoch_s: _time}\n", "m,meter=A value=1 1772323200\n", "A,m=1"},
        {"timestamp: {epoch_ms: _time}\n", "m,meter=A value=1 1772323200000\n", "A,m=1"},
        {"timestamp: {epoch_us: _time}\n", "m,meter=A value=1 1772323200000000\n", "A,m=1"},
        {"timestamp: {epoch_ns: _time}\n", "m,meter=A value=1 " T "\n", "A,m=1"},
        {"timestamp: {column: at}\n", "m,meter=A value=1,at=\"" AT "\"\n", "A,m=1"},
        {"usage_point: {column: host}\n", "m,host=A,meter=B value=1 " T "\n", "A,m=1"},
        {"usage_point: {column: _measurement}\n", "m l1=1,l2=2 " T "\n", "m,m.l1=1;m,m.l2=2"},
        {"columns: {channel: _field}\n", "m,meter=A l1=1,l2=2 " T "\n", "A,l1=1;A,l2=2"},
        {"columns: {channel: phase}\n", "m,meter=A,phase=L1 value=1 " T "\n", "A,L1=1"},
        {"columns: {channel: _measurement, value: w}\n", "m,meter=A w=1,v=230 " T "\n", "A,m=1"},
        {"columns: {value: w}\n", "m,meter=A w=1,v=230 " T "\n", "A,m=1"},
        {"channels: [{name: x, multiplier: 0.001}]\n", "m,meter=A value=1500 " T "\n", "A,x=1.500"},
        {"channels: [{name: m.a, multiplier: 10}, {name: m.b}]\n", "m,meter=A a=1,b=2 " T "\n",
         "A,m.a=10;A,m.b=2"},
        {"channels: [{column: a, name: x}, {column: c}]\n", "m,meter=A a=1,b=2 " T "\n", "A,x=1"},
        {"channels: [{column: '*'}]\n", "m,meter=A a=1,b=2i,c=\"3\",d=t " T "\n", "A,a=1;A,b=2"},
        {"missing: ['', NaN]\n", "m,meter=A a=NaN " T "\n", "A,m.a="},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char map[512];
        snprintf(map, sizeof map, "format: lineprotocol\nkind: gauge\n%s", cases[i].map);
        how = (struct text_decode){.map = map};
        decode(cases[i].line);
        cr_expect_eq(dump.status, 0, "%s: %s", cases[i].map, dump.error.text);
        cr_expect_eq(dump.refusal_count, 0, "%s: %s", cases[i].map, dump.refusals.data);
        cr_expect_str_eq(short_readings(), cases[i].readings, "%s", cases[i].map);
    }
}

Test(lineprotocol, a_map_may_say_that_times_are_starts) {
    how = (struct text_decode){.map = "format: lineprotocol\nkind: interval\ninterval: 1h\n"
                                      "timestamp: {column: _time, format: epoch_ns, label: start}"};
    decode("m,meter=A value=1 " T "\n");
    ASSERT_READING(0,
                   "A,m,interval,3600," AT ",2026-03-01T01:00:00Z,1,1,measured|unit_assumed,-,1");
    decode("m,meter=A value=1\n");
    ASSERT_REFUSED("1:1009");
}

Test(lineprotocol, pieces_make_no_difference) {
    static const char text[] = "m\\ x,meter=A\\,1 value=1,b=2i,c=\"x y\" " T "\n"
                               "# comment\nm,meter=A,meter=A value=1 " T "\nm,meter=B a=1 " T;
    decode(text);
    char whole[512];
    snprintf(whole, sizeof whole, "%s|%s", short_readings(), text_decode_refusals(&dump));
    for (how.piece = 1; how.piece < 20; how.piece++) {
        decode(text);
        char pieces[512];
        snprintf(pieces, sizeof pieces, "%s|%s", short_readings(), text_decode_refusals(&dump));
        cr_assert_str_eq(pieces, whole);
    }
    cr_assert_str_eq(whole, "A,1,m x=1;A,1,m x.b=2;B,m.a=1|3:1004");
}
