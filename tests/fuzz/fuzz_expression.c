/* Expressions under random bytes: read, or refused with a place inside the text; what is read is answered. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model/expression.h"

static struct bb_master_tag tags[] = {{{"district", 8}, {"north", 5}}, {{"a", 1}, {"12.5", 4}}};
static const struct bb_master_usage_point point = {
    .name = {"871", 3}, .commodity = BB_COMMODITY_HEAT, .tags = tags, .tag_count = 2};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bb_expression *expression;
    struct bb_error error;
    struct bb_arena arena;

    bb_arena_init(&arena, 1 << 16, 1 << 20);
    int result = bb_expression_parse((struct bb_span){(const char *)data, size}, &arena,
                                     &expression, &error);
    if (result == 0)
        (void)bb_expression_holds(expression, &point);
    else
        BB_ASSERT(result == -BB_E_EXPRESSION && error.text[0]);
    bb_arena_release(&arena);
    return 0;
}
