/* A page of a list: {"items":[...],"next":"CURSOR"|null}.
 *
 * A list tells its rows by a visitor; for each, the visitor makes the row's key (cursor_internal.h), asks whether
 * the page wants it, and puts its record in.
 *
 *   BB_HTTP_SORTED     rows come in the order of their keys: they are written at once, and the list is stopped
 *                      when the page is full
 *   BB_HTTP_UNSORTED   they come anyhow: those with the least keys are kept, so that pages have an order of
 *                      their own; each page is a walk through the whole list in bounded memory
 *
 * One call's handler; one page per call.
 */
#ifndef BB_HTTP_PAGE_INTERNAL_H
#define BB_HTTP_PAGE_INTERNAL_H

#include "answer/record.h"
#include "http/call.h"
#include "http/cursor_internal.h"

/* The rows that a list's table of parameters has for its pages. */
#define BB_HTTP_LIMIT_PARAMETER(text, most)                                                        \
    {                                                                                              \
        .name = "limit", .kind = BB_HTTP_NUMBER, .initial = (text), .min = 1, .max = (most),       \
        .help = "items of a page"                                                                  \
    }
#define BB_HTTP_CURSOR_PARAMETER                                                                   \
    { .name = "cursor", .kind = BB_HTTP_TEXT, .help = "`next` of the page before" }
#define BB_HTTP_PAGE_PARAMETERS BB_HTTP_LIMIT_PARAMETER("100", 1000), BB_HTTP_CURSOR_PARAMETER
#define BB_HTTP_AS_OF_PARAMETER                                                                    \
    { .name = "as_of", .kind = BB_HTTP_TIME, .help = "as it was known at this time" }

enum bb_http_order { BB_HTTP_SORTED = 0, BB_HTTP_UNSORTED };

struct bb_http_kept;

struct bb_http_page {
    struct bb_http_call *call;
    enum bb_http_order order;
    size_t limit, count;
    struct bb_span after;  /* the key behind which the page begins; empty: at the beginning */
    struct bb_buffer key;  /* of the row at hand, */
    struct bb_buffer last; /* and of the last one in the page */
    bool has_more;
    bool no_memory;
    bool rows_ended;
    uint32_t question;
    struct bb_json json;
    struct bb_http_kept *kept; /* unsorted: by key, one more than the limit */
};

/* Reads limit and cursor. -BB_E_PARAMETER. Release it in any case. */
int bb_http_page_begin(struct bb_http_page *page, struct bb_http_call *call,
                       enum bb_http_order order, struct bb_error *error) BB_MUST_USE;
void bb_http_page_release(struct bb_http_page *page);
/* Its key is made: is the row wanted? */
bool bb_http_page_wants(struct bb_http_page *page);
/* Put it in; what a visitor returns: 0 to go on, 1 when the page is full. */
int bb_http_page_put(struct bb_http_page *page, const struct bb_record *record);
/* The same for an object that is written by hand: begin returns NULL when the row only shows that there is
 * more, else end it. */
struct bb_json *bb_http_page_object_begin(struct bb_http_page *page);
int bb_http_page_object_end(struct bb_http_page *page);
/* The rows are in: members that stand beside them, written into what is returned. */
struct bb_json *bb_http_page_about(struct bb_http_page *page);
/* Answers. */
int bb_http_page_end(struct bb_http_page *page, struct bb_error *error) BB_MUST_USE;

/* A checksum of all that was asked but limit and cursor: the same for all pages of a list. */
uint32_t bb_http_question(const struct bb_http_call *call);

#endif
