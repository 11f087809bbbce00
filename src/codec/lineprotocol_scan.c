/* The scanner of line protocol: see lineprotocol_internal.h. Every byte is looked at once; a name
 * without a backslash is where the line is. */
#include "codec/lineprotocol_internal.h"

enum { COMMA = 1, EQUALS = 2, BLANK = 4, BACKSLASH = 8 };

/* What ends names, and what may be escaped in them. */
static const uint8_t classes[256] = {
    [','] = COMMA, ['='] = EQUALS, [' '] = BLANK, ['\\'] = BACKSLASH};

static inline unsigned class_of(char c) {
    return classes[(unsigned char)c];
}

static bool fail(struct bb_line_scan *scan, const char *problem) {
    scan->problem = problem;
    return false;
}

/* The same, for functions of three answers. */
static int wrong(struct bb_line_scan *scan, const char *problem) {
    scan->problem = problem;
    return -1;
}

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void skip_blanks(struct bb_line_scan *scan) {
    while (scan->at < scan->end && *scan->at == ' ')
        scan->at++;
}

/* A piece with backslashes, without those that escape one of `special`. */
static bool unescape(struct bb_line_scan *scan, struct bb_span raw, unsigned special,
                     struct bb_span *out) {
    /* Cells are loaded a little past their end. */
    char *text = bb_arena_take(scan->unescaped, raw.size + BB_CELL_PADDING);
    size_t size = 0;

    if (!text)
        return fail(scan, "the line has too many escaped names");
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] == '\\' && i + 1 < raw.size && class_of(raw.data[i + 1]) & special)
            i++;
        text[size++] = raw.data[i];
    }
    memset(text + size, 0, BB_CELL_PADDING);
    *out = (struct bb_span){text, size};
    return true;
}

/* Up to one of `stops` that no backslash stands before; those can be escaped. */
static bool scan_name(struct bb_line_scan *scan, unsigned stops, struct bb_span *out) {
    const char *begin = scan->at, *at = begin;
    bool escaped = false;

    for (; at < scan->end; at++) {
        unsigned c = class_of(*at);
        if (c & stops)
            break;
        if (c == BACKSLASH && at + 1 < scan->end && class_of(at[1]) & stops) {
            escaped = true;
            at++;
        }
    }
    scan->at = at;
    *out = (struct bb_span){begin, (size_t)(at - begin)};
    return !escaped || unescape(scan, *out, stops, out);
}

bool bb_line_scan_is_empty(struct bb_line_scan *scan) {
    while (scan->at < scan->end && bb_char_is_blank(*scan->at))
        scan->at++;
    return scan->at == scan->end || *scan->at == '#';
}

bool bb_line_scan_measurement(struct bb_line_scan *scan, struct bb_span *out) {
    if (!scan_name(scan, COMMA | BLANK, out))
        return false;
    return out->size > 0 || fail(scan, "the name of a measurement is expected");
}

int bb_line_scan_tag(struct bb_line_scan *scan, struct bb_span *key, struct bb_span *value) {
    const unsigned stops = COMMA | EQUALS | BLANK;

    if (scan->at == scan->end || *scan->at != ',')
        return 0;
    scan->at++;
    if (!scan_name(scan, stops, key))
        return -1;
    if (key->size == 0 || scan->at == scan->end || *scan->at != '=')
        return wrong(scan, "a tag such as meter=A is expected");
    scan->at++;
    if (!scan_name(scan, stops, value))
        return -1;
    if (value->size == 0)
        return wrong(scan, "the tag has no value; one without value is left out");
    if (scan->at < scan->end && *scan->at == '=')
        return wrong(scan, "a '=' in the value of a tag is written \\=");
    return 1;
}

/* In quotes; \" and \\ are escapes, other backslashes are themselves. */
static bool scan_text(struct bb_line_scan *scan, struct bb_span *out) {
    const char *begin = scan->at + 1, *at = begin;
    bool escaped = false;

    while (at < scan->end && *at != '"') {
        bool escape = *at == '\\' && at + 1 < scan->end && (at[1] == '"' || at[1] == '\\');
        escaped |= escape;
        at += escape ? 2 : 1;
    }
    if (at >= scan->end)
        return fail(scan, "a text in quotes does not end with its line");
    scan->at = at + 1;
    *out = (struct bb_span){begin, (size_t)(at - begin)};
    if (!escaped)
        return true;
    char *text = bb_arena_take(scan->unescaped, out->size + BB_CELL_PADDING);
    size_t size = 0;
    if (!text)
        return fail(scan, "the line has too many escaped texts");
    for (const char *from = begin; from < at; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        text[size++] = *from;
    }
    memset(text + size, 0, BB_CELL_PADDING);
    *out = (struct bb_span){text, size};
    return true;
}

static bool is_boolean(struct bb_span word) {
    static const char *const words[] = {"t", "T", "true",  "True",  "TRUE",
                                        "f", "F", "false", "False", "FALSE"};

    if (is_digit(*word.data) || *word.data == '-')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_span_equal(word, bb_span_of(words[i])))
            return true;
    return false;
}

/* 12i and 12u are integers. A suffix behind anything else stays: it is no number. */
static struct bb_span without_suffix(struct bb_span word) {
    char last = word.data[word.size - 1];

    if (last != 'i' && last != 'u')
        return word;
    size_t sign = *word.data == '-' && last == 'i';
    for (size_t i = sign; i + 1 < word.size; i++)
        if (!is_digit(word.data[i]))
            return word;
    return word.size > sign + 1 ? (struct bb_span){word.data, word.size - 1} : word;
}

static bool scan_value(struct bb_line_scan *scan, struct bb_span *value, enum bb_line_value *type) {
    if (scan->at < scan->end && *scan->at == '"') {
        *type = BB_LINE_TEXT;
        return scan_text(scan, value);
    }
    const char *begin = scan->at;
    while (scan->at < scan->end && !(class_of(*scan->at) & (COMMA | BLANK)))
        scan->at++;
    *value = (struct bb_span){begin, (size_t)(scan->at - begin)};
    if (value->size == 0)
        return fail(scan, "the field has no value");
    *type = is_boolean(*value) ? BB_LINE_BOOLEAN : BB_LINE_NUMBER;
    *value = without_suffix(*value);
    return true;
}

int bb_line_scan_field(struct bb_line_scan *scan, bool first, struct bb_span *key,
                       struct bb_span *value, enum bb_line_value *type) {
    if (first)
        skip_blanks(scan);
    else if (scan->at == scan->end || *scan->at != ',')
        return 0;
    else
        scan->at++;
    if (!scan_name(scan, COMMA | EQUALS | BLANK, key))
        return -1;
    if (key->size == 0 || scan->at == scan->end || *scan->at != '=')
        return wrong(scan, "a field such as value=1.5 is expected");
    scan->at++;
    if (!scan_value(scan, value, type))
        return -1;
    if (scan->at < scan->end && *scan->at != ',' && *scan->at != ' ')
        return wrong(scan, "a ',' or a blank is expected");
    return 1;
}

bool bb_line_scan_timestamp(struct bb_line_scan *scan, struct bb_span *out) {
    skip_blanks(scan);
    const char *begin = scan->at;
    if (scan->at < scan->end && *scan->at == '-')
        scan->at++;
    const char *digits = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at))
        scan->at++;
    *out = (struct bb_span){begin, (size_t)(scan->at - begin)};
    if (scan->at == digits && (scan->at < scan->end || begin < digits))
        return fail(scan, "a timestamp is expected, a whole number such as 1772323200000000000");
    skip_blanks(scan);
    return scan->at == scan->end || fail(scan, "nothing may follow the timestamp");
}
