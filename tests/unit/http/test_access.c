/* The gate: who is let in, as whom. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "adapter/embedded.h"
#include "http/access_internal.h"

enum { NOW_MS = 1000000 };

static char folder[] = "/tmp/busbar-gate-XXXXXX";
static struct bb_registry *registry;
static struct bb_http_gate gate;
static struct bb_http_access access;
static struct bb_error error;

static void begin(void) {
    static struct bb_config config;
    char path[64];

    bb_config_defaults(&config);
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/registry.db", folder);
    cr_assert_eq(bb_registry_sqlite_open(path, false, &registry, &error), 0);
    cr_assert_eq(bb_key_ring_open(folder, &config, &gate.ring, &error), 0);
    gate.tenant = BB_SPAN("default");
}

static void end(void) {
    char command[64];

    bb_key_ring_close(gate.ring);
    registry->ops->close(registry);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static void make_key(enum bb_role role, const char *tenant, int64_t expires_ms, int64_t revoked_ms,
                     char text[BB_KEY_TEXT_MAX]) {
    enum bb_role parsed;
    struct bb_span id;

    cr_assert_eq(bb_key_generate(role, text, &error), 0);
    cr_assert(bb_key_parse(bb_span_of(text), &parsed, &id));
    struct bb_key_hash hash = bb_key_hash(bb_span_of(text));
    const struct bb_registry_key key = {.tenant = bb_span_of(tenant),
                                        .id = id,
                                        .label = BB_SPAN("a test"),
                                        .hash = {(const char *)hash.bytes, sizeof hash.bytes},
                                        .role = (uint8_t)role,
                                        .created_ms = 1,
                                        .expires_ms = expires_ms,
                                        .revoked_ms = revoked_ms};
    cr_assert_eq(registry->ops->key_put(registry, &key, &error), 0);
}

static int ask(const char *authorization, const char *host, bool is_local, enum bb_right right) {
    const struct bb_http_credentials shown = {
        .authorization = bb_span_of(authorization), .host = bb_span_of(host), .is_local = is_local};

    return bb_http_gate_check(&gate, &shown, right, NOW_MS, &access, &error);
}

static int ask_with(const char *key, enum bb_right right) {
    char header[BB_KEY_TEXT_MAX + 16];

    snprintf(header, sizeof header, "bearer %s", key);
    return ask(header, "plant.example", false, right);
}

Test(access, names_of_the_loopback) {
    static const char *const good[] = {"localhost",   "LocalHost:8080", "127.0.0.1",
                                       "127.0.0.1:1", "[::1]",          "[::1]:8080"};
    static const char *const bad[] = {"",
                                      "localhost.evil.example",
                                      "evil.example",
                                      "127.0.0.1.nip.io",
                                      "127.0.0.2",
                                      "::1",
                                      "localhost8"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(bb_http_host_is_loopback(bb_span_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(bb_http_host_is_loopback(bb_span_of(bad[i])), "%s", bad[i]);
}

Test(access, without_keys, .init = begin, .fini = end) {
    cr_expect_eq(ask(NULL, "localhost:8080", false, BB_RIGHT_ADMIN), 0);
    cr_expect_str_eq(access.tenant, "default");
    cr_expect_eq(ask(NULL, "evil.example", false, BB_RIGHT_READ), -BB_E_HOST);
    cr_expect_eq(ask(NULL, NULL, false, BB_RIGHT_READ), -BB_E_HOST);
    cr_expect_eq(ask(NULL, "evil.example", false, BB_RIGHT_NONE), 0);
    cr_expect_eq(ask(NULL, "anything", true, BB_RIGHT_ADMIN), 0);
    gate.open = true;
    cr_expect_eq(ask(NULL, "plant.example", false, BB_RIGHT_ADMIN), 0);
}

Test(access, with_keys, .init = begin, .fini = end) {
    char ingest[BB_KEY_TEXT_MAX], read[BB_KEY_TEXT_MAX], admin[BB_KEY_TEXT_MAX];

    make_key(BB_ROLE_INGEST, "north", BB_TIME_NONE, BB_TIME_NONE, ingest);
    make_key(BB_ROLE_READ, "north", BB_TIME_NONE, BB_TIME_NONE, read);
    make_key(BB_ROLE_ADMIN, "south", BB_TIME_NONE, BB_TIME_NONE, admin);
    cr_expect_eq(ask(NULL, "localhost", false, BB_RIGHT_READ), -BB_E_KEY_NEEDED);
    gate.open = true; /* waives what there is none of */
    cr_expect_eq(ask(NULL, "localhost", false, BB_RIGHT_READ), -BB_E_KEY_NEEDED);
    cr_expect_eq(ask_with(ingest, BB_RIGHT_INGEST), 0);
    cr_expect_str_eq(access.tenant, "north");
    cr_expect_not_null(strstr(access.caller, "(a test)"));
    cr_expect_null(strstr(access.caller, ingest + 7));
    cr_expect_eq(ask_with(ingest, BB_RIGHT_READ), -BB_E_FORBIDDEN);
    cr_expect_eq(ask_with(read, BB_RIGHT_READ), 0);
    cr_expect_eq(ask_with(read, BB_RIGHT_INGEST), -BB_E_FORBIDDEN);
    cr_expect_eq(ask_with(read, BB_RIGHT_ADMIN), -BB_E_FORBIDDEN);
    cr_expect_eq(ask_with(admin, BB_RIGHT_ADMIN), 0);
    cr_expect_str_eq(access.tenant, "south");
    cr_expect_eq(ask("Basic abc", "localhost", false, BB_RIGHT_READ), -BB_E_KEY_REFUSED);
    cr_expect_eq(ask("Bearer", "localhost", false, BB_RIGHT_READ), -BB_E_KEY_REFUSED);
    cr_expect_eq(ask(NULL, "anything", true, BB_RIGHT_ADMIN), 0, "the plant's own socket");
}

Test(access, keys_that_are_over, .init = begin, .fini = end) {
    char expired[BB_KEY_TEXT_MAX], revoked[BB_KEY_TEXT_MAX], unknown[BB_KEY_TEXT_MAX];

    make_key(BB_ROLE_ADMIN, "north", NOW_MS, BB_TIME_NONE, expired);
    make_key(BB_ROLE_ADMIN, "north", BB_TIME_NONE, 5, revoked);
    cr_assert_eq(bb_key_generate(BB_ROLE_ADMIN, unknown, &error), 0);
    cr_expect_eq(ask_with(expired, BB_RIGHT_READ), -BB_E_KEY_REFUSED);
    cr_expect_eq(ask_with(revoked, BB_RIGHT_READ), -BB_E_KEY_REFUSED);
    cr_expect_eq(ask_with(unknown, BB_RIGHT_READ), -BB_E_KEY_REFUSED);
}
