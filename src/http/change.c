/* What people change over HTTP: see change_internal.h. */
#include "http/change_internal.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "service/settled.h"

#include <unistd.h>

enum { SETTLE_MS = 10000, LOOK_MS = 10 };

/* ---- bodies */

static bool is_member(const struct bb_http_member *members, const char *name) {
    for (; members->name; members++)
        if (strcmp(members->name, name) == 0)
            return true;
    return false;
}

int bb_http_body_members(const json_t *object, const struct bb_http_member *members,
                         struct bb_error *error) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        struct bb_nearest nearest;
        if (is_member(members, name))
            continue;
        bb_nearest_init(&nearest, bb_span_of(name));
        for (const struct bb_http_member *m = members; m->name; m++)
            bb_nearest_offer(&nearest, m->name);
        return BB_FAIL(error, BB_E_PARAMETER, "the body has no member \"%.60s\"%s%s", name,
                       nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
    }
    for (const struct bb_http_member *m = members; m->name; m++)
        if (m->required && !json_object_get(object, m->name))
            return BB_FAIL(error, BB_E_PARAMETER, "%s: it is needed", m->name);
    return 0;
}

int bb_http_body_object(struct bb_http_call *call, const struct bb_http_member *members,
                        json_t **out, struct bb_error *error) {
    struct bb_span body = bb_http_body_span(call);
    json_error_t wrong;

    /* numbers as they are written: a value keeps its digits */
    *out = json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, &wrong);
    if (!*out)
        return BB_FAIL(error, BB_E_PARAMETER, "the body is no JSON: line %d: %.200s", wrong.line,
                       wrong.text);
    int result = json_is_object(*out)
                     ? bb_http_body_members(*out, members, error)
                     : BB_FAIL(error, BB_E_PARAMETER, "the body has to be a JSON object");
    if (result) {
        json_decref(*out);
        *out = NULL;
    }
    return result;
}

int bb_http_body_text(const json_t *object, const char *name, struct bb_span *out,
                      struct bb_error *error) {
    const json_t *value = json_object_get(object, name);

    *out = (struct bb_span){NULL, 0};
    if (!value)
        return 0;
    if (!json_is_string(value))
        return BB_FAIL(error, BB_E_PARAMETER, "%s: it has to be a text", name);
    *out = (struct bb_span){json_string_value(value), json_string_length(value)};
    return 0;
}

int bb_http_body_person(struct bb_http_call *call, const json_t *object, struct bb_person *out,
                        struct bb_error *error) {
    *out = (struct bb_person){.name = bb_http_caller(call)};
    int result = bb_http_body_text(object, "reason", &out->reason, error);
    if (!result && bb_span_trim(out->reason).size == 0)
        return BB_FAIL(error, BB_E_PARAMETER, "reason: why is it so? It is kept with the value");
    return result;
}

/* ---- waiting */

/* Asked of the store again and again: a change is rare, and nobody else asks for just this. */
int bb_http_settle_at(struct bb_http_call *call, const uint64_t *ends, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(call);
    int64_t until_ns = bb_monotonic_ns() + SETTLE_MS * (int64_t)1000000;
    int result = bb_settled_look(plant, ends, error);

    while (result == BB_SETTLED_NOT_YET && bb_monotonic_ns() < until_ns) {
        usleep(LOOK_MS * 1000);
        result = bb_settled_look(plant, ends, error);
    }
    return result < 0 ? result : result == BB_SETTLED ? BB_HTTP_SETTLED : BB_HTTP_UNSETTLED;
}

int bb_http_settle(struct bb_http_call *call, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(call);
    uint64_t *ends = bb_arena_take_array(bb_http_arena(call), plant->log->partitions, sizeof *ends);

    if (!ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to wait for a change");
    int result = bb_settled_mark(plant, ends, error);
    return result ? result : bb_http_settle_at(call, ends, error);
}

/* On the log's owner's thread. */
static int nothing(struct bb_plant *plant, void *context, struct bb_error *error) {
    (void)plant;
    (void)context;
    (void)error;
    return 0;
}

/* A post is answered before its readings are made visible; the log's owner does that before anything that
 * comes later. */
int bb_http_settle_first(struct bb_http_call *call, struct bb_error *error) {
    int result = bb_http_on_log(call, nothing, NULL, error);

    if (!result)
        result = bb_http_settle(call, error);
    return result == BB_HTTP_UNSETTLED
               ? BB_FAIL(
                     error, BB_E_BACKLOG,
                     "what came before has not been derived yet: try again, nothing was changed")
               : result;
}
