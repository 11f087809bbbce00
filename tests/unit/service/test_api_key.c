/* API keys: made, read back, mistyped; and what roles may do. */
#include <criterion/criterion.h>

#include <ctype.h>

#include "service/api_key.h"

Test(api_key, what_is_made_can_be_read) {
    for (int role = 0; role < BB_ROLE_COUNT; role++) {
        char text[BB_KEY_TEXT_MAX], other[BB_KEY_TEXT_MAX];
        struct bb_error error;
        struct bb_span id;
        enum bb_role found;
        cr_assert_eq(bb_key_generate((enum bb_role)role, text, &error), 0);
        cr_assert_eq(bb_key_generate((enum bb_role)role, other, &error), 0);
        cr_expect_str_neq(text, other);
        cr_assert(bb_key_parse(bb_span_of(text), &found, &id), "%s", text);
        cr_expect_eq((int)found, role);
        cr_expect_eq(id.size, BB_KEY_ID_CHARS);
        cr_expect_not_null(strstr(text, bb_role_name(role)));
    }
}

Test(api_key, a_mistyped_key_is_known_for_one) {
    char text[BB_KEY_TEXT_MAX];
    struct bb_error error;
    struct bb_span id;
    enum bb_role role;

    cr_assert_eq(bb_key_generate(BB_ROLE_READ, text, &error), 0);
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        cr_expect_not(bb_key_parse(bb_span_of(text), &role, &id), "character %zu", i);
        text[i] = kept;
    }
    for (size_t cut = 0; cut < size; cut++)
        cr_expect_not(bb_key_parse((struct bb_span){text, cut}, &role, &id));
    cr_expect(bb_key_parse(bb_span_of(text), &role, &id));
}

/* FIPS 180-2, appendix B.1. */
Test(api_key, the_hash_is_sha_256) {
    static const unsigned char abc[BB_KEY_HASH_BYTES] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct bb_key_hash hash = bb_key_hash(BB_SPAN("abc"));

    cr_expect_arr_eq(hash.bytes, abc, sizeof abc);
}

Test(api_key, roles_and_rights) {
    static const struct {
        enum bb_role role;
        bool has[BB_RIGHT_COUNT];
    } rows[] = {{BB_ROLE_INGEST, {true, true, true, false, false}},
                {BB_ROLE_READ, {true, true, false, true, false}},
                {BB_ROLE_ADMIN, {true, true, true, true, true}}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int right = 0; right < BB_RIGHT_COUNT; right++)
            cr_expect_eq(bb_role_has(rows[i].role, (enum bb_right)right), rows[i].has[right],
                         "%s %s", bb_role_name((int)rows[i].role),
                         bb_right_name((enum bb_right)right));
}
