/* Lists and their pages: see page_internal.h. */
#include "http/page_internal.h"

#include "base/crc.h"
#include "http/call_internal.h"

enum { STRETCH_BYTES = 8 << 20, NEXT_BYTES = 2 * BB_HTTP_CURSOR_KEY_MAX };

static const char types[] = "application/json|text/csv|application/x-ndjson";
static const char *const content_types[] = {[BB_HTTP_ITEMS] = "application/json",
                                            [BB_HTTP_CSV] = "text/csv; charset=utf-8",
                                            [BB_HTTP_NDJSON] = "application/x-ndjson"};

uint32_t bb_http_question(const struct bb_http_call *call) {
    const struct bb_http_parameter *table = call->match.route->parameters;
    uint32_t crc = bb_crc32c(0, call->match.route->path, strlen(call->match.route->path));

    crc = bb_crc32c(crc, call->access.tenant, strlen(call->access.tenant) + 1);
    for (size_t i = 0; table && table[i].name; i++) {
        struct bb_span text = call->values.items[i].text;
        if (strcmp(table[i].name, "limit") == 0 || strcmp(table[i].name, "cursor") == 0)
            continue;
        crc = bb_crc32c(crc, table[i].name, strlen(table[i].name) + 1);
        crc = bb_crc32c(crc, text.data ? text.data : "", text.size);
    }
    return crc;
}

/* ---- begin */

static int read_form(struct bb_http_page *page, struct bb_error *error) {
    int accepted = bb_http_accepts(page->call, page->list ? types : "application/json");

    if (accepted < 0)
        return BB_FAIL(error, BB_E_NOT_ACCEPTABLE, "this is told as application/json%s",
                       page->list ? ", text/csv or application/x-ndjson" : "");
    page->form = (enum bb_http_list_form)accepted;
    page->flow = (struct bb_http_flow){.call = page->call, .type = content_types[page->form]};
    page->whole = page->form != BB_HTTP_ITEMS && !bb_http_given(page->call, "limit");
    return 0;
}

static int begin(struct bb_http_page *page, struct bb_error *error) {
    struct bb_http_call *call = page->call;
    struct bb_span cursor = bb_http_text(call, "cursor");
    int result = read_form(page, error);

    if (result)
        return result;
    page->limit = page->whole ? SIZE_MAX : (size_t)bb_http_number(call, "limit");
    page->question = bb_http_question(call);
    if (cursor.size > 0 &&
        !bb_http_cursor_parse(page->question, cursor, bb_http_arena(call), &page->after))
        return bb_http_bad_parameter(call, "cursor",
                                     "it is not the `next` of a page of this same question", error);
    if (page->form == BB_HTTP_CSV)
        bb_record_put_csv_titles(page->list->fields, page->list->field_count, bb_http_out(call));
    page->json = bb_http_json(call);
    if (page->form == BB_HTTP_ITEMS) {
        bb_json_object_begin(&page->json);
        bb_json_key(&page->json, "items");
        bb_json_array_begin(&page->json);
    }
    return 0;
}

/* ---- rows */

bool bb_http_page_wants(struct bb_http_page *page) {
    return page->after.size == 0 || bb_span_compare(bb_buffer_span(&page->key), page->after) > 0;
}

static void note_row(struct bb_http_page *page) {
    page->count++;
    bb_buffer_clear(&page->last);
    bb_buffer_append_span(&page->last, bb_buffer_span(&page->key));
}

struct bb_json *bb_http_page_object_begin(struct bb_http_page *page) {
    BB_ASSERT(page->form == BB_HTTP_ITEMS);
    page->has_more = page->count == page->limit;
    if (page->has_more)
        return NULL;
    bb_json_object_begin(&page->json);
    return &page->json;
}

int bb_http_page_object_end(struct bb_http_page *page) {
    bb_json_object_end(&page->json);
    note_row(page);
    return bb_http_out(page->call)->overflow; /* too large already */
}

int bb_http_page_put(struct bb_http_page *page, const struct bb_record *record) {
    struct bb_buffer *out = bb_http_out(page->call);

    if (page->form == BB_HTTP_ITEMS) {
        struct bb_json *json = bb_http_page_object_begin(page);
        if (!json)
            return 1;
        bb_record_put_members(record, json);
        return bb_http_page_object_end(page);
    }
    page->has_more = page->count == page->limit || out->size >= STRETCH_BYTES;
    if (page->has_more)
        return 1;
    if (page->form == BB_HTTP_CSV) {
        bb_record_put_csv(record, out);
    } else {
        bb_json_init(&page->json, out);
        bb_record_put_json(record, &page->json);
        bb_buffer_append_byte(out, '\n');
    }
    note_row(page);
    return 0;
}

/* ---- end */

struct bb_json *bb_http_page_about(struct bb_http_page *page) {
    BB_ASSERT(page->form == BB_HTTP_ITEMS);
    if (!page->rows_ended)
        bb_json_array_end(&page->json);
    page->rows_ended = true;
    return &page->json;
}

static void format_next(struct bb_http_page *page, struct bb_buffer *out) {
    bb_buffer_init(out, NEXT_BYTES);
    bb_http_cursor_format(page->question, bb_buffer_span(&page->last), out);
    bb_buffer_append_byte(out, '\0');
    out->size--;
}

static int end(struct bb_http_page *page, struct bb_error *error) {
    struct bb_buffer next;

    format_next(page, &next);
    if (page->form == BB_HTTP_ITEMS) {
        struct bb_json *json = bb_http_page_about(page);
        bb_json_key(json, "next");
        if (page->has_more)
            bb_json_text(json, bb_buffer_span(&next));
        else
            bb_json_null(json);
        bb_json_object_end(json);
    } else if (page->has_more && !page->flow.streams) {
        bb_http_set_header(page->call, "Busbar-Next", next.data);
    }
    bb_buffer_release(&next);
    return bb_http_flow_end(&page->flow, error);
}

/* Go on behind the last row that was told. */
static int begin_stretch(struct bb_http_page *page, struct bb_error *error) {
    int result = bb_http_flow_pass(&page->flow, error);

    page->after = bb_arena_copy(bb_http_arena(page->call), bb_buffer_span(&page->last));
    page->has_more = false;
    if (!result && !page->after.data)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list");
    return result;
}

int bb_http_page_run(struct bb_http_call *call, const struct bb_list_row *list,
                     bb_http_page_teller *tell, void *context, struct bb_error *error) {
    struct bb_http_page page = {.call = call, .list = list};

    bb_buffer_init(&page.key, BB_HTTP_CURSOR_KEY_MAX);
    bb_buffer_init(&page.last, BB_HTTP_CURSOR_KEY_MAX);
    int result = begin(&page, error);
    if (!result)
        result = tell(&page, context, error);
    while (result >= 0 && page.whole && page.has_more) {
        result = begin_stretch(&page, error);
        if (!result)
            result = tell(&page, context, error);
    }
    if (result >= 0)
        result = end(&page, error);
    bb_buffer_release(&page.key);
    bb_buffer_release(&page.last);
    return result;
}
