/* Files that came: see list_files.h. */
#include "cli/list_files.h"

#include "service/standing.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

enum { CHUNK_BYTES = 16 << 10, LIMIT_BYTES = 1 << 20, GIST_MAX = 240 };

struct telling {
    struct bb_plant *plant;
    struct bb_arena arena; /* of a row's refusals */
    bb_cli_record_visit *visit;
    void *context;
    struct bb_record record;
    struct bb_error *error;
};

/* "line 3: BB-1007 ..." of the first refusal, which the ledger keeps as JSON. */
static void word_gist(struct bb_span refusals, char gist[GIST_MAX]) {
    json_t *first = json_loadb(refusals.size > 0 ? refusals.data : "", refusals.size,
                               JSON_DISABLE_EOF_CHECK, NULL);
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *reason = json_string_value(json_object_get(first, "reason"));
    json_int_t line = json_integer_value(json_object_get(first, "line"));
    int size = line > 0 ? snprintf(gist, GIST_MAX, "line %" JSON_INTEGER_FORMAT ": ", line) : 0;

    gist[size] = '\0';
    if (code && reason)
        snprintf(gist + size, (size_t)(GIST_MAX - size), "%s %.160s", code, reason);
    json_decref(first);
}

/* A bb_file_visit. */
static int tell(void *context, const struct bb_file_row *row) {
    struct telling *t = context;
    struct bb_span refusals;
    char gist[GIST_MAX];

    bb_arena_reset(&t->arena);
    int result = bb_ledger_refusals(t->plant->log, row->report_offset, &t->arena, &refusals,
                                    t->error);
    if (result)
        return result;
    word_gist(refusals, gist);
    bb_record_of_file(row, refusals, bb_span_of(gist), &t->record);
    return t->visit(t->context, &t->record);
}

int bb_cli_ledger(struct bb_plant *plant, struct bb_error *error) {
    return plant->ledger.log ? 0 : bb_ledger_read(&plant->ledger, plant->log, error);
}

int bb_cli_files(struct bb_plant *plant, const struct bb_file_question *asked,
                 bb_cli_record_visit *visit, void *context, struct bb_error *error) {
    struct telling t = {.plant = plant, .visit = visit, .context = context, .error = error};
    int result = bb_cli_ledger(plant, error);

    if (result)
        return result;
    bb_arena_init(&t.arena, CHUNK_BYTES, LIMIT_BYTES);
    result = bb_file_list(&plant->ledger, asked, tell, &t);
    bb_arena_release(&t.arena);
    return result;
}

void bb_cli_standing(struct bb_plant *plant, struct bb_buffer *out) {
    struct bb_error error;
    struct bb_standing standing;

    for (uint32_t p = 0; p < plant->log->partitions; p++)
        if (bb_standing_look(plant, p, &standing, &error) == BB_STANDS)
            bb_buffer_format(out,
                             "partition %" PRIu32 " stands at %" PRIu64 ": BB-%04d %s\n"
                             "next: busbar check\n",
                             p, standing.offset, (int)standing.error.code, standing.error.text);
}
