/* The issuer of people's tokens: see issuer.h. */
#include "service/issuer.h"

#include "adapter/fetch.h"
#include "base/clock.h"
#include "service/web_token.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FETCH_MS = 10000, LEAST_PAUSE_MS = 5000 };

struct bb_issuer {
    /* constant while it is open */
    struct bb_config config;
    struct bb_logger logger;
    pthread_rwlock_t keys_lock; /* guards `keys` */
    struct bb_web_keys *keys;   /* NULL: none were read yet */
    pthread_mutex_t lock;       /* guards all below */
    pthread_cond_t wake;
    int64_t read_ns; /* when reading was last begun */
    bool wanted;     /* a token had an unknown key */
    bool has_failed; /* told once, until it is well again */
    atomic_bool stop;
    bool has_thread;
    pthread_t thread;
};

/* ---- reading the keys */

static int read_file(const char *path, struct bb_buffer *out, struct bb_error *error) {
    FILE *file = fopen(path, "re");
    size_t size = 1;

    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_TOKEN_KEYS, errno, "cannot read %s", path);
    while (size > 0 && bb_buffer_reserve(out, 4096)) {
        size = fread(out->data + out->size, 1, 4096, file);
        out->size += size;
    }
    fclose(file);
    return out->overflow ? BB_FAIL(error, BB_E_TOKEN_KEYS, "%s is larger than %d KiB", path,
                                   BB_WEB_KEYS_BYTES >> 10)
                         : 0;
}

static int read_keys(struct bb_issuer *issuer, struct bb_error *error) {
    const char *from = issuer->config.http_oidc_jwks;
    struct bb_web_keys *keys = NULL;
    struct bb_buffer text;

    bb_buffer_init(&text, BB_WEB_KEYS_BYTES);
    int result = bb_fetch_is_address(from) ? bb_fetch(from, FETCH_MS, &issuer->stop, &text, error)
                                           : read_file(from, &text, error);
    if (!result)
        result = bb_web_keys_read(bb_buffer_span(&text), &keys, error);
    bb_buffer_release(&text);
    if (result)
        return result;
    pthread_rwlock_wrlock(&issuer->keys_lock);
    struct bb_web_keys *before = issuer->keys;
    issuer->keys = keys;
    pthread_rwlock_unlock(&issuer->keys_lock);
    bb_web_keys_free(before);
    return 0;
}

/* ---- in the background */

static void tell(struct bb_issuer *issuer, int result, const struct bb_error *error) {
    if (result < 0 && !issuer->has_failed)
        bb_log_error(&issuer->logger, error);
    if (result == 0 && issuer->has_failed)
        BB_LOG_LINE(&issuer->logger, BB_LOG_INFO, "the issuer's keys are read again",
                    bb_field_text("jwks", issuer->config.http_oidc_jwks));
    issuer->has_failed = result < 0;
}

static int64_t due_ns(const struct bb_issuer *issuer) {
    int64_t pause_ms = issuer->wanted || issuer->has_failed ? LEAST_PAUSE_MS
                                                            : issuer->config.http_oidc_refresh_ms;

    return issuer->read_ns + pause_ms * 1000000;
}

static void *keep_fresh(void *context) {
    struct bb_issuer *issuer = context;
    struct bb_error error;

    pthread_mutex_lock(&issuer->lock);
    while (!atomic_load(&issuer->stop)) {
        int64_t at = due_ns(issuer);
        if (bb_monotonic_ns() < at) {
            struct timespec until = {at / 1000000000, at % 1000000000};
            pthread_cond_timedwait(&issuer->wake, &issuer->lock, &until);
            continue;
        }
        issuer->read_ns = bb_monotonic_ns();
        issuer->wanted = false;
        pthread_mutex_unlock(&issuer->lock);
        int result = read_keys(issuer, &error);
        pthread_mutex_lock(&issuer->lock);
        if (!atomic_load(&issuer->stop))
            tell(issuer, result, &error);
    }
    pthread_mutex_unlock(&issuer->lock);
    return NULL;
}

static void ask_again(struct bb_issuer *issuer) {
    pthread_mutex_lock(&issuer->lock);
    if (!issuer->wanted) {
        issuer->wanted = true;
        pthread_cond_signal(&issuer->wake);
    }
    pthread_mutex_unlock(&issuer->lock);
}

/* ---- life */

static int check_config(const struct bb_config *config, struct bb_error *error) {
    if (!config->http_oidc_audience[0] || !config->http_oidc_jwks[0])
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "http.oidc.issuer needs http.oidc.audience and http.oidc.jwks beside it");
    if (bb_fetch_is_address(config->http_oidc_jwks) && !bb_fetch_may(config->http_oidc_jwks))
        return BB_FAIL(
            error, BB_E_CONFIG_INVALID,
            "http.oidc.jwks has to be a file or an address that begins with https:// (http:// on "
            "the loopback alone)");
    return 0;
}

static void init(struct bb_issuer *issuer) {
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&issuer->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&issuer->lock, NULL);
    pthread_rwlock_init(&issuer->keys_lock, NULL);
}

static int start(struct bb_issuer *issuer, struct bb_error *error) {
    int result = 0;

    if (!bb_fetch_is_address(issuer->config.http_oidc_jwks)) {
        result = read_keys(issuer, error);
        issuer->read_ns = bb_monotonic_ns();
    } else { /* the thread's first work: an issuer that does not answer holds nothing up */
        issuer->read_ns = bb_monotonic_ns() - issuer->config.http_oidc_refresh_ms * 1000000;
    }
    if (result)
        return result;
    issuer->has_thread = pthread_create(&issuer->thread, NULL, keep_fresh, issuer) == 0;
    return issuer->has_thread ? 0
                              : BB_FAIL(error, BB_E_NO_MEMORY, "cannot start the issuer's thread");
}

int bb_issuer_open(const struct bb_config *config, const struct bb_logger *logger,
                   struct bb_issuer **out, struct bb_error *error) {
    *out = NULL;
    if (!config->http_oidc_issuer[0])
        return 0;
    int result = check_config(config, error);
    if (result)
        return result;
    struct bb_issuer *issuer = calloc(1, sizeof *issuer);
    if (!issuer)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the issuer of tokens");
    issuer->config = *config;
    issuer->logger = *logger;
    init(issuer);
    result = start(issuer, error);
    if (result)
        bb_issuer_close(issuer);
    else
        *out = issuer;
    return result;
}

void bb_issuer_close(struct bb_issuer *issuer) {
    if (!issuer)
        return;
    pthread_mutex_lock(&issuer->lock);
    atomic_store(&issuer->stop, true);
    pthread_cond_signal(&issuer->wake);
    pthread_mutex_unlock(&issuer->lock);
    if (issuer->has_thread)
        pthread_join(issuer->thread, NULL);
    pthread_cond_destroy(&issuer->wake);
    pthread_mutex_destroy(&issuer->lock);
    pthread_rwlock_destroy(&issuer->keys_lock);
    bb_web_keys_free(issuer->keys);
    free(issuer);
}

/* ---- who it is */

static struct bb_span text_of(const json_t *value) {
    return json_is_string(value)
               ? (struct bb_span){json_string_value(value), json_string_length(value)}
               : (struct bb_span){NULL, 0};
}

static bool is_plain(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

/* People's names go into sources, which have a syntax (service/person.h), and are cut between characters. */
static void put_name(struct bb_span from, char *out, size_t room) {
    size_t size = from.size < room - 1 ? from.size : room - 1;

    while (size < from.size && size > 0 && ((unsigned char)from.data[size] & 0xc0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++) {
        char c = from.data[i];
        out[i] = (unsigned char)c < ' ' || c == 0x7f || c == ':' ? ' ' : c;
    }
    out[size] = '\0';
}

static int take_tenant(const struct bb_issuer *issuer, const json_t *claims,
                       struct bb_issuer_person *out, struct bb_error *error) {
    const json_t *claim = bb_web_token_claim(claims, issuer->config.http_oidc_claims_tenant);

    if (json_is_array(claim) && json_array_size(claim) == 1)
        claim = json_array_get(claim, 0);
    struct bb_span tenant = claim ? text_of(claim) : bb_span_of(issuer->config.http_oidc_tenant);
    if (tenant.size == 0 || tenant.size > BB_MASTER_TENANT_MAX || !is_plain(tenant))
        return BB_FAIL(error, BB_E_TOKEN_NOBODY, "the token does not name one tenant (claim %s)",
                       issuer->config.http_oidc_claims_tenant);
    memcpy(out->tenant, tenant.data, tenant.size);
    out->tenant[tenant.size] = '\0';
    return 0;
}

/* "{tenant}" in the name that the configuration gives stands for the token's tenant. */
static bool role_is(const char *pattern, const char *tenant, struct bb_span role) {
    static const struct bb_span place = BB_SPAN("{tenant}");
    const char *at = strstr(pattern, place.data);

    if (role.size == 0) /* no text at all */
        return false;
    if (!at)
        return bb_span_equal(role, bb_span_of(pattern));
    struct bb_span before = {pattern, (size_t)(at - pattern)}, name = bb_span_of(tenant),
                   after = bb_span_of(at + place.size);
    return role.size == before.size + name.size + after.size && bb_span_starts_with(role, before) &&
           bb_span_ends_with(role, after) &&
           memcmp(role.data + before.size, name.data, name.size) == 0;
}

static void take_role(const struct bb_issuer *issuer, struct bb_span role,
                      struct bb_issuer_person *out) {
    const struct {
        const char *pattern;
        enum bb_role role;
    } rows[] = {{issuer->config.http_oidc_roles_ing, BB_ROLE_INGEST},
                {issuer->config.http_oidc_roles_ro, BB_ROLE_READ},
                {issuer->config.http_oidc_roles_adm, BB_ROLE_ADMIN}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (role_is(rows[i].pattern, out->tenant, role))
            out->roles |= 1u << rows[i].role;
}

/* A list of texts, or one text with blanks between (as "scope" has it). */
static int take_roles(const struct bb_issuer *issuer, const json_t *claims,
                      struct bb_issuer_person *out, struct bb_error *error) {
    const json_t *claim = bb_web_token_claim(claims, issuer->config.http_oidc_claims_roles), *item;
    struct bb_span text = text_of(claim);
    size_t i;

    json_array_foreach(claim, i, item) take_role(issuer, text_of(item), out);
    while (text.size > 0) {
        size_t size = 0;
        while (size < text.size && text.data[size] != ' ')
            size++;
        take_role(issuer, (struct bb_span){text.data, size}, out);
        size += size < text.size;
        text = (struct bb_span){text.data + size, text.size - size};
    }
    return out->roles ? 0
                      : BB_FAIL(error, BB_E_TOKEN_NOBODY,
                                "the token gives no role that is known here (claim %s)",
                                issuer->config.http_oidc_claims_roles);
}

static int take_names(const struct bb_issuer *issuer, const json_t *claims,
                      struct bb_issuer_person *out, struct bb_error *error) {
    const char *const places[] = {issuer->config.http_oidc_claims_name, "preferred_username",
                                  "sub"};
    struct bb_span name = {NULL, 0}, subject = text_of(json_object_get(claims, "sub"));

    if (bb_span_trim(subject).size == 0)
        return BB_FAIL(error, BB_E_TOKEN_NOBODY, "the token does not say whom it is of (sub)");
    for (size_t i = 0; i < 3 && bb_span_trim(name).size == 0; i++)
        name = text_of(bb_web_token_claim(claims, places[i]));
    put_name(name, out->name, sizeof out->name);
    put_name(subject, out->subject, sizeof out->subject);
    return 0;
}

int bb_issuer_know(struct bb_issuer *issuer, struct bb_span token, int64_t now_ms,
                   struct bb_issuer_person *out, struct bb_error *error) {
    const struct bb_web_token_rules rules = {bb_span_of(issuer->config.http_oidc_issuer),
                                             bb_span_of(issuer->config.http_oidc_audience)};
    json_t *claims = NULL;

    *out = (struct bb_issuer_person){.roles = 0};
    pthread_rwlock_rdlock(&issuer->keys_lock);
    int result = issuer->keys
                     ? bb_web_token_read(token, issuer->keys, &rules, now_ms, &claims, error)
                     : BB_FAIL(error, BB_E_TOKEN_KEY, "the issuer's keys have not been read yet");
    pthread_rwlock_unlock(&issuer->keys_lock);
    if (result == -BB_E_TOKEN_KEY)
        ask_again(issuer);
    if (!result)
        result = take_tenant(issuer, claims, out, error);
    if (!result)
        result = take_roles(issuer, claims, out, error);
    if (!result)
        result = take_names(issuer, claims, out, error);
    json_decref(claims);
    return result;
}
