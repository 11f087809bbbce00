/* Sizes as people write them. */
#include <criterion/criterion.h>

#include "base/size_text.h"

static int64_t size_of(const char *text) {
    int64_t bytes;

    return bb_size_parse(bb_span_of(text), &bytes) ? bytes : -1;
}

Test(size_text, reads_binary_and_decimal_units) {
    cr_expect_eq(size_of("512MiB"), 512LL << 20);
    cr_expect_eq(size_of(" 512 mib "), 512LL << 20);
    cr_expect_eq(size_of("1GiB"), 1LL << 30);
    cr_expect_eq(size_of("3TiB"), 3LL << 40);
    cr_expect_eq(size_of("64kB"), 64000);
    cr_expect_eq(size_of("2GB"), 2000000000);
    cr_expect_eq(size_of("4096"), 4096);
    cr_expect_eq(size_of("0B"), 0);
}

Test(size_text, refuses_everything_else) {
    static const char *const texts[] = {
        "",      "MiB", "-1MiB", "1.5GiB", "1 XiB", "9223372036854775808", "9223372036854775807TiB",
        "12MiB3"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(size_of(texts[i]), -1, "%s", texts[i]);
}

Test(size_text, writes_what_it_reads) {
    static const int64_t sizes[] = {0, 1, 1000, 1024, 4097, 512LL << 20, 256LL << 30, 5LL << 40};
    char text[BB_SIZE_TEXT_MAX];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t length = bb_size_format(sizes[i], text);
        cr_expect_eq(length, strlen(text));
        cr_expect_eq(size_of(text), sizes[i], "%s", text);
    }
    bb_size_format(512LL << 20, text);
    cr_expect_str_eq(text, "512MiB");
}
