/* GET /v1/explain: the story of a value; /v1/explain/{code}: of an error code. */
#include "answer/story_json.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

static int tell(struct bb_http_call *call, struct bb_arena *arena, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(call);
    const struct bb_query query = {.tenant = bb_http_tenant(call),
                                   .usage_point = bb_http_text(call, "usage_point"),
                                   .channel = bb_http_text(call, "channel"),
                                   .from_ms = BB_TIME_NONE,
                                   .to_ms = BB_TIME_NONE,
                                   .lane = (enum bb_lane)bb_lane_find(bb_http_text(call, "lane")),
                                   .as_of_ms = bb_http_number(call, "as_of")};
    struct bb_span name = bb_http_text(call, "zone");
    const struct bb_zone *zone = NULL;
    struct bb_story story;

    if (name.size > 0 && bb_zone_set_get(plant->zones, name, &zone, error) < 0)
        return bb_http_bad_parameter(call, "zone", "no such time zone", error);
    int result = bb_story_tell(plant, &query, bb_http_number(call, "at"), arena, &story, error);
    if (result)
        return result;
    struct bb_json json = bb_http_json(call);
    bb_story_put_json(&story, zone, &json);
    return bb_http_answer(call, 200, "application/json");
}

static int explain_value(struct bb_http_call *call, struct bb_error *error) {
    struct bb_arena arena;

    bb_arena_init(&arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = tell(call, &arena, error);
    bb_arena_release(&arena);
    return result;
}

static const struct bb_http_parameter value_parameters[] = {
    {.name = "usage_point", .required = true, .help = "whose value"},
    {.name = "channel", .required = true, .help = "a name, an OBIS code or an alias"},
    {.name = "at",
     .kind = BB_HTTP_TIME,
     .required = true,
     .help = "any moment of the interval or the period"},
    {.name = "lane",
     .kind = BB_HTTP_CHOICE,
     .choices = "raw|vee|hour|day|month",
     .initial = "vee",
     .help = "as sent, validated, or by period"},
    BB_HTTP_AS_OF_PARAMETER,
    {.name = "zone",
     .kind = BB_HTTP_TEXT,
     .help = "print times with their offset there; default: UTC"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer value_answers[] = {
    {200, "application/json", "the story, as `busbar explain --json`"}, {0}};

const struct bb_http_route bb_http_route_explain = {
    .method = BB_HTTP_GET,
    .path = "/v1/explain",
    .right = BB_RIGHT_READ,
    .summary = "the story of a value: how it came to be",
    .parameters = value_parameters,
    .answers = value_answers,
    .handle = explain_value,
};

/* ---- codes */

/* "BB-1004", "bb-1004" or "1004" */
static const struct bb_error_row *find_code(struct bb_span text) {
    int number = 0;

    if (text.size > 3 && bb_span_equal_nocase((struct bb_span){text.data, 3}, BB_SPAN("BB-")))
        text = (struct bb_span){text.data + 3, text.size - 3};
    if (text.size == 0 || text.size > 4)
        return NULL;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return NULL;
        number = number * 10 + (text.data[i] - '0');
    }
    return bb_error_row_find(number);
}

static int explain_code(struct bb_http_call *call, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, "code");
    const struct bb_error_row *row = find_code(text);
    char code[16];

    if (!row)
        return BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "there is no code %.*s",
                       (int)(text.size < 40 ? text.size : 40), text.data);
    struct bb_json json = bb_http_json(call);
    snprintf(code, sizeof code, "BB-%04d", (int)row->code);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "code", bb_span_of(code));
    bb_json_put_text(&json, "title", bb_span_of(row->title));
    bb_json_put_text(&json, "text", bb_span_of(row->explanation));
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_parameter code_parameters[] = {
    {.name = "code", .place = BB_HTTP_IN_PATH, .required = true, .help = "such as BB-1004"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer code_answers[] = {
    {200, "application/json", "its title and what it means"}, {0}};

const struct bb_http_route bb_http_route_explain_code = {
    .method = BB_HTTP_GET,
    .path = "/v1/explain/{code}",
    .right = BB_RIGHT_NONE,
    .summary = "what an error code means",
    .parameters = code_parameters,
    .answers = code_answers,
    .quick = true,
    .handle = explain_code,
};
