/* A schema registry over HTTP: see schema_registry.h. */
#include "adapter/schema_registry.h"

#include "adapter/fetch.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TIMEOUT_MS = 10000,
    ANSWER_MAX = 4 << 20,
    LOGIN_MAX = 1024,
    ADDRESS_MAX = 2048,
    KEPT_MAX = 1024
};
#define MISS_KEPT_NS (INT64_C(30) * 1000000000)

/* A schema that was found; json NULL: there was none, at `asked_ns`. */
struct kept {
    uint32_t id;
    char *json;
    int64_t asked_ns;
};

struct bb_schema_registry {
    struct bb_schema_lookup lookup;
    char address[ADDRESS_MAX], login[LOGIN_MAX];
    atomic_bool *stop;
    struct kept kept[KEPT_MAX];
    uint32_t count, next; /* the oldest goes first */
};

static struct kept *find_kept(struct bb_schema_registry *registry, uint32_t id) {
    for (uint32_t i = 0; i < registry->count; i++)
        if (registry->kept[i].id == id)
            return &registry->kept[i];
    return NULL;
}

/* `json` is taken over. */
static struct kept *keep(struct bb_schema_registry *registry, uint32_t id, char *json) {
    struct kept *kept = find_kept(registry, id);

    if (!kept && registry->count < KEPT_MAX) {
        kept = &registry->kept[registry->count++];
    } else if (!kept) {
        kept = &registry->kept[registry->next];
        registry->next = (registry->next + 1) % KEPT_MAX;
    }
    char *before = kept->json;
    *kept = (struct kept){id, json, bb_monotonic_ns()};
    free(before);
    return kept;
}

/* The text under "schema". */
static int read_answer(uint32_t id, struct bb_span answer, char **out, struct bb_error *error) {
    json_error_t problem;
    json_t *json = json_loadb(answer.data, answer.size, 0, &problem);
    const json_t *schema = json_object_get(json, "schema");

    *out = json_is_string(schema) ? strdup(json_string_value(schema)) : NULL;
    int failure = *out ? 0
                       : BB_FAIL(error, BB_E_FETCH,
                                 "the registry's answer for schema %" PRIu32
                                 " is no {\"schema\": \"...\"}",
                                 id);
    json_decref(json);
    return failure;
}

static int ask(struct bb_schema_registry *registry, uint32_t id, char **json,
               struct bb_error *error) {
    char address[ADDRESS_MAX + 32];
    struct bb_fetch_ask question = {.address = address,
                                    .login = registry->login[0] ? registry->login : NULL,
                                    .timeout_ms = TIMEOUT_MS,
                                    .stop = registry->stop};
    struct bb_buffer answer;
    long status;

    snprintf(address, sizeof address, "%s/schemas/ids/%" PRIu32, registry->address, id);
    bb_buffer_init(&answer, ANSWER_MAX);
    int outcome = bb_fetch_status(&question, &answer, &status, error);
    if (outcome == 0)
        outcome = read_answer(id, bb_buffer_span(&answer), json, error);
    else if (status == 404)
        outcome = BB_SCHEMA_UNKNOWN;
    else
        error->retriable = status == 0 || status == 429 || status >= 500;
    bb_buffer_release(&answer);
    return outcome;
}

static int find(void *context, uint32_t id, struct bb_span *json, struct bb_error *error) {
    struct bb_schema_registry *registry = context;
    struct kept *kept = find_kept(registry, id);
    char *found = NULL;

    if (!kept || (!kept->json && bb_monotonic_ns() - kept->asked_ns > MISS_KEPT_NS)) {
        int outcome = ask(registry, id, &found, error);
        if (outcome < 0)
            return outcome;
        kept = keep(registry, id, found);
    }
    if (!kept->json)
        return BB_SCHEMA_UNKNOWN;
    *json = bb_span_of(kept->json);
    return BB_SCHEMA_FOUND;
}

/* "user:password", the password without the line end that editors leave. */
static int read_login(struct bb_schema_registry *registry, const struct bb_map_registry *where,
                      struct bb_error *error) {
    char password[LOGIN_MAX / 2];

    if (!where->user[0])
        return 0;
    FILE *file = fopen(where->password_file, "re");
    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno,
                             "the registry's password file %s cannot be opened",
                             where->password_file);
    size_t size = fread(password, 1, sizeof password - 1, file);
    fclose(file);
    while (size > 0 && (password[size - 1] == '\n' || password[size - 1] == '\r'))
        size--;
    int wanted = snprintf(registry->login, LOGIN_MAX, "%s:%.*s", where->user, (int)size, password);
    return wanted < LOGIN_MAX
               ? 0
               : BB_FAIL(error, BB_E_MAP_INVALID, "the registry's user and password are too long");
}

int bb_schema_registry_new(const struct bb_map_registry *where, atomic_bool *stop,
                           struct bb_schema_registry **out, struct bb_error *error) {
    struct bb_schema_registry *registry = calloc(1, sizeof *registry);
    size_t size = strlen(where->address);

    *out = NULL;
    if (!registry)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a registry of schemas");
    while (size > 0 && where->address[size - 1] == '/')
        size--;
    snprintf(registry->address, sizeof registry->address, "%.*s", (int)size, where->address);
    registry->stop = stop;
    registry->lookup = (struct bb_schema_lookup){find, registry};
    int failure = 0;
    if (size >= ADDRESS_MAX || !bb_fetch_may(where->address))
        failure = BB_FAIL(
            error, BB_E_MAP_INVALID,
            "the registry's address %.200s has to begin with https://, or with http:// "
            "and be this machine's own",
            where->address);
    if (failure == 0)
        failure = read_login(registry, where, error);
    if (failure)
        bb_schema_registry_free(registry);
    else
        *out = registry;
    return failure;
}

void bb_schema_registry_free(struct bb_schema_registry *registry) {
    if (!registry)
        return;
    for (uint32_t i = 0; i < registry->count; i++)
        free(registry->kept[i].json);
    free(registry);
}

const struct bb_schema_lookup *bb_schema_registry_lookup(
    const struct bb_schema_registry *registry) {
    return &registry->lookup;
}
