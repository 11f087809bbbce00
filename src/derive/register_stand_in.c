#include "derive/register.h"
size_t bb_stat_before(const struct bb_stat *stat, int32_t day, int32_t back, size_t *first) {
    size_t i = 0, n = 0;
    while (i < stat->count && stat->days[i].day < day - back)
        i++;
    while (i + n < stat->count && stat->days[i + n].day < day)
        n++;
    *first = i;
    return n;
}
void bb_register_judge(const struct bb_check_context *context, const struct bb_point *accepted,
                       uint16_t *mark) {
    (void)context;
    (void)accepted;
    (void)mark;
}
void bb_register_advance(const struct bb_channel *channel, const struct bb_point *a,
                         const struct bb_point *b, uint16_t mark, struct bb_register_advance *out) {
    (void)channel;
    (void)a;
    (void)b;
    (void)mark;
    *out = (struct bb_register_advance){.overflow = true};
}
