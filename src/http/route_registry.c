/* GET /v1/registry: master data as a registry file; POST: such a file applied.
 *
 *   body ─► entries ─► [ what came before is derived ─► compare ─► append ─► durable ─► derived ] ─► answer
 *
 * Comparing looks at the registry, which follows the log; so one file is applied at a time, here and by the command
 * line (service/registry_turn.h), and what an answer says changed is what it changed. Posts go on meanwhile: the log's
 * owner does no more than append.
 */
#include "answer/master_json.h"
#include "answer/registry_json.h"
#include "base/clock.h"
#include "codec/container.h"
#include "http/call_internal.h"
#include "http/change_internal.h"
#include "http/flow_internal.h"
#include "http/routes_internal.h"
#include "service/master.h"
#include "service/registry_file.h"
#include "service/registry_turn.h"
#include "service/settled.h"

#include <stdlib.h>

enum {
    ARENA_CHUNK_BYTES = 1 << 20,
    EXPORT_BYTES = 512 << 20,
    TURN_MS = 30000,
    READ_BYTES = 64 << 10
};
static const size_t arena_limit_bytes = (size_t)1 << 30;

/* ---- the file back */

struct exporting {
    struct bb_buffer text;
    struct bb_json json;
};

static int take_text(void *context, struct bb_span text) {
    struct exporting *e = context;

    bb_buffer_append_span(&e->text, text);
    return e->text.overflow ? -BB_E_ANSWER_TOO_LARGE : 0;
}

/* A bb_registry_master_visit. */
static int take_entry(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct exporting *e = context;

    (void)recorded_ms;
    bb_master_put_json(&e->json, master);
    return e->text.overflow ? -BB_E_ANSWER_TOO_LARGE : 0;
}

static int make_export(struct bb_http_call *call, bool as_json, struct exporting *e,
                       struct bb_error *error) {
    struct bb_registry *registry = bb_http_plant(call)->registry;
    struct bb_span tenant = bb_http_tenant(call);
    int64_t as_of_ms = bb_http_number(call, "as_of");
    int result;

    if (as_json) {
        bb_json_init(&e->json, &e->text);
        bb_json_array_begin(&e->json);
        result = registry->ops->master_list(registry, tenant, as_of_ms, take_entry, e, error);
        bb_json_array_end(&e->json);
        bb_buffer_append_byte(&e->text, '\n');
    } else {
        result = bb_registry_export(registry, tenant, as_of_ms, take_text, e, error);
    }
    if (e->text.overflow)
        return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE, "the registry is larger than %d MiB",
                       EXPORT_BYTES >> 20);
    return result < 0 ? result : 0;
}

/* Made whole before it is sent, as a slow reader would hold a view of the registry. */
static int get_registry(struct bb_http_call *call, struct bb_error *error) {
    static const char *const types[] = {"application/yaml", "application/json"};
    int accepted = bb_http_accepts(call, "application/yaml|application/json");
    struct exporting e = {.text = {NULL}};

    if (accepted < 0)
        return BB_FAIL(error, BB_E_NOT_ACCEPTABLE,
                       "the registry is told as application/yaml or application/json");
    struct bb_http_flow flow = {.call = call, .type = types[accepted]};
    bb_buffer_init(&e.text, EXPORT_BYTES);
    int result = make_export(call, accepted == 1, &e, error);
    for (size_t at = 0; !result && at < e.text.size;) {
        size_t left = e.text.size - at;
        size_t size = left < BB_HTTP_FLOW_PIECE_BYTES ? left : BB_HTTP_FLOW_PIECE_BYTES;
        bb_buffer_append(bb_http_out(call), e.text.data + at, size);
        at += size;
        result = bb_http_flow_pass(&flow, error);
    }
    bb_buffer_release(&e.text);
    return result ? result : bb_http_flow_end(&flow, error);
}

static const struct bb_http_parameter get_parameters[] = {
    {.name = "as_of", .kind = BB_HTTP_TIME, .help = "as it was known at this time"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer get_answers[] = {
    {200, "application/yaml", "a registry file, as `busbar registry export`"},
    {200, "application/json", "an array of entries, as `busbar registry export --json`"},
    {0}};

const struct bb_http_route bb_http_route_registry = {
    .method = BB_HTTP_GET,
    .path = "/v1/registry",
    .right = BB_RIGHT_ADMIN,
    .summary = "master data as a registry file",
    .parameters = get_parameters,
    .answers = get_answers,
    .handle = get_registry,
};

/* ---- a file applied */

struct applying {
    struct bb_http_call *call;
    struct bb_buffer text;
    struct bb_arena arena;
    struct bb_registry_file file;
    struct bb_registry_changes changes;
    bool dry_run;
    int64_t received_ms; /* of what was appended; 0: nothing was */
    uint64_t *ends;      /* of the log's partitions, behind what was appended */
};

/* The container undoes packing, whether the request says it or the bytes do. */
static int read_body(struct applying *a, struct bb_error *error) {
    struct bb_http_call *call = a->call;
    struct bb_container *container;
    struct bb_input stream;
    const char *name;
    size_t got = 1;
    int result = bb_container_open_input(bb_http_body_input(call), bb_http_body_bytes(call), "body",
                                         &container, error);

    if (result)
        return result;
    result = bb_container_next(container, &stream, &name, error);
    while (!result && got > 0) {
        if (a->text.size > BB_REGISTRY_FILE_MAX_BYTES - READ_BYTES ||
            !bb_buffer_reserve(&a->text, READ_BYTES))
            result = BB_FAIL(error, BB_E_BODY_TOO_LARGE, "a registry file has at most 1 GiB");
        else
            result = stream.read(stream.context, a->text.data + a->text.size, READ_BYTES, &got,
                                 error);
        a->text.size += result ? 0 : got;
    }
    bb_container_close(container);
    return result == BB_CONTAINER_END
               ? BB_FAIL(error, BB_E_INPUT_EMPTY, "the registry file is empty")
               : result;
}

static int choose_format(const struct bb_http_call *call, enum bb_registry_format *format,
                         struct bb_error *error) {
    static const struct {
        struct bb_span type;
        enum bb_registry_format format;
    } types[] = {{BB_SPAN("application/yaml"), BB_REGISTRY_YAML},
                 {BB_SPAN("application/x-yaml"), BB_REGISTRY_YAML},
                 {BB_SPAN("text/yaml"), BB_REGISTRY_YAML},
                 {BB_SPAN("text/csv"), BB_REGISTRY_CSV},
                 {BB_SPAN("text/plain"), BB_REGISTRY_AUTO},
                 {BB_SPAN("application/octet-stream"), BB_REGISTRY_AUTO},
                 {BB_SPAN("application/x-www-form-urlencoded"), BB_REGISTRY_AUTO}, /* curl's */
                 {BB_SPAN(""), BB_REGISTRY_AUTO}};
    struct bb_span type = bb_http_header(call, "Content-Type");
    const char *end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;

    type = bb_span_trim((struct bb_span){type.data, end ? (size_t)(end - type.data) : type.size});
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (bb_span_equal_nocase(type, types[i].type)) {
            *format = types[i].format;
            return 0;
        }
    return BB_FAIL(error, BB_E_MEDIA_TYPE,
                   "a registry file is application/yaml or text/csv, not %.*s",
                   (int)(type.size < 80 ? type.size : 80), type.data);
}

/* A key stands for one tenant. */
static int check_tenants(const struct applying *a, struct bb_error *error) {
    struct bb_span own = bb_http_tenant(a->call);

    for (uint32_t i = 0; i < a->file.count; i++) {
        const struct bb_registry_entry *entry = &a->file.entries[i];
        if (bb_span_equal(bb_master_tenant_name(&entry->master), own))
            continue;
        int failed = BB_FAIL(error, BB_E_FORBIDDEN,
                             "this entry is of another tenant; the caller's is %.*s",
                             BB_SPAN_ARGS(own));
        bb_error_locate(error, "body", entry->line);
        return failed;
    }
    return 0;
}

static int read_file(struct applying *a, struct bb_error *error) {
    struct bb_registry_file_options options = {.tenant = bb_http_tenant(a->call),
                                               .source = "body",
                                               .zones = bb_http_plant(a->call)->zones};
    int result = choose_format(a->call, &options.format, error);

    if (!result)
        result = read_body(a, error);
    if (!result)
        result = bb_registry_file_parse(bb_buffer_span(&a->text), &options, &a->arena, &a->file,
                                        error);
    return result ? result : check_tenants(a, error);
}

/* On the log's owner's thread. */
static int append_changes(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct applying *a = context;
    struct bb_master *entries = calloc(a->changes.count + 1, sizeof *entries);
    size_t count = 0;

    if (!entries)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u entries", a->changes.count);
    for (uint32_t i = 0; i < a->changes.count; i++)
        if (a->changes.items[i].kind != BB_REGISTRY_UNCHANGED)
            entries[count++] = a->changes.items[i].entry->master;
    /* a time of its own, by which what comes of it is found */
    a->received_ms = bb_ledger_receive(&plant->ledger, bb_clock_now_ms(bb_clock_system()));
    int result = bb_master_append(plant, entries, count, bb_clock_manual(&a->received_ms), error);
    free(entries);
    return result ? result : bb_settled_mark(plant, a->ends, error);
}

/* enum bb_http_settled: do the changes count? */
static int apply_alone(struct applying *a, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(a->call);

    a->ends = bb_arena_take_array(&a->arena, plant->log->partitions, sizeof *a->ends);
    if (!a->ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to apply a registry file");
    int result = bb_http_settle_first(a->call, error);
    if (!result)
        result = bb_registry_file_compare(plant->registry, &a->file, "body", &a->arena, &a->changes,
                                          error);
    if (result || a->dry_run || a->changes.added + a->changes.changed == 0)
        return result;
    result = bb_http_on_log(a->call, append_changes, a, error);
    return result ? result : bb_http_settle_at(a->call, a->ends, error);
}

/* ---- what came of it */

struct outcome {
    int64_t received_ms;
    uint64_t opened, closed, channels;
};

/* A bb_registry_exception_visit. */
static int count_exception(void *context, const struct bb_registry_exception *row) {
    struct outcome *o = context;

    o->opened += row->opened_ms == o->received_ms;
    o->closed += row->closed_ms == o->received_ms;
    return 0;
}

/* A bb_registry_channel_visit. */
static int count_channel(void *context, const struct bb_registry_channel *row) {
    struct outcome *o = context;

    (void)row;
    o->channels++;
    return 0;
}

/* Entries besides usage points and groups bear on all channels of the tenant: each is asked. */
static int count_outcome(struct applying *a, struct outcome *o, struct bb_error *error) {
    struct bb_registry *registry = bb_http_plant(a->call)->registry;
    struct bb_span tenant = bb_http_tenant(a->call);
    bool all = false;
    int result = registry->ops->exception_list(registry, tenant, false, BB_TIME_NONE,
                                               count_exception, o, error);

    for (uint32_t i = 0; i < a->changes.count; i++) {
        const struct bb_registry_change *change = &a->changes.items[i];
        enum bb_master_kind kind = change->entry->master.kind;
        all = all || (change->kind != BB_REGISTRY_UNCHANGED && kind != BB_MASTER_USAGE_POINT &&
                      kind != BB_MASTER_GROUP);
    }
    if (all && result >= 0)
        result = registry->ops->channel_list(registry, tenant, BB_SPAN(""), count_channel, o,
                                             error);
    for (uint32_t i = 0; !all && result >= 0 && i < a->changes.count; i++) {
        const struct bb_registry_change *change = &a->changes.items[i];
        if (change->kind != BB_REGISTRY_UNCHANGED &&
            change->entry->master.kind == BB_MASTER_USAGE_POINT)
            result = registry->ops->channel_list(
                registry, tenant, bb_master_name(&change->entry->master), count_channel, o, error);
    }
    return result < 0 ? result : 0;
}

static int answer(struct applying *a, bool counts, const struct outcome *o) {
    struct bb_json json = bb_http_json(a->call);
    const bool is_applied = !a->dry_run && a->changes.added + a->changes.changed > 0;

    bb_json_object_begin(&json);
    bb_registry_put_counts(&json, &a->changes);
    bb_json_put_bool(&json, "applied", is_applied);
    bb_json_put_bool(&json, "derived", counts);
    bb_json_key(&json, "recomputed");
    if (is_applied && counts) {
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "channels", o->channels);
        bb_json_put_u64(&json, "exceptions_opened", o->opened);
        bb_json_put_u64(&json, "exceptions_closed", o->closed);
        bb_json_object_end(&json);
    } else {
        bb_json_null(&json);
    }
    bb_json_key(&json, "changes");
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < a->changes.count; i++)
        if (a->changes.items[i].kind != BB_REGISTRY_UNCHANGED)
            bb_registry_put_change(&json, &a->changes.items[i]);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    return bb_http_answer(a->call, counts ? 200 : 202, "application/json");
}

static int apply_file(struct applying *a, struct bb_error *error) {
    struct outcome outcome = {0};
    int turn, result = read_file(a, error);

    if (result)
        return result;
    result = bb_registry_turn_take(bb_http_plant(a->call), TURN_MS, &turn, error);
    if (result)
        return result;
    int settled = apply_alone(a, error);
    bb_registry_turn_end(turn);
    if (settled < 0)
        return settled;
    outcome.received_ms = a->received_ms;
    if (settled == BB_HTTP_SETTLED && a->received_ms > 0)
        result = count_outcome(a, &outcome, error);
    return result ? result : answer(a, settled == BB_HTTP_SETTLED, &outcome);
}

static int post_registry(struct bb_http_call *call, struct bb_error *error) {
    struct applying a = {.call = call, .dry_run = bb_http_flag(call, "dry_run")};

    bb_buffer_init(&a.text, BB_REGISTRY_FILE_MAX_BYTES);
    bb_arena_init(&a.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = apply_file(&a, error);
    bb_arena_release(&a.arena);
    bb_buffer_release(&a.text);
    return result;
}

static const struct bb_http_parameter post_parameters[] = {
    {.name = "dry_run", .kind = BB_HTTP_FLAG, .help = "show the change and leave it at that"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer post_answers[] = {
    {200, "application/json",
     "what was added, changed and unchanged, each change in words, and what was recomputed"},
    {202, "application/json", "kept, and not derived yet"},
    {0}};

const struct bb_http_route bb_http_route_registry_post = {
    .method = BB_HTTP_POST,
    .path = "/v1/registry",
    .right = BB_RIGHT_ADMIN,
    .summary = "apply a registry file",
    .details =
        "As `busbar registry apply`: an entry replaces the one of its name, others stay; the file is taken "
        "whole or not at all. Applied again it changes nothing. All entries are of the caller's tenant.",
    .parameters = post_parameters,
    .body = BB_HTTP_STREAM,
    .body_types = "application/yaml|text/csv",
    .answers = post_answers,
    .handle = post_registry,
};
