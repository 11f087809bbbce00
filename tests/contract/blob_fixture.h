/* The storages under test, and what they list. */
#ifndef BB_TESTS_CONTRACT_BLOB_FIXTURE_H
#define BB_TESTS_CONTRACT_BLOB_FIXTURE_H

#include "adapter/blobs.h"

struct blob_fixture {
    const char *adapter;
    struct bb_blob *blob;
    struct bb_blob *inner; /* of a decorator */
    struct bb_fault_plan plan;
    char directory[64];
    struct bb_error error;
};

/* Hold every adapter to a promise, each with an empty storage. */
void each_blob(void (*promise)(struct blob_fixture *f));

/* A bucket at an address, with a prefix of its own there. */
void blob_open_s3(struct blob_fixture *f, const char *address, const char *secret);

/* Lines "name size", all of a prefix. */
void expect_listed(struct blob_fixture *f, const char *prefix, const char *expected);

#endif
