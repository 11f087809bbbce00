/* The console: files that were compiled in. They are open to everyone; what they show is asked of the API with
 * the key of whoever looks. */
#include "http/call_internal.h"
#include "http/console.h"
#include "http/routes_internal.h"

#include <stdio.h>

/* Nothing from elsewhere, and nobody may put the page into another one. Styles that scripts set on elements
 * are no style attributes of the page. */
#define POLICY                                                                                     \
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "                 \
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

static const struct bb_console_asset *find(struct bb_span path) {
    for (size_t i = 0; i < bb_console_asset_count; i++)
        if (bb_span_equal(bb_span_of(bb_console_assets[i].path), path))
            return &bb_console_assets[i];
    return NULL;
}

static int answer_asset(struct bb_http_call *call, const struct bb_console_asset *asset,
                        const char *caching) {
    struct bb_span packed = {(const char *)asset->gzip, asset->gzip_size};
    struct bb_span plain = {(const char *)asset->plain, asset->plain_size};
    struct bb_span codings = bb_http_header(call, "Accept-Encoding");
    bool gzip = codings.data && memmem(codings.data, codings.size, "gzip", 4);

    bb_http_set_header(call, "ETag", asset->etag);
    bb_http_set_header(call, "Cache-Control", caching);
    bb_http_set_header(call, "Vary", "Accept-Encoding");
    bb_http_set_header(call, "Content-Security-Policy", POLICY);
    bb_http_set_header(call, "X-Content-Type-Options", "nosniff");
    bb_http_set_header(call, "Referrer-Policy", "no-referrer");
    if (bb_span_equal(bb_http_header(call, "If-None-Match"), bb_span_of(asset->etag)))
        return bb_http_answer(call, 304, asset->type);
    if (gzip)
        bb_http_set_header(call, "Content-Encoding", "gzip");
    bb_buffer_append(bb_http_out(call), gzip ? packed.data : plain.data,
                     gzip ? packed.size : plain.size);
    return bb_http_answer(call, 200, asset->type);
}

static int page(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_console_asset *asset = find(BB_SPAN("/"));

    (void)error;
    if (asset)
        return answer_asset(call, asset, "no-cache");
    bb_buffer_append_span(bb_http_out(call),
                          BB_SPAN("busbar serves here. This binary was built without the console: "
                                  "`make console build`, where npm is\ninstalled, puts it in. "
                                  "The API is described at /v1/openapi.json.\n"));
    return bb_http_answer(call, 200, "text/plain; charset=utf-8");
}

static int icon(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_console_asset *asset = find(BB_SPAN("/icon.svg"));

    return asset ? answer_asset(call, asset, "no-cache")
                 : BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "the console is not in this binary");
}

/* Their names change with their content. */
static int asset(struct bb_http_call *call, struct bb_error *error) {
    struct bb_span name = bb_http_text(call, "name");
    char path[128];
    int size = snprintf(path, sizeof path, "/assets/%.*s", BB_SPAN_ARGS(name));
    const struct bb_console_asset *found = size < (int)sizeof path
                                               ? find((struct bb_span){path, (size_t)size})
                                               : NULL;

    return found ? answer_asset(call, found, "public, max-age=31536000, immutable")
                 : BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "the console has no file of this name");
}

static const struct bb_http_parameter asset_parameters[] = {{.name = "name",
                                                             .kind = BB_HTTP_TEXT,
                                                             .place = BB_HTTP_IN_PATH,
                                                             .required = true,
                                                             .help = "of a file of the console"},
                                                            BB_HTTP_PARAMETERS_END};
static const struct bb_http_answer page_answers[] = {
    {200, "text/html", "the page"}, {304, "text/html", "as it was"}, {0}};
static const struct bb_http_answer file_answers[] = {
    {200, "application/octet-stream", "the file, of its own type"},
    {304, "application/octet-stream", "as it was"},
    {0}};

const struct bb_http_route bb_http_route_console = {
    .method = BB_HTTP_GET,
    .path = "/",
    .right = BB_RIGHT_NONE,
    .summary = "the console",
    .answers = page_answers,
    .quick = true,
    .page = true,
    .handle = page,
};

const struct bb_http_route bb_http_route_console_icon = {
    .method = BB_HTTP_GET,
    .path = "/icon.svg",
    .right = BB_RIGHT_NONE,
    .summary = "the console's icon",
    .answers = file_answers,
    .quick = true,
    .page = true,
    .handle = icon,
};

const struct bb_http_route bb_http_route_console_asset = {
    .method = BB_HTTP_GET,
    .path = "/assets/{name}",
    .right = BB_RIGHT_NONE,
    .summary = "a file of the console",
    .parameters = asset_parameters,
    .answers = file_answers,
    .quick = true,
    .page = true,
    .handle = asset,
};
