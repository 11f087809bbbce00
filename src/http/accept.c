/* The Accept header: see bb_http_accepts in call.h. Pure. */
#include "http/accept_internal.h"

/* Up to `stop`; *rest goes behind it. */
static struct bb_span cut(struct bb_span *rest, char stop) {
    const char *at = rest->size > 0 ? memchr(rest->data, stop, rest->size) : NULL;
    struct bb_span first = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
    size_t used = first.size + (at != NULL);

    *rest = (struct bb_span){rest->data + used, rest->size - used};
    return bb_span_trim(first);
}

/* q=0.35 in thousandths; anything unreadable counts in full. */
static int weight_of(struct bb_span parameters) {
    while (parameters.size > 0) {
        struct bb_span parameter = cut(&parameters, ';');
        if (parameter.size < 3 || bb_char_lower(parameter.data[0]) != 'q' ||
            parameter.data[1] != '=')
            continue;
        int weight = parameter.data[2] == '1' ? 1000 : 0, scale = 100;
        for (size_t i = 4; i < parameter.size && scale > 0; i++, scale /= 10)
            if (parameter.data[i] >= '0' && parameter.data[i] <= '9')
                weight += (parameter.data[i] - '0') * scale;
        return weight > 1000 ? 1000 : weight;
    }
    return 1000;
}

/* How exactly a range names the type: 3 itself, 2 its family, 1 anything, 0 not at all. */
static int exactness(struct bb_span range, struct bb_span type) {
    if (bb_span_equal_nocase(range, type))
        return 3;
    if (bb_span_equal(range, BB_SPAN("*/*")) || bb_span_equal(range, BB_SPAN("*")))
        return 1;
    bool family = range.size > 2 && bb_span_ends_with(range, BB_SPAN("/*")) &&
                  type.size >= range.size &&
                  bb_span_equal_nocase((struct bb_span){range.data, range.size - 1},
                                       (struct bb_span){type.data, range.size - 1});
    return family ? 2 : 0;
}

/* The weight that the most exact range gives to a type; 0: not accepted. */
static int weight_for(struct bb_span accept, struct bb_span type) {
    int best = 0, weight = 0;

    while (accept.size > 0) {
        struct bb_span parameters = cut(&accept, ',');
        struct bb_span range = cut(&parameters, ';');
        int exact = exactness(range, type);
        if (exact > best) {
            best = exact;
            weight = weight_of(parameters);
        }
    }
    return weight;
}

int bb_http_accept_choose(struct bb_span accept, const char *types) {
    struct bb_span rest = bb_span_of(types);
    int chosen = -1, best = 0;

    for (int i = 0; rest.size > 0; i++) {
        int weight = weight_for(accept, cut(&rest, '|'));
        if (weight > best) {
            best = weight;
            chosen = i;
        }
    }
    return chosen;
}
