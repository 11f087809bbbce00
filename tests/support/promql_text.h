/* A parsed PromQL query as text again, with every parenthesis, default and modifier written out:
 * what a table of queries is held against. What is written can be parsed, to the same text. */
#ifndef TESTS_SUPPORT_PROMQL_TEXT_H
#define TESTS_SUPPORT_PROMQL_TEXT_H

#include "base/buffer.h"
#include "http/promql_ast.h"

void promql_text(const struct bb_promql_node *node, struct bb_buffer *out);

#endif
