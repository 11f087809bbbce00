/* Reading, writing and interpreting OBIS codes: see obis.h. */
#include "model/obis.h"

#include "model/digits_internal.h"

enum { FIELDS = 6 };

/* The ways to write the fields: their separators, and the field that the first number is. */
static const struct form {
    const char *separators;
    int first;
} forms[] = {
    /* clang-format off */
    {"-:..*", 0}, {"-:..", 0}, {"-:...", 0}, /* 1-0:1.8.0*255, 1-0:1.8.0, 1-0:1.8.0.255 */
    {".....", 0},                            /* 1.0.1.8.0.255, a logical name of DLMS */
    {"..", 2}, {"..*", 2},                   /* 1.8.0, 1.8.0*255 */
    /* clang-format on */
};

/* 1 to 3 digits, at most 255; leading zeros as meters print them ("01.08.00"). */
static bool take_number(struct bb_span *text, int16_t *number) {
    size_t count = 0;
    int value = 0;

    while (count < text->size && count < 3 && bb_is_digit(text->data[count]))
        value = value * 10 + (text->data[count++] - '0');
    text->data += count;
    text->size -= count;
    *number = (int16_t)value;
    return count > 0 && value <= 255;
}

static int hex_value(char c) {
    if (bb_is_digit(c))
        return c - '0';
    c = bb_char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct bb_span text, struct bb_obis *out) {
    int bytes[6];

    for (size_t i = 0; i < 6; i++) {
        int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = high * 16 + low;
    }
    *out = (struct bb_obis){(int16_t)bytes[0], (int16_t)bytes[1], (int16_t)bytes[2],
                            (int16_t)bytes[3], (int16_t)bytes[4], (int16_t)bytes[5]};
    return true;
}

bool bb_obis_parse(struct bb_span text, struct bb_obis *out) {
    struct bb_span rest = text;
    int16_t numbers[FIELDS];
    char separators[FIELDS] = "";
    size_t count = 0;

    if (text.size == 12 && parse_hex(text, out))
        return true;
    if (text.size == 0)
        return false;
    while (take_number(&rest, &numbers[count++]) && rest.size > 0 && count < FIELDS) {
        separators[count - 1] = *rest.data++;
        rest.size--;
        if (rest.size == 0)
            return false;
    }
    if (rest.size > 0 || numbers[count - 1] > 255)
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (count != strlen(forms[i].separators) + 1 ||
            strcmp(forms[i].separators, separators) != 0)
            continue;
        int16_t fields[FIELDS] = {BB_OBIS_ANY, BB_OBIS_ANY, BB_OBIS_ANY,
                                  BB_OBIS_ANY, BB_OBIS_ANY, BB_OBIS_ANY};
        memcpy(fields + forms[i].first, numbers, count * sizeof *numbers);
        *out = (struct bb_obis){fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]};
        return true;
    }
    return false;
}

static char *put_number(char *at, int16_t value) {
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

static char *put_field(char *at, int16_t value, char separator) {
    BB_ASSERT(value >= 0 && value <= 255);
    at = put_number(at, value);
    if (separator)
        *at++ = separator;
    return at;
}

size_t bb_obis_format(const struct bb_obis *code, char *buffer) {
    char *at = buffer;

    if (code->a != BB_OBIS_ANY && code->b != BB_OBIS_ANY) {
        at = put_field(at, code->a, '-');
        at = put_field(at, code->b, ':');
    }
    at = put_field(at, code->c, '.');
    at = put_field(at, code->d, '.');
    at = put_field(at, code->e, '\0');
    if (code->f != BB_OBIS_ANY && code->f != 255) {
        *at++ = '*';
        at = put_field(at, code->f, '\0');
    }
    *at = '\0';
    return (size_t)(at - buffer);
}

static bool field_matches(int16_t pattern, int16_t value) {
    return pattern == BB_OBIS_ANY || pattern == value;
}

/* F counts billing periods backwards; 255, or none, is the present value and never an old one. */
static int16_t present_or_period(int16_t f) {
    return f == BB_OBIS_ANY ? 255 : f;
}

bool bb_obis_match(const struct bb_obis *pattern, const struct bb_obis *code) {
    return field_matches(pattern->a, code->a) && field_matches(pattern->b, code->b) &&
           field_matches(pattern->c, code->c) && field_matches(pattern->d, code->d) &&
           field_matches(pattern->e, code->e) &&
           present_or_period(pattern->f) == present_or_period(code->f);
}

enum bb_kind bb_obis_kind(const struct bb_obis *code) {
    switch (code->d) {
    case 7: return BB_KIND_GAUGE;
    case 8: return BB_KIND_REGISTER;
    case 29: return BB_KIND_INTERVAL;
    default: return BB_KIND_UNKNOWN;
    }
}

enum bb_commodity bb_obis_commodity(const struct bb_obis *code) {
    switch (code->a) {
    case 1: return BB_COMMODITY_ELECTRICITY;
    case 5: return BB_COMMODITY_COOLING;
    case 6: return BB_COMMODITY_HEAT;
    case 7: return BB_COMMODITY_GAS;
    case 8:
    case 9: return BB_COMMODITY_WATER;
    default: return BB_COMMODITY_UNKNOWN;
    }
}

bool bb_obis_one_way(const struct bb_obis *code) {
    switch (bb_obis_commodity(code)) {
    case BB_COMMODITY_ELECTRICITY: return code->c >= 1 && code->c <= 4;
    case BB_COMMODITY_COOLING:
    case BB_COMMODITY_HEAT: /* 1 energy, 2 volume, 3 mass; flows and temperatures follow */
        return code->c >= 1 && code->c <= 3;
    case BB_COMMODITY_GAS: /* up to 39 the volumes and energies, from 41 the state of the gas */
        return code->c >= 1 && code->c <= 39;
    case BB_COMMODITY_WATER: return code->c == 1;
    default: return false;
    }
}
