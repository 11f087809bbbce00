/* GET /v1/dead-letters: what came and does not count, and why.
 *
 *   files and lines that could not be decoded   kept by the ledger, with reasons; replayed by POST /v1/files/{file}/replay
 *   messages of foreign topics                  kept by the ledger, whole (service/letter_log.h); replayed by
 *                                               POST /v1/dead-letters/{letter}/replay
 *   records of the log that cannot be read      their partitions stand until the segment is restored
 */
#include "answer/letter_json.h"
#include "http/file_internal.h"
#include "http/routes_internal.h"
#include "service/standing.h"

#include <stdio.h>

/* Where it lies on the disk is for whoever runs the server, whose log has it. */
static void put_standing(struct bb_json *json, uint32_t partition,
                         const struct bb_standing *standing) {
    const struct bb_error_row *row = bb_error_row_find((int)standing->error.code);
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)standing->error.code);
    bb_json_object_begin(json);
    bb_json_put_u64(json, "partition", partition);
    bb_json_put_u64(json, "offset", standing->offset);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "reason", bb_span_of(row ? row->title : "Unknown error"));
    bb_json_object_end(json);
}

static int put_standings(struct bb_http_page *page, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(page->call);
    struct bb_json *json = bb_http_page_about(page);
    int result = 0;

    bb_json_key(json, "standing");
    bb_json_array_begin(json);
    for (uint32_t p = 0; result >= 0 && p < plant->log->partitions; p++) {
        struct bb_standing standing;
        result = bb_standing_look(plant, p, &standing, error);
        if (result == BB_STANDS)
            put_standing(json, p, &standing);
    }
    bb_json_array_end(json);
    return result < 0 ? result : 0;
}

/* ---- messages of foreign topics */

struct messages {
    struct bb_json *json;
    size_t limit, count;
    bool has_more;
    uint64_t last;
};

/* A bb_letter_visit. */
static int put_message(void *context, const struct bb_letter *letter) {
    struct messages *m = context;

    m->has_more = m->count == m->limit;
    if (m->has_more)
        return 1;
    bb_letter_json(letter, false, m->json);
    m->last = letter->id;
    m->count++;
    return 0;
}

static int read_code(const struct bb_http_call *call, uint32_t *code, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, "code");

    *code = 0;
    if (text.size > 3 && bb_span_starts_with(text, BB_SPAN("BB-")))
        text = (struct bb_span){text.data + 3, text.size - 3};
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || text.size > 4)
            return bb_http_bad_parameter(call, "code", "is one such as BB-1027", error);
        *code = *code * 10 + (uint32_t)(text.data[i] - '0');
    }
    return 0;
}

static int put_messages(struct bb_http_page *page, struct bb_error *error) {
    struct bb_http_call *call = page->call;
    struct messages m = {.json = bb_http_page_about(page), .limit = page->limit};
    struct bb_letter_question asked = {.tenant = bb_http_tenant(call),
                                       .topic = bb_http_text(call, "topic"),
                                       .since_ms = bb_http_number(call, "since"),
                                       .before = UINT64_MAX,
                                       .with_closed = bb_http_number(call, "state") != 0};
    char next[BB_LETTER_ID_MAX];
    int result = read_code(call, &asked.code, error);

    if (!result && bb_http_given(call, "before") &&
        !bb_letter_id_parse(bb_http_text(call, "before"), &asked.before))
        result = bb_http_bad_parameter(call, "before", "is a letter's id", error);
    if (result)
        return result;
    bb_json_key(m.json, "messages");
    bb_json_array_begin(m.json);
    result = bb_letter_list(bb_http_plant(call)->log, bb_http_plant(call)->registry, &asked,
                            put_message, &m, error);
    bb_json_array_end(m.json);
    bb_letter_id_format(m.last, next);
    bb_json_key(m.json, "messages_before");
    if (m.has_more)
        bb_json_text(m.json, bb_span_of(next));
    else
        bb_json_null(m.json);
    return result < 0 ? result : 0;
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_files files = {
        .asked = {.before_ms = INT64_MAX,
                  .with_rejects = true,
                  .without_replayed = bb_http_number(page->call, "state") == 0}};

    (void)context;
    int result = bb_http_files_tell(page, &files, error);
    if (!result)
        result = put_messages(page, error);
    return result ? result : put_standings(page, error);
}

static int list_dead_letters(struct bb_http_call *call, struct bb_error *error) {
    return bb_http_page_run(call, NULL, tell, NULL, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "state",
     .kind = BB_HTTP_CHOICE,
     .choices = "open|all",
     .initial = "open",
     .help = "all: also what was replayed since, and counts, or was dropped"},
    {.name = "topic", .kind = BB_HTTP_TEXT, .help = "messages of this foreign topic"},
    {.name = "code",
     .kind = BB_HTTP_TEXT,
     .help = "messages that were put aside for this reason: BB-1027"},
    {.name = "since", .kind = BB_HTTP_TIME, .help = "messages that came at or behind this time"},
    {.name = "before",
     .kind = BB_HTTP_TEXT,
     .help = "messages: `messages_before` of the page before"},
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "a page of files of which something was refused, the newest first, with the first lines and why; "
     "messages of foreign topics that could not be used, the newest first, `limit` of them; "
     "and partitions that stand at a damaged record of the log"},
    {0}};

const struct bb_http_route bb_http_route_dead_letters = {
    .method = BB_HTTP_GET,
    .path = "/v1/dead-letters",
    .right = BB_RIGHT_READ,
    .summary = "what came and does not count, and why",
    .details = "What is refused of a post is told to its sender alone.",
    .parameters = parameters,
    .answers = answers,
    .handle = list_dead_letters,
};
