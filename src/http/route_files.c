/* GET /v1/files: what came as files, what was refused of them and why; and one of them.
 *
 *   the ledger, in the memory of the log's owner ─► copies of some, newest first ─► a page
 *   the records behind them in the log           ─► the refusals of those that have some
 *
 * Posts are no files: each was answered by itself.
 */
#include "http/file_internal.h"
#include "http/routes_internal.h"

/* ---- the list */

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_files files = {.asked.before_ms = INT64_MAX};

    (void)context;
    return bb_http_files_tell(page, &files, error);
}

static int list_files(struct bb_http_call *call, struct bb_error *error) {
    return bb_http_page_run(call, NULL, tell, NULL, error);
}

static const struct bb_http_parameter list_parameters[] = {BB_HTTP_PAGE_PARAMETERS,
                                                           BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json",
     "a page of files, the newest first, with the first lines refused of each"},
    {0}};

const struct bb_http_route bb_http_route_files = {
    .method = BB_HTTP_GET,
    .path = "/v1/files",
    .right = BB_RIGHT_READ,
    .summary = "files that came, and what was refused of them",
    .details = "state: done, partial (the good lines count) or refused (nothing of it counts).",
    .parameters = list_parameters,
    .answers = list_answers,
    .handle = list_files,
};

/* ---- one of them */

static int get_file(struct bb_http_call *call, struct bb_error *error) {
    struct bb_json json = bb_http_json(call);
    struct bb_file_row file;
    int result = bb_http_file_get(call, &file, error);

    if (result)
        return result;
    bb_json_object_begin(&json);
    result = bb_http_file_put(call, &file, &json, error);
    bb_json_object_end(&json);
    return result ? result : bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_parameter one_parameters[] = {
    {.name = "file", .place = BB_HTTP_IN_PATH, .required = true, .help = "its id"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer one_answers[] = {
    {200, "application/json", "the file, with the first lines refused of it"}, {0}};

const struct bb_http_route bb_http_route_file = {
    .method = BB_HTTP_GET,
    .path = "/v1/files/{file}",
    .right = BB_RIGHT_READ,
    .summary = "a file that came",
    .parameters = one_parameters,
    .answers = one_answers,
    .handle = get_file,
};
