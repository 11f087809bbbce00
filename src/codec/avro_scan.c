/* Steps over the bytes of a message: see avro_program_internal.h.
 *
 * Nothing is believed: every length is held against what is left before a byte is touched, loops are
 * bounded by the bytes that their turns take at least, depth by BB_AVRO_DEPTH_MAX. Texts stay where they
 * are. Called by whoever decodes, on its thread. */
#include "codec/avro_program_internal.h"
#include "codec/avro_varint_internal.h"
#include "model/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_TEXT_MAX = 64, UUID_TEXT = 36 };

/* Civil moments of the years 1900 to 9999 or so: sums with them never overflow. */
#define LATEST_MS   253402300800000LL
#define EARLIEST_MS (-2208988800000LL)

static const char *malformed(struct bb_avro_scan *s, const char *problem) {
    s->problem = problem;
    return NULL;
}

static const char *truncated(struct bb_avro_scan *s) {
    s->truncated = true;
    return malformed(s, "it ends too early");
}

/* ---- numbers ---- */

static const char *read_long(struct bb_avro_scan *s, const char *at, int64_t *value) {
    uint64_t v;
    const char *next = bb_avro_varint(at, s->end, &v);

    if (!next)
        return s->end - at < BB_AVRO_VARINT_MAX
                   ? truncated(s)
                   : malformed(s, "a number of more than 64 bits stands in it");
    *value = bb_unzigzag(v);
    return next;
}

static const char *read_bytes(struct bb_avro_scan *s, const char *at, uint64_t size) {
    return size <= (uint64_t)(s->end - at) ? at + size : truncated(s);
}

/* A length and as many bytes; *size is the length. Returns where the bytes begin. */
static const char *read_size(struct bb_avro_scan *s, const char *at, int64_t *size) {
    at = read_long(s, at, size);
    if (!at)
        return NULL;
    if (*size < 0 || *size > BB_LINE_MAX_BYTES)
        return malformed(s, *size < 0 ? "a text of negative length stands in it"
                                      : "a text of more than 16 MiB stands in it");
    return *size <= s->end - at ? at : truncated(s);
}

/* ---- cells ---- */

static char *take_text(struct bb_avro_scan *s, size_t size) {
    char *text = bb_arena_take(s->texts, size + BB_CELL_PADDING);

    if (!text) {
        s->problem = NULL; /* it is not malformed */
        return NULL;
    }
    memset(text + size, 0, BB_CELL_PADDING);
    return text;
}

static bool put_text(struct bb_avro_scan *s, int32_t slot, const char *data, size_t size,
                     uint32_t type) {
    if (s->padding - (data + size) < BB_CELL_PADDING) {
        char *copy = take_text(s, size);
        if (!copy)
            return false;
        if (size > 0)
            memcpy(copy, data, size);
        data = copy;
    }
    struct bb_cell *cell = &s->cells[slot];
    cell->data = data;
    cell->size = (uint32_t)size;
    cell->type = type;
    return true;
}

static bool put_made(struct bb_avro_scan *s, int32_t slot, const char *text, int size) {
    char *copy = take_text(s, (size_t)size);

    if (!copy)
        return false;
    memcpy(copy, text, (size_t)size);
    s->cells[slot] = (struct bb_cell){.data = copy, .size = (uint32_t)size, .type = BB_CELL_NUMBER};
    return true;
}

static void put_decimal(struct bb_avro_scan *s, int32_t slot, int64_t mantissa, int exponent) {
    struct bb_cell *cell = &s->cells[slot];

    cell->number = mantissa;
    cell->size = (uint32_t)exponent;
    cell->type = BB_CELL_DECIMAL;
}

static bool put_number(struct bb_avro_scan *s, const struct bb_avro_step *step, int64_t value) {
    char text[NUMBER_TEXT_MAX];

    if (step->use == BB_AVRO_AS_TIME) {
        __int128 scaled = (__int128)value * step->a / step->b;
        if (scaled <= LATEST_MS && scaled >= EARLIEST_MS) {
            struct bb_cell *cell = &s->cells[step->slot];
            cell->number = (int64_t)scaled;
            cell->size = step->flags;
            cell->type = BB_CELL_MOMENT;
            return true;
        }
    } else if (step->use == BB_AVRO_AS_VALUE && value < bb_power_of_ten[BB_DECIMAL_MAX_DIGITS] &&
               value > -bb_power_of_ten[BB_DECIMAL_MAX_DIGITS]) {
        put_decimal(s, step->slot, value, 0);
        return true;
    }
    return put_made(s, step->slot, text, snprintf(text, sizeof text, "%" PRId64, value));
}

/* A value, or the text of it. */
static bool put_exact(struct bb_avro_scan *s, const struct bb_avro_step *step,
                      struct bb_decimal value) {
    char text[NUMBER_TEXT_MAX];
    int size;

    if (step->use == BB_AVRO_AS_VALUE) {
        put_decimal(s, step->slot, value.mantissa, value.exponent);
        return true;
    }
    if (value.exponent > 0)
        size = snprintf(text, sizeof text, "%" PRId64 "e%d", value.mantissa, value.exponent);
    else
        size = (int)bb_decimal_format(value, false, text);
    return put_made(s, step->slot, text, size);
}

/* The same for the common float, from 1/8 to ten million with at most seven digits. There m / 10^k, rounded to
 * a double and then to a float, is m / 10^k rounded once: the middle between two floats is a multiple of 2^-28
 * there, so no such decimal is closer to one than a double can tell. */
static bool quick_float(float value, struct bb_decimal *out) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};

    if (!(fabsf(value) >= 0.125f && fabsf(value) < 1e7f))
        return false;
    for (int k = 0; k < 8; k++) {
        double mantissa = nearbyint((double)value * powers[k]);
        if (fabs(mantissa) >= 1e7)
            return false;
        if ((float)(mantissa / powers[k]) == value) {
            *out = (struct bb_decimal){(int64_t)mantissa, (int8_t)-k};
            return true;
        }
    }
    return false;
}

/* The shortest decimal that reads back as the float. */
static enum bb_decimal_outcome decimal_of_float(float value, struct bb_decimal *out) {
    char text[NUMBER_TEXT_MAX];

    if (!isfinite(value))
        return BB_DECIMAL_SYNTAX;
    if (quick_float(value, out))
        return BB_DECIMAL_OK;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    enum bb_decimal_outcome outcome = bb_decimal_parse(bb_span_of(text), '.', out);
    while (outcome == BB_DECIMAL_OK && out->mantissa != 0 && out->mantissa % 10 == 0) {
        out->mantissa /= 10;
        out->exponent++;
    }
    if (outcome == BB_DECIMAL_OK && out->exponent > 0 && out->exponent <= 9) { /* 1200, not 12e2 */
        out->mantissa *= bb_power_of_ten[out->exponent];
        out->exponent = 0;
    }
    return outcome;
}

static bool put_double(struct bb_avro_scan *s, const struct bb_avro_step *step, double value) {
    struct bb_decimal exact;
    char text[NUMBER_TEXT_MAX];

    if (bb_decimal_of_double(value, &exact) == BB_DECIMAL_OK)
        return put_exact(s, step, exact);
    return put_made(s, step->slot, text, snprintf(text, sizeof text, "%g", value));
}

static bool put_float(struct bb_avro_scan *s, const struct bb_avro_step *step, float value) {
    struct bb_decimal exact;
    char text[NUMBER_TEXT_MAX];

    if (decimal_of_float(value, &exact) == BB_DECIMAL_OK)
        return put_exact(s, step, exact);
    return put_made(s, step->slot, text, snprintf(text, sizeof text, "%g", (double)value));
}

/* Two's complement, most significant byte first. What has more than 18 digits becomes a text, which is
 * refused with its digits. */
static bool put_unscaled(struct bb_avro_scan *s, const struct bb_avro_step *step, const char *data,
                         size_t size) {
    char text[BB_WIDE_TEXT_MAX + 32];
    const bool negative = size > 0 && data[0] & 0x80;
    const unsigned char filler = negative ? 0xff : 0;
    int exponent = -(int)step->b;

    while (size > 1 && (unsigned char)data[0] == filler && ((data[1] ^ data[0]) & 0x80) == 0)
        data++, size--;
    if (size > 15 || step->b > 38)
        return put_made(
            s, step->slot, text,
            snprintf(text, sizeof text, "a decimal of %zu bytes and scale %u", size, step->b));
    unsigned __int128 bits = negative ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | (unsigned char)data[i];
    bb_wide value = (bb_wide)bits;
    while ((value >= bb_power_of_ten[18] || value <= -bb_power_of_ten[18] ||
            exponent < BB_DECIMAL_MIN_EXPONENT) &&
           value % 10 == 0 && exponent < 0) {
        value /= 10;
        exponent++;
    }
    if (value < bb_power_of_ten[18] && value > -bb_power_of_ten[18] &&
        exponent >= BB_DECIMAL_MIN_EXPONENT)
        return put_exact(s, step, (struct bb_decimal){(int64_t)value, (int8_t)exponent});
    size_t length = bb_wide_format(value, exponent, text);
    return put_made(s, step->slot, text, (int)length);
}

static bool put_uuid(struct bb_avro_scan *s, const struct bb_avro_step *step, const char *data) {
    char text[UUID_TEXT + 1], *at = text;

    for (int i = 0; i < 16; i++)
        at += snprintf(at, (size_t)(text + sizeof text - at), "%s%02x",
                       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", (unsigned char)data[i]);
    if (!put_made(s, step->slot, text, UUID_TEXT))
        return false;
    s->cells[step->slot].type = BB_CELL_TEXT;
    return true;
}

static void put_word(struct bb_avro_scan *s, int32_t slot, struct bb_span word, uint32_t type) {
    s->cells[slot] = (struct bb_cell){.data = word.data, .size = (uint32_t)word.size, .type = type};
}

/* Padded, like every text that becomes a cell. */
static const char word_true[32] = "true", word_false[32] = "false", word_array[32] = "an array",
                  word_map[32] = "a map", word_record[32] = "a record";

static const char *take_other(struct bb_avro_scan *s, const struct bb_avro_step *step,
                              const char *at) {
    const struct bb_avro_node *node = bb_avro_node(s->schema, step->node);

    put_word(s, step->slot,
             bb_span_of(node->type == BB_AVRO_ARRAY ? word_array
                        : node->type == BB_AVRO_MAP ? word_map
                                                    : word_record),
             BB_CELL_OTHER);
    return bb_avro_skip(s, step->node, at, false);
}

static const char *take_enum(struct bb_avro_scan *s, const struct bb_avro_step *step,
                             const char *at) {
    int64_t index;

    at = read_long(s, at, &index);
    if (!at)
        return NULL;
    if (index < 0 || index >= step->b)
        return malformed(s, "a symbol of an enum is none of its schema");
    const struct bb_cell *symbol = &s->program->symbols[step->a + (uint32_t)index];
    if (symbol->type == BB_CELL_ABSENT) {
        s->unresolved = true;
        return malformed(s, "a symbol of an enum is none of the reader's schema");
    }
    s->cells[step->slot] = *symbol;
    return at;
}

/* ---- one step ---- */

static const char *take(struct bb_avro_scan *s, const struct bb_avro_step *step, const char *at) {
    int64_t number;
    double wide;
    float narrow;
    const char *next = at;
    bool good = true;

    switch (step->op) {
    case BB_AVRO_TAKE_NULL: put_word(s, step->slot, BB_SPAN(""), BB_CELL_NULL); return at;
    case BB_AVRO_TAKE_NUMBER:
        next = read_long(s, at, &number);
        good = next && put_number(s, step, number);
        break;
    case BB_AVRO_TAKE_TEXT:
        at = read_size(s, at, &number);
        if (!at)
            return NULL;
        next = at + number;
        good = put_text(s, step->slot, at, (size_t)number, BB_CELL_TEXT);
        break;
    case BB_AVRO_TAKE_DOUBLE:
        next = read_bytes(s, at, sizeof wide);
        if (next) {
            memcpy(&wide, at, sizeof wide);
            good = put_double(s, step, wide);
        }
        break;
    case BB_AVRO_TAKE_FLOAT:
        next = read_bytes(s, at, sizeof narrow);
        if (next) {
            memcpy(&narrow, at, sizeof narrow);
            good = put_float(s, step, narrow);
        }
        break;
    case BB_AVRO_TAKE_BOOLEAN:
        next = read_bytes(s, at, 1);
        if (next && (unsigned char)*at > 1)
            return malformed(s, "a boolean is neither 0 nor 1");
        if (next)
            put_word(s, step->slot, bb_span_of(*at ? word_true : word_false), BB_CELL_OTHER);
        break;
    case BB_AVRO_TAKE_FIXED:
        next = read_bytes(s, at, step->a);
        good = next && put_text(s, step->slot, at, step->a, BB_CELL_TEXT);
        break;
    case BB_AVRO_TAKE_UUID:
        next = read_bytes(s, at, 16);
        good = next && put_uuid(s, step, at);
        break;
    case BB_AVRO_TAKE_DECIMAL:
        at = read_size(s, at, &number);
        if (!at)
            return NULL;
        next = at + number;
        good = put_unscaled(s, step, at, (size_t)number);
        break;
    case BB_AVRO_TAKE_FIXED_DECIMAL:
        next = read_bytes(s, at, step->a);
        good = next && put_unscaled(s, step, at, step->a);
        break;
    case BB_AVRO_TAKE_ENUM: return take_enum(s, step, at);
    default: return take_other(s, step, at);
    }
    return good ? next : NULL;
}

/* The branch that a message says: 0 .. count - 1. */
static const char *read_branch(struct bb_avro_scan *s, const char *at, uint32_t count,
                               uint32_t *branch) {
    int64_t index;

    at = read_long(s, at, &index);
    if (at && (index < 0 || index >= count))
        return malformed(s, "the branch of a union is none of its schema");
    *branch = at ? (uint32_t)index : 0;
    return at;
}

static const char *skip_varints(struct bb_avro_scan *s, const char *at, uint32_t count) {
    int64_t ignored;

    for (uint32_t i = 0; i < count && at; i++)
        at = read_long(s, at, &ignored);
    return at;
}

static const char *skip_texts(struct bb_avro_scan *s, const char *at, uint32_t count) {
    int64_t size = 0;

    for (uint32_t i = 0; i < count && at; i++) {
        at = read_size(s, at, &size);
        at = at ? at + size : NULL;
    }
    return at;
}

/* ---- blocks ---- */

/* How many items the next block has, and how many bytes: -1 when it does not say. */
static const char *read_block(struct bb_avro_scan *s, const char *at, uint64_t *count,
                              int64_t *bytes) {
    int64_t said;

    *bytes = -1;
    *count = 0;
    at = read_long(s, at, &said);
    if (at && said < 0) {
        if (said == INT64_MIN)
            return malformed(s, "a block has more items than there are numbers");
        said = -said;
        at = read_long(s, at, bytes);
        if (at && *bytes < 0)
            return malformed(s, "a block of negative length stands in it");
        if (at && *bytes > BB_LINE_MAX_BYTES)
            return malformed(s, "a block of more than 16 MiB stands in it");
    }
    *count = at ? (uint64_t)said : 0;
    return at;
}

bool bb_avro_items_next(struct bb_avro_scan *s, struct bb_avro_items *items) {
    int64_t bytes;

    while (items->left == 0 && !items->ended) {
        const char *at = read_block(s, items->at, &items->left, &bytes);
        if (!at)
            return false;
        items->at = at;
        items->ended = items->left == 0;
    }
    if (items->ended)
        return false;
    items->left--;
    return true;
}

static const char *skip_items(struct bb_avro_scan *s, const struct bb_avro_node *node,
                              const char *at, bool whole) {
    const uint64_t bytes_each = bb_avro_node(s->schema, node->items)->bytes;
    uint64_t count;
    int64_t bytes;

    for (;;) {
        at = read_block(s, at, &count, &bytes);
        if (!at || count == 0)
            return at;
        if (bytes >= 0 && !whole) {
            at = read_bytes(s, at, (uint64_t)bytes);
        } else if (node->type == BB_AVRO_ARRAY && bytes_each != BB_AVRO_SIZE_VARIES) {
            if (bytes_each > 0 && count > (uint64_t)(s->end - at) / bytes_each)
                return count > BB_LINE_MAX_BYTES
                           ? malformed(s, "an array of more than 16 MiB stands in it")
                           : truncated(s);
            at += count * bytes_each; /* items of no bytes cost nothing either */
        } else {
            for (; count > 0 && at; count--) {
                if (node->type == BB_AVRO_MAP)
                    at = skip_texts(s, at, 1);
                at = at ? bb_avro_skip(s, node->items, at, whole) : NULL;
            }
        }
        if (!at)
            return NULL;
    }
}

static const char *skip_parts(struct bb_avro_scan *s, const struct bb_avro_node *node,
                              const char *at, bool whole) {
    uint32_t branch;

    switch (node->type) {
    case BB_AVRO_RECORD:
        for (uint32_t i = 0; i < node->count && at; i++)
            at = bb_avro_skip(s, node->fields[i].node, at, whole);
        return at;
    case BB_AVRO_UNION:
        at = read_branch(s, at, node->count, &branch);
        return at ? bb_avro_skip(s, node->branches[branch], at, whole) : NULL;
    default: return skip_items(s, node, at, whole);
    }
}

const char *bb_avro_skip(struct bb_avro_scan *s, uint32_t index, const char *at, bool whole) {
    const struct bb_avro_node *node = bb_avro_node(s->schema, index);

    if (node->bytes != BB_AVRO_SIZE_VARIES)
        return read_bytes(s, at, node->bytes);
    switch (node->type) {
    case BB_AVRO_INT:
    case BB_AVRO_LONG:
    case BB_AVRO_ENUM: return skip_varints(s, at, 1);
    case BB_AVRO_BYTES:
    case BB_AVRO_STRING: return skip_texts(s, at, 1);
    default: break;
    }
    if (s->depth == BB_AVRO_DEPTH_MAX)
        return malformed(s, "it is nested deeper than 64 types");
    s->depth++;
    at = skip_parts(s, node, at, whole);
    s->depth--;
    return at;
}

/* ---- programs ---- */

static const struct bb_avro_key *find_key(const struct bb_avro_scan *s,
                                          const struct bb_avro_step *step, struct bb_span text) {
    for (uint32_t i = 0; i < step->b; i++)
        if (bb_span_equal(s->program->keys[step->a + i].text, text))
            return &s->program->keys[step->a + i];
    return NULL;
}

static const char *run_map(struct bb_avro_scan *s, const struct bb_avro_step *step,
                           const char *at) {
    struct bb_avro_items items = {.at = at};
    int64_t size;

    while (bb_avro_items_next(s, &items)) {
        at = read_size(s, items.at, &size);
        if (!at)
            return NULL;
        const struct bb_avro_key *key = find_key(s, step, (struct bb_span){at, (size_t)size});
        at += size;
        at = key ? bb_avro_run(s, key->step, at) : bb_avro_skip(s, step->node, at, false);
        if (!at)
            return NULL;
        items.at = at;
    }
    return items.ended ? items.at : NULL;
}

/* The array is looked through to its end before any of its readings counts. */
static const char *run_rows(struct bb_avro_scan *s, const struct bb_avro_step *step,
                            const char *at) {
    struct bb_avro_items items = {.at = at};

    s->rows = at;
    while (bb_avro_items_next(s, &items)) {
        items.at = bb_avro_skip(s, step->node, items.at, true);
        if (!items.at)
            return NULL;
    }
    return items.ended ? items.at : NULL;
}

static const char *run_union(struct bb_avro_scan *s, const struct bb_avro_step *step,
                             const char *at) {
    uint32_t branch;

    at = read_branch(s, at, step->b, &branch);
    return at ? bb_avro_run(s, s->program->branches[step->a + branch], at) : NULL;
}

/* Null in a union of two is the branch `optional` - 1. */
static const char *run_optional(struct bb_avro_scan *s, const struct bb_avro_step *step,
                                const char *at) {
    uint32_t branch;

    at = read_branch(s, at, 2, &branch);
    if (!at || branch + 1 != step->optional)
        return at ? take(s, step, at) : NULL;
    put_word(s, step->slot, BB_SPAN(""), BB_CELL_NULL);
    return at;
}

const char *bb_avro_run(struct bb_avro_scan *s, uint32_t index, const char *at) {
    const struct bb_avro_step *step = &s->program->steps[index];

    while (at && step->op != BB_AVRO_END) {
        switch (step->op) {
        case BB_AVRO_SKIP_VARINT: at = skip_varints(s, at, step->a); break;
        case BB_AVRO_SKIP_BYTES: at = read_bytes(s, at, step->a); break;
        case BB_AVRO_SKIP_TEXT: at = skip_texts(s, at, step->a); break;
        case BB_AVRO_SKIP_NODE: at = bb_avro_skip(s, step->node, at, false); break;
        case BB_AVRO_RUN_UNION: at = run_union(s, step, at); break;
        case BB_AVRO_RUN_MAP: at = run_map(s, step, at); break;
        case BB_AVRO_RUN_ROWS: at = run_rows(s, step, at); break;
        case BB_AVRO_REFUSE:
            s->unresolved = true;
            return malformed(s, "the branch of a union has no place in the reader's schema");
        default: at = step->optional ? run_optional(s, step, at) : take(s, step, at); break;
        }
        step = step->next ? &s->program->steps[step->next] : step + 1;
    }
    return at;
}
