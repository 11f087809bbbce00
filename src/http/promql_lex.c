/* The words of PromQL: see promql_lex_internal.h. */
#include "http/promql_lex_internal.h"

#include <stdarg.h>
#include <stdio.h>

int(bb_promql_refuse)(struct bb_span query, size_t at, enum bb_error_code code,
                      struct bb_error *error, const char *format, ...) {
    char reason[480];
    size_t line = 1, column = 1;
    va_list args;

    for (size_t i = 0; i < at && i < query.size; i++) {
        line += query.data[i] == '\n';
        column = query.data[i] == '\n' ? 1 : column + 1;
    }
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    int failure = BB_FAIL(error, code, "%s at %zu:%zu: %s",
                          code == BB_E_PROMQL_SYNTAX ? "parse error" : "not accepted", line, column,
                          reason);
    error->byte = at;
    error->has_byte = true;
    return failure;
}

struct bb_span bb_promql_excerpt(struct bb_span text) {
    if (text.size > 40) {
        text.size = 40;
        while (text.size > 0 && ((unsigned char)text.data[text.size] & 0xc0) == 0x80)
            text.size--;
    }
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20)
            text.size = i; /* a message is one line */
    return text;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool begins_word(char c) {
    char lower = bb_char_lower(c);
    return (lower >= 'a' && lower <= 'z') || c == '_' || c == ':';
}

static bool is_word(char c) {
    return begins_word(c) || is_digit(c);
}

/* Blanks and comments. */
static size_t skip_blank(struct bb_span query, size_t at) {
    while (at < query.size) {
        char c = query.data[at];
        if (c == '#')
            while (at < query.size && query.data[at] != '\n')
                at++;
        else if (bb_char_is_blank(c) || c == '\n')
            at++;
        else
            break;
    }
    return at;
}

/* Digits, point, exponent or 0x: where the number that begins at `at` ends. */
static size_t number_end(struct bb_span query, size_t at) {
    size_t end = at;
    bool hex = query.size - at > 2 && query.data[at] == '0' &&
               bb_char_lower(query.data[at + 1]) == 'x';

    if (hex)
        end += 2;
    while (end < query.size && (is_digit(query.data[end]) || (!hex && query.data[end] == '.') ||
                                (hex && is_word(query.data[end]))))
        end++;
    if (hex || end == query.size || bb_char_lower(query.data[end]) != 'e')
        return end;
    size_t digits = end + 1;
    if (digits < query.size && (query.data[digits] == '+' || query.data[digits] == '-'))
        digits++;
    if (digits == query.size || !is_digit(query.data[digits]))
        return end;
    while (digits < query.size && is_digit(query.data[digits]))
        digits++;
    return digits;
}

static int lex_number(struct bb_span query, struct bb_promql_token *token, struct bb_error *error) {
    static const char last_letters[] = "ywdhms"; /* of a duration */
    size_t at = token->at, end = number_end(query, at);
    bool letters = end < query.size && is_word(query.data[end]) && query.data[end] != ':';

    token->kind = BB_PROMQL_NUMBER_TOKEN;
    if (letters) {
        token->kind = BB_PROMQL_DURATION;
        while (end < query.size && is_word(query.data[end]) && query.data[end] != ':')
            end++;
        token->text = (struct bb_span){query.data + at, end - at};
        if (memchr(token->text.data, '.', token->text.size) ||
            !memchr(last_letters, token->text.data[token->text.size - 1],
                    sizeof last_letters - 1)) {
            struct bb_span shown = bb_promql_excerpt(token->text);
            return bb_promql_refuse(query, at, BB_E_PROMQL_SYNTAX, error,
                                    "\"%.*s\" is neither a number nor a duration such as 1h30m",
                                    BB_SPAN_ARGS(shown));
        }
    }
    token->text = (struct bb_span){query.data + at, end - at};
    return 0;
}

static int lex_string(struct bb_span query, struct bb_promql_token *token, struct bb_error *error) {
    size_t at = token->at, end = at + 1;
    char quote = query.data[at];

    token->kind = BB_PROMQL_STRING;
    while (end < query.size && query.data[end] != quote) {
        if (quote != '`' && query.data[end] == '\n')
            break;
        end += quote != '`' && query.data[end] == '\\' ? 2 : 1;
    }
    if (end >= query.size || query.data[end] != quote)
        return bb_promql_refuse(query, at, BB_E_PROMQL_SYNTAX, error,
                                "the text that begins here is not closed by %c", quote);
    token->text = (struct bb_span){query.data + at, end + 1 - at};
    return 0;
}

static int lex_sign(struct bb_span query, struct bb_promql_token *token, struct bb_error *error) {
    static const char signs[] = "(){}[],:@+-*/%^=<>";
    static const char two[][3] = {"==", "!=", "<=", ">=", "=~", "!~"};
    struct bb_span rest = {query.data + token->at, query.size - token->at};

    token->kind = BB_PROMQL_SIGN;
    token->text = (struct bb_span){rest.data, 1};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (bb_span_starts_with(rest, (struct bb_span){two[i], 2}))
            token->text.size = 2;
    if (token->text.size == 2 || memchr(signs, rest.data[0], sizeof signs - 1))
        return 0;
    if (rest.data[0] > 0x20 && rest.data[0] < 0x7f)
        return bb_promql_refuse(query, token->at, BB_E_PROMQL_SYNTAX, error,
                                "the character '%c' begins nothing that is PromQL", rest.data[0]);
    return bb_promql_refuse(query, token->at, BB_E_PROMQL_SYNTAX, error,
                            "the byte 0x%02x begins nothing that is PromQL; other characters stand "
                            "in quotes",
                            (unsigned char)rest.data[0]);
}

int bb_promql_lex(struct bb_span query, size_t at, struct bb_promql_token *token,
                  struct bb_error *error) {
    at = skip_blank(query, at);
    *token = (struct bb_promql_token){.kind = BB_PROMQL_END, .at = at};
    if (at == query.size)
        return 0;
    char c = query.data[at];
    if (is_digit(c) || (c == '.' && at + 1 < query.size && is_digit(query.data[at + 1])))
        return lex_number(query, token, error);
    if (c == '"' || c == '\'' || c == '`')
        return lex_string(query, token, error);
    /* a colon alone stands in [1h:5m]; in a name it has letters beside it */
    if (!begins_word(c) || (c == ':' && (at + 1 == query.size || !begins_word(query.data[at + 1]))))
        return lex_sign(query, token, error);
    size_t end = at + 1;
    while (end < query.size && is_word(query.data[end]))
        end++;
    token->kind = BB_PROMQL_WORD;
    token->text = (struct bb_span){query.data + at, end - at};
    return 0;
}

/* ---- strings ---- */

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

static int digit_of(char c) {
    if (is_digit(c))
        return c - '0';
    c = bb_char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* The escapes that spell a number: digits that follow, their base, whether it is a character. */
static const struct spelled {
    char letter;
    unsigned digits, base;
    bool character;
} spelled[] = {
    {'x', 2, 16, false},
    {'u', 4, 16, true},
    {'U', 8, 16, true},
    {'0', 3, 8, false},
};

/* The escape whose backslash *at points to; *at moves behind it. 0: it is none. */
static size_t unescape(const char **at, const char *end, char quote, char *to) {
    static const char letters[] = "abfnrtv\\", meanings[] = "\a\b\f\n\r\t\v\\";
    char letter = (*at)[1];
    const char *known = memchr(letters, letter, sizeof letters - 1);

    *at += 2;
    if (known || letter == quote) {
        *to = known ? meanings[known - letters] : quote;
        return 1;
    }
    if (letter >= '0' && letter < '8') {
        letter = '0';
        --*at; /* the first digit is one of the three */
    }
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        uint32_t code = 0;
        if (spelled[i].letter != letter)
            continue;
        if ((size_t)(end - *at) < spelled[i].digits)
            return 0;
        for (unsigned k = 0; k < spelled[i].digits; k++) {
            unsigned digit = (unsigned)digit_of(*(*at)++);
            if (digit >= spelled[i].base)
                return 0;
            code = code * spelled[i].base + digit;
        }
        if (spelled[i].character)
            return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : put_utf8(code, to);
        *to = (char)code;
        return code > 0xff ? 0 : 1;
    }
    return 0;
}

int bb_promql_unquote(struct bb_span query, const struct bb_promql_token *token,
                      struct bb_arena *arena, struct bb_span *out, struct bb_error *error) {
    struct bb_span inner = {token->text.data + 1, token->text.size - 2};
    const char quote = token->text.data[0], *at = inner.data, *end = inner.data + inner.size;
    char *copy = bb_arena_take(arena, inner.size + 1), *to = copy; /* no escape grows */

    if (!copy)
        return BB_FAIL(error, BB_E_PROMQL_LIMIT, "the query takes more memory than it may");
    while (at < end) {
        if (quote == '`' || *at != '\\') {
            *to++ = *at++;
            continue;
        }
        size_t place = (size_t)(at - query.data), size = unescape(&at, end, quote, to);
        if (size == 0)
            return bb_promql_refuse(query, place, BB_E_PROMQL_SYNTAX, error,
                                    "the backslash begins no escape; in a pattern write \\\\. for "
                                    "\\. or put it between backquotes");
        to += size;
    }
    *to = '\0';
    *out = (struct bb_span){copy, (size_t)(to - copy)};
    return 0;
}
