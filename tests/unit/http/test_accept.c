/* Choosing a type of answer. */
#include <criterion/criterion.h>

#include "http/accept_internal.h"

Test(accept, choices) {
    static const struct {
        const char *accept;
        int chosen;
    } rows[] = {
        {"*/*", 0},
        {"text/csv", 1},
        {"TEXT/CSV", 1},
        {"application/json, text/csv;q=0.9", 0},
        {"application/json;q=0.1, text/csv;q=0.9", 1},
        {"text/*", 1},
        {"text/*;q=0.5, */*;q=0.1", 1},
        {"application/json;q=0, */*", 1},
        {"image/png", -1},
        {"*/*;q=0", -1},
        {"text/csvx", -1},
        {"", -1},
        {",,;;q=,", -1},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(bb_http_accept_choose(bb_span_of(rows[i].accept), "application/json|text/csv"),
                     rows[i].chosen, "%s", rows[i].accept);
}
