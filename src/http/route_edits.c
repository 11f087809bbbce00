/* POST /v1/edits: a person's value for one time, or what people told there taken back. */
#include "answer/value_writer.h"
#include "http/change_internal.h"
#include "http/routes_internal.h"
#include "model/unit.h"
#include "service/query.h"

#include <stdio.h>

struct editing {
    struct bb_http_call *call;
    struct bb_person_edit edit;
    struct bb_person_edited edited;
    struct bb_buffer was, is; /* the row as JSON; empty: there is none */
    struct bb_buffer channel; /* its own name, where another was given */
};

/* ---- the body */

static const struct bb_http_member members[] = {
    {"usage_point", true}, {"channel", true},   {"at", true},     {"value", false},
    {"unit", false},       {"withdraw", false}, {"reason", true}, {NULL, false}};

/* A number's own digits: JSON's number, or a text that holds one. */
static int read_value(struct editing *e, const json_t *value, struct bb_error *error) {
    static const char *const why[] = {
        [BB_DECIMAL_OK] = "",
        [BB_DECIMAL_SYNTAX] = "it is no decimal number",
        [BB_DECIMAL_TOO_LONG] = "it has more than 18 significant digits",
        [BB_DECIMAL_OUT_OF_RANGE] = "its exponent lies beyond -24 to 18",
    };
    char digits[64];
    struct bb_span text = {digits, 0};

    if (json_is_string(value))
        text = (struct bb_span){json_string_value(value), json_string_length(value)};
    else if (json_is_integer(value))
        text.size = (size_t)snprintf(digits, sizeof digits, "%lld",
                                     (long long)json_integer_value(value));
    else if (json_is_real(value)) /* as many digits as a double surely has */
        text.size = (size_t)snprintf(digits, sizeof digits, "%.15g", json_real_value(value));
    enum bb_decimal_outcome outcome = bb_decimal_parse(text, '.', &e->edit.value);
    if (outcome == BB_DECIMAL_OK)
        return 0;
    return BB_FAIL(error, BB_E_VALUE, "value: %s", why[outcome]);
}

static int read_what(struct editing *e, const json_t *body, struct bb_error *error) {
    const json_t *value = json_object_get(body, "value");
    const json_t *withdraw = json_object_get(body, "withdraw");
    struct bb_span unit;

    if (withdraw && !json_is_boolean(withdraw))
        return BB_FAIL(error, BB_E_PARAMETER, "withdraw: it has to be true or false");
    e->edit.withdraw = json_is_true(withdraw);
    e->edit.unit = -1;
    if (e->edit.withdraw == (value != NULL))
        return BB_FAIL(error, BB_E_PARAMETER,
                       "value: either a value or \"withdraw\":true is needed");
    int result = bb_http_body_text(body, "unit", &unit, error);
    if (result)
        return result;
    if (unit.size > 0)
        e->edit.unit = bb_unit_find(unit);
    if (unit.size > 0 && e->edit.unit < 0)
        return BB_FAIL(error, BB_E_UNIT_UNKNOWN, "unit: \"%.*s\" is unknown",
                       (int)(unit.size < 40 ? unit.size : 40), unit.data);
    if (e->edit.withdraw)
        return unit.size > 0 ? BB_FAIL(error, BB_E_PARAMETER, "unit: what is withdrawn has none")
                             : 0;
    return read_value(e, value, error);
}

static int read_time(struct editing *e, const json_t *body, struct bb_error *error) {
    struct bb_span text;
    int result = bb_http_body_text(body, "at", &text, error);

    if (result || bb_time_parse_rfc3339(text, &e->edit.at_ms) == BB_TIME_OK)
        return result;
    return BB_FAIL(error, BB_E_PARAMETER,
                   "at: it has to be a time with offset such as 2026-03-01T00:15:00Z");
}

static int read_edit(struct editing *e, const json_t *body, struct bb_error *error) {
    int result = bb_http_body_text(body, "usage_point", &e->edit.usage_point, error);

    e->edit.tenant = bb_http_tenant(e->call);
    if (!result)
        result = bb_http_body_text(body, "channel", &e->edit.channel, error);
    if (!result)
        result = read_time(e, body, error);
    if (!result)
        result = read_what(e, body, error);
    if (!result && e->edit.channel.size == 0)
        result = BB_FAIL(error, BB_E_PARAMETER, "channel: a value belongs to one channel");
    return result ? result : bb_http_body_person(e->call, body, &e->edit.person, error);
}

/* ---- before and after */

struct shot {
    int64_t at_ms;
    struct bb_buffer *object, *channel;
};

/* A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    struct shot *shot = context;
    struct bb_value_writer writer;

    bb_buffer_clear(shot->channel);
    bb_buffer_append_span(shot->channel, row->channel);
    if (row->end_ms != shot->at_ms)
        return 0;
    bb_value_writer_init(&writer, shot->object, NULL, false);
    bb_value_put_json(&writer, row);
    bb_value_writer_release(&writer);
    return 1;
}

static int shoot(struct editing *e, struct bb_buffer *object, struct bb_error *error) {
    struct bb_query query = {.tenant = e->edit.tenant,
                             .usage_point = e->edit.usage_point,
                             .channel = e->edit.channel,
                             .from_ms = e->edit.at_ms - 1,
                             .to_ms = e->edit.at_ms + 1,
                             .lane = BB_LANE_VEE,
                             .as_of_ms = BB_TIME_NONE};
    struct shot shot = {e->edit.at_ms, object, &e->channel};

    return bb_query_run(bb_http_plant(e->call), &query, take_row, &shot, error);
}

/* On the log's owner's thread. */
static int tell(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct editing *e = context;

    return bb_person_edit(plant, &e->edit, bb_clock_system(), &e->edited, error);
}

static void put_row(struct bb_json *json, const char *key, const struct bb_buffer *object) {
    bb_json_key(json, key);
    if (object->size > 0)
        bb_json_raw(json, bb_buffer_span(object));
    else
        bb_json_null(json);
}

static int answer(struct editing *e, bool counts) {
    struct bb_json json = bb_http_json(e->call);
    struct bb_span channel = e->channel.size ? bb_buffer_span(&e->channel) : e->edit.channel;
    char at[BB_TIME_TEXT_MAX];

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "usage_point", e->edit.usage_point);
    bb_json_put_text(&json, "channel", channel);
    bb_json_put_text(&json, "at", (struct bb_span){at, bb_time_format_utc(e->edited.end_ms, at)});
    bb_json_put_text(&json, "by", e->edit.person.name);
    bb_json_put_text(&json, "reason", e->edit.person.reason);
    bb_json_put_bool(&json, "told", e->edited.told);
    bb_json_put_bool(&json, "derived", counts);
    put_row(&json, "old", &e->was);
    put_row(&json, "new", &e->is);
    bb_json_object_end(&json);
    return bb_http_answer(e->call, counts ? 200 : 202, "application/json");
}

static int make_edit(struct editing *e, struct bb_error *error) {
    int settled, result = bb_http_settle_first(e->call, error);

    if (!result)
        result = shoot(e, &e->was, error);
    if (!result)
        result = bb_http_on_log(e->call, tell, e, error);
    if (result)
        return result;
    settled = bb_http_settle(e->call, error);
    if (settled < 0)
        return settled;
    if (settled == BB_HTTP_SETTLED)
        result = shoot(e, &e->is, error);
    return result ? result : answer(e, settled == BB_HTTP_SETTLED);
}

static int post_edit(struct bb_http_call *call, struct bb_error *error) {
    struct editing e = {.call = call};
    json_t *body;
    int result = bb_http_body_object(call, members, &body, error);

    if (result)
        return result;
    bb_buffer_init(&e.was, 1 << 16);
    bb_buffer_init(&e.is, 1 << 16);
    bb_buffer_init(&e.channel, 1 << 12);
    result = read_edit(&e, body, error);
    if (!result)
        result = make_edit(&e, error);
    bb_buffer_release(&e.was);
    bb_buffer_release(&e.is);
    bb_buffer_release(&e.channel);
    json_decref(body);
    return result;
}

static const struct bb_http_answer answers[] = {
    {200, "application/json", "the value as it stood and as it stands: rows of lane vee"},
    {202, "application/json", "the edit is kept, and not derived yet"},
    {0}};

const struct bb_http_route bb_http_route_edits = {
    .method = BB_HTTP_POST,
    .path = "/v1/edits",
    .right = BB_RIGHT_ADMIN,
    .verb = "edit",
    .summary = "tell a value, or take back what people told",
    .details =
        "{\"usage_point\":\"...\",\"channel\":\"...\",\"at\":\"2026-03-01T00:30:00Z\","
        "\"value\":\"0.125\",\"unit\":\"kWh\",\"reason\":\"read off the display\"}; or "
        "\"withdraw\":true instead of a value. As `busbar edit`: the value of an interval is told "
        "by its end. The caller is kept with it as the person who told it.",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = answers,
    .handle = post_edit,
};
