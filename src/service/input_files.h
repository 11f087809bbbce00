/* The files that the arguments of a command or a task name: files, folders (recursively, sorted), or "-". */
#ifndef BB_SERVICE_INPUT_FILES_H
#define BB_SERVICE_INPUT_FILES_H

#include "base/error.h"

struct bb_input_file {
    char *path;
    uint64_t size_bytes; /* 0: unknown */
};

struct bb_input_files {
    struct bb_input_file *items;
    size_t count, capacity;
    uint64_t size_bytes;  /* of all whose size is known */
    bool size_unknown;    /* of one or more */
    uint64_t passed_over; /* what folders hold besides readings */
};

/* In a folder, hidden files are passed over, and so are *.yaml, *.yml, *.md and truth.json, which lie
 * beside readings. A path that cannot be read is kept: landing it says why. -BB_E_INPUT_UNREADABLE
 * for a folder that cannot be read, holds nothing or is too deep. */
int bb_input_files_add(struct bb_input_files *files, const char *argument, struct bb_error *error)
    BB_MUST_USE;
void bb_input_files_release(struct bb_input_files *files);

#endif
