/* Finding routes, and what every row of the table owes. */
#include <criterion/criterion.h>

#include "http/parameter_internal.h"
#include "http/route.h"

Test(route, found_by_path_and_method) {
    struct bb_http_match match;

    cr_assert_eq(bb_http_route_match(BB_SPAN("GET"), BB_SPAN("/livez"), &match), BB_HTTP_FOUND);
    cr_expect_str_eq(match.route->path, "/livez");
    cr_assert_eq(bb_http_route_match(BB_SPAN("HEAD"), BB_SPAN("/livez"), &match), BB_HTTP_FOUND);
    cr_assert_eq(bb_http_route_match(BB_SPAN("POST"), BB_SPAN("/v1/readings"), &match),
                 BB_HTTP_FOUND);
}

Test(route, not_found) {
    static const char *const paths[] = {"",         "//",     "/livez/", "//livez",
                                        "/livez/x", "/Livez", "livez",   "/v1",
                                        "/v1/",     "*",      "/live\0", "/v1/%2e%2e"};
    struct bb_http_match match;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_expect_eq(bb_http_route_match(BB_SPAN("GET"), bb_span_of(paths[i]), &match),
                     BB_HTTP_NO_ROUTE, "\"%s\"", paths[i]);
}

Test(route, another_method_is_told_which_there_are) {
    struct bb_http_match match;

    cr_assert_eq(bb_http_route_match(BB_SPAN("DELETE"), BB_SPAN("/v1/readings"), &match),
                 BB_HTTP_NO_METHOD);
    cr_expect_eq(match.allowed, 1u << BB_HTTP_POST);
    cr_assert_eq(bb_http_route_match(BB_SPAN("get"), BB_SPAN("/livez"), &match), BB_HTTP_NO_METHOD,
                 "methods have case");
}

static uint32_t count_names(const char *path) {
    uint32_t count = 0;

    for (; *path; path++)
        count += *path == '{';
    return count;
}

/* What the description and the rights matrix are made of. */
Test(route, every_row_says_all) {
    for (size_t i = 0; i < bb_http_route_count; i++) {
        const struct bb_http_route *r = bb_http_routes[i];
        uint32_t in_path = 0, parameters = 0;
        cr_expect(r->path[0] == '/' && r->summary && r->handle && r->answers, "%s", r->path);
        cr_expect(r->answers && r->answers[0].status, "%s", r->path);
        for (const struct bb_http_parameter *p = r->parameters; p && p->name; p++, parameters++) {
            in_path += p->place == BB_HTTP_IN_PATH;
            cr_expect_not_null(p->help, "%s %s", r->path, p->name);
            cr_expect_eq(p->kind == BB_HTTP_CHOICE, p->choices != NULL, "%s %s", r->path, p->name);
        }
        cr_expect_leq(parameters, BB_HTTP_PARAMETERS_MAX);
        cr_expect_eq(in_path, count_names(r->path), "%s", r->path);
        cr_expect_not(r->quick && r->body == BB_HTTP_STREAM, "%s", r->path);
    }
}

/* Every default of every table is a value of that table: bb_http_values_begin asserts it. */
Test(route, every_default_fits) {
    for (size_t i = 0; i < bb_http_route_count; i++) {
        struct bb_http_match match = {.route = bb_http_routes[i],
                                      .part_count = count_names(bb_http_routes[i]->path)};
        struct bb_http_values values;
        struct bb_arena arena;
        struct bb_error error;
        for (uint32_t p = 0; p < match.part_count; p++)
            match.parts[p] = BB_SPAN("1");
        bb_arena_init(&arena, 1 << 10, 1 << 20);
        (void)!bb_http_values_begin(&values, &match, BB_SPAN(""), &arena, &error);
        bb_arena_release(&arena);
    }
}
