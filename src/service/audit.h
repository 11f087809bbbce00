/* The audit log: who changed what, when, from where, why, and what came of it.
 *
 *   begin: who, what, why  ── durable ──►  the change  ──►  end: done, failed
 *        entry 17                       log, registry         entry 18 about 17
 *
 * The entry is durable before the change is begun, so no change lacks one; the outcome is another entry. Where the
 * process ended in between, the change may have been made or not: it is told as `unfinished`. What changes the
 * registry alone (API keys) stands in one transaction with its entry.
 *
 * The values stay what the log's records say; this says who asked, also for what was refused or failed. Readings that
 * come as files or posts are no changes of a person's: the ledger of files has them.
 *
 * Entries are a chain: each holds SHA-256 over the one before and over itself, so one that is altered, left out or put in
 * between shows (bb_audit_verify). Who can write the file can make the whole chain anew: an entry's chain value that
 * was noted elsewhere tells that. Subject and reason go into the chain by a salted hash alone, so that an erasure can take
 * them out and the chain still holds:
 *
 *   texts_hash = SHA-256(salt, subject, reason)
 *   chain      = SHA-256(chain before, numbers, tenant ... request, texts_hash)
 *
 * Functions over a registry that is open for writing, of the caller's thread.
 */
#ifndef BB_SERVICE_AUDIT_H
#define BB_SERVICE_AUDIT_H

#include "port/registry.h"

/* Stored ids: append only. */
enum bb_audit_outcome {
    BB_AUDIT_UNFINISHED = 0, /* begun */
    BB_AUDIT_DONE = 1,
    BB_AUDIT_FAILED = 2,
    BB_AUDIT_REFUSED = 3, /* who asked had not the right */
    BB_AUDIT_OUTCOMES
};
const char *bb_audit_outcome_name(int outcome); /* "done"; "unknown" for later ones */

enum { BB_AUDIT_TEXT_MAX = 1000 }; /* bytes of a text; what is longer is cut */

struct bb_audit_act {
    struct bb_span tenant;
    struct bb_span who; /* "Ada Lovelace (oidc 4711)", "key bb_adm_4hJq (ci)", "ada" */
    struct bb_span
        credential;         /* what let them in: "4711", "bb_adm_4hJq", "uid 1000"; may be empty */
    struct bb_span origin;  /* "127.0.0.1", "socket", "command line" */
    struct bb_span verb;    /* "edit" */
    struct bb_span subject; /* of what; no personal data of customers */
    struct bb_span reason;  /* may be empty */
    struct bb_span request; /* X-Request-Id; may be empty */
};

/* Durable when it returns 0: the change may be made. */
int bb_audit_begin(struct bb_registry *registry, const struct bb_audit_act *act, int64_t now_ms,
                   uint64_t *entry, struct bb_error *error) BB_MUST_USE;
/* What came of it: `result` as the change returned it, 0 or more: done. */
int bb_audit_end(struct bb_registry *registry, uint64_t entry, int result, int64_t now_ms,
                 struct bb_error *error) BB_MUST_USE;
/* An act whose outcome is known; with a key that it adds or changes (NULL: none), or neither. */
int bb_audit_note(struct bb_registry *registry, const struct bb_audit_act *act,
                  enum bb_audit_outcome outcome, int code, const struct bb_registry_key *key,
                  int64_t now_ms, struct bb_error *error) BB_MUST_USE;

/* Walks the chain. -BB_E_AUDIT_BROKEN names the first entry that does not fit. */
int bb_audit_verify(struct bb_registry *registry, uint64_t *entries, struct bb_error *error)
    BB_MUST_USE;

/* A question with what is said of entries in words. */
struct bb_audit_question {
    struct bb_registry_audit_question base;
    struct bb_span who, what; /* a part of who or credential; of verb or subject; empty: all */
};
int bb_audit_list(struct bb_registry *registry, const struct bb_audit_question *question,
                  bb_registry_audit_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;

#endif
