/* Expressions about usage points: see expression.h.
 *
 * A parser by recursive descent, which looks one word ahead; what it reads becomes a tree in one array. Chains of
 * AND and OR lean to the left, so that evaluation goes as deep as a chain is long: at most as deep as
 * there are parts.
 */
#include "model/expression.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- words ------------------------------------------------------------------------------------- */

enum word_kind {
    WORD_END = 0,
    WORD_NAME, /* a word, or a text in quotes */
    WORD_AND,
    WORD_OR,
    WORD_NOT,
    WORD_IN,
    WORD_OPEN,
    WORD_CLOSE,
    WORD_COMMA,
    WORD_COMPARE,
    WORD_WRONG /* no character of the language, or quotes that do not close */
};

enum compare { EQUAL = 0, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, LIKE };

struct word {
    enum word_kind kind;
    enum compare compare;
    bool quoted;
    struct bb_span text; /* without its quotes */
    size_t at;           /* where it begins, in bytes */
};

static const struct {
    const char *sign;
    enum compare compare;
} signs[] = {/* a longer one before those it begins with */
             {"!=", UNEQUAL}, {"<=", LESS_EQUAL}, {">=", GREATER_EQUAL}, {"=", EQUAL}, {"<", LESS},
             {">", GREATER},  {"~", LIKE}};

static const struct {
    const char *word;
    enum word_kind kind;
} reserved[] = {{"and", WORD_AND}, {"or", WORD_OR}, {"not", WORD_NOT}, {"in", WORD_IN}};

static bool is_word_byte(char c) {
    static const char others[] = "_-.:/@+#*?";

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c & 0x80) || (c != '\0' && strchr(others, c));
}

static struct word quoted_word(struct bb_span text, size_t at) {
    const char *from = text.data + at + 1;
    const char *end = memchr(from, text.data[at], text.size - at - 1);

    if (!end)
        return (struct word){.kind = WORD_WRONG, .text = {text.data + at, 1}, .at = at};
    return (struct word){
        .kind = WORD_NAME, .quoted = true, .text = {from, (size_t)(end - from)}, .at = at};
}

static struct word plain_word(struct bb_span text, size_t at) {
    struct word word = {.kind = WORD_NAME, .text = {text.data + at, 0}, .at = at};

    while (at + word.text.size < text.size && is_word_byte(word.text.data[word.text.size]))
        word.text.size++;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (bb_span_equal_nocase(word.text, bb_span_of(reserved[i].word)))
            word.kind = reserved[i].kind;
    return word;
}

static struct word sign_word(struct bb_span text, size_t at) {
    static const struct {
        char sign;
        enum word_kind kind;
    } single[] = {{'(', WORD_OPEN}, {')', WORD_CLOSE}, {',', WORD_COMMA}};
    struct bb_span rest = {text.data + at, text.size - at};

    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (rest.data[0] == single[i].sign)
            return (struct word){.kind = single[i].kind, .text = {rest.data, 1}, .at = at};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (bb_span_starts_with(rest, bb_span_of(signs[i].sign)))
            return (struct word){.kind = WORD_COMPARE,
                                 .compare = signs[i].compare,
                                 .text = {rest.data, strlen(signs[i].sign)},
                                 .at = at};
    return (struct word){.kind = WORD_WRONG, .text = {rest.data, 1}, .at = at};
}

/* ---- the tree ---------------------------------------------------------------------------------- */

enum node_kind { NODE_AND = 0, NODE_OR, NODE_NOT, NODE_HAS, NODE_COMPARE };

struct node {
    enum node_kind kind;
    uint32_t left, right; /* of AND and OR; NOT has a left one alone */
    int field;            /* of `fields`; -1: a tag */
    struct bb_span tag;
    enum compare compare;
    struct bb_span value;
    struct bb_decimal number; /* of an order */
};

struct bb_expression {
    uint32_t capacity, count, root;
    struct node nodes[];
};

#define TEXT_AT(member) offsetof(struct bb_master_usage_point, member)
enum { COMMODITY = 0 }; /* the one field that is no text */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"commodity", 0},
    {"usage_point", TEXT_AT(name)},
    {"zone", TEXT_AT(zone)},
    {"calendar", TEXT_AT(calendar)},
    {"profile", TEXT_AT(profile)},
    {"customer", TEXT_AT(customer)},
    {"grid_area", TEXT_AT(grid_area)},
    {"tariff", TEXT_AT(tariff)},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* ---- parsing ----------------------------------------------------------------------------------- */

struct parser {
    struct bb_span text;
    size_t at;        /* behind `next` */
    struct word next; /* not taken yet */
    struct bb_expression *out;
    int depth;
    struct bb_error *error;
};

/* Where a byte stands, as people count: characters, from 1. */
static size_t character_of(struct bb_span text, size_t at) {
    size_t count = 1;

    for (size_t i = 0; i < at; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

static int wrong(struct parser *p, size_t at, const char *format, ...) BB_PRINTF(3, 4);
static int wrong(struct parser *p, size_t at, const char *format, ...) {
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return BB_FAIL(p->error, BB_E_EXPRESSION, "character %zu: %s", character_of(p->text, at), text);
}

/* The word that stands there instead of what was expected. */
static int unexpected(struct parser *p, const char *expected) {
    int size = (int)(p->next.text.size < 60 ? p->next.text.size : 60);

    if (p->next.kind == WORD_END)
        return wrong(p, p->text.size, "the expression ends here; expected is %s", expected);
    if (p->next.kind == WORD_WRONG && (*p->next.text.data == '"' || *p->next.text.data == '\''))
        return wrong(p, p->next.at, "the text that begins here has no closing %c",
                     *p->next.text.data);
    return wrong(p, p->next.at, "'%.*s' cannot stand here; expected is %s", size, p->next.text.data,
                 expected);
}

static void advance(struct parser *p) {
    while (p->at < p->text.size &&
           (bb_char_is_blank(p->text.data[p->at]) || p->text.data[p->at] == '\n'))
        p->at++;
    if (p->at == p->text.size) {
        p->next = (struct word){.kind = WORD_END, .at = p->at};
        return;
    }
    char c = p->text.data[p->at];
    p->next = c == '"' || c == '\'' ? quoted_word(p->text, p->at)
              : is_word_byte(c)     ? plain_word(p->text, p->at)
                                    : sign_word(p->text, p->at);
    p->at += p->next.text.size + (p->next.quoted ? 2 : 0);
}

static int add_node(struct parser *p, struct node node, uint32_t *index) {
    if (p->out->count == p->out->capacity)
        return wrong(p, p->next.at, "the expression has more than %d parts",
                     BB_EXPRESSION_PARTS_MAX);
    *index = p->out->count++;
    p->out->nodes[*index] = node;
    return 0;
}

static struct node node_of_key(struct word key) {
    static const struct bb_span mark = {"tag:", 4};
    struct node node = {.kind = NODE_HAS, .field = -1, .tag = key.text};

    if (!key.quoted && key.text.size > mark.size && bb_span_starts_with(key.text, mark)) {
        node.tag = (struct bb_span){key.text.data + mark.size, key.text.size - mark.size};
        return node;
    }
    for (int i = 0; !key.quoted && i < FIELDS; i++)
        if (bb_span_equal(key.text, bb_span_of(fields[i].name)))
            node.field = i;
    return node;
}

static bool is_known_value(const struct node *node) {
    return node->field != COMMODITY || node->value.size == 0 ||
           (node->compare != EQUAL && node->compare != UNEQUAL) ||
           bb_commodity_find(node->value) >= 0;
}

static int take_value(struct parser *p, struct node *node) {
    bool is_order = node->compare >= LESS && node->compare <= GREATER_EQUAL;

    if (p->next.kind != WORD_NAME)
        return unexpected(p, is_order ? "a number" : "a value");
    node->value = p->next.text;
    if (is_order && bb_decimal_parse(node->value, '.', &node->number) != BB_DECIMAL_OK)
        return unexpected(p, "a number, as < <= > >= compare numbers");
    if (!is_known_value(node))
        return unexpected(p, "electricity, water, heat, cooling, gas, steam, solar or other");
    advance(p);
    return 0;
}

/* key IN (a, b): one of them is equal. */
static int parse_list(struct parser *p, struct node node, uint32_t *out) {
    uint32_t one = 0;
    int result = 0;
    bool is_first = true;

    advance(p);
    if (p->next.kind != WORD_OPEN)
        return unexpected(p, "( and a list of values");
    do {
        advance(p); /* over ( or , */
        result = take_value(p, &node);
        if (!result)
            result = add_node(p, node, &one);
        if (!result && !is_first)
            result = add_node(p, (struct node){.kind = NODE_OR, .left = *out, .right = one}, &one);
        is_first = false;
        *out = one;
    } while (!result && p->next.kind == WORD_COMMA);
    if (!result && p->next.kind != WORD_CLOSE)
        result = unexpected(p, "a comma or )");
    if (!result)
        advance(p);
    return result;
}

static int parse_comparison(struct parser *p, uint32_t *out) {
    struct node node = node_of_key(p->next);
    int result = 0;

    advance(p);
    if (p->next.kind != WORD_COMPARE && p->next.kind != WORD_IN && p->next.kind != WORD_NOT)
        return add_node(p, node, out);
    node.kind = NODE_COMPARE;
    if (p->next.kind == WORD_COMPARE) {
        node.compare = p->next.compare;
        advance(p);
        result = take_value(p, &node);
        return result ? result : add_node(p, node, out);
    }
    bool is_not = p->next.kind == WORD_NOT;
    if (is_not)
        advance(p);
    if (p->next.kind != WORD_IN)
        return unexpected(p, "IN");
    result = parse_list(p, node, out);
    if (!result && is_not)
        result = add_node(p, (struct node){.kind = NODE_NOT, .left = *out}, out);
    return result;
}

static int parse_or(struct parser *p, uint32_t *out);

static int parse_factor(struct parser *p, uint32_t *out) {
    const struct word word = p->next;
    int result;

    if (word.kind == WORD_NAME)
        return parse_comparison(p, out);
    if (word.kind != WORD_NOT && word.kind != WORD_OPEN)
        return unexpected(p, "a tag, a field, NOT or (");
    if (p->depth == BB_EXPRESSION_DEPTH_MAX)
        return wrong(p, word.at, "more than %d parentheses and NOT inside each other",
                     BB_EXPRESSION_DEPTH_MAX);
    p->depth++;
    advance(p);
    if (word.kind == WORD_NOT) {
        result = parse_factor(p, out);
        if (!result)
            result = add_node(p, (struct node){.kind = NODE_NOT, .left = *out}, out);
    } else {
        result = parse_or(p, out);
        if (!result && p->next.kind != WORD_CLOSE)
            result = unexpected(p, "AND, OR or )");
        if (!result)
            advance(p);
    }
    p->depth--;
    return result;
}

static int parse_chain(struct parser *p, enum word_kind joint, enum node_kind kind,
                       int (*parse_part)(struct parser *, uint32_t *), uint32_t *out) {
    uint32_t right = 0;
    int result = parse_part(p, out);

    while (!result && p->next.kind == joint) {
        advance(p);
        result = parse_part(p, &right);
        if (!result)
            result = add_node(p, (struct node){.kind = kind, .left = *out, .right = right}, out);
    }
    return result;
}

static int parse_and(struct parser *p, uint32_t *out) {
    return parse_chain(p, WORD_AND, NODE_AND, parse_factor, out);
}

static int parse_or(struct parser *p, uint32_t *out) {
    return parse_chain(p, WORD_OR, NODE_OR, parse_and, out);
}

int bb_expression_parse(struct bb_span text, struct bb_arena *arena,
                        const struct bb_expression **out, struct bb_error *error) {
    struct parser p = {.text = text, .error = error};

    if (text.size > BB_MASTER_EXPRESSION_MAX)
        return BB_FAIL(error, BB_E_EXPRESSION, "the expression has %zu bytes; allowed are %d",
                       text.size, BB_MASTER_EXPRESSION_MAX);
    /* each part has a byte of its own in the text, an IN list one more for each value */
    size_t most = 2 * text.size + 1;
    uint32_t capacity = (uint32_t)(most < BB_EXPRESSION_PARTS_MAX ? most : BB_EXPRESSION_PARTS_MAX);
    p.out = bb_arena_take(arena, sizeof *p.out + capacity * sizeof p.out->nodes[0]);
    if (!p.out)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an expression");
    *p.out = (struct bb_expression){.capacity = capacity};
    advance(&p);
    int result = parse_or(&p, &p.out->root);
    if (!result && p.next.kind != WORD_END)
        result = unexpected(&p, "AND, OR or the end");
    *out = p.out;
    return result;
}

/* ---- what holds -------------------------------------------------------------------------------- */

static struct bb_span text_of(const struct node *node, const struct bb_master_usage_point *up) {
    if (node->field == COMMODITY)
        return up->commodity ? bb_span_of(bb_commodity_name(up->commodity)) : BB_SPAN("");
    if (node->field >= 0)
        return *(const struct bb_span *)(const void *)((const char *)up +
                                                       fields[node->field].offset);
    for (uint32_t i = 0; i < up->tag_count; i++)
        if (bb_span_equal(up->tags[i].key, node->tag))
            return up->tags[i].value;
    return BB_SPAN("");
}

static size_t character_size(struct bb_span text) {
    size_t size = 1;

    while (size < text.size && (text.data[size] & 0xc0) == 0x80)
        size++;
    return size;
}

static struct bb_span behind(struct bb_span text, size_t size) {
    return (struct bb_span){text.data + size, text.size - size};
}

/* The latest * may stand for one character more whenever what follows does not fit: linear in text × pattern. */
static bool is_like(struct bb_span text, struct bb_span pattern) {
    struct bb_span star_pattern = {NULL, 0}, star_text = {NULL, 0};

    while (text.size > 0) {
        if (pattern.size > 0 && *pattern.data == '*') {
            star_pattern = pattern = behind(pattern, 1);
            star_text = text;
        } else if (pattern.size > 0 && (*pattern.data == '?' || *pattern.data == *text.data)) {
            text = behind(text, *pattern.data == '?' ? character_size(text) : 1);
            pattern = behind(pattern, 1);
        } else if (star_pattern.data) {
            star_text = behind(star_text, 1);
            text = star_text;
            pattern = star_pattern;
        } else {
            return false;
        }
    }
    while (pattern.size > 0 && *pattern.data == '*')
        pattern = behind(pattern, 1);
    return pattern.size == 0;
}

static bool is_in_order(struct bb_span text, enum compare compare, struct bb_decimal number) {
    struct bb_decimal value;

    if (bb_decimal_parse(bb_span_trim(text), '.', &value) != BB_DECIMAL_OK)
        return false;
    int order = bb_decimal_order(value, number);
    switch (compare) {
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case GREATER: return order > 0;
    default: return order >= 0;
    }
}

static bool compares(const struct node *node, struct bb_span text) {
    switch (node->compare) {
    case EQUAL: return bb_span_equal(text, node->value);
    case UNEQUAL: return !bb_span_equal(text, node->value);
    case LIKE: return is_like(text, node->value);
    default: return is_in_order(text, node->compare, node->number);
    }
}

static bool holds(const struct bb_expression *expression, uint32_t index,
                  const struct bb_master_usage_point *up) {
    const struct node *node = &expression->nodes[index];

    switch (node->kind) {
    case NODE_AND: return holds(expression, node->left, up) && holds(expression, node->right, up);
    case NODE_OR: return holds(expression, node->left, up) || holds(expression, node->right, up);
    case NODE_NOT: return !holds(expression, node->left, up);
    case NODE_HAS: return text_of(node, up).size > 0;
    case NODE_COMPARE: break;
    }
    return compares(node, text_of(node, up));
}

bool bb_expression_holds(const struct bb_expression *expression,
                         const struct bb_master_usage_point *up) {
    return holds(expression, expression->root, up);
}

int bb_expression_each(const struct bb_expression *expression, bb_expression_visit *visit,
                       void *context) {
    int result = 0;

    for (uint32_t i = 0; !result && i < expression->count; i++) {
        const struct node *node = &expression->nodes[i];
        if (node->kind == NODE_COMPARE)
            result = visit(context, node->field >= 0,
                           node->field >= 0 ? bb_span_of(fields[node->field].name) : node->tag,
                           node->value, node->compare < LESS || node->compare == LIKE);
    }
    return result;
}
