/* Files as the ledger knows them, copied out of the memory of the log's owner: for lists and single ones. */
#ifndef BB_HTTP_FILE_INTERNAL_H
#define BB_HTTP_FILE_INTERNAL_H

#include "http/page_internal.h"

struct bb_http_file {
    uint64_t id;
    struct bb_span source;
    int64_t received_ms;
    bool is_refused; /* nothing of it counts */
    uint64_t readings, rejected, bytes, report_offset;
    uint64_t replayed; /* the id under which all of it counts by now; 0: it does not */
};

struct bb_http_files {     /* which ones, and what was found */
    uint64_t id;           /* 0: any */
    int64_t before_ms;     /* received earlier; INT64_MAX: all */
    bool with_rejects;     /* only those of which something was refused, */
    bool without_replayed; /* and nothing of which counts by now */
    size_t wanted;
    size_t count;
    struct bb_http_file *items; /* the newest first, in the call's arena */
    /* for the search itself */
    struct bb_span tenant;
    struct bb_arena *arena;
};

int bb_http_files_find(struct bb_http_call *call, struct bb_http_files *files,
                       struct bb_error *error) BB_MUST_USE;
/* Those of a page, the newest first; `wanted` is the page's. */
int bb_http_files_tell(struct bb_http_page *page, struct bb_http_files *files,
                       struct bb_error *error) BB_MUST_USE;
/* The file that the path's {file} names; -BB_E_FILE_UNKNOWN. */
int bb_http_file_get(struct bb_http_call *call, struct bb_http_file *out, struct bb_error *error)
    BB_MUST_USE;
/* "done", "partial", "refused" */
const char *bb_http_file_state(const struct bb_http_file *file);
/* The members of its object. */
int bb_http_file_put(struct bb_http_call *call, const struct bb_http_file *file,
                     struct bb_json *json, struct bb_error *error) BB_MUST_USE;

#endif
