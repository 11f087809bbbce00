/* The audit log: see audit.h. */
#include "service/audit.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

enum { HASH_BYTES = 32, SALT_BYTES = 16, TRIES_MAX = 100 };

const char *bb_audit_outcome_name(int outcome) {
    static const char *const names[BB_AUDIT_OUTCOMES] = {"unfinished", "done", "failed", "refused"};

    return outcome >= 0 && outcome < BB_AUDIT_OUTCOMES ? names[outcome] : "unknown";
}

/* ---- hashes: each text with its length before it, so that none runs into the next */

static void add_number(EVP_MD_CTX *hash, uint64_t number) {
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * i) & 0xff);
    BB_ASSERT(EVP_DigestUpdate(hash, bytes, sizeof bytes) == 1);
}

static void add_text(EVP_MD_CTX *hash, struct bb_span text) {
    add_number(hash, text.size);
    BB_ASSERT(text.size == 0 || EVP_DigestUpdate(hash, text.data, text.size) == 1);
}

static EVP_MD_CTX *hash_begin(void) {
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    BB_ASSERT(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1);
    return hash;
}

static void hash_end(EVP_MD_CTX *hash, unsigned char out[HASH_BYTES]) {
    BB_ASSERT(EVP_DigestFinal_ex(hash, out, NULL) == 1);
    EVP_MD_CTX_free(hash);
}

static void hash_texts(const struct bb_registry_audit *row, unsigned char out[HASH_BYTES]) {
    EVP_MD_CTX *hash = hash_begin();

    add_text(hash, row->salt);
    add_text(hash, row->subject);
    add_text(hash, row->reason);
    hash_end(hash, out);
}

static void hash_chain(struct bb_span before, const struct bb_registry_audit *row,
                       unsigned char out[HASH_BYTES]) {
    const uint64_t numbers[] = {row->sequence, row->about, (uint64_t)row->at_ms, row->outcome,
                                row->code};
    const struct bb_span texts[] = {row->tenant, row->who,     row->credential, row->origin,
                                    row->verb,   row->request, row->texts_hash};
    EVP_MD_CTX *hash = hash_begin();

    add_text(hash, before);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_number(hash, numbers[i]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_text(hash, texts[i]);
    hash_end(hash, out);
}

/* ---- putting */

/* Cut between characters; what an entry is told in is plain text of one line. */
static struct bb_span shorten(struct bb_span text) {
    size_t size = text.size < BB_AUDIT_TEXT_MAX ? text.size : BB_AUDIT_TEXT_MAX;

    while (size < text.size && size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    return (struct bb_span){text.data, size};
}

/* Behind the entry that is last now; 1: another one was faster. */
static int try_put(struct bb_registry *registry, struct bb_registry_audit *row,
                   const struct bb_registry_key *key, struct bb_arena *arena,
                   struct bb_error *error) {
    unsigned char texts_hash[HASH_BYTES], chain[HASH_BYTES];
    struct bb_registry_audit last = {.sequence = 0};
    int found = registry->ops->audit_last(registry, arena, &last, error);

    if (found < 0)
        return found;
    row->sequence = last.sequence + 1;
    hash_texts(row, texts_hash);
    row->texts_hash = (struct bb_span){(const char *)texts_hash, sizeof texts_hash};
    hash_chain(last.chain, row, chain);
    row->chain = (struct bb_span){(const char *)chain, sizeof chain};
    return registry->ops->audit_put(registry, row, key, error);
}

static int put(struct bb_registry *registry, struct bb_registry_audit *row,
               const struct bb_registry_key *key, struct bb_error *error) {
    char salt[SALT_BYTES];
    struct bb_arena arena;
    int result = BB_AUDIT_TAKEN;

    if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, errno, "the system gives no randomness");
    row->salt = (struct bb_span){salt, sizeof salt};
    bb_arena_init(&arena, 1 << 12, 1 << 20);
    for (int tries = 0; result == BB_AUDIT_TAKEN && tries < TRIES_MAX; tries++) {
        bb_arena_reset(&arena);
        result = try_put(registry, row, key, &arena, error);
    }
    bb_arena_release(&arena);
    row->salt = row->texts_hash = row->chain = BB_SPAN(""); /* of this function alone */
    return result == BB_AUDIT_TAKEN
               ? BB_FAIL(error, BB_E_REGISTRY_IO, "the audit log is too busy: nothing was changed")
               : result;
}

static struct bb_registry_audit row_of(const struct bb_audit_act *act, int64_t now_ms) {
    return (struct bb_registry_audit){.at_ms = now_ms,
                                      .tenant = shorten(act->tenant),
                                      .who = shorten(act->who),
                                      .credential = shorten(act->credential),
                                      .origin = shorten(act->origin),
                                      .verb = shorten(act->verb),
                                      .subject = shorten(act->subject),
                                      .reason = shorten(act->reason),
                                      .request = shorten(act->request)};
}

int bb_audit_note(struct bb_registry *registry, const struct bb_audit_act *act,
                  enum bb_audit_outcome outcome, int code, const struct bb_registry_key *key,
                  int64_t now_ms, struct bb_error *error) {
    struct bb_registry_audit row = row_of(act, now_ms);

    row.outcome = (uint8_t)outcome;
    row.code = (uint16_t)code;
    return put(registry, &row, key, error);
}

int bb_audit_begin(struct bb_registry *registry, const struct bb_audit_act *act, int64_t now_ms,
                   uint64_t *entry, struct bb_error *error) {
    struct bb_registry_audit row = row_of(act, now_ms);

    row.outcome = BB_AUDIT_UNFINISHED;
    int result = put(registry, &row, NULL, error);
    *entry = row.sequence;
    return result;
}

int bb_audit_end(struct bb_registry *registry, uint64_t entry, int result, int64_t now_ms,
                 struct bb_error *error) {
    struct bb_registry_audit row = {.at_ms = now_ms,
                                    .about = entry,
                                    .outcome = result < 0 ? BB_AUDIT_FAILED : BB_AUDIT_DONE,
                                    .code = result < 0 ? (uint16_t)-result : 0};

    return put(registry, &row, NULL, error);
}

/* ---- reading */

struct verifying {
    char chain[HASH_BYTES];
    bool has_chain;
    uint64_t entries;
    struct bb_error *error;
};

static int verify_row(void *context, const struct bb_registry_audit *row) {
    struct verifying *v = context;
    unsigned char hash[HASH_BYTES];
    struct bb_span before = {v->chain, v->has_chain ? sizeof v->chain : 0};

    hash_chain(before, row, hash);
    bool good = row->sequence == v->entries + 1 &&
                bb_span_equal(row->chain, (struct bb_span){(const char *)hash, sizeof hash});
    if (good && row->salt.size > 0) { /* not erased */
        hash_texts(row, hash);
        good = bb_span_equal(row->texts_hash, (struct bb_span){(const char *)hash, sizeof hash});
    }
    if (!good)
        return BB_FAIL(v->error, BB_E_AUDIT_BROKEN, "entry %llu does not fit the one before it",
                       (unsigned long long)row->sequence);
    memcpy(v->chain, row->chain.data, sizeof v->chain);
    v->has_chain = true;
    v->entries++;
    return 0;
}

int bb_audit_verify(struct bb_registry *registry, uint64_t *entries, struct bb_error *error) {
    struct verifying v = {.error = error};
    int result = registry->ops->audit_walk(registry, 0, verify_row, &v, error);

    *entries = v.entries;
    return result;
}

struct listing {
    const struct bb_audit_question *question;
    bb_registry_audit_visit *visit;
    void *context;
};

static bool has_part(struct bb_span text, struct bb_span part) {
    for (size_t i = 0; i + part.size <= text.size; i++)
        if (bb_span_equal_nocase((struct bb_span){text.data + i, part.size}, part))
            return true;
    return false;
}

static int tell_asked(void *context, const struct bb_registry_audit *row) {
    const struct listing *l = context;
    const struct bb_audit_question *q = l->question;

    if (!has_part(row->who, q->who) && !has_part(row->credential, q->who))
        return 0;
    if (!has_part(row->verb, q->what) && !has_part(row->subject, q->what))
        return 0;
    return l->visit(l->context, row);
}

int bb_audit_list(struct bb_registry *registry, const struct bb_audit_question *question,
                  bb_registry_audit_visit *visit, void *context, struct bb_error *error) {
    struct listing listing = {question, visit, context};

    return registry->ops->audit_list(registry, &question->base, tell_asked, &listing, error);
}
