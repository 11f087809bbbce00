/* POST /v1/files/{file}/replay: read a file that came once more, in another way or after it was mended.
 *
 *   ledger: its name and size ─► is it still there? ─► landed like a new one (land.h) ─► derived ─► answer
 *
 * The plant keeps readings, not files: it is read where it came from, or where the drop folder put it. A reading that
 * was there already is no change, and a file whose content counts is passed over, so nothing counts twice.
 */
#include "codec/map.h"
#include "http/call_internal.h"
#include "http/change_internal.h"
#include "http/file_internal.h"
#include "http/problem.h"
#include "http/reading_internal.h"
#include "http/routes_internal.h"
#include "service/land.h"

#include <stdio.h>
#include <stdlib.h>

struct replay {
    struct bb_http_call *call;
    struct bb_file_row file;
    char path[BB_FILE_PATH_MAX];
    struct bb_map *map;
    struct bb_land_options options;
    struct bb_land_report report;
};

/* ---- how it is read */

static int read_map(struct replay *r, struct bb_error *error) {
    const struct bb_config *config = &bb_http_plant(r->call)->config;
    struct bb_span body = bb_span_trim(bb_http_body_span(r->call));

    if (body.size > 0) {
        r->options.map_hash = bb_hash(body) | 1;
        return bb_map_parse(body, "body", &r->map, error);
    }
    if (!config->drop_map[0] || !bb_file_was_dropped(&r->file, config->drop_folder))
        return 0;
    r->options.map_path = config->drop_map;
    return bb_map_load(config->drop_map, &r->map, error);
}

static int read_form(struct replay *r, struct bb_error *error) {
    int result = read_map(r, error);

    r->options.form = bb_http_reading_form(r->call);
    r->options.form.map = r->map;
    r->options.partial = bb_http_flag(r->call, "partial");
    r->options.name = r->file.source.data;
    r->options.clock = bb_clock_system();
    r->options.committer = r->call->server->options.committer;
    return result;
}

/* ---- reading it */

static void put_errors(const struct bb_land_report *report, struct bb_json *json) {
    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < report->error_count; i++)
        bb_http_problem_item(&report->errors[i], json);
    bb_json_array_end(json);
}

static int refuse(struct replay *r) {
    struct bb_json json = bb_http_json(r->call);

    bb_http_problem_begin(&r->report.errors[0], &json);
    put_errors(&r->report, &json);
    bb_http_problem_end(&json);
    return bb_http_answer(r->call, 400, "application/problem+json");
}

static int answer(struct replay *r, bool derived) {
    const struct bb_land_report *report = &r->report;
    struct bb_json json = bb_http_json(r->call);
    const bool is_known = report->files_skipped > 0;
    char id[24];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)report->taken_id);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "source", r->file.source);
    bb_json_put_text(&json, "outcome",
                     bb_span_of(is_known               ? "known"
                                : report->rejected > 0 ? "partial"
                                                       : "done"));
    bb_json_key(&json, "id");
    if (report->taken_id)
        bb_json_text(&json, bb_span_of(id));
    else
        bb_json_null(&json);
    bb_json_put_u64(&json, "readings", report->readings);
    bb_json_put_u64(&json, "rejected", report->rejected);
    bb_json_put_bool(&json, "derived", derived);
    put_errors(report, &json);
    bb_json_object_end(&json);
    return bb_http_answer(r->call,
                          report->rejected > 0 ? 207
                          : derived            ? 200
                                               : 202,
                          "application/json");
}

static int replay_file(struct replay *r, struct bb_error *error) {
    int result = bb_http_file_get(r->call, &r->file, error);

    if (!result)
        result = bb_file_find(&r->file, bb_http_plant(r->call)->config.drop_folder, r->path, error);
    if (!result)
        result = read_form(r, error);
    if (!result)
        result = bb_land_file(bb_http_plant(r->call), r->path, &r->options, &r->report, error);
    if (result < 0)
        return result;
    if (r->report.files == 0 && r->report.files_skipped == 0)
        return refuse(r);
    int settled = bb_http_settle(r->call, error);
    return settled < 0 ? settled : answer(r, settled == BB_HTTP_SETTLED);
}

static int post_replay(struct bb_http_call *call, struct bb_error *error) {
    struct replay *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read a file");
    r->call = call;
    int result = replay_file(r, error);
    bb_map_free(r->map);
    free(r);
    return result;
}

static const struct bb_http_parameter parameters[] = {
    {.name = "file", .place = BB_HTTP_IN_PATH, .required = true, .help = "its id"},
    BB_HTTP_READING_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "outcome: done, or known (its content counted before: nothing was done); how many readings"},
    {202, "application/json", "durable, and not derived yet"},
    {207, "application/json", "with `partial`: the good lines count, the bad ones are in `errors`"},
    {409, "application/problem+json", "the file is no longer there as it was"},
    {0}};

const struct bb_http_route bb_http_route_file_replay = {
    .method = BB_HTTP_POST,
    .path = "/v1/files/{file}/replay",
    .right = BB_RIGHT_ADMIN,
    .verb = "replay",
    .summary = "read a file that came once more",
    .details =
        "It is read where it came from, or in the drop folder's done/ and failed/. A body is a map file; without "
        "one what was dropped is read with the drop folder's map. Nothing counts twice: equal values for equal "
        "times are no change. What a wrong reading brought in before stays.",
    .parameters = parameters,
    .body = BB_HTTP_WHOLE,
    .body_types = "application/yaml",
    .answers = answers,
    .handle = post_replay,
};
