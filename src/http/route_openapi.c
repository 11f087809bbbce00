/* GET /v1/openapi.json: the table of routes as OpenAPI 3.1, so that the description cannot differ from what
 * is served. */
#include "http/call.h"
#include "http/routes_internal.h"

#include <stdio.h>

/* ---- parameters */

static void put_choices(struct bb_json *json, const char *choices) {
    bb_json_key(json, "enum");
    bb_json_array_begin(json);
    for (const char *at = choices; *at;) {
        size_t size = strcspn(at, "|");
        bb_json_text(json, (struct bb_span){at, size});
        at += size + (at[size] == '|');
    }
    bb_json_array_end(json);
}

static void put_type(struct bb_json *json, const struct bb_http_parameter *p) {
    static const struct {
        const char *type, *format;
    } kinds[] = {
        [BB_HTTP_TEXT] = {"string", NULL},        [BB_HTTP_NUMBER] = {"integer", NULL},
        [BB_HTTP_TIME] = {"string", "date-time"}, [BB_HTTP_DURATION] = {"string", "duration"},
        [BB_HTTP_FLAG] = {"boolean", NULL},       [BB_HTTP_CHOICE] = {"string", NULL},
        [BB_HTTP_LINES] = {"string", NULL},
    };

    bb_json_put_text(json, "type", bb_span_of(kinds[p->kind].type));
    if (kinds[p->kind].format)
        bb_json_put_text(json, "format", bb_span_of(kinds[p->kind].format));
    if (p->kind == BB_HTTP_NUMBER) {
        bb_json_put_i64(json, "minimum", p->min);
        bb_json_put_i64(json, "maximum", p->max);
    }
    if (p->kind == BB_HTTP_CHOICE)
        put_choices(json, p->choices);
    if (!p->initial)
        return;
    bb_json_key(json, "default");
    if (p->kind == BB_HTTP_NUMBER)
        bb_json_raw(json, bb_span_of(p->initial));
    else
        bb_json_text(json, bb_span_of(p->initial));
}

static void put_schema(struct bb_json *json, const struct bb_http_parameter *p) {
    bb_json_key(json, "schema");
    bb_json_object_begin(json);
    if (p->repeated) {
        bb_json_put_text(json, "type", BB_SPAN("array"));
        bb_json_key(json, "items");
        bb_json_object_begin(json);
    }
    put_type(json, p);
    if (p->repeated)
        bb_json_object_end(json);
    bb_json_object_end(json);
}

static void put_parameters(struct bb_json *json, const struct bb_http_parameter *p) {
    bb_json_key(json, "parameters");
    bb_json_array_begin(json);
    for (; p && p->name; p++) {
        bool in_path = p->place == BB_HTTP_IN_PATH;
        bb_json_object_begin(json);
        bb_json_put_text(json, "name", bb_span_of(p->name));
        bb_json_put_text(json, "in", in_path ? BB_SPAN("path") : BB_SPAN("query"));
        bb_json_put_bool(json, "required", p->required || in_path);
        bb_json_put_text(json, "description", bb_span_of(p->help));
        put_schema(json, p);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

/* ---- bodies and answers */

static void put_content(struct bb_json *json, const char *types) {
    char type[80];

    bb_json_key(json, "content");
    bb_json_object_begin(json);
    for (const char *at = types; *at;) {
        size_t size = strcspn(at, "|");
        snprintf(type, sizeof type, "%.*s", (int)size, at);
        bb_json_key(json, type);
        bb_json_object_begin(json);
        bb_json_object_end(json);
        at += size + (at[size] == '|');
    }
    bb_json_object_end(json);
}

static void put_body(struct bb_json *json, const struct bb_http_route *route) {
    if (route->body == BB_HTTP_NO_BODY)
        return;
    bb_json_key(json, "requestBody");
    bb_json_object_begin(json);
    put_content(json, route->body_types             ? route->body_types
                      : route->body == BB_HTTP_FORM ? "application/x-www-form-urlencoded"
                                                    : "application/octet-stream");
    bb_json_object_end(json);
}

/* A status is told once, with all its types. */
static void put_status(struct bb_json *json, const struct bb_http_answer *first) {
    char status[8], types[400] = "";

    for (const struct bb_http_answer *a = first; a->status; a++)
        if (a->status == first->status)
            snprintf(types + strlen(types), sizeof types - strlen(types), "%s%s",
                     types[0] ? "|" : "", a->type);
    snprintf(status, sizeof status, "%d", first->status);
    bb_json_key(json, status);
    bb_json_object_begin(json);
    bb_json_put_text(json, "description", bb_span_of(first->what));
    put_content(json, types);
    bb_json_object_end(json);
}

static void put_answers(struct bb_json *json, const struct bb_http_route *route) {
    bb_json_key(json, "responses");
    bb_json_object_begin(json);
    for (const struct bb_http_answer *a = route->answers; a && a->status; a++) {
        bool is_first = true;
        for (const struct bb_http_answer *before = route->answers; before < a; before++)
            is_first = is_first && before->status != a->status;
        if (is_first)
            put_status(json, a);
    }
    bb_json_key(json, "default");
    bb_json_object_begin(json);
    bb_json_put_text(json, "description",
                     route->promql
                         ? BB_SPAN("status, errorType and error as Prometheus has them, and a "
                                   "stable code")
                         : BB_SPAN("a problem (RFC 9457) with a stable code"));
    put_content(json, route->promql ? "application/json" : "application/problem+json");
    bb_json_object_end(json);
    bb_json_object_end(json);
}

/* ---- routes */

static void put_operation(struct bb_json *json, const struct bb_http_route *route) {
    char method[8];
    const char *name = bb_http_method_name(route->method);

    for (size_t i = 0; i <= strlen(name); i++)
        method[i] = bb_char_lower(name[i]);
    bb_json_key(json, method);
    bb_json_object_begin(json);
    bb_json_put_text(json, "summary", bb_span_of(route->summary));
    if (route->details)
        bb_json_put_text(json, "description", bb_span_of(route->details));
    bb_json_put_text(json, "x-right", bb_span_of(bb_right_name(route->right)));
    bb_json_key(json, "security");
    bb_json_array_begin(json);
    if (route->right != BB_RIGHT_NONE) {
        bb_json_object_begin(json);
        bb_json_key(json, "key");
        bb_json_array_begin(json);
        bb_json_array_end(json);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    put_parameters(json, route->parameters);
    put_body(json, route);
    put_answers(json, route);
    bb_json_object_end(json);
}

static bool is_first_of_path(size_t index) {
    for (size_t i = 0; i < index; i++)
        if (strcmp(bb_http_routes[i]->path, bb_http_routes[index]->path) == 0)
            return false;
    return true;
}

static void put_paths(struct bb_json *json) {
    bb_json_key(json, "paths");
    bb_json_object_begin(json);
    for (size_t i = 0; i < bb_http_route_count; i++) {
        if (bb_http_routes[i]->page || !is_first_of_path(i))
            continue;
        bb_json_key(json, bb_http_routes[i]->path);
        bb_json_object_begin(json);
        for (size_t k = i; k < bb_http_route_count; k++)
            if (strcmp(bb_http_routes[k]->path, bb_http_routes[i]->path) == 0)
                put_operation(json, bb_http_routes[k]);
        bb_json_object_end(json);
    }
    bb_json_object_end(json);
}

static void put_info(struct bb_json *json) {
    bb_json_put_text(json, "openapi", BB_SPAN("3.1.0"));
    bb_json_key(json, "info");
    bb_json_object_begin(json);
    bb_json_put_text(json, "title", BB_SPAN("busbar"));
    bb_json_put_text(json, "version", BB_SPAN(BB_VERSION));
    bb_json_put_text(
        json, "description",
        BB_SPAN("Readings in, values out. Errors are application/problem+json with a stable "
                "code, which /v1/explain/{code} explains. Lists come in pages: `next` is the "
                "cursor of the page behind."));
    bb_json_object_end(json);
    bb_json_key(json, "components");
    bb_json_object_begin(json);
    bb_json_key(json, "securitySchemes");
    bb_json_object_begin(json);
    bb_json_key(json, "key");
    bb_json_object_begin(json);
    bb_json_put_text(json, "type", BB_SPAN("http"));
    bb_json_put_text(json, "scheme", BB_SPAN("bearer"));
    bb_json_put_text(json, "description", BB_SPAN("an API key: bb_ing_..., bb_ro_..., bb_adm_..."));
    bb_json_object_end(json);
    bb_json_object_end(json);
    bb_json_object_end(json);
}

static int get_openapi(struct bb_http_call *call, struct bb_error *error) {
    struct bb_json json = bb_http_json(call);

    (void)error;
    bb_json_object_begin(&json);
    put_info(&json);
    put_paths(&json);
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_answer answers[] = {{200, "application/json", "OpenAPI 3.1"}, {0}};

const struct bb_http_route bb_http_route_openapi = {
    .method = BB_HTTP_GET,
    .path = "/v1/openapi.json",
    .right = BB_RIGHT_NONE,
    .summary = "this description",
    .answers = answers,
    .quick = true,
    .handle = get_openapi,
};
