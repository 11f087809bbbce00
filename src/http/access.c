/* The gate: see access_internal.h. */
#include "http/access_internal.h"

#include <stdio.h>

/* Without keys, whoever comes may do all: it is one person's machine. */
static void let_all_in(const struct bb_http_gate *gate, const char *caller,
                       struct bb_http_access *out) {
    *out = (struct bb_http_access){.roles = 1u << BB_ROLE_ADMIN};
    snprintf(out->tenant, sizeof out->tenant, "%.*s", BB_SPAN_ARGS(gate->tenant));
    snprintf(out->caller, sizeof out->caller, "%s", caller);
}

/* A name that ends before its port. */
bool bb_http_host_is_loopback(struct bb_span host) {
    static const struct bb_span names[] = {BB_SPAN("localhost"), BB_SPAN("127.0.0.1"),
                                           BB_SPAN("[::1]")};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size = names[i].size;
        if (host.size >= size &&
            bb_span_equal_nocase((struct bb_span){host.data, size}, names[i]) &&
            (host.size == size || host.data[size] == ':'))
            return true;
    }
    return false;
}

static bool take_bearer(struct bb_span authorization, struct bb_span *token) {
    static const struct bb_span scheme = BB_SPAN("Bearer ");

    if (authorization.size < scheme.size ||
        !bb_span_equal_nocase((struct bb_span){authorization.data, scheme.size}, scheme))
        return false;
    *token = bb_span_trim(
        (struct bb_span){authorization.data + scheme.size, authorization.size - scheme.size});
    return true;
}

static int take_key(struct bb_http_gate *gate, struct bb_span token, int64_t now_ms,
                    struct bb_http_access *out, struct bb_error *error) {
    struct bb_key_holder holder;
    int result = bb_key_ring_find(gate->ring, token, now_ms, &holder, error);

    if (result)
        return result;
    *out = (struct bb_http_access){.roles = 1u << holder.role};
    memcpy(out->tenant, holder.tenant, sizeof out->tenant);
    snprintf(out->subject, sizeof out->subject, "bb_%s_%s", bb_role_name((int)holder.role),
             holder.id);
    snprintf(out->caller, sizeof out->caller, "key %s%s%s%s", out->subject,
             holder.label[0] ? " (" : "", holder.label, holder.label[0] ? ")" : "");
    return 0;
}

/* The subject stands behind the name, so that nobody passes for another one, or for a key. */
static int take_token(struct bb_http_gate *gate, struct bb_span token, int64_t now_ms,
                      struct bb_http_access *out, struct bb_error *error) {
    struct bb_issuer_person person;
    int result = bb_issuer_know(gate->issuer, token, now_ms, &person, error);

    if (result)
        return result;
    *out = (struct bb_http_access){.roles = person.roles};
    memcpy(out->tenant, person.tenant, sizeof out->tenant);
    memcpy(out->subject, person.subject, sizeof out->subject);
    snprintf(out->caller, sizeof out->caller, "%s (oidc %s)", person.name, person.subject);
    return 0;
}

static int check_bearer(struct bb_http_gate *gate, const struct bb_http_credentials *shown,
                        int64_t now_ms, struct bb_http_access *out, struct bb_error *error) {
    struct bb_span token;

    if (shown->authorization.size == 0)
        return BB_FAIL(error, BB_E_KEY_NEEDED,
                       gate->issuer
                           ? "send a key or a token: Authorization: Bearer ..."
                           : "send a key: Authorization: Bearer bb_...; busbar keys create "
                             "makes one");
    if (!take_bearer(shown->authorization, &token))
        return BB_FAIL(error, BB_E_KEY_REFUSED,
                       "the header Authorization has to be: Bearer bb_...%s",
                       gate->issuer ? ", or Bearer and a token" : "");
    return gate->issuer && !bb_span_starts_with(token, BB_SPAN("bb_"))
               ? take_token(gate, token, now_ms, out, error)
               : take_key(gate, token, now_ms, out, error);
}

bool bb_http_gate_wants_credentials(const struct bb_http_gate *gate) {
    return gate->issuer || bb_key_ring_has_keys(gate->ring);
}

static bool has_right(uint32_t roles, enum bb_right right) {
    for (int role = 0; role < BB_ROLE_COUNT; role++)
        if ((roles >> role & 1) && bb_role_has((enum bb_role)role, right))
            return true;
    return false;
}

static int forbid(const struct bb_http_access *access, enum bb_right right,
                  struct bb_error *error) {
    char names[32] = "";

    for (int role = 0; role < BB_ROLE_COUNT; role++)
        if (access->roles >> role & 1)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                     names[0] ? ", " : "", bb_role_name(role));
    return BB_FAIL(error, BB_E_FORBIDDEN, "the role %s does not give the right to %s", names,
                   bb_right_name(right));
}

int bb_http_gate_check(struct bb_http_gate *gate, const struct bb_http_credentials *shown,
                       enum bb_right right, int64_t now_ms, struct bb_http_access *out,
                       struct bb_error *error) {
    int result = 0;

    if (right == BB_RIGHT_NONE)
        let_all_in(gate, "anyone", out);
    else if (shown->is_local)
        let_all_in(gate, "the plant's own socket", out);
    else if (shown->authorization.size > 0 || bb_http_gate_wants_credentials(gate))
        result = check_bearer(gate, shown, now_ms, out, error);
    else if (gate->open || bb_http_host_is_loopback(shown->host))
        let_all_in(gate, gate->open ? "anyone" : "loopback", out);
    else
        result = BB_FAIL(error, BB_E_HOST,
                         "without keys only requests to localhost, 127.0.0.1 or "
                         "[::1] are answered");
    if (!result && !has_right(out->roles, right))
        result = forbid(out, right, error);
    return result;
}
