/* Prometheus remote write: labels and samples of both versions, what is counted, what is refused. */
#include "support/remote_body.h"
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define TIME 1772323200000 /* 2026-03-01T00:00:00Z */
#define AT   "2026-03-01T00:00:00Z,2026-03-01T00:00:00Z"

static struct decode_dump dump;
static struct text_decode how;
static struct bb_buffer message, body, part;

static void set_up(void) {
    how = (struct text_decode){.format = &bb_format_remotewrite, .kind = BB_KIND_GAUGE};
    bb_buffer_init(&message, 4 << 20);
    bb_buffer_init(&body, 4 << 20);
    bb_buffer_init(&part, 4 << 20);
}

static void release(void) {
    decode_dump_release(&dump);
    bb_buffer_release(&message);
    bb_buffer_release(&body);
    bb_buffer_release(&part);
}

static void decode_body(struct bb_span bytes) {
    decode_dump_release(&dump);
    text_decode(&dump, &how, bytes);
}

/* The message as it stands, which is then empty again. */
static void decode(void) {
    bb_buffer_clear(&body);
    remote_pack(&body, bb_buffer_span(&message));
    bb_buffer_clear(&message);
    decode_body(bb_buffer_span(&body));
}

TestSuite(remotewrite, .init = set_up, .fini = release);

#define ASSERT_STATUS(wanted)   cr_assert_eq(dump.status, wanted, "%s", dump.error.text)
#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)

Test(remotewrite, samples_are_readings) {
    remote_series(&message, "__name__=power,instance=x:1,meter=A,unit=W", 230.5, TIME);
    remote_series(&message, "__name__=energy,channel=1.8.0,kind=register,meter=A,unit=kWh", 84211.3,
                  TIME);
    remote_series(&message, "channel=t,meter=B,time=x,value=y,start=z,timestamp=u", -0.5, TIME);
    decode();
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,power,gauge,0," AT ",230.5,W,measured,-,1");
    ASSERT_READING(1, "A,1.8.0,register,0," AT ",84211.3,kWh,measured,-,2");
    ASSERT_READING(2, "B,t,gauge,0," AT ",-0.5,1,measured|unit_assumed,-,3");
    cr_assert_eq(dump.reading_count, 3);
}

Test(remotewrite, values_are_the_shortest_decimals) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {0.1, "0.1"},
        {1e15, "1000000000000000"},
        {1e20, "100000000000000000000"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-123456.789, "-123456.789"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[200];
        remote_series(&message, "__name__=m,meter=A", cases[i].value, TIME);
        decode();
        snprintf(wanted, sizeof wanted, "A,m,gauge,0," AT ",%s,1,measured|unit_assumed,-,1",
                 cases[i].text);
        ASSERT_READING(0, wanted);
    }
}

Test(remotewrite, what_is_no_number_is_refused_and_stale_marks_are_counted) {
    uint64_t stale = UINT64_C(0x7ff0000000000002);
    double mark;

    memcpy(&mark, &stale, sizeof mark);
    remote_labels(&part, "__name__=m,meter=A");
    remote_sample(&part, 1, TIME);
    remote_sample(&part, NAN, TIME + 1000);
    remote_sample(&part, mark, TIME + 2000);
    remote_sample(&part, INFINITY, TIME + 3000);
    remote_sample(&part, 1e300, TIME + 4000);
    remote_sample(&part, 2, TIME + 5000);
    remote_sample(&part, 3, 0);
    remote_sample(&part, 4, INT64_MIN);
    remote_bytes(&message, 1, bb_buffer_span(&part));
    decode();
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1005 4:1005 5:1005 7:1008 8:1006");
    cr_assert_eq(dump.reading_count, 2);
    cr_assert_eq(dump.ignored.stale, 1);
}

Test(remotewrite, histograms_exemplars_and_metadata_are_counted) {
    remote_labels(&part, "__name__=m,meter=A");
    remote_bytes(&part, 3, BB_SPAN("exemplar"));
    remote_bytes(&part, 4, BB_SPAN("histogram"));
    remote_bytes(&part, 4, BB_SPAN("histogram"));
    remote_bytes(&message, 1, bb_buffer_span(&part));
    remote_bytes(&message, 3, BB_SPAN("metadata"));
    remote_bytes(&message, 17, BB_SPAN("of a later version"));
    decode();
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 0);
    cr_assert_eq(dump.ignored.exemplars, 1);
    cr_assert_eq(dump.ignored.histograms, 2);
    cr_assert_eq(dump.ignored.metadata, 1);
    cr_assert_eq(dump.ignored.stale, 0);
}

/* Of version 2: symbols "", __name__, power, meter, A, unit, W. */
static void put_symbols(void) {
    static const char *const symbols[] = {"", "__name__", "power", "meter", "A", "unit", "W"};

    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        remote_bytes(&message, 4, bb_span_of(symbols[i]));
}

Test(remotewrite, version_2_takes_labels_from_symbols) {
    put_symbols();
    remote_bytes(&part, 1, BB_SPAN("\1\2\3\4\5\6"));
    remote_sample(&part, 230.5, TIME);
    remote_sample(&part, 231, TIME + 1000);
    remote_bytes(&part, 3, BB_SPAN("histogram"));
    remote_bytes(&part, 4, BB_SPAN("exemplar"));
    remote_bytes(&part, 5, BB_SPAN("metadata"));
    remote_bytes(&message, 5, bb_buffer_span(&part));
    decode();
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,power,gauge,0," AT ",230.5,W,measured,-,1");
    ASSERT_READING(1, "A,power,gauge,0,2026-03-01T00:00:01Z,2026-03-01T00:00:01Z,231,W,measured,-,"
                      "2");
    cr_assert_eq(dump.ignored.histograms, 1);
    cr_assert_eq(dump.ignored.exemplars, 1);
    cr_assert_eq(dump.ignored.metadata, 1);
}

Test(remotewrite, symbols_may_follow_and_refs_need_not_be_packed) {
    remote_varint(&part, 1 << 3), remote_varint(&part, 3);
    remote_varint(&part, 1 << 3), remote_varint(&part, 4);
    remote_bytes(&part, 1, BB_SPAN("\1\2"));
    remote_sample(&part, 1, TIME);
    remote_bytes(&message, 5, bb_buffer_span(&part));
    put_symbols();
    decode();
    ASSERT_STATUS(0);
    ASSERT_READING(0, "A,power,gauge,0," AT ",1,1,measured|unit_assumed,-,1");
}

Test(remotewrite, bad_series_are_refused_and_the_rest_is_read) {
    static const struct {
        struct bb_span series;
        int code;
        const char *says;
    } cases[] = {
        {BB_SPAN("\x0a\x05\x0a\1x\x12\1\x12\2\x08\1"), BB_E_SYNTAX, "protobuf"},
        {BB_SPAN("\x0a\3\x0a\1xzz"), BB_E_SYNTAX, "protobuf"},
        {BB_SPAN("\x0a\2\x12\0"), BB_E_SYNTAX, "no name"},
        {BB_SPAN("\x0a\3\x0a\1x\x0a\3\x0a\1x"), BB_E_SYNTAX, "twice"},
        {BB_SPAN("\x0a\7\x0a\5meter\x12\2\x0a\0"), BB_E_FIELD_MISSING, "usage_point"},
        {BB_SPAN("\x0a\x0a\x0a\5meter\x12\1A\x12\0"), BB_E_FIELD_MISSING, "channel"},
        {BB_SPAN("\x0a\x0a\x0a\5meter\x12\1A\x0a\x08\x0a\3"
                 "ean\x12\1A\x12\0"),
         BB_E_SYNTAX, "mean the same"},
        {BB_SPAN("\x0a\x0a\x0a\5meter\x12\1A\x0a\x0a\x0a\5"
                 "chann\x12\1"
                 "A\x0a\x0d\x0a\x08__name__\x12\1m"
                 "\x12\1\x0b"),
         BB_E_SYNTAX, "a sample is no"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        remote_series(&message, "__name__=m,meter=G", 1, TIME);
        remote_bytes(&message, 1, cases[i].series);
        remote_series(&message, "__name__=m,meter=H", 2, TIME);
        decode();
        cr_expect_eq(dump.status, 0, "case %zu: %s", i, dump.error.text);
        char wanted[32];
        snprintf(wanted, sizeof wanted, "2:%d", cases[i].code);
        cr_expect_str_eq(text_decode_refusals(&dump), wanted, "case %zu: %s", i,
                         dump.refusal_count ? dump.refusals.data : "");
        cr_expect(dump.refusal_count == 0 || strstr(dump.refusals.data, cases[i].says),
                  "case %zu: %s", i, dump.refusals.data);
        cr_expect_eq(dump.reading_count, 2);
    }
}

Test(remotewrite, bad_refs_are_refused) {
    static const struct bb_span refs[] = {BB_SPAN("\1\2\3"), BB_SPAN("\1\7"), BB_SPAN("\1\x80"),
                                          BB_SPAN("\0\1"), BB_SPAN("\1\2\1\4")};

    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        put_symbols();
        bb_buffer_clear(&part);
        remote_bytes(&part, 1, refs[i]);
        remote_sample(&part, 1, TIME);
        remote_bytes(&message, 5, bb_buffer_span(&part));
        decode();
        cr_expect_str_eq(text_decode_refusals(&dump), "1:1004", "case %zu", i);
    }
}

Test(remotewrite, two_series_of_one_channel_are_not_mixed) {
    remote_series(&message, "__name__=power,meter=A,phase=L1", 1, TIME);
    remote_series(&message, "__name__=power,meter=A,phase=L2", 2, TIME);
    remote_series(&message, "meter=A,__name__=power,phase=L1", 3, TIME + 1000);
    remote_series(&message, "__name__=power,meter=B,phase=L1", 4, TIME);
    decode();
    ASSERT_REFUSED("2:1004");
    cr_assert_eq(dump.reading_count, 3);

    how = (struct text_decode){
        .map = "format: remotewrite\nkind: gauge\ncolumns: {channel: phase}"};
    remote_series(&message, "__name__=power,meter=A,phase=L1", 1, TIME);
    remote_series(&message, "__name__=power,meter=A,phase=L2", 2, TIME);
    decode();
    ASSERT_REFUSED("");
    ASSERT_READING(1, "A,L2,gauge,0," AT ",2,1,measured|unit_assumed,-,2");
}

Test(remotewrite, maps_name_labels_and_metrics) {
    how = (struct text_decode){
        .map = "format: remotewrite\nusage_point: {column: instance}\n"
               "channels: [{column: kwh_total, name: 1.8.0, unit: kWh, multiplier: 0.001}]\n"};
    remote_series(&message, "__name__=kwh_total,instance=A", 1500, TIME);
    remote_series(&message, "__name__=up,instance=A", 1, TIME);
    decode();
    ASSERT_REFUSED("2:1009");
    ASSERT_READING(0, "A,1.8.0,register,0," AT ",1.500,kWh,measured,-,1");

    how = (struct text_decode){.map = "format: remotewrite\nkind: interval\ninterval: 15m\n"
                                      "timestamp: {column: _time, format: epoch_ms, label: start}\n"
                                      "channels: [{name: m, unit: kWh}]\n"};
    remote_series(&message, "__name__=other,meter=A", 1, TIME);
    decode();
    ASSERT_READING(0, "A,m,interval,900,2026-03-01T00:00:00Z,2026-03-01T00:15:00Z,1,kWh,measured,-,"
                      "1");
}

Test(remotewrite, a_body_that_is_none_ends_the_file) {
    static const struct {
        struct bb_span body;
        int code;
    } cases[] = {
        {{"", 0}, BB_E_INPUT_EMPTY},
        {BB_SPAN("\xff\xff\xff\xff\xff\xff"), BB_E_CONTAINER},
        {BB_SPAN("\x05\x10hell"), BB_E_CONTAINER},                       /* cut off */
        {BB_SPAN("\x80\x80\x80\x10\x00x"), BB_E_CONTAINER},              /* 32 MiB of 6 bytes */
        {BB_SPAN("\xff\xff\xff\xff\x0f\x00x"), BB_E_UNPACKED_TOO_LARGE}, /* 4 GiB */
        {BB_SPAN("\x04\x0cwxyz"), BB_E_SYNTAX},                          /* no protobuf */
        {BB_SPAN("\x02\x04\x08\x01"), BB_E_SYNTAX},                      /* another message */
        {BB_SPAN("\x04\x0c\x0a\x00\x2a\x00"), BB_E_SYNTAX},              /* both versions */
        {BB_SPAN("\x03\x08\x22\x01x"), BB_E_SYNTAX},                     /* the first symbol */
        {BB_SPAN("\x03\x08\x0a\x05x"), BB_E_SYNTAX}, /* longer than the message */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode_body(cases[i].body);
        cr_expect_eq(dump.status, -cases[i].code, "case %zu: %d %s", i, dump.status,
                     dump.error.text);
    }
    decode_body((struct bb_span){"\0", 1}); /* a request of nothing */
    ASSERT_STATUS(0);
    cr_assert_eq(dump.reading_count, 0);
}

/* Cut anywhere: an error or a refusal, and never more readings than there were. */
Test(remotewrite, truncated_bodies_are_told) {
    remote_series(&message, "__name__=power,instance=x:1,meter=A,unit=W", 230.5, TIME);
    remote_series(&message, "__name__=power,instance=x:1,meter=B,unit=W", 230.5, TIME);
    decode();
    cr_assert_eq(dump.reading_count, 2);
    struct bb_span whole = bb_buffer_span(&body);
    for (size_t size = 0; size < whole.size; size++) {
        decode_body((struct bb_span){whole.data, size});
        cr_assert_lt(dump.status, 0);
        cr_assert_eq(dump.reading_count, 0);
    }
}

Test(remotewrite, endless_labels_are_refused) {
    char labels[4096] = "__name__=m,meter=A";

    for (int i = 0; i < 130; i++) {
        size_t used = strlen(labels);
        snprintf(labels + used, sizeof labels - used, ",x%03d=%d", i, i);
    }
    remote_series(&message, labels, 1, TIME);
    decode();
    ASSERT_REFUSED("1:1004");
}
