/* A list: a page of it as JSON, {"items":[...],"next":"CURSOR"|null}, or as much as is asked for as CSV or NDJSON.
 *
 * A list tells its rows in the order of their keys (cursor_internal.h), from any key on. For each row its teller
 * makes the key, asks whether the page wants it, and puts its record in:
 *
 *   JSON          a page of `limit` rows
 *   CSV, NDJSON   all rows; with `limit` a page, the cursor in the header Busbar-Next
 *
 * All rows are told stretch by stretch: the list is stopped, what there is is passed on to a reader who may be slow,
 * and the list is told again from the last key on. So no view of a store is held meanwhile.
 * One call's handler; one page per call.
 */
#ifndef BB_HTTP_PAGE_INTERNAL_H
#define BB_HTTP_PAGE_INTERNAL_H

#include "answer/rows.h"
#include "http/call.h"
#include "http/cursor_internal.h"
#include "http/flow_internal.h"

/* The rows that a list's table of parameters has for its pages. */
#define BB_HTTP_LIMIT_PARAMETER(text, most)                                                        \
    {                                                                                              \
        .name = "limit", .kind = BB_HTTP_NUMBER, .initial = (text), .min = 1, .max = (most),       \
        .help = "items of a page; CSV and NDJSON have all, when it is not given"                   \
    }
#define BB_HTTP_CURSOR_PARAMETER                                                                   \
    { .name = "cursor", .kind = BB_HTTP_TEXT, .help = "`next` of the page before" }
#define BB_HTTP_PAGE_PARAMETERS BB_HTTP_LIMIT_PARAMETER("100", 1000), BB_HTTP_CURSOR_PARAMETER
#define BB_HTTP_AS_OF_PARAMETER                                                                    \
    { .name = "as_of", .kind = BB_HTTP_TIME, .help = "as it was known at this time" }
/* The answers of a list besides its page. */
#define BB_HTTP_LIST_ANSWERS(command)                                                              \
    {200, "text/csv", "all of it, as `" command " --format csv`; with `limit` a page"}, {          \
        200, "application/x-ndjson", "likewise, an object a line"                                  \
    }

enum bb_http_list_form { BB_HTTP_ITEMS = 0, BB_HTTP_CSV, BB_HTTP_NDJSON };

struct bb_http_page {
    struct bb_http_call *call;
    enum bb_http_list_form form;
    const struct bb_list_row *list; /* NULL: JSON alone */
    struct bb_http_flow flow;
    bool whole; /* all rows are wanted */
    size_t limit, count;
    struct bb_span after;  /* the key behind which it begins; empty: at the beginning */
    struct bb_buffer key;  /* of the row at hand, */
    struct bb_buffer last; /* and of the last one in the page */
    bool has_more;
    bool rows_ended;
    uint32_t question;
    struct bb_json json;
};

/* Tell the rows from page->after on: what a lister returns, 0 or 1; negative: it failed. */
typedef int bb_http_page_teller(struct bb_http_page *page, void *context, struct bb_error *error);

/* Read the form, limit and cursor, tell, answer. -BB_E_PARAMETER, -BB_E_NOT_ACCEPTABLE. */
int bb_http_page_run(struct bb_http_call *call, const struct bb_list_row *list,
                     bb_http_page_teller *tell, void *context, struct bb_error *error) BB_MUST_USE;

/* Its key is made: is the row wanted? */
bool bb_http_page_wants(struct bb_http_page *page);
/* Put it in; what a visitor returns: 0 to go on, 1 when that is enough. */
int bb_http_page_put(struct bb_http_page *page, const struct bb_record *record);
/* The same for an object of a JSON page that is written by hand: begin returns NULL when the row only shows that
 * there is more, else end it. */
struct bb_json *bb_http_page_object_begin(struct bb_http_page *page);
int bb_http_page_object_end(struct bb_http_page *page);
/* The rows of a JSON page are in: members that stand beside them, written into what is returned. */
struct bb_json *bb_http_page_about(struct bb_http_page *page);

/* A checksum of all that was asked but limit and cursor: the same for all pages of a list. */
uint32_t bb_http_question(const struct bb_http_call *call);

#endif
