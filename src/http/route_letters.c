/* GET /v1/dead-letters/{letter}, POST .../replay, .../drop: one message of a foreign topic that could not be used. The list of
 * them is a part of GET /v1/dead-letters. And POST /owner/letters, the same for commands of the plant's owner.
 */
#include "answer/letter_json.h"
#include "http/call_internal.h"
#include "http/change_internal.h"
#include "http/problem.h"
#include "http/routes_internal.h"

#include <stdlib.h>
#include <string.h>

enum { LETTERS_OF_ACT = 10000 };

typedef int letter_act(const struct bb_letter_actor *actor, const uint64_t *ids, size_t count,
                       struct bb_letter_done *done, struct bb_error *error);

static int read_id(const struct bb_http_call *call, uint64_t *id, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, "letter");

    return bb_letter_id_parse(text, id)
               ? 0
               : BB_FAIL(error, BB_E_LETTER_UNKNOWN, "there is no dead letter %.*s",
                         (int)(text.size < 40 ? text.size : 40), text.data);
}

static int get_letter(struct bb_http_call *call, struct bb_error *error) {
    struct bb_json json = bb_http_json(call);
    struct bb_letter letter;
    uint64_t id;
    int result = read_id(call, &id, error);

    if (!result)
        result = bb_letter_find(bb_http_plant(call)->log, bb_http_plant(call)->registry,
                                bb_http_tenant(call), id, bb_http_arena(call), &letter, error);
    if (result == BB_LETTER_UNKNOWN)
        result = BB_FAIL(error, BB_E_LETTER_UNKNOWN, "there is no dead letter d%llu",
                         (unsigned long long)id);
    if (result < 0)
        return result;
    bb_letter_json(&letter, true, &json);
    return bb_http_answer(call, 200, "application/json");
}

static int act_on(struct bb_http_call *call, letter_act *act, bool derives,
                  struct bb_error *error) {
    const struct bb_letter_actor actor = {.plant = bb_http_plant(call),
                                          .committer = call->server->options.committer,
                                          .tenant = bb_http_tenant(call),
                                          .by = bb_http_caller(call)};
    struct bb_letter_done done;
    uint64_t id;
    int settled = BB_HTTP_SETTLED;
    int result = read_id(call, &id, error);

    if (!result)
        result = act(&actor, &id, 1, &done, error);
    if (!result && done.refusal.code != BB_OK) {
        *error = done.refusal;
        return -(int)error->code;
    }
    if (!result && derives)
        settled = result = bb_http_settle(call, error);
    if (result < 0)
        return result;
    struct bb_json json = bb_http_json(call);
    bb_letter_done_json(id, &done, &json);
    return bb_http_answer(call, settled == BB_HTTP_SETTLED ? 200 : 202, "application/json");
}

static int post_replay(struct bb_http_call *call, struct bb_error *error) {
    return act_on(call, bb_letter_replay, true, error);
}

static int post_drop(struct bb_http_call *call, struct bb_error *error) {
    return act_on(call, bb_letter_drop, false, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "letter", .place = BB_HTTP_IN_PATH, .required = true, .help = "its id: d1234"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer letter_answers[] = {
    {200, "application/json", "where it came from, why it could not be used, its bytes in base64"},
    {0}};
static const struct bb_http_answer act_answers[] = {
    {200, "application/json", "done; how many readings it brought"},
    {202, "application/json", "durable, and not derived yet"},
    {400, "application/problem+json", "it cannot be used yet: the letter stays open"},
    {409, "application/problem+json", "it was replayed or dropped before, or is not whole"},
    {0}};

const struct bb_http_route bb_http_route_letter = {
    .method = BB_HTTP_GET,
    .path = "/v1/dead-letters/{letter}",
    .right = BB_RIGHT_READ,
    .summary = "a message of a foreign topic that could not be used, whole",
    .parameters = parameters,
    .answers = letter_answers,
    .handle = get_letter,
};

const struct bb_http_route bb_http_route_letter_replay = {
    .method = BB_HTTP_POST,
    .path = "/v1/dead-letters/{letter}/replay",
    .right = BB_RIGHT_ADMIN,
    .verb = "dlq",
    .summary = "read it once more, as sources.kafka says now",
    .details =
        "Its values are told now, and take the place among versions that the letter's time gives them: a correction that "
        "came meanwhile stays on top. A letter counts once.",
    .parameters = parameters,
    .answers = act_answers,
    .handle = post_replay,
};

const struct bb_http_route bb_http_route_letter_drop = {
    .method = BB_HTTP_POST,
    .path = "/v1/dead-letters/{letter}/drop",
    .right = BB_RIGHT_ADMIN,
    .verb = "dlq",
    .summary = "it shall not count",
    .details = "It stays in the list of all, with who dropped it.",
    .parameters = parameters,
    .answers = act_answers,
    .handle = post_drop,
};

/* ---- for commands of the owner */

static int only_local(struct bb_http_call *call, struct bb_error *error) {
    return call->is_local ? 0
                          : BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "there is nothing at this address");
}

static const struct bb_http_member members[] = {
    {"act", true}, {"tenant", true}, {"by", true}, {"ids", true}, {NULL, false}};

static int act_on_all(struct bb_http_call *call, const json_t *body, struct bb_error *error) {
    const json_t *list = json_object_get(body, "ids");
    const char *act = json_string_value(json_object_get(body, "act"));
    const char *tenant = json_string_value(json_object_get(body, "tenant"));
    const char *by = json_string_value(json_object_get(body, "by"));
    size_t count = json_array_size(list);

    if (!act || !tenant || !by || count == 0 || count > LETTERS_OF_ACT)
        return BB_FAIL(error, BB_E_PARAMETER, "act, tenant, by and ids are wanted");
    uint64_t *ids = bb_arena_take_array(bb_http_arena(call), count, sizeof *ids);
    struct bb_letter_done *done = bb_arena_take_array(bb_http_arena(call), count, sizeof *done);
    if (!ids || !done)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for dead letters");
    for (size_t i = 0; i < count; i++)
        ids[i] = (uint64_t)json_integer_value(json_array_get(list, i));
    const struct bb_letter_actor actor = {.plant = bb_http_plant(call),
                                          .committer = call->server->options.committer,
                                          .tenant = bb_span_of(tenant),
                                          .by = bb_span_of(by)};
    letter_act *run = strcmp(act, "drop") == 0 ? bb_letter_drop : bb_letter_replay;
    int result = run(&actor, ids, count, done, error);
    if (!result && run == bb_letter_replay)
        result = bb_http_settle(call, error); /* or it takes longer, and is derived later */
    if (result < 0)
        return result;
    struct bb_json json = bb_http_json(call);
    bb_json_object_begin(&json);
    bb_json_key(&json, "items");
    bb_json_array_begin(&json);
    for (size_t i = 0; i < count; i++)
        bb_letter_done_json(ids[i], &done[i], &json);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static int post_owner_letters(struct bb_http_call *call, struct bb_error *error) {
    json_t *body = NULL;
    int result = bb_http_body_object(call, members, &body, error);

    if (!result)
        result = act_on_all(call, body, error);
    json_decref(body);
    return result;
}

static const struct bb_http_answer owner_answers[] = {
    {200, "application/json", "items: what came of each"}, {0}};

const struct bb_http_route bb_http_route_owner_letters = {
    .method = BB_HTTP_POST,
    .path = "/owner/letters",
    .right = BB_RIGHT_ADMIN,
    .summary = "replay or drop dead letters",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = owner_answers,
    .check = only_local,
    .page = true,
    .handle = post_owner_letters,
};
