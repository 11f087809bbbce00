/* Dead letters as JSON: see letter_json.h. */
#include "answer/letter_json.h"

#include "model/timestamp.h"

#include <stdio.h>

static void put_time(struct bb_json *json, const char *name, int64_t at_ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_json_key(json, name);
    if (at_ms > 0)
        bb_json_text(json, (struct bb_span){text, bb_time_format_utc(at_ms, text)});
    else
        bb_json_null(json);
}

static void put_code(struct bb_json *json, uint32_t code) {
    char text[16];

    snprintf(text, sizeof text, "BB-%04u", code);
    bb_json_put_text(json, "code", bb_span_of(text));
}

/* RFC 4648 §4. */
static void put_base64(struct bb_json *json, const char *name, struct bb_span bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct bb_buffer out;

    bb_buffer_init(&out, 4 * (bytes.size / 3 + 1));
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t bits = (uint32_t)(uint8_t)bytes.data[i] << 16;
        bits |= left > 1 ? (uint32_t)(uint8_t)bytes.data[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(uint8_t)bytes.data[i + 2] : 0;
        const char four[] = {digits[bits >> 18], digits[bits >> 12 & 63],
                             left > 1 ? digits[bits >> 6 & 63] : '=',
                             left > 2 ? digits[bits & 63] : '='};
        bb_buffer_append(&out, four, sizeof four);
    }
    bb_json_put_text(json, name, bb_buffer_span(&out));
    bb_buffer_release(&out);
}

static void put_headers(struct bb_json *json, struct bb_span headers) {
    struct bb_cursor in = bb_cursor_over(headers);
    struct bb_span name, value;

    bb_json_key(json, "headers");
    bb_json_array_begin(json);
    while (bb_letter_header_next(&in, &name, &value)) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "name", name);
        bb_json_put_text(json, "value", value);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

void bb_letter_json(const struct bb_letter *letter, bool whole, struct bb_json *json) {
    char id[BB_LETTER_ID_MAX];

    bb_letter_id_format(letter->id, id);
    bb_json_object_begin(json);
    bb_json_put_text(json, "id", bb_span_of(id));
    bb_json_put_text(json, "source", letter->source);
    bb_json_put_text(json, "topic", letter->topic);
    bb_json_put_u64(json, "partition", letter->partition);
    bb_json_put_u64(json, "offset", letter->offset);
    bb_json_put_text(json, "key", letter->key);
    put_time(json, "received", letter->received_ms);
    put_time(json, "written", letter->message_ms);
    put_code(json, letter->code);
    bb_json_put_text(json, "reason", letter->reason);
    bb_json_put_u64(json, "bytes", letter->value_bytes);
    bb_json_put_u64(json, "kept", letter->value.size);
    bb_json_put_u64(json, "messages", letter->more + 1);
    bb_json_put_text(json, "state", bb_span_of(bb_letter_state_name(letter->state)));
    put_time(json, "closed", letter->closed_ms);
    bb_json_put_text(json, "closed_by", letter->closed_by);
    if (whole) {
        put_headers(json, letter->headers);
        put_base64(json, "value", letter->value);
    }
    bb_json_object_end(json);
}

void bb_letter_done_json(uint64_t id, const struct bb_letter_done *done, struct bb_json *json) {
    bool is_done = done->refusal.code == BB_OK;
    char text[BB_LETTER_ID_MAX];

    bb_letter_id_format(id, text);
    bb_json_object_begin(json);
    bb_json_put_text(json, "id", bb_span_of(text));
    bb_json_put_bool(json, "done", is_done);
    bb_json_put_u64(json, "readings", done->readings);
    if (!is_done) {
        put_code(json, (uint32_t)done->refusal.code);
        bb_json_put_text(json, "reason", bb_span_of(done->refusal.text));
    }
    bb_json_object_end(json);
}
