/* Packed master data: round trips, what is absent, bounds, damage. */
#include <criterion/criterion.h>

#include "model/master.h"
#include "support/master_random.h"

enum { ARENA_LIMIT = 1 << 20 };

struct packing {
    struct bb_arena arena;
    struct bb_buffer bytes;
    struct bb_error error;
};

static void packing_init(struct packing *p) {
    bb_arena_init(&p->arena, 4096, ARENA_LIMIT);
    bb_buffer_init(&p->bytes, 1 << 20);
}

static void packing_release(struct packing *p) {
    bb_arena_release(&p->arena);
    bb_buffer_release(&p->bytes);
}

static void pack(struct packing *p, const struct bb_master *master) {
    bb_buffer_clear(&p->bytes);
    cr_assert_eq(bb_master_encode(master, &p->bytes, &p->error), 0, "%s", p->error.text);
}

static struct bb_master unpacked(struct packing *p) {
    struct bb_master master;
    cr_assert_eq(bb_master_decode(bb_buffer_span(&p->bytes), &p->arena, &master, &p->error), 0,
                 "%s", p->error.text);
    return master;
}

static int decode_bytes(struct packing *p, const void *bytes, size_t size) {
    struct bb_master master;
    return bb_master_decode((struct bb_span){bytes, size}, &p->arena, &master, &p->error);
}

Test(master, random_entries_round_trip) {
    uint64_t seed = random_test_seed("master round trip");
    struct bb_random random;
    struct packing p;

    bb_random_seed(&random, seed);
    packing_init(&p);
    for (int i = 0; i < 20000; i++) {
        struct bb_master master;
        bb_arena_reset(&p.arena);
        random_master(&random, &p.arena, &master);
        pack(&p, &master);
        struct bb_master again = unpacked(&p);
        const char *difference = master_difference(&master, &again);
        cr_assert_null(difference, "entry %d differs in %s", i, difference);
    }
    packing_release(&p);
}

Test(master, what_is_not_said_stays_unsaid) {
    struct bb_master_installation installation = {
        .device = BB_SPAN("E1"), .from_ms = 0, .to_ms = BB_TIME_NONE, .multiplier = {1, 0}};
    struct bb_master_channel channel = {.name = BB_SPAN("1.8.0"), .unit = -1, .one_way = -1};
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.tenant = BB_SPAN("t"),
                                               .name = BB_SPAN("u"),
                                               .installations = &installation,
                                               .installation_count = 1,
                                               .channels = &channel,
                                               .channel_count = 1}};
    struct packing p;

    packing_init(&p);
    pack(&p, &master);
    struct bb_master again = unpacked(&p);
    cr_assert_null(master_difference(&master, &again));
    cr_assert_eq(again.usage_point.installations[0].from_ms, 0);
    cr_assert_eq(again.usage_point.installations[0].to_ms, BB_TIME_NONE);
    cr_assert_leq(p.bytes.size, 32, "%zu bytes", p.bytes.size);
    packing_release(&p);
}

/* "1" is not the unit "not said", a decimal keeps its zeros, a multiplier of zero is one. */
Test(master, near_the_defaults) {
    struct bb_master_installation installation = {
        .device = BB_SPAN("E1"), .from_ms = -1, .to_ms = 0, .multiplier = {100, -2}, .dials = 255};
    struct bb_master_channel channel = {.name = BB_SPAN("c"), .unit = 0, .one_way = 0};
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.name = BB_SPAN("u"),
                                               .installations = &installation,
                                               .installation_count = 1,
                                               .channels = &channel,
                                               .channel_count = 1}};
    struct packing p;

    packing_init(&p);
    pack(&p, &master);
    struct bb_master again = unpacked(&p);
    cr_assert_null(master_difference(&master, &again));
    installation.multiplier = (struct bb_decimal){0, 0};
    pack(&p, &master);
    again = unpacked(&p);
    cr_assert_null(master_difference(&master, &again));
    packing_release(&p);
}

Test(master, unknown_tags_are_passed_over) {
    /* version 1, tenant; tag 1 "demo"; tag 9 number 7; tag 10 bytes "xy"; tag 2 "UTC" */
    static const char bytes[] = "\x01\x02"
                                "\x03\x04"
                                "demo"
                                "\x12\x0e"
                                "\x15\x02xy"
                                "\x05\x03UTC";
    struct bb_master master;
    struct packing p;

    packing_init(&p);
    cr_assert_eq(bb_master_decode(BB_SPAN(bytes), &p.arena, &master, &p.error), 0, "%s",
                 p.error.text);
    cr_assert(bb_span_equal(master.tenant.name, BB_SPAN("demo")));
    cr_assert(bb_span_equal(master.tenant.zone, BB_SPAN("UTC")));
    packing_release(&p);
}

Test(master, refused_bytes) {
    static const struct {
        const char *bytes;
        size_t size;
        int result;
        const char *why;
    } cases[] = {
        {"", 0, -BB_E_STORE_CORRUPT, "nothing"},
        {"\x01", 1, -BB_E_STORE_CORRUPT, "no kind"},
        {"\x01\x00", 2, -BB_E_STORE_CORRUPT, "kind 0"},
        {"\x02\x01\x05\x01x", 5, -BB_E_VERSION, "version 2"},
        {"\x01\x07\x05\x01x", 5, -BB_E_VERSION, "kind 7"},
        {"\x01\x01", 2, -BB_E_STORE_CORRUPT, "a usage point without a name"},
        {"\x01\x02\x03\x05"
         "demo",
         8, -BB_E_STORE_CORRUPT, "a text past the end"},
        {"\x01\x02\x02\x02", 4, -BB_E_STORE_CORRUPT, "a number where a text belongs"},
        {"\x01\x02\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, -BB_E_STORE_CORRUPT,
         "a size of 2^64"},
        {"\x01\x01\x05\x01u\x10\x40", 7, -BB_E_STORE_CORRUPT, "commodity 32"},
        {"\x01\x01\x05\x01u\x17\x02\x08\x40", 9, -BB_E_STORE_CORRUPT, "kind 32 of a channel"},
        {"\x01\x01\x05\x01u\x15\x04\x09\x02\x30\x02", 11, -BB_E_STORE_CORRUPT, "exponent 24"},
        {"\x01\x03\x05\x01n\x0b\x01\x80", 8, -BB_E_STORE_CORRUPT, "half a varint in the days"},
        {"\x01\x04\x05\x01p\x09\x01\x80", 8, -BB_E_STORE_CORRUPT, "half a varint in the months"},
        {"\x01\x04\x05\x01p\x09\x01\x05", 8, -BB_E_STORE_CORRUPT, "one month"},
        {"\x01\x04\x05\x01p\x07\x01\x05", 8, -BB_E_STORE_CORRUPT, "a day without a weight"},
        {"\x01\x04\x05\x01p\x07\x07\x02\xff\xff\xff\xff\xff\x7f", 14, -BB_E_STORE_CORRUPT,
         "a weight of 2^42 - 1"},
        {"\x01\x04\x05\x01p\x0b\x05\x02\x00\x07\x01\x01", 12, -BB_E_STORE_CORRUPT, "month 0"},
    };
    struct packing p;

    packing_init(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(decode_bytes(&p, cases[i].bytes, cases[i].size), cases[i].result, "%s",
                     cases[i].why);
    packing_release(&p);
}

/* Every prefix and every flipped byte of a good record: an entry or an error, never a crash. */
Test(master, damaged_bytes_end_in_an_error_or_an_entry) {
    struct bb_random random;
    struct packing p;

    bb_random_seed(&random, 7);
    packing_init(&p);
    for (int i = 0; i < 200; i++) {
        struct bb_master master;
        bb_arena_reset(&p.arena);
        random_master(&random, &p.arena, &master);
        pack(&p, &master);
        for (size_t size = 0; size < p.bytes.size; size++) {
            char *prefix = malloc(size ? size : 1); /* its end is a fence for the sanitizer */
            memcpy(prefix, p.bytes.data, size);
            int result = decode_bytes(&p, prefix, size);
            cr_assert(result <= 0);
            free(prefix);
        }
        for (size_t at = 0; at < p.bytes.size; at++) {
            char kept = p.bytes.data[at];
            bb_arena_reset(&p.arena);
            p.bytes.data[at] = (char)(kept ^ (1 << bb_random_below(&random, 8)));
            int result = decode_bytes(&p, p.bytes.data, p.bytes.size);
            cr_assert(result <= 0);
            p.bytes.data[at] = kept;
        }
    }
    packing_release(&p);
}

/* 100,000 empty channels in 200 kB would be 8 MB: more than the arena gives. */
Test(master, memory_is_bounded_by_the_arena) {
    enum { CHANNELS = 100000 };
    char *bytes = malloc(5 + 2 * CHANNELS);
    struct packing p;

    packing_init(&p);
    memcpy(bytes, "\x01\x01\x05\x01u", 5);
    for (int i = 0; i < CHANNELS; i++)
        memcpy(bytes + 5 + 2 * i, "\x17\x00", 2);
    cr_assert_eq(decode_bytes(&p, bytes, 5 + 2 * CHANNELS), -BB_E_NO_MEMORY);
    cr_assert_leq(p.arena.total_bytes, ARENA_LIMIT);
    free(bytes);
    packing_release(&p);
}

Test(master, what_does_not_fit_is_not_encoded) {
    char name[BB_MASTER_TENANT_MAX + 2];
    struct bb_master tenant = {.kind = BB_MASTER_TENANT, .tenant = {.zone = BB_SPAN("UTC")}};
    struct packing p;

    packing_init(&p);
    memset(name, 'x', sizeof name);
    tenant.tenant.name = (struct bb_span){name, BB_MASTER_TENANT_MAX};
    pack(&p, &tenant);
    tenant.tenant.name.size++;
    cr_assert_eq(bb_master_encode(&tenant, &p.bytes, &p.error), -BB_E_REGISTRY_INVALID);

    tenant.tenant.name.size = 10;
    struct bb_buffer small;
    bb_buffer_init(&small, 16);
    cr_assert_eq(bb_master_encode(&tenant, &small, &p.error), -BB_E_NO_MEMORY);
    bb_buffer_release(&small);
    packing_release(&p);
}

Test(master, tenant_and_name) {
    struct bb_master up = {.kind = BB_MASTER_USAGE_POINT,
                           .usage_point = {.tenant = BB_SPAN("t"), .name = BB_SPAN("u")}};
    struct bb_master tenant = {.kind = BB_MASTER_TENANT, .tenant = {.name = BB_SPAN("t")}};
    struct bb_master calendar = {.kind = BB_MASTER_CALENDAR,
                                 .calendar = {.tenant = BB_SPAN("t"), .name = BB_SPAN("nl")}};

    cr_assert(bb_span_equal(bb_master_tenant_name(&up), BB_SPAN("t")));
    cr_assert(bb_span_equal(bb_master_name(&up), BB_SPAN("u")));
    cr_assert(bb_span_equal(bb_master_tenant_name(&tenant), BB_SPAN("t")));
    cr_assert(bb_span_equal(bb_master_name(&tenant), BB_SPAN("t")));
    cr_assert(bb_span_equal(bb_master_tenant_name(&calendar), BB_SPAN("t")));
    cr_assert(bb_span_equal(bb_master_name(&calendar), BB_SPAN("nl")));
}
