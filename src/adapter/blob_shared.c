/* Names and ranges of objects: see blob_shared_internal.h. */
#include "adapter/blob_shared_internal.h"

static bool is_allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '~' || c == '-' || c == '/';
}

int bb_blob_name_check(const char *name, struct bb_error *error) {
    size_t size = strlen(name);
    bool good = size > 0 && size <= BB_BLOB_NAME_MAX && name[size - 1] != '/';

    for (size_t i = 0; good && i < size; i++) {
        bool begins = i == 0 || name[i - 1] == '/';
        good = is_allowed(name[i]) && !(begins && (name[i] == '.' || name[i] == '/'));
    }
    if (good)
        return 0;
    return BB_FAIL(error, BB_E_BLOB_NAME,
                   "\"%.200s\" is no name for an archived file: letters, digits and ._~- are "
                   "allowed, at most %d",
                   name, (int)BB_BLOB_NAME_MAX);
}

int bb_blob_range_check(const struct bb_blob *blob, const char *name, uint64_t whole,
                        uint64_t offset, size_t size, struct bb_error *error) {
    if (offset <= whole && size <= whole - offset)
        return 0;
    return BB_FAIL(error, BB_E_BLOB_SHORT,
                   "%s in %s has %llu bytes, and %zu from %llu on are needed", name, blob->where,
                   (unsigned long long)whole, size, (unsigned long long)offset);
}
