/* Files as the ledger knows them, copied out of the memory of the log's owner: for lists and single ones. */
#ifndef BB_HTTP_FILE_INTERNAL_H
#define BB_HTTP_FILE_INTERNAL_H

#include "http/page_internal.h"
#include "service/file_list.h"

struct bb_http_files { /* which ones, and what was found */
    struct bb_file_question asked;
    size_t wanted, count;
    struct bb_file_row *items; /* the newest first, in the call's arena */
    struct bb_arena *arena;    /* for the search itself */
};

int bb_http_files_find(struct bb_http_call *call, struct bb_http_files *files,
                       struct bb_error *error) BB_MUST_USE;
/* Those of a page, the newest first; `wanted` is the page's. */
int bb_http_files_tell(struct bb_http_page *page, struct bb_http_files *files,
                       struct bb_error *error) BB_MUST_USE;
/* The file that the path's {file} names; -BB_E_FILE_UNKNOWN. */
int bb_http_file_get(struct bb_http_call *call, struct bb_file_row *out, struct bb_error *error)
    BB_MUST_USE;
/* The members of its object. */
int bb_http_file_put(struct bb_http_call *call, const struct bb_file_row *file,
                     struct bb_json *json, struct bb_error *error) BB_MUST_USE;

#endif
