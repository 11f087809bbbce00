/* The port "blob": one suite, every adapter.
 *
 * Each test states a promise and holds every adapter to it: a folder, a bucket (of the
 * server that BUSBAR_TEST_S3 names, or of one of the run's own), the twin in memory, the decorator that fails by plan.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/blobs.h"
#include "contract/blob_fixture.h"
#include "support/log_folder.h"

/* ---- the promises ---------------------------------------------------------------------------- */

static void put(struct blob_fixture *f, const char *name, struct bb_span content) {
    struct bb_blob_put *at;

    cr_assert_eq(f->blob->ops->put_begin(f->blob, name, &at, &f->error), 0, "%s: %s", f->adapter,
                 f->error.text);
    size_t half = content.size / 2;
    cr_assert_eq(f->blob->ops->put_write(at, (struct bb_span){content.data, half}, &f->error), 0);
    cr_assert_eq(f->blob->ops->put_write(
                     at, (struct bb_span){content.data + half, content.size - half}, &f->error),
                 0);
    cr_assert_eq(f->blob->ops->put_end(at, &f->error), 0, "%s: %s", f->adapter, f->error.text);
}

static void expect_range(struct blob_fixture *f, const char *name, uint64_t offset,
                         struct bb_span expected) {
    struct bb_buffer out;

    bb_buffer_init(&out, 64 << 20);
    bb_buffer_append(&out, "before", 6);
    cr_assert_eq(f->blob->ops->get(f->blob, name, offset, expected.size, &out, &f->error),
                 BB_BLOB_FOUND, "%s: %s", f->adapter, f->error.text);
    cr_assert_eq(out.size, 6 + expected.size);
    cr_expect(memcmp(out.data, "before", 6) == 0 &&
                  (expected.size == 0 || memcmp(out.data + 6, expected.data, expected.size) == 0),
              "%s: other bytes of %s", f->adapter, name);
    bb_buffer_release(&out);
}

static void expect_absent(struct blob_fixture *f, const char *name) {
    struct bb_blob_info info;
    struct bb_buffer out;

    bb_buffer_init(&out, 64);
    cr_expect_eq(f->blob->ops->get(f->blob, name, 0, 1, &out, &f->error), BB_BLOB_ABSENT, "%s",
                 f->adapter);
    cr_expect_eq(f->blob->ops->info(f->blob, name, &info, &f->error), BB_BLOB_ABSENT, "%s",
                 f->adapter);
    cr_expect_eq(out.size, 0);
    bb_buffer_release(&out);
}

static void gives_back_what_was_put(struct blob_fixture *f) {
    struct bb_blob_info info;

    expect_absent(f, "a/b/c");
    put(f, "a/b/c", BB_SPAN("0123456789"));
    put(f, "a/empty", BB_SPAN(""));
    expect_range(f, "a/b/c", 0, BB_SPAN("0123456789"));
    expect_range(f, "a/b/c", 3, BB_SPAN("345"));
    expect_range(f, "a/b/c", 10, BB_SPAN(""));
    expect_range(f, "a/empty", 0, BB_SPAN(""));
    cr_assert_eq(f->blob->ops->info(f->blob, "a/b/c", &info, &f->error), BB_BLOB_FOUND);
    cr_expect_eq(info.size, 10, "%s", f->adapter);
    cr_expect_gt(info.modified_ms, 1600000000000);
    expect_absent(f, "a/b");
    expect_absent(f, "a/b/c/d");
}

Test(blob, gives_back_what_was_put) {
    each_blob(gives_back_what_was_put);
}

static void replaces_at_once(struct blob_fixture *f) {
    put(f, "x", BB_SPAN("a long first content"));
    put(f, "x", BB_SPAN("second"));
    expect_range(f, "x", 0, BB_SPAN("second"));
    struct bb_blob_info info;
    cr_assert_eq(f->blob->ops->info(f->blob, "x", &info, &f->error), BB_BLOB_FOUND);
    cr_expect_eq(info.size, 6, "%s", f->adapter);
}

Test(blob, replaces_at_once) {
    each_blob(replaces_at_once);
}

static void refuses_ranges_that_are_not_there(struct blob_fixture *f) {
    static const struct {
        uint64_t offset;
        size_t size;
    } ranges[] = {{0, 11}, {10, 1}, {9, 2}, {11, 0}, {UINT64_MAX, 2}};
    struct bb_buffer out;

    put(f, "x", BB_SPAN("0123456789"));
    bb_buffer_init(&out, 64);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        cr_expect_eq(
            f->blob->ops->get(f->blob, "x", ranges[i].offset, ranges[i].size, &out, &f->error),
            -BB_E_BLOB_SHORT, "%s: range %zu", f->adapter, i);
    cr_expect_eq(out.size, 0);
    bb_buffer_release(&out);
}

Test(blob, refuses_ranges_that_are_not_there) {
    each_blob(refuses_ranges_that_are_not_there);
}

static void shows_nothing_unfinished(struct blob_fixture *f) {
    struct bb_blob_put *at;

    put(f, "there", BB_SPAN("old"));
    static const char *const names[] = {"new/one", "there"};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(f->blob->ops->put_begin(f->blob, names[i], &at, &f->error), 0);
        cr_assert_eq(f->blob->ops->put_write(at, BB_SPAN("half of it"), &f->error), 0);
        expect_listed(f, "", "there 3\n");
        f->blob->ops->put_abandon(at);
    }
    expect_absent(f, "new/one");
    expect_range(f, "there", 0, BB_SPAN("old"));
    expect_listed(f, "", "there 3\n");
}

Test(blob, shows_nothing_unfinished) {
    each_blob(shows_nothing_unfinished);
}

static void lists_by_prefix_in_byte_order(struct blob_fixture *f) {
    static const char *const names[] = {"b/2", "a/x/1", "a-b",   "a/x/10", "a/x/2",
                                        "a.b", "aa",    "a/y.z", "B",      "a/x-1"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(f, names[i], BB_SPAN("1"));
    expect_listed(f, "",
                  "B 1\na-b 1\na.b 1\na/x-1 1\na/x/1 1\na/x/10 1\na/x/2 1\na/y.z 1\naa 1\nb/2 1\n");
    expect_listed(f, "a/x/1", "a/x/1 1\na/x/10 1\n");
    expect_listed(f, "a/", "a/x-1 1\na/x/1 1\na/x/10 1\na/x/2 1\na/y.z 1\n");
    expect_listed(f, "c", "");
}

Test(blob, lists_by_prefix_in_byte_order) {
    each_blob(lists_by_prefix_in_byte_order);
}

static int stop_at_once(void *context, struct bb_span name, const struct bb_blob_info *info,
                        struct bb_error *error) {
    int *calls = context;

    (void)name;
    (void)info;
    (void)error;
    return ++*calls == 2 ? -BB_E_USAGE : 0;
}

static void passes_on_what_the_visitor_says(struct blob_fixture *f) {
    int calls = 0;

    put(f, "1", BB_SPAN("1"));
    put(f, "2", BB_SPAN("2"));
    put(f, "3", BB_SPAN("3"));
    cr_expect_eq(f->blob->ops->list(f->blob, "", stop_at_once, &calls, &f->error), -BB_E_USAGE,
                 "%s", f->adapter);
    cr_expect_eq(calls, 2);
}

Test(blob, passes_on_what_the_visitor_says) {
    each_blob(passes_on_what_the_visitor_says);
}

static void removes(struct blob_fixture *f) {
    put(f, "a/1", BB_SPAN("1"));
    put(f, "a/2", BB_SPAN("2"));
    cr_expect_eq(f->blob->ops->remove(f->blob, "a/1", &f->error), 0);
    cr_expect_eq(f->blob->ops->remove(f->blob, "a/1", &f->error), 0, "%s: again", f->adapter);
    cr_expect_eq(f->blob->ops->remove(f->blob, "never", &f->error), 0, "%s", f->adapter);
    expect_absent(f, "a/1");
    expect_listed(f, "", "a/2 1\n");
}

Test(blob, removes) {
    each_blob(removes);
}

static void takes_its_names_alone(struct blob_fixture *f) {
    static const char *const wrong[] = {"",     "/a",  "a/", "a//b", "..",    "a/../b",
                                        "a/.b", "a b", "ä",  "a?b",  "a%2Fb", "a\\b"};
    char longest[BB_BLOB_NAME_MAX + 2];
    struct bb_blob_put *at;
    struct bb_blob_info info;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_expect_eq(f->blob->ops->put_begin(f->blob, wrong[i], &at, &f->error), -BB_E_BLOB_NAME,
                     "%s: \"%s\"", f->adapter, wrong[i]);
        cr_expect_eq(f->blob->ops->info(f->blob, wrong[i], &info, &f->error), -BB_E_BLOB_NAME);
        cr_expect_eq(f->blob->ops->remove(f->blob, wrong[i], &f->error), -BB_E_BLOB_NAME);
    }
    memset(longest, 'x', sizeof longest);
    for (int i = 100; i < BB_BLOB_NAME_MAX; i += 100)
        longest[i] = '/';
    longest[BB_BLOB_NAME_MAX + 1] = '\0';
    cr_expect_eq(f->blob->ops->put_begin(f->blob, longest, &at, &f->error), -BB_E_BLOB_NAME);
    longest[BB_BLOB_NAME_MAX] = '\0';
    put(f, longest, BB_SPAN("long"));
    expect_range(f, longest, 0, BB_SPAN("long"));
    put(f, "A_b~2Fc.d-e", BB_SPAN("all"));
    expect_range(f, "A_b~2Fc.d-e", 1, BB_SPAN("ll"));
}

Test(blob, takes_its_names_alone) {
    each_blob(takes_its_names_alone);
}

/* More than a part of a multipart upload, in uneven pieces. */
static void takes_large_objects(struct blob_fixture *f) {
    enum { SIZE = (13 << 20) + 7, PIECE = 700001 };
    char *content = malloc(SIZE);
    struct bb_blob_put *at;
    uint32_t state = 1;

    cr_assert_not_null(content);
    for (size_t i = 0; i < SIZE; i++) {
        state = state * 1664525U + 1013904223U;
        content[i] = (char)(state >> 24);
    }
    cr_assert_eq(f->blob->ops->put_begin(f->blob, "large", &at, &f->error), 0);
    for (size_t i = 0; i < SIZE; i += PIECE)
        cr_assert_eq(
            f->blob->ops->put_write(
                at, (struct bb_span){content + i, SIZE - i < PIECE ? SIZE - i : PIECE}, &f->error),
            0, "%s: %s", f->adapter, f->error.text);
    cr_assert_eq(f->blob->ops->put_end(at, &f->error), 0, "%s: %s", f->adapter, f->error.text);
    expect_range(f, "large", 0, (struct bb_span){content, SIZE});
    expect_range(f, "large", (8 << 20) - 3, (struct bb_span){content + (8 << 20) - 3, 10});
    /* begun and given up */
    cr_assert_eq(f->blob->ops->put_begin(f->blob, "larger", &at, &f->error), 0);
    cr_assert_eq(f->blob->ops->put_write(at, (struct bb_span){content, SIZE}, &f->error), 0);
    f->blob->ops->put_abandon(at);
    expect_absent(f, "larger");
    free(content);
}

Test(blob, takes_large_objects) {
    each_blob(takes_large_objects);
}

struct reader {
    struct blob_fixture *f;
    int wrong;
};

static void *read_on(void *context) {
    struct reader *r = context;
    struct bb_error error;
    struct bb_buffer out;

    bb_buffer_init(&out, 64);
    for (int i = 0; i < 50; i++) {
        bb_buffer_clear(&out);
        int found = r->f->blob->ops->get(r->f->blob, "shared", 0, 4, &out, &error);
        r->wrong += found != BB_BLOB_FOUND ||
                    (memcmp(out.data, "AAAA", 4) != 0 && memcmp(out.data, "BBBB", 4) != 0);
    }
    bb_buffer_release(&out);
    return NULL;
}

static void serves_many_threads(struct blob_fixture *f) {
    pthread_t threads[4];
    struct reader readers[4];

    put(f, "shared", BB_SPAN("AAAA"));
    for (int i = 0; i < 4; i++) {
        readers[i] = (struct reader){.f = f};
        cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        put(f, "shared", i % 2 ? BB_SPAN("AAAA") : BB_SPAN("BBBB"));
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(readers[i].wrong, 0, "%s", f->adapter);
    }
}

Test(blob, serves_many_threads) {
    each_blob(serves_many_threads);
}

/* ---- the decorator --------------------------------------------------------------------------- */

Test(blob, a_put_that_fails_by_plan_is_there_or_not) {
    for (int before = 0; before < 2; before++) {
        struct bb_fault_plan plan = {.fail_at = 1, .code = BB_E_BLOB_IO, .before = before != 0};
        struct bb_error error;
        struct bb_blob *inner;
        struct bb_blob_put *at;
        struct bb_blob_info info;
        cr_assert_eq(bb_blob_memory_open(&inner, &error), 0);
        struct bb_blob *blob = bb_blob_fault_wrap(inner, &plan);
        cr_assert_not_null(blob);
        cr_assert_eq(blob->ops->put_begin(blob, "x", &at, &error), 0);
        cr_assert_eq(blob->ops->put_write(at, BB_SPAN("x"), &error), 0);
        cr_expect_eq(blob->ops->put_end(at, &error), -BB_E_BLOB_IO);
        cr_expect(error.retriable);
        cr_expect_eq(blob->ops->info(blob, "x", &info, &error),
                     before ? BB_BLOB_ABSENT : BB_BLOB_FOUND);
        blob->ops->close(blob);
        inner->ops->close(inner);
    }
}
