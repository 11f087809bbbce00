#include "contract/blob_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract/cluster.h"
#include "support/log_folder.h"

static void open_folder(struct blob_fixture *f) {
    char path[96];

    snprintf(path, sizeof path, "%s/not/there/yet/", f->directory);
    cr_assert_eq(bb_blob_folder_open(path, &f->blob, &f->error), 0, "%s", f->error.text);
}

static void open_memory(struct blob_fixture *f) {
    cr_assert_eq(bb_blob_memory_open(&f->blob, &f->error), 0, "%s", f->error.text);
}

void blob_open_s3(struct blob_fixture *f, const char *address, const char *secret) {
    char prefix[32] = "at/";

    cluster_unique(prefix + strlen(prefix), sizeof prefix - strlen(prefix));
    cr_assert_eq(bb_blob_s3_open(&(struct bb_blob_s3_options){.bucket = "busbar-test",
                                                              .prefix = prefix,
                                                              .region = "test-1",
                                                              .endpoint = address,
                                                              .key_id = "busbar",
                                                              .secret = secret},
                                 &f->blob, &f->error),
                 0, "%s", f->error.text);
}

static void open_s3(struct blob_fixture *f) {
    blob_open_s3(f, cluster_address("s3"), "busbar-secret");
}

static void open_fault(struct blob_fixture *f) {
    open_folder(f);
    f->inner = f->blob;
    f->blob = bb_blob_fault_wrap(f->inner, &f->plan); /* a plan of zeroes never fails */
    cr_assert_not_null(f->blob);
}

static const struct {
    const char *name;
    void (*open)(struct blob_fixture *f);
} subjects[] = {
    {"folder", open_folder}, {"memory", open_memory}, {"fault", open_fault}, {"s3", open_s3}};

void each_blob(void (*promise)(struct blob_fixture *f)) {
    const char *temporary = getenv("TMPDIR");

    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct blob_fixture f = {.adapter = subjects[i].name};
        snprintf(f.directory, sizeof f.directory, "%.40s/blob.XXXXXX",
                 temporary ? temporary : "/tmp");
        cr_assert_not_null(mkdtemp(f.directory));
        subjects[i].open(&f);
        promise(&f);
        f.blob->ops->close(f.blob);
        if (f.inner)
            f.inner->ops->close(f.inner);
        log_folder_remove(f.directory);
    }
}

static int note(void *context, struct bb_span name, const struct bb_blob_info *info,
                struct bb_error *error) {
    (void)error;
    bb_buffer_format(context, "%.*s %llu\n", BB_SPAN_ARGS(name), (unsigned long long)info->size);
    return 0;
}

void expect_listed(struct blob_fixture *f, const char *prefix, const char *expected) {
    struct bb_buffer listed;

    bb_buffer_init(&listed, 1 << 16);
    cr_assert_eq(f->blob->ops->list(f->blob, prefix, note, &listed, &f->error), 0, "%s: %s",
                 f->adapter, f->error.text);
    cr_expect(bb_span_equal(bb_buffer_span(&listed), bb_span_of(expected)),
              "%s: of \"%s\" there are\n%.*sand not\n%s", f->adapter, prefix,
              BB_SPAN_ARGS(bb_buffer_span(&listed)), expected);
    bb_buffer_release(&listed);
}
