/* GET /v1/dead-letters: what came and does not count, and why.
 *
 *   files and lines that could not be decoded   kept by the ledger, with reasons; replayed by POST /v1/files/{file}/replay
 *   records of the log that cannot be read      their partitions stand until the segment is restored
 */
#include "http/file_internal.h"
#include "http/routes_internal.h"
#include "service/standing.h"

#include <stdio.h>

/* Where it lies on the disk is for whoever runs the server, whose log has it. */
static void put_standing(struct bb_json *json, uint32_t partition,
                         const struct bb_standing *standing) {
    const struct bb_error_row *row = bb_error_row_find((int)standing->error.code);
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)standing->error.code);
    bb_json_object_begin(json);
    bb_json_put_u64(json, "partition", partition);
    bb_json_put_u64(json, "offset", standing->offset);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "reason", bb_span_of(row ? row->title : "Unknown error"));
    bb_json_object_end(json);
}

static int put_standings(struct bb_http_page *page, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(page->call);
    struct bb_json *json = bb_http_page_about(page);
    int result = 0;

    bb_json_key(json, "standing");
    bb_json_array_begin(json);
    for (uint32_t p = 0; result >= 0 && p < plant->log->partitions; p++) {
        struct bb_standing standing;
        result = bb_standing_look(plant, p, &standing, error);
        if (result == BB_STANDS)
            put_standing(json, p, &standing);
    }
    bb_json_array_end(json);
    return result < 0 ? result : 0;
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_files files = {
        .asked = {.before_ms = INT64_MAX,
                  .with_rejects = true,
                  .without_replayed = bb_http_number(page->call, "state") == 0}};

    (void)context;
    int result = bb_http_files_tell(page, &files, error);
    return result ? result : put_standings(page, error);
}

static int list_dead_letters(struct bb_http_call *call, struct bb_error *error) {
    return bb_http_page_run(call, NULL, tell, NULL, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "state",
     .kind = BB_HTTP_CHOICE,
     .choices = "open|all",
     .initial = "open",
     .help = "all: also files that were replayed since, and count"},
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "a page of files of which something was refused, the newest first, with the first lines and why; "
     "and partitions that stand at a damaged record of the log"},
    {0}};

const struct bb_http_route bb_http_route_dead_letters = {
    .method = BB_HTTP_GET,
    .path = "/v1/dead-letters",
    .right = BB_RIGHT_READ,
    .summary = "what came and does not count, and why",
    .details = "What is refused of a post is told to its sender alone.",
    .parameters = parameters,
    .answers = answers,
    .handle = list_dead_letters,
};
