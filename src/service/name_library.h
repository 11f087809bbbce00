/* A name library: the names of some kinds that begin alike in one partition, read at once and kept. For who asks for many, one
 * by one, a store that answers from far away. Not kept current: of the moment at which it was read. */
#ifndef BB_SERVICE_NAME_LIBRARY_H
#define BB_SERVICE_NAME_LIBRARY_H

#include "base/arena.h"
#include "port/store.h"

struct bb_name_library_entry;

struct bb_name_library {
    struct bb_name_library_entry *slots; /* open addressing by the hash of kind and name */
    size_t slot_count, count;
    struct bb_arena arena;
    bool is_whole; /* all of them are here: what is not found is not there */
};

void bb_name_library_init(struct bb_name_library *library, size_t limit_bytes);
void bb_name_library_release(struct bb_name_library *library);

/* Add the names of a kind that begin with `prefix`. is_whole becomes false when they are too many, and nothing is kept. */
int bb_name_library_read(struct bb_name_library *library, struct bb_store *store,
                         struct bb_store_view *view, enum bb_name_kind kind, struct bb_span prefix,
                         struct bb_error *error) BB_MUST_USE;
/* BB_FOUND or BB_ABSENT. */
int bb_name_library_get(const struct bb_name_library *library, enum bb_name_kind kind,
                        struct bb_span name, struct bb_span *value);

#endif
