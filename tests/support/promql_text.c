/* PromQL's tree as text: see promql_text.h. */
#include "support/promql_text.h"

#include "base/json_write.h"
#include "http/promql_aggregation.h"
#include "http/promql_function.h"
#include "http/promql_operator.h"

#include <inttypes.h>
#include <math.h>

/* Escapes of JSON are escapes of PromQL. */
static void put_quoted(struct bb_buffer *out, struct bb_span text) {
    bb_buffer_append_byte(out, '"');
    bb_json_append_text(out, text);
    bb_buffer_append_byte(out, '"');
}

static void put_names(struct bb_buffer *out, const char *word,
                      const struct bb_promql_names *names) {
    bb_buffer_format(out, " %s (", word);
    for (size_t i = 0; i < names->count; i++) {
        bb_buffer_format(out, i > 0 ? ", " : "");
        put_quoted(out, names->items[i]);
    }
    bb_buffer_format(out, ") ");
}

static void put_number(const struct bb_promql_node *node, struct bb_buffer *out) {
    if (isnan(node->number))
        bb_buffer_format(out, "NaN");
    else if (isinf(node->number))
        bb_buffer_format(out, node->number > 0 ? "Inf" : "(-Inf)");
    else
        bb_buffer_format(out, "%.17g", node->number);
}

static void put_selector(const struct bb_promql_node *node, struct bb_buffer *out) {
    static const char *const signs[] = {"=", "!=", "=~", "!~"};
    const struct bb_promql_selector *s = &node->selector;

    bb_buffer_append_byte(out, '{');
    for (size_t i = 0; i < s->matcher_count; i++) {
        bb_buffer_format(out, i > 0 ? ", " : "");
        put_quoted(out, s->matchers[i].name);
        bb_buffer_format(out, "%s", signs[s->matchers[i].match]);
        put_quoted(out, s->matchers[i].value);
    }
    bb_buffer_append_byte(out, '}');
    if (s->range_ms > 0)
        bb_buffer_format(out, "[%" PRId64 "ms]", s->range_ms);
    if (s->offset_ms != 0)
        bb_buffer_format(out, " offset %s%" PRId64 "ms", s->offset_ms < 0 ? "-" : "",
                         s->offset_ms < 0 ? -s->offset_ms : s->offset_ms);
    if (s->anchor == BB_PROMQL_AT_TIME)
        bb_buffer_format(out, " @ %.3f", (double)s->anchor_ms / 1000);
    else if (s->anchor)
        bb_buffer_format(out, " @ %s()", s->anchor == BB_PROMQL_AT_START ? "start" : "end");
}

static void put_call(const struct bb_promql_node *node, struct bb_buffer *out) {
    bb_buffer_format(out, "%s(", node->call.row->name);
    promql_text(node->call.argument, out);
    bb_buffer_append_byte(out, ')');
}

static void put_aggregate(const struct bb_promql_node *node, struct bb_buffer *out) {
    bb_buffer_format(out, "%s", node->aggregate.row->name);
    put_names(out, node->aggregate.by.keep ? "by" : "without", &node->aggregate.by);
    bb_buffer_append_byte(out, '(');
    promql_text(node->aggregate.argument, out);
    bb_buffer_append_byte(out, ')');
}

static void put_binary(const struct bb_promql_node *node, struct bb_buffer *out) {
    bool vectors = node->binary.left->type == BB_PROMQL_VECTOR &&
                   node->binary.right->type == BB_PROMQL_VECTOR;

    bb_buffer_append_byte(out, '(');
    promql_text(node->binary.left, out);
    bb_buffer_format(out, " %s%s", node->binary.row->text,
                     node->binary.returns_bool ? " bool" : "");
    if (vectors)
        put_names(out, node->binary.on.keep ? "on" : "ignoring", &node->binary.on);
    else
        bb_buffer_append_byte(out, ' ');
    promql_text(node->binary.right, out);
    bb_buffer_append_byte(out, ')');
}

static void put_negate(const struct bb_promql_node *node, struct bb_buffer *out) {
    bb_buffer_format(out, "(-");
    promql_text(node->operand, out);
    bb_buffer_append_byte(out, ')');
}

void promql_text(const struct bb_promql_node *node, struct bb_buffer *out) {
    static void (*const put[BB_PROMQL_NODE_KINDS])(const struct bb_promql_node *,
                                                   struct bb_buffer *) = {
        [BB_PROMQL_NUMBER] = put_number, [BB_PROMQL_SELECTOR] = put_selector,
        [BB_PROMQL_CALL] = put_call,     [BB_PROMQL_AGGREGATE] = put_aggregate,
        [BB_PROMQL_BINARY] = put_binary, [BB_PROMQL_NEGATE] = put_negate};

    put[node->kind](node, out);
}
