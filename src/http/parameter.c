/* Parameters: see parameter_internal.h. Pure functions over an arena; any thread. */
#include "http/parameter_internal.h"

#include "base/nearest.h"
#include "model/timestamp.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 60 }; /* of a wrong value, in a message */

/* ---- escapes */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = bb_char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the UTF-8 sequence that begins at `s`; 0: none does. */
static size_t utf8_size(struct bb_span s) {
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned char first = (unsigned char)s.data[0];

    for (size_t size = 1; size <= 4 && size <= s.size; size++) {
        if ((first & forms[size - 1].mask) != forms[size - 1].lead)
            continue;
        uint32_t code = first & (unsigned char)~forms[size - 1].mask;
        for (size_t i = 1; i < size; i++) {
            unsigned char byte = (unsigned char)s.data[i];
            if ((byte & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (byte & 0x3f);
        }
        bool ok = code >= forms[size - 1].least && code <= 0x10ffff &&
                  (code < 0xd800 || code > 0xdfff);
        return ok ? size : 0;
    }
    return 0;
}

static bool is_clean_text(struct bb_span s) {
    while (s.size > 0) {
        size_t size = utf8_size(s);
        if (size == 0 || *s.data == '\0')
            return false;
        s.data += size;
        s.size -= size;
    }
    return true;
}

bool bb_http_unescape(struct bb_span in, bool plus_is_blank, char *out, size_t *size) {
    size_t n = 0;

    for (size_t i = 0; i < in.size; i++) {
        char c = in.data[i];
        if (c == '%') {
            int high = i + 2 < in.size ? hex_value(in.data[i + 1]) : -1;
            int low = i + 2 < in.size ? hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *size = n;
    return is_clean_text((struct bb_span){out, n});
}

static int unescape(struct bb_span in, bool plus_is_blank, struct bb_arena *arena,
                    struct bb_span *out, struct bb_error *error) {
    char *text = bb_arena_take(arena, in.size + 1);
    size_t size;

    if (!text)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the parameters of a request");
    if (!bb_http_unescape(in, plus_is_blank, text, &size))
        return BB_FAIL(error, BB_E_PARAMETER,
                       "the address or the form is not UTF-8 with %%XX for what is special");
    *out = (struct bb_span){text, size};
    return 0;
}

/* ---- values */

static struct bb_span shown(struct bb_span text) {
    return (struct bb_span){text.data, text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES};
}

static bool parse_number(struct bb_span text, int64_t *out) {
    char copy[24], *end;

    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *out = strtoll(copy, &end, 10);
    return *end == '\0' && end != copy && copy[0] != ' ' && copy[0] != '+';
}

/* Seconds since 1970 with up to three decimals: as Prometheus' clients write times. */
static bool parse_epoch(struct bb_span text, int64_t *out_ms) {
    const char *dot = text.size > 0 ? memchr(text.data, '.', text.size) : NULL;
    size_t whole = dot ? (size_t)(dot - text.data) : text.size;
    int64_t seconds, ms = 0;

    if (!parse_number((struct bb_span){text.data, whole}, &seconds) || seconds > INT64_MAX / 2000 ||
        seconds < INT64_MIN / 2000)
        return false;
    for (size_t i = whole + 1, scale = 100; i < text.size; i++, scale /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        ms += (text.data[i] - '0') * (int64_t)scale;
    }
    *out_ms = seconds * BB_SECOND_MS + (text.data[0] == '-' ? -ms : ms);
    return !dot || whole + 1 < text.size;
}

static bool parse_flag(struct bb_span text, int64_t *out) {
    static const char *const words[][2] = {{"0", "1"}, {"false", "true"}, {"no", "yes"}, {"-", ""}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int is_on = 0; is_on < 2; is_on++)
            if (bb_span_equal_nocase(text, bb_span_of(words[i][is_on]))) {
                *out = is_on;
                return true;
            }
    return false;
}

static bool parse_choice(const char *choices, struct bb_span text, int64_t *out) {
    for (*out = 0; *choices; (*out)++) {
        size_t size = strcspn(choices, "|");
        if (bb_span_equal(text, (struct bb_span){choices, size}))
            return true;
        choices += size + (choices[size] == '|');
    }
    return false;
}

static bool is_printable(struct bb_span text, const char *besides) {
    for (size_t i = 0; i < text.size; i++)
        if (((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f) &&
            !strchr(besides, text.data[i]))
            return false;
    return text.size > 0;
}

static int refuse(const struct bb_http_parameter *row, struct bb_span text, struct bb_error *error,
                  const char *what, const char *allowed) {
    return BB_FAIL(error, BB_E_PARAMETER, "%s: \"%.*s\" is no %s; %s", row->name,
                   BB_SPAN_ARGS(shown(text)), what, allowed);
}

static int parse_value(const struct bb_http_parameter *row, struct bb_http_value *value,
                       struct bb_error *error) {
    struct bb_span text = value->text;
    char allowed[160], least[BB_TIME_TEXT_MAX], most[BB_TIME_TEXT_MAX];
    bool bounded = row->max > row->min;

    switch (row->kind) {
    case BB_HTTP_TEXT:
    case BB_HTTP_LINES:
        return is_printable(text, row->kind == BB_HTTP_LINES ? "\n\r\t" : "")
                   ? 0
                   : BB_FAIL(error, BB_E_PARAMETER,
                             "%s is empty or has control characters; leave it out, or give a text",
                             row->name);
    case BB_HTTP_NUMBER:
        snprintf(allowed, sizeof allowed, "allowed are %lld to %lld", (long long)row->min,
                 (long long)row->max);
        if (!parse_number(text, &value->number) ||
            (bounded && (value->number < row->min || value->number > row->max)))
            return refuse(row, text, error, "number that is allowed here",
                          bounded ? allowed : "write a whole number");
        return 0;
    case BB_HTTP_TIME:
        if (bb_time_parse_rfc3339(text, &value->number) != BB_TIME_OK &&
            !parse_epoch(text, &value->number))
            return refuse(
                row, text, error, "time",
                "write 2026-03-29T00:00:00Z, an offset instead of Z (+ as %2B), or seconds "
                "since 1970");
        return 0;
    case BB_HTTP_DURATION:
        least[bb_duration_format(row->min, least)] = '\0';
        most[bb_duration_format(row->max, most)] = '\0';
        snprintf(allowed, sizeof allowed, "write 15m, 1h30m or seconds, from %s to %s", least,
                 most);
        if (!bb_duration_parse(text, &value->number) || value->number < row->min ||
            value->number > row->max)
            return refuse(row, text, error, "length of time that is allowed here", allowed);
        return 0;
    case BB_HTTP_FLAG:
        return parse_flag(text, &value->number)
                   ? 0
                   : refuse(row, text, error, "switch", "write 1 or 0");
    case BB_HTTP_CHOICE:
        return parse_choice(row->choices, text, &value->number)
                   ? 0
                   : refuse(row, text, error, "choice", row->choices);
    }
    return 0;
}

static void set_default(const struct bb_http_parameter *row, struct bb_http_value *value) {
    struct bb_error ignored;

    *value = (struct bb_http_value){.number = row->kind == BB_HTTP_TIME     ? BB_TIME_NONE
                                              : row->kind == BB_HTTP_CHOICE ? -1
                                                                            : 0};
    if (!row->initial)
        return;
    value->text = bb_span_of(row->initial);
    int result = parse_value(row, value, &ignored);
    BB_ASSERT(result == 0); /* a default of the table is a value of the table */
}

static int add_repeated(const struct bb_http_parameter *row, struct bb_http_value *value,
                        struct bb_arena *arena, struct bb_error *error) {
    if (!value->texts)
        value->texts = bb_arena_take_array(arena, BB_HTTP_REPEATS_MAX, sizeof value->texts[0]);
    if (!value->texts)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the parameters of a request");
    if (value->text_count == BB_HTTP_REPEATS_MAX)
        return BB_FAIL(error, BB_E_PARAMETER, "%s is given more than %d times", row->name,
                       BB_HTTP_REPEATS_MAX);
    value->texts[value->text_count++] = value->text;
    return 0;
}

static int set_value(const struct bb_http_parameter *row, struct bb_http_value *value,
                     struct bb_span text, struct bb_arena *arena, struct bb_error *error) {
    if (value->given && !row->repeated)
        return BB_FAIL(error, BB_E_PARAMETER, "%s is given twice", row->name);
    value->given = true;
    value->text = text;
    int result = parse_value(row, value, error);
    return result || !row->repeated ? result : add_repeated(row, value, arena, error);
}

/* ---- where they come from */

static int refuse_unknown(const struct bb_http_values *values, struct bb_span name,
                          struct bb_error *error) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, name);
    for (const struct bb_http_parameter *row = values->table; row && row->name; row++)
        if (row->place == BB_HTTP_IN_QUERY)
            bb_nearest_offer(&nearest, row->name);
    return BB_FAIL(error, BB_E_PARAMETER, "there is no parameter \"%.*s\" here%s%s%s",
                   BB_SPAN_ARGS(shown(name)), nearest.name ? " · did you mean " : "",
                   nearest.name ? nearest.name : "", nearest.name ? "?" : "");
}

static int add_pair(struct bb_http_values *values, struct bb_span pair, struct bb_arena *arena,
                    struct bb_error *error) {
    const char *equals = memchr(pair.data, '=', pair.size);
    size_t name_size = equals ? (size_t)(equals - pair.data) : pair.size;
    struct bb_span raw = {pair.data + name_size, pair.size - name_size};
    struct bb_span name = {NULL, 0}, text = {NULL, 0};

    if (equals) {
        raw.data++;
        raw.size--;
    }
    int result = unescape((struct bb_span){pair.data, name_size}, true, arena, &name, error);
    if (!result)
        result = unescape(raw, true, arena, &text, error);
    if (result)
        return result;
    for (size_t i = 0; values->table && values->table[i].name; i++)
        if (values->table[i].place == BB_HTTP_IN_QUERY &&
            bb_span_equal(name, bb_span_of(values->table[i].name)))
            return set_value(&values->table[i], &values->items[i], text, arena, error);
    return refuse_unknown(values, name, error);
}

int bb_http_values_add(struct bb_http_values *values, struct bb_span form, struct bb_arena *arena,
                       struct bb_error *error) {
    int result = 0;

    while (!result && form.size > 0) {
        const char *end = memchr(form.data, '&', form.size);
        size_t size = end ? (size_t)(end - form.data) : form.size;
        if (size > 0)
            result = add_pair(values, (struct bb_span){form.data, size}, arena, error);
        size += end != NULL;
        form.data += size;
        form.size -= size;
    }
    return result;
}

int bb_http_values_begin(struct bb_http_values *values, const struct bb_http_match *match,
                         struct bb_span query, struct bb_arena *arena, struct bb_error *error) {
    uint32_t part = 0;
    int result = 0;

    values->table = match->route->parameters;
    for (size_t i = 0; !result && values->table && values->table[i].name; i++) {
        const struct bb_http_parameter *row = &values->table[i];
        struct bb_span text;
        BB_ASSERT(i < BB_HTTP_PARAMETERS_MAX);
        set_default(row, &values->items[i]);
        if (row->place != BB_HTTP_IN_PATH)
            continue;
        BB_ASSERT(part < match->part_count); /* rows of the path stand in its order */
        result = unescape(match->parts[part++], false, arena, &text, error);
        if (!result)
            result = set_value(row, &values->items[i], text, arena, error);
    }
    return result ? result : bb_http_values_add(values, query, arena, error);
}

int bb_http_values_end(const struct bb_http_values *values, struct bb_error *error) {
    for (size_t i = 0; values->table && values->table[i].name; i++)
        if (values->table[i].required && !values->items[i].given)
            return BB_FAIL(error, BB_E_PARAMETER, "%s is missing: %s", values->table[i].name,
                           values->table[i].help);
    return 0;
}

const struct bb_http_value *bb_http_value_find(const struct bb_http_values *values,
                                               const char *name) {
    for (size_t i = 0; values->table && values->table[i].name; i++)
        if (strcmp(values->table[i].name, name) == 0)
            return &values->items[i];
    return NULL;
}
