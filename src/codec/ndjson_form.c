/* Known forms of objects: see ndjson_internal.h. */
#include "codec/bytes_internal.h"
#include "codec/ndjson_internal.h"
#include "codec/number_text_internal.h"

enum { CREDIT_MAX = 256, LEARNING_COST = 16 };

/* The end of a number of up to 7 characters, without exponent; NULL: another kind of number. */
static inline const char *short_number_end(const char *at) {
    at += *at == '-';
    uint64_t word = bb_load_word(at) ^ BB_EIGHT('0'), bad = bb_not_digits(word);
    if (bad == 0)
        return NULL;
    int digits = __builtin_ctzll(bad) / 8, end = digits;
    if (at[digits] == '.') {
        bad &= bad - 1;
        if (bad == 0)
            return NULL;
        end = __builtin_ctzll(bad) / 8;
        if (end == digits + 1)
            return NULL;
    }
    if (digits == 0 || (digits > 1 && *at == '0') || (at[end] | 0x20) == 'e')
        return NULL;
    return at + end;
}

/* The end of the value at `at`, of the expected type; NULL when it is something else.
 *
 * A text as long as the one before is the rule. Then its end is an addition, and the look at its
 * bytes is only a check: the processor goes on with the next token meanwhile, instead of waiting
 * for one search after the other. */
static inline const char *token_end(const char *at, struct bb_form_token *token) {
    if (token->type == BB_CELL_TEXT) {
        if (bb_json_text_is(at, token->size))
            return at + token->size;
        const char *end = bb_json_scan_special(at);
        token->size = (uint32_t)(end - at);
        return *end == '"' ? end : NULL;
    }
    const char *end = short_number_end(at);
    struct bb_json_scan json = {.at = at};
    struct bb_cell number;
    if (!end && (*at == '-' || (*at >= '0' && *at <= '9')) && bb_json_scan_value(&json, &number))
        end = json.at;
    return end;
}

/* Behind the object, or NULL when it is not of this form. */
static inline const char *match(struct bb_form *form, const char *at, struct bb_cell *cells) {
    struct bb_form_token *token = form->tokens;

    for (uint32_t i = 0;; i++, token++) {
        if (!bb_bytes_equal(at, form->literals + token->literal_at, token->literal_size))
            return NULL;
        at += token->literal_size;
        if (i == form->token_count)
            return at;
        const char *end = token_end(at, token);
        if (!end)
            return NULL;
        if (token->slot >= 0) {
            /* Member by member: a cell put together first and then copied as a whole would wait
             * for its own parts to reach the cache. */
            struct bb_cell *cell = &cells[token->slot];
            cell->data = at;
            cell->size = (uint32_t)(end - at);
            cell->type = token->type;
        }
        at = end;
    }
}

static void clear_cells(struct bb_object *object) {
    for (uint32_t i = 0; i < object->binding->slot_count; i++)
        object->cells[i].type = BB_CELL_ABSENT;
}

bool bb_object_recall(struct bb_object *object, struct bb_json_scan *json) {
    struct bb_form *form = object->form;
    const char *end;

    if (form && (end = match(form, json->at, object->cells)) != NULL) {
        json->at = end;
        return true;
    }
    for (uint32_t i = 0; i < object->form_count; i++) {
        struct bb_form *other = &object->forms[i];
        if (other == form ||
            !bb_bytes_equal(json->at, other->literals, other->tokens[0].literal_size))
            continue;
        clear_cells(object);
        end = match(other, json->at, object->cells);
        if (end) {
            object->form = other;
            object->present = &other->present;
            object->credit += object->credit < CREDIT_MAX;
            json->at = end;
            return true;
        }
    }
    object->form = NULL;
    return false;
}

/* Put the tokens, and what stands between them. False: it does not fit. */
static bool describe(const struct bb_object *object, struct bb_form *form, const char *begin,
                     const char *end) {
    const char *at = begin;
    size_t used = 0;

    form->token_count = 0;
    for (uint32_t i = 0; i <= object->met_count; i++) {
        const bool last = i == object->met_count;
        const struct bb_cell cell = last ? (struct bb_cell){.data = end, .type = BB_CELL_ABSENT}
                                         : object->met[i].cell;
        if (cell.type != BB_CELL_TEXT && cell.type != BB_CELL_NUMBER && !last)
            continue; /* nobody wants it: it is part of the literal */
        size_t size = (size_t)(cell.data - at);
        if (used + size > BB_FORM_BYTES)
            return false;
        memcpy(form->literals + used, at, size);
        struct bb_form_token *token = &form->tokens[form->token_count++];
        *token = (struct bb_form_token){(uint16_t)size, (uint16_t)used, (uint8_t)cell.type,
                                        cell.size, last ? BB_SLOT_NONE : object->met[i].slot};
        /* Of two spellings of one field only one gave the cell. */
        if (token->slot >= 0 && object->cells[token->slot].data != cell.data)
            token->slot = BB_SLOT_NONE;
        used += size;
        at = cell.data + cell.size;
    }
    form->token_count--;
    return true;
}

void bb_object_learn(struct bb_object *object, const char *begin, const char *end) {
    struct bb_form *form = &object->forms[object->form_next];

    if (!object->formable || object->met_count > BB_FORM_TOKENS || object->credit < LEARNING_COST)
        return;
    object->credit -= LEARNING_COST;
    if (!describe(object, form, begin, end)) {
        form->token_count = 0;
        form->tokens[0] = (struct bb_form_token){.literal_size = 1}; /* matches nothing */
        form->literals[0] = '\0';
        return;
    }
    form->present = object->stranger;
    if (object->form_count < BB_FORMS)
        object->form_count++;
    object->form_next = (object->form_next + 1) % BB_FORMS;
    object->form = form;
    object->present = &form->present;
}
