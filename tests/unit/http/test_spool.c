/* Bodies while they come, and deadlines for those that do not. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "http/link_internal.h"
#include "http/spool_internal.h"

static struct bb_http_spool_room room = {.folder = "/tmp", .memory_each = 1000, .memory_all = 1500};

static void fill(struct bb_http_spool *spool, size_t size) {
    struct bb_error error;

    for (size_t i = 0; i < size; i++) {
        char byte = (char)(i % 251);
        cr_assert_eq(bb_http_spool_add(spool, &byte, 1, &error), 0);
    }
}

static void expect_bytes(struct bb_http_spool *spool, size_t size) {
    struct bb_input input = bb_http_spool_input(spool);
    char bytes[37];
    struct bb_error error;
    size_t at = 0, got;

    do {
        cr_assert_eq(input.read(input.context, bytes, sizeof bytes, &got, &error), 0);
        for (size_t i = 0; i < got; i++, at++)
            cr_assert_eq(bytes[i], (char)(at % 251), "byte %zu", at);
    } while (got > 0);
    cr_expect_eq(at, size);
}

Test(spool, small_ones_stay_in_memory_large_ones_go_to_a_file) {
    static const size_t sizes[] = {0, 1, 1000, 1001, 5000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bb_http_spool spool;
        bb_http_spool_init(&spool, &room);
        fill(&spool, sizes[i]);
        cr_expect_eq(spool.fd >= 0, sizes[i] > 1000);
        expect_bytes(&spool, sizes[i]);
        expect_bytes(&spool, sizes[i]); /* from its first byte again */
        bb_http_spool_release(&spool);
        cr_expect_eq(atomic_load(&room.memory_taken), 0);
    }
}

Test(spool, all_together_stay_within_their_memory) {
    struct bb_http_spool spools[8];
    int in_files = 0;

    for (int i = 0; i < 8; i++) {
        bb_http_spool_init(&spools[i], &room);
        fill(&spools[i], 900);
        in_files += spools[i].fd >= 0;
        cr_expect_leq(atomic_load(&room.memory_taken), 1500 + 1000);
    }
    cr_expect_geq(in_files, 6);
    for (int i = 0; i < 8; i++) {
        expect_bytes(&spools[i], 900);
        bb_http_spool_release(&spools[i]);
    }
    cr_expect_eq(atomic_load(&room.memory_taken), 0);
}

Test(link, deadlines) {
    const struct bb_http_links links = {
        .idle_ms = 75000, .head_ms = 10000, .body_ms = 30000, .body_bytes_per_second = 1000};

    cr_expect_eq(bb_http_link_limit_ms(&links, BB_LINK_IDLE, 0), 75000);
    cr_expect_eq(bb_http_link_limit_ms(&links, BB_LINK_HEAD, 0), 10000);
    cr_expect_eq(bb_http_link_limit_ms(&links, BB_LINK_BODY, 0), 30000);
    cr_expect_eq(bb_http_link_limit_ms(&links, BB_LINK_BODY, 5000), 35000);
    cr_expect_eq(bb_http_link_limit_ms(&links, BB_LINK_WORK, 0), INT64_MAX);
}
