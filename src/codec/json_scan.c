/* Values of JSON: see json_scan_internal.h. */
#include "codec/json_scan_internal.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = bb_char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1 when they are none. */
static int32_t hex_4(const char *at) {
    int32_t code = 0;

    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static size_t put_utf8(uint32_t code, char *to) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(lead[size] | code);
    return size;
}

/* \uXXXX, or a pair of them; *at stands behind the 'u'. 0 when it is no character. */
static size_t unescape_unicode(const char **at, char *to) {
    int32_t code = hex_4(*at);

    if (code < 0)
        return 0;
    *at += 4;
    if (code >= 0xdc00 && code < 0xe000)
        return 0;
    if (code >= 0xd800 && code < 0xdc00) {
        int32_t low = (*at)[0] == '\\' && (*at)[1] == 'u' ? hex_4(*at + 2) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return 0;
        *at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8((uint32_t)code, to);
}

/* One escape; *at stands behind the backslash. 0 when it is none. */
static size_t unescape_one(const char **at, char *to) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = **at ? memchr(letters, **at, sizeof letters - 1) : NULL;

    if (letter) {
        *to = meanings[letter - letters];
        ++*at;
        return 1;
    }
    if (**at != 'u')
        return 0;
    ++*at;
    return unescape_unicode(at, to);
}

/* A text whose first backslash stands at `special`; no character grows by translation. */
static bool text_with_escapes(struct bb_json_scan *json, const char *begin, const char *special,
                              struct bb_cell *out) {
    json->escapes = true;
    /* How long can it be? Up to the closing quote, which no escape hides. */
    const char *end = special;
    while (*end == '\\') {
        if ((unsigned char)end[1] < 0x20) {
            json->at = end + 1;
            return bb_json_scan_fail(json, "a text is not closed");
        }
        end = bb_json_scan_special(end + 2);
    }
    char *copy = bb_arena_take(json->unescaped, (size_t)(end - begin) + 16);
    if (!copy)
        return bb_json_scan_fail(json, "the texts with a backslash take too much memory");
    char *to = copy;
    const char *at = begin;
    while (*special == '\\') {
        memcpy(to, at, (size_t)(special - at));
        to += special - at;
        at = special + 1;
        size_t size = unescape_one(&at, to);
        if (size == 0) {
            json->at = special;
            return bb_json_scan_fail(json, "a backslash begins no escape that JSON knows");
        }
        to += size;
        special = bb_json_scan_special(at);
    }
    memcpy(to, at, (size_t)(special - at));
    to += special - at;
    json->at = special;
    if (*special != '"')
        return bb_json_scan_fail(json, "a text is not closed, or holds a control character");
    json->at++;
    *out = (struct bb_cell){.data = copy, .size = (uint32_t)(to - copy), .type = BB_CELL_TEXT};
    return true;
}

bool bb_json_scan_text(struct bb_json_scan *json, struct bb_cell *out) {
    const char *begin = json->at + 1, *special = bb_json_scan_special(begin);

    if (*special == '\\')
        return text_with_escapes(json, begin, special, out);
    json->at = special;
    if (*special != '"')
        return bb_json_scan_fail(json, "a text is not closed, or holds a control character");
    json->at++;
    *out = (struct bb_cell){
        .data = begin, .size = (uint32_t)(special - begin), .type = BB_CELL_TEXT};
    return true;
}

static const char *skip_digits(const char *at) {
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

static bool scan_number(struct bb_json_scan *json, struct bb_cell *out) {
    const char *at = json->at + (*json->at == '-'), *digits = at;

    at = skip_digits(at);
    bool good = at > digits && (*digits != '0' || at == digits + 1);
    if (good && *at == '.') {
        digits = at + 1;
        at = skip_digits(digits);
        good = at > digits;
    }
    if (good && (*at | 0x20) == 'e') {
        digits = at + 1 + (at[1] == '+' || at[1] == '-');
        at = skip_digits(digits);
        good = at > digits;
    }
    if (!good)
        return bb_json_scan_fail(json, "a number is written wrongly");
    *out = (struct bb_cell){
        .data = json->at, .size = (uint32_t)(at - json->at), .type = BB_CELL_NUMBER};
    json->at = at;
    return true;
}

static bool scan_word(struct bb_json_scan *json, struct bb_cell *out) {
    static const struct {
        struct bb_span text;
        enum bb_cell_type type;
    } words[] = {
        {{"null", 4}, BB_CELL_NULL}, {{"true", 4}, BB_CELL_OTHER}, {{"false", 5}, BB_CELL_OTHER}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(json->at, words[i].text.data, words[i].text.size) == 0) {
            *out = (struct bb_cell){
                .data = json->at, .size = (uint32_t)words[i].text.size, .type = words[i].type};
            json->at += words[i].text.size;
            return true;
        }
    return bb_json_scan_fail(json, "a value is expected");
}

static bool skip_value(struct bb_json_scan *json, unsigned depth);

/* `"key" :` */
static bool skip_key(struct bb_json_scan *json) {
    struct bb_cell key;

    if (*json->at != '"')
        return bb_json_scan_fail(json, "a key in quotes is expected");
    if (!bb_json_scan_text(json, &key))
        return false;
    bb_json_scan_blanks(json);
    if (*json->at != ':')
        return bb_json_scan_fail(json, "a ':' is expected");
    json->at++;
    bb_json_scan_blanks(json);
    return true;
}

/* An object or array: `close` is its last character. */
static bool skip_container(struct bb_json_scan *json, char close, unsigned depth) {
    if (depth == 0)
        return bb_json_scan_fail(json, "values are nested too deeply");
    json->at++;
    bb_json_scan_blanks(json);
    if (*json->at == close) {
        json->at++;
        return true;
    }
    for (;;) {
        if ((close == '}' && !skip_key(json)) || !skip_value(json, depth - 1))
            return false;
        bb_json_scan_blanks(json);
        char c = *json->at;
        if (c != ',' && c != close)
            return bb_json_scan_fail(json, close == '}' ? "a ',' or '}' is expected"
                                                        : "a ',' or ']' is expected");
        json->at++;
        if (c == close)
            return true;
        bb_json_scan_blanks(json);
    }
}

static bool skip_value(struct bb_json_scan *json, unsigned depth) {
    struct bb_cell ignored;

    switch (*json->at) {
    case '"': return bb_json_scan_text(json, &ignored);
    case '{': return skip_container(json, '}', depth);
    case '[': return skip_container(json, ']', depth);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return scan_number(json, &ignored);
    default: return scan_word(json, &ignored);
    }
}

bool bb_json_scan_value(struct bb_json_scan *json, struct bb_cell *out) {
    const char *begin = json->at;

    if (*begin == '"')
        return bb_json_scan_text(json, out);
    if (*begin == '-' || (*begin >= '0' && *begin <= '9'))
        return scan_number(json, out);
    if (*begin != '{' && *begin != '[')
        return scan_word(json, out);
    if (!skip_value(json, BB_JSON_DEPTH_MAX))
        return false;
    *out = (struct bb_cell){
        .data = begin, .size = (uint32_t)(json->at - begin), .type = BB_CELL_OTHER};
    return true;
}

const char *bb_json_scan_end(const char *at, const char *end) {
    size_t depth = 0;

    for (; at < end; at++) {
        if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && --depth == 0)
            return at + 1;
        else if (*at == '"') {
            for (at++; at < end && *at != '"'; at++)
                at += *at == '\\';
        }
    }
    return NULL;
}
