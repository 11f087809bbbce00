/* Side inputs of rules under random bytes: ascending times with numbers or nothing, or refused with a line. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "service/rules_side.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_rules_side_file side;
    struct bb_error error;
    int result = bb_rules_side_parse((struct bb_span){(const char *)data, size}, "t.csv", &side,
                                     &error);

    BB_ASSERT(result == 0 || (result == -BB_E_RULE_SIDE && error.line > 0 && error.text[0]));
    for (size_t i = 0; i < side.count; i++)
        BB_ASSERT((i == 0 || side.ts_ms[i] > side.ts_ms[i - 1]) && !isinf(side.value[i]));
    bb_rules_side_release(&side);
    return 0;
}
