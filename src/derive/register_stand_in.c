#include "derive/register.h"
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
