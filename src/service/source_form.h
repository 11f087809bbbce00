/* How the messages of foreign topics are read, as sources.kafka in the configuration says: their format and map, whose they are;
 * and their decoding, many at a time, into a post (post.h).
 *
 *   messages ─► by tenant ─┬─► all in one stream ─► lines that cannot be used ─┐
 *                          └─► (a stream that ends) each by itself ────────────┴─► dead letters (model/letter.h)
 *
 * One form per thread.
 */
#ifndef BB_SERVICE_SOURCE_FORM_H
#define BB_SERVICE_SOURCE_FORM_H

#include "port/source.h"
#include "service/letter_log.h"
#include "service/post.h"

enum { BB_SOURCE_TENANTS_MAX = 256 };

struct bb_source_form {
    struct bb_map *map; /* NULL: none */
    const struct bb_format_row *format;
    bool is_avro;       /* messages one by one */
    bool is_joined;     /* lines: messages make one stream */
    bool stop_at_array; /* NDJSON: a message may be an array, which is a stream of its own */
    struct bb_schema_registry *registry; /* that the map names; NULL: none. Asked once per schema */
    const char *tenant_header;           /* NULL: all are of `tenants[0]` */
    struct bb_span
        tenants[BB_SOURCE_TENANTS_MAX]; /* of the configuration, which outlives the form */
    uint32_t tenant_count;
};

/* `stop` (may be NULL) becomes true: what is asked of others is given up. */
int bb_source_form_open(struct bb_source_form *form, const struct bb_config *config,
                        atomic_bool *stop, struct bb_error *error) BB_MUST_USE;
void bb_source_form_close(struct bb_source_form *form);

/* A message and whose it is. */
struct bb_source_item {
    const struct bb_source_message *message;
    struct bb_span tenant;  /* data NULL: of nobody this source may speak for */
    struct bb_span headers; /* as bb_letter has them; borrowed */
};

/* What could not be used of a batch. */
struct bb_source_refusal {
    uint32_t item;
    struct bb_error why; /* the first of its lines' */
};

struct bb_source_decoded {
    struct bb_source_refusal *refusals; /* ascending by item, BB_LETTERS_OF_BATCH at most */
    uint32_t count;
    uint64_t more; /* beyond them */
};
void bb_source_decoded_release(struct bb_source_decoded *decoded);

struct bb_source_how {
    struct bb_post_kit *kit;
    struct bb_plant *plant; /* open for reading */
    struct bb_committer *committer;
    struct bb_span
        source; /* for people, and unlike that of other batches: their order is that of received times */
    int64_t issued_ms; /* see bb_post_options; 0: none */
};

/* All of the items into the post. Negative: nothing can be said of the messages (no memory, the log failed, nobody answers for
 * schemas, which is retriable). */
int bb_source_decode(const struct bb_source_form *form, const struct bb_source_how *how,
                     const struct bb_source_item *items, uint32_t count, struct bb_post *post,
                     struct bb_source_decoded *out, struct bb_error *error) BB_MUST_USE;

#endif
