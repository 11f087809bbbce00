/* Check "register": what its row in the table of checks needs. Its verdicts decide which readings
 * count and are marks rather than mere evidence, so that validation asks for them by itself
 * (register.h) instead of running the row. */
#include "derive/register.h"

/* The last accepted reading lies rarely more than a few behind: dips and foreign readings between. */
enum { BACK_VALUES = BB_REGISTER_READS_MAX };

void bb_reach_register(const int64_t *parameter, struct bb_reach *reach) {
    *reach = (struct bb_reach){.back_values = BACK_VALUES,
                               .ahead_values = (uint32_t)parameter[0],
                               .ahead_ms = parameter[1],
                               .stat = true};
}
