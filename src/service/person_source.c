/* The texts of what people tell: "edit by NAME: REASON". See person.h. Pure. */
#include "service/person.h"

#include <inttypes.h>

static const char *const act_names[BB_PERSON_ACT_COUNT] = {
    [BB_PERSON_EDIT] = "edit",
    [BB_PERSON_WITHDRAW] = "withdraw",
    [BB_PERSON_ACCEPT] = "accept",
    [BB_PERSON_ESTIMATE] = "estimate",
};

const char *bb_person_act_name(int act) {
    return act_names[act];
}

static int check_text(struct bb_span text, const char *what, size_t most, struct bb_error *error) {
    if (bb_span_trim(text).size == 0)
        return BB_FAIL(error, BB_E_USAGE, "a person's %s is empty", what);
    if (text.size > most)
        return BB_FAIL(error, BB_E_USAGE, "a person's %s has %zu bytes; allowed are %zu", what,
                       text.size, most);
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return BB_FAIL(error, BB_E_USAGE, "a person's %s holds a control character", what);
    return 0;
}

int bb_person_source_format(enum bb_person_act act, const struct bb_person *person,
                            int64_t exception, struct bb_buffer *out, struct bb_error *error) {
    int result = check_text(person->name, "name", BB_PERSON_NAME_MAX, error);

    if (!result)
        result = check_text(person->reason, "reason", BB_PERSON_REASON_MAX, error);
    if (!result && memchr(person->name.data, ':', person->name.size))
        result = BB_FAIL(error, BB_E_USAGE, "a person's name has no colon");
    if (result)
        return result;
    struct bb_span name = bb_span_trim(person->name), reason = bb_span_trim(person->reason);
    bb_buffer_format(out, "%s by %.*s: %.*s", act_names[act], BB_SPAN_ARGS(name),
                     BB_SPAN_ARGS(reason));
    if (exception > 0)
        bb_buffer_format(out, " (exception %" PRId64 ")", exception);
    return out->overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reason") : 0;
}

bool bb_person_source_parse(struct bb_span source, enum bb_person_act *act,
                            struct bb_person *person) {
    static const struct bb_span by = BB_SPAN(" by ");

    for (int i = 0; i < BB_PERSON_ACT_COUNT; i++) {
        struct bb_span word = bb_span_of(act_names[i]), rest;
        if (!bb_span_starts_with(source, word))
            continue;
        rest = (struct bb_span){source.data + word.size, source.size - word.size};
        if (!bb_span_starts_with(rest, by))
            continue;
        rest = (struct bb_span){rest.data + by.size, rest.size - by.size};
        const char *colon = rest.size ? memchr(rest.data, ':', rest.size) : NULL;
        size_t size = colon ? (size_t)(colon - rest.data) : 0;
        if (size == 0 || size + 2 > rest.size || colon[1] != ' ')
            continue;
        *act = (enum bb_person_act)i;
        person->name = (struct bb_span){rest.data, size};
        person->reason = (struct bb_span){colon + 2, rest.size - size - 2};
        return true;
    }
    return false;
}

const char *bb_person_exception_state(const struct bb_registry_exception *exception,
                                      struct bb_person *who) {
    static const char *const states[BB_PERSON_ACT_COUNT] = {
        [BB_PERSON_EDIT] = "edited",
        [BB_PERSON_WITHDRAW] = "resolved",
        [BB_PERSON_ACCEPT] = "accepted",
        [BB_PERSON_ESTIMATE] = "estimated",
    };
    enum bb_person_act act;

    *who = (struct bb_person){BB_SPAN(""), BB_SPAN("")};
    if (exception->closed_ms == BB_TIME_NONE)
        return "open";
    return bb_person_source_parse(exception->closed_by, &act, who) ? states[act] : "resolved";
}
