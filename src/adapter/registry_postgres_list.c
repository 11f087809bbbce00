/* Rows to visitors: see registry_postgres_internal.h.
 *
 *   lists ──► BEGIN, repeatable read ──► cursor ──► a page ──► visitor ──► the next page ... ──► COMMIT
 *                                                                │
 *   main  ◄────── whatever else a visitor asks or changes ◄──────┘     another list: a cursor beside the first one
 *
 * A page at a time is in memory, so that a list may be as long as it likes. A list inside another one sees the same
 * state. Whoever visits slowly holds back the server's vacuum, and is ended when a page takes longer than the
 * connection may be idle in a transaction (a minute).
 */
#include "adapter/registry_postgres_internal.h"

#include <stdio.h>

enum {
    NAME_BYTES = 32,
    PAGE_LIMIT_BYTES = 16 << 20, /* a page that is larger makes the next ones smaller */
    TEXTS_CHUNK_BYTES = 16 << 10,
    TEXTS_LIMIT_BYTES = 64 << 20
};

struct walk {
    struct registry_postgres *registry;
    const struct registry_question *question;
    registry_visit_row *visit;
    void *list;
    char cursor[NAME_BYTES];
    int page_rows;
    struct bb_error *error;
};

static int open_lists(struct registry_postgres *registry, struct bb_error *error) {
    const struct bb_postgres_options options = {.conninfo = registry->conninfo,
                                                .schema = registry->schema,
                                                .purpose = "registry lists",
                                                .session = "SET jit = off",
                                                .read_only = true};

    return registry->lists ? bb_postgres_ready(registry->lists, error)
                           : bb_postgres_open(&options, &registry->lists, error);
}

/* A server that was restarted meanwhile is no reason to fail, as nobody has seen anything yet. */
int bb_registry_postgres_hold(struct registry_postgres *registry, struct bb_error *error) {
    int failed = 0;

    for (int tries = 0; registry->held == 0 && tries < 2; tries++) {
        failed = open_lists(registry, error);
        if (!failed)
            failed = bb_postgres_execute(
                registry->lists, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, error);
        if (!registry_is_lost(failed))
            break;
    }
    registry->held++;
    return failed;
}

void bb_registry_postgres_let_go(struct registry_postgres *registry) {
    registry->held--;
    if (registry->held == 0 && registry->lists)
        bb_postgres_rollback(registry->lists); /* nothing was written */
}

static int declare(struct walk *w) {
    struct bb_buffer text;

    snprintf(w->cursor, sizeof w->cursor, "list_%u", ++w->registry->cursor_number);
    bb_buffer_init(&text, 1 << 20);
    bb_buffer_format(&text, "DECLARE %s NO SCROLL CURSOR FOR %s", w->cursor, w->question->sql);
    bb_buffer_append_byte(&text, '\0');
    int failed = text.overflow ? BB_FAIL(w->error, BB_E_NO_MEMORY, "no memory to list")
                               : bb_postgres_ask(w->registry->lists, text.data,
                                                 w->question->parameters, NULL, w->error);
    bb_buffer_release(&text);
    return failed;
}

static int fetch(struct walk *w, PGresult **page) {
    char sql[80];

    snprintf(sql, sizeof sql, "FETCH %d FROM %s", w->page_rows, w->cursor);
    int failed = bb_postgres_ask(w->registry->lists, sql, NULL, page, w->error);
    if (failed)
        return failed;
    size_t bytes = PQresultMemorySize(*page);
    if (bytes > PAGE_LIMIT_BYTES)
        w->page_rows = 1;
    return 0;
}

static int visit_page(struct walk *w, const PGresult *page, struct bb_arena *texts) {
    bool full = false;
    struct registry_row row = {.result = page, .texts = texts, .full = &full};
    int answer = 0;

    for (; answer == 0 && row.row < PQntuples(page); row.row++) {
        bb_arena_reset(texts);
        answer = w->visit(&row, w->list);
        if (full && answer >= 0)
            answer = BB_FAIL(w->error, BB_E_NO_MEMORY, "no memory for a text of the registry");
    }
    return answer;
}

/* 0: all was visited; else what the visitor answered, or an error. */
static int visit_pages(struct walk *w) {
    struct bb_arena texts;
    int answer = 0;
    bool more = true;

    bb_arena_init(&texts, TEXTS_CHUNK_BYTES, TEXTS_LIMIT_BYTES);
    while (answer == 0 && more) {
        int asked = w->page_rows;
        PGresult *page;
        answer = fetch(w, &page);
        if (answer)
            break;
        more = PQntuples(page) == asked;
        answer = visit_page(w, page, &texts);
        PQclear(page);
    }
    bb_arena_release(&texts);
    return answer;
}

/* Of a list that others are around. */
static void close_cursor(struct walk *w) {
    struct bb_postgres *pg = w->registry->lists;
    struct bb_error ignored;
    char sql[80];

    snprintf(sql, sizeof sql, "CLOSE %s", w->cursor);
    if (!bb_postgres_is_lost(pg) && PQtransactionStatus(pg->connection) == PQTRANS_INTRANS &&
        bb_postgres_execute(pg, sql, NULL, &ignored) != 0)
        bb_postgres_drop(pg);
}

int bb_registry_postgres_walk(struct registry_postgres *registry,
                              const struct registry_question *question, registry_visit_row *visit,
                              void *list, struct bb_error *error) {
    struct walk w = {.registry = registry,
                     .question = question,
                     .visit = visit,
                     .list = list,
                     .page_rows = question->page_rows,
                     .error = error};
    int answer = bb_registry_postgres_hold(registry, error);

    if (!answer)
        answer = declare(&w);
    if (!answer)
        answer = visit_pages(&w);
    if (registry->held > 1 && w.cursor[0])
        close_cursor(&w);
    bb_registry_postgres_let_go(registry);
    return answer < 0 ? answer : 0;
}
