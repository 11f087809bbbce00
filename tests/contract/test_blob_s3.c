/* What a bucket alone can do wrong: be busy, refuse, keep the parts of what was given up. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract/blob_fixture.h"
#include "contract/cluster.h"

static void be_busy(const struct cluster *server, int times) {
    char path[CLUSTER_PATH + 16];

    snprintf(path, sizeof path, "%s/fail", server->folder);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fprintf(file, "%d", times);
    fclose(file);
}

static int put(struct blob_fixture *f, const char *name, struct bb_span content) {
    struct bb_blob_put *at;

    cr_assert_eq(f->blob->ops->put_begin(f->blob, name, &at, &f->error), 0);
    if (f->blob->ops->put_write(at, content, &f->error) == 0)
        return f->blob->ops->put_end(at, &f->error);
    f->blob->ops->put_abandon(at);
    return -(int)f->error.code;
}

static int uploads_under_way(const struct cluster *server) {
    char path[CLUSTER_PATH + 16];
    struct dirent *entry;
    int count = 0;

    snprintf(path, sizeof path, "%s/data", server->folder);
    DIR *all = opendir(path);
    cr_assert_not_null(all);
    while ((entry = readdir(all)) != NULL)
        count += strncmp(entry->d_name, "upload-", 7) == 0;
    closedir(all);
    return count;
}

Test(blob_s3, a_busy_bucket_is_asked_again) {
    struct blob_fixture f = {.adapter = "s3"};
    struct bb_blob_info info;
    struct cluster server;

    cluster_start(&server, "s3", "");
    blob_open_s3(&f, server.address, "busbar-secret");
    be_busy(&server, 3);
    cr_expect_eq(put(&f, "x", BB_SPAN("content")), 0, "%s", f.error.text);
    be_busy(&server, 2);
    cr_expect_eq(f.blob->ops->info(f.blob, "x", &info, &f.error), BB_BLOB_FOUND);
    be_busy(&server, 1000);
    cr_expect_eq(put(&f, "y", BB_SPAN("content")), -BB_E_BLOB_IO);
    cr_expect(f.error.retriable);
    be_busy(&server, 0);
    cr_expect_eq(f.blob->ops->info(f.blob, "y", &info, &f.error), BB_BLOB_ABSENT);
    cluster_do(&server, "kill", "");
    cr_expect_eq(f.blob->ops->info(f.blob, "x", &info, &f.error), -BB_E_BLOB_IO);
    cr_expect(f.error.retriable, "it is away");
    cluster_do(&server, "restart", "");
    cr_expect_eq(f.blob->ops->info(f.blob, "x", &info, &f.error), BB_BLOB_FOUND);
    f.blob->ops->close(f.blob);
    cluster_stop(&server);
}

Test(blob_s3, a_wrong_secret_is_refused_at_once) {
    struct blob_fixture f = {.adapter = "s3"};

    blob_open_s3(&f, cluster_address("s3"), "another-secret");
    cr_expect_eq(put(&f, "x", BB_SPAN("content")), -BB_E_BLOB_IO);
    cr_expect_not(f.error.retriable);
    cr_expect_not_null(strstr(f.error.text, "SignatureDoesNotMatch"), "%s", f.error.text);
    f.blob->ops->close(f.blob);
}

Test(blob_s3, nothing_stays_of_an_upload_that_was_given_up) {
    enum { SIZE = 17 << 20 };
    struct blob_fixture f = {.adapter = "s3"};
    char *content = calloc(1, SIZE);
    struct bb_blob_put *at;
    struct cluster server;

    cr_assert_not_null(content);
    cluster_start(&server, "s3", "");
    blob_open_s3(&f, server.address, "busbar-secret");
    cr_assert_eq(f.blob->ops->put_begin(f.blob, "large", &at, &f.error), 0);
    cr_assert_eq(f.blob->ops->put_write(at, (struct bb_span){content, SIZE}, &f.error), 0, "%s",
                 f.error.text);
    cr_expect_eq(uploads_under_way(&server), 1);
    f.blob->ops->put_abandon(at);
    cr_expect_eq(uploads_under_way(&server), 0);
    cr_expect_eq(put(&f, "large", (struct bb_span){content, SIZE}), 0, "%s", f.error.text);
    cr_expect_eq(uploads_under_way(&server), 0);
    f.blob->ops->close(f.blob);
    cluster_stop(&server);
    free(content);
}
