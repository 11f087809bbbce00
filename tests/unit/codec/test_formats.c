/* Which format a stream is in, by its first bytes. */
#include "codec/codec.h"

#include <criterion/criterion.h>

static int detect(struct bb_span head, bool whole, const char **name) {
    const struct bb_format_row *row;
    struct bb_error error;
    int status = bb_format_detect(head, whole, &row, &error);

    cr_assert_eq(status == 0, row != NULL);
    *name = row ? row->name : error.text;
    return -status;
}

Test(formats, are_found_by_name) {
    for (size_t i = 0; i < bb_format_count; i++)
        cr_assert_eq(bb_format_find(bb_span_of(bb_formats[i]->name)), bb_formats[i]);
    cr_assert_eq(bb_format_find(BB_SPAN("NEM12")), &bb_format_nem12);
    cr_assert_null(bb_format_find(BB_SPAN("nem")));
    cr_assert_null(bb_format_find(BB_SPAN("")));
}

Test(formats, are_told_apart) {
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"100,NEM12,200405011135,MDA1,Ret1\n200,N,E1,1,E1,N1,M,kWh,30,\n", "nem12"},
        {"\xef\xbb\xbf\r\n100,NEM13,200405011135,MDA1,Ret1\r\n", "nem12"},
        {"100,NEM99,200405011135,MDA1,Ret1\n", "nem12"}, /* so that its refusal is precise */
        {"\n200,VABD000163,E1Q1,1,E1,N1,METSER123,kWh,30,\n300,20040201,1.1\n", "nem12"},
        {"usage_point,channel,timestamp,value,unit\nA,1.8.0,2026-03-01T00:00:00Z,1,kWh\n", "csv"},
        {"meter;register;time;value\nA;1.8.0;2026-03-01T00:00:00Z;1\n", "csv"},
        {"{\"usage_point\":\"A\",\"timestamp\":\"2026-03-01T00:00:00Z\",\"value\":1}\n", "ndjson"},
        {"electricity,meter=A value=1.5 1772323200000000000\n", "lineprotocol"},
        {"\xef\xbb\xbf# a comment\r\n\nm,a=b\\ c x=1i,y=\"z, z\" 1\n", "lineprotocol"},
        {"m x=t\n", "lineprotocol"},
        {"a=1,b\n1,2\n", "csv"},
        {"a,b c=1 2026-03-01\n1,2\n", "csv"},
        {"Obj\x01\x04\x14"
         "avro.codec\x08null",
         "avro"},
        {"\xc3\x01\xa9\x2d\xe1\xf8\xa2\x42\xf5\x3d\x54", "avro"},
        {"\x40\x7c\x0a\x1c\x0a\x10\x0a\x08__name__\x12\x04powe", "remotewrite"},
        {"\x40\x7c\x1a\x1c\x08\x01\x12\x08", "remotewrite"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int whole = 0; whole <= 1; whole++) {
            const char *name;
            detect(bb_span_of(cases[i].text), whole, &name);
            cr_expect_str_eq(name, cases[i].name, "%s", cases[i].text);
        }
}

Test(formats, what_is_no_format_has_its_own_reason) {
    static const struct {
        struct bb_span head;
        bool whole;
        int code;
    } cases[] = {
        {{"", 0}, true, BB_E_INPUT_EMPTY},
        {{" \n\t\r\n", 5}, true, BB_E_INPUT_EMPTY},
        {{"\xef\xbb\xbf", 3}, true, BB_E_INPUT_EMPTY},
        {{"\xff\xfe"
          "1\0000\0",
          6},
         true,
         BB_E_ENCODING},
        {{"\xfe\xff\0001\0000", 6}, true, BB_E_ENCODING},
        {{"1\0000\0000\0,\0", 8}, true, BB_E_ENCODING},         /* UTF-16 without its mark */
        {{"100,NEM12\n\0\0\0\0\0\0", 16}, true, BB_E_ENCODING}, /* a file with a hole */
        {{"caf\xe9,1\n", 7}, true, BB_E_ENCODING},
        {{"a,caf\xc3", 6}, true, BB_E_ENCODING}, /* ends inside a character */
        {{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16}, true, BB_E_FORMAT_UNKNOWN},
        {{"\x7f"
          "ELF\2\1\1\0",
          8},
         false,
         BB_E_FORMAT_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text;
        int code = detect(cases[i].head, cases[i].whole, &text);
        cr_expect_eq(code, cases[i].code, "case %zu: BB-%d %s", i, code, text);
    }
}

Test(formats, a_head_may_end_inside_a_character) {
    const char *name;

    cr_assert_eq(detect(BB_SPAN("100,NEM12,x,caf\xc3"), false, &name), 0);
    cr_assert_str_eq(name, "nem12");
}
