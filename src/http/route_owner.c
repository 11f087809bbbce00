/* What commands of the plant's owner ask for while this server has it: see cli/served_log.h. Only by the plant's own
 * socket, which nobody else can open; for all others there is nothing at these addresses.
 *
 *   POST /owner/records   append what people or master data tell (service/owner_records.h)
 *   POST /owner/files     land a file, by its name on this machine, as `busbar ingest` would
 */
#include "codec/map.h"
#include "http/call_internal.h"
#include "http/change_internal.h"
#include "http/routes_internal.h"
#include "service/land.h"
#include "service/owner_records.h"

#include <stdio.h>

/* A bb_http_handler, for `check`. */
static int only_local(struct bb_http_call *call, struct bb_error *error) {
    return call->is_local ? 0
                          : BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "there is nothing at this address");
}

/* ---- records */

enum { RECORDS_MAX_BYTES = 256 << 20, PIECE_BYTES = 1 << 16 };

static int read_body(struct bb_http_call *call, struct bb_buffer *out, struct bb_error *error) {
    struct bb_input input = bb_http_body_input(call);
    size_t got = 1;

    while (got > 0) {
        if (!bb_buffer_reserve(out, PIECE_BYTES))
            return BB_FAIL(error, BB_E_BODY_TOO_LARGE, "too many records at a time");
        int result = input.read(input.context, out->data + out->size, PIECE_BYTES, &got, error);
        if (result < 0)
            return result;
        out->size += got;
    }
    return 0;
}

/* On the log's owner's thread. */
static int append_records(struct bb_plant *plant, void *context, struct bb_error *error) {
    const struct bb_buffer *records = context;

    return bb_owner_records_append(plant, bb_buffer_span(records), error);
}

static int post_records(struct bb_http_call *call, struct bb_error *error) {
    struct bb_buffer records;

    bb_buffer_init(&records, RECORDS_MAX_BYTES);
    int result = read_body(call, &records, error);
    if (!result)
        result = bb_http_on_log(call, append_records, &records, error);
    bb_buffer_release(&records);
    if (result)
        return result;
    struct bb_json json = bb_http_json(call);
    bb_json_object_begin(&json);
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

/* ---- files */

struct landing {
    struct bb_http_call *call;
    const char *path;
    struct bb_land_options options;
    struct bb_land_report *report;
    struct bb_map *map;
};

static const struct bb_http_member members[] = {
    {"path", true},  {"name", true},     {"tenant", true},    {"format", false},
    {"kind", false}, {"zone", false},    {"interval", false}, {"precision", false},
    {"map", false},  {"partial", false}, {"again", false},    {NULL, false}};

static const char *text_of(const json_t *body, const char *name) {
    return json_string_value(json_object_get(body, name)); /* NULL: there is none */
}

static int read_landing(struct landing *l, const json_t *body, struct bb_error *error) {
    struct bb_land_options *o = &l->options;
    const char *format = text_of(body, "format"), *zone = text_of(body, "zone"),
               *map = text_of(body, "map"), *tenant = text_of(body, "tenant");

    l->path = text_of(body, "path");
    *o = (struct bb_land_options){.name = text_of(body, "name"), .clock = bb_clock_system()};
    if (!l->path || !o->name || !tenant)
        return BB_FAIL(error, BB_E_PARAMETER, "path, name and tenant have to be texts");
    o->form.tenant = bb_span_of(tenant);
    o->form.format = format ? bb_format_find(bb_span_of(format)) : NULL;
    o->form.kind = (int)json_integer_value(json_object_get(body, "kind"));
    o->form.zone = bb_span_of(zone ? zone : "");
    o->form.interval_s = (uint32_t)json_integer_value(json_object_get(body, "interval"));
    o->form.precision = (enum bb_precision)json_integer_value(json_object_get(body, "precision"));
    o->partial = json_is_true(json_object_get(body, "partial"));
    o->again = json_is_true(json_object_get(body, "again"));
    o->committer = l->call->server->options.committer;
    if (!map)
        return 0;
    o->map_path = map;
    int result = bb_map_load(map, &l->map, error);
    o->form.map = l->map;
    return result;
}

static void put_error(struct bb_json *json, const struct bb_error *error) {
    bb_json_object_begin(json);
    bb_json_put_u64(json, "code", (uint64_t)error->code);
    bb_json_put_text(json, "source", bb_span_of(error->source));
    bb_json_put_u64(json, "line", error->line);
    bb_json_put_text(json, "text", bb_span_of(error->text));
    bb_json_object_end(json);
}

static void put_taken(const struct landing *l, uint32_t partitions, struct bb_json *json) {
    char id[24];

    if (l->report->taken_id == 0)
        return;
    snprintf(id, sizeof id, "%llu", (unsigned long long)l->report->taken_id);
    bb_json_put_text(json, "file_id", bb_span_of(id));
    bb_json_key(json, "parts");
    bb_json_array_begin(json);
    for (uint32_t p = 0; p < partitions; p++) {
        bb_json_u64(json, l->report->taken_parts[p].first_offset);
        bb_json_u64(json, l->report->taken_parts[p].frames);
    }
    bb_json_array_end(json);
}

static int answer_landing(struct landing *l) {
    const struct bb_land_report *report = l->report;
    struct bb_json json = bb_http_json(l->call);

    bb_json_object_begin(&json);
    bb_json_put_u64(&json, "files", report->files);
    bb_json_put_u64(&json, "files_skipped", report->files_skipped);
    bb_json_put_u64(&json, "readings", report->readings);
    bb_json_put_u64(&json, "readings_before", report->readings_before);
    bb_json_put_u64(&json, "rejected", report->rejected);
    bb_json_key(&json, "ignored");
    bb_json_array_begin(&json);
    bb_json_u64(&json, report->ignored.fields);
    bb_json_u64(&json, report->ignored.stale);
    bb_json_u64(&json, report->ignored.histograms);
    bb_json_u64(&json, report->ignored.exemplars);
    bb_json_u64(&json, report->ignored.metadata);
    bb_json_array_end(&json);
    bb_json_key(&json, "errors");
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < report->error_count; i++)
        put_error(&json, &report->errors[i]);
    bb_json_array_end(&json);
    put_taken(l, bb_http_plant(l->call)->log->partitions, &json);
    bb_json_object_end(&json);
    return bb_http_answer(l->call, 200, "application/json");
}

static int post_files(struct bb_http_call *call, struct bb_error *error) {
    struct landing l = {.call = call,
                        .report = bb_arena_take_array(bb_http_arena(call), 1, sizeof *l.report)};
    struct bb_ledger_part *parts = bb_arena_take_array(
        bb_http_arena(call), bb_http_plant(call)->log->partitions, sizeof *parts);
    json_t *body;

    if (!l.report || !parts)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to land a file");
    *l.report = (struct bb_land_report){.taken_parts = parts};
    int result = bb_http_body_object(call, members, &body, error);
    if (result)
        return result;
    result = read_landing(&l, body, error);
    if (!result)
        result = bb_land_file(bb_http_plant(call), l.path, &l.options, l.report, error);
    if (result >= 0)
        result = answer_landing(&l);
    bb_map_free(l.map);
    json_decref(body);
    return result;
}

/* ---- the routes */

static const struct bb_http_answer answers[] = {{200, "application/json", "it is durable"}, {0}};

const struct bb_http_route bb_http_route_owner_records = {
    .method = BB_HTTP_POST,
    .path = "/owner/records",
    .right = BB_RIGHT_ADMIN,
    .summary = "append records",
    .body = BB_HTTP_STREAM,
    .answers = answers,
    /* those who answer questions may all wait for the command that tells them (service/registry_turn.h) */
    .among_posts = true,
    .check = only_local,
    .page = true,
    .handle = post_records,
};

const struct bb_http_route bb_http_route_owner_files = {
    .method = BB_HTTP_POST,
    .path = "/owner/files",
    .right = BB_RIGHT_ADMIN,
    .summary = "land a file of this machine",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = answers,
    .check = only_local,
    .page = true,
    .handle = post_files,
};
