/* Dead letters as bytes and names: see letter.h. */
#include "model/letter.h"

#include "model/attribute_pack.h"

#include <inttypes.h>
#include <stdio.h>

enum { LETTER_VERSION = 1 };

/* ---- the body: u8 version, then in this order */

static struct bb_span cut(struct bb_span text, size_t most) {
    return (struct bb_span){text.data, text.size < most ? text.size : most};
}

/* Whole headers only. */
static struct bb_span cut_headers(struct bb_span headers) {
    struct bb_cursor in = bb_cursor_over(headers);
    struct bb_span name, value;
    size_t fits = 0;

    while (bb_letter_header_next(&in, &name, &value)) {
        size_t end = (size_t)(in.at - (const uint8_t *)headers.data);
        if (end > BB_LETTER_HEADERS_MAX)
            break;
        fits = end;
    }
    return (struct bb_span){headers.data, fits};
}

void bb_letter_encode(const struct bb_letter *letter, struct bb_buffer *out) {
    bb_buffer_append_byte(out, LETTER_VERSION);
    bb_put_text(out, letter->tenant);
    bb_put_text(out, letter->source);
    bb_put_text(out, letter->topic);
    bb_put_varint(out, letter->partition);
    bb_put_varint(out, letter->offset);
    bb_put_zigzag(out, letter->message_ms);
    bb_put_text(out, cut(letter->key, BB_LETTER_REASON_MAX));
    bb_put_text(out, cut(letter->value, BB_LETTER_VALUE_MAX));
    bb_put_varint(out, letter->value_bytes);
    bb_put_text(out, cut_headers(letter->headers));
    bb_put_varint(out, letter->code);
    bb_put_text(out, cut(letter->reason, BB_LETTER_REASON_MAX));
    bb_put_varint(out, letter->more);
}

void bb_letter_put(const struct bb_letter *letter, struct bb_buffer *out) {
    struct bb_buffer body;

    bb_buffer_init(&body, 2 * (size_t)BB_LETTER_VALUE_MAX);
    bb_letter_encode(letter, &body);
    bb_put_text(out, bb_buffer_span(&body));
    out->overflow |= body.overflow;
    bb_buffer_release(&body);
}

bool bb_letter_decode(struct bb_span body, struct bb_letter *out) {
    struct bb_cursor in = bb_cursor_over(body);

    *out = (struct bb_letter){0};
    if (bb_cursor_byte(&in) != LETTER_VERSION)
        return false;
    out->tenant = bb_cursor_text(&in);
    out->source = bb_cursor_text(&in);
    out->topic = bb_cursor_text(&in);
    out->partition = (uint32_t)bb_cursor_varint(&in);
    out->offset = bb_cursor_varint(&in);
    out->message_ms = bb_cursor_zigzag(&in);
    out->key = bb_cursor_text(&in);
    out->value = bb_cursor_text(&in);
    out->value_bytes = bb_cursor_varint(&in);
    out->headers = bb_cursor_text(&in);
    out->code = (uint32_t)bb_cursor_varint(&in);
    out->reason = bb_cursor_text(&in);
    out->more = bb_cursor_varint(&in);
    return !in.failed;
}

bool bb_letter_header_next(struct bb_cursor *in, struct bb_span *name, struct bb_span *value) {
    if (bb_cursor_left(in) == 0)
        return false;
    *name = bb_cursor_text(in);
    *value = bb_cursor_text(in);
    return !in->failed;
}

/* ---- names */

void bb_letter_id_format(uint64_t id, char text[BB_LETTER_ID_MAX]) {
    if (bb_letter_is_derived(id))
        snprintf(text, BB_LETTER_ID_MAX, "p%" PRIu32 ".%" PRIu64, bb_letter_derived_partition(id),
                 bb_letter_derived_offset(id));
    else
        snprintf(text, BB_LETTER_ID_MAX, "d%" PRIu64, id);
}

/* Digits up to `end`. */
static bool parse_number(struct bb_span *text, uint64_t most, uint64_t *out) {
    size_t i = 0;

    for (*out = 0; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
        *out = *out * 10 + (uint64_t)(text->data[i] - '0');
        if (*out > most)
            return false;
    }
    text->data += i;
    text->size -= i;
    return i > 0;
}

bool bb_letter_id_parse(struct bb_span text, uint64_t *id) {
    char form = text.size > 1 ? text.data[0] : 0;
    uint64_t partition, offset;

    if (!form)
        return false;
    text.data++;
    text.size--;
    if (form == 'd')
        return parse_number(&text, BB_LETTER_DERIVED - 1, id) && text.size == 0;
    if (form != 'p' || !parse_number(&text, UINT16_MAX / 2, &partition) || text.size == 0 ||
        text.data[0] != '.')
        return false;
    text.data++;
    text.size--;
    bool fits = parse_number(&text, (1ULL << 47) - 1, &offset) && text.size == 0;
    *id = fits ? bb_letter_derived_id((uint32_t)partition, offset) : 0;
    return fits;
}

const char *bb_letter_state_name(enum bb_letter_state state) {
    static const char *const names[] = {"open", "replayed", "dropped"};

    return names[state];
}
