/* Archived files: what is put comes back, by name and from front to back; what is damaged is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/archive_place.h"
#include "model/block.h"

enum { CHANNELS = 300, DAYS = 31, FIRST_DAY = 19358 /* 2023-01-01 */ };

struct made {
    struct bb_buffer file;
    struct bb_archive_trailer trailer;
    struct bb_arena arena;
    struct bb_archive_index index;
    struct bb_error error;
};

static struct bb_span content(int channel, int day, int lane, char text[2048]) {
    size_t size = 300 + (size_t)((channel * 31 + day * 7 + lane) % 1500);
    uint32_t state = (uint32_t)(channel * 1000 + day * 10 + lane);

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        text[i] = (char)(state >> 24);
    }
    text[0] = 1;
    text[1] = (char)lane;
    text[2] = 96;
    return (struct bb_span){text, size};
}

static void name_of(int channel, char usage_point[32], char name[32]) {
    snprintf(usage_point, 32, "UP%05d", channel / 2);
    snprintf(name, 32, "1-1:%d.29.0", channel % 2 + 1);
}

static bool has(int channel, int day, int lane) {
    return lane == BB_LANE_RAW ? (channel + day) % 5 != 0 : (channel + day) % 11 == 0;
}

static struct made make(void) {
    const struct bb_archive_head head = {BB_SPAN("acme"), BB_LANE_RAW, 636, 3};
    struct made m = {0};
    struct bb_archive_writer w;
    char text[2048], usage_point[32], name[32];

    bb_buffer_init(&m.file, 256 << 20);
    bb_archive_writer_init(&w, &head);
    for (int c = 0; c < CHANNELS; c++) {
        name_of(c, usage_point, name);
        for (int lane = BB_LANE_RAW; lane <= BB_LANE_HISTORY; lane++)
            for (int day = 0; day < DAYS; day++)
                if (has(c, day, lane))
                    cr_assert_eq(bb_archive_put(&w, bb_span_of(usage_point), bb_span_of(name),
                                                (uint8_t)lane, FIRST_DAY + day,
                                                content(c, day, lane, text), &m.error),
                                 0);
        bb_buffer_append_span(&m.file, bb_buffer_span(&w.out));
        bb_buffer_clear(&w.out);
    }
    cr_assert_eq(bb_archive_finish(&w, &m.trailer, &m.error), 0);
    bb_buffer_append_span(&m.file, bb_buffer_span(&w.out));
    cr_assert_eq(w.size, m.file.size);
    bb_archive_writer_release(&w);
    bb_arena_init(&m.arena, 1 << 16, 1 << 26);
    struct bb_archive_trailer read;
    cr_assert_eq(bb_archive_trailer_read(bb_buffer_span(&m.file), m.file.size, &read, &m.error), 0);
    cr_assert_eq(memcmp(&read, &m.trailer, sizeof read), 0);
    struct bb_span index = {m.file.data + read.index_offset, read.index_packed};
    cr_assert_eq(bb_archive_index_read(index, &read, &m.arena, &m.index, &m.error), 0, "%s",
                 m.error.text);
    return m;
}

static void release(struct made *m) {
    bb_buffer_release(&m->file);
    bb_arena_release(&m->arena);
}

static struct bb_archive_page page_of(struct made *m, uint32_t frame) {
    const struct bb_archive_frame *f = &m->index.frames[frame];
    struct bb_archive_page page;

    cr_assert_eq(bb_archive_page_read((struct bb_span){m->file.data + f->offset, f->packed}, f,
                                      &page, &m->error),
                 0, "%s", m->error.text);
    return page;
}

Test(archive_file, gives_back_every_block_by_name) {
    struct made m = make();
    char text[2048], usage_point[32], name[32];

    cr_assert(bb_span_equal(m.index.head.tenant, BB_SPAN("acme")));
    cr_assert(m.index.head.month == 636 && m.index.head.partition == 3);
    cr_assert_gt(m.index.count, 10, "frames of some 256 KB");
    for (int c = 0; c < CHANNELS; c++) {
        name_of(c, usage_point, name);
        int64_t frame = bb_archive_index_find(&m.index, bb_span_of(usage_point), bb_span_of(name));
        cr_assert_geq(frame, 0);
        struct bb_archive_page page = page_of(&m, (uint32_t)frame);
        for (int lane = BB_LANE_RAW; lane <= BB_LANE_HISTORY; lane++)
            for (int day = 0; day < DAYS; day++) {
                const struct bb_archive_entry *e = bb_archive_page_find(
                    &page, bb_span_of(usage_point), bb_span_of(name), (uint8_t)lane,
                    FIRST_DAY + day);
                cr_assert_eq(e != NULL, has(c, day, lane), "%s day %d", usage_point, day);
                cr_assert(!e || bb_span_equal(e->packed, content(c, day, lane, text)));
            }
        bb_archive_page_release(&page);
    }
    release(&m);
}

Test(archive_file, knows_whom_it_does_not_hold) {
    struct made m = make();
    static const char *const names[] = {"A", "UP", "UP00000", "UP00149", "UP00150", "Z", ""};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t frame = bb_archive_index_find(&m.index, bb_span_of(names[i]), BB_SPAN("1-1:9"));
        if (frame < 0)
            continue;
        struct bb_archive_page page = page_of(&m, (uint32_t)frame);
        cr_expect_null(bb_archive_page_find(&page, bb_span_of(names[i]), BB_SPAN("1-1:9"),
                                            BB_LANE_RAW, FIRST_DAY));
        bb_archive_page_release(&page);
    }
    release(&m);
}

Test(archive_file, is_read_from_front_to_back) {
    struct made m = make();
    uint64_t blocks = 0, readings = 0;

    for (uint32_t f = 0; f < m.index.count; f++) {
        struct bb_archive_page page = page_of(&m, f);
        blocks += page.count;
        readings += m.index.frames[f].readings;
        bb_archive_page_release(&page);
    }
    cr_expect_eq(blocks, m.trailer.blocks);
    cr_expect_eq(readings, m.trailer.readings);
    cr_expect_eq(readings % 96, 0);
    release(&m);
}

Test(archive_file, refuses_every_bit_that_is_another) {
    struct made m = make();
    const struct bb_archive_frame *f = &m.index.frames[1];
    size_t places[] = {f->offset, f->offset + f->packed / 2, f->offset + f->packed - 1};
    struct bb_archive_page page;
    struct bb_archive_index index;
    struct bb_archive_trailer trailer;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        m.file.data[places[i]] ^= 4;
        cr_expect_eq(bb_archive_page_read((struct bb_span){m.file.data + f->offset, f->packed}, f,
                                          &page, &m.error),
                     -BB_E_ARCHIVE_DAMAGED);
        m.file.data[places[i]] ^= 4;
    }
    m.file.data[m.trailer.index_offset + 3] ^= 1;
    struct bb_span packed = {m.file.data + m.trailer.index_offset, m.trailer.index_packed};
    cr_expect_eq(bb_archive_index_read(packed, &m.trailer, &m.arena, &index, &m.error),
                 -BB_E_ARCHIVE_DAMAGED);
    for (size_t i = 1; i <= BB_ARCHIVE_TRAILER_BYTES; i++) {
        m.file.data[m.file.size - i] ^= 1;
        cr_expect_eq(
            bb_archive_trailer_read(bb_buffer_span(&m.file), m.file.size, &trailer, &m.error),
            -BB_E_ARCHIVE_DAMAGED, "byte %zu from the end", i);
        m.file.data[m.file.size - i] ^= 1;
    }
    cr_expect_eq(
        bb_archive_trailer_read(bb_buffer_span(&m.file), m.file.size - 1, &trailer, &m.error),
        -BB_E_ARCHIVE_DAMAGED, "of another file");
    release(&m);
}

/* ---- places */

Test(archive_place, a_block_belongs_to_the_month_in_which_its_span_ends) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        for (int32_t month = -30; month < 700; month++) {
            int32_t first, last;
            if (!bb_archive_spans_of((uint8_t)lane, month, &first, &last))
                continue;
            cr_assert_leq(first, last);
            for (int32_t span = first; span <= last; span++)
                cr_assert_eq(bb_archive_month_of((uint8_t)lane, span), month, "lane %d span %d",
                             lane, span);
            int64_t start_ms, end_ms;
            bb_lane_span_bounds((enum bb_lane)lane, last, &start_ms, &end_ms);
            cr_assert_eq(bb_archive_month_at(end_ms - 1), month, "lane %d", lane);
        }
}

Test(archive_place, months_are_written_and_read) {
    char text[BB_ARCHIVE_MONTH_TEXT_MAX];

    for (int32_t month = -100; month < 1000; month++) {
        bb_archive_month_format(month, text);
        cr_assert_eq(bb_archive_month_parse(bb_span_of(text)), month, "%s", text);
    }
    static const char *const wrong[] = {"",       "2024",     "2024-00", "2024-13",
                                        "2024-1", "24-01-01", "2024/01", "2024-0x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_eq(bb_archive_month_parse(bb_span_of(wrong[i])), INT32_MIN, "%s", wrong[i]);
}

Test(archive_place, names_say_who_wrote_the_file) {
    const struct bb_archive_head head = {BB_SPAN("Stadtwerke Köln/1"), BB_LANE_VEE, 651, 12345};
    const struct bb_archive_maker maker = {0xfedcba9876543210U, 17, 1234567890123U};
    char name[BB_ARCHIVE_NAME_MAX + 1], prefix[BB_ARCHIVE_NAME_MAX + 1];
    struct bb_archive_maker read;

    cr_assert(bb_archive_name_make(&head, &maker, name));
    cr_expect_str_eq(name, "Stadtwerke~20K~C3~B6ln~2F1/vee/2024-04/"
                           "p12345-fedcba9876543210-e17-o1234567890123.archive");
    cr_assert(bb_archive_prefix_make(&head, maker.identity, prefix));
    cr_expect(bb_span_starts_with(bb_span_of(name), bb_span_of(prefix)));
    cr_assert(bb_archive_name_maker(bb_span_of(name), &read));
    cr_expect(read.epoch == 17 && read.offset == 1234567890123U);
    static const char *const wrong[] = {"",
                                        "x",
                                        "a/p0001",
                                        "p0001-0123456789abcdef-e1-o2.archiv",
                                        "p0001-0123456789abcdef-e-o2.archive",
                                        "p0001-0123456789abcdef-e1-o2.archive.more"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(bb_archive_name_maker(bb_span_of(wrong[i]), &read), "%s", wrong[i]);
}

Test(archive_place, places_come_back) {
    struct bb_archive_place place = {
        .name = "a/b.archive", .size = 1 << 20, .trailer = {1000, 20, 30, 40, 50, 60, 70}};
    struct bb_archive_place read;
    struct bb_archive_head head;
    struct bb_buffer out;
    struct bb_error error;
    char key[BB_ARCHIVE_KEY_MAX];

    bb_buffer_init(&out, 1 << 10);
    bb_archive_place_encode(&place, &out);
    cr_assert_eq(bb_archive_place_decode(bb_buffer_span(&out), &read, &error), 0);
    cr_expect_eq(memcmp(&place, &read, sizeof place), 0);
    for (size_t cut = 0; cut < out.size; cut++)
        cr_expect_eq(bb_archive_place_decode((struct bb_span){out.data, cut}, &read, &error),
                     -BB_E_STORE_CORRUPT);
    out.data[0] = 9;
    cr_expect_eq(bb_archive_place_decode(bb_buffer_span(&out), &read, &error), -BB_E_VERSION);
    bb_buffer_release(&out);
    size_t size = bb_archive_key_make(BB_LANE_DAY, -5, BB_SPAN("t"), key);
    cr_assert(bb_archive_key_read((struct bb_span){key, size}, &head));
    cr_expect(head.lane == BB_LANE_DAY && head.month == -5 &&
              bb_span_equal(head.tenant, BB_SPAN("t")));
}
