/* What rules said: see rules_said.h. */
#include "service/rules_said.h"

#include "base/json_write.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 2000, REASON_MAX = 500, EVIDENCE_COLUMNS_MAX = 16, EVIDENCE_MAX = 1000 };

void bb_rules_said_init(struct bb_rules_said *said, const struct bb_rule_ask *ask,
                        struct bb_arena *arena) {
    *said = (struct bb_rules_said){.ask = ask, .arena = arena};
}

static struct bb_span keep(struct bb_rules_said *s, struct bb_span text, size_t most) {
    struct bb_span cut = {text.data, text.size < most ? text.size : most};

    while (cut.size > 0 && cut.size < text.size && ((uint8_t)text.data[cut.size] & 0xc0) == 0x80)
        cut.size--; /* between characters */
    struct bb_span kept = bb_arena_copy(s->arena, cut);
    s->full |= kept.data == NULL;
    return kept;
}

static void add(struct bb_rules_said *s, const struct bb_saying *saying) {
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct bb_saying *items = bb_arena_take(s->arena, capacity * sizeof *items);
        if (!items) {
            s->full = true;
            return;
        }
        if (s->count > 0)
            memcpy(items, s->items, s->count * sizeof *items);
        s->items = items;
        s->capacity = capacity;
    }
    s->items[s->count++] = *saying;
}

static void add_text(struct bb_rules_said *s, int kind, int64_t at_ms, const char *reason,
                     const char *evidence) {
    const struct bb_saying saying = {
        .at_ms = at_ms,
        .kind = (uint8_t)kind,
        .reason = keep(s, bb_span_trim(bb_span_of(reason ? reason : "")), TEXT_MAX),
        .evidence = keep(s, bb_span_of(evidence ? evidence : ""), EVIDENCE_MAX)};

    add(s, &saying);
}

void bb_rules_said_fail(struct bb_rules_said *s, int64_t at_ms, const char *why) {
    s->failures++;
    add_text(s, BB_SAYING_FAILURE, at_ms, why, NULL);
}

/* The last value that a window of the batch judges. */
static int64_t end_of(const struct bb_rules_gather *g, uint32_t window) {
    return g->end_ms[g->offset[window + 1] - 1];
}

/* ---- evidence: columns of numbers, by point ------------------------------------------------------- */

struct column {
    const char *name;
    json_t *at, *value;
    size_t next;
};

struct evidence {
    struct column columns[EVIDENCE_COLUMNS_MAX];
    size_t count;
};

static void open_evidence(json_t *told, struct evidence *e) {
    json_t *pair;
    const char *name;

    e->count = 0;
    json_object_foreach(json_object_get(told, "evidence"), name, pair) {
        if (e->count == EVIDENCE_COLUMNS_MAX)
            break;
        e->columns[e->count++] = (struct column){name, json_array_get(pair, 0),
                                                 json_array_get(pair, 1), 0};
    }
}

/* Of the point with that number in the part; points are asked in their order. Empty: there is none. */
static struct bb_span evidence_of(struct bb_rules_said *s, struct evidence *e, size_t point) {
    char text[EVIDENCE_MAX];
    struct bb_buffer out;
    struct bb_json json;
    bool any = false;

    bb_buffer_init(&out, sizeof text);
    bb_json_init(&json, &out);
    bb_json_object_begin(&json);
    for (size_t i = 0; i < e->count; i++) {
        struct column *c = &e->columns[i];
        while (c->next < json_array_size(c->at) &&
               json_integer_value(json_array_get(c->at, c->next)) < (json_int_t)point)
            c->next++;
        json_t *value = json_array_get(c->value, c->next);
        if (c->next >= json_array_size(c->at) || !json_is_number(value) ||
            json_integer_value(json_array_get(c->at, c->next)) != (json_int_t)point)
            continue;
        bb_json_key_span(&json, bb_span_of(c->name));
        bb_json_double(&json, json_number_value(value));
        any = true;
    }
    bb_json_object_end(&json);
    struct bb_span kept = any && !out.overflow ? keep(s, bb_buffer_span(&out), EVIDENCE_MAX)
                                               : BB_SPAN("");
    bb_buffer_release(&out);
    return kept;
}

/* ---- a part -------------------------------------------------------------------------------------- */

/* False: it may not be said, and *why says so. */
static bool value_saying(const struct bb_rules_said *s, enum bb_rules_verdict verdict,
                         double number, struct bb_saying *out, const char **why) {
    const struct bb_rule_ask *ask = s->ask;

    out->kind = verdict == BB_RULES_FLAG      ? BB_SAYING_FLAG
                : verdict == BB_RULES_MAKE    ? BB_SAYING_MAKE
                : verdict == BB_RULES_CORRECT ? BB_SAYING_CORRECT
                : isnan(number)               ? BB_SAYING_NO_VALUE
                                              : BB_SAYING_ESTIMATE;
    if (out->kind == BB_SAYING_MAKE && ask->channel->kind == BB_KIND_REGISTER) {
        *why = "of the readings of a register no channel can be made";
        return false;
    }
    if (!bb_rule_may(ask->channel, ask->rule->raw, out->kind)) {
        *why = ask->channel->kind == BB_KIND_REGISTER
                   ? "readings of a register can be flagged, not changed"
                   : "before validation (lane=\"raw\") a rule may flag and correct, not estimate";
        return false;
    }
    if (out->kind != BB_SAYING_FLAG && out->kind != BB_SAYING_NO_VALUE &&
        !bb_rule_value(number, &out->value)) {
        *why = "it gave a number that is too large, or none";
        return false;
    }
    return true;
}

static void take_window(struct bb_rules_said *s, const struct bb_rules_part *part, uint32_t w,
                        json_t *reasons, struct evidence *evidence) {
    const struct bb_rules_gather *g = s->gather;
    const size_t kept = s->count;
    const char *why = NULL;

    for (size_t at = g->offset[w] + g->judge[w]; !why && at < g->offset[w + 1]; at++) {
        const size_t i = at - part->first_point;
        struct bb_saying saying = {.at_ms = g->end_ms[at]};
        if (part->verdict[i] == BB_RULES_NOTHING)
            continue;
        const char *reason = json_string_value(json_array_get(reasons, part->reason[i]));
        saying.reason = keep(s, bb_span_of(reason ? reason : ""), REASON_MAX);
        saying.evidence = evidence_of(s, evidence, i);
        if (value_saying(s, (enum bb_rules_verdict)part->verdict[i], part->value[i], &saying, &why))
            add(s, &saying);
    }
    if (!why)
        return;
    s->count = kept;
    bb_rules_said_fail(s, end_of(g, w), why);
}

/* Of a window of the part, by its number there; UINT32_MAX: there is none, or it failed. */
static uint32_t window_of(const struct bb_rules_part *part, json_t *row) {
    json_t *number = json_object_get(row, "window");
    json_int_t window = json_integer_value(number);

    return json_is_integer(number) && window >= 0 && window < part->windows && !part->raised[window]
               ? part->first + (uint32_t)window
               : UINT32_MAX;
}

static void take_texts(struct bb_rules_said *s, const struct bb_rules_part *part, json_t *rows,
                       int kind, const char *reason, const char *evidence) {
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        uint32_t w = window_of(part, row);
        if (w != UINT32_MAX)
            add_text(s, kind, end_of(s->gather, w), json_string_value(json_object_get(row, reason)),
                     evidence ? json_string_value(json_object_get(row, evidence)) : NULL);
    }
}

static const char *failure_text(json_t *failures, uint32_t window) {
    json_t *row;
    size_t i;

    json_array_foreach(
        failures, i,
        row) if (json_integer_value(json_object_get(row, "window")) ==
                 (json_int_t)window) return json_string_value(json_object_get(row, "text"));
    return "it raised";
}

static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct bb_rules_said *s = context;
    json_t *root = json_loadb(part->told.data, part->told.size, 0, NULL);
    json_t *reasons = json_object_get(root, "reasons");
    struct evidence evidence;

    (void)error;
    s->nanoseconds += part->nanoseconds;
    open_evidence(root, &evidence);
    for (uint32_t w = 0; w < part->windows; w++)
        if (part->raised[w])
            bb_rules_said_fail(s, end_of(s->gather, part->first + w),
                               failure_text(json_object_get(root, "failures"), w));
        else
            take_window(s, part, part->first + w, reasons, &evidence);
    take_texts(s, part, json_object_get(root, "exceptions"), BB_SAYING_EXCEPTION, "text", NULL);
    take_texts(s, part, json_object_get(root, "tags"), BB_SAYING_TAG, "name", "value");
    json_decref(root);
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct bb_rules_said *s = context;
    json_t *root = failure->told.size ? json_loadb(failure->told.data, failure->told.size, 0, NULL)
                                      : NULL;
    const char *told = json_string_value(
        json_object_get(json_array_get(json_object_get(root, "failures"), 0), "text"));
    char text[TEXT_MAX];

    (void)error;
    s->nanoseconds += failure->nanoseconds;
    snprintf(text, sizeof text, "%.*s", BB_SPAN_ARGS(failure->text));
    bb_rules_said_fail(s, end_of(s->gather, failure->window), told ? told : text);
    json_decref(root);
    return 0;
}

struct bb_rules_sink bb_rules_said_sink(struct bb_rules_said *said,
                                        const struct bb_rules_gather *gather) {
    said->gather = gather;
    return (struct bb_rules_sink){take_part, take_failure, said};
}

/* ---- all ----------------------------------------------------------------------------------------- */

/* By time; at one time values first, then as in enum bb_saying_kind, then by their words. */
static int by_time(const void *a, const void *b) {
    const struct bb_saying *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = bb_span_compare(x->reason, y->reason);
    return order ? order : bb_span_compare(x->evidence, y->evidence);
}

int bb_rules_said_end(struct bb_rules_said *s, struct bb_sayings *out, struct bb_error *error) {
    if (s->full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what rules say");
    if (s->count > 1)
        qsort(s->items, s->count, sizeof *s->items, by_time);
    *out = (struct bb_sayings){s->items, s->count};
    return 0;
}
