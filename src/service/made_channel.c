/* Channels that rules make: see made_channel.h. Pure. */
#include "service/made_channel.h"

/* Where the last one of a character stands; the text's size: nowhere. */
static size_t last_of(struct bb_span text, char c) {
    for (size_t i = text.size; i-- > 0;)
        if (text.data[i] == c)
            return i;
    return text.size;
}

bool bb_made_name_parse(struct bb_span name, struct bb_made_name *out) {
    const size_t mark = last_of(name, '#');
    struct bb_span rest = {name.data + mark + 1, mark < name.size ? name.size - mark - 1 : 0};
    const size_t dot = last_of(rest, '.');

    if (mark == 0 || dot == 0 || dot + 1 >= rest.size)
        return false;
    *out = (struct bb_made_name){
        {name.data, mark}, {rest.data, dot}, {rest.data + dot + 1, rest.size - dot - 1}};
    return true;
}

void bb_made_name_format(const struct bb_made_name *name, struct bb_buffer *out) {
    bb_buffer_format(out, "%.*s#%.*s.%.*s", BB_SPAN_ARGS(name->channel), BB_SPAN_ARGS(name->rule),
                     BB_SPAN_ARGS(name->output));
}

/* Did an earlier version of the rule make it already? */
static bool was_met(const struct bb_channel_rule *rule, uint32_t time, struct bb_span output) {
    for (uint32_t k = 0; k < time; k++) {
        const struct bb_rule_code *code = rule->times[k].code;
        for (uint32_t i = 0; i < code->output_count; i++)
            if (bb_span_equal(code->outputs[i].name, output))
                return true;
    }
    return false;
}

int bb_made_each(struct bb_span channel, const struct bb_channel_rule *rules, uint32_t rule_count,
                 bb_made_visit *visit, void *context) {
    int result = 0;

    for (uint32_t r = 0; !result && r < rule_count; r++)
        for (uint32_t k = 0; !result && k < rules[r].time_count; k++) {
            const struct bb_rule_code *code = rules[r].times[k].code;
            for (uint32_t i = 0; !result && i < code->output_count; i++) {
                const struct bb_master_rule_output *output = &code->outputs[i];
                const struct bb_made_name name = {channel, rules[r].name, output->name};
                if (!was_met(&rules[r], k, output->name))
                    result = visit(context, &name, output->unit);
            }
        }
    return result;
}
