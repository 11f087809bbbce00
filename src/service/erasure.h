/* An erasure: what of a plant is personal data of one customer, and how it is overwritten.
 *
 * Texts are overwritten with as many bytes ("erased----"), so that no record gets another length and no offset moves. Readings,
 * usage points, devices and times stay: the usage point is the pseudonym.
 *
 *   a version of a usage point's master data    customer, tags (but those that are kept), reasons of installations
 *     that names the customer
 *   ... of a usage point that never named        the same, also of versions that name nobody
 *     another customer
 *   ... that names nobody, of a shared one       tags with a value that goes in one of the customer's versions
 *   what people told about its readings          the reason, of what was told while it was the customer's
 *   any other text of the tenant's master data,  words: the customer's name and those of `words`, where they
 *     sources, names of files, the audit log       stand alone (neither letter nor digit beside them)
 *   keys and answers of posts                    words wherever they stand
 *   groups                                       words in their descriptions and in what their expressions compare as
 *                                                texts; who else is asked for is told, not removed: see below
 *   rules                                        words in who deployed a version, and why; a module or parameters that
 *                                                hold one are told, not changed, as they run
 *
 * Pure but for reading the registry. One thread.
 */
#ifndef BB_SERVICE_ERASURE_H
#define BB_SERVICE_ERASURE_H

#include "model/outbox.h"
#include "port/log.h"
#include "port/registry.h"

enum { BB_ERASURE_LIST_MAX = 32, BB_ERASURE_WORD_MIN = 4 };

struct bb_erasure_request {
    struct bb_span tenant, customer;
    struct bb_span words[BB_ERASURE_LIST_MAX]; /* besides the customer's name */
    struct bb_span kept[BB_ERASURE_LIST_MAX];  /* keys of tags that stay */
    size_t word_count, kept_count;
};

struct bb_erasure;

/* Who it is about, as the registry knows now. Borrows the request's texts. -BB_E_CUSTOMER_UNKNOWN. */
int bb_erasure_new(const struct bb_erasure_request *request, struct bb_registry *registry,
                   struct bb_erasure **out, struct bb_error *error) BB_MUST_USE;
void bb_erasure_free(struct bb_erasure *erasure);

/* What it is about, for people: usage points, with `shared` where another customer was named, too; each key of
 * a tag that goes and that stays. */
size_t bb_erasure_subjects(const struct bb_erasure *erasure);
struct bb_span bb_erasure_subject(const struct bb_erasure *erasure, size_t index, bool *shared);
size_t bb_erasure_tags(const struct bb_erasure *erasure);
struct bb_span bb_erasure_tag(const struct bb_erasure *erasure, size_t index, bool *kept);

/* What of others' has to do with them, for people: groups and rules whose texts go; and (`stays`) groups whose expression
 * asks for a usage point of theirs or for the value of a tag that goes, which may be many others' too (district = north),
 * rules whose module or parameters hold one of the words. */
struct bb_erasure_met {
    enum bb_master_kind kind; /* BB_MASTER_GROUP, BB_MASTER_RULES */
    struct bb_span name;      /* empty where it holds one of the words: it is a key, and stays */
    bool goes, stays;
};
size_t bb_erasure_met_count(const struct bb_erasure *erasure);
struct bb_erasure_met bb_erasure_met(const struct bb_erasure *erasure, size_t index);

/* Does the text hold one of the words? */
bool bb_erasure_knows(const struct bb_erasure *erasure, struct bb_span text);

/* Overwrite in place: 1 when anything was changed, 0 when not, or a negative error. */
int bb_erasure_of_master(struct bb_erasure *erasure, char *body, size_t size,
                         struct bb_error *error) BB_MUST_USE;
int bb_erasure_of_record(struct bb_erasure *erasure, const struct bb_log_record *record, char *body,
                         struct bb_error *error) BB_MUST_USE;
int bb_erasure_of_outbox(struct bb_erasure *erasure, char *bytes, size_t size,
                         struct bb_error *error) BB_MUST_USE;
/* A source of what was received then, about that usage point. */
bool bb_erasure_of_source(struct bb_erasure *erasure, struct bb_span tenant,
                          struct bb_span usage_point, int64_t received_ms, char *text, size_t size);
/* A source of which only the time is known: after all records of the log were met. */
bool bb_erasure_of_source_at(struct bb_erasure *erasure, int64_t received_ms, char *text,
                             size_t size);
/* 0: the entry of the audit log stays, 1: its reason goes, 2: its subject, too. After the sources of exceptions
 * were met, which tell whose exceptions are. */
int bb_erasure_of_audit(struct bb_erasure *erasure, const struct bb_registry_audit *row);
/* An exception of the customer's was met. */
int bb_erasure_note_exception(struct bb_erasure *erasure, int64_t id, struct bb_error *error)
    BB_MUST_USE;
bool bb_erasure_is_theirs(const struct bb_erasure *erasure, struct bb_span tenant,
                          struct bb_span usage_point, int64_t recorded_ms);

#endif
